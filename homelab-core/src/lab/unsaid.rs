//! Values that no output may hold: those of slots that lab.toml calls secret, and of variables whose names say so.
//!
//! Judges write what they read into messages, labels and evidence, in whole and in parts: a host name out of a rule, a
//! network's name. So the values are taken out of every text that leaves the lab, in one place, and what the file has
//! stands there: `${NAME}`. Passwords that everybody knows are left in, unless lab.toml calls their slot secret.

use std::sync::OnceLock;

use regex::{Captures, Regex, RegexBuilder};

use super::{Lab, Pattern};
use crate::compose::Project;
use crate::finding::{Evidence, Finding};
use crate::name::SlotName;
use crate::secret::Secret;
use crate::system::{is_known_word, names_connection, names_secret};

/// From this length a value is found within a word; a shorter one is so only as a word of its own.
const LONG: usize = 6;

/// What takes secret values out of texts.
#[derive(Default)]
pub(crate) struct Unsaid {
    /// The values, the longest first: one may hold another.
    values: Vec<Secret>,
    /// The variables of the values.
    names: Vec<String>,
    /// Matches any of the values; the group of each has its number, from 1. To build it takes longer than to judge a
    /// small lab, so that it waits for a text that may hold a value; nothing where it would be too large.
    pattern: OnceLock<Option<Regex>>,
}

impl Unsaid {
    /// Returns what takes out the secret values of these projects.
    pub(super) fn new(pattern: &Pattern, projects: &[Project]) -> Self {
        let values = secret_values(pattern, projects);
        Unsaid {
            names: values.iter().map(|(name, _)| (*name).to_owned()).collect(),
            values: values.into_iter().map(|(_, value)| Secret::new(value)).collect(),
            pattern: OnceLock::new(),
        }
    }

    /// Returns what matches any of the values.
    fn pattern(&self) -> Option<&Regex> {
        let build = || {
            let values = self.values.iter().map(Secret::expose);
            let alternatives: Vec<String> = values.map(alternative).collect();
            RegexBuilder::new(&alternatives.join("|"))
                .case_insensitive(true)
                .size_limit(64 << 20)
                .build()
                .ok()
        };
        self.pattern.get_or_init(build).as_ref()
    }

    /// Returns whether a text may hold one of the values: a quick look, which says no only where it is sure.
    fn may_be_in(&self, text: &str) -> bool {
        let is_in = |value: &Secret| {
            let value = value.expose().as_bytes();
            // Outside of ASCII letters have more than two forms.
            !value.is_ascii()
                || text
                    .as_bytes()
                    .windows(value.len())
                    .any(|part| part.eq_ignore_ascii_case(value))
        };
        !self.values.is_empty() && (!text.is_ascii() || self.values.iter().any(is_in))
    }

    /// Takes the values out of a text.
    pub(crate) fn clear(&self, text: &mut String) {
        if !self.may_be_in(text) {
            return;
        }
        let Some(pattern) = self.pattern() else { return };
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
        finding.change_texts(|text| self.clear(text));
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
        // The name of a variable may only seem to say so, and a word such as `admin` is everywhere. One that everybody
        // knows as a password is nothing to hide: `postgres` is the name of an image too.
        let telling =
            (value.len() >= LONG || value.chars().any(|c| !c.is_ascii_lowercase())) && !is_known_word(value);
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

#[cfg(test)]
mod tests {
    use crate::finding::{Finding, Principle, Rule, Severity, Subject};
    use crate::lab::Lab;

    /// The lab of one variable, and what lab.toml says of it.
    fn lab(name: &str, value: &str, toml: &str) -> Lab {
        let compose = format!("services: {{ a: {{ image: i, labels: {{ l: '${{{name}}}' }} }} }}");
        let environment = format!("{name}={value}\n");
        Lab::from_texts(
            "home",
            [
                ("a/compose.yaml", compose.as_str()),
                ("a/.env", environment.as_str()),
                ("lab.toml", toml),
            ],
        )
    }

    #[test]
    fn values_of_secrets_are_taken_out_of_texts() {
        for (name, value, toml, text, expected) in [
            (
                "DB_PASSWORD",
                "hqd82nfkw",
                "",
                "x hqd82nfkw y",
                "x ${DB_PASSWORD} y",
            ),
            (
                "DB_PASSWORD",
                "hqd82nfkw",
                "",
                "in_hqd82nfkwords",
                "in_${DB_PASSWORD}ords",
            ),
            ("DB_PASSWORD", "bookkeeping", "", "bookkeeping", "${DB_PASSWORD}"),
            ("DB_PASSWORD", "Ab1", "", "is Ab1", "is ${DB_PASSWORD}"),
            // A word that is everywhere, a value that is too short, a name that says nothing.
            ("DB_PASSWORD", "admin", "", "the admin", "the admin"),
            ("DB_PASSWORD", "A1", "", "is A1", "is A1"),
            // Words that everybody knows as passwords, unless the lab says that this one is secret; what only holds
            // such a word is hidden.
            (
                "DB_PASSWORD",
                "postgres",
                "",
                "ghcr.io/immich-app/postgres:14",
                "ghcr.io/immich-app/postgres:14",
            ),
            ("DB_PASSWORD", "changeme", "", "is changeme", "is changeme"),
            (
                "DB_PASSWORD",
                "Password123",
                "",
                "is password123",
                "is password123",
            ),
            (
                "DB_PASSWORD",
                "postgres",
                "[slots.DB_PASSWORD]\nsecret = true\n",
                "is postgres",
                "is ${DB_PASSWORD}",
            ),
            (
                "DB_PASSWORD",
                "changeme-hqd82",
                "",
                "is changeme-hqd82",
                "is ${DB_PASSWORD}",
            ),
            ("TZ", "Europe/Vienna", "", "in Europe/Vienna", "in Europe/Vienna"),
            // The lab knows better than a name.
            (
                "DB_PASSWORD",
                "hqd82nfkw",
                "[slots.DB_PASSWORD]\n",
                "hqd82nfkw",
                "hqd82nfkw",
            ),
            (
                "MACHINE",
                "nas",
                "[slots.MACHINE]\nsecret = true\n",
                "//nas/",
                "//${MACHINE}/",
            ),
            (
                "MACHINE",
                "nas",
                "[slots.MACHINE]\nsecret = true\n",
                "nasty",
                "nasty",
            ),
            (
                "MACHINE",
                "_ab",
                "[slots.MACHINE]\nsecret = true\n",
                "x_ab",
                "x_ab",
            ),
            (
                "MACHINE",
                "a",
                "[slots.MACHINE]\nsecret = true\n",
                "is a b",
                "is ${MACHINE} b",
            ),
            ("DB_PASSWORD", "", "", "nothing", "nothing"),
            // A short one with no small letter is no word; a short one of small letters may be any.
            ("DB_PASSWORD", "A1B2", "", "is A1B2", "is ${DB_PASSWORD}"),
            ("DB_PASSWORD", "haus", "", "is haus", "is haus"),
            // One that begins with a sign may stand behind anything.
            ("DB_PASSWORD", "-Ab", "", "is -Ab", "is ${DB_PASSWORD}"),
            ("DB_PASSWORD", "-Ab", "", "is x-Ab", "is x${DB_PASSWORD}"),
            // Where there is no secret, a text of other letters stays as it is.
            ("TZ", "Europe/Vienna", "", "in \u{dc}bersee", "in \u{dc}bersee"),
            // Letters that are the same in another case, though only one of them is ASCII: a long s, the kelvin sign.
            (
                "DB_PASSWORD",
                "hqd82nf\u{17f}",
                "",
                "is hqd82nfs",
                "is ${DB_PASSWORD}",
            ),
            (
                "DB_PASSWORD",
                "hqd82nfk",
                "",
                "is hqd82nf\u{212a}",
                "is ${DB_PASSWORD}",
            ),
        ] {
            let mut cleared = text.to_owned();
            lab(name, value, toml).unsaid().clear(&mut cleared);
            assert_eq!(cleared, expected, "{name}={value} {toml}");
        }
    }

    #[test]
    fn the_variables_of_secret_values_are_known() {
        let secret = lab("DB_PASSWORD", "hqd82nfkw", "");
        assert_eq!(secret.secret_variables(), [("DB_PASSWORD", "hqd82nfkw")]);
        assert!(lab("TZ", "Europe/Vienna", "").secret_variables().is_empty());
    }

    #[test]
    fn all_that_a_finding_says_is_cleared() {
        static RULE: Rule = Rule {
            id: "test.rule",
            principle: Principle::Valid,
            severity: Severity::Note,
            title: "",
            why: "",
            fix: "",
            opt_in: false,
        };
        let mut finding = Finding::new(&RULE, Subject::Lab, "said hqd82nfkw").with_fix("not hqd82nfkw");
        lab("DB_PASSWORD", "hqd82nfkw", "")
            .unsaid()
            .clear_finding(&mut finding);
        assert_eq!(finding.message(), "said ${DB_PASSWORD}");
        assert_eq!(finding.fix(), "not ${DB_PASSWORD}");
    }
}
