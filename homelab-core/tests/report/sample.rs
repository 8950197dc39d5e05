//! The reports that the tests of rendering speak of: a small lab, one of sixty services, and one of hostile texts.

use homelab_core::finding::Suppressed;
use homelab_core::view::{EvidenceView, PathView, ServiceView};
use homelab_core::{Evidence, Finding, Principle, Reach, Report, Rule, Severity, Source, Span, Subject};

pub(crate) static PUBLIC: Rule = Rule {
    id: "access.public-without-exception",
    principle: Principle::NoPublicPort,
    severity: Severity::Error,
    title: "a service is open to the internet and no exception says why",
    why: "Whatever listens on a public address is found within hours and tried for ever after. The lab's policy \
          allows it only with a reason, an owner, an end and something that mitigates it.",
    fix: "publish it on the tailnet only, or add an exception with a mitigation to lab.toml",
    opt_in: false,
};

pub(crate) static PROXIED: Rule = Rule {
    id: "access.proxied-and-published",
    principle: Principle::TailnetFirst,
    severity: Severity::Warning,
    title: "a service behind a proxy also publishes its port",
    why: "The port goes around the proxy, and with it around whatever logs in, limits or filters there.",
    fix: "remove the published port; the proxy reaches the service over their common network",
    opt_in: false,
};

pub(crate) static LATEST: Rule = Rule {
    id: "update.unpinned-in-production",
    principle: Principle::ManualUpdates,
    severity: Severity::Warning,
    title: "images in production have no fixed tag",
    why: "The next pull decides what runs, not the person who reads the release notes.",
    fix: "name a version, and let a tool propose the next one",
    opt_in: false,
};

pub(crate) static ALL_INTERFACES: Rule = Rule {
    id: "access.is-this-host-public",
    principle: Principle::NoPublicPort,
    severity: Severity::Note,
    title: "ports are open on all interfaces of a machine of which nothing is known",
    why: "Behind a router that is the local network; on a rented machine it is the internet.",
    fix: "answer once in instance.toml: has this host a public address or a forward?",
    opt_in: false,
};

pub(crate) static SECRET: Rule = Rule {
    id: "secrets.literal-in-environment",
    principle: Principle::PatternApart,
    severity: Severity::Error,
    title: "a secret is written into a Compose file",
    why: "The file is made to be shared; the value is in its history from then on.",
    fix: "move the value into `.env`, write `${NAME}` here, and change the secret",
    opt_in: false,
};

pub(crate) fn at() -> jiff::Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a moment")
}

fn span(source: &Source, text: &str) -> Span {
    let start = source
        .text()
        .find(text)
        .unwrap_or_else(|| panic!("`{text}` in {}", source.name()));
    Span::new(source, start, start + text.len())
}

fn service(name: &str, application: Option<&str>, reach: Reach, at_most: Reach) -> ServiceView {
    let (host, rest) = name
        .split_once(':')
        .map_or((None, name), |(host, rest)| (Some(host), rest));
    let (project, service) = rest.split_once('/').expect("a project and a service");
    ServiceView {
        host: host.map(str::to_owned),
        project: project.to_owned(),
        name: service.to_owned(),
        application: application.map(str::to_owned),
        image: Some(format!("ghcr.io/example/{service}:1.2")),
        reach,
        at_most,
        zones: Vec::new(),
        paths: Vec::new(),
        audience: None,
        unknowns: Vec::new(),
        place: None,
    }
}

fn by(
    mut service: ServiceView,
    kind: &str,
    zone: Reach,
    label: &str,
    guards: &[&str],
    place: &Span,
) -> ServiceView {
    service.paths.push(PathView {
        kind: kind.to_owned(),
        zone,
        at_most: zone.max(service.at_most),
        label: label.to_owned(),
        guards: guards.iter().map(|guard| (*guard).to_owned()).collect(),
        evidence: vec![EvidenceView {
            text: "written in the Compose file".to_owned(),
            place: Some(place.view()),
        }],
    });
    if !service.zones.contains(&zone) {
        service.zones.push(zone);
        service.zones.sort();
    }
    service
}

/// A lab as people have it: ten services, five findings, one accepted.
pub(crate) fn small() -> Report {
    use Reach::{Host, Internet, Lan, None as Nobody, Tailnet};
    let hooks = Source::new(
        "services/hooks/compose.yaml",
        "services:\n  receiver:\n    image: example/webhook:2.8\n    ports:\n      - \"203.0.113.7:9000:9000\"\n",
    );
    let photos = Source::new(
        "services/immich/compose.yaml",
        "services:\n  server:\n    image: ghcr.io/example/immich\n    labels:\n      traefik.http.routers.i.rule: \
         Host(`photos.example.org`)\n    ports:\n\t- \"2283:2283\"\t# 写真\n    environment:\n      DB_PASSWORD: \
         hunter2\n",
    );
    let dash = Source::new(
        "services/grafana/compose.yaml",
        "services:\n  grafana:\n    image: grafana/grafana:latest\n    ports:\n      - \"3000:3000\"\n    environment:\n      A: b\n",
    );
    let open = span(&hooks, "\"203.0.113.7:9000:9000\"");
    let direct = span(&photos, "\"2283:2283\"");
    let rule = span(&photos, "Host(`photos.example.org`)");
    let latest = span(&dash, "grafana/grafana:latest");
    let ports = span(&dash, "\"3000:3000\"");

    let receiver = by(
        service("hooks/receiver", Some("webhook"), Internet, Internet),
        "published_port",
        Internet,
        "203.0.113.7:9000/tcp -> 9000",
        &[],
        &open,
    );
    let server = service("immich/server", Some("immich"), Lan, Lan);
    let server = by(
        server,
        "published_port",
        Lan,
        "0.0.0.0:2283/tcp -> 2283",
        &[],
        &direct,
    );
    let server = by(
        server,
        "proxy",
        Tailnet,
        "photos.example.org by traefik",
        &["forward auth"],
        &rule,
    );
    let mut grafana = by(
        service("nas:grafana/grafana", Some("grafana"), Lan, Internet),
        "published_port",
        Lan,
        "0.0.0.0:3000/tcp -> 3000",
        &[],
        &ports,
    );
    grafana
        .unknowns
        .push("whether host `nas` has a public address or a forward".to_owned());
    let vault = by(
        service("vaultwarden/vaultwarden", Some("vaultwarden"), Tailnet, Tailnet),
        "serve",
        Tailnet,
        "https://vault.tail1234.ts.net",
        &[],
        &ports,
    );
    let services = vec![
        service("immich/database", Some("postgres"), Host, Host),
        server,
        service("immich/redis", Some("valkey"), Host, Host),
        receiver,
        grafana,
        vault,
        by(
            service("forgejo/forgejo", Some("forgejo"), Tailnet, Tailnet),
            "sidecar",
            Tailnet,
            "through the network of `tailscale`",
            &[],
            &rule,
        ),
        service("forgejo/runner", None, Nobody, Nobody),
        service("prometheus/prometheus", Some("prometheus"), Host, Host),
    ];

    let id = |text: &str| Subject::Service(text.parse().expect("a service"));
    let findings = vec![
        Finding::new(
            &LATEST,
            Subject::Lab,
            "2 images in production have no fixed tag: `grafana`, `immich`",
        )
        .at(&latest)
        .with_evidence(Evidence::at("`grafana/grafana:latest`", &latest))
        .with_evidence(Evidence::at(
            "`ghcr.io/example/immich`",
            &span(&photos, "ghcr.io/example/immich"),
        )),
        Finding::new(
            &PROXIED,
            id("immich/server"),
            "port `2283` goes around the proxy that guards `photos.example.org`",
        )
        .at(&direct)
        .with_evidence(Evidence::at("the router that guards it", &rule)),
        Finding::new(
            &PUBLIC,
            id("hooks/receiver"),
            "port `9000` is open to the internet, and no exception allows it",
        )
        .at(&open)
        .with_evidence(Evidence::said("`203.0.113.7` is a public address of host `nas`"))
        .with_fix("bind it to the tailnet: `100.64.0.7:9000:9000`"),
        Finding::new(
            &SECRET,
            id("immich/server"),
            "`DB_PASSWORD` has its value written here",
        )
        .at(&span(&photos, "hunter2"))
        .without_snippet(),
        Finding::new(
            &ALL_INTERFACES,
            Subject::Lab,
            "has host `nas` a public address, or does a router forward to it?",
        )
        .with_evidence(Evidence::at(
            "`grafana/grafana` is open on all interfaces",
            &ports,
        )),
    ];
    let suppressed = vec![Suppressed {
        finding: Finding::new(
            &PROXIED,
            id("nas:grafana/grafana"),
            "port `3000` goes around the proxy",
        )
        .at(&ports),
        reason: "the kiosk in the hall has no tailnet".to_owned(),
        until: "2027-01-01T00:00:00Z".parse().expect("a moment"),
    }];
    Report::new(at(), services, findings, suppressed)
}

/// A lab of so many services, of every reach, with so many findings.
pub(crate) fn large(services: usize, findings: usize) -> Report {
    let source = Source::new(
        "services/app/compose.yaml",
        "services:\n  app:\n    image: x\n    ports:\n      - \"8080:80\"\n".repeat(50),
    );
    let place = |nth: usize| {
        let start = source.text().len() / 50 * (nth % 50) + 50;
        Span::new(&source, start, start + 9)
    };
    let names = [
        "paperless",
        "home-assistant",
        "jellyfin",
        "frigate",
        "a-project-whose-name-is-long",
        "n8n",
        "miniflux",
    ];
    let parts = ["app", "web", "database", "zigbee2mqtt-coordinator", "worker"];
    let reaches = [
        Reach::Tailnet,
        Reach::Host,
        Reach::Lan,
        Reach::Host,
        Reach::Tailnet,
        Reach::None,
        Reach::Tailnet,
    ];
    let list = (0..services).map(|nth| {
        let name = format!(
            "{}-{}/{}",
            names[nth % names.len()],
            nth / 7,
            parts[nth % parts.len()]
        );
        let reach = if nth % 19 == 3 {
            Reach::Internet
        } else {
            reaches[nth % reaches.len()]
        };
        let at_most = if reach == Reach::Lan && nth % 2 == 0 {
            Reach::Internet
        } else {
            reach
        };
        let service = service(&name, Some(names[nth % names.len()]), reach, at_most);
        let (kind, guards): (_, &[&str]) = match reach {
            Reach::None | Reach::Host => return service,
            Reach::Tailnet => ("serve", &[]),
            Reach::Lan => ("published_port", &[]),
            Reach::Internet => ("tunnel", &["basic auth", "rate limit"]),
        };
        let label = format!("0.0.0.0:{}/tcp -> 80", 8000 + nth);
        let service = by(service, kind, reach, &label, guards, &place(nth));
        if nth % 3 == 0 && reach > Reach::Tailnet {
            return by(
                service,
                "proxy",
                Reach::Tailnet,
                "app.example.org by caddy",
                &["forward auth"],
                &place(nth),
            );
        }
        service
    });
    let list: Vec<_> = list.collect();
    let rules = [&PUBLIC, &PROXIED, &LATEST, &ALL_INTERFACES];
    let findings = (0..findings).map(|nth| {
        let service = &list[nth * 7 % list.len()];
        let id = format!("{}/{}", service.project, service.name)
            .parse()
            .expect("a service");
        let message = format!("port `{}` is open to more people than it should be", 8000 + nth);
        Finding::new(rules[nth % rules.len()], Subject::Service(id), message)
            .at(&place(nth))
            .with_evidence(Evidence::at("the published port", &place(nth + 1)))
    });
    let findings = findings.collect();
    Report::new(at(), list, findings, Vec::new())
}

/// What somebody would write into a file so that a report does something.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(1)> | `code` *b* [x](javascript:alert(1)) \
                           \u{1b}[31mred\u{1b}]0;title\u{7} \u{202e}gnp.exe\u{2066} ]]> --> @alice \"quoted\" 'x' &amp;\n# head\r\n";

/// A report in which every text that a file or person can give is hostile.
pub(crate) fn hostile() -> Report {
    let text = format!("services:\n  a: {HOSTILE}\n\tb: \"{HOSTILE}\"\n");
    let source = Source::new(format!("dir<b>/{}.yaml", HOSTILE.replace('/', "_")), text);
    let place = span(&source, "<script>alert(1)</script>");
    let mut evil = service("p/s", Some(HOSTILE), Reach::Internet, Reach::Internet);
    evil.host = Some(HOSTILE.to_owned());
    evil.project = HOSTILE.to_owned();
    evil.name = HOSTILE.to_owned();
    evil.image = Some(HOSTILE.to_owned());
    evil.unknowns.push(HOSTILE.to_owned());
    let evil = by(evil, HOSTILE, Reach::Internet, HOSTILE, &[HOSTILE], &place);
    let mut closed = evil.clone();
    closed.reach = Reach::Host;
    closed.at_most = Reach::Host;
    let finding = Finding::new(&PUBLIC, Subject::Lab, HOSTILE)
        .at(&place)
        .with_evidence(Evidence::at(HOSTILE, &Span::file(&source)))
        .with_fix(HOSTILE);
    let suppressed = Suppressed {
        finding: finding.clone(),
        reason: HOSTILE.to_owned(),
        until: at(),
    };
    Report::new(at(), vec![evil, closed], vec![finding], vec![suppressed])
}
