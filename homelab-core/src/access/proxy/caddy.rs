//! caddy-docker-proxy: a Caddyfile written as labels.

use std::collections::BTreeMap;

use super::{Entry, Flavour, Gateway, Route};
use crate::access::path::{Guard, GuardKind};
use crate::access::topology::{Node, NodeIndex, Topology};
use crate::compose::Field;
use crate::finding::Evidence;

pub(super) fn gateway(topology: &Topology<'_>, index: NodeIndex) -> Option<Gateway> {
    let node = &topology.nodes[index];
    let base = node.image_base();
    // A Caddy of one's own making that is given the engine's socket has the plugin inside.
    let has_socket = || {
        node.service
            .mounts
            .iter()
            .any(|mount| mount.value.target.ends_with("docker.sock"))
    };
    if base != "caddy-docker-proxy" && !(base.contains("caddy") && has_socket()) {
        return None;
    }
    Some(Gateway {
        node: index,
        flavour: Flavour::Caddy,
        entries: None,
        complete: false,
        only_enabled: false,
        by_default: None,
        unseen: None,
        insecure_admin: None,
        public_challenge: None,
    })
}

/// One site of a service: all labels that begin with the same `caddy` or `caddy_N`.
#[derive(Default)]
struct Site<'a> {
    address: Option<&'a Field<String>>,
    upstream: Option<&'a Field<String>>,
    guards: Vec<Guard>,
}

/// Returns the routes that a service's labels ask of a Caddy.
pub(super) fn routes(node: &Node<'_>) -> Vec<Route> {
    let mut sites: BTreeMap<&str, Site<'_>> = BTreeMap::new();
    for (key, field) in &node.service.labels {
        let (site, directives) = key.split_once('.').unwrap_or((key, ""));
        let number = site
            .strip_prefix("caddy")
            .map(|rest| rest.strip_prefix('_').unwrap_or(rest));
        if !number.is_some_and(|number| number.chars().all(|c| c.is_ascii_digit())) {
            continue;
        }
        let entry = sites.entry(site).or_default();
        if directives.is_empty() {
            entry.address = Some(field);
            continue;
        }
        for (position, part) in directives.split('.').enumerate() {
            // `1_handle` is `handle`, numbered to set its order.
            let directive = part
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .trim_start_matches('_');
            let kind = match directive {
                "reverse_proxy" | "php_fastcgi" if entry.upstream.is_none() => {
                    entry.upstream = Some(field);
                    None
                }
                "basic_auth" | "basicauth" | "forward_auth" | "authenticate" | "authorize" | "jwtauth" => {
                    Some(GuardKind::Auth)
                }
                "rate_limit" => Some(GuardKind::RateLimit),
                "crowdsec" | "appsec" | "coraza_waf" => Some(GuardKind::Waf),
                "remote_ip" | "client_ip" => Some(GuardKind::AllowList),
                // A snippet is defined in a Caddyfile that is not looked for.
                "import" if position == 0 => Some(GuardKind::Unseen),
                _ => None,
            };
            if let Some(kind) = kind {
                let name = if kind == GuardKind::Unseen {
                    format!("import {}", field.value)
                } else {
                    directive.to_owned()
                };
                let known = entry
                    .guards
                    .iter()
                    .any(|guard| guard.kind() == kind && guard.name() == name);
                if !known {
                    let evidence = Evidence::at(format!("label `{key}`"), &field.span);
                    entry.guards.push(Guard::new(kind, name, evidence));
                }
            }
        }
    }
    sites
        .into_values()
        .filter_map(|site| {
            let upstream = site.upstream?;
            let address = site.address.map_or("", |field| field.value.as_str());
            // A site in brackets is a snippet: it serves nothing by itself.
            if address.starts_with('(') {
                return None;
            }
            let shown = site.address.unwrap_or(upstream);
            let (names, ports) = addresses(address);
            Some(Route {
                flavour: Flavour::Caddy,
                entry: Entry::Ports(ports),
                port: upstream_port(&upstream.value),
                names,
                guards: site.guards,
                evidence: Evidence::at(format!("Caddy labels for `{address}`"), &shown.span),
                admin: false,
                enabled: true,
            })
        })
        .collect()
}

/// Reads a site's addresses: its names and the ports it is served on.
fn addresses(text: &str) -> (Vec<String>, Vec<u16>) {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for address in text.split([',', ' ']).filter(|address| !address.is_empty()) {
        let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
        let rest = rest.split('/').next().unwrap_or_default();
        let (name, port) = match rest.rsplit_once(':') {
            Some((name, port)) => (name, port.parse::<u16>().ok()),
            None => (rest, None),
        };
        match (port, scheme) {
            (Some(port), _) => ports.push(port),
            (None, "http") => ports.push(80),
            (None, "https") => ports.push(443),
            (None, _) => ports.extend([80, 443]),
        }
        if !name.is_empty() {
            names.push(name.to_owned());
        }
    }
    if ports.is_empty() {
        ports.extend([80, 443]);
    }
    ports.dedup();
    (names, ports)
}

/// Reads the port of `{{upstreams 8080}}`, `{{upstreams http 8080}}` or `app:8080`.
fn upstream_port(text: &str) -> Option<u16> {
    if let Some(inside) = text.split("{{").nth(1).and_then(|rest| rest.split("}}").next()) {
        return Some(
            inside
                .split_whitespace()
                .find_map(|word| word.parse().ok())
                .unwrap_or(80),
        );
    }
    let last = text.split_whitespace().last()?;
    last.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_served_on_the_ports_of_its_addresses() {
        let read = |text: &str| addresses(text);
        assert_eq!(
            read("a.example.com"),
            (vec!["a.example.com".to_owned()], vec![80, 443])
        );
        assert_eq!(read("http://a"), (vec!["a".to_owned()], vec![80]));
        assert_eq!(read(":8080"), (Vec::new(), vec![8080]));
        assert_eq!(
            read("a, https://b:8443/x"),
            (vec!["a".to_owned(), "b".to_owned()], vec![80, 443, 8443])
        );
        assert_eq!(read(""), (Vec::new(), vec![80, 443]));
    }

    #[test]
    fn the_upstreams_port_is_the_containers() {
        for (text, expected) in [
            ("{{upstreams 8080}}", Some(8080)),
            ("{{upstreams http 8080}}", Some(8080)),
            ("{{upstreams}}", Some(80)),
            ("/api/* app:3000", Some(3000)),
            ("app", None),
            ("{{", Some(80)),
        ] {
            assert_eq!(upstream_port(text), expected, "{text}");
        }
    }
}
