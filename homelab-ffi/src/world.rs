//! What plans are applied to, and observations are made of.

use std::sync::Arc;

use crate::backup::Repositories;
use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::lab::Lab;
use crate::live::Engines;
use crate::observed::Observed;
use crate::runtime::run;

/// The world of one lab: what plans are applied to, and observations are made of.
#[derive(Debug, uniffi::Object)]
pub struct World(pub(crate) homelab_core::World);

#[uniffi::export]
impl World {
    /// Returns the world of a lab: what this build brings of it. A part that does not answer is a fact of what is
    /// observed, not an error.
    #[uniffi::constructor(default(cancel = None))]
    pub async fn connect(lab: Arc<Lab>, cancel: Option<Arc<CancelToken>>) -> Result<Arc<Self>, HomelabError> {
        let lab = lab.0.clone();
        let connect = async move { homelab_core::World::connect(&lab).await };
        Ok(Arc::new(World(run("connect to the lab", cancel, connect).await?)))
    }

    /// Returns the world with its state (recovery files) in this folder, instead of the usual one.
    pub fn with_state(&self, folder: String) -> World {
        World(self.0.clone().with_state(folder))
    }

    /// Returns the world with this program as Docker Compose, instead of `docker compose` or `docker-compose` on `PATH`.
    pub fn with_compose(&self, program: String) -> World {
        World(self.0.clone().with_compose(program))
    }

    /// Returns the world without engines: they are not observed.
    pub fn without_engines(&self) -> World {
        World(self.0.clone().without_engines())
    }

    /// Returns the engines of the lab's hosts, to look at and to watch.
    pub fn engines(&self) -> Engines {
        Engines(self.0.engines())
    }

    /// Returns the world without repositories of backups: they are not asked, which takes a moment and their passwords.
    pub fn without_repositories(&self) -> World {
        World(self.0.clone().without_repositories())
    }

    /// Returns the repositories of backups of the lab, to look at.
    pub fn repositories(&self) -> Repositories {
        Repositories(self.0.repositories())
    }

    /// Returns the lab's folder.
    pub fn root(&self) -> String {
        self.0.root().display().to_string()
    }

    /// Returns what there is to see of the lab now. What cannot be seen is a fact of the observation, not an error.
    #[uniffi::method(default(cancel = None))]
    pub async fn observe(
        &self,
        lab: Arc<Lab>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Observed>, HomelabError> {
        let (world, lab) = (self.0.clone(), lab.0.clone());
        let observe = async move { world.observe(&lab).await };
        Ok(Arc::new(Observed(run("observe the lab", cancel, observe).await?)))
    }
}
