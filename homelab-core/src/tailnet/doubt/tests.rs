//! What is not known is neither yes nor no: in every question the same.

use std::net::IpAddr;

use crate::error::ErrorKind;
use crate::span::Source;
use crate::tailnet::{Device, Policy, Role, Roster, Tailnet, Target, User};
use crate::view::WhoCanReachView;

const ANN: &str = "ann@example.org";
const BEN: &str = "ben@example.org";

fn device(name: &str, last: u8) -> Device {
    Device::new(name).with_addresses([IpAddr::from([100, 64, 0, last])])
}

/// ann and ben with a device each, a server, and a device of which nobody says whose it is; zoe has none.
fn roster() -> Roster {
    Roster::new(
        [
            device("phone", 1).with_user(ANN),
            device("desk", 2).with_user(BEN),
            device("nas", 3).with_tags(["tag:nas"]),
        ],
        [User::new(ANN), User::new(BEN), User::new("zoe@example.org")],
    )
}

fn policy(rules: &str) -> Policy {
    let text = format!(
        r#"{{"groups": {{"group:late": ["zoe@example.org"], "group:both": ["{ANN}", "{BEN}"]}},
        "tagOwners": {{"tag:nas": [], "tag:ghost": []}}, {rules}}}"#
    );
    Policy::parse(&Source::new("policy.hujson", text)).expect("a policy")
}

fn over(rules: &str, roster: Roster) -> Tailnet {
    Tailnet::new(policy(rules), roster).expect("a tailnet")
}

fn grant(source: &str, to: &str) -> String {
    format!(r#""grants": [{{"src": ["{source}"], "dst": ["{to}"], "ip": ["tcp:443"]}}]"#)
}

fn target(text: &str) -> Target {
    text.parse().expect("a target")
}

fn who(tailnet: &Tailnet, to: &str) -> WhoCanReachView {
    tailnet.who_can_reach(&target(to)).expect("an answer")
}

/// Of each person and device that may come in: its name, and the first condition.
fn lines(answer: &WhoCanReachView) -> Vec<String> {
    let line = |name: &str, conditions: &[String]| match conditions {
        [] => name.to_owned(),
        conditions => format!("{name}: {}", conditions.join("; ")),
    };
    let people = answer
        .people
        .iter()
        .map(|person| line(&person.login, &person.conditions));
    let devices = answer
        .tagged
        .iter()
        .map(|device| line(&device.device, &device.conditions));
    let ranges = answer.ranges.iter().map(|range| range.range.clone());
    people.chain(devices).chain(ranges).collect()
}

#[test]
fn whose_role_is_not_known_may_have_it() {
    let rule = grant("autogroup:admin", "tag:nas");
    let tailnet = over(&rule, roster());
    let found = lines(&who(&tailnet, "nas:443"));
    assert_eq!(
        found[..2],
        [
            format!("{ANN}: `phone` only if {ANN} is of autogroup:admin, which is not known"),
            format!("{BEN}: `desk` only if {BEN} is of autogroup:admin, which is not known"),
        ]
    );
    assert!(
        found[2].starts_with("zoe@example.org: zoe@example.org has no device yet"),
        "{found:?}"
    );
    let why = tailnet.explain(ANN, &target("nas:443")).expect("an explanation");
    assert_eq!(why.allowed, None, "{why}");
    assert_eq!(&*why.by[0].through, "autogroup:admin");
    assert!(
        why.to_string()
            .starts_with("ann@example.org (`phone`) may reach nas:443/tcp\n"),
        "{why}"
    );
    let from = tailnet.reachable_from(ANN).expect("an answer");
    assert_eq!(from.reachable[0].conditions.len(), 1, "{from}");
    let error = tailnet
        .reachable_from("autogroup:admin")
        .expect_err("nobody knows who");
    assert!(
        error.hint().is_some_and(|hint| hint.contains("--users")),
        "{error}"
    );

    // Known roles leave nothing open, and there is one owner.
    let users = [
        User::new(ANN).with_role(Role::Owner),
        User::new(BEN).with_role(Role::Member),
    ];
    let known = Roster::new(roster().devices().to_vec(), users);
    assert_eq!(lines(&who(&over(&rule, known.clone()), "nas:443")), [ANN]);
    let users = [User::new(ANN).with_role(Role::Owner), User::new(BEN)];
    let owner = Roster::new(known.devices().to_vec(), users);
    let of_owner = over(&grant("autogroup:owner", "tag:nas"), owner.clone());
    assert_eq!(lines(&who(&of_owner, "nas:443")), [ANN]);
    assert_eq!(
        lines(&who(&over(&rule, owner), "nas:443")).len(),
        2,
        "ben may be an admin"
    );
}

#[test]
fn a_role_may_be_what_a_rule_is_to() {
    let tailnet = over(&grant("tag:nas", "autogroup:admin"), roster());
    let found = lines(&who(&tailnet, "phone:443"));
    assert_eq!(
        found,
        [format!(
            "nas: `nas` only if {ANN} is of autogroup:admin, which is not known"
        )]
    );
    assert!(
        tailnet.filters()["phone"].is_empty(),
        "the filter is what is sure"
    );
}

#[test]
fn members_that_are_in_no_file_may_be_anybody() {
    let tailnet = over(&grant("group:eng@example.org", "tag:nas"), roster());
    let found = lines(&who(&tailnet, "nas:443"));
    assert!(
        found[0].ends_with("`phone` only if ann@example.org is of group:eng@example.org, which is not known"),
        "{found:?}"
    );
    assert_eq!(
        tailnet
            .explain(BEN, &target("nas:443"))
            .expect("an explanation")
            .allowed,
        None
    );
    let error = tailnet
        .reachable_from("group:eng@example.org")
        .expect_err("nobody knows who");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("identity provider"), "{error}");

    let shared = who(&over(&grant("autogroup:shared", "tag:nas"), roster()), "nas:443");
    assert_eq!(lines(&shared), ["autogroup:shared"], "whoever that is");
    assert!(!shared.to_string().contains("nobody can reach it"), "{shared}");
    let all = who(&over(&grant("*", "tag:nas"), roster()), "nas:443");
    assert!(
        all.conditions.iter().any(|one| one.contains("are shared")),
        "{:?}",
        all.conditions
    );
}

#[test]
fn who_has_no_device_yet_is_named() {
    let tailnet = over(&grant("group:late", "tag:nas"), roster());
    let answer = who(&tailnet, "nas:443");
    assert_eq!(
        lines(&answer),
        ["zoe@example.org: zoe@example.org has no device yet, and comes in with the first"]
    );
    let of_policy = over(&grant("dave@example.org", "tag:nas"), roster());
    assert_eq!(&*who(&of_policy, "nas:443").people[0].login, "dave@example.org");
    for (tailnet, name) in [
        (&tailnet, "zoe@example.org"),
        (&tailnet, "group:late"),
        (&of_policy, "dave@example.org"),
        (&over(&grant("tag:ghost", "tag:nas"), roster()), "tag:ghost"),
    ] {
        let from = tailnet.reachable_from(name).expect("an answer");
        assert_eq!(from.reachable.len(), 1, "{from}");
        assert!(
            from.reachable[0].conditions[0].contains("from the first on"),
            "{from}"
        );
        let why = tailnet.explain(name, &target("nas:443")).expect("an explanation");
        assert_eq!((why.allowed, why.devices.len()), (None, 0), "{why}");
        let not = tailnet.explain(name, &target("nas:22")).expect("an explanation");
        assert_eq!(not.allowed, Some(false), "{not}");
    }
    assert!(tailnet.reachable_from("nobody@example.org").is_err());
    // Whom only the policy names is no member for it.
    let members = who(&over(&grant("autogroup:member", "tag:nas"), roster()), "nas:443");
    assert!(
        members
            .people
            .iter()
            .all(|person| !person.login.starts_with("dave"))
    );
}

#[test]
fn a_device_of_nobody_may_be_anybodys() {
    let with_bare = roster().with(Roster::new([device("bare", 9)], []));
    let clause = |source: &str| {
        let found = lines(&who(
            &over(&grant(source, "tag:nas"), with_bare.clone()),
            "nas:443",
        ));
        let line = found.iter().find(|line| line.starts_with("bare"));
        line.unwrap_or_else(|| panic!("{source}: {found:?}")).clone()
    };
    assert_eq!(
        clause(ANN),
        "bare: `bare` only if `bare` is a device of ann@example.org, which is not known"
    );
    assert_eq!(
        clause("tag:nas"),
        "bare: `bare` only if `bare` has tag:nas, which is not known"
    );
    assert_eq!(
        clause("autogroup:member"),
        "bare: `bare` only if `bare` is of autogroup:member, which is not known"
    );
    assert_eq!(clause("100.64.0.9"), "bare", "its address is known");

    let to = over(&grant(ANN, "tag:nas"), with_bare.clone());
    let found = lines(&who(&to, "bare:443"));
    assert_eq!(
        found[0],
        format!("{ANN}: `phone` only if `bare` has tag:nas, which is not known")
    );
    assert_eq!(
        to.explain(BEN, &target("bare:443"))
            .expect("an explanation")
            .allowed,
        Some(false)
    );
    let own = over(&grant(ANN, "autogroup:self"), with_bare);
    assert_eq!(
        own.explain(ANN, &target("bare:443"))
            .expect("an explanation")
            .allowed,
        None
    );
    assert_eq!(
        own.explain("bare", &target("phone:443"))
            .expect("an explanation")
            .allowed,
        None
    );
    assert_eq!(
        own.explain(BEN, &target("bare:443"))
            .expect("an explanation")
            .allowed,
        Some(false)
    );
}

#[test]
fn a_service_is_reached_by_the_rules_that_name_it() {
    let rules = r#""grants": [{"src": ["ann@example.org"], "dst": ["svc:web"], "ip": ["tcp:443"]}]"#;
    let hosted = roster().with(Roster::new(
        [device("host", 5)
            .with_tags(["tag:nas"])
            .with_services(["svc:web"])],
        [],
    ));
    for (roster, carriers) in [(roster(), 0), (hosted, 1)] {
        let tailnet = over(rules, roster);
        let answer = who(&tailnet, "svc:web:443");
        assert_eq!(answer.carriers.len(), carriers);
        assert_eq!(
            lines(&answer),
            [format!(
                "{ANN}: `phone` only if a device is approved to host `svc:web`, which is not known"
            )]
        );
        assert!(who(&tailnet, "svc:web:80").people.is_empty());
        let why = tailnet
            .explain(ANN, &target("svc:web:80"))
            .expect("an explanation");
        assert_eq!(why.misses[0].kind, "port", "{why}");
        let from = tailnet.reachable_from(ANN).expect("an answer").to_string();
        assert!(
            from.contains("  svc:web on tcp:443\n    `phone` only if a device is approved"),
            "{from}"
        );
        let error = tailnet
            .who_can_reach(&target("svc:other:443"))
            .expect_err("no such");
        assert!(
            error.to_string().contains("find the service `svc:other`"),
            "{error}"
        );
    }
    // Whether `*` means services too is not documented.
    let any = r#""autoApprovers": {"services": {"svc:web": ["tag:nas"]}},
        "grants": [{"src": ["ann@example.org"], "dst": ["*"], "ip": ["*"]}]"#;
    let found = lines(&who(&over(any, roster()), "svc:web:443"));
    assert!(
        found[0].contains("`*` as `dst` covers services too, which is not known"),
        "{found:?}"
    );
}

#[test]
fn an_ip_set_of_the_internet_leads_out_by_exit_nodes() {
    let exit: Vec<ipnet::IpNet> = ["0.0.0.0/0", "::/0"]
        .map(|text| text.parse().expect("a route"))
        .to_vec();
    let out = device("out", 7)
        .with_tags(["tag:nas"])
        .with_advertised(exit.clone())
        .with_approved(exit);
    let rules = r#""ipsets": {"ipset:net": ["add autogroup:internet", "remove 8.8.4.4"], "ipset:more": ["ipset:net"]},
        "grants": [{"src": ["ann@example.org"], "dst": ["ipset:more"], "ip": ["*"]}]"#;
    let tailnet = over(rules, roster().with(Roster::new([out], [])));
    assert_eq!(lines(&who(&tailnet, "8.8.8.8:53")), [ANN]);
    assert!(who(&tailnet, "8.8.4.4:53").people.is_empty());
    assert!(
        who(&tailnet, "out:53").people.is_empty(),
        "the node itself is not the internet"
    );
    let via = rules.replace(r#""ip": ["*"]"#, r#""ip": ["*"], "via": ["tag:nas"]"#);
    assert_eq!(
        lines(&who(&over(&via, tailnet.roster().clone()), "8.8.8.8:53")),
        [ANN]
    );
}

#[test]
fn the_longest_route_carries_where_its_router_is_seen() {
    let router = |name: &str, last: u8, route: &str| {
        let route: ipnet::IpNet = route.parse().expect("a route");
        device(name, last)
            .with_tags([format!("tag:{name}")])
            .with_advertised([route])
            .with_approved([route])
    };
    let routers = Roster::new(
        [
            router("wide", 11, "10.0.0.0/8"),
            router("narrow", 12, "10.1.0.0/16"),
        ],
        [],
    );
    let rules = |more: &str| {
        format!(
            r#""grants": [{{"src": ["ann@example.org"], "dst": ["10.1.2.3"], "ip": ["*"], "via": ["tag:wide"]}}{more}]"#
        )
    };
    let tailnet = |more: &str| {
        let text = format!(
            r#"{{"tagOwners": {{"tag:nas": [], "tag:wide": [], "tag:narrow": []}}, {}}}"#,
            rules(more)
        );
        let policy = Policy::parse(&Source::new("policy.hujson", text)).expect("a policy");
        Tailnet::new(policy, roster().with(routers.clone())).expect("a tailnet")
    };
    let alone = tailnet("");
    assert_eq!(
        lines(&who(&alone, "10.1.2.3:80")),
        [ANN],
        "she sees no other router"
    );
    let seen = tailnet(r#", {"src": ["ann@example.org"], "dst": ["tag:narrow"], "ip": ["tcp:22"]}"#);
    let answer = who(&seen, "10.1.2.3:80");
    assert!(
        answer.people.is_empty(),
        "her packets go to the other, which lets her no further: {answer}"
    );
    let both = tailnet(r#", {"src": ["ann@example.org"], "dst": ["10.1.0.0/16"], "ip": ["*"]}"#);
    let answer = who(&both, "10.1.2.3:80");
    assert_eq!(lines(&answer), [ANN]);
    assert!(
        answer
            .conditions
            .iter()
            .all(|one| !one.contains("carries it at a time")),
        "one route is longer: {:?}",
        answer.conditions
    );
}

#[test]
fn of_several_it_is_said_which() {
    let tailnet = over(&grant(ANN, "tag:nas"), roster());
    let why = tailnet
        .explain("group:both", &target("nas:443"))
        .expect("an explanation");
    assert_eq!(
        (why.allowed, why.conditions),
        (Some(true), vec!["only from `phone`".to_owned()])
    );
    let from = tailnet.reachable_from("group:both").expect("an answer");
    assert_eq!(from.reachable[0].conditions, ["only from `phone`"]);
}

#[test]
fn one_name_of_two_devices_is_no_name() {
    let twins = Roster::new([device("x", 21), device("x", 22)], []);
    let tailnet = over(&grant(ANN, "tag:nas"), roster().with(twins));
    let error = tailnet.who_can_reach(&target("x:443")).expect_err("which?");
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert!(
        error.hint().is_some_and(|hint| hint.contains("`x#4`")),
        "{error:?}"
    );
    assert_eq!(
        tailnet.reachable_from("x").expect_err("which?").kind(),
        ErrorKind::Ambiguous
    );
}

#[test]
fn a_test_of_a_policy_says_all_attributes_that_are_set() {
    let with = |attributes: &str| {
        let rules = format!(
            r#""postures": {{"posture:free": ["custom:locked NOT SET"], "posture:mac": ["node:os == 'macos'"]}},
            "grants": [{{"src": ["{ANN}"], "dst": ["tag:nas"], "ip": ["tcp:443"], "srcPosture": ["posture:free"]}},
                {{"src": ["{ANN}"], "dst": ["tag:nas"], "ip": ["tcp:80"], "srcPosture": ["posture:mac"]}}],
            "tests": [{{"src": "{ANN}", "srcPostureAttrs": {attributes}, "accept": ["tag:nas:443"], "deny": ["tag:nas:80"]}}]"#
        );
        over(&rules, roster()).check().accepted
    };
    assert!(with(r#"{"node:os": "linux"}"#), "what is not listed is not set");
    assert!(!with(r#"{"custom:locked": true}"#));
}
