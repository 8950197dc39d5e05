//! View records of the tailnet: what the service sends to devices, in its own field names, and answers about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::PlaceView;

/// Values by the name of a capability; null where it has none. Tailscale's `PeerCapMap` and `NodeCapMap`.
pub type CapabilityMap = BTreeMap<String, Value>;

/// One rule of a device's packet filter, as Tailscale's `FilterRule`: who may come in, to what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct FilterRuleView {
    /// Sources: an address, a prefix, `first-last`, or `*` for anybody.
    #[serde(rename = "SrcIPs")]
    pub src_ips: Arc<[String]>,
    /// Destinations; empty where the rule grants capabilities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dst_ports: Vec<DestinationView>,
    /// Protocols by their numbers; empty means TCP, UDP, ICMP and ICMPv6.
    #[serde(rename = "IPProto", default, skip_serializing_if = "Vec::is_empty")]
    pub ip_proto: Vec<u8>,
    /// Capabilities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cap_grant: Vec<CapabilityGrantView>,
}

/// A destination of a packet filter's rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct DestinationView {
    /// An address, a prefix, `first-last`, or `*`.
    #[serde(rename = "IP")]
    pub ip: String,
    /// Ports.
    pub ports: PortsView,
}

/// Ports from a first to a last one, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct PortsView {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

/// Capabilities that a filter's rule grants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct CapabilityGrantView {
    /// Prefixes of the device to which they apply.
    pub dsts: Vec<String>,
    /// The capabilities.
    pub cap_map: CapabilityMap,
}

/// One rule of a device's SSH policy, as Tailscale's `SSHRule`; the first that fits decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SshRuleView {
    /// From which devices.
    pub principals: Vec<SshPrincipalView>,
    /// The user who is asked for, or `*`, to the user of the machine: `=` is the same, empty is nobody.
    pub ssh_users: BTreeMap<String, String>,
    /// What happens.
    pub action: SshActionView,
    /// Variables that the client may set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept_env: Vec<String>,
}

/// A device that a rule of SSH is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct SshPrincipalView {
    /// Its address.
    #[serde(rename = "nodeIP")]
    pub node_ip: String,
}

/// What a rule of SSH does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SshActionView {
    /// Lets in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accept: bool,
    /// Asks there first whether the person signed in lately: a check.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hold_and_delegate: String,
    /// Whether the client's agent may be used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_agent_forwarding: bool,
    /// Whether ports of the client's side may be forwarded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_local_port_forwarding: bool,
    /// Whether ports of the server's side may be forwarded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_remote_port_forwarding: bool,
}

/// What devices may do: their own capabilities, and those that they see their peers have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapabilitiesView {
    /// Of each device, what the policy's `nodeAttrs` give it.
    pub capabilities: BTreeMap<String, CapabilityMap>,
    /// Of each device, by the address of a peer, what that peer may do on it; peers without anything are left out.
    pub whois: BTreeMap<String, BTreeMap<String, CapabilityMap>>,
}

/// Whether the service accepts a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyCheckView {
    /// Whether it does.
    pub accepted: bool,
    /// Why not, in the service's words where they are known.
    pub message: Option<String>,
    /// The value at fault.
    pub place: Option<PlaceView>,
    /// What to do.
    pub hint: Option<String>,
    /// The file's own tests that fail.
    pub failures: Vec<PolicyTestView>,
    /// What is accepted, and still not as it should be.
    pub notes: Vec<PolicyNoteView>,
}

/// A test of a policy that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyTestView {
    /// `tests` or `sshTests`.
    pub section: String,
    /// Which entry, from 0.
    pub index: usize,
    /// Why it fails.
    pub reason: String,
    /// Where it is written.
    pub place: PlaceView,
}

/// Something that is worth saying about a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyNoteView {
    /// What it is.
    pub message: String,
    /// Where it is.
    pub place: PlaceView,
}
