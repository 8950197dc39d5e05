//! Plans that make and remove what Compose files describe, by the real Docker Compose.

use std::collections::BTreeSet;
use std::path::Path;

use super::is_named;
use super::order::depths;
use crate::compose::{MountKind, Project, ResolveOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::inventory::{HostInventory, Inventory, Placement};
use crate::lab::{Lab, ServiceRef, in_words};
use crate::name::{HostName, ProjectName, ServiceId, ServiceName};
use crate::observed::Observed;
use crate::plan::{ComposeAction, ComposeBefore, ComposeStep, ContentHash, Plan, Step};

/// The label by which Docker Compose knows its own containers.
const PROJECT: &str = "com.docker.compose.project";

/// One project on one host, and those of its services that are meant.
struct Job<'a> {
    host: HostName,
    services: Vec<ServiceRef<'a>>,
    /// Whether that is all of the project.
    whole: bool,
}

impl Lab {
    /// Returns the plan that has Docker Compose make and start what is not there as it is written: a project, a service
    /// with what it waits for, or all. Each is waited for until it is up, and its health check, where it has one, passes.
    ///
    /// Targets are as for [`plan_start`](Lab::plan_start). Docker Compose has to be installed on the machine on which the
    /// plan is applied.
    ///
    /// ```
    /// use homelab_core::inventory::{HostInventory, Inventory};
    /// use homelab_core::{Lab, Observed};
    ///
    /// let lab = Lab::from_texts("home", [("web/compose.yaml", "services: { site: { image: nginx } }")]);
    /// let at = "2027-01-01T00:00:00Z".parse()?;
    /// let mut nas = HostInventory::new("nas".parse()?, at, "docker 28.2.2");
    /// nas.containers = Some(Vec::new());
    /// let seen = Observed::none(at).with_inventory(Inventory::new([nas]));
    /// assert_eq!(
    ///     lab.plan_up("web", &seen)?.to_string(),
    ///     "bring up web\n  1. run `docker compose up --detach` for project `web` on host `nas`\n",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`plan_start`](Lab::plan_start); `Ambiguous` where the lab does not say which host is meant; `Unsupported`
    /// for what no Compose file describes; `Conflict` where what is there was not made by Docker Compose.
    pub fn plan_up(&self, target: &str, seen: &Observed) -> Result<Plan> {
        let title = title("bring up", target);
        let inventory = observed(seen, &title)?;
        let placements = self.placements(inventory);
        let mut steps = Vec::new();
        for job in self.jobs(target, inventory, &placements, &title)? {
            steps.push(self.compose(ComposeAction::Up, &job, &placements, &[], &title)?);
        }
        Plan::new(title, steps)
    }

    /// Returns the plan that has Docker Compose stop and remove all containers and networks of a project, or of all, the
    /// last first. Volumes stay, and so does what lies on the host.
    ///
    /// # Errors
    /// As for [`plan_up`](Lab::plan_up); `Invalid` for a single service, which can be stopped.
    pub fn plan_down(&self, target: &str, seen: &Observed) -> Result<Plan> {
        let title = title("take down", target);
        let inventory = observed(seen, &title)?;
        let placements = self.placements(inventory);
        let mut steps = Vec::new();
        for job in self.jobs(target, inventory, &placements, &title)? {
            if !job.whole {
                let error = Error::new(
                    ErrorKind::Invalid,
                    format!("plan to {title}: it is a single service"),
                );
                return Err(error.with_hint("stop it, or name its project"));
            }
            steps.push(self.compose(ComposeAction::Down, &job, &placements, &[], &title)?);
        }
        steps.reverse();
        Plan::new(title, steps)
    }

    /// Returns the plan that has Docker Compose make the containers of a project, a service or all anew, whether they are
    /// as they are written or not. What a container has written outside of volumes is lost.
    ///
    /// # Errors
    /// As for [`plan_up`](Lab::plan_up), and `NotFound` where there is no container.
    pub fn plan_recreate(&self, target: &str, seen: &Observed) -> Result<Plan> {
        let title = title("recreate", target);
        let steps = self.renewed(&[ComposeAction::Recreate], target, seen, &title)?;
        Plan::new(title, steps)
    }

    /// Returns the plan that has Docker Compose fetch the images of a project, a service or all from their registries, and
    /// make those containers anew whose image, or definition, is another one by then.
    ///
    /// # Errors
    /// As for [`plan_recreate`](Lab::plan_recreate).
    pub fn plan_update(&self, target: &str, seen: &Observed) -> Result<Plan> {
        let title = title("update", target);
        let actions = [ComposeAction::Pull, ComposeAction::Update];
        let steps = self.renewed(&actions, target, seen, &title)?;
        Plan::new(title, steps)
    }

    /// Returns the steps that make containers anew which are there.
    fn renewed(
        &self,
        actions: &[ComposeAction],
        target: &str,
        seen: &Observed,
        title: &str,
    ) -> Result<Vec<Step>> {
        let inventory = observed(seen, title)?;
        let placements = self.placements(inventory);
        let mut chosen = self.meant(target, inventory, &placements, title)?;
        chosen.retain(|placement| !placement.container().is_one_off());
        let depths = depths(&chosen);
        chosen.sort_by_cached_key(|one| (depths.get(&one.id()).copied().unwrap_or(0), one.id()));
        let mut jobs: Vec<Job<'_>> = Vec::new();
        let mut ids: Vec<Vec<String>> = Vec::new();
        for placement in &chosen {
            let Some(service) = placement.service() else {
                return Err(undescribed(&placement.id(), title));
            };
            let host = &placement.host().host;
            let same = |job: &Job<'_>| job.host == *host && is_same(job.services[0], service);
            let at = jobs.iter().position(same).unwrap_or_else(|| {
                jobs.push(Job {
                    host: host.clone(),
                    services: Vec::new(),
                    whole: false,
                });
                ids.push(Vec::new());
                jobs.len() - 1
            });
            if !jobs[at].services.iter().any(|one| one.id() == service.id()) {
                jobs[at].services.push(service);
            }
            ids[at].push(placement.container().id.clone());
        }
        let mut steps = Vec::new();
        for (job, ids) in jobs.iter().zip(&ids) {
            for action in actions {
                steps.push(self.compose(*action, job, &placements, ids, title)?);
            }
        }
        Ok(steps)
    }

    /// Returns which projects on which hosts a target means, whether they run or not.
    fn jobs<'a>(
        &'a self,
        target: &str,
        inventory: &Inventory,
        placements: &[Placement<'_>],
        title: &str,
    ) -> Result<Vec<Job<'a>>> {
        let whole = target == "*" || self.projects().any(|project| project.name().as_str() == target);
        let wanted: Vec<ServiceRef<'a>> = if whole {
            let own = self
                .services()
                .filter(|one| target == "*" || one.id().project().as_str() == target);
            // Compose leaves out what is of no active profile; what is named it takes.
            own.filter(|one| runs(one) && one.project().is_active(one.name().as_str()))
                .collect()
        } else {
            match self.service(target) {
                Ok(service) => vec![service],
                Err(error) => {
                    let mut strange = placements.iter().filter(|one| one.service().is_none());
                    return Err(match strange.find(|one| is_named(&one.id(), target)) {
                        Some(found) => undescribed(&found.id(), title),
                        None => error,
                    });
                }
            }
        };
        let mut jobs: Vec<Job<'a>> = Vec::new();
        for service in wanted {
            let host = host_of(service, inventory, title)?;
            match jobs
                .iter_mut()
                .find(|job| job.host == host && is_same(job.services[0], service))
            {
                Some(job) => job.services.push(service),
                None => jobs.push(Job {
                    host,
                    services: vec![service],
                    whole,
                }),
            }
        }
        if jobs.is_empty() {
            let error = Error::new(
                ErrorKind::NotFound,
                format!("plan to {title}: it has no service to run"),
            );
            return Err(error.with_hint("its services need profiles that are not active: name one of them"));
        }
        Ok(jobs)
    }

    fn compose(
        &self,
        action: ComposeAction,
        job: &Job<'_>,
        placements: &[Placement<'_>],
        ids: &[String],
        title: &str,
    ) -> Result<Step> {
        let first = job.services[0];
        let project = first.project();
        let files = files(project).filter(|_| job.services.iter().all(runs));
        let Some(files) = files else {
            return Err(undescribed(first.id(), title));
        };
        let here: Vec<&Placement<'_>> = placements
            .iter()
            .filter(|one| one.host().host == job.host && one.service().is_some_and(|own| is_same(own, first)))
            .collect();
        let meant = |one: &&&Placement<'_>| {
            let id = one.id();
            job.services.iter().any(|service| service.name() == id.service())
        };
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for placement in here.iter().filter(meant) {
            let container = placement.container();
            let Some(name) = container.label(PROJECT) else {
                // It removes its own, and leaves this one alone.
                if action == ComposeAction::Down {
                    continue;
                }
                let message = format!(
                    "plan to {title}: container `{}` on host `{}` was not made by Docker Compose, which would make another one",
                    container.name, job.host
                );
                return Err(Error::new(ErrorKind::Conflict, message)
                    .with_hint("look what of it has to be kept, and remove it first"));
            };
            names.insert(name);
        }
        let name = match names.iter().copied().collect::<Vec<_>>().as_slice() {
            [] => project.name().clone(),
            [name] => ProjectName::new(name).map_err(|error| {
                let message = format!(
                    "plan to {title}: read the project's name `{}`",
                    name.escape_debug()
                );
                Error::new(ErrorKind::Invalid, message).with_source(error)
            })?,
            several => {
                let several: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
                let message = format!(
                    "plan to {title}: its containers on host `{}` are of {} projects of Docker Compose",
                    job.host,
                    several.len()
                );
                return Err(Error::new(ErrorKind::Conflict, message)
                    .with_hint(format!("keep those of one of {}", in_words(&several, "and", 6))));
            }
        };
        let mut awaited: Vec<ServiceName> = job
            .services
            .iter()
            .map(|service| service.name().clone())
            .collect();
        let services = if job.whole { Vec::new() } else { awaited.clone() };
        if matches!(action, ComposeAction::Down | ComposeAction::Pull) {
            awaited = Vec::new();
        }
        let sources = project
            .files()
            .iter()
            .filter(|file| files.iter().any(|name| name == file.name()));
        let before = ComposeBefore {
            files: sources
                .map(|file| (file.name().to_owned(), ContentHash::of(file.text().as_bytes())))
                .collect(),
            containers: match action {
                ComposeAction::Recreate => ids.to_vec(),
                _ => Vec::new(),
            },
        };
        let step = ComposeStep {
            host: job.host.clone(),
            project: name,
            files,
            services,
            awaited,
            mounts_folder: mounts_folder(project, self.root()),
            action,
        };
        Ok(Step::compose(step, before))
    }
}

fn title(verb: &str, target: &str) -> String {
    match target {
        "*" => format!("{verb} everything"),
        target => format!("{verb} {}", target.escape_debug()),
    }
}

fn observed<'a>(seen: &'a Observed, title: &str) -> Result<&'a Inventory> {
    seen.inventory().map(|observed| observed.value()).ok_or_else(|| {
        let error = Error::new(
            ErrorKind::Unreachable,
            format!("plan to {title}: no engine was asked"),
        );
        error.with_hint("observe the world first, with its engines")
    })
}

fn is_same(one: ServiceRef<'_>, other: ServiceRef<'_>) -> bool {
    one.id().host() == other.id().host() && one.id().project() == other.id().project()
}

/// Whether it is a container of its own, and not a pod of a Kubernetes file.
fn runs(service: &ServiceRef<'_>) -> bool {
    service.service().image.is_some() || service.service().build.is_some()
}

/// Returns the files that Docker Compose is given; none where it could not read them.
fn files(project: &Project) -> Option<Vec<String>> {
    let parts = |name: &str| {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        (folder.to_owned(), file.to_owned())
    };
    let main = project.files().first()?.name();
    let (folder, file) = parts(main);
    if !(file.ends_with(".yaml") || file.ends_with(".yml")) {
        return None;
    }
    let mut files = vec![main.to_owned()];
    // What is included or extended it finds itself; the one file that is laid over the other without being named is not
    // looked for when files are named.
    files.extend(
        project
            .files()
            .iter()
            .skip(1)
            .map(|file| file.name())
            .find_map(|name| {
                let (its, file) = parts(name);
                let over = its == folder && ResolveOptions::override_names().contains(&file.as_str());
                over.then(|| name.to_owned())
            }),
    );
    Some(files)
}

/// Whether it mounts what lies beside its files.
fn mounts_folder(project: &Project, root: &Path) -> bool {
    let beside = |path: &str| {
        let path = Path::new(path);
        path.starts_with(project.directory()) || path.starts_with(root)
    };
    let mut mounts = project.services().values().flat_map(|service| &service.mounts);
    !project.configs().is_empty()
        || !project.secrets().is_empty()
        || mounts.any(|mount| {
            mount.value.kind == MountKind::Bind && mount.value.source.as_deref().is_some_and(beside)
        })
}

/// Returns the host that runs a service; it has to be seen.
fn host_of(service: ServiceRef<'_>, inventory: &Inventory, title: &str) -> Result<HostName> {
    let host = match service.id().host() {
        Some(host) => host.clone(),
        None => match inventory.hosts().collect::<Vec<_>>().as_slice() {
            [only] => only.host.clone(),
            several => {
                let names: Vec<String> = several.iter().map(|host| format!("`{}`", host.host)).collect();
                let message = format!("plan to {title}: which host runs `{}` is not said", service.id());
                let error = Error::new(ErrorKind::Ambiguous, message);
                return Err(error.with_hint(format!(
                    "write `hosts` under `[projects.{}]` in instance.toml: {}",
                    service.id().project(),
                    in_words(&names, "or", 6)
                )));
            }
        },
    };
    let seen = inventory.host(host.as_str());
    if seen.is_some_and(HostInventory::is_seen) {
        return Ok(host);
    }
    let message = format!("plan to {title}: host `{host}` was not seen");
    let error = Error::new(ErrorKind::Unreachable, message);
    Err(match seen.and_then(HostInventory::gap) {
        Some(gap) => error.with_hint(gap.to_string()),
        None => error,
    })
}

fn undescribed(id: &ServiceId, title: &str) -> Error {
    let message = format!("plan to {title}: no Compose file of the lab describes `{id}`");
    Error::new(ErrorKind::Unsupported, message).with_hint("it can be started, stopped and restarted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Container;

    const LAB: [(&str, &str); 5] = [
        (
            "web/compose.yaml",
            "services:\n  site: { image: nginx, depends_on: [db], volumes: ['./conf:/conf'] }\n  db: { image: postgres }\n  \
             tools: { image: busybox, profiles: [tools] }",
        ),
        ("web/compose.override.yaml", "services: { site: { init: true } }"),
        (
            "stack/docker-compose.yml",
            "include: [more.yml]\nservices: { one: { image: a } }",
        ),
        ("stack/more.yml", "services: { two: { image: b } }"),
        (
            "quadlets/cache.container",
            "[Container]\nImage=docker.io/library/redis:7\n",
        ),
    ];

    fn container(name: &str, project: Option<&str>, service: &str) -> Container {
        let mut container = Container::new(format!("id-{name}"), name);
        if let Some(project) = project {
            container.labels.insert(PROJECT.into(), project.into());
            container
                .labels
                .insert("com.docker.compose.service".into(), service.into());
        }
        container
    }

    fn seen(hosts: &[&str], containers: Vec<Container>) -> Observed {
        let at = "2027-01-01T00:00:00Z".parse().expect("a time");
        let all = hosts.iter().enumerate().map(|(index, name)| {
            let mut host = HostInventory::new(name.parse().expect("a name"), at, "docker");
            host.containers = Some(if index == 0 {
                containers.clone()
            } else {
                Vec::new()
            });
            host
        });
        Observed::none(at).with_inventory(Inventory::new(all))
    }

    fn lab() -> Lab {
        Lab::from_texts("home", LAB)
    }

    fn text(plan: Result<Plan>) -> String {
        match plan {
            Ok(plan) => plan.steps().iter().map(|step| format!("{step}\n")).collect(),
            Err(error) => format!("{}: {error}", error.kind()),
        }
    }

    #[test]
    fn all_of_a_project_is_brought_up_and_a_service_by_its_name() {
        let (lab, seen) = (lab(), seen(&["nas"], Vec::new()));
        let plan = lab.plan_up("web", &seen).expect("a plan");
        let [step] = plan.steps() else { panic!("{plan}") };
        let crate::plan::StepKind::Compose(step) = step.kind() else {
            panic!("{plan}")
        };
        assert_eq!(step.files, ["web/compose.yaml", "web/compose.override.yaml"]);
        assert!(step.services.is_empty() && step.mounts_folder);
        let awaited: Vec<&str> = step.awaited.iter().map(ServiceName::as_str).collect();
        assert_eq!(
            awaited,
            ["site", "db"],
            "and nothing of a profile that is not active"
        );
        assert_eq!(
            text(lab.plan_up("tools", &seen)),
            "run `docker compose up --detach tools` for project `web` on host `nas`\n"
        );
        let other = lab.plan_up("one", &seen).expect("a plan");
        let crate::plan::StepKind::Compose(step) = other.steps()[0].kind() else {
            panic!("{other}")
        };
        assert_eq!(
            step.files,
            ["stack/docker-compose.yml"],
            "what is included it finds itself"
        );
        assert!(!step.mounts_folder);
    }

    #[test]
    fn what_compose_cannot_do_is_refused_with_the_reason() {
        let lab = lab();
        let nothing = seen(&["nas"], Vec::new());
        assert!(
            text(lab.plan_up("cache", &nothing))
                .starts_with("unsupported: plan to bring up cache: no Compose file")
        );
        assert!(text(lab.plan_down("web/db", &nothing)).starts_with("invalid: plan to take down web/db"));
        assert!(text(lab.plan_up("nothing", &nothing)).starts_with("not_found: "));
        assert!(text(lab.plan_recreate("web", &nothing)).starts_with("not_found: "));
        assert!(text(lab.plan_up("web", &Observed::none(nothing.at()))).starts_with("unreachable: "));
        assert!(text(lab.plan_up("web", &seen(&["nas", "attic"], Vec::new()))).starts_with("ambiguous: "));
        let strange = seen(&["nas"], vec![container("adminer", None, "")]);
        for planned in [
            lab.plan_up("_/adminer", &strange),
            lab.plan_update("_/adminer", &strange),
        ] {
            assert!(text(planned).starts_with("unsupported: "));
        }
        let by_hand = seen(&["nas"], vec![container("web-db-1", None, "")]);
        assert!(text(lab.plan_up("web", &by_hand)).starts_with("conflict: "));
        assert_eq!(
            text(lab.plan_down("web", &by_hand)),
            "run `docker compose down` for project `web` on host `nas`\n"
        );
        let fixed =
            "services: { app: { image: a, container_name: app }, db: { image: b, container_name: db } }";
        let lab = Lab::from_texts("home", [("web/compose.yaml", fixed)]);
        let two = vec![
            container("app", Some("old"), "app"),
            container("db", Some("older"), "db"),
        ];
        assert!(text(lab.plan_up("web", &seen(&["nas"], two))).contains("2 projects of Docker Compose"));
    }

    #[test]
    fn what_is_there_is_made_anew_under_its_own_projects_name_and_what_is_waited_for_first() {
        let lab = lab();
        let mut containers = vec![
            container("web-site-1", Some("web"), "site"),
            container("web-db-1", Some("web"), "db"),
        ];
        let there = seen(&["nas"], containers.clone());
        assert_eq!(
            text(lab.plan_update("web", &there)),
            "run `docker compose pull --ignore-buildable db site` for project `web` on host `nas`\n\
             run `docker compose up --detach --no-deps db site` for project `web` on host `nas`\n"
        );
        let plan = lab.plan_recreate("web/db", &there).expect("a plan");
        assert_eq!(
            text(Ok(plan.clone())),
            "run `docker compose up --detach --no-deps --force-recreate db` for project `web` on host `nas`\n"
        );
        assert!(
            plan.steps()[0]
                .precondition()
                .to_string()
                .ends_with(", and containers id-web-db-1")
        );
        // Made under another name of the project, from the same file.
        for one in &mut containers {
            one.labels.insert(PROJECT.into(), "site".into());
            let file = "com.docker.compose.project.config_files";
            one.labels
                .insert(file.into(), "/opt/home/web/compose.yaml".into());
        }
        assert_eq!(
            text(lab.plan_up("web", &seen(&["nas"], containers))),
            "run `docker compose up --detach` for project `site` on host `nas`\n"
        );
    }
}
