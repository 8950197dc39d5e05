//! Brings every short form into its long one, and removes what a later file defines again.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::check::Problem;
use super::merge::{dependencies, names};
use super::node::{Map, Node, Value};
use super::rules;
use super::short;

/// The most ports that the services of one file may have, ranges expanded: a machine has not more of TCP and UDP together, and
/// each takes two kilobytes here.
const MAX_PORTS: usize = 140_000;

/// Brings a whole tree into its long forms.
pub(super) fn canonical(root: &mut Map, problems: &mut Vec<Problem>) {
    let mut room = MAX_PORTS;
    if let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) {
        for node in services.values_mut() {
            if let Some(service) = node.as_map_mut() {
                self::service(service, &mut room, problems);
            }
        }
    }
    for section in ["volumes", "networks", "secrets", "configs"] {
        if let Some(resources) = root.get_mut(section).and_then(Node::as_map_mut) {
            for node in resources.values_mut() {
                if let Some(resource) = node.as_map_mut() {
                    external(resource, problems);
                }
            }
        }
    }
}

fn service(service: &mut Map, room: &mut usize, problems: &mut Vec<Problem>) {
    if let Some(build) = service.get_mut("build") {
        self::build(build);
    }
    if let Some(node) = service.get_mut("depends_on") {
        dependencies(node);
        for dependency in node.as_map_mut().into_iter().flat_map(|map| map.values_mut()) {
            let span = dependency.span.clone();
            if let Some(map) = dependency.as_map_mut() {
                map.get_or_insert_with("required", || Node::new(Value::Bool(true), span));
            }
        }
    }
    for attribute in ["networks", "models"] {
        if let Some(node) = service.get_mut(attribute) {
            names(node);
        }
    }
    if let Some(node) = service.get_mut("env_file") {
        env_file(node);
    }
    for attribute in ["dns", "label_file"] {
        if let Some(node) = service.get_mut(attribute) {
            text_or_list(node);
        }
    }
    if let Some(items) = service.get_mut("dns").and_then(Node::as_list_mut) {
        items.retain(|item| item.as_text() != Some(""));
    }
    if let Some(node) = service.get_mut("gpus")
        && node.as_text().is_some()
    {
        let mut map = Map::default();
        map.insert("count".into(), Node::text("all", node.span.clone()));
        node.value = Value::List(vec![Node::new(Value::Map(map), node.span.clone())]);
    }
    for attribute in ["secrets", "configs"] {
        if let Some(items) = service.get_mut(attribute).and_then(Node::as_list_mut) {
            items.iter_mut().for_each(file_mount);
        }
    }
    if let Some(items) = service.get_mut("devices").and_then(Node::as_list_mut) {
        keep(items, |item| device(item, problems));
    }
    if let Some(items) = service.get_mut("volumes").and_then(Node::as_list_mut) {
        keep(items, |item| volume(item, problems));
    }
    if let Some(items) = service.get_mut("ports").and_then(Node::as_list_mut) {
        ports(items, room, problems);
    }
}

/// Keeps the items for which the function says so.
fn keep(items: &mut Vec<Node>, mut change: impl FnMut(&mut Node) -> bool) {
    items.retain_mut(|item| change(item));
}

fn build(node: &mut Node) {
    if node.as_text().is_some() {
        let context = node.clone().keyed(None);
        let mut map = Map::default();
        map.insert("context".into(), context);
        node.value = Value::Map(map);
    }
    let Some(build) = node.as_map_mut() else { return };
    if let Some(items) = build.get_mut("secrets").and_then(Node::as_list_mut) {
        items.iter_mut().for_each(file_mount);
    }
}

fn text_or_list(node: &mut Node) {
    if node.as_text().is_some() {
        let item = node.clone().keyed(None);
        node.value = Value::List(vec![item]);
    }
}

fn env_file(node: &mut Node) {
    text_or_list(node);
    let Some(items) = node.as_list_mut() else { return };
    for item in items {
        if item.as_text().is_some() {
            let path = item.clone().keyed(None);
            let mut map = Map::default();
            map.insert("path".into(), path);
            item.value = Value::Map(map);
        }
        let span = item.span.clone();
        if let Some(map) = item.as_map_mut() {
            map.get_or_insert_with("required", || Node::new(Value::Bool(true), span));
        }
    }
}

fn file_mount(item: &mut Node) {
    if item.as_text().is_some() {
        let source = item.clone().keyed(None);
        let mut map = Map::default();
        map.insert("source".into(), source);
        item.value = Value::Map(map);
    }
}

fn device(item: &mut Node, problems: &mut Vec<Problem>) -> bool {
    let Some(text) = item.as_text() else {
        if item.as_map().is_some_and(|map| map.contains_key("target")) {
            return true;
        }
        problems.push(Problem::new(
            &rules::MISSING_KEY,
            &item.span,
            "a device needs the key `target`",
        ));
        return false;
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts[..] {
        [source] => (source, source, "rwm"),
        [source, target] => (source, target, "rwm"),
        [source, target, permissions] => (source, target, permissions),
        _ => {
            let message = format!(
                "`{}` is no device: write `SOURCE:TARGET:PERMISSIONS`",
                item.written()
            );
            problems.push(Problem::new(&rules::INVALID_VALUE, &item.span, message));
            return false;
        }
    };
    let mut map = Map::default();
    for (key, value) in [
        ("source", source),
        ("target", target),
        ("permissions", permissions),
    ] {
        map.insert(key.into(), Node::text(value, item.span.clone()));
    }
    item.value = Value::Map(map);
    true
}

fn volume(item: &mut Node, problems: &mut Vec<Problem>) -> bool {
    if item.as_map().is_some() {
        return true;
    }
    let Some(text) = item.as_text() else { return true };
    let parsed = match short::volume(text) {
        Ok(parsed) => parsed,
        Err(why) => {
            let message = format!("`{}` is no volume: {why}", item.written());
            problems.push(Problem::new(&rules::INVALID_VALUE, &item.span, message));
            return false;
        }
    };
    let span = &item.span;
    let text = |value: &str| Node {
        text: item.text.clone(),
        ..Node::text(value, span.clone())
    };
    let flag = || Node::new(Value::Bool(true), span.clone());
    let mut map = Map::default();
    map.insert("type".into(), text(if parsed.bind { "bind" } else { "volume" }));
    if !parsed.source.is_empty() {
        map.insert("source".into(), text(&parsed.source));
    }
    map.insert("target".into(), text(&parsed.target));
    if parsed.read_only {
        map.insert("read_only".into(), flag());
    }
    let mut bind = Map::default();
    if parsed.bind {
        bind.insert("create_host_path".into(), flag());
    }
    for (key, value) in [("propagation", &parsed.propagation), ("selinux", &parsed.selinux)] {
        if let Some(value) = value {
            bind.insert(key.into(), text(value));
        }
    }
    if !bind.is_empty() {
        map.insert("bind".into(), Node::new(Value::Map(bind), span.clone()));
    }
    if (!parsed.bind && !parsed.bare) || parsed.no_copy {
        let mut inner = Map::default();
        if parsed.no_copy {
            inner.insert("nocopy".into(), flag());
        }
        map.insert("volume".into(), Node::new(Value::Map(inner), span.clone()));
    }
    item.value = Value::Map(map);
    true
}

fn ports(items: &mut Vec<Node>, room: &mut usize, problems: &mut Vec<Problem>) {
    if items.iter().all(|item| item.as_map().is_some()) {
        return;
    }
    let mut long = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        match &item.value {
            Value::Map(_) => long.push(item),
            Value::Int(0) => {
                let message = format!("`0` is no port: {}", short::NO_PORT);
                problems.push(Problem::new(&rules::INVALID_VALUE, &item.span, message));
            }
            Value::Int(_) | Value::Uint(_) => {
                let mut map = Map::default();
                map.insert("target".into(), item.clone());
                long.push(item.replaced(Value::Map(map)));
            }
            Value::Text(text) => match short::port(text) {
                Ok(parsed) if parsed.len() > *room => {
                    let message = format!("a file cannot have more than {MAX_PORTS} ports");
                    problems.push(Problem::new(&rules::INVALID_VALUE, &item.span, message));
                }
                Ok(parsed) => {
                    *room -= parsed.len();
                    for port in parsed {
                        let text = |value: &str| Node {
                            text: item.text.clone(),
                            ..Node::text(value, item.span.clone())
                        };
                        let mut map = Map::default();
                        map.insert("mode".into(), text("ingress"));
                        if !port.host_ip.is_empty() {
                            map.insert("host_ip".into(), text(&port.host_ip));
                        }
                        let target = Node::new(Value::Int(port.target.into()), item.span.clone());
                        map.insert("target".into(), target);
                        if !port.published.is_empty() {
                            map.insert("published".into(), text(&port.published));
                        }
                        map.insert("protocol".into(), text(&port.protocol));
                        long.push(item.replaced(Value::Map(map)));
                    }
                }
                Err(why) => {
                    let message = format!("`{}` is no port: {why}", item.written());
                    problems.push(Problem::new(&rules::INVALID_VALUE, &item.span, message));
                }
            },
            _ => {
                let message = format!("a port cannot be {}", item.kind());
                problems.push(Problem::new(&rules::INVALID_VALUE, &item.span, message));
            }
        }
    }
    *items = long;
}

/// `external: {name: x}` is `external: true` and `name: x`.
fn external(resource: &mut Map, problems: &mut Vec<Problem>) {
    let Some(node) = resource.get_mut("external") else {
        return;
    };
    let Some(inner) = node.as_map_mut() else { return };
    let name = inner.remove("name");
    node.value = Value::Bool(true);
    let Some(name) = name else { return };
    match resource.get("name") {
        Some(written) if written.as_text() != name.as_text() => {
            let message = "`external.name` and `name` differ; the first is an old form of the second";
            problems.push(Problem::new(&rules::CONFLICT, &name.span, message));
        }
        _ => {
            resource.insert("name".into(), name);
        }
    }
}

/// Removes what is defined again: the last definition takes the first one's place.
pub(super) fn unique(root: &mut Map) {
    if let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) {
        for node in services.values_mut() {
            if let Some(service) = node.as_map_mut() {
                unique_service(service);
            }
        }
    }
    for section in ["networks", "volumes"] {
        if let Some(resources) = root.get_mut(section).and_then(Node::as_map_mut) {
            for resource in resources.values_mut().filter_map(Node::as_map_mut) {
                if let Some(labels) = resource.get_mut("labels") {
                    by(labels, key_of);
                }
            }
        }
    }
}

fn unique_service(service: &mut Map) {
    for (attribute, node) in service.iter_mut() {
        match attribute.as_ref() {
            "annotations" | "cap_add" | "cap_drop" | "dns" | "dns_opt" | "dns_search" | "environment"
            | "labels" | "links" | "profiles" | "sysctls" | "tmpfs" => by(node, key_of),
            "expose" => by(node, Node::scalar),
            "volumes" => by(node, |item| match item.as_text() {
                Some(text) => short::volume(text)
                    .ok()
                    .map(|volume| short::clean(&volume.target).into()),
                None => item.as_map()?.get("target")?.scalar(),
            }),
            "devices" => by(node, |item| match item.as_text() {
                Some(text) => Some(text.split(':').nth(1).unwrap_or(text).into()),
                None => item.as_map()?.get("target")?.scalar(),
            }),
            "env_file" => by(node, |item| match item.as_text() {
                Some(text) => Some(text.into()),
                None => item.as_map()?.get("path")?.scalar(),
            }),
            "secrets" => by(node, |item| mount_target(item, "/run/secrets")),
            "configs" => by(node, |item| mount_target(item, "")),
            "ports" => by(node, port_key),
            "build" => inside(node, |key| {
                matches!(key, "args" | "additional_contexts" | "labels" | "tags")
            }),
            "deploy" => inside(node, |key| key == "labels"),
            "networks" => {
                for network in node.as_map_mut().into_iter().flat_map(Map::values_mut) {
                    inside(network, |key| matches!(key, "aliases" | "link_local_ips"));
                }
            }
            _ => {}
        }
    }
}

/// Removes what is defined again in these lists of a mapping.
fn inside(node: &mut Node, is_list: impl Fn(&str) -> bool) {
    for (key, list) in node.as_map_mut().into_iter().flat_map(Map::iter_mut) {
        if is_list(key) {
            by(list, key_of);
        }
    }
}

fn key_of(item: &Node) -> Option<Cow<'_, str>> {
    let text = item.as_text()?;
    Some(text.split('=').next().unwrap_or(text).into())
}

fn mount_target<'a>(item: &'a Node, folder: &str) -> Option<Cow<'a, str>> {
    match item.as_text() {
        Some(text) => Some(format!("{folder}/{text}").into()),
        None => {
            let map = item.as_map()?;
            match map.get("target") {
                Some(target) => target.scalar(),
                None => Some(format!("{folder}/{}", map.get("source")?.scalar()?).into()),
            }
        }
    }
}

fn port_key(item: &Node) -> Option<Cow<'_, str>> {
    let Some(map) = item.as_map() else {
        return item.scalar();
    };
    let text =
        |key: &str, default: &'static str| map.get(key).and_then(Node::scalar).unwrap_or(default.into());
    let parts = [
        text("host_ip", "0.0.0.0"),
        ":".into(),
        text("published", ""),
        ":".into(),
        map.get("target")?.scalar()?,
        "/".into(),
        text("protocol", "tcp"),
    ];
    Some(parts.concat().into())
}

fn by(node: &mut Node, key: impl Fn(&Node) -> Option<Cow<'_, str>>) {
    let Some(items) = node.as_list_mut() else { return };
    if items.len() < 2 || !repeats(items.iter().filter_map(&key)) {
        return;
    }
    let mut seen: HashMap<String, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        match key(&item).map(|key| (seen.get(&*key).copied(), key)) {
            Some((Some(at), _)) => kept[at] = item,
            Some((None, key)) => {
                seen.insert(key.into_owned(), kept.len());
                kept.push(item);
            }
            None => kept.push(item),
        }
    }
    *items = kept;
}

/// Whether a key is there twice. It hardly ever is, and a few are compared faster than hashed.
fn repeats<'a>(keys: impl Iterator<Item = Cow<'a, str>>) -> bool {
    const FEW: usize = 16;
    let mut few: Vec<Cow<'a, str>> = Vec::with_capacity(FEW);
    let mut many: HashSet<Cow<'a, str>, foldhash::fast::RandomState> = HashSet::default();
    for key in keys {
        let is_new = if few.len() < FEW {
            let is_new = !few.contains(&key);
            few.push(key);
            is_new
        } else {
            !few.contains(&key) && many.insert(key)
        };
        if !is_new {
            return true;
        }
    }
    false
}
