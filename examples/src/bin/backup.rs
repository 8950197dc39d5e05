//! Says which data has which copies, and what a loss would leave: `backup status [--lab DIR] [OPTIONS]`.

use std::process::ExitCode;

use homelab_core::{Error, ErrorKind, Lab, Result, World};
use homelab_examples::{Arguments, fail, moment, say, wait};

const USAGE: &str = "backup status [--lab DIR] [OPTIONS]

Lists the data of the lab of a folder (the working folder without one) with its copies, judged by 3-2-1, and says what
losing a disk, a machine or the house would leave. Exits with 0 when all data has the copies that it needs, 1 when some has
not, 3 when that is not known, 2 when it could not run.

  --lab DIR         the lab's folder
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
    let folder = arguments.value("--lab")?.unwrap_or_else(|| ".".to_owned());
    match arguments.rest()?.as_slice() {
        [verb] if verb == "status" => {}
        [] => return Err(wrong("know what to do").with_hint("write `backup status`")),
        [first, ..] => {
            return Err(wrong(&format!("read `{first}`")).with_hint("write `backup status --lab DIR`"));
        }
    }
    let lab = Lab::load(&folder)?;
    let seen = wait(async { World::connect(&lab).await.observe(&lab).await }).with_at(now);
    let survival = lab.survival(&seen);
    match format.as_str() {
        "text" => say(&survival.to_string())?,
        "json" => say(&survival.to_json())?,
        _ => return Err(wrong(&format!("write the format `{format}`")).with_hint("text or json")),
    }
    Ok(survival.exit_code())
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Invalid, what)
}
