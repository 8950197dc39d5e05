use super::*;
use crate::compose::{MountKind, Protocol};
use crate::inventory::{ContainerState, HostInventory, Mounted};
use crate::secret::Secret;
use crate::view::Reach;

fn binding(address: Option<&str>, port: u16, target: u16) -> Binding {
    Binding {
        address: address.map(|text| text.parse().expect("an address")),
        port,
        target,
        protocol: Protocol::Tcp,
    }
}

fn running(name: &str, image: &str, ports: &[Binding]) -> Container {
    let mut container = Container::new(format!("id-of-{name}"), name);
    container.state = ContainerState::Running;
    container.image = image.to_owned();
    container.ports = ports.to_vec();
    container
}

fn of(mut container: Container, project: &str, service: &str) -> Container {
    for (name, value) in [("project", project), ("service", service)] {
        let name = format!("com.docker.compose.{name}");
        container.labels.insert(name, value.to_owned());
    }
    container
}

fn inventory(hosts: &[(&str, &[Container])]) -> Inventory {
    Inventory::new(hosts.iter().map(|(name, containers)| {
        let at = "2027-01-01T00:00:00Z".parse().expect("a time");
        let mut host = HostInventory::new(name.parse().expect("a name"), at, "docker");
        host.containers = Some(containers.to_vec());
        host
    }))
}

fn seen(inventory: &Inventory) -> Observed {
    let at = "2027-01-01T00:00:00Z".parse().expect("a time");
    Observed::none(at).with_inventory(inventory.clone())
}

fn lab(compose: &str, instance: &str) -> Lab {
    Lab::from_texts(
        "home",
        [("web/compose.yaml", compose), ("instance.toml", instance)],
    )
}

const HIDDEN: &str = "services: { site: { image: 'nginx:1.29', ports: ['127.0.0.1:8080:80'] } }";

#[test]
fn a_port_that_is_bound_and_not_written_is_judged_as_if_it_were() {
    let lab = lab(HIDDEN, "");
    let reach = |ports: &[Binding]| {
        let site = of(running("web-site-1", "nginx:1.29", ports), "web", "site");
        let exposure = lab.exposure("web/site", &seen(&inventory(&[("nas", &[site])])));
        exposure.expect("it is there")
    };
    assert_eq!(
        reach(&[binding(Some("127.0.0.1"), 8080, 80)]).reach(),
        Reach::Host
    );
    let open = reach(&[binding(None, 8080, 80)]);
    assert_eq!(open.reach(), Reach::Lan);
    let place = open.view().paths[0].evidence[0].place.clone().expect("a place");
    assert_eq!(place.file, "seen:nas/web/compose.yaml");
    assert_eq!(
        reach(&[]).reach(),
        Reach::Host,
        "what is written and not bound keeps its reach"
    );
}

#[test]
fn the_hosts_own_network_that_is_not_written_is_judged_as_such() {
    let lab = lab("services: { site: { image: 'nginx:1.29' } }", "");
    let mut site = of(running("web-site-1", "nginx:1.29", &[]), "web", "site");
    let reach = |site: &Container| {
        let inventory = inventory(&[("nas", std::slice::from_ref(site))]);
        lab.exposure("web/site", &seen(&inventory))
            .expect("it is there")
            .reach()
    };
    assert_eq!(reach(&site), Reach::Host);
    site.network_mode = "host".to_owned();
    assert_eq!(reach(&site), Reach::Lan);
}

#[test]
fn what_differs_on_one_host_differs_there_only() {
    let lab = lab(
        HIDDEN,
        "[hosts.nas]\n[hosts.server]\n[projects.web]\nhosts = ['nas', 'server']",
    );
    let site = |ports: &[Binding]| [of(running("web-site-1", "nginx:1.29", ports), "web", "site")];
    let seen = seen(&inventory(&[
        ("nas", &site(&[binding(None, 80, 80)])),
        ("server", &site(&[])),
    ]));
    let reach = |name: &str| lab.exposure(name, &seen).expect("it is there").reach();
    assert_eq!(reach("nas:web/site"), Reach::Lan);
    assert_eq!(reach("server:web/site"), Reach::Host);
}

#[test]
fn what_runs_and_is_in_no_file_is_in_the_report_and_only_there() {
    let lab = lab(HIDDEN, "[hosts.nas]");
    let extra = running("adminer", "adminer:4", &[binding(None, 9000, 8080)]);
    let mut stopped = running("old", "nginx", &[]);
    stopped.state = ContainerState::Exited;
    let seen = seen(&inventory(&[("nas", &[extra, stopped])]));
    assert_eq!(lab.exposures(&seen).len(), 1);
    let report = lab.audit(&seen);
    let view = report
        .services()
        .iter()
        .find(|service| service.project == "_")
        .expect("it is there");
    assert_eq!(
        (view.host.as_deref(), view.name.as_str()),
        (Some("nas"), "adminer")
    );
    assert_eq!(view.reach, Reach::Lan);
    assert_eq!(report.services().len(), 2, "what does not run binds nothing");
    let running = lab.as_running(&seen).expect("there is more");
    assert!(running.as_running(&seen).is_none(), "all of it is in");
    assert!(lab.as_running(&Observed::none(seen.at())).is_none());
}

#[test]
fn a_proxy_that_is_in_no_file_leads_to_what_is() {
    let lab = Lab::from_texts(
        "home",
        [(
            "web/compose.yaml",
            "services: { site: { image: 'nginx:1.29', networks: [edge], labels: { traefik.enable: 'true', \
             traefik.http.routers.site.rule: 'Host(`a.example`)' } } }\nnetworks: { edge: { external: true } }",
        )],
    );
    let site = of(running("web-site-1", "nginx:1.29", &[]), "web", "site");
    let mut proxy = running("traefik", "traefik:v3", &[binding(None, 443, 443)]);
    proxy.networks.insert("edge".to_owned(), Vec::new());
    proxy.command = ["--providers.docker=true", "--entrypoints.websecure.address=:443"]
        .map(str::to_owned)
        .to_vec();
    let without = seen(&inventory(&[("nas", std::slice::from_ref(&site))]));
    assert_eq!(
        lab.exposure("site", &without).expect("there").reach(),
        Reach::Host
    );
    let with = seen(&inventory(&[("nas", &[site, proxy])]));
    assert_eq!(lab.exposure("site", &with).expect("there").reach(), Reach::Lan);
}

fn zoo() -> Inventory {
    let mut database = of(running("photos_db_1", "postgres:16", &[]), "photos", "db");
    for (name, value) in [
        ("POSTGRES_PASSWORD", "correct-horse"),
        ("ODD", "it's $5 \\ \"a\"\nb # c"),
        ("PATH", "/bin"),
    ] {
        database.environment.insert(name.to_owned(), Secret::new(value));
    }
    database.networks.insert("photos_default".to_owned(), Vec::new());
    database.mounts = vec![Mounted {
        target: "/var/lib/postgresql/data".to_owned(),
        kind: MountKind::Volume,
        source: Some("photos_data".to_owned()),
        read_only: false,
    }];
    let mut server = of(
        running(
            "photos_server_1",
            "ghcr.io/x/photos:v1",
            &[binding(None, 2283, 2283)],
        ),
        "photos",
        "server",
    );
    server.networks.insert("photos_default".to_owned(), Vec::new());
    server
        .labels
        .insert("note".to_owned(), "costs $HOME: \"5\"".to_owned());
    let mut portainer = running(
        "portainer",
        "portainer/portainer-ce:2",
        &[binding(Some("192.0.2.3"), 9443, 9443)],
    );
    portainer.mounts = vec![Mounted {
        target: "/var/run/docker.sock".to_owned(),
        kind: MountKind::Bind,
        source: Some("/var/run/docker.sock".to_owned()),
        read_only: true,
    }];
    portainer.restart = Some(crate::compose::RestartPolicy::Always);
    portainer.privileged = true;
    let replicas = [1, 2].map(|number| {
        of(
            running(&format!("photos-worker-{number}"), "worker:1", &[]),
            "photos",
            "worker",
        )
    });
    let [first, second] = replicas;
    let mut exporter = of(running("photos-server-1", "other:1", &[]), "photos", "server");
    exporter.network_mode = "host".to_owned();
    inventory(&[
        ("nas", &[database, server, portainer, first, second]),
        ("vps", &[exporter]),
    ])
}

#[test]
fn an_adopted_lab_is_what_its_engines_have() {
    let inventory = zoo();
    let lab = Lab::adopt("home", &inventory);
    assert!(lab.diagnostics().is_empty(), "{:?}", lab.diagnostics());
    let names: Vec<String> = lab.services().map(|service| service.id().to_string()).collect();
    assert_eq!(
        names,
        [
            "nas:nas-loose/portainer",
            "nas:nas-photos/db",
            "nas:nas-photos/server",
            "nas:nas-photos/worker",
            "vps:vps-photos/server"
        ]
    );
    let seen = seen(&inventory);
    let placed = lab.placements(&inventory);
    let known = placed.iter().filter(|one| one.service().is_some()).count();
    assert_eq!(
        known, 4,
        "but for two of one service in a project that is called otherwise: {placed:?}"
    );
    let reach = |name: &str| lab.exposure(name, &seen).expect("it is there").reach();
    assert_eq!(reach("nas-photos/server"), Reach::Lan);
    assert_eq!(reach("nas-photos/db"), Reach::Host);
    assert_eq!(reach("vps-photos/server"), Reach::Lan);
    let report = lab.audit(&seen);
    let rules: Vec<&str> = report
        .findings()
        .iter()
        .map(|finding| finding.rule().id)
        .collect();
    assert!(rules.contains(&"service.privileged"), "{rules:?}");
}

#[test]
fn values_of_variables_are_in_files_of_their_own() {
    let files = adopted(&zoo());
    let text = |path: &str| {
        let file = files.iter().find(|(name, _)| name == path);
        file.map(|(_, text)| text.as_str())
            .unwrap_or_else(|| panic!("{path} in {files:?}"))
    };
    assert!(!text("services/nas-photos/compose.yaml").contains("correct-horse"));
    assert!(text("services/nas-photos/db.env").contains("POSTGRES_PASSWORD='correct-horse'"));
    let lab = Lab::adopt("home", &zoo());
    let service = lab.service("nas-photos/db").expect("there").service();
    let value = |name: &str| service.environment[name].value.as_deref();
    assert_eq!(value("ODD"), Some("it's $5 \\ \"a\"\nb # c"), "as it was");
    assert!(!service.environment.contains_key("PATH"));
    let label = &lab.service("nas-photos/server").expect("there").service().labels["note"];
    assert_eq!(label.value, "costs $HOME: \"5\"");
}

#[test]
fn a_lab_that_is_adopted_does_not_differ_from_its_engines() {
    let one = of(
        running("a-web-1", "nginx:1", &[binding(None, 80, 80)]),
        "a",
        "web",
    );
    let mut loose = running("lonely", "busybox:1", &[]);
    loose
        .environment
        .insert("TZ".to_owned(), Secret::new("Europe/Vienna"));
    loose.mounts = vec![Mounted {
        target: "/x".to_owned(),
        kind: MountKind::Bind,
        source: Some("/srv/x".to_owned()),
        read_only: true,
    }];
    let inventory = inventory(&[("nas", &[one, loose])]);
    let drift = Lab::adopt("home", &inventory).drift(&seen(&inventory));
    assert_eq!(drift.differences(), [], "{drift}");
    assert_eq!(drift.exit_code(), 0);
}

#[test]
fn a_network_that_is_attached_and_not_written_is_one_all_the_same() {
    let compose = "services:
  site: { image: 'nginx:1.29' }
  other: { image: 'nginx:1.29' }
";
    let proxy = "services:
  npm: { image: 'jc21/nginx-proxy-manager:2', ports: ['203.0.113.7:80:80'], networks: [front] }
networks: { front: { name: front } }
";
    let lab = Lab::from_texts(
        "home",
        [
            ("web/compose.yaml", compose),
            ("npm/compose.yaml", proxy),
            (
                "instance.toml",
                "[hosts.nas]\naddresses = ['192.168.1.10']\npublic_addresses = ['203.0.113.7']\nforwards = []\n",
            ),
        ],
    );
    let at_most = |networks: &[&str], privileged: bool| {
        let mut site = of(running("web-site-1", "nginx:1.29", &[]), "web", "site");
        site.networks = networks
            .iter()
            .map(|name| ((*name).to_owned(), Vec::new()))
            .collect();
        site.privileged = privileged;
        let seen = seen(&inventory(&[("nas", &[site])]));
        let exposures = lab.exposures(&seen);
        let of = |name: &str| {
            let found = exposures.iter().find(|one| one.id().service().as_str() == name);
            found.expect("it is there").at_most()
        };
        let report = lab.audit(&seen);
        let says = report
            .findings()
            .iter()
            .any(|finding| finding.rule().id == "service.privileged");
        (of("site"), of("other"), says)
    };
    assert_eq!(
        at_most(&["web_default"], false),
        (Reach::Host, Reach::Host, false)
    );
    assert_eq!(
        at_most(&["web_default", "front"], false),
        (Reach::Internet, Reach::Host, false),
        "attached by hand"
    );
    assert_eq!(at_most(&["web_default"], true), (Reach::Host, Reach::Host, true));
}
