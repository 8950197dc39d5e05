//! `Finding` and `Report`.

use homelab_core as core;
use homelab_core::finding::TextOptions;
use homelab_core::{ErrorKind, Severity};
use jiff::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyString};

use crate::convert::{FilePath, Record, Word, equals_dict, hash, to_python};
use crate::error::Result;
use crate::runtime::{later, work};

/// One thing worth saying: which rule, about what, where, on what evidence, and what to do.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Finding(pub(crate) core::Finding);

#[pymethods]
impl Finding {
    /// The rule's identity: `access.beyond-policy`.
    #[getter]
    fn rule(&self) -> &str {
        self.0.rule().id
    }

    /// The principle that the rule serves.
    #[getter]
    fn principle(&self) -> Word {
        self.0.rule().principle.into()
    }

    /// How much it weighs.
    #[getter]
    fn severity(&self) -> Word {
        self.0.severity().into()
    }

    /// What was found.
    #[getter]
    fn message(&self) -> &str {
        self.0.message()
    }

    /// The service it is about, where it is about one: `immich/server`.
    #[getter]
    fn service(&self) -> Option<String> {
        self.0.service().map(ToString::to_string)
    }

    /// The project it is about, where it is about one or a service of it.
    #[getter]
    fn project(&self) -> Option<&str> {
        self.0.project().map(|project| project.as_str())
    }

    /// The file to look at.
    #[getter]
    fn file(&self) -> Option<&str> {
        self.0.place().map(|place| place.source().name())
    }

    /// The line, from 1.
    #[getter]
    fn line(&self) -> Option<u32> {
        self.0.place().map(core::Span::line)
    }

    /// The column, from 1.
    #[getter]
    fn column(&self) -> Option<u32> {
        self.0.place().map(core::Span::column)
    }

    /// Why it matters.
    #[getter]
    fn why(&self) -> &str {
        self.0.why()
    }

    /// What to do about it.
    #[getter]
    fn fix(&self) -> &str {
        self.0.fix()
    }

    /// What it stands on.
    #[getter]
    fn evidence(&self) -> Vec<Record> {
        self.0
            .evidence()
            .iter()
            .map(|evidence| Record::of("EvidenceView", &evidence.view()))
            .collect()
    }

    /// A text that stays the same while the finding does, whatever lines are added above it.
    #[getter]
    fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }

    /// Returns the finding as a record.
    fn view(&self) -> Record {
        Record::of("FindingView", &self.0.view())
    }

    /// Returns the finding as a dictionary: a row for a data frame.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = serde_json::to_value(self.0.view()).expect("view records have nothing that JSON has not");
        to_python(py, &value)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Finding {}>", self.0)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0 == other.get().0);
        }
        Ok(equals_dict(other, &self.0.view())?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&self.0.fingerprint())
    }
}

/// All that is worth saying about a lab at one moment. It is a sequence of its findings, worst first.
#[pyclass(frozen, module = "homelab", sequence)]
pub(crate) struct Report(pub(crate) core::Report);

/// Returns what renders a text of a report, and writes it into a file where one is named.
fn rendering(
    report: &Report,
    path: Option<FilePath>,
    render: impl FnOnce(&core::Report) -> String + Send + 'static,
) -> impl FnOnce() -> core::Result<String> + Send + 'static {
    let report = report.0.clone();
    move || {
        let text = render(&report);
        if let Some(FilePath(path)) = path {
            std::fs::write(&path, &text).map_err(|error| unwritten(&path, error))?;
        }
        Ok(text)
    }
}

/// Returns why a file could not be written, as the kind of failure that it is.
fn unwritten(path: &std::path::Path, error: std::io::Error) -> core::Error {
    use std::io::ErrorKind as Io;
    let (kind, hint) = match error.kind() {
        Io::NotFound => (ErrorKind::NotFound, "name a file in a folder that there is"),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => (
            ErrorKind::Unauthorised,
            "name a file that whoever runs this may write",
        ),
        Io::StorageFull | Io::QuotaExceeded => (ErrorKind::NoSpace, "make room, or name a file elsewhere"),
        _ => (ErrorKind::Invalid, "name a file that can be written"),
    };
    core::Error::new(kind, format!("write `{}`", path.display()))
        .with_hint(hint)
        .with_source(error)
}

fn text_options(colour: bool, width: usize, whole_table: bool) -> TextOptions {
    TextOptions::default()
        .with_colour(colour)
        .with_width(width)
        .with_whole_table(whole_table)
}

fn severity(word: &Bound<'_, PyString>) -> Result<Severity> {
    Ok(word.to_cow()?.parse()?)
}

#[pymethods]
impl Report {
    /// The moment that it speaks of, in UTC.
    #[getter]
    fn at(&self) -> Timestamp {
        self.0.at()
    }

    /// Every service of the lab with its reach.
    #[getter]
    fn services(&self) -> Vec<Record> {
        self.0
            .services()
            .iter()
            .map(|service| Record::of("ServiceView", service))
            .collect()
    }

    /// The findings, worst first.
    #[getter]
    fn findings(&self) -> Vec<Finding> {
        self.0.findings().iter().cloned().map(Finding).collect()
    }

    /// What was found and accepted.
    #[getter]
    fn suppressed(&self) -> Vec<Record> {
        self.0
            .suppressed()
            .iter()
            .map(|one| Record::of("SuppressedView", &one.view()))
            .collect()
    }

    /// The worst severity, or nothing when there are no findings.
    #[getter]
    fn worst(&self) -> Option<Word> {
        self.0.worst().map(Word::from)
    }

    /// Returns how many findings weigh just this much.
    #[pyo3(signature = (severity, /))]
    fn count(&self, severity: &Bound<'_, PyString>) -> Result<usize> {
        Ok(self.0.count(self::severity(severity)?))
    }

    /// Returns whether a finding weighs at least this much.
    #[pyo3(signature = (at_least, /))]
    fn fails(&self, at_least: &Bound<'_, PyString>) -> Result<bool> {
        Ok(self.0.fails(severity(at_least)?))
    }

    /// Returns what a command exits with: 0 when no finding weighs at least this much, else 1.
    #[pyo3(signature = (fail_on, /))]
    fn exit_code(&self, fail_on: &Bound<'_, PyString>) -> Result<u8> {
        Ok(self.0.exit_code(severity(fail_on)?))
    }

    /// Returns the report as text for a terminal, and writes it where a path is given. `whole_table` cuts nothing in the table
    /// of services, however wide it becomes.
    #[pyo3(signature = (path=None, *, colour=false, width=100, whole_table=false))]
    fn to_text(
        &self,
        py: Python<'_>,
        path: Option<FilePath>,
        colour: bool,
        width: usize,
        whole_table: bool,
    ) -> Result<String> {
        let options = text_options(colour, width, whole_table);
        Ok(work(
            py,
            rendering(self, path, move |report| report.to_text(&options)),
        )??)
    }

    /// As `to_text`, awaited.
    #[pyo3(signature = (path=None, *, colour=false, width=100, whole_table=false))]
    async fn to_text_async(
        &self,
        path: Option<FilePath>,
        colour: bool,
        width: usize,
        whole_table: bool,
    ) -> Result<String> {
        let options = text_options(colour, width, whole_table);
        Ok(later(rendering(self, path, move |report| report.to_text(&options))).await??)
    }

    /// Returns the report as JSON, and writes it where a path is given.
    #[pyo3(signature = (path=None))]
    fn to_json(&self, py: Python<'_>, path: Option<FilePath>) -> Result<String> {
        Ok(work(py, rendering(self, path, core::Report::to_json))??)
    }

    /// As `to_json`, awaited.
    #[pyo3(signature = (path=None))]
    async fn to_json_async(&self, path: Option<FilePath>) -> Result<String> {
        Ok(later(rendering(self, path, core::Report::to_json)).await??)
    }

    /// Returns the report as SARIF, for code scanning, and writes it where a path is given.
    #[pyo3(signature = (path=None))]
    fn to_sarif(&self, py: Python<'_>, path: Option<FilePath>) -> Result<String> {
        Ok(work(py, rendering(self, path, core::Report::to_sarif))??)
    }

    /// As `to_sarif`, awaited.
    #[pyo3(signature = (path=None))]
    async fn to_sarif_async(&self, path: Option<FilePath>) -> Result<String> {
        Ok(later(rendering(self, path, core::Report::to_sarif)).await??)
    }

    /// Returns the report as Markdown, and writes it where a path is given.
    #[pyo3(signature = (path=None))]
    fn to_markdown(&self, py: Python<'_>, path: Option<FilePath>) -> Result<String> {
        Ok(work(py, rendering(self, path, core::Report::to_markdown))??)
    }

    /// As `to_markdown`, awaited.
    #[pyo3(signature = (path=None))]
    async fn to_markdown_async(&self, path: Option<FilePath>) -> Result<String> {
        Ok(later(rendering(self, path, core::Report::to_markdown)).await??)
    }

    /// Returns the report as one HTML page, and writes it where a path is given.
    #[pyo3(signature = (path=None))]
    fn to_html(&self, py: Python<'_>, path: Option<FilePath>) -> Result<String> {
        Ok(work(py, rendering(self, path, core::Report::to_html))??)
    }

    /// As `to_html`, awaited.
    #[pyo3(signature = (path=None))]
    async fn to_html_async(&self, path: Option<FilePath>) -> Result<String> {
        Ok(later(rendering(self, path, core::Report::to_html)).await??)
    }

    /// Returns the report as a record.
    fn view(&self) -> Record {
        Record::of("ReportView", &self.0.view())
    }

    /// Returns the report as a dictionary: what `to_json` writes.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = serde_json::to_value(self.0.view()).expect("view records have nothing that JSON has not");
        to_python(py, &value)
    }

    /// Returns the page in a frame: its styles and the notebook's are kept apart.
    fn _repr_html_(&self) -> String {
        let page = self.0.to_html().replace('&', "&amp;").replace('"', "&quot;");
        format!("<iframe sandbox style=\"width:100%;height:32em;border:0\" srcdoc=\"{page}\"></iframe>")
    }

    fn __len__(&self) -> usize {
        self.0.findings().len()
    }

    fn __getitem__(&self, index: isize) -> PyResult<Finding> {
        let findings = self.0.findings();
        let length = findings.len().cast_signed();
        let index = if index < 0 { index + length } else { index };
        let found = usize::try_from(index).ok().and_then(|index| findings.get(index));
        let found =
            found.ok_or_else(|| pyo3::exceptions::PyIndexError::new_err("there is no such finding"))?;
        Ok(Finding(found.clone()))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.findings().into_pyobject(py)?.try_iter()
    }

    /// Whether there is a report at all: always, also without findings.
    fn __bool__(&self) -> bool {
        true
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        let (findings, services) = (self.0.findings().len(), self.0.services().len());
        format!(
            "<Report at {}: {findings} findings, {services} services>",
            self.0.at()
        )
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0 == other.get().0);
        }
        Ok(equals_dict(other, &self.0.view())?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&(self.0.at(), self.0.findings().len(), self.0.services().len()))
    }
}
