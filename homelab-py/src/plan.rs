//! `Plan` and `Outcome`.

use homelab_core as core;
use pyo3::prelude::*;

use crate::convert::{Record, Word, equals_dict, hash};
use crate::error::Result;

/// What an operation would do. Printing it is the dry run; nothing happens until it is applied.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Plan(pub(crate) core::Plan);

#[pymethods]
impl Plan {
    /// The plan's identity, made of its content.
    #[getter]
    fn id(&self) -> &str {
        self.0.id().as_str()
    }

    /// What it is for.
    #[getter]
    fn title(&self) -> &str {
        self.0.title()
    }

    /// Its steps in their order.
    #[getter]
    fn steps(&self) -> Vec<Record> {
        self.0
            .steps()
            .iter()
            .map(|step| Record::of("StepView", &step.view()))
            .collect()
    }

    /// Returns the steps with what they write and change.
    fn details(&self) -> String {
        format!("{:#}", self.0)
    }

    /// Returns the plan as a record.
    fn view(&self) -> Record {
        Record::of("PlanView", &self.0.view())
    }

    /// Applies the plan to a world.
    ///
    /// In a `World` it begins at once and returns an `Operation` to await; in a `SyncWorld` it returns the outcome when it
    /// is done. `progress` is called with each event. A partial outcome raises `Incomplete` unless `allow_partial`.
    #[pyo3(signature = (world, *, progress=None, allow_partial=false))]
    fn apply<'py>(
        slf: &Bound<'py, Self>,
        world: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
        allow_partial: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        world.call_method1("_apply", (slf, progress, allow_partial))
    }

    fn __len__(&self) -> usize {
        self.0.steps().len()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Plan {:?}: {} steps>", self.0.title(), self.0.steps().len())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0 == other.get().0);
        }
        Ok(equals_dict(other, &self.0.view())?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&self.0.id())
    }
}

/// What became of a plan that was applied.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Outcome(pub(crate) core::Outcome);

#[pymethods]
impl Outcome {
    /// How much of it was done.
    #[getter]
    fn status(&self) -> Word {
        self.0.status().into()
    }

    /// What became of each step, in their order.
    #[getter]
    fn steps(&self) -> Vec<Record> {
        self.0
            .steps()
            .iter()
            .map(|step| Record::of("StepResultView", &step.view()))
            .collect()
    }

    /// Raises `Incomplete` when a part was left out.
    fn complete(&self) -> Result<()> {
        Ok(self.0.complete()?)
    }

    /// Returns the outcome as a record.
    fn view(&self) -> Record {
        Record::of("OutcomeView", &self.0.view())
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Outcome {}: {} steps>", self.0.status(), self.0.steps().len())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0 == other.get().0);
        }
        Ok(equals_dict(other, &self.0.view())?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&(self.0.status(), self.0.steps().len()))
    }
}
