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
