//! Updates: by hand in production, automatic in sandboxes. Judged from files: tags, and programs that update.
//!
//! ```
//! use homelab_core::{Lab, Observed};
//!
//! let lab = Lab::from_texts(
//!     "home",
//!     [
//!         ("services/blog/compose.yaml", "services: { blog: { image: 'ghost:latest' } }"),
//!         ("lab.toml", "[tiers]\nproduction = ['blog']"),
//!     ],
//! );
//! let report = lab.audit(&Observed::none("2026-12-01T00:00:00Z".parse()?));
//! assert!(report.findings().iter().any(|finding| finding.rule().id == "update.moving-tag"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod tests;
mod watchtower;

use crate::finding::{Finding, Principle, Rule, Severity};
#[cfg(test)]
use crate::lab::Lab;
use crate::lab::Tier;
use crate::service::image::TagKind;
use crate::service::rules::Declared;

/// Every rule of updates.
pub(crate) const ALL: &[&Rule] = &[
    &MOVING_TAG,
    &watchtower::AUTOMATIC_UPDATES,
    &watchtower::ARCHIVED_UPDATER,
];

static MOVING_TAG: Rule = Rule {
    id: "update.moving-tag",
    principle: Principle::ManualUpdates,
    severity: Severity::Warning,
    title: "a production service runs whatever is newest",
    why: "Without a version a restart on another day, or on a new machine, may start another program on the same data, \
          and nobody can say which version ran yesterday. Few databases go back.",
    fix: "Write the version that runs now as the tag, and raise it by hand after reading what has changed.",
    opt_in: false,
};

/// Returns what is worth saying about how services are updated, in the order of projects and files.
pub(crate) fn judge(services: &[Declared<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in services {
        moving_tag(service, &mut findings);
    }
    watchtower::judge(services, &mut findings);
    findings
}

#[cfg(test)]
impl Lab {
    fn update_findings(&self) -> Vec<Finding> {
        judge(&Declared::all(self))
    }
}

fn moving_tag(declared: &Declared<'_>, findings: &mut Vec<Finding>) {
    // An image that is built here has the version of its sources.
    if declared.tier != Tier::Production || declared.service.build.is_some() {
        return;
    }
    let (Some(field), Some(image)) = (&declared.service.image, &declared.image) else {
        return;
    };
    // A variable without a value is a diagnostic of its own.
    if field.is_unset() {
        return;
    }
    let message = match (image.tag_kind(), image.tag()) {
        (TagKind::Latest, None) => format!("`{image}` has no tag, which means `latest`"),
        (TagKind::Latest, Some(tag)) => format!("`{}` follows `{tag}`, whatever that is", image.base_name()),
        (TagKind::Channel, Some(tag)) => format!("`{}` follows `{tag}`, which moves", image.base_name()),
        _ => return,
    };
    findings.push(declared.finding(&MOVING_TAG, message, &field.span));
}
