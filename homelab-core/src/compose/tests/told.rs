//! How what is wrong is told.

use super::{lenient, refusal, rules, strict};

#[test]
fn a_blank_behind_a_variables_name_is_refused_in_a_list() {
    for (attribute, name) in [
        ("environment: ['A = b']", "A"),
        ("environment: ['B', 'A ']", "A"),
        ("environment: [\"A\\t=b\"]", "A"),
        ("build: {context: ., args: ['B = c']}", "B"),
    ] {
        let text = format!("services:\n  a:\n    image: x\n    {attribute}\n");
        let refused = refusal(&[("app/compose.yaml", &text)]);
        assert!(
            refused.contains(&format!("`{name}` of ")) && refused.contains("blank"),
            "{refused}"
        );
        let project = lenient(&[("app/compose.yaml", &text)]);
        assert_eq!(rules(&project), ["compose.invalid-value"]);
        let finding = &project.diagnostics()[0];
        assert_eq!(finding.place().map(crate::span::Span::line), Some(4));
        assert!(finding.fix().contains(&format!("`{name}=`")), "{}", finding.fix());
    }
    for attribute in [
        "environment: {'A ': b}",
        "environment: ['A B=c', ' C=d', 'D= e']",
        "labels: ['A = b']",
    ] {
        let text = format!("services:\n  a:\n    image: x\n    {attribute}\n");
        strict(&[("app/compose.yaml", &text)]);
    }
}

#[test]
fn a_service_whose_profile_is_off_is_not_called_undeclared() {
    let text = "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: y, profiles: [p]}\n";
    let refused = refusal(&[("app/compose.yaml", text)]);
    assert!(
        refused.contains("`a` waits for `b`, whose profile is not active"),
        "{refused}"
    );
    let text = "services:\n  a: {image: x, depends_on: [b]}\n";
    let refused = refusal(&[("app/compose.yaml", text)]);
    assert!(refused.contains("which is not declared"), "{refused}");
}

#[test]
fn an_empty_document_is_not_called_an_empty_file() {
    let refused = refusal(&[("app/compose.yaml", "services:\n  a: {image: x}\n---\n")]);
    assert!(refused.contains("a document of the file is empty"), "{refused}");
    let refused = refusal(&[("app/compose.yaml", "# nothing\n")]);
    assert!(refused.contains("the file is empty"), "{refused}");
}

#[test]
fn a_variable_that_is_none_is_named_but_no_secret() {
    let refused = |line: &str| {
        let text = format!("services:\n  a:\n    image: x\n    {line}\n");
        refusal(&[("app/compose.yaml", &text)])
    };
    for (line, named) in [
        ("command: '${A B}'", "`${A B}`"),
        ("command: '${}'", "`${}`"),
        ("command: 'x ${A:-hunter2'", "`${A…`"),
    ] {
        let said = refused(line);
        assert!(said.contains(named) && !said.contains("hunter2"), "{said}");
    }
    for line in [
        "environment: {PASSWORD: 'x${hunter2 y}'}",
        "environment: ['TOKEN=${hunter2 y}']",
    ] {
        let said = refused(line);
        assert!(
            said.contains("a `$` begins no variable") && !said.contains("hunter2"),
            "{said}"
        );
    }
}
