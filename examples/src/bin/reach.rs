//! Says who can reach what in a tailnet, and why: `reach --to SERVICE|HOST:PORT`, `--from WHO`, `--explain WHO --to HOST:PORT`,
//! `--diff POLICY`.

use std::fmt::Display;
use std::process::ExitCode;

use homelab_core::tailnet::{Policy, Tailnet};
use homelab_core::{Error, ErrorKind, Lab, Result, World};
use homelab_examples::{Arguments, fail, moment, one, say, tailnet, wait};
use serde_json::{Value, json};

const USAGE: &str = "reach --to SERVICE|HOST:PORT | --from WHO | --explain WHO --to HOST:PORT | --diff POLICY
      [DIR] | --policy FILE --devices FILE [--users FILE]  [--format text|json] [--now TIME]

Asks a tailnet's policy who can reach what, and says by which rule. The tailnet is that of the lab in a folder (the working
folder without one), asked by the names of its services, or one whose policy and devices are in files.

  --to SERVICE     who can reach a service of the lab: `immich/server`
  --to HOST:PORT   who can reach it: people, devices of tags; `nas:443`, `192.168.1.7:53/udp`, `nas/icmp`
  --from WHO       what a person, group, tag or device can reach: services of the lab, or devices and ports
  --explain WHO    why they can reach what `--to` names, or why not, and what comes near
  --diff POLICY    who would gain and who would lose what, if that policy were in force
  --now TIME       the moment that it is about; the clock's where there is none";

fn main() -> ExitCode {
    let usage = format!("{USAGE}\n{}", tailnet::OPTIONS);
    match run(Arguments::from_environment(&usage)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let by_files = arguments.has("--policy") || arguments.has("--devices");
    let given = by_files.then(|| tailnet::given(&mut arguments)).transpose()?;
    let now = moment(arguments.value("--now")?.as_deref())?;
    let format = arguments.value("--format")?.unwrap_or_else(|| "text".to_owned());
    if !matches!(format.as_str(), "text" | "json") {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("write the format `{format}`"),
        ));
    }
    let (to, from) = (arguments.value("--to")?, arguments.value("--from")?);
    let (who, diff) = (arguments.value("--explain")?, arguments.value("--diff")?);
    let newer = diff
        .map(|file| Policy::parse(&tailnet::file_of(&file)?))
        .transpose()?;
    let rest = arguments.rest()?;
    let lab = match given {
        Some(_) if !rest.is_empty() => {
            return Err(Error::new(ErrorKind::Invalid, format!("read `{}`", rest[0]))
                .with_hint("name a folder, or files of a tailnet"));
        }
        Some(_) => None,
        None => {
            let lab = Lab::load(one(rest)?)?;
            let seen = wait(async { World::connect(&lab).await.observe(&lab).await }).with_at(now);
            Some((lab, seen))
        }
    };
    let net = || match (&lab, &given) {
        (Some((lab, seen)), _) => Ok(lab.tailnet(seen)?.at(now)),
        (None, Some((policy, roster))) => Ok(Tailnet::new(Policy::parse(policy)?, roster.clone())?.at(now)),
        (None, None) => Err(Error::new(ErrorKind::NotFound, "find a tailnet")),
    };
    let form = |text: &dyn Display, value: Value| match format == "json" {
        true => format!("{value:#}\n"),
        false => text.to_string(),
    };
    let text = match (to, from, who, newer) {
        (Some(to), None, None, None) => match lab.as_ref().filter(|(lab, _)| lab.service(&to).is_ok()) {
            Some((lab, seen)) => lab.who_can_reach(&to, seen).map(|view| form(&view, json!(view))),
            None => net()?
                .who_can_reach(&to.parse()?)
                .map(|view| form(&view, json!(view))),
        },
        (None, Some(from), None, None) => match &lab {
            Some((lab, seen)) => lab
                .reachable_from(&from, seen)
                .map(|view| form(&view, json!(view))),
            None => net()?.reachable_from(&from).map(|view| form(&view, json!(view))),
        },
        (Some(to), None, Some(who), None) => {
            net()?.explain(&who, &to.parse()?).map(|it| form(&it, json!(it)))
        }
        (None, None, None, Some(newer)) => net()?.diff(newer).map(|view| form(&view, json!(view))),
        _ => Err(Error::new(ErrorKind::Invalid, "find one question").with_hint("see `--help`")),
    };
    say(&text?)
}
