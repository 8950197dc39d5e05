//! Says who can reach what, and why: `reach`, `--to SERVICE|HOST:PORT`, `--from WHO`, `--explain WHO --to HOST:PORT`,
//! `--diff POLICY`.

use std::process::ExitCode;

use homelab_core::tailnet::Policy;
use homelab_core::{Error, ErrorKind, Result};
use homelab_examples::tailnet::{self, Asked, Form, file_of};
use homelab_examples::{Arguments, fail, moment, say};

const USAGE: &str = "reach [--to SERVICE|HOST:PORT | --from WHO | --explain WHO --to HOST:PORT | --diff POLICY]
      [DIR] | --policy FILE --devices FILE [--users FILE]  [--format text|json] [--now TIME]

Says of each service of the lab in a folder (the working folder without one) what reaches it, and by which paths. With a
question it asks a tailnet's policy who can reach what, and says by which rule: that of the lab, by the names of its
services, or one whose policy and devices are in files.

  --to SERVICE     who can reach a service of the lab: `immich/server`; without a tailnet, by which paths
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
    let now = moment(arguments.value("--now")?.as_deref())?;
    let form = Form::given(&mut arguments)?;
    let (to, from) = (arguments.value("--to")?, arguments.value("--from")?);
    let (who, diff) = (arguments.value("--explain")?, arguments.value("--diff")?);
    let asked = Asked::of(arguments, now)?;
    let text = match (to, from, who, diff) {
        (Some(to), None, None, None) => asked.who_can_reach(&to, form)?,
        (None, Some(from), None, None) => asked.reachable_from(&from, form)?,
        (Some(to), None, Some(who), None) => form.of(&asked.tailnet()?.explain(&who, &to.parse()?)?),
        (None, None, None, Some(newer)) => {
            form.of(&asked.tailnet()?.diff(Policy::parse(&file_of(&newer)?)?)?)
        }
        (None, None, None, None) => asked.exposures(form)?,
        (None, None, Some(who), None) => {
            let what = format!("explain what `{who}` reaches: no target is named");
            let hint = "name a host and port beside it: `--to nas:443`";
            return Err(Error::new(ErrorKind::Invalid, what).with_hint(hint));
        }
        _ => return Err(tailnet::one_question()),
    };
    say(&text)
}
