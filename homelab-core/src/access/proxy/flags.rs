//! Traefik's static settings: its flags, its environment, its own file.

use crate::access::container::{Container, Found};
use crate::access::files::Files;
use crate::access::topology::Node;
use crate::access::upstream::settings;
use crate::compose::Service;
use crate::finding::Evidence;

/// One static setting, by its name in lower case: `entrypoints.web.address`.
pub(super) struct Flag {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) evidence: Evidence,
}

/// Whether a target is where Traefik looks for its settings.
pub(super) fn is_folder(target: &str) -> bool {
    let target = target.trim_end_matches('/');
    target == "/etc/traefik" || target.starts_with("/etc/traefik/traefik.")
}

/// Reads the static settings that a service's words and environment hold.
pub(super) fn flags(service: &Service) -> Vec<Flag> {
    let words: Vec<_> = service.entrypoint.iter().chain(&service.command).collect();
    let mut flags = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let Some(text) = word.value.strip_prefix("--") else {
            continue;
        };
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, value),
            None => match words.get(at + 1) {
                Some(next) if !next.value.starts_with('-') => (text, next.value.as_str()),
                _ => (text, "true"),
            },
        };
        flags.push(Flag {
            key: key.to_ascii_lowercase(),
            value: value.trim_matches(['"', '\'']).to_owned(),
            evidence: Evidence::at(format!("`--{key}`"), &word.span),
        });
    }
    for (name, field) in &service.environment {
        if let (Some(key), Some(value)) = (name.strip_prefix("TRAEFIK_"), &field.value) {
            flags.push(Flag {
                key: key.to_ascii_lowercase().replace('_', "."),
                value: value.clone(),
                evidence: Evidence::at(format!("environment `{name}`"), &field.span),
            });
        }
    }
    flags
}

/// What Traefik's own file says.
pub(super) enum Static {
    Read(Vec<Flag>),
    /// It may be there, and cannot be read.
    Hidden,
    Absent,
}

pub(super) fn file_flags(node: &Node<'_>, files: &Files<'_>, flags: &[Flag]) -> Static {
    let named = flags
        .iter()
        .find(|flag| flag.key == "configfile")
        .map(|flag| flag.value.as_str());
    let usual = [
        "/etc/traefik/traefik.yml",
        "/etc/traefik/traefik.yaml",
        "/etc/traefik/traefik.toml",
    ];
    let roots = ["/traefik.yml", "/traefik.yaml", "/traefik.toml"];
    let mut is_hidden = false;
    for path in named.into_iter().chain(usual).chain(roots) {
        match Container::new(node, files).at(path) {
            Found::Text(text) => {
                let Some(found) = settings(text.source()) else {
                    return Static::Hidden;
                };
                let flags = found.into_iter().map(|setting| Flag {
                    evidence: Evidence::at(format!("`{}`", setting.key), &text.shown(&setting.place)),
                    key: setting.key,
                    value: setting.value,
                });
                return Static::Read(flags.collect());
            }
            Found::Hidden(_) => is_hidden = true,
            Found::Image => {}
        }
    }
    match is_hidden {
        true => Static::Hidden,
        false => Static::Absent,
    }
}
