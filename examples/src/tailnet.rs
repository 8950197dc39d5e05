//! What the examples about a tailnet are given: its policy, its devices and its people.

use homelab_core::tailnet::Roster;
use homelab_core::{Error, ErrorKind, Result, Source};

use crate::Arguments;

/// What a usage says of the options that [`given`] takes.
pub const OPTIONS: &str = "  --policy FILE    the policy, as HuJSON
  --devices FILE   the devices, as Tailscale's `devices?fields=all`, Headscale's `node` or `tailscale status --json` has them
  --users FILE     the people, as Tailscale's `users` has them; roles decide who is in autogroup:admin and the like";

/// Takes out `--policy`, `--devices` and `--users`, and reads what they name.
///
/// # Errors
/// When one of the first two is missing, or a file cannot be read or means nothing.
pub fn given(arguments: &mut Arguments) -> Result<(Source, Roster)> {
    let mut read = |option: &str| arguments.value(option)?.map(|file| file_of(&file)).transpose();
    let missing = |option: &str| {
        Error::new(ErrorKind::Invalid, format!("find `{option}`")).with_hint("`--help` says what is needed")
    };
    let policy = read("--policy")?.ok_or_else(|| missing("--policy"))?;
    let mut roster = Roster::parse(&read("--devices")?.ok_or_else(|| missing("--devices"))?)?;
    if let Some(users) = read("--users")? {
        roster = roster.with(Roster::parse(&users)?);
    }
    Ok((policy, roster))
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read.
pub fn file_of(file: &str) -> Result<Source> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::new(ErrorKind::NotFound, format!("read `{file}`")).with_source(error))?;
    Ok(Source::new(file, text))
}
