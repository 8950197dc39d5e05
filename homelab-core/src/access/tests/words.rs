//! What findings say, where they point, and what they stand on.

use super::findings::{fires, silent};
use super::*;

#[test]
fn an_exception_that_nobody_needs_says_who_comes_in_anyway() {
    let toml = "[[exceptions]]\nservice = 'p/a'\nreach = 'internet'\nreason = 'posts'\nowner = 'me'\nexpires = 2027-01-01\nmitigations = ['auth']\n";
    for (port, words) in [
        ("127.0.0.1:443:443", "its own machine only"),
        ("100.101.102.103:443:443", "the tailnet only"),
        ("443:443", "the local network only"),
    ] {
        let compose = format!("services: {{ a: {{ image: a, ports: ['{port}'] }} }}");
        let lab = lab(&[
            ("p/compose.yaml", &compose),
            ("instance.toml", BEHIND_NAT),
            ("lab.toml", toml),
        ]);
        let finding = fires(&lab, "access.exception-unneeded");
        let expected = format!("`p/a` can be reached from {words} anyway");
        assert_eq!(finding.message(), expected, "{port}");
    }
}

#[test]
fn a_public_service_says_by_what_and_where() {
    let rule = "access.public-without-exception";
    let public = |service: &str| {
        let compose = format!("services:\n  a: {{ {service} }}\n");
        fires(
            &lab(&[("p/compose.yaml", &compose), ("instance.toml", PUBLIC)]),
            rule,
        )
    };
    let port = public("image: a, ports: ['443:443']");
    assert_eq!(
        port.message(),
        "the internet reaches it by a published port: 443 -> 443/tcp"
    );
    assert_eq!(port.place().expect("a place").line(), 2);
    let host = public("image: prom/prometheus, network_mode: host");
    assert!(
        host.message()
            .starts_with("the internet reaches it by the machine's own network: "),
        "{host}"
    );
    let funnel = of(
        "services: { ts: { image: tailscale/tailscale, command: 'sh -c \"tailscaled & tailscale funnel 80\"' }, a: { image: a, network_mode: 'service:ts' } }",
    );
    let funnel = fires(&funnel, rule);
    assert!(
        funnel
            .message()
            .starts_with("the internet reaches it by Tailscale Funnel: "),
        "{funnel}"
    );
    let warned = funnel
        .evidence()
        .iter()
        .any(|one| one.text().contains("is not the default"));
    assert!(!warned, "a Funnel is none of the four alternatives: {funnel:?}");
}

#[test]
fn a_list_of_names_shows_a_dozen_places() {
    let services: String = (0..14)
        .map(|n| format!("  s{n}: {{ image: a, labels: ['traefik.enable=true', 'traefik.http.routers.a{n}.rule=Host(`a{n}.smith.dev`)'] }}\n"))
        .collect();
    let finding = fires(&of(&format!("services:\n{services}")), "access.public-names");
    assert_eq!(finding.evidence().len(), 12);
    assert!(finding.message().contains("and 9 more"), "{finding}");
    silent(&of("services: { a: { image: a } }"), "access.public-names");
}

#[test]
fn who_only_may_be_behind_a_proxy_is_not_told_to_close_its_port() {
    let compose = "services:
  n: { image: jc21/nginx-proxy-manager, ports: ['80:80'] }
  a: { image: a, ports: ['3000:3000'] }
";
    silent(&of(compose), "access.proxied-and-published");
}

#[test]
fn nobody_is_asked_about_a_machine_whose_service_is_public_anyway() {
    let compose = "services:
  t: { image: cloudflare/cloudflared, command: 'tunnel --url http://a:80' }
  a: { image: a, ports: ['80:80'] }
";
    let lab = of(compose);
    check("a quick tunnel", &lab, &[("a", Internet, Internet)]);
    silent(&lab, "access.all-interfaces-unknown-host");
}
