//! The ways that need nobody in between: published ports, the machine's own network, an address of one's own, and
//! what a router forwards to them.

use std::net::IpAddr;

use super::address::HostFacts;
use super::path::{Door, DoorOf, Path, PathKind, Unknown, UnknownKind};
use super::topology::{Namespace, NetIndex, NodeIndex, Topology};
use crate::compose::{Field, Port, Protocol, rules};
use crate::finding::Evidence;
use crate::view::Reach;

/// Adds the direct paths of every service.
pub(super) fn paths(topology: &Topology<'_>, paths: &mut [Vec<Path>]) {
    for index in 0..topology.nodes.len() {
        paths[index].extend(pods(topology, index));
        paths[index].extend(unread(topology, index));
        paths[index].extend(elsewhere(topology, index));
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

/// Returns what a Podman unit for a Kubernetes file may open: its pods have ports, and networks, of their own.
fn pods(topology: &Topology<'_>, index: NodeIndex) -> Option<Path> {
    let service = topology.nodes[index].service;
    let is_kube =
        service.image.is_none() && service.build.is_none() && service.body.source().name().ends_with(".kube");
    is_kube.then(|| {
        let why = "which ports its pods open on the machine, and what runs in them: their Kubernetes file is not read";
        Path::new(PathKind::HostNetwork, Reach::None, "whatever its pods open")
            .widen(Reach::Internet, Unknown::new(UnknownKind::Port, why))
            .with(Evidence::at("a Podman unit for a Kubernetes file", &service.span))
    })
}

/// Returns what a service publishes in words whose ports the machine alone knows.
fn unread<'a>(topology: &'a Topology<'_>, index: NodeIndex) -> impl Iterator<Item = Path> + 'a {
    topology.nodes[index].service.unread_ports.iter().map(|field| {
        let why = format!("which ports of the machine are meant by {}", field.value);
        Path::new(
            PathKind::PublishedPort,
            Reach::None,
            format!("publishes {}", field.value),
        )
        .widen(Reach::Internet, Unknown::new(UnknownKind::Port, why))
        .with(Evidence::at("what it publishes", &field.span))
    })
}

/// Returns what a service may open by what stands in files that are not read: outside of the lab, or far away.
fn elsewhere<'a>(topology: &'a Topology<'_>, index: NodeIndex) -> impl Iterator<Item = Path> + 'a {
    let node = &topology.nodes[index];
    let unread = [&rules::OUTSIDE_ROOT, &rules::REMOTE];
    let diagnostics = node.project.diagnostics().iter();
    let unread = diagnostics.filter(move |finding| {
        let is_unread = unread.iter().any(|rule| std::ptr::eq(*rule, finding.rule()));
        is_unread
            && finding
                .service()
                .is_some_and(|id| id.service() == node.id.service())
    });
    unread.map(|finding| {
        let why = format!("what else it opens: {}", finding.message());
        Path::new(
            PathKind::PublishedPort,
            Reach::None,
            "perhaps by a file that is not read",
        )
        .widen(Reach::Internet, Unknown::new(UnknownKind::Missing, why))
        .with_all(
            finding
                .place()
                .map(|place| Evidence::at("it is named here", place)),
        )
    })
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
    let publishing = || node.nets.iter().filter(|net| !cannot_publish(net));
    // Each bridge publishes by itself: the narrower address counts where all of them have it.
    let mut bindings = publishing().map(|&net| topology.nets[net].binding.as_ref());
    let binding = bindings.next().flatten();
    let binding =
        binding.filter(|(own, _)| bindings.all(|other| other.is_some_and(|(other, _)| other == own)));
    for stretch in stretches(&node.service.ports, node.guests.is_empty()) {
        let direct = published_paths(topology, owner, stretch, binding);
        let port = &stretch.first.value;
        for listener in topology.listeners(owner, port.target, port.protocol) {
            let through = (listener.node != owner).then(|| whose_network(topology, listener.node, owner));
            let with_owner = direct
                .iter()
                .cloned()
                .map(|path| listener.path(path.with_all(through.clone())));
            paths[listener.node].extend(with_owner);
        }
    }
}

/// Published ports that follow each other and were written as one: `10000-20000:10000-20000`.
#[derive(Clone, Copy)]
struct Stretch<'a> {
    first: &'a Field<Port>,
    last: &'a Port,
}

/// Puts ports together that were written together, so that a range of thousands is one way in. Where several
/// containers share a network each port may be another's: they stay apart.
fn stretches(ports: &[Field<Port>], together: bool) -> Vec<Stretch<'_>> {
    let mut found: Vec<Stretch<'_>> = Vec::new();
    for field in ports {
        let port = &field.value;
        if let Some(stretch) = found.last_mut()
            && together
            && stretch.first.span == field.span
            && stretch.first.value.host_ip == port.host_ip
            && stretch.first.value.protocol == port.protocol
            && stretch.last.target.checked_add(1) == Some(port.target)
            && follows(stretch.last.published, port.published)
        {
            stretch.last = port;
        } else {
            found.push(Stretch {
                first: field,
                last: port,
            });
        }
    }
    found
}

fn follows(before: Option<(u16, u16)>, after: Option<(u16, u16)>) -> bool {
    match (before, after) {
        (None, None) => true,
        (Some((from, to)), Some((next, end))) => from == to && next == end && to.checked_add(1) == Some(next),
        _ => false,
    }
}

impl Stretch<'_> {
    /// Returns the ports of the machine.
    fn published(&self) -> Option<(u16, u16)> {
        Some((self.first.value.published?.0, self.last.published?.1))
    }

    /// Returns the ports of the container that lie behind these of the machine.
    fn targets(&self, (from, to): (u16, u16)) -> (u16, u16) {
        let (first, last) = (self.first.value.target, self.last.target);
        match self.published() {
            // One port of the container behind a choice of the machine's.
            _ if first == last => (first, last),
            Some((start, _)) => (first + (from - start), first + (to - start)),
            None => (first, last),
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

fn published_paths(
    topology: &Topology<'_>,
    owner: NodeIndex,
    stretch: Stretch<'_>,
    binding: Option<&(IpAddr, Evidence)>,
) -> Vec<Path> {
    let facts = &topology.machines[topology.nodes[owner].machine].facts;
    let field = stretch.first;
    let port = &field.value;
    // Asked for all interfaces, the engine takes the address that the network's driver is told.
    let binding = binding.filter(|_| port.host_ip.is_none());
    let address = port.host_ip.or(binding.map(|(address, _)| *address));
    let meaning = facts.meaning(address);
    let mut text = format!("published on {}", meaning.words);
    if let Some(written) = &field.interpolation {
        text.push_str(&format!(", written `{}`", written.raw));
        if port.host_ip.is_none() && field.is_unset() {
            text.push_str(", of which a variable has no value");
        }
    }
    let label = port_label(stretch, address);
    let mut path = Path::new(PathKind::PublishedPort, meaning.zone, label.clone())
        .on_range((port.target, stretch.last.target), port.protocol)
        .with(Evidence::at(text, &field.span));
    path.zones = meaning.zones;
    path = path.by(door(facts, address, stretch.published(), port.protocol));
    path = path.with_all(binding.map(|(_, evidence)| evidence.clone()));
    path = path.with_all(meaning.evidence);
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
        && let Some(published) = stretch.published()
    {
        for forward in &facts.forwards {
            if let Some(both) = forward.meets(published, port.protocol) {
                let label = format!("router {} -> {label}", forward.port);
                all.push(
                    Path::new(PathKind::RouterForward, Reach::Internet, label)
                        .on_range(stretch.targets(both), port.protocol)
                        .with(Evidence::at("published on the machine", &field.span))
                        .with(forward.evidence.clone()),
                );
            }
        }
    }
    all
}

/// Returns where those come in who come by the tailnet to a socket of the machine that is bound to this address.
fn door(
    facts: &HostFacts,
    address: Option<IpAddr>,
    ports: Option<(u16, u16)>,
    protocol: Protocol,
) -> Option<Door> {
    let of = match address.map(|address| address.to_canonical()) {
        None => DoorOf::Machine,
        Some(address) if address.is_unspecified() || address.is_loopback() && facts.loopback.is_some() => {
            DoorOf::Machine
        }
        // Beside the tailnet's own addresses those to which a device of it may have a route.
        Some(address) if matches!(facts.meaning(Some(address)).zone, Reach::Tailnet | Reach::Lan) => {
            DoorOf::Address(address)
        }
        Some(_) => return None,
    };
    Some(Door {
        of,
        ports,
        protocol,
        page: None,
    })
}

fn port_label(stretch: Stretch<'_>, address: Option<IpAddr>) -> String {
    let port = &stretch.first.value;
    let host = match (address, stretch.published()) {
        (_, None) => "a port that the engine chooses".to_owned(),
        (None, Some((first, last))) => range(first, last),
        (Some(std::net::IpAddr::V6(v6)), Some((first, last))) => format!("[{v6}]:{}", range(first, last)),
        (Some(v4), Some((first, last))) => format!("{v4}:{}", range(first, last)),
    };
    format!(
        "{host} -> {}/{}",
        range(port.target, stretch.last.target),
        port.protocol
    )
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
        let sure = node.known_ports.iter().filter(|known| known.sure);
        listeners.extend(sure.map(|known| Listener {
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
            .with_all(listener.evidence)
            .by(door(
                facts,
                listener.address,
                listener.port.map(|port| (port, port)),
                listener.protocol,
            ))
            .with_all(meaning.evidence);
        path.zones = meaning.zones;
        if let Some(unknown) = meaning.unknown {
            path = path.widen(meaning.at_most, unknown);
        }
        for forward in facts.forwards.iter().filter(|_| meaning.forwardable) {
            match listener.port {
                Some(port) if forward.meets((port, port), listener.protocol).is_some() => paths.push(
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
        let path = if net.is_on_the_lan() {
            let label = format!("an address of its own on the local network, by `{}`", net.name);
            let path = Path::new(PathKind::OwnAddress, Reach::Lan, label).with_all(net.evidence.clone());
            match facts.meaning(None).unknown {
                Some(unknown) => path.widen(Reach::Internet, unknown),
                None => path,
            }
            .by(own_doors(node, index, topology))
        } else if let Some(path) = made_outside(topology, owner, index) {
            path
        } else if let Some(path) = addressed(topology, owner, index) {
            path
        } else {
            continue;
        };
        for member in topology.namespace_members(owner) {
            paths[member].push(path.clone());
        }
    }
}

/// Returns what those may reach who address a container itself: by an engine that lets them, or a driver of which nobody
/// knows what it does. Whether they have a way to its address is up to their own routes.
fn addressed(topology: &Topology<'_>, owner: NodeIndex, index: NetIndex) -> Option<Path> {
    let net = &topology.nets[index];
    let node = &topology.nodes[owner];
    let name = &net.name;
    let (why, evidence) = match &net.routed {
        Some((every_port, evidence)) if *every_port || !node.service.ports.is_empty() => (
            format!("who has a route to the addresses of `{name}`"),
            Some(evidence.clone()),
        ),
        _ if net.is_of_a_plugin() => {
            let driver = net.driver.as_deref().unwrap_or_default();
            let why = format!("who is on the network `{name}`, which the driver `{driver}` makes");
            (why, net.evidence.clone())
        }
        _ => {
            let evidence = net.may_be_the_lans(&topology.machines[node.machine].facts)?;
            (
                format!("whether the bridge of `{name}` is a part of the local network"),
                Some(evidence.clone()),
            )
        }
    };
    let facts = &topology.machines[node.machine].facts;
    let at_most = facts.meaning(None).at_most.max(Reach::Lan);
    let label = format!("perhaps by its address on `{name}`");
    let path = Path::new(PathKind::OwnAddress, Reach::None, label);
    Some(
        path.widen(at_most, Unknown::new(UnknownKind::Missing, why))
            .with_all(evidence),
    )
}

/// Returns the ports that a container is known to listen on, and whichever else it does, at the address that it is given on
/// a network.
fn own_doors(node: &super::topology::Node<'_>, index: NetIndex, topology: &Topology<'_>) -> Vec<Door> {
    match own_address(node, &topology.nets[index].name) {
        Some(address) => every_door(node, &DoorOf::Address(address)),
        None => Vec::new(),
    }
}

/// Returns the address that a container is given on a network.
pub(super) fn own_address(node: &super::topology::Node<'_>, name: &str) -> Option<IpAddr> {
    let project = node.project.networks();
    let attached = node.service.networks.iter().find(|attached| {
        let key = attached.value.network.as_str();
        let own = project.get(key).and_then(|network| network.name.as_ref());
        own.map_or(key, |own| own.value.as_str()) == name
    });
    let address = attached.and_then(|attached| attached.value.ipv4.as_ref()?.trim().parse().ok());
    address.map(IpAddr::V4)
}

/// Returns the ports that a container is known to listen on, and whichever else it does: what an image exposes is not all
/// that is open.
pub(super) fn every_door(node: &super::topology::Node<'_>, of: &DoorOf) -> Vec<Door> {
    let sure = node.known_ports.iter().filter(|known| known.sure);
    let known = sure.map(|known| (Some((known.port, known.port)), known.protocol));
    let others = [Protocol::Tcp, Protocol::Udp].map(|protocol| (None, protocol));
    let door = |(ports, protocol)| Door {
        of: of.clone(),
        ports,
        protocol,
        page: None,
    };
    known.chain(others).map(door).collect()
}

/// Returns what a network that no project of the lab declares may lead to: it may be a part of the local network, and
/// have a proxy on it that the lab does not know.
fn made_outside(topology: &Topology<'_>, owner: NodeIndex, index: NetIndex) -> Option<Path> {
    let net = &topology.nets[index];
    let name = &net.name;
    let (is_bridge, has_way_in) = (topology.is_bridge(index), topology.has_way_in(index));
    let (at_most, why) = match (is_bridge, has_way_in) {
        _ if !net.is_made_outside() => return None,
        (true, true) => return None,
        (false, true) => (Reach::Lan, "of which kind it is"),
        (true, false) => (Reach::Internet, "who else is on it"),
        (false, false) => (Reach::Internet, "of which kind it is, and who else is on it"),
    };
    let why = format!("of the network `{name}`, which no project of the lab declares, {why}");
    let path = Path::new(
        PathKind::ContainerNetwork,
        Reach::None,
        format!("perhaps by the network `{name}`"),
    )
    .widen(at_most, Unknown::new(UnknownKind::Missing, why));
    let node = &topology.nodes[owner];
    let project = node.project.networks();
    let attached = node.service.networks.iter().find(|attached| {
        let key = attached.value.network.as_str();
        let own = project.get(key).and_then(|network| network.name.as_ref());
        own.map_or(key, |own| own.value.as_str()) == name
    });
    Some(path.with_all(attached.map(|field| Evidence::at("it is made outside of the lab", &field.span))))
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
