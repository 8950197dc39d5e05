//! caddy-docker-proxy: a Caddyfile written as labels.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::clients::{let_all_in, only_private, only_tailnet, read};
use super::{Entry, Flavour, Gateway, Lead, Route};
use crate::access::path::{Guard, GuardKind};
use crate::access::topology::{NodeIndex, Topology};
use crate::access::upstream::upstream;
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
        reads_swarm: true,
        by_default: None,
        unseen: None,
        insecure_admin: None,
        public_challenge: None,
        from_files: Vec::new(),
    })
}

/// One site of a service: all labels that begin with the same `caddy` or `caddy_N`.
#[derive(Default)]
struct Site<'a> {
    address: Option<&'a Field<String>>,
    upstream: Option<&'a Field<String>>,
    /// Where it leads by names, beside the container that the labels stand with.
    upstreams: Vec<(String, u16)>,
    /// Whether it leads to that container.
    is_own: bool,
    guards: Vec<Guard>,
    lines: Vec<Line<'a>>,
}

/// One directive of a site: `1_handle.reverse_proxy`, and what stands behind it.
struct Line<'a> {
    parts: Vec<&'a str>,
    text: &'a str,
    evidence: Evidence,
}

/// Returns a directive without the number that sets its order: `1_handle` is `handle`.
fn bare(part: &str) -> &str {
    part.trim_start_matches(|c: char| c.is_ascii_digit())
        .trim_start_matches('_')
}

/// What a named matcher asks of the client's address.
#[derive(Default)]
struct Clients<'a> {
    /// Where it says who may come.
    admits: Vec<(&'a str, &'a str)>,
    /// Where it says who may not.
    denies: Vec<(&'a str, &'a str)>,
    /// Whether it asks anything else.
    more: bool,
}

impl Site<'_> {
    /// Returns what shows that every way through the site asks for the client's address, in a way that is accepted.
    ///
    /// There are two ways to write it: only those who match are passed on (`reverse_proxy @home ...`, or a block
    /// `handle @home`), or those who do not are sent away before (`abort @strangers`).
    fn asks_for_addresses(&self, accepts: &dyn Fn(&str, &str) -> bool) -> Option<Evidence> {
        let mut matchers: BTreeMap<&str, Clients<'_>> = BTreeMap::new();
        for line in &self.lines {
            let Some(name) = line.parts.first().filter(|name| name.starts_with('@')) else {
                continue;
            };
            let words = line.parts[1..].iter().map(|part| bare(part));
            let mut words = words.chain(line.text.split_whitespace());
            let mut kind = words.next().unwrap_or_default();
            let negated = kind == "not";
            if negated {
                kind = words.next().unwrap_or_default();
            }
            let clients = matchers.entry(name).or_default();
            if !matches!(kind, "remote_ip" | "client_ip") {
                clients.more = true;
                continue;
            }
            // The ranges are behind the name, in the label or in its value.
            let ranges = line.text.split_once(kind).map_or(line.text, |(_, ranges)| ranges);
            let list = if negated {
                &mut clients.denies
            } else {
                &mut clients.admits
            };
            list.push((kind, ranges));
        }
        let matcher = |text: &str| {
            let first = text
                .split_whitespace()
                .next()
                .filter(|word| word.starts_with('@'))?;
            matchers.get(first)
        };
        let admits = |line: &Line<'_>| {
            matcher(line.text)
                .is_some_and(|clients| clients.admits.iter().any(|&(kind, ranges)| accepts(kind, ranges)))
        };
        let turns_away = |line: &&Line<'_>| {
            matches!(line.parts.as_slice(), [one] if matches!(bare(one), "abort" | "error" | "respond" | "redir"))
                && matcher(line.text).is_some_and(|clients| {
                    let [(kind, ranges)] = clients.denies.as_slice() else {
                        return false;
                    };
                    !clients.more && clients.admits.is_empty() && accepts(kind, ranges)
                })
        };
        let gate = self.lines.iter().find(turns_away);
        let is_upstream = |line: &&Line<'_>| {
            line.parts
                .last()
                .is_some_and(|part| matches!(bare(part), "reverse_proxy" | "php_fastcgi"))
        };
        let mut shown = None;
        for upstream in self.lines.iter().filter(is_upstream) {
            let blocks = self
                .lines
                .iter()
                .filter(|line| upstream.parts.starts_with(&line.parts));
            // What stands in a block is done before strangers are sent away.
            let gate = gate.filter(|_| upstream.parts.len() == 1);
            let guard = blocks.into_iter().find(|line| admits(line)).or(gate)?;
            shown.get_or_insert_with(|| guard.evidence.clone());
        }
        shown
    }
}

/// Returns the routes that a service's labels ask of a Caddy.
pub(super) fn routes(topology: &Topology<'_>, index: NodeIndex) -> Vec<Route> {
    let node = &topology.nodes[index];
    let facts = &topology.machines[node.machine].facts;
    let mut sites: BTreeMap<&str, Site<'_>> = BTreeMap::new();
    for (key, field) in node.service.labels.iter().chain(&node.service.deploy_labels) {
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
        entry.lines.push(Line {
            parts: directives.split('.').collect(),
            text: &field.value,
            evidence: Evidence::at(format!("label `{key}`"), &field.span),
        });
        for (position, part) in directives.split('.').enumerate() {
            let directive = bare(part);
            let kind = match directive {
                "reverse_proxy" | "php_fastcgi" => {
                    entry.upstream.get_or_insert(field);
                    let rest: Vec<&str> = directives.split('.').skip(position + 1).map(bare).collect();
                    if matches!(rest.as_slice(), [] | ["to"]) {
                        entry.upstreams.extend(named_upstreams(&field.value));
                        entry.is_own |= is_own(&field.value);
                    }
                    None
                }
                "basic_auth" | "basicauth" | "forward_auth" | "authenticate" | "authorize" | "jwtauth" => {
                    Some(GuardKind::Auth)
                }
                "rate_limit" => Some(GuardKind::RateLimit),
                "crowdsec" | "appsec" | "coraza_waf" => Some(GuardKind::Waf),
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
        .filter_map(|mut site| {
            let upstream = site.upstream?;
            let named = std::mem::take(&mut site.upstreams);
            let is_own = site.is_own || named.is_empty();
            // Not `client_ip`, which may take the address from a header that anybody can write.
            let tailnet = |kind: &str, ranges: &str| {
                kind == "remote_ip" && only_tailnet(ranges.split_whitespace(), facts)
            };
            let private = |_: &str, ranges: &str| {
                !ranges.contains("forwarded") && only_private(ranges.split_whitespace())
            };
            let is_narrow = site.asks_for_addresses(&tailnet);
            let only = is_narrow.is_some();
            let is_private = site.asks_for_addresses(&private);
            let at_home = is_private.is_some();
            let listed = is_narrow
                .or(is_private)
                .or_else(|| site.asks_for_addresses(&|_, list| !let_all_in(list.split_whitespace())));
            if let Some(evidence) = listed {
                let ranges = RefCell::new(Some(Vec::new()));
                site.asks_for_addresses(&|kind, list| {
                    let read = read(list.split_whitespace()).filter(|_| kind == "remote_ip");
                    let mut ranges = ranges.borrow_mut();
                    *ranges = ranges.take().zip(read).map(|(mut all, more)| {
                        all.extend(more);
                        all
                    });
                    true
                });
                let guard = Guard::new(GuardKind::AllowList, "remote_ip", evidence);
                // Where several lists are written, which of them decides is taken for all of them together.
                let guard = guard.only_tailnet(only).only_private(at_home);
                site.guards.push(guard.with_clients(ranges.into_inner()));
            }
            let address = site.address.map_or("", |field| field.value.as_str());
            // A site in brackets is a snippet: it serves nothing by itself.
            if address.starts_with('(') {
                return None;
            }
            let shown = site.address.unwrap_or(upstream);
            let (names, ports) = addresses(address);
            let route = Route {
                flavour: Flavour::Caddy,
                entry: Entry::Ports(ports),
                port: upstream_port(&upstream.value),
                names,
                guards: site.guards,
                evidence: Evidence::at(format!("Caddy labels for `{address}`"), &shown.span),
                admin: false,
                enabled: true,
                in_swarm: false,
                upstream: None,
                lead: Lead::Here,
                by: None,
            };
            let elsewhere: Vec<Route> = named
                .into_iter()
                .map(|upstream| Route {
                    port: Some(upstream.1),
                    upstream: Some(upstream),
                    ..route.clone()
                })
                .collect();
            Some(elsewhere.into_iter().chain(is_own.then_some(route)))
        })
        .flatten()
        .collect()
}

/// Whether an upstream is the container that the label stands with: `{{upstreams 8080}}`, or none is written.
fn is_own(text: &str) -> bool {
    text.contains("{{") || text.split_whitespace().all(is_matcher)
}

/// Reads the upstreams that are called by their names: `/api/* app:3000`, `http://a:1 b:2`.
fn named_upstreams(text: &str) -> Vec<(String, u16)> {
    // What stands in braces is the label's own container.
    let words = text.split_whitespace().filter(|_| !text.contains("{{"));
    let words = words.filter(|word| !is_matcher(word));
    words
        .filter_map(|word| upstream(word).or_else(|| upstream(&format!("http://{word}"))))
        .collect()
}

/// Whether a word says for which requests a directive is, rather than where to.
fn is_matcher(word: &str) -> bool {
    word.starts_with(['@', '/', '*'])
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
