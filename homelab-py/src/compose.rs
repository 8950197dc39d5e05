//! `Project`: a Compose project, read as Docker Compose reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use homelab_core::compose::{self, ResolveOptions};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{FilePath, Record, to_python};
use crate::error::Result;
use crate::finding::Finding;
use crate::runtime::{later, work};

/// A Compose project, read exactly as Docker Compose reads it.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Project(pub(crate) compose::Project);

fn paths(paths: Vec<FilePath>) -> impl Iterator<Item = PathBuf> {
    paths.into_iter().map(|path| path.0)
}

/// Returns the core's options for these keywords.
#[expect(
    clippy::too_many_arguments,
    reason = "they are Python's keywords, each with its default"
)]
fn options(
    files: Vec<FilePath>,
    strict: bool,
    directory: Option<FilePath>,
    root: Option<FilePath>,
    profiles: Option<Vec<String>>,
    env_files: Option<Vec<FilePath>>,
    environment: Option<Variables>,
    name: Option<String>,
) -> ResolveOptions {
    let mut options = if strict {
        ResolveOptions::strict()
    } else {
        ResolveOptions::lenient()
    };
    options = options.with_files(paths(files));
    if let Some(directory) = directory {
        options = options.with_directory(directory.0);
    }
    if let Some(root) = root {
        options = options.with_root(root.0);
    }
    if let Some(profiles) = profiles {
        options = options.with_profiles(profiles);
    }
    if let Some(env_files) = env_files {
        options = options.with_env_files(paths(env_files));
    }
    if let Some(environment) = environment {
        options = options.with_environment(environment.0);
    }
    if let Some(name) = name {
        options = options.with_name(name);
    }
    options
}

/// Environment variables: `os.environ` is a mapping, not a dictionary.
struct Variables(BTreeMap<String, String>);

impl<'py> FromPyObject<'_, 'py> for Variables {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let dict = object.py().get_type::<PyDict>().call1((object,))?;
        Ok(Variables(dict.extract()?))
    }
}

#[pymethods]
impl Project {
    /// Brings Compose files together as `docker compose config` does: these, or those of the folder.
    ///
    /// `strict` refuses what Docker Compose refuses; otherwise what is wrong is in `diagnostics`. The process's environment
    /// is not read: pass `environment=os.environ` to have it.
    #[staticmethod]
    #[pyo3(signature = (*files, strict=false, directory=None, root=None, profiles=None, env_files=None, environment=None, name=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are Python's keywords, each with its default"
    )]
    fn resolve(
        py: Python<'_>,
        files: Vec<FilePath>,
        strict: bool,
        directory: Option<FilePath>,
        root: Option<FilePath>,
        profiles: Option<Vec<String>>,
        env_files: Option<Vec<FilePath>>,
        environment: Option<Variables>,
        name: Option<String>,
    ) -> Result<Self> {
        let options = options(
            files,
            strict,
            directory,
            root,
            profiles,
            env_files,
            environment,
            name,
        );
        Ok(Project(work(py, move || compose::Project::resolve(&options))??))
    }

    /// As `resolve`, awaited.
    #[staticmethod]
    #[pyo3(signature = (*files, strict=false, directory=None, root=None, profiles=None, env_files=None, environment=None, name=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are Python's keywords, each with its default"
    )]
    async fn resolve_async(
        files: Vec<FilePath>,
        strict: bool,
        directory: Option<FilePath>,
        root: Option<FilePath>,
        profiles: Option<Vec<String>>,
        env_files: Option<Vec<FilePath>>,
        environment: Option<Variables>,
        name: Option<String>,
    ) -> Result<Self> {
        let options = options(
            files,
            strict,
            directory,
            root,
            profiles,
            env_files,
            environment,
            name,
        );
        Ok(Project(
            later(move || compose::Project::resolve(&options)).await??,
        ))
    }

    /// Returns the project of one text, leniently, from memory.
    #[staticmethod]
    fn from_text(py: Python<'_>, name: String, text: String) -> Result<Self> {
        Ok(Project(work(py, move || {
            compose::Project::from_text(&name, &text)
        })??))
    }

    /// As `from_text`, awaited.
    #[staticmethod]
    async fn from_text_async(name: String, text: String) -> Result<Self> {
        let read = move || compose::Project::from_text(&name, &text);
        Ok(Project(later(read).await??))
    }

    /// The project's name.
    #[getter]
    fn name(&self) -> &str {
        self.0.name().as_str()
    }

    /// The folder to which relative paths belong.
    #[getter]
    fn directory(&self) -> PathBuf {
        self.0.directory().to_owned()
    }

    /// The files that were read.
    #[getter]
    fn files(&self) -> Vec<String> {
        self.0
            .files()
            .iter()
            .map(|source| source.name().to_owned())
            .collect()
    }

    /// The names of its services.
    #[getter]
    fn services(&self) -> Vec<String> {
        self.0.services().keys().map(ToString::to_string).collect()
    }

    /// Returns its services as they are declared, without any value that may be secret.
    fn declarations(&self) -> Vec<Record> {
        let all = self.0.declarations();
        all.iter().map(|one| Record::of("DeclarationView", one)).collect()
    }

    /// What is wrong with its files.
    #[getter]
    fn diagnostics(&self) -> Vec<Finding> {
        self.0.diagnostics().iter().cloned().map(Finding).collect()
    }

    /// Returns the project in the shape of `docker compose config --format json`. It holds every value, secrets included,
    /// unless `redact`.
    #[pyo3(signature = (*, redact=false))]
    fn to_dict<'py>(&self, py: Python<'py>, redact: bool) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.0.to_json(redact))
    }

    /// Returns the text of `to_dict`, indented.
    #[pyo3(signature = (*, redact=false))]
    fn to_json(&self, redact: bool) -> String {
        format!("{:#}", self.0.to_json(redact))
    }

    fn __repr__(&self) -> String {
        format!(
            "<Project {:?}: {} services>",
            self.name(),
            self.0.services().len()
        )
    }
}
