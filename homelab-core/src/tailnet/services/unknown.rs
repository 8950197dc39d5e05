//! Ways of which something is not known: nobody is left out for that, and no test passes by it.

use jiff::Timestamp;

use crate::lab::Lab;
use crate::observed::Observed;
use crate::view::Reach;

const INSTANCE: &str = "[hosts.nas]\naddresses = ['100.64.0.10']\n[projects.photos]\nhosts = ['nas']\n\
    [people.ann]\nlogin = 'ann@example.org'\n[people.ben]\nlogin = 'ben@example.org'\n\
    [[tailnet.devices]]\nname = 'laptop'\naddresses = ['100.64.0.1']\nuser = 'ann@example.org'\nos = 'macOS'\n\
    [[tailnet.devices]]\nname = 'phone'\naddresses = ['100.64.0.2']\nuser = 'ben@example.org'\nos = 'iOS'\n\
    [[tailnet.devices]]\nname = 'side'\naddresses = ['100.64.0.20']\ntags = ['tag:side']\nservices = ['svc:web']\n\
    [[tailnet.devices]]\nname = 'nas'\naddresses = ['100.64.0.10']\ntags = ['tag:nas']\n";

fn seen() -> Observed {
    Observed::none(Timestamp::UNIX_EPOCH)
}

/// A lab in which ann may go everywhere, and ben where this grant lets him; ben is to see nothing.
fn lab(grant: &str, instance: &str, compose: &str) -> Lab {
    let policy = format!(
        r#"{{"tagOwners": {{"tag:nas": [], "tag:side": []}}, "grants": [
        {{"src": ["ann@example.org"], "dst": ["*"], "ip": ["*"]}}, {grant}]}}"#
    );
    let instance = format!("{instance}[[access.tests]]\nwho = 'ben'\nnot = ['photos/server']\naway = true\n");
    Lab::from_texts(
        "home",
        [
            ("instance.toml", &*instance),
            ("policy.hujson", &*policy),
            ("photos/compose.yaml", compose),
        ],
    )
}

fn ben(to: &str, ports: &str) -> String {
    format!(r#"{{"src": ["ben@example.org"], "dst": ["{to}"], "ip": ["{ports}"]}}"#)
}

/// What is said of ben: whether he comes in, his conditions among the services that he reaches, and whether his test fails.
fn of_ben(lab: &Lab) -> (Option<bool>, Vec<String>, bool) {
    let why = lab.explain("ben", "photos/server", &seen()).expect("a reason");
    let from = lab.reachable_from("ben", &seen()).expect("an answer");
    let service = from
        .services
        .iter()
        .find(|one| one.service.ends_with("photos/server"));
    let conditions = service.map_or(vec!["none".to_owned()], |service| service.conditions.clone());
    let exposures = lab.exposures(&seen());
    let failed = lab.portal_findings(&exposures, &seen());
    (why.allowed, conditions, !failed.is_empty())
}

const SIDE: &str = "services:\n  server: { image: photos, network_mode: 'service:tail', expose: [3000] }\n  tail:\n    \
    image: tailscale/tailscale\n    environment: { TS_HOSTNAME: side }\n";

#[test]
fn every_port_of_a_range_is_asked_about() {
    let compose = "services: { server: { image: photos, ports: ['100.64.0.10:9000-9100:9000-9100'] } }";
    let lab = lab(&ben("tag:nas", "tcp:9050"), INSTANCE, compose);
    assert_eq!(of_ben(&lab), (Some(true), Vec::new(), true));
    let exposure = lab.exposure("photos/server", &seen()).expect("a service");
    let both = ["ann@example.org".to_owned(), "ben@example.org".to_owned()];
    assert_eq!(exposure.audience(), Some(&both[..]));
    assert!(
        lab.reachable_from("ben@example.org", &seen()).is_ok(),
        "by login as by name"
    );
    let not = super::tests::lab(compose);
    assert!(not.portal("ben", &seen()).expect("a portal").services.is_empty());
}

#[test]
fn what_an_image_exposes_is_not_all_that_is_open() {
    let lab = |ports: &str| lab(&ben("tag:side", ports), INSTANCE, SIDE);
    assert_eq!(of_ben(&lab("tcp:3000")), (Some(true), Vec::new(), true));
    let (allowed, conditions, failed) = of_ben(&lab("tcp:5000-5999"));
    assert_eq!((allowed, failed), (None, true));
    assert_eq!(
        conditions,
        ["`phone` only if the service listens on tcp:5000-5999, which is not known"]
    );
    let (allowed, ..) = of_ben(&lab("udp:53"));
    assert_eq!(allowed, None, "it may listen on UDP");
    let exposure = lab("tcp:5000")
        .exposure("photos/server", &seen())
        .expect("a service");
    assert_eq!(
        exposure.audience().map(<[String]>::len),
        Some(2),
        "whoever may come in"
    );
}

#[test]
fn who_may_use_every_port_needs_no_known_one() {
    let side = SIDE.replace(", expose: [3000]", "");
    let host = "services: { server: { image: photos, network_mode: host } }";
    for (compose, to) in [(&*side, "tag:side"), (host, "tag:nas")] {
        let why = |who: &str, grant: &str| {
            let lab = lab(grant, INSTANCE, compose);
            lab.explain(who, "photos/server", &seen()).expect("a reason")
        };
        let ann = why("ann", &ben(to, "tcp:80"));
        assert_eq!((ann.allowed, ann.by), (Some(true), Some(Reach::Tailnet)), "{ann}");
        let lab = lab(&ben(to, "tcp:80"), INSTANCE, compose);
        let reach = lab.reachable_from("ben", &seen()).expect("an answer");
        assert_eq!(
            reach.services[0].conditions,
            ["`phone` only if the service listens on tcp:80, which is not known"]
        );
    }
}

#[test]
fn a_container_behind_a_route_is_reached_by_who_may_go_there() {
    let compose = "services:\n  tail:\n    image: tailscale/tailscale\n    networks: [inner]\n    \
        environment: { TS_HOSTNAME: side, TS_ROUTES: 172.30.0.0/24 }\n  server: { image: photos, networks: [inner] }\n\
        networks:\n  inner: { ipam: { config: [{ subnet: 172.30.0.0/24 }] } }\n";
    let instance = INSTANCE.replace(
        "tags = ['tag:side']",
        "tags = ['tag:side']\nadvertised = ['172.30.0.0/24']\napproved = ['172.30.0.0/24']",
    );
    let all = lab(&ben("172.30.0.0/24", "*"), &instance, compose);
    assert_eq!(of_ben(&all), (Some(true), Vec::new(), true));
    let some = lab(&ben("172.30.0.8", "*"), &instance, compose);
    let (allowed, conditions, failed) = of_ben(&some);
    assert_eq!((allowed, failed), (None, true));
    assert!(
        conditions[0].contains("the service's address is in 172.30.0.8"),
        "{conditions:?}"
    );
}

#[test]
fn a_served_service_is_not_the_device_that_hosts_it() {
    let served = "services:\n  server: { image: photos }\n  tail:\n    image: tailscale/tailscale\n    \
        environment: { TS_HOSTNAME: side, TS_SERVE_CONFIG: /serve.json }\n    configs: [serve]\nconfigs:\n  serve:\n    \
        content: '{\"Services\": {\"svc:web\": {\"Web\": {\"web:443\": {\"Handlers\": {\"/\": {\"Proxy\": \"http://server:3000\"}}}}}}}'\n";
    let by_name = lab(&ben("svc:web", "tcp:443"), INSTANCE, served);
    let (allowed, conditions, failed) = of_ben(&by_name);
    assert_eq!((allowed, failed), (None, true), "{conditions:?}");
    assert!(
        conditions[0].contains("approved to host `svc:web`"),
        "{conditions:?}"
    );
    let by_device = lab(&ben("tag:side", "tcp:443"), INSTANCE, served);
    assert_eq!(of_ben(&by_device).0, Some(false), "its addresses are its own");
}

#[test]
fn a_machine_of_nobody_may_have_the_tag() {
    let compose = "services: { server: { image: photos, ports: ['100.64.0.10:80:80'] } }";
    let bare = INSTANCE.replace("tags = ['tag:nas']\n", "");
    let (allowed, conditions, failed) = of_ben(&lab(&ben("tag:nas", "tcp:80"), &bare, compose));
    assert_eq!((allowed, failed), (None, true));
    assert_eq!(
        conditions,
        ["`phone` only if `nas` has tag:nas, which is not known"]
    );
}
