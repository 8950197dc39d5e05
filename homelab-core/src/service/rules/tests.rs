//! Each rule fires, and stays silent where one of its conditions does not hold.

mod secrets;
mod storage;

use crate::finding::{Finding, Severity};
use crate::lab::Lab;

/// What lab.toml says of the project `app`, which every test has.
const PRODUCTION: &str = "[tiers]\nproduction = ['app']";
const SANDBOX: &str = "[tiers]\nsandbox = ['app']";

fn lab(services: &str, toml: &str) -> Lab {
    let compose = format!("name: app\nservices:\n{services}");
    Lab::from_texts(
        "home",
        [("app/compose.yaml", compose.as_str()), ("lab.toml", toml)],
    )
}

/// Returns the findings about services that are written as YAML, indented by two.
fn findings(services: &str, toml: &str) -> Vec<Finding> {
    lab(services, toml).hygiene()
}

/// Returns the rules that speak of one service with these lines, and how much each weighs.
#[track_caller]
fn about(lines: &[&str]) -> Vec<(&'static str, Severity)> {
    about_in("", lines)
}

#[track_caller]
fn about_in(toml: &str, lines: &[&str]) -> Vec<(&'static str, Severity)> {
    let body: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    let findings = findings(&format!("  one:\n{body}"), toml);
    findings
        .iter()
        .map(|finding| (finding.rule().id, finding.severity()))
        .collect()
}

const SOCKET: &str = "volumes: ['/var/run/docker.sock:/var/run/docker.sock']";

#[test]
fn the_engines_socket_weighs_by_what_the_application_is_for() {
    let rule = "service.docker-socket";
    assert_eq!(
        about(&["image: example/unknown:1", SOCKET]),
        [(rule, Severity::Warning)]
    );
    assert_eq!(
        about(&["image: portainer/portainer-ce:2.33.0", SOCKET]),
        [(rule, Severity::Note)]
    );
    assert_eq!(
        about(&["image: traefik:v3.6.2", SOCKET]),
        [(rule, Severity::Warning)]
    );
    assert_eq!(about(&["image: tecnativa/docker-socket-proxy:0.4.1", SOCKET]), []);
    assert_eq!(
        about(&["image: example/unknown:1", "volumes: ['data:/data']"]),
        []
    );
}

#[test]
fn the_engines_socket_is_known_by_either_end_and_by_its_folder() {
    let rule = "service.docker-socket";
    for mount in [
        "/run/user/1000/podman/podman.sock:/var/run/engine.sock",
        "/srv/engine.socket:/var/run/docker.sock:ro",
        "/var/run:/var/run:ro",
        "/run/:/run",
        "/run/podman:/run/podman",
        "/run/containerd:/run/containerd",
        "/run/containerd/containerd.sock:/run/containerd.sock",
    ] {
        let volumes = format!("volumes: ['{mount}']");
        assert_eq!(
            about(&["image: example/unknown:1", &volumes]),
            [(rule, Severity::Warning)],
            "{mount}"
        );
    }
    for mount in [
        "/run/dbus:/run/dbus:ro",
        "/srv/app.sock:/app.sock",
        "docker.sock:/data",
    ] {
        let volumes = format!("volumes: ['{mount}']");
        assert_eq!(about(&["image: example/unknown:1", &volumes]), [], "{mount}");
    }
}

#[test]
fn a_read_only_socket_is_told_apart_in_words_only() {
    let said = |mode: &str| {
        let volumes = format!(
            "  one:\n    image: traefik:v3\n    volumes: ['/var/run/docker.sock:/var/run/docker.sock{mode}']\n"
        );
        findings(&volumes, "")[0].message().to_owned()
    };
    assert!(
        said(":ro").contains("read-only, which protects the file"),
        "{}",
        said(":ro")
    );
    assert!(!said("").contains("read-only"), "{}", said(""));
}

#[test]
fn a_socket_proxy_is_for_the_machine_itself() {
    let rule = "service.published-socket-proxy";
    let image = "image: tecnativa/docker-socket-proxy:0.4.1";
    assert_eq!(about(&[image, "ports: ['2375:2375']"]), [(rule, Severity::Error)]);
    assert_eq!(
        about(&[image, "ports: ['192.0.2.1:2375:2375']"]),
        [(rule, Severity::Error)]
    );
    assert_eq!(about(&[image, "ports: ['127.0.0.1:2375:2375']"]), []);
    assert_eq!(about(&["image: nginx:1.29", "ports: ['2375:2375']"]), []);
}

#[test]
fn all_privileges_are_too_many_but_for_engines() {
    let rule = "service.privileged";
    assert_eq!(
        about(&["image: example/unknown:1", "privileged: true"]),
        [(rule, Severity::Warning)]
    );
    assert_eq!(about(&["image: example/unknown:1", "privileged: false"]), []);
    assert_eq!(
        about(&["image: docker:29-dind", "privileged: true"]),
        [(rule, Severity::Note)]
    );
    assert_eq!(
        about(&["image: rancher/k3s:v1.34", "privileged: true"]),
        [(rule, Severity::Note)]
    );
    assert_eq!(
        about(&[
            "image: example/unknown:1",
            "privileged: true",
            "pid: host",
            "cap_add: [SYS_ADMIN]"
        ]),
        [(rule, Severity::Warning)],
        "the rest is part of it"
    );
}

#[test]
fn namespaces_of_the_machine_are_for_what_watches_it() {
    let rule = "service.host-namespace";
    let image = "image: example/unknown:1";
    assert_eq!(about(&[image, "pid: host"]), [(rule, Severity::Warning)]);
    assert_eq!(about(&[image, "ipc: host"]), [(rule, Severity::Warning)]);
    assert_eq!(
        about(&[image, "pid: host", "ipc: host"]),
        [(rule, Severity::Warning)],
        "one finding"
    );
    assert_eq!(about(&[image, "userns_mode: host"]), [(rule, Severity::Note)]);
    assert_eq!(
        about(&[image, "pid: host", "userns_mode: host"]),
        [(rule, Severity::Warning)]
    );
    let all = "pid: host\n    ipc: host\n    uts: host\n    cgroup: host\n    userns_mode: host\n";
    let said = findings(&format!("  one:\n    {image}\n    {all}"), "");
    assert_eq!(said.len(), 1);
    assert_eq!(
        said[0].message(),
        "`unknown` shares the machine's processes, shared memory, host name, control groups and users"
    );
    assert_eq!(about(&[image, "uts: host"]), [(rule, Severity::Note)]);
    assert_eq!(about(&[image, "cgroup: host"]), [(rule, Severity::Note)]);
    assert_eq!(about(&[image, "ipc: shareable"]), []);
    assert_eq!(about(&["image: prom/node-exporter:v1.10.2", "pid: host"]), []);
    assert_eq!(
        about(&["image: prom/node-exporter:v1.10.2", "ipc: host"]),
        [(rule, Severity::Warning)]
    );
}

#[test]
fn folders_of_the_machine_are_for_the_machine() {
    let rule = "service.host-folder";
    let mounted =
        |image: &str, mounts: &str| about(&[&format!("image: {image}"), &format!("volumes: [{mounts}]")]);
    let (unknown, watcher) = ("example/unknown:1", "prom/node-exporter:v1.10.2");
    for mounts in [
        "'/:/host'",
        "'/:/host:ro'",
        "'/etc:/etc'",
        "'/etc/:/x:ro'",
        "'/dev:/dev'",
        "'/root/.ssh:/x:ro'",
        "'/usr:/x', '/boot:/y'",
        "'/var/lib/docker:/x:ro'",
    ] {
        assert_eq!(mounted(unknown, mounts), [(rule, Severity::Warning)], "{mounts}");
    }
    for mounts in [
        "'/etc/localtime:/etc/localtime:ro'",
        "'/dev/dri:/dev/dri'",
        "'/proc:/x:ro'",
        "'./etc:/etc'",
        "'etc:/etc'",
        "'${HERE}/etc:/etc'",
        "'/srv/media:/media'",
    ] {
        assert!(
            mounted(unknown, mounts).iter().all(|(id, _)| *id != rule),
            "{mounts}"
        );
    }
    assert_eq!(mounted(watcher, "'/:/host:ro', '/proc:/p:ro'"), []);
    assert_eq!(mounted(watcher, "'/:/host'"), [(rule, Severity::Warning)]);
    let said = findings(
        "  one: {image: 'example/unknown:1', volumes: ['/:/a:ro', '/etc:/b']}",
        "",
    );
    assert_eq!(
        said[0].message(),
        "`unknown` has the machine's `/`, read-only and `/etc`"
    );
    assert_eq!(
        about(&[
            "image: example/unknown:1",
            "privileged: true",
            "volumes: ['/:/host']"
        ]),
        [("service.privileged", Severity::Warning)]
    );
}

#[test]
fn capabilities_that_lead_out_of_the_container() {
    let rule = "service.dangerous-capability";
    let image = "image: example/unknown:1";
    for capability in [
        "ALL",
        "SYS_ADMIN",
        "CAP_SYS_ADMIN",
        "sys_module",
        "SYS_PTRACE",
        "SYS_RAWIO",
        "SYS_BOOT",
        "DAC_READ_SEARCH",
        "BPF",
        "MAC_ADMIN",
    ] {
        let line = format!("cap_add: [{capability}]");
        assert_eq!(
            about(&[image, &line]),
            [(rule, Severity::Warning)],
            "{capability}"
        );
    }
    assert_eq!(
        about(&[image, "cap_add: [NET_BIND_SERVICE, CHOWN, NET_ADMIN]"]),
        []
    );
    assert_eq!(
        about(&[image, "cap_add: [SYS_ADMIN, BPF]"]),
        [(rule, Severity::Warning)],
        "one finding"
    );
}

#[test]
fn capabilities_that_an_application_is_made_for_are_normal() {
    let rule = "service.dangerous-capability";
    let host = "network_mode: host";
    assert_eq!(
        about(&["image: example/unknown:1", host, "cap_add: [NET_ADMIN]"]),
        [(rule, Severity::Warning)]
    );
    assert_eq!(
        about(&["image: tailscale/tailscale:v1.90", host, "cap_add: [NET_ADMIN]"]),
        []
    );
    assert_eq!(
        about(&[
            "image: linuxserver/wireguard:1.0.20250521",
            "cap_add: [NET_ADMIN, SYS_MODULE]"
        ]),
        []
    );
    assert_eq!(
        about(&[
            "image: linuxserver/wireguard:1.0.20250521",
            "cap_add: [SYS_ADMIN]"
        ]),
        [(rule, Severity::Warning)]
    );
    assert_eq!(
        about(&[
            "image: prom/node-exporter:v1.10.2",
            "cap_add: [SYS_PTRACE, SYS_RAWIO]"
        ]),
        []
    );
    assert_eq!(
        about(&["image: prom/node-exporter:v1.10.2", "cap_add: [SYS_ADMIN]"]),
        [(rule, Severity::Warning)]
    );
}

const PHOTOS: &str = "  photos:\n    image: ghcr.io/immich-app/immich-server:v2\n";
const PASSWORDS: &str = "  vault:\n    image: vaultwarden/server:1.34.3\n";

#[test]
fn unrelated_applications_have_files_of_their_own() {
    let rules = |services: String| -> Vec<&'static str> {
        findings(&services, "")
            .iter()
            .map(|finding| finding.rule().id)
            .collect()
    };
    let rule = "service.unrelated-applications";
    assert_eq!(rules(format!("{PHOTOS}{PASSWORDS}")), [rule]);
    let notes = "  wiki:\n    image: lscr.io/linuxserver/bookstack:25.11.20251111\n";
    assert_eq!(rules(format!("{PHOTOS}{PASSWORDS}{notes}")), [rule], "three");
    let own = format!("{PHOTOS}    volumes: ['one:/a']\n{PASSWORDS}    volumes: ['two:/b']\n");
    assert!(rules(own).contains(&rule), "each has a volume of its own");
    let own = format!("{PHOTOS}    volumes: ['/srv/photos:/a']\n{PASSWORDS}    volumes: ['/srv/vault:/b']\n");
    assert!(rules(own).contains(&rule), "each has a folder of its own");
    assert!(rules(PHOTOS.to_owned()).is_empty());
    let silent = [
        (
            "waits for the other",
            format!("{PHOTOS}    depends_on: [vault]\n{PASSWORDS}"),
        ),
        (
            "names the other",
            format!("{PHOTOS}    environment: {{ OTHER: 'http://vault:80/' }}\n{PASSWORDS}"),
        ),
        (
            "names its container",
            format!("{PHOTOS}    command: [--with, vw-1]\n{PASSWORDS}    container_name: vw-1\n"),
        ),
        (
            "shares a volume",
            format!("{PHOTOS}    volumes: ['data:/a']\n{PASSWORDS}    volumes: ['data:/b']\n"),
        ),
        (
            "shares a folder",
            format!("{PHOTOS}    volumes: ['/srv/all/photos:/a']\n{PASSWORDS}    volumes: ['/srv/all:/b']\n"),
        ),
        (
            "borrows its network",
            format!("{PHOTOS}    network_mode: service:vault\n{PASSWORDS}"),
        ),
        (
            "has one purpose",
            "  shows:\n    image: jellyfin/jellyfin:10.11\n  series:\n    image: linuxserver/sonarr:4.0.16\n"
                .to_owned(),
        ),
        (
            "serves it",
            format!("{PHOTOS}  grafana:\n    image: grafana/grafana:12.3.0\n"),
        ),
        (
            "is not known",
            format!("{PHOTOS}  other:\n    image: example/unknown:1\n"),
        ),
    ];
    for (why, services) in silent {
        assert_eq!(rules(services), Vec::<&str>::new(), "{why}");
    }
    let loud = [
        (
            "a longer name",
            format!("{PHOTOS}    environment: {{ OTHER: 'http://vault-of-mine/' }}\n{PASSWORDS}"),
        ),
        (
            "the clock of the machine",
            format!(
                "{PHOTOS}    volumes: ['/etc/localtime:/etc/localtime']\n{PASSWORDS}    volumes: ['/etc/localtime:/etc/localtime']\n"
            ),
        ),
        (
            "a folder beside",
            format!(
                "{PHOTOS}    volumes: ['/srv/photos:/a']\n{PASSWORDS}    volumes: ['/srv/photos-old:/b']\n"
            ),
        ),
    ];
    for (why, services) in loud {
        assert_eq!(rules(services), [rule], "{why}");
    }
}

#[test]
fn one_maker_joins_and_a_packer_does_not() {
    let systems = "[systems.mine]\ncategory = 'photos'\nimages = ['me/photos']\n\
                   [systems.too]\ncategory = 'passwords'\nimages = ['me/vault']\n";
    let of_one = "  a:\n    image: me/photos:1\n  b:\n    image: me/vault:1\n";
    assert!(findings(of_one, systems).is_empty());
    let of_two = "  a:\n    image: me/photos:1\n  b:\n    image: vaultwarden/server:1.34.3\n";
    assert_eq!(
        findings(of_two, systems)[0].rule().id,
        "service.unrelated-applications"
    );
    let packed =
        "  a:\n    image: linuxserver/nextcloud:32.0.2\n  b:\n    image: linuxserver/sonarr:4.0.16\n";
    assert_eq!(
        findings(packed, "")[0].rule().id,
        "service.unrelated-applications"
    );
}

#[test]
fn the_projects_own_folder_joins_nothing() {
    let both = format!("{PHOTOS}    volumes: ['.:/a']\n{PASSWORDS}    volumes: ['./data:/b']\n");
    assert_eq!(findings(&both, "")[0].rule().id, "service.unrelated-applications");
    // Everything lies in the root, and it is no folder that two applications share.
    for (one, other) in [("/srv", "/"), ("/", "/srv"), ("/dev/sda", "/"), ("/", "/dev/sda")] {
        let all = format!("{PHOTOS}    volumes: ['{one}:/a']\n{PASSWORDS}    volumes: ['{other}:/b']\n");
        let said = findings(&all, "");
        let is_this = |finding: &Finding| finding.rule().id == "service.unrelated-applications";
        assert!(said.iter().any(is_this), "{one} {other}: {said:?}");
    }
    let kinds = format!("{PHOTOS}    volumes: ['/srv:/a']\n{PASSWORDS}    tmpfs: [/srv]\n");
    assert_eq!(
        findings(&kinds, "")[0].rule().id,
        "service.unrelated-applications"
    );
}

#[test]
fn hardening_names_each_lack_and_nothing_else() {
    let rules = |lines: &[&str]| -> Vec<&'static str> {
        let body: String = lines.iter().map(|line| format!("    {line}\n")).collect();
        let lab = lab(&format!("  one:\n    image: nginx:1.29\n{body}"), "");
        assert!(lab.hygiene().is_empty(), "hardening is asked for apart");
        lab.hardening().iter().map(|finding| finding.rule().id).collect()
    };
    let whole = [
        "read_only: true",
        "cap_drop: [all]",
        "mem_limit: 1g",
        "security_opt: ['no-new-privileges:true']",
        "user: '1000:1000'",
    ];
    let names = [
        "hardening.read-only",
        "hardening.capabilities",
        "hardening.limits",
        "hardening.new-privileges",
        "hardening.root-user",
    ];
    assert_eq!(rules(&whole), Vec::<&str>::new());
    assert_eq!(rules(&[]), names);
    for (lacking, name) in names.into_iter().enumerate() {
        let lines: Vec<&str> = whole
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != lacking)
            .map(|(_, line)| *line)
            .collect();
        assert_eq!(rules(&lines), [name]);
    }
    for (lacking, wrong) in [
        (0, "read_only: false"),
        (1, "cap_drop: [NET_RAW]"),
        (3, "security_opt: ['no-new-privileges:false']"),
        (4, "user: root"),
        (4, "user: '0:0'"),
        (4, "environment: { PUID: 0 }"),
    ] {
        let mut lines = whole;
        lines[lacking] = wrong;
        assert_eq!(rules(&lines), [names[lacking]], "{wrong}");
    }
    for (at, right) in [
        (3, "security_opt: [no-new-privileges]"),
        (4, "environment: { PUID: 1000 }"),
    ] {
        let mut lines = whole;
        lines[at] = right;
        assert_eq!(rules(&lines), Vec::<&str>::new(), "{right}");
    }
}

#[test]
fn a_project_on_two_machines_is_judged_once() {
    let lab = Lab::from_texts(
        "home",
        [
            (
                "app/compose.yaml",
                "name: app\nservices: { one: { image: 'nginx:1.29', privileged: true } }",
            ),
            (
                "instance.toml",
                "[hosts.a]\n[hosts.b]\n[projects.app]\nhosts = ['a', 'b']",
            ),
        ],
    );
    let findings = lab.hygiene();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].service().expect("a service").to_string(), "app/one");
}

#[test]
fn the_machine_of_a_project_that_one_runs_is_named() {
    let lab = Lab::from_texts(
        "home",
        [
            (
                "app/compose.yaml",
                "services: { one: { image: 'nginx:1.29', privileged: true } }",
            ),
            ("instance.toml", "[hosts.nas]"),
        ],
    );
    let findings = lab.hygiene();
    assert_eq!(
        findings[0].service().expect("a service").to_string(),
        "nas:app/one"
    );
}

#[test]
fn an_application_is_called_by_its_name_and_a_kind_by_its_image() {
    let message = |image: &str| {
        let services = format!("  one:\n    image: {image}\n    privileged: true\n");
        findings(&services, "")[0].message().to_owned()
    };
    assert!(message("nextcloud:31").starts_with("`Nextcloud` runs"));
    assert!(message("crazymax/rtorrent-rutorrent:5").starts_with("`rtorrent-rutorrent` runs"));
    assert!(message("example/unknown:1").starts_with("`unknown` runs"));
}
