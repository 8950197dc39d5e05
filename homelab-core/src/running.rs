//! What runs, and who can reach it: [`Running`], an inventory joined with the lab's files.
//!
//! ```
//! use homelab_core::inventory::{Container, ContainerState, HostInventory, Inventory};
//! use homelab_core::{Lab, Observed, Reach};
//!
//! let lab = Lab::from_texts("home", [("web/compose.yaml", "services: { site: { image: nginx } }")]);
//! let at = "2027-01-01T00:00:00Z".parse()?;
//! let mut nas = HostInventory::new("nas".parse()?, at, "docker 28.2.2");
//! let mut container = Container::new("4f1c2b", "web-site-1");
//! container.state = ContainerState::Running;
//! nas.containers = Some(vec![container]);
//!
//! let running = lab.running(&Observed::none(at).with_inventory(Inventory::new([nas])));
//! let site = &running.containers()[0];
//! assert_eq!((site.project.as_str(), site.service.as_str()), ("web", "site"));
//! assert_eq!(site.reach, Some(Reach::Host));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;

use crate::access::Exposure;
use crate::drift::SeenHost;
use crate::inventory::{Binding, Mounted, PlacedBy, Placement};
use crate::lab::Lab;
use crate::name::ServiceId;
use crate::observed::Observed;
use crate::view::{ContainerView, PortView, RunningView};

/// What runs, by host, project and service, with who can reach it. Displays as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    at: Timestamp,
    hosts: Vec<SeenHost>,
    containers: Vec<ContainerView>,
}

impl Running {
    /// Returns the moment that it speaks of.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns the hosts that were asked, by name. Of one that was not seen nothing is known.
    pub fn hosts(&self) -> &[SeenHost] {
        &self.hosts
    }

    /// Returns every container, whether it runs or not.
    pub fn containers(&self) -> &[ContainerView] {
        &self.containers
    }

    /// Returns it as plain data.
    pub fn view(&self) -> RunningView {
        RunningView {
            version: 1,
            at: self.at.to_string(),
            hosts: self.hosts.iter().map(SeenHost::view).collect(),
            containers: self.containers.clone(),
        }
    }

    /// Returns it as JSON, indented, with a line break at the end.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(&self.view()).expect("its records are plain data");
        format!("{text}\n")
    }
}

impl Lab {
    /// Returns what the engines run, as services of the lab where they are, each with who can reach it. Pure.
    ///
    /// Where nothing was observed it has no host: what runs is not known.
    pub fn running(&self, seen: &Observed) -> Running {
        let Some(observed) = seen.inventory() else {
            return Running {
                at: seen.at(),
                hosts: Vec::new(),
                containers: Vec::new(),
            };
        };
        let inventory = observed.value();
        let all = self.as_running(seen).unwrap_or_else(|| self.clone());
        let exposures = all.exposures(seen);
        let by_id: HashMap<&ServiceId, &Exposure> = exposures.iter().map(|one| (one.id(), one)).collect();
        let judged = all.placements(inventory);
        let placed = self.placements(inventory);
        let rows = placed.iter().zip(&judged).map(|(placement, judged)| {
            let exposure = judged
                .service()
                .and_then(|service| by_id.get(service.id()).copied());
            let mut row = row(placement, exposure);
            // A reference may be written with a password in it.
            self.unsaid().clear(&mut row.image);
            row
        });
        let mut containers: Vec<ContainerView> = rows.collect();
        containers.sort_by(|a, b| {
            let key = |one: &ContainerView| {
                (
                    one.host.clone(),
                    one.project.clone(),
                    one.service.clone(),
                    one.name.clone(),
                )
            };
            key(a).cmp(&key(b))
        });
        Running {
            at: seen.at(),
            hosts: SeenHost::all(inventory),
            containers,
        }
    }
}

fn row(placement: &Placement<'_>, exposure: Option<&Exposure>) -> ContainerView {
    let (container, id) = (placement.container(), placement.id());
    let placed_by = match placement.by() {
        PlacedBy::Labels => "labels",
        PlacedBy::File => "file",
        PlacedBy::Unit => "unit",
        PlacedBy::Name => "name",
        PlacedBy::Image => "image",
        PlacedBy::Nothing => "nothing",
    };
    ContainerView {
        host: placement.host().host.to_string(),
        project: id.project().to_string(),
        service: id.service().to_string(),
        placed_by: placed_by.to_owned(),
        name: container.name.clone(),
        id: container.id.clone(),
        image: container.image.clone(),
        image_id: container.image_id.clone(),
        state: container.state.to_string(),
        health: container.health.map(|health| health.to_string()),
        created: container.created.map(|at| at.to_string()),
        started: container.started.map(|at| at.to_string()),
        exit_code: container.exit_code,
        restarts: container.restarts,
        ports: container.ports.iter().map(Binding::view).collect(),
        mounts: container.mounts.iter().map(Mounted::view).collect(),
        networks: container.networks.keys().cloned().collect(),
        reach: exposure.map(Exposure::reach),
        at_most: exposure.map(Exposure::at_most),
    }
}

/// A table as people know it from `docker ps`, one for each host.
impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hosts.is_empty() {
            return writeln!(f, "No engine was asked: what runs is not known.");
        }
        for (index, host) in self.hosts.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let own: Vec<&ContainerView> = self
                .containers
                .iter()
                .filter(|one| one.host == host.host.as_str())
                .collect();
            match host.seen {
                true => writeln!(f, "{} ({}): {}", host.host, host.source, count(own.len()))?,
                false => writeln!(f, "{} ({}): not seen", host.host, host.source)?,
            }
            for gap in &host.gaps {
                writeln!(f, "  {gap}")?;
            }
            self.table(f, &own)?;
        }
        Ok(())
    }
}

impl Running {
    fn table(&self, f: &mut fmt::Formatter<'_>, own: &[&ContainerView]) -> fmt::Result {
        if own.is_empty() {
            return Ok(());
        }
        let heads = ["SERVICE", "IMAGE", "STATE", "PORTS", "REACH"].map(str::to_owned);
        let mut rows = vec![heads];
        rows.extend(own.iter().map(|one| {
            let reach = match (one.reach, one.at_most) {
                (Some(reach), Some(at_most)) if at_most > reach => format!("{reach}, at most {at_most}"),
                (Some(reach), _) => reach.to_string(),
                (None, _) => "-".to_owned(),
            };
            let ports: Vec<String> = one.ports.iter().map(bound).collect();
            let ports = if ports.is_empty() {
                "-".to_owned()
            } else {
                ports.join(", ")
            };
            [
                format!("{}/{}", one.project, one.service),
                one.image.clone(),
                self.state(one),
                ports,
                reach,
            ]
        }));
        let mut widths = [0; 5];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &rows {
            let cells = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }

    /// Returns what a container is doing and since when: `running 3 d, healthy`.
    fn state(&self, one: &ContainerView) -> String {
        let mut text = one.state.clone();
        let started = one.started.as_ref().and_then(|at| at.parse::<Timestamp>().ok());
        if let (Some(started), "running") = (started, one.state.as_str()) {
            let seconds = self.at.duration_since(started).as_secs().max(0);
            let (number, unit) = match seconds {
                0..60 => (seconds, "s"),
                60..3_600 => (seconds / 60, "min"),
                3_600..86_400 => (seconds / 3_600, "h"),
                _ => (seconds / 86_400, "d"),
            };
            text.push_str(&format!(" {number} {unit}"));
        }
        if let Some(code) = one.exit_code {
            text.push_str(&format!(" ({code})"));
        }
        if let Some(health) = &one.health {
            text.push_str(&format!(", {health}"));
        }
        text
    }
}

fn bound(port: &PortView) -> String {
    let address = match &port.address {
        None => "*".to_owned(),
        Some(address) if address.contains(':') => format!("[{address}]"),
        Some(address) => address.clone(),
    };
    let published = port.published.map_or_else(String::new, |port| port.to_string());
    format!("{address}:{published}->{}/{}", port.target, port.protocol)
}

fn count(number: usize) -> String {
    match number {
        1 => "1 container".to_owned(),
        number => format!("{number} containers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Protocol;
    use crate::error::ErrorKind;
    use crate::inventory::{Container, ContainerState, Gap, Health, HostInventory, Inventory, Part};
    use crate::secret::Secret;
    use crate::view::Reach;

    fn sample() -> (Lab, Observed) {
        let lab = Lab::from_texts(
            "home",
            [(
                "web/compose.yaml",
                "services: { site: { image: 'nginx:1.29', ports: ['127.0.0.1:80:80'] } }",
            )],
        );
        let at: Timestamp = "2027-01-04T00:00:00Z".parse().expect("a time");
        let mut nas = HostInventory::new("nas".parse().expect("a name"), at, "docker 28.2.2");
        let mut site = Container::new("1", "web-site-1");
        site.image = "nginx:1.29".to_owned();
        site.state = ContainerState::Running;
        site.health = Some(Health::Healthy);
        site.started = "2027-01-01T00:00:00Z".parse().ok();
        site.environment
            .insert("PASSWORD".to_owned(), Secret::new("hunter2"));
        let mut extra = Container::new("2", "adminer");
        extra.image = "adminer".to_owned();
        extra.state = ContainerState::Running;
        extra.ports = vec![Binding {
            address: None,
            port: 8080,
            target: 8080,
            protocol: Protocol::Tcp,
        }];
        let mut old = Container::new("3", "old");
        old.image = "busybox".to_owned();
        old.state = ContainerState::Exited;
        old.exit_code = Some(137);
        nas.containers = Some(vec![extra, old, site]);
        let mut attic = HostInventory::new("attic".parse().expect("a name"), at, "ssh://attic");
        attic.gaps.push(Gap::new(
            Part::Engine,
            ErrorKind::TimedOut,
            "ask the engine for its version on host `attic`",
        ));
        (
            lab,
            Observed::none(at).with_inventory(Inventory::new([nas, attic])),
        )
    }

    #[test]
    fn it_is_a_table_by_host_project_and_service() {
        let (lab, seen) = sample();
        let expected = "\
attic (ssh://attic): not seen
  failed to ask the engine for its version on host `attic`

nas (docker 28.2.2): 3 containers
  SERVICE    IMAGE       STATE                 PORTS             REACH
  _/adminer  adminer     running               *:8080->8080/tcp  lan, at most internet
  _/old      busybox     exited (137)          -                 -
  web/site   nginx:1.29  running 3 d, healthy  -                 host
";
        assert_eq!(lab.running(&seen).to_string(), expected);
    }

    #[test]
    fn its_json_says_what_is_what_and_no_value_of_a_variable() {
        let (lab, seen) = sample();
        let running = lab.running(&seen);
        let text = running.to_json();
        assert!(!text.contains("hunter2"), "{text}");
        let view: RunningView = serde_json::from_str(&text).expect("the record");
        assert_eq!(view, running.view());
        assert_eq!(view.containers[0].reach, Some(Reach::Lan));
        assert_eq!(
            (
                view.containers[0].placed_by.as_str(),
                view.containers[2].placed_by.as_str()
            ),
            ("nothing", "name")
        );
        assert_eq!(view.hosts[0].gaps[0].kind, "timed_out");
        let nothing = lab.running(&Observed::none(seen.at()));
        assert!(nothing.to_string().contains("not known") && nothing.hosts().is_empty());
    }
}
