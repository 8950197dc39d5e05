//! Everything that identifies one lab: [`Vocabulary`], made of [`Term`]s.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::common;
use crate::name::SlotName;
use crate::secret::Secret;
use crate::span::Span;

/// What kind of value a term is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValueKind {
    /// The address of a machine.
    Address,
    /// A network with its prefix length.
    Network,
    /// The number of a network card.
    Hardware,
    /// The name of a machine.
    HostName,
    /// A domain, or a machine's full name.
    Domain,
    /// A person's name.
    Person,
    /// A login or mail address.
    Login,
    /// A folder or file of a machine.
    Path,
    /// A disk, pool or dataset.
    Storage,
    /// Where copies or code are kept.
    Repository,
    /// A password, token or key.
    Secret,
    /// What the lab says of itself that it is private.
    Other,
}

impl ValueKind {
    /// Returns the kind in words, with its article: `an address`.
    pub fn words(self) -> &'static str {
        match self {
            ValueKind::Address => "an address",
            ValueKind::Network => "a network",
            ValueKind::Hardware => "the number of a network card",
            ValueKind::HostName => "the name of a machine",
            ValueKind::Domain => "a domain",
            ValueKind::Person => "a person",
            ValueKind::Login => "a login",
            ValueKind::Path => "a path",
            ValueKind::Storage => "a disk or pool",
            ValueKind::Repository => "a repository",
            ValueKind::Secret => "a secret",
            ValueKind::Other => "a private value",
        }
    }

    /// Returns the name of a slot that says of the value only what kind it is.
    fn role(self) -> &'static str {
        match self {
            ValueKind::Address => "ADDRESS",
            ValueKind::Network => "NETWORK",
            ValueKind::Hardware => "HARDWARE_ADDRESS",
            ValueKind::HostName => "HOST_NAME",
            ValueKind::Domain => "DOMAIN",
            ValueKind::Person => "PERSON",
            ValueKind::Login => "LOGIN",
            ValueKind::Path => "PATH_OF_HOST",
            ValueKind::Storage => "STORAGE",
            ValueKind::Repository => "REPOSITORY",
            ValueKind::Secret => "SECRET",
            ValueKind::Other => "VALUE",
        }
    }
}

/// One value that identifies a lab: what it is, where it comes from, and the slot that stands for it.
///
/// Its Debug does not show the value.
#[derive(Clone)]
pub struct Term {
    kind: ValueKind,
    value: Secret,
    slot: SlotName,
    /// Slots of single folders: the variable of the `.env` that lies there.
    local: Vec<(String, SlotName)>,
    origin: &'static str,
    place: Option<Span>,
}

impl Term {
    /// Returns what kind of value it is.
    pub fn kind(&self) -> ValueKind {
        self.kind
    }

    /// Returns the value itself.
    pub fn value(&self) -> &str {
        self.value.expose()
    }

    /// Returns the name of the slot that stands for it everywhere.
    pub fn slot(&self) -> &SlotName {
        &self.slot
    }

    /// Returns the name of the slot that stands for it in a file: the variable that the `.env` beside it gives the value,
    /// else [`slot`](Self::slot).
    pub fn slot_for(&self, path: &str) -> &SlotName {
        let folder = folder_of(path);
        let own = self.local.iter().find(|(at, _)| at == folder);
        own.map_or(&self.slot, |(_, slot)| slot)
    }

    /// Returns where the lab learned it: `instance.toml`, `a .env file`, `the tailnet`.
    pub fn origin(&self) -> &'static str {
        self.origin
    }

    /// Returns the place where it is written, where it is in a file.
    pub fn place(&self) -> Option<&Span> {
        self.place.as_ref()
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Term({}, {:?}, ***)", self.slot, self.kind)
    }
}

pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Everything that identifies one lab, each value once; see [`Lab::vocabulary`](crate::Lab::vocabulary).
///
/// Invariants: no two terms have the same value, whatever its case; no two that are not of a folder's own `.env` have the
/// same slot. Its Debug says how many there are.
#[derive(Clone, Default)]
pub struct Vocabulary {
    terms: Vec<Term>,
    by_value: HashMap<String, usize>,
    by_slot: HashMap<SlotName, usize>,
}

impl Vocabulary {
    /// Returns every term, in the order in which they were learned.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Returns these terms and those of another, which get other slots where the names are taken: a template is looked
    /// through for the values of the lab that it was made of.
    #[must_use]
    pub fn with(mut self, other: &Vocabulary) -> Self {
        for term in &other.terms {
            let at = self.insert(
                term.kind,
                term.value(),
                term.slot.as_str(),
                term.origin,
                term.place.as_ref(),
            );
            if let Some(term_here) = at.and_then(|at| self.terms.get_mut(at)) {
                for local in &term.local {
                    if !term_here.local.contains(local) {
                        term_here.local.push(local.clone());
                    }
                }
            }
        }
        self
    }

    /// Renames the slots in whose names a value stands, unless the lab's own variables are called so: `[private]` may have
    /// `windy_lane = 'Windy Lane'`.
    pub(super) fn without_telling_slots(mut self) -> Self {
        let values: HashSet<String> = self
            .terms
            .iter()
            .filter_map(|term| slot_name(term.value()))
            .map(|name| name.to_string())
            .collect();
        for at in 0..self.terms.len() {
            let term = &self.terms[at];
            let words: Vec<&str> = term.slot.as_str().split('_').collect();
            let tells = (0..words.len())
                .any(|from| (from..words.len()).any(|to| values.contains(&words[from..=to].join("_"))));
            let is_variable = term
                .place
                .as_ref()
                .is_some_and(|place| place.source().name() != "instance.toml");
            if !tells || is_variable {
                continue;
            }
            let Ok(role) = SlotName::new(term.kind.role()) else {
                continue;
            };
            self.by_slot.remove(&self.terms[at].slot);
            let slot = self.free(&role);
            self.by_slot.insert(slot.clone(), at);
            self.terms[at].slot = slot;
        }
        self
    }

    /// Returns the names of all slots: where they stand they are no values.
    pub(super) fn slots(&self) -> HashSet<&str> {
        let own = self.terms.iter().map(|term| term.slot.as_str());
        let local = self.terms.iter().flat_map(|term| &term.local);
        own.chain(local.map(|(_, slot)| slot.as_str())).collect()
    }

    /// Adds a value unless it is empty; returns its index, which is that of the first that was added with it.
    pub(super) fn insert(
        &mut self,
        kind: ValueKind,
        value: &str,
        slot: &str,
        origin: &'static str,
        place: Option<&Span>,
    ) -> Option<usize> {
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        let key = value.to_lowercase();
        if let Some(&at) = self.by_value.get(&key) {
            return Some(at);
        }
        let at = self.terms.len();
        let slot = self.free(&slot_name(slot)?);
        self.by_value.insert(key, at);
        self.by_slot.insert(slot.clone(), at);
        self.terms.push(Term {
            kind,
            value: Secret::new(value),
            slot,
            local: Vec::new(),
            origin,
            place: place.cloned(),
        });
        Some(at)
    }

    /// Says that the `.env` of a folder gives a term's value to a variable.
    pub(super) fn name_in(&mut self, at: usize, folder: &str, variable: &str) {
        if let (Some(term), Ok(slot)) = (self.terms.get_mut(at), SlotName::new(variable))
            && !term.local.iter().any(|(known, _)| known == folder)
        {
            term.local.push((folder.to_owned(), slot));
        }
    }

    /// Returns the name, with a number behind it where another value has it.
    fn free(&self, name: &SlotName) -> SlotName {
        (2..)
            .map(|number| SlotName::new(&format!("{name}_{number}")))
            .find_map(|numbered| {
                if !self.by_slot.contains_key(name) {
                    return Some(name.clone());
                }
                numbered.ok().filter(|slot| !self.by_slot.contains_key(slot))
            })
            .unwrap_or_else(|| name.clone())
    }

    /// Adds an address, unless it is the same in every lab.
    pub(super) fn address(
        &mut self,
        address: IpAddr,
        slot: &str,
        origin: &'static str,
        place: Option<&Span>,
    ) {
        if !common::is_common_address(address) {
            self.insert(ValueKind::Address, &address.to_string(), slot, origin, place);
        }
    }

    /// Adds a network, unless it is the same in every lab.
    pub(super) fn network(&mut self, network: IpNet, slot: &str, origin: &'static str, place: Option<&Span>) {
        let network = network.trunc();
        if !common::is_common_network(network) && network.prefix_len() < network.max_prefix_len() {
            self.insert(ValueKind::Network, &network.to_string(), slot, origin, place);
        }
    }

    /// Adds a domain and the one that it is below, unless they are nobody's.
    pub(super) fn domain(
        &mut self,
        name: &str,
        slot: &str,
        origin: &'static str,
        place: Option<&Span>,
    ) -> Option<usize> {
        let name = name.trim_matches('.').to_lowercase();
        if common::is_common_declared_domain(&name) || !name.contains('.') {
            return None;
        }
        let at = self.insert(ValueKind::Domain, &name, slot, origin, place);
        if let Some((_, above)) = name.split_once('.')
            && !common::is_shared_suffix(above)
            && above.split('.').next().is_some_and(|label| label.len() > 3)
        {
            self.insert(ValueKind::Domain, above, &format!("{slot}_ABOVE"), origin, place);
        }
        at
    }

    /// Adds a login, unless it is nobody's.
    pub(super) fn login(
        &mut self,
        login: &str,
        slot: &str,
        origin: &'static str,
        place: Option<&Span>,
    ) -> Option<usize> {
        let (person, domain) = login.split_once('@').unwrap_or((login, ""));
        let is_nobodys = common::is_common_login(person)
            && (domain.is_empty() || common::is_common_domain_of_mail(domain))
            || domain.split('.').any(|label| label == "example");
        if login.len() < 4 || is_nobodys || domain.is_empty() && common::is_common_word(person) {
            return None;
        }
        self.insert(ValueKind::Login, login, slot, origin, place)
    }

    /// Adds a name of a machine or a person, unless many have it or something else in the lab does.
    pub(super) fn name(
        &mut self,
        kind: ValueKind,
        name: &str,
        slot: &str,
        known: &dyn Fn(&str) -> bool,
        (origin, place): (&'static str, Option<&Span>),
    ) {
        let is_common =
            common::is_common_word(name) && !(kind == ValueKind::Person && common::is_name_and_word(name));
        if !is_common && !known(&name.to_lowercase()) {
            self.insert(kind, name, slot, origin, place);
        }
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vocabulary({} terms)", self.terms.len())
    }
}

/// Returns a text as the name of a slot: in capitals, with `_` for what is neither letter nor digit.
fn slot_name(text: &str) -> Option<SlotName> {
    let mut name = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_uppercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_matches('_');
    let name = match name.chars().next() {
        None => "VALUE".to_owned(),
        Some(c) if c.is_ascii_digit() => format!("LAB_{name}"),
        Some(_) => name.to_owned(),
    };
    SlotName::new(&name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_slot_and_a_slot_one_value() {
        let mut vocabulary = Vocabulary::default();
        let first = vocabulary.insert(ValueKind::Other, "Zephyr", "host.zephyr", "a test", None);
        let again = vocabulary.insert(ValueKind::Other, "zephyr ", "other", "a test", None);
        assert_eq!(first, again);
        vocabulary.insert(ValueKind::Other, "boreas", "host zephyr", "a test", None);
        vocabulary.insert(ValueKind::Other, "notos", "8 winds", "a test", None);
        let slots: Vec<_> = vocabulary
            .terms()
            .iter()
            .map(|term| term.slot().to_string())
            .collect();
        assert_eq!(slots, ["HOST_ZEPHYR", "HOST_ZEPHYR_2", "LAB_8_WINDS"]);
        assert!(!format!("{vocabulary:?}{:?}", vocabulary.terms()).contains("ephyr,"));
        assert!(!format!("{:?}", vocabulary.terms()[1]).contains("boreas"));
    }

    #[test]
    fn a_folder_has_its_own_name_for_a_value() {
        let mut vocabulary = Vocabulary::default();
        let at = vocabulary
            .insert(ValueKind::Address, "192.168.7.9", "NAS_ADDRESS", "a test", None)
            .expect("an index");
        vocabulary.name_in(at, "services/a", "TAILNET_ADDRESS");
        let term = &vocabulary.terms()[at];
        assert_eq!(
            term.slot_for("services/a/compose.yaml").as_str(),
            "TAILNET_ADDRESS"
        );
        assert_eq!(term.slot_for("services/b/compose.yaml").as_str(), "NAS_ADDRESS");
    }

    #[test]
    fn what_identifies_nobody_is_not_a_term() {
        let mut vocabulary = Vocabulary::default();
        vocabulary.address("192.0.2.1".parse().expect("an address"), "A", "a test", None);
        vocabulary.network("10.0.0.0/8".parse().expect("a network"), "B", "a test", None);
        vocabulary.domain("nas.example.com", "C", "a test", None);
        vocabulary.login("alice@example.com", "D", "a test", None);
        vocabulary.name(ValueKind::HostName, "nas", "E", &|_| false, ("a test", None));
        vocabulary.name(
            ValueKind::HostName,
            "plex",
            "F",
            &|name| name == "plex",
            ("a test", None),
        );
        assert_eq!(vocabulary.terms().len(), 0);
        vocabulary.domain("nas.smith.family", "C", "a test", None);
        let values: Vec<_> = vocabulary.terms().iter().map(Term::value).collect();
        assert_eq!(values, ["nas.smith.family", "smith.family"]);
    }
}
