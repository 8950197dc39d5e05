//! Who can reach what: the rules that let somebody in, and as what.

use std::sync::Arc;

use super::alias::Alias;
use super::carrier::{Carrier, Fit, Match, Way, fit};
use super::compile::Compiled;
use super::directory::{Devices, Person};
use super::policy::{Section, Truth};
use super::ports::Ports;
use super::ranges::Range;
use super::target::Target;
use crate::error::Result;
use crate::view::{
    ByView, CarrierView, DeviceReachView, PersonReachView, RangeReachView, TailnetRuleView, WhoCanReachView,
};

/// The ports that Funnel may open.
const FUNNEL_PORTS: [u16; 3] = [443, 8443, 10000];

/// What holds for every answer where the devices are not all known.
pub(super) const NOT_WHOLE: &str = "the devices are those that one device sees: there may be others";

/// What holds where `*` lets in.
const UNLISTED: &str =
    "`*` lets in too with whom these devices are shared: who that is, no list of devices says";

/// What holds for everybody who gets somewhere by a router.
pub(super) const ACCEPTS_ROUTES: &str =
    "who asks has to accept routes, which a Linux device does only when told to";

impl Compiled {
    pub(super) fn who_can_reach(&self, target: &Target) -> Result<WhoCanReachView> {
        let addresses = self.addresses(target)?;
        let carriers = self.carriers(target, &addresses);
        let mut answer = Answer::new(self);
        for (_, one) in self.through(target, &carriers) {
            let about = |ports: &Ports| fit(ports, target) != Fit::No;
            answer.add(&one, self.rule_view(one.rule, one.destination, about));
        }
        answer.ssh = self.ssh_gate(target, &carriers);
        let public = target.protocol() == 6 && FUNNEL_PORTS.iter().any(|port| target.has_port(*port));
        let funnel = carriers
            .iter()
            .filter(|carrier| {
                public && carrier.way == Way::Itself && self.may_funnel(carrier.device) != Truth::No
            })
            .map(|carrier| Arc::clone(self.directory.name(carrier.device)));
        let funnel = funnel.collect();
        let mut conditions = self.conditions(target, &carriers);
        conditions.extend(answer.unlisted());
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
            let routers = carriers.iter().filter(|carrier| carrier.way == Way::Subnet);
            let (longest, others): (Vec<&Carrier>, Vec<&Carrier>) =
                routers.partition(|carrier| carrier.longer.is_none());
            if longest.len() > 1 {
                conditions.push(format!(
                    "of {} routers with this route one carries it at a time",
                    longest.len()
                ));
            }
            if let (Some(longest), false) = (longest.first(), others.is_empty()) {
                conditions.push(format!(
                    "packets of who sees `{}` go by it, whose route is longer",
                    self.directory.name(longest.device)
                ));
            }
        }
        if any(Way::Exit) {
            conditions.push("who asks has to use one of these devices as exit node".to_owned());
        }
        let not_said = |carrier: &Carrier| {
            carrier.way == Way::Itself && self.directory.device(carrier.device).ssh().is_none()
        };
        if self.ssh_gate(target, carriers).is_some() {
            conditions.push(
                "Tailscale SSH answers on port 22: a rule of `ssh` has to let in too, perhaps after a check"
                    .to_owned(),
            );
        } else if target.has_port(22)
            && target.is_tcp()
            && carriers.iter().any(not_said)
            && !self.inner().ssh.is_empty()
        {
            conditions.push(
                "whether Tailscale SSH answers on port 22 is not known: where it does, a rule of `ssh` has to let in too"
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
            Way::Service => "service_host",
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
}

/// Who is let in, collected rule by rule.
struct Answer<'a> {
    compiled: &'a Compiled,
    matches: Vec<Match>,
    rules: Vec<TailnetRuleView>,
    /// The device whose Tailscale SSH answers on the port.
    ssh: Option<u32>,
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
            ssh: None,
        }
    }

    /// Adds a rule; another entry of its `dst` that lets the same people in says nothing new.
    fn add(&mut self, one: &Match, view: TailnetRuleView) {
        let known = self.matches.iter_mut().find(|known| {
            let same = (known.person, known.longer, known.doubt) == (one.person, one.longer, one.doubt);
            known.rule == one.rule && same && (!one.doubt.any() || known.destination == one.destination)
        });
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
            if one.person.is_none() && one.longer.is_none() && !one.doubt.any() {
                if one.v4 {
                    certain.add(&sources.v4);
                }
                if one.v6 {
                    certain.add(&sources.v6);
                }
                perhaps.add(&sources.perhaps);
            } else if one.person.is_none() && one.longer.is_none() {
                // The rule lets them in if what is not known of the target turns out so.
                for (is_asked, of_family) in [(one.v4, &sources.v4), (one.v6, &sources.v6)] {
                    if is_asked {
                        perhaps.add(of_family);
                    }
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
                // Whose they are, and which tags they have, nobody says.
                if source.value.names_devices() && source.value != Alias::Shared {
                    let orphans = directory.orphans().iter().filter(|device| lets(**device));
                    orphans.for_each(|device| by_device.entry(*device).or_default().push(by()));
                }
                if source.value == Alias::Shared && one.person.is_none() {
                    add_range(&mut ranges, through.to_string(), by());
                }
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
                            add_range(&mut ranges, range, by());
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
                let (certain, perhaps) = (certain.has(device), perhaps.has(device));
                let why = || self.clauses(device);
                if compiled.may_start(device, certain, perhaps, why, &mut conditions) {
                    conditions.extend(self.ssh.and_then(|on| compiled.by_ssh(on, device)));
                    devices.push(Arc::clone(directory.name(device)));
                }
            }
            if person.devices.is_empty() {
                conditions.extend(self.without_device(person, &by));
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
            let why = || self.clauses(device);
            compiled.may_start(
                device,
                certain.has(device),
                perhaps.has(device),
                why,
                &mut conditions,
            );
            conditions.extend(self.ssh.and_then(|on| compiled.by_ssh(on, device)));
            tagged.push(DeviceReachView {
                device: Arc::clone(directory.name(device)),
                tags: directory.device(device).tags().to_vec(),
                by,
                conditions,
            });
        }
        (self.rules, people, tagged, ranges)
    }

    /// Returns what would have to be so for a device to be let in, that is let in perhaps: one of these.
    fn clauses(&self, device: u32) -> Vec<String> {
        let matches = self.matches.iter();
        let perhaps = matches.filter(|one| self.compiled.lets(one, device) == Some(false));
        let mut clauses: Vec<String> = perhaps.map(|one| self.compiled.clause(one, device)).collect();
        clauses.dedup();
        clauses
    }

    /// Returns on what it depends that somebody who has no device comes in.
    fn without_device(&self, person: &Person, by: &[ByView]) -> Vec<String> {
        let login = &person.login;
        let mut conditions = vec![format!("{login} has no device yet, and comes in with the first")];
        let definitions = &self.compiled.inner().definitions;
        let at = self.compiled.directory.person(login);
        let mut perhaps: Vec<String> = Vec::new();
        for one in by {
            let found = &self.matches[one.rule as usize];
            let sources = self.compiled.rule(found.rule).sources.iter();
            let source = sources
                .map(|source| &source.value)
                .find(|alias| *self.compiled.meant(alias).0 == *one.through);
            let sure =
                source.is_some_and(|alias| at.is_some_and(|at| self.compiled.meant(alias).1.contains(&at)));
            let mut clauses = Vec::new();
            if let (false, Some(alias)) = (sure, source)
                && at.is_some_and(|at| {
                    self.compiled
                        .directory
                        .people_perhaps(alias, definitions)
                        .contains(&at)
                })
            {
                clauses.push(format!("{login} is of {alias}"));
            }
            if !self.compiled.rule(found.rule).postures.is_empty() {
                clauses.push("its posture is as the rule asks".to_owned());
            }
            clauses.extend(self.compiled.target_clauses(found));
            if clauses.is_empty() {
                return conditions;
            }
            perhaps.push(clauses.join(" and "));
        }
        perhaps.dedup();
        conditions.push(only_if(login, &perhaps));
        conditions
    }

    /// Returns what is to be said of people whom rules let in and no list has.
    fn unlisted(&self) -> Option<String> {
        let mut matches = self.matches.iter();
        let any = matches.any(|one| {
            let mut sources = self.compiled.rule(one.rule).sources.iter();
            one.person.is_none() && sources.any(|source| source.value == Alias::Any)
        });
        any.then(|| UNLISTED.to_owned())
    }
}

fn add_range(ranges: &mut Vec<RangeReachView>, range: String, by: ByView) {
    match ranges.iter_mut().find(|known| known.range == range) {
        Some(known) => known.by.push(by),
        None => ranges.push(RangeReachView { range, by: vec![by] }),
    }
}

/// Returns that something depends on what is not known: on one of these.
pub(super) fn only_if(who: &str, clauses: &[String]) -> String {
    format!("{who} only if {}, which is not known", clauses.join(", or if "))
}

impl Compiled {
    /// Returns whether a device that is let in can start a connection, and adds on what that depends.
    pub(super) fn may_start(
        &self,
        device: u32,
        certain: bool,
        perhaps: bool,
        why: impl FnOnce() -> Vec<String>,
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
            conditions.push(only_if(&format!("`{name}`"), &why()));
        }
        if let Some(problem) = self.expired(device) {
            conditions.push(format!("`{name}` not now: {problem}"));
        }
        if self.directory.is_shared_in(device) {
            conditions.push(format!(
                "`{name}` belongs to another tailnet, and may not start connections if it is quarantined"
            ));
        }
        true
    }
}
