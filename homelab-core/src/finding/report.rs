//! All findings of one moment, in order, and what they add up to.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Finding, Severity, plural};
use crate::span::Span;
use crate::view::{Reach, ServiceView};

/// A finding that somebody accepted, by a comment with a reason and an end.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppressed {
    /// What was found.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// The last moment at which the suppression counts.
    pub until: Timestamp,
}

/// All that is worth saying about a lab at one moment. Immutable and cheap to clone.
///
/// Findings stand in a fixed order: most severe first, then by file and line, then by rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Report(Arc<ReportInner>);

#[derive(Debug, PartialEq)]
struct ReportInner {
    at: Timestamp,
    services: Vec<ServiceView>,
    findings: Vec<Finding>,
    suppressed: Vec<Suppressed>,
}

impl Report {
    /// The exit code of a command that could not run, beside those of [`exit_code`](Report::exit_code).
    pub const COULD_NOT_RUN: u8 = 2;

    /// Returns the report of these findings, put in order. An audit makes one of a whole lab; a program with
    /// rules of its own makes one of theirs.
    pub fn new(
        at: Timestamp,
        services: Vec<ServiceView>,
        mut findings: Vec<Finding>,
        suppressed: Vec<Suppressed>,
    ) -> Self {
        findings.sort_by(|a, b| order(a).cmp(&order(b)));
        Report(Arc::new(ReportInner {
            at,
            services,
            findings,
            suppressed,
        }))
    }

    /// Returns the moment that it speaks of.
    pub fn at(&self) -> Timestamp {
        self.0.at
    }

    /// Returns every service of the lab with its reach.
    pub fn services(&self) -> &[ServiceView] {
        &self.0.services
    }

    /// Returns the findings.
    pub fn findings(&self) -> &[Finding] {
        &self.0.findings
    }

    /// Returns what was found and accepted.
    pub fn suppressed(&self) -> &[Suppressed] {
        &self.0.suppressed
    }

    /// Returns the worst severity, or nothing when there are no findings.
    pub fn worst(&self) -> Option<Severity> {
        self.findings().iter().map(Finding::severity).max()
    }

    /// Returns whether a finding weighs at least this much: what `--fail-on` asks.
    pub fn fails(&self, at_least: Severity) -> bool {
        self.worst().is_some_and(|worst| worst >= at_least)
    }

    /// Returns what a command exits with: 0 when no finding weighs at least this much, else 1.
    pub fn exit_code(&self, fail_on: Severity) -> u8 {
        u8::from(self.fails(fail_on))
    }

    /// Returns how many findings weigh exactly this much.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings()
            .iter()
            .filter(|finding| finding.severity() == severity)
            .count()
    }

    /// Returns the services, those that most people reach first.
    pub(super) fn services_by_reach(&self) -> Vec<&ServiceView> {
        let mut services: Vec<_> = self.services().iter().collect();
        services.sort_by_key(|service| {
            (
                std::cmp::Reverse((service.reach, service.at_most)),
                &service.project,
                &service.name,
                &service.host,
            )
        });
        services
    }

    /// Returns the whole in one line: `1 error, 2 warnings; 12 services: 1 internet, 11 host`.
    pub(super) fn summary(&self) -> String {
        let mut found: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
            .into_iter()
            .map(|severity| (self.count(severity), severity))
            .filter(|&(count, _)| count > 0)
            .map(|(count, severity)| plural(count, severity.as_str()))
            .collect();
        if found.is_empty() {
            found.push("no findings".to_owned());
        }
        if !self.suppressed().is_empty() {
            found.push(format!("{} accepted", self.suppressed().len()));
        }
        let mut text = found.join(", ");
        // A report of leaks has no services, which is not to say that the lab has none.
        if self.services().is_empty() {
            return text;
        }
        text.push_str("; ");
        text.push_str(&plural(self.services().len(), "service"));
        let reached: Vec<String> = Reach::ALL
            .into_iter()
            .rev()
            .map(|reach| (self.reached(reach), reach))
            .filter(|&(count, _)| count > 0)
            .map(|(count, reach)| format!("{count} {reach}"))
            .collect();
        if !reached.is_empty() {
            text.push_str(": ");
            text.push_str(&reached.join(", "));
        }
        text
    }

    /// Returns how many services have exactly this reach.
    pub(super) fn reached(&self, reach: Reach) -> usize {
        self.services()
            .iter()
            .filter(|service| service.reach == reach)
            .count()
    }
}
fn order(finding: &Finding) -> (std::cmp::Reverse<Severity>, &str, usize, &'static str, &str) {
    let place = finding.place();
    (
        std::cmp::Reverse(finding.severity()),
        place.map_or("", |place| place.source().name()),
        place.map_or(0, Span::start),
        finding.rule().id,
        finding.message(),
    )
}
