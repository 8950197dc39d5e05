//! Data worth a verdict: what lab.toml declares, and what the catalogue finds beside that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::SignedDuration;

use super::part::{Part, Storage, is_data, part_of, volume};
use super::places;
use super::slots::{fill, slots_of, value};
use crate::compose::{MountKind, Project};
use crate::lab::{DatasetEntry, Lab, Tier};
use crate::name::{DatasetName, HostName, ProjectName};
use crate::span::Span;
use crate::system::Class;

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
/// All data that a lab is known to have.
pub(super) struct Inventoried {
    pub(super) datasets: Vec<Dataset>,
    /// Volumes and writable folders of which nobody knows whether their data matters.
    pub(super) unknown: Vec<Part>,
}

impl Lab {
    /// Returns the data that is worth a verdict: what lab.toml declares, in its order; then what it does not mention and the
    /// catalogue knows to matter, by project. Pure.
    ///
    /// What is found is never reproducible, and of a sandbox only what cannot be made again.
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
        let with_need = |one: &Dataset| {
            let needed = one.class.is_none() || one.needs_copies();
            let parts = one.parts.iter().cloned();
            parts.map(|part| (part, needed)).collect::<Vec<_>>()
        };
        let taken: Vec<(Part, bool)> = datasets.iter().flat_map(with_need).collect();
        let names: BTreeSet<String> = datasets.iter().map(|one| one.name.to_string()).collect();
        // What a declared path holds, it speaks for; that all of it can be made again, only of the places that it names.
        let is_taken = |part: &Part| {
            let names =
                |(own, needed): &(Part, bool)| own.is_same_place(part) || *needed && own.is_above(part);
            taken.iter().any(names)
        };
        let mut found: BTreeMap<(Class, ProjectName), Vec<Part>> = BTreeMap::new();
        let mut unknown: Vec<Part> = Vec::new();
        let mut known: Vec<Part> = Vec::new();
        for service in self.services() {
            let sandbox = service.tier() == Tier::Sandbox;
            let system = service.system();
            for field in &service.service().mounts {
                let data = system.and_then(|system| system.data_at(&field.value.target));
                let Some(part) = part_of(service, field, system) else {
                    let nowhere = field.is_unset() || field.value.source.is_none();
                    if nowhere && !sandbox && places::may_hold_data(&field.value, data) {
                        unknown.push(places::unset(service, field));
                    }
                    continue;
                };
                if is_taken(&part) {
                    continue;
                }
                match data.map(|data| data.class) {
                    // Where what cannot be made again is tried out, it is lost as surely.
                    Some(class @ Class::Irreplaceable) => {
                        known.push(part.clone());
                        let key = (class, service.id().project().clone());
                        found.entry(key).or_default().push(part);
                    }
                    _ if sandbox => known.push(part),
                    Some(class) => {
                        known.push(part.clone());
                        if class == Class::Important {
                            let key = (class, service.id().project().clone());
                            found.entry(key).or_default().push(part);
                        }
                    }
                    None if places::may_hold_data(&field.value, None) => unknown.push(part),
                    None => {}
                }
            }
        }
        // One place may be worth different things to two services, and be used by two projects: the dearest has it, and of
        // those the first.
        let mut had: Vec<Part> = Vec::new();
        for parts in found.values_mut() {
            let mut own: Vec<Part> = Vec::new();
            for part in std::mem::take(parts) {
                if let Some(same) = own.iter_mut().find(|one| one.is_same_place(&part)) {
                    same.learn(part);
                } else if !had.iter().any(|one| one.is_same_place(&part)) {
                    own.push(part);
                }
            }
            had.extend(own.iter().cloned());
            *parts = own;
        }
        found.retain(|_, parts| !parts.is_empty());
        let mut projects: BTreeMap<&ProjectName, usize> = BTreeMap::new();
        for (_, project) in found.keys() {
            *projects.entry(project).or_default() += 1;
        }
        let mut in_order: Vec<_> = found.iter().collect();
        in_order.sort_by_key(|((class, project), _)| (project, class));
        for ((class, project), parts) in in_order {
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
            datasets.push(Dataset {
                name,
                class: Some(*class),
                recovery_point: crate::lab::recovery_point_of(*class),
                declared: None,
                parts: parts.clone(),
                problems: Vec::new(),
            });
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
            recovery_point: match entry.class() {
                // Of what nobody knows it may be that it cannot be made again.
                None | Some(Class::Irreplaceable) => {
                    let usual = || crate::lab::recovery_point_of(Class::Irreplaceable);
                    entry
                        .recovery_point()
                        .or_else(usual)
                        .map(|point| point.min(crate::lab::OLDEST))
                }
                Some(_) => entry.recovery_point(),
            },
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
