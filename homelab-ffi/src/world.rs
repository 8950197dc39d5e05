//! What plans are applied to, and observations are made of.

use std::sync::Arc;

use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::observed::Observed;
use crate::runtime::run;

/// The world of one lab: what plans are applied to, and observations are made of.
#[derive(Debug, uniffi::Object)]
pub struct World(pub(crate) homelab_core::World);

#[uniffi::export]
impl World {
    /// Returns the world of the lab in this folder, without anything that needs a connection. Nothing is read yet.
    #[uniffi::constructor]
    pub fn files(root: String) -> Self {
        World(homelab_core::World::files(root))
    }

    /// Returns the world with its state (recovery files) in this folder, instead of the usual one.
    pub fn with_state(&self, folder: String) -> World {
        World(self.0.clone().with_state(folder))
    }

    /// Returns the lab's folder.
    pub fn root(&self) -> String {
        self.0.root().display().to_string()
    }

    /// Returns what there is to see now. What cannot be seen is a fact of the observation, not an error.
    #[uniffi::method(default(cancel = None))]
    pub async fn observe(&self, cancel: Option<Arc<CancelToken>>) -> Result<Arc<Observed>, HomelabError> {
        let world = self.0.clone();
        let seen = run("observe the lab", cancel, async move { world.observe().await }).await?;
        Ok(Arc::new(Observed(seen)))
    }
}
