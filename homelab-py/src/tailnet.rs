//! `Tailnet`: who may reach what by its policy.

use homelab_core::tailnet;
use homelab_core::view::{
    ExplanationView, PolicyCheckView, PolicyDiffView, PortalView, ReachableServicesView, ReachableView,
    ServiceExplanationView, ServiceReachView, WhoCanReachView,
};
use homelab_core::{Error, ErrorKind, Source};
use jiff::Timestamp;
use pyo3::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::convert::{FilePath, Record, to_python};
use crate::error::Result;
use crate::runtime::{later, work};

/// A tailnet's policy in force over its devices and people: what each device enforces, sees and may do. What no rule allows
/// is denied.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Tailnet(pub(crate) tailnet::Tailnet);

impl Tailnet {
    /// Returns what finds what stands under a name in the answer to a question.
    fn answer(
        &self,
        question: &'static str,
        name: &'static str,
    ) -> impl FnOnce() -> homelab_core::Result<Json> + Send + 'static {
        let tailnet = self.0.clone();
        move || {
            let json = tailnet.to_json(question)?;
            let mut value: Value = serde_json::from_str(&json).map_err(|error| {
                let message = format!("read the answer to `{question}`: {error}");
                Error::new(ErrorKind::Internal, message)
            })?;
            let found = if name.is_empty() {
                value
            } else {
                value[name].take()
            };
            Ok(Json(found))
        }
    }
}

/// JSON on its way to dictionaries, lists, texts and numbers.
pub(crate) struct Json(pub(crate) Value);

impl<'py> IntoPyObject<'py> for Json {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.0)
    }
}

/// What makes a tailnet of files.
fn loading(
    policy: FilePath,
    devices: FilePath,
    users: Option<FilePath>,
) -> impl FnOnce() -> homelab_core::Result<tailnet::Tailnet> {
    move || tailnet::Tailnet::load(policy.0, devices.0, users.as_ref().map(|path| path.0.as_path()))
}

/// What judges the policy of a file.
fn judging(
    policy: FilePath,
    devices: FilePath,
    users: Option<FilePath>,
) -> impl FnOnce() -> homelab_core::Result<PolicyCheckView> {
    move || tailnet::Tailnet::judge_files(policy.0, devices.0, users.as_ref().map(|path| path.0.as_path()))
}

#[pymethods]
impl Tailnet {
    /// Puts the policy of a file in force over the devices, and people, of others: the answers of Tailscale's or Headscale's
    /// API, or what `tailscale status --json` prints. Without a list of people nobody has a role.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    fn load(py: Python<'_>, policy: FilePath, devices: FilePath, users: Option<FilePath>) -> Result<Self> {
        Ok(Tailnet(work(py, loading(policy, devices, users))??))
    }

    /// As `load`, awaited.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    async fn load_async(policy: FilePath, devices: FilePath, users: Option<FilePath>) -> Result<Self> {
        Ok(Tailnet(later(loading(policy, devices, users)).await??))
    }

    /// Puts the policy of a text in force over the devices, and people, of others.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    fn from_texts(py: Python<'_>, policy: String, devices: String, users: Option<String>) -> Result<Self> {
        let make = move || tailnet::Tailnet::from_texts(&policy, &devices, users.as_deref());
        Ok(Tailnet(work(py, make)??))
    }

    /// As `from_texts`, awaited.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    async fn from_texts_async(policy: String, devices: String, users: Option<String>) -> Result<Self> {
        let make = move || tailnet::Tailnet::from_texts(&policy, &devices, users.as_deref());
        Ok(Tailnet(later(make).await??))
    }

    /// Says whether the service would accept a policy for these devices and people, its own tests run. Raises only when a
    /// list is none: what is wrong with the policy is in the answer.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    fn judge(py: Python<'_>, policy: String, devices: String, users: Option<String>) -> Result<Record> {
        let judge = move || tailnet::Tailnet::judge_texts(&policy, &devices, users.as_deref());
        Ok(Record::of("PolicyCheckView", &work(py, judge)??))
    }

    /// As `judge`, awaited.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    async fn judge_async(policy: String, devices: String, users: Option<String>) -> Result<Record> {
        let judge = move || tailnet::Tailnet::judge_texts(&policy, &devices, users.as_deref());
        Ok(Record::of("PolicyCheckView", &later(judge).await??))
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
        let verdict = work(py, judging(policy, devices, users))??;
        Ok(Record::of("PolicyCheckView", &verdict))
    }

    /// As `judge_files`, awaited.
    #[staticmethod]
    #[pyo3(signature = (policy, devices, users=None))]
    async fn judge_files_async(
        policy: FilePath,
        devices: FilePath,
        users: Option<FilePath>,
    ) -> Result<Record> {
        let verdict = later(judging(policy, devices, users)).await??;
        Ok(Record::of("PolicyCheckView", &verdict))
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

    /// As `who_can_reach`, awaited.
    #[pyo3(signature = (target, /))]
    async fn who_can_reach_async(&self, target: String) -> Result<Record> {
        let tailnet = self.0.clone();
        let view = later(move || tailnet.who_can_reach(&target.parse()?)).await??;
        Ok(Record::of("WhoCanReachView", &view))
    }

    /// Says what somebody can reach: a person by login, a group, a tag, a device by name or address.
    #[pyo3(signature = (who, /))]
    fn reachable_from(&self, py: Python<'_>, who: String) -> Result<Record> {
        let tailnet = self.0.clone();
        let view = work(py, move || tailnet.reachable_from(&who))??;
        Ok(Record::of("ReachableView", &view))
    }

    /// As `reachable_from`, awaited.
    #[pyo3(signature = (who, /))]
    async fn reachable_from_async(&self, who: String) -> Result<Record> {
        let tailnet = self.0.clone();
        let view = later(move || tailnet.reachable_from(&who)).await??;
        Ok(Record::of("ReachableView", &view))
    }

    /// Says why somebody can reach a target, or why not, and what comes near.
    fn explain(&self, py: Python<'_>, who: String, target: String) -> Result<Record> {
        let tailnet = self.0.clone();
        let view = work(py, move || tailnet.explain(&who, &target.parse()?))??;
        Ok(Record::of("ExplanationView", &view))
    }

    /// As `explain`, awaited.
    async fn explain_async(&self, who: String, target: String) -> Result<Record> {
        let tailnet = self.0.clone();
        let view = later(move || tailnet.explain(&who, &target.parse()?)).await??;
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

    /// As `diff`, awaited.
    #[pyo3(
        signature = (policy, /, *, name="policy.hujson".to_owned()),
        text_signature = "($self, policy, /, *, name='policy.hujson')"
    )]
    async fn diff_async(&self, policy: String, name: String) -> Result<Record> {
        let tailnet = self.0.clone();
        let newer = Source::new(&name, policy);
        let diff = move || tailnet.diff(tailnet::Policy::parse(&newer)?);
        Ok(Record::of("PolicyDiffView", &later(diff).await??))
    }

    /// Returns the same, of a tailnet that gives its devices certificates, without which Funnel stays shut.
    #[pyo3(signature = (on, /))]
    fn with_https(&self, on: bool) -> Self {
        Tailnet(self.0.clone().with_https(on))
    }

    /// Says whether the service would accept the policy: whether its own tests pass.
    fn check(&self, py: Python<'_>) -> Result<Record> {
        let tailnet = self.0.clone();
        Ok(Record::of("PolicyCheckView", &work(py, move || tailnet.check())?))
    }

    /// As `check`, awaited.
    async fn check_async(&self) -> Result<Record> {
        let tailnet = self.0.clone();
        Ok(Record::of(
            "PolicyCheckView",
            &later(move || tailnet.check()).await?,
        ))
    }

    /// Returns the packet filter that each device enforces, by its host name, in the service's own field names.
    fn filters(&self, py: Python<'_>) -> Result<Json> {
        Ok(work(py, self.answer("filter", "filters"))??)
    }

    /// As `filters`, awaited.
    async fn filters_async(&self) -> Result<Json> {
        Ok(later(self.answer("filter", "filters")).await??)
    }

    /// Returns the SSH rules of each device in the order in which they are tried, by its host name.
    fn ssh(&self, py: Python<'_>) -> Result<Json> {
        Ok(work(py, self.answer("ssh", "ssh"))??)
    }

    /// As `ssh`, awaited.
    async fn ssh_async(&self) -> Result<Json> {
        Ok(later(self.answer("ssh", "ssh")).await??)
    }

    /// Returns what each device may do, and what it sees that its peers may do there, by its host name.
    fn capabilities(&self, py: Python<'_>) -> Result<Json> {
        Ok(work(py, self.answer("caps", ""))??)
    }

    /// As `capabilities`, awaited.
    async fn capabilities_async(&self) -> Result<Json> {
        Ok(later(self.answer("caps", "")).await??)
    }

    /// Returns which devices each device sees, by its host name. To be seen is not to be reached.
    fn peers(&self, py: Python<'_>) -> Result<Json> {
        Ok(work(py, self.answer("peers", "peers"))??)
    }

    /// As `peers`, awaited.
    async fn peers_async(&self) -> Result<Json> {
        Ok(later(self.answer("peers", "peers")).await??)
    }

    /// Returns an answer as JSON, on one line: `filter`, `ssh`, `caps` or `peers`.
    #[pyo3(signature = (question, /))]
    fn to_json(&self, py: Python<'_>, question: String) -> Result<String> {
        let tailnet = self.0.clone();
        Ok(work(py, move || tailnet.to_json(&question))??)
    }

    /// As `to_json`, awaited.
    #[pyo3(signature = (question, /))]
    async fn to_json_async(&self, question: String) -> Result<String> {
        let tailnet = self.0.clone();
        Ok(later(move || tailnet.to_json(&question)).await??)
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
