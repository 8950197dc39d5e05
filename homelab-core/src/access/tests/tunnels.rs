use super::*;

#[test]
fn a_tunnel_with_routes_elsewhere_may_lead_to_all_around() {
    for settings in [
        "environment: { TUNNEL_TOKEN: '${TOKEN}' }",
        "command: tunnel --no-autoupdate run --token eyJsecret",
        "command: tunnel run --token=eyJsecret",
        "command: tunnel run home",
    ] {
        let lab = of(&format!(
            "services:
  tunnel: {{ image: 'cloudflare/cloudflared:2025.1.0', {settings}, networks: [front] }}
  a: {{ image: a, networks: [front] }}
  b: {{ image: b }}
networks: {{ front: {{}} }}
"
        ));
        check(
            settings,
            &lab,
            &[
                ("tunnel", Internet, Internet),
                ("a", Host, Internet),
                ("b", Host, Host),
            ],
        );
        for exposure in lab.exposures(&seen()) {
            assert!(!format!("{exposure:?}{exposure}{:?}", exposure.view()).contains("eyJsecret"));
        }
    }
}

#[test]
fn what_passes_through_a_tunnel_reaches_those_behind_the_proxy() {
    let lab = of("services:
  tunnel: { image: cloudflare/cloudflared, command: tunnel run, networks: [edge] }
  traefik: { image: traefik, command: [--providers.docker.exposedbydefault=false], networks: [edge, apps] }
  a: { image: a, networks: [apps], labels: ['traefik.enable=true'] }
  b: { image: b, networks: [apps] }
networks: { edge: {}, apps: {} }
");
    check(
        "through",
        &lab,
        &[
            ("traefik", Host, Internet),
            ("a", Host, Internet),
            ("b", Host, Host),
        ],
    );
}

#[test]
fn a_quick_tunnel_is_known_to_lead_to_its_target() {
    for settings in [
        "command: tunnel --url http://a:8000",
        "command: ['tunnel', '--url=http://a:8000']",
        "environment: { TUNNEL_URL: 'http://a:8000' }",
    ] {
        let lab = of(&format!(
            "services: {{ t: {{ image: cloudflare/cloudflared, {settings} }}, a: {{ image: a }}, b: {{ image: b }} }}"
        ));
        check(
            settings,
            &lab,
            &[("a", Internet, Internet), ("b", Host, Host), ("t", Host, Host)],
        );
        assert_eq!(kinds(&exposure(&lab, "a")), [PathKind::QuickTunnel]);
    }
}

#[test]
fn a_tunnels_own_file_says_where_it_leads() {
    let compose = "services:
  t: { image: cloudflare/cloudflared, command: tunnel run, volumes: ['./cloudflared:/etc/cloudflared'] }
  a: { image: a }
  b: { image: b }
";
    let config = "tunnel: home\ningress:\n  - hostname: a.smith.dev\n    service: http://a:8000\n  - service: http_status:404\n";
    let lab = lab(&[("p/compose.yaml", compose), ("p/cloudflared/config.yml", config)]);
    check(
        "file",
        &lab,
        &[("a", Internet, Internet), ("b", Host, Host), ("t", Host, Host)],
    );
    let a = exposure(&lab, "a");
    assert_eq!(a.paths()[0].names(), ["a.smith.dev"]);
    assert_eq!(a.paths()[0].evidence()[0].place().expect("a place").line(), 4);
}

#[test]
fn cloudflared_is_not_always_a_tunnel() {
    let lab = of(
        "services: { dns: { image: cloudflare/cloudflared, command: proxy-dns --port 53 }, a: { image: a } }",
    );
    check("resolver", &lab, &[("dns", Host, Host), ("a", Host, Host)]);
    let lab = of("services: { dns: { image: visibilityspots/cloudflared }, a: { image: a } }");
    check("no command", &lab, &[("dns", Host, Host), ("a", Host, Host)]);
}

#[test]
fn a_tunnel_on_the_machines_network_may_lead_to_every_port_of_it() {
    let lab = of("services:
  t: { image: cloudflare/cloudflared, command: tunnel run, network_mode: host }
  a: { image: a, ports: ['127.0.0.1:80:80'] }
  b: { image: b }
");
    check("host mode", &lab, &[("a", Host, Internet), ("b", Host, Host)]);
}

#[test]
fn other_tunnels_are_tunnels() {
    let lab = of("services:
  ngrok: { image: 'ngrok/ngrok:alpine', command: ['http', 'a:80'] }
  a: { image: a }
  newt: { image: fosrl/newt, networks: [n] }
  b: { image: b, networks: [n] }
networks: { n: {} }
");
    check(
        "others",
        &lab,
        &[
            ("a", Internet, Internet),
            ("newt", Internet, Internet),
            ("b", Host, Internet),
        ],
    );
}

#[test]
fn a_vpn_that_opens_ports_may_lead_to_its_guests() {
    let lab = of("services:
  vpn: { image: qmcgaw/gluetun, environment: { VPN_PORT_FORWARDING: 'on' } }
  a: { image: a, network_mode: 'service:vpn' }
  b: { image: b }
");
    check("vpn", &lab, &[("a", Host, Internet), ("b", Host, Host)]);
}

#[test]
fn a_guest_of_a_tailscale_container_is_on_the_tailnet() {
    let lab = of("services:
  ts: { image: tailscale/tailscale }
  a: { image: a, network_mode: 'service:ts' }
  b: { image: b }
  closed: { image: tailscale/tailscale, environment: { TS_EXTRA_ARGS: --shields-up } }
  c: { image: c, network_mode: 'service:closed' }
");
    check(
        "sidecar",
        &lab,
        &[
            ("ts", Tailnet, Tailnet),
            ("a", Tailnet, Tailnet),
            ("b", Host, Host),
            ("c", Host, Host),
        ],
    );
    assert_eq!(kinds(&exposure(&lab, "a")), [PathKind::TailnetNode]);
}

#[test]
fn serve_and_funnel_are_read_from_a_config_or_a_file() {
    let serve = |funnel: &str| {
        format!(
            r#"{{"TCP":{{"443":{{"HTTPS":true}}}},"Web":{{"$${{TS_CERT_DOMAIN}}:443":{{"Handlers":{{"/":{{"Proxy":"http://127.0.0.1:3000"}},"/api":{{"Proxy":"http://api:8000"}}}}}}}},"AllowFunnel":{{"$${{TS_CERT_DOMAIN}}:443":{funnel}}}}}"#
        )
    };
    let services = "services:
  ts: { image: tailscale/tailscale, environment: { TS_SERVE_CONFIG: /config/serve.json }, configs: [{source: serve, target: /config/serve.json}] }
  a: { image: a, network_mode: 'service:ts' }
  api: { image: api }
  other: { image: other }
";
    for (funnel, a, api) in [("false", Tailnet, Tailnet), ("true", Internet, Internet)] {
        let lab = of(&format!(
            "{services}configs: {{ serve: {{ content: '{}' }} }}\n",
            serve(funnel)
        ));
        check(
            funnel,
            &lab,
            &[("a", a, a), ("api", api, api), ("other", Host, Host)],
        );
        assert!(kinds(&exposure(&lab, "a")).contains(&PathKind::Serve));
    }
    let mounted = services.replace(
        "configs: [{source: serve, target: /config/serve.json}]",
        "volumes: ['./ts:/config']",
    );
    let text = serve("true").replace("$$", "$");
    let lab = lab(&[("p/compose.yaml", &mounted), ("p/ts/serve.json", &text)]);
    check(
        "file",
        &lab,
        &[
            ("a", Internet, Internet),
            ("api", Internet, Internet),
            ("other", Host, Host),
        ],
    );
    assert!(kinds(&exposure(&lab, "api")).contains(&PathKind::Funnel));
    check(
        "file that is not there",
        &of(&mounted),
        &[("a", Tailnet, Internet), ("api", Host, Internet)],
    );
}

#[test]
fn serve_on_the_machine_leads_to_its_ports() {
    let compose = "services:
  ts: { image: tailscale/tailscale, network_mode: host, environment: { TS_USERSPACE: 'false', TS_SERVE_CONFIG: /config/serve.json }, volumes: ['./ts:/config'] }
  a: { image: a, ports: ['127.0.0.1:8080:80'] }
  b: { image: b, ports: ['127.0.0.1:8081:80'] }
  c: { image: c, ports: ['8082:80'] }
";
    let serve = r#"{"Web":{"x:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:8080"}}}}}"#;
    let lab = lab(&[("p/compose.yaml", compose), ("p/ts/serve.json", serve)]);
    check("machine", &lab, &[("a", Tailnet, Tailnet), ("b", Host, Host)]);
    assert_eq!(
        exposure(&lab, "c").zones(),
        [Host, Tailnet, Lan],
        "the machine is a device of the tailnet"
    );
}

#[test]
fn a_label_makes_a_device_of_a_service() {
    let lab = of("services:
  proxy: { image: almeidapaulopt/tsdproxy }
  bridge: { image: ghcr.io/jtdowney/tsbridge }
  a: { image: a, labels: { tsdproxy.enable: 'true', tsdproxy.name: a } }
  b: { image: b, labels: { tsdproxy.enable: 'true', 'tsdproxy.port.1': '443/https:80/http, tailscale_funnel' } }
  c: { image: c, labels: { tsbridge.enabled: 'true', tsbridge.service.port: '8080' } }
  d: { image: d, labels: { tsbridge.enabled: 'true', tsbridge.service.funnel_enabled: 'true' } }
  e: { image: e, labels: { tsdproxy.enable: 'false' } }
");
    check(
        "labels",
        &lab,
        &[
            ("a", Tailnet, Tailnet),
            ("b", Internet, Internet),
            ("c", Tailnet, Tailnet),
            ("d", Internet, Internet),
            ("e", Host, Host),
        ],
    );
    assert_eq!(exposure(&lab, "c").paths()[0].port(), Some(8080));
    let without = of("services: { a: { image: a, labels: { tsdproxy.enable: 'true' } } }");
    check("no such proxy in the lab", &without, &[("a", Host, Tailnet)]);
}

#[test]
fn a_device_without_an_interface_passes_the_tailnet_on_to_the_loopback() {
    for (settings, reach, at_most) in [
        ("", Tailnet, Tailnet),
        ("environment: { TS_USERSPACE: 'true' }", Tailnet, Tailnet),
        ("environment: { TS_USERSPACE: '' }", Tailnet, Tailnet),
        ("environment: { TS_USERSPACE: 'false' }", Host, Host),
        ("environment: [TS_USERSPACE]", Host, Tailnet),
        ("environment: { TS_EXTRA_ARGS: --shields-up }", Host, Host),
        ("command: tailscaled --state=/x", Host, Host),
        ("command: tailscaled --tun=userspace-networking", Tailnet, Tailnet),
    ] {
        let lab = of(&format!(
            "services:
  ts: {{ image: tailscale/tailscale, network_mode: host, {settings} }}
  a: {{ image: a, ports: ['127.0.0.1:8080:80'] }}
  b: {{ image: b, ports: ['127.0.0.2:8081:80'] }}
  c: {{ image: prom/prometheus, network_mode: host, command: ['--web.listen-address=127.0.0.1:9090'] }}
"
        ));
        check(
            settings,
            &lab,
            &[("a", reach, at_most), ("b", Host, Host), ("c", reach, at_most)],
        );
    }
    let lab = of("services:
  ts: { image: tailscale/tailscale }
  a: { image: a, ports: ['127.0.0.1:8080:80'] }
");
    check("a network of its own", &lab, &[("a", Host, Host)]);
}

#[test]
fn serve_and_funnel_are_read_from_a_command() {
    for (command, reach, at_most) in [
        ("sh -c \"tailscaled & tailscale funnel 80\"", Internet, Internet),
        (
            "['tailscale', 'funnel', '--bg', 'http://127.0.0.1:80']",
            Internet,
            Internet,
        ),
        (
            "sh -c \"tailscaled & /usr/bin/tailscale serve --https=443 80; sleep 1\"",
            Tailnet,
            Tailnet,
        ),
        (
            "sh -c \"tailscaled & tailscale --socket=/x funnel $$PORT\"",
            Tailnet,
            Internet,
        ),
        ("sh -c \"tailscaled & tailscale funnel status\"", Tailnet, Tailnet),
    ] {
        let command_line = match command.starts_with('[') {
            true => command.to_owned(),
            false => format!("{command:?}"),
        };
        let lab = of(&format!(
            "services:
  ts: {{ image: tailscale/tailscale, network_mode: 'service:a', command: {command_line} }}
  a: {{ image: a }}
"
        ));
        check(command, &lab, &[("a", reach, at_most)]);
    }
    let lab = of("services:
  own: { image: own/with-tailscale, command: tailscale funnel http://a:80 }
  a: { image: a }
");
    check("an image of one's own", &lab, &[("a", Internet, Internet)]);
}

#[test]
fn a_port_that_nobody_is_known_for_is_not_the_databases() {
    let serve = r#"{"Web":{"x:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:7080"}}}},"AllowFunnel":{"x:443":true}}"#;
    let compose = |guests: &str| {
        format!(
            "services:
  ts: {{ image: tailscale/tailscale, environment: {{ TS_SERVE_CONFIG: /config/serve.json }}, volumes: ['./ts:/config'] }}
  db: {{ image: 'postgres:17', network_mode: 'service:ts' }}
{guests}"
        )
    };
    let lab_of = |guests: &str| lab(&[("p/compose.yaml", &compose(guests)), ("p/ts/serve.json", serve)]);
    let own = "  own: { image: me/own, network_mode: 'service:ts' }\n";
    check(
        "an application of one's own",
        &lab_of(own),
        &[("own", Internet, Internet), ("db", Tailnet, Internet)],
    );
    // Somebody answers: of those who are known for other ports the one that is no database.
    let known = "  known: { image: 'louislam/uptime-kuma:1', network_mode: 'service:ts' }\n";
    check(
        "one that is known for another port",
        &lab_of(known),
        &[("known", Internet, Internet), ("db", Tailnet, Internet)],
    );
    check("nobody else", &lab_of(""), &[("db", Internet, Internet)]);
}

#[test]
fn a_command_that_opens_a_tunnel_leads_to_its_target() {
    for (client, at_least) in [
        (
            "{ image: 'ekzhang/bore:0.5', command: local 80 --local-host web --to bore.pub }",
            Internet,
        ),
        (
            "{ image: 'ekzhang/bore:0.5', command: local 80 --local-host web --to vps.smith.dev }",
            Host,
        ),
        (
            "{ image: ssh-client, command: 'ssh -R 80:web:80 serveo.net' }",
            Internet,
        ),
        (
            "{ image: ssh-client, command: ['sh', '-c', 'sleep 1; autossh -NR 80:web:80 me@vps'] }",
            Host,
        ),
        (
            "{ image: jpillora/chisel, command: 'client https://vps.smith.dev R:80:web:80' }",
            Host,
        ),
        (
            "{ image: node, command: npx localtunnel --port 80 --local-host web }",
            Internet,
        ),
        (
            "{ image: ghcr.io/inlets/inlets-pro, command: 'http client --upstream=http://web:80' }",
            Host,
        ),
    ] {
        let lab = of(&format!(
            "services: {{ t: {client}, web: {{ image: a }}, other: {{ image: b }} }}"
        ));
        check(
            client,
            &lab,
            &[("web", at_least, Internet), ("other", Host, Host)],
        );
    }
}

#[test]
fn a_tunnel_whose_words_cannot_be_read_may_lead_to_all_around() {
    for client in [
        "{ image: ekzhang/bore, command: 'local $$PORT --to bore.pub' }",
        "{ image: rapiz1/rathole, command: '/app/config.toml' }",
        "{ image: pagekite/pagekite }",
        "{ image: ssh-client, command: 'ssh -o RemoteForward=80 vps' }",
        "{ image: boringproxy, command: 'boringproxy client' }",
    ] {
        let lab = of(&format!(
            "services: {{ t: {client}, web: {{ image: a }}, own: {{ image: b, networks: [n] }} }}\nnetworks: {{ n: {{}} }}"
        ));
        check(
            client,
            &lab,
            &[
                ("t", Host, Internet),
                ("web", Host, Internet),
                ("own", Host, Host),
            ],
        );
    }
    let server = "{ image: ekzhang/bore, command: server }";
    let lab = of(&format!("services: {{ t: {server}, web: {{ image: a }} }}"));
    check(server, &lab, &[("web", Host, Host)]);
}

#[test]
fn a_finding_about_a_tunnel_names_whom_it_may_lead_to() {
    let compose = "services:
  newt: { image: fosrl/newt, networks: [n] }
  a: { image: a, networks: [n] }
  b: { image: b, networks: [n] }
  z: { image: z }
networks: { n: {} }
";
    let message = |compose: &str| {
        let lab = of(compose);
        let all = lab.access_findings(&lab.exposures(&seen()), &seen());
        let about =
            |finding: &&crate::finding::Finding| finding.rule().id == "access.public-without-exception";
        all.iter().find(about).expect("a finding").message().to_owned()
    };
    let all = message(compose);
    assert!(
        all.ends_with("kept elsewhere, perhaps to `p/a` and `p/b`"),
        "{all}"
    );
    let many = message(&compose.replace(
        "  z:",
        "  c: { image: c, networks: [n] }\n  d: { image: d, networks: [n] }\n  z:",
    ));
    assert!(
        many.ends_with("perhaps to `p/a`, `p/b`, `p/c` and others"),
        "{many}"
    );
    let alone = message("services: { newt: { image: fosrl/newt } }");
    assert!(alone.ends_with("kept elsewhere"), "{alone}");
}

#[test]
fn less_known_tunnels_are_tunnels_too() {
    let with = |settings: &str, files: &[(&str, &str)]| {
        let compose = format!(
            "services:\n  t: {{ {settings} }}\n  web: {{ image: httpd }}\n  other: {{ image: httpd }}\n"
        );
        let mut all = vec![
            ("p/compose.yaml", compose.as_str()),
            ("instance.toml", BEHIND_NAT),
        ];
        all.extend(files);
        lab(&all)
    };
    for (settings, reach) in [
        (
            "image: goldy/tor-hidden-service, environment: { WEB_TOR_SERVICE_HOSTS: '80:web:80' }",
            Internet,
        ),
        (
            "image: jnovack/autossh, environment: { SSH_REMOTE_HOST: x, SSH_TARGET_HOST: web, SSH_TARGET_PORT: 80 }",
            Host,
        ),
        (
            "image: x/autossh, environment: { SSH_ARGS: '-N -R 80:web:80 me@vps' }",
            Host,
        ),
        (
            "image: alpine, command: sh -c 'cloudflared tunnel --url http://web:80'",
            Internet,
        ),
        ("image: alpine, command: ngrok http web:80", Internet),
        (
            "image: alpine, command: zrok share public --headless http://web:80",
            Internet,
        ),
    ] {
        check(
            settings,
            &with(settings, &[]),
            &[("web", reach, Internet), ("other", Host, Host)],
        );
    }
    let torrc = "image: lncm/tor, volumes: ['./torrc:/etc/tor/torrc']";
    let lab = with(
        torrc,
        &[("p/torrc", "HiddenServiceDir /x\nHiddenServicePort 80 web:80\n")],
    );
    check(torrc, &lab, &[("web", Internet, Internet), ("other", Host, Host)]);
    let relay = with(torrc, &[("p/torrc", "SocksPort 9050\n")]);
    check("no hidden service", &relay, &[("web", Host, Host)]);
    for settings in [
        torrc,
        "image: goldy/tor-hidden-service",
        "image: jnovack/autossh, environment: { SSH_REMOTE_HOST: x }",
        "image: alpine, command: 'pagekite.py 80 x.pagekite.me'",
        "image: python, command: holesail --live 80",
        "image: alpine, command: wstunnel client -R tcp://80:web:80 wss://vps",
        "image: packetriot/pktriot",
        "image: ffdfgdfg/npc",
    ] {
        check(
            settings,
            &with(settings, &[]),
            &[("web", Host, Internet), ("other", Host, Internet)],
        );
    }
    for (settings, at_most) in [
        ("image: twingate/connector", Tailnet),
        ("image: netbirdio/netbird", Tailnet),
        ("image: zerotier/zerotier", Tailnet),
        (
            "image: linuxserver/wireguard, ports: ['127.0.0.1:51820:51820/udp']",
            Tailnet,
        ),
        // A client leads nobody in, and neither does what only goes out.
        ("image: linuxserver/wireguard", Host),
        (
            "image: jnovack/autossh, environment: { SSH_MODE: -L, SSH_TARGET_HOST: web }",
            Host,
        ),
        ("image: alpine, command: ngrok config check", Host),
        (
            "image: alpine, command: wstunnel client -L tcp://80:x:80 wss://vps",
            Host,
        ),
        ("image: a/connector", Host),
    ] {
        check(settings, &with(settings, &[]), &[("web", Host, at_most)]);
    }
}
