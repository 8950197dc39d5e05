//! Who and what an alias means in one tailnet: devices by person, tag, address and route.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::alias::Alias;
use super::device::{Device, Role, Roster};
use super::policy::{Definitions, internet_ranges, tailnet_ranges};
use super::ranges::{Range, Ranges};

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// A set of devices, as one bit for each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Devices(Vec<u64>);

impl Devices {
    pub(super) fn none(count: usize) -> Self {
        Devices(vec![0; count.div_ceil(64)])
    }

    /// Returns a set of as many devices, with none in it.
    fn emptied(&self) -> Self {
        Devices(vec![0; self.0.len()])
    }

    pub(super) fn insert(&mut self, device: u32) {
        self.0[device as usize / 64] |= 1 << (device % 64);
    }

    pub(super) fn remove(&mut self, device: u32) {
        if let Some(word) = self.0.get_mut(device as usize / 64) {
            *word &= !(1 << (device % 64));
        }
    }

    /// Adds the devices of a set that may be of more.
    pub(super) fn join(&mut self, other: &Devices) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.add(other);
    }

    pub(super) fn has(&self, device: u32) -> bool {
        self.0
            .get(device as usize / 64)
            .is_some_and(|word| word >> (device % 64) & 1 == 1)
    }

    /// Leaves those that are in the other set too.
    pub(super) fn keep(&mut self, other: &Devices) {
        for (word, kept) in self.0.iter_mut().zip(&other.0) {
            *word &= kept;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn add(&mut self, other: &Devices) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }
}

/// Somebody who has a login.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) login: Arc<str>,
    pub(super) role: Option<Role>,
    pub(super) external: bool,
    /// Whether a list of people or devices has them; else only the policy names them.
    pub(super) listed: bool,
    /// Their untagged devices.
    pub(super) devices: Vec<u32>,
}

impl Person {
    pub(super) fn domain(&self) -> Option<&str> {
        let (_, domain) = self.login.rsplit_once('@')?;
        (!domain.is_empty()).then_some(domain)
    }

    pub(super) fn has_role(&self, role: Role) -> bool {
        self.role == Some(role) || role == Role::Admin && self.role == Some(Role::Owner)
    }
}

/// Returns the one form of a login by which two are compared: case does not matter, and a user of Headscale who has only a
/// name is that name with `@` behind it, as its policies write them.
pub(crate) fn canonical_login(login: &str) -> String {
    let mut login = login.trim().to_ascii_lowercase();
    if !login.contains('@') {
        login.push('@');
    }
    login
}

/// The devices and people of a tailnet, found by whatever an alias may say.
#[derive(Debug)]
pub(super) struct Directory {
    roster: Roster,
    /// What each device is called in answers: its host name, where no other device has the same.
    names: Vec<Arc<str>>,
    /// People in the order of their list, then those who only own devices.
    pub(super) people: Vec<Person>,
    by_login: Map<Arc<str>, u32>,
    by_name: Map<Arc<str>, u32>,
    owners: Vec<Option<u32>>,
    by_tag: Map<Arc<str>, Vec<u32>>,
    /// Every address and whose it is, in order.
    addresses: Vec<(IpAddr, u32)>,
    /// The subnet routes of each device: advertised and approved, without those of an exit node.
    subnets: Vec<Vec<Range>>,
    exits: Devices,
    /// The devices of this tailnet whose keys never expire, as far as is known: they can start a connection whenever.
    plain: Devices,
    with_v4: Devices,
    with_v6: Devices,
    routers: Vec<u32>,
    /// The devices of this tailnet of which nobody says whose they are, nor which tags they have.
    orphans: Vec<u32>,
    /// Of each device that lies within a route of another: who offers the route.
    behind: Map<u32, Vec<u32>>,
    any: Ranges,
    internet: Ranges,
}

impl Directory {
    /// Returns the directory of a roster and of those whom only the policy names.
    pub(super) fn new<'a>(roster: Roster, named: impl Iterator<Item = &'a str>) -> Self {
        let mut people: Vec<Person> = Vec::new();
        let mut by_login: Map<Arc<str>, u32> = Map::default();
        let mut person = |login: &str, role, external, people: &mut Vec<Person>| -> u32 {
            let login: Arc<str> = canonical_login(login).into();
            *by_login.entry(login.clone()).or_insert_with(|| {
                people.push(Person {
                    login,
                    role,
                    external,
                    listed: true,
                    devices: Vec::new(),
                });
                (people.len() - 1) as u32
            })
        };
        for user in roster.users() {
            person(user.login(), user.role(), user.is_external(), &mut people);
        }
        let mut owners = Vec::new();
        let mut by_tag: Map<Arc<str>, Vec<u32>> = Map::default();
        let mut addresses = Vec::new();
        let (mut subnets, mut routers) = (Vec::new(), Vec::new());
        let mut exits = Devices::none(roster.devices().len());
        let mut plain = exits.clone();
        let mut orphans = Vec::new();
        for (index, device) in roster.devices().iter().enumerate() {
            let index = index as u32;
            let owner = device
                .owner()
                .map(|login| person(login, None, device.is_external(), &mut people));
            if let Some(owner) = owner {
                people[owner as usize].devices.push(index);
            }
            owners.push(owner);
            if device.user().is_none() && device.tags().is_empty() && !device.is_external() {
                orphans.push(index);
            }
            for tag in device.tags() {
                by_tag.entry(tag.as_str().into()).or_default().push(index);
            }
            addresses.extend(device.addresses().iter().map(|address| (*address, index)));
            let effective = device
                .approved()
                .iter()
                .filter(|route| device.advertised().contains(route));
            let (exit, routes): (Vec<Range>, Vec<Range>) = effective
                .map(|route| Range::of_net(*route))
                .partition(|route| route.is_whole_family());
            if !exit.is_empty() {
                exits.insert(index);
            }
            if !routes.is_empty() {
                routers.push(index);
            }
            subnets.push(routes);
            if device.key_expiry().is_none() && !device.is_external() {
                plain.insert(index);
            }
        }
        let listed = people.len();
        for login in named {
            person(login, None, false, &mut people);
        }
        people[listed..]
            .iter_mut()
            .for_each(|person| person.listed = false);
        addresses.sort_unstable();
        let (mut with_v4, mut with_v6) = (exits.emptied(), exits.emptied());
        for (address, device) in &addresses {
            match address.is_ipv4() {
                true => with_v4.insert(*device),
                false => with_v6.insert(*device),
            }
        }
        let routes = routers
            .iter()
            .flat_map(|router| &subnets[*router as usize])
            .copied();
        let any = tailnet_ranges().iter().chain(routes).collect();
        let names = names(&roster);
        let mut by_name: Map<Arc<str>, u32> = Map::default();
        for (index, (name, device)) in names.iter().zip(roster.devices()).enumerate() {
            by_name.insert(name.to_ascii_lowercase().into(), index as u32);
            if let Some(name) = device.dns_name() {
                by_name
                    .entry(name.to_ascii_lowercase().into())
                    .or_insert(index as u32);
            }
        }
        let mut directory = Directory {
            names,
            by_name,
            roster,
            people,
            by_login,
            owners,
            by_tag,
            addresses,
            subnets,
            exits,
            plain,
            with_v4,
            with_v6,
            routers,
            orphans,
            behind: Map::default(),
            any,
            internet: internet_ranges(),
        };
        directory.behind = directory.find_behind();
        directory
    }

    fn find_behind(&self) -> Map<u32, Vec<u32>> {
        let mut behind: Map<u32, Vec<u32>> = Map::default();
        for &router in &self.routers {
            for &route in self.subnets(router) {
                for device in self.inside(route).filter(|device| *device != router) {
                    let routers = behind.entry(device).or_default();
                    if !routers.contains(&router) {
                        routers.push(router);
                    }
                }
            }
        }
        behind
    }

    pub(super) fn count(&self) -> u32 {
        self.names.len() as u32
    }

    pub(super) fn device(&self, device: u32) -> &Device {
        &self.roster.devices()[device as usize]
    }

    pub(super) fn roster(&self) -> &Roster {
        &self.roster
    }

    pub(super) fn name(&self, device: u32) -> &Arc<str> {
        &self.names[device as usize]
    }

    /// Returns the device of this name, MagicDNS name, or first word of one.
    pub(super) fn named(&self, name: &str) -> Option<u32> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.by_name.get(name.as_str()).copied()
    }

    /// Returns what the devices are called that have a host name, of which there may be several.
    pub(super) fn called(&self, name: &str) -> Vec<&Arc<str>> {
        let all = self.names.iter().zip(self.roster.devices());
        let same = all.filter(|(_, device)| !name.is_empty() && device.name().eq_ignore_ascii_case(name));
        same.map(|(name, _)| name).collect()
    }

    /// Returns every tag that a device has, in order.
    pub(super) fn tags(&self) -> Vec<&Arc<str>> {
        let mut tags: Vec<&Arc<str>> = self.by_tag.keys().collect();
        tags.sort();
        tags
    }

    pub(super) fn owner(&self, device: u32) -> Option<u32> {
        self.owners[device as usize]
    }

    pub(super) fn person(&self, login: &str) -> Option<u32> {
        self.by_login.get(canonical_login(login).as_str()).copied()
    }

    pub(super) fn subnets(&self, device: u32) -> &[Range] {
        &self.subnets[device as usize]
    }

    pub(super) fn routers(&self) -> &[u32] {
        &self.routers
    }

    /// Returns the devices of which nobody says whose they are, nor which tags they have: they may be anybody's.
    pub(super) fn orphans(&self) -> &[u32] {
        &self.orphans
    }

    pub(super) fn is_exit(&self, device: u32) -> bool {
        self.exits.has(device)
    }

    /// Returns whether a device is of another tailnet, and not a host behind a router.
    pub(super) fn is_shared_in(&self, device: u32) -> bool {
        let device = self.device(device);
        let mut addresses = device.addresses().iter();
        let of_tailnet = |address: &IpAddr| tailnet_ranges().contains(*address);
        device.is_external() && (device.addresses().is_empty() || addresses.any(of_tailnet))
    }

    /// Returns whether nothing of a device itself keeps it from starting connections, ever.
    pub(super) fn is_plain(&self, device: u32) -> bool {
        self.plain.has(device)
    }

    /// Returns the devices that have an IPv4 address.
    pub(super) fn with_v4(&self) -> &Devices {
        &self.with_v4
    }

    /// Returns the devices that have an IPv6 address.
    pub(super) fn with_v6(&self) -> &Devices {
        &self.with_v6
    }

    pub(super) fn exits(&self) -> &Devices {
        &self.exits
    }

    /// Returns who offers a route in which an address of this device lies.
    pub(super) fn routers_before(&self, device: u32) -> &[u32] {
        self.behind.get(&device).map_or(&[], Vec::as_slice)
    }

    /// Returns what `*` is as a source.
    pub(super) fn any(&self) -> &Ranges {
        &self.any
    }

    pub(super) fn internet(&self) -> &Ranges {
        &self.internet
    }

    /// Returns the devices that have an address in the range, one for each such address.
    pub(super) fn inside(&self, range: Range) -> impl Iterator<Item = u32> + '_ {
        let from = self
            .addresses
            .partition_point(|(address, _)| *address < range.first());
        let rest = self.addresses[from..].iter();
        rest.take_while(move |(address, _)| range.contains(*address))
            .map(|(_, device)| *device)
    }

    /// Returns whether a device offers an approved route in which an address lies, beside those of an exit node.
    pub(super) fn is_routed(&self, address: IpAddr) -> bool {
        let routes = self.routers.iter().flat_map(|router| self.subnets(*router));
        routes.into_iter().any(|route| route.contains(address))
    }

    /// Returns whose address this is.
    pub(super) fn at(&self, address: IpAddr) -> Option<u32> {
        self.inside(Range::of(address)).next()
    }

    /// Returns the addresses of devices of a set, in order.
    pub(super) fn addresses_of<'a>(&'a self, set: &'a Devices) -> impl Iterator<Item = Range> + 'a {
        let of = self.addresses.iter().filter(|(_, device)| set.has(*device));
        of.map(|(address, _)| Range::of(*address))
    }

    /// Returns the devices that an alias of people, tags or devices means; none for written addresses.
    pub(super) fn devices(&self, alias: &Alias, definitions: &Definitions) -> Devices {
        let mut set = Devices::none(self.names.len());
        match alias {
            Alias::User(_)
            | Alias::Group(_)
            | Alias::Member
            | Alias::Role(_)
            | Alias::Domain(_)
            | Alias::Shared => {
                let people = self.people_of(alias, definitions);
                let devices = people
                    .iter()
                    .flat_map(|person| &self.people[*person as usize].devices);
                devices.for_each(|device| set.insert(*device));
            }
            Alias::Tag(tag) => {
                self.by_tag
                    .get(tag)
                    .into_iter()
                    .flatten()
                    .for_each(|device| set.insert(*device));
            }
            Alias::Tagged => {
                self.by_tag
                    .values()
                    .flatten()
                    .for_each(|device| set.insert(*device));
            }
            _ => {}
        }
        set
    }

    /// Returns whether an alias of many people means this one.
    pub(super) fn is_meant(&self, alias: &Alias, person: &Person) -> bool {
        match alias {
            Alias::Member => !person.external && person.listed,
            Alias::Shared => person.external,
            Alias::Role(role) => !person.external && person.has_role(*role),
            // Who signs in by passkey is not in any list. A file that names them and is accepted has some; where no
            // login says who, anybody may be one.
            Alias::Domain(domain)
                if &**domain == "passkey"
                    && !self.people.iter().any(|one| one.domain() == Some("passkey")) =>
            {
                !person.external && person.listed
            }
            Alias::Domain(domain) => !person.external && person.domain() == Some(domain),
            _ => false,
        }
    }

    /// Returns the people whom an alias means.
    pub(super) fn people_of(&self, alias: &Alias, definitions: &Definitions) -> Vec<u32> {
        match alias {
            Alias::User(login) => self.person(login).into_iter().collect(),
            Alias::Group(group) => {
                let members = definitions
                    .groups
                    .get(group)
                    .map_or(&[][..], |group| &group.value);
                members
                    .iter()
                    .filter_map(|member| self.person(&member.value))
                    .collect()
            }
            _ => {
                let people = self
                    .people
                    .iter()
                    .enumerate()
                    .filter(|(_, person)| self.is_meant(alias, person));
                people.map(|(at, _)| at as u32).collect()
            }
        }
    }

    /// Returns the written addresses that an alias means.
    pub(super) fn written(&self, alias: &Alias, definitions: &Definitions) -> Vec<Range> {
        match alias {
            Alias::Address(range) => vec![*range],
            Alias::Host(host) => definitions
                .hosts
                .get(host)
                .map(|host| host.value)
                .into_iter()
                .collect(),
            Alias::IpSet(set) => definitions
                .ip_sets
                .get(set)
                .map_or_else(Vec::new, |set| set.value.iter().collect()),
            Alias::Internet => self.internet.iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// Returns a name for each device: its host name, else the first word of its MagicDNS name, which is unique, else its
/// id, else its place in the list.
fn names(roster: &Roster) -> Vec<Arc<str>> {
    let mut seen: Map<&str, u32> = Map::default();
    for device in roster.devices() {
        *seen.entry(device.name()).or_default() += 1;
    }
    let mut taken: std::collections::HashSet<Arc<str>, foldhash::fast::RandomState> = Default::default();
    let devices = roster.devices().iter().enumerate();
    devices
        .map(|(index, device)| {
            let alone = seen.get(device.name()) == Some(&1) && !device.name().is_empty();
            let own = alone.then(|| device.name());
            let label = device
                .dns_name()
                .and_then(|name| name.split('.').next())
                .filter(|label| !label.is_empty());
            let candidates = [own, label, device.id()];
            let free = candidates
                .into_iter()
                .flatten()
                .map(Arc::<str>::from)
                .find(|name| !taken.contains(name));
            let mut name = free.unwrap_or_else(|| format!("{}#{}", device.name(), index + 1).into());
            while taken.contains(&name) {
                name = format!("{name}'").into();
            }
            taken.insert(name.clone());
            name
        })
        .collect()
}
