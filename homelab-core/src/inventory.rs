//! What engines have: [`Container`], [`Image`], [`Volume`], [`Network`], the engine's own [`EngineInfo`], and of all
//! hosts together the [`Inventory`].
//!
//! The words are ours: Docker and Podman tell the same things in different ways, and here they are told in one.
//!
//! ```
//! use homelab_core::compose::Protocol;
//! use homelab_core::inventory::{Binding, Container, ContainerState};
//!
//! let container = Container {
//!     image: "immich-app/immich-server:v1.120.0".into(),
//!     state: ContainerState::Running,
//!     ports: vec![Binding { address: None, port: 2283, target: 2283, protocol: Protocol::Tcp }],
//!     ..Container::new("4f1c2b", "immich-server-1")
//! };
//! assert_eq!(container.to_string(), "immich-server-1 (immich-app/immich-server:v1.120.0, running)");
//! assert_eq!(container.ports[0].to_string(), "*:2283 -> 2283/tcp");
//! ```

mod change;
mod hosts;
mod placement;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

pub use self::change::Change;
pub use self::hosts::{Gap, HostInventory, Inventory, Part};
pub use self::placement::{PlacedBy, Placement};
use crate::compose::{MountKind, Protocol, RestartPolicy};
use crate::secret::Secret;

/// What a container is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContainerState {
    /// It was made, and never started.
    Created,
    /// It runs, or is just being stopped.
    Running,
    /// Its processes are frozen.
    Paused,
    /// It ended, and the engine is about to start it again.
    Restarting,
    /// It is being removed.
    Removing,
    /// It ended.
    Exited,
    /// It could not be removed, and is of no use any more.
    Dead,
    /// The engine says something else.
    Unknown,
}

impl ContainerState {
    /// Returns the word for it: `running`.
    pub fn as_str(self) -> &'static str {
        match self {
            ContainerState::Created => "created",
            ContainerState::Running => "running",
            ContainerState::Paused => "paused",
            ContainerState::Restarting => "restarting",
            ContainerState::Removing => "removing",
            ContainerState::Exited => "exited",
            ContainerState::Dead => "dead",
            ContainerState::Unknown => "unknown",
        }
    }
}

impl ContainerState {
    /// Returns whether it has processes: it runs, or is paused.
    pub fn is_running(self) -> bool {
        matches!(self, ContainerState::Running | ContainerState::Paused)
    }
}

impl fmt::Display for ContainerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a container's health check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Health {
    /// It has not said anything yet.
    Starting,
    /// The last check passed.
    Healthy,
    /// As many checks in a row as are allowed have failed.
    Unhealthy,
}

impl Health {
    /// Returns the word for it: `healthy`.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Starting => "starting",
            Health::Healthy => "healthy",
            Health::Unhealthy => "unhealthy",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A container, as its engine has it.
///
/// Debug shows no more than Display: labels and mounts may tell what is private.
#[derive(Clone, PartialEq, Eq)]
pub struct Container {
    /// The engine's own id for it, in full.
    pub id: String,
    /// Its name, without the slash that Docker puts before it.
    pub name: String,
    /// The image as it was asked for when the container was made: `postgres:16`.
    pub image: String,
    /// The id of the image that it was made of: `sha256:...`.
    pub image_id: String,
    /// What it is doing.
    pub state: ContainerState,
    /// What its health check says; none where it has no check, or is not running.
    pub health: Option<Health>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last started.
    pub started: Option<Timestamp>,
    /// When it last ended.
    pub finished: Option<Timestamp>,
    /// How it last ended; none while it runs, and before its first start.
    pub exit_code: Option<i64>,
    /// Whether it ended since there was not memory enough.
    pub out_of_memory: bool,
    /// How often the engine has started it again by itself since somebody started it.
    pub restarts: u64,
    /// The ports that are bound now, in order and each once. A container that does not run binds none, though some
    /// engines go on listing them.
    pub ports: Vec<Binding>,
    /// What is mounted into it, by target.
    pub mounts: Vec<Mounted>,
    /// What it has instead of networks of its own, or the network that it was made with: `host`, `none`,
    /// `container:ID`, `bridge`, a network's name.
    pub network_mode: String,
    /// The networks that it is attached to, with its addresses there.
    pub networks: BTreeMap<String, Vec<IpAddr>>,
    /// Its labels, with those of its image.
    pub labels: BTreeMap<String, String>,
    /// Its environment, with that of its image. Values are secrets until something says otherwise.
    pub environment: BTreeMap<String, Secret>,
    /// Whether its output is a terminal's: one stream, in which both are mixed.
    pub terminal: bool,
    /// The words that it was started with, those of its image included. They may hold a secret.
    pub command: Vec<String>,
    /// The program that gets them, with its own words, that of its image included.
    pub entrypoint: Vec<String>,
    /// Who it runs as, where that is said.
    pub user: Option<String>,
    /// Whether it runs with all privileges.
    pub privileged: bool,
    /// How it is restarted; none where the engine does not say.
    pub restart: Option<RestartPolicy>,
}

impl Container {
    /// Returns a container that was made, has never run, and has nothing yet.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Container {
        Container {
            id: id.into(),
            name: name.into(),
            image: String::new(),
            image_id: String::new(),
            state: ContainerState::Created,
            health: None,
            created: None,
            started: None,
            finished: None,
            exit_code: None,
            out_of_memory: false,
            restarts: 0,
            ports: Vec::new(),
            mounts: Vec::new(),
            network_mode: String::new(),
            networks: BTreeMap::new(),
            labels: BTreeMap::new(),
            environment: BTreeMap::new(),
            terminal: false,
            command: Vec::new(),
            entrypoint: Vec::new(),
            user: None,
            privileged: false,
            restart: None,
        }
    }

    /// Returns the value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {}", self.name, self.image, self.state)?;
        if let Some(health) = self.health {
            write!(f, ", {health}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Container({self})")
    }
}

/// A port of a container that is bound on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Binding {
    /// The address that it is bound to; none is every interface. Docker tells that once for IPv4 and once for IPv6,
    /// Podman gives no address: here it is one binding.
    pub address: Option<IpAddr>,
    /// The port on the host.
    pub port: u16,
    /// The port in the container.
    pub target: u16,
    /// The protocol.
    pub protocol: Protocol,
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            None => f.write_str("*")?,
            Some(IpAddr::V4(address)) => write!(f, "{address}")?,
            Some(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        write!(f, ":{} -> {}/{}", self.port, self.target, self.protocol)
    }
}

/// Storage that is mounted into a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mounted {
    /// The path in the container.
    pub target: String,
    /// Its kind.
    pub kind: MountKind,
    /// The host's path of a bind mount, the engine's name of a volume; none for memory.
    pub source: Option<String>,
    /// Whether the container cannot write to it.
    pub read_only: bool,
}

/// An image, as an engine has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its id: `sha256:...`.
    pub id: String,
    /// Its names with tags; none of them: it is dangling.
    pub tags: Vec<String>,
    /// The names and digests by which registries have it.
    pub digests: Vec<String>,
    /// When it was built.
    pub created: Option<Timestamp>,
    /// What it takes on disk, in bytes, shared layers included.
    pub size: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Image {
    /// Returns whether no name leads to it any more.
    pub fn is_dangling(&self) -> bool {
        self.tags.is_empty()
    }
}

/// A volume, as an engine has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// What provides it: `local`.
    pub driver: String,
    /// Where it lies on the host, where the engine says.
    pub path: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it holds, in bytes: only where that was asked for, since engines measure it anew each time.
    pub size: Option<u64>,
}

/// A network, as an engine has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The engine's id for it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What provides it: `bridge`.
    pub driver: String,
    /// Whether it leads nowhere else.
    pub internal: bool,
    /// Its prefixes.
    pub subnets: Vec<IpNet>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// Which program an engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EngineKind {
    /// Docker Engine.
    Docker,
    /// Podman.
    Podman,
    /// [`MemoryEngine`](crate::engine::memory::MemoryEngine), or one of somebody's own.
    Other,
}

impl EngineKind {
    /// Returns the word for it: `docker`.
    pub fn as_str(self) -> &'static str {
        match self {
            EngineKind::Docker => "docker",
            EngineKind::Podman => "podman",
            EngineKind::Other => "other",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an engine says of itself. Behind a proxy that allows little, only kind and versions are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// Which program it is.
    pub kind: EngineKind,
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
    /// What its clock says: moments that it tells are of that clock.
    pub clock: Option<Timestamp>,
}

impl fmt::Display for EngineInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (API {})", self.kind, self.version, self.api)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_shows_no_value_of_its_environment_or_labels() {
        let mut container = Container::new("1", "db");
        container
            .environment
            .insert("PASSWORD".into(), Secret::new("hunter2"));
        container
            .labels
            .insert("traefik.http.middlewares.x".into(), "bob:hunter2".into());
        container.health = Some(Health::Unhealthy);
        let shown = format!("{container:?}{container}{:?}", container.environment);
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("unhealthy"));
    }

    #[test]
    fn bindings_are_told_as_people_know_them() {
        let binding = |address: Option<&str>| Binding {
            address: address.map(|text| text.parse().expect("an address")),
            port: 80,
            target: 8080,
            protocol: Protocol::Udp,
        };
        assert_eq!(binding(None).to_string(), "*:80 -> 8080/udp");
        assert_eq!(binding(Some("127.0.0.1")).to_string(), "127.0.0.1:80 -> 8080/udp");
        assert_eq!(binding(Some("::1")).to_string(), "[::1]:80 -> 8080/udp");
    }
}
