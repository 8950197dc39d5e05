//! What a report says beside the leaks themselves: files that were not looked through, acceptances, settings.

use super::report;
use crate::lab::Lab;
use crate::observed::Observed;

#[test]
fn what_was_not_looked_through_is_named() {
    let lab = Lab::from_texts(
        "home",
        [
            ("README.md", "at 192.168.44.9, ask jonathan.q@fastmail.org\n"),
            ("prometheus.yml", "x: 10.9.8.7\n"),
            ("LICENSE", "as you like\n"),
        ],
    );
    let seen = Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"));
    let report = lab.leaks(&seen).expect("a report");
    let lines: Vec<String> = report.findings().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("`README.md` holds values of this lab in 2 places"),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("3 files were taken for this lab's own"),
        "{lines:?}"
    );
    assert!(report.to_json().contains("prometheus.yml"));
    assert!(!report.to_string().contains("0 services"), "{report}");
}

#[test]
fn every_shared_file_accepts_by_its_own_comments() {
    let allow = "homelab: allow leak.known-value until 2027-01-01 because it is printed on the box";
    for (file, text) in [
        ("run.sh", format!("# {allow}\nping 192.168.7.10\n")),
        ("run.sh", format!("ping 192.168.7.10 # {allow}\n")),
        ("docs/x.js", format!("// {allow}\nopen('192.168.7.10')\n")),
        ("docs/x.md", format!("<!-- {allow} -->\n# At 192.168.7.10\n")),
        ("docs/Caddyfile", format!("# {allow}\n192.168.7.10 {{\n}}\n")),
    ] {
        let all = report(file, &text);
        assert!(all.findings().is_empty(), "{file}: {all}");
        assert_eq!(all.suppressed().len(), 1, "{file}");
    }
    let endless = report(
        "run.sh",
        "# homelab: allow leak.known-value because so\nping 192.168.7.10\n",
    );
    let ids: Vec<&str> = endless
        .findings()
        .iter()
        .map(|finding| finding.rule().id)
        .collect();
    assert!(
        ids.contains(&"audit.bad-suppression") && ids.contains(&"leak.known-value"),
        "{ids:?}"
    );
    let prose = report(
        "docs/x.md",
        "Write `# homelab: allow RULE until DATE because REASON`.\n",
    );
    assert!(prose.findings().is_empty(), "{prose}");
}

#[test]
fn what_instance_toml_says_and_nobody_understands_is_said() {
    let of = |instance: &str| {
        let lab = Lab::from_texts("home", [("instance.toml", instance), ("run.sh", "ping 1.2.3.4")]);
        let seen = Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"));
        lab.leaks(&seen).expect("a report")
    };
    for instance in [
        "[hosts.zephyr]\nadresses = ['81.2.69.160']",
        "[hosts.zephyr]\naddresses = ['81.2.69.1600']",
    ] {
        let report = of(instance);
        assert_eq!(report.findings().len(), 1, "{report}");
        assert!(report.exit_code(crate::finding::Severity::Warning) > 0);
        assert!(!report.to_json().contains("81.2.69"), "{report}");
    }
    let lab = Lab::restored(
        "home".to_owned(),
        "/lab/home".into(),
        vec![("instance.toml".to_owned(), 4, Some(vec![b'[', 0xff, 0xfe, b']']))],
        Vec::new(),
        Vec::new(),
    );
    let seen = Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"));
    let report = lab.leaks(&seen).expect("a report");
    assert!(
        report.exit_code(crate::finding::Severity::Warning) > 0,
        "{report}"
    );
}

#[test]
fn a_text_of_two_bytes_for_each_letter_is_looked_through() {
    for marked in [true, false] {
        let text = if marked {
            "\u{feff}ping 192.168.7.10"
        } else {
            "ping 192.168.7.10"
        };
        for little in [true, false] {
            let bytes = text.encode_utf16().flat_map(|unit| {
                if little {
                    unit.to_le_bytes()
                } else {
                    unit.to_be_bytes()
                }
            });
            let bytes: Vec<u8> = bytes.collect();
            assert!(
                crate::leak::text_of(&bytes).ends_with("192.168.7.10"),
                "{marked} {little}"
            );
        }
    }
    assert_eq!(crate::leak::text_of(b"ping"), "ping");
}

#[test]
fn a_secret_in_many_places_is_one_finding() {
    let report = report("run.sh", &"x hqd82nf/kw+Q\n".repeat(20));
    assert_eq!(report.findings().len(), 1, "{report}");
    assert!(report.findings()[0].evidence().len() > 19);
}

#[test]
fn what_a_lab_calls_itself_is_known_whatever_it_looks_like() {
    let find = |text: &str| {
        let lab = Lab::from_texts(
            "home",
            [
                (
                    "instance.toml",
                    "[people.frank]\n[people.rose]\n[private]\nat = 'my-homelab.net'\n",
                ),
                (
                    "a/.env",
                    "DOMAIN=bar.smithson.net\nOTHER=cloud.my-homelab.net\nUNFILLED=your-domain.com\n",
                ),
                ("run.sh", text),
            ],
        );
        let seen = Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"));
        lab.leaks(&seen).expect("a report").findings().len()
    };
    for text in [
        "nas.my-homelab.net",
        "x.bar.smithson.net",
        "smithson.net",
        "cloud.my-homelab.net",
        "ask Frank",
        "ask Rose",
    ] {
        assert_eq!(find(text), 1, "{text}");
    }
    for text in [
        "to be frank",
        "a rose",
        "your-domain.com",
        "my-server.net",
        "Franklin",
    ] {
        assert_eq!(find(text), 0, "{text}");
    }
}

#[test]
fn a_known_network_is_found_by_its_zone_and_its_addresses() {
    let find = |text: &str| {
        let instance = "[hosts.zephyr]\naddresses = ['192.168.7.10']\n[hosts.zephyr.interfaces]\nlan = ['192.168.7.10/24', '2a02:1234:5678:9a00::1/56', '81.2.69.144/28']\n";
        let lab = Lab::from_texts("home", [("instance.toml", instance), ("run.sh", text)]);
        let seen = Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"));
        let report = lab.leaks(&seen).expect("a report");
        report.findings().len()
    };
    for text in [
        "zone 7.168.192.in-addr.arpa",
        "a.9.8.7.6.5.4.3.2.1.2.0.a.2.ip6.arpa",
        "ping 2a02:1234:5678:9aff::77",
        "ping 81.2.69.150",
        "ping 192.168.7.010",
        "ping 192.168.007.10",
        "ping 0300.0250.07.012",
    ] {
        assert_eq!(find(text), 1, "{text}");
    }
    for text in [
        "ping 2a02:1234:5678:9bff::77",
        "ping 81.2.69.161",
        "7.168.192.0.in-addr.arpa",
        "version 1.02.03.04",
    ] {
        assert_eq!(find(text), 0, "{text}");
    }
}

#[test]
fn what_a_variable_says_of_a_person_or_a_place_is_known() {
    let find = |environment: &str, text: &str| {
        let compose = "services: {paperless: {image: i}}";
        let files = [
            ("a/.env", environment),
            ("a/compose.yaml", compose),
            ("run.sh", text),
        ];
        let seen = Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"));
        let report = Lab::from_texts("home", files).leaks(&seen).expect("a report");
        report.findings().len()
    };
    for (environment, text) in [
        ("ADMIN_USERNAME=wilhelmina", "ssh wilhelmina@nas"),
        ("LATITUDE=48.20849", "at 48.20849, 16.4"),
        ("HOME_CITY=Gramatneusiedl", "in gramatneusiedl"),
        ("WIFI_SSID=Windy Lane", "join 'Windy Lane'"),
    ] {
        assert_eq!(find(environment, text), 1, "{environment}");
    }
    for (environment, text) in [
        ("DB_USER=paperless", "psql -U paperless"),
        ("DB_USER=appuser", "psql -U appuser"),
        ("LATITUDE=0.0", "0.0.0.0"),
        ("USERNAME=admin", "the admin"),
        ("THEME=wilhelmina", "wilhelmina"),
    ] {
        assert_eq!(find(environment, text), 0, "{environment}");
    }
}
