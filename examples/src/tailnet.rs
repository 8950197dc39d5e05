//! What the examples about a tailnet are given: its policy, its devices and its people.

use std::cmp::Reverse;
use std::fmt::Display;

use homelab_core::tailnet::{Policy, Roster, Tailnet};
use homelab_core::{Error, ErrorKind, Exposure, Lab, Observed, Result, Source, World};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::{Arguments, one, wait};

/// What a usage says of the options that [`given`] takes.
pub const OPTIONS: &str = "  --policy FILE    the policy, as HuJSON
  --devices FILE   the devices, as Tailscale's `devices?fields=all`, Headscale's `node` or `tailscale status --json` has them
  --users FILE     the people, as Tailscale's `users` has them; roles decide who is in autogroup:admin and the like";

const FILES: &str = "`--policy FILE` names the policy, `--devices FILE` the devices: what `tailscale status --json` prints, \
                     or Tailscale's or Headscale's API";

/// Returns the error of who asks nothing, or several things at once.
pub fn one_question() -> Error {
    Error::new(ErrorKind::Invalid, "find one question")
        .with_hint("ask with one of `--to`, `--from`, `--explain WHO --to HOST:PORT` and `--diff`")
}

/// Takes out `--policy`, `--devices` and `--users`, and reads what they name.
///
/// # Errors
/// When one of the first two is missing, or a file cannot be read or means nothing.
pub fn given(arguments: &mut Arguments) -> Result<(Source, Roster)> {
    let mut read = |option: &str| arguments.value(option)?.map(|file| file_of(&file)).transpose();
    let missing = |what: &str| {
        let text = format!("find the tailnet's {what}: no file is named");
        Error::new(ErrorKind::Invalid, text).with_hint(FILES)
    };
    let policy = read("--policy")?.ok_or_else(|| missing("policy"))?;
    let mut roster = Roster::parse(&read("--devices")?.ok_or_else(|| missing("devices"))?)?;
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

/// The tailnet that is asked: that of a lab, by the names of its services, or one in files.
pub enum Asked {
    /// A lab, and what was seen of it.
    Lab(Box<(Lab, Observed)>),
    /// One whose policy and devices are in files.
    Files(Box<Tailnet>),
}

impl Asked {
    /// Returns the tailnet in files where some are named, else that of the lab in the folder that is left.
    ///
    /// # Errors
    /// When what is named cannot be read, or a folder is named beside files.
    pub fn of(mut arguments: Arguments, now: Timestamp) -> Result<Self> {
        if arguments.has("--policy") || arguments.has("--devices") {
            let (policy, roster) = given(&mut arguments)?;
            if let Some(folder) = arguments.rest()?.first() {
                return Err(Error::new(ErrorKind::Invalid, format!("read `{folder}`"))
                    .with_hint("name a folder, or files of a tailnet"));
            }
            let tailnet = Tailnet::new(Policy::parse(&policy)?, roster)?.at(now);
            return Ok(Asked::Files(Box::new(tailnet)));
        }
        let lab = Lab::load(one(arguments.rest()?)?)?;
        let seen = wait(async {
            World::connect(&lab)
                .await
                .without_engines()
                .without_repositories()
                .observe(&lab)
                .await
        })
        .with_at(now);
        Ok(Asked::Lab(Box::new((lab, seen))))
    }

    /// Returns what reaches each service of the lab, those first that most can reach.
    ///
    /// # Errors
    /// When it is no lab that is asked: a tailnet has no services.
    pub fn exposures(self, form: Form) -> Result<String> {
        let Asked::Lab(asked) = self else {
            return Err(one_question());
        };
        let mut found = asked.0.exposures(&asked.1);
        if let Form::Json = form {
            let views: Vec<_> = found.iter().map(Exposure::view).collect();
            return Ok(format!("{:#}\n", json!(views)));
        }
        found.sort_by_key(|exposure| Reverse((exposure.reach(), exposure.at_most())));
        Ok(found.iter().map(|exposure| format!("{exposure}\n")).collect())
    }

    /// Returns who can reach a service of the lab, or a host and port. Of a lab without a tailnet, what reaches the service.
    ///
    /// # Errors
    /// When the target means nothing, or the lab has no tailnet.
    pub fn who_can_reach(self, to: &str, form: Form) -> Result<String> {
        // One of several, which the error lists, and no host.
        if let Asked::Lab(asked) = &self
            && let Err(error) = asked.0.service(to)
            && error.kind() == ErrorKind::Ambiguous
        {
            return Err(error);
        }
        match self {
            Asked::Lab(asked) if asked.0.service(to).is_ok() => {
                let (lab, seen) = *asked;
                match lab.who_can_reach(to, &seen) {
                    Err(error) if names_no_policy(&error) => {
                        let exposure = lab.exposure(to, &seen)?;
                        Ok(match form {
                            Form::Text => format!("{exposure}\n"),
                            Form::Json => format!("{:#}\n", json!(exposure.view())),
                        })
                    }
                    answer => answer.map(|view| form.of(&view)),
                }
            }
            other => Ok(form.of(&other.tailnet()?.who_can_reach(&to.parse()?)?)),
        }
    }

    /// Returns what somebody can reach: services of the lab, or devices and ports.
    ///
    /// # Errors
    /// When nobody is called so, or the lab has no tailnet.
    pub fn reachable_from(self, who: &str, form: Form) -> Result<String> {
        match self {
            Asked::Lab(asked) => asked.0.reachable_from(who, &asked.1).map(|view| form.of(&view)),
            Asked::Files(tailnet) => tailnet.reachable_from(who).map(|view| form.of(&view)),
        }
    }

    /// Returns the tailnet itself.
    ///
    /// # Errors
    /// When the lab has none.
    pub fn tailnet(self) -> Result<Tailnet> {
        match self {
            Asked::Lab(asked) => Ok(asked.0.tailnet(&asked.1)?.at(asked.1.at())),
            Asked::Files(tailnet) => Ok(*tailnet),
        }
    }
}

/// Returns whether an error says that a lab names no policy: one that it names, and that is not there, has a place.
fn names_no_policy(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound && error.place().is_none()
}

/// How an answer is printed.
#[derive(Clone, Copy)]
pub enum Form {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

impl Form {
    /// Takes out `--format`.
    ///
    /// # Errors
    /// When it is neither `text` nor `json`.
    pub fn given(arguments: &mut Arguments) -> Result<Self> {
        match arguments.value("--format")?.as_deref() {
            None | Some("text") => Ok(Form::Text),
            Some("json") => Ok(Form::Json),
            Some(other) => Err(
                Error::new(ErrorKind::Invalid, format!("write the format `{other}`"))
                    .with_hint("there are text and json"),
            ),
        }
    }

    /// Returns an answer in this form.
    pub fn of(self, answer: &(impl Display + Serialize)) -> String {
        match self {
            Form::Text => answer.to_string(),
            Form::Json => format!("{:#}\n", json!(answer)),
        }
    }
}
