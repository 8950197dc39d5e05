//! A plan that is being applied, and what became of it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use homelab_core::view::{OutcomeView, StepResultView};
use tokio::sync::OnceCell;

use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::events::Events;

/// A plan that is being applied.
///
/// It runs whether or not anybody waits for it. Closing it before it ended, or losing the last reference to it, asks it
/// to stop as `cancel` does.
#[derive(Debug, uniffi::Object)]
pub struct Operation {
    operation: Mutex<homelab_core::Operation>,
    /// Several may ask for the result, and again.
    result: OnceCell<Result<Arc<Outcome>, HomelabError>>,
}

impl Operation {
    pub(crate) fn new(operation: homelab_core::Operation) -> Self {
        Operation {
            operation: Mutex::new(operation),
            result: OnceCell::new(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, homelab_core::Operation> {
        self.operation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn result(&self) -> Result<Arc<Outcome>, HomelabError> {
        let take = async || {
            let outcome = poll_fn(|context| Pin::new(&mut *self.lock()).poll(context)).await;
            outcome
                .map(|outcome| Arc::new(Outcome(outcome)))
                .map_err(HomelabError::from)
        };
        self.result.get_or_init(take).await.clone()
    }
}

#[uniffi::export]
impl Operation {
    /// Returns what happens, from the beginning, to its end. Every reader gets all events.
    pub fn events(&self) -> Events {
        Events::new(self.lock().events())
    }

    /// Waits until it has ended, and returns what became of it: the same each time. Uttering the token stops the
    /// operation.
    #[uniffi::method(default(cancel = None))]
    pub async fn outcome(&self, cancel: Option<Arc<CancelToken>>) -> Result<Arc<Outcome>, HomelabError> {
        let Some(cancel) = cancel else {
            return self.result().await;
        };
        tokio::select! {
            biased;
            () = cancel.0.cancelled() => {
                self.cancel().await;
                self.result().await
            }
            result = self.result() => result,
        }
    }

    /// Asks it to stop, and waits until it has ended and cleaned up. `outcome` then says how it ended: as `Cancelled`, or
    /// with its outcome if that came first.
    pub async fn cancel(&self) {
        let ended = self.lock().cancel();
        ended.await;
    }
}

/// What became of a plan that was applied to its end.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Display)]
pub struct Outcome(homelab_core::Outcome);

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[uniffi::export]
impl Outcome {
    /// Returns how much of it was done: `complete`, `partial` or `skipped`.
    pub fn status(&self) -> String {
        self.0.status().to_string()
    }

    /// Returns what became of each step, in their order.
    pub fn steps(&self) -> Vec<StepResultView> {
        self.view().steps
    }

    /// Returns whether nothing is left out: fails with `Incomplete` when the outcome is partial.
    pub fn complete(&self) -> Result<(), HomelabError> {
        Ok(self.0.complete()?)
    }

    /// Returns the outcome as a record.
    pub fn view(&self) -> OutcomeView {
        self.0.view()
    }
}
