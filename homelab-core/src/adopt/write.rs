//! Containers written as Compose files would have them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Group;
use crate::compose::{MountKind, RestartPolicy};
use crate::inventory::{Binding, Container};
use crate::name::ProjectName;

/// The name of the file that has the services.
pub(super) const MAIN: &str = "compose.yaml";

/// Files by their paths.
pub(crate) type Texts = Vec<(String, String)>;

/// Labels that Compose, Podman and builders of images set themselves: they are no part of what somebody wrote.
const NOT_WRITTEN: [&str; 5] = [
    "com.docker.compose.",
    "io.podman.compose.",
    "org.opencontainers.image.",
    "PODMAN_SYSTEMD_UNIT",
    "org.label-schema.",
];

/// Variables that come from the image or the engine, whoever wrote the service.
const NOT_SET: [&str; 4] = ["PATH", "HOME", "HOSTNAME", "container"];

/// Who reads what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// The lab's own judges: every container by the name that it has.
    Judges,
    /// People, who will keep it: what Compose names itself is left to it.
    People,
}

/// The files of one project.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) texts: Texts,
    /// How many services there are.
    pub(super) services: usize,
}

/// Writes a project: its services, and a file of variables for each that has some.
pub(super) fn project(name: &ProjectName, group: &Group<'_>, reader: For) -> Written {
    let mut written = Written::default();
    let (mut text, mut networks, mut volumes) = (
        format!("name: {}\nservices:\n", quoted(name.as_str())),
        BTreeSet::new(),
        BTreeSet::new(),
    );
    for (id, containers) in group {
        let Some(container) = containers.first() else {
            continue;
        };
        written.services += 1;
        let service = id.service().as_str();
        let _ = writeln!(text, "  {}:", quoted(service));
        let _ = writeln!(text, "    image: {}", quoted(&container.image));
        if containers.len() == 1
            && (reader == For::Judges || container.compose_project() != Some(name.as_str()))
        {
            let _ = writeln!(text, "    container_name: {}", quoted(&container.name));
        }
        let count = containers.len();
        if count > 1 {
            let _ = writeln!(text, "    scale: {count}");
        }
        settings(&mut text, container);
        let ports: BTreeSet<&Binding> = containers.iter().flat_map(|container| &container.ports).collect();
        list(&mut text, "ports", ports.into_iter().map(port));
        network(&mut text, container, &mut networks);
        let mounts = container.mounts.iter().filter_map(|mount| {
            let source = mount.source.as_deref()?;
            let end = if mount.read_only { ":ro" } else { "" };
            match mount.kind {
                MountKind::Bind => Some(format!("{source}:{}{end}", mount.target)),
                MountKind::Volume => {
                    volumes.insert(source.to_owned());
                    Some(format!("{source}:{}{end}", mount.target))
                }
                MountKind::Tmpfs | MountKind::Other => None,
            }
        });
        list(&mut text, "volumes", mounts);
        labels(&mut text, container);
        let variables = variables(container);
        if !variables.is_empty() {
            let file = format!("{service}.env");
            let _ = writeln!(text, "    env_file: {}", quoted(&file));
            written.texts.push((file, variables));
        }
    }
    made_elsewhere(&mut text, "networks", &networks);
    made_elsewhere(&mut text, "volumes", &volumes);
    written.texts.push((MAIN.to_owned(), text));
    written
}

fn settings(text: &mut String, container: &Container) {
    let restart = container.restart.and_then(|restart| match restart {
        RestartPolicy::No => None,
        RestartPolicy::Always => Some("always"),
        RestartPolicy::OnFailure => Some("on-failure"),
        RestartPolicy::UnlessStopped => Some("unless-stopped"),
    });
    if let Some(restart) = restart {
        let _ = writeln!(text, "    restart: {restart}");
    }
    if container.privileged {
        let _ = writeln!(text, "    privileged: true");
    }
    if let Some(user) = &container.user {
        let _ = writeln!(text, "    user: {}", quoted(user));
    }
    list(text, "command", container.command.iter().cloned());
}

fn network(text: &mut String, container: &Container, networks: &mut BTreeSet<String>) {
    match container.network_mode.as_str() {
        mode @ ("host" | "none") => {
            let _ = writeln!(text, "    network_mode: {mode}");
        }
        mode if mode.starts_with("container:") => {
            let _ = writeln!(text, "    network_mode: {}", quoted(mode));
        }
        _ => {
            let names: Vec<&String> = container
                .networks
                .keys()
                .filter(|name| !matches!(name.as_str(), "bridge" | "podman"))
                .collect();
            if names.is_empty() {
                let _ = writeln!(text, "    network_mode: bridge");
                return;
            }
            networks.extend(names.iter().map(|name| (*name).clone()));
            list(text, "networks", names.into_iter().cloned());
        }
    }
}

fn labels(text: &mut String, container: &Container) {
    let written = |name: &str| !NOT_WRITTEN.iter().any(|start| name.starts_with(start));
    let labels = container.labels.iter().filter(|(name, _)| written(name));
    for (index, (name, value)) in labels.enumerate() {
        if index == 0 {
            text.push_str("    labels:\n");
        }
        let _ = writeln!(text, "      {}: {}", quoted(name), quoted(value));
    }
}

fn made_elsewhere(text: &mut String, what: &str, names: &BTreeSet<String>) {
    for (index, name) in names.iter().enumerate() {
        if index == 0 {
            let _ = writeln!(text, "{what}:");
        }
        let _ = writeln!(text, "  {}: {{ external: true }}", quoted(name));
    }
}

fn list(text: &mut String, key: &str, items: impl Iterator<Item = String>) {
    for (index, item) in items.enumerate() {
        if index == 0 {
            let _ = writeln!(text, "    {key}:");
        }
        let _ = writeln!(text, "      - {}", quoted(&item));
    }
}

fn port(binding: &Binding) -> String {
    let address = binding
        .address
        .map_or_else(String::new, |address| match address.is_ipv6() {
            true => format!("[{address}]:"),
            false => format!("{address}:"),
        });
    format!(
        "{address}{}:{}/{}",
        binding.port, binding.target, binding.protocol
    )
}

/// Returns the variables of a container as a file of them.
fn variables(container: &Container) -> String {
    let mut text = String::new();
    for (name, value) in &container.environment {
        let plain = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if plain && !NOT_SET.contains(&name.as_str()) {
            let _ = writeln!(text, "{name}={}", variable(value.expose()));
        }
    }
    text
}

fn variable(value: &str) -> String {
    match value.contains(['\'', '\n', '\r', '\\']) {
        false => format!("'{value}'"),
        true => {
            let mut text = String::from("\"");
            for letter in value.chars() {
                match letter {
                    '\n' => text.push_str("\\n"),
                    '\r' => text.push_str("\\r"),
                    '"' | '\\' | '$' => text.extend(['\\', letter]),
                    letter => text.push(letter),
                }
            }
            text.push('"');
            text
        }
    }
}

/// Returns a text as YAML takes it, with every dollar as one.
fn quoted(text: &str) -> String {
    // A text of JSON is one of YAML.
    let json = serde_json::Value::from(text).to_string();
    json.replace('$', "$$")
}

/// Returns a key as TOML takes it.
pub(super) fn key(text: &str) -> String {
    match text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    {
        true => text.to_owned(),
        false => format!("{text:?}"),
    }
}

/// Returns a text as a project's name.
pub(super) fn project_name(text: &str) -> ProjectName {
    let lower = text.to_lowercase();
    let kept: String = lower
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let name = ProjectName::new(&kept);
    name.unwrap_or_else(|_| ProjectName::new("adopted").expect("letters are a project's name"))
}
