//! What people should and should not reach: `[[access.tests]]`.

use std::net::IpAddr;

use super::super::pattern::read::items;
use super::super::read::{Section, Value};
use super::{Host, Instance};
use crate::span::{Span, Spanned};

/// Who should see which services in their portal, and which not: an entry of `[[access.tests]]`.
#[derive(Clone)]
pub struct AccessTest {
    span: Span,
    who: Spanned<String>,
    sees: Vec<Spanned<String>>,
    not: Vec<Spanned<String>>,
    away: bool,
}

impl AccessTest {
    /// Returns where it is written.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns whom it is about: a person by the name of the file or by login, or whatever else the tailnet knows.
    pub fn who(&self) -> &Spanned<String> {
        &self.who
    }

    /// Returns the services and projects that they should see.
    pub fn sees(&self) -> &[Spanned<String>] {
        &self.sees
    }

    /// Returns whether it is about them away from home: what only the local network lets in is then none of its business.
    pub fn is_away(&self) -> bool {
        self.away
    }

    /// Returns the services and projects that they should not see.
    pub fn not(&self) -> &[Spanned<String>] {
        &self.not
    }
}

/// Shows how much it asks, not of whom.
impl std::fmt::Debug for AccessTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessTest")
            .field("sees", &self.sees.len())
            .field("not", &self.not.len())
            .finish_non_exhaustive()
    }
}

impl Instance {
    /// Returns what people should and should not reach, in the order of the file.
    pub fn access_tests(&self) -> &[AccessTest] {
        &self.access_tests
    }
}

impl Host {
    /// Returns its addresses in the local network and the tailnet, those of its interfaces included.
    pub(crate) fn every_address(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let interfaces = self.interfaces.iter().flat_map(|interface| &interface.addresses);
        let own = self.addresses.iter().map(|address| *address.value());
        own.chain(interfaces.map(|address| address.value().addr()))
    }

    /// Returns the addresses that the internet leads to wherever they stand, with their places: those of IPv4 which are
    /// nobody's own range, on interfaces of which the file does not say who is on the other side.
    ///
    /// One of IPv6 may be behind the router's firewall like any other of the home.
    pub(crate) fn global_addresses(&self) -> impl Iterator<Item = (IpAddr, &Span)> {
        let open = self
            .interfaces
            .iter()
            .filter(|interface| interface.zone.is_none());
        let of_interfaces = open.flat_map(|interface| &interface.addresses);
        let of_interfaces = of_interfaces.map(|address| (address.value().addr(), address.span()));
        let own = self
            .addresses
            .iter()
            .map(|address| (*address.value(), address.span()));
        own.chain(of_interfaces)
            .filter(|(address, _)| is_global(*address))
    }
}

/// Whether it is an address of IPv4 that IANA gives out for use on the internet (iana-ipv4-special-registry).
fn is_global(address: IpAddr) -> bool {
    let IpAddr::V4(v4) = address.to_canonical() else {
        return false;
    };
    let [a, b, c, _] = v4.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_for_tests = (a == 198 && (b == 18 || b == 19)) || v4.is_documentation();
    let is_special = a == 0 || a >= 224 || (a == 192 && b == 0 && c == 0);
    !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || is_shared || is_for_tests || is_special)
}

pub(super) fn read_tests(mut section: Section<'_>) -> Vec<AccessTest> {
    let list = section.get("tests");
    let list = list.and_then(|value| value.list("a list of tables, `[[access.tests]]`"));
    let tests = list.into_iter().flatten();
    let tests = tests.filter_map(|value| read_test(value.section()?)).collect();
    section.finish();
    tests
}

fn read_test(mut section: Section<'_>) -> Option<AccessTest> {
    let who = section.require("who").map(Value::text);
    let span = section.span();
    let sees = items(section.get("sees"), "a list of services", Value::text);
    let not = items(section.get("not"), "a list of services", Value::text);
    let away = section.get("away").and_then(Value::flag);
    section.finish();
    Some(AccessTest {
        span,
        who: who.flatten()?,
        sees,
        not,
        away: away.is_some_and(|away| *away.value()),
    })
}
