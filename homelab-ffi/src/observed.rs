//! What was seen, and when.

use std::collections::HashMap;
use std::net::IpAddr;

use homelab_core::lab::HostKind;
use homelab_core::view::HoldingsView;
use homelab_core::{Error, ErrorKind, HostName, InvalidName, observed};
use ipnet::IpNet;
use jiff::Timestamp;

use crate::error::HomelabError;
use crate::live::Inventory;
use crate::plan::Plan;

/// The machine that an observation was made on: what it calls itself, and where others find it.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Which kind of machine it is, where that shows.
    #[uniffi(default = None)]
    pub kind: Option<HostKind>,
    /// Its interfaces that others can be on, each with its addresses: `192.168.1.10/24`.
    #[uniffi(default)]
    pub interfaces: HashMap<String, Vec<String>>,
}

/// Everything that was seen of a lab, and when.
#[derive(Debug, uniffi::Object)]
pub struct Observed(pub(crate) homelab_core::Observed);

#[uniffi::export]
impl Observed {
    /// Returns the observation of somebody who saw nothing at this moment (RFC 3339): the clock's where none is given.
    #[uniffi::constructor(default(at = None))]
    pub fn none(at: Option<String>) -> Result<Self, HomelabError> {
        let at = match at {
            None => Timestamp::now(),
            Some(text) => moment(&text)?,
        };
        Ok(Observed(homelab_core::Observed::none(at)))
    }

    /// Returns the observation as of another moment (RFC 3339), which judges take for now.
    pub fn with_at(&self, at: &str) -> Result<Observed, HomelabError> {
        Ok(Observed(self.0.clone().with_at(moment(at)?)))
    }

    /// Returns the observation with this as the machine that it was made on.
    pub fn with_machine(&self, machine: Machine) -> Result<Observed, HomelabError> {
        Ok(Observed(self.0.clone().with_machine(machine.parse()?)))
    }

    /// Returns the machine that the observation was made on, if it was looked at.
    pub fn machine(&self) -> Option<Machine> {
        self.0.machine().map(|seen| Machine::of(seen.value()))
    }

    /// Returns what the engines of all hosts have, if they were asked.
    pub fn inventory(&self) -> Option<std::sync::Arc<Inventory>> {
        let seen = self.0.inventory()?;
        Some(std::sync::Arc::new(Inventory(seen.value().clone())))
    }

    /// Returns the observation with this as what the engines have: of `Engines.inventory`, or of `Changes.inventory`.
    pub fn with_inventory(&self, inventory: &Inventory) -> Observed {
        Observed(self.0.clone().with_inventory(inventory.0.clone()))
    }

    /// Returns what the repositories of backups hold, by name, if they were asked. One that did not answer is among them,
    /// with why.
    pub fn backups(&self) -> Option<Vec<HoldingsView>> {
        let seen = self.0.backups()?;
        Some(seen.value().repositories().map(|one| one.view()).collect())
    }

    /// Returns the plan that puts back what runs that were killed midway have left: empty when there are none.
    pub fn plan_recover(&self) -> Plan {
        Plan(self.0.plan_recover())
    }

    /// Returns the moment that judges take for now, RFC 3339.
    pub fn at(&self) -> String {
        self.0.at().to_string()
    }
}

/// What was seen, or nothing at this moment.
pub(crate) fn or_now(seen: Option<&Observed>) -> homelab_core::Observed {
    seen.map_or_else(
        || homelab_core::Observed::none(Timestamp::now()),
        |seen| seen.0.clone(),
    )
}

pub(crate) fn moment(text: &str) -> Result<Timestamp, HomelabError> {
    Ok(text.parse().map_err(|error: jiff::Error| {
        Error::new(ErrorKind::Invalid, format!("read the time `{text}`"))
            .with_hint("write a time such as 2027-01-31T12:00:00Z")
            .with_source(error)
    })?)
}

impl Machine {
    fn of(machine: &observed::Machine) -> Self {
        let texts = |addresses: &[IpNet]| addresses.iter().map(ToString::to_string).collect();
        let mut interfaces: HashMap<String, Vec<String>> = HashMap::new();
        for (name, addresses) in machine.interfaces() {
            let known: Vec<String> = texts(addresses);
            interfaces.entry(name.clone()).or_default().extend(known);
        }
        Machine {
            name: machine.name().to_string(),
            kind: machine.kind(),
            interfaces,
        }
    }

    fn parse(self) -> Result<observed::Machine, HomelabError> {
        let Machine {
            name,
            kind,
            interfaces,
        } = self;
        let parsed: Result<HostName, InvalidName> = name.parse();
        let mut machine = observed::Machine::new(parsed.map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("read the machine's name `{name}`")).with_source(error)
        })?);
        if let Some(kind) = kind {
            machine = machine.with_kind(kind);
        }
        let mut interfaces: Vec<_> = interfaces.into_iter().collect();
        interfaces.sort();
        for (name, addresses) in interfaces {
            let addresses: Result<Vec<IpNet>, HomelabError> =
                addresses.iter().map(|text| network(text)).collect();
            machine = machine.with_interface(name, addresses?);
        }
        Ok(machine)
    }
}

fn network(text: &str) -> Result<IpNet, HomelabError> {
    let parsed = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    Ok(parsed.map_err(|error| {
        Error::new(ErrorKind::Invalid, format!("read the address `{text}`"))
            .with_hint("write an address such as 192.168.1.10 or 192.168.1.10/24")
            .with_source(error)
    })?)
}
