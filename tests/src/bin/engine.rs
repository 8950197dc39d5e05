//! Asks an engine for everything, again and again, and prints the times as JSON; and how soon a change is seen.
//!
//! `engine [--rounds N] ADDRESS`: the best of N rounds (default 7) counts, since the others measure the machine's other
//! work; the median is beside it. Each round connects anew. Then one container (`--watch NAME`, which must be there) is
//! killed and started again in each round: how long after the engine's own event the change was there.

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use homelab_core::Lab;
use homelab_core::engine::{EngineExt as _, Engines, EventAction};
use homelab_core::inventory::Change;

/// The allocator of the programs that people run, here too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a change may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string());
    match Asked::read().and_then(|asked| runtime?.block_on(run(asked))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("engine: {problem}");
            ExitCode::from(2)
        }
    }
}

/// What is asked of this program.
struct Asked {
    address: String,
    rounds: usize,
    watched: Option<String>,
}

impl Asked {
    fn read() -> Result<Asked, String> {
        let (mut rounds, mut watched, mut address) = (7, None, None);
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--rounds" => rounds = value()?.parse().map_err(|_| "--rounds needs a number")?,
                "--watch" => watched = Some(value()?),
                other => address = Some(other.to_owned()),
            }
        }
        Ok(Asked {
            address: address.ok_or("name the address of an engine")?,
            rounds,
            watched,
        })
    }
}

async fn run(asked: Asked) -> Result<(), String> {
    let Asked {
        address,
        rounds,
        watched,
    } = asked;
    let instance = format!("[hosts.nas]\nengine = '{address}'\n");
    let lab = Lab::from_texts("measured", [("instance.toml", instance)]);
    let engines = Engines::of_lab(&lab, None);

    let before = most_memory()?;
    let (mut times, mut containers) = (Vec::new(), 0);
    for _ in 0..rounds {
        let began = Instant::now();
        let inventory = engines.inventory().await;
        times.push(began.elapsed().as_secs_f64());
        let host = inventory.host("nas").ok_or("the lab has a host")?;
        if let Some(gap) = host.gaps.first() {
            return Err(gap.to_string());
        }
        containers = inventory.containers().count();
    }
    times.sort_by(f64::total_cmp);
    let grown = most_memory()? - before;
    let watched = match watched {
        Some(name) => Some(changes(&engines, &name, rounds).await?),
        None => None,
    };
    println!(
        "{}",
        serde_json::json!({
            "containers": containers,
            "seconds": times.first(),
            "median": times.get(times.len() / 2),
            "memory": grown,
            "watch": watched,
        })
    );
    Ok(())
}

/// Returns how many seconds after the engine's event each change was there.
async fn changes(engines: &Engines, name: &str, rounds: usize) -> Result<Vec<f64>, String> {
    let text = |error: homelab_core::Error| error.to_string();
    let engine = engines.engine("nas").await.map_err(text)?;
    let id = engine.container(name).await.map_err(text)?.id;
    let mut changes = engines.watch();
    changes.next().await.ok_or("it tells nothing")?;
    let mut events = engine.events(None);
    let own = id.clone();
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let reader = tokio::spawn(async move {
        while let Ok(Some(event)) = events.next().await {
            if event.id == own && matches!(event.action, EventAction::Started | EventAction::Died(_)) {
                let _ = sender.send(Instant::now());
            }
        }
    });
    // They are read from the moment on at which they are asked for.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut times = Vec::new();
    for round in 0..rounds {
        let runs = round % 2 == 1;
        match runs {
            true => engine.start(name).await,
            false => engine.kill(name, "SIGKILL").await,
        }
        .map_err(text)?;
        let seen = tokio::time::timeout(PATIENCE, async {
            while let Some(change) = changes.next().await {
                if matches!(&change, Change::Container { container, .. }
                    if container.id == id && container.state.is_running() == runs)
                {
                    return Some(Instant::now());
                }
            }
            None
        });
        let seen = seen.await.ok().flatten().ok_or("the change is never told")?;
        let event = tokio::time::timeout(PATIENCE, told.recv()).await;
        let event = event.ok().flatten().ok_or("the engine tells of nothing")?;
        times.push(seen.saturating_duration_since(event).as_secs_f64());
    }
    reader.abort();
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Returns the most memory that this process has held so far, in bytes.
fn most_memory() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| "the kernel does not tell it".to_owned())
}
