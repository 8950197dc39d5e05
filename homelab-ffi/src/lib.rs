#![doc = include_str!("../README.md")]

mod backup;
mod cancel;
mod control;
mod engine;
mod error;
mod events;
mod feed;
mod lab;
mod live;
mod observed;
mod operation;
mod plan;
mod portal;
mod project;
mod reachability;
mod report;
mod runtime;
mod serve;
mod split;
mod tailnet;
mod view;
mod world;

pub use backup::{Repositories, Survival};
pub use cancel::CancelToken;
pub use control::ControlApi;
pub use engine::{Engine, EngineEvents, ExecRequest, Execution, Pull, Stats};
pub use error::HomelabError;
pub use events::Events;
pub use feed::Pieces;
pub use lab::Lab;
pub use live::{Changes, Drift, Engines, Inventory, LogQuery, Logs, Running};
pub use observed::{Machine, Observed};
pub use operation::{Operation, Outcome};
pub use plan::Plan;
pub use portal::Answer;
pub use project::{Project, ResolveSettings};
pub use reachability::{
    AccessChangeView, ByView, CarrierView, DeviceReachView, ExplanationView, PersonReachView, PolicyDiffView,
    RangeReachView, ReachableDeviceView, ReachableServiceView, ReachableServicesView, ReachableView,
    ServiceExplanationView, ServiceReachView, ServiceWayView, WayExplanationView, WhoCanReachView,
};
pub use report::{Report, TextSettings};
pub use serve::{ServeSettings, Server};
pub use split::{Claim, Proof, ShareableTemplate, Split, Template, Values};
pub use tailnet::{Tailnet, judge_policy, judge_policy_files};
pub use world::World;

uniffi::setup_scaffolding!();

/// Returns the names of what this build of the library can do beside its model and judges: `docker`, `tools`, ...
///
/// What is not in the list answers `Unsupported`.
#[uniffi::export]
pub fn capabilities() -> Vec<String> {
    homelab_core::capabilities()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// Returns nothing when this build has an optional part, and otherwise the error that its operations answer: `Unsupported`.
#[uniffi::export]
pub fn require_capability(name: &str) -> Result<(), HomelabError> {
    Ok(homelab_core::require_capability(name)?)
}

/// Returns all that an audit can say, rule by rule.
#[uniffi::export]
pub fn rules() -> Vec<homelab_core::view::RuleView> {
    homelab_core::audit::rules()
}

/// Returns the version of the library.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
