//! From the resolved tree to the typed model that judges read.

use indexmap::IndexMap;

use super::json::{pairs, words};
use super::model::{
    Attachment, Build, Condition, Dependency, Field, Material, Mount, MountKind, Network, NetworkMode, Port,
    Protocol, RestartPolicy, Service, Volume,
};
use super::node::{Map, Node, Value};
use super::short::range;
use crate::name::{NetworkName, ServiceName, VolumeName};

/// The typed parts of a project.
pub(super) struct Typed {
    pub(super) services: IndexMap<ServiceName, Service>,
    pub(super) networks: IndexMap<String, Network>,
    pub(super) volumes: IndexMap<String, Volume>,
    pub(super) configs: IndexMap<String, Material>,
    pub(super) secrets: IndexMap<String, Material>,
}

pub(super) fn project(root: &Map) -> Typed {
    let section = |name: &str| root.get(name).and_then(Node::as_map).into_iter().flatten();
    Typed {
        services: section("services")
            .filter_map(|(name, node)| {
                let name = ServiceName::new(name).ok()?;
                Some((name.clone(), service(name, node, node.as_map()?)))
            })
            .collect(),
        networks: section("networks")
            .filter_map(|(key, node)| Some((key.to_string(), network(key, node, node.as_map()?)?)))
            .collect(),
        volumes: section("volumes")
            .filter_map(|(key, node)| Some((key.to_string(), volume(key, node, node.as_map()?)?)))
            .collect(),
        configs: section("configs")
            .filter_map(|(key, node)| Some((key.to_string(), material(key, node, node.as_map()?))))
            .collect(),
        secrets: section("secrets")
            .filter_map(|(key, node)| Some((key.to_string(), material(key, node, node.as_map()?))))
            .collect(),
    }
}

fn field<T>(node: &Node, value: T) -> Field<T> {
    Field {
        value,
        span: node.span.clone(),
        interpolation: node.text.clone(),
    }
}

fn text(map: &Map, key: &str) -> Option<Field<String>> {
    let node = map.get(key)?;
    node.scalar_text()
        .filter(|text| !text.is_empty())
        .map(|text| field(node, text))
}

fn build(node: &Node) -> Field<Build> {
    let written = |key: &str| node.as_map()?.get(key)?.scalar_text();
    let build = Build {
        context: written("context"),
        dockerfile: written("dockerfile"),
        inline: written("dockerfile_inline"),
        target: written("target"),
    };
    Field {
        value: build,
        span: node.place().clone(),
        interpolation: None,
    }
}

fn flag(map: &Map, key: &str) -> Option<Field<bool>> {
    let node = map.get(key)?;
    node.as_bool().map(|value| field(node, value))
}

fn is_true(map: &Map, key: &str) -> bool {
    map.get(key).and_then(Node::as_bool) == Some(true)
}

fn texts(map: &Map, key: &str) -> Vec<Field<String>> {
    let Some(node) = map.get(key) else {
        return Vec::new();
    };
    match &node.value {
        Value::List(items) => items
            .iter()
            .filter_map(|item| item.scalar_text().map(|text| field(item, text)))
            .collect(),
        Value::Map(names) => names
            .iter()
            .map(|(name, node)| Field {
                value: name.to_string(),
                span: node.place().clone(),
                interpolation: node.text.clone(),
            })
            .collect(),
        _ => node
            .scalar_text()
            .map(|text| field(node, text))
            .into_iter()
            .collect(),
    }
}

fn options(map: &Map, key: &str) -> IndexMap<String, Field<String>> {
    let node = map.get(key).and_then(Node::as_map).into_iter().flatten();
    node.map(|(name, node)| {
        (
            name.to_string(),
            field(node, node.scalar_text().unwrap_or_default()),
        )
    })
    .collect()
}

/// Returns the services that are waited for: a list, or a map with a condition for each.
fn dependencies(map: &Map) -> Vec<Field<Dependency>> {
    let conditions = map.get("depends_on").and_then(Node::as_map);
    let names = texts(map, "depends_on").into_iter();
    let of = |name: Field<String>| {
        let words = conditions
            .and_then(|all| all.get(&name.value))
            .and_then(Node::as_map);
        let condition = words
            .and_then(|words| words.get("condition"))
            .and_then(Node::as_text);
        Field {
            value: Dependency {
                condition: match condition {
                    Some("service_healthy") => Condition::Healthy,
                    Some("service_completed_successfully") => Condition::Completed,
                    _ => Condition::Started,
                },
                restart: words
                    .and_then(|words| flag(words, "restart"))
                    .is_some_and(|restart| restart.value),
                service: name.value,
            },
            span: name.span,
            interpolation: name.interpolation,
        }
    };
    names.map(of).collect()
}

fn command(map: &Map, key: &str) -> Vec<Field<String>> {
    let Some(node) = map.get(key) else {
        return Vec::new();
    };
    match &node.value {
        Value::Text(text) => words(text)
            .unwrap_or_default()
            .into_iter()
            .map(|word| field(node, word))
            .collect(),
        _ => texts(map, key),
    }
}

fn service(name: ServiceName, node: &Node, map: &Map) -> Service {
    let items = |key: &str| map.get(key).and_then(Node::as_list).unwrap_or_default();
    let sources = |key: &str| {
        items(key)
            .iter()
            .filter_map(|item| Some(field(item, item.as_map()?.get("source")?.scalar_text()?)))
            .collect()
    };
    let health = map.get("healthcheck").filter(|health| {
        health.as_map().is_some_and(|health| {
            let test = health
                .get("test")
                .and_then(Node::as_list)
                .and_then(<[Node]>::first)
                .and_then(Node::as_text);
            !is_true(health, "disable") && test != Some("NONE")
        })
    });
    let deploy = map.get("deploy").and_then(Node::as_map);
    let limits = deploy
        .and_then(|deploy| deploy.get("resources"))
        .and_then(Node::as_map)
        .and_then(|map| map.get("limits"));
    let number = |node: Option<&Node>| match node.map(|node| &node.value) {
        Some(Value::Int(count)) => u64::try_from(*count).ok(),
        _ => None,
    };
    let replicas =
        number(map.get("scale")).or_else(|| number(deploy.and_then(|deploy| deploy.get("replicas"))));
    Service {
        name,
        span: node.place().clone(),
        body: node.span.clone(),
        image: text(map, "image"),
        build: map.get("build").map(build),
        container_name: text(map, "container_name"),
        hostname: text(map, "hostname"),
        ports: items("ports").iter().filter_map(port).collect(),
        expose: texts(map, "expose"),
        network_mode: map.get("network_mode").and_then(|node| {
            let text = node.as_text()?;
            let mode = match &node.text {
                // By a variable without a value: whose network it is nobody has said.
                Some(written) if text.is_empty() => NetworkMode::Other(written.raw.clone()),
                _ if text.is_empty() => return None,
                _ => network_mode(text),
            };
            Some(field(node, mode))
        }),
        networks: attachments(map),
        environment: variables(map, "environment"),
        labels: labels(map),
        deploy_labels: deploy.map(labels).unwrap_or_default(),
        mounts: mounts(map),
        privileged: flag(map, "privileged"),
        pid: text(map, "pid"),
        ipc: text(map, "ipc"),
        uts: text(map, "uts"),
        cgroup: text(map, "cgroup"),
        userns_mode: text(map, "userns_mode"),
        user: text(map, "user"),
        cap_add: texts(map, "cap_add"),
        cap_drop: texts(map, "cap_drop"),
        security_opt: texts(map, "security_opt"),
        devices: items("devices")
            .iter()
            .filter_map(|item| {
                let device = item.as_map()?;
                let part = |key: &str| device.get(key).and_then(Node::scalar_text);
                let parts: Vec<String> = ["source", "target", "permissions"]
                    .iter()
                    .filter_map(|key| part(key))
                    .collect();
                Some(field(item, parts.join(":")))
            })
            .collect(),
        read_only: flag(map, "read_only"),
        restart: map
            .get("restart")
            .and_then(|node| Some(field(node, restart(node.as_text()?)?))),
        healthcheck: health.map(|node| node.place().clone()),
        limits: limits
            .or_else(|| map.get("mem_limit"))
            .or_else(|| map.get("cpus"))
            .map(|node| node.place().clone()),
        depends_on: dependencies(map),
        profiles: texts(map, "profiles"),
        command: command(map, "command"),
        entrypoint: command(map, "entrypoint"),
        secrets: sources("secrets"),
        configs: items("configs").iter().filter_map(config).collect(),
        links: texts(map, "links"),
        extra_hosts: hosts(map),
        unread_ports: Vec::new(),
        replicas: replicas.unwrap_or(1),
    }
}

/// Returns the names and addresses of `extra_hosts`, however they are written.
fn hosts(map: &Map) -> Vec<Field<String>> {
    let Some(Value::Map(names)) = map.get("extra_hosts").map(|node| &node.value) else {
        return texts(map, "extra_hosts");
    };
    let mut found = Vec::new();
    for (name, node) in names {
        let addresses = node.as_list().unwrap_or(std::slice::from_ref(node));
        let texts = addresses.iter().filter_map(Node::scalar_text);
        found.extend(texts.map(|address| field(node, format!("{name}={address}"))));
    }
    found
}

/// Returns where a config is mounted: in the root folder, under its key, unless it says otherwise.
fn config(item: &Node) -> Option<Field<Mount>> {
    let map = item.as_map()?;
    let text = |key: &str| map.get(key).and_then(Node::scalar_text);
    let source = text("source")?;
    let target = text("target").filter(|target| !target.is_empty());
    let target = match target.unwrap_or_else(|| source.clone()) {
        target if target.starts_with('/') => target,
        target => format!("/{target}"),
    };
    let mount = Mount {
        kind: MountKind::Other,
        source: Some(source),
        target,
        read_only: true,
    };
    Some(field(item, mount))
}

fn labels(map: &Map) -> IndexMap<String, Field<String>> {
    variables(map, "labels")
        .into_iter()
        .map(|(key, label)| {
            let value = label.value.unwrap_or_default();
            (
                key,
                Field {
                    value,
                    span: label.span,
                    interpolation: label.interpolation,
                },
            )
        })
        .collect()
}

fn port(item: &Node) -> Option<Field<Port>> {
    let map = item.as_map()?;
    let text = |key: &str| {
        map.get(key)
            .and_then(Node::scalar_text)
            .filter(|text| !text.is_empty())
    };
    let protocol = match text("protocol").as_deref() {
        Some("udp") => Protocol::Udp,
        Some("sctp") => Protocol::Sctp,
        _ => Protocol::Tcp,
    };
    let port = Port {
        host_ip: text("host_ip").and_then(|address| address.parse().ok()),
        published: text("published").and_then(|text| range(&text)),
        target: text("target").and_then(|target| target.parse().ok())?,
        protocol,
        name: text("name"),
        app_protocol: text("app_protocol"),
    };
    // A long form's variables are those of its parts.
    let interpolation = item.text.clone().or_else(|| {
        ["host_ip", "published", "target"]
            .iter()
            .find_map(|key| map.get(key)?.text.clone())
    });
    Some(Field {
        value: port,
        span: item.span.clone(),
        interpolation,
    })
}

fn network_mode(text: &str) -> NetworkMode {
    match text {
        "none" => NetworkMode::None,
        "host" => NetworkMode::Host,
        "bridge" | "default" => NetworkMode::Bridge,
        _ => match text.split_once(':') {
            Some(("service", name)) => NetworkMode::Service(name.to_owned()),
            Some(("container", name)) => NetworkMode::Container(name.to_owned()),
            _ => NetworkMode::Other(text.to_owned()),
        },
    }
}

fn restart(text: &str) -> Option<RestartPolicy> {
    Some(match text.split(':').next()? {
        "no" => RestartPolicy::No,
        "always" => RestartPolicy::Always,
        "on-failure" => RestartPolicy::OnFailure,
        "unless-stopped" => RestartPolicy::UnlessStopped,
        _ => return None,
    })
}

fn attachments(map: &Map) -> Vec<Field<Attachment>> {
    let networks = map.get("networks").and_then(Node::as_map).into_iter().flatten();
    networks
        .map(|(name, node)| {
            let inner = node.as_map();
            let text = |key: &str| inner.and_then(|map| map.get(key)).and_then(Node::scalar_text);
            let aliases = inner
                .and_then(|map| map.get("aliases"))
                .and_then(Node::as_list)
                .unwrap_or_default();
            let attachment = Attachment {
                network: name.to_string(),
                ipv4: text("ipv4_address"),
                ipv6: text("ipv6_address"),
                aliases: aliases.iter().filter_map(Node::scalar_text).collect(),
            };
            Field {
                value: attachment,
                span: node.place().clone(),
                interpolation: node.text.clone(),
            }
        })
        .collect()
}

fn variables(map: &Map, key: &str) -> IndexMap<String, Field<Option<String>>> {
    let Some(node) = map.get(key) else {
        return IndexMap::new();
    };
    match &node.value {
        Value::Map(map) => map
            .iter()
            .map(|(name, node)| {
                // The key is part of what a person looks for.
                let value = Field {
                    value: node.scalar_text(),
                    span: node.key.as_ref().map_or_else(
                        || node.span.clone(),
                        |key| {
                            if key.source() == node.span.source() && key.start() <= node.span.start() {
                                crate::span::Span::new(
                                    key.source(),
                                    key.start(),
                                    node.span.end().max(key.end()),
                                )
                            } else {
                                key.clone()
                            }
                        },
                    ),
                    interpolation: node.text.clone(),
                };
                (name.to_string(), value)
            })
            .collect(),
        _ => pairs(node)
            .into_iter()
            .map(|(name, value)| (name, field(node, value)))
            .collect(),
    }
}

fn mounts(map: &Map) -> Vec<Field<Mount>> {
    let mut all = Vec::new();
    for item in map.get("volumes").and_then(Node::as_list).unwrap_or_default() {
        let Some(inner) = item.as_map() else { continue };
        let text = |key: &str| {
            inner
                .get(key)
                .and_then(Node::scalar_text)
                .filter(|text| !text.is_empty())
        };
        let kind = match text("type").as_deref() {
            Some("bind") => MountKind::Bind,
            Some("volume") => MountKind::Volume,
            Some("tmpfs") => MountKind::Tmpfs,
            _ => MountKind::Other,
        };
        let Some(target) = text("target") else { continue };
        let mount = Mount {
            kind,
            source: text("source"),
            target,
            read_only: is_true(inner, "read_only"),
        };
        let interpolation = item
            .text
            .clone()
            .or_else(|| inner.get("source").and_then(|node| node.text.clone()));
        all.push(Field {
            value: mount,
            span: item.span.clone(),
            interpolation,
        });
    }
    for tmpfs in texts(map, "tmpfs") {
        let target = tmpfs.value.split(':').next().unwrap_or_default().to_owned();
        let mount = Mount {
            kind: MountKind::Tmpfs,
            source: None,
            target,
            read_only: false,
        };
        all.push(Field {
            value: mount,
            span: tmpfs.span,
            interpolation: tmpfs.interpolation,
        });
    }
    all
}

fn network(key: &str, node: &Node, map: &Map) -> Option<Network> {
    Some(Network {
        key: NetworkName::new(key).ok()?,
        span: node.key.clone(),
        name: text(map, "name"),
        driver: text(map, "driver"),
        driver_opts: options(map, "driver_opts"),
        subnets: subnets(map),
        external: is_true(map, "external"),
        internal: is_true(map, "internal"),
    })
}

fn subnets(map: &Map) -> Vec<Field<String>> {
    let config = map
        .get("ipam")
        .and_then(Node::as_map)
        .and_then(|ipam| ipam.get("config"));
    let Some(Value::List(pools)) = config.map(|node| &node.value) else {
        return Vec::new();
    };
    let pools = pools.iter().filter_map(Node::as_map);
    pools.filter_map(|pool| text(pool, "subnet")).collect()
}

fn volume(key: &str, node: &Node, map: &Map) -> Option<Volume> {
    Some(Volume {
        key: VolumeName::new(key).ok()?,
        span: node.place().clone(),
        name: text(map, "name"),
        driver: text(map, "driver"),
        driver_opts: options(map, "driver_opts"),
        external: is_true(map, "external"),
    })
}

fn material(key: &str, node: &Node, map: &Map) -> Material {
    Material {
        key: key.to_owned(),
        span: node.place().clone(),
        file: text(map, "file"),
        environment: text(map, "environment"),
        content: text(map, "content"),
        external: is_true(map, "external"),
    }
}
