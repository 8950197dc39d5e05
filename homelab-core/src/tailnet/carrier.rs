//! How packets get to a target, and which rules let them through there.

use std::net::IpAddr;
use std::sync::Arc;

use super::alias::Alias;
use super::compile::{Attachment, Compiled, Kept, LetIn};
use super::ports::Ports;
use super::target::Target;
use crate::error::{Error, ErrorKind, Result};

/// How packets get to a target by a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Itself,
    Subnet,
    Exit,
}

/// A device by which packets get to a target.
#[derive(Debug)]
pub(super) struct Carrier {
    pub(super) device: u32,
    pub(super) way: Way,
    /// Which of the target's addresses it carries.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) primary: Option<bool>,
    pub(super) problem: Option<String>,
}

/// A rule that lets somebody through to a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) rule: u32,
    pub(super) destination: u32,
    /// Of which families the addresses are that it lets through.
    pub(super) v4: bool,
    pub(super) v6: bool,
    /// Only for this person's devices: `autogroup:self`.
    pub(super) person: Option<u32>,
}

impl Compiled {
    /// Returns the addresses of a target.
    pub(super) fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>> {
        let host = target.host();
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        if let Some(device) = self.directory.named(host) {
            return Ok(self.directory.device(device).addresses().to_vec());
        }
        match self.inner().definitions.hosts.get(host) {
            Some(range) if range.value.is_single() => Ok(vec![range.value.first()]),
            Some(range) => Err(Error::new(
                ErrorKind::Invalid,
                format!("look for one host in `{}`", range.value),
            )
            .with_place(self.policy.span(range.start, range.end))
            .with_hint("name one address of it")),
            None => Err(
                Error::new(ErrorKind::NotFound, format!("find `{host}` in the tailnet"))
                    .with_hint("name a device, a name of the policy's `hosts`, or an address"),
            ),
        }
    }

    /// Returns the devices by which packets get to these addresses.
    pub(super) fn carriers(&self, addresses: &[IpAddr]) -> Vec<Carrier> {
        let mut carriers: Vec<Carrier> = Vec::new();
        let mut add = |device: u32, way: Way, address: IpAddr| match carriers
            .iter_mut()
            .find(|one| one.device == device && one.way == way)
        {
            Some(carrier) => carrier.addresses.push(address),
            None => carriers.push(Carrier {
                device,
                way,
                addresses: vec![address],
                primary: self.primary(device, way, address),
                problem: self.problem(device),
            }),
        };
        for &address in addresses {
            if let Some(device) = self.directory.at(address) {
                add(device, Way::Itself, address);
                continue;
            }
            let mut routed = false;
            for &router in self.directory.routers() {
                if self
                    .directory
                    .subnets(router)
                    .iter()
                    .any(|route| route.contains(address))
                {
                    add(router, Way::Subnet, address);
                    routed = true;
                }
            }
            if !routed && self.directory.internet().contains(address) {
                self.directory
                    .exits()
                    .iter()
                    .for_each(|exit| add(exit, Way::Exit, address));
            }
        }
        carriers
    }

    fn primary(&self, device: u32, way: Way, address: IpAddr) -> Option<bool> {
        let routes = self
            .directory
            .device(device)
            .primary()
            .filter(|_| way == Way::Subnet)?;
        Some(routes.iter().any(|route| route.contains(&address)))
    }

    /// Returns why nobody gets in to a device, whatever the policy says.
    pub(super) fn problem(&self, device: u32) -> Option<String> {
        if self.directory.device(device).is_shields_up() {
            return Some("it refuses all incoming connections".to_owned());
        }
        self.expired(device)
    }

    pub(super) fn expired(&self, device: u32) -> Option<String> {
        let expiry = self.directory.device(device).key_expiry()?;
        (self.now? >= expiry).then(|| format!("its key expired on {expiry:.0}"))
    }

    /// Returns the rules that let somebody through to the addresses that a device carries, by ports that are accepted.
    pub(super) fn matches(&self, carrier: &Carrier, accept: impl Fn(&Ports) -> bool) -> Vec<Match> {
        let mut matches = Vec::new();
        let ports = |rule, at| self.destination(rule, at).ports.iter().any(&accept);
        let mut add = |rule, destination, person, is_kept: &dyn Fn(IpAddr) -> bool| {
            let (mut v4, mut v6) = (false, false);
            for address in carrier.addresses.iter().filter(|address| is_kept(**address)) {
                v4 |= address.is_ipv4();
                v6 |= address.is_ipv6();
            }
            if v4 || v6 {
                matches.push(Match {
                    rule,
                    destination,
                    v4,
                    v6,
                    person,
                });
            }
        };
        for Attachment {
            rule,
            destination,
            kept,
        } in self.attachments(carrier.device)
        {
            if ports(*rule, *destination) {
                add(*rule, *destination, None, &|address| match kept {
                    Kept::Own => carrier.way == Way::Itself,
                    Kept::Ranges(ranges) => ranges.iter().any(|range| range.contains(address)),
                });
            }
        }
        for (rule, destination) in &self.everywhere {
            if ports(*rule, *destination) {
                add(*rule, *destination, None, &|_| true);
            }
        }
        if let (Way::Itself, Some(person)) = (carrier.way, self.directory.owner(carrier.device)) {
            for (rule, destination) in &self.selves {
                if ports(*rule, *destination) {
                    add(*rule, *destination, Some(person), &|_| true);
                }
            }
        }
        matches.sort_by_key(|one| (one.rule, one.destination));
        matches
    }

    /// Returns the people whom each entry of a rule's `src` lets in by one of their devices, for sure or perhaps; none of
    /// entries that mean devices or addresses.
    pub(super) fn let_in(&self, one: &Match) -> LetIn {
        let find = || -> LetIn {
            let owns = |person: &u32| {
                let mut devices = self.directory.people[*person as usize].devices.iter();
                devices.any(|device| self.lets(one, *device).is_some())
            };
            let sources = self.rule(one.rule).sources.iter();
            sources
                .map(|source| {
                    let alias = &source.value;
                    if !alias.names_people() && *alias != Alias::Shared {
                        return Vec::new();
                    }
                    let (_, people) = self.meant(alias);
                    people.iter().copied().filter(owns).collect()
                })
                .collect()
        };
        match one.person {
            Some(_) => find(),
            None => Arc::clone(self.let_in_kept(one.rule, one.v4, one.v6).get_or_init(find)),
        }
    }

    /// Returns whether a match lets a device through, and if only its posture is unknown, that.
    pub(super) fn lets(&self, one: &Match, device: u32) -> Option<bool> {
        if one
            .person
            .is_some_and(|person| self.directory.owner(device) != Some(person))
        {
            return None;
        }
        let sources = self.sources(one.rule);
        // Addresses of one family do not speak with those of the other.
        if one.v4 && sources.v4.has(device) || one.v6 && sources.v6.has(device) {
            return Some(true);
        }
        sources.perhaps.has(device).then_some(false)
    }
}
