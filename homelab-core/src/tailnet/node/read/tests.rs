use super::*;

fn source(text: &str) -> Source {
    Source::new("answer.json", text)
}

#[test]
fn a_status_has_the_device_itself_and_those_that_it_sees() {
    let text = r#"{"Version": "1.102.3-t1", "BackendState": "Running", "MagicDNSSuffix": "old.ts.net",
        "CurrentTailnet": {"Name": "example.org", "MagicDNSSuffix": "otter-lynx.ts.net"},
        "Peer": {"nodekey:aa": {"HostName": "attic", "TailscaleIPs": ["100.64.0.2"]}},
        "Self": {"HostName": "slate", "TailscaleIPs": ["100.64.0.1"], "UserID": 5},
        "User": {"5": {"LoginName": "ann@example.org"}}, "SomethingNew": {"x": [1]}}"#;
    let status = Status::parse(&source(text)).expect("a status");
    assert!(status.is_running());
    assert_eq!(
        (status.tailnet(), status.suffix()),
        (Some("example.org"), Some("otter-lynx.ts.net"))
    );
    assert_eq!(status.version(), Some("1.102.3-t1"));
    let own = status.own().expect("itself");
    assert_eq!((own.name(), own.owner()), ("slate", Some("ann@example.org")));
    assert_eq!(status.roster().devices().len(), 2);
    assert!(!status.roster().is_whole());
}

#[test]
fn a_device_that_is_not_logged_in_has_a_status_too() {
    let status = Status::parse(&source(
        r#"{"BackendState": "NeedsLogin", "Self": {"HostName": "slate", "TailscaleIPs": null}, "Peer": null, "CurrentTailnet": null}"#,
    ));
    let status = status.expect("a status");
    assert_eq!((status.state(), status.is_running()), ("NeedsLogin", false));
    assert_eq!(status.own().map(|own| own.addresses().len()), Some(0));
}

#[test]
fn whois_tells_the_person_the_device_and_what_the_policy_grants() {
    let text = r#"{"Node": {"ID": 3, "StableID": "n3", "Name": "slate.otter-lynx.ts.net.", "Addresses": ["100.64.0.1/32"],
        "AllowedIPs": ["100.64.0.1/32", "10.7.0.0/24"], "Hostinfo": {"Hostname": "Slate", "OS": "iOS"}, "KeyExpiry": "0001-01-01T00:00:00Z"},
        "UserProfile": {"ID": 5, "LoginName": "ann@example.org", "DisplayName": "Ann"},
        "CapMap": {"example.org/cap/door": [{"open": true}], "example.org/cap/window": null}}"#;
    let who = WhoIs::parse(&source(text)).expect("an answer");
    assert_eq!((who.login(), who.name()), (Some("ann@example.org"), Some("Ann")));
    assert_eq!(
        (who.device().name(), who.device().owner()),
        ("Slate", Some("ann@example.org"))
    );
    assert_eq!(
        who.device().approved(),
        ["10.7.0.0/24".parse::<IpNet>().expect("a network")]
    );
    assert_eq!(who.capabilities().len(), 2);
    assert_eq!(who.capabilities()["example.org/cap/door"][0]["open"], true);

    let tagged = r#"{"Node": {"Name": "attic.", "Tags": ["tag:store"]}, "UserProfile": {"LoginName": "tagged-devices", "DisplayName": "Tagged Devices"}}"#;
    let who = WhoIs::parse(&source(tagged)).expect("an answer");
    assert_eq!(
        (who.login(), who.name(), who.device().name()),
        (None, None, "attic")
    );
}

#[test]
fn settings_are_known_only_where_they_are_said() {
    let text = r#"{"ControlURL": "https://control.example.org", "RouteAll": true, "ShieldsUp": false, "RunSSH": true,
        "WantRunning": true, "AdvertiseRoutes": ["10.7.0.0/24"], "AdvertiseServices": ["svc:photos"], "Config": {"UserProfile": {}}}"#;
    let settings = Preferences::parse(&source(text)).expect("settings");
    assert_eq!(
        (settings.shields_up(), settings.accepts_routes(), settings.ssh()),
        (Some(false), Some(true), Some(true))
    );
    assert_eq!(settings.advertised().len(), 1);
    assert_eq!(settings.services(), ["svc:photos"]);
    assert_eq!(
        Preferences::parse(&source("{}")).expect("settings"),
        Preferences::default()
    );
}

fn served(text: &str) -> Vec<(u16, String, ServeTarget, bool)> {
    let config = ServeConfig::parse(&source(text)).expect("a configuration");
    config
        .entries()
        .iter()
        .map(|one| {
            (
                one.port(),
                one.path().unwrap_or("-").to_owned(),
                one.target().clone(),
                one.is_funnel(),
            )
        })
        .collect()
}

#[test]
fn funnel_opens_every_path_of_its_port_and_no_other_port() {
    let text = r#"{"TCP": {"443": {"HTTPS": true}, "8443": {"HTTPS": true}, "5432": {"TCPForward": "127.0.0.1:5432"}},
        "Web": {"slate.ts.net:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:3000"}, "/files": {"Path": "/srv"}}},
                "slate.ts.net:8443": {"Handlers": {"/": {"Text": "hello"}, "/new": {"Teleport": "x"}, "/to": {"Redirect": "https://example.org"}}}},
        "AllowFunnel": {"slate.ts.net:443": true, "slate.ts.net:8443": false}}"#;
    assert_eq!(
        served(text),
        [
            (
                443,
                "/".into(),
                ServeTarget::Proxy("http://127.0.0.1:3000".into()),
                true
            ),
            (443, "/files".into(), ServeTarget::Files("/srv".into()), true),
            (
                5432,
                "-".into(),
                ServeTarget::Forward("127.0.0.1:5432".into()),
                false
            ),
            (8443, "/".into(), ServeTarget::Text, false),
            (8443, "/new".into(), ServeTarget::Unknown, false),
            (
                8443,
                "/to".into(),
                ServeTarget::Redirect("https://example.org".into()),
                false
            ),
        ]
    );
}

#[test]
fn what_is_served_in_the_foreground_and_by_services_counts() {
    let text = r#"{"Foreground": {"session": {"TCP": {"10000": {"TCPForward": "127.0.0.1:22", "TerminateTLS": "slate.ts.net"}},
        "AllowFunnel": {"slate.ts.net:10000": true}}},
        "Services": {"svc:photos": {"Web": {"photos.ts.net:443": {"Handlers": {"/": {"Proxy": "2283"}}}}}}}"#;
    let config = ServeConfig::parse(&source(text)).expect("a configuration");
    let [photos, shell] = config.entries() else {
        panic!("two: {:?}", config.entries());
    };
    assert_eq!(
        (photos.service(), photos.host()),
        (Some("svc:photos"), Some("photos.ts.net"))
    );
    assert!(shell.is_funnel() && shell.host() == Some("slate.ts.net") && shell.service().is_none());
    for nothing in ["null", "{}", r#"{"TCP": null, "Web": {"x:1": null}}"#] {
        assert_eq!(served(nothing), [], "{nothing}");
    }
}

#[test]
fn a_refusal_names_the_line() {
    let error = ServeConfig::parse(&source("{\n\"TCP\": 3}")).expect_err("no configuration");
    assert!(
        error.to_string().contains("read what a tailnet device serves"),
        "{error}"
    );
    let error = Preferences::parse(&source("{\n\"RouteAll\": 3}")).expect_err("no settings");
    assert_eq!(error.place().map(crate::Span::line), Some(2));
}
