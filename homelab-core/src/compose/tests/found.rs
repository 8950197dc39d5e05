//! Where a project is found, and what is printed of it.

use serde_json::json;

use super::{Project, ResolveOptions, options, strict};
use crate::error::ErrorKind;

#[test]
fn an_empty_path_is_refused_wherever_it_is_given() {
    for base in [ResolveOptions::lenient(), ResolveOptions::strict()] {
        for options in [
            base.clone().with_files([""]),
            base.clone().with_files(["compose.yaml", ""]),
            base.clone().with_directory(""),
            base.clone().with_root(""),
            base.clone().with_env_files([""]),
        ] {
            let error = Project::resolve(&options).expect_err("an empty path");
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("the path is empty"), "{error}");
            assert!(error.hint().is_some());
        }
    }
}

#[test]
fn the_folders_above_are_searched_for_a_file() {
    let files = [
        (
            "app/compose.yaml",
            "services: {web: {image: \"${A}-${B}-${C}\", volumes: ['./x:/x']}}",
        ),
        ("app/.env", "A=above\nB=above\nC=${B}\n"),
        ("app/sub/.env", "B=below\n"),
    ];
    for is_strict in [true, false] {
        let below = options(is_strict, &files).with_directory("/lab/app/sub/deeper");
        let project = Project::resolve(&below).expect("a project").to_json(false);
        assert_eq!(
            project["name"], "deeper",
            "the directory that is named stays the project's"
        );
        assert_eq!(
            project["services"]["web"]["volumes"][0]["source"],
            "/lab/app/sub/deeper/x"
        );
        // Below the root, and where files are named, nothing is searched.
        let narrow = options(is_strict, &files)
            .with_directory("/lab/app/sub")
            .with_root("/lab/app/sub");
        assert_eq!(
            Project::resolve(&narrow).expect_err("none").kind(),
            ErrorKind::NotFound
        );
        let named = options(is_strict, &files)
            .with_directory("/lab/app/sub")
            .with_files(["/lab/app/compose.yaml"]);
        assert!(Project::resolve(&named).is_ok());
    }
    let own = [files[0], ("app/sub/compose.yml", "services: {near: {image: x}}")];
    let near = options(true, &own).with_directory("/lab/app/sub");
    let project = Project::resolve(&near).expect("a project").to_json(false);
    assert!(project["services"]["near"].is_object(), "the nearest is taken");
}

#[test]
fn options_of_storage_are_texts() {
    let text = "services:\n  a:\n    image: x\n    storage_opt: {a: , size: 1G, b: 1}\n";
    let project = strict(&[("app/compose.yaml", text)]);
    assert_eq!(
        project["services"]["a"]["storage_opt"],
        json!({"a": "", "size": "1G", "b": "1"})
    );
    for value in ["[x]", "{b: c}", "true", "1.5"] {
        let text = format!("services:\n  a:\n    image: x\n    storage_opt: {{a: {value}}}\n");
        let refused = super::refusal(&[("app/compose.yaml", &text)]);
        assert!(refused.contains("storage_opt.a"), "{refused}");
    }
}

#[test]
fn what_is_redacted_has_no_credentials_in_addresses() {
    let text = "services:
  a:
    image: reg.example.com/u:hunter2@x/y:1
    build:
      context: https://user:hunter2@github.com/a/b.git
      additional_contexts:
        one: https://hunter2@example.com/c.git
        two: docker-image://u:hunter2@reg.example.com/z
      cache_to: ['type=s3,secret_access_key=hunter2']
  b:
    build: https://user:hunter2@github.com/a/${BRANCH:-main}.git
";
    for is_strict in [true, false] {
        let options = options(is_strict, &[("app/compose.yaml", text)]);
        let project = Project::resolve(&options).expect("a project");
        assert!(project.to_json(false).to_string().contains("hunter2"));
        let shown = project.to_json(true);
        assert!(!shown.to_string().contains("hunter2"), "{shown:#}");
        assert_eq!(
            shown["services"]["a"]["build"]["context"],
            "https://***@github.com/a/b.git"
        );
    }
}
