//! restic's format, embedded: [`RusticRepository`] reads and writes it on a local disk with no other program.
//!
//! What it writes restic reads, checks and restores, and the other way round. The engine below reports broken backups as
//! good when it is called as it stands, so that it is called through guards: everything that could not be read is
//! collected, a snapshot is stored only once all of its data is, and restoring goes file by file.

#![expect(clippy::disallowed_methods, reason = "repositories are read and written here")]

mod guard;
mod told;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::tz::TimeZone;
use rustic_core::repofile::{MasterKey, Node, NodeType, SnapshotFile};
use rustic_core::{
    BackupOptions, CheckOptions, CheckResults, ConfigOptions, Credentials, IndexedFull, KeyOptions,
    LocalSource, LocalSourceFilterOptions, LocalSourceSaveOptions, LsOptions, NoProgressBars, OpenStatus,
    PruneOptions, ReadSubsetOption, Repository as Engine, RepositoryBackends, RepositoryOptions, RusticError,
    SnapshotOptions, WriteBackend,
};

use self::guard::{GuardedBackend, GuardedSource, Guards};
use self::told::{CONSISTENT, PARTIAL, VOLUME, WHOLE, io_below, told};
use super::memory::{link, no_snapshot};
use super::restore::{Attributes, Target, failed, may_own};
use super::{
    Checked, Entry, EntryKind, Event, Info, Phase, Pruned, Repository, Restored, Run, Source, Watch,
};
use crate::error::{Error, ErrorKind, Result};
use crate::name::RepositoryName;
use crate::observed::Snapshot;
use crate::plan::Depth;
use crate::secret::Secret;

/// The file by which those who prune with this library keep each other out.
const LEASE: &str = "homelab.lease";

/// A restic lock is refreshed every five minutes; one that was not for half an hour belongs to nobody any more, as restic
/// itself takes it.
const STALE: std::time::Duration = std::time::Duration::from_secs(30 * 60);

/// A repository in restic's format, in a folder of this machine.
///
/// What it prunes is marked first and taken out a day later. Only one program should prune a repository: where restic prunes
/// in between, [`check`](Repository::check) tells of packs that are marked and gone, until the next pruning here.
///
/// The first call opens it by its password, which takes about 130 MiB for a moment: the format's way of making a password
/// costly to guess. Clones share the key that this gave. Each call runs on a thread of its own.
#[derive(Clone, Debug)]
pub struct RusticRepository(Arc<Place>);

struct Place {
    name: RepositoryName,
    path: PathBuf,
    password: Secret,
    /// The key that the password has opened, so that it is not guessed at anew for each call.
    key: Mutex<Option<MasterKey>>,
}

impl Place {
    fn key(&self) -> MutexGuard<'_, Option<MasterKey>> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the name only: the key is secret, the path private.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl RusticRepository {
    /// Returns the repository in a folder, which need not be there yet.
    pub fn new(name: RepositoryName, path: impl Into<PathBuf>, password: Secret) -> RusticRepository {
        RusticRepository(Arc::new(Place {
            name,
            path: path.into(),
            password,
            key: Mutex::new(None),
        }))
    }

    /// Does work on a thread of its own, which stops when nobody waits any more.
    async fn work<T: Send + 'static>(
        &self,
        what: &'static str,
        watch: &Watch,
        work: impl FnOnce(&Call) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let guards = Guards::new(watch.clone());
        let call = Call {
            place: self.0.clone(),
            what,
            guards: guards.clone(),
        };
        let stop = guards.clone();
        let _listening = watch.cancel().on_cancel(move || stop.stop());
        let _dropped = StopOnDrop(guards);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let doing = move || {
            // The engine panics on some damage; the process of whoever called must not end of it.
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&call)));
            let result = match result {
                _ if call.guards.is_stopped() => Err(call.error(ErrorKind::Cancelled)),
                Ok(result) => result,
                Err(_) => Err(call.error(ErrorKind::Damaged).with_hint(
                    "the engine gave up in the middle: check the repository with all of its data",
                )),
            };
            // Nobody waits for what was cancelled by dropping it.
            let _ = sender.send(result);
        };
        let name = &self.0.name;
        std::thread::Builder::new()
            .name(format!("repository {name}"))
            .spawn(doing)
            .map_err(|error| {
                Error::new(ErrorKind::Internal, format!("start work on repository `{name}`"))
                    .with_source(error)
            })?;
        receiver.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Internal,
                format!("{what} repository `{name}`"),
            ))
        })
    }
}

/// Stops the work when its future is dropped; after it has ended that changes nothing.
struct StopOnDrop(Arc<Guards>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// One call: what it works on, and what guards it.
struct Call {
    place: Arc<Place>,
    what: &'static str,
    guards: Arc<Guards>,
}

impl Call {
    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, format!("{} repository `{}`", self.what, self.place.name))
    }

    /// Returns what the engine said as an error of ours.
    #[expect(clippy::boxed_local, reason = "the engine's errors are boxes")]
    fn failed(&self, error: Box<RusticError>) -> Error {
        let io = io_below(&*error);
        let kind = if error.is_incorrect_password() {
            ErrorKind::WrongKey
        } else {
            match io {
                Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) => {
                    ErrorKind::NoSpace
                }
                Some(std::io::ErrorKind::PermissionDenied) => ErrorKind::Unauthorised,
                // What its index names and nobody finds is a pack that is gone.
                Some(std::io::ErrorKind::NotFound | std::io::ErrorKind::UnexpectedEof) => ErrorKind::Damaged,
                Some(_) => ErrorKind::Unreachable,
                None => ErrorKind::Damaged,
            }
        };
        let text = error.display_log();
        let mine = self.error(kind).with_source(std::io::Error::other(text));
        match kind {
            ErrorKind::WrongKey => {
                mine.with_hint("the password that `password` in instance.toml leads to does not fit")
            }
            ErrorKind::Damaged => mine.with_hint("check it with all of its data: `backup check`"),
            ErrorKind::NoSpace => mine.with_hint("its disk is full"),
            _ => mine,
        }
    }

    fn raw(&self) -> Result<Engine<()>> {
        let path = self.place.path.to_str().ok_or_else(|| {
            self.error(ErrorKind::Invalid)
                .with_hint("its path is no text in UTF-8")
        })?;
        let local = rustic_backend::local::LocalBackend::new(path, []).map_err(|error| self.failed(error))?;
        let guarded: Arc<dyn WriteBackend> = Arc::new(GuardedBackend::new(local, self.guards.clone()));
        let backends = RepositoryBackends::new(guarded, None);
        // A cache would be a folder of its own beside the local disk, which is as fast.
        let options = RepositoryOptions::default().no_cache(true);
        Engine::new_with_progress(&options, &backends, NoProgressBars).map_err(|error| self.failed(error))
    }

    fn credentials(&self) -> Credentials {
        Credentials::password(self.place.password.expose())
    }

    fn open(&self) -> Result<Engine<OpenStatus>> {
        self.guards.watch().report(Event::Phase(Phase::Open));
        if !self.place.path.join("config").is_file() {
            let place = self.place.path.display();
            let name = &self.place.name;
            let message = format!("{} repository `{name}`: there is none in `{place}`", self.what);
            let hint = format!("is its disk mounted? Else make it first: `backup make {name}`");
            return Err(Error::new(ErrorKind::NotInitialised, message).with_hint(hint));
        }
        let key = self.place.key().clone();
        if let Some(key) = key {
            // A repository that was made anew since has another key, which its password opens.
            if let Ok(engine) = self.raw()?.open(&Credentials::Masterkey(key)) {
                return Ok(engine);
            }
        }
        let engine = self
            .raw()?
            .open(&self.credentials())
            .map_err(|error| self.failed(error))?;
        *self.place.key() = Some(engine.key());
        Ok(engine)
    }

    /// Returns an error where restic works on it now: it may be taking out what this call is about to rely on.
    fn unlocked(&self) -> Result<()> {
        let entries = match fs::read_dir(self.place.path.join("locks")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("read locks in", &self.place.path, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| failed("read locks in", &self.place.path, error))?;
            let age = entry
                .metadata()
                .and_then(|data| data.modified())
                .map(|at| at.elapsed().unwrap_or_default());
            // One that is gone by now locks nothing.
            if age.is_ok_and(|age| age < STALE) {
                return Err(self.error(ErrorKind::Locked).with_hint(
                    "restic works on it, or ended without removing its lock within the last half hour: `restic unlock` removes those \
                     that nobody holds",
                ));
            }
        }
        Ok(())
    }

    fn snapshot(&self, engine: &Engine<OpenStatus>, id: &str) -> Result<SnapshotFile> {
        let all = engine.get_all_snapshots().map_err(|error| self.failed(error))?;
        let found = all.into_iter().find(|one| one.id.to_string() == id);
        found.ok_or_else(|| no_snapshot(&self.place.name, id))
    }

    fn run(&self, source: &Source) -> Result<Run> {
        self.unlocked()?;
        let engine = self
            .open()?
            .to_indexed_ids()
            .map_err(|error| self.failed(error))?;
        let watch = self.guards.watch();
        watch.report(Event::Phase(Phase::Copy));
        let inner = LocalSource::new(
            LocalSourceSaveOptions::default(),
            &rustic_core::Excludes::default(),
            &LocalSourceFilterOptions::default(),
            &source.paths,
        )
        .map_err(|error| self.failed(error))?;
        let guarded = GuardedSource::new(inner, self.guards.clone());
        let snapshot = SnapshotOptions::default()
            .host(source.host.to_string())
            .time(source.at.to_zoned(TimeZone::UTC))
            // Else it would hold the words of this process, which may be private.
            .command("homelab".to_owned())
            .to_snapshot()
            .map_err(|error| self.failed(error))?;
        let options = BackupOptions::default().no_scan(true);
        // The engine would store the snapshot itself, whatever it could not read: that is held back.
        self.guards.hold_snapshots(true);
        let archived = engine.archive(&options, &guarded, snapshot, &source.paths);
        self.guards.hold_snapshots(false);
        let mut snapshot = archived.map_err(|error| self.failed(error))?;
        if self.guards.is_stopped() {
            return Err(self.error(ErrorKind::Cancelled));
        }
        let unreadable = self.guards.take_unreadable();
        let summary = snapshot.summary.clone();
        let bytes = summary.as_ref().map_or(0, |one| one.total_bytes_processed);
        // The engine counts links among the files.
        let files = self.guards.files().saturating_sub(unreadable.len() as u64);
        snapshot
            .tags
            .add(if unreadable.is_empty() { WHOLE } else { PARTIAL }.to_owned());
        if source.consistent {
            snapshot.tags.add(CONSISTENT.to_owned());
        }
        for volume in &source.volumes {
            snapshot.tags.add(format!("{VOLUME}{volume}"));
        }
        let before: Vec<_> = engine
            .list::<rustic_core::repofile::SnapshotId>()
            .map_err(|error| self.failed(error))?
            .collect();
        engine
            .save_snapshots(vec![snapshot])
            .map_err(|error| self.failed(error))?;
        // It has no id before it is stored.
        let after = engine.get_all_snapshots().map_err(|error| self.failed(error))?;
        let own = after
            .iter()
            .find(|one| !before.contains(&one.id) && one.time.timestamp() == source.at);
        let own = own.ok_or_else(|| {
            self.error(ErrorKind::Damaged)
                .with_hint("the snapshot that was stored is not there")
        })?;
        Ok(Run {
            snapshot: told(own),
            files,
            bytes,
            added: summary.map_or(0, |one| one.data_added_packed),
            unreadable,
        })
    }

    fn browse(&self, id: &str) -> Result<Vec<Entry>> {
        let engine = self.open()?;
        let snapshot = self.snapshot(&engine, id)?;
        let engine = engine.to_indexed().map_err(|error| self.failed(error))?;
        let mut entries = Vec::new();
        self.each(&engine, &snapshot, |path, node| {
            let kind = match node.node_type {
                NodeType::File => EntryKind::File,
                NodeType::Dir => EntryKind::Folder,
                NodeType::Symlink { .. } => EntryKind::Link,
                _ => EntryKind::Special,
            };
            entries.push(Entry {
                path: Path::new("/").join(path),
                kind,
                size: if kind == EntryKind::File {
                    node.meta.size
                } else {
                    0
                },
            });
            Ok(())
        })?;
        entries.sort();
        Ok(entries)
    }

    /// Does something with each node of a snapshot, folders before what is in them.
    fn each<S: IndexedFull>(
        &self,
        engine: &Engine<S>,
        snapshot: &SnapshotFile,
        mut what: impl FnMut(&Path, &Node) -> Result<()>,
    ) -> Result<()> {
        let root = engine
            .node_from_snapshot_and_path(snapshot, "")
            .map_err(|error| self.failed(error))?;
        let nodes = engine
            .ls(&root, &LsOptions::default())
            .map_err(|error| self.failed(error))?;
        for node in nodes {
            if self.guards.is_stopped() {
                return Err(self.error(ErrorKind::Cancelled));
            }
            let (path, node) = node.map_err(|error| self.failed(error))?;
            what(&path, &node)?;
        }
        Ok(())
    }

    fn check(&self, depth: Depth) -> Result<Checked> {
        let engine = self.open()?;
        self.guards.watch().report(Event::Phase(Phase::Check));
        let options = CheckOptions::default();
        let options = match depth {
            Depth::Structure => options,
            Depth::All => options.read_data(true),
            Depth::Part { number, of } => options
                .read_data(true)
                .read_data_subset(ReadSubsetOption::IdSubSet((number, of))),
        };
        let results = engine.check(options).map_err(|error| self.failed(error))?;
        if self.guards.is_stopped() {
            return Err(self.error(ErrorKind::Cancelled));
        }
        // Its warnings are of packs that nothing names, as a run leaves that was killed: they harm nothing.
        let alone = results.0.into_iter().map(|one| CheckResults(vec![one]));
        let faults = alone
            .filter(|one| one.is_ok().is_err())
            .flat_map(|one| one.0)
            .map(|(_, error)| error.to_string())
            .collect();
        Ok(Checked { depth, faults })
    }

    fn restore(&self, id: &str, folder: &Path) -> Result<Restored> {
        let engine = self.open()?;
        let snapshot = self.snapshot(&engine, id)?;
        let engine = engine.to_indexed().map_err(|error| self.failed(error))?;
        let watch = self.guards.watch();
        watch.report(Event::Phase(Phase::Restore));
        let target = Target::new(folder)?;
        let own = may_own();
        let mut restored = Restored::default();
        let (mut links, mut folders) = (Vec::new(), Vec::new());
        self.each(&engine, &snapshot, |path, node| {
            let attributes = Attributes {
                mode: node.meta.mode,
                modified: node.meta.mtime,
                owner: node.meta.uid.zip(node.meta.gid).filter(|_| own),
            };
            match &node.node_type {
                NodeType::Dir => {
                    target.folder(path)?;
                    folders.push((path.to_owned(), attributes));
                }
                NodeType::File => {
                    target.file(path, node.meta.size, attributes, |mut to| {
                        engine.dump(node, &mut to).map_err(|error| self.failed(error))
                    })?;
                    restored.files += 1;
                    restored.bytes += node.meta.size;
                    watch.report(Event::Progress {
                        files: restored.files,
                        bytes: restored.bytes,
                    });
                }
                NodeType::Symlink { .. } => {
                    links.push((path.to_owned(), node.node_type.to_link().to_owned()))
                }
                _ => {
                    let why = "a device, socket or pipe".to_owned();
                    restored.left_out.push((Path::new("/").join(path), why));
                }
            }
            Ok(())
        })?;
        for (path, to) in links {
            link(&target, &path, &to, &mut restored)?;
        }
        // The innermost first, as writing into a folder changes its time.
        for (path, attributes) in folders.iter().rev() {
            target.finish(path, *attributes)?;
        }
        Ok(restored)
    }

    fn forget(&self, ids: &[String]) -> Result<()> {
        self.unlocked()?;
        let engine = self.open()?;
        let all = engine.get_all_snapshots().map_err(|error| self.failed(error))?;
        let mut forgotten = Vec::new();
        for id in ids {
            let found = all.iter().find(|one| one.id.to_string() == *id);
            forgotten.push(found.ok_or_else(|| no_snapshot(&self.place.name, id))?.id);
        }
        match forgotten.is_empty() {
            true => Ok(()),
            false => engine
                .delete_snapshots(&forgotten)
                .map_err(|error| self.failed(error)),
        }
    }

    fn prune(&self) -> Result<Pruned> {
        self.unlocked()?;
        let engine = self.open()?;
        let path = self.place.path.join(LEASE);
        // The system lets go of it whatever becomes of this process.
        let lease = fs::OpenOptions::new().create(true).append(true).open(&path);
        let lease = lease.map_err(|error| failed("take the lease of", &self.place.path, error))?;
        match lease.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(self
                    .error(ErrorKind::Locked)
                    .with_hint("another process prunes it now"));
            }
            Err(fs::TryLockError::Error(error)) => {
                return Err(failed("take the lease of", &self.place.path, error));
            }
        }
        self.guards.watch().report(Event::Phase(Phase::Prune));
        let options = PruneOptions::default();
        let plan = engine.prune_plan(&options).map_err(|error| self.failed(error))?;
        let pruned = Pruned {
            removed: plan.stats.size_to_delete.remove,
            marked: plan.stats.size_sum().remove,
        };
        engine.prune(&options, plan).map_err(|error| self.failed(error))?;
        Ok(pruned)
    }

    fn init(&self) -> Result<()> {
        let path = &self.place.path;
        match fs::read_dir(path) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(self.error(ErrorKind::Conflict).with_hint(format!(
                        "`{}` is not empty: a repository gets a folder of its own",
                        path.display()
                    )));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Not the folders above it: where a disk is not mounted, they would be on the wrong one.
                fs::create_dir(path).map_err(|error| failed("make folder", path, error))?;
            }
            Err(error) => return Err(failed("open folder", path, error)),
        }
        let made = self.raw()?.init(
            &self.credentials(),
            &KeyOptions::default(),
            &ConfigOptions::default(),
        );
        let engine = made.map_err(|error| self.failed(error))?;
        *self.place.key() = Some(engine.key());
        Ok(())
    }
}

#[async_trait]
impl Repository for RusticRepository {
    fn name(&self) -> &RepositoryName {
        &self.0.name
    }

    async fn probe(&self, watch: &Watch) -> Result<Info> {
        self.work("open", watch, |call| {
            let engine = call.open()?;
            Ok(Info {
                source: "rustic_core 0.13".to_owned(),
                id: Some(engine.config().id.to_string()),
                encrypted: true,
                append_only: None,
            })
        })
        .await
    }

    async fn init(&self, watch: &Watch) -> Result<()> {
        self.work("make", watch, Call::init).await
    }

    async fn run(&self, source: &Source, watch: &Watch) -> Result<Run> {
        source.validated()?;
        let source = source.clone();
        self.work("back up into", watch, move |call| call.run(&source))
            .await
    }

    async fn snapshots(&self, watch: &Watch) -> Result<Vec<Snapshot>> {
        self.work("list the snapshots of", watch, |call| {
            let engine = call.open()?;
            let all = engine.get_all_snapshots().map_err(|error| call.failed(error))?;
            let mut snapshots: Vec<Snapshot> = all.iter().map(told).collect();
            snapshots.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
            Ok(snapshots)
        })
        .await
    }

    async fn browse(&self, snapshot: &str, watch: &Watch) -> Result<Vec<Entry>> {
        let snapshot = snapshot.to_owned();
        self.work("browse", watch, move |call| call.browse(&snapshot))
            .await
    }

    async fn check(&self, depth: Depth, watch: &Watch) -> Result<Checked> {
        self.work("check", watch, move |call| call.check(depth)).await
    }

    async fn restore(&self, snapshot: &str, folder: &Path, watch: &Watch) -> Result<Restored> {
        let (snapshot, folder) = (snapshot.to_owned(), folder.to_owned());
        self.work("restore from", watch, move |call| {
            call.restore(&snapshot, &folder)
        })
        .await
    }

    async fn forget(&self, snapshots: &[String], watch: &Watch) -> Result<()> {
        let snapshots = snapshots.to_vec();
        self.work("forget snapshots of", watch, move |call| call.forget(&snapshots))
            .await
    }

    async fn prune(&self, watch: &Watch) -> Result<Pruned> {
        self.work("prune", watch, Call::prune).await
    }
}
