//! Says what a lab's containers have written: `logs [DIR] TARGET [OPTIONS]`.

use std::process::ExitCode;

use homelab_core::engine::LogOptions;
use homelab_core::{Error, ErrorKind, Lab, Result, World};
use homelab_examples::{Arguments, fail, moment, one, say, wait};

const USAGE: &str = "logs [DIR] TARGET [OPTIONS]

Says what the containers of a project, a service or all of the lab of this folder (the working folder without one) have
written, in the order of time, each line with its service.

  TARGET            a project, `immich`; a service, `immich/server` or `nas:immich/server`; or `*`
  --follow          go on with what is written from now on
  --tail LINES      only so many of each container's last lines
  --since TIME      only what was written at this moment or later";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let tail = arguments.value("--tail")?.map(|text| {
        let number = text.parse();
        number.map_err(|_| Error::new(ErrorKind::Invalid, format!("read `--tail {text}`")))
    });
    let options = LogOptions {
        follow: arguments.flag("--follow"),
        since: arguments
            .value("--since")?
            .map(|time| moment(Some(&time)))
            .transpose()?,
        tail: tail.transpose()?,
        until: None,
    };
    let mut words = arguments.rest()?;
    let Some(target) = words.pop() else {
        return Err(Error::new(ErrorKind::Invalid, "find whose logs to read").with_hint("see `--help`"));
    };
    let lab = Lab::load(one(words)?)?;
    wait(async {
        let world = World::connect(&lab).await.without_repositories();
        let seen = world.observe(&lab).await;
        let mut lines = world.engines().logs(&lab, &target, &seen, options)?;
        while let Some(line) = lines.next().await? {
            say(&format!("{line}\n"))?;
        }
        Ok(())
    })
}
