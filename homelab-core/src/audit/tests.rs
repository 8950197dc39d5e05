//! What the audit does with what the judges find; the sample lab; the pages of docs/rules.

mod comments;
mod gathered;
mod parts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{ALL, Selection, index_page, rule, rule_page};
use crate::finding::{Finding, Report, Severity, Subject};
use crate::lab::Lab;
use crate::observed::Observed;

fn at(text: &str) -> Observed {
    Observed::none(text.parse::<Timestamp>().expect("a time"))
}

fn now() -> Observed {
    at("2026-12-01T12:00:00Z")
}

fn lab(compose: &str, toml: &str) -> Lab {
    Lab::from_texts("home", [("app/compose.yaml", compose), ("lab.toml", toml)])
}

/// Returns the ids of the findings, without those about reach and files that a test's small lab has besides.
fn ids(report: &Report) -> Vec<&'static str> {
    let findings = report.findings().iter().map(|finding| finding.rule().id);
    findings.filter(|id| !id.starts_with("access.")).collect()
}

#[test]
fn every_rule_is_whole_and_there_once() {
    let mut seen = BTreeMap::new();
    for rule in ALL {
        let id = rule.id;
        assert!(seen.insert(id, rule.title).is_none(), "`{id}` is there twice");
        let parts: Vec<&str> = id.split('.').collect();
        let is_word = |part: &&str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        assert!(
            parts.len() == 2 && parts.iter().all(is_word),
            "`{id}` is not `group.what-is-wrong`"
        );
        assert!(
            !rule.title.ends_with('.') && !rule.title.is_empty(),
            "the title of `{id}`"
        );
        for text in [rule.why, rule.fix] {
            assert!(text.ends_with('.') && !text.contains("  "), "`{id}`: {text}");
        }
        assert_eq!(rule.opt_in, id.starts_with("hardening."), "`{id}`");
    }
    assert_eq!(
        rule("service.privileged").map(|rule| rule.severity),
        Some(Severity::Warning)
    );
    assert_eq!(rule("service"), None);
}

const PRIVILEGED: &str = "services:\n  web:\n    image: nginx:1.29\n";

/// Returns the report about a privileged service with these lines before, on and after `privileged: true`.
fn with_comments(before: &str, on: &str, seen: &Observed) -> Report {
    let compose = format!("{PRIVILEGED}{before}    privileged: true{on}\n    restart: always\n");
    lab(&compose, "").audit(seen)
}

const ALLOW: &str = "# homelab: allow service.privileged until 2026-12-31 because the driver needs it";

#[test]
fn a_comment_accepts_the_finding_of_its_line_or_the_next() {
    let accepted = [
        (String::new(), format!(" {ALLOW}")),
        (format!("    {ALLOW}\n"), String::new()),
        (format!("{ALLOW}\n\n    # and another comment\n"), String::new()),
        (
            format!(
                "    {}\n",
                ALLOW.replace("privileged", "docker-socket, service.privileged")
            ),
            String::new(),
        ),
        (
            format!("    {}\n", ALLOW.replace("# homelab", "#homelab")),
            String::new(),
        ),
    ];
    for (before, on) in accepted {
        let report = with_comments(&before, &on, &now());
        assert_eq!(ids(&report), Vec::<&str>::new(), "{before}{on}");
        let [suppressed] = report.suppressed() else {
            panic!("{before}{on}: {:?}", report.suppressed());
        };
        assert_eq!(suppressed.reason, "the driver needs it");
        assert_eq!(suppressed.until.to_string(), "2026-12-31T23:59:59Z");
        assert_eq!(suppressed.finding.rule().id, "service.privileged");
    }
}

#[test]
fn a_comment_elsewhere_accepts_nothing_and_is_named() {
    let both = ["service.privileged", "audit.unused-suppression"];
    let compose = format!("{ALLOW}\n{PRIVILEGED}    privileged: true\n");
    assert_eq!(ids(&lab(&compose, "").audit(&now())), both, "two lines too early");
    let compose = format!("{PRIVILEGED}    privileged: true\n    {ALLOW}\n    restart: always\n");
    assert_eq!(ids(&lab(&compose, "").audit(&now())), both, "the line after");
    let other = ALLOW.replace("privileged", "docker-socket");
    assert_eq!(
        ids(&with_comments("", &format!(" {other}"), &now())),
        both,
        "another rule"
    );
    let compose = format!("{PRIVILEGED}    restart: always\n    {ALLOW}\n");
    assert_eq!(
        ids(&lab(&compose, "").audit(&now())),
        ["audit.unused-suppression"],
        "at the end"
    );
}

#[test]
fn what_only_looks_like_a_comment_is_none() {
    let report = with_comments(
        "    command: 'x#homelab: allow service.privileged until 2026-12-31 because x'\n",
        "",
        &now(),
    );
    assert_eq!(ids(&report), ["service.privileged"]);
    let report = with_comments("    # about homelab: allow service.privileged\n", "", &now());
    assert_eq!(ids(&report), ["service.privileged"]);
}

#[test]
fn what_explains_a_comment_is_none() {
    let readme = "Write `# homelab: allow service.privileged` and say why.\n";
    let texts = [
        ("services/web/compose.yaml", "services: { web: { image: nginx } }"),
        ("README.md", readme),
        ("notes.txt", "# homelab: allow service.privileged"),
    ];
    let report = Lab::from_texts("home", texts).audit(&now());
    assert_eq!(ids(&report), Vec::<&str>::new());
}

#[test]
fn a_comment_counts_to_the_end_of_its_last_day() {
    let before = format!("    {ALLOW}\n");
    assert!(ids(&with_comments(&before, "", &at("2026-12-31T23:59:59Z"))).is_empty());
    let report = with_comments(&before, "", &at("2027-01-01T00:00:00Z"));
    assert_eq!(
        ids(&report),
        ["service.privileged"],
        "and the comment is not unused"
    );
    assert!(report.suppressed().is_empty());
    let evidence = report.findings()[0].evidence().last().expect("why it is shown");
    assert_eq!(evidence.text(), "was accepted until 2026-12-31, which is over");
    assert_eq!(evidence.place().map(|place| place.line()), Some(4));
}

#[test]
fn a_comment_that_lacks_a_part_accepts_nothing_and_says_which() {
    for (comment, lacking) in [
        ("allow service.privileged because it must", "no end"),
        ("allow service.privileged until 2026-12-31", "no reason"),
        ("allow service.privileged until 2026-12-31 because", "no reason"),
        (
            "allow service.privileged until soon because it must",
            "`soon` is not a date",
        ),
        ("allow until 2026-12-31 because it must", "names no rule"),
        (
            "allow service.priviledged until 2026-12-31 because it must",
            "no rule `service.priviledged`",
        ),
        (
            "allow audit.unused-suppression until 2026-12-31 because it must",
            "cannot be accepted",
        ),
        ("ignore service.privileged", "does not say `allow`"),
        (
            "allow service.privileged until 2026-12-31because it must",
            "is not a date",
        ),
    ] {
        let report = with_comments(&format!("    # homelab: {comment}\n"), "", &now());
        let mut found = ids(&report);
        found.sort_unstable();
        assert_eq!(
            found,
            ["audit.bad-suppression", "service.privileged"],
            "{comment}"
        );
        let bad = report
            .findings()
            .iter()
            .find(|finding| finding.rule().id == "audit.bad-suppression");
        let bad = bad.expect("it was found");
        assert!(bad.message().contains(lacking), "{comment}: {}", bad.message());
        assert_eq!(
            bad.place().map(|place| (place.line(), place.column())),
            Some((4, 5))
        );
        assert_eq!(
            bad.fix().contains("`service.privileged`"),
            comment.contains("priviledged")
        );
    }
}

#[test]
fn a_comment_about_a_rule_that_is_off_is_not_unused() {
    let compose = format!("{PRIVILEGED}    {ALLOW}\n    privileged: true\n");
    let report = lab(&compose, "[rules]\n\"service.privileged\" = false").audit(&now());
    assert!(ids(&report).is_empty() && report.suppressed().is_empty());
}

#[test]
fn a_comment_in_lab_toml_counts_too() {
    let toml =
        "# homelab: allow lab.unknown-key until 2026-12-31 because a newer version knows it\nnovel = 1\n";
    let report = lab(PRIVILEGED, toml).audit(&now());
    assert_eq!(ids(&report), Vec::<&str>::new());
    assert_eq!(report.suppressed().len(), 1);
}

#[test]
fn lab_toml_switches_rules_and_groups() {
    let compose =
        format!("{PRIVILEGED}    privileged: true\n    volumes: ['/run/docker.sock:/run/docker.sock']\n");
    let both = ["service.privileged", "service.docker-socket"];
    let with = |toml: &str| {
        ids(&lab(&compose, toml).audit(&now()))
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(with(""), both);
    assert_eq!(with("[rules]\n\"service.privileged\" = false"), both[1..]);
    assert_eq!(with("[rules]\nservice = false"), Vec::<String>::new());
    assert_eq!(
        with("[rules]\nservice = false\n\"service.privileged\" = true"),
        both[..1]
    );
    assert_eq!(with("[rules]\nhardening = true").len(), 2 + 5);
    assert_eq!(with("[rules]\n\"hardening.limits\" = true").len(), 2 + 1);
    assert_eq!(
        with("[rules]\nhardening = true\n\"hardening.limits\" = false").len(),
        2 + 4
    );
}

#[test]
fn a_switch_without_a_rule_is_named() {
    let report = lab(
        PRIVILEGED,
        "[rules]\n\"service.privileged\" = true\nhardning = true\n",
    )
    .audit(&now());
    assert_eq!(ids(&report), ["audit.unknown-rule"]);
    let finding = &report.findings()[0];
    assert!(finding.fix().contains("`hardening`"), "{}", finding.fix());
    assert_eq!(
        finding.place().map(|place| (place.source().name(), place.line())),
        Some(("lab.toml", 3))
    );
}

#[test]
fn a_selection_comes_before_lab_toml() {
    let compose =
        format!("{PRIVILEGED}    privileged: true\n    volumes: ['/run/docker.sock:/run/docker.sock']\n");
    let with = |selection: &str| {
        let selection: Selection = selection.parse().expect(selection);
        let lab = lab(&compose, "[rules]\n\"service.privileged\" = false");
        lab.audit_with(&now(), &selection)
            .findings()
            .iter()
            .map(|finding| finding.rule().id)
            .collect::<Vec<_>>()
    };
    let (privileged, socket) = ("service.privileged", "service.docker-socket");
    assert_eq!(with("service"), [privileged, socket]);
    assert_eq!(with("service.docker-socket"), [socket]);
    assert!(with("+service.privileged").contains(&privileged));
    assert!(with("+service.privileged").contains(&socket));
    assert_eq!(with("hardening").len(), 5);
    assert_eq!(with("-all"), Vec::<&str>::new());
    assert_eq!(with("-all,+service"), [privileged, socket]);
    assert_eq!(with("service, -service.privileged"), [socket]);
    let error = "servce".parse::<Selection>().expect_err("no such group");
    assert_eq!(
        (error.to_string().as_str(), error.hint()),
        ("find rule `servce`", Some("did you mean `service`?"))
    );
}

/// Returns a lab of so many privileged services.
fn many(count: usize) -> Lab {
    let services: String = (0..count)
        .map(|at| format!("  s{at}:\n    image: example/unknown:1\n    privileged: true\n"))
        .collect();
    lab(&format!("name: app\nservices:\n{services}"), "")
}

#[test]
fn what_is_true_of_more_than_three_services_is_one_finding() {
    let report = many(3).audit(&now());
    assert_eq!(ids(&report), ["service.privileged"; 3]);
    let report = many(4).audit(&now());
    let found: Vec<&Finding> = report
        .findings()
        .iter()
        .filter(|finding| finding.rule().id == "service.privileged")
        .collect();
    let [finding] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(*finding.subject(), Subject::Lab);
    assert!(
        finding
            .message()
            .ends_with("4 services, `app/s0`, `app/s1`, `app/s2` and `app/s3`"),
        "{}",
        finding.message()
    );
    assert_eq!(finding.evidence().len(), 4, "nothing is lost");
    assert_eq!(
        finding.evidence()[3].text(),
        "`app/s3`: `unknown` runs with all privileges"
    );
    assert_eq!(
        finding.place().map(|place| place.line()),
        Some(5),
        "the first of them"
    );
    let many = many(9).audit(&now());
    let message = many
        .findings()
        .iter()
        .find(|finding| finding.rule().id == "service.privileged")
        .map(Finding::message);
    assert!(
        message.is_some_and(|message| message.ends_with("`app/s4` and 4 more")),
        "{message:?}"
    );
}

#[test]
fn findings_of_two_weights_are_two_facts() {
    let services: String = (0..6)
        .map(|at| {
            let image = if at < 3 {
                "docker:29-dind"
            } else {
                "example/unknown:1"
            };
            format!("  s{at}:\n    image: {image}\n    privileged: true\n")
        })
        .collect();
    let report = lab(&format!("services:\n{services}"), "").audit(&now());
    assert_eq!(ids(&report), ["service.privileged"; 6]);
}

#[test]
fn several_findings_about_one_service_are_not_many_services() {
    let toml = "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\n";
    let report = lab(PRIVILEGED, toml).audit(&now());
    assert_eq!(ids(&report), ["lab.unknown-key"; 5], "each about another place");
}

#[test]
fn what_is_true_of_one_thing_many_times_is_one_finding() {
    let with = |count: usize| {
        let keys: String = (0..count).map(|at| format!("    k{at}: 1\n")).collect();
        let compose = format!("{PRIVILEGED}{keys}");
        lab(&compose, "").audit(&now())
    };
    assert_eq!(ids(&with(3)), ["compose.unknown-key"; 3]);
    let report = with(4);
    assert_eq!(ids(&report), ["compose.unknown-key"]);
    let finding = &report.findings()[0];
    assert!(
        finding.message().ends_with("and 3 more of the kind"),
        "{}",
        finding.message()
    );
    assert_eq!(finding.evidence().len(), 4, "nothing is lost");
    assert_eq!(finding.project().map(|project| project.as_str()), Some("app"));
}

#[test]
fn two_audits_of_one_lab_are_equal() {
    let lab = sample();
    assert_eq!(lab.audit(&now()), lab.audit(&now()));
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sample() -> Lab {
    Lab::load(workspace().join("examples/lab")).expect("the sample lab is part of the sources")
}

#[test]
fn the_sample_lab_is_clean_but_for_what_is_wrong_on_purpose() {
    let report = sample().audit(&now());
    let others: Vec<String> = report
        .findings()
        .iter()
        .filter(|finding| {
            finding
                .project()
                .is_none_or(|project| project.as_str() != "filebrowser")
        })
        .map(ToString::to_string)
        .collect();
    assert_eq!(others, Vec::<String>::new());
    let mut wrong: Vec<&str> = report
        .findings()
        .iter()
        .map(|finding| finding.rule().id)
        .collect();
    wrong.sort_unstable();
    for expected in [
        "service.docker-socket",
        "service.literal-secret",
        "update.moving-tag",
    ] {
        assert!(wrong.contains(&expected), "{expected} is not among {wrong:?}");
    }
    assert!(
        report.fails(Severity::Error),
        "an open door is an error: {wrong:?}"
    );
}

/// The budget: findings worth reading. The sample lab is one; the test over a corpus prints its own.
#[test]
fn the_sample_lab_keeps_the_budget() {
    let report = sample().audit(&now());
    let (findings, services) = (report.findings().len(), report.services().len());
    println!("{findings} findings, {services} services");
    assert!(
        services >= 20 && findings <= 2 * services,
        "{findings} of {services}"
    );
}

#[test]
fn rule_pages_are_current() {
    let folder = workspace().join("docs/rules");
    let mut pages: BTreeMap<String, String> = ALL
        .iter()
        .map(|rule| (format!("{}.md", rule.id), rule_page(rule)))
        .collect();
    pages.insert("README.md".to_owned(), index_page());
    let there = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort_unstable();
        names
    };
    if std::env::var_os("HOMELAB_UPDATE").is_some() {
        std::fs::create_dir_all(&folder).expect("docs can be written");
        for name in there(&folder).iter().filter(|name| !pages.contains_key(*name)) {
            std::fs::remove_file(folder.join(name)).expect("a page of a rule that is gone");
        }
        for (name, text) in &pages {
            std::fs::write(folder.join(name), text).expect("docs can be written");
        }
    }
    let hint = "HOMELAB_UPDATE=1 cargo test -p homelab-core rule_pages writes them";
    assert_eq!(
        there(&folder),
        pages.keys().cloned().collect::<Vec<_>>(),
        "{hint}"
    );
    for (name, text) in &pages {
        let written = std::fs::read_to_string(folder.join(name)).expect("it is there");
        assert!(
            written == *text,
            "docs/rules/{name} is not what the code says: {hint}"
        );
    }
}

#[test]
fn what_could_not_be_read_is_said_whatever_is_selected() {
    let broken = lab("services: [\n", "[rules]\ncompose = false\n");
    for rules in ["access", "all,-compose", "service,-all", ""] {
        let selection: Selection = rules.parse().expect("known rules");
        let report = broken.audit_with(&now(), &selection);
        assert!(
            ids(&report).contains(&"compose.syntax"),
            "{rules}: {:?}",
            ids(&report)
        );
    }
    let off: Selection = "access,-compose.syntax".parse().expect("known rules");
    assert!(!ids(&broken.audit_with(&now(), &off)).contains(&"compose.syntax"));
    let other: Selection = "access".parse().expect("a known group");
    assert_eq!(
        ids(&lab(PRIVILEGED, "[rulez]\n").audit_with(&now(), &other)),
        [""; 0],
        "other mistakes are as selected"
    );
}

#[test]
fn a_folder_without_any_service_is_said_to_be_one() {
    let empty = Lab::from_texts("home", [("notes.md", "# Notes\n")]);
    let only: Selection = "access".parse().expect("a known group");
    let report = empty.audit_with(&now(), &only);
    assert_eq!(ids(&report), ["lab.nothing-declared"]);
    assert!(report.to_string().contains("no Compose file"), "{report}");
    assert_eq!(report.exit_code(Severity::Warning), 0);
    assert_eq!(ids(&lab(PRIVILEGED, "").audit_with(&now(), &only)), [""; 0]);
}

/// Each value stands where a judge quotes it: a port that is none, a host name, a network, an image's tag, a limit.
#[test]
fn a_secret_value_is_in_no_output() {
    let compose = "services:
  proxy:
    image: traefik:v3.6.2
    command: [--providers.docker, --entrypoints.web.address=:80]
    ports: ['80:80', '${TOKEN}:90']
    volumes: ['/var/run/docker.sock:/var/run/docker.sock']
    networks: [edge]
  web:
    image: 'example/web:${TOKEN}'
    mem_limit: ${API_KEY}
    cap_add: [SYS_ADMIN]
    networks: [edge]
    expose: ['${PIN}']
    labels:
      traefik.http.routers.web.rule: Host(`${TOKEN}.example.net`) || Host(`${API_KEY}.example.org`)
networks:
  edge:
    name: net-${TOKEN}
";
    let env = "TOKEN=SecretValueA\nAPI_KEY=SecretValueB\nPIN=4711\n";
    let toml = "[slots.TOKEN]\nsecret = true\n[slots.API_KEY]\nsecret = true\n[slots.PIN]\nsecret = true\n";
    for toml in [toml, ""] {
        let lab = Lab::from_texts(
            "home",
            [
                ("app/compose.yaml", compose),
                ("app/.env", env),
                ("lab.toml", toml),
            ],
        );
        let report = lab.audit(&now());
        let exposures: Vec<String> = lab.exposures(&now()).iter().map(ToString::to_string).collect();
        let said: Vec<String> = lab
            .diagnostics()
            .iter()
            .map(|finding| format!("{finding:?}"))
            .collect();
        let outputs = [
            report.to_string(),
            report.to_json(),
            report.to_sarif(),
            report.to_markdown(),
            report.to_html(),
            exposures.join("\n"),
            said.join("\n"),
        ];
        for output in &outputs {
            let lower = output.to_ascii_lowercase();
            assert!(!lower.contains("secretvalue"), "{output}");
            assert!(toml.is_empty() || !lower.contains("4711"), "{output}");
        }
        assert!(outputs[1].contains("${TOKEN}.example.net"), "{}", outputs[1]);
    }
}
