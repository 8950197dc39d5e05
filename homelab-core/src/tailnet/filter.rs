//! The packet filter of each device, who sees whom, and what peers may do on a device.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map as JsonMap, Value as Json};

use super::alias::Alias;
use super::compile::{Compiled, Kept, Sources};
use super::directory::Devices;
use super::policy::tailnet_ranges;
use super::ranges::{Range, Ranges};
use crate::view::{CapabilityGrantView, CapabilityMap, DestinationView, FilterRuleView, PortsView};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What a device that has this capability may be asked for, in the other direction.
const COMPANIONS: [(&str, &str); 2] = [
    ("tailscale.com/cap/drive", "tailscale.com/cap/drive-sharer"),
    ("tailscale.com/cap/relay", "tailscale.com/cap/relay-target"),
];

/// A destination as it is written into a filter; `*` comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct To {
    range: Option<Range>,
    first: u16,
    last: u16,
}

/// The sources of a filter's rule: of a rule as they are, or of one person's devices.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum From {
    Rule(u32),
    Own(Arc<[u32]>),
}

/// What is made once for all devices: written sources of single people.
#[derive(Default)]
pub(super) struct Written {
    own: Map<Arc<[u32]>, Arc<[String]>>,
    of: Map<(u32, u32), Arc<[u32]>>,
}

/// One grant of capabilities to a device, before it is written.
pub(super) struct Grant<'a> {
    /// Whose requests have it.
    pub(super) sources: Arc<Sources>,
    /// Each destination's prefixes on the device.
    pub(super) destinations: Vec<Vec<Range>>,
    pub(super) capabilities: Capabilities<'a>,
}

/// What a grant gives.
#[derive(Clone, Copy)]
pub(super) enum Capabilities<'a> {
    App(&'a JsonMap<String, Json>),
    Companion(&'static str),
}

impl Compiled {
    /// Returns the packet filter of a device, rules in the order of the file, those with the same sources and protocols
    /// made one.
    pub(super) fn filter(&self, device: u32, written: &mut Written) -> Vec<FilterRuleView> {
        let mut order: Vec<(u32, u8, u32, Option<&Kept>)> = Vec::new();
        order.extend(
            self.attachments(device)
                .iter()
                .map(|one| (one.rule, 0, one.destination, Some(&one.kept))),
        );
        order.extend(self.everywhere.iter().map(|&(rule, at)| (rule, 0, at, None)));
        let owner = self.directory.owner(device);
        if owner.is_some() {
            order.extend(
                self.selves
                    .iter()
                    .map(|&(rule, at)| (rule, 1, at, Some(&Kept::Own))),
            );
        }
        order.sort_by_key(|&(rule, own, at, _)| (rule, own, at));

        let own: Vec<Range> = self.own(device).collect();
        let mut merged: Vec<(From, Option<u8>, BTreeSet<To>)> = Vec::new();
        let mut index: Map<(From, Option<u8>), usize> = Map::default();
        let mut apps = self.apps.iter().copied().peekable();
        let mut rules: Vec<FilterRuleView> = Vec::new();
        // Rules of capabilities keep their place among the others.
        let mut capabilities: Vec<(usize, FilterRuleView)> = Vec::new();
        for (rule, is_own, at, kept) in order {
            while let Some(app) = apps.next_if(|app| *app < rule) {
                self.capability_rules(app, device, merged.len(), &mut capabilities);
            }
            let from = match (is_own, owner) {
                (1, Some(person)) => {
                    let devices = written.of.entry((person, self.sources_number(rule)));
                    From::Own(Arc::clone(
                        devices.or_insert_with(|| self.own_sources(person, rule).into()),
                    ))
                }
                _ => From::Rule(self.sources_number(rule)),
            };
            let nobody = match &from {
                From::Own(devices) => devices.is_empty(),
                From::Rule(_) => self.sources(rule).is_empty(),
            };
            if nobody {
                continue;
            }
            for ports in self.destination(rule, at).ports.iter() {
                let number = *index.entry((from.clone(), ports.protocol)).or_insert_with(|| {
                    merged.push((from.clone(), ports.protocol, BTreeSet::new()));
                    merged.len() - 1
                });
                let to = |range| To {
                    range,
                    first: ports.first,
                    last: ports.last,
                };
                let into = &mut merged[number].2;
                match kept {
                    None => into.extend([to(None)]),
                    Some(Kept::Own) => into.extend(own.iter().map(|range| to(Some(*range)))),
                    Some(Kept::Ranges(ranges)) => into.extend(ranges.iter().map(|range| to(Some(*range)))),
                }
            }
        }
        for app in apps {
            self.capability_rules(app, device, merged.len(), &mut capabilities);
        }
        let mut capabilities = capabilities.into_iter().peekable();
        for (number, (from, protocol, to)) in merged.into_iter().enumerate() {
            while let Some((_, rule)) = capabilities.next_if(|(before, _)| *before <= number) {
                rules.push(rule);
            }
            let src_ips = match from {
                From::Rule(sources) => self.numbered(sources).written(),
                From::Own(devices) => written.own(self, devices),
            };
            rules.push(FilterRuleView {
                src_ips,
                dst_ports: to.into_iter().map(To::view).collect(),
                ip_proto: protocol.into_iter().collect(),
                cap_grant: Vec::new(),
            });
        }
        rules.extend(capabilities.map(|(_, rule)| rule));
        rules
    }

    fn capability_rules(
        &self,
        rule: u32,
        device: u32,
        before: usize,
        into: &mut Vec<(usize, FilterRuleView)>,
    ) {
        for grant in self.grants(rule, device) {
            let view = |prefixes: &Vec<Range>| CapabilityGrantView {
                dsts: prefixes
                    .iter()
                    .flat_map(|range| range.prefixes())
                    .map(|prefix| prefix.to_string())
                    .collect(),
                cap_map: grant.capabilities.map(),
            };
            let rule = FilterRuleView {
                src_ips: grant.sources.written(),
                dst_ports: Vec::new(),
                ip_proto: Vec::new(),
                cap_grant: grant.destinations.iter().map(view).collect(),
            };
            into.push((before, rule));
        }
    }

    /// Returns what a rule's capabilities come to on a device: what peers may do there, then what it is told of those
    /// that may be asked by it.
    pub(super) fn grants(&self, rule: u32, device: u32) -> Vec<Grant<'_>> {
        let mut grants = Vec::new();
        let written = self.rule(rule);
        let Some(app) = written.app.as_deref() else {
            return grants;
        };
        let selves = written
            .destinations
            .iter()
            .any(|to| to.alias.value == Alias::Itself);
        let others = written
            .destinations
            .iter()
            .filter(|to| to.alias.value != Alias::Itself);
        let on_it: Vec<Vec<Range>> = others
            .clone()
            .map(|to| self.prefixes_of(&to.alias.value, device))
            .filter(|prefixes| !prefixes.is_empty())
            .collect();
        if !on_it.is_empty() {
            grants.push(Grant {
                sources: Arc::clone(self.sources(rule)),
                destinations: on_it,
                capabilities: Capabilities::App(app),
            });
        }
        let companions = COMPANIONS.iter().filter(|(name, _)| app.contains_key(*name));
        if others.clone().next().is_some() {
            for (_, companion) in companions.clone() {
                let aliases = written.sources.iter().map(|source| &source.value);
                let mut prefixes: Vec<Range> = aliases
                    .flat_map(|alias| self.prefixes_of(alias, device))
                    .collect();
                prefixes.sort_unstable();
                prefixes.dedup();
                if prefixes.is_empty() {
                    continue;
                }
                grants.push(Grant {
                    sources: Arc::new(self.make_sources(others.clone().map(|to| &to.alias.value), &[])),
                    destinations: vec![prefixes],
                    capabilities: Capabilities::Companion(companion),
                });
            }
        }
        if let (true, Some(person)) = (selves, self.directory.owner(device)) {
            let devices = self.own_sources(person, rule);
            let own: Vec<Range> = self.own(device).collect();
            if !devices.is_empty() {
                let all = &self.directory.people[person as usize].devices;
                grants.push(Grant {
                    sources: Arc::new(self.sources_of_devices(&devices)),
                    destinations: vec![own.clone()],
                    capabilities: Capabilities::App(app),
                });
                for (_, companion) in companions.filter(|_| devices.contains(&device)) {
                    grants.push(Grant {
                        sources: Arc::new(self.sources_of_devices(all)),
                        destinations: vec![own.clone()],
                        capabilities: Capabilities::Companion(companion),
                    });
                }
            }
        }
        grants
    }

    /// Returns the prefixes of an alias on a device: its own addresses, and ranges that reach into its routes.
    fn prefixes_of(&self, alias: &Alias, device: u32) -> Vec<Range> {
        let routes = self.directory.subnets(device);
        let mut prefixes: Vec<Range> = Vec::new();
        if alias.names_devices() {
            let devices = self.devices(alias);
            if devices.has(device) {
                prefixes.extend(self.own(device));
            }
            if !routes.is_empty() {
                let behind = self.directory.addresses_of(&devices);
                prefixes.extend(behind.filter(|own| routes.iter().any(|route| route.overlaps(*own))));
            }
        } else {
            let ranges = match alias {
                Alias::Any | Alias::DangerAll => tailnet_ranges().iter().collect(),
                Alias::Internet => Vec::new(),
                _ => self.written(alias),
            };
            prefixes.extend(
                self.own(device)
                    .filter(|own| ranges.iter().any(|range| range.overlaps(*own))),
            );
            let reach = |range: &&Range| routes.iter().any(|route| route.overlaps(**range));
            prefixes.extend(ranges.iter().filter(reach));
        }
        prefixes
    }

    fn sources_of_devices(&self, devices: &[u32]) -> Sources {
        let mut set = Devices::none(self.directory.count() as usize);
        devices.iter().for_each(|device| set.insert(*device));
        Sources {
            set: devices.iter().flat_map(|device| self.own(*device)).collect(),
            visible: set.clone(),
            perhaps: Devices::none(self.directory.count() as usize),
            devices: set,
            everybody: false,
            written: Default::default(),
        }
    }

    /// Returns of each device the devices that it sees, and that see it: one of the two lets the other in somewhere.
    pub(super) fn peers(&self) -> Vec<Devices> {
        let count = self.directory.count();
        let none = || Devices::none(count as usize);
        let mut everywhere = none();
        for (rule, _) in &self.everywhere {
            everywhere.add(&self.sources(*rule).visible);
        }
        let mut admitted: Vec<Devices> = vec![everywhere; count as usize];
        for (device, admitted) in admitted.iter_mut().enumerate() {
            let device = device as u32;
            let mut last = None;
            for one in self.attachments(device) {
                let number = self.sources_number(one.rule);
                if last != Some(number) {
                    admitted.add(&self.numbered(number).visible);
                    last = Some(number);
                }
            }
            for rule in &self.apps {
                for grant in self.grants(*rule, device) {
                    admitted.add(&grant.sources.visible);
                }
            }
        }
        for (device, rule) in &self.shown {
            admitted[*device as usize].add(&self.sources(*rule).visible);
        }
        for person in 0..self.directory.people.len() as u32 {
            let mut all = none();
            for (rule, _) in &self.selves {
                self.own_sources(person, *rule)
                    .into_iter()
                    .for_each(|device| all.insert(device));
            }
            for device in &self.directory.people[person as usize].devices {
                admitted[*device as usize].add(&all);
            }
        }
        let mut peers = admitted.clone();
        for (device, admitted) in admitted.iter().enumerate() {
            admitted
                .iter()
                .for_each(|other| peers[other as usize].insert(device as u32));
        }
        for (device, peers) in peers.iter_mut().enumerate() {
            peers.remove(device as u32);
        }
        peers
    }

    /// Returns by the address of each peer what that peer may do on a device.
    pub(super) fn whois(&self, device: u32) -> BTreeMap<String, CapabilityMap> {
        let own: Vec<Range> = self.own(device).collect();
        let on_itself = |grant: &Grant<'_>| {
            let mut prefixes = grant.destinations.iter().flatten();
            prefixes.any(|prefix| own.iter().any(|address| prefix.covers(*address)))
        };
        let grants: Vec<Grant<'_>> = self
            .apps
            .iter()
            .flat_map(|rule| self.grants(*rule, device))
            .filter(on_itself)
            .collect();
        let mut peers: BTreeMap<String, CapabilityMap> = BTreeMap::new();
        for grant in &grants {
            for peer in grant.sources.devices.iter().filter(|peer| *peer != device) {
                let addresses = self.directory.device(peer).addresses().iter();
                for address in addresses.filter(|address| grant.sources.contains(**address)) {
                    let map = peers.entry(address.to_string()).or_default();
                    for (name, values) in grant.capabilities.map() {
                        add_values(map.entry(name).or_insert(Json::Null), values);
                    }
                }
            }
        }
        peers
    }
}

/// Adds values to those that are there; null is none.
fn add_values(into: &mut Json, values: Json) {
    match (into, values) {
        (Json::Array(own), Json::Array(more)) => own.extend(more),
        (into @ Json::Null, values) => *into = values,
        _ => {}
    }
}

impl Capabilities<'_> {
    fn map(self) -> CapabilityMap {
        match self {
            Capabilities::App(app) => app
                .iter()
                .map(|(name, values)| (name.clone(), values.clone()))
                .collect(),
            Capabilities::Companion(name) => [(name.to_owned(), Json::Null)].into_iter().collect(),
        }
    }
}

impl To {
    fn view(self) -> DestinationView {
        DestinationView {
            ip: self
                .range
                .map_or_else(|| "*".to_owned(), |range| range.to_string()),
            ports: PortsView {
                first: self.first,
                last: self.last,
            },
        }
    }
}

impl Written {
    fn own(&mut self, compiled: &Compiled, devices: Arc<[u32]>) -> Arc<[String]> {
        let write = || {
            let set: Ranges = devices.iter().flat_map(|device| compiled.own(*device)).collect();
            set.iter().map(|range| range.to_string()).collect()
        };
        Arc::clone(self.own.entry(Arc::clone(&devices)).or_insert_with(write))
    }
}
