//! Where somebody of the tailnet meets a service, and whether its policy lets them.

use std::net::IpAddr;
use std::sync::Arc;

use super::Tailnet;
use super::alias::Alias;
use super::compile::Compiled;
use super::directory::Devices;
use super::query::{NOT_WHOLE, accepts};
use super::services::targets;
use super::target::Target;
use crate::access::{Exposure, Page, Path};
use crate::error::{Error, ErrorKind, Result};
use crate::lab::Lab;
use crate::observed::Observed;
use crate::view::ExplanationView;

/// The devices that a name means.
pub(crate) struct Party {
    who: String,
    devices: Devices,
    pub(crate) names: Vec<Arc<str>>,
}

impl Party {
    /// Returns the name that means them.
    pub(crate) fn who(&self) -> &str {
        &self.who
    }
}

/// A port on which a way begins, and whether somebody comes in there.
pub(crate) struct Meeting {
    pub(crate) target: Target,
    /// The MagicDNS name of its device, where that is known; else its short name.
    pub(crate) name: Option<String>,
    /// An address of its device, IPv4 where there is one.
    pub(crate) address: Option<IpAddr>,
    pub(crate) page: Option<Page>,
    /// Whether one of the devices is let in, whatever is not known.
    pub(crate) sure: bool,
    /// Whether one of them is let in if what is not known turns out well.
    pub(crate) perhaps: bool,
    pub(crate) conditions: Vec<String>,
}

impl Tailnet {
    /// Returns the devices that a login, group, tag, device or address means.
    pub(crate) fn party(&self, who: &str) -> Result<Party> {
        Ok(self.party_with(who, self.compiled.principals(who)?))
    }

    /// Returns the devices of whom a login belongs to. It is a login whatever else has the name: nobody becomes a device, a
    /// group or a tag by what they are called.
    pub(crate) fn party_of(&self, login: &str) -> Result<Party> {
        let directory = &self.compiled.directory;
        let person = directory.person(login).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("find the login `{login}` in the tailnet"),
            )
            .with_hint("a person is there once instance.toml or the tailnet itself names their login or a device of theirs")
        })?;
        let mut devices = Devices::none(directory.count() as usize);
        for device in &directory.people[person as usize].devices {
            devices.insert(*device);
        }
        Ok(self.party_with(login, devices))
    }

    /// Returns the one device that has an address of the tailnet.
    pub(crate) fn party_at(&self, address: IpAddr) -> Result<Party> {
        let directory = &self.compiled.directory;
        let device = directory.at(address).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("find a device with the address {address} in the tailnet"),
            )
        })?;
        let mut devices = Devices::none(directory.count() as usize);
        devices.insert(device);
        Ok(self.party_with(&address.to_string(), devices))
    }

    /// Returns those of whom something that is said of a name is to hold one by one: each person of a group, each device of
    /// a tag or of a range of addresses; else the name's own devices.
    pub(crate) fn parties(&self, who: &str) -> Result<Vec<Party>> {
        let whole = self.party(who)?;
        let net = &*self.compiled;
        if net.directory.named(who.trim()).is_some() {
            return Ok(vec![whole]);
        }
        match Alias::parse(who.trim()) {
            Ok(Alias::User(_)) => Ok(vec![whole]),
            Ok(alias) if alias.names_people() || alias == Alias::Shared => {
                let (_, people) = net.meant(&alias);
                let logins = people
                    .iter()
                    .map(|person| &net.directory.people[*person as usize].login);
                logins.map(|login| self.party_of(login)).collect()
            }
            _ => {
                let one = |device| {
                    let mut devices = Devices::none(net.directory.count() as usize);
                    devices.insert(device);
                    self.party_with(net.directory.name(device), devices)
                };
                Ok(whole.devices.iter().map(one).collect())
            }
        }
    }

    fn party_with(&self, who: &str, devices: Devices) -> Party {
        Party {
            who: who.to_owned(),
            names: self.compiled.names(&devices),
            devices,
        }
    }

    /// Returns every port on which a way begins in the tailnet, and whether these devices come in there.
    pub(crate) fn meetings(
        &self,
        lab: &Lab,
        exposure: &Exposure,
        path: &Path,
        party: &Party,
        seen: &Observed,
    ) -> Vec<Meeting> {
        let net = &*self.compiled;
        let found = targets(lab, net, exposure, path, seen);
        let meetings = found.into_iter().map(|found| {
            let (sure, perhaps, conditions) = net.lets_in(&party.devices, &found.target);
            let device = net.directory.device(found.device);
            let addresses = device.addresses();
            let suffix = lab.instance().tailnet().and_then(|tailnet| tailnet.suffix());
            let seen_suffix = seen.tailnet().and_then(|node| node.value().status().suffix());
            let own = device
                .dns_name()
                .map(|name| name.trim_end_matches('.').to_owned());
            let joined = || Some(format!("{}.{}", device.name(), suffix.or(seen_suffix)?));
            Meeting {
                name: own.or_else(joined).or_else(|| Some(device.name().to_owned())),
                address: addresses
                    .iter()
                    .find(|address| address.is_ipv4())
                    .or(addresses.first())
                    .copied(),
                target: found.target,
                page: found.page,
                sure,
                perhaps,
                conditions: conditions.into_iter().chain(found.conditions).collect(),
            }
        });
        meetings.collect()
    }

    /// Returns why these devices come in on each port on which a way begins, or why not.
    pub(crate) fn explanations(
        &self,
        lab: &Lab,
        exposure: &Exposure,
        path: &Path,
        party: &Party,
        seen: &Observed,
    ) -> Vec<ExplanationView> {
        let net = &*self.compiled;
        let found = targets(lab, net, exposure, path, seen).into_iter();
        // What names the target was looked up just now.
        found
            .filter_map(|found| {
                net.explain_of(&party.who, party.devices.clone(), &found.target)
                    .ok()
            })
            .collect()
    }

    /// Returns what holds for every answer about this tailnet.
    pub(crate) fn caveats(&self) -> Vec<String> {
        let net = &*self.compiled;
        let mut caveats = Vec::new();
        if !net.directory.roster().is_whole() {
            caveats.push(NOT_WHOLE.to_owned());
        } else if !net.failures().is_empty() {
            let text = "tests of the policy fail, so that the service may have kept an older one in force";
            caveats.push(text.to_owned());
        }
        caveats
    }
}

impl Compiled {
    /// Returns whether one of some devices is let in to a target for sure, whether one is perhaps, and on what that
    /// depends. A target that is not in the tailnet lets nobody in.
    fn lets_in(&self, devices: &Devices, target: &Target) -> (bool, bool, Vec<String>) {
        let Ok(addresses) = self.addresses(target) else {
            return (false, false, Vec::new());
        };
        let carriers = self.carriers(&addresses);
        let mut matches = Vec::new();
        for carrier in carriers.iter().filter(|carrier| carrier.problem.is_none()) {
            matches.extend(self.matches(carrier, |ports| accepts(ports, target)));
        }
        let (mut sure, mut perhaps) = (false, false);
        let mut depends = Vec::new();
        for device in devices.iter() {
            let mut lets = matches.iter().filter_map(|one| self.lets(one, device));
            let first = lets.next();
            let certain = first == Some(true) || lets.any(|certain| certain);
            let before = depends.len();
            if self.may_start(device, certain, first.is_some(), &mut depends) {
                perhaps = true;
                sure |= certain && depends.len() == before;
            }
        }
        let mut conditions = self.conditions(target, &carriers);
        conditions.retain(|condition| condition != NOT_WHOLE);
        if !sure {
            conditions.append(&mut depends);
        }
        (sure, perhaps, conditions)
    }
}
