use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use super::*;
use crate::compose::{MountKind, Protocol};
use crate::engine::EngineExt;
use crate::engine::contract::{self, Stage, script};
use crate::inventory::{Binding, ContainerState, Mounted};
use crate::secret::Secret;

fn host() -> HostName {
    "memory-host".parse().expect("a name")
}

fn engine() -> MemoryEngine {
    MemoryEngine::new(host()).with_limit(Duration::from_millis(50))
}

fn running(id: &str, name: &str) -> Container {
    Container {
        state: ContainerState::Running,
        ..Container::new(id, name)
    }
}

/// What the contract's programs do.
fn program(container: &Container, options: &ExecOptions, input: &[u8]) -> Option<ExecResult> {
    let words: Vec<&str> = options.command.iter().map(String::as_str).collect();
    let (stdout, stderr, code) = match words[..] {
        ["cat"] => (input.to_vec(), "", 0),
        ["sh", "-c", script::BOTH] => (b"out\n".to_vec(), "err\n", 3),
        ["sh", "-c", script::BINARY] => ([&[0; 16][..], b"\r\n\x01"].concat(), "", 0),
        ["sh", "-c", script::MANY] => (vec![0; 8 << 20], "", 0),
        ["sh", "-c", script::SURROUNDINGS] => {
            let variable = options.environment.iter().find(|(name, _)| name == "A");
            let (_, value) = variable.expect("the contract gives one");
            let (folder, user) = (options.folder.as_deref(), options.user.as_deref());
            let words = [Some(value.expose()), folder, user].map(|word| word.unwrap_or("none"));
            (format!("{}\n", words.join("\n")).into_bytes(), "", 0)
        }
        ["sh", "-c", script::SILENT] => return None,
        _ => return no_program(container, options, input),
    };
    Some(ExecResult {
        stdout,
        stderr: stderr.into(),
        code,
    })
}

#[tokio::test]
async fn it_does_what_an_engine_has_to() {
    let engine = engine().with_program(program);
    let image = "homelab/contract:1";
    let binding = |address: Option<Ipv4Addr>, port, target| Binding {
        address: address.map(Into::into),
        port,
        target,
        protocol: Protocol::Tcp,
    };
    let value = contract::SUBJECT_VALUE;
    engine.insert(Container {
        image: image.into(),
        image_id: "sha256:1".into(),
        ports: vec![
            binding(None, 17001, 7001),
            binding(Some(Ipv4Addr::LOCALHOST), 17000, 7000),
        ],
        mounts: vec![Mounted {
            target: contract::FOLDER.into(),
            kind: MountKind::Volume,
            source: Some("data".into()),
            read_only: false,
        }],
        networks: [("net".to_owned(), vec![Ipv4Addr::new(172, 30, 0, 2).into()])].into(),
        labels: [(contract::SUBJECT_LABEL.to_owned(), value.to_owned())].into(),
        environment: [("CONTRACT".to_owned(), Secret::new(value))].into(),
        ..running("0123456789abcdef", "subject")
    });
    engine.insert(Container {
        image: image.into(),
        ..running("fedcba9876543210", "spare")
    });
    engine.insert_image(Image {
        id: "sha256:1".into(),
        tags: vec![image.into()],
        digests: Vec::new(),
        created: None,
        size: 1,
        labels: BTreeMap::new(),
    });
    engine.insert_volume(Volume {
        name: "data".into(),
        driver: "local".into(),
        path: None,
        created: None,
        labels: BTreeMap::new(),
        size: Some(1),
    });
    engine.insert_network(Network {
        id: "1".into(),
        name: "net".into(),
        driver: "bridge".into(),
        internal: false,
        subnets: vec!["172.30.0.0/24".parse().expect("a prefix")],
        labels: BTreeMap::new(),
    });
    engine.log("subject", &contract::long_line());
    for number in 1..=contract::LINES {
        for container in ["subject", "spare"] {
            engine.log(container, &format!("out {number}"));
            engine.log_to(container, Output::Stderr, &format!("err {number}"));
        }
    }
    let stage = Stage {
        engine: Arc::new(engine),
        image: image.into(),
        subject: "subject".into(),
        spare: "spare".into(),
        volume: "data".into(),
        network: "net".into(),
        loopback_port: 17000,
        open_port: 17001,
    };
    assert_eq!(contract::check(&stage).await, Vec::<String>::new());
    // Now that the spare is gone, the check has to say so.
    let problems = contract::check(&stage).await;
    assert!(
        problems.iter().any(|problem| problem.contains("`spare`")),
        "{problems:?}"
    );
}

#[tokio::test]
async fn a_silent_engine_costs_its_limit() {
    let engine = engine();
    engine.insert(running("1", "db"));
    let mut logs = engine.logs(
        "db",
        LogOptions {
            follow: true,
            ..LogOptions::default()
        },
    );
    engine.log("db", "ready");
    assert!(logs.next().await.expect("a line").is_some());
    engine.fail(Some(Fault::Silent));
    let error = engine.containers().await.expect_err("silent");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("memory-host"), "{error}");
    assert!(error.retryable());
    assert_eq!(logs.next().await.expect_err("silent").kind(), ErrorKind::TimedOut);
    engine.fail(None);
    assert_eq!(engine.containers().await.expect("mended").len(), 1);
}

#[tokio::test]
async fn feeds_of_an_engine_that_dies_end_with_an_error() {
    let engine = engine();
    engine.insert(running("1", "db"));
    let mut events = engine.events(None);
    let reader = tokio::spawn(async move { events.next().await });
    tokio::task::yield_now().await;
    engine.fail(Some(Fault::Unreachable));
    let error = reader.await.expect("no panic").expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_proxy_that_only_lets_look_says_so() {
    let engine = engine();
    engine.insert(running("1", "db"));
    engine.fail(Some(Fault::ReadOnly));
    assert_eq!(engine.containers().await.expect("allowed").len(), 1);
    for result in [
        engine.stop("db", None).await,
        engine.pull("x:1").all().await.map(|_| ()),
        engine.run("db", ExecOptions::new(["true"])).await.map(|_| ()),
    ] {
        assert_eq!(result.expect_err("not allowed").kind(), ErrorKind::Unauthorised);
    }
    assert_eq!(
        engine.container("db").await.expect("there").state,
        ContainerState::Running
    );
}

#[tokio::test]
async fn what_is_pulled_takes_the_name() {
    let engine = engine();
    let image = |id: &str| Image {
        id: id.into(),
        tags: vec!["app:1".into()],
        digests: Vec::new(),
        created: None,
        size: 5,
        labels: BTreeMap::new(),
    };
    engine.insert_image(image("sha256:old"));
    engine.insert_registry_image(image("sha256:new"));
    let progress = engine.pull("app:1").all().await.expect("pulled");
    assert_eq!(progress.last().and_then(|last| last.done), Some(5));
    let images = engine.images().await.expect("listed");
    let told: Vec<_> = images
        .iter()
        .map(|image| (image.id.as_str(), image.is_dangling()))
        .collect();
    assert_eq!(told, [("sha256:old", true), ("sha256:new", false)]);
}

#[tokio::test]
async fn it_remembers_as_many_events_as_docker() {
    let engine = engine();
    engine.insert(running("1", "db"));
    let since = engine.info().await.expect("info").clock;
    for _ in 0..300 {
        engine.pause("db").await.expect("it runs");
        engine.unpause("db").await.expect("it is paused");
    }
    let mut events = engine.events(since);
    let mut count = 0;
    while let Ok(next) = tokio::time::timeout(Duration::from_millis(20), events.next()).await {
        next.expect("no error").expect("no end");
        count += 1;
    }
    assert_eq!(count, 256);
}
