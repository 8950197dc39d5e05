//! View records: what crosses into other languages and JSON as plain data.
//!
//! Every field is public and right by itself; a record holds no behaviour and imports nothing of this crate, so that
//! every layer may speak in it (docs/adr/0001). Their JSON, with these field names,
//! is the stored and exchanged form; `schemas/report.schema.json` and `schemas/query.schema.json` are made from them.

mod backup;
mod engine;
mod live;
mod portal;
mod reachability;
mod tailnet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::backup::{
    CheckView, CopyView, DrillView, EntryView, HoldingsView, LossView, PartView, ReasonView, RemainsView,
    SnapshotView, SurvivalView, VerdictView,
};
pub use self::engine::{
    AttachedView, EngineEventView, EngineInfoView, ImageView, InspectView, NetworkView, ProcessView,
    PullView, StatView, VolumeView,
};
pub use self::live::{
    ChangeView, ContainerView, DifferenceView, DriftView, GapView, LogLineView, RunningView, SeenHostView,
};
pub use self::portal::{
    PortalServiceView, PortalView, PortalWayView, ServiceExplanationView, WayExplanationView,
};
pub use self::reachability::{
    AccessChangeView, ByView, CarrierView, DeviceReachView, ExplanationView, NearMissView, PersonReachView,
    PolicyDiffView, RangeReachView, ReachableDeviceView, ReachableServiceView, ReachableServicesView,
    ReachableView, ServiceReachView, ServiceWayView, TailnetRuleView, WhoCanReachView,
};
pub use self::tailnet::{
    CapabilitiesView, CapabilityGrantView, CapabilityMap, DestinationView, FilterRuleView, PolicyCheckView,
    PolicyNoteView, PolicyTestView, PortsView, SshActionView, SshPrincipalView, SshRuleView,
};

/// How far away somebody can be and still reach a service: the widest zone that can come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nobody: it listens on nothing.
    None,
    /// This machine only, its processes and its containers.
    Host,
    /// Devices of the tailnet.
    Tailnet,
    /// Devices of the local network.
    Lan,
    /// Anybody.
    Internet,
}

impl Reach {
    /// Every reach, from narrowest to widest.
    pub const ALL: [Reach; 5] = [
        Reach::None,
        Reach::Host,
        Reach::Tailnet,
        Reach::Lan,
        Reach::Internet,
    ];

    /// Returns the word for it, as in JSON: `tailnet`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reach::None => "none",
            Reach::Host => "host",
            Reach::Tailnet => "tailnet",
            Reach::Lan => "lan",
            Reach::Internet => "internet",
        }
    }
}

impl std::fmt::Display for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlaceView {
    /// The file, relative to the lab's folder, with `/` between folders.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

/// A sentence, and the place that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceView {
    /// What was seen.
    pub text: String,
    /// Where it was seen.
    pub place: Option<PlaceView>,
}

/// One way by which a service can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PathView {
    /// Which kind of way it is: `published_port`, `host_network`, `proxy`, `tunnel`, `serve`, `funnel`, ...
    pub kind: String,
    /// Who comes in by it.
    pub zone: Reach,
    /// The widest that it could be, if what is not known turned out badly.
    pub at_most: Reach,
    /// The way in words: `0.0.0.0:2283/tcp -> 2283`.
    pub label: String,
    /// What guards it: middlewares with authentication, rate limits and the like.
    pub guards: Vec<String>,
    /// What it stands on.
    pub evidence: Vec<EvidenceView>,
}

/// A service and who can reach it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceView {
    /// The machine that it runs on, where the lab says.
    pub host: Option<String>,
    /// Its Compose project.
    pub project: String,
    /// Its name within the project.
    pub name: String,
    /// Which application it is, where that was recognised: `immich`.
    pub application: Option<String>,
    /// The image as resolved.
    pub image: Option<String>,
    /// The widest zone that is known to reach it.
    pub reach: Reach,
    /// The widest that it could be, if what is not known turned out badly.
    pub at_most: Reach,
    /// Every zone that can come in, narrowest first.
    pub zones: Vec<Reach>,
    /// Every way that leads to it.
    pub paths: Vec<PathView>,
    /// What is not known, and widens `at_most`.
    pub unknowns: Vec<String>,
    /// Who can reach it, where that is the tailnet alone and its policy and devices are known: logins, then names of tagged
    /// devices and written addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Vec<String>>,
    /// Where it is declared.
    pub place: Option<PlaceView>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindingView {
    /// The rule's identity.
    pub rule: String,
    /// The principle that the rule serves.
    pub principle: String,
    /// `note`, `warning` or `error`.
    pub severity: String,
    /// What was found.
    pub message: String,
    /// The project it is about.
    pub project: Option<String>,
    /// The service it is about, within the project.
    pub service: Option<String>,
    /// The machine of that service, where the lab says.
    pub host: Option<String>,
    /// The file to look at.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// What it stands on.
    pub evidence: Vec<EvidenceView>,
    /// A text that stays the same while the finding does.
    pub fingerprint: String,
}

/// A finding that somebody accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SuppressedView {
    /// What was found.
    pub finding: FindingView,
    /// Why it is accepted.
    pub reason: String,
    /// The end of the suppression, RFC 3339.
    pub until: String,
}

/// How many findings there are of each severity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CountsView {
    /// Errors.
    pub error: u64,
    /// Warnings.
    pub warning: u64,
    /// Notes.
    pub note: u64,
}

/// A whole report: the shape of `--format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportView {
    /// The version of this shape; raised when a field changes its meaning.
    pub version: u32,
    /// The moment that it speaks of, RFC 3339.
    pub at: String,
    /// Every service with its reach.
    pub services: Vec<ServiceView>,
    /// The findings, worst first.
    pub findings: Vec<FindingView>,
    /// What was found and accepted.
    pub suppressed: Vec<SuppressedView>,
    /// How many findings there are.
    pub counts: CountsView,
}

/// How many services are reached from how far, each counted once, by its widest known reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachCountsView {
    /// By nobody.
    pub none: u64,
    /// From their own machine only.
    pub host: u64,
    /// From the tailnet.
    pub tailnet: u64,
    /// From the local network.
    pub lan: u64,
    /// From the internet.
    pub internet: u64,
    /// How many of them all could be reached from further away, if what is not known turned out badly.
    pub uncertain: u64,
}

/// One part of what was seen of the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeenView {
    /// Which part it is: `worktree`, ...
    pub part: String,
    /// When it was seen, RFC 3339; nothing where it was not looked at.
    pub at: Option<String>,
    /// Who said so: `git`.
    pub source: Option<String>,
}

/// The state of a lab in one record, for a first screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PostureView {
    /// The lab's name.
    pub lab: String,
    /// The moment that it speaks of, RFC 3339.
    pub at: String,
    /// How many projects there are.
    pub projects: u64,
    /// How many services there are, one for each machine that runs it.
    pub services: u64,
    /// How many findings there are.
    pub counts: CountsView,
    /// How many findings were accepted.
    pub suppressed: u64,
    /// The worst findings, worst first; not all.
    pub worst: Vec<FindingView>,
    /// How many services are reached from how far.
    pub reach: ReachCountsView,
    /// Which parts of the world were seen, and when.
    pub seen: Vec<SeenView>,
}

/// A Compose project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectView {
    /// Its name.
    pub name: String,
    /// Its folder, relative to the lab's, with `/` between folders; empty for the lab's own, and nothing for one
    /// outside.
    pub folder: Option<String>,
    /// The files that it was read from.
    pub files: Vec<String>,
    /// The machines that run it, where the lab says.
    pub hosts: Vec<String>,
    /// How careful one is with it: `production`, `sandbox` or `unknown`.
    pub tier: String,
    /// Its services' names.
    pub services: Vec<String>,
}

/// A port that a container publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortView {
    /// The address on the host; nothing means all interfaces.
    pub address: Option<String>,
    /// The port on the host, or the first of several; nothing means that the engine chooses one.
    pub published: Option<u16>,
    /// The last port on the host, where there are several.
    pub published_to: Option<u16>,
    /// The port in the container.
    pub target: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// Storage in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MountView {
    /// `bind`, `volume`, `tmpfs` or `other`.
    pub kind: String,
    /// The host's path, or the volume's key in the file; nothing for an anonymous volume.
    pub source: Option<String>,
    /// The path in the container.
    pub target: String,
    /// Whether the container cannot write to it.
    pub read_only: bool,
}

/// A service as its Compose file declares it, resolved. Values of variables and labels, and words of commands, may be
/// secret: they are in the project's own JSON only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeclarationView {
    /// Its name within the project.
    pub name: String,
    /// Where it is declared.
    pub place: PlaceView,
    /// The image.
    pub image: Option<String>,
    /// Whether the image is built from a context.
    pub build: bool,
    /// The container's fixed name.
    pub container_name: Option<String>,
    /// The ports that it publishes.
    pub ports: Vec<PortView>,
    /// What it has instead of networks: `none`, `host`, `bridge`, `service:NAME`, `container:NAME`, or a name.
    pub network_mode: Option<String>,
    /// The keys of the networks that it is attached to.
    pub networks: Vec<String>,
    /// The names of its variables.
    pub environment: Vec<String>,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// Volumes, bind mounts, memory.
    pub mounts: Vec<MountView>,
    /// Whether it runs with all privileges.
    pub privileged: bool,
    /// Whether its root file system cannot be written.
    pub read_only: bool,
    /// The user that it runs as, where one is written.
    pub user: Option<String>,
    /// `no`, `always`, `on-failure` or `unless-stopped`, where one is written.
    pub restart: Option<String>,
    /// Whether it has a health check that is not disabled.
    pub healthcheck: bool,
    /// The services that it waits for.
    pub depends_on: Vec<String>,
    /// Its profiles; it runs only when one of them is active, or always where there are none.
    pub profiles: Vec<String>,
    /// How many containers there are to be.
    pub replicas: u64,
}

/// A rule of the audit: what it finds, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleView {
    /// Its identity: `service.privileged`.
    pub id: String,
    /// The principle that it serves.
    pub principle: String,
    /// How much a finding of it weighs unless the finding says otherwise: `note`, `warning` or `error`.
    pub severity: String,
    /// What is wrong, in a few words.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// What to do about it.
    pub fix: String,
    /// Whether it speaks only when asked for.
    pub opt_in: bool,
    /// All of this and how to accept a finding of it, as a page in Markdown.
    pub page: String,
}

/// An application that was recognised in the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SystemView {
    /// Its identity, as in `application`: `immich`.
    pub id: String,
    /// The name that people know it by.
    pub name: String,
    /// What it is for: `photos`.
    pub category: String,
    /// The services that are it: `nas:immich/server`.
    pub services: Vec<String>,
}

/// A file of the lab, as it was when the lab was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileView {
    /// Its path, relative to the lab's folder, with `/` between folders.
    pub path: String,
    /// How many bytes it has.
    pub size: u64,
    /// What it is for: `compose`, `environment`, `pattern`, ...
    pub kind: String,
    /// How far it carries to other labs, from 1 to 5; 5 is private.
    pub stratum: u8,
    /// Whether its content was kept, and so was looked at.
    pub kept: bool,
}

/// A plan: what an operation would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanView {
    /// The plan's identity, made of its content.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// Its steps in their order.
    pub steps: Vec<StepView>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepView {
    /// Which kind of step it is: `create_folder`, `write_file`, `put_back`.
    pub kind: String,
    /// What it changes: a path in the lab's folder, ...
    pub target: String,
    /// The step in one line.
    pub summary: String,
    /// How the world must be before it, in words.
    pub precondition: String,
    /// How many bytes it writes.
    pub size: Option<u64>,
    /// Who may read what it writes: `shared`, `private`, `program`.
    pub mode: Option<String>,
    /// The text that it writes, unless that is secret or no text.
    pub content: Option<String>,
    /// The lines that a file gains and loses, as a unified diff, where both sides are known.
    pub diff: Option<String>,
}

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepResultView {
    /// The step in one line.
    pub step: String,
    /// `done`, `partial` or `skipped`.
    pub status: String,
    /// What was not done, and why, where a part was not.
    pub left_out: Option<String>,
}

/// What became of a plan that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeView {
    /// `complete`, `partial` or `skipped`.
    pub status: String,
    /// What became of each step, in their order.
    pub steps: Vec<StepResultView>,
}

/// Something that happened while a plan was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventView {
    /// Which kind of event it is: `started`, `step_started`, `progress`, `step_finished`, `put_back`, `cancelling`,
    /// `finished`, `failed`, `lagged`.
    pub kind: String,
    /// The step's number, from 1, where it is about one.
    pub step: Option<u64>,
    /// What happened, in one line.
    pub text: String,
}
