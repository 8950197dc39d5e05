//! The attributes of a generated service.

mod connection;
mod section;

use super::{Generator, Node};

/// Every attribute that a generated service may have.
const ATTRIBUTES: &[&str] = &[
    "annotations",
    "attach",
    "blkio_config",
    "build",
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "command",
    "configs",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_shares",
    "cpus",
    "cpuset",
    "deploy",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "healthcheck",
    "hostname",
    "init",
    "ipc",
    "isolation",
    "label_file",
    "labels",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "post_start",
    "pre_stop",
    "privileged",
    "profiles",
    "pull_policy",
    "read_only",
    "restart",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "use_api_socket",
    "user",
    "userns_mode",
    "uts",
    "volumes",
    "working_dir",
    "x-note",
    "credential_spec",
    "pull_refresh_after",
];

/// The ones that matter most, and so are chosen more often.
const FREQUENT: &[&str] = &[
    "ports",
    "volumes",
    "environment",
    "env_file",
    "networks",
    "labels",
    "command",
    "healthcheck",
    "build",
    "deploy",
    "secrets",
    "configs",
    "tmpfs",
    "devices",
    "extra_hosts",
    "ulimits",
    "entrypoint",
];

impl Generator {
    /// A service. `earlier` are the services that it may depend on.
    pub(super) fn service(&mut self, earlier: &[String], needs_image: bool) -> Node {
        let mut members: Vec<(String, Node)> = Vec::new();
        if needs_image {
            let image = self.image();
            members.push(("image".to_owned(), image));
        }
        for _ in 0..self.below(7) {
            let from = if self.chance(60) { FREQUENT } else { ATTRIBUTES };
            let name = self.pick(from);
            if members.iter().all(|(key, _)| key != name) {
                let node = self.attribute(name);
                members.push((name.to_owned(), node));
            }
        }
        if !earlier.is_empty() && self.chance(35) {
            let node = self.depends_on(earlier);
            members.push(("depends_on".to_owned(), node));
        }
        let has_networks = members.iter().any(|(key, _)| key == "networks");
        if !has_networks && self.chance(12) {
            let mut modes = vec!["host".to_owned(), "none".to_owned(), "bridge".to_owned()];
            modes.extend(earlier.iter().map(|name| format!("service:{name}")));
            modes.push("container:other".to_owned());
            let mode = modes.swap_remove(self.below(modes.len()));
            let node = self.text(&mode);
            members.push(("network_mode".to_owned(), node));
        }
        if !earlier.is_empty() && self.chance(4) {
            let name = earlier[self.below(earlier.len())].clone();
            let (key, value) = match self.below(4) {
                0 => ("links", format!("{name}:alias")),
                1 => ("volumes_from", format!("{name}:ro")),
                2 => ("pid", format!("service:{name}")),
                _ => ("ipc", format!("service:{name}")),
            };
            if members.iter().all(|(other, _)| other != key) {
                let node = Node::raw(&value);
                let node = if matches!(key, "pid" | "ipc") {
                    node
                } else {
                    self.list(vec![node])
                };
                members.push((key.to_owned(), node));
            }
        }
        Node::Map { members, flow: false }
    }

    fn image(&mut self) -> Node {
        let image = self.pick(&[
            "nginx",
            "nginx:1.27",
            "ghcr.io/immich-app/immich-server:v1.120.0",
            "localhost:5000/app",
            "redis@sha256:0ed5d5928d4737458944eb604cc8509e245c3e19d02ad83935398bc4b991aac7",
            "lscr.io/linuxserver/sonarr:latest",
        ]);
        self.text(image)
    }

    fn depends_on(&mut self, earlier: &[String]) -> Node {
        let names: Vec<&str> = earlier.iter().map(String::as_str).collect();
        if self.chance(50) {
            return self.texts(&names);
        }
        let mut members = Vec::new();
        for name in self.some(&names) {
            let condition = self.pick(&[
                "service_started",
                "service_healthy",
                "service_completed_successfully",
            ]);
            let required = match self.chance(5) {
                true => Node::raw("\"true\""),
                false => Node::raw(self.pick(&["true", "false"])),
            };
            let restart = self.boolean();
            let mut node = vec![("condition", Node::raw(condition))];
            if self.chance(30) {
                node.push(("restart", restart));
            }
            if self.chance(30) {
                node.push(("required", required));
            }
            members.push((name.to_owned(), Node::map(node)));
        }
        self.map(members)
    }

    fn attribute(&mut self, name: &str) -> Node {
        match name {
            "annotations" => self.pairs(&[("com.example.note", "some words"), ("n", "1")], false),
            "labels" => self.pairs(
                &[
                    ("traefik.enable", "true"),
                    ("traefik.http.routers.web.rule", "Host(`web.example.com`)"),
                    ("com.example.note", "a: b # c"),
                    ("empty", ""),
                ],
                true,
            ),
            "environment" => self.pairs(
                &[
                    ("TZ", "Europe/Berlin"),
                    ("HOME", "/data"),
                    ("PASSWORD", "a$b"),
                    ("WORDS", "one two"),
                    ("URL", "http://db:5432/x?y=z#frag"),
                    ("EMPTY", ""),
                    ("PUID", "1000"),
                    ("JSON", "{\"a\": [1, 2]}"),
                ],
                true,
            ),
            "sysctls" => self.pairs(
                &[("net.core.somaxconn", "1024"), ("net.ipv4.ip_forward", "1")],
                false,
            ),
            "storage_opt" => Node::map(vec![("size", Node::raw("1G"))]),
            "build" => self.build(),
            "deploy" => self.deploy(),
            "develop" => self.develop(),
            "healthcheck" => self.healthcheck(),
            "blkio_config" => self.blkio(),
            "ports" => self.ports(),
            "volumes" => self.mounts(),
            "networks" => self.attachments(),
            "configs" => self.materials(true),
            "secrets" => self.materials(false),
            "env_file" => self.env_file(),
            "label_file" => {
                self.beside.push((
                    "labels.env".to_owned(),
                    vec!["from.file=yes".to_owned(), "n=2".to_owned()],
                ));
                let node = Node::raw("./labels.env");
                if self.chance(50) {
                    node
                } else {
                    self.list(vec![node])
                }
            }
            "models" => {
                self.models.push("llm".to_owned());
                if self.chance(50) {
                    return self.list(vec![Node::raw("llm")]);
                }
                let inner = self.keys(
                    vec![
                        ("endpoint_var", Node::raw("LLM_URL")),
                        ("model_var", Node::raw("LLM_NAME")),
                    ],
                    60,
                );
                self.map(vec![("llm".to_owned(), inner)])
            }
            "command" | "entrypoint" => match self.below(5) {
                0 => Node::raw("null"),
                1 => self.list(Vec::new()),
                2 => self.texts(&["sh", "-c", "echo $HOME", "a b", ""]),
                3 => self.text("sh -c 'echo \"hello  world\" && exit 0'"),
                _ => self.text("run --flag=value \"quoted words\" plain\\ escaped"),
            },
            "cap_add" | "cap_drop" => self.texts(&["NET_ADMIN", "ALL", "SYS_TIME"]),
            "device_cgroup_rules" => self.texts(&["c 1:3 mr", "a 7:* rmw"]),
            "devices" => {
                if self.chance(60) {
                    self.texts(&[
                        "/dev/dri:/dev/dri",
                        "/dev/ttyUSB0:/dev/ttyUSB0:rwm",
                        "/dev/sda",
                        "vendor.com/class=name",
                    ])
                } else {
                    let members = vec![
                        ("source", Node::raw("/dev/snd")),
                        ("target", Node::raw("/dev/sound")),
                        ("permissions", Node::raw("rw")),
                    ];
                    let node = Node::map(members);
                    self.list(vec![node])
                }
            }
            "dns" => self.one_or_more(&["1.1.1.1", "9.9.9.9", "2606:4700::1111"]),
            "dns_search" => self.one_or_more(&["example.com", "lan"]),
            "dns_opt" => self.texts(&["use-vc", "no-tld-query"]),
            "tmpfs" => self.one_or_more(&["/run", "/tmp:size=64m,mode=1777", "/var/tmp"]),
            "expose" => {
                let members = vec![
                    Node::raw("80"),
                    Node::raw("\"443\""),
                    Node::raw("\"8000-8010/udp\""),
                ];
                let count = 1 + self.below(3);
                self.list(members.into_iter().take(count).collect())
            }
            "external_links" => self.texts(&["redis", "db_1:mysql"]),
            "group_add" => self.list(vec![Node::raw("mail"), Node::raw("\"1000\"")]),
            "security_opt" => {
                self.texts(&["no-new-privileges:true", "label:user:USER", "seccomp=unconfined"])
            }
            "extra_hosts" => match self.below(3) {
                0 => self.texts(&[
                    "a.lan:192.168.1.2",
                    "b.lan=10.0.0.1",
                    "six:::1",
                    "host.docker.internal:host-gateway",
                ]),
                1 => self.map(vec![("a.lan".to_owned(), Node::raw("192.168.1.2"))]),
                _ => {
                    let list = self.texts(&["10.0.0.1", "10.0.0.2"]);
                    self.map(vec![
                        ("many".to_owned(), list),
                        ("six".to_owned(), Node::raw("\"::1\"")),
                    ])
                }
            },
            "gpus" => match self.below(3) {
                0 => Node::raw("all"),
                1 => self.list(vec![Node::map(vec![
                    ("driver", Node::raw("nvidia")),
                    ("count", Node::raw("2")),
                ])]),
                _ => {
                    let ids = self.texts(&["0", "1"]);
                    self.list(vec![Node::map(vec![("device_ids", ids)])])
                }
            },
            "logging" => {
                let options = Node::map(vec![("max-size", Node::raw("10m")), ("max-file", Node::raw("3"))]);
                self.keys(vec![("driver", Node::raw("json-file")), ("options", options)], 80)
            }
            "ulimits" => {
                let nofile = if self.chance(50) {
                    self.bare("65535")
                } else {
                    let (soft, hard) = (self.bare("1024"), self.bare("4096"));
                    Node::map(vec![("soft", soft), ("hard", hard)])
                };
                self.keys(
                    vec![
                        ("nofile", nofile),
                        ("nproc", Node::raw("512")),
                        ("memlock", Node::raw("-1")),
                    ],
                    70,
                )
            }
            "post_start" | "pre_stop" => {
                let command = if self.chance(50) {
                    self.text("echo hook")
                } else {
                    self.texts(&["echo", "hook"])
                };
                let environment = self.pairs(&[("A", "b"), ("C", "d e")], true);
                let privileged = self.boolean();
                let rest = self.keys(
                    vec![
                        ("user", Node::raw("root")),
                        ("privileged", privileged),
                        ("working_dir", Node::raw("/srv")),
                        ("environment", environment),
                    ],
                    40,
                );
                let mut members = vec![("command".to_owned(), command)];
                if let Node::Map { members: rest, .. } = rest {
                    members.extend(rest);
                }
                let node = self.map(members);
                self.list(vec![node])
            }
            "credential_spec" => Node::map(vec![("file", Node::raw("spec.json"))]),
            "profiles" => {
                let some = self.some(&["debug", "media", "tools"]);
                let list = some.into_iter().map(Node::raw).collect();
                self.list(list)
            }
            "x-note" => self.texts(&["anything", "at all"]),
            "attach" | "init" | "oom_kill_disable" | "privileged" | "read_only" | "stdin_open" | "tty" => {
                self.boolean()
            }
            "use_api_socket" => Node::raw(self.pick(&["true", "false"])),
            "cpu_count" | "cpu_percent" | "cpu_shares" | "oom_score_adj" | "pids_limit"
            | "mem_swappiness" => self.bare("50"),
            "cpu_period" | "cpu_quota" => {
                let value = self.pick(&["50000", "25000", "100000", "75000", "200000", "150000", "50ms"]);
                self.bare(value)
            }
            "cpus" => {
                let value = self.pick(&["0.5", "2", "1.50"]);
                self.bare(value)
            }
            "mem_limit" | "mem_reservation" | "memswap_limit" | "shm_size" => {
                let value = self.pick(&["512m", "1g", "1073741824", "64MB", "1.5gb", "300k", "2GiB"]);
                self.bare(value)
            }
            "scale" => {
                let value = self.pick(&["1", "3", "0"]);
                self.bare(value)
            }
            "stop_grace_period" => {
                let value = self.pick(&["30s", "1m30s", "90", "1h", "500ms", "1.5s"]);
                self.text(value)
            }
            "user" => {
                let value = self.pick(&["1000:1000", "root", "1000"]);
                self.text(value)
            }
            other => {
                let value = match other {
                    "cgroup" => self.pick(&["host", "private"]),
                    "cgroup_parent" => "m-executor-abcd",
                    "container_name" => "my-container",
                    "cpuset" => self.pick(&["0-3", "0,1"]),
                    "domainname" => "example.com",
                    "hostname" => "host-1",
                    "ipc" => self.pick(&["host", "shareable", "private"]),
                    "isolation" => "default",
                    "mac_address" => "02:42:ac:11:00:02",
                    "pid" => "host",
                    "platform" => self.pick(&["linux/amd64", "linux/arm64/v8"]),
                    "pull_policy" => self.pick(&[
                        "always",
                        "never",
                        "missing",
                        "if_not_present",
                        "daily",
                        "every_12h",
                    ]),
                    "pull_refresh_after" => "12h",
                    "restart" => self.pick(&["always", "unless-stopped", "no", "on-failure", "on-failure:3"]),
                    "runtime" => "runc",
                    "stop_signal" => "SIGUSR1",
                    "userns_mode" => "host",
                    "uts" => "host",
                    _ => "/srv",
                };
                self.text(value)
            }
        }
    }

    fn one_or_more(&mut self, from: &[&str]) -> Node {
        if self.chance(40) {
            let one = self.pick(from);
            self.text(one)
        } else {
            self.texts(from)
        }
    }

    fn env_file(&mut self) -> Node {
        let name = self.pick(&["app.env", "more.env", "sub/deep.env"]).to_owned();
        let lines = self.env_lines_of_a_file();
        self.beside.push((name.clone(), lines));
        let node = Node::Raw(format!("./{name}"));
        match self.below(5) {
            0 => node,
            1 => self.list(vec![node]),
            2 => {
                let missing = Node::map(vec![
                    ("path", Node::raw("missing.env")),
                    ("required", Node::raw("false")),
                ]);
                self.list(vec![missing, node])
            }
            3 => self.list(vec![Node::map(vec![
                ("path", node),
                ("format", Node::raw("raw")),
            ])]),
            _ => {
                let other = Node::raw("app.env");
                let lines = self.env_lines_of_a_file();
                self.beside.push(("app.env".to_owned(), lines));
                self.list(vec![Node::map(vec![("path", node)]), other])
            }
        }
    }

    fn env_lines_of_a_file(&mut self) -> Vec<String> {
        let lines = [
            "PLAIN=value",
            "export EXPORTED=yes",
            "QUOTED=\"two words\"",
            "SINGLE='it $is raw'",
            "# a comment",
            "",
            "TRAILING=value # not part of it",
            "HASH=value#part",
            "EXPANDED=${PLAIN}-and-${HOME}",
            "DEFAULTED=${NOT_SET_ANYWHERE:-fallback}",
            "ESCAPED=\"a\\nb\\tc \\$HOME\"",
            "SPACED = around",
            "COLON: yaml-like",
            "EMPTY=",
            "EMPTY_QUOTED=\"\"",
            "FROM_ENVIRONMENT",
            "MULTI=\"first",
            "DOLLARS=a$$b",
            "JSON={\"a\":1}",
            "URL=postgres://u:p@h:5432/d?x=y",
            "TZ=UTC",
            "BACK=`cmd`",
            "UNICODE=\u{fc}ber",
        ];
        let mut chosen = Vec::new();
        for line in lines {
            // Raw files refuse these, and then the rest of the project would never be compared.
            let rare = ["SPACED", "export", "COLON", "MULTI"]
                .iter()
                .any(|start| line.starts_with(start));
            if self.chance(if rare { 4 } else { 30 }) {
                chosen.push(line.to_owned());
                if line.starts_with("MULTI") {
                    chosen.push("second line\"".to_owned());
                }
            }
        }
        chosen
    }
}
