//! Prints the lab.toml and instance.toml that a folder could begin with, and writes them with `--write`.
//!
//! `init [--write] [DIR]`

use std::io::Write as _;
use std::process::{Command, ExitCode};

use homelab_core::lab::{InitOptions, random_id};
use homelab_core::{Lab, World};
use tokio::runtime::Builder;

/// Beginnings of the names of interfaces that nobody else is on.
const INNER: [&str; 4] = ["lo", "docker", "br-", "veth"];

fn main() -> ExitCode {
    let (flags, folders): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with('-'));
    let write = flags.iter().any(|flag| flag == "--write");
    let result = match folders.as_slice() {
        _ if flags.len() > usize::from(write) => Err("usage: init [--write] [DIR]".into()),
        [] => run(".", write),
        [folder, ..] => run(folder, write),
    };
    if let Err(error) = &result {
        eprintln!("{error}");
    }
    ExitCode::from(if result.is_ok() { 0 } else { 2 })
}

fn run(folder: &str, write: bool) -> Result<(), Box<dyn std::error::Error>> {
    let lab = Lab::load(folder)?;
    let mut options = InitOptions::new(random_id());
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    if let Ok(host) = name.trim().parse() {
        options = options.with_host(host, None, interfaces());
    }
    let plan = lab.plan_init(&options);
    write!(std::io::stdout(), "{plan:#}")?;
    if write {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { plan.apply(&World::files(lab.root())).await?.complete() })?;
    }
    Ok(())
}

/// The interfaces that others can be on, from lines such as `2: eth0    inet 192.0.2.10/24 ...`; none without `ip`.
fn interfaces() -> Vec<(String, Vec<ipnet::IpNet>)> {
    let output = Command::new("ip").args(["-o", "address"]).output();
    let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    let mut found: std::collections::BTreeMap<String, Vec<ipnet::IpNet>> = Default::default();
    for line in String::from_utf8_lossy(&text).lines() {
        let mut words = line.split_whitespace().skip(1).step_by(2);
        let (Some(name), Some(Ok(address))) = (words.next(), words.next().map(str::parse)) else {
            continue;
        };
        if INNER.iter().all(|inner| !name.starts_with(inner)) {
            found.entry(name.to_owned()).or_default().push(address);
        }
    }
    found.into_iter().collect()
}
