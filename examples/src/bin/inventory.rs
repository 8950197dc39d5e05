//! Says what runs on a lab's engines, and who can reach it: `inventory [DIR] [OPTIONS]`.

use std::process::ExitCode;

use homelab_core::{Error, ErrorKind, Lab, Result, World};
use homelab_examples::{Arguments, fail, moment, one, say, wait};

const USAGE: &str = "inventory [DIR] [OPTIONS]

Asks the engines of the lab of this folder (the working folder without one) what they run: by host, project and service,
with who can reach it. A host that does not answer is said with its reason.

  --format FORMAT   text (default) or json
  --now TIME        the date, or moment, that is taken for now; default: the clock's";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let format = arguments.value("--format")?.unwrap_or_else(|| "text".to_owned());
    let now = moment(arguments.value("--now")?.as_deref())?;
    let folder = one(arguments.rest()?)?;

    let lab = Lab::load(&folder)?;
    let seen = wait(async {
        World::connect(&lab)
            .await
            .without_repositories()
            .observe(&lab)
            .await
    })
    .with_at(now);
    let running = lab.running(&seen);
    say(&match format.as_str() {
        "text" => running.to_string(),
        "json" => running.to_json(),
        _ => {
            let error = Error::new(ErrorKind::Invalid, format!("write the format `{format}`"));
            return Err(error.with_hint("text or json"));
        }
    })
}
