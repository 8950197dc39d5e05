//! Recovery files: what a run would leave behind if it were killed, written down before it begins.
//!
//! One file for each run, `recovery/RUN.jsonl` in the lab's state folder: a line that says which run it is, a line for
//! each thing to put back. The run holds a lock on it while it lives, which the system takes away when it is killed; a
//! file without a lock is therefore of a dead run. Where files cannot be locked (some network file systems) nobody can
//! tell the two apart: there every run counts as alive, and what a killed one left lies until a person removes it.

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
    /// The lab's folder: a copy of a lab has the same id, and so the same state.
    #[serde(default)]
    root: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    leftover: Leftover,
}

/// The recovery file of a living run; the lock goes with it.
pub(super) struct Record {
    path: PathBuf,
    _lock: File,
}

impl Record {
    /// Writes down what the run would leave, durably, before it does anything.
    pub(super) fn create(
        folder: &Path,
        run: &str,
        root: &Path,
        plan: &Plan,
        leftovers: &[Leftover],
    ) -> Result<Record> {
        let failed = |error| failure_of("write the recovery file".to_owned(), error);
        create_private(folder).map_err(failed)?;
        let path = file_of(folder, run)?;
        let header = Header {
            version: 1,
            run: run.to_owned(),
            plan: plan.id().to_string(),
            title: plan.title().to_owned(),
            at: Timestamp::now(),
            root: Some(real(root)),
        };
        let mut tries = 0;
        loop {
            tries += 1;
            match Record::write(&path, &header, leftovers) {
                Ok(file) => return Ok(Record { path, _lock: file }),
                // Somebody who cleans up saw the file in the moment between its making and its locking.
                Err(Interference::Taken) if tries < 5 => {}
                Err(Interference::Taken) => {
                    return Err(failed(std::io::Error::other("others keep removing it")));
                }
                Err(Interference::Failed(error)) => return Err(failed(error)),
            }
        }
    }

    fn write(path: &Path, header: &Header, leftovers: &[Leftover]) -> Result<File, Interference> {
        // Written under another name until it is locked: a reader in between would take it for a dead run's.
        let unborn = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&unborn)?;
        let written =
            Record::fill(&file, header, leftovers).and_then(|()| match std::fs::rename(&unborn, path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Interference::Taken),
                renamed => Ok(renamed?),
            });
        let written = written.and_then(|()| match path.parent() {
            Some(folder) => Ok(sync_folder(folder)?),
            None => Ok(()),
        });
        if written.is_err() {
            let _ = std::fs::remove_file(&unborn);
            let _ = std::fs::remove_file(path);
        }
        written.map(|()| file)
    }

    fn fill(mut file: &File, header: &Header, leftovers: &[Leftover]) -> Result<(), Interference> {
        match file.try_lock() {
            // Files cannot be locked here: see above.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => return Err(Interference::Taken),
        }
        let mut text = serde_json::to_string(header).map_err(std::io::Error::from)?;
        text.push('\n');
        for leftover in leftovers {
            let line = Line {
                leftover: leftover.clone(),
            };
            text.push_str(&serde_json::to_string(&line).map_err(std::io::Error::from)?);
            text.push('\n');
        }
        file.write_all(text.as_bytes())?;
        Ok(file.sync_all()?)
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

enum Interference {
    /// Another process has the file, or has removed it.
    Taken,
    Failed(std::io::Error),
}

impl From<std::io::Error> for Interference {
    fn from(error: std::io::Error) -> Self {
        Interference::Failed(error)
    }
}

/// Returns every dead run in this lab's folder, oldest first.
pub(super) fn interrupted(folders: &[PathBuf], root: &Path) -> Vec<Interrupted> {
    let root = real(root);
    let dead = files_of(folders, "jsonl").filter_map(|path| {
        let (header, run) = lock(&path).and_then(|file| read(&path, &file))?;
        // What a copy of this lab has left is put back there, unless that folder is gone: then this is it, moved.
        let elsewhere = header
            .root
            .is_some_and(|own| own != root && Path::new(&own).is_dir());
        (!elsewhere).then_some(run)
    });
    let mut dead: Vec<Interrupted> = dead.collect();
    dead.sort_by(|a, b| (a.at(), a.run()).cmp(&(b.at(), b.run())));
    dead
}

/// Removes what runs left that were killed before their recovery file had its name: nothing was done by then.
pub(super) fn forget_unborn(folders: &[PathBuf]) {
    for path in files_of(folders, "new") {
        let dead = match File::open(&path).map(|file| file.try_lock()) {
            Ok(Ok(())) => true,
            Ok(Err(TryLockError::WouldBlock)) | Err(_) => false,
            // Files cannot be locked here. Its age tells: it has its name within moments.
            Ok(Err(TryLockError::Error(_))) => {
                let at = path.metadata().and_then(|metadata| metadata.modified());
                at.is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 3600))
            }
        };
        if dead {
            let _ = std::fs::remove_file(&path);
        }
    }
}

fn files_of<'a>(folders: &'a [PathBuf], extension: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
    let paths = entries.flatten().flatten().map(|entry| entry.path());
    paths.filter(move |path| path.extension().is_some_and(|own| own == extension))
}

/// Returns a folder's path with its links followed, as text.
fn real(root: &Path) -> String {
    let path = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    path.to_string_lossy().into_owned()
}

/// Puts one thing back that a dead run has left; the run is forgotten with the last of them.
pub(super) fn put_back(
    folders: &[PathBuf],
    root: &Root,
    run: &str,
    leftover: &Leftover,
) -> Result<StepStatus> {
    let paths: Result<Vec<PathBuf>> = folders.iter().map(|folder| file_of(folder, run)).collect();
    let Some(path) = paths?.into_iter().find(|path| path.exists()) else {
        return Ok(StepStatus::Skipped);
    };
    let Some(file) = lock(&path) else {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("put back what run `{run}` left: it is still running"),
        )
        .with_hint("wait for it to end"));
    };
    let Some((_, record)) = read(&path, &file) else {
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

fn read(path: &Path, file: &File) -> Option<(Header, Interrupted)> {
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
    let run = Interrupted::new(header.run.clone(), header.title.clone(), header.at, leftovers);
    Some((header, run))
}

fn file_of(folder: &Path, run: &str) -> Result<PathBuf> {
    if run.is_empty() || !run.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::new(ErrorKind::Invalid, format!("read `{run}` as a run")));
    }
    Ok(folder.join(format!("{run}.jsonl")))
}

pub(super) fn create_private(folder: &Path) -> std::io::Result<()> {
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
