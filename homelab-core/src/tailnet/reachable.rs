//! What somebody can reach, device by device.

use std::sync::Arc;

use super::alias::Alias;
use super::carrier::Match;
use super::compile::{Attachment, Compiled, Kept};
use super::directory::Devices;
use super::doubt::Doubt;
use super::ports::Ports;
use super::query::only_if;
use super::ranges::Range;
use crate::error::Result;
use crate::view::{ReachableDeviceView, ReachableView};

/// Ports on ranges of a device, and on what they depend.
type Found = (Vec<Range>, Vec<String>, Vec<Ports>);

/// Those whom a question is about.
struct Asking<'a> {
    devices: &'a Devices,
    /// Those of them that can start connections; all of them where none can.
    active: Devices,
    /// Why none of them can.
    problem: Option<String>,
    /// Of each rule, whether it is for one of them: for sure, or perhaps.
    rules: Vec<Option<bool>>,
}

impl Compiled {
    pub(super) fn reachable_from(&self, who: &str) -> Result<ReachableView> {
        let devices = self.principals(who)?;
        let mut reachable = Vec::new();
        if let Some(stranger) = self.stranger(who, &devices) {
            let asking = stranger.compiled.asking(&stranger.devices);
            for device in 0..stranger.real {
                stranger.compiled.reachable_on(device, &asking, &mut reachable);
            }
            stranger.compiled.reachable_services(&asking, &mut reachable);
            for one in &mut reachable {
                one.conditions.insert(0, stranger.condition.clone());
            }
        } else {
            let asking = self.asking(&devices);
            for device in 0..self.directory.count() {
                self.reachable_on(device, &asking, &mut reachable);
            }
            self.reachable_services(&asking, &mut reachable);
        }
        Ok(ReachableView {
            from: who.to_owned(),
            devices: self.names(&devices),
            reachable,
        })
    }

    fn asking<'a>(&self, devices: &'a Devices) -> Asking<'a> {
        let mut active = devices.clone();
        let mut problem = None;
        for device in devices.iter() {
            if let Some(expired) = self.expired(device) {
                active.remove(device);
                problem = Some(format!(
                    "`{}` cannot connect: {expired}",
                    self.directory.name(device)
                ));
            }
        }
        if active.is_empty() {
            active = devices.clone();
        } else {
            problem = None;
        }
        let of_rule = |rule: u32| {
            let sources = self.sources(rule);
            let sure = active.iter().any(|device| sources.devices.has(device));
            (sure || active.iter().any(|device| sources.perhaps.has(device))).then_some(sure)
        };
        let rules = (0..self.rules().len() as u32).map(of_rule).collect();
        Asking {
            devices,
            active,
            problem,
            rules,
        }
    }

    /// Returns on what it depends that a rule lets in those who ask.
    fn depends(&self, one: &Match, asking: &Asking<'_>) -> Vec<String> {
        let mut conditions = Vec::new();
        let answers = asking
            .active
            .iter()
            .map(|device| (device, self.lets_here(one, device)));
        let answers: Vec<(u32, Option<bool>)> = answers.collect();
        let sure: Vec<u32> = answers
            .iter()
            .filter(|(_, lets)| *lets == Some(true))
            .map(|(device, _)| *device)
            .collect();
        let names = |devices: &[u32]| -> Vec<String> {
            devices
                .iter()
                .map(|device| format!("`{}`", self.directory.name(*device)))
                .collect()
        };
        if sure.is_empty() {
            let perhaps = answers.iter().filter(|(_, lets)| *lets == Some(false));
            for (device, _) in perhaps.take(3) {
                let name = format!("`{}`", self.directory.name(*device));
                conditions.push(only_if(&name, &[self.clause(one, *device)]));
            }
        } else if sure.len() < asking.devices.iter().count() {
            let text = crate::lab::in_words(&names(&sure), "and", 5);
            conditions.push(format!("only from {text}"));
        }
        if !sure.is_empty() && sure.iter().all(|device| self.directory.is_shared_in(*device)) {
            conditions.push(format!(
                "{} belongs to another tailnet, and may not start connections if it is quarantined",
                crate::lab::in_words(&names(&sure), "and", 5)
            ));
        }
        conditions
    }

    /// As [`lets`](Compiled::lets), whatever family its packets are of.
    fn lets_here(&self, one: &Match, device: u32) -> Option<bool> {
        if let Some(person) = one.person
            && self.directory.owner(device) != Some(person)
            && !(self.directory.is_orphan(device) || self.directory.is_orphan(one.on))
        {
            return None;
        }
        let sources = self.sources(one.rule);
        let doubted = one.doubt.any()
            || one
                .person
                .is_some_and(|person| self.directory.owner(device) != Some(person));
        if sources.devices.has(device) {
            return Some(!doubted);
        }
        sources.perhaps.has(device).then_some(false)
    }

    /// Adds what these devices can reach on another, its own addresses and what is behind it apart.
    fn reachable_on(&self, device: u32, asking: &Asking<'_>, into: &mut Vec<ReachableDeviceView>) {
        if asking.devices.iter().all(|one| one == device) && asking.devices.has(device) {
            return;
        }
        let own: Vec<Range> = self.own(device).collect();
        let mut found: Vec<Found> = Vec::new();
        let mut add = |ranges: Vec<Range>, one: &Match, depends: &[String]| {
            let ports = &self.destination(one.rule, one.destination).ports;
            let same = |known: &&mut Found| known.0 == ranges && known.1 == depends;
            match found.iter_mut().find(same) {
                Some((.., all)) => all.extend_from_slice(ports),
                None if !ranges.is_empty() => found.push((ranges, depends.to_vec(), ports.to_vec())),
                None => {}
            }
        };
        let is_asked = |rule: u32| asking.rules[rule as usize].is_some();
        let a_match = |rule: u32, destination: u32, person: Option<u32>, doubtful: bool| Match {
            rule,
            destination,
            v4: true,
            v6: true,
            person,
            on: device,
            longer: None,
            doubt: Doubt {
                device: doubtful,
                ..Doubt::default()
            },
        };
        let sure = self.attachments(device).iter().map(|one| (one, false));
        let perhaps = self.perhaps_attachments(device).iter().map(|one| (one, true));
        for (one, doubtful) in sure.chain(perhaps).filter(|(one, _)| is_asked(one.rule)) {
            let Attachment {
                rule,
                destination,
                kept,
            } = one;
            let one = a_match(*rule, *destination, None, doubtful);
            let depends = self.depends(&one, asking);
            match kept {
                Kept::Own => add(own.clone(), &one, &depends),
                Kept::Ranges(ranges) => {
                    let on_it = own
                        .iter()
                        .filter(|own| ranges.iter().any(|range| range.overlaps(**own)));
                    add(on_it.copied().collect(), &one, &depends);
                    let behind = |range: &&Range| !own.iter().any(|own| range.is_single() && own == *range);
                    let carries = |range: &&Range| {
                        self.directory.is_exit(device)
                            || self
                                .directory
                                .subnets(device)
                                .iter()
                                .any(|route| route.overlaps(**range))
                    };
                    let behind = ranges.iter().filter(behind).filter(carries).copied().collect();
                    add(behind, &one, &depends);
                }
            }
        }
        for &(rule, destination) in self.everywhere.iter().filter(|(rule, _)| is_asked(*rule)) {
            let one = a_match(rule, destination, None, false);
            let depends = self.depends(&one, asking);
            add(own.clone(), &one, &depends);
            add(self.directory.subnets(device).to_vec(), &one, &depends);
            if self.directory.is_exit(device) {
                add(self.directory.internet().iter().collect(), &one, &depends);
            }
        }
        self.own_reachable(device, asking, &mut |one, depends| add(own.clone(), one, depends));
        for (ranges, conditions, ports) in found {
            into.push(ReachableDeviceView {
                device: Arc::clone(self.directory.name(device)),
                destinations: ranges.iter().map(ToString::to_string).collect(),
                ports: texts(ports),
                problem: self.problem(device).or_else(|| asking.problem.clone()),
                conditions,
            });
        }
    }

    /// Adds what is let in by `autogroup:self`.
    fn own_reachable(&self, device: u32, asking: &Asking<'_>, add: &mut dyn FnMut(&Match, &[String])) {
        let is_orphan = self.directory.is_orphan(device);
        let mut people: Vec<u32> = Vec::new();
        match self.directory.owner(device) {
            Some(person) => people.push(person),
            None if is_orphan => {
                people.extend(asking.active.iter().filter_map(|one| self.directory.owner(one)));
            }
            None => {}
        }
        people.sort_unstable();
        people.dedup();
        for person in people {
            for &(rule, destination) in &self.selves {
                let one = Match {
                    rule,
                    destination,
                    v4: true,
                    v6: true,
                    person: Some(person),
                    on: device,
                    longer: None,
                    doubt: Doubt {
                        device: is_orphan,
                        ..Doubt::default()
                    },
                };
                if asking
                    .active
                    .iter()
                    .any(|from| self.lets_here(&one, from).is_some())
                {
                    add(&one, &self.depends(&one, asking));
                }
            }
        }
    }

    /// Adds the services of the tailnet that rules let them reach.
    fn reachable_services(&self, asking: &Asking<'_>, into: &mut Vec<ReachableDeviceView>) {
        for &(rule, destination) in &self.services {
            if asking.rules[rule as usize].is_none() {
                continue;
            }
            let to = self.destination(rule, destination);
            let Alias::Service(name) = &to.alias.value else {
                continue;
            };
            let one = Match {
                rule,
                destination,
                v4: true,
                v6: true,
                person: None,
                on: 0,
                longer: None,
                doubt: Doubt {
                    service: true,
                    ..Doubt::default()
                },
            };
            into.push(ReachableDeviceView {
                device: Arc::clone(name),
                destinations: Vec::new(),
                ports: texts(to.ports.to_vec()),
                problem: asking.problem.clone(),
                conditions: self.depends(&one, asking),
            });
        }
    }
}

/// Writes ports; what is within another says nothing more.
fn texts(mut ports: Vec<Ports>) -> Vec<String> {
    ports.sort_unstable_by_key(|ports| (ports.protocol, ports.first, ports.last));
    ports.dedup_by_key(|ports| (ports.protocol, ports.first, ports.last));
    let within = |one: &Ports| {
        let wider = ports
            .iter()
            .filter(|other| other.first <= one.first && one.last <= other.last);
        let mut wider = wider.filter(|other| other.protocol.is_none() || other.protocol == one.protocol);
        wider.any(|other| (other.protocol, other.first, other.last) != (one.protocol, one.first, one.last))
    };
    ports
        .iter()
        .filter(|one| !within(one))
        .map(ToString::to_string)
        .collect()
}
