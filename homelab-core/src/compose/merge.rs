//! How a later file's values are laid over an earlier one's, attribute by attribute.

use super::check::Problem;
use super::node::{Map, Node, Value, repeated};
use super::path::{Path, Step};
use super::rules;

/// Lays `over` over `base`.
pub(super) fn merge(base: &mut Map, over: Map, problems: &mut Vec<Problem>) {
    let mut trail = Vec::new();
    mappings(base, over, &mut trail, problems);
}

/// Lays a service over the one that it extends.
pub(super) fn merge_service(base: &mut Map, over: Map, problems: &mut Vec<Problem>) {
    let mut trail: Vec<Box<str>> = vec!["services".into(), "*".into()];
    mappings(base, over, &mut trail, problems);
}

/// Takes out what `!reset` and `!override` name.
pub(super) fn reset(root: &mut Map, paths: &[Path]) {
    for path in paths {
        remove(root, path.steps());
    }
}

/// The same below one service, for what is extended.
pub(super) fn reset_service(service: &mut Map, name: &str, paths: &[Path]) {
    for path in paths {
        if let [Step::Key(services), Step::Key(service_name), rest @ ..] = path.steps()
            && services.as_ref() == "services"
            && service_name.as_ref() == name
            && !rest.is_empty()
        {
            remove(service, rest);
        }
    }
}

fn remove(map: &mut Map, steps: &[Step]) {
    match steps {
        [Step::Key(key)] => {
            map.remove(key);
        }
        [Step::Key(key), rest @ ..] => {
            if let Some(Value::Map(inner)) = map.get_mut(key).map(|node| &mut node.value) {
                remove(inner, rest);
            }
        }
        _ => {}
    }
}

fn mappings(base: &mut Map, over: Map, trail: &mut Vec<Box<str>>, problems: &mut Vec<Problem>) {
    for (key, value) in over {
        match base.get_mut(&key) {
            None => {
                base.insert(key, value);
            }
            Some(before) => {
                trail.push(key);
                values(before, value, trail, problems);
                trail.pop();
            }
        }
    }
}

/// How an attribute is merged, where it is not by its kind of value.
enum Way {
    Override,
    Sequence,
    Build,
    DependsOn,
    ExtraHosts,
    Logging,
    Names,
    IpamConfig,
    Ulimit,
}

fn way(trail: &[Box<str>]) -> Option<Way> {
    let parts: [&str; 6] = {
        let mut parts = [""; 6];
        for (part, step) in parts.iter_mut().zip(trail) {
            *part = step;
        }
        parts
    };
    Some(match (trail.len(), parts) {
        (3, ["services", _, attribute, ..]) => match attribute {
            "command" | "entrypoint" => Way::Override,
            "annotations" | "dns" | "dns_opt" | "dns_search" | "env_file" | "label_file" | "environment"
            | "labels" | "sysctls" | "tmpfs" => Way::Sequence,
            "build" => Way::Build,
            "depends_on" => Way::DependsOn,
            "extra_hosts" => Way::ExtraHosts,
            "logging" => Way::Logging,
            "networks" | "models" => Way::Names,
            _ => return None,
        },
        (
            4,
            [
                "services",
                _,
                "build",
                "args" | "additional_contexts" | "labels",
                ..,
            ],
        )
        | (4, ["services", _, "deploy", "labels", ..])
        | (3, ["networks" | "volumes", _, "labels", ..]) => Way::Sequence,
        (4, ["services", _, "build", "extra_hosts", ..]) => Way::ExtraHosts,
        (4, ["services", _, "healthcheck", "test", ..]) => Way::Override,
        (4, ["services", _, "ulimits", ..]) => Way::Ulimit,
        (4, ["networks", _, "ipam", "config", ..]) => Way::IpamConfig,
        _ => return None,
    })
}

fn values(base: &mut Node, over: Node, trail: &mut Vec<Box<str>>, problems: &mut Vec<Problem>) {
    let way = way(trail);
    match way {
        Some(Way::Override) | Some(Way::Ulimit) => *base = over,
        Some(Way::Sequence | Way::ExtraHosts) => {
            let (key, span) = (base.key.clone(), base.span.clone());
            let mut items = sequence(std::mem::replace(&mut base.value, Value::Null), base);
            let over_node = Node {
                value: Value::Null,
                ..over.clone()
            };
            let hosts = matches!(way, Some(Way::ExtraHosts));
            let own = items.len();
            items.extend(sequence(over.value, &over_node));
            if hosts {
                let mut repeated = repeated(&items).into_iter().enumerate();
                items.retain(|_| {
                    !repeated
                        .next()
                        .is_some_and(|(at, repeated)| repeated && at >= own)
                });
            }
            *base = Node {
                value: Value::List(items),
                span,
                key,
                text: None,
            };
        }
        Some(Way::Build) => {
            let wrap = |node: &mut Node| {
                if let Value::Text(_) = node.value {
                    let inner = node.clone().keyed(None);
                    let mut map = Map::default();
                    map.insert("context".into(), inner);
                    node.value = Value::Map(map);
                }
            };
            let mut over = over;
            wrap(base);
            wrap(&mut over);
            by_kind(base, over, trail, problems);
        }
        Some(Way::DependsOn) => {
            let mut over = over;
            dependencies(base);
            dependencies(&mut over);
            by_kind(base, over, trail, problems);
        }
        Some(Way::Names) => {
            let mut over = over;
            names(base);
            names(&mut over);
            by_kind(base, over, trail, problems);
        }
        Some(Way::Logging) => {
            let driver = |node: &Node| {
                node.as_map()
                    .and_then(|map| map.get("driver"))
                    .map(|node| node.scalar_text())
            };
            let (before, after) = (driver(base), driver(&over));
            if before == after || before.is_none() || after.is_none() {
                by_kind(base, over, trail, problems);
            } else {
                *base = over;
            }
        }
        Some(Way::IpamConfig) => ipam(base, over, trail, problems),
        None => by_kind(base, over, trail, problems),
    }
}

fn by_kind(base: &mut Node, over: Node, trail: &mut Vec<Box<str>>, problems: &mut Vec<Problem>) {
    if over.is_null() && !base.is_null() && matches!(base.value, Value::Map(_) | Value::List(_)) {
        return;
    }
    match (&mut base.value, over.value) {
        (Value::Map(base), Value::Map(over)) => mappings(base, over, trail, problems),
        (Value::List(base), Value::List(over)) => base.extend(over),
        (Value::Map(_), _) => cannot(trail, "a mapping", &over.span, problems),
        (Value::List(_), _) => cannot(trail, "a list", &over.span, problems),
        (value, over_value) => {
            *value = over_value;
            base.span = over.span;
            base.key = over.key.or_else(|| base.key.take());
            base.text = over.text;
        }
    }
}

fn cannot(trail: &[Box<str>], kind: &str, span: &crate::span::Span, problems: &mut Vec<Problem>) {
    let name = trail.last().map_or("", |name| name);
    let message = format!("`{name}` is {kind} in an earlier file, and something else here");
    problems.push(Problem::new(&rules::INVALID_VALUE, span, message));
}

/// A mapping or single value as the list of `KEY=VALUE` that it stands for.
fn sequence(value: Value, of: &Node) -> Vec<Node> {
    match value {
        Value::List(items) => items,
        Value::Map(map) => {
            let mut items = Vec::with_capacity(map.len());
            for (key, node) in map {
                match &node.value {
                    Value::List(inner) => {
                        for item in inner {
                            let text = format!("{key}={}", item.scalar_text().unwrap_or_default());
                            items.push(item.replaced(Value::Text(text.into())));
                        }
                    }
                    _ => {
                        let text = match node.scalar_text() {
                            Some(text) => format!("{key}={text}"),
                            None => key.to_string(),
                        };
                        let span = node.place().clone();
                        items.push(Node {
                            value: Value::Text(text.into()),
                            span,
                            key: None,
                            text: node.text.clone(),
                        });
                    }
                }
            }
            items
        }
        Value::Null => Vec::new(),
        other => vec![Node {
            value: other,
            span: of.span.clone(),
            key: None,
            text: of.text.clone(),
        }],
    }
}

/// A list of services as the mapping that it stands for.
pub(super) fn dependencies(node: &mut Node) {
    let Value::List(items) = &node.value else { return };
    let mut map = Map::default();
    for item in items {
        let Some(name) = item.as_text() else { continue };
        let mut inner = Map::default();
        inner.insert(
            "condition".into(),
            Node::text("service_started", item.span.clone()),
        );
        inner.insert("required".into(), Node::new(Value::Bool(true), item.span.clone()));
        map.insert(name.into(), Node::new(Value::Map(inner), item.span.clone()));
    }
    node.value = Value::Map(map);
}

/// A list of names as a mapping to nothing.
pub(super) fn names(node: &mut Node) {
    let Value::List(items) = &node.value else { return };
    let mut map = Map::default();
    for item in items {
        if let Some(name) = item.as_text() {
            let span = item.span.clone();
            map.insert(
                name.into(),
                Node {
                    value: Value::Null,
                    span,
                    key: None,
                    text: item.text.clone(),
                },
            );
        }
    }
    node.value = Value::Map(map);
}

/// Lays blocks of addresses over each other, pair by pair, as Compose does: a later block of another subnet takes the
/// place of all earlier ones, and one of the same subnet is laid over it.
fn ipam(base: &mut Node, over: Node, trail: &mut Vec<Box<str>>, problems: &mut Vec<Problem>) {
    let span = over.span.clone();
    let (Value::List(before), Value::List(after)) = (&mut base.value, over.value) else {
        cannot(trail, "a list", &span, problems);
        return;
    };
    let subnet = |node: &Node| {
        node.as_map()
            .and_then(|map| map.get("subnet"))
            .and_then(Node::scalar_text)
    };
    // The result names blocks by their place here, since one that is in it already may still be changed.
    let mut blocks: Vec<Node> = after;
    let later = blocks.len();
    let mut result: Vec<usize> = Vec::new();
    for original in before.drain(..) {
        let this = blocks.len();
        blocks.push(original);
        for index in 0..later {
            if subnet(&blocks[index]) != subnet(&blocks[this]) {
                let known = result
                    .iter()
                    .any(|&at| subnet(&blocks[at]) == subnet(&blocks[index]));
                if !known {
                    result.push(index);
                    continue;
                }
            }
            let over = blocks[index].clone();
            trail.push("[]".into());
            by_kind(&mut blocks[this], over, trail, problems);
            trail.pop();
            match result
                .iter()
                .position(|&at| subnet(&blocks[at]) == subnet(&blocks[this]))
            {
                Some(at) => result[at] = this,
                None => result.push(this),
            }
        }
    }
    *before = result.into_iter().map(|at| blocks[at].clone()).collect();
}
