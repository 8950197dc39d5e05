//! Small labs, and what they mean.

mod addresses;
mod clients;
mod configurations;
mod files;
mod findings;
mod leads;
mod names;
mod networks;
mod pods;
mod proxies;
mod routes;
mod said;
mod tunnels;
mod unread;
mod words;

use jiff::Timestamp;

use super::{Exposure, PathKind};
use crate::lab::Lab;
use crate::observed::Observed;
use crate::view::Reach::{self, Host, Internet, Lan, None as Nobody, Tailnet};

/// A machine behind a router, about which everything is said.
const BEHIND_NAT: &str = "[hosts.nas]
addresses = ['192.168.1.10', '100.101.102.103']
public_addresses = []
forwards = []
";

/// A rented machine.
const PUBLIC: &str = "[hosts.vps]
addresses = ['10.0.0.2']
public_addresses = ['203.0.113.7']
forwards = []
";

fn seen() -> Observed {
    Observed::none("2026-06-01T12:00:00Z".parse::<Timestamp>().expect("a moment"))
}

fn lab(files: &[(&str, &str)]) -> Lab {
    Lab::from_texts("lab", files.iter().copied())
}

/// The lab of one Compose file, in the project `p`.
fn of(compose: &str) -> Lab {
    lab(&[("p/compose.yaml", compose)])
}

fn exposure(lab: &Lab, name: &str) -> Exposure {
    let name = if name.contains('/') {
        name.to_owned()
    } else {
        format!("p/{name}")
    };
    lab.exposure(&name, &seen())
        .unwrap_or_else(|error| panic!("{name}: {error} {:?}", error.hint()))
}

/// Checks (service, reach, at most) of a lab, with what it found where one differs.
#[track_caller]
fn check(what: &str, lab: &Lab, expected: &[(&str, Reach, Reach)]) {
    for (name, reach, at_most) in expected {
        let exposure = exposure(lab, name);
        assert_eq!(
            (exposure.reach(), exposure.at_most()),
            (*reach, *at_most),
            "{what}\n{exposure}"
        );
        assert!(exposure.at_most() >= exposure.reach());
        assert!(
            exposure.at_most() == exposure.reach() || !exposure.unknowns().is_empty(),
            "{exposure}"
        );
    }
}

fn kinds(exposure: &Exposure) -> Vec<PathKind> {
    exposure.paths().iter().map(super::Path::kind).collect()
}

#[test]
fn a_published_port_is_as_open_as_its_address() {
    for (port, reach, at_most, label) in [
        ("'80'", Lan, Internet, "a port that the engine chooses -> 80/tcp"),
        ("'8080:80'", Lan, Internet, "8080 -> 80/tcp"),
        ("'0.0.0.0:8080:80'", Lan, Internet, "0.0.0.0:8080 -> 80/tcp"),
        ("'[::]:8080:80'", Lan, Internet, "[::]:8080 -> 80/tcp"),
        ("'127.0.0.1:8080:80'", Host, Host, "127.0.0.1:8080 -> 80/tcp"),
        ("'[::1]:8080:80'", Host, Host, "[::1]:8080 -> 80/tcp"),
        (
            "'127.0.0.1::80'",
            Host,
            Host,
            "a port that the engine chooses -> 80/tcp",
        ),
        (
            "'192.168.1.10:8080:80'",
            Lan,
            Internet,
            "192.168.1.10:8080 -> 80/tcp",
        ),
        (
            "'100.101.102.103:8080:80'",
            Tailnet,
            Tailnet,
            "100.101.102.103:8080 -> 80/tcp",
        ),
        (
            "'[fd7a:115c:a1e0::1]:8080:80'",
            Tailnet,
            Tailnet,
            "[fd7a:115c:a1e0::1]:8080 -> 80/tcp",
        ),
        (
            "'198.51.100.3:8080:80'",
            Internet,
            Internet,
            "198.51.100.3:8080 -> 80/tcp",
        ),
        (
            "'8000-8002:8000-8002'",
            Lan,
            Internet,
            "8000-8002 -> 8000-8002/tcp",
        ),
        ("'53:53/udp'", Lan, Internet, "53 -> 53/udp"),
        (
            "'${BIND:-127.0.0.1}:8080:80'",
            Host,
            Host,
            "127.0.0.1:8080 -> 80/tcp",
        ),
        ("'${BIND}:8080:80'", Lan, Internet, "8080 -> 80/tcp"),
        (
            "'127.0.0.1:${PORT:-8080}:80'",
            Host,
            Host,
            "127.0.0.1:8080 -> 80/tcp",
        ),
        (
            "{target: 80, published: '8080', host_ip: 127.0.0.1}",
            Host,
            Host,
            "127.0.0.1:8080 -> 80/tcp",
        ),
        ("{target: 80, published: '8080'}", Lan, Internet, "8080 -> 80/tcp"),
    ] {
        let lab = of(&format!("services: {{ a: {{ image: a, ports: [{port}] }} }}"));
        check(port, &lab, &[("a", reach, at_most)]);
        assert_eq!(exposure(&lab, "a").paths()[0].label(), label, "{port}");
    }
}

#[test]
fn an_address_without_a_value_says_so() {
    let lab = of("services: { a: { image: a, ports: ['${BIND}:8080:80'] } }");
    let path = exposure(&lab, "a").paths()[0].clone();
    assert!(
        path.evidence()[0].text().contains("${BIND}"),
        "{:?}",
        path.evidence()
    );
    assert!(
        path.evidence()[0].text().contains("no value"),
        "{:?}",
        path.evidence()
    );
    let place = path.evidence()[0].place().expect("a place");
    assert_eq!((place.source().name(), place.line()), ("p/compose.yaml", 1));
}

#[test]
fn all_interfaces_means_what_the_machine_says() {
    let compose =
        "services: { a: { image: a, ports: ['8080:80'] }, b: { image: b, ports: ['10.0.0.2:1:1'] } }";
    let home = lab(&[("p/compose.yaml", compose), ("instance.toml", BEHIND_NAT)]);
    check("behind NAT", &home, &[("a", Lan, Lan)]);
    assert_eq!(
        exposure(&home, "a").zones(),
        [Host, Tailnet, Lan],
        "the machine is a device of the tailnet too"
    );
    let rented = lab(&[("p/compose.yaml", compose), ("instance.toml", PUBLIC)]);
    check("rented", &rented, &[("a", Internet, Internet), ("b", Lan, Lan)]);
    let half = lab(&[
        ("p/compose.yaml", compose),
        ("instance.toml", "[hosts.nas]\naddresses = ['192.168.1.10']\n"),
    ]);
    check(
        "nobody has said what is forwarded",
        &half,
        &[("a", Lan, Internet)],
    );
}

#[test]
fn an_interface_may_say_who_is_on_its_other_side() {
    let instance = "[hosts.nas]
public_addresses = []
forwards = []
[hosts.nas.interfaces]
lan = ['192.0.2.10/24']
mesh = { addresses = ['10.9.0.1/24'], zone = 'tailnet' }
wan = { addresses = ['10.20.0.5/24'], zone = 'internet' }
";
    let compose = "services:
  home: { image: a, ports: ['192.0.2.10:80:80'] }
  mesh: { image: a, ports: ['10.9.0.1:80:80'] }
  wan: { image: a, ports: ['10.20.0.5:80:80'] }
  all: { image: a, ports: ['80:80'] }
";
    let lab = lab(&[("p/compose.yaml", compose), ("instance.toml", instance)]);
    let expected = [
        ("home", Lan, Lan),
        ("mesh", Tailnet, Tailnet),
        ("wan", Internet, Internet),
        ("all", Internet, Internet),
    ];
    check("interfaces", &lab, &expected);
}

#[test]
fn a_lab_may_say_where_its_own_programs_listen() {
    let compose = "services:
  vpn: { image: vpn, ports: ['9000:9000', '127.0.0.1:8080:8080'] }
  mine: { image: 'ghcr.io/me/thing:1', network_mode: 'service:vpn' }
  other: { image: crazymax/rtorrent-rutorrent, network_mode: 'service:vpn' }
";
    let toml = "[systems.thing]\nimages = ['ghcr.io/me/thing']\nports = [{ number = 9000, role = 'web' }]\n";
    let lab = lab(&[("p/compose.yaml", compose), ("lab.toml", toml)]);
    check(
        "own",
        &lab,
        &[
            ("mine", Lan, Internet),
            ("other", Host, Host),
            ("vpn", Host, Host),
        ],
    );
    let application = |name| exposure(&lab, name).view().application;
    assert_eq!(application("mine").as_deref(), Some("thing"));
    assert_eq!(application("other"), None, "a kind of applications is none");
}

#[test]
fn a_forward_opens_exactly_its_own_ports() {
    let instance = "[hosts.nas]
addresses = ['192.168.1.10']
public_addresses = []
[[hosts.nas.forwards]]
port = 443
target = 8443
reason = 'web'
[[hosts.nas.forwards]]
port = '6000-6010'
protocol = 'udp'
";
    let compose = "services:
  web: { image: a, ports: ['8443:443', '8080:80'] }
  other: { image: b, ports: ['443:443'] }
  game: { image: c, ports: ['6005:6005/udp'] }
  tcp: { image: d, ports: ['6006:6006'] }
  local: { image: e, ports: ['127.0.0.1:6007:6007/udp'] }
";
    let lab = lab(&[("p/compose.yaml", compose), ("instance.toml", instance)]);
    assert!(
        lab.diagnostics()
            .iter()
            .all(|one| !one.rule().id.starts_with("lab.invalid")),
        "{:?}",
        lab.diagnostics()
    );
    check(
        "forwards",
        &lab,
        &[
            ("web", Internet, Internet),
            ("other", Lan, Lan),
            ("game", Internet, Internet),
            ("tcp", Lan, Lan),
            ("local", Host, Host),
        ],
    );
    let web = exposure(&lab, "web");
    let public: Vec<_> = web
        .paths()
        .iter()
        .filter(|path| path.zone() == Internet)
        .collect();
    assert_eq!(public.len(), 1, "{web}");
    assert_eq!(
        (public[0].kind(), public[0].port()),
        (PathKind::RouterForward, Some(443))
    );
    assert_eq!(
        public[0].evidence()[1].place().expect("a place").source().name(),
        "instance.toml"
    );
}

#[test]
fn a_range_is_one_way_in() {
    let instance = "[hosts.nas]
addresses = ['192.168.1.10']
public_addresses = []
[[hosts.nas.forwards]]
port = '10005-10009'
protocol = 'udp'
";
    let compose = "services:
  a: { image: a, ports: ['10000-20000:20000-30000/udp', '8000-8010:80', '9000-9001'] }
  b: { image: b, network_mode: 'service:c', expose: ['7001'] }
  c: { image: c, ports: ['7000-7001:7000-7001'], expose: ['7000'] }
";
    let lab = lab(&[("p/compose.yaml", compose), ("instance.toml", instance)]);
    let a = exposure(&lab, "a");
    let labels: Vec<&str> = a.paths().iter().map(super::Path::label).collect();
    assert_eq!(
        labels,
        [
            "router 10005-10009 -> 10000-20000 -> 20000-30000/udp",
            "10000-20000 -> 20000-30000/udp",
            "8000-8010 -> 80/tcp",
            "a port that the engine chooses -> 9000-9001/tcp",
        ]
    );
    assert_eq!(a.paths()[0].ports(), Some((20005, 20009)));
    assert!(a.paths()[1].leads_to(25000) && !a.paths()[1].leads_to(10005));
    assert_eq!(
        exposure(&lab, "b").paths()[0].ports(),
        Some((7001, 7001)),
        "each port is another's"
    );
}

#[test]
fn a_service_without_a_port_is_reached_from_its_machine_only() {
    let lab = of("services:
  a: { image: a }
  b: { image: b, expose: ['9000'] }
  c: { image: c, network_mode: none }
  d: { image: d, networks: [inside], ports: ['80:80'] }
  e: { image: e, networks: [inside, default], ports: ['80:80'] }
  f: { image: f, network_mode: bridge, ports: ['81:80'] }
networks: { inside: { internal: true } }
");
    check(
        "no ports",
        &lab,
        &[
            ("a", Host, Host),
            ("b", Host, Host),
            ("c", Nobody, Nobody),
            ("d", Host, Host),
            ("e", Lan, Internet),
            ("f", Lan, Internet),
        ],
    );
    assert_eq!(kinds(&exposure(&lab, "a")), [PathKind::ContainerNetwork]);
    assert!(
        exposure(&lab, "a").paths()[0].label().contains("`p_default`"),
        "{}",
        exposure(&lab, "a")
    );
    assert!(exposure(&lab, "c").paths().is_empty());
    assert_eq!(exposure(&lab, "c").zones(), []);
}

#[test]
fn the_machines_own_network_is_open_as_the_machine_is() {
    let compose = "services:
  a: { image: a, network_mode: host }
  b: { image: b, network_mode: host, expose: ['9000'] }
  c: { image: c, network_mode: host, command: ['--web.listen-address=127.0.0.1:9100'] }
  d: { image: d, networks: [host] }
networks: { host: { external: true, name: host } }
";
    check(
        "host",
        &of(compose),
        &[
            ("a", Lan, Internet),
            ("b", Lan, Internet),
            ("c", Host, Host),
            ("d", Lan, Internet),
        ],
    );
    let instance = "[hosts.nas]\naddresses = ['192.168.1.10']\npublic_addresses = []\n[[hosts.nas.forwards]]\nport = 9000\n";
    let lab = lab(&[("p/compose.yaml", compose), ("instance.toml", instance)]);
    check(
        "a forward to a port that one is known to have",
        &lab,
        &[("a", Lan, Lan), ("b", Internet, Internet), ("c", Host, Host)],
    );
    let unknown = instance.replace("9000", "9999");
    let lab = self::lab(&[("p/compose.yaml", compose), ("instance.toml", &unknown)]);
    check(
        "a forward to a port of nobody known",
        &lab,
        &[("a", Lan, Internet), ("b", Lan, Lan)],
    );
}

#[test]
fn a_forward_that_is_not_understood_may_be_another_one() {
    let compose = "services: { a: { image: a, ports: ['8443:80'] } }";
    let instance = "[hosts.nas]\naddresses = ['192.168.1.10']\npublic_addresses = []\n[[hosts.nas.forwards]]\nport = 443\n";
    for (more, at_most) in [
        ("", Lan),
        ("target = 444\n", Lan),
        ("to = 8443\n", Internet),
        ("target = 'https'\n", Internet),
        ("[[hosts.nas.forwards]]\nport = 'https'\n", Internet),
        ("[[hosts.nas.forwards]]\ntarget = 8443\n", Internet),
    ] {
        let lab = lab(&[
            ("p/compose.yaml", compose),
            ("instance.toml", &format!("{instance}{more}")),
        ]);
        check(more, &lab, &[("a", Lan, at_most)]);
    }
}

#[test]
fn whoever_uses_anothers_network_has_its_ports() {
    let lab = of("services:
  vpn: { image: vpn, ports: ['8080:8080', '127.0.0.1:9000:9000'] }
  app: { image: app, network_mode: 'service:vpn' }
  named: { image: named, container_name: box, ports: ['100.64.0.9:1:1'] }
  by-name: { image: x, network_mode: 'container:box' }
  chain: { image: x, network_mode: 'service:by-name' }
  hosted: { image: x, network_mode: 'service:on-host' }
  on-host: { image: x, network_mode: host }
  lost: { image: x, network_mode: 'container:elsewhere' }
");
    check(
        "shared",
        &lab,
        &[
            ("vpn", Lan, Internet),
            ("app", Lan, Internet),
            ("by-name", Tailnet, Tailnet),
            ("chain", Tailnet, Tailnet),
            ("hosted", Lan, Internet),
            ("lost", Host, Internet),
        ],
    );
    let app = exposure(&lab, "app");
    let evidence: Vec<&str> = app.paths()[0]
        .evidence()
        .iter()
        .map(crate::finding::Evidence::text)
        .collect();
    assert!(
        evidence.contains(&"it uses the network of `p/vpn`"),
        "{evidence:?}"
    );
}

#[test]
fn a_port_belongs_to_whoever_is_known_to_listen_on_it() {
    let lab = of("services:
  vpn: { image: vpn, ports: ['8080:8080', '127.0.0.1:9000:9000'] }
  a: { image: a, network_mode: 'service:vpn', expose: ['8080'] }
  b: { image: b, network_mode: 'service:vpn', expose: ['9000'] }
");
    check(
        "attributed",
        &lab,
        &[("a", Lan, Internet), ("b", Host, Host), ("vpn", Host, Host)],
    );
}

#[test]
fn rings_and_missing_services_do_not_hang_or_panic() {
    let lab = of("services:
  a: { image: a, network_mode: 'service:b' }
  b: { image: b, network_mode: 'service:a' }
  c: { image: c, network_mode: 'service:c' }
  d: { image: d, network_mode: 'service:nobody' }
");
    for name in ["a", "b", "c"] {
        assert_eq!(exposure(&lab, name).reach(), Nobody, "{name} cannot start");
    }
    check("missing", &lab, &[("d", Host, Internet)]);
}

#[test]
fn a_service_that_is_not_started_keeps_its_declared_reach() {
    let lab = of("services:
  a: { image: a, profiles: [debug], ports: ['80:80'] }
  b: { image: b, network_mode: 'service:a', profiles: [debug] }
  c: { image: c, deploy: { replicas: 0 }, ports: ['81:80'] }
");
    check(
        "profiles",
        &lab,
        &[("a", Lan, Internet), ("b", Lan, Internet), ("c", Lan, Internet)],
    );
}

#[test]
fn a_name_is_needed_where_several_have_it() {
    let lab = of("services: { a: { image: a } }");
    assert!(lab.exposure("nobody", &seen()).is_err());
}

#[test]
fn the_view_says_the_same() {
    let lab = of("services: { a: { image: 'a:1', ports: ['8080:80'] } }");
    let view = exposure(&lab, "a").view();
    assert_eq!(
        (view.project.as_str(), view.name.as_str(), view.image.as_deref()),
        ("p", "a", Some("a:1"))
    );
    assert_eq!((view.reach, view.at_most), (Lan, Internet));
    assert_eq!(view.zones, [Host, Lan]);
    assert_eq!(view.paths[0].kind, "published_port");
    assert_eq!(
        view.paths[0].evidence[0].place.as_ref().expect("a place").file,
        "p/compose.yaml"
    );
    assert_eq!(view.unknowns.len(), 1);
    assert_eq!(
        exposure(&lab, "a").to_string(),
        "p/a: lan, at most internet\n  lan, at most internet: published_port 8080 -> 80/tcp\n  \
         not known: whether its machine has a public address or a forward from the router"
    );
}

#[test]
fn programs_of_one_kind_do_not_share_their_ports() {
    let instance = PUBLIC;
    let of_image = |image: &str| {
        let compose = format!("services: {{ a: {{ image: '{image}', network_mode: host }} }}");
        lab(&[("p/compose.yaml", &compose), ("instance.toml", instance)])
    };
    for image in [
        "favonia/cloudflare-ddns:1",
        "linuxserver/openvscode-server",
        "crazymax/rtorrent-rutorrent",
        "rnwood/smtp4dev",
        "golift/unpackerr",
        "drupal",
        "mcp/fetch",
        "supabase/storage-api",
        "langgenius/dify-sandbox",
        "victoriametrics/vmagent",
    ] {
        let lab = of_image(image);
        let a = exposure(&lab, "a");
        assert!(a.paths().iter().all(|path| path.port().is_none()), "{image} {a}");
        let findings = lab.access_findings(&[a], &seen());
        let admin = findings
            .iter()
            .find(|finding| finding.rule().id == "access.admin-surface-reachable");
        assert!(admin.is_none(), "{image}: {admin:?}");
    }
    for (image, application, port) in [
        ("linuxserver/sonarr", "sonarr", 8989),
        ("lscr.io/linuxserver/qbittorrent", "qbittorrent", 8080),
        ("me/radarr", "radarr", 7878),
        ("oliver006/redis_exporter", "redis-exporter", 9121),
        ("supabase/studio", "supabase-studio", 3000),
    ] {
        let own = exposure(&of_image(image), "a");
        assert_eq!(own.view().application.as_deref(), Some(application));
        let ports: Vec<Option<u16>> = own.paths().iter().map(|path| path.port()).collect();
        assert!(ports.contains(&Some(port)), "{image} {own}");
    }
    let own = exposure(&of_image("qmcgaw/ddns-updater"), "a");
    assert_eq!(own.view().application.as_deref(), Some("ddns-updater"));
    assert!(own.paths().iter().any(|path| path.leads_to(8000)), "{own}");
}
