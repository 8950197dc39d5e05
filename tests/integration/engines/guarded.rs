//! Real engines behind what does not let everything through, and what their containers write.

use std::env;
use std::fs::{self, Permissions};
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use homelab_core::engine::docker::{DockerEngine, Endpoint};
use homelab_core::engine::{Engine, EngineExt as _, Engines, LogOptions};
use homelab_core::inventory::{Change, Container, Part};
use homelab_core::{ErrorKind, Lab, Observed};

use super::{LIMIT, Real, ensure, text};

/// Nobody: a user who may do nothing.
const NOBODY: u32 = 65534;

/// What docker-socket-proxy lets through by itself, and the containers.
const ALLOWED: [&str; 4] = ["/containers", "/events", "/_ping", "/version"];

/// A proxy that lets only what looks through, and of that only a part, as docker-socket-proxy does.
fn read_only(folder: &Path, engine: &str) -> io::Result<String> {
    let path = folder.join("proxy.sock");
    let listener = UnixListener::bind(&path)?;
    let engine = engine.trim_start_matches("unix://").to_owned();
    // It ends with the process: nothing waits for it.
    std::thread::spawn(move || {
        for ours in listener.incoming().map_while(Result::ok) {
            let engine = engine.clone();
            std::thread::spawn(move || pass(ours, &engine));
        }
    });
    Ok(format!("unix://{}", path.display()))
}

/// Passes one question on, or refuses it. Each has a connection of its own, as the engine is told.
fn pass(mut ours: UnixStream, engine: &str) -> io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && ours.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let plain = match path.strip_prefix("/v1.") {
        Some(rest) => rest.find('/').map_or("", |at| &rest[at..]),
        None => path,
    };
    if method != "GET" || !ALLOWED.iter().any(|start| plain.starts_with(start)) {
        let page = "<html><body><h1>403 Forbidden</h1></body></html>";
        let length = page.len();
        return write!(
            ours,
            "HTTP/1.1 403 Forbidden\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
        );
    }
    let mut theirs = UnixStream::connect(engine)?;
    theirs.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
    let (mut from, to) = (ours.try_clone()?, theirs.try_clone()?);
    // Who asked may go away in the middle of what never ends.
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut io::sink());
        let _ = to.shutdown(Shutdown::Both);
    });
    io::copy(&mut theirs, &mut ours)?;
    ours.shutdown(Shutdown::Both)
}

pub(super) async fn a_proxy_that_only_reads_is_used_for_what_it_allows(real: &Real) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let address = read_only(folder.path(), &real.address).map_err(|error| error.to_string())?;
    let name = real.start("guarded", &[], &["sh", "-c", "echo hello; sleep 600"])?;
    let lab = Lab::from_texts(
        "home",
        [("instance.toml", format!("[hosts.nas]\nengine = '{address}'\n"))],
    );
    let engines = Engines::of_lab(&lab, None).with_limit(LIMIT);
    let inventory = engines.inventory().await;
    let nas = inventory.host("nas").ok_or("the lab has a host")?;
    ensure(nas.is_seen(), || format!("{:?}", nas.gap()))?;
    let gaps: Vec<Part> = nas.gaps.iter().map(|gap| gap.part).collect();
    ensure(gaps == [Part::Images, Part::Volumes, Part::Networks], || {
        format!("{gaps:?}")
    })?;
    let hints = nas.gaps.iter().all(|gap| {
        gap.kind == ErrorKind::Unauthorised && gap.hint.as_deref().is_some_and(|hint| hint.contains("=1`"))
    });
    ensure(hints, || format!("{:?}", nas.gaps))?;

    let endpoint: Endpoint = address.parse().map_err(text)?;
    let host = "nas".parse().map_err(|error| format!("{error}"))?;
    let engine = DockerEngine::connect(host, &endpoint, LIMIT)
        .await
        .map_err(text)?;
    let own = |one: &Container| one.name == name;
    ensure(engine.containers().await.map_err(text)?.iter().any(own), || {
        "it is not listed".to_owned()
    })?;
    let lines = engine
        .logs(&name, LogOptions::default())
        .all()
        .await
        .map_err(text)?;
    ensure(lines.iter().any(|line| line.text == "hello"), || {
        format!("{lines:?}")
    })?;
    match engine.stop(&name, None).await {
        Err(error) if error.kind() == ErrorKind::Unauthorised => {
            let hint = error.hint().unwrap_or_default().to_owned();
            ensure(hint.contains("`POST=1`"), || hint)?;
        }
        other => return Err(format!("it is stopped by who may not: {other:?}")),
    }
    let mut changes = engines.watch();
    changes.next().await.ok_or("it tells what there is")?;
    real.engine.kill(&name, "SIGKILL").await.map_err(text)?;
    let told = tokio::time::timeout(LIMIT, async {
        while let Some(change) = changes.next().await {
            if matches!(&change, Change::Container { container, .. } if own(container) && !container.state.is_running())
            {
                return true;
            }
        }
        false
    });
    ensure(told.await == Ok(true), || {
        "that it has ended is never told".to_owned()
    })
}

/// Asks through a socket that only the superuser may use, as somebody else: a process of its own.
pub(super) async fn a_socket_without_permission_says_so(real: &Real) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let folder = tempfile::tempdir().map_err(said)?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).map_err(said)?;
    let address = read_only(folder.path(), &real.address).map_err(said)?;
    let socket = folder.path().join("proxy.sock");
    fs::set_permissions(&socket, Permissions::from_mode(0o600)).map_err(said)?;
    let program = folder.path().join("asks");
    // Where this program lies, others may not look.
    fs::copy(env::current_exe().map_err(said)?, &program).map_err(said)?;
    fs::set_permissions(&program, Permissions::from_mode(0o755)).map_err(said)?;
    let output = Command::new(&program)
        .args(["--exact", "engines::a_socket_without_permission_says_so"])
        .env("HOMELAB_ASKED", &address)
        .env_remove("HOMELAB_PRESENT")
        .current_dir(folder.path())
        .uid(NOBODY)
        .gid(NOBODY)
        .stdin(Stdio::null())
        .output()
        .map_err(said)?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure(output.status.success() && told.contains("1 passed"), || {
        format!("{told}{}", String::from_utf8_lossy(&output.stderr))
    })
}

/// What that process does.
pub(super) fn asked_by_another_user(address: String) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let instance = format!("[hosts.nas]\nengine = '{address}'\n");
        let lab = Lab::from_texts("home", [("instance.toml", instance)]);
        let inventory = Engines::of_lab(&lab, None).inventory().await;
        let gap = inventory
            .host("nas")
            .and_then(|nas| nas.gap())
            .ok_or("it is let in")?;
        let hint = gap.hint.clone().unwrap_or_default();
        ensure(
            gap.kind == ErrorKind::Unauthorised && hint.contains("group `docker`"),
            || format!("{gap:?}"),
        )
    })
}

/// What two containers of a project have written, in the order of time, and as it comes.
pub(super) async fn logs_of_a_project_are_one(real: &Real) -> Result<(), String> {
    let project = format!("talk-{}", real.prefix);
    let compose = format!("name: {project}\nservices: {{ one: {{ image: a }}, two: {{ image: a }} }}");
    let lab = Lab::from_texts("home", [("talk/compose.yaml", compose)]);
    let mut names = Vec::new();
    for (service, pause) in [("one", 0), ("two", 1)] {
        let labels = [
            format!("com.docker.compose.project={project}"),
            format!("com.docker.compose.service={service}"),
        ];
        let script = format!("sleep {pause}; for i in 1 2 3; do echo {service} $i; sleep 2; done; sleep 600");
        let options = ["--label", &labels[0], "--label", &labels[1]];
        names.push(real.start(&format!("talk-{service}"), &options, &["sh", "-c", &script])?);
    }
    let engines = Engines::new([Arc::new(real.engine.clone()) as Arc<dyn Engine>]);
    let at = "2027-01-01T00:00:00Z"
        .parse()
        .map_err(|error| format!("{error}"))?;
    let seen = Observed::none(at).with_inventory(engines.inventory().await);
    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut feed = engines.logs(&lab, &project, &seen, follow).map_err(text)?;
    let mut told = Vec::new();
    while told.len() < 6 {
        let next = tokio::time::timeout(LIMIT, feed.next()).await;
        let line = next
            .map_err(|_| format!("after {told:?} comes nothing"))?
            .map_err(text)?;
        told.push(line.ok_or("it ends")?.line.text);
    }
    told.sort();
    let expected = ["one 1", "one 2", "one 3", "two 1", "two 2", "two 3"];
    ensure(told == expected, || format!("{told:?}"))?;
    for name in &names {
        real.engine.kill(name, "SIGKILL").await.map_err(text)?;
    }
    // Both have ended, and so does it.
    match tokio::time::timeout(LIMIT, feed.next()).await {
        Ok(Ok(None)) => {}
        other => return Err(format!("it does not end: {other:?}")),
    }
    let all = engines
        .logs(&lab, &project, &seen, LogOptions::default())
        .map_err(text)?;
    let all: Vec<_> = all.all().await.map_err(text)?;
    let order = all.is_sorted_by_key(|line| line.line.at);
    ensure(all.len() == 6 && order, || format!("{all:?}"))?;
    Ok(())
}
