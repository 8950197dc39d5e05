//! Says how what runs differs from what was written: `drift [DIR] [OPTIONS]`.

use std::process::ExitCode;

use homelab_core::{Error, ErrorKind, Lab, Result, World};
use homelab_examples::{Arguments, fail, moment, one, say, wait};

const USAGE: &str = "drift [DIR] [OPTIONS]

Asks the engines of the lab of this folder (the working folder without one) what runs, and says how that differs from
what its files say. Exits with 0 when all is as written, 1 when something is not, 3 when nothing is but not all hosts
were seen, 2 when it could not run.

  --format FORMAT   text (default) or json
  --now TIME        the date, or moment, that is taken for now; default: the clock's";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<u8> {
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
    let drift = lab.drift(&seen);
    let text = match format.as_str() {
        "text" => drift.to_string(),
        "json" => drift.to_json(),
        _ => {
            let error = Error::new(ErrorKind::Invalid, format!("write the format `{format}`"));
            return Err(error.with_hint("text or json"));
        }
    };
    say(&text)?;
    Ok(drift.exit_code())
}
