//! What findings say, and what they do not.

use super::findings::{fires, silent};
use super::*;
use crate::finding::{Evidence, Finding};

fn texts(finding: &Finding) -> Vec<&str> {
    finding.evidence().iter().map(Evidence::text).collect()
}

/// The public machine with one Compose file.
fn public(compose: &str) -> Lab {
    lab(&[("p/compose.yaml", compose), ("instance.toml", PUBLIC)])
}

#[test]
fn one_unknown_thing_is_all_that_is_said() {
    let compose = "services: { n: { image: jc21/nginx-proxy-manager, ports: ['80:80'] }, a: { image: a } }";
    let finding = fires(&of(compose), "access.unknown-routes");
    assert_eq!(
        finding.message(),
        "not known of `p/a`: the routes in the database of `p/n`"
    );
}

#[test]
fn a_reach_beyond_the_policy_shows_the_line_that_allows_less() {
    let toml = "[policy.services]\n'p/a' = 'tailnet'\n";
    let lab = lab(&[
        (
            "p/compose.yaml",
            "services: { a: { image: a, ports: ['80:80'] } }",
        ),
        ("instance.toml", BEHIND_NAT),
        ("lab.toml", toml),
    ]);
    let finding = fires(&lab, "access.beyond-policy");
    let line = finding
        .evidence()
        .iter()
        .find(|one| one.text() == "`tailnet` is allowed");
    let place = line.and_then(Evidence::place).expect("the line");
    assert_eq!((place.source().name(), place.text()), ("lab.toml", "'tailnet'"));
}

#[test]
fn the_machines_firewall_is_for_published_ports() {
    let rule = "access.public-without-exception";
    let says = |lab: &Lab| {
        texts(&fires(lab, rule))
            .iter()
            .any(|text| text.contains("firewall"))
    };
    assert!(says(&public("services: { a: { image: a, ports: ['443:443'] } }")));
    assert!(!says(&public(
        "services: { a: { image: traefik, network_mode: host, command: ['--entrypoints.w.address=:443'] } }"
    )));
}

#[test]
fn a_service_behind_a_public_proxy_is_told_why_that_is_not_the_default() {
    let lab = public(
        "services:
  t: { image: traefik, command: ['--entrypoints.web.address=:443', --providers.docker.exposedbydefault=false], ports: ['443:443'] }
  a: { image: a, labels: ['traefik.enable=true', 'traefik.http.routers.a.rule=Host(`a`)', 'traefik.http.services.a.loadbalancer.server.port=80'] }
",
    );
    let seen = seen();
    let all = lab.access_findings(&lab.exposures(&seen), &seen);
    let own = all.iter().find(|finding| {
        finding.rule().id == "access.public-without-exception"
            && finding.service().is_some_and(|id| id.service().as_str() == "a")
    });
    let said = texts(own.expect("a finding of the service")).join("\n");
    assert!(said.contains("public proxy with certificates"), "{said}");
    assert!(!said.contains("without authentication before it"), "{said}");
}

#[test]
fn a_proxy_that_routes_to_itself_is_published_on_purpose() {
    let with = |image: &str| {
        of(&format!(
            "services: {{ t: {{ image: {image}, ports: ['80:80'], labels: ['traefik.enable=true', \
             'traefik.http.routers.d.rule=Host(`d`)', 'traefik.http.services.d.loadbalancer.server.port=80'] }}, \
             u: {{ image: traefik }} }}"
        ))
    };
    fires(&with("a"), "access.proxied-and-published");
    silent(&with("traefik"), "access.proxied-and-published");
}

#[test]
fn an_administration_is_called_what_it_is() {
    let rule = "access.admin-surface-reachable";
    let npm = fires(
        &public("services: { n: { image: jc21/nginx-proxy-manager, ports: ['81:81'] } }"),
        rule,
    );
    assert!(
        npm.message().starts_with("port 81, which is for administration,"),
        "{npm}"
    );
    assert!(texts(&npm).contains(&"it is Nginx Proxy Manager"), "{npm:?}");
    let open = fires(
        &public("services: { p: { image: prom/prometheus, ports: ['9090:9090'] } }"),
        rule,
    );
    assert!(
        open.message()
            .starts_with("port 9090, which asks for no password,"),
        "{open}"
    );
    assert!(texts(&open).contains(&"it is Prometheus"), "{open:?}");
}

#[test]
fn an_application_may_count_requests_itself_but_has_no_address_list() {
    let with = |mitigation: &str| {
        let toml = format!(
            "[[exceptions]]\nservice = 'p/a'\nreach = 'internet'\nreason = 'hooks'\nowner = 'admin'\n\
             expires = '2027-01-01'\nmitigations = ['{mitigation}']\n"
        );
        lab(&[
            (
                "p/compose.yaml",
                "services: { a: { image: a, ports: ['443:443'] } }",
            ),
            ("instance.toml", PUBLIC),
            ("lab.toml", &toml),
        ])
    };
    for mitigation in ["auth", "rate-limit"] {
        fires(&with(mitigation), "access.mitigation-unverified");
        silent(&with(mitigation), "access.mitigation-contradicted");
    }
    for mitigation in ["waf", "allow-list"] {
        fires(&with(mitigation), "access.mitigation-contradicted");
        silent(&with(mitigation), "access.mitigation-unverified");
    }
}
