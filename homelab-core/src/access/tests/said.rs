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
             u: {{ image: traefik, ports: ['81:80'] }} }}"
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

#[test]
fn what_its_settings_open_asks_for_no_password() {
    let rule = "access.admin-surface-reachable";
    let with = |rest: &str| of(&format!("services: {{ s: {{ {rest} }} }}"));
    for rest in [
        "image: ollama/ollama, ports: ['11434:11434']",
        "image: 'gcr.io/cadvisor/cadvisor:v0.52.1', ports: ['8080:8080']",
        "image: amir20/dozzle, ports: ['9999:8080']",
        "image: 'elasticsearch:9.1.0', ports: ['9200:9200'], environment: ['xpack.security.enabled=false']",
        "image: 'elasticsearch:9.1.0', ports: ['9200:9200'], command: elasticsearch -Expack.security.enabled=false",
        "image: 'opensearchproject/opensearch:3', ports: ['9200:9200'], environment: { DISABLE_SECURITY_PLUGIN: 'true' }",
        "image: 'opensearchproject/opensearch:3', ports: ['9200:9200'], environment: ['plugins.security.disabled=true']",
        "image: quay.io/jupyter/base-notebook, ports: ['8888:8888'], command: start-notebook.py --IdentityProvider.token=''",
        "image: jupyter/base-notebook, ports: ['8888:8888'], command: [sh, -c, 'start-notebook.sh --NotebookApp.token=\"\"']",
        "image: grafana/grafana, ports: ['3000:3000'], environment: { GF_AUTH_ANONYMOUS_ENABLED: 'true', GF_AUTH_ANONYMOUS_ORG_ROLE: admin }",
        "image: lscr.io/linuxserver/code-server, ports: ['8443:8443']",
        "image: 'elasticsearch:7.17.10', ports: ['9200:9200']",
        "image: 'influxdb:1.8', ports: ['8086:8086']",
        "image: 'qdrant/qdrant:v1.9', ports: ['6333:6333']",
        "image: 'dpage/pgadmin4:9', ports: ['80:80'], environment: { PGADMIN_CONFIG_SERVER_MODE: 'False' }",
        "image: codercom/code-server, ports: ['8080:8080'], command: --auth none",
        "image: codercom/code-server, ports: ['8080:8080'], command: [--auth=none]",
        "image: filebrowser/filebrowser, ports: ['80:80'], command: --noauth",
        "image: 'ghcr.io/open-webui/open-webui:main', ports: ['8080:8080'], environment: { WEBUI_AUTH: 'False' }",
    ] {
        let finding = fires(&with(rest), rule);
        assert!(
            finding.message().contains("asks for no password"),
            "{rest}: {finding}"
        );
    }
    for rest in [
        "image: ollama/ollama, ports: ['127.0.0.1:11434:11434']",
        "image: amir20/dozzle, ports: ['9999:8080'], environment: { DOZZLE_AUTH_PROVIDER: simple }",
        "image: amir20/dozzle, ports: ['9999:8080'], command: --auth-provider=forward-proxy",
        "image: 'elasticsearch:9.1.0', ports: ['9200:9200'], environment: ['xpack.security.enabled=true']",
        "image: 'elasticsearch:9.1.0', ports: ['9300:9300'], environment: ['xpack.security.enabled=false']",
        "image: 'elasticsearch:9.1.0', ports: ['9200:9200']",
        "image: quay.io/jupyter/base-notebook, ports: ['8888:8888'], command: start-notebook.py --IdentityProvider.token=x",
        "image: quay.io/jupyter/base-notebook, ports: ['8888:8888'], command: start.py --ServerApp.token='' --ServerApp.password=argon2",
        "image: grafana/grafana, ports: ['3000:3000'], environment: { GF_AUTH_ANONYMOUS_ENABLED: 'true' }",
        "image: lscr.io/linuxserver/code-server, ports: ['8443:8443'], environment: { PASSWORD: '${PW}' }",
        "image: codercom/code-server, ports: ['8080:8080']",
        "image: codercom/code-server, ports: ['8080:8080'], command: --auth password none",
        "image: 'elasticsearch:7.17.10', ports: ['9200:9200'], environment: ['xpack.security.enabled=true']",
        "image: 'elasticsearch:7.17.10', ports: ['9200:9200'], volumes: ['./e.yml:/usr/share/elasticsearch/config/elasticsearch.yml']",
        "image: 'influxdb:2.7', ports: ['8086:8086']",
        "image: 'influxdb:1.8', ports: ['8086:8086'], environment: { INFLUXDB_HTTP_AUTH_ENABLED: 'true' }",
        "image: 'qdrant/qdrant:v1.9', ports: ['6333:6333'], environment: { QDRANT__SERVICE__API_KEY: '${KEY}' }",
        "image: 'ghcr.io/open-webui/open-webui:main', ports: ['8080:8080']",
        "image: filebrowser/filebrowser, ports: ['80:80']",
        "image: grafana/grafana, ports: ['3000:3000'], environment: { GF_AUTH_ANONYMOUS_ORG_ROLE: Admin }",
    ] {
        silent(&with(rest), rule);
    }
    // Grafana with accounts is for whom the policy says, the internet included.
    silent(
        &public("services: { g: { image: grafana/grafana, ports: ['3000:3000'] } }"),
        rule,
    );
    let claimed = |environment: &str| {
        lab(&[
            (
                "p/compose.yaml",
                &format!(
                    "services: {{ a: {{ image: grafana/grafana, ports: ['3000:3000'], environment: {{ {environment} }} }} }}"
                ),
            ),
            ("instance.toml", PUBLIC),
            (
                "lab.toml",
                "[[exceptions]]\nservice = 'p/a'\nreach = 'internet'\nreason = 'r'\nowner = 'admin'\n\
                 expires = '2027-01-01'\nmitigations = ['auth']\n",
            ),
        ])
    };
    silent(&claimed(""), "access.mitigation-contradicted");
    let open = "GF_AUTH_ANONYMOUS_ENABLED: 'true', GF_AUTH_ANONYMOUS_ORG_ROLE: Admin";
    fires(&claimed(open), "access.mitigation-contradicted");
}
