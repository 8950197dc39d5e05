//! Says where values of this lab alone stand in files that can be shared: `leaks [DIR] [OPTIONS]`.

use std::process::ExitCode;

use homelab_core::audit::Selection;
use homelab_core::{Lab, Observed, Result, Severity};
use homelab_examples::{Arguments, fail, instance, moment, of_this_machine, one, say, terminal};

const USAGE: &str = "leaks [DIR] [OPTIONS]

Looks through the files of this folder (the working folder without one) that can be shared, for everything that identifies
the lab: what instance.toml and the .env files say, what the tailnet shows, and what is private by its shape.
Exits with 0 when nothing weighs enough, 1 when something does, 2 when it could not run. No value is printed.

  --instance PATH   the values of this instance.toml, or of the lab in this folder, too: what a template must not hold
  --format FORMAT   text (default), json, sarif, markdown or html
  --fail-on WEIGHT  note, warning (default) or error
  --rules RULES     only these rules; `-leak.login` not; parted by commas
  --history         what the folder's repository of git holds of earlier versions too: every file that was ever committed,
                    messages and authors; in a build with the feature `history`
  --offline         do not ask this machine's tailnet, interfaces and repository
  --now TIME        the date, or moment, that suppressions are held against; default: the clock's";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<u8> {
    let format = arguments.value("--format")?.unwrap_or_else(|| "text".to_owned());
    let fail_on = arguments.value("--fail-on")?;
    let fail_on: Severity = fail_on.as_deref().unwrap_or("warning").parse()?;
    let selection: Selection = arguments.value("--rules")?.unwrap_or_default().parse()?;
    let now = moment(arguments.value("--now")?.as_deref())?;
    let history = arguments.flag("--history");
    let offline = arguments.flag("--offline");
    let instances = arguments.values("--instance")?;

    let lab = Lab::load(one(arguments.rest()?)?)?;
    let seen = match offline {
        true => Observed::none(now),
        false => of_this_machine(&lab).with_at(now),
    };
    let mut vocabulary = lab.vocabulary(&seen);
    for path in instances {
        vocabulary = vocabulary.with(&instance(&path)?.vocabulary(&seen));
    }
    let report = match history {
        true => lab.leaks_with_history(&vocabulary, &seen, &selection)?,
        false => lab.leaks_of(&vocabulary, &seen, &selection)?,
    };
    say(&terminal::rendered(&report, &format)?)?;
    Ok(report.exit_code(fail_on))
}
