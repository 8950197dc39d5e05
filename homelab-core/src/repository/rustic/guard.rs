//! What stands between the engine and the world, so that nothing fails without being heard.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustic_core::{
    BytesList, ErrorKind, FileType, Id, LocalSource, ReadBackend, ReadSource, ReadSourceEntry,
    ReadSourceOpen, RusticError, RusticResult, WriteBackend,
};

use crate::repository::{Event, Watch};

/// Progress is told each time that so many bytes more were read.
const STEP: u64 = 4 * 1024 * 1024;

/// What one call shares with the engine's threads.
pub(super) struct Guards {
    watch: Watch,
    stopped: AtomicBool,
    held: AtomicBool,
    files: AtomicU64,
    bytes: AtomicU64,
    unreadable: Mutex<Vec<(PathBuf, String)>>,
}

impl Guards {
    pub(super) fn new(watch: Watch) -> Arc<Guards> {
        Arc::new(Guards {
            watch,
            stopped: AtomicBool::new(false),
            held: AtomicBool::new(false),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            unreadable: Mutex::new(Vec::new()),
        })
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Asks the work to end at its next call to the repository or the source.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Sets whether snapshots that the engine stores are dropped instead.
    pub(super) fn hold_snapshots(&self, held: bool) {
        self.held.store(held, Ordering::Release);
    }

    /// Returns what could not be read so far, by path, each once.
    pub(super) fn take_unreadable(&self) -> Vec<(PathBuf, String)> {
        let mut all = std::mem::take(&mut *self.unreadable.lock().unwrap_or_else(PoisonError::into_inner));
        all.sort();
        all.dedup_by(|a, b| a.0 == b.0);
        all
    }

    fn cannot_read(&self, path: PathBuf, why: String) {
        self.watch.report(Event::Unreadable {
            path: path.clone(),
            why: why.clone(),
        });
        self.unreadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((path, why));
    }

    fn has_read(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before / STEP != (before + bytes) / STEP {
            self.watch.report(Event::Progress {
                files: self.files.load(Ordering::Relaxed),
                bytes: before + bytes,
            });
        }
    }

    /// Returns how many files were met; those that could not be read are among them.
    pub(super) fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    fn go_on(&self) -> RusticResult<()> {
        match self.is_stopped() {
            true => Err(RusticError::new(ErrorKind::Other, "the work was cancelled")),
            false => Ok(()),
        }
    }
}

/// A backend that ends when the work is to stop, and holds back snapshots while they are not known to be whole.
pub(super) struct GuardedBackend<B> {
    inner: B,
    guards: Arc<Guards>,
}

impl<B> GuardedBackend<B> {
    pub(super) fn new(inner: B, guards: Arc<Guards>) -> Self {
        GuardedBackend { inner, guards }
    }
}

impl<B: ReadBackend> ReadBackend for GuardedBackend<B> {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        self.guards.go_on()?;
        self.inner.list_with_size(kind)
    }

    fn list(&self, kind: FileType) -> RusticResult<Vec<Id>> {
        self.guards.go_on()?;
        self.inner.list(kind)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.guards.go_on()?;
        self.inner.read_full(kind, id)
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.guards.go_on()?;
        self.inner.read_partial(kind, id, cacheable, offset, length)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.inner.warmup_path(kind, id)
    }

    fn needs_warm_up(&self) -> bool {
        self.inner.needs_warm_up()
    }

    fn warm_up(&self, kind: FileType, id: &Id) -> RusticResult<()> {
        self.inner.warm_up(kind, id)
    }
}

impl<B: WriteBackend> WriteBackend for GuardedBackend<B> {
    fn create(&self) -> RusticResult<()> {
        self.guards.go_on()?;
        self.inner.create()
    }

    fn write_bytes(&self, kind: FileType, id: &Id, cacheable: bool, content: BytesList) -> RusticResult<()> {
        self.guards.go_on()?;
        if kind == FileType::Snapshot && self.guards.held.load(Ordering::Acquire) {
            return Ok(());
        }
        self.inner.write_bytes(kind, id, cacheable, content)
    }

    fn remove(&self, kind: FileType, id: &Id, cacheable: bool) -> RusticResult<()> {
        self.guards.go_on()?;
        self.inner.remove(kind, id, cacheable)
    }
}

/// Files of this machine, of which each that cannot be found, opened or read to its end is taken note of.
pub(super) struct GuardedSource {
    inner: LocalSource,
    guards: Arc<Guards>,
}

impl GuardedSource {
    pub(super) fn new(inner: LocalSource, guards: Arc<Guards>) -> Self {
        GuardedSource { inner, guards }
    }
}

type LocalOpen = <LocalSource as ReadSource>::Open;

impl ReadSource for GuardedSource {
    type Open = GuardedOpen;
    type Iter = GuardedEntries;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> GuardedEntries {
        GuardedEntries {
            inner: self.inner.entries(),
            guards: self.guards.clone(),
        }
    }
}

/// The entries of a source; they end early when the work is to stop.
pub(super) struct GuardedEntries {
    inner: <LocalSource as ReadSource>::Iter,
    guards: Arc<Guards>,
}

impl Iterator for GuardedEntries {
    type Item = RusticResult<ReadSourceEntry<GuardedOpen>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.guards.is_stopped() {
            return None;
        }
        let entry = match self.inner.next()? {
            Ok(entry) => entry,
            Err(error) => {
                let text = error.display_log();
                self.guards.cannot_read(PathBuf::from(named(&text)), text);
                return Some(Err(error));
            }
        };
        let ReadSourceEntry { path, node, open } = entry;
        if node.is_file() {
            self.guards.files.fetch_add(1, Ordering::Relaxed);
        }
        let open = open.map(|inner| GuardedOpen {
            inner,
            path: path.clone(),
            guards: self.guards.clone(),
        });
        Some(Ok(ReadSourceEntry { path, node, open }))
    }
}

/// Returns the path that a message of the engine names, which it has nowhere else; all of the message where it names none.
fn named(text: &str) -> &str {
    let at = text.find('/').unwrap_or(0);
    let rest = &text[at..];
    let end = rest
        .find(['`', '"', '\n'])
        .or_else(|| rest.find(": "))
        .unwrap_or(rest.len());
    rest[..end].split(": ").next().unwrap_or(rest)
}

/// A file that is yet to be opened.
pub(super) struct GuardedOpen {
    inner: LocalOpen,
    path: PathBuf,
    guards: Arc<Guards>,
}

impl ReadSourceOpen for GuardedOpen {
    type Reader = GuardedReader;

    fn open(self) -> RusticResult<GuardedReader> {
        match self.inner.open() {
            Ok(inner) => Ok(GuardedReader {
                inner,
                path: self.path,
                guards: self.guards,
            }),
            Err(error) => {
                let why = std::error::Error::source(&*error)
                    .map_or_else(|| error.display_log(), ToString::to_string);
                self.guards.cannot_read(self.path, why);
                Err(error)
            }
        }
    }
}

/// A file that is being read.
pub(super) struct GuardedReader {
    inner: File,
    path: PathBuf,
    guards: Arc<Guards>,
}

impl Read for GuardedReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.guards.is_stopped() {
            return Err(std::io::Error::other("the work was cancelled"));
        }
        match self.inner.read(buffer) {
            Ok(count) => {
                self.guards.has_read(count as u64);
                Ok(count)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.guards.cannot_read(self.path.clone(), error.to_string());
                Err(error)
            }
        }
    }
}
