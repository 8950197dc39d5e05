//! Where a route leads that a service's labels ask for: to the service itself, to those who use its network, or to where
//! the labels say.

use super::file::NOBODY;
use super::{Entry, Flavour, Lead, Place, Proxies, Route, UnseenProxy, traefik};
use crate::access::path::{Path, Unknown, UnknownKind};
use crate::access::topology::{Listener, Namespace, NodeIndex, Topology};
use crate::compose::Protocol;

impl Proxies {
    /// Takes in a route that the labels of a service ask for.
    pub(super) fn ask(&mut self, topology: &Topology<'_>, owner: NodeIndex, mut route: Route) {
        if route.upstream.is_some() {
            self.named.push((owner, route.clone()));
            route.lead = Lead::Elsewhere;
        } else if !route.admin
            && matches!(topology.nodes[owner].namespace, Namespace::Own | Namespace::Host)
            && !topology.nodes[owner].guests.is_empty()
        {
            let listeners = match route.port {
                Some(port) => topology.listeners(owner, port, Protocol::Tcp),
                None => {
                    let sure = |node| Listener {
                        node,
                        port: 0,
                        sure: node == owner,
                    };
                    topology.namespace_members(owner).map(sure).collect()
                }
            };
            route.lead = Lead::Elsewhere;
            for listener in listeners {
                let mut led = route.clone();
                led.lead = Lead::to(listener);
                if listener.node == owner {
                    route = led;
                } else {
                    self.dynamic_routes.entry(listener.node).or_default().push(led);
                }
            }
        }
        self.routes[owner].push(route);
    }

    /// Leads the routes that say where to, which the proxy looks up as it would one of its own files.
    pub(super) fn pass_on(&mut self, topology: &Topology<'_>) {
        for (owner, route) in std::mem::take(&mut self.named) {
            let Some((host, port)) = &route.upstream else {
                continue;
            };
            let readers = self.readers(topology, owner, route.flavour, &route);
            let places: Vec<(NodeIndex, Option<NodeIndex>)> = match readers.as_slice() {
                [] => vec![(owner, None)],
                readers => readers.iter().map(|&proxy| (proxy, Some(proxy))).collect(),
            };
            for (from, by) in places {
                let targets = topology.resolve(from, host, *port);
                if targets.is_empty() && !topology.is_elsewhere(from, host) && by.is_some() {
                    self.unseen.push(UnseenProxy {
                        node: from,
                        what: NOBODY,
                        admin_port: None,
                        evidence: route.evidence.clone(),
                    });
                }
                for target in targets
                    .into_iter()
                    .filter(|target| target.node != from || by.is_none())
                {
                    let mut led = route.clone();
                    led.upstream = None;
                    led.by = by;
                    led.port = Some(target.port);
                    led.lead = Lead::to(target);
                    self.dynamic_routes.entry(target.node).or_default().push(led);
                }
            }
        }
    }

    /// Adds the routes that a proxy makes without being asked, to those of whose ports it surely knows one.
    pub(super) fn by_default(&mut self, topology: &Topology<'_>) {
        for gateway in &self.gateways {
            let Some(evidence) = &gateway.by_default else {
                continue;
            };
            let proxy = &topology.nodes[gateway.node];
            for (index, node) in topology.nodes.iter().enumerate() {
                let shares = proxy.namespace == Namespace::Host
                    || topology
                        .nets_of(index)
                        .iter()
                        .any(|net| topology.nets_of(gateway.node).contains(net));
                let is_asked = self.routes[index]
                    .iter()
                    .any(|route| route.flavour == gateway.flavour);
                let is_other = index != gateway.node && node.machine == proxy.machine;
                if !is_other
                    || !shares
                    || is_asked
                    || node.namespace != Namespace::Own
                    || traefik::opts_out(node)
                {
                    continue;
                }
                let Some(port) = traefik::exposed(node) else {
                    continue;
                };
                self.routes[index].push(Route {
                    flavour: gateway.flavour,
                    entry: Entry::Default,
                    port: Some(port),
                    names: Vec::new(),
                    guards: Vec::new(),
                    evidence: evidence.clone(),
                    admin: false,
                    enabled: false,
                    in_swarm: false,
                    upstream: None,
                    lead: Lead::Here,
                    by: Some(gateway.node),
                });
            }
        }
    }

    /// Returns the proxies of a service's machine that read its labels and do as this route asks.
    fn readers(
        &self,
        topology: &Topology<'_>,
        owner: NodeIndex,
        flavour: Flavour,
        route: &Route,
    ) -> Vec<NodeIndex> {
        let machine = topology.nodes[owner].machine;
        let gateways = self.places.get(&(Place::Machine(machine), flavour));
        let gateways = gateways.into_iter().flatten().map(|&index| &self.gateways[index]);
        gateways
            .filter(|gateway| !gateway.passes_over(route))
            .map(|gateway| gateway.node)
            .collect()
    }
}

impl Lead {
    fn to(listener: Listener) -> Self {
        if listener.sure { Lead::Here } else { Lead::Perhaps }
    }

    /// Returns a path by the route as one to the service that it was given to.
    pub(super) fn path(self, node: NodeIndex, port: Option<u16>, path: Path) -> Path {
        match (self, port) {
            (Lead::Here | Lead::Elsewhere, _) => path,
            (Lead::Perhaps, Some(port)) => Listener {
                node,
                port,
                sure: false,
            }
            .path(path),
            (Lead::Perhaps, None) => {
                let why = "whether it is the one that answers, for the route names no port";
                path.unsure(Unknown::new(UnknownKind::Port, why))
            }
        }
    }
}
