//! One place of a dataset: a volume or a path.

use std::collections::BTreeSet;
use std::fmt;

use crate::compose::{Field, Mount, MountKind, Project};
use crate::drift::mounts::volume_name;
use crate::lab::ServiceRef;
use crate::name::{HostName, ProjectName, ServiceId};
use crate::span::Span;
use crate::system::{CaptureStep, Class, Store, System};

/// Where data lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A named volume.
    Volume {
        /// The project that declares it.
        project: ProjectName,
        /// Its key in that project's file.
        key: String,
        /// Its name on the engine.
        name: String,
        /// Whether its driver keeps it on another machine, of which nothing is known.
        remote: bool,
    },
    /// A path of the machine.
    Path(String),
}

/// One place of a dataset. Displays as people write it: `immich/database`, `/mnt/tank/photos`.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    pub(super) host: Option<HostName>,
    pub(super) storage: Storage,
    pub(super) services: BTreeSet<ServiceId>,
    pub(super) store: Store,
    pub(super) needed: Vec<String>,
    pub(super) place: Option<Span>,
    /// The volumes that it is, `PROJECT/VOLUME`: one of the engine's may be several projects'.
    pub(super) volumes: BTreeSet<String>,
}

impl Part {
    pub(super) fn new(host: Option<HostName>, storage: Storage) -> Part {
        let volumes = match &storage {
            Storage::Volume { project, key, .. } => BTreeSet::from([format!("{project}/{key}")]),
            Storage::Path(_) => BTreeSet::new(),
        };
        Part {
            host,
            storage,
            volumes,
            services: BTreeSet::new(),
            store: Store::Files,
            needed: Vec::new(),
            place: None,
        }
    }

    /// Returns the machine that holds it, where the lab says which.
    pub fn host(&self) -> Option<&HostName> {
        self.host.as_ref()
    }

    /// Returns where it lies there.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Returns the services that use it, as far as they are known.
    pub fn services(&self) -> impl ExactSizeIterator<Item = &ServiceId> {
        self.services.iter()
    }

    /// Returns how the data lies there: what decides whether a copy of its files is a copy of it.
    pub fn store(&self) -> Store {
        self.store
    }

    /// Returns what of it has to be copied, relative to it; empty means all. The rest is made again.
    pub fn needed(&self) -> &[String] {
        &self.needed
    }

    pub(super) fn is_same_place(&self, other: &Part) -> bool {
        let same = match (&self.storage, &other.storage) {
            // The engine knows them by name, whichever project says it.
            (Storage::Volume { name: own, .. }, Storage::Volume { name, .. }) => own == name,
            (own, other) => own == other,
        };
        self.host == other.host && same
    }

    /// Takes in what another knows of the same place.
    pub(super) fn learn(&mut self, other: Part) {
        self.services.extend(other.services);
        self.volumes.extend(other.volumes);
        if other.store.needs_care() {
            self.store = other.store;
        }
        if self.needed.is_empty() {
            self.needed = other.needed;
        }
        self.place = self.place.take().or(other.place);
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.storage {
            Storage::Volume { project, key, .. } => write!(f, "{project}/{key}"),
            Storage::Path(path) => f.write_str(path),
        }
    }
}

/// Shows the machine: paths are private.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Part {
    /// Returns whether it is a path that holds the other's.
    pub(super) fn is_above(&self, other: &Part) -> bool {
        match (&self.storage, &other.storage) {
            (Storage::Path(own), Storage::Path(path)) => {
                self.host == other.host && std::path::Path::new(path).starts_with(own)
            }
            _ => false,
        }
    }
}

/// Returns whether a mount of a service that is declared as a whole holds data of it.
pub(super) fn is_data(field: &Field<Mount>, system: Option<&System>) -> bool {
    match system.and_then(|system| system.data_at(&field.value.target)) {
        Some(data) => data.class != Class::Cache,
        // Of what nobody knows, whatever it writes.
        None => system.is_none_or(|system| system.data().is_empty()) && !field.value.read_only,
    }
}

/// Returns the place of a mount that outlives its container; none for memory, sockets and configuration in the lab's folder.
pub(super) fn part_of(
    service: ServiceRef<'_>,
    field: &Field<Mount>,
    system: Option<&System>,
) -> Option<Part> {
    let mount = &field.value;
    let source = mount.source.as_deref()?;
    let storage = match mount.kind {
        MountKind::Volume => volume(service.project(), source),
        MountKind::Bind => {
            let is_socket = source.ends_with(".sock");
            let is_own = std::path::Path::new(source).starts_with(service.project().directory());
            if is_socket || field.is_unset() || mount.read_only && is_own {
                return None;
            }
            Storage::Path(source.to_owned())
        }
        MountKind::Tmpfs | MountKind::Other => return None,
    };
    let mut part = Part::new(service.id().host().cloned(), storage);
    part.services.insert(service.id().clone());
    part.place = Some(field.span.clone());
    if let Some(system) = system {
        part.store = system
            .data_at(&mount.target)
            .map_or(Store::Files, |data| data.store);
        part.needed = needed(mount, system);
    }
    Some(part)
}

/// Returns what a recipe copies of a mount, relative to it; empty where that is all of it, or no recipe speaks of it.
fn needed(mount: &Mount, system: &System) -> Vec<String> {
    let target = mount.target.trim_end_matches('/');
    let copies = system.capture().iter().filter_map(|step| match step {
        CaptureStep::Copy { paths } => Some(paths),
        _ => None,
    });
    let paths: Vec<&String> = copies.flatten().collect();
    if paths
        .iter()
        .any(|path| std::path::Path::new(target).starts_with(path.trim_end_matches('/')))
    {
        return Vec::new();
    }
    let below = |path: &&&String| {
        path.strip_prefix(target)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    paths
        .iter()
        .filter(below)
        .map(|path| path[target.len() + 1..].trim_end_matches('/').to_owned())
        .collect()
}

/// Returns where a volume lies: a driver's option may make it a folder of the machine, or another machine's.
pub(super) fn volume(project: &Project, key: &str) -> Storage {
    let declared = project.volumes().get(key);
    let option = |name: &str| {
        let options = declared.map(|volume| &volume.driver_opts);
        options
            .and_then(|options| options.get(name))
            .map(|field| field.value.as_str())
    };
    let is_bind = option("o").is_some_and(|all| all.split(',').any(|word| matches!(word, "bind" | "rbind")));
    if let (true, Some(device)) = (is_bind, option("device").filter(|device| device.starts_with('/'))) {
        return Storage::Path(device.to_owned());
    }
    let own_driver = declared.and_then(|volume| volume.driver.as_ref());
    let remote = matches!(option("type"), Some("nfs" | "nfs4" | "cifs" | "smb3"))
        || own_driver.is_some_and(|driver| driver.value != "local");
    Storage::Volume {
        project: project.name().clone(),
        key: key.to_owned(),
        name: volume_name(project, project.name().as_str(), key),
        remote,
    }
}
