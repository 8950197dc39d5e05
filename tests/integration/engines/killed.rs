//! An engine that is killed with SIGKILL, and comes back, while it is watched, read and worked with.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use homelab_core::engine::{Engine as _, Engines, ExecItem, ExecOptions, Feed, LogOptions};
use homelab_core::inventory::{Change, Inventory};
use homelab_core::{ErrorKind, Lab};
use homelab_tests::needs::{Need, repository};

use super::live::random_changes;
use super::{LIMIT, Real, ensure, text};

/// How long all of it may take until it is as it was.
const PATIENCE: Duration = Duration::from_secs(60);

/// What goes before the names: by it Podman is known where it differs.
fn prefix(need: Need) -> &'static str {
    match need {
        Need::Podman => "podman",
        _ => "mortal",
    }
}

/// Who listens on a socket, as this machine numbers processes.
const LISTENER: &str = "import socket, struct, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
    print(struct.unpack('3i', s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])";

/// An engine of this test's own, which is started anew whenever it dies. Dropping it removes it.
struct Mortal {
    starter: Child,
    address: String,
}

impl Mortal {
    fn start(need: Need) -> Result<Mortal, String> {
        let mut starter = Command::new("python3")
            .arg(repository().join("tests/engines.py"))
            .args([
                "--only",
                need.as_str(),
                "--again",
                "--",
                "sh",
                "-c",
                "echo \"at $HOMELAB_ENGINES\"; cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let out = starter.stdout.take().ok_or("it has an output")?;
        let mut lines = BufReader::new(out).lines();
        let start = format!("at {need}=");
        let address = lines.find_map(|line| line.ok()?.strip_prefix(&start).map(str::to_owned));
        Ok(Mortal {
            starter,
            address: address.ok_or("the engine does not start")?,
        })
    }

    fn kill(&self) -> Result<(), String> {
        let id = listener(&self.address)?;
        let killed = Command::new("kill").args(["-9", &id]).status();
        ensure(killed.is_ok_and(|status| status.success()), || {
            format!("{id} is not killed")
        })
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        // Its command ends with its input, and it then removes the engine.
        drop(self.starter.stdin.take());
        let _ = self.starter.wait();
    }
}

/// Returns the number of the process that listens on a socket.
pub(super) fn listener(address: &str) -> Result<String, String> {
    let path = address.trim_start_matches("unix://");
    let listener = Command::new("python3").args(["-c", LISTENER, path]).output();
    let listener = listener.map_err(|error| error.to_string())?;
    let id = String::from_utf8_lossy(&listener.stdout).trim().to_owned();
    ensure(id.parse::<u32>().is_ok_and(|id| id > 1), || {
        format!("nobody listens: {}", String::from_utf8_lossy(&listener.stderr))
    })?;
    Ok(id)
}

/// 200 random changes, with the connection cut and the engine killed and restarted at random moments.
pub(super) async fn what_was_told_is_what_there_is_though_the_engine_is_killed(
    need: Need,
) -> Result<(), String> {
    let mortal = Mortal::start(need)?;
    let real = Real::connect(mortal.address.clone(), prefix(need)).await?;
    let kill = || mortal.kill();
    random_changes(&real, Some(&kill)).await
}

pub(super) async fn an_engine_that_is_killed_is_an_error_and_then_there_again(
    need: Need,
) -> Result<(), String> {
    let mortal = Mortal::start(need)?;
    let real = Real::connect(mortal.address.clone(), prefix(need)).await?;
    let endless = ["sh", "-c", "while :; do echo tick; sleep 0.05; done"];
    let name = real.start("endless", &[], &endless)?;
    let instance = format!("[hosts.mortal]\nengine = \"{}\"\n", mortal.address);
    let lab = Lab::from_texts("home", [("instance.toml", instance)]);
    let engines = Engines::of_lab(&lab, None).with_limit(LIMIT);

    let mut changes = engines.watch();
    let mut known = Inventory::default();
    known.apply(changes.next().await.ok_or("it is told what there is")?);
    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut logs = real.engine.logs(&name, follow);
    let mut exec = real.engine.exec(&name, ExecOptions::new(endless));
    logs.next().await.map_err(text)?.ok_or("it writes")?;
    exec.next().await.map_err(text)?.ok_or("it writes")?;

    mortal.kill()?;
    fails("the logs", &mut logs, |_| false).await?;
    fails("the program", &mut exec, |item| matches!(item, ExecItem::Exit(_))).await?;

    // It is told to be lost, and what it has once it is there again: all of it.
    let began = Instant::now();
    let mut lost = false;
    let mut fresh = None;
    loop {
        ensure(began.elapsed() < PATIENCE, || {
            format!("lost: {lost}; it is not seen again as it is: {known} and not {fresh:?}")
        })?;
        if let Ok(change) = tokio::time::timeout(Duration::from_millis(300), changes.next()).await {
            let change = change.ok_or("the changes end")?;
            lost |= matches!(&change, Change::Host(host) if host.gap().is_some_and(|gap| gap.kind == ErrorKind::Unreachable));
            known.apply(change);
            continue;
        }
        // What happens afterwards is seen as well.
        if fresh.is_none() && real.start("afterwards", &[], &["sleep", "600"]).is_err() {
            continue;
        }
        let now = engines.inventory().await;
        let all = |inventory: &Inventory| -> Vec<_> {
            inventory.containers().map(|(_, one)| one.clone()).collect()
        };
        if all(&now).len() == 2 && all(&now) == all(&known) {
            break;
        }
        fresh = Some(now.to_string());
    }
    ensure(lost, || "nobody said that it was lost".to_owned())?;
    let read = real
        .engine
        .logs(&name, LogOptions::default())
        .all()
        .await
        .map_err(text)?;
    ensure(read.len() > 1, || "its logs can be read again".to_owned())
}

/// A feed that was cut says so, and neither hangs nor ends as if that were all.
async fn fails<T: std::fmt::Debug>(
    what: &str,
    feed: &mut Feed<T>,
    is_end: impl Fn(&T) -> bool,
) -> Result<(), String> {
    let began = Instant::now();
    loop {
        match tokio::time::timeout(LIMIT * 2, feed.next()).await {
            Err(_) => return Err(format!("{what}: it hangs")),
            Ok(Ok(None)) => return Err(format!("{what}: it ends as if that were all")),
            Ok(Ok(Some(item))) if is_end(&item) => return Err(format!("{what}: it ends well: {item:?}")),
            Ok(Ok(Some(_))) => ensure(began.elapsed() < PATIENCE, || format!("{what}: it goes on"))?,
            Ok(Err(error)) => return ensure(error.hint().is_some(), || format!("{what}: no hint: {error}")),
        }
    }
}
