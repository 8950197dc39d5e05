//! The files of a generated project, and how they stand together.

use super::{Content, File, Generated, Generator, Node};

const SERVICES: &[&str] = &["web", "db", "app", "cache", "worker-1"];

impl Generator {
    pub(super) fn project(mut self) -> Generated {
        let count = 1 + self.below(4);
        let names: Vec<String> = SERVICES
            .iter()
            .take(count)
            .map(|name| (*name).to_owned())
            .collect();
        let mut files: Vec<File> = Vec::new();
        let mut includes = Vec::new();

        let mut members = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let mut node = self.service(&names[..index], true);
            if self.chance(14) {
                self.extend(&mut node, &names[..index], &mut files);
            }
            members.push((name.clone(), node));
        }
        let mut top = Vec::new();
        if self.chance(12) {
            top.push(("version".to_owned(), Node::raw("\"3.8\"")));
        }
        if self.chance(25) {
            let name = self.text("my-project");
            top.push(("name".to_owned(), name));
        }
        if self.chance(22) {
            self.share(&mut top, &mut members);
        }
        top.push(("services".to_owned(), Node::Map { members, flow: false }));
        if self.chance(14) {
            includes.push(self.include(&mut files));
        }

        let mut overrides = Vec::new();
        let mut named = Vec::new();
        if self.chance(45) {
            for number in 0..=self.below(2) {
                let node = self.override_file(&names);
                overrides.push((number, node));
            }
        }
        if !includes.is_empty() {
            top.insert(
                0,
                (
                    "include".to_owned(),
                    Node::List {
                        members: includes,
                        flow: false,
                    },
                ),
            );
        }
        self.declare(&mut top);
        if self.chance(6) {
            top.push((
                "x-extra".to_owned(),
                Node::map(vec![("a", Node::raw("[1, 0x1F, 0o17, 1e3, ~, 2001-01-01]"))]),
            ));
        }

        let main = self
            .pick(&[
                "compose.yaml",
                "compose.yml",
                "docker-compose.yml",
                "docker-compose.yaml",
            ])
            .to_owned();
        let windows = self.chance(6);
        let mut documents = vec![Node::Map {
            members: top,
            flow: false,
        }];
        if let (true, Some((_, second))) = (self.chance(8), overrides.first().cloned()) {
            documents.push(second);
        }
        let yaml = |path: String, documents: Vec<Node>, windows| File {
            path,
            content: Content::Yaml { documents, windows },
        };
        files.insert(0, yaml(main.clone(), documents, windows));
        let by_discovery = overrides.len() == 1 && self.chance(35);
        if by_discovery {
            let (stem, extension) = main.rsplit_once('.').unwrap_or((&main, "yaml"));
            for (_, node) in overrides {
                files.push(yaml(format!("{stem}.override.{extension}"), vec![node], false));
            }
        } else if !overrides.is_empty() || self.chance(50) {
            named.push(main);
            for (number, node) in overrides {
                let path = if self.chance(20) {
                    format!("deploy/over-{number}.yml")
                } else {
                    format!("over-{number}.yml")
                };
                named.push(path.clone());
                files.push(yaml(path, vec![node], false));
            }
        }

        let mut profiles = Vec::new();
        if self.chance(30) {
            for profile in self.some(&["debug", "media", "*"]) {
                profiles.push(profile.to_owned());
            }
        }
        if self.chance(25) {
            self.environment
                .push(("FROM_ENVIRONMENT".to_owned(), "passed on".to_owned()));
        }
        let mut env_files = Vec::new();
        if !self.env_lines.is_empty() || self.chance(10) {
            if self.chance(25) {
                let lines = self.env_lines_for_expansion();
                self.env_lines.extend(lines);
            }
            let path = if self.chance(12) {
                env_files.push("other.env".to_owned());
                "other.env"
            } else {
                ".env"
            };
            files.push(File {
                path: path.to_owned(),
                content: Content::Lines(self.env_lines.clone()),
            });
        }
        self.write_beside(&mut files);
        self.environment.sort();
        self.environment.dedup_by(|left, right| left.0 == right.0);
        Generated {
            files,
            named,
            profiles,
            env_files,
            environment: self.environment,
        }
    }

    /// Writes the files that services name: what a file in another folder names lies beside that file, and differs
    /// from its namesake.
    fn write_beside(&mut self, files: &mut Vec<File>) {
        let mut folders = vec![""];
        for folder in ["base/", "other/"] {
            if files.iter().any(|file| file.path.starts_with(folder)) {
                folders.push(folder);
            }
        }
        if files.iter().any(|file| file.text().contains("elsewhere")) {
            folders.push("elsewhere/");
        }
        for (name, lines) in std::mem::take(&mut self.beside) {
            for folder in &folders {
                let path = format!("{folder}{name}");
                if files.iter().all(|file| file.path != path) {
                    let mut lines = lines.clone();
                    lines.push(format!("FOLDER={folder}"));
                    files.push(File {
                        path,
                        content: Content::Lines(lines),
                    });
                }
            }
        }
    }

    fn env_lines_for_expansion(&mut self) -> Vec<String> {
        [
            "BASE=one",
            "EXPANDED_BASE=${BASE}-two",
            "COMPOSE_PROFILES=tools",
            "COMPOSE_PROJECT_NAME=named-by-env",
        ]
        .into_iter()
        .filter(|_| self.chance(50))
        .map(str::to_owned)
        .collect()
    }

    /// Makes a service extend another: of the same file, or of another, which may extend a third.
    fn extend(&mut self, service: &mut Node, earlier: &[String], files: &mut Vec<File>) {
        let Node::Map { members, .. } = service else {
            return;
        };
        let node = if !earlier.is_empty() && self.chance(40) {
            let name = &earlier[self.below(earlier.len())];
            if self.chance(50) {
                Node::raw(name)
            } else {
                Node::map(vec![("service", Node::raw(name))])
            }
        } else {
            let path = self.pick(&["common.yml", "base/common.yml"]).to_owned();
            if files.iter().all(|file| file.path != path) {
                let mut base = self.service(&[], true);
                if let (true, Node::Map { members, .. }) = (self.chance(30), &mut base) {
                    let deeper = path.replace("common", "deeper");
                    members.push((
                        "extends".to_owned(),
                        Node::map(vec![
                            ("file", Node::raw("deeper.yml")),
                            ("service", Node::raw("root")),
                        ]),
                    ));
                    let root = self.service(&[], false);
                    files.push(compose_file(
                        deeper,
                        vec![("services", Node::map(vec![("root", root)]))],
                    ));
                }
                files.push(compose_file(
                    path.clone(),
                    vec![("services", Node::map(vec![("base", base)]))],
                ));
            }
            let path = self.text(&path);
            Node::map(vec![("file", path), ("service", Node::raw("base"))])
        };
        if self.chance(30) {
            members.retain(|(key, _)| key != "image");
        }
        members.push(("extends".to_owned(), node));
    }

    /// Shares a part of the services through an anchor and merge keys.
    fn share(&mut self, top: &mut Vec<(String, Node)>, services: &mut [(String, Node)]) {
        let common = self.service(&[], false);
        let second = self.service(&[], false);
        top.push(("x-common".to_owned(), common.marked("&common")));
        top.push(("x-second".to_owned(), second.marked("&second")));
        for (_, node) in services.iter_mut() {
            if !self.chance(60) {
                continue;
            }
            let merge = match self.below(4) {
                0 => Node::raw("[*common, *second]"),
                1 => Node::raw("*second"),
                _ => Node::raw("*common"),
            };
            if let Node::Map { members, .. } = node {
                let at = self.below(members.len() + 1);
                members.insert(at, ("<<".to_owned(), merge));
            }
        }
    }

    /// An entry of `include`, with the files that it names.
    fn include(&mut self, files: &mut Vec<File>) -> Node {
        let service = self.service(&[], true);
        let path = self.pick(&["other/compose.yaml", "included.yml"]).to_owned();
        files.push(compose_file(
            path.clone(),
            vec![("services", Node::map(vec![("included", service)]))],
        ));
        match self.below(4) {
            0 | 1 => self.text(&path),
            2 => {
                let again = self.service(&[], false);
                let second = "included-2.yml".to_owned();
                files.push(compose_file(
                    second.clone(),
                    vec![("services", Node::map(vec![("included", again)]))],
                ));
                let paths = self.list(vec![Node::raw(&path), Node::raw(&second)]);
                Node::map(vec![("path", paths)])
            }
            _ => {
                files.push(File {
                    path: "include.env".to_owned(),
                    content: Content::Lines(vec!["VAR_1=of the include".to_owned(), "VAR_2=too".to_owned()]),
                });
                let rest = self.keys(
                    vec![
                        ("project_directory", Node::raw("./elsewhere")),
                        ("env_file", Node::raw("include.env")),
                    ],
                    60,
                );
                let mut members = vec![("path".to_owned(), Node::raw(&path))];
                if let Node::Map { members: rest, .. } = rest {
                    members.extend(rest);
                }
                Node::Map { members, flow: false }
            }
        }
    }

    /// A file that changes some services, with resets and overrides among its values.
    fn override_file(&mut self, names: &[String]) -> Node {
        let mut members = Vec::new();
        for (index, name) in names.iter().enumerate() {
            if !self.chance(65) {
                continue;
            }
            let with_image = self.chance(15);
            let mut node = self.service(&names[..index], with_image);
            if let Node::Map { members, .. } = &mut node {
                for (key, value) in members.iter_mut() {
                    if key == "image" || !self.chance(14) {
                        continue;
                    }
                    *value = match self.chance(50) {
                        true => Node::raw(self.pick(&["!reset null", "!reset []", "!reset {}"])),
                        false => value.clone().marked("!override"),
                    };
                }
            }
            members.push((name.clone(), node));
        }
        if members.is_empty() {
            members.push((
                names[0].clone(),
                Node::map(vec![("restart", Node::raw("always"))]),
            ));
        }
        Node::map(vec![("services", Node::Map { members, flow: false })])
    }

    /// Declares what the services use, and now and then what they do not.
    fn declare(&mut self, top: &mut Vec<(String, Node)>) {
        let sections = [
            ("volumes", std::mem::take(&mut self.volumes)),
            ("networks", std::mem::take(&mut self.networks)),
            ("configs", std::mem::take(&mut self.configs)),
            ("secrets", std::mem::take(&mut self.secrets)),
            ("models", std::mem::take(&mut self.models)),
        ];
        for (section, mut names) in sections {
            names.sort();
            names.dedup();
            if section != "models" && self.chance(8) {
                names.push("unused".to_owned());
            }
            let mut members = Vec::new();
            for name in names {
                if self.chance(2) || name == "default" && self.chance(60) {
                    continue;
                }
                let node = match section {
                    "volumes" => self.volume(),
                    "networks" => self.network(),
                    "models" => self.model(),
                    other => self.material(other == "configs"),
                };
                members.push((name, node));
            }
            if !members.is_empty() {
                let node = self.map(members);
                top.push((section.to_owned(), node));
            }
        }
    }

    fn volume(&mut self) -> Node {
        match self.below(6) {
            0..=2 => Node::raw(""),
            3 => Node::map(vec![("external", Node::raw("true"))]),
            4 => {
                let name = self.text("shared-data");
                Node::map(vec![("external", Node::raw("true")), ("name", name)])
            }
            _ => {
                let labels = self.pairs(&[("a", "b"), ("c", "d e")], false);
                let options = Node::map(vec![
                    ("type", Node::raw("nfs")),
                    ("o", Node::raw("\"addr=10.0.0.1,rw\"")),
                    ("device", Node::raw("\":/export\"")),
                    ("n", Node::raw("1")),
                ]);
                let name = self.text("chosen-name");
                self.keys(
                    vec![
                        ("driver", Node::raw("local")),
                        ("driver_opts", options),
                        ("labels", labels),
                        ("name", name),
                    ],
                    55,
                )
            }
        }
    }

    fn network(&mut self) -> Node {
        match self.below(6) {
            0..=1 => Node::raw(""),
            2 => Node::map(vec![
                ("external", Node::raw("true")),
                ("name", Node::raw("outside")),
            ]),
            _ => {
                let labels = self.pairs(&[("a", "b"), ("c", "d e")], false);
                let (internal, attachable, six, four) =
                    (self.boolean(), self.boolean(), self.boolean(), self.boolean());
                let auxiliary = Node::map(vec![("host1", Node::raw("172.28.1.5"))]);
                let config = self.keys(
                    vec![
                        ("subnet", Node::raw("172.28.0.0/16")),
                        ("ip_range", Node::raw("172.28.5.0/24")),
                        ("gateway", Node::raw("172.28.5.254")),
                        ("aux_addresses", auxiliary),
                    ],
                    60,
                );
                let config = self.list(vec![config]);
                let options = Node::map(vec![("foo", Node::raw("\"bar\"")), ("baz", Node::raw("0"))]);
                let plain = Node::map(vec![("foo", Node::raw("\"bar\""))]);
                let ipam = self.keys(
                    vec![
                        ("driver", Node::raw("default")),
                        ("config", config),
                        ("options", plain),
                    ],
                    60,
                );
                self.keys(
                    vec![
                        ("driver", Node::raw("bridge")),
                        ("driver_opts", options),
                        ("internal", internal),
                        ("attachable", attachable),
                        ("enable_ipv6", six),
                        ("enable_ipv4", four),
                        ("labels", labels),
                        ("ipam", ipam),
                        ("name", Node::raw("net-name")),
                    ],
                    30,
                )
            }
        }
    }

    fn material(&mut self, config: bool) -> Node {
        match self.below(if config { 5 } else { 4 }) {
            0 => Node::map(vec![("external", Node::raw("true"))]),
            1 => Node::map(vec![("environment", Node::raw("HOME"))]),
            2 | 3 => {
                let file = self.pick(&["./conf/first.txt", "/etc/first", "~/secret"]);
                let file = self.text(file);
                let mut members = vec![("file", file)];
                if self.chance(20) {
                    members.push(("name", Node::raw("renamed")));
                }
                Node::map(members)
            }
            _ => {
                let content = self.template("listen 80");
                let content = Node::text(&format!("server {{}}\n{content}"), super::Style::Literal);
                Node::map(vec![("content", content)])
            }
        }
    }

    fn model(&mut self) -> Node {
        let flags = self.texts(&["--fast", "-n 2"]);
        let context = self.bare("2048");
        let rest = self.keys(vec![("context_size", context), ("runtime_flags", flags)], 60);
        let mut members = vec![("model".to_owned(), Node::raw("ai/smollm2"))];
        if let Node::Map { members: rest, .. } = rest {
            members.extend(rest);
        }
        self.map(members)
    }
}

fn compose_file(path: String, top: Vec<(&str, Node)>) -> File {
    File {
        path,
        content: Content::Yaml {
            documents: vec![Node::map(top)],
            windows: false,
        },
    }
}
