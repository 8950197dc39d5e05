//! Recovery files: what a run would leave behind if it were killed, written down before it begins.
//!
//! One file for each run, `recovery/RUN.jsonl` in the lab's state folder: a line that says which run it is, a line for
//! each thing to put back. The run holds a lock on it while it lives, which the system takes away when it is killed; a
//! file without a lock is therefore of a dead run.

#![expect(
    clippy::disallowed_methods,
    reason = "recovery files are files, and say when their run began"
)]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::{self, Root, failure_of};
use crate::error::{Error, ErrorKind, Result};
use crate::observed::Interrupted;
use crate::plan::{Leftover, Plan, StepStatus};

/// A recovery file past this is none of ours.
const LIMIT: u64 = 16 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    run: String,
    plan: String,
    title: String,
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Line {
    leftover: Leftover,
}

/// The recovery file of a living run; the lock goes with it.
pub(super) struct Record {
    path: PathBuf,
    file: File,
}

impl Record {
    /// Writes down what the run would leave, durably, before it does anything.
    pub(super) fn create(folder: &Path, run: &str, plan: &Plan, leftovers: &[Leftover]) -> Result<Record> {
        let failed = |error| failure_of("write the recovery file".to_owned(), error);
        create_private(folder).map_err(failed)?;
        let path = file_of(folder, run)?;
        // Written under another name until it is locked: a reader in between would take it for a dead run's.
        let unborn = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&unborn).map_err(failed)?;
        let mut record = Record { path, file };
        let written = record.begin(run, plan, leftovers).and_then(|()| {
            std::fs::rename(&unborn, &record.path)?;
            sync_folder(folder)
        });
        match written {
            Ok(()) => Ok(record),
            Err(error) => {
                let _ = std::fs::remove_file(&unborn);
                let _ = std::fs::remove_file(&record.path);
                Err(failed(error))
            }
        }
    }

    fn begin(&mut self, run: &str, plan: &Plan, leftovers: &[Leftover]) -> std::io::Result<()> {
        match self.file.try_lock() {
            // Without locks (some network file systems) every run counts as alive until `plan_recover` is asked.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => return Err(std::io::Error::other("two runs of one name")),
        }
        let header = Header {
            version: 1,
            run: run.to_owned(),
            plan: plan.id().to_string(),
            title: plan.title().to_owned(),
            at: Timestamp::now(),
        };
        let mut text = serde_json::to_string(&header)?;
        text.push('\n');
        for leftover in leftovers {
            text.push_str(&serde_json::to_string(&Line {
                leftover: leftover.clone(),
            })?);
            text.push('\n');
        }
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()
    }

    /// Forgets the run: nothing of it is left behind.
    pub(super) fn finish(self) -> Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(failure_of("remove the recovery file".to_owned(), error))
            }
            _ => Ok(()),
        }
    }
}

/// Returns every dead run of the state folder, oldest first.
pub(super) fn interrupted(folder: &Path) -> Vec<Interrupted> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut dead = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl") => dead.extend(lock(&path).and_then(|file| read(&path, &file))),
            Some("new") => forget_unborn(&path),
            _ => {}
        }
    }
    dead.sort_by(|a, b| (a.at(), a.run()).cmp(&(b.at(), b.run())));
    dead
}

/// Puts one thing back that a dead run has left; the run is forgotten with the last of them.
pub(super) fn put_back(folder: &Path, root: &Root, run: &str, leftover: &Leftover) -> Result<StepStatus> {
    let path = file_of(folder, run)?;
    if !path.exists() {
        return Ok(StepStatus::Skipped);
    }
    let Some(file) = lock(&path) else {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("put back what run `{run}` left: it is still running"),
        )
        .with_hint("wait for it to end"));
    };
    let Some(record) = read(&path, &file) else {
        return Err(Error::new(
            ErrorKind::Damaged,
            format!("read recovery file `{}`", path.display()),
        )
        .with_hint("remove it after looking at what it names"));
    };
    if !record.leftovers().contains(leftover) {
        return Ok(StepStatus::Skipped);
    }
    let status = match leftover {
        Leftover::TemporaryFile { path } => match root.remove_temporary(path)? {
            true => StepStatus::Done,
            false => StepStatus::Skipped,
        },
    };
    // Putting back is harmless to repeat, so nothing is noted in between: the file goes when all of it is done.
    let mut all_back = true;
    for other in record.leftovers() {
        match other {
            Leftover::TemporaryFile { path } => {
                all_back &= matches!(root.look(path), Ok(files::Found::Nothing));
            }
        }
    }
    if all_back {
        let _ = std::fs::remove_file(&path);
    }
    Ok(status)
}

/// Returns the file, locked, or nothing when its run is alive.
fn lock(path: &Path) -> Option<File> {
    let file = File::open(path).ok()?;
    file.try_lock().ok().map(|()| file)
}

fn read(path: &Path, file: &File) -> Option<Interrupted> {
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let header: Header = serde_json::from_str(lines.next()?).ok()?;
    // The name decides, since it is what will be opened again.
    if header.version != 1 || path.file_stem().and_then(|stem| stem.to_str()) != Some(header.run.as_str()) {
        return None;
    }
    // All lines were synced before anything happened. One that we cannot read is of a newer version, and forgetting the
    // file would lose what it asks for: it is left to that version.
    let leftovers: Result<Vec<Line>, _> = lines.map(serde_json::from_str).collect();
    let leftovers = leftovers.ok()?.into_iter().map(|line| line.leftover);
    Some(Interrupted::new(header.run, header.title, header.at, leftovers))
}

/// Removes what a run left that was killed before its recovery file had its name.
fn forget_unborn(path: &Path) {
    let age = path.metadata().and_then(|metadata| metadata.modified());
    let old = age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 3600));
    if old && lock(path).is_some() {
        let _ = std::fs::remove_file(path);
    }
}

fn file_of(folder: &Path, run: &str) -> Result<PathBuf> {
    if run.is_empty() || !run.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::new(ErrorKind::Invalid, format!("read `{run}` as a run")));
    }
    Ok(folder.join(format!("{run}.jsonl")))
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if error.kind() != std::io::ErrorKind::InvalidInput => Err(error),
        _ => Ok(()),
    }
}
