//! How long a tailnet's policy takes to compile and to be asked: `tailnet FOLDER...`.
//!
//! A folder has `policy.json`, `devices.json` and `users.json` in the shapes of Tailscale's API. Times are of one core.

use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use homelab_core::Source;
use homelab_core::tailnet::{Policy, Roster, Tailnet, Target};
use homelab_core::view::WhoCanReachView;

fn main() -> ExitCode {
    for folder in env::args().skip(1) {
        if let Err(problem) = measure(&folder) {
            eprintln!("error: {problem}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(folder: &str) -> Result<(), String> {
    let read = |name: &str| -> Result<Source, String> {
        let path = format!("{folder}/{name}");
        let text = fs::read_to_string(&path).map_err(|error| format!("failed to read {path}: {error}"))?;
        Ok(Source::new(name, text))
    };
    let say = |error: homelab_core::Error| format!("failed to {error}");
    let (policy, devices, users) = (read("policy.json")?, read("devices.json")?, read("users.json")?);
    let roster = Roster::parse(&devices)
        .map_err(say)?
        .with(Roster::parse(&users).map_err(say)?);

    let (parsed, policy) = timed(|| Policy::parse(&policy));
    let (compiled, tailnet) = timed(|| policy.and_then(|policy| Tailnet::new(policy, roster)));
    let tailnet = tailnet.map_err(say)?;
    println!(
        "{folder}: read the policy {parsed:.1?}, compile {compiled:.1?}, {}",
        memory()
    );

    let targets = targets(folder);
    let (asked, answers) = timed(|| table(&tailnet, &targets));
    let answers = answers.map_err(say)?;
    let people: usize = answers.iter().map(|answer| answer.people.len()).sum();
    let count = targets.len();
    println!(
        "  who can reach {count} services {asked:.1?} ({people} people), {}",
        memory()
    );
    drop(answers);
    let mut each: Vec<Duration> = targets.iter().map(|target| least(&tailnet, target)).collect();
    each.sort_unstable();
    if let (Some(middle), Some(worst)) = (each.get(count / 2), each.last()) {
        println!("  one query {middle:.1?}, the slowest of {count} {worst:.1?}");
    }

    let (filtered, filters) = timed(|| tailnet.filters());
    let rules: usize = filters.values().map(Vec::len).sum();
    println!(
        "  filters of {} devices {filtered:.1?} ({rules} rules), {}",
        filters.len(),
        memory()
    );
    drop(filters);

    let (seen, peers) = timed(|| tailnet.peers());
    let pairs: usize = peers.values().map(Vec::len).sum();
    println!("  peers {seen:.1?} ({pairs} pairs), {}", memory());
    Ok(())
}

/// Returns the services of a folder's `services.json`, where there is one.
fn targets(folder: &str) -> Vec<Target> {
    let text = fs::read_to_string(format!("{folder}/services.json")).unwrap_or_default();
    let services: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let all = services["services"].as_array().into_iter().flatten();
    all.filter_map(|one| {
        format!("{}:{}", one["address"].as_str()?, one["port"])
            .parse()
            .ok()
    })
    .collect()
}

/// Asks who can reach each target, and keeps all answers.
fn table(tailnet: &Tailnet, targets: &[Target]) -> homelab_core::Result<Vec<WhoCanReachView>> {
    targets
        .iter()
        .map(|target| tailnet.who_can_reach(target))
        .collect()
}

/// Returns the least that one query took of several: other programs only make it longer.
fn least(tailnet: &Tailnet, target: &Target) -> Duration {
    let times = (0..9).map(|_| timed(|| tailnet.who_can_reach(target)).0);
    times.min().unwrap_or_default()
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = work();
    (start.elapsed(), done)
}

/// Says the most memory that this process has had, where Linux does.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    format!("{} MB at most", kib.unwrap_or(0) / 1024)
}
