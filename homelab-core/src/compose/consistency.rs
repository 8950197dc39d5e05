//! What must hold between the parts of a whole project.

use std::collections::HashMap;

use super::check::Problem;
use super::node::{Map, Node};
use super::rules;
use crate::span::Span;

type Table<'a, V> = HashMap<&'a str, V, foldhash::fast::RandomState>;

/// Checks the services that run; `all` also has those whose profiles are not active.
pub(super) fn consistency(root: &Map, active: &dyn Fn(&str) -> bool, problems: &mut Vec<Problem>) {
    let empty = Map::default();
    let section = |name: &str| root.get(name).and_then(Node::as_map).unwrap_or(&empty);
    let services = section("services");
    let project = Sections {
        services,
        networks: section("networks"),
        volumes: section("volumes"),
        models: section("models"),
        configs: section("configs"),
        secrets: section("secrets"),
        active,
    };
    let mut containers: Table<'_, &str> = Table::default();
    for (name, node) in services {
        if !active(name) {
            continue;
        }
        let Some(service) = node.as_map() else { continue };
        project.service(name, node, service, problems);
        if let Some(container) = service.get("container_name")
            && let Some(text) = container.as_text().filter(|text| !text.is_empty())
            && let Some(other) = containers.insert(text, name)
        {
            let message = format!("`{other}` and `{name}` have the same `container_name`");
            problems.push(Problem::new(&rules::CONFLICT, &container.span, message));
        }
    }
    cycles(services, active, problems);
}

struct Sections<'a> {
    services: &'a Map,
    networks: &'a Map,
    volumes: &'a Map,
    models: &'a Map,
    configs: &'a Map,
    secrets: &'a Map,
    active: &'a dyn Fn(&str) -> bool,
}

impl Sections<'_> {
    fn service(&self, name: &str, node: &Node, service: &Map, problems: &mut Vec<Problem>) {
        let text = |key: &str| {
            service
                .get(key)
                .and_then(Node::as_text)
                .filter(|text| !text.is_empty())
        };
        if service.get("build").is_none() && text("image").is_none() && service.get("provider").is_none() {
            let message = format!("the service `{name}` has neither `image` nor `build`");
            let place = service
                .get("image")
                .map_or_else(|| node.place(), |image| &image.span);
            problems.push(Problem::new(&rules::NO_IMAGE, place, message));
        }
        let undefined = |kind: &str, missing: &str, at: &Node| {
            let missing = at.text.as_ref().map_or(missing, |written| &written.raw);
            let message =
                format!("the service `{name}` refers to the {kind} `{missing}`, which is not declared");
            Problem::new(&rules::UNDEFINED, at.place(), message)
        };
        if let Some(build) = service.get("build").and_then(Node::as_map) {
            self.build(name, service, build, problems);
        }
        let networks = service.get("networks").and_then(Node::as_map);
        if let (Some(mode), Some(networks)) = (service.get("network_mode"), networks)
            && mode.as_text().is_some_and(|mode| !mode.is_empty())
            && !networks.is_empty()
        {
            let message = format!("the service `{name}` has both `network_mode` and `networks`");
            problems.push(Problem::new(&rules::CONFLICT, mode.place(), message));
        }
        for (network, at) in networks.into_iter().flatten() {
            if !self.networks.contains_key(network) {
                problems.push(undefined("network", network, at));
            }
        }
        for (model, at) in service.get("models").and_then(Node::as_map).into_iter().flatten() {
            if !self.models.contains_key(model) {
                problems.push(undefined("model", model, at));
            }
        }
        if let Some(test) = service
            .get("healthcheck")
            .and_then(Node::as_map)
            .and_then(|map| map.get("test"))
            && let Some([first, ..]) = test.as_list()
            && !matches!(first.as_text(), Some("CMD" | "CMD-SHELL" | "NONE"))
        {
            let message = "a list for `test` begins with `CMD`, `CMD-SHELL` or `NONE`";
            problems.push(Problem::new(&rules::INVALID_VALUE, &first.span, message));
        }
        for (dependency, at) in service
            .get("depends_on")
            .and_then(Node::as_map)
            .into_iter()
            .flatten()
        {
            let required = at
                .as_map()
                .and_then(|map| map.get("required"))
                .and_then(Node::as_bool)
                != Some(false);
            if !self.services.contains_key(dependency) {
                problems.push(undefined("service", dependency, at));
            } else if required && !(self.active)(dependency) {
                let shown = at.text.as_ref().map_or(&**dependency, |written| &written.raw);
                let message =
                    format!("the service `{name}` waits for `{shown}`, whose profile is not active");
                problems.push(Problem::new(&rules::UNDEFINED, at.place(), message).with_fix(format!(
                    "Activate its profile, put `{name}` into the same one, or write `required: false` below `{shown}`."
                )));
            }
        }
        if let Some(mode) = service.get("network_mode")
            && let Some(other) = mode.as_text().and_then(|mode| mode.strip_prefix("service:"))
            && !self.services.contains_key(other)
            && !service
                .get("depends_on")
                .and_then(Node::as_map)
                .is_some_and(|map| map.contains_key(other))
        {
            problems.push(undefined("service", other, mode));
        }
        self.mounts(name, service, problems);
        for (attribute, declared) in [("configs", self.configs), ("secrets", self.secrets)] {
            for item in service
                .get(attribute)
                .and_then(Node::as_list)
                .into_iter()
                .flatten()
            {
                let source = item
                    .as_map()
                    .and_then(|map| map.get("source"))
                    .and_then(Node::as_text)
                    .unwrap_or("");
                if !declared.contains_key(source) {
                    problems.push(undefined(attribute.trim_end_matches('s'), source, item));
                }
            }
        }
        self.amounts(name, service, problems);
        for item in service
            .get("develop")
            .and_then(Node::as_map)
            .and_then(|map| map.get("watch"))
            .and_then(Node::as_list)
            .into_iter()
            .flatten()
        {
            let Some(map) = item.as_map() else { continue };
            let action = map.get("action").and_then(Node::as_text).unwrap_or("");
            let target = map.get("target").and_then(Node::as_text).unwrap_or("");
            if target.is_empty() && !matches!(action, "rebuild" | "restart") {
                let message = format!("the action `{action}` needs a `target`");
                problems.push(Problem::new(&rules::MISSING_KEY, &item.span, message));
            }
        }
    }

    fn build(&self, name: &str, service: &Map, build: &Map, problems: &mut Vec<Problem>) {
        if let (Some(_), Some(inline)) = (build.get("dockerfile"), build.get("dockerfile_inline")) {
            let message = format!("the service `{name}` has both `dockerfile` and `dockerfile_inline`");
            problems.push(Problem::new(&rules::CONFLICT, inline.place(), message));
        }
        for item in build.get("secrets").and_then(Node::as_list).into_iter().flatten() {
            let source = item
                .as_map()
                .and_then(|map| map.get("source"))
                .and_then(Node::as_text)
                .unwrap_or("");
            if !self.secrets.contains_key(source) {
                let message =
                    format!("the service `{name}` refers to the secret `{source}`, which is not declared");
                problems.push(Problem::new(&rules::UNDEFINED, &item.span, message));
            }
        }
        if let Some(contexts) = build.get("additional_contexts") {
            let pairs: Vec<(&str, &Node)> = match (contexts.as_map(), contexts.as_list()) {
                (Some(map), _) => map
                    .values()
                    .filter_map(|node| Some((node.as_text()?, node)))
                    .collect(),
                (_, Some(items)) => items
                    .iter()
                    .filter_map(|item| Some((item.as_text()?.split_once('=')?.1, item)))
                    .collect(),
                _ => Vec::new(),
            };
            for (context, at) in pairs {
                let Some(other) = context.strip_prefix("service:") else {
                    continue;
                };
                let builds = self
                    .services
                    .get(other)
                    .and_then(Node::as_map)
                    .is_some_and(|map| map.contains_key("build"));
                if !builds {
                    let message = format!("the service `{name}` builds on `{other}`, which builds nothing");
                    problems.push(Problem::new(&rules::UNDEFINED, &at.span, message));
                }
            }
        }
        let platforms: Vec<&str> = build
            .get("platforms")
            .and_then(Node::as_list)
            .into_iter()
            .flatten()
            .filter_map(Node::as_text)
            .collect();
        if let Some(platform) = service.get("platform")
            && let Some(text) = platform.as_text()
            && !text.is_empty()
            && !platforms.is_empty()
            && !platforms.contains(&text)
        {
            let message = format!("`build.platforms` of `{name}` must hold its platform `{text}`");
            problems.push(Problem::new(&rules::CONFLICT, platform.place(), message));
        }
    }

    fn mounts<'s>(&self, name: &str, service: &'s Map, problems: &mut Vec<Problem>) {
        let mut targets: Table<'s, &Span> = Table::default();
        let mut twice = |target: &'s str, at: &'s Node, problems: &mut Vec<Problem>| {
            if let Some(first) = targets.insert(target, &at.span) {
                let message = format!(
                    "`{}` is mounted twice in `{name}`, first at {first}",
                    at.written()
                );
                problems.push(Problem::new(&rules::CONFLICT, &at.span, message));
            }
        };
        let tmpfs: Vec<&Node> = match service.get("tmpfs").map(|node| (node, node.as_list())) {
            Some((_, Some(items))) => items.iter().collect(),
            Some((node, None)) => vec![node],
            None => Vec::new(),
        };
        for item in tmpfs {
            if let Some(text) = item.as_text() {
                twice(text.split(':').next().unwrap_or(text), item, problems);
            }
        }
        for item in service
            .get("volumes")
            .and_then(Node::as_list)
            .into_iter()
            .flatten()
        {
            let Some(map) = item.as_map() else { continue };
            let text = |key: &str| map.get(key).and_then(Node::as_text).unwrap_or("");
            if text("type") == "volume"
                && !text("source").is_empty()
                && !self.volumes.contains_key(text("source"))
            {
                let source = map.get("source").map_or_else(String::new, Node::written);
                let message =
                    format!("the service `{name}` refers to the volume `{source}`, which is not declared");
                problems.push(Problem::new(&rules::UNDEFINED, &item.span, message));
            }
            twice(text("target"), map.get("target").unwrap_or(item), problems);
        }
    }

    fn amounts(&self, name: &str, service: &Map, problems: &mut Vec<Problem>) {
        let deploy = service.get("deploy").and_then(Node::as_map);
        let number = |node: Option<&Node>| {
            node.and_then(Node::scalar_text)
                .and_then(|text| text.parse::<f64>().ok())
        };
        let (scale, replicas) = (service.get("scale"), deploy.and_then(|map| map.get("replicas")));
        if let (Some(scale_node), Some(_)) = (scale, replicas)
            && number(scale) != number(replicas)
        {
            let message = format!("`scale` and `deploy.replicas` of `{name}` differ");
            problems.push(Problem::new(&rules::CONFLICT, scale_node.place(), message));
        }
        if let Some(container) = service.get("container_name")
            && number(scale.or(replicas)).is_some_and(|count| count > 1.0)
        {
            let message = format!("`{name}` runs several times, so it cannot have a `container_name`");
            problems.push(Problem::new(&rules::CONFLICT, container.place(), message));
        }
        let resources = deploy.and_then(|map| map.get("resources")).and_then(Node::as_map);
        for (attribute, section, key) in [
            ("cpus", "limits", "cpus"),
            ("mem_limit", "limits", "memory"),
            ("mem_reservation", "reservations", "memory"),
            ("pids_limit", "limits", "pids"),
        ] {
            // A section that is there and says nothing of it stands for none.
            let Some(section_map) = resources.and_then(|map| map.get(section)).and_then(Node::as_map) else {
                continue;
            };
            let Some(outer) = service.get(attribute) else {
                continue;
            };
            let value = |node: &Node| match key {
                "memory" => node
                    .scalar_text()
                    .and_then(|text| super::amount::bytes(&text))
                    .map(|bytes| bytes.to_string()),
                _ => number(Some(node)).map(|value| value.to_string()),
            };
            let nothing = || Some("0".to_owned());
            if value(outer) != nothing() && value(outer) != section_map.get(key).map_or_else(nothing, value) {
                let message =
                    format!("`{attribute}` and `deploy.resources.{section}.{key}` of `{name}` differ");
                problems.push(Problem::new(&rules::CONFLICT, outer.place(), message));
            }
        }
    }
}

/// Finds a circle of dependencies.
fn cycles(services: &Map, active: &dyn Fn(&str) -> bool, problems: &mut Vec<Problem>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        Open,
        Done,
    }
    let mut marks: Table<'_, Mark> = Table::default();
    for (start, _) in services.iter().filter(|(name, _)| active(name)) {
        if marks.contains_key(start.as_ref()) {
            continue;
        }
        // A stack of its own: a chain of thousands of services is no reason to overflow.
        let mut stack: Vec<(&str, usize)> = vec![(start, 0)];
        marks.insert(start, Mark::Open);
        while let Some((name, next)) = stack.pop() {
            let dependencies = services
                .get(name)
                .and_then(Node::as_map)
                .and_then(|service| service.get("depends_on"))
                .and_then(Node::as_map);
            let Some((dependency, at)) = dependencies.and_then(|map| map.get_index(next)) else {
                marks.insert(name, Mark::Done);
                continue;
            };
            stack.push((name, next + 1));
            match marks.get(dependency) {
                Some(Mark::Open) => {
                    let from = stack
                        .iter()
                        .position(|(name, _)| *name == dependency)
                        .unwrap_or(0);
                    let circle: Vec<&str> = stack[from..].iter().map(|(name, _)| *name).collect();
                    let message = format!(
                        "services wait for each other in a circle: {} -> {dependency}",
                        circle.join(" -> ")
                    );
                    problems.push(Problem::new(&rules::CYCLE, at.place(), message));
                    return;
                }
                Some(Mark::Done) => {}
                None if services.contains_key(dependency) => {
                    marks.insert(dependency, Mark::Open);
                    stack.push((dependency, 0));
                }
                None => {}
            }
        }
    }
}
