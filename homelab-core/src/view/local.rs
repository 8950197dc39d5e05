//! Records of what a machine's own tailnet daemon says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a machine's own device of the tailnet is: its state, its settings and what it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeView {
    /// Its state, and whom it sees.
    pub status: StatusView,
    /// Its settings; nothing where the daemon keeps them to itself.
    pub preferences: Option<PreferencesView>,
    /// What it passes on, by port; nothing where the daemon keeps that to itself.
    pub serve: Option<Vec<ServedView>>,
}

/// The state of a device of the tailnet, and whom it sees. To be seen is no right to be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusView {
    /// The daemon's word for its state: `Running`, `NeedsLogin`, `Stopped`; empty where it said none.
    pub state: String,
    /// The daemon's version.
    pub version: Option<String>,
    /// The tailnet's name.
    pub tailnet: Option<String>,
    /// The end of the tailnet's MagicDNS names, without a dot at either end.
    pub suffix: Option<String>,
    /// The device itself; nothing before it is in a tailnet.
    pub own: Option<SeenDeviceView>,
    /// The device itself and those that it sees.
    pub devices: Vec<SeenDeviceView>,
}

/// A device of the tailnet, as another one sees it. Whatever is not known is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeenDeviceView {
    /// Its host name, as it calls itself. Several devices may have the same one.
    pub name: String,
    /// Its whole MagicDNS name, without a dot at the end.
    pub dns_name: Option<String>,
    /// The login of whose device it is: nobody's, once it has a tag.
    pub owner: Option<String>,
    /// Its tags: `tag:server`.
    pub tags: Vec<String>,
    /// Its addresses in the tailnet, mostly one of each family.
    pub addresses: Vec<String>,
    /// The routes that it carries now; nothing where nobody has said.
    pub routes: Option<Vec<String>>,
    /// Whether it belongs to another tailnet and was shared into this one.
    pub external: bool,
    /// Whether it was connected when this was asked.
    pub online: Option<bool>,
    /// When its key expires, RFC 3339; nothing where it never does, or nobody has said.
    pub key_expiry: Option<String>,
    /// Its operating system, as it calls it itself: `linux`.
    pub os: Option<String>,
}

/// Who stands behind an address of the tailnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhoIsView {
    /// The device.
    pub device: SeenDeviceView,
    /// The login of the person whose device it is; nobody's, where the device has tags.
    pub login: Option<String>,
    /// The name by which that person is shown.
    pub name: Option<String>,
    /// The app capabilities that the policy grants the device on the one that was asked, by name.
    pub capabilities: Vec<GrantedCapabilityView>,
}

/// An app capability, with what it was granted with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GrantedCapabilityView {
    /// Its name: `example.com/cap/photos`.
    pub name: String,
    /// Its values, each as JSON.
    pub values: Vec<String>,
}

/// The settings of a device of the tailnet that decide about reach. Each is absent where the daemon did not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreferencesView {
    /// Whether it refuses all new connections, whatever the policy says.
    pub shields_up: Option<bool>,
    /// Whether it uses the routes that others offer.
    pub accepts_routes: Option<bool>,
    /// Whether its Tailscale SSH server is on.
    pub ssh: Option<bool>,
    /// Whether it is meant to be in the tailnet.
    pub wants_running: Option<bool>,
    /// The routes that it offers.
    pub advertised: Vec<String>,
    /// The Tailscale Services that it offers to host.
    pub services: Vec<String>,
    /// The address of its control server.
    pub control: Option<String>,
}

/// One thing that a device of the tailnet passes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServedView {
    /// The port on which it listens in the tailnet.
    pub port: u16,
    /// The name for which it answers, where it looks at that.
    pub host: Option<String>,
    /// The path below which it answers; nothing where it passes connections on, and looks at no path.
    pub path: Option<String>,
    /// The Tailscale Service that it belongs to; nothing where it is the device's own.
    pub service: Option<String>,
    /// What it does: `proxy` (to a web server), `forward` (connections), `files`, `text`, `redirect` or `unknown`.
    pub kind: String,
    /// Where that leads, as it is written; nothing for a text, and for what is not known.
    pub target: Option<String>,
    /// Whether everybody on the internet is let in.
    pub funnel: bool,
}

/// Something that happened to this machine's device of the tailnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoticeView {
    /// What it is: `state`, `changed` (devices that it sees, or itself: ask for the status again), `settings` (they, or
    /// what it serves: ask for them again), `problem`, `missed` (the reader was too slow: ask for all again), or `ended`.
    pub kind: String,
    /// The daemon's word for the state, what it says of the problem, or why the stream is at its end.
    pub text: Option<String>,
    /// How many notices were missed.
    pub missed: Option<u64>,
}
