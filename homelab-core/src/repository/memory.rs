//! A repository in memory, for tests: [`MemoryRepository`].

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use super::restore::{Attributes, Target, failed};
use super::{
    Checked, Entry, EntryKind, Event, Info, Phase, Pruned, Repository, Restored, Run, Source, Watch,
};
use crate::error::{Error, ErrorKind, Result};
use crate::name::RepositoryName;
use crate::observed::{Completeness, Snapshot};
use crate::plan::Depth;

/// A repository that lives as long as it does. It reads and restores real files, and holds all content in memory.
#[derive(Debug)]
pub struct MemoryRepository {
    name: RepositoryName,
    state: Mutex<Option<State>>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    snapshots: Vec<Kept>,
    /// Content by its hash: files that are the same are kept once.
    contents: BTreeMap<[u8; 32], Vec<u8>>,
}

#[derive(Debug)]
struct Kept {
    snapshot: Snapshot,
    nodes: BTreeMap<PathBuf, Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Folder,
    File([u8; 32], u64),
    Link(PathBuf),
    Special,
}

impl MemoryRepository {
    /// Returns one that is yet to be made.
    pub fn new(name: RepositoryName) -> MemoryRepository {
        MemoryRepository {
            name,
            state: Mutex::new(None),
        }
    }

    /// Flips a bit of everything that is kept, as a dying disk would.
    pub fn damage(&self) {
        if let Some(state) = self.lock().as_mut() {
            for byte in state
                .contents
                .values_mut()
                .filter_map(|content| content.first_mut())
            {
                *byte ^= 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, watch: &Watch, what: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        stopped(&self.name, watch)?;
        match self.lock().as_mut() {
            Some(state) => what(state),
            None => Err(Error::new(
                ErrorKind::NotInitialised,
                format!("open repository `{}`", self.name),
            )
            .with_hint("make it first")),
        }
    }

    fn kept<'s>(&self, state: &'s State, snapshot: &str) -> Result<&'s Kept> {
        let found = state.snapshots.iter().find(|kept| kept.snapshot.id == snapshot);
        found.ok_or_else(|| no_snapshot(&self.name, snapshot))
    }
}

fn stopped(name: &RepositoryName, watch: &Watch) -> Result<()> {
    match watch.cancel().is_cancelled() {
        true => Err(Error::new(
            ErrorKind::Cancelled,
            format!("finish the work on repository `{name}`"),
        )),
        false => Ok(()),
    }
}

/// Returns that a repository has no such snapshot.
pub(super) fn no_snapshot(name: &RepositoryName, snapshot: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("find snapshot `{snapshot}` in repository `{name}`"),
    )
}

#[async_trait]
impl Repository for MemoryRepository {
    fn name(&self) -> &RepositoryName {
        &self.name
    }

    async fn probe(&self, watch: &Watch) -> Result<Info> {
        self.with(watch, |_| {
            Ok(Info {
                source: "memory".to_owned(),
                id: None,
                encrypted: false,
                append_only: None,
            })
        })
    }

    async fn init(&self, watch: &Watch) -> Result<()> {
        stopped(&self.name, watch)?;
        let mut state = self.lock();
        if state.is_some() {
            return Err(
                Error::new(ErrorKind::Conflict, format!("make repository `{}`", self.name))
                    .with_hint("it is there already"),
            );
        }
        *state = Some(State::default());
        Ok(())
    }

    async fn run(&self, source: &Source, watch: &Watch) -> Result<Run> {
        source.validated()?;
        self.with(watch, |_| Ok(()))?;
        watch.report(Event::Phase(Phase::Copy));
        let mut nodes = BTreeMap::new();
        let mut contents = BTreeMap::new();
        let mut unreadable = Vec::new();
        for path in &source.paths {
            read(path, &mut nodes, &mut contents, &mut unreadable, &|| {
                stopped(&self.name, watch)
            })?;
        }
        for (path, why) in &unreadable {
            watch.report(Event::Unreadable {
                path: path.clone(),
                why: why.clone(),
            });
        }
        self.with(watch, |state| {
            let mut added = 0;
            for (hash, content) in contents {
                let size = content.len() as u64;
                state.contents.entry(hash).or_insert_with(|| {
                    added += size;
                    content
                });
            }
            state.next += 1;
            let mut snapshot = Snapshot::new(format!("{:08x}", state.next), source.at).on(&source.host);
            snapshot.paths = source
                .paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            snapshot.volumes = source.volumes.clone();
            snapshot.consistent = source.consistent;
            snapshot.completeness = match unreadable.is_empty() {
                true => Completeness::Complete,
                false => Completeness::Partial,
            };
            let sizes: Vec<u64> = nodes
                .values()
                .filter_map(|node| match node {
                    Node::File(_, size) => Some(*size),
                    _ => None,
                })
                .collect();
            state.snapshots.push(Kept {
                snapshot: snapshot.clone(),
                nodes,
            });
            state.snapshots.sort_by_key(|kept| kept.snapshot.at);
            Ok(Run {
                snapshot,
                files: sizes.len() as u64,
                bytes: sizes.iter().sum(),
                added,
                unreadable,
            })
        })
    }

    async fn snapshots(&self, watch: &Watch) -> Result<Vec<Snapshot>> {
        self.with(watch, |state| {
            Ok(state.snapshots.iter().map(|kept| kept.snapshot.clone()).collect())
        })
    }

    async fn browse(&self, snapshot: &str, watch: &Watch) -> Result<Vec<Entry>> {
        self.with(watch, |state| {
            let entry = |(path, node): (&PathBuf, &Node)| {
                let (kind, size) = match node {
                    Node::Folder => (EntryKind::Folder, 0),
                    Node::File(_, size) => (EntryKind::File, *size),
                    Node::Link(_) => (EntryKind::Link, 0),
                    Node::Special => (EntryKind::Special, 0),
                };
                Entry {
                    path: path.clone(),
                    kind,
                    size,
                }
            };
            Ok(self.kept(state, snapshot)?.nodes.iter().map(entry).collect())
        })
    }

    async fn check(&self, depth: Depth, watch: &Watch) -> Result<Checked> {
        watch.report(Event::Phase(Phase::Check));
        self.with(watch, |state| {
            let number = |hash: &[u8; 32]| u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
            let is_read = |hash: &[u8; 32]| match depth {
                Depth::Structure => false,
                Depth::Part { number: part, of } => of > 0 && number(hash) % of == part % of,
                Depth::All => true,
            };
            let wrong = state.contents.iter().filter(|(hash, content)| {
                is_read(hash) && Sha256::digest(content).as_slice() != hash.as_slice()
            });
            let faults = wrong
                .map(|(hash, _)| format!("content {:02x}{:02x} is not what was stored", hash[0], hash[1]));
            Ok(Checked {
                depth,
                faults: faults.collect(),
            })
        })
    }

    async fn restore(&self, snapshot: &str, folder: &Path, watch: &Watch) -> Result<Restored> {
        watch.report(Event::Phase(Phase::Restore));
        self.with(watch, |state| {
            let kept = self.kept(state, snapshot)?;
            let target = Target::new(folder)?;
            let mut restored = Restored::default();
            for (path, node) in &kept.nodes {
                stopped(&self.name, watch)?;
                match node {
                    Node::Folder => target.folder(path)?,
                    Node::File(hash, size) => {
                        let damaged =
                            || Error::new(ErrorKind::Damaged, format!("restore `{}`", path.display()));
                        let content = state.contents.get(hash).ok_or_else(damaged)?;
                        if Sha256::digest(content).as_slice() != hash.as_slice() {
                            return Err(damaged());
                        }
                        target.file(path, *size, Attributes::default(), |to| {
                            to.write_all(content)
                                .map_err(|error| failed("write", path, error))
                        })?;
                        restored.files += 1;
                        restored.bytes += size;
                    }
                    Node::Link(_) => {}
                    Node::Special => restored
                        .left_out
                        .push((path.clone(), "a device, socket or pipe".to_owned())),
                }
            }
            for (path, node) in &kept.nodes {
                if let Node::Link(to) = node {
                    link(&target, path, to, &mut restored)?;
                }
            }
            Ok(restored)
        })
    }

    async fn forget(&self, snapshots: &[String], watch: &Watch) -> Result<()> {
        self.with(watch, |state| {
            for snapshot in snapshots {
                self.kept(state, snapshot)?;
            }
            state
                .snapshots
                .retain(|kept| !snapshots.contains(&kept.snapshot.id));
            Ok(())
        })
    }

    async fn prune(&self, watch: &Watch) -> Result<Pruned> {
        watch.report(Event::Phase(Phase::Prune));
        self.with(watch, |state| {
            let mut removed = 0;
            let snapshots = &state.snapshots;
            let is_used = |hash: &[u8; 32]| {
                let nodes = snapshots.iter().flat_map(|kept| kept.nodes.values());
                let mut files = nodes.filter_map(|node| match node {
                    Node::File(own, _) => Some(own),
                    _ => None,
                });
                files.any(|own| own == hash)
            };
            state.contents.retain(|hash, content| {
                let used = is_used(hash);
                removed += if used { 0 } else { content.len() as u64 };
                used
            });
            Ok(Pruned { removed, marked: 0 })
        })
    }
}

/// Makes a link, or says that there can be none.
pub(super) fn link(target: &Target, path: &Path, to: &Path, restored: &mut Restored) -> Result<()> {
    #[cfg(unix)]
    {
        let _ = restored;
        target.link(path, to)
    }
    #[cfg(not(unix))]
    {
        let _ = (target, to);
        restored
            .left_out
            .push((path.to_owned(), "a symbolic link".to_owned()));
        Ok(())
    }
}

/// Reads a file or folder, and all below it.
fn read(
    path: &Path,
    nodes: &mut BTreeMap<PathBuf, Node>,
    contents: &mut BTreeMap<[u8; 32], Vec<u8>>,
    unreadable: &mut Vec<(PathBuf, String)>,
    stopped: &dyn Fn() -> Result<()>,
) -> Result<()> {
    stopped()?;
    let mut cannot = |error: std::io::Error| unreadable.push((path.to_owned(), error.to_string()));
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) => {
            cannot(error);
            return Ok(());
        }
    };
    if kind.is_dir() {
        let entries = match fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => {
                cannot(error);
                return Ok(());
            }
        };
        nodes.insert(path.to_owned(), Node::Folder);
        for entry in entries {
            read(&entry.path(), nodes, contents, unreadable, stopped)?;
        }
    } else if kind.is_symlink() {
        match fs::read_link(path) {
            Ok(to) => drop(nodes.insert(path.to_owned(), Node::Link(to))),
            Err(error) => cannot(error),
        }
    } else if kind.is_file() {
        let mut content = Vec::new();
        match fs::File::open(path).and_then(|mut file| file.read_to_end(&mut content)) {
            Ok(_) => {
                let hash: [u8; 32] = Sha256::digest(&content).into();
                nodes.insert(path.to_owned(), Node::File(hash, content.len() as u64));
                contents.insert(hash, content);
            }
            Err(error) => cannot(error),
        }
    } else {
        nodes.insert(path.to_owned(), Node::Special);
    }
    Ok(())
}
