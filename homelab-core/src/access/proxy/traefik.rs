//! Traefik: what its flags, environment or file say of where it listens, and the labels of those it leads to.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::clients::{are_all, are_tailnet, let_all_in, only_private, only_tailnet, read, rule_clients};
use super::flags::{Flag, Static, file_flags, flags, is_folder};
use super::middleware::Middlewares;
use super::{Entry, EntryPoint, Flavour, Gateway, Lead, Route, dynamic};
use crate::access::address::HostFacts;
use crate::access::files::Files;
use crate::access::path::{Guard, GuardKind};
use crate::access::serve::is_true;
use crate::access::topology::{Node, NodeIndex, Topology};
use crate::access::upstream::upstream;
use crate::compose::{Field, MountKind, Protocol, Service};
use crate::finding::Evidence;

/// Whether it is a Traefik: by its image, or by what one of another name is told or given.
fn is_traefik(node: &Node<'_>) -> bool {
    let is_told = || {
        node.words().any(|(word, _)| {
            let word = word.to_ascii_lowercase();
            word.starts_with("--entrypoints.") || word.starts_with("--providers.")
        })
    };
    let is_given = || {
        let mut mounts = node.service.mounts.iter().chain(&node.service.configs);
        node.service.build.is_some() && mounts.any(|mount| is_folder(&mount.value.target))
    };
    node.image_base() == "traefik" || (node.system.is_none() && (is_told() || is_given()))
}

/// Returns where a Traefik listens, before anything else of it is known.
pub(in crate::access) fn entry_ports(service: &Service) -> Vec<(u16, Protocol, Evidence)> {
    let flags = flags(service);
    flags
        .iter()
        .filter_map(|flag| {
            let (_, port, protocol) = entry_point(flag)?;
            Some((port, protocol, flag.evidence.clone()))
        })
        .collect()
}

/// Reads a declaration of an entry point: version 2's `entrypoints.web.address=:80`, version 1's `Name:web Address::80`.
fn entry_point(flag: &Flag) -> Option<(String, u16, Protocol)> {
    let (name, address) = match flag.key.strip_prefix("entrypoints") {
        Some("") => {
            let word = |prefix: &str| {
                flag.value.split_whitespace().find_map(|word| {
                    let (key, value) = word.split_once(':')?;
                    key.eq_ignore_ascii_case(prefix).then_some(value)
                })
            };
            (word("name")?.to_owned(), word("address")?)
        }
        Some(rest) => {
            let name = rest.strip_prefix('.')?.strip_suffix(".address")?;
            (name.to_owned(), flag.value.as_str())
        }
        None => return None,
    };
    let (address, protocol) = match address.rsplit_once('/') {
        Some((address, "udp")) => (address, Protocol::Udp),
        Some((address, _)) => (address, Protocol::Tcp),
        None => (address, Protocol::Tcp),
    };
    let port = address.rsplit(':').next()?.parse().ok()?;
    Some((name, port, protocol))
}

pub(super) fn gateway(
    topology: &Topology<'_>,
    index: NodeIndex,
    files: &Files<'_>,
    middlewares: &Middlewares,
) -> Option<Gateway> {
    let node = &topology.nodes[index];
    if !is_traefik(node) {
        return None;
    }
    let mut flags = flags(node.service);
    let from_file = file_flags(node, files, &flags);
    // A file that is mounted and cannot be read may say anything, and so may one in an image of one's own.
    let is_own_image = node.image_base() != "traefik";
    let is_hidden =
        matches!(from_file, Static::Hidden) || (is_own_image && !matches!(from_file, Static::Read(_)));
    let hidden_file = is_hidden
        || (matches!(from_file, Static::Absent)
            && node.service.mounts.iter().any(|mount| {
                let target = mount.value.target.as_str();
                let is_named = target.contains("traefik") && !target.ends_with(".json");
                is_named && mount.value.kind == MountKind::Bind
            }));
    // Where there is a file, Traefik looks at nothing else.
    let opaque = is_hidden || (flags.is_empty() && hidden_file && !matches!(from_file, Static::Read(_)));
    if let Static::Read(more) = from_file {
        flags.extend(more);
    }
    let find = |wanted: &str| flags.iter().find(|flag| flag.key == wanted);
    let any = |prefix: &str| {
        flags.iter().find(|flag| {
            flag.key
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };

    let mut entries: Vec<EntryPoint> = Vec::new();
    for flag in &flags {
        if let Some((name, port, protocol)) = entry_point(flag) {
            let setting = |rest: &str| find(&format!("entrypoints.{name}.{rest}"));
            let guards = setting("http.middlewares").map_or_else(Vec::new, |flag| {
                let names = flag.value.split(',');
                names
                    .flat_map(|one| middlewares.guards(node.machine, one, &flag.evidence))
                    .collect()
            });
            entries.push(EntryPoint {
                default: setting("asdefault").is_some_and(|flag| is_true(&flag.value)),
                name,
                port,
                protocol,
                guards,
            });
        }
    }
    // Where none is marked as default, all of them are, but the one of the administration.
    if !entries.iter().any(|entry| entry.default) {
        for entry in &mut entries {
            entry.default = entry.name != "traefik";
        }
    }
    // An entry point whose address cannot be read is one all the same.
    let is_read = |flag: &Flag| match flag.key.strip_prefix("entrypoints") {
        Some("") => entry_point(flag).is_some(),
        Some(rest) => rest
            .strip_prefix('.')
            .and_then(|rest| rest.split('.').next())
            .is_none_or(|name| entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(name))),
        None => true,
    };
    let complete = !entries.is_empty() && !hidden_file && flags.iter().all(is_read);
    let admin_port = entries
        .iter()
        .find(|entry| entry.name == "traefik")
        .map_or(8080, |entry| entry.port);
    let insecure_admin = find("api.insecure")
        .filter(|flag| is_true(&flag.value))
        // Version 1 had no such switch: its `--api` asks for no password.
        .or_else(|| {
            find("web")
                .or_else(|| find("api"))
                .filter(|_| flags.iter().any(is_version_one))
        })
        .map(|flag| (admin_port, flag.evidence.clone()));
    let entries = if !entries.is_empty() {
        Some(entries)
    } else if opaque || hidden_file {
        None
    } else {
        Some(vec![EntryPoint {
            name: "http".to_owned(),
            port: 80,
            protocol: Protocol::Tcp,
            guards: Vec::new(),
            default: true,
        }])
    };

    let docker = any("providers.docker")
        .or_else(|| any("docker"))
        .or_else(|| any("providers.swarm"));
    // Each provider has a switch of its own: only where there is one provider is it the answer.
    let only_enabled = flags.iter().any(|flag| {
        (flag.key.ends_with("docker.exposedbydefault") || flag.key.ends_with("swarm.exposedbydefault"))
            && flag.value.eq_ignore_ascii_case("false")
    }) && !(any("providers.docker").is_some() && any("providers.swarm").is_some());
    let kept_out = flags.iter().any(|flag| {
        (flag.key.ends_with("docker.exposedbydefault") && !is_true(&flag.value))
            || flag.key.ends_with("docker.constraints")
    });
    let swarm_mode = |flag: &Flag| flag.key.ends_with("docker.swarmmode") && is_true(&flag.value);
    let reads_swarm = hidden_file || any("providers.swarm").is_some() || flags.iter().any(swarm_mode);
    let by_default = docker.filter(|_| !kept_out).map(|flag| flag.evidence.clone());
    let elsewhere = [
        "providers.file",
        "file",
        "providers.http",
        "providers.redis",
        "providers.consulcatalog",
    ];
    let of_files = |last: &str| {
        let flag = find(&format!("providers.file.{last}")).or_else(|| find(&format!("file.{last}")));
        flag.map(|flag| flag.value.as_str())
    };
    let sources = dynamic::sources(node, files, of_files("filename"), of_files("directory"));
    let from_files = sources.map(|sources| dynamic::routes(topology, index, &sources, middlewares));
    let is_whole = from_files.as_ref().is_some_and(|found| found.is_whole);
    let by_files = |key: &str| matches!(key, "providers.file" | "file");
    let unseen = elsewhere
        .iter()
        .filter(|key| !(by_files(key) && is_whole))
        .find_map(|key| any(key))
        .map(|flag| flag.evidence.clone())
        .or_else(|| {
            opaque.then(|| match &node.service.image {
                Some(image) => Evidence::at("a Traefik whose settings are not in the lab", &image.span),
                None => Evidence::at("a Traefik whose settings are not in the lab", &node.service.span),
            })
        });
    let public_challenge = flags.iter().find_map(|flag| {
        let acme = flag.key.starts_with("certificatesresolvers.") || flag.key.starts_with("acme.");
        let port = match flag.key.as_str() {
            key if key.contains("acme.httpchallenge") => 80,
            key if key.contains("acme.tlschallenge") => 443,
            _ => return None,
        };
        (acme && !flag.value.eq_ignore_ascii_case("false")).then(|| (port, flag.evidence.clone()))
    });
    Some(Gateway {
        node: index,
        flavour: Flavour::Traefik,
        entries,
        complete,
        // A file that cannot be seen may say otherwise.
        only_enabled: only_enabled && !hidden_file,
        reads_swarm,
        by_default,
        unseen,
        insecure_admin,
        public_challenge,
        from_files: from_files.map(|found| found.routes).unwrap_or_default(),
    })
}

fn is_version_one(flag: &Flag) -> bool {
    flag.key == "docker"
        || flag.key.starts_with("docker.")
        || (flag.key == "entrypoints" && flag.value.contains("Address:"))
}

/// Returns whether a service tells Traefik to leave it alone.
pub(super) fn opts_out(node: &Node<'_>) -> bool {
    node.service
        .labels
        .get("traefik.enable")
        .or_else(|| node.service.deploy_labels.get("traefik.enable"))
        .is_some_and(|field| !is_true(&field.value))
}

/// Returns the port by which Traefik leads to a service that has no router of its own: the one that a label names, else
/// the lowest that it exposes.
pub(super) fn exposed(node: &Node<'_>) -> Option<u16> {
    let labelled = node.service.labels.iter().find_map(|(key, field)| {
        let key = key.to_ascii_lowercase();
        let is_port = key.starts_with("traefik.http.services.") && key.ends_with(".loadbalancer.server.port");
        field.value.trim().parse().ok().filter(|_| is_port)
    });
    let exposed = || {
        let ports = node
            .service
            .expose
            .iter()
            .filter(|field| !field.value.ends_with("/udp"));
        let ports = ports.filter_map(|field| field.value.split(['-', '/']).next()?.parse().ok());
        ports.min()
    };
    labelled.or_else(exposed)
}

#[derive(Default)]
struct Router<'a> {
    rule: Option<&'a Field<String>>,
    entries: Option<&'a str>,
    middlewares: Option<&'a Field<String>>,
    service: Option<&'a str>,
    any: Option<&'a Field<String>>,
}

/// Returns the routes that a service's labels ask of a Traefik, those of a Swarm service among them.
pub(super) fn routes(topology: &Topology<'_>, index: NodeIndex, middlewares: &Middlewares) -> Vec<Route> {
    let service = topology.nodes[index].service;
    let mut found = routes_in(&service.labels, topology, index, middlewares);
    let mut of_swarm = routes_in(&service.deploy_labels, topology, index, middlewares);
    for route in &mut of_swarm {
        route.in_swarm = true;
    }
    found.extend(of_swarm);
    found
}

fn routes_in(
    labels: &IndexMap<String, Field<String>>,
    topology: &Topology<'_>,
    index: NodeIndex,
    middlewares: &Middlewares,
) -> Vec<Route> {
    let node = &topology.nodes[index];
    let facts = &topology.machines[node.machine].facts;
    let mut routers: BTreeMap<(String, String), Router<'_>> = BTreeMap::new();
    let mut ports: BTreeMap<String, u16> = BTreeMap::new();
    let mut addresses: BTreeMap<String, Option<(String, u16)>> = BTreeMap::new();
    let mut enabled: Option<&Field<String>> = None;
    let mut segments: BTreeMap<String, Segment<'_>> = BTreeMap::new();
    for (key, field) in labels {
        if !key
            .get(..8)
            .is_some_and(|start| start.eq_ignore_ascii_case("traefik."))
        {
            continue;
        }
        let lower = key[8..].to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('.').collect();
        match parts.as_slice() {
            ["enable"] if is_true(&field.value) => enabled = Some(field),
            ["enable"] => return Vec::new(),
            [protocol @ ("http" | "tcp" | "udp"), "routers", name, setting @ ..] => {
                let router = routers
                    .entry(((*protocol).to_owned(), (*name).to_owned()))
                    .or_default();
                router.any.get_or_insert(field);
                match setting {
                    ["rule"] => router.rule = Some(field),
                    ["entrypoints"] => router.entries = Some(&field.value),
                    ["middlewares"] => router.middlewares = Some(field),
                    ["service"] => router.service = Some(&field.value),
                    _ => {}
                }
            }
            [
                "http" | "tcp" | "udp",
                "services",
                name,
                "loadbalancer",
                "server",
                "port",
            ] => {
                if let Ok(port) = field.value.trim().parse() {
                    ports.insert((*name).to_owned(), port);
                }
            }
            ["http", "services", name, "loadbalancer", "server", "url"] => {
                addresses.insert((*name).to_owned(), upstream(&field.value));
            }
            ["http" | "tcp" | "udp" | "docker" | "swarm", ..] => {}
            _ => version_one(&parts, field, &mut segments),
        }
    }
    let only_port = match ports.len() {
        1 => ports.values().next().copied(),
        _ => None,
    };
    let only_address = match (addresses.len(), ports.len()) {
        (1, 0) => addresses.values().next().cloned().flatten(),
        _ => None,
    };
    let mut found: Vec<Route> = Vec::new();
    for ((protocol, name), router) in &routers {
        let Some(shown) = router.rule.or(router.any) else {
            continue;
        };
        let service = router.service.unwrap_or_default();
        let admin = service.ends_with("@internal");
        let mut guards = router.middlewares.map_or_else(Vec::new, |field| {
            let used = Evidence::at(format!("middlewares of router `{name}`"), &field.span);
            field
                .value
                .split(',')
                .flat_map(|one| middlewares.guards(node.machine, one, &used))
                .collect()
        });
        let called = service.split('@').next().unwrap_or_default().to_ascii_lowercase();
        let port = ports.get(&called).copied();
        let address = match addresses.get(&called) {
            Some(address) => address.clone(),
            None if service.is_empty() => only_address.clone(),
            None => None,
        };
        if let Some(rule) = router.rule
            && let Some(clients) = rule_clients(&rule.value).filter(|clients| !are_all(clients))
        {
            let only = are_tailnet(&clients, facts);
            let text = match only {
                true => "its rule lets in addresses of the tailnet only",
                false => "its rule lets in some addresses only",
            };
            let guard = Guard::new(GuardKind::AllowList, "ClientIP", Evidence::at(text, &rule.span));
            guards.push(guard.only_tailnet(only).with_clients(Some(clients)));
        }
        let text = match router.rule {
            Some(rule) => format!("Traefik {protocol} router `{name}`: `{}`", rule.value),
            None => format!("Traefik {protocol} router `{name}`"),
        };
        found.push(Route {
            flavour: Flavour::Traefik,
            entry: match router.entries {
                Some(names) => Entry::Named(names.split(',').map(|name| name.trim().to_owned()).collect()),
                None => Entry::Default,
            },
            port: if admin { None } else { port.or(only_port) },
            names: router
                .rule
                .map_or_else(Vec::new, |rule| names_in_rule(&rule.value)),
            guards,
            evidence: Evidence::at(text, &shown.span),
            admin,
            enabled: false,
            in_swarm: false,
            upstream: address.filter(|_| !admin),
            lead: Lead::Here,
            by: None,
        });
    }
    let segments = segments.into_values();
    found.extend(segments.filter_map(|segment| segment.route(facts)));
    for route in &mut found {
        route.enabled = enabled.is_some();
    }
    if found.is_empty()
        && let Some(field) = enabled
    {
        found.push(Route {
            flavour: Flavour::Traefik,
            entry: Entry::Default,
            port: only_port,
            names: Vec::new(),
            guards: Vec::new(),
            evidence: Evidence::at("label `traefik.enable`, with the rule by default", &field.span),
            admin: false,
            enabled: true,
            in_swarm: false,
            upstream: None,
            lead: Lead::Here,
            by: None,
        });
    }
    // Two routers that differ in nothing but their rule's path are one way in.
    found.dedup_by(|later, earlier| {
        later.entry == earlier.entry
            && later.port == earlier.port
            && later.names == earlier.names
            && later.guards == earlier.guards
            && later.admin == earlier.admin
    });
    found
}

/// What version 1's labels say of one route: `traefik.frontend.rule`, `traefik.SEGMENT.frontend.rule`.
#[derive(Default)]
struct Segment<'a> {
    rule: Option<&'a Field<String>>,
    port: Option<(u16, &'a Field<String>)>,
    entries: Option<&'a str>,
    guards: Vec<Guard>,
    /// The ranges that it lets in, and whether it asks a header who it is.
    sources: Option<&'a Field<String>>,
    by_header: bool,
}

fn version_one<'a>(parts: &[&str], field: &'a Field<String>, segments: &mut BTreeMap<String, Segment<'a>>) {
    let (name, setting) = match parts {
        [
            "frontend" | "port" | "backend" | "domain" | "protocol" | "weight" | "tags",
            ..,
        ] => ("", parts),
        [name, setting @ ..] if !setting.is_empty() => (*name, setting),
        _ => return,
    };
    let guard = |kind| {
        Guard::new(
            kind,
            setting.join("."),
            Evidence::at("a Traefik label", &field.span),
        )
    };
    let mut change: Box<dyn FnMut(&mut Segment<'a>)> = match setting {
        ["port"] => match field.value.trim().parse() {
            Ok(port) => Box::new(move |segment| segment.port = Some((port, field))),
            Err(_) => return,
        },
        ["frontend", "rule"] => Box::new(|segment| segment.rule = Some(field)),
        ["frontend", "entrypoints"] => Box::new(|segment| segment.entries = Some(&field.value)),
        ["frontend", "auth", ..] => {
            let guard = guard(GuardKind::Auth);
            Box::new(move |segment| segment.guards.push(guard.clone()))
        }
        ["frontend", "whitelistsourcerange"] | ["frontend", "whitelist", "sourcerange"] => {
            Box::new(|segment| segment.sources = Some(field))
        }
        ["frontend", "whitelist", "usexforwardedfor"] => {
            let by_header = is_true(&field.value);
            Box::new(move |segment| segment.by_header = by_header)
        }
        ["frontend", "ratelimit", ..] => {
            let guard = guard(GuardKind::RateLimit);
            Box::new(move |segment| segment.guards.push(guard.clone()))
        }
        _ => return,
    };
    change(segments.entry(name.to_owned()).or_default());
}

impl Segment<'_> {
    fn route(mut self, facts: &HostFacts) -> Option<Route> {
        let shown = self.rule.or(self.port.map(|(_, field)| field))?;
        let sources = self
            .sources
            .filter(|sources| !let_all_in(sources.value.split(',')));
        if let Some(sources) = sources {
            let only = !self.by_header && only_tailnet(sources.value.split(','), facts);
            let evidence = Evidence::at("a Traefik label", &sources.span);
            let guard = Guard::new(GuardKind::AllowList, "whitelist", evidence);
            let private = !self.by_header && only_private(sources.value.split(','));
            let clients = read(sources.value.split(',')).filter(|_| !self.by_header);
            let guard = guard.only_tailnet(only).only_private(private);
            self.guards.push(guard.with_clients(clients));
        }
        Some(Route {
            flavour: Flavour::Traefik,
            entry: match self.entries {
                Some(names) => Entry::Named(names.split(',').map(|name| name.trim().to_owned()).collect()),
                None => Entry::Default,
            },
            port: self.port.map(|(port, _)| port),
            names: self.rule.map_or_else(Vec::new, |rule| names_in_rule(&rule.value)),
            guards: self.guards,
            evidence: Evidence::at("Traefik labels of version 1", &shown.span),
            admin: false,
            enabled: false,
            in_swarm: false,
            upstream: None,
            lead: Lead::Here,
            by: None,
        })
    }
}

/// Returns the names in a rule: ``Host(`a`, `b`)``, ``HostSNI(`c`)``, version 1's `Host:a,b`.
pub(super) fn names_in_rule(rule: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = rule;
    while let Some(at) = rest.find("Host") {
        rest = &rest[at + 4..];
        if let Some(inside) = rest.strip_prefix(':') {
            let end = inside.find([';', ' ']).unwrap_or(inside.len());
            names.extend(inside[..end].split(',').map(|name| name.trim().to_owned()));
            continue;
        }
        // The rest of `HostSNI`; a regular expression is no name.
        let inside = rest.strip_prefix("SNI").unwrap_or(rest);
        let Some(inside) = inside.strip_prefix('(') else {
            continue;
        };
        let end = inside.find(')').unwrap_or(inside.len());
        let given = inside[..end]
            .split(',')
            .map(|name| name.trim().trim_matches(['`', '"', '\'']));
        names.extend(given.map(str::to_owned));
    }
    names.retain(|name| !name.is_empty() && name != "*");
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_rules_of_both_versions() {
        for (rule, expected) in [
            ("Host(`a.example.com`)", &["a.example.com"][..]),
            (
                "Host(`a`, `b`) && PathPrefix(`/x`) || Host(\"c\")",
                &["a", "b", "c"],
            ),
            ("HostSNI(`db`)", &["db"]),
            ("HostSNI(`*`)", &[]),
            ("HostRegexp(`.+`)", &[]),
            ("Host:a,b;PathPrefix:/x", &["a", "b"]),
            ("PathPrefix(`/`)", &[]),
            ("Host(``)", &[]),
            ("Host(", &[]),
        ] {
            assert_eq!(names_in_rule(rule), expected, "{rule}");
        }
    }
}
