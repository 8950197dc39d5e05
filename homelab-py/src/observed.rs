//! `Observed`: everything that was seen, and when.

use std::collections::BTreeMap;

use homelab_core as core;
use homelab_core::observed;
use jiff::Timestamp;
use pyo3::prelude::*;

use crate::convert::{Record, or_now};
use crate::error::Result;
use crate::live::SeenInventory;
use crate::plan::Plan;

/// Everything that was seen, and when. Immutable; what was not looked at is absent.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Observed(pub(crate) core::Observed);

/// Returns what was seen, or "nothing was looked at, and it is now".
pub(crate) fn seen_or_now(seen: Option<&Observed>) -> core::Observed {
    seen.map_or_else(|| core::Observed::none(Timestamp::now()), |seen| seen.0.clone())
}

/// As [`seen_or_now`], of what a coroutine holds.
pub(crate) fn held_or_now(seen: Option<Py<Observed>>) -> core::Observed {
    seen_or_now(seen.as_ref().map(Py::get))
}

#[pymethods]
impl Observed {
    /// Returns the observation of a moment at which nothing was looked at: offline. The moment is now if not given, and
    /// must have a time zone.
    #[staticmethod]
    #[pyo3(signature = (at=None))]
    fn none(at: Option<Timestamp>) -> Self {
        Observed(core::Observed::none(or_now(at)))
    }

    /// The moment that the judges take as now, in UTC.
    #[getter]
    fn at(&self) -> Timestamp {
        self.0.at()
    }

    /// Returns the observation as of another moment: the judges take this one as now.
    #[pyo3(signature = (at, /))]
    fn with_at(&self, at: Timestamp) -> Self {
        Observed(self.0.clone().with_at(at))
    }

    /// The machine that the observation was made on, if it was looked at.
    #[getter]
    fn machine(&self) -> Option<Machine> {
        self.0.machine().map(|seen| Machine(seen.value().clone()))
    }

    /// Returns the observation with this as the machine that it was made on.
    #[pyo3(signature = (machine, /))]
    fn with_machine(&self, machine: &Machine) -> Self {
        Observed(self.0.clone().with_machine(machine.0.clone()))
    }

    /// The version control state of the lab's folder, if it was looked at.
    #[getter]
    fn worktree(&self) -> Option<Worktree> {
        self.0.worktree().map(|seen| Worktree(seen.value().clone()))
    }

    /// Returns the observation with this version control state.
    #[pyo3(signature = (worktree, /))]
    fn with_worktree(&self, worktree: &Worktree) -> Self {
        Observed(self.0.clone().with_worktree(worktree.0.clone()))
    }

    /// What the engines of all hosts have, if they were asked.
    #[getter]
    fn inventory(&self) -> Option<SeenInventory> {
        self.0.inventory().map(|seen| SeenInventory(seen.value().clone()))
    }

    /// Returns the observation with this as what the engines have: of `Engines.inventory`, or of `Changes.inventory`.
    #[pyo3(signature = (inventory, /))]
    fn with_inventory(&self, inventory: &SeenInventory) -> Self {
        Observed(self.0.clone().with_inventory(inventory.0.clone()))
    }

    /// What the repositories of backups hold, by name, if they were asked. One that did not answer is among them, with why.
    #[getter]
    fn backups(&self) -> Option<Vec<Record>> {
        let seen = self.0.backups()?;
        let view = |one: &observed::Holdings| Record::of("HoldingsView", &one.view());
        Some(seen.value().repositories().map(view).collect())
    }

    /// The runs that were killed midway and have left something, if they were looked for.
    #[getter]
    fn interrupted(&self) -> Option<Vec<Interrupted>> {
        let seen = self.0.interrupted()?;
        Some(seen.value().iter().cloned().map(Interrupted).collect())
    }

    /// Returns the plan that puts back what runs that were killed midway have left.
    fn plan_recover(&self) -> Plan {
        Plan(self.0.plan_recover())
    }

    fn __repr__(&self) -> String {
        let mut parts = vec![format!("<Observed at {}", self.0.at())];
        if self.0.machine().is_some() {
            parts.push("machine".into());
        }
        if self.0.worktree().is_some() {
            parts.push("worktree".into());
        }
        if self.0.inventory().is_some() {
            parts.push("inventory".into());
        }
        if self.0.interrupted().is_some() {
            parts.push("interrupted".into());
        }
        parts.join(", ") + ">"
    }
}

/// The machine that an observation was made on: what it calls itself, and where others find it.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Machine(observed::Machine);

#[pymethods]
impl Machine {
    /// Returns a machine of this name; interfaces are a dictionary from names to addresses such as `192.0.2.10/24`.
    #[new]
    #[pyo3(signature = (name, *, interfaces=None))]
    fn new(name: &str, interfaces: Option<BTreeMap<String, Vec<String>>>) -> Result<Self> {
        let mut machine = observed::Machine::new(name.parse().map_err(invalid)?);
        for (name, addresses) in interfaces.unwrap_or_default() {
            let addresses: core::Result<Vec<_>> = addresses
                .iter()
                .map(|text| text.parse().map_err(invalid))
                .collect();
            machine = machine.with_interface(name, addresses?);
        }
        Ok(Machine(machine))
    }

    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.0.name().as_str()
    }

    /// Its interfaces, each with its addresses.
    #[getter]
    fn interfaces(&self) -> BTreeMap<String, Vec<String>> {
        let texts = |(name, addresses): &(String, Vec<_>)| {
            (name.clone(), addresses.iter().map(ToString::to_string).collect())
        };
        self.0.interfaces().iter().map(texts).collect()
    }

    /// Shows its name alone: addresses are private.
    fn __repr__(&self) -> String {
        format!("Machine({:?})", self.0.name().as_str())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __hash__(&self) -> u64 {
        crate::convert::hash(&self.0.name())
    }
}

fn invalid(error: impl std::error::Error) -> core::Error {
    core::Error::new(core::ErrorKind::Invalid, format!("read the machine: {error}"))
}

/// Which of the lab's files are under version control, and how.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Worktree(observed::Worktree);

#[pymethods]
impl Worktree {
    /// Why nothing is known, where that is so.
    #[getter]
    fn why_unknown(&self) -> Option<&str> {
        self.0.why_unknown()
    }

    /// The repositories that the lab lies in or has, outermost first.
    #[getter]
    fn checkouts(&self) -> Vec<Checkout> {
        self.0.checkouts().iter().cloned().map(Checkout).collect()
    }

    /// Returns whether a file, relative to the lab's folder, is in a repository's index.
    #[pyo3(signature = (path, /))]
    fn is_tracked(&self, path: &str) -> bool {
        self.0.file(path).is_tracked()
    }

    fn __repr__(&self) -> String {
        match self.0.why_unknown() {
            Some(why) => format!("<Worktree: not known: {why}>"),
            None => format!("<Worktree: {} repositories>", self.0.checkouts().len()),
        }
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __hash__(&self) -> u64 {
        self.0.checkouts().len() as u64
    }
}

/// One repository, as far as the lab's folder shows it.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Checkout(observed::Checkout);

#[pymethods]
impl Checkout {
    /// Its folder, relative to the lab's; empty for the lab's own.
    #[getter]
    fn folder(&self) -> &str {
        self.0.folder()
    }

    /// The commit that is checked out.
    #[getter]
    fn commit(&self) -> Option<&str> {
        self.0.commit()
    }

    /// The branch that is checked out.
    #[getter]
    fn branch(&self) -> Option<&str> {
        self.0.branch()
    }

    /// The branch elsewhere that it follows.
    #[getter]
    fn upstream(&self) -> Option<&str> {
        self.0.upstream()
    }

    /// How many commits it is ahead of and behind its upstream, where both are known.
    #[getter]
    fn ahead_behind(&self) -> Option<(u64, u64)> {
        self.0.ahead_behind()
    }

    fn __repr__(&self) -> String {
        format!("Checkout({:?})", self.0.folder())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __hash__(&self) -> u64 {
        crate::convert::hash(&(self.0.folder(), self.0.commit()))
    }
}

/// A run that was killed midway, and what it may have left.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Interrupted(observed::Interrupted);

#[pymethods]
impl Interrupted {
    /// The run's own name.
    #[getter]
    fn run(&self) -> &str {
        self.0.run()
    }

    /// What its plan was for.
    #[getter]
    fn title(&self) -> &str {
        self.0.title()
    }

    /// When it began.
    #[getter]
    fn at(&self) -> Timestamp {
        self.0.at()
    }

    fn __repr__(&self) -> String {
        format!("<Interrupted {:?} at {}>", self.0.title(), self.0.at())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __hash__(&self) -> u64 {
        crate::convert::hash(&self.0.run())
    }
}
