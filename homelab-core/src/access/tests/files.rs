//! The files of Traefik's file provider.

use super::findings::{fires, silent};
use super::*;

const PROVIDER: &str = "--providers.file.filename=/d.yml";
const MOUNT: &str = "./d.yml:/d.yml";

fn with(flag: &str, mount: &str, files: &[(&str, &str)], more: &str) -> Lab {
    let compose = format!(
        "services:
  t:
    image: traefik:v3
    command: ['--entrypoints.web.address=:80', '--entrypoints.inner.address=:81', '{flag}']
    ports: ['80:80', '100.64.0.1:81:81']
    volumes: ['{mount}']
  a: {{ image: a, {more} }}
  b: {{ image: b }}
"
    );
    let mut all = vec![
        ("p/compose.yaml", compose.as_str()),
        ("instance.toml", BEHIND_NAT),
    ];
    all.extend(files);
    lab(&all)
}

fn of_file(text: &str) -> Lab {
    with(PROVIDER, MOUNT, &[("p/d.yml", text)], "")
}

const ROUTE: &str = "http:
  routers:
    a:
      rule: Host(`a.lan`)
      entryPoints: [web]
      service: a
  services:
    a:
      loadBalancer:
        servers:
          - url: http://a:3000
";

#[test]
fn a_file_in_the_lab_says_where_traefik_leads() {
    let lab = of_file(ROUTE);
    check("route", &lab, &[("a", Lan, Lan), ("b", Host, Host)]);
    let a = exposure(&lab, "a");
    let path = &a.paths()[0];
    assert_eq!(
        (path.kind(), path.port(), path.label()),
        (PathKind::Proxy, Some(3000), "Traefik `nas:p/t`, a.lan -> 3000")
    );
    let said: Vec<&str> = path.evidence().iter().map(super::super::Evidence::text).collect();
    assert!(
        said.contains(&"Traefik http router `a` of a file: `Host(`a.lan`)`"),
        "{said:?}"
    );
    silent(&lab, "access.unknown-routes");
}

#[test]
fn every_form_of_the_file_is_read() {
    let toml = "[http.routers.a]\nrule = 'Host(`a`)'\nentryPoints = ['inner']\nservice = 'a@file'\n\
                [[http.services.a.loadBalancer.servers]]\nurl = 'http://a:3000'\n";
    let tcp = "tcp:\n  routers:\n    a:\n      rule: HostSNI(`*`)\n      service: A\n  services:\n    A:\n      loadBalancer:\n        servers:\n        - address: 'a:5432'\n";
    for (what, flag, mount, file, text, reach) in [
        (
            "entry points as a list",
            PROVIDER,
            MOUNT,
            "p/d.yml",
            ROUTE.replace("[web]", "\n        - inner"),
            Tailnet,
        ),
        (
            "a list as deep as its key",
            PROVIDER,
            MOUNT,
            "p/d.yml",
            ROUTE.replace("          - url", "        - url"),
            Lan,
        ),
        (
            "in braces",
            PROVIDER,
            MOUNT,
            "p/d.yml",
            ROUTE.replace("url: http://a:3000", "{ url: 'http://a:3000' }"),
            Lan,
        ),
        ("tcp", PROVIDER, MOUNT, "p/d.yml", tcp.to_owned(), Lan),
        (
            "toml",
            "--providers.file.filename=/d.toml",
            "./d.toml:/d.toml",
            "p/d.toml",
            toml.to_owned(),
            Tailnet,
        ),
        (
            "a folder",
            "--providers.file.directory=/d/",
            "./d:/d",
            "p/d/a.yml",
            ROUTE.to_owned(),
            Lan,
        ),
        (
            "version 1",
            "--file.filename=/d.yml",
            MOUNT,
            "p/d.yml",
            ROUTE.to_owned(),
            Lan,
        ),
    ] {
        let lab = with(flag, mount, &[(file, &text)], "");
        check(what, &lab, &[("a", reach, reach), ("b", Host, Host)]);
    }
}

#[test]
fn a_file_may_be_written_in_any_style() {
    let flow = "http: {routers: {a: {rule: Host(`a.lan`), entryPoints: [web], service: a}}, \
        services: {a: {loadBalancer: {servers: [{url: 'http://a:3000'}]}}}}";
    let json = "{\"http\":{\"routers\":{\"a\":{\"rule\":\"Host(`a`)\",\"service\":\"a\"}},\"services\":{\"a\":\
        {\"loadBalancer\":{\"servers\":[{\"url\":\"http://a:3000\"}]}}}}}";
    let anchored = ROUTE.replace("service: a\n", "service: &name a\n");
    for text in [
        flow,
        json,
        &format!("\u{feff}{ROUTE}"),
        &ROUTE.replace("http:\n", "http: !!map\n"),
        &anchored,
    ] {
        check(text, &of_file(text), &[("a", Lan, Lan), ("b", Host, Host)]);
    }
    for name in ["p-a-1", "A", "a.p_default"] {
        let text = ROUTE.replace("http://a:3000", &format!("http://{name}:3000"));
        check(name, &of_file(&text), &[("a", Lan, Lan), ("b", Host, Host)]);
    }
}

#[test]
fn traefiks_own_file_may_be_written_in_any_style_too() {
    let with = |text: &str| {
        let compose = "services:\n  t:\n    image: traefik:v3\n    ports: ['80:80']\n    \
            volumes: ['./t.yml:/etc/traefik/traefik.yml', './d.yml:/d.yml']\n  a: { image: a }\n";
        lab(&[
            ("p/compose.yaml", compose),
            ("instance.toml", BEHIND_NAT),
            ("p/t.yml", text),
            ("p/d.yml", ROUTE),
        ])
    };
    let block = "entryPoints:\n  web:\n    address: ':80'\nproviders:\n  file:\n    filename: /d.yml\n";
    let flow = "{entryPoints: {web: {address: ':80'}}, providers: {file: {filename: /d.yml}}}";
    for text in [block, flow] {
        check(text, &with(text), &[("a", Lan, Lan)]);
    }
    check("broken", &with("providers: {file: {"), &[("a", Host, Lan)]);
}

#[test]
fn what_is_not_understood_may_lead_anywhere() {
    for (what, text) in [
        ("no YAML", "http: [".to_owned()),
        (
            "a name that nobody has",
            ROUTE.replace("http://a:3000", "http://nobody:3000"),
        ),
        ("a template", ROUTE.replace("http://a:3000", "{{ env `A` }}")),
        ("an alias", ROUTE.replace("service: a", "service: *name")),
        (
            "another provider's service",
            ROUTE.replace("service: a", "service: a@docker"),
        ),
        (
            "a service that is not there",
            ROUTE.replace("service: a", "service: c"),
        ),
        (
            "a router without a service",
            ROUTE.replace("service: a", "priority: 1"),
        ),
        (
            "a service of services",
            ROUTE.replace("loadBalancer:", "weighted:"),
        ),
        ("an address that is none", ROUTE.replace("http://a:3000", "a b")),
    ] {
        check(what, &of_file(&text), &[("a", Host, Lan), ("b", Host, Lan)]);
    }
    // What else the file says is known all the same.
    for (what, text) in [
        ("a map in braces", ROUTE.replace("Host(`a.lan`)", "{ a: b }")),
        (
            "udp",
            format!("{ROUTE}udp:\n  routers:\n    x:\n      service: y\n"),
        ),
        (
            "one server of two",
            format!("{ROUTE}          - url: http://nobody:3000\n"),
        ),
    ] {
        check(what, &of_file(&text), &[("a", Lan, Lan), ("b", Host, Lan)]);
    }
    for (flag, mount, file) in [
        (PROVIDER, "/srv/d.yml:/d.yml", "p/d.yml"),
        (PROVIDER, "./other:/other", "p/other"),
        ("--providers.file.directory=/d", "./d.yml:/d.yml", "p/d.yml"),
        ("--providers.file=true", MOUNT, "p/d.yml"),
    ] {
        check(
            flag,
            &with(flag, mount, &[(file, ROUTE)], ""),
            &[("a", Host, Lan), ("b", Host, Lan)],
        );
    }
    let broken = with(
        "--providers.file.filename=/d.toml",
        "./d.toml:/d.toml",
        &[("p/d.toml", "[")],
        "",
    );
    check("no TOML", &broken, &[("a", Host, Lan)]);
    let elsewhere = ROUTE.replace("http://a:3000", "http://192.168.1.99:80");
    check(
        "another machine",
        &of_file(&elsewhere),
        &[("a", Host, Host), ("b", Host, Host)],
    );
}

#[test]
fn middlewares_of_the_file_guard_its_routes() {
    let rule = "access.proxied-and-published";
    let passed = |middlewares: &str| {
        let text = ROUTE.replace("service: a\n", "service: a\n      middlewares: [m]\n") + middlewares;
        let lab = with(PROVIDER, MOUNT, &[("p/d.yml", &text)], "ports: ['3000:3000']");
        fires(&lab, rule).message().to_owned()
    };
    let auth = "  middlewares:\n    m:\n      basicAuth:\n        users:\n          - u:h\n";
    assert!(passed(auth).ends_with("which goes past `m`"), "{}", passed(auth));
    let chain = "  middlewares:\n    m:\n      chain:\n        middlewares:\n          - n\n          - m\n    n:\n      rateLimit:\n        average: 5\n";
    assert!(
        passed(chain).ends_with("which goes past `n`"),
        "{}",
        passed(chain)
    );
    assert!(
        passed("").ends_with("which goes past `m`"),
        "one that is not there is not seen"
    );
    let headers = "  middlewares:\n    m:\n      headers:\n        frameDeny: true\n";
    assert!(!passed(headers).contains("goes past"), "{}", passed(headers));
    let docker = ROUTE.replace("service: a\n", "service: a\n      middlewares: ['k@docker']\n");
    let labels = "ports: ['3000:3000'], labels: { traefik.http.middlewares.k.basicauth.users: 'u:h' }";
    let lab = with(PROVIDER, MOUNT, &[("p/d.yml", &docker)], labels);
    assert!(
        fires(&lab, rule)
            .message()
            .ends_with("which goes past `k@docker`")
    );
}

#[test]
fn the_administration_may_be_routed_by_a_file() {
    let text = ROUTE.replace("service: a\n", "service: api@internal\n");
    fires(&of_file(&text), "access.admin-surface-reachable");
    silent(&of_file(ROUTE), "access.admin-surface-reachable");
}

#[test]
fn a_list_of_addresses_in_a_file_narrows_as_one_in_labels_does() {
    let instance = BEHIND_NAT.replace("forwards = []", "forwards = [{ port = 80 }]");
    for (middleware, reach, at_most) in [
        (
            "ipAllowList: { sourceRange: ['100.64.0.0/10'] }",
            Tailnet,
            Tailnet,
        ),
        (
            "ipAllowList: { sourceRange: ['192.168.0.0/16', '10.0.0.1'] }",
            Lan,
            Internet,
        ),
        (
            "ipAllowList: { sourceRange: ['192.168.0.0/16', '203.0.113.0/24'] }",
            Internet,
            Internet,
        ),
        (
            "ipAllowList: { sourceRange: ['192.168.0.0/16'], ipStrategy: { depth: 1 } }",
            Internet,
            Internet,
        ),
    ] {
        let text = ROUTE.replace("service: a\n", "service: a\n      middlewares: [m]\n")
            + &format!("  middlewares:\n    m:\n      {middleware}\n");
        let compose = "services:
  t:
    image: traefik:v3
    command: ['--entrypoints.web.address=:80', '--providers.file.filename=/d.yml']
    ports: ['80:80']
    volumes: ['./d.yml:/d.yml']
  a: { image: a }
";
        let lab = lab(&[
            ("p/compose.yaml", compose),
            ("instance.toml", &instance),
            ("p/d.yml", &text),
        ]);
        check(middleware, &lab, &[("a", reach, at_most)]);
    }
}

#[test]
fn a_folder_of_files_may_be_a_part_of_what_is_mounted() {
    let lab = with(
        "--providers.file.directory=/etc/traefik/dynamic",
        "./traefik:/etc/traefik",
        &[
            ("p/traefik/dynamic/more/a.yml", ROUTE),
            ("p/traefik/other.yml", "http: ["),
            ("p/traefik/dynamic/readme.md", "http: ["),
        ],
        "",
    );
    check("folder", &lab, &[("a", Lan, Lan), ("b", Host, Host)]);
    let commented = format!("# {{{{ not a template }}}}\n{ROUTE}");
    check(
        "comment",
        &of_file(&commented),
        &[("a", Lan, Lan), ("b", Host, Host)],
    );
    let compose = "services:
  t:
    image: traefik:v3
    command: ['--entrypoints.web.address=:80', '--providers.file.directory=/dyn']
    ports: ['80:80']
    configs: [{ source: routes, target: /dyn/a.yml }]
  a: { image: a }
configs: { routes: { file: ./a.yml } }
";
    let lab = self::lab(&[
        ("p/compose.yaml", compose),
        ("instance.toml", BEHIND_NAT),
        ("p/a.yml", ROUTE),
    ]);
    check("config", &lab, &[("a", Lan, Lan)]);
}

#[test]
fn what_a_dockerfile_copies_in_is_read_as_if_it_were_mounted() {
    let caddyfile = "a.lan {\n  reverse_proxy a:80\n}\n";
    for (build, files) in [
        (
            "./caddy",
            vec![
                (
                    "p/caddy/Dockerfile",
                    "FROM caddy:2\nCOPY Caddyfile /etc/caddy/Caddyfile\n",
                ),
                ("p/caddy/Caddyfile", caddyfile),
            ],
        ),
        (
            "{ context: ., dockerfile: proxy.Dockerfile, target: run }",
            vec![
                (
                    "p/proxy.Dockerfile",
                    "ARG V=2\nFROM caddy:$V AS base\nWORKDIR /etc/caddy\nCOPY conf/Caddyfile ./\nFROM base AS run\nFROM scratch\n",
                ),
                ("p/conf/Caddyfile", caddyfile),
            ],
        ),
        (
            "{ context: ., dockerfile_inline: \"FROM caddy:2\\nCOPY conf /etc/caddy\\n\" }",
            vec![("p/conf/Caddyfile", caddyfile)],
        ),
    ] {
        let compose = format!(
            "services:\n  proxy: {{ build: {build}, image: 'me/front:1', ports: ['80:80'] }}\n  a: {{ image: a }}\n  b: {{ image: b }}\n"
        );
        let mut all = vec![
            ("p/compose.yaml", compose.as_str()),
            ("instance.toml", BEHIND_NAT),
        ];
        all.extend(files);
        check(build, &lab(&all), &[("a", Lan, Lan), ("b", Host, Host)]);
    }
    let compose = "services:\n  proxy: { build: ./caddy, ports: ['80:80'], volumes: ['./other:/etc/caddy/Caddyfile'] }\n  a: { image: a }\n";
    let files = [
        ("p/compose.yaml", compose),
        ("p/other", "b.lan {\n  respond hello\n}\n"),
        (
            "p/caddy/Dockerfile",
            "FROM caddy:2\nCOPY Caddyfile /etc/caddy/Caddyfile\n",
        ),
        ("p/caddy/Caddyfile", caddyfile),
        ("instance.toml", BEHIND_NAT),
    ];
    check("a mount hides it", &lab(&files), &[("a", Host, Host)]);
}
