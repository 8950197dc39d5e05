//! The world, and what is done to it. The package wraps these in `World` and `SyncWorld`.

use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_core::Stream as _;
use homelab_core as core;
use homelab_core::subscription::Subscription;
use pyo3::prelude::*;
use tokio::sync::watch;

use crate::backup::Repositories;
use crate::convert::{FilePath, Record};
use crate::error::{Failed, Result, raised};
use crate::lab::Lab;
use crate::live::Engines;
use crate::observed::Observed;
use crate::plan::{Outcome, Plan};
use crate::runtime::{block, runtime, spawn};

/// What plans are applied to, and observations are made of: connected to a lab, which it looks at unless told another.
#[pyclass(frozen, module = "homelab._native")]
pub(crate) struct World {
    world: core::World,
    lab: core::Lab,
}

async fn connected(lab: core::Lab, state: Option<FilePath>, compose: Option<FilePath>) -> World {
    let mut world = core::World::connect(&lab).await;
    if let Some(state) = state {
        world = world.with_state(state.0);
    }
    if let Some(compose) = compose {
        world = world.with_compose(compose.0);
    }
    World { world, lab }
}

impl World {
    fn observing(
        &self,
        lab: Option<&Lab>,
        engines: bool,
        repositories: bool,
    ) -> impl Future<Output = Observed> + Send + 'static {
        let (world, lab) = (self.world.clone(), lab.map_or(&self.lab, |lab| &lab.0).clone());
        let world = if engines { world } else { world.without_engines() };
        let world = match repositories {
            true => world,
            false => world.without_repositories(),
        };
        async move { Observed(world.observe(&lab).await) }
    }
}

#[pymethods]
impl World {
    /// The folder that plans write in.
    #[getter]
    fn root(&self) -> PathBuf {
        self.world.root().to_owned()
    }

    #[staticmethod]
    async fn connect(lab: Py<Lab>, state: Option<FilePath>, compose: Option<FilePath>) -> Result<World> {
        spawn(connected(lab.get().0.clone(), state, compose)).await
    }

    #[staticmethod]
    fn connect_sync(
        py: Python<'_>,
        lab: &Lab,
        state: Option<FilePath>,
        compose: Option<FilePath>,
    ) -> Result<World> {
        block(py, connected(lab.0.clone(), state, compose))
    }

    async fn observe(&self, lab: Option<Py<Lab>>, engines: bool, repositories: bool) -> Result<Observed> {
        spawn(self.observing(lab.as_ref().map(Py::get), engines, repositories)).await
    }

    fn observe_sync(
        &self,
        py: Python<'_>,
        lab: Option<&Lab>,
        engines: bool,
        repositories: bool,
    ) -> Result<Observed> {
        block(py, self.observing(lab, engines, repositories))
    }

    fn engines(&self) -> Engines {
        Engines(self.world.engines())
    }

    fn repositories(&self) -> Repositories {
        Repositories(self.world.repositories())
    }

    fn apply(&self, plan: &Plan) -> Result<Operation> {
        let runtime = runtime()?;
        let inside = runtime.enter();
        let operation = Arc::new(Mutex::new(plan.0.clone().apply(&self.world)));
        drop(inside);
        let (sender, result) = watch::channel(None);
        let running = operation.clone();
        runtime.spawn(async move {
            let outcome = poll_fn(|context| Pin::new(&mut *lock(&running)).poll(context)).await;
            sender.send_replace(Some(Arc::new(outcome)));
        });
        Ok(Operation { operation, result })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Ended = Option<Arc<core::Result<core::Outcome>>>;

/// A plan that is being applied. It may be waited for several times, from several tasks and threads.
#[pyclass(frozen, module = "homelab._native")]
pub(crate) struct Operation {
    operation: Arc<Mutex<core::Operation>>,
    result: watch::Receiver<Ended>,
}

async fn ended(mut result: watch::Receiver<Ended>) -> Ended {
    // An error means that the runtime was shut down, and nobody will ever say how it ended.
    result
        .wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|ended| ended.clone())
}

fn outcome(ended: Ended, allow_partial: bool) -> Result<Outcome> {
    let Some(ended) = ended else {
        let message = "learn how it ended: the runtime was shut down";
        return Err(core::Error::new(core::ErrorKind::Cancelled, message).into());
    };
    match &*ended {
        Ok(outcome) => {
            if !allow_partial {
                outcome.complete()?;
            }
            Ok(Outcome(outcome.clone()))
        }
        // It stays here for those who wait after us.
        Err(error) => Err(Failed::Python(raised(error))),
    }
}

#[pymethods]
impl Operation {
    fn events(&self) -> Events {
        let (closed, _) = watch::channel(false);
        Events {
            subscription: Arc::new(Mutex::new(lock(&self.operation).events())),
            closed: Arc::new(closed),
        }
    }

    fn cancel(&self) {
        drop(lock(&self.operation).cancel());
    }

    #[getter]
    fn finished(&self) -> bool {
        self.result.borrow().is_some()
    }

    async fn wait(&self, allow_partial: bool) -> Result<Outcome> {
        outcome(spawn(ended(self.result.clone())).await?, allow_partial)
    }

    fn wait_sync(&self, py: Python<'_>, allow_partial: bool) -> Result<Outcome> {
        outcome(block(py, ended(self.result.clone()))?, allow_partial)
    }

    async fn wait_finished(&self) -> Result<()> {
        spawn(ended(self.result.clone())).await.map(drop)
    }

    fn wait_finished_sync(&self, py: Python<'_>) -> Result<()> {
        block(py, ended(self.result.clone())).map(drop)
    }
}

impl Drop for Operation {
    /// As in the core: what nobody holds any more is asked to stop.
    fn drop(&mut self) {
        drop(lock(&self.operation).cancel());
    }
}

/// What happens while a plan is applied, from its beginning.
#[pyclass(frozen, module = "homelab._native")]
pub(crate) struct Events {
    subscription: Arc<Mutex<Subscription<core::Event>>>,
    closed: Arc<watch::Sender<bool>>,
}

impl Events {
    fn following(&self) -> impl Future<Output = Option<Record>> + Send + 'static {
        let subscription = self.subscription.clone();
        let mut closed = self.closed.subscribe();
        async move {
            let next = poll_fn(|context| Pin::new(&mut *lock(&subscription)).poll_next(context));
            let event = tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => None,
                event = next => event,
            };
            event.map(|event| Record::of("EventView", &event.view()))
        }
    }
}

#[pymethods]
impl Events {
    async fn next(&self) -> Result<Option<Record>> {
        spawn(self.following()).await
    }

    fn next_sync(&self, py: Python<'_>) -> Result<Option<Record>> {
        block(py, self.following())
    }

    fn close(&self) {
        self.closed.send_replace(true);
        lock(&self.subscription).close();
    }
}
