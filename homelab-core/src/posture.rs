//! The state of a lab at a glance: [`Posture`].
//!
//! ```
//! use homelab_core::{Lab, Observed, Reach, Severity};
//!
//! let compose = "services: { web: { image: 'nginx:1.29', ports: ['8080:80'], privileged: true } }";
//! let lab = Lab::from_texts("home", [("services/web/compose.yaml", compose)]);
//!
//! let posture = lab.posture(&Observed::none("2026-12-01T00:00:00Z".parse()?));
//! assert_eq!(posture.reached_from(Reach::Lan), 1);
//! assert_eq!(posture.worst()[0].severity(), Severity::Warning);
//! assert!(posture.to_string().starts_with("home: 1 service in 1 project\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use crate::finding::{Finding, Report, Severity};
use crate::lab::{Lab, in_words};
use crate::observed::Observed;
use crate::view::{PostureView, Reach, ReachCountsView, SeenView};

/// So many findings fit on a first screen.
const WORST: usize = 5;

/// The state of a lab at a moment: what its audit comes to, in one record for a first screen.
///
/// Displays as a few lines.
#[derive(Clone, Debug)]
pub struct Posture {
    lab: String,
    projects: usize,
    report: Report,
    seen: Vec<SeenView>,
}

impl Lab {
    /// Returns the state of the lab at a glance, as far as it was seen.
    pub fn posture(&self, seen: &Observed) -> Posture {
        Posture {
            lab: self.name().to_owned(),
            projects: self.projects().len(),
            report: self.audit(seen),
            seen: seen.parts(),
        }
    }
}

impl Posture {
    /// Returns the report that it sums up.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Returns the worst findings, worst first, as many as fit on a first screen.
    pub fn worst(&self) -> &[Finding] {
        let findings = self.report.findings();
        &findings[..findings.len().min(WORST)]
    }

    /// Returns how many services have exactly this reach.
    pub fn reached_from(&self, reach: Reach) -> usize {
        let services = self.report.services().iter();
        services.filter(|service| service.reach == reach).count()
    }

    /// Returns how many services could be reached from further away, if what is not known turned out badly.
    pub fn uncertain(&self) -> usize {
        let services = self.report.services().iter();
        services.filter(|service| service.at_most > service.reach).count()
    }

    /// Returns the state as a plain record.
    pub fn view(&self) -> PostureView {
        let reached_from = |reach| self.reached_from(reach) as u64;
        PostureView {
            lab: self.lab.clone(),
            at: self.report.at().to_string(),
            projects: self.projects as u64,
            services: self.report.services().len() as u64,
            counts: self.report.counts(),
            suppressed: self.report.suppressed().len() as u64,
            worst: self.worst().iter().map(Finding::view).collect(),
            reach: ReachCountsView {
                none: reached_from(Reach::None),
                host: reached_from(Reach::Host),
                tailnet: reached_from(Reach::Tailnet),
                lan: reached_from(Reach::Lan),
                internet: reached_from(Reach::Internet),
                uncertain: self.uncertain() as u64,
            },
            seen: self.seen.clone(),
        }
    }
}

impl fmt::Display for Posture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.report.services().len();
        writeln!(
            f,
            "{}: {} in {}",
            self.lab,
            counted(services, "service"),
            counted(self.projects, "project")
        )?;
        let mut reached: Vec<String> = Vec::new();
        for reach in Reach::ALL.into_iter().rev() {
            match self.reached_from(reach) {
                0 => {}
                count => reached.push(format!("{count} {reach}")),
            }
        }
        if !reached.is_empty() {
            write!(f, "reach: {}", reached.join(", "))?;
            match self.uncertain() {
                0 => writeln!(f)?,
                count => writeln!(f, "; {count} could be wider than is known")?,
            }
        }
        let mut found: Vec<String> = Vec::new();
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            match self.report.count(severity) {
                0 => {}
                count => found.push(counted(count, severity.as_str())),
            }
        }
        if found.is_empty() {
            return writeln!(f, "nothing is found");
        }
        writeln!(f, "found: {}", in_words(&found, "and", found.len()))?;
        for finding in self.worst() {
            writeln!(f, "  {finding}")?;
        }
        Ok(())
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::{Checkout, Worktree};

    fn at() -> jiff::Timestamp {
        "2026-12-01T00:00:00Z".parse().expect("a time")
    }

    #[test]
    fn counts_add_up_to_the_report() {
        let lab = Lab::from_texts(
            "home",
            [
                (
                    "a/compose.yaml",
                    "services: { a: { image: i, privileged: true }, b: { image: i, network_mode: none } }",
                ),
                (
                    "b/compose.yaml",
                    "services: { c: { image: i, ports: ['127.0.0.1:1:1'] }, d: { image: i, ports: ['2:2'], imag: x } }",
                ),
            ],
        );
        let seen = Observed::none(at()).with_worktree(Worktree::new([Checkout::new("")]));
        let posture = lab.posture(&seen);
        let view = posture.view();
        assert_eq!((view.projects, view.services), (2, 4));
        let reach = &view.reach;
        let counts = [reach.none, reach.host, reach.tailnet, reach.lan, reach.internet];
        assert_eq!(counts, [1, 2, 0, 1, 0]);
        assert_eq!(reach.uncertain, 1);
        let report = lab.audit(&seen).view();
        assert_eq!(view.counts, report.counts);
        assert!(view.counts.error > 0, "{posture}");
        assert_eq!(view.worst, report.findings[..view.worst.len()]);
        let seen: Vec<_> = view
            .seen
            .iter()
            .map(|seen| (seen.part.as_str(), seen.at.as_deref()))
            .collect();
        let expected = [
            ("machine", None),
            ("worktree", Some("2026-12-01T00:00:00Z")),
            ("tailnet", None),
            ("inventory", None),
            ("backups", None),
            ("interrupted", None),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_first_screen_has_five_findings_at_most() {
        let services: Vec<String> = (0..3).map(|n| format!("s{n}: {{ imag: i{n} }}")).collect();
        let compose = format!("services: {{ {} }}", services.join(", "));
        let posture = Lab::from_texts("home", [("a/compose.yaml", compose)]).posture(&Observed::none(at()));
        assert!(posture.report().findings().len() > WORST, "{posture}");
        assert_eq!(posture.worst().len(), WORST);
    }

    #[test]
    fn an_empty_lab_has_a_posture() {
        let lab = Lab::from_texts("home", [("readme.md", "")]);
        let text = lab.posture(&Observed::none(at())).to_string();
        assert!(
            text.starts_with("home: 0 services in 0 projects\nfound: 1 note\n"),
            "{text}"
        );
        assert!(text.contains("lab.nothing-declared"), "{text}");
    }
}
