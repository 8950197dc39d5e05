//! What instance.toml says: the part of a lab that is private.

mod access;
mod engine;
mod person;
mod read;
mod repository;

use std::net::IpAddr;

use indexmap::IndexMap;
use ipnet::IpNet;

pub use self::access::AccessTest;
pub use self::engine::EngineEntry;
pub use self::person::Person;
pub use self::repository::{RepositoryEntry, RepositoryKind};
use super::pattern::words;
use crate::compose::Protocol;
use crate::name::{HostName, ProjectName, RepositoryName};
use crate::span::{Source, Span, Spanned};
use crate::tailnet::device::{Device, Roster, User};
use crate::view::Reach;

/// What instance.toml says. Every part is absent where the file is, or where its value could not be understood.
///
/// Its Debug says how much there is, not what.
#[derive(Clone, Default)]
pub struct Instance {
    pub(super) source: Option<Source>,
    pub(super) id: Option<Spanned<String>>,
    pub(super) hosts: IndexMap<HostName, Host>,
    pub(super) tailnet: Option<Tailnet>,
    pub(super) people: IndexMap<String, Person>,
    pub(super) projects: IndexMap<ProjectName, ProjectEntry>,
    pub(super) repositories: IndexMap<RepositoryName, RepositoryEntry>,
    pub(super) access_tests: Vec<AccessTest>,
    pub(super) private: IndexMap<String, Spanned<String>>,
}

impl Instance {
    /// Returns the file, where there is one.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// Returns the lab's random id, by which its state is kept.
    pub fn id(&self) -> Option<&str> {
        self.id.as_ref().map(|id| id.value().as_str())
    }

    /// Returns the machines, in the order of the file.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = &Host> {
        self.hosts.values()
    }

    /// Returns the machine of this name.
    pub fn host(&self, name: &HostName) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// Returns the tailnet, where one is declared.
    pub fn tailnet(&self) -> Option<&Tailnet> {
        self.tailnet.as_ref()
    }

    /// Returns whether an address is one of the tailnet: in its declared prefixes, else in those that Tailscale gives
    /// every tailnet.
    pub fn is_tailnet_address(&self, address: IpAddr) -> bool {
        match &self.tailnet {
            Some(tailnet) => tailnet.contains(address),
            None => Tailnet::default_prefixes()
                .iter()
                .any(|prefix| prefix.contains(&address)),
        }
    }

    /// Returns the devices and people of the tailnet that the file declares. Devices that nobody has declared are not in
    /// it: it is whole as far as the file is.
    pub fn roster(&self) -> Roster {
        let devices = self.tailnet.iter().flat_map(|tailnet| &tailnet.devices);
        let users = self.people.values().filter_map(|person| {
            let user = User::new(person.login()?);
            Some(match person.tailnet_role() {
                Some(role) => user.with_role(role),
                None => user,
            })
        });
        Roster::new(devices.map(|device| device.value().clone()), users)
    }

    /// Returns the people, by the name that the file gives them.
    pub fn people(&self) -> &IndexMap<String, Person> {
        &self.people
    }

    /// Returns what is said of single projects.
    pub fn projects(&self) -> &IndexMap<ProjectName, ProjectEntry> {
        &self.projects
    }

    /// Returns where copies are kept.
    pub fn repositories(&self) -> &IndexMap<RepositoryName, RepositoryEntry> {
        &self.repositories
    }

    /// Returns what else identifies the lab, by the name that the file gives it: a street, the number of a disk.
    pub fn private_values(&self) -> &IndexMap<String, Spanned<String>> {
        &self.private
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("hosts", &self.hosts.len())
            .field("people", &self.people.len())
            .field("projects", &self.projects.len())
            .field("repositories", &self.repositories.len())
            .finish_non_exhaustive()
    }
}

/// What kind of machine a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostKind {
    /// Any Linux machine at home.
    Linux,
    /// TrueNAS.
    TrueNas,
    /// Unraid.
    Unraid,
    /// A Synology NAS.
    Synology,
    /// Proxmox VE, or a guest of it.
    Proxmox,
    /// A rented machine in a data centre.
    Vps,
    /// A Mac.
    MacOs,
    /// A Windows machine.
    Windows,
}
words!(HostKind {
    Linux = "linux",
    TrueNas = "truenas",
    Unraid = "unraid",
    Synology = "synology",
    Proxmox = "proxmox",
    Vps = "vps",
    MacOs = "macos",
    Windows = "windows",
});

/// A machine of the lab: `[hosts.NAME]`.
#[derive(Clone)]
pub struct Host {
    pub(super) name: HostName,
    pub(super) span: Span,
    pub(super) kind: Option<Spanned<HostKind>>,
    pub(super) site: Option<Spanned<String>>,
    pub(super) addresses: Vec<Spanned<IpAddr>>,
    pub(super) interfaces: Vec<Interface>,
    pub(super) media: IndexMap<String, Vec<Spanned<String>>>,
    pub(super) public_addresses: Option<Vec<Spanned<IpAddr>>>,
    pub(super) forwards: Option<Vec<Forward>>,
    /// Whether all that is written of the forwards was understood.
    pub(super) forwards_understood: bool,
    pub(super) engine: Option<EngineEntry>,
}

impl Host {
    /// Returns its name.
    pub fn name(&self) -> &HostName {
        &self.name
    }

    /// Returns where it is declared.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns what kind of machine it is.
    pub fn kind(&self) -> Option<HostKind> {
        self.kind.as_ref().map(|kind| *kind.value())
    }

    /// Returns where it stands: `home`.
    pub fn site(&self) -> Option<&str> {
        self.site.as_ref().map(|site| site.value().as_str())
    }

    /// Returns its addresses in the local network and the tailnet, those of its interfaces not included.
    pub fn addresses(&self) -> &[Spanned<IpAddr>] {
        &self.addresses
    }

    /// Returns its network interfaces.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Returns its physical disks and pools by their names, each with the paths that lie on it.
    pub fn media(&self) -> &IndexMap<String, Vec<Spanned<String>>> {
        &self.media
    }

    /// Returns the disk or pool that a path lies on: that of the longest path that holds it. None means that nobody has
    /// said.
    pub fn medium_of(&self, path: &str) -> Option<&str> {
        let holds = |outer: &str| std::path::Path::new(path).starts_with(outer);
        let said = self.media.iter().flat_map(|(name, paths)| {
            paths
                .iter()
                .map(move |outer| (name.as_str(), outer.value().as_str()))
        });
        said.filter(|(_, outer)| holds(outer))
            .max_by_key(|(_, outer)| outer.trim_end_matches('/').len())
            .map(|(name, _)| name)
    }

    /// Returns the interface that has this address.
    pub fn interface_of(&self, address: IpAddr) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| {
            interface
                .addresses
                .iter()
                .any(|own| own.value().addr() == address)
        })
    }

    /// Returns the addresses by which the internet reaches it. None means that nobody has said; an empty list, that
    /// it has none.
    pub fn public_addresses(&self) -> Option<&[Spanned<IpAddr>]> {
        self.public_addresses.as_deref()
    }

    /// Returns what routers forward to it. None means that nobody has said; an empty list, that there is nothing.
    pub fn forwards(&self) -> Option<&[Forward]> {
        self.forwards.as_deref()
    }

    /// Returns how its engine is reached, where the file says.
    pub fn engine(&self) -> Option<&EngineEntry> {
        self.engine.as_ref()
    }

    /// Returns whether all that is written of the forwards was understood: with an unknown key or an unreadable value
    /// among them there may be others than those of [`forwards`](Self::forwards).
    pub(crate) fn forwards_understood(&self) -> bool {
        self.forwards_understood
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("name", &self.name)
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// A network interface of a machine: `interfaces.eth0`.
#[derive(Clone, PartialEq, Eq)]
pub struct Interface {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) addresses: Vec<Spanned<IpNet>>,
    pub(super) zone: Option<Spanned<Reach>>,
}

impl Interface {
    /// Returns its name: `eth0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where it is written.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns its addresses with their networks; one written without a prefix length is a network of its own.
    pub fn addresses(&self) -> &[Spanned<IpNet>] {
        &self.addresses
    }

    /// Returns who is on the other side, where the file says.
    pub fn zone(&self) -> Option<Reach> {
        self.zone.as_ref().map(|zone| *zone.value())
    }
}

impl std::fmt::Debug for Interface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interface")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The first and last of some ports; one port is both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortRange {
    pub(super) first: u16,
    pub(super) last: u16,
}

impl PortRange {
    /// Returns the first port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// Returns the last port.
    pub fn last(self) -> u16 {
        self.last
    }

    /// Returns whether a port is among them.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl std::fmt::Display for PortRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// What a router forwards from the internet to a machine: `[[hosts.NAME.forwards]]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Forward {
    pub(super) span: Span,
    pub(super) port: Spanned<PortRange>,
    pub(super) target: Option<Spanned<u16>>,
    pub(super) protocols: Vec<Protocol>,
    pub(super) reason: Option<Spanned<String>>,
}

impl Forward {
    /// Returns where it is written.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns the ports on the router's public address.
    pub fn port(&self) -> PortRange {
        *self.port.value()
    }

    /// Returns the ports of the machine: the first is `target` where that is written, else the same ones.
    pub fn target(&self) -> PortRange {
        let outer = self.port();
        match &self.target {
            Some(target) => PortRange {
                first: *target.value(),
                last: target.value().saturating_add(outer.last - outer.first),
            },
            None => outer,
        }
    }

    /// Returns the protocols; TCP where nothing is written.
    pub fn protocols(&self) -> &[Protocol] {
        &self.protocols
    }

    /// Returns why it is there.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_ref().map(|reason| reason.value().as_str())
    }
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Forward({} to {})", self.port(), self.target())
    }
}

/// The private network over everything: `[tailnet]`.
#[derive(Clone)]
pub struct Tailnet {
    pub(super) span: Span,
    pub(super) name: Option<Spanned<String>>,
    pub(super) suffix: Option<Spanned<String>>,
    pub(super) prefixes: Vec<Spanned<IpNet>>,
    pub(super) policy: Option<Spanned<String>>,
    pub(super) devices: Vec<Spanned<Device>>,
}

impl Tailnet {
    /// Returns the prefixes that every tailnet has.
    pub fn default_prefixes() -> [IpNet; 2] {
        // The shared address space of RFC 6598, and the ULA prefix that Tailscale chose.
        [
            IpNet::new_assert(IpAddr::from([100, 64, 0, 0]), 10),
            IpNet::new_assert(IpAddr::from([0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, 0, 0]), 48),
        ]
    }

    /// Returns where it is declared.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns its name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|name| name.value().as_str())
    }

    /// Returns the end of its MagicDNS names: `tail1234.ts.net`.
    pub fn suffix(&self) -> Option<&str> {
        self.suffix.as_ref().map(|suffix| suffix.value().as_str())
    }

    /// Returns its prefixes, where they are declared.
    pub fn prefixes(&self) -> &[Spanned<IpNet>] {
        &self.prefixes
    }

    /// Returns the policy file, relative to the lab's folder.
    pub fn policy(&self) -> Option<&Spanned<String>> {
        self.policy.as_ref()
    }

    /// Returns its devices, where they are declared, in the order of the file.
    pub fn devices(&self) -> &[Spanned<Device>] {
        &self.devices
    }

    /// Returns whether an address is one of it: in its declared prefixes, else in those that every tailnet has.
    pub fn contains(&self, address: IpAddr) -> bool {
        if self.prefixes.is_empty() {
            Tailnet::default_prefixes()
                .iter()
                .any(|prefix| prefix.contains(&address))
        } else {
            self.prefixes
                .iter()
                .any(|prefix| prefix.value().contains(&address))
        }
    }
}

impl std::fmt::Debug for Tailnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tailnet").finish_non_exhaustive()
    }
}

/// What is said of one project: `[projects.NAME]`.
#[derive(Clone, Debug)]
pub struct ProjectEntry {
    pub(super) name: ProjectName,
    pub(super) span: Span,
    pub(super) hosts: Vec<Spanned<HostName>>,
}

impl ProjectEntry {
    /// Returns the project's name.
    pub fn name(&self) -> &ProjectName {
        &self.name
    }

    /// Returns where it is declared.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns the machines that run it.
    pub fn hosts(&self) -> &[Spanned<HostName>] {
        &self.hosts
    }
}
