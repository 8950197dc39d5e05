//! View records of the portal: which services somebody may reach, where a browser finds them, and why or why not.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EvidenceView, ExplanationView, Reach};

/// The services of a lab that somebody may reach: their page of the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// Why somebody can, or cannot, reach a service of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceExplanationView {
    /// Who.
    pub from: String,
    /// The devices that this means.
    pub devices: Vec<Arc<str>>,
    /// The service: `immich/server`.
    pub service: String,
    /// Whether they come in by one of the ways; absent where that depends on something that is not known.
    pub allowed: Option<bool>,
    /// As whom they come in, where they do.
    pub by: Option<Reach>,
    /// Every way that leads to the service, widest first.
    pub ways: Vec<WayExplanationView>,
}

/// Whether somebody comes in by one way, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WayExplanationView {
    /// Which kind of way it is: `published_port`, `serve`, `proxy`, ...
    pub kind: String,
    /// The way in words.
    pub label: String,
    /// The widest zone that is known to come in by it.
    pub zone: Reach,
    /// Whether they come in by it; absent where that is not known.
    pub allowed: Option<bool>,
    /// Why, in a fragment.
    pub reason: String,
    /// What the tailnet's policy says, for each port on which the way begins.
    pub explanations: Vec<ExplanationView>,
    /// What shows the way itself.
    pub evidence: Vec<EvidenceView>,
}
