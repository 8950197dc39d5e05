//! Prints what a tailnet's policy comes to, as JSON: `policy filter|ssh|caps|peers|check --policy FILE --devices FILE`.
//!
//! `check` exits with 0 where the service would accept the policy, and with 1 where it would refuse it.

use std::process::ExitCode;

use homelab_core::tailnet::{Policy, Roster, Tailnet};
use homelab_core::{Error, ErrorKind, Result, Source};
use homelab_examples::{Arguments, fail, say};

const USAGE: &str = "policy filter|ssh|caps|peers|check --policy FILE --devices FILE [--users FILE] [--https]

Prints as JSON what Tailscale's service makes of a policy for these devices, by host name:

  filter   {\"filters\": {HOST: [FilterRule]}}: the packet filter that each device enforces
  ssh      {\"ssh\": {HOST: [SSHRule]}}: its SSH rules, in the order in which they are tried
  caps     {\"capabilities\": {HOST: CapMap}, \"whois\": {HOST: {ADDRESS: CapMap}}}: what `nodeAttrs` give it, and what
           peers may do on it
  peers    {\"peers\": {HOST: [HOST]}}: which devices it sees
  check    {\"accepted\": .., \"message\": .., ..}: whether the file would be accepted, its tests run

  --policy FILE   the policy, as HuJSON
  --devices FILE  the devices: the answer of Tailscale's `devices?fields=all`, of Headscale's `node`, or `tailscale status --json`
  --users FILE    the people: the answer of Tailscale's `users`; roles decide who is in autogroup:admin and the like
  --https         the tailnet gives its devices certificates";

fn main() -> ExitCode {
    match run(Arguments::from_environment(USAGE)) {
        Ok(code) => code,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<ExitCode, Error> {
    let needed = |name: &str, value: Option<String>| {
        value.ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("find `{name}`")).with_hint("`--help` says what is needed")
        })
    };
    let policy = read(&needed("--policy", arguments.value("--policy")?)?)?;
    let mut roster = Roster::parse(&read(&needed("--devices", arguments.value("--devices")?)?)?)?;
    if let Some(users) = arguments.value("--users")? {
        roster = roster.with(Roster::parse(&read(&users)?)?);
    }
    let https = arguments.flag("--https");
    let words = arguments.rest()?;
    let question = needed("filter|ssh|caps|peers|check", words.into_iter().next())?;
    if question == "check" {
        let verdict = Tailnet::judge(&policy, roster);
        say(&format!("{:#}\n", serde_json::json!(verdict)));
        return Ok(ExitCode::from(u8::from(!verdict.accepted)));
    }
    let tailnet = Tailnet::new(Policy::parse(&policy)?, roster)?.with_https(https);
    say(&format!("{}\n", tailnet.to_json(&question)?));
    Ok(ExitCode::SUCCESS)
}

fn read(file: &str) -> Result<Source> {
    let text = std::fs::read_to_string(file);
    let text =
        text.map_err(|error| Error::new(ErrorKind::NotFound, format!("read `{file}`")).with_source(error))?;
    Ok(Source::new(file, text))
}
