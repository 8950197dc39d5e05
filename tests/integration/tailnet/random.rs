//! Policies at random, of which the service would accept each.

use homelab_tests::tailnet::RealNode;
use serde_json::{Value, json};

/// Numbers at random that are the same for the same seed: xorshift.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap_or_default()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn some<'a>(&mut self, of: &[&'a str]) -> Vec<&'a str> {
        let count = 1 + self.below(2);
        (0..count).map(|_| self.one(of)).collect()
    }
}

/// Returns a policy over these nodes.
pub(super) fn policy(seed: u64, nodes: &[RealNode]) -> String {
    // Small seeds would begin much alike.
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let login = |index: usize| nodes[index].login.as_str();
    let people = [
        login(0),
        login(2),
        login(3),
        "group:two",
        "group:all",
        "autogroup:member",
    ];
    let sources = [
        &people[..],
        &["tag:store", "autogroup:tagged", "*", "desk", "lan", "everywhere"],
    ]
    .concat();

    let goals = [
        &people[..],
        &[
            "tag:store",
            "autogroup:tagged",
            "*",
            "desk",
            "lan",
            "behind",
            "wide",
            "attic6",
        ],
    ]
    .concat();
    let ports = ["*", "22", "80", "80,443", "22-80", "443"];
    let protocols = [None, None, None, Some("tcp"), Some("udp")];

    let (mut acls, mut grants) = (Vec::new(), Vec::new());
    for _ in 0..1 + numbers.below(4) {
        // To one's own devices: only people have any.
        let own = numbers.below(5) == 0;
        let src = numbers.some(if own { &people } else { &sources });
        let dst = if own {
            vec!["autogroup:self"]
        } else {
            numbers.some(&goals)
        };
        let protocol = protocols[numbers.below(protocols.len())];
        if numbers.below(2) == 0 {
            let dst: Vec<String> = dst
                .iter()
                .map(|goal| format!("{goal}:{}", numbers.one(&ports)))
                .collect();
            let mut rule = json!({ "action": "accept", "src": src, "dst": dst });
            if let Some(protocol) = protocol {
                rule["proto"] = json!(protocol);
            }
            acls.push(rule);
        } else {
            let ports = numbers.one(&ports);
            let ip = protocol.map_or(ports.to_owned(), |protocol| format!("{protocol}:{ports}"));
            grants.push(json!({ "src": src, "dst": dst, "ip": [ip] }));
        }
    }
    let mut policy = shared(nodes);
    policy["acls"] = json!(acls);
    policy["grants"] = json!(grants);
    policy.to_string()
}

/// Returns what every policy over these nodes begins with.
pub(super) fn shared(nodes: &[RealNode]) -> Value {
    json!({
        "groups": { "group:two": [nodes[0].login, nodes[2].login], "group:all": [nodes[0].login, nodes[2].login, nodes[3].login] },
        "tagOwners": { "tag:store": ["autogroup:admin"] },
        "hosts": {
            "desk": nodes[2].addresses[0], "attic6": nodes[4].addresses[1], "lan": "10.77.0.0/24", "behind": "10.77.0.5",
            "wide": "10.0.0.0/8", "everywhere": "100.64.0.0/10",
        },
    })
}
