//! `Lab`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use homelab_core as core;
use pyo3::prelude::*;

use crate::access::Exposure;
use crate::backup::Survival;
use crate::compose::Project;
use crate::convert::{FilePath, Record};
use crate::error::Result;
use crate::finding::{Finding, Report};
use crate::live::{Drift, Running, SeenInventory};
use crate::observed::{Observed, held_or_now, seen_or_now};
use crate::plan::Plan;
use crate::query::Posture;
use crate::runtime::{later, work};
use crate::service::Service;
use crate::split::Split;
use crate::tailnet::Tailnet;

/// What is wanted, from files: any folder with Compose files in it. Immutable.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Lab(pub(crate) core::Lab);

/// What makes the lab's tailnet at the moment of the observation.
fn tailnet(lab: &Lab, seen: core::Observed) -> impl FnOnce() -> core::Result<core::tailnet::Tailnet> + use<> {
    let lab = lab.0.clone();
    move || Ok(lab.tailnet(&seen)?.at(seen.at()))
}

#[pymethods]
impl Lab {
    /// Loads the lab of a folder; `~` is your home.
    ///
    /// Raises only when the folder itself cannot be read: what is wrong in its files is in `diagnostics`.
    #[staticmethod]
    #[pyo3(signature = (path, /))]
    fn load(py: Python<'_>, path: FilePath) -> Result<Self> {
        Ok(Lab(work(py, move || core::Lab::load(path.0))??))
    }

    /// As `load`, awaited.
    #[staticmethod]
    #[pyo3(signature = (path, /))]
    async fn load_async(path: FilePath) -> Result<Self> {
        Ok(Lab(later(move || core::Lab::load(path.0)).await??))
    }

    /// Returns the lab of these files, from memory: a dictionary from paths in the lab's folder to texts.
    #[staticmethod]
    fn from_texts(py: Python<'_>, name: String, texts: BTreeMap<String, String>) -> Result<Self> {
        Ok(Lab(work(py, move || core::Lab::from_texts(&name, texts))?))
    }

    /// As `from_texts`, awaited.
    #[staticmethod]
    async fn from_texts_async(name: String, texts: BTreeMap<String, String>) -> Result<Self> {
        Ok(Lab(later(move || core::Lab::from_texts(&name, texts)).await?))
    }

    /// Opens the lab that `to_private_json` stored, with nothing read but the text: the same services, reach, posture and
    /// findings.
    ///
    /// Raises `Invalid` for another text, `Unsupported` for one of a later version.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn from_json(py: Python<'_>, text: String) -> Result<Self> {
        Ok(Lab(work(py, move || core::Lab::from_json(&text))??))
    }

    /// As `from_json`, awaited.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    async fn from_json_async(text: String) -> Result<Self> {
        Ok(Lab(later(move || core::Lab::from_json(&text)).await??))
    }

    /// Returns a lab that has nothing but this instance.toml, so that `leaks_of` looks for its values in another.
    ///
    /// Raises `Invalid` when something of it is not understood.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn of_instance(text: &str) -> Result<Self> {
        Ok(Lab(core::Lab::of_instance(text)?))
    }

    /// Returns the lab that an inventory is of: everything that its engines run, as Compose files would have it. It is
    /// judged like any other. What an engine does not tell is not in it: health checks, limits, who waits for whom.
    #[staticmethod]
    #[pyo3(signature = (name, inventory, /))]
    fn adopt(py: Python<'_>, name: String, inventory: &SeenInventory) -> Result<Self> {
        let inventory = inventory.0.clone();
        Ok(Lab(work(py, move || core::Lab::adopt(&name, &inventory))?))
    }

    /// As `adopt`, awaited.
    #[staticmethod]
    #[pyo3(signature = (name, inventory, /))]
    async fn adopt_async(name: String, inventory: Py<SeenInventory>) -> Result<Self> {
        let inventory = inventory.get().0.clone();
        Ok(Lab(later(move || core::Lab::adopt(&name, &inventory)).await?))
    }

    /// Returns the lab as a JSON text, to be kept on a device of one's own and opened there by `from_json`.
    ///
    /// It holds private values (addresses, names, paths) and no secret: words of the same length stand in their place.
    fn to_private_json(&self, py: Python<'_>) -> Result<String> {
        let lab = self.0.clone();
        work(py, move || lab.to_private_json())
    }

    /// As `to_private_json`, awaited.
    async fn to_private_json_async(&self) -> Result<String> {
        let lab = self.0.clone();
        later(move || lab.to_private_json()).await
    }

    /// The lab's name: that of its folder.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The lab's folder.
    #[getter]
    fn root(&self) -> PathBuf {
        self.0.root().to_owned()
    }

    /// What is wrong with the lab's files; none means that all is valid.
    #[getter]
    fn diagnostics(&self) -> Vec<Finding> {
        self.0.diagnostics().iter().cloned().map(Finding).collect()
    }

    /// The paths of the lab's files, in their order; `Query("files")` tells more of each.
    #[getter]
    fn manifest(&self) -> Vec<String> {
        let files = self.0.manifest().files();
        files.iter().map(|file| file.path().to_owned()).collect()
    }

    /// Every Compose project once, however many machines run it.
    #[getter]
    fn projects(&self) -> Vec<Project> {
        self.0.projects().cloned().map(Project).collect()
    }

    /// Every service, once for each machine that runs it.
    #[getter]
    fn services(&self) -> Vec<Service> {
        self.0
            .services()
            .map(|service| Service::of(&self.0, &service))
            .collect()
    }

    /// Returns the service that a person names: `immich/server`, `nas:immich/server`, or a bare name that is unique.
    ///
    /// Raises `NotFound` with the nearest name, `Ambiguous` with the candidates.
    #[pyo3(signature = (name, /))]
    fn service(&self, name: &str) -> Result<Service> {
        Ok(Service::of(&self.0, &self.0.service(name)?))
    }

    /// Returns the project of this name. Raises `NotFound` with the nearest name, or `Ambiguous`.
    #[pyo3(signature = (name, /))]
    fn project(&self, name: &str) -> Result<Project> {
        Ok(Project(self.0.project(name)?.clone()))
    }

    /// Returns who can reach one service; names are as in `service`.
    #[pyo3(signature = (name, /, seen=None))]
    fn exposure(&self, py: Python<'_>, name: String, seen: Option<&Observed>) -> Result<Exposure> {
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        Ok(Exposure(work(py, move || lab.exposure(&name, &seen))??))
    }

    /// As `exposure`, awaited.
    #[pyo3(signature = (name, /, seen=None))]
    async fn exposure_async(&self, name: String, seen: Option<Py<Observed>>) -> Result<Exposure> {
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        Ok(Exposure(later(move || lab.exposure(&name, &seen)).await??))
    }

    /// Returns who can reach what: one verdict for each service, in the order of `services`.
    #[pyo3(signature = (seen=None))]
    fn exposures(&self, py: Python<'_>, seen: Option<&Observed>) -> Result<Vec<Exposure>> {
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        let found = work(py, move || lab.exposures(&seen))?;
        Ok(found.into_iter().map(Exposure).collect())
    }

    /// As `exposures`, awaited.
    #[pyo3(signature = (seen=None))]
    async fn exposures_async(&self, seen: Option<Py<Observed>>) -> Result<Vec<Exposure>> {
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        let found = later(move || lab.exposures(&seen)).await?;
        Ok(found.into_iter().map(Exposure).collect())
    }

    /// Says who can reach a service by the tailnet: by which ways, as what and by which rules. Names are as in `service`.
    ///
    /// Raises `NotFound` where the lab names no policy.
    #[pyo3(signature = (service, /, seen=None))]
    fn who_can_reach(&self, py: Python<'_>, service: String, seen: Option<&Observed>) -> Result<Record> {
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        let view = work(py, move || lab.who_can_reach(&service, &seen))??;
        Ok(Record::of("ServiceReachView", &view))
    }

    /// As `who_can_reach`, awaited.
    #[pyo3(signature = (service, /, seen=None))]
    async fn who_can_reach_async(&self, service: String, seen: Option<Py<Observed>>) -> Result<Record> {
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        let view = later(move || lab.who_can_reach(&service, &seen)).await??;
        Ok(Record::of("ServiceReachView", &view))
    }

    /// Lists the services that somebody can reach by the tailnet: a person by login, a group, a tag, a device by name or
    /// address.
    ///
    /// Raises `NotFound` where nothing of the tailnet has that name, or the lab names no policy.
    #[pyo3(signature = (who, /, seen=None))]
    fn reachable_from(&self, py: Python<'_>, who: String, seen: Option<&Observed>) -> Result<Record> {
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        let view = work(py, move || lab.reachable_from(&who, &seen))??;
        Ok(Record::of("ReachableServicesView", &view))
    }

    /// As `reachable_from`, awaited.
    #[pyo3(signature = (who, /, seen=None))]
    async fn reachable_from_async(&self, who: String, seen: Option<Py<Observed>>) -> Result<Record> {
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        let view = later(move || lab.reachable_from(&who, &seen)).await??;
        Ok(Record::of("ReachableServicesView", &view))
    }

    /// Returns the lab's own tailnet, for questions about hosts and ports: the policy file that instance.toml names, else the
    /// only one that there is, over the devices and people of instance.toml and what was seen; at the moment of `seen`.
    ///
    /// Raises `NotFound` where no policy file is named or there, `Ambiguous` where there are several.
    #[pyo3(signature = (seen=None))]
    fn tailnet(&self, py: Python<'_>, seen: Option<&Observed>) -> Result<Tailnet> {
        Ok(Tailnet(work(py, tailnet(self, seen_or_now(seen)))??))
    }

    /// As `tailnet`, awaited.
    #[pyo3(signature = (seen=None))]
    async fn tailnet_async(&self, seen: Option<Py<Observed>>) -> Result<Tailnet> {
        Ok(Tailnet(later(tailnet(self, held_or_now(seen))).await??))
    }

    /// Returns the portal of somebody: every service that they may reach, with its name, category and address. They are a
    /// person by the lab's name for them or by login, or a group, tag or device.
    ///
    /// Raises `NotFound` for somebody whom nobody knows, or where the lab names no policy.
    #[pyo3(signature = (who, /, seen=None))]
    fn portal(&self, py: Python<'_>, who: String, seen: Option<&Observed>) -> Result<Record> {
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        let view = work(py, move || lab.portal(&who, &seen))??;
        Ok(Record::of("PortalView", &view))
    }

    /// Says why somebody can reach a service, or why not: way by way, by which rule, and what comes near.
    ///
    /// Raises `NotFound` for somebody whom nobody knows, for such a service, or where the lab names no policy.
    #[pyo3(signature = (who, service, /, seen=None))]
    fn explain(
        &self,
        py: Python<'_>,
        who: String,
        service: String,
        seen: Option<&Observed>,
    ) -> Result<Record> {
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        let view = work(py, move || lab.explain(&who, &service, &seen))??;
        Ok(Record::of("ServiceExplanationView", &view))
    }

    /// As `portal`, awaited.
    #[pyo3(signature = (who, /, seen=None))]
    async fn portal_async(&self, who: String, seen: Option<Py<Observed>>) -> Result<Record> {
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        let view = later(move || lab.portal(&who, &seen)).await??;
        Ok(Record::of("PortalView", &view))
    }

    /// As `explain`, awaited.
    #[pyo3(signature = (who, service, /, seen=None))]
    async fn explain_async(
        &self,
        who: String,
        service: String,
        seen: Option<Py<Observed>>,
    ) -> Result<Record> {
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        let view = later(move || lab.explain(&who, &service, &seen)).await??;
        Ok(Record::of("ServiceExplanationView", &view))
    }

    /// Returns all that is worth saying about the lab.
    ///
    /// `rules` asks for other rules than lab.toml does: `"access"`, `"+hardening"`, `"-service.privileged"`, parted by
    /// commas.
    #[pyo3(signature = (seen=None, *, rules=""))]
    fn audit(&self, py: Python<'_>, seen: Option<&Observed>, rules: &str) -> Result<Report> {
        let selection = rules.parse()?;
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        Ok(Report(work(py, move || lab.audit_with(&seen, &selection))?))
    }

    /// As `audit`, awaited.
    #[pyo3(
        signature = (seen=None, *, rules=String::new()),
        text_signature = "($self, /, seen=None, *, rules='')"
    )]
    async fn audit_async(&self, seen: Option<Py<Observed>>, rules: String) -> Result<Report> {
        let selection = rules.parse()?;
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        Ok(Report(later(move || lab.audit_with(&seen, &selection)).await?))
    }

    /// Returns where values of this lab alone stand in files that can be shared, and what is private by its shape. No value
    /// is in the report.
    #[pyo3(signature = (seen=None))]
    fn leaks(&self, py: Python<'_>, seen: Option<&Observed>) -> Result<Report> {
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        Ok(Report(work(py, move || lab.leaks(&seen))??))
    }

    /// As `leaks`, awaited.
    #[pyo3(signature = (seen=None))]
    async fn leaks_async(&self, seen: Option<Py<Observed>>) -> Result<Report> {
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        Ok(Report(later(move || lab.leaks(&seen)).await??))
    }

    /// Returns what `leaks` does, of the values of these labs too: what a template of them must not hold. `rules` asks for
    /// other rules than lab.toml does: `"leak"`, `"-leak.login"`, parted by commas.
    #[pyo3(signature = (instances, seen=None, *, rules=""))]
    fn leaks_of(
        &self,
        py: Python<'_>,
        instances: Vec<Py<Lab>>,
        seen: Option<&Observed>,
        rules: &str,
    ) -> Result<Report> {
        let find = leaks_of(&self.0, &instances, seen_or_now(seen), rules)?;
        Ok(Report(work(py, find)??))
    }

    /// As `leaks_of`, awaited.
    #[pyo3(
        signature = (instances, seen=None, *, rules=String::new()),
        text_signature = "($self, /, instances, seen=None, *, rules='')"
    )]
    async fn leaks_of_async(
        &self,
        instances: Vec<Py<Lab>>,
        seen: Option<Py<Observed>>,
        rules: String,
    ) -> Result<Report> {
        let find = leaks_of(&self.0, &instances, held_or_now(seen), &rules)?;
        Ok(Report(later(find).await??))
    }

    /// Returns the lab parted into a template that can be shared and its values, with the proof. The lab is not changed.
    ///
    /// Raises `Refused` when a value stands where no slot can: in the name of a file, in a file that is no text.
    #[pyo3(signature = (seen=None))]
    fn split(&self, py: Python<'_>, seen: Option<&Observed>) -> Result<Split> {
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        Ok(Split(work(py, move || lab.split(&seen))??))
    }

    /// As `split`, awaited.
    #[pyo3(signature = (seen=None))]
    async fn split_async(&self, seen: Option<Py<Observed>>) -> Result<Split> {
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        Ok(Split(later(move || lab.split(&seen)).await??))
    }

    /// Returns the state of the lab in one record, for a first screen.
    #[pyo3(signature = (seen=None))]
    fn posture(&self, py: Python<'_>, seen: Option<&Observed>) -> Result<Posture> {
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        Ok(Posture(work(py, move || lab.posture(&seen))?))
    }

    /// As `posture`, awaited.
    #[pyo3(signature = (seen=None))]
    async fn posture_async(&self, seen: Option<Py<Observed>>) -> Result<Posture> {
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        Ok(Posture(later(move || lab.posture(&seen)).await?))
    }

    /// Returns the plan that writes a commented lab.toml and instance.toml where they are absent, made of what the files
    /// hold and of the machine that was seen.
    #[pyo3(signature = (seen=None))]
    fn plan_init(&self, py: Python<'_>, seen: Option<&Observed>) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen_or_now(seen));
        Ok(Plan(work(py, move || lab.plan_init(&seen))?))
    }

    /// As `plan_init`, awaited.
    #[pyo3(signature = (seen=None))]
    async fn plan_init_async(&self, seen: Option<Py<Observed>>) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), held_or_now(seen));
        Ok(Plan(later(move || lab.plan_init(&seen)).await?))
    }

    /// Returns what the engines run, as services of the lab where they are, each with who can reach it.
    #[pyo3(signature = (seen, /))]
    fn running(&self, py: Python<'_>, seen: &Observed) -> Result<Running> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        Ok(Running(work(py, move || lab.running(&seen))?))
    }

    /// As `running`, awaited.
    #[pyo3(signature = (seen, /))]
    async fn running_async(&self, seen: Py<Observed>) -> Result<Running> {
        let (lab, seen) = (self.0.clone(), seen.get().0.clone());
        Ok(Running(later(move || lab.running(&seen)).await?))
    }

    /// Returns how what runs differs from what was written. Of a host that was not seen nothing is said.
    #[pyo3(signature = (seen, /))]
    fn drift(&self, py: Python<'_>, seen: &Observed) -> Result<Drift> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        Ok(Drift(work(py, move || lab.drift(&seen))?))
    }

    /// As `drift`, awaited.
    #[pyo3(signature = (seen, /))]
    async fn drift_async(&self, seen: Py<Observed>) -> Result<Drift> {
        let (lab, seen) = (self.0.clone(), seen.get().0.clone());
        Ok(Drift(later(move || lab.drift(&seen)).await?))
    }

    /// Returns what is known of the copies of the lab's data, as far as repositories were asked. A lab that says nothing has
    /// data too: what its applications are known to keep.
    #[pyo3(signature = (seen, /))]
    fn survival(&self, py: Python<'_>, seen: &Observed) -> Result<Survival> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        Ok(Survival(work(py, move || lab.survival(&seen))?))
    }

    /// As `survival`, awaited.
    #[pyo3(signature = (seen, /))]
    async fn survival_async(&self, seen: Py<Observed>) -> Result<Survival> {
        let (lab, seen) = (self.0.clone(), seen.get().0.clone());
        Ok(Survival(later(move || lab.survival(&seen)).await?))
    }

    /// Returns the plan that starts a project or a service: what it waits for first, each waited for until it is up and
    /// healthy. What runs already is left as it is.
    ///
    /// The target is a project, `immich`, a service, `immich/server` or `nas:immich/server`, or `*` for all of the lab.
    /// Raises `NotFound`, `Ambiguous`, and `Unreachable` where a host that could have it was not seen.
    #[pyo3(signature = (target, seen, /))]
    fn plan_start(&self, py: Python<'_>, target: String, seen: &Observed) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        Ok(Plan(work(py, move || lab.plan_start(&target, &seen))??))
    }

    /// As `plan_start`, awaited.
    #[pyo3(signature = (target, seen, /))]
    async fn plan_start_async(&self, target: String, seen: Py<Observed>) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.get().0.clone());
        Ok(Plan(later(move || lab.plan_start(&target, &seen)).await??))
    }

    /// Returns the plan that stops a project or a service, who waits for something before that. Targets are as in
    /// `plan_start`.
    #[pyo3(signature = (target, seen, /))]
    fn plan_stop(&self, py: Python<'_>, target: String, seen: &Observed) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        Ok(Plan(work(py, move || lab.plan_stop(&target, &seen))??))
    }

    /// As `plan_stop`, awaited.
    #[pyo3(signature = (target, seen, /))]
    async fn plan_stop_async(&self, target: String, seen: Py<Observed>) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.get().0.clone());
        Ok(Plan(later(move || lab.plan_stop(&target, &seen)).await??))
    }

    /// Returns the plan that restarts what runs of a project or a service, what it waits for first. Targets are as in
    /// `plan_start`.
    #[pyo3(signature = (target, seen, /))]
    fn plan_restart(&self, py: Python<'_>, target: String, seen: &Observed) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        Ok(Plan(work(py, move || lab.plan_restart(&target, &seen))??))
    }

    /// As `plan_restart`, awaited.
    #[pyo3(signature = (target, seen, /))]
    async fn plan_restart_async(&self, target: String, seen: Py<Observed>) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.get().0.clone());
        Ok(Plan(later(move || lab.plan_restart(&target, &seen)).await??))
    }

    /// Returns the plan that has Docker Compose make the containers of a project, a service or all anew, whether they are
    /// as they are written or not. What a container has written outside of volumes is lost. Targets are as in `plan_start`.
    #[pyo3(signature = (target, seen, /))]
    fn plan_recreate(&self, py: Python<'_>, target: String, seen: &Observed) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        Ok(Plan(work(py, move || lab.plan_recreate(&target, &seen))??))
    }

    /// As `plan_recreate`, awaited.
    #[pyo3(signature = (target, seen, /))]
    async fn plan_recreate_async(&self, target: String, seen: Py<Observed>) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.get().0.clone());
        Ok(Plan(later(move || lab.plan_recreate(&target, &seen)).await??))
    }

    /// Returns the plan that has Docker Compose fetch the images of a project, a service or all, and make those containers
    /// anew whose image, or definition, is another one by then. Targets are as in `plan_start`.
    #[pyo3(signature = (target, seen, /))]
    fn plan_update(&self, py: Python<'_>, target: String, seen: &Observed) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        Ok(Plan(work(py, move || lab.plan_update(&target, &seen))??))
    }

    /// As `plan_update`, awaited.
    #[pyo3(signature = (target, seen, /))]
    async fn plan_update_async(&self, target: String, seen: Py<Observed>) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.get().0.clone());
        Ok(Plan(later(move || lab.plan_update(&target, &seen)).await??))
    }

    /// Returns the plan that has Docker Compose make and start what is not there as it is written, each waited for until it
    /// is up. Targets are as in `plan_start`.
    #[pyo3(signature = (target, seen, /))]
    fn plan_up(&self, py: Python<'_>, target: String, seen: &Observed) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        Ok(Plan(work(py, move || lab.plan_up(&target, &seen))??))
    }

    /// As `plan_up`, awaited.
    #[pyo3(signature = (target, seen, /))]
    async fn plan_up_async(&self, target: String, seen: Py<Observed>) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.get().0.clone());
        Ok(Plan(later(move || lab.plan_up(&target, &seen)).await??))
    }

    /// Returns the plan that has Docker Compose stop and remove all containers and networks of a project, or of all. Volumes
    /// stay.
    #[pyo3(signature = (target, seen, /))]
    fn plan_down(&self, py: Python<'_>, target: String, seen: &Observed) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        Ok(Plan(work(py, move || lab.plan_down(&target, &seen))??))
    }

    /// As `plan_down`, awaited.
    #[pyo3(signature = (target, seen, /))]
    async fn plan_down_async(&self, target: String, seen: Py<Observed>) -> Result<Plan> {
        let (lab, seen) = (self.0.clone(), seen.get().0.clone());
        Ok(Plan(later(move || lab.plan_down(&target, &seen)).await??))
    }

    fn __repr__(&self) -> String {
        let (projects, services) = (self.0.projects().len(), self.0.services().len());
        format!(
            "<Lab {:?}: {projects} projects, {services} services>",
            self.0.name()
        )
    }
}

/// Returns what looks for the values of a lab and of others in its files.
fn leaks_of(
    lab: &core::Lab,
    instances: &[Py<Lab>],
    seen: core::Observed,
    rules: &str,
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
        lab.leaks_of(&all, &seen, &selection)
    })
}
