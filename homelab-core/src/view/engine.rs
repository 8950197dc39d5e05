//! Records of what one engine has, and of what it does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MountView, PortView};

/// What an engine says of itself. Behind a proxy that allows little, only kind and versions are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EngineInfoView {
    /// The host.
    pub host: String,
    /// Which program it is: `docker`, `podman` or `other`.
    pub kind: String,
    /// Its version: `28.2.2`.
    pub version: String,
    /// The version of the interface that is spoken with it: `1.41`.
    pub api: String,
    /// What its machine calls itself.
    pub hostname: Option<String>,
    /// Its machine's operating system, in its own words.
    pub system: Option<String>,
    /// Its machine's architecture: `x86_64`.
    pub architecture: Option<String>,
    /// How many processors it has.
    pub processors: Option<u64>,
    /// How much memory it has, in bytes.
    pub memory: Option<u64>,
    /// Where it keeps its data.
    pub folder: Option<String>,
    /// Whether it runs without the superuser's rights.
    pub rootless: Option<bool>,
    /// What its clock says, RFC 3339: moments that it tells are of that clock.
    pub clock: Option<String>,
}

/// A container, inspected. Left out is what may be secret: values of variables and labels, and the words of its
/// command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InspectView {
    /// The host.
    pub host: String,
    /// Its id.
    pub id: String,
    /// Its name on the engine.
    pub name: String,
    /// The Compose project that made it, as its labels say.
    pub project: Option<String>,
    /// The Compose service that it is one of, as its labels say.
    pub service: Option<String>,
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
    /// When it last ended, RFC 3339.
    pub finished: Option<String>,
    /// How it last ended, where it has.
    pub exit_code: Option<i64>,
    /// Whether it ended since there was not memory enough.
    pub out_of_memory: bool,
    /// How often its engine has started it again by itself.
    pub restarts: u64,
    /// The ports that are bound now.
    pub ports: Vec<PortView>,
    /// What is mounted into it.
    pub mounts: Vec<MountView>,
    /// What it has instead of networks of its own, or the network that it was made with: `host`, `none`, a name.
    pub network_mode: String,
    /// The networks that it is attached to, by name.
    pub networks: Vec<AttachedView>,
    /// The names of its labels, those of its image included.
    pub labels: Vec<String>,
    /// The names of its variables, those of its image included.
    pub environment: Vec<String>,
    /// Who it runs as, where that is said.
    pub user: Option<String>,
    /// Whether it runs with all privileges.
    pub privileged: bool,
    /// Whether its output is a terminal's: one stream, in which both are mixed.
    pub terminal: bool,
    /// How it is restarted: `no`, `always`, `unless-stopped` or `on-failure`; nothing where the engine does not say.
    pub restart: Option<String>,
}

/// A network that a container is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttachedView {
    /// Its name.
    pub network: String,
    /// The container's addresses there.
    pub addresses: Vec<String>,
}

/// An image, as an engine has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageView {
    /// The host.
    pub host: String,
    /// Its id: `sha256:...`.
    pub id: String,
    /// Its names with tags; none of them: it is dangling.
    pub tags: Vec<String>,
    /// The names and digests by which registries have it.
    pub digests: Vec<String>,
    /// When it was built, RFC 3339.
    pub created: Option<String>,
    /// What it takes on disk, in bytes, shared layers included.
    pub size: u64,
}

/// A volume, as an engine has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VolumeView {
    /// The host.
    pub host: String,
    /// Its name.
    pub name: String,
    /// What provides it: `local`.
    pub driver: String,
    /// Where it lies on the host, where the engine says.
    pub path: Option<String>,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
    /// What it holds, in bytes: only where that was asked for.
    pub size: Option<u64>,
}

/// A network, as an engine has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkView {
    /// The host.
    pub host: String,
    /// The engine's id for it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What provides it: `bridge`.
    pub driver: String,
    /// Whether it leads nowhere else.
    pub internal: bool,
    /// Its prefixes.
    pub subnets: Vec<String>,
}

/// What a container uses at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatView {
    /// The moment, RFC 3339.
    pub at: String,
    /// How much of one processor it has used since the sample before, in percent: 250 is two and a half of them. Nothing
    /// where there is no sample before. As `docker stats` has it.
    pub cpu_percent: Option<f64>,
    /// The memory that it holds, in bytes, without the part of the file cache that can be given back at once.
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

/// A process in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessView {
    /// Its number: Docker tells the host's, Podman the container's.
    pub id: u64,
    /// Who it runs as, by name or number.
    pub user: String,
    /// Its command line. It may hold a secret.
    pub command: String,
}

/// How far an image's fetching is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PullView {
    /// The layer that it is about; nothing: the image.
    pub layer: Option<String>,
    /// What the engine says: `Downloading`.
    pub status: String,
    /// How many bytes of the layer are done.
    pub done: Option<u64>,
    /// How many it has, where that is known.
    pub total: Option<u64>,
}

/// Something that happened on an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EngineEventView {
    /// When, by the engine's clock, RFC 3339.
    pub at: String,
    /// What kind of thing it happened to: `container`, `image`, `volume`, `network` or `other`.
    pub subject: String,
    /// The thing's id: of images a name, where only that is known.
    pub id: String,
    /// The thing's name, as far as the engine says.
    pub name: String,
    /// What happened: `created`, `started`, `died`, `paused`, `unpaused`, `renamed`, `removed`, `health`,
    /// `out_of_memory` or another word of the engine.
    pub action: String,
    /// The code with which it died, where that is known.
    pub exit_code: Option<i64>,
    /// What its health check says now: `starting`, `healthy` or `unhealthy`.
    pub health: Option<String>,
}
