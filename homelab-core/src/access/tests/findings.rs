use super::*;
use crate::finding::{Evidence, Finding, Severity};

fn findings(lab: &Lab) -> Vec<Finding> {
    let seen = seen();
    lab.access_findings(&lab.exposures(&seen), &seen)
}

fn ids(lab: &Lab) -> Vec<&'static str> {
    let mut ids: Vec<&str> = findings(lab).iter().map(|finding| finding.rule().id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[track_caller]
pub(super) fn fires(lab: &Lab, rule: &str) -> Finding {
    let all = findings(lab);
    let found = all.iter().find(|finding| finding.rule().id == rule);
    found
        .unwrap_or_else(|| panic!("{rule} is silent; there are {all:?}"))
        .clone()
}

#[track_caller]
pub(super) fn silent(lab: &Lab, rule: &str) {
    let all = findings(lab);
    let found: Vec<&Finding> = all.iter().filter(|finding| finding.rule().id == rule).collect();
    assert!(found.is_empty(), "{found:?}");
}

const WEB: &str = "services: { a: { image: a, ports: ['443:443'] } }";
const FORWARD: &str = "[hosts.nas]
addresses = ['192.168.1.10']
public_addresses = []
[[hosts.nas.forwards]]
port = 443
";

fn exception(more: &str) -> String {
    format!(
        "[[exceptions]]\nservice = 'p/a'\nreach = 'internet'\nreason = 'hooks'\nowner = 'admin'\n{more}\n"
    )
}

fn open(lab_toml: &str) -> Lab {
    lab(&[
        ("p/compose.yaml", WEB),
        ("instance.toml", FORWARD),
        ("lab.toml", lab_toml),
    ])
}

#[test]
fn every_rule_has_its_own_id_and_says_what_to_do() {
    let mut ids: Vec<&str> = crate::access::rules::RULES.iter().map(|rule| rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), crate::access::rules::RULES.len());
    for rule in crate::access::rules::RULES {
        assert!(rule.id.starts_with("access."), "{}", rule.id);
        assert!(
            !rule.title.ends_with('.') && rule.why.ends_with('.') && rule.fix.ends_with('.'),
            "{}",
            rule.id
        );
    }
}

#[test]
fn a_public_service_needs_an_exception() {
    let finding = fires(&open(""), "access.public-without-exception");
    assert_eq!(finding.severity(), Severity::Error);
    assert_eq!(finding.service().expect("a service").to_string(), "nas:p/a");
    let said: Vec<&str> = finding
        .evidence()
        .iter()
        .map(crate::finding::Evidence::text)
        .collect();
    assert!(
        said.iter()
            .any(|text| text.contains("forwarded port without authentication")),
        "{said:?}"
    );
    assert!(said.contains(&"published on the machine"), "{said:?}");
    assert!(said.contains(&"the router forwards port 443"), "{said:?}");
    silent(
        &open(&exception("expires = '2027-01-01'\nmitigations = ['auth']")),
        "access.public-without-exception",
    );
    silent(
        &open("[policy]\nreach = 'internet'"),
        "access.public-without-exception",
    );
    silent(&of(WEB), "access.public-without-exception");
}

#[test]
fn a_public_machine_is_told_that_its_firewall_does_not_help() {
    let lab = lab(&[("p/compose.yaml", WEB), ("instance.toml", PUBLIC)]);
    let finding = fires(&lab, "access.public-without-exception");
    assert!(
        finding
            .evidence()
            .iter()
            .any(|one| one.text().contains("firewall")),
        "{finding:?}"
    );
    let two = "services: { a: { image: a, ports: ['443:443', '80:80'] } }";
    let lab = self::lab(&[("p/compose.yaml", two), ("instance.toml", PUBLIC)]);
    let finding = fires(&lab, "access.public-without-exception");
    for (at, one) in finding.evidence().iter().enumerate() {
        assert!(!finding.evidence()[..at].contains(one), "said twice: {one:?}");
    }
}

#[test]
fn the_alternatives_are_named_where_they_are_seen() {
    let why = |compose: &str| {
        let lab = lab(&[("p/compose.yaml", compose), ("instance.toml", PUBLIC)]);
        let all = findings(&lab);
        all.iter()
            .flat_map(Finding::evidence)
            .map(|one| one.text().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let proxy = why("services: { t: { image: traefik, ports: ['443:443'] } }");
    assert!(proxy.contains("public proxy with certificates"), "{proxy}");
    let tunnel = why("services: { t: { image: cloudflare/cloudflared, command: tunnel run } }");
    assert!(tunnel.contains("a tunnel such as Cloudflare's"), "{tunnel}");
    let vpn = why("services: { w: { image: ghcr.io/wg-easy/wg-easy, ports: ['51820:51820/udp'] } }");
    assert!(vpn.contains("WireGuard by itself"), "{vpn}");
    let page = why("services: { w: { image: ghcr.io/wg-easy/wg-easy, ports: ['51821:51821'] } }");
    assert!(
        !page.contains("WireGuard by itself") && page.contains("without authentication before it"),
        "{page}"
    );
    let other = why("services: { d: { image: dns, ports: ['53:53/udp'] } }");
    assert!(!other.contains("WireGuard by itself"), "{other}");
    let forward = why("services: { a: { image: a, ports: ['443:443'] } }");
    assert!(forward.contains("without authentication before it"), "{forward}");
}

#[test]
fn a_policy_narrower_than_the_internet_is_kept() {
    let home = |policy: &str| {
        lab(&[
            ("p/compose.yaml", WEB),
            ("instance.toml", BEHIND_NAT),
            ("lab.toml", policy),
        ])
    };
    let finding = fires(&home("[policy]\nreach = 'tailnet'"), "access.beyond-policy");
    assert!(
        finding.message().contains("`lan`") && finding.message().contains("`tailnet`"),
        "{finding}"
    );
    silent(&home(""), "access.beyond-policy");
    silent(&home("[policy]\nreach = 'lan'"), "access.beyond-policy");
    silent(
        &home("[policy]\nreach = 'tailnet'\n[policy.services]\n'p/a' = 'lan'"),
        "access.beyond-policy",
    );
}

#[test]
fn an_exception_that_ended_no_longer_counts() {
    let ended = open(&exception("expires = '2026-05-31'\nmitigations = ['auth']"));
    let finding = fires(&ended, "access.exception-expired");
    assert!(finding.message().contains("2026-05-31"), "{finding}");
    silent(&ended, "access.public-without-exception");
    let last_day = open(&exception("expires = '2026-06-01'\nmitigations = ['auth']"));
    silent(&last_day, "access.exception-expired");
}

#[test]
fn an_exception_for_less_than_the_reach_does_not_cover_it() {
    let less =
        open(&exception("expires = '2027-01-01'\nmitigations = ['auth']").replace("'internet'", "'lan'"));
    fires(&less, "access.public-without-exception");
}

#[test]
fn an_exception_that_nobody_needs_is_noted() {
    let toml = exception("expires = '2027-01-01'\nmitigations = ['auth']");
    let home = lab(&[
        ("p/compose.yaml", WEB),
        ("instance.toml", BEHIND_NAT),
        ("lab.toml", &toml),
    ]);
    fires(&home, "access.exception-unneeded");
    silent(&open(&toml), "access.exception-unneeded");
    let unknown = lab(&[("p/compose.yaml", WEB), ("lab.toml", &toml)]);
    silent(&unknown, "access.exception-unneeded");
}

fn guarded(labels: &str, ports: &str, mitigations: &str) -> Lab {
    let compose = format!("services:
  traefik: {{ image: traefik, command: ['--entrypoints.web.address=:443', --providers.docker.exposedbydefault=false], ports: ['443:443'] }}
  a:
    image: a
    ports: [{ports}]
    labels: {{ traefik.enable: 'true', 'traefik.http.services.a.loadbalancer.server.port': '80', 'traefik.http.routers.a.rule': 'Host(`a`)', {labels} }}
");
    let toml = exception(&format!("expires = '2027-01-01'\nmitigations = [{mitigations}]"));
    let instance = format!("{FORWARD}[[hosts.nas.forwards]]\nport = 8080\n");
    lab(&[
        ("p/compose.yaml", &compose),
        ("instance.toml", &instance),
        ("lab.toml", &toml),
    ])
}

const RATE_LIMIT: &str =
    "'traefik.http.routers.a.middlewares': slow, 'traefik.http.middlewares.slow.ratelimit.average': '5'";

#[test]
fn a_mitigation_is_verified_unverified_or_contradicted() {
    let verified = guarded(RATE_LIMIT, "", "'rate-limit'");
    silent(&verified, "access.mitigation-unverified");
    silent(&verified, "access.mitigation-contradicted");

    let unseen = guarded(
        "'traefik.http.routers.a.middlewares': slow@file",
        "",
        "'rate-limit'",
    );
    fires(&unseen, "access.mitigation-unverified");
    silent(&unseen, "access.mitigation-contradicted");

    let unseen_list = guarded(
        "'traefik.http.routers.a.middlewares': us@file",
        "",
        "'allow-list'",
    );
    fires(&unseen_list, "access.mitigation-unverified");
    silent(&unseen_list, "access.mitigation-contradicted");

    let toml = exception("expires = '2027-01-01'\nmitigations = ['allow-list']");
    let tunnel = "services: { a: { image: cloudflare/cloudflared, command: tunnel run } }";
    let tunnel = lab(&[("p/compose.yaml", tunnel), ("lab.toml", &toml)]);
    fires(&tunnel, "access.mitigation-unverified");
    silent(&tunnel, "access.mitigation-contradicted");

    let by_itself = guarded(RATE_LIMIT, "", "'rate-limit', 'auth'");
    let finding = fires(&by_itself, "access.mitigation-unverified");
    assert!(finding.message().contains("`auth`"), "{finding}");

    let past = guarded(RATE_LIMIT, "'8080:80'", "'rate-limit'");
    let finding = fires(&past, "access.mitigation-contradicted");
    assert!(finding.message().contains("router 8080"), "{finding}");

    let absent = guarded(RATE_LIMIT, "", "'allow-list'");
    fires(&absent, "access.mitigation-contradicted");
}

#[test]
fn a_proxied_service_should_not_publish_the_same_port() {
    let compose = |ports: &str, port: &str| {
        of(&format!("services:
  traefik: {{ image: traefik, command: [--providers.docker.exposedbydefault=false], ports: ['80:80'] }}
  a: {{ image: a, ports: [{ports}], labels: ['traefik.enable=true', 'traefik.http.services.a.loadbalancer.server.port={port}'] }}
"))
    };
    let rule = "access.proxied-and-published";
    fires(&compose("'3000:3000'", "3000"), rule);
    silent(&compose("'2222:22'", "3000"), rule);
    silent(&compose("'127.0.0.1:3000:3000'", "3000"), rule);
    silent(&compose("", "3000"), rule);
    silent(&compose("'3000:3000/udp'", "3000"), rule);
    let elsewhere = of("services: { a: { image: a, ports: ['80:80'], labels: ['traefik.enable=true'] } }");
    fires(&elsewhere, rule);
    let which =
        of("services: { a: { image: a, ports: ['80:80', '22:22'], labels: ['traefik.enable=true'] } }");
    fires(&which, rule);
    let unclear =
        of("services: { a: { image: a, ports: ['80:80', '81:81'], labels: ['traefik.enable=true'] } }");
    silent(&unclear, rule);
    let by_file = "services:
  web: { image: nginx, ports: ['80:80'], volumes: ['./n.conf:/etc/nginx/nginx.conf'] }
  a: { image: a, ports: ['8000:8000'] }
  b: { image: b, ports: ['9000:9000'] }
";
    let by_file = lab(&[
        ("p/compose.yaml", by_file),
        ("p/n.conf", "proxy_pass http://a:8000;"),
    ]);
    let about = findings(&by_file);
    let about: Vec<String> = about
        .iter()
        .filter(|one| one.rule().id == rule)
        .filter_map(|one| Some(one.service()?.to_string()))
        .collect();
    assert_eq!(about, ["p/a"]);
    silent(
        &of("services: { t: { image: traefik, ports: ['80:80'], labels: ['traefik.enable=true'] } }"),
        rule,
    );
    // A proxy that stands behind another one is an entrance of its own.
    let behind = |image: &str| {
        of(&format!("services:
  traefik: {{ image: traefik, command: [--providers.docker.exposedbydefault=false], ports: ['80:80'] }}
  b: {{ image: {image}, ports: ['8080:8080'], labels: ['traefik.enable=true', 'traefik.http.services.b.loadbalancer.server.port=8080'] }}
"))
    };
    fires(&behind("b"), rule);
    silent(&behind("lucaslorentz/caddy-docker-proxy"), rule);
}

#[test]
fn a_database_without_a_password_is_for_the_machine_and_the_tailnet() {
    let rule = "access.admin-surface-reachable";
    let with = |rest: &str| of(&format!("services: {{ d: {{ {rest} }} }}"));
    for rest in [
        "image: 'redis:8', ports: ['6379:6379']",
        "image: 'valkey/valkey:8', network_mode: host",
        "image: 'mongo:8', ports: ['27017:27017']",
        "image: 'memcached:1', ports: ['11211:11211']",
        "image: 'postgres:17', ports: ['5432:5432'], environment: { POSTGRES_HOST_AUTH_METHOD: trust }",
        "image: 'mysql:9', ports: ['3306:3306'], environment: { MYSQL_ALLOW_EMPTY_PASSWORD: 'yes' }",
        "image: 'mariadb:11', ports: ['3306:3306'], environment: { MARIADB_ALLOW_EMPTY_ROOT_PASSWORD: '1' }",
        "image: 'bitnami/redis:8', ports: ['6379:6379'], environment: { ALLOW_EMPTY_PASSWORD: 'yes' }",
    ] {
        let finding = fires(&with(rest), rule);
        assert!(
            finding.message().contains("asks for no password"),
            "{rest}: {finding}"
        );
    }
    for rest in [
        "image: 'redis:8'",
        "image: 'redis:8', ports: ['127.0.0.1:6379:6379']",
        "image: 'redis:8', ports: ['6379:6379'], command: redis-server --requirepass x",
        "image: 'redis:8', ports: ['6379:6379'], command: redis-server --aclfile /a",
        "image: 'redis:8', ports: ['6379:6379'], command: redis-server /etc/redis.conf",
        "image: 'redis:8', ports: ['6379:6379'], volumes: ['/srv/r.conf:/usr/local/etc/redis/redis.conf']",
        "image: 'redis/redis-stack:7', ports: ['6379:6379'], environment: { REDIS_ARGS: '--requirepass x' }",
        "image: 'bitnami/redis:8', ports: ['6379:6379']",
        "image: 'mongo:8', ports: ['27017:27017'], environment: { MONGO_INITDB_ROOT_USERNAME: '${U}' }",
        "image: 'mongo:8', ports: ['27017:27017'], command: [--auth]",
        "image: 'mongo:8', ports: ['27017:27017'], command: [--keyFile, /k]",
        "image: 'postgres:17', ports: ['5432:5432']",
        "image: 'postgres:17', ports: ['5432:5432'], environment: { POSTGRES_HOST_AUTH_METHOD: scram-sha-256 }",
        "image: 'mysql:9', ports: ['3306:3306'], environment: { MYSQL_ALLOW_EMPTY_PASSWORD: 'no' }",
    ] {
        silent(&with(rest), rule);
    }
}

#[test]
fn an_open_administration_is_for_the_machine_and_the_tailnet() {
    let traefik = |flag: &str, port: &str| {
        of(&format!(
            "services: {{ t: {{ image: traefik, command: ['--entrypoints.web.address=:80', '{flag}'], ports: ['{port}'] }} }}"
        ))
    };
    let rule = "access.admin-surface-reachable";
    assert_eq!(
        fires(&traefik("--api.insecure=true", "8080:8080"), rule).severity(),
        Severity::Warning
    );
    silent(&traefik("--api.insecure=true", "127.0.0.1:8080:8080"), rule);
    silent(&traefik("--api.insecure=true", "100.64.0.1:8080:8080"), rule);
    silent(&traefik("--api.insecure=false", "8080:8080"), rule);
    silent(&traefik("--api.insecure=true", "80:80"), rule);

    fires(
        &of("services: { p: { image: prom/prometheus, ports: ['9090:9090'] } }"),
        rule,
    );
    silent(
        &of("services: { p: { image: prom/prometheus, ports: ['127.0.0.1:9090:9090'] } }"),
        rule,
    );
    silent(&of("services: { p: { image: prom/prometheus } }"), rule);
    // One with a password of its own is for the local network, and never for the internet.
    let npm = "services: { n: { image: jc21/nginx-proxy-manager, ports: ['81:81'] } }";
    silent(&of(npm), rule);
    let public = lab(&[("p/compose.yaml", npm), ("instance.toml", PUBLIC)]);
    let finding = fires(&public, rule);
    assert_eq!(finding.severity(), Severity::Error);
    assert!(finding.message().contains("from the internet"), "{finding}");
    let home = fires(
        &of("services: { p: { image: prom/prometheus, ports: ['9090:9090'] } }"),
        rule,
    );
    assert!(home.message().contains("from the local network"), "{home}");

    let dashboard = |more: &str| {
        of(&format!("services:
  t:
    image: traefik
    command: ['--entrypoints.web.address=:80', --providers.docker.exposedbydefault=false]
    ports: ['80:80']
    labels: {{ traefik.enable: 'true', 'traefik.http.routers.d.rule': 'Host(`d`)', 'traefik.http.routers.d.service': api@internal{more} }}
"))
    };
    fires(&dashboard(""), rule);
    silent(
        &dashboard(
            ", 'traefik.http.routers.d.middlewares': p, 'traefik.http.middlewares.p.basicauth.users': 'u:h'",
        ),
        rule,
    );
}

#[test]
fn a_quick_tunnel_is_one_finding() {
    let lab = of(
        "services: { t: { image: cloudflare/cloudflared, command: 'tunnel --url http://a:80' }, a: { image: a } }",
    );
    assert_eq!(ids(&lab), ["access.quick-tunnel"]);
    silent(
        &of("services: { t: { image: cloudflare/cloudflared, command: tunnel run } }"),
        "access.quick-tunnel",
    );
}

#[test]
fn unseen_routes_are_one_finding() {
    let lab = of(
        "services: { t: { image: cloudflare/cloudflared, command: tunnel run }, a: { image: a }, b: { image: b } }",
    );
    let finding = fires(&lab, "access.tunnel-unseen-routes");
    assert!(finding.message().contains("`p/a` and `p/b`"), "{finding}");
    let around = of("services:
  t: { image: cloudflare/cloudflared, command: tunnel run, networks: [n] }
  u: { image: cloudflare/cloudflared, command: tunnel run, networks: [n] }
  a: { image: a, networks: [n] }
  npm: { image: jc21/nginx-proxy-manager, ports: ['80:80'], networks: [m] }
  b: { image: b, networks: [m] }
networks: { n: {}, m: {} }
");
    let finding = fires(&around, "access.tunnel-unseen-routes");
    assert_eq!(finding.message(), "`p/t` and `p/u` may lead to `p/a`");
    assert_eq!(finding.evidence().len(), 2);
    let alone = of("services: { t: { image: cloudflare/cloudflared, command: tunnel run } }");
    silent(&alone, "access.tunnel-unseen-routes");
}

#[test]
fn what_else_is_not_known_is_one_question() {
    let compose = "services:
  n: { image: jc21/nginx-proxy-manager, ports: ['80:80'] }
  a: { image: a }
  b: { image: b }
";
    let rule = "access.unknown-routes";
    let finding = fires(&of(compose), rule);
    assert!(
        finding
            .message()
            .contains("`p/a` and `p/b`: the routes in the database"),
        "{finding}"
    );
    let home = |policy: &str| {
        lab(&[
            ("p/compose.yaml", compose),
            ("instance.toml", BEHIND_NAT),
            ("lab.toml", policy),
        ])
    };
    silent(&home(""), rule);
    fires(&home("[policy]\nreach = 'tailnet'"), rule);
    silent(&home("[policy]\nreach = 'lan'"), rule);
    let tunnel = "services: { t: { image: nginx, ports: ['80:80'], volumes: ['/srv/n.conf:/etc/nginx/nginx.conf'] }, c: { image: c } }";
    let alone = "services: { d: { image: d, labels: ['traefik.enable=true'] } }";
    let pods = "[Kube]\nYaml=gone.yaml\n";
    let several = lab(&[
        ("p/compose.yaml", compose),
        ("q/compose.yaml", tunnel),
        ("r/compose.yaml", alone),
        ("s/e.kube", pods),
    ]);
    let finding = fires(&several, rule);
    assert_eq!(
        finding.message(),
        "not known of `p/a` and `p/b`: the routes in the database of `p/n`; 3 more things below"
    );
    let said = finding.evidence().iter().map(|one| (one.text(), one.place()));
    let below: Vec<_> = said
        .filter(|(text, _)| text.starts_with("not known of"))
        .collect();
    assert_eq!(below.len(), 3, "{finding:?}");
    for (about, file) in [
        ("`q/c`: the routes in the files of `q/t`", "q/compose.yaml"),
        (
            "`r/d`: who reaches the Traefik that its settings are for",
            "r/compose.yaml",
        ),
        ("`s/e`: which ports", "s/e.kube"),
    ] {
        let is_this = |(text, place): &&(&str, Option<&crate::span::Span>)| {
            text["not known of ".len()..].starts_with(about)
                && place.is_some_and(|place| place.source().name() == file)
        };
        assert!(below.iter().any(|one| is_this(&one)), "{about}: {finding:?}");
    }
    // The headline's own place comes before the others', however many services come before it.
    let small = "services: { t: { image: nginx, ports: ['80:80'], volumes: ['/srv/n.conf:/etc/nginx/nginx.conf'] }, c: { image: c } }";
    let finding = fires(
        &lab(&[("a/compose.yaml", small), ("p/compose.yaml", compose)]),
        rule,
    );
    assert!(finding.message().starts_with("not known of `p/a`"), "{finding}");
    let place = finding.place().map(|place| place.source().name().to_owned());
    assert_eq!(place.as_deref(), Some("p/compose.yaml"));
    let first = finding.evidence().first().and_then(Evidence::place);
    assert_eq!(first.map(|place| place.source().name()), Some("p/compose.yaml"));
}

#[test]
fn the_machine_is_one_question() {
    let lab = of(
        "services: { a: { image: a, ports: ['1:1'] }, b: { image: b, ports: ['2:2', '3:3'] }, c: { image: c } }",
    );
    let all = findings(&lab);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(
        (all[0].rule().id, all[0].severity()),
        ("access.all-interfaces-unknown-host", Severity::Note)
    );
    assert!(all[0].message().contains("2 services"), "{}", all[0]);
    let known = self::lab(&[("p/compose.yaml", WEB), ("instance.toml", BEHIND_NAT)]);
    silent(&known, "access.all-interfaces-unknown-host");
    silent(
        &of("services: { a: { image: a, ports: ['127.0.0.1:1:1'] } }"),
        "access.all-interfaces-unknown-host",
    );
}

#[test]
fn public_names_are_one_finding() {
    let lab = |name: &str| {
        of(&format!(
            "services: {{ a: {{ image: a, labels: ['traefik.enable=true', 'traefik.http.routers.a.rule=Host(`{name}`)'] }} }}"
        ))
    };
    fires(&lab("photos.smith.dev"), "access.public-names");
    silent(&lab("photos.lan"), "access.public-names");
    silent(&lab("photos.example.com"), "access.public-names");
}

#[test]
fn a_challenge_by_an_open_port_is_a_finding() {
    let traefik = |challenge: &str| {
        of(&format!(
            "services: {{ t: {{ image: traefik, command: ['--certificatesresolvers.le.acme.{challenge}'] }} }}"
        ))
    };
    fires(
        &traefik("httpchallenge.entrypoint=web"),
        "access.public-challenge",
    );
    fires(&traefik("tlschallenge=true"), "access.public-challenge");
    silent(&traefik("dnschallenge.provider=x"), "access.public-challenge");
    silent(&traefik("tlschallenge=false"), "access.public-challenge");
    fires(
        &of("services: { s: { image: linuxserver/swag, environment: { VALIDATION: http } } }"),
        "access.public-challenge",
    );
    silent(
        &of("services: { s: { image: linuxserver/swag, environment: { VALIDATION: dns } } }"),
        "access.public-challenge",
    );
}

#[test]
fn dynamic_dns_is_a_finding() {
    for image in [
        "linuxserver/ddclient",
        "favonia/cloudflare-ddns:1",
        "lscr.io/linuxserver/duckdns",
        "qmcgaw/ddns-updater",
    ] {
        fires(
            &of(&format!("services: {{ d: {{ image: '{image}' }} }}")),
            "access.dynamic-dns",
        );
    }
    silent(
        &of("services: { d: { image: adguard/adguardhome } }"),
        "access.dynamic-dns",
    );
}

#[test]
fn a_quiet_lab_has_no_findings() {
    let compose = "services:
  web: { image: a, ports: ['100.64.0.1:443:443'] }
  db: { image: postgres }
  ts: { image: tailscale/tailscale }
  app: { image: app, network_mode: 'service:ts' }
";
    let quiet = of(compose);
    assert!(findings(&quiet).is_empty(), "{:?}", findings(&quiet));
}
