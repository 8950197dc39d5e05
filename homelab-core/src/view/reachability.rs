//! View records of questions about a tailnet: who reaches what, by which rule, and why not.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlaceView, Reach};

/// Who can reach a host's port, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WhoCanReachView {
    /// What was asked: `nas:443/tcp`.
    pub target: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// The devices by which packets get there: its own, or those that carry a route to it.
    pub carriers: Vec<CarrierView>,
    /// The rules that let somebody in, in the order of the file.
    pub rules: Vec<TailnetRuleView>,
    /// People, by login.
    pub people: Vec<PersonReachView>,
    /// Devices that belong to tags, by name.
    pub tagged: Vec<DeviceReachView>,
    /// Addresses that rules name and no device has: hosts behind a router, mostly; and `autogroup:shared`, whose people no
    /// list has.
    pub ranges: Vec<RangeReachView>,
    /// The devices that may open this port to everybody by Funnel, where the policy lets them.
    pub funnel: Vec<Arc<str>>,
    /// What holds for all of it.
    pub conditions: Vec<String>,
}

/// A device by which packets get to a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CarrierView {
    /// The device.
    pub device: Arc<str>,
    /// `itself`, `subnet_router`, `exit_node`, or `service_host`.
    pub kind: String,
    /// Whether it is the one of several routers that carries the route now, where known.
    pub primary: Option<bool>,
    /// Why it does not carry, though the policy would let it: it refuses all connections, its key is expired.
    pub problem: Option<String>,
}

/// A rule of a policy, and which part of it an answer is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TailnetRuleView {
    /// `acls`, `grants`, or `default` where the file has neither.
    pub section: String,
    /// Which entry of the section, from 0.
    pub index: u64,
    /// Where it is written.
    pub place: Option<PlaceView>,
    /// The entry of `dst`, without its ports.
    pub destination: String,
    /// Its protocols and ports: `tcp:443`.
    pub ports: Vec<String>,
    /// Postures, one of which has to hold for who asks.
    pub postures: Vec<String>,
}

/// A person who can reach a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PersonReachView {
    /// Their login.
    pub login: Arc<str>,
    /// Their devices that can; none where they have no device yet.
    pub devices: Vec<Arc<str>>,
    /// By which rules.
    pub by: Vec<ByView>,
    /// What it depends on, for some of the devices.
    pub conditions: Vec<String>,
}

/// A device of tags that can reach a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceReachView {
    /// The device.
    pub device: Arc<str>,
    /// Its tags.
    pub tags: Vec<String>,
    /// By which rules.
    pub by: Vec<ByView>,
    /// What it depends on.
    pub conditions: Vec<String>,
}

/// Addresses of no device that can reach a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RangeReachView {
    /// An address, a prefix, `first-last`, `autogroup:shared`, or `*` for anybody.
    pub range: String,
    /// By which rules.
    pub by: Vec<ByView>,
}

/// A rule by which somebody gets in, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ByView {
    /// Which of the answer's rules.
    pub rule: u32,
    /// The entry of its `src` that means them: `group:family`.
    #[serde(rename = "as")]
    pub through: Arc<str>,
}

/// What somebody can reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReachableView {
    /// Who was asked about.
    pub from: String,
    /// The devices that this means.
    pub devices: Vec<Arc<str>>,
    /// What they can reach, by device.
    pub reachable: Vec<ReachableDeviceView>,
}

/// Who can reach a service of a lab by the tailnet, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceReachView {
    /// The service: `immich/server`.
    pub service: String,
    /// The widest zone that is known to reach it: beyond the tailnet nobody is asked who they are.
    pub reach: Reach,
    /// Every way by which those of the tailnet come in.
    pub ways: Vec<ServiceWayView>,
}

/// One way of a service, and who comes in by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceWayView {
    /// Which kind of way it is: `published_port`, `serve`, `tailnet_node`, ...
    pub kind: String,
    /// The way in words: `100.64.0.2:2283 -> 2283/tcp`.
    pub label: String,
    /// Who can reach each port on which it begins.
    pub answers: Vec<WhoCanReachView>,
    /// Why there is no answer.
    pub problem: Option<String>,
}

/// The services of a lab that somebody can reach by the tailnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReachableServicesView {
    /// Who was asked about.
    pub from: String,
    /// The devices that this means.
    pub devices: Vec<Arc<str>>,
    /// The services, in the order of the lab.
    pub services: Vec<ReachableServiceView>,
}

/// A service that somebody can reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachableServiceView {
    /// The service: `immich/server`.
    pub service: String,
    /// On which ports of which devices or addresses behind a router: `nas:2283/tcp`.
    pub targets: Vec<String>,
    /// On what it depends: that who asks accepts routes, or a posture that is not known.
    #[serde(default)]
    pub conditions: Vec<String>,
}

/// What somebody can reach on a device, or through it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReachableDeviceView {
    /// The device.
    pub device: Arc<str>,
    /// Where: its own addresses, or ranges behind it.
    pub destinations: Vec<String>,
    /// Protocols and ports: `tcp:443`, `*`.
    pub ports: Vec<String>,
    /// Why not after all, though the policy would let them.
    pub problem: Option<String>,
    /// On what it depends, and from which of the devices it is where not from all.
    #[serde(default)]
    pub conditions: Vec<String>,
}

/// Why somebody can, or cannot, reach a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExplanationView {
    /// Who.
    pub from: String,
    /// The devices that this means.
    pub devices: Vec<Arc<str>>,
    /// What.
    pub to: String,
    /// Whether at least one of the devices can; absent where that depends on something that is not known.
    pub allowed: Option<bool>,
    /// The rules by which, and as what.
    pub rules: Vec<TailnetRuleView>,
    /// Which of them lets whom in, as what.
    pub by: Vec<ByView>,
    /// What it depends on.
    pub conditions: Vec<String>,
    /// What comes near, where it is not allowed; and what is good to know where it is.
    pub misses: Vec<NearMissView>,
}

/// Something that is nearly access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NearMissView {
    /// `port`, `protocol`, `route_not_approved`, `no_route`, `router_not_lan`, `lan_not_router`, `tagged`, `visible`, `ping`,
    /// `posture`, `refuses`, `unknown_person`.
    pub kind: String,
    /// What it is, in a fragment.
    pub message: String,
    /// What to change.
    pub fix: String,
    /// The rule that comes near.
    pub rule: Option<TailnetRuleView>,
}

/// What a change of a policy takes and gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyDiffView {
    /// Access that there was not before.
    pub gained: Vec<AccessChangeView>,
    /// Access that there is no more.
    pub lost: Vec<AccessChangeView>,
    /// What was not compared, and why.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// The same change for everybody whom it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccessChangeView {
    /// `network`; `ssh` for Tailscale SSH; `capability` for what an application is told; `attribute` for what `nodeAttrs`
    /// give, such as `funnel`; `tag` for who may give it to a device; `approval` for routes and services that need nobody's.
    pub kind: String,
    /// Groups that it is about as a whole.
    pub groups: Vec<Arc<str>>,
    /// People, by login.
    pub people: Vec<Arc<str>>,
    /// Tags all whose devices it is about.
    pub tags: Vec<Arc<str>>,
    /// Other devices of tags, and single devices of people.
    pub devices: Vec<Arc<str>>,
    /// Addresses of no device.
    pub ranges: Vec<String>,
    /// The devices that are reached, or through which something is.
    pub to: Vec<Arc<str>>,
    /// Ranges behind them, where it is not the devices themselves.
    pub destinations: Vec<String>,
    /// Protocols and ports: `tcp:443`. Of another kind than `network` what is given: users of the machine, names of
    /// capabilities, attributes and tags, `route 10.0.0.0/8`, `exit node`.
    pub ports: Vec<String>,
    /// On what it depends.
    #[serde(default)]
    pub conditions: Vec<String>,
}
