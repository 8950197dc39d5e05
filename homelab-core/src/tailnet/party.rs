//! Whom a question is about: the devices of a name, and what of that is not known.

use std::sync::Arc;

use super::alias::Alias;
use super::compile::Compiled;
use super::device::{Device, Roster};
use super::directory::Devices;
use super::ranges::Range;
use crate::error::{Error, ErrorKind, Result};

/// Somebody without a device, and what they would have with the first.
pub(super) struct Stranger {
    pub(super) compiled: Compiled,
    pub(super) devices: Devices,
    /// How many devices there really are: those behind are made up.
    pub(super) real: u32,
    pub(super) condition: String,
}

impl Compiled {
    /// Returns the devices that a login, group, tag, autogroup, device or address means.
    pub(super) fn principals(&self, who: &str) -> Result<Devices> {
        let mut devices = Devices::none(self.directory.count() as usize);
        let who = who.trim();
        if let Some(device) = self.directory.named(who) {
            devices.insert(device);
            return Ok(devices);
        }
        let unknown = || {
            Error::new(ErrorKind::NotFound, format!("find `{who}` in the tailnet"))
                .with_hint("name a person by login, a group, a tag, a device or its address")
        };
        let several = self.directory.called(who);
        if several.len() > 1 {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            let error = Error::new(ErrorKind::Ambiguous, format!("find one device called `{who}`"));
            return Err(error.with_hint(format!("there are {}", names.join(", "))));
        }
        let alias = Alias::parse(who).map_err(|_| unknown())?;
        match &alias {
            Alias::Any => (0..self.directory.count()).for_each(|device| devices.insert(device)),
            Alias::Address(range) => self
                .directory
                .inside(*range)
                .for_each(|device| devices.insert(device)),
            Alias::User(login) if self.directory.person(login).is_none() => return Err(unknown()),
            _ if alias.names_devices() && self.inner().definitions.missing(&alias).is_none() => {
                devices.add(&self.directory.devices(&alias, &self.inner().definitions));
            }
            _ => return Err(unknown()),
        }
        if !devices.is_empty() {
            return Ok(devices);
        }
        let definitions = &self.inner().definitions;
        match &alias {
            // A host behind a router is none of the tailnet's, and may come in all the same.
            Alias::Address(range) if range.is_single() && self.directory.is_routed(range.first()) => {
                Ok(devices)
            }
            Alias::Address(_) => Err(unknown()),
            Alias::Group(group) if !definitions.groups.contains_key(group) => {
                let message = format!(
                    "say who is of `{who}`: an identity provider keeps it, and no file has its members"
                );
                Err(Error::new(ErrorKind::NotFound, message)
                    .with_hint("ask about one of its people by login"))
            }
            Alias::Role(_) if !self.directory.people_perhaps(&alias, definitions).is_empty() => {
                let message = format!("say who is of `{who}`: the roles of people are not known");
                let hint =
                    "give the tailnet's users (`--users`), or `tailnet_role` of people in instance.toml";
                Err(Error::new(ErrorKind::NotFound, message).with_hint(hint))
            }
            Alias::Shared => {
                let message = format!("say who is of `{who}`: no list names whom devices are shared with");
                Err(Error::new(ErrorKind::NotFound, message)
                    .with_hint("give the tailnet's users (`--users`)"))
            }
            _ => Ok(devices),
        }
    }

    /// Returns what somebody who has no device would have with the first: a person, a group of such, or a tag.
    pub(super) fn stranger(&self, who: &str, devices: &Devices) -> Option<Stranger> {
        if !devices.is_empty() {
            return None;
        }
        let device = |login: &str| Device::new(format!("the first device of {login}")).with_user(login);
        let alias = Alias::parse(who.trim()).ok()?;
        let new: Vec<Device> = match &alias {
            Alias::User(login) => vec![device(login)],
            Alias::Group(group) => {
                let members = &self.inner().definitions.groups.get(group)?.value;
                members.iter().map(|member| device(&member.value)).collect()
            }
            Alias::Tag(tag) => {
                vec![Device::new(format!("the first device of {tag}")).with_tags([tag.to_string()])]
            }
            // It is nobody's, and has no tag: it is not asked for a posture either.
            Alias::Address(range) => {
                vec![
                    Device::new(who.trim())
                        .with_external(true)
                        .with_addresses([range.first()]),
                ]
            }
            _ => return None,
        };
        if new.is_empty() {
            return None;
        }
        let real = self.directory.count();
        let compiled = self.with_devices(new);
        let mut devices = Devices::none(compiled.directory.count() as usize);
        (real..compiled.directory.count()).for_each(|device| devices.insert(device));
        let condition = match &alias {
            Alias::Tag(tag) => format!("no device has {tag}: it is so from the first on"),
            Alias::Address(_) => "only where its router leaves it its address".to_owned(),
            _ => format!("no device is known of {}: it is so from the first on", who.trim()),
        };
        Some(Stranger {
            compiled,
            devices,
            real,
            condition,
        })
    }

    /// Returns the same policy over more devices, to which addresses are given that no other has.
    pub(super) fn with_devices(&self, new: Vec<Device>) -> Compiled {
        let roster = self.directory.roster();
        let mut last = 0u32;
        let mut devices = roster.devices().to_vec();
        for device in new {
            if !device.addresses().is_empty() {
                devices.push(device);
                continue;
            }
            // From the end of what Tailscale gives out, where hardly any device is.
            let address = loop {
                last += 1;
                let address = std::net::IpAddr::from((0x647f_fffe - last).to_be_bytes());
                if self.directory.at(address).is_none() {
                    break address;
                }
            };
            let v6 = format!("fd7a:115c:a1e0:ffff:ffff::{last:x}");
            let both = [Some(address), v6.parse().ok()];
            devices.push(device.with_addresses(both.into_iter().flatten()));
        }
        let users = roster.users().to_vec();
        let mut compiled = Compiled::new(
            self.policy.clone(),
            Roster::new(devices, users).with_whole(roster.is_whole()),
        );
        compiled.now = self.now;
        compiled
    }

    pub(super) fn names(&self, devices: &Devices) -> Vec<Arc<str>> {
        devices
            .iter()
            .map(|device| Arc::clone(self.directory.name(device)))
            .collect()
    }

    /// Returns whether an alias means one of these devices, or an address of theirs.
    pub(super) fn means_any(&self, alias: &Alias, devices: &Devices) -> bool {
        match alias {
            Alias::Any | Alias::DangerAll => true,
            alias if alias.names_devices() => {
                let meant = self.devices(alias);
                devices.iter().any(|device| meant.has(device))
            }
            alias => {
                let written: Vec<Range> = self.written(alias);
                devices.iter().any(|device| {
                    self.own(device)
                        .any(|own| written.iter().any(|range| range.covers(own)))
                })
            }
        }
    }
}
