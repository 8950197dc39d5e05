//! Steps that change what a container is doing.

use std::time::Duration;

use crate::cancel::Cancel;
use crate::engine::{Action, Engine, Engines};
use crate::error::{Error, ErrorKind, Result};
use crate::inventory::{Container, ContainerState, Health};
use crate::plan::{ContainerAction, ContainerBefore, ContainerStep, StepStatus};

/// How long a container may take until it is up.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a job may take: a database is migrated in minutes, not hours.
const PATIENCE_FOR_JOBS: Duration = Duration::from_secs(1800);

/// How often it is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(200);

/// How things stand for a step.
enum Standing {
    Reached,
    /// It runs, and is not well yet.
    Waiting,
    AsPlanned,
}

/// Checks that a step can be taken, or need not be.
pub(super) fn check(engines: &Engines, step: &ContainerStep, before: &ContainerBefore) -> Result<()> {
    wait(async {
        let engine = engines.engine(step.host.as_str()).await?;
        standing(&*engine, step, before).await.map(|_| ())
    })
}

/// Takes a step, and waits for what it leads to unless it is cancelled.
pub(super) fn perform(
    engines: &Engines,
    step: &ContainerStep,
    before: &ContainerBefore,
    cancel: &Cancel,
) -> Result<StepStatus> {
    wait(async {
        let engine = engines.engine(step.host.as_str()).await?;
        match standing(&*engine, step, before).await? {
            Standing::Reached => return Ok(StepStatus::Skipped),
            Standing::Waiting => return waited(&*engine, step, cancel).await,
            Standing::AsPlanned => {}
        }
        let action = match step.action {
            ContainerAction::Start | ContainerAction::Run => Action::Start,
            ContainerAction::Stop => Action::Stop { grace: None },
            ContainerAction::Restart => Action::Restart { grace: None },
        };
        // What is frozen cannot end.
        if step.action == ContainerAction::Stop && before.state == ContainerState::Paused.as_str() {
            engine.act(&step.id, Action::Unpause).await?;
        }
        engine.act(&step.id, action).await?;
        if step.action == ContainerAction::Stop {
            return Ok(StepStatus::Done);
        }
        waited(&*engine, step, cancel).await
    })
}

/// Waits for what a step leads to, unless it is cancelled.
async fn waited(engine: &dyn Engine, step: &ContainerStep, cancel: &Cancel) -> Result<StepStatus> {
    tokio::select! {
        up = up(engine, step) => up.map(|()| StepStatus::Done),
        () = cancel.cancelled() => Ok(StepStatus::Partial {
            left_out: "whether it is up was not waited for, since it was asked to stop".to_owned(),
        }),
    }
}

/// Runs what engines are asked on a runtime of its own: the caller's may have neither IO nor a timer.
pub(super) fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Error::new(ErrorKind::Internal, "ask the engine").with_source(error))?;
    runtime.block_on(work)
}

async fn standing(engine: &dyn Engine, step: &ContainerStep, before: &ContainerBefore) -> Result<Standing> {
    let container = match engine.container(&step.id).await {
        Ok(container) => container,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(conflict(step, "it is gone")),
        Err(error) => return Err(error),
    };
    let runs = container.state == ContainerState::Running;
    let is_ill = container.health.is_some_and(|health| health != Health::Healthy);
    if step.action == ContainerAction::Start && runs && is_ill {
        return Ok(Standing::Waiting);
    }
    let reached = match step.action {
        ContainerAction::Start => runs,
        ContainerAction::Run => {
            container.state == ContainerState::Exited
                && container.exit_code == Some(0)
                && container.started > before.started
        }
        ContainerAction::Stop => matches!(
            container.state,
            ContainerState::Exited | ContainerState::Created | ContainerState::Dead
        ),
        ContainerAction::Restart => runs && container.started > before.started,
    };
    match (reached, container.state.as_str() == before.state) {
        (true, _) => Ok(Standing::Reached),
        (false, true) => Ok(Standing::AsPlanned),
        (false, false) => Err(conflict(step, &format!("it is {} by now", container.state))),
    }
}

fn conflict(step: &ContainerStep, why: &str) -> Error {
    let error = Error::new(ErrorKind::Conflict, format!("{step}: {why}"));
    error.with_hint("plan again: its host has changed since")
}

/// Waits until a container runs and its health check passes, or it has done what it was for.
pub(super) async fn up(engine: &dyn Engine, step: &ContainerStep) -> Result<()> {
    let began = tokio::time::Instant::now();
    loop {
        let container = engine.container(&step.id).await?;
        let failed = |why: String| {
            let error = Error::new(ErrorKind::ToolFailed, format!("{step}: {why}"));
            Err(error.with_hint(format!("its logs say why: `docker logs {}`", step.name)))
        };
        let is_job = step.action == ContainerAction::Run;
        match (container.state, container.health) {
            (ContainerState::Running, _) if is_job && began.elapsed() <= PATIENCE_FOR_JOBS => {
                tokio::time::sleep(PAUSE).await;
            }
            (ContainerState::Running, _) if is_job => {
                let minutes = PATIENCE_FOR_JOBS.as_secs() / 60;
                let message = format!("{step}: it has not ended after {minutes} minutes");
                return Err(Error::new(ErrorKind::TimedOut, message).with_hint("it may yet end: look again"));
            }
            (ContainerState::Running, None | Some(Health::Healthy)) => return Ok(()),
            (ContainerState::Running, Some(Health::Unhealthy)) => {
                return failed("its health check fails".to_owned());
            }
            (ContainerState::Exited, _) if container.exit_code == Some(0) => return Ok(()),
            (ContainerState::Exited | ContainerState::Dead, _) => return failed(ended(&container)),
            _ if began.elapsed() > PATIENCE => {
                let message = format!("{step}: it is not up after {} s", PATIENCE.as_secs());
                return Err(
                    Error::new(ErrorKind::TimedOut, message).with_hint("it may yet become so: look again")
                );
            }
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn ended(container: &Container) -> String {
    match container.exit_code {
        Some(code) => format!("it ended with code {code}"),
        None => "it ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Event, Status, World};
    use super::*;
    use crate::engine::EngineExt as _;
    use crate::engine::memory::{Fault, MemoryEngine};
    use crate::lab::Lab;
    use crate::observed::Observed;

    fn container(service: &str, state: ContainerState) -> Container {
        let mut container = Container::new(format!("id-{service}"), format!("web-{service}-1"));
        container.state = state;
        container
    }

    fn sample(state: ContainerState) -> (Lab, MemoryEngine, World) {
        let lab = Lab::from_texts(
            "home",
            [(
                "web/compose.yaml",
                "services: { site: { image: nginx, depends_on: [db] }, db: { image: postgres } }",
            )],
        );
        let engine = MemoryEngine::new("nas".parse().expect("a name"));
        engine.insert(container("site", state));
        engine.insert(container("db", state));
        let world = World::files(lab.root())
            .with_engines(Engines::new([Arc::new(engine.clone()) as Arc<dyn Engine>]));
        (lab, engine, world)
    }

    async fn seen(world: &World) -> Observed {
        let at = "2027-01-01T00:00:00Z".parse().expect("a time");
        Observed::none(at).with_inventory(world.engines().inventory().await)
    }

    async fn states(engine: &MemoryEngine) -> Vec<&'static str> {
        let all = engine.containers().await.expect("it answers");
        all.iter().map(|one| one.state.as_str()).collect()
    }

    #[tokio::test]
    async fn an_applied_plan_leaves_nothing_to_plan_and_applying_it_again_does_nothing() {
        let (lab, engine, world) = sample(ContainerState::Exited);
        let seen_before = seen(&world).await;
        let start = lab.plan_start("web", &seen_before).expect("a plan");
        let outcome = start.clone().apply(&world).await.expect("it starts");
        assert_eq!(outcome.status(), Status::Complete);
        assert_eq!(states(&engine).await, ["running", "running"]);
        assert_eq!(
            start.apply(&world).await.expect("nothing to do").status(),
            Status::Skipped
        );
        assert!(
            lab.plan_start("web", &seen(&world).await)
                .expect("a plan")
                .is_empty()
        );

        let restart = lab.plan_restart("web/db", &seen(&world).await).expect("a plan");
        let started = |one: Container| one.started;
        let before = engine.container("web-db-1").await.map(started).expect("there");
        restart
            .clone()
            .apply(&world)
            .await
            .expect("it restarts")
            .complete()
            .expect("all of it");
        let after = engine.container("web-db-1").await.map(started).expect("there");
        assert!(after > before);
        assert_eq!(
            restart.apply(&world).await.expect("it was").status(),
            Status::Skipped
        );
        assert_eq!(
            engine.container("web-db-1").await.map(started).expect("there"),
            after
        );

        engine.pause("web-db-1").await.expect("it freezes");
        let stop = lab.plan_stop("web", &seen(&world).await).expect("a plan");
        stop.apply(&world)
            .await
            .expect("it stops")
            .complete()
            .expect("all of it");
        assert_eq!(states(&engine).await, ["exited", "exited"]);
    }

    #[tokio::test]
    async fn what_has_changed_since_is_a_conflict_before_anything_is_done() {
        let (lab, engine, world) = sample(ContainerState::Running);
        let restart = lab.plan_restart("web", &seen(&world).await).expect("a plan");
        engine.stop("web-site-1", None).await.expect("somebody stops it");
        let started = engine.container("web-db-1").await.expect("there").started;
        let error = restart.clone().apply(&world).await.expect_err("it has changed");
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("it is exited by now"), "{error}");
        assert_eq!(
            engine.container("web-db-1").await.expect("there").started,
            started,
            "nothing was done"
        );
        engine.remove("web-site-1", true).await.expect("it goes");
        let error = restart.clone().apply(&world).await.expect_err("it is gone");
        assert!(error.to_string().contains("it is gone"), "{error}");
        engine.fail(Some(Fault::Unreachable));
        assert_eq!(
            restart.apply(&world).await.expect_err("nobody answers").kind(),
            ErrorKind::Unreachable
        );
    }

    #[tokio::test]
    async fn health_is_waited_for_and_a_failure_says_what_was_done() {
        let (lab, engine, world) = sample(ContainerState::Exited);
        let plan = lab.plan_start("web", &seen(&world).await).expect("a plan");
        let mut starting = container("db", ContainerState::Exited);
        starting.health = Some(Health::Starting);
        engine.insert(starting.clone());
        let operation = plan.clone().apply(&world);
        let mut events = operation.events();
        while !matches!(events.next().await, Some(Event::StepStarted { number: 1, .. })) {}
        tokio::time::sleep(PAUSE * 2).await;
        assert_eq!(states(&engine).await, ["running", "exited"], "the other waits");
        starting.state = ContainerState::Running;
        starting.health = Some(Health::Healthy);
        engine.insert(starting.clone());
        operation.await.expect("it is up").complete().expect("all of it");

        engine.stop("web-site-1", None).await.expect("it stops");
        engine.stop("web-db-1", None).await.expect("it stops");
        let plan = lab.plan_start("web", &seen(&world).await).expect("a plan");
        let mut ill = container("site", ContainerState::Exited);
        ill.health = Some(Health::Unhealthy);
        engine.insert(ill);
        let error = plan.apply(&world).await.expect_err("its check fails");
        assert_eq!(error.kind(), ErrorKind::ToolFailed);
        assert_eq!(error.done().len(), 1, "the database was started");
    }

    #[tokio::test]
    async fn a_job_is_waited_for_until_it_has_ended_well() {
        let text = "services:\n  site: { image: nginx, depends_on: { db: { condition: service_completed_successfully } } }\n  \
                    db: { image: migration }";
        let lab = Lab::from_texts("home", [("web/compose.yaml", text)]);
        let (_, engine, world) = sample(ContainerState::Exited);
        let plan = lab.plan_start("web/site", &seen(&world).await).expect("a plan");
        assert_eq!(plan.steps().len(), 2, "{plan}");
        for code in [1, 0] {
            let operation = plan.clone().apply(&world);
            let mut events = operation.events();
            while !matches!(events.next().await, Some(Event::StepStarted { number: 1, .. })) {}
            tokio::time::sleep(PAUSE * 2).await;
            let mut job = engine.container("web-db-1").await.expect("there");
            assert_eq!(job.state, ContainerState::Running);
            assert_eq!(states(&engine).await[1], "exited", "the other waits");
            job.state = ContainerState::Exited;
            job.exit_code = Some(code);
            engine.insert(job.clone());
            match code {
                0 => assert_eq!(operation.await.expect("it goes on").status(), Status::Complete),
                _ => {
                    let error = operation.await.expect_err("the job failed");
                    assert_eq!(error.kind(), ErrorKind::ToolFailed);
                    assert!(error.to_string().contains("it ended with code 1"), "{error}");
                    // As it was, for the next round.
                    engine.insert(container("db", ContainerState::Exited));
                }
            }
            let expected = if code == 0 { "running" } else { "exited" };
            assert_eq!(states(&engine).await[1], expected);
        }
    }

    #[tokio::test]
    async fn a_cancelled_start_stops_waiting_and_says_so() {
        let (lab, engine, world) = sample(ContainerState::Exited);
        let plan = lab.plan_start("web", &seen(&world).await).expect("a plan");
        let mut starting = container("db", ContainerState::Exited);
        starting.health = Some(Health::Starting);
        engine.insert(starting);
        let operation = plan.apply(&world);
        let mut events = operation.events();
        while !matches!(events.next().await, Some(Event::StepStarted { number: 1, .. })) {}
        tokio::time::sleep(PAUSE).await;
        tokio::time::timeout(Duration::from_secs(20), operation.cancel())
            .await
            .expect("it ends soon");
        let error = operation.await.expect_err("it was cancelled");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert_eq!(error.done()[0].status.as_str(), "partial");
        assert_eq!(states(&engine).await, ["running", "exited"]);
    }
}
