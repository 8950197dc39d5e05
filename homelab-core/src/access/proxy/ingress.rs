//! Who comes in through a proxy, and past which guards.

use crate::access::path::{Door, Guard, Path, PathKind, Unknown, UnknownKind, Zones};
use crate::access::topology::NodeIndex;
use crate::compose::Protocol;
use crate::finding::Evidence;
use crate::view::Reach;

/// Who comes in through the proxies of one place: one record for each zone and set of guards, however many there are.
pub(super) struct Ingress {
    pub(super) zone: Reach,
    pub(super) at_most: Reach,
    pub(super) zones: Zones,
    pub(super) guards: Vec<Guard>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) unknowns: Vec<Unknown>,
    pub(super) proxy: NodeIndex,
    pub(super) others: usize,
    pub(super) doors: Vec<Door>,
    /// Whether they come to the proxy itself, rather than by a tunnel or another proxy: it sees who they are.
    pub(super) is_direct: bool,
}

/// Returns one record for each zone and set of guards; that of the machine itself where there is no other.
pub(super) fn merge<'a>(
    through: impl Iterator<Item = (&'a Path, &'a [Guard])>,
    proxy: NodeIndex,
) -> Vec<Ingress> {
    let mut all: Vec<Ingress> = Vec::new();
    for (path, guards) in through {
        let mut one = Ingress {
            zone: path.zone,
            at_most: path.at_most,
            zones: path.zones,
            guards: path.guards.clone(),
            evidence: path.evidence.clone(),
            unknowns: path.unknowns.clone(),
            proxy,
            others: 0,
            doors: path.doors.clone(),
            is_direct: path.is_direct(),
        };
        add_guards(&mut one.guards, guards);
        match all.iter_mut().find(|other| other.is_like(&one)) {
            Some(other) => {
                other.zones = other.zones.union(one.zones);
                for door in one.doors {
                    if !other.doors.contains(&door) {
                        other.doors.push(door);
                    }
                }
            }
            None => all.push(one),
        }
    }
    if all.is_empty() {
        all.push(Ingress {
            zone: Reach::Host,
            at_most: Reach::Host,
            zones: Zones::up_to(Reach::Host),
            guards: Vec::new(),
            evidence: Vec::new(),
            unknowns: Vec::new(),
            proxy,
            others: 0,
            doors: Vec::new(),
            is_direct: false,
        });
    }
    all
}

pub(super) fn add_guards(guards: &mut Vec<Guard>, more: &[Guard]) {
    for guard in more {
        if !guards.contains(guard) {
            guards.push(guard.clone());
        }
    }
}

impl Ingress {
    /// By an entry point that the proxy may have and that cannot be seen.
    pub(super) fn perhaps(proxy: NodeIndex, at_most: Reach, name: &str) -> Self {
        let why = format!("which port the entry point `{name}` has: it is not declared in the lab");
        let nobody = Path::new(PathKind::Proxy, Reach::None, "")
            .widen(at_most, Unknown::new(UnknownKind::Routes, why));
        Ingress {
            zone: Reach::None,
            at_most,
            zones: nobody.zones,
            guards: Vec::new(),
            evidence: Vec::new(),
            unknowns: nobody.unknowns,
            proxy,
            others: 0,
            doors: Vec::new(),
            is_direct: false,
        }
    }

    pub(super) fn is_like(&self, other: &Ingress) -> bool {
        self.zone == other.zone
            && self.at_most == other.at_most
            && self.guards == other.guards
            && self.is_direct == other.is_direct
    }

    pub(super) fn path(&self, label: String, port: Option<u16>) -> Path {
        let mut path = Path::new(PathKind::Proxy, self.zone, label).on(port, Protocol::Tcp);
        path.at_most = self.at_most;
        path.zones = self.zones;
        path.unknowns.clone_from(&self.unknowns);
        path.guards.clone_from(&self.guards);
        path.by(self.doors.iter().cloned())
    }
}
