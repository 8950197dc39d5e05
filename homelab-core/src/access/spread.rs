//! What cannot be seen is not safe: a tunnel or proxy whose routes are elsewhere may lead to whoever shares a network
//! with it.

use std::collections::BTreeMap;

use super::path::{Path, PathKind, Unknown, UnknownKind};
use super::topology::{Namespace, NetIndex, NodeIndex, Topology};
use crate::finding::Evidence;
use crate::view::Reach;

/// Where unseen routes may lead to: everybody on a network, or everybody whom a process on a machine reaches.
///
/// One record for each place and kind, however many tunnels are there: a lab with a hundred of them has as many
/// records as networks, not as many as pairs.
#[derive(Default)]
pub(super) struct Spreads {
    places: BTreeMap<(Place, PathKind), Spread>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Net(NetIndex),
    Machine(usize),
    /// Those who use this service's network.
    Guests(NodeIndex),
}

struct Spread {
    /// The two widest, so that one of them can be left out where it is the service itself.
    widest: Vec<Source>,
    others: usize,
}

/// One that may lead anybody to those around it.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) from: NodeIndex,
    pub(super) kind: PathKind,
    /// Who comes in by it.
    pub(super) at_most: Reach,
    /// What it is and what of it cannot be seen: `the routes of the Cloudflare Tunnel`.
    pub(super) what: String,
    pub(super) evidence: Evidence,
}

impl Spreads {
    /// Notes one more.
    pub(super) fn add(&mut self, topology: &Topology<'_>, source: &Source) {
        if source.at_most <= Reach::Host {
            return;
        }
        let node = &topology.nodes[source.from];
        let nets = topology.nets_of(source.from).iter().map(|&net| Place::Net(net));
        let machine = (node.namespace == Namespace::Host).then_some(Place::Machine(node.machine));
        for place in nets.chain(machine) {
            self.insert(place, source);
        }
    }

    /// Notes one that may lead into one network.
    pub(super) fn add_to_net(&mut self, net: NetIndex, source: &Source) {
        self.insert(Place::Net(net), source);
    }

    /// Notes one that leads no further than to those who use its own network.
    pub(super) fn add_to_guests(&mut self, topology: &Topology<'_>, source: &Source) {
        self.insert(Place::Guests(topology.owner(source.from)), source);
    }

    fn insert(&mut self, place: Place, source: &Source) {
        let spread = self.places.entry((place, source.kind)).or_insert(Spread {
            widest: Vec::new(),
            others: 0,
        });
        spread.widest.push(source.clone());
        spread.widest.sort_by_key(|one| std::cmp::Reverse(one.at_most));
        if spread.widest.len() > 2 {
            spread.widest.truncate(2);
            spread.others += 1;
        }
    }

    /// Returns the paths that a service may have by what is around it, at most one of each kind.
    pub(super) fn paths(&self, topology: &Topology<'_>, node: NodeIndex) -> Vec<Path> {
        if self.places.is_empty() {
            return Vec::new();
        }
        let machine = topology.nodes[node].machine;
        let nets = topology.nets_of(node).iter().map(|&net| Place::Net(net));
        let on_host = topology.machines[machine]
            .on_host
            .binary_search(&topology.owner(node));
        let places: Vec<Place> = nets
            .chain(on_host.ok().map(|_| Place::Machine(machine)))
            .chain([Place::Guests(topology.owner(node))])
            .collect();
        [PathKind::Tunnel, PathKind::Serve, PathKind::Proxy]
            .into_iter()
            .filter_map(|kind| {
                places
                    .iter()
                    .filter_map(|&place| self.places.get(&(place, kind)))
                    .filter_map(|spread| {
                        let source = spread.widest.iter().find(|source| source.from != node)?;
                        Some((source, spread.others + spread.widest.len() - 1))
                    })
                    .max_by_key(|(source, _)| source.at_most)
            })
            .map(|(source, others)| source.path(topology, others))
            .collect()
    }
}

impl Source {
    fn path(&self, topology: &Topology<'_>, others: usize) -> Path {
        let id = topology.nodes[self.from].id;
        let more = match others {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        Path::new(self.kind, Reach::None, format!("perhaps by `{id}`{more}"))
            .widen(
                self.at_most,
                Unknown::new(UnknownKind::Routes, format!("{} of `{id}`{more}", self.what)),
            )
            .with(self.evidence.clone())
    }
}
