//! The SSH policy of each device: its rules in the order in which they are tried, and whom they let in.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::alias::Alias;
use super::carrier::{Carrier, Way};
use super::compile::Compiled;
use super::directory::Devices;
use super::policy::{SshAction, SshRule};
use super::target::Target;
use crate::view::{SshActionView, SshPrincipalView, SshRuleView};

/// Where a device asks whether somebody signed in lately: as the service writes it.
const HOLD: &str = "https://unused/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER";

/// One rule as a device has it.
pub(super) struct DeviceRule<'a> {
    pub(super) rule: &'a SshRule,
    /// Devices, people's first.
    pub(super) principals: Vec<u32>,
    pub(super) users: BTreeMap<String, String>,
}

impl DeviceRule<'_> {
    pub(super) fn is_check(&self) -> bool {
        matches!(self.rule.action, SshAction::Check(_))
    }

    /// Returns whether it lets a user in who asks for this one of the machine.
    pub(super) fn admits(&self, user: &str) -> bool {
        match self
            .users
            .get(user)
            .or_else(|| self.users.get("*"))
            .map(String::as_str)
        {
            None | Some("") => false,
            Some("=") => user != "root",
            Some(_) => true,
        }
    }
}

impl Compiled {
    /// Returns the rules of SSH that a device has, checks first.
    pub(super) fn ssh_rules(&self, device: u32) -> Vec<DeviceRule<'_>> {
        let mut rules = Vec::new();
        for rule in &self.inner().ssh {
            self.ssh_rule(rule, device, &mut rules);
        }
        rules.sort_by_key(|rule| !rule.is_check());
        rules
    }

    /// Returns the device whose Tailscale SSH answers for a target.
    pub(super) fn ssh_gate(&self, target: &Target, carriers: &[Carrier]) -> Option<u32> {
        let mut on = carriers.iter().filter(|_| target.has_port(22) && target.is_tcp());
        let gate = on.find(|carrier| {
            carrier.way == Way::Itself && self.directory.device(carrier.device).ssh() == Some(true)
        });
        gate.map(|carrier| carrier.device)
    }

    /// Returns what the rules of `ssh` ask of a device before they let it in to another, or that none does.
    pub(super) fn by_ssh(&self, on: u32, device: u32) -> Option<String> {
        let rules = self.ssh_rules(on);
        let own = rules.iter().filter(|rule| rule.principals.contains(&device));
        let own: Vec<&DeviceRule<'_>> = own.collect();
        let name = self.directory.name(device);
        let definitions = &self.inner().definitions;
        let mut sources = self.inner().ssh.iter().flat_map(|rule| &rule.sources);
        match own.as_slice() {
            [] if sources.any(|source| {
                self.directory
                    .devices_perhaps(&source.value, definitions)
                    .has(device)
            }) =>
            {
                Some(format!(
                    "`{name}` only if a rule of `ssh` lets it in, which is not known"
                ))
            }
            [] => Some(format!(
                "`{name}` gets no further than Tailscale SSH: no rule of `ssh` lets it in"
            )),
            own if own.iter().all(|rule| rule.is_check()) => {
                Some(format!("`{name}` after a check: its person has to sign in again"))
            }
            _ => None,
        }
    }

    fn ssh_rule<'a>(&'a self, rule: &'a SshRule, device: u32, into: &mut Vec<DeviceRule<'a>>) {
        let mut sources = Devices::none(self.directory.count() as usize);
        rule.sources
            .iter()
            .for_each(|source| sources.add(&self.devices(&source.value)));
        if sources.is_empty() {
            return;
        }
        let of_person = |person: u32| -> Vec<u32> {
            let devices = self.directory.people[person as usize].devices.iter().copied();
            devices.filter(|device| sources.has(*device)).collect()
        };
        let owner = self.directory.owner(device);
        let mut scoped = |principals: Vec<u32>, person: Option<u32>| {
            self.scoped_rules(rule, principals, person, into);
        };
        let selves = rule.destinations.iter().any(|to| to.value == Alias::Itself);
        if let (true, Some(person)) = (selves, owner) {
            scoped(of_person(person), owner);
        }
        let mut others = rule
            .destinations
            .iter()
            .filter(|to| to.value != Alias::Itself)
            .peekable();
        if others.peek().is_none() {
            return;
        }
        let is_destination = others.any(|to| self.devices(&to.value).has(device));
        let local_parts = !rule.local_parts.is_empty();
        if is_destination && local_parts {
            for person in 0..self.directory.people.len() as u32 {
                scoped(of_person(person), Some(person));
            }
            scoped(self.tagged_sources(&sources), None);
        } else if is_destination {
            let people = self
                .directory
                .people
                .iter()
                .flat_map(|person| person.devices.iter().copied());
            let mut principals: Vec<u32> = people.filter(|device| sources.has(*device)).collect();
            principals.extend(self.tagged_sources(&sources));
            into.push(DeviceRule {
                rule,
                principals,
                users: base_users(rule),
            });
        } else if local_parts && sources.has(device) {
            // A source that is no destination is told of itself; nobody gets in anywhere by it.
            match owner {
                Some(person) => scoped(of_person(person), owner),
                None => scoped(vec![device], None),
            }
        }
    }

    fn tagged_sources(&self, sources: &Devices) -> Vec<u32> {
        sources
            .iter()
            .filter(|device| self.directory.owner(*device).is_none())
            .collect()
    }

    /// Adds the rule for some principals, and for a person whose login is of the right domain, the one that lets them
    /// be who they are.
    fn scoped_rules<'a>(
        &self,
        rule: &'a SshRule,
        principals: Vec<u32>,
        person: Option<u32>,
        into: &mut Vec<DeviceRule<'a>>,
    ) {
        if principals.is_empty() {
            return;
        }
        let local = person.and_then(|person| {
            let (name, domain) = self.directory.people[person as usize].login.rsplit_once('@')?;
            rule.local_parts
                .iter()
                .any(|own| **own == *domain)
                .then(|| name.to_owned())
        });
        into.push(DeviceRule {
            rule,
            principals: principals.clone(),
            users: base_users(rule),
        });
        if let Some(name) = local {
            into.push(DeviceRule {
                rule,
                principals,
                users: [(name.clone(), name)].into_iter().collect(),
            });
        }
    }

    /// Returns the rules of a device as the service sends them.
    pub(super) fn ssh_views(&self, device: u32) -> Vec<SshRuleView> {
        let view = |rule: DeviceRule<'_>| {
            let addresses = rule
                .principals
                .iter()
                .flat_map(|device| self.directory.device(*device).addresses());
            let mut addresses: Vec<&IpAddr> = addresses.collect();
            addresses.sort_by_key(|address| address.is_ipv6());
            SshRuleView {
                principals: addresses
                    .into_iter()
                    .map(|address| SshPrincipalView {
                        node_ip: address.to_string(),
                    })
                    .collect(),
                action: match rule.rule.action {
                    SshAction::Accept => SshActionView {
                        accept: true,
                        hold_and_delegate: String::new(),
                        allow_agent_forwarding: true,
                        allow_local_port_forwarding: true,
                        allow_remote_port_forwarding: true,
                    },
                    SshAction::Check(_) => SshActionView {
                        accept: false,
                        hold_and_delegate: HOLD.to_owned(),
                        allow_agent_forwarding: false,
                        allow_local_port_forwarding: false,
                        allow_remote_port_forwarding: false,
                    },
                },
                ssh_users: rule.users,
                accept_env: rule.rule.accept_env.clone(),
            }
        };
        self.ssh_rules(device).into_iter().map(view).collect()
    }
}

fn base_users(rule: &SshRule) -> BTreeMap<String, String> {
    let mut users = BTreeMap::new();
    if rule.nonroot {
        users.insert("*".to_owned(), "=".to_owned());
    }
    users.insert("root".to_owned(), if rule.root { "root" } else { "" }.to_owned());
    for login in &rule.logins {
        users.insert(login.clone(), login.clone());
    }
    users
}
