//! What an address of a machine means: who can come in by it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::path::{Unknown, UnknownKind, Zones};
use crate::compose::Protocol;
use crate::finding::Evidence;
use crate::lab::{Host, Instance, PortRange, Tailnet};
use crate::name::HostName;
use crate::view::Reach;

/// A port that the router hands to the machine.
#[derive(Clone, Debug)]
pub(super) struct Forward {
    /// The ports on the router.
    pub(super) port: PortRange,
    /// The ports of the machine.
    pub(super) target: PortRange,
    pub(super) protocols: Vec<Protocol>,
    pub(super) evidence: Evidence,
}

impl Forward {
    /// Returns which of these ports of the machine it leads to.
    pub(super) fn meets(&self, (first, last): (u16, u16), protocol: Protocol) -> Option<(u16, u16)> {
        let (first, last) = (first.max(self.target.first()), last.min(self.target.last()));
        (first <= last && self.protocols.contains(&protocol)).then_some((first, last))
    }
}

/// What is known of a machine's addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct HostFacts {
    pub(super) name: Option<HostName>,
    /// Whether the instance says both which public addresses it has and what is forwarded to it, be it none.
    pub(super) known: bool,
    /// Whether it is a device of the tailnet.
    pub(super) tailnet: bool,
    /// Shows that the tailnet is passed on to 127.0.0.1, and whether that is sure.
    pub(super) loopback: Option<(bool, Evidence)>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) public_addresses: Vec<IpAddr>,
    /// The names of its interfaces, with their addresses.
    pub(super) interfaces: Vec<(String, Vec<IpAddr>)>,
    /// Who is on the other side of single addresses, where the instance says.
    pub(super) interface_zones: Vec<(IpAddr, Reach)>,
    /// The tailnet's prefixes, where the instance says; else those that every tailnet has.
    pub(super) tailnet_prefixes: Vec<IpNet>,
    pub(super) forwards: Vec<Forward>,
    /// What the instance says about it, for evidence.
    pub(super) evidence: Option<Evidence>,
}

/// Who comes in by an address.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    pub(super) zone: Reach,
    pub(super) zones: Zones,
    pub(super) at_most: Reach,
    pub(super) unknown: Option<Unknown>,
    /// Shows what of this is not of the address alone.
    pub(super) evidence: Option<Evidence>,
    /// Whether a router's forward to the machine arrives at it.
    pub(super) forwardable: bool,
    pub(super) words: &'static str,
}

impl HostFacts {
    /// Returns what the instance says of a machine.
    pub(super) fn new(name: Option<&HostName>, host: Option<&Host>, instance: &Instance) -> Self {
        let tailnet_prefixes = match instance.tailnet() {
            Some(tailnet) => tailnet.prefixes().iter().map(|prefix| *prefix.value()).collect(),
            None => Vec::new(),
        };
        let mut facts = HostFacts {
            name: name.cloned(),
            tailnet_prefixes,
            ..HostFacts::default()
        };
        let Some(host) = host else {
            return facts;
        };
        facts.known =
            host.public_addresses().is_some() && host.forwards().is_some() && host.forwards_understood();
        facts
            .addresses
            .extend(host.addresses().iter().map(|address| *address.value()));
        let public = host.public_addresses().unwrap_or_default();
        facts
            .public_addresses
            .extend(public.iter().map(|address| *address.value()));
        for interface in host.interfaces() {
            let addresses = interface.addresses().iter().map(|address| address.value().addr());
            facts
                .interfaces
                .push((interface.name().to_owned(), addresses.collect()));
            for address in interface.addresses() {
                let address = address.value().addr();
                facts.addresses.push(address);
                match interface.zone() {
                    Some(Reach::Internet) => facts.public_addresses.push(address),
                    Some(zone) => facts.interface_zones.push((address, zone)),
                    None => {}
                }
            }
        }
        for (address, place) in host.global_addresses() {
            if facts.is_tailnet(address) || facts.public_addresses.contains(&address) {
                continue;
            }
            facts.public_addresses.push(address);
            let text = format!("`{address}` of `{}` is a public address", host.name());
            facts.evidence.get_or_insert_with(|| Evidence::at(text, place));
        }
        facts.tailnet = facts.addresses.iter().any(|&address| facts.is_tailnet(address))
            || facts
                .interface_zones
                .iter()
                .any(|(_, zone)| *zone == Reach::Tailnet);
        facts
            .forwards
            .extend(host.forwards().unwrap_or_default().iter().map(|forward| Forward {
                port: forward.port(),
                target: forward.target(),
                protocols: forward.protocols().to_vec(),
                evidence: Evidence::at(
                    format!("the router forwards port {}", forward.port()),
                    forward.span(),
                ),
            }));
        if let Some(address) = public.first() {
            let text = format!("`{}` has a public address", host.name());
            facts.evidence = Some(Evidence::at(text, address.span()));
        }
        facts
    }

    /// Returns who comes in by a socket that is bound to this address; none is all interfaces.
    pub(super) fn meaning(&self, address: Option<IpAddr>) -> Meaning {
        let Some(address) = address.map(|address| address.to_canonical()) else {
            return self.all_interfaces(true, true);
        };
        if address.is_unspecified() {
            // An IPv6 wildcard published by an engine takes IPv6 only.
            return self.all_interfaces(address.is_ipv4(), address.is_ipv6());
        }
        let is_local = address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST;
        if is_local && let Some((sure, evidence)) = &self.loopback {
            let mut meaning = if *sure {
                Meaning::known(Reach::Tailnet, false, "this machine, and the tailnet")
            } else {
                Meaning::known(Reach::Host, false, "this machine, and perhaps the tailnet")
            };
            meaning.evidence = Some(evidence.clone());
            if !sure {
                meaning.at_most = Reach::Tailnet;
                let why = "whether the tailnet is passed on to 127.0.0.1: `TS_USERSPACE` has no known value";
                meaning.unknown = Some(Unknown::new(UnknownKind::Host, why));
            }
            return meaning;
        }
        if address.is_loopback() || is_bridge_gateway(address) {
            let words = if address.is_loopback() {
                "this machine only"
            } else {
                "the engine's own bridge: this machine and its containers"
            };
            return Meaning::known(Reach::Host, false, words);
        }
        if let Some((_, zone)) = self.interface_zones.iter().find(|(own, _)| *own == address) {
            return Meaning::known(
                *zone,
                *zone == Reach::Lan,
                "an address of an interface that the instance names",
            );
        }
        if self.is_tailnet(address) {
            return Meaning::known(Reach::Tailnet, false, "an address of the tailnet");
        }
        let foreign = !self.addresses.contains(&address) && !is_private(address) && !is_link_local(address);
        if self.public_addresses.contains(&address) || foreign {
            return Meaning::known(Reach::Internet, true, "a public address");
        }
        if self.known {
            return Meaning::known(Reach::Lan, true, "an address of the local network");
        }
        Meaning {
            at_most: Reach::Internet,
            unknown: Some(self.question()),
            ..Meaning::known(Reach::Lan, true, "an address of the local network")
        }
    }

    fn all_interfaces(&self, v4: bool, v6: bool) -> Meaning {
        let public = self
            .public_addresses
            .iter()
            .any(|address| (address.is_ipv4() && v4) || (address.is_ipv6() && v6));
        let mut meaning = if public {
            Meaning::known(
                Reach::Internet,
                true,
                "all interfaces of a machine with a public address",
            )
        } else {
            Meaning::known(Reach::Lan, true, "all interfaces")
        };
        if self.tailnet {
            meaning.zones = meaning.zones.and(Reach::Tailnet);
        }
        if !public && !self.known {
            meaning.at_most = Reach::Internet;
            meaning.unknown = Some(self.question());
        }
        meaning
    }

    pub(super) fn is_tailnet(&self, address: IpAddr) -> bool {
        match self.tailnet_prefixes.as_slice() {
            [] => Tailnet::default_prefixes()
                .iter()
                .any(|range| range.contains(&address)),
            own => own.iter().any(|range| range.contains(&address)),
        }
    }

    fn question(&self) -> Unknown {
        Unknown::new(
            UnknownKind::Host,
            match &self.name {
                Some(name) => format!("whether `{name}` has a public address or a forward from the router"),
                None => "whether its machine has a public address or a forward from the router".to_owned(),
            },
        )
    }
}

impl Meaning {
    fn known(zone: Reach, forwardable: bool, words: &'static str) -> Self {
        Meaning {
            zone,
            zones: Zones::up_to(zone),
            at_most: zone,
            unknown: None,
            evidence: None,
            forwardable,
            words,
        }
    }
}

/// Whether it is the gateway of Docker's first bridge, which no other machine reaches without a route.
fn is_bridge_gateway(address: IpAddr) -> bool {
    address == IpAddr::from([172, 17, 0, 1])
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(facts: &HostFacts, address: &str) -> (Reach, Reach) {
        let address = (address != "*").then(|| address.parse().expect(address));
        let meaning = facts.meaning(address);
        assert_eq!(
            meaning.unknown.is_some(),
            meaning.at_most > meaning.zone,
            "{address:?}"
        );
        (meaning.zone, meaning.at_most)
    }

    #[test]
    fn an_address_means_who_can_come_in_by_it() {
        use Reach::*;
        let nothing_known = HostFacts::default();
        for (address, expected) in [
            ("*", (Lan, Internet)),
            ("0.0.0.0", (Lan, Internet)),
            ("::", (Lan, Internet)),
            ("127.0.0.1", (Host, Host)),
            ("127.0.0.53", (Host, Host)),
            ("::1", (Host, Host)),
            ("::ffff:127.0.0.1", (Host, Host)),
            ("172.17.0.1", (Host, Host)),
            ("100.64.0.1", (Tailnet, Tailnet)),
            ("100.127.255.254", (Tailnet, Tailnet)),
            ("100.128.0.1", (Internet, Internet)),
            ("100.63.255.255", (Internet, Internet)),
            ("fd7a:115c:a1e0::1", (Tailnet, Tailnet)),
            ("fd00::1", (Lan, Internet)),
            ("fe80::1", (Lan, Internet)),
            ("192.168.1.10", (Lan, Internet)),
            ("10.8.0.1", (Lan, Internet)),
            ("8.8.8.8", (Internet, Internet)),
        ] {
            assert_eq!(meaning(&nothing_known, address), expected, "{address}");
        }
    }

    #[test]
    fn all_interfaces_means_what_the_interfaces_mean() {
        let behind_nat = HostFacts {
            known: true,
            tailnet: true,
            addresses: vec![
                "192.168.1.10".parse().expect("v4"),
                "100.101.1.2".parse().expect("v4"),
            ],
            ..HostFacts::default()
        };
        assert_eq!(meaning(&behind_nat, "*"), (Reach::Lan, Reach::Lan));
        assert_eq!(
            behind_nat.meaning(None).zones.to_vec(),
            [Reach::Host, Reach::Tailnet, Reach::Lan]
        );
        let v6_only = HostFacts {
            known: true,
            addresses: vec!["192.168.1.10".parse().expect("v4")],
            public_addresses: vec!["2001:db8::5".parse().expect("v6")],
            ..HostFacts::default()
        };
        assert_eq!(meaning(&v6_only, "*").0, Reach::Internet);
        assert_eq!(
            meaning(&v6_only, "0.0.0.0").0,
            Reach::Lan,
            "its only public address is IPv6"
        );
        assert_eq!(meaning(&v6_only, "::").0, Reach::Internet);
    }

    #[test]
    fn a_tailnet_may_have_prefixes_of_its_own() {
        let facts = HostFacts {
            tailnet_prefixes: vec!["10.99.0.0/16".parse().expect("a prefix")],
            ..HostFacts::default()
        };
        assert_eq!(meaning(&facts, "10.99.3.4"), (Reach::Tailnet, Reach::Tailnet));
    }
}
