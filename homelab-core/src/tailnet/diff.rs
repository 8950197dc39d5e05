//! What a change of the policy gives to whom, and takes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::alias::Alias;
use super::compile::{Compiled, Kept};
use super::directory::Devices;
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
    beyond: Ranges,
    everybody: bool,
}

/// One thing that a device lets in.
type Entry = (Place, u8, u16, u16, Arc<Who>);

/// A protocol's ports.
type Span = (u8, u16, u16);

/// Whom a change is about, on which ports and ranges behind.
type Change = (Who, Vec<Span>, Vec<Range>);

impl Compiled {
    /// Compares with a newer policy over the same devices.
    pub(super) fn diff(&self, newer: &Compiled) -> PolicyDiffView {
        let (mut before, mut after) = (Side::new(self), Side::new(newer));
        let (mut gained, mut lost): (BTreeMap<u64, _>, BTreeMap<u64, _>) = Default::default();
        let mut order: [Map<Change, u64>; 2] = Default::default();
        for device in 0..self.directory.count() {
            let (old, new) = (before.entries(device), after.entries(device));
            if old == new {
                continue;
            }
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
        let view = |changes: BTreeMap<u64, (Change, Vec<u32>)>| {
            changes
                .into_values()
                .map(|(change, to)| self.change_view(newer, change, &to))
                .collect()
        };
        PolicyDiffView {
            gained: view(gained),
            lost: view(lost),
        }
    }

    fn change_view(&self, newer: &Compiled, (who, spans, behind): Change, to: &[u32]) -> AccessChangeView {
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
        AccessChangeView {
            groups,
            people,
            tags,
            devices: self.names(&left),
            ranges,
            to: to
                .iter()
                .map(|device| Arc::clone(directory.name(*device)))
                .collect(),
            destinations: behind.iter().map(ToString::to_string).collect(),
            ports: shown(&spans),
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
                    for range in ranges.iter() {
                        let carried = directory
                            .subnets(device)
                            .iter()
                            .any(|route| route.overlaps(*range))
                            || internet().any(|route| route.overlaps(*range));
                        if carried {
                            add(one.rule, one.destination, Place::Behind(*range), &who);
                        }
                    }
                }
            }
        }
        for &(rule, at) in &compiled.everywhere {
            let who = self.who(rule);
            add(rule, at, Place::Own, &who);
            for route in directory.subnets(device).iter().copied().chain(internet()) {
                add(rule, at, Place::Behind(route), &who);
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
        });
        entries.dedup();
        entries
    }
}

/// Returns who is in the first and not in the second, by ports: the same people's together.
fn minus(more: &[Entry], less: &[Entry]) -> Vec<Change> {
    let keys: BTreeSet<(Place, u8)> = more.iter().map(|entry| (entry.0, entry.1)).collect();
    let mut changes: Vec<(Who, BTreeMap<Place, Vec<Span>>)> = Vec::new();
    for (place, protocol) in keys {
        let of = |list: &'_ [Entry]| -> Vec<Entry> {
            list.iter()
                .filter(|entry| entry.0 == place && entry.1 == protocol)
                .cloned()
                .collect()
        };
        let (more, less) = (of(more), of(less));
        let edges: BTreeSet<u32> = more
            .iter()
            .chain(&less)
            .flat_map(|entry| [u32::from(entry.2), u32::from(entry.3) + 1])
            .collect();
        let edges: Vec<u32> = edges.into_iter().collect();
        for pair in edges.windows(2) {
            let (first, last) = (pair[0] as u16, (pair[1] - 1) as u16);
            let who = union(&more, first).without(&union(&less, first));
            if who.is_nobody() {
                continue;
            }
            let at = match changes.iter().position(|(known, _)| *known == who) {
                Some(at) => at,
                None => {
                    changes.push((who, BTreeMap::new()));
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
    let mut all: Vec<Change> = Vec::new();
    for (who, places) in changes {
        let mut by_spans: BTreeMap<Vec<Span>, Vec<Range>> = BTreeMap::new();
        for (place, spans) in places {
            match place {
                Place::Own => all.push((who.clone(), spans, Vec::new())),
                Place::Behind(range) => by_spans.entry(spans).or_default().push(range),
            }
        }
        all.extend(
            by_spans
                .into_iter()
                .map(|(spans, ranges)| (who.clone(), spans, ranges)),
        );
    }
    all
}

fn union(entries: &[Entry], port: u16) -> Who {
    let mut all = Who::default();
    for (.., who) in entries.iter().filter(|entry| (entry.2..=entry.3).contains(&port)) {
        all.devices.join(&who.devices);
        all.everybody |= who.everybody;
        if !who.beyond.is_empty() {
            all.beyond = all.beyond.iter().chain(who.beyond.iter()).collect();
        }
    }
    all
}

impl Who {
    fn without(mut self, other: &Who) -> Who {
        if other.everybody {
            return Who::default();
        }
        other
            .devices
            .iter()
            .for_each(|device| self.devices.remove(device));
        self.beyond = self.beyond.without(&other.beyond);
        self
    }

    fn is_nobody(&self) -> bool {
        self.devices.is_empty() && self.beyond.is_empty() && !self.everybody
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
            (_, protocol) => texts.push(format!("{}:{}", protocol_name(Some(protocol)), ports(span))),
        }
    }
    texts
}
