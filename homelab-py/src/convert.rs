//! Values that cross: records, enums, paths and moments.

use std::path::PathBuf;

use homelab_core::lab::{Audience, Tier};
use homelab_core::{ErrorKind, Principle, Reach, Severity};
use jiff::Timestamp;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyModule};
use serde::Serialize;
use serde_json::Value;

/// Returns a module of the package. It is imported when it is first needed, since it imports this one.
pub(crate) fn python<'py>(py: Python<'py>, name: &'static str) -> PyResult<Bound<'py, PyModule>> {
    static ENUMS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    static VIEW: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let cell = match name {
        "homelab._enums" => &ENUMS,
        "homelab.view" => &VIEW,
        _ => return PyModule::import(py, name),
    };
    let module = cell.get_or_try_init(py, || PyModule::import(py, name).map(Bound::unbind))?;
    Ok(module.bind(py).clone())
}

/// A record of the core on its way to the class of `homelab.view` that has its name.
pub(crate) struct Record {
    name: &'static str,
    value: Value,
}

impl Record {
    pub(crate) fn of(name: &'static str, view: &impl Serialize) -> Self {
        Record {
            name,
            value: serde_json::to_value(view).expect("view records have nothing that JSON has not"),
        }
    }
}

impl<'py> IntoPyObject<'py> for Record {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let class = python(py, "homelab.view")?.getattr(self.name)?;
        class.call_method1("from_dict", (to_python(py, &self.value)?,))
    }
}

/// Returns the same in dictionaries, lists, texts and numbers.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(truth) => truth.into_pyobject(py)?.to_owned().into_any(),
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => number.into_pyobject(py)?.into_any(),
            (None, Some(number)) => number.into_pyobject(py)?.into_any(),
            (None, None) => number.as_f64().into_pyobject(py)?,
        },
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(map) => {
            let dict = PyDict::new(py);
            for (key, item) in map {
                dict.set_item(key, to_python(py, item)?)?;
            }
            dict.into_any()
        }
    })
}

/// Returns whether an object is a dictionary with exactly this in it, or nothing when it is no dictionary.
pub(crate) fn equals_dict(other: &Bound<'_, PyAny>, view: &impl Serialize) -> PyResult<Option<bool>> {
    if !other.is_instance_of::<PyDict>() {
        return Ok(None);
    }
    let value = serde_json::to_value(view).expect("view records have nothing that JSON has not");
    to_python(other.py(), &value)?.eq(other).map(Some)
}

/// A word of the core on its way to the enum of that name.
pub(crate) struct Word(&'static str, &'static str);

impl From<Reach> for Word {
    fn from(reach: Reach) -> Self {
        Word("Reach", reach.as_str())
    }
}

impl From<Severity> for Word {
    fn from(severity: Severity) -> Self {
        Word("Severity", severity.as_str())
    }
}

impl From<Principle> for Word {
    fn from(principle: Principle) -> Self {
        Word("Principle", principle.as_str())
    }
}

impl From<Tier> for Word {
    fn from(tier: Tier) -> Self {
        Word("Tier", tier.as_str())
    }
}

impl From<homelab_core::apply::Status> for Word {
    fn from(status: homelab_core::apply::Status) -> Self {
        Word("Status", status.as_str())
    }
}

impl<'py> IntoPyObject<'py> for Word {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, "homelab._enums")?.getattr(self.0)?.call1((self.1,))
    }
}

/// Returns the words of every enum as the core has them, in its order: the package's own are held against them.
#[pyfunction]
pub(crate) fn words() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        (
            "Audience",
            Audience::ALL.iter().map(|word| word.as_str()).collect(),
        ),
        (
            "ErrorKind",
            ErrorKind::ALL.iter().map(|word| word.as_str()).collect(),
        ),
        (
            "Principle",
            Principle::ALL.iter().map(|word| word.as_str()).collect(),
        ),
        ("Reach", Reach::ALL.iter().map(|word| word.as_str()).collect()),
        (
            "Severity",
            [Severity::Note, Severity::Warning, Severity::Error]
                .iter()
                .map(|word| word.as_str())
                .collect(),
        ),
        ("Tier", Tier::ALL.iter().map(|word| word.as_str()).collect()),
    ]
}

/// A path as Python's programs name it: a text or an `os.PathLike`, `~` expanded.
pub(crate) struct FilePath(pub(crate) PathBuf);

impl<'py> FromPyObject<'_, 'py> for FilePath {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let path: PathBuf = object.extract()?;
        if !path.starts_with("~") && !path.to_string_lossy().starts_with('~') {
            return Ok(FilePath(path));
        }
        let expanded = PyModule::import(object.py(), "os.path")?.call_method1("expanduser", (path,))?;
        Ok(FilePath(expanded.extract()?))
    }
}

/// Returns this moment, or the clock's.
pub(crate) fn or_now(at: Option<Timestamp>) -> Timestamp {
    at.unwrap_or_else(Timestamp::now)
}

/// Returns the number by which Python finds equal things in a set or dictionary.
pub(crate) fn hash(value: &impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
