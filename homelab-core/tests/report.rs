//! Reports in all their renderings, against committed files: `HOMELAB_UPDATE=1 cargo test --test report` rewrites
//! these after a change that was meant.

#![expect(clippy::disallowed_methods, reason = "tests stand outside of what they test")]

#[path = "report/sample.rs"]
mod sample;
#[path = "report/sarif.rs"]
mod sarif;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use homelab_core::finding::TextOptions;
use homelab_core::view::ReportView;
use homelab_core::{Evidence, Finding, Report, Severity, Source, Span, Subject};
use pulldown_cmark::{Event, Tag};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Compares with a committed file, or writes it when `HOMELAB_UPDATE` is set.
fn same(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os("HOMELAB_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make the folder");
        std::fs::write(&path, text).expect("write the file");
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (is, was)) in text.lines().zip(written.lines()).enumerate() {
        assert_eq!(
            is,
            was,
            "{file}:{}: run with HOMELAB_UPDATE=1 if this is meant",
            number + 1
        );
    }
    assert_eq!(
        text.len(),
        written.len(),
        "{file}: run with HOMELAB_UPDATE=1 if this is meant"
    );
}

#[test]
fn text_is_as_committed() {
    let report = sample::small();
    same("tests/report/small.txt", &report.to_string());
    same(
        "tests/report/narrow.txt",
        &report.to_text(&TextOptions::default().with_width(60)),
    );
    same(
        "tests/report/colour.txt",
        &report.to_text(&TextOptions::default().with_colour(true)),
    );
    same("tests/report/hostile.txt", &sample::hostile().to_string());
}

#[test]
fn other_forms_are_as_committed() {
    let report = sample::small();
    same("tests/report/small.json", &report.to_json());
    same(
        "tests/report/small.sarif",
        &report.to_sarif().replace(env!("CARGO_PKG_VERSION"), "VERSION"),
    );
    same("tests/report/small.md", &report.to_markdown());
    same("tests/report/hostile.md", &sample::hostile().to_markdown());
    // The style sheet and its hash are not what this looks at.
    let html = report.to_html().replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let (head, rest) = html.split_once("<style>").expect("a style sheet");
    let (_, body) = rest.split_once("</style>").expect("its end");
    let (head, _) = head.split_once("sha256-").expect("its hash");
    same("tests/report/small.html", &format!("{head}...\n{body}"));
}

#[test]
fn the_schema_is_current() {
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(ReportView)).expect("a schema");
    same("../schemas/report.schema.json", &format!("{schema}\n"));
}

#[test]
fn json_comes_back_as_the_same_records() {
    for report in [sample::small(), sample::hostile()] {
        let read: ReportView = serde_json::from_str(&report.to_json()).expect("JSON of this shape");
        assert_eq!(read, report.view());
    }
    let json: Value = serde_json::from_str(&sample::small().to_json()).expect("JSON");
    let finding = &json["findings"][0];
    for key in [
        "rule",
        "principle",
        "severity",
        "message",
        "project",
        "service",
        "file",
        "line",
        "column",
        "why",
        "fix",
    ] {
        assert!(finding.get(key).is_some(), "{key}");
    }
    assert_eq!(json["services"][0]["reach"], "host");
}

#[test]
fn no_form_shows_a_secret() {
    let report = sample::small();
    // The same place without the mark: what looks like a secret is left out all the same.
    let place = report
        .findings()
        .iter()
        .find(|finding| !finding.shows_snippet())
        .and_then(Finding::place);
    let place = place.expect("a finding that hides its lines");
    let unmarked = Finding::new(&sample::SECRET, Subject::Lab, "a secret").at(place);
    let careless = Report::new(sample::at(), vec![], vec![unmarked], vec![]);
    for report in [report, careless] {
        for text in forms(&report) {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}

fn forms(report: &Report) -> [String; 5] {
    [
        report.to_string(),
        report.to_json(),
        report.to_sarif(),
        report.to_markdown(),
        report.to_html(),
    ]
}

#[test]
fn sarif_keeps_to_its_rules() {
    let reports = [sample::small(), sample::hostile(), sample::large(60, 300)];
    for report in reports {
        let log: Value = serde_json::from_str(&report.to_sarif()).expect("JSON");
        assert_eq!(sarif::faults(&log), Vec::<String>::new());
        let results = log["runs"][0]["results"].as_array().expect("results");
        assert_eq!(results.len(), report.findings().len() + report.suppressed().len());
        let suppressed = results
            .iter()
            .filter(|result| result.get("suppressions").is_some());
        assert_eq!(suppressed.count(), report.suppressed().len());
    }
    let mut log: Value = serde_json::from_str(&sample::small().to_sarif()).expect("JSON");
    log["runs"][0]["results"][0]["ruleIndex"] = 99.into();
    log["runs"][0]["results"][1]["level"] = "bad".into();
    log["runs"][0]["results"][2]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0.into();
    log["runs"][0]["colour"] = "red".into();
    assert_eq!(sarif::faults(&log).len(), 4, "{:?}", sarif::faults(&log));
}

#[test]
fn equal_findings_have_fingerprints_of_their_own_in_sarif() {
    let source = Source::new("f", "a\na\n");
    let finding = |at: usize| {
        let place = Span::new(&source, at, at + 1);
        Finding::new(&sample::LATEST, Subject::Lab, "the same").at(&place)
    };
    let report = Report::new(sample::at(), vec![], vec![finding(0), finding(2)], vec![]);
    let log: Value = serde_json::from_str(&report.to_sarif()).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_ne!(
        results[0]["partialFingerprints"],
        results[1]["partialFingerprints"]
    );
}

#[test]
fn hostile_text_stays_text() {
    let report = sample::hostile();
    let [text, _, _, markdown, html] = forms(&report);
    for out in [&text, &markdown, &html] {
        let bad = out
            .chars()
            .find(|&c| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{2069}').contains(&c));
        assert_eq!(bad, None, "{out}");
    }
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    assert!(!html.contains("style=\"") && !html.contains("onerror=\""));
    // What a reader of Markdown makes of it: our own markup, and no link, picture or other HTML.
    let ours = [
        "<br>",
        "<!-- -->",
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
    ];
    for event in pulldown_cmark::Parser::new_ext(&markdown, pulldown_cmark::Options::all()) {
        match event {
            Event::Html(text) | Event::InlineHtml(text) => {
                let rest = ours
                    .iter()
                    .fold(text.to_string(), |rest, ours| rest.replace(ours, ""));
                assert!(!rest.contains('<'), "{text}");
            }
            Event::Start(
                Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_) | Tag::MetadataBlock(_),
            ) => {
                panic!("{event:?} in {markdown}");
            }
            Event::Text(text) => assert!(!text.contains("@alice"), "{text}"),
            _ => {}
        }
    }
    // Colours are the only control characters, and only ours.
    let coloured = report.to_text(&TextOptions::default().with_colour(true));
    assert!(!coloured.contains("\u{1b}[31mred") && !coloured.contains("\u{1b}]"));
    // A line that is a place, a message and nothing else.
    assert_eq!(report.findings()[0].to_string().lines().count(), 1);
}

#[test]
fn the_table_fits_into_its_width() {
    for width in [40, 60, 80, 120] {
        let text = sample::large(60, 0).to_text(&TextOptions::default().with_width(width));
        // The least that four columns need is a little more than 40.
        let most = width.max(54);
        for line in text.lines().filter(|line| !line.contains("; 60 services")) {
            assert!(line.chars().count() <= most, "{width}: {line}");
        }
    }
}

#[test]
fn a_long_list_of_evidence_is_cut_in_the_text_alone() {
    let mut finding = Finding::new(&sample::LATEST, Subject::Lab, "a fact about many");
    for number in 0..20 {
        finding = finding.with_evidence(Evidence::said(format!("service {number}")));
    }
    let report = Report::new(sample::at(), vec![], vec![finding], vec![]);
    let text = report.to_text(&TextOptions::default());
    assert!(text.contains("service 5") && !text.contains("service 6"));
    assert!(text.contains("and 14 more"));
    assert!(report.to_json().contains("service 19"));
}

#[test]
fn exit_codes_follow_the_worst_finding() {
    let report = sample::small();
    assert_eq!(report.exit_code(Severity::Error), 1);
    let source = Source::new("f", "x");
    let note = Finding::new(&sample::ALL_INTERFACES, Subject::Lab, "x").at(&Span::file(&source));
    let report = Report::new(sample::at(), vec![], vec![note], vec![]);
    assert_eq!(report.exit_code(Severity::Note), 1);
    assert_eq!(report.exit_code(Severity::Warning), 0);
    assert_eq!(
        Report::new(sample::at(), vec![], vec![], vec![]).exit_code(Severity::Note),
        0
    );
    assert_eq!(Report::COULD_NOT_RUN, 2);
}

#[test]
fn an_empty_lab_is_said_to_be_one() {
    let report = Report::new(sample::at(), vec![], vec![], vec![]);
    assert_eq!(report.to_string(), "no findings\n");
    assert!(report.to_html().contains("No services found"));
    assert!(report.to_markdown().contains("no findings"));
}

/// A phone shows a lab of sixty services on a few screens.
#[test]
fn many_services_are_folded_by_project() {
    let folds = |services: usize| {
        let html = sample::large(services, 0).to_html();
        assert_eq!(html.matches("<tr id=\"s").count(), services);
        html.matches("<details class=\"card group\"").count()
    };
    assert_eq!(folds(12), 0);
    let many = sample::large(60, 0);
    let projects: std::collections::BTreeSet<_> = many
        .services()
        .iter()
        .map(|service| (&service.host, &service.project))
        .collect();
    assert_eq!(folds(60), projects.len());
    let open = many
        .to_html()
        .matches("<details class=\"card group\" open>")
        .count();
    assert!(0 < open && open < projects.len(), "{open} of {}", projects.len());
}

/// The pages that `tests/browser.py` looks at: each is one document, and alone.
#[test]
fn pages_for_the_browser() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).expect("make the folder");
    let pages = [
        ("small", sample::small()),
        ("large", sample::large(60, 40)),
        ("hostile", sample::hostile()),
        ("empty", Report::new(sample::at(), vec![], vec![], vec![])),
    ];
    for (name, report) in pages {
        let html = report.to_html();
        assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
        assert!(
            !html.contains("src=\"") && !html.contains("url("),
            "{name} asks for something"
        );
        std::fs::write(folder.join(format!("{name}.html")), html).expect("write the page");
    }
}

/// What reads a pipe looks for whole names.
#[test]
fn a_whole_table_cuts_nothing() {
    let report = sample::large(60, 0);
    let cut = report.to_text(&TextOptions::default().with_width(40));
    assert!(cut.contains('…'));
    let whole = report.to_text(&TextOptions::default().with_width(40).with_whole_table(true));
    assert!(!whole.contains('…'), "{whole}");
}

/// Linear: ten times the findings take about ten times as long, and ten thousand take seconds even unoptimised.
#[test]
fn rendering_is_linear() {
    let time = |findings: usize| -> Duration {
        let report = sample::large(60, findings);
        (0..3)
            .map(|_| {
                let start = Instant::now();
                let length: usize = forms(&report).iter().map(String::len).sum();
                assert!(length > findings);
                start.elapsed()
            })
            .min()
            .unwrap_or_default()
    };
    let (few, many) = (time(500), time(5_000));
    println!("500 findings in five forms: {few:?}; 5,000: {many:?}");
    assert!(many < few * 30, "500 findings took {few:?}, 5,000 took {many:?}");
}
