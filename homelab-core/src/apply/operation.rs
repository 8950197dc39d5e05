//! A plan that is being applied: [`Operation`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{oneshot, watch};

use super::event::{Event, Outcome};
use super::world::World;
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Plan;
use crate::subscription::{Channel, Subscription};

/// So many events are kept for readers that come late or read slowly.
const EVENTS: usize = 4096;

impl Plan {
    /// Begins to apply the plan, as a task on the tokio runtime that this is called on, and returns the running
    /// [`Operation`].
    ///
    /// It runs whether or not the operation is awaited, and needs neither the runtime's IO nor its timer. Outside of a
    /// runtime nothing is done, and the operation yields an error of kind `Unsupported`.
    pub fn apply(self, world: &World) -> Operation {
        let (result, receiver) = oneshot::channel();
        let (finished, is_finished) = watch::channel(false);
        let shared = Arc::new(Shared {
            cancel: Cancel::new(),
            events: Channel::new(EVENTS, Event::lagged),
        });
        let operation = Operation {
            title: self.title().to_owned(),
            shared: shared.clone(),
            finished: is_finished,
            result: Some(receiver),
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            shared.events.end();
            let message = format!("{}: there is no tokio runtime here", self.title());
            let error = Error::new(ErrorKind::Unsupported, message).with_hint(
                "apply plans within a tokio runtime: in an async function that it runs, or after `enter()`",
            );
            // The receiver is alive: it was made above.
            let _ = result.send(Err(error));
            return operation;
        };
        let world = world.clone();
        runtime.spawn(async move {
            // Ends the events even if the runtime drops this task half-way.
            let ending = Ending(shared);
            let outcome = drive(self, world, &ending.0).await;
            ending.0.events.send(match &outcome {
                Ok(outcome) => Event::Finished(outcome.status()),
                Err(error) => Event::Failed {
                    kind: error.kind(),
                    message: error.to_string(),
                },
            });
            drop(ending);
            // Nobody may be waiting any more.
            let _ = result.send(outcome);
            let _ = finished.send(true);
        });
        operation
    }
}

#[cfg(unix)]
async fn drive(plan: Plan, world: World, shared: &Arc<Shared>) -> Result<Outcome> {
    super::run::drive(plan, world, shared.clone()).await
}

#[cfg(not(unix))]
async fn drive(plan: Plan, _: World, _: &Arc<Shared>) -> Result<Outcome> {
    let message = format!("{}: plans are applied on Unix only", plan.title());
    Err(Error::new(ErrorKind::Unsupported, message))
}

/// What the task and its handle share.
pub(super) struct Shared {
    pub(super) cancel: Cancel,
    pub(super) events: Channel<Event>,
}

struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.events.end();
    }
}

/// A plan that is being applied by a task of the runtime.
///
/// Awaiting it yields the [`Outcome`]. A failure, or a stop, after the first step is an [`Error`] whose
/// [`done`](Error::done) has the steps that were done.
///
/// Dropping it, or the future that awaits it, asks the task to stop as [`cancel`](Operation::cancel) does, without
/// waiting: the task ends its present step and cleans up. Only when the runtime itself is shut down meanwhile does the
/// cleanup wait for the next run.
#[must_use = "dropping an operation stops it: await it"]
pub struct Operation {
    title: String,
    shared: Arc<Shared>,
    finished: watch::Receiver<bool>,
    /// Nothing once the result was taken.
    result: Option<oneshot::Receiver<Result<Outcome>>>,
}

impl Operation {
    /// Returns what happens, from the beginning, to its end.
    ///
    /// Every subscription gets all events; a reader who falls thousands behind is told how many it missed. Nothing waits
    /// for readers. Dropping or closing the subscription does not stop the operation.
    pub fn events(&self) -> Subscription<Event> {
        self.shared.events.subscribe()
    }

    /// Asks it to stop, now, and returns what waits until it has ended and cleaned up.
    ///
    /// A step that has begun is ended; no further one begins. Awaiting the operation then says how it ended: with an
    /// error of kind `Cancelled`, or with its outcome if that came first. Dropping the returned future stops the waiting
    /// only.
    pub fn cancel(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.shared.cancel.cancel();
        let mut finished = self.finished.clone();
        async move {
            // An error means that the task is gone, which is the end too.
            let _ = finished.wait_for(|finished| *finished).await;
        }
    }
}

impl Future for Operation {
    type Output = Result<Outcome>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Outcome>> {
        let Some(result) = &mut self.result else {
            let message = format!("{}: its result was taken already", self.title);
            return Poll::Ready(Err(Error::new(ErrorKind::Invalid, message)));
        };
        let Poll::Ready(received) = Pin::new(result).poll(context) else {
            return Poll::Pending;
        };
        self.result = None;
        Poll::Ready(received.unwrap_or_else(|_| {
            let message = format!("{}: its runtime was shut down", self.title);
            Err(Error::new(ErrorKind::Cancelled, message)
                .with_hint("what it left is put back by the next run; apply the plan again to finish it"))
        }))
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.shared.cancel.cancel();
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("title", &self.title)
            .field("finished", &*self.finished.borrow())
            .finish_non_exhaustive()
    }
}
