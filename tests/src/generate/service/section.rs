//! The attributes that are whole sections: build, deploy, develop, healthcheck, blkio_config.

use crate::generate::{Generator, Node, Style};

impl Generator {
    pub(super) fn build(&mut self) -> Node {
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
                Node::text("FROM alpine\nRUN true", Style::Literal),
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

    pub(super) fn deploy(&mut self) -> Node {
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

    pub(super) fn develop(&mut self) -> Node {
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

    pub(super) fn healthcheck(&mut self) -> Node {
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

    pub(super) fn blkio(&mut self) -> Node {
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
}
