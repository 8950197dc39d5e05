//! Real engines watched with their connection cut, and held against files that the real Docker Compose has brought up.

use std::fs;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use homelab_core::apply::Status;
use homelab_core::drift::DifferenceKind;
use homelab_core::engine::docker::{DockerEngine, Endpoint};
use homelab_core::engine::{Action, Engine, EngineExt, Engines, EventAction};
use homelab_core::inventory::{Change, Container, Inventory};
use homelab_core::subscription::Subscription;
use homelab_core::{ErrorKind, Lab, Observed, Reach, World};
use homelab_tests::needs::compose;

use super::{IMAGE, LIMIT, Real, ensure, text};

/// What stands between us and an engine, and can cut every connection, or refuse them all.
struct Between {
    address: String,
    open: Arc<Mutex<Vec<UnixStream>>>,
    refuses: Arc<AtomicBool>,
}

impl Between {
    fn new(folder: &Path, engine: &str) -> io::Result<Between> {
        let path = folder.join("between.sock");
        let listener = UnixListener::bind(&path)?;
        let (open, refuses) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let engine = engine.trim_start_matches("unix://").to_owned();
        let between = Between {
            address: format!("unix://{}", path.display()),
            open: open.clone(),
            refuses: refuses.clone(),
        };
        // It ends with the process: nothing waits for it.
        std::thread::spawn(move || {
            for ours in listener.incoming().map_while(Result::ok) {
                if refuses.load(Ordering::SeqCst) {
                    continue;
                }
                let _ = join(ours, &engine, &open);
            }
        });
        Ok(between)
    }

    fn cut(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn refuse(&self, refuse: bool) {
        self.refuses.store(refuse, Ordering::SeqCst);
        if refuse {
            self.cut();
        }
    }
}

/// Passes on what each side says, until one of them ends.
fn join(ours: UnixStream, engine: &str, open: &Mutex<Vec<UnixStream>>) -> io::Result<()> {
    let theirs = UnixStream::connect(engine)?;
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    open.extend([ours.try_clone()?, theirs.try_clone()?]);
    for (mut from, mut to) in [(ours.try_clone()?, theirs.try_clone()?), (theirs, ours)] {
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Returns this test's containers. The engine is shared with others.
fn own(inventory: &Inventory, start: &str) -> Vec<Container> {
    let all = inventory.containers().map(|(_, container)| container.clone());
    all.filter(|container| container.name.starts_with(start))
        .collect()
}

async fn next(changes: &mut Subscription<Change>) -> Result<Option<Change>, String> {
    match tokio::time::timeout(Duration::from_millis(200), changes.next()).await {
        Err(_) => Ok(None),
        Ok(Some(change)) => Ok(Some(change)),
        Ok(None) => Err("the changes end".to_owned()),
    }
}

/// 200 random changes with the connection cut, or refused for a while, at random moments.
pub(super) async fn what_was_told_is_what_there_is(real: &Real) -> Result<(), String> {
    random_changes(real, None).await
}

/// How an engine is killed that comes back by itself.
pub(super) type Kill<'a> = &'a (dyn Fn() -> Result<(), String> + Sync);

pub(super) async fn random_changes(real: &Real, kill: Option<Kill<'_>>) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let between = Between::new(folder.path(), &real.address).map_err(|error| error.to_string())?;
    let host: homelab_core::HostName = real.prefix.parse().map_err(|error| format!("{error}"))?;
    let instance = format!("[hosts.{host}]\nengine = \"{}\"\n", between.address);
    let lab = Lab::from_texts("watched", [("instance.toml", instance)]);
    let engines = Engines::of_lab(&lab, None).with_limit(LIMIT);
    let direct = Engines::new([Arc::new(real.engine.clone()) as Arc<dyn Engine>]);

    let mut changes = engines.watch();
    let mut picture = Inventory::default();
    let (mut numbers, mut unique, start) = (Numbers(7), 0, format!("watched-{host}-"));
    let mut killed = 0;
    for round in 0..200 {
        if let Some(kill) = kill
            && (numbers.below(40) == 0 || round == 100)
        {
            kill()?;
            killed += 1;
            let began = Instant::now();
            while real.docker(&["version"]).is_err() {
                ensure(began.elapsed() < Duration::from_secs(60), || {
                    "the engine does not come back".to_owned()
                })?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        let there = own(&direct.inventory().await, &start);
        let some = usize::try_from(numbers.below(there.len().max(1) as u64)).unwrap_or(0);
        let some = there.get(some).map(|container| container.id.clone());
        let action = match (numbers.below(20), some) {
            (0..=1, _) => {
                between.cut();
                None
            }
            (2, _) => {
                between.refuse(true);
                None
            }
            (3..=5, _) => {
                between.refuse(false);
                None
            }
            (6..=9, _) if there.len() < 5 => {
                unique += 1;
                let name = format!("{start}{unique}");
                let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
                let mut words = vec!["create", "--name", &name, "--network", "none"];
                words.extend(limits);
                words.extend([IMAGE, "sleep", "600"]);
                real.docker(&words)?;
                None
            }
            (6..=13, Some(id)) => Some((id, Action::Start)),
            // Not to pause: runc fails to freeze on a machine that does much else, and other tests need it.
            (14..=17, Some(id)) => Some((
                id,
                Action::Kill {
                    signal: "SIGKILL".to_owned(),
                },
            )),
            (_, Some(id)) => Some((
                id,
                Action::Remove {
                    force: true,
                    volumes: false,
                },
            )),
            (_, None) => None,
        };
        if let Some((id, action)) = action {
            match real.engine.act(&id, action).await {
                // It is in another state, or Podman fails to kill what is paused: nothing has changed then.
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::ToolFailed) => {}
                Err(error) => return Err(text(error)),
            }
        }
        while numbers.below(3) == 0
            && let Some(change) = next(&mut changes).await?
        {
            picture.apply(change);
        }
    }
    between.refuse(false);
    let began = Instant::now();
    loop {
        let (told, is) = (own(&picture, &start), own(&direct.inventory().await, &start));
        if told == is && picture.host(host.as_str()).is_some_and(|host| host.is_seen()) {
            break;
        }
        ensure(began.elapsed() < Duration::from_secs(60), || {
            let differing: Vec<_> = is.iter().filter(|one| !told.contains(one)).collect();
            format!("{told:?} was told, and {is:?} is there: {differing:?} differ")
        })?;
        if let Some(change) = next(&mut changes).await? {
            picture.apply(change);
        }
    }
    ensure(kill.is_none() || killed > 0, || "it was never killed".to_owned())?;
    for container in own(&direct.inventory().await, &start) {
        real.engine.remove(&container.id, true).await.map_err(text)?;
    }
    Ok(())
}

/// A change is visible within 50 ms of the engine's event.
pub(super) async fn a_change_is_seen_at_once(real: &Real) -> Result<(), String> {
    let name = real.start("prompt", &[], &["sleep", "600"])?;
    let engines = Engines::new([Arc::new(real.engine.clone()) as Arc<dyn Engine>]);
    let mut changes = engines.watch();
    while next(&mut changes).await?.is_none() {}
    let id = real.engine.container(&name).await.map_err(text)?.id;
    // Beside it, the engine's own events: when each that ends or starts this container came.
    let mut events = real.engine.events(None);
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let own = id.clone();
    let reader = tokio::spawn(async move {
        while let Ok(Some(event)) = events.next().await {
            if event.id == own && matches!(event.action, EventAction::Started | EventAction::Died(_)) {
                let _ = sender.send(Instant::now());
            }
        }
    });
    // They are read from the moment on at which they are asked for.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut best = Duration::MAX;
    for round in 0..6 {
        let (action, state) = match round % 2 {
            0 => (
                Action::Kill {
                    signal: "SIGKILL".to_owned(),
                },
                "exited",
            ),
            _ => (Action::Start, "running"),
        };
        real.engine.act(&name, action).await.map_err(text)?;
        let acted = Instant::now();
        let seen = loop {
            ensure(acted.elapsed() < LIMIT, || {
                format!("that it is {state} is never told")
            })?;
            if let Some(Change::Container { container, .. }) = next(&mut changes).await?
                && container.id == id
                && container.state.as_str() == state
            {
                break Instant::now();
            }
        };
        let event = tokio::time::timeout(LIMIT, told.recv()).await;
        let event = event.ok().flatten().ok_or("the engine tells of nothing")?;
        best = best.min(seen.saturating_duration_since(event));
    }
    reader.abort();
    // The best of six, on a machine that does much else.
    ensure(best < Duration::from_millis(50), || format!("it takes {best:?}"))
}

struct Deployed<'a> {
    real: &'a Real,
    folder: tempfile::TempDir,
    project: String,
}

impl Deployed<'_> {
    fn write(&self, site: &str) -> Result<(), String> {
        let network = match self.real.prefix {
            "docker-20" => 41,
            _ => 42,
        };
        let text = format!(
            "name: {}\nservices:\n  site:\n    image: {IMAGE}\n    command: [sleep, '600']\n    stop_grace_period: 0s\n{site}  \
             data:\n    image: {IMAGE}\n    command: [sleep, '600']\n    stop_grace_period: 0s\n    volumes: ['data:/data', './conf:/conf:ro']\n\
             \x20 job:\n    image: {IMAGE}\n    command: ['true']\n\
             volumes: {{ data: {{}} }}\nnetworks: {{ default: {{ ipam: {{ config: [{{ subnet: 10.98.{network}.0/24 }}] }} }} }}\n",
            self.project
        );
        let at = self.folder.path().join("services/web");
        fs::create_dir_all(at.join("conf")).map_err(|error| error.to_string())?;
        fs::write(at.join("compose.yaml"), text).map_err(|error| error.to_string())
    }

    fn compose(&self, words: &[&str]) -> Result<(), String> {
        let file = self.folder.path().join("services/web/compose.yaml");
        let output = Command::new(compose()?)
            .arg("-f")
            .arg(file)
            .args(words)
            .env("DOCKER_HOST", &self.real.address)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        ensure(output.status.success(), || {
            String::from_utf8_lossy(&output.stderr).into_owned()
        })
    }

    async fn see(&self) -> Result<(Lab, Observed), String> {
        let lab = Lab::load(self.folder.path()).map_err(text)?;
        ensure(lab.diagnostics().is_empty(), || {
            format!("{:?}", lab.diagnostics())
        })?;
        let world = World::connect(&lab)
            .await
            .with_state(self.folder.path().join("state"));
        let seen = world.observe(&lab).await;
        Ok((lab, seen))
    }

    /// Returns what of this project is different: by service, kind and message.
    async fn drift(&self) -> Result<Vec<(String, DifferenceKind, String)>, String> {
        let (lab, seen) = self.see().await?;
        let drift = lab.drift(&seen);
        ensure(drift.is_complete(), || drift.to_string())?;
        let own = drift.differences().iter().filter_map(|one| {
            let id = one.service().filter(|id| id.project().as_str() == self.project)?;
            Some((id.service().to_string(), one.kind(), one.message().to_owned()))
        });
        Ok(own.collect())
    }

    async fn differs(&self, expected: &[(&str, DifferenceKind)]) -> Result<(), String> {
        let found = self.drift().await?;
        let same = found.len() == expected.len()
            && expected
                .iter()
                .all(|(service, kind)| found.iter().any(|one| one.0 == *service && one.1 == *kind));
        ensure(same, || format!("{found:?}, and not {expected:?}"))
    }
}

/// Drift against the real Docker Compose: none after `up`, each kind when something is done by hand, none after `up` again.
pub(super) async fn drift_is_found_and_gone_after_up(real: &Real) -> Result<(), String> {
    let deployed = Deployed {
        real,
        folder: tempfile::tempdir().map_err(|error| error.to_string())?,
        project: format!("drifting-{}", real.prefix),
    };
    let instance = format!("[hosts.nas]\nengine = \"{}\"\n", real.address);
    fs::write(deployed.folder.path().join("instance.toml"), instance).map_err(|error| error.to_string())?;
    let as_written = "    ports: ['17050:7000']\n    environment: { TZ: Europe/Vienna }\n";
    deployed.write(as_written)?;
    deployed
        .differs(&[
            ("site", DifferenceKind::Missing),
            ("data", DifferenceKind::Missing),
            ("job", DifferenceKind::Missing),
        ])
        .await?;
    deployed.compose(&["up", "-d", "--quiet-pull"])?;
    // The job ends by itself, a moment later.
    tokio::time::sleep(Duration::from_secs(1)).await;
    deployed.differs(&[]).await?;

    let name = |service: &str| format!("{}-{service}-1", deployed.project);
    real.engine.kill(&name("data"), "SIGKILL").await.map_err(text)?;
    deployed.differs(&[("data", DifferenceKind::Stopped)]).await?;
    real.engine.remove(&name("data"), true).await.map_err(text)?;
    deployed.differs(&[("data", DifferenceKind::Missing)]).await?;
    deployed.write("    ports: ['127.0.0.1:17050:7000']\n    environment: { TZ: UTC, NEW: '1' }\n")?;
    deployed
        .differs(&[
            ("data", DifferenceKind::Missing),
            ("site", DifferenceKind::Ports),
            ("site", DifferenceKind::Environment),
        ])
        .await?;
    let (lab, seen) = deployed.see().await?;
    let reach = |seen: &Observed| {
        lab.exposure("site", seen)
            .map(|exposure| exposure.reach())
            .map_err(text)
    };
    ensure(reach(&Observed::none(seen.at()))? == Reach::Host, || {
        "it is written for this machine".to_owned()
    })?;
    ensure(reach(&seen)? == Reach::Lan, || {
        "it is open, whatever is written".to_owned()
    })?;
    deployed.compose(&["up", "-d", "--quiet-pull"])?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    deployed.differs(&[]).await?;
    plans_are_applied(&deployed).await?;
    let (lab, seen) = deployed.see().await?;
    let adopted = Lab::adopt("again", seen.inventory().ok_or("it was seen")?.value());
    let again = adopted.drift(&seen);
    let own =
        |id: Option<&homelab_core::ServiceId>| id.is_some_and(|id| id.project().as_str() == deployed.project);
    let left: Vec<_> = again
        .differences()
        .iter()
        .filter(|one| own(one.service()))
        .collect();
    ensure(left.is_empty(), || {
        format!("what is adopted differs: {left:?} of {again}")
    })?;
    drop(lab);
    deployed.compose(&["down", "-v", "--timeout", "0"])
}

/// A host that takes every connection and never answers costs its limit once, and hides no other.
pub(super) async fn a_host_that_never_answers_is_a_fact(real: &Real) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("silent.sock");
    let _silent = UnixListener::bind(&path).map_err(|error| error.to_string())?;
    let instance = format!(
        "[hosts.here]\nengine = \"{}\"\n[hosts.silent]\nengine = \"unix://{}\"\n[hosts.gone]\nengine = \"unix:///no/such.sock\"\n",
        real.address,
        path.display()
    );
    let lab = Lab::from_texts("home", [("instance.toml", instance)]);
    let limit = Duration::from_secs(3);
    let began = Instant::now();
    let inventory = Engines::of_lab(&lab, None).with_limit(limit).inventory().await;
    let took = began.elapsed();
    let kind = |name: &str| {
        inventory
            .host(name)
            .and_then(|host| host.gap())
            .map(|gap| gap.kind)
    };
    ensure(inventory.host("here").is_some_and(|host| host.is_seen()), || {
        format!("{:?}", kind("here"))
    })?;
    ensure(kind("silent") == Some(ErrorKind::TimedOut), || {
        format!("{:?}", kind("silent"))
    })?;
    ensure(kind("gone") == Some(ErrorKind::Unreachable), || {
        format!("{:?}", kind("gone"))
    })?;
    ensure(took < limit * 2, || format!("it took {took:?}"))?;
    let endpoint: Endpoint = real.address.parse().map_err(text)?;
    let host = "here".parse().map_err(|error| format!("{error}"))?;
    let engine = DockerEngine::connect(host, &endpoint, limit)
        .await
        .map_err(text)?;
    ensure(engine.host().as_str() == "here", || {
        "it has another name".to_owned()
    })
}

/// Stops, starts and restarts the project by plans, with the files' own order.
async fn plans_are_applied(deployed: &Deployed<'_>) -> Result<(), String> {
    let project = deployed.project.as_str();
    let world = World::connect(&deployed.see().await?.0).await;
    let world = world.with_state(deployed.folder.path().join("state"));
    let (lab, seen) = deployed.see().await?;
    let stop = lab.plan_stop(project, &seen).map_err(text)?;
    ensure(stop.steps().len() == 2, || {
        format!("the job has ended already: {stop}")
    })?;
    stop.clone()
        .apply(&world)
        .await
        .map_err(text)?
        .complete()
        .map_err(text)?;
    let again = stop.apply(&world).await.map_err(text)?;
    ensure(again.status() == Status::Skipped, || format!("{again:?}"))?;
    deployed
        .differs(&[
            ("site", DifferenceKind::Stopped),
            ("data", DifferenceKind::Stopped),
        ])
        .await?;
    let (lab, seen) = deployed.see().await?;
    for service in ["site", "data"] {
        let start = lab
            .plan_start(&format!("{project}/{service}"), &seen)
            .map_err(text)?;
        start
            .apply(&world)
            .await
            .map_err(text)?
            .complete()
            .map_err(text)?;
    }
    deployed.differs(&[]).await?;
    let (lab, seen) = deployed.see().await?;
    let restart = lab
        .plan_restart(&format!("{project}/site"), &seen)
        .map_err(text)?;
    let name = format!("{project}-site-1");
    let started = deployed.real.engine.container(&name).await.map_err(text)?.started;
    restart
        .clone()
        .apply(&world)
        .await
        .map_err(text)?
        .complete()
        .map_err(text)?;
    let after = deployed.real.engine.container(&name).await.map_err(text)?.started;
    ensure(after > started, || "it was not restarted".to_owned())?;
    let again = restart.apply(&world).await.map_err(text)?;
    ensure(again.status() == Status::Skipped, || format!("{again:?}"))
}
