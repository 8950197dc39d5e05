//! Proxies whose routes are in files or a database of their own: nginx, Caddy, HAProxy, Nginx Proxy Manager.

use crate::access::files::Files;
use crate::access::topology::{Listener, Node, NodeIndex, Topology};
use crate::access::upstream::{mounted, upstream};
use crate::finding::Evidence;
use crate::span::{Source, Span};

/// What is known of where a proxy leads: nothing at all where it is no proxy, as far as can be seen.
#[derive(Default)]
pub(super) struct Found {
    /// The services that it leads to, and their ports.
    pub(super) routes: Vec<(Listener, Evidence)>,
    /// Shows that there may be more.
    pub(super) unseen: Option<Unseen>,
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
        "swag" | "bunkerweb" | "envoy" | "kong" | "apisix" | "rinetd" | "gost" | "sozu" => (IN_FILES, None),
        "cosmos-server" => (IN_DATABASE, None),
        "socat" | "oauth2-proxy" => return by_words(topology, index),
        "caddy" if node.words().any(|(word, _)| word.contains("reverse-proxy")) => {
            return by_words(topology, index);
        }
        "nginx" | "openresty" | "caddy" | "haproxy" | "nginx-unprivileged" => {
            return by_files(topology, files, index);
        }
        _ => return Found::default(),
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
const IN_FILES: &str = "the routes in the files";

fn image(node: &Node<'_>) -> Evidence {
    match &node.service.image {
        Some(image) => Evidence::at(format!("image `{}`", image.value), &image.span),
        None => Evidence::at(format!("service `{}`", node.service.name), &node.service.span),
    }
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
        let all = topology.resolve(index, &host, port).into_iter();
        found
            .routes
            .extend(all.map(|listener| (listener, evidence.clone())));
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

/// A web server is a proxy when its configuration makes it one: only where one is mounted is there anything to ask.
fn by_files(topology: &Topology<'_>, files: &Files<'_>, index: NodeIndex) -> Found {
    let node = &topology.nodes[index];
    let is_configuration = |target: &str| {
        let target = target.to_ascii_lowercase();
        target.contains("/nginx/conf.d")
            || target.contains("/nginx/templates")
            || target.contains("/nginx/sites")
            || target.ends_with("nginx.conf")
            || target.ends_with("/etc/nginx")
            || target.contains("caddyfile")
            || target.ends_with("/etc/caddy")
            || target.contains("haproxy")
    };
    let mut found = Found::default();
    let mut hide = |evidence| {
        found.unseen.get_or_insert(Unseen {
            what: IN_FILES,
            admin_port: None,
            evidence,
        });
    };
    let mut routes = Vec::new();
    for (target, span, texts) in mounted(node, files, is_configuration) {
        let Some(texts) = texts else {
            hide(Evidence::at(format!("`{target}` is not in the lab"), span));
            continue;
        };
        for source in texts {
            if let Some(line) = upstreams(topology, index, &source, &mut routes) {
                hide(Evidence::at("where this leads is decided while it runs", &line));
            }
        }
    }
    found.routes = routes;
    found
}

/// The words before an address in the configurations of these programs.
const VERBS: [&str; 8] = [
    "proxy_pass",
    "fastcgi_pass",
    "uwsgi_pass",
    "grpc_pass",
    "reverse_proxy",
    "php_fastcgi",
    "server",
    "to",
];

/// Finds the services that a configuration passes requests to; returns a line that cannot be understood.
fn upstreams(
    topology: &Topology<'_>,
    index: NodeIndex,
    source: &Source,
    found: &mut Vec<(Listener, Evidence)>,
) -> Option<Span> {
    let mut not_understood = None;
    let mut offset = 0;
    for line in source.text().split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let bare = line.split('#').next().unwrap_or_default().trim();
        let mut words = bare.split_whitespace();
        let Some(verb) = words
            .by_ref()
            .find_map(|word| VERBS.iter().find(|verb| **verb == word))
        else {
            continue;
        };
        let at = start + line.find(bare).unwrap_or_default();
        let span = Span::new(source, at, at + bare.len());
        for word in words {
            // Caddy takes a name without a port for one on port 80.
            let named = || {
                (*verb == "reverse_proxy")
                    .then(|| upstream(&format!("http://{word}")))
                    .flatten()
            };
            let Some((host, port)) = upstream(word).or_else(named) else {
                let is_address = word.contains("://") || *verb == "reverse_proxy" || *verb == "proxy_pass";
                if is_address && word.contains(['$', '{']) && word.len() > 1 {
                    not_understood.get_or_insert_with(|| span.clone());
                }
                continue;
            };
            for target in topology.resolve(index, &host, port) {
                if !found.iter().any(|(known, _)| *known == target) {
                    let evidence = Evidence::at(format!("requests are passed on to `{host}:{port}`"), &span);
                    found.push((target, evidence));
                }
            }
        }
    }
    not_understood
}
