//! The repositories of a lab: [`Repositories`].

use std::collections::BTreeMap;
use std::fmt;
#[cfg(feature = "rustic")]
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(feature = "rustic")]
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

#[cfg(feature = "rustic")]
use super::password;
use super::{Entry, Repository, Watch};
use crate::error::{Error, ErrorKind, Result};
use crate::lab::{Lab, RepositoryEntry, RepositoryKind};
use crate::name::RepositoryName;
use crate::observed::{Backups, Holdings, Machine, Snapshot};
#[cfg(feature = "rustic")]
use crate::secret::SecretRef;

/// The repositories of a lab, by name. Cheap to clone: clones are the same repositories.
///
/// Each is opened when it is first asked for, its password looked for by then. One that this build or this machine cannot
/// work on says so, and does not keep the others from working.
#[derive(Clone, Default)]
pub struct Repositories(Arc<BTreeMap<RepositoryName, Way>>);

/// How to get at a repository.
enum Way {
    Open(Arc<dyn Repository>),
    #[cfg(feature = "rustic")]
    Rustic {
        path: PathBuf,
        password: SecretRef,
        /// Once its password was found.
        opened: Mutex<Option<Arc<dyn Repository>>>,
    },
    None {
        why: String,
        hint: String,
    },
}

impl Repositories {
    /// Returns these; of two with one name the later one.
    pub fn new(all: impl IntoIterator<Item = Arc<dyn Repository>>) -> Repositories {
        let named = |one: Arc<dyn Repository>| (one.name().clone(), Way::Open(one));
        Repositories(Arc::new(all.into_iter().map(named).collect()))
    }

    /// Returns those that instance.toml names. With the feature `rustic` restic's, on a path of this machine, can be worked
    /// on; the others say why not.
    pub fn of_lab(lab: &Lab, machine: Option<&Machine>) -> Repositories {
        let entries = lab.instance().repositories().values();
        let named = |entry: &RepositoryEntry| (entry.name().clone(), way(lab, entry, machine));
        Repositories(Arc::new(entries.map(named).collect()))
    }

    /// Returns their names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &RepositoryName> {
        self.0.keys()
    }

    /// Returns whether there is one that can be worked on.
    pub fn any(&self) -> bool {
        self.0.values().any(|way| !matches!(way, Way::None { .. }))
    }

    /// Returns the repository of this name. The first time it may wait for the file or program that has its password.
    ///
    /// # Errors
    /// `NotFound` where there is none of this name, or its password is not where it should be; `Unsupported` where this
    /// build or this machine cannot work on it.
    pub fn repository(&self, name: &str) -> Result<Arc<dyn Repository>> {
        let Some((name, way)) = self.0.iter().find(|(own, _)| own.as_str() == name) else {
            let error = Error::new(ErrorKind::NotFound, format!("find the repository `{name}`"));
            return Err(error.with_hint("instance.toml names them under `[repositories]`"));
        };
        match way {
            Way::Open(open) => Ok(open.clone()),
            Way::None { why, hint } => {
                let message = format!("work on repository `{name}`: {why}");
                Err(Error::new(ErrorKind::Unsupported, message).with_hint(hint.clone()))
            }
            #[cfg(feature = "rustic")]
            Way::Rustic {
                path,
                password: reference,
                opened,
            } => {
                let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(opened) = &*opened {
                    return Ok(opened.clone());
                }
                let secret = password::read(name, reference)?;
                let repository = super::rustic::RusticRepository::new(name.clone(), path.clone(), secret);
                Ok(opened.insert(Arc::new(repository)).clone())
            }
        }
    }

    /// Returns the snapshots of the repository of this name, oldest first. Dropping the future stops the asking.
    ///
    /// # Errors
    /// As [`repository`](Repositories::repository), and as the repository has.
    pub async fn snapshots(&self, name: &str) -> Result<Vec<Snapshot>> {
        self.found(name).await?.snapshots(&Watch::new()).await
    }

    /// Returns all that is in a snapshot of the repository of this name, by path; the snapshot is meant by its whole id.
    /// Dropping the future stops the reading.
    ///
    /// # Errors
    /// As [`repository`](Repositories::repository), `NotFound` where there is no such snapshot, and as the repository has.
    pub async fn browse(&self, name: &str, snapshot: &str) -> Result<Vec<Entry>> {
        self.found(name).await?.browse(snapshot, &Watch::new()).await
    }

    /// As [`repository`](Repositories::repository): on a thread of its own, since what has the password may take its time.
    async fn found(&self, name: &str) -> Result<Arc<dyn Repository>> {
        let (all, own) = (self.clone(), name.to_owned());
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // Nobody waits for what was dropped.
        let find = move || drop(sender.send(all.repository(&own)));
        let failed = || Error::new(ErrorKind::Internal, format!("open repository `{name}`"));
        std::thread::Builder::new()
            .name("password".into())
            .spawn(find)
            .map_err(|error| failed().with_source(error))?;
        receiver.await.map_err(|error| failed().with_source(error))?
    }

    /// Returns what each holds now. One that does not answer is in it, with the reason. Dropping the future stops the
    /// asking.
    pub async fn holdings(&self, at: Timestamp, watch: &Watch) -> Backups {
        let mut all = Vec::new();
        for name in self.names() {
            let asked = async {
                let repository = self.repository(name.as_str())?;
                let info = repository.probe(watch).await?;
                let snapshots = repository.snapshots(watch).await?;
                Ok((info, snapshots))
            };
            all.push(match asked.await {
                Ok((info, snapshots)) => {
                    let mut one = Holdings::new(name.clone(), at, info.source);
                    one.snapshots = Some(snapshots);
                    one.encrypted = Some(info.encrypted);
                    one.append_only = info.append_only;
                    one.id = info.id;
                    one
                }
                Err(error) => Holdings::new(name.clone(), at, "nobody").with_gap(&error),
            });
        }
        Backups::new(all)
    }
}

impl fmt::Debug for Repositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn way(lab: &Lab, entry: &RepositoryEntry, machine: Option<&Machine>) -> Way {
    let none = |why: String, hint: &str| Way::None {
        why,
        hint: hint.to_owned(),
    };
    let kind = match entry.kind() {
        Some(RepositoryKind::Restic) => RepositoryKind::Restic,
        Some(kind) => {
            return none(
                format!("repositories of `{}` are not worked on yet", kind.as_str()),
                "what copies into it is its own program",
            );
        }
        None => {
            return none(
                "it has no `kind`".to_owned(),
                "write `kind = \"restic\"` for it in instance.toml",
            );
        }
    };
    let location = entry.location().map_or("", |one| one.value().as_str());
    let path = location.strip_prefix("local:").unwrap_or(location);
    if !path.starts_with(['/', '~']) {
        return none(
            format!("its location `{location}` is not a path of this machine"),
            "restic's repositories are worked on in a folder so far; what copies into this one is its own program",
        );
    }
    let owner = entry.host().and_then(|host| lab.instance().host(host));
    match (owner, machine) {
        (Some(host), Some(machine)) if !machine.is(host) => {
            return none(
                format!(
                    "it is on host `{}`, and this machine is `{}`",
                    host.name(),
                    machine.name()
                ),
                "do it there; a machine is known by its name, or by `addresses` of its host in instance.toml",
            );
        }
        (Some(host), None) => {
            return none(
                format!(
                    "it is on host `{}`, and which machine this is, is not known",
                    host.name()
                ),
                "do it there",
            );
        }
        _ => {}
    }
    opened(entry, kind, path, none)
}

#[cfg(feature = "rustic")]
fn opened(entry: &RepositoryEntry, _: RepositoryKind, path: &str, none: impl Fn(String, &str) -> Way) -> Way {
    match entry.password() {
        Some(password) => Way::Rustic {
            path: password::at_home(std::path::Path::new(path)),
            password: password.clone(),
            opened: Mutex::default(),
        },
        None => none(
            "it has no `password`".to_owned(),
            "write where it is kept, in instance.toml: `password = \"file:PATH\"`",
        ),
    }
}

#[cfg(not(feature = "rustic"))]
fn opened(_: &RepositoryEntry, kind: RepositoryKind, _: &str, none: impl Fn(String, &str) -> Way) -> Way {
    none(
        format!("this build does not work on repositories of `{}`", kind.as_str()),
        "use a build that has the feature `rustic`",
    )
}
