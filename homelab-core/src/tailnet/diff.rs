//! What a change of the policy gives to whom, and takes.

mod facts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::alias::Alias;
use super::compile::{Compiled, Kept};
use super::device::Device;
use super::directory::Devices;
use super::doubt::logins_of;
use super::policy::tailnet_ranges;
use super::ports::{TCP, UDP, protocol_name};
use super::ranges::{Range, Ranges};
use crate::view::{AccessChangeView, PolicyDiffView};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Where a device lets somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    /// To itself.
    Own,
    /// To a range behind it.
    Behind(Range),
}

/// Who is let in: devices, and addresses that no device has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Who {
    devices: Devices,
    /// Devices that are if what is not known turns out so; some of them may be among those that are anyway.
    perhaps: Devices,
    beyond: Ranges,
    everybody: bool,
}

/// How sure a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum How {
    Sure,
    /// The one side lets them in if what is not known turns out so, the other does not.
    Perhaps,
    /// The one side lets them in, the other if what is not known turns out so.
    Firmer,
}

/// One thing that a device lets in.
type Entry = (Place, u8, u16, u16, Arc<Who>);

/// A protocol's ports.
type Span = (u8, u16, u16);

/// On which ports something is, by place.
type Places = BTreeMap<Place, Vec<Span>>;

/// Whom a change is about, on which ports and ranges behind.
type Change = (Who, How, Vec<Span>, Vec<Range>);

impl Compiled {
    /// Compares with a newer policy over the same devices. Who and what has no device yet is compared as with a first one.
    pub(super) fn diff(&self, newer: &Compiled) -> PolicyDiffView {
        let first = self.first_devices(newer);
        match first.is_empty() {
            true => self.diff_with(newer),
            false => self
                .with_devices(first.clone())
                .diff_with(&newer.with_devices(first)),
        }
    }

    /// Returns a device for each login and tag of the two policies that has none.
    fn first_devices(&self, newer: &Compiled) -> Vec<Device> {
        let mut logins: BTreeSet<String> = BTreeSet::new();
        let mut tags: BTreeSet<Arc<str>> = BTreeSet::new();
        for side in [self, newer] {
            let has_device = |login: &str| {
                let person = self.directory.person(login);
                person.is_some_and(|person| !self.directory.people[person as usize].devices.is_empty())
            };
            let named = logins_of(side.inner()).into_iter();
            let listed = side
                .directory
                .people
                .iter()
                .map(|person| person.login.to_string());
            logins.extend(
                named
                    .chain(listed)
                    .map(|login| super::canonical_login(&login))
                    .filter(|login| !has_device(login)),
            );
            let used = side.inner().definitions.tags.keys();
            tags.extend(used.filter(|tag| !self.directory.tags().contains(tag)).cloned());
        }
        let of_people = logins
            .into_iter()
            .map(|login| Device::new(format!("the first device of {login}")).with_user(login));
        let of_tags = tags
            .into_iter()
            .map(|tag| Device::new(format!("the first device of {tag}")).with_tags([tag.to_string()]));
        of_people.chain(of_tags).collect()
    }

    fn diff_with(&self, newer: &Compiled) -> PolicyDiffView {
        let (mut before, mut after) = (Side::new(self), Side::new(newer));
        let (mut gained, mut lost): (BTreeMap<u64, _>, BTreeMap<u64, _>) = Default::default();
        let mut order: [Map<Change, u64>; 2] = Default::default();
        for device in 0..self.directory.count() {
            let (mut old, mut new) = (before.entries(device), after.entries(device));
            if old == new {
                continue;
            }
            cut(&mut old, &mut new);
            for (wins, changes) in [(true, minus(&new, &old)), (false, minus(&old, &new))] {
                let numbers = &mut order[usize::from(wins)];
                for change in changes {
                    let next = numbers.len() as u64;
                    let number = *numbers.entry(change.clone()).or_insert(next);
                    let list = if wins { &mut gained } else { &mut lost };
                    list.entry(number)
                        .or_insert_with(|| (change, Vec::new()))
                        .1
                        .push(device);
                }
            }
        }
        let view = |changes: BTreeMap<u64, (Change, Vec<u32>)>, wins: bool| -> Vec<AccessChangeView> {
            let view = |((who, how, spans, behind), to): (Change, Vec<u32>)| AccessChangeView {
                kind: "network".to_owned(),
                to: to
                    .iter()
                    .map(|device| Arc::clone(self.directory.name(*device)))
                    .collect(),
                destinations: behind.iter().map(ToString::to_string).collect(),
                ports: shown(&spans),
                ..self.change_view(newer, &who, how, wins)
            };
            changes.into_values().map(view).collect()
        };
        let (mut gained, mut lost) = (view(gained, true), view(lost, false));
        let (old, new) = (facts::of(self), facts::of(newer));
        gained.extend(facts::changes(self, newer, &new, &old, true));
        lost.extend(facts::changes(self, newer, &old, &new, false));
        PolicyDiffView {
            gained,
            lost,
            notes: facts::notes(self, newer),
        }
    }

    /// Returns whom a change is about, and on what it depends.
    fn change_view(&self, newer: &Compiled, who: &Who, how: How, wins: bool) -> AccessChangeView {
        let directory = &self.directory;
        let mut left = who.devices.clone();
        let all_in =
            |devices: &[u32]| !devices.is_empty() && devices.iter().all(|device| who.devices.has(*device));
        let people = directory.people.iter().filter(|person| all_in(&person.devices));
        let people: Vec<Arc<str>> = people
            .inspect(|person| person.devices.iter().for_each(|device| left.remove(*device)))
            .map(|person| Arc::clone(&person.login))
            .collect();
        let defined: BTreeSet<&Arc<str>> = [self, newer]
            .iter()
            .flat_map(|one| one.inner().definitions.groups.keys())
            .collect();
        let groups = defined.into_iter().filter(|group| {
            let alias = Alias::Group(Arc::clone(group));
            [self, newer].iter().any(|one| {
                let devices: Vec<u32> = one.devices(&alias).iter().collect();
                all_in(&devices)
            })
        });
        let groups = groups.cloned().collect();
        let mut tags = Vec::new();
        for tag in directory.tags() {
            let devices: Vec<u32> = self.devices(&Alias::Tag(Arc::clone(tag))).iter().collect();
            if all_in(&devices) {
                devices.iter().for_each(|device| left.remove(*device));
                tags.push(Arc::clone(tag));
            }
        }
        let mut ranges: Vec<String> = who.beyond.iter().map(|range| range.to_string()).collect();
        if who.everybody {
            ranges.push("*".to_owned());
        }
        let condition = match (how, wins) {
            (How::Sure, _) => None,
            (How::Perhaps, true) => {
                Some("only if what is not known turns out so: a posture, a role, whose a device is")
            }
            (How::Perhaps, false) => Some("they had it only if what is not known turned out so"),
            (How::Firmer, true) => Some("they had it already if what is not known turned out so"),
            (How::Firmer, false) => Some("they keep it only if what is not known turns out so"),
        };
        AccessChangeView {
            kind: String::new(),
            groups,
            people,
            tags,
            devices: self.names(&left),
            ranges,
            to: Vec::new(),
            destinations: Vec::new(),
            ports: Vec::new(),
            conditions: condition.map(str::to_owned).into_iter().collect(),
        }
    }
}

/// A policy of the two, and whom its sources are.
struct Side<'a> {
    compiled: &'a Compiled,
    known: Map<u32, Arc<Who>>,
}

impl<'a> Side<'a> {
    fn new(compiled: &'a Compiled) -> Self {
        Side {
            compiled,
            known: Map::default(),
        }
    }

    fn who(&mut self, rule: u32) -> Arc<Who> {
        let compiled = self.compiled;
        let make = || {
            let sources = compiled.sources(rule);
            Arc::new(Who {
                devices: sources.devices.clone(),
                perhaps: sources.perhaps.clone(),
                beyond: sources.set.without(&tailnet_ranges()),
                everybody: sources.everybody,
            })
        };
        Arc::clone(
            self.known
                .entry(compiled.sources_number(rule))
                .or_insert_with(make),
        )
    }

    /// Returns all that a device lets in, in an order that does not depend on the policy's.
    fn entries(&mut self, device: u32) -> Vec<Entry> {
        let compiled = self.compiled;
        let directory = &compiled.directory;
        let own: Vec<Range> = compiled.own(device).collect();
        let mut entries = Vec::new();
        let mut add = |rule: u32, at: u32, place: Place, who: &Arc<Who>| {
            for ports in compiled.destination(rule, at).ports.iter() {
                let protocols: &[u8] = match &ports.protocol {
                    Some(own) => std::slice::from_ref(own),
                    None => &[TCP, UDP],
                };
                for protocol in protocols {
                    entries.push((place, *protocol, ports.first, ports.last, Arc::clone(who)));
                }
            }
        };
        let internet = || directory.internet().iter().filter(|_| directory.is_exit(device));
        let routes: Vec<Range> = directory
            .subnets(device)
            .iter()
            .copied()
            .chain(internet())
            .collect();
        for one in compiled.attachments(device) {
            let who = self.who(one.rule);
            match &one.kept {
                Kept::Own => add(one.rule, one.destination, Place::Own, &who),
                Kept::Ranges(ranges) => {
                    if ranges
                        .iter()
                        .any(|range| own.iter().any(|own| range.covers(*own)))
                    {
                        add(one.rule, one.destination, Place::Own, &who);
                    }
                    // What is written wider than a route gives no more than the route.
                    for range in ranges.iter() {
                        for route in routes.iter().filter_map(|route| route.meet(*range)) {
                            add(one.rule, one.destination, Place::Behind(route), &who);
                        }
                    }
                }
            }
        }
        for one in compiled.perhaps_attachments(device) {
            let who = Arc::new(self.who(one.rule).doubted());
            add(one.rule, one.destination, Place::Own, &who);
        }
        for &(rule, at) in &compiled.everywhere {
            let who = self.who(rule);
            add(rule, at, Place::Own, &who);
            for route in &routes {
                add(rule, at, Place::Behind(*route), &who);
            }
        }
        if let Some(person) = directory.owner(device) {
            for &(rule, at) in &compiled.selves {
                let mut who = Who {
                    devices: Devices::none(directory.count() as usize),
                    ..Who::default()
                };
                compiled
                    .own_sources(person, rule)
                    .into_iter()
                    .for_each(|source| who.devices.insert(source));
                add(rule, at, Place::Own, &Arc::new(who));
            }
        }
        entries.sort_by(|one, other| {
            let key = |entry: &Entry| (entry.0, entry.1, entry.2, entry.3);
            key(one)
                .cmp(&key(other))
                .then_with(|| one.4.devices.cmp(&other.4.devices))
                .then_with(|| one.4.perhaps.cmp(&other.4.perhaps))
        });
        entries.dedup();
        entries
    }
}

/// Cuts the ranges of both sides at all their ends, so that two of them are the same or have nothing in common.
fn cut(one: &mut Vec<Entry>, other: &mut Vec<Entry>) {
    let behind = one.iter().chain(other.iter()).filter_map(|entry| match entry.0 {
        Place::Own => None,
        Place::Behind(range) => Some(range),
    });
    let ranges: BTreeSet<Range> = behind.collect();
    if ranges.len() < 2 {
        return;
    }
    for side in [one, other] {
        let all = std::mem::take(side);
        for (place, protocol, first, last, who) in all {
            let pieces = match place {
                Place::Own => vec![place],
                Place::Behind(range) => range.cut(&ranges).into_iter().map(Place::Behind).collect(),
            };
            side.extend(
                pieces
                    .into_iter()
                    .map(|place| (place, protocol, first, last, Arc::clone(&who))),
            );
        }
    }
}

/// Returns who is in the first and not in the second, by ports: the same people's together.
fn minus(more: &[Entry], less: &[Entry]) -> Vec<Change> {
    let by_key = |list: &[Entry]| {
        let mut map: BTreeMap<(Place, u8), Vec<Entry>> = BTreeMap::new();
        for entry in list {
            map.entry((entry.0, entry.1)).or_default().push(entry.clone());
        }
        map
    };
    let less = by_key(less);
    let mut changes: Vec<((Who, How), Places)> = Vec::new();
    for ((place, protocol), more) in by_key(more) {
        let less = less.get(&(place, protocol)).map_or(&[][..], Vec::as_slice);
        let edges: BTreeSet<u32> = more
            .iter()
            .chain(less)
            .flat_map(|entry| [u32::from(entry.2), u32::from(entry.3) + 1])
            .collect();
        let edges: Vec<u32> = edges.into_iter().collect();
        for pair in edges.windows(2) {
            let (first, last) = (pair[0] as u16, (pair[1] - 1) as u16);
            for change in union(&more, first).beyond(&union(less, first)) {
                let at = match changes.iter().position(|(known, _)| *known == change) {
                    Some(at) => at,
                    None => {
                        changes.push((change, BTreeMap::new()));
                        changes.len() - 1
                    }
                };
                let spans = changes[at].1.entry(place).or_default();
                match spans.last_mut() {
                    Some(span) if span.0 == protocol && u32::from(span.2) + 1 == u32::from(first) => {
                        span.2 = last
                    }
                    _ => spans.push((protocol, first, last)),
                }
            }
        }
    }
    let mut all: Vec<Change> = Vec::new();
    for ((who, how), places) in changes {
        let mut by_spans: BTreeMap<Vec<Span>, Vec<Range>> = BTreeMap::new();
        for (place, spans) in places {
            match place {
                Place::Own => all.push((who.clone(), how, spans, Vec::new())),
                Place::Behind(range) => by_spans.entry(spans).or_default().push(range),
            }
        }
        all.extend(by_spans.into_iter().map(|(spans, ranges)| {
            let merged: Ranges = ranges.into_iter().collect();
            (who.clone(), how, spans, merged.iter().collect())
        }));
    }
    all
}

fn union(entries: &[Entry], port: u16) -> Who {
    let mut all = Who::default();
    for (.., who) in entries.iter().filter(|entry| (entry.2..=entry.3).contains(&port)) {
        all.add(who);
    }
    all
}

impl Who {
    fn add(&mut self, other: &Who) {
        self.devices.join(&other.devices);
        self.perhaps.join(&other.perhaps);
        self.everybody |= other.everybody;
        if !other.beyond.is_empty() {
            self.beyond = self.beyond.iter().chain(other.beyond.iter()).collect();
        }
    }

    /// Returns the same, of whom nobody is sure to be let in.
    fn doubted(&self) -> Who {
        let mut who = self.clone();
        who.perhaps.join(&self.devices);
        who.devices = Devices::default();
        who
    }

    /// Returns whom this lets in and the other does not, and how sure that is.
    fn beyond(&self, other: &Who) -> Vec<(Who, How)> {
        if other.everybody {
            return Vec::new();
        }
        let without = |devices: &Devices, others: &[&Devices]| {
            let mut left = devices.clone();
            for others in others {
                others.iter().for_each(|device| left.remove(device));
            }
            left
        };
        let of = |devices: Devices| Who {
            devices,
            ..Who::default()
        };
        let mut firmer = without(&self.devices, &[&other.devices]);
        firmer.keep(&other.perhaps);
        if other.perhaps.is_empty() {
            firmer = Devices::default();
        }
        let sure = Who {
            devices: without(&self.devices, &[&other.devices, &other.perhaps]),
            perhaps: Devices::default(),
            beyond: self.beyond.without(&other.beyond),
            everybody: self.everybody,
        };
        let perhaps = without(&self.perhaps, &[&self.devices, &other.devices, &other.perhaps]);
        [
            (sure, How::Sure),
            (of(perhaps), How::Perhaps),
            (of(firmer), How::Firmer),
        ]
        .into_iter()
        .filter(|(who, _)| !who.is_nobody())
        .collect()
    }

    fn is_nobody(&self) -> bool {
        self.devices.is_empty() && self.beyond.is_empty() && !self.everybody
    }
}

/// Returns a protocol as policies write it.
fn word(protocol: u8) -> String {
    match protocol {
        47 => "gre".to_owned(),
        50 => "esp".to_owned(),
        51 => "ah".to_owned(),
        other => protocol_name(Some(other)),
    }
}

/// Writes protocols and ports; what is the same for TCP and UDP is written once, without a protocol.
fn shown(spans: &[Span]) -> Vec<String> {
    let both = |span: &Span| {
        [TCP, UDP]
            .iter()
            .all(|protocol| spans.contains(&(*protocol, span.1, span.2)))
    };
    let ports = |span: &Span| match (span.1, span.2) {
        (0, u16::MAX) => "*".to_owned(),
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    let mut texts = Vec::new();
    for span in spans {
        match (both(span), span.0) {
            (true, TCP) => texts.push(ports(span)),
            (true, UDP) => {}
            (_, protocol) => texts.push(format!("{}:{}", word(protocol), ports(span))),
        }
    }
    texts
}
