//! Asks the machine what it is called, what it is, and on which networks.

#![expect(clippy::disallowed_methods, reason = "what a machine is shows in its files")]

#[cfg(feature = "tools")]
use std::collections::BTreeMap;
use std::path::Path;

#[cfg(feature = "tools")]
use ipnet::IpNet;

use crate::lab::HostKind;
use crate::observed::Machine;

/// Files and folders that one kind of machine has.
const SIGNS: &[(&str, HostKind)] = &[
    ("/etc/unraid-version", HostKind::Unraid),
    ("/etc/synoinfo.conf", HostKind::Synology),
    ("/usr/bin/midclt", HostKind::TrueNas),
    ("/etc/pve", HostKind::Proxmox),
];

/// Returns this machine, unless its name is none that a lab could use.
pub(super) fn read() -> Option<Machine> {
    let about = rustix::system::uname();
    let name = about.nodename().to_str().ok()?;
    // The first part only: the rest is the network's.
    let mut machine = Machine::new(name.split('.').next()?.parse().ok()?);
    let sign = SIGNS.iter().find(|(path, _)| Path::new(path).exists());
    let kind = sign.map(|(_, kind)| *kind);
    if let Some(kind) = kind.or(cfg!(target_os = "macos").then_some(HostKind::MacOs)) {
        machine = machine.with_kind(kind);
    }
    Some(with_interfaces(machine))
}

#[cfg(not(feature = "tools"))]
fn with_interfaces(machine: Machine) -> Machine {
    machine
}

/// Adds the interfaces that others can be on; none where the system does not tell.
#[cfg(feature = "tools")]
fn with_interfaces(machine: Machine) -> Machine {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let networks = all.into_iter().filter_map(|interface| {
        let (address, length) = match interface.addr {
            if_addrs::IfAddr::V4(own) => (own.ip.into(), own.prefixlen),
            if_addrs::IfAddr::V6(own) => (own.ip.into(), own.prefixlen),
        };
        Some((interface.name, IpNet::new(address, length).ok()?))
    });
    listed(machine, networks)
}

#[cfg(feature = "tools")]
fn listed(mut machine: Machine, networks: impl Iterator<Item = (String, IpNet)>) -> Machine {
    let mut found: BTreeMap<String, Vec<IpNet>> = BTreeMap::new();
    for (name, network) in networks {
        let inner = ["lo", "docker", "br-", "veth"];
        if !inner.iter().any(|inner| name.starts_with(inner)) {
            found.entry(name).or_default().push(network);
        }
    }
    for (name, networks) in found {
        machine = machine.with_interface(name, networks);
    }
    machine
}

#[cfg(all(test, feature = "tools"))]
mod tests {
    use super::*;

    #[test]
    fn interfaces_of_the_engine_and_the_machine_itself_are_left_out() {
        let networks = [
            ("lo", "127.0.0.1/8"),
            ("eth0", "192.0.2.10/24"),
            ("docker0", "172.17.0.1/16"),
            ("eth0", "2001:db8::1/64"),
        ];
        let networks = networks.map(|(name, network)| (name.to_owned(), network.parse().expect("a network")));
        let machine = listed(Machine::new("nas".parse().expect("a name")), networks.into_iter());
        let addresses: Vec<String> = machine
            .interfaces()
            .iter()
            .map(|(name, list)| format!("{name} {list:?}"))
            .collect();
        assert_eq!(addresses, ["eth0 [192.0.2.10/24, 2001:db8::1/64]"]);
    }

    #[test]
    fn this_machine_has_a_name() {
        assert!(read().is_some());
    }
}
