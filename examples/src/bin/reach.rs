//! Says who can reach what in a tailnet, and why: `reach --to HOST:PORT`, `--from WHO`, `--explain WHO --to HOST:PORT`,
//! `--diff POLICY`.

use std::fmt::Display;
use std::process::ExitCode;

use homelab_core::tailnet::{Policy, Tailnet};
use homelab_core::{Error, ErrorKind, Result};
use homelab_examples::{Arguments, fail, moment, say, tailnet};
use serde_json::{Value, json};

const USAGE: &str = "reach --to HOST:PORT | --from WHO | --explain WHO --to HOST:PORT | --diff POLICY
      --policy FILE --devices FILE [--users FILE] [--format text|json] [--now TIME]

Asks a tailnet's policy who can reach what, and says by which rule.

  --to HOST:PORT   who can reach it: people, devices of tags; `nas:443`, `192.168.1.7:53/udp`, `nas/icmp`
  --from WHO       what a person, group, tag or device can reach
  --explain WHO    why they can reach what `--to` names, or why not, and what comes near
  --diff POLICY    who would gain and who would lose what, if that policy were in force
  --now TIME       the moment that it is about; the clock's where there is none";

fn main() -> ExitCode {
    let usage = format!("{USAGE}\n{}", tailnet::OPTIONS);
    match run(Arguments::from_environment(&usage)) {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error, 1),
    }
}

fn run(mut arguments: Arguments) -> Result<String> {
    let (policy, roster) = tailnet::given(&mut arguments)?;
    let now = moment(arguments.value("--now")?.as_deref())?;
    let json = arguments.value("--format")?.is_some_and(|form| form == "json");
    let (to, from) = (arguments.value("--to")?, arguments.value("--from")?);
    let (who, diff) = (arguments.value("--explain")?, arguments.value("--diff")?);
    arguments.rest()?;
    let net = Tailnet::new(Policy::parse(&policy)?, roster)?.at(now);
    let newer = diff
        .map(|file| Policy::parse(&tailnet::file_of(&file)?))
        .transpose()?;
    let form = |text: &dyn Display, value: Value| match json {
        true => format!("{value:#}\n"),
        false => text.to_string(),
    };
    match (to, from, who, newer) {
        (Some(to), None, None, None) => net
            .who_can_reach(&to.parse()?)
            .map(|view| form(&view, json!(view))),
        (None, Some(from), None, None) => net.reachable_from(&from).map(|view| form(&view, json!(view))),
        (Some(to), None, Some(who), None) => net.explain(&who, &to.parse()?).map(|it| form(&it, json!(it))),
        (None, None, None, Some(newer)) => net.diff(newer).map(|view| form(&view, json!(view))),
        _ => Err(Error::new(ErrorKind::Invalid, "find one question").with_hint("see `--help`")),
    }
}
