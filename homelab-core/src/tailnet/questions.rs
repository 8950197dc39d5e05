//! Questions to a tailnet of our own, and their answers as people read them.

use jiff::Timestamp;

use super::tests::{source, tailnet};
use super::*;
use crate::view::NearMissView;

const RULES: &str = r#""acls": [
    {"action": "accept", "src": ["group:family"], "dst": ["tag:nas:443"]},
    {"action": "accept", "src": ["alice@example.com"], "dst": ["tag:nas:22", "tag:router:80"]},
    {"action": "accept", "src": ["tag:exit"], "dst": ["lan:80"]},
    {"action": "accept", "src": ["bob@example.org"], "dst": ["autogroup:self:*"]},
    {"action": "accept", "src": ["bob@example.org"], "dst": ["alice@example.com:8096"]},
], "nodeAttrs": [{"target": ["tag:nas"], "attr": ["funnel"]}]"#;

fn target(text: &str) -> Target {
    text.parse().expect("a target")
}

fn who(tailnet: &Tailnet, to: &str) -> String {
    tailnet.who_can_reach(&target(to)).expect("an answer").to_string()
}

#[test]
fn who_can_reach_says_as_whom_and_by_which_rule() {
    let tailnet = tailnet(RULES);
    let expected = "\
nas:443/tcp (100.64.0.10, fd7a:115c:a1e0::10)
`nas` is it

alice@example.com from `laptop`, `phone`
  as group:family by policy.hujson:7:5, to tag:nas on 443

bob@example.org from `desk`
  as group:family by policy.hujson:7:5, to tag:nas on 443

the public too, where Funnel is open on `nas`
";
    assert_eq!(who(&tailnet, "nas:443"), expected);
    assert_eq!(
        who(&tailnet, "100.64.0.10:443/udp")
            .lines()
            .filter(|line| line.contains(" as "))
            .count(),
        2
    );
    assert!(who(&tailnet, "nas:5000").contains("nobody can reach it"));
    let ping = tailnet.who_can_reach(&target("nas/icmp")).expect("an answer");
    assert_eq!(
        (ping.people.len(), ping.rules.len()),
        (2, 2),
        "any rule lets pings through"
    );
    assert!(tailnet.who_can_reach(&target("nowhere:1")).is_err());
    assert!(
        tailnet.who_can_reach(&target("lan:80")).is_err(),
        "which host of it?"
    );
}

#[test]
fn a_host_behind_a_router_is_reached_by_the_router() {
    let tailnet = tailnet(RULES);
    let answer = tailnet
        .who_can_reach(&target("192.168.1.7:80"))
        .expect("an answer");
    assert_eq!(
        (&*answer.carriers[0].device, answer.carriers[0].kind.as_str()),
        ("router", "subnet_router")
    );
    assert_eq!(&*answer.tagged[0].device, "exit");
    assert!(answer.people.is_empty());
    assert!(
        answer.conditions[0].contains("accept routes"),
        "{:?}",
        answer.conditions
    );
}

#[test]
fn reachable_is_all_that_somebody_can_reach() {
    let tailnet = tailnet(RULES);
    let text = tailnet
        .reachable_from("alice@example.com")
        .expect("an answer")
        .to_string();
    assert!(
        text.contains("  nas (100.64.0.10, fd7a:115c:a1e0::10) on 22, 443\n"),
        "{text}"
    );
    assert!(
        text.contains("  router (100.64.0.11, fd7a:115c:a1e0::11) on 80\n"),
        "{text}"
    );
    let text = tailnet.reachable_from("tag:exit").expect("an answer").to_string();
    assert_eq!(text, "tag:exit is `exit`\n  router (192.168.1.0/24) on 80\n");
    assert!(
        tailnet
            .reachable_from("tag:media")
            .expect("an answer")
            .reachable
            .is_empty()
    );
    for unknown in [
        "nobody@example.com",
        "tag:other",
        "group:other",
        "10.0.0.1",
        "what",
    ] {
        assert!(tailnet.reachable_from(unknown).is_err(), "{unknown}");
    }
}

fn misses(tailnet: &Tailnet, from: &str, to: &str) -> Vec<NearMissView> {
    let why = tailnet.explain(from, &target(to)).expect("an explanation");
    assert_eq!(why.allowed, Some(false), "{why}");
    why.misses
}

fn kinds(misses: &[NearMissView]) -> Vec<&str> {
    misses.iter().map(|miss| miss.kind.as_str()).collect()
}

#[test]
fn an_explanation_names_the_rule_or_what_comes_near() {
    let tailnet = tailnet(RULES);
    let why = tailnet
        .explain("bob@example.org", &target("nas:443"))
        .expect("an explanation")
        .to_string();
    assert_eq!(
        why,
        "bob@example.org (`desk`) can reach nas:443/tcp\n  as group:family by policy.hujson:7:5, to tag:nas on 443\n"
    );
    let port = misses(&tailnet, "bob@example.org", "nas:22");
    assert_eq!(kinds(&port), ["port", "ping", "visible"]);
    assert_eq!(port[0].message, "a rule lets them reach other ports of it: 443");
    let place = port[0]
        .rule
        .as_ref()
        .and_then(|rule| rule.place.as_ref())
        .map(|place| place.line);
    assert_eq!(place, Some(7));
    let protocol = misses(&tailnet, "bob@example.org", "nas/gre");
    assert_eq!(kinds(&protocol), ["protocol", "ping", "visible"]);
    assert_eq!(
        kinds(&misses(&tailnet, "alice@example.com", "192.168.1.7:80")),
        ["router_not_lan", "visible"]
    );
    assert_eq!(
        kinds(&misses(&tailnet, "exit", "router:80")),
        ["lan_not_router", "tagged", "visible"]
    );
    assert_eq!(
        kinds(&misses(&tailnet, "alice@example.com", "10.1.1.1:80")),
        ["no_route"]
    );
    let tagged = misses(&tailnet, "router", "nas:22");
    assert_eq!(
        (kinds(&tagged), tagged[0].fix.as_str()),
        (vec!["tagged"], "write one of its tags into `src`")
    );
    let tagged = misses(&tailnet, "bob@example.org", "router:8096");
    assert_eq!(
        (kinds(&tagged), tagged[0].fix.as_str()),
        (vec!["tagged"], "write one of its tags into `dst`")
    );
}

#[test]
fn what_is_of_a_device_and_not_of_the_policy_is_said_too() {
    let policy = Policy::parse(&source(
        r#""postures": {"posture:mac": ["node:os == 'macos'"]},
           "acls": [{"action": "accept", "src": ["autogroup:member"], "srcPosture": ["posture:mac"], "dst": ["tag:nas:443"]},
                    {"action": "accept", "src": ["autogroup:member"], "dst": ["tag:media:80", "192.168.7.0/24:*"]}]"#,
    ));
    let at = |text: &str| text.parse::<Timestamp>().expect("a moment");
    let route = "192.168.7.0/24".parse().expect("a prefix");
    let address = |last: u8| [std::net::IpAddr::from([100, 64, 0, last])];
    let roster = Roster::new(
        [
            Device::new("nas")
                .with_tags(["tag:nas"])
                .with_addresses(address(1))
                .with_ssh(true),
            Device::new("shy")
                .with_tags(["tag:media"])
                .with_addresses(address(2))
                .with_shields_up(true),
            Device::new("router")
                .with_tags(["tag:router"])
                .with_addresses(address(3))
                .with_advertised([route]),
            Device::new("mac")
                .with_user("alice@example.com")
                .with_addresses(address(4))
                .with_attribute("node:os", Attribute::Text("macos".to_owned()))
                .with_key_expiry(at("2027-01-31T00:00:00Z")),
            Device::new("other")
                .with_user("bob@example.org")
                .with_addresses(address(5)),
            Device::new("linux")
                .with_user("carol@example.com")
                .with_addresses(address(6))
                .with_attribute("node:os", Attribute::Text("linux".to_owned())),
        ],
        [],
    );
    let before = Tailnet::new(policy.expect("a policy"), roster)
        .expect("a tailnet")
        .at(at("2027-01-01T00:00:00Z"));
    let after = before.clone().at(at("2027-02-01T00:00:00Z"));
    let people = before
        .who_can_reach(&target("nas:443"))
        .expect("an answer")
        .people;
    assert_eq!(
        people.iter().map(|person| &*person.login).collect::<Vec<_>>(),
        ["alice@example.com", "bob@example.org"]
    );
    assert!(people[0].conditions.is_empty());
    assert!(
        people[1].conditions[0].contains("posture"),
        "{:?}",
        people[1].conditions
    );
    assert!(
        before
            .explain("mac", &target("nas:443"))
            .expect("an explanation")
            .allowed
            == Some(true)
    );
    // What is not known is no denial.
    let unknown = before
        .explain("other", &target("nas:443"))
        .expect("an explanation");
    assert_eq!(
        (unknown.allowed, unknown.conditions[0].as_str()),
        (
            None,
            "`other` only if its posture is as the rule asks, which is not known"
        )
    );
    assert_eq!(
        unknown.rules[0].postures,
        ["posture:mac"],
        "by the rule that asks for it"
    );
    let from = before.reachable_from("other").expect("an answer").to_string();
    assert!(
        from.contains("nas (100.64.0.1) on 443\n    `other` only if its posture"),
        "{from}"
    );
    assert_eq!(
        misses(&before, "linux", "nas:443")[0].message,
        "the posture of `linux` is not as the rule asks"
    );
    assert_eq!(kinds(&misses(&after, "mac", "nas:443"))[0], "expired");
    let late = &after.who_can_reach(&target("nas:443")).expect("an answer").people[0];
    assert!(late.conditions[0].contains("2027-01-31"), "{:?}", late.conditions);
    assert_eq!(kinds(&misses(&before, "other", "shy:80"))[0], "refuses");
    assert!(
        before
            .who_can_reach(&target("shy:80"))
            .expect("an answer")
            .people
            .is_empty()
    );
    assert_eq!(
        kinds(&misses(&before, "other", "192.168.7.9:80")),
        ["route_not_approved"]
    );
    let ssh = before
        .who_can_reach(&target("nas:22"))
        .expect("an answer")
        .conditions;
    assert!(ssh[0].contains("a rule of `ssh`"), "{ssh:?}");
}

#[test]
fn a_difference_says_who_gains_and_who_loses_what() {
    let old = tailnet(RULES);
    let newer = source(
        r#""acls": [
            {"action": "accept", "src": ["alice@example.com", "tag:exit"], "dst": ["tag:nas:443-444", "lan:*"]},
            {"action": "accept", "src": ["alice@example.com"], "dst": ["tag:nas:22", "tag:router:80"]},
            {"action": "accept", "src": ["bob@example.org"], "dst": ["autogroup:self:*"]},
            {"action": "accept", "src": ["bob@example.org"], "proto": "tcp", "dst": ["alice@example.com:8096"]},
        ]"#,
    );
    let diff = old
        .diff(Policy::parse(&newer).expect("a policy"))
        .expect("a difference")
        .to_string();
    let mut lines: Vec<&str> = diff.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "+ alice@example.com, tag:exit: `nas` on 444",
            "+ alice@example.com, tag:exit: `router` with 192.168.1.0/24 behind on 0-79, 81-65535",
            "+ alice@example.com: `router` with 192.168.1.0/24 behind on 80",
            "+ tag:exit: `nas` on 443",
            "- bob@example.org: `laptop`, `phone` on udp:8096",
            "- bob@example.org: `nas` on 443",
            "- tag:media, tag:nas: the attribute funnel",
        ]
    );
    assert!(
        old.diff(old.policy().clone())
            .expect("nothing")
            .to_string()
            .contains("nobody gains")
    );
}
