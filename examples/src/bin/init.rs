//! Begins a lab's settings with what is found in its folder: `init [DIR] [--write]`.

use std::process::ExitCode;

use homelab_core::lab::{InitOptions, random_id};
use homelab_core::{Lab, Observed, Result, World};
use homelab_examples::{Arguments, fail, interfaces, moment, one, say, wait};

const USAGE: &str = "init [DIR] [--write]

Shows the commented lab.toml and instance.toml that it would write into this folder (the working folder without one), made
of what is found there and of this machine's interfaces. A file that exists is never touched.

  --write  write them";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let write = arguments.flag("--write");
    let lab = Lab::load(one(arguments.rest()?)?)?;
    let exposures = lab.exposures(&Observed::none(moment(None)?));
    let reaches = exposures
        .iter()
        .map(|exposure| (exposure.id().clone(), exposure.reach()));
    let mut options = InitOptions::new(random_id()).with_reaches(reaches);
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    if let Ok(host) = name.trim().parse() {
        options = options.with_host(host, None, interfaces());
    }
    let plan = lab.plan_init(&options);
    if plan.is_empty() {
        say("lab.toml and instance.toml are there already; nothing to do\n");
        return Ok(());
    }
    say(&format!("{plan:#}"));
    if write {
        let outcome = wait(async { plan.apply(&World::files(lab.root())).await })?;
        say(&format!("{outcome}\n"));
        outcome.complete()?;
    } else {
        say("nothing is written yet: `--write` does\n");
    }
    Ok(())
}
