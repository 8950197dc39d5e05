//! Where somebody of the tailnet meets a service, and whether its policy lets them.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::Tailnet;
use super::alias::Alias;
use super::carrier::{Carrier, Way};
use super::compile::Compiled;
use super::device::Device;
use super::directory::Devices;
use super::policy::tailnet_ranges;
use super::query::{ACCEPTS_ROUTES, NOT_WHOLE};
use super::services::{Found, On, targets};
use super::target::Target;
use crate::access::{Exposure, GuardKind, Page, Path};
use crate::error::{Error, ErrorKind, Result};
use crate::lab::Lab;
use crate::observed::Observed;
use crate::view::{ExplanationView, WhoCanReachView};

/// The devices that a name means.
pub(crate) struct Party {
    who: String,
    devices: Devices,
    pub(crate) names: Vec<Arc<str>>,
}

impl Party {
    /// Returns the name that means them.
    pub(crate) fn who(&self) -> &str {
        &self.who
    }
}

/// A port on which a way begins, and whether somebody comes in there.
pub(crate) struct Meeting {
    pub(crate) target: Target,
    /// The MagicDNS name of its device, where that is known; else its short name. None where it is no device's.
    pub(crate) name: Option<String>,
    /// An address of its device, IPv4 where there is one; or the address behind a router.
    pub(crate) address: Option<IpAddr>,
    pub(crate) page: Option<Page>,
    /// Whether one of the devices is let in, whatever is not known.
    pub(crate) sure: bool,
    /// Whether one of them is let in if what is not known turns out well.
    pub(crate) perhaps: bool,
    /// The list on the way that leaves out a device which the policy lets in.
    pub(crate) left_out: Option<String>,
    pub(crate) conditions: Vec<String>,
}

impl Tailnet {
    /// Returns the devices that a login, group, tag, device or address means.
    pub(crate) fn party(&self, who: &str) -> Result<Party> {
        Ok(self.party_with(who, self.compiled.principals(who)?))
    }

    /// Returns the devices of whom a login belongs to. It is a login whatever else has the name: nobody becomes a device, a
    /// group or a tag by what they are called.
    pub(crate) fn party_of(&self, login: &str) -> Result<Party> {
        let directory = &self.compiled.directory;
        let person = directory.person(login).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("find the login `{login}` in the tailnet"),
            )
            .with_hint("a person is there once instance.toml or the tailnet itself names their login or a device of theirs")
        })?;
        let mut devices = Devices::none(directory.count() as usize);
        for device in &directory.people[person as usize].devices {
            devices.insert(*device);
        }
        Ok(self.party_with(login, devices))
    }

    /// Returns the one device that has an address of the tailnet.
    pub(crate) fn party_at(&self, address: IpAddr) -> Result<Party> {
        let directory = &self.compiled.directory;
        let device = directory.at(address).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("find a device with the address {address} in the tailnet"),
            )
        })?;
        let mut devices = Devices::none(directory.count() as usize);
        devices.insert(device);
        Ok(self.party_with(&address.to_string(), devices))
    }

    /// Returns those of whom something that is said of a name is to hold one by one: each person of a group, each device of
    /// a tag or of a range of addresses; else the name's own devices.
    pub(crate) fn parties(&self, who: &str) -> Result<Vec<Party>> {
        let whole = self.party(who)?;
        let net = &*self.compiled;
        if net.directory.named(who.trim()).is_some() {
            return Ok(vec![whole]);
        }
        match Alias::parse(who.trim()) {
            Ok(Alias::User(_)) => Ok(vec![whole]),
            Ok(alias) if alias.names_people() || alias == Alias::Shared => {
                let (_, people) = net.meant(&alias);
                let logins = people
                    .iter()
                    .map(|person| &net.directory.people[*person as usize].login);
                logins.map(|login| self.party_of(login)).collect()
            }
            _ => {
                let one = |device| {
                    let mut devices = Devices::none(net.directory.count() as usize);
                    devices.insert(device);
                    self.party_with(net.directory.name(device), devices)
                };
                Ok(whole.devices.iter().map(one).collect())
            }
        }
    }

    fn party_with(&self, who: &str, devices: Devices) -> Party {
        Party {
            who: who.to_owned(),
            names: self.compiled.names(&devices),
            devices,
        }
    }

    /// Returns every port on which a way begins in the tailnet, and whether these devices come in there.
    pub(crate) fn meetings(
        &self,
        lab: &Lab,
        exposure: &Exposure,
        path: &Path,
        party: &Party,
        seen: &Observed,
    ) -> Vec<Meeting> {
        let net = &*self.compiled;
        let found = targets(lab, net, exposure, path, seen).found;
        let meetings = found.into_iter().map(|found| {
            let Entry {
                sure,
                perhaps,
                conditions,
                left_out,
            } = net.entry(&party.devices, &found, path);
            let (name, address) = match found.on {
                On::Device(device) => {
                    let device = net.directory.device(device);
                    let mut addresses = device.addresses().iter();
                    let v4 = addresses.clone().find(|address| address.is_ipv4());
                    (
                        Some(full_name(lab, seen, device)),
                        v4.or(addresses.next()).copied(),
                    )
                }
                On::Behind(address) => (None, Some(address)),
                On::Service | On::Network(_) => (None, None),
            };
            Meeting {
                name,
                address,
                target: found.target,
                page: found.page,
                sure,
                perhaps,
                left_out,
                conditions: conditions.into_iter().chain(found.conditions).collect(),
            }
        });
        meetings.collect()
    }

    /// Returns why it cannot be told of everybody whether they come in by a way; nothing where the meetings are all.
    pub(crate) fn unsettled(
        &self,
        lab: &Lab,
        exposure: &Exposure,
        path: &Path,
        seen: &Observed,
    ) -> Option<String> {
        targets(lab, &self.compiled, exposure, path, seen).unsettled
    }

    /// Returns why these devices come in on each port on which a way begins, or why not.
    pub(crate) fn explanations(
        &self,
        lab: &Lab,
        exposure: &Exposure,
        path: &Path,
        party: &Party,
        seen: &Observed,
    ) -> Vec<ExplanationView> {
        let net = &*self.compiled;
        let found = targets(lab, net, exposure, path, seen).found.into_iter();
        // What names the target was looked up just now.
        found
            .filter_map(|found| {
                net.explain_of(&party.who, party.devices.clone(), &found.target)
                    .ok()
            })
            .collect()
    }

    /// Returns what holds for every answer about this tailnet.
    pub(crate) fn caveats(&self) -> Vec<String> {
        let net = &*self.compiled;
        let mut caveats = Vec::new();
        if !net.directory.roster().is_whole() {
            caveats.push(NOT_WHOLE.to_owned());
        } else if !net.failures().is_empty() {
            let text = "tests of the policy fail, so that the service may have kept an older one in force";
            caveats.push(text.to_owned());
        }
        caveats
    }
}

/// Returns the MagicDNS name of a device, where that is known; else its short name.
fn full_name(lab: &Lab, seen: &Observed, device: &Device) -> String {
    if let Some(name) = device.dns_name() {
        return name.trim_end_matches('.').to_owned();
    }
    let declared = lab.instance().tailnet().and_then(|tailnet| tailnet.suffix());
    let seen_suffix = || seen.tailnet().and_then(|node| node.value().status().suffix());
    match declared.or_else(seen_suffix) {
        Some(suffix) => format!("{}.{suffix}", device.name()),
        None => device.name().to_owned(),
    }
}

/// Returns whether all of a range are addresses that Tailscale gives out.
fn is_of_tailnet(range: &IpNet) -> bool {
    tailnet_ranges()
        .iter()
        .any(|tailnet| tailnet.contains(range.network()) && tailnet.contains(range.broadcast()))
}

/// Whether somebody comes in to a target.
#[derive(Default)]
pub(super) struct Entry {
    /// Whether one of the devices is let in, whatever is not known.
    pub(super) sure: bool,
    /// Whether one of them is let in if what is not known turns out well.
    pub(super) perhaps: bool,
    /// On what it depends.
    pub(super) conditions: Vec<String>,
    /// The list on the way that leaves out a device which the policy lets in.
    pub(super) left_out: Option<String>,
}

impl Compiled {
    /// Returns whether one of some devices comes in where a way begins, past the lists of clients that are on it. A target
    /// that is not in the tailnet lets nobody in.
    pub(super) fn entry(&self, devices: &Devices, found: &Found, path: &Path) -> Entry {
        let target = &found.target;
        let Ok(addresses) = self.addresses(target) else {
            return Entry::default();
        };
        let carriers = self.carriers(target, &addresses);
        let matches = self.through(target, &carriers);
        let mut entry = Entry::default();
        let mut depends = Vec::new();
        for device in devices.iter() {
            // The best of what lets it in is what counts.
            let mut best: Option<(bool, Vec<String>)> = None;
            let mut clauses = Vec::new();
            for (carrier, one) in &matches {
                let Some(certain) = self.lets(one, device) else {
                    continue;
                };
                let by_route = match carrier {
                    Some(carrier) => self.by_route(device, carrier, &carriers),
                    None => Some(Vec::new()),
                };
                let Some(conditions) = by_route else { continue };
                if !certain {
                    clauses.push(self.clause(one, device));
                }
                let better = |(known, before): &(bool, Vec<String>)| {
                    (certain, before.len()) > (*known, conditions.len())
                };
                if best.as_ref().is_none_or(better) {
                    best = Some((certain, conditions));
                }
            }
            let Some((certain, by_route)) = best else {
                continue;
            };
            let by_list = match self.by_lists(device, found, path) {
                Ok(conditions) => conditions,
                Err(list) => {
                    entry.left_out = Some(list);
                    continue;
                }
            };
            let before = depends.len();
            clauses.dedup();
            if self.may_start(device, certain, true, || clauses, &mut depends) {
                entry.perhaps = true;
                depends.extend(by_route.into_iter().chain(by_list));
                entry.sure |= certain && depends.len() == before;
            }
        }
        entry.conditions = self.conditions(target, &carriers);
        // What holds of every route is said of each device, as far as it is so.
        entry
            .conditions
            .retain(|condition| condition != NOT_WHOLE && condition != ACCEPTS_ROUTES);
        if !entry.sure {
            for condition in depends {
                if !entry.conditions.contains(&condition) {
                    entry.conditions.push(condition);
                }
            }
        }
        entry
    }

    /// Returns on what it depends that a device is let in by the lists of clients on a way; the list that leaves it out
    /// where one does.
    pub(super) fn by_lists(
        &self,
        device: u32,
        found: &Found,
        path: &Path,
    ) -> std::result::Result<Vec<String>, String> {
        let mut conditions = Vec::new();
        let name = self.directory.name(device);
        let lists = path
            .guards()
            .iter()
            .filter(|guard| guard.kind() == GuardKind::AllowList);
        for list in lists {
            let Some(clients) = list.clients() else {
                conditions.push(format!("`{name}` only if {list} lets it in, which is not known"));
                continue;
            };
            let mut own = self.directory.device(device).addresses().iter();
            let has = own.any(|address| clients.iter().any(|range| range.contains(address)));
            // A router speaks with its own address for those who come by it.
            let by_router = matches!(found.on, On::Behind(_) | On::Network(_));
            let elsewhere = clients.iter().any(|range| !is_of_tailnet(range));
            match has {
                true if by_router => conditions.push(format!(
                    "`{name}` only if the router leaves it its address, which {list} asks for"
                )),
                true => {}
                false if by_router || elsewhere => conditions.push(format!(
                    "`{name}` only if it comes from an address that {list} lets in: its own are not among them"
                )),
                false => return Err(list.to_string()),
            }
        }
        Ok(conditions)
    }

    /// Takes out of an answer whose packets find no way to a target behind a router, since they take no routes.
    pub(super) fn keep_routed(&self, answer: &mut WhoCanReachView, found: &Found) {
        if !matches!(found.on, On::Behind(_) | On::Network(_)) {
            return;
        }
        let routers: Vec<Arc<str>> = answer
            .carriers
            .iter()
            .map(|carrier| Arc::clone(&carrier.device))
            .collect();
        let goes = |name: &Arc<str>| {
            let device = self.directory.named(name);
            let takes = device.and_then(|device| self.directory.device(device).accepts_routes());
            takes != Some(false) || routers.contains(name)
        };
        answer.people.retain_mut(|person| {
            let before = person.devices.len();
            person.devices.retain(goes);
            before == 0 || !person.devices.is_empty()
        });
        answer.tagged.retain(|tagged| goes(&tagged.device));
    }

    /// Takes out of an answer whom a list of clients on the way leaves out, and says where that is not known.
    pub(super) fn keep_listed(&self, answer: &mut WhoCanReachView, found: &Found, path: &Path) {
        let lists = path
            .guards()
            .iter()
            .filter(|guard| guard.kind() == GuardKind::AllowList);
        let notes: Vec<String> = lists
            .map(|list| format!("behind {list}: whom it leaves out for sure is not among them"))
            .collect();
        if notes.is_empty() {
            return;
        }
        answer.conditions.extend(notes);
        let listed = |name: &Arc<str>, conditions: &mut Vec<String>| {
            let Some(device) = self.directory.named(name) else {
                return true;
            };
            match self.by_lists(device, found, path) {
                Ok(more) => {
                    conditions.extend(more);
                    true
                }
                Err(_) => false,
            }
        };
        answer.people.retain_mut(|person| {
            let conditions = &mut person.conditions;
            let before = person.devices.len();
            person.devices.retain(|device| listed(device, conditions));
            before == 0 || !person.devices.is_empty()
        });
        answer
            .tagged
            .retain_mut(|tagged| listed(&tagged.device, &mut tagged.conditions));
    }

    /// Returns on what it depends that packets of a device get to a carrier's addresses, beside the rules; nothing where
    /// they do not.
    fn by_route(&self, device: u32, carrier: &Carrier, carriers: &[Carrier]) -> Option<Vec<String>> {
        let mut conditions = Vec::new();
        // A router needs no route to what is behind itself.
        if carrier.way != Way::Subnet || carrier.device == device {
            return Some(conditions);
        }
        let own = self.directory.device(device);
        let name = self.directory.name(device);
        match (own.accepts_routes(), own.os().map(str::to_lowercase).as_deref()) {
            (Some(true), _) => {}
            (Some(false), _) => return None,
            // These take what others offer without being told; Linux does not.
            (None, Some("windows" | "macos" | "ios" | "android" | "tvos")) => {}
            (None, _) => conditions.push(format!(
                "`{name}` only if it accepts routes, which is not known: a Linux device does only when told to"
            )),
        }
        let other = |one: &&Carrier| one.way == Way::Subnet && one.primary == Some(true);
        if carrier.primary == Some(false)
            && let Some(primary) = carriers.iter().find(other)
        {
            conditions.push(format!(
                "only while `{}` carries the route, which `{}` does now",
                self.directory.name(carrier.device),
                self.directory.name(primary.device)
            ));
        }
        Some(conditions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Source;
    use crate::tailnet::{Policy, Roster};

    #[test]
    fn of_two_routers_the_one_that_carries_the_route_counts() {
        let rule = r#"{"tagOwners": {"tag:a": [], "tag:b": []}, "grants": [
            {"src": ["ann@example.org"], "dst": ["192.0.2.0/24"], "ip": ["tcp:80"], "via": ["tag:b"]},
            {"src": ["ann@example.org"], "dst": ["192.0.2.0/24"], "ip": ["tcp:443"]}]}"#;
        let policy = Policy::parse(&Source::new("policy.hujson", rule)).expect("a policy");
        let route: ipnet::IpNet = "192.0.2.0/24".parse().expect("a route");
        let router = |name: &str, last: u8, carries: bool| {
            Device::new(name)
                .with_tags([format!("tag:{name}")])
                .with_addresses([IpAddr::from([100, 64, 0, last])])
                .with_advertised([route])
                .with_approved([route])
                .with_primary(carries.then_some(route))
        };
        let phone = Device::new("phone")
            .with_user("ann@example.org")
            .with_os("iOS")
            .with_addresses([IpAddr::from([100, 64, 0, 9])]);
        let roster = Roster::new([router("a", 1, true), router("b", 2, false), phone], []);
        let tailnet = Tailnet::new(policy, roster).expect("a tailnet");
        let ann = tailnet.party_of("ann@example.org").expect("a party");
        let way = Path::new(
            crate::access::PathKind::PublishedPort,
            crate::view::Reach::Lan,
            "published",
        );
        let entry = |to: &str| {
            let found = Found {
                target: to.parse().expect("a target"),
                on: On::Behind(IpAddr::from([192, 0, 2, 7])),
                page: None,
                conditions: Vec::new(),
            };
            tailnet.compiled.entry(&ann.devices, &found, &way)
        };
        let both = entry("192.0.2.7:443");
        assert!(both.sure, "{:?}", both.conditions);
        let other = entry("192.0.2.7:80");
        assert!(!other.sure && other.perhaps);
        assert!(
            other
                .conditions
                .iter()
                .any(|one| one == "only while `b` carries the route, which `a` does now"),
            "{:?}",
            other.conditions
        );
        assert!(!entry("192.0.2.7:22").perhaps);
    }
}
