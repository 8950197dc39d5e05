//! The wish that something stops: [`Cancel`].
//!
//! ```
//! use homelab_core::cancel::Cancel;
//!
//! let cancel = Cancel::new();
//! let theirs = cancel.clone();
//! theirs.cancel();
//! assert!(cancel.is_cancelled());
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Callback = Box<dyn FnOnce() + Send>;

/// A wish to stop that many may hold and each may utter, once and for all. Cheap to clone: clones are the same wish.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cancelled: bool,
    next: u64,
    callbacks: BTreeMap<u64, Callback>,
}

impl Cancel {
    /// Returns a wish that nobody has uttered.
    pub fn new() -> Self {
        Cancel::default()
    }

    /// Asks everything that listens to stop. Asking again changes nothing.
    pub fn cancel(&self) {
        let callbacks = {
            let mut state = self.lock();
            state.cancelled = true;
            std::mem::take(&mut state.callbacks)
        };
        // Called without the lock: a callback may ask again.
        for callback in callbacks.into_values() {
            callback();
        }
    }

    /// Returns whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Waits until it is asked to stop.
    ///
    /// Dropping the future forgets it; any number may wait.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let cancel = self.clone();
        async move {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let _listening = cancel.on_cancel(move || {
                // The other end lives as long as this listens.
                let _ = sender.send(());
            });
            // The sender is gone only once it was called.
            let _ = receiver.await;
        }
    }

    /// Calls back when it is asked to stop, at once if it was already, and never after the guard was dropped.
    pub(crate) fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) -> OnCancel {
        let mut state = self.lock();
        let id = state.next;
        if state.cancelled {
            drop(state);
            callback();
        } else {
            state.next += 1;
            state.callbacks.insert(id, Box::new(callback));
        }
        OnCancel {
            cancel: self.clone(),
            id,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

/// Keeps a callback of [`Cancel::on_cancel`] alive.
pub(crate) struct OnCancel {
    cancel: Cancel,
    id: u64,
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        let forgotten = self.cancel.lock().callbacks.remove(&self.id);
        drop(forgotten);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn each_listener_is_called_once_and_only_while_it_listens() {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = |calls: &Arc<AtomicUsize>| {
            let calls = calls.clone();
            move || {
                calls.fetch_add(1, Ordering::SeqCst);
            }
        };
        let cancel = Cancel::new();
        let kept = cancel.on_cancel(count(&calls));
        drop(cancel.on_cancel(count(&calls)));
        cancel.cancel();
        cancel.cancel();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        drop(kept);
        let _late = cancel.on_cancel(count(&calls));
        assert_eq!(calls.load(Ordering::SeqCst), 2, "who comes late is told at once");
    }

    #[tokio::test]
    async fn all_who_wait_are_woken_and_who_comes_late_does_not_wait() {
        let cancel = Cancel::new();
        drop(cancel.cancelled());
        let waiting = [tokio::spawn(cancel.cancelled()), tokio::spawn(cancel.cancelled())];
        tokio::task::yield_now().await;
        assert!(waiting.iter().all(|task| !task.is_finished()));
        cancel.cancel();
        for task in waiting {
            task.await.expect("it ends");
        }
        cancel.cancelled().await;
        assert!(cancel.lock().callbacks.is_empty(), "nobody listens any more");
    }
}
