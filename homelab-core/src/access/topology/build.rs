//! How the services of a lab are put in relation, once.

use ipnet::IpNet;

use super::{Entry, KnownPort, Machine, Namespace, Net, NetIndex, Node, NodeIndex, Table, Topology};
use crate::access::address::HostFacts;
use crate::access::serve::passes_to_loopback;
use crate::compose::{Network, NetworkMode, Protocol};
use crate::finding::Evidence;
use crate::name::ServiceId;

impl<'a> Topology<'a> {
    /// Puts the services in relation; `facts` says what is known of the machine of a service.
    pub(in crate::access) fn new(
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
                // The engine's name server does not look at capitals.
                containers.entry(name.value.to_ascii_lowercase()).or_insert(index);
            }
            None => {
                for joint in ["-", "_"] {
                    let name = [project.as_str(), joint, entry.service.name.as_str(), joint, "1"];
                    containers.entry(name.concat()).or_insert(index);
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
        let built = entry.built.unwrap_or_default();
        let image = match (&entry.service.image, &built.image) {
            // The name of one's own image says little: what it is made of, what it is.
            (Some(image), Some(base)) if entry.system.is_none() && !is_bare(base) => {
                let (own, base) = (repository(&image.value), repository(base));
                if own.contains(&base) { own } else { base }
            }
            (Some(image), _) => repository(&image.value),
            (None, Some(base)) => repository(base),
            (None, None) => String::new(),
        };
        self.nodes.push(Node {
            id: entry.id,
            project: entry.project,
            service: entry.service,
            system: entry.system,
            machine,
            copied: built.copied,
            image_base: image.rfind('/').map_or(0, |at| at + 1),
            image,
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
            let loopback = match passes_to_loopback(node) {
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
                            None => [project.name().as_str(), "_", key].concat(),
                        };
                        let net = self.net(&mut found, machine, name);
                        if let Some(network) = declared.filter(|network| !network.external) {
                            self.nets[net].declare(network);
                        }
                        let attachment = &attachment.value;
                        let name = service.name.as_str();
                        let container = service.container_name.as_ref().map(|name| name.value.as_str());
                        let aliases = attachment.aliases.iter().map(String::as_str);
                        // Since version 25 the engine knows a container by its own host name too.
                        let hostname = service.hostname.as_ref().map(|name| name.value.as_str());
                        for name in [name].into_iter().chain(container).chain(aliases).chain(hostname) {
                            let named = self.names.entry((net, name.to_ascii_lowercase())).or_default();
                            if !named.contains(&index) {
                                named.push(index);
                            }
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
                // Podman's own ways out, which nobody else is on: its ports are what leads in.
                Some(NetworkMode::Other(name)) if is_podmans(name) => {}
                Some(NetworkMode::Other(name)) => {
                    let net = self.net(&mut found, machine, name.clone());
                    self.join(index, net);
                }
                Some(_) => {}
            }
        }
        // One that a project declares may be used by services of other projects only.
        for node in &self.nodes {
            let own = node
                .project
                .networks()
                .values()
                .filter(|network| !network.external);
            for network in own {
                let name = match &network.name {
                    Some(name) => name.value.clone(),
                    None => [node.project.name().as_str(), "_", network.key.as_str()].concat(),
                };
                if let Some(&net) = found.get(&(node.machine, name))
                    && !self.nets[net].declared
                {
                    self.nets[net].declare(network);
                }
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
                subnets: Vec::new(),
                binding: None,
                routed: None,
                bridge: None,
                inhibited: None,
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
}

impl Net {
    /// Takes over what the project says that declares it.
    fn declare(&mut self, network: &Network) {
        self.declared = true;
        self.internal |= network.internal;
        if let Some(driver) = &network.driver {
            self.driver = Some(driver.value.clone());
            self.evidence = Some(Evidence::at(format!("`driver: {}`", driver.value), &driver.span));
        }
        let subnets: Option<Vec<IpNet>> = network
            .subnets
            .iter()
            .map(|subnet| subnet.value.parse().ok())
            .collect();
        self.subnets = subnets.unwrap_or_default();
        let bridge = |option: &str| {
            let field = network.driver_opts.get(option)?;
            let value = field.value.trim().to_ascii_lowercase();
            let text = format!("`{option}: {}`", field.value);
            (!value.is_empty()).then(|| (value, Evidence::at(text, &field.span)))
        };
        // `nat` and `isolated` let nobody in; whatever else there may be is not known to.
        let modes = [
            "com.docker.network.bridge.gateway_mode_ipv4",
            "com.docker.network.bridge.gateway_mode_ipv6",
        ];
        let modes = modes.into_iter().filter_map(bridge);
        let open = modes.filter(|(mode, _)| !matches!(mode.as_str(), "nat" | "isolated"));
        let open = open.map(|(mode, evidence)| (mode != "routed", evidence));
        let trusted = bridge("com.docker.network.bridge.trusted_host_interfaces")
            .map(|(_, evidence)| (false, evidence));
        self.routed = open.chain(trusted).max_by_key(|(every_port, _)| *every_port);
        self.inhibited = bridge("com.docker.network.bridge.inhibit_ipv4")
            .filter(|(value, _)| matches!(value.as_str(), "true" | "1" | "t"))
            .map(|(_, evidence)| evidence);
        let option = "com.docker.network.bridge.name";
        self.bridge = network.driver_opts.get(option).and_then(|field| {
            let text = format!("`{option}: {}`", field.value);
            let name = field.value.trim();
            (!name.is_empty()).then(|| (name.to_owned(), Evidence::at(text, &field.span)))
        });
        let option = "com.docker.network.bridge.host_binding_ipv4";
        self.binding = network.driver_opts.get(option).and_then(|field| {
            let address = field.value.parse().ok()?;
            Some((
                address,
                Evidence::at(format!("`{option}: {}`", field.value), &field.span),
            ))
        });
    }
}

/// Returns whether a network mode is one of Podman's that no network is behind, with or without options.
fn is_podmans(mode: &str) -> bool {
    let name = mode.split(':').next().unwrap_or(mode);
    matches!(name, "pasta" | "slirp4netns" | "private")
}

/// Whether an image is that of a system or language alone, which says nothing of what is put into it.
fn is_bare(image: &str) -> bool {
    const BARE: [&str; 14] = [
        "alpine",
        "debian",
        "ubuntu",
        "scratch",
        "busybox",
        "fedora",
        "node",
        "python",
        "golang",
        "rust",
        "php",
        "ruby",
        "openjdk",
        "distroless",
    ];
    let name = repository(image);
    BARE.contains(&name.rsplit('/').next().unwrap_or_default())
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
