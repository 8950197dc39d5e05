//! A resolved project in the shape of `docker compose config --format json`.

mod command;
mod credential;

use serde_json::{Map as Json, Number, Value as JsonValue, json};

use super::amount;
use super::node::{Map, Node, Value};
use super::schema::{FILE, Object, SERVICE, Shape};
pub(super) use command::{command, words};
use credential::without_credentials;

/// The whole project; `enabled` says which services' profiles are active.
pub(super) fn project(root: &Map, name: &str, enabled: &dyn Fn(&str) -> bool, redact: bool) -> JsonValue {
    let printer = Printer { redact };
    let mut out = Json::new();
    out.insert("name".into(), text(name));
    for (key, node) in root {
        if key.starts_with("x-") {
            out.insert(key.to_string(), printer.any(node));
        }
    }
    let mut used = Used::default();
    let mut services = Json::new();
    for (key, node) in root.get("services").and_then(Node::as_map).into_iter().flatten() {
        if !enabled(key) {
            continue;
        }
        let Some(service) = node.as_map() else { continue };
        used.by(service);
        services.insert(key.to_string(), printer.service(service));
    }
    out.insert("services".into(), JsonValue::Object(services));
    for (section, used) in [
        ("networks", &used.networks),
        ("volumes", &used.volumes),
        ("configs", &used.configs),
        ("secrets", &used.secrets),
    ] {
        let shape = FILE.field(section);
        let mut all = Json::new();
        for (key, node) in root.get(section).and_then(Node::as_map).into_iter().flatten() {
            if !used.iter().any(|name| *name == key.as_ref()) {
                continue;
            }
            let Some(Shape::Dict(_, Shape::Object(object) | Shape::ObjectOrNull(object))) = shape else {
                continue;
            };
            let Some(map) = node.as_map() else { continue };
            let mut resource = printer.object(map, object);
            if section == "networks" {
                // Of the options of address management Compose prints none.
                let ipam = resource.entry("ipam").or_insert_with(|| json!({}));
                if let Some(ipam) = ipam.as_object_mut() {
                    ipam.remove("options");
                }
            }
            if redact && let Some(content) = resource.get_mut("content") {
                *content = text(REDACTED);
            }
            all.insert(key.to_string(), JsonValue::Object(resource));
        }
        if !all.is_empty() {
            out.insert(section.into(), JsonValue::Object(all));
        }
    }
    let mut out = JsonValue::Object(out);
    escape(&mut out);
    out
}

/// What stands in the place of a value that may be a secret.
const REDACTED: &str = "***";

#[derive(Default)]
struct Used<'a> {
    networks: Vec<&'a str>,
    volumes: Vec<&'a str>,
    configs: Vec<&'a str>,
    secrets: Vec<&'a str>,
}

impl<'a> Used<'a> {
    fn by(&mut self, service: &'a Map) {
        if let Some(networks) = service.get("networks").and_then(Node::as_map) {
            self.networks.extend(networks.keys().map(AsRef::as_ref));
        }
        let items = |key: &str| service.get(key).and_then(Node::as_list).into_iter().flatten();
        for item in items("volumes").filter_map(Node::as_map) {
            if item.get("type").and_then(Node::as_text) == Some("volume") {
                self.volumes.extend(item.get("source").and_then(Node::as_text));
            }
        }
        let source = |item: &'a Node| item.as_map()?.get("source")?.as_text();
        self.configs.extend(items("configs").filter_map(source));
        self.secrets.extend(items("secrets").filter_map(source));
        let build = service.get("build").and_then(Node::as_map);
        let build_secrets = build
            .and_then(|build| build.get("secrets"))
            .and_then(Node::as_list);
        self.secrets
            .extend(build_secrets.into_iter().flatten().filter_map(source));
    }
}

/// Doubles each dollar, so that the output can be read again.
fn escape(value: &mut JsonValue) {
    match value {
        JsonValue::String(text) if text.contains('$') => {
            *text = text.replace('$', "$$");
        }
        JsonValue::Array(items) => items.iter_mut().for_each(escape),
        JsonValue::Object(map) => {
            if map.keys().any(|key| key.contains('$')) {
                *map = std::mem::take(map)
                    .into_iter()
                    .map(|(key, value)| (key.replace('$', "$$"), value))
                    .collect();
            }
            map.values_mut().for_each(escape);
        }
        _ => {}
    }
}

fn text(text: impl Into<String>) -> JsonValue {
    JsonValue::String(text.into())
}

fn number(value: f64) -> JsonValue {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole numbers are printed as such"
    )]
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return JsonValue::from(value as i64);
    }
    Number::from_f64(value).map_or(JsonValue::Null, JsonValue::Number)
}

struct Printer {
    redact: bool,
}

impl Printer {
    fn service(&self, service: &Map) -> JsonValue {
        let mut out = self.object(service, &SERVICE);
        for key in ["command", "entrypoint"] {
            out.entry(key).or_insert(JsonValue::Null);
        }
        for key in ["env_file", "label_file", "extends", "pull_refresh_after"] {
            out.remove(key);
        }
        if let Some(deploy) = out.get_mut("deploy").and_then(JsonValue::as_object_mut) {
            deploy.entry("resources").or_insert_with(|| json!({}));
            deploy.entry("placement").or_insert_with(|| json!({}));
        }
        if let Some(networks) = service.get("networks").and_then(Node::as_map)
            && networks.is_empty()
        {
            out.remove("networks");
        }
        if let Some(watch) = out
            .get_mut("develop")
            .and_then(|develop| develop.get_mut("watch"))
            .and_then(JsonValue::as_array_mut)
        {
            for item in watch.iter_mut().filter_map(JsonValue::as_object_mut) {
                item.entry("exec").or_insert_with(|| json!({"command": null}));
            }
        }
        if let Some(blkio) = out.get_mut("blkio_config") {
            capitalise(blkio);
        }
        JsonValue::Object(out)
    }

    fn object(&self, map: &Map, object: &Object) -> Json<String, JsonValue> {
        let mut out = Json::new();
        for (key, node) in map {
            let Some((_, shape)) = object.fields.iter().find(|(name, _)| *name == key.as_ref()) else {
                continue;
            };
            if let Some(value) = self.value(node, shape, key) {
                out.insert(key.to_string(), value);
            }
        }
        out
    }

    /// A value as Compose prints it; nothing where it leaves an empty one out.
    fn value(&self, node: &Node, shape: &Shape, name: &str) -> Option<JsonValue> {
        let filled = |value: JsonValue| match &value {
            JsonValue::Array(items) if items.is_empty() => None,
            JsonValue::Object(map) if map.is_empty() => None,
            JsonValue::String(text) if text.is_empty() => None,
            _ => Some(value),
        };
        if self.redact
            && let Some(written) = &node.text
        {
            // What a variable holds may be a secret; its name is none.
            return filled(self.plain(written.raw.clone()));
        }
        match shape {
            Shape::Text | Shape::TextOrNull | Shape::Word(_) | Shape::Like(..) | Shape::BoolOrText => {
                filled(self.plain(node.scalar_text()?))
            }
            Shape::Bool | Shape::StrictBool => node.as_bool().filter(|value| *value).map(JsonValue::Bool),
            Shape::BoolOption | Shape::StrictBoolOption => node.as_bool().map(JsonValue::Bool),
            Shape::Int | Shape::NumberInt | Shape::IntWithin(..) => match node.value {
                Value::Int(0) => None,
                Value::Int(value) => Some(JsonValue::from(value)),
                Value::Uint(value) => Some(JsonValue::from(value)),
                _ => None,
            },
            Shape::IntOption | Shape::StrictInt => match node.value {
                Value::Int(value) => Some(JsonValue::from(value)),
                Value::Uint(value) => Some(JsonValue::from(value)),
                Value::Float(value) => Some(number(value)),
                _ => None,
            },
            Shape::Number | Shape::StrictNumber => {
                #[expect(clippy::cast_precision_loss, reason = "Compose holds it in 32 bits")]
                let value = match node.value {
                    Value::Int(value) => value as f64,
                    Value::Uint(value) => value as f64,
                    Value::Float(value) => value,
                    _ => return None,
                };
                (value != 0.0).then(|| number(value))
            }
            Shape::Bytes | Shape::BytesText => {
                let amount = match node.value {
                    Value::Int(value) => value,
                    #[expect(clippy::cast_possible_truncation, reason = "Compose cuts the fraction off")]
                    Value::Float(value) => value as i64,
                    _ => amount::bytes(&node.scalar_text()?)?,
                };
                (amount != 0).then(|| text(amount.to_string()))
            }
            Shape::Duration => {
                amount::duration(node.as_text()?).map(|value| text(amount::duration_text(value)))
            }
            Shape::FileMode => {
                let mode = match &node.value {
                    Value::Int(value) => *value,
                    Value::Text(digits) => i64::from_str_radix(digits, 8).ok()?,
                    _ => return None,
                };
                // A mount in memory prints the number, secrets and configs the octal text.
                Some(if name == "mode" {
                    text(format!("{mode:#05o}").replace("0o", "0"))
                } else {
                    JsonValue::from(mode)
                })
            }
            Shape::DeviceCount => match &node.value {
                Value::Int(value) => Some(JsonValue::from(*value)),
                Value::Text(word) if word.as_ref() == "all" => Some(JsonValue::from(-1)),
                Value::Text(digits) => digits.parse::<i64>().ok().map(JsonValue::from),
                _ => None,
            },
            Shape::TextList
            | Shape::LooseTextList
            | Shape::ScalarList
            | Shape::IntOrTextList
            | Shape::TextOrList => {
                let items = match node.as_list() {
                    Some(items) => items
                        .iter()
                        .filter_map(Node::scalar_text)
                        .map(|item| self.plain(item))
                        .collect(),
                    None => vec![self.plain(node.scalar_text()?)],
                };
                filled(JsonValue::Array(items))
            }
            Shape::Mapping | Shape::Environment => {
                let nothing = matches!(shape, Shape::Environment);
                let pairs = pairs(node);
                if name == "ssh" {
                    return filled(JsonValue::Array(
                        pairs
                            .into_iter()
                            .map(|(key, value)| match value {
                                Some(value) => text(format!("{key}={value}")),
                                None => text(key),
                            })
                            .collect(),
                    ));
                }
                let hide = self.redact && matches!(name, "environment" | "args" | "labels");
                let mut out = Json::new();
                for (key, value) in pairs {
                    let value = match value {
                        Some(value) if hide && !value.is_empty() => text(REDACTED),
                        Some(value) => self.plain(value),
                        None if nothing => JsonValue::Null,
                        None => text(""),
                    };
                    out.insert(key, value);
                }
                filled(JsonValue::Object(out))
            }
            Shape::Options | Shape::NullableOptions | Shape::IntOptions | Shape::TextDict => {
                let mut out = Json::new();
                for (key, value) in node.as_map()? {
                    let value = value.scalar_text().unwrap_or_default();
                    let hide = self.redact
                        && !value.is_empty()
                        && matches!(name, "options" | "driver_opts")
                        && crate::system::names_secret(key);
                    out.insert(
                        key.to_string(),
                        if hide { text(REDACTED) } else { self.plain(value) },
                    );
                }
                filled(JsonValue::Object(out))
            }
            Shape::MultiOptions => {
                let mut out = Json::new();
                for (key, value) in node.as_map()? {
                    let values: Vec<String> = match value.as_list() {
                        Some(items) => items.iter().filter_map(Node::scalar_text).collect(),
                        None => vec![value.scalar_text()?],
                    };
                    let hide = self.redact && crate::system::names_secret(key);
                    let shown = |value: String| match hide {
                        true if !value.is_empty() => text(REDACTED),
                        _ => self.plain(value),
                    };
                    let values: Vec<JsonValue> = values.into_iter().map(shown).collect();
                    out.insert(key.to_string(), JsonValue::Array(values));
                }
                filled(JsonValue::Object(out))
            }
            Shape::ExtraHosts => filled(JsonValue::Array(hosts(node).into_iter().map(text).collect())),
            Shape::Command => Some(match command(node) {
                None => JsonValue::Null,
                Some(words) => JsonValue::Array(self.said(words)),
            }),
            Shape::Test => filled(JsonValue::Array(self.said(match node.as_list() {
                Some(items) => items.iter().filter_map(Node::scalar_text).collect(),
                None => vec!["CMD-SHELL".to_owned(), node.scalar_text()?],
            }))),
            Shape::List(shape) | Shape::UniqueList(shape) => {
                let items = node.as_list()?.iter().filter_map(|item| match name {
                    "ports" | "volumes" | "devices" | "secrets" | "configs" => {
                        Some(self.value(item, shape, name).unwrap_or_else(|| json!({})))
                    }
                    _ => self.value(item, shape, name),
                });
                filled(JsonValue::Array(items.collect()))
            }
            Shape::Dict(_, shape) => {
                let mut out = Json::new();
                for (key, value) in node.as_map()? {
                    let printed = match &value.value {
                        Value::Null => Some(JsonValue::Null),
                        _ => self.value(value, shape, key),
                    };
                    if let Some(printed) = printed {
                        let named = value.text.as_ref().filter(|_| self.redact);
                        out.insert(
                            named.map_or_else(|| key.to_string(), |written| written.raw.clone()),
                            printed,
                        );
                    }
                }
                filled(JsonValue::Object(out))
            }
            Shape::Object(object) | Shape::ObjectOrNull(object) => {
                let out = self.object(node.as_map()?, object);
                Some(JsonValue::Object(out))
            }
            Shape::Either(shapes) => {
                let shape = shapes.iter().find(|shape| {
                    matches!(
                        (&node.value, shape),
                        (
                            Value::Map(_),
                            Shape::Object(_) | Shape::ObjectOrNull(_) | Shape::Dict(..)
                        ) | (
                            Value::List(_),
                            Shape::List(_) | Shape::TextList | Shape::LooseTextList
                        ) | (Value::Text(_), Shape::Text | Shape::Word(_))
                            | (Value::Bool(_), Shape::Bool)
                            | (
                                Value::Int(_) | Value::Uint(_),
                                Shape::IntOption | Shape::Int | Shape::StrictInt | Shape::StrictNumber
                            )
                    )
                })?;
                // A number that is printed as a text: the published port.
                if matches!(shape, Shape::StrictInt) {
                    return Some(text(node.scalar_text()?));
                }
                self.value(node, shape, name)
            }
        }
    }

    /// A text that is no secret as a whole: redacted, without what in it is one by its shape, such as the user and password
    /// of an address.
    fn plain(&self, value: String) -> JsonValue {
        text(if self.redact {
            without_credentials(&value)
        } else {
            value
        })
    }

    /// The words of a command; redacted, the program and the names of its options.
    fn said(&self, words: Vec<String>) -> Vec<JsonValue> {
        let shown = |(index, word): (usize, String)| match word.split_once('=') {
            _ if !self.redact => text(word),
            // The first word is an option as often as a program.
            Some((name, _)) if index == 0 || word.starts_with("--") => text(format!("{name}={REDACTED}")),
            None if index == 0 => text(word),
            None if word.starts_with("--") || (word.starts_with('-') && word.len() == 2) => text(word),
            _ => text(REDACTED),
        };
        words.into_iter().enumerate().map(shown).collect()
    }

    fn any(&self, node: &Node) -> JsonValue {
        match &node.value {
            Value::Null => JsonValue::Null,
            Value::Bool(value) => JsonValue::Bool(*value),
            Value::Int(value) => JsonValue::from(*value),
            Value::Uint(value) => JsonValue::from(*value),
            Value::Float(value) => number(*value),
            Value::Time(value) => text(timestamp(value)),
            Value::Text(_) if self.redact => text(REDACTED),
            Value::Text(value) => text(value.to_string()),
            // An empty list of an extension is nothing to Compose.
            Value::List(items) if items.is_empty() => JsonValue::Null,
            Value::List(items) => JsonValue::Array(items.iter().map(|item| self.any(item)).collect()),
            Value::Map(map) => JsonValue::Object(
                map.iter()
                    .map(|(key, node)| (key.to_string(), self.any(node)))
                    .collect(),
            ),
        }
    }
}

fn timestamp(text: &str) -> String {
    if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    }
}

/// Block devices' keys are printed as Go's fields are named.
fn capitalise(blkio: &mut JsonValue) {
    let Some(map) = blkio.as_object_mut() else { return };
    for items in map.values_mut().filter_map(JsonValue::as_array_mut) {
        for item in items.iter_mut().filter_map(JsonValue::as_object_mut) {
            *item = std::mem::take(item)
                .into_iter()
                .map(|(key, value)| (key[..1].to_uppercase() + &key[1..], value))
                .collect();
        }
    }
}

/// The pairs of a mapping or a list of `KEY=VALUE`.
pub(super) fn pairs(node: &Node) -> Vec<(String, Option<String>)> {
    match &node.value {
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| (key.to_string(), value.scalar_text()))
            .collect(),
        Value::List(items) => items
            .iter()
            .filter_map(Node::as_text)
            .map(|text| match text.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (text.to_owned(), None),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Host names and addresses as `HOST=ADDRESS`, sorted.
fn hosts(node: &Node) -> Vec<String> {
    let mut all: Vec<(String, String)> = Vec::new();
    match &node.value {
        Value::Map(map) => {
            for (key, value) in map {
                match value.as_list() {
                    Some(items) => all.extend(
                        items
                            .iter()
                            .filter_map(|item| Some((key.to_string(), item.scalar_text()?))),
                    ),
                    None => all.extend(value.scalar_text().map(|text| (key.to_string(), text))),
                }
            }
        }
        Value::List(items) => {
            for item in items.iter().filter_map(Node::as_text) {
                if let Some((host, address)) = item.split_once('=').or_else(|| item.split_once(':')) {
                    all.push((host.to_owned(), address.to_owned()));
                }
            }
        }
        _ => {}
    }
    let mut all: Vec<String> = all
        .into_iter()
        .map(|(host, address)| {
            let address = address
                .strip_prefix('[')
                .and_then(|inner| inner.strip_suffix(']'))
                .unwrap_or(&address);
            format!("{host}={address}")
        })
        .collect();
    all.sort();
    all
}
