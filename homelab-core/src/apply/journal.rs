//! The journal of runs, checks and drills: what no repository says of itself.
//!
//! One line of JSON for each, in `backups.jsonl` of the lab's state folder. A line is written whole and synced; one that a
//! crash cut short is passed over, and so is what a newer version wrote.

#![expect(clippy::disallowed_methods, reason = "the journal is a file")]

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::failure_of;
use crate::error::Result;
use crate::name::DatasetName;
use crate::observed::{Check, Drill, Holdings, Ran};
use crate::plan::Depth;

/// What was done with a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) at: Timestamp,
    pub(super) repository: String,
    /// The repository's own id: another one under the same name has none of its past.
    pub(super) id: Option<String>,
    #[serde(flatten)]
    pub(super) what: What,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum What {
    Run {
        dataset: String,
        snapshot: String,
        files: u64,
        bytes: u64,
        added: u64,
        unreadable: u64,
    },
    Check {
        depth: Depth,
        passed: bool,
    },
    Drill {
        dataset: String,
        snapshot: String,
        passed: bool,
        databases: bool,
        proof: String,
    },
    Prune {
        removed: u64,
        marked: u64,
    },
}

/// Returns the journal of a state folder.
pub(super) fn file_in(folder: &Path) -> PathBuf {
    folder.join("backups.jsonl")
}

/// Adds a record, durably.
pub(super) fn add(folder: &Path, record: &Record) -> Result<()> {
    let path = file_in(folder);
    let written = || -> std::io::Result<()> {
        super::recovery::create_private(folder)?;
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(&path)?;
        // Two processes may write at once; a lock that cannot be had is one that the file system does not have.
        let _ = file.lock();
        let mut line = serde_json::to_string(record).map_err(std::io::Error::other)?;
        line.push('\n');
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                // A crash cut the last one short.
                line.insert(0, '\n');
            }
        }
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    written().map_err(|error| failure_of(format!("write the journal `{}`", path.display()), error))
}

/// Returns what was recorded, oldest first; of folders that have no journal nothing.
pub(super) fn read(folders: &[PathBuf]) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    for folder in folders {
        // What cannot be read is evidence that is missing, and counts as none.
        let text = std::fs::read(file_in(folder)).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n');
        all.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
    }
    all.sort_by_key(|record| record.at);
    all
}

/// Adds what was recorded of a repository to what it says itself.
pub(super) fn tell(records: &[Record], holdings: &mut Holdings) {
    for record in records {
        let other = record.id.is_some() && holdings.id.is_some() && record.id != holdings.id;
        if record.repository != holdings.repository.as_str() || other {
            continue;
        }
        match &record.what {
            What::Check { depth, passed } => {
                if matches!(depth, Depth::Part { .. }) {
                    holdings.part = Some(*depth);
                }
                // That a part is whole says nothing of damage that was found elsewhere; all of it does, or that very part.
                let clears = |last: &Check| last.passed || *depth == Depth::All || last.depth == *depth;
                if !passed || holdings.check.as_ref().is_none_or(clears) {
                    holdings.check = Some(Check {
                        at: record.at,
                        depth: *depth,
                        passed: *passed,
                    });
                }
            }
            What::Drill {
                dataset,
                snapshot,
                passed,
                databases,
                proof,
            } => {
                let drill = Drill {
                    at: record.at,
                    snapshot: snapshot.clone(),
                    passed: *passed,
                    databases: *databases,
                    proof: proof.clone(),
                };
                if let Ok(dataset) = DatasetName::new(dataset) {
                    holdings.drills.insert(dataset, drill);
                }
            }
            What::Run {
                dataset,
                snapshot,
                unreadable,
                ..
            } => {
                let ran = Ran {
                    at: record.at,
                    snapshot: snapshot.clone(),
                    complete: *unreadable == 0,
                };
                if let Ok(dataset) = DatasetName::new(dataset) {
                    holdings.runs.insert(dataset, ran);
                }
            }
            What::Prune { .. } => holdings.pruned = Some(record.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seconds: i64, id: &str, what: What) -> Record {
        Record {
            at: Timestamp::from_second(seconds).expect("a time"),
            repository: "here".to_owned(),
            id: Some(id.to_owned()),
            what,
        }
    }

    fn check(passed: bool, depth: Depth) -> What {
        What::Check { depth, passed }
    }

    #[test]
    fn a_line_that_was_cut_short_loses_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        let folders = [state.clone(), folder.path().join("none")];
        assert!(read(&folders).is_empty());
        let first = record(1, "a", check(true, Depth::Part { number: 1, of: 7 }));
        add(&state, &first).expect("written");
        let cut = OpenOptions::new().append(true).open(file_in(&state));
        cut.and_then(|mut file| file.write_all(b"{\"at\": \"20"))
            .expect("cut");
        let second = record(2, "a", check(true, Depth::All));
        add(&state, &second).expect("written");
        assert_eq!(read(&folders), [first, second]);
    }

    #[test]
    fn evidence_is_of_this_repository_and_damage_stays_until_it_is_gone() {
        let mut holdings = Holdings::new("here".parse().expect("a name"), Timestamp::UNIX_EPOCH, "test");
        holdings.id = Some("a".to_owned());
        let part = |number| Depth::Part { number, of: 7 };
        let mut told = |records: &[Record]| {
            holdings.check = None;
            tell(records, &mut holdings);
            holdings.check.map(|check| check.passed)
        };
        assert_eq!(told(&[record(1, "b", check(true, Depth::All))]), None);
        let failed = record(1, "a", check(false, part(2)));
        assert_eq!(told(std::slice::from_ref(&failed)), Some(false));
        let later = |what| [failed.clone(), record(2, "a", what)];
        assert_eq!(told(&later(check(true, Depth::Structure))), Some(false));
        assert_eq!(told(&later(check(true, part(3)))), Some(false));
        assert_eq!(told(&later(check(true, part(2)))), Some(true));
        assert_eq!(told(&later(check(true, Depth::All))), Some(true));
        assert_eq!(
            told(&[record(1, "a", check(true, Depth::All)), failed]),
            Some(false)
        );
    }
}
