//! Steps that work on repositories of backups.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Precondition, Step, StepKind};
use crate::error::{Error, ErrorKind};
use crate::name::{DatasetName, HostName, RepositoryName};

/// How much of a repository a check reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// What holds it together: indexes, trees, and that every pack is there. A flipped bit in the data is not found.
    Structure,
    /// One of so many equal parts of the data too.
    Part {
        /// Which, from 1.
        number: u32,
        /// Of how many.
        of: u32,
    },
    /// All data.
    All,
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Depth::Structure => f.write_str("structure"),
            Depth::Part { number, of } => write!(f, "part {number} of {of}"),
            Depth::All => f.write_str("all data"),
        }
    }
}

/// Reads `structure`, `all`, or a part such as `2/7`.
impl FromStr for Depth {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let part = || {
            let (number, of) = text.split_once('/')?;
            let (number, of) = (number.parse().ok()?, of.parse().ok()?);
            (number >= 1 && number <= of).then_some(Depth::Part { number, of })
        };
        match text {
            "structure" => Ok(Depth::Structure),
            "all" => Ok(Depth::All),
            _ => part().ok_or_else(|| {
                let message = format!("read `{}` as how deep to check", text.escape_debug());
                Error::new(ErrorKind::Invalid, message)
                    .with_hint("write `structure`, `all`, or one of so many parts: `1/7` to `7/7`")
            }),
        }
    }
}

/// One repository, and what is done with it.
#[derive(Clone, PartialEq, Eq)]
pub struct BackupStep {
    /// The repository.
    pub repository: RepositoryName,
    /// What is done.
    pub action: BackupAction,
}

/// What a step does with a repository.
#[derive(Clone, PartialEq, Eq)]
pub enum BackupAction {
    /// Makes it.
    Make,
    /// Copies a dataset into a new snapshot.
    Run {
        /// The dataset.
        dataset: DatasetName,
        /// The machine that the snapshot is of: this one.
        host: HostName,
        /// The moment of the plan, which the snapshot gets: by it a plan that is applied again knows what is done.
        at: Timestamp,
        /// What is copied, absolute.
        paths: Vec<String>,
        /// The volumes that these paths stand for, `PROJECT/VOLUME`.
        volumes: Vec<String>,
        /// Which of it are files of a database that may be writing meanwhile.
        live: Vec<String>,
    },
    /// Reads it, and says what is wrong.
    Check {
        /// How much of it.
        depth: Depth,
    },
    /// Writes all of a snapshot below a folder that is not there, or empty.
    Restore {
        /// The dataset that it is restored for.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: String,
        /// The moment that it holds.
        at: Timestamp,
        /// The folder, absolute.
        folder: String,
    },
    /// Restores a snapshot into a folder of its own for a while, and compares it with what was copied.
    Drill {
        /// The dataset.
        dataset: DatasetName,
        /// The snapshot.
        snapshot: String,
        /// The moment that it holds.
        at: Timestamp,
        /// What was copied, absolute; empty where that is not on this machine.
        paths: Vec<String>,
    },
    /// Forgets snapshots. Their data stays until it is pruned.
    Forget {
        /// The dataset that they are of.
        dataset: DatasetName,
        /// These, each with the moment that it holds.
        snapshots: Vec<(String, Timestamp)>,
        /// What stays, each with why.
        kept: Vec<(Timestamp, String)>,
    },
    /// Takes out the data that no snapshot has any more.
    Prune,
}

impl BackupAction {
    /// Returns the word for it, as in JSON: `backup_run`.
    pub fn as_str(&self) -> &'static str {
        match self {
            BackupAction::Make => "backup_make",
            BackupAction::Run { .. } => "backup_run",
            BackupAction::Check { .. } => "backup_check",
            BackupAction::Restore { .. } => "backup_restore",
            BackupAction::Drill { .. } => "backup_drill",
            BackupAction::Forget { .. } => "backup_forget",
            BackupAction::Prune => "backup_prune",
        }
    }
}

impl BackupStep {
    /// Returns all that makes it this step, for the plan's identity.
    pub(super) fn parts(&self) -> Vec<String> {
        let mut parts = vec![self.action.as_str().to_owned(), self.to_string()];
        match &self.action {
            BackupAction::Run {
                at, paths, volumes, ..
            } => {
                parts.push(at.to_string());
                parts.extend(paths.iter().chain(volumes).cloned());
            }
            BackupAction::Restore { snapshot, .. } => parts.push(snapshot.clone()),
            BackupAction::Drill { snapshot, paths, .. } => {
                parts.push(snapshot.clone());
                parts.extend(paths.iter().cloned());
            }
            BackupAction::Forget { snapshots, .. } => {
                parts.extend(snapshots.iter().map(|(id, _)| id.clone()));
            }
            BackupAction::Make | BackupAction::Check { .. } | BackupAction::Prune => {}
        }
        parts
    }
}

/// Shows what is done, and where: paths are private.
impl fmt::Debug for BackupStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupStep")
            .field("repository", &self.repository)
            .field("action", &self.action.as_str())
            .finish_non_exhaustive()
    }
}

/// Shows what is done: paths are private.
impl fmt::Debug for BackupAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns as much of an id as people write.
fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// Returns a moment to the minute, in UTC.
fn minute(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// One line: `copy `photos` from host `nas` into repository `offsite`: `/mnt/tank/photos``.
impl fmt::Display for BackupStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repository = &self.repository;
        match &self.action {
            BackupAction::Make => write!(f, "make repository `{repository}`"),
            BackupAction::Run {
                dataset,
                host,
                paths,
                live,
                ..
            } => {
                let paths: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
                let paths = paths.join(", ");
                write!(
                    f,
                    "copy `{dataset}` from host `{host}` into repository `{repository}`: {paths}"
                )?;
                match live.as_slice() {
                    [] => Ok(()),
                    live => {
                        let live: Vec<String> = live.iter().map(|part| format!("`{part}`")).collect();
                        write!(
                            f,
                            " (the files of {}, a database that may be writing, count as no copy of it)",
                            live.join(", ")
                        )
                    }
                }
            }
            BackupAction::Check { depth } => write!(f, "check {depth} of repository `{repository}`"),
            BackupAction::Restore {
                dataset,
                snapshot,
                at,
                folder,
            } => write!(
                f,
                "restore `{dataset}` as of {} from snapshot `{}` of repository `{repository}` into `{folder}`",
                minute(at),
                short(snapshot)
            ),
            BackupAction::Drill {
                dataset,
                snapshot,
                at,
                paths,
            } => {
                let compared = match paths.is_empty() {
                    true => ", which is not on this machine to compare it with",
                    false => ", and compare it with what is there",
                };
                write!(
                    f,
                    "restore `{dataset}` as of {} from snapshot `{}` of repository `{repository}` for a while{compared}",
                    minute(at),
                    short(snapshot)
                )
            }
            BackupAction::Forget {
                dataset,
                snapshots,
                kept,
            } => {
                let gone: Vec<String> = snapshots.iter().map(|(_, at)| minute(at)).collect();
                write!(
                    f,
                    "forget {} of {} snapshots of `{dataset}` in repository `{repository}`: {}",
                    snapshots.len(),
                    snapshots.len() + kept.len(),
                    gone.join(", ")
                )
            }
            BackupAction::Prune => write!(
                f,
                "take out of repository `{repository}` what no snapshot has any more"
            ),
        }
    }
}

/// How a repository must be before a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupBefore {
    /// It is not there.
    Absent,
    /// It is there, and can be opened.
    There,
}

impl fmt::Display for BackupBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BackupBefore::Absent => "the repository is not there",
            BackupBefore::There => "the repository is there, and can be opened",
        })
    }
}

impl Step {
    /// Returns the step that does something with a repository.
    pub fn backup(step: BackupStep) -> Step {
        let before = match step.action {
            BackupAction::Make => BackupBefore::Absent,
            _ => BackupBefore::There,
        };
        Step {
            kind: StepKind::Backup(step),
            precondition: Precondition::Backup(before),
            previous: None,
        }
    }
}

/// What stays of a dataset's snapshots, and why: shown below the step that forgets the others.
pub(super) fn kept(step: &BackupStep) -> String {
    let BackupAction::Forget { kept, .. } = &step.action else {
        return String::new();
    };
    let lines: Vec<String> = kept
        .iter()
        .map(|(at, why)| format!("keeps {}: {why}\n", minute(at)))
        .collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_depth_is_read_as_it_is_written() {
        let read = |text: &str| text.parse::<Depth>().ok();
        assert_eq!(read("structure"), Some(Depth::Structure));
        assert_eq!(read("all"), Some(Depth::All));
        assert_eq!(read("2/7"), Some(Depth::Part { number: 2, of: 7 }));
        for text in ["", "0/7", "8/7", "2/0", "2", "a/b", "-1/3", "All"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
