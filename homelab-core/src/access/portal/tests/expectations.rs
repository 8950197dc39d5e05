//! What `[[access.tests]]` says of a lab of our own.

use super::*;

#[test]
fn tests_of_a_lab_that_hold_are_silent() {
    let lab = lab(
        "[[access.tests]]\nwho = 'ann'\nsees = ['grafana', 'photos']\nnot = ['photos/database']\n\
        [[access.tests]]\nwho = 'ben@example.org'\nsees = ['photos/server']\nnot = ['watch']\n",
    );
    assert_eq!(failures(&lab), Vec::<String>::new());
}

#[test]
fn tests_of_a_lab_that_fail_say_why_at_their_line() {
    let lines = INSTANCE.lines().count();
    let found = failures(&lab(
        "[[access.tests]]\nwho = 'ben'\nsees = ['grafana']\nnot = ['photos']\n",
    ));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with(
            "`ben@example.org` should see `grafana`, and does not: no rule of the tailnet's policy lets them in"
        ),
        "{found:?}"
    );
    assert!(found[0].ends_with(&format!("@{}", lines + 3)), "{found:?}");
    assert!(
        found[1].starts_with("`ben@example.org` should not see `nas:photos/server`, and does: "),
        "{found:?}"
    );
    assert!(found[1].ends_with(&format!("@{}", lines + 4)), "{found:?}");
}

#[test]
fn what_the_local_network_lets_in_counts_for_neither() {
    let found = failures(&lab(
        "[[access.tests]]\nwho = 'ann'\nsees = ['wiki']\nnot = ['wiki']\n",
    ));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found
            .iter()
            .all(|one| one.contains("whoever is on the local network")),
        "{found:?}"
    );
}

#[test]
fn a_test_of_a_group_holds_for_each_of_it() {
    let found = failures(&lab(
        "[[access.tests]]\nwho = 'group:family'\nsees = ['grafana', 'photos']\nnot = ['grafana']\n",
    ));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("`ben@example.org` should see `grafana`, and does not"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("`ann@example.org` should not see `nas:watch/grafana`, and does"),
        "{found:?}"
    );
    let found = failures(&lab("[[access.tests]]\nwho = 'group:family'\nsees = ['wiki']\n"));
    assert!(
        found.len() == 1
            && found[0].contains("`ann@example.org`")
            && found[0].contains("it fails for `ben@example.org` too"),
        "{found:?}"
    );
    let found = failures(&lab(
        "[[access.tests]]\nwho = 'autogroup:member'\nnot = ['photos/database']\n",
    ));
    assert!(
        found.len() == 1 && found[0].starts_with("no device of `eve@example.org` is known"),
        "{found:?}"
    );
    let found = failures(&lab("[[access.tests]]\nwho = '*'\nsees = ['photos/server']\n"));
    assert!(
        found.len() == 1 && found[0].starts_with("`album` should see"),
        "{found:?}"
    );
}

#[test]
fn a_test_that_asks_nothing_is_said() {
    for test in [
        "who = 'ann'",
        "who = 'ann'\nsee = ['photos']",
        "who = 'ann'\nsees = []\nnot = []",
    ] {
        let found = failures(&lab(&format!("[[access.tests]]\n{test}\n")));
        assert!(
            found.len() == 1 && found[0].starts_with("the test of `ann` asks nothing"),
            "{test}: {found:?}"
        );
    }
}

#[test]
fn the_policy_can_be_tested_of_what_the_local_network_has_too() {
    let wiki = WIKI.replace("192.0.2.10:8080:80", "8080:80");
    let lab = |tests: &str| {
        Lab::from_texts(
            "home",
            [
                ("instance.toml", &*format!("{INSTANCE}{tests}")),
                ("policy.hujson", &POLICY.replace("tag:nas:3000", "tag:nas:8080")),
                ("wiki/compose.yaml", &wiki),
            ],
        )
    };
    let test = |who: &str, more: &str| format!("[[access.tests]]\nwho = '{who}'\nnot = ['wiki']\n{more}\n");
    assert_eq!(failures(&lab(&test("ben", ""))).len(), 1, "at home he comes in");
    assert_eq!(failures(&lab(&test("ben", "away = true"))), Vec::<String>::new());
    let found = failures(&lab(&test("ann", "away = true")));
    assert!(
        found.len() == 1 && found[0].contains("the tailnet's policy lets them in"),
        "{found:?}"
    );
    // What the internet may reach is reached from elsewhere.
    let open = INSTANCE.replace("public_addresses = []\nforwards = []\n", "");
    let lab = Lab::from_texts(
        "home",
        [
            ("instance.toml", &*format!("{open}{}", test("ben", "away = true"))),
            ("policy.hujson", POLICY),
            ("wiki/compose.yaml", &wiki),
        ],
    );
    let found = failures(&lab);
    assert!(
        found.len() == 1 && found[0].contains("which cannot be told"),
        "{found:?}"
    );
}

#[test]
fn a_policy_that_is_refused_says_why_no_test_can_be_run() {
    let policy = r#"{"acls": [{"action": "accept", "src": ["ann@example.org"], "dst": ["tag:none:1"]}]}"#;
    let lab = lab_of(
        &format!("{INSTANCE}[[access.tests]]\nwho = 'ann'\nnot = ['photos']\n"),
        policy,
    );
    let found = failures(&lab);
    assert!(
        found[0].starts_with(
            "the tests of `[[access.tests]]` cannot be run: failed to accept the policy `policy.hujson`: dst=\"tag:none\": tag not found"
        ),
        "{found:?}"
    );
}

#[test]
fn a_test_that_nobody_can_run_fails() {
    let found = failures(&lab(
        "[[access.tests]]\nwho = 'eve'\nnot = ['grafana']\n[[access.tests]]\nwho = 'carl'\nnot = ['grafana']\n\
        [[access.tests]]\nwho = 'ann'\nsees = ['grafanna']\n",
    ));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("no device of `eve` is known"), "{found:?}");
    assert!(found[1].contains("find `carl` in the tailnet"), "{found:?}");
    assert!(
        found[2].contains("no service or project `grafanna`") && found[2].contains("grafana"),
        "{found:?}"
    );
    let bare = Lab::from_texts(
        "home",
        [
            ("instance.toml", "[[access.tests]]\nwho = 'ann'\nnot = ['one']\n"),
            ("a/compose.yaml", "services: { one: { image: x } }"),
        ],
    );
    assert!(
        failures(&bare)[0].contains("cannot be run"),
        "{:?}",
        failures(&bare)
    );
}
