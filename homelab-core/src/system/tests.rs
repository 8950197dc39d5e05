use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::*;
use crate::service::image::ImageReference;

const SCHEMA: &str = "../schemas/system.schema.json";

fn recognised(image: &str) -> Option<&'static str> {
    let image = ImageReference::without_broken_tag(image).expect(image);
    Catalog::builtin().recognise_image(&image).map(System::id)
}

fn files() -> Vec<(&'static str, IndexMap<String, System>)> {
    catalog::FILES
        .iter()
        .map(|(name, text)| {
            let systems = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (*name, systems)
        })
        .collect()
}

#[test]
fn images_are_recognised_in_every_way_of_writing_them() {
    let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (image, id) in [
        ("nginx", Some("nginx")),
        ("nginx:1.27-alpine", Some("nginx")),
        ("docker.io/library/postgres:16-alpine", Some("postgres")),
        ("lscr.io/linuxserver/nextcloud:31", Some("nextcloud")),
        ("ghcr.io/linuxserver/nextcloud", Some("nextcloud")),
        ("ghcr.io/immich-app/immich-server:v1.120.0@DIGEST", Some("immich")),
        ("ghcr.io/immich-app/immich-server:", Some("immich")),
        (
            "ghcr.io/immich-app/immich-machine-learning:release-cuda",
            Some("immich-machine-learning"),
        ),
        (
            "ghcr.io/immich-app/postgres:14-vectorchord0.4.3",
            Some("postgres"),
        ),
        ("mirror.gcr.io/library/redis:7", Some("redis")),
        ("public.ecr.aws/docker/library/mariadb:11", Some("mariadb")),
        (
            "nas.lan:5000/ghcr.io/goauthentik/server:2025.8",
            Some("authentik"),
        ),
        ("nas.lan:5000/hub/vaultwarden/server:1.32.0", Some("vaultwarden")),
        ("nas.lan:5000/homeassistant:2025.1", Some("home-assistant")),
        ("localhost:5000/foo", None),
        ("me/server", None),
        ("mcp/fetch", Some("mcp")),
        ("ghcr.io/me/weather-mcp-server:1", Some("mcp")),
        ("ghcr.io/github/github-mcp-server", Some("github-mcp")),
        ("me/my-ddns", Some("dynamic-dns")),
        ("makeplane/plane-space:v0.24", Some("plane")),
        ("nextcloud/all-in-one", Some("nextcloud-aio")),
        ("nextcloud/aio-nextcloud", Some("nextcloud-aio-part")),
    ] {
        assert_eq!(recognised(&image.replace("DIGEST", digest)), id, "{image}");
    }
}

#[test]
fn services_are_recognised_by_more_than_their_image() {
    let text = r#"
services:
  image: { image: 'vaultwarden/server:1.32.0' }
  tag: { image: 'ghcr.io/immich-app/immich-server:${VERSION}' }
  label: { build: ., labels: { io.modelcontextprotocol.server.name: me/weather } }
  mirror: { image: 'nas.lan:5000/hub/louislam/uptime-kuma:1' }
  name: { image: 'nas.lan:5000/homeassistant:1' }
  immich_server: { build: ., ports: ['2283:2283'] }
  word: { image: 'me/my-ddns' }
  base: { image: alpine, container_name: my-uptime-kuma, expose: ['3001'] }
  bare: { image: 'alpine:3.20' }
  other_port: { build: ., container_name: immich, ports: ['8080:8080'] }
  other_name: { build: ., ports: ['2283:2283'] }
  nothing: { image: 'me/server' }
"#;
    let project = crate::compose::Project::from_text("lab", text).expect("a project");
    let catalog = Catalog::builtin();
    for (name, expected) in [
        ("image", Some(("vaultwarden", Basis::Image))),
        ("tag", Some(("immich", Basis::Image))),
        ("label", Some(("mcp", Basis::Label))),
        ("mirror", Some(("uptime-kuma", Basis::Mirror))),
        ("name", Some(("home-assistant", Basis::Name))),
        ("immich_server", Some(("immich", Basis::Port))),
        ("word", Some(("dynamic-dns", Basis::Word))),
        ("base", Some(("uptime-kuma", Basis::Port))),
        ("bare", Some(("alpine", Basis::Image))),
        ("other_port", None),
        ("other_name", None),
        ("nothing", None),
    ] {
        let service = &project.services()[&crate::ServiceName::new(name).expect("a name")];
        let found = catalog
            .explain(service)
            .map(|found| (found.system().id(), found.basis()));
        assert_eq!(found, expected, "{name}");
        assert_eq!(
            catalog.recognise(service).map(System::id),
            expected.map(|(id, _)| id),
            "{name}"
        );
    }
}

#[test]
fn what_other_rules_ask_for_has_its_category() {
    for (category, images) in [
        (
            Category::DynamicDns,
            &[
                "lscr.io/linuxserver/ddclient",
                "linuxserver/duckdns",
                "favonia/cloudflare-ddns",
                "qmcgaw/ddns-updater",
                "troglobit/inadyn",
            ][..],
        ),
        (
            Category::Tunnel,
            &[
                "cloudflare/cloudflared",
                "ngrok/ngrok",
                "snowdreamtech/frpc",
                "fosrl/newt",
                "fosrl/pangolin",
            ],
        ),
        (
            Category::Proxy,
            &[
                "traefik:v3",
                "caddy:2",
                "lucaslorentz/caddy-docker-proxy",
                "nginxproxy/nginx-proxy",
                "jc21/nginx-proxy-manager",
                "lscr.io/linuxserver/swag",
            ],
        ),
        (
            Category::Tailnet,
            &[
                "tailscale/tailscale",
                "almeidapaulopt/tsdproxy:2",
                "ghcr.io/jtdowney/tsbridge",
            ],
        ),
        (
            Category::Vpn,
            &[
                "qmcgaw/gluetun",
                "ghcr.io/wg-easy/wg-easy:15",
                "linuxserver/wireguard",
            ],
        ),
        (
            Category::Updater,
            &[
                "containrrr/watchtower",
                "nickfedor/watchtower",
                "crazymax/diun",
                "getwud/wud",
                "pyouroboros/ouroboros",
            ],
        ),
        (
            Category::SocketProxy,
            &[
                "tecnativa/docker-socket-proxy",
                "lscr.io/linuxserver/socket-proxy",
            ],
        ),
        (
            Category::Identity,
            &[
                "authelia/authelia",
                "ghcr.io/goauthentik/server",
                "quay.io/keycloak/keycloak",
                "quay.io/oauth2-proxy/oauth2-proxy",
                "ghcr.io/steveiliop56/tinyauth",
                "ghcr.io/pocket-id/pocket-id",
            ],
        ),
        (
            Category::Database,
            &["postgres", "mariadb", "mysql", "mongo", "pgvector/pgvector:pg16"],
        ),
        (Category::Cache, &["redis", "valkey/valkey:8", "memcached"]),
    ] {
        for image in images {
            let id = recognised(image).unwrap_or_else(|| panic!("{image} is not recognised"));
            let system = Catalog::builtin()
                .system(id)
                .expect("a recognised system is listed");
            assert_eq!(system.category(), category, "{image} is {id}");
        }
    }
}

#[test]
fn hosts_repositories_and_folders_are_recognised() {
    let catalog = Catalog::builtin();
    for kind in [
        "truenas", "unraid", "synology", "k3s", "zfs", "docker", "podman", "proxmox",
    ] {
        assert_eq!(catalog.host_kind(kind).map(System::id), Some(kind));
    }
    assert_eq!(
        catalog.repository("s3:https://host/bucket").map(System::id),
        Some("s3")
    );
    assert_eq!(catalog.repository("b2:bucket:path").map(System::id), Some("b2"));
    assert_eq!(catalog.repository("/srv/copies").map(System::id), None);
    assert_eq!(
        catalog.folder(".obsidian").map(System::id),
        Some("obsidian-vault")
    );
    assert!(catalog.host_kind("toaster").is_none());
}

#[test]
fn what_must_stay_inside_is_marked() {
    let catalog = Catalog::builtin();
    let port = |id: &str, number| {
        let system = catalog.system(id).expect(id);
        system.port(number, Transport::Tcp).expect("a known port")
    };
    for (id, number) in [
        ("portainer", 9443),
        ("nginx-proxy-manager", 81),
        ("traefik", 8080),
        ("prometheus", 9090),
        ("postgres", 5432),
        ("caddy", 2019),
        ("socket-proxy", 2375),
        ("alertmanager", 9093),
    ] {
        assert!(port(id, number).never_public, "{id} {number}");
    }
    assert!(!port("immich", 2283).never_public);
    assert_eq!(port("prometheus", 9090).auth, Authentication::None);
    assert_eq!(port("portainer", 9443).auth, Authentication::FirstVisitor);
    assert_eq!(
        catalog.system("vaultwarden").expect("vaultwarden").admin_paths()[0].path,
        "/admin"
    );
    assert_eq!(
        catalog
            .system("immich")
            .expect("immich")
            .web_port()
            .map(|port| port.number),
        Some(2283)
    );
}

#[test]
fn a_mount_is_judged_by_the_nearest_path() {
    let immich = Catalog::builtin().system("immich").expect("immich");
    for (target, class) in [
        ("/data", Some(Class::Irreplaceable)),
        ("/data/", Some(Class::Irreplaceable)),
        ("/data/upload", Some(Class::Irreplaceable)),
        ("/data/thumbs", Some(Class::Reproducible)),
        ("/data/thumbs/x", Some(Class::Reproducible)),
        ("/usr/src/app", Some(Class::Irreplaceable)),
        ("/database", None),
        ("/etc/localtime", None),
    ] {
        assert_eq!(immich.data_at(target).map(|data| data.class), class, "{target}");
    }
}

#[test]
fn a_lab_adds_to_what_is_known_and_wins() {
    let parse = |text: &str| toml::from_str::<System>(text).expect(text);
    let catalog = Catalog::with([
        (
            "immich".to_owned(),
            parse("images = ['nas.lan/photos']\nsecrets = ['MY_THING']"),
        ),
        (
            "mine".to_owned(),
            parse(
                "name = 'Mine'\nimages = ['nginx', 'ghcr.io/me/*']\ndata = [{ path = '/d', class = 'important' }]",
            ),
        ),
    ]);
    let id = |image: &str| {
        let image = ImageReference::new(image).expect(image);
        catalog.recognise_image(&image).map(System::id)
    };
    assert_eq!(id("nas.lan/photos:1"), Some("immich"));
    assert_eq!(id("ghcr.io/immich-app/immich-server"), Some("immich"));
    assert_eq!(id("nginx:1"), Some("mine"), "the lab's entry wins");
    assert_eq!(id("ghcr.io/me/anything"), Some("mine"));
    let immich = catalog.system("immich").expect("immich");
    assert!(immich.is_secret("MY_THING") && immich.is_secret("DB_PASSWORD"));
    assert_eq!(immich.category(), Category::Photos);
    assert_eq!(catalog.system("mine").expect("mine").category(), Category::Other);
    assert_eq!(Catalog::builtin().system("mine").map(System::id), None);
    for (text, what) in [
        ("imags = []", "unknown field `imags`"),
        ("images = ['A']", "not a pattern of images"),
        ("category = 'foto'", "unknown variant `foto`"),
        ("capture = [{ do = 'dance' }]", "unknown variant `dance`"),
    ] {
        let error = toml::from_str::<System>(text).expect_err(text).to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn every_entry_is_unique_whole_and_makes_sense() {
    let mut ids = HashSet::new();
    let mut images: HashMap<String, String> = HashMap::new();
    let mut names: HashMap<String, String> = HashMap::new();
    let mut wrong = Vec::new();
    for (file, systems) in files() {
        for (id, system) in systems {
            let mut check = |holds: bool, what: &str| {
                if !holds {
                    wrong.push(format!("{file}: {id}: {what}"));
                }
            };
            check(ids.insert(id.clone()), "a second entry of this identity");
            check(
                id.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "an identity is lower-case letters, digits and `-`",
            );
            check(
                system.name.is_some() && system.category.is_some(),
                "it has a name and a category",
            );
            check(
                !(system.images.is_empty()
                    && system.names.is_empty()
                    && system.host_kinds.is_empty()
                    && system.repository_schemes.is_empty()
                    && system.folders.is_empty()),
                "something recognises it",
            );
            // What is true of one of them is not of the others; these alone are built to stand in for each other.
            let lends = !(system.ports.is_empty()
                && system.data.is_empty()
                && system.secrets.is_empty()
                && system.capture.is_empty()
                && system.admin_paths.is_empty()
                && system.health.is_none()
                && system.version.is_none()
                && system.database.needs.is_empty());
            check(
                !(system.generic && lends) || id == "socket-proxy",
                "a kind of programs lends nobody ports, data or secrets",
            );
            for image in &system.images {
                let other = images.insert(image.to_string(), id.clone());
                check(other.is_none(), &format!("{image} is also of {other:?}"));
            }
            for name in &system.names {
                let other = names.insert(name.clone(), id.clone());
                check(other.is_none(), &format!("the name {name} is also of {other:?}"));
            }
            let mut ports = HashSet::new();
            for port in &system.ports {
                check(
                    ports.insert((port.number, port.transport)),
                    &format!("port {} twice", port.number),
                );
                check(
                    port.role != PortRole::Database
                        || port.never_public
                        || id == "couchdb"
                        || id == "influxdb",
                    &format!("a database's port {} is never public", port.number),
                );
            }
            for when in &system.open_when {
                check(
                    system.port(when.port, Transport::Tcp).is_some(),
                    "a port that settings open is listed",
                );
                let says = !(when.set.is_empty() && when.unset.is_empty() && when.says.is_empty());
                check(says, "something must be set or left out");
            }
            for endpoint in system.health.iter().chain(&system.version) {
                check(
                    endpoint.path.starts_with('/'),
                    "an endpoint's path begins with `/`",
                );
                check(
                    endpoint.port.is_some() || system.web_port().is_some() || system.ports.is_empty(),
                    "an endpoint has a port",
                );
                check(
                    endpoint
                        .port
                        .is_none_or(|port| system.ports.iter().any(|known| known.number == port)),
                    "an endpoint's port is listed",
                );
                check(
                    endpoint
                        .pointer
                        .as_ref()
                        .is_none_or(|pointer| pointer.is_empty() || pointer.starts_with('/')),
                    "a pointer is empty or begins with `/`",
                );
            }
            for data in &system.data {
                check(data.path.starts_with('/'), "a path of data begins with `/`");
            }
            for step in &system.capture {
                if let CaptureStep::Copy { paths } = step {
                    for path in paths {
                        check(
                            system.data_at(path).is_some(),
                            &format!("the copied path {path} is data"),
                        );
                    }
                }
                if let CaptureStep::Dump { run, load, .. } = step {
                    check(!run.is_empty(), "a dump runs something");
                    let open = run.iter().chain(load).any(|word| {
                        word.contains("PASSWORD") || word.contains("TOKEN") || word.contains("SECRET")
                    });
                    check(!open, "a password is not a word of a command");
                }
            }
            if system
                .capture
                .iter()
                .any(|step| matches!(step, CaptureStep::Database {}))
            {
                let database = &system.database;
                check(
                    !(database.needs.is_empty() && database.can_use.is_empty()),
                    "a recipe that captures databases names them",
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_category_of_the_catalog_is_used() {
    let used: HashSet<_> = Catalog::builtin().systems().map(System::category).collect();
    let unused: Vec<_> = Category::ALL
        .iter()
        .filter(|category| **category != Category::Other && !used.contains(*category))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn the_schema_is_current() {
    let schema = schemars::schema_for!(std::collections::BTreeMap<String, System>);
    let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(SCHEMA);
    if std::env::var_os("HOMELAB_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("make schemas/");
        std::fs::write(&path, &text).expect("write the schema");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == text,
        "{SCHEMA} is not current: run this test with HOMELAB_UPDATE=1"
    );
}
