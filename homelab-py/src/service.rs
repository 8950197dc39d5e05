//! `Service`.

use homelab_core as core;
use homelab_core::name::ServiceId;
use pyo3::prelude::*;

use crate::access::Exposure;
use crate::convert::{Word, hash};
use crate::error::Result;
use crate::observed::{Observed, held_or_now, seen_or_now};
use crate::runtime::{later, work};

/// One service on one machine.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Service {
    lab: core::Lab,
    id: ServiceId,
    host: Option<String>,
    tier: core::lab::Tier,
    image: Option<String>,
    place: core::Span,
}

impl Service {
    pub(crate) fn of(lab: &core::Lab, service: &core::ServiceRef<'_>) -> Self {
        let compose = service.service();
        Service {
            lab: lab.clone(),
            id: service.id().clone(),
            host: service.host().map(|host| host.name().to_string()),
            tier: service.tier(),
            image: compose.image.as_ref().map(|image| image.value.clone()),
            place: compose.span.clone(),
        }
    }
}

#[pymethods]
impl Service {
    /// Its identity: `immich/server`, or `nas:immich/server` where the lab says which machine runs it.
    #[getter]
    fn id(&self) -> String {
        self.id.to_string()
    }

    /// Its name within the project.
    #[getter]
    fn name(&self) -> &str {
        self.id.service().as_str()
    }

    /// The Compose project that it belongs to.
    #[getter]
    fn project(&self) -> &str {
        self.id.project().as_str()
    }

    /// The machine that runs it, where the lab says which.
    #[getter]
    fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Its project's tier.
    #[getter]
    fn tier(&self) -> Word {
        self.tier.into()
    }

    /// The image as resolved.
    #[getter]
    fn image(&self) -> Option<&str> {
        self.image.as_deref()
    }

    /// The file that declares it.
    #[getter]
    fn file(&self) -> &str {
        self.place.source().name()
    }

    /// The line that declares it, from 1.
    #[getter]
    fn line(&self) -> u32 {
        self.place.line()
    }

    /// Returns who can reach it.
    #[pyo3(signature = (seen=None))]
    fn exposure(&self, py: Python<'_>, seen: Option<&Observed>) -> Result<Exposure> {
        let (lab, seen, name) = (self.lab.clone(), seen_or_now(seen), self.id.to_string());
        Ok(Exposure(work(py, move || lab.exposure(&name, &seen))??))
    }

    /// As `exposure`, awaited.
    #[pyo3(signature = (seen=None))]
    async fn exposure_async(&self, seen: Option<Py<Observed>>) -> Result<Exposure> {
        let (lab, seen, name) = (self.lab.clone(), held_or_now(seen), self.id.to_string());
        Ok(Exposure(later(move || lab.exposure(&name, &seen)).await??))
    }

    fn __str__(&self) -> String {
        self.id.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Service({:?})", self.id.to_string())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.id == other.id && self.lab.root() == other.lab.root()
    }

    fn __hash__(&self) -> u64 {
        hash(&self.id)
    }
}
