//! What is worth saying about a lab: a [`Finding`] of a [`Rule`], and all of them in a [`Report`].
//!
//! A report is one value and five renderings of it: text as a compiler shows it, JSON, SARIF, Markdown and one
//! HTML page. None of them prints what looks like a secret, and none lets a file's content act on the reader's
//! terminal or browser.
//!
//! ```
//! use homelab_core::{Finding, Principle, Report, Rule, Severity, Source, Span, Subject};
//!
//! static OPEN: Rule = Rule {
//!     id: "example.open",
//!     principle: Principle::NoPublicPort,
//!     severity: Severity::Warning,
//!     title: "a port is open",
//!     why: "whoever reaches the port reaches the service",
//!     fix: "bind it to one address",
//!     opt_in: false,
//! };
//! let source = Source::new("web/compose.yaml", "services:\n  web:\n    ports: [\"8080:80\"]\n");
//! let finding =
//!     Finding::new(&OPEN, Subject::Lab, "port `8080` is open to the network").at(&Span::new(&source, 29, 38));
//! let report = Report::new("2026-01-31T00:00:00Z".parse()?, vec![], vec![finding], vec![]);
//!
//! assert!(report.to_string().starts_with(
//!     "warning[example.open]: port `8080` is open to the network\n --> web/compose.yaml:3:13\n"
//! ));
//! assert_eq!(report.exit_code(Severity::Warning), 1);
//! assert_eq!(report.exit_code(Severity::Error), 0);
//! # Ok::<(), jiff::Error>(())
//! ```

mod declare;
mod html;
mod json;
mod map;
mod markdown;
mod principle;
mod printable;
mod report;
mod sarif;
pub(crate) mod secret_looking;
mod snippet;
mod text;

pub(crate) use declare::rules;
pub use principle::Principle;
pub use report::{Report, Suppressed};
pub use text::TextOptions;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::name::{ProjectName, ServiceId};
use crate::span::Span;
use crate::view::{PathView, ServiceView};

/// How much a finding weighs, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Worth changing.
    Warning,
    /// Wrong, or dangerous now.
    Error,
}

impl Severity {
    /// Returns the severity's word: `note`, `warning` or `error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Severity {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, crate::Error> {
        [Severity::Note, Severity::Warning, Severity::Error]
            .into_iter()
            .find(|severity| severity.as_str() == text)
            .ok_or_else(|| {
                crate::Error::new(crate::ErrorKind::Invalid, format!("read severity `{text}`"))
                    .with_hint("write `note`, `warning` or `error`")
            })
    }
}

/// What a kind of finding says, once for all of them: the text behind docs/rules and every report.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// The rule's identity, `domain.what-is-wrong`; never changed once released.
    pub id: &'static str,
    /// The principle that it serves.
    pub principle: Principle,
    /// How much a finding of it weighs unless it says otherwise.
    pub severity: Severity,
    /// What is wrong, in a few words without a full stop.
    pub title: &'static str,
    /// Why it matters, in one or two sentences.
    pub why: &'static str,
    /// What to do about it, in one or two sentences.
    pub fix: &'static str,
    /// Whether it speaks only when asked for: generic hardening is off by default.
    pub opt_in: bool,
}

/// What a finding stands on: a sentence, and the place that shows it where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    text: String,
    place: Option<Span>,
}

impl Evidence {
    /// Returns evidence that was written at a place.
    pub fn at(text: impl Into<String>, place: &Span) -> Self {
        Evidence {
            text: text.into(),
            place: Some(place.clone()),
        }
    }

    /// Returns evidence without a place in a file.
    pub fn said(text: impl Into<String>) -> Self {
        Evidence {
            text: text.into(),
            place: None,
        }
    }

    /// Returns what was seen, as a fragment without a full stop.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns where it was seen.
    pub fn place(&self) -> Option<&Span> {
        self.place.as_ref()
    }

    /// Changes the sentence.
    pub(crate) fn change_text(&mut self, mut change: impl FnMut(&mut String)) {
        change(&mut self.text);
    }
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The lab as a whole.
    Lab,
    /// One project.
    Project(ProjectName),
    /// One service.
    Service(ServiceId),
}

/// One thing worth saying: which rule, about what, where, on what evidence, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    rule: &'static Rule,
    severity: Severity,
    subject: Subject,
    message: String,
    place: Option<Span>,
    evidence: Vec<Evidence>,
    fix: Option<String>,
    snippet: bool,
    /// What it says besides, each at a place of its own.
    parts: Vec<Finding>,
}

impl Finding {
    /// Returns a finding of this rule about this subject; the message says what was found, in a fragment
    /// without a full stop, and never holds a secret.
    pub fn new(rule: &'static Rule, subject: Subject, message: impl Into<String>) -> Self {
        Finding {
            rule,
            severity: rule.severity,
            subject,
            message: message.into(),
            place: None,
            evidence: Vec::new(),
            fix: None,
            snippet: true,
            parts: Vec::new(),
        }
    }

    /// Sets the place that a person should look at.
    #[must_use]
    pub fn at(mut self, place: &Span) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Sets the place, where one is known.
    #[must_use]
    pub fn at_maybe(mut self, place: Option<&Span>) -> Self {
        self.place = place.cloned();
        self
    }

    /// Sets what it is about.
    #[must_use]
    pub(crate) fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// Changes every text that is its own, not its rule's.
    pub(crate) fn change_texts(&mut self, mut change: impl FnMut(&mut String)) {
        change(&mut self.message);
        if let Some(fix) = &mut self.fix {
            change(fix);
        }
        for evidence in &mut self.evidence {
            evidence.change_text(&mut change);
        }
        for part in &mut self.parts {
            // By one type, however deep parts lie.
            part.change_texts(&mut change as &mut dyn FnMut(&mut String));
        }
    }

    /// Adds what it says besides: a finding of the same kind, or a lesser one that goes without saying, at a place of its
    /// own. It is only seen where this one is accepted, which is of one place: then what remains is said.
    #[must_use]
    pub(crate) fn with_part(mut self, part: Finding) -> Self {
        self.parts.push(part);
        self
    }

    /// Takes out what it says besides.
    pub(crate) fn take_parts(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.parts)
    }

    /// Sets a severity other than the rule's.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Adds evidence.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Sets a fix that is more exact than the rule's.
    #[must_use]
    pub fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Keeps every report from showing the lines at its place: for findings whose place is a secret.
    ///
    /// What looks like a secret is left out of the lines in any case; this is for what does not look like one.
    #[must_use]
    pub fn without_snippet(mut self) -> Self {
        self.snippet = false;
        self
    }

    /// Returns the rule.
    pub fn rule(&self) -> &'static Rule {
        self.rule
    }

    /// Returns how much it weighs.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns what it is about.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns the service it is about, where it is about one.
    pub fn service(&self) -> Option<&ServiceId> {
        match &self.subject {
            Subject::Service(id) => Some(id),
            _ => None,
        }
    }

    /// Returns the project it is about, where it is about one or a service of it.
    pub fn project(&self) -> Option<&ProjectName> {
        match &self.subject {
            Subject::Lab => None,
            Subject::Project(name) => Some(name),
            Subject::Service(id) => Some(id.project()),
        }
    }

    /// Returns what was found.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns whether reports may show the lines at its place.
    pub fn shows_snippet(&self) -> bool {
        self.snippet
    }

    /// Returns the place to look at.
    pub fn place(&self) -> Option<&Span> {
        self.place.as_ref()
    }

    /// Returns what it stands on.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// Returns why it matters.
    pub fn why(&self) -> &str {
        self.rule.why
    }

    /// Returns what to do about it.
    pub fn fix(&self) -> &str {
        self.fix.as_deref().unwrap_or(self.rule.fix)
    }

    /// Returns a text that stays the same while the finding does, whatever lines are added above it: the first
    /// 16 hexadecimal digits of a SHA-256 over rule, subject, file and message.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let subject = match &self.subject {
            Subject::Lab => String::new(),
            Subject::Project(name) => name.to_string(),
            Subject::Service(id) => id.to_string(),
        };
        let file = self.place.as_ref().map_or("", |place| place.source().name());
        for part in [self.rule.id, &subject, file, &self.message] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// One line: `services/x/compose.yaml:3:5: warning[rule]: message`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}: ", printable::line(&place.to_string()))?;
        }
        write!(
            f,
            "{}[{}]: {}",
            self.severity,
            self.rule.id,
            printable::line(&self.message)
        )
    }
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns the service as people write it: `immich/server`, `nas:immich/server`.
fn service_title(service: &ServiceView) -> String {
    let host = service
        .host
        .as_ref()
        .map_or_else(String::new, |host| format!("{host}:"));
    format!("{host}{}/{}", service.project, service.name)
}

/// Returns the kind of a path in words: `published port` for `published_port`.
fn kind_words(kind: &str) -> String {
    kind.replace('_', " ")
}

/// Returns the ways that lead to a service, the widest first.
fn paths_by_zone(service: &ServiceView) -> Vec<&PathView> {
    let mut paths: Vec<_> = service.paths.iter().collect();
    paths.sort_by_key(|path| std::cmp::Reverse((path.zone, path.at_most)));
    paths
}
