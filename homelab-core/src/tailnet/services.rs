//! The tailnet and the lab joined: who can reach which service, by its name.

#[cfg(test)]
mod tests;
#[cfg(test)]
mod unknown;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::compile::Compiled;
use super::policy::Truth;
use super::ranges::Range;
use super::target::Target;
use super::{Tailnet, ports};
use crate::access::{Door, DoorOf, Exposure, Page, Path, PathKind};
use crate::compose::Protocol;
use crate::error::Result;
use crate::lab::{Host, Lab};
use crate::name::ServiceId;
use crate::observed::Observed;
use crate::view::{
    Reach, ReachableServiceView, ReachableServicesView, ServiceReachView, ServiceWayView, WhoCanReachView,
};

impl Lab {
    /// Says who can reach a service by the tailnet: people, devices of tags, written addresses; by which ways and rules.
    ///
    /// Names are as in [`Lab::service`]. A way begins on a device: the machine's own where a port is published, that of a
    /// Tailscale container beside the service, one that serves it, or that of a proxy before it.
    ///
    /// ```
    /// use homelab_core::{Lab, Observed};
    ///
    /// let lab = Lab::from_texts("home", [
    ///     ("instance.toml", "[hosts.nas]\naddresses = ['100.64.0.2']\n[projects.photos]\nhosts = ['nas']\n\
    ///         [tailnet]\npolicy = 'policy.hujson'\n\
    ///         [[tailnet.devices]]\nname = 'nas'\naddresses = ['100.64.0.2']\ntags = ['tag:nas']\n\
    ///         [[tailnet.devices]]\nname = 'phone'\naddresses = ['100.64.0.1']\nuser = 'ann@example.org'\n\
    ///         [people.ann]\nlogin = 'ann@example.org'\n"),
    ///     ("photos/compose.yaml", "services: { server: { image: photos, ports: ['100.64.0.2:2283:2283'] } }"),
    ///     ("policy.hujson", r#"{"tagOwners": {"tag:nas": []},
    ///         "acls": [{"action": "accept", "src": ["ann@example.org"], "dst": ["tag:nas:2283"]}]}"#),
    /// ]);
    /// let seen = Observed::none("2027-01-01T00:00:00Z".parse()?);
    ///
    /// let reach = lab.who_can_reach("photos/server", &seen)?;
    /// let answer = &reach.ways[0].answers[0];
    /// assert_eq!((answer.target.as_str(), &*answer.people[0].login), ("100.64.0.2:2283/tcp", "ann@example.org"));
    /// assert_eq!(lab.exposure("photos/server", &seen)?.audience(), Some(&["ann@example.org".to_owned()][..]));
    /// assert_eq!(lab.reachable_from("ann@example.org", &seen)?.services[0].service, "nas:photos/server");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Lab::service`] and [`Lab::tailnet`].
    pub fn who_can_reach(&self, service: &str, seen: &Observed) -> Result<ServiceReachView> {
        let exposure = self.exposure(service, seen)?;
        let tailnet = self.tailnet(seen)?.at(seen.at());
        let ways = ways(&exposure).map(|path| {
            let targets = targets(self, &tailnet.compiled, &exposure, path, seen);
            let problem = match targets.found.as_slice() {
                [] => targets.unsettled.clone().or(targets.none.clone()),
                _ => None,
            };
            let answers = answers_of(&tailnet.compiled, targets, path);
            ServiceWayView {
                kind: path.kind().as_str().to_owned(),
                label: path.label().to_owned(),
                answers: answers.into_iter().map(|(_, answer)| answer).collect(),
                problem,
            }
        });
        Ok(ServiceReachView {
            service: exposure.id().to_string(),
            reach: exposure.reach(),
            ways: ways.collect(),
        })
    }

    /// Lists the services of the lab that somebody can reach by the tailnet: a person by the name that instance.toml gives
    /// them or by login, a group, a tag, a device by name or address, an address behind a router.
    ///
    /// # Errors
    /// As [`Lab::tailnet`], and `NotFound` where nothing of the tailnet has that name.
    pub fn reachable_from(&self, who: &str, seen: &Observed) -> Result<ReachableServicesView> {
        let tailnet = self.tailnet(seen)?.at(seen.at());
        let person = self.instance().people().get(who.trim());
        let who = person.and_then(|person| person.login()).unwrap_or(who);
        let known = &*tailnet.compiled;
        let devices = known.principals(who)?;
        let stranger = known.stranger(who, &devices);
        let (net, asking) = match &stranger {
            Some(stranger) => (&stranger.compiled, &stranger.devices),
            None => (known, &devices),
        };
        let mut services = Vec::new();
        for exposure in self.exposures(seen) {
            let mut entries: Vec<(bool, String, Vec<String>)> = Vec::new();
            for path in ways(&exposure) {
                for found in self::targets(self, net, &exposure, path, seen).found {
                    let target = found.target.to_string();
                    let entry = net.entry(asking, &found, path);
                    if entry.perhaps && !entries.iter().any(|(_, known, _)| *known == target) {
                        let no_device = stranger.iter().map(|stranger| stranger.condition.clone());
                        let conditions = no_device.chain(entry.conditions).chain(found.conditions);
                        entries.push((entry.sure, target, conditions.collect()));
                    }
                }
            }
            // Beside a way that is sure it does not matter whether there are others.
            if entries.iter().any(|(sure, ..)| *sure) {
                entries.retain(|(sure, ..)| *sure);
            }
            let (mut targets, mut conditions): (Vec<String>, Vec<String>) = Default::default();
            for (_, target, depends) in entries {
                targets.push(target);
                for condition in depends {
                    if !conditions.contains(&condition) {
                        conditions.push(condition);
                    }
                }
            }
            if !targets.is_empty() {
                services.push(ReachableServiceView {
                    service: exposure.id().to_string(),
                    targets,
                    conditions,
                });
            }
        }
        Ok(ReachableServicesView {
            from: who.to_owned(),
            devices: known.names(&devices),
            services,
        })
    }

    /// Adds to services that the tailnet alone reaches who that is, where the policy and all devices are known.
    pub(crate) fn add_audiences(&self, exposures: &mut [Exposure], seen: &Observed) {
        if !exposures
            .iter()
            .any(|exposure| exposure.reach() == Reach::Tailnet)
        {
            return;
        }
        let Ok(tailnet) = self.tailnet(seen).map(|tailnet| tailnet.at(seen.at())) else {
            return;
        };
        if !tailnet.roster().is_whole() {
            return;
        }
        for exposure in exposures.iter_mut().filter(|one| one.reach() == Reach::Tailnet) {
            if let Some(audience) = audience(self, &tailnet, exposure, seen) {
                exposure.set_audience(audience, self.unsaid());
            }
        }
    }
}

impl Tailnet {
    /// Returns why it is not known that a way of a service is open to the public, though it is one by Funnel: none of the
    /// devices on which it begins may open itself, as the policy has it and the device itself does not contradict. Nothing
    /// where one may, or is not known.
    pub(crate) fn doubts_funnel(
        &self,
        lab: &Lab,
        id: &ServiceId,
        path: &Path,
        seen: &Observed,
    ) -> Option<String> {
        let net = &*self.compiled;
        let status = seen.tailnet().map(|node| node.value().status());
        let mut name = None;
        for door in path.doors() {
            let mut unknown = Targets::default();
            let places = places(lab, net, id, (path, door), seen, &mut unknown);
            if places.is_empty() || unknown.unsettled.is_some() {
                return None;
            }
            for on in places {
                let On::Device(device) = on else { return None };
                let own = status.and_then(|status| status.own());
                let is_seen = own.is_some_and(|own| {
                    let mut addresses = own.addresses().iter();
                    addresses.any(|address| net.directory.at(*address) == Some(device))
                });
                // A device that was looked at and does not say what it may is taken to be open as it says it is.
                let may = match status.filter(|_| is_seen) {
                    Some(status) => status.may_funnel().unwrap_or(true),
                    None => net.may_funnel(device) != Truth::No,
                };
                if may {
                    return None;
                }
                name.get_or_insert_with(|| net.directory.name(device).to_string());
            }
        }
        Some(format!(
            "whether Funnel is open: `{}` has no attribute `funnel` by the tailnet's policy, without which it stays shut",
            name?
        ))
    }
}

/// Returns the ways of a service that those who come by the tailnet have.
fn ways(exposure: &Exposure) -> impl Iterator<Item = &Path> {
    let by_tailnet = |path: &&Path| {
        path.zone() == Reach::Tailnet || path.zone() > Reach::Tailnet && !path.doors().is_empty()
    };
    exposure.paths().iter().filter(by_tailnet)
}

/// Returns everybody whom a way of the tailnet leads to a service, in order; nothing where one of the ways is not known.
fn audience(lab: &Lab, tailnet: &Tailnet, exposure: &Exposure, seen: &Observed) -> Option<Vec<String>> {
    let mut people = BTreeSet::new();
    let mut others = BTreeSet::new();
    for path in ways(exposure) {
        let targets = targets(lab, &tailnet.compiled, exposure, path, seen);
        if targets.unsettled.is_some() {
            return None;
        }
        for (_, answer) in answers_of(&tailnet.compiled, targets, path) {
            people.extend(answer.people.iter().map(|person| person.login.to_string()));
            others.extend(answer.tagged.iter().map(|tagged| tagged.device.to_string()));
            others.extend(answer.ranges.into_iter().map(|range| range.range));
        }
    }
    Some(people.into_iter().chain(others).collect())
}

/// Returns who can come in by each port on which a way begins; nothing of those whose device or port is not known.
pub(super) fn answers(
    lab: &Lab,
    tailnet: &Tailnet,
    exposure: &Exposure,
    path: &Path,
    seen: &Observed,
) -> Vec<(Target, WhoCanReachView)> {
    let found = targets(lab, &tailnet.compiled, exposure, path, seen);
    answers_of(&tailnet.compiled, found, path)
}

fn answers_of(net: &Compiled, targets: Targets, path: &Path) -> Vec<(Target, WhoCanReachView)> {
    let mut answers = Vec::new();
    for found in targets.found {
        // Whatever names the device was looked up just now.
        let Ok(mut answer) = net.who_can_reach(&found.target) else {
            continue;
        };
        net.keep_routed(&mut answer, &found);
        net.keep_listed(&mut answer, &found, path);
        answer.conditions.extend(found.conditions);
        answers.push((found.target, answer));
    }
    answers
}

/// A port on which a way begins that packets of the tailnet get to.
pub(super) struct Found {
    pub(super) target: Target,
    pub(super) on: On,
    pub(super) page: Option<Page>,
    pub(super) conditions: Vec<String>,
}

/// Where packets of the tailnet get to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// On this device.
    Device(u32),
    /// At an address that is no device's, by a router that offers a route to it.
    Behind(IpAddr),
    /// At an address of a network, nobody knows which, by a router that offers a route to it.
    Network(IpNet),
    /// At the addresses of a service of the tailnet.
    Service,
}

/// The ports on which a way begins, as far as packets of the tailnet get to them.
#[derive(Default)]
pub(super) struct Targets {
    pub(super) found: Vec<Found>,
    /// Why there may be more than these; nothing where these are all for sure.
    pub(super) unsettled: Option<String>,
    /// Why there is none, where that is sure.
    pub(super) none: Option<String>,
}

/// Returns each port on which a way begins, on devices and behind routers.
pub(super) fn targets(
    lab: &Lab,
    net: &Compiled,
    exposure: &Exposure,
    path: &Path,
    seen: &Observed,
) -> Targets {
    let mut all = Targets::default();
    if path.doors().is_empty() {
        all.unsettled = Some("on which device and port it begins is not known".to_owned());
    }
    for door in path.doors() {
        for on in places(lab, net, exposure.id(), (path, door), seen, &mut all) {
            let host = match (on, &door.of) {
                (On::Behind(address), _) => address.to_string(),
                (On::Network(network), _) => network.to_string(),
                (On::Device(_), DoorOf::Address(address)) => address.to_string(),
                (On::Device(device), _) => net.directory.name(device).to_string(),
                (On::Service, DoorOf::Service(name)) => name.clone(),
                (On::Service, _) => continue,
            };
            all.found.push(Found {
                target: Target::of(&host, door.ports, number(door.protocol)),
                on,
                page: door.page.clone().filter(|_| door.ports.is_some()),
                conditions: Vec::new(),
            });
        }
    }
    all
}

/// Returns where in the tailnet a way begins, and adds what is not known of it.
fn places(
    lab: &Lab,
    net: &Compiled,
    id: &ServiceId,
    (path, door): (&Path, &Door),
    seen: &Observed,
    all: &mut Targets,
) -> Vec<On> {
    let directory = &net.directory;
    let not_there = || "its device is not among those of the tailnet".to_owned();
    match &door.of {
        DoorOf::Address(address) => {
            let on = directory.at(*address).map(On::Device);
            let on = on.or_else(|| directory.is_routed(*address).then_some(On::Behind(*address)));
            if on.is_none() && lab.instance().is_tailnet_address(*address) {
                all.unsettled = Some(not_there());
            } else if on.is_none() {
                all.none = Some(format!("no device of the tailnet has a route to {address}"));
            }
            on.into_iter().collect()
        }
        DoorOf::Service(_) => vec![On::Service],
        DoorOf::Network(network) => {
            let range = Range::of_net(*network);
            let mut routers = directory.routers().iter();
            let is_routed = routers.any(|router| {
                let mut routes = directory.subnets(*router).iter();
                routes.any(|route| route.overlaps(range))
            });
            match is_routed {
                true => vec![On::Network(*network)],
                false => {
                    all.unsettled = Some(format!("no device that is known has a route to {network}"));
                    Vec::new()
                }
            }
        }
        DoorOf::Device(name) => match directory.named(name) {
            Some(device) => vec![On::Device(device)],
            None => {
                all.unsettled = Some(not_there());
                Vec::new()
            }
        },
        DoorOf::Machine => {
            let machine = id.host().and_then(|name| lab.instance().host(name));
            let own = machine_device(lab, net, id, seen);
            let mut places: Vec<On> = own.map(On::Device).into_iter().collect();
            // What the daemon serves is on its own addresses only.
            let is_at_home =
                path.zone() > Reach::Tailnet && !matches!(path.kind(), PathKind::Serve | PathKind::Funnel);
            let at_home: Vec<IpAddr> = machine
                .filter(|_| is_at_home)
                .into_iter()
                .flat_map(Host::every_address)
                .filter(|address| !lab.instance().is_tailnet_address(*address) && !address.is_loopback())
                .collect();
            let behind = at_home
                .iter()
                .copied()
                .filter(|address| directory.at(*address).is_none() && directory.is_routed(*address));
            places.extend(behind.map(On::Behind));
            if is_at_home && at_home.is_empty() && !directory.routers().is_empty() {
                let text = "whether a route of the tailnet leads to its machine is not known, nor an address of the machine";
                all.unsettled = Some(text.to_owned());
            }
            if own.is_none() {
                all.unsettled = Some(match at_home.as_slice() {
                    [] => not_there(),
                    [address, ..] => format!("{}, and none has a route to {address}", not_there()),
                });
            }
            places
        }
    }
}

/// Returns the device of the tailnet that the machine of a service is.
fn machine_device(lab: &Lab, net: &Compiled, id: &ServiceId, seen: &Observed) -> Option<u32> {
    let directory = &net.directory;
    match id.host() {
        Some(name) => {
            let machine = lab.instance().host(name);
            let mut own = machine.into_iter().flat_map(Host::every_address);
            own.find_map(|address| directory.at(address))
                .or_else(|| directory.named(name.as_str()))
        }
        // A lab of one machine that nobody has named is the machine that looks.
        None if lab.instance().hosts().len() == 0 => {
            let own = seen.tailnet().and_then(|node| node.value().status().own());
            let mut addresses = own.into_iter().flat_map(|own| own.addresses());
            addresses.find_map(|address| directory.at(*address))
        }
        None => None,
    }
}

fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => ports::TCP,
        Protocol::Udp => ports::UDP,
        Protocol::Sctp => 132,
    }
}
