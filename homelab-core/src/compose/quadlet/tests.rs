use super::option::ports;
use super::*;
use crate::compose::{MountKind, NetworkMode, Protocol, RestartPolicy};

fn read(units: &[(&str, &str)]) -> Project {
    let sources: Vec<_> = units
        .iter()
        .filter(|(name, _)| !name.ends_with(".env"))
        .map(|(name, text)| Source::new(*name, *text))
        .collect();
    project(
        "pods".parse().expect("a name"),
        Path::new("/lab/pods"),
        &sources,
        |path| {
            units
                .iter()
                .find(|(name, _)| Path::new("/lab").join(name) == path)
                .map(|(name, text)| Source::new(*name, *text))
        },
    )
}

fn service<'a>(project: &'a Project, name: &str) -> &'a Service {
    &project.services()[&ServiceName::new(name).expect("a name")]
}

const WEB: &str = r#"
[Unit]
Description=A page
Requires=db.service network-online.target

[Container]
Image=ghcr.io/example/web:1.2
ContainerName=web
PublishPort=127.0.0.1:8080:80
PublishPort=9000-9001:9000-9001/udp
PublishPort=[::1]:53:53
PublishPort=443
Network=front.network:ip=10.9.0.2
Volume=data.volume:/data:ro,Z
Volume=./conf:/etc/web
Volume=/srv/x:/x
Volume=/cache
Environment=A=1 "B=two words"
Environment=TOKEN
EnvironmentFile=web.env
EnvironmentFile=-gone.env
EnvironmentFile=%h/web.env
Label=traefik.enable=true
Secret=key,type=env
AutoUpdate=registry
NoNewPrivileges=true
ReadOnly=yes
PodmanArgs=--privileged --pid=host -p 7000:70 --cap-add NET_ADMIN
HealthCmd=curl localhost
Exec=serve --name "my page"

[Service]
Restart=always
MemoryMax=1G
"#;

const DB: &str = "[Container]\nImage=docker.io/library/postgres:16\n";

#[test]
fn a_container_is_a_service_with_the_place_of_every_value() {
    let project = read(&[
        ("pods/data.volume", "[Volume]\nVolumeName=web-data\n"),
        ("pods/db.container", DB),
        (
            "pods/front.network",
            "[Network]\nInternal=true\nDriver=macvlan\nOptions=parent=eth0\n",
        ),
        ("pods/web.container", WEB),
        ("pods/web.env", "# none\nMODE=live\nQUOTED=\"x\"\n"),
    ]);
    assert_eq!(project.diagnostics(), []);
    assert_eq!(project.name().as_str(), "pods");
    let web = service(&project, "web");
    let image = web.image.as_ref().expect("an image");
    assert_eq!(
        (image.value.as_str(), image.span.text()),
        ("ghcr.io/example/web:1.2", "ghcr.io/example/web:1.2")
    );
    assert_eq!(image.span.to_string(), "pods/web.container:7:7");
    let shown: Vec<_> = web
        .ports
        .iter()
        .map(|port| {
            (
                port.value.host_ip.map(|ip| ip.to_string()),
                port.value.published,
                port.value.target,
                port.value.protocol,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (
                Some("127.0.0.1".to_owned()),
                Some((8080, 8080)),
                80,
                Protocol::Tcp
            ),
            (None, Some((9000, 9000)), 9000, Protocol::Udp),
            (None, Some((9001, 9001)), 9001, Protocol::Udp),
            (Some("::1".to_owned()), Some((53, 53)), 53, Protocol::Tcp),
            (None, None, 443, Protocol::Tcp),
            (None, Some((7000, 7000)), 70, Protocol::Tcp),
        ]
    );
    assert_eq!(web.networks.len(), 1);
    assert_eq!(web.networks[0].value.network, "front");
    let front = &project.networks()["front"];
    assert!(front.internal && !front.external);
    assert_eq!(front.driver_opts["parent"].value, "eth0");
    let mounts: Vec<_> = web
        .mounts
        .iter()
        .map(|mount| {
            (
                mount.value.kind,
                mount.value.source.as_deref(),
                mount.value.target.as_str(),
                mount.value.read_only,
            )
        })
        .collect();
    assert_eq!(
        mounts,
        [
            (MountKind::Volume, Some("data"), "/data", true),
            (MountKind::Bind, Some("/lab/pods/conf"), "/etc/web", false),
            (MountKind::Bind, Some("/srv/x"), "/x", false),
            (MountKind::Volume, None, "/cache", false),
        ]
    );
    assert_eq!(
        project.volumes()["data"].name.as_ref().expect("a name").value,
        "web-data"
    );
    let environment: Vec<_> = web
        .environment
        .iter()
        .map(|(key, field)| (key.as_str(), field.value.as_deref()))
        .collect();
    assert_eq!(
        environment,
        [
            ("MODE", Some("live")),
            ("QUOTED", Some("\"x\"")),
            ("A", Some("1")),
            ("B", Some("two words")),
            ("TOKEN", None)
        ]
    );
    assert_eq!(web.environment["MODE"].span.to_string(), "pods/web.env:2:1");
    assert_eq!(web.labels["traefik.enable"].value, "true");
    assert_eq!(web.labels["io.containers.autoupdate"].value, "registry");
    assert!(web.privileged.as_ref().expect("privileged").value);
    assert_eq!(web.pid.as_ref().expect("pid").value, "host");
    assert_eq!(web.cap_add[0].value, "NET_ADMIN");
    assert_eq!(web.security_opt[0].value, "no-new-privileges:true");
    assert_eq!(
        web.restart.as_ref().expect("restart").value,
        RestartPolicy::Always
    );
    assert_eq!(web.depends_on[0].value.service, "db");
    assert!(web.healthcheck.is_some() && web.limits.is_some());
    let command: Vec<_> = web.command.iter().map(|word| word.value.as_str()).collect();
    assert_eq!(command, ["serve", "--name", "my page"]);
    assert_eq!(web.secrets[0].value, "key");
    assert!(project.secrets()["key"].external);
}

#[test]
fn the_ports_of_a_pod_are_those_of_its_containers() {
    let project = read(&[
        ("pods/app.pod", "[Pod]\nPublishPort=8443:443\nNetwork=host\n"),
        ("pods/a.container", "[Container]\nImage=a\nPod=app.pod\n"),
        ("pods/b.container", "[Container]\nImage=b\n"),
    ]);
    let a = service(&project, "a");
    assert_eq!(a.ports[0].value.published, Some((8443, 8443)));
    assert_eq!(a.ports[0].span.source().name(), "pods/app.pod");
    assert_eq!(a.network_mode.as_ref().expect("a mode").value, NetworkMode::Host);
    let b = service(&project, "b");
    assert!(b.ports.is_empty() && b.network_mode.is_none());
    assert_eq!(
        project.networks()["default"].name.as_ref().expect("a name").value,
        "podman"
    );
}

#[test]
fn network_modes_are_told_apart() {
    for (text, mode) in [
        ("none", NetworkMode::None),
        ("host", NetworkMode::Host),
        ("db.container", NetworkMode::Service("db".into())),
        ("container:systemd-db", NetworkMode::Service("db".into())),
        ("container:elsewhere", NetworkMode::Container("elsewhere".into())),
        ("pasta:-t,auto", NetworkMode::Other("pasta:-t,auto".into())),
    ] {
        let unit = format!("[Container]\nImage=i\nNetwork={text}\n");
        let project = read(&[("pods/db.container", DB), ("pods/x.container", &unit)]);
        let x = service(&project, "x");
        assert_eq!(x.network_mode.as_ref().expect(text).value, mode, "{text}");
        assert!(x.networks.is_empty());
    }
    let project = read(&[("pods/x.container", "[Container]\nImage=i\nNetwork=shared\n")]);
    assert!(project.networks()["shared"].external);
}

#[test]
fn images_and_builds_may_be_units_of_their_own() {
    let project = read(&[
        ("pods/a.container", "[Container]\nImage=a.image\n"),
        ("pods/a.image", "[Image]\nImage=docker.io/a:1\n"),
        ("pods/b.build", "[Build]\nImageTag=localhost/b\n"),
        ("pods/b.container", "[Container]\nImage=b.build\n"),
        ("pods/k.kube", "[Kube]\nYaml=%h/k.yml\nPublishPort=80:80\n"),
    ]);
    assert_eq!(
        service(&project, "a").image.as_ref().expect("an image").value,
        "docker.io/a:1"
    );
    assert!(service(&project, "b").build.is_some());
    assert_eq!(service(&project, "k").ports.len(), 1);
    assert_eq!(project.diagnostics(), []);
}

#[test]
fn what_means_nothing_is_a_finding_and_the_rest_stays() {
    let project = read(&[(
        "pods/x.container",
        "[Container]\nImage=i\nPublishPort=eighty\nEnvironmentFile=gone.env\nnonsense\nPublishPort=80:80\n",
    )]);
    assert_eq!(service(&project, "x").ports.len(), 1);
    let mut places: Vec<_> = project
        .diagnostics()
        .iter()
        .map(|finding| finding.place().expect("a place").line())
        .collect();
    places.sort_unstable();
    assert_eq!(places, [3, 4, 5]);
    let none = read(&[("pods/x.container", "[Container]\nExec=true\n")]);
    assert!(none.diagnostics()[0].message().contains("no `Image=`"));
}

#[test]
fn drop_ins_change_their_unit() {
    let project = read(&[
        ("pods/x.container", "[Container]\nImage=i\nPublishPort=80:80\n"),
        (
            "pods/x.container.d/10.conf",
            "[Container]\nPublishPort=\nPublishPort=127.0.0.1:80:80\n",
        ),
    ]);
    let x = service(&project, "x");
    assert_eq!(x.ports.len(), 1);
    assert!(x.ports[0].value.host_ip.expect("an address").is_loopback());
}

#[test]
fn ports_in_every_form() {
    assert_eq!(ports("70000"), None);
    assert_eq!(ports("1:2:3:4"), None);
    assert_eq!(ports("80-70"), None);
    assert_eq!(ports("8000-8001:80-82"), None);
    assert_eq!(ports("127.0.0.1::80").expect("valid")[0].published, None);
    assert_eq!(
        ports("8000-8009:80").expect("valid")[0].published,
        Some((8000, 8009))
    );
}

#[test]
fn no_text_makes_it_panic() {
    let pieces = [
        "[Container]\n",
        "Image=",
        "\\",
        "\n",
        "\"",
        "'",
        "=",
        "PublishPort=",
        "-",
        ":",
        "[",
        "]",
        "%h",
        "é",
        "\\x4",
        ";#",
        "\t",
    ];
    let mut state = 7u64;
    for _ in 0..2000 {
        let mut text = String::from("[Container]\n");
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
        }
        let project = read(&[("pods/x.container", &text)]);
        for finding in project.diagnostics() {
            let _ = finding.to_string();
        }
    }
}

#[test]
fn a_pod_that_no_unit_makes_is_said_and_may_open_anything() {
    let project = read(&[("pods/a.container", "[Container]\nImage=a\nPod=gone.pod\n")]);
    let said: Vec<String> = project.diagnostics().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "pods/a.container:3:5: warning[compose.invalid-quadlet]: the pod `gone.pod` is no unit of its folder"
        ]
    );
    let mode = service(&project, "a")
        .network_mode
        .as_ref()
        .map(|mode| &mode.value);
    assert_eq!(mode, Some(&NetworkMode::Container("gone".into())));
    let there = read(&[
        ("pods/gone.pod", "[Pod]\n"),
        ("pods/a.container", "[Container]\nImage=a\nPod=gone.pod\n"),
    ]);
    assert_eq!(there.diagnostics(), []);
}
