//! A drill: a snapshot is restored into a folder of its own, compared with what was copied, and cleaned up.

#![expect(
    clippy::disallowed_methods,
    reason = "what was restored is read, beside what is there"
)]

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::run::random_id;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::size;
use crate::repository::{EntryKind, Repository, Watch};

/// What a drill has shown.
pub(super) struct Drilled {
    pub(super) passed: bool,
    /// What was proven, or what failed, in one fragment.
    pub(super) proof: String,
}

/// Restores a snapshot into a scratch folder and compares it: all that it lists has to come back with its size, and what has not changed here
/// since has to be in it, and be the same to the byte.
pub(super) async fn run(
    repository: &dyn Repository,
    snapshot: &str,
    at: Timestamp,
    paths: &[String],
    scratch: &Path,
    watch: &Watch,
) -> Result<Drilled> {
    let folder = Folder::new(scratch)?;
    let listed = repository.browse(snapshot, watch).await?;
    let restored = match repository.restore(snapshot, &folder.0, watch).await {
        Ok(restored) => restored,
        // That it cannot be restored is what a drill is for; that it was stopped, or that there is no room, says nothing.
        Err(error) if error.kind() == ErrorKind::Damaged => {
            return Ok(Drilled {
                passed: false,
                proof: error.to_string(),
            });
        }
        Err(error) => return Err(error),
    };
    let mut compared = Compared::default();
    let mut files: BTreeMap<PathBuf, u64> = BTreeMap::new();
    for entry in listed.iter().filter(|entry| entry.kind == EntryKind::File) {
        files.insert(entry.path.clone(), entry.size);
    }
    for (path, bytes) in &files {
        if watch.cancel().is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "finish the drill"));
        }
        let back = folder.0.join(path.strip_prefix("/").unwrap_or(path));
        match fs::symlink_metadata(&back) {
            Ok(found) if found.len() == *bytes => compared.with_original(path, &back, &found)?,
            Ok(found) => compared.fault(path, &format!("came back with {} bytes of {bytes}", found.len())),
            Err(_) => compared.fault(path, "did not come back"),
        }
    }
    for path in paths {
        missing(Path::new(path), at, true, &files, &mut compared);
    }
    if files.is_empty() {
        compared.faults.push("there is no file in it".to_owned());
    }
    let whole = format!("{} files with {}", restored.files, size(restored.bytes));
    let proof = match compared.faults.as_slice() {
        [] if paths.is_empty() => {
            format!("{whole} came back; there is no original here to compare them with")
        }
        [] => format!(
            "{whole} came back, {} the same to the byte as here, {} changed here since",
            compared.same, compared.changed
        ),
        faults => {
            let shown = faults.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            let more = if faults.len() > 3 { ", ..." } else { "" };
            format!("{} faults: {shown}{more}", faults.len())
        }
    };
    Ok(Drilled {
        passed: compared.faults.is_empty(),
        proof,
    })
}

/// How the folder of a drill is called, before the process whose it is.
const NAME: &str = "homelab-drill-";

/// Removes the folders of drills that were killed: what is in them is private.
fn clear(scratch: &Path) {
    for entry in fs::read_dir(scratch).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix(NAME)?.split('-').next());
        let process = process.and_then(|text| rustix::process::Pid::from_raw(text.parse().ok()?));
        let is_dead = |process| {
            rustix::process::test_kill_process(process).is_err_and(|error| error == rustix::io::Errno::SRCH)
        };
        let own = rustix::process::geteuid().as_raw();
        let is_own =
            || fs::symlink_metadata(entry.path()).is_ok_and(|found| found.is_dir() && found.uid() == own);
        if process.is_some_and(is_dead) && is_own() {
            drop(Folder(entry.path()));
        }
    }
}

/// A folder that is gone when this is.
struct Folder(PathBuf);

impl Folder {
    fn new(scratch: &Path) -> Result<Folder> {
        clear(scratch);
        let path = scratch.join(format!("{NAME}{}-{}", std::process::id(), random_id()));
        let mut builder = fs::DirBuilder::new();
        // What is restored is nobody else's to read.
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|error| {
            super::files::failure_of(format!("make the folder `{}` for a drill", path.display()), error)
        })?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Folders that nobody may write into were restored as they were, and are in the way.
        open_up(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open_up(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(found) = fs::symlink_metadata(folder) else {
        return;
    };
    if !found.is_dir() {
        return;
    }
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        open_up(&entry.path());
    }
}

#[derive(Default)]
struct Compared {
    same: u64,
    changed: u64,
    faults: Vec<String>,
}

impl Compared {
    fn fault(&mut self, path: &Path, what: &str) {
        self.faults.push(format!("`{}` {what}", path.display()));
    }

    /// Compares a file that came back with the one here, where that has the size and the time that were copied.
    fn with_original(&mut self, path: &Path, back: &Path, found: &Metadata) -> Result<()> {
        let Ok(original) = fs::symlink_metadata(path) else {
            self.changed += 1;
            return Ok(());
        };
        let unchanged = original.is_file()
            && original.len() == found.len()
            && (original.mtime(), original.mtime_nsec()) == (found.mtime(), found.mtime_nsec());
        if !unchanged {
            self.changed += 1;
            return Ok(());
        }
        let Ok(here) = hash(path) else {
            self.changed += 1;
            return Ok(());
        };
        let back = hash(back)
            .map_err(|error| super::files::failure_of(format!("read `{}`", back.display()), error))?;
        match here == back {
            true => self.same += 1,
            false => self.fault(path, "came back with another content"),
        }
        Ok(())
    }
}

fn hash(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// Looks for files that were here before the snapshot and are not in it. Where a folder has changed since, something may
/// have been moved in, and nothing is said of it.
fn missing(
    path: &Path,
    at: Timestamp,
    settled: bool,
    files: &BTreeMap<PathBuf, u64>,
    compared: &mut Compared,
) {
    let Ok(found) = fs::symlink_metadata(path) else {
        return;
    };
    let before = Timestamp::new(found.ctime(), i32::try_from(found.ctime_nsec()).unwrap_or(0))
        .is_ok_and(|changed| changed < at);
    if found.is_file() && settled && before && !files.contains_key(path) {
        compared.fault(path, "was there before the snapshot, and is not in it");
    }
    if found.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            missing(&entry.path(), at, settled && before, files, compared);
        }
    }
}
