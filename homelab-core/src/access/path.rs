//! One way to a service: [`Path`], what guards it, and what about it is not known.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::compose::Protocol;
use crate::finding::Evidence;
use crate::lab::Unsaid;
use crate::view::{EvidenceView, PathView, PlaceView, Reach};

/// Which kind of way a [`Path`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathKind {
    /// From containers that share a network with it, and from the machine itself.
    ContainerNetwork,
    /// A port that the engine publishes on the machine.
    PublishedPort,
    /// The machine's own network, which the container uses as its own.
    HostNetwork,
    /// An address of its own on the local network: macvlan or ipvlan.
    OwnAddress,
    /// A port that the router forwards to the machine.
    RouterForward,
    /// The network of a container that is a device of the tailnet.
    TailnetNode,
    /// Tailscale Serve, or a proxy that makes a tailnet device of a service.
    Serve,
    /// Tailscale Funnel.
    Funnel,
    /// A route of a reverse proxy.
    Proxy,
    /// A tunnel through somebody else's machine, such as Cloudflare Tunnel.
    Tunnel,
    /// A tunnel under a random public name, opened without an account.
    QuickTunnel,
}

impl PathKind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [PathKind; 11] = [
        PathKind::ContainerNetwork,
        PathKind::PublishedPort,
        PathKind::HostNetwork,
        PathKind::OwnAddress,
        PathKind::RouterForward,
        PathKind::TailnetNode,
        PathKind::Serve,
        PathKind::Funnel,
        PathKind::Proxy,
        PathKind::Tunnel,
        PathKind::QuickTunnel,
    ];

    /// Returns the word for it, as in JSON: `published_port`.
    pub fn as_str(self) -> &'static str {
        match self {
            PathKind::ContainerNetwork => "container_network",
            PathKind::PublishedPort => "published_port",
            PathKind::HostNetwork => "host_network",
            PathKind::OwnAddress => "own_address",
            PathKind::RouterForward => "router_forward",
            PathKind::TailnetNode => "tailnet_node",
            PathKind::Serve => "serve",
            PathKind::Funnel => "funnel",
            PathKind::Proxy => "proxy",
            PathKind::Tunnel => "tunnel",
            PathKind::QuickTunnel => "quick_tunnel",
        }
    }
}

impl fmt::Display for PathKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of protection a [`Guard`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GuardKind {
    /// A password, a login page or another proof of identity.
    Auth,
    /// A limit on how often somebody may ask.
    RateLimit,
    /// A filter of requests: CrowdSec, Coraza and their like.
    Waf,
    /// A list of addresses or countries that may come in.
    AllowList,
    /// Something that is named and defined where this library cannot look.
    Unseen,
}

impl GuardKind {
    /// Returns the word for it, as lab.toml writes a mitigation: `rate-limit`.
    pub fn as_str(self) -> &'static str {
        match self {
            GuardKind::Auth => "auth",
            GuardKind::RateLimit => "rate-limit",
            GuardKind::Waf => "waf",
            GuardKind::AllowList => "allow-list",
            GuardKind::Unseen => "unseen",
        }
    }
}

/// What stands on a path before the service: a middleware of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    kind: GuardKind,
    name: String,
    evidence: Evidence,
    /// Whether it lets nobody in but devices of the tailnet.
    only_tailnet: bool,
    /// The addresses of clients that an allow-list lets in, where all of it was read.
    clients: Option<Vec<IpNet>>,
    /// Whether it lets in private addresses only, which is the local network where nobody else stands in between.
    only_private: bool,
}

impl Guard {
    pub(super) fn new(kind: GuardKind, name: impl Into<String>, evidence: Evidence) -> Self {
        Guard {
            kind,
            name: name.into(),
            evidence,
            only_tailnet: false,
            clients: None,
            only_private: false,
        }
    }

    /// Sets the addresses of clients that it lets in.
    pub(super) fn with_clients(mut self, clients: Option<Vec<IpNet>>) -> Self {
        self.clients = clients;
        self
    }

    /// Returns the addresses of clients that it lets in; nothing where they are not known, or it is no allow-list.
    pub(crate) fn clients(&self) -> Option<&[IpNet]> {
        self.clients.as_deref()
    }

    pub(super) fn only_tailnet(mut self, only: bool) -> Self {
        self.only_tailnet = only;
        self
    }

    pub(super) fn only_private(mut self, only: bool) -> Self {
        self.only_private = only;
        self
    }

    /// Returns what kind of protection it is.
    pub fn kind(&self) -> GuardKind {
        self.kind
    }

    /// Returns what the configuration calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where it is configured.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind.as_str(), self.name)
    }
}

/// What kind of thing is not known about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnknownKind {
    /// What the machine's interfaces mean: whether it has a public address or a forward.
    Host,
    /// Which routes a tunnel, proxy or Serve configuration has.
    Routes,
    /// Something that is named and not in the lab: a container, a network, a proxy.
    Missing,
    /// Which port a program listens on.
    Port,
}

/// Something that is not known, and widens what a path could be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unknown {
    kind: UnknownKind,
    text: String,
}

impl Unknown {
    /// Takes out what may not be said.
    pub(super) fn clear(&mut self, unsaid: &Unsaid) {
        unsaid.clear(&mut self.text);
    }

    pub(super) fn new(kind: UnknownKind, text: impl Into<String>) -> Self {
        Unknown {
            kind,
            text: text.into(),
        }
    }

    /// Returns what kind of thing is not known.
    pub fn kind(&self) -> UnknownKind {
        self.kind
    }

    /// Returns what is not known, as a fragment without a full stop.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Which device of the tailnet a [`Door`] is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DoorOf {
    /// The machine that the service runs on.
    Machine,
    /// The one that has this address.
    Address(IpAddr),
    /// A container's own device, by its name.
    Device(String),
    /// A service of the tailnet, by its name with `svc:`: at addresses of its own, on whichever device hosts it.
    Service(String),
    /// Some address of this network.
    Network(IpNet),
}

/// A port on which a path begins, where whoever comes from the tailnet meets its policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    pub(crate) of: DoorOf,
    /// The first and last port; none where nobody knows which.
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) protocol: Protocol,
    /// What a browser finds there, where the way itself says so.
    pub(crate) page: Option<Page>,
}

/// Web pages behind a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Whether the port speaks TLS.
    pub(crate) tls: bool,
    /// Below which path they are: `/`.
    pub(crate) mount: String,
}

/// One way by which a service can be reached, and what shows it.
///
/// Invariants: `at_most` is never narrower than `zone`, and where it is wider there is at least one [`Unknown`]
/// that says why. A `zone` of [`Reach::None`] is a way that nobody is known to have.
#[derive(Clone, PartialEq, Eq)]
pub struct Path {
    pub(super) kind: PathKind,
    pub(super) zone: Reach,
    pub(super) at_most: Reach,
    pub(super) zones: Zones,
    /// The first and last port in the container.
    pub(super) ports: Option<(u16, u16)>,
    pub(super) protocol: Protocol,
    pub(super) label: String,
    pub(super) names: Vec<String>,
    pub(super) guards: Vec<Guard>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) unknowns: Vec<Unknown>,
    /// Whether it leads to the administration of a proxy rather than to what the proxy serves.
    pub(super) admin: bool,
    pub(super) from_afar: bool, // Its proxy is on another machine.
    /// Where it begins for those who come by the tailnet.
    pub(super) doors: Vec<Door>,
}

impl Path {
    /// Takes out of all its texts what may not be said.
    pub(super) fn clear(&mut self, unsaid: &Unsaid) {
        unsaid.clear(&mut self.label);
        self.names.iter_mut().for_each(|name| unsaid.clear(name));
        for guard in &mut self.guards {
            unsaid.clear(&mut guard.name);
            unsaid.clear_evidence(&mut guard.evidence);
        }
        self.evidence
            .iter_mut()
            .for_each(|evidence| unsaid.clear_evidence(evidence));
        self.unknowns.iter_mut().for_each(|unknown| unknown.clear(unsaid));
    }

    pub(crate) fn new(kind: PathKind, zone: Reach, label: impl Into<String>) -> Self {
        Path {
            kind,
            zone,
            at_most: zone,
            zones: Zones::up_to(zone),
            ports: None,
            protocol: Protocol::Tcp,
            label: label.into(),
            names: Vec::new(),
            guards: Vec::new(),
            evidence: Vec::new(),
            unknowns: Vec::new(),
            admin: false,
            from_afar: false,
            doors: Vec::new(),
        }
    }

    pub(super) fn on(mut self, port: Option<u16>, protocol: Protocol) -> Self {
        self.ports = port.map(|port| (port, port));
        self.protocol = protocol;
        self
    }

    pub(super) fn on_range(mut self, ports: (u16, u16), protocol: Protocol) -> Self {
        self.ports = Some(ports);
        self.protocol = protocol;
        self
    }

    /// Adds ports on which it begins.
    pub(super) fn by(mut self, doors: impl IntoIterator<Item = Door>) -> Self {
        for door in doors {
            if !self.doors.contains(&door) {
                self.doors.push(door);
            }
        }
        self
    }

    pub(super) fn with(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    pub(super) fn with_all(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        for one in evidence {
            if !self.evidence.contains(&one) {
                self.evidence.push(one);
            }
        }
        self
    }

    /// Widens what it could be, and says why.
    pub(super) fn widen(mut self, at_most: Reach, why: Unknown) -> Self {
        if at_most > self.zone {
            self.at_most = self.at_most.max(at_most);
            if !self.unknowns.contains(&why) {
                self.unknowns.push(why);
            }
        }
        self
    }

    /// Takes back what is known of it to a narrower zone, and says why it could still be as wide.
    pub(super) fn doubt(&mut self, zone: Reach, why: Unknown) {
        if self.zone > zone {
            self.zone = zone;
            self.zones = Zones::up_to(zone);
            self.unknowns.push(why);
        }
    }

    /// Narrows it to those whom its guards let in; `is_direct` says that they come to the proxy itself.
    ///
    /// Private addresses are those of the local network only as far as is known: behind a tunnel, another proxy or the
    /// engine's own address translation, everybody has one.
    pub(super) fn narrow(&mut self, is_direct: bool) {
        if self.at_most > Reach::Tailnet && self.guards.iter().any(|guard| guard.only_tailnet) {
            self.at_most = Reach::Tailnet;
            if self.zone >= Reach::Tailnet {
                self.zone = Reach::Tailnet;
                self.zones = Zones::up_to(Reach::Tailnet);
                self.unknowns.clear();
            }
            return;
        }
        if is_direct && self.zone > Reach::Lan && self.guards.iter().any(|guard| guard.only_private) {
            self.zone = Reach::Lan;
            self.zones = Zones::up_to(Reach::Lan);
            let why = "whether the proxy sees the addresses of its clients: behind the engine's own translation all of \
                       them may look private";
            self.unknowns.push(Unknown::new(UnknownKind::Routes, why));
        }
    }

    /// Returns which kind of way it is.
    pub fn kind(&self) -> PathKind {
        self.kind
    }

    /// Returns the widest zone that is known to come in by it.
    pub fn zone(&self) -> Reach {
        self.zone
    }

    /// Returns the widest zone that could come in by it.
    pub fn at_most(&self) -> Reach {
        self.at_most
    }

    /// Returns the port in the container that it leads to, where that is known; of several, the first.
    pub fn port(&self) -> Option<u16> {
        self.ports.map(|(first, _)| first)
    }

    /// Returns the first and last port in the container that it leads to, where they are known.
    pub fn ports(&self) -> Option<(u16, u16)> {
        self.ports
    }

    /// Returns whether it is known to lead to this port in the container.
    pub fn leads_to(&self, port: u16) -> bool {
        self.ports
            .is_some_and(|(first, last)| (first..=last).contains(&port))
    }

    /// Returns the protocol of the port.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Returns the way in words: `0.0.0.0:2283 -> 2283/tcp`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns the names under which a proxy or tunnel offers the service.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns what stands on it before the service.
    pub fn guards(&self) -> &[Guard] {
        &self.guards
    }

    /// Returns what it stands on.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// Returns what is not known about it.
    pub fn unknowns(&self) -> &[Unknown] {
        &self.unknowns
    }

    /// Returns the ports on which it begins for those who come by the tailnet.
    pub(crate) fn doors(&self) -> &[Door] {
        &self.doors
    }

    /// Returns whether a guard of this kind stands on it.
    pub fn is_guarded_by(&self, kind: GuardKind) -> bool {
        self.guards.iter().any(|guard| guard.kind == kind)
    }

    /// Returns whether it goes straight to the service, past every proxy.
    pub fn is_direct(&self) -> bool {
        matches!(
            self.kind,
            PathKind::PublishedPort | PathKind::HostNetwork | PathKind::OwnAddress | PathKind::RouterForward
        )
    }

    /// Returns the path as plain data.
    pub fn view(&self) -> PathView {
        PathView {
            kind: self.kind.as_str().to_owned(),
            zone: self.zone,
            at_most: self.at_most,
            label: self.label.clone(),
            guards: self.guards.iter().map(ToString::to_string).collect(),
            evidence: self.evidence.iter().map(evidence_view).collect(),
        }
    }
}

/// One line: `lan, at most internet: published_port 8080 -> 80/tcp [auth (login)]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.zone.as_str())?;
        if self.at_most > self.zone {
            write!(f, ", at most {}", self.at_most)?;
        }
        write!(f, ": {} {}", self.kind, self.label)?;
        for guard in &self.guards {
            write!(f, " [{guard}]")?;
        }
        Ok(())
    }
}

/// Shows no address and no name: they are private.
impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Path")
            .field("kind", &self.kind)
            .field("zone", &self.zone)
            .field("at_most", &self.at_most)
            .finish_non_exhaustive()
    }
}

fn evidence_view(evidence: &Evidence) -> EvidenceView {
    EvidenceView {
        text: evidence.text().to_owned(),
        place: evidence.place().map(place_view),
    }
}

pub(super) fn place_view(span: &crate::span::Span) -> PlaceView {
    let (line, column) = span.source().line_column(span.start());
    PlaceView {
        file: span.source().name().to_owned(),
        line,
        column,
    }
}

/// A set of zones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Zones(u8);

impl Zones {
    /// The zones that come in where the widest is this one. The tailnet is not part of a wider zone: whether the
    /// machine is a device of it is another fact.
    pub(super) fn up_to(reach: Reach) -> Self {
        let mut zones = Zones::default();
        for zone in Reach::ALL {
            if zone != Reach::None && zone <= reach && (zone != Reach::Tailnet || reach == Reach::Tailnet) {
                zones = zones.and(zone);
            }
        }
        zones
    }

    pub(super) fn and(self, zone: Reach) -> Self {
        Zones(self.0 | (1 << zone as u8))
    }

    pub(super) fn union(self, other: Zones) -> Self {
        Zones(self.0 | other.0)
    }

    pub(super) fn to_vec(self) -> Vec<Reach> {
        Reach::ALL
            .into_iter()
            .filter(|&zone| self.0 & (1 << zone as u8) != 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_word() {
        let mut words: Vec<_> = PathKind::ALL.iter().map(|kind| kind.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), PathKind::ALL.len());
    }

    #[test]
    fn widening_never_narrows_and_always_says_why() {
        let why = Unknown::new(UnknownKind::Host, "no instance");
        let path = Path::new(PathKind::PublishedPort, Reach::Lan, "x").widen(Reach::Tailnet, why.clone());
        assert_eq!((path.at_most(), path.unknowns().len()), (Reach::Lan, 0));
        let path = path
            .widen(Reach::Internet, why.clone())
            .widen(Reach::Internet, why);
        assert_eq!((path.at_most(), path.unknowns().len()), (Reach::Internet, 1));
        assert_eq!(path.to_string(), "lan, at most internet: published_port x");
    }

    #[test]
    fn the_tailnet_is_no_part_of_the_local_network() {
        assert_eq!(Zones::up_to(Reach::Lan).to_vec(), [Reach::Host, Reach::Lan]);
        assert_eq!(
            Zones::up_to(Reach::Tailnet).to_vec(),
            [Reach::Host, Reach::Tailnet]
        );
        assert_eq!(Zones::up_to(Reach::None).to_vec(), []);
    }
}
