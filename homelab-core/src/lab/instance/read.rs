//! Reads instance.toml into an [`Instance`].

use std::net::IpAddr;

use indexmap::IndexMap;
use ipnet::IpNet;

use super::super::pattern::read::{items, reach, retention};
use super::super::read::{Reader, Section, Value};
use super::access::read_tests;
use super::{
    EngineEntry, Forward, Host, HostKind, Instance, Interface, Person, PortRange, ProjectEntry,
    RepositoryEntry, RepositoryKind, Tailnet,
};
use crate::compose::Protocol;
use crate::finding::Finding;
use crate::span::{Source, Span, Spanned};
use crate::tailnet::device::{Device, Role};

impl Instance {
    /// Reads an instance.toml: what of it means something, and findings for the rest.
    pub(in crate::lab) fn read(source: &Source) -> (Self, Vec<Finding>) {
        let (mut instance, findings) = Reader::read(source, read_instance);
        instance.source = Some(source.clone());
        (instance, findings)
    }
}

fn read_instance(mut root: Section<'_>) -> Instance {
    let mut instance = Instance {
        id: root.get("id").and_then(|value| {
            value.parse("an id of letters, digits and `-`", |text| {
                // The id names a folder, so it is kept from being a path.
                let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
                (plain && (8..=64).contains(&text.len())).then(|| text.to_owned())
            })
        }),
        ..Instance::default()
    };
    for (key, value) in root.entries("hosts") {
        if let (Some(name), Some(section)) = (value.key(&key), value.section()) {
            let host = read_host(name, key.span().clone(), section);
            instance.hosts.insert(host.name.clone(), host);
        }
    }
    if let Some(value) = root.get("tailnet") {
        instance.tailnet = value.section().map(read_tailnet);
    }
    for (key, value) in root.entries("people") {
        if let Some(section) = value.section() {
            let person = read_person(&key, section);
            instance.people.insert(person.name.clone(), person);
        }
    }
    for (key, value) in root.entries("projects") {
        if let (Some(name), Some(mut section)) = (value.key(&key), value.section()) {
            let entry = ProjectEntry {
                name,
                span: key.span().clone(),
                hosts: items(section.get("hosts"), "a list of hosts", Value::name),
            };
            section.finish();
            instance.projects.insert(entry.name.clone(), entry);
        }
    }
    for (key, value) in root.entries("repositories") {
        if let (Some(name), Some(section)) = (value.key(&key), value.section()) {
            let entry = read_repository(name, key.span().clone(), section);
            instance.repositories.insert(entry.name.clone(), entry);
        }
    }
    if let Some(section) = root.get("access").and_then(Value::section) {
        instance.access_tests = read_tests(section);
    }
    for (key, value) in root.entries("private") {
        let value = value.parse("a text of at least three characters", |text| {
            (text.trim().chars().count() >= 3).then(|| text.trim().to_owned())
        });
        if let Some(value) = value {
            instance.private.insert(key.into_value(), value);
        }
    }
    root.finish();
    instance
}

fn read_host(name: crate::HostName, span: Span, mut section: Section<'_>) -> Host {
    let mut interfaces = Vec::new();
    for (key, value) in section.entries("interfaces") {
        if let Some(interface) = read_interface(&key, value) {
            interfaces.push(interface);
        }
    }
    let mut media = IndexMap::new();
    for (key, value) in section.entries("media") {
        let paths = items(Some(value), "a list of absolute paths", |value| {
            value.parse("an absolute path such as `/mnt/tank`", |text| {
                text.starts_with('/').then(|| text.to_owned())
            })
        });
        media.insert(key.into_value(), paths);
    }
    let mut understood = true;
    let host = Host {
        name,
        span,
        kind: section
            .get("kind")
            .and_then(|value| value.word(HostKind::WORDS, HostKind::from_word)),
        site: section.get("site").and_then(Value::text),
        addresses: items(section.get("addresses"), "a list of addresses", address),
        interfaces,
        media,
        public_addresses: addresses(section.get("public_addresses")),
        forwards: section
            .get("forwards")
            .and_then(|value| value.list("a list of tables, `[[hosts.NAME.forwards]]`"))
            .and_then(|list| complete(list, |value| forward(value, &mut understood))),
        forwards_understood: understood,
        engine: section.get("engine").and_then(read_engine),
    };
    section.finish();
    host
}

/// Reads an engine's address, or a table that also names the certificates.
fn read_engine(value: Value<'_>) -> Option<EngineEntry> {
    if !value.is_table() {
        let address = engine_address(value)?;
        return Some(EngineEntry {
            address,
            certificates: None,
        });
    }
    let mut section = value.section()?;
    let address = section.require("address").and_then(engine_address);
    let certificates = section.get("certificates").and_then(Value::text);
    section.finish();
    Some(EngineEntry {
        address: address?,
        certificates,
    })
}

fn engine_address(value: Value<'_>) -> Option<Spanned<String>> {
    const SCHEMES: [&str; 6] = ["unix://", "npipe://", "tcp://", "http://", "https://", "ssh://"];
    let expected = "an address as in `DOCKER_HOST`, such as `ssh://me@nas`, or `context:NAME`, or `none`";
    value.parse(expected, |text| {
        let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        let behind = |prefix: &str| text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
        let known = text == "none" || behind("context:") || SCHEMES.iter().any(|scheme| behind(scheme));
        (plain && known).then(|| text.to_owned())
    })
}

/// Reads a list of which an empty one means "there are none". Where something was written and nothing of it was
/// understood, nothing is known: an empty list would say too much.
fn complete<'a, T>(list: Vec<Value<'a>>, read: impl FnMut(Value<'a>) -> Option<T>) -> Option<Vec<T>> {
    let written = list.len();
    let understood: Vec<T> = list.into_iter().filter_map(read).collect();
    (written == 0 || !understood.is_empty()).then_some(understood)
}

fn addresses(value: Option<Value<'_>>) -> Option<Vec<Spanned<IpAddr>>> {
    complete(value?.list("a list of addresses")?, address)
}

fn address(value: Value<'_>) -> Option<Spanned<IpAddr>> {
    value.parse("an address such as `192.0.2.10`", |text| text.parse().ok())
}

/// Reads an address with the length of its network's prefix, or one without, which is a network of its own.
fn network(value: Value<'_>) -> Option<Spanned<IpNet>> {
    value.parse("an address with its network, such as `192.0.2.10/24`", |text| {
        text.parse()
            .ok()
            .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
    })
}

/// Reads an interface: a list of addresses, or a table that also names the zone.
fn read_interface(key: &Spanned<String>, value: Value<'_>) -> Option<Interface> {
    let mut interface = Interface {
        name: key.value().clone(),
        span: key.span().clone(),
        addresses: Vec::new(),
        zone: None,
    };
    if value.is_table() {
        let mut section = value.section()?;
        interface.addresses = items(section.get("addresses"), "a list of addresses", network);
        interface.zone = section.get("zone").and_then(reach);
        section.finish();
    } else {
        interface.addresses = items(Some(value), "a list of addresses, or a table", network);
    }
    Some(interface)
}

/// Reads a forward, and takes note where something of it is not understood: it may be another one than it seems.
fn forward(value: Value<'_>, understood: &mut bool) -> Option<Forward> {
    let forward = value
        .section()
        .and_then(|section| read_forward(section, understood));
    *understood &= forward.is_some();
    forward
}

fn read_forward(mut section: Section<'_>, understood: &mut bool) -> Option<Forward> {
    let port = section
        .require("port")
        .map(|value| value.number_or_text("a port such as `443` or `8000-8010`", port_range));
    let target = section
        .get("target")
        .map(|value| value.number("a port from 1 to 65535", 1..65536));
    *understood &= !matches!(target, Some(None));
    let target = target.flatten();
    let protocols = match section.get("protocol") {
        None => vec![Protocol::Tcp],
        Some(value) => value
            .word(&["tcp", "udp", "both"], |word| match word {
                "tcp" => Some(vec![Protocol::Tcp]),
                "udp" => Some(vec![Protocol::Udp]),
                "both" => Some(vec![Protocol::Tcp, Protocol::Udp]),
                _ => None,
            })
            // What is not understood must not make a forward seem narrower than it is.
            .map_or_else(|| vec![Protocol::Tcp, Protocol::Udp], Spanned::into_value),
    };
    let reason = section.get("reason").and_then(Value::text);
    let span = section.span();
    *understood &= !section.has_unknown();
    section.finish();
    Some(Forward {
        span,
        port: port??,
        target: target.map(|target| target.map(|number| number as u16)),
        protocols,
        reason,
    })
}

fn port_range(text: &str) -> Option<PortRange> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first > 0 && first <= last).then_some(PortRange { first, last })
}

fn read_tailnet(mut section: Section<'_>) -> Tailnet {
    let tailnet = Tailnet {
        span: section.span(),
        name: section.get("name").and_then(Value::text),
        suffix: section.get("suffix").and_then(|value| {
            value.parse("a domain such as `tail1234.ts.net`", |text| {
                let text = text.trim_matches('.');
                (!text.is_empty() && !text.contains(['/', ' ', ':'])).then(|| text.to_owned())
            })
        }),
        prefixes: items(section.get("prefixes"), "a list of networks", network),
        policy: section.get("policy").and_then(Value::text),
        devices: items(
            section.get("devices"),
            "a list of tables, `[[tailnet.devices]]`",
            |value| read_device(value.section()?),
        ),
    };
    section.finish();
    tailnet
}

fn read_device(mut section: Section<'_>) -> Option<Spanned<Device>> {
    let words = |value| plain(items(value, "a list of texts", Value::text));
    let name = section.require("name").map(Value::text);
    let advertised: Vec<IpNet> = plain(items(section.get("advertised"), "a list of networks", network));
    let approved = section.get("approved");
    let mut device = Device::new(name.flatten().map(Spanned::into_value).unwrap_or_default())
        .with_tags(words(section.get("tags")))
        .with_addresses(plain(items(
            section.get("addresses"),
            "a list of addresses",
            address,
        )))
        .with_services(words(section.get("services")))
        .with_approved(match approved {
            None => advertised.clone(),
            some => plain(items(some, "a list of networks", network)),
        })
        .with_advertised(advertised);
    if let Some(login) = section.get("user").and_then(Value::text) {
        device = device.with_user(login.into_value());
    }
    if let Some(os) = section.get("os").and_then(Value::text) {
        device = device.with_os(os.into_value());
    }
    if let Some(version) = section.get("client_version").and_then(Value::text) {
        device = device.with_client_version(version.into_value());
    }
    if let Some(external) = section.get("external").and_then(Value::flag) {
        device = device.with_external(external.into_value());
    }
    if let Some(shields_up) = section.get("shields_up").and_then(Value::flag) {
        device = device.with_shields_up(shields_up.into_value());
    }
    if let Some(accepts) = section.get("accepts_routes").and_then(Value::flag) {
        device = device.with_accepts_routes(accepts.into_value());
    }
    if let Some(ssh) = section.get("ssh").and_then(Value::flag) {
        device = device.with_ssh(ssh.into_value());
    }
    let span = section.span();
    section.finish();
    // Nameless, it is nothing that an answer could name.
    (!device.name().is_empty()).then(|| Spanned::new(device, span))
}

fn plain<T>(list: Vec<Spanned<T>>) -> Vec<T> {
    list.into_iter().map(Spanned::into_value).collect()
}

fn read_person(key: &Spanned<String>, mut section: Section<'_>) -> Person {
    let person = Person {
        name: key.value().clone(),
        span: key.span().clone(),
        login: section.get("login").and_then(Value::text),
        roles: items(section.get("roles"), "a list of roles", Value::name),
        tailnet_role: section
            .get("tailnet_role")
            .and_then(|value| value.word(&Role::ALL.map(Role::as_str), Role::from_word)),
    };
    section.finish();
    person
}

fn read_repository(name: crate::RepositoryName, span: Span, mut section: Section<'_>) -> RepositoryEntry {
    let entry = RepositoryEntry {
        name,
        span,
        kind: section
            .get("kind")
            .and_then(|value| value.word(RepositoryKind::WORDS, RepositoryKind::from_word)),
        location: section.get("location").and_then(Value::text),
        password: section.get("password").and_then(|value| {
            value.hidden(
                "the place where a secret is kept: `env:NAME`, `file:PATH` or `command:...`",
                |text| text.parse().ok(),
            )
        }),
        host: section.get("host").and_then(Value::name),
        medium: section.get("medium").and_then(Value::text),
        site: section.get("site").and_then(Value::text),
        account: section.get("account").and_then(Value::text),
        key_kept: items(section.get("key_kept"), "a list of places", Value::text),
        append_only: section.get("append_only").and_then(Value::flag),
        keep: section.get("keep").and_then(retention),
    };
    section.finish();
    entry
}
