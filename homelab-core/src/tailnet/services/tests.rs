//! Who can reach which service, of labs of our own.

use jiff::Timestamp;

use super::*;
use crate::error::ErrorKind;

const INSTANCE: &str = "[hosts.nas]\naddresses = ['100.64.0.10']\n[projects.photos]\nhosts = ['nas']\n\
    [people.ann]\nlogin = 'ann@example.org'\n[people.ben]\nlogin = 'ben@example.org'\n\
    [[tailnet.devices]]\nname = 'laptop'\naddresses = ['100.64.0.1']\nuser = 'ann@example.org'\n\
    [[tailnet.devices]]\nname = 'phone'\naddresses = ['100.64.0.2']\nuser = 'ben@example.org'\n\
    [[tailnet.devices]]\nname = 'album'\naddresses = ['100.64.0.20']\ntags = ['tag:album']\n\
    [[tailnet.devices]]\nname = 'nas'\naddresses = ['100.64.0.10']\ntags = ['tag:nas']\n";
const POLICY: &str = r#"{"tagOwners": {"tag:nas": [], "tag:album": []}, "acls": [
    {"action": "accept", "src": ["ann@example.org"], "dst": ["tag:nas:80"]},
    {"action": "accept", "src": ["ben@example.org", "tag:nas"], "dst": ["tag:album:443"]},
    {"action": "accept", "src": ["ann@example.org"], "dst": ["tag:album:3000"]}]}"#;

pub(super) fn lab(compose: &str) -> Lab {
    Lab::from_texts(
        "home",
        [
            ("instance.toml", INSTANCE),
            ("policy.hujson", POLICY),
            ("photos/compose.yaml", compose),
        ],
    )
}

fn nothing_seen() -> Observed {
    Observed::none(Timestamp::UNIX_EPOCH)
}

/// `KIND TARGET: WHO` of each answer.
fn who(lab: &Lab, service: &str) -> Vec<String> {
    let reach = lab.who_can_reach(service, &nothing_seen()).expect("an answer");
    let mut lines = Vec::new();
    for way in &reach.ways {
        for answer in &way.answers {
            let people = answer.people.iter().map(|person| &*person.login);
            let all: Vec<&str> = people
                .chain(answer.tagged.iter().map(|tagged| &*tagged.device))
                .collect();
            lines.push(format!("{} {}: {}", way.kind, answer.target, all.join(" ")));
        }
        if let Some(problem) = &way.problem {
            lines.push(format!("{}: {problem}", way.kind));
        }
    }
    lines
}

#[test]
fn a_published_port_is_one_of_the_machine() {
    let lab = lab("services: { server: { image: photos, ports: ['100.64.0.10:80:3000'] } }");
    assert_eq!(
        who(&lab, "photos/server"),
        ["published_port 100.64.0.10:80/tcp: ann@example.org"]
    );
    let from = |who: &str| {
        lab.reachable_from(who, &nothing_seen())
            .expect("an answer")
            .services
    };
    assert_eq!(from("ann@example.org")[0].targets, ["100.64.0.10:80/tcp"]);
    assert!(from("ben@example.org").is_empty());
    assert!(lab.reachable_from("carl@example.org", &nothing_seen()).is_err());
    let text = lab
        .who_can_reach("photos/server", &nothing_seen())
        .expect("an answer")
        .to_string();
    assert!(
        text.starts_with("nas:photos/server\n\nby published port: 100.64.0.10:80 -> 3000/tcp\n"),
        "{text}"
    );
    assert!(
        text.contains("as ann@example.org by policy.hujson:2:5, to tag:nas on 80"),
        "{text}"
    );
}

#[test]
fn a_port_on_all_interfaces_is_one_of_the_machine_too() {
    let lab = lab("services: { server: { image: photos, ports: ['80:3000'] } }");
    assert_eq!(
        who(&lab, "photos/server"),
        ["published_port nas:80/tcp: ann@example.org"]
    );
    let exposure = lab.exposure("photos/server", &nothing_seen()).expect("a service");
    assert_eq!(exposure.audience(), None, "the local network asks nobody");
}

const SIDECAR: &str = "services:\n  server: { image: photos, network_mode: 'service:tail', expose: [3000] }\n  tail:\n    \
    image: tailscale/tailscale\n    environment: { TS_HOSTNAME: album, TS_SERVE_CONFIG: /serve.json }\n    \
    configs: [serve]\nconfigs:\n  serve:\n    \
    content: '{\"Web\": {\"album:443\": {\"Handlers\": {\"/\": {\"Proxy\": \"http://127.0.0.1:3000\"}}}}}'\n";

#[test]
fn a_device_beside_a_service_is_its_way() {
    let lab = lab(SIDECAR);
    let ways = who(&lab, "photos/server");
    assert!(
        ways.contains(&"serve album:443/tcp: ben@example.org nas".to_owned()),
        "{ways:?}"
    );
    let from = |who: &str| {
        lab.reachable_from(who, &nothing_seen())
            .expect("an answer")
            .services
    };
    assert_eq!(from("ben@example.org")[0].service, "nas:photos/server");
    assert!(
        from("ben@example.org")[0]
            .targets
            .contains(&"album:443/tcp".to_owned())
    );
}

#[test]
fn a_funnel_that_the_policy_does_not_let_is_doubted() {
    let compose = SIDECAR.replace("}}}}}'", "}}}}, \"AllowFunnel\": {\"album:443\": true}}'");
    let judged = |attributes: &str, instance: &str, seen: &Observed| {
        let policy = POLICY.replacen('{', &format!("{{\"nodeAttrs\": [{attributes}], "), 1);
        let files = [
            ("instance.toml", instance),
            ("policy.hujson", &*policy),
            ("photos/compose.yaml", &*compose),
        ];
        let lab = Lab::from_texts("home", files);
        let exposure = lab.exposure("photos/server", seen).expect("a service");
        let funnel = exposure
            .paths()
            .iter()
            .any(|path| path.kind() == PathKind::Funnel && path.at_most() == Reach::Internet);
        assert!(funnel, "it is a way all the same: {exposure}");
        let unknowns: Vec<String> = exposure.unknowns().iter().map(ToString::to_string).collect();
        (exposure.reach(), exposure.at_most(), unknowns)
    };
    let open = (Reach::Internet, Reach::Internet, Vec::new());
    let why = "whether Funnel is open: `album` has no attribute `funnel` by the tailnet's policy, without which it \
        stays shut";
    let doubted = (Reach::Tailnet, Reach::Internet, vec![why.to_owned()]);
    let gives = |target: &str, attribute: &str| {
        format!("{{\"target\": [\"{target}\"], \"attr\": [\"{attribute}\"]}}")
    };
    for (attributes, expected) in [
        (gives("tag:album", "funnel"), &open),
        (gives("*", "funnel"), &open),
        (gives("tag:nas", "funnel"), &doubted),
        (gives("tag:album", "nextdns:a"), &doubted),
        (String::new(), &doubted),
    ] {
        assert_eq!(
            &judged(&attributes, INSTANCE, &nothing_seen()),
            expected,
            "{attributes}"
        );
    }
    // Of a device that nobody has declared it cannot be said, nor without a policy.
    let unknown = INSTANCE.replace("name = 'album'", "name = 'other'");
    assert_eq!(judged("", &unknown, &nothing_seen()), open);
    let bare = Lab::from_texts("home", [("photos/compose.yaml", &*compose)]);
    let bare = bare
        .exposure("photos/server", &nothing_seen())
        .expect("a service");
    assert_eq!(bare.reach(), Reach::Internet);
    // What the device was told itself wins over the file.
    let seen = |capabilities: &str| {
        let text = format!(
            "{{\"BackendState\": \"Running\", \"Self\": {{\"HostName\": \"album\", \
             \"TailscaleIPs\": [\"100.64.0.20\"]{capabilities}}}}}"
        );
        let status = crate::tailnet::Status::parse(&crate::Source::new("status.json", text));
        nothing_seen().with_tailnet(crate::tailnet::Node::new(status.expect("a status")))
    };
    assert_eq!(
        judged("", INSTANCE, &seen(", \"CapMap\": {\"funnel\": null}")),
        open
    );
    assert_eq!(judged("", INSTANCE, &seen("")), open, "it does not say");
    let gone = seen(", \"CapMap\": {\"https\": null}");
    assert_eq!(judged(&gives("*", "funnel"), INSTANCE, &gone), doubted);
}

#[test]
fn a_proxy_passes_on_who_reaches_it() {
    let lab = lab("services:\n  \
        proxy: { image: 'traefik:3', command: ['--providers.docker', '--entrypoints.web.address=:80'], ports: ['100.64.0.10:80:80'] }\n  \
        server: { image: photos, labels: { 'traefik.enable': 'true', 'traefik.http.routers.p.rule': 'Host(`p`)' } }");
    assert_eq!(
        who(&lab, "photos/server"),
        ["proxy 100.64.0.10:80/tcp: ann@example.org"]
    );
    let exposure = lab.exposure("photos/server", &nothing_seen()).expect("a service");
    assert_eq!(exposure.audience(), Some(&["ann@example.org".to_owned()][..]));
    assert_eq!(exposure.view().audience.as_deref(), exposure.audience());
}

#[test]
fn what_is_not_known_is_said() {
    let unknown = lab("services: { server: { image: photos, ports: ['100.64.0.99:80:80'] } }");
    assert_eq!(
        who(&unknown, "photos/server"),
        ["published_port: its device is not among those of the tailnet"]
    );
    let exposure = unknown
        .exposure("photos/server", &nothing_seen())
        .expect("a service");
    assert_eq!((exposure.reach(), exposure.audience()), (Reach::Tailnet, None));
    let inside = lab("services: { server: { image: photos } }");
    assert!(who(&inside, "photos/server").is_empty());
    let range = lab("services: { server: { image: photos, ports: ['100.64.0.10:2100-2140:100-140'] } }");
    let reach = range
        .who_can_reach("photos/server", &nothing_seen())
        .expect("an answer");
    let targets: Vec<&str> = reach.ways[0]
        .answers
        .iter()
        .map(|answer| answer.target.as_str())
        .collect();
    assert_eq!(targets, ["100.64.0.10:2100-2140/tcp"], "one answer for all of it");
    let bare = Lab::from_texts("home", [("a/compose.yaml", "services: { one: { image: x } }")]);
    let error = bare
        .who_can_reach("a/one", &nothing_seen())
        .expect_err("no policy");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
