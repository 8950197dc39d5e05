//! How long a tailnet's policy takes to compile and to be asked: `tailnet FOLDER...`.
//!
//! A folder has `policy.json`, `devices.json` and `users.json` in the shapes of Tailscale's API. Times are of one core.

use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use homelab_core::Source;
use homelab_core::tailnet::{Policy, Roster, Tailnet};

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
    let (filtered, filters) = timed(|| tailnet.filters());
    let rules: usize = filters.values().map(Vec::len).sum();
    let (seen, peers) = timed(|| tailnet.peers());
    let pairs: usize = peers.values().map(Vec::len).sum();
    println!(
        "{} devices: read the policy {parsed:.1?}, compile {compiled:.1?}, filters of all devices {filtered:.1?} ({rules} rules), peers {seen:.1?} ({pairs} pairs), {} MB at most",
        filters.len(),
        peak_memory() / 1024
    );
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = work();
    (start.elapsed(), done)
}

/// Returns the most memory that this process has had, in KiB, where Linux says so.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
