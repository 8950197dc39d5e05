//! The configurations of proxies: what their files, and those that they include, pass requests on to.

mod apache;
mod caddyfile;
mod guard;
mod lines;
mod nginx;
mod tree;

use super::file::{Found, IN_FILES, Unseen};
use crate::access::container::{Container, Text};
use crate::access::files::Files;
use crate::access::path::Guard;
use crate::access::topology::{Node, NodeIndex, Topology};
use crate::access::upstream::upstream;
use crate::finding::Evidence;
use crate::span::Span;

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Nginx,
    Caddy,
    Haproxy,
    Apache,
    /// Varnish's.
    Vcl,
    /// One that is not read: that of lighttpd, of Envoy.
    Other,
}

/// Where the files of a program are that everybody mounts there, whichever image it is in.
const FOLDERS: [(&str, Language); 15] = [
    ("/etc/nginx", Language::Nginx),
    ("/usr/local/nginx/conf", Language::Nginx),
    ("/usr/local/openresty/nginx/conf", Language::Nginx),
    ("/opt/bitnami/nginx/conf", Language::Nginx),
    ("/etc/caddy", Language::Caddy),
    ("/usr/local/etc/haproxy", Language::Haproxy),
    ("/etc/haproxy", Language::Haproxy),
    ("/usr/local/apache2/conf", Language::Apache),
    ("/opt/bitnami/apache/conf", Language::Apache),
    ("/opt/bitnami/apache2/conf", Language::Apache),
    ("/etc/apache2", Language::Apache),
    ("/etc/httpd", Language::Apache),
    ("/etc/varnish", Language::Vcl),
    ("/etc/lighttpd", Language::Other),
    ("/etc/envoy", Language::Other),
];

/// Returns which program reads what is mounted at a target, and nobody else.
fn language(node: &Node<'_>, target: &str) -> Option<Language> {
    let target = target.trim_end_matches('/').to_ascii_lowercase();
    let named = FOLDERS.iter().find(|(folder, _)| {
        target
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let base = node.image_base();
    // What a program's own image is given may be anywhere.
    named.map(|(_, language)| *language).or_else(|| match base {
        _ if base.contains("caddy") => target.contains("caddyfile").then_some(Language::Caddy),
        "nginx" | "openresty" | "nginx-unprivileged" | "angie" | "freenginx" => {
            let is_own = target.ends_with("nginx.conf") || target.contains("/conf.d");
            // The image of LinuxServer has everything in one folder.
            (is_own || target == "/config" && node.image.contains("linuxserver")).then_some(Language::Nginx)
        }
        "haproxy" => target.contains("haproxy").then_some(Language::Haproxy),
        "httpd" => target.ends_with("httpd.conf").then_some(Language::Apache),
        _ if target.ends_with("/caddyfile") && node.image.is_empty() => Some(Language::Caddy),
        _ if target.ends_with("/nginx.conf") && node.image.is_empty() => Some(Language::Nginx),
        _ => None,
    })
}

/// Whether a file in a folder of configurations is surely not read: an example, a copy, a key.
fn is_set_aside(name: &str) -> bool {
    const ENDINGS: [&str; 14] = [
        ".sample",
        ".example",
        ".disabled",
        ".bak",
        ".old",
        ".orig",
        "~",
        ".md",
        ".html",
        ".pem",
        ".crt",
        ".key",
        ".gitignore",
        ".log",
    ];
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Returns where the configuration that is mounted leads: a web server is a proxy when it makes it one.
pub(super) fn routes(topology: &Topology<'_>, files: &Files<'_>, index: NodeIndex) -> Found {
    let node = &topology.nodes[index];
    let container = Container::new(node, files);
    let mut reader = Reader {
        topology,
        index,
        container,
        found: Found::default(),
        steps: 0,
    };
    let mut all: Vec<(Language, Text)> = Vec::new();
    let mut hidden: Vec<(Language, Evidence)> = Vec::new();
    for mounted in container.mounted(|target| language(node, target).is_some()) {
        let Some(language) = language(node, mounted.target) else {
            continue;
        };
        match mounted.texts {
            Some(texts) => {
                let used = texts
                    .into_iter()
                    .filter(|text| !is_set_aside(text.source().name()));
                all.extend(used.map(|text| (language, text)));
            }
            None => {
                let text = format!("`{}` is not in the lab", mounted.target);
                hidden.push((language, Evidence::at(text, mounted.place)));
            }
        }
    }
    let hidden_of = |wanted: Language| {
        let found = hidden.iter().find(|(language, _)| *language == wanted);
        found.map(|(_, evidence)| evidence.clone())
    };
    for (language, evidence) in &hidden {
        // These say themselves what else is read, where they are seen.
        if !matches!(language, Language::Caddy | Language::Nginx) {
            reader.hide(evidence.clone());
        }
    }
    let of = |wanted: Language| {
        let texts = all.iter().filter(move |(language, _)| *language == wanted);
        texts.map(|(_, text)| text).collect::<Vec<_>>()
    };
    caddyfile::read(&mut reader, &of(Language::Caddy), hidden_of(Language::Caddy));
    nginx::read(&mut reader, &of(Language::Nginx), hidden_of(Language::Nginx));
    for text in of(Language::Haproxy) {
        lines::haproxy(&mut reader, text);
    }
    apache::read(&mut reader, &of(Language::Apache));
    for text in of(Language::Vcl) {
        lines::vcl(&mut reader, text);
    }
    for text in of(Language::Other) {
        let passes = [
            "proxy.server",
            "fastcgi.server",
            "scgi.server",
            "clusters",
            "lds_config",
        ];
        if passes.iter().any(|word| text.source().text().contains(word)) {
            reader.hide(Evidence::at(
                "this is not read",
                &text.shown(&Span::file(text.source())),
            ));
        }
    }
    reader.found
}

/// What the files of one proxy are read into.
struct Reader<'a> {
    topology: &'a Topology<'a>,
    index: NodeIndex,
    container: Container<'a>,
    found: Found,
    /// How many directives were gone through, so that files that include each other come to an end.
    steps: usize,
}

impl<'a> Reader<'a> {
    const MAX_STEPS: usize = 200_000;

    fn node(&self) -> &'a Node<'a> {
        &self.topology.nodes[self.index]
    }

    /// Notes that there may be more routes than those that are found.
    fn hide(&mut self, evidence: Evidence) {
        self.found.unseen.get_or_insert(Unseen {
            what: IN_FILES,
            admin_port: None,
            evidence,
        });
    }

    /// Counts a step; no more of them are taken past the limit, and what is left is not known.
    fn step(&mut self, place: &Span) -> bool {
        self.steps += 1;
        if self.steps > Self::MAX_STEPS {
            self.hide(Evidence::at("there is more than is read", place));
            return false;
        }
        true
    }

    /// Leads to an address, or notes that nobody knows where it leads.
    fn lead(&mut self, address: &str, place: &Span, guards: &[Guard]) {
        let Some((host, port)) = upstream(address) else {
            self.hide(Evidence::at("where this leads is decided while it runs", place));
            return;
        };
        self.found
            .lead(self.topology, self.index, &host, port, guards, || {
                Evidence::at(format!("requests are passed on to `{host}:{port}`"), place)
            });
    }

    /// Returns the texts behind a file that a configuration includes; hides what is not in the lab.
    fn included(&mut self, path: &str, place: &Span) -> Vec<Text> {
        let matches = self.container.matching(path);
        // What an image of one's own making brings is not known.
        let is_own = self.node().service.build.is_some() && !matches.is_mounted;
        if matches.hidden.is_some() || is_own {
            self.hide(Evidence::at(format!("`{path}` is not in the lab"), place));
        }
        matches.texts
    }
}
