//! Asks the machine what it is called, what it is, and on which networks.

#![expect(clippy::disallowed_methods, reason = "what a machine is shows in its files")]

use std::path::Path;

use crate::cancel::Cancel;
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
pub(super) fn read(cancel: &Cancel) -> Option<Machine> {
    let about = rustix::system::uname();
    let name = about.nodename().to_str().ok()?;
    // The first part only: the rest is the network's.
    let mut machine = Machine::new(name.split('.').next()?.parse().ok()?);
    let sign = SIGNS.iter().find(|(path, _)| Path::new(path).exists());
    let kind = sign.map(|(_, kind)| *kind);
    if let Some(kind) = kind.or(cfg!(target_os = "macos").then_some(HostKind::MacOs)) {
        machine = machine.with_kind(kind);
    }
    Some(with_interfaces(machine, cancel))
}

#[cfg(not(feature = "tools"))]
fn with_interfaces(machine: Machine, _: &Cancel) -> Machine {
    machine
}

/// Adds the interfaces that others can be on; none where there is no program `ip`.
#[cfg(feature = "tools")]
fn with_interfaces(machine: Machine, cancel: &Cancel) -> Machine {
    let command = crate::process::Command::new("ip")
        .with_arguments(["-o", "address"])
        .with_inherited(["PATH"])
        .with_variable("LC_ALL", "C")
        .with_time_limit(std::time::Duration::from_secs(5));
    match command.run_blocking(cancel) {
        Ok(output) => listed(machine, &String::from_utf8_lossy(output.stdout())),
        Err(_) => machine,
    }
}

#[cfg(feature = "tools")]
fn listed(mut machine: Machine, text: &str) -> Machine {
    let mut found: std::collections::BTreeMap<&str, Vec<ipnet::IpNet>> = Default::default();
    for line in text.lines() {
        // `2: eth0    inet 192.0.2.10/24 ...`
        let mut words = line.split_whitespace().skip(1).step_by(2);
        let (Some(name), Some(Ok(address))) = (words.next(), words.next().map(str::parse)) else {
            continue;
        };
        let inner = ["lo", "docker", "br-", "veth"];
        if !inner.iter().any(|inner| name.starts_with(inner)) {
            found.entry(name).or_default().push(address);
        }
    }
    for (name, addresses) in found {
        machine = machine.with_interface(name, addresses);
    }
    machine
}

#[cfg(all(test, feature = "tools"))]
mod tests {
    use super::*;

    #[test]
    fn interfaces_of_the_engine_and_the_machine_itself_are_left_out() {
        let text = "1: lo    inet 127.0.0.1/8 scope host lo\\ valid_lft forever\n\
            2: eth0    inet 192.0.2.10/24 brd 192.0.2.255 scope global eth0\n\
            2: eth0    inet6 2001:db8::1/64 scope global\n\
            3: docker0    inet 172.17.0.1/16 scope global docker0\n\
            4: tun0    inet 198.51.100.1 peer 198.51.100.2/32 scope global tun0\n\
            not a line\n";
        let machine = listed(Machine::new("nas".parse().expect("a name")), text);
        let addresses: Vec<String> = machine
            .interfaces()
            .iter()
            .map(|(name, list)| format!("{name} {list:?}"))
            .collect();
        assert_eq!(addresses, ["eth0 [192.0.2.10/24, 2001:db8::1/64]"]);
    }

    #[test]
    fn this_machine_has_a_name() {
        assert!(read(&Cancel::new()).is_some());
    }
}
