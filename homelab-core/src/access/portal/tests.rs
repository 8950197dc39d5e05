//! Portals of two people over a lab of our own, their reasons, and the tests that a lab has of them.

mod expectations;
mod lists;
mod routes;

use jiff::Timestamp;

use super::Whom;
use crate::error::ErrorKind;
use crate::lab::Lab;
use crate::observed::Observed;
use crate::view::{PortalServiceView, PortalView, Reach};

const INSTANCE: &str = "[hosts.nas]\naddresses = ['192.0.2.10', '100.64.0.10']\npublic_addresses = []\nforwards = []\n\
    [projects.photos]\nhosts = ['nas']\n[projects.watch]\nhosts = ['nas']\n[projects.wiki]\nhosts = ['nas']\n\
    [people.ann]\nlogin = 'ann@example.org'\n[people.ben]\nlogin = 'ben@example.org'\n[people.eve]\nlogin = 'eve@example.org'\n\
    [tailnet]\nsuffix = 'tail1234.ts.net'\n\
    [[tailnet.devices]]\nname = 'laptop'\naddresses = ['100.64.0.1']\nuser = 'ann@example.org'\n\
    [[tailnet.devices]]\nname = 'phone'\naddresses = ['100.64.0.2']\nuser = 'ben@example.org'\n\
    [[tailnet.devices]]\nname = 'album'\naddresses = ['100.64.0.20']\ntags = ['tag:album']\n\
    [[tailnet.devices]]\nname = 'nas'\naddresses = ['100.64.0.10']\ntags = ['tag:nas']\n";

const POLICY: &str = r#"{
  "tagOwners": {"tag:nas": ["autogroup:admin"], "tag:album": ["autogroup:admin"]},
  "groups": {"group:family": ["ann@example.org", "ben@example.org"]},
  "acls": [{"action": "accept", "src": ["ann@example.org"], "dst": ["tag:nas:3000"]}],
  "grants": [{"src": ["group:family"], "dst": ["tag:album"], "ip": ["tcp:443"]}],
}"#;

const PHOTOS: &str = "services:\n  server: { image: ghcr.io/immich-app/immich-server, network_mode: 'service:tail' }\n  \
    database: { image: 'postgres:17' }\n  tail:\n    image: tailscale/tailscale\n    \
    environment: { TS_HOSTNAME: album, TS_SERVE_CONFIG: /serve.json }\n    configs: [serve]\nconfigs:\n  serve:\n    \
    content: '{\"TCP\": {\"443\": {\"HTTPS\": true}}, \"Web\": {\"album:443\": {\"Handlers\": {\"/\": {\"Proxy\": \"http://127.0.0.1:2283\"}}}}}'\n";
const WATCH: &str =
    "services: { grafana: { image: 'grafana/grafana:12', ports: ['100.64.0.10:3000:3000'] } }";
const WIKI: &str = "services: { pages: { image: 'example.org/pages:1', ports: ['192.0.2.10:8080:80'] } }";

fn lab(more: &str) -> Lab {
    lab_of(&format!("{INSTANCE}{more}"), POLICY)
}

fn lab_of(instance: &str, policy: &str) -> Lab {
    Lab::from_texts(
        "home",
        [
            ("instance.toml", instance),
            ("policy.hujson", policy),
            ("photos/compose.yaml", PHOTOS),
            ("watch/compose.yaml", WATCH),
            ("wiki/compose.yaml", WIKI),
        ],
    )
}

fn nothing_seen() -> Observed {
    Observed::none(Timestamp::UNIX_EPOCH)
}

fn portal(lab: &Lab, who: &str) -> PortalView {
    lab.portal(who, &nothing_seen()).expect("a portal")
}

/// `NAME CATEGORY ZONE URL` of each service.
fn lines(portal: &PortalView) -> Vec<String> {
    let line = |one: &PortalServiceView| {
        let url = one.url.as_deref().unwrap_or("-");
        format!("{} {} {} {url}", one.name, one.category, one.by)
    };
    portal.services.iter().map(line).collect()
}

#[test]
fn two_people_see_what_each_of_them_may_reach() {
    let lab = lab("");
    assert_eq!(
        lines(&portal(&lab, "ann")),
        [
            "Grafana monitoring tailnet http://nas.tail1234.ts.net:3000/",
            "Immich photos tailnet https://album.tail1234.ts.net/",
            "wiki other lan http://192.0.2.10:8080/",
        ]
    );
    assert_eq!(
        lines(&portal(&lab, "ben@example.org")),
        [
            "Immich photos tailnet https://album.tail1234.ts.net/",
            "wiki other lan http://192.0.2.10:8080/",
        ]
    );
    let ben = portal(&lab, "ben");
    assert_eq!(
        (ben.who.as_str(), ben.name.as_deref()),
        ("ben@example.org", Some("ben"))
    );
    assert_eq!(ben.devices, ["phone"]);
    let text = ben.to_string();
    assert!(
        text.contains("photos\n  Immich  https://album.tail1234.ts.net/\n"),
        "{text}"
    );
    assert!(text.contains("(on the local network only)"), "{text}");
}

#[test]
fn whoever_is_not_known_has_no_portal() {
    let lab = lab("");
    let nobody = lab
        .portal("carl@example.org", &nothing_seen())
        .expect_err("nobody");
    assert_eq!(nobody.kind(), ErrorKind::NotFound);
    let eve = portal(&lab, "eve");
    assert!(eve.devices.is_empty());
    assert!(
        eve.services.iter().all(|one| one.by == Reach::Lan),
        "{:?}",
        lines(&eve)
    );
    let bare = Lab::from_texts("home", [("a/compose.yaml", "services: { one: { image: x } }")]);
    assert!(bare.portal("ann", &nothing_seen()).is_err(), "there is no policy");
}

#[test]
fn a_login_is_nobody_elses_person_and_no_device() {
    // Headscale's users have names only. `ann` is a device of ben here, and the name that the file gives to ben.
    let instance = INSTANCE
        .replace("[people.ann]\nlogin = 'ann@example.org'\n[people.ben]\nlogin = 'ben@example.org'\n[people.eve]\nlogin = 'eve@example.org'\n",
            "[people.ann]\nlogin = 'ben'\n[people.other]\nlogin = 'ann'\n[people.nas]\n")
        .replace("user = 'ann@example.org'", "user = 'ann'")
        .replace("user = 'ben@example.org'", "user = 'ben'")
        .replace("name = 'phone'", "name = 'ann'");
    let policy = POLICY
        .replace("ann@example.org", "ann@")
        .replace("ben@example.org", "ben@");
    let lab = lab_of(&instance, &policy);
    let of = |whom| lab.portal_of(whom, &nothing_seen()).expect("a portal");
    let ann = of(Whom::Login("Ann"));
    assert_eq!((ann.who.as_str(), ann.name.as_deref()), ("Ann", Some("other")));
    assert_eq!(ann.devices, ["laptop"]);
    assert!(lines(&ann)[0].starts_with("Grafana"), "{:?}", lines(&ann));
    assert_eq!(of(Whom::Login("ben")).devices, ["ann"]);
    assert_eq!(
        of(Whom::Named("ann")).devices,
        ["ann"],
        "ben, as the file calls him"
    );
    let screen = of(Whom::Device("100.64.0.20".parse().expect("an address")));
    assert_eq!(screen.devices, ["album"]);
    for whom in [
        Whom::Login("nas"),
        Whom::Login("laptop"),
        Whom::Login("tag:nas"),
        Whom::Login("group:family"),
        Whom::Login("100.64.0.1"),
        Whom::Login("autogroup:member"),
        Whom::Login("*"),
        Whom::Device("100.64.0.99".parse().expect("an address")),
    ] {
        let nobody = lab.portal_of(whom, &nothing_seen()).expect_err("nobody");
        assert_eq!(nobody.kind(), ErrorKind::NotFound, "{whom:?}");
    }
    // A person without a login is not the device that has the name.
    let error = lab.portal("nas", &nothing_seen()).expect_err("no login");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.place().is_some() && error.hint().is_some_and(|hint| hint.contains("[people.nas]")),
        "{error}"
    );
    let why = lab
        .explain_to(Whom::Login("ann"), "grafana", &nothing_seen())
        .expect("a reason");
    assert_eq!(
        (why.allowed, why.devices.as_slice()),
        (Some(true), &["laptop".into()][..])
    );
    assert!(
        why.ways[0].explanations[0].allowed == Some(true),
        "asked for the same devices: {why}"
    );
}

#[test]
fn a_reason_names_the_rule_and_what_comes_near() {
    let lab = lab("");
    let explain = |who: &str, service: &str| lab.explain(who, service, &nothing_seen()).expect("a reason");
    let why = explain("ann", "grafana");
    assert_eq!((why.allowed, why.by), (Some(true), Some(Reach::Tailnet)));
    let rule = &why.ways[0].explanations[0].rules[0];
    assert_eq!(
        rule.place.as_ref().map(|place| (place.file.as_str(), place.line)),
        Some(("policy.hujson", 4))
    );
    let why_not = explain("ben", "grafana");
    assert_eq!(
        (why_not.allowed, why_not.by, why_not.ways[0].allowed),
        (Some(false), None, Some(false))
    );
    let text = why_not.to_string();
    assert!(
        text.contains("no rule of the tailnet's policy lets them in"),
        "{text}"
    );
    let home = explain("eve", "wiki");
    assert_eq!((home.allowed, home.by), (Some(true), Some(Reach::Lan)));
    assert!(home.ways[0].reason.contains("nobody asks who they are"));
    let inside = explain("ann", "photos/database");
    assert_eq!(
        (inside.allowed, inside.ways[0].allowed),
        (Some(false), Some(false))
    );
}

#[test]
fn what_is_said_of_many_ports_is_said_once() {
    let watch = WATCH.replace("'100.64.0.10:3000:3000'", "'100.64.0.10:3001-3004:3001-3004'");
    let lab = Lab::from_texts(
        "home",
        [
            ("instance.toml", INSTANCE),
            ("policy.hujson", POLICY),
            ("watch/compose.yaml", &watch),
        ],
    );
    let why = lab.explain("ann", "grafana", &nothing_seen()).expect("a reason");
    assert_eq!(why.ways[0].explanations.len(), 1, "a range is one question");
    let text = why.to_string();
    assert_eq!(text.matches("other ports of it: 3000").count(), 1, "{text}");
    assert!(
        text.contains("cannot reach 100.64.0.10:3001-3004/tcp\n"),
        "{text}"
    );
}

#[test]
fn a_posture_that_is_not_known_is_perhaps() {
    let policy = POLICY
        .replace(
            "\"tagOwners\"",
            "\"postures\": {\"posture:new\": [\"node:os == 'ios'\"]}, \"tagOwners\"",
        )
        .replace(
            "\"src\": [\"group:family\"]",
            "\"src\": [\"group:family\"], \"srcPosture\": [\"posture:new\"]",
        );
    let lab = lab_of(
        &format!(
            "{INSTANCE}[[access.tests]]\nwho = 'ben'\nsees = ['photos']\n[[access.tests]]\nwho = 'ben'\nnot = ['photos']\n"
        ),
        &policy,
    );
    let ben = portal(&lab, "ben");
    assert!(!ben.services[0].sure, "{:?}", lines(&ben));
    assert!(
        ben.services[0].ways[0].conditions[0].contains("posture"),
        "{:?}",
        ben.services[0].ways
    );
    assert_eq!(failures(&lab).len(), 2, "neither can be told");
}

#[test]
fn a_key_that_expired_opens_nothing() {
    let lab = lab("");
    let text = r#"{"BackendState": "Running", "Self": {"HostName": "nas", "TailscaleIPs": ["100.64.0.10"], "Tags": ["tag:nas"]},
        "Peer": {"k": {"HostName": "laptop2", "TailscaleIPs": ["100.64.0.3"], "UserID": 1, "KeyExpiry": "2026-01-01T00:00:00Z"}},
        "User": {"1": {"LoginName": "dan@example.org"}}}"#;
    let status =
        crate::tailnet::Status::parse(&crate::span::Source::new("status.json", text)).expect("a status");
    let policy = POLICY.replace("\"ann@example.org\"]", "\"dan@example.org\"]");
    let lab2 = lab_of(INSTANCE, &policy);
    let seen = |at: &str| {
        Observed::none(at.parse().expect("a moment")).with_tailnet(crate::tailnet::Node::new(status.clone()))
    };
    let at = |lab: &Lab, at: &str| {
        let portal = lab.portal("dan@example.org", &seen(at)).expect("a portal");
        portal
            .services
            .iter()
            .filter(|one| one.by == Reach::Tailnet && one.sure)
            .count()
    };
    assert_eq!(at(&lab2, "2025-12-01T00:00:00Z"), 1);
    assert_eq!(at(&lab2, "2026-02-01T00:00:00Z"), 0);
    assert_eq!(at(&lab, "2025-12-01T00:00:00Z"), 0, "no rule is about them");
}

#[test]
fn a_name_of_a_proxy_is_the_address() {
    let lab = Lab::from_texts(
        "home",
        [
            ("instance.toml", INSTANCE),
            ("policy.hujson", &POLICY.replace("tag:nas:3000", "tag:nas:443")),
            (
                "photos/compose.yaml",
                "services:\n  \
                proxy: { image: 'traefik:3', command: ['--providers.docker', '--entrypoints.web.address=:443'], ports: ['100.64.0.10:443:443'] }\n  \
                server: { image: photos, labels: { 'traefik.enable': 'true', 'traefik.http.routers.p.rule': 'Host(`photos.example.org`)' } }",
            ),
        ],
    );
    let ann = portal(&lab, "ann");
    let server = ann.services.iter().find(|one| one.service.ends_with("/server"));
    assert_eq!(
        server.and_then(|one| one.url.as_deref()),
        Some("https://photos.example.org/")
    );
    assert!(
        portal(&lab, "ben").services.is_empty(),
        "the proxy's port is not theirs"
    );
}

/// `MESSAGE @LINE` of each failure.
fn failures(lab: &Lab) -> Vec<String> {
    let report = lab.audit(&nothing_seen());
    let failed = report
        .findings()
        .iter()
        .filter(|one| one.rule().id == "access.failed-test");
    failed
        .map(|one| {
            format!(
                "{} @{}",
                one.message(),
                one.place().map_or(0, crate::span::Span::line)
            )
        })
        .collect()
}

/// What the daemon of `nas` is seen to serve.
fn serving(config: &str) -> Observed {
    let source = |text: &str| crate::span::Source::new("localapi", text);
    let status = r#"{"BackendState": "Running", "Self": {"HostName": "nas", "DNSName": "nas.tail1234.ts.net.",
        "TailscaleIPs": ["100.64.0.10"], "Tags": ["tag:nas"]}}"#;
    let status = crate::tailnet::Status::parse(&source(status)).expect("a status");
    let serve = crate::tailnet::ServeConfig::parse(&source(config)).expect("a configuration");
    nothing_seen().with_tailnet(crate::tailnet::Node::new(status).with_serve(serve))
}

#[test]
fn what_a_machine_is_seen_to_serve_is_a_way() {
    let policy = POLICY.replace("tag:nas:3000", "tag:nas:443,8443");
    let lab = Lab::from_texts(
        "home",
        [
            ("instance.toml", INSTANCE),
            ("policy.hujson", &policy),
            (
                "watch/compose.yaml",
                "services: { grafana: { image: 'grafana/grafana:12', ports: ['127.0.0.1:3000:3000'] } }",
            ),
            (
                "wiki/compose.yaml",
                "services: { pages: { image: 'example.org/pages:1', ports: ['127.0.0.1:8080:80'] } }",
            ),
        ],
    );
    let reach = |service: &str, seen: &Observed| lab.exposure(service, seen).expect("a service").reach();
    assert_eq!(reach("grafana", &nothing_seen()), Reach::Host);
    let served = serving(
        r#"{"TCP": {"443": {"HTTPS": true}, "8443": {"HTTPS": true}},
            "Web": {"nas.tail1234.ts.net:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:3000"}, "/x": {"Text": "x"}}},
                    "nas.tail1234.ts.net:8443": {"Handlers": {"/wiki": {"Proxy": "http://localhost:8080"}}}},
            "AllowFunnel": {"nas.tail1234.ts.net:8443": true}}"#,
    );
    assert_eq!(
        (reach("grafana", &served), reach("wiki", &served)),
        (Reach::Tailnet, Reach::Internet)
    );
    let grafana = lab.exposure("grafana", &served).expect("a service");
    assert_eq!(grafana.audience(), Some(&["ann@example.org".to_owned()][..]));
    let ann = lab.portal("ann", &served).expect("a portal");
    assert_eq!(
        lines(&ann),
        [
            "Grafana monitoring tailnet https://nas.tail1234.ts.net/",
            "wiki other tailnet https://nas.tail1234.ts.net:8443/wiki",
        ]
    );
    let ben = lab.portal("ben", &served).expect("a portal");
    assert_eq!(
        lines(&ben),
        ["wiki other internet https://nas.tail1234.ts.net:8443/wiki"],
        "Funnel asks nobody"
    );
    let other = serving(
        r#"{"TCP": {"443": {"HTTPS": true}}, "Web": {"nas:443": {"Handlers": {"/": {"Proxy": "http://192.0.2.99:3000"}}}}}"#,
    );
    assert_eq!(reach("grafana", &other), Reach::Host, "it leads elsewhere");
}

#[test]
fn a_proxy_of_labels_makes_a_device_of_its_own() {
    let lab = Lab::from_texts(
        "home",
        [
            ("instance.toml", INSTANCE),
            ("policy.hujson", POLICY),
            (
                "photos/compose.yaml",
                "services:\n  proxy: { image: almeidapaulopt/tsdproxy }\n  \
                server: { image: ghcr.io/immich-app/immich-server, labels: { tsdproxy.enable: 'true', tsdproxy.name: album, \
                tsdproxy.port.1: '443/https:2283/http' } }\n",
            ),
            (
                "watch/compose.yaml",
                "services:\n  tail:\n    image: tailscale/tailscale\n    network_mode: 'service:grafana'\n    \
                command: tailscale serve --https=3000 3000\n    environment: { TS_EXTRA_ARGS: '--hostname=nas' }\n  \
                grafana: { image: 'grafana/grafana:12' }\n",
            ),
        ],
    );
    let tailnet = |who: &str| {
        let portal = portal(&lab, who);
        lines(&portal)
            .into_iter()
            .filter(|line| line.contains(" tailnet https"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        tailnet("ben"),
        ["Immich photos tailnet https://album.tail1234.ts.net/"]
    );
    assert!(
        tailnet("ann").contains(&"Grafana monitoring tailnet https://nas.tail1234.ts.net:3000/".to_owned()),
        "{:?}",
        lines(&portal(&lab, "ann"))
    );
}

#[test]
fn health_is_what_the_engines_were_seen_to_say() {
    use crate::inventory::{Container, ContainerState, Health, HostInventory, Inventory};

    let lab = lab("");
    let container = |project: &str, service: &str, state, health| {
        let mut container = Container::new(format!("{project}{service}"), format!("{project}-{service}-1"));
        container.state = state;
        container.health = health;
        container.labels = [("project", project), ("service", service)]
            .map(|(key, value)| (format!("com.docker.compose.{key}"), value.to_owned()))
            .into();
        container
    };
    let host = HostInventory {
        containers: Some(vec![
            container(
                "photos",
                "server",
                ContainerState::Running,
                Some(Health::Unhealthy),
            ),
            container("watch", "grafana", ContainerState::Running, None),
        ]),
        ..HostInventory::new("nas".parse().expect("a name"), Timestamp::UNIX_EPOCH, "docker")
    };
    let seen = nothing_seen().with_inventory(Inventory::new([host]));
    let ann = lab.portal("ann", &seen).expect("a portal");
    let health: Vec<_> = ann
        .services
        .iter()
        .map(|one| (one.name.as_str(), one.health.as_deref()))
        .collect();
    assert_eq!(
        health,
        [
            ("Grafana", Some("running")),
            ("Immich", Some("unhealthy")),
            ("wiki", Some("absent")),
        ]
    );
    assert!(
        portal(&lab, "ann")
            .services
            .iter()
            .all(|one| one.health.is_none()),
        "nobody looked"
    );
}
