//! What the rules ask of a service beyond its paths.

use super::proxy::Proxies;
use super::topology::{KnownPort, Node, NodeIndex, Topology};
use super::tunnel::{Tunnel, TunnelKind};
use crate::compose::Protocol;
use crate::finding::Evidence;
use crate::lab::ServiceRef;
use crate::system::{Authentication, Category, OpenWhen, PortRole, System, Transport};

/// Facts about one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The application's name, where it was recognised.
    pub(super) application: Option<String>,
    /// Which tunnel's client it is.
    pub(super) tunnel: Option<(&'static str, TunnelKind, Evidence)>,
    /// Whether it is a proxy, wherever its routes are.
    pub(super) proxy: bool,
    /// Whether it is a proxy that others ask for routes.
    pub(super) gateway: bool,
    /// Whether its own labels or environment ask a proxy for a route.
    pub(super) asks_for_route: bool,
    /// Whether it is a WireGuard server.
    pub(super) wireguard: bool,
    /// Shows that its certificates need an open port.
    pub(super) public_challenge: Option<(u16, Evidence)>,
    /// Shows that it publishes the home's address.
    pub(super) dynamic_dns: Option<Evidence>,
    /// Its ports for administration.
    pub(super) admin: Vec<AdminPort>,
    /// Ports that are known to ask nobody who they are.
    pub(super) open_ports: Vec<u16>,
    /// Ports that are known to be no web pages.
    pub(super) other_ports: Vec<u16>,
}

/// A port for administration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AdminPort {
    pub(super) port: u16,
    /// Whether it asks for no password.
    pub(super) open: bool,
    /// Whether the internet should never reach it, password or not.
    pub(super) never_public: bool,
    pub(super) evidence: Option<Evidence>,
}

impl Facts {
    /// Returns whether a port, or any where none is known, asks nobody who they are.
    pub(super) fn has_no_auth(&self, port: Option<u16>) -> bool {
        port.is_some_and(|port| self.open_ports.contains(&port))
    }

    /// Returns whether a port is known for something else than web pages.
    pub(super) fn is_other_port(&self, port: Option<u16>) -> bool {
        port.is_some_and(|port| self.other_ports.contains(&port))
    }
}

/// Returns the facts about every service, in the topology's order.
pub(super) fn all(topology: &Topology<'_>, proxies: &Proxies, tunnels: Vec<Tunnel>) -> Vec<Facts> {
    let mut all: Vec<Facts> = (0..topology.nodes.len())
        .map(|index| of(topology, proxies, index))
        .collect();
    for tunnel in tunnels {
        all[tunnel.node].tunnel = Some((tunnel.product, tunnel.kind, tunnel.evidence));
    }
    for gateway in &proxies.gateways {
        let facts = &mut all[gateway.node];
        facts.gateway = true;
        facts.public_challenge.clone_from(&gateway.public_challenge);
        if let Some((port, evidence)) = &gateway.insecure_admin {
            facts.open_ports.push(*port);
            facts.admin.push(AdminPort {
                port: *port,
                open: true,
                never_public: true,
                evidence: Some(evidence.clone()),
            });
        }
    }
    for proxy in proxies.nodes() {
        all[proxy].proxy = true;
    }
    all
}

fn of(topology: &Topology<'_>, proxies: &Proxies, index: NodeIndex) -> Facts {
    let node = &topology.nodes[index];
    let base = node.image_base();
    let shown = || match &node.service.image {
        Some(image) => Evidence::at(format!("image `{}`", image.value), &image.span),
        None => Evidence::at(format!("service `{}`", node.service.name), &node.service.span),
    };
    let swag_by_http = || {
        let (validation, evidence) = node.environment("VALIDATION")?;
        (base == "swag" && validation == "http").then_some((80, evidence))
    };
    let companion = || {
        let is_companion = matches!(base, "acme-companion" | "letsencrypt-nginx-proxy-companion");
        let by_dns = node.sets("ACME_CHALLENGE").is_some();
        (is_companion && !by_dns).then(|| (80, shown()))
    };
    let certbot = || {
        let words = || node.words().map(|(word, _)| word);
        let by_http =
            words().any(|word| matches!(word, "--standalone" | "--webroot" | "--nginx" | "--apache"));
        (base == "certbot" && by_http).then(|| (80, shown()))
    };
    let mut facts = Facts {
        application: node
            .system
            .filter(|system| !system.is_generic())
            .map(|system| system.id().to_owned()),
        wireguard: base.starts_with("wg-easy") || base.starts_with("wireguard"),
        asks_for_route: proxies.routes[index].iter().any(|route| !route.admin),
        public_challenge: swag_by_http().or_else(companion).or_else(certbot),
        dynamic_dns: is_dynamic_dns(node).then(shown),
        ..Facts::default()
    };
    // Others without a password show films or convert files: these see the lab's inside, or change it.
    let controls = node.system.is_some_and(|system| {
        matches!(
            system.category(),
            Category::Monitoring
                | Category::Logging
                | Category::Management
                | Category::DatabaseAdmin
                | Category::SocketProxy
                | Category::Proxy
                | Category::Mcp
        )
    });
    // What a Traefik opens is known from its own settings.
    let ports = node
        .system
        .filter(|system| !is_lump(system))
        .map_or(&[][..], System::ports);
    for port in ports
        .iter()
        .filter(|port| port.transport == Transport::Tcp && node.image_base() != "traefik")
    {
        let by_people = matches!(port.role, PortRole::Web | PortRole::Admin | PortRole::Api);
        let as_set = node.system.is_some_and(|system| {
            let mut settings = system.open_when().iter();
            settings.any(|when| when.port == port.number && is_set(node, when))
        });
        if port.auth == Authentication::None || as_set {
            facts.open_ports.push(port.number);
        }
        if !by_people {
            facts.other_ports.push(port.number);
        }
        if port.never_public || as_set {
            facts.admin.push(AdminPort {
                port: port.number,
                open: match port.role {
                    _ if as_set => true,
                    PortRole::Admin => port.auth == Authentication::None,
                    PortRole::Database => port.auth == Authentication::None || lets_everybody_in(node),
                    _ => port.auth == Authentication::None && by_people && controls,
                },
                never_public: port.never_public,
                evidence: node
                    .system
                    .map(|system| Evidence::said(format!("it is {}", called(system)))),
            });
        }
    }
    facts
}

/// Whether the settings of a service are these.
fn is_set(node: &Node<'_>, when: &OpenWhen) -> bool {
    let words = || {
        let words = node.words().flat_map(|(text, _)| text.split_whitespace());
        words.map(|word| word.replace(['"', '\''], ""))
    };
    let says = |wanted: &String| {
        let all: Vec<String> = words()
            .map(|word| word.trim_start_matches('-').to_owned())
            .collect();
        match wanted.split_once(' ') {
            Some((first, second)) => all.windows(2).any(|two| two[0] == first && two[1] == second),
            None => all.contains(wanted),
        }
    };
    let tag = || {
        let image = node.service.image.as_ref()?.value.split('@').next()?;
        Some(image.rsplit('/').next()?.split_once(':')?.1.to_owned())
    };
    let has_tag = || tag().is_some_and(|tag| when.tags.iter().any(|start| tag.starts_with(start.as_str())));
    let is_mounted = |path: &String| {
        let mut mounts = node.service.mounts.iter().chain(&node.service.configs);
        mounts.any(|mount| {
            let target = mount.value.target.trim_end_matches('/');
            target.starts_with(path.as_str()) || path.starts_with(&format!("{target}/"))
        })
    };
    let begins = |refused: &String| words().any(|word| word.starts_with(refused.as_str()));
    let has = |name: &str, value: &str| {
        node.environment(name)
            .is_some_and(|(given, _)| given.eq_ignore_ascii_case(value))
    };
    when.set.iter().all(|(name, value)| has(name, value))
        && !when.unset.iter().any(|name| node.sets(name).is_some())
        && (when.says.is_empty() || when.says.iter().any(says))
        && !when.says_not.iter().any(begins)
        && (when.tags.is_empty() || has_tag())
        && !when.unmounted.iter().any(is_mounted)
}

/// Whether a database's image asks nobody for a password as it is started here. Where a file could say otherwise, it is
/// not known.
fn lets_everybody_in(node: &Node<'_>) -> bool {
    let says = |name: &str, value: &str| {
        node.environment(name)
            .is_some_and(|(given, _)| given.eq_ignore_ascii_case(value))
    };
    let allows = |name: &str| ["1", "yes", "true"].iter().any(|value| says(name, value));
    let told = |mark: &str| node.words().any(|(word, _)| word.contains(mark));
    let mut mounts = node.service.mounts.iter();
    let has_file = told(".conf") || mounts.any(|mount| mount.value.target.ends_with(".conf"));
    match node.image.as_str() {
        "redis" | "redis/redis-stack" | "redis/redis-stack-server" | "valkey/valkey" | "eqalpha/keydb" => {
            let names = ["REDIS_ARGS", "VALKEY_EXTRA_FLAGS"];
            !(has_file
                || told("requirepass")
                || told("aclfile")
                || names.iter().any(|name| node.sets(name).is_some()))
        }
        "mongo" => {
            let names = ["MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_USERNAME_FILE"];
            !(has_file
                || told("--auth")
                || told("--keyFile")
                || names.iter().any(|name| node.sets(name).is_some()))
        }
        _ => {
            says("POSTGRES_HOST_AUTH_METHOD", "trust")
                || allows("ALLOW_EMPTY_PASSWORD")
                || allows("MYSQL_ALLOW_EMPTY_PASSWORD")
                || allows("MARIADB_ALLOW_EMPTY_ROOT_PASSWORD")
        }
    }
}

/// Whether it stands for several programs, each with ports of its own: which of them a service has is not known.
fn is_lump(system: &System) -> bool {
    let mut numbers = system.ports().iter().map(|port| port.number);
    let first = numbers.next();
    system.is_generic() && numbers.any(|number| Some(number) != first)
}

/// Returns its name, as it stands within a sentence.
fn called(system: &System) -> String {
    let name = system.name();
    match name.strip_prefix('A').filter(|_| system.is_generic()) {
        Some(rest) if rest.starts_with([' ', 'n']) => format!("a{rest}"),
        _ => name.to_owned(),
    }
}

/// Programs that tell a public name server where the home is.
fn is_dynamic_dns(node: &Node<'_>) -> bool {
    node.system
        .is_some_and(|system| system.category() == Category::DynamicDns)
        || node.image_base().contains("ddns")
        || matches!(
            node.image_base(),
            "ddclient" | "duckdns" | "inadyn" | "noip" | "no-ip"
        )
}

/// Returns the ports that a service is known to listen on: by its own settings, else by what its image is known for.
pub(super) fn known_ports(service: ServiceRef<'_>, system: Option<&System>) -> Vec<KnownPort> {
    if system.is_some_and(|system| system.id() == "traefik") {
        let entries = super::proxy::traefik::entry_ports(service.service());
        if !entries.is_empty() {
            return entries
                .into_iter()
                .map(|(port, protocol, evidence)| KnownPort {
                    port,
                    protocol,
                    evidence,
                    sure: true,
                })
                .collect();
        }
    }
    let ports = system.into_iter().flat_map(|system| {
        system
            .ports()
            .iter()
            // Caddy's administration is for its own container, unless somebody says otherwise.
            .filter(|port| !(port.number == 2019 && system.id().starts_with("caddy")))
            .map(|port| KnownPort {
                port: port.number,
                protocol: match port.transport {
                    Transport::Tcp => Protocol::Tcp,
                    Transport::Udp => Protocol::Udp,
                },
                evidence: Evidence::said(format!("{} listens on {}", called(system), port.number)),
                sure: !is_lump(system),
            })
    });
    ports.collect()
}
