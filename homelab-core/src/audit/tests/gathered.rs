//! What becomes of findings that say the same.

use crate::audit::gather::gather;
use crate::finding::{Finding, Principle, Rule, Severity, Subject};
use crate::name::ServiceId;

static RULE: Rule = Rule {
    id: "test.rule",
    principle: Principle::Valid,
    severity: Severity::Note,
    title: "something is so",
    why: "",
    fix: "The rule's own way.",
    opt_in: false,
};

/// Returns a finding of a service on a machine.
fn of(machine: Option<&str>, service: &str) -> Finding {
    let name = |text: &str| text.parse().expect("a name");
    let id = ServiceId::new(
        machine.map(|machine| machine.parse().expect("a name")),
        "app".parse().expect("a name"),
        name(service),
    );
    Finding::new(&RULE, Subject::Service(id), "it is so")
}

#[test]
fn what_is_said_twice_of_one_service_keeps_its_machine_unless_another_runs_it_too() {
    assert_eq!(
        gather(vec![of(Some("nas"), "web"), of(Some("nas"), "web")]),
        [of(Some("nas"), "web")]
    );
    assert_eq!(
        gather(vec![of(Some("nas"), "web"), of(Some("pi"), "web")]),
        [of(None, "web")]
    );
}

#[test]
fn one_finding_of_many_keeps_the_fix_and_hides_the_lines_that_they_agree_on() {
    let many = |change: &dyn Fn(usize, Finding) -> Finding| {
        let findings = (0..5).map(|at| change(at, of(None, &format!("s{at}")))).collect();
        let gathered = gather(findings);
        let [one] = gathered.as_slice() else {
            panic!("{gathered:?}");
        };
        one.clone()
    };
    let same = many(&|_, finding| finding.with_fix("Another way."));
    assert_eq!(same.fix(), "Another way.");
    assert!(same.shows_snippet());
    let apart = many(&|at, finding| finding.with_fix(format!("Way {at}.")));
    assert_eq!(apart.fix(), RULE.fix, "none of them is for all");
    let hidden = many(&|at, finding| {
        if at == 3 {
            finding.without_snippet()
        } else {
            finding
        }
    });
    assert!(!hidden.shows_snippet(), "the line of one is a secret");
}

#[test]
fn many_are_called_what_they_are() {
    let message = |subject: &dyn Fn(usize) -> Subject| {
        let findings = (0..4)
            .map(|at| Finding::new(&RULE, subject(at), "it is so"))
            .collect();
        gather(findings)[0].message().to_owned()
    };
    let project = |at: usize| Subject::Project(format!("p{at}").parse().expect("a name"));
    assert_eq!(
        message(&project),
        "something is so: 4 projects, `p0`, `p1`, `p2` and `p3`"
    );
    let service = |at: usize| of(None, &format!("s{at}")).subject().clone();
    assert_eq!(
        message(&service),
        "something is so: 4 services, `app/s0`, `app/s1`, `app/s2` and `app/s3`"
    );
}
