//! What becomes different on engines: [`Change`].

use std::fmt;

use super::{Container, HostInventory, Image, Inventory, Network, Volume};
use crate::name::HostName;

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
