//! Parts a lab into a template that can be shared and its values: `split [DIR] [--to OUT]`.

use std::process::ExitCode;

use homelab_core::{Lab, Observed, Result};
use homelab_examples::{Arguments, fail, into_folder, moment, of_this_machine, one, say};

const USAGE: &str = "split [DIR] [--to OUT]

Lifts every value that identifies the lab in this folder (the working folder without one) out of the files that can be
shared, and prints the proof. Nothing is written without `--to`. Exits with 0 when the proof holds, 1 when it fails, 2 when
the lab could not be split.

  --to OUT    write the template into OUT/template and the values, secrets included, into OUT/values.json
  --offline   do not ask this machine's tailnet, interfaces and repository
  --now TIME  the date, or moment, that suppressions are held against; default: the clock's";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(code) => code,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let to = arguments.value("--to")?;
    let now = moment(arguments.value("--now")?.as_deref())?;
    let offline = arguments.flag("--offline");
    let lab = Lab::load(one(arguments.rest()?)?)?;
    let seen = match offline {
        true => Observed::none(now),
        false => of_this_machine(&lab).with_at(now),
    };
    let split = lab.split(&seen)?;
    say(&split.proof().to_string())?;
    let values = split.values().clone();
    let template = match split.prove() {
        Ok(template) => template,
        Err(error) => return Ok(fail(&error, 1)),
    };
    if let Some(to) = to {
        let kept = "values.json".parse()?;
        into_folder(&to, |folder| values.value().plan_keep(folder, &kept))?;
        into_folder(&format!("{to}/template"), |folder| template.plan_export(folder))?;
    }
    Ok(ExitCode::SUCCESS)
}
