//! Splitting as a whole: what comes out, that it joins, and what is refused.

use super::*;

const INSTANCE: &str = "[hosts.zephyr]\naddresses = ['192.168.7.10']\n[people.beatrix]\nlogin = 'beatrix@smith.family'\n[private]\nstreet = 'Windy Lane 7'\n";

fn seen() -> Observed {
    Observed::none("2026-12-01T00:00:00Z".parse().expect("a time"))
}

fn lab(files: &[(&str, &str)]) -> Lab {
    let all = files.iter().copied().chain([("instance.toml", INSTANCE)]);
    Lab::from_texts("home", all)
}

/// Splits, proves, joins, and returns the template's files.
#[track_caller]
fn proven(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    let split = lab(files).split(&seen()).expect("a split");
    assert!(
        split.proof().holds(),
        "{}\n{:#?}",
        split.proof(),
        texts(split.template())
    );
    let joined = split.values().value().join(split.template()).expect("joined");
    for (path, text) in files {
        assert_eq!(joined[*path], text.as_bytes(), "{path}");
    }
    let stored = split.values().value().to_private_json();
    let read = Values::from_private_json(&stored).expect("values");
    assert_eq!(read.join(split.template()).expect("joined"), joined);
    texts(split.prove().expect("a proof").value())
}

fn texts(template: &Template) -> BTreeMap<String, String> {
    let files = template.files();
    files
        .map(|(path, bytes)| (path.to_owned(), String::from_utf8_lossy(bytes).into_owned()))
        .collect()
}

/// Returns why a lab cannot be shared.
#[track_caller]
fn refused(files: &[(&str, &str)]) -> String {
    let error = match lab(files).split(&seen()) {
        Ok(split) => split.prove().expect_err("no proof"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Refused);
    error.to_string()
}

#[test]
fn values_become_slots_and_the_rest_stays() {
    let compose = "# at zephyr\nservices:\n  web:\n    image: nginx:1.29   # beatrix@smith.family\n    ports:\n      - \"192.168.7.10:80:80\"\n    environment:\n      MAIL: beatrix@smith.family\n      BOTH: '192.168.7.10 $$HOME'\n";
    let template = proven(&[
        ("web/compose.yaml", compose),
        ("web/.env", "DB_PASSWORD=hqd82nfkw\nTZ=Europe/Vienna\nPORT=8080\n"),
        (
            "docs/x.md",
            "---\nstratum: 2\n---\nIn Windy Lane 7, ask Beatrix.\n",
        ),
    ]);
    assert_eq!(
        template["web/compose.yaml"],
        "# at @{HOST_1_NAME}\nservices:\n  web:\n    image: nginx:1.29   # @{PERSON_1_LOGIN}\n    ports:\n      - \"${HOST_1_ADDRESS}:80:80\"\n    environment:\n      MAIL: ${PERSON_1_LOGIN}\n      BOTH: '${HOST_1_ADDRESS} $$HOME'\n"
    );
    assert_eq!(
        template["docs/x.md"],
        "---\nstratum: 2\n---\nIn @{STREET}, ask @{PERSON_1_NAME}.\n"
    );
    assert!(!template.contains_key("instance.toml") && !template.contains_key("web/.env"));
    let examples = &template["web/.env.example"];
    for line in [
        "TZ=Etc/UTC",
        "PORT=8080",
        "PERSON_1_LOGIN=person-",
        "HOST_1_ADDRESS=192.0.2.",
    ] {
        assert!(examples.contains(line), "{line} in {examples}");
    }
    assert!(!examples.contains("hqd82nfkw"));
    assert!(template["lab.toml"].contains("[slots.HOST_1_ADDRESS]"));
    assert!(template["lab.toml"].contains("# @{STREET}: a private value"));
}

#[test]
fn a_variable_that_has_the_value_already_is_its_slot() {
    let template = proven(&[
        (
            "web/compose.yaml",
            "services: {web: {image: nginx, environment: {A: '192.168.7.10', B: '${ADDRESS}'}}}\n",
        ),
        ("web/.env", "ADDRESS=192.168.7.10\n"),
    ]);
    assert!(template["web/compose.yaml"].contains("A: '${ADDRESS}'"));
    assert!(!template.contains_key("lab.toml"), "nothing new is declared");
}

#[test]
fn a_bare_value_within_brackets_gets_quotes() {
    let text = "services: {web: {image: nginx, hostname: zephyr, ports: [192.168.7.10:80:80, '81:81'], dns: [192.168.7.10]}}\n";
    let template = proven(&[("web/compose.yaml", text)]);
    assert_eq!(
        template["web/compose.yaml"],
        "services: {web: {image: nginx, hostname: '${HOST_1_NAME}', ports: ['${HOST_1_ADDRESS}:80:80', '81:81'], dns: ['${HOST_1_ADDRESS}']}}\n"
    );
}

#[test]
fn the_sample_lab_splits_and_proves() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/lab");
    let split = Lab::load(folder)
        .expect("the sample")
        .split(&seen())
        .expect("a split");
    assert!(split.proof().holds(), "{}", split.proof());
    assert!(split.template().file("instance.toml").is_none());
    assert!(split.template().files().len() > 15);
}

#[test]
fn each_form_of_a_value_has_a_slot_of_its_own() {
    let template = proven(&[(
        "web/compose.yaml",
        "services: {web: {image: nginx, environment: {A: 'MTkyLjE2OC43LjEw', B: '192%2E168.7.10', C: '192.168.7.10', D: '192.168.7.10'}}}\n",
    )]);
    let text = &template["web/compose.yaml"];
    for slot in [
        "A: '${HOST_1_ADDRESS}'",
        "B: '${HOST_1_ADDRESS_2}'",
        "C: '${HOST_1_ADDRESS_3}'",
        "D: '${HOST_1_ADDRESS_3}'",
    ] {
        assert!(text.contains(slot), "{slot} in {text}");
    }
}

#[test]
fn what_is_declared_already_stays_as_it_is() {
    let pattern = "# ours\n[slots.TZ]\ndescription = 'the time zone'\n[strata]\n'docs/**' = 2";
    let template = proven(&[
        ("lab.toml", pattern),
        (
            "web/compose.yaml",
            "services: {web: {image: nginx, hostname: 'zephyr', environment: {TZ: '${TZ}'}}}\n",
        ),
        ("web/.env", "TZ=Europe/Vienna"),
        ("web/.env.example", "# the zone\nTZ=Etc/UTC"),
        ("docs/a.txt", "nothing"),
    ]);
    assert!(template["lab.toml"].starts_with(&format!("{pattern}\n\n# Slots")));
    assert!(template["web/.env.example"].starts_with("# the zone\nTZ=Etc/UTC\n\nHOST_1_NAME=host-"));
    assert_eq!(template["docs/a.txt"], "nothing");
}

#[test]
fn a_lab_without_values_is_its_own_template() {
    let files = [("web/compose.yaml", "services: {web: {image: nginx}}\n")];
    assert_eq!(proven(&files).len(), 1);
}

#[test]
fn what_no_slot_can_stand_for_is_refused_and_named() {
    let hosts = "services:\n  web:\n    image: nginx\n    logging:\n      options:\n        to.zephyr: 'x'\n";
    let why = refused(&[("web/compose.yaml", hosts)]);
    assert!(
        why.contains("`web/compose.yaml`") && why.contains("line 6"),
        "{why}"
    );
    assert!(!why.contains("zephyr"), "{why}");

    let why = refused(&[("bin/beatrix.sh", "true\n")]);
    assert!(why.contains("bin/b***.sh") && !why.contains("beatrix"), "{why}");
}

#[test]
fn a_variable_that_would_be_passed_on_is_refused() {
    let compose = "services: {web: {image: nginx, env_file: .env, hostname: zephyr}}\n";
    let why = refused(&[("web/compose.yaml", compose), ("web/.env", "A=1\n")]);
    assert!(why.contains("means something else"), "{why}");
}

#[test]
fn what_a_comment_accepts_stays() {
    let compose = "services:\n  web:\n    image: nginx\n    hostname: zephyr # homelab: allow leak.known-value until 2027-01-01 because everybody knows it\n";
    let template = proven(&[("web/compose.yaml", compose)]);
    assert_eq!(template["web/compose.yaml"], compose);
}

#[test]
fn a_changed_template_is_not_joined() {
    let split = lab(&[(
        "web/compose.yaml",
        "services: {web: {image: nginx, hostname: zephyr}}\n",
    )])
    .split(&seen())
    .expect("a split");
    let mut template = split.template().clone();
    template
        .files
        .insert("web/compose.yaml".to_owned(), b"services: {}\n".to_vec());
    let error = split.values().value().join(&template).expect_err("a conflict");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    template.files.remove("web/compose.yaml");
    assert!(split.values().value().join(&template).is_err());
    assert!(!format!("{split:?}").contains("zephyr"));
}

#[test]
fn exporting_again_changes_nothing() {
    let split = lab(&[(
        "a/b/compose.yaml",
        "services: {web: {image: nginx, hostname: zephyr}}\n",
    )])
    .split(&seen())
    .expect("a split");
    let template = split.prove().expect("a proof");
    let empty = Lab::from_texts("out", [("x.md", "")]);
    let plan = template.plan_export(&empty).expect("a plan");
    assert_eq!(plan.steps().len(), 2 + 3, "two folders, three files: {plan}");
    let files = template.value().files();
    let full = Lab::from_texts(
        "out",
        files.map(|(path, bytes)| (path.to_owned(), String::from_utf8_lossy(bytes).into_owned())),
    );
    assert!(template.plan_export(&full).expect("a plan").is_empty());
    let other = Lab::from_texts("out", [("a/b/compose.yaml", "services: {}\n")]);
    let plan = template.plan_export(&other).expect("a plan");
    assert!(plan.to_string().contains("a/b/compose.yaml"), "{plan}");
}

#[test]
fn switching_rules_off_hides_nothing_from_the_proof() {
    let off = "[rules]\nleak = false\n'leak.file-name' = false\n";
    let why = refused(&[("lab.toml", off), ("bin/beatrix.sh", "true\n")]);
    assert!(why.contains("bin/b***.sh"), "{why}");
    let template = proven(&[("lab.toml", off), ("bin/x.sh", "ping 192.168.7.10\n")]);
    assert_eq!(template["bin/x.sh"], "ping @{HOST_1_ADDRESS}\n");
}

/// A text of what a lab's files hold, in any order: its values, in disguise too, and what breaks YAML and shells.
fn any_text() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let known = [
        "192.168.7.10",
        "192%2E168.7.10",
        "zephyr",
        "Beatrix",
        "beatrix@smith.family",
        "Windy Lane 7",
        "10.9.8.7",
        "MTkyLjE2OC43LjEw",
        "\n",
        "\\\n",
        "'",
        "\"",
        "[",
        "]",
        "{",
        "}",
        ": ",
        " # ",
        "- ",
        "${X}",
        "@{HOST_1_NAME}",
        "|\n  ",
    ];
    let piece = prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        ".{0,6}"
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn joining_gives_any_text_back(script in any_text(), compose in any_text()) {
        let lab = lab(&[("bin/x.sh", &script), ("web/compose.yaml", &compose), ("web/.env", "A=192.168.7.10\n")]);
        let split = lab.split(&seen()).expect("a split");
        let joined = split.values().value().join(split.template()).expect("joined");
        for file in lab.manifest().files() {
            assert_eq!(joined.get(file.path()).map(Vec::as_slice), file.bytes(), "{}", file.path());
        }
    }
}

#[test]
fn a_value_that_ends_behind_its_scalar_is_no_reason_to_stop() {
    let text = "[192.168.7.10\\\nzephyr";
    let lab = lab(&[("web/compose.yaml", text), ("web/.env", "A=192.168.7.10\n")]);
    let split = lab.split(&seen()).expect("a split");
    let joined = split.values().value().join(split.template()).expect("joined");
    assert_eq!(joined["web/compose.yaml"], text.as_bytes());
}

#[test]
fn a_value_in_a_key_becomes_an_item_of_a_list() {
    let text = "services:\n  web:\n    image: nginx\n    extra_hosts:\n      zephyr: 192.168.7.10 # here\n      other: 10.9.8.7\n    labels: {to.zephyr: 'it''s', \"plain\": 1}\n    environment:\n      A_zephyr: ${X:-$$y}\n      B:\n";
    let template = proven(&[("web/compose.yaml", text), ("web/.env", "B=b\n")]);
    assert_eq!(
        template["web/compose.yaml"],
        "services:\n  web:\n    image: nginx\n    extra_hosts:\n      - '${HOST_1_NAME}=${HOST_1_ADDRESS}' # here\n      - 'other=${ADDRESS}'\n    labels: ['to.${HOST_1_NAME}=it''s', 'plain=1']\n    environment:\n      - 'A_${HOST_1_NAME}=${X:-$$y}'\n      - 'B'\n"
    );
}

#[test]
fn a_variable_that_stands_for_its_value_now_is_declared_with_the_others() {
    let template = proven(&[
        (
            "web/compose.yaml",
            "services: {web: {image: nginx, hostname: zephyr, environment: {A: '192.168.7.10'}}}\n",
        ),
        ("web/.env", "ADDRESS=192.168.7.10\n"),
    ]);
    assert!(template["web/compose.yaml"].contains("A: '${ADDRESS}'"));
    assert!(
        template["lab.toml"].contains("[slots.ADDRESS]")
            && template["lab.toml"].contains("[slots.HOST_1_NAME]")
    );
}
