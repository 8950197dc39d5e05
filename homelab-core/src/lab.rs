//! The [`Lab`]: what is wanted, from files: a pattern, an instance, and Compose projects.
//!
//! Any folder with Compose files in it is a lab; `lab.toml` (the [`Pattern`], which can be shared) and
//! `instance.toml` (the [`Instance`], which is private) add what no Compose file says. Loading never fails for what a
//! file holds: what is wrong is in [`Lab::diagnostics`], and the rest of the file is used.
//!
//! ```
//! use homelab_core::Lab;
//!
//! let lab = Lab::from_texts(
//!     "home",
//!     [
//!         ("services/immich/compose.yaml", "services: { server: { image: immich } }"),
//!         ("services/immich/.env", "TZ=Europe/Vienna"),
//!         ("lab.toml", "[tiers]\nproduction = ['immich']"),
//!         ("instance.toml", "[hosts.nas]\naddresses = ['192.0.2.10']"),
//!     ],
//! );
//! assert!(lab.diagnostics().is_empty(), "{:?}", lab.diagnostics());
//! let server = lab.service("immich/server")?;
//! assert_eq!(server.id().to_string(), "nas:immich/server");
//! assert_eq!(server.tier(), homelab_core::lab::Tier::Production);
//! # Ok::<(), homelab_core::Error>(())
//! ```

mod build;
mod check;
mod discover;
mod instance;
mod load;
mod manifest;
mod pattern;
mod private;
mod read;
pub(crate) mod rules;
mod running;
pub(crate) mod schema;
mod slot;
mod unsaid;
mod versioned;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub use instance::{
    AccessTest, EngineEntry, Forward, Host, HostKind, Instance, Interface, Person, PortRange, ProjectEntry,
    RepositoryEntry, RepositoryKind, Tailnet,
};
pub(crate) use manifest::matches_glob;
pub use manifest::{FileKind, LabFile, Manifest};
pub use pattern::{
    Allowed, Audience, BackupPolicy, DatasetEntry, Exception, MitigationKind, Pattern, Policy, Retention,
    Schedule, Selector, Tier,
};
pub(crate) use pattern::{OLDEST, recovery_point_of, retention};
pub(crate) use running::Widened;
pub use schema::{instance_schema, pattern_schema};
pub use slot::Slot;
pub(crate) use unsaid::Unsaid;

use crate::compose::{Project, Service};
use crate::error::{Error, ErrorKind, Result};
use crate::finding::Finding;
use crate::name::{HostName, ServiceId, ServiceName};
use crate::service::image::ImageReference;
use crate::system::{Catalog, System, image_of};

/// What is wanted, from files. Immutable and cheap to clone.
///
/// Invariants: no two projects of one machine have the same name; every service of every project is there once for
/// each machine that runs it.
#[derive(Clone)]
pub struct Lab(Arc<Inner>);

struct Inner {
    name: String,
    root: PathBuf,
    pattern: Pattern,
    instance: Instance,
    projects: Vec<Project>,
    services: Vec<Entry>,
    manifest: Manifest,
    /// Made when first asked for: many who load a lab recognise nothing.
    catalog: OnceLock<Catalog>,
    diagnostics: Vec<Finding>,
    /// Those of the diagnostics that only the disk could show.
    unread: Vec<Finding>,
    unsaid: Unsaid,
}

/// One service on one machine: indices into the lab's own lists.
struct Entry {
    id: ServiceId,
    project: usize,
    /// Its place among the project's services, which stays when another takes it.
    service: usize,
    host: Option<HostName>,
    tier: Tier,
    /// What it is, once somebody asked.
    recognised: OnceLock<Recognised>,
}

/// The image of a service, as far as it can be read, and where in the catalog the application is that it is.
struct Recognised {
    image: Option<ImageReference>,
    system: Option<u32>,
}

impl Lab {
    /// Returns the lab's name: that of its folder.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the lab's folder.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Returns what is wrong with the lab's files, those of its projects included; none means that all is valid.
    pub fn diagnostics(&self) -> &[Finding] {
        &self.0.diagnostics
    }

    /// Returns those of the diagnostics that loading found on the disk, and that no text shows.
    pub(crate) fn unread(&self) -> &[Finding] {
        &self.0.unread
    }

    /// Returns what takes secret values out of texts.
    pub(crate) fn unsaid(&self) -> &Unsaid {
        &self.0.unsaid
    }

    /// Returns what lab.toml says; everything is absent where there is no such file.
    pub fn pattern(&self) -> &Pattern {
        &self.0.pattern
    }

    /// Returns what instance.toml says; everything is absent where there is no such file.
    pub fn instance(&self) -> &Instance {
        &self.0.instance
    }

    /// Returns the applications that are recognised: the library's own, and those of lab.toml.
    pub fn catalog(&self) -> &Catalog {
        let own = self.pattern().systems();
        if own.is_empty() {
            return Catalog::builtin();
        }
        self.0.catalog.get_or_init(|| {
            Catalog::with(
                own.iter()
                    .map(|(name, system)| (name.clone(), system.value().clone())),
            )
        })
    }

    /// Returns the lab's files, as they were when it was loaded.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// Returns every project once, however many machines run it, in the order of their folders.
    pub fn projects(&self) -> impl ExactSizeIterator<Item = &Project> {
        self.0.projects.iter()
    }

    /// Returns every service, once for each machine that runs it, in the order of projects and files.
    pub fn services(&self) -> impl ExactSizeIterator<Item = ServiceRef<'_>> {
        self.0.services.iter().map(|entry| self.reference(entry))
    }

    /// Returns the project of this name.
    ///
    /// # Errors
    /// `NotFound` with the nearest name, or `Ambiguous` when several machines each have their own project of it.
    pub fn project(&self, name: &str) -> Result<&Project> {
        let mut found = self.projects().filter(|project| project.name().as_str() == name);
        match (found.next(), found.next()) {
            (Some(project), None) => Ok(project),
            (Some(_), Some(_)) => Err(
                Error::new(ErrorKind::Ambiguous, format!("choose a project named `{name}`"))
                    .with_hint("several folders have a project of this name: name a service with its machine, `HOST:PROJECT/SERVICE`"),
            ),
            (None, _) => {
                let error = Error::new(ErrorKind::NotFound, format!("find project `{name}`"));
                Err(match nearest(name, self.projects().map(|project| project.name().as_str())) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error,
                })
            }
        }
    }

    /// Returns the service that a person names: `immich/server`, `nas:immich/server`, or a bare `immich` that is the
    /// name of one service, or of a project with one service.
    ///
    /// A bare name that is both a project and a service in it, such as `traefik/traefik`, means that service.
    ///
    /// # Errors
    /// `NotFound` with the nearest name, `Ambiguous` with the candidates.
    pub fn service(&self, name: &str) -> Result<ServiceRef<'_>> {
        let (host, rest) = match name.split_once(':') {
            Some((host, rest)) => (Some(host), rest),
            None => (None, name),
        };
        let on_host = |entry: &&Entry| {
            host.is_none_or(|host| entry.host.as_ref().is_some_and(|own| own.as_str() == host))
        };
        let entries = self.0.services.iter().filter(on_host);
        let mut found: Vec<&Entry> = match rest.split_once('/') {
            Some((project, service)) => entries
                .filter(|entry| entry.project_name() == project && entry.service_name() == service)
                .collect(),
            None => entries
                .filter(|entry| entry.project_name() == rest || entry.service_name() == rest)
                .collect(),
        };
        if found.len() > 1 {
            let both = |entry: &&&Entry| entry.project_name() == rest && entry.service_name() == rest;
            let exact: Vec<&Entry> = found.iter().filter(both).copied().collect();
            if exact.len() == 1 {
                found = exact;
            }
        }
        match found.as_slice() {
            [entry] => Ok(self.reference(entry)),
            [] => {
                let error = Error::new(ErrorKind::NotFound, format!("find service `{name}`"));
                Err(match self.nearest_service(name) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error,
                })
            }
            several => {
                let names: Vec<String> = several.iter().map(|entry| format!("`{}`", entry.id)).collect();
                Err(
                    Error::new(ErrorKind::Ambiguous, format!("choose a service named `{name}`"))
                        .with_hint(format!("it could be {}", in_words(&names, "or", 8))),
                )
            }
        }
    }

    fn nearest_service(&self, name: &str) -> Option<String> {
        let ids: Vec<String> = self.0.services.iter().map(|entry| entry.id.to_string()).collect();
        let short: Vec<String> = self
            .0
            .services
            .iter()
            .map(|entry| format!("{}/{}", entry.project_name(), entry.service_name()))
            .collect();
        let bare = self.0.services.iter().map(Entry::service_name);
        let projects = self.projects().map(|project| project.name().as_str());
        nearest(
            name,
            short
                .iter()
                .map(String::as_str)
                .chain(ids.iter().map(String::as_str))
                .chain(bare)
                .chain(projects),
        )
        .map(str::to_owned)
    }

    fn reference<'a>(&'a self, entry: &'a Entry) -> ServiceRef<'a> {
        let project = &self.0.projects[entry.project];
        ServiceRef {
            lab: self,
            entry,
            project,
            service: &project.services()[entry.service],
        }
    }
}

impl Entry {
    /// Returns an entry for every service of a project, which is the lab's project of this number.
    fn of(
        number: usize,
        project: &Project,
        host: Option<&HostName>,
        tier: Tier,
    ) -> impl Iterator<Item = Entry> {
        let services = project.services().keys().enumerate();
        services.map(move |(at, service)| Entry {
            id: ServiceId::new(host.cloned(), project.name().clone(), service.clone()),
            project: number,
            service: at,
            host: host.cloned(),
            tier,
            recognised: OnceLock::new(),
        })
    }

    fn project_name(&self) -> &str {
        self.id.project().as_str()
    }

    fn service_name(&self) -> &str {
        self.id.service().as_str()
    }
}

/// Shows how much there is, and nothing of what: values of the instance are private.
impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lab")
            .field("name", &self.0.name)
            .field("projects", &self.0.projects.len())
            .field("services", &self.0.services.len())
            .field("diagnostics", &self.0.diagnostics.len())
            .finish_non_exhaustive()
    }
}

/// One service on one machine.
#[derive(Clone, Copy)]
pub struct ServiceRef<'a> {
    lab: &'a Lab,
    entry: &'a Entry,
    project: &'a Project,
    service: &'a Service,
}

impl<'a> ServiceRef<'a> {
    /// Returns its identity, with the machine where the lab says which.
    pub fn id(&self) -> &'a ServiceId {
        &self.entry.id
    }

    /// Returns its name within the project.
    pub fn name(&self) -> &'a ServiceName {
        self.entry.id.service()
    }

    /// Returns the project that it belongs to.
    pub fn project(&self) -> &'a Project {
        self.project
    }

    /// Returns what the Compose file says of it.
    pub fn service(&self) -> &'a Service {
        self.service
    }

    /// Returns the machine that runs it, where the lab says which.
    pub fn host(&self) -> Option<&'a Host> {
        self.lab.instance().host(self.entry.host.as_ref()?)
    }

    /// Returns its project's tier.
    pub fn tier(&self) -> Tier {
        self.entry.tier
    }

    /// Returns its image, as far as it can be read.
    pub(crate) fn image(&self) -> Option<&'a ImageReference> {
        self.recognised().image.as_ref()
    }

    /// Returns the application that it is recognised as.
    pub(crate) fn system(&self) -> Option<&'a System> {
        self.lab.catalog().at(self.recognised().system?)
    }

    fn recognised(&self) -> &'a Recognised {
        self.entry.recognised.get_or_init(|| {
            let image = image_of(self.service);
            let system = self.lab.catalog().number_of(self.service, image.as_ref());
            Recognised { image, system }
        })
    }
}

impl fmt::Debug for ServiceRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceRef({})", self.id())
    }
}

/// Returns the candidate that is nearest to a text, when it is near enough to be what was meant: at most a third of
/// its letters differ.
pub(crate) fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(text, candidate), candidate))
        .filter(|(distance, candidate)| *distance * 3 <= candidate.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns how many letters must be added, dropped, replaced or swapped with their neighbour to make one text the
/// other. Texts past 64 letters are not compared: no name that is typed by hand is so long.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(65).collect();
    let right: Vec<char> = right.chars().take(65).collect();
    if left.len() > 64 || right.len() > 64 {
        return usize::MAX / 4;
    }
    let width = right.len() + 1;
    let mut rows: Vec<usize> = vec![0; (left.len() + 1) * width];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i * width + j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(left[i - 1] != right[j - 1]);
                let mut best = (rows[(i - 1) * width + j] + 1)
                    .min(rows[i * width + j - 1] + 1)
                    .min(rows[(i - 1) * width + j - 1] + same);
                if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                    best = best.min(rows[(i - 2) * width + j - 2] + 1);
                }
                best
            };
        }
    }
    rows[left.len() * width + right.len()]
}

/// Returns a list as people write it, `a, b or c`, and how many more there are past a limit.
pub(crate) fn in_words(items: &[String], joint: &str, limit: usize) -> String {
    let more = items.len().saturating_sub(limit);
    let shown = &items[..items.len() - more];
    match (shown, more) {
        ([], _) => String::new(),
        ([only], 0) => only.clone(),
        ([first @ .., last], 0) => format!("{} {joint} {last}", first.join(", ")),
        (shown, more) => format!("{} {joint} {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests;
