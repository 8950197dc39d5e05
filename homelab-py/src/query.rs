//! `Query`, the one table of questions, and `Posture`.

use homelab_core as core;
use homelab_core::{Answer, Reach};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::convert::{Record, equals_dict, hash, to_python};
use crate::error::Result;
use crate::finding::{Finding, Report};
use crate::lab::Lab;
use crate::observed::{Observed, held_or_now, seen_or_now};
use crate::runtime::{later, work};

/// A question about a lab: from a line of text, `findings severity=error`, or a dictionary, `{"question": "posture"}`.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Query(core::Query);

#[pymethods]
impl Query {
    /// The words that questions begin with.
    #[classattr]
    const WORDS: &'static [&'static str] = core::Query::WORDS;

    #[new]
    #[pyo3(signature = (question, /))]
    fn new(question: &Bound<'_, PyAny>) -> Result<Self> {
        if let Ok(text) = question.cast::<PyString>() {
            return Ok(Query(text.to_cow()?.parse()?));
        }
        if !question.is_instance_of::<PyDict>() {
            return Err(PyTypeError::new_err("a question is a text or a dictionary").into());
        }
        let json = PyModule::import(question.py(), "json")?.call_method1("dumps", (question,))?;
        let query = serde_json::from_str(&json.extract::<String>()?).map_err(|error| {
            core::Error::new(core::ErrorKind::Invalid, format!("read the question: {error}"))
        })?;
        Ok(Query(query))
    }

    /// Returns the answer of this lab: the record, or the list of records, of its kind.
    #[pyo3(signature = (lab, /, seen=None))]
    fn answer(&self, py: Python<'_>, lab: &Lab, seen: Option<&Observed>) -> Result<Answered> {
        let (query, lab, seen) = (self.0.clone(), lab.0.clone(), seen_or_now(seen));
        Ok(Answered(work(py, move || query.answer(&lab, &seen))??))
    }

    /// As `answer`, awaited.
    #[pyo3(signature = (lab, /, seen=None))]
    async fn answer_async(&self, lab: Py<Lab>, seen: Option<Py<Observed>>) -> Result<Answered> {
        let (query, lab, seen) = (self.0.clone(), lab.get().0.clone(), held_or_now(seen));
        Ok(Answered(later(move || query.answer(&lab, &seen)).await??))
    }

    /// Returns the question as a dictionary.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = serde_json::to_value(&self.0).expect("questions are words and texts");
        to_python(py, &value)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Query({:?})", self.0.to_string())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0 == other.get().0);
        }
        Ok(equals_dict(other, &self.0)?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&self.0.to_string())
    }

    /// A question is its text: that is how it is pickled.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (String,)) {
        (slf.get_type().into_any(), (slf.get().0.to_string(),))
    }
}

/// An answer on its way to the record, or the list of records, of its kind.
pub(crate) struct Answered(Answer);

impl<'py> IntoPyObject<'py> for Answered {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fn all<'py, T: serde::Serialize>(
            py: Python<'py>,
            name: &'static str,
            views: &[T],
        ) -> PyResult<Bound<'py, PyAny>> {
            let records: Vec<Record> = views.iter().map(|view| Record::of(name, view)).collect();
            records.into_pyobject(py)
        }
        match self.0 {
            Answer::Posture(view) => Record::of("PostureView", &view).into_pyobject(py),
            Answer::Services(views) => all(py, "ServiceView", &views),
            Answer::Exposure(view) => Record::of("ServiceView", &view).into_pyobject(py),
            Answer::Report(view) => Record::of("ReportView", &view).into_pyobject(py),
            Answer::Findings(views) | Answer::Diagnostics(views) => all(py, "FindingView", &views),
            Answer::Systems(views) => all(py, "SystemView", &views),
            Answer::Projects(views) => all(py, "ProjectView", &views),
            Answer::Files(views) => all(py, "FileView", &views),
            Answer::InitPlan(view) => Record::of("PlanView", &view).into_pyobject(py),
            Answer::Portal(view) => Record::of("PortalView", &view).into_pyobject(py),
            Answer::Explain(view) => Record::of("ServiceExplanationView", &view).into_pyobject(py),
        }
    }
}

/// The state of a lab in one value, for a first screen.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Posture(pub(crate) core::posture::Posture);

#[pymethods]
impl Posture {
    /// The whole report that it sums up.
    #[getter]
    fn report(&self) -> Report {
        Report(self.0.report().clone())
    }

    /// The worst findings, worst first; not all.
    #[getter]
    fn worst(&self) -> Vec<Finding> {
        self.0.worst().iter().cloned().map(Finding).collect()
    }

    /// How many services could be reached from further away, if what is not known turned out badly.
    #[getter]
    fn uncertain(&self) -> usize {
        self.0.uncertain()
    }

    /// Returns how many services are reached from exactly so far.
    #[pyo3(signature = (reach, /))]
    fn reached_from(&self, reach: &str) -> Result<usize> {
        let known = Reach::ALL.into_iter().find(|known| known.as_str() == reach);
        let known = known.ok_or_else(|| {
            core::Error::new(core::ErrorKind::Invalid, format!("read reach `{reach}`"))
                .with_hint("write `none`, `host`, `tailnet`, `lan` or `internet`")
        })?;
        Ok(self.0.reached_from(known))
    }

    /// Returns the posture as a record.
    fn view(&self) -> Record {
        Record::of("PostureView", &self.0.view())
    }

    fn __repr__(&self) -> String {
        let report = self.0.report();
        format!(
            "<Posture at {}: {} findings>",
            report.at(),
            report.findings().len()
        )
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0.view() == other.get().0.view());
        }
        Ok(equals_dict(other, &self.0.view())?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&(self.0.report().at(), self.0.report().findings().len()))
    }
}
