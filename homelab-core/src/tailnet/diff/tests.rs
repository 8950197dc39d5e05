//! Differences of two policies: beside the network rules, of what has no device yet, and of what is not known.

use std::net::IpAddr;

use crate::span::Source;
use crate::tailnet::{Attribute, Device, Policy, Role, Roster, Tailnet, User};

const ANN: &str = "ann@example.org";

fn roster() -> Roster {
    let address = |last: u8| [IpAddr::from([100, 64, 0, last])];
    let route: ipnet::IpNet = "192.0.2.0/24".parse().expect("a route");
    Roster::new(
        [
            Device::new("phone").with_user(ANN).with_addresses(address(1)),
            Device::new("mac")
                .with_user(ANN)
                .with_addresses(address(2))
                .with_attribute("node:os", Attribute::Text("macos".to_owned())),
            Device::new("nas")
                .with_tags(["tag:nas"])
                .with_addresses(address(3)),
            Device::new("router")
                .with_tags(["tag:router"])
                .with_addresses(address(4))
                .with_advertised([route])
                .with_approved([route]),
        ],
        [User::new(ANN).with_role(Role::Owner)],
    )
}

fn policy(sections: &str) -> Policy {
    let text = format!(
        r#"{{"tagOwners": {{"tag:nas": [], "tag:router": []}}, "postures": {{"posture:mac": ["node:os == 'macos'"]}}, {sections}}}"#
    );
    Policy::parse(&Source::new("policy.hujson", text)).expect("a policy")
}

/// What changes, a line for each.
fn diff(old: &str, new: &str) -> Vec<String> {
    let tailnet = Tailnet::new(policy(old), roster()).expect("a tailnet");
    let diff = tailnet.diff(policy(new)).expect("a difference");
    diff.to_string().lines().map(str::to_owned).collect()
}

const NOTHING: &str = r#""grants": []"#;
const SAME: [&str; 1] = ["nobody gains or loses anything"];

#[test]
fn what_is_beside_the_network_rules_is_compared_too() {
    for (new, expected) in [
        (
            r#""grants": [], "nodeAttrs": [{"target": ["tag:nas"], "attr": ["funnel"]}]"#,
            "+ tag:nas: the attribute funnel",
        ),
        (
            r#""grants": [], "ssh": [{"action": "check", "src": ["ann@example.org"], "dst": ["tag:nas"], "users": ["root"]}]"#,
            "+ ann@example.org: `nas` by SSH as root after a check",
        ),
        (
            r#""grants": [{"src": ["ann@example.org"], "dst": ["tag:nas"], "app": {"example.com/cap/x": [{"may": 1}]}}]"#,
            "+ ann@example.org: `nas` with the capability example.com/cap/x [{\"may\":1}]",
        ),
        (
            r#""grants": [], "autoApprovers": {"routes": {"10.0.0.0/8": ["tag:router"]}}"#,
            "+ tag:router: approved by itself: route 10.0.0.0/8",
        ),
        (
            r#""grants": [{"src": ["ann@example.org"], "dst": ["svc:web"], "ip": ["tcp:443"]}]"#,
            "+ ann@example.org: `svc:web` on tcp:443",
        ),
    ] {
        assert_eq!(diff(NOTHING, new), [expected]);
        assert_eq!(diff(new, NOTHING), [expected.replacen('+', "-", 1)]);
        assert_eq!(diff(new, new), SAME);
    }
    let [check, accept] = ["check", "accept"]
        .map(|action| format!(r#""grants": [], "ssh": [{{"action": "{action}", "src": ["{ANN}"], "dst": ["tag:nas"], "users": ["pi"]}}]"#));
    assert_eq!(
        diff(&check, &accept),
        [
            "+ ann@example.org: `nas` by SSH as pi",
            "- ann@example.org: `nas` by SSH as pi after a check"
        ]
    );
    let owned = Tailnet::new(policy(NOTHING), roster()).expect("a tailnet");
    let text = r#"{"tagOwners": {"tag:nas": ["ann@example.org"], "tag:router": []}, "grants": []}"#;
    let newer = Policy::parse(&Source::new("new", text)).expect("a policy");
    assert_eq!(
        owned.diff(newer).expect("a difference").to_string(),
        "+ ann@example.org: may give tag:nas\n"
    );
}

#[test]
fn who_and_what_has_no_device_yet_is_compared_as_with_one() {
    let new = r#""grants": [{"src": ["dave@example.org"], "dst": ["tag:nas"], "ip": ["tcp:443"]}]"#;
    assert_eq!(diff(NOTHING, new), ["+ dave@example.org: `nas` on tcp:443"]);
    let text = r#"{"tagOwners": {"tag:nas": [], "tag:router": [], "tag:ghost": []}, "grants": [
        {"src": ["tag:ghost"], "dst": ["tag:nas"], "ip": ["tcp:443"]}]}"#;
    let newer = Policy::parse(&Source::new("new", text)).expect("a policy");
    let tailnet = Tailnet::new(policy(NOTHING), roster()).expect("a tailnet");
    let diff = tailnet.diff(newer).expect("a difference");
    assert_eq!(diff.to_string(), "+ tag:ghost: `nas` on tcp:443\n");
}

#[test]
fn what_is_not_known_is_a_change_with_a_condition() {
    let rule = |more: &str| {
        format!(r#""grants": [{{"src": ["ann@example.org"], "dst": ["tag:nas"], "ip": ["tcp:443"]{more}}}]"#)
    };
    let (open, asked) = (rule(""), rule(r#", "srcPosture": ["posture:mac"]"#));
    let unknown = "only if what is not known turns out so: a posture, a role, whose a device is";
    assert_eq!(
        diff(NOTHING, &asked),
        [
            "+ mac: `nas` on tcp:443".to_owned(),
            format!("+ phone: `nas` on tcp:443 ({unknown})"),
        ]
    );
    assert_eq!(
        diff(&open, &asked),
        ["- phone: `nas` on tcp:443 (they keep it only if what is not known turns out so)"]
    );
    assert_eq!(
        diff(&asked, &open),
        ["+ phone: `nas` on tcp:443 (they had it already if what is not known turned out so)"]
    );
    let gone = diff(&asked, NOTHING);
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert!(
        gone[1].ends_with("(they had it only if what is not known turned out so)"),
        "{gone:?}"
    );
}

#[test]
fn ranges_are_compared_by_their_addresses() {
    let to = |range: &str| {
        format!(r#""grants": [{{"src": ["ann@example.org"], "dst": ["{range}"], "ip": ["tcp:443"]}}]"#)
    };
    let (route, wider, half, one) = (
        to("192.0.2.0/24"),
        to("192.0.0.0/16"),
        to("192.0.2.0/25"),
        to("192.0.2.7"),
    );
    assert_eq!(diff(&route, &wider), SAME, "no more is behind the router");
    assert_eq!(
        diff(&route, &half),
        ["- ann@example.org: `router` with 192.0.2.128/25 behind on tcp:443"]
    );
    assert_eq!(
        diff(&one, &half),
        ["+ ann@example.org: `router` with 192.0.2.0-192.0.2.6, 192.0.2.8-192.0.2.127 behind on tcp:443"]
    );
    let lost = diff(&route, &one);
    assert!(lost.len() == 1 && lost[0].starts_with("- "), "{lost:?}");
    let beyond = diff(NOTHING, &to("198.51.100.0/24"));
    assert_eq!(beyond.len(), 2, "{beyond:?}");
    assert!(
        beyond[1].contains("`198.51.100.0/24` is not compared"),
        "{beyond:?}"
    );
}
