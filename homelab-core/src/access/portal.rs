//! The portal: the services that somebody may reach, where a browser finds them, and why or why not.
//!
//! The network's policy is the policy of the page: what somebody sees is what the tailnet's rules, port by port, and the
//! lab's ways let them reach. What is not known lets nobody in, and is said.

mod address;
mod health;
pub(crate) mod rules;
#[cfg(test)]
mod tests;
mod text;

use std::collections::HashMap;
use std::net::IpAddr;

use self::health::Healths;
#[cfg(feature = "serve")]
pub(crate) use self::text::grouped;
use super::{Exposure, Path, PathKind};
use crate::error::{Error, ErrorKind, Result};
use crate::lab::{Lab, Person, ServiceRef};
use crate::observed::Observed;
use crate::system::{Category, System};
use crate::tailnet::Tailnet;
use crate::tailnet::canonical_login;
use crate::tailnet::meeting::Party;
use crate::view::{
    PortalServiceView, PortalView, PortalWayView, Reach, ServiceExplanationView, WayExplanationView,
};

/// Whom a portal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(any(test, feature = "serve")),
    expect(dead_code, reason = "only a server is told logins and addresses")
)]
pub(crate) enum Whom<'w> {
    /// Whoever is called so: a person of instance.toml, a login, a group, a tag or a device.
    Named(&'w str),
    /// Whose login this is, as the tailnet said: nothing else that has the name.
    Login(&'w str),
    /// The device with this address, as the tailnet said.
    Device(IpAddr),
}

/// The category of what is not recognised.
const OTHER: &str = "other";

impl Lab {
    /// Returns the portal of somebody: every service that they may reach, with its name, category and address.
    ///
    /// They are a person by the name that instance.toml gives them or by login; a group, a tag or a device means what
    /// those of it may reach. A service is there where the tailnet's policy lets one of their devices come to a port on
    /// which one of its ways begins, where the internet reaches it, and, as such, where the local network does and
    /// nobody is asked who they are.
    ///
    /// ```
    /// use homelab_core::{Lab, Observed, Reach};
    ///
    /// let lab = Lab::from_texts("home", [
    ///     ("instance.toml", "[hosts.nas]\naddresses = ['100.64.0.2']\n[projects.photos]\nhosts = ['nas']\n\
    ///         [tailnet]\nsuffix = 'tail1234.ts.net'\n\
    ///         [[tailnet.devices]]\nname = 'nas'\naddresses = ['100.64.0.2']\ntags = ['tag:nas']\n\
    ///         [[tailnet.devices]]\nname = 'phone'\naddresses = ['100.64.0.1']\nuser = 'ann@example.org'\n\
    ///         [people.ann]\nlogin = 'ann@example.org'\n[people.ben]\nlogin = 'ben@example.org'\n"),
    ///     ("photos/compose.yaml", "services: { server: { image: ghcr.io/immich-app/immich-server, \
    ///         ports: ['100.64.0.2:2283:2283'] } }"),
    ///     ("policy.hujson", r#"{"tagOwners": {"tag:nas": []},
    ///         "acls": [{"action": "accept", "src": ["ann@example.org"], "dst": ["tag:nas:2283"]}]}"#),
    /// ]);
    /// let seen = Observed::none("2027-01-01T00:00:00Z".parse()?);
    ///
    /// let portal = lab.portal("ann", &seen)?;
    /// assert_eq!((portal.who.as_str(), portal.services.len()), ("ann@example.org", 1));
    /// let photos = &portal.services[0];
    /// assert_eq!((photos.category.as_str(), photos.by), ("photos", Reach::Tailnet));
    /// assert_eq!(photos.url.as_deref(), Some("http://nas.tail1234.ts.net:2283/"));
    /// assert!(lab.portal("ben", &seen)?.services.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Lab::tailnet`], and `NotFound` for somebody whom nobody knows.
    pub fn portal(&self, who: &str, seen: &Observed) -> Result<PortalView> {
        self.portal_of(Whom::Named(who), seen)
    }

    pub(crate) fn portal_of(&self, whom: Whom<'_>, seen: &Observed) -> Result<PortalView> {
        let exposures = self.exposures(seen);
        Portals::new(self, &exposures, seen)?.of(whom)
    }

    /// Returns why somebody can reach a service, or why not: each of its ways, and what the tailnet's policy says of those
    /// that begin there, by which rule and with what comes near.
    ///
    /// Who they are is as in [`Lab::portal`], which has the service exactly where this allows it.
    ///
    /// # Errors
    /// As [`Lab::portal`] and [`Lab::service`].
    pub fn explain(&self, who: &str, service: &str, seen: &Observed) -> Result<ServiceExplanationView> {
        self.explain_to(Whom::Named(who), service, seen)
    }

    pub(crate) fn explain_to(
        &self,
        whom: Whom<'_>,
        service: &str,
        seen: &Observed,
    ) -> Result<ServiceExplanationView> {
        let wanted = self.service(service)?.id().clone();
        let exposures = self.exposures(seen);
        let portals = Portals::new(self, &exposures, seen)?;
        let party = portals.party(whom)?;
        let index = exposures.iter().position(|exposure| *exposure.id() == wanted);
        let index = index.expect("every service of a lab has an exposure");
        Ok(portals.explain(&party, index))
    }
}

/// What the portals of everybody are made of.
pub(crate) struct Portals<'a> {
    lab: &'a Lab,
    seen: &'a Observed,
    exposures: &'a [Exposure],
    services: Vec<ServiceRef<'a>>,
    tailnet: Tailnet,
    health: Healths,
}

impl<'a> Portals<'a> {
    /// Returns what all portals of a lab are made of; the exposures are those of all its services.
    pub(crate) fn new(lab: &'a Lab, exposures: &'a [Exposure], seen: &'a Observed) -> Result<Self> {
        Ok(Portals {
            lab,
            seen,
            exposures,
            services: lab.services().collect(),
            // So that a device whose key is expired reaches nothing.
            tailnet: lab.tailnet(seen)?.at(seen.at()),
            health: Healths::new(lab, seen),
        })
    }

    pub(crate) fn of(&self, whom: Whom<'_>) -> Result<PortalView> {
        let party = self.party(whom)?;
        let mut services: Vec<PortalServiceView> = (0..self.exposures.len())
            .filter_map(|index| self.entry(&party, index))
            .collect();
        self.tell_apart(&mut services);
        services.sort_by(|one, other| {
            let key = |service: &PortalServiceView| (service.category == OTHER, service.category.clone());
            let names = |service: &PortalServiceView| (service.name.to_lowercase(), service.service.clone());
            (key(one), names(one)).cmp(&(key(other), names(other)))
        });
        Ok(PortalView {
            who: party.who().to_owned(),
            name: self.person(whom).map(|person| person.name().to_owned()),
            devices: party.names.iter().map(ToString::to_string).collect(),
            services,
            conditions: self.tailnet.caveats(),
        })
    }

    /// Returns the devices of somebody whom instance.toml or the tailnet knows.
    pub(crate) fn party(&self, whom: Whom<'_>) -> Result<Party> {
        match (whom, self.person(whom)) {
            (Whom::Device(address), _) => self.tailnet.party_at(address),
            (Whom::Login(login), _) => self.tailnet.party_of(login),
            (Whom::Named(named), Some(person)) => self.party_of(named.trim(), person),
            (Whom::Named(named), None) => self.tailnet.party(named.trim()),
        }
    }

    /// Returns each of those whom a name means: the people of a group, the devices of a tag.
    pub(crate) fn parties(&self, named: &str) -> Result<Vec<Party>> {
        match self.person(Whom::Named(named)) {
            Some(person) => Ok(vec![self.party_of(named.trim(), person)?]),
            None => self.tailnet.parties(named),
        }
    }

    fn party_of(&self, named: &str, person: &Person) -> Result<Party> {
        // Whoever the file calls so is meant, and no device, tag or group that has the same name.
        let login = person.login().ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("find the devices of `{named}`: instance.toml gives them no login"),
            )
            .with_place(person.span().clone())
            .with_hint(format!(
                "write `login = \"...\"` into `[people.{named}]`, as the tailnet calls them"
            ))
        })?;
        self.tailnet.party_of(login)
    }

    /// Returns the person of instance.toml who is meant: by the name that it gives them, else by login.
    fn person(&self, whom: Whom<'_>) -> Option<&'a Person> {
        let people = self.lab.instance().people();
        let text = match whom {
            Whom::Device(_) => return None,
            Whom::Login(login) => login,
            Whom::Named(named) => {
                if let Some(person) = people.get(named.trim()) {
                    return Some(person);
                }
                named
            }
        };
        let wanted = canonical_login(text);
        let own = |person: &&Person| {
            person
                .login()
                .is_some_and(|login| canonical_login(login) == wanted)
        };
        people.values().find(own)
    }

    fn entry(&self, party: &Party, index: usize) -> Option<PortalServiceView> {
        let ways = self.ways(party, index);
        let best = ways.first()?;
        let service = self.services[index];
        let system = self.system(index);
        // The gate is none of the places behind it.
        if system.is_some_and(|system| system.id() == "tailscale") {
            return None;
        }
        let id = service.id();
        let alone = service.project().services().len() == 1;
        let name = match system.filter(|system| !system.is_generic()) {
            Some(system) => system.name().to_owned(),
            None if alone || id.project().as_str() == id.service().as_str() => id.project().to_string(),
            None => format!("{} {}", id.project(), id.service()),
        };
        let category = system.map(System::category);
        let category = category.filter(|category| *category != Category::Base);
        Some(PortalServiceView {
            service: id.to_string(),
            name,
            category: category.map_or(OTHER, Category::as_str).to_owned(),
            url: ways.iter().find_map(|way| way.url.clone()),
            by: best.zone,
            sure: ways.iter().any(|way| way.sure),
            health: self.health.of(service),
            ways,
        })
    }

    fn system(&self, index: usize) -> Option<&'a System> {
        self.services[index].system()
    }

    /// Adds to names that several services have which service it is, but for the only one of them that has a page.
    fn tell_apart(&self, services: &mut [PortalServiceView]) {
        let mut count: HashMap<String, (usize, usize)> = HashMap::new();
        for service in services.iter() {
            let (all, pages) = count.entry(service.name.clone()).or_default();
            *all += 1;
            *pages += usize::from(service.url.is_some());
        }
        for service in services {
            let (all, pages) = count[&service.name];
            if all > 1 && !(pages == 1 && service.url.is_some()) {
                service.name = format!("{} ({})", service.name, service.service);
            }
        }
    }

    /// Returns every way by which somebody comes in to a service, the best first.
    pub(crate) fn ways(&self, party: &Party, index: usize) -> Vec<PortalWayView> {
        let exposure = &self.exposures[index];
        let mut ways = Vec::new();
        for path in exposure.paths() {
            let way = |zone, target, url, sure, conditions| PortalWayView {
                zone,
                kind: path.kind().as_str().to_owned(),
                label: path.label().to_owned(),
                target,
                url,
                sure,
                conditions,
            };
            let meetings = match begins_in_tailnet(path) {
                true => self.tailnet.meetings(self.lab, exposure, path, party, self.seen),
                false => Vec::new(),
            };
            for meeting in meetings.iter().filter(|meeting| meeting.perhaps) {
                let target = Some(meeting.target.to_string());
                let url = self.met_at(index, path, meeting);
                let conditions = meeting.conditions.clone();
                ways.push(way(Reach::Tailnet, target, url, meeting.sure, conditions));
            }
            match path.zone() {
                Reach::Lan => {
                    let note = "only on the local network, where nobody asks who they are".to_owned();
                    let url = self.at_home(index, path);
                    ways.push(way(Reach::Lan, None, url, true, vec![note]));
                }
                Reach::Internet => {
                    let url = self.in_public(index, path, &meetings);
                    ways.push(way(Reach::Internet, None, url, true, Vec::new()));
                }
                Reach::None | Reach::Host | Reach::Tailnet => {}
            }
        }
        // Stable: among those that are as good the widest stays first. A page goes before what is none, and what was set up
        // for people, by name, before the bare port behind it.
        let is_bare =
            |way: &PortalWayView| !matches!(way.kind.as_str(), "serve" | "proxy" | "funnel" | "tunnel");
        ways.sort_by_key(|way| (rank(way), way.url.is_none(), is_bare(way)));
        ways
    }

    pub(crate) fn explain(&self, party: &Party, index: usize) -> ServiceExplanationView {
        self.explain_from(party, index, false)
    }

    /// Returns the same of somebody who may be known to be away from home, where what only the local network lets in is no
    /// way.
    fn explain_from(&self, party: &Party, index: usize, away: bool) -> ServiceExplanationView {
        let exposure = &self.exposures[index];
        let best = self.ways(party, index).into_iter().next();
        let ways: Vec<WayExplanationView> = exposure
            .paths()
            .iter()
            .map(|path| self.explain_way(party, exposure, path, away))
            .collect();
        let any = |wanted| ways.iter().any(|way| way.allowed == wanted);
        let allowed = match (any(Some(true)), any(None)) {
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        };
        ServiceExplanationView {
            from: party.who().to_owned(),
            devices: party.names.clone(),
            service: exposure.id().to_string(),
            allowed,
            by: best.map(|way| way.zone),
            ways,
        }
    }

    fn explain_way(&self, party: &Party, exposure: &Exposure, path: &Path, away: bool) -> WayExplanationView {
        let by_tailnet = begins_in_tailnet(path);
        let (meetings, explanations) = match by_tailnet {
            true => (
                self.tailnet.meetings(self.lab, exposure, path, party, self.seen),
                self.tailnet
                    .explanations(self.lab, exposure, path, party, self.seen),
            ),
            false => (Vec::new(), Vec::new()),
        };
        let let_in = meetings.iter().any(|meeting| meeting.sure);
        let perhaps = meetings.iter().find(|meeting| meeting.perhaps);
        let left_out = meetings.iter().find_map(|meeting| meeting.left_out.as_deref());
        let not_sure = || match path.unknowns() {
            [] => "who comes in by it is not known".to_owned(),
            [first, ..] => format!("who comes in by it is not known: {first}"),
        };
        let (allowed, reason) = match path.zone() {
            Reach::Internet => (Some(true), "everybody comes in by it".to_owned()),
            _ if let_in => (Some(true), "the tailnet's policy lets them in".to_owned()),
            Reach::Lan if !away => (
                Some(true),
                "whoever is on the local network comes in by it, and nobody asks who they are".to_owned(),
            ),
            Reach::Lan | Reach::Tailnet => match perhaps {
                Some(meeting) => {
                    let conditions = meeting.conditions.join("; ");
                    (
                        None,
                        format!("the tailnet's policy may let them in: {conditions}"),
                    )
                }
                None if path.at_most() > path.zone() => (None, not_sure()),
                None => match self.tailnet.unsettled(self.lab, exposure, path, self.seen) {
                    Some(text) => (None, text),
                    None if left_out.is_none() && path.zone() == Reach::Lan => (
                        Some(false),
                        "whoever is on the local network comes in by it, and not they from elsewhere"
                            .to_owned(),
                    ),
                    None => {
                        let text = match left_out {
                            Some(list) => {
                                format!("the tailnet's policy lets them in, and {list} leaves them out")
                            }
                            None => "no rule of the tailnet's policy lets them in".to_owned(),
                        };
                        (Some(false), text)
                    }
                },
            },
            Reach::None | Reach::Host if path.at_most() > Reach::Host => (None, not_sure()),
            Reach::Host => {
                let text = "only its machine and containers beside it come in by it";
                (Some(false), text.to_owned())
            }
            Reach::None => (Some(false), "nobody comes in by it".to_owned()),
        };
        let view = path.view();
        WayExplanationView {
            kind: view.kind,
            label: view.label,
            zone: path.zone(),
            allowed,
            reason: match view.guards.as_slice() {
                [] => reason,
                guards => format!("{reason}, behind {}", guards.join(", ")),
            },
            explanations,
            evidence: view.evidence,
        }
    }
}

/// Returns whether those who come by the tailnet are asked by its policy at the beginning of a way.
fn begins_in_tailnet(path: &Path) -> bool {
    path.zone() == Reach::Tailnet || path.zone() > Reach::Tailnet && !path.doors().is_empty()
}

/// How good a way is: as somebody of the tailnet before as anybody, and as whoever happens to be at home last.
fn rank(way: &PortalWayView) -> u8 {
    match (way.zone, way.sure) {
        (Reach::Tailnet, true) => 0,
        (Reach::Internet, _) => 1,
        (Reach::Tailnet, false) => 2,
        _ => 3,
    }
}

/// Whether a way's names are those that a browser asks for.
fn has_web_names(path: &Path) -> bool {
    matches!(
        path.kind(),
        PathKind::Proxy | PathKind::Tunnel | PathKind::QuickTunnel
    )
}
