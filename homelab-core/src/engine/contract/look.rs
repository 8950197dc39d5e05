//! Checks of what only looks.

use std::time::Duration;

use super::{Checked, FOLDER, LINES, SUBJECT_LABEL, SUBJECT_VALUE, Stage, ensure, failed, fails, wrong};
use crate::compose::{MountKind, Protocol};
use crate::engine::{Action, ExecOptions, Feed, LogLine, LogOptions, Output};
use crate::error::ErrorKind;
use crate::inventory::{Binding, ContainerState};

const NOBODY: &str = "homelab-contract-nobody";

pub(super) async fn info_tells_what_the_engine_is(stage: &Stage) -> Checked {
    let info = stage.engine.info().await?;
    let numbers: Vec<_> = info.api.split('.').map(str::parse::<u32>).collect();
    ensure(numbers.len() == 2 && numbers.iter().all(Result::is_ok), || {
        format!("`{}` is no version of an interface", info.api)
    })?;
    ensure(
        !info.version.is_empty()
            && info.hostname.as_deref().is_some_and(|name| !name.is_empty())
            && info.processors > Some(0)
            && info.memory > Some(0),
        || format!("something is missing: {info:?}"),
    )?;
    ensure(info.clock.is_some(), || "it does not tell its clock".to_owned())
}

pub(super) async fn containers_are_listed_as_they_are_inspected(stage: &Stage) -> Checked {
    let all = stage.engine.containers().await?;
    ensure(all.is_sorted_by(|a, b| a.name <= b.name), || {
        "they are not listed by name".to_owned()
    })?;
    for name in [&stage.subject, &stage.spare] {
        let listed = all
            .iter()
            .find(|container| container.name == *name)
            .ok_or_else(|| wrong(format!("`{name}` is not listed")))?;
        let inspected = stage.engine.container(name).await?;
        ensure(*listed == inspected, || {
            format!("`{name}` is listed otherwise than inspected")
        })?;
        let by_id = stage.engine.container(&inspected.id).await?;
        ensure(by_id == inspected, || {
            format!("`{name}` is not the same by its id")
        })?;
    }
    Ok(())
}

pub(super) async fn a_container_is_told_whole(stage: &Stage) -> Checked {
    let container = stage.engine.container(&stage.subject).await?;
    ensure(container.name == stage.subject, || {
        format!("it is called `{}`", container.name)
    })?;
    ensure(
        container.id.len() >= 12 && container.id.chars().all(|c| c.is_ascii_hexdigit()),
        || format!("its id is `{}`", container.id),
    )?;
    ensure(container.state == ContainerState::Running, || {
        format!("it is {}", container.state)
    })?;
    ensure(container.image.ends_with(&stage.image), || {
        format!("its image is `{}`", container.image)
    })?;
    ensure(container.label(SUBJECT_LABEL) == Some(SUBJECT_VALUE), || {
        "its label is missing, or has another value".to_owned()
    })?;
    let variable = container
        .environment
        .get("CONTRACT")
        .map(|value| value.expose().to_owned());
    ensure(variable.as_deref() == Some(SUBJECT_VALUE), || {
        "its variable is missing, or has another value".to_owned()
    })?;
    let binding = |address, port, target| Binding {
        address,
        port,
        target,
        protocol: Protocol::Tcp,
    };
    let loopback = Some(std::net::Ipv4Addr::LOCALHOST.into());
    let ports = [
        binding(None, stage.open_port, 7001),
        binding(loopback, stage.loopback_port, 7000),
    ];
    ensure(container.ports == ports, || {
        format!("its ports are {:?}", container.ports)
    })?;
    ensure(
        container.mounts.iter().any(|mount| {
            mount.kind == MountKind::Volume
                && mount.source.as_deref() == Some(&stage.volume)
                && mount.target == FOLDER
                && !mount.read_only
        }),
        || format!("its mounts are {:?}", container.mounts),
    )?;
    ensure(
        container
            .networks
            .get(&stage.network)
            .is_some_and(|addresses| !addresses.is_empty()),
        || format!("its networks are {:?}", container.networks),
    )?;
    let info = stage.engine.info().await?;
    ensure(
        container.created.is_some() && container.created <= container.started,
        || format!("made {:?}, started {:?}", container.created, container.started),
    )?;
    ensure(container.started <= info.clock, || {
        format!(
            "started {:?}, which is later than {:?}",
            container.started, info.clock
        )
    })?;
    ensure(
        container.exit_code.is_none() && container.health.is_none() && !container.terminal,
        || {
            format!(
                "code {:?}, health {:?}, terminal {}",
                container.exit_code, container.health, container.terminal
            )
        },
    )
}

pub(super) async fn images_volumes_and_networks_are_listed(stage: &Stage) -> Checked {
    let container = stage.engine.container(&stage.subject).await?;
    let images = stage.engine.images().await?;
    let image = images
        .iter()
        .find(|image| image.id == container.image_id)
        .ok_or_else(|| {
            wrong(format!(
                "the subject's image `{}` is not listed",
                container.image_id
            ))
        })?;
    ensure(
        image.id.starts_with("sha256:")
            && image.size > 0
            && image.tags.iter().any(|tag| tag.ends_with(&stage.image)),
        || format!("it is {image:?}"),
    )?;
    for sizes in [false, true] {
        let volumes = stage.engine.volumes(sizes).await?;
        let volume = volumes
            .iter()
            .find(|volume| volume.name == stage.volume)
            .ok_or_else(|| wrong("the volume is not listed"))?;
        ensure(volume.size.is_some() == sizes, || {
            format!("asked for sizes: {sizes}, told: {:?}", volume.size)
        })?;
    }
    let networks = stage.engine.networks().await?;
    let network = networks.iter().find(|network| network.name == stage.network);
    ensure(network.is_some_and(|network| !network.subnets.is_empty()), || {
        format!("the network is not listed, or has no prefix: {network:?}")
    })
}

pub(super) async fn what_is_not_there_is_not_found(stage: &Stage) -> Checked {
    let engine = &stage.engine;
    let kind = ErrorKind::NotFound;
    fails("inspect", kind, engine.container(NOBODY).await, stage)?;
    failed("logs", kind, engine.logs(NOBODY, LogOptions::default()), stage).await?;
    failed("stats", kind, engine.stats(NOBODY), stage).await?;
    fails("top", kind, engine.top(NOBODY).await, stage)?;
    failed(
        "exec",
        kind,
        engine.exec(NOBODY, ExecOptions::new(["true"])),
        stage,
    )
    .await?;
    failed("copy out", kind, engine.copy_out(NOBODY, "/etc/passwd"), stage).await?;
    let archive = Feed::of([crate::engine::archive::of_file("x", 0o600, b"x")]);
    fails("copy in", kind, engine.copy_in(NOBODY, "/", archive).await, stage)?;
    let force = true;
    let volumes = false;
    for action in [Action::Start, Action::Pause, Action::Remove { force, volumes }] {
        let result = engine.act(NOBODY, action.clone()).await;
        fails(action.as_str(), kind, result, stage)?;
    }
    Ok(())
}

pub(super) async fn what_is_no_name_is_invalid(stage: &Stage) -> Checked {
    for name in ["", "..", "a/../b", "a b", "a?all=1", "a\n"] {
        let kind = ErrorKind::Invalid;
        fails("inspect", kind, stage.engine.container(name).await, stage)?;
        failed(
            "logs",
            kind,
            stage.engine.logs(name, LogOptions::default()),
            stage,
        )
        .await?;
        fails("act", kind, stage.engine.act(name, Action::Start).await, stage)?;
    }
    Ok(())
}

fn of(lines: &[LogLine], output: Output) -> Vec<&str> {
    lines
        .iter()
        .filter(|line| line.output == output)
        .map(|line| line.text.as_str())
        .collect()
}

pub(super) async fn logs_are_whole_and_in_order(stage: &Stage) -> Checked {
    let lines = stage
        .engine
        .logs(&stage.subject, LogOptions::default())
        .all()
        .await?;
    let mut expected = vec![super::long_line()];
    expected.extend((1..=LINES).map(|number| format!("out {number}")));
    let told = of(&lines, Output::Stdout);
    ensure(told == expected, || {
        let first: Vec<_> = told
            .iter()
            .take(3)
            .map(|text| text.get(..60).unwrap_or(text))
            .collect();
        format!(
            "of {} lines to standard output came {}: {first:?}",
            LINES + 1,
            told.len()
        )
    })?;
    let expected: Vec<String> = (1..=LINES).map(|number| format!("err {number}")).collect();
    let told = of(&lines, Output::Stderr);
    ensure(told == expected, || {
        format!("of {LINES} lines to the error output came {}", told.len())
    })?;
    for output in [Output::Stdout, Output::Stderr] {
        let times: Vec<_> = lines
            .iter()
            .filter(|line| line.output == output)
            .map(|line| line.at)
            .collect();
        ensure(times.iter().all(Option::is_some) && times.is_sorted(), || {
            "moments are missing, or not in order".to_owned()
        })?;
    }
    ensure(lines.iter().all(|line| !line.continues), || {
        "a line is told to go on".to_owned()
    })
}

pub(super) async fn logs_can_be_asked_for_in_part(stage: &Stage) -> Checked {
    let ask = |options| stage.engine.logs(&stage.subject, options).all();
    let all = ask(LogOptions::default()).await?;
    let tail = Some(3);
    let last = ask(LogOptions {
        tail,
        ..LogOptions::default()
    })
    .await?;
    // Which three they are depends on how the engine has put both outputs in order.
    ensure(
        last.len() == 3 && last.iter().all(|line| all.contains(line)),
        || format!("the last three are {last:?}"),
    )?;
    let middle = all[all.len() / 2]
        .at
        .ok_or_else(|| wrong("a moment is missing"))?;
    let since = ask(LogOptions {
        since: Some(middle),
        ..LogOptions::default()
    })
    .await?;
    let later = all.iter().filter(|line| line.at >= Some(middle)).count();
    ensure(since.len() == later, || {
        format!(
            "of {later} lines since the middle of {} came {}",
            all.len(),
            since.len()
        )
    })?;
    let until = ask(LogOptions {
        until: Some(middle),
        ..LogOptions::default()
    })
    .await?;
    let earlier = all.iter().filter(|line| line.at < Some(middle)).count();
    ensure(until.len() == earlier, || {
        format!("of {earlier} lines until then came {}", until.len())
    })
}

pub(super) async fn logs_that_are_followed_go_on(stage: &Stage) -> Checked {
    let (follow, tail) = (true, Some(2));
    let options = LogOptions {
        follow,
        tail,
        ..LogOptions::default()
    };
    let mut feed = stage.engine.logs(&stage.subject, options);
    for _ in 0..2 {
        ensure(feed.next().await?.is_some(), || {
            "it ends before what was written already".to_owned()
        })?;
    }
    match tokio::time::timeout(Duration::from_millis(300), feed.next()).await {
        Err(_) => Ok(()),
        Ok(next) => Err(wrong(format!("it does not wait, but says {next:?}"))),
    }
}

pub(super) async fn samples_come_one_after_the_other(stage: &Stage) -> Checked {
    let mut feed = stage.engine.stats(&stage.subject);
    let mut samples = Vec::new();
    while samples.len() < 3 {
        let sample = feed
            .next()
            .await?
            .ok_or_else(|| wrong("they end though it runs"))?;
        samples.push(sample);
    }
    ensure(
        samples
            .iter()
            .all(|sample| sample.memory > 0 && sample.memory < sample.memory_limit && sample.processes > 0),
        || format!("something is missing: {samples:?}"),
    )?;
    ensure(
        samples[0].cpu_percent.is_none()
            && samples[1..]
                .iter()
                .all(|sample| sample.cpu_percent.is_some_and(|percent| percent >= 0.0)),
        || format!("processor: {samples:?}"),
    )?;
    ensure(samples.is_sorted_by(|a, b| a.at < b.at), || {
        "they are not in order".to_owned()
    })
}

pub(super) async fn processes_are_listed(stage: &Stage) -> Checked {
    let processes = stage.engine.top(&stage.subject).await?;
    ensure(
        !processes.is_empty()
            && processes
                .iter()
                .all(|process| process.id > 0 && !process.user.is_empty() && !process.command.is_empty()),
        || format!("they are {processes:?}"),
    )
}

pub(super) async fn what_is_dropped_does_no_harm(stage: &Stage) -> Checked {
    for _ in 0..3 {
        // Dropped at the first place where it waits.
        let listing = stage.engine.containers();
        let _ = tokio::time::timeout(Duration::ZERO, listing).await;
        let mut feed = stage.engine.logs(&stage.subject, LogOptions::default());
        feed.next().await?;
        drop(feed);
        let _ = tokio::time::timeout(
            Duration::from_millis(5),
            stage.engine.stats(&stage.subject).next(),
        )
        .await;
    }
    stage.engine.container(&stage.subject).await?;
    Ok(())
}
