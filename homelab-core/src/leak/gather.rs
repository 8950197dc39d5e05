//! Where the values of a lab come from: its instance.toml, its files of variables, its projects, and what was seen.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::common;
use super::scan::Same;
use super::telling::{
    container_networks, hardware, identified_by, is_distinctive, is_identifying_path, is_of_names,
    is_worth_hiding,
};
use super::vocabulary::{ValueKind, Vocabulary, folder_of};
use crate::compose::variables_of;
use crate::lab::{FileKind, Host, Lab};
use crate::name::SlotName;
use crate::observed::Observed;
use crate::service::rules::secrets::{is_random, password_in};
use crate::span::{Source, Span};
use crate::stratum::Stratum;
use crate::system::{names_connection, names_secret};
use crate::tailnet::device::Device;

const INSTANCE: &str = "instance.toml";
const ENVIRONMENT: &str = "a file of variables";
const TAILNET: &str = "the tailnet";

impl Lab {
    /// Returns everything that identifies this lab: what instance.toml says, the values of its files of variables, the
    /// secrets that stand in its Compose files, and what was seen of the tailnet, the machine, the engines and the
    /// repositories' remotes. Pure.
    ///
    /// What is the same in many labs is not in it: documentation ranges, loopback, engines' defaults, names such as
    /// `nas`, names of the lab's own projects and of known applications, and passwords that everybody knows.
    ///
    /// ```
    /// use homelab_core::{Lab, Observed};
    ///
    /// let lab = Lab::from_texts(
    ///     "home",
    ///     [("instance.toml", "[hosts.zephyr]\naddresses = ['192.168.7.10']"), ("a/.env", "DB_PASSWORD=hqd82nfkw")],
    /// );
    /// let vocabulary = lab.vocabulary(&Observed::none("2026-12-01T00:00:00Z".parse()?));
    /// let slots: Vec<_> = vocabulary.terms().iter().map(|term| term.slot().as_str()).collect();
    /// assert_eq!(slots, ["HOST_1_ADDRESS", "HOST_1_NAME", "DB_PASSWORD"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn vocabulary(&self, seen: &Observed) -> Vocabulary {
        let mut gatherer = Gatherer {
            same: self.same(),
            vocabulary: Vocabulary::default(),
            roles: HashMap::new(),
        };
        gatherer.instance(self);
        gatherer.environments(self);
        gatherer.literal_secrets(self);
        gatherer.seen(seen);
        gatherer.vocabulary.without_telling_slots()
    }
}

impl Lab {
    /// Returns what looks private and tells nothing in this lab.
    pub(super) fn same(&self) -> Same {
        Same {
            containers: container_networks(self),
            names: known_names(self),
        }
    }
}

/// Returns, in small letters, what the lab calls its projects and services, and what applications are called: a machine or
/// a person of such a name cannot be told from it.
fn known_names(lab: &Lab) -> HashSet<String> {
    let mut names: HashSet<String> = lab
        .catalog()
        .systems()
        .map(|system| system.id().to_owned())
        .collect();
    for project in lab.projects() {
        names.insert(project.name().as_str().to_lowercase());
        names.extend(project.services().keys().map(|name| name.as_str().to_lowercase()));
    }
    names
}

struct Gatherer {
    same: Same,
    vocabulary: Vocabulary,
    /// What machines and people are called in the names of slots, so that no slot says whose value it has.
    roles: HashMap<(&'static str, String), usize>,
}

impl Gatherer {
    /// Returns what a machine, a person or a repository is called in the names of its slots: `HOST_1`.
    fn role(&mut self, role: &'static str, name: &str) -> String {
        let next = self.roles.keys().filter(|(own, _)| *own == role).count() + 1;
        let number = self.roles.entry((role, name.to_lowercase())).or_insert(next);
        format!("{role}_{number}")
    }

    fn name(&mut self, kind: ValueKind, name: &str, slot: &str, origin: &'static str, place: Option<&Span>) {
        let names = &self.same.names;
        let known = |name: &str| names.contains(name);
        self.vocabulary.name(kind, name, slot, &known, (origin, place));
    }

    fn instance(&mut self, lab: &Lab) {
        let instance = lab.instance();
        for host in instance.hosts() {
            self.host(host);
        }
        if let Some(tailnet) = instance.tailnet() {
            let place = Some(tailnet.span());
            if let Some(name) = tailnet.name() {
                self.tailnet_name(name, INSTANCE, place);
            }
            if let Some(suffix) = tailnet.suffix() {
                self.vocabulary.domain(suffix, "TAILNET_SUFFIX", INSTANCE, place);
            }
            for prefix in tailnet.prefixes() {
                self.vocabulary
                    .network(*prefix.value(), "TAILNET_PREFIX", INSTANCE, Some(prefix.span()));
            }
            for device in tailnet.devices() {
                self.device(device.value(), INSTANCE, Some(device.span()));
            }
        }
        for person in instance.people().values() {
            let slot = self.role("PERSON", person.name());
            if let Some(login) = person.login() {
                self.vocabulary
                    .login(login, &format!("{slot}_LOGIN"), INSTANCE, Some(person.span()));
            }
            self.name(
                ValueKind::Person,
                person.name(),
                &format!("{slot}_NAME"),
                INSTANCE,
                Some(person.span()),
            );
        }
        for repository in instance.repositories().values() {
            let slot = self.role("REPOSITORY", repository.name().as_str());
            if let Some(location) = repository.location() {
                self.location(location.value(), &slot, INSTANCE, Some(location.span()));
            }
            let (place, medium) = (Some(repository.span()), repository.medium());
            for (text, part) in [(medium, "MEDIUM"), (repository.account(), "ACCOUNT")] {
                let long = text.filter(|text| text.len() > 3);
                if let Some(text) = long {
                    let kind = if part == "MEDIUM" {
                        ValueKind::Storage
                    } else {
                        ValueKind::Login
                    };
                    self.name(kind, text, &format!("{slot}_{part}"), INSTANCE, place);
                }
            }
        }
        for (name, value) in instance.private_values() {
            let at = Some(value.span());
            self.listed(name, value.value(), at);
        }
    }

    fn host(&mut self, host: &Host) {
        let slot = self.role("HOST", host.name().as_str());
        let slot = slot.as_str();
        for address in host.addresses() {
            let slot = numbered(slot, "ADDRESS", *address.value());
            self.vocabulary
                .address(*address.value(), &slot, INSTANCE, Some(address.span()));
        }
        for address in host.public_addresses().into_iter().flatten() {
            let slot = numbered(slot, "PUBLIC_ADDRESS", *address.value());
            self.vocabulary
                .address(*address.value(), &slot, INSTANCE, Some(address.span()));
        }
        for interface in host.interfaces() {
            for address in interface.addresses() {
                let place = Some(address.span());
                let own = numbered(slot, "ADDRESS", address.value().addr());
                self.vocabulary
                    .address(address.value().addr(), &own, INSTANCE, place);
                self.vocabulary
                    .network(*address.value(), &format!("{slot}_NETWORK"), INSTANCE, place);
            }
        }
        if let Some(engine) = host.engine()
            && let Some((_, rest)) = engine.address().split_once("://")
            && !rest.starts_with('/')
        {
            self.authority(rest, &format!("{slot}_ENGINE"), INSTANCE, Some(engine.span()));
        }
        if let Some(site) = host.site().filter(|site| site.len() > 3) {
            self.name(
                ValueKind::Other,
                site,
                &format!("{slot}_SITE"),
                INSTANCE,
                Some(host.span()),
            );
        }
        self.name(
            ValueKind::HostName,
            host.name().as_str(),
            &format!("{slot}_NAME"),
            INSTANCE,
            Some(host.span()),
        );
    }

    /// A tailnet's name is a domain, somebody's login, or a text of its own.
    fn tailnet_name(&mut self, name: &str, origin: &'static str, place: Option<&Span>) {
        if name.contains('@') {
            self.vocabulary.login(name, "TAILNET_NAME", origin, place);
        } else if name.contains('.') {
            self.vocabulary.domain(name, "TAILNET_NAME", origin, place);
        } else {
            self.name(ValueKind::Other, name, "TAILNET_NAME", origin, place);
        }
    }

    fn device(&mut self, device: &Device, origin: &'static str, place: Option<&Span>) {
        let slot = self.role("HOST", device.name());
        for address in device.addresses() {
            let own = numbered(&slot, "TAILNET_ADDRESS", *address);
            self.vocabulary.address(*address, &own, origin, place);
        }
        for route in device.advertised().iter().chain(device.approved()) {
            self.vocabulary
                .network(*route, &format!("{slot}_ROUTE"), origin, place);
        }
        if let Some(name) = device.dns_name() {
            self.vocabulary
                .domain(name, &format!("{slot}_DNS_NAME"), origin, place);
        }
        if let Some(login) = device.user() {
            self.vocabulary
                .login(login, &format!("{slot}_LOGIN"), origin, place);
        }
        let name = format!("{slot}_NAME");
        self.name(ValueKind::HostName, device.name(), &name, origin, place);
    }

    /// Reads every file of variables that is the lab's own.
    fn environments(&mut self, lab: &Lab) {
        let files = lab.manifest().files().iter();
        let own = |file: &&crate::lab::LabFile| {
            file.kind() == FileKind::Environment && file.stratum() == Stratum::Instance
        };
        for file in files.filter(own) {
            let Some(text) = file.text() else { continue };
            let source = Source::new(file.path(), text);
            let folder = folder_of(file.path()).to_owned();
            for (name, value, place) in variables_of(&source) {
                self.variable(lab, &folder, &name, &value, &place);
            }
        }
    }

    /// Adds what identifies the lab in the value of one variable.
    fn variable(&mut self, lab: &Lab, folder: &str, name: &str, value: &str, place: &Span) {
        let value = value.trim();
        let slot = SlotName::new(name).ok();
        let declared = slot.as_ref().and_then(|slot| lab.pattern().slots().get(slot));
        let is_secret = declared.is_some_and(crate::lab::Slot::is_secret);
        let global = self.global(folder, name);
        let at = if is_secret || names_secret(name) || names_connection(name) {
            let secret = password_in(value)
                .or_else(|| (!value.contains("://") || is_secret || names_secret(name)).then_some(value));
            let is_worth =
                |secret: &str| is_worth_hiding(name, secret, value) && !is_of_names(secret, &self.same.names);
            let secret = secret.filter(|secret| is_secret && !secret.starts_with('#') || is_worth(secret));
            let at = secret.and_then(|secret| {
                self.vocabulary
                    .insert(ValueKind::Secret, secret, &global, ENVIRONMENT, Some(place))
            });
            if value.contains("://") {
                self.shaped(value, &format!("{global}_HOST"), ENVIRONMENT, Some(place));
            }
            at.filter(|_| secret == Some(value))
        } else if let Some(at) = self.shaped(value, &global, ENVIRONMENT, Some(place)) {
            Some(at)
        } else if is_random(value) || (declared.is_some() && is_distinctive(value)) {
            self.vocabulary
                .insert(ValueKind::Other, value, &global, ENVIRONMENT, Some(place))
        } else {
            let kind = identified_by(name, value).filter(|_| !is_of_names(value, &self.same.names));
            kind.and_then(|kind| {
                self.vocabulary
                    .insert(kind, value, &global, ENVIRONMENT, Some(place))
            })
        };
        if let Some(at) = at {
            self.vocabulary.name_in(at, folder, name);
        }
    }

    /// Returns a variable's name, with its folder's before it where another folder's has the name with another value.
    fn global(&self, folder: &str, name: &str) -> String {
        let taken = self
            .vocabulary
            .terms()
            .iter()
            .any(|term| term.slot().as_str() == name);
        match folder.rsplit('/').next() {
            Some(last) if taken && !last.is_empty() => format!("{last}_{name}"),
            _ => name.to_owned(),
        }
    }

    /// Adds a value that says by its own form that it identifies the lab; returns the index of a term that is all of it.
    fn shaped(
        &mut self,
        value: &str,
        slot: &str,
        origin: &'static str,
        place: Option<&Span>,
    ) -> Option<usize> {
        if let Ok(address) = value.parse::<IpAddr>() {
            let is_inside = self
                .same
                .containers
                .iter()
                .any(|network| network.contains(&address));
            return if common::is_common_address(address) || is_inside {
                None
            } else {
                self.vocabulary
                    .insert(ValueKind::Address, value, slot, origin, place)
            };
        }
        if let Ok(network) = value.parse::<IpNet>() {
            let common = common::is_common_network(network) || network.trunc() != network;
            return if common {
                self.vocabulary.address(network.addr(), slot, origin, place);
                None
            } else {
                self.vocabulary
                    .insert(ValueKind::Network, value, slot, origin, place)
            };
        }
        if hardware(value).is_some() {
            return self
                .vocabulary
                .insert(ValueKind::Hardware, value, slot, origin, place);
        }
        if let Some((_, rest)) = value.split_once("://") {
            if super::shape::repository_length(value) == Some(value.len()) {
                return self.location(value, slot, origin, place);
            }
            self.authority(rest, slot, origin, place);
            return None;
        }
        if super::shape::repository_length(value) == Some(value.len()) {
            return self.location(value, slot, origin, place);
        }
        if super::shape::is_login(value) {
            return self.vocabulary.login(value, slot, origin, place);
        }
        if is_identifying_path(value) {
            return self
                .vocabulary
                .insert(ValueKind::Path, value.trim_end_matches('/'), slot, origin, place)
                .filter(|_| !value.ends_with('/'));
        }
        // `DB_ENGINE=django.db.backends.postgresql` has its dots for another reason.
        let is_code = [
            "ENGINE", "CLASS", "MODULE", "DRIVER", "BACKEND", "PACKAGE", "FILE",
        ];
        if super::shape::is_domain(value) && !is_code.iter().any(|word| slot.contains(word)) {
            return self.vocabulary.domain(value, slot, origin, place);
        }
        let host = value
            .rsplit_once(':')
            .map(|(host, port)| (host, port.parse::<u16>()));
        if let Some((host, Ok(_))) = host
            && (super::shape::is_domain(host) || host.parse::<IpAddr>().is_ok())
        {
            self.shaped(host, slot, origin, place);
        }
        None
    }

    /// Adds the host and the user of what stands behind `://`.
    fn authority(&mut self, rest: &str, slot: &str, origin: &'static str, place: Option<&Span>) {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        if let Some(password) = user.split_once(':').map(|(_, password)| password)
            && is_worth_hiding("", password, rest)
        {
            self.vocabulary.insert(
                ValueKind::Secret,
                password,
                &format!("{slot}_PASSWORD"),
                origin,
                place,
            );
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            self.vocabulary.address(address, slot, origin, place);
        } else if super::shape::is_domain(host) {
            self.vocabulary.domain(host, slot, origin, place);
        } else if origin != ENVIRONMENT {
            self.name(ValueKind::HostName, host, slot, origin, place);
        }
    }

    /// Adds where copies or code are kept.
    fn location(
        &mut self,
        value: &str,
        slot: &str,
        origin: &'static str,
        place: Option<&Span>,
    ) -> Option<usize> {
        if let Some((_, rest)) = value.split_once("://") {
            self.authority(rest, &format!("{slot}_HOST"), origin, place);
        } else if let Some((before, _)) = value.split_once(":/")
            && let Some((user, host)) = before.rsplit(':').next().unwrap_or_default().split_once('@')
        {
            let _ = user;
            self.authority(host, &format!("{slot}_HOST"), origin, place);
        }
        let hosted = value.split("://").nth(1).unwrap_or(value);
        let host = hosted.split('/').next().unwrap_or_default();
        let host = host
            .rsplit('@')
            .next()
            .unwrap_or_default()
            .split(':')
            .next()
            .unwrap_or_default();
        let is_example =
            super::shape::is_domain(host) && common::is_common_domain(host) && host.contains("example");
        (value.len() >= 6 && !is_example)
            .then(|| {
                self.vocabulary
                    .insert(ValueKind::Repository, value, slot, origin, place)
            })
            .flatten()
    }

    /// Adds a value of `[private]`: whoever lists it says that it identifies the lab, whatever it looks like.
    fn listed(&mut self, name: &str, value: &str, place: Option<&Span>) {
        if self.shaped(value, name, INSTANCE, place).is_none() {
            let kind = if names_secret(name) {
                ValueKind::Secret
            } else {
                ValueKind::Other
            };
            self.vocabulary.insert(kind, value, name, INSTANCE, place);
        }
    }

    /// Adds the secrets that stand in files which declare services: where else they stand is worth knowing too.
    fn literal_secrets(&mut self, lab: &Lab) {
        for held in lab.secrets_of_services() {
            let file = lab.manifest().file(held.span.source().name());
            let is_declaration = file.is_some_and(|file| file.stratum().is_shareable());
            let is_written = held.span.text().contains(held.secret);
            let worth = is_declaration
                && is_written
                && !held.is_well_known
                && is_worth_hiding(held.name, held.secret, held.value)
                && !is_of_names(held.secret, &self.same.names)
                && (is_random(held.secret) || !held.span.text().contains(&format!("-{}}}", held.secret)));
            if !worth || held.secret.contains("${") {
                continue;
            }
            self.vocabulary.insert(
                ValueKind::Secret,
                held.secret,
                held.name,
                "a Compose file",
                Some(held.span),
            );
        }
    }

    fn seen(&mut self, seen: &Observed) {
        if let Some(node) = seen.tailnet() {
            let status = node.value().status();
            if let Some(name) = status.tailnet() {
                self.tailnet_name(name, TAILNET, None);
            }
            if let Some(suffix) = status.suffix() {
                self.vocabulary.domain(suffix, "TAILNET_SUFFIX", TAILNET, None);
            }
            for device in status.own().into_iter().chain(status.roster().devices()) {
                self.device(device, TAILNET, None);
            }
            for user in status.roster().users() {
                let person = user.login().split('@').next().unwrap_or_default();
                let slot = self.role("PERSON", person);
                self.vocabulary
                    .login(user.login(), &format!("{slot}_LOGIN"), TAILNET, None);
            }
        }
        if let Some(machine) = seen.machine() {
            let machine = machine.value();
            let (name, origin) = (machine.name().as_str(), "this machine");
            let slot = self.role("HOST", name);
            for (_, addresses) in machine.interfaces() {
                for address in addresses {
                    let own = numbered(&slot, "ADDRESS", address.addr());
                    self.vocabulary.address(address.addr(), &own, origin, None);
                }
            }
            self.name(ValueKind::HostName, name, &format!("{slot}_NAME"), origin, None);
        }
        if let Some(inventory) = seen.inventory() {
            for host in inventory.value().hosts() {
                let name = host.host.as_str();
                let slot = self.role("HOST", name);
                self.name(
                    ValueKind::HostName,
                    name,
                    &format!("{slot}_NAME"),
                    "the engines",
                    None,
                );
            }
        }
        let checkouts = seen.worktree().map(|worktree| worktree.value().checkouts());
        for remote in checkouts
            .into_iter()
            .flatten()
            .flat_map(crate::observed::Checkout::remotes)
        {
            self.location(remote.address(), "REMOTE", "the repository's remotes", None);
        }
    }
}

/// Returns the name of an address's slot: with `_V6` for one of the sixth version.
fn numbered(name: &str, part: &str, address: IpAddr) -> String {
    match address {
        IpAddr::V4(_) => format!("{name}_{part}"),
        IpAddr::V6(_) => format!("{name}_{part}_V6"),
    }
}
