//! The executor of file steps: folders made and files written inside one folder, each as a whole or not at all.
//!
//! Every path is walked part by part from an open handle of the lab's folder, never through a symbolic link, and every
//! change is made relative to the handle of the last folder. Whoever swaps a folder for a link meanwhile moves nothing
//! outside: checking paths first and using them afterwards would leave that gap.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Content, ContentHash, FileMode, LabPath, Precondition, StepStatus};

/// The lab's folder, open: what file steps change lies beneath.
#[derive(Clone)]
pub(super) struct Root {
    handle: Arc<OwnedFd>,
    path: PathBuf,
}

/// What is at a path.
#[derive(Debug)]
pub(super) enum Found {
    Nothing,
    Folder,
    File(ContentHash, Stat),
    /// Neither: what it is, in words.
    Other(&'static str),
}

impl Root {
    /// Opens the lab's folder; a link to it is followed, since the user named it.
    pub(super) fn open(path: &Path) -> Result<Root> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| failure(format!("open folder `{}`", path.display()), errno))?;
        Ok(Root {
            handle: Arc::new(handle),
            path: path.to_owned(),
        })
    }

    /// Returns what is at the path; a path whose folder is not there has nothing.
    pub(super) fn look(&self, path: &LabPath) -> Result<Found> {
        match self.parent(path)? {
            Some(parent) => look(&parent, path),
            None => Ok(Found::Nothing),
        }
    }

    /// Makes a folder.
    pub(super) fn create_folder(&self, path: &LabPath, mode: FileMode) -> Result<StepStatus> {
        let parent = self.expect_parent(path)?;
        let mode = match mode {
            FileMode::Private => 0o700,
            FileMode::Shared | FileMode::Program => 0o755,
        };
        match rustix::fs::mkdirat(&parent, path.name(), Mode::from_raw_mode(mode)) {
            Ok(()) => {
                sync(&parent, path)?;
                Ok(StepStatus::Done)
            }
            Err(Errno::EXIST) => match look(&parent, path)? {
                Found::Folder => Ok(StepStatus::Skipped),
                found => Err(conflict(path, "a folder, or nothing", &found)),
            },
            Err(errno) => Err(failure(format!("create folder `{path}`"), errno)),
        }
    }

    /// Writes a file by way of a temporary one beside it.
    pub(super) fn write(
        &self,
        path: &LabPath,
        temporary: &LabPath,
        content: &Content,
        mode: FileMode,
        precondition: &Precondition,
    ) -> Result<StepStatus> {
        let parent = self.expect_parent(path)?;
        let found = look(&parent, path)?;
        if let Found::File(hash, stat) = &found
            && *hash == content.hash()
        {
            return Ok(already(mode, stat));
        }
        check(path, precondition, &found)?;
        let previous = match &found {
            Found::File(_, stat) => Some(stat),
            _ => None,
        };
        let written = write_temporary(&parent, temporary, content, mode, previous).and_then(|stat| {
            match precondition {
                Precondition::File { sha256 } => swap(&parent, path, temporary, *sha256)?,
                _ => publish(&parent, path, temporary, content, mode)?,
            }
            Ok(stat)
        });
        // Whatever happened, the temporary name is free again.
        let removed = remove(&parent, temporary);
        let stat = written?;
        removed?;
        sync(&parent, path)?;
        Ok(match loose(mode, &stat) {
            Some(left_out) => StepStatus::Partial { left_out },
            None => StepStatus::Done,
        })
    }

    /// Removes a temporary file that a killed run has left; says whether there was one.
    pub(super) fn remove_temporary(&self, path: &LabPath) -> Result<bool> {
        // A recovery file that somebody else wrote must not make us delete what is not ours.
        if !is_temporary(path) {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("remove `{path}`: no temporary file of ours"),
            ));
        }
        let Some(parent) = self.parent(path)? else {
            return Ok(false);
        };
        match look(&parent, path)? {
            Found::Nothing => Ok(false),
            Found::File(..) => remove(&parent, path).map(|()| true),
            found => Err(conflict(path, "a file, or nothing", &found)),
        }
    }

    /// Returns the folder that a path lies in, open, or nothing where it is not there.
    fn parent(&self, path: &LabPath) -> Result<Option<OwnedFd>> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut folder = rustix::fs::openat(&self.handle, ".", flags, Mode::empty())
            .map_err(|errno| failure(format!("open folder `{}`", self.path.display()), errno))?;
        let Some(place) = path.folder() else {
            return Ok(Some(folder));
        };
        for part in place.as_str().split('/') {
            folder = match rustix::fs::openat(&folder, part, flags, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    return Err(Error::new(
                        ErrorKind::Refused,
                        format!("change `{path}`: `{part}` is a symbolic link or no folder"),
                    )
                    .with_hint("name the folder itself: nothing is written through links"));
                }
                Err(errno) => return Err(failure(format!("open folder `{place}`"), errno)),
            };
        }
        Ok(Some(folder))
    }

    fn expect_parent(&self, path: &LabPath) -> Result<OwnedFd> {
        self.parent(path)?.ok_or_else(|| {
            let folder = path
                .folder()
                .map_or_else(|| ".".to_owned(), |folder| folder.to_string());
            Error::new(
                ErrorKind::Conflict,
                format!("change `{path}`: folder `{folder}` is not there"),
            )
            .with_hint("plan again: the lab has changed since")
        })
    }
}

/// Returns the name of the file that a step writes before it takes the place of the real one.
pub(super) fn temporary_name(run: &str, step: usize) -> String {
    format!(".homelab-{run}-{step}.tmp")
}

fn is_temporary(path: &LabPath) -> bool {
    let name = path.name();
    name.starts_with(".homelab-") && name.ends_with(".tmp")
}

/// Checks that what is there is what the step expects.
pub(super) fn check(path: &LabPath, precondition: &Precondition, found: &Found) -> Result<()> {
    match (precondition, found) {
        (Precondition::Absent, Found::Nothing)
        | (Precondition::FolderOrAbsent, Found::Nothing | Found::Folder)
        | (Precondition::RunEnded, _) => Ok(()),
        (Precondition::File { sha256 }, Found::File(hash, _)) if hash == sha256 => Ok(()),
        // It is about no path, and checked elsewhere.
        (Precondition::Container(_) | Precondition::Compose(_) | Precondition::Backup(_), _) => Ok(()),
        (Precondition::Absent, _) => Err(conflict(path, "nothing", found)),
        (Precondition::FolderOrAbsent, _) => Err(conflict(path, "a folder, or nothing", found)),
        (Precondition::File { .. }, _) => Err(conflict(path, "the file that was planned from", found)),
    }
}

fn conflict(path: &LabPath, expected: &str, found: &Found) -> Error {
    let found = match found {
        Found::Nothing => "nothing",
        Found::Folder => "a folder",
        Found::File(..) => "a file with other content",
        Found::Other(what) => what,
    };
    Error::new(
        ErrorKind::Conflict,
        format!("change `{path}`: expected {expected}, found {found}"),
    )
    .with_hint("plan again: the lab has changed since")
}

fn look(parent: &OwnedFd, path: &LabPath) -> Result<Found> {
    let name = path.name();
    let failed = |errno| failure(format!("read `{path}`"), errno);
    let stat = match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        Err(errno) => return Err(failed(errno)),
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(Found::Folder),
        FileType::Symlink => Ok(Found::Other("a symbolic link")),
        FileType::RegularFile => {
            // NONBLOCK: a pipe that has just taken the file's place must not stop us for ever.
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = match rustix::fs::openat(parent, name, flags, Mode::empty()) {
                Ok(file) => file,
                Err(Errno::NOENT) => return Ok(Found::Nothing),
                Err(Errno::LOOP) => return Ok(Found::Other("a symbolic link")),
                Err(errno) => return Err(failed(errno)),
            };
            let stat = rustix::fs::fstat(&file).map_err(failed)?;
            let hash = hash(File::from(file)).map_err(|error| failure_of(format!("read `{path}`"), error))?;
            Ok(Found::File(hash, stat))
        }
        _ => Ok(Found::Other("neither a file nor a folder")),
    }
}

fn hash(mut file: File) -> std::io::Result<ContentHash> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(ContentHash::from_digest(digest)),
            Ok(count) => digest.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn write_temporary(
    parent: &OwnedFd,
    temporary: &LabPath,
    content: &Content,
    mode: FileMode,
    previous: Option<&Stat>,
) -> Result<Stat> {
    let what = || format!("write `{temporary}`");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // A shared file that replaces another stays as closed as that one was; it begins closed, too.
    let (create, then) = match (mode, previous) {
        (FileMode::Private, _) => (0o600, None),
        (FileMode::Program, None) => (0o755, None),
        (FileMode::Program, Some(stat)) => (0o600, Some((stat.st_mode & 0o777) | 0o100)),
        (FileMode::Shared, None) => (0o644, None),
        (FileMode::Shared, Some(stat)) => (0o600, Some(stat.st_mode & 0o777)),
    };
    let file = rustix::fs::openat(parent, temporary.name(), flags, Mode::from_raw_mode(create))
        .map_err(|errno| failure(what(), errno))?;
    if let Some(previous) = previous {
        let own = rustix::fs::fstat(&file).map_err(|errno| failure(what(), errno))?;
        if (own.st_uid, own.st_gid) != (previous.st_uid, previous.st_gid) {
            let owner = rustix::fs::Uid::from_raw(previous.st_uid);
            let group = rustix::fs::Gid::from_raw(previous.st_gid);
            // Only root may give a file away. Anybody else's replacement is their own, as with any editor.
            let _ = rustix::fs::fchown(&file, Some(owner), Some(group));
        }
    }
    if let Some(bits) = then {
        // A file system without permissions refuses this; what is then too open is reported from the result.
        let _ = rustix::fs::fchmod(&file, Mode::from_raw_mode(bits));
    }
    let stat = rustix::fs::fstat(&file).map_err(|errno| failure(what(), errno))?;
    let mut file = File::from(file);
    file.write_all(content.bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| failure_of(what(), error))?;
    Ok(stat)
}

/// Gives the temporary file its real name, if that is free.
fn publish(
    parent: &OwnedFd,
    path: &LabPath,
    temporary: &LabPath,
    content: &Content,
    mode: FileMode,
) -> Result<()> {
    let (from, to) = (temporary.name(), path.name());
    match rename(parent, from, to, Rename::OnlyIfFree) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        result => return taken(path, result),
    }
    match rustix::fs::linkat(parent, from, parent, to, AtFlags::empty()) {
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK | Errno::INVAL) => {}
        result => return taken(path, result),
    }
    // A file system that knows neither way: never overwriting matters more than never showing a half.
    let bits = match mode {
        FileMode::Private => 0o600,
        FileMode::Shared => 0o644,
        FileMode::Program => 0o755,
    };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(parent, to, flags, Mode::from_raw_mode(bits)) {
        Ok(file) => file,
        Err(errno) => return taken(path, Err(errno)),
    };
    let mut file = File::from(file);
    let written = file.write_all(content.bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| {
        let _ = rustix::fs::unlinkat(parent, to, AtFlags::empty());
        failure_of(format!("write `{path}`"), error)
    })
}

fn taken(path: &LabPath, result: Result<(), Errno>) -> Result<()> {
    match result {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(conflict(path, "nothing", &Found::Other("something new"))),
        Err(errno) => Err(failure(format!("write `{path}`"), errno)),
    }
}

/// Puts the temporary file in the place of the old one, if that still is what was expected.
fn swap(parent: &OwnedFd, path: &LabPath, temporary: &LabPath, expected: ContentHash) -> Result<()> {
    let (from, to) = (temporary.name(), path.name());
    let failed = |errno| failure(format!("replace `{path}`"), errno);
    let check = |place: &LabPath| match look(parent, place)? {
        Found::File(hash, _) if hash == expected => Ok(()),
        found => Err(conflict(path, "the file that was planned from", &found)),
    };
    match rename(parent, from, to, Rename::Exchange) {
        Ok(()) => {
            // Both names change hands at once, so what somebody wrote a moment ago is now under the temporary name,
            // and is put back rather than lost.
            check(temporary).or_else(|error| {
                rename(parent, from, to, Rename::Exchange).map_err(failed)?;
                Err(error)
            })
        }
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            check(path)?;
            rustix::fs::renameat(parent, from, parent, to).map_err(failed)
        }
        Err(Errno::NOENT) => Err(conflict(path, "the file that was planned from", &Found::Nothing)),
        Err(errno) => Err(failed(errno)),
    }
}

enum Rename {
    OnlyIfFree,
    Exchange,
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename(parent: &OwnedFd, from: &str, to: &str, how: Rename) -> Result<(), Errno> {
    let flags = match how {
        Rename::OnlyIfFree => RenameFlags::NOREPLACE,
        Rename::Exchange => RenameFlags::EXCHANGE,
    };
    rustix::fs::renameat_with(parent, from, parent, to, flags)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename(_: &OwnedFd, _: &str, _: &str, _: Rename) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

fn remove(parent: &OwnedFd, path: &LabPath) -> Result<()> {
    match rustix::fs::unlinkat(parent, path.name(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(failure(format!("remove `{path}`"), errno)),
    }
}

fn sync(folder: &OwnedFd, path: &LabPath) -> Result<()> {
    match rustix::fs::fsync(folder) {
        // Some network file systems cannot sync a folder; they have their own way of being durable.
        Ok(()) | Err(Errno::INVAL | Errno::NOTSUP | Errno::BADF) => Ok(()),
        Err(errno) => Err(failure(format!("write `{path}`"), errno)),
    }
}

/// Returns what is missing of a file's protection, if anything is.
fn loose(mode: FileMode, stat: &Stat) -> Option<String> {
    let bits = stat.st_mode & 0o077;
    (mode == FileMode::Private && bits != 0).then(|| {
        let mode = stat.st_mode & 0o777;
        format!("others on this machine may read it: its permissions are {mode:04o}, not 0600")
    })
}

fn already(mode: FileMode, stat: &Stat) -> StepStatus {
    match loose(mode, stat) {
        Some(left_out) => StepStatus::Partial { left_out },
        None => StepStatus::Skipped,
    }
}

fn failure(message: String, errno: Errno) -> Error {
    failure_of(message, errno.into())
}

/// Returns the error for what the file system answered.
pub(super) fn failure_of(message: String, error: std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    let (kind, hint) = match error.kind() {
        Io::NotFound => (ErrorKind::NotFound, None),
        Io::AlreadyExists => (ErrorKind::Conflict, None),
        Io::PermissionDenied => (
            ErrorKind::Unauthorised,
            Some("run it as the user who owns the folder"),
        ),
        Io::ReadOnlyFilesystem => (ErrorKind::Refused, Some("the file system is mounted read-only")),
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => (ErrorKind::NoSpace, Some("make room")),
        Io::NotADirectory | Io::IsADirectory => (ErrorKind::Conflict, None),
        Io::InvalidFilename | Io::InvalidInput => (ErrorKind::Invalid, None),
        // What remains is a disk or a network mount that does not do its work.
        _ => (ErrorKind::Unreachable, None),
    };
    let made = Error::new(kind, message).with_source(error);
    match hint {
        Some(hint) => made.with_hint(hint),
        None => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, OwnedFd, LabPath, LabPath) {
        let folder = tempfile::tempdir().expect("a folder");
        let handle = File::open(folder.path()).expect("it is there").into();
        let path = |text: &str| text.parse().expect("a path");
        (folder, handle, path("file"), path(".homelab-1-0.tmp"))
    }

    #[test]
    fn a_file_that_comes_up_in_the_last_moment_is_not_overwritten() {
        let (folder, handle, path, temporary) = folder();
        let file = folder.path().join("file");
        std::fs::write(&file, "theirs").expect("a file");
        std::fs::write(folder.path().join(temporary.name()), "ours").expect("a file");
        let error = publish(&handle, &path, &temporary, &"ours".into(), FileMode::Shared);
        assert_eq!(error.expect_err("taken").kind(), ErrorKind::Conflict);
        assert_eq!(std::fs::read_to_string(&file).expect("still there"), "theirs");
    }

    #[test]
    fn a_file_that_changes_in_the_last_moment_is_put_back() {
        let (folder, handle, path, temporary) = folder();
        let file = folder.path().join("file");
        std::fs::write(&file, "theirs").expect("a file");
        std::fs::write(folder.path().join(temporary.name()), "ours").expect("a file");
        let error = swap(&handle, &path, &temporary, ContentHash::of(b"planned from"));
        assert_eq!(error.expect_err("changed").kind(), ErrorKind::Conflict);
        assert_eq!(std::fs::read_to_string(&file).expect("still there"), "theirs");
        swap(&handle, &path, &temporary, ContentHash::of(b"theirs")).expect("as expected");
        assert_eq!(std::fs::read_to_string(&file).expect("still there"), "ours");
    }

    #[test]
    fn a_file_that_goes_in_the_last_moment_is_a_conflict() {
        let (folder, handle, path, temporary) = folder();
        std::fs::write(folder.path().join(temporary.name()), "ours").expect("a file");
        let error = swap(&handle, &path, &temporary, ContentHash::of(b"planned from"));
        assert_eq!(error.expect_err("gone").kind(), ErrorKind::Conflict);
        assert!(!folder.path().join("file").exists());
    }
}
