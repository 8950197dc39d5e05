//! `Tailnet`: who may reach what by its policy.

use homelab_core::tailnet;
use homelab_core::view::{
    ExplanationView, PolicyDiffView, PortalView, ReachableServicesView, ReachableView,
    ServiceExplanationView, ServiceReachView, WhoCanReachView,
};
use homelab_core::{Error, ErrorKind, Source};
use jiff::Timestamp;
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

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

    /// Says whether the service would accept the policy of a file for the devices and people of others. Raises only when a
    /// file cannot be read or a list is none.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    fn judge_files(
        py: Python<'_>,
        policy: FilePath,
        devices: FilePath,
        users: Option<FilePath>,
    ) -> Result<Record> {
        let judge = move || {
            let users = users.as_ref().map(|path| path.0.as_path());
            tailnet::Tailnet::judge_files(policy.0, devices.0, users)
        };
        Ok(Record::of("PolicyCheckView", &work(py, judge)??))
    }

    /// Returns the same at a moment: a device whose key is expired then reaches nothing and lets nobody in.
    #[pyo3(signature = (moment, /))]
    fn at(&self, moment: Timestamp) -> Self {
        Tailnet(self.0.clone().at(moment))
    }

    /// Says who can reach a target, by which rules and as what: `nas:443`, `192.168.1.7:53/udp`, `nas/icmp`.
    #[pyo3(signature = (target, /))]
    fn who_can_reach(&self, py: Python<'_>, target: String) -> Result<Record> {
        let tailnet = self.0.clone();
        let view = work(py, move || tailnet.who_can_reach(&target.parse()?))??;
        Ok(Record::of("WhoCanReachView", &view))
    }

    /// Says what somebody can reach: a person by login, a group, a tag, a device by name or address.
    #[pyo3(signature = (who, /))]
    fn reachable_from(&self, py: Python<'_>, who: String) -> Result<Record> {
        let tailnet = self.0.clone();
        let view = work(py, move || tailnet.reachable_from(&who))??;
        Ok(Record::of("ReachableView", &view))
    }

    /// Says why somebody can reach a target, or why not, and what comes near.
    fn explain(&self, py: Python<'_>, who: String, target: String) -> Result<Record> {
        let tailnet = self.0.clone();
        let view = work(py, move || tailnet.explain(&who, &target.parse()?))??;
        Ok(Record::of("ExplanationView", &view))
    }

    /// Says who would gain and who would lose what, if the policy of a text were in force instead, over the same devices.
    /// `name` is how errors call the text.
    #[pyo3(signature = (policy, /, *, name="policy.hujson"))]
    fn diff(&self, py: Python<'_>, policy: String, name: &str) -> Result<Record> {
        let tailnet = self.0.clone();
        let newer = Source::new(name, policy);
        let diff = move || tailnet.diff(tailnet::Policy::parse(&newer)?);
        Ok(Record::of("PolicyDiffView", &work(py, diff)??))
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

/// Returns an answer about a tailnet as people read it: the record of this name, from its JSON.
#[pyfunction]
#[pyo3(signature = (name, json, /))]
pub(crate) fn answer_text(name: &str, json: &str) -> Result<String> {
    match name {
        "WhoCanReachView" => read::<WhoCanReachView>(json),
        "ReachableView" => read::<ReachableView>(json),
        "ServiceReachView" => read::<ServiceReachView>(json),
        "ReachableServicesView" => read::<ReachableServicesView>(json),
        "ExplanationView" => read::<ExplanationView>(json),
        "PolicyDiffView" => read::<PolicyDiffView>(json),
        "PortalView" => read::<PortalView>(json),
        "ServiceExplanationView" => read::<ServiceExplanationView>(json),
        _ => Err(Error::new(ErrorKind::NotFound, format!("write the record `{name}`")).into()),
    }
}

fn read<T: DeserializeOwned + ToString>(json: &str) -> Result<String> {
    let view: T = serde_json::from_str(json)
        .map_err(|error| Error::new(ErrorKind::Invalid, "read the record as JSON").with_source(error))?;
    Ok(view.to_string())
}
