//! The portal's records, and the answers to questions, of which one is about it.

use homelab_core as core;
use homelab_core::view::{
    FileView, FindingView, PlanView, PortalServiceView, PortalView, PortalWayView, PostureView, ProjectView,
    Reach, ReportView, ServiceView, SystemView,
};

use crate::reachability::ServiceExplanationView;

/// The services of a lab that somebody may reach: their page of the lab.
#[uniffi::remote(Record)]
pub struct PortalView {
    /// Who it is for: a login, or whatever else was asked about.
    pub who: String,
    /// The name that the lab gives this person.
    pub name: Option<String>,
    /// Their devices in the tailnet.
    pub devices: Vec<String>,
    /// The services, by category and name.
    pub services: Vec<PortalServiceView>,
    /// What holds for all of it.
    pub conditions: Vec<String>,
}

/// A service that somebody may reach.
#[uniffi::remote(Record)]
pub struct PortalServiceView {
    /// The service: `immich/server`.
    pub service: String,
    /// What people call it: `Immich`.
    pub name: String,
    /// What it is for: `photos`; `other` where that is not known.
    pub category: String,
    /// Where a browser finds it by the best of its ways, as far as that can be said.
    pub url: Option<String>,
    /// As whom they come in by the best way: `tailnet` where its policy lets them, `internet` where everybody does, `lan`
    /// where whoever is on the local network does and nobody asks who they are.
    pub by: Reach,
    /// Whether they are sure to come in: false where it depends on something that is not known.
    pub sure: bool,
    /// How it was seen to do: `healthy`, `unhealthy`, `starting`, `running` where it has no health check, else what its
    /// container is instead: `exited`, `absent`; nothing where nobody looked.
    pub health: Option<String>,
    /// Every way by which they come in, the best first.
    pub ways: Vec<PortalWayView>,
}

/// A way by which somebody comes in to a service.
#[uniffi::remote(Record)]
pub struct PortalWayView {
    /// As whom: `tailnet`, `lan` or `internet`.
    pub zone: Reach,
    /// Which kind of way it is: `published_port`, `serve`, `proxy`, ...
    pub kind: String,
    /// The way in words: `100.64.0.2:2283 -> 2283/tcp`.
    pub label: String,
    /// On which port of which device it begins, where that is known: `nas:2283/tcp`.
    pub target: Option<String>,
    /// Where a browser finds it.
    pub url: Option<String>,
    /// Whether they are sure to come in.
    pub sure: bool,
    /// What it depends on, and what to know about it.
    pub conditions: Vec<String>,
}

/// What is answered to a query: the view record, or the records, of its kind. Serialises as these alone.
#[derive(Clone, Debug, PartialEq, uniffi::Enum)]
pub enum Answer {
    /// To `posture`.
    Posture(PostureView),
    /// To `services`.
    Services(Vec<ServiceView>),
    /// To `exposure`.
    Exposure(ServiceView),
    /// To `report`.
    Report(ReportView),
    /// To `findings`, worst first.
    Findings(Vec<FindingView>),
    /// To `diagnostics`.
    Diagnostics(Vec<FindingView>),
    /// To `systems`, by their identity.
    Systems(Vec<SystemView>),
    /// To `projects`.
    Projects(Vec<ProjectView>),
    /// To `files`, by their path.
    Files(Vec<FileView>),
    /// To `init_plan`.
    InitPlan(PlanView),
    /// To `portal`.
    Portal(PortalView),
    /// To `explain`.
    Explain(ServiceExplanationView),
}

impl From<core::Answer> for Answer {
    fn from(answer: core::Answer) -> Self {
        match answer {
            core::Answer::Posture(view) => Answer::Posture(view),
            core::Answer::Services(view) => Answer::Services(view),
            core::Answer::Exposure(view) => Answer::Exposure(view),
            core::Answer::Report(view) => Answer::Report(view),
            core::Answer::Findings(view) => Answer::Findings(view),
            core::Answer::Diagnostics(view) => Answer::Diagnostics(view),
            core::Answer::Systems(view) => Answer::Systems(view),
            core::Answer::Projects(view) => Answer::Projects(view),
            core::Answer::Files(view) => Answer::Files(view),
            core::Answer::InitPlan(view) => Answer::InitPlan(view),
            core::Answer::Portal(view) => Answer::Portal(view),
            core::Answer::Explain(view) => Answer::Explain(view.into()),
        }
    }
}
