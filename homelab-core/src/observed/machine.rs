//! The machine that an observation was made on: [`Machine`].

use std::fmt;

use ipnet::IpNet;

use crate::lab::{Host, HostKind};
use crate::name::HostName;

/// The machine that an observation was made on: what it calls itself, and where others find it.
#[derive(Clone, PartialEq, Eq)]
pub struct Machine {
    name: HostName,
    kind: Option<HostKind>,
    interfaces: Vec<(String, Vec<IpNet>)>,
}

impl Machine {
    /// Returns a machine of this name of which nothing else is known.
    pub fn new(name: HostName) -> Self {
        Machine {
            name,
            kind: None,
            interfaces: Vec::new(),
        }
    }

    /// Sets what kind of machine it is.
    #[must_use]
    pub fn with_kind(mut self, kind: HostKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Adds an interface that others can be on, with the machine's addresses there.
    #[must_use]
    pub fn with_interface(
        mut self,
        name: impl Into<String>,
        addresses: impl IntoIterator<Item = IpNet>,
    ) -> Self {
        self.interfaces
            .push((name.into(), addresses.into_iter().collect()));
        self
    }

    /// Returns its name.
    pub fn name(&self) -> &HostName {
        &self.name
    }

    /// Returns what kind of machine it is, where that shows.
    pub fn kind(&self) -> Option<HostKind> {
        self.kind
    }

    /// Returns whether it is a host of a lab: it has its name, or one of its addresses.
    pub fn is(&self, host: &Host) -> bool {
        let interfaces = host
            .interfaces()
            .iter()
            .flat_map(|interface| interface.addresses());
        let addresses = host.addresses().iter().map(|address| *address.value());
        let own: Vec<_> = addresses
            .chain(interfaces.map(|network| network.value().addr()))
            .collect();
        let mut networks = self.interfaces.iter().flat_map(|(_, networks)| networks);
        host.name().as_str().eq_ignore_ascii_case(self.name.as_str())
            || networks.any(|network| own.contains(&network.addr()))
    }

    /// Returns its interfaces, each with its addresses.
    pub fn interfaces(&self) -> &[(String, Vec<IpNet>)] {
        &self.interfaces
    }
}

/// Shows how many interfaces there are: names and addresses are private.
impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("kind", &self.kind)
            .field("interfaces", &self.interfaces.len())
            .finish_non_exhaustive()
    }
}
