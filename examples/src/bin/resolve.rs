//! Prints a Compose project as `docker compose config --format json` does: `resolve [OPTIONS] [FILE...]`.
//!
//! What is wrong goes to standard error; the exit code is 1 when the project is refused.

use std::process::ExitCode;

use homelab_core::compose::{Project, ResolveOptions};
use homelab_core::{Error, Result};
use homelab_examples::{Arguments, fail, say};

const USAGE: &str = "resolve [OPTIONS] [FILE...]

Prints the Compose project of these files, or of the working folder, in the shape of `docker compose config --format json`.
It holds every value, secrets included, unless `--redact` is given.

  --strict                 refuse what Docker Compose refuses, rather than read on and say what is wrong
  --redact                 hide values that are secrets
  --project-directory DIR  the folder to which relative paths belong
  --profile NAME           a profile to activate; may be repeated
  --env-file FILE          variables to read in place of `.env`; may be repeated";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn run(mut arguments: Arguments) -> Result<(), Error> {
    let redact = arguments.flag("--redact");
    let mut options = if arguments.flag("--strict") {
        ResolveOptions::strict()
    } else {
        ResolveOptions::lenient()
    };
    if let Some(directory) = arguments.value("--project-directory")? {
        options = options.with_directory(directory);
    }
    options = options
        .with_profiles(arguments.values("--profile")?)
        .with_env_files(arguments.values("--env-file")?)
        .with_environment(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
        .with_files(arguments.rest()?);
    let project = Project::resolve(&options)?;
    for finding in project.diagnostics() {
        eprintln!("{finding}");
    }
    say(&format!("{:#}\n", project.to_json(redact)))?;
    Ok(())
}
