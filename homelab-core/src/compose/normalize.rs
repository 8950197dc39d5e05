//! What Compose adds to a merged project: defaults, absolute paths, the default network, implied dependencies, names.

use super::check::Problem;
use super::node::{Map, Node, Value};
use super::rules;
use super::short::clean;
use crate::span::Span;

/// Fills in what a file may leave out, below its services.
pub(super) fn defaults(root: &mut Map) {
    let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) else {
        return;
    };
    for service in services.values_mut().filter_map(Node::as_map_mut) {
        if let Some(build) = service.get_mut("build") {
            let span = build.place().clone();
            if let Some(build) = build.as_map_mut() {
                build.get_or_insert_with("context", || Node::text(".", span));
            }
        }
        if let Some(items) = service.get_mut("secrets").and_then(Node::as_list_mut) {
            for item in items {
                let span = item.span.clone();
                let Some(map) = item.as_map_mut() else { continue };
                if !map.contains_key("target")
                    && let Some(source) = map.get("source").and_then(Node::scalar_text)
                {
                    map.insert(
                        "target".into(),
                        Node::text(format!("/run/secrets/{source}"), span),
                    );
                }
            }
        }
        if let Some(items) = service.get_mut("ports").and_then(Node::as_list_mut) {
            for item in items {
                let span = item.span.clone();
                let Some(map) = item.as_map_mut() else { continue };
                map.get_or_insert_with("protocol", || Node::text("tcp", span.clone()));
                map.get_or_insert_with("mode", || Node::text("ingress", span));
            }
        }
        if let Some(items) = service.get_mut("gpus").and_then(Node::as_list_mut) {
            items.iter_mut().for_each(device_request);
        }
        let devices = service
            .get_mut("deploy")
            .and_then(Node::as_map_mut)
            .and_then(|deploy| deploy.get_mut("resources"))
            .and_then(Node::as_map_mut)
            .and_then(|resources| resources.get_mut("reservations"))
            .and_then(Node::as_map_mut)
            .and_then(|reservations| reservations.get_mut("devices"))
            .and_then(Node::as_list_mut);
        if let Some(items) = devices {
            items.iter_mut().for_each(device_request);
        }
    }
}

fn device_request(item: &mut Node) {
    let span = item.span.clone();
    let Some(map) = item.as_map_mut() else { return };
    if !map.contains_key("count") && !map.contains_key("device_ids") {
        map.insert("count".into(), Node::text("all", span));
    }
}

/// Checks what a table of attributes cannot say.
pub(super) fn validate(root: &mut Map, problems: &mut Vec<Problem>) {
    for section in ["volumes", "networks"] {
        let Some(resources) = root.get_mut(section).and_then(Node::as_map_mut) else {
            continue;
        };
        for (name, node) in resources.iter_mut() {
            let Some(map) = node.as_map_mut() else { continue };
            if section == "volumes" && map.get("external").and_then(Node::as_bool) == Some(true) {
                let other = map
                    .iter()
                    .find(|(key, _)| !matches!(key.as_ref(), "name" | "external") && !key.starts_with("x-"));
                if let Some((key, value)) = other {
                    let message = format!("the volume `{name}` is `external`, so `{key}` cannot be set here");
                    problems.push(Problem::new(&rules::CONFLICT, value.place(), message));
                }
            }
        }
    }
    for (section, keys) in [
        ("configs", &["file", "environment", "content"][..]),
        ("secrets", &["file", "environment"][..]),
    ] {
        let Some(resources) = root.get(section).and_then(Node::as_map) else {
            continue;
        };
        for (name, node) in resources {
            let Some(map) = node.as_map() else { continue };
            let given: Vec<&&str> = keys.iter().filter(|key| map.contains_key(key)).collect();
            if given.len() > 1 {
                let message = format!("`{name}` can have one of `{}`", keys.join("`, `"));
                problems.push(Problem::new(&rules::CONFLICT, node.place(), message));
            } else if given.is_empty() && !map.contains_key("driver") && !map.contains_key("external") {
                let message = format!("`{name}` needs one of `{}`", keys.join("`, `"));
                problems.push(Problem::new(&rules::MISSING_KEY, node.place(), message));
            }
        }
    }
    let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) else {
        return;
    };
    for service in services.values_mut().filter_map(Node::as_map_mut) {
        if let Some(items) = service.get_mut("ports").and_then(Node::as_list_mut) {
            items.retain(|item| {
                let host_ip = item.as_map().and_then(|map| map.get("host_ip"));
                let right = host_ip
                    .and_then(Node::as_text)
                    .is_none_or(|text| text.parse::<std::net::IpAddr>().is_ok());
                if !right && let Some(node) = host_ip {
                    let message = format!("`{}` is no address", node.written());
                    problems.push(Problem::new(&rules::INVALID_VALUE, &node.span, message));
                }
                right
            });
        }
        for items in [service.get("gpus")]
            .into_iter()
            .flatten()
            .filter_map(Node::as_list)
        {
            for item in items {
                let Some(map) = item.as_map() else { continue };
                if map.contains_key("count") && map.contains_key("device_ids") {
                    let message = "`count` and `device_ids` exclude each other";
                    problems.push(Problem::new(&rules::CONFLICT, &item.span, message));
                }
            }
        }
    }
}

/// Where a tree's relative paths belong.
pub(super) struct Places<'a> {
    pub(super) directory: &'a str,
    pub(super) home: Option<&'a str>,
}

impl Places<'_> {
    /// An absolute path, or nothing to change.
    pub(super) fn absolute(&self, path: &str) -> Option<String> {
        let path = match (path.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) => format!("{home}{rest}"),
            _ => path.to_owned(),
        };
        if path.is_empty() {
            return None;
        }
        if path.starts_with('/') {
            return Some(path);
        }
        Some(clean(&format!("{}/{path}", self.directory)))
    }

    fn set(&self, node: &mut Node) {
        if let Some(path) = node.as_text().and_then(|text| self.absolute(text)) {
            node.value = Value::Text(path.into());
        }
    }

    /// Makes a path absolute, also an empty one: that is the directory itself.
    fn set_unless_windows(&self, node: &mut Node) {
        if node.as_text() == Some("") {
            node.value = Value::Text(self.directory.into());
            return;
        }
        let windows = node.as_text().is_some_and(|text| {
            let bytes = text.as_bytes();
            text.starts_with("\\\\")
                || (bytes.len() > 2
                    && bytes[0].is_ascii_alphabetic()
                    && bytes[1] == b':'
                    && matches!(bytes[2], b'/' | b'\\'))
        });
        if !windows {
            self.set(node);
        }
    }

    fn set_context(&self, node: &mut Node) {
        let remote = node.as_text().is_some_and(|text| {
            text.contains("://")
                || ["service:", "github.com/", "git@", "git://", "ssh://"]
                    .iter()
                    .any(|prefix| text.starts_with(prefix))
        });
        if !remote {
            self.set(node);
        }
    }
}

/// Makes every relative path absolute.
pub(super) fn paths(root: &mut Map, places: &Places<'_>) {
    if let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) {
        for service in services.values_mut().filter_map(Node::as_map_mut) {
            service_paths(service, places);
        }
    }
    for section in ["configs", "secrets"] {
        let Some(resources) = root.get_mut(section).and_then(Node::as_map_mut) else {
            continue;
        };
        for resource in resources.values_mut().filter_map(Node::as_map_mut) {
            if let Some(file) = resource.get_mut("file") {
                places.set_unless_windows(file);
            }
        }
    }
    let Some(volumes) = root.get_mut("volumes").and_then(Node::as_map_mut) else {
        return;
    };
    for volume in volumes.values_mut().filter_map(Node::as_map_mut) {
        if volume
            .get("driver")
            .and_then(Node::as_text)
            .is_some_and(|driver| driver != "local")
        {
            continue;
        }
        let Some(options) = volume.get_mut("driver_opts").and_then(Node::as_map_mut) else {
            continue;
        };
        if options.get("o").and_then(Node::as_text) == Some("bind")
            && let Some(device) = options.get_mut("device")
        {
            places.set_unless_windows(device);
        }
    }
}

pub(super) fn service_paths(service: &mut Map, places: &Places<'_>) {
    if let Some(build) = service.get_mut("build") {
        match &mut build.value {
            Value::Text(_) => places.set_context(build),
            Value::Map(build) => {
                if let Some(context) = build.get_mut("context") {
                    places.set_context(context);
                }
                match build.get_mut("additional_contexts").map(|node| &mut node.value) {
                    Some(Value::Map(contexts)) => {
                        contexts.values_mut().for_each(|node| places.set_context(node))
                    }
                    Some(Value::List(items)) => {
                        for item in items {
                            let Some((key, value)) = item.as_text().and_then(|text| text.split_once('='))
                            else {
                                continue;
                            };
                            let mut inner = Node::text(value, item.span.clone());
                            places.set_context(&mut inner);
                            let text = format!("{key}={}", inner.as_text().unwrap_or(value));
                            item.value = Value::Text(text.into());
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    if let Some(items) = service.get_mut("env_file").and_then(Node::as_list_mut) {
        for item in items {
            match item.as_map_mut().and_then(|map| map.get_mut("path")) {
                Some(path) => places.set(path),
                None => places.set(item),
            }
        }
    }
    if let Some(items) = service.get_mut("label_file").and_then(Node::as_list_mut) {
        items.iter_mut().for_each(|item| places.set(item));
    }
    if let Some(file) = service
        .get_mut("extends")
        .and_then(Node::as_map_mut)
        .and_then(|map| map.get_mut("file"))
    {
        places.set(file);
    }
    if let Some(items) = service
        .get_mut("develop")
        .and_then(Node::as_map_mut)
        .and_then(|map| map.get_mut("watch"))
        .and_then(Node::as_list_mut)
    {
        for path in items
            .iter_mut()
            .filter_map(Node::as_map_mut)
            .filter_map(|map| map.get_mut("path"))
        {
            places.set(path);
        }
    }
    if let Some(items) = service.get_mut("volumes").and_then(Node::as_list_mut) {
        for map in items.iter_mut().filter_map(Node::as_map_mut) {
            if map.get("type").and_then(Node::as_text) == Some("bind")
                && let Some(source) = map.get_mut("source")
            {
                places.set_unless_windows(source);
            }
        }
    }
}

/// Adds what Compose implies, and names what has no name.
pub(super) fn normalize(root: &mut Map, project: &str, lookup: &dyn Fn(&str) -> Option<String>) {
    networks(root);
    if let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) {
        for node in services.values_mut() {
            let span = node.place().clone();
            if let Some(service) = node.as_map_mut() {
                self::service(service, &span, lookup);
            }
        }
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        let Some(resources) = root.get_mut(section).and_then(Node::as_map_mut) else {
            continue;
        };
        for (key, node) in resources.iter_mut() {
            let span = node.place().clone();
            if node.is_null() {
                node.value = Value::Map(Map::default());
            }
            let Some(map) = node.as_map_mut() else { continue };
            if !map.contains_key("name") {
                let external = map.get("external").and_then(Node::as_bool) == Some(true);
                let name = if external {
                    key.to_string()
                } else {
                    format!("{project}_{key}")
                };
                map.insert("name".into(), Node::text(name, span));
            }
        }
    }
}

fn networks(root: &mut Map) {
    let mut uses_default = None;
    if let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) {
        for node in services.values_mut() {
            let span = node.place().clone();
            let Some(service) = node.as_map_mut() else {
                continue;
            };
            if service.contains_key("provider") || service.contains_key("network_mode") {
                continue;
            }
            let written = service
                .get("networks")
                .and_then(Node::as_map)
                .is_some_and(|map| !map.is_empty());
            if written {
                if service
                    .get("networks")
                    .and_then(Node::as_map)
                    .is_some_and(|map| map.contains_key("default"))
                {
                    uses_default.get_or_insert(span);
                }
                continue;
            }
            let mut map = Map::default();
            map.insert("default".into(), Node::new(Value::Null, span.clone()));
            service.insert("networks".into(), Node::new(Value::Map(map), span.clone()));
            uses_default.get_or_insert(span);
        }
    }
    let Some(span) = uses_default else { return };
    let networks =
        root.get_or_insert_with("networks", || Node::new(Value::Map(Map::default()), span.clone()));
    if networks.is_null() {
        networks.value = Value::Map(Map::default());
    }
    if let Some(map) = networks.as_map_mut() {
        map.get_or_insert_with("default", || Node::new(Value::Null, span));
    }
}

fn service(service: &mut Map, span: &Span, lookup: &dyn Fn(&str) -> Option<String>) {
    if let Some(policy) = service.get_mut("pull_policy")
        && policy.as_text() == Some("if_not_present")
    {
        policy.value = Value::Text("missing".into());
    }
    if let Some(build) = service.get_mut("build").and_then(Node::as_map_mut) {
        if !build.contains_key("dockerfile") && !build.contains_key("dockerfile_inline") {
            build.insert("dockerfile".into(), Node::text("Dockerfile", span.clone()));
        }
        if let Some(args) = build.get_mut("args") {
            fill(args, lookup, false);
        }
    }
    if let Some(environment) = service.get_mut("environment") {
        fill(environment, lookup, true);
    }
    for item in service
        .get_mut("volumes")
        .and_then(Node::as_list_mut)
        .into_iter()
        .flatten()
    {
        if let Some(target) = item.as_map_mut().and_then(|map| map.get_mut("target"))
            && let Some(text) = target.as_text().filter(|text| !text.is_empty())
        {
            target.value = Value::Text(clean(text).into());
        }
    }
    let mut implied: Vec<(String, Span, Option<bool>)> = Vec::new();
    if let Some(links) = service.get("links").and_then(Node::as_list) {
        for link in links {
            let Some(text) = link.as_text() else { continue };
            let parts: Vec<&str> = text.split(':').collect();
            let name = if parts.len() == 2 { parts[0] } else { text };
            implied.push((name.to_owned(), link.span.clone(), Some(true)));
        }
    }
    for namespace in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(node) = service.get(namespace)
            && let Some(name) = node.as_text().and_then(|text| text.strip_prefix("service:"))
        {
            implied.push((name.to_owned(), node.span.clone(), Some(true)));
        }
    }
    if let Some(items) = service.get("volumes_from").and_then(Node::as_list) {
        for item in items {
            let Some(text) = item.as_text() else { continue };
            if !text.starts_with("container:") {
                let name = text.split(':').next().unwrap_or(text);
                implied.push((name.to_owned(), item.span.clone(), Some(false)));
            }
        }
    }
    if implied.is_empty() {
        return;
    }
    let node = service.get_or_insert_with("depends_on", || {
        Node::new(Value::Map(Map::default()), span.clone())
    });
    let Some(map) = node.as_map_mut() else { return };
    for (name, span, restart) in implied {
        map.get_or_insert_with(&name, || {
            let mut inner = Map::default();
            inner.insert("condition".into(), Node::text("service_started", span.clone()));
            inner.insert("required".into(), Node::new(Value::Bool(true), span.clone()));
            if let Some(restart) = restart {
                inner.insert("restart".into(), Node::new(Value::Bool(restart), span.clone()));
            }
            Node::new(Value::Map(inner), span)
        });
    }
}

/// Gives variables that are only named the value that the environment has.
fn fill(node: &mut Node, lookup: &dyn Fn(&str) -> Option<String>, keep: bool) {
    match &mut node.value {
        Value::List(items) => items.retain_mut(|item| {
            let Some(text) = item.as_text() else { return true };
            if text.contains('=') {
                return true;
            }
            match lookup(text) {
                Some(value) => {
                    item.value = Value::Text(format!("{text}={value}").into());
                    true
                }
                None => keep,
            }
        }),
        Value::Map(map) => map.retain(|key, value| {
            if !value.is_null() {
                return true;
            }
            match lookup(key) {
                Some(text) => {
                    value.value = Value::Text(text.into());
                    true
                }
                None => keep,
            }
        }),
        _ => {}
    }
}
