//! Each rule fires, and stays silent where one of its conditions does not hold.

use jiff::Timestamp;

use super::*;

/// ann owns the tailnet, ben is a member; each has a device, and there are a server, a router and an exit node.
const INSTANCE: &str = "[hosts.nas]\naddresses = ['100.64.0.10', '192.168.1.10']\n[projects.photos]\nhosts = ['nas']\n\
    [people.ann]\nlogin = 'ann@example.org'\ntailnet_role = 'owner'\n\
    [people.ben]\nlogin = 'ben@example.org'\ntailnet_role = 'member'\n\
    [tailnet]\npolicy = 'policy.hujson'\n\
    [[tailnet.devices]]\nname = 'laptop'\naddresses = ['100.64.0.1']\nuser = 'ann@example.org'\n\
    [[tailnet.devices]]\nname = 'phone'\naddresses = ['100.64.0.2']\nuser = 'ben@example.org'\n\
    [[tailnet.devices]]\nname = 'nas'\naddresses = ['100.64.0.10']\ntags = ['tag:nas']\n";
const EXIT: &str = "[[tailnet.devices]]\nname = 'exit'\naddresses = ['100.64.0.11']\ntags = ['tag:exit']\n\
    advertised = ['0.0.0.0/0']\n";
/// Without devices that the file declares, nobody knows who there is.
const NOBODY: &str = "[tailnet]\npolicy = 'policy.hujson'\n";
const PHOTOS: &str = "services: { server: { image: photos, ports: ['100.64.0.10:2283:2283'] } }";
const GOOD: &str = r#""acls": [{"action": "accept", "src": ["ann@example.org"], "dst": ["tag:nas:2283"]}]"#;

fn policy(sections: &str) -> String {
    format!(
        "{{\"groups\": {{\"group:family\": [\"ann@example.org\", \"ben@example.org\"], \"group:empty\": []}},\n\
         \"tagOwners\": {{\"tag:nas\": [], \"tag:exit\": [\"autogroup:admin\"]}},\n{sections}\n}}"
    )
}

fn lab(instance: &str, sections: &str, compose: &str, toml: &str) -> Vec<(&'static str, u32, String)> {
    let policy = policy(sections);
    let lab = Lab::from_texts(
        "home",
        [
            ("instance.toml", instance),
            ("policy.hujson", policy.as_str()),
            ("photos/compose.yaml", compose),
            ("lab.toml", toml),
        ],
    );
    let report = lab.audit(&Observed::none(Timestamp::UNIX_EPOCH));
    let of_tailnet = |finding: &&Finding| finding.rule().id.starts_with("tailnet.");
    let line = |finding: &Finding| finding.place().map_or(0, Span::line);
    let found = report.findings().iter().filter(of_tailnet);
    let mut found: Vec<_> = found
        .map(|finding| (finding.rule().id, line(finding), finding.message().to_owned()))
        .collect();
    found.sort();
    found
}

/// What is said of a policy over all devices, an exit node too.
fn said(sections: &str) -> Vec<(&'static str, u32)> {
    let instance = format!("{INSTANCE}{EXIT}");
    let found = lab(&instance, sections, PHOTOS, "");
    found.into_iter().map(|(rule, line, _)| (rule, line)).collect()
}

fn acls(rule: &str) -> Vec<(&'static str, u32)> {
    said(&format!("\"acls\": [\n{rule}]"))
}

#[test]
fn a_policy_that_gives_what_is_needed_is_fine() {
    assert_eq!(said(GOOD), []);
    let lab = Lab::from_texts(
        "home",
        [(
            "instance.toml",
            INSTANCE.replace("policy = 'policy.hujson'\n", "").as_str(),
        )],
    );
    assert_eq!(
        lab.tailnet_findings(&[], &Observed::none(Timestamp::UNIX_EPOCH)),
        [],
        "no policy, no question"
    );
}

#[test]
fn a_policy_that_is_refused_says_where() {
    let refused = lab(
        INSTANCE,
        "\"acls\": [\n{\"action\": \"accept\", \"src\": [\"tag:nsa\"], \"dst\": [\"*:*\"]}]",
        PHOTOS,
        "",
    );
    assert_eq!(
        refused,
        [(
            "tailnet.refused-policy",
            4,
            "src=tag not found: \"tag:nsa\"".to_owned()
        )]
    );
    let broken = lab(INSTANCE, "\"acls\": [} ", PHOTOS, "");
    assert_eq!((broken[0].0, broken[0].1), ("tailnet.refused-policy", 3));
    assert_eq!(sentence("correct the file"), "Correct the file.");
    let absent = lab(
        &INSTANCE.replace("policy.hujson", "other.hujson"),
        GOOD,
        PHOTOS,
        "",
    );
    assert_eq!(absent[0].0, "tailnet.refused-policy");
    assert!(
        absent[0].2.ends_with("there is no file `other.hujson`"),
        "{absent:?}"
    );
}

#[test]
fn a_test_that_fails_is_said_where_all_devices_are_known() {
    let tests = |entry: &str| format!("{GOOD},\n\"tests\": [{{\"src\": \"ben@example.org\", {entry}}}]");
    let fails = tests(r#""accept": ["tag:nas:2283"]"#);
    assert_eq!(said(&fails), [("tailnet.failed-test", 4)]);
    assert_eq!(said(&tests(r#""deny": ["tag:nas:2283"]"#)), []);
    let unknown = lab(NOBODY, &fails, PHOTOS, "");
    assert!(
        unknown.iter().all(|(rule, ..)| *rule != "tailnet.failed-test"),
        "{unknown:?}"
    );
}

#[test]
fn a_key_that_is_written_twice_is_said() {
    assert_eq!(
        said(&format!("\"acls\": [],\n{GOOD}")),
        [("tailnet.unclear-policy", 4)]
    );
}

#[test]
fn everything_for_everybody() {
    assert_eq!(
        acls(r#"{"action": "accept", "src": ["*"], "dst": ["*:*"]}"#),
        [("tailnet.allow-all", 4)]
    );
    assert_eq!(
        said("\"randomizeClientPort\": false"),
        [("tailnet.allow-all", 1)],
        "no section is all"
    );
    let messages = |sections: &str| {
        let found = lab(INSTANCE, sections, PHOTOS, "");
        found
            .into_iter()
            .map(|(_, _, message)| message)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        messages("\"randomizeClientPort\": false"),
        ["there is neither `acls` nor `grants`, which means that all is allowed"]
    );
    assert_eq!(
        messages(r#""acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]"#),
        ["every port of every device is open to `*`"]
    );
    assert_eq!(
        said("\"grants\": [\n{\"src\": [\"*\"], \"dst\": [\"*\"], \"ip\": [\"tcp:*\"]}]"),
        [("tailnet.allow-all", 4)]
    );
    for rule in [
        r#"{"action": "accept", "src": ["*"], "dst": ["*:443"]}"#,
        r#"{"action": "accept", "src": ["*"], "dst": ["tag:nas:*"]}"#,
        r#"{"action": "accept", "src": ["ann@example.org"], "dst": ["*:*"]}"#,
        r#"{"action": "accept", "src": ["*"], "proto": "udp", "dst": ["*:*"]}"#,
    ] {
        assert_eq!(acls(rule), [], "{rule}");
    }
    let posture = "\"postures\": {\"posture:new\": [\"node:os == 'linux'\"]}, \"acls\": [\n\
        {\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"], \"srcPosture\": [\"posture:new\"]}]";
    assert_eq!(said(posture), [], "not everybody");
}

#[test]
fn everything_for_every_member() {
    let rule = |who: &str, to: &str| {
        acls(&format!(
            r#"{{"action": "accept", "src": ["{who}"], "dst": ["{to}"]}}"#
        ))
    };
    assert_eq!(
        rule("autogroup:member", "*:*"),
        [("tailnet.members-to-everything", 4)]
    );
    assert_eq!(rule("autogroup:owner", "*:*"), []);
    assert_eq!(rule("autogroup:member", "tag:nas:*"), []);
    assert_eq!(rule("autogroup:member", "autogroup:self:*"), []);
}

#[test]
fn a_tag_has_an_owner() {
    let instance = format!(
        "{INSTANCE}[[tailnet.devices]]\nname = 'tv'\naddresses = ['100.64.0.12']\ntags = ['tag:tv']\n"
    );
    let found = lab(&instance, GOOD, PHOTOS, "");
    assert_eq!(
        (found[0].0, found[0].2.as_str(), found.len()),
        (
            "tailnet.tag-without-owner",
            "`tag:tv` is on a device, and not in `tagOwners`",
            1
        )
    );
    let owned = |owners: &str| {
        let text = format!(
            "{{\"groups\": {{\"group:empty\": [], \"group:a\": [\"ann@example.org\"]}},\n\"tagOwners\": {{\"tag:nas\": [{owners}]}}, {GOOD}}}"
        );
        let lab = Lab::from_texts(
            "home",
            [("instance.toml", INSTANCE), ("policy.hujson", text.as_str())],
        );
        lab.tailnet_findings(&[], &Observed::none(Timestamp::UNIX_EPOCH))
            .len()
    };
    assert_eq!(owned("\"group:empty\""), 1);
    for fine in [
        "",
        "\"group:a\"",
        "\"group:empty\", \"group:a\"",
        "\"autogroup:admin\"",
        "\"tag:nas\"",
    ] {
        assert_eq!(owned(fine), 0, "{fine}");
    }
}

#[test]
fn a_rule_that_matches_nothing() {
    let rule = |who: &str, to: &str| format!(r#"{{"action": "accept", "src": ["{who}"], "dst": ["{to}"]}}"#);
    let unmatched = [("tailnet.unmatched-rule", 4)];
    assert_eq!(acls(&rule("group:empty", "tag:nas:1")), unmatched);
    assert_eq!(acls(&rule("carl@example.org", "tag:nas:1")), unmatched);
    assert_eq!(acls(&rule("group:family", "192.168.7.1:1")), unmatched);
    assert_eq!(
        acls(r#"{"action": "accept", "src": [], "dst": ["tag:nas:1"]}"#),
        unmatched
    );
    assert_eq!(acls(&rule("tag:nas", "group:empty:1")), unmatched);
    for (who, to) in [
        ("group:family", "tag:nas:1"),
        ("group:family", "100.64.0.10:1"),
        ("autogroup:member", "autogroup:self:1"),
        ("autogroup:shared", "tag:nas:1"),
        ("group:of@example.org", "tag:nas:1"),
        ("192.168.7.1", "tag:nas:1"),
        ("*", "*:1"),
    ] {
        assert_eq!(acls(&rule(who, to)), [], "{who} to {to}");
    }
    let passkeys = rule("user:*@passkey", "tag:nas:1");
    assert_eq!(acls(&passkeys), [], "no list of the lab has them");
    let roleless = INSTANCE
        .replace("tailnet_role = 'owner'\n", "")
        .replace("tailnet_role = 'member'\n", "");
    let admins = |instance: &str| {
        let sections = format!("\"acls\": [\n{}]", rule("autogroup:billing-admin", "tag:nas:1"));
        lab(instance, &sections, PHOTOS, "").len()
    };
    assert_eq!(
        (admins(INSTANCE), admins(&roleless)),
        (1, 0),
        "who has which role must be known"
    );
    assert_eq!(
        lab(
            &format!("{INSTANCE}{EXIT}"),
            &format!("\"acls\": [{}]", rule("group:empty", "192.168.7.1:1")),
            PHOTOS,
            ""
        )
        .into_iter()
        .map(|(_, _, message)| message)
        .collect::<Vec<_>>(),
        ["it is for nobody: no person and no device is meant by its `src`"],
        "one thing at a time"
    );
    let people_alone = "[people.ann]\nlogin = 'ann@example.org'\ntailnet_role = 'owner'\n\
        [tailnet]\npolicy = 'policy.hujson'\ndevices = []\n";
    let to_all = lab(
        people_alone,
        &format!("\"acls\": [{}]", rule("ann@example.org", "*:1")),
        PHOTOS,
        "",
    );
    assert!(
        to_all.iter().all(|(rule, ..)| *rule == "tailnet.unmatched-rule"),
        "{to_all:?}"
    );
    let unknown = lab(
        NOBODY,
        &format!("\"acls\": [{}]", rule("carl@example.org", "tag:nas:1")),
        PHOTOS,
        "",
    );
    assert_eq!(unknown, [], "nobody has said who there is");
    let known = lab(
        NOBODY,
        &format!("\"acls\": [{}]", rule("group:empty", "tag:nas:1")),
        PHOTOS,
        "",
    );
    assert_eq!(known.len(), 1, "its own words say so");
    let nowhere = format!("\"acls\": [{}]", rule("tag:nas", "group:empty:1"));
    assert_eq!(lab(NOBODY, &nowhere, PHOTOS, "").len(), 1, "and so do these");
}

const FUNNELLED: &str = "services:\n  server: { image: photos, network_mode: 'service:tail' }\n  tail:\n    \
    image: tailscale/tailscale\n    environment: { TS_HOSTNAME: nas, TS_SERVE_CONFIG: /serve.json }\n    \
    configs: [serve]\nconfigs:\n  serve:\n    \
    content: '{\"Web\": {\"nas:443\": {\"Handlers\": {\"/\": {\"Proxy\": \"http://127.0.0.1:80\"}}}}, \"AllowFunnel\": {\"nas:443\": FUNNEL}}'\n";

#[test]
fn funnel_is_for_those_who_use_it() {
    let told = |target: &str, compose: &str| {
        let sections =
            format!("{GOOD},\n\"nodeAttrs\": [{{\"target\": [\"{target}\"], \"attr\": [\"funnel\"]}}]");
        let found = lab(INSTANCE, &sections, compose, "");
        found
            .into_iter()
            .map(|(rule, line, _)| (rule, line))
            .collect::<Vec<_>>()
    };
    let wide = [("tailnet.wide-funnel", 4)];
    let (open, shut) = (
        FUNNELLED.replace("FUNNEL", "true"),
        FUNNELLED.replace("FUNNEL", "false"),
    );
    assert_eq!(told("autogroup:member", &open), wide, "more than the one");
    assert_eq!(told("tag:nas", &open), []);
    assert_eq!(told("tag:nas", &shut), wide, "nobody uses it");
    let unseen = shut.replace("configs: [serve]", "volumes: ['elsewhere:/']");
    assert_eq!(told("tag:nas", &unseen), [], "who knows");
    let message = |compose: &str| {
        let sections = format!("{GOOD},\n\"nodeAttrs\": [{{\"target\": [\"*\"], \"attr\": [\"funnel\"]}}]");
        let found = lab(INSTANCE, &sections, compose, "");
        found
            .into_iter()
            .map(|(_, _, message)| message)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        message(&shut),
        ["`*` may open ports to the internet, and no service of the lab uses Funnel"]
    );
    assert_eq!(message(&unseen), ["`*` may open ports to the internet"]);
    assert_eq!(
        message(&open),
        ["`*` may open ports to the internet, and what uses Funnel is `nas:photos/server`"]
    );
    // Routes of something else that nobody sees are no Funnel.
    let proxied = "services: { server: { image: photos }, tunnel: { image: cloudflare/cloudflared, \
        command: tunnel run, environment: { TUNNEL_TOKEN: '$T' } } }";
    assert_eq!(told("tag:nas", proxied), wide);
    assert_eq!(
        lab(
            INSTANCE,
            &format!("{GOOD}, \"nodeAttrs\": [{{\"target\": [\"*\"], \"attr\": [\"nextdns:a\"]}}]"),
            PHOTOS,
            ""
        ),
        []
    );
}

#[test]
fn an_exit_node_is_for_some() {
    let rule = |who: &str| {
        format!(
            "\"acls\": [\n{{\"action\": \"accept\", \"src\": [\"{who}\"], \"dst\": [\"autogroup:internet:*\"]}}]"
        )
    };
    assert_eq!(
        said(&rule("autogroup:member")),
        [("tailnet.exit-node-for-everyone", 4)]
    );
    assert_eq!(said(&rule("*")), [("tailnet.exit-node-for-everyone", 4)]);
    assert_eq!(said(&rule("ann@example.org")), []);
    let none = lab(INSTANCE, &rule("autogroup:member"), PHOTOS, "");
    assert!(
        none.iter().all(|(rule, ..)| *rule == "tailnet.unmatched-rule"),
        "there is none: {none:?}"
    );
}

#[test]
fn a_published_port_goes_past_the_policy() {
    let open = "services: { server: { image: photos, ports: ['2283:2283'] } }";
    let past = |sections: &str, compose: &str, toml: &str| {
        let found = lab(INSTANCE, sections, compose, toml);
        found
            .into_iter()
            .map(|(rule, _, message)| (rule, message))
            .collect::<Vec<_>>()
    };
    let message = "by the tailnet `ben@example.org` cannot reach `nas:2283/tcp`, and the local network reaches it by 2283 -> 2283/tcp";
    assert_eq!(
        past(GOOD, open, ""),
        [("tailnet.published-past-policy", message.to_owned())]
    );
    assert_eq!(past(GOOD, PHOTOS, ""), [], "only the tailnet comes in");
    assert_eq!(
        past(GOOD, open, "[policy]\nreach = 'lan'"),
        [],
        "somebody has said so"
    );
    let all = GOOD.replace("ann@example.org", "group:family");
    assert_eq!(past(&all, open, ""), [], "everybody may");
    assert_eq!(
        past(&GOOD.replace("2283", "22"), open, ""),
        [],
        "the policy is not about it"
    );
    let evidence = |sections: &str| {
        let policy = policy(sections);
        let texts = [
            ("instance.toml", INSTANCE),
            ("policy.hujson", &policy),
            ("photos/compose.yaml", open),
        ];
        let report = Lab::from_texts("home", texts).audit(&Observed::none(Timestamp::UNIX_EPOCH));
        let past = report
            .findings()
            .iter()
            .find(|finding| finding.rule().id == BYPASS.id);
        let evidence = past.expect("it goes past").evidence().iter();
        evidence
            .filter_map(|one| Some(one.place()?.line()))
            .collect::<Vec<_>>()
    };
    let acl = "{\"action\": \"accept\", \"src\": [\"ben@example.org\"], \"dst\": [\"tag:nas:22\"]},\n\
        {\"action\": \"accept\", \"src\": [\"ann@example.org\"], \"dst\": [\"tag:nas:2283\"]}";
    assert_eq!(
        evidence(&format!("\"acls\": [\n{acl}]")),
        [5],
        "the rule that lets some in"
    );
    let grant = "{\"src\": [\"ben@example.org\"], \"dst\": [\"tag:nas\"], \"ip\": [\"22\"]},\n\
        {\"src\": [\"ann@example.org\"], \"dst\": [\"tag:nas\"], \"ip\": [\"2283\"]}";
    assert_eq!(evidence(&format!("\"grants\": [\n{grant}]")), [5]);
    let anywhere = GOOD.replace("tag:nas:2283", "*:2283");
    assert_eq!(past(&anywhere, open, ""), [], "nor is a rule about all devices");
}
