//! Checks of what changes containers, and of the events that tell it.

use std::time::Duration;

use super::{Checked, Stage, ensure, fails, wrong};
use crate::engine::{EngineExt, EventAction, EventSubject, ExecOptions, LogOptions};
use crate::error::{ErrorKind, Result};
use crate::inventory::{Container, ContainerState};

const GRACE: Option<Duration> = Some(Duration::from_secs(20));

pub(super) async fn states_change_and_are_told_as_events(stage: &Stage) -> Checked {
    let (engine, spare) = (&stage.engine, stage.spare.as_str());
    let conflict = |what: &str, result: Result<()>| fails(what, ErrorKind::Conflict, result, stage);
    let before = engine.info().await?.clock;
    let id = engine.container(spare).await?.id;

    engine.pause(spare).await?;
    expect(stage, ContainerState::Paused).await?;
    conflict("pausing twice", engine.pause(spare).await)?;
    let run = engine.run(spare, ExecOptions::new(["true"])).await;
    fails("a program in a paused container", ErrorKind::Conflict, run, stage)?;
    engine.unpause(spare).await?;
    expect(stage, ContainerState::Running).await?;
    conflict("unpausing twice", engine.unpause(spare).await)?;
    conflict("removing what runs", engine.remove(spare, false).await)?;
    engine.start(spare).await?;

    // Who follows is told that there will be nothing more.
    let (follow, tail) = (true, Some(1));
    let options = LogOptions {
        follow,
        tail,
        ..LogOptions::default()
    };
    let mut logs = engine.logs(spare, options);
    logs.next().await?;
    engine.stop(spare, GRACE).await?;
    let rest = tokio::time::timeout(Duration::from_secs(10), logs.all()).await;
    rest.map_err(|_| wrong("logs that are followed do not end when the container does"))??;
    let stopped = expect(stage, ContainerState::Exited).await?;
    ensure(
        stopped.exit_code == Some(0) && stopped.finished >= stopped.started && stopped.ports.is_empty(),
        || {
            format!(
                "stopped: code {:?}, ended {:?}",
                stopped.exit_code, stopped.finished
            )
        },
    )?;
    engine.stop(spare, GRACE).await?;
    let run = engine.run(spare, ExecOptions::new(["true"])).await;
    fails(
        "a program in a stopped container",
        ErrorKind::Conflict,
        run,
        stage,
    )?;
    let samples = engine.stats(spare).next().await;
    fails(
        "samples of a stopped container",
        ErrorKind::Conflict,
        samples,
        stage,
    )?;
    conflict("pausing what is stopped", engine.pause(spare).await)?;
    conflict("killing what is stopped", engine.kill(spare, "SIGKILL").await)?;

    engine.start(spare).await?;
    let started = expect(stage, ContainerState::Running).await?;
    ensure(
        started.started > stopped.started && started.exit_code.is_none(),
        || {
            format!(
                "started again: {:?}, code {:?}",
                started.started, started.exit_code
            )
        },
    )?;
    // Where nobody says how long, it still is asked before it is killed.
    engine.stop(spare, None).await?;
    let asked = expect(stage, ContainerState::Exited).await?;
    ensure(asked.exit_code == Some(0), || {
        format!("stopped without a grace: code {:?}", asked.exit_code)
    })?;
    engine.start(spare).await?;
    expect(stage, ContainerState::Running).await?;
    engine.kill(spare, "SIGKILL").await?;
    let killed = until(stage, ContainerState::Exited).await?;
    ensure(killed.exit_code == Some(137), || {
        format!("killed: code {:?}", killed.exit_code)
    })?;
    engine.start(spare).await?;
    let first = expect(stage, ContainerState::Running).await?;
    engine.restart(spare, GRACE).await?;
    let second = expect(stage, ContainerState::Running).await?;
    ensure(second.started > first.started, || {
        "restarting did not start it anew".to_owned()
    })?;
    engine.remove(spare, true).await?;
    fails(
        "what was removed",
        ErrorKind::NotFound,
        engine.container(spare).await,
        stage,
    )?;

    let mut events = engine.events(before);
    let mut told = Vec::new();
    while told.last() != Some(&EventAction::Removed) {
        let next = tokio::time::timeout(Duration::from_secs(10), events.next());
        let next = next
            .await
            .map_err(|_| wrong(format!("events end after {told:?}")))?;
        let event = next?.ok_or_else(|| wrong("events come to an end"))?;
        let ours = event.subject == EventSubject::Container && event.id == id;
        if ours && !matches!(event.action, EventAction::Other(_)) {
            ensure(event.name == spare, || format!("events name `{}`", event.name))?;
            told.push(event.action);
        }
    }
    let died = EventAction::Died;
    let expected = [
        EventAction::Paused,
        EventAction::Unpaused,
        died(Some(0)),
        EventAction::Started,
        died(Some(0)),
        EventAction::Started,
        died(Some(137)),
        EventAction::Started,
        died(Some(0)),
        EventAction::Started,
        died(Some(137)),
        EventAction::Removed,
    ];
    ensure(told == expected, || format!("events are {told:?}"))
}

async fn expect(stage: &Stage, state: ContainerState) -> Result<Container, super::Wrong> {
    let container = stage.engine.container(&stage.spare).await?;
    match container.state == state {
        true => Ok(container),
        false => Err(wrong(format!("it should be {state}, and is {}", container.state))),
    }
}

/// Waits for a state that comes a moment after what was asked: a signal is sent, not waited for.
async fn until(stage: &Stage, state: ContainerState) -> Result<Container, super::Wrong> {
    let mut tries = 0;
    loop {
        match expect(stage, state).await {
            Err(_) if tries < 50 => tries += 1,
            done => return done,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
