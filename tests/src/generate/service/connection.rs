//! The attributes that connect a service with what is around it: ports, mounts, networks, configs and secrets.

use crate::generate::{Generator, Node};

impl Generator {
    pub(super) fn ports(&mut self) -> Node {
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

    pub(super) fn mounts(&mut self) -> Node {
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

    pub(super) fn attachments(&mut self) -> Node {
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

    pub(super) fn materials(&mut self, configs: bool) -> Node {
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
}
