use super::*;

fn roster(text: &str) -> Roster {
    Roster::parse(&Source::new("list.json", text)).expect("a list")
}

fn refusal(text: &str) -> Error {
    Roster::parse(&Source::new("list.json", text)).expect_err("no list")
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a network")
}

const ADMIN: &str = r#"{"devices": [
  {"id": "42", "nodeId": "nA1CNTRL", "name": "attic.otter-lynx.ts.net", "hostname": "attic", "user": "ann@example.org",
   "addresses": ["100.64.3.1", "fd7a:115c:a1e0::301"], "tags": ["tag:store"], "os": "linux",
   "clientVersion": "1.102.3-tdeadbeef", "advertisedRoutes": ["10.7.0.0/24", "0.0.0.0/0"], "enabledRoutes": ["10.7.0.0/24"],
   "isExternal": false, "blocksIncomingConnections": true, "sshEnabled": true, "keyExpiryDisabled": true,
   "expires": "2027-05-06T07:08:09Z", "connectedToControl": true, "clientConnectivity": {"derp": "x"},
   "attributes": {"custom:managed": true, "custom:score": 7, "node:tsVersion": "1.2.3"}},
  {"id": "43", "hostname": "slate", "user": "ben@example.org", "addresses": ["100.64.3.2"], "os": "macOS",
   "clientVersion": "1.98.0", "keyExpiryDisabled": false, "expires": "2027-05-06T07:08:09Z", "tags": null},
  {}
]}"#;

#[test]
fn tailscales_api_lists_devices_with_all_that_decides() {
    let roster = roster(ADMIN);
    assert!(roster.is_whole());
    let [attic, slate, nothing] = roster.devices() else {
        panic!("three devices");
    };
    assert_eq!(attic.id(), Some("nA1CNTRL"));
    assert_eq!(attic.dns_name(), Some("attic.otter-lynx.ts.net"));
    assert_eq!((attic.user(), attic.owner()), (Some("ann@example.org"), None));
    assert_eq!(attic.addresses().len(), 2);
    assert_eq!(attic.advertised(), [net("10.7.0.0/24"), net("0.0.0.0/0")]);
    assert_eq!(attic.approved(), [net("10.7.0.0/24")]);
    assert_eq!(attic.primary(), None);
    assert!(attic.is_shields_up() && !attic.is_external());
    assert_eq!((attic.ssh(), attic.is_online()), (Some(true), Some(true)));
    assert_eq!(attic.key_expiry(), None, "its expiry is switched off");
    assert_eq!(attic.attribute("custom:managed"), Some(Attribute::Bool(true)));
    assert_eq!(attic.attribute("custom:score"), Some(Attribute::Number(7.0)));
    assert_eq!(
        attic.attribute("node:tsVersion"),
        Some(Attribute::Text("1.2.3".into())),
        "what was given wins"
    );
    assert_eq!(attic.attribute("node:os"), Some(Attribute::Text("linux".into())));

    assert_eq!(slate.owner(), Some("ben@example.org"));
    assert_eq!(slate.attribute("node:os"), Some(Attribute::Text("macos".into())));
    assert_eq!(
        slate.attribute("node:tsVersion"),
        Some(Attribute::Text("1.98.0".into()))
    );
    assert_eq!(slate.attribute("custom:managed"), None);
    assert_eq!(
        slate.key_expiry(),
        Some("2027-05-06T07:08:09Z".parse().expect("a time"))
    );
    assert_eq!(nothing, &Device::new(""));
}

#[test]
fn tailscales_api_lists_people_with_their_roles() {
    let roster = roster(
        r#"{"users": [
            {"id": "1", "loginName": "ann@example.org", "role": "owner", "type": "member", "status": "active"},
            {"id": "2", "loginName": "ben@example.org", "role": "it-admin", "type": "member"},
            {"id": "3", "loginName": "guest@example.net", "role": "member", "type": "shared"},
            {"id": "4", "loginName": "new@example.org", "role": "a-role-of-tomorrow"},
            {"id": "5"}]}"#,
    );
    let seen: Vec<_> = roster
        .users()
        .iter()
        .map(|user| (user.login(), user.role(), user.is_external()))
        .collect();
    assert_eq!(
        seen,
        [
            ("ann@example.org", Some(Role::Owner), false),
            ("ben@example.org", Some(Role::ItAdmin), false),
            ("guest@example.net", Some(Role::Member), true),
            ("new@example.org", None, false),
        ]
    );
}

#[test]
fn headscale_lists_devices_of_old_and_new_versions() {
    let roster = roster(
        r#"{"nodes": [
            {"id": "7", "machineKey": "mkey:0", "ipAddresses": ["100.64.0.7", "fd7a:115c:a1e0::7"], "name": "attic-raw",
             "givenName": "attic", "user": {"id": "1", "name": "ann", "email": "", "createdAt": "2026-01-01T00:00:00Z"},
             "expiry": "0001-01-01T00:00:00Z", "forcedTags": ["tag:store"], "validTags": ["tag:media", "tag:store"],
             "invalidTags": ["tag:wish"], "online": true, "availableRoutes": ["10.7.0.0/24", "10.8.0.0/24"],
             "approvedRoutes": ["10.7.0.0/24"], "subnetRoutes": ["10.7.0.0/24"], "registerMethod": "REGISTER_METHOD_OIDC"},
            {"id": 8, "ipAddresses": ["100.64.0.8"], "name": "slate", "user": {"name": "ben", "email": "ben@example.org"},
             "expiry": null, "tags": [], "online": false}]}"#,
    );
    let [attic, slate] = roster.devices() else {
        panic!("two devices");
    };
    assert_eq!((attic.id(), attic.name()), (Some("7"), "attic"));
    assert_eq!(
        attic.tags(),
        ["tag:store", "tag:media"],
        "a tag that is refused is none"
    );
    assert_eq!(attic.user(), Some("ann@"));
    assert_eq!(attic.advertised().len(), 2);
    assert_eq!(attic.approved(), [net("10.7.0.0/24")]);
    assert_eq!(attic.primary(), Some(&[net("10.7.0.0/24")][..]));
    assert_eq!(attic.key_expiry(), None);
    assert_eq!(
        (slate.id(), slate.name(), slate.owner()),
        (Some("8"), "slate", Some("ben@example.org"))
    );
    assert_eq!((slate.is_online(), slate.primary()), (Some(false), None));
}

#[test]
fn headscale_lists_people_by_the_login_that_its_policies_write() {
    let roster = roster(
        r#"{"users": [{"id": "1", "name": "ann"}, {"id": "2", "name": "ben", "email": "ben@example.org"}]}"#,
    );
    let logins: Vec<&str> = roster.users().iter().map(User::login).collect();
    assert_eq!(logins, ["ann@", "ben@example.org"]);
}

#[test]
fn a_daemons_status_lists_what_its_device_sees() {
    let roster = roster(
        r#"{"Version": "1.102.3", "BackendState": "Running",
        "Self": {"ID": "n1", "HostName": "slate", "DNSName": "slate.otter-lynx.ts.net.", "OS": "linux", "UserID": 11,
                 "TailscaleIPs": ["100.64.0.1", "fd7a:115c:a1e0::1"], "AllowedIPs": ["100.64.0.1/32", "fd7a:115c:a1e0::1/128"],
                 "Online": true, "KeyExpiry": "2027-05-06T07:08:09Z"},
        "Peer": {"nodekey:aa": {"ID": "n2", "HostName": "attic", "UserID": 99, "Tags": ["tag:store"],
                 "TailscaleIPs": ["100.64.0.2"], "AllowedIPs": ["100.64.0.2/32", "10.7.0.0/24"],
                 "PrimaryRoutes": ["10.7.0.0/24"], "ExitNodeOption": true},
                 "nodekey:bb": {"ID": "n3", "HostName": "lent", "UserID": 12, "AltSharerUserID": 13, "TailscaleIPs": null}},
        "User": {"11": {"ID": 11, "LoginName": "ann@example.org"}, "12": {"LoginName": "ben@example.net"},
                 "99": {"LoginName": "tagged-devices"}}}"#,
    );
    assert!(
        !roster.is_whole(),
        "others may be there that this device cannot see"
    );
    let [slate, attic, lent] = roster.devices() else {
        panic!("three devices");
    };
    assert_eq!(
        (slate.owner(), slate.dns_name()),
        (Some("ann@example.org"), Some("slate.otter-lynx.ts.net"))
    );
    assert_eq!(slate.approved(), [], "its own addresses are no routes");
    assert_eq!((attic.user(), attic.owner()), (None, None));
    assert_eq!(
        attic.approved(),
        [net("10.7.0.0/24"), net("0.0.0.0/0"), net("::/0")]
    );
    assert_eq!(attic.primary(), Some(&[net("10.7.0.0/24")][..]));
    assert!(lent.is_external());
    let logins: Vec<&str> = roster.users().iter().map(User::login).collect();
    assert_eq!(logins, ["ann@example.org", "ben@example.net"]);
}

#[test]
fn a_refusal_names_file_line_and_value() {
    let error =
        refusal("{\"devices\": [\n  {\"hostname\": \"attic\",\n   \"addresses\": [\"100.64.0.999\"]}]}");
    assert_eq!(
        error.to_string().split(": ").collect::<Vec<_>>(),
        ["read a list of devices", "`100.64.0.999` is not an address"]
    );
    assert_eq!(error.place().map(Span::line), Some(3));
    for (text, expected) in [
        (
            r#"{"nodes": [{"approvedRoutes": ["10.0.0.0"]}]}"#,
            "`10.0.0.0` is not a network",
        ),
        (r#"{"devices": [{"expires": "soon"}]}"#, "`soon` is not a time"),
        (r#"{"devices": [{"hostname": 3}]}"#, "invalid type"),
        (r#"{"devices": ["#, "EOF"),
    ] {
        let error = refusal(text);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    let error = refusal("{}");
    assert!(error.hint().is_some_and(|hint| hint.contains("/api/v1/node")));
}

#[test]
fn lists_are_joined_and_one_that_is_not_whole_makes_the_rest_so() {
    let people = Roster::new([], [User::new("ann@example.org").with_role(Role::Owner)]);
    let devices = roster(ADMIN);
    let both = devices.clone().with(people.clone());
    assert_eq!(
        (both.devices().len(), both.users().len(), both.is_whole()),
        (3, 1, true)
    );
    let seen = roster(r#"{"Self": {"HostName": "slate"}}"#);
    assert!(!seen.clone().with(people.clone()).is_whole());
    assert!(!people.with(seen.clone()).is_whole());
    assert!(!devices.with(seen).is_whole());
}

#[test]
fn debug_shows_nothing_private() {
    let all = format!(
        "{:?} {:?} {:?}",
        roster(ADMIN),
        roster(ADMIN).devices(),
        User::new("ann@example.org")
    );
    for private in ["attic", "ann", "100.64", "10.7"] {
        assert!(!all.contains(private), "{all}");
    }
}
