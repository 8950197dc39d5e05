//! What we compute of a policy, against what real daemons then do.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use homelab_core::Source;
use homelab_core::tailnet::local::LocalApi;
use homelab_core::tailnet::{Device, Policy, Role, Roster, Tailnet, User};
use homelab_core::view::FilterRuleView;
use homelab_tests::tailnet::{Dial, RealNode, RealTailnet};
use serde_json::json;

use super::{LAN, PORTS, random, start};

/// How many policies at random the usual run tries; `--long` tries twenty times as many.
const USUAL: u64 = 24;

/// How long a connection that we say is allowed may take on a busy machine, and how long one is tried that we say is not:
/// in milliseconds. That it fails is no proof; that the other side has counted a packet that it refused is.
const ALLOWED: u32 = 15_000;
const DENIED: u32 = 700;

/// Of each node, a list.
type ByNode<T> = BTreeMap<String, Vec<T>>;

/// What was tried.
#[derive(Default)]
struct Count {
    policies: u32,
    allowed: u32,
    behind: u32,
    refused: u32,
    unseen: u32,
}

/// A policy written by hand, and policies at random.
pub(super) fn policies() -> Result<(), String> {
    let mut tailnet = start()?;
    let nodes = tailnet.nodes().to_vec();
    let rounds = match env::var_os("HOMELAB_LONG") {
        Some(_) => USUAL * 20,
        None => USUAL,
    };
    let began = Instant::now();
    let mut count = Count::default();
    let by_hand = written(&nodes);
    let all = std::iter::once(("written by hand".to_owned(), by_hand))
        .chain((1..=rounds).map(|seed| (format!("seed {seed}"), random::policy(seed, &nodes))));
    for (name, policy) in all {
        one(&mut tailnet, &nodes, &policy, &mut count)
            .map_err(|error| format!("policy {name}: {error}\n{policy}"))?;
    }
    println!(
        "tailnet: {} policies in {:.1} s: {} connections open as computed ({} to behind a router), {} refused by the other \
         side's filter, {} to what is out of sight",
        count.policies,
        began.elapsed().as_secs_f32(),
        count.allowed,
        count.behind,
        count.refused,
        count.unseen
    );
    match [count.allowed, count.behind, count.refused, count.unseen].contains(&0) {
        true => Err("a kind of connection was never tried".to_owned()),
        false => Ok(()),
    }
}

/// Returns a policy with most kinds of rules, capabilities too.
fn written(nodes: &[RealNode]) -> String {
    let mut policy = random::shared(nodes);
    policy["acls"] = json!([
        { "action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self:*"] },
        { "action": "accept", "src": ["group:two"], "dst": ["tag:store:443"] },
        { "action": "accept", "src": [nodes[0].login], "dst": ["behind:80", "desk:22"] },
        { "action": "accept", "proto": "udp", "src": ["*"], "dst": ["*:80"] },
    ]);
    policy["grants"] = json!([
        { "src": ["autogroup:tagged"], "dst": [nodes[3].login], "ip": ["tcp:80"] },
        { "src": ["group:all"], "dst": ["tag:store"], "ip": ["22"], "app": { "example.org/cap/door": [{ "open": true }] } },
        { "src": [nodes[2].login], "dst": ["tag:store"], "app": { "example.org/cap/window": [{ "width": 3 }] } },
    ]);
    policy.to_string()
}

fn roster(nodes: &[RealNode]) -> Roster {
    let devices = nodes.iter().map(|node| {
        let nets = |list: &[String]| list.iter().filter_map(|net| net.parse().ok()).collect::<Vec<_>>();
        Device::new(&node.name)
            .with_user(&node.login)
            .with_tags(&node.tags)
            .with_addresses(node.addresses.iter().filter_map(|address| address.parse().ok()))
            .with_advertised(nets(&node.offered))
            .with_approved(nets(&node.routes))
            .with_accepts_routes(node.accepts_routes)
    });
    let users: BTreeSet<&str> = nodes.iter().map(|node| node.login.as_str()).collect();
    let users = users.into_iter().map(|login| {
        let role = if login == nodes[0].login {
            Role::Owner
        } else {
            Role::Member
        };
        User::new(login).with_role(role)
    });
    Roster::new(devices, users)
}

fn one(tailnet: &mut RealTailnet, nodes: &[RealNode], policy: &str, count: &mut Count) -> Result<(), String> {
    let shown = |error: homelab_core::Error| format!("{error:?}");
    let policy = Policy::parse(&Source::new("policy.hujson", policy)).map_err(shown)?;
    let ours = Tailnet::new(policy, roster(nodes)).map_err(shown)?;
    let (filters, peers) = (ours.filters(), ours.peers());
    let told = nodes.iter().map(|node| {
        let seen = peers[&*node.name].iter().map(|peer| peer.to_string()).collect();
        (node.name.as_str(), json!(filters[&*node.name]), seen)
    });
    tailnet.tell(told)?;
    count.policies += 1;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    for node in nodes {
        let said = runtime.block_on(in_force(
            node,
            nodes,
            &filters[&*node.name],
            &peers[&*node.name],
            &ours,
        ));
        said.map_err(|error| format!("{}: {error}", node.name))?;
    }
    let mut pairs = Vec::new();
    for (index, one) in nodes.iter().enumerate() {
        let later = nodes[index + 1..].iter();
        let seen = later.filter(|other| peers[&*one.name].iter().any(|peer| **peer == *other.name));
        pairs.extend(seen.map(|other| (one.name.as_str(), other.name.as_str())));
    }
    tailnet.meet(&pairs)?;
    connections(tailnet, nodes, &ours, (&filters, &peers), count)
}

/// Waits until the daemon has what it was told, and compares what it says of it.
async fn in_force(
    node: &RealNode,
    nodes: &[RealNode],
    rules: &[FilterRuleView],
    peers: &[Arc<str>],
    ours: &Tailnet,
) -> Result<(), String> {
    let shown = |error: homelab_core::Error| format!("{error:?}");
    let daemon = LocalApi::new(&node.socket);
    let began = Instant::now();
    let expected: BTreeSet<&str> = peers
        .iter()
        .map(|peer| &**peer)
        .chain([node.name.as_str()])
        .collect();
    loop {
        let mut got = daemon.packet_filter().await.map_err(shown)?;
        if got.is_null() {
            // So it says that there is no rule.
            got = json!([]);
        }
        let status = daemon.status().await.map_err(shown)?;
        let seen: BTreeSet<&str> = status.roster().devices().iter().map(Device::name).collect();
        if got == json!(rules) && seen == expected {
            break;
        }
        if began.elapsed() > Duration::from_secs(15) {
            return Err(format!(
                "it has {got} and sees {seen:?}, expected {rules:?} and {expected:?}"
            ));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let granted = ours.capabilities();
    for other in nodes
        .iter()
        .filter(|other| expected.contains(other.name.as_str()) && other.name != node.name)
    {
        let address: IpAddr = other.addresses[0].parse().map_err(|error| format!("{error}"))?;
        let who = daemon
            .who_is(address)
            .await
            .map_err(shown)?
            .ok_or_else(|| format!("nobody is {address}"))?;
        let login = other.tags.is_empty().then_some(other.login.as_str());
        if (who.login(), who.device().name()) != (login, other.name.as_str()) {
            return Err(format!(
                "{address} is {:?} of {:?}",
                who.device().name(),
                who.login()
            ));
        }
        let ours = match granted.whois[&*node.name].get(&other.addresses[0]) {
            Some(capabilities) => json!(capabilities),
            None => json!({}),
        };
        if json!(who.capabilities()) != ours {
            return Err(format!(
                "{} may {:?}, expected {ours}",
                other.name,
                who.capabilities()
            ));
        }
    }
    Ok(())
}

/// What we say of a connection.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Open,
    /// The packet gets there, and is refused.
    Refused,
    /// Nobody there is in sight, or no way leads there.
    Unseen,
}

/// Tries every connection.
fn connections(
    tailnet: &mut RealTailnet,
    nodes: &[RealNode],
    ours: &Tailnet,
    (filters, peers): (&ByNode<FilterRuleView>, &ByNode<Arc<str>>),
    count: &mut Count,
) -> Result<(), String> {
    let attic = &nodes[4];
    let mut goals: Vec<(&RealNode, &str)> = nodes
        .iter()
        .map(|node| (node, node.addresses[0].as_str()))
        .collect();
    goals.extend([(attic, attic.addresses[1].as_str()), (attic, LAN)]);
    let mut tried: Vec<(Dial, Verdict, &str)> = Vec::new();
    for from in nodes {
        for (to, address) in goals.iter().filter(|(to, _)| to.name != from.name) {
            for port in PORTS {
                let address: IpAddr = address.parse().map_err(|error| format!("{error}"))?;
                let source = if address.is_ipv4() {
                    &from.addresses[0]
                } else {
                    &from.addresses[1]
                };
                let seen = peers[&*from.name].iter().any(|peer| **peer == *to.name);
                let leads = !to.routes.iter().any(|route| covers(route, address)) || from.accepts_routes;
                let admitted = filters[&*to.name]
                    .iter()
                    .any(|rule| admits(rule, source, address, port));
                let verdict = match (seen && leads, admitted) {
                    (true, true) => Verdict::Open,
                    (true, false) => Verdict::Refused,
                    (false, _) => Verdict::Unseen,
                };
                let dial = Dial {
                    from: from.name.clone(),
                    to: SocketAddr::new(address, port).to_string(),
                    wait: if verdict == Verdict::Open { ALLOWED } else { DENIED },
                };
                explained(ours, from, &dial, verdict)?;
                tried.push((dial, verdict, &to.name));
            }
        }
    }
    let before = tailnet.refused()?;
    let dials: Vec<Dial> = tried.iter().map(|(dial, ..)| dial.clone()).collect();
    let answers = tailnet.dial(&dials)?;
    let mut wrong = Vec::new();
    for ((dial, verdict, _), answer) in tried.iter().zip(answers) {
        let open = answer == "open";
        if open != (*verdict == Verdict::Open) {
            wrong.push(format!(
                "from {} to {}: {answer}, which is not what we say",
                dial.from, dial.to
            ));
        }
        match verdict {
            Verdict::Open => count.allowed += 1,
            Verdict::Refused => count.refused += 1,
            Verdict::Unseen => count.unseen += 1,
        }
        count.behind += u32::from(open && dial.to.starts_with(LAN));
    }
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    refusals(tailnet, &tried, &before)
}

/// Holds what `explain` says of a connection against what its filter and who is in sight come to.
fn explained(ours: &Tailnet, from: &RealNode, dial: &Dial, verdict: Verdict) -> Result<(), String> {
    let shown = |error: homelab_core::Error| format!("{error:?}");
    let target = format!("{}/tcp", dial.to).parse().map_err(shown)?;
    let says = ours.explain(&from.name, &target).map_err(shown)?;
    let behind = dial.to.starts_with(LAN);
    let agrees = match verdict {
        Verdict::Open => says.allowed == Some(true),
        Verdict::Refused => says.allowed == Some(false),
        // Allowed is then what a device may that is set to use the routes of others, and this one is said not to be.
        Verdict::Unseen => {
            says.allowed == Some(false) || behind && !from.accepts_routes && !says.conditions.is_empty()
        }
    };
    match agrees {
        true => Ok(()),
        false => Err(format!(
            "from {} to {}: `explain` says otherwise: {says:?}",
            from.name, dial.to
        )),
    }
}

/// Holds the packets that the nodes have refused against the connections that we say are refused: one each, at least.
fn refusals(
    tailnet: &mut RealTailnet,
    tried: &[(Dial, Verdict, &str)],
    before: &BTreeMap<String, u64>,
) -> Result<(), String> {
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, _, to) in tried
        .iter()
        .filter(|(_, verdict, _)| *verdict == Verdict::Refused)
    {
        *expected.entry(to).or_default() += 1;
    }
    // The first packet between two nodes waits for their handshake.
    let began = Instant::now();
    loop {
        let now = tailnet.refused()?;
        let missing = expected
            .iter()
            .find(|(node, least)| now[**node] - before[**node] < **least);
        match missing {
            None => return Ok(()),
            Some(_) if began.elapsed() < Duration::from_secs(10) => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Some((node, least)) => {
                let got = now[*node] - before[*node];
                return Err(format!(
                    "{node} has refused {got} packets, expected {least}: some never came there"
                ));
            }
        }
    }
}

/// Whether a rule lets a TCP connection in: by the text of the rule, without any of the evaluator's code.
fn admits(rule: &FilterRuleView, from: &str, to: IpAddr, port: u16) -> bool {
    let Ok(from) = from.parse::<IpAddr>() else {
        return false;
    };
    (rule.ip_proto.is_empty() || rule.ip_proto.contains(&6))
        && rule.src_ips.iter().any(|range| covers(range, from))
        && rule
            .dst_ports
            .iter()
            .any(|goal| covers(&goal.ip, to) && (goal.ports.first..=goal.ports.last).contains(&port))
}

/// Whether `*`, an address, a prefix or `first-last` has an address.
fn covers(range: &str, address: IpAddr) -> bool {
    if range == "*" {
        return true;
    }
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    if let Some((first, last)) = range.split_once('-') {
        let (Ok(first), Ok(last)) = (first.parse::<IpAddr>(), last.parse::<IpAddr>()) else {
            return false;
        };
        return first.is_ipv4() == address.is_ipv4()
            && (number(first)..=number(last)).contains(&number(address));
    }
    let (prefix, length) = range.split_once('/').unwrap_or((range, ""));
    let Ok(prefix) = prefix.parse::<IpAddr>() else {
        return false;
    };
    let bits: u32 = if prefix.is_ipv4() { 32 } else { 128 };
    let length = length.parse().unwrap_or(bits);
    let shift = |address| number(address).checked_shr(bits - length).unwrap_or(0);
    prefix.is_ipv4() == address.is_ipv4() && shift(prefix) == shift(address)
}
