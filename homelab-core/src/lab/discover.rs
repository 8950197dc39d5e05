//! Discovery: which of a folder's files make which Compose projects. The rules are stated in docs/discovery.md.
//!
//! Pure: it sees the paths, and asks for the few texts that decide.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::settings::declares_services;

/// The names of Compose's main file, in its order of preference.
pub(super) const MAIN: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// The names of the file that Compose merges over the main one, in its order of preference.
pub(super) const OVERRIDE: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Words that make a variant of the same project, not a project of its own, the one that matters most first.
const STAGES: [&str; 34] = [
    "prod",
    "production",
    "live",
    "release",
    "server",
    "base",
    "common",
    "main",
    "default",
    "full",
    "staging",
    "stage",
    "home",
    "local",
    "dev",
    "devel",
    "development",
    "debug",
    "test",
    "testing",
    "tests",
    "ci",
    "build",
    "gpu",
    "cuda",
    "nvidia",
    "cpu",
    "arm",
    "arm64",
    "amd64",
    "override",
    "example",
    "sample",
    "template",
];

/// What makes Podman's quadlet.
pub(super) const UNITS: [&str; 7] = ["container", "pod", "kube", "volume", "network", "image", "build"];

/// One project that was found, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its folder, relative to the lab's; empty for that itself.
    pub(super) folder: String,
    /// Its files, in the order in which they are merged.
    pub(super) files: Vec<String>,
    /// The name to use where the files give none, when that is not the folder's.
    pub(super) name: Option<String>,
    /// Files of variables to read in place of `.env`.
    pub(super) environment: Vec<String>,
    /// Main files beside the one that Compose takes.
    pub(super) shadowed: Vec<String>,
    /// Why these files.
    pub(super) because: Because,
}

/// Why a file is taken for a project, from most to least certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Because {
    /// It has the name of a main file, or `.env` names it.
    Main,
    /// It is named like a variant, and no main file is beside it.
    Variant,
    /// It has another name, and services at its top.
    Content,
    /// It is a unit of Podman's.
    Quadlet,
}

/// Finds the projects of these files, in the order of their folders.
///
/// `text` returns the text of a file where it is wanted: `.env`, for COMPOSE_FILE, and YAML files of other names.
pub(super) fn discover<'a>(paths: &[&'a str], text: impl Fn(&str) -> Option<&'a str>) -> Vec<Found> {
    let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        folders.entry(folder).or_default().insert(file);
    }
    let all: BTreeSet<&str> = paths.iter().copied().collect();
    let mut found = Vec::new();
    for (folder, files) in &folders {
        // What builds and tests a repository runs nowhere in the lab.
        if is_old_version(folder, &folders) || folder.split('/').any(is_of_repository) {
            continue;
        }
        let compose = from_environment(folder, &all, &text)
            .or_else(|| main(folder, files))
            .map_or_else(|| others(folder, files, &text), |main| vec![main]);
        found.extend(compose.into_iter().map(|mut project| {
            project.environment = environment(folder, &folders);
            project.name = project
                .name
                .or_else(|| portainer_stack(folder).map(str::to_owned));
            project
        }));
        found.extend(quadlets(folder, files, &folders));
    }
    found
}

fn join(folder: &str, file: &str) -> String {
    if folder.is_empty() {
        file.to_owned()
    } else {
        format!("{folder}/{file}")
    }
}

/// Returns the number of a stack and of its version, when a folder is one of Portainer's: `compose/12/v3`.
fn portainer_version(folder: &str) -> Option<(&str, u64)> {
    let (above, version) = folder.rsplit_once('/')?;
    let version = version.strip_prefix('v')?.parse().ok()?;
    is_portainer_stack(above).then_some((above, version))
}

/// Returns whether a folder is a stack of Portainer's: `data/compose/12`.
fn is_portainer_stack(folder: &str) -> bool {
    let mut parts = folder.rsplit('/');
    let number = parts.next().unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && parts.next() == Some("compose")
}

/// Returns the number of Portainer's stack that a folder holds: its version folder's name says nothing.
fn portainer_stack(folder: &str) -> Option<&str> {
    let stack = portainer_version(folder)?.0;
    stack.rsplit('/').next()
}

/// Returns whether a newer version of the same Portainer stack is there.
fn is_old_version(folder: &str, folders: &BTreeMap<&str, BTreeSet<&str>>) -> bool {
    let (stack, own) = match portainer_version(folder) {
        Some((stack, version)) => (stack, Some(version)),
        None if is_portainer_stack(folder) => (folder, None),
        None => return false,
    };
    folders.iter().any(|(other, files)| {
        portainer_version(other).is_some_and(|(other, version)| other == stack && Some(version) > own)
            && main(other, files).is_some()
    })
}

/// Returns the files of variables, where they are not the `.env` of the folder: Portainer's stack.env, and Dockge's
/// global.env, over which a stack's own `.env` is read.
fn environment(folder: &str, folders: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let has = |folder: &str, file: &str| folders.get(folder).is_some_and(|files| files.contains(file));
    let is_portainer = is_portainer_stack(folder) || portainer_version(folder).is_some();
    if is_portainer && has(folder, "stack.env") && !has(folder, ".env") {
        return vec![join(folder, "stack.env")];
    }
    let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
    if folder.is_empty() || !has(above, "global.env") {
        return Vec::new();
    }
    let mut files = vec![join(above, "global.env")];
    if has(folder, ".env") {
        files.push(join(folder, ".env"));
    }
    files
}

/// Returns the project whose files the folder's `.env` lists in COMPOSE_FILE.
fn from_environment<'a>(
    folder: &str,
    all: &BTreeSet<&str>,
    text: &impl Fn(&str) -> Option<&'a str>,
) -> Option<Found> {
    let environment = join(folder, ".env");
    if !all.contains(environment.as_str()) {
        return None;
    }
    let content = text(&environment)?;
    let listed = variable(content, "COMPOSE_FILE")?;
    let separator = variable(content, "COMPOSE_PATH_SEPARATOR")
        .filter(|separator| !separator.is_empty())
        .unwrap_or(":");
    let files: Vec<String> = listed
        .split(separator)
        .filter_map(|file| normalised(folder, file.trim()))
        .filter(|file| all.contains(file.as_str()))
        .collect();
    (!files.is_empty()).then(|| Found {
        folder: folder.to_owned(),
        files,
        name: None,
        environment: Vec::new(),
        shadowed: Vec::new(),
        because: Because::Main,
    })
}

/// Returns the value of a variable that is written plainly: what Compose itself takes from `.env` for its own use
/// needs no more.
fn variable<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().rev().find_map(|line| {
        let line = line.trim();
        let (key, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        if key.trim() != name {
            return None;
        }
        let value = value.trim();
        match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next(),
            _ => Some(value.split(" #").next().unwrap_or_default().trim_end()),
        }
    })
}

/// Returns a path within the lab that is written relative to a folder; nothing when it leads out.
fn normalised(folder: &str, path: &str) -> Option<String> {
    if path.is_empty() || path.starts_with(['/', '~']) {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Returns the project of a folder that has a main file.
fn main(folder: &str, files: &BTreeSet<&str>) -> Option<Found> {
    let mut mains = MAIN.iter().filter(|name| files.contains(**name));
    let mut chosen = vec![join(folder, mains.next()?)];
    let shadowed = mains.map(|name| join(folder, name)).collect();
    // Compose does not ask whether the override's name fits that of the main file.
    chosen.extend(
        OVERRIDE
            .iter()
            .find(|name| files.contains(**name))
            .map(|name| join(folder, name)),
    );
    Some(Found {
        folder: folder.to_owned(),
        files: chosen,
        name: None,
        environment: Vec::new(),
        shadowed,
        because: Because::Main,
    })
}

/// Returns the projects of a folder that has no main file.
fn others<'a>(folder: &str, files: &BTreeSet<&str>, text: &impl Fn(&str) -> Option<&'a str>) -> Vec<Found> {
    let mut stages: Vec<(usize, &str)> = Vec::new();
    let mut own: Vec<(&str, String, Because)> = Vec::new();
    for file in files {
        let Some(stem) = yaml_stem(file) else { continue };
        match variant_word(stem) {
            Some(word) => match STAGES.iter().position(|stage| *stage == word) {
                Some(rank) => stages.push((rank, file)),
                None => own.push((file, word, Because::Variant)),
            },
            None if text(&join(folder, file)).is_some_and(has_services) => {
                own.push((file, stem.to_ascii_lowercase(), Because::Content));
            }
            None => {}
        }
    }
    let several = own.len() + usize::from(!stages.is_empty()) > 1;
    let project = |file: &str, name: Option<String>, because| Found {
        folder: folder.to_owned(),
        files: vec![join(folder, file)],
        name,
        environment: Vec::new(),
        shadowed: Vec::new(),
        because,
    };
    let mut found: Vec<Found> = stages
        .into_iter()
        .min()
        .map(|(_, file)| project(file, None, Because::Variant))
        .into_iter()
        .collect();
    // Where a folder has several projects its name cannot be that of all of them.
    found.extend(
        own.into_iter()
            .map(|(file, word, because)| project(file, several.then_some(word), because)),
    );
    found
}

fn yaml_stem(file: &str) -> Option<&str> {
    if file.starts_with('.') {
        return None;
    }
    file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml"))
}

/// Returns whether a file's name is one that Compose files have: a main file, an override or a variant.
pub(super) fn is_compose_name(file: &str) -> bool {
    yaml_stem(file)
        .is_some_and(|stem| matches!(stem, "compose" | "docker-compose") || variant_word(stem).is_some())
}

/// Returns what sets a variant apart: `prod` of `docker-compose.prod`, `plex` of `plex.compose`.
fn variant_word(stem: &str) -> Option<String> {
    let stem = stem.to_ascii_lowercase();
    let is_joint = |c: char| "._-".contains(c);
    let word = ["docker-compose", "compose"].iter().find_map(|base| {
        let after = stem
            .strip_prefix(base)
            .and_then(|rest| rest.strip_prefix(is_joint));
        let before = stem
            .strip_suffix(base)
            .and_then(|rest| rest.strip_suffix(is_joint));
        after.or(before)
    })?;
    let word = word.trim_matches(is_joint);
    (!word.is_empty()).then(|| word.to_owned())
}

/// Words that say of a variant that it is only shown: nobody runs it as it is.
const SHOWN: [&str; 3] = ["example", "sample", "template"];

/// Returns the files that may be Compose files, lie in the folder of a project, and are in none: variants and others beside
/// a main file, in the order of their paths. What the projects' files include or extend is for the caller to leave out.
pub(super) fn unread<'a>(
    paths: &[&'a str],
    found: &[Found],
    text: impl Fn(&str) -> Option<&'a str>,
) -> Vec<&'a str> {
    let of_compose = || found.iter().filter(|found| found.because != Because::Quadlet);
    let folders: BTreeSet<&str> = of_compose().map(|found| found.folder.as_str()).collect();
    let read: BTreeSet<&str> = of_compose()
        .flat_map(|found| found.files.iter().chain(&found.shadowed))
        .map(String::as_str)
        .collect();
    let is_unread = |path: &&&str| {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(stem) = yaml_stem(file) else { return false };
        if read.contains(**path) || !folders.contains(folder) {
            return false;
        }
        // A variant need not say an image: that is in what it is laid over.
        match variant_word(stem) {
            Some(word) if SHOWN.contains(&word.as_str()) => false,
            Some(_) => text(path).is_some_and(|text| text.contains("services")),
            None => text(path).is_some_and(has_services),
        }
    };
    paths.iter().filter(is_unread).copied().collect()
}

/// Returns whether a text has services at its top, of which one says an image or a build.
fn has_services(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    // What is broken is told by its lines: that it is broken is worth saying of a Compose file.
    declares_services(text).unwrap_or_else(|| seems_to_have_services(text))
}

fn seems_to_have_services(text: &str) -> bool {
    let mut inside = false;
    for line in text.lines() {
        let content = line.split(" #").next().unwrap_or_default().trim_end();
        if content.is_empty() || content.trim_start().starts_with('#') {
            continue;
        }
        if !content.starts_with([' ', '\t']) {
            inside = content == "services:";
            continue;
        }
        let key = content.trim_start();
        if inside && (key.starts_with("image:") || key.starts_with("build:")) {
            return true;
        }
    }
    false
}

/// Returns the project of Podman's units in a folder, with their drop-ins.
fn quadlets(folder: &str, files: &BTreeSet<&str>, folders: &BTreeMap<&str, BTreeSet<&str>>) -> Option<Found> {
    let kind = |file: &str| file.rsplit_once('.').map(|(_, kind)| kind.to_owned());
    let is_unit = |file: &str| kind(file).is_some_and(|kind| UNITS.contains(&kind.as_str()));
    // Only these three run something. A lone `.network` is more likely one of systemd-networkd's.
    let runs = files.iter().any(|file| {
        kind(file).is_some_and(|kind| matches!(kind.as_str(), "container" | "pod" | "kube"))
            && !file.starts_with('.')
    });
    if !runs {
        return None;
    }
    let mut units = Vec::new();
    for file in files.iter().filter(|file| is_unit(file)) {
        units.push(join(folder, file));
        let drop_ins = join(folder, &format!("{file}.d"));
        let conf = folders.get(drop_ins.as_str()).into_iter().flatten();
        units.extend(
            conf.filter(|name| name.ends_with(".conf"))
                .map(|name| join(&drop_ins, name)),
        );
    }
    // The folders where Podman looks are called the same on every machine: the one above them says more.
    let named = folder
        .rsplit('/')
        .find(|part| !matches!(*part, "systemd" | "containers" | ".config" | "users" | ""));
    Some(Found {
        folder: folder.to_owned(),
        files: units,
        name: named.filter(|name| !folder.ends_with(name)).map(str::to_owned),
        environment: Vec::new(),
        shadowed: Vec::new(),
        because: Because::Quadlet,
    })
}

/// Returns whether a folder of this name is looked into. `above` is the path of the folder that it lies in.
///
/// Not: what version control, package managers, editors and file systems keep, and copies.
pub(super) fn is_looked_into(above: &str, name: &str) -> bool {
    let quadlets = (name == ".config") || (above.ends_with(".config") && name == "containers");
    if above.ends_with(".config") && !quadlets {
        return false;
    }
    let ignored = matches!(
        name,
        "node_modules"
            | "vendor"
            | "bower_components"
            | "__pycache__"
            | "venv"
            | "site-packages"
            | "target"
            | "backups"
            | "lost+found"
            | "@eaDir"
            | "#recycle"
            | "#snapshot"
            | "$RECYCLE.BIN"
            | "System Volume Information"
    );
    let copy = [".bak", ".old", ".orig", "~"]
        .iter()
        .any(|end| name.ends_with(end));
    quadlets || is_of_repository(name) || !(ignored || copy || name.starts_with('.'))
}

/// Returns whether a folder is one that goes along with a repository and tells other programs what to do with it: no
/// project is in it, but what it holds is shared.
fn is_of_repository(name: &str) -> bool {
    matches!(
        name,
        ".github"
            | ".gitlab"
            | ".forgejo"
            | ".gitea"
            | ".woodpecker"
            | ".circleci"
            | ".devcontainer"
            | ".vscode"
    )
}

#[cfg(test)]
mod tests;
