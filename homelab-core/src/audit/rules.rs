//! The audit's own rules: comments and switches that do not mean what their author thinks.

use crate::finding::{Principle, Rule, Severity};

/// Every rule of the audit itself.
pub(super) const ALL: &[&Rule] = &[&BAD_SUPPRESSION, &UNUSED_SUPPRESSION, &UNKNOWN_RULE];

pub(super) static BAD_SUPPRESSION: Rule = Rule {
    id: "audit.bad-suppression",
    principle: Principle::Valid,
    severity: Severity::Warning,
    title: "a comment that should accept a finding does not",
    why: "Somebody decided to live with a finding, but without a rule, a reason and an end nobody can tell later \
          whether that still holds. Until the comment is whole, nothing is accepted.",
    fix: "Write `# homelab: allow RULE until 2027-01-01 because REASON` on the line that the finding points at, or \
          above it.",
    opt_in: false,
};

pub(super) static UNUSED_SUPPRESSION: Rule = Rule {
    id: "audit.unused-suppression",
    principle: Principle::Valid,
    severity: Severity::Note,
    title: "a comment accepts a finding that is not there",
    why: "What it accepted was repaired, or the comment is not on the line of the finding or above it. Left in place \
          it would hide the next one.",
    fix: "Delete the comment, or move it to the line that the finding points at.",
    opt_in: false,
};

pub(super) static UNKNOWN_RULE: Rule = Rule {
    id: "audit.unknown-rule",
    principle: Principle::Valid,
    severity: Severity::Warning,
    title: "lab.toml switches a rule that does not exist",
    why: "The rule that was meant is still as it was.",
    fix: "Write a rule's id or a group such as `hardening`; docs/rules lists them.",
    opt_in: false,
};
