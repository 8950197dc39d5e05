//! A report as view records, and as JSON.

use super::{Evidence, Finding, Report, Severity, Suppressed};
use crate::view::{CountsView, EvidenceView, FindingView, ReportView, SuppressedView};

/// The version of the JSON's shape; raised when a field changes its meaning, not when one is added.
const VERSION: u32 = 1;

impl Report {
    /// Returns the report as plain records.
    pub fn view(&self) -> ReportView {
        ReportView {
            version: VERSION,
            at: self.at().to_string(),
            services: self.services().to_vec(),
            findings: self.findings().iter().map(Finding::view).collect(),
            suppressed: self.suppressed().iter().map(Suppressed::view).collect(),
            counts: self.counts(),
        }
    }

    /// Returns how many findings there are of each severity.
    pub(crate) fn counts(&self) -> CountsView {
        CountsView {
            error: self.count(Severity::Error) as u64,
            warning: self.count(Severity::Warning) as u64,
            note: self.count(Severity::Note) as u64,
        }
    }

    /// Returns the report as JSON, in the shape of `schemas/report.schema.json`.
    pub fn to_json(&self) -> String {
        #[expect(
            clippy::expect_used,
            reason = "records of strings and numbers have no form JSON lacks"
        )]
        let mut json = serde_json::to_string_pretty(&self.view()).expect("plain records become JSON");
        json.push('\n');
        json
    }
}

impl Finding {
    /// Returns the finding as a plain record.
    pub fn view(&self) -> FindingView {
        let place = self.place().map(crate::span::Span::view);
        let (line, column) = place.as_ref().map(|place| (place.line, place.column)).unzip();
        FindingView {
            rule: self.rule().id.to_owned(),
            principle: self.rule().principle.as_str().to_owned(),
            severity: self.severity().as_str().to_owned(),
            message: self.message().to_owned(),
            project: self.project().map(ToString::to_string),
            service: self.service().map(|id| id.service().to_string()),
            host: self.service().and_then(|id| id.host()).map(ToString::to_string),
            file: place.map(|place| place.file),
            line,
            column,
            why: self.why().to_owned(),
            fix: self.fix().to_owned(),
            evidence: self.evidence().iter().map(Evidence::view).collect(),
            fingerprint: self.fingerprint(),
        }
    }
}

impl Evidence {
    /// Returns the evidence as a plain record.
    pub fn view(&self) -> EvidenceView {
        EvidenceView {
            text: self.text().to_owned(),
            place: self.place().map(crate::span::Span::view),
        }
    }
}

impl Suppressed {
    /// Returns what was accepted as a plain record.
    pub fn view(&self) -> SuppressedView {
        SuppressedView {
            finding: self.finding.view(),
            reason: self.reason.clone(),
            until: self.until.to_string(),
        }
    }
}
