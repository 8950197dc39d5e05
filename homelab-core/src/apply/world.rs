//! What plans are applied to, and observations are made of: [`World`].

#![expect(
    clippy::disallowed_methods,
    reason = "observing reads the clock, and the state folder is named by the environment"
)]

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(unix)]
use std::sync::Mutex;

use jiff::Timestamp;

use crate::error::{Error, ErrorKind, Result};
use crate::observed::Observed;
use crate::plan::ContentHash;

/// The world of one lab: for now its folder. Cheap to clone: clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    root: PathBuf,
    state: Option<PathBuf>,
    /// Whether what earlier runs have left was looked for.
    #[cfg(unix)]
    pub(super) looked_back: Arc<Mutex<bool>>,
    #[cfg(test)]
    before_step: Option<BeforeStep>,
}

#[cfg(test)]
pub(super) type BeforeStep = Arc<dyn Fn(usize) + Send + Sync>;

impl World {
    /// Returns the world of the lab in this folder, without anything that needs a connection. Nothing is read yet.
    pub fn files(root: impl Into<PathBuf>) -> World {
        World(Arc::new(Inner {
            root: root.into(),
            state: None,
            #[cfg(unix)]
            looked_back: Arc::default(),
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

    /// Returns the lab's folder.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Returns what there is to see now: the version control state of the lab's folder (with the feature `tools`), and
    /// what runs that were killed have left. What cannot be seen is a fact of the observation, not an error.
    ///
    /// Dropping the future stops what it started.
    pub async fn observe(&self) -> Observed {
        let seen = Observed::none(Timestamp::now());
        #[cfg(unix)]
        {
            let cancel = crate::cancel::Cancel::new();
            let _stop = CancelOnDrop(cancel.clone());
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let (world, unseen) = (self.clone(), seen.clone());
            let look = move || {
                // The other end is gone when nobody waits any more.
                let _ = sender.send(world.look(unseen, &cancel));
            };
            // A thread of its own, so that this needs no runtime.
            match std::thread::Builder::new().name("observe".into()).spawn(look) {
                Ok(_) => receiver.await.unwrap_or(seen),
                Err(_) => seen,
            }
        }
        #[cfg(not(unix))]
        seen
    }

    #[cfg(unix)]
    #[cfg_attr(not(feature = "tools"), expect(unused_variables, reason = "nothing to stop"))]
    fn look(&self, mut seen: Observed, cancel: &crate::cancel::Cancel) -> Observed {
        if let Ok(folder) = self.recovery_folder() {
            seen = seen.with_interrupted(super::recovery::interrupted(&folder));
        }
        #[cfg(feature = "tools")]
        {
            seen = seen.with_worktree(super::worktree::read(&self.0.root, cancel));
        }
        seen
    }

    /// Returns where recovery files are.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "plans are applied on Unix only so far")
    )]
    pub(super) fn recovery_folder(&self) -> Result<PathBuf> {
        Ok(self.state_folder()?.join("recovery"))
    }

    fn state_folder(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.0.state {
            return Ok(folder.clone());
        }
        let variable = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let base = variable("XDG_STATE_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".local/state")))
            .ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "find the folder for the lab's state")
                    .with_hint("set `HOME` or `XDG_STATE_HOME` to an absolute path")
            })?;
        let root = std::fs::canonicalize(&self.0.root).map_err(|error| {
            let message = format!("open folder `{}`", self.0.root.display());
            Error::new(ErrorKind::NotFound, message).with_source(error)
        })?;
        let lab = ContentHash::of(root.as_os_str().as_encoded_bytes()).to_string();
        Ok(base.join("homelab").join(&lab[..16]))
    }

    #[cfg(unix)]
    pub(super) fn looked_back(&self) -> &Mutex<bool> {
        &self.0.looked_back
    }
}

#[cfg(test)]
impl World {
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
