//! Where the routes lead that a service's labels ask for.

use super::*;

const TRAEFIK: &str = "{ image: 'traefik:3', ports: ['80:80'], command: [--providers.docker, '--providers.docker.exposedbydefault=false', '--entrypoints.web.address=:80'] }";
const CADDY: &str = "{ image: 'lucaslorentz/caddy-docker-proxy:2.9', ports: ['80:80', '443:443'] }";
const NGINX: &str = "{ image: nginxproxy/nginx-proxy, ports: ['80:80'] }";

/// A lab at home: a proxy, and what stands beside it.
fn behind(proxy: &str, services: &str) -> Lab {
    let compose = format!("services:\n  proxy: {proxy}\n{services}");
    lab(&[("p/compose.yaml", &compose), ("instance.toml", BEHIND_NAT)])
}

#[test]
fn labels_of_a_network_are_those_of_its_guests() {
    let guest = "  qb: { image: 'lscr.io/linuxserver/qbittorrent:5', network_mode: 'service:vpn' }\n";
    for (proxy, settings) in [
        (
            TRAEFIK,
            "labels: { traefik.enable: true, traefik.http.routers.q.rule: 'Host(`q.lan`)', traefik.http.services.q.loadbalancer.server.port: 8080 }",
        ),
        (
            CADDY,
            "labels: { caddy: q.lan, caddy.reverse_proxy: '{{upstreams 8080}}' }",
        ),
        (NGINX, "environment: { VIRTUAL_HOST: q.lan, VIRTUAL_PORT: 8080 }"),
    ] {
        let vpn = format!("  vpn: {{ image: 'qmcgaw/gluetun:v3', {settings} }}\n");
        let lab = behind(proxy, &(vpn + guest));
        check(settings, &lab, &[("qb", Lan, Lan)]);
        assert_eq!(
            exposure(&lab, "vpn").reach(),
            Host,
            "{settings}: the tunnel itself does not listen there"
        );
    }
    let without =
        "  vpn: { image: 'qmcgaw/gluetun:v3', environment: { VIRTUAL_HOST: q.lan } }\n".to_owned() + guest;
    assert_eq!(
        exposure(&behind(NGINX, &without), "qb").at_most(),
        Lan,
        "it may be the guest that is meant"
    );
}

#[test]
fn labels_may_lead_to_another_service() {
    let target = "  b: { image: b }\n  c: { image: c }\n";
    for (proxy, labels, reached) in [
        (CADDY, "caddy: a.lan, caddy.reverse_proxy: 'b:80'", &["b"][..]),
        (
            CADDY,
            "caddy: a.lan, caddy.reverse_proxy.to: 'b c:80'",
            &["b", "c"],
        ),
        (
            CADDY,
            "caddy: a.lan, caddy.handle_path: '/x/*', caddy.handle_path.0_reverse_proxy: 'b:80'",
            &["b"],
        ),
        (CADDY, "caddy: a.lan, caddy.php_fastcgi: 'b:9000'", &["b"]),
        (
            CADDY,
            "caddy: a.lan, caddy.reverse_proxy: '{{upstreams 80}}', caddy.reverse_proxy.header_up: 'Host b'",
            &["a"],
        ),
        (
            TRAEFIK,
            "traefik.enable: true, traefik.http.routers.a.rule: 'Host(`a`)', traefik.http.services.a.loadbalancer.server.url: 'http://b:80'",
            &["b"],
        ),
    ] {
        let lab = behind(
            proxy,
            &format!("  a: {{ image: a, labels: {{ {labels} }} }}\n{target}"),
        );
        for name in ["a", "b", "c"] {
            let expected = if reached.contains(&name) { Lan } else { Host };
            check(labels, &lab, &[(name, expected, expected)]);
        }
    }
    let lost = behind(
        CADDY,
        &format!(
            "  a: {{ image: a, labels: {{ caddy: a.lan, caddy.reverse_proxy: 'nobody:80' }} }}\n{target}"
        ),
    );
    assert_eq!(
        exposure(&lost, "b").at_most(),
        Lan,
        "a name that nobody has may be anybody's"
    );
}

#[test]
fn a_relay_is_known_by_its_command() {
    for relay in [
        "{ image: nicolaka/netshoot, command: 'socat TCP-LISTEN:99,fork TCP:b:80', ports: ['99:99'] }",
        "{ image: 'alpine:3', command: [sh, -c, 'apk add socat && socat TCP-LISTEN:99,fork TCP:b:80'], ports: ['99:99'] }",
        "{ image: 'alpine:3', entrypoint: socat, command: 'TCP-LISTEN:99,fork TCP:b:80', ports: ['99:99'] }",
    ] {
        check(relay, &behind(relay, "  b: { image: b }\n"), &[("b", Lan, Lan)]);
    }
}

#[test]
fn several_ports_of_one_service_have_hosts() {
    let several = "  a: { image: a, environment: { VIRTUAL_HOST_MULTIPORTS: 'www.example.org: { /: { port: 8080 }, /api: { port: 9000 } }' } }\n";
    let lab = behind(NGINX, several);
    check("multiports", &lab, &[("a", Lan, Lan)]);
    let ports: Vec<_> = exposure(&lab, "a")
        .paths()
        .iter()
        .filter_map(|path| path.port())
        .collect();
    assert_eq!(ports, [8080, 9000]);
}

#[test]
fn traefik_leads_to_what_exposes_a_port_unless_told_not_to() {
    let open = TRAEFIK.replace("'--providers.docker.exposedbydefault=false', ", "");
    for (settings, reach) in [
        ("expose: [80]", Lan),
        (
            "labels: { traefik.http.services.a.loadbalancer.server.port: 80 }",
            Lan,
        ),
        ("expose: [80], labels: { traefik.enable: false }", Host),
        ("expose: [80], network_mode: none", Nobody),
    ] {
        let services = format!("  a: {{ image: a, {settings} }}\n");
        assert_eq!(
            exposure(&behind(&open, &services), "a").reach(),
            reach,
            "{settings}"
        );
        assert!(
            exposure(&behind(TRAEFIK, &services), "a").reach() <= Host,
            "{settings}"
        );
    }
}

#[test]
fn labels_of_the_tailnets_proxies_lead_on_too() {
    let guest = "  ts: { image: almeidapaulopt/tsdproxy }
  vpn: { image: 'qmcgaw/gluetun:v3', labels: { tsdproxy.enable: true, tsdproxy.container_port: 8080, tsdproxy.funnel: true } }
  qb: { image: 'lscr.io/linuxserver/qbittorrent:5', network_mode: 'service:vpn' }
";
    check(
        "a guest",
        &behind(TRAEFIK, guest),
        &[("qb", Internet, Internet), ("vpn", Host, Host)],
    );
    let bridge = |address: &str| {
        format!(
            "  ts: {{ image: ghcr.io/jtdowney/tsbridge }}
  a: {{ image: a, labels: {{ tsbridge.enabled: true, tsbridge.service.backend_addr: '{address}', tsbridge.service.funnel_enabled: true }} }}
  b: {{ image: b }}
"
        )
    };
    check(
        "an upstream",
        &behind(TRAEFIK, &bridge("b:80")),
        &[("a", Host, Host), ("b", Internet, Internet)],
    );
    assert_eq!(
        exposure(&behind(TRAEFIK, &bridge("nobody:80")), "b").at_most(),
        Internet
    );
}

#[test]
fn a_proxy_on_another_machine_needs_the_published_port() {
    let instance = "[hosts.vps]\npublic_addresses = ['203.0.113.7']\nforwards = []\n[hosts.nas]\naddresses = ['192.168.1.20']\n\
                    public_addresses = []\nforwards = []\n[projects.edge]\nhosts = ['vps']\n[projects.app]\nhosts = ['nas']\n";
    let edge = "services: { caddy: { image: 'caddy:2', ports: ['443:443'], volumes: ['./Caddyfile:/etc/caddy/Caddyfile'] } }";
    let files = [
        ("edge/compose.yaml", edge),
        (
            "edge/Caddyfile",
            "a.example.com {\n  reverse_proxy 192.168.1.20:82\n}\n",
        ),
        (
            "app/compose.yaml",
            "services: { a: { image: a, ports: ['192.168.1.20:82:80'] } }",
        ),
        ("instance.toml", instance),
    ];
    let afar = lab(&files);
    check(
        "by the published port",
        &afar,
        &[("nas:app/a", Internet, Internet)],
    );
    findings::silent(&afar, "access.proxied-and-published");
    let mut beside = files;
    let instance = instance.replace("hosts = ['vps']", "hosts = ['nas']");
    beside[3].1 = &instance;
    findings::fires(&lab(&beside), "access.proxied-and-published");
}
