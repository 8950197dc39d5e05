//! A comment accepts one place: what else a finding says, or stands for, is said then.

use super::{at, ids, lab, now};
use crate::finding::Report;

const UNTIL: &str = "until 2030-01-01 because it is meant";

/// The findings of these rules, by line.
fn found(report: &Report, rules: &[&str]) -> Vec<(String, Option<u32>)> {
    let findings = report.findings().iter();
    let findings = findings.filter(|finding| rules.contains(&finding.rule().id));
    let mut found: Vec<_> = findings
        .map(|finding| {
            let line = finding.place().map(crate::span::Span::line);
            (finding.rule().id.to_owned(), line)
        })
        .collect();
    found.sort();
    found
}

fn one(rule: &str, line: u32) -> Vec<(String, Option<u32>)> {
    vec![(rule.to_owned(), Some(line))]
}

#[test]
fn an_accepted_port_accepts_no_other() {
    let rule = "access.public-without-exception";
    let compose = |first: &str, second: &str| {
        format!(
            "services:\n  a:\n    image: x:1\n    ports:\n      - '5.6.7.8:80:80'{first}\n      - '5.6.7.8:22:22'{second}\n"
        )
    };
    let comment = format!(" # homelab: allow {rule} {UNTIL}");
    let audit = |first: &str, second: &str| lab(&compose(first, second), "").audit(&now());
    assert_eq!(
        found(&audit("", ""), &[rule]),
        one(rule, 5),
        "one finding for both"
    );
    let report = audit(&comment, "");
    assert_eq!(
        (found(&report, &[rule]), report.suppressed().len()),
        (one(rule, 6), 1)
    );
    let report = audit("", &comment);
    assert_eq!(
        (found(&report, &[rule]), report.suppressed().len()),
        (one(rule, 5), 0)
    );
    assert!(!ids(&report).contains(&"audit.unused-suppression"));
    let report = audit(&comment, &comment);
    assert_eq!((found(&report, &[rule]), report.suppressed().len()), (vec![], 2));
    let over = lab(&compose(&comment, ""), "").audit(&at("2031-01-01T12:00:00Z"));
    assert_eq!(
        found(&over, &[rule]),
        one(rule, 5),
        "one that is over accepts nothing"
    );
    // A comment on the service is about all of it.
    let whole = compose("", "").replace("  a:\n", &format!("  a: {comment}\n"));
    assert_eq!(found(&lab(&whole, "").audit(&now()), &[rule]), vec![]);
}

#[test]
fn an_accepted_port_of_the_local_network_accepts_no_other() {
    let rule = "access.beyond-policy";
    let compose = format!(
        "services:\n  a:\n    image: x:1\n    ports:\n      - 80:80 # homelab: allow {rule} {UNTIL}\n      - 81:81\n"
    );
    let report = lab(&compose, "[policy]\nreach = 'host'\n").audit(&now());
    assert_eq!(found(&report, &[rule]), one(rule, 6));
}

#[test]
fn accepted_privileges_accept_nothing_that_went_without_saying() {
    let rules = [
        "service.privileged",
        "service.host-namespace",
        "service.host-folder",
        "service.dangerous-capability",
    ];
    let compose = |comment: &str| {
        format!(
            "services:\n  a:\n    image: x:1\n    privileged: true{comment}\n    pid: host\n    volumes: ['/:/h']\n    cap_add:\n      - SYS_ADMIN\n      - SYS_MODULE\n"
        )
    };
    let report = lab(&compose(""), "").audit(&now());
    assert_eq!(found(&report, &rules), one("service.privileged", 4));
    let others = [
        ("service.dangerous-capability".to_owned(), Some(8)),
        ("service.host-folder".to_owned(), Some(6)),
        ("service.host-namespace".to_owned(), Some(5)),
    ];
    let comment = format!(" # homelab: allow service.privileged {UNTIL}");
    assert_eq!(found(&lab(&compose(&comment), "").audit(&now()), &rules), others);
    // Nor does switching the rule off.
    let off = "[rules]\n\"service.privileged\" = false\n\"service.host-folder\" = false\n";
    let report = lab(&compose(""), off).audit(&now());
    assert_eq!(found(&report, &rules), [others[0].clone(), others[2].clone()]);
}

#[test]
fn an_accepted_line_of_a_list_accepts_no_other() {
    for (rule, lines) in [
        (
            "service.dangerous-capability",
            "cap_add:\n      - SYS_ADMIN COMMENT\n      - SYS_MODULE\n",
        ),
        (
            "service.host-folder",
            "volumes:\n      - /:/h COMMENT\n      - /etc:/e\n",
        ),
        ("service.host-namespace", "pid: host COMMENT\n    ipc: host\n"),
        (
            "service.literal-secret",
            "environment:\n      A_PASSWORD: kVx7nQ2wLr COMMENT\n      B_PASSWORD: pZ8mT4yHcD\n",
        ),
    ] {
        let comment = format!("# homelab: allow {rule} {UNTIL}");
        let compose = format!("services:\n  a:\n    image: x:1\n    {lines}");
        let line = if lines.starts_with("pid") { 5 } else { 6 };
        let report = lab(&compose.replace("COMMENT", &comment), "").audit(&now());
        assert_eq!(found(&report, &[rule]), one(rule, line), "{compose}");
        let report = lab(&compose.replace(" COMMENT", ""), "").audit(&now());
        assert_eq!(
            found(&report, &[rule]),
            one(rule, line - 1),
            "one finding for both: {compose}"
        );
    }
}
