//! Container engines: the trait [`Engine`] that each of them implements, and [`EngineExt`] with what callers say.
//!
//! ```
//! use homelab_core::engine::memory::MemoryEngine;
//! use homelab_core::engine::{Engine, LogOptions};
//! use homelab_core::inventory::{Container, ContainerState};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let engine = MemoryEngine::new("nas".parse()?);
//! engine.insert(Container { state: ContainerState::Running, ..Container::new("4f1c2b", "immich-server-1") });
//! engine.log("immich-server-1", "listening on 2283");
//!
//! let containers = engine.containers().await?;
//! assert_eq!(containers[0].name, "immich-server-1");
//! let lines = engine.logs("immich-server-1", LogOptions::default()).all().await?;
//! assert_eq!(lines[0].text, "listening on 2283");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds for every engine
//! - **Limits.** What is asked is answered, or fails with [`ErrorKind::TimedOut`], within the engine's own limit;
//!   stopping and restarting have the container's grace on top. A feed fails so when an engine that owes an item is silent for
//!   that long: each method says whether it does.
//! - **Dropping.** A future that is dropped stops waiting. For what only looks, that is all. What changes something may
//!   have been changed, and if it was not yet begun never will be: look again before it is asked anew.
//! - **Errors** name host and container. [`NotFound`](crate::ErrorKind::NotFound): there is no such container or path.
//!   [`Conflict`](crate::ErrorKind::Conflict): not in this state.
//!   [`Unauthorised`](crate::ErrorKind::Unauthorised): the engine, or a proxy before it, does not allow it, and the hint
//!   says what.
//!   [`Unreachable`](crate::ErrorKind::Unreachable): it does not answer, or stopped in the middle.
//!   [`Unsupported`](crate::ErrorKind::Unsupported): it cannot do that, or answers what we do not understand.
//!   [`ToolFailed`](crate::ErrorKind::ToolFailed): it tried, and failed.
//! - **Names.** A container is named by its name or id. What cannot be one is
//!   [`Invalid`](crate::ErrorKind::Invalid), and is not sent anywhere.

mod archive;
pub mod contract;
#[cfg(feature = "docker")]
pub mod docker;
mod extension;
mod feed;
mod hosts;
mod logs;
pub mod memory;
mod view;
mod watch;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::extension::{EngineExt, ExecResult};
pub use self::feed::{Feed, Sink};
pub use self::hosts::Engines;
pub use self::logs::Logged;

use crate::error::{Error, ErrorKind, Result};
use crate::inventory::{Container, EngineInfo, Health, Image, Network, Volume};
use crate::name::HostName;
use crate::secret::Secret;

/// An engine that runs containers: the least that an implementer owes. Callers also have [`EngineExt`].
///
/// What holds for every engine is in the [module's page](self); whoever implements one runs [`contract`] on it.
#[async_trait]
pub trait Engine: Send + Sync + fmt::Debug {
    /// Returns the host that it runs on, as errors and inventories name it.
    fn host(&self) -> &HostName;

    /// Returns what the engine says of itself.
    async fn info(&self) -> Result<EngineInfo>;

    /// Returns every container, whether it runs or not, by name.
    ///
    /// One that goes away meanwhile is left out.
    async fn containers(&self) -> Result<Vec<Container>>;

    /// Returns one container.
    async fn container(&self, container: &str) -> Result<Container>;

    /// Returns every image, by its first tag, dangling ones first.
    async fn images(&self) -> Result<Vec<Image>>;

    /// Returns every volume by name, with its size where that is asked for: the engine then reads all of them, which
    /// can take minutes, and has a limit of ten minutes.
    async fn volumes(&self, sizes: bool) -> Result<Vec<Volume>>;

    /// Returns every network, by name.
    async fn networks(&self) -> Result<Vec<Network>>;

    /// Returns what a container has written, and while it runs writes from now on where that is asked for.
    ///
    /// Within one output the lines are in order, and none is missing; what came to both outputs at the same moment may
    /// be in either order. A feed that follows ends when the container does, and may be silent for as long as it likes;
    /// the engine is asked meanwhile whether it still answers.
    fn logs(&self, container: &str, options: LogOptions) -> Feed<LogLine>;

    /// Returns what a running container uses, about once a second, until it ends. Of one that does not run it is a
    /// conflict.
    fn stats(&self, container: &str) -> Feed<StatSample>;

    /// Returns what happens on the engine, from that moment of its own clock on, else from now on; it never ends well.
    ///
    /// Engines remember few events (Docker 256): who wants to miss none asks from the clock in [`info`](Engine::info),
    /// looks at the state, and then reads. It may be silent for as long as it likes; the engine is asked meanwhile
    /// whether it still answers.
    fn events(&self, since: Option<Timestamp>) -> Feed<EngineEvent>;

    /// Returns the processes of a running container.
    async fn top(&self, container: &str) -> Result<Vec<Process>>;

    /// Changes a container's state.
    ///
    /// What it is already in is no error: to start what runs, to stop what has ended. Pausing, unpausing and killing
    /// what does not run is a conflict, and so is pausing what is paused, unpausing what is not, and removing what runs without force.
    async fn act(&self, container: &str, action: Action) -> Result<()>;

    /// Fetches an image from its registry.
    ///
    /// It ends when the image is there whole. It fails when nothing happens for five minutes. Dropping the feed stops
    /// it, and layers that are complete stay.
    fn pull(&self, image: &str) -> Feed<PullProgress>;

    /// Runs a program in a running container, without a terminal and without a shell.
    ///
    /// Every byte of both outputs is yielded, and then, as the last item and only if nothing was lost,
    /// [`ExecItem::Exit`]: it has ended, and with this code. A feed that ends without it does not exist. Dropping the
    /// feed does not stop the program: engines cannot.
    fn exec(&self, container: &str, options: ExecOptions) -> Feed<ExecItem>;

    /// Returns a file or folder of a container, running or not, as a tar archive, in pieces.
    fn copy_out(&self, container: &str, path: &str) -> Feed<Vec<u8>>;

    /// Unpacks a tar archive into a folder of a container, running or not.
    ///
    /// If it is dropped, or the archive's feed fails, a part of the files may have been written. It has no limit beyond
    /// that the engine must go on taking the archive, and answer once it has it. What comes from the same container has to be
    /// read before: engines lock a container while they read it.
    async fn copy_in(&self, container: &str, folder: &str, archive: Feed<Vec<u8>>) -> Result<()>;
}

/// What is asked of a container's logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Whether to go on with what is written from now on.
    pub follow: bool,
    /// Only what was written at this moment of the engine's clock or later.
    pub since: Option<Timestamp>,
    /// Only what was written before this moment.
    pub until: Option<Timestamp>,
    /// Only so many of the last lines. Docker keeps a line of more than 16 KiB in pieces, and counts each: such a line
    /// may then begin in its middle.
    pub tail: Option<u64>,
}

/// One of a program's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Output {
    /// Its standard output; of a container with a terminal, both.
    Stdout,
    /// Its error output.
    Stderr,
}

/// A line that a container has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, as the engine says.
    pub at: Option<Timestamp>,
    /// Where it was written to.
    pub output: Output,
    /// The text without its line break; what is no UTF-8 is replaced. For data there is [`Engine::exec`].
    pub text: String,
    /// Whether the line goes on in the next item of this output: lines are cut at 1 MiB.
    pub continues: bool,
}

/// What a container uses at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct StatSample {
    /// The moment.
    pub at: Timestamp,
    /// How much of one processor it has used since the sample before, in percent: 250 is two and a half of them. None
    /// where there is no sample before. As `docker stats` has it.
    pub cpu_percent: Option<f64>,
    /// The memory that it holds, in bytes, without the part of the file cache that can be given back at once. As
    /// `docker stats` has it.
    pub memory: u64,
    /// The memory that it may hold, in bytes.
    pub memory_limit: u64,
    /// What came in by its networks since it was started, in bytes.
    pub received: u64,
    /// What went out by its networks, in bytes.
    pub sent: u64,
    /// What it has read from disks, in bytes.
    pub read: u64,
    /// What it has written to disks, in bytes.
    pub written: u64,
    /// How many processes and threads it has.
    pub processes: u64,
}

/// Something that happened on an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineEvent {
    /// When, by the engine's clock.
    pub at: Timestamp,
    /// What kind of thing it happened to.
    pub subject: EventSubject,
    /// The thing's id: of images a name, where only that is known.
    pub id: String,
    /// The thing's name, as far as the engine says.
    pub name: String,
    /// What happened.
    pub action: EventAction,
}

/// What kind of thing an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventSubject {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A volume.
    Volume,
    /// A network.
    Network,
    /// Something else.
    Other,
}

/// What happened to a thing. Docker's and Podman's words for the same are one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventAction {
    /// It was made.
    Created,
    /// It was started.
    Started,
    /// It ended, with this code.
    Died(Option<i64>),
    /// It was paused.
    Paused,
    /// It goes on.
    Unpaused,
    /// It has another name.
    Renamed,
    /// It is gone.
    Removed,
    /// Its health check says something new.
    Health(Health),
    /// There was not memory enough.
    OutOfMemory,
    /// Another word of the engine, without what stands behind it: a command line may hold a secret.
    Other(String),
}

/// A process in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number: Docker tells the host's, Podman the container's.
    pub id: u64,
    /// Who it runs as, by name or number.
    pub user: String,
    /// Its command line. It may hold a secret.
    pub command: String,
}

/// What can be done with a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Start it.
    Start,
    /// Ask it to end, and kill it when it has not after its grace.
    Stop {
        /// How long it is waited for, in whole seconds; none is what the container says, else 10 s.
        grace: Option<Duration>,
    },
    /// Stop it, and start it again.
    Restart {
        /// As for stopping.
        grace: Option<Duration>,
    },
    /// Freeze its processes.
    Pause,
    /// Let them go on.
    Unpause,
    /// Send a signal to its first process.
    Kill {
        /// The signal: `SIGKILL`, `SIGHUP`.
        signal: String,
    },
    /// Remove it. What it has written outside of volumes is lost.
    Remove {
        /// Whether to kill it first if it runs.
        force: bool,
        /// Whether to remove its anonymous volumes as well.
        volumes: bool,
    },
}

impl Action {
    /// Returns the word for it: `stop`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Action::Start => "start",
            Action::Stop { .. } => "stop",
            Action::Restart { .. } => "restart",
            Action::Pause => "pause",
            Action::Unpause => "unpause",
            Action::Kill { .. } => "kill",
            Action::Remove { .. } => "remove",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far an image's fetching is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullProgress {
    /// The layer that it is about; none: the image.
    pub layer: Option<String>,
    /// What the engine says: `Downloading`.
    pub status: String,
    /// How many bytes of the layer are done.
    pub done: Option<u64>,
    /// How many it has, where that is known.
    pub total: Option<u64>,
}

/// A program to be run in a container.
#[derive(Debug, Default)]
pub struct ExecOptions {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables that it gets beside the container's.
    pub environment: Vec<(String, Secret)>,
    /// Who it runs as, by name or number; none is whom the container runs as.
    pub user: Option<String>,
    /// The folder it runs in; none is the container's.
    pub folder: Option<String>,
    /// What it reads; none is nothing at all.
    pub input: Option<Feed<Vec<u8>>>,
    /// How long it may be silent before it counts as hanging; none is for ever.
    pub idle: Option<Duration>,
}

impl ExecOptions {
    /// Returns what runs this program.
    pub fn new<T: Into<String>>(command: impl IntoIterator<Item = T>) -> ExecOptions {
        ExecOptions {
            command: command.into_iter().map(Into::into).collect(),
            ..ExecOptions::default()
        }
    }
}

/// What comes from a program that runs in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecItem {
    /// It wrote this to its standard output.
    Stdout(Vec<u8>),
    /// It wrote this to its error output.
    Stderr(Vec<u8>),
    /// It ended with this code, and all that it wrote was yielded before.
    Exit(i64),
}

/// Returns the error of something that was tried on a host.
fn fault(kind: ErrorKind, what: &str, host: &HostName) -> Error {
    Error::new(kind, format!("{what} on host `{host}`"))
}

/// Checks what is to name a container: it becomes a part of an address.
fn check_container(container: &str, host: &HostName) -> Result<()> {
    let valid = container.starts_with(|c: char| c.is_ascii_alphanumeric())
        && container
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    match valid {
        true => Ok(()),
        false => {
            let what = format!("look for container `{}`", container.escape_debug());
            let hint = "a container's name is made of letters, digits, `_`, `.` and `-`, and begins with a letter or digit";
            Err(fault(ErrorKind::Invalid, &what, host).with_hint(hint))
        }
    }
}

/// Waits for an answer no longer than this.
async fn within<T>(
    limit: Duration,
    what: &str,
    host: &HostName,
    answer: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        let seconds = limit.as_secs_f64();
        let error = fault(ErrorKind::TimedOut, what, host);
        Err(error.with_hint(format!(
            "it did not answer within {seconds} s: is the host up, and its engine not stuck?"
        )))
    })
}
