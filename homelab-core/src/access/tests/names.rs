//! The names and addresses by which a proxy or tunnel may know a service.

use super::*;

const TWO: &str = "[hosts.nas]
addresses = ['192.168.1.10', '100.64.0.2']
public_addresses = []
forwards = [{ port = 443 }]
[hosts.box]
addresses = ['192.168.1.11', '100.64.0.3']
public_addresses = []
forwards = []
[projects.p]
hosts = ['nas']
[projects.q]
hosts = ['nas']
[projects.far]
hosts = ['box']
";

/// The same route in the words of each program.
fn labs(host: &str, more: &str, of_proxy: &str) -> Vec<(&'static str, Lab)> {
    let traefik = format!(
        "http:\n  routers:\n    a: {{ rule: Host(`a`), service: a }}\n  services:\n    a: {{ loadBalancer: {{ servers: [{{ url: 'http://{host}' }}] }} }}\n"
    );
    let caddy = format!("a {{\n reverse_proxy {host}\n}}\n");
    let nginx = format!("server {{ location / {{ proxy_pass http://{host}; }} }}");
    let tunnel = format!("tunnel: x\ningress:\n  - hostname: a.example.com\n    service: http://{host}\n");
    let proxies = [
        (
            "Traefik",
            "image: traefik, command: ['--entrypoints.web.address=:443', '--providers.file.filename=/f']"
                .to_owned(),
            "/f",
            "f.yml",
            traefik,
        ),
        (
            "Caddy",
            "image: caddy".to_owned(),
            "/etc/caddy/Caddyfile",
            "f",
            caddy,
        ),
        (
            "nginx",
            "image: nginx".to_owned(),
            "/etc/nginx/nginx.conf",
            "f",
            nginx,
        ),
        (
            "cloudflared",
            "image: cloudflare/cloudflared, command: tunnel run".to_owned(),
            "/etc/cloudflared/config.yml",
            "f",
            tunnel,
        ),
    ];
    let lab = |(name, settings, target, file, text): (&'static str, String, &str, &str, String)| {
        let compose = format!(
            "services:
  proxy: {{ {settings}, ports: ['443:443'], volumes: ['./{file}:{target}'], {of_proxy} }}
  web: {{ image: httpd, {more} }}
  other: {{ image: httpd }}
"
        );
        let published = "services: { b: { image: httpd, ports: ['8080:80'] }, c: { image: httpd, ports: ['127.0.0.1:8081:80'] } }";
        let path = format!("p/{file}");
        let files = [
            ("instance.toml", TWO),
            ("p/compose.yaml", compose.as_str()),
            ("q/compose.yaml", published),
            ("far/compose.yaml", published),
            (path.as_str(), text.as_str()),
        ];
        (name, self::lab(&files))
    };
    proxies.map(lab).into()
}

#[test]
fn a_container_has_many_names() {
    for (host, more, of_proxy) in [
        ("web:80", "", ""),
        ("WEB:80", "", ""),
        ("p-web-1:80", "", ""),
        ("p_web_1:80", "", ""),
        ("p-web-3:80", "scale: 3", ""),
        ("web.p_default:80", "", ""),
        ("web.:80", "", ""),
        ("mine:80", "container_name: Mine", ""),
        ("mine:80", "hostname: mine", ""),
        ("mine:80", "networks: { default: { aliases: [mine] } }", ""),
        (
            "172.30.0.5:80",
            "networks: { default: { ipv4_address: 172.30.0.5 } }",
            "",
        ),
        ("mine:80", "", "links: ['web:mine']"),
        (
            "mine:80",
            "networks: { default: { ipv4_address: 172.30.0.5 } }",
            "extra_hosts: ['mine:172.30.0.5']",
        ),
    ] {
        for (program, lab) in labs(host, more, of_proxy) {
            let what = format!("{program}: {host} {more} {of_proxy}");
            check(
                &what,
                &lab,
                &[("p/web", Internet, Internet), ("p/other", Host, Host)],
            );
        }
    }
}

#[test]
fn all_who_have_one_name_are_asked_in_turn() {
    let more = "networks: { default: { aliases: [both] } }";
    for (program, lab) in labs("both:80", more, "") {
        check(program, &lab, &[("p/web", Internet, Internet)]);
    }
    let compose = "services:
  proxy: { image: caddy, ports: ['100.64.0.1:443:443'], volumes: ['./Caddyfile:/etc/caddy/Caddyfile'] }
  a: { image: a, networks: { default: { aliases: [both] } } }
  b: { image: b, networks: { default: { aliases: [both] } } }
";
    let lab = lab(&[
        ("p/compose.yaml", compose),
        ("p/Caddyfile", "x {\n reverse_proxy both:80\n}\n"),
    ]);
    check("both", &lab, &[("a", Tailnet, Tailnet), ("b", Tailnet, Tailnet)]);
}

#[test]
fn a_published_port_is_reached_by_the_machines_names() {
    for (host, of_proxy) in [
        ("192.168.1.10:8080", ""),
        ("host.docker.internal:8080", ""),
        ("172.17.0.1:8080", ""),
        ("172.18.0.1:8080", ""),
        ("nas:8080", ""),
        ("nas.local:8080", ""),
        ("nas.tail1234.ts.net:8080", ""),
        ("alias:8080", "extra_hosts: ['alias:192.168.1.10']"),
        ("alias:8080", "extra_hosts: { alias: host-gateway }"),
    ] {
        for (program, lab) in labs(host, "", of_proxy) {
            let what = format!("{program}: {host}");
            check(
                &what,
                &lab,
                &[("p/web", Host, Host), ("nas:q/b", Internet, Internet)],
            );
            check(&what, &lab, &[("box:far/b", Lan, Lan)]);
        }
    }
    for (program, lab) in labs("192.168.1.11:8080", "", "") {
        check(
            program,
            &lab,
            &[("nas:q/b", Lan, Lan), ("box:far/b", Internet, Internet)],
        );
    }
    // What is published for the other machine itself is not for this one.
    for (program, lab) in labs("box:8081", "", "") {
        check(program, &lab, &[("box:far/c", Host, Host), ("p/web", Host, Host)]);
    }
}

#[test]
fn a_name_that_nobody_has_may_be_anybodys() {
    for host in ["nobody:80", "what.home.arpa:80", "thing.lan:80", "172.19.0.7:80"] {
        for (program, lab) in labs(host, "", "") {
            let what = format!("{program}: {host}");
            check(
                &what,
                &lab,
                &[("p/web", Host, Internet), ("p/other", Host, Internet)],
            );
        }
    }
    for host in [
        "git.example.com:80",
        "192.168.1.99:80",
        "203.0.113.9:80",
        "host.docker.internal:9999",
    ] {
        for (program, lab) in labs(host, "", "") {
            let what = format!("{program}: {host}");
            check(&what, &lab, &[("p/web", Host, Host), ("p/other", Host, Host)]);
        }
    }
}

#[test]
fn a_program_on_the_machines_network_may_have_any_port() {
    let compose = "services:
  proxy: { image: caddy, ports: ['100.64.0.1:443:443'], volumes: ['./Caddyfile:/etc/caddy/Caddyfile'] }
  mine: { image: me/mine, network_mode: host }
";
    let caddyfile = "x {\n reverse_proxy host.docker.internal:8123\n}\n";
    let lab = lab(&[
        ("p/compose.yaml", compose),
        ("p/Caddyfile", caddyfile),
        ("instance.toml", BEHIND_NAT),
    ]);
    let mine = exposure(&lab, "mine");
    assert!(
        mine.paths().iter().any(|path| path.kind() == PathKind::Proxy),
        "{mine}"
    );
}
