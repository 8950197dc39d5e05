//! nginx-proxy: routes by the environment of those it leads to.

use super::{Entry, Flavour, Gateway, Route};
use crate::access::topology::{Node, NodeIndex, Topology};
use crate::finding::Evidence;

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

/// Returns the route that a service's environment asks of an nginx-proxy.
pub(super) fn routes(node: &Node<'_>) -> Vec<Route> {
    let Some(declared) = node.sets("VIRTUAL_HOST") else {
        return Vec::new();
    };
    let names = node
        .environment("VIRTUAL_HOST")
        .map_or_else(Vec::new, |(names, _)| {
            names
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty() && !name.starts_with('~'))
                .collect()
        });
    vec![Route {
        flavour: Flavour::NginxProxy,
        entry: Entry::Ports(vec![80, 443]),
        port: node
            .environment("VIRTUAL_PORT")
            .and_then(|(port, _)| port.parse().ok()),
        names,
        guards: Vec::new(),
        evidence: Evidence::at(
            declared.text().to_owned(),
            declared.place().unwrap_or(&node.service.span),
        ),
        admin: false,
        enabled: true,
        in_swarm: false,
        by: None,
    }]
}
