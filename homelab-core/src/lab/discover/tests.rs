use super::*;

/// Discovers in files whose text does not matter.
fn found(paths: &[&str]) -> Vec<String> {
    with_texts(&paths.iter().map(|path| (*path, "")).collect::<Vec<_>>())
}

/// Discovers in files with texts; each project as `folder|name: files`.
fn with_texts(files: &[(&str, &'static str)]) -> Vec<String> {
    discover(&files.iter().map(|(path, _)| *path).collect::<Vec<_>>(), |path| {
        files.iter().find(|(own, _)| *own == path).map(|(_, text)| *text)
    })
    .into_iter()
    .map(|found| {
        format!(
            "{}|{}: {}",
            found.folder,
            found.name.unwrap_or_default(),
            found.files.join(" ")
        )
    })
    .collect()
}

#[test]
fn the_main_file_is_the_one_that_compose_prefers() {
    assert_eq!(
        found(&["a/docker-compose.yaml", "a/docker-compose.yml"]),
        ["a|: a/docker-compose.yml"]
    );
    assert_eq!(found(&["docker-compose.yml", "compose.yml"]), ["|: compose.yml"]);
    assert_eq!(found(&["compose.yml", "compose.yaml"]), ["|: compose.yaml"]);
    let both = discover(&["compose.yml", "compose.yaml"], |_| None);
    assert_eq!(both[0].shadowed, ["compose.yml"]);
}

#[test]
fn the_override_is_merged_whatever_its_main_file_is_called() {
    assert_eq!(
        found(&["a/compose.yaml", "a/docker-compose.override.yml"]),
        ["a|: a/compose.yaml a/docker-compose.override.yml"]
    );
    assert_eq!(
        found(&[
            "a/compose.yaml",
            "a/compose.override.yaml",
            "a/compose.override.yml"
        ]),
        ["a|: a/compose.yaml a/compose.override.yml"]
    );
}

#[test]
fn variants_beside_a_main_file_are_no_projects() {
    assert_eq!(
        found(&[
            "compose.yaml",
            "compose.prod.yaml",
            "docker-compose.dev.yml",
            "plex.compose.yml"
        ]),
        ["|: compose.yaml"]
    );
}

#[test]
fn stages_alone_are_one_project_and_production_is_it() {
    assert_eq!(
        found(&[
            "a/docker-compose.dev.yml",
            "a/docker-compose.prod.yml",
            "a/docker-compose.test.yml"
        ]),
        ["a|: a/docker-compose.prod.yml"]
    );
    assert_eq!(found(&["a/compose.dev.yaml"]), ["a|: a/compose.dev.yaml"]);
}

#[test]
fn other_variants_alone_are_projects_of_their_own() {
    assert_eq!(
        found(&["media/plex.compose.yml"]),
        ["media|: media/plex.compose.yml"]
    );
    assert_eq!(
        found(&[
            "media/plex.compose.yml",
            "media/docker-compose.sonarr.yml",
            "media/compose-radarr.yaml"
        ]),
        [
            "media|radarr: media/compose-radarr.yaml",
            "media|sonarr: media/docker-compose.sonarr.yml",
            "media|plex: media/plex.compose.yml",
        ]
    );
}

#[test]
fn a_file_of_another_name_counts_when_it_has_services() {
    let compose = "# media\nservices:   # all of it\n  plex:\n    image: plex\n";
    assert_eq!(
        with_texts(&[
            ("stacks/plex.yml", compose),
            ("stacks/notes.yml", "services: none\n"),
            ("stacks/ci.yml", "jobs:\n  services:\n    image: x\n")
        ]),
        ["stacks|: stacks/plex.yml"]
    );
    assert_eq!(
        with_texts(&[("a/compose.yaml", compose), ("a/plex.yml", compose)]),
        ["a|: a/compose.yaml"]
    );
    assert_eq!(with_texts(&[(".gitlab-ci.yml", compose)]), [""; 0]);
}

#[test]
fn the_environment_names_the_files_where_it_does() {
    assert_eq!(
        with_texts(&[
            (
                "a/.env",
                "COMPOSE_FILE=compose.yaml:prod/extra.yml:../../out.yml:gone.yml # why\n"
            ),
            ("a/compose.yaml", ""),
            ("a/compose.override.yaml", ""),
            ("a/prod/extra.yml", ""),
        ]),
        ["a|: a/compose.yaml a/prod/extra.yml"]
    );
    assert_eq!(
        with_texts(&[
            (
                "a/.env",
                "COMPOSE_PATH_SEPARATOR=,\nCOMPOSE_FILE=\"x.yml,y.yml\"\n"
            ),
            ("a/x.yml", ""),
            ("a/y.yml", "")
        ]),
        ["a|: a/x.yml a/y.yml"]
    );
    assert_eq!(
        with_texts(&[("a/.env", "COMPOSE_FILE=gone.yml\n"), ("a/compose.yaml", "")]),
        ["a|: a/compose.yaml"]
    );
}

#[test]
fn of_a_portainer_stack_the_newest_version_counts() {
    assert_eq!(
        found(&[
            "data/compose/7/docker-compose.yml",
            "data/compose/12/docker-compose.yml",
            "data/compose/12/v2/docker-compose.yml",
            "data/compose/12/v10/docker-compose.yml",
            "data/compose/12/v11/notes.txt",
        ]),
        [
            "data/compose/12/v10|12: data/compose/12/v10/docker-compose.yml",
            "data/compose/7|: data/compose/7/docker-compose.yml"
        ]
    );
    // Folders that merely look like versions are projects.
    assert_eq!(found(&["api/v1/compose.yaml", "api/v2/compose.yaml"]).len(), 2);
}

#[test]
fn portainer_and_dockge_keep_variables_in_files_of_their_own() {
    let stack = discover(&["compose/3/docker-compose.yml", "compose/3/stack.env"], |_| None);
    assert_eq!(stack[0].environment, ["compose/3/stack.env"]);
    let dockge = discover(
        &[
            "stacks/a/compose.yaml",
            "stacks/a/.env",
            "stacks/b/compose.yaml",
            "stacks/global.env",
        ],
        |_| None,
    );
    assert_eq!(dockge[0].environment, ["stacks/global.env", "stacks/a/.env"]);
    assert_eq!(dockge[1].environment, ["stacks/global.env"]);
    let plain = discover(&["a/compose.yaml", "a/.env", "a/stack.env"], |_| None);
    assert!(plain[0].environment.is_empty());
}

#[test]
fn units_of_a_folder_are_one_project_with_their_drop_ins() {
    assert_eq!(
        found(&[
            "pods/web.container",
            "pods/web.container.d/10-ports.conf",
            "pods/web.container.d/notes.txt",
            "pods/data.volume",
            "net/10-eth0.network"
        ]),
        ["pods|: pods/data.volume pods/web.container pods/web.container.d/10-ports.conf"]
    );
    assert_eq!(
        found(&["nas/.config/containers/systemd/web.container"]),
        ["nas/.config/containers/systemd|nas: nas/.config/containers/systemd/web.container"]
    );
}

#[test]
fn folders_of_tools_and_copies_are_not_looked_into() {
    for name in [
        ".git",
        "node_modules",
        "backups",
        "vendor",
        ".cache",
        "immich.bak",
        "old~",
        "@eaDir",
    ] {
        assert!(!is_looked_into("", name), "{name}");
    }
    for name in [
        "services", "backup", "stacks", "data", "old", ".config", ".github",
    ] {
        assert!(is_looked_into("", name), "{name}");
    }
    assert!(is_looked_into("nas/.config", "containers"));
    assert!(!is_looked_into("nas/.config", "nvim"));
}

#[test]
fn services_are_found_however_they_are_written() {
    for text in [
        "services:\n  a: {image: x}\n",
        "services: {a: {image: x}}\n",
        "\"services\":\n  a:\n    build: .\n",
        "services: &all\n  a:\n    image: x\n",
        "\u{feff}services:\n  a:\n    image: x\n",
        "{\"services\": {\"a\": {\"image\": \"x\"}}}\n",
        "x-a: &a {image: x}\n---\nservices:\n  a: {image: x}\n",
        // Broken, which is worth saying of it.
        "services:\n  a:\n    image: x\n  b: [\n",
    ] {
        assert_eq!(with_texts(&[("plex.yml", text)]), ["|: plex.yml"], "{text}");
    }
    for text in [
        "",
        "services:\n  - image: x\n",
        "jobs:\n  a:\n    services:\n      db: {image: x}\n",
        "services:\n  _defaults: {autowire: true}\n# image:\n",
        "# services:\n#   a: {image: x}\na: b\n",
        "text: |\n  services:\n    a:\n      image: x\n",
    ] {
        assert_eq!(with_texts(&[("plex.yml", text)]), [""; 0], "{text}");
    }
}

#[test]
fn what_lies_beside_a_project_and_is_in_none_is_unread() {
    let files: &[(&str, &'static str)] = &[
        ("a/compose.yaml", "services: {a: {image: x}}"),
        ("a/compose.override.yaml", "services: {a: {image: x}}"),
        ("a/docker-compose.media.yml", "services: {a: {ports: ['80:80']}}"),
        ("a/docker-compose.example.yml", "services: {a: {image: x}}"),
        ("a/monitoring.yml", "services: {m: {image: x}}"),
        ("a/prometheus.yml", "scrape_configs: []"),
        ("a/compose.empty.yml", "x-nothing: 1"),
        ("b/monitoring.yml", "services: {m: {image: x}}"),
        ("c/settings.yml", "services: {}"),
        ("d/docker-compose.prod.yml", "services: {a: {image: x}}"),
        ("d/docker-compose.dev.yml", "services: {a: {image: x}}"),
    ];
    let text = |path: &str| files.iter().find(|(own, _)| *own == path).map(|(_, text)| *text);
    let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
    assert_eq!(
        unread(&paths, &discover(&paths, text), text),
        [
            "a/docker-compose.media.yml",
            "a/monitoring.yml",
            "d/docker-compose.dev.yml"
        ]
    );
}
