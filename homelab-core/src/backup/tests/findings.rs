//! What is worth saying of copies.

use super::*;
use crate::finding::Severity;

#[test]
fn findings_are_one_of_a_kind_with_a_list() {
    let rules = |pattern: &str, instance: &str, seen: &Observed| -> Vec<(String, Severity, String)> {
        let found = lab(pattern, instance).backup_findings(seen);
        found
            .iter()
            .map(|one| (one.rule().id.to_owned(), one.severity(), one.message().to_owned()))
            .collect()
    };
    let two = "[datasets.photos]\nclass = 'irreplaceable'\npaths = ['/mnt/tank/photos']\n[datasets.notes]\nclass = 'irreplaceable'\npaths = ['/mnt/tank/notes']\n\
               [datasets.logs]\nclass = 'reproducible'\npaths = ['/mnt/tank/logs']\n[datasets.blog]\nclass = 'important'\npaths = ['/mnt/tank/blog']\n";
    let nothing = rules(two, "", &Observed::none(now()));
    assert_eq!(
        nothing,
        [(
            "backup.nothing-declared".to_owned(),
            Severity::Warning,
            "nothing is known to copy data that cannot be made again: `photos` and `notes`".to_owned()
        )]
    );
    // Repositories that nobody asked are no reason to speak.
    assert!(rules(two, INSTANCE, &Observed::none(now())).is_empty());
    let none = rules(
        two,
        INSTANCE,
        &seen([holdings("second", []), holdings("offsite", [])]),
    );
    let ids: Vec<(&str, Severity)> = none
        .iter()
        .map(|(id, severity, _)| (id.as_str(), *severity))
        .collect();
    assert_eq!(
        ids,
        [
            ("backup.no-copy", Severity::Error),
            ("backup.no-copy", Severity::Warning)
        ]
    );
    // All is well but that nobody ever tried.
    assert_eq!(rules(PHOTOS, INSTANCE, &seen(both()))[0].0, "backup.drill-due");
    let mut drilled = both();
    let drill = |days: i64| Drill {
        at: now() - SignedDuration::from_hours(24 * days),
        snapshot: "s".into(),
        passed: true,
        databases: false,
        proof: "all".into(),
    };
    drilled[0]
        .drills
        .insert("photos".parse().expect("a name"), drill(90));
    assert!(rules(PHOTOS, INSTANCE, &seen(drilled.clone())).is_empty());
    drilled[0]
        .drills
        .insert("photos".parse().expect("a name"), drill(91));
    assert_eq!(rules(PHOTOS, INSTANCE, &seen(drilled)).len(), 1);
    let short = rules(
        PHOTOS,
        INSTANCE,
        &seen([holdings("second", [snapshot(1, "/mnt")]), holdings("offsite", [])]),
    );
    assert_eq!(
        (short[0].0.as_str(), short[0].1),
        ("backup.falls-short", Severity::Warning)
    );
}

#[test]
fn a_copy_that_went_stale_is_said_where_the_others_are_enough() {
    let more = format!(
        "{INSTANCE}[repositories.third]\nkind = 'restic'\nlocation = '/mnt/vault/restic'\nhost = 'nas'\nkey_kept = ['a safe']\n"
    );
    let all = both()
        .into_iter()
        .chain([holdings("third", [snapshot(300, "/mnt")])]);
    let found = lab(PHOTOS, &more).backup_findings(&seen(all));
    assert_eq!(found[0].rule().id, "backup.stale-copy");
    assert!(
        found[0].evidence()[0]
            .text()
            .contains("`third`: its newest whole snapshot is 12 d old, and may be 36 h"),
        "{:?}",
        found[0].evidence()
    );
}

#[test]
fn nothing_accepts_that_irreplaceable_data_has_no_copy() {
    let accepted = "# homelab: allow backup.no-copy until 2028-01-01 because it is fine
[datasets.photos]
class = 'CLASS'
paths = ['/mnt/tank/photos']
[rules]
RULES
";
    let found = |class: &str, rules: &str| {
        let lab = lab(
            &accepted.replace("CLASS", class).replace("RULES", rules),
            INSTANCE,
        );
        let report = lab.audit(&seen([holdings("second", []), holdings("offsite", [])]));
        report
            .findings()
            .iter()
            .filter(|one| one.rule().id == "backup.no-copy")
            .count()
    };
    assert_eq!(found("irreplaceable", ""), 1);
    assert_eq!(found("irreplaceable", "backup = false"), 1);
    assert_eq!(found("irreplaceable", "\"backup.no-copy\" = false"), 1);
    assert_eq!(found("important", ""), 0);
    assert_eq!(found("important", "backup = false"), 0);
    // Asked for other rules only, the audit answers that.
    let lab = lab(PHOTOS, INSTANCE);
    let only = "service".parse().expect("a selection");
    assert!(
        lab.audit_with(&seen([holdings("second", [])]), &only)
            .findings()
            .iter()
            .all(|one| !one.rule().id.starts_with("backup"))
    );
}

#[test]
fn a_repository_that_cannot_be_elsewhere_does_not_silence_the_audit() {
    let found = |instance: &str, rules: &str| {
        let pattern = format!("{PHOTOS}[rules]\n{rules}\n");
        let all = [("lab.toml", &*pattern), ("instance.toml", instance)];
        let report = Lab::from_texts("home", all).audit(&Observed::none(now()));
        let mut all = report.findings().iter();
        let one = all.find(|one| one.rule().id == "backup.nothing-declared");
        one.map(|one| one.evidence()[0].text().to_owned())
    };
    let nas = "[hosts.nas]\nsite = 'house'\nmedia = { tank = ['/mnt/tank'] }\n";
    let of = |repository: &str| found(&format!("{nas}[repositories.r]\n{repository}"), "");
    assert!(of("location = 'garbage'").is_some_and(|text| text.contains("`r`: whether it lies")));
    assert!(of("kind = 'rclone'\nlocation = 'b2:copies'").is_some_and(|text| text.contains("synchronising")));
    assert!(of("location = '/mnt/tank/r'").is_some_and(|text| text.contains("lies on `tank`")));
    assert_eq!(
        of("kind = 'restic'\nlocation = 'b2:copies'\nkey_kept = ['a safe']"),
        None
    );
    assert!(
        found("", "\"backup.nothing-declared\" = false").is_some(),
        "no switch accepts it"
    );
}

#[test]
fn an_old_copy_is_old_and_not_absent() {
    let stale = seen([
        holdings("second", []),
        holdings("offsite", [snapshot(37, "/mnt")]),
    ]);
    let found = lab(PHOTOS, INSTANCE).backup_findings(&stale);
    assert_eq!(found[0].rule().id, "backup.falls-short");
    assert!(found[0].evidence()[0].text().contains("37 h old"), "{found:?}");
}
