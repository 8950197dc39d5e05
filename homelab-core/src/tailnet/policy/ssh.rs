//! `ssh` and `sshTests`.

use std::sync::Arc;

use super::definitions::define;
use super::read::{Read, Reader, Refusal};
use super::{Alias, At, Definitions, SshTest, duration};
use crate::tailnet::hujson::Node;

/// How long a check counts where the rule does not say.
const CHECK_PERIOD: i64 = 12 * 3600 * 1_000_000_000;
const LONGEST_CHECK_PERIOD: i64 = 168 * 3600 * 1_000_000_000;

/// One entry of `ssh`.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "where a rule is written is for answers, which name it")]
pub(in crate::tailnet) struct SshRule {
    pub(in crate::tailnet) index: usize,
    pub(in crate::tailnet) start: usize,
    pub(in crate::tailnet) end: usize,
    pub(in crate::tailnet) action: SshAction,
    pub(in crate::tailnet) sources: Vec<At<Alias>>,
    pub(in crate::tailnet) destinations: Vec<At<Alias>>,
    /// Whether `autogroup:nonroot` is among the users.
    pub(in crate::tailnet) nonroot: bool,
    pub(in crate::tailnet) root: bool,
    pub(in crate::tailnet) logins: Vec<String>,
    /// The domains of `localpart:*@DOMAIN`.
    pub(in crate::tailnet) local_parts: Vec<Arc<str>>,
    pub(in crate::tailnet) accept_env: Vec<String>,
}

/// What a rule of `ssh` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tailnet) enum SshAction {
    /// Lets in.
    Accept,
    /// Lets in whoever signed in within this many nanoseconds; zero is always anew.
    Check(i64),
}

impl Reader {
    pub(super) fn ssh(&mut self, node: &Node, all: &Definitions) -> Read<Vec<SshRule>> {
        let mut rules = Vec::new();
        for (index, entry) in self.list(node, "`ssh`")?.iter().enumerate() {
            rules.push(self.ssh_rule(index, entry, all)?);
        }
        Ok(rules)
    }

    fn ssh_rule(&mut self, index: usize, entry: &Node, all: &Definitions) -> Read<SshRule> {
        let known = [
            "action",
            "src",
            "dst",
            "users",
            "checkPeriod",
            "acceptEnv",
            "srcPosture",
            "recorder",
            "enforceRecorder",
        ];
        let fields = self.fields(entry, "a rule of `ssh`", &known)?;
        let action = fields
            .get("action")
            .map(|node| self.text(node, "`action`"))
            .transpose()?;
        let mut kind = match action.as_ref().map_or("", |action| action.value.trim()) {
            "" => return Err(Refusal::new(entry.place(), "action must be specified")),
            "accept" => SshAction::Accept,
            "check" => SshAction::Check(CHECK_PERIOD),
            other => {
                let at = action.as_ref().map_or(entry.place(), At::place);
                return Err(Refusal::new(at, format!("\"{other}\" is not a valid action"))
                    .with_hint("write \"accept\" or \"check\""));
            }
        };
        if let Some(node) = fields.get("checkPeriod") {
            let text = self.text(node, "`checkPeriod`")?;
            let period = check_period(&text)?;
            match &mut kind {
                SshAction::Check(own) => *own = period,
                SshAction::Accept => {
                    return Err(Refusal::new(
                        text.place(),
                        "checkPeriod is only valid with action \"check\"",
                    ));
                }
            }
        }
        let mut rule = SshRule {
            index,
            start: entry.start,
            end: entry.end,
            action: kind,
            sources: Vec::new(),
            destinations: Vec::new(),
            nonroot: false,
            root: false,
            logins: Vec::new(),
            local_parts: Vec::new(),
            accept_env: Vec::new(),
        };
        self.ssh_users(entry, fields.get("users"), &mut rule)?;
        for text in self.texts(fields.get("src"), "`src`")? {
            let source = self.ssh_source(&text, all)?;
            rule.sources.push(source);
        }
        for text in self.texts(fields.get("dst"), "`dst`")? {
            let destination = self.ssh_destination(&text, &rule.sources, all)?;
            rule.destinations.push(destination);
        }
        for text in self.texts(fields.get("acceptEnv"), "`acceptEnv`")? {
            if text.value.is_empty() {
                return Err(Refusal::new(text.place(), "acceptEnv values cannot be empty"));
            }
            rule.accept_env.push(text.value);
        }
        Ok(rule)
    }

    fn ssh_users(&mut self, entry: &Node, node: Option<&Node>, rule: &mut SshRule) -> Read<()> {
        let users = self.texts(node, "`users`")?;
        if users.is_empty() {
            let at = node.map_or(entry.place(), Node::place);
            return Err(Refusal::new(at, "users must be specified")
                .with_hint("name the users of the machine, such as \"root\" or \"autogroup:nonroot\""));
        }
        for user in users {
            let name = user.value.trim();
            match name {
                "" | "*" => {
                    return Err(
                        Refusal::new(user.place(), format!("user \"{name}\" is not valid"))
                            .with_hint("write \"autogroup:nonroot\" for everybody but root"),
                    );
                }
                "root" => rule.root = true,
                "autogroup:nonroot" => rule.nonroot = true,
                _ => match name.strip_prefix("localpart:*@") {
                    Some(domain) => {
                        let domain: Arc<str> = domain.to_ascii_lowercase().into();
                        self.domain(domain.clone(), user.place(), "");
                        rule.local_parts.push(domain);
                    }
                    None => rule.logins.push(name.to_owned()),
                },
            }
        }
        Ok(())
    }

    fn ssh_source(&mut self, text: &At<String>, all: &Definitions) -> Read<At<Alias>> {
        let alias = self.alias(text, "[ssh] ")?;
        if !(alias.value.names_people() || matches!(alias.value, Alias::Tag(_) | Alias::Tagged)) {
            return Err(
                Refusal::new(text.place(), format!("invalid src \"{}\"", text.value.trim()))
                    .with_hint("name people, groups, tags, or autogroups of them"),
            );
        }
        if let Some(message) = all.missing(&alias.value) {
            return Err(Refusal::new(text.place(), format!("src={message}")).with_hint(define(&alias.value)));
        }
        Ok(alias)
    }

    fn ssh_destination(
        &mut self,
        text: &At<String>,
        sources: &[At<Alias>],
        all: &Definitions,
    ) -> Read<At<Alias>> {
        let alias = self.alias(text, "[ssh] ")?;
        let refuse = |message: String| Refusal::new(text.place(), message);
        let tagged = sources
            .iter()
            .any(|source| matches!(source.value, Alias::Tag(_) | Alias::Tagged));
        match &alias.value {
            Alias::Tag(_) | Alias::Tagged => {}
            Alias::Itself | Alias::Member | Alias::User(_) if tagged => {
                return Err(refuse(format!(
                    "tags in src cannot access \"{}\", which is devices of users",
                    alias.value
                )));
            }
            Alias::Itself | Alias::Member => {}
            Alias::User(login) => {
                let only_they = sources
                    .iter()
                    .all(|source| matches!(&source.value, Alias::User(own) if own == login));
                if !only_they {
                    return Err(refuse(format!(
                        "dst \"{login}\" is only valid when src is exactly that user"
                    ))
                    .with_hint("write \"autogroup:self\" for everybody's own devices"));
                }
            }
            _ => {
                return Err(refuse(format!("invalid dst \"{}\"", text.value.trim()))
                    .with_hint("write a tag, \"autogroup:self\", or the user who is the source"));
            }
        }
        match all.missing(&alias.value) {
            Some(message) => {
                Err(refuse(format!("dst=\"{}\": {message}", text.value.trim()))
                    .with_hint(define(&alias.value)))
            }
            None => Ok(alias),
        }
    }

    pub(super) fn ssh_tests(&mut self, node: &Node, all: &Definitions) -> Read<Vec<SshTest>> {
        let mut tests = Vec::new();
        for entry in self.list(node, "`sshTests`")? {
            let known = ["src", "dst", "accept", "check", "deny", "srcPostureAttrs"];
            let fields = self.fields(entry, "an entry of `sshTests`", &known)?;
            let source = fields
                .get("src")
                .map(|node| self.text(node, "`src`"))
                .transpose()?;
            let destinations = self.texts(fields.get("dst"), "`dst`")?;
            for text in &destinations {
                let element = text.value.trim();
                let problem = match Alias::parse(element) {
                    Ok(Alias::Tag(tag)) if !all.tags.contains_key(&tag) => "unknown tag",
                    Ok(Alias::Address(range)) if !range.is_single() => "disallowed element",
                    Ok(Alias::Host(host)) if !all.hosts.contains_key(&host) => "disallowed element",
                    Ok(
                        Alias::Any
                        | Alias::Internet
                        | Alias::Shared
                        | Alias::DangerAll
                        | Alias::IpSet(_)
                        | Alias::Service(_),
                    )
                    | Err(_) => "disallowed element",
                    Ok(_) => continue,
                };
                let message = format!("SSH tests dst contains {problem} \"{element}\"");
                return Err(Refusal::new(text.place(), message)
                    .with_hint("name a tag, a user or a host, without a port"));
            }
            tests.push(SshTest {
                start: entry.start,
                source,
                destinations,
                accept: self.texts(fields.get("accept"), "`accept`")?,
                check: self.texts(fields.get("check"), "`check`")?,
                deny: self.texts(fields.get("deny"), "`deny`")?,
            });
        }
        Ok(tests)
    }
}

/// Reads a check's period in nanoseconds; `always` is zero.
fn check_period(text: &At<String>) -> Read<i64> {
    let word = text.value.trim();
    if word == "always" {
        return Ok(0);
    }
    if word.is_empty() {
        return Ok(CHECK_PERIOD);
    }
    let refuse = |message: String| {
        Refusal::new(text.place(), message).with_hint("write a duration such as 12h, or \"always\"")
    };
    let period = duration::parse(word).map_err(refuse)?;
    if period < 0 {
        return Err(refuse(format!(
            "checkPeriod {} must be a positive duration",
            duration::show(period)
        )));
    }
    if period > LONGEST_CHECK_PERIOD {
        return Err(refuse(format!(
            "checkPeriod {} is above the max (168h)",
            duration::show(period)
        )));
    }
    Ok(period)
}
