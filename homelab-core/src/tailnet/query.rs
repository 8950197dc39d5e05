//! Who can reach what: the rules that let somebody in, and as what.

use std::sync::Arc;

use super::alias::Alias;
use super::carrier::{Carrier, Match, Way};
use super::compile::{Attachment, Compiled, Kept};
use super::directory::Devices;
use super::policy::Section;
use super::ports::Ports;
use super::ranges::Range;
use super::target::Target;
use crate::error::{Error, ErrorKind, Result};
use crate::view::{
    ByView, CarrierView, DeviceReachView, PersonReachView, RangeReachView, ReachableDeviceView,
    ReachableView, TailnetRuleView, WhoCanReachView,
};

/// The ports that Funnel may open.
const FUNNEL_PORTS: [u16; 3] = [443, 8443, 10000];

/// What holds for every answer where the devices are not all known.
pub(super) const NOT_WHOLE: &str = "the devices are those that one device sees: there may be others";

/// What holds for everybody who gets somewhere by a router.
pub(super) const ACCEPTS_ROUTES: &str =
    "who asks has to accept routes, which a Linux device does only when told to";

impl Compiled {
    pub(super) fn who_can_reach(&self, target: &Target) -> Result<WhoCanReachView> {
        let addresses = self.addresses(target)?;
        let carriers = self.carriers(&addresses);
        let mut answer = Answer::new(self);
        for carrier in carriers.iter().filter(|carrier| carrier.problem.is_none()) {
            for one in self.matches(carrier, |ports| accepts(ports, target)) {
                answer.add(
                    &one,
                    self.rule_view(one.rule, one.destination, |ports| accepts(ports, target)),
                );
            }
        }
        let public = target.protocol() == 6 && target.port().is_some_and(|port| FUNNEL_PORTS.contains(&port));
        let funnel = carriers
            .iter()
            .filter(|carrier| public && carrier.way == Way::Itself && self.may_funnel(carrier.device))
            .map(|carrier| Arc::clone(self.directory.name(carrier.device)));
        let funnel = funnel.collect();
        let conditions = self.conditions(target, &carriers);
        let (rules, people, tagged, ranges) = answer.finish();
        Ok(WhoCanReachView {
            target: target.to_string(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
            carriers: carriers
                .iter()
                .map(|carrier| self.carrier_view(carrier))
                .collect(),
            rules,
            people,
            tagged,
            ranges,
            funnel,
            conditions,
        })
    }

    /// Returns what holds for everybody who wants to get to a target.
    pub(super) fn conditions(&self, target: &Target, carriers: &[Carrier]) -> Vec<String> {
        let mut conditions = Vec::new();
        let any = |way| carriers.iter().any(|carrier| carrier.way == way);
        if any(Way::Subnet) {
            conditions.push(ACCEPTS_ROUTES.to_owned());
            let routers = carriers
                .iter()
                .filter(|carrier| carrier.way == Way::Subnet)
                .count();
            if routers > 1 {
                conditions.push(format!(
                    "of {routers} routers with this route one carries it at a time"
                ));
            }
        }
        if any(Way::Exit) {
            conditions.push("who asks has to use one of these devices as exit node".to_owned());
        }
        let ssh = |carrier: &Carrier| {
            carrier.way == Way::Itself && self.directory.device(carrier.device).ssh() == Some(true)
        };
        if target.port() == Some(22) && carriers.iter().any(ssh) {
            conditions.push(
                "Tailscale SSH answers on port 22: a rule of `ssh` has to let in too, perhaps after a check"
                    .to_owned(),
            );
        }
        if !self.directory.roster().is_whole() {
            conditions.push(NOT_WHOLE.to_owned());
        }
        conditions
    }

    fn carrier_view(&self, carrier: &Carrier) -> CarrierView {
        let kind = match carrier.way {
            Way::Itself => "itself",
            Way::Subnet => "subnet_router",
            Way::Exit => "exit_node",
        };
        CarrierView {
            device: Arc::clone(self.directory.name(carrier.device)),
            kind: kind.to_owned(),
            primary: carrier.primary,
            problem: carrier.problem.clone(),
        }
    }

    /// Returns where a rule is written, and those of its ports that an answer is about.
    pub(super) fn rule_view(
        &self,
        rule: u32,
        destination: u32,
        about: impl Fn(&Ports) -> bool,
    ) -> TailnetRuleView {
        let written = self.rule(rule);
        let to = self.destination(rule, destination);
        let (section, place) = match written.section {
            Section::Acls => ("acls", true),
            Section::Grants => ("grants", true),
            Section::Default => ("default", false),
        };
        TailnetRuleView {
            section: section.to_owned(),
            index: written.index as u64,
            place: place.then(|| self.policy.span(written.start, written.end).view()),
            destination: to.alias.value.to_string(),
            ports: to
                .ports
                .iter()
                .filter(|ports| about(ports))
                .map(ToString::to_string)
                .collect(),
            postures: written.postures.iter().map(ToString::to_string).collect(),
        }
    }

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
        match (alias, devices.is_empty()) {
            (Alias::Address(_), true) => Err(unknown()),
            _ => Ok(devices),
        }
    }

    pub(super) fn names(&self, devices: &Devices) -> Vec<Arc<str>> {
        devices
            .iter()
            .map(|device| Arc::clone(self.directory.name(device)))
            .collect()
    }

    pub(super) fn reachable_from(&self, who: &str) -> Result<ReachableView> {
        let devices = self.principals(who)?;
        let is_source = |rule: u32| {
            devices
                .iter()
                .any(|device| self.sources(rule).devices.has(device))
        };
        let rules: Vec<bool> = (0..self.rules().len() as u32).map(is_source).collect();
        let mut reachable = Vec::new();
        for device in 0..self.directory.count() {
            self.reachable_on(device, &devices, &rules, &mut reachable);
        }
        Ok(ReachableView {
            from: who.to_owned(),
            devices: self.names(&devices),
            reachable,
        })
    }

    /// Adds what these devices can reach on another, its own addresses and what is behind it apart.
    fn reachable_on(&self, device: u32, from: &Devices, rules: &[bool], into: &mut Vec<ReachableDeviceView>) {
        let own: Vec<Range> = self.own(device).collect();
        let mut found: Vec<(Vec<Range>, Vec<Ports>)> = Vec::new();
        let mut add = |ranges: Vec<Range>, ports: &[Ports]| match found
            .iter_mut()
            .find(|(known, _)| *known == ranges)
        {
            Some((_, all)) => all.extend_from_slice(ports),
            None if !ranges.is_empty() => found.push((ranges, ports.to_vec())),
            None => {}
        };
        let alone = from.iter().all(|one| one == device);
        for Attachment {
            rule,
            destination,
            kept,
        } in self
            .attachments(device)
            .iter()
            .filter(|one| rules[one.rule as usize])
        {
            let ports = &self.destination(*rule, *destination).ports;
            match kept {
                Kept::Own => add(own.clone(), ports),
                Kept::Ranges(ranges) => {
                    let on_it = own
                        .iter()
                        .filter(|own| ranges.iter().any(|range| range.overlaps(**own)));
                    add(on_it.copied().collect(), ports);
                    let behind = |range: &&Range| !own.iter().any(|own| range.is_single() && own == *range);
                    let carries = |range: &&Range| {
                        self.directory.is_exit(device)
                            || self
                                .directory
                                .subnets(device)
                                .iter()
                                .any(|route| route.overlaps(**range))
                    };
                    add(
                        ranges.iter().filter(behind).filter(carries).copied().collect(),
                        ports,
                    );
                }
            }
        }
        for (rule, destination) in self.everywhere.iter().filter(|(rule, _)| rules[*rule as usize]) {
            let ports = &self.destination(*rule, *destination).ports;
            add(own.clone(), ports);
            add(self.directory.subnets(device).to_vec(), ports);
            if self.directory.is_exit(device) {
                add(self.directory.internet().iter().collect(), ports);
            }
        }
        if let Some(person) = self.directory.owner(device) {
            for (rule, destination) in self.selves.iter().filter(|(rule, _)| rules[*rule as usize]) {
                if self
                    .own_sources(person, *rule)
                    .iter()
                    .any(|source| from.has(*source))
                {
                    add(own.clone(), &self.destination(*rule, *destination).ports);
                }
            }
        }
        if alone && from.has(device) {
            return;
        }
        for (ranges, mut ports) in found {
            ports.sort_unstable_by_key(|ports| (ports.protocol, ports.first, ports.last));
            ports.dedup_by_key(|ports| (ports.protocol, ports.first, ports.last));
            // What is within another says nothing more.
            let within = |one: &Ports| {
                let wider = ports
                    .iter()
                    .filter(|other| other.first <= one.first && one.last <= other.last);
                let mut wider =
                    wider.filter(|other| other.protocol.is_none() || other.protocol == one.protocol);
                wider.any(|other| {
                    (other.protocol, other.first, other.last) != (one.protocol, one.first, one.last)
                })
            };
            let texts = ports
                .iter()
                .filter(|one| !within(one))
                .map(ToString::to_string)
                .collect();
            into.push(ReachableDeviceView {
                device: Arc::clone(self.directory.name(device)),
                destinations: ranges.iter().map(ToString::to_string).collect(),
                ports: texts,
                problem: self.problem(device),
            });
        }
    }
}

/// Returns whether ports are what a target is asked on; a ping is let through by all.
pub(super) fn accepts(ports: &Ports, target: &Target) -> bool {
    target.is_ping() || ports.admit(target.protocol(), target.port().unwrap_or(0))
}

/// Who is let in, collected rule by rule.
struct Answer<'a> {
    compiled: &'a Compiled,
    matches: Vec<Match>,
    rules: Vec<TailnetRuleView>,
}

type Parts = (
    Vec<TailnetRuleView>,
    Vec<PersonReachView>,
    Vec<DeviceReachView>,
    Vec<RangeReachView>,
);

impl<'a> Answer<'a> {
    fn new(compiled: &'a Compiled) -> Self {
        Answer {
            compiled,
            matches: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Adds a rule; another entry of its `dst` that lets the same people in says nothing new.
    fn add(&mut self, one: &Match, view: TailnetRuleView) {
        let known = self
            .matches
            .iter_mut()
            .find(|known| known.rule == one.rule && known.person == one.person);
        match known {
            Some(known) => {
                known.v4 |= one.v4;
                known.v6 |= one.v6;
            }
            None => {
                self.matches.push(*one);
                self.rules.push(view);
            }
        }
    }

    fn finish(self) -> Parts {
        let compiled = self.compiled;
        let directory = &compiled.directory;
        let count = directory.count() as usize;
        let (mut certain, mut perhaps) = (Devices::none(count), Devices::none(count));
        // As whom each person is let in, in the order of the rules: who, and which entry of which match.
        let mut hits: Vec<(u32, u32, u32)> = Vec::new();
        let mut throughs: Vec<Arc<str>> = Vec::new();
        let mut by_device: std::collections::BTreeMap<u32, Vec<ByView>> = Default::default();
        let mut ranges: Vec<RangeReachView> = Vec::new();
        for (number, one) in self.matches.iter().enumerate() {
            let sources = compiled.sources(one.rule);
            if one.person.is_none() {
                if one.v4 {
                    certain.add(&sources.v4);
                }
                if one.v6 {
                    certain.add(&sources.v6);
                }
                perhaps.add(&sources.perhaps);
            } else {
                for device in sources.devices.iter().chain(sources.perhaps.iter()) {
                    match compiled.lets(one, device) {
                        Some(true) => certain.insert(device),
                        Some(false) => perhaps.insert(device),
                        None => {}
                    }
                }
            }
            let lets = |device: u32| compiled.lets(one, device).is_some();
            let owners = compiled.let_in(one);
            for (at, source) in compiled.rule(one.rule).sources.iter().enumerate() {
                let (through, _) = compiled.meant(&source.value);
                let entry = throughs.len() as u32;
                throughs.push(Arc::clone(&through));
                let by = || ByView {
                    rule: number as u32,
                    through: Arc::clone(&through),
                };
                match &source.value {
                    alias if alias.names_people() || *alias == Alias::Shared => {
                        let people = owners.get(at).map_or(&[][..], |people| people);
                        hits.extend(people.iter().map(|person| (*person, number as u32, entry)));
                    }
                    alias if alias.names_devices() => {
                        let devices = compiled.devices(alias);
                        devices.iter().filter(|device| lets(*device)).for_each(|device| {
                            by_device.entry(device).or_default().push(by());
                        });
                    }
                    alias => {
                        let written = match alias {
                            Alias::Any => directory.any().iter().collect(),
                            Alias::DangerAll => vec![Range::V4(0, u32::MAX), Range::V6(0, u128::MAX)],
                            _ => compiled.written(alias),
                        };
                        let mut people = Vec::new();
                        for device in written.iter().flat_map(|range| directory.inside(*range)) {
                            if !lets(device) {
                                continue;
                            }
                            if let Some(person) = directory.owner(device) {
                                people.push(person);
                                continue;
                            }
                            let list = by_device.entry(device).or_default();
                            if list.last() != Some(&by()) {
                                list.push(by());
                            }
                        }
                        people.sort_unstable();
                        people.dedup();
                        hits.extend(people.into_iter().map(|person| (person, number as u32, entry)));
                        let beyond = match alias {
                            Alias::Any => directory
                                .routers()
                                .iter()
                                .flat_map(|router| directory.subnets(*router))
                                .copied()
                                .collect(),
                            Alias::DangerAll => Vec::new(),
                            _ => written,
                        };
                        let texts = beyond
                            .iter()
                            .filter(|range| !(range.is_single() && directory.at(range.first()).is_some()))
                            .map(ToString::to_string)
                            .chain((*alias == Alias::DangerAll).then(|| "*".to_owned()));
                        for range in texts {
                            match ranges.iter_mut().find(|known| known.range == range) {
                                Some(known) => known.by.push(by()),
                                None => ranges.push(RangeReachView {
                                    range,
                                    by: vec![by()],
                                }),
                            }
                        }
                    }
                }
            }
        }
        // Stable, so that the order of the rules stays.
        hits.sort_by_key(|(person, ..)| *person);
        let mut people = Vec::new();
        for hits in hits.chunk_by(|(one, ..), (other, ..)| one == other) {
            let by: Vec<ByView> = hits
                .iter()
                .map(|(_, rule, entry)| ByView {
                    rule: *rule,
                    through: Arc::clone(&throughs[*entry as usize]),
                })
                .collect();
            let person = hits[0].0 as usize;
            let person = &directory.people[person];
            let mut devices = Vec::with_capacity(person.devices.len());
            let mut conditions = Vec::new();
            for &device in &person.devices {
                if compiled.may_start(device, certain.has(device), perhaps.has(device), &mut conditions) {
                    devices.push(Arc::clone(directory.name(device)));
                }
            }
            people.push(PersonReachView {
                login: Arc::clone(&person.login),
                devices,
                by,
                conditions,
            });
        }
        let mut tagged = Vec::new();
        for (device, by) in by_device {
            let mut conditions = Vec::new();
            compiled.may_start(device, certain.has(device), perhaps.has(device), &mut conditions);
            tagged.push(DeviceReachView {
                device: Arc::clone(directory.name(device)),
                tags: directory.device(device).tags().to_vec(),
                by,
                conditions,
            });
        }
        (self.rules, people, tagged, ranges)
    }
}

impl Compiled {
    /// Returns whether a device that is let in can start a connection, and adds on what that depends.
    pub(super) fn may_start(
        &self,
        device: u32,
        certain: bool,
        perhaps: bool,
        conditions: &mut Vec<String>,
    ) -> bool {
        if !certain && !perhaps {
            return false;
        }
        if certain && self.directory.is_plain(device) {
            return true;
        }
        let name = self.directory.name(device);
        if !certain {
            conditions.push(format!(
                "`{name}` only if its posture is as the rule asks, which is not known"
            ));
        }
        if let Some(problem) = self.expired(device) {
            conditions.push(format!("`{name}` not now: {problem}"));
        }
        if self.directory.device(device).is_external() {
            conditions.push(format!(
                "`{name}` belongs to another tailnet, and may not start connections if it is quarantined"
            ));
        }
        true
    }
}
