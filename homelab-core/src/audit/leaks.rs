//! [`Lab::leaks`]: what of the lab stands in files that can be shared, through the same gates as the audit.

use std::collections::{HashMap, HashSet};

use super::select::{Selection, Switches};
use super::suppress::{Judged, suppress};
use crate::error::{Error, ErrorKind, Result};
use crate::finding::{Evidence, Finding, Report, Severity, Subject};
use crate::lab::Lab;
use crate::leak::Vocabulary;
use crate::observed::Observed;
use crate::span::Span;

impl Lab {
    /// Returns where values of this lab alone stand in files that can be shared: those of strata 1 to 4, their names
    /// included. It looks for everything in the lab's [vocabulary](Lab::vocabulary), in every usual disguise, and for what
    /// nobody listed and is private by its shape. No value is in the report.
    ///
    /// A comment `# homelab: allow RULE until DATE because REASON` accepts a finding, as in the audit; in files that have
    /// other comments `// homelab: ..` and `<!-- homelab: .. -->` do, in Markdown the last alone. A secret that stands in
    /// many places is one finding with a list of them. What instance.toml says and nobody understands is a finding too,
    /// since it was not looked for, and so are the files that were not looked through. Pure.
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
        Ok(self.through_gates(self.leak_findings(vocabulary)?, seen, selection))
    }

    /// Returns what [`leaks_of`](Lab::leaks_of) does, and what stands in the history of the repository that the lab's folder is
    /// in: in any version of a file that was ever committed, on any branch, each looked through once; in paths, messages,
    /// names of branches and tags; and who made them, where the lab knows them. A place in it is `COMMIT:PATH`, as git writes
    /// it; what stands in many versions is one finding, of the first commit that has it.
    ///
    /// A history is shared as a whole, so that files of unknown kinds are looked through too; that a file of the lab's own is
    /// in it is a finding by itself. It reads the disk, and holds one version of a file in memory at a time, which is not
    /// looked through, and said to be so, where it is larger than 16 MiB. It runs no program.
    ///
    /// # Errors
    /// `Unsupported` without the feature `history`, `NotFound` where the folder is in no repository of git, `Damaged` where
    /// that cannot be read, and as [`leaks_of`](Lab::leaks_of).
    pub fn leaks_with_history(
        &self,
        vocabulary: &Vocabulary,
        seen: &Observed,
        selection: &Selection,
    ) -> Result<Report> {
        let mut findings = self.leak_findings(vocabulary)?;
        findings.extend(self.history_findings(vocabulary)?);
        Ok(self.through_gates(findings, seen, selection))
    }

    #[cfg(feature = "history")]
    fn history_findings(&self, vocabulary: &Vocabulary) -> Result<Vec<Finding>> {
        crate::leak::history::findings(self, vocabulary)
    }

    #[cfg(not(feature = "history"))]
    fn history_findings(&self, _: &Vocabulary) -> Result<Vec<Finding>> {
        let message = "use `history`: this build is without it";
        Err(Error::new(ErrorKind::Unsupported, message)
            .with_hint("use a build that has the feature `history`, or leave the history out"))
    }

    /// Lets findings pass the gates.
    fn through_gates(&self, found: Vec<Finding>, seen: &Observed, selection: &Selection) -> Report {
        let switches = Switches::new(self, selection);
        let mut findings: Vec<Finding> = self.unread().to_vec();
        findings.extend(self.not_understood());
        findings.extend(found);
        findings.retain(|finding| switches.is_on(finding.rule()));
        let (mut findings, suppressed) = suppress(self, seen.at(), &switches, findings, Judged::Leaks);
        findings.retain(|finding| switches.is_on(finding.rule()));
        Report::new(seen.at(), Vec::new(), gathered(findings), suppressed)
    }
}

impl Lab {
    /// Returns a lab that has nothing but this instance.toml, so that its values can be looked for in another: those of
    /// [`vocabulary`](Lab::vocabulary). Pure.
    ///
    /// ```
    /// use homelab_core::{ErrorKind, Lab};
    ///
    /// assert!(Lab::of_instance("[hosts.zephyr]\naddresses = ['192.168.7.10']").is_ok());
    /// let error = Lab::of_instance("[hosts.zephyr]\nadresses = ['192.168.7.10']").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Invalid);
    /// ```
    ///
    /// # Errors
    /// `Invalid` when something of it is not understood: it would not be looked for.
    pub fn of_instance(text: &str) -> Result<Lab> {
        let lab = Lab::from_texts("instance", [(INSTANCE, text)]);
        let mut wrong = lab.not_understood().into_iter();
        match wrong.find(|finding| finding.severity() > Severity::Note) {
            Some(finding) => {
                let place = finding
                    .place()
                    .map_or(String::new(), |place| format!(" in line {}", place.line()));
                let message = format!("read the values of instance.toml: {}{place}", finding.message());
                Err(Error::new(ErrorKind::Invalid, message).with_hint(finding.fix()))
            }
            None => Ok(lab),
        }
    }

    /// Returns what instance.toml says and nobody understands: such values are not looked for.
    fn not_understood(&self) -> Vec<Finding> {
        let is_instance = |finding: &&Finding| match finding.place() {
            Some(place) => place.source().name() == INSTANCE,
            None => finding.rule().id == "lab.unreadable-file" && finding.message().contains(INSTANCE),
        };
        let known = |finding: &&Finding| !self.unread().contains(finding);
        let wrong = self.diagnostics().iter().filter(is_instance).filter(known);
        wrong
            .map(|finding| {
                // The message may hold what was written there.
                let message = match finding.rule().id {
                    "lab.unknown-key" | "lab.unreadable-file" => {
                        format!("{}, so what it says is not looked for", finding.message())
                    }
                    _ => format!("{}, so it is not looked for", finding.rule().title),
                };
                let said = Finding::new(finding.rule(), Subject::Lab, message);
                match finding.place() {
                    Some(place) => said.at(place).without_snippet(),
                    None => said,
                }
            })
            .collect()
    }
}

const INSTANCE: &str = "instance.toml";
/// From this many places a secret is one finding with a list of them.
const MANY: usize = 4;

/// Makes one finding of those that say the same secret in many places.
fn gathered(findings: Vec<Finding>) -> Vec<Finding> {
    let is_secret = |finding: &Finding| finding.rule().id == "leak.known-secret";
    let mut places: HashMap<String, Vec<Span>> = HashMap::new();
    for finding in findings.iter().filter(|finding| is_secret(finding)) {
        if let Some(place) = finding.place() {
            let list = places.entry(finding.message().to_owned()).or_default();
            list.push(place.clone());
        }
    }
    let mut said = HashSet::new();
    let mut kept = Vec::with_capacity(findings.len());
    for mut finding in findings {
        let list = places.get(finding.message()).filter(|list| list.len() >= MANY);
        let Some(list) = list.filter(|_| is_secret(&finding)) else {
            kept.push(finding);
            continue;
        };
        if !said.insert(finding.message().to_owned()) {
            continue;
        }
        for place in &list[1..] {
            finding = finding.with_evidence(Evidence::at("it stands here too", place));
        }
        kept.push(finding);
    }
    kept
}
