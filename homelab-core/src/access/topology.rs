//! How the lab's containers stand to each other: machines, networks, shared namespaces, names. Made once for a lab.

use std::collections::HashMap;
use std::net::IpAddr;

use super::address::HostFacts;
use super::path::{Path, Unknown, UnknownKind, Zones};
use crate::compose::{NetworkMode, Project, Protocol, Service};
use crate::finding::Evidence;
use crate::name::ServiceId;
use crate::system::System;
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
    pub(super) members: Vec<NodeIndex>,
}

impl Net {
    /// Whether containers on it have addresses of the local network.
    pub(super) fn is_on_the_lan(&self) -> bool {
        matches!(self.driver.as_deref(), Some("macvlan" | "ipvlan"))
    }

    /// Whether its name alone says so, as Unraid's `br0` does: nobody declares it in the lab.
    pub(super) fn may_be_on_the_lan(&self) -> bool {
        let after = |prefix: &str| {
            self.name
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        !self.declared
            && (self.name.contains("macvlan")
                || self.name.contains("ipvlan")
                || after("br")
                || after("eth")
                || after("bond"))
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

impl<'a> Topology<'a> {
    /// Puts the services in relation; `facts` says what is known of the machine of a service.
    pub(super) fn new(
        entries: impl IntoIterator<Item = Entry<'a>>,
        facts: &dyn Fn(&ServiceId) -> HostFacts,
    ) -> Self {
        let mut topology = Topology {
            nodes: Vec::new(),
            nets: Vec::new(),
            machines: Vec::new(),
            names: Table::default(),
            addresses: Table::default(),
        };
        let mut machines = Table::default();
        for entry in entries {
            let machine = *machines.entry(entry.id.host()).or_insert_with(|| {
                topology.machines.push(Machine {
                    facts: facts(entry.id),
                    containers: Table::default(),
                    published: Table::default(),
                    images: Table::default(),
                    on_host: Vec::new(),
                });
                topology.machines.len() - 1
            });
            topology.add(entry, machine);
        }
        topology.attach();
        topology.share();
        topology.publish();
        topology
    }

    fn add(&mut self, entry: Entry<'a>, machine: usize) {
        let index = self.nodes.len();
        let containers = &mut self.machines[machine].containers;
        let project = entry.project.name();
        match &entry.service.container_name {
            Some(name) => {
                containers.insert(name.value.clone(), index);
            }
            None => {
                for joint in ['-', '_'] {
                    let name = format!("{project}{joint}{}{joint}1", entry.service.name);
                    containers.entry(name).or_insert(index);
                }
            }
        }
        let mut known_ports = entry.known_ports;
        for field in &entry.service.expose {
            let (port, protocol) = field.value.split_once('/').unwrap_or((&field.value, "tcp"));
            let protocol = if protocol == "udp" {
                Protocol::Udp
            } else {
                Protocol::Tcp
            };
            let (first, last) = port.split_once('-').unwrap_or((port, port));
            let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
                continue;
            };
            // A range of thousands says nothing about which of them is used.
            for port in (first..=last).take(32) {
                known_ports.push(KnownPort {
                    port,
                    protocol,
                    evidence: Evidence::at(format!("`expose: {}`", field.value), &field.span),
                    sure: true,
                });
            }
        }
        self.nodes.push(Node {
            id: entry.id,
            project: entry.project,
            service: entry.service,
            system: entry.system,
            machine,
            image: entry
                .service
                .image
                .as_ref()
                .map_or_else(String::new, |image| repository(&image.value)),
            known_ports,
            namespace: Namespace::Own,
            nets: Vec::new(),
            guests: Vec::new(),
        });
        let base = self.nodes[index].image_base().to_owned();
        self.machines[machine].images.entry(base).or_insert(index);
        // A Tailscale container on the machine's own network makes the machine a device of the tailnet.
        let on_host = entry
            .service
            .network_mode
            .as_ref()
            .is_some_and(|mode| mode.value == NetworkMode::Host);
        if on_host && self.nodes[index].is_tailscale() {
            let node = &self.nodes[index];
            let loopback = match super::serve::passes_to_loopback(node) {
                Some(false) => None,
                sure => {
                    let mode = node.service.network_mode.as_ref();
                    let place = mode.map_or(&node.service.span, |mode| &mode.span);
                    let text = format!("`{}` passes the tailnet on to this machine's 127.0.0.1", node.id);
                    Some((sure.is_some(), Evidence::at(text, place)))
                }
            };
            let facts = &mut self.machines[machine].facts;
            facts.tailnet = true;
            match (&facts.loopback, loopback) {
                // Of several, one that surely does says all.
                (Some((true, _)), _) | (_, None) => {}
                (_, loopback) => facts.loopback = loopback,
            }
        }
    }

    /// Finds the networks of each service by the names that the engine gives them.
    fn attach(&mut self) {
        let mut found: Table<(usize, String), NetIndex> = Table::default();
        for index in 0..self.nodes.len() {
            let (machine, service, project) = {
                let node = &self.nodes[index];
                (node.machine, node.service, node.project)
            };
            match service.network_mode.as_ref().map(|mode| &mode.value) {
                None => {
                    for attachment in &service.networks {
                        let key = attachment.value.network.as_str();
                        let declared = project.networks().get(key);
                        let name = match declared.and_then(|network| network.name.as_ref()) {
                            Some(name) => name.value.clone(),
                            None if declared.is_some_and(|network| network.external) => key.to_owned(),
                            None => format!("{}_{key}", project.name()),
                        };
                        let net = self.net(&mut found, machine, name);
                        if let Some(network) = declared.filter(|network| !network.external) {
                            let own = &mut self.nets[net];
                            own.declared = true;
                            own.internal |= network.internal;
                            if let Some(driver) = &network.driver {
                                own.driver = Some(driver.value.clone());
                                own.evidence =
                                    Some(Evidence::at(format!("`driver: {}`", driver.value), &driver.span));
                            }
                        }
                        let attachment = &attachment.value;
                        let name = service.name.as_str();
                        let container = service.container_name.as_ref().map(|name| name.value.as_str());
                        let aliases = attachment.aliases.iter().map(String::as_str);
                        for name in [name].into_iter().chain(container).chain(aliases) {
                            self.names.entry((net, name.to_owned())).or_insert(index);
                        }
                        for address in [&attachment.ipv4, &attachment.ipv6].into_iter().flatten() {
                            if let Ok(address) = address.parse() {
                                self.addresses.insert((net, address), index);
                            }
                        }
                        self.join(index, net);
                    }
                }
                Some(NetworkMode::Bridge) => {
                    // The engine's default bridge gives no names, only addresses.
                    let net = self.net(&mut found, machine, "bridge".to_owned());
                    self.nets[net].declared = true;
                    self.join(index, net);
                }
                Some(NetworkMode::Other(name)) => {
                    let net = self.net(&mut found, machine, name.clone());
                    self.join(index, net);
                }
                Some(_) => {}
            }
        }
    }

    fn net(
        &mut self,
        found: &mut Table<(usize, String), NetIndex>,
        machine: usize,
        name: String,
    ) -> NetIndex {
        *found.entry((machine, name.clone())).or_insert_with(|| {
            self.nets.push(Net {
                name,
                driver: None,
                internal: false,
                declared: false,
                evidence: None,
                members: Vec::new(),
            });
            self.nets.len() - 1
        })
    }

    fn join(&mut self, node: NodeIndex, net: NetIndex) {
        if !self.nodes[node].nets.contains(&net) {
            self.nodes[node].nets.push(net);
            self.nets[net].members.push(node);
        }
    }

    /// Finds out whose network each service uses, through chains of `network_mode: service:` and `container:`.
    fn share(&mut self) {
        let in_project: Table<(usize, &str, &str), NodeIndex> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(index, node)| {
                let project = node.project.name().as_str();
                ((node.machine, project, node.service.name.as_str()), index)
            })
            .collect();
        let step = |index: NodeIndex| -> Result<NodeIndex, Namespace> {
            let node: &Node<'_> = &self.nodes[index];
            match node.service.network_mode.as_ref().map(|mode| &mode.value) {
                Some(NetworkMode::None) => Err(Namespace::None),
                Some(NetworkMode::Host) => Err(Namespace::Host),
                Some(NetworkMode::Service(name)) => in_project
                    .get(&(node.machine, node.project.name().as_str(), name.as_str()))
                    .copied()
                    .ok_or_else(|| Namespace::Missing(format!("service `{name}`"))),
                Some(NetworkMode::Container(name)) => self.machines[node.machine]
                    .containers
                    .get(name.as_str())
                    .copied()
                    .ok_or_else(|| Namespace::Missing(format!("container `{name}`"))),
                // An attachment to the engine's network called `host` is host mode in other words.
                _ if node.nets.iter().any(|&net| self.nets[net].name == "host") => Err(Namespace::Host),
                _ => Err(Namespace::Own),
            }
        };
        let mut namespaces = Vec::with_capacity(self.nodes.len());
        for index in 0..self.nodes.len() {
            let mut at = index;
            let mut steps = 0;
            let namespace = loop {
                match step(at) {
                    Ok(next) if next == at || steps > 16 => break Namespace::Ring,
                    Ok(next) => {
                        at = next;
                        steps += 1;
                    }
                    Err(end @ (Namespace::Own | Namespace::Host)) if at == index => break end,
                    Err(Namespace::Own) => break Namespace::Guest(at),
                    Err(end) => break end,
                }
            };
            namespaces.push(namespace);
        }
        for (index, namespace) in namespaces.into_iter().enumerate() {
            if let Namespace::Guest(owner) = namespace {
                self.nodes[owner].guests.push(index);
            }
            self.nodes[index].namespace = namespace;
        }
    }

    /// Notes who can be reached through which port of the machine, by a process on it.
    fn publish(&mut self) {
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            let machine = node.machine;
            let mut ports: Vec<(u16, u16)> = Vec::new();
            if node.namespace == Namespace::Host {
                ports.extend(node.known_ports.iter().map(|known| (known.port, known.port)));
            } else if node.namespace == Namespace::Own {
                for port in &node.service.ports {
                    let port = &port.value;
                    let (first, last) = port.published.unwrap_or((0, 0));
                    ports.extend((first..=last).take(64).map(|published| (published, port.target)));
                }
            }
            if node.namespace == Namespace::Host || !ports.is_empty() {
                self.machines[machine].on_host.push(index);
            }
            for (published, target) in ports {
                self.machines[machine]
                    .published
                    .entry(published)
                    .or_default()
                    .push((index, target));
            }
        }
    }

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
        for &net in self.nets_of(from) {
            let found = match address {
                Some(address) => self.addresses.get(&(net, address)),
                None => self.names.get(&(net, host.to_owned())),
            };
            if let Some(&node) = found {
                return self.listeners(node, port, Protocol::Tcp);
            }
        }
        let is_machine = local
            || host == "host.docker.internal"
            || host == "host.containers.internal"
            || host == "172.17.0.1"
            || address.is_some_and(|address| {
                let facts = &machine.facts;
                facts.addresses.contains(&address) || facts.public_addresses.contains(&address)
            });
        if !is_machine {
            return Vec::new();
        }
        let Some(published) = machine.published.get(&port) else {
            return Vec::new();
        };
        published
            .iter()
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

/// Returns an image's repository in lower case, without tag and digest.
fn repository(image: &str) -> String {
    let image = image.split('@').next().unwrap_or_default();
    let last = image.rfind('/').map_or(0, |at| at + 1);
    let end = image[last..].find(':').map_or(image.len(), |at| last + at);
    image[..end].to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_images_repository_has_no_tag() {
        for (image, expected) in [
            ("traefik", "traefik"),
            ("traefik:v3@sha256:00", "traefik"),
            ("lab:5000/Me/App:1", "lab:5000/me/app"),
            ("lab:5000/app", "lab:5000/app"),
            ("", ""),
        ] {
            assert_eq!(super::repository(image), expected);
        }
    }
}
