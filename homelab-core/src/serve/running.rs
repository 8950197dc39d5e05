//! A server that runs: [`Serving`].

use std::fmt;
use std::net::SocketAddr;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::{Server, Shown};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::lab::Lab;
use crate::observed::Observed;

/// A server that answers, as a task of the runtime that it was started on.
///
/// Dropping it stops listening at once, and ends what was begun; [`stop`](Serving::stop) waits for that instead.
#[must_use = "dropping it stops the server"]
pub struct Serving {
    address: SocketAddr,
    shown: Shown,
    end: Cancel,
    finished: watch::Receiver<bool>,
    task: AbortHandle,
}

impl Serving {
    pub(super) fn begin(server: Server) -> Result<Serving> {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            let what = format!("serve on {}: there is no tokio runtime here", server.address());
            return Err(Error::new(ErrorKind::Unsupported, what)
                .with_hint("start it in an async function that a runtime runs, or after `enter()`"));
        };
        let (address, shown) = (server.address(), server.shown());
        let end = Cancel::new();
        let ended = end.cancelled();
        let (finish, finished) = watch::channel(false);
        let task = runtime.spawn(async move {
            // It has no errors of its own; a connection that breaks is ended alone.
            let _ = server.run(ended).await;
            // Nobody may be waiting.
            let _ = finish.send(true);
        });
        Ok(Serving {
            address,
            shown,
            end,
            finished,
            task: task.abort_handle(),
        })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows this from now on: after files have changed, or after another look.
    pub fn show(&self, lab: Lab, seen: Observed) {
        self.shown.set(lab, seen);
    }

    /// Stops listening, and waits until what was begun is answered, for five seconds at most. Asking again only waits.
    /// Dropping the future stops the waiting only.
    pub fn stop(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.end.cancel();
        let mut finished = self.finished.clone();
        async move {
            // An error means that the task is gone, which is the end too.
            let _ = finished.wait_for(|finished| *finished).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
