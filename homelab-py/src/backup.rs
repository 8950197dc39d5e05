//! Which data there is, which copies of it count, and what a loss would leave.

use homelab_core as core;
use jiff::Timestamp;
use pyo3::prelude::*;

use crate::convert::{Record, equals_dict, hash};

/// What is known of a lab's copies: a verdict for each dataset. Its text is a table, with the reasons below it.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Survival(pub(crate) core::backup::Survival);

#[pymethods]
impl Survival {
    /// The moment that it speaks of, in UTC.
    #[getter]
    fn at(&self) -> Timestamp {
        self.0.at()
    }

    /// Whether any repository was asked. Where none was, nothing of copies is known.
    #[getter]
    fn was_asked(&self) -> bool {
        self.0.was_asked()
    }

    /// Returns how a command should end: 0 when every dataset meets 3-2-1 or needs no copy, 1 when one does not, 3 when
    /// none does not and something is not known: a verdict, whether data matters, or what a file says.
    fn exit_code(&self) -> u8 {
        self.0.exit_code()
    }

    /// Returns it as a record.
    fn view(&self) -> Record {
        Record::of("SurvivalView", &self.0.view())
    }

    /// Returns it as JSON, indented.
    fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// The datasets that were judged.
    fn __len__(&self) -> usize {
        self.0.verdicts().len()
    }

    /// That there is no data is an answer too.
    fn __bool__(&self) -> bool {
        true
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Survival: {} datasets>", self.0.verdicts().len())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0.view() == other.get().0.view());
        }
        Ok(equals_dict(other, &self.0.view())?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&(self.0.at(), self.0.verdicts().len()))
    }
}
