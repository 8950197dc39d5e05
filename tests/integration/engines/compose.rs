//! What Compose files describe, made and removed by plans through the real Docker Compose: a lab of twenty containers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use homelab_core::apply::Status;
use homelab_core::inventory::Container;
use homelab_core::{Error, ErrorKind, Event, Lab, Observed, Outcome, Plan, World};
use homelab_tests::needs::compose;

use super::{IMAGE, Real, ensure, text};

const PROJECTS: usize = 5;
const SERVICES: [&str; 4] = ["web", "app", "cache", "db"];

/// The images of the services by the names that people know, with the one that there is behind them.
const IMAGES: [&str; 4] = [
    "docker.io/library/nginx:1.29",
    "ghcr.io/immich-app/immich-server:v1.120.0",
    "docker.io/valkey/valkey:8",
    "docker.io/library/postgres:16",
];

/// A lab whose files lie in a folder of the test's own.
struct Twenty<'a> {
    real: &'a Real,
    folder: tempfile::TempDir,
}

impl Twenty<'_> {
    fn project(&self, number: usize) -> String {
        format!("twenty{number}-{}", self.real.prefix)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("lab")
    }

    /// Writes one project: four services in a row, of which each waits for the next.
    fn write(&self, root: &Path, number: usize, seconds: u32) -> Result<(), String> {
        let name = self.project(number);
        let folder = root.join(&name);
        let mut compose = "services:\n".to_owned();
        for (index, service) in SERVICES.iter().enumerate() {
            let (next, image) = (SERVICES.get(index + 1), IMAGES[index]);
            // Podman runs health checks by systemd's timers, which are not there.
            let healthy = self.real.prefix != "podman";
            let condition = if healthy {
                "service_healthy"
            } else {
                "service_started"
            };
            let waits = next.map_or_else(String::new, |next| {
                format!("    depends_on: {{ {next}: {{ condition: {condition} }} }}\n")
            });
            let health = match healthy {
                true => "    healthcheck: { test: ['CMD', 'true'], interval: 1s }\n",
                false => "",
            };
            compose.push_str(&format!(
                "  {service}:\n    image: {image}\n    command: [sleep, '{seconds}']\n    network_mode: none\n    \
                 stop_grace_period: 0s\n    ulimits: {{ nofile: 1024, nproc: 1024 }}\n    volumes: ['./conf:/conf:ro']\n\
                 {waits}{health}"
            ));
        }
        let written = fs::create_dir_all(folder.join("conf"))
            .and_then(|()| fs::write(folder.join("compose.yaml"), compose))
            .and_then(|()| {
                let instance = format!("[hosts.nas]\nengine = \"{}\"\n", self.real.address);
                fs::write(root.join("instance.toml"), instance)
            });
        written.map_err(|error| error.to_string())
    }

    async fn see(&self, root: &Path) -> Result<(Lab, World, Observed), String> {
        let lab = Lab::load(root).map_err(text)?;
        let world = World::connect(&lab)
            .await
            .with_state(self.folder.path().join("state"))
            .with_compose(compose()?);
        let seen = world.observe(&lab).await;
        Ok((lab, world, seen))
    }

    /// Returns this lab's containers, by name.
    async fn own(&self) -> Result<BTreeMap<String, Container>, String> {
        let (_, _, seen) = self.see(&self.root()).await?;
        let inventory = seen.inventory().ok_or("it was seen")?.value();
        let all = inventory
            .containers()
            .map(|(_, one)| (one.name.clone(), one.clone()));
        Ok(all.filter(|(name, _)| name.starts_with("twenty")).collect())
    }

    /// Plans in this folder, and applies that.
    async fn apply(&self, root: &Path, planner: Planner, target: &str) -> Result<Outcome, String> {
        let (lab, world, seen) = self.see(root).await?;
        let plan = planner(&lab, target, &seen).map_err(text)?;
        plan.apply(&world).await.map_err(text)
    }
}

type Planner = fn(&Lab, &str, &Observed) -> Result<Plan, Error>;

fn refused<T>(result: Result<T, Error>, kind: ErrorKind) -> Result<Error, String> {
    match result {
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => Err(format!("not {kind}, but {}", text(error))),
        Ok(_) => Err(format!("it goes on, and should be {kind}")),
    }
}

pub(super) async fn twenty_containers_are_made_and_removed_by_plans(real: &Real) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let lab = Twenty { real, folder };
    for name in IMAGES {
        real.docker(&["tag", IMAGE, name])?;
    }
    for number in 0..PROJECTS {
        lab.write(&lab.root(), number, 600)?;
    }
    let result = steps(&lab).await;
    // Nothing is left behind, whatever failed.
    let down = lab.apply(&lab.root(), Lab::plan_down, "*").await;
    result?;
    ensure(down?.status() == Status::Complete, || {
        "nothing was removed".to_owned()
    })?;
    let left = lab.own().await?;
    ensure(left.is_empty(), || format!("{:?} are left", left.keys()))?;
    let again = lab.apply(&lab.root(), Lab::plan_down, "*").await?;
    ensure(again.status() == Status::Skipped, || {
        format!("removed twice: {again}")
    })
}

async fn steps(twenty: &Twenty<'_>) -> Result<(), String> {
    let root = twenty.root();
    let (lab, world, seen) = twenty.see(&root).await?;
    let up = lab.plan_up("*", &seen).map_err(text)?;
    ensure(up.steps().len() == PROJECTS, || up.to_string())?;
    let missing = world.clone().with_compose("/no/such/program");
    let error = refused(up.clone().apply(&missing).await, ErrorKind::ToolMissing)?;
    ensure(error.done().is_empty(), || "nothing was done yet".to_owned())?;

    let operation = up.clone().apply(&world);
    let mut events = operation.events();
    let mut told = 0;
    while let Some(event) = events.next().await {
        told += usize::from(matches!(&event, Event::Progress { text, .. } if text.ends_with(" Started")));
    }
    let outcome = operation.await.map_err(text)?;
    ensure(outcome.status() == Status::Complete, || outcome.to_string())?;
    let count = PROJECTS * SERVICES.len();
    ensure(told == count, || {
        format!("{told} of {count} were told to have started")
    })?;
    let first = twenty.own().await?;
    let wrong = first
        .values()
        .find(|one| !one.state.is_running() || one.health.is_some_and(|told| told.as_str() != "healthy"));
    ensure(first.len() == count && wrong.is_none(), || format!("{first:?}"))?;
    let (_, _, seen) = twenty.see(&root).await?;
    let drift = lab.drift(&seen);
    let own = |one: &&homelab_core::drift::Difference| {
        one.service()
            .is_some_and(|id| id.project().as_str().starts_with("twenty"))
    };
    ensure(!drift.differences().iter().any(|one| own(&one)), || {
        drift.to_string()
    })?;
    let again = up.apply(&world).await.map_err(text)?;
    ensure(again.status() == Status::Skipped, || again.to_string())?;

    // One of them is made anew, and no other is touched.
    let (one, name) = (
        format!("{}/app", twenty.project(1)),
        format!("{}-app-1", twenty.project(1)),
    );
    let plan = lab.plan_recreate(&one, &seen).map_err(text)?;
    let outcome = plan.clone().apply(&world).await.map_err(text)?;
    ensure(outcome.status() == Status::Complete, || outcome.to_string())?;
    let second = twenty.own().await?;
    let anew: Vec<_> = first
        .keys()
        .filter(|name| second.get(*name).map(|one| &one.id) != first.get(*name).map(|one| &one.id))
        .collect();
    ensure(anew == [&name], || format!("{anew:?} were made anew"))?;
    let again = plan.apply(&world).await.map_err(text)?;
    ensure(again.status() == Status::Skipped, || {
        "it is made anew twice".to_owned()
    })?;

    // What is done is what was looked at.
    let stale = lab.plan_up(&twenty.project(2), &seen).map_err(text)?;
    twenty.write(&root, 2, 601)?;
    let error = refused(stale.apply(&world).await, ErrorKind::Conflict)?;
    ensure(error.to_string().contains("has changed since"), || {
        error.to_string()
    })?;
    let outcome = twenty.apply(&root, Lab::plan_up, &twenty.project(2)).await?;
    ensure(outcome.status() == Status::Complete, || outcome.to_string())?;
    let third = twenty.own().await?;
    let changed = third
        .values()
        .filter(|one| one.command.iter().any(|word| word == "601"))
        .count();
    ensure(changed == SERVICES.len(), || {
        format!("{changed} of them are as written")
    })?;

    // From another folder its mounts would be others: nothing is done.
    let elsewhere = twenty.folder.path().join("elsewhere");
    twenty.write(&elsewhere, 0, 602)?;
    let (other, _, _) = twenty.see(&elsewhere).await?;
    let plan = other.plan_up("*", &seen).map_err(text)?;
    let (_, there, _) = twenty.see(&elsewhere).await?;
    let error = refused(plan.apply(&there).await, ErrorKind::Conflict)?;
    ensure(error.to_string().contains("was made from folder"), || {
        error.to_string()
    })?;

    // What the lab does not own is not touched, unless it is named, and then only as far as that goes.
    let stranger = twenty.real.start("stranger", &[], &["sleep", "600"])?;
    let (_, _, seen) = twenty.see(&root).await?;
    for planner in [Lab::plan_recreate, Lab::plan_update, Lab::plan_up] as [Planner; 3] {
        refused(
            planner(&lab, &format!("_/{stranger}"), &seen),
            ErrorKind::Unsupported,
        )?;
    }
    let all = lab.plan_restart("*", &seen).map_err(text)?;
    ensure(
        all.steps().len() == count && !all.to_string().contains(&stranger),
        || all.to_string(),
    )?;
    let by_hand = format!("{}-web-1", twenty.project(3));
    twenty.real.docker(&["rm", "-f", &by_hand])?;
    twenty.real.docker(&[
        "run",
        "-d",
        "--name",
        &by_hand,
        "--network",
        "none",
        "--ulimit",
        "nofile=1024:1024",
        "--ulimit",
        "nproc=1024:1024",
        IMAGE,
        "sleep",
        "600",
    ])?;
    let (_, _, seen) = twenty.see(&root).await?;
    let error = refused(lab.plan_up(&twenty.project(3), &seen), ErrorKind::Conflict)?;
    ensure(error.to_string().contains(&by_hand), || error.to_string())?;
    twenty.real.docker(&["rm", "-f", &by_hand, &stranger]).map(drop)
}
