//! What is not known of people and devices, and whom a rule would be for if it turned out so: roles that nobody lists, the
//! members of groups that an identity provider keeps, devices of which nobody says whose they are.
//!
//! One notion for all questions: a rule lets a device in for sure, or perhaps. Who comes in perhaps is never left out of an
//! answer, and the answer says on what it depends.

use super::alias::Alias;
use super::carrier::Match;
use super::compile::Compiled;
use super::device::Role;
use super::directory::{Devices, Directory};
use super::policy::{Definitions, Inner, Truth};

/// Why it is not known whether a match lets in whom it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Doubt {
    /// It is about some of the ports on which the target may listen.
    pub(super) ports: bool,
    /// It is about some of the addresses that the target may have.
    pub(super) place: bool,
    /// Its destination may not mean the device by which packets get there.
    pub(super) device: bool,
    /// The target is a service, whose hosts have to be approved.
    pub(super) service: bool,
}

impl Doubt {
    pub(super) fn any(self) -> bool {
        self != Doubt::default()
    }
}

impl Directory {
    /// Returns the people whom an alias may mean, beside those whom it means.
    pub(super) fn people_perhaps(&self, alias: &Alias, definitions: &Definitions) -> Vec<u32> {
        let may = |wanted: &dyn Fn(u32) -> bool| {
            let people = (0u32..).zip(&self.people);
            let people = people.filter(|(at, person)| !person.external && person.listed && wanted(*at));
            people.map(|(at, _)| at).collect()
        };
        match alias {
            // There is one owner.
            Alias::Role(Role::Owner) if self.people.iter().any(|person| person.has_role(Role::Owner)) => {
                Vec::new()
            }
            Alias::Role(_) => may(&|at| self.people[at as usize].role.is_none()),
            Alias::Group(group) if !definitions.groups.contains_key(group) => may(&|_| true),
            _ => Vec::new(),
        }
    }

    /// Returns the devices that an alias may mean, beside those that it means.
    pub(super) fn devices_perhaps(&self, alias: &Alias, definitions: &Definitions) -> Devices {
        let mut set = Devices::none(self.count() as usize);
        for person in self.people_perhaps(alias, definitions) {
            for device in &self.people[person as usize].devices {
                set.insert(*device);
            }
        }
        if alias.names_devices() && *alias != Alias::Shared {
            self.orphans().iter().for_each(|device| set.insert(*device));
        }
        set
    }

    /// Returns whether nobody says whose a device is, nor which tags it has.
    pub(super) fn is_orphan(&self, device: u32) -> bool {
        self.orphans().contains(&device)
    }
}

/// Returns the logins that a policy names in its rules and groups.
pub(super) fn logins_of(policy: &Inner) -> Vec<String> {
    let definitions = &policy.definitions;
    let of = |alias: &Alias| match alias {
        Alias::User(login) => Some(login.to_string()),
        _ => None,
    };
    let members = definitions.groups.values().flat_map(|group| &group.value);
    let mut logins: Vec<String> = members.map(|member| member.value.to_string()).collect();
    for rule in policy.rules.iter().flatten() {
        logins.extend(rule.sources.iter().filter_map(|source| of(&source.value)));
        logins.extend(rule.destinations.iter().filter_map(|to| of(&to.alias.value)));
    }
    for rule in &policy.ssh {
        let all = rule.sources.iter().chain(&rule.destinations);
        logins.extend(all.filter_map(|one| of(&one.value)));
    }
    logins
}

impl Compiled {
    /// Returns in words what would have to be so for an alias to mean a device.
    fn belongs(&self, alias: &Alias, device: u32) -> String {
        let name = self.directory.name(device);
        match (alias, self.directory.owner(device)) {
            (Alias::User(login), _) => format!("`{name}` is a device of {login}"),
            (Alias::Tag(tag), _) => format!("`{name}` has {tag}"),
            (alias, Some(person)) => {
                format!("{} is of {alias}", self.directory.people[person as usize].login)
            }
            (alias, None) => format!("`{name}` is of {alias}"),
        }
    }

    /// Returns in words what would have to be so for a match to let a device in that it lets in perhaps.
    pub(super) fn clause(&self, one: &Match, device: u32) -> String {
        let mut clauses = Vec::new();
        let rule = self.rule(one.rule);
        let mut only = Devices::none(self.directory.count() as usize);
        only.insert(device);
        let is_meant = rule
            .sources
            .iter()
            .any(|source| self.means_any(&source.value, &only));
        if !is_meant {
            let definitions = &self.inner().definitions;
            let may = rule.sources.iter().map(|source| &source.value);
            let may = may.filter(|alias| self.directory.devices_perhaps(alias, definitions).has(device));
            let words: Vec<String> = may.map(|alias| self.belongs(alias, device)).collect();
            clauses.push(crate::lab::in_words(&words, "or", 3));
        }
        if let Some(person) = one.person.filter(|_| self.directory.is_orphan(device)) {
            let login = &self.directory.people[person as usize].login;
            clauses.push(format!(
                "`{}` is a device of {login}",
                self.directory.name(device)
            ));
        }
        if !rule.postures.is_empty() && self.posture(device, &rule.postures) == Truth::Unknown {
            clauses.push("its posture is as the rule asks".to_owned());
        }
        clauses.extend(self.target_clauses(one));
        clauses.join(" and ")
    }

    /// Returns in words what would have to be so of the target.
    pub(super) fn target_clauses(&self, one: &Match) -> Vec<String> {
        let to = self.destination(one.rule, one.destination);
        let mut clauses = Vec::new();
        if one.doubt.device {
            match one.person {
                Some(person) => {
                    let login = &self.directory.people[person as usize].login;
                    clauses.push(format!(
                        "`{}` is a device of {login}",
                        self.directory.name(one.on)
                    ));
                }
                None => clauses.push(self.belongs(&to.alias.value, one.on)),
            }
        }
        if one.doubt.ports {
            let ports: Vec<String> = to.ports.iter().map(ToString::to_string).collect();
            clauses.push(format!("the service listens on {}", ports.join(", ")));
        }
        if one.doubt.place {
            clauses.push(format!("the service's address is in {}", to.alias.value));
        }
        match (&to.alias.value, one.doubt.service) {
            (Alias::Any, true) => clauses.push("`*` as `dst` covers services too".to_owned()),
            (alias, true) => clauses.push(format!("a device is approved to host `{alias}`")),
            _ => {}
        }
        clauses
    }
}

#[cfg(test)]
mod tests;
