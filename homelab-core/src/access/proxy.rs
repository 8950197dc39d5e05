//! Reverse proxies: whoever reaches the proxy's port reaches what the proxy leads to, past the proxy's guards.

pub(super) mod caddy;
pub(super) mod clients;
mod config;
mod dynamic;
pub(super) mod file;
mod flags;
mod gateway;
mod ingress;
mod lead;
pub(super) mod middleware;
pub(super) mod nginx;
pub(super) mod traefik;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

pub(super) use gateway::{Entry, EntryPoint, Gateway, Lead, Route};
use ingress::{Ingress, add_guards, merge};

use super::files::Files;
use super::path::{Guard, Path, PathKind, Unknown, UnknownKind};
use super::spread::{Source, Spreads};
use super::topology::{Listener, Namespace, NetIndex, NodeIndex, Topology};
use crate::compose::Protocol;
use crate::finding::Evidence;
use crate::view::Reach;

/// Which family of proxies reads a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Flavour {
    Traefik,
    Caddy,
    NginxProxy,
}

impl Flavour {
    pub(super) fn name(self) -> &'static str {
        match self {
            Flavour::Traefik => "Traefik",
            Flavour::Caddy => "caddy-docker-proxy",
            Flavour::NginxProxy => "nginx-proxy",
        }
    }
}

/// A route out of a proxy's configuration file.
struct FileRoute {
    proxy: NodeIndex,
    target: Listener,
    evidence: Evidence,
    guards: Vec<Guard>,
}

/// A proxy whose routes are kept where this library cannot look.
struct UnseenProxy {
    node: NodeIndex,
    what: &'static str,
    /// The port of its administration, which leads to no service.
    admin_port: Option<u16>,
    evidence: Evidence,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    Net(NetIndex),
    /// Proxies on the machine's own network: they reach every bridge of it.
    OnHost(usize),
    /// Every proxy of the machine.
    Machine(usize),
    /// One proxy, for the routes of its own files.
    Itself(NodeIndex),
}

/// Every proxy of the lab and every route that anybody asks for.
pub(super) struct Proxies {
    pub(super) gateways: Vec<Gateway>,
    /// By service.
    pub(super) routes: Vec<Vec<Route>>,
    places: HashMap<(Place, Flavour), Vec<usize>>,
    file_routes: BTreeMap<NodeIndex, Vec<FileRoute>>,
    /// The routes that the files of a gateway ask for, by service.
    dynamic_routes: BTreeMap<NodeIndex, Vec<Route>>,
    /// Routes that say where they lead, by the service whose labels they are.
    named: Vec<(NodeIndex, Route)>,
    unseen: Vec<UnseenProxy>,
    ways_in: Vec<NodeIndex>,
}

type Cache = HashMap<(Place, Flavour, Entry, bool, bool), Rc<Vec<Ingress>>>;

impl Proxies {
    pub(super) fn new(topology: &Topology<'_>, files: &Files<'_>) -> Self {
        let middlewares = middleware::Middlewares::new(topology);
        let mut proxies = Proxies {
            gateways: Vec::new(),
            routes: vec![Vec::new(); topology.nodes.len()],
            places: HashMap::new(),
            file_routes: BTreeMap::new(),
            dynamic_routes: BTreeMap::new(),
            named: Vec::new(),
            unseen: Vec::new(),
            ways_in: Vec::new(),
        };
        for index in 0..topology.nodes.len() {
            let mut routes = traefik::routes(topology, index, &middlewares);
            routes.extend(caddy::routes(topology, index));
            routes.extend(nginx::routes(&topology.nodes[index]));
            for route in routes {
                proxies.ask(topology, index, route);
            }
            let gateway = traefik::gateway(topology, index, files, &middlewares)
                .or_else(|| caddy::gateway(topology, index))
                .or_else(|| nginx::gateway(topology, index));
            match gateway {
                Some(gateway) => proxies.add(topology, gateway),
                None => proxies.add_file_proxy(topology, files, index),
            }
        }
        proxies.pass_on(topology);
        proxies.by_default(topology);
        proxies.ways_in.sort_unstable();
        proxies.ways_in.dedup();
        proxies
    }

    fn add(&mut self, topology: &Topology<'_>, mut gateway: Gateway) {
        for (target, route) in gateway.from_files.drain(..) {
            self.dynamic_routes.entry(target).or_default().push(route);
        }
        let index = self.gateways.len();
        let node = gateway.node;
        let machine = topology.nodes[node].machine;
        let mut places = vec![Place::Machine(machine), Place::Itself(node)];
        places.extend(topology.nets_of(node).iter().map(|&net| Place::Net(net)));
        if topology.nodes[node].namespace == Namespace::Host {
            places.push(Place::OnHost(machine));
        }
        for place in places {
            self.places
                .entry((place, gateway.flavour))
                .or_default()
                .push(index);
        }
        if let Some(evidence) = &gateway.unseen {
            self.unseen.push(UnseenProxy {
                node,
                what: "the routes in the files",
                admin_port: None,
                evidence: evidence.clone(),
            });
        }
        self.ways_in.push(node);
        self.gateways.push(gateway);
    }

    fn add_file_proxy(&mut self, topology: &Topology<'_>, files: &Files<'_>, index: NodeIndex) {
        let found = file::routes(topology, files, index);
        if found.unseen.is_some() || !found.routes.is_empty() {
            self.ways_in.push(index);
        }
        if let Some(unseen) = found.unseen {
            self.unseen.push(UnseenProxy {
                node: index,
                what: unseen.what,
                admin_port: unseen.admin_port,
                evidence: unseen.evidence,
            });
        }
        for lead in found.routes {
            if lead.target.node != index {
                let route = FileRoute {
                    proxy: index,
                    target: lead.target,
                    evidence: lead.evidence,
                    guards: lead.guards,
                };
                self.file_routes.entry(lead.target.node).or_default().push(route);
            }
        }
    }

    /// Returns every proxy.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeIndex> {
        self.ways_in.iter().copied()
    }

    /// Adds every path by a proxy. A proxy behind a proxy, or behind a tunnel, passes on what it gets: proxies are gone
    /// through again until nothing changes, at most a few times, for a chain that is longer than that is a ring.
    pub(super) fn paths(&self, topology: &Topology<'_>, paths: &mut [Vec<Path>]) {
        if self.ways_in.is_empty() && self.routes.iter().all(Vec::is_empty) {
            return;
        }
        let mut behind: HashMap<NodeIndex, Vec<Path>> = HashMap::new();
        let width = |paths: &[Path]| {
            let zone = paths.iter().map(|path| path.zone).max();
            (zone, paths.iter().map(|path| path.at_most).max(), paths.len())
        };
        for _ in 0..4 {
            let spreads = self.spreads(topology, paths, &behind);
            let mut cache = Cache::new();
            let mut next = HashMap::new();
            for &node in &self.ways_in {
                let found = self.paths_to(topology, node, paths, &behind, &spreads, &mut cache);
                next.insert(node, found);
            }
            let unchanged = self.ways_in.iter().all(|node| {
                let before = behind.get(node).map_or((None, None, 0), |paths| width(paths));
                before == next.get(node).map_or((None, None, 0), |paths| width(paths))
            });
            behind = next;
            if unchanged {
                break;
            }
        }
        let spreads = self.spreads(topology, paths, &behind);
        let mut cache = Cache::new();
        let found: Vec<Vec<Path>> = (0..topology.nodes.len())
            .map(|node| match behind.get(&node) {
                Some(found) => found.clone(),
                None => self.paths_to(topology, node, paths, &behind, &spreads, &mut cache),
            })
            .collect();
        for (paths, found) in paths.iter_mut().zip(found) {
            paths.extend(found);
        }
    }

    fn spreads(
        &self,
        topology: &Topology<'_>,
        paths: &[Vec<Path>],
        behind: &HashMap<NodeIndex, Vec<Path>>,
    ) -> Spreads {
        let mut spreads = Spreads::default();
        for proxy in &self.unseen {
            let at_most = into(paths, behind, proxy.node)
                .filter(|path| path.port().is_none() || path.port() != proxy.admin_port)
                .map(|path| path.at_most)
                .max();
            let source = Source {
                from: proxy.node,
                kind: PathKind::Proxy,
                at_most: at_most.unwrap_or(Reach::Host),
                what: proxy.what.to_owned(),
                evidence: proxy.evidence.clone(),
            };
            spreads.add(topology, &source);
        }
        for gateway in &self.gateways {
            if let Some(evidence) = &gateway.by_default {
                let at_most = into(paths, behind, gateway.node).map(|path| path.at_most).max();
                let source = Source {
                    from: gateway.node,
                    kind: PathKind::Proxy,
                    at_most: at_most.unwrap_or(Reach::Host),
                    what: "the routes by default to every container that exposes a port,".to_owned(),
                    evidence: evidence.clone(),
                };
                spreads.add(topology, &source);
            }
        }
        spreads
    }

    fn paths_to(
        &self,
        topology: &Topology<'_>,
        node: NodeIndex,
        paths: &[Vec<Path>],
        behind: &HashMap<NodeIndex, Vec<Path>>,
        spreads: &Spreads,
        cache: &mut Cache,
    ) -> Vec<Path> {
        let mut found = Vec::new();
        let by_files = self.dynamic_routes.get(&node).into_iter().flatten();
        for route in self.routes[node].iter().chain(by_files) {
            self.by_route(topology, node, route, paths, behind, cache, &mut found);
        }
        for route in self.file_routes.get(&node).into_iter().flatten() {
            let ingress = merge(
                into(paths, behind, route.proxy).map(|path| (path, &[][..])),
                route.proxy,
            );
            let proxy = topology.nodes[route.proxy].id;
            for one in &ingress {
                let port = route.target.port;
                let path = one
                    .path(format!("`{proxy}` -> {port}"), Some(port))
                    .with(route.evidence.clone())
                    .with_all(one.evidence.iter().cloned());
                let mut path = route.target.path(path);
                path.from_afar = topology.nodes[route.proxy].machine != topology.nodes[node].machine;
                add_guards(&mut path.guards, &route.guards);
                path.narrow(one.is_direct);
                found.push(path);
            }
        }
        let opted_out = traefik::opts_out(&topology.nodes[node]);
        let machine = topology.nodes[node].machine;
        let asks = self.routes[node]
            .iter()
            .any(|route| !self.is_passed_over(machine, route));
        if !asks && !opted_out {
            found.extend(spreads.paths(topology, node));
        }
        found
    }

    /// Whether there are proxies on the machine that read such routes, and all of them pass this one over.
    fn is_passed_over(&self, machine: usize, route: &Route) -> bool {
        let place = (Place::Machine(machine), route.flavour);
        self.places.get(&place).is_some_and(|gateways| {
            gateways
                .iter()
                .all(|&index| self.gateways[index].passes_over(route))
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the state of one round, which has no meaning of its own"
    )]
    fn by_route(
        &self,
        topology: &Topology<'_>,
        node: NodeIndex,
        route: &Route,
        paths: &[Vec<Path>],
        behind: &HashMap<NodeIndex, Vec<Path>>,
        cache: &mut Cache,
        found: &mut Vec<Path>,
    ) {
        let machine = topology.nodes[node].machine;
        let is_elsewhere = route.lead == Lead::Elsewhere;
        if is_elsewhere || (route.by.is_none() && self.is_passed_over(machine, route)) {
            return;
        }
        let flavour = route.flavour;
        let mut places: Vec<Place> = match route.by {
            Some(proxy) => vec![Place::Itself(proxy)],
            None => topology
                .nets_of(node)
                .iter()
                .map(|&net| Place::Net(net))
                .collect(),
        };
        if route.by.is_none() {
            places.push(match topology.nodes[node].namespace {
                Namespace::Host => Place::Machine(machine),
                _ => Place::OnHost(machine),
            });
        }
        places.retain(|&place| self.places.contains_key(&(place, flavour)));
        let target = match (route.names.as_slice(), route.port) {
            ([], None) => String::new(),
            ([], Some(port)) => format!(" -> {port}"),
            (names, None) => format!(", {}", names.join(", ")),
            (names, Some(port)) => format!(", {} -> {port}", names.join(", ")),
        };
        if places.is_empty() {
            let everywhere = self.ingress(Place::Machine(machine), route, paths, behind, cache);
            let at_most = everywhere.iter().map(|one| one.at_most).max();
            let (at_most, why) = match at_most {
                Some(at_most) => (
                    at_most,
                    format!("how {} reaches it: they share no network", flavour.name()),
                ),
                None => (
                    Reach::Internet,
                    format!(
                        "who reaches the {} that its settings are for: it is not in the lab",
                        flavour.name()
                    ),
                ),
            };
            let mut path = Path::new(
                PathKind::Proxy,
                Reach::None,
                format!("{}{target}", flavour.name()),
            )
            .on(route.port, Protocol::Tcp)
            .with(route.evidence.clone());
            path.guards.clone_from(&route.guards);
            path.names.clone_from(&route.names);
            path.admin = route.admin;
            let path = path.widen(at_most, Unknown::new(UnknownKind::Missing, why));
            let mut path = route.lead.path(node, route.port, path);
            path.narrow(false);
            found.push(path);
            return;
        }
        let mut seen: Vec<(Reach, Reach, Vec<Guard>)> = Vec::new();
        for place in places {
            for one in self.ingress(place, route, paths, behind, cache).iter() {
                if one.proxy == node && !route.admin {
                    continue;
                }
                let key = (one.zone, one.at_most, one.guards.clone());
                if seen.contains(&key) {
                    continue;
                }
                seen.push(key);
                let more = match one.others {
                    0 => String::new(),
                    others => format!(" and {others} more"),
                };
                let label = format!(
                    "{} `{}`{more}{target}",
                    flavour.name(),
                    topology.nodes[one.proxy].id
                );
                let path = one
                    .path(label, route.port)
                    .with(route.evidence.clone())
                    .with_all(one.evidence.iter().cloned());
                let mut path = route.lead.path(node, route.port, path);
                add_guards(&mut path.guards, &route.guards);
                path.names.clone_from(&route.names);
                path.admin = route.admin;
                path.from_afar = topology.nodes[one.proxy].machine != machine;
                path.narrow(one.is_direct);
                // Two ways that the guards make as narrow as each other are one.
                let is_like = |other: &Path| other.label == path.label && other.guards == path.guards;
                let known =
                    |other: &Path| is_like(other) && (other.zone, other.at_most) == (path.zone, path.at_most);
                if !found.iter().any(known) {
                    found.push(path);
                }
            }
        }
    }

    fn ingress(
        &self,
        place: Place,
        route: &Route,
        paths: &[Vec<Path>],
        behind: &HashMap<NodeIndex, Vec<Path>>,
        cache: &mut Cache,
    ) -> Rc<Vec<Ingress>> {
        let key = (
            place,
            route.flavour,
            route.entry.clone(),
            route.enabled,
            route.in_swarm,
        );
        if let Some(found) = cache.get(&key) {
            return Rc::clone(found);
        }
        let gateways = self
            .places
            .get(&(place, route.flavour))
            .map_or(&[][..], Vec::as_slice);
        let mut all: Vec<Ingress> = Vec::new();
        for &index in gateways {
            let gateway = &self.gateways[index];
            if gateway.passes_over(route) {
                continue;
            }
            if let Some(name) = gateway.undeclared(&route.entry) {
                let at_most = into(paths, behind, gateway.node).map(|path| path.at_most).max();
                if let (false, Some(at_most)) = (gateway.complete, at_most) {
                    all.push(Ingress::perhaps(gateway.node, at_most, name));
                }
                continue;
            }
            let through = into(paths, behind, gateway.node)
                .filter_map(|path| Some((path, gateway.lets_in(path, &route.entry)?)));
            for one in merge(through, gateway.node) {
                match all.iter_mut().find(|other| other.is_like(&one)) {
                    Some(other) => other.others += 1,
                    None => all.push(one),
                }
            }
        }
        // Where somebody comes in from farther, it says nothing new that the machine itself does too.
        if all.iter().any(|one| one.at_most > Reach::Host) {
            all.retain(|one| one.at_most > Reach::Host);
        }
        let all = Rc::new(all);
        cache.insert(key, Rc::clone(&all));
        all
    }
}

/// Returns the paths by which anybody comes to a proxy.
fn into<'a>(
    paths: &'a [Vec<Path>],
    behind: &'a HashMap<NodeIndex, Vec<Path>>,
    proxy: NodeIndex,
) -> impl Iterator<Item = &'a Path> {
    paths[proxy]
        .iter()
        .chain(behind.get(&proxy).into_iter().flatten())
        .filter(|path| !path.admin)
}
