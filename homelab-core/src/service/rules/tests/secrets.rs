//! Secrets in files, and passwords that everybody knows.

use super::{about, findings};
use crate::finding::{Severity, Subject};
use crate::lab::Lab;

#[test]
fn secrets_are_slots() {
    let rule = ("service.literal-secret", Severity::Warning);
    let image = "image: example/unknown:1";
    let with = |line: &str| about(&[image, "environment:", &format!("  {line}")]);
    for line in [
        "DB_PASSWORD: hqd82nfkw",
        "API_KEY: hqd82nfkw",
        "DATABASE_URL: 'postgres://app:hqd82nfkw@db/app'",
        "ANY_NAME: 'amqp://app:hqd82nfkw@queue'",
        "DB_PASSWORD: '${UNSET_HERE:-hqd82nfkw}'",
        "DATABASE_URL: 'postgres://app:hqd82nfkw@${HOST:-db}/app'",
        "SLACK_WEBHOOK_URL: 'https://hooks.example.com/services/T0/a1b2c3d4e5f6g7h8i9j0k1'",
        "SLACK_WEBHOOK_URL: 'https://hooks.example.com/services/T0/a1b2c3d4-e5f6g7h8_i9j0k1'",
    ] {
        assert_eq!(with(line), [rule], "{line}");
    }
    for line in [
        "DB_PASSWORD: ''",
        "DB_PASSWORD: abc",
        "DB_PASSWORD: ${DB_PASSWORD}",
        "DB_PASSWORD_FILE: /run/secrets/db",
        "DB_PASSWORD: /run/secrets/db",
        "DB_PASSWORD: $$OTHER",
        "ALLOW_EMPTY_PASSWORD: 'yes'",
        "SECRET: 'true'",
        "TZ: Europe/Vienna",
        "DATABASE_URL: 'postgres://app@db/app'",
        "DATABASE_URL: 'postgres://app:${DB_PASSWORD}@db/app'",
        "WEBHOOK_URL: 'https://flows.example.com/'",
        "SLACK_WEBHOOK_URL: 'https://hooks.example.com/a1b2'",
        "SLACK_WEBHOOK_URL: 'https://hooks.example.com/page.html?of=a1b2c3d4e5f6g7h8i9j0k1'",
        "SLACK_WEBHOOK_URL: 'https://hooks.example.com/for-everybody-of-this-house'",
        "SLACK_WEBHOOK_URL: 'https://hooks.example.com/0123456789012345678901234'",
        "DB_PASSWORD: 'file:/run/secrets/db'",
        "DB_PASSWORD: $X_hqd82nfkw",
        "DB_PASSWORD: '{{env}}'",
        "API_KEY_RATE_LIMIT: 60/minute",
        "AUTH_HTPASSWD_REALM: mine-alone",
        "PASSWORD_HINT: the name of the dog",
        "DB_PASSWORD: '\"\"'",
    ] {
        assert_eq!(with(line), [], "{line}");
    }
}

#[test]
fn a_slot_that_has_its_value_from_env_is_right() {
    let compose = "services: { one: { image: 'example/unknown:1', environment: { DB_PASSWORD: '${DB_PASSWORD:-hqd82nfkw}' } } }";
    let files = |env: &'static str| [("app/compose.yaml", compose), ("app/.env", env)];
    assert!(
        Lab::from_texts("home", files("DB_PASSWORD=longer-and-mine"))
            .hygiene()
            .is_empty()
    );
    let findings = Lab::from_texts("home", files("OTHER=1")).hygiene();
    assert!(
        findings[0].evidence()[0].text().contains("default of a variable"),
        "{findings:?}"
    );
}

#[test]
fn a_variables_name_is_not_its_value() {
    let compose =
        "services: { one: { image: 'example/unknown:1', environment: { DB_PASSWORD: '$X_hqd82nfkw' } } }";
    let lab = Lab::from_texts(
        "home",
        [
            ("app/compose.yaml", compose),
            ("app/.env", "X_hqd82nfkw=hqd82nfkw\n"),
        ],
    );
    assert!(lab.hygiene().is_empty(), "{:?}", lab.hygiene());
}

#[test]
fn a_variable_of_env_file_is_where_it_belongs() {
    let files = |name: &'static str| {
        let compose = "services: { one: { image: 'example/unknown:1', env_file: [app.env] } }";
        [("app/compose.yaml", compose), (name, "DB_PASSWORD=hqd82nfkw")]
    };
    assert!(Lab::from_texts("home", files("app/app.env")).hygiene().is_empty());
}

#[test]
fn a_secret_is_in_no_finding() {
    let services = "  one:\n    image: example/unknown:1\n    environment: { DB_PASSWORD: hqd82nfkw, URL_A: 'x://u:hqd82nfkw@h', ADMIN_PASSWORD: changeme }\n";
    let findings = findings(services, "");
    assert_eq!(findings.len(), 2);
    for finding in &findings {
        let said = format!("{finding} {} {:?}", finding.fix(), finding.evidence());
        assert!(
            !said.contains("hqd82nfkw") && !said.contains("changeme"),
            "{said}"
        );
    }
}

#[test]
fn one_password_of_an_application_and_its_database_is_one_finding() {
    let services = "  app:\n    image: example/unknown:1\n    environment: { DB_PASSWORD: hqd82nfkw }\n  \
                    db:\n    image: postgres:17\n    environment: { POSTGRES_PASSWORD: hqd82nfkw }\n    volumes: ['db:/var/lib/postgresql/data']\n";
    let findings = findings(services, "");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].evidence().len(), 2);
    assert!(matches!(findings[0].subject(), Subject::Project(name) if name.as_str() == "app"));
}

#[test]
fn passwords_that_everybody_knows() {
    let rule = "service.default-password";
    let image = "image: example/unknown:1";
    let with = |line: &str, ports: &str| {
        about(&[
            image,
            ports,
            "environment:",
            "  POSTGRES_USER: nextcloud",
            &format!("  {line}"),
        ])
    };
    for value in [
        "changeme",
        "CHANGE_ME_PLEASE",
        "admin",
        "12345678",
        "your-secret-here",
        "<password>",
        "Nextcloud",
        "dev-only-change-me",
        "'[the-password]'",
        "db_password",
        "'${UNSET_HERE:-changeme}'",
    ] {
        let line = format!("DB_PASSWORD: {value}");
        assert_eq!(
            with(&line, "ports: ['80:80']"),
            [(rule, Severity::Warning)],
            "{value}"
        );
        assert_eq!(with(&line, "expose: ['80']"), [(rule, Severity::Note)], "{value}");
        assert_eq!(
            with(&line, "network_mode: host"),
            [(rule, Severity::Warning)],
            "{value}"
        );
    }
    assert_eq!(
        with("URL_A: 'postgres://app:app@db/app'", "ports: ['80:80']"),
        [(rule, Severity::Warning)]
    );
    assert_eq!(with("OTHER: changeme", "ports: ['80:80']"), []);
    for (name, is_known) in [
        ("APP_USER", true),
        ("APP_USERNAME", true),
        ("APP_DB", true),
        ("APP_DATABASE", true),
        ("APP_NAME", false),
    ] {
        let lines = format!("{{ {name}: somebody, DB_PASSWORD: Somebody }}");
        let found = about(&[image, "expose: ['80']", &format!("environment: {lines}")]);
        let expected = if is_known {
            (rule, Severity::Note)
        } else {
            ("service.literal-secret", Severity::Warning)
        };
        assert_eq!(found, [expected], "{name}");
    }
    assert_eq!(with("DB_PASSWORD: '12'", "ports: ['80:80']"), []);
    let from_env = [
        (
            "app/compose.yaml",
            "services: { one: { image: 'example/unknown:1', ports: ['80:80'], environment: { DB_PASSWORD: '${P}' } } }",
        ),
        ("app/.env", "P=changeme"),
    ];
    assert_eq!(
        Lab::from_texts("home", from_env).hygiene()[0].rule().id,
        rule,
        "wherever it stands"
    );
}

#[test]
fn evidence_says_whether_it_is_a_default() {
    let with = |rule: &str, value: &str| {
        let services = format!(
            "  one:\n    image: example/unknown:1\n    environment: {{ DATABASE_URL: '{value}', DB_PASSWORD: '' }}\n"
        );
        let found = findings(&services, "");
        assert_eq!(found.len(), 1, "{value}: {found:?}");
        assert_eq!(found[0].rule().id, rule, "{value}");
        assert!(matches!(found[0].subject(), Subject::Service(_)), "{value}");
        found[0].evidence()[0].text().contains("default of a variable")
    };
    let literal = "service.literal-secret";
    for (value, is_default) in [
        ("postgres://app:hqd82nfkw@db/app", false),
        ("postgres://app:hqd82nfkw@${HOST:-db}/app", false),
        ("${SCHEME:-postgres}://app:hqd82nfkw@db/app", false),
        ("postgres://app:hqd82nfkw@${HOST:-${OTHER:-db}}/app", false),
        ("postgres://app:hqd$$82nfkw@db/app", false),
        ("postgres://app:${PASS_HERE:-hqd82nfkw}@db/app", true),
        ("postgres://app:${PASS_HERE:-${NONE:-}hqd82nfkw}@db/app", true),
        // A variable without a value beside it hides nothing.
        ("postgres://app:${PASS_HERE:-hqd82nfkw}@${NO_HOST}/app", true),
        ("postgres://app:hq$$d${PASS_HERE:-82nfkw}@db/app", true),
    ] {
        assert_eq!(with(literal, value), is_default, "{value}");
    }
    let known = "service.default-password";
    assert!(with(known, "postgres://app:${PASS_HERE:-changeme}@db/app"));
    assert!(!with(known, "postgres://app:changeme@db/app"));
}

#[test]
fn a_message_counts_the_variables() {
    let message = |environment: &str| {
        let services =
            format!("  one:\n    image: example/unknown:1\n    environment: {{ {environment} }}\n");
        findings(&services, "")[0].message().to_owned()
    };
    assert_eq!(message("A_PASSWORD: hqd82nfkw"), "`A_PASSWORD` holds a secret");
    assert_eq!(
        message("B_PASSWORD: hqd82nfkw, A_PASSWORD: hqd82nfkw"),
        "`A_PASSWORD` and `B_PASSWORD` hold secrets"
    );
    assert_eq!(
        message("A_PASSWORD: changeme, B_PASSWORD: changeme"),
        "`A_PASSWORD` and `B_PASSWORD` hold well-known passwords"
    );
    let two = "  one:\n    image: example/unknown:1\n    environment: { A_PASSWORD: hqd82nfkw }\n  \
               two:\n    image: example/unknown:1\n    environment: { A_PASSWORD: hqd82nfkw }\n";
    assert!(matches!(findings(two, "")[0].subject(), Subject::Project(_)));
}

#[test]
fn every_secret_is_held_wherever_its_value_came_from() {
    let compose = "services: { one: { image: 'postgres:17', env_file: [app.env], environment: { \
                   POSTGRES_PASSWORD: '${UNSET_HERE:-changeme}', URL_A: 'x://u:hqd82nfkw@h', TZ: UTC } } }";
    let files = [
        ("app/compose.yaml", compose),
        ("app/app.env", "API_TOKEN=jke93mgxw\n"),
    ];
    let lab = Lab::from_texts("home", files);
    let held: Vec<_> = lab
        .secrets_of_services()
        .iter()
        .map(|held| (held.secret.to_owned(), held.value.to_owned(), held.is_well_known))
        .collect();
    let is = |secret: &str, value: &str, known| (secret.to_owned(), value.to_owned(), known);
    let mut expected = vec![
        is("jke93mgxw", "jke93mgxw", false),
        is("changeme", "changeme", true),
        is("hqd82nfkw", "x://u:hqd82nfkw@h", false),
    ];
    for one in held {
        let at = expected.iter().position(|other| *other == one);
        expected.remove(at.unwrap_or_else(|| panic!("{one:?} is none")));
    }
    assert!(expected.is_empty(), "{expected:?}");
}
