//! What every [`Repository`] has to do, as checks that an implementer runs on a fresh one: [`check`].
//!
//! ```
//! use homelab_core::repository::{contract, memory::MemoryRepository};
//!
//! # let folder = tempfile::tempdir()?;
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let repository = MemoryRepository::new("memory".parse()?);
//! assert_eq!(contract::check(&repository, folder.path()).await, Vec::<String>::new());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::{EntryKind, Event, Phase, Repository, Source, Watch};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::observed::Completeness;
use crate::plan::Depth;

/// Checks a repository that is yet to be made, with files in an empty folder of this machine. Returns what is wrong.
///
/// Dropping the future leaves files in the folder, and whatever was done to the repository.
pub async fn check(repository: &dyn Repository, folder: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let outcome = Contract {
        repository,
        folder,
        problems: &mut problems,
    }
    .all()
    .await;
    if let Err(error) = outcome {
        problems.push(format!("failed to {error} ({})", error.kind()));
    }
    problems
}

struct Contract<'a> {
    repository: &'a dyn Repository,
    folder: &'a Path,
    problems: &'a mut Vec<String>,
}

impl Contract<'_> {
    fn expect(&mut self, what: &str, holds: bool) {
        if !holds {
            self.problems.push(what.to_owned());
        }
    }

    fn refuses<T: Debug>(&mut self, what: &str, result: Result<T>, kind: ErrorKind) {
        match result {
            Err(error) if error.kind() == kind => {
                let named = error.to_string().contains(self.repository.name().as_str());
                self.expect(
                    &format!("{what}: the error names the repository: {error}"),
                    named || kind == ErrorKind::Conflict,
                );
            }
            Err(error) => self
                .problems
                .push(format!("{what}: {} instead of {kind}: {error}", error.kind())),
            Ok(value) => self.problems.push(format!("{what}: {value:?} instead of {kind}")),
        }
    }

    async fn all(&mut self) -> Result<()> {
        let watch = Watch::new();
        let repository = self.repository;
        let source = self.folder.join("source");
        write_files(&source)?;
        let at: Timestamp = Timestamp::from_second(1_798_761_600).map_err(odd)?;
        let of =
            |at: Timestamp| Ok::<_, Error>(Source::new("nas".parse().map_err(odd)?, at, [source.clone()]));

        self.refuses(
            "probing before it is made",
            repository.probe(&watch).await,
            ErrorKind::NotInitialised,
        );
        self.refuses(
            "running before it is made",
            repository.run(&of(at)?, &watch).await,
            ErrorKind::NotInitialised,
        );
        repository.init(&watch).await?;
        self.refuses(
            "making it twice",
            repository.init(&watch).await,
            ErrorKind::Conflict,
        );
        repository.probe(&watch).await?;
        self.expect(
            "a new one has no snapshot",
            repository.snapshots(&watch).await?.is_empty(),
        );
        self.refuses(
            "an unknown snapshot",
            repository.browse(&"0".repeat(64), &watch).await,
            ErrorKind::NotFound,
        );

        // A run, its events, and what it says of itself.
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let heard = events.clone();
        let hearing = Watch::new()
            .reporting(move |event| heard.lock().unwrap_or_else(PoisonError::into_inner).push(event));
        let mut first = of(at)?;
        first.volumes = vec!["app/data".to_owned()];
        first.consistent = true;
        let run = repository.run(&first, &hearing).await?;
        let heard = events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.expect(
            "a run tells that it copies",
            heard.contains(&Event::Phase(Phase::Copy)),
        );
        self.expect(
            "everything could be read",
            run.unreadable.is_empty() && run.completeness() == Completeness::Complete,
        );
        self.expect(&format!("four files, not {}", run.files), run.files == 4);
        self.expect("a first run adds data", run.added > 0);
        let snapshots = repository.snapshots(&watch).await?;
        self.expect(
            "the snapshot is listed as the run told it",
            snapshots == [run.snapshot.clone()],
        );
        let kept = &run.snapshot;
        self.expect(
            "a snapshot says when, of which machine and what",
            kept.at == at
                && kept.host.as_deref() == Some("nas")
                && kept.volumes == ["app/data"]
                && kept.consistent
                && kept.completeness == Completeness::Complete
                && kept.holds(&source.join("sub").display().to_string()),
        );

        // What is in it, and that it comes back.
        let entries = repository.browse(&kept.id, &watch).await?;
        let kind = |name: &str| {
            let place = source.join(name);
            entries
                .iter()
                .find(|entry| entry.path == place)
                .map(|entry| (entry.kind, entry.size))
        };
        self.expect(
            "a file is in it with its size",
            kind("sub/large") == Some((EntryKind::File, LARGE)),
        );
        self.expect(
            "an empty file is in it",
            kind("empty") == Some((EntryKind::File, 0)),
        );
        self.expect(
            "an empty folder is in it",
            kind("hollow").is_some_and(|(kind, _)| kind == EntryKind::Folder),
        );
        let back = self.folder.join("back");
        let restored = repository.restore(&kept.id, &back, &watch).await?;
        self.expect(
            "restoring says how much",
            restored.files == 4 && restored.bytes == run.bytes,
        );
        self.same(&source, &below(&back, &source))?;
        self.refuses(
            "restoring over files",
            repository.restore(&kept.id, &back, &watch).await,
            ErrorKind::Conflict,
        );

        // The same again adds next to nothing; what changes is in the new one only.
        let again = repository
            .run(&of(at + SignedDuration::from_hours(1))?, &watch)
            .await?;
        self.expect(
            &format!("what is there is not stored again: {} bytes", again.added),
            again.added < LARGE / 2,
        );
        fs::write(source.join("a"), "changed").map_err(odd)?;
        fs::remove_file(source.join("empty")).map_err(odd)?;
        let third = repository
            .run(&of(at + SignedDuration::from_hours(2))?, &watch)
            .await?;
        let ids: Vec<String> = repository
            .snapshots(&watch)
            .await?
            .into_iter()
            .map(|one| one.id)
            .collect();
        self.expect(
            "snapshots are in order",
            ids == [&kept.id, &again.snapshot.id, &third.snapshot.id].map(Clone::clone),
        );
        let now = self.folder.join("now");
        repository.restore(&third.snapshot.id, &now, &watch).await?;
        self.same(&source, &below(&now, &source))?;

        self.unreadable(&source, at).await?;
        self.cancelled(&of(at + SignedDuration::from_hours(4))?).await?;

        for depth in [
            Depth::Structure,
            Depth::Part { number: 1, of: 2 },
            Depth::Part { number: 2, of: 2 },
            Depth::All,
        ] {
            let checked = repository.check(depth, &watch).await?;
            self.expect(
                &format!("it is whole ({depth}): {:?}", checked.faults),
                checked.faults.is_empty() && checked.depth == depth,
            );
        }
        // Forgetting takes the snapshot, pruning what only it had; all else is there still.
        let unknown = repository.forget(&["0".repeat(64)], &watch).await;
        self.refuses("forgetting an unknown snapshot", unknown, ErrorKind::NotFound);
        repository.forget(std::slice::from_ref(&kept.id), &watch).await?;
        self.refuses(
            "a forgotten snapshot",
            repository.browse(&kept.id, &watch).await,
            ErrorKind::NotFound,
        );
        repository.prune(&watch).await?;
        repository.prune(&watch).await?;
        let checked = repository.check(Depth::All, &watch).await?;
        self.expect(
            &format!("it is whole after pruning: {:?}", checked.faults),
            checked.faults.is_empty(),
        );
        let last = self.folder.join("last");
        repository.restore(&third.snapshot.id, &last, &watch).await?;
        self.same(&below(&now, &source), &below(&last, &source))
    }

    /// A path that is not there is said, and makes the snapshot partial.
    async fn unreadable(&mut self, source: &Path, at: Timestamp) -> Result<()> {
        let watch = Watch::new();
        let gone = self.folder.join("gone");
        let host = "nas".parse().map_err(odd)?;
        let at = at + SignedDuration::from_hours(3);
        let run = self
            .repository
            .run(&Source::new(host, at, [source.to_owned(), gone.clone()]), &watch)
            .await?;
        let named = run
            .unreadable
            .iter()
            .any(|(path, why)| *path == gone && !why.is_empty());
        self.expect(
            &format!("what is not there is named: {:?}", run.unreadable),
            named,
        );
        self.expect(
            "its snapshot is partial",
            run.snapshot.completeness == Completeness::Partial,
        );
        let snapshots = self.repository.snapshots(&watch).await?;
        let told = snapshots
            .iter()
            .find(|one| one.id == run.snapshot.id)
            .map(|one| one.completeness);
        self.expect("and is listed as that", told == Some(Completeness::Partial));
        let nothing = Source::new("nas".parse().map_err(odd)?, at, []);
        let refused = self
            .repository
            .run(&nothing, &watch)
            .await
            .err()
            .map(|error| error.kind());
        self.expect("nothing is no source", refused == Some(ErrorKind::Invalid));
        Ok(())
    }

    /// A cancelled run leaves no snapshot.
    async fn cancelled(&mut self, source: &Source) -> Result<()> {
        let before = self.repository.snapshots(&Watch::new()).await?;
        let cancel = Cancel::new();
        let wish = cancel.clone();
        // In the middle, where there is one; at once otherwise.
        let watch = Watch::new().with_cancel(cancel).reporting(move |event| {
            if event == Event::Phase(Phase::Copy) {
                wish.cancel();
            }
        });
        self.refuses(
            "a cancelled run",
            self.repository.run(source, &watch).await,
            ErrorKind::Cancelled,
        );
        let after = self.repository.snapshots(&Watch::new()).await?;
        self.expect("a cancelled run leaves no snapshot", before == after);
        Ok(())
    }

    fn same(&mut self, expected: &Path, found: &Path) -> Result<()> {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        tree(expected, expected, &mut a)?;
        tree(found, found, &mut b)?;
        self.expect("what comes back is what was there", a == b && !a.is_empty());
        Ok(())
    }
}

/// So many bytes has the large file: more than one piece of it is stored.
const LARGE: u64 = 2_500_000;

fn write_files(folder: &Path) -> Result<()> {
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(folder.join("sub"))?;
        fs::create_dir_all(folder.join("hollow"))?;
        fs::write(folder.join("a"), "first")?;
        fs::write(folder.join("empty"), "")?;
        fs::write(folder.join("with blank and ünïcode"), "x")?;
        // Neither the same byte over and over nor something that changes from run to run.
        let mut state = 1u64;
        let large: Vec<u8> = (0..LARGE)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u8
            })
            .collect();
        fs::write(folder.join("sub/large"), large)?;
        #[cfg(unix)]
        std::os::unix::fs::symlink("a", folder.join("link"))?;
        Ok(())
    };
    write().map_err(odd)
}

/// Returns where a path lies below a folder that it was restored into.
fn below(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path.strip_prefix("/").unwrap_or(path))
}

/// Lists a folder: each path with what it is.
fn tree(root: &Path, folder: &Path, into: &mut Vec<(PathBuf, String)>) -> Result<()> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(odd)?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(odd)?;
        let what = if kind.is_symlink() {
            format!("link to {}", fs::read_link(&path).map_err(odd)?.display())
        } else if kind.is_dir() {
            "folder".to_owned()
        } else {
            use sha2::{Digest as _, Sha256};
            format!("{:x?}", Sha256::digest(fs::read(&path).map_err(odd)?))
        };
        into.push((path.strip_prefix(root).unwrap_or(&path).to_owned(), what));
        if kind.is_dir() {
            tree(root, &path, into)?;
        }
    }
    Ok(())
}

/// Returns an error of the checks' own files, which is nothing of the repository's.
fn odd(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, "prepare the files of the checks").with_source(error)
}
