//! Proxies that make a device of the tailnet of every service with their label: TSDProxy, tsbridge, DockTail.

use super::{is_true, lost};
use crate::access::path::{Door, DoorOf, Page, Path, PathKind, Unknown, UnknownKind};
use crate::access::spread::Spreads;
use crate::access::topology::{Listener, Node, NodeIndex, Topology};
use crate::access::upstream::upstream;
use crate::compose::Protocol;
use crate::finding::Evidence;
use crate::view::Reach;

/// A proxy that makes a device of the tailnet for every service with its label.
struct Labels {
    product: &'static str,
    image: &'static str,
    enable: &'static str,
    /// The label that names the device; nothing where it makes none of its own, but a Service of the tailnet.
    name: Option<&'static str>,
    funnel: fn(&str, &str) -> bool,
}

const LABELS: [Labels; 3] = [
    Labels {
        product: "TSDProxy",
        image: "tsdproxy",
        enable: "tsdproxy.enable",
        name: Some("tsdproxy.name"),
        funnel: |key, value| {
            (key.starts_with("tsdproxy.") && key.ends_with("funnel") && is_true(value))
                || (key.starts_with("tsdproxy.port.") && value.contains("tailscale_funnel"))
        },
    },
    Labels {
        product: "tsbridge",
        image: "tsbridge",
        enable: "tsbridge.enabled",
        name: Some("tsbridge.service.name"),
        funnel: |key, value| key == "tsbridge.service.funnel_enabled" && is_true(value),
    },
    Labels {
        product: "DockTail",
        image: "docktail",
        enable: "docktail.service.enable",
        name: None,
        funnel: |key, value| key == "docktail.funnel.enable" && is_true(value),
    },
];

/// Adds the paths to whoever the labels of a service lead to.
pub(super) fn paths(
    topology: &Topology<'_>,
    index: NodeIndex,
    paths: &mut [Vec<Path>],
    spreads: &mut Spreads,
) {
    let found = own_paths(topology, index);
    if found.is_empty() {
        return;
    }
    let node = &topology.nodes[index];
    if let Some(field) = node.service.labels.get("tsbridge.service.backend_addr") {
        let from = topology.machines[node.machine]
            .with_image("tsbridge")
            .unwrap_or(index);
        let read = upstream(&field.value);
        let targets = match &read {
            Some((host, port)) => topology.resolve(from, host, *port),
            None => Vec::new(),
        };
        let is_elsewhere = read.is_some_and(|(host, _)| topology.is_elsewhere(from, &host));
        if targets.is_empty() && !is_elsewhere {
            let at_most = found
                .iter()
                .map(|path| path.at_most)
                .max()
                .unwrap_or(Reach::Tailnet);
            let evidence = Evidence::at("label `tsbridge.service.backend_addr`", &field.span);
            lost(topology, from, at_most, &evidence, spreads);
        }
        for path in &found {
            for target in &targets {
                let path = path.clone().on(Some(target.port), Protocol::Tcp);
                paths[target.node].push(target.path(path));
            }
        }
        return;
    }
    for path in found {
        let listeners = match path.port().filter(|_| !node.guests.is_empty()) {
            Some(port) => topology.listeners(index, port, Protocol::Tcp),
            None => vec![Listener {
                node: index,
                port: 0,
                sure: true,
            }],
        };
        for listener in listeners {
            paths[listener.node].push(listener.path(path.clone()));
        }
    }
}

fn own_paths(topology: &Topology<'_>, index: NodeIndex) -> Vec<Path> {
    let mut paths = Vec::new();
    let node = &topology.nodes[index];
    for labels in &LABELS {
        let Some(enable) = node
            .service
            .labels
            .get(labels.enable)
            .filter(|field| is_true(&field.value))
        else {
            continue;
        };
        let entries = entries(node, labels);
        let proxies = topology.machines[node.machine].with_image(labels.image);
        let by = match proxies {
            Some(proxy) => format!("by `{}`", topology.nodes[proxy].id),
            None => format!("by {}", labels.product),
        };
        let way = |entry: &Entry, kind, zone, evidence: Evidence| {
            let label = format!("a tailnet device of its own, {by}");
            let path = Path::new(kind, if proxies.is_some() { zone } else { Reach::None }, label)
                .on(entry.inner, Protocol::Tcp)
                .by(entry.door.clone());
            let path = if proxies.is_some() {
                path
            } else {
                let why = format!(
                    "what its labels for {} do: that is not in the lab",
                    labels.product
                );
                path.widen(zone, Unknown::new(UnknownKind::Missing, why))
            };
            path.with(evidence)
        };
        let enabled = Evidence::at(format!("label `{}`", labels.enable), &enable.span);
        for entry in &entries {
            paths.push(way(entry, PathKind::Serve, Reach::Tailnet, enabled.clone()));
        }
        let funnel = node
            .service
            .labels
            .iter()
            .find(|(key, field)| (labels.funnel)(key, &field.value));
        if let Some((key, field)) = funnel {
            let evidence = Evidence::at(format!("label `{key}`"), &field.span);
            // A port of its own label is opened alone.
            let own = entries
                .iter()
                .find(|entry| entry.key.as_deref() == Some(key.as_str()));
            if let Some(entry) = own.or(entries.first()) {
                paths.push(way(entry, PathKind::Funnel, Reach::Internet, evidence));
            }
        }
    }
    paths
}

/// A port of the device that a proxy makes.
struct Entry {
    /// The label that says so.
    key: Option<String>,
    /// The port in the container.
    inner: Option<u16>,
    door: Option<Door>,
}

/// Returns the ports of the device that a proxy makes of a service: those of its labels, else 443 alone, which it speaks
/// TLS on.
fn entries(node: &Node<'_>, labels: &Labels) -> Vec<Entry> {
    let of_proxy = |key: &str| {
        let prefix = labels.enable.split('.').next().unwrap_or_default();
        key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
    };
    let mut own = node.service.labels.iter().filter(|(key, _)| of_proxy(key));
    let inner = own
        .find(|(key, _)| key.ends_with(".container_port") || key.ends_with("service.port"))
        .and_then(|(_, field)| field.value.parse().ok());
    let device = labels.name.map(|name| {
        let told = node.service.labels.get(name).map(|field| field.value.trim());
        let container = node
            .service
            .container_name
            .as_ref()
            .map(|name| name.value.as_str());
        let usual = || format!("{}-{}-1", node.id.project(), node.id.service());
        told.filter(|name| !name.is_empty())
            .or(container)
            .map_or_else(usual, str::to_owned)
    });
    let door = |port: u16, scheme: &str| {
        Some(Door {
            of: DoorOf::Device(device.clone()?),
            ports: Some((port, port)),
            protocol: Protocol::Tcp,
            page: matches!(scheme, "http" | "https").then(|| Page {
                tls: scheme == "https",
                mount: "/".to_owned(),
            }),
        })
    };
    let listed = node.service.labels.iter().filter_map(|(key, field)| {
        key.strip_prefix("tsdproxy.port.").filter(|_| of_proxy(key))?;
        let (outer, target, scheme) = tsdproxy_port(&field.value)?;
        Some(Entry {
            key: Some(key.to_string()),
            inner: target.or(inner),
            door: door(outer, scheme),
        })
    });
    let mut entries: Vec<Entry> = listed.collect();
    if entries.is_empty() {
        entries.push(Entry {
            key: None,
            inner,
            door: door(443, "https"),
        });
    }
    entries
}

/// Reads `443/https:80/http, options`: the port on the device, the one in the container, and what the first speaks.
fn tsdproxy_port(text: &str) -> Option<(u16, Option<u16>, &str)> {
    let pair = text.split(',').next()?.trim();
    let (outer, inner) = match pair.split_once("->").or_else(|| pair.split_once(':')) {
        Some((outer, inner)) => (outer, Some(inner)),
        None => (pair, None),
    };
    let (port, scheme) = outer.split_once('/').unwrap_or((outer, "https"));
    let inner = inner.and_then(|inner| inner.split('/').next()?.trim().parse().ok());
    Some((port.trim().parse().ok()?, inner, scheme.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_a_label_says_both_ends() {
        for (text, expected) in [
            ("443/https:80/http", Some((443, Some(80), "https"))),
            ("80/http:8080/http, no_autodetect", Some((80, Some(8080), "http"))),
            ("443/https", Some((443, None, "https"))),
            ("5432/tcp:5432/tcp", Some((5432, Some(5432), "tcp"))),
            ("443/https->https://example.org", Some((443, None, "https"))),
            ("x", None),
        ] {
            assert_eq!(tsdproxy_port(text), expected, "{text}");
        }
    }
}
