//! Proxies that let in some addresses of the tailnet only, of a lab of our own.

use super::*;

/// Ann and ben reach the proxy; a service behind it has these labels.
fn behind(proxy: &str, labels: &str, more: &str) -> Lab {
    let policy = POLICY.replace("\"src\": [\"ann@example.org\"]", "\"src\": [\"group:family\"]");
    let policy = policy.replace("tag:nas:3000", "tag:nas:443");
    let compose = format!(
        "services:\n  proxy: {{ {proxy}, ports: ['100.64.0.10:443:443'] }}\n  \
        grafana: {{ image: 'grafana/grafana:12', labels: [{labels}] }}\n"
    );
    Lab::from_texts(
        "home",
        [
            ("instance.toml", &*format!("{INSTANCE}{more}")),
            ("policy.hujson", &policy),
            ("watch/compose.yaml", &compose),
        ],
    )
}

const TRAEFIK: &str = "image: 'traefik:3', command: ['--providers.docker', '--entrypoints.web.address=:443']";
const CADDY: &str = "image: 'lucaslorentz/caddy-docker-proxy:2.9'";

/// Whether ann is shown the service, and whether that is sure; and the same of ben.
fn shown(lab: &Lab) -> [Option<bool>; 2] {
    ["ann", "ben"].map(|who| {
        let portal = portal(lab, who);
        portal
            .services
            .iter()
            .find(|one| one.service.ends_with("grafana"))
            .map(|one| one.sure)
    })
}

#[test]
fn whom_a_list_leaves_out_sees_nothing() {
    let list = |ranges: &str| {
        format!(
            "'traefik.enable=true', 'traefik.http.routers.g.rule=Host(`g.example.org`)', 'traefik.http.routers.g.middlewares=ip', \
             'traefik.http.middlewares.ip.ipallowlist.sourcerange={ranges}'"
        )
    };
    let rule = |rule: &str| {
        format!("'traefik.enable=true', 'traefik.http.routers.g.rule=Host(`g.example.org`){rule}'")
    };
    let caddy = |ranges: &str| {
        format!(
            "'caddy=g.example.org', 'caddy.@us.remote_ip={ranges}', 'caddy.reverse_proxy=@us {{{{upstreams 3000}}}}'"
        )
    };
    for (proxy, labels, expected) in [
        (TRAEFIK, list("100.64.0.0/10"), [Some(true), Some(true)]),
        (TRAEFIK, list("100.64.0.2/32"), [None, Some(true)]),
        (TRAEFIK, list("100.64.0.2"), [None, Some(true)]),
        (TRAEFIK, list("100.64.0.9"), [None, None]),
        // Whoever the proxy takes for an address of the house is let in.
        (
            TRAEFIK,
            list("100.64.0.2,192.168.0.0/16"),
            [Some(false), Some(true)],
        ),
        (TRAEFIK, list("what"), [Some(false), Some(false)]),
        (
            TRAEFIK,
            format!(
                "{}, 'traefik.http.middlewares.ip.ipallowlist.ipstrategy.depth=1'",
                list("100.64.0.2")
            ),
            [Some(false), Some(false)],
        ),
        (TRAEFIK, rule(" && ClientIP(`100.64.0.2`)"), [None, Some(true)]),
        (
            TRAEFIK,
            rule(" && ClientIP(`192.168.0.0/16`)"),
            [Some(false), Some(false)],
        ),
        (TRAEFIK, rule(""), [Some(true), Some(true)]),
        (CADDY, caddy("100.64.0.2"), [None, Some(true)]),
        (
            CADDY,
            caddy("100.64.0.0/10 fd7a:115c:a1e0::/48"),
            [Some(true), Some(true)],
        ),
        (CADDY, caddy("100.64.0.2 10.0.0.0/8"), [Some(false), Some(true)]),
    ] {
        let lab = behind(proxy, &labels, "");
        assert_eq!(shown(&lab), expected, "{labels}\n{}", portal(&lab, "ann"));
    }
}

/// The same with the proxy's routes in a file that it mounts.
fn by_file(proxy: &str, mount: &str, name: &str, text: &str) -> Lab {
    let policy = POLICY.replace("\"src\": [\"ann@example.org\"]", "\"src\": [\"group:family\"]");
    let policy = policy.replace("tag:nas:3000", "tag:nas:443");
    let compose = format!(
        "services:\n  proxy: {{ {proxy}, ports: ['100.64.0.10:443:443'], volumes: ['./{name}:{mount}'] }}\n  \
        grafana: {{ image: 'grafana/grafana:12' }}\n"
    );
    Lab::from_texts(
        "home",
        [
            ("instance.toml", INSTANCE),
            ("policy.hujson", &policy),
            ("watch/compose.yaml", &compose),
            (&format!("watch/{name}"), text),
        ],
    )
}

#[test]
fn a_list_in_a_file_leaves_out_as_one_in_labels_does() {
    let traefik = |rule: &str, middleware: &str| {
        let text = format!(
            "http:\n  routers:\n    g: {{ rule: 'Host(`g.example.org`){rule}', service: g, middlewares: [outer] }}\n  \
            middlewares:\n    outer: {{ chain: {{ middlewares: [ip] }} }}\n    ip:\n      {middleware}\n  \
            services:\n    g: {{ loadBalancer: {{ servers: [{{ url: 'http://grafana:3000' }}] }} }}\n"
        );
        let proxy = "image: 'traefik:3', command: ['--providers.file.filename=/d.yml', '--entrypoints.web.address=:443']";
        by_file(proxy, "/d.yml", "d.yml", &text)
    };
    let list = |ranges: &str| traefik("", &format!("ipAllowList:\n        sourceRange: {ranges}"));
    let headers = "headers: { frameDeny: true }";
    let caddy = |text: &str| by_file("image: 'caddy:2'", "/etc/caddy/Caddyfile", "Caddyfile", text);
    let site = |matcher: &str| {
        caddy(&format!(
            "g.example.org {{\n  @us {matcher}\n  reverse_proxy @us grafana:3000\n}}\n"
        ))
    };
    for (lab, expected) in [
        (list("['100.64.0.0/10']"), [Some(true), Some(true)]),
        (list("['100.64.0.2/32']"), [None, Some(true)]),
        (
            list("\n          - 100.64.0.2\n          - 100.64.0.9"),
            [None, Some(true)],
        ),
        (
            list("['100.64.0.2', '192.168.0.0/16']"),
            [Some(false), Some(true)],
        ),
        (list("['what']"), [Some(false), Some(false)]),
        (
            list("['100.64.0.2']\n        ipStrategy: { depth: 1 }"),
            [Some(false), Some(false)],
        ),
        (traefik(" && ClientIP(`100.64.0.2`)", headers), [None, Some(true)]),
        (traefik("", headers), [Some(true), Some(true)]),
        (site("remote_ip 100.64.0.2"), [None, Some(true)]),
        (site("remote_ip 100.64.0.2 10.0.0.0/8"), [Some(false), Some(true)]),
        (site("remote_ip forwarded 100.64.0.2"), [Some(false), Some(false)]),
        (site("client_ip 100.64.0.2"), [Some(false), Some(false)]),
        (
            caddy(
                "g.example.org {\n  @them not remote_ip 100.64.0.2\n  abort @them\n  reverse_proxy grafana:3000\n}\n",
            ),
            [None, Some(true)],
        ),
        (
            caddy("g.example.org {\n  reverse_proxy grafana:3000\n}\n"),
            [Some(true), Some(true)],
        ),
    ] {
        let grafana = lab.exposure("grafana", &nothing_seen()).expect("a service");
        assert_eq!(shown(&lab), expected, "{grafana}\n{}", portal(&lab, "ann"));
    }
}

#[test]
fn a_list_is_the_reason_and_is_asked_by_every_question() {
    let labels = "'traefik.enable=true', 'traefik.http.routers.g.rule=Host(`g.example.org`)', 'traefik.http.routers.g.middlewares=ip', \
        'traefik.http.middlewares.ip.ipallowlist.sourcerange=100.64.0.2/32'";
    let tests = "[[access.tests]]\nwho = 'ann'\nsees = ['grafana']\n[[access.tests]]\nwho = 'ann'\nnot = ['grafana']\n\
        [[access.tests]]\nwho = 'ben'\nsees = ['grafana']\n";
    let lab = behind(TRAEFIK, labels, tests);
    let found = failures(&lab);
    assert!(
        found.len() == 1
            && found[0].contains("the tailnet's policy lets them in, and allow-list (ip) leaves them out"),
        "{found:?}"
    );
    let who = lab.who_can_reach("grafana", &nothing_seen()).expect("an answer");
    let people: Vec<&str> = who.ways[0].answers[0]
        .people
        .iter()
        .map(|person| &*person.login)
        .collect();
    assert_eq!(people, ["ben@example.org"]);
    assert!(who.to_string().contains("behind allow-list (ip)"), "{who}");
    let from = |who: &str| {
        lab.reachable_from(who, &nothing_seen())
            .expect("an answer")
            .services
    };
    let is_grafana = |one: &crate::view::ReachableServiceView| one.service.ends_with("grafana");
    assert!(
        from("ben@example.org").iter().any(is_grafana) && !from("ann@example.org").iter().any(is_grafana)
    );
    let grafana = lab.exposure("grafana", &nothing_seen()).expect("a service");
    assert_eq!(grafana.audience(), Some(&["ben@example.org".to_owned()][..]));
}
