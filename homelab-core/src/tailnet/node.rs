//! What a machine's own device of the tailnet says of itself and of those that it sees: [`Node`].
//!
//! ```
//! use homelab_core::Source;
//! use homelab_core::tailnet::Status;
//!
//! let text = r#"{"BackendState": "Running", "Self": {"HostName": "nas", "TailscaleIPs": ["100.64.0.2"]}}"#;
//! let status = Status::parse(&Source::new("status.json", text))?;
//! assert!(status.is_running());
//! assert_eq!(status.own().map(|device| device.name()), Some("nas"));
//! # Ok::<(), homelab_core::Error>(())
//! ```

mod read;
mod shown;

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;

use super::device::{Device, Roster};

/// What a machine's own device of the tailnet was seen to be: its state, its settings and what it serves.
///
/// Settings and what is served are absent where the daemon does not let us see them.
#[derive(Clone, PartialEq)]
pub struct Node {
    status: Status,
    preferences: Option<Preferences>,
    serve: Option<ServeConfig>,
}

impl Node {
    /// Returns a device of this state of which nothing else is known.
    pub fn new(status: Status) -> Self {
        Node {
            status,
            preferences: None,
            serve: None,
        }
    }

    /// Sets its settings.
    #[must_use]
    pub fn with_preferences(mut self, preferences: Preferences) -> Self {
        self.preferences = Some(preferences);
        self
    }

    /// Sets what it serves.
    #[must_use]
    pub fn with_serve(mut self, serve: ServeConfig) -> Self {
        self.serve = Some(serve);
        self
    }

    /// Returns its state, and whom it sees.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Returns its settings, where they were seen.
    pub fn preferences(&self) -> Option<&Preferences> {
        self.preferences.as_ref()
    }

    /// Returns what it serves, where that was seen.
    pub fn serve(&self) -> Option<&ServeConfig> {
        self.serve.as_ref()
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("status", &self.status)
            .field("preferences", &self.preferences.is_some())
            .field("serve", &self.serve)
            .finish()
    }
}

/// The state of a device of the tailnet, and whom it sees: what `tailscale status --json` prints.
#[derive(Clone, PartialEq)]
pub struct Status {
    state: String,
    version: Option<String>,
    tailnet: Option<String>,
    suffix: Option<String>,
    own: Option<Device>,
    may_funnel: Option<bool>,
    roster: Roster,
}

impl Status {
    /// Returns the daemon's word for its state: `Running`, `NeedsLogin`, `Stopped`; empty where it said none.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Returns whether the device is in its tailnet.
    pub fn is_running(&self) -> bool {
        self.state == "Running"
    }

    /// Returns the daemon's version.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the tailnet's name.
    pub fn tailnet(&self) -> Option<&str> {
        self.tailnet.as_deref()
    }

    /// Returns the end of the tailnet's MagicDNS names, without a dot at either end.
    pub fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
    }

    /// Returns the device itself.
    pub fn own(&self) -> Option<&Device> {
        self.own.as_ref()
    }

    /// Returns whether the device was told that it may open itself to the public; nothing where it does not say what it may.
    pub(crate) fn may_funnel(&self) -> Option<bool> {
        self.may_funnel
    }

    /// Returns the device itself and those that it sees. To be seen is no right to be reached: either of two devices
    /// that may reach the other makes both see each other.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status")
            .field("state", &self.state)
            .field("version", &self.version)
            .field("roster", &self.roster)
            .finish_non_exhaustive()
    }
}

/// Who stands behind an address of the tailnet.
#[derive(Clone, PartialEq)]
pub struct WhoIs {
    device: Device,
    login: Option<String>,
    name: Option<String>,
    capabilities: BTreeMap<String, Vec<serde_json::Value>>,
}

impl WhoIs {
    /// Returns the device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns the login of the person whose device it is; nobody's, where the device has tags.
    pub fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }

    /// Returns the name by which that person is shown.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the app capabilities that the policy grants the device on the one that was asked, with their values.
    pub fn capabilities(&self) -> &BTreeMap<String, Vec<serde_json::Value>> {
        &self.capabilities
    }
}

/// Shows how much there is, not who.
impl fmt::Debug for WhoIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhoIs")
            .field("device", &self.device)
            .field("login", &self.login.is_some())
            .field("capabilities", &self.capabilities.len())
            .finish_non_exhaustive()
    }
}

/// The settings of a device of the tailnet that decide about reach. Each is absent where the daemon did not say.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    shields_up: Option<bool>,
    accepts_routes: Option<bool>,
    ssh: Option<bool>,
    wants_running: Option<bool>,
    advertised: Vec<IpNet>,
    services: Vec<String>,
    control: Option<String>,
}

impl Preferences {
    /// Returns whether it refuses all new connections, whatever the policy says.
    pub fn shields_up(&self) -> Option<bool> {
        self.shields_up
    }

    /// Returns whether it uses the routes that others offer.
    pub fn accepts_routes(&self) -> Option<bool> {
        self.accepts_routes
    }

    /// Returns whether its Tailscale SSH server is on.
    pub fn ssh(&self) -> Option<bool> {
        self.ssh
    }

    /// Returns whether it is meant to be in the tailnet.
    pub fn wants_running(&self) -> Option<bool> {
        self.wants_running
    }

    /// Returns the routes that it offers.
    pub fn advertised(&self) -> &[IpNet] {
        &self.advertised
    }

    /// Returns the Tailscale Services that it offers to host.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    /// Returns the address of its control server.
    pub fn control(&self) -> Option<&str> {
        self.control.as_deref()
    }
}

impl fmt::Debug for Preferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preferences")
            .field("shields_up", &self.shields_up)
            .field("accepts_routes", &self.accepts_routes)
            .field("ssh", &self.ssh)
            .finish_non_exhaustive()
    }
}

/// What a device of the tailnet passes on: `tailscale serve` and `tailscale funnel`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ServeConfig {
    entries: Vec<Served>,
}

impl ServeConfig {
    /// Returns what is passed on, by port.
    pub fn entries(&self) -> &[Served] {
        &self.entries
    }
}

/// Shows how much there is, not what.
impl fmt::Debug for ServeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeConfig")
            .field("entries", &self.entries.len())
            .finish()
    }
}

/// One thing that a device of the tailnet passes on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    port: u16,
    host: Option<String>,
    path: Option<String>,
    service: Option<String>,
    target: ServeTarget,
    funnel: bool,
}

impl Served {
    /// Returns the port on which it listens in the tailnet.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the name for which it answers, where it looks at that.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Returns the path below which it answers; None where it passes connections on, and looks at no path.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Returns the Tailscale Service that it belongs to; None where it is the device's own.
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// Returns where it leads.
    pub fn target(&self) -> &ServeTarget {
        &self.target
    }

    /// Returns whether everybody on the internet is let in. Funnel opens a whole port: everything on that name and port
    /// is public, whichever path was meant.
    pub fn is_funnel(&self) -> bool {
        self.funnel
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("port", &self.port)
            .field("funnel", &self.funnel)
            .finish_non_exhaustive()
    }
}

/// Where a device of the tailnet passes things on to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServeTarget {
    /// Another web server, as it is written: `http://127.0.0.1:3000`.
    Proxy(String),
    /// Connections, to `HOST:PORT` or `unix:PATH`.
    Forward(String),
    /// Files of a folder, or one file.
    Files(String),
    /// A text.
    Text,
    /// Another address, to which the browser is sent.
    Redirect(String),
    /// Something that this version does not know.
    Unknown,
}

impl fmt::Debug for ServeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServeTarget::Proxy(_) => "Proxy",
            ServeTarget::Forward(_) => "Forward",
            ServeTarget::Files(_) => "Files",
            ServeTarget::Text => "Text",
            ServeTarget::Redirect(_) => "Redirect",
            ServeTarget::Unknown => "Unknown",
        })
    }
}
