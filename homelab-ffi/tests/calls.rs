//! What Kotlin and Swift call, called from Rust: it needs neither.

use std::collections::HashMap;
use std::sync::Arc;

use homelab_core::ErrorKind;
use homelab_core::view::Reach;
use homelab_ffi::{
    Answer, CancelToken, HomelabError, Lab, Machine, Observed, Project, ResolveSettings, ServeSettings,
    Server, World, capabilities,
};

const COMPOSE: &str = "services: { web: { image: 'nginx:1.27', ports: ['8080:80'] } }";

fn lab() -> Arc<Lab> {
    let texts = HashMap::from([("web/compose.yaml".to_owned(), COMPOSE.to_owned())]);
    wait(Lab::from_texts("home".into(), texts, None)).expect("nothing to stop it")
}

/// Waits on a thread without a runtime, as foreign code does.
fn wait<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut work = std::pin::pin!(work);
    loop {
        match work.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn a_lab_of_texts_is_judged() {
    let lab = lab();
    let seen = Arc::new(Observed::none(Some("2027-01-31T12:00:00Z".into())).expect("a time"));
    let exposure = wait(lab.exposure("web".into(), Some(seen.clone()), None)).expect("the one service");
    assert_eq!(exposure.reach, Reach::Lan);
    let report = wait(lab.audit(Some(seen), None)).expect("nothing to stop it");
    assert_eq!(report.at(), "2027-01-31T12:00:00Z");
    assert_eq!(
        report.services(),
        wait(lab.exposures(None, None)).expect("nothing to stop it")
    );
    assert_eq!(report.view().findings, report.findings());
    assert!(report.to_json().contains("\"8080"), "{}", report.to_json());
    assert_eq!(lab.projects().len(), 1);
    assert_eq!(lab.service("web").expect("the one service"), "web/web");
}

#[test]
fn errors_have_their_kind_and_text() {
    let error = wait(lab().exposure("wep".into(), None, None)).expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().starts_with("Failed to find service `wep`"),
        "{error}"
    );
    assert_eq!(
        Observed::none(Some("soon".into())).expect_err("no time").kind(),
        ErrorKind::Invalid
    );
    let error = wait(Lab::load("/nonexistent/lab".into(), None)).expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_plan_is_shown_and_applied_with_its_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("web")).expect("a folder");
    std::fs::write(folder.path().join("web/compose.yaml"), COMPOSE).expect("a file");
    let root = folder.path().display().to_string();
    let lab = wait(Lab::load(root, None)).expect("it is there");
    let plan = wait(lab.plan_init(None, None)).expect("nothing to stop it");
    assert_eq!(plan.steps().len(), 2);
    assert!(plan.to_text().contains("lab.toml"));
    let world = wait(World::connect(lab.clone(), None))
        .expect("nothing to stop it")
        .with_state(state.path().display().to_string());
    let operation = plan.apply(&world).expect("a runtime");
    let events = operation.events();
    let mut kinds = Vec::new();
    while let Some(event) = wait(events.next()) {
        kinds.push(event.kind);
    }
    assert_eq!(kinds.first().map(String::as_str), Some("started"));
    assert_eq!(kinds.last().map(String::as_str), Some("finished"));
    let first = wait(operation.outcome(None)).expect("it ends well");
    let second = wait(operation.outcome(None)).expect("it is told again");
    assert_eq!(first.view(), second.view());
    assert_eq!(first.status(), "complete");
    first.complete().expect("nothing is left out");
    let again = plan.apply(&world).expect("a runtime");
    assert_eq!(
        wait(again.outcome(None)).expect("it is harmless").status(),
        "skipped"
    );
    let closed = again.events();
    closed.finish();
    assert_eq!(wait(closed.next()), None);
}

#[test]
fn a_wish_to_stop_is_granted_before_and_while_it_runs() {
    let cancel = Arc::new(CancelToken::new());
    cancel.cancel();
    assert!(cancel.is_cancelled());
    let error = wait(Lab::load("/".into(), Some(cancel.clone()))).expect_err("it was stopped");
    assert!(matches!(error, HomelabError::Cancelled { .. }), "{error}");
    let lab = lab();
    let error = wait(World::connect(lab.clone(), Some(cancel.clone()))).expect_err("it was stopped");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let world = wait(World::connect(lab.clone(), None)).expect("nothing to stop it");
    let stop = || Some(cancel.clone());
    for error in [
        wait(lab.audit(None, stop())).map(drop),
        wait(lab.posture(None, stop())).map(drop),
        wait(lab.exposures(None, stop())).map(drop),
        wait(lab.plan_init(None, stop())).map(drop),
        wait(world.observe(lab, stop())).map(drop),
    ] {
        assert_eq!(error.expect_err("it was stopped").kind(), ErrorKind::Cancelled);
    }
}

#[test]
fn a_project_is_resolved_and_hides_its_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("compose.yaml"),
        "services: { db: { image: postgres, environment: { POSTGRES_PASSWORD: hunter2 } } }",
    )
    .expect("a file");
    let settings = ResolveSettings {
        files: Vec::new(),
        directory: Some(folder.path().display().to_string()),
        root: None,
        profiles: None,
        env_files: Vec::new(),
        environment: HashMap::new(),
        name: Some("shop".into()),
        strict: true,
    };
    let project = wait(Project::resolve(settings, None)).expect("it is valid");
    assert_eq!(project.name(), "shop");
    assert_eq!(project.services(), ["db"]);
    assert!(project.to_json(false).contains("hunter2"));
    assert!(!project.to_json(true).contains("hunter2"));
}

#[test]
fn a_stored_lab_is_opened_with_the_same_answers() {
    let seen = Arc::new(Observed::none(Some("2027-01-31T12:00:00Z".into())).expect("a time"));
    let lab = lab();
    let stored = wait(lab.to_private_json(None)).expect("nothing to stop it");
    let opened = wait(Lab::from_json(stored, None)).expect("what was stored");
    let posture = |lab: &Lab| wait(lab.posture(Some(seen.clone()), None)).expect("nothing to stop it");
    assert_eq!(posture(&opened), posture(&lab));
    let error = wait(Lab::from_json("{}".into(), None)).expect_err("nothing is stored in it");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn questions_are_answered_as_records_and_as_json() {
    let (lab, seen) = (
        lab(),
        Arc::new(Observed::none(Some("2027-01-31T12:00:00Z".into())).expect("a time")),
    );
    let answer = wait(lab.answer("posture".into(), Some(seen.clone()), None)).expect("a question");
    let posture = wait(lab.posture(Some(seen.clone()), None)).expect("nothing to stop it");
    assert_eq!(answer, Answer::Posture(posture.clone()));
    let json = wait(lab.answer_json("posture".into(), Some(seen), None)).expect("a question");
    assert_eq!(json, homelab_core::Answer::Posture(posture).to_json());
    assert_eq!(
        wait(lab.answer("weather".into(), None, None))
            .expect_err("none of ours")
            .kind(),
        ErrorKind::Invalid
    );
}

#[test]
fn a_machine_crosses_in_both_directions() {
    let machine = |address: &str| Machine {
        name: "nas".into(),
        kind: None,
        interfaces: HashMap::from([("eth0".to_owned(), vec![address.to_owned()])]),
    };
    let seen = Observed::none(None).expect("now");
    assert!(seen.machine().is_none());
    let with = seen.with_machine(machine("192.168.1.10/24")).expect("an address");
    assert_eq!(
        with.machine().expect("just set").interfaces["eth0"],
        ["192.168.1.10/24"]
    );
    let plan = wait(lab().plan_init(Some(Arc::new(with)), None));
    let text = plan.expect("nothing to stop it").to_text();
    assert!(text.contains("192.168.1.10"), "{text}");
    assert_eq!(
        seen.with_machine(machine("nowhere"))
            .expect_err("no address")
            .kind(),
        ErrorKind::Invalid
    );
    assert!(seen.plan_recover().is_empty());
}

#[test]
fn it_says_what_this_build_can_do() {
    assert_eq!(capabilities(), homelab_core::capabilities());
}

#[test]
fn a_server_answers_until_it_is_stopped() {
    let settings = ServeSettings {
        listen: "127.0.0.1:0".into(),
        behind_serve: true,
        names: Vec::new(),
        own_daemon: false,
    };
    let begun = wait(Server::start(lab(), settings.clone(), None, None));
    if homelab_core::require_capability("serve").is_err() {
        assert_eq!(begun.expect_err("left out").kind(), ErrorKind::Unsupported);
        return;
    }
    let server = begun.expect("a free port");
    let taken = ServeSettings {
        listen: server.address(),
        ..settings.clone()
    };
    let error = wait(Server::start(lab(), taken, None, None)).expect_err("it listens there");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let public = ServeSettings {
        listen: "0.0.0.0:0".into(),
        ..settings
    };
    let error = wait(Server::start(lab(), public, None, None)).expect_err("everybody could come");
    assert_eq!(error.kind(), ErrorKind::Refused);
    server.show(lab(), None);
    assert!(std::net::TcpStream::connect(server.address()).is_ok());
    wait(server.stop());
    assert!(std::net::TcpStream::connect(server.address()).is_err());
}
