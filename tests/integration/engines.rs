//! Real engines, which `tests/engines.py` has started: the contract, and what only shows on them.

mod compose;
mod guarded;
mod killed;
mod left;
mod live;
mod registry;
mod ssh;

use std::env;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use homelab_core::engine::contract::{self, Stage};
use homelab_core::engine::docker::{DockerEngine, Endpoint};
use homelab_core::engine::{Engine, EngineExt, ExecItem, ExecOptions, Feed, LogOptions, Output};
use homelab_core::inventory::{Container, EngineKind, Health};
use homelab_tests::needs::{Need, engine};

use self::compose::twenty_containers_are_made_and_removed_by_plans;
use self::guarded::{
    a_proxy_that_only_reads_is_used_for_what_it_allows, a_socket_without_permission_says_so,
    asked_by_another_user, logs_of_a_project_are_one,
};
use self::live::{
    a_change_is_seen_at_once, a_host_that_never_answers_is_a_fact, drift_is_found_and_gone_after_up,
    what_was_told_is_what_there_is,
};
use self::registry::an_image_is_pulled_with_progress;
use crate::{Test, test};

const IMAGE: &str = "homelab/contract:1";
const LIMIT: Duration = Duration::from_secs(20);

macro_rules! on_each {
    ($($name:ident),* $(,)?) => {
        vec![$(
            test(concat!("engines::", stringify!($name), "::docker_20"), &[Need::Docker20], || {
                run(Need::Docker20, async |engine| $name(engine).await)
            }),
            test(concat!("engines::", stringify!($name), "::docker_new"), &[Need::DockerNew], || {
                run(Need::DockerNew, async |engine| $name(engine).await)
            }),
            test(concat!("engines::", stringify!($name), "::podman"), &[Need::Podman], || {
                run(Need::Podman, async |engine| $name(engine).await)
            }),
        )*]
    };
}

/// The same with Docker Compose.
macro_rules! on_each_with_compose {
    ($($name:ident),* $(,)?) => {
        vec![$(
            test(concat!("engines::", stringify!($name), "::docker_20"), &[Need::Docker20, Need::Compose], || {
                run(Need::Docker20, async |engine| $name(engine).await)
            }),
            test(concat!("engines::", stringify!($name), "::docker_new"), &[Need::DockerNew, Need::Compose], || {
                run(Need::DockerNew, async |engine| $name(engine).await)
            }),
            test(concat!("engines::", stringify!($name), "::podman"), &[Need::Podman, Need::Compose], || {
                run(Need::Podman, async |engine| $name(engine).await)
            }),
        )*]
    };
}

/// The same with an image registry.
macro_rules! on_each_with_registry {
    ($($name:ident),* $(,)?) => {
        vec![$(
            test(concat!("engines::", stringify!($name), "::docker_20"), &[Need::Docker20, Need::Python, Need::Registry], || {
                run(Need::Docker20, async |engine| $name(engine).await)
            }),
            test(concat!("engines::", stringify!($name), "::docker_new"), &[Need::DockerNew, Need::Python, Need::Registry], || {
                run(Need::DockerNew, async |engine| $name(engine).await)
            }),
            test(concat!("engines::", stringify!($name), "::podman"), &[Need::Podman, Need::Python, Need::Registry], || {
                run(Need::Podman, async |engine| $name(engine).await)
            }),
        )*]
    };
}

/// What starts an engine of its own, to kill it.
macro_rules! on_each_killed {
    ($($name:ident),* $(,)?) => {
        vec![$(
            test(concat!("engines::", stringify!($name), "::docker_20"), &[Need::Docker20, Need::Python], || {
                alone(killed::$name(Need::Docker20))
            }),
            test(concat!("engines::", stringify!($name), "::docker_new"), &[Need::DockerNew, Need::Python], || {
                alone(killed::$name(Need::DockerNew))
            }),
            test(concat!("engines::", stringify!($name), "::podman"), &[Need::Podman, Need::Python], || {
                alone(killed::$name(Need::Podman))
            }),
        )*]
    };
}

fn alone(check: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(check)
}

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = on_each![
        does_what_an_engine_has_to,
        many_log_lines_are_whole,
        much_data_comes_as_it_is,
        what_was_cut_is_no_end,
        files_go_from_one_container_to_another,
        health_is_told,
        what_was_told_is_what_there_is,
        a_change_is_seen_at_once,
        a_host_that_never_answers_is_a_fact,
        a_proxy_that_only_reads_is_used_for_what_it_allows,
        logs_of_a_project_are_one,
    ];
    // Docker Compose does not know this machine's limits for Podman.
    tests.extend([
        test(
            "engines::drift_is_found_and_gone_after_up::docker_20",
            &[Need::Docker20, Need::Compose],
            || {
                run(Need::Docker20, async |engine| {
                    drift_is_found_and_gone_after_up(engine).await
                })
            },
        ),
        test(
            "engines::drift_is_found_and_gone_after_up::docker_new",
            &[Need::DockerNew, Need::Compose],
            || {
                run(Need::DockerNew, async |engine| {
                    drift_is_found_and_gone_after_up(engine).await
                })
            },
        ),
    ]);
    tests.extend(on_each_killed![
        an_engine_that_is_killed_is_an_error_and_then_there_again,
        what_was_told_is_what_there_is_though_the_engine_is_killed,
    ]);
    tests.push(test(
        "engines::an_engine_is_reached_by_ssh",
        &[Need::Docker20, Need::Root, Need::Ssh],
        ssh::an_engine_is_reached_by_ssh,
    ));
    tests.extend(on_each_with_registry![an_image_is_pulled_with_progress]);
    tests.push(test(
        "engines::a_socket_without_permission_says_so",
        &[Need::Docker20],
        || match env::var("HOMELAB_ASKED") {
            Ok(address) => asked_by_another_user(address),
            Err(_) => run(Need::Docker20, async |engine| {
                a_socket_without_permission_says_so(engine).await
            }),
        },
    ));
    tests.push(test(
        "engines::nothing_is_left_behind_whatever_failed",
        &[Need::Docker20, Need::Python],
        left::nothing_is_left_behind_whatever_failed,
    ));
    tests.extend(on_each_with_compose![
        twenty_containers_are_made_and_removed_by_plans
    ]);
    tests
}

/// A real engine, and Docker's own command for it.
struct Real {
    engine: DockerEngine,
    address: String,
    /// Goes before the names of what a test makes: tests run side by side.
    prefix: &'static str,
}

fn run(need: Need, check: impl AsyncFn(&Real) -> Result<(), String>) -> Result<(), String> {
    let address = engine(need)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let real = Real::connect(address, need.as_str()).await?;
        check(&real).await
    })
}

impl Real {
    async fn connect(address: String, name: &'static str) -> Result<Real, String> {
        let endpoint: Endpoint = address.parse().map_err(text)?;
        let host = name.parse().map_err(|error| format!("{error}"))?;
        let engine = DockerEngine::connect(host, &endpoint, LIMIT)
            .await
            .map_err(text)?;
        Ok(Real {
            engine,
            address,
            prefix: name,
        })
    }

    fn docker(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new("docker")
            .args(["-H", &self.address])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(format!(
                "docker {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    /// Starts a container that is removed with the engine. Podman's limits are this machine's.
    fn start(&self, name: &str, options: &[&str], command: &[&str]) -> Result<String, String> {
        let name = format!("{name}-{}", self.prefix);
        let mut arguments = vec!["run", "-d", "--name", &name];
        arguments.extend(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]);
        arguments.extend(options);
        if !options.contains(&"--network") {
            arguments.extend(["--network", "none"]);
        }
        arguments.push(IMAGE);
        arguments.extend(command);
        self.docker(&arguments)?;
        Ok(name)
    }
}

/// Returns an error with what it stands on and what to do.
fn text(error: homelab_core::Error) -> String {
    let source = std::error::Error::source(&error).map(ToString::to_string);
    format!("{}: {error} ({source:?}, {:?})", error.kind(), error.hint())
}

fn ensure(holds: bool, text: impl FnOnce() -> String) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(text()),
    }
}

async fn does_what_an_engine_has_to(real: &Real) -> Result<(), String> {
    let kind = real.engine.info().await.map_err(text)?.kind;
    let expected = match real.prefix {
        "podman" => EngineKind::Podman,
        _ => EngineKind::Docker,
    };
    ensure(kind == expected, || format!("it is taken for {kind}"))?;
    let (volume, network) = ("contract-data", "contract-net");
    real.docker(&["volume", "create", volume])?;
    real.docker(&["network", "create", "--subnet", "10.98.1.0/24", network])?;
    let label = format!("{}={}", contract::SUBJECT_LABEL, contract::SUBJECT_VALUE);
    let variable = format!("CONTRACT={}", contract::SUBJECT_VALUE);
    let mount = format!("{volume}:{}", contract::FOLDER);
    let options = [
        "--label",
        &label,
        "-e",
        &variable,
        "-v",
        &mount,
        "--network",
        network,
        "-p",
        "127.0.0.1:17000:7000",
        "-p",
        "17001:7001",
    ];
    let command = ["sh", "-c", contract::SUBJECT];
    let subject = real.start("contract-subject", &options, &command)?;
    let spare = real.start("contract-spare", &[], &command)?;
    // The subject has to have written its lines.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let problems = contract::check(&Stage {
        engine: Arc::new(real.engine.clone()),
        image: IMAGE.to_owned(),
        subject,
        spare,
        volume: volume.to_owned(),
        network: network.to_owned(),
        loopback_port: 17000,
        open_port: 17001,
    })
    .await;
    ensure(problems.is_empty(), || problems.join("\n"))
}

/// 100,000 lines to each output, all of them, in order; on Docker while they are written. Podman 4.3 leaves out what is
/// followed more slowly than it is written, to its own command too: there they are read afterwards.
async fn many_log_lines_are_whole(real: &Real) -> Result<(), String> {
    const LINES: usize = 100_000;
    let script = "i=0; while [ $i -lt 100000 ]; do echo $i; echo $i >&2; i=$((i+1)); done";
    let name = real.start("lines", &[], &["sh", "-c", script])?;
    let follow = real.prefix != "podman";
    let options = LogOptions {
        follow,
        ..LogOptions::default()
    };
    while !follow
        && real
            .engine
            .container(&name)
            .await
            .map_err(text)?
            .state
            .is_running()
    {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut next = [0usize; 2];
    let mut feed = real.engine.logs(&name, options);
    while let Some(line) = feed.next().await.map_err(text)? {
        let counter = &mut next[usize::from(line.output == Output::Stderr)];
        ensure(line.text.parse() == Ok(*counter), || {
            format!("after line {counter} comes `{}`", line.text)
        })?;
        *counter += 1;
    }
    ensure(next == [LINES; 2], || format!("of {LINES} lines came {next:?}"))
}

/// 512 MiB out of a program, with little of it in memory: measured in a process of its own, since tests run side by side.
async fn much_data_comes_as_it_is(real: &Real) -> Result<(), String> {
    const BYTES: u64 = 512 << 20;
    if env::var_os("HOMELAB_ALONE").is_none() {
        let name = format!(
            "engines::much_data_comes_as_it_is::{}",
            real.prefix.replace('-', "_")
        );
        let output = Command::new(env::current_exe().map_err(|error| error.to_string())?)
            .args(["--exact", &name])
            .env("HOMELAB_ALONE", "1")
            .env_remove("HOMELAB_PRESENT")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        return ensure(output.status.success() && said.contains("1 passed"), || said);
    }
    let name = real.start("data", &[], &["sleep", "600"])?;
    let before = resident()?;
    let options = ExecOptions::new(["sh", "-c", "yes 0123456 | head -c 536870912"]);
    let mut feed = real.engine.exec(&name, options);
    // Longer than any piece.
    let pattern = b"0123456\n".repeat(1 << 17);
    let (mut count, mut most, mut code) = (0u64, before, None);
    while let Some(item) = feed.next().await.map_err(text)? {
        match item {
            ExecItem::Stdout(bytes) => {
                let at = usize::try_from(count % 8).unwrap_or(0);
                ensure(pattern.get(at..at + bytes.len()) == Some(&bytes[..]), || {
                    format!("it differs behind {count} bytes")
                })?;
                count += bytes.len() as u64;
                most = most.max(resident()?);
            }
            ExecItem::Stderr(bytes) => return Err(String::from_utf8_lossy(&bytes).into_owned()),
            ExecItem::Exit(ended) => code = Some(ended),
        }
    }
    ensure(count == BYTES && code == Some(0), || {
        format!("of {BYTES} bytes came {count}, code {code:?}")
    })?;
    let grown = (most - before) >> 20;
    ensure(grown < 64, || format!("it took {grown} MiB of memory"))
}

/// Returns how much memory this process holds, in bytes.
fn resident() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/statm").map_err(|error| error.to_string())?;
    let pages = status.split(' ').nth(1).and_then(|text| text.parse::<u64>().ok());
    pages.map(|pages| pages * 4096).ok_or_else(|| status.clone())
}

/// A program's container that is killed while its output is read.
async fn what_was_cut_is_no_end(real: &Real) -> Result<(), String> {
    let name = real.start("cut", &[], &["sleep", "600"])?;
    let mut feed = real.engine.exec(&name, ExecOptions::new(["yes"]));
    feed.next().await.map_err(text)?;
    // Beside the reading: Podman ends it only when its output was taken.
    let (engine, killed) = (real.engine.clone(), name.clone());
    let kill = tokio::spawn(async move { engine.kill(&killed, "SIGKILL").await });
    let mut last = None;
    let ended = loop {
        match tokio::time::timeout(LIMIT * 2, feed.next()).await {
            Err(_) => return Err("it hangs".to_owned()),
            Ok(Ok(Some(item))) => last = Some(item),
            Ok(Ok(None)) => break true,
            Ok(Err(_)) => break false,
        }
    };
    kill.await.map_err(|error| error.to_string())?.map_err(text)?;
    let killed = matches!(last, Some(ExecItem::Exit(code)) if code != 0);
    ensure(!ended || killed, || {
        "it ends as if the program had ended well".to_owned()
    })
}

/// Copies what is in one container into another, as a stream.
async fn files_go_from_one_container_to_another(real: &Real) -> Result<(), String> {
    let from = real.start("from", &[], &["sleep", "600"])?;
    let to = real.start("to", &[], &["sleep", "600"])?;
    let content: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    let engine = &real.engine;
    engine
        .write_file(&from, "/data/x", 0o600, &content)
        .await
        .map_err(text)?;
    let archive: Feed<Vec<u8>> = engine.copy_out(&from, "/data/x");
    engine.copy_in(&to, "/tmp", archive).await.map_err(text)?;
    let read = engine.read_file(&to, "/tmp/x", 4 << 20).await.map_err(text)?;
    ensure(read == content, || format!("{} bytes came", read.len()))
}

async fn health_is_told(real: &Real) -> Result<(), String> {
    let options = [
        "--health-cmd",
        "test -e /tmp/well",
        "--health-interval",
        "1s",
        "--health-retries",
        "1",
    ];
    let name = real.start("health", &options, &["sleep", "600"])?;
    let told = || async { real.engine.container(&name).await.map(|told| told.health) };
    let first = told().await.map_err(text)?;
    ensure(first.is_some(), || {
        "a check that has not run yet is none".to_owned()
    })?;
    if real.prefix == "podman" {
        // It checks by systemd's timers, which this machine has not: so by hand.
        return Ok(());
    }
    for expected in [Health::Unhealthy, Health::Healthy] {
        let mut tries = 0;
        while told().await.map_err(text)? != Some(expected) {
            tries += 1;
            ensure(tries < 100, || format!("it does not become {expected}"))?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        real.engine
            .write_file(&name, "/tmp/well", 0o600, b"")
            .await
            .map_err(text)?;
    }
    let all: Vec<Container> = real.engine.containers().await.map_err(text)?;
    let listed = all.iter().find(|container| container.name == name);
    ensure(
        listed.is_some_and(|container| container.health == Some(Health::Healthy)),
        || "it is listed otherwise".to_owned(),
    )
}
