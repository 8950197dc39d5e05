//! Each rule fires, and stays silent where one of its conditions does not hold.

use crate::finding::Finding;
use crate::lab::Lab;

fn rules(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.rule().id).collect()
}

const TOML: &str = "[tiers]\nproduction = ['app']\nsandbox = ['toys']";

#[track_caller]
fn about_image(service: &str, toml: &str) -> Vec<&'static str> {
    let compose = format!("name: app\nservices: {{ one: {{ {service} }} }}");
    let lab = Lab::from_texts(
        "home",
        [("app/compose.yaml", compose.as_str()), ("lab.toml", toml)],
    );
    rules(&lab.update_findings())
}

#[test]
fn a_production_image_has_a_version() {
    for image in ["nginx", "nginx:latest", "nginx:stable", "ghcr.io/me/app:main"] {
        let service = format!("image: '{image}'");
        assert_eq!(about_image(&service, TOML), ["update.moving-tag"], "{image}");
        assert!(
            about_image(&service, "").is_empty(),
            "nobody said that {image} is production"
        );
        assert!(
            about_image(&service, "[tiers]\nsandbox = ['app']").is_empty(),
            "{image} in a sandbox"
        );
    }
    let digest = format!("nginx@sha256:{}", "a".repeat(64));
    for image in ["nginx:1", "nginx:1.29", "nginx:1.29.3", digest.as_str()] {
        assert!(
            about_image(&format!("image: '{image}'"), TOML).is_empty(),
            "{image}"
        );
    }
    assert!(
        about_image("image: 'me/app', build: .", TOML).is_empty(),
        "built here"
    );
    assert!(about_image("build: .", TOML).is_empty());
    assert!(
        about_image("image: 'nginx:${UNSET_HERE}'", TOML).is_empty(),
        "a diagnostic says so"
    );
}

/// Returns what is said of `app` in production beside a Watchtower.
#[track_caller]
fn beside(watchtower: &str, labels: &str) -> Vec<&'static str> {
    let tower = format!(
        "name: toys\nservices: {{ tower: {{ image: 'ghcr.io/nicholas-fedor/watchtower:1.12.3', {watchtower} }} }}"
    );
    let app = format!("name: app\nservices: {{ one: {{ image: 'nginx:1.29', {labels} }} }}");
    let files = [
        ("toys/compose.yaml", tower.as_str()),
        ("app/compose.yaml", app.as_str()),
        ("lab.toml", TOML),
    ];
    rules(&Lab::from_texts("home", files).update_findings())
}

const AUTOMATIC: [&str; 1] = ["update.automatic-in-production"];
const SILENT: [&str; 0] = [];

fn label(name: &str, value: &str) -> String {
    format!("labels: {{ 'com.centurylinklabs.watchtower.{name}': '{value}' }}")
}

#[test]
fn watchtower_takes_everything_that_nobody_forbids() {
    assert_eq!(beside("", ""), AUTOMATIC);
    assert_eq!(beside("", &label("enable", "false")), SILENT);
    assert_eq!(beside("", &label("enable", "true")), AUTOMATIC);
    assert_eq!(beside("", &label("monitor-only", "true")), SILENT);
    assert_eq!(beside("", &label("monitor-only", "false")), AUTOMATIC);
}

#[test]
fn watchtower_can_be_told_to_take_what_asks_for_it() {
    for told in [
        "command: [--label-enable]",
        "command: [--label-enable=true]",
        "environment: { WATCHTOWER_LABEL_ENABLE: 'true' }",
    ] {
        assert_eq!(beside(told, ""), SILENT, "{told}");
        assert_eq!(beside(told, &label("enable", "true")), AUTOMATIC, "{told}");
    }
    for told in [
        "command: [--label-enable=false]",
        "environment: { WATCHTOWER_LABEL_ENABLE: 'false' }",
    ] {
        assert_eq!(beside(told, ""), AUTOMATIC, "{told}");
    }
}

#[test]
fn watchtower_can_be_told_only_to_say() {
    for told in [
        "command: [--monitor-only]",
        "environment: { WATCHTOWER_MONITOR_ONLY: 'true' }",
    ] {
        assert_eq!(beside(told, ""), SILENT, "{told}");
        assert_eq!(
            beside(told, &label("monitor-only", "false")),
            SILENT,
            "{told}: its own word counts first"
        );
    }
    let labels_first = "command: [--monitor-only, --label-take-precedence]";
    assert_eq!(beside(labels_first, &label("monitor-only", "false")), AUTOMATIC);
    assert_eq!(beside(labels_first, ""), SILENT);
}

#[test]
fn watchtower_keeps_to_its_scope() {
    for told in [
        "command: [--scope, mine]",
        "command: [--scope=mine]",
        "environment: { WATCHTOWER_SCOPE: mine }",
    ] {
        assert_eq!(beside(told, ""), SILENT, "{told}");
        assert_eq!(beside(told, &label("scope", "mine")), AUTOMATIC, "{told}");
        assert_eq!(beside(told, &label("scope", "other")), SILENT, "{told}");
    }
    assert_eq!(beside("command: [--scope, none]", ""), AUTOMATIC);
    assert_eq!(
        beside("command: [--scope, none]", &label("scope", "other")),
        SILENT
    );
    assert_eq!(
        beside("command: [--scope, none]", &label("scope", "none")),
        AUTOMATIC
    );
    assert_eq!(
        beside("", &label("scope", "other")),
        AUTOMATIC,
        "without a scope it takes all"
    );
}

#[test]
fn watchtower_can_be_told_names() {
    assert_eq!(
        beside("command: [--cleanup, --interval, '300', other]", ""),
        SILENT
    );
    assert_eq!(
        beside(
            "command: [--cleanup, --interval, '300', web]",
            "container_name: web"
        ),
        AUTOMATIC
    );
    assert_eq!(
        beside("command: [app-one-1]", ""),
        AUTOMATIC,
        "the name that Compose gives"
    );
    assert_eq!(
        beside(
            "command: [--disable-containers, 'web,other']",
            "container_name: web"
        ),
        SILENT
    );
    assert_eq!(
        beside(
            "environment: { WATCHTOWER_DISABLE_CONTAINERS: web }",
            "container_name: web"
        ),
        SILENT
    );
    assert_eq!(
        beside(
            "environment: { WATCHTOWER_DISABLE_CONTAINERS: other }",
            "container_name: web"
        ),
        AUTOMATIC
    );
    assert_eq!(
        beside("command: [/watchtower]", ""),
        AUTOMATIC,
        "the program itself is no name"
    );
}

#[test]
fn watchtower_updates_its_own_machine_only() {
    let files = |host: &'static str| {
        [
            (
                "toys/compose.yaml",
                "name: toys\nservices: { tower: { image: 'nickfedor/watchtower:1.12.3' } }",
            ),
            (
                "app/compose.yaml",
                "name: app\nservices: { one: { image: 'nginx:1.29' } }",
            ),
            ("lab.toml", TOML),
            ("instance.toml", host),
        ]
    };
    let hosts = "[hosts.a]\n[hosts.b]\n[projects.toys]\nhosts = ['a']\n[projects.app]\n";
    let on = |list: &str| -> &'static str { Box::leak(format!("{hosts}hosts = [{list}]").into_boxed_str()) };
    assert_eq!(
        rules(&Lab::from_texts("home", files(on("'a'"))).update_findings()),
        AUTOMATIC
    );
    assert_eq!(
        rules(&Lab::from_texts("home", files(on("'b', 'a'"))).update_findings()),
        AUTOMATIC
    );
    assert_eq!(
        rules(&Lab::from_texts("home", files(on("'b'"))).update_findings()),
        SILENT
    );
    let unsaid = "[hosts.a]\n[hosts.b]\n[projects.toys]\nhosts = ['a']\n";
    assert_eq!(
        rules(&Lab::from_texts("home", files(unsaid)).update_findings()),
        SILENT,
        "nobody has said where it runs"
    );
}

#[test]
fn watchtower_is_told_what_makes_it_take_a_service() {
    let why = |watchtower: &str, labels: &str| {
        let tower = format!(
            "name: toys\nservices: {{ tower: {{ image: 'nickfedor/watchtower:1.12.3', {watchtower} }} }}"
        );
        let app = format!("name: app\nservices: {{ one: {{ image: 'nginx:1.29', {labels} }} }}");
        let files = [
            ("toys/compose.yaml", tower.as_str()),
            ("app/compose.yaml", app.as_str()),
            ("lab.toml", TOML),
        ];
        let findings = Lab::from_texts("home", files).update_findings();
        findings[0]
            .evidence()
            .iter()
            .map(|one| one.text().to_owned())
            .collect::<Vec<_>>()
            .join("; ")
    };
    assert!(why("", "").contains("takes every container of the machine"));
    assert!(why("command: [--label-enable]", &label("enable", "true")).contains("that has the label"));
    assert!(why("command: [--scope, mine]", &label("scope", "mine")).contains("of the scope `mine`"));
}

#[test]
fn only_production_is_to_be_updated_by_hand() {
    let files = [
        (
            "toys/compose.yaml",
            "name: toys\nservices: { tower: { image: 'nickfedor/watchtower:1.12.3' }, toy: { image: 'nginx:1' } }",
        ),
        (
            "other/compose.yaml",
            "name: other\nservices: { one: { image: 'nginx:1.29' } }",
        ),
        ("lab.toml", TOML),
    ];
    assert!(Lab::from_texts("home", files).update_findings().is_empty());
}

#[test]
fn podman_updates_by_a_label() {
    let with = |label: &str| {
        about_image(
            &format!("image: 'nginx:1.29', labels: {{ '{label}': registry }}"),
            TOML,
        )
    };
    assert_eq!(with("io.containers.autoupdate"), AUTOMATIC);
    assert_eq!(with("io.containers.other"), SILENT);
    let local = "image: 'nginx:1.29', labels: { io.containers.autoupdate: local }";
    assert_eq!(about_image(local, TOML), SILENT, "an image that is built here");
}

#[test]
fn the_archived_watchtower_is_named_wherever_it_runs() {
    for (image, expected) in [
        ("containrrr/watchtower:1.7.1", &["update.archived-updater"][..]),
        ("ghcr.io/containrrr/watchtower", &["update.archived-updater"]),
        ("v2tec/watchtower:0.3", &["update.archived-updater"]),
        ("ghcr.io/nicholas-fedor/watchtower:1.12.3", &[]),
        ("nginx:1.29", &[]),
    ] {
        assert_eq!(about_image(&format!("image: '{image}'"), ""), expected, "{image}");
    }
}
