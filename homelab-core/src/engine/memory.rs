//! An engine in memory, for tests, examples and demonstrations: [`MemoryEngine`].
//!
//! It does what an engine does, as far as its interface shows: containers change their state, which is told as events;
//! logs can be followed, files copied, images pulled from a registry of its own. What programs do in its containers
//! is a function of the caller's.
//!
//! ```
//! use homelab_core::engine::memory::{Fault, MemoryEngine};
//! use homelab_core::engine::{Engine, EngineExt};
//! use homelab_core::inventory::{Container, ContainerState};
//! use homelab_core::ErrorKind;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let engine = MemoryEngine::new("nas".parse()?);
//! engine.insert(Container::new("1", "db"));
//! engine.start("db").await?;
//! assert_eq!(engine.container("db").await?.state, ContainerState::Running);
//!
//! engine.fail(Some(Fault::Unreachable));
//! assert_eq!(engine.containers().await.unwrap_err().kind(), ErrorKind::Unreachable);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use self::state::{Held, State, Why};
use super::archive::{self, Content};
use super::{
    Action, Engine, EngineEvent, ExecItem, ExecOptions, ExecResult, Feed, LogLine, LogOptions, Output,
    Process, PullProgress, StatSample, check_container, fault, within,
};
use crate::error::{Error, ErrorKind, Result};
use crate::inventory::{Container, EngineInfo, EngineKind, Image, Network, Volume};
use crate::name::HostName;

/// What is wrong with an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answers: [`ErrorKind::Unreachable`]. Feeds that are read end with it.
    Unreachable,
    /// It takes what is asked, and never answers: [`ErrorKind::TimedOut`] after the limit.
    Silent,
    /// It can be looked at, and not changed, as behind a proxy that allows no more: [`ErrorKind::Unauthorised`].
    ReadOnly,
}

/// What a program in a container does: from the container, how it is run and what it reads to what it writes; none, if
/// it never ends.
pub type Program = dyn Fn(&Container, &ExecOptions, &[u8]) -> Option<ExecResult> + Send + Sync;

/// An engine in memory. Cheap to clone: clones are the same engine.
///
/// Its clock stands still but when something happens, which takes a millisecond: it begins on 2027-01-01.
#[derive(Clone)]
pub struct MemoryEngine {
    host: HostName,
    limit: Duration,
    state: Arc<Mutex<State>>,
    /// Counts what happens, for those who wait for something.
    changes: Arc<watch::Sender<u64>>,
    program: Arc<Program>,
}

impl MemoryEngine {
    /// Returns an engine that has nothing yet.
    pub fn new(host: HostName) -> MemoryEngine {
        MemoryEngine {
            host,
            limit: Duration::from_secs(10),
            state: Arc::new(Mutex::new(State::new())),
            changes: Arc::new(watch::Sender::new(0)),
            program: Arc::new(no_program),
        }
    }

    /// Returns the engine with this limit for an answer, which matters for [`Fault::Silent`].
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> MemoryEngine {
        self.limit = limit;
        self
    }

    /// Returns the engine with this as what programs do in its containers. Without it there are none: each ends with
    /// 127, as if it were not found.
    #[must_use]
    pub fn with_program(
        mut self,
        program: impl Fn(&Container, &ExecOptions, &[u8]) -> Option<ExecResult> + Send + Sync + 'static,
    ) -> MemoryEngine {
        self.program = Arc::new(program);
        self
    }

    /// Takes in a container as it is, instead of one of that name, which is told as one that is removed.
    pub fn insert(&self, container: Container) {
        self.change(|state| state.insert(container));
    }

    /// Takes in an image.
    pub fn insert_image(&self, image: Image) {
        self.change(|state| state.insert_image(image));
    }

    /// Takes in an image that is only in the registry: it can be pulled by its tags.
    pub fn insert_registry_image(&self, image: Image) {
        self.change(|state| state.registry.push(image));
    }

    /// Takes in a volume, whose size it tells when asked for.
    pub fn insert_volume(&self, volume: Volume) {
        self.change(|state| state.insert_volume(volume));
    }

    /// Takes in a network.
    pub fn insert_network(&self, network: Network) {
        self.change(|state| state.insert_network(network));
    }

    /// Lets a container write a line to its standard output. A container that is not there writes nothing.
    pub fn log(&self, container: &str, text: &str) {
        self.log_to(container, Output::Stdout, text);
    }

    /// Lets a container write a line to one of its outputs.
    pub fn log_to(&self, container: &str, output: Output, text: &str) {
        self.change(|state| state.log(container, output, text));
    }

    /// Puts a file into a container.
    pub fn insert_file(&self, container: &str, path: &str, content: &[u8]) {
        self.change(|state| {
            if let Some(held) = state.find(container) {
                held.files.insert(path.to_owned(), content.to_vec());
            }
        });
    }

    /// Breaks the engine, or mends it.
    pub fn fail(&self, fault: Option<Fault>) {
        self.change(|state| state.fault = fault);
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changes.send_modify(|count| *count += 1);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers, or does what is wrong with the engine.
    async fn answer<T>(
        &self,
        what: &str,
        changes: bool,
        answer: impl FnOnce(&mut State) -> Result<T, Why> + Send,
    ) -> Result<T> {
        let fault_now = self.lock().fault;
        if fault_now == Some(Fault::Silent) {
            return within(self.limit, what, &self.host, std::future::pending()).await;
        }
        let answer = match fault_now {
            Some(Fault::Unreachable) => Err(Why::Unreachable),
            Some(Fault::ReadOnly) if changes => Err(Why::NotAllowed),
            _ if changes => self.change(answer),
            _ => answer(&mut self.lock()),
        };
        answer.map_err(|why| why.error(what, &self.host))
    }

    /// Yields what `take` finds after a place, again and again, until it says that there will be no more.
    fn follow<T: Send + 'static>(
        &self,
        what: String,
        mut take: impl FnMut(&mut State) -> Result<(Vec<T>, bool), Why> + Send + 'static,
    ) -> Feed<T> {
        let engine = self.clone();
        Feed::new(move |sink| async move {
            // Subscribed before the first look: nothing that comes in between is missed.
            let mut changes = engine.changes.subscribe();
            loop {
                let (items, over) = engine.answer(&what, false, &mut take).await?;
                for item in items {
                    sink.send(item).await;
                }
                if over {
                    return Ok(());
                }
                if changes.changed().await.is_err() {
                    return Err(Why::Unreachable.error(&what, &engine.host));
                }
            }
        })
    }
}

/// What there is where no program was given.
fn no_program(_: &Container, options: &ExecOptions, _: &[u8]) -> Option<ExecResult> {
    let name = options.command.first().map_or("", String::as_str);
    Some(ExecResult {
        stdout: Vec::new(),
        stderr: format!("{name}: not found\n").into_bytes(),
        code: 127,
    })
}

impl fmt::Debug for MemoryEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryEngine")
            .field("host", &self.host)
            .field("containers", &self.lock().containers.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Engine for MemoryEngine {
    fn host(&self) -> &HostName {
        &self.host
    }

    async fn info(&self) -> Result<EngineInfo> {
        let host = self.host.to_string();
        self.answer("ask the engine what it is", false, |state| {
            Ok(EngineInfo {
                kind: EngineKind::Other,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                api: "1.0".to_owned(),
                hostname: Some(host),
                system: Some("memory".to_owned()),
                architecture: None,
                processors: Some(1),
                memory: Some(1 << 30),
                folder: None,
                rootless: Some(true),
                clock: Some(state.clock),
            })
        })
        .await
    }

    async fn containers(&self) -> Result<Vec<Container>> {
        self.answer("list containers", false, |state| {
            Ok(state
                .containers
                .values()
                .map(|held| held.container.clone())
                .collect())
        })
        .await
    }

    async fn container(&self, container: &str) -> Result<Container> {
        check_container(container, &self.host)?;
        self.answer(&format!("inspect container `{container}`"), false, |state| {
            state.container(container)
        })
        .await
    }

    async fn images(&self) -> Result<Vec<Image>> {
        self.answer("list images", false, |state| {
            let mut images = state.images.clone();
            images.sort_by(|a, b| (&a.tags, &a.id).cmp(&(&b.tags, &b.id)));
            Ok(images)
        })
        .await
    }

    async fn volumes(&self, sizes: bool) -> Result<Vec<Volume>> {
        self.answer("list volumes", false, |state| {
            let mut volumes = state.volumes.clone();
            if !sizes {
                volumes.iter_mut().for_each(|volume| volume.size = None);
            }
            volumes.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(volumes)
        })
        .await
    }

    async fn networks(&self) -> Result<Vec<Network>> {
        self.answer("list networks", false, |state| {
            let mut networks = state.networks.clone();
            networks.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(networks)
        })
        .await
    }

    fn logs(&self, container: &str, options: LogOptions) -> Feed<LogLine> {
        if let Err(error) = check_container(container, &self.host) {
            return Feed::failed(error);
        }
        let container = container.to_owned();
        let what = format!("read the logs of container `{container}`");
        let mut next: Option<usize> = None;
        self.follow(what, move |state| {
            let held = state.held(&container)?;
            let wanted = |line: &&LogLine| {
                options.since.is_none_or(|since| line.at >= Some(since))
                    && options.until.is_none_or(|until| line.at < Some(until))
            };
            let mut lines: Vec<LogLine> = held.logs[next.unwrap_or(0)..]
                .iter()
                .filter(wanted)
                .cloned()
                .collect();
            if let (None, Some(tail)) = (next, options.tail) {
                let tail = usize::try_from(tail).unwrap_or(usize::MAX);
                lines.drain(..lines.len().saturating_sub(tail));
            }
            next = Some(held.logs.len());
            Ok((lines, !options.follow || !held.runs()))
        })
    }

    fn stats(&self, container: &str) -> Feed<StatSample> {
        if let Err(error) = check_container(container, &self.host) {
            return Feed::failed(error);
        }
        let container = container.to_owned();
        let what = format!("see what container `{container}` uses");
        let engine = self.clone();
        Feed::new(move |sink| async move {
            let mut first = true;
            loop {
                let sample = engine.answer(&what, false, |state| state.sample(&container, first));
                let Some(sample) = sample.await? else {
                    return Ok(());
                };
                first = false;
                sink.send(sample).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    }

    fn events(&self, since: Option<Timestamp>) -> Feed<EngineEvent> {
        let mut next = match since {
            Some(_) => 0,
            None => self.lock().events_end(),
        };
        self.follow("read the engine's events".to_owned(), move |state| {
            let events = state.events_from(next);
            next = state.events_end();
            let wanted = events.filter(|event| since.is_none_or(|since| event.at >= since));
            Ok((wanted.cloned().collect(), false))
        })
    }

    async fn top(&self, container: &str) -> Result<Vec<Process>> {
        check_container(container, &self.host)?;
        self.answer(
            &format!("list the processes of container `{container}`"),
            false,
            |state| {
                let held = state.running(container)?;
                Ok(vec![Process {
                    id: 1,
                    user: "root".to_owned(),
                    command: held.container.image.clone(),
                }])
            },
        )
        .await
    }

    async fn act(&self, container: &str, action: Action) -> Result<()> {
        check_container(container, &self.host)?;
        let what = format!("{action} container `{container}`");
        self.answer(&what, true, |state| state.act(container, &action))
            .await
    }

    fn pull(&self, image: &str) -> Feed<PullProgress> {
        let (engine, image) = (self.clone(), image.to_owned());
        Feed::new(move |sink| async move {
            let what = format!("pull image `{image}`");
            let size = engine.answer(&what, true, |state| state.pull(&image)).await?;
            for (status, done) in [("Downloading", 0), ("Download complete", size)] {
                sink.send(PullProgress {
                    layer: Some("memory".to_owned()),
                    status: status.to_owned(),
                    done: Some(done),
                    total: Some(size),
                })
                .await;
            }
            Ok(())
        })
    }

    fn exec(&self, container: &str, mut options: ExecOptions) -> Feed<ExecItem> {
        if let Err(error) = check_container(container, &self.host) {
            return Feed::failed(error);
        }
        let (engine, container) = (self.clone(), container.to_owned());
        Feed::new(move |sink| async move {
            let what = format!("run a program in container `{container}`");
            let running = engine.answer(&what, true, |state| {
                state.running(&container).map(|held| held.container.clone())
            });
            let running = running.await?;
            let input = match options.input.take() {
                Some(input) => input.all().await?.concat(),
                None => Vec::new(),
            };
            let Some(result) = (engine.program)(&running, &options, &input) else {
                let never = std::future::pending();
                return match options.idle {
                    Some(idle) => within(idle, &what, &engine.host, never).await,
                    None => never.await,
                };
            };
            for piece in result.stdout.chunks(32 << 10) {
                sink.send(ExecItem::Stdout(piece.to_vec())).await;
            }
            for piece in result.stderr.chunks(32 << 10) {
                sink.send(ExecItem::Stderr(piece.to_vec())).await;
            }
            sink.send(ExecItem::Exit(result.code)).await;
            Ok(())
        })
    }

    fn copy_out(&self, container: &str, path: &str) -> Feed<Vec<u8>> {
        if let Err(error) = check_container(container, &self.host) {
            return Feed::failed(error);
        }
        let (engine, container, path) = (self.clone(), container.to_owned(), path.to_owned());
        Feed::new(move |sink| async move {
            let what = format!("copy `{path}` out of container `{container}`");
            let content = engine.answer(&what, false, |state| {
                let files = &state.held(&container)?.files;
                files.get(&path).cloned().ok_or(Why::NoFile)
            });
            let name = path.rsplit('/').next().unwrap_or_default();
            sink.send(archive::of_file(name, 0o644, &content.await?)).await;
            Ok(())
        })
    }

    async fn copy_in(&self, container: &str, folder: &str, archive: Feed<Vec<u8>>) -> Result<()> {
        check_container(container, &self.host)?;
        let what = format!("copy files into `{folder}` of container `{container}`");
        let bytes = archive.all().await?.concat();
        let entries = archive::entries(&bytes)?;
        self.answer(&what, true, |state| {
            let held: &mut Held = state.held(container)?;
            if !held.has_folder(folder) {
                return Err(Why::NoFile);
            }
            for (name, content) in entries {
                if let Content::File(content) = content {
                    let path = format!("{}/{name}", folder.trim_end_matches('/'));
                    held.files.insert(path, content);
                }
            }
            Ok(())
        })
        .await
    }
}

impl Why {
    fn error(&self, what: &str, host: &HostName) -> Error {
        let (kind, hint) = match self {
            Why::Unreachable => (
                ErrorKind::Unreachable,
                "the engine does not answer: is it running?",
            ),
            Why::NotAllowed => (ErrorKind::Unauthorised, "this engine can only be looked at"),
            Why::NoContainer => (ErrorKind::NotFound, "there is no such container"),
            Why::NoImage => (ErrorKind::NotFound, "there is no such image in the registry"),
            Why::NoFile => (ErrorKind::NotFound, "there is no such path"),
            Why::State(hint) => (ErrorKind::Conflict, *hint),
        };
        fault(kind, what, host).with_hint(hint)
    }
}
