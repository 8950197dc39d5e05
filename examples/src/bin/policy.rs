//! Prints what a tailnet's policy comes to, as JSON: `policy filter|ssh|caps|peers|check --policy FILE --devices FILE`.
//!
//! `check` exits with 0 where the service would accept the policy, and with 1 where it would refuse it.

use std::process::ExitCode;

use homelab_core::tailnet::{Policy, Tailnet};
use homelab_core::{Error, ErrorKind, Result};
use homelab_examples::{Arguments, fail, say, tailnet};
use serde_json::json;

const USAGE: &str = "policy filter|ssh|caps|peers|check --policy FILE --devices FILE [--users FILE] [--https]

Prints as JSON what Tailscale's service makes of a policy for these devices, by host name:

  filter   {\"filters\": {HOST: [FilterRule]}}: the packet filter that each device enforces
  ssh      {\"ssh\": {HOST: [SSHRule]}}: its SSH rules, in the order in which they are tried
  caps     {\"capabilities\": {HOST: CapMap}, \"whois\": {HOST: {ADDRESS: CapMap}}}: what `nodeAttrs` give it, and
           what peers may do on it
  peers    {\"peers\": {HOST: [HOST]}}: which devices it sees
  check    {\"accepted\": .., \"message\": .., ..}: whether the file would be accepted, its tests run

  --https          the tailnet gives its devices certificates";

fn main() -> ExitCode {
    let usage = format!("{USAGE}\n{}", tailnet::OPTIONS);
    match run(Arguments::from_environment(&usage)) {
        Ok(code) => code,
        Err(error) => fail(&error, 2),
    }
}

fn run(mut arguments: Arguments) -> Result<ExitCode, Error> {
    let (policy, roster) = tailnet::given(&mut arguments)?;
    let https = arguments.flag("--https");
    let [question] = arguments.rest()?.try_into().map_err(|_| {
        Error::new(ErrorKind::Invalid, "find one question")
            .with_hint("ask for filter, ssh, caps, peers or check")
    })?;
    if question == "check" {
        let verdict = Tailnet::judge(&policy, roster);
        say(&format!("{:#}\n", json!(verdict)));
        return Ok(ExitCode::from(u8::from(!verdict.accepted)));
    }
    let tailnet = Tailnet::new(Policy::parse(&policy)?, roster)?.with_https(https);
    say(&format!("{}\n", tailnet.to_json(&question)?));
    Ok(ExitCode::SUCCESS)
}
