//! Ways through the tailnet: containers that are devices of it, Serve and Funnel, and proxies that make a device of
//! every service with their label.

mod command;
mod label;
mod observed;

use ipnet::IpNet;
use serde_json::Value;

use super::files::Files;
pub(super) use observed::paths as observed;

use super::container::file_in_container;
use super::direct::{every_door, own_address};
use super::path::{Door, DoorOf, Page, Path, PathKind};
use super::spread::{Source, Spreads};
use super::topology::{Namespace, Net, NetIndex, Node, NodeIndex, Topology};
use super::upstream::upstream;
use crate::compose::Protocol;
use crate::finding::Evidence;
use crate::view::Reach;

/// Adds the paths through the tailnet; what cannot be seen goes into `spreads`.
pub(super) fn paths(
    topology: &Topology<'_>,
    files: &Files<'_>,
    paths: &mut [Vec<Path>],
    spreads: &mut Spreads,
) {
    for index in 0..topology.nodes.len() {
        let node = &topology.nodes[index];
        if node.is_tailscale() {
            if !refuses_all(node) {
                device(topology, index, paths);
                passed_on(topology, index, paths, spreads);
                serve(topology, files, index, paths, spreads);
            }
            routes(topology, index, paths, spreads);
        }
        commands(topology, index, paths, spreads);
        label::paths(topology, index, paths, spreads);
    }
}

/// Adds what a command serves: the program is in Tailscale's image, and may be in any other.
fn commands(topology: &Topology<'_>, index: NodeIndex, paths: &mut [Vec<Path>], spreads: &mut Spreads) {
    let node = &topology.nodes[index];
    for call in command::calls(node) {
        let (kind, zone, name) = if call.funnel {
            (PathKind::Funnel, Reach::Internet, "funnel")
        } else {
            (PathKind::Serve, Reach::Tailnet, "serve")
        };
        let Some((host, port)) = call.target else {
            let source = Source {
                from: index,
                kind: PathKind::Serve,
                at_most: zone,
                what: format!("where `tailscale {name}` leads, in the command"),
                evidence: call.evidence,
            };
            spreads.add(topology, &source);
            continue;
        };
        let door = device_of(node).map(|of| Door {
            of,
            ports: Some((call.port, call.port)),
            protocol: Protocol::Tcp,
            page: call.page,
        });
        let targets = topology.resolve(index, &host, port);
        if targets.is_empty() && !topology.is_elsewhere(index, &host) {
            lost(topology, index, zone, &call.evidence, spreads);
        }
        for target in targets {
            let label = format!("`tailscale {name}` of `{}` -> {}", node.id, target.port);
            let path = Path::new(kind, zone, label)
                .on(Some(target.port), Protocol::Tcp)
                .by(door.clone())
                .with(call.evidence.clone());
            paths[target.node].push(target.path(path));
        }
    }
}

/// Whether it lets nobody in, whatever the tailnet's policy says.
fn refuses_all(node: &Node<'_>) -> bool {
    node.environment("TS_EXTRA_ARGS")
        .is_some_and(|(arguments, _)| arguments.split_whitespace().any(|word| word == "--shields-up"))
}

/// Returns whether a Tailscale container passes what comes in on to 127.0.0.1 of its network, as it does where it has
/// no interface of its own; `None` where a variable decides whose value nobody knows. Its image's default is that.
pub(super) fn passes_to_loopback(node: &Node<'_>) -> Option<bool> {
    const USERSPACE: &str = "userspace-networking";
    if refuses_all(node) {
        return Some(false);
    }
    let extra = node.environment("TS_TAILSCALED_EXTRA_ARGS");
    if node.words().any(|(word, _)| word.contains(USERSPACE))
        || extra.is_some_and(|(arguments, _)| arguments.contains(USERSPACE))
    {
        return Some(true);
    }
    // Started by itself the program takes an interface; only the image's own start asks the environment.
    if node.words().any(|(word, _)| word.contains("tailscaled")) {
        return Some(false);
    }
    match node.service.environment.get("TS_USERSPACE") {
        None => Some(true),
        Some(field) => match field.value.as_deref().map(str::trim) {
            Some("") => Some(true),
            Some(value) => match value.to_ascii_lowercase().as_str() {
                "true" | "1" | "t" => Some(true),
                "false" | "0" | "f" => Some(false),
                _ => None,
            },
            None => None,
        },
    }
}

fn device(topology: &Topology<'_>, index: NodeIndex, paths: &mut [Vec<Path>]) {
    let node = &topology.nodes[index];
    match node.namespace {
        Namespace::Own | Namespace::Guest(_) => {}
        // Who else of the machine is reached by it is a question of their addresses.
        Namespace::Host => {
            let label = "the machine's own device of the tailnet";
            paths[index].push(Path::new(PathKind::TailnetNode, Reach::Tailnet, label).with(image(node)));
            return;
        }
        _ => return,
    }
    for member in topology.namespace_members(index) {
        let mut path = every_port(topology, index, member);
        let shared = [member, index]
            .into_iter()
            .find_map(|one| topology.nodes[one].service.network_mode.as_ref());
        path = match shared {
            Some(mode) => path.with(Evidence::at(
                "it shares a network with a Tailscale container",
                &mode.span,
            )),
            None => path.with(image(node)),
        };
        paths[member].push(path);
    }
}

/// Returns the path to all that a service listens on, by a Tailscale container's device.
fn every_port(topology: &Topology<'_>, index: NodeIndex, member: NodeIndex) -> Path {
    let node = &topology.nodes[index];
    let doors = device_of(node).map(|of| every_door(&topology.nodes[member], &of));
    let label = format!("every port, on the tailnet device of `{}`", node.id);
    Path::new(PathKind::TailnetNode, Reach::Tailnet, label)
        .on(None, Protocol::Tcp)
        .by(doors.into_iter().flatten())
}

/// Adds where the image passes on all that comes in by the tailnet: to one address, or one name.
fn passed_on(topology: &Topology<'_>, index: NodeIndex, paths: &mut [Vec<Path>], spreads: &mut Spreads) {
    let node = &topology.nodes[index];
    for name in ["TS_DEST_IP", "TS_EXPERIMENTAL_DEST_DNS_NAME"] {
        if let Some((host, evidence)) = node.environment(name)
            && let targets = topology.neighbours(index, host)
            && !targets.is_empty()
        {
            for member in targets
                .into_iter()
                .flat_map(|target| topology.namespace_members(target))
            {
                paths[member].push(every_port(topology, index, member).with(evidence.clone()));
            }
        } else if let Some(evidence) = node.sets(name) {
            let source = Source {
                from: index,
                kind: PathKind::Serve,
                at_most: Reach::Tailnet,
                what: format!("where `{name}` leads, to which the device passes on all that comes in,"),
                evidence,
            };
            spreads.add(topology, &source);
        }
    }
}

/// Returns which device a Tailscale container is: the name that it is told to take, else that of its host.
fn device_of(node: &Node<'_>) -> Option<DoorOf> {
    if node.namespace == Namespace::Host {
        return Some(DoorOf::Machine);
    }
    let extra = node.environment("TS_EXTRA_ARGS");
    let extra = extra
        .into_iter()
        .flat_map(|(arguments, _)| arguments.split_whitespace());
    let mut words = extra.chain(node.words().flat_map(|(text, _)| text.split_whitespace()));
    let told = node
        .environment("TS_HOSTNAME")
        .map(|(name, _)| name)
        .or_else(|| words.find_map(|word| word.strip_prefix("--hostname=")));
    let own = || node.service.hostname.as_ref().map(|name| name.value.as_str());
    let name = told.or_else(own)?.trim();
    (!name.is_empty()).then(|| DoorOf::Device(name.to_owned()))
}

fn image(node: &Node<'_>) -> Evidence {
    match &node.service.image {
        Some(image) => Evidence::at(format!("image `{}`", image.value), &image.span),
        None => Evidence::at(format!("service `{}`", node.service.name), &node.service.span),
    }
}

/// What a Serve configuration says: a device's port, where its requests go, and whether Funnel opens it.
struct Handler {
    port: u16,
    mount: String,
    target: String,
    funnel: bool,
    /// Whether the port speaks HTTP without TLS, which is said of it apart.
    plain: bool,
    /// The service of the tailnet whose port it is, with its prefix; none where it is the device's own.
    service: Option<String>,
}

impl Handler {
    /// Returns what a browser finds there: what passes connections on has no mount, and may be anything.
    fn page(&self) -> Option<Page> {
        self.mount.starts_with('/').then(|| Page {
            tls: !self.plain,
            mount: self.mount.clone(),
        })
    }
}

fn serve(
    topology: &Topology<'_>,
    files: &Files<'_>,
    index: NodeIndex,
    paths: &mut [Vec<Path>],
    spreads: &mut Spreads,
) {
    let node = &topology.nodes[index];
    let Some((location, declared)) = node.environment("TS_SERVE_CONFIG") else {
        return;
    };
    let Some((handlers, evidence)) = handlers(node, files, location) else {
        let source = Source {
            from: index,
            kind: PathKind::Serve,
            at_most: Reach::Internet,
            what: format!("the Serve configuration `{location}`, in which Funnel may be on,"),
            evidence: declared,
        };
        spreads.add(topology, &source);
        return;
    };
    for handler in handlers {
        let of = match &handler.service {
            Some(name) => Some(DoorOf::Service(name.clone())),
            None => device_of(node),
        };
        let served = of.map(|of| Door {
            of,
            ports: Some((handler.port, handler.port)),
            protocol: Protocol::Tcp,
            page: handler.page(),
        });
        let Some((host, port)) = upstream(&handler.target) else {
            continue;
        };
        let targets = topology.resolve(index, &host, port);
        if targets.is_empty() && !topology.is_elsewhere(index, &host) {
            let at_most = if handler.funnel {
                Reach::Internet
            } else {
                Reach::Tailnet
            };
            lost(topology, index, at_most, &evidence, spreads);
        }
        for target in targets {
            let port = target.port;
            let whose = match &handler.service {
                Some(name) => format!("the tailnet's `{name}`, which `{}` hosts", node.id),
                None => format!("the tailnet device of `{}`", node.id),
            };
            let label = format!("{}{} on {whose} -> {port}", handler.port, handler.mount);
            let way = |kind, zone| {
                Path::new(kind, zone, label.clone())
                    .on(Some(port), Protocol::Tcp)
                    .by(served.clone())
                    .with(declared.clone())
                    .with(evidence.clone())
            };
            paths[target.node].push(target.path(way(PathKind::Serve, Reach::Tailnet)));
            if handler.funnel {
                paths[target.node].push(target.path(way(PathKind::Funnel, Reach::Internet)));
            }
        }
    }
}

/// Notes what is served to what may be anybody around it.
fn lost(
    topology: &Topology<'_>,
    index: NodeIndex,
    at_most: Reach,
    evidence: &Evidence,
    spreads: &mut Spreads,
) {
    let source = Source {
        from: index,
        kind: PathKind::Serve,
        at_most,
        what: "a route to a name or address that nobody in the lab is known by,".to_owned(),
        evidence: evidence.clone(),
    };
    spreads.add(topology, &source);
}

/// Reads the Serve configuration: from a config of the project that looks like one, else from the lab's folder.
fn handlers(node: &Node<'_>, files: &Files<'_>, location: &str) -> Option<(Vec<Handler>, Evidence)> {
    let configs = node
        .service
        .configs
        .iter()
        .filter_map(|key| node.project.configs().get(key.value.source.as_deref()?));
    for config in configs {
        if let Some(content) = &config.content {
            if let Some(handlers) = parse(&content.value) {
                return Some((
                    handlers,
                    Evidence::at(format!("config `{}`", config.key), &content.span),
                ));
            }
        } else if let Some(file) = &config.file
            && let Some(source) = files.text(&file.value)
            && let Some(handlers) = parse(source.text())
        {
            return Some((
                handlers,
                Evidence::at("the Serve configuration", &crate::span::Span::file(&source)),
            ));
        }
    }
    let source = file_in_container(node, files, location)?;
    let handlers = parse(source.text())?;
    Some((
        handlers,
        Evidence::at("the Serve configuration", &crate::span::Span::file(&source)),
    ))
}

fn parse(text: &str) -> Option<Vec<Handler>> {
    let value: Value = serde_json::from_str(text).ok()?;
    let known = ["TCP", "Web", "AllowFunnel", "Foreground", "Services"];
    if !value.as_object()?.keys().any(|key| known.contains(&key.as_str())) {
        return None;
    }
    let mut found = Vec::new();
    collect(&value, None, &mut found, 0);
    Some(found)
}

fn collect(config: &Value, service: Option<&str>, found: &mut Vec<Handler>, depth: usize) {
    let entries = |key: &str| config.get(key).and_then(Value::as_object).into_iter().flatten();
    // Funnel opens a port with all that is mounted on it: whose name stands before the port is all the same.
    let port_of = |key: &str| key.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let funnel: Vec<u16> = entries("AllowFunnel")
        .filter(|(_, on)| on.as_bool() == Some(true))
        .filter_map(|(key, _)| port_of(key))
        .collect();
    let plain: Vec<u16> = entries("TCP")
        .filter(|(_, tcp)| tcp.get("HTTP").and_then(Value::as_bool) == Some(true))
        .filter_map(|(key, _)| port_of(key))
        .collect();
    for (key, web) in entries("Web") {
        let Some(port) = port_of(key) else { continue };
        let handlers = web
            .get("Handlers")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        for (mount, handler) in handlers {
            if let Some(target) = handler.get("Proxy").and_then(Value::as_str) {
                found.push(Handler {
                    port,
                    mount: mount.clone(),
                    target: target.to_owned(),
                    funnel: funnel.contains(&port),
                    plain: plain.contains(&port),
                    service: service.map(str::to_owned),
                });
            }
        }
    }
    for (key, tcp) in entries("TCP") {
        if let (Some(port), Some(target)) = (port_of(key), tcp.get("TCPForward").and_then(Value::as_str)) {
            found.push(Handler {
                port,
                mount: String::new(),
                target: target.to_owned(),
                funnel: funnel.contains(&port),
                plain: false,
                service: service.map(str::to_owned),
            });
        }
    }
    if depth < 2 {
        for (_, nested) in entries("Foreground") {
            collect(nested, service, found, depth + 1);
        }
        for (name, nested) in entries("Services") {
            collect(nested, Some(name), found, depth + 1);
        }
    }
}

/// A subnet router leads the tailnet into the networks that it advertises, this machine's containers perhaps included.
fn routes(topology: &Topology<'_>, index: NodeIndex, paths: &mut [Vec<Path>], spreads: &mut Spreads) {
    let node = &topology.nodes[index];
    let extra = || node.environment("TS_EXTRA_ARGS");
    let (ranges, evidence) = match (node.environment("TS_ROUTES"), extra()) {
        (Some((ranges, evidence)), _) => (ranges, evidence),
        (None, Some((arguments, evidence))) => match advertised(arguments) {
            Some(ranges) => (ranges, evidence),
            None => return,
        },
        (None, None) => return,
    };
    let source = Source {
        from: index,
        kind: PathKind::Serve,
        at_most: Reach::Tailnet,
        what: "whether this network is among the advertised routes".to_owned(),
        evidence,
    };
    let ranges: Result<Vec<IpNet>, _> = ranges.split(',').map(|range| range.trim().parse()).collect();
    let Ok(ranges) = ranges else {
        spreads.add(topology, &source);
        return;
    };
    // From the machine itself there is a way to each of its bridges.
    let on_host = node.namespace == Namespace::Host;
    let reached = |net: &NetIndex| {
        let members = &topology.nets[*net].members;
        let machine = members.first().map(|&member| topology.nodes[member].machine);
        on_host && machine == Some(node.machine) || topology.nets_of(index).contains(net)
    };
    for net in (0..topology.nets.len()).filter(reached) {
        let own = &topology.nets[net];
        let routed = |subnet: &IpNet| ranges.iter().any(|range| range.contains(subnet));
        if own.subnets.iter().any(routed) {
            let members = own.members.iter().filter(|&&member| member != index);
            for member in members.flat_map(|&member| topology.namespace_members(member)) {
                let label = format!("the route of `{}` to `{}`", node.id, own.name);
                let doors = routed_doors(&topology.nodes[member], own);
                paths[member].push(
                    Path::new(PathKind::Serve, Reach::Tailnet, label)
                        .on(None, Protocol::Tcp)
                        .by(doors)
                        .with(source.evidence.clone()),
                );
            }
        } else if own.subnets.is_empty() && ranges.iter().any(may_be_an_engines) {
            spreads.add_to_net(net, &source);
        }
    }
}

/// Returns where those meet a container who come by a route to its network: at its own address, or at any of the network.
fn routed_doors(member: &Node<'_>, net: &Net) -> Vec<Door> {
    let places = match own_address(member, &net.name) {
        Some(address) => vec![DoorOf::Address(address)],
        None => net.subnets.iter().copied().map(DoorOf::Network).collect(),
    };
    places.iter().flat_map(|of| every_door(member, of)).collect()
}

/// Returns the ranges after `--advertise-routes`.
fn advertised(arguments: &str) -> Option<&str> {
    let (_, after) = arguments.split_once("--advertise-routes")?;
    after.trim_start_matches(['=', ' ']).split_whitespace().next()
}

/// Returns whether engines give a network that says no subnet one out of this range: Docker and Podman each have their
/// pools, and of 192.168.0.0/16 Docker takes sixteenths, of which a home's own network is a part at most.
fn may_be_an_engines(range: &IpNet) -> bool {
    let meets = |pool: &str| {
        let pool: Option<IpNet> = pool.parse().ok();
        pool.is_some_and(|pool| pool.contains(range) || range.contains(&pool))
    };
    match range {
        IpNet::V4(v4) => {
            meets("172.16.0.0/12")
                || meets("10.88.0.0/13")
                || meets("10.96.0.0/11")
                || meets("10.128.0.0/9")
                || (meets("192.168.0.0/16") && v4.prefix_len() <= 20)
        }
        IpNet::V6(_) => true,
    }
}

pub(super) fn is_true(value: &str) -> bool {
    matches!(
        value.trim().trim_matches('"').to_ascii_lowercase().as_str(),
        "true" | "1" | "yes" | "on" | "t"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn funnel_opens_every_handler_of_its_port_and_no_other() {
        let text = r#"{
            "TCP": {"443": {"HTTPS": true}, "5432": {"TCPForward": "db:5432"}},
            "Web": {
                "${TS_CERT_DOMAIN}:443": {"Handlers": {"/": {"Proxy": "http://a:1"}, "/b": {"Proxy": "http://b:2"}}},
                "${TS_CERT_DOMAIN}:8443": {"Handlers": {"/": {"Proxy": "http://c:3"}, "/t": {"Text": "hello"}}}
            },
            "AllowFunnel": {"${TS_CERT_DOMAIN}:443": true, "${TS_CERT_DOMAIN}:8443": false}
        }"#;
        let mut found: Vec<(String, bool)> = parse(text)
            .expect("a configuration")
            .into_iter()
            .map(|one| (one.target, one.funnel))
            .collect();
        found.sort();
        let expected = [
            ("db:5432", false),
            ("http://a:1", true),
            ("http://b:2", true),
            ("http://c:3", false),
        ];
        assert_eq!(
            found,
            expected.map(|(target, funnel)| (target.to_owned(), funnel))
        );
        assert!(parse("{\"other\": 1}").is_none());
        assert!(parse("not json").is_none());
    }
}
