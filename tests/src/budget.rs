//! The budget of the audit: how many findings it has for each service of real files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use homelab_core::{Lab, Observed, Report};
use jiff::Timestamp;

use crate::corpus::Corpus;

/// What the audit says of the files of a corpus, each a lab of its own with the files beside it.
#[derive(Debug, Default)]
pub struct Budget {
    /// For each file, how many findings and how many services.
    labs: Vec<(usize, usize)>,
    /// For each rule, how many findings.
    rules: BTreeMap<&'static str, usize>,
}

impl Budget {
    /// Audits every file that Docker Compose accepts. Nothing is configured, as in a first trial.
    pub fn of(corpus: &Corpus) -> Budget {
        let mut budget = Budget::default();
        for case in corpus.cases().iter().filter(|case| case.truth.is_ok()) {
            let lab = lab(corpus.files(), &case.path);
            budget.add(&lab.audit(&Observed::none(Timestamp::UNIX_EPOCH)));
        }
        budget
    }

    fn add(&mut self, report: &Report) {
        self.labs.push((report.findings().len(), report.services().len()));
        for finding in report.findings() {
            *self.rules.entry(finding.rule().id).or_default() += 1;
        }
    }

    /// Returns how many findings there are for one service on average.
    pub fn mean(&self) -> f64 {
        let findings: usize = self.labs.iter().map(|(findings, _)| findings).sum();
        let services: usize = self.labs.iter().map(|(_, services)| services).sum();
        findings as f64 / services.max(1) as f64
    }

    /// Returns how many findings for each service of its lab 99 of 100 files stay below.
    pub fn percentile_99(&self) -> f64 {
        let mut each: Vec<f64> = self
            .labs
            .iter()
            .map(|&(findings, services)| findings as f64 / services.max(1) as f64)
            .collect();
        each.sort_by(f64::total_cmp);
        let at = (each.len() * 99).div_ceil(100).saturating_sub(1);
        each.get(at).copied().unwrap_or_default()
    }

    /// Returns how many files have a service.
    pub fn labs(&self) -> usize {
        self.labs.iter().filter(|(_, services)| *services > 0).count()
    }

    /// Returns the budget in one line, and below it what each rule adds.
    pub fn text(&self) -> String {
        let services: usize = self.labs.iter().map(|(_, services)| services).sum();
        let mut text = format!(
            "{} labs, {services} services: {:.2} findings for each service, 99 of 100 labs at most {:.2}",
            self.labs(),
            self.mean(),
            self.percentile_99(),
        );
        let mut rules: Vec<(&&str, &usize)> = self.rules.iter().collect();
        rules.sort_by_key(|(id, count)| (std::cmp::Reverse(**count), **id));
        for (id, count) in rules {
            text.push_str(&format!("\n{count:6} {id}"));
        }
        text
    }
}

/// Returns the lab of one file: it, and what stands beside it and is no other Compose file, unless it names that.
pub fn lab(files: &Path, path: &str) -> Lab {
    let file = files.join(path);
    let text = fs::read_to_string(&file).unwrap_or_default();
    let mut texts = Vec::new();
    if let Some(folder) = file.parent() {
        for beside in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = beside.file_name().to_string_lossy().into_owned();
            let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
            if beside.path() != file
                && (!is_yaml || text.contains(&name))
                && let Ok(text) = fs::read_to_string(beside.path())
            {
                texts.push((format!("app/{name}"), text));
            }
        }
    }
    texts.push(("app/compose.yaml".to_owned(), text));
    Lab::from_texts("corpus", texts)
}
