//! Who can reach what: the [`Exposure`] of every service, with every [`Path`] that leads to it.
//!
//! The verdict comes from the lab's files alone, so it says two things: `reach`, the widest zone that is known to come
//! in, and `at_most`, what it could be if everything that is not known turned out badly. What is not known never
//! widens `reach`, and is never taken as safe.
//!
//! ```
//! use homelab_core::{Lab, Observed, Reach};
//! # use jiff::Timestamp;
//!
//! let lab = Lab::from_texts(
//!     "home",
//!     [(
//!         "services/immich/compose.yaml",
//!         "services:
//!            server: { image: ghcr.io/immich-app/immich-server, ports: ['2283:2283'] }
//!            database: { image: postgres }",
//!     )],
//! );
//! let seen = Observed::none(Timestamp::UNIX_EPOCH);
//!
//! let server = lab.exposure("immich/server", &seen)?;
//! assert_eq!(server.reach(), Reach::Lan);
//! assert_eq!(server.at_most(), Reach::Internet, "nobody has said what the router forwards");
//! assert_eq!(server.paths()[0].label(), "2283 -> 2283/tcp");
//! assert_eq!(lab.exposure("immich/database", &seen)?.reach(), Reach::Host);
//! # Ok::<(), homelab_core::Error>(())
//! ```

mod address;
mod container;
mod direct;
mod dockerfile;
mod exception;
mod facts;
mod files;
mod path;
pub(crate) mod portal;
mod proxy;
pub(crate) mod rules;
mod serve;
mod spread;
#[cfg(test)]
mod tests;
mod topology;
mod tunnel;
mod upstream;

use std::fmt;

pub(crate) use path::{Door, DoorOf, Page};
pub use path::{Guard, GuardKind, Path, PathKind, Unknown, UnknownKind};

use crate::error::Result;
use crate::finding::Evidence;
use crate::lab::{Lab, ServiceRef, Unsaid};
use crate::name::ServiceId;
use crate::observed::Observed;
use crate::span::Span;
use crate::view::{Reach, ServiceView};
use address::HostFacts;
use dockerfile::built;
use facts::Facts;
use files::Files;
use path::Zones;
use proxy::Proxies;
use spread::Spreads;
use topology::{Entry, Namespace, Topology};

/// The verdict on one service: who can reach it, and by which paths.
///
/// Invariants: `reach` is the widest zone of its paths and `at_most` the widest that any of them could be; neither is
/// wider than its paths show. Displays as a line for the verdict and one for each path.
#[derive(Clone, PartialEq, Eq)]
pub struct Exposure {
    id: ServiceId,
    reach: Reach,
    at_most: Reach,
    zones: Vec<Reach>,
    paths: Vec<Path>,
    unknowns: Vec<Unknown>,
    image: Option<String>,
    place: Span,
    facts: Facts,
    audience: Option<Vec<String>>,
}

impl Exposure {
    fn new(service: ServiceRef<'_>, mut paths: Vec<Path>, facts: Facts, unsaid: &Unsaid) -> Self {
        paths.iter_mut().for_each(|path| path.clear(unsaid));
        let mut image = service.service().image.as_ref().map(|image| image.value.clone());
        if let Some(image) = &mut image {
            unsaid.clear(image);
        }
        let reach = paths.iter().map(Path::zone).max().unwrap_or(Reach::None);
        let at_most = paths.iter().map(Path::at_most).max().unwrap_or(reach);
        let zones = paths
            .iter()
            .fold(Zones::default(), |zones, path| zones.union(path.zones));
        let mut unknowns: Vec<Unknown> = Vec::new();
        for unknown in paths
            .iter()
            .filter(|path| path.at_most() > reach)
            .flat_map(Path::unknowns)
        {
            if !unknowns.contains(unknown) {
                unknowns.push(unknown.clone());
            }
        }
        Exposure {
            id: service.id().clone(),
            reach,
            at_most,
            zones: zones.to_vec(),
            paths,
            unknowns,
            image,
            place: service.service().span.clone(),
            facts,
            audience: None,
        }
    }

    /// Returns which service it is about.
    pub fn id(&self) -> &ServiceId {
        &self.id
    }

    /// Returns the widest zone that is known to come in.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Returns the widest zone that could come in, if what is not known turned out badly.
    pub fn at_most(&self) -> Reach {
        self.at_most
    }

    /// Returns every zone that is known to come in, narrowest first.
    ///
    /// A service on the local network need not be reachable from the tailnet, nor one of the internet only: this is a
    /// set, not everything below `reach`.
    pub fn zones(&self) -> &[Reach] {
        &self.zones
    }

    /// Returns every way that leads to it, widest first.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// Returns what is not known, and makes `at_most` wider than `reach`.
    pub fn unknowns(&self) -> &[Unknown] {
        &self.unknowns
    }

    /// Returns who can reach it, where that is the tailnet alone and its policy and devices are known: logins, then names
    /// of tagged devices and written addresses.
    pub fn audience(&self) -> Option<&[String]> {
        self.audience.as_deref()
    }

    pub(crate) fn set_audience(&mut self, mut audience: Vec<String>, unsaid: &Unsaid) {
        audience.iter_mut().for_each(|who| unsaid.clear(who));
        self.audience = Some(audience);
    }

    /// Returns where the service is declared.
    pub fn place(&self) -> &Span {
        &self.place
    }

    /// Returns the verdict as plain data.
    pub fn view(&self) -> ServiceView {
        ServiceView {
            host: self.id.host().map(ToString::to_string),
            project: self.id.project().to_string(),
            name: self.id.service().to_string(),
            application: self.facts.application.clone(),
            image: self.image.clone(),
            reach: self.reach,
            at_most: self.at_most,
            zones: self.zones.clone(),
            paths: self.paths.iter().map(Path::view).collect(),
            unknowns: self.unknowns.iter().map(ToString::to_string).collect(),
            audience: self.audience.clone(),
            place: Some(path::place_view(&self.place)),
        }
    }
}

/// Shows no address and no name of a machine: they are private.
impl fmt::Debug for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposure")
            .field("project", self.id.project())
            .field("service", self.id.service())
            .field("reach", &self.reach)
            .field("at_most", &self.at_most)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.reach)?;
        if self.at_most > self.reach {
            write!(f, ", at most {}", self.at_most)?;
        }
        for path in &self.paths {
            write!(f, "\n  {path}")?;
        }
        for unknown in &self.unknowns {
            write!(f, "\n  not known: {unknown}")?;
        }
        Ok(())
    }
}

impl Lab {
    /// Returns who can reach one service; names are as in [`Lab::service`].
    ///
    /// Judging one service means judging all: for several of them, ask [`Lab::exposures`] once.
    ///
    /// # Errors
    /// `NotFound` or `Ambiguous`, as [`Lab::service`].
    pub fn exposure(&self, name: &str, seen: &Observed) -> Result<Exposure> {
        let wanted = self.service(name)?.id().clone();
        let all = self.exposures(seen);
        let found = all.into_iter().find(|exposure| exposure.id == wanted);
        Ok(found.expect("every service of a lab has an exposure"))
    }

    /// Returns who can reach what: one verdict for each service, in the order of [`Lab::services`].
    ///
    /// What was observed adds to whom the tailnet lets in, what its machine serves by Serve and Funnel, and which ports are
    /// really bound: one that no file mentions is judged like any other. Everything else comes from files. What runs and is
    /// no service of the lab is in the report only.
    pub fn exposures(&self, seen: &Observed) -> Vec<Exposure> {
        match self.as_running(seen) {
            // What is not the lab's comes after what is.
            Some(running) => {
                let mut exposures = running.written(seen);
                exposures.truncate(self.services().len());
                exposures
            }
            None => self.written(seen),
        }
    }

    fn written(&self, seen: &Observed) -> Vec<Exposure> {
        let instance = self.instance();
        let host_facts = |id: &ServiceId| {
            let host = id.host().and_then(|name| instance.host(name));
            HostFacts::new(id.host(), host, instance)
        };
        let files = Files::new(self.root(), self.manifest());
        let services: Vec<ServiceRef<'_>> = self.services().collect();
        let entries = services.iter().map(|service| {
            let system = service.system();
            Entry {
                id: service.id(),
                project: service.project(),
                service: service.service(),
                system,
                known_ports: facts::known_ports(*service, system),
                built: service
                    .service()
                    .build
                    .as_ref()
                    .and_then(|build| built(build, &files)),
            }
        });
        let topology = Topology::new(entries, &host_facts);

        let mut paths: Vec<Vec<Path>> = vec![Vec::new(); topology.nodes.len()];
        let mut spreads = Spreads::default();
        direct::paths(&topology, &mut paths);
        serve::paths(&topology, &files, &mut paths, &mut spreads);
        serve::observed(self, &topology, seen, &mut paths);
        let tunnels = tunnel::paths(&topology, &files, &mut paths, &mut spreads);
        for (index, paths) in paths.iter_mut().enumerate() {
            paths.extend(spreads.paths(&topology, index));
        }
        let proxies = Proxies::new(&topology, &files);
        proxies.paths(&topology, &mut paths);
        self.doubt_funnels(&topology, &mut paths, seen);
        let facts = facts::all(&topology, &proxies, tunnels);
        let judged = services.into_iter().zip(paths).zip(facts).enumerate();
        let mut exposures: Vec<Exposure> = judged
            .map(|(index, ((service, mut paths), facts))| {
                if !paths.iter().any(|path| path.zone() >= Reach::Host) {
                    paths.extend(inside(&topology, index));
                }
                // Stable: ways of one width stay in the order in which they were looked for.
                paths.sort_by_key(|path| std::cmp::Reverse((path.zone(), path.at_most())));
                Exposure::new(service, paths, facts, self.unsaid())
            })
            .collect();
        self.add_audiences(&mut exposures, seen);
        exposures
    }

    /// Takes back to the tailnet what Funnel would open, where the policy does not let it: the file may be an old one, so it
    /// could be open all the same.
    fn doubt_funnels(&self, topology: &Topology<'_>, paths: &mut [Vec<Path>], seen: &Observed) {
        let is_funnel = |path: &Path| path.kind() == PathKind::Funnel;
        if !paths.iter().flatten().any(is_funnel) {
            return;
        }
        let Ok(tailnet) = self.tailnet(seen) else {
            return;
        };
        for (node, paths) in topology.nodes.iter().zip(paths) {
            for path in paths.iter_mut().filter(|path| is_funnel(path)) {
                if let Some(why) = tailnet.doubts_funnel(self, node.id, path, seen) {
                    path.doubt(Reach::Tailnet, Unknown::new(UnknownKind::Routes, why));
                }
            }
        }
    }
}

/// Returns the path that every container has which has no wider one; nothing for one without a network.
fn inside(topology: &Topology<'_>, index: usize) -> Option<Path> {
    let node = &topology.nodes[index];
    if matches!(node.namespace, Namespace::None | Namespace::Ring) {
        return None;
    }
    let names: Vec<String> = topology
        .nets_of(index)
        .iter()
        .map(|&net| format!("`{}`", topology.nets[net].name))
        .collect();
    let label = match names.as_slice() {
        [] => "this machine only".to_owned(),
        names => format!(
            "containers on {}, and this machine",
            crate::lab::in_words(names, "and", 4)
        ),
    };
    let path = Path::new(PathKind::ContainerNetwork, Reach::Host, label);
    Some(match node.service.networks.first() {
        Some(field) if node.service.network_mode.is_none() => {
            path.with(Evidence::at("no port is published", &field.span))
        }
        _ => path.with(Evidence::at("no port is published", &node.service.span)),
    })
}
