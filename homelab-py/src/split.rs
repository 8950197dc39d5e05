//! `Split`, `Proof`, `Claim`, `Template`, `ShareableTemplate` and `Values`: a lab parted into what can be shared and what
//! cannot.

use std::borrow::Cow;
use std::collections::BTreeMap;

use homelab_core as core;
use homelab_core::split;
use homelab_core::stratum::{Private, Shareable};
use pyo3::prelude::*;

use crate::error::Result;
use crate::lab::Lab;
use crate::plan::Plan;
use crate::runtime::{later, work};

/// A lab parted into a template and its values, with the proof. Nothing of it can be shared until `prove` says so.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Split(pub(crate) core::Split);

#[pymethods]
impl Split {
    /// The template, which is not known to be shareable yet.
    #[getter]
    fn template(&self) -> Template {
        Template(self.0.template().clone())
    }

    /// What was taken out: all of it private.
    #[getter]
    fn values(&self) -> Values {
        Values(self.0.values().clone())
    }

    /// What was shown of the split, claim by claim.
    #[getter]
    fn proof(&self) -> Proof {
        Proof(self.0.proof().clone())
    }

    /// Returns the template as one that can be exported. Raises `Refused` when a claim of the proof does not hold.
    fn prove(&self) -> Result<ShareableTemplate> {
        Ok(ShareableTemplate(self.0.clone().prove()?))
    }

    fn __repr__(&self) -> String {
        let (files, holds) = (self.0.template().files().len(), self.0.proof().holds());
        format!(
            "<Split: {files} files, {}>",
            if holds { "proven" } else { "not proven" }
        )
    }
}

/// What was shown of a split. Its text has a line for each claim.
#[pyclass(frozen, eq, module = "homelab")]
#[derive(PartialEq, Eq)]
pub(crate) struct Proof(split::Proof);

#[pymethods]
impl Proof {
    /// The claims, each with where it fails.
    #[getter]
    fn claims(&self) -> Vec<Claim> {
        self.0.claims().iter().cloned().map(Claim).collect()
    }

    /// Whether all of them hold.
    #[getter]
    fn holds(&self) -> bool {
        self.0.holds()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        let word = if self.0.holds() { "holds" } else { "fails" };
        format!("<Proof: {word}>")
    }
}

/// One thing that was held against the lab.
#[pyclass(frozen, eq, module = "homelab")]
#[derive(PartialEq, Eq)]
pub(crate) struct Claim(split::Claim);

#[pymethods]
impl Claim {
    /// What is claimed, with how much was looked at.
    #[getter]
    fn text(&self) -> &str {
        self.0.text()
    }

    /// Whether it holds.
    #[getter]
    fn holds(&self) -> bool {
        self.0.holds()
    }

    /// Where it does not hold, without any private value.
    #[getter]
    fn failures(&self) -> Vec<String> {
        self.0.failures().to_vec()
    }

    fn __repr__(&self) -> String {
        let word = if self.0.holds() { "holds" } else { "fails" };
        format!("<Claim: {word}: {}>", self.0.text())
    }
}

/// The files of strata 1 to 4 of a lab, with slots in the place of its values.
#[pyclass(frozen, eq, module = "homelab")]
#[derive(PartialEq, Eq)]
pub(crate) struct Template(split::Template);

#[pymethods]
impl Template {
    /// Returns the files of a folder that was loaded as a lab and are of strata 1 to 4: a template that was exported.
    ///
    /// Raises `Incomplete` when one of them was not read.
    #[staticmethod]
    #[pyo3(signature = (lab, /))]
    fn read(lab: &Lab) -> Result<Self> {
        Ok(Template(split::Template::read(&lab.0)?))
    }

    /// The paths of its files, in order.
    #[getter]
    fn files(&self) -> Vec<&str> {
        self.0.files().map(|(path, _)| path).collect()
    }

    /// Returns the content of the file at a path; none where there is no such file.
    #[pyo3(signature = (path, /))]
    fn file(&self, path: &str) -> Option<&[u8]> {
        self.0.file(path)
    }

    fn __len__(&self) -> usize {
        self.0.files().len()
    }

    fn __repr__(&self) -> String {
        format!("<Template: {} files>", self.0.files().len())
    }
}

/// A template of which it is proven that it holds nothing of the lab: all that can be exported. `Split.prove` makes it.
#[pyclass(frozen, eq, module = "homelab")]
#[derive(PartialEq, Eq)]
pub(crate) struct ShareableTemplate(Shareable<split::Template>);

#[pymethods]
impl ShareableTemplate {
    /// The template itself.
    #[getter]
    fn template(&self) -> Template {
        Template(self.0.value().clone())
    }

    /// Returns the plan that writes it into the folder of another lab, which was loaded. What is there and the same is left
    /// alone, and nothing is deleted.
    #[pyo3(signature = (to, /))]
    fn plan_export(&self, to: &Lab) -> Result<Plan> {
        Ok(Plan(self.0.plan_export(&to.0)?))
    }

    fn __repr__(&self) -> String {
        format!("<ShareableTemplate: {} files>", self.0.value().files().len())
    }
}

/// What a split takes out of a lab, secrets included. `to_private_json` is the one stored form.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Values(Private<split::Values>);

#[pymethods]
impl Values {
    /// Returns the values that `to_private_json` wrote.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn from_private_json(text: &str) -> Result<Self> {
        Ok(Values(Private::new(split::Values::from_private_json(text)?)))
    }

    /// Returns the values as a JSON text, to be kept where nobody else reads: it has the lab's secrets in it.
    fn to_private_json(&self) -> String {
        self.0.value().to_private_json()
    }

    /// Returns the original lab's files, to the byte, by their paths. Raises `Conflict` when the template has changed since.
    #[pyo3(signature = (template, /))]
    fn join(&self, py: Python<'_>, template: &Template) -> Result<BTreeMap<String, Cow<'static, [u8]>>> {
        let (values, template) = (self.0.clone(), template.0.clone());
        let joined = work(py, move || values.value().join(&template))??;
        Ok(owned(joined))
    }

    /// As `join`, awaited.
    #[pyo3(signature = (template, /))]
    async fn join_async(&self, template: Py<Template>) -> Result<BTreeMap<String, Cow<'static, [u8]>>> {
        let (values, template) = (self.0.clone(), template.get().0.clone());
        Ok(owned(later(move || values.value().join(&template)).await??))
    }

    /// Returns the plan that writes the values into a file of a folder, readable by its owner only.
    #[pyo3(signature = (to, path, /))]
    fn plan_keep(&self, to: &Lab, path: &str) -> Result<Plan> {
        Ok(Plan(self.0.value().plan_keep(&to.0, &path.parse()?)?))
    }

    /// Returns the plan that writes the original lab into the folder of another one, which was loaded.
    #[pyo3(signature = (template, to, /))]
    fn plan_join(&self, template: &Template, to: &Lab) -> Result<Plan> {
        Ok(Plan(self.0.value().plan_join(&template.0, &to.0)?))
    }

    fn __repr__(&self) -> &'static str {
        "<Values: private>"
    }
}

fn owned(joined: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Cow<'static, [u8]>> {
    joined
        .into_iter()
        .map(|(path, bytes)| (path, Cow::Owned(bytes)))
        .collect()
}

/// Returns what looks for the values of a lab and of others in its files, and in their history.
pub(crate) fn leaks_of(
    lab: &core::Lab,
    instances: &[Py<Lab>],
    seen: core::Observed,
    rules: &str,
    history: bool,
) -> Result<impl FnOnce() -> core::Result<core::Report> + Send + use<>> {
    let selection = rules.parse()?;
    let lab = lab.clone();
    let instances: Vec<core::Lab> = instances
        .iter()
        .map(|instance| instance.get().0.clone())
        .collect();
    Ok(move || {
        let all = instances.iter().fold(lab.vocabulary(&seen), |all, instance| {
            all.with(&instance.vocabulary(&seen))
        });
        match history {
            true => lab.leaks_with_history(&all, &seen, &selection),
            false => lab.leaks_of(&all, &seen, &selection),
        }
    })
}
