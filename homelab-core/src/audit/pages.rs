//! The pages of docs/rules, made of the rules themselves.

use std::fmt::Write as _;

use super::{ALL, group_is_audit, select};
use crate::finding::Rule;

/// Returns the page of a rule in Markdown.
///
/// ```
/// use homelab_core::audit::{rule, rule_page};
///
/// let page = rule_page(rule("service.privileged").expect("a rule"));
/// assert!(page.starts_with("# service.privileged\n"));
/// assert!(page.contains("# homelab: allow service.privileged until"));
/// ```
pub fn rule_page(rule: &Rule) -> String {
    let mut page = String::new();
    let id = rule.id;
    let state = if rule.opt_in {
        "only when asked for"
    } else {
        "unless it is switched off"
    };
    // Writing into a String cannot fail.
    let _ = write!(
        page,
        "# {id}\n\n{title}.\n\n| | |\n|---|---|\n| principle | {principle} |\n| severity | {severity}, unless the finding \
         says otherwise |\n| speaks | {state} |\n\n## Why\n\n{why}\n\n## What to do\n\n{fix}\n",
        title = sentence(rule.title),
        principle = rule.principle,
        severity = rule.severity,
        why = rule.why,
        fix = rule.fix,
    );
    if rule.opt_in {
        let group = select::group(rule);
        let _ = write!(
            page,
            "\n## To hear of it\n\nFor good, in lab.toml:\n\n```toml\n[rules]\n{group} = true\n```\n\nOnce: `audit --rules \
             +{group}`.\n"
        );
    }
    page.push_str("\n## To accept it\n\n");
    match crate::backup::rules::of_irreplaceable(rule) {
        Some(true) => {
            page.push_str("Nothing accepts it: it is about data that cannot be made again.\n");
            return page;
        }
        Some(false) => {
            page.push_str("Of data that cannot be made again nothing accepts it. Of other data:\n\n")
        }
        None => {}
    }
    if !group_is_audit(rule) {
        let _ = write!(
            page,
            "Of one place, with a reason and an end, on the line that the finding points at or above it:\n\n```yaml\n# \
             homelab: allow {id} until 2027-01-01 because ...\n```\n\n"
        );
    }
    let _ = write!(
        page,
        "Everywhere, in lab.toml:\n\n```toml\n[rules]\n\"{id}\" = false\n```\n"
    );
    page
}

/// Returns the page that lists all rules, in Markdown.
pub fn index_page() -> String {
    let mut page = String::from(
        "# Rules\n\nWhat an audit can say. Each rule serves a principle, and each page says why it is one and how to \
         accept a finding of it. These pages are made from the rules in the code.\n\nA fact that is true of more than \
         three services is one finding of the lab, with a list. Rules marked *on request* speak only when lab.toml or \
         `--rules` asks for them.\n\n| rule | principle | severity | |\n|---|---|---|---|\n",
    );
    for rule in ALL {
        let asked = if rule.opt_in { ", *on request*" } else { "" };
        let _ = writeln!(
            page,
            "| [{id}]({id}.md) | {} | {} | {}{asked} |",
            rule.principle,
            rule.severity,
            rule.title,
            id = rule.id,
        );
    }
    page
}

/// Returns a fragment as the beginning of a sentence; one that begins with something in backticks stays as it is.
fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
