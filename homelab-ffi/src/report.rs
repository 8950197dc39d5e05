//! What is worth saying about a lab.

use homelab_core::finding::TextOptions;
use homelab_core::view::{CountsView, FindingView, ReportView, ServiceView, SuppressedView};
use homelab_core::{Finding, Severity};

/// How a report is written as text.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct TextSettings {
    /// Whether it is coloured for a terminal.
    #[uniffi(default = false)]
    pub colour: bool,
    /// Up to how many columns a line has; the library's choice where none is given.
    #[uniffi(default = None)]
    pub width: Option<u32>,
}

/// What is worth saying about a lab: its services with their reach, and the findings, worst first.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Display)]
pub struct Report(pub(crate) homelab_core::Report);

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[uniffi::export]
impl Report {
    /// Returns the moment that it speaks of, RFC 3339.
    pub fn at(&self) -> String {
        self.0.at().to_string()
    }

    /// Returns every service with its reach.
    pub fn services(&self) -> Vec<ServiceView> {
        self.0.services().to_vec()
    }

    /// Returns the findings, worst first.
    pub fn findings(&self) -> Vec<FindingView> {
        self.0.findings().iter().map(Finding::view).collect()
    }

    /// Returns what was found and accepted.
    pub fn suppressed(&self) -> Vec<SuppressedView> {
        self.0
            .suppressed()
            .iter()
            .map(homelab_core::finding::Suppressed::view)
            .collect()
    }

    /// Returns how many findings there are of each severity.
    pub fn counts(&self) -> CountsView {
        self.0.view().counts
    }

    /// Returns how many findings weigh exactly this much.
    pub fn count(&self, severity: Severity) -> u64 {
        self.0.count(severity) as u64
    }

    /// Returns the worst severity, or nothing when there are no findings.
    pub fn worst(&self) -> Option<Severity> {
        self.0.worst()
    }

    /// Returns whether a finding weighs at least this much.
    pub fn fails(&self, at_least: Severity) -> bool {
        self.0.fails(at_least)
    }

    /// Returns what a command exits with: 0 when no finding weighs at least this much, else 1.
    pub fn exit_code(&self, fail_on: Severity) -> u8 {
        self.0.exit_code(fail_on)
    }

    /// Returns the report as a record: the shape of its JSON.
    pub fn view(&self) -> ReportView {
        self.0.view()
    }

    /// Returns the report as text for a terminal.
    #[uniffi::method(default(settings = None))]
    pub fn to_text(&self, settings: Option<TextSettings>) -> String {
        let mut options = TextOptions::default();
        if let Some(TextSettings { colour, width }) = settings {
            options = options.with_colour(colour);
            if let Some(width) = width {
                options = options.with_width(usize::try_from(width).unwrap_or(usize::MAX));
            }
        }
        self.0.to_text(&options)
    }

    /// Returns the report as JSON.
    pub fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// Returns the report as SARIF 2.1.0.
    pub fn to_sarif(&self) -> String {
        self.0.to_sarif()
    }

    /// Returns the report as Markdown.
    pub fn to_markdown(&self) -> String {
        self.0.to_markdown()
    }

    /// Returns the report as one page of HTML that needs nothing else.
    pub fn to_html(&self) -> String {
        self.0.to_html()
    }
}
