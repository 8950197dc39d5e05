//! Policies of a tailnet: any bytes, and one policy of everything, damaged.

use homelab_core::Source;
use homelab_core::tailnet::{Device, Policy, Role, Roster, Tailnet, User};

/// Says something of every section.
const EVERYTHING: &str = r#"{ // everything
    "groups": {"group:all": ["a@example.com", "b@example.com"]},
    "hosts": {"lan": "192.168.1.0/24", "box": "100.64.0.3"},
    "ipsets": {"ipset:s": ["lan", "remove 192.168.1.7", "add 10.0.0.0/8"]},
    "tagOwners": {"tag:x": ["group:all"], "tag:y": ["tag:x"]},
    "autoApprovers": {"routes": {"192.168.1.0/24": ["tag:x"]}, "exitNode": ["tag:y"]},
    "postures": {"posture:p": ["node:os == 'linux'", "node:tsVersion >= '1.40'", "custom:a IN ['b', 'c']"]},
    "acls": [
        {"action": "accept", "src": ["*", "autogroup:member"], "dst": ["tag:x:22,80-90", "autogroup:self:*", "lan:*"]},
        {"action": "accept", "src": ["group:all"], "proto": "udp", "dst": ["autogroup:internet:53", "[fd7a::1]:1"], "srcPosture": ["posture:p"]},
    ],
    "grants": [
        {"src": ["tag:y", "ipset:s"], "dst": ["lan", "box"], "ip": ["tcp:443", "icmp:*", "*"], "via": ["tag:x"]},
        {"src": ["user:*@example.com"], "dst": ["tag:x"], "app": {"tailscale.com/cap/drive": [{"shares": ["*"]}]}},
    ],
    "ssh": [{"action": "check", "src": ["group:all"], "dst": ["tag:x"], "users": ["root", "localpart:*@example.com"], "checkPeriod": "1h30m"}],
    "nodeAttrs": [{"target": ["tag:x"], "attr": ["funnel"]}],
    "tests": [{"src": "a@example.com", "accept": ["tag:x:22"], "deny": ["box:1"]}],
    "sshTests": [{"src": "a@example.com", "dst": ["tag:x"], "check": ["root"]}],
}"#;

/// What means something to policies, together.
const TOKENS: &[&str] = &[
    "\"*\"",
    "tag:",
    "autogroup:self",
    "autogroup:danger-all",
    "::/0",
    "0.0.0.0/0",
    "/33",
    ":0",
    "-1",
    "65536",
    "null",
    "{}",
    "[]",
    "/*",
    "\\ud800",
    "\"via\"",
    "group:",
    "@",
    ",",
    "svc:a",
];

/// Reads any bytes as a policy, and asks all that can be asked of it where it is accepted.
pub fn policy(data: &[u8]) -> bool {
    let source = Source::new("policy.hujson", String::from_utf8_lossy(data));
    let _ = Tailnet::judge(&source, roster());
    let Ok(policy) = Policy::parse(&source) else {
        return false;
    };
    let Ok(tailnet) = Tailnet::new(policy, roster()) else {
        return false;
    };
    for question in ["filter", "ssh", "caps", "peers"] {
        assert!(tailnet.to_json(question).is_ok(), "{question}");
    }
    for target in [
        "x:443",
        "lan-router:22",
        "192.168.1.7:80",
        "8.8.8.8:53/udp",
        "laptop/icmp",
        "x/gre",
    ] {
        let target = target.parse().unwrap_or_else(|_| panic!("{target} is a target"));
        let Ok(answer) = tailnet.who_can_reach(&target) else {
            continue;
        };
        let _ = answer.to_string();
        // Whoever is in the answer has an explanation that agrees.
        for device in answer.tagged.iter().filter(|device| device.conditions.is_empty()) {
            let why = tailnet.explain(&device.device, &target);
            assert!(
                why.is_ok_and(|why| why.allowed == Some(true)),
                "{} to {target}",
                device.device
            );
        }
    }
    let same = tailnet.diff(tailnet.policy().clone());
    assert!(
        same.is_ok_and(|same| same.gained.is_empty() && same.lost.is_empty()),
        "a policy differs from itself"
    );
    true
}

/// Returns the policy of everything, damaged in ways that a seed chooses.
pub fn damaged_policy(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_add(1);
    let mut below = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % end.max(1)
    };
    let mut text = EVERYTHING.as_bytes().to_vec();
    for _ in 0..=below(3) {
        let at = below(text.len());
        match below(4) {
            0 => {
                text.remove(at);
            }
            1 => drop(text.splice(at..at, TOKENS[below(TOKENS.len())].bytes())),
            2 => {
                let end = (at + below(30)).min(text.len());
                let part = text[at..end].to_vec();
                let to = below(text.len());
                text.splice(to..to, part);
            }
            _ => text[at] = b"\"[]{},:*/0"[below(10)],
        }
    }
    text
}

fn roster() -> Roster {
    let device = |name: &str, last: u8| {
        let v6 = format!("fd7a:115c:a1e0::{last}")
            .parse()
            .unwrap_or(std::net::Ipv6Addr::LOCALHOST);
        Device::new(name).with_addresses([std::net::IpAddr::from([100, 64, 0, last]), v6.into()])
    };
    // None only if the text were no prefix.
    let route = || "192.168.1.0/24".parse().ok();
    Roster::new(
        [
            device("laptop", 1).with_user("a@example.com"),
            device("phone", 2).with_user("b@example.com"),
            device("x", 3).with_tags(["tag:x"]),
            device("lan-router", 4)
                .with_tags(["tag:x", "tag:y"])
                .with_advertised(route())
                .with_approved(route()),
        ],
        [
            User::new("a@example.com").with_role(Role::Owner),
            User::new("b@example.com"),
        ],
    )
}
