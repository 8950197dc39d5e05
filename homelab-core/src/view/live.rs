//! Records of what runs, and of how it differs from what was written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MountView, PlaceView, PortView, Reach};

/// A host, and whether its engine answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
