//! What runs, how it differs from what was written, and what becomes different: records, and the objects that give them.

use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use homelab_core::cancel::Cancel;
use homelab_core::engine::{self, LogOptions, Logged};
use homelab_core::inventory::{self, Change, HostInventory};
use homelab_core::subscription::Subscription;
use homelab_core::view::{
    ChangeView, ContainerView, DifferenceView, DriftView, GapView, LogLineView, MountView, PlaceView,
    PortView, Reach, RunningView, SeenHostView,
};
use tokio::sync::Mutex;

use crate::cancel::CancelToken;
use crate::engine::Engine;
use crate::error::HomelabError;
use crate::feed::Reading;
use crate::lab::Lab;
use crate::observed::{Observed, moment};
use crate::runtime::{run, runtime};

/// A host, and whether its engine answered.
#[uniffi::remote(Record)]
pub struct SeenHostView {
    /// Its name in the lab.
    pub host: String,
    /// When it was asked, RFC 3339.
    pub at: String,
    /// Who said so: `docker 28.2.2`; where nobody answered, where that was tried.
    pub source: String,
    /// Whether its containers were seen.
    pub seen: bool,
    /// What was not to be had.
    pub gaps: Vec<GapView>,
}

/// A part of what an engine has that was not to be had.
#[uniffi::remote(Record)]
pub struct GapView {
    /// Which part: `engine` (all of it), `information`, `containers`, `images`, `volumes` or `networks`.
    pub part: String,
    /// The kind of failure: `timed_out`, `unreachable`, ...
    pub kind: String,
    /// What failed, as a fragment that reads after "failed to".
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How what was written and what runs differ: the shape of `drift --format json`.
#[uniffi::remote(Record)]
pub struct DriftView {
    /// The version of this shape; raised when a field changes its meaning.
    pub version: u32,
    /// The moment that it speaks of, RFC 3339.
    pub at: String,
    /// The hosts; of one that was not seen nothing is known.
    pub hosts: Vec<SeenHostView>,
    /// The differences, by host, project and service.
    pub differences: Vec<DifferenceView>,
}

/// One difference between what was written and what runs.
#[uniffi::remote(Record)]
pub struct DifferenceView {
    /// Its kind: `missing`, `stopped`, `unhealthy`, `restarting`, `extra`, `image`, `outdated`, `ports`, `mounts`,
    /// `environment`, `command`, `orphaned_volume` or `dangling_images`.
    pub kind: String,
    /// The host; nothing where the lab does not say which one should run it.
    pub host: Option<String>,
    /// The project, `_` for what is of none; nothing for what belongs to a host as a whole.
    pub project: Option<String>,
    /// The service within the project.
    pub service: Option<String>,
    /// The container, the volume or the like that was seen.
    pub name: Option<String>,
    /// What the difference is, in one fragment.
    pub message: String,
    /// What was written, where that is one value.
    pub declared: Option<String>,
    /// What was seen, where that is one value.
    pub seen: Option<String>,
    /// Where it is written.
    pub place: Option<PlaceView>,
    /// What to do.
    pub fix: String,
}

/// What runs: the shape of `inventory --format json`.
#[uniffi::remote(Record)]
pub struct RunningView {
    /// The version of this shape; raised when a field changes its meaning.
    pub version: u32,
    /// The moment that it speaks of, RFC 3339.
    pub at: String,
    /// The hosts; of one that was not seen nothing is known.
    pub hosts: Vec<SeenHostView>,
    /// The containers, by host, project and service.
    pub containers: Vec<ContainerView>,
}

/// A container, as its engine has it. Values of variables and labels may be secret, and are left out.
#[uniffi::remote(Record)]
pub struct ContainerView {
    /// The host.
    pub host: String,
    /// The project, `_` for a container of none.
    pub project: String,
    /// The service within the project.
    pub service: String,
    /// What showed which service it is: `labels`, `file`, `unit`, `name` or `image`; `nothing` for one that the lab does
    /// not know.
    pub placed_by: String,
    /// Its name on the engine.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The image as it was asked for.
    pub image: String,
    /// The image's id.
    pub image_id: String,
    /// `running`, `exited`, ...
    pub state: String,
    /// `starting`, `healthy` or `unhealthy`, where it has a health check.
    pub health: Option<String>,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
    /// When it was last started, RFC 3339.
    pub started: Option<String>,
    /// How it last ended, where it has.
    pub exit_code: Option<i64>,
    /// How often its engine has started it again by itself.
    pub restarts: u64,
    /// The ports that are bound now.
    pub ports: Vec<PortView>,
    /// What is mounted into it.
    pub mounts: Vec<MountView>,
    /// The networks that it is attached to.
    pub networks: Vec<String>,
    /// The widest zone that is known to reach it.
    pub reach: Option<Reach>,
    /// The widest that it could be, if what is not known turned out badly.
    pub at_most: Option<Reach>,
}

/// Something that became different on engines.
#[uniffi::remote(Record)]
pub struct ChangeView {
    /// What it is about: `full` (all of it, the first of all), `host` (all of one), `container`, `removed` (a container
    /// that is gone), `images`, `volumes` or `networks`.
    pub kind: String,
    /// The hosts of which all is told: every one for `full`, else the one, if any.
    pub hosts: Vec<SeenHostView>,
    /// The host that it is about; nothing for `full`.
    pub host: Option<String>,
    /// The name of the container that it is about.
    pub name: Option<String>,
    /// Its id.
    pub id: Option<String>,
    /// What it is doing now: `running`, `exited`, ...
    pub state: Option<String>,
    /// What its health check says now, where it has one.
    pub health: Option<String>,
    /// Whether this was found by looking again after the connection was lost: what happened in between is not known.
    pub resynced: bool,
    /// The change in one line.
    pub text: String,
}

/// A line that a container has written.
#[uniffi::remote(Record)]
pub struct LogLineView {
    /// The host.
    pub host: String,
    /// The project, `_` for a container of none.
    pub project: String,
    /// The service within the project.
    pub service: String,
    /// The container's name.
    pub container: String,
    /// When it was written, as the engine says, RFC 3339.
    pub at: Option<String>,
    /// Where it was written to: `stdout`, of a container with a terminal always, or `stderr`.
    pub output: String,
    /// The text without its line break; what is no UTF-8 is replaced.
    pub text: String,
    /// Whether the line goes on in the next one of this container and output: lines are cut at 1 MiB.
    pub continues: bool,
    /// It as people read it: `web/site | ready`. What a terminal would obey is shown in it, and not done.
    pub line: String,
}

/// What all engines of a lab have, each with when and by whom it was seen. Its text has a line for each container.
///
/// `Lab.running` says which service each container is of, and `Lab.adopt` makes a lab of all.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Display)]
pub struct Inventory(pub(crate) inventory::Inventory);

impl std::fmt::Display for Inventory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[uniffi::export]
impl Inventory {
    /// Returns the hosts, by name, each with whether its engine answered.
    pub fn hosts(&self) -> Vec<SeenHostView> {
        self.0.hosts().map(HostInventory::view).collect()
    }
}

/// The engines of a lab's hosts, to look at. It holds no connection: each question makes its own.
#[derive(Debug, uniffi::Object)]
pub struct Engines(pub(crate) engine::Engines);

#[uniffi::export]
impl Engines {
    /// Returns the hosts, by name.
    pub fn hosts(&self) -> Vec<String> {
        self.0.hosts().map(ToString::to_string).collect()
    }

    /// Returns the same with another limit of how long an engine may take to answer: ten seconds, where nothing is set.
    pub fn with_limit(&self, limit: Duration) -> Engines {
        Engines(self.0.clone().with_limit(limit))
    }

    /// Returns what all engines have now. A host that is dead or slow costs its limit once, and is a fact with its reason.
    #[uniffi::method(default(cancel = None))]
    pub async fn inventory(&self, cancel: Option<Arc<CancelToken>>) -> Result<Arc<Inventory>, HomelabError> {
        let engines = self.0.clone();
        let ask = async move { engines.inventory().await };
        Ok(Arc::new(Inventory(run("ask the engines", cancel, ask).await?)))
    }

    /// Watches all hosts: first everything (`full`), then what becomes different, as the engines' events tell; nothing is
    /// polled.
    ///
    /// A host that is lost is told with its reason, and tried until it is there again; what became different meanwhile is
    /// then told as `resynced`.
    pub fn watch(&self) -> Result<Changes, HomelabError> {
        let _inside = runtime()?.enter();
        Ok(Changes {
            changes: Mutex::new(self.0.watch()),
            inventory: Lock::new(inventory::Inventory::default()),
            finished: Cancel::new(),
        })
    }
}

/// What is asked of containers' logs.
#[derive(Clone, Debug, Default, uniffi::Record)]
pub struct LogQuery {
    /// Whether to go on with what is written from now on.
    #[uniffi(default = false)]
    pub follow: bool,
    /// Only what was written at this moment of the engine's clock or later, RFC 3339.
    #[uniffi(default = None)]
    pub since: Option<String>,
    /// Only what was written before this moment, RFC 3339.
    #[uniffi(default = None)]
    pub until: Option<String>,
    /// Only so many of each container's last lines.
    #[uniffi(default = None)]
    pub tail: Option<u64>,
}

impl LogQuery {
    pub(crate) fn options(&self) -> Result<LogOptions, HomelabError> {
        Ok(LogOptions {
            follow: self.follow,
            since: self.since.as_deref().map(moment).transpose()?,
            until: self.until.as_deref().map(moment).transpose()?,
            tail: self.tail,
        })
    }
}

#[uniffi::export]
impl Engines {
    /// Returns what the containers of a target have written: in the order of time, and where it is followed, as it comes.
    ///
    /// Targets are as for `Lab.planStart`. What is followed ends when all of them have.
    pub fn logs(
        &self,
        lab: &Lab,
        target: &str,
        seen: &Observed,
        query: LogQuery,
    ) -> Result<Logs, HomelabError> {
        let feed = self.0.logs(&lab.0, target, &seen.0, query.options()?)?;
        Ok(Logs(Reading::new(feed, "read the logs")))
    }

    /// Connects to the engine of a host: for what one engine and its containers have and do.
    ///
    /// It fails with `NotFound` for a host that there is not, or of which nobody says how its engine is reached.
    #[uniffi::method(default(cancel = None))]
    pub async fn engine(
        &self,
        host: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Engine>, HomelabError> {
        let engines = self.0.clone();
        let connect = async move { engines.engine(&host).await };
        Ok(Arc::new(Engine(
            run("connect to the engine", cancel, connect).await??,
        )))
    }
}

/// What containers have written, line by line.
///
/// Take lines with `next` until there is none. The extensions beside the generated code make a Kotlin Flow and a Swift
/// AsyncThrowingStream of it.
#[derive(Debug, uniffi::Object)]
pub struct Logs(pub(crate) Reading<Logged>);

#[uniffi::export]
impl Logs {
    /// Returns the next line, or nothing when there will be none. It fails where not all can be read.
    pub async fn next(&self) -> Result<Option<LogLineView>, HomelabError> {
        Ok(self.0.next().await?.map(|line| line.view()))
    }

    /// Ends it, a call that waits for its next line included, and closes its connections.
    pub fn finish(&self) {
        self.0.finish();
    }
}

/// What becomes different on engines, from everything on.
///
/// Take changes with `next` until there is none. The extensions beside the generated code make a Kotlin Flow and a Swift
/// AsyncStream of it.
#[derive(Debug, uniffi::Object)]
pub struct Changes {
    changes: Mutex<Subscription<Change>>,
    /// What the engines have, as far as it was read.
    inventory: Lock<inventory::Inventory>,
    finished: Cancel,
}

impl Changes {
    /// Stops watching. Where somebody waits for a change, that call does so when its wait ends.
    fn close(&self) {
        if let Ok(mut changes) = self.changes.try_lock() {
            changes.close();
        }
    }

    async fn take(&self) -> Option<ChangeView> {
        let mut changes = self.changes.lock().await;
        let change = changes.next().await?;
        let view = change.view();
        // Before the next one is read, so that they are taken in in their order.
        let mut inventory = self.inventory.lock().unwrap_or_else(PoisonError::into_inner);
        inventory.apply(change);
        Some(view)
    }
}

#[uniffi::export]
impl Changes {
    /// Returns the next change, or nothing when there will be none.
    pub async fn next(&self) -> Option<ChangeView> {
        tokio::select! {
            biased;
            () = self.finished.cancelled() => {
                self.close();
                None
            }
            change = self.take() => change,
        }
    }

    /// Returns what the engines have now, as far as the changes were read.
    pub fn inventory(&self) -> Inventory {
        let inventory = self.inventory.lock().unwrap_or_else(PoisonError::into_inner);
        Inventory(inventory.clone())
    }

    /// Ends the stream, a call that waits for its next change included, and stops watching.
    pub fn finish(&self) {
        self.finished.cancel();
        self.close();
    }
}

/// How what runs differs from what was written, as far as it was seen. Its text is what people read.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Display)]
pub struct Drift(pub(crate) homelab_core::Drift);

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[uniffi::export]
impl Drift {
    /// Returns the moment that it speaks of, RFC 3339.
    pub fn at(&self) -> String {
        self.0.at().to_string()
    }

    /// Returns the hosts that were asked, by name. Of one that was not seen nothing is known.
    pub fn hosts(&self) -> Vec<SeenHostView> {
        self.0.view().hosts
    }

    /// Returns the differences, by host, project and service.
    pub fn differences(&self) -> Vec<DifferenceView> {
        self.0.view().differences
    }

    /// Returns whether all hosts were seen, and at least one.
    pub fn is_complete(&self) -> bool {
        self.0.is_complete()
    }

    /// Returns how a command should end: 0 when everything was seen and is as it was written, 1 when something is
    /// different, 3 when nothing is, but not all hosts were seen.
    pub fn exit_code(&self) -> u8 {
        self.0.exit_code()
    }

    /// Returns it as a record.
    pub fn view(&self) -> DriftView {
        self.0.view()
    }

    /// Returns it as JSON, indented.
    pub fn to_json(&self) -> String {
        self.0.to_json()
    }
}

/// What runs, by host, project and service, with who can reach it. Its text is a table.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Display)]
pub struct Running(pub(crate) homelab_core::Running);

impl std::fmt::Display for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[uniffi::export]
impl Running {
    /// Returns the moment that it speaks of, RFC 3339.
    pub fn at(&self) -> String {
        self.0.at().to_string()
    }

    /// Returns the hosts that were asked, by name. Of one that was not seen nothing is known.
    pub fn hosts(&self) -> Vec<SeenHostView> {
        self.0.view().hosts
    }

    /// Returns every container, whether it runs or not.
    pub fn containers(&self) -> Vec<ContainerView> {
        self.0.containers().to_vec()
    }

    /// Returns it as a record.
    pub fn view(&self) -> RunningView {
        self.0.view()
    }

    /// Returns it as JSON, indented.
    pub fn to_json(&self) -> String {
        self.0.to_json()
    }
}
