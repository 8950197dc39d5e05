//! Plans that start, stop and restart what is there already: the right containers, in the right order.

mod compose;
mod order;

use std::collections::BTreeSet;

use crate::compose::Condition;
use crate::error::{Error, ErrorKind, Result};
use crate::inventory::{Container, ContainerState, Health, Inventory, Placement};
use crate::lab::{Lab, in_words};
use crate::name::ServiceId;
use crate::observed::Observed;
use crate::plan::{ContainerAction, ContainerBefore, ContainerStep, Plan, Step};

impl Lab {
    /// Returns the plan that starts a project or a service: first what it waits for, named or not, each waited for until
    /// it is up and its health check, where it has one, passes; a job that is waited for to the end is run to its end. What
    /// runs already is left as it is, and waited for where its health is.
    ///
    /// The target is a project, `immich`, a service, `immich/server` or `nas:immich/server`, or `*` for all of the lab.
    /// What the lab does not own is only meant by a service's whole name: `_/adminer`.
    ///
    /// ```
    /// use homelab_core::inventory::{Container, HostInventory, Inventory};
    /// use homelab_core::{Lab, Observed};
    ///
    /// let lab = Lab::from_texts(
    ///     "home",
    ///     [("web/compose.yaml", "services: { site: { image: nginx, depends_on: [db] }, db: { image: postgres } }")],
    /// );
    /// let at = "2027-01-01T00:00:00Z".parse()?;
    /// let mut nas = HostInventory::new("nas".parse()?, at, "docker 28.2.2");
    /// nas.containers = Some(vec![Container::new("1", "web-site-1"), Container::new("2", "web-db-1")]);
    /// let seen = Observed::none(at).with_inventory(Inventory::new([nas]));
    /// assert_eq!(
    ///     lab.plan_start("web", &seen)?.to_string(),
    ///     "start web\n  1. start container `web-db-1` on host `nas`\n  2. start container `web-site-1` on host `nas`\n",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` where there is no such thing, or no container of it; `Ambiguous` for a name of several services;
    /// `Unreachable` where a host that could have it was not seen.
    pub fn plan_start(&self, target: &str, seen: &Observed) -> Result<Plan> {
        self.operate(ContainerAction::Start, target, seen)
    }

    /// Returns the plan that stops a project or a service: who waits for something before that. What has ended already
    /// is left as it is. Targets and errors are as for [`plan_start`](Lab::plan_start).
    ///
    /// # Errors
    /// As for [`plan_start`](Lab::plan_start).
    pub fn plan_stop(&self, target: &str, seen: &Observed) -> Result<Plan> {
        self.operate(ContainerAction::Stop, target, seen)
    }

    /// Returns the plan that restarts what runs of a project or a service, what it waits for first, each waited for until
    /// it is up; and after that who says that it is then restarted too (`restart: true`), as who uses its network has to
    /// be. Targets are as for [`plan_start`](Lab::plan_start).
    ///
    /// # Errors
    /// As for [`plan_start`](Lab::plan_start).
    pub fn plan_restart(&self, target: &str, seen: &Observed) -> Result<Plan> {
        self.operate(ContainerAction::Restart, target, seen)
    }

    fn operate(&self, action: ContainerAction, target: &str, seen: &Observed) -> Result<Plan> {
        let title = match target {
            "*" => format!("{action} everything"),
            target => format!("{action} {}", target.escape_debug()),
        };
        let Some(observed) = seen.inventory() else {
            let error = Error::new(
                ErrorKind::Unreachable,
                format!("plan to {title}: no engine was asked"),
            );
            return Err(error.with_hint("observe the world first, with its engines"));
        };
        let inventory = observed.value();
        let placements = self.placements(inventory);
        let mut chosen = self.meant(target, inventory, &placements, &title)?;
        // One that was made for a single command is nobody's to restart.
        chosen.retain(|placement| !placement.container().is_one_off());
        match action {
            ContainerAction::Start => order::with_needed(&mut chosen, &placements),
            ContainerAction::Restart => order::with_dependents(&mut chosen, &placements),
            ContainerAction::Stop | ContainerAction::Run => {}
        }
        let depths = order::depths(&chosen);
        chosen.sort_by_key(|placement| {
            let depth = depths.get(&placement.id()).copied().unwrap_or(0);
            (depth, placement.id(), placement.container().name.clone())
        });
        if action == ContainerAction::Stop {
            chosen.reverse();
        }
        let steps = chosen.iter().filter_map(|placement| {
            let needed = match action {
                ContainerAction::Start => order::needed_as(placement, &chosen),
                _ => Condition::Started,
            };
            let container = placement.container();
            let runs = container.state == ContainerState::Running;
            let is_ill = container.health.is_some_and(|health| health != Health::Healthy);
            match needed {
                Condition::Completed if runs || is_to(action, container) => {
                    Some(step(ContainerAction::Run, placement))
                }
                Condition::Healthy if runs && is_ill => Some(step(action, placement)),
                _ => is_to(action, container).then(|| step(action, placement)),
            }
        });
        Plan::new(title, steps.collect::<Vec<_>>())
    }

    /// Returns the containers that a target means, by service and name; targets are as for
    /// [`plan_start`](Lab::plan_start).
    pub(crate) fn containers_of<'a>(
        &'a self,
        target: &str,
        seen: &'a Observed,
    ) -> Result<Vec<Placement<'a>>> {
        let Some(observed) = seen.inventory() else {
            let message = format!(
                "find the containers of `{}`: no engine was asked",
                target.escape_debug()
            );
            return Err(Error::new(ErrorKind::Unreachable, message)
                .with_hint("observe the world first, with its engines"));
        };
        let placements = self.placements(observed.value());
        let title = format!("find {}", target.escape_debug());
        let mut chosen = self.meant(target, observed.value(), &placements, &title)?;
        chosen.sort_by_key(|placement| (placement.id(), placement.container().name.clone()));
        Ok(chosen)
    }

    /// Returns the containers that a target means.
    fn meant<'a>(
        &self,
        target: &str,
        inventory: &Inventory,
        placements: &[Placement<'a>],
        title: &str,
    ) -> Result<Vec<Placement<'a>>> {
        let wanted: Vec<&ServiceId> = if target == "*" {
            self.services().map(|service| service.id()).collect()
        } else if self.projects().any(|project| project.name().as_str() == target) {
            let own = self
                .services()
                .filter(|service| service.id().project().as_str() == target);
            own.map(|service| service.id()).collect()
        } else {
            // What no file mentions is meant only by its whole name.
            let strange: Vec<Placement<'a>> = placements
                .iter()
                .filter(|one| one.service().is_none() && is_named(&one.id(), target))
                .cloned()
                .collect();
            match (self.service(target), strange.is_empty()) {
                (Ok(service), _) => vec![service.id()],
                (Err(error), true) => return Err(error),
                (Err(_), false) => {
                    let hosts: BTreeSet<&str> = strange.iter().map(|one| one.host().host.as_str()).collect();
                    return match hosts.len() {
                        1 => Ok(strange),
                        _ => {
                            let names: Vec<String> =
                                hosts.iter().map(|host| format!("`{host}:{target}`")).collect();
                            let error = Error::new(ErrorKind::Ambiguous, format!("plan to {title}"));
                            Err(error.with_hint(format!("it could be {}", in_words(&names, "or", 8))))
                        }
                    };
                }
            }
        };
        let own = placements.iter().filter(|one| {
            one.service()
                .is_some_and(|service| wanted.contains(&service.id()))
        });
        let found: Vec<Placement<'a>> = own.cloned().collect();
        let unseen = inventory.hosts().find(|host| {
            let could = wanted
                .iter()
                .any(|id| id.host().is_none_or(|own| *own == host.host));
            !host.is_seen() && could
        });
        if let Some(host) = unseen {
            let message = format!("plan to {title}: host `{}` was not seen", host.host);
            let error = Error::new(ErrorKind::Unreachable, message);
            return Err(match host.gap() {
                Some(gap) => error.with_hint(gap.to_string()),
                None => error,
            });
        }
        if found.is_empty() {
            let error = Error::new(
                ErrorKind::NotFound,
                format!("plan to {title}: it has no container"),
            );
            return Err(error.with_hint("`docker compose up -d` in its folder makes them"));
        }
        Ok(found)
    }
}

/// Whether a name that a person gives is this service's, with its project and perhaps its host.
fn is_named(id: &ServiceId, name: &str) -> bool {
    let (host, rest) = match name.split_once(':') {
        Some((host, rest)) => (Some(host), rest),
        None => (None, name),
    };
    let own = id.host().map(crate::name::HostName::as_str);
    rest.split_once('/') == Some((id.project().as_str(), id.service().as_str()))
        && host.is_none_or(|host| own == Some(host))
}

/// Whether there is anything to do.
fn is_to(action: ContainerAction, container: &Container) -> bool {
    let runs = matches!(
        container.state,
        ContainerState::Running | ContainerState::Paused | ContainerState::Restarting
    );
    match action {
        ContainerAction::Start | ContainerAction::Run => {
            matches!(container.state, ContainerState::Created | ContainerState::Exited)
        }
        ContainerAction::Stop => runs,
        ContainerAction::Restart => container.state == ContainerState::Running,
    }
}

fn step(action: ContainerAction, placement: &Placement<'_>) -> Step {
    let container = placement.container();
    let step = ContainerStep {
        host: placement.host().host.clone(),
        id: container.id.clone(),
        name: container.name.clone(),
        action,
    };
    let before = ContainerBefore {
        state: container.state.to_string(),
        started: container.started,
    };
    Step::container(step, before)
}

#[cfg(test)]
mod tests;
