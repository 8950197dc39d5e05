//! How services were seen to do.

use std::collections::HashMap;

use crate::inventory::Container;
use crate::lab::{Lab, ServiceRef};
use crate::name::{HostName, ServiceId};
use crate::observed::Observed;

/// How each service does whose machine was looked at.
#[derive(Default)]
pub(super) struct Healths {
    known: HashMap<ServiceId, &'static str>,
    /// The machines whose containers were seen; one without a name stands for the only one.
    seen: Vec<HostName>,
}

impl Healths {
    pub(super) fn new(lab: &Lab, seen: &Observed) -> Self {
        let Some(inventory) = seen.inventory().map(|seen| seen.value()) else {
            return Healths::default();
        };
        let mut known: HashMap<ServiceId, &'static str> = HashMap::new();
        for placement in lab.placements(inventory) {
            if let Some(service) = placement.service() {
                let word = word(placement.container());
                // Of several containers the one that does worst is what people notice.
                let worst = known.entry(service.id().clone()).or_insert(word);
                if rank(word) > rank(worst) {
                    *worst = word;
                }
            }
        }
        let looked = inventory.hosts().filter(|host| host.containers.is_some());
        Healths {
            known,
            seen: looked.map(|host| host.host.clone()).collect(),
        }
    }

    /// Returns how a service does; nothing where its machine was not looked at.
    pub(super) fn of(&self, service: ServiceRef<'_>) -> Option<String> {
        if let Some(word) = self.known.get(service.id()) {
            return Some((*word).to_owned());
        }
        let looked = match service.id().host() {
            Some(host) => self.seen.contains(host),
            None => !self.seen.is_empty(),
        };
        looked.then(|| "absent".to_owned())
    }
}

fn word(container: &Container) -> &'static str {
    match container.health {
        Some(health) if container.state.is_running() => health.as_str(),
        _ => container.state.as_str(),
    }
}

fn rank(word: &str) -> u8 {
    match word {
        "healthy" => 0,
        "running" => 1,
        "starting" => 2,
        "unhealthy" => 3,
        _ => 4,
    }
}
