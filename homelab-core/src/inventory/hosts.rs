//! What all engines of a lab have: [`Inventory`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Change, Container, EngineInfo, Image, Network, Volume};
use crate::error::{Error, ErrorKind};
use crate::name::HostName;
use crate::view::{GapView, SeenHostView};

/// What all engines of a lab have, each with when and by whom it was seen. Cheap to clone.
///
/// Invariant: one entry for each host. A host that did not answer is in it, with the reason.
///
/// ```
/// use homelab_core::ErrorKind;
/// use homelab_core::inventory::{Container, Gap, HostInventory, Inventory, Part};
///
/// let at = "2027-01-01T00:00:00Z".parse()?;
/// let mut nas = HostInventory::new("nas".parse()?, at, "docker 28.2.2");
/// nas.containers = Some(vec![Container::new("4f1c2b", "immich-server-1")]);
/// let mut attic = HostInventory::new("attic".parse()?, at, "ssh://attic");
/// attic.gaps.push(Gap::new(Part::Engine, ErrorKind::TimedOut, "ask the engine for its version"));
///
/// let inventory = Inventory::new([nas, attic]);
/// assert_eq!(inventory.containers().count(), 1);
/// assert!(!inventory.host("attic").expect("it is a fact").is_seen());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    hosts: BTreeMap<HostName, Arc<HostInventory>>,
}

impl Inventory {
    /// Returns the inventory of these hosts; of two with one name the later one counts.
    pub fn new(hosts: impl IntoIterator<Item = HostInventory>) -> Inventory {
        let named = |host: HostInventory| (host.host.clone(), Arc::new(host));
        Inventory {
            hosts: hosts.into_iter().map(named).collect(),
        }
    }

    /// Returns the hosts, by name.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = &HostInventory> {
        self.hosts.values().map(Arc::as_ref)
    }

    /// Returns the host of this name.
    pub fn host(&self, name: &str) -> Option<&HostInventory> {
        self.hosts.get(name).map(Arc::as_ref)
    }

    /// Returns every container with its host, by both names.
    pub fn containers(&self) -> impl Iterator<Item = (&HostInventory, &Container)> {
        let hosts = self.hosts();
        hosts.flat_map(|host| host.containers.iter().flatten().map(move |one| (host, one)))
    }

    /// Takes in a change, so that this is again what the engines have.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Full(inventory) => *self = inventory,
            Change::Host(host) => {
                self.hosts.insert(host.host.clone(), Arc::new(host));
            }
            Change::Container { host, container, .. } => self.alter(&host, |host| {
                host.forget(&container.id);
                let all = host.containers.get_or_insert_default();
                let key = |one: &Container| (one.name.clone(), one.id.clone());
                let at = all.partition_point(|one| key(one) < key(&container));
                all.insert(at, container);
            }),
            Change::Removed { host, id, .. } => self.alter(&host, |host| host.forget(&id)),
            Change::Images { host, images } => self.alter(&host, |host| host.images = Some(images)),
            Change::Volumes { host, volumes } => self.alter(&host, |host| host.volumes = Some(volumes)),
            Change::Networks { host, networks } => self.alter(&host, |host| host.networks = Some(networks)),
        }
    }

    fn alter(&mut self, host: &HostName, alter: impl FnOnce(&mut HostInventory)) {
        // A change is of a host that the picture before it had.
        if let Some(host) = self.hosts.get_mut(host) {
            alter(Arc::make_mut(host));
        }
    }
}

/// One line for each container, and for each thing that was not to be had: `nas: kuma (louislam/uptime-kuma:1, running)`.
impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for host in self.hosts() {
            for gap in &host.gaps {
                writeln!(f, "{}: {gap}", host.host)?;
            }
            for container in host.containers.iter().flatten() {
                writeln!(f, "{}: {container}", host.host)?;
            }
        }
        Ok(())
    }
}

/// What the engine of one host has. What is absent was not to be had, and is among the gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostInventory {
    /// The host, as the lab calls it.
    pub host: HostName,
    /// When it was asked.
    pub at: Timestamp,
    /// Who said so: `docker 28.2.2`; where nobody answers, where that was tried.
    pub source: String,
    /// What the engine says of itself.
    pub engine: Option<EngineInfo>,
    /// Every container, whether it runs or not, by name.
    pub containers: Option<Vec<Container>>,
    /// Every image, by its first tag.
    pub images: Option<Vec<Image>>,
    /// Every volume, by name, without sizes.
    pub volumes: Option<Vec<Volume>>,
    /// Every network, by name.
    pub networks: Option<Vec<Network>>,
    /// What was not to be had, and why.
    pub gaps: Vec<Gap>,
}

impl HostInventory {
    /// Returns a host of which nothing was seen yet.
    pub fn new(host: HostName, at: Timestamp, source: impl Into<String>) -> HostInventory {
        HostInventory {
            host,
            at,
            source: source.into(),
            engine: None,
            containers: None,
            images: None,
            volumes: None,
            networks: None,
            gaps: Vec::new(),
        }
    }

    /// Returns whether its containers were seen.
    pub fn is_seen(&self) -> bool {
        self.containers.is_some()
    }

    /// Returns the first thing that was not to be had.
    pub fn gap(&self) -> Option<&Gap> {
        self.gaps.first()
    }

    /// Returns whether it was seen, when and by whom, as plain data.
    pub fn view(&self) -> SeenHostView {
        SeenHostView {
            host: self.host.to_string(),
            at: self.at.to_string(),
            source: self.source.clone(),
            seen: self.is_seen(),
            gaps: self.gaps.iter().map(Gap::view).collect(),
        }
    }

    fn forget(&mut self, id: &str) {
        if let Some(containers) = &mut self.containers {
            containers.retain(|one| one.id != id);
        }
    }
}

/// A part of what an engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// All of it: nobody answers.
    Engine,
    /// What the engine says of itself.
    Information,
    /// The containers.
    Containers,
    /// The images.
    Images,
    /// The volumes.
    Volumes,
    /// The networks.
    Networks,
}

impl Part {
    /// Returns the word for it: `containers`.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Engine => "engine",
            Part::Information => "information",
            Part::Containers => "containers",
            Part::Images => "images",
            Part::Volumes => "volumes",
            Part::Networks => "networks",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A part that was not to be had: a fact like any other, not an error that ends the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Which part.
    pub part: Part,
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// What failed, as a fragment that reads after "failed to".
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Gap {
    /// Returns a gap without a hint.
    pub fn new(part: Part, kind: ErrorKind, message: impl Into<String>) -> Gap {
        Gap {
            part,
            kind,
            message: message.into(),
            hint: None,
        }
    }

    /// Returns the gap that an error makes.
    pub fn of(part: Part, error: &Error) -> Gap {
        Gap {
            hint: error.hint().map(str::to_owned),
            ..Gap::new(part, error.kind(), error.to_string())
        }
    }

    /// Returns it as plain data.
    pub fn view(&self) -> GapView {
        GapView {
            part: self.part.to_string(),
            kind: self.kind.to_string(),
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}
