//! nginx-proxy: routes by the environment of those it leads to.

use super::{Entry, Flavour, Gateway, Lead, Route};
use crate::access::topology::{Node, NodeIndex, Topology};
use crate::compose::settings::settings;
use crate::finding::Evidence;
use crate::span::Source;

pub(super) fn gateway(topology: &Topology<'_>, index: NodeIndex) -> Option<Gateway> {
    let node = &topology.nodes[index];
    (node.image_base() == "nginx-proxy").then_some(Gateway {
        node: index,
        flavour: Flavour::NginxProxy,
        entries: None,
        complete: false,
        only_enabled: false,
        reads_swarm: false,
        by_default: None,
        unseen: None,
        insecure_admin: None,
        public_challenge: None,
        from_files: Vec::new(),
    })
}

/// Returns the routes that a service's environment asks of an nginx-proxy.
pub(super) fn routes(node: &Node<'_>) -> Vec<Route> {
    let one = |name: &str| {
        let declared = node.sets(name)?;
        Some(Route {
            flavour: Flavour::NginxProxy,
            entry: Entry::Ports(vec![80, 443]),
            port: node
                .environment("VIRTUAL_PORT")
                .and_then(|(port, _)| port.parse().ok()),
            names: Vec::new(),
            guards: Vec::new(),
            evidence: Evidence::at(
                declared.text().to_owned(),
                declared.place().unwrap_or(&node.service.span),
            ),
            admin: false,
            enabled: true,
            in_swarm: false,
            upstream: None,
            lead: Lead::Here,
            by: None,
        })
    };
    // Where both are set, the one for several ports counts.
    if let Some(route) = one("VIRTUAL_HOST_MULTIPORTS") {
        let text = node.environment("VIRTUAL_HOST_MULTIPORTS").map(|(text, _)| text);
        let ports = text.map(multiports).unwrap_or_default();
        if ports.is_empty() {
            return vec![route];
        }
        let to = |port| Route {
            port: Some(port),
            ..route.clone()
        };
        return ports.into_iter().map(to).collect();
    }
    let Some(mut route) = one("VIRTUAL_HOST") else {
        return Vec::new();
    };
    if let Some((names, _)) = node.environment("VIRTUAL_HOST") {
        let names = names.split(',').map(str::trim);
        let names = names.filter(|name| !name.is_empty() && !name.starts_with('~'));
        route.names = names.map(str::to_owned).collect();
    }
    vec![route]
}

/// Reads the ports of `{ www.example.org: { /: { port: 8080 } } }`.
fn multiports(text: &str) -> Vec<u16> {
    let settings = settings(&Source::new("VIRTUAL_HOST_MULTIPORTS.yaml", text)).unwrap_or_default();
    let ports = settings.iter().filter(|(key, ..)| key.ends_with(".port"));
    let mut ports: Vec<u16> = ports.filter_map(|(_, value, _)| value.parse().ok()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}
