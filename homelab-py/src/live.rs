//! `Engines`, `Inventory`, `Changes`, `Logs`, `Drift` and `Running`: what runs, and how it differs from what was written.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_core::Stream as _;
use homelab_core as core;
use homelab_core::engine::{LogOptions, Logged};
use homelab_core::inventory::{self, Change, HostInventory};
use homelab_core::subscription::Subscription;
use jiff::Timestamp;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use tokio::sync::watch;

use crate::convert::{Record, equals_dict, hash};
use crate::engine::Engine;
use crate::error::{Failed, Result};
use crate::feed::{Reading, stream};
use crate::lab::Lab;
use crate::observed::Observed;
use crate::runtime::{block, runtime, spawn};

/// What all engines of a lab have, each with when and by whom it was seen. Immutable; its text has a line for each
/// container. `Lab.running` says which service each of them is, and `Lab.adopt` makes a lab of it.
// What gathers the methods of a class (`multiple-pymethods`) has a type of its own that is called `Inventory`.
#[pyclass(frozen, name = "Inventory", module = "homelab")]
pub(crate) struct SeenInventory(pub(crate) inventory::Inventory);

#[pymethods]
impl SeenInventory {
    /// The hosts, by name, each with whether its engine answered.
    #[getter]
    fn hosts(&self) -> Vec<Record> {
        let views = self.0.hosts().map(HostInventory::view);
        views.map(|view| Record::of("SeenHostView", &view)).collect()
    }

    /// How many containers there are.
    fn __len__(&self) -> usize {
        self.0.containers().count()
    }

    /// An inventory is something even where nothing runs.
    fn __bool__(&self) -> bool {
        true
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        let (containers, hosts) = (self.0.containers().count(), self.0.hosts().len());
        format!("<Inventory: {containers} containers on {hosts} hosts>")
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __hash__(&self) -> u64 {
        let ids: Vec<&str> = self.0.containers().map(|(_, one)| one.id.as_str()).collect();
        hash(&ids)
    }
}

/// The engines of a lab's hosts, to look at. It holds no connection: each question makes its own.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Engines(pub(crate) core::engine::Engines);

impl Engines {
    fn asking(&self) -> impl Future<Output = SeenInventory> + Send + 'static {
        let engines = self.0.clone();
        async move { SeenInventory(engines.inventory().await) }
    }

    fn connecting(&self, host: String) -> impl Future<Output = core::Result<Engine>> + Send + 'static {
        let engines = self.0.clone();
        async move { Ok(Engine(engines.engine(&host).await?)) }
    }
}

#[pymethods]
impl Engines {
    /// The hosts, by name.
    #[getter]
    fn hosts(&self) -> Vec<String> {
        self.0.hosts().map(ToString::to_string).collect()
    }

    /// Returns the same with another limit of how long an engine may take to answer: ten seconds, where nothing is set.
    #[pyo3(signature = (limit, /))]
    fn with_limit(&self, limit: Duration) -> Self {
        Engines(self.0.clone().with_limit(limit))
    }

    /// Returns what all engines have now. A host that is dead or slow costs its limit once, and is a fact with its reason.
    fn inventory(&self, py: Python<'_>) -> Result<SeenInventory> {
        block(py, self.asking())
    }

    /// As `inventory`, awaited. Cancelling the task stops asking.
    async fn inventory_async(&self) -> Result<SeenInventory> {
        spawn(self.asking()).await
    }

    /// Watches all hosts: first everything (`full`), then what becomes different, as the engines' events tell; nothing is
    /// polled. To be read by `for` or by `async for`, until it is closed.
    ///
    /// A host that is lost is told with its reason, and tried until it is there again; what became different meanwhile is
    /// then told as `resynced`.
    fn watch(&self) -> Result<Changes> {
        let inside = runtime()?.enter();
        let changes = self.0.watch();
        drop(inside);
        let (closed, _) = watch::channel(false);
        Ok(Changes {
            reading: Arc::new(Mutex::new(Watched {
                changes,
                inventory: inventory::Inventory::default(),
            })),
            closed: Arc::new(closed),
        })
    }

    /// Returns what the containers of a target have written: in the order of time, and with `follow`, as it comes. To be
    /// read by `for` or by `async for`, until it is closed.
    ///
    /// Targets are as for `Lab.plan_start`. `since` and `until` are moments of the engine's clock, `tail` is how many of the
    /// last lines of each container. What is followed ends when all of them have.
    #[pyo3(signature = (lab, target, seen, /, *, follow = false, since = None, until = None, tail = None))]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn logs(
        &self,
        lab: &Lab,
        target: &str,
        seen: &Observed,
        follow: bool,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        tail: Option<u64>,
    ) -> Result<Logs> {
        let options = LogOptions {
            follow,
            since,
            until,
            tail,
        };
        Ok(Logs(Reading::new(self.0.logs(&lab.0, target, &seen.0, options)?)))
    }

    /// Connects to the engine of a host: for what one engine and its containers have and do. It raises `NotFound` for a host
    /// that there is not, or of which nobody says how its engine is reached.
    #[pyo3(signature = (host, /))]
    fn engine(&self, py: Python<'_>, host: String) -> Result<Engine> {
        Ok(block(py, self.connecting(host))??)
    }

    /// As `engine`, awaited.
    #[pyo3(signature = (host, /))]
    async fn engine_async(&self, host: String) -> Result<Engine> {
        Ok(spawn(self.connecting(host)).await??)
    }

    fn __repr__(&self) -> String {
        let hosts: Vec<&str> = self.0.hosts().map(|host| host.as_str()).collect();
        format!("<Engines of {}>", hosts.join(", "))
    }
}

/// What becomes different on engines, from everything on: an iterator, and an async one. Each change is told to one reader.
/// Dropping it closes it.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Changes {
    reading: Arc<Mutex<Watched>>,
    closed: Arc<watch::Sender<bool>>,
}

struct Watched {
    changes: Subscription<Change>,
    /// What the engines have, as far as it was read.
    inventory: inventory::Inventory,
}

fn lock(reading: &Mutex<Watched>) -> MutexGuard<'_, Watched> {
    reading.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Changes {
    fn following(&self) -> impl Future<Output = Option<Record>> + Send + 'static {
        let reading = self.reading.clone();
        let mut closed = self.closed.subscribe();
        async move {
            // Under one lock, so that whoever sees the change finds the inventory with it.
            let next = poll_fn(|context| {
                let mut reading = lock(&reading);
                let polled = Pin::new(&mut reading.changes).poll_next(context);
                polled.map(|change| {
                    let change = change?;
                    let view = change.view();
                    reading.inventory.apply(change);
                    Some(view)
                })
            });
            let view = tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => None,
                view = next => view,
            };
            view.map(|view| Record::of("ChangeView", &view))
        }
    }
}

#[pymethods]
impl Changes {
    /// What the engines have now, as far as the changes were read.
    #[getter]
    fn inventory(&self) -> SeenInventory {
        SeenInventory(lock(&self.reading).inventory.clone())
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Result<Option<Record>> {
        block(py, self.following())
    }

    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.call_method0("_next")
    }

    async fn _next(&self) -> Result<Record> {
        let next = spawn(self.following()).await?;
        next.ok_or_else(|| Failed::Python(PyStopAsyncIteration::new_err(())))
    }

    /// Ends it, also for a reader that waits in another task or thread.
    fn close(&self) {
        self.closed.send_replace(true);
        lock(&self.reading).changes.close();
    }

    /// As `close`: for `contextlib.aclosing`.
    async fn aclose(&self) {
        self.close();
    }

    fn __repr__(&self) -> String {
        let state = if *self.closed.borrow() { "closed" } else { "open" };
        format!("<Changes, {state}>")
    }
}

stream!(
    /// What containers have written, line by line: an iterator, and an async one. Each line is told to one reader. It raises
    /// where not all can be read. Dropping it closes it.
    Logs, Logged, Record, |line: Logged| Record::of("LogLineView", &line.view())
);

/// How what runs differs from what was written, as far as it was seen. Its text is what people read.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Drift(pub(crate) core::Drift);

#[pymethods]
impl Drift {
    /// The moment that it speaks of, in UTC.
    #[getter]
    fn at(&self) -> Timestamp {
        self.0.at()
    }

    /// The hosts that were asked, by name. Of one that was not seen nothing is known.
    #[getter]
    fn hosts(&self) -> Vec<Record> {
        let views = self.0.hosts().iter().map(core::drift::SeenHost::view);
        views.map(|view| Record::of("SeenHostView", &view)).collect()
    }

    /// The differences, by host, project and service.
    #[getter]
    fn differences(&self) -> Vec<Record> {
        let views = self.0.differences().iter().map(core::drift::Difference::view);
        views.map(|view| Record::of("DifferenceView", &view)).collect()
    }

    /// Whether all hosts were seen, and at least one.
    #[getter]
    fn is_complete(&self) -> bool {
        self.0.is_complete()
    }

    /// Returns how a command should end: 0 when everything was seen and is as it was written, 1 when something is
    /// different, 3 when nothing is, but not all hosts were seen.
    fn exit_code(&self) -> u8 {
        self.0.exit_code()
    }

    /// Returns it as a record.
    fn view(&self) -> Record {
        Record::of("DriftView", &self.0.view())
    }

    /// Returns it as JSON, indented.
    fn to_json(&self) -> String {
        self.0.to_json()
    }

    fn __len__(&self) -> usize {
        self.0.differences().len()
    }

    /// That nothing differs is an answer too.
    fn __bool__(&self) -> bool {
        true
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        let (count, hosts) = (self.0.differences().len(), self.0.hosts().len());
        format!("<Drift: {count} differences on {hosts} hosts>")
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0 == other.get().0);
        }
        Ok(equals_dict(other, &self.0.view())?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&(self.0.at(), self.0.differences().len()))
    }
}

/// What runs, by host, project and service, with who can reach it. Its text is a table.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Running(pub(crate) core::Running);

#[pymethods]
impl Running {
    /// The moment that it speaks of, in UTC.
    #[getter]
    fn at(&self) -> Timestamp {
        self.0.at()
    }

    /// The hosts that were asked, by name. Of one that was not seen nothing is known.
    #[getter]
    fn hosts(&self) -> Vec<Record> {
        let views = self.0.hosts().iter().map(core::drift::SeenHost::view);
        views.map(|view| Record::of("SeenHostView", &view)).collect()
    }

    /// Every container, whether it runs or not.
    #[getter]
    fn containers(&self) -> Vec<Record> {
        let views = self.0.containers().iter();
        views.map(|view| Record::of("ContainerView", view)).collect()
    }

    /// Returns it as a record.
    fn view(&self) -> Record {
        Record::of("RunningView", &self.0.view())
    }

    /// Returns it as JSON, indented.
    fn to_json(&self) -> String {
        self.0.to_json()
    }

    fn __len__(&self) -> usize {
        self.0.containers().len()
    }

    /// That nothing runs is an answer too.
    fn __bool__(&self) -> bool {
        true
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        let (containers, hosts) = (self.0.containers().len(), self.0.hosts().len());
        format!("<Running: {containers} containers on {hosts} hosts>")
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0 == other.get().0);
        }
        Ok(equals_dict(other, &self.0.view())?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&(self.0.at(), self.0.containers().len()))
    }
}
