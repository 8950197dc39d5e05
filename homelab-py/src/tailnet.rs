//! `Tailnet`: who may reach what by its policy.

use homelab_core::tailnet;
use pyo3::prelude::*;

use crate::convert::{FilePath, Record, to_python};
use crate::error::{Failed, Result};
use crate::runtime::work;

/// A tailnet's policy in force over its devices and people: what each device enforces, sees and may do. What no rule allows
/// is denied.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Tailnet(tailnet::Tailnet);

impl Tailnet {
    /// Returns what stands under a name in the answer to a question.
    fn answer<'py>(&self, py: Python<'py>, question: &'static str, name: &str) -> Result<Bound<'py, PyAny>> {
        let tailnet = self.0.clone();
        let value = work(
            py,
            move || -> std::result::Result<serde_json::Value, homelab_core::Error> {
                let json = tailnet.to_json(question)?;
                serde_json::from_str(&json).map_err(|error| {
                    let message = format!("read the answer to `{question}`: {error}");
                    homelab_core::Error::new(homelab_core::ErrorKind::Internal, message)
                })
            },
        )??;
        let inner = if name.is_empty() { &value } else { &value[name] };
        to_python(py, inner).map_err(Failed::from)
    }
}

#[pymethods]
impl Tailnet {
    /// Puts the policy of a file in force over the devices, and people, of others: the answers of Tailscale's or Headscale's
    /// API, or what `tailscale status --json` prints. Without a list of people nobody has a role.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    fn load(py: Python<'_>, policy: FilePath, devices: FilePath, users: Option<FilePath>) -> Result<Self> {
        let load =
            move || tailnet::Tailnet::load(policy.0, devices.0, users.as_ref().map(|path| path.0.as_path()));
        Ok(Tailnet(work(py, load)??))
    }

    /// Puts the policy of a text in force over the devices, and people, of others.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    fn from_texts(py: Python<'_>, policy: String, devices: String, users: Option<String>) -> Result<Self> {
        let make = move || tailnet::Tailnet::from_texts(&policy, &devices, users.as_deref());
        Ok(Tailnet(work(py, make)??))
    }

    /// Says whether the service would accept a policy for these devices and people, its own tests run. Raises only when a
    /// list is none: what is wrong with the policy is in the answer.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    fn judge(py: Python<'_>, policy: String, devices: String, users: Option<String>) -> Result<Record> {
        let judge = move || tailnet::Tailnet::judge_texts(&policy, &devices, users.as_deref());
        Ok(Record::of("PolicyCheckView", &work(py, judge)??))
    }

    /// Returns the same, of a tailnet that gives its devices certificates, without which Funnel stays shut.
    #[pyo3(signature = (on, /))]
    fn with_https(&self, on: bool) -> Self {
        Tailnet(self.0.clone().with_https(on))
    }

    /// Says whether the service would accept the policy: whether its own tests pass.
    fn check(&self) -> Record {
        Record::of("PolicyCheckView", &self.0.check())
    }

    /// Returns the packet filter that each device enforces, by its host name, in the service's own field names.
    fn filters<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.answer(py, "filter", "filters")
    }

    /// Returns the SSH rules of each device in the order in which they are tried, by its host name.
    fn ssh<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.answer(py, "ssh", "ssh")
    }

    /// Returns what each device may do, and what it sees that its peers may do there, by its host name.
    fn capabilities<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.answer(py, "caps", "")
    }

    /// Returns which devices each device sees, by its host name. To be seen is not to be reached.
    fn peers<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.answer(py, "peers", "peers")
    }

    /// Returns an answer as JSON, on one line: `filter`, `ssh`, `caps` or `peers`.
    #[pyo3(signature = (question, /))]
    fn to_json(&self, py: Python<'_>, question: String) -> Result<String> {
        let tailnet = self.0.clone();
        Ok(work(py, move || tailnet.to_json(&question))??)
    }

    fn __repr__(&self) -> String {
        format!("<Tailnet: {} devices>", self.0.roster().devices().len())
    }
}
