use std::sync::Arc;

use super::*;
use crate::compose::Protocol;
use crate::engine::memory::{Fault, MemoryEngine};
use crate::engine::{Engine, EngineExt as _, Engines};
use crate::inventory::{Binding, Container, ContainerState, Health, Image, Mounted, Volume};
use crate::secret::Secret;

const NOW: &str = "2027-01-01T00:00:00Z";

fn lab(service: &str) -> Lab {
    let text = format!("services:\n  site:\n    image: nginx:1.29\n{service}");
    Lab::from_texts("home", [("services/web/compose.yaml", text)])
}

/// A container of `web/site`, as `docker compose up` would have made it.
fn site() -> Container {
    let mut container = Container::new("c0ffee", "web-site-1");
    container.state = ContainerState::Running;
    container.image = "nginx:1.29".to_owned();
    container.image_id = "sha256:1".to_owned();
    let label = |container: &mut Container, name: &str, value: &str| {
        let name = format!("com.docker.compose.{name}");
        container.labels.insert(name, value.to_owned());
    };
    label(&mut container, "project", "web");
    label(&mut container, "service", "site");
    label(&mut container, "project.working_dir", "/opt/lab/services/web");
    container
}

fn engine(containers: impl IntoIterator<Item = Container>) -> MemoryEngine {
    let engine = MemoryEngine::new("nas".parse().expect("a name"));
    containers
        .into_iter()
        .for_each(|container| engine.insert(container));
    engine
}

async fn observed(engine: &MemoryEngine) -> Observed {
    let engines = Engines::new([Arc::new(engine.clone()) as Arc<dyn Engine>]);
    let at = NOW.parse().expect("a time");
    Observed::none(at).with_inventory(engines.inventory().await)
}

async fn drift(lab: &Lab, containers: impl IntoIterator<Item = Container>) -> Drift {
    lab.drift(&observed(&engine(containers)).await)
}

/// Returns the kinds and messages of what is different.
fn told(drift: &Drift) -> Vec<(DifferenceKind, &str)> {
    drift
        .differences()
        .iter()
        .map(|one| (one.kind(), one.message()))
        .collect()
}

async fn one(lab: &Lab, container: Container) -> Vec<(DifferenceKind, String)> {
    let drift = drift(lab, [container]).await;
    told(&drift)
        .into_iter()
        .map(|(kind, text)| (kind, text.to_owned()))
        .collect()
}

fn with(change: impl FnOnce(&mut Container)) -> Container {
    let mut container = site();
    change(&mut container);
    container
}

#[tokio::test]
async fn what_runs_as_written_is_no_difference() {
    let drift = drift(&lab(""), [site()]).await;
    assert_eq!(told(&drift), []);
    assert_eq!(drift.exit_code(), 0);
    assert_eq!(
        drift.to_string(),
        format!("nas (other {}): as written\n", env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn a_service_without_containers_is_missing_unless_it_need_not_run() {
    let missing = drift(&lab(""), []).await;
    assert_eq!(
        told(&missing),
        [(DifferenceKind::Missing, "no container of it is there")]
    );
    assert!(missing.to_string().contains("web/site: missing"), "{missing}");
    assert_eq!(missing.differences()[0].view().place.expect("a place").line, 2);
    let few = drift(&lab("    scale: 3\n"), [site()]).await;
    assert_eq!(
        told(&few),
        [(DifferenceKind::Missing, "1 of 3 containers are there")]
    );
    for silent in ["    scale: 0\n", "    profiles: [debug]\n"] {
        assert_eq!(told(&drift(&lab(silent), []).await), [], "{silent}");
    }
    let one_off = with(|one| {
        one.labels
            .insert("com.docker.compose.oneoff".into(), "True".into());
    });
    assert_eq!(
        told(&drift(&lab(""), [one_off]).await).len(),
        1,
        "a command is not the service"
    );
}

#[tokio::test]
async fn of_a_host_that_was_not_seen_nothing_is_said() {
    let engine = engine([]);
    engine.fail(Some(Fault::Unreachable));
    let drift = lab("").drift(&observed(&engine).await);
    assert_eq!(told(&drift), []);
    assert_eq!(drift.exit_code(), 3);
    let text = drift.to_string();
    assert!(
        text.contains("not seen") && text.contains("does not answer"),
        "{text}"
    );
    assert_eq!(drift.view().hosts[0].gaps[0].kind, "unreachable");
    let never = lab("").drift(&Observed::none(NOW.parse().expect("a time")));
    assert_eq!((never.exit_code(), never.hosts().len()), (3, 0));
    assert!(never.to_string().contains("not known"), "{never}");
}

#[tokio::test]
async fn what_has_ended_is_stopped_unless_it_was_a_job() {
    let ended = |code| {
        with(|one| {
            one.state = ContainerState::Exited;
            one.exit_code = Some(code);
        })
    };
    assert_eq!(
        one(&lab(""), ended(1)).await,
        [(DifferenceKind::Stopped, "it has ended with code 1".to_owned())]
    );
    assert_eq!(one(&lab(""), ended(0)).await, [], "it did what it was for");
    for stays in [
        "    restart: always\n",
        "    ports: ['80']\n",
        "    healthcheck: { test: 'true' }\n",
    ] {
        assert_eq!(
            one(&lab(stays), ended(0)).await[0].0,
            DifferenceKind::Stopped,
            "{stays}"
        );
    }
    let paused = with(|one| one.state = ContainerState::Paused);
    assert_eq!(one(&lab(""), paused).await[0].1, "it is paused");
    let made = with(|one| one.state = ContainerState::Created);
    assert_eq!(one(&lab(""), made).await[0].0, DifferenceKind::Stopped);
}

#[tokio::test]
async fn unhealthy_and_restarting_are_told_apart_from_well() {
    let health = |health| with(|one| one.health = Some(health));
    assert_eq!(
        one(&lab(""), health(Health::Unhealthy)).await[0].0,
        DifferenceKind::Unhealthy
    );
    for well in [Health::Healthy, Health::Starting] {
        assert_eq!(one(&lab(""), health(well)).await, []);
    }
    let often = |restarts, started: &str| {
        with(|one| {
            one.restarts = restarts;
            one.started = started.parse().ok();
        })
    };
    let lately = "2026-12-31T23:55:00Z";
    assert_eq!(
        one(&lab(""), often(3, lately)).await[0].0,
        DifferenceKind::Restarting
    );
    assert_eq!(one(&lab(""), often(2, lately)).await, []);
    assert_eq!(
        one(&lab(""), often(9, "2026-12-30T00:00:00Z")).await,
        [],
        "long ago"
    );
    let now = with(|one| one.state = ContainerState::Restarting);
    assert_eq!(one(&lab(""), now).await[0].0, DifferenceKind::Restarting);
}

#[tokio::test]
async fn what_runs_and_is_in_no_file_is_extra() {
    let mut other = Container::new("beef", "scratch");
    other.state = ContainerState::Running;
    other.image = "busybox".to_owned();
    other.ports = vec![Binding {
        address: None,
        port: 9000,
        target: 80,
        protocol: Protocol::Tcp,
    }];
    let extra = drift(&lab(""), [site(), other.clone()]).await;
    assert_eq!(
        told(&extra),
        [(
            DifferenceKind::Extra,
            "container `scratch` (busybox) runs, and no file mentions it, bound to `*:9000 -> 80/tcp`"
        )]
    );
    assert_eq!(
        extra.differences()[0].service().expect("one").to_string(),
        "nas:_/scratch"
    );
    other.state = ContainerState::Exited;
    assert_eq!(told(&drift(&lab(""), [site(), other]).await), []);
}

#[tokio::test]
async fn another_image_is_told_and_the_same_in_other_words_is_not() {
    let of = |image: &str| with(|one| one.image = image.to_owned());
    assert_eq!(
        one(&lab(""), of("nginx:1.28")).await,
        [(
            DifferenceKind::Image,
            "`nginx:1.29` is written, and it runs `nginx:1.28`".to_owned()
        )]
    );
    assert_eq!(
        one(&lab(""), of("docker.io/library/nginx:1.28")).await[0].0,
        DifferenceKind::Image
    );
    let same = [
        "docker.io/library/nginx:1.29",
        "index.docker.io/nginx:1.29",
        "localhost/nginx:1.29",
    ];
    for same in same {
        assert_eq!(one(&lab(""), of(same)).await, [], "{same}");
    }
    let unset = Lab::from_texts(
        "home",
        [(
            "web/compose.yaml",
            "services: { site: { image: 'nginx:${TAG}' } }",
        )],
    );
    assert_eq!(
        one(&unset, of("nginx:1.28")).await,
        [],
        "which tag is meant is not known"
    );
}

fn image(id: &str, tags: &[&str], digests: &[&str]) -> Image {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Image {
        id: id.to_owned(),
        tags: texts(tags),
        digests: texts(digests),
        created: None,
        size: 1 << 20,
        labels: BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_digest_is_held_against_what_the_image_has() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let text = format!("services: {{ site: {{ image: 'nginx:1.29@{digest}' }} }}");
    let lab = Lab::from_texts("home", [("web/compose.yaml", text)]);
    let engine = engine([site()]);
    let own = format!("nginx@{digest}");
    engine.insert_image(image("sha256:1", &["nginx:1.29"], &[&own]));
    assert_eq!(told(&lab.drift(&observed(&engine).await)), []);
    let other = self::engine([site()]);
    other.insert_image(image("sha256:1", &["nginx:1.29"], &["nginx@sha256:bb"]));
    assert_eq!(
        lab.drift(&observed(&other).await).differences()[0].kind(),
        DifferenceKind::Image
    );
}

#[tokio::test]
async fn a_container_older_than_its_image_is_outdated() {
    let engine = engine([site()]);
    engine.insert_image(image("sha256:1", &["nginx:1.29"], &[]));
    assert_eq!(told(&lab("").drift(&observed(&engine).await)), []);
    engine.insert_registry_image(image("sha256:2", &["nginx:1.29"], &[]));
    engine.pull("nginx:1.29").all().await.expect("it is there");
    let drift = lab("").drift(&observed(&engine).await);
    assert_eq!(drift.differences()[0].kind(), DifferenceKind::Outdated, "{drift}");
    let view = drift.differences()[0].view();
    assert_eq!(
        (view.declared.as_deref(), view.seen.as_deref()),
        (Some("sha256:2"), Some("sha256:1"))
    );
    assert_eq!(
        drift.differences().len(),
        1,
        "the old one has no name, and is in use: {drift}"
    );
}

#[tokio::test]
async fn ports_are_held_against_what_is_bound() {
    let bound = |address: Option<&str>, port, target, protocol| {
        with(|one| {
            let address = address.map(|text| text.parse().expect("an address"));
            one.ports = vec![Binding {
                address,
                port,
                target,
                protocol,
            }];
        })
    };
    let published = |text: &str| lab(&format!("    ports: ['{text}']\n"));
    let tcp = Protocol::Tcp;
    for text in ["8080:80", "0.0.0.0:8080:80", "8000-8090:80", "80", "80/tcp"] {
        assert_eq!(
            one(&published(text), bound(None, 8080, 80, tcp)).await,
            [],
            "{text}"
        );
    }
    assert_eq!(
        one(&published("127.0.0.1:8080:80"), bound(None, 8080, 80, tcp)).await[0].1,
        "`127.0.0.1:8080 -> 80/tcp` is written, and `*:8080 -> 80/tcp` is bound"
    );
    assert_eq!(
        one(&published("8080:80"), bound(None, 8080, 80, Protocol::Udp)).await[0].0,
        DifferenceKind::Ports
    );
    assert_eq!(
        one(&published("8080:80"), site()).await[0].1,
        "`*:8080 -> 80/tcp` is written, and not bound"
    );
    assert_eq!(
        one(&lab(""), bound(Some("127.0.0.1"), 8080, 80, tcp)).await[0].1,
        "`127.0.0.1:8080 -> 80/tcp` is bound, and not written"
    );
    for silent in [
        "    network_mode: host\n    ports: ['8080:80']\n",
        "    ports: ['${PORT}:80']\n",
    ] {
        assert_eq!(one(&lab(silent), site()).await, [], "{silent}");
    }
}

fn mounted(kind: MountKind, source: &str, target: &str) -> Mounted {
    Mounted {
        target: target.to_owned(),
        kind,
        source: Some(source.to_owned()),
        read_only: false,
    }
}

#[tokio::test]
async fn mounts_are_held_against_what_is_written() {
    let (bind, volume) = (MountKind::Bind, MountKind::Volume);
    let mounts = |mounts: Vec<Mounted>| with(|one| one.mounts = mounts);
    let declared = lab(
        "    volumes: ['data:/data', './conf:/etc/conf', '/var/run/docker.sock:/var/run/docker.sock', /cache]\n\
         volumes: { data: {} }\n",
    );
    let cache = mounted(volume, &"a".repeat(64), "/cache");
    let as_written = vec![
        mounted(volume, "web_data", "/data"),
        mounted(bind, "/opt/lab/services/web/conf", "/etc/conf"),
        mounted(bind, "/run/docker.sock", "/var/run/docker.sock"),
        cache,
        mounted(volume, &"b".repeat(64), "/of/the/image"),
    ];
    assert_eq!(one(&declared, mounts(as_written.clone())).await, []);
    let changed = |index: usize, mount: Mounted| {
        let mut all = as_written.clone();
        all[index] = mount;
        mounts(all)
    };
    let cases = [
        (
            changed(0, mounted(volume, "other", "/data")),
            "`/data` is mounted from `other`, and not from `data`",
        ),
        (
            changed(0, mounted(bind, "/srv", "/data")),
            "`/data` is mounted from the host, and not from a volume",
        ),
        (
            changed(
                0,
                Mounted {
                    read_only: true,
                    ..mounted(volume, "web_data", "/data")
                },
            ),
            "`/data` can only be read, though it is to be written",
        ),
        (
            changed(4, mounted(bind, "/etc", "/host")),
            "`/host` is mounted from `/etc`, and not written",
        ),
    ];
    for (container, message) in cases {
        assert_eq!(
            one(&declared, container).await,
            [(DifferenceKind::Mounts, message.to_owned())]
        );
    }
    let elsewhere = changed(1, mounted(bind, "/opt/lab/services/web/other", "/etc/conf"));
    assert!(
        one(&declared, elsewhere).await[0]
            .1
            .starts_with("`/etc/conf` is mounted from `/opt/lab/services/web/other`")
    );
    let absent = mounts(as_written[1..].to_vec());
    assert_eq!(
        one(&declared, absent).await[0].1,
        "`/data` is written, and not mounted"
    );
    let secret = lab("    secrets: [key]\nsecrets: { key: { file: ./key.txt } }\n");
    let given = mounts(vec![mounted(
        bind,
        "/opt/lab/services/web/key.txt",
        "/run/secrets/key",
    )]);
    assert_eq!(one(&secret, given).await, [], "Compose mounts it");
}

#[tokio::test]
async fn variables_are_named_and_their_values_never_told() {
    let declared =
        lab("    environment: { TZ: Europe/Vienna, PASSWORD: hunter2, OPEN: '${NOT_SET}', FROM_OUTSIDE: }\n");
    let set = |pairs: &[(&str, &str)]| {
        with(|one| {
            for (name, value) in pairs {
                one.environment.insert((*name).to_owned(), Secret::new(*value));
            }
        })
    };
    let well = set(&[("TZ", "Europe/Vienna"), ("PASSWORD", "hunter2"), ("PATH", "/bin")]);
    assert_eq!(one(&declared, well).await, []);
    let other = drift(&declared, [set(&[("PASSWORD", "letmein")])]).await;
    assert_eq!(
        told(&other),
        [(
            DifferenceKind::Environment,
            "`TZ` is not set; `PASSWORD` has another value"
        )]
    );
    let all = format!("{other}{other:?}{}", other.to_json());
    assert!(
        !all.contains("hunter2") && !all.contains("letmein") && !all.contains("Vienna"),
        "{all}"
    );
}

#[tokio::test]
async fn another_command_or_entry_point_is_told_and_neither_is_shown() {
    let declared = lab("    command: serve --token hunter2\n    entrypoint: [/bin/app, run]\n");
    let started = |command: &[&str], entrypoint: &[&str]| {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        with(|one| {
            one.command = words(command);
            one.entrypoint = words(entrypoint);
        })
    };
    let (command, entrypoint) = (["serve", "--token", "hunter2"], ["/bin/app", "run"]);
    assert_eq!(one(&declared, started(&command, &entrypoint)).await, []);
    assert_eq!(
        one(&lab(""), started(&command, &entrypoint)).await,
        [],
        "what is not written is the image's"
    );
    let unset = lab("    command: [serve, '${NOT_SET}']\n");
    assert_eq!(one(&unset, started(&["serve", "x"], &[])).await, []);
    let cases = [
        (
            started(&["serve", "--token", "other"], &entrypoint),
            "`command` is",
        ),
        (started(&command[..2], &entrypoint), "`command` is"),
        (started(&command, &["/bin/app"]), "`entrypoint` is"),
        (started(&[], &[]), "`command` and `entrypoint` are"),
    ];
    for (container, what) in cases {
        let told = one(&declared, container).await;
        let message = format!("{what} written otherwise than it was started with");
        assert_eq!(told, [(DifferenceKind::Command, message)]);
    }
    let other = drift(&declared, [started(&["letmein"], &entrypoint)]).await;
    let all = format!("{other}{other:?}{}", other.to_json());
    assert!(!all.contains("hunter2") && !all.contains("letmein"), "{all}");
}

#[tokio::test]
async fn volumes_and_images_that_nothing_uses_are_told() {
    let volume = |name: &str| Volume {
        name: name.to_owned(),
        driver: "local".to_owned(),
        path: None,
        created: None,
        labels: BTreeMap::new(),
        size: None,
    };
    let declared = lab("volumes: { data: {} }\n");
    let engine = engine([with(|one| {
        one.mounts = vec![mounted(MountKind::Volume, &"c".repeat(64), "/x")]
    })]);
    engine.insert_volume(volume("web_data"));
    engine.insert_volume(volume(&"c".repeat(64)));
    engine.insert_image(image("sha256:1", &[], &[]));
    assert_eq!(
        told(&declared.drift(&observed(&engine).await)),
        [],
        "in use, or written"
    );
    engine.insert_volume(volume("old_data"));
    engine.insert_volume(volume(&"d".repeat(64)));
    engine.insert_image(image("sha256:2", &[], &[]));
    engine.insert_image(image("sha256:3", &[], &[]));
    let drift = declared.drift(&observed(&engine).await);
    assert_eq!(
        told(&drift),
        [
            (
                DifferenceKind::OrphanedVolume,
                "1 volume without a name is used by no container"
            ),
            (
                DifferenceKind::OrphanedVolume,
                "volume `old_data` is used by no container, and no file mentions it"
            ),
            (
                DifferenceKind::DanglingImages,
                "2 images have no name any more and are used by no container (2.0 MiB)"
            ),
        ]
    );
}

#[tokio::test]
async fn a_difference_is_gone_when_it_is_put_right() {
    let engine = engine([site()]);
    let declared = lab("    restart: always\n");
    engine.stop("web-site-1", None).await.expect("it stops");
    assert_eq!(
        declared.drift(&observed(&engine).await).differences()[0].kind(),
        DifferenceKind::Stopped
    );
    engine.start("web-site-1").await.expect("it starts");
    assert_eq!(told(&declared.drift(&observed(&engine).await)), []);
}

#[test]
fn every_kind_has_its_word_and_a_fix() {
    let words: BTreeSet<&str> = DifferenceKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), DifferenceKind::ALL.len());
    assert!(DifferenceKind::ALL.iter().all(|kind| kind.fix().ends_with('.')));
}
