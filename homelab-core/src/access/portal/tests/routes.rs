//! Services behind a subnet route, of a lab of our own.

use super::*;

const ROUTED: &str = r#"{
  "tagOwners": {"tag:nas": ["autogroup:admin"], "tag:album": ["autogroup:admin"]},
  "acls": [{"action": "accept", "src": ["ann@example.org"], "dst": ["192.0.2.0/24:*"]}],
}"#;

/// The lab with what `nas` offers, a machine `box` that is no device, and what runs there.
fn routed(nas: &str, policy: &str, more: &str) -> Lab {
    let instance = INSTANCE.replace(
        "tags = ['tag:nas']\n",
        &format!("tags = ['tag:nas']\n{nas}\n[hosts.box]\naddresses = ['192.0.2.11']\npublic_addresses = []\nforwards = []\n\
            [projects.tv]\nhosts = ['box']\n"),
    );
    let instance = instance.replace(
        "user = 'ann@example.org'",
        "user = 'ann@example.org'\nos = 'macOS'",
    );
    Lab::from_texts(
        "home",
        [
            ("instance.toml", &*format!("{instance}{more}")),
            ("policy.hujson", policy),
            (
                "watch/compose.yaml",
                "services: { grafana: { image: 'grafana/grafana:12', ports: ['3000:3000'] } }",
            ),
            ("wiki/compose.yaml", WIKI),
            (
                "tv/compose.yaml",
                "services: { tv: { image: 'jellyfin/jellyfin:10', ports: ['8096:8096'] } }",
            ),
        ],
    )
}

const OFFERS: &str = "advertised = ['192.0.2.0/24']";

fn who(lab: &Lab, service: &str) -> String {
    lab.who_can_reach(service, &nothing_seen())
        .expect("an answer")
        .to_string()
}

#[test]
fn a_route_leads_to_what_is_published_behind_it() {
    let lab = routed(OFFERS, ROUTED, "");
    for (service, target) in [
        ("watch/grafana", "192.0.2.10:3000/tcp"),
        ("wiki/pages", "192.0.2.10:8080/tcp"),
        ("tv/tv", "192.0.2.11:8096/tcp"),
    ] {
        let text = who(&lab, service);
        assert!(
            text.contains(target) && text.contains("ann@example.org") && text.contains("accept routes"),
            "{service}: {text}"
        );
        assert!(!text.contains("ben@example.org"), "{text}");
    }
    let from = lab
        .reachable_from("ann@example.org", &nothing_seen())
        .expect("an answer");
    let found: Vec<&str> = from.services.iter().map(|one| one.service.as_str()).collect();
    assert_eq!(found, ["box:tv/tv", "nas:watch/grafana", "nas:wiki/pages"]);
    assert_eq!(from.services[0].targets, ["192.0.2.11:8096/tcp"]);
    let ben = lab
        .reachable_from("ben@example.org", &nothing_seen())
        .expect("an answer");
    assert!(ben.services.is_empty());
    assert_eq!(
        lines(&portal(&lab, "ann")),
        [
            "Jellyfin media tailnet http://192.0.2.11:8096/",
            "Grafana monitoring tailnet http://192.0.2.10:3000/",
            "wiki other tailnet http://192.0.2.10:8080/",
        ]
    );
    assert!(
        portal(&lab, "ben")
            .services
            .iter()
            .all(|one| one.by == Reach::Lan)
    );
    let why = lab
        .explain("ann", "tv", &nothing_seen())
        .expect("a reason")
        .to_string();
    assert!(
        why.contains("can reach it\n") && why.contains("policy.hujson:3:"),
        "{why}"
    );
}

#[test]
fn tests_know_of_routes() {
    let more = "[[access.tests]]\nwho = 'ann'\nsees = ['tv', 'wiki', 'grafana']\n\
        [[access.tests]]\nwho = 'ben'\nnot = ['tv', 'wiki', 'grafana']\naway = true\n";
    let found = failures(&routed(OFFERS, ROUTED, more));
    // Which device `box` may be is not known.
    assert!(
        found.len() == 1 && found[0].contains("box:tv/tv") && found[0].contains("cannot be told"),
        "{found:?}"
    );
    let not = "[[access.tests]]\nwho = 'ann'\nnot = ['wiki']\naway = true\n";
    assert_eq!(failures(&routed(OFFERS, ROUTED, not)).len(), 1);
    for without in [
        "",
        "advertised = ['192.0.2.0/24']\napproved = []",
        "advertised = ['198.51.100.0/24']",
    ] {
        assert_eq!(
            failures(&routed(without, ROUTED, not)),
            Vec::<String>::new(),
            "{without}"
        );
        let text = who(&routed(without, ROUTED, ""), "wiki/pages");
        assert!(
            text.contains("no device of the tailnet has a route to 192.0.2.10"),
            "{text}"
        );
    }
    // The route is there, and no rule for those ports.
    let other = ROUTED.replace("192.0.2.0/24:*", "192.0.2.0/24:22");
    assert_eq!(failures(&routed(OFFERS, &other, not)), Vec::<String>::new());
    // An exit node leads to the internet, not to what is at home.
    let exit = ROUTED.replace("192.0.2.0/24:*", "autogroup:internet:*");
    let offers = "advertised = ['0.0.0.0/0', '::/0']";
    assert_eq!(failures(&routed(offers, &exit, not)), Vec::<String>::new());
}

#[test]
fn a_route_is_used_by_who_accepts_it() {
    let sure = |more: &str| {
        let instance = format!("{INSTANCE}{OFFERS}\n").replace(
            "user = 'ann@example.org'",
            &format!("user = 'ann@example.org'\n{more}"),
        );
        let lab = Lab::from_texts(
            "home",
            [
                ("instance.toml", &*instance),
                ("policy.hujson", ROUTED),
                ("wiki/compose.yaml", WIKI),
            ],
        );
        let portal = portal(&lab, "ann");
        let way = &portal.services[0].ways[0];
        (way.zone, way.sure, way.conditions.join("; "))
    };
    for more in [
        "os = 'windows'",
        "os = 'iOS'",
        "os = 'linux'\naccepts_routes = true",
    ] {
        assert_eq!(sure(more), (Reach::Tailnet, true, String::new()), "{more}");
    }
    for more in ["", "os = 'linux'"] {
        let (zone, sure, conditions) = sure(more);
        assert_eq!((zone, sure), (Reach::Tailnet, false), "{more}");
        assert!(
            conditions.contains("`laptop` only if it accepts routes"),
            "{conditions}"
        );
    }
    assert_eq!(sure("accepts_routes = false").0, Reach::Lan);
}
