//! Brings every short form into its long one, and removes what a later file defines again.

use std::collections::HashMap;

use super::check::Problem;
use super::merge::{dependencies, names};
use super::node::{Map, Node, Value};
use super::rules;
use super::short;

/// The most ports that one service may have, ranges expanded: there are not more of one protocol.
const MAX_PORTS: usize = 70_000;

/// Brings a whole tree into its long forms.
pub(super) fn canonical(root: &mut Map, problems: &mut Vec<Problem>) {
    if let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) {
        for node in services.values_mut() {
            if let Some(service) = node.as_map_mut() {
                self::service(service, problems);
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

fn service(service: &mut Map, problems: &mut Vec<Problem>) {
    if let Some(build) = service.get_mut("build") {
        self::build(build);
    }
    if let Some(node) = service.get_mut("depends_on") {
        dependencies(node);
        for dependency in node.as_map_mut().into_iter().flat_map(|map| map.values_mut()) {
            let span = dependency.span.clone();
            if let Some(map) = dependency.as_map_mut() {
                map.entry("required".into())
                    .or_insert_with(|| Node::new(Value::Bool(true), span));
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
        ports(items, problems);
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
            map.entry("required".into())
                .or_insert_with(|| Node::new(Value::Bool(true), span));
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

fn ports(items: &mut Vec<Node>, problems: &mut Vec<Problem>) {
    if items.iter().all(|item| item.as_map().is_some()) {
        return;
    }
    let mut long = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        match &item.value {
            Value::Map(_) => long.push(item),
            Value::Int(_) | Value::Uint(_) => {
                let mut map = Map::default();
                map.insert("target".into(), item.clone());
                long.push(item.replaced(Value::Map(map)));
            }
            Value::Text(text) => match short::port(text) {
                Ok(parsed) if long.len() + parsed.len() > MAX_PORTS => {
                    let message = format!("a service cannot have more than {MAX_PORTS} ports");
                    problems.push(Problem::new(&rules::INVALID_VALUE, &item.span, message));
                }
                Ok(parsed) => {
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
    let name = inner.shift_remove("name");
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
                by(resource, "labels", key_of);
            }
        }
    }
}

fn unique_service(service: &mut Map) {
    for attribute in [
        "annotations",
        "cap_add",
        "cap_drop",
        "dns",
        "dns_opt",
        "dns_search",
        "environment",
        "labels",
        "links",
        "profiles",
        "sysctls",
        "tmpfs",
    ] {
        by(service, attribute, key_of);
    }
    by(service, "expose", |item| item.scalar_text());
    by(service, "volumes", |item| match item.as_text() {
        Some(text) => short::volume(text)
            .ok()
            .map(|volume| short::clean(&volume.target)),
        None => item.as_map()?.get("target")?.scalar_text(),
    });
    by(service, "devices", |item| match item.as_text() {
        Some(text) => Some(text.split(':').nth(1).unwrap_or(text).to_owned()),
        None => item.as_map()?.get("target")?.scalar_text(),
    });
    by(service, "env_file", |item| match item.as_text() {
        Some(text) => Some(text.to_owned()),
        None => item.as_map()?.get("path")?.scalar_text(),
    });
    by(service, "secrets", |item| mount_target(item, "/run/secrets"));
    by(service, "configs", |item| mount_target(item, ""));
    by(service, "ports", port_key);
    if let Some(build) = service.get_mut("build").and_then(Node::as_map_mut) {
        for attribute in ["args", "additional_contexts", "labels", "tags"] {
            by(build, attribute, key_of);
        }
    }
    if let Some(deploy) = service.get_mut("deploy").and_then(Node::as_map_mut) {
        by(deploy, "labels", key_of);
    }
    if let Some(networks) = service.get_mut("networks").and_then(Node::as_map_mut) {
        for network in networks.values_mut().filter_map(Node::as_map_mut) {
            by(network, "aliases", key_of);
            by(network, "link_local_ips", key_of);
        }
    }
}

fn key_of(item: &Node) -> Option<String> {
    let text = item.as_text()?;
    Some(text.split('=').next().unwrap_or(text).to_owned())
}

fn mount_target(item: &Node, folder: &str) -> Option<String> {
    match item.as_text() {
        Some(text) => Some(format!("{folder}/{text}")),
        None => {
            let map = item.as_map()?;
            match map.get("target") {
                Some(target) => target.scalar_text(),
                None => Some(format!("{folder}/{}", map.get("source")?.scalar_text()?)),
            }
        }
    }
}

fn port_key(item: &Node) -> Option<String> {
    match item.as_map() {
        Some(map) => {
            let text = |key: &str, default: &str| {
                map.get(key)
                    .and_then(Node::scalar_text)
                    .unwrap_or_else(|| default.to_owned())
            };
            Some(format!(
                "{}:{}:{}/{}",
                text("host_ip", "0.0.0.0"),
                text("published", ""),
                map.get("target")?.scalar_text()?,
                text("protocol", "tcp")
            ))
        }
        None => item.scalar_text(),
    }
}

fn by(map: &mut Map, attribute: &str, key: impl Fn(&Node) -> Option<String>) {
    let Some(items) = map.get_mut(attribute).and_then(Node::as_list_mut) else {
        return;
    };
    if items.len() < 2 {
        return;
    }
    let mut seen: HashMap<String, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        match key(&item).map(|key| (seen.get(&key).copied(), key)) {
            Some((Some(at), _)) => kept[at] = item,
            Some((None, key)) => {
                seen.insert(key, kept.len());
                kept.push(item);
            }
            None => kept.push(item),
        }
    }
    *items = kept;
}
