//! Makes the original of a template and its values: `join TEMPLATE VALUES [--to OUT]`.

use std::process::ExitCode;

use homelab_core::split::{Template, Values};
use homelab_core::{Error, ErrorKind, Lab, Result};
use homelab_examples::{Arguments, fail, into_folder, say};

const USAGE: &str = "join TEMPLATE VALUES [--to OUT]

Puts the values that `split` wrote back into its template, and writes the original lab, byte for byte, secrets included.
Without `--to` only the names of the files are printed.

  --to OUT  the folder to write into; it is made when it is not there";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let to = arguments.value("--to")?;
    let words = arguments.rest()?;
    let [template, values] = words.as_slice() else {
        let error = Error::new(ErrorKind::Invalid, "read what to join");
        return Err(error.with_hint("name the template's folder and the file of values"));
    };
    let text = std::fs::read_to_string(values).map_err(|error| {
        Error::new(ErrorKind::NotFound, format!("read the values in `{values}`")).with_source(error)
    })?;
    let (template, values) = (
        Template::read(&Lab::load(template)?)?,
        Values::from_private_json(&text)?,
    );
    let Some(to) = to else {
        let joined = values.join(&template)?;
        return joined.keys().try_for_each(|path| say(&format!("{path}\n")));
    };
    into_folder(&to, |folder| values.plan_join(&template, folder))
}
