//! One engine, by the name of its host, and what streams from it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::Secret;
use homelab_core::engine::{
    self, Action, EngineEvent, EngineExt as _, ExecItem, ExecOptions, ExecResult, Logged, Process,
    PullProgress, StatSample,
};
use homelab_core::view::{
    EngineEventView, EngineInfoView, ImageView, InspectView, NetworkView, ProcessView, PullView, StatView,
    VolumeView,
};

use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::feed::{Pieces, Reading};
use crate::live::{LogQuery, Logs};
use crate::observed::moment;
use crate::runtime::run;

/// What comes from a program that runs in a container.
#[uniffi::remote(Enum)]
pub enum ExecItem {
    /// It wrote this to its standard output.
    Stdout(Vec<u8>),
    /// It wrote this to its error output.
    Stderr(Vec<u8>),
    /// It ended with this code, and all that it wrote was yielded before.
    Exit(i64),
}

/// What a program in a container has written, and how it ended.
#[uniffi::remote(Record)]
pub struct ExecResult {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its error output.
    pub stderr: Vec<u8>,
    /// The code that it ended with.
    pub code: i64,
}

/// A program to be run in a container.
#[derive(Clone, Default, uniffi::Record)]
pub struct ExecRequest {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables that it gets beside the container's.
    #[uniffi(default)]
    pub environment: HashMap<String, String>,
    /// Who it runs as, by name or number; nothing is whom the container runs as.
    #[uniffi(default = None)]
    pub user: Option<String>,
    /// The folder it runs in; nothing is the container's.
    #[uniffi(default = None)]
    pub folder: Option<String>,
    /// What it reads; nothing is nothing at all. They are used up by it.
    #[uniffi(default = None)]
    pub input: Option<Arc<Pieces>>,
    /// How long it may be silent before it counts as hanging; nothing is for ever.
    #[uniffi(default = None)]
    pub idle: Option<Duration>,
}

impl ExecRequest {
    fn options(self) -> Result<ExecOptions, HomelabError> {
        let variables = self.environment.into_iter();
        Ok(ExecOptions {
            command: self.command,
            environment: variables
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
            user: self.user,
            folder: self.folder,
            input: self.input.map(|pieces| pieces.taken()).transpose()?,
            idle: self.idle,
        })
    }
}

/// The engine of one host, connected: what it has, and what its containers do. Made by `Engines.engine`.
///
/// A container is named by its name or id; who names one has said that it may be touched, whether the lab has it or not.
/// To act on services in their order, with a plan to look at, there are `Lab.planRestart` and the like.
#[derive(Debug, uniffi::Object)]
pub struct Engine(pub(crate) Arc<dyn engine::Engine>);

impl Engine {
    async fn act(
        &self,
        container: String,
        action: Action,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<(), HomelabError> {
        let engine = self.0.clone();
        let what = format!("{action} container `{container}`");
        let act = async move { engine.act(&container, action).await };
        Ok(run(&what, cancel, act).await??)
    }
}

/// What it has.
#[uniffi::export]
impl Engine {
    /// Returns the host that it runs on.
    pub fn host(&self) -> String {
        self.0.host().to_string()
    }

    /// Returns what the engine says of itself.
    #[uniffi::method(default(cancel = None))]
    pub async fn info(&self, cancel: Option<Arc<CancelToken>>) -> Result<EngineInfoView, HomelabError> {
        let engine = self.0.clone();
        let ask = async move { engine.info().await };
        Ok(run("ask the engine", cancel, ask).await??.view(self.0.host()))
    }

    /// Returns every container, whether it runs or not, by name.
    #[uniffi::method(default(cancel = None))]
    pub async fn containers(
        &self,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Vec<InspectView>, HomelabError> {
        let engine = self.0.clone();
        let ask = async move { engine.containers().await };
        let all = run("list the containers", cancel, ask).await??;
        Ok(all.iter().map(|one| one.view(self.0.host())).collect())
    }

    /// Returns one container.
    #[uniffi::method(default(cancel = None))]
    pub async fn container(
        &self,
        container: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<InspectView, HomelabError> {
        let engine = self.0.clone();
        let ask = async move { engine.container(&container).await };
        Ok(run("inspect a container", cancel, ask)
            .await??
            .view(self.0.host()))
    }

    /// Returns every image, by its first tag, dangling ones first.
    #[uniffi::method(default(cancel = None))]
    pub async fn images(&self, cancel: Option<Arc<CancelToken>>) -> Result<Vec<ImageView>, HomelabError> {
        let engine = self.0.clone();
        let ask = async move { engine.images().await };
        let all = run("list the images", cancel, ask).await??;
        Ok(all.iter().map(|one| one.view(self.0.host())).collect())
    }

    /// Returns every volume by name; with sizes with what it holds, for which the engine reads all of them: it can take
    /// minutes.
    #[uniffi::method(default(sizes = false, cancel = None))]
    pub async fn volumes(
        &self,
        sizes: bool,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Vec<VolumeView>, HomelabError> {
        let engine = self.0.clone();
        let ask = async move { engine.volumes(sizes).await };
        let all = run("list the volumes", cancel, ask).await??;
        Ok(all.iter().map(|one| one.view(self.0.host())).collect())
    }

    /// Returns every network, by name.
    #[uniffi::method(default(cancel = None))]
    pub async fn networks(&self, cancel: Option<Arc<CancelToken>>) -> Result<Vec<NetworkView>, HomelabError> {
        let engine = self.0.clone();
        let ask = async move { engine.networks().await };
        let all = run("list the networks", cancel, ask).await??;
        Ok(all.iter().map(|one| one.view(self.0.host())).collect())
    }

    /// Returns the processes of a running container.
    #[uniffi::method(default(cancel = None))]
    pub async fn top(
        &self,
        container: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Vec<ProcessView>, HomelabError> {
        let engine = self.0.clone();
        let ask = async move { engine.top(&container).await };
        let all = run("list the processes", cancel, ask).await??;
        Ok(all.iter().map(Process::view).collect())
    }

    /// Returns what a container has written, and where it is followed, what it writes from now on.
    pub fn logs(&self, container: &str, query: LogQuery) -> Result<Logs, HomelabError> {
        let feed = Logged::of(self.0.clone(), container, query.options()?);
        Ok(Logs(Reading::new(feed, "read the logs")))
    }

    /// Returns what a running container uses, about once a second, until it ends.
    pub fn stats(&self, container: &str) -> Stats {
        Stats(Reading::new(
            self.0.stats(container),
            "read what a container uses",
        ))
    }

    /// Returns what happens on the engine, from that moment of its own clock on (RFC 3339), else from now on.
    #[uniffi::method(default(since = None))]
    pub fn events(&self, since: Option<String>) -> Result<EngineEvents, HomelabError> {
        let since = since.as_deref().map(moment).transpose()?;
        Ok(EngineEvents(Reading::new(
            self.0.events(since),
            "read the events",
        )))
    }
}

/// What it is told to do.
#[uniffi::export]
impl Engine {
    /// Starts a container. One that runs stays as it is.
    #[uniffi::method(default(cancel = None))]
    pub async fn start(
        &self,
        container: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<(), HomelabError> {
        self.act(container, Action::Start, cancel).await
    }

    /// Stops a container, and kills it when it has not ended after its grace: the given one in whole seconds, else what it
    /// says itself, else ten seconds.
    #[uniffi::method(default(grace = None, cancel = None))]
    pub async fn stop(
        &self,
        container: String,
        grace: Option<Duration>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<(), HomelabError> {
        self.act(container, Action::Stop { grace }, cancel).await
    }

    /// Stops a container as `stop` does, and starts it again.
    #[uniffi::method(default(grace = None, cancel = None))]
    pub async fn restart(
        &self,
        container: String,
        grace: Option<Duration>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<(), HomelabError> {
        self.act(container, Action::Restart { grace }, cancel).await
    }

    /// Freezes a container's processes.
    #[uniffi::method(default(cancel = None))]
    pub async fn pause(
        &self,
        container: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<(), HomelabError> {
        self.act(container, Action::Pause, cancel).await
    }

    /// Lets a paused container go on.
    #[uniffi::method(default(cancel = None))]
    pub async fn unpause(
        &self,
        container: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<(), HomelabError> {
        self.act(container, Action::Unpause, cancel).await
    }

    /// Sends a signal to a container's first process: `SIGKILL`, `SIGHUP`.
    #[uniffi::method(default(signal = "SIGKILL", cancel = None))]
    pub async fn kill(
        &self,
        container: String,
        signal: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<(), HomelabError> {
        self.act(container, Action::Kill { signal }, cancel).await
    }

    /// Removes a container that does not run, or with force any; with volumes its anonymous volumes as well. What it has
    /// written outside of volumes is lost.
    #[uniffi::method(default(force = false, volumes = false, cancel = None))]
    pub async fn remove(
        &self,
        container: String,
        force: bool,
        volumes: bool,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<(), HomelabError> {
        self.act(container, Action::Remove { force, volumes }, cancel)
            .await
    }

    /// Fetches an image from its registry: read it to its end, which comes when the image is there whole.
    pub fn pull(&self, image: &str) -> Pull {
        Pull(Reading::new(self.0.pull(image), "fetch an image"))
    }

    /// Runs a program in a running container, without a terminal and without a shell, and returns what comes from it as it
    /// comes: pieces of both outputs, and as the last item the code with which it ended. Finishing it does not stop the
    /// program.
    pub fn exec(&self, container: &str, request: ExecRequest) -> Result<Execution, HomelabError> {
        let feed = self.0.exec(container, request.options()?);
        Ok(Execution(Reading::new(feed, "run a program in a container")))
    }

    /// Runs a program in a running container as `exec` does, to its end, and returns what it wrote: 16 MiB at most.
    #[uniffi::method(default(cancel = None))]
    pub async fn run(
        &self,
        container: String,
        request: ExecRequest,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<ExecResult, HomelabError> {
        let (engine, options) = (self.0.clone(), request.options()?);
        let work = async move { engine.run(&container, options).await };
        Ok(run("run a program in a container", cancel, work).await??)
    }

    /// Returns the content of a file of a container, running or not. One that is larger than so many bytes is refused.
    #[uniffi::method(default(most = 16777216, cancel = None))]
    pub async fn read_file(
        &self,
        container: String,
        path: String,
        most: u64,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Vec<u8>, HomelabError> {
        let engine = self.0.clone();
        let read = async move { engine.read_file(&container, &path, most).await };
        Ok(run("read a file of a container", cancel, read).await??)
    }

    /// Writes a file into a folder of a container, running or not; one of that name is replaced. The mode is that of chmod.
    #[uniffi::method(default(mode = 420, cancel = None))]
    pub async fn write_file(
        &self,
        container: String,
        path: String,
        content: Vec<u8>,
        mode: u32,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<(), HomelabError> {
        let engine = self.0.clone();
        let write = async move { engine.write_file(&container, &path, mode, &content).await };
        Ok(run("write a file into a container", cancel, write).await??)
    }

    /// Returns a file or folder of a container, running or not, as a tar archive, in pieces.
    pub fn copy_out(&self, container: &str, path: &str) -> Pieces {
        Pieces::of(self.0.copy_out(container, path))
    }

    /// Unpacks a tar archive into a folder of a container, running or not. The pieces are used up by it: one's own, or what
    /// `copyOut` of another container has returned: engines lock a container while they read it.
    #[uniffi::method(default(cancel = None))]
    pub async fn copy_in(
        &self,
        container: String,
        folder: String,
        archive: Arc<Pieces>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<(), HomelabError> {
        let (engine, feed) = (self.0.clone(), archive.taken()?);
        // Held here, nobody would hear that whoever gives them has dropped them.
        drop(archive);
        let unpack = async move { engine.copy_in(&container, &folder, feed).await };
        Ok(run("unpack an archive in a container", cancel, unpack).await??)
    }
}

/// What a container uses, about once a second.
///
/// Take samples with `next` until there is none. The extensions beside the generated code make a Kotlin Flow and a Swift
/// AsyncThrowingStream of it.
#[derive(Debug, uniffi::Object)]
pub struct Stats(Reading<StatSample>);

#[uniffi::export]
impl Stats {
    /// Returns the next sample, or nothing when there will be none.
    pub async fn next(&self) -> Result<Option<StatView>, HomelabError> {
        Ok(self.0.next().await?.map(|sample| sample.view()))
    }

    /// Ends it, a call that waits for its next sample included, and closes its connection.
    pub fn finish(&self) {
        self.0.finish();
    }
}

/// What happens on an engine.
///
/// Take events with `next` until there is none. The extensions beside the generated code make a Kotlin Flow and a Swift
/// AsyncThrowingStream of it.
#[derive(Debug, uniffi::Object)]
pub struct EngineEvents(Reading<EngineEvent>);

#[uniffi::export]
impl EngineEvents {
    /// Returns the next event, or nothing once it was finished. It fails where the engine is lost.
    pub async fn next(&self) -> Result<Option<EngineEventView>, HomelabError> {
        Ok(self.0.next().await?.map(|event| event.view()))
    }

    /// Ends it, a call that waits for its next event included, and closes its connection.
    pub fn finish(&self) {
        self.0.finish();
    }
}

/// How far an image's fetching is.
///
/// Take what it says with `next` until there is none: then the image is there whole. The extensions beside the generated
/// code make a Kotlin Flow and a Swift AsyncThrowingStream of it.
#[derive(Debug, uniffi::Object)]
pub struct Pull(Reading<PullProgress>);

#[uniffi::export]
impl Pull {
    /// Returns what is said next, or nothing when the image is there. It fails where it cannot be had.
    pub async fn next(&self) -> Result<Option<PullView>, HomelabError> {
        Ok(self.0.next().await?.map(|progress| progress.view()))
    }

    /// Stops the fetching: layers that are complete stay.
    pub fn finish(&self) {
        self.0.finish();
    }
}

/// What comes from a program that runs in a container.
///
/// Take items with `next` until there is none. The extensions beside the generated code make a Kotlin Flow and a Swift
/// AsyncThrowingStream of it.
#[derive(Debug, uniffi::Object)]
pub struct Execution(Reading<ExecItem>);

#[uniffi::export]
impl Execution {
    /// Returns the next item, or nothing after the code. It fails where not all can be read.
    pub async fn next(&self) -> Result<Option<ExecItem>, HomelabError> {
        self.0.next().await
    }

    /// Ends it, a call that waits for its next item included, and closes its connection. The program goes on.
    pub fn finish(&self) {
        self.0.finish();
    }
}
