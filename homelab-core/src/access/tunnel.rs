//! Tunnels that bring the internet in through somebody else's machine.

mod command;
mod mesh;
mod onion;

use super::container::{Container, Found as InContainer, Text};
use super::files::Files;
use super::path::{Path, PathKind, Unknown, UnknownKind};
use super::spread::{Source, Spreads};
use super::topology::{Node, NodeIndex, Topology};
use super::upstream::upstream;
use crate::compose::Protocol;
use crate::compose::files::without_user;
use crate::finding::Evidence;
use crate::lab::in_words;
use crate::span::Span;
use crate::system::Category;
use crate::view::Reach;

/// A tunnel of the lab, for the rules.
pub(super) struct Tunnel {
    pub(super) node: NodeIndex,
    pub(super) product: &'static str,
    pub(super) kind: TunnelKind,
    pub(super) evidence: Evidence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TunnelKind {
    /// Its routes are in the lab's files.
    Seen,
    /// Its routes are kept elsewhere.
    Unseen,
    /// It is opened for the moment, under a random public name.
    Quick,
}

/// Adds the paths by tunnels; those whose routes cannot be seen go into `spreads` and are returned with the others.
pub(super) fn paths(
    topology: &Topology<'_>,
    files: &Files<'_>,
    paths: &mut [Vec<Path>],
    spreads: &mut Spreads,
) -> Vec<Tunnel> {
    let mut tunnels = Vec::new();
    for index in 0..topology.nodes.len() {
        let node = &topology.nodes[index];
        vpn_forward(topology, index, spreads);
        mesh::paths(topology, index, spreads);
        let Some(product) = product(node) else {
            by_command(topology, files, index, paths, spreads, &mut tunnels);
            continue;
        };
        let found = match product {
            CLOUDFLARE => match cloudflared(node, files) {
                Some(found) => found,
                None => continue,
            },
            NGROK => by_words(topology, index),
            _ => (Vec::new(), TunnelKind::Unseen, image(node)),
        };
        let (routes, kind, evidence) = found;
        let path_kind = match kind {
            TunnelKind::Quick => PathKind::QuickTunnel,
            _ => PathKind::Tunnel,
        };
        for route in &routes {
            let Some((host, port)) = upstream(&route.target) else {
                if !answers_itself(&route.target) {
                    lost(topology, index, &route.evidence, spreads);
                }
                continue;
            };
            let targets = topology.resolve(index, &host, port);
            if targets.is_empty() && !topology.is_elsewhere(index, &host) {
                lost(topology, index, &route.evidence, spreads);
            }
            for target in targets {
                let port = target.port;
                let name = route.name.as_deref().unwrap_or("a public name");
                let label = format!("{product} `{}`, {name} -> {port}", node.id);
                let mut path = Path::new(path_kind, Reach::Internet, label)
                    .on(Some(port), Protocol::Tcp)
                    .with(route.evidence.clone());
                path.names.extend(route.name.clone());
                paths[target.node].push(target.path(path));
            }
        }
        if kind == TunnelKind::Unseen {
            let label = format!(
                "{product}, with routes that are kept elsewhere{}",
                perhaps_to(topology, index)
            );
            paths[index].push(Path::new(PathKind::Tunnel, Reach::Internet, label).with(evidence.clone()));
            let source = Source {
                from: index,
                kind: PathKind::Tunnel,
                at_most: Reach::Internet,
                what: format!("the routes of the {product}"),
                evidence: evidence.clone(),
            };
            spreads.add(topology, &source);
        }
        tunnels.push(Tunnel {
            node: index,
            product,
            kind,
            evidence,
        });
    }
    tunnels
}

/// Notes a route of a tunnel to what may be anybody around it.
fn lost(topology: &Topology<'_>, index: NodeIndex, evidence: &Evidence, spreads: &mut Spreads) {
    let source = Source {
        from: index,
        kind: PathKind::Tunnel,
        at_most: Reach::Internet,
        what: "a route to a name or address that nobody in the lab is known by,".to_owned(),
        evidence: evidence.clone(),
    };
    spreads.add(topology, &source);
}

/// Whether cloudflared has an answer of its own there, or leads to what is no network.
fn answers_itself(target: &str) -> bool {
    let own = ["http_status:", "hello_world", "hello-world", "unix:", "unix+tls:"];
    target.is_empty() || own.iter().any(|start| target.starts_with(start))
}

/// Names those whom a tunnel that shares a network with them may lead to: they are what is open, not its client.
fn perhaps_to(topology: &Topology<'_>, index: NodeIndex) -> String {
    const NAMED: usize = 3;
    let mut names: Vec<String> = Vec::new();
    // Few are named, so that few need to be looked at, however many share its networks.
    for &net in topology.nets_of(index) {
        let around = topology.nets[net]
            .members
            .iter()
            .filter(|&&member| member != index);
        for &member in around.take(NAMED + 1) {
            let name = format!("`{}`", topology.nodes[member].id);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.is_empty() {
        return String::new();
    }
    if names.len() > NAMED {
        names.truncate(NAMED);
        names.push("others".to_owned());
    }
    format!(", perhaps to {}", in_words(&names, "and", NAMED + 1))
}

/// Adds what a command opens, and what a service may open of which only the catalogue knows that it is a tunnel.
fn by_command(
    topology: &Topology<'_>,
    files: &Files<'_>,
    index: NodeIndex,
    paths: &mut [Vec<Path>],
    spreads: &mut Spreads,
    tunnels: &mut Vec<Tunnel>,
) {
    let node = &topology.nodes[index];
    let mut calls = command::calls(node);
    calls.extend(command::by_environment(node));
    calls.extend(onion::calls(node, files));
    if calls.is_empty() && is_unread(node) {
        tunnels.push(unseen(topology, index, "tunnel", image(node), paths, spreads));
    }
    for call in calls {
        let Some(targets) = call.targets else {
            tunnels.push(unseen(
                topology,
                index,
                call.product,
                call.evidence,
                paths,
                spreads,
            ));
            continue;
        };
        for (host, port) in targets {
            let targets = topology.resolve(index, &host, port);
            if targets.is_empty() && !topology.is_elsewhere(index, &host) {
                lost(topology, index, &call.evidence, spreads);
            }
            for target in targets {
                let label = format!("{} of `{}` -> {}", call.product, node.id, target.port);
                let zone = if call.public { Reach::Internet } else { Reach::None };
                let why = format!(
                    "who reaches the other end of the {} of `{}`",
                    call.product, node.id
                );
                let path = Path::new(PathKind::Tunnel, zone, label)
                    .on(Some(target.port), Protocol::Tcp)
                    .widen(Reach::Internet, Unknown::new(UnknownKind::Routes, why))
                    .with(call.evidence.clone());
                paths[target.node].push(target.path(path));
            }
        }
        tunnels.push(Tunnel {
            node: index,
            product: call.product,
            kind: if call.public {
                TunnelKind::Seen
            } else {
                TunnelKind::Unseen
            },
            evidence: call.evidence,
        });
    }
}

/// Lets a tunnel of which nothing is known but that it is one lead to whoever is around it, itself among them.
fn unseen(
    topology: &Topology<'_>,
    index: NodeIndex,
    product: &'static str,
    evidence: Evidence,
    paths: &mut [Vec<Path>],
    spreads: &mut Spreads,
) -> Tunnel {
    let what = format!("the routes of the {product}");
    let why = format!("{what} of `{}`", topology.nodes[index].id);
    let path = Path::new(PathKind::Tunnel, Reach::None, format!("perhaps by the {product}"))
        .widen(Reach::Internet, Unknown::new(UnknownKind::Routes, why))
        .with(evidence.clone());
    paths[index].push(path);
    let source = Source {
        from: index,
        kind: PathKind::Tunnel,
        at_most: Reach::Internet,
        what,
        evidence: evidence.clone(),
    };
    spreads.add(topology, &source);
    Tunnel {
        node: index,
        product,
        kind: TunnelKind::Unseen,
        evidence,
    }
}

/// Whether the catalogue says that it is a tunnel, and nothing says that it is the end which only takes others in.
fn is_unread(node: &Node<'_>) -> bool {
    const SERVERS: [&str; 3] = ["frp-server", "pangolin", "gerbil"];
    node.system
        .is_some_and(|system| system.category() == Category::Tunnel && !SERVERS.contains(&system.id()))
        && !node.words().any(|(word, _)| word.contains("server"))
}

pub(super) const CLOUDFLARE: &str = "Cloudflare Tunnel";
const NGROK: &str = "ngrok tunnel";

/// Returns which tunnel's client a service is.
fn product(node: &Node<'_>) -> Option<&'static str> {
    let base = node.image_base();
    Some(match base {
        // Not `cloudflareddns`, which tells a name server where the home is.
        _ if base.starts_with("cloudflared") && !base.contains("ddns") => CLOUDFLARE,
        "ngrok" | "docker-ngrok" => NGROK,
        "frpc" => "frp tunnel",
        "newt" => "Pangolin tunnel",
        "zrok" => "zrok tunnel",
        "localtonet" => "Localtonet tunnel",
        "packetriot" | "pktriot" => "Packetriot tunnel",
        "localxpose" | "loclx" => "LocalXpose tunnel",
        "npc" => "nps tunnel",
        "i2pd" => "I2P tunnel",
        "holesail" => "Holesail tunnel",
        _ if base.starts_with("playit") => "playit tunnel",
        "rathole" if node.words().any(|(word, _)| word.contains("client")) => "rathole tunnel",
        _ => return None,
    })
}

fn image(node: &Node<'_>) -> Evidence {
    match &node.service.image {
        Some(image) => Evidence::at(format!("image `{}`", image.value), &image.span),
        None => Evidence::at(format!("service `{}`", node.service.name), &node.service.span),
    }
}

struct Route {
    name: Option<String>,
    target: String,
    evidence: Evidence,
}

type Found = (Vec<Route>, TunnelKind, Evidence);

/// Returns what one of cloudflared's containers does; nothing when it is no tunnel but a resolver or a client.
fn cloudflared(node: &Node<'_>, files: &Files<'_>) -> Option<Found> {
    let words: Vec<(&str, &Span)> = node.words().collect();
    let has = |wanted: &str| words.iter().any(|(word, _)| *word == wanted);
    if has("proxy-dns") || has("access") || has("version") {
        return None;
    }
    let flag = |name: &str| {
        let long = format!("--{name}");
        words.iter().enumerate().find_map(|(at, (word, span))| {
            let rest = word.strip_prefix(long.as_str())?;
            match rest.strip_prefix('=') {
                Some(value) => Some((value, *span)),
                None if rest.is_empty() => words.get(at + 1).copied(),
                None => None,
            }
        })
    };
    // A token is named, never shown.
    let token = flag("token")
        .or_else(|| flag("token-file"))
        .map(|(_, span)| Evidence::at("`tunnel run` with a token: Cloudflare keeps the routes", span))
        .or_else(|| node.sets("TUNNEL_TOKEN"))
        .or_else(|| node.sets("TUNNEL_TOKEN_FILE"));
    if let Some(token) = token {
        return Some((Vec::new(), TunnelKind::Unseen, token));
    }
    let named = has("run") || flag("name").is_some() || node.sets("TUNNEL_NAME").is_some();
    let url = flag("url")
        .map(|(value, span)| {
            (
                value,
                Evidence::at(format!("`--url {}`", without_user(value, "://")), span),
            )
        })
        .or_else(|| node.environment("TUNNEL_URL"));
    if let Some((target, evidence)) = url {
        let kind = if named {
            TunnelKind::Seen
        } else {
            TunnelKind::Quick
        };
        let route = Route {
            name: None,
            target: target.to_owned(),
            evidence: evidence.clone(),
        };
        return Some((vec![route], kind, evidence));
    }
    let is_config = |target: &str| {
        target.contains("cloudflared") && (target.ends_with(".yml") || target.ends_with(".yaml"))
    };
    let container = Container::new(node, files);
    let at = |path: &str| match container.at(path) {
        InContainer::Text(text) => Some(text),
        InContainer::Hidden(_) | InContainer::Image => None,
    };
    let text: Option<Text> = match flag("config") {
        Some((path, _)) => at(path),
        None => ["config.yml", "config.yaml"]
            .iter()
            .find_map(|name| at(&format!("/etc/cloudflared/{name}")))
            .or_else(|| {
                let mut texts = container.mounted(is_config).filter_map(|mounted| mounted.texts);
                texts.next().and_then(|texts| texts.into_iter().next())
            }),
    };
    if let Some(text) = text {
        let routes = ingress(&text);
        if !routes.is_empty() {
            let evidence = Evidence::at(
                "the tunnel's configuration",
                &text.shown(&Span::file(text.source())),
            );
            return Some((routes, TunnelKind::Seen, evidence));
        }
    }
    // Without a command the image says its version, or answers names: a tunnel is asked for.
    let asked_for = has("tunnel") || node.image_base() != "cloudflared";
    asked_for.then(|| (Vec::new(), TunnelKind::Unseen, image(node)))
}

/// Reads the `ingress` of cloudflared's configuration: each `service` with the `hostname` beside it.
fn ingress(file: &Text) -> Vec<Route> {
    let source = file.source();
    let mut routes = Vec::new();
    let mut name: Option<String> = None;
    let mut waiting: Option<(String, Span)> = None;
    let mut inside = false;
    let mut offset = 0;
    let mut finish = |name: &mut Option<String>, waiting: &mut Option<(String, Span)>| {
        if let Some((target, span)) = waiting.take() {
            let evidence = Evidence::at(format!("ingress to `{target}`"), &span);
            routes.push(Route {
                name: name.take(),
                target,
                evidence,
            });
        }
        *name = None;
    };
    for line in source.text().split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '-', '\t']) {
            finish(&mut name, &mut waiting);
            inside = text.starts_with("ingress:");
            continue;
        }
        if !inside {
            continue;
        }
        let item = text.strip_prefix("- ");
        if item.is_some() {
            finish(&mut name, &mut waiting);
        }
        let Some((key, value)) = item.unwrap_or(text).split_once(':') else {
            continue;
        };
        let value = value
            .split(" #")
            .next()
            .unwrap_or_default()
            .trim()
            .trim_matches(['"', '\'']);
        match key.trim() {
            "hostname" => name = Some(value.to_owned()),
            "service" => {
                let at = start + line.find(text).unwrap_or_default();
                waiting = Some((value.to_owned(), file.span(at, at + text.len())));
            }
            _ => {}
        }
    }
    finish(&mut name, &mut waiting);
    routes
}

/// Finds the targets among the words of a command: `http app:80`.
fn by_words(topology: &Topology<'_>, index: NodeIndex) -> Found {
    let node = &topology.nodes[index];
    let routes: Vec<Route> = node
        .words()
        .filter(|(word, _)| {
            upstream(word).is_some_and(|(host, port)| !topology.resolve(index, &host, port).is_empty())
        })
        .map(|(word, span)| Route {
            name: None,
            target: word.to_owned(),
            evidence: Evidence::at(format!("command `{word}`"), span),
        })
        .collect();
    let kind = if routes.is_empty() {
        TunnelKind::Unseen
    } else {
        TunnelKind::Seen
    };
    (routes, kind, image(node))
}

/// A VPN client that opens ports at the provider's end leads the internet to whoever uses its network.
fn vpn_forward(topology: &Topology<'_>, index: NodeIndex, spreads: &mut Spreads) {
    let node = &topology.nodes[index];
    if node.image_base() != "gluetun" {
        return;
    }
    let on = node.environment("FIREWALL_VPN_INPUT_PORTS").or_else(|| {
        node.environment("VPN_PORT_FORWARDING")
            .filter(|(value, _)| super::serve::is_true(value))
    });
    if let Some((_, evidence)) = on {
        let source = Source {
            from: index,
            kind: PathKind::Tunnel,
            at_most: Reach::Internet,
            what: "who listens on the port that the VPN forwards, in the network".to_owned(),
            evidence,
        };
        spreads.add_to_guests(topology, &source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ingress_pairs_each_service_with_its_own_name() {
        let text = "tunnel: 1\ncredentials-file: /x.json\ningress:\n  - hostname: a.example.com\n    service: http://app:80\n    originRequest:\n      noTLSVerify: true\n  - service: http://b:81 # no name\n  - service: http_status:404\nwarp-routing:\n  service: http://no:1\n";
        let source = crate::span::Source::new("config.yml", text);
        let found: Vec<_> = ingress(&source.into())
            .into_iter()
            .map(|route| (route.name, route.target))
            .collect();
        assert_eq!(
            found,
            [
                (Some("a.example.com".to_owned()), "http://app:80".to_owned()),
                (None, "http://b:81".to_owned()),
                (None, "http_status:404".to_owned()),
            ]
        );
    }
}
