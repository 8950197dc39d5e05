//! Says what is worth saying about a lab: `audit [DIR] [OPTIONS]`.

use std::process::ExitCode;

use homelab_core::audit::Selection;
use homelab_core::{Lab, Observed, Result, Severity, World};
use homelab_examples::{Arguments, fail, moment, one, say, terminal, wait};

const USAGE: &str = "audit [DIR] [OPTIONS]

Says what runs in the lab of this folder (the working folder without one), who can reach it, and what is worth changing.
Exits with 0 when nothing weighs enough, 1 when something does, 2 when it could not run.

  --format FORMAT   text (default), json, sarif, markdown or html
  --fail-on WEIGHT  note, warning (default) or error
  --rules RULES     only these rules or groups, `+hardening` as well, `-access` not; parted by commas
  --live            ask the hosts' engines too: what is really bound, and what runs beside what is written
  --now TIME        the date, or moment, that exceptions and suppressions are held against; default: the clock's";

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
    let live = arguments.flag("--live");
    let folder = one(arguments.rest()?)?;

    let lab = Lab::load(&folder)?;
    let seen = wait(observe(&lab, live)).with_at(now);
    let report = lab.audit_with(&seen, &selection);
    say(&terminal::rendered(&report, &format)?)?;
    Ok(report.exit_code(fail_on))
}

async fn observe(lab: &Lab, live: bool) -> Observed {
    match World::connect(lab).await {
        world if live => world.observe(lab).await,
        world => world.without_engines().without_repositories().observe(lab).await,
    }
}
