//! Values that no output may hold: those of slots that lab.toml calls secret, and of variables whose names say so.
//!
//! Judges write what they read into messages, labels and evidence, in whole and in parts: a host name out of a rule, a
//! network's name. So the values are taken out of every text that leaves the lab, in one place, and what the file has
//! stands there: `${NAME}`.

use regex::{Captures, Regex, RegexBuilder};

use super::{Lab, Pattern};
use crate::compose::Project;
use crate::finding::{Evidence, Finding};
use crate::name::SlotName;
use crate::system::{names_connection, names_secret};

/// From this length a value is found within a word; a shorter one is so only as a word of its own.
const LONG: usize = 6;

/// What takes secret values out of texts.
#[derive(Default)]
pub(crate) struct Unsaid {
    /// Matches any of the values; the group of each has its number.
    pattern: Option<Regex>,
    /// The variables, by the number of their group, from 1.
    names: Vec<String>,
}

impl Unsaid {
    /// Returns what takes out the secret values of these projects.
    pub(super) fn new(pattern: &Pattern, projects: &[Project]) -> Self {
        let values = secret_values(pattern, projects);
        let alternatives: Vec<String> = values.iter().map(|(_, value)| alternative(value)).collect();
        let whole = || {
            RegexBuilder::new(&alternatives.join("|"))
                .case_insensitive(true)
                .size_limit(64 << 20)
                .build()
                .ok()
        };
        Unsaid {
            // To build one takes longer than to judge a small lab, and most have nothing to hide.
            pattern: if values.is_empty() { None } else { whole() },
            names: values.into_iter().map(|(name, _)| name.to_owned()).collect(),
        }
    }

    /// Takes the values out of a text.
    pub(crate) fn clear(&self, text: &mut String) {
        let Some(pattern) = &self.pattern else { return };
        let cleared = pattern.replace_all(text, |captures: &Captures<'_>| {
            let group = (1..captures.len()).find(|&group| captures.get(group).is_some());
            let name = group.and_then(|group| self.names.get(group - 1));
            name.map_or_else(|| "***".to_owned(), |name| format!("${{{name}}}"))
        });
        if let std::borrow::Cow::Owned(cleared) = cleared {
            *text = cleared;
        }
    }

    /// Takes the values out of what a finding says.
    pub(crate) fn clear_finding(&self, finding: &mut Finding) {
        if self.pattern.is_some() {
            finding.change_texts(|text| self.clear(text));
        }
    }

    /// Takes the values out of what evidence says.
    pub(crate) fn clear_evidence(&self, evidence: &mut Evidence) {
        evidence.change_text(|text| self.clear(text));
    }
}

/// Returns the variables of these projects whose values are secret, each value once, the longest first.
fn secret_values<'a>(pattern: &Pattern, projects: &'a [Project]) -> Vec<(&'a str, &'a str)> {
    let mut values: Vec<(&str, &str)> = Vec::new();
    for (name, value) in projects.iter().flat_map(Project::values) {
        let value = value.expose().trim();
        let slot = SlotName::new(name)
            .ok()
            .and_then(|name| pattern.slots().get(&name));
        let declared = slot.is_some_and(super::Slot::is_secret);
        let named = slot.is_none_or(super::Slot::is_secret) && (names_secret(name) || names_connection(name));
        // The name of a variable may only seem to say so, and a word such as `admin` is everywhere.
        let telling = value.len() >= LONG || value.chars().any(|c| !c.is_ascii_lowercase());
        let is_secret = declared || named && telling && value.len() > 2;
        if is_secret && !value.is_empty() && !values.iter().any(|(_, known)| *known == value) {
            values.push((name, value));
        }
    }
    // The longest first: one value may hold another.
    values.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
    values
}

impl Lab {
    /// Returns the variables whose values no output may hold, each value once, the longest first.
    pub(crate) fn secret_variables(&self) -> Vec<(&str, &str)> {
        secret_values(self.pattern(), &self.0.projects)
    }
}

/// Returns the expression of one value. A digit before or after a short one makes another number of it, and a letter
/// another word.
fn alternative(value: &str) -> String {
    let escaped = regex::escape(value);
    if value.len() >= LONG {
        return format!("({escaped})");
    }
    let edge = |c: Option<char>| {
        if c.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            r"\b"
        } else {
            ""
        }
    };
    let (before, after) = (edge(value.chars().next()), edge(value.chars().next_back()));
    format!("{before}({escaped}){after}")
}
