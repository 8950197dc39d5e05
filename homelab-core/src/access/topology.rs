//! How the lab's containers stand to each other: machines, networks, shared namespaces, names. Made once for a lab.

mod build;

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::address::HostFacts;
use super::path::{Path, Unknown, UnknownKind, Zones};
use crate::compose::{Project, Protocol, Service};
use crate::finding::Evidence;
use crate::name::ServiceId;
use crate::system::{Category, System};
use crate::view::Reach;

type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The index of a service in [`Topology::nodes`].
pub(super) type NodeIndex = usize;
/// The index of a network in [`Topology::nets`].
pub(super) type NetIndex = usize;

/// What a judge needs to know of one service before its paths are looked for.
pub(super) struct Node<'a> {
    pub(super) id: &'a ServiceId,
    pub(super) project: &'a Project,
    pub(super) service: &'a Service,
    /// Which application it is, where that is known.
    pub(super) system: Option<&'a System>,
    pub(super) machine: usize,
    /// The image's repository in lower case, without tag and digest; empty where there is none.
    pub(super) image: String,
    /// Ports that it is known to listen on, inside its container.
    pub(super) known_ports: Vec<KnownPort>,
    pub(super) namespace: Namespace,
    /// The networks that it is attached to itself.
    pub(super) nets: Vec<NetIndex>,
    /// The services that use its network as theirs.
    pub(super) guests: Vec<NodeIndex>,
}

/// A port that a program is known to listen on, and by what.
#[derive(Clone, Debug)]
pub(super) struct KnownPort {
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    pub(super) evidence: Evidence,
    /// Whether it is surely this port, rather than one of several programs of its kind.
    pub(super) sure: bool,
}

/// Who answers on a port, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) node: NodeIndex,
    pub(super) port: u16,
    /// Whether nobody else is likelier to.
    pub(super) sure: bool,
}

impl Listener {
    /// Returns a path to the port as one to this service: nobody is known to have it where the service is unsure.
    pub(super) fn path(self, path: Path) -> Path {
        if self.sure {
            return path;
        }
        let why = format!("whether it listens on {}, for which it is not known", self.port);
        let mut unsure = path.clone();
        unsure.zone = Reach::None;
        unsure.zones = Zones::up_to(Reach::None);
        unsure.widen(path.at_most, Unknown::new(UnknownKind::Port, why))
    }
}

/// Whose network a container uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    /// Its own.
    Own,
    /// That of another service, which has its own or the machine's.
    Guest(NodeIndex),
    /// The machine's.
    Host,
    /// None at all.
    None,
    /// That of a container that the lab does not know.
    Missing(String),
    /// A ring of services, each of which uses the next one's network: none of them can start.
    Ring,
}

/// A network of one machine.
pub(super) struct Net {
    pub(super) name: String,
    pub(super) driver: Option<String>,
    pub(super) internal: bool,
    /// Whether any project of the lab declares it, rather than only using it.
    pub(super) declared: bool,
    pub(super) evidence: Option<Evidence>,
    /// The ranges of addresses that it gives out, where they are written and all of them are understood.
    pub(super) subnets: Vec<IpNet>,
    /// The address on which its ports are published where they name none, and what says so.
    pub(super) binding: Option<(IpAddr, Evidence)>,
    pub(super) members: Vec<NodeIndex>,
}

impl Net {
    /// Whether containers on it have addresses of the local network.
    pub(super) fn is_on_the_lan(&self) -> bool {
        matches!(self.driver.as_deref(), Some("macvlan" | "ipvlan"))
    }

    /// Whether somebody outside of the lab made it, neither a project nor the engine itself.
    pub(super) fn is_made_outside(&self) -> bool {
        !self.declared && !matches!(self.name.as_str(), "bridge" | "host" | "none" | "podman")
    }
}

/// One machine, or the one that is meant where the lab names none.
pub(super) struct Machine {
    pub(super) facts: HostFacts,
    containers: Table<String, NodeIndex>,
    /// The services that publish a host port or use the machine's network, by that port.
    published: Table<u16, Vec<(NodeIndex, u16)>>,
    /// The first service of each image, by the last part of its name.
    images: Table<String, NodeIndex>,
    /// The services that a process on the machine itself could reach: published anywhere, or on its own network.
    pub(super) on_host: Vec<NodeIndex>,
}

impl Machine {
    /// Returns a service of the machine whose image's last part is this.
    pub(super) fn with_image(&self, base: &str) -> Option<NodeIndex> {
        self.images.get(base).copied()
    }
}

pub(super) struct Topology<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) nets: Vec<Net>,
    pub(super) machines: Vec<Machine>,
    names: Table<(NetIndex, String), NodeIndex>,
    addresses: Table<(NetIndex, IpAddr), NodeIndex>,
}

/// One service, as the lab has it.
pub(super) struct Entry<'a> {
    pub(super) id: &'a ServiceId,
    pub(super) project: &'a Project,
    pub(super) service: &'a Service,
    pub(super) system: Option<&'a System>,
    pub(super) known_ports: Vec<KnownPort>,
}

impl Topology<'_> {
    /// Returns the service whose network this one uses: itself where it has its own.
    pub(super) fn owner(&self, node: NodeIndex) -> NodeIndex {
        match self.nodes[node].namespace {
            Namespace::Guest(owner) => owner,
            _ => node,
        }
    }

    /// Returns the networks that a service is on, its own or those of the service whose network it uses.
    pub(super) fn nets_of(&self, node: NodeIndex) -> &[NetIndex] {
        &self.nodes[self.owner(node)].nets
    }

    /// Returns everybody who uses the same network as this service, itself among them.
    pub(super) fn namespace_members(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let owner = self.owner(node);
        std::iter::once(owner).chain(self.nodes[owner].guests.iter().copied())
    }

    /// Returns who of those who share a network listens on a port: those known to, else those of whom no port is known.
    ///
    /// Those who are known for other ports only may have been told to use this one: where there is somebody likelier,
    /// they are unsure. Where there is not it is all of them, databases last.
    pub(super) fn listeners(&self, node: NodeIndex, port: u16, protocol: Protocol) -> Vec<Listener> {
        let members: Vec<NodeIndex> = self.namespace_members(node).collect();
        self.among(members, port, protocol)
    }

    fn among(&self, members: Vec<NodeIndex>, port: u16, protocol: Protocol) -> Vec<Listener> {
        let sure = |node| Listener {
            node,
            port,
            sure: true,
        };
        if members.len() == 1 {
            return members.into_iter().map(sure).collect();
        }
        let known: Vec<Listener> = members
            .iter()
            .copied()
            .filter(|&member| self.nodes[member].listens_on(port, protocol))
            .map(sure)
            .collect();
        if !known.is_empty() {
            return known;
        }
        let width = |node: NodeIndex| {
            let node = &self.nodes[node];
            let is_store = node.system.is_some_and(|system| system.category().is_store());
            (!node.known_ports.is_empty(), is_store)
        };
        let likeliest = members.iter().map(|&member| width(member)).min();
        members
            .into_iter()
            .map(|node| Listener {
                sure: Some(width(node)) == likeliest,
                node,
                port,
            })
            .collect()
    }

    /// Returns whether a network that is made outside of the lab is surely one of the engine's bridges: ports can be
    /// published by it, and a service does.
    pub(super) fn is_bridge(&self, net: NetIndex) -> bool {
        self.nets[net].members.iter().any(|&member| {
            let node = &self.nodes[member];
            node.nets == [net] && !node.service.ports.is_empty()
        })
    }

    /// Returns whether the lab has what people make a network outside of their projects for: a proxy or tunnel on it.
    pub(super) fn has_way_in(&self, net: NetIndex) -> bool {
        self.nets[net].members.iter().any(|&member| {
            let system = self.nodes[member].system;
            system.is_some_and(|system| matches!(system.category(), Category::Proxy | Category::Tunnel))
        })
    }

    /// Returns the service that another one finds by this name or address on its own networks.
    pub(super) fn neighbour(&self, from: NodeIndex, host: &str) -> Option<NodeIndex> {
        if let Ok(address) = host.parse::<IpAddr>() {
            let mut nets = self.nets_of(from).iter();
            return nets.find_map(|&net| self.addresses.get(&(net, address)).copied());
        }
        let host = host.to_ascii_lowercase();
        let containers = &self.machines[self.nodes[from].machine].containers;
        self.nets_of(from).iter().find_map(|&net| {
            // The engine's names may be followed by the network's.
            let name = host
                .strip_suffix(&self.nets[net].name.to_ascii_lowercase())
                .and_then(|name| name.strip_suffix('.'))
                .unwrap_or(&host);
            let named = self.names.get(&(net, name.to_owned())).copied();
            // A container's own name is one too.
            named.or_else(|| {
                let index = *containers.get(name)?;
                self.nets_of(index).contains(&net).then_some(index)
            })
        })
    }

    /// Returns whether a service is known to be behind a port of the machine.
    pub(super) fn publishes(&self, machine: usize, port: u16) -> bool {
        self.machines[machine].published.contains_key(&port)
    }

    /// Returns which services, and which of their ports, a program in a container means by a host and port.
    pub(super) fn resolve(&self, from: NodeIndex, host: &str, port: u16) -> Vec<Listener> {
        let host = host.trim_matches(['[', ']']);
        let address: Option<IpAddr> = host.parse().ok();
        let machine = &self.machines[self.nodes[from].machine];
        let local = host.eq_ignore_ascii_case("localhost") || address.is_some_and(|ip| ip.is_loopback());
        if local && self.nodes[from].namespace != Namespace::Host {
            let others: Vec<NodeIndex> = self
                .namespace_members(from)
                .filter(|&node| node != from)
                .collect();
            let members = if others.is_empty() { vec![from] } else { others };
            return self.among(members, port, Protocol::Tcp);
        }
        if let Some(node) = self.neighbour(from, host) {
            return self.listeners(node, port, Protocol::Tcp);
        }
        let is_machine = local
            || host == "host.docker.internal"
            || host == "host.containers.internal"
            || host == "172.17.0.1"
            || address.is_some_and(|address| {
                let facts = &machine.facts;
                facts.addresses.contains(&address) || facts.public_addresses.contains(&address)
            });
        if is_machine {
            self.published_on(machine, port)
        } else {
            Vec::new()
        }
    }

    /// Returns who answers a program of a machine itself that asks a host and port.
    pub(super) fn on_machine(&self, machine: usize, host: &str, port: u16) -> Vec<Listener> {
        let machine = &self.machines[machine];
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let own = |address: IpAddr| {
            address.is_loopback() || address.is_unspecified() || machine.facts.addresses.contains(&address)
        };
        match host.eq_ignore_ascii_case("localhost") || address.is_some_and(own) {
            true => self.published_on(machine, port),
            false => Vec::new(),
        }
    }

    fn published_on(&self, machine: &Machine, port: u16) -> Vec<Listener> {
        let published = machine.published.get(&port).into_iter().flatten();
        published
            .flat_map(|&(node, target)| self.listeners(node, target, Protocol::Tcp))
            .collect()
    }
}

impl Node<'_> {
    pub(super) fn listens_on(&self, port: u16, protocol: Protocol) -> bool {
        self.known_ports
            .iter()
            .any(|known| known.port == port && known.protocol == protocol)
    }

    /// Returns the last part of the image's name: `traefik`.
    pub(super) fn image_base(&self) -> &str {
        self.image.rsplit('/').next().unwrap_or_default()
    }

    pub(super) fn is_tailscale(&self) -> bool {
        self.image_base() == "tailscale"
    }

    /// Returns the value of an environment variable that is there and not empty.
    pub(super) fn environment(&self, name: &str) -> Option<(&str, Evidence)> {
        let field = self.service.environment.get(name)?;
        let value = field.value.as_deref()?.trim().trim_matches('"');
        (!value.is_empty()).then(|| (value, Evidence::at(format!("environment `{name}`"), &field.span)))
    }

    /// Returns whether it sets an environment variable to anything, a value that nobody knows included.
    pub(super) fn sets(&self, name: &str) -> Option<Evidence> {
        let field = self.service.environment.get(name)?;
        Some(Evidence::at(format!("environment `{name}`"), &field.span))
    }

    /// Returns the words of its entry point and command.
    pub(super) fn words(&self) -> impl Iterator<Item = (&str, &crate::span::Span)> {
        self.service
            .entrypoint
            .iter()
            .chain(&self.service.command)
            .map(|word| (word.value.as_str(), &word.span))
    }
}
