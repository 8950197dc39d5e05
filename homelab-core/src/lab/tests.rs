mod settings;
mod slots;

use super::*;
use crate::finding::Severity;
use crate::name::HostName;
use crate::view::Reach;

const ONE: &str = "services:\n  server:\n    image: example/one:1\n";
const TWO: &str =
    "services:\n  server:\n    image: example/two:1\n  db:\n    image: postgres:16\nvolumes:\n  data:\n";

fn lab(files: &[(&str, &str)]) -> Lab {
    Lab::from_texts("home", files.iter().copied())
}

/// Every diagnostic as `rule line: message`.
fn said(lab: &Lab) -> Vec<String> {
    lab.diagnostics()
        .iter()
        .map(|finding| {
            let place = finding
                .place()
                .map_or_else(String::new, |place| place.to_string());
            format!("{} {place}: {}", finding.rule().id, finding.message())
        })
        .collect()
}

fn ids(lab: &Lab) -> Vec<String> {
    lab.services().map(|service| service.id().to_string()).collect()
}

#[test]
fn a_plain_tree_of_compose_files_is_a_lab() {
    let lab = lab(&[
        ("media/one/compose.yaml", ONE),
        ("two/docker-compose.yml", TWO),
        ("notes.md", "x"),
    ]);
    assert_eq!(said(&lab), [""; 0]);
    assert_eq!(ids(&lab), ["one/server", "two/server", "two/db"]);
    assert!(
        lab.services()
            .all(|service| service.host().is_none() && service.tier() == Tier::Unknown)
    );
    assert_eq!(lab.manifest().files().len(), 3);
    assert_eq!(lab.project("two").expect("two").services().len(), 2);
}

#[test]
fn a_compose_file_in_the_root_is_named_after_the_lab() {
    assert_eq!(ids(&lab(&[("compose.yaml", ONE)])), ["home/server"]);
}

#[test]
fn an_empty_folder_is_an_empty_lab() {
    let lab = lab(&[]);
    assert!(lab.diagnostics().is_empty());
    assert_eq!(lab.services().len(), 0);
    assert_eq!(
        lab.pattern()
            .policy()
            .allowed(&"a/b".parse().expect("an id"))
            .reach,
        Reach::Lan
    );
}

#[test]
fn a_service_is_found_by_every_name_that_is_unique() {
    let lab = lab(&[
        ("one/compose.yaml", ONE),
        ("two/compose.yaml", TWO),
        (
            "traefik/compose.yaml",
            "services: {traefik: {image: traefik}, whoami: {image: whoami}}",
        ),
        (
            "instance.toml",
            "[hosts.nas]\n[hosts.pi]\n[projects.one]\nhosts = ['nas', 'pi']\n[projects.two]\nhosts=['nas']\n[projects.traefik]\nhosts=['pi']\n",
        ),
    ]);
    assert_eq!(said(&lab), [""; 0]);
    let id = |name: &str| lab.service(name).map(|service| service.id().to_string());
    assert_eq!(id("two/server").expect("two"), "nas:two/server");
    assert_eq!(id("pi:one/server").expect("one on pi"), "pi:one/server");
    assert_eq!(id("pi:one").expect("one on pi"), "pi:one/server");
    assert_eq!(id("db").expect("a service's own name"), "nas:two/db");
    assert_eq!(id("traefik").expect("project and service"), "pi:traefik/traefik");
    let several = id("server").expect_err("three of them");
    assert_eq!(several.kind(), ErrorKind::Ambiguous);
    assert_eq!(
        several.hint(),
        Some("it could be `nas:one/server`, `pi:one/server` or `nas:two/server`")
    );
    let none = id("tow/server").expect_err("mistyped");
    assert_eq!(none.kind(), ErrorKind::NotFound);
    assert_eq!(none.hint(), Some("did you mean `two/server`?"));
    assert_eq!(
        id("nas:traefik").expect_err("elsewhere").kind(),
        ErrorKind::NotFound
    );
    assert_eq!(id("zzzzzz").expect_err("nothing near").hint(), None);
}

#[test]
fn machines_come_from_the_instance_the_folder_or_being_alone() {
    let hosts = |instance: &str| {
        let lab = lab(&[
            ("nas/one/compose.yaml", ONE),
            ("pi/two/compose.yaml", TWO),
            ("instance.toml", instance),
        ]);
        (ids(&lab), said(&lab))
    };
    let (ids, said) = hosts("[hosts.nas]\n[hosts.pi]\n");
    assert_eq!(ids, ["nas:one/server", "pi:two/server", "pi:two/db"]);
    assert_eq!(said, [""; 0]);
    assert_eq!(hosts("[hosts.only]\n").0[0], "only:one/server");
    assert_eq!(
        hosts("[hosts.nas]\n[hosts.pi]\n[projects.one]\nhosts = ['pi']\n").0[0],
        "pi:one/server"
    );
    let (ids, said) = hosts("[hosts.a]\n[hosts.b]\n");
    assert_eq!(ids[0], "one/server");
    assert_eq!(
        said,
        [
            "lab.unplaced-project instance.toml:1:1: instance.toml does not say which host runs `one` and `two`"
        ]
    );
}

#[test]
fn projects_that_share_a_name_get_those_of_their_folders() {
    let named = "name: web\nservices: {a: {image: i}}\n";
    let shared = lab(&[("x/compose.yaml", named), ("y/compose.yaml", named)]);
    assert_eq!(ids(&shared), ["x/a", "y/a"]);
    let finding = &shared.diagnostics()[0];
    assert_eq!(finding.rule().id, "lab.shared-project-name");
    assert_eq!(finding.severity(), Severity::Note, "they may be on two machines");
    assert_eq!(
        finding.message(),
        "2 folders make the project `web`: `x/compose.yaml` and `y/compose.yaml`"
    );
    assert_eq!(
        finding.place().expect("a place").to_string(),
        "x/compose.yaml:1:7"
    );

    let one_host = lab(&[
        ("x/compose.yaml", named),
        ("y/compose.yaml", named),
        ("instance.toml", "[hosts.nas]\n"),
    ]);
    assert_eq!(one_host.diagnostics()[0].severity(), Severity::Warning);
    let two_hosts = lab(&[
        ("nas/web/compose.yaml", named),
        ("pi/web/compose.yaml", named),
        ("instance.toml", "[hosts.nas]\n[hosts.pi]\n"),
    ]);
    assert_eq!(said(&two_hosts), [""; 0]);
    assert_eq!(ids(&two_hosts), ["nas:web/a", "pi:web/a"]);
    assert_eq!(
        two_hosts.project("web").expect_err("two").kind(),
        ErrorKind::Ambiguous
    );
    assert_eq!(
        ids(&lab(&[("a/web/compose.yaml", ONE), ("b/web/compose.yaml", ONE)])),
        ["web/server", "b-web/server"]
    );
}

#[test]
fn many_shared_names_are_one_finding() {
    let names = ["p", "q", "r", "s"];
    let paths: Vec<String> = names
        .iter()
        .flat_map(|name| ["x", "y"].map(|folder| format!("{folder}/{name}/compose.yaml")))
        .collect();
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), ONE)).collect();
    assert_eq!(
        said(&lab(&files)),
        [
            "lab.shared-project-name x/p/compose.yaml:1:1: 4 names are those of several projects: `p`, `q`, `r` and `s`"
        ]
    );
    assert_eq!(said(&lab(&files[..6])).len(), 3);
}

#[test]
fn files_without_a_name_of_their_own_are_called_after_their_word() {
    let lab = lab(&[
        ("media/plex.compose.yml", ONE),
        ("media/sonarr.compose.yml", ONE),
        ("media/own.compose.yml", "name: radarr\nservices: {a: {image: i}}"),
    ]);
    assert_eq!(ids(&lab), ["radarr/a", "plex/server", "sonarr/server"]);
    assert_eq!(said(&lab), [""; 0]);
}

#[test]
fn what_a_root_file_includes_is_there_once() {
    let lab = lab(&[
        (
            "compose.yaml",
            "include:\n  - one/compose.yaml\nservices:\n  extra: {image: x}\n",
        ),
        ("one/compose.yaml", ONE),
        (
            "base/compose.yaml",
            "services:\n  web: {image: base}\n  tool: {image: tool}\n",
        ),
        (
            "two/compose.yaml",
            "services:\n  web:\n    extends: {file: ../base/compose.yaml, service: web}\n",
        ),
    ]);
    assert_eq!(
        ids(&lab),
        ["home/extra", "home/server", "base/web", "base/tool", "two/web"]
    );
}

#[test]
fn units_of_podman_are_services_too() {
    let lab = lab(&[
        (
            "pods/web.container",
            "[Container]\nImage=web\nEnvironmentFile=web.env\nPublishPort=80:80\n",
        ),
        ("pods/web.env", "A=1\n"),
    ]);
    assert_eq!(ids(&lab), ["pods/web"]);
    assert_eq!(said(&lab), [""; 0]);
    assert_eq!(
        lab.service("web").expect("web").service().environment["A"]
            .value
            .as_deref(),
        Some("1")
    );
}

#[test]
fn a_compose_project_and_a_unit_of_one_name_do_not_meet_in_docker() {
    let lab = lab(&[
        ("web/compose.yaml", ONE),
        (
            "web/web.container",
            "[Container]\nImage=docker.io/library/nginx:1\n",
        ),
        ("instance.toml", "[hosts.nas]\n[projects.web]\nhosts = ['nas']\n"),
    ]);
    let shared: Vec<_> = lab
        .diagnostics()
        .iter()
        .filter(|finding| finding.rule().id == "lab.shared-project-name")
        .collect();
    let [finding] = shared.as_slice() else {
        panic!("{:?}", lab.diagnostics());
    };
    assert_eq!(
        finding.message(),
        "a Compose project and units of Podman are both called `web` here: `web/compose.yaml` and `web/web.container`"
    );
    assert_eq!(finding.severity(), crate::Severity::Note);
    assert!(finding.fix().starts_with("Nothing stops working"));
}

#[test]
fn the_nearest_word_is_near() {
    assert_eq!(nearest("raech", ["reach", "services"]), Some("reach"));
    assert_eq!(nearest("zzz", ["reach"]), None);
    assert_eq!(nearest("", ["a"]), Some("a"));
    assert_eq!(nearest(&"x".repeat(100), ["x"]), None);
    assert_eq!(
        in_words(&["a".into(), "b".into(), "c".into()], "or", 2),
        "a, b or 1 more"
    );
}

#[test]
fn files_that_are_not_read_are_named_once_for_the_lab() {
    let said = |files: &[(&str, &str)]| -> Vec<String> {
        let lab = Lab::from_texts("home", files.iter().copied());
        lab.diagnostics().iter().map(ToString::to_string).collect()
    };
    let main = ("srv/compose.yaml", "services: {a: {image: x}}");
    let other = (
        "srv/monitoring.yml",
        "services: {b: {image: x, privileged: true}}",
    );
    let media = ("srv/compose.media.yml", "services: {a: {ports: ['80:80']}}");
    assert_eq!(
        said(&[main, other, media]),
        [
            "srv/compose.media.yml:1:1: note[lab.unread-file]: not read: `srv/compose.media.yml` and `srv/monitoring.yml`"
        ]
    );
    assert_eq!(said(&[main]), [""; 0]);
    let including = (
        "srv/compose.yaml",
        "include: [monitoring.yml]\nservices: {a: {image: x}}",
    );
    assert_eq!(said(&[including, other]), [""; 0], "what is included is read");
    let extending = (
        "srv/compose.yaml",
        "services: {a: {extends: {file: monitoring.yml, service: b}}}",
    );
    assert_eq!(said(&[extending, other]), [""; 0], "what is extended is read");
    let listing = ("srv/.env", "COMPOSE_FILE=compose.yaml:compose.media.yml\n");
    assert_eq!(said(&[main, media, listing]), [""; 0], "what is listed is read");
}

#[test]
fn a_stratum_for_no_file_and_settings_that_are_no_text_are_said() {
    let files = [
        ("a/compose.yaml", "services: {a: {image: x}}"),
        ("lab.toml", "[strata]\n\"[\" = 3\n'a/*' = 2\n"),
    ];
    let lab = Lab::from_texts("home", files);
    let said: Vec<String> = lab.diagnostics().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["lab.toml:2:1: warning[lab.unknown-name]: `[` of `[strata]` matches no file"]
    );
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("lab.toml"), b"\xff\xfe[\0p\0]\0").expect("a file");
    let lab = Lab::load(folder.path()).expect("a lab");
    let finding = &lab.diagnostics()[0];
    assert_eq!(finding.rule().id, "lab.unreadable-file");
    assert_eq!(
        finding.place().map(|place| place.source().name()),
        Some("lab.toml")
    );
    assert!(finding.fix().contains("UTF-8"), "{}", finding.fix());
}
