//! Docker and Podman engines: [`DockerEngine`].
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use homelab_core::engine::Engine;
//! use homelab_core::engine::docker::{DockerEngine, Endpoint};
//!
//! # async fn list() -> homelab_core::Result<()> {
//! let endpoint = Endpoint::from_environment()?;
//! let engine = DockerEngine::connect("nas".parse().expect("a name"), &endpoint, Duration::from_secs(10)).await?;
//! println!("{}", engine.info().await?);
//! for container in engine.containers().await? {
//!     println!("{container}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Podman's own fault, seen with 4.3: who follows logs more slowly than they are written misses lines, with no word of
//! it. What was written already comes whole.
//!
//! bollard makes the connections, and speaks what is more than a question: programs, files, actions. What engines answer
//! is read here, since its types take no word that they do not know: one container of Podman's in a state that Docker has
//! not would hide all others.

mod answer;
mod changes;
mod endpoint;
mod fault;
mod kept;
mod lines;
mod request;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::task::JoinSet;

pub use self::endpoint::Endpoint;

use self::answer::{
    Event, Info, Inspected, Listed, ListedImage, ListedNetwork, ListedVolume, Stats, Top, Version, Volumes,
};
use self::request::{Ask, Client};
use super::{
    Action, Engine, EngineEvent, ExecItem, ExecOptions, Feed, LogLine, LogOptions, Process, PullProgress,
    StatSample, check_container, fault as fault_on,
};
use crate::error::{ErrorKind, Result};
use crate::inventory::{Container, EngineInfo, EngineKind, Image, Network, Volume};
use crate::name::HostName;

/// How many containers are inspected at the same time.
const IN_FLIGHT: usize = 8;

/// How long an engine may take to measure its volumes.
const MEASURING: Duration = Duration::from_secs(600);

/// A Docker or Podman engine. Cheap to clone: clones are the same connection.
///
/// Its futures need a tokio runtime with IO and time.
#[derive(Clone)]
pub struct DockerEngine {
    client: Client,
    kind: EngineKind,
    version: Arc<str>,
}

impl DockerEngine {
    /// Connects to an engine, asks what it is, and agrees with it on a version of the interface. Each answer may take
    /// as long as the limit, now and later.
    ///
    /// Dropping the future leaves nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the endpoint means nothing; [`ErrorKind::Unsupported`] where this build cannot speak so;
    /// [`ErrorKind::Unreachable`], [`ErrorKind::TimedOut`] or [`ErrorKind::Unauthorised`] where nobody answers as an engine
    /// would.
    pub async fn connect(host: HostName, endpoint: &Endpoint, limit: Duration) -> Result<DockerEngine> {
        let mut client = Client::new(host, endpoint.clone(), limit)?;
        let ask = Ask::new("ask the engine for its version", "VERSION");
        if let Some(greeting) = client.greet(&ask).await? {
            client.speak(&greeting.api);
            return Ok(DockerEngine {
                kind: greeting.kind,
                version: greeting.version.into(),
                client,
            });
        }
        match client.get::<Version>("/version", &ask).await {
            Ok(version) => {
                client.speak(version.api_version.as_deref().unwrap_or_default());
                Ok(DockerEngine {
                    kind: version.kind(),
                    version: version.version.unwrap_or_default().into(),
                    client,
                })
            }
            // A proxy may not let the version through. What is the newest that every engine in use takes?
            Err(error) if error.kind() == ErrorKind::Unauthorised => {
                client.try_versions().await.map_err(|_| error)?;
                Ok(DockerEngine {
                    kind: EngineKind::Docker,
                    version: "".into(),
                    client,
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn inspect(&self, container: &str) -> Result<Inspected> {
        check_container(container, self.host())?;
        let ask = Ask::new(format!("inspect container `{container}`"), "CONTAINERS");
        let path = format!("/containers/{container}/json");
        self.client.get(&self.client.versioned(&path), &ask).await
    }
}

impl fmt::Debug for DockerEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerEngine")
            .field("host", self.host())
            .field("kind", &self.kind)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Engine for DockerEngine {
    fn host(&self) -> &HostName {
        self.client.host()
    }

    async fn info(&self) -> Result<EngineInfo> {
        let ask = Ask::new("ask the engine what it is", "INFO");
        let info: Info = match self.client.get(&self.client.versioned("/info"), &ask).await {
            // What is known already is something.
            Err(error) if error.kind() == ErrorKind::Unauthorised => Info::default(),
            info => info?,
        };
        Ok(info.told(self.kind, &self.version, self.client.api()))
    }

    async fn containers(&self) -> Result<Vec<Container>> {
        let ask = Ask::new("list containers", "CONTAINERS");
        let path = self.client.versioned("/containers/json?all=1");
        let listed: Vec<Listed> = self.client.get(&path, &ask).await?;
        let waiting = Arc::new(Mutex::new(listed.into_iter()));
        // Dropped with this future, and with it its tasks.
        let mut tasks = JoinSet::new();
        for _ in 0..IN_FLIGHT {
            let (engine, waiting) = (self.clone(), waiting.clone());
            tasks.spawn(async move {
                let mut told = Vec::new();
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(listed) = next else {
                        return Ok(told);
                    };
                    match engine.inspect(&listed.id).await {
                        Ok(inspected) => told.push(inspected.told()),
                        // Gone since it was listed.
                        Err(error) if error.kind() == ErrorKind::NotFound => {}
                        Err(error) => return Err(error),
                    }
                }
            });
        }
        let mut all = Vec::new();
        while let Some(told) = tasks.join_next().await {
            let cut = |_| fault_on(ErrorKind::Cancelled, "list containers", self.host());
            all.append(&mut told.map_err(cut)??);
        }
        all.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(all)
    }

    async fn container(&self, container: &str) -> Result<Container> {
        self.inspect(container).await.map(Inspected::told)
    }

    async fn images(&self) -> Result<Vec<Image>> {
        let ask = Ask::new("list images", "IMAGES");
        let path = self.client.versioned("/images/json");
        let listed: Vec<ListedImage> = self.client.get(&path, &ask).await?;
        let mut images: Vec<Image> = listed.into_iter().map(ListedImage::told).collect();
        images.sort_by(|a, b| (&a.tags, &a.id).cmp(&(&b.tags, &b.id)));
        Ok(images)
    }

    async fn volumes(&self, sizes: bool) -> Result<Vec<Volume>> {
        let volumes: Volumes = match sizes {
            false => {
                let ask = Ask::new("list volumes", "VOLUMES");
                self.client.get(&self.client.versioned("/volumes"), &ask).await?
            }
            true => {
                let ask = Ask::new("measure volumes", "SYSTEM").within(MEASURING);
                self.client.get(&self.client.disk_usage(), &ask).await?
            }
        };
        let listed = volumes.volumes.into_iter().flatten();
        let mut volumes: Vec<Volume> = listed.map(ListedVolume::told).collect();
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    async fn networks(&self) -> Result<Vec<Network>> {
        let ask = Ask::new("list networks", "NETWORKS");
        let path = self.client.versioned("/networks");
        let listed: Vec<ListedNetwork> = self.client.get(&path, &ask).await?;
        let mut networks: Vec<Network> = listed.into_iter().map(ListedNetwork::told).collect();
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(networks)
    }

    fn logs(&self, container: &str, options: LogOptions) -> Feed<LogLine> {
        let (engine, container) = (self.clone(), container.to_owned());
        Feed::new(move |sink| async move {
            // Whether both outputs are one is not in the stream.
            let terminal = engine.inspect(&container).await?.told().terminal;
            engine.client.logs(&container, &options, terminal, &sink).await
        })
    }

    fn stats(&self, container: &str) -> Feed<StatSample> {
        let (engine, container) = (self.clone(), container.to_owned());
        Feed::new(move |sink| async move {
            let what = format!("see what container `{container}` uses");
            // Engines go on without end about a container that does not run.
            let state = engine.inspect(&container).await?.told().state;
            if !state.is_running() {
                let error = fault_on(ErrorKind::Conflict, &what, engine.host());
                return Err(error.with_hint(format!("it is {state}: start it first")));
            }
            let ask = Ask::new(what, "CONTAINERS");
            let path = format!("/containers/{container}/stats?stream=1");
            let mut lines = engine.client.lines(&engine.client.versioned(&path), &ask);
            let mut before = None;
            while let Some(stats) = lines.next::<Stats>(engine.client.limit()).await? {
                let Some((sample, used)) = stats.told(before, engine.kind) else {
                    break;
                };
                before = Some(used);
                sink.send(sample).await;
            }
            Ok(())
        })
    }

    fn events(&self, since: Option<Timestamp>) -> Feed<EngineEvent> {
        let engine = self.clone();
        Feed::new(move |sink| async move {
            let ask = Ask::new("read the engine's events", "EVENTS");
            // An engine that accepts and never answers would be taken for one on which nothing happens.
            engine.client.ping(&ask).await?;
            let since = since.map(|since| {
                let (seconds, nanoseconds) = (since.as_second(), since.subsec_nanosecond());
                format!("?since={seconds}.{nanoseconds:09}")
            });
            let path = format!("/events{}", since.unwrap_or_default());
            let mut lines = engine.client.lines(&engine.client.versioned(&path), &ask);
            while let Some(event) = lines.next_alive::<Event>(&engine.client, &ask).await? {
                if let Some(event) = event.told() {
                    sink.send(event).await;
                }
            }
            let error = fault_on(ErrorKind::Unreachable, &ask.what, engine.host());
            Err(error.with_hint("the engine has ended them: it was stopped or restarted"))
        })
    }

    async fn top(&self, container: &str) -> Result<Vec<Process>> {
        check_container(container, self.host())?;
        let ask = Ask::new(
            format!("list the processes of container `{container}`"),
            "CONTAINERS",
        );
        // Podman takes names of columns; Docker takes what its `ps` does, and shows these by itself.
        let columns = match self.kind {
            EngineKind::Podman => "?ps_args=pid,user,args",
            EngineKind::Docker | EngineKind::Other => "",
        };
        let path = format!("/containers/{container}/top{columns}");
        let top: Top = self.client.get(&self.client.versioned(&path), &ask).await?;
        Ok(top.told())
    }

    async fn act(&self, container: &str, action: Action) -> Result<()> {
        check_container(container, self.host())?;
        let mut action = action;
        let mut grace = Duration::ZERO;
        if let Action::Stop { grace: given } | Action::Restart { grace: given } = &mut action {
            grace = match *given {
                Some(given) => given,
                // What the container says is the engine's to know, and how long that is ours to wait for.
                None => {
                    let said = self.inspect(container).await?.grace();
                    // What is made through Podman's Docker interface without one has none at all, and would be killed
                    // at once (seen with 4.3): so none is what nobody has said.
                    let said = said.filter(|said| self.kind != EngineKind::Podman || *said > 0);
                    let said = Duration::from_secs(said.unwrap_or(10));
                    if self.kind == EngineKind::Podman {
                        *given = Some(said);
                    }
                    said
                }
            };
        }
        self.client.act(container, &action, grace).await
    }

    fn pull(&self, image: &str) -> Feed<PullProgress> {
        let (client, image) = (self.client.clone(), image.to_owned());
        Feed::new(move |sink| async move { client.pull(&image, &sink).await })
    }

    fn exec(&self, container: &str, options: ExecOptions) -> Feed<ExecItem> {
        if let Err(error) = check_container(container, self.host()) {
            return Feed::failed(error);
        }
        let (client, container) = (self.client.clone(), container.to_owned());
        Feed::new(move |sink| async move { client.exec(&container, options, &sink).await })
    }

    fn copy_out(&self, container: &str, path: &str) -> Feed<Vec<u8>> {
        if let Err(error) = check_container(container, self.host()) {
            return Feed::failed(error);
        }
        let (client, container, path) = (self.client.clone(), container.to_owned(), path.to_owned());
        Feed::new(move |sink| async move { client.copy_out(&container, &path, &sink).await })
    }

    async fn copy_in(&self, container: &str, folder: &str, archive: Feed<Vec<u8>>) -> Result<()> {
        check_container(container, self.host())?;
        self.client.copy_in(container, folder, archive).await
    }
}
