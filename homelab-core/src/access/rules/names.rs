//! Names that routes have in public DNS.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::PUBLIC_NAMES;
use crate::access::{Exposure, PathKind};
use crate::finding::{Evidence, Finding, Subject};
use crate::lab::in_words;

pub(super) fn public_names(exposures: &[Exposure]) -> Option<Finding> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut evidence: Vec<Evidence> = Vec::new();
    for path in exposures
        .iter()
        .flat_map(|exposure| exposure.paths())
        .filter(|path| path.kind() == PathKind::Proxy)
    {
        for name in path.names() {
            if is_public_name(name) && names.insert(name) && evidence.len() < 12 {
                evidence.extend(path.evidence().first().cloned());
            }
        }
    }
    let first = evidence.first()?.clone();
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("routes are for {}", in_words(&quoted, "and", 5));
    let mut finding = Finding::new(&PUBLIC_NAMES, Subject::Lab, message).at_maybe(first.place());
    for one in evidence {
        finding = finding.with_evidence(one);
    }
    Some(finding)
}

/// Returns whether a name is one that public DNS could answer for: no reserved ending, no placeholder, no address.
fn is_public_name(name: &str) -> bool {
    const PRIVATE: [&str; 14] = [
        "local",
        "lan",
        "home",
        "internal",
        "intranet",
        "localdomain",
        "localhost",
        "test",
        "example",
        "invalid",
        "arpa",
        "private",
        "corp",
        "box",
    ];
    const PLACEHOLDERS: [&str; 4] = ["example", "mydomain", "yourdomain", "your-domain"];
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    let (Some(last), true) = (labels.last(), labels.len() > 1) else {
        return false;
    };
    let plain =
        |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    labels.iter().all(|label| plain(label) || *label == "*")
        && name.parse::<IpAddr>().is_err()
        && !PRIVATE.contains(last)
        && !name.ends_with(".ts.net")
        && !PLACEHOLDERS.contains(&labels[labels.len() - 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_name_is_one_that_public_dns_could_answer_for() {
        for name in [
            "photos.smith.family",
            "smith.dev",
            "*.smith.dev",
            "a.b.co.uk",
            "home.smith.org.",
        ] {
            assert!(is_public_name(name), "{name}");
        }
        for name in [
            "nas",
            "nas.lan",
            "nas.local",
            "nas.home.arpa",
            "x.internal",
            "nas.tail1234.ts.net",
            "192.168.1.1",
            "a.example.com",
            "example.org",
            "app.yourdomain.com",
            "whoami.localhost",
            "a..b",
            "{x}.dev",
            "",
        ] {
            assert!(!is_public_name(name), "{name}");
        }
    }
}
