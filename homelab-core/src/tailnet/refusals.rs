//! What is refused or noted of a policy's text, in which words and at which place.

use super::tests::{roster, source};
use super::*;
use crate::error::Error;

fn refusal(sections: &str) -> (String, Error) {
    let error = Policy::parse(&source(sections)).and_then(|policy| Tailnet::new(policy, roster()));
    let error = error.err().unwrap_or_else(|| panic!("accepted: {sections}"));
    let reason = std::error::Error::source(&error)
        .map(ToString::to_string)
        .unwrap_or_default();
    (reason, error)
}

#[test]
fn a_policy_is_refused_in_the_service_s_words() {
    let accept = |src: &str, dst: &str| {
        format!(r#""acls": [{{"action": "accept", "src": ["{src}"], "dst": ["{dst}"]}}]"#)
    };
    let grant = |rest: &str| format!(r#""grants": [{{"src": ["*"], {rest}}}]"#);
    let ssh = |rest: &str| format!(r#""ssh": [{{"src": ["autogroup:member"], "dst": ["tag:nas"], {rest}}}]"#);
    let self_sources = "autogroup:self can only be used with users, groups, or supported autogroups";
    let cases = [
        (accept("tag:x", "*:*"), r#"src=tag not found: "tag:x""#),
        (accept("*", "tag:x:22"), r#"dst="tag:x": tag not found: "tag:x""#),
        (accept("*", "autogroup:self"), r#"dst="autogroup:self": port range "self": invalid first integer"#),
        (accept("*", "tag:nas:ssh"), r#"dst="tag:nas:ssh": port range "ssh": invalid first integer"#),
        (accept("*", "tag:nas:0"), r#"dst="tag:nas:0": port range "0": first port must be >0, or use '*' for wildcard"#),
        (accept("autogroup:self", "*:*"), r#""autogroup:self" not valid on the src side of a rule"#),
        (accept("tag:nas", "autogroup:self:*"), self_sources),
        (accept("*", "autogroup:danger-all:*"), "cannot use autogroup:danger-all as a dst"),
        (r#""acls": [{"action": "deny", "src": ["*"], "dst": ["*:*"]}]"#.to_owned(), r#"action="deny" is not supported"#),
        (grant(r#""dst": ["autogroup:self"], "ip": ["*"]"#), self_sources),
        (grant(r#""dst": ["*"], "app": {}"#), "ip and app can not both be empty"),
        (grant(r#""dst": ["*"], "ip": ["icmp"]"#), r#"port range "icmp": invalid first integer"#),
        (grant(r#""dst": ["0.0.0.0/0"], "ip": ["*"]"#), r#"dst "0.0.0.0/0": to allow all IP addresses, use "*" or "autogroup:internet""#),
        (grant(r#""dst": ["lan"], "ip": ["*"], "via": ["alice@example.com"]"#), "via can only be a tag"),
        (grant(r#""dst": ["lan"], "ip": ["*"], "via": ["tag:x"]"#), r#"tag "tag:x" not found"#),
        (grant(r#""dst": ["*"], "app": {"https://example.com/x": []}"#), "capability name must have the form {domain}/{path}"),
        (grant(r#""dst": ["*"], "app": {"tailscale.com/cap/ingress": []}"#), "capability name must not be in the tailscale.com domain"),
        (grant(r#""dst": ["autogroup:internet"], "app": {"example.com/x": []}"#), "cannot use app grants with autogroup:internet"),
        (ssh(r#""users": ["root"]"#), "action must be specified"),
        (ssh(r#""action": "ACCEPT", "users": ["root"]"#), r#""ACCEPT" is not a valid action"#),
        (ssh(r#""action": "accept""#), "users must be specified"),
        (ssh(r#""action": "accept", "users": []"#), "users must be specified"),
        (ssh(r#""action": "accept", "users": ["root", "*"]"#), r#"user "*" is not valid"#),
        (ssh(r#""action": "check", "users": ["root"], "checkPeriod": "200h""#), "checkPeriod 200h0m0s is above the max (168h)"),
        (ssh(r#""action": "check", "users": ["root"], "checkPeriod": "-1m""#), "checkPeriod -1m0s must be a positive duration"),
        (ssh(r#""action": "check", "users": ["root"], "checkPeriod": "abc""#), "time: invalid duration \"abc\""),
        (ssh(r#""action": "accept", "users": ["root"], "acceptEnv": [""]"#), "acceptEnv values cannot be empty"),
        (
            ssh(r#""action": "accept", "users": ["localpart:*@example.org"]"#),
            "example.org is not associated with this Tailnet and cannot be used in user:*@<domain> expressions",
        ),
        (
            r#""ssh": [{"action": "accept", "src": ["user:*@example.org"], "dst": ["tag:nas"], "users": ["root"]}]"#.to_owned(),
            "[ssh] example.org is not associated with this Tailnet and cannot be used in user:*@<domain> expressions",
        ),
        (
            r#""ssh": [{"action": "accept", "src": ["alice@example.com"], "dst": ["box"], "users": ["root"]}]"#.to_owned(),
            r#"invalid dst "box""#,
        ),
        (r#""nodeAttrs": [{"target": ["%bogus%"], "attr": ["x"]}]"#.to_owned(), r#""%bogus%": invalid address"#),
        (r#""nodeAttrs": [{"target": ["tag:x"], "attr": ["x"]}]"#.to_owned(), r#"tag not found: "tag:x""#),
        (r#""nodeAttrs": [{"target": ["*"], "ipPool": ["100.100.100.0/28"]}]"#.to_owned(), "network within reserved range"),
        (r#""groups": {"group:a": ["group:b"]}"#.to_owned(), r#"groups["group:a"]: "group:b": group members cannot be recursive"#),
        (r#""tagOwners": {"tag:1": []}"#.to_owned(), r#"tagOwners["tag:1"]: tag names must start with a letter, after 'tag:'"#),
    ];
    for (sections, message) in cases {
        let (reason, error) = refusal(&sections);
        assert_eq!(reason, message, "{sections}");
        assert!(error.place().is_some() && error.hint().is_some(), "{sections}");
    }
}

#[test]
fn what_is_written_twice_or_wrongly_is_said_with_its_place() {
    let policy = Policy::parse(&Source::new(
        "p",
        "{\"acls\": [],\n \"ACLs\": [],\n \"hosts\": {\"a\": \"10.0.0.1\",\n\"a\": \"10.0.0.2\"}}",
    ));
    let notes: Vec<String> = policy
        .expect("a policy")
        .notes()
        .iter()
        .map(|note| format!("{} {}", note.place(), note.message()))
        .collect();
    assert_eq!(
        notes,
        [
            "p:2:2 `acls` is written twice: the later one counts here, where the service may join both",
            "p:4:1 `a` is written twice in `hosts`: the later one counts here"
        ]
    );
    let place = |text: &str| {
        Policy::parse(&Source::new("p", text))
            .expect_err("a refusal")
            .place()
            .map(ToString::to_string)
    };
    assert_eq!(place("{\n  // fine\n  \"aclz\": []}").as_deref(), Some("p:3:3"));
    assert_eq!(place("{\"acls\": {}}").as_deref(), Some("p:1:10"));
    assert_eq!(place("{\"acls\": [}").as_deref(), Some("p:1:11"));
    assert_eq!(
        place("{\"ipsets\": {\"ipset:a\": [\"ipset:b\"], \"ipset:b\": [\"ipset:a\"]}}").as_deref(),
        Some("p:1:13")
    );
}
