use super::*;
use crate::lab::{HostKind, schema};

fn rich() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            "photos/compose.yaml",
            "services:\n  vaultwarden:\n    image: vaultwarden/server:1\n    ports: ['80:80']\n    volumes: ['vw:/data', 'odd:/odd']\n    environment: {ADMIN_TOKEN: '${ADMIN_TOKEN}', TZ: '${TZ:-UTC}'}\n  files:\n    image: nextcloud:30\n    volumes: ['/mnt/tank/nc:/var/www/html']\nvolumes: {vw: , odd: }\n",
        ),
        ("photos/.env", "ADMIN_TOKEN=x\n"),
        (
            "a-b_c/compose.yaml",
            "services: {s.x: {image: i, ports: ['192.168.7.7:80:80']}}",
        ),
    ]
}

fn nothing() -> Observed {
    Observed::none("2026-12-01T00:00:00.000000001Z".parse().expect("a time"))
}

fn machine() -> Observed {
    let machine = Machine::new("nas.home".parse().expect("a name"))
        .with_kind(HostKind::TrueNas)
        .with_interface("eth0", ["192.168.7.7/24".parse().expect("a network")])
        .with_interface("br-1.2", []);
    nothing().with_machine(machine)
}

/// Turns on every setting that is only offered.
fn turned_on(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphanumeric() || "[\"".contains(c)) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_written_is_read_without_a_word_and_valid() {
    for (files, seen) in [(rich(), machine()), (rich(), nothing()), (vec![], nothing())] {
        let lab = Lab::from_texts("home", files.iter().copied());
        let texts = Texts::new(&lab, &lab, &seen);
        let mut with = files.clone();
        with.extend([
            ("lab.toml", texts.pattern.as_str()),
            ("instance.toml", texts.instance.as_str()),
        ]);
        let again = Lab::from_texts("home", with);
        let said: Vec<_> = again.diagnostics().iter().map(ToString::to_string).collect();
        assert_eq!(said, [""; 0], "{}\n{}", texts.pattern, texts.instance);
        assert_eq!(schema::is_valid("lab", &texts.pattern), Ok(()));
        assert_eq!(schema::is_valid("instance", &texts.instance), Ok(()));
        assert_eq!(Texts::new(&again, &again, &seen), texts, "the same again");
    }
}

#[test]
fn the_plan_writes_what_is_absent_and_nothing_else() {
    let lab = Lab::from_texts("home", rich());
    let plan = lab.plan_init(&machine());
    assert_eq!(plan.steps().len(), 2);
    let texts = Texts::new(&lab, &lab, &machine());
    let half: Vec<_> = rich()
        .into_iter()
        .chain([("lab.toml", "audience = 'solo'")])
        .collect();
    let plan = Lab::from_texts("home", half).plan_init(&machine());
    assert_eq!(plan.steps().len(), 1);
    assert!(plan.to_string().contains("`instance.toml`") && !plan.to_string().contains("`lab.toml`"));
    let mut both = rich();
    both.extend([
        ("lab.toml", texts.pattern.as_str()),
        ("instance.toml", texts.instance.as_str()),
    ]);
    assert!(Lab::from_texts("home", both).plan_init(&machine()).is_empty());
}

#[test]
fn what_is_offered_can_be_turned_on() {
    let lab = Lab::from_texts("home", rich());
    for seen in [machine(), nothing()] {
        let texts = Texts::new(&lab, &lab, &seen);
        let (pattern, instance) = (turned_on(&texts.pattern), turned_on(&texts.instance));
        assert_eq!(schema::is_valid("lab", &pattern), Ok(()), "{pattern}");
        assert_eq!(schema::is_valid("instance", &instance), Ok(()), "{instance}");
        let mut with = rich();
        with.extend([
            ("lab.toml", pattern.as_str()),
            ("instance.toml", instance.as_str()),
        ]);
        let again = Lab::from_texts("home", with);
        let wrong: Vec<_> = again.diagnostics().iter().map(ToString::to_string).collect();
        assert!(
            wrong.iter().all(|line| line.contains("lab.unknown-name")),
            "{wrong:?}"
        );
    }
}

#[test]
fn what_is_no_volumes_name_is_said_by_its_service() {
    let compose = "services:\n  v:\n    image: vaultwarden/server:1\n    volumes: ['vw/sub:/data']\n";
    let lab = Lab::from_texts("home", [("m/compose.yaml", compose)]);
    let pattern = Texts::new(&lab, &lab, &nothing()).pattern;
    assert!(
        pattern.contains("services = [\"m/v\"]") && !pattern.contains("vw/sub"),
        "{pattern}"
    );
    assert_eq!(schema::is_valid("lab", &pattern), Ok(()));
}

#[test]
fn data_reach_and_variables_are_filled_in_and_paths_are_not() {
    let lab = Lab::from_texts("home", rich());
    let texts = Texts::new(&lab, &lab, &machine());
    for line in [
        "[datasets.photos]\nclass = \"irreplaceable\"\nvolumes = [\"photos/vw\"]\nservices = [\"photos/files\"]\n",
        "#volumes = [\"photos/odd\"]",
        "#\"photos/vaultwarden\" = \"lan\"",
        "[slots.ADMIN_TOKEN]\ndescription = \"used by photos\"\nsecret = true\n[slots.TZ]\ndescription = \"used by photos\"\n",
        "#production = [\"a-b_c\", \"photos\"]",
    ] {
        assert!(texts.pattern.contains(line), "{line}\n---\n{}", texts.pattern);
    }
    assert!(!texts.pattern.contains("/mnt") && !texts.pattern.contains("192.168"));
    assert!(
        !texts.pattern.contains("photos/files\" ="),
        "what only its own machine reaches needs no line"
    );
    for line in [
        "[hosts.\"nas.home\"]\nkind = \"truenas\"",
        "eth0 = [\"192.168.7.7/24\"]",
        "\"br-1.2\" = []",
    ] {
        assert!(texts.instance.contains(line), "{line}\n---\n{}", texts.instance);
    }
}

#[test]
fn what_may_be_empty_today_is_no_error_tomorrow() {
    let compose = "services:\n  plex:\n    image: plex:1\n    environment: {PLEX_CLAIM: '${CLAIM}', TZ: '${TZ:-UTC}', A: '${A:?x}'}\n";
    let files = [("plex/compose.yaml", compose)];
    let lab = Lab::from_texts("home", files);
    let texts = Texts::new(&lab, &lab, &nothing());
    assert_eq!(
        texts.pattern.matches("\ndefault = \"\"\n").count(),
        1,
        "{}",
        texts.pattern
    );
    let after = Lab::from_texts("home", [files[0], ("lab.toml", texts.pattern.as_str())]);
    let said = |lab: &Lab| -> Vec<String> { lab.diagnostics().iter().map(ToString::to_string).collect() };
    assert_eq!(said(&after), said(&lab), "the settings make nothing worse");
    let declared = texts.pattern.replace("default = \"\"\n", "");
    let after = Lab::from_texts("home", [files[0], ("lab.toml", declared.as_str())]);
    assert!(
        said(&after).iter().any(|text| text.contains("lab.missing-slot")),
        "{:?}",
        said(&after)
    );
}

#[test]
fn each_lab_gets_an_id_of_its_own_that_is_read_back() {
    let id = |name: &str, seen: &Observed| {
        let lab = Lab::from_texts(name, rich());
        let texts = Texts::new(&lab, &lab, seen);
        let lab = Lab::from_texts(name, [("instance.toml", texts.instance)]);
        lab.instance().id().expect("it is written").to_owned()
    };
    let later = Observed::none("2026-12-01T00:00:00.000000002Z".parse().expect("a time"));
    let ids = [
        id("a", &nothing()),
        id("b", &nothing()),
        id("a", &later),
        id("a", &machine()),
    ];
    assert_eq!(BTreeSet::from(ids.clone()).len(), ids.len(), "{ids:?}");
    assert_eq!(id("a", &nothing()), ids[0], "planning again is the same");
    assert_eq!(ids[0].len(), 36);
}

fn on_engines(hosts: &[&str]) -> Observed {
    use crate::inventory::{Container, ContainerState, HostInventory, Inventory};
    use crate::secret::Secret;
    let all = hosts.iter().map(|name| {
        let at = "2027-01-01T00:00:00Z".parse().expect("a time");
        let mut host = HostInventory::new(name.parse().expect("a name"), at, "docker");
        let mut container = Container::new(format!("id-{name}"), "photos-server-1");
        container.state = ContainerState::Running;
        container.image = "immich-app/immich-server:v1".to_owned();
        for (label, value) in [("project", "photos"), ("service", "server")] {
            let label = format!("com.docker.compose.{label}");
            container.labels.insert(label, value.to_owned());
        }
        let secret = Secret::new("hunter2");
        container.environment.insert("DB_PASSWORD".into(), secret);
        host.containers = Some(vec![container]);
        host
    });
    machine().with_inventory(Inventory::new(all.collect::<Vec<_>>()))
}

/// Returns the lab that lies in a folder in which this plan was applied.
fn written(plan: &Plan) -> Lab {
    let files = plan.steps().iter().filter_map(|step| match step.kind() {
        crate::plan::StepKind::WriteFile { path, content, .. } => {
            let text = String::from_utf8(content.bytes().to_vec()).expect("it is text");
            Some((path.to_string(), text))
        }
        _ => None,
    });
    Lab::from_texts("home", files.collect::<Vec<_>>())
}

#[test]
fn a_lab_that_only_engines_have_gets_its_files() {
    let empty = Lab::from_texts("home", Vec::<(&str, &str)>::new());
    let seen = on_engines(&["nas.home"]);
    let plan = empty.plan_init(&seen);
    let paths: Vec<String> = plan.steps().iter().map(ToString::to_string).collect();
    assert!(
        paths
            .iter()
            .any(|line| line.contains("services/photos/compose.yaml")),
        "{paths:?}"
    );
    let shown = format!(
        "{plan:#}{plan:?}{}",
        serde_json::to_string(&plan.view()).expect("plain data")
    );
    assert!(
        shown.contains("immich-server") && !shown.contains("hunter2"),
        "{shown}"
    );
    let lab = written(&plan);
    assert_eq!(
        lab.diagnostics()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [""; 0]
    );
    let drift = lab.drift(&seen);
    assert!(drift.differences().is_empty() && drift.is_complete(), "{drift}");
    assert!(
        lab.plan_init(&seen).is_empty(),
        "what is there is not written again"
    );
    let instance = "[hosts.a]\nengine = 'none'\n[hosts.b]\nengine = 'none'";
    let two = Lab::from_texts("home", [("instance.toml", instance)]);
    let seen = on_engines(&["a", "b"]);
    let plan = two.plan_init(&seen);
    let text = plan.to_string();
    assert!(
        text.contains("`a/a-photos/compose.yaml`") && text.contains("`b/b-photos/compose.yaml`"),
        "{text}"
    );
    assert!(!text.contains("`instance.toml`"), "it is there: {text}");
}

#[test]
fn a_lab_with_files_adopts_nothing() {
    let lab = Lab::from_texts("home", rich());
    assert_eq!(lab.plan_init(&on_engines(&["nas.home"])).steps().len(), 2);
}
