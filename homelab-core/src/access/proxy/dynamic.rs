//! Traefik's file provider: the routes, services and middlewares in the files that it mounts.

use std::collections::{BTreeMap, BTreeSet};

use super::clients::{are_all, are_tailnet, let_all_in, only_private, only_tailnet, read, rule_clients};
use super::middleware::{Middlewares, guard_kind, switches_off};
use super::traefik::names_in_rule;
use super::{Entry, Flavour, Lead, Route};
use crate::access::container::{Container, Found as InContainer, Text};
use crate::access::files::Files;
use crate::access::path::{Guard, GuardKind};
use crate::access::topology::{Node, NodeIndex, Topology};
use crate::access::upstream::{Setting, settings, upstream};
use crate::finding::Evidence;

/// A router of a file.
#[derive(Default)]
struct Router<'a> {
    rule: Option<&'a str>,
    service: Option<&'a str>,
    entries: Vec<String>,
    middlewares: Vec<&'a str>,
    shown: Option<&'a Setting>,
}

/// What the files bring.
#[derive(Default)]
pub(super) struct Found {
    /// The routes, each with the service that it leads to.
    pub(super) routes: Vec<(NodeIndex, Route)>,
    /// Whether all of the files is understood: else there may be more.
    pub(super) is_whole: bool,
}

/// Returns the files that the file provider reads, where all of them are in the lab.
pub(super) fn sources(
    node: &Node<'_>,
    files: &Files<'_>,
    file: Option<&str>,
    directory: Option<&str>,
) -> Option<Vec<Text>> {
    let container = Container::new(node, files);
    if let Some(file) = file {
        return match container.at(file) {
            InContainer::Text(text) => Some(vec![text]),
            InContainer::Hidden(_) | InContainer::Image => None,
        };
    }
    let directory = directory?.trim_end_matches('/');
    if directory.contains(['{', '$', '*', '?', '[']) {
        return None;
    }
    // It reads folders within the folder too.
    let found = container.matching(&format!("{directory}/**"));
    let endings = [".yml", ".yaml", ".toml"];
    let mut texts = found.texts;
    texts.retain(|text| endings.iter().any(|end| text.source().name().ends_with(end)));
    (found.is_mounted && found.hidden.is_none()).then_some(texts)
}

/// Whether a text is a template, decided while Traefik runs. What stands in a line of comment makes no route.
fn is_template(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.any(|line| line.contains("{{"))
}

/// Returns the routes that these files bring; what is not understood may bring more of them.
pub(super) fn routes(
    topology: &Topology<'_>,
    index: NodeIndex,
    texts: &[Text],
    middlewares: &Middlewares,
) -> Found {
    let mut found = Found {
        routes: Vec::new(),
        is_whole: true,
    };
    let mut all: Vec<Setting> = Vec::new();
    for text in texts {
        match settings(text.source()).filter(|_| !is_template(text.source().text())) {
            Some(settings) => all.extend(settings.into_iter().map(|setting| Setting {
                place: text.shown(&setting.place),
                ..setting
            })),
            None => found.is_whole = false,
        }
    }
    let mut routers: BTreeMap<(&str, &str), Router<'_>> = BTreeMap::new();
    let mut servers: BTreeMap<(&str, &str), Vec<&Setting>> = BTreeMap::new();
    let mut own: BTreeMap<&str, Vec<&Setting>> = BTreeMap::new();
    for setting in &all {
        let value = setting.value.as_str();
        let parts: Vec<&str> = setting.key.split('.').collect();
        match parts.as_slice() {
            [protocol @ ("http" | "tcp"), "routers", name, rest @ ..] => {
                let router = routers.entry((protocol, name)).or_default();
                router.shown.get_or_insert(setting);
                match rest {
                    ["rule"] => {
                        router.rule = Some(value);
                        router.shown = Some(setting);
                    }
                    ["service"] => router.service = Some(value),
                    // Traefik takes a text there, and no file in which it is something else.
                    ["rule" | "service", ..] => found.is_whole = false,
                    ["entrypoints"] => router.entries.extend(words(value).map(str::to_owned)),
                    ["middlewares"] => router.middlewares.extend(words(value)),
                    _ => {}
                }
            }
            [
                protocol @ ("http" | "tcp"),
                "services",
                name,
                "loadbalancer",
                "servers",
                rest @ ..,
            ] if matches!(rest, [] | ["url" | "address"]) && !value.is_empty() => {
                servers.entry((protocol, name)).or_default().push(setting);
            }
            ["http" | "tcp", "services", _] | ["http" | "tcp", "services", _, "loadbalancer", ..] => {}
            // Services made of other services, and what has no request to look at.
            ["http" | "tcp", "services", _, ..] | ["udp", _, ..] => found.is_whole = false,
            ["http" | "tcp", "middlewares", name, ..] => own.entry(name).or_default().push(setting),
            _ => {}
        }
    }
    for ((protocol, name), router) in &routers {
        let (Some(service), Some(shown)) = (router.service, router.shown) else {
            found.is_whole = false;
            continue;
        };
        let admin = service.ends_with("@internal");
        let evidence = Evidence::at(
            match router.rule {
                Some(rule) => format!("Traefik {protocol} router `{name}` of a file: `{rule}`"),
                None => format!("Traefik {protocol} router `{name}` of a file"),
            },
            &shown.place,
        );
        let mut guards = Vec::new();
        for middleware in &router.middlewares {
            let mut seen = BTreeSet::new();
            collect(
                topology,
                index,
                middleware,
                &own,
                middlewares,
                &evidence,
                &mut seen,
                &mut guards,
            );
        }
        if let Some(clients) = router
            .rule
            .and_then(rule_clients)
            .filter(|clients| !are_all(clients))
        {
            let facts = &topology.machines[topology.nodes[index].machine].facts;
            let only = are_tailnet(&clients, facts);
            let guard = Guard::new(GuardKind::AllowList, "ClientIP", evidence.clone());
            guards.push(guard.only_tailnet(only).with_clients(Some(clients)));
        }
        let route = |port| Route {
            flavour: Flavour::Traefik,
            entry: match router.entries.as_slice() {
                [] => Entry::Default,
                names => Entry::Named(names.to_vec()),
            },
            port,
            names: router.rule.map_or_else(Vec::new, names_in_rule),
            guards: guards.clone(),
            evidence: evidence.clone(),
            admin,
            enabled: true,
            in_swarm: false,
            upstream: None,
            lead: Lead::Here,
            by: Some(index),
        };
        if admin {
            found.routes.push((index, route(None)));
            continue;
        }
        let service = service
            .strip_suffix("@file")
            .unwrap_or(service)
            .to_ascii_lowercase();
        // One of another provider, or one that is not there, is not known from here.
        let Some(servers) = servers.get(&(*protocol, service.as_str())) else {
            found.is_whole = false;
            continue;
        };
        // Many servers of one service are one way to it, however many there are.
        let mut led: BTreeSet<(NodeIndex, u16)> = BTreeSet::new();
        for server in servers {
            let Some((host, port)) = address(&server.value).and_then(upstream) else {
                found.is_whole = false;
                continue;
            };
            let targets = topology.resolve(index, &host, port);
            // A name of the lab's that leads nowhere here may lead to anything; others are of elsewhere.
            found.is_whole &= !targets.is_empty() || topology.is_elsewhere(index, &host);
            for target in targets {
                if led.insert((target.node, target.port)) {
                    found.routes.push((target.node, route(Some(target.port))));
                }
            }
        }
    }
    found
}

/// Returns the address in an item of a list of servers: `url: "http://app:80"`, `{ address: app:80 }`, or bare.
fn address(item: &str) -> Option<&str> {
    let item = item.trim_matches(['{', '}', ' ']);
    let address = ["url:", "address:"].iter().find_map(|key| item.strip_prefix(key));
    let address = address.unwrap_or(item).trim().trim_matches(['"', '\'']);
    (!address.contains([' ', ','])).then_some(address)
}

/// Returns the words of a value that is one of them, or a list in brackets.
fn words(value: &str) -> impl Iterator<Item = &str> {
    let words = value.trim_matches(['[', ']']).split(',');
    words
        .map(|word| word.trim().trim_matches(['"', '\'']))
        .filter(|word| !word.is_empty())
}

#[expect(
    clippy::too_many_arguments,
    reason = "what a chain of middlewares may name, which has no meaning of its own"
)]
fn collect<'a>(
    topology: &Topology<'_>,
    index: NodeIndex,
    name: &'a str,
    own: &BTreeMap<&'a str, Vec<&'a Setting>>,
    others: &Middlewares,
    used: &Evidence,
    seen: &mut BTreeSet<String>,
    guards: &mut Vec<Guard>,
) {
    let lower = name.to_ascii_lowercase();
    let (bare, provider) = lower.split_once('@').unwrap_or((&lower, "file"));
    // Traefik refuses a chain that leads to itself; one of this length is nobody's, and would fill our own stack.
    if seen.len() > 64 || !seen.insert(bare.to_owned()) {
        return;
    }
    if provider != "file" {
        guards.extend(others.guards(topology.nodes[index].machine, name, used));
        return;
    }
    let Some(declared) = own.get(bare) else {
        guards.push(Guard::new(GuardKind::Unseen, name, used.clone()));
        return;
    };
    let mut kinds: Vec<GuardKind> = Vec::new();
    let mut is_off = false;
    for setting in declared {
        let Some(kind) = setting.key.splitn(4, '.').nth(3) else {
            continue;
        };
        is_off |= switches_off(kind, &setting.value);
        if kind == "chain.middlewares" {
            for next in words(&setting.value) {
                collect(topology, index, next, own, others, used, seen, guards);
            }
        }
        kinds.extend(guard_kind(kind, &setting.value));
    }
    // A forward to CrowdSec's bouncer is seen by its address alone.
    let kind = kinds
        .iter()
        .find(|kind| **kind == GuardKind::Waf)
        .or(kinds.first());
    if let Some(kind) = kind.filter(|_| !is_off) {
        let list = |setting: &&&Setting| {
            let key = setting.key.splitn(4, '.').nth(3);
            matches!(key, Some("ipallowlist.sourcerange" | "ipwhitelist.sourcerange"))
        };
        let by_header = declared
            .iter()
            .any(|setting| setting.key.contains("list.ipstrategy"));
        let ranges: Vec<&str> = declared
            .iter()
            .filter(list)
            .flat_map(|setting| words(&setting.value))
            .collect();
        let facts = &topology.machines[topology.nodes[index].machine].facts;
        if *kind == GuardKind::AllowList && let_all_in(ranges.iter().copied()) {
            return;
        }
        let is_list = *kind == GuardKind::AllowList && !by_header;
        let clients = read(ranges.iter().copied()).filter(|_| is_list);
        let guard = Guard::new(*kind, name, used.clone());
        guards.push(
            guard
                .only_tailnet(is_list && only_tailnet(ranges.iter().copied(), facts))
                .only_private(is_list && only_private(ranges.iter().copied()))
                .with_clients(clients),
        );
    }
}
