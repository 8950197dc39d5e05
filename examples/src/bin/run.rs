//! Starts, stops, updates or makes anew what a lab runs: `run VERB [DIR] TARGET [--yes]`.

use std::process::ExitCode;

use homelab_core::{Error, ErrorKind, Event, Lab, Result, World};
use homelab_examples::{Arguments, fail, one, planner, say, wait};

const USAGE: &str = "run VERB [DIR] TARGET [--yes]

Shows what it would do with a project, a service or all of the lab of this folder (the working folder without one), and
with --yes does it, in the order in which services wait for each other, each waited for until it is up.

  VERB              start, stop or restart what is there; or, by Docker Compose, which has to be installed: recreate
                    (make anew), update (fetch images, and make anew what differs), up (make what is missing or differs),
                    down (remove; volumes stay)
  TARGET            a project, `immich`; a service, `immich/server` or `nas:immich/server`; or `*`. What the lab does not
                    own is only meant by a service's whole name: `_/adminer`
  --yes             do it";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let yes = arguments.flag("--yes");
    let mut words = arguments.rest()?;
    if words.len() < 2 {
        return Err(Error::new(ErrorKind::Invalid, "find what to do with what").with_hint("see `--help`"));
    }
    let (verb, target) = (words.remove(0), words.pop().unwrap_or_default());
    let planner = planner(&verb)?;
    let lab = Lab::load(one(words)?)?;
    wait(async {
        let world = World::connect(&lab).await.without_repositories();
        let plan = planner(&lab, &target, &world.observe(&lab).await)?;
        say(&plan.to_string())?;
        if plan.is_empty() {
            return Ok(());
        }
        if !yes {
            return say("nothing is done yet: `--yes` does\n");
        }
        let operation = plan.apply(&world);
        let mut events = operation.events();
        while let Some(event) = events.next().await {
            if !matches!(event, Event::Failed { .. }) {
                say(&format!("{event}\n"))?;
            }
        }
        operation.await?.complete()
    })
}
