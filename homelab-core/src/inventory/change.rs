//! What becomes different on engines: [`Change`].

use std::fmt;

use super::{Container, HostInventory, Image, Inventory, Network, Volume};
use crate::name::HostName;
use crate::view::ChangeView;

/// What became different on engines. Each says how things are now, so that taking in one twice, or an old one before the
/// newer ones that follow it, does no harm.
///
/// ```
/// use homelab_core::inventory::{Change, Container, HostInventory, Inventory};
///
/// let mut nas = HostInventory::new("nas".parse()?, "2027-01-01T00:00:00Z".parse()?, "memory");
/// nas.containers = Some(Vec::new());
/// let mut inventory = Inventory::default();
/// inventory.apply(Change::Full(Inventory::new([nas])));
/// let change = Change::Container {
///     host: "nas".parse()?,
///     container: Container::new("4f1c2b", "immich-server-1"),
///     resynced: false,
/// };
/// assert_eq!(change.to_string(), "nas: immich-server-1 (, created)");
/// inventory.apply(change);
/// assert_eq!(inventory.containers().count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Everything: the first change that a reader gets, and again when it has missed some.
    Full(Inventory),
    /// A host was lost, or is there again, or was seen for the first time: everything of it.
    Host(HostInventory),
    /// A container is new or different.
    Container {
        /// Its host.
        host: HostName,
        /// How it is now.
        container: Container,
        /// Whether this was found by looking again after the connection was lost: what happened in between is not known.
        resynced: bool,
    },
    /// A container is gone.
    Removed {
        /// Its host.
        host: HostName,
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// As for a container that is different.
        resynced: bool,
    },
    /// There are other images.
    Images {
        /// Their host.
        host: HostName,
        /// All of them.
        images: Vec<Image>,
    },
    /// There are other volumes.
    Volumes {
        /// Their host.
        host: HostName,
        /// All of them.
        volumes: Vec<Volume>,
    },
    /// There are other networks.
    Networks {
        /// Their host.
        host: HostName,
        /// All of them.
        networks: Vec<Network>,
    },
}

impl Change {
    /// Returns what it is about as plain data. What it brings is taken in by [`Inventory::apply`].
    pub fn view(&self) -> ChangeView {
        let (kind, host) = match self {
            Change::Full(_) => ("full", None),
            Change::Host(host) => ("host", Some(&host.host)),
            Change::Container { host, .. } => ("container", Some(host)),
            Change::Removed { host, .. } => ("removed", Some(host)),
            Change::Images { host, .. } => ("images", Some(host)),
            Change::Volumes { host, .. } => ("volumes", Some(host)),
            Change::Networks { host, .. } => ("networks", Some(host)),
        };
        let mut view = ChangeView {
            kind: kind.to_owned(),
            hosts: Vec::new(),
            host: host.map(ToString::to_string),
            name: None,
            id: None,
            state: None,
            health: None,
            resynced: false,
            text: self.to_string(),
        };
        match self {
            Change::Full(inventory) => view.hosts = inventory.hosts().map(HostInventory::view).collect(),
            Change::Host(host) => view.hosts = vec![host.view()],
            Change::Container {
                container, resynced, ..
            } => {
                view.name = Some(container.name.clone());
                view.id = Some(container.id.clone());
                view.state = Some(container.state.to_string());
                view.health = container.health.map(|health| health.to_string());
                view.resynced = *resynced;
            }
            Change::Removed {
                id, name, resynced, ..
            } => {
                view.name = Some(name.clone());
                view.id = Some(id.clone());
                view.resynced = *resynced;
            }
            Change::Images { .. } | Change::Volumes { .. } | Change::Networks { .. } => {}
        }
        view
    }
}

/// One line: `nas: immich-server-1 (immich-app/immich-server:v1.120.0, running, healthy)`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = |resynced: &bool| if *resynced { ", found by looking again" } else { "" };
        match self {
            Change::Full(inventory) => {
                let (hosts, containers) = (inventory.hosts().len(), inventory.containers().count());
                let unseen = inventory.hosts().filter(|host| !host.is_seen()).count();
                write!(f, "{containers} containers on {hosts} hosts")?;
                match unseen {
                    0 => Ok(()),
                    unseen => write!(f, ", of which {unseen} did not answer"),
                }
            }
            Change::Host(host) => match (&host.containers, host.gap()) {
                (None, Some(gap)) => write!(f, "{}: {gap}", host.host),
                (containers, _) => {
                    let count = containers.as_ref().map_or(0, Vec::len);
                    write!(f, "{}: {count} containers", host.host)
                }
            },
            Change::Container {
                host,
                container,
                resynced,
            } => write!(f, "{host}: {container}{}", again(resynced)),
            Change::Removed {
                host, name, resynced, ..
            } => write!(f, "{host}: {name} is gone{}", again(resynced)),
            Change::Images { host, images } => write!(f, "{host}: {} images", images.len()),
            Change::Volumes { host, volumes } => write!(f, "{host}: {} volumes", volumes.len()),
            Change::Networks { host, networks } => write!(f, "{host}: {} networks", networks.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{ContainerState, Gap, Health, Part};

    #[test]
    fn its_record_says_what_it_is_about() {
        let at = "2027-01-01T00:00:00Z".parse().expect("a time");
        let name = |name: &str| -> HostName { name.parse().expect("a name") };
        let mut nas = HostInventory::new(name("nas"), at, "docker 28.2.2");
        let mut kuma = Container::new("1", "kuma");
        kuma.state = ContainerState::Running;
        kuma.health = Some(Health::Healthy);
        nas.containers = Some(vec![kuma.clone()]);
        let mut attic = HostInventory::new(name("attic"), at, "ssh://attic");
        let kind = crate::ErrorKind::TimedOut;
        attic.gaps.push(Gap::new(Part::Engine, kind, "ask the engine"));
        let inventory = Inventory::new([nas, attic]);
        assert_eq!(
            inventory.to_string(),
            "attic: failed to ask the engine\nnas: kuma (, running, healthy)\n"
        );

        let full = Change::Full(inventory).view();
        assert_eq!((full.kind.as_str(), full.host), ("full", None));
        let seen: Vec<bool> = full.hosts.iter().map(|host| host.seen).collect();
        assert_eq!(seen, [false, true]);
        assert_eq!(full.hosts[0].gaps[0].kind, "timed_out");
        assert_eq!(full.text, "1 containers on 2 hosts, of which 1 did not answer");

        let view = Change::Container {
            host: name("nas"),
            container: kuma,
            resynced: true,
        }
        .view();
        assert_eq!(
            (view.kind.as_str(), view.host.as_deref()),
            ("container", Some("nas"))
        );
        assert_eq!(
            (
                view.name.as_deref(),
                view.state.as_deref(),
                view.health.as_deref()
            ),
            (Some("kuma"), Some("running"), Some("healthy"))
        );
        assert!(view.resynced && view.hosts.is_empty());
        let gone = Change::Removed {
            host: name("nas"),
            id: "1".to_owned(),
            name: "kuma".to_owned(),
            resynced: false,
        };
        assert_eq!(gone.view().kind, "removed");
        assert_eq!((gone.view().id.as_deref(), gone.view().state), (Some("1"), None));
    }
}
