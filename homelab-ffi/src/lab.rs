//! What is wanted, from files.

use std::collections::HashMap;
use std::sync::Arc;

use homelab_core::audit::Selection;
use homelab_core::view::{FindingView, PortalView, PostureView, ServiceView};
use homelab_core::{Exposure, Finding, Query};

use crate::backup::Survival;
use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::live::{Drift, Inventory, Running};
use crate::observed::{Observed, or_now};
use crate::plan::Plan;
use crate::portal::Answer;
use crate::project::Project;
use crate::reachability::{ReachableServicesView, ServiceExplanationView, ServiceReachView};
use crate::report::Report;
use crate::runtime::run_blocking;
use crate::split::Split;
use crate::tailnet::Tailnet;

/// A home lab: what is wanted, from files. It always loads; what is wrong in it is in `diagnostics`.
///
/// It never changes: load it again to see what the files say now.
#[derive(Debug, uniffi::Object)]
pub struct Lab(pub(crate) homelab_core::Lab);

impl Lab {
    /// Judges it on a thread of the library: as far as it was seen, or with nothing looked at and now as the moment.
    pub(crate) async fn judge<T: Send + 'static>(
        &self,
        what: &str,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
        judge: impl FnOnce(&homelab_core::Lab, &homelab_core::Observed) -> T + Send + 'static,
    ) -> Result<T, HomelabError> {
        let lab = self.0.clone();
        let judge = move || judge(&lab, &or_now(seen.as_deref()));
        run_blocking(what, cancel, judge).await
    }
}

#[uniffi::export]
impl Lab {
    /// Loads the lab of a folder; `~` is the home of whoever runs this. Fails only when the folder cannot be read.
    #[uniffi::constructor(default(cancel = None))]
    pub async fn load(path: String, cancel: Option<Arc<CancelToken>>) -> Result<Arc<Self>, HomelabError> {
        let lab = run_blocking("load the lab", cancel, move || homelab_core::Lab::load(path)).await??;
        Ok(Arc::new(Lab(lab)))
    }

    /// Returns the lab of these texts, from memory: by path relative to the lab's folder, with `/` between folders.
    #[uniffi::constructor(default(cancel = None))]
    pub async fn from_texts(
        name: String,
        texts: HashMap<String, String>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Self>, HomelabError> {
        let mut texts: Vec<(String, String)> = texts.into_iter().collect();
        texts.sort();
        let read = move || homelab_core::Lab::from_texts(&name, texts);
        Ok(Arc::new(Lab(run_blocking("read the lab", cancel, read).await?)))
    }

    /// Opens the lab that `to_private_json` stored, with nothing read but the text: the same services, reach, posture and
    /// findings. Fails with `Invalid` for another text, with `Unsupported` for one of a later version.
    #[uniffi::constructor(default(cancel = None))]
    pub async fn from_json(
        text: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Self>, HomelabError> {
        let open = move || homelab_core::Lab::from_json(&text);
        let lab = run_blocking("open the stored lab", cancel, open).await??;
        Ok(Arc::new(Lab(lab)))
    }

    /// Returns a lab that has nothing but this instance.toml, so that `leaks_of` looks for its values in another. Fails with
    /// `Invalid` when something of it is not understood.
    #[uniffi::constructor]
    pub fn of_instance(text: &str) -> Result<Self, HomelabError> {
        Ok(Lab(homelab_core::Lab::of_instance(text)?))
    }

    /// Returns the lab that an inventory is of: everything that its engines run, as Compose files would have it. It is
    /// judged like any other. What an engine does not tell is not in it: health checks, limits, who waits for whom.
    #[uniffi::constructor(default(cancel = None))]
    pub async fn adopt(
        name: String,
        inventory: Arc<Inventory>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Self>, HomelabError> {
        let adopt = move || homelab_core::Lab::adopt(&name, &inventory.0);
        Ok(Arc::new(Lab(
            run_blocking("adopt what runs", cancel, adopt).await?
        )))
    }

    /// Returns the lab as a JSON text, to be kept on a device of one's own and opened there by `from_json`.
    ///
    /// It holds private values (addresses, names, paths) and no secret: words of the same length stand in their place.
    #[uniffi::method(default(cancel = None))]
    pub async fn to_private_json(&self, cancel: Option<Arc<CancelToken>>) -> Result<String, HomelabError> {
        let lab = self.0.clone();
        run_blocking("store the lab", cancel, move || lab.to_private_json()).await
    }

    /// Returns its name.
    pub fn name(&self) -> String {
        self.0.name().to_owned()
    }

    /// Returns its folder.
    pub fn root(&self) -> String {
        self.0.root().display().to_string()
    }

    /// Returns what is wrong in it: nothing when it is valid.
    pub fn diagnostics(&self) -> Vec<FindingView> {
        self.0.diagnostics().iter().map(Finding::view).collect()
    }

    /// Returns the paths of its files, relative to its folder.
    pub fn manifest(&self) -> Vec<String> {
        let files = self.0.manifest().files();
        files.iter().map(|file| file.path().to_owned()).collect()
    }

    /// Returns its Compose projects.
    pub fn projects(&self) -> Vec<Arc<Project>> {
        let projects = self.0.projects();
        projects
            .map(|project| Arc::new(Project(project.clone())))
            .collect()
    }

    /// Returns the project of this name.
    pub fn project(&self, name: &str) -> Result<Project, HomelabError> {
        Ok(Project(self.0.project(name)?.clone()))
    }

    /// Returns the full names of its services: `immich/server`, with the machine before it where the lab says.
    pub fn services(&self) -> Vec<String> {
        self.0
            .services()
            .map(|service| service.id().to_string())
            .collect()
    }

    /// Returns the full name of the service that a person means: `immich` where that is unique.
    pub fn service(&self, name: &str) -> Result<String, HomelabError> {
        Ok(self.0.service(name)?.id().to_string())
    }

    /// Returns who can reach a service.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn exposure(
        &self,
        name: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<ServiceView, HomelabError> {
        self.judge("judge who can reach it", seen, cancel, move |lab, seen| {
            Ok(lab.exposure(&name, seen)?.view())
        })
        .await?
    }

    /// Returns every service with who can reach it.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn exposures(
        &self,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Vec<ServiceView>, HomelabError> {
        self.judge("judge who can reach what", seen, cancel, move |lab, seen| {
            lab.exposures(seen).iter().map(Exposure::view).collect()
        })
        .await
    }

    /// Says who can reach a service by the tailnet: by which ways, as what and by which rules.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn who_can_reach(
        &self,
        service: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<ServiceReachView, HomelabError> {
        self.judge("say who can reach it", seen, cancel, move |lab, seen| {
            Ok(lab.who_can_reach(&service, seen)?.into())
        })
        .await?
    }

    /// Lists the services that somebody can reach by the tailnet: a person by login, a group, a tag, a device by name or
    /// address.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn reachable_from(
        &self,
        who: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<ReachableServicesView, HomelabError> {
        self.judge("say what they can reach", seen, cancel, move |lab, seen| {
            Ok(lab.reachable_from(&who, seen)?.into())
        })
        .await?
    }

    /// Returns the lab's own tailnet, for questions about hosts and ports: the policy file that instance.toml names, else the
    /// only one that there is, over the devices and people of instance.toml and what was seen; at the moment of `seen`.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn tailnet(
        &self,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Tailnet>, HomelabError> {
        self.judge("put the policy in force", seen, cancel, move |lab, seen| {
            Ok(Arc::new(Tailnet(lab.tailnet(seen)?.at(seen.at()))))
        })
        .await?
    }

    /// Returns the portal of somebody: every service that they may reach, with its name, category and address. They are a
    /// person by the lab's name for them or by login, or a group, tag or device.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn portal(
        &self,
        who: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<PortalView, HomelabError> {
        self.judge("make the portal", seen, cancel, move |lab, seen| {
            Ok(lab.portal(&who, seen)?)
        })
        .await?
    }

    /// Says why somebody can reach a service, or why not: way by way, by which rule, and what comes near.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn explain(
        &self,
        who: String,
        service: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<ServiceExplanationView, HomelabError> {
        self.judge("explain who reaches what", seen, cancel, move |lab, seen| {
            Ok(lab.explain(&who, &service, seen)?.into())
        })
        .await?
    }

    /// Returns the answer of `portal` as people read it.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn portal_text(
        &self,
        who: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<String, HomelabError> {
        self.judge("make the portal", seen, cancel, move |lab, seen| {
            Ok(lab.portal(&who, seen)?.to_string())
        })
        .await?
    }

    /// Returns the answer of `explain` as people read it.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn explain_text(
        &self,
        who: String,
        service: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<String, HomelabError> {
        self.judge("explain who reaches what", seen, cancel, move |lab, seen| {
            Ok(lab.explain(&who, &service, seen)?.to_string())
        })
        .await?
    }

    /// Returns the answer of `who_can_reach` as people read it.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn who_can_reach_text(
        &self,
        service: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<String, HomelabError> {
        self.judge("say who can reach it", seen, cancel, move |lab, seen| {
            Ok(lab.who_can_reach(&service, seen)?.to_string())
        })
        .await?
    }

    /// Returns the answer of `reachable_from` as people read it.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn reachable_from_text(
        &self,
        who: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<String, HomelabError> {
        self.judge("say what they can reach", seen, cancel, move |lab, seen| {
            Ok(lab.reachable_from(&who, seen)?.to_string())
        })
        .await?
    }

    /// Returns all that is worth saying about the lab, as far as it was seen.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn audit(
        &self,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Report>, HomelabError> {
        self.judge("audit the lab", seen, cancel, move |lab, seen| {
            Arc::new(Report(lab.audit(seen)))
        })
        .await
    }

    /// Returns what `audit` does, of other rules than lab.toml says: names parted by commas, `+hardening` these as well,
    /// `-access` not these.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn audit_with(
        &self,
        rules: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Report>, HomelabError> {
        self.judge("audit the lab", seen, cancel, move |lab, seen| {
            Ok(Arc::new(Report(
                lab.audit_with(seen, &rules.parse::<Selection>()?),
            )))
        })
        .await?
    }

    /// Returns where values of this lab alone stand in files that can be shared, and what is private by its shape. No value
    /// is in the report.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn leaks(
        &self,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Report>, HomelabError> {
        self.judge("look for leaks", seen, cancel, move |lab, seen| {
            Ok(Arc::new(Report(lab.leaks(seen)?)))
        })
        .await?
    }

    /// Returns what `leaks` does, of the values of these labs too: what a template of them must not hold. With other rules
    /// than lab.toml says, as `audit_with` takes them.
    #[uniffi::method(default(rules = "", seen = None, cancel = None))]
    pub async fn leaks_of(
        &self,
        instances: Vec<Arc<Lab>>,
        rules: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Report>, HomelabError> {
        let selection: Selection = rules.parse()?;
        let judge = move |lab: &homelab_core::Lab, seen: &homelab_core::Observed| {
            let all = instances.iter().fold(lab.vocabulary(seen), |all, instance| {
                all.with(&instance.0.vocabulary(seen))
            });
            Ok(Arc::new(Report(lab.leaks_of(&all, seen, &selection)?)))
        };
        self.judge("look for leaks", seen, cancel, judge).await?
    }

    /// Returns the lab parted into a template that can be shared and its values, with the proof. The lab is not changed.
    /// Fails with `Refused` when a value stands where no slot can: in the name of a file, in a file that is no text.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn split(
        &self,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Split>, HomelabError> {
        let (lab, seen) = (self.0.clone(), or_now(seen.as_deref()));
        let split = run_blocking("split the lab", cancel, move || lab.split(&seen)).await??;
        Ok(Arc::new(Split(split)))
    }

    /// Returns the state of the lab in one record, for a first screen.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn posture(
        &self,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<PostureView, HomelabError> {
        self.judge("sum up the lab", seen, cancel, move |lab, seen| {
            lab.posture(seen).view()
        })
        .await
    }

    /// Returns the answer to a question in a line: `posture`, `findings severity=error project=immich`.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn answer(
        &self,
        query: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Answer, HomelabError> {
        self.judge("answer the question", seen, cancel, move |lab, seen| {
            Ok(query.parse::<Query>()?.answer(lab, seen)?.into())
        })
        .await?
    }

    /// Returns what `answer` does as JSON, which is the same in every language.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn answer_json(
        &self,
        query: String,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<String, HomelabError> {
        self.judge("answer the question", seen, cancel, move |lab, seen| {
            Ok(query.parse::<Query>()?.answer(lab, seen)?.to_json())
        })
        .await?
    }

    /// Returns the plan that writes lab.toml and instance.toml where they are absent, made of what is found in the lab
    /// and of the machine that was seen. A file that exists is never touched.
    #[uniffi::method(default(seen = None, cancel = None))]
    pub async fn plan_init(
        &self,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan the settings", seen, cancel, move |lab, seen| {
            Arc::new(Plan(lab.plan_init(seen)))
        })
        .await
    }

    /// Returns what the engines run, as services of the lab where they are, each with who can reach it.
    #[uniffi::method(default(cancel = None))]
    pub async fn running(
        &self,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Running>, HomelabError> {
        self.judge(
            "join what runs with the lab",
            Some(seen),
            cancel,
            move |lab, seen| Arc::new(Running(lab.running(seen))),
        )
        .await
    }

    /// Returns how what runs differs from what was written. Of a host that was not seen nothing is said.
    #[uniffi::method(default(cancel = None))]
    pub async fn drift(
        &self,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Drift>, HomelabError> {
        self.judge(
            "compare what runs with the lab",
            Some(seen),
            cancel,
            move |lab, seen| Arc::new(Drift(lab.drift(seen))),
        )
        .await
    }

    /// Returns what is known of the copies of the lab's data, as far as repositories were asked. A lab that says nothing has
    /// data too: what its applications are known to keep.
    #[uniffi::method(default(cancel = None))]
    pub async fn survival(
        &self,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Survival>, HomelabError> {
        self.judge("judge the lab's copies", Some(seen), cancel, move |lab, seen| {
            Arc::new(Survival(lab.survival(seen)))
        })
        .await
    }

    /// Returns the plan that starts a project or a service: what it waits for first, each waited for until it is up and
    /// healthy. What runs already is left as it is.
    ///
    /// The target is a project, `immich`, a service, `immich/server` or `nas:immich/server`, or `*` for all of the lab.
    /// Fails with `NotFound`, `Ambiguous`, and with `Unreachable` where a host that could have it was not seen.
    #[uniffi::method(default(cancel = None))]
    pub async fn plan_start(
        &self,
        target: String,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            Ok(Arc::new(Plan(lab.plan_start(&target, seen)?)))
        })
        .await?
    }

    /// Returns the plan that stops a project or a service, who waits for something before that. Targets are as in
    /// `plan_start`.
    #[uniffi::method(default(cancel = None))]
    pub async fn plan_stop(
        &self,
        target: String,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            Ok(Arc::new(Plan(lab.plan_stop(&target, seen)?)))
        })
        .await?
    }

    /// Returns the plan that restarts what runs of a project or a service, what it waits for first. Targets are as in
    /// `plan_start`.
    #[uniffi::method(default(cancel = None))]
    pub async fn plan_restart(
        &self,
        target: String,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            Ok(Arc::new(Plan(lab.plan_restart(&target, seen)?)))
        })
        .await?
    }

    /// Returns the plan that has Docker Compose make the containers of a project, a service or all anew, whether they are
    /// as they are written or not. What a container has written outside of volumes is lost. Targets are as in `plan_start`.
    #[uniffi::method(default(cancel = None))]
    pub async fn plan_recreate(
        &self,
        target: String,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            Ok(Arc::new(Plan(lab.plan_recreate(&target, seen)?)))
        })
        .await?
    }

    /// Returns the plan that has Docker Compose fetch the images of a project, a service or all, and make those containers
    /// anew whose image, or definition, is another one by then. Targets are as in `plan_start`.
    #[uniffi::method(default(cancel = None))]
    pub async fn plan_update(
        &self,
        target: String,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            Ok(Arc::new(Plan(lab.plan_update(&target, seen)?)))
        })
        .await?
    }

    /// Returns the plan that has Docker Compose make and start what is not there as it is written, each waited for until it
    /// is up. Targets are as in `plan_start`.
    #[uniffi::method(default(cancel = None))]
    pub async fn plan_up(
        &self,
        target: String,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            Ok(Arc::new(Plan(lab.plan_up(&target, seen)?)))
        })
        .await?
    }

    /// Returns the plan that has Docker Compose stop and remove all containers and networks of a project, or of all. Volumes
    /// stay.
    #[uniffi::method(default(cancel = None))]
    pub async fn plan_down(
        &self,
        target: String,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            Ok(Arc::new(Plan(lab.plan_down(&target, seen)?)))
        })
        .await?
    }
}
