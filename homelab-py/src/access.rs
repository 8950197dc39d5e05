//! `Exposure`: who can reach a service.

use homelab_core::access;
use pyo3::prelude::*;

use crate::convert::{Record, Word, equals_dict, hash};

/// The verdict on one service: who can reach it, and by which paths.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Exposure(pub(crate) access::Exposure);

#[pymethods]
impl Exposure {
    /// The service's identity: `immich/server`.
    #[getter]
    fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// The widest zone that is known to come in.
    #[getter]
    fn reach(&self) -> Word {
        self.0.reach().into()
    }

    /// The widest zone that could come in, if what is not known turned out badly.
    #[getter]
    fn at_most(&self) -> Word {
        self.0.at_most().into()
    }

    /// Every zone that is known to come in, narrowest first.
    #[getter]
    fn zones(&self) -> Vec<Word> {
        self.0.zones().iter().map(|&zone| zone.into()).collect()
    }

    /// Every way that leads to it, widest first.
    #[getter]
    fn paths(&self) -> Vec<Record> {
        self.0
            .paths()
            .iter()
            .map(|path| Record::of("PathView", &path.view()))
            .collect()
    }

    /// What is not known, and makes `at_most` wider than `reach`.
    #[getter]
    fn unknowns(&self) -> Vec<String> {
        self.0.unknowns().iter().map(ToString::to_string).collect()
    }

    /// The file that declares the service.
    #[getter]
    fn file(&self) -> &str {
        self.0.place().source().name()
    }

    /// The line that declares the service, from 1.
    #[getter]
    fn line(&self) -> u32 {
        self.0.place().line()
    }

    /// Returns the verdict as a record.
    fn view(&self) -> Record {
        Record::of("ServiceView", &self.0.view())
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!(
            "<Exposure {}: {}, at most {}>",
            self.0.id(),
            self.0.reach(),
            self.0.at_most()
        )
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0 == other.get().0);
        }
        Ok(equals_dict(other, &self.0.view())?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&(self.0.id(), self.0.reach()))
    }
}
