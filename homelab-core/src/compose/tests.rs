//! Whole resolutions, from files in memory.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{NetworkMode, Project, ResolveOptions, VariableState};
use crate::error::ErrorKind;

mod found;
mod hostile;
mod told;

fn options(strict: bool, files: &[(&str, &str)]) -> ResolveOptions {
    let memory: HashMap<PathBuf, Arc<str>> = files
        .iter()
        .map(|(path, text)| (PathBuf::from("/lab").join(path), Arc::from(*text)))
        .collect();
    let options = if strict {
        ResolveOptions::strict()
    } else {
        ResolveOptions::lenient()
    };
    options
        .with_root("/lab")
        .with_directory("/lab/app")
        .with_memory(Arc::new(memory))
}

fn strict(files: &[(&str, &str)]) -> Value {
    Project::resolve(&options(true, files))
        .expect("a project")
        .to_json(false)
}

fn refusal(files: &[(&str, &str)]) -> String {
    Project::resolve(&options(true, files))
        .expect_err("a refusal")
        .to_string()
}

fn lenient(files: &[(&str, &str)]) -> Project {
    Project::resolve(&options(false, files)).expect("a project")
}

fn rules(project: &Project) -> Vec<&'static str> {
    project
        .diagnostics()
        .iter()
        .map(|finding| finding.rule().id)
        .collect()
}

#[test]
fn a_small_project_is_printed_as_compose_prints_it() {
    let text = "services:\n  web:\n    image: nginx\n    ports: ['8080:80']\n    volumes: ['./site:/site:ro', data:/data]\nvolumes:\n  data:\n";
    assert_eq!(
        strict(&[("app/compose.yaml", text)]),
        json!({
            "name": "app",
            "services": {"web": {
                "command": null,
                "entrypoint": null,
                "image": "nginx",
                "networks": {"default": null},
                "ports": [{"mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp"}],
                "volumes": [
                    {"type": "bind", "source": "/lab/app/site", "target": "/site", "read_only": true,
                     "bind": {"create_host_path": true}},
                    {"type": "volume", "source": "data", "target": "/data", "volume": {}},
                ],
            }},
            "networks": {"default": {"name": "app_default", "ipam": {}}},
            "volumes": {"data": {"name": "app_data"}},
        })
    );
}

#[test]
fn the_preferred_file_and_its_override_are_taken() {
    let config = strict(&[
        ("app/docker-compose.yml", "services: {old: {image: x}}"),
        (
            "app/compose.yaml",
            "services: {web: {image: a, environment: {A: 1, B: 2}, ports: ['80']}}",
        ),
        (
            "app/compose.override.yaml",
            "services: {web: {image: b, environment: [B=3], ports: ['80', '81']}}",
        ),
    ]);
    let web = &config["services"]["web"];
    assert_eq!(web["image"], "b");
    assert_eq!(web["environment"], json!({"A": "1", "B": "3"}));
    assert_eq!(
        web["ports"].as_array().map(Vec::len),
        Some(2),
        "the same port is one"
    );
    assert!(config["services"].get("old").is_none());
}

#[test]
fn variables_come_from_the_environment_then_from_the_file_beside_it() {
    let files = [
        (
            "app/compose.yaml",
            "services: {web: {image: '${NAME:-x}:${TAG}', environment: {P: $COMPOSE_PROJECT_NAME}}}",
        ),
        ("app/.env", "NAME=nginx\nTAG=1\n"),
    ];
    let options = options(true, &files).with_environment([("TAG", "2")]);
    let project = Project::resolve(&options).expect("a project");
    let image = project.services()["web"].image.as_ref().expect("an image");
    assert_eq!(image.value, "nginx:2");
    let text = image.interpolation.as_ref().expect("variables");
    assert_eq!(text.raw, "${NAME:-x}:${TAG}");
    assert!(
        text.variables
            .iter()
            .all(|(_, state)| *state == VariableState::Set)
    );
    assert_eq!(
        project.to_json(false)["services"]["web"]["environment"]["P"],
        "app"
    );
}

#[test]
fn a_service_extends_others_in_this_file_and_elsewhere() {
    let config = strict(&[
        (
            "app/compose.yaml",
            "services:\n  web:\n    extends: {file: ../shared/base.yaml, service: web}\n    environment: {B: 2}\n  api:\n    extends: web\n    image: api\n",
        ),
        (
            "shared/base.yaml",
            "services:\n  web:\n    extends: common\n    build: .\n    volumes: ['./conf:/conf']\n  common:\n    image: base\n    environment: {A: 1, B: 1}\n",
        ),
    ]);
    let web = &config["services"]["web"];
    assert_eq!(web["environment"], json!({"A": "1", "B": "2"}));
    assert_eq!(web["build"]["context"], "/lab/shared");
    assert_eq!(web["volumes"][0]["source"], "/lab/shared/conf");
    assert_eq!(config["services"]["api"]["image"], "api");
    assert_eq!(config["services"]["api"]["environment"]["A"], "1");
}

#[test]
fn included_files_have_a_directory_and_variables_of_their_own() {
    let files = [
        (
            "app/compose.yaml",
            "include: [../db/compose.yaml]\nservices: {web: {image: x, depends_on: [db]}}",
        ),
        (
            "db/compose.yaml",
            "services: {db: {image: '$IMAGE', volumes: ['./data:/data']}}",
        ),
        ("db/.env", "IMAGE=postgres\n"),
    ];
    let config = strict(&files);
    assert_eq!(config["services"]["db"]["image"], "postgres");
    assert_eq!(config["services"]["db"]["volumes"][0]["source"], "/lab/db/data");
    let clash = [
        (
            "app/compose.yaml",
            "include: [../db/compose.yaml]\nservices: {db: {image: other}}",
        ),
        ("db/compose.yaml", "services: {db: {image: postgres}}"),
    ];
    assert!(refusal(&clash).contains("services.db"));
}

#[test]
fn reset_and_override_take_away_what_an_earlier_file_said() {
    let config = strict(&[
        (
            "app/compose.yaml",
            "services: {web: {image: x, ports: ['80:80'], command: a, environment: {A: 1}}}",
        ),
        (
            "app/compose.override.yaml",
            "services:\n  web:\n    ports: !override ['81:81']\n    command: !reset null\n    environment: !reset {}\n",
        ),
    ]);
    let web = &config["services"]["web"];
    assert_eq!(web["ports"].as_array().map(Vec::len), Some(1));
    assert_eq!(web["ports"][0]["target"], 81);
    assert_eq!(web["command"], Value::Null);
    assert!(web.get("environment").is_none());
}

#[test]
fn only_services_of_active_profiles_are_printed_and_all_are_modelled() {
    let files = [(
        "app/compose.yaml",
        "services: {web: {image: x}, debug: {image: y, profiles: [debug]}}",
    )];
    let project = Project::resolve(&options(true, &files)).expect("a project");
    assert_eq!(project.services().len(), 2);
    assert!(project.to_json(false)["services"].get("debug").is_none());
    let project = Project::resolve(&options(true, &files).with_profiles(["debug"])).expect("a project");
    assert!(project.to_json(false)["services"].get("debug").is_some());
}

#[test]
fn env_files_lie_below_the_environment() {
    let files = [
        (
            "app/compose.yaml",
            "services:\n  web:\n    image: x\n    env_file: [a.env, {path: none.env, required: false}, {path: raw.env, format: raw}]\n    environment: {B: own, C: }\n",
        ),
        ("app/a.env", "A=1\nB=2\nQ=\"a $B\"\n"),
        ("app/raw.env", "R=\"x\"\n"),
    ];
    let config = strict(&files);
    assert_eq!(
        config["services"]["web"]["environment"],
        json!({"A": "1", "B": "own", "C": null, "Q": "a own", "R": "\"x\""})
    );
    let project = lenient(&files);
    assert_eq!(
        project.services()["web"].environment["A"].span.to_string(),
        "app/a.env:1:1"
    );
}

#[test]
fn what_compose_refuses_is_refused() {
    for (text, part) in [
        ("services: {web: {}}", "neither `image` nor `build`"),
        ("services: {web: {image: x, ports: [80:80:80:80]}}", "no port"),
        ("services: {web: {image: x, imag: y}}", "`imag`"),
        ("services: {web: {image: x, networks: [n]}}", "network `n`"),
        ("services: {web: {image: x, volumes: ['vol:/x']}}", "volume `vol`"),
        ("services: {web: {image: x, depends_on: [y]}}", "service `y`"),
        ("services: {web: {image: x, env_file: none.env}}", "none.env"),
        ("services: {web: {image: x, privileged: maybe}}", "privileged"),
        ("services: {web: {image: x, environment: {A: [1]}}}", "A"),
        ("services: {web: {image: '${X:?set it}'}}", "set it"),
        ("services: {web: {image: '${X'}}", "variable"),
        ("services: {web: {image: x}, web: {image: y}}", "twice"),
        (
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}",
            "circle",
        ),
        ("services: {a: {extends: b}, b: {extends: a}}", "circle"),
        (
            "services: {web: {image: x, stop_grace_period: soon}}",
            "length of time",
        ),
        ("services: {web: {image: x, mem_limit: lots}}", "bytes"),
        (
            "services: {web: {image: x, network_mode: host, networks: [default]}}",
            "both",
        ),
        ("include: [compose.yaml]\nservices: {web: {image: x}}", "circle"),
        ("name: '!!!'\nservices: {web: {image: x}}", "project name"),
        ("services: {web: {image: x, expose: [1.5]}}", "expose"),
        (
            "services: {web: {image: x, volumes: [{type: bind, source: /a, target: /y/}, '/b:/y']}}",
            "twice",
        ),
        (
            "x-a: &a {b: 1}\nx-c: {<<: *a, <<: *a}\nservices: {web: {image: x}}",
            "twice",
        ),
        ("", "empty"),
        ("- a", "mapping"),
        ("services: [", ""),
    ] {
        let message = refusal(&[("app/compose.yaml", text)]);
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn one_letter_before_a_colon_is_a_drive() {
    let config = strict(&[(
        "app/compose.yaml",
        "services: {web: {image: x, volumes: ['v:/x']}}",
    )]);
    assert_eq!(config["services"]["web"]["volumes"][0]["target"], "v:/x");
}

#[test]
fn lenient_keeps_the_rest_and_says_where() {
    let text = "\
services:
  web:
    image: nginx
    ports: ['80:80', 'x:y']
    enviroment: {A: 1}
    volumes: ['data:/data']
  broken: 12
  db:
    image: '${IMAGE:?which one}'
    env_file: none.env
";
    let project = lenient(&[("app/compose.yaml", text)]);
    let web = &project.services()["web"];
    assert_eq!(web.ports.len(), 1);
    assert_eq!(web.mounts.len(), 1);
    assert!(project.services().contains_key("db"));
    let found: Vec<_> = project
        .diagnostics()
        .iter()
        .map(|finding| format!("{} {}", finding.rule().id, finding.place().expect("a place")))
        .collect();
    for expected in [
        "compose.invalid-value app/compose.yaml:4:22",
        "compose.unknown-key app/compose.yaml:5:5",
        "compose.undefined app/compose.yaml:6:15",
        "compose.invalid-value app/compose.yaml:7:11",
        "compose.required-variable app/compose.yaml:9:12",
        "compose.missing-file app/compose.yaml:10:15",
    ] {
        assert!(
            found.iter().any(|line| line == expected),
            "{expected} in {found:#?}"
        );
    }
    let unknown = project
        .diagnostics()
        .iter()
        .find(|finding| finding.rule().id == "compose.unknown-key");
    let unknown = unknown.expect("the misspelt key");
    assert_eq!(unknown.fix(), "Did you mean `environment`?");
    assert_eq!(
        unknown.service().map(ToString::to_string).as_deref(),
        Some("app/web")
    );
}

#[test]
fn lenient_reads_nothing_outside_the_lab_and_nothing_remote() {
    let text = "\
include:
  - ../../etc/compose.yaml
  - https://example.com/stack.git
services:
  web:
    image: x
    env_file: /etc/secrets.env
  other:
    extends: {file: ../../base.yaml, service: x}
    image: y
";
    let project = lenient(&[("app/compose.yaml", text)]);
    let mut found = rules(&project);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "compose.outside-root",
            "compose.outside-root",
            "compose.outside-root",
            "compose.remote"
        ]
    );
    assert_eq!(project.services().len(), 2);
}

#[test]
fn unset_variables_are_one_note_when_they_are_many() {
    let few = lenient(&[(
        "app/compose.yaml",
        "services: {a: {image: 'x:$A', user: '$B', hostname: '${C:-c}$A'}}",
    )]);
    assert_eq!(rules(&few), ["compose.unset-variable", "compose.unset-variable"]);
    assert!(
        few.services()["a"]
            .image
            .as_ref()
            .is_some_and(super::Field::is_unset)
    );
    let many = lenient(&[("app/compose.yaml", "services: {a: {image: 'x:$A$B$C$D'}}")]);
    assert_eq!(rules(&many), ["compose.unset-variable"]);
    assert_eq!(many.diagnostics()[0].evidence().len(), 4);
}

#[test]
fn the_model_reads_network_modes_commands_and_health() {
    let project = lenient(&[(
        "app/compose.yaml",
        "services:\n  a: {image: x, network_mode: 'service:b', command: sh -c 'a b'}\n  b: {image: x, network_mode: host, healthcheck: {disable: true}}\n  c: {image: x, healthcheck: {test: 'true'}, labels: [a=1, b]}\n",
    )]);
    let a = &project.services()["a"];
    assert_eq!(
        a.network_mode.as_ref().map(|mode| &mode.value),
        Some(&NetworkMode::Service("b".into()))
    );
    let words: Vec<_> = a.command.iter().map(|word| word.value.as_str()).collect();
    assert_eq!(words, ["sh", "-c", "a b"]);
    assert!(
        a.depends_on.iter().any(|on| on.value.service == "b"),
        "sharing a network is a dependency"
    );
    assert!(project.services()["b"].healthcheck.is_none());
    let c = &project.services()["c"];
    assert!(c.healthcheck.is_some());
    assert_eq!(c.labels["a"].value, "1");
    assert_eq!(c.networks[0].value.network, "default");
}

#[test]
fn redaction_hides_what_may_be_a_secret() {
    let text = "services: {a: {image: x, environment: {P: hunter2}, labels: {l: hunter2}, command: 'run --token=hunter2 -p hunter2 hunter2', healthcheck: {test: [CMD, ping, -phunter2]}}}\nx-note: hunter2\nconfigs: {c: {content: hunter2}}\n";
    let project = lenient(&[("app/compose.yaml", text)]);
    assert!(project.to_json(false).to_string().contains("hunter2"));
    assert!(!project.to_json(true).to_string().contains("hunter2"));
    assert_eq!(
        project.to_json(true)["services"]["a"]["command"],
        json!(["run", "--token=***", "-p", "***", "***"])
    );
    assert!(!format!("{project:?}").contains("hunter2"));
}

#[test]
fn redaction_hides_the_value_of_a_first_option_and_of_a_log_drivers_secret() {
    let text = "services: {a: {image: x, entrypoint: ['--key=hunter2'], command: '--api-key=hunter2 b', logging: {driver: splunk, options: {splunk-token: hunter2, max-size: 10m}}}}\n";
    let project = lenient(&[("app/compose.yaml", text)]);
    assert!(project.to_json(false).to_string().contains("hunter2"));
    let shown = &project.to_json(true)["services"]["a"];
    assert!(!shown.to_string().contains("hunter2"), "{shown}");
    assert_eq!(shown["command"], json!(["--api-key=***", "***"]));
    assert_eq!(
        shown["logging"]["options"],
        json!({"splunk-token": "***", "max-size": "10m"})
    );
}

#[test]
fn windows_line_ends_and_byte_order_marks_are_read() {
    let project = lenient(&[(
        "app/compose.yaml",
        "\u{feff}services:\r\n  a:\r\n    image: x\r\n",
    )]);
    assert_eq!(
        project.services()["a"]
            .image
            .as_ref()
            .map(|image| image.value.as_str()),
        Some("x")
    );
    assert!(project.diagnostics().is_empty());
}

#[test]
fn several_documents_of_one_file_are_laid_over_each_other() {
    let config = strict(&[(
        "app/compose.yaml",
        "services: {a: {image: x}}\n---\nservices: {a: {image: y}, b: {image: z}}\n",
    )]);
    assert_eq!(config["services"]["a"]["image"], "y");
    assert_eq!(config["services"]["b"]["image"], "z");
}

#[test]
fn no_message_tells_what_a_variable_holds() {
    let files = [
        (
            "app/compose.yaml",
            "services:\n  a:\n    image: x\n    ports: ['$S:80:80', '$S:x']\n    volumes: ['$S::/x']\n    mem_limit: $S\n    restart: ${NO:?ask $S}\n    pull_policy: $S\n    networks: ['$S']\n    env_file: ['$S.env']\n    healthcheck: {interval: $S}\n",
        ),
        ("app/.env", "S=hunter2\n"),
    ];
    let project = lenient(&files);
    assert!(project.diagnostics().len() > 5);
    for finding in project.diagnostics() {
        assert!(!finding.message().contains("hunter2"), "{finding}");
    }
    assert!(!project.to_json(true).to_string().contains("hunter2"));
}

#[test]
fn one_mistake_is_one_finding() {
    for text in [
        "services: [",
        "services: {a: {image: '${X:?set it}'}}",
        "just a text",
    ] {
        let project = lenient(&[("app/compose.yaml", text)]);
        assert_eq!(
            project.diagnostics().len(),
            1,
            "{text}: {:#?}",
            project.diagnostics()
        );
    }
    let project = lenient(&[(
        "app/compose.yaml",
        "services:\n  x:\n    labels: {a: b}\n  y:\n    labels: {a: b}\n",
    )]);
    let of: Vec<_> = project
        .diagnostics()
        .iter()
        .map(|finding| finding.service().expect("a service").to_string())
        .collect();
    assert_eq!(of, ["app/x", "app/y"]);
}

#[test]
fn names_are_brought_into_form_as_compose_does() {
    for (name, expected) in [
        ("MyLab.x", "mylabx"),
        ("''", "app"),
        ("__a", "a"),
        ("'${X:-A.b}'", "ab"),
    ] {
        let text = format!("name: {name}\nservices: {{a: {{image: x}}}}");
        assert_eq!(strict(&[("app/compose.yaml", &text)])["name"], expected, "{name}");
    }
}

#[test]
fn one_place_in_a_container_is_one_mount_however_it_is_written() {
    let text = "services: {a: {image: x, volumes: ['/a:/x', '/b:/x/']}}";
    let volumes = strict(&[("app/compose.yaml", text)])["services"]["a"]["volumes"].clone();
    assert_eq!(volumes.as_array().map(Vec::len), Some(1), "{volumes}");
    assert_eq!(volumes[0]["source"], "/b");
    assert_eq!(volumes[0]["target"], "/x");
}

#[test]
fn port_zero_in_the_container_is_refused() {
    for port in [
        "'80:0'",
        "'0'",
        "0",
        "0-2",
        "'80:0/udp'",
        "'80-82:0-2'",
        "127.0.0.1:80:0",
    ] {
        let text = format!("services:\n  a:\n    image: x\n    ports: [{port}, '8080:80']\n");
        let refused = refusal(&[("app/compose.yaml", &text)]);
        assert!(refused.contains("in the container"), "{port}: {refused}");
        let project = lenient(&[("app/compose.yaml", &text)]);
        assert_eq!(rules(&project), ["compose.invalid-value"]);
        assert_eq!(project.to_json(false)["services"]["a"]["ports"][0]["target"], 80);
    }
    let text = "services:\n  a:\n    image: x\n    ports: ['0:80']\n";
    assert_eq!(
        strict(&[("app/compose.yaml", text)])["services"]["a"]["ports"][0]["published"],
        "0"
    );
}

#[test]
fn an_empty_key_is_refused_where_names_and_values_are_listed() {
    for attribute in ["labels", "environment", "annotations", "sysctls", "extra_hosts"] {
        let text = format!("services:\n  a:\n    image: x\n    {attribute}: {{\"\": b, c: d}}\n");
        let refused = refusal(&[("app/compose.yaml", &text)]);
        assert!(refused.contains("empty key"), "{refused}");
        let project = lenient(&[("app/compose.yaml", &text)]);
        assert_eq!(rules(&project), ["compose.invalid-value"]);
        assert!(
            project.to_json(false)["services"]["a"][attribute]
                .to_string()
                .contains('d')
        );
    }
    let text = "services:\n  a:\n    image: x\n    labels: ['=b']\n";
    assert_eq!(
        strict(&[("app/compose.yaml", text)])["services"]["a"]["labels"],
        json!({"": "b"})
    );
}

#[test]
fn a_file_that_is_not_there_is_no_empty_project() {
    let folder = tempfile::tempdir().expect("a folder");
    let nope = folder.path().join("nope");
    for options in [ResolveOptions::lenient(), ResolveOptions::strict()] {
        let error = Project::resolve(&options.clone().with_files([&nope])).expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), format!("find `{}`", nope.display()));
        let error = Project::resolve(&options.with_files([folder.path()])).expect_err("a folder");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().ends_with("it is a folder"), "{error}");
    }
}
