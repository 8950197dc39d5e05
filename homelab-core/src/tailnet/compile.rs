//! A policy made ready for one tailnet: whom each rule is for, and which rules each device enforces.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use super::alias::Alias;
use super::device::Roster;
use super::directory::{Devices, Directory};
use super::doubt;
use super::policy::{At, Destination, Inner, Policy, Rule, Section, Truth};
use super::ports::Ports;
use super::ranges::{Range, Ranges};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Whom a rule is for.
#[derive(Debug)]
pub(super) struct Sources {
    /// Every address.
    pub(super) set: Ranges,
    /// The devices that have an address in it.
    pub(super) devices: Devices,
    /// Those with an IPv4 address in it.
    pub(super) v4: Devices,
    /// Those with an IPv6 address in it.
    pub(super) v6: Devices,
    /// All of them, and the devices that offer a route in it: all that it makes visible.
    pub(super) visible: Devices,
    /// The devices that are in it if what is not known turns out so: a posture, a role, who is of a group, whose they are.
    pub(super) perhaps: Devices,
    /// `autogroup:danger-all`: whoever it is.
    pub(super) everybody: bool,
    /// The addresses as the service writes them, made when first asked for.
    pub(super) written: OnceLock<Arc<[String]>>,
}

impl Sources {
    pub(super) fn is_empty(&self) -> bool {
        !self.everybody && self.set.is_empty()
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.everybody || self.set.contains(address)
    }

    pub(super) fn written(&self) -> Arc<[String]> {
        let write = || match self.everybody {
            true => ["*".to_owned()].into(),
            false => self.set.iter().map(|range| range.to_string()).collect(),
        };
        Arc::clone(self.written.get_or_init(write))
    }
}

/// People by the entries of a `src`.
pub(super) type LetIn = Arc<[Vec<u32>]>;

/// What of a destination a device enforces.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kept {
    /// Its own addresses.
    Own,
    /// These ranges, whole.
    Ranges(Arc<[Range]>),
}

/// A destination of a rule that a device enforces.
#[derive(Clone, Debug)]
pub(super) struct Attachment {
    pub(super) rule: u32,
    pub(super) destination: u32,
    pub(super) kept: Kept,
}

/// A policy, a roster, and what they come to.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) policy: Policy,
    /// What holds where the policy has neither `acls` nor `grants`.
    default: Vec<Rule>,
    pub(super) directory: Directory,
    /// Each set of sources once.
    sources: Vec<Arc<Sources>>,
    /// Of each rule, its sources.
    of_rule: Vec<u32>,
    /// Of each device, what it enforces because of what it is, by rule.
    nodes: Vec<Vec<Attachment>>,
    /// Of each device, what it enforces if a destination means it, which is not known.
    perhaps: Vec<Vec<Attachment>>,
    /// What is for services, whoever hosts them.
    pub(super) services: Vec<(u32, u32)>,
    /// What every device enforces: destinations `*`.
    pub(super) everywhere: Vec<(u32, u32)>,
    /// What every person's devices enforce among themselves: destinations `autogroup:self`.
    pub(super) selves: Vec<(u32, u32)>,
    /// Rules that grant capabilities.
    pub(super) apps: Vec<u32>,
    /// Of each device, whom else it makes visible without letting them in.
    pub(super) shown: Vec<(u32, u32)>,
    aliases: Map<Alias, Arc<Devices>>,
    /// Each entry of a `src` as it is written, and the people whom it means.
    people: Map<Alias, (Arc<str>, Arc<[u32]>)>,
    /// Of each rule, by the families that a match lets through, whom each entry of its `src` lets in: made when asked for.
    let_in: Vec<[OnceLock<LetIn>; 3]>,
    /// The moment that answers are about, where it matters whether a key is expired.
    pub(super) now: Option<Timestamp>,
    /// Sets of sources by what they are made of, with the same names in another order the same.
    known: Map<(Vec<Alias>, Vec<Arc<str>>), u32>,
}

impl Compiled {
    pub(super) fn new(policy: Policy, roster: Roster) -> Self {
        let named = doubt::logins_of(policy.inner());
        let directory = Directory::new(roster, named.iter().map(String::as_str));
        let default = match policy.inner().rules {
            Some(_) => Vec::new(),
            None => vec![everything_to_everything()],
        };
        let mut compiled = Compiled {
            nodes: vec![Vec::new(); directory.count() as usize],
            perhaps: vec![Vec::new(); directory.count() as usize],
            services: Vec::new(),
            policy: policy.clone(),
            default,
            directory,
            sources: Vec::new(),
            of_rule: Vec::new(),
            everywhere: Vec::new(),
            selves: Vec::new(),
            apps: Vec::new(),
            shown: Vec::new(),
            aliases: Map::default(),
            people: Map::default(),
            let_in: Vec::new(),
            now: None,
            known: Map::default(),
        };
        let default = std::mem::take(&mut compiled.default);
        for (index, rule) in policy
            .inner()
            .rules
            .as_deref()
            .unwrap_or(&default)
            .iter()
            .enumerate()
        {
            let sources = compiled.sources_of(&rule.sources, &rule.postures);
            compiled.of_rule.push(sources);
            compiled.attach(index as u32, rule);
        }
        compiled.default = default;
        compiled
            .let_in
            .resize_with(compiled.rules().len(), Default::default);
        compiled
    }

    pub(super) fn rules(&self) -> &[Rule] {
        self.inner().rules.as_deref().unwrap_or(&self.default)
    }

    pub(super) fn rule(&self, rule: u32) -> &Rule {
        &self.rules()[rule as usize]
    }

    pub(super) fn destination(&self, rule: u32, destination: u32) -> &Destination {
        &self.rule(rule).destinations[destination as usize]
    }

    pub(super) fn inner(&self) -> &Inner {
        self.policy.inner()
    }

    pub(super) fn sources(&self, rule: u32) -> &Arc<Sources> {
        &self.sources[self.of_rule[rule as usize] as usize]
    }

    /// Returns the sources of this number.
    pub(super) fn numbered(&self, number: u32) -> &Arc<Sources> {
        &self.sources[number as usize]
    }

    /// Returns a number that is the same for rules with the same sources.
    pub(super) fn sources_number(&self, rule: u32) -> u32 {
        self.of_rule[rule as usize]
    }

    pub(super) fn attachments(&self, device: u32) -> &[Attachment] {
        &self.nodes[device as usize]
    }

    /// Returns what a device enforces if a destination means it, which is not known.
    pub(super) fn perhaps_attachments(&self, device: u32) -> &[Attachment] {
        &self.perhaps[device as usize]
    }

    /// Returns where it is kept whom a rule lets in to an IPv4 address, an IPv6 address, or one of both.
    pub(super) fn let_in_kept(&self, rule: u32, v4: bool, v6: bool) -> &OnceLock<LetIn> {
        &self.let_in[rule as usize][if v4 && v6 { 2 } else { usize::from(v6) }]
    }

    /// Returns the devices that an alias means, people's and tagged ones.
    pub(super) fn devices(&self, alias: &Alias) -> Arc<Devices> {
        match self.aliases.get(alias) {
            Some(devices) => Arc::clone(devices),
            None => Arc::new(self.directory.devices(alias, &self.inner().definitions)),
        }
    }

    /// Returns an alias as it is written, and the people whom it means.
    pub(super) fn meant(&self, alias: &Alias) -> (Arc<str>, Arc<[u32]>) {
        match self.people.get(alias) {
            Some((text, people)) => (Arc::clone(text), Arc::clone(people)),
            None => (
                alias.to_string().into(),
                self.directory.people_of(alias, &self.inner().definitions).into(),
            ),
        }
    }

    pub(super) fn written(&self, alias: &Alias) -> Vec<Range> {
        self.directory.written(alias, &self.inner().definitions)
    }

    fn devices_kept(&mut self, alias: &Alias) -> Arc<Devices> {
        let devices = self.devices(alias);
        self.aliases
            .entry(alias.clone())
            .or_insert_with(|| Arc::clone(&devices));
        devices
    }

    /// Returns the number of a set of sources, and makes it where it is new.
    fn sources_of(&mut self, aliases: &[At<Alias>], postures: &[Arc<str>]) -> u32 {
        let mut key: Vec<Alias> = aliases.iter().map(|alias| alias.value.clone()).collect();
        key.sort_by_cached_key(ToString::to_string);
        key.dedup();
        let key = (key, postures.to_vec());
        if let Some(number) = self.known.get(&key) {
            return *number;
        }
        for alias in &key.0 {
            self.devices_kept(alias);
            let meant = self.meant(alias);
            self.people.insert(alias.clone(), meant);
        }
        let made = self.make_sources(&key.0, postures);
        // Other words for the same addresses are the same sources: the service merges their rules.
        let same = |one: &Arc<Sources>| {
            one.set == made.set && one.perhaps == made.perhaps && one.everybody == made.everybody
        };
        let number = match self.sources.iter().position(same) {
            Some(number) => number as u32,
            None => {
                self.sources.push(Arc::new(made));
                (self.sources.len() - 1) as u32
            }
        };
        self.known.insert(key, number);
        number
    }

    /// Returns whom these aliases mean. With postures, devices of which one may hold or not are left out.
    pub(super) fn make_sources<'a>(
        &self,
        aliases: impl IntoIterator<Item = &'a Alias>,
        postures: &[Arc<str>],
    ) -> Sources {
        let directory = &self.directory;
        let mut devices = Devices::none(directory.count() as usize);
        let mut written = Vec::new();
        let mut everybody = false;
        let mut perhaps = Devices::none(directory.count() as usize);
        for alias in aliases {
            perhaps.add(&directory.devices_perhaps(alias, &self.inner().definitions));
            devices.add(&self.devices(alias));
            match alias {
                Alias::Any => written.extend(directory.any().iter()),
                Alias::DangerAll => everybody = true,
                _ => written.extend(self.written(alias)),
            }
        }
        let named = devices.clone();
        let (mut v4, mut v6) = (named.clone(), named.clone());
        v4.keep(directory.with_v4());
        v6.keep(directory.with_v6());
        for range in &written {
            let of_family = match range {
                Range::V4(..) => &mut v4,
                Range::V6(..) => &mut v6,
            };
            directory
                .inside(*range)
                .for_each(|device| of_family.insert(device));
        }
        devices.add(&v4);
        devices.add(&v6);
        let mut refused = Devices::none(directory.count() as usize);
        if !postures.is_empty() {
            for device in perhaps.clone().iter() {
                if self.posture(device, postures) == Truth::No {
                    perhaps.remove(device);
                }
            }
            for device in devices.clone().iter() {
                match self.posture(device, postures) {
                    Truth::Yes => continue,
                    Truth::Unknown => perhaps.insert(device),
                    Truth::No => {}
                }
                for set in [&mut devices, &mut v4, &mut v6] {
                    set.remove(device);
                }
                refused.insert(device);
            }
        }
        let mut kept = named;
        refused.iter().for_each(|device| kept.remove(device));
        let mut set: Ranges = directory.addresses_of(&kept).chain(written).collect();
        if !refused.is_empty() {
            set = set.without(&directory.addresses_of(&refused).collect());
        }
        let mut visible = devices.clone();
        if everybody {
            (0..directory.count()).for_each(|device| visible.insert(device));
        }
        for &router in directory.routers() {
            if directory.subnets(router).iter().any(|route| set.overlaps(*route)) {
                visible.insert(router);
            }
        }
        if everybody {
            devices = visible.clone();
            v4 = directory.with_v4().clone();
            v6 = directory.with_v6().clone();
        }
        Sources {
            set,
            devices,
            v4,
            v6,
            visible,
            perhaps,
            everybody,
            written: OnceLock::new(),
        }
    }

    /// Returns whether one of these postures holds for a device.
    pub(super) fn posture(&self, device: u32, postures: &[Arc<str>]) -> Truth {
        // Devices of other tailnets are not asked.
        if self.directory.device(device).is_external() {
            return Truth::Yes;
        }
        let of = |name: &Arc<str>| {
            let posture = self.inner().definitions.postures.get(name);
            posture.map_or(Truth::No, |posture| {
                posture.value.holds(self.directory.device(device))
            })
        };
        postures.iter().map(of).max().unwrap_or(Truth::Yes)
    }

    /// Gives a rule to the devices that enforce it.
    fn attach(&mut self, index: u32, rule: &Rule) {
        if rule.app.is_some() && rule.via.is_empty() {
            self.apps.push(index);
        }
        for (at, destination) in rule.destinations.iter().enumerate() {
            let at = at as u32;
            let alias = &destination.alias.value;
            if !rule.via.is_empty() {
                self.attach_via(index, at, rule, destination);
                continue;
            }
            if destination.ports.is_empty() {
                continue;
            }
            match alias {
                Alias::Service(_) => self.services.push((index, at)),
                Alias::Any => self.everywhere.push((index, at)),
                Alias::Itself => self.selves.push((index, at)),
                Alias::Internet => {
                    let all: Arc<[Range]> = self.directory.internet().iter().collect();
                    for device in self.directory.exits().clone().iter() {
                        self.give(device, index, at, Kept::Ranges(Arc::clone(&all)));
                    }
                }
                Alias::IpSet(set) if self.inner().definitions.internet_sets.contains(set) => {
                    self.attach_written(index, at, alias);
                    let all = self.public_part(alias);
                    for device in self.directory.exits().clone().iter() {
                        self.give(device, index, at, Kept::Ranges(Arc::clone(&all)));
                    }
                }
                _ if alias.names_devices() => {
                    let devices = self.devices_kept(alias);
                    for device in devices.iter() {
                        self.give(device, index, at, Kept::Own);
                        for router in self.directory.routers_before(device).to_vec() {
                            let kept = self.own(device).filter(|own| {
                                self.directory
                                    .subnets(router)
                                    .iter()
                                    .any(|route| route.overlaps(*own))
                            });
                            let kept = kept.collect();
                            self.give(router, index, at, Kept::Ranges(kept));
                        }
                    }
                    let perhaps = self.directory.devices_perhaps(alias, &self.inner().definitions);
                    for device in perhaps.iter().filter(|device| !devices.has(*device)) {
                        self.perhaps[device as usize].push(Attachment {
                            rule: index,
                            destination: at,
                            kept: Kept::Own,
                        });
                    }
                }
                _ => self.attach_written(index, at, alias),
            }
        }
    }

    /// Returns what of an IP set an exit node carries.
    fn public_part(&self, alias: &Alias) -> Arc<[Range]> {
        let set: Ranges = self.written(alias).into_iter().collect();
        let others = self.directory.internet().without(&set);
        self.directory.internet().without(&others).iter().collect()
    }

    fn attach_written(&mut self, index: u32, at: u32, alias: &Alias) {
        let mut kept: Map<u32, Vec<Range>> = Map::default();
        for range in self.written(alias) {
            let behind = self.directory.routers().iter().copied().filter(|router| {
                self.directory
                    .subnets(*router)
                    .iter()
                    .any(|route| route.overlaps(range))
            });
            for device in self.directory.inside(range).chain(behind) {
                let ranges = kept.entry(device).or_default();
                if ranges.last() != Some(&range) {
                    ranges.push(range);
                }
            }
        }
        for (device, ranges) in kept {
            self.give(device, index, at, Kept::Ranges(ranges.into()));
        }
    }

    fn attach_via(&mut self, index: u32, at: u32, rule: &Rule, destination: &Destination) {
        let alias = &destination.alias.value;
        let mut carriers: Vec<u32> = rule
            .via
            .iter()
            .flat_map(|tag| self.devices(&Alias::Tag(tag.clone())).iter().collect::<Vec<_>>())
            .collect();
        let tagged = carriers.len();
        // They may have the tag.
        carriers.extend(self.directory.orphans());
        let written = self.written(alias);
        for (number, device) in carriers.into_iter().enumerate() {
            let kept: Vec<Range> = match alias {
                Alias::Internet if self.directory.is_exit(device) => written.clone(),
                Alias::Internet => Vec::new(),
                _ => {
                    let routes = self.directory.subnets(device);
                    let carried = |range: &&Range| routes.iter().any(|route| route.overlaps(**range));
                    let mut kept: Vec<Range> = written.iter().filter(carried).copied().collect();
                    let is_public = matches!(alias, Alias::IpSet(set)
                        if self.inner().definitions.internet_sets.contains(set));
                    if is_public && self.directory.is_exit(device) {
                        kept.extend(self.public_part(alias).iter());
                    }
                    kept
                }
            };
            if kept.is_empty() {
                continue;
            }
            if number >= tagged {
                self.perhaps[device as usize].push(Attachment {
                    rule: index,
                    destination: at,
                    kept: Kept::Ranges(kept.into()),
                });
                continue;
            }
            match destination.ports.is_empty() {
                true => self.shown.push((device, index)),
                false => self.give(device, index, at, Kept::Ranges(kept.into())),
            }
        }
    }

    fn give(&mut self, device: u32, rule: u32, destination: u32, kept: Kept) {
        let all = &mut self.nodes[device as usize];
        // A device that carries several tags of a `via` is a carrier once.
        let again = all.iter().rev().take_while(|one| one.rule == rule);
        if !again
            .into_iter()
            .any(|one| one.destination == destination && one.kept == kept)
        {
            all.push(Attachment {
                rule,
                destination,
                kept,
            });
        }
    }

    /// Returns a device's own addresses.
    pub(super) fn own(&self, device: u32) -> impl Iterator<Item = Range> + '_ {
        self.directory
            .device(device)
            .addresses()
            .iter()
            .map(|address| Range::of(*address))
    }

    /// Returns the devices of a person that are among a rule's sources: whom `autogroup:self` is for.
    pub(super) fn own_sources(&self, person: u32, rule: u32) -> Vec<u32> {
        let sources = self.sources(rule);
        let devices = self.directory.people[person as usize].devices.iter().copied();
        devices.filter(|device| sources.devices.has(*device)).collect()
    }
}

fn everything_to_everything() -> Rule {
    let any = At {
        value: Alias::Any,
        start: 0,
        end: 0,
    };
    let all = Ports {
        protocol: None,
        first: 0,
        last: u16::MAX,
        index: 0,
    };
    Rule {
        section: Section::Default,
        index: 0,
        start: 0,
        end: 0,
        sources: vec![any.clone()],
        destinations: vec![Destination {
            alias: any,
            ports: [all].into(),
        }],
        app: None,
        via: Vec::new(),
        postures: Vec::new(),
    }
}
