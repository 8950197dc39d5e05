//! Begins a lab's settings with what is found in its folder: `init [DIR] [--write]`.

use std::process::ExitCode;

use homelab_core::{Lab, Result, World};
use homelab_examples::{Arguments, fail, one, say, wait};

const USAGE: &str = "init [DIR] [--write]

Shows the commented lab.toml and instance.toml that it would write into this folder (the working folder without one), made
of what is found there and of this machine's interfaces. Where there are no services, but engines run some, the Compose
files of these too. A file that exists is never touched.

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
    let mut world = wait(World::connect(&lab));
    if lab.services().len() > 0 {
        world = world.without_engines();
    }
    let plan = lab.plan_init(&wait(world.observe(&lab)));
    if plan.is_empty() {
        say("lab.toml and instance.toml are there already; nothing to do\n")?;
        return Ok(());
    }
    say(&format!("{plan:#}"))?;
    if write {
        let outcome = wait(async { plan.apply(&world).await })?;
        say(&format!("{outcome}\n"))?;
        outcome.complete()?;
    } else {
        say("nothing is written yet: `--write` does\n")?;
    }
    Ok(())
}
