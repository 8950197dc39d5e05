//! What repositories of backups really hold: [`Backups`], one [`Holdings`] for each repository.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, ErrorKind};
use crate::name::{DatasetName, HostName, RepositoryName};
use crate::plan::Depth;
use crate::view::{CheckView, DrillView, HoldingsView, SnapshotView};

/// What all repositories hold, each with when and by whom it was seen. Cheap to clone.
///
/// Invariant: one entry for each repository. One that did not answer is in it, with the reason.
///
/// ```
/// use homelab_core::observed::{Backups, Holdings, Snapshot};
///
/// let at = "2027-01-01T00:00:00Z".parse()?;
/// let mut offsite = Holdings::new("offsite".parse()?, at, "restic 0.18");
/// offsite.snapshots = Some(vec![Snapshot::new("4f1c2b", at).with_path("/srv/photos")]);
/// let backups = Backups::new([offsite]);
/// assert!(backups.repository("offsite").expect("given above").is_seen());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Backups {
    repositories: BTreeMap<RepositoryName, Arc<Holdings>>,
}

impl Backups {
    /// Returns what these repositories hold; of two with one name the later one counts.
    pub fn new(repositories: impl IntoIterator<Item = Holdings>) -> Backups {
        let named = |one: Holdings| (one.repository.clone(), Arc::new(one));
        Backups {
            repositories: repositories.into_iter().map(named).collect(),
        }
    }

    /// Returns the repositories, by name.
    pub fn repositories(&self) -> impl ExactSizeIterator<Item = &Holdings> {
        self.repositories.values().map(Arc::as_ref)
    }

    /// Returns the repository of this name.
    pub fn repository(&self, name: &str) -> Option<&Holdings> {
        self.repositories.get(name).map(Arc::as_ref)
    }
}

/// Shows which repositories there are: paths are private.
impl fmt::Debug for Backups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.repositories.keys()).finish()
    }
}

/// What one repository holds. What is absent is not known.
#[derive(Clone, PartialEq, Eq)]
pub struct Holdings {
    /// The repository, as the lab calls it.
    pub repository: RepositoryName,
    /// When it was asked.
    pub at: Timestamp,
    /// Who said so: `restic 0.18`; where nobody answered, what was tried.
    pub source: String,
    /// Its own id, where it has one.
    pub id: Option<String>,
    /// Its snapshots; none where they were not to be had.
    pub snapshots: Option<Vec<Snapshot>>,
    /// Why something was not to be had: the kind of failure, and what failed, as a fragment that reads after "failed to".
    pub gap: Option<(ErrorKind, String)>,
    /// Whether its content is encrypted.
    pub encrypted: Option<bool>,
    /// Whether whoever writes to it is kept from deleting, as its own interface says.
    pub append_only: Option<bool>,
    /// The last check of it that is recorded.
    pub check: Option<Check>,
    /// The last drill of each dataset from it that is recorded.
    pub drills: BTreeMap<DatasetName, Drill>,
}

impl Holdings {
    /// Returns a repository of which nothing is known but that it was asked.
    pub fn new(repository: RepositoryName, at: Timestamp, source: impl Into<String>) -> Holdings {
        Holdings {
            repository,
            at,
            source: source.into(),
            id: None,
            snapshots: None,
            gap: None,
            encrypted: None,
            append_only: None,
            check: None,
            drills: BTreeMap::new(),
        }
    }

    /// Sets why it did not answer.
    #[must_use]
    pub fn with_gap(mut self, error: &Error) -> Holdings {
        self.gap = Some((error.kind(), error.to_string()));
        self
    }

    /// Returns whether its snapshots were seen.
    pub fn is_seen(&self) -> bool {
        self.snapshots.is_some()
    }

    /// Returns it as plain data.
    pub fn view(&self) -> HoldingsView {
        let drill = |(dataset, drill): (&DatasetName, &Drill)| DrillView {
            dataset: dataset.to_string(),
            at: drill.at.to_string(),
            snapshot: drill.snapshot.clone(),
            passed: drill.passed,
            databases: drill.databases,
            proof: drill.proof.clone(),
        };
        let snapshots = self.snapshots.as_deref();
        HoldingsView {
            repository: self.repository.to_string(),
            at: self.at.to_string(),
            source: self.source.clone(),
            id: self.id.clone(),
            snapshots: snapshots.map(|all| all.iter().map(Snapshot::view).collect()),
            gap: self.gap.as_ref().map(|(kind, _)| kind.to_string()),
            gap_message: self.gap.as_ref().map(|(_, message)| message.clone()),
            encrypted: self.encrypted,
            append_only: self.append_only,
            check: self.check.map(|check| CheckView {
                at: check.at.to_string(),
                depth: check.depth.to_string(),
                passed: check.passed,
            }),
            drills: self.drills.iter().map(drill).collect(),
        }
    }
}

/// Shows how much there is: paths are private.
impl fmt::Debug for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holdings")
            .field("repository", &self.repository)
            .field("at", &self.at)
            .field("snapshots", &self.snapshots.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// Whether a run took all that it was to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Completeness {
    /// It did, as its own journal says.
    Complete,
    /// It did not: something could not be read.
    Partial,
    /// Nobody has recorded it: others feed the repository. It counts, is labelled, and a drill settles it.
    NotRecorded,
}

impl Completeness {
    /// Returns the word for it: `not_recorded`.
    pub fn as_str(self) -> &'static str {
        match self {
            Completeness::Complete => "complete",
            Completeness::Partial => "partial",
            Completeness::NotRecorded => "not_recorded",
        }
    }
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One snapshot of a repository, and what it holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: String,
    /// The moment whose state it holds.
    pub at: Timestamp,
    /// The machine that it was made of; none where it does not say.
    pub host: Option<String>,
    /// The paths that it was made of, absolute.
    pub paths: Vec<String>,
    /// Paths below those that were looked for in it, and are not there: left out, or empty.
    pub lacks: Vec<String>,
    /// Volumes that it holds whatever their path, as `PROJECT/VOLUME`: dumps, and copies made through an engine.
    pub volumes: Vec<String>,
    /// Whether its run took all that it was to take.
    pub completeness: Completeness,
    /// Whether it holds one moment: a dump, a copy of what was stopped, a snapshot of the file system. A copy of the files
    /// of a database that was writing is none.
    pub consistent: bool,
}

impl Snapshot {
    /// Returns a snapshot that holds nothing yet, of which nobody has recorded whether it is whole.
    pub fn new(id: impl Into<String>, at: Timestamp) -> Snapshot {
        Snapshot {
            id: id.into(),
            at,
            host: None,
            paths: Vec::new(),
            lacks: Vec::new(),
            volumes: Vec::new(),
            completeness: Completeness::NotRecorded,
            consistent: false,
        }
    }

    /// Adds a path that it was made of.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Snapshot {
        self.paths.push(path.into());
        self
    }

    /// Sets the machine that it was made of.
    #[must_use]
    pub fn on(mut self, host: &HostName) -> Snapshot {
        self.host = Some(host.to_string());
        self
    }

    /// Returns whether it holds all that is below a path: the path or one above it was asked for, and nothing of it is
    /// known to be absent.
    pub fn holds(&self, path: &str) -> bool {
        let path = Path::new(path);
        let asked = self.paths.iter().any(|own| path.starts_with(own));
        let lacks = |absent: &String| path.starts_with(absent) || Path::new(absent).starts_with(path);
        asked && !self.lacks.iter().any(lacks)
    }

    /// Returns it as plain data.
    pub fn view(&self) -> SnapshotView {
        SnapshotView {
            id: self.id.clone(),
            at: self.at.to_string(),
            host: self.host.clone(),
            paths: self.paths.clone(),
            volumes: self.volumes.clone(),
            completeness: self.completeness.to_string(),
            consistent: self.consistent,
        }
    }
}

/// Shows the id and the moment: paths are private.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("id", &self.id)
            .field("at", &self.at)
            .field("completeness", &self.completeness)
            .finish_non_exhaustive()
    }
}

/// A check of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// When it ended.
    pub at: Timestamp,
    /// How much it read.
    pub depth: Depth,
    /// Whether all that was read is whole.
    pub passed: bool,
}

/// A drill: a dataset was restored from a repository, and looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// When it ended.
    pub at: Timestamp,
    /// The snapshot that was restored.
    pub snapshot: String,
    /// Whether what came back is what was saved.
    pub passed: bool,
    /// Whether the databases in it were opened and found whole.
    pub databases: bool,
    /// What was proven, or what failed, in one fragment.
    pub proof: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_holds_what_is_below_its_paths_and_not_absent() {
        let at = "2027-01-01T00:00:00Z".parse().expect("a time");
        let mut snapshot = Snapshot::new("1", at).with_path("/srv").with_path("/etc/app/");
        let holds = |snapshot: &Snapshot, path: &str| snapshot.holds(path);
        assert!(holds(&snapshot, "/srv") && holds(&snapshot, "/srv/photos/"));
        assert!(holds(&snapshot, "/etc/app"));
        assert!(!holds(&snapshot, "/srv2") && !holds(&snapshot, "/") && !holds(&snapshot, "/etc"));
        snapshot.lacks.push("/srv/photos/cache".into());
        assert!(!holds(&snapshot, "/srv/photos"), "a part of it is absent");
        assert!(!holds(&snapshot, "/srv/photos/cache/a"));
        assert!(holds(&snapshot, "/srv/music"));
    }

    #[test]
    fn debug_shows_no_path() {
        let at = "2027-01-01T00:00:00Z".parse().expect("a time");
        let mut one = Holdings::new("r".parse().expect("a name"), at, "restic");
        one.snapshots = Some(vec![Snapshot::new("1", at).with_path("/canary")]);
        let backups = Backups::new([one.clone()]);
        assert!(!format!("{backups:?} {one:?} {:?}", one.snapshots).contains("canary"));
    }
}
