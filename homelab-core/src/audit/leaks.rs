//! [`Lab::leaks`]: what of the lab stands in files that can be shared, through the same gates as the audit.

use super::select::{Selection, Switches};
use super::suppress::{Judged, suppress};
use crate::error::Result;
use crate::finding::{Finding, Report};
use crate::lab::Lab;
use crate::leak::Vocabulary;
use crate::observed::Observed;

impl Lab {
    /// Returns where values of this lab alone stand in files that can be shared: those of strata 1 to 4, their names
    /// included. It looks for everything in the lab's [vocabulary](Lab::vocabulary), in every usual disguise, and for what
    /// nobody listed and is private by its shape. No value is in the report.
    ///
    /// A comment `# homelab: allow RULE until DATE because REASON` accepts a finding, as in the audit. Pure.
    ///
    /// ```
    /// use homelab_core::{Lab, Observed};
    ///
    /// let compose = "services: { web: { image: nginx, environment: { UP: 'http://192%2E168.7.10:80' } } }";
    /// let instance = "[hosts.zephyr]\naddresses = ['192.168.7.10']";
    /// let lab = Lab::from_texts("home", [("web/compose.yaml", compose), ("instance.toml", instance)]);
    ///
    /// let report = lab.leaks(&Observed::none("2026-12-01T00:00:00Z".parse()?))?;
    /// let finding = &report.findings()[0];
    /// assert_eq!(finding.rule().id, "leak.known-value");
    /// assert_eq!(finding.message(), "`HOST_1_ADDRESS` (an address) stands here, encoded or escaped");
    /// assert_eq!(finding.fix(), "Write `${HOST_1_ADDRESS}`, and its value into the `.env` beside the file.");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `NoSpace` when the vocabulary is too large to be looked for.
    pub fn leaks(&self, seen: &Observed) -> Result<Report> {
        self.leaks_of(&self.vocabulary(seen), seen, &Selection::default())
    }

    /// Returns what [`Lab::leaks`] does of another vocabulary: that of the lab which a template was made of. With other
    /// rules than lab.toml says.
    ///
    /// # Errors
    /// `NoSpace` when the vocabulary is too large to be looked for.
    pub fn leaks_of(
        &self,
        vocabulary: &Vocabulary,
        seen: &Observed,
        selection: &Selection,
    ) -> Result<Report> {
        let switches = Switches::new(self, selection);
        let mut findings: Vec<Finding> = self.unread().to_vec();
        findings.extend(self.leak_findings(vocabulary)?);
        findings.retain(|finding| switches.is_on(finding.rule()));
        let (mut findings, suppressed) = suppress(self, seen.at(), &switches, findings, Judged::Leaks);
        findings.retain(|finding| switches.is_on(finding.rule()));
        Ok(Report::new(seen.at(), Vec::new(), findings, suppressed))
    }
}
