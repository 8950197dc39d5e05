//! Data worth a verdict: what lab.toml declares, and what the catalogue finds beside that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::SignedDuration;

use crate::compose::{Field, Mount, MountKind, Project};
use crate::drift::mounts::volume_name;
use crate::lab::{DatasetEntry, Lab, ServiceRef, Tier};
use crate::name::{DatasetName, HostName, ProjectName, ServiceId};
use crate::span::Span;
use crate::system::{CaptureStep, Class, Store, System, names_secret};

/// Data worth a verdict: a name, what it is worth, and where it lies.
///
/// Invariants: no two parts are the same place of the same machine.
#[derive(Clone, PartialEq, Eq)]
pub struct Dataset {
    pub(super) name: DatasetName,
    pub(super) class: Option<Class>,
    pub(super) recovery_point: Option<SignedDuration>,
    pub(super) declared: Option<Span>,
    pub(super) parts: Vec<Part>,
    pub(super) problems: Vec<String>,
}

impl Dataset {
    /// Returns its name: as declared; of what was found that of its project, with its class where there are several.
    pub fn name(&self) -> &DatasetName {
        &self.name
    }

    /// Returns what losing it would mean; none where nobody knows.
    pub fn class(&self) -> Option<Class> {
        self.class
    }

    /// Returns how old the newest copy may be; none for what can be made again.
    pub fn recovery_point(&self) -> Option<SignedDuration> {
        self.recovery_point
    }

    /// Returns where lab.toml declares it; none where only the catalogue found it.
    pub fn declared(&self) -> Option<&Span> {
        self.declared.as_ref()
    }

    /// Returns where its data lies.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns what keeps it from being judged: a slot without a value, a declaration that names nothing.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Returns whether 3-2-1 is asked of it: it cannot be made again, or only with much work.
    pub fn needs_copies(&self) -> bool {
        matches!(self.class, Some(Class::Irreplaceable | Class::Important))
    }

    fn add(&mut self, part: Part) {
        match self.parts.iter_mut().find(|own| own.is_same_place(&part)) {
            Some(own) => own.learn(part),
            None => self.parts.push(part),
        }
    }
}

/// Shows the name and how many parts there are: paths are private.
impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("name", &self.name)
            .field("class", &self.class)
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

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
}

impl Part {
    fn new(host: Option<HostName>, storage: Storage) -> Part {
        Part {
            host,
            storage,
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

    fn is_same_place(&self, other: &Part) -> bool {
        self.host == other.host && self.storage == other.storage
    }

    /// Takes in what another knows of the same place.
    fn learn(&mut self, other: Part) {
        self.services.extend(other.services);
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

/// All data that a lab is known to have.
pub(super) struct Inventoried {
    pub(super) datasets: Vec<Dataset>,
    /// Volumes of services that nobody knows: whether their data matters is not known.
    pub(super) unknown: Vec<Part>,
}

impl Lab {
    /// Returns the data that is worth a verdict: what lab.toml declares, in its order; then what it does not mention and the
    /// catalogue knows to matter, by project. Pure.
    ///
    /// What is found is never reproducible, and never of a sandbox.
    ///
    /// ```
    /// use homelab_core::Lab;
    /// use homelab_core::system::Class;
    ///
    /// let compose = "services: { db: { image: 'postgres:17', volumes: ['data:/var/lib/postgresql/data'] } }
    /// volumes: { data: {} }";
    /// let lab = Lab::from_texts("home", [("blog/compose.yaml", compose)]);
    /// let found = &lab.datasets()[0];
    /// assert_eq!((found.name().as_str(), found.class()), ("blog", Some(Class::Irreplaceable)));
    /// assert_eq!(found.parts()[0].to_string(), "blog/data");
    /// assert!(found.declared().is_none());
    /// ```
    pub fn datasets(&self) -> Vec<Dataset> {
        self.inventoried().datasets
    }

    pub(super) fn inventoried(&self) -> Inventoried {
        let declared = self.pattern().datasets().values();
        let mut datasets: Vec<Dataset> = declared.map(|entry| self.declared_dataset(entry)).collect();
        let taken: Vec<Part> = datasets
            .iter()
            .flat_map(|one| one.parts.iter().cloned())
            .collect();
        let names: BTreeSet<String> = datasets.iter().map(|one| one.name.to_string()).collect();
        // What a declared path holds, it speaks for.
        let is_taken = |part: &Part| {
            taken
                .iter()
                .any(|own| own.is_same_place(part) || own.is_above(part))
        };
        let mut found: BTreeMap<(ProjectName, Class), Vec<Part>> = BTreeMap::new();
        let mut unknown: Vec<Part> = Vec::new();
        let mut known: Vec<Part> = Vec::new();
        for service in self.services().filter(|service| service.tier() != Tier::Sandbox) {
            let system = service.system();
            for field in &service.service().mounts {
                let Some(part) = part_of(service, field, system) else {
                    continue;
                };
                if is_taken(&part) {
                    continue;
                }
                match system.and_then(|system| system.data_at(&field.value.target)) {
                    Some(data) => {
                        known.push(part.clone());
                        if matches!(data.class, Class::Irreplaceable | Class::Important) {
                            let key = (service.id().project().clone(), data.class);
                            found.entry(key).or_default().push(part);
                        }
                    }
                    None if field.value.kind == MountKind::Volume => unknown.push(part),
                    None => {}
                }
            }
        }
        let mut projects: BTreeMap<&ProjectName, usize> = BTreeMap::new();
        for (project, _) in found.keys() {
            *projects.entry(project).or_default() += 1;
        }
        for ((project, class), parts) in &found {
            let mut name = match projects.get(project) {
                Some(1) => project.to_string(),
                _ => format!("{project}-{class}"),
            };
            if names.contains(&name) {
                name = format!("{project}-other-{class}");
            }
            let Ok(name) = DatasetName::new(&name) else {
                continue;
            };
            let mut dataset = Dataset {
                name,
                class: Some(*class),
                recovery_point: crate::lab::recovery_point_of(*class),
                declared: None,
                parts: Vec::new(),
                problems: Vec::new(),
            };
            parts.iter().for_each(|part| dataset.add(part.clone()));
            // One place may be worth different things to two services: the dearer one has it.
            let dearer = |part: &Part| {
                let of = |other: &Dataset| {
                    other.class < Some(*class) && other.parts.iter().any(|own| own.is_same_place(part))
                };
                datasets.iter().any(of)
            };
            dataset.parts.retain(|part| !dearer(part));
            if !dataset.parts.is_empty() {
                datasets.push(dataset);
            }
        }
        unknown.retain(|part| !known.iter().any(|own| own.is_same_place(part)));
        unknown.sort_by_key(ToString::to_string);
        unknown.dedup_by(|a, b| a.is_same_place(b));
        Inventoried { datasets, unknown }
    }

    fn declared_dataset(&self, entry: &DatasetEntry) -> Dataset {
        let mut dataset = Dataset {
            name: entry.name().clone(),
            class: entry.class(),
            recovery_point: entry.recovery_point(),
            declared: Some(entry.span().clone()),
            parts: Vec::new(),
            problems: Vec::new(),
        };
        let mut about: Vec<&ProjectName> = Vec::new();
        for selector in entry.services() {
            let services = self
                .services()
                .filter(|service| selector.value().matches(service.id()));
            let mut any = false;
            for service in services {
                about.push(service.id().project());
                let system = service.system();
                for field in service
                    .service()
                    .mounts
                    .iter()
                    .filter(|field| is_data(field, system))
                {
                    if let Some(part) = part_of(service, field, system) {
                        any = true;
                        dataset.add(part);
                    }
                }
            }
            if !any && entry.paths().is_empty() {
                let message = format!("`{}` has no storage that is known to hold data", selector.value());
                dataset.problems.push(message);
            }
        }
        for volume in entry.volumes() {
            let (project, key) = volume.value();
            about.push(project);
            let places = self.volume_parts(project, key);
            if places.is_empty() {
                dataset
                    .problems
                    .push(format!("nothing is known of volume `{project}/{key}`"));
            }
            places.into_iter().for_each(|part| dataset.add(part));
        }
        for path in entry.paths() {
            match self.path_parts(path.value(), &about) {
                Ok(parts) => parts.into_iter().for_each(|mut part| {
                    part.place = Some(path.span().clone());
                    dataset.add(part);
                }),
                Err(problem) => dataset.problems.push(problem),
            }
        }
        if dataset.parts.is_empty() && dataset.problems.is_empty() {
            dataset
                .problems
                .push("it names no volume, path or service".to_owned());
        }
        dataset
    }

    /// Returns a volume on each machine that runs its project, with what its services say of it.
    fn volume_parts(&self, project: &ProjectName, key: &str) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for service in self
            .services()
            .filter(|service| service.id().project() == project)
        {
            let declared = service.project();
            if !declared.volumes().contains_key(key) {
                continue;
            }
            let system = service.system();
            let mounted = service.service().mounts.iter().find(|field| {
                field.value.kind == MountKind::Volume && field.value.source.as_deref() == Some(key)
            });
            let part = mounted
                .and_then(|field| part_of(service, field, system))
                .unwrap_or_else(|| Part::new(service.id().host().cloned(), volume(declared, key)));
            match parts.iter_mut().find(|own| own.is_same_place(&part)) {
                Some(own) => own.learn(part),
                None => parts.push(part),
            }
        }
        parts
    }

    /// Returns a declared path on each machine that runs one of the projects, its slots filled as those projects fill them.
    fn path_parts(&self, text: &str, about: &[&ProjectName]) -> Result<Vec<Part>, String> {
        let hosts = |project: &Project| -> Vec<Option<HostName>> {
            let own = self
                .services()
                .filter(|service| std::ptr::eq(service.project(), project));
            own.map(|service| service.id().host().cloned()).collect()
        };
        let mut projects: Vec<&Project> = self
            .projects()
            .filter(|one| about.contains(&one.name()))
            .collect();
        let names = slots_of(text)?;
        if projects.is_empty() {
            // Nobody says whose path it is: whoever fills its slots does.
            let fills = |project: &&Project| {
                !names.is_empty()
                    && names
                        .iter()
                        .all(|(name, default)| default.is_some() || value(project, name).is_some())
            };
            projects = self.projects().filter(fills).collect();
        }
        let mut parts: Vec<Part> = Vec::new();
        for project in &projects {
            let path = fill(text, |name| value(project, name), self)?;
            for host in hosts(project) {
                let part = Part::new(host, Storage::Path(path.clone()));
                if !parts.iter().any(|own| own.is_same_place(&part)) {
                    parts.push(part);
                }
            }
        }
        if parts.is_empty() {
            let only = match self.instance().hosts().len() {
                1 => self.instance().hosts().next().map(|host| host.name().clone()),
                _ => None,
            };
            parts.push(Part::new(only, Storage::Path(fill(text, |_| None, self)?)));
        }
        Ok(parts)
    }
}

impl Part {
    /// Returns whether it is a path that holds the other's.
    fn is_above(&self, other: &Part) -> bool {
        match (&self.storage, &other.storage) {
            (Storage::Path(own), Storage::Path(path)) => {
                self.host == other.host && std::path::Path::new(path).starts_with(own)
            }
            _ => false,
        }
    }
}

/// Returns whether a mount of a service that is declared as a whole holds data of it.
fn is_data(field: &Field<Mount>, system: Option<&System>) -> bool {
    match system.and_then(|system| system.data_at(&field.value.target)) {
        Some(data) => data.class != Class::Cache,
        // Of what nobody knows, whatever it writes.
        None => system.is_none_or(|system| system.data().is_empty()) && !field.value.read_only,
    }
}

/// Returns the place of a mount that outlives its container; none for memory, sockets and configuration in the lab's folder.
fn part_of(service: ServiceRef<'_>, field: &Field<Mount>, system: Option<&System>) -> Option<Part> {
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
fn volume(project: &Project, key: &str) -> Storage {
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

fn value(project: &Project, name: &str) -> Option<String> {
    let found = project.values().find(|(own, _)| *own == name);
    found.map(|(_, value)| value.expose().to_owned())
}

/// Returns the variables of a path, each with its default: `${NAME}` and `${NAME:-default}`.
fn slots_of(text: &str) -> Result<Vec<(String, Option<String>)>, String> {
    let mut slots = Vec::new();
    split(text, |name, default| {
        slots.push((name.to_owned(), default.map(str::to_owned)));
        Ok(String::new())
    })?;
    Ok(slots)
}

fn fill(text: &str, value: impl Fn(&str) -> Option<String>, lab: &Lab) -> Result<String, String> {
    let is_secret = |name: &str| {
        let slot = lab.pattern().slots().iter().find(|(own, _)| own.as_str() == name);
        names_secret(name) || slot.is_some_and(|(_, slot)| slot.is_secret())
    };
    let path = split(text, |name, default| {
        if is_secret(name) {
            return Err(format!("path `{text}` has the secret `{name}` in it"));
        }
        let slot = lab.pattern().slots().iter().find(|(own, _)| own.as_str() == name);
        let usual = slot.and_then(|(_, slot)| slot.default()).or(default);
        let filled = value(name)
            .filter(|value| !value.is_empty())
            .or_else(|| usual.map(str::to_owned));
        filled.ok_or_else(|| format!("path `{text}`: nothing gives `{name}` a value"))
    })?;
    if path.starts_with('/') {
        Ok(path)
    } else {
        Err(format!("path `{text}` is not absolute"))
    }
}

/// Replaces each `${NAME}` and `${NAME:-default}` of a text.
fn split(
    text: &str,
    mut replace: impl FnMut(&str, Option<&str>) -> Result<String, String>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let inner = &rest[at + 2..];
        let end = inner
            .find('}')
            .ok_or_else(|| format!("path `{text}` has a `${{` without its `}}`"))?;
        let (name, default) = match inner[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&inner[..end], None),
        };
        out.push_str(&replace(name, default)?);
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}
