//! Who comes before whom, and who belongs with whom.

use std::collections::BTreeMap;

use super::is_to;
use crate::compose::{Condition, NetworkMode};
use crate::inventory::Placement;
use crate::lab::ServiceRef;
use crate::name::ServiceId;
use crate::plan::ContainerAction;

/// Adds what is waited for, on the same host and in the same project.
pub(super) fn with_needed<'a>(chosen: &mut Vec<Placement<'a>>, placements: &[Placement<'a>]) {
    let mut at = 0;
    while let Some(placement) = chosen.get(at) {
        at += 1;
        let (id, Some(service)) = (placement.id(), placement.service()) else {
            continue;
        };
        // What runs has what it needs, or does without.
        if !is_to(ContainerAction::Start, placement.container()) {
            continue;
        }
        for name in before(&service) {
            add(chosen, placements, |one| is_sibling(&one.id(), &id, name));
        }
    }
}

/// Adds who is restarted after what was chosen is.
pub(super) fn with_dependents<'a>(chosen: &mut Vec<Placement<'a>>, placements: &[Placement<'a>]) {
    let mut at = 0;
    while let Some(id) = chosen.get(at).map(Placement::id) {
        at += 1;
        let name = id.service().as_str();
        add(chosen, placements, |one| {
            let follows = one.service().is_some_and(|service| {
                let mut all = service.service().depends_on.iter();
                all.any(|on| on.value.restart && on.value.service == name)
            });
            follows && is_sibling(&id, &one.id(), name)
        });
    }
}

/// Adds the containers of which this is true, each once.
fn add<'a>(
    chosen: &mut Vec<Placement<'a>>,
    placements: &[Placement<'a>],
    is: impl Fn(&Placement<'a>) -> bool,
) {
    for one in placements {
        let (host, id) = (&one.host().host, &one.container().id);
        let is_new = || {
            let mut all = chosen.iter();
            !all.any(|other| other.container().id == *id && other.host().host == *host)
        };
        if is(one) && !one.container().is_one_off() && is_new() {
            chosen.push(one.clone());
        }
    }
}

/// Whether one is the service of this name in the project, and on the host, of the other.
fn is_sibling(one: &ServiceId, other: &ServiceId, name: &str) -> bool {
    one.service().as_str() == name && one.project() == other.project() && one.host() == other.host()
}

/// Returns the most that is asked of a container by those that are to be started.
pub(super) fn needed_as(placement: &Placement<'_>, chosen: &[Placement<'_>]) -> Condition {
    let id = placement.id();
    let starting = chosen
        .iter()
        .filter(|one| is_to(ContainerAction::Start, one.container()));
    let asked = starting.flat_map(|other| {
        let other_id = other.id();
        let all = other
            .service()
            .into_iter()
            .flat_map(|service| &service.service().depends_on);
        let id = &id;
        all.filter(move |on| is_sibling(id, &other_id, &on.value.service))
    });
    let asked: Vec<Condition> = asked.map(|on| on.value.condition).collect();
    let is_asked = |condition: &Condition| asked.contains(condition);
    let mut strictest = [Condition::Completed, Condition::Healthy].into_iter();
    strictest.find(is_asked).unwrap_or(Condition::Started)
}

/// Returns how long the longest chain of services is that each one waits for. Rings, which Compose refuses, end.
pub(super) fn depths(chosen: &[Placement<'_>]) -> BTreeMap<ServiceId, usize> {
    let by_id: BTreeMap<ServiceId, ServiceRef<'_>> = chosen
        .iter()
        .filter_map(|placement| Some((placement.id(), placement.service()?)))
        .collect();
    let mut depths: BTreeMap<ServiceId, usize> = by_id.keys().map(|id| (id.clone(), 0)).collect();
    // As often as the longest chain could be.
    for _ in 0..by_id.len() {
        let mut settled = true;
        for (id, service) in &by_id {
            let own = depths.get(id).copied().unwrap_or(0);
            let least = before(service).filter_map(|name| {
                let name = crate::name::ServiceName::new(name).ok()?;
                let other = ServiceId::new(id.host().cloned(), id.project().clone(), name);
                depths.get(&other).map(|depth| depth + 1)
            });
            let depth = least.max().unwrap_or(0).clamp(own, by_id.len());
            settled &= depth == own;
            depths.insert(id.clone(), depth);
        }
        if settled {
            break;
        }
    }
    depths
}

/// Returns the services that have to be up before this one: those it waits for, and the one whose network it uses.
fn before<'a>(service: &ServiceRef<'a>) -> impl Iterator<Item = &'a str> {
    let service = service.service();
    let network = service.network_mode.as_ref().and_then(|mode| match &mode.value {
        NetworkMode::Service(name) => Some(name.as_str()),
        _ => None,
    });
    service
        .depends_on
        .iter()
        .map(|field| field.value.service.as_str())
        .chain(network)
}
