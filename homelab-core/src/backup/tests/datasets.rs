//! Which data there is, and what of it a snapshot holds.

use std::path::Path;

use super::*;

#[test]
fn the_files_of_a_running_database_are_no_copy_of_it() {
    let compose = "services: { db: { image: 'postgres:17', volumes: ['data:/var/lib/postgresql/data'] } }\nvolumes: { data: {} }";
    let lab = Lab::from_texts(
        "home",
        [("blog/compose.yaml", compose), ("instance.toml", INSTANCE)],
    );
    let files = snapshot(1, "/var/lib/docker/volumes");
    let all = |offsite: Snapshot| {
        [
            holdings("second", [files.clone()]),
            holdings("offsite", [offsite]),
        ]
    };
    // A snapshot of the file system is of one moment; files read one by one are not.
    assert_eq!(
        reasons(&lab, &seen(all(files.clone())), "offsite"),
        ["live_database"]
    );
    assert_eq!(
        counts(&lab, &seen(all(files.clone()))),
        (2, 2, 0, State::FallsShort)
    );
    let mut dump = snapshot(1, "/dumps");
    dump.volumes.push("blog/data".into());
    dump.consistent = true;
    assert_eq!(counts(&lab, &seen(all(dump))), (3, 3, 1, State::Meets));
    // A drill that loaded it proves it.
    let mut drilled = all(files.clone());
    let drill = Drill {
        at: now(),
        snapshot: "s1".into(),
        passed: true,
        databases: true,
        proof: "12 tables".into(),
    };
    let mut with = |change: &dyn Fn(&mut Drill)| {
        let mut drill = drill.clone();
        change(&mut drill);
        drilled[1].drills.insert("blog".parse().expect("a name"), drill);
        counts(&lab, &seen(drilled.clone()))
    };
    assert_eq!(with(&|_| {}), (3, 3, 1, State::Meets));
    // One that only compared files, or that was of another copy, proves nothing of this one.
    assert_eq!(with(&|one| one.databases = false), (2, 2, 0, State::FallsShort));
    assert_eq!(
        with(&|one| one.snapshot = "s99".into()),
        (2, 2, 0, State::FallsShort)
    );
}

#[test]
fn a_recipe_says_what_of_a_folder_is_needed() {
    let compose = "services: { server: { image: 'ghcr.io/immich-app/immich-server:v2', volumes: ['/mnt/tank/photos:/data'] } }";
    let lab = Lab::from_texts(
        "home",
        [("immich/compose.yaml", compose), ("instance.toml", INSTANCE)],
    );
    let of = |paths: &[&str]| {
        let mut one = snapshot(1, "/etc");
        one.paths = paths.iter().map(|path| (*path).to_owned()).collect();
        reasons(
            &lab,
            &seen([holdings("second", []), holdings("offsite", [one])]),
            "offsite",
        )
    };
    let all = [
        "/mnt/tank/photos/library",
        "/mnt/tank/photos/upload",
        "/mnt/tank/photos/profile",
    ];
    assert!(of(&all).is_empty(), "thumbnails are made again");
    assert!(of(&["/mnt/tank/photos"]).is_empty());
    assert_eq!(of(&all[..2]), ["lacks"]);
}

#[test]
fn a_lab_that_says_nothing_has_data_of_which_no_copy_is_known() {
    let compose = "services:
  vault: { image: 'vaultwarden/server:1.34.3', volumes: ['data:/data'] }
  app: { image: 'example/unknown:1', volumes: ['stuff:/stuff', '/etc/localtime:/etc/localtime:ro'] }
  cache: { image: 'redis:8', volumes: ['cache:/data'] }
volumes: { data: {}, stuff: {}, cache: {} }";
    let lab = Lab::from_texts("home", [("vault/compose.yaml", compose)]);
    let survival = lab.survival(&Observed::none(now()));
    let names: Vec<&str> = survival
        .verdicts()
        .iter()
        .map(|one| one.dataset().name().as_str())
        .collect();
    assert_eq!(names, ["vault"]);
    assert_eq!(survival.verdicts()[0].state(), State::NotKnown);
    assert_eq!(
        survival
            .unknown()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["vault/stuff"]
    );
    assert_eq!(survival.exit_code(), 3);
    assert!(
        survival
            .if_lost(Loss::Disk)
            .iter()
            .all(|one| one.fate() == Fate::NotKnown)
    );
    let text = survival.to_string();
    assert!(
        text.contains("No repository was asked")
            && text.contains("`vault/stuff`")
            && !text.contains("If lost"),
        "{text}"
    );
    // Asked, and there is none: then there is no copy.
    let asked = lab.survival(&seen([]));
    assert_eq!(
        (asked.verdicts()[0].state(), asked.exit_code()),
        (State::NoCopy, 1)
    );
    // A sandbox may break; what cannot be made again is lost there as surely.
    let sandbox = Lab::from_texts(
        "home",
        [
            ("vault/compose.yaml", compose),
            ("lab.toml", "[tiers]\nsandbox = ['vault']"),
        ],
    );
    let sandbox = sandbox.survival(&Observed::none(now()));
    assert_eq!((sandbox.verdicts().len(), sandbox.unknown().len()), (1, 0));
    let cloud = "services: { grafana: { image: 'grafana/grafana:12.0.0', volumes: ['data:/var/lib/grafana'] } }\nvolumes: { data: {} }";
    let found = |pattern: &str| {
        let lab = Lab::from_texts("home", [("graphs/compose.yaml", cloud), ("lab.toml", pattern)]);
        lab.datasets().len()
    };
    assert_eq!((found(""), found("[tiers]\nsandbox = ['graphs']")), (1, 0));
}

#[test]
fn datasets_are_what_is_declared_and_what_that_forgot() {
    let compose = "services:
  app: { image: 'nextcloud:32', volumes: ['html:/var/www/html', '${FILES:?}:/var/www/html/data'] }
  db: { image: 'mariadb:11', volumes: ['db:/var/lib/mysql'] }
volumes: { html: {}, db: {} }";
    let files = |pattern: &str| {
        let lab = Lab::from_texts(
            "home",
            [
                ("cloud/compose.yaml", compose),
                ("cloud/.env", "FILES=/mnt/tank/files"),
                ("lab.toml", pattern),
                ("instance.toml", INSTANCE),
            ],
        );
        let show = |one: &Dataset| {
            let parts: Vec<String> = one
                .parts()
                .iter()
                .map(|part| format!("{}@{}", part, part.host().map_or("-", |host| host.as_str())))
                .collect();
            format!(
                "{} {}: {}{}",
                one.name(),
                one.class().map_or("-", crate::system::Class::as_str),
                parts.join(" "),
                one.problems().join("; ")
            )
        };
        lab.datasets().iter().map(show).collect::<Vec<_>>()
    };
    assert_eq!(
        files(""),
        ["cloud irreplaceable: cloud/html@nas /mnt/tank/files@nas cloud/db@nas"]
    );
    let by_volume = "[datasets.database]\nclass = 'important'\nvolumes = ['cloud/db']\n";
    assert_eq!(
        files(by_volume),
        [
            "database important: cloud/db@nas",
            "cloud irreplaceable: cloud/html@nas /mnt/tank/files@nas"
        ]
    );
    // A declared path speaks for what is below it, and a slot has the value that its project gives it.
    assert_eq!(
        files(
            "[datasets.all]\nclass = 'irreplaceable'\nservices = ['cloud']\npaths = ['${FILES}/../x', '/mnt/tank']\n"
        )[0],
        "all irreplaceable: cloud/html@nas /mnt/tank/files@nas cloud/db@nas /mnt/tank/files/../x@nas /mnt/tank@nas"
    );
    assert_eq!(
        files("[datasets.cloud]\nclass = 'important'\npaths = ['${FILES}']\n"),
        [
            "cloud important: /mnt/tank/files@nas",
            "cloud-other-irreplaceable irreplaceable: cloud/html@nas cloud/db@nas"
        ]
    );
    // What cannot be judged says why.
    assert_eq!(
        files("[datasets.a]\nclass = 'important'\npaths = ['${GONE}']\n")[0],
        "a important: path `${GONE}`: nothing gives `GONE` a value"
    );
    assert_eq!(
        files("[datasets.a]\nclass = 'important'\npaths = ['${DB_PASSWORD}/x']\n")[0],
        "a important: path `${DB_PASSWORD}/x` has the secret `DB_PASSWORD` in it"
    );
    assert_eq!(
        files("[datasets.a]\nclass = 'important'\npaths = ['${FILES']\n")[0],
        "a important: path `${FILES` has a `${` without its `}`"
    );
    assert_eq!(
        files("[datasets.a]\nclass = 'important'\npaths = ['photos']\n")[0],
        "a important: path `photos` is not absolute"
    );
    assert_eq!(
        files("[datasets.a]\nclass = 'important'\n")[0],
        "a important: it names no volume, path or service"
    );
}

#[test]
fn the_sample_lab_is_judged() {
    let lab = Lab::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/lab")).expect("the sample");
    let at = at("2026-12-01T12:00:00Z");
    let survival = lab.survival(&Observed::none(at));
    let problems: Vec<&String> = survival
        .verdicts()
        .iter()
        .flat_map(|one| one.dataset().problems())
        .collect();
    assert!(problems.is_empty(), "{problems:?}");
    let of = |path: &str, hours: i64| {
        let one = Snapshot::new("s", at - SignedDuration::from_hours(hours)).with_path(path);
        one.on(&"nas".parse().expect("a name"))
    };
    let mut offsite = holdings("offsite", [of("/mnt/tank/photos", 14)]);
    offsite
        .snapshots
        .iter_mut()
        .flatten()
        .for_each(|one| one.completeness = Completeness::Complete);
    let all = [holdings("nas-second-pool", [of("/mnt/tank/photos", 2)]), offsite];
    let survival = lab.survival(&Observed::none(at).with_backups(Backups::new(all)));
    let photos = &survival.verdicts()[0];
    assert_eq!(
        (
            photos.dataset().name().as_str(),
            photos.copies(),
            photos.media(),
            photos.offsite()
        ),
        ("photos", 3, 3, 1)
    );
    assert_eq!(photos.state(), State::Meets, "{survival}");
    // What lab.toml does not mention is found.
    let found: Vec<&str> = survival
        .verdicts()
        .iter()
        .filter(|one| one.dataset().declared().is_none())
        .map(|one| one.dataset().name().as_str())
        .collect();
    assert_eq!(found, ["filebrowser", "grafana", "uptime-kuma"]);
}

#[test]
fn what_nobody_knows_is_not_all_well() {
    let unknown = |volume: &str| {
        let compose = format!(
            "services: {{ app: {{ image: 'example/unknown:1', volumes: ['{volume}'] }} }}\nvolumes: {{}}"
        );
        let lab = Lab::from_texts("home", [("app/compose.yaml", compose.as_str())]);
        let survival = lab.survival(&Observed::none(now()));
        let unknown = survival.unknown().len() + survival.unread().len();
        (unknown, survival.exit_code())
    };
    for data in [
        "/an/anonymous/volume",
        "./notes:/var/notes",
        "/srv/pics:/pics",
        "./pgdata:/var/lib/postgresql/data",
        "${UPLOAD_LOCATION}:/data",
        "${UPLOAD_LOCATION}/photos:/data",
        "/srv:/data:a:b",
    ] {
        assert_eq!(unknown(data), (1, 3), "{data}");
    }
    for other in [
        "./app.yml:/config/app.yml",
        "/var/run/docker.sock:/var/run/docker.sock",
        "/etc/localtime:/etc/localtime",
        "/srv/pics:/pics:ro",
    ] {
        assert_eq!(unknown(other), (0, 0), "{other}");
    }
}

#[test]
fn what_can_be_made_again_swallows_no_database_below_it() {
    let compose =
        "services: { db: { image: 'postgres:17', volumes: ['/mnt/tank/db:/var/lib/postgresql/data'] } }";
    let names = |path: &str| {
        let pattern = format!("[datasets.all]\nclass = 'reproducible'\npaths = ['{path}']\n");
        let texts = [
            ("blog/compose.yaml", compose),
            ("lab.toml", &*pattern),
            ("instance.toml", INSTANCE),
        ];
        let all = Lab::from_texts("home", texts).datasets();
        all.iter().map(|one| one.name().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names("/"), ["all", "blog"]);
    assert_eq!(names("/mnt/tank/db"), ["all"], "who names it means it");
}

#[test]
fn irreplaceable_data_is_excepted_by_nothing_but_its_own_name() {
    let compose = "services: { db: { image: 'postgres:17', volumes: ['data:/var/lib/postgresql/data'] } }\nvolumes: { data: {} }";
    let found = |pattern: &str| -> Vec<String> {
        let texts = [("blog/compose.yaml", compose), ("lab.toml", pattern)];
        let all = Lab::from_texts("home", texts).datasets();
        let said = |one: &Dataset| {
            let days = one.recovery_point().map(|point| point.as_hours() / 24);
            format!("{} {days:?}", one.name())
        };
        all.iter().map(said).collect()
    };
    assert_eq!(found("[tiers]\nsandbox = ['blog']\n"), ["blog Some(1)"]);
    let asked = |point: &str, class: &str| {
        let class = match class {
            "" => String::new(),
            class => format!("class = '{class}'\n"),
        };
        found(&format!("[datasets.d]\n{class}volumes = ['blog/data']\n{point}"))
    };
    let years = "recovery_point = '3650d'\n";
    assert_eq!(asked(years, "irreplaceable"), ["d Some(31)"]);
    assert_eq!(asked(years, "important"), ["d Some(3650)"]);
    // What nobody knows the worth of may not be as old as it likes.
    assert_eq!(asked(years, ""), ["d Some(31)"]);
    assert_eq!(asked("", ""), ["d Some(1)"]);
    assert_eq!(
        asked("", "reproducible"),
        ["d None"],
        "who names the volume means it"
    );
    let lab = Lab::from_texts("home", [("lab.toml", &*format!("{PHOTOS}{years}"))]);
    let says = |one: &Finding| one.rule().id == "lab.contradiction" && one.message().contains("31 d");
    assert!(lab.diagnostics().iter().any(says), "{:?}", lab.diagnostics());
}

#[test]
fn a_volume_of_two_projects_is_found_once() {
    let db = |volume: &str| {
        format!(
            "services: {{ db: {{ image: 'postgres:17', volumes: ['{volume}:/var/lib/postgresql/data'] }} }}\n\
             volumes: {{ {volume}: {{ external: true, name: shared }} }}"
        )
    };
    let (first, second) = (db("data"), db("other"));
    let texts = [
        ("blog/compose.yaml", first.as_str()),
        ("copy/compose.yaml", &second),
        ("instance.toml", INSTANCE),
    ];
    let lab = Lab::from_texts("home", texts);
    let found = lab.datasets();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].parts().len(), 1);
    let mut dump = snapshot(1, "/dumps");
    dump.volumes.push("blog/data".into());
    dump.consistent = true;
    let held = [holdings("second", []), holdings("offsite", [dump])];
    assert!(reasons(&lab, &seen(held), "offsite").is_empty());
}
