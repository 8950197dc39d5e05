//! lab.toml and instance.toml: what is read, and what is said of what cannot be.

use super::*;

#[test]
fn both_settings_files_are_read_in_full() {
    let lab = lab(&[
        ("services/one/compose.yaml", ONE),
        ("services/two/compose.yaml", TWO),
        ("lab.toml", include_str!("../fixtures/lab.toml")),
        ("instance.toml", include_str!("../fixtures/instance.toml")),
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
    assert_eq!(dataset.keep().expect("said").to_string(), "last=3 within=14d");
    let backups = pattern.backups();
    assert_eq!(backups.keep().expect("said").to_string(), "daily=7 weekly=5");
    let when = [backups.run(), backups.check(), backups.drill(), backups.prune()];
    assert_eq!(
        when.map(|one| one.expect("said").to_string()),
        [
            "daily 03:30",
            "weekly sunday 05:00",
            "monthly 1 06:00",
            "hourly 15"
        ]
    );
    assert_eq!(backups.check_parts(), Some(4));
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
    assert_eq!(
        roster.users()[0].role(),
        Some(crate::tailnet::device::Role::Owner)
    );
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
fn an_exception_without_a_mitigation_is_said() {
    let text = "[[exceptions]]\nservice = 'one/server'\nreach = 'internet'\nreason = 'r'\nowner = 'admin'\nexpires = 2030-01-01\nmitigations = []\n";
    let lab = lab(&[("one/compose.yaml", ONE), ("lab.toml", text)]);
    let said = said(&lab);
    assert!(lab.pattern().exceptions().is_empty(), "it is not in force");
    assert!(
        said[0].starts_with("lab.invalid-value lab.toml:7:") && said[0].contains("an empty list"),
        "{said:?}"
    );
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
fn what_stands_below_a_broken_header_is_not_judged() {
    for (text, expected) in [
        ("[policy\nreach = 'lan'\nx = 1\n", 1),
        ("[policy\nreach = 'lan'\n[tiers]\nx = 1\n", 2),
        ("[exceptions\nservice = 'a'\n\n[policy]\nreach = 'moon'\n", 2),
    ] {
        let said = said(&lab(&[("lab.toml", text)]));
        assert_eq!(said.len(), expected, "{text}\n{said:?}");
        assert!(said[0].starts_with("lab.invalid-toml lab.toml:1:"), "{said:?}");
    }
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
fn a_name_within_what_is_unknown_is_not_said_again() {
    let lab = lab(&[
        ("immich/compose.yaml", TWO),
        (
            "lab.toml",
            "[policy.services]\n'ghost/a' = 'lan'\n'pi:immich/server' = 'lan'\n[datasets.d]\nvolumes = ['ghost/data']\n",
        ),
        ("instance.toml", "[hosts.nas]\n"),
    ]);
    assert_eq!(
        said(&lab),
        [
            "lab.unknown-name lab.toml:2:1: `policy.services` names the project `ghost`, which the lab does not have",
            "lab.unknown-name lab.toml:3:1: `policy.services` names the host `pi`, which the lab does not have",
            "lab.unknown-name lab.toml:5:12: `datasets.d` names the project `ghost`, which the lab does not have",
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
fn who_answers_for_an_exception_is_somebody() {
    let exception = "[[exceptions]]\nservice = 'a/a'\nreach = 'internet'\nreason = 'r'\nowner = 'admin'\nexpires = 2030-01-01\nmitigations = ['auth']\n";
    let with = |people: &str| {
        said(&lab(&[
            ("a/compose.yaml", "services: {a: {image: x}}"),
            ("lab.toml", exception),
            ("instance.toml", people),
        ]))
    };
    let unknown = with("[people.me]\nroles = ['guest']\n");
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert!(unknown[0].contains("the role `admin`"), "{unknown:?}");
    assert_eq!(with("[people.me]\nroles = ['admin']\n"), [""; 0]);
    assert_eq!(with(""), [""; 0], "where nobody is named, roles are names only");
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
    let text = include_str!("../fixtures/instance.toml");
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
