//! How packets get to a target, and which rules let them through there.

use std::sync::Arc;

use jiff::Timestamp;

use super::alias::Alias;
use super::compile::{Attachment, Compiled, Kept, LetIn};
use super::doubt::Doubt;
use super::ports::Ports;
use super::ranges::Range;
use super::target::Target;
use crate::error::{Error, ErrorKind, Result};

/// How packets get to a target by a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Itself,
    Subnet,
    Exit,
    /// It hosts the service that is asked for, at addresses that are none of its own.
    Service,
}

/// A device by which packets get to a target.
#[derive(Debug)]
pub(super) struct Carrier {
    pub(super) device: u32,
    pub(super) way: Way,
    /// Which of the target's addresses it carries.
    pub(super) addresses: Vec<Range>,
    pub(super) primary: Option<bool>,
    /// A router with a longer route to it: packets of whoever sees that one go there.
    pub(super) longer: Option<u32>,
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
    /// By which device packets get there; of a service that no known device hosts, none of them.
    pub(super) on: u32,
    /// A router with a longer route, by which the packets of those go who see it.
    pub(super) longer: Option<u32>,
    /// Why it lets people in perhaps, whoever they are.
    pub(super) doubt: Doubt,
}

impl Compiled {
    /// Returns the addresses of a target.
    pub(super) fn addresses(&self, target: &Target) -> Result<Vec<Range>> {
        let host = target.host();
        // A prefix is an address of it, whichever that is: a way of a lab knows no more, at times.
        if let Some(range) = Range::parse(host).filter(|range| range.is_single() || target.is_loose()) {
            return Ok(vec![range]);
        }
        if let Some(device) = self.directory.named(host) {
            return Ok(self.own(device).collect());
        }
        if target.service().is_some() {
            return match self.is_service(host) {
                true => Ok(Vec::new()),
                false => Err(Error::new(
                    ErrorKind::NotFound,
                    format!("find the service `{host}` in the tailnet"),
                )
                .with_hint("name one that a rule has as `dst`, or that a device hosts")),
            };
        }
        let several = self.directory.called(host);
        if several.len() > 1 {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            let error = Error::new(ErrorKind::Ambiguous, format!("find one device called `{host}`"));
            return Err(error.with_hint(format!("there are {}", names.join(", "))));
        }
        match self.inner().definitions.hosts.get(host) {
            Some(range) if range.value.is_single() => Ok(vec![range.value]),
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

    /// Returns whether the policy or a device names a service, which has its prefix.
    fn is_service(&self, name: &str) -> bool {
        let by_rule = self.rules().iter().flat_map(|rule| &rule.destinations);
        by_rule
            .into_iter()
            .any(|to| matches!(&to.alias.value, Alias::Service(own) if **own == *name))
            || self
                .inner()
                .definitions
                .hosts_of
                .iter()
                .any(|(own, _)| **own == *name)
            || self.hosts_of(name).next().is_some()
    }

    /// Returns the devices that host a service.
    fn hosts_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = u32> + 'a {
        let devices = 0..self.directory.count();
        devices.filter(move |device| {
            let hosted = self.directory.device(*device).services().iter();
            hosted.map(String::as_str).any(|own| own == name)
        })
    }

    /// Returns the devices by which packets get to a target with these addresses.
    pub(super) fn carriers(&self, target: &Target, addresses: &[Range]) -> Vec<Carrier> {
        let mut carriers: Vec<Carrier> = Vec::new();
        let mut add = |device: u32, way: Way, address: Range, longer: Option<u32>| match carriers
            .iter_mut()
            .find(|one| one.device == device && one.way == way)
        {
            Some(carrier) => carrier.addresses.push(address),
            None => carriers.push(Carrier {
                device,
                way,
                addresses: vec![address],
                primary: self.primary(device, way, address),
                longer,
                problem: self.problem(device),
            }),
        };
        for &address in addresses {
            if let Some(device) = self.directory.at(address.first()).filter(|_| address.is_single()) {
                add(device, Way::Itself, address, None);
                continue;
            }
            let length = |router: u32| {
                let routes = self.directory.subnets(router).iter();
                routes
                    .filter(|route| route.covers(address))
                    .map(|route| route.length())
                    .max()
            };
            let routers = self.directory.routers().iter().copied();
            let routers: Vec<(u32, u32)> = routers
                .filter_map(|router| Some((length(router)?, router)))
                .collect();
            let longest = routers.iter().copied().max_by_key(|(length, _)| *length);
            for (length, router) in &routers {
                let longer = longest.filter(|(longest, _)| longest > length);
                add(*router, Way::Subnet, address, longer.map(|(_, router)| router));
            }
            if routers.is_empty() && self.directory.internet().contains(address.first()) {
                self.directory
                    .exits()
                    .iter()
                    .for_each(|exit| add(exit, Way::Exit, address, None));
            }
        }
        if let Some(name) = target.service() {
            carriers.extend(self.hosts_of(name).map(|device| Carrier {
                device,
                way: Way::Service,
                addresses: Vec::new(),
                primary: None,
                longer: None,
                problem: self.problem(device),
            }));
        }
        carriers
    }

    fn primary(&self, device: u32, way: Way, address: Range) -> Option<bool> {
        let routes = self
            .directory
            .device(device)
            .primary()
            .filter(|_| way == Way::Subnet)?;
        Some(routes.iter().any(|route| Range::of_net(*route).covers(address)))
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
        if expiry == Timestamp::UNIX_EPOCH {
            return Some("its key is expired".to_owned());
        }
        (self.now? >= expiry).then(|| format!("its key expired on {expiry:.0}"))
    }

    /// Returns the rules that let somebody through to a target by any of its carriers.
    pub(super) fn through<'c>(
        &self,
        target: &Target,
        carriers: &'c [Carrier],
    ) -> Vec<(Option<&'c Carrier>, Match)> {
        let mut all = Vec::new();
        let working = carriers.iter().filter(|carrier| carrier.problem.is_none());
        for carrier in working {
            let matches = self.matches(carrier, |ports| fit(ports, target));
            all.extend(matches.into_iter().map(|one| (Some(carrier), one)));
        }
        if target.service().is_some() && (carriers.is_empty() || any_works(carriers)) {
            let matches = self.service_matches(target, |ports| fit(ports, target));
            all.extend(matches.into_iter().map(|one| (None, one)));
        }
        all
    }

    /// Returns the rules that are about the service which a target names, and those of which it is not known.
    pub(super) fn service_matches(&self, target: &Target, fit: impl Fn(&Ports) -> Fit) -> Vec<Match> {
        let names = |rule: u32, at: u32| match &self.destination(rule, at).alias.value {
            Alias::Service(name) => Some(&**name) == target.service(),
            _ => true,
        };
        let rules = self.services.iter().chain(&self.everywhere);
        let mut matches = Vec::new();
        for &(rule, destination) in rules.filter(|(rule, at)| names(*rule, *at)) {
            let best = self.destination(rule, destination).ports.iter().map(&fit).max();
            if let Some(best @ (Fit::Part | Fit::All)) = best {
                matches.push(Match {
                    rule,
                    destination,
                    v4: true,
                    v6: true,
                    person: None,
                    on: 0,
                    longer: None,
                    doubt: Doubt {
                        ports: best == Fit::Part,
                        service: true,
                        ..Doubt::default()
                    },
                });
            }
        }
        matches.sort_by_key(|one| (one.rule, one.destination));
        matches
    }

    /// Returns the rules that let somebody through to the addresses that a device carries, by ports that fit.
    pub(super) fn matches(&self, carrier: &Carrier, fit: impl Fn(&Ports) -> Fit) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        let ports = |rule, at| {
            let best = self.destination(rule, at).ports.iter().map(&fit).max();
            best.filter(|best| *best != Fit::No)
        };
        let mut add = |(rule, destination): (u32, u32),
                       best: Fit,
                       person: Option<u32>,
                       device: bool,
                       kept: &dyn Fn(Range) -> Fit| {
            let (mut v4, mut v6, mut place) = (false, false, Fit::No);
            for address in &carrier.addresses {
                let fits = kept(*address);
                if fits != Fit::No {
                    v4 |= matches!(address, Range::V4(..));
                    v6 |= matches!(address, Range::V6(..));
                    place = place.max(fits);
                }
            }
            if place != Fit::No {
                matches.push(Match {
                    rule,
                    destination,
                    v4,
                    v6,
                    person,
                    on: carrier.device,
                    longer: carrier.longer,
                    doubt: Doubt {
                        ports: best == Fit::Part,
                        place: place == Fit::Part,
                        device,
                        service: false,
                    },
                });
            }
        };
        let sure = self.attachments(carrier.device).iter().map(|one| (one, false));
        let perhaps = self
            .perhaps_attachments(carrier.device)
            .iter()
            .map(|one| (one, true));
        for (one, device) in sure.chain(perhaps) {
            let Attachment {
                rule,
                destination,
                kept,
            } = one;
            if let Some(best) = ports(*rule, *destination) {
                add((*rule, *destination), best, None, device, &|address| match kept {
                    Kept::Own if carrier.way == Way::Itself => Fit::All,
                    Kept::Own => Fit::No,
                    Kept::Ranges(ranges) if ranges.iter().any(|range| range.covers(address)) => Fit::All,
                    Kept::Ranges(ranges) if ranges.iter().any(|range| range.overlaps(address)) => Fit::Part,
                    Kept::Ranges(_) => Fit::No,
                });
            }
        }
        for (rule, destination) in &self.everywhere {
            if let Some(best) = ports(*rule, *destination) {
                add((*rule, *destination), best, None, false, &|_| Fit::All);
            }
        }
        if carrier.way == Way::Itself {
            let owner = self.directory.owner(carrier.device);
            let may_be_anybodys = self.directory.is_orphan(carrier.device);
            let people: Vec<u32> = match owner {
                Some(person) => vec![person],
                None if may_be_anybodys && !self.selves.is_empty() => {
                    (0..self.directory.people.len() as u32).collect()
                }
                None => Vec::new(),
            };
            for person in people {
                for (rule, destination) in &self.selves {
                    if let Some(best) = ports(*rule, *destination) {
                        let person = Some(person);
                        add((*rule, *destination), best, person, may_be_anybodys, &|_| {
                            Fit::All
                        });
                    }
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
            // Who has no device yet comes in with the first.
            let owns = |person: &u32| {
                let devices = &self.directory.people[*person as usize].devices;
                devices.is_empty() && one.person.is_none()
                    || devices.iter().any(|device| self.lets(one, *device).is_some())
            };
            let sources = self.rule(one.rule).sources.iter();
            sources
                .map(|source| {
                    let alias = &source.value;
                    if !alias.names_people() && *alias != Alias::Shared {
                        return Vec::new();
                    }
                    let (_, people) = self.meant(alias);
                    let perhaps = self.directory.people_perhaps(alias, &self.inner().definitions);
                    people.iter().copied().chain(perhaps).filter(owns).collect()
                })
                .collect()
        };
        match one.person {
            Some(_) => find(),
            None if one.longer.is_some() => find(),
            None => Arc::clone(self.let_in_kept(one.rule, one.v4, one.v6).get_or_init(find)),
        }
    }

    /// Returns whether a match lets a device through: for sure, or if what is not known turns out so.
    pub(super) fn lets(&self, one: &Match, device: u32) -> Option<bool> {
        let (mut sure, mut perhaps) = (!one.doubt.any(), false);
        if let Some(person) = one.person
            && self.directory.owner(device) != Some(person)
        {
            if !self.directory.is_orphan(device) {
                return None;
            }
            (sure, perhaps) = (false, true);
        }
        // Packets take the longest route that a device has been told of.
        if one
            .longer
            .is_some_and(|router| router == device || self.sees(router, device))
        {
            return None;
        }
        let sources = self.sources(one.rule);
        // Addresses of one family do not speak with those of the other.
        if one.v4 && sources.v4.has(device) || one.v6 && sources.v6.has(device) {
            return Some(sure);
        }
        let has_family =
            one.v4 && self.directory.with_v4().has(device) || one.v6 && self.directory.with_v6().has(device);
        let meant = sources.perhaps.has(device) || perhaps && sources.devices.has(device);
        (has_family && meant).then_some(false)
    }
}

/// How much of what is asked about something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    No,
    /// Some of what the target may be.
    Part,
    All,
}

/// Returns whether ports are what a target is asked on. A ping is let through by all.
pub(super) fn fit(ports: &Ports, target: &Target) -> Fit {
    if target.is_ping() {
        return Fit::All;
    }
    match target.ports() {
        // Of several ports it is enough to reach one: all of them are open.
        Some((first, last)) => match ports.meets(target.protocol(), first, last) {
            true => Fit::All,
            false => Fit::No,
        },
        None if !ports.meets(target.protocol(), 0, u16::MAX) => Fit::No,
        None if ports.first <= 1 && ports.last == u16::MAX => Fit::All,
        None => Fit::Part,
    }
}

fn any_works(carriers: &[Carrier]) -> bool {
    carriers.iter().any(|carrier| carrier.problem.is_none())
}
