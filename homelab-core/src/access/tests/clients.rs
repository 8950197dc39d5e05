//! Proxies that let in some addresses only.

use super::*;
use crate::access::GuardKind;

/// Reads `(labels, reach, at_most, whether it is a list that lets some in)` of one service behind a proxy.
fn lists(proxy: &str, cases: &[(&str, Reach, Reach, bool)]) {
    for (labels, reach, at_most, listed) in cases {
        let lab = of(&format!(
            "services:
  proxy: {proxy}
  a: {{ image: a, labels: {{ {labels} }} }}
"
        ));
        check(labels, &lab, &[("a", *reach, *at_most)]);
        let a = exposure(&lab, "a");
        let found = a
            .paths()
            .iter()
            .any(|path| path.is_guarded_by(GuardKind::AllowList));
        assert_eq!(found, *listed, "{labels}\n{a}");
    }
}

#[test]
fn caddy_passes_on_only_whom_its_matcher_admits() {
    let proxy = "{ image: 'lucaslorentz/caddy-docker-proxy:2.9', ports: ['443:443'] }";
    lists(
        proxy,
        &[
            (
                "caddy: a.lan, caddy.@us.remote_ip: 100.64.0.0/10, caddy.reverse_proxy: '@us {{upstreams 80}}'",
                Tailnet,
                Tailnet,
                true,
            ),
            (
                "caddy: a.lan, caddy.@us: 'remote_ip 100.64.0.0/10 fd7a:115c:a1e0::/48', caddy.reverse_proxy: '@us {{upstreams}}'",
                Tailnet,
                Tailnet,
                true,
            ),
            (
                "caddy: a.lan, caddy.@us.remote_ip: 100.64.0.0/10, caddy.0_handle: '@us', caddy.0_handle.reverse_proxy: '{{upstreams}}'",
                Tailnet,
                Tailnet,
                true,
            ),
            (
                "caddy: a.lan, caddy.@them.not.remote_ip: 100.64.0.0/10, caddy.abort: '@them', caddy.reverse_proxy: '{{upstreams}}'",
                Tailnet,
                Tailnet,
                true,
            ),
            (
                "caddy: a.lan, caddy.@them: 'not remote_ip 100.64.0.0/10', caddy.respond: '@them 403', caddy.reverse_proxy: '{{upstreams}}'",
                Tailnet,
                Tailnet,
                true,
            ),
            // Private ranges are a list, but behind the engine's own translation everybody may be private.
            (
                "caddy: a.lan, caddy.@us.remote_ip: private_ranges, caddy.reverse_proxy: '@us {{upstreams}}'",
                Lan,
                Internet,
                true,
            ),
            (
                "caddy: a.lan, caddy.@us.remote_ip: 100.64.0.0/10 192.168.0.0/16, caddy.reverse_proxy: '@us {{upstreams}}'",
                Lan,
                Internet,
                true,
            ),
            // A header says who it is.
            (
                "caddy: a.lan, caddy.@us.client_ip: 100.64.0.0/10, caddy.reverse_proxy: '@us {{upstreams}}'",
                Lan,
                Internet,
                true,
            ),
            (
                "caddy: a.lan, caddy.@us.remote_ip: 'forwarded 100.64.0.0/10', caddy.reverse_proxy: '@us {{upstreams}}'",
                Lan,
                Internet,
                true,
            ),
            // Nobody uses the matcher, or not for everything.
            (
                "caddy: a.lan, caddy.@us.remote_ip: 100.64.0.0/10, caddy.reverse_proxy: '{{upstreams}}'",
                Lan,
                Internet,
                false,
            ),
            (
                "caddy: a.lan, caddy.@us.remote_ip: 100.64.0.0/10, caddy.0_reverse_proxy: '@us {{upstreams}}', caddy.1_reverse_proxy: '/open/* {{upstreams}}'",
                Lan,
                Internet,
                false,
            ),
            // Only some strangers are sent away, or those are who should come, or too late.
            (
                "caddy: a.lan, caddy.@them.not.remote_ip: 100.64.0.0/10, caddy.@them.path: '/admin/*', caddy.abort: '@them', caddy.reverse_proxy: '{{upstreams}}'",
                Lan,
                Internet,
                false,
            ),
            (
                "caddy: a.lan, caddy.@us.remote_ip: 100.64.0.0/10, caddy.abort: '@us', caddy.reverse_proxy: '{{upstreams}}'",
                Lan,
                Internet,
                false,
            ),
            (
                "caddy: a.lan, caddy.@them.not.remote_ip: 100.64.0.0/10, caddy.abort: '@them', caddy.handle.reverse_proxy: '{{upstreams}}'",
                Lan,
                Internet,
                false,
            ),
            (
                "caddy: a.lan, caddy.@them.not.remote_ip: 100.64.0.0/10, caddy.reverse_proxy: '@them {{upstreams}}'",
                Lan,
                Internet,
                false,
            ),
        ],
    );
}

#[test]
fn version_one_of_traefik_has_a_list_too() {
    let proxy = "{ image: 'traefik:1.7', command: ['--docker', '--docker.exposedbydefault=false', '--entrypoints=Name:http Address::80'], ports: ['80:80'] }";
    let base = "traefik.enable: 'true', traefik.port: '80', traefik.frontend.rule: 'Host:a'";
    let with = |more: &str| format!("{base}, {more}");
    let cases = [
        (
            with("traefik.frontend.whiteList.sourceRange: '100.64.0.0/10,fd7a:115c:a1e0::/48'"),
            Tailnet,
            Tailnet,
            true,
        ),
        (
            with("traefik.frontend.whitelistSourceRange: 100.64.0.0/10"),
            Tailnet,
            Tailnet,
            true,
        ),
        (
            with(
                "traefik.frontend.whiteList.sourceRange: 100.64.0.0/10, traefik.frontend.whiteList.useXForwardedFor: 'true'",
            ),
            Lan,
            Internet,
            true,
        ),
        (
            with("traefik.frontend.whiteList.sourceRange: '100.64.0.0/10,0.0.0.0/0'"),
            Lan,
            Internet,
            false,
        ),
        (
            with("traefik.frontend.whiteList.useXForwardedFor: 'true'"),
            Lan,
            Internet,
            false,
        ),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(labels, reach, at_most, listed)| (labels.as_str(), *reach, *at_most, *listed))
        .collect();
    lists(proxy, &cases);
}

#[test]
fn a_list_of_every_address_and_a_switch_that_is_off_guard_nothing() {
    let traefik = "{ image: 'traefik:3', ports: ['443:443'], command: [--providers.docker, '--entrypoints.s.address=:443'] }";
    let ask = |middleware: &str| {
        format!(
            "traefik.http.routers.a.rule: 'Host(`a.lan`)', traefik.http.routers.a.middlewares: m, traefik.http.middlewares.m.{middleware}"
        )
    };
    for (proxy, labels, guard) in [
        (traefik, ask("ipallowlist.sourcerange: '0.0.0.0/1,128.0.0.0/1'"), None),
        (traefik, ask("ipallowlist.sourcerange: '203.0.113.0/24'"), Some(GuardKind::AllowList)),
        (traefik, ask("ratelimit.average: '0'"), None),
        (traefik, ask("ratelimit.average: '${AVERAGE}'"), Some(GuardKind::RateLimit)),
        (traefik, ask("plugin.crowdsec.enabled: 'false', traefik.http.middlewares.m.plugin.crowdsec.lapikey: x"), None),
        (traefik, ask("plugin.crowdsec.enabled: 'true'"), Some(GuardKind::Waf)),
        (traefik, ask("basicauth.realm: home"), None),
        (traefik, "traefik.http.routers.a.rule: 'Host(`a.lan`) && ClientIP(`0.0.0.0/0`)'".to_owned(), None),
        (
            "{ image: 'lucaslorentz/caddy-docker-proxy:2.9', ports: ['443:443'] }",
            "caddy: a.lan, caddy.@us.remote_ip: '0.0.0.0/0 ::/0', caddy.reverse_proxy: '@us {{upstreams 80}}'".to_owned(),
            None,
        ),
    ] {
        let compose = format!("services:\n  proxy: {proxy}\n  a: {{ image: a, labels: {{ {labels} }} }}\n");
        let a = exposure(&of(&compose), "a");
        let found: Vec<GuardKind> = a.paths().iter().flat_map(|path| path.guards()).map(|one| one.kind()).collect();
        assert!(!a.paths().is_empty(), "{labels}\n{a}");
        assert_eq!(found.first().copied(), guard, "{labels}\n{a}");
    }
    let lab = of("services: {dns: {image: hotio/cloudflareddns}}");
    check(
        "it tells a name server where the home is",
        &lab,
        &[("dns", Host, Host)],
    );
}
