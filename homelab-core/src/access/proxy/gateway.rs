//! A proxy that others ask for routes, and what they ask for.

use super::Flavour;
use crate::access::path::{Guard, Path};
use crate::access::topology::NodeIndex;
use crate::compose::Protocol;
use crate::finding::Evidence;

/// A proxy that takes its routes from the labels or environment of others.
pub(in crate::access) struct Gateway {
    pub(in crate::access) node: NodeIndex,
    pub(in crate::access) flavour: Flavour,
    /// Where it listens; none where that cannot be seen.
    pub(in crate::access) entries: Option<Vec<EntryPoint>>,
    /// Shows that it leads to every container around it unless told otherwise.
    pub(in crate::access) by_default: Option<Evidence>,
    /// Whether the entry points above are surely all that it has.
    pub(in crate::access) complete: bool,
    /// Whether it leads only to those who say that it shall.
    pub(in crate::access) only_enabled: bool,
    /// Whether it reads the labels of Swarm services.
    pub(in crate::access) reads_swarm: bool,
    /// Shows that it may have routes that are kept where this library cannot look.
    pub(in crate::access) unseen: Option<Evidence>,
    /// Shows that its administration asks for no password, and on which port it is.
    pub(in crate::access) insecure_admin: Option<(u16, Evidence)>,
    /// Shows that its certificates need a port that the internet can reach.
    pub(in crate::access) public_challenge: Option<(u16, Evidence)>,
    /// The routes of its own files, each with the service that it leads to.
    pub(in crate::access) from_files: Vec<(NodeIndex, Route)>,
}

/// A port on which a proxy listens, under the name that routes call it by.
pub(in crate::access) struct EntryPoint {
    pub(in crate::access) name: String,
    pub(in crate::access) port: u16,
    pub(in crate::access) protocol: Protocol,
    pub(in crate::access) guards: Vec<Guard>,
    /// Whether a route that names no entry point uses it.
    pub(in crate::access) default: bool,
}

/// Through which of a proxy's ports a route can be used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::access) enum Entry {
    Default,
    Named(Vec<String>),
    Ports(Vec<u16>),
}

/// Whether a route leads to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::access) enum Lead {
    Here,
    /// Another one of the same network may be meant.
    Perhaps,
    /// To others only: the service asks for it.
    Elsewhere,
}

/// A route that a service asks for.
#[derive(Clone)]
pub(in crate::access) struct Route {
    pub(in crate::access) flavour: Flavour,
    pub(in crate::access) entry: Entry,
    /// The port in the service's container, where it is written.
    pub(in crate::access) port: Option<u16>,
    pub(in crate::access) names: Vec<String>,
    pub(in crate::access) guards: Vec<Guard>,
    pub(in crate::access) evidence: Evidence,
    /// Whether it leads to the proxy's own administration.
    pub(in crate::access) admin: bool,
    /// Whether the service says that the proxy shall lead to it.
    pub(in crate::access) enabled: bool,
    /// Whether it is a label of a Swarm service, which a proxy must be told to read.
    pub(in crate::access) in_swarm: bool,
    /// Where it leads by its own word: a host, as the proxy knows it, and a port.
    pub(in crate::access) upstream: Option<(String, u16)>,
    /// Whether it leads to the service that it stands with.
    pub(in crate::access) lead: Lead,
    /// The proxy that has it in its own files: no other one leads there, and this one does wherever it is.
    pub(in crate::access) by: Option<NodeIndex>,
}

impl Gateway {
    /// Whether it does not lead to where a route asks it to.
    pub(in crate::access) fn passes_over(&self, route: &Route) -> bool {
        (self.only_enabled && !route.enabled) || (route.in_swarm && !self.reads_swarm)
    }

    /// Returns the guards of the entry point by which a path and a route meet; nothing where they do not.
    pub(in crate::access) fn lets_in(&self, path: &Path, entry: &Entry) -> Option<&[Guard]> {
        if path.ports().is_none() {
            return Some(&[]);
        }
        if let Entry::Ports(ports) = entry {
            return ports.iter().any(|&port| path.leads_to(port)).then_some(&[]);
        }
        let Some(entries) = &self.entries else {
            return path
                .port()
                .is_some_and(|port| self.guess(port, entry))
                .then_some(&[]);
        };
        let named = |point: &EntryPoint| match entry {
            Entry::Named(names) => names.iter().any(|name| name.eq_ignore_ascii_case(&point.name)),
            _ => point.default,
        };
        entries
            .iter()
            .filter(|point| named(point))
            .find(|point| path.leads_to(point.port) && point.protocol == path.protocol)
            .map(|point| point.guards.as_slice())
    }

    /// Returns the name of the entry point that a route asks for, where none of those that it asks for is declared: no
    /// request can come by such a route.
    pub(in crate::access) fn undeclared<'a>(&self, entry: &'a Entry) -> Option<&'a str> {
        let (Some(entries), Entry::Named(names)) = (&self.entries, entry) else {
            return None;
        };
        let is_declared = |name: &String| entries.iter().any(|point| point.name.eq_ignore_ascii_case(name));
        match names.iter().any(is_declared) {
            true => None,
            false => names.first().map(String::as_str),
        }
    }

    /// Whether a port is that of an entry point whose declaration cannot be seen, by the names that everybody uses.
    fn guess(&self, port: u16, entry: &Entry) -> bool {
        const ADMIN: u16 = 8080;
        let Entry::Named(names) = entry else {
            return port != ADMIN;
        };
        names.iter().any(|name| match name.as_str() {
            "web" | "http" => matches!(port, 80 | 8000),
            "websecure" | "https" | "web-secure" => matches!(port, 443 | 8443),
            _ => port != ADMIN,
        })
    }
}
