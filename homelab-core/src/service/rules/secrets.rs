//! Secrets that stand in a Compose file, and passwords that everybody knows.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::Declared;
use crate::compose::{Field, Service, VariableState};
use crate::finding::{Evidence, Finding, Principle, Rule, Severity, Subject};
use crate::lab::{Lab, in_words};
use crate::span::Span;
use crate::system::{System, holds_placeholder, is_known_word, names_connection, names_secret};

pub(super) static LITERAL_SECRET: Rule = Rule {
    id: "service.literal-secret",
    principle: Principle::PatternApart,
    severity: Severity::Warning,
    title: "a secret is written in a Compose file",
    why: "The Compose file is what is versioned, copied and shown to others when something does not work; a secret in \
          it goes along, and stays in the history when it is deleted.",
    fix: "Write `${NAME}` in its place and the value into the `.env` beside the file, which is not shared. Then change \
          the secret.",
    opt_in: false,
};

pub(super) static DEFAULT_PASSWORD: Rule = Rule {
    id: "service.default-password",
    principle: Principle::IdentityFitsAudience,
    severity: Severity::Warning,
    title: "a password is one that everybody knows",
    why: "Passwords from examples are the first ones that are tried, by people and by programs that search networks.",
    fix: "Make a long random one, and keep it in the `.env` beside the Compose file.",
    opt_in: false,
};

/// A variable whose value should be nobody else's.
struct Exposed<'a> {
    service: &'a Declared<'a>,
    name: &'a str,
    span: &'a Span,
    /// Where the value came from, when it is a variable's default.
    is_default: bool,
}

/// Judges the services of one project together: an application and its database mostly have one password, which is
/// one fact.
pub(super) fn judge(services: &[Declared<'_>], findings: &mut Vec<Finding>) {
    let (mut literal, mut known) = (Vec::new(), Vec::new());
    for declared in services {
        let names = Names::of(declared.service);
        for (name, field) in &declared.service.environment {
            let Some(value) = field.value.as_deref() else {
                continue;
            };
            let Some(secret) = secret_part(declared.system, name, value) else {
                continue;
            };
            let origin = Origin::of(field, secret);
            let exposed = |is_default| Exposed {
                service: declared,
                name,
                span: &field.span,
                is_default,
            };
            if is_well_known(secret, name, value, &names) {
                known.push(exposed(origin == Origin::Default));
            } else if origin != Origin::Elsewhere && looks_secret(secret) {
                literal.push(exposed(origin == Origin::Default));
            }
        }
    }
    findings.extend(finding(&LITERAL_SECRET, "a secret", "secrets", literal));
    let can_be_reached = known.iter().any(|exposed: &Exposed<'_>| {
        let service = exposed.service.service;
        !service.ports.is_empty() || service.network_mode.is_some()
    });
    let severity = if can_be_reached {
        Severity::Warning
    } else {
        Severity::Note
    };
    findings.extend(
        finding(
            &DEFAULT_PASSWORD,
            "a well-known password",
            "well-known passwords",
            known,
        )
        .map(|mut finding| {
            let parts = finding.take_parts().into_iter();
            let finding = finding.with_severity(severity);
            parts.fold(finding, |finding, part| {
                finding.with_part(part.with_severity(severity))
            })
        }),
    );
}

/// A secret that a variable of a service holds.
pub(crate) struct Held<'a> {
    /// The variable's name.
    pub(crate) name: &'a str,
    /// The variable's whole value.
    pub(crate) value: &'a str,
    /// The secret in it: all of it, or the password within an address.
    pub(crate) secret: &'a str,
    /// Where the variable's value is written.
    pub(crate) span: &'a Span,
    /// Whether everybody knows it.
    pub(crate) is_well_known: bool,
}

impl Lab {
    /// Returns every secret that a variable of a service holds, wherever its value came from.
    pub(crate) fn secrets_of_services(&self) -> Vec<Held<'_>> {
        let mut held = Vec::new();
        for reference in self.services() {
            let service = reference.service();
            let system = reference.system();
            let names = Names::of(service);
            for (name, field) in &service.environment {
                let value = field.value.as_deref().unwrap_or_default();
                held.extend(secret_part(system, name, value).map(|secret| Held {
                    name,
                    value,
                    secret,
                    span: &field.span,
                    is_well_known: is_well_known(secret, name, value, &names),
                }));
            }
        }
        held
    }
}

fn finding(rule: &'static Rule, one: &str, several: &str, exposed: Vec<Exposed<'_>>) -> Option<Finding> {
    let first = exposed.first()?;
    let same_service = exposed.iter().all(|other| other.service.id == first.service.id);
    let subject = if same_service {
        Subject::Service(first.service.id.clone())
    } else {
        Subject::Project(first.service.id.project().clone())
    };
    let mut names: Vec<String> = exposed
        .iter()
        .map(|exposed| format!("`{}`", exposed.name))
        .collect();
    names.sort_unstable();
    names.dedup();
    let what = if names.len() == 1 { one } else { several };
    let holds = if names.len() == 1 { "holds" } else { "hold" };
    let message = format!("{} {holds} {what}", in_words(&names, "and", 4));
    // The line itself is the secret.
    let finding = Finding::new(rule, subject, message)
        .at(first.span)
        .without_snippet();
    let finding = exposed.iter().skip(1).fold(finding, |finding, exposed| {
        let subject = Subject::Service(exposed.service.id.clone());
        let part = Finding::new(rule, subject, format!("`{}` holds {one}", exposed.name));
        finding.with_part(part.at(exposed.span).without_snippet())
    });
    Some(exposed.iter().fold(finding, |finding, exposed| {
        let origin = if exposed.is_default {
            ", as the default of a variable without value"
        } else {
            ""
        };
        let text = format!("`{}` of `{}`{origin}", exposed.name, exposed.service.service.name);
        finding.with_evidence(Evidence::at(text, exposed.span))
    }))
}

/// Returns the part of a variable's value that is a secret: all of it where the name says so, the password where it is
/// the address of a database.
fn secret_part<'a>(system: Option<&System>, name: &str, value: &'a str) -> Option<&'a str> {
    // In a list, `- KEY="value"` has the quotes in its value.
    let value = value.trim().trim_matches(['"', '\'']);
    if names_connection(name) || value.contains("://") {
        if let Some(password) = password_in(value) {
            return Some(password);
        }
        // The address of a hook is a secret itself; that of a page is none.
        return (names_secret(name) && value.rsplit('/').next().is_some_and(is_random)).then_some(value);
    }
    let is_secret = system.map_or_else(|| names_secret(name), |system| system.is_secret(name));
    let is_about = || {
        let name = name.to_ascii_uppercase();
        name.ends_with("LIMIT") || name.ends_with("REALM")
    };
    (is_secret && !is_about() && !is_setting(value)).then_some(value)
}

/// Returns the password inside an address: `scheme://user:password@host`.
pub(crate) fn password_in(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (!password.is_empty()).then_some(password)
}

/// Returns whether a value cannot be a secret, whatever its variable is called.
pub(crate) fn is_setting(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let is_switch = matches!(
        lower.as_str(),
        "" | "true" | "false" | "yes" | "no" | "on" | "off" | "none" | "null" | "0" | "1"
    );
    // A path, a reference to another variable, or a hash that cannot be turned back.
    is_switch
        || value.starts_with(['/', '$'])
        || value.contains(char::is_whitespace)
        || lower.starts_with("file:")
        || lower.starts_with("{{")
}

/// Returns whether a value that is not well known may be a secret: too short ones are flags and numbers.
fn looks_secret(value: &str) -> bool {
    value.chars().count() >= 4
}

/// Returns whether a text looks as a machine made it.
pub(crate) fn is_random(text: &str) -> bool {
    text.len() >= 20
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        && text.chars().any(|c| c.is_ascii_digit())
        && text.chars().any(|c| c.is_ascii_alphabetic())
}

/// Where a secret's text stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// In the Compose file, as the value.
    File,
    /// In the Compose file, as the default of a variable that nobody set.
    Default,
    /// In a file of variables, or in the environment: where it belongs.
    Elsewhere,
}

impl Origin {
    fn of(field: &Field<Option<String>>, secret: &str) -> Origin {
        if !is_declaration(field.span.source().name()) {
            return Origin::Elsewhere;
        }
        let Some(text) = &field.interpolation else {
            return Origin::File;
        };
        // `postgres://app:password@${HOST}/app` has the password itself in it; a default is part of a `${...}`.
        if without_variables(&text.raw).contains(secret) {
            return Origin::File;
        }
        if text
            .variables
            .iter()
            .any(|(_, state)| *state == VariableState::Set)
        {
            Origin::Elsewhere
        } else {
            Origin::Default
        }
    }
}

/// Returns whether a file declares services, rather than giving variables their values.
fn is_declaration(path: &str) -> bool {
    let extension = path.rsplit('/').next().and_then(|file| file.rsplit_once('.'));
    extension.is_some_and(|(_, extension)| matches!(extension, "yaml" | "yml" | "json" | "container"))
}

/// Returns a text with each `${...}` and `$NAME` replaced by a blank, and each `$$` by the sign that it stands for.
fn without_variables(raw: &str) -> String {
    let mut plain = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('$') {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(literal) = after.strip_prefix('$') {
            plain.push('$');
            rest = literal;
            continue;
        }
        plain.push(' ');
        rest = if let Some(inner) = after.strip_prefix('{') {
            let mut depth = 1_usize;
            let end = inner.char_indices().find(|(_, c)| {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            end.map_or("", |(end, _)| inner[end..].trim_start_matches('}'))
        } else {
            after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_')
        };
    }
    plain.push_str(rest);
    plain
}

/// Returns whether a password is one that everybody knows whatever it belongs to: from a list, a placeholder, or the name
/// of its own variable.
pub(crate) fn is_known_password(secret: &str, variable: &str, value: &str) -> bool {
    const BEGINNINGS: [&str; 8] = [
        "<",
        "[",
        "{",
        "your_",
        "your-",
        "yourpassword",
        "mysecretpassword",
        "secretpassword",
    ];
    let lower = secret.to_ascii_lowercase();
    is_known_word(secret)
        || holds_placeholder(secret)
        || BEGINNINGS.iter().any(|mark| lower.starts_with(mark))
        || secret.eq_ignore_ascii_case(variable)
        // `postgres://app:app@db/app`
        || value.contains(&format!("//{secret}:{secret}@"))
}

/// What the variables of a service say that its users and databases are called, in small letters.
struct Names<'a> {
    service: &'a Service,
    /// Made for the first secret that is asked about: most services have none.
    all: OnceCell<HashSet<String>>,
}

impl<'a> Names<'a> {
    fn of(service: &'a Service) -> Self {
        Names {
            service,
            all: OnceCell::new(),
        }
    }

    fn contain(&self, text: &str) -> bool {
        let is_name = |name: &str| {
            let name = name.to_ascii_uppercase();
            ["USER", "USERNAME", "_DB", "DATABASE"]
                .iter()
                .any(|end| name.ends_with(end))
        };
        let all = self.all.get_or_init(|| {
            let named = self.service.environment.iter().filter(|(name, _)| is_name(name));
            named
                .filter_map(|(_, field)| Some(field.value.as_deref()?.to_ascii_lowercase()))
                .collect()
        });
        all.contains(&text.to_ascii_lowercase())
    }
}

/// Returns whether a password is one that everybody knows, or the name of its user or database.
fn is_well_known(secret: &str, variable: &str, value: &str, names: &Names<'_>) -> bool {
    is_known_password(secret, variable, value) || names.contain(secret)
}
