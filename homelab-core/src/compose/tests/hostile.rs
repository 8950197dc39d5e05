//! Files that are small and would make far more of themselves: each ends soon, with a finding.

use std::fmt::Write as _;

use super::{lenient, refusal, rules};

/// Strict refuses the files with this word; lenient says this rule, once, and still has the service `kept`.
#[track_caller]
fn ends(files: &[(&str, &str)], word: &str, rule: &str) {
    let refused = refusal(files);
    assert!(refused.contains(word), "{refused}");
    let project = lenient(files);
    let said = rules(&project).into_iter().filter(|said| *said == rule).count();
    assert_eq!(said, 1, "{:?}", rules(&project));
    assert!(project.services().contains_key("kept"));
}

#[test]
fn files_that_include_two_others_each() {
    let names: Vec<String> = (0..30).map(|number| format!("app/{number}.yaml")).collect();
    let texts: Vec<String> = (1..=30)
        .map(|next| match next {
            30 => "services: {end: {image: x}}".into(),
            _ => format!("include: [{next}.yaml, {next}.yaml]"),
        })
        .collect();
    let first = "include: [0.yaml]\nservices: {kept: {image: x}}";
    let mut files = vec![("app/compose.yaml", first)];
    files.extend(
        names
            .iter()
            .map(String::as_str)
            .zip(texts.iter().map(String::as_str)),
    );
    ends(&files, "more than", "compose.syntax");
}

#[test]
fn what_is_wrong_with_a_file_of_variables_is_said_without_its_line() {
    let compose =
        "include: ['https://u:hqd82nfkw@git.example.org/x.git']\nservices: {kept: {image: x, env_file: v}}";
    for broken in ["export PW=\"hqd82nfkw", "A B=hqd82nfkw"] {
        for files in [
            [("app/.env", broken), ("app/v", "")],
            [("app/.env", ""), ("app/v", broken)],
        ] {
            let mut all = vec![("app/compose.yaml", compose)];
            all.extend(files);
            let project = lenient(&all);
            assert!(
                rules(&project).contains(&"compose.unreadable-file"),
                "{:?}",
                rules(&project)
            );
            assert!(
                rules(&project).contains(&"compose.remote"),
                "{:?}",
                rules(&project)
            );
            for finding in project.diagnostics() {
                let shown = format!("{finding:#} {finding:?} {}", finding.message());
                assert!(!shown.contains("hqd82nfkw"), "{shown}");
                let bare = finding.rule().id == "compose.unreadable-file";
                assert_eq!(finding.shows_snippet(), !bare, "{}", finding.rule().id);
            }
        }
    }
}

#[test]
fn many_services_that_extend_a_large_one() {
    let mut text = String::from("services:\n  kept:\n    image: x\n    environment:\n");
    for number in 0..1000 {
        let _ = writeln!(text, "      V{number}: a");
    }
    for number in 0..1000 {
        let _ = writeln!(text, "  s{number}: {{extends: kept}}");
    }
    ends(&[("app/compose.yaml", &text)], "more than", "compose.syntax");
}

#[test]
fn variables_that_double() {
    let mut text = String::from("V0=0123456789\n");
    for number in 1..60 {
        let before = number - 1;
        let _ = writeln!(text, "V{number}=$V{before}$V{before}");
    }
    let files = [
        ("app/compose.yaml", "services: {kept: {image: x, hostname: $V59}}"),
        ("app/.env", &text),
    ];
    ends(&files, "too long", "compose.unreadable-file");
}

#[test]
fn a_long_variable_in_many_places() {
    let mut text = String::from("services:\n  kept: {image: x}\n");
    for number in 0..1000 {
        let _ = writeln!(text, "  s{number}: {{image: $V}}");
    }
    let long = format!("V={}", "x".repeat(100_000));
    ends(
        &[("app/compose.yaml", &text), ("app/.env", &long)],
        "more than",
        "compose.syntax",
    );
    // Each value of this file is short enough, and all together are not.
    let mut all = long;
    for number in 0..1000 {
        let _ = write!(all, "\nW{number}=$V");
    }
    let files = [
        ("app/compose.yaml", "services: {kept: {image: x}}"),
        ("app/.env", &*all),
    ];
    ends(&files, "the file too long", "compose.unreadable-file");
}

#[test]
fn a_large_file_of_variables_of_many_services() {
    let mut text = String::from("services:\n  kept: {image: x}\n");
    for number in 0..1000 {
        let _ = writeln!(text, "  s{number}: {{image: x, env_file: v}}");
    }
    let values = "V=x\n".repeat(10_000);
    ends(
        &[("app/compose.yaml", &text), ("app/v", &values)],
        "more than",
        "compose.syntax",
    );
}

#[test]
fn a_long_list_whose_items_must_differ() {
    let mut text = String::from("services:\n  kept:\n    image: x\n    group_add:\n");
    for number in 1..=60_000 {
        let _ = writeln!(text, "      - {number}");
    }
    text.push_str("      - 7\n");
    ends(&[("app/compose.yaml", &text)], "twice", "compose.invalid-value");
}

#[test]
fn services_that_have_all_ports_each() {
    let text = "services: {kept: {image: a, ports: ['1-65535:1-65535', '1-65535:1-65535/udp']}, more: {image: a, ports: ['1-65535']}}";
    ends(
        &[("app/compose.yaml", text)],
        "a file cannot have more than 140000 ports",
        "compose.invalid-value",
    );
}
