use super::*;
use crate::access::GuardKind;

const TRAEFIK: &str = "
  traefik:
    image: traefik:v3.5
    command: [--entrypoints.web.address=:80, --entrypoints.websecure.address=:443, --providers.docker.exposedbydefault=false]
    ports: ['80:80', '100.64.0.1:443:443']
";

fn behind_traefik(services: &str) -> Lab {
    of(&format!("services:{TRAEFIK}{services}"))
}

#[test]
fn a_route_is_as_open_as_its_entry_point() {
    let lab = behind_traefik(
        "
  web: { image: a, labels: { traefik.enable: 'true', 'traefik.http.routers.w.rule': 'Host(`w.smith.dev`)', 'traefik.http.routers.w.entrypoints': web } }
  tls: { image: b, labels: { traefik.enable: 'true', 'traefik.http.routers.t.rule': 'Host(`t`)', 'traefik.http.routers.t.entrypoints': websecure } }
  any: { image: c, labels: { traefik.enable: 'true', 'traefik.http.routers.a.rule': 'Host(`a`)' } }
  default: { image: d, labels: { traefik.enable: 'true' } }
  off: { image: e, labels: { traefik.enable: 'false', 'traefik.http.routers.o.rule': 'Host(`o`)' } }
  none: { image: f }
",
    );
    check(
        "entry points",
        &lab,
        &[
            ("web", Lan, Internet),
            ("tls", Tailnet, Tailnet),
            ("any", Lan, Internet),
            ("default", Lan, Internet),
            ("off", Host, Host),
            ("none", Host, Host),
        ],
    );
    let web = exposure(&lab, "web");
    assert_eq!(web.paths()[0].names(), ["w.smith.dev"]);
    assert_eq!(web.paths()[0].kind(), PathKind::Proxy);
    let tls = exposure(&lab, "tls");
    assert_eq!(tls.zones(), [Host, Tailnet]);
}

#[test]
fn guards_are_found_across_containers_and_chains() {
    let lab = behind_traefik(
        "
  auth: { image: authelia, labels: { 'traefik.http.middlewares.login.forwardauth.address': 'http://auth:9091' } }
  a:
    image: a
    labels:
      traefik.enable: 'true'
      traefik.http.routers.a.rule: Host(`a`)
      traefik.http.routers.a.middlewares: all@docker,limits@file,Slow
      traefik.http.middlewares.all.chain.middlewares: login,only-us
      traefik.http.middlewares.only-us.ipallowlist.sourcerange: 10.0.0.0/8
      traefik.http.middlewares.slow.ratelimit.average: '10'
      traefik.http.middlewares.loop.chain.middlewares: loop
",
    );
    let path = exposure(&lab, "a").paths()[0].clone();
    let found: Vec<(GuardKind, &str)> = path
        .guards()
        .iter()
        .map(|guard| (guard.kind(), guard.name()))
        .collect();
    assert_eq!(
        found,
        [
            (GuardKind::Auth, "login"),
            (GuardKind::AllowList, "only-us"),
            (GuardKind::Unseen, "limits@file"),
            (GuardKind::RateLimit, "Slow"),
        ]
    );
}

#[test]
fn an_entry_points_middleware_guards_every_route() {
    let lab = of("services:
  traefik:
    image: traefik
    command: --entrypoints.web.address=:80 --entrypoints.web.http.middlewares=login@docker --providers.docker=true --providers.docker.exposedbydefault=false
    labels: ['traefik.http.middlewares.login.basicauth.users=a:b']
    ports: ['80:80']
  a: { image: a, labels: ['traefik.enable=true'] }
");
    let a = exposure(&lab, "a");
    assert!(a.paths()[0].is_guarded_by(GuardKind::Auth), "{a}");
    assert!(!a.to_string().contains("a:b"), "no password in any output");
}

#[test]
fn traefik_leads_to_everybody_unless_it_is_told_not_to() {
    let compose = |more: &str| {
        format!(
            "services:
  traefik: {{ image: traefik, command: [--providers.docker=true{more}], ports: ['80:80'] }}
  a: {{ image: a }}
  b: {{ image: b, labels: ['traefik.enable=false'] }}
"
        )
    };
    check(
        "by default",
        &of(&compose("")),
        &[("a", Host, Internet), ("b", Host, Host)],
    );
    check(
        "told not to",
        &of(&compose(", --providers.docker.exposedbydefault=false")),
        &[("a", Host, Host)],
    );
}

#[test]
fn a_proxy_reaches_only_those_who_share_a_network() {
    let compose = "services:
  traefik: { image: traefik, command: [--providers.docker.exposedbydefault=false], ports: ['80:80'], networks: [front] }
  a: { image: a, networks: [front], labels: ['traefik.enable=true'] }
  b: { image: b, networks: [back], labels: ['traefik.enable=true'] }
networks: { front: {}, back: {} }
";
    check(
        "networks",
        &of(compose),
        &[("a", Lan, Internet), ("b", Host, Internet)],
    );
}

#[test]
fn networks_are_shared_across_projects_of_one_machine_only() {
    let proxy = "services: { traefik: { image: traefik, command: [--providers.docker.exposedbydefault=false], ports: ['100.64.0.1:80:80'], networks: [web] } }
networks: { web: { name: web } }";
    let app = "services: { a: { image: a, networks: [proxy], labels: ['traefik.enable=true'] } }
networks: { proxy: { external: true, name: web } }";
    let files = [("proxy/compose.yaml", proxy), ("p/compose.yaml", app)];
    check("one machine", &lab(&files), &[("a", Tailnet, Tailnet)]);
    let instance =
        "[hosts.one]\n[hosts.two]\n[projects.proxy]\nhosts = ['one']\n[projects.p]\nhosts = ['two']\n";
    let apart = lab(&[files[0], files[1], ("instance.toml", instance)]);
    let a = exposure(&apart, "a");
    assert_eq!(
        (a.reach(), a.at_most()),
        (Host, Internet),
        "its proxy is not on its machine\n{a}"
    );
}

#[test]
fn a_proxy_that_is_not_in_the_lab_may_be_open_to_all() {
    let lab = of(
        "services: { a: { image: a, labels: ['traefik.enable=true'] }, b: { image: b, environment: { VIRTUAL_HOST: b } } }",
    );
    check("no proxy", &lab, &[("a", Host, Internet), ("b", Host, Internet)]);
}

#[test]
fn a_proxy_on_the_machines_network_reaches_every_bridge() {
    let lab = of("services:
  traefik: { image: traefik, network_mode: host, command: ['--entrypoints.web.address=:80', --providers.docker.exposedbydefault=false] }
  a: { image: a, labels: ['traefik.enable=true'], networks: [own] }
networks: { own: {} }
");
    check(
        "host mode",
        &lab,
        &[("traefik", Lan, Internet), ("a", Lan, Internet)],
    );
}

#[test]
fn traefik_is_understood_in_every_way_it_is_configured() {
    let service = "a: { image: a, labels: ['traefik.enable=true', 'traefik.http.routers.a.rule=Host(`a`)', 'traefik.http.routers.a.entrypoints=secure'] }";
    let ports = "ports: ['127.0.0.1:80:80', '100.64.0.1:443:443']";
    let environment = format!("services:
  traefik: {{ image: traefik, {ports}, environment: {{ TRAEFIK_ENTRYPOINTS_WEB_ADDRESS: ':80', TRAEFIK_ENTRYPOINTS_SECURE_ADDRESS: ':443/tcp' }} }}
  {service}
");
    check("environment", &of(&environment), &[("a", Tailnet, Tailnet)]);
    let mounted = format!(
        "services:
  traefik: {{ image: traefik, {ports}, volumes: ['./traefik.yml:/etc/traefik/traefik.yml:ro'] }}
  {service}
"
    );
    let yaml = "entryPoints:\n  web:\n    address: ':80'\n  secure:\n    address: ':443'\nproviders:\n  docker:\n    exposedByDefault: false\n";
    let with_file = lab(&[("p/compose.yaml", &mounted), ("p/traefik.yml", yaml)]);
    check("file", &with_file, &[("a", Tailnet, Tailnet)]);
    check(
        "file that is not there",
        &of(&mounted),
        &[("a", Tailnet, Tailnet)],
    );
    let version_one = format!("services:
  traefik:
    image: traefik:1.7
    command: ['--docker', '--docker.exposedbydefault=false', \"--entrypoints=Name:http Address::80\", \"--entrypoints=Name:https Address::443 TLS\"]
    {ports}
  a: {{ image: a, labels: ['traefik.enable=true', 'traefik.frontend.rule=Host:a.lan', 'traefik.port=3000', 'traefik.frontend.entryPoints=https', 'traefik.frontend.auth.basic=x'] }}
");
    let lab = of(&version_one);
    check("version 1", &lab, &[("a", Tailnet, Tailnet)]);
    let path = exposure(&lab, "a").paths()[0].clone();
    assert_eq!(
        (path.port(), path.names()),
        (Some(3000), &["a.lan".to_owned()][..])
    );
    assert!(path.is_guarded_by(GuardKind::Auth));
}

#[test]
fn tcp_and_udp_routers_are_routes_too() {
    let lab = of("services:
  traefik: { image: traefik, command: ['--entrypoints.web.address=:80', '--entrypoints.db.address=:5432', '--entrypoints.dns.address=:53/udp', --providers.docker.exposedbydefault=false], ports: ['127.0.0.1:80:80', '5432:5432', '100.64.0.1:53:53/udp'] }
  db: { image: postgres, labels: { traefik.enable: 'true', 'traefik.tcp.routers.db.rule': 'HostSNI(`*`)', 'traefik.tcp.routers.db.entrypoints': db } }
  dns: { image: dns, labels: { traefik.enable: 'true', 'traefik.udp.routers.dns.entrypoints': dns } }
");
    check(
        "tcp, udp",
        &lab,
        &[("db", Lan, Internet), ("dns", Tailnet, Tailnet)],
    );
}

#[test]
fn caddys_labels_are_a_caddyfile() {
    let lab = of("services:
  caddy: { image: 'lucaslorentz/caddy-docker-proxy:2.9', ports: ['443:443', '127.0.0.1:8080:8080'] }
  a: { image: a, labels: { caddy: a.smith.dev, caddy.reverse_proxy: '{{upstreams 3000}}', caddy.basic_auth.bob: hash } }
  b: { image: b, labels: { caddy_0: ':8080', caddy_0.handle.1_reverse_proxy: '{{upstreams}}', caddy_1: '(snippet)', caddy_1.reverse_proxy: x } }
  c: { image: c }
");
    check(
        "caddy",
        &lab,
        &[("a", Lan, Internet), ("b", Host, Host), ("c", Host, Host)],
    );
    let path = exposure(&lab, "a").paths()[0].clone();
    assert_eq!(
        (path.port(), path.names()),
        (Some(3000), &["a.smith.dev".to_owned()][..])
    );
    assert!(path.is_guarded_by(GuardKind::Auth));
}

#[test]
fn nginx_proxy_goes_by_the_environment() {
    let lab = of("services:
  proxy: { image: nginxproxy/nginx-proxy, ports: ['80:80'] }
  a: { image: a, environment: [VIRTUAL_HOST=a.smith.dev, VIRTUAL_PORT=8000] }
  b: { image: b }
");
    check("nginx-proxy", &lab, &[("a", Lan, Internet), ("b", Host, Host)]);
    assert_eq!(exposure(&lab, "a").paths()[0].port(), Some(8000));
}

#[test]
fn routes_in_a_database_may_lead_to_all_around() {
    let lab = of("services:
  npm: { image: 'jc21/nginx-proxy-manager:2', ports: ['100.64.0.1:80:80', '81:81'], networks: [front] }
  a: { image: a, networks: [front] }
  b: { image: b }
networks: { front: {} }
");
    check(
        "the administration's own port leads nowhere else",
        &lab,
        &[("npm", Lan, Internet), ("a", Host, Tailnet), ("b", Host, Host)],
    );
}

#[test]
fn routes_in_files_of_the_lab_are_read() {
    let compose = "services:
  web: { image: nginx, ports: ['80:80'], volumes: ['./conf.d:/etc/nginx/conf.d:ro'] }
  app: { image: app }
  db: { image: postgres }
  caddy: { image: caddy, ports: ['100.64.0.1:443:443'], volumes: ['./Caddyfile:/etc/caddy/Caddyfile'] }
  wiki: { image: wiki }
";
    let conf = "upstream backend { server app:8000; }\nserver { listen 80; location / { proxy_pass http://backend; } }\n";
    let caddyfile = "wiki.lan {\n  reverse_proxy wiki:3000 # the wiki\n}\n";
    let lab = lab(&[
        ("p/compose.yaml", compose),
        ("p/conf.d/app.conf", conf),
        ("p/Caddyfile", caddyfile),
    ]);
    check(
        "files",
        &lab,
        &[
            ("app", Lan, Internet),
            ("db", Host, Host),
            ("wiki", Tailnet, Tailnet),
        ],
    );
    let evidence = exposure(&lab, "wiki").paths()[0].evidence()[0].clone();
    let place = evidence.place().expect("a place");
    assert_eq!((place.source().name(), place.line()), ("p/Caddyfile", 2));

    let hidden = of(compose);
    check(
        "files outside of the lab",
        &hidden,
        &[("app", Host, Internet), ("db", Host, Internet)],
    );
    let decided = conf.replace("http://backend", "http://$target");
    let lab = self::lab(&[
        ("p/compose.yaml", compose),
        ("p/conf.d/app.conf", &decided),
        ("p/Caddyfile", caddyfile),
    ]);
    check(
        "decided while it runs",
        &lab,
        &[("app", Lan, Internet), ("db", Host, Internet)],
    );
}

#[test]
fn a_proxy_behind_a_proxy_passes_on_what_it_gets() {
    let lab = of("services:
  edge: { image: nginx, ports: ['100.64.0.1:80:80'], volumes: ['./e.conf:/etc/nginx/nginx.conf'] }
  traefik: { image: traefik, command: ['--entrypoints.web.address=:80', --providers.docker.exposedbydefault=false] }
  a: { image: a, labels: ['traefik.enable=true'] }
");
    check(
        "unseen",
        &lab,
        &[("traefik", Host, Tailnet), ("a", Host, Tailnet)],
    );
    let compose = "services:
  edge: { image: nginx, ports: ['100.64.0.1:80:80'], volumes: ['./e.conf:/etc/nginx/nginx.conf'] }
  traefik: { image: traefik, command: ['--entrypoints.web.address=:80', --providers.docker.exposedbydefault=false] }
  a: { image: a, labels: ['traefik.enable=true'] }
";
    let lab = self::lab(&[
        ("p/compose.yaml", compose),
        ("p/e.conf", "location / { proxy_pass http://traefik:80; }"),
    ]);
    check(
        "chain",
        &lab,
        &[("traefik", Tailnet, Tailnet), ("a", Tailnet, Tailnet)],
    );
}

#[test]
fn proxies_in_a_ring_come_to_an_end() {
    let compose = "services:
  one: { image: nginx, ports: ['80:80'], volumes: ['./one.conf:/etc/nginx/nginx.conf'] }
  two: { image: nginx, volumes: ['./two.conf:/etc/nginx/nginx.conf'] }
";
    let lab = lab(&[
        ("p/compose.yaml", compose),
        ("p/one.conf", "proxy_pass http://two:80;"),
        ("p/two.conf", "proxy_pass http://one:80;"),
    ]);
    check("ring", &lab, &[("one", Lan, Internet), ("two", Lan, Internet)]);
    assert!(
        exposure(&lab, "two").paths().len() < 8,
        "{}",
        exposure(&lab, "two")
    );
}

#[test]
fn the_dashboard_is_a_way_to_the_proxy_itself() {
    let lab = behind_traefik("");
    assert_eq!(kinds(&exposure(&lab, "traefik")), [PathKind::PublishedPort; 2]);
    let lab = of("services:
  traefik:
    image: traefik
    command: ['--entrypoints.web.address=:80', --providers.docker.exposedbydefault=false, --api=true]
    ports: ['80:80']
    labels: { traefik.enable: 'true', 'traefik.http.routers.d.rule': 'Host(`d`)', 'traefik.http.routers.d.service': api@internal }
");
    assert!(kinds(&exposure(&lab, "traefik")).contains(&PathKind::Proxy));
}

/// A Traefik on the whole internet, with one service and the labels it has.
fn public_traefik(flags: &str, labels: &str) -> Lab {
    let compose = format!(
        "services:
  t: {{ image: 'traefik:v3', ports: ['203.0.113.7:80:80'], command: [--providers.docker=true, {flags}] }}
  a: {{ image: a, labels: [{labels}] }}
"
    );
    lab(&[("p/compose.yaml", &compose), ("instance.toml", PUBLIC)])
}

#[test]
fn traefik_passes_over_who_does_not_ask_for_it_where_it_must_be_asked() {
    let flags = "--providers.docker.exposedbydefault=false, '--entrypoints.web.address=:80'";
    let rule = "'traefik.http.routers.a.rule=Host(`a`)'";
    let enabled = format!("traefik.enable=true, {rule}");
    check("not asked", &public_traefik(flags, rule), &[("a", Host, Host)]);
    check(
        "asked",
        &public_traefik(flags, &enabled),
        &[("a", Internet, Internet)],
    );
    check(
        "by default",
        &public_traefik("'--entrypoints.web.address=:80'", rule),
        &[("a", Internet, Internet)],
    );
}

#[test]
fn no_request_comes_by_an_entry_point_that_is_not_there() {
    let labels =
        "traefik.enable=true, 'traefik.http.routers.a.rule=Host(`a`)', traefik.http.routers.a.entrypoints=";
    let web = "'--entrypoints.web.address=:80'";
    for (flags, name, reach, at_most) in [
        (web, "typo", Host, Host),
        (web, "web", Internet, Internet),
        (web, "'typo,web'", Internet, Internet),
        // It is declared, and on which port cannot be read.
        (
            "'--entrypoints.web.address=:80', '--entrypoints.other.address=:${X}'",
            "other",
            Host,
            Internet,
        ),
        ("--log.level=INFO", "other", Host, Internet),
    ] {
        let labels = match name.strip_prefix('\'') {
            Some(rest) => labels.replace(
                "traefik.http.routers.a.entrypoints=",
                &format!("'traefik.http.routers.a.entrypoints={rest}"),
            ),
            None => format!("{labels}{name}"),
        };
        check(name, &public_traefik(flags, &labels), &[("a", reach, at_most)]);
    }
}

#[test]
fn a_list_of_the_tailnets_addresses_lets_in_the_tailnet_only() {
    let web = "'--entrypoints.web.address=:80'";
    let router = "'traefik.http.routers.a.rule=Host(`a`)', traefik.http.routers.a.middlewares=only";
    let list = "traefik.http.middlewares.only.ipallowlist";
    for (labels, reach, at_most) in [
        (
            format!("{router}, '{list}.sourcerange=100.64.0.0/10, fd7a:115c:a1e0::/48'"),
            Tailnet,
            Tailnet,
        ),
        (
            format!("{router}, '{list}.sourcerange=100.64.0.0/10,0.0.0.0/0'"),
            Internet,
            Internet,
        ),
        // Behind the engine's translation everybody may have a private address.
        (
            format!("{router}, '{list}.sourcerange=10.0.0.0/8'"),
            Lan,
            Internet,
        ),
        (
            format!("{router}, '{list}.sourcerange=100.64.0.0/10', '{list}.ipstrategy.depth=1'"),
            Internet,
            Internet,
        ),
        (
            "'traefik.http.routers.a.rule=Host(`a`) && ClientIP(`100.64.0.0/10`)'".to_owned(),
            Tailnet,
            Tailnet,
        ),
    ] {
        let lab = public_traefik(web, &labels);
        check(&labels, &lab, &[("a", reach, at_most)]);
        let a = exposure(&lab, "a");
        let holds_back = !labels.contains("0.0.0.0/0");
        assert_eq!(
            a.paths()[0].is_guarded_by(GuardKind::AllowList),
            holds_back,
            "{a}"
        );
    }
}

#[test]
fn a_forwarder_leads_where_its_command_says() {
    for (image, settings, a, b) in [
        (
            "caddy:2",
            "command: 'caddy reverse-proxy --from x.example.net --to a:80'",
            Lan,
            Host,
        ),
        (
            "caddy:2",
            "command: [caddy, reverse-proxy, '--to=a:80']",
            Lan,
            Host,
        ),
        ("caddy:2", "command: 'caddy file-server'", Host, Host),
        (
            "alpine/socat",
            "command: 'tcp-listen:80,fork tcp-connect:a:80'",
            Lan,
            Host,
        ),
        (
            "alpine/socat",
            "command: ['TCP4-LISTEN:80,fork', 'TCP4:a:80,retry=3']",
            Lan,
            Host,
        ),
        (
            "quay.io/oauth2-proxy/oauth2-proxy",
            "environment: { OAUTH2_PROXY_UPSTREAMS: 'http://a:80/' }",
            Lan,
            Host,
        ),
    ] {
        let compose = format!(
            "services:
  f: {{ image: '{image}', ports: ['80:80'], {settings} }}
  a: {{ image: a }}
  b: {{ image: b }}
"
        );
        let lab = lab(&[("p/compose.yaml", &compose), ("instance.toml", BEHIND_NAT)]);
        check(settings, &lab, &[("a", a, a), ("b", b, b)]);
    }
    for (image, command) in [
        ("caddy:2", "'caddy reverse-proxy --to $$WHERE'"),
        ("alpine/socat", "'/run.sh'"),
        ("envoyproxy/envoy", "'-c /x.yaml'"),
    ] {
        let compose = format!(
            "services: {{ f: {{ image: '{image}', ports: ['80:80'], command: {command} }}, a: {{ image: a }} }}"
        );
        let lab = lab(&[("p/compose.yaml", &compose), ("instance.toml", BEHIND_NAT)]);
        check(image, &lab, &[("a", Host, Lan)]);
    }
}

#[test]
fn labels_of_swarm_services_are_for_those_who_read_them() {
    let stack = |command: &str| {
        of(&format!(
            "services:
  traefik:
    image: traefik:v3
    command: [{command}, '--entrypoints.web.address=:80']
    ports: ['80:80']
  a:
    image: a
    deploy:
      labels:
        traefik.enable: 'true'
        traefik.http.routers.a.rule: Host(`a`)
        traefik.http.routers.a.middlewares: login
        traefik.http.services.a.loadbalancer.server.port: '8080'
        traefik.http.middlewares.login.basicauth.users: 'x:y'
"
        ))
    };
    for command in [
        "--providers.swarm=true, --providers.swarm.exposedByDefault=false",
        "--providers.docker.swarmMode=true, --providers.docker.exposedByDefault=false",
    ] {
        let lab = stack(command);
        check(command, &lab, &[("a", Lan, Internet)]);
        let path = exposure(&lab, "a").paths()[0].clone();
        assert_eq!(path.port(), Some(8080));
        assert!(path.is_guarded_by(GuardKind::Auth), "{path:?}");
    }
    for command in [
        "--providers.docker=true, --providers.docker.exposedByDefault=false",
        "--providers.docker.swarmMode=false, --providers.docker.exposedByDefault=false",
    ] {
        check(command, &stack(command), &[("a", Host, Host)]);
    }
    let caddy = of("services:
  caddy: { image: lucaslorentz/caddy-docker-proxy, ports: ['443:443'] }
  a: { image: a, deploy: { labels: { caddy: a.lan, caddy.reverse_proxy: '{{upstreams 80}}' } } }
");
    check("Caddy", &caddy, &[("a", Lan, Internet)]);
}
