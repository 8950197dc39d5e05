//! Which rules speak: what lab.toml says, and what was asked for this time.

use std::str::FromStr;

use super::{ALL, groups};
use crate::error::{Error, ErrorKind};
use crate::finding::{Finding, Rule, Subject};
use crate::lab::{Lab, nearest};

/// Which rules speak this time, beside what lab.toml says.
///
/// Written as names parted by commas. A name is a rule's id, a group (`hardening`: all rules that begin so) or `all`.
/// A bare name means "only these", `+NAME` "these as well", `-NAME` "not these"; of two that speak of one rule the later
/// counts. The default changes nothing.
///
/// What could not be read is said whatever is selected, since the rest of the report is then not the whole of it: only
/// `-` and the rule's own id turns that off.
///
/// ```
/// use homelab_core::audit::{Selection, rule};
///
/// let only: Selection = "service,-service.privileged".parse()?;
/// assert_eq!(only.switches(rule("service.docker-socket").expect("a rule")), Some(true));
/// assert_eq!(only.switches(rule("service.privileged").expect("a rule")), Some(false));
/// assert_eq!(only.switches(rule("update.moving-tag").expect("a rule")), Some(false));
///
/// let more: Selection = "+hardening".parse()?;
/// assert_eq!(more.switches(rule("hardening.limits").expect("a rule")), Some(true));
/// assert_eq!(more.switches(rule("update.moving-tag").expect("a rule")), None, "as lab.toml says");
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    only: bool,
    items: Vec<(String, bool)>,
}

impl Selection {
    /// Returns whether this selection turns a rule on or off; nothing where it does not speak of it.
    pub fn switches(&self, rule: &Rule) -> Option<bool> {
        let counts = |name: &str| name == rule.id || !is_about_reading(rule) && names(name, rule);
        let said = self.items.iter().rev().find(|(name, _)| counts(name));
        match said {
            Some((_, on)) => Some(*on),
            None if self.only && !is_about_reading(rule) => Some(false),
            None => None,
        }
    }
}

impl FromStr for Selection {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut selection = Selection::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (name, on) = match (item.strip_prefix('+'), item.strip_prefix('-')) {
                (Some(name), _) => (name, true),
                (_, Some(name)) => (name, false),
                (None, None) => {
                    selection.only = true;
                    (item, true)
                }
            };
            if name != "all" && !is_known(name) {
                let error = Error::new(ErrorKind::Invalid, format!("find rule `{name}`"));
                return Err(match suggestion(name) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error.with_hint("docs/rules lists them all"),
                });
            }
            selection.items.push((name.to_owned(), on));
        }
        Ok(selection)
    }
}

/// Returns whether a rule says that a part of the lab was not read. Where it is silent, a report that is clean says less
/// than it seems to.
fn is_about_reading(rule: &Rule) -> bool {
    matches!(
        rule.id,
        "compose.syntax"
            | "compose.unreadable-file"
            | "lab.unreadable-file"
            | "lab.invalid-toml"
            | "lab.limit"
            | "lab.nothing-declared"
    )
}

/// Returns whether a name is this rule, its group, or all rules.
fn names(name: &str, rule: &Rule) -> bool {
    name == "all" || rule.id == name || group(rule) == name
}

/// Returns the part of a rule's id that is before the dot.
pub(super) fn group(rule: &Rule) -> &'static str {
    rule.id.split_once('.').map_or(rule.id, |(group, _)| group)
}

/// Returns whether a name is a rule's or a group's.
pub(super) fn is_known(name: &str) -> bool {
    ALL.iter().any(|rule| rule.id == name || group(rule) == name)
}

/// Returns the rule or group that a wrong name was probably meant to be.
pub(super) fn suggestion(name: &str) -> Option<&'static str> {
    nearest(name, ALL.iter().map(|rule| rule.id).chain(groups()))
}

/// Which rules are on for one audit.
pub(super) struct Switches<'a> {
    lab: &'a Lab,
    selection: &'a Selection,
}

impl<'a> Switches<'a> {
    pub(super) fn new(lab: &'a Lab, selection: &'a Selection) -> Self {
        Switches { lab, selection }
    }

    /// Returns whether a rule speaks: as asked for this time, else as lab.toml says (a rule's own line before its
    /// group's), else unless it is opt-in. A group's line does not silence that something could not be read.
    pub(super) fn is_on(&self, rule: &Rule) -> bool {
        let written = |name: &str| self.lab.pattern().rules().get(name).map(|on| *on.value());
        self.selection
            .switches(rule)
            .or_else(|| written(rule.id))
            .or_else(|| written(group(rule)).filter(|_| !is_about_reading(rule)))
            .unwrap_or(!rule.opt_in)
    }

    /// Returns a finding for each line of `[rules]` that names no rule.
    pub(super) fn unknown(&self) -> impl Iterator<Item = Finding> {
        let lines = self.lab.pattern().rules().iter();
        lines.filter(|(name, _)| !is_known(name)).map(|(name, on)| {
            let message = format!("`{name}` under `[rules]` is neither a rule nor a group of rules");
            let finding = Finding::new(&super::rules::UNKNOWN_RULE, Subject::Lab, message).at(on.span());
            match suggestion(name) {
                Some(near) => finding.with_fix(format!("Write `{near}`, if that is what was meant.")),
                None => finding,
            }
        })
    }
}
