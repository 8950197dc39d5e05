//! Where databases keep their data.

use super::{PRODUCTION, SANDBOX, about, about_in, findings};
use crate::finding::Severity;

#[test]
fn a_bind_mount_is_wrong_for_a_database_in_production() {
    let rule = ("service.bind-mounted-database", Severity::Warning);
    let bind = "volumes: ['./db:/var/lib/postgresql/data']";
    assert_eq!(about_in(PRODUCTION, &["image: postgres:17", bind]), [rule]);
    assert_eq!(
        about_in("", &["image: postgres:17", bind]),
        [],
        "nobody said that it is production"
    );
    assert_eq!(about_in(SANDBOX, &["image: postgres:17", bind]), []);
    assert_eq!(
        about_in(
            PRODUCTION,
            &["image: postgres:17", "volumes: ['db:/var/lib/postgresql/data']"]
        ),
        []
    );
    assert_eq!(
        about_in(
            PRODUCTION,
            &["image: nginx:1.29", "volumes: ['./www:/usr/share/nginx/html']"]
        ),
        []
    );
    assert_eq!(
        about_in(
            PRODUCTION,
            &[
                "image: postgres:17",
                "volumes: ['db:/var/lib/postgresql/data', './init.sql:/docker-entrypoint-initdb.d/init.sql']"
            ]
        ),
        [],
        "a bind mount beside the data"
    );
}

#[test]
fn a_named_volume_can_be_a_folder_or_a_share_in_disguise() {
    let with_options = |options: &str, toml: &str| {
        let services = format!(
            "  db:\n    image: mariadb:11.8\n    volumes: ['data:/var/lib/mysql']\nvolumes:\n  data:\n    driver_opts: {options}\n"
        );
        findings(&services, toml)
            .iter()
            .map(|finding| finding.message().to_owned())
            .collect::<Vec<_>>()
    };
    let bind = "{type: none, o: 'rw,bind', device: /srv/db}";
    let nfs = "{type: nfs, o: 'addr=192.0.2.20,rw', device: ':/db'}";
    assert!(with_options(bind, PRODUCTION)[0].contains("a folder of the machine"));
    assert!(with_options(nfs, PRODUCTION)[0].contains("a share of another machine"));
    assert!(with_options(nfs, "").is_empty());
    assert!(with_options("{type: tmpfs}", PRODUCTION).is_empty());
}

#[test]
fn a_databases_data_outlives_its_container() {
    let rule = ("service.database-without-volume", Severity::Warning);
    assert_eq!(about(&["image: mariadb:11.8"]), [rule]);
    assert_eq!(
        about(&["image: mariadb:11.8", "volumes: ['/var/lib/mysql']"]),
        [rule]
    );
    assert_eq!(
        about(&["image: mariadb:11.8", "volumes: ['./my.cnf:/etc/mysql/my.cnf']"]),
        [rule]
    );
    assert_eq!(
        about(&["image: mariadb:11.8", "volumes: ['data:/var/lib/mysql']"]),
        []
    );
    assert_eq!(
        about(&["image: mariadb:11.8", "volumes: ['data:/var/lib']"]),
        [],
        "a folder above"
    );
    assert_eq!(
        about(&["image: mariadb:11.8", "volumes: ['data:/var/lib/mysql/app']"]),
        [],
        "a folder below"
    );
    assert_eq!(
        about(&["image: mariadb:11.8", "tmpfs: [/var/lib/mysql]"]),
        [],
        "memory is chosen on purpose"
    );
    assert_eq!(about(&["image: redis:8"]), [], "a cache");
    assert_eq!(about_in(SANDBOX, &["image: mariadb:11.8"]), []);
    assert_eq!(about_in(PRODUCTION, &["image: mariadb:11.8"]), [rule]);
}

#[test]
fn a_database_of_which_nobody_knows_the_paths_is_not_judged() {
    let systems = "[systems.rare]\ncategory = 'database'\nimages = ['me/rare']\n";
    assert_eq!(about_in(systems, &["image: me/rare:1"]), []);
    let known =
        format!("{systems}data = [{{ path = '/rare', class = 'irreplaceable', store = 'embedded' }}]\n");
    assert_eq!(
        about_in(&known, &["image: me/rare:1"]),
        [("service.database-without-volume", Severity::Warning)]
    );
}

#[test]
fn a_file_of_configuration_below_the_data_holds_no_data() {
    let rule = ("service.database-without-volume", Severity::Warning);
    let file = "volumes: ['./extra.cnf:/var/lib/mysql/extra.cnf']";
    assert_eq!(about(&["image: mariadb:11.8", file]), [rule]);
}

#[test]
fn postgres_up_to_17_hides_its_data_below_the_mount() {
    let rule = ("service.database-without-volume", Severity::Warning);
    let above = "volumes: ['db:/var/lib/postgresql']";
    assert_eq!(about(&["image: postgres:17.7-alpine", above]), [rule]);
    assert_eq!(about(&["image: postgres:18", above]), []);
    assert_eq!(about(&["image: postgres:latest", above]), []);
    assert_eq!(
        about(&["image: postgres:17", "volumes: ['db:/var/lib/postgresql/data']"]),
        []
    );
    assert_eq!(
        about(&["image: postgis/postgis:17-3.5", above]),
        [],
        "whose volume is not known"
    );
    assert_eq!(
        about(&[
            "image: postgres:17",
            above,
            "environment: { PGDATA: /var/lib/postgresql/17/main }"
        ]),
        [],
        "it was told to keep it elsewhere"
    );
}

#[test]
fn a_database_that_is_told_where_to_keep_its_data_is_believed() {
    let rule = ("service.database-without-volume", Severity::Warning);
    let told = "environment: { PGDATA: /pg/data }";
    assert_eq!(about(&["image: postgres:17", told, "volumes: ['db:/pg']"]), []);
    assert_eq!(
        about(&[
            "image: postgres:17",
            told,
            "volumes: ['db:/var/lib/postgresql/data']"
        ]),
        [rule]
    );
    assert_eq!(
        about(&["image: mariadb:11.8", told, "volumes: ['db:/var/lib/mysql']"]),
        [],
        "a variable of another database"
    );
}

#[test]
fn a_volume_that_is_said_to_be_wrong_is_not_said_to_be_missing() {
    let rules = |volume: &str| -> Vec<&'static str> {
        let compose = format!("services:\n  db:\n    image: postgres:16\n    volumes: ['{volume}']\n");
        let lab = crate::lab::Lab::from_texts("home", [("app/compose.yaml", compose)]);
        let seen = crate::observed::Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"));
        let report = lab.audit(&seen);
        let ids = report.findings().iter().map(|finding| finding.rule().id);
        ids.filter(|id| id.ends_with("without-volume") || id.ends_with("invalid-value"))
            .collect()
    };
    assert_eq!(rules("${DB}:/var/lib/postgresql/data"), ["compose.invalid-value"]);
    let other = ["compose.invalid-value", "service.database-without-volume"];
    assert_eq!(rules("${DB}:/etc/x"), other);
}
