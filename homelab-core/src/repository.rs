//! Repositories of backups: the trait [`Repository`] that each kind of them implements.
//!
//! ```
//! use homelab_core::repository::memory::MemoryRepository;
//! use homelab_core::repository::{Repository, Source, Watch};
//!
//! # let folder = tempfile::tempdir()?;
//! # let photos = folder.path().join("photos");
//! # std::fs::create_dir(&photos)?;
//! # std::fs::write(photos.join("a.jpg"), "a")?;
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let repository = MemoryRepository::new("offsite".parse()?);
//! let watch = Watch::new();
//! repository.init(&watch).await?;
//! let source = Source::new("nas".parse()?, "2027-01-01T00:00:00Z".parse()?, [photos.clone()]);
//! let run = repository.run(&source, &watch).await?;
//! assert!(run.unreadable.is_empty());
//!
//! let back = folder.path().join("back");
//! let restored = repository.restore(&run.snapshot.id, &back, &watch).await?;
//! assert_eq!(restored.files, 1);
//! # assert_eq!(std::fs::read_to_string(back.join(photos.strip_prefix("/")?).join("a.jpg"))?, "a");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds for every repository
//! - **Whole or said.** A run that could not read something is an outcome, not an error: [`Run::unreadable`] has it, and the
//!   snapshot says of itself that it is partial. A run that fails or is cancelled leaves no snapshot.
//! - **Restoring** goes to a fresh folder. A file that is there under its name is whole.
//! - **Dropping.** A future that is dropped cancels the work; it stops at the next point at which nothing is lost.
//! - **Errors.** [`NotInitialised`](ErrorKind::NotInitialised): there is none yet.
//!   [`WrongKey`](ErrorKind::WrongKey): the password does not fit. [`Locked`](ErrorKind::Locked): somebody else works on it,
//!   and the hint says who, as far as that is known. [`NoSpace`](ErrorKind::NoSpace): the disk is full.
//!   [`Damaged`](ErrorKind::Damaged): it is not what was stored. [`NotFound`](ErrorKind::NotFound): there is no such
//!   snapshot. [`Conflict`](ErrorKind::Conflict): the target is not fresh, or there is a repository already.
//!   [`Cancelled`](ErrorKind::Cancelled).

#![expect(
    clippy::disallowed_methods,
    reason = "repositories read what is copied, and write what is restored"
)]

mod all;
pub mod contract;
pub mod memory;
#[cfg(feature = "rustic")]
mod password;
mod restore;
#[cfg(feature = "rustic")]
pub mod rustic;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::all::Repositories;
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::name::{HostName, RepositoryName};
use crate::observed::{Check, Completeness, Snapshot};
use crate::plan::Depth;
use crate::view::EntryView;

/// A repository: the least that an implementer owes.
///
/// What holds for every one is in the [module's page](self); whoever implements one runs [`contract`] on it.
#[async_trait]
pub trait Repository: Send + Sync + fmt::Debug {
    /// Returns its name, as errors and evidence have it.
    fn name(&self) -> &RepositoryName;

    /// Looks whether it is there and can be opened.
    async fn probe(&self, watch: &Watch) -> Result<Info>;

    /// Makes it: `Conflict` where there is one already, or something else.
    async fn init(&self, watch: &Watch) -> Result<()>;

    /// Copies what is to be copied into a new snapshot.
    async fn run(&self, source: &Source, watch: &Watch) -> Result<Run>;

    /// Returns every snapshot, oldest first.
    async fn snapshots(&self, watch: &Watch) -> Result<Vec<Snapshot>>;

    /// Returns all that is in a snapshot, by path.
    async fn browse(&self, snapshot: &str, watch: &Watch) -> Result<Vec<Entry>>;

    /// Reads it, as deep as is asked, and returns what is wrong.
    async fn check(&self, depth: Depth, watch: &Watch) -> Result<Checked>;

    /// Writes all of a snapshot below a folder that does not exist or is empty: `/srv/a` becomes `FOLDER/srv/a`.
    async fn restore(&self, snapshot: &str, folder: &Path, watch: &Watch) -> Result<Restored>;

    /// Forgets these snapshots. Their data stays until [`prune`](Repository::prune) takes it out.
    async fn forget(&self, snapshots: &[String], watch: &Watch) -> Result<()>;

    /// Takes out the data that no snapshot has any more. Only one prunes at a time: `Locked` for the others.
    async fn prune(&self, watch: &Watch) -> Result<Pruned>;
}

/// What one who waits for work on a repository hears, and how they stop it. Cheap to clone.
#[derive(Clone, Default)]
pub struct Watch {
    cancel: Cancel,
    report: Option<Arc<dyn Fn(Event) + Send + Sync>>,
}

impl Watch {
    /// Returns one that hears nothing, and that nobody stops.
    pub fn new() -> Watch {
        Watch::default()
    }

    /// Sets the wish that stops the work.
    #[must_use]
    pub fn with_cancel(mut self, cancel: Cancel) -> Watch {
        self.cancel = cancel;
        self
    }

    /// Sets who is told what happens. It is called on the work's own threads and has to return soon.
    #[must_use]
    pub fn reporting(mut self, report: impl Fn(Event) + Send + Sync + 'static) -> Watch {
        self.report = Some(Arc::new(report));
        self
    }

    /// Returns the wish that stops the work.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Tells what happens.
    pub fn report(&self, event: Event) {
        if let Some(report) = &self.report {
            report(event);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}

/// What happens while a repository is worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something began.
    Phase(Phase),
    /// So much is done since that began.
    Progress {
        /// Files.
        files: u64,
        /// Bytes.
        bytes: u64,
    },
    /// Something could not be read, and is not in the snapshot.
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The repository is opened, and its index read.
    Open,
    /// Files are read, and what is new is stored.
    Copy,
    /// Stored data is read and checked.
    Check,
    /// Files are written.
    Restore,
    /// What nothing needs any more is taken out.
    Prune,
}

/// What is known of a repository that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// What looked: `rustic 0.13`.
    pub source: String,
    /// Its own id, where it has one.
    pub id: Option<String>,
    /// Whether its content is encrypted.
    pub encrypted: bool,
    /// Whether those who write to it are kept from deleting; none where it does not say.
    pub append_only: Option<bool>,
}

/// What is to be copied.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// The machine whose data it is.
    pub host: HostName,
    /// The moment that the snapshot is to be of.
    pub at: Timestamp,
    /// The paths, absolute.
    pub paths: Vec<PathBuf>,
    /// The volumes that these paths stand for, `PROJECT/VOLUME`.
    pub volumes: Vec<String>,
    /// Whether nothing writes meanwhile, so that the copy is of one moment.
    pub consistent: bool,
}

impl Source {
    /// Returns these paths of a machine as a source.
    pub fn new(host: HostName, at: Timestamp, paths: impl IntoIterator<Item = PathBuf>) -> Source {
        Source {
            host,
            at,
            paths: paths.into_iter().collect(),
            volumes: Vec::new(),
            consistent: false,
        }
    }

    /// Returns an error unless it names paths, and each is absolute and plain.
    fn validated(&self) -> Result<()> {
        if self.paths.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "back up nothing").with_hint("name at least one path"));
        }
        let plain = |path: &&PathBuf| {
            use std::path::Component::{Normal, RootDir};
            !path.is_absolute() || path.components().any(|part| !matches!(part, Normal(_) | RootDir))
        };
        match self.paths.iter().find(plain) {
            None => Ok(()),
            Some(path) => Err(
                Error::new(ErrorKind::Invalid, format!("back up `{}`", path.display()))
                    .with_hint("name absolute paths without `..`"),
            ),
        }
    }
}

/// Shows how many paths there are: they are private.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("at", &self.at)
            .field("paths", &self.paths.len())
            .finish_non_exhaustive()
    }
}

/// What a run has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The snapshot that it made.
    pub snapshot: Snapshot,
    /// How many files it holds.
    pub files: u64,
    /// How many bytes those have.
    pub bytes: u64,
    /// How many bytes were added to the repository.
    pub added: u64,
    /// What could not be read, with why: the snapshot is partial unless this is empty.
    pub unreadable: Vec<(PathBuf, String)>,
}

impl Run {
    /// Returns whether it took all that it was to take.
    pub fn completeness(&self) -> Completeness {
        match self.unreadable.is_empty() {
            true => Completeness::Complete,
            false => Completeness::Partial,
        }
    }
}

/// What something in a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, socket or pipe.
    Special,
}

impl EntryKind {
    /// Returns the word for it: `folder`.
    pub fn as_str(self) -> &'static str {
        match self {
            EntryKind::File => "file",
            EntryKind::Folder => "folder",
            EntryKind::Link => "link",
            EntryKind::Special => "special",
        }
    }
}

/// Something in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its path, absolute.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// How many bytes it has, of a file.
    pub size: u64,
}

impl Entry {
    /// Returns it as plain data.
    pub fn view(&self) -> EntryView {
        EntryView {
            path: self.path.to_string_lossy().into_owned(),
            kind: self.kind.as_str().to_owned(),
            size: self.size,
        }
    }
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// How much it read.
    pub depth: Depth,
    /// What is wrong, each as a sentence; empty where all that was read is whole.
    pub faults: Vec<String>,
}

impl Checked {
    /// Returns it as evidence.
    pub fn evidence(&self, at: Timestamp) -> Check {
        Check {
            at,
            depth: self.depth,
            passed: self.faults.is_empty(),
        }
    }
}

/// What was restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// How many files.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What was left out, with why: devices, sockets, pipes, and owners that could not be given.
    pub left_out: Vec<(PathBuf, String)>,
}

/// What pruning has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many bytes were taken out.
    pub removed: u64,
    /// How many bytes are marked, and taken out by a later run.
    pub marked: u64,
}
