//! Proxies whose routes are in files, in a database or among their own words: nginx, Caddy, HAProxy, Nginx Proxy Manager.

use super::config;
use crate::access::files::Files;
use crate::access::path::Guard;
use crate::access::topology::{Listener, Node, NodeIndex, Topology};
use crate::access::upstream::upstream;
use crate::finding::Evidence;

/// What is known of where a proxy leads: nothing at all where it is no proxy, as far as can be seen.
#[derive(Default)]
pub(super) struct Found {
    /// The services that it leads to, and past what.
    pub(super) routes: Vec<Lead>,
    /// Shows that there may be more.
    pub(super) unseen: Option<Unseen>,
}

/// One service that a proxy leads to.
pub(super) struct Lead {
    pub(super) target: Listener,
    pub(super) evidence: Evidence,
    pub(super) guards: Vec<Guard>,
}

impl Found {
    /// Leads to a host and port; what may be somebody of the lab, and nobody knows who, may be anybody around it.
    pub(super) fn lead(
        &mut self,
        topology: &Topology<'_>,
        from: NodeIndex,
        host: &str,
        port: u16,
        guards: &[Guard],
        evidence: impl Fn() -> Evidence,
    ) {
        let targets = topology.resolve(from, host, port);
        if targets.is_empty() && !topology.is_elsewhere(from, host) {
            self.unseen.get_or_insert_with(|| Unseen {
                what: NOBODY,
                admin_port: None,
                evidence: evidence(),
            });
        }
        for target in targets {
            let is_known = |lead: &Lead| lead.target == target && lead.guards == guards;
            if !self.routes.iter().any(is_known) {
                self.routes.push(Lead {
                    target,
                    evidence: evidence(),
                    guards: guards.to_vec(),
                });
            }
        }
    }
}

pub(super) struct Unseen {
    pub(super) what: &'static str,
    pub(super) admin_port: Option<u16>,
    pub(super) evidence: Evidence,
}

pub(super) fn routes(topology: &Topology<'_>, files: &Files<'_>, index: NodeIndex) -> Found {
    let node = &topology.nodes[index];
    let (what, admin_port) = match node.image_base() {
        "nginx-proxy-manager" | "npmplus" | "nginx-proxy-manager-zh" => (IN_DATABASE, Some(81)),
        "zoraxy" => (IN_DATABASE, Some(8000)),
        "swag" | "bunkerweb" | "envoy" | "kong" | "apisix" | "rinetd" | "gost" | "sozu" | "pomerium"
        | "safeline-tengine" => (IN_FILES, None),
        "cosmos-server" => (IN_DATABASE, None),
        "pangolin" | "gerbil" if node.image.contains("fosrl") => (IN_DATABASE, None),
        "proxy" if node.image.contains("goauthentik") => (IN_DATABASE, None),
        "squid" | "tinyproxy" | "3proxy" | "microsocks" | "wstunnel" => (AS_ASKED, None),
        "socat" | "oauth2-proxy" => return by_words(topology, index),
        "varnish" if node.environment("VARNISH_BACKEND_HOST").is_some() => {
            return by_environment(
                topology,
                index,
                "VARNISH_BACKEND_HOST",
                Some("VARNISH_BACKEND_PORT"),
            );
        }
        "anubis" => return by_environment(topology, index, "TARGET", None),
        "caddy" if node.words().any(|(word, _)| word.contains("reverse-proxy")) => {
            return by_words(topology, index);
        }
        _ if forwards_by_command(node) => return by_words(topology, index),
        _ => return config::routes(topology, files, index),
    };
    Found {
        routes: Vec::new(),
        unseen: Some(Unseen {
            what,
            admin_port,
            evidence: image(node),
        }),
    }
}

const IN_DATABASE: &str = "the routes in the database";
pub(super) const IN_FILES: &str = "the routes in the files";
const AS_ASKED: &str = "the connections that anybody may ask";
pub(super) const NOBODY: &str = "a route to a name or address that nobody in the lab is known by,";

fn image(node: &Node<'_>) -> Evidence {
    match &node.service.image {
        Some(image) => Evidence::at(format!("image `{}`", image.value), &image.span),
        None => Evidence::at(format!("service `{}`", node.service.name), &node.service.span),
    }
}

/// Whether a command calls socat to lead somewhere, whatever the image: it may have been installed a moment before.
fn forwards_by_command(node: &Node<'_>) -> bool {
    let words = || node.words().flat_map(|(text, _)| text.split_whitespace());
    let is_socat = |word: &str| word.trim_start_matches(['"', '\'', '(']).ends_with("socat");
    words().any(is_socat) && words().any(|word| socat_target(word).is_some())
}

/// A forwarder that is told where to in its command, or by `OAUTH2_PROXY_UPSTREAMS`. A target that is no service of
/// the lab is another machine; without any, it may lead to whoever is around it.
fn by_words(topology: &Topology<'_>, index: NodeIndex) -> Found {
    let node = &topology.nodes[index];
    let mut targets: Vec<(String, Evidence)> = Vec::new();
    let mut after_to = false;
    for (text, span) in node.words() {
        for word in text.split_whitespace().map(|word| word.trim_matches(['"', '\''])) {
            let named = ["--to=", "-t=", "--upstream=", "-upstream="]
                .iter()
                .find_map(|flag| word.strip_prefix(flag));
            let target = match named {
                Some(target) => Some(target),
                None if after_to => Some(word),
                None => socat_target(word),
            };
            after_to = matches!(word, "--to" | "-t" | "--upstream" | "-upstream");
            if let Some(target) = target {
                targets.push((
                    target.to_owned(),
                    Evidence::at("its command says where it leads", span),
                ));
            }
        }
    }
    if let Some((upstreams, evidence)) = node.environment("OAUTH2_PROXY_UPSTREAMS") {
        targets.extend(
            upstreams
                .split(',')
                .map(|one| (one.trim().to_owned(), evidence.clone())),
        );
    }
    let mut found = Found::default();
    let mut unread = targets.is_empty();
    for (target, evidence) in targets {
        // A name without a port is one on port 80.
        let Some((host, port)) = upstream(&target).or_else(|| upstream(&format!("http://{target}"))) else {
            unread |= !(target.starts_with("static:") || target.starts_with("file:"));
            continue;
        };
        found.lead(topology, index, &host, port, &[], || evidence.clone());
    }
    if unread {
        found.unseen = Some(Unseen {
            what: "where it leads, in the command",
            admin_port: None,
            evidence: image(node),
        });
    }
    found
}

/// A forwarder to the one place that its environment names.
fn by_environment(topology: &Topology<'_>, index: NodeIndex, name: &str, port: Option<&str>) -> Found {
    let node = &topology.nodes[index];
    let mut found = Found::default();
    let target = node.environment(name).map(|(host, evidence)| {
        let number = port.and_then(|port| Some(node.environment(port)?.0.to_owned()));
        let text = match number {
            Some(number) => format!("{host}:{number}"),
            None => host.to_owned(),
        };
        let found = upstream(&text).or_else(|| upstream(&format!("http://{text}")));
        (found, evidence)
    });
    match target {
        Some((Some((host, port)), evidence)) => {
            found.lead(topology, index, &host, port, &[], || evidence.clone());
        }
        Some((None, evidence)) => {
            found.unseen = Some(Unseen {
                what: "where it leads, in the environment",
                admin_port: None,
                evidence,
            });
        }
        None => {
            found.unseen = Some(Unseen {
                what: "where it leads, in the environment",
                admin_port: None,
                evidence: image(node),
            });
        }
    }
    found
}

/// Returns the target in one of socat's addresses: `tcp-connect:app:80,retry=3`.
fn socat_target(word: &str) -> Option<&str> {
    let (kind, rest) = word.split_once(':')?;
    let known = [
        "tcp",
        "tcp4",
        "tcp6",
        "tcp-connect",
        "tcp4-connect",
        "tcp6-connect",
        "udp",
        "udp4",
        "udp6",
        "udp-connect",
        "udp4-connect",
        "udp6-connect",
        "udp-sendto",
        "udp4-sendto",
        "openssl",
        "openssl-connect",
        "ssl",
    ];
    let target = rest.split(',').next().unwrap_or_default();
    known
        .iter()
        .any(|one| one.eq_ignore_ascii_case(kind))
        .then_some(target)
}
