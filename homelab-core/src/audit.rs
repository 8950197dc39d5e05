//! Everything that is worth saying about a lab: the one list of all domains' rules, and [`Lab::audit`].
//!
//! What the judges find passes four gates: rules that are switched off (lab.toml's `[rules]`, a [`Selection`]),
//! findings that a comment in the lab's files accepts, one finding for what is true of many services, and a fixed order.
//!
//! ```
//! use homelab_core::{Lab, Observed};
//!
//! let compose = "services:
//!   web:
//!     image: nginx:1.29
//!     ## homelab: allow service.privileged until 2027-01-01 because the new driver is still being tried
//!     privileged: true
//! ";
//! let lab = Lab::from_texts("home", [("services/web/compose.yaml", compose)]);
//!
//! let report = lab.audit(&Observed::none("2026-12-01T00:00:00Z".parse()?));
//! assert!(report.findings().is_empty());
//! assert_eq!(report.suppressed()[0].reason, "the new driver is still being tried");
//!
//! let later = lab.audit(&Observed::none("2027-01-02T00:00:00Z".parse()?));
//! assert_eq!(later.findings()[0].rule().id, "service.privileged");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod gather;
mod leaks;
mod pages;
mod rules;
mod select;
mod suppress;
#[cfg(test)]
mod tests;

pub use pages::{index_page, rule_page};
pub use select::Selection;

use crate::finding::{Finding, Report, Rule, Subject};
use crate::lab::Lab;
use crate::observed::Observed;
use crate::service::rules::Declared;
use crate::view::RuleView;
use crate::{access, backup, compose, lab, leak, service, tailnet, update};

/// Every rule of every domain, in the order in which docs/rules lists them.
pub const ALL: &[&Rule] = &joined();

const DOMAINS: &[&[&Rule]] = &[
    compose::rules::RULES,
    lab::rules::RULES,
    &[&compose::quadlet::INVALID_UNIT],
    access::rules::RULES,
    access::portal::rules::RULES,
    tailnet::rules::RULES,
    service::rules::ALL,
    service::rules::HARDENING,
    update::ALL,
    leak::rules::RULES,
    backup::rules::RULES,
    rules::ALL,
];

const fn count() -> usize {
    let (mut count, mut domain) = (0, 0);
    while domain < DOMAINS.len() {
        count += DOMAINS[domain].len();
        domain += 1;
    }
    count
}

const fn joined() -> [&'static Rule; count()] {
    let mut all = [rules::ALL[0]; count()];
    let (mut at, mut domain) = (0, 0);
    while domain < DOMAINS.len() {
        let mut own = 0;
        while own < DOMAINS[domain].len() {
            all[at] = DOMAINS[domain][own];
            at += 1;
            own += 1;
        }
        domain += 1;
    }
    all
}

/// Returns the rule of this id.
///
/// ```
/// let rule = homelab_core::audit::rule("service.privileged").expect("a rule");
/// assert_eq!(rule.principle.as_str(), "identity-fits-audience");
/// assert!(homelab_core::audit::rule("service.unknown").is_none());
/// ```
pub fn rule(id: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id == id).copied()
}

/// Returns all that an audit can say, rule by rule, as [`ALL`] has them.
///
/// ```
/// let rules = homelab_core::audit::rules();
/// let privileged = rules.iter().find(|rule| rule.id == "service.privileged").expect("a rule");
/// assert!(privileged.page.contains(&privileged.fix));
/// ```
pub fn rules() -> Vec<RuleView> {
    let view = |rule: &&Rule| RuleView {
        id: rule.id.to_owned(),
        principle: rule.principle.to_string(),
        severity: rule.severity.to_string(),
        title: rule.title.to_owned(),
        why: rule.why.to_owned(),
        fix: rule.fix.to_owned(),
        opt_in: rule.opt_in,
        page: rule_page(rule),
    };
    ALL.iter().map(view).collect()
}

/// Returns the groups of rules, each once: what stands before the dot of an id.
pub fn groups() -> impl Iterator<Item = &'static str> {
    let mut groups: Vec<&str> = ALL.iter().map(|rule| select::group(rule)).collect();
    groups.sort_unstable();
    groups.dedup();
    groups.into_iter()
}

/// Returns whether a rule is about what the audit itself is told: it cannot be silenced by the same means.
fn group_is_audit(rule: &Rule) -> bool {
    select::group(rule) == "audit"
}

impl Lab {
    /// Returns all that is worth saying about the lab, as far as it was seen: every service with its reach, and the
    /// findings of all rules that are on. Where engines were asked, what runs on them and is in no file is a service too;
    /// its places are in files called `seen:HOST/...`, which are nowhere.
    ///
    /// Pure: the same lab and the same observation give the same report.
    pub fn audit(&self, seen: &Observed) -> Report {
        self.audit_with(seen, &Selection::default())
    }

    /// Returns what [`Lab::audit`] does, of other rules than lab.toml says.
    pub fn audit_with(&self, seen: &Observed, selection: &Selection) -> Report {
        match self.as_running(seen) {
            Some(running) => running.audited(seen, selection),
            None => self.audited(seen, selection),
        }
    }

    fn audited(&self, seen: &Observed, selection: &Selection) -> Report {
        let switches = select::Switches::new(self, selection);
        let exposures = self.exposures(seen);
        let mut findings = self.diagnostics().to_vec();
        findings.extend(nothing_declared(self));
        findings.extend(self.versioned(seen));
        findings.extend(self.access_findings(&exposures, seen));
        findings.extend(self.tailnet_findings(&exposures, seen));
        findings.extend(self.portal_findings(&exposures, seen));
        let services = Declared::all(self);
        findings.extend(service::rules::hygiene(&services));
        findings.extend(update::judge(&services));
        findings.extend(self.backup_findings(seen));
        // It speaks of nearly everything, so that it is not even made where nobody asked.
        if service::rules::HARDENING.iter().any(|rule| switches.is_on(rule)) {
            findings.extend(service::rules::hardening(&services));
        }
        findings.extend(switches.unknown());
        let is_on = |finding: &Finding| {
            let kept = backup::rules::is_about_irreplaceable(finding);
            switches.is_on(finding.rule()) || kept && selection.switches(finding.rule()) != Some(false)
        };
        let on = findings.into_iter().flat_map(|mut finding| {
            if is_on(&finding) {
                return vec![finding];
            }
            // What went without saying beside it has a rule of its own, which may be on.
            let mut parts = finding.take_parts();
            parts.retain(is_on);
            parts
        });
        let mut findings: Vec<Finding> = on.collect();
        findings
            .iter_mut()
            .for_each(|finding| self.unsaid().clear_finding(finding));
        let (mut findings, suppressed) =
            suppress::suppress(self, seen.at(), &switches, findings, suppress::Judged::All);
        // Those about comments were made since.
        findings.retain(|finding| !group_is_audit(finding.rule()) || switches.is_on(finding.rule()));
        let views = exposures.iter().map(access::Exposure::view).collect();
        Report::new(seen.at(), views, gather::gather(findings), suppressed)
    }
}

/// Returns what is said of a folder in which there is nothing to judge, so that its clean report is not taken for praise.
fn nothing_declared(lab: &Lab) -> Option<Finding> {
    let none = lab.projects().next().is_none();
    none.then(|| {
        let message = "the folder has no Compose file and no unit of Podman, so that nothing was judged";
        Finding::new(&lab::rules::NOTHING_DECLARED, Subject::Lab, message)
    })
}
