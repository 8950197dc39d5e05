//! A tailnet of our own: two people with two devices each, a server, a router, an exit node, and what policies come to.

use serde_json::{Value, json};

use super::*;

/// alice owns the tailnet; bob's login is of another domain.
pub(super) fn roster() -> Roster {
    let device = |name: &str, last: u32, user: &str, tags: &[&str], routes: &[&str]| {
        json!({
            "hostname": name, "addresses": [format!("100.64.0.{last}"), format!("fd7a:115c:a1e0::{last}")],
            "user": user, "tags": tags, "advertisedRoutes": routes, "enabledRoutes": routes,
        })
    };
    let devices = json!({"devices": [
        device("laptop", 1, "alice@example.com", &[], &[]),
        device("phone", 2, "alice@example.com", &[], &[]),
        device("desk", 3, "bob@example.org", &[], &[]),
        device("nas", 10, "alice@example.com", &["tag:nas", "tag:media"], &[]),
        device("router", 11, "alice@example.com", &["tag:router"], &["192.168.1.0/24"]),
        device("exit", 12, "alice@example.com", &["tag:exit"], &["0.0.0.0/0", "::/0"]),
    ]});
    let users = json!({"users": [
        {"loginName": "alice@example.com", "role": "owner"}, {"loginName": "bob@example.org", "role": "member"},
    ]});
    let read =
        |value: Value| Roster::parse(&Source::new("roster.json", value.to_string())).expect("a roster");
    read(devices).with(read(users))
}

/// A policy with the tags and a group, and these sections.
pub(super) fn source(sections: &str) -> Source {
    let text = format!(
        r#"{{
        "groups": {{"group:family": ["alice@example.com", "bob@example.org"], "group:empty": []}},
        "tagOwners": {{"tag:nas": [], "tag:media": [], "tag:router": [], "tag:exit": []}},
        "hosts": {{"lan": "192.168.1.0/24", "box": "100.64.0.10"}},
        "ipsets": {{"ipset:most": ["192.168.1.0/24", "remove 192.168.1.128/25"]}},
        {sections}
    }}"#
    );
    Source::new("policy.hujson", text)
}

pub(super) fn tailnet(sections: &str) -> Tailnet {
    Policy::parse(&source(sections))
        .and_then(|policy| Tailnet::new(policy, roster()))
        .unwrap_or_else(|error| {
            panic!(
                "{sections}: {error}: {:?}",
                std::error::Error::source(&error).map(ToString::to_string)
            )
        })
}

/// `SOURCES -> DESTINATION PORTS` of each rule of a device, short.
fn filter(tailnet: &Tailnet, device: &str) -> Vec<String> {
    let short = |rule: &FilterRuleView| {
        let sources: Vec<&str> = rule
            .src_ips
            .iter()
            .map(String::as_str)
            .filter(|text| !text.contains(':'))
            .collect();
        let to = rule.dst_ports.iter().filter(|to| !to.ip.contains(':'));
        let to: Vec<String> = to
            .map(|to| match (to.ports.first, to.ports.last) {
                (0, 65535) => to.ip.clone(),
                (first, last) if first == last => format!("{} {first}", to.ip),
                (first, last) => format!("{} {first}-{last}", to.ip),
            })
            .collect();
        let protocols: String = rule
            .ip_proto
            .iter()
            .map(|number| format!(" ip{number}"))
            .collect();
        format!("{} -> {}{protocols}", sources.join(","), to.join(","))
    };
    tailnet.filters()[device].iter().map(short).collect()
}

fn peers(tailnet: &Tailnet, device: &str) -> Vec<String> {
    tailnet.peers()[device].iter().map(ToString::to_string).collect()
}

fn acl(rule: &str) -> Tailnet {
    tailnet(&format!(r#""acls": [{rule}]"#))
}

#[test]
fn each_alias_means_its_devices() {
    let to_nas = |source: &str| {
        filter(
            &acl(&format!(
                r#"{{"action": "accept", "src": ["{source}"], "dst": ["tag:nas:443"]}}"#
            )),
            "nas",
        )
    };
    let cases = [
        ("alice@example.com", "100.64.0.1,100.64.0.2"),
        ("ALICE@example.com", "100.64.0.1,100.64.0.2"),
        ("group:family", "100.64.0.1-100.64.0.3"),
        ("autogroup:member", "100.64.0.1-100.64.0.3"),
        ("autogroup:admin", "100.64.0.1,100.64.0.2"),
        ("autogroup:owner", "100.64.0.1,100.64.0.2"),
        ("user:*@example.com", "100.64.0.1,100.64.0.2"),
        ("tag:router", "100.64.0.11"),
        ("autogroup:tagged", "100.64.0.10-100.64.0.12"),
        ("box", "100.64.0.10"),
        ("ipset:most", "192.168.1.0/25"),
        ("10.1.0.0/16", "10.1.0.0/16"),
        (
            "*",
            "100.64.0.0-100.115.91.255,100.115.94.0-100.127.255.255,192.168.1.0/24",
        ),
        ("autogroup:danger-all", "*"),
    ];
    for (source, addresses) in cases {
        let addresses = addresses.replace("100.64.0.1,100.64.0.2", "100.64.0.1-100.64.0.2");
        assert_eq!(
            to_nas(source),
            [format!("{} -> 100.64.0.10 443", sorted(&addresses))],
            "{source}"
        );
    }
    for nobody in [
        "nobody@example.com",
        "group:empty",
        "autogroup:auditor",
        "autogroup:shared",
    ] {
        assert!(to_nas(nobody).is_empty(), "{nobody}");
    }
}

/// Addresses come in their own order, not the text's.
fn sorted(list: &str) -> String {
    let mut parts: Vec<&str> = list.split(',').collect();
    parts.sort_by_key(|part| {
        part.split(['-', '/'])
            .next()
            .and_then(|first| first.parse::<std::net::Ipv4Addr>().ok())
    });
    parts.join(",")
}

#[test]
fn a_device_enforces_what_is_about_it_and_its_routes() {
    let tailnet = acl(
        r#"{"action": "accept", "src": ["tag:nas"], "dst": ["lan:80", "192.168.1.7:22", "tag:exit:*", "box:1-9", "10.0.0.0/8:*"]}"#,
    );
    assert_eq!(
        filter(&tailnet, "router"),
        ["100.64.0.10 -> 192.168.1.0/24 80,192.168.1.7 22"]
    );
    assert_eq!(filter(&tailnet, "exit"), ["100.64.0.10 -> 100.64.0.12"]);
    assert_eq!(filter(&tailnet, "nas"), ["100.64.0.10 -> 100.64.0.10 1-9"]);
    assert!(filter(&tailnet, "laptop").is_empty());
    assert_eq!(peers(&tailnet, "nas"), ["exit", "router"]);
    assert!(tailnet.peers()["laptop"].is_empty());
}

#[test]
fn an_unapproved_route_does_nothing() {
    let policy = Policy::parse(&source(
        r#""acls": [{"action": "accept", "src": ["*"], "dst": ["lan:80"]}]"#,
    ))
    .expect("a policy");
    let route = "192.168.1.0/24".parse().expect("a prefix");
    let router = Device::new("router")
        .with_addresses(["100.64.0.9".parse().expect("an address")])
        .with_advertised([route]);
    let filters = |device: Device| {
        Tailnet::new(policy.clone(), Roster::new([device], []))
            .expect("a tailnet")
            .filters()
    };
    assert!(filters(router.clone())["router"].is_empty());
    assert_eq!(filters(router.with_approved([route]))["router"].len(), 1);
}

#[test]
fn the_internet_is_for_exit_nodes() {
    let tailnet = acl(r#"{"action": "accept", "src": ["bob@example.org"], "dst": ["autogroup:internet:*"]}"#);
    let exit = filter(&tailnet, "exit");
    assert!(
        exit[0].starts_with("100.64.0.3 -> 0.0.0.0-9.255.255.255,11.0.0.0-100.63.255.255,"),
        "{exit:?}"
    );
    assert!(filter(&tailnet, "router").is_empty());
}

#[test]
fn itself_is_each_person_s_own_devices() {
    let tailnet =
        acl(r#"{"action": "accept", "src": ["group:family"], "dst": ["autogroup:self:22", "tag:nas:80"]}"#);
    assert_eq!(
        filter(&tailnet, "phone"),
        ["100.64.0.1-100.64.0.2 -> 100.64.0.2 22"]
    );
    assert_eq!(filter(&tailnet, "desk"), ["100.64.0.3 -> 100.64.0.3 22"]);
    assert_eq!(
        filter(&tailnet, "nas"),
        ["100.64.0.1-100.64.0.3 -> 100.64.0.10 80"]
    );
    assert_eq!(peers(&tailnet, "phone"), ["laptop", "nas"]);
}

#[test]
fn via_is_for_the_devices_that_carry_the_tag_and_the_route() {
    let tailnet = tailnet(
        r#""grants": [
            {"src": ["bob@example.org"], "dst": ["lan"], "ip": ["tcp:80"], "via": ["tag:router"]},
            {"src": ["alice@example.com"], "dst": ["lan"], "ip": ["*"], "via": ["tag:exit"]},
            {"src": ["alice@example.com"], "dst": ["autogroup:internet"], "ip": ["*"], "via": ["tag:router"]},
            {"src": ["tag:nas"], "dst": ["192.168.1.7"], "app": {"example.com/cap/x": [{}]}, "via": ["tag:router"]},
        ]"#,
    );
    assert_eq!(
        filter(&tailnet, "router"),
        ["100.64.0.3 -> 192.168.1.0/24 80 ip6"]
    );
    assert!(filter(&tailnet, "exit").is_empty());
    assert_eq!(
        peers(&tailnet, "router"),
        ["desk", "nas"],
        "capabilities alone make it visible"
    );
}

#[test]
fn without_rules_all_may_and_with_none_nobody_may() {
    assert_eq!(
        filter(&tailnet(""), "desk")[0],
        "100.64.0.0-100.115.91.255,100.115.94.0-100.127.255.255,192.168.1.0/24 -> *"
    );
    assert!(filter(&tailnet(r#""grants": []"#), "desk").is_empty());
    assert_eq!(tailnet("").peers()["desk"].len(), 5);
}

#[test]
fn rules_with_the_same_sources_are_one() {
    let tailnet = tailnet(
        r#""acls": [{"action": "accept", "src": ["autogroup:member"], "dst": ["tag:nas:80", "tag:nas:80"]},
                    {"action": "accept", "src": ["group:family"], "proto": "udp", "dst": ["tag:nas:53"]}],
           "grants": [{"src": ["group:family"], "dst": ["tag:media"], "ip": ["443", "udp:1"]}]"#,
    );
    assert_eq!(
        filter(&tailnet, "nas"),
        [
            "100.64.0.1-100.64.0.3 -> 100.64.0.10 80,100.64.0.10 443",
            "100.64.0.1-100.64.0.3 -> 100.64.0.10 1,100.64.0.10 53 ip17"
        ]
    );
}

#[test]
fn capabilities_are_granted_and_told_to_the_other_side() {
    let tailnet = tailnet(
        r#""grants": [
            {"src": ["bob@example.org"], "dst": ["tag:nas"], "app": {"tailscale.com/cap/drive": [{"shares": ["*"]}]}},
            {"src": ["group:family"], "dst": ["tag:nas", "lan"], "app": {"example.com/cap/a": [1]}},
            {"src": ["group:family"], "dst": ["tag:media"], "app": {"example.com/cap/a": [2]}},
        ]"#,
    );
    let capabilities = tailnet.capabilities();
    let nas = &capabilities.whois["nas"];
    assert_eq!(
        json!(nas["100.64.0.3"]),
        json!({"example.com/cap/a": [1, 2], "tailscale.com/cap/drive": [{"shares": ["*"]}]})
    );
    assert_eq!(json!(nas["100.64.0.1"]), json!({"example.com/cap/a": [1, 2]}));
    assert_eq!(
        json!(capabilities.whois["desk"]["100.64.0.10"]),
        json!({"tailscale.com/cap/drive-sharer": null})
    );
    let router = &tailnet.filters()["router"];
    assert_eq!(
        router[0].cap_grant[0].dsts,
        ["192.168.1.0/24"],
        "a range in its routes is whole"
    );
    assert!(router[0].dst_ports.is_empty());
    assert!(capabilities.whois["laptop"].is_empty());
}

#[test]
fn a_posture_that_is_not_known_lets_nobody_in() {
    let policy = r#""postures": {"posture:mac": ["node:os == 'macos'"], "posture:new": ["node:tsVersion >= '1.60'"]},
        "defaultSrcPosture": ["posture:mac"],
        "acls": [{"action": "accept", "src": ["*"], "dst": ["tag:nas:80"]},
                 {"action": "accept", "src": ["group:family"], "srcPosture": ["posture:new", "posture:mac"], "dst": ["tag:nas:90"]}]"#;
    let policy = Policy::parse(&source(policy)).expect("a policy");
    let text = |value: &str| Attribute::Text(value.to_owned());
    let device =
        |name: &str, last: u8| Device::new(name).with_addresses([std::net::IpAddr::from([100, 64, 0, last])]);
    let roster = Roster::new(
        [
            device("nas", 10).with_tags(["tag:nas"]),
            device("mac", 1)
                .with_user("alice@example.com")
                .with_attribute("node:os", text("macos")),
            device("pc", 2)
                .with_user("alice@example.com")
                .with_attribute("node:os", text("linux"))
                .with_attribute("node:tsVersion", text("1.70.1")),
            device("unknown", 3).with_user("bob@example.org"),
        ],
        [],
    );
    let tailnet = Tailnet::new(policy, roster).expect("a tailnet");
    let rules = filter(&tailnet, "nas");
    assert!(
        rules[0].starts_with("100.64.0.0/31,100.64.0.4-100.64.0.9,100.64.0.11-"),
        "{rules:?}"
    );
    assert_eq!(rules[1], "100.64.0.1-100.64.0.2 -> 100.64.0.10 90");
}

#[test]
fn ssh_rules_come_checks_first_and_per_person_with_local_parts() {
    let tailnet = tailnet(
        r#""ssh": [
            {"action": "accept", "src": ["group:family"], "dst": ["tag:nas"], "users": ["localpart:*@example.com", "root"]},
            {"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["autogroup:nonroot"], "acceptEnv": ["TERM"]},
            {"action": "check", "src": ["group:family", "tag:router"], "dst": ["tag:nas"], "users": [" media "], "checkPeriod": "1h30m"},
        ]"#,
    );
    let short = |rule: &SshRuleView| {
        let principals: Vec<&str> = rule
            .principals
            .iter()
            .map(|one| one.node_ip.as_str())
            .filter(|ip| !ip.contains(':'))
            .collect();
        let how = if rule.action.accept { "accept" } else { "check" };
        format!("{how} {} {:?}", principals.join(","), rule.ssh_users)
    };
    let ssh = tailnet.ssh();
    let rules: Vec<String> = ssh["nas"].iter().map(short).collect();
    assert_eq!(
        rules,
        [
            r#"check 100.64.0.1,100.64.0.2,100.64.0.3,100.64.0.11 {"media": "media", "root": ""}"#,
            r#"accept 100.64.0.1,100.64.0.2 {"root": "root"}"#,
            r#"accept 100.64.0.1,100.64.0.2 {"alice": "alice"}"#,
            r#"accept 100.64.0.3 {"root": "root"}"#,
        ]
    );
    let rules: Vec<String> = ssh["desk"].iter().map(short).collect();
    assert_eq!(
        rules,
        [
            r#"accept 100.64.0.3 {"root": "root"}"#,
            r#"accept 100.64.0.3 {"*": "=", "root": ""}"#
        ]
    );
    assert_eq!(ssh["desk"][1].accept_env, ["TERM"]);
    assert!(ssh["router"].is_empty());
}

#[test]
fn funnel_brings_its_ports_and_a_warning_without_certificates() {
    let tailnet = tailnet(
        r#""randomizeClientPort": true, "nodeAttrs": [{"target": ["tag:nas"], "attr": ["funnel"]}, {"target": ["box"], "attr": ["x"]}]"#,
    );
    let names = |tailnet: &Tailnet| -> Vec<String> {
        tailnet.capabilities().capabilities["nas"]
            .keys()
            .cloned()
            .collect()
    };
    let ports = "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000";
    assert_eq!(
        names(&tailnet),
        [
            "funnel",
            ports,
            "https://tailscale.com/cap/warn-funnel-no-https",
            "randomize-client-port",
            "x"
        ]
    );
    assert_eq!(
        names(&tailnet.clone().with_https(true)),
        ["funnel", "https", ports, "randomize-client-port", "x"]
    );
    assert_eq!(tailnet.capabilities().capabilities["desk"].len(), 1);
}

/// Whether the tests of a policy pass, over a rule that lets people reach the NAS on 443 and the network on 80.
fn verdict(tests: &str) -> PolicyCheckView {
    let rules = r#""acls": [{"action": "accept", "src": ["group:family"], "dst": ["tag:nas:443", "lan:80"]},
                            {"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self:22"]}],
                   "ssh": [{"action": "check", "src": ["alice@example.com"], "dst": ["tag:nas"], "users": ["root"]},
                           {"action": "accept", "src": ["group:family"], "dst": ["tag:nas"], "users": ["media"]}]"#;
    Tailnet::judge(&source(&format!("{rules}, {tests}")), roster())
}

#[test]
fn tests_of_a_policy_pass_or_fail() {
    let passes = [
        r#"{"src": "alice@example.com", "accept": ["tag:nas:443"], "deny": ["tag:nas:22", "10.0.0.1:80"]}"#,
        r#"{"src": "group:family", "accept": ["192.168.1.5:80"]}"#,
        r#"{"src": "bob@example.org", "accept": ["bob@example.org:22"], "deny": ["alice@example.com:22"]}"#,
        r#"{"src": "alice@example.com", "accept": ["autogroup:self:22"]}"#,
        r#"{"src": "tag:nas", "deny": ["tag:nas:443", "[fd7a:115c:a1e0::1]:22"]}"#,
        r#"{"src": "alice@example.com", "proto": "udp", "accept": ["box:443"]}"#,
    ];
    for test in passes {
        let verdict = verdict(&format!(r#""tests": [{test}]"#));
        assert!(verdict.accepted, "{test}: {:?}", verdict.failures);
    }
    let fails = [
        r#"{"src": "alice@example.com", "accept": ["tag:nas:22"]}"#,
        r#"{"src": "alice@example.com", "deny": ["tag:nas:443"]}"#,
        r#"{"src": "alice@example.com", "accept": ["lan:80"]}"#,
        r#"{"src": "alice@example.com", "accept": ["192.168.1.5/32:80"]}"#,
        r#"{"src": "alice@example.com", "accept": ["tag:nas:443,444"]}"#,
        r#"{"src": "alice@example.com", "accept": ["tag:nas:*"]}"#,
        r#"{"src": "alice@example.com", "accept": ["*:443"]}"#,
        r#"{"src": "alice@example.com", "deny": ["tag:other:443"]}"#,
        r#"{"src": "alice@example.com"}"#,
        r#"{"accept": ["tag:nas:443"]}"#,
        r#"{"src": "nobody@example.com", "deny": ["tag:nas:443"]}"#,
        r#"{"src": "autogroup:bogus", "deny": ["tag:nas:443"]}"#,
    ];
    for test in fails {
        let verdict = verdict(&format!(r#""tests": [{test}]"#));
        assert_eq!(verdict.message.as_deref(), Some("test(s) failed"), "{test}");
        assert_eq!(verdict.failures.len(), 1);
    }
}

#[test]
fn tests_of_ssh_pass_or_fail() {
    let passes = [
        r#"{"src": "alice@example.com", "dst": ["tag:nas"], "accept": ["root", "media"], "check": ["root"], "deny": ["mallory"]}"#,
        r#"{"src": "bob@example.org", "dst": ["box"], "accept": ["media"], "deny": ["root"]}"#,
    ];
    for test in passes {
        let verdict = verdict(&format!(r#""sshTests": [{test}]"#));
        assert!(
            verdict.accepted,
            "{test}: {:?} {:?}",
            verdict.message, verdict.failures
        );
    }
    let fails = [
        (
            r#"{"src": "bob@example.org", "dst": ["tag:nas"], "accept": ["root"]}"#,
            "test(s) failed",
        ),
        (
            r#"{"src": "alice@example.com", "dst": ["tag:nas"], "check": ["media"]}"#,
            "test(s) failed",
        ),
        (
            r#"{"src": "alice@example.com", "dst": ["tag:nas"], "deny": ["media"]}"#,
            "test(s) failed",
        ),
        (
            r#"{"src": "alice@example.com", "dst": ["tag:nas"]}"#,
            "test(s) failed",
        ),
        (
            r#"{"src": "alice@example.com", "dst": ["10.9.9.9"], "deny": ["root"]}"#,
            "test(s) failed",
        ),
        (
            r#"{"src": "alice@example.com", "dst": ["tag:nas:22"], "accept": ["root"]}"#,
            "SSH tests dst contains unknown tag \"tag:nas:22\"",
        ),
        (
            r#"{"src": "alice@example.com", "dst": ["*"], "accept": ["root"]}"#,
            "SSH tests dst contains disallowed element \"*\"",
        ),
    ];
    for (test, message) in fails {
        let verdict = verdict(&format!(r#""sshTests": [{test}]"#));
        assert_eq!(verdict.message.as_deref(), Some(message), "{test}");
    }
}

#[test]
fn devices_with_one_name_are_told_apart() {
    let device = |id: &str, name: &str, last: u8| {
        Device::new("localhost")
            .with_id(id)
            .with_dns_name(name)
            .with_addresses([std::net::IpAddr::from([100, 64, 0, last])])
    };
    let roster = Roster::new(
        [
            device("1", "a.x.ts.net", 1),
            device("2", "b.x.ts.net", 2),
            Device::new("c"),
        ],
        [],
    );
    let tailnet =
        Tailnet::new(Policy::parse(&Source::new("p", "{}")).expect("a policy"), roster).expect("a tailnet");
    assert_eq!(tailnet.filters().into_keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(
        tailnet
            .to_json("peers")
            .expect("JSON")
            .starts_with(r#"{"peers":{"a":["b","c"]"#)
    );
    assert!(tailnet.to_json("nothing").is_err());
}
