//! `Engine`: one engine, by the name of its host, and what streams from it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use homelab_core as core;
use homelab_core::Secret;
use homelab_core::engine::{
    Action, EngineEvent, EngineExt as _, ExecOptions, Feed, LogOptions, Logged, Process, PullProgress,
    StatSample,
};
use jiff::Timestamp;
use pyo3::prelude::*;

use crate::convert::Record;
use crate::error::Result;
use crate::feed::{Bytes, Input, Reading, stream};
use crate::live::Logs;
use crate::runtime::{block, spawn};

/// The engine of one host, connected: what it has, and what its containers do. Made by `Engines.engine`.
///
/// A container is named by its name or id; who names one has said that it may be touched, whether the lab has it or not.
/// To act on services in their order, with a plan to look at, there are `Lab.plan_restart` and the like.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Engine(pub(crate) Arc<dyn core::engine::Engine>);

type Answer<T> = core::Result<T>;

impl Engine {
    fn asking<F: Future>(&self, ask: impl FnOnce(Arc<dyn core::engine::Engine>) -> F) -> F {
        ask(self.0.clone())
    }

    fn told(&self) -> impl Future<Output = Answer<Record>> + Send + 'static {
        self.asking(|engine| async move {
            let info = engine.info().await?;
            Ok(Record::of("EngineInfoView", &info.view(engine.host())))
        })
    }

    fn all(&self) -> impl Future<Output = Answer<Vec<Record>>> + Send + 'static {
        self.asking(|engine| async move {
            let all = engine.containers().await?;
            let views = all.iter().map(|one| one.view(engine.host()));
            Ok(views.map(|view| Record::of("InspectView", &view)).collect())
        })
    }

    fn one(&self, container: String) -> impl Future<Output = Answer<Record>> + Send + 'static {
        self.asking(|engine| async move {
            let one = engine.container(&container).await?;
            Ok(Record::of("InspectView", &one.view(engine.host())))
        })
    }

    fn all_images(&self) -> impl Future<Output = Answer<Vec<Record>>> + Send + 'static {
        self.asking(|engine| async move {
            let all = engine.images().await?;
            let views = all.iter().map(|one| one.view(engine.host()));
            Ok(views.map(|view| Record::of("ImageView", &view)).collect())
        })
    }

    fn all_volumes(&self, sizes: bool) -> impl Future<Output = Answer<Vec<Record>>> + Send + 'static {
        self.asking(move |engine| async move {
            let all = engine.volumes(sizes).await?;
            let views = all.iter().map(|one| one.view(engine.host()));
            Ok(views.map(|view| Record::of("VolumeView", &view)).collect())
        })
    }

    fn all_networks(&self) -> impl Future<Output = Answer<Vec<Record>>> + Send + 'static {
        self.asking(|engine| async move {
            let all = engine.networks().await?;
            let views = all.iter().map(|one| one.view(engine.host()));
            Ok(views.map(|view| Record::of("NetworkView", &view)).collect())
        })
    }

    fn processes(&self, container: String) -> impl Future<Output = Answer<Vec<Record>>> + Send + 'static {
        self.asking(|engine| async move {
            let all = engine.top(&container).await?;
            let views = all.iter().map(Process::view);
            Ok(views.map(|view| Record::of("ProcessView", &view)).collect())
        })
    }

    fn acting(&self, container: String, action: Action) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.asking(|engine| async move { engine.act(&container, action).await })
    }

    fn running(
        &self,
        container: String,
        options: ExecOptions,
    ) -> impl Future<Output = Answer<ExecResult>> + Send + 'static {
        self.asking(|engine| async move { Ok(ExecResult(engine.run(&container, options).await?)) })
    }

    fn reading(
        &self,
        container: String,
        path: String,
        most: u64,
    ) -> impl Future<Output = Answer<Bytes>> + Send + 'static {
        self.asking(move |engine| async move { Ok(Bytes(engine.read_file(&container, &path, most).await?)) })
    }

    fn writing(
        &self,
        container: String,
        path: String,
        content: Vec<u8>,
        mode: u32,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.asking(move |engine| async move { engine.write_file(&container, &path, mode, &content).await })
    }

    fn unpacking(
        &self,
        container: String,
        folder: String,
        archive: Feed<Vec<u8>>,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.asking(|engine| async move { engine.copy_in(&container, &folder, archive).await })
    }
}

fn options(
    command: Vec<String>,
    environment: Option<BTreeMap<String, String>>,
    user: Option<String>,
    folder: Option<String>,
    input: Option<Input>,
    idle: Option<Duration>,
) -> ExecOptions {
    let variables = environment.unwrap_or_default().into_iter();
    ExecOptions {
        command,
        environment: variables
            .map(|(name, value)| (name, Secret::new(value)))
            .collect(),
        user,
        folder,
        input: input.map(Input::feed),
        idle,
    }
}

#[pymethods]
impl Engine {
    /// The host that it runs on.
    #[getter]
    fn host(&self) -> String {
        self.0.host().to_string()
    }

    /// Returns what the engine says of itself.
    fn info(&self, py: Python<'_>) -> Result<Record> {
        Ok(block(py, self.told())??)
    }

    /// As `info`, awaited.
    async fn info_async(&self) -> Result<Record> {
        Ok(spawn(self.told()).await??)
    }

    /// Returns every container, whether it runs or not, by name.
    fn containers(&self, py: Python<'_>) -> Result<Vec<Record>> {
        Ok(block(py, self.all())??)
    }

    /// As `containers`, awaited.
    async fn containers_async(&self) -> Result<Vec<Record>> {
        Ok(spawn(self.all()).await??)
    }

    /// Returns one container.
    fn container(&self, py: Python<'_>, container: String) -> Result<Record> {
        Ok(block(py, self.one(container))??)
    }

    /// As `container`, awaited.
    async fn container_async(&self, container: String) -> Result<Record> {
        Ok(spawn(self.one(container)).await??)
    }

    /// Returns every image, by its first tag, dangling ones first.
    fn images(&self, py: Python<'_>) -> Result<Vec<Record>> {
        Ok(block(py, self.all_images())??)
    }

    /// As `images`, awaited.
    async fn images_async(&self) -> Result<Vec<Record>> {
        Ok(spawn(self.all_images()).await??)
    }

    /// Returns every volume by name; with `sizes` with what it holds, for which the engine reads all of them: it can take
    /// minutes.
    #[pyo3(signature = (*, sizes = false))]
    fn volumes(&self, py: Python<'_>, sizes: bool) -> Result<Vec<Record>> {
        Ok(block(py, self.all_volumes(sizes))??)
    }

    /// As `volumes`, awaited.
    #[pyo3(signature = (*, sizes = false))]
    async fn volumes_async(&self, sizes: bool) -> Result<Vec<Record>> {
        Ok(spawn(self.all_volumes(sizes)).await??)
    }

    /// Returns every network, by name.
    fn networks(&self, py: Python<'_>) -> Result<Vec<Record>> {
        Ok(block(py, self.all_networks())??)
    }

    /// As `networks`, awaited.
    async fn networks_async(&self) -> Result<Vec<Record>> {
        Ok(spawn(self.all_networks()).await??)
    }

    /// Returns the processes of a running container.
    fn top(&self, py: Python<'_>, container: String) -> Result<Vec<Record>> {
        Ok(block(py, self.processes(container))??)
    }

    /// As `top`, awaited.
    async fn top_async(&self, container: String) -> Result<Vec<Record>> {
        Ok(spawn(self.processes(container)).await??)
    }

    /// Returns what a container has written, and with `follow` what it writes from now on. To be read by `for` or by
    /// `async for`, until it is closed.
    #[pyo3(signature = (container, /, *, follow = false, since = None, until = None, tail = None))]
    fn logs(
        &self,
        container: &str,
        follow: bool,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        tail: Option<u64>,
    ) -> Logs {
        let options = LogOptions {
            follow,
            since,
            until,
            tail,
        };
        Logs(Reading::new(Logged::of(self.0.clone(), container, options)))
    }

    /// Returns what a running container uses, about once a second, until it ends or this is closed.
    #[pyo3(signature = (container, /))]
    fn stats(&self, container: &str) -> Stats {
        Stats(Reading::new(self.0.stats(container)))
    }

    /// Returns what happens on the engine, from that moment of its own clock on, else from now on, until it is closed.
    #[pyo3(signature = (*, since = None))]
    fn events(&self, since: Option<Timestamp>) -> EngineEvents {
        EngineEvents(Reading::new(self.0.events(since)))
    }

    /// Fetches an image from its registry: read it to its end, which comes when the image is there whole.
    #[pyo3(signature = (image, /))]
    fn pull(&self, image: &str) -> Pull {
        Pull(Reading::new(self.0.pull(image)))
    }

    /// Starts a container. One that runs stays as it is.
    fn start(&self, py: Python<'_>, container: String) -> Result<()> {
        Ok(block(py, self.acting(container, Action::Start))??)
    }

    /// As `start`, awaited.
    async fn start_async(&self, container: String) -> Result<()> {
        Ok(spawn(self.acting(container, Action::Start)).await??)
    }

    /// Stops a container, and kills it when it has not ended after its grace: the given one in whole seconds, else what it
    /// says itself, else ten seconds.
    #[pyo3(signature = (container, *, grace = None))]
    fn stop(&self, py: Python<'_>, container: String, grace: Option<Duration>) -> Result<()> {
        Ok(block(py, self.acting(container, Action::Stop { grace }))??)
    }

    /// As `stop`, awaited.
    #[pyo3(signature = (container, *, grace = None))]
    async fn stop_async(&self, container: String, grace: Option<Duration>) -> Result<()> {
        Ok(spawn(self.acting(container, Action::Stop { grace })).await??)
    }

    /// Stops a container as `stop` does, and starts it again.
    #[pyo3(signature = (container, *, grace = None))]
    fn restart(&self, py: Python<'_>, container: String, grace: Option<Duration>) -> Result<()> {
        Ok(block(py, self.acting(container, Action::Restart { grace }))??)
    }

    /// As `restart`, awaited.
    #[pyo3(signature = (container, *, grace = None))]
    async fn restart_async(&self, container: String, grace: Option<Duration>) -> Result<()> {
        Ok(spawn(self.acting(container, Action::Restart { grace })).await??)
    }

    /// Freezes a container's processes.
    fn pause(&self, py: Python<'_>, container: String) -> Result<()> {
        Ok(block(py, self.acting(container, Action::Pause))??)
    }

    /// As `pause`, awaited.
    async fn pause_async(&self, container: String) -> Result<()> {
        Ok(spawn(self.acting(container, Action::Pause)).await??)
    }

    /// Lets a paused container go on.
    fn unpause(&self, py: Python<'_>, container: String) -> Result<()> {
        Ok(block(py, self.acting(container, Action::Unpause))??)
    }

    /// As `unpause`, awaited.
    async fn unpause_async(&self, container: String) -> Result<()> {
        Ok(spawn(self.acting(container, Action::Unpause)).await??)
    }

    /// Sends a signal to a container's first process: `SIGHUP`, or `SIGKILL` where none is named.
    #[pyo3(signature = (container, signal = "SIGKILL".to_owned()))]
    fn kill(&self, py: Python<'_>, container: String, signal: String) -> Result<()> {
        Ok(block(py, self.acting(container, Action::Kill { signal }))??)
    }

    /// As `kill`, awaited.
    #[pyo3(signature = (container, signal = "SIGKILL".to_owned()))]
    async fn kill_async(&self, container: String, signal: String) -> Result<()> {
        Ok(spawn(self.acting(container, Action::Kill { signal })).await??)
    }

    /// Removes a container that does not run, or with `force` any; with `volumes` its anonymous volumes as well. What it has
    /// written outside of volumes is lost.
    #[pyo3(signature = (container, *, force = false, volumes = false))]
    fn remove(&self, py: Python<'_>, container: String, force: bool, volumes: bool) -> Result<()> {
        Ok(block(
            py,
            self.acting(container, Action::Remove { force, volumes }),
        )??)
    }

    /// As `remove`, awaited.
    #[pyo3(signature = (container, *, force = false, volumes = false))]
    async fn remove_async(&self, container: String, force: bool, volumes: bool) -> Result<()> {
        Ok(spawn(self.acting(container, Action::Remove { force, volumes })).await??)
    }

    /// Runs a program in a running container, without a terminal and without a shell, and returns what comes from it as it
    /// comes: pieces of both outputs, and as the last item the code with which it ended. Closing it does not stop the program.
    ///
    /// `input` is what it reads: bytes, or whatever gives them piece by piece; nothing where none is given. `idle` is how long
    /// it may be silent.
    #[pyo3(signature = (container, command, /, *, environment = None, user = None, folder = None, input = None, idle = None))]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn exec(
        &self,
        container: &str,
        command: Vec<String>,
        environment: Option<BTreeMap<String, String>>,
        user: Option<String>,
        folder: Option<String>,
        input: Option<Input>,
        idle: Option<Duration>,
    ) -> Execution {
        let options = options(command, environment, user, folder, input, idle);
        Execution(Reading::new(self.0.exec(container, options)))
    }

    /// Runs a program in a running container as `exec` does, to its end, and returns what it wrote: 16 MiB at most.
    #[pyo3(signature = (container, command, /, *, environment = None, user = None, folder = None, input = None, idle = None))]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn run(
        &self,
        py: Python<'_>,
        container: String,
        command: Vec<String>,
        environment: Option<BTreeMap<String, String>>,
        user: Option<String>,
        folder: Option<String>,
        input: Option<Input>,
        idle: Option<Duration>,
    ) -> Result<ExecResult> {
        let options = options(command, environment, user, folder, input, idle);
        Ok(block(py, self.running(container, options))??)
    }

    /// As `run`, awaited.
    #[pyo3(signature = (container, command, /, *, environment = None, user = None, folder = None, input = None, idle = None))]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    async fn run_async(
        &self,
        container: String,
        command: Vec<String>,
        environment: Option<BTreeMap<String, String>>,
        user: Option<String>,
        folder: Option<String>,
        input: Option<Input>,
        idle: Option<Duration>,
    ) -> Result<ExecResult> {
        let options = options(command, environment, user, folder, input, idle);
        Ok(spawn(self.running(container, options)).await??)
    }

    /// Returns the content of a file of a container, running or not. One that is larger than `most` bytes (16 MiB) is refused.
    #[pyo3(signature = (container, path, *, most = 16777216))]
    fn read_file(&self, py: Python<'_>, container: String, path: String, most: u64) -> Result<Bytes> {
        Ok(block(py, self.reading(container, path, most))??)
    }

    /// As `read_file`, awaited.
    #[pyo3(signature = (container, path, *, most = 16777216))]
    async fn read_file_async(&self, container: String, path: String, most: u64) -> Result<Bytes> {
        Ok(spawn(self.reading(container, path, most)).await??)
    }

    /// Writes a file into a folder of a container, running or not; one of that name is replaced.
    #[pyo3(signature = (container, path, content, *, mode = 0o644))]
    fn write_file(
        &self,
        py: Python<'_>,
        container: String,
        path: String,
        content: Vec<u8>,
        mode: u32,
    ) -> Result<()> {
        Ok(block(py, self.writing(container, path, content, mode))??)
    }

    /// As `write_file`, awaited.
    #[pyo3(signature = (container, path, content, *, mode = 0o644))]
    async fn write_file_async(
        &self,
        container: String,
        path: String,
        content: Vec<u8>,
        mode: u32,
    ) -> Result<()> {
        Ok(spawn(self.writing(container, path, content, mode)).await??)
    }

    /// Returns a file or folder of a container, running or not, as a tar archive, in pieces.
    #[pyo3(signature = (container, path, /))]
    fn copy_out(&self, container: &str, path: &str) -> Pieces {
        Pieces(Reading::new(self.0.copy_out(container, path)))
    }

    /// Unpacks a tar archive into a folder of a container, running or not: bytes, or whatever gives them piece by piece, such
    /// as what `copy_out` of another container returns: engines lock a container while they read it.
    #[pyo3(signature = (container, folder, archive, /))]
    fn copy_in(&self, py: Python<'_>, container: String, folder: String, archive: Input) -> Result<()> {
        Ok(block(py, self.unpacking(container, folder, archive.feed()))??)
    }

    /// As `copy_in`, awaited.
    #[pyo3(signature = (container, folder, archive, /))]
    async fn copy_in_async(&self, container: String, folder: String, archive: Input) -> Result<()> {
        Ok(spawn(self.unpacking(container, folder, archive.feed())).await??)
    }

    fn __repr__(&self) -> String {
        format!("<Engine of {}>", self.0.host())
    }
}

stream!(
    /// What a container uses, about once a second: an iterator, and an async one. Dropping it closes it.
    Stats, StatSample, Record, |sample: StatSample| Record::of("StatView", &sample.view())
);
stream!(
    /// What happens on an engine: an iterator, and an async one. Dropping it closes it.
    EngineEvents, EngineEvent, Record, |event: EngineEvent| Record::of("EngineEventView", &event.view())
);
stream!(
    /// How far an image's fetching is: an iterator, and an async one. It raises where the image cannot be had; its end says
    /// that it is there. Dropping it stops the fetching.
    Pull, PullProgress, Record, |progress: PullProgress| Record::of("PullView", &progress.view())
);
stream!(
    /// What comes from a program in a container: an iterator, and an async one. The last item has the code.
    Execution, core::engine::ExecItem, ExecItem, ExecItem
);
stream!(
    /// The pieces of a tar archive: an iterator, and an async one. It raises where not all can be read.
    Pieces, Vec<u8>, Bytes, Bytes
);

/// What comes from a program in a container: a piece of an output, or the code with which it ended.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct ExecItem(core::engine::ExecItem);

#[pymethods]
impl ExecItem {
    /// Which output the piece is of, `stdout` or `stderr`; `None` for the end.
    #[getter]
    fn output(&self) -> Option<&'static str> {
        match self.0 {
            core::engine::ExecItem::Stdout(_) => Some("stdout"),
            core::engine::ExecItem::Stderr(_) => Some("stderr"),
            core::engine::ExecItem::Exit(_) => None,
        }
    }

    /// The piece; empty for the end.
    #[getter]
    fn data(&self) -> Bytes {
        match &self.0 {
            core::engine::ExecItem::Stdout(bytes) | core::engine::ExecItem::Stderr(bytes) => {
                Bytes(bytes.clone())
            }
            core::engine::ExecItem::Exit(_) => Bytes(Vec::new()),
        }
    }

    /// The code with which it ended; `None` for a piece.
    #[getter]
    fn code(&self) -> Option<i64> {
        match self.0 {
            core::engine::ExecItem::Exit(code) => Some(code),
            _ => None,
        }
    }

    fn __repr__(&self) -> String {
        match &self.0 {
            core::engine::ExecItem::Stdout(bytes) => format!("<ExecItem: {} bytes of stdout>", bytes.len()),
            core::engine::ExecItem::Stderr(bytes) => format!("<ExecItem: {} bytes of stderr>", bytes.len()),
            core::engine::ExecItem::Exit(code) => format!("<ExecItem: ended with {code}>"),
        }
    }
}

/// What a program in a container has written, and how it ended.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct ExecResult(core::engine::ExecResult);

#[pymethods]
impl ExecResult {
    /// Its standard output.
    #[getter]
    fn stdout(&self) -> Bytes {
        Bytes(self.0.stdout.clone())
    }

    /// Its error output.
    #[getter]
    fn stderr(&self) -> Bytes {
        Bytes(self.0.stderr.clone())
    }

    /// The code that it ended with.
    #[getter]
    fn code(&self) -> i64 {
        self.0.code
    }

    fn __repr__(&self) -> String {
        let (out, error) = (self.0.stdout.len(), self.0.stderr.len());
        format!("<ExecResult: code {}, {out} and {error} bytes>", self.0.code)
    }
}
