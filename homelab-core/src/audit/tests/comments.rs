//! Comments that speak of a whole service.

use super::{ALLOW, ids, lab, now};

#[test]
fn a_comment_above_a_service_accepts_what_is_inside_it() {
    let two = "services:
  one:
    image: nginx:1.29
    privileged: true
  ALLOW
  two:
    image: nginx:1.29
    restart: always
    privileged: true
  three:
    image: nginx:1.29
    privileged: true
";
    let report = lab(&two.replace("ALLOW", ALLOW), "").audit(&now());
    assert_eq!(ids(&report), ["service.privileged"; 2]);
    let [suppressed] = report.suppressed() else {
        panic!("{:?}", report.suppressed());
    };
    let accepted = suppressed.finding.service().map(|id| id.service().as_str());
    assert_eq!(accepted, Some("two"));
}

#[test]
fn an_unneeded_comment_names_the_lines_that_it_speaks_of() {
    let unused = |compose: &str| {
        let report = lab(compose, "").audit(&now());
        let found = report
            .findings()
            .iter()
            .find(|finding| finding.rule().id == "audit.unused-suppression");
        found.expect("a comment that is not needed").message().to_owned()
    };
    let other = ALLOW.replace("privileged", "docker-socket");
    let service = "    image: nginx:1.29\n    restart: always\n    privileged: true\n";
    let above = format!("services:\n  {other}\n  web:\n{service}");
    assert_eq!(
        unused(&above),
        "nothing of `service.docker-socket` is found on lines 3 to 6"
    );
    let beside = format!("services:\n  web:\n{service}    tty: true {other}\n");
    assert_eq!(
        unused(&beside),
        "nothing of `service.docker-socket` is found on line 6"
    );
}

#[test]
fn the_nearest_comment_speaks() {
    let own = ALLOW.replace("because", "because nearer:");
    let far = ALLOW.replace("because", "because farther:");
    let compose = format!(
        "services:\n  {far}\n  web:\n    image: nginx:1.29\n    {own}\n    privileged: true\n    tty: true\n"
    );
    let report = lab(&compose, "").audit(&now());
    let [suppressed] = report.suppressed() else {
        panic!("{:?}", report.suppressed());
    };
    assert!(suppressed.reason.starts_with("nearer"), "{}", suppressed.reason);
    assert_eq!(
        ids(&report),
        ["audit.unused-suppression"],
        "the other one is not needed"
    );
}

#[test]
fn a_comment_in_a_quoted_text_accepts_nothing() {
    let quoted = format!(
        "services:\n  web:\n    image: nginx:1.29\n    labels:\n      a: \"\n       {ALLOW}\"\n    privileged: true\n"
    );
    assert_eq!(ids(&lab(&quoted, "").audit(&now())), ["service.privileged"]);
}

#[test]
fn capitals_do_not_matter() {
    let loud = ALLOW
        .replace("homelab: allow", "Homelab: Allow")
        .replace("until", "Until")
        .replace("because", "BECAUSE");
    let compose = format!("services:\n  web:\n    image: nginx:1.29\n    {loud}\n    privileged: true\n");
    let report = lab(&compose, "").audit(&now());
    assert_eq!(
        (ids(&report).len(), report.suppressed().len()),
        (0, 1),
        "{:?}",
        ids(&report)
    );
}

#[test]
fn thousands_of_comments_take_no_time_to_speak_of() {
    let comments = format!("    {ALLOW}\n").repeat(20_000);
    let compose = format!("services:\n  web:\n    image: nginx:1.29\n{comments}    privileged: true\n");
    let report = lab(&compose, "").audit(&now());
    assert_eq!(report.suppressed().len(), 1);
    assert_eq!(report.findings().len(), 19_999, "all others are not needed");
}
