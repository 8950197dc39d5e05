//! How what runs differs from what was written: [`Drift`].
//!
//! ```
//! use homelab_core::drift::DifferenceKind;
//! use homelab_core::inventory::{HostInventory, Inventory};
//! use homelab_core::{Lab, Observed};
//!
//! let lab = Lab::from_texts("home", [("web/compose.yaml", "services: { site: { image: nginx } }")]);
//! let at = "2027-01-01T00:00:00Z".parse()?;
//! let mut nas = HostInventory::new("nas".parse()?, at, "docker 28.2.2");
//! nas.containers = Some(Vec::new());
//!
//! let drift = lab.drift(&Observed::none(at).with_inventory(Inventory::new([nas])));
//! assert_eq!(drift.differences()[0].kind(), DifferenceKind::Missing);
//! assert_eq!(drift.differences()[0].message(), "no container of it is there");
//! assert_eq!(drift.exit_code(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compare;
pub(crate) mod mounts;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use crate::compose::MountKind;
use crate::inventory::{Gap, HostInventory, Inventory, Placement};
use crate::lab::{Lab, ServiceRef, in_words};
use crate::name::{HostName, ServiceId};
use crate::observed::Observed;
use crate::span::Span;
use crate::view::{DifferenceView, DriftView, SeenHostView};

/// How what runs differs from what was written, as far as it was seen. Displays as text.
///
/// Invariants: the differences are ordered by host, project and service; none is about a host that was not seen; none
/// holds the value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    at: Timestamp,
    hosts: Vec<SeenHost>,
    differences: Vec<Difference>,
}

/// A host, and whether its engine answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenHost {
    /// The host.
    pub host: HostName,
    /// When it was asked.
    pub at: Timestamp,
    /// Who said so.
    pub source: String,
    /// Whether its containers were seen.
    pub seen: bool,
    /// What was not to be had.
    pub gaps: Vec<Gap>,
}

impl SeenHost {
    pub(crate) fn all(inventory: &Inventory) -> Vec<SeenHost> {
        let of = |host: &HostInventory| SeenHost {
            host: host.host.clone(),
            at: host.at,
            source: host.source.clone(),
            seen: host.is_seen(),
            gaps: host.gaps.clone(),
        };
        inventory.hosts().map(of).collect()
    }

    /// Returns it as plain data.
    pub fn view(&self) -> SeenHostView {
        SeenHostView {
            host: self.host.to_string(),
            at: self.at.to_string(),
            source: self.source.clone(),
            seen: self.seen,
            gaps: self.gaps.iter().map(Gap::view).collect(),
        }
    }
}

impl Drift {
    /// Returns the moment that it speaks of.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns the hosts that were asked, by name. Of one that was not seen nothing is known, which is not good.
    pub fn hosts(&self) -> &[SeenHost] {
        &self.hosts
    }

    /// Returns the differences, by host, project and service.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// Returns whether all hosts were seen, and at least one.
    pub fn is_complete(&self) -> bool {
        !self.hosts.is_empty() && self.hosts.iter().all(|host| host.seen)
    }

    /// Returns how a command should end: 0 when everything was seen and is as it was written, 1 when something is
    /// different, 3 when nothing is, but not all hosts were seen.
    pub fn exit_code(&self) -> u8 {
        match (self.differences.is_empty(), self.is_complete()) {
            (false, _) => 1,
            (true, true) => 0,
            (true, false) => 3,
        }
    }

    /// Returns it as plain data.
    pub fn view(&self) -> DriftView {
        DriftView {
            version: 1,
            at: self.at.to_string(),
            hosts: self.hosts.iter().map(SeenHost::view).collect(),
            differences: self.differences.iter().map(Difference::view).collect(),
        }
    }

    /// Returns it as JSON, indented, with a line break at the end.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(&self.view()).expect("its records are plain data");
        format!("{text}\n")
    }
}

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// A service has no container, or fewer than it should.
    Missing,
    /// A container does not run.
    Stopped,
    /// A container's health check fails.
    Unhealthy,
    /// A container ends again and again.
    Restarting,
    /// A container runs that no file mentions.
    Extra,
    /// A container was made of another image than is written.
    Image,
    /// The image's name leads to a newer one than the container was made of.
    Outdated,
    /// Other ports are bound than are written.
    Ports,
    /// Other storage is mounted than is written.
    Mounts,
    /// Variables are absent, or have another value.
    Environment,
    /// It was started with another command or entry point than is written.
    Command,
    /// A volume that nothing uses any more.
    OrphanedVolume,
    /// Images that have no name any more.
    DanglingImages,
}

impl DifferenceKind {
    /// Every kind.
    pub const ALL: [DifferenceKind; 13] = [
        DifferenceKind::Missing,
        DifferenceKind::Stopped,
        DifferenceKind::Unhealthy,
        DifferenceKind::Restarting,
        DifferenceKind::Extra,
        DifferenceKind::Image,
        DifferenceKind::Outdated,
        DifferenceKind::Ports,
        DifferenceKind::Mounts,
        DifferenceKind::Environment,
        DifferenceKind::Command,
        DifferenceKind::OrphanedVolume,
        DifferenceKind::DanglingImages,
    ];

    /// Returns the word for it: `orphaned_volume`.
    pub fn as_str(self) -> &'static str {
        match self {
            DifferenceKind::Missing => "missing",
            DifferenceKind::Stopped => "stopped",
            DifferenceKind::Unhealthy => "unhealthy",
            DifferenceKind::Restarting => "restarting",
            DifferenceKind::Extra => "extra",
            DifferenceKind::Image => "image",
            DifferenceKind::Outdated => "outdated",
            DifferenceKind::Ports => "ports",
            DifferenceKind::Mounts => "mounts",
            DifferenceKind::Environment => "environment",
            DifferenceKind::Command => "command",
            DifferenceKind::OrphanedVolume => "orphaned_volume",
            DifferenceKind::DanglingImages => "dangling_images",
        }
    }

    fn fix(self) -> &'static str {
        match self {
            DifferenceKind::Missing => {
                "Run `docker compose up -d` in its folder, or take it out of the file."
            }
            DifferenceKind::Stopped => "Start it and read its logs, or take it out of the file.",
            DifferenceKind::Unhealthy => "Read its logs, and what its health check says.",
            DifferenceKind::Restarting => "Read its logs: it ends soon after each start.",
            DifferenceKind::Extra => "Write a Compose file for it, or remove it.",
            DifferenceKind::Image
            | DifferenceKind::Ports
            | DifferenceKind::Mounts
            | DifferenceKind::Environment
            | DifferenceKind::Command => {
                "Run `docker compose up -d` to make it as written, or write what is meant."
            }
            DifferenceKind::Outdated => "Run `docker compose up -d`: the newer image is there already.",
            DifferenceKind::OrphanedVolume => {
                "Look what is in it before it is removed with `docker volume rm`."
            }
            DifferenceKind::DanglingImages => "Remove them with `docker image prune`.",
        }
    }
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One difference between what was written and what runs. Displays in one line.
#[derive(Clone, PartialEq, Eq)]
pub struct Difference {
    kind: DifferenceKind,
    host: Option<HostName>,
    id: Option<ServiceId>,
    name: Option<String>,
    message: String,
    declared: Option<String>,
    seen: Option<String>,
    place: Option<Span>,
}

impl Difference {
    fn new(kind: DifferenceKind, message: impl Into<String>) -> Difference {
        Difference {
            kind,
            host: None,
            id: None,
            name: None,
            message: message.into(),
            declared: None,
            seen: None,
            place: None,
        }
    }

    fn of(mut self, id: ServiceId) -> Difference {
        self.host = id.host().cloned();
        self.id = Some(id);
        self
    }

    fn on(mut self, host: &HostName) -> Difference {
        self.host = Some(host.clone());
        self
    }

    fn named(mut self, name: impl Into<String>) -> Difference {
        self.name = Some(name.into());
        self
    }

    fn between(mut self, declared: impl Into<String>, seen: impl Into<String>) -> Difference {
        self.declared = Some(declared.into());
        self.seen = Some(seen.into());
        self
    }

    fn at(mut self, place: &Span) -> Difference {
        self.place = Some(place.clone());
        self
    }

    /// Returns its kind.
    pub fn kind(&self) -> DifferenceKind {
        self.kind
    }

    /// Returns the host; none where the lab does not say which one should run it.
    pub fn host(&self) -> Option<&HostName> {
        self.host.as_ref()
    }

    /// Returns the service, or for a container that the lab does not know what its labels say; none for what belongs to
    /// a host as a whole.
    pub fn service(&self) -> Option<&ServiceId> {
        self.id.as_ref()
    }

    /// Returns the container, the volume or the like that was seen.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns what the difference is, in one fragment.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns where what was written is.
    pub fn place(&self) -> Option<&Span> {
        self.place.as_ref()
    }

    /// Returns it as plain data.
    pub fn view(&self) -> DifferenceView {
        DifferenceView {
            kind: self.kind.to_string(),
            host: self.host.as_ref().map(ToString::to_string),
            project: self.id.as_ref().map(|id| id.project().to_string()),
            service: self.id.as_ref().map(|id| id.service().to_string()),
            name: self.name.clone(),
            message: self.message.clone(),
            declared: self.declared.clone(),
            seen: self.seen.clone(),
            place: self.place.as_ref().map(Span::view),
            fix: self.kind.fix().to_owned(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.id, &self.host) {
            (Some(id), _) => write!(f, "{id}: ")?,
            (None, Some(host)) => write!(f, "{host}: ")?,
            (None, None) => {}
        }
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// Shows the kind and the service: a message may hold what is private.
impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Difference")
            .field("kind", &self.kind)
            .field("service", &self.id.as_ref().map(ServiceId::service))
            .finish_non_exhaustive()
    }
}

impl Lab {
    /// Returns how what runs differs from what was written. Pure.
    ///
    /// A service whose profiles are not active need not run, and one that ended well and is neither restarted, published
    /// nor checked was a job. Of the environment an engine tells what the image brings too, so that only variables that
    /// are written are compared, and their values are never told. Where nothing was observed there is no difference, and
    /// no host: that is not known.
    pub fn drift(&self, seen: &Observed) -> Drift {
        let Some(observed) = seen.inventory() else {
            return Drift {
                at: seen.at(),
                hosts: Vec::new(),
                differences: Vec::new(),
            };
        };
        let inventory = observed.value();
        let placements = self.placements(inventory);
        let mut differences = Vec::new();
        self.absent(inventory, &placements, &mut differences);
        for placement in &placements {
            match placement.service() {
                Some(service) => compare::container(placement, service, seen.at(), &mut differences),
                None => differences.extend(extra(placement)),
            }
        }
        for host in inventory.hosts() {
            self.leftovers(host, &mut differences);
        }
        for difference in &mut differences {
            let texts = [
                Some(&mut difference.message),
                difference.declared.as_mut(),
                difference.seen.as_mut(),
            ];
            texts
                .into_iter()
                .flatten()
                .for_each(|text| self.unsaid().clear(text));
        }
        let key = |one: &Difference| {
            let id = one.id.as_ref();
            let service = id.map(|id| (id.project().clone(), id.service().clone()));
            // What belongs to a host as a whole comes last.
            (
                one.host.clone(),
                service.is_none(),
                service,
                one.kind,
                one.name.clone(),
            )
        };
        differences.sort_by_cached_key(key);
        Drift {
            at: seen.at(),
            hosts: SeenHost::all(inventory),
            differences,
        }
    }

    /// Finds services that have no container, or too few. Of a host that was not seen nothing is said.
    fn absent(&self, inventory: &Inventory, placements: &[Placement<'_>], differences: &mut Vec<Difference>) {
        let mut counts: BTreeMap<&ServiceId, u64> = BTreeMap::new();
        for placement in placements.iter().filter(|one| !one.container().is_one_off()) {
            if let Some(service) = placement.service() {
                *counts.entry(service.id()).or_default() += 1;
            }
        }
        for service in self.services() {
            let known = match service.id().host() {
                Some(host) => inventory.host(host.as_str()).is_some_and(HostInventory::is_seen),
                // It could be on any of them.
                None => inventory.hosts().len() > 0 && inventory.hosts().all(HostInventory::is_seen),
            };
            let wanted = wanted(service);
            let there = counts.get(service.id()).copied().unwrap_or(0);
            if !known || there >= wanted {
                continue;
            }
            let message = match there {
                0 => "no container of it is there".to_owned(),
                there => format!("{there} of {wanted} containers are there"),
            };
            let only = inventory.hosts().next().filter(|_| inventory.hosts().len() == 1);
            let mut difference = Difference::new(DifferenceKind::Missing, message)
                .of(service.id().clone())
                .between(wanted.to_string(), there.to_string())
                .at(&service.service().span);
            if let (None, Some(only)) = (&difference.host, only) {
                difference.host = Some(only.host.clone());
            }
            differences.push(difference);
        }
    }

    /// Finds volumes and images of a host that nothing uses any more.
    fn leftovers(&self, host: &HostInventory, differences: &mut Vec<Difference>) {
        let Some(containers) = &host.containers else {
            return;
        };
        let used: BTreeSet<&str> = containers
            .iter()
            .flat_map(|container| &container.mounts)
            .filter(|mount| mount.kind == MountKind::Volume)
            .filter_map(|mount| mount.source.as_deref())
            .collect();
        let declared: BTreeSet<String> = self
            .services()
            .filter(|service| service.id().host().is_none_or(|own| *own == host.host))
            .flat_map(|service| mounts::volume_names(service.project()))
            .collect();
        let left = |name: &str| !used.contains(name) && !declared.contains(name);
        let volumes = host.volumes.iter().flatten().filter(|volume| left(&volume.name));
        let (anonymous, named): (Vec<_>, Vec<_>) =
            volumes.partition(|volume| mounts::is_anonymous(&volume.name));
        for volume in named {
            let message = format!(
                "volume `{}` is used by no container, and no file mentions it",
                volume.name
            );
            let difference = Difference::new(DifferenceKind::OrphanedVolume, message);
            differences.push(difference.on(&host.host).named(&volume.name));
        }
        if !anonymous.is_empty() {
            let message = format!(
                "{} used by no container",
                counted(
                    anonymous.len(),
                    "volume without a name is",
                    "volumes without names are"
                )
            );
            differences.push(Difference::new(DifferenceKind::OrphanedVolume, message).on(&host.host));
        }
        let of: BTreeSet<&str> = containers
            .iter()
            .map(|container| container.image_id.as_str())
            .collect();
        let images = host.images.iter().flatten();
        let dangling = images.filter(|image| image.is_dangling() && !of.contains(image.id.as_str()));
        let (count, size) = dangling.fold((0, 0u64), |(count, size), image| {
            (count + 1, size.saturating_add(image.size))
        });
        if count > 0 {
            let images = counted(
                count,
                "image has no name any more and is",
                "images have no name any more and are",
            );
            let message = format!("{images} used by no container ({})", text::size(size));
            differences.push(Difference::new(DifferenceKind::DanglingImages, message).on(&host.host));
        }
    }
}

/// Returns how many containers a service should have.
fn wanted(service: ServiceRef<'_>) -> u64 {
    let declared = service.service();
    // The pods of a Kubernetes file bear names of their own.
    let runs = declared.image.is_some() || declared.build.is_some();
    match runs && service.project().is_active(declared.name.as_str()) {
        true => declared.replicas,
        false => 0,
    }
}

/// Returns that a container runs which no file mentions.
fn extra(placement: &Placement<'_>) -> Option<Difference> {
    let container = placement.container();
    container.state.is_running().then(|| {
        let ports: Vec<String> = container.ports.iter().map(|port| format!("`{port}`")).collect();
        let bound = match ports.is_empty() {
            true => String::new(),
            false => format!(", bound to {}", in_words(&ports, "and", 6)),
        };
        let message = format!(
            "container `{}` ({}) runs, and no file mentions it{bound}",
            container.name, container.image
        );
        Difference::new(DifferenceKind::Extra, message)
            .of(placement.id())
            .named(&container.name)
    })
}

fn counted(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {several}"),
    }
}
