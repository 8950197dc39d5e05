//! The attributes of a generated service.

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

    fn build(&mut self) -> Node {
        if self.chance(35) {
            let context = self.pick(&[
                ".",
                "./app",
                "../up",
                "https://github.com/example/app.git#main:sub",
            ]);
            return self.text(context);
        }
        let args = self.pairs(
            &[("VERSION", "1.2"), ("HTTP_PROXY", "http://p:1"), ("HOME", "x")],
            true,
        );
        let labels = self.pairs(&[("built.by", "someone"), ("n", "1")], false);
        let hosts = self.texts(&["a.lan:192.168.1.2", "b.lan=10.0.0.1"]);
        let contexts = match self.chance(50) {
            true => self.texts(&["base=docker-image://alpine", "other=./other"]),
            false => Node::map(vec![
                ("base", Node::raw("docker-image://alpine")),
                ("other", Node::raw("./other")),
                ("web", Node::raw("https://github.com/example/app.git")),
            ]),
        };
        let (cache_from, cache_to) = (
            self.texts(&["type=gha", "alpine:latest"]),
            self.texts(&["type=inline"]),
        );
        let (no_cache, pull, privileged) = (self.boolean(), self.boolean(), self.boolean());
        let (tags, platforms) = (
            self.texts(&["app:1", "app:latest"]),
            self.texts(&["linux/amd64", "linux/arm64"]),
        );
        // With any other key Docker Compose cannot print its own answer as JSON.
        let ssh = self.list(vec![Node::raw("default")]);
        let shm_size = self.bare("128m");
        let entitlements = self.texts(&["network.host", "security.insecure"]);
        let ulimits = Node::map(vec![("nofile", Node::raw("1024"))]);
        let dockerfile = match self.chance(70) {
            true => ("dockerfile", Node::raw("Dockerfile.prod")),
            false => (
                "dockerfile_inline",
                Node::text("FROM alpine\nRUN true", super::Style::Literal),
            ),
        };
        let context = self.pick(&[".", "./app", "app", "/srv/app"]);
        let context = self.text(context);
        self.keys(
            vec![
                ("context", context),
                dockerfile,
                ("args", args),
                ("labels", labels),
                ("extra_hosts", hosts),
                ("additional_contexts", contexts),
                ("cache_from", cache_from),
                ("cache_to", cache_to),
                ("no_cache", no_cache),
                ("pull", pull),
                ("privileged", privileged),
                ("tags", tags),
                ("platforms", platforms),
                ("ssh", ssh),
                ("shm_size", shm_size),
                ("entitlements", entitlements),
                ("ulimits", ulimits),
                ("target", Node::raw("release")),
                ("network", Node::raw("host")),
                ("isolation", Node::raw("default")),
            ],
            25,
        )
    }

    fn deploy(&mut self) -> Node {
        let labels = self.pairs(&[("com.example.x", "y"), ("n", "1")], false);
        let (cpus, memory) = (self.bare("0.5"), self.bare("512M"));
        let pids = self.bare("100");
        let limits = self.keys(vec![("cpus", cpus), ("memory", memory), ("pids", pids)], 60);
        let device_ids = self.texts(&["0", "1"]);
        let count = self.pick(&["1", "all"]);
        let mut device = vec![
            ("capabilities", self.texts(&["gpu", "utility"])),
            ("driver", Node::raw("nvidia")),
        ];
        match self.below(3) {
            0 => device.push(("count", Node::raw(count))),
            1 => device.push(("device_ids", device_ids)),
            _ => {}
        }
        let devices = self.list(vec![Node::map(device)]);
        let generic = Node::map(vec![("kind", Node::raw("SSD")), ("value", Node::raw("2"))]);
        let generic = self.list(vec![Node::map(vec![("discrete_resource_spec", generic)])]);
        let reservations = self.keys(
            vec![
                ("memory", Node::raw("20M")),
                ("cpus", Node::raw("'0.25'")),
                ("devices", devices),
                ("generic_resources", generic),
            ],
            45,
        );
        let resources = self.keys(vec![("limits", limits), ("reservations", reservations)], 65);
        let attempts = self.bare("3");
        let restart = self.keys(
            vec![
                ("condition", Node::raw("on-failure")),
                ("delay", Node::raw("5s")),
                ("max_attempts", attempts),
                ("window", Node::raw("2m")),
            ],
            60,
        );
        let update = self.keys(
            vec![
                ("parallelism", Node::raw("2")),
                ("delay", Node::raw("10s")),
                ("failure_action", Node::raw("rollback")),
                ("monitor", Node::raw("1m")),
                ("max_failure_ratio", Node::raw("0.1")),
                ("order", Node::raw("start-first")),
            ],
            50,
        );
        let constraints = self.texts(&["node.role == manager", "node.labels.disk==ssd"]);
        let preferences = self.list(vec![Node::map(vec![("spread", Node::raw("node.labels.zone"))])]);
        let placement = self.keys(
            vec![
                ("constraints", constraints),
                ("preferences", preferences),
                ("max_replicas_per_node", Node::raw("1")),
            ],
            60,
        );
        let replicas = self.bare("2");
        self.keys(
            vec![
                ("labels", labels),
                ("resources", resources),
                ("restart_policy", restart),
                ("update_config", update.clone()),
                ("rollback_config", update),
                ("placement", placement),
                ("replicas", replicas),
                ("mode", Node::raw("replicated")),
                ("endpoint_mode", Node::raw("vip")),
            ],
            35,
        )
    }

    fn develop(&mut self) -> Node {
        let mut rules = Vec::new();
        for action in self.some(&["sync", "rebuild", "sync+restart", "restart"]) {
            let ignore = self.one_or_more(&["node_modules/", "*.tmp"]);
            let initial = self.boolean();
            let mut rule = vec![("action", Node::raw(action)), ("path", Node::raw("./src"))];
            if action.starts_with("sync") {
                rule.push(("target", Node::raw("/app/src")));
            }
            if self.chance(40) {
                rule.push(("ignore", ignore));
            }
            if self.chance(20) {
                rule.push(("initial_sync", initial));
            }
            rules.push(Node::map(rule));
        }
        Node::map(vec![("watch", self.list(rules))])
    }

    fn healthcheck(&mut self) -> Node {
        if self.chance(10) {
            return Node::map(vec![("disable", self.boolean())]);
        }
        let test = match self.below(4) {
            0 => self.text("curl -f http://localhost || exit 1"),
            1 => self.list(vec![
                Node::raw("CMD"),
                Node::raw("curl"),
                Node::raw("-f"),
                Node::raw("http://localhost"),
            ]),
            2 => self.list(vec![
                Node::raw("CMD-SHELL"),
                Node::raw("\"pg_isready -U $$USER\""),
            ]),
            _ => self.list(vec![Node::raw("NONE")]),
        };
        let interval = self.pick(&["30s", "1m30s", "1h", "1.5s", "90s"]);
        let (interval, retries) = (self.text(interval), self.bare("5"));
        self.keys(
            vec![
                ("test", test),
                ("interval", interval),
                ("timeout", Node::raw("10s")),
                ("retries", retries),
                ("start_period", Node::raw("1m")),
                ("start_interval", Node::raw("5s")),
            ],
            70,
        )
    }

    fn blkio(&mut self) -> Node {
        let weight = Node::map(vec![
            ("path", Node::raw("/dev/sda")),
            ("weight", Node::raw("400")),
        ]);
        let rate = self.pick(&["'12mb'", "1024k", "120"]);
        let rate = Node::map(vec![("path", Node::raw("/dev/sdb")), ("rate", Node::raw(rate))]);
        let (weights, rates) = (self.list(vec![weight]), self.list(vec![rate]));
        self.keys(
            vec![
                ("weight", Node::raw("300")),
                ("weight_device", weights),
                ("device_read_bps", rates.clone()),
                ("device_write_iops", rates),
            ],
            60,
        )
    }

    fn ports(&mut self) -> Node {
        let mut members = Vec::new();
        for _ in 0..=self.below(3) {
            let node = match self.below(4) {
                0 => {
                    let target = self.bare("80");
                    let published = self.pick(&["8080", "\"8080\"", "\"8080-8090\"", "'0'"]);
                    let host = self.pick(&["127.0.0.1", "\"::1\"", "0.0.0.0"]);
                    let protocol = self.pick(&["tcp", "udp"]);
                    let mode = self.pick(&["host", "ingress"]);
                    let rest = self.keys(
                        vec![
                            ("published", Node::raw(published)),
                            ("host_ip", Node::raw(host)),
                            ("protocol", Node::raw(protocol)),
                            ("mode", Node::raw(mode)),
                            ("app_protocol", Node::raw("http")),
                            ("name", Node::raw("web")),
                        ],
                        45,
                    );
                    let mut node = vec![("target".to_owned(), target)];
                    if let Node::Map { members, .. } = rest {
                        node.extend(members);
                    }
                    Node::Map {
                        members: node,
                        flow: false,
                    }
                }
                1 => {
                    let bare = self.pick(&["80", "443", "3000"]);
                    Node::raw(bare)
                }
                _ => {
                    let spec = self.pick(&[
                        "80",
                        "8080:80",
                        "443:443/tcp",
                        "53:53/udp",
                        "127.0.0.1:8080:80",
                        "127.0.0.1::80",
                        "0.0.0.0:25565:25565/tcp",
                        "[::1]:6001:6000",
                        "[::]:80:80",
                        "8000-8003:9000-9003",
                        "8000-8010:80",
                        "127.0.0.1:5000-5002:5000-5002/udp",
                        "3000-3002",
                        "100.64.0.7:8443:443",
                        "49100:22",
                        "6060:6060/sctp",
                    ]);
                    self.text(spec)
                }
            };
            members.push(node);
        }
        self.list(members)
    }

    fn mounts(&mut self) -> Node {
        let mut members = Vec::new();
        for number in 0..=self.below(4) {
            let target = format!("/target/{number}");
            let node = if self.chance(65) {
                let source = self.pick(&[
                    "data",
                    "db_data",
                    "./config",
                    "../shared",
                    "~/media",
                    "/srv/data",
                    "",
                    "./a b",
                    ".",
                    "..",
                    "/etc/localtime",
                ]);
                if matches!(source, "data" | "db_data") {
                    self.volumes.push(source.to_owned());
                }
                let mode = match self.below(3) {
                    0 => self.pick(&[
                        ":ro",
                        ":rw",
                        ":z",
                        ":ro,Z",
                        ":nocopy",
                        ":cached",
                        ":ro,rshared",
                        ":U",
                    ]),
                    _ => "",
                };
                match source {
                    "" => self.text(&target),
                    source => {
                        let source = self.template(source);
                        self.quoted(&format!("{source}:{target}{mode}"))
                    }
                }
            } else {
                self.long_mount(&target)
            };
            members.push(node);
        }
        self.list(members)
    }

    fn long_mount(&mut self, target: &str) -> Node {
        let kind = self.pick(&["bind", "volume", "tmpfs", "volume", "bind", "image"]);
        let mut members = vec![("type", Node::raw(kind))];
        let target = self.text(target);
        let flag = self.boolean();
        match kind {
            "bind" => {
                let source = self.pick(&["./config", "/srv/data", "~/media", "../x"]);
                members.push(("source", self.text(source)));
                let options = self.keys(
                    vec![
                        ("propagation", Node::raw("rshared")),
                        ("create_host_path", flag),
                        ("selinux", Node::raw("z")),
                        ("recursive", Node::raw("readonly")),
                    ],
                    30,
                );
                if self.chance(50) {
                    members.push(("bind", options));
                }
            }
            "volume" => {
                if self.chance(80) {
                    self.volumes.push("data".to_owned());
                    members.push(("source", Node::raw("data")));
                }
                let labels = self.pairs(&[("a", "b")], false);
                let options = self.keys(
                    vec![
                        ("nocopy", flag),
                        ("subpath", Node::raw("sub/dir")),
                        ("labels", labels),
                    ],
                    40,
                );
                if self.chance(50) {
                    members.push(("volume", options));
                }
            }
            "image" => {
                members.push(("source", Node::raw("alpine:3")));
                if self.chance(50) {
                    members.push(("image", Node::map(vec![("subpath", Node::raw("etc"))])));
                }
            }
            _ => {
                let size = self.pick(&["64m", "1048576", "'10MB'"]);
                let mode = self.pick(&["01777", "0o755", "1777", "\"0700\""]);
                let options = self.keys(vec![("size", Node::raw(size)), ("mode", Node::raw(mode))], 60);
                if self.chance(70) {
                    members.push(("tmpfs", options));
                }
            }
        }
        members.push(("target", target));
        if self.chance(30) {
            members.push(("read_only", self.boolean()));
        }
        if self.chance(10) {
            members.push(("consistency", Node::raw("cached")));
        }
        Node::map(members)
    }

    fn attachments(&mut self) -> Node {
        let names = self.some(&["front", "back", "default"]);
        for name in &names {
            self.networks.push((*name).to_owned());
        }
        if self.chance(50) {
            return self.list(names.into_iter().map(Node::raw).collect());
        }
        let mut members = Vec::new();
        for name in names {
            let aliases = self.texts(&["one", "two.lan"]);
            let links = self.texts(&["169.254.34.68"]);
            let options = Node::map(vec![("com.example.o", Node::raw("1"))]);
            let node = match self.below(3) {
                0 => Node::raw(""),
                _ => self.keys(
                    vec![
                        ("aliases", aliases),
                        ("ipv4_address", Node::raw("172.28.0.5")),
                        ("ipv6_address", Node::raw("2001:db8::5")),
                        ("link_local_ips", links),
                        ("mac_address", Node::raw("02:42:ac:11:00:05")),
                        ("priority", Node::raw("100")),
                        ("gw_priority", Node::raw("2")),
                        ("interface_name", Node::raw("eth9")),
                        ("driver_opts", options),
                    ],
                    25,
                ),
            };
            members.push((name.to_owned(), node));
        }
        self.map(members)
    }

    fn materials(&mut self, configs: bool) -> Node {
        let names = self.some(&["first", "second"]);
        let mut members = Vec::new();
        for name in names {
            if configs {
                &mut self.configs
            } else {
                &mut self.secrets
            }
            .push(name.to_owned());
            if self.chance(50) {
                members.push(Node::raw(name));
                continue;
            }
            let mode = self.pick(&["0440", "0o444", "\"0400\"", "292"]);
            let rest = self.keys(
                vec![
                    (
                        "target",
                        Node::raw(if configs { "/etc/first.conf" } else { "renamed" }),
                    ),
                    ("uid", Node::raw("\"103\"")),
                    ("gid", Node::raw("'103'")),
                    ("mode", Node::raw(mode)),
                ],
                50,
            );
            let mut node = vec![("source".to_owned(), Node::raw(name))];
            if let Node::Map { members, .. } = rest {
                node.extend(members);
            }
            members.push(Node::Map {
                members: node,
                flow: false,
            });
        }
        self.list(members)
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
