//! Declared slots, and the variables of the files.

use super::*;

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
fn a_slot_is_said_once_and_where_it_matters() {
    let with = |compose: &str, settings: &str| {
        let compose = format!("services:\n  a:\n    image: x\n    {compose}\n");
        said(&lab(&[
            ("a/compose.yaml", &compose),
            ("a/.env", "PASSED=1\n"),
            ("lab.toml", settings),
        ]))
    };
    let labels = |text: &str| format!("labels: {{ l: '{text}' }}");
    assert_eq!(
        with("env_file: .env", "[slots.PASSED]\n"),
        [""; 0],
        "it is passed on"
    );
    let required = with(&labels("${REQ:?set it}"), "[slots.REQ]\n");
    assert_eq!(required.len(), 1, "{required:?}");
    assert!(
        required[0].starts_with("compose.required-variable"),
        "{required:?}"
    );
    let both = with("labels: { l: '${A}', m: '${B}' }", "[slots.A]\n");
    assert_eq!(
        both,
        [
            "lab.missing-slot a/compose.yaml:4:18: the slot `A` has no value in `a`",
            "lab.undeclared-slot a/compose.yaml:4:29: the variable `B` is not declared as a slot, and has no value in `a`",
        ],
        "one finding for each variable"
    );
    let both = with(
        "labels: { l: '${A}', m: '${B}' }",
        "[slots.A]\n[rules]\n'lab.undeclared-slot' = false\n",
    );
    assert!(
        both.iter()
            .any(|line| line.starts_with("compose.unset-variable") && line.contains("`B`")),
        "nothing else would say it: {both:?}"
    );
    let later = with("labels: { l: '${B:-x}', m: '${B}' }", "[slots.PASSED]\n");
    let own: Vec<&String> = later.iter().filter(|line| line.contains("`B`")).collect();
    assert_eq!(
        own,
        [
            "lab.undeclared-slot a/compose.yaml:4:32: the variable `B` is not declared as a slot, and has no value in `a`"
        ]
    );
    // Where Compose refuses the file, that is said, and here only that nothing declares it.
    let refused = with(&labels("${B:?set it}"), "[slots.PASSED]\n");
    let own: Vec<&String> = refused
        .iter()
        .filter(|line| line.starts_with("lab.undeclared"))
        .collect();
    assert!(
        own.len() == 1 && own[0].ends_with("`B` is not declared as a slot"),
        "{refused:?}"
    );
    // Many are one finding, which takes nothing with it that it does not say.
    let many = with(
        &labels("${A} ${B} ${C} ${D} ${PASSED}"),
        "[slots.A]\n[slots.PASSED]\n",
    );
    let mut rules: Vec<&str> = many.iter().filter_map(|line| line.split(' ').next()).collect();
    rules.sort_unstable();
    assert_eq!(
        rules,
        [
            "lab.missing-slot",
            "lab.undeclared-slot",
            "lab.undeclared-slot",
            "lab.undeclared-slot"
        ],
        "{many:?}"
    );
    let with_default = "[slots.A]\ndefault = 'x'\n[slots.B]\n[slots.C]\n[slots.D]\n[slots.PASSED]\n";
    let many = with(&labels("${A} ${B} ${C} ${D} ${PASSED}"), with_default);
    assert!(
        many.iter()
            .any(|line| line.starts_with("compose.unset-variable") && line.contains("`A`")),
        "{many:?}"
    );
    assert_eq!(many.len(), 4, "{many:?}");
    let of_lab = with(&labels("${A} ${B} ${C} ${D} ${PASSED}"), "[slots.PASSED]\n");
    assert_eq!(of_lab.len(), 1, "{of_lab:?}");
    assert!(of_lab[0].starts_with("lab.undeclared-slot"), "{of_lab:?}");
    assert_eq!(with(&labels("${A}"), "[slots.A]\ndefault = 'x'\n").len(), 1);
    let own = labels("${PWD:-} ${COMPOSE_PROJECT_NAME:-} ${PASSED}");
    assert_eq!(with(&own, "[slots.PASSED]\n"), [""; 0]);
    let three = labels("${A:-} ${B:-} ${C:-} ${PASSED}");
    assert_eq!(with(&three, "[slots.PASSED]\n").len(), 3, "each by itself");
    let four = labels("${A:-} ${B:-} ${C:-} ${D:-} ${PASSED}");
    assert_eq!(with(&four, "[slots.PASSED]\n").len(), 1, "all at once");

    let lab = lab(&[
        ("a/compose.yaml", "services: {a: {image: x, labels: {l: '${A}'}}}"),
        (
            "lab.toml",
            "[slots.A]\ndescription = 'the first'\n[slots.B]\ndefault = 'two'\nsecret = true\n",
        ),
    ]);
    let missing = lab
        .diagnostics()
        .iter()
        .find(|finding| finding.rule().id == "lab.missing-slot");
    assert!(missing.expect("a finding").fix().ends_with(": the first"));
    let slot = |name: &str| &lab.pattern().slots()[&name.parse::<crate::name::SlotName>().expect("a name")];
    assert_eq!((slot("A").default(), slot("A").is_secret()), (None, false));
    assert_eq!((slot("B").default(), slot("B").is_secret()), (Some("two"), true));
}
