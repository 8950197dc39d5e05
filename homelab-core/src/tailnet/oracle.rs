//! A packet at a time, and no code of the evaluator: what a device does with a packet, read straight from a policy's JSON,
//! against what the evaluator says of random policies and tailnets.

use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.org";

/// A device as the oracle knows it.
#[derive(Clone, Debug)]
struct Thing {
    name: &'static str,
    user: &'static str,
    tags: Vec<&'static str>,
    addresses: [IpAddr; 2],
    advertised: Vec<&'static str>,
    approved: Vec<&'static str>,
    shields_up: bool,
}

impl Thing {
    fn owner(&self) -> Option<&str> {
        self.tags.is_empty().then_some(self.user)
    }

    fn routes(&self) -> Vec<&'static str> {
        let both = self
            .approved
            .iter()
            .copied()
            .filter(|route| self.advertised.contains(route));
        both.filter(|route| !route.ends_with("/0")).collect()
    }

    fn is_exit(&self) -> bool {
        self.approved
            .iter()
            .any(|route| route.ends_with("/0") && self.advertised.contains(route))
    }

    fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }

    fn carries(&self, address: IpAddr) -> bool {
        self.has(address)
            || self.routes().iter().any(|route| within(address, route))
            || self.is_exit() && is_internet(address)
    }
}

/// Splits a prefix or address into its bits and how many count.
fn bits(text: &str) -> (bool, u128, u32) {
    let (address, length) = text.split_once('/').unwrap_or((text, ""));
    match address.parse::<IpAddr>().expect("an address") {
        IpAddr::V4(address) => (
            true,
            u128::from(address.to_bits()) << 96,
            length.parse().unwrap_or(32),
        ),
        IpAddr::V6(address) => (false, address.to_bits(), length.parse().unwrap_or(128)),
    }
}

fn within(address: IpAddr, prefix: &str) -> bool {
    let (v4, value, _) = bits(&address.to_string());
    let (prefix_v4, prefix, length) = bits(prefix);
    v4 == prefix_v4 && (length == 0 || (value ^ prefix) >> (128 - length) == 0)
}

fn overlap(one: &str, other: &str) -> bool {
    let first = |text: &str| text.split('/').next().expect("text").parse().expect("an address");
    within(first(one), other) || within(first(other), one)
}

fn is_internet(address: IpAddr) -> bool {
    let own = [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ];
    match address {
        IpAddr::V4(_) => !own.iter().any(|own| within(address, own)),
        IpAddr::V6(_) => within(address, "2000::/3"),
    }
}

fn host(name: &str) -> &str {
    match name {
        "lan" => "192.168.1.0/24",
        "box" => "100.64.0.4",
        other => other,
    }
}

/// Whether an alias means a device.
fn means(alias: &str, thing: &Thing) -> bool {
    match alias {
        "autogroup:member" | "group:all" => thing.owner().is_some(),
        "autogroup:tagged" => !thing.tags.is_empty(),
        "autogroup:owner" | "user:*@example.com" => thing.owner() == Some(ALICE),
        "group:bobs" => thing.owner() == Some(BOB),
        tag if tag.starts_with("tag:") => thing.tags.contains(&tag),
        login => thing.owner() == Some(login),
    }
}

fn is_written(alias: &str) -> bool {
    alias == "lan"
        || alias == "box"
        || alias.starts_with(|c: char| c.is_ascii_digit())
        || alias.starts_with("fd7a:")
}

fn is_source(alias: &str, from: IpAddr, things: &[Thing]) -> bool {
    if alias == "*" {
        let tailnet = within(from, "100.64.0.0/10") && !within(from, "100.115.92.0/23")
            || within(from, "fd7a:115c:a1e0::/48");
        return tailnet
            || things
                .iter()
                .flat_map(Thing::routes)
                .any(|route| within(from, route));
    }
    if is_written(alias) {
        return within(from, host(alias));
    }
    things.iter().any(|thing| thing.has(from) && means(alias, thing))
}

fn is_destination(
    alias: &str,
    via: &[&str],
    from: IpAddr,
    to: IpAddr,
    node: &Thing,
    things: &[Thing],
) -> bool {
    let reaches_in = |prefix: &str| node.routes().iter().any(|route| overlap(route, prefix));
    if !via.is_empty() {
        return via.iter().any(|tag| node.tags.contains(tag))
            && match alias {
                "autogroup:internet" => node.is_exit() && is_internet(to),
                alias if is_written(alias) => reaches_in(host(alias)) && within(to, host(alias)),
                _ => false,
            };
    }
    match alias {
        "*" => true,
        "autogroup:internet" => node.is_exit() && is_internet(to),
        "autogroup:self" => {
            let owner = things.iter().find(|thing| thing.has(from)).and_then(Thing::owner);
            node.has(to) && owner.is_some() && owner == node.owner()
        }
        alias if is_written(alias) => {
            let prefix = host(alias);
            within(to, prefix)
                && (node.addresses.iter().any(|own| within(*own, prefix)) || reaches_in(prefix))
        }
        alias => things.iter().any(|thing| thing.has(to) && means(alias, thing)),
    }
}

fn number(protocol: &str) -> u8 {
    match protocol {
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        "gre" => 47,
        other => other.parse().expect("a protocol"),
    }
}

/// Whether a `proto:ports` lets a packet through.
fn is_port(entry: &str, protocol: u8, port: u16) -> bool {
    let (proto, list) = entry.rsplit_once(':').unwrap_or(("", entry));
    if protocol == 1 {
        return true;
    }
    let fits = if proto.is_empty() {
        [6, 17].contains(&protocol)
    } else {
        number(proto) == protocol
    };
    let in_list = |part: &str| match part.split_once('-') {
        Some((first, last)) => {
            (first.parse().expect("a port")..=last.parse().expect("a port")).contains(&port)
        }
        None => part == "*" || part.parse() == Ok(port),
    };
    fits && (list == "*" || [6, 17].contains(&protocol) && list.split(',').any(in_list))
}

fn texts<'a>(rule: &'a Value, name: &str) -> Vec<&'a str> {
    rule[name]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Whether a device lets a packet in.
fn lets_in(
    policy: &Value,
    node: &Thing,
    things: &[Thing],
    from: IpAddr,
    to: IpAddr,
    protocol: u8,
    port: u16,
) -> bool {
    if node.shields_up || !node.carries(to) {
        return false;
    }
    let acls = policy["acls"].as_array().into_iter().flatten();
    let by_acl = acls.clone().any(|rule| {
        let proto = rule["proto"]
            .as_str()
            .map_or_else(String::new, |proto| format!("{proto}:"));
        texts(rule, "src")
            .iter()
            .any(|source| is_source(source, from, things))
            && texts(rule, "dst").iter().any(|to_text| {
                let (alias, ports) = to_text.rsplit_once(':').expect("ports");
                is_destination(alias, &[], from, to, node, things)
                    && is_port(&format!("{proto}{ports}"), protocol, port)
            })
    });
    let mut grants = policy["grants"].as_array().into_iter().flatten();
    let by_grant = grants.any(|rule| {
        texts(rule, "src")
            .iter()
            .any(|source| is_source(source, from, things))
            && texts(rule, "dst")
                .iter()
                .any(|alias| is_destination(alias, &texts(rule, "via"), from, to, node, things))
            && texts(rule, "ip")
                .iter()
                .any(|entry| is_port(entry, protocol, port))
    });
    by_acl || by_grant
}

/// What the evaluator's own filter says of a packet.
fn filter_lets_in(filter: &[FilterRuleView], from: IpAddr, to: IpAddr, protocol: u8, port: u16) -> bool {
    let inside = |text: &str, address: IpAddr| match text.split_once('-') {
        _ if text == "*" => true,
        Some((first, last)) => {
            let (first, last): (IpAddr, IpAddr) = (
                first.parse().expect("an address"),
                last.parse().expect("an address"),
            );
            first.is_ipv4() == address.is_ipv4() && first <= address && address <= last
        }
        None => within(address, text),
    };
    filter.iter().any(|rule| {
        let protocols: &[u8] = if rule.ip_proto.is_empty() {
            &[6, 17, 1, 58]
        } else {
            &rule.ip_proto
        };
        rule.src_ips.iter().any(|text| inside(text, from))
            && rule.dst_ports.iter().any(|one| {
                let ports = one.ports.first..=one.ports.last;
                let fits = match protocol {
                    1 => true,
                    6 | 17 => protocols.contains(&protocol) && ports.contains(&port),
                    _ => protocols.contains(&protocol) && ports == (0..=65535),
                };
                fits && inside(&one.ip, to)
            })
    })
}

fn things() -> impl Strategy<Value = Vec<Thing>> {
    let tags = prop::sample::subsequence(vec!["tag:a", "tag:b"], 0..=2);
    let routes = prop::sample::subsequence(
        vec![
            "192.168.1.0/24",
            "192.168.0.0/16",
            "100.64.0.4/32",
            "0.0.0.0/0",
            "::/0",
        ],
        0..=3,
    );
    let one = (
        prop::bool::ANY,
        tags,
        routes.clone(),
        routes,
        prop::bool::weighted(0.1),
    );
    prop::collection::vec(one, 5).prop_map(|all| {
        let names = ["v", "w", "x", "y", "z"];
        let make = |(at, (is_alice, tags, advertised, approved, shields_up))| {
            let last = at as u8 + 1;
            Thing {
                name: names[at],
                user: if is_alice { ALICE } else { BOB },
                tags,
                addresses: [
                    IpAddr::from([100, 64, 0, last]),
                    format!("fd7a:115c:a1e0::{last}").parse().expect("an address"),
                ],
                advertised,
                approved,
                shields_up,
            }
        };
        all.into_iter().enumerate().map(make).collect()
    })
}

fn policies() -> impl Strategy<Value = Value> {
    let people = vec![
        ALICE,
        BOB,
        "group:all",
        "group:bobs",
        "group:none",
        "autogroup:member",
        "autogroup:owner",
        "user:*@example.com",
    ];
    let others = vec![
        "*",
        "tag:a",
        "tag:b",
        "autogroup:tagged",
        "box",
        "lan",
        "192.168.1.7",
        "fd7a:115c:a1e0::2",
        "100.64.0.0/30",
    ];
    let sources = prop::sample::select([people.clone(), others].concat());
    let targets = prop::sample::select(vec![
        "*",
        "tag:a",
        "tag:b",
        "box",
        "lan",
        "192.168.1.7",
        "192.168.0.0/20",
        "fd7a:115c:a1e0::3",
        "100.64.0.0/30",
        "autogroup:internet",
        "autogroup:member",
        "autogroup:tagged",
        ALICE,
        "group:bobs",
        "8.8.8.0/24",
    ]);
    let ports = prop::sample::select(vec!["*", "22", "443", "20-30", "53,443"]);
    let sources = prop::collection::vec(sources, 1..3);
    let acl = (
        sources.clone(),
        prop::collection::vec((targets.clone(), ports.clone()), 1..3),
        prop::sample::select(vec!["", "tcp", "udp"]),
    )
        .prop_map(|(src, dst, proto)| {
            let dst: Vec<String> = dst
                .iter()
                .map(|(host, ports)| format!("{host}:{ports}"))
                .collect();
            let mut rule = json!({"action": "accept", "src": src, "dst": dst});
            if !proto.is_empty() {
                rule["proto"] = proto.into();
            }
            rule
        });
    let itself = (prop::sample::select(people), ports.clone()).prop_map(
        |(src, ports)| json!({"action": "accept", "src": [src], "dst": [format!("autogroup:self:{ports}")]}),
    );
    let ip = prop::sample::select(vec![
        "*",
        "tcp:22",
        "udp:53",
        "443",
        "icmp:*",
        "gre:*",
        "tcp:20-30",
    ]);
    let via = prop::sample::subsequence(vec!["tag:a", "tag:b"], 0..=1);
    let grant = (
        sources,
        prop::collection::vec(targets, 1..3),
        prop::collection::vec(ip, 1..3),
        via,
    )
        .prop_map(|(src, dst, ip, via)| json!({"src": src, "dst": dst, "ip": ip, "via": via}));
    let acls = prop::collection::vec(prop_oneof![4 => acl, 1 => itself], 0..4);
    (acls, prop::collection::vec(grant, 0..4)).prop_map(|(acls, grants)| {
        json!({
            "groups": {"group:all": [ALICE, BOB], "group:bobs": [BOB], "group:none": []},
            "hosts": {"lan": host("lan"), "box": host("box")},
            "tagOwners": {"tag:a": [], "tag:b": []},
            "acls": acls, "grants": grants,
        })
    })
}

fn evaluated(policy: &Value, things: &[Thing]) -> Tailnet {
    let devices = things.iter().map(|thing| {
        let routes = |list: &[&str]| {
            list.iter()
                .map(|route| route.parse().expect("a route"))
                .collect::<Vec<ipnet::IpNet>>()
        };
        Device::new(thing.name)
            .with_user(thing.user)
            .with_tags(thing.tags.clone())
            .with_addresses(thing.addresses)
            .with_advertised(routes(&thing.advertised))
            .with_approved(routes(&thing.approved))
            .with_shields_up(thing.shields_up)
    });
    let users = [
        User::new(ALICE).with_role(Role::Owner),
        User::new(BOB).with_role(Role::Member),
    ];
    let policy = Policy::parse(&Source::new("policy", policy.to_string())).expect("a policy");
    Tailnet::new(policy, Roster::new(devices, users)).expect("a tailnet")
}

const ASKED: [(u8, u16); 6] = [(6, 22), (6, 443), (6, 9000), (17, 53), (1, 0), (47, 0)];

fn beyond() -> [IpAddr; 4] {
    ["192.168.1.7", "192.168.9.9", "8.8.8.8", "10.1.1.1"].map(|text| text.parse().expect("an address"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_filter_lets_through_what_the_policy_does(policy in policies(), things in things()) {
        let tailnet = evaluated(&policy, &things);
        let filters = tailnet.filters();
        let addresses: Vec<IpAddr> = things.iter().flat_map(|thing| thing.addresses).chain(beyond()).collect();
        for node in things.iter().filter(|node| !node.shields_up) {
            for to in addresses.iter().filter(|to| node.carries(**to)) {
                for from in &addresses {
                    for (protocol, port) in ASKED {
                        let expected = lets_in(&policy, node, &things, *from, *to, protocol, port);
                        let found = filter_lets_in(&filters[node.name], *from, *to, protocol, port);
                        prop_assert_eq!(found, expected, "{} {}->{} ip{} {}", node.name, from, to, protocol, port);
                    }
                }
            }
        }
    }

    #[test]
    fn who_can_reach_is_whose_packets_get_there(policy in policies(), things in things()) {
        let tailnet = evaluated(&policy, &things);
        let peers = tailnet.peers();
        for to in things.iter().map(|thing| thing.addresses[0]).chain(beyond()) {
            for (protocol, port) in ASKED {
                let word = ["tcp", "udp", "icmp", "gre"][usize::from(protocol != 6) + usize::from(protocol == 1) + 2 * usize::from(protocol == 47)];
                let text = if port == 0 { format!("{to}/{word}") } else { format!("{to}:{port}/{word}") };
                let target: Target = text.parse().expect("a target");
                let answer = tailnet.who_can_reach(&target).expect("an answer");
                let mut found: Vec<&str> = answer.people.iter().flat_map(|person| &person.devices).map(|name| &**name).collect();
                found.extend(answer.tagged.iter().map(|device| &*device.device));
                found.sort_unstable();
                // What a device has itself is not asked of others.
                let own = things.iter().find(|thing| thing.has(to));
                let nodes: Vec<&Thing> = match own {
                    Some(own) => vec![own],
                    None => things.iter().filter(|node| node.carries(to)).collect(),
                };
                let routed = nodes.iter().any(|node| !node.is_exit() || node.routes().iter().any(|route| within(to, route)));
                let nodes = nodes.iter().filter(|node| {
                    own.is_some() || !routed || node.routes().iter().any(|route| within(to, route))
                });
                let nodes: Vec<_> = nodes.collect();
                // Packets go by the longest route of a router that one sees.
                let length = |node: &Thing| {
                    let routes = node.routes().into_iter().filter(|route| within(to, route));
                    routes.map(|route| bits(route).2).max()
                };
                let sees = |thing: &Thing, node: &Thing| {
                    thing.name == node.name || peers[thing.name].iter().any(|peer| **peer == *node.name)
                };
                let mut expected: Vec<&str> = things
                    .iter()
                    .filter(|thing| nodes.iter().any(|node| {
                        let longest = nodes.iter().max_by_key(|other| length(other));
                        let elsewhere = own.is_none()
                            && longest.is_some_and(|other| length(other) > length(node) && sees(thing, other));
                        let addresses = thing.addresses.iter().filter(|own| own.is_ipv4() == to.is_ipv4());
                        !elsewhere
                            && addresses.into_iter().any(|from| lets_in(&policy, node, &things, *from, to, protocol, port))
                    }))
                    .map(|thing| thing.name)
                    .collect();
                expected.sort_unstable();
                prop_assert_eq!(&found, &expected, "{}", text);
                for thing in &things {
                    let why = tailnet.explain(thing.name, &target).expect("an explanation");
                    prop_assert_eq!(why.allowed == Some(true), expected.contains(&thing.name), "{} to {}", thing.name, text);
                }
            }
        }
    }

    #[test]
    fn a_change_is_what_one_policy_lets_through_and_the_other_does_not(old in policies(), new in policies(), things in things()) {
        let tailnet = evaluated(&old, &things);
        let diff = tailnet.diff(evaluated(&new, &things).policy().clone()).expect("a difference");
        let changed = |changes: &[crate::view::AccessChangeView], node: &str, from: &str, port: u16, behind: bool| {
            changes.iter().any(|change| {
                let person = things.iter().find(|thing| thing.name == from).and_then(Thing::owner);
                let tags = &things.iter().find(|thing| thing.name == from).expect("a device").tags;
                let who = change.devices.iter().any(|device| **device == *from)
                    || person.is_some_and(|login| change.people.iter().any(|one| **one == *login))
                    || change.tags.iter().any(|tag| tags.contains(&&**tag));
                let ports = change.ports.iter().any(|ports| is_port(ports, 6, port));
                who && ports && change.destinations.is_empty() != behind && change.to.iter().any(|to| **to == *node)
            })
        };
        for node in things.iter().filter(|node| !node.shields_up) {
            for from in &things {
                for port in [22, 443, 9000] {
                    let to = |policy: &Value| node.addresses.iter().any(|to| {
                        from.addresses.iter().any(|own| lets_in(policy, node, &things, *own, *to, 6, port))
                    });
                    let (before, after) = (to(&old), to(&new));
                    prop_assert_eq!(changed(&diff.gained, node.name, from.name, port, false), after && !before);
                    prop_assert_eq!(changed(&diff.lost, node.name, from.name, port, false), before && !after);
                }
            }
        }
        let same = tailnet.diff(tailnet.policy().clone()).expect("no difference");
        prop_assert!(same.gained.is_empty() && same.lost.is_empty());
    }
}
