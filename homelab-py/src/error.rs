//! The core's errors as Python's exceptions: `homelab.Error`, and a subclass for each kind.

use homelab_core as core;
use homelab_core::ErrorKind;
use pyo3::prelude::*;

use crate::convert::{Record, python};

/// What a call of this module returns.
pub(crate) type Result<T> = std::result::Result<T, Failed>;

/// Why a call failed: in the core, or in Python itself (an argument of another type, Ctrl-C).
pub(crate) enum Failed {
    Core(core::Error),
    Python(PyErr),
}

impl Failed {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Failed::Core(core::Error::new(kind, message).with_hint(hint))
    }
}

impl From<core::Error> for Failed {
    fn from(error: core::Error) -> Self {
        Failed::Core(error)
    }
}

impl From<PyErr> for Failed {
    fn from(error: PyErr) -> Self {
        Failed::Python(error)
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Failed::Python(error.into())
    }
}

impl From<Failed> for PyErr {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Core(error) => raised(&error),
            Failed::Python(error) => error,
        }
    }
}

/// Returns the exception that says what this error says.
pub(crate) fn raised(error: &core::Error) -> PyErr {
    Python::attach(|py| exception(py, error).unwrap_or_else(|error| error))
}

fn exception(py: Python<'_>, error: &core::Error) -> PyResult<PyErr> {
    let place = error.place().map(|place| Record::of("PlaceView", &place.view()));
    let done: Vec<Record> = error
        .done()
        .iter()
        .map(|step| Record::of("StepResultView", &step.view()))
        .collect();
    let made = python(py, "homelab._errors")?.call_method1(
        "_of_kind",
        (
            error.kind().as_str(),
            message(error),
            error.hint(),
            place,
            done,
            error.retryable(),
        ),
    )?;
    Ok(PyErr::from_value(made))
}

/// Returns what failed, with every reason below it.
fn message(error: &core::Error) -> String {
    let mut text = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(reason) = below {
        text.push_str(": ");
        text.push_str(&reason.to_string());
        below = reason.source();
    }
    text
}

/// Raises the exception of this kind: so that the facade's own refusals, and tests, take the same way as the core's.
#[pyfunction]
#[pyo3(signature = (kind, message, hint=None))]
pub(crate) fn throw(kind: &str, message: &str, hint: Option<&str>) -> Result<()> {
    let kind = ErrorKind::ALL
        .into_iter()
        .find(|known| known.as_str() == kind)
        .unwrap_or(ErrorKind::Internal);
    let error = core::Error::new(kind, message);
    Err(match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
    .into())
}
