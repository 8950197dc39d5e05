//! What plans are applied to, and observations are made of: [`World`].

#![expect(
    clippy::disallowed_methods,
    reason = "observing reads the clock, and the state folder is named by the environment"
)]

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(unix)]
use std::sync::Mutex;

use jiff::Timestamp;

use crate::engine::Engines;
use crate::error::{Error, ErrorKind, Result};
#[cfg(unix)]
use crate::inventory::Inventory;
use crate::lab::Lab;
#[cfg(unix)]
use crate::observed::Backups;
use crate::observed::{Machine, Observed};
use crate::plan::ContentHash;
use crate::repository::Repositories;
#[cfg(all(unix, feature = "local"))]
use crate::tailnet::local::LocalApi;

/// The world of one lab: its folder, its hosts' engines, and the lab's state. Cheap to clone: clones are the same world.
///
/// The state is what is remembered between runs, such as recovery files. It is in `$XDG_STATE_HOME/homelab/LAB/`, by
/// default `~/.local/state/homelab/LAB/`; LAB is the `id` of instance.toml, else made of the folder's path. Without
/// either variable the world can be observed, and applying anything fails.
#[derive(Clone)]
pub struct World(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    root: PathBuf,
    id: Option<String>,
    state: Option<PathBuf>,
    /// Whether what earlier runs have left was looked for.
    #[cfg(unix)]
    pub(super) looked_back: Arc<Mutex<bool>>,
    #[cfg(all(unix, feature = "local"))]
    daemon: Option<LocalApi>,
    engines: Option<Engines>,
    compose: Option<PathBuf>,
    repositories: Repositories,
    #[cfg(test)]
    before_step: Option<BeforeStep>,
}

#[cfg(test)]
pub(super) type BeforeStep = Arc<dyn Fn(usize) + Send + Sync>;

impl World {
    /// Returns the world of a lab: what the crate's features bring of it. A part that does not answer is a fact of
    /// what is observed, not an error.
    pub async fn connect(lab: &Lab) -> World {
        let mut world = World::new(lab.root(), lab.instance().id());
        let machine = this_machine();
        let engines = Engines::of_lab(lab, machine.as_ref());
        Arc::make_mut(&mut world.0).repositories = Repositories::of_lab(lab, machine.as_ref());
        // Without the feature there is nothing to ask, and nothing to say of every host.
        Arc::make_mut(&mut world.0).engines = cfg!(feature = "docker").then_some(engines);
        world
    }

    pub(super) fn new(root: impl Into<PathBuf>, id: Option<&str>) -> World {
        World(Arc::new(Inner {
            root: root.into(),
            id: id.map(str::to_owned),
            state: None,
            #[cfg(unix)]
            looked_back: Arc::default(),
            #[cfg(all(unix, feature = "local"))]
            daemon: None,
            engines: None,
            compose: None,
            repositories: Repositories::default(),
            #[cfg(test)]
            before_step: None,
        }))
    }

    /// Returns the world with its state (recovery files) in this folder, instead of
    /// `$XDG_STATE_HOME/homelab/LAB/`.
    #[must_use]
    pub fn with_state(mut self, folder: impl Into<PathBuf>) -> World {
        Arc::make_mut(&mut self.0).state = Some(folder.into());
        self
    }

    /// Returns the world with these engines, instead of those of the lab's hosts.
    #[must_use]
    pub fn with_engines(mut self, engines: Engines) -> World {
        Arc::make_mut(&mut self.0).engines = Some(engines);
        self
    }

    /// Returns the world without engines: they are not observed.
    #[must_use]
    pub fn without_engines(mut self) -> World {
        Arc::make_mut(&mut self.0).engines = None;
        self
    }

    /// Returns the world with this program as Docker Compose, instead of `docker compose` or `docker-compose` on `PATH`.
    #[must_use]
    pub fn with_compose(mut self, program: impl Into<PathBuf>) -> World {
        Arc::make_mut(&mut self.0).compose = Some(program.into());
        self
    }

    /// Returns the world with these repositories of backups, instead of those that the lab names.
    #[must_use]
    pub fn with_repositories(mut self, repositories: Repositories) -> World {
        Arc::make_mut(&mut self.0).repositories = repositories;
        self
    }

    /// Returns the world without repositories of backups: they are not asked, which takes a moment and their passwords.
    #[must_use]
    pub fn without_repositories(self) -> World {
        self.with_repositories(Repositories::default())
    }

    /// Returns the repositories of backups, to look at.
    pub fn repositories(&self) -> Repositories {
        self.0.repositories.clone()
    }

    #[cfg(unix)]
    pub(super) fn repositories_there(&self) -> &Repositories {
        &self.0.repositories
    }

    /// Returns the program that was set as Docker Compose.
    #[cfg(all(unix, feature = "docker", feature = "tools"))]
    pub(super) fn compose(&self) -> Option<&Path> {
        self.0.compose.as_deref()
    }

    /// Returns the engines of the lab's hosts, to look at; none after [`without_engines`](World::without_engines).
    pub fn engines(&self) -> Engines {
        self.0.engines.clone().unwrap_or_default()
    }

    /// Returns the lab's folder.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Returns what there is to see of a lab now: this machine, the version control state of the lab's folder (with the
    /// feature `tools`), what this machine's device of the tailnet says (with the feature `local`, where there is one), what
    /// the engines have (with the feature `docker`), what the lab's repositories of backups hold, with what the journal says
    /// of checks and drills (where one can be worked on: with the feature `rustic`), and what runs that were killed have left.
    /// What cannot be seen is a fact of the observation, not an error.
    ///
    /// The lab is the one that this was connected to, perhaps loaded anew since. Dropping the future stops what it
    /// started.
    pub async fn observe(&self, lab: &Lab) -> Observed {
        self.see(lab.root().to_owned()).await
    }

    pub(super) async fn see(&self, root: PathBuf) -> Observed {
        let seen = Observed::none(Timestamp::now());
        #[cfg(unix)]
        {
            let cancel = crate::cancel::Cancel::new();
            let _stop = CancelOnDrop(cancel.clone());
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let (world, unseen) = (self.clone(), seen.clone());
            let look = move || {
                // The other end is gone when nobody waits any more.
                let _ = sender.send(world.look(&root, unseen, &cancel));
            };
            // A thread of its own, so that this needs no runtime.
            match std::thread::Builder::new().name("observe".into()).spawn(look) {
                Ok(_) => receiver.await.unwrap_or(seen),
                Err(_) => seen,
            }
        }
        #[cfg(not(unix))]
        {
            let _ = root;
            seen
        }
    }

    #[cfg(unix)]
    #[cfg_attr(
        not(feature = "tools"),
        expect(unused_variables, reason = "only programs look there")
    )]
    fn look(&self, root: &Path, mut seen: Observed, cancel: &crate::cancel::Cancel) -> Observed {
        // Without a state folder nobody can have looked.
        if let Ok(folders) = self.recovery_folders() {
            seen = seen.with_interrupted(super::recovery::interrupted(&folders, &self.0.root));
        }
        // Side by side: each mostly waits for programs.
        #[cfg(all(unix, feature = "local"))]
        let daemon = self.0.daemon.clone().or_else(LocalApi::find);
        let at = seen.at();
        let (machine, worktree, node, inventory, backups) = std::thread::scope(|scope| {
            let repositories = Some(&self.0.repositories).filter(|repositories| repositories.any());
            let backups = repositories.map(|all| scope.spawn(move || self.ask_repositories(all, at, cancel)));
            let engines = self.0.engines.as_ref();
            let inventory = engines.map(|engines| scope.spawn(|| ask_engines(engines, cancel)));
            #[cfg(all(unix, feature = "local"))]
            let node = scope.spawn(|| daemon.and_then(ask));
            #[cfg(feature = "tools")]
            let worktree = Some(super::worktree::read(root, cancel));
            #[cfg(not(feature = "tools"))]
            let worktree = None;
            #[cfg(all(unix, feature = "local"))]
            let node = node.join().ok().flatten();
            #[cfg(not(all(unix, feature = "local")))]
            let node = None;
            let inventory = inventory.and_then(|inventory| inventory.join().ok().flatten());
            let backups = backups.and_then(|backups| backups.join().ok().flatten());
            (this_machine(), worktree, node, inventory, backups)
        });
        if let Some(machine) = machine {
            seen = seen.with_machine(machine);
        }
        if let Some(worktree) = worktree {
            seen = seen.with_worktree(worktree);
        }
        if let Some(node) = node {
            seen = seen.with_tailnet(node);
        }
        if let Some(inventory) = inventory {
            seen = seen.with_inventory(inventory);
        }
        if let Some(backups) = backups {
            seen = seen.with_backups(backups);
        }
        seen
    }

    /// Asks all repositories what they hold, unless it is cancelled first, and adds what the journal says of them.
    #[cfg(unix)]
    fn ask_repositories(
        &self,
        repositories: &Repositories,
        at: Timestamp,
        cancel: &crate::cancel::Cancel,
    ) -> Option<Backups> {
        let watch = crate::repository::Watch::new().with_cancel(cancel.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .ok()?;
        let backups = runtime.block_on(repositories.holdings(at, &watch));
        let records = super::journal::read(&self.state_folders().unwrap_or_default());
        let told = backups.repositories().cloned().map(|mut one| {
            super::journal::tell(&records, &mut one);
            one
        });
        Some(Backups::new(told))
    }

    /// Returns where recovery files are: first where this world writes its own, then where runs wrote theirs before
    /// the lab had an id.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "plans are applied on Unix only so far")
    )]
    pub(super) fn recovery_folders(&self) -> Result<Vec<PathBuf>> {
        let folders = self.state_folders()?.into_iter();
        Ok(folders.map(|folder| folder.join("recovery")).collect())
    }

    /// Returns where this world writes its own state.
    #[cfg(unix)]
    pub(super) fn state_folder(&self) -> Result<PathBuf> {
        let first = self.state_folders()?.into_iter().next();
        first.ok_or_else(|| Error::new(ErrorKind::Internal, "find the folder for the lab's state"))
    }

    fn state_folders(&self) -> Result<Vec<PathBuf>> {
        if let Some(folder) = &self.0.state {
            return Ok(vec![folder.clone()]);
        }
        let base = state_base(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"))?;
        let root = std::fs::canonicalize(&self.0.root).map_err(|error| {
            let message = format!("open folder `{}`", self.0.root.display());
            Error::new(ErrorKind::NotFound, message).with_source(error)
        })?;
        let hash = ContentHash::of(root.as_os_str().as_encoded_bytes()).to_string();
        // An id holds letters, digits and `-` only: it is never a path.
        let names = self.0.id.as_deref().into_iter().chain([&hash[..16]]);
        Ok(names.map(|name| base.join("homelab").join(name)).collect())
    }

    #[cfg(unix)]
    pub(super) fn looked_back(&self) -> &Mutex<bool> {
        &self.0.looked_back
    }
}

/// Asks this machine's tailnet daemon what it says, for at most three seconds. The thread that looks around has no runtime,
/// and the caller's may have no IO driver; so it has a small one for as long as this takes.
#[cfg(all(unix, feature = "local"))]
fn ask(daemon: LocalApi) -> Option<crate::tailnet::Node> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let daemon = daemon.with_limit(std::time::Duration::from_secs(3));
    runtime.block_on(daemon.node()).ok()
}

/// Asks all engines what they have, unless it is cancelled first; on a runtime of its own, as [`ask`] does.
#[cfg(unix)]
fn ask_engines(engines: &Engines, cancel: &crate::cancel::Cancel) -> Option<Inventory> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    runtime.block_on(async {
        tokio::select! {
            inventory = engines.inventory() => Some(inventory),
            () = cancel.cancelled() => None,
        }
    })
}

#[cfg(unix)]
fn this_machine() -> Option<Machine> {
    super::machine::read()
}

#[cfg(not(unix))]
fn this_machine() -> Option<Machine> {
    None
}

/// Returns where the states of all labs are. As the XDG specification says, a path that is not absolute does not count.
fn state_base(state_home: Option<OsString>, home: Option<OsString>) -> Result<PathBuf> {
    let absolute = |text: Option<OsString>| text.map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(state_home)
        .or_else(|| absolute(home).map(|home| home.join(".local/state")))
        .ok_or_else(|| {
            let message = "find the folder for the lab's state: neither `XDG_STATE_HOME` nor `HOME` is an absolute path";
            Error::new(ErrorKind::NotFound, message).with_hint("set one of them: recovery files are written there before anything is changed")
        })
}

#[cfg(test)]
impl World {
    pub(super) fn files(root: impl Into<PathBuf>) -> World {
        World::new(root, None)
    }

    #[cfg(all(unix, feature = "local"))]
    pub(super) fn with_daemon(mut self, daemon: LocalApi) -> World {
        Arc::make_mut(&mut self.0).daemon = Some(daemon);
        self
    }

    pub(super) fn with_before_step(mut self, call: impl Fn(usize) + Send + Sync + 'static) -> World {
        Arc::make_mut(&mut self.0).before_step = Some(Arc::new(call));
        self
    }

    pub(super) fn before_step(&self) -> Option<BeforeStep> {
        self.0.before_step.clone()
    }
}

/// Shows the folder's name only: where it lies is private.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("root", &self.0.root.file_name().unwrap_or_default())
            .finish_non_exhaustive()
    }
}

#[cfg(unix)]
struct CancelOnDrop(crate::cancel::Cancel);

#[cfg(unix)]
impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(state_home: Option<&str>, home: Option<&str>) -> Result<PathBuf> {
        state_base(state_home.map(OsString::from), home.map(OsString::from))
    }

    #[test]
    fn the_state_is_where_the_environment_says() {
        assert_eq!(
            base(Some("/s"), Some("/h")).expect("a folder"),
            PathBuf::from("/s")
        );
        assert_eq!(
            base(None, Some("/h")).expect("a folder"),
            PathBuf::from("/h/.local/state")
        );
        assert_eq!(
            base(Some("s"), Some("/h")).expect("a folder"),
            PathBuf::from("/h/.local/state")
        );
        for (state_home, home) in [(None, None), (Some(""), Some("")), (Some("s"), Some("h"))] {
            let error = base(state_home, home).expect_err("nowhere");
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.hint().is_some_and(|hint| hint.contains("set one")));
        }
    }

    #[test]
    fn a_labs_state_is_named_by_its_id_and_found_by_its_folder() {
        let root = tempfile::tempdir().expect("a folder");
        let names = |world: World| -> Vec<String> {
            let folders = world.state_folders().expect("tests have a home");
            folders
                .iter()
                .map(|folder| folder.file_name().expect("a name").to_string_lossy().into_owned())
                .collect()
        };
        let [by_folder] = names(World::new(root.path(), None)).try_into().expect("one");
        let with_id = names(World::new(root.path(), Some("3f1c-2b")));
        assert_eq!(with_id, ["3f1c-2b".to_owned(), by_folder]);
    }

    #[cfg(unix)]
    #[test]
    fn what_engines_have_is_observed_in_any_runtime() {
        use crate::engine::memory::{Fault, MemoryEngine};
        let root = tempfile::tempdir().expect("a folder");
        let engine = MemoryEngine::new("nas".parse().expect("a name"));
        engine.insert(crate::inventory::Container::new("1", "web"));
        let engines = Engines::new([Arc::new(engine.clone()) as Arc<dyn crate::engine::Engine>]);
        let world = World::files(root.path()).with_engines(engines);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let see = |world: &World| runtime.block_on(world.see(root.path().to_owned()));
        let seen = see(&world);
        let inventory = seen.inventory().expect("it answered");
        assert_eq!(inventory.value().containers().count(), 1);
        engine.fail(Some(Fault::Unreachable));
        let seen = see(&world);
        let inventory = seen.inventory().expect("that nobody answers is a fact");
        assert!(
            inventory
                .value()
                .host("nas")
                .is_some_and(|nas| nas.gap().is_some())
        );
        assert!(see(&world.without_engines()).inventory().is_none());
    }

    #[cfg(all(unix, feature = "local"))]
    #[test]
    fn what_the_tailnets_daemon_says_is_observed_in_any_runtime() {
        use std::io::{Read, Write};
        let root = tempfile::tempdir().expect("a folder");
        let socket = root.path().join("sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        let daemon = std::thread::spawn(move || {
            for _ in 0..3 {
                let (mut stream, _) = listener.accept().expect("a question");
                let _ = stream.read(&mut [0; 4096]);
                let body = r#"{"BackendState": "Running", "Self": {"HostName": "slate"}}"#;
                let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                stream.write_all(text.as_bytes()).expect("it listens");
            }
        });
        // Without drivers, as a caller may have it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let world = World::files(root.path()).with_daemon(LocalApi::new(&socket));
        let seen = runtime.block_on(world.see(root.path().to_owned()));
        let node = seen.tailnet().expect("it answered").value();
        assert!(node.status().is_running() && node.preferences().is_some());
        daemon.join().expect("three questions");

        let absent = World::files(root.path()).with_daemon(LocalApi::new(root.path().join("none")));
        assert!(
            runtime
                .block_on(absent.see(root.path().to_owned()))
                .tailnet()
                .is_none()
        );
    }
}
