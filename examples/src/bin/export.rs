//! Writes what of a lab can be shared into a folder: `export [DIR] [--to OUT]`.

use std::process::ExitCode;

use homelab_core::{Lab, Result};
use homelab_examples::{Arguments, fail, into_folder, of_this_machine, one, say};

const USAGE: &str = "export [DIR] [--to OUT]

Writes the template of the lab in this folder (the working folder without one): its files of strata 1 to 4, with slots in the
place of the lab's values. Refuses when the proof fails. What is there and the same is left alone, and nothing is deleted.
Without `--to` only the names of the files are printed. Exits with 0, or 2 when nothing could be exported.

  --to OUT  the folder to write into; it is made when it is not there";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let to = arguments.value("--to")?;
    let lab = Lab::load(one(arguments.rest()?)?)?;
    let template = lab.split(&of_this_machine(&lab))?.prove()?;
    match to {
        Some(to) => into_folder(&to, |folder| template.plan_export(folder)),
        None => template
            .value()
            .files()
            .try_for_each(|(path, _)| say(&format!("{path}\n"))),
    }
}
