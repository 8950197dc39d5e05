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
fn both_settings_files_are_read_in_full() {
    let lab = lab(&[
        ("services/one/compose.yaml", ONE),
        ("services/two/compose.yaml", TWO),
        ("lab.toml", include_str!("fixtures/lab.toml")),
        ("instance.toml", include_str!("fixtures/instance.toml")),
    ]);
    assert_eq!(said(&lab), [""; 0]);
    let pattern = lab.pattern();
    assert_eq!(pattern.audience(), Some(Audience::Family));
    let allowed = |id: &str| pattern.policy().allowed(&id.parse().expect("an id"));
    assert_eq!(allowed("one/server").reach, Reach::Tailnet);
    assert_eq!(allowed("two/server").reach, Reach::Lan, "the project's line");
    assert_eq!(
        allowed("two/db").reach,
        Reach::None,
        "the service's own line is more exact"
    );
    assert_eq!(allowed("two/db").span.expect("a line").text(), "\"none\"");
    assert_eq!(lab.service("two/db").expect("two/db").tier(), Tier::Production);
    let dataset = &pattern.datasets()["photos"];
    assert_eq!(dataset.class(), Some(crate::system::Class::Irreplaceable));
    assert_eq!(dataset.recovery_point().expect("one").as_hours(), 12);
    assert_eq!(dataset.volumes()[0].value().1, "data");
    let exception = &pattern.exceptions()[0];
    assert!(
        exception
            .service()
            .value()
            .matches(&"nas:one/server".parse().expect("an id"))
    );
    assert_eq!(
        (exception.reach(), exception.owner().as_str()),
        (Reach::Internet, "admin")
    );
    assert_eq!(exception.mitigations().len(), 2);
    let at = |text: &str| text.parse().expect("a time");
    assert!(!exception.is_expired(at("2027-06-30T23:59:59Z")));
    assert!(exception.is_expired(at("2027-07-01T00:00:00Z")));
    assert_eq!(
        pattern
            .rules()
            .iter()
            .map(|(id, on)| (id.as_str(), *on.value()))
            .collect::<Vec<_>>(),
        [
            ("hardening", true),
            ("compose.unset-variable", false),
            ("image.latest", false)
        ]
    );

    let instance = lab.instance();
    assert_eq!(instance.id(), Some("0b7c2a1e-1111-4222-8333-944455556666"));
    let nas = instance
        .host(&HostName::new("nas").expect("a name"))
        .expect("nas");
    assert_eq!(nas.kind(), Some(HostKind::TrueNas));
    assert_eq!(nas.public_addresses(), Some(&[][..]));
    assert_eq!(nas.forwards().expect("said").len(), 2);
    assert_eq!(nas.forwards().expect("said")[1].target().to_string(), "9000-9010");
    assert_eq!(nas.interfaces().len(), 2);
    assert_eq!(nas.interfaces()[1].zone(), Some(Reach::Tailnet));
    let pi = instance.host(&HostName::new("pi").expect("a name")).expect("pi");
    assert_eq!(
        (pi.public_addresses(), pi.forwards().map(<[_]>::len)),
        (None, None)
    );
    assert!(instance.is_tailnet_address("100.64.1.2".parse().expect("an address")));
    assert_eq!(instance.people()["alice"].login(), Some("alice@example.com"));
    let roster = instance.roster();
    assert_eq!(roster.users()[0].role(), Some(crate::tailnet::Role::Owner));
    let [nas, phone] = roster.devices() else {
        panic!("two devices: {roster:?}");
    };
    assert_eq!(
        (nas.user(), nas.owner(), nas.ssh()),
        (Some("alice@example.com"), None, Some(true))
    );
    assert_eq!(
        (
            nas.advertised().len(),
            nas.approved().len(),
            nas.addresses().len()
        ),
        (2, 1, 2)
    );
    assert_eq!(
        (nas.os(), nas.client_version(), nas.services().len()),
        (Some("linux"), Some("1.102.3"), 1)
    );
    assert_eq!(phone.approved(), phone.advertised(), "all, where nothing is said");
    assert_eq!(
        (phone.is_shields_up(), phone.is_external(), phone.accepts_routes()),
        (true, false, Some(true))
    );
    assert_eq!(
        instance.repositories()["offsite"]
            .password()
            .expect("one")
            .to_string(),
        "env:RESTIC_PASSWORD"
    );
}

#[test]
fn a_bad_value_loses_only_itself() {
    let text = "\
audience = 'familly'
[policy]
reach = 'tailnet'
raech = 'lan'
[policy.services]
'one/server' = 'everywhere'
'Not A Name' = 'lan'
[tiers]
production = ['one', 7]
[[exceptions]]
service = 'one/server'
reach = 'internet'
reason = 'a form that others post to'
owner = 'admin'
mitigations = ['auth']
[datasets.photos]
recovery_point = '36 hours'
class = 'important'
[slots]
'A-B' = {}
[strata]
'docs/**' = 9
[polcy]
reach = 'lan'
";
    let lab = lab(&[("one/compose.yaml", ONE), ("lab.toml", text)]);
    assert_eq!(
        said(&lab),
        [
            "lab.invalid-value lab.toml:1:12: `audience` is `familly`, expected one of `solo`, `family`, `friends`, `team` and `public`",
            "lab.invalid-value lab.toml:6:16: `policy.services.\"one/server\"` is `everywhere`, expected one of `none`, `host`, `tailnet`, `lan` and `internet`",
            "lab.invalid-value lab.toml:7:1: `Not A Name` is not a name, expected lower-case letters, digits, `-` and `_`, beginning with a letter or digit",
            "lab.unknown-key lab.toml:4:1: unknown key `raech` in `policy`",
            "lab.invalid-value lab.toml:9:22: `tiers.production[1]` is a whole number, expected a name in quotes",
            "lab.invalid-value lab.toml:17:18: `datasets.photos.recovery_point` is `36 hours`, expected a duration such as `36h` or `7d`",
            "lab.missing-value lab.toml:10:1: `exceptions[0]` has no `expires`",
            "lab.invalid-value lab.toml:20:1: `A-B` is not a name, expected letters, digits and `_`, not beginning with a digit",
            "lab.invalid-value lab.toml:22:13: `strata.\"docs/**\"` is `9`, expected a stratum from 1 to 5",
            "lab.unknown-key lab.toml:23:2: unknown key `polcy` at the top of the file",
        ]
    );
    let fixes: Vec<_> = lab.diagnostics().iter().map(crate::Finding::fix).collect();
    assert_eq!(fixes[0], "did you mean `family`?");
    assert_eq!(
        fixes[3],
        "did you mean `reach`? known keys are `reach` and `services`"
    );
    let pattern = lab.pattern();
    assert_eq!(
        pattern.policy().reach().map(|reach| *reach.value()),
        Some(Reach::Tailnet)
    );
    assert!(
        pattern.exceptions().is_empty(),
        "without an end it would last for ever"
    );
    assert_eq!(pattern.tier(&"one".parse().expect("a name")), Tier::Production);
    assert_eq!(
        pattern.datasets()["photos"].class(),
        Some(crate::system::Class::Important)
    );
}

#[test]
fn an_entry_that_lacks_several_keys_is_one_finding() {
    let lab = lab(&[
        ("one/compose.yaml", ONE),
        ("lab.toml", "[[exceptions]]\nservice = 'one/server'\n"),
    ]);
    assert_eq!(
        said(&lab),
        [
            "lab.missing-value lab.toml:1:1: `exceptions[0]` has no `reach`, `reason`, `owner`, `expires` and `mitigations`"
        ]
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
fn lines_that_are_no_toml_are_said_once_and_the_rest_is_read() {
    let lab = lab(&[("lab.toml", "audience = family\n[policy]\nreach = 'lan'\n= 3\n")]);
    let said = said(&lab);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("lab.invalid-toml lab.toml:1:"), "{said:?}");
    assert!(said[1].starts_with("lab.invalid-toml lab.toml:4:"), "{said:?}");
    assert_eq!(
        lab.pattern().policy().reach().map(|reach| *reach.value()),
        Some(Reach::Lan)
    );
}

#[test]
fn bad_values_of_the_instance_are_said_and_secrets_are_not_repeated() {
    let text = "\
id = '../../x'
[hosts.nas]
kind = 'truenass'
addresses = ['192.0.2.300', '192.0.2.3']
public_addresses = ['nope']
[[hosts.nas.forwards]]
port = 70000
[[hosts.nas.forwards]]
port = 443
protocol = 'tpc'
[repositories.offsite]
password = 'hunter2'
host = 'nsa'
";
    let lab = lab(&[("instance.toml", text)]);
    let said = said(&lab);
    assert!(said.iter().all(|line| !line.contains("hunter2")), "{said:?}");
    let places: Vec<&str> = said
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap_or_default())
        .collect();
    assert_eq!(
        places,
        [
            "instance.toml:1:6:",
            "instance.toml:3:8:",
            "instance.toml:4:14:",
            "instance.toml:5:21:",
            "instance.toml:7:8:",
            "instance.toml:10:12:",
            "instance.toml:12:12:",
            "instance.toml:13:8:"
        ],
        "{said:?}"
    );
    let nas = lab.instance().hosts().next().expect("nas");
    assert_eq!(nas.addresses().len(), 1);
    assert_eq!(
        nas.public_addresses(),
        None,
        "what was not understood is not known"
    );
    let forwards = nas.forwards().expect("one is understood");
    assert_eq!(
        forwards[0].protocols().len(),
        2,
        "a protocol that is not understood may be either"
    );
}

#[test]
fn names_that_nobody_has_are_said_with_the_nearest() {
    let lab = lab(&[
        ("immich/compose.yaml", TWO),
        (
            "lab.toml",
            "[tiers]\nproduction = ['imich']\n[policy.services]\n'immich/sever' = 'lan'\n[datasets.d]\nvolumes = ['immich/dada']\n",
        ),
        (
            "instance.toml",
            "[hosts.nas]\n[projects.immich]\nhosts = ['nsa']\n",
        ),
    ]);
    assert_eq!(
        said(&lab),
        [
            "lab.unknown-name lab.toml:2:15: `tiers.production` names the project `imich`, which the lab does not have",
            "lab.unknown-name lab.toml:4:1: `policy.services` names the service `immich/sever`, which the lab does not have",
            "lab.unknown-name lab.toml:6:12: `datasets.d` names the volume `dada`, which the lab does not have",
            "lab.unknown-name instance.toml:3:10: `projects.immich.hosts` names the host `nsa`, which the lab does not have",
        ]
    );
    let fixes: Vec<_> = lab.diagnostics().iter().map(crate::Finding::fix).collect();
    assert_eq!(
        fixes,
        [
            "did you mean `immich`?",
            "did you mean `immich/server`?",
            "did you mean `data`?",
            "did you mean `nas`?"
        ]
    );
}

#[test]
fn what_is_this_labs_alone_does_not_belong_into_the_pattern() {
    let text = "\
# reach the nas at 192.168.7.20
[datasets.photos]
paths = ['/mnt/tank/photos', '${PHOTOS}', 'photos/raw']
[slots.PROXY]
description = 'who may ask: 100.64.0.0/10 or 127.0.0.1, see nas.tail1234.ts.net'
default = 'alice@gmail.com'
[systems.thing]
images = ['ghcr.io/me/thing']
[strata]
'docs/**' = 2
";
    let said = said(&lab(&[
        ("lab.toml", text),
        ("compose.yaml", "services: {a: {image: 'i:${PROXY:-1}'}}"),
    ]));
    assert_eq!(
        said,
        [
            "lab.private-value-in-pattern lab.toml:1:20: lab.toml holds an address of this lab alone",
            "lab.private-value-in-pattern lab.toml:3:10: lab.toml holds a path of this lab alone",
            "lab.private-value-in-pattern lab.toml:5:61: lab.toml holds a name in the tailnet of this lab alone",
            "lab.private-value-in-pattern lab.toml:6:12: lab.toml holds a login of this lab alone",
        ]
    );
}

#[test]
fn the_labs_own_applications_are_recognised_beside_the_known() {
    let text = "\
[systems.thing]
images = ['ghcr.io/me/thing']
categry = 'photos'
ports = [{ number = 80, role = 'web' }]
data = [{ path = '/data', class = 'priceless' }]
[systems.other]
images = 7
";
    let lab = lab(&[
        ("lab.toml", text),
        (
            "a/compose.yaml",
            "services: {a: {image: ghcr.io/me/thing:2}, b: {image: vaultwarden/server}}",
        ),
    ]);
    let places: Vec<_> = lab
        .diagnostics()
        .iter()
        .map(|finding| finding.place().expect("a place").line())
        .collect();
    assert_eq!(places, [3, 5, 7], "{:?}", said(&lab));
    let of = |name: &str| {
        let service = lab.service(name).expect(name).service();
        lab.catalog().recognise(service).map(crate::system::System::id)
    };
    assert_eq!((of("a/a"), of("a/b")), (Some("thing"), Some("vaultwarden")));
    assert_eq!(lab.catalog().system("thing").expect("mine").ports().len(), 1);
}

#[test]
fn slots_are_compared_with_what_the_files_use() {
    let compose = "services:\n  a:\n    image: x:${TAG}\n    environment:\n      TZ: ${TZ:-UTC}\n      P: ${PASSWORD}\n      O: ${OTHER:-1}\n";
    let files = |settings: &str, environment: &str| {
        said(&lab(&[
            ("a/compose.yaml", compose),
            ("a/.env", environment),
            ("lab.toml", settings),
        ]))
    };
    let declared = "[slots]\nTAG = {}\nTZ = {}\nPASSWORD = {secret = true}\nOTHER = {}\n";
    assert_eq!(files(declared, "TAG=1\nPASSWORD=x\n"), [""; 0]);
    assert_eq!(
        files(declared, "TAG=1\n"),
        ["lab.missing-slot a/compose.yaml:6:10: the slot `PASSWORD` has no value in `a`"],
        "said once, and not again as a variable without a value"
    );
    assert_eq!(
        files(
            "[slots]\nTAG = {}\nTZ = {}\nPASWORD = {}\nOTHER = {}\n",
            "TAG=1\nPASSWORD=x\n"
        ),
        [
            "lab.unused-slot lab.toml:4:1: no Compose file uses the slot `PASWORD`",
            "lab.undeclared-slot a/compose.yaml:6:10: the variable `PASSWORD` is not declared as a slot",
        ]
    );
    let all = files("[slots]\nX = {}\n", "TAG=1\nPASSWORD=x\nX=1\n");
    assert_eq!(all.len(), 2, "many variables are one finding: {all:?}");
    let silent = files("audience = 'solo'\n", "TAG=1\nPASSWORD=x\n");
    assert_eq!(silent, [""; 0], "a lab without slots has said nothing of them");
}

#[test]
fn no_settings_file_makes_it_panic() {
    let pieces = [
        "[",
        "]",
        "[[",
        "]]",
        "=",
        "\n",
        "'",
        "\"",
        "hosts",
        "policy",
        "slots",
        "exceptions",
        "nas",
        ".",
        "{",
        "}",
        ",",
        "1",
        "-",
        "true",
        "2027-01-01",
        "#",
        "é",
        "reach",
        "'lan'",
        "interfaces",
        "forwards",
        "port",
        "\u{feff}",
        "\\u00e9",
        "'192.168.1.1'",
        "\"\"\"",
        "'''",
        "tiers",
        "production",
        "strata",
        "rules",
        "datasets",
        "0x1F",
        "1e9",
    ];
    let mut state = 11u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for _ in 0..3000 {
        let text: String = (0..next() % 40).map(|_| pieces[next() % pieces.len()]).collect();
        let lab = lab(&[("lab.toml", &text), ("instance.toml", &text)]);
        for finding in lab.diagnostics() {
            let place = finding.place().expect("settings have places");
            assert!(
                place.line() >= 1 && !finding.to_string().contains('\n'),
                "{finding}"
            );
        }
    }
}

#[test]
fn every_cut_of_a_good_file_is_read_as_far_as_it_goes() {
    let text = include_str!("fixtures/instance.toml");
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        let lab = lab(&[("instance.toml", &text[..end])]);
        assert!(lab.instance().hosts().len() <= 2);
    }
}

#[test]
fn a_byte_order_mark_moves_no_place() {
    let lab = lab(&[("lab.toml", "\u{feff}audience = 'x'\n")]);
    assert_eq!(lab.diagnostics()[0].place().expect("a place").text(), "'x'");
}

#[test]
fn debug_shows_nothing_private() {
    let lab = lab(&[(
        "instance.toml",
        "[hosts.nas]\naddresses = ['192.168.7.20']\n[people.alice]\nlogin = 'alice@gmail.com'\n",
    )]);
    let shown = format!("{lab:?}{:?}{:?}", lab.instance(), lab.instance().hosts().next());
    assert!(!shown.contains("192.168") && !shown.contains("alice"), "{shown}");
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
