//! The ways that need nobody in between: published ports, the machine's own network, an address of one's own, and
//! what a router forwards to them.

use super::path::{Path, PathKind, Unknown, UnknownKind};
use super::topology::{Namespace, NodeIndex, Topology};
use crate::compose::{Field, Port, Protocol};
use crate::finding::Evidence;
use crate::view::Reach;

/// Adds the direct paths of every service.
pub(super) fn paths(topology: &Topology<'_>, paths: &mut [Vec<Path>]) {
    for index in 0..topology.nodes.len() {
        match &topology.nodes[index].namespace {
            Namespace::Own => {
                published(topology, index, paths);
                own_addresses(topology, index, paths);
            }
            Namespace::Host => host_network(topology, index, &mut paths[index]),
            Namespace::Missing(whose) => paths[index].push(missing(topology, index, whose)),
            Namespace::Guest(_) | Namespace::None | Namespace::Ring => {}
        }
    }
}

fn published(topology: &Topology<'_>, owner: NodeIndex, paths: &mut [Vec<Path>]) {
    let node = &topology.nodes[owner];
    if node.service.ports.is_empty() {
        return;
    }
    // The engine publishes through a bridge that leads out: neither an internal network nor an address on the local
    // network does.
    let cannot_publish = |net: &usize| topology.nets[*net].internal || topology.nets[*net].is_on_the_lan();
    if !node.nets.is_empty() && node.nets.iter().all(cannot_publish) {
        return;
    }
    for port in &node.service.ports {
        let direct = published_paths(topology, owner, port);
        for listener in topology.listeners(owner, port.value.target, port.value.protocol) {
            let through = (listener != owner).then(|| whose_network(topology, listener, owner));
            let with_owner = direct.iter().cloned().map(|path| path.with_all(through.clone()));
            paths[listener].extend(with_owner);
        }
    }
}

/// Returns what makes one service's ports another's.
fn whose_network(topology: &Topology<'_>, guest: NodeIndex, owner: NodeIndex) -> Evidence {
    let text = format!("it uses the network of `{}`", topology.nodes[owner].id);
    match &topology.nodes[guest].service.network_mode {
        Some(mode) => Evidence::at(text, &mode.span),
        None => Evidence::said(text),
    }
}

fn published_paths(topology: &Topology<'_>, owner: NodeIndex, field: &Field<Port>) -> Vec<Path> {
    let facts = &topology.machines[topology.nodes[owner].machine].facts;
    let port = &field.value;
    let meaning = facts.meaning(port.host_ip);
    let label = port_label(port);
    let mut text = format!("published on {}", meaning.words);
    if let Some(written) = &field.interpolation {
        text.push_str(&format!(", written `{}`", written.raw));
        if port.host_ip.is_none() && field.is_unset() {
            text.push_str(", of which a variable has no value");
        }
    }
    let mut path = Path::new(PathKind::PublishedPort, meaning.zone, label)
        .on(Some(port.target), port.protocol)
        .with(Evidence::at(text, &field.span));
    path.zones = meaning.zones;
    if meaning.zone >= Reach::Lan
        && let Some(evidence) = &facts.evidence
    {
        path = path.with(evidence.clone());
    }
    if let Some(unknown) = meaning.unknown {
        path = path.widen(meaning.at_most, unknown);
    }
    let mut all = vec![path];
    if meaning.forwardable
        && let Some((first, last)) = port.published
    {
        for forward in &facts.forwards {
            if (first..=last).any(|host_port| forward.fits(host_port, port.protocol)) {
                let label = format!("router {} -> {}", forward.port, port_label(port));
                all.push(
                    Path::new(PathKind::RouterForward, Reach::Internet, label)
                        .on(Some(port.target), port.protocol)
                        .with(Evidence::at("published on the machine", &field.span))
                        .with(forward.evidence.clone()),
                );
            }
        }
    }
    all
}

fn port_label(port: &Port) -> String {
    let host = match (port.host_ip, port.published) {
        (_, None) => "a port that the engine chooses".to_owned(),
        (None, Some((first, last))) => range(first, last),
        (Some(std::net::IpAddr::V6(v6)), Some((first, last))) => format!("[{v6}]:{}", range(first, last)),
        (Some(v4), Some((first, last))) => format!("{v4}:{}", range(first, last)),
    };
    format!("{host} -> {}/{}", port.target, port.protocol)
}

fn range(first: u16, last: u16) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

fn host_network(topology: &Topology<'_>, index: NodeIndex, paths: &mut Vec<Path>) {
    let node = &topology.nodes[index];
    let facts = &topology.machines[node.machine].facts;
    if node.is_tailscale() {
        // It listens for its peers only, who prove who they are; what it serves is found where Serve is read.
        return;
    }
    let declared = match &node.service.network_mode {
        Some(mode) => Evidence::at("it uses the machine's own network", &mode.span),
        None => Evidence::said("it uses the machine's own network"),
    };
    let mut listeners = listen_flags(topology, index);
    if listeners.is_empty() {
        listeners.extend(node.known_ports.iter().map(|known| Listener {
            address: None,
            port: Some(known.port),
            protocol: known.protocol,
            evidence: Some(known.evidence.clone()),
        }));
    }
    if listeners.is_empty() {
        listeners.push(Listener {
            address: None,
            port: None,
            protocol: Protocol::Tcp,
            evidence: None,
        });
    }
    for listener in listeners {
        let meaning = facts.meaning(listener.address);
        let label = match listener.port {
            Some(port) => format!("{port}/{} on {}", listener.protocol, meaning.words),
            None => format!("whatever it listens on, on {}", meaning.words),
        };
        let mut path = Path::new(PathKind::HostNetwork, meaning.zone, label)
            .on(listener.port, listener.protocol)
            .with(declared.clone())
            .with_all(listener.evidence);
        path.zones = meaning.zones;
        if let Some(unknown) = meaning.unknown {
            path = path.widen(meaning.at_most, unknown);
        }
        for forward in facts.forwards.iter().filter(|_| meaning.forwardable) {
            match listener.port {
                Some(port) if forward.fits(port, listener.protocol) => paths.push(
                    Path::new(
                        PathKind::RouterForward,
                        Reach::Internet,
                        format!("router {} -> {port}/{}", forward.port, listener.protocol),
                    )
                    .on(Some(port), listener.protocol)
                    .with(declared.clone())
                    .with(forward.evidence.clone()),
                ),
                Some(_) => {}
                None if topology.publishes(node.machine, forward.target.first()) => {}
                None => {
                    let why = format!(
                        "whether it listens on {}, which the router forwards",
                        forward.target
                    );
                    path = path.widen(Reach::Internet, Unknown::new(UnknownKind::Port, why));
                }
            }
        }
        paths.push(path);
    }
}

struct Listener {
    address: Option<std::net::IpAddr>,
    port: Option<u16>,
    protocol: Protocol,
    evidence: Option<Evidence>,
}

/// Reads the one flag for a listening address that means the same in every program that has it: Prometheus's.
fn listen_flags(topology: &Topology<'_>, index: NodeIndex) -> Vec<Listener> {
    let mut found = Vec::new();
    for (word, span) in topology.nodes[index].words() {
        let Some(value) = word.trim_start_matches('-').strip_prefix("web.listen-address=") else {
            continue;
        };
        let Some((address, port)) = value.rsplit_once(':') else {
            continue;
        };
        let address = address.trim_matches(['[', ']']);
        let parsed = address.parse().ok();
        if address.is_empty() || parsed.is_some() {
            found.push(Listener {
                address: parsed,
                port: port.parse().ok(),
                protocol: Protocol::Tcp,
                evidence: Some(Evidence::at(format!("`{word}`"), span)),
            });
        }
    }
    found
}

fn own_addresses(topology: &Topology<'_>, owner: NodeIndex, paths: &mut [Vec<Path>]) {
    let node = &topology.nodes[owner];
    let facts = &topology.machines[node.machine].facts;
    for &index in &node.nets {
        let net = &topology.nets[index];
        let why = || {
            Unknown::new(
                UnknownKind::Missing,
                format!(
                    "which kind of network `{}` is: it is made outside of the lab",
                    net.name
                ),
            )
        };
        let path = if net.is_on_the_lan() {
            let label = format!("an address of its own on the local network, by `{}`", net.name);
            let path = Path::new(PathKind::OwnAddress, Reach::Lan, label).with_all(net.evidence.clone());
            match facts.meaning(None).unknown {
                Some(unknown) => path.widen(Reach::Internet, unknown),
                None => path,
            }
        } else if net.may_be_on_the_lan() {
            let label = format!("perhaps an address of its own, by `{}`", net.name);
            Path::new(PathKind::OwnAddress, Reach::None, label).widen(Reach::Lan, why())
        } else {
            continue;
        };
        for member in topology.namespace_members(owner) {
            paths[member].push(path.clone());
        }
    }
}

fn missing(topology: &Topology<'_>, index: NodeIndex, whose: &str) -> Path {
    let path = Path::new(
        PathKind::ContainerNetwork,
        Reach::Host,
        format!("the network of {whose}, which is not in the lab"),
    )
    .widen(
        Reach::Internet,
        Unknown::new(
            UnknownKind::Missing,
            format!("what reaches the network of {whose}, which it uses: that is not in the lab"),
        ),
    );
    match &topology.nodes[index].service.network_mode {
        Some(mode) => path.with(Evidence::at("it uses another container's network", &mode.span)),
        None => path,
    }
}
