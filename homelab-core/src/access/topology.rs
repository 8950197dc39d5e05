//! How the lab's containers stand to each other: machines, networks, shared namespaces, names. Made once for a lab.

mod build;

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::address::HostFacts;
use super::dockerfile::Built;
use super::path::{Path, Unknown, UnknownKind, Zones};
use crate::compose::{Field, Mount, Project, Protocol, Service};
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
    /// The lab's files that its image is built with.
    pub(super) copied: Vec<Field<Mount>>,
    /// The image's repository in lower case, without tag and digest; empty where there is none.
    pub(super) image: String,
    /// Where the last part of the image's name begins: nearly every judge asks for it.
    pub(super) image_base: usize,
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
        path.unsure(Unknown::new(UnknownKind::Port, why))
    }
}

impl Path {
    /// Returns it as one that may lead there or not: nobody is known to come by it.
    pub(super) fn unsure(mut self, why: Unknown) -> Self {
        let at_most = self.at_most;
        self.zone = Reach::None;
        self.zones = Zones::up_to(Reach::None);
        self.widen(at_most, why)
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
    /// Shows that the engine lets others in who address a container itself, and whether on every port of it rather than
    /// on those that it publishes.
    pub(super) routed: Option<(bool, Evidence)>,
    /// The interface of the machine that is its bridge, where it is named.
    pub(super) bridge: Option<(String, Evidence)>,
    /// Shows that the engine gives the bridge no address: somebody else's does, or has one already.
    pub(super) inhibited: Option<Evidence>,
    pub(super) members: Vec<NodeIndex>,
}

impl Net {
    /// Whether containers on it have addresses of the local network.
    pub(super) fn is_on_the_lan(&self) -> bool {
        matches!(self.driver.as_deref(), Some("macvlan" | "ipvlan"))
    }

    /// Whether its driver is a plugin: what that makes of it is not known.
    pub(super) fn is_of_a_plugin(&self) -> bool {
        let known = [
            "",
            "default",
            "bridge",
            "host",
            "none",
            "null",
            "overlay",
            "macvlan",
            "ipvlan",
            "nat",
            "transparent",
            "l2bridge",
            "l2tunnel",
        ];
        self.driver
            .as_deref()
            .is_some_and(|driver| !known.contains(&driver))
    }

    /// Returns what shows that its bridge may be one that the local network is on as well, rather than one that the engine
    /// makes for it alone: it is an interface that the machine is said to have, with an address that no engine gives, or it
    /// is told to be without an address.
    pub(super) fn may_be_the_lans(&self, facts: &HostFacts) -> Option<&Evidence> {
        // What engines take for their own where nothing is said.
        let by_engine = |address: &IpAddr| match address {
            IpAddr::V4(address) => address.octets()[0] == 172 && (16..32).contains(&address.octets()[1]),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        let named = self.bridge.as_ref().filter(|(name, _)| {
            let own = facts.interfaces.iter().filter(|(other, _)| other == name);
            own.flat_map(|(_, addresses)| addresses)
                .any(|address| !by_engine(address))
        });
        let named = named.map(|(_, evidence)| evidence);
        named.or(self.inhibited.as_ref())
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
    names: Table<(NetIndex, String), Vec<NodeIndex>>,
    addresses: Table<(NetIndex, IpAddr), NodeIndex>,
}

/// One service, as the lab has it.
pub(super) struct Entry<'a> {
    pub(super) id: &'a ServiceId,
    pub(super) project: &'a Project,
    pub(super) service: &'a Service,
    pub(super) system: Option<&'a System>,
    pub(super) known_ports: Vec<KnownPort>,
    /// What the lab knows of its image, where it is built.
    pub(super) built: Option<Built>,
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

    /// Returns the services that another one finds by this name or address on its own networks: the engine asks those of
    /// one name in turn.
    pub(super) fn neighbours(&self, from: NodeIndex, host: &str) -> Vec<NodeIndex> {
        let mut found = Vec::new();
        if let Ok(address) = host.parse::<IpAddr>() {
            let nets = self.nets_of(from).iter();
            found.extend(nets.filter_map(|&net| self.addresses.get(&(net, address)).copied()));
        } else {
            let host = host.to_ascii_lowercase();
            for &net in self.nets_of(from) {
                // The engine's names may be followed by the network's.
                let name = host
                    .strip_suffix(&self.nets[net].name.to_ascii_lowercase())
                    .and_then(|name| name.strip_suffix('.'))
                    .unwrap_or(&host);
                match self.names.get(&(net, name.to_owned())) {
                    Some(named) => found.extend(named),
                    // A container's own name is one too.
                    None => {
                        let container = self.container(self.nodes[from].machine, name);
                        found.extend(container.filter(|&index| self.nets_of(index).contains(&net)));
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Returns the service of a container, by its own name or by the one that Compose gives it.
    fn container(&self, machine: usize, name: &str) -> Option<NodeIndex> {
        let containers = &self.machines[machine].containers;
        let first = || {
            // Compose counts the containers of a service.
            let (base, number) = name.rsplit_once(['-', '_'])?;
            let joint = &name[base.len()..=base.len()];
            number.parse::<u32>().ok()?;
            containers.get(&format!("{base}{joint}1"))
        };
        containers.get(name).or_else(first).copied()
    }

    /// Returns whether a service is known to be behind a port of the machine.
    pub(super) fn publishes(&self, machine: usize, port: u16) -> bool {
        self.machines[machine].published.contains_key(&port)
    }

    /// Returns which services, and which of their ports, a program in a container means by a host and port.
    pub(super) fn resolve(&self, from: NodeIndex, host: &str, port: u16) -> Vec<Listener> {
        let meant = self.written_host(from, host);
        let host = meant.as_str();
        let address: Option<IpAddr> = host.parse().ok();
        let own = self.nodes[from].machine;
        let local = is_loopback(host);
        if local && self.nodes[from].namespace != Namespace::Host {
            let others: Vec<NodeIndex> = self
                .namespace_members(from)
                .filter(|&node| node != from)
                .collect();
            let members = if others.is_empty() { vec![from] } else { others };
            return self.among(members, port, Protocol::Tcp);
        }
        let neighbours = self.neighbours(from, host);
        if !neighbours.is_empty() {
            let all = neighbours.into_iter();
            return all
                .flat_map(|node| self.listeners(node, port, Protocol::Tcp))
                .collect();
        }
        if local || is_of_engine(host, address) {
            return self.published_on(own, port, from, false);
        }
        let machines = self.machines_called(own, host, address).into_iter();
        machines
            .flat_map(|machine| self.published_on(machine, port, from, machine != own))
            .collect()
    }

    /// Returns whether a host that no service was found for is surely nothing of the lab: another machine, a program of
    /// the machine's own, or a public name.
    pub(super) fn is_elsewhere(&self, from: NodeIndex, host: &str) -> bool {
        let meant = self.written_host(from, host);
        let host = meant.as_str();
        let address: Option<IpAddr> = host.parse().ok();
        let own = self.nodes[from].machine;
        if is_loopback(host)
            || is_of_engine(host, address)
            || !self.machines_called(own, host, address).is_empty()
        {
            return true;
        }
        let facts = || self.machines.iter().map(|machine| &machine.facts);
        match address {
            Some(address) if facts().any(|facts| facts.is_tailnet(address)) => {
                facts().all(|facts| facts.addresses.iter().any(|&own| facts.is_tailnet(own)))
            }
            Some(IpAddr::V4(address)) if address.is_private() => {
                // The engine gives its networks addresses of this block, unless the machine's own network has it.
                let is_engines = address.octets()[0] == 172;
                let is_near = |own: &IpAddr| matches!(own, IpAddr::V4(own) if own.octets()[..2] == address.octets()[..2]);
                let given = self.nets_of(from).iter().any(|&net| {
                    let mut subnets = self.nets[net].subnets.iter();
                    subnets.any(|subnet| subnet.contains(&IpAddr::V4(address)))
                });
                !given
                    && facts().all(|facts| !facts.addresses.is_empty())
                    && (!is_engines || facts().any(|facts| facts.addresses.iter().any(is_near)))
            }
            Some(_) => true,
            None => match host.rsplit_once('.') {
                None => false,
                Some((_, "net")) if host.ends_with(".ts.net") => facts().all(|facts| facts.name.is_some()),
                Some(_) => !is_private_name(host),
            },
        }
    }

    /// Returns the host that a container's own table of hosts, or a link, puts in the place of this one.
    fn written_host(&self, from: NodeIndex, host: &str) -> String {
        let host = host
            .trim_matches(['[', ']'])
            .trim_end_matches('.')
            .to_ascii_lowercase();
        let service = self.nodes[self.owner(from)].service;
        let in_table = service.extra_hosts.iter().find_map(|entry| {
            let (name, address) = entry
                .value
                .split_once('=')
                .or_else(|| entry.value.split_once(':'))?;
            name.trim().eq_ignore_ascii_case(&host).then(|| address.trim())
        });
        let linked = service.links.iter().find_map(|link| {
            let (service, name) = link.value.split_once(':')?;
            name.eq_ignore_ascii_case(&host).then_some(service)
        });
        match in_table.or(linked) {
            Some("host-gateway") => "host.docker.internal".to_owned(),
            Some(other) => other.trim_matches(['[', ']']).to_ascii_lowercase(),
            None => host,
        }
    }

    /// Returns the machines that have this address or name.
    fn machines_called(&self, own: usize, host: &str, address: Option<IpAddr>) -> Vec<usize> {
        let is_called = |index: &usize| {
            let facts = &self.machines[*index].facts;
            match address {
                Some(address) => {
                    facts.addresses.contains(&address)
                        || (*index == own && facts.public_addresses.contains(&address))
                }
                None => facts.name.as_ref().is_some_and(|name| {
                    let (first, rest) = host.split_once('.').unwrap_or((host, ""));
                    let is_near = rest.is_empty() || is_private_name(host) || rest.ends_with("ts.net");
                    is_near && name.as_str().eq_ignore_ascii_case(first)
                }),
            }
        };
        (0..self.machines.len()).filter(is_called).collect()
    }

    /// Returns who answers a program of a machine itself that asks a host and port.
    pub(super) fn on_machine(&self, machine: usize, host: &str, port: u16) -> Vec<Listener> {
        let facts = &self.machines[machine].facts;
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let own = |address: IpAddr| {
            address.is_loopback() || address.is_unspecified() || facts.addresses.contains(&address)
        };
        match host.eq_ignore_ascii_case("localhost") || address.is_some_and(own) {
            true => self.behind(machine, port, false),
            false => Vec::new(),
        }
    }

    /// Returns who answers on a port of a machine: where nobody is known to, perhaps those who use its network.
    fn published_on(&self, machine: usize, port: u16, from: NodeIndex, from_afar: bool) -> Vec<Listener> {
        let found = self.behind(machine, port, from_afar);
        if !found.is_empty() {
            return found;
        }
        let on_host = self.machines[machine].on_host.iter().copied();
        let perhaps = on_host.filter(|&node| {
            node != from && self.nodes[node].namespace == Namespace::Host && !self.nodes[node].is_tailscale()
        });
        perhaps
            .map(|node| Listener {
                node,
                port,
                sure: false,
            })
            .collect()
    }

    fn behind(&self, machine: usize, port: u16, from_afar: bool) -> Vec<Listener> {
        let published = self.machines[machine].published.get(&port).into_iter().flatten();
        published
            .filter(|&&(node, _)| !(from_afar && self.is_bound_to_loopback(node, port)))
            .flat_map(|&(node, target)| self.listeners(node, target, Protocol::Tcp))
            .collect()
    }

    /// Whether a service publishes a port of the machine for the machine itself only.
    fn is_bound_to_loopback(&self, node: NodeIndex, port: u16) -> bool {
        let has = |(first, last): (u16, u16)| (first..=last).contains(&port);
        let mut ports = self.nodes[node].service.ports.iter().map(|port| &port.value);
        self.nodes[node].namespace != Namespace::Host
            && ports.all(|port| {
                !port.published.is_some_and(has) || port.host_ip.is_some_and(|address| address.is_loopback())
            })
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether an engine gives its machine this name or address in every container: a gateway is the first address of one
/// of the networks that it chooses itself.
fn is_of_engine(host: &str, address: Option<IpAddr>) -> bool {
    let is_gateway = |address| match address {
        IpAddr::V4(address) => matches!(address.octets(), [172, 17..=31, 0, 1]),
        IpAddr::V6(_) => false,
    };
    let names = [
        "host.docker.internal",
        "gateway.docker.internal",
        "host.containers.internal",
        "docker.for.mac.localhost",
    ];
    names.contains(&host) || address.is_some_and(is_gateway)
}

/// Whether a name is one that only a home's own name server knows.
fn is_private_name(host: &str) -> bool {
    const ENDINGS: [&str; 14] = [
        "arpa",
        "corp",
        "docker",
        "home",
        "house",
        "intern",
        "internal",
        "intranet",
        "lab",
        "lan",
        "local",
        "localdomain",
        "localnet",
        "private",
    ];
    host.rsplit_once('.')
        .is_some_and(|(_, last)| ENDINGS.contains(&last))
}

impl Node<'_> {
    pub(super) fn listens_on(&self, port: u16, protocol: Protocol) -> bool {
        self.known_ports
            .iter()
            .any(|known| known.port == port && known.protocol == protocol)
    }

    /// Returns the last part of the image's name: `traefik`.
    pub(super) fn image_base(&self) -> &str {
        &self.image[self.image_base..]
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
