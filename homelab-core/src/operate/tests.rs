use super::*;
use crate::inventory::{Gap, HostInventory, Part};

fn lab() -> Lab {
    Lab::from_texts(
        "home",
        [
            (
                "web/compose.yaml",
                "services:\n  site: { image: nginx, depends_on: [app] }\n  app: { image: app, depends_on: [db, vpn] }\n  \
                 db: { image: postgres }\n  vpn: { image: gluetun }\n  torrent: { image: q, network_mode: 'service:vpn' }",
            ),
            (
                "instance.toml",
                "[hosts.nas]\n[hosts.attic]\n[projects.web]\nhosts = ['nas']",
            ),
        ],
    )
}

fn container(name: &str, state: ContainerState) -> Container {
    let mut container = Container::new(format!("id-{name}"), format!("web-{name}-1"));
    container.state = state;
    container.labels = [("project", "web"), ("service", name)]
        .map(|(label, value)| (format!("com.docker.compose.{label}"), value.to_owned()))
        .into();
    container
}

fn seen(state: ContainerState) -> Observed {
    let at = "2027-01-01T00:00:00Z".parse().expect("a time");
    let mut nas = HostInventory::new("nas".parse().expect("a name"), at, "docker");
    let mut all: Vec<Container> = ["app", "db", "site", "torrent", "vpn"]
        .map(|name| container(name, state))
        .into();
    let mut strange = Container::new("id-adminer", "adminer");
    strange.state = state;
    all.push(strange);
    nas.containers = Some(all);
    let mut attic = HostInventory::new("attic".parse().expect("a name"), at, "ssh://attic");
    attic
        .gaps
        .push(Gap::new(Part::Engine, ErrorKind::TimedOut, "ask it"));
    Observed::none(at).with_inventory(Inventory::new([nas, attic]))
}

fn names(plan: &Plan) -> Vec<String> {
    let targets = plan.view().steps.into_iter().map(|step| step.target);
    targets
        .map(|target| target.replace("nas:web-", "").replace("-1", ""))
        .collect()
}

#[test]
fn what_is_waited_for_starts_first_and_stops_last() {
    let stopped = seen(ContainerState::Exited);
    let start = lab().plan_start("web", &stopped).expect("a plan");
    assert_eq!(names(&start), ["db", "vpn", "app", "torrent", "site"]);
    let running = seen(ContainerState::Running);
    let stop = lab().plan_stop("web", &running).expect("a plan");
    assert_eq!(names(&stop), ["site", "torrent", "app", "vpn", "db"]);
    let restart = lab().plan_restart("web/app", &running).expect("a plan");
    assert_eq!(names(&restart), ["app"]);
    assert!(
        lab().plan_start("web", &running).expect("a plan").is_empty(),
        "all of it runs"
    );
    assert!(lab().plan_stop("web", &stopped).expect("a plan").is_empty());
    assert!(
        lab().plan_restart("web", &stopped).expect("a plan").is_empty(),
        "what was stopped stays so"
    );
}

#[test]
fn what_the_lab_does_not_own_is_meant_by_its_name_only() {
    let running = seen(ContainerState::Running);
    let host_was_seen = Lab::from_texts(
        "home",
        [("web/compose.yaml", "services: { db: { image: postgres } }")],
    );
    let all = host_was_seen.plan_stop("*", &running);
    assert_eq!(
        all.expect_err("it could be in the attic").kind(),
        ErrorKind::Unreachable
    );
    let all = lab().plan_stop("*", &running).expect("a plan");
    assert!(!names(&all).contains(&"nas:adminer".to_owned()), "{all}");
    assert_eq!(
        names(&lab().plan_stop("_/adminer", &running).expect("a plan")),
        ["nas:adminer"]
    );
    assert_eq!(
        names(&lab().plan_stop("nas:_/adminer", &running).expect("a plan")),
        ["nas:adminer"]
    );
    for other in ["adminer", "_/admin", "attic:_/adminer", ""] {
        assert_eq!(
            lab().plan_stop(other, &running).expect_err(other).kind(),
            ErrorKind::NotFound
        );
    }
}

#[test]
fn what_was_not_seen_is_not_planned() {
    let at = "2027-01-01T00:00:00Z".parse().expect("a time");
    let error = lab()
        .plan_start("web", &Observed::none(at))
        .expect_err("nobody was asked");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let mut empty = HostInventory::new("nas".parse().expect("a name"), at, "docker");
    empty.containers = Some(Vec::new());
    let seen = Observed::none(at).with_inventory(Inventory::new([empty]));
    let error = lab().plan_start("web", &seen).expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint().is_some_and(|hint| hint.contains("up -d")));
}

#[test]
fn the_same_state_gives_the_same_plan_and_another_gives_another() {
    let running = seen(ContainerState::Running);
    let plan = |action: ContainerAction| lab().operate(action, "web", &running).expect("a plan");
    assert_eq!(plan(ContainerAction::Stop).id(), plan(ContainerAction::Stop).id());
    assert_ne!(
        plan(ContainerAction::Stop).id(),
        plan(ContainerAction::Restart).id()
    );
    let view = plan(ContainerAction::Restart).view();
    assert_eq!(view.steps[0].kind, "restart_container");
    assert_eq!(
        view.steps[0].precondition,
        "the container is there, and is running"
    );
}

/// A migration that has to end, a database that has to be well, and who shares another's network.
fn conditions() -> Lab {
    Lab::from_texts(
        "home",
        [(
            "web/compose.yaml",
            "services:\n  site:\n    image: nginx\n    depends_on:\n      app: { condition: service_started, restart: true }\n\
             \x20 app:\n    image: app\n    depends_on:\n      vpn: { condition: service_completed_successfully }\n      \
             db: { condition: service_healthy }\n  db: { image: postgres, healthcheck: { test: 'true' } }\n\
             \x20 vpn: { image: migration }\n  torrent: { image: q, network_mode: 'service:db' }",
        )],
    )
}

fn doing(states: [(&str, ContainerState, Option<Health>); 5]) -> Observed {
    let at = "2027-01-01T00:00:00Z".parse().expect("a time");
    let mut nas = HostInventory::new("nas".parse().expect("a name"), at, "docker");
    let all = states.map(|(name, state, health)| Container {
        health,
        ..container(name, state)
    });
    nas.containers = Some(all.into());
    Observed::none(at).with_inventory(Inventory::new([nas]))
}

fn lines(plan: Result<Plan>) -> Vec<String> {
    let plan = plan.expect("a plan");
    let all = plan.steps().iter().map(ToString::to_string);
    all.map(|line| {
        line.replace("container `web-", "")
            .replace("-1` on host `nas`", "")
    })
    .collect()
}

#[test]
fn conditions_say_what_is_waited_for() {
    use ContainerState::{Exited, Running};
    let stopped = doing([
        ("app", Exited, None),
        ("db", Exited, None),
        ("site", Exited, None),
        ("torrent", Exited, None),
        ("vpn", Exited, None),
    ]);
    assert_eq!(
        lines(conditions().plan_start("web/site", &stopped)),
        ["start db", "run vpn, to its end", "start app", "start site"],
        "with what it waits for, and no other"
    );
    let ill = |health| {
        doing([
            ("app", Exited, None),
            ("db", Running, Some(health)),
            ("site", Exited, None),
            ("torrent", Running, None),
            ("vpn", Running, None),
        ])
    };
    assert_eq!(
        lines(conditions().plan_start("web/app", &ill(Health::Starting))),
        ["start db", "run vpn, to its end", "start app"],
        "what runs and is not well is waited for, and a job to its end"
    );
    assert_eq!(
        lines(conditions().plan_start("web/app", &ill(Health::Healthy))),
        ["run vpn, to its end", "start app"]
    );
    let running = doing([
        ("app", Running, None),
        ("db", Running, Some(Health::Healthy)),
        ("site", Running, None),
        ("torrent", Running, None),
        ("vpn", Exited, None),
    ]);
    assert_eq!(
        lines(conditions().plan_start("web/app", &running)),
        [""; 0],
        "a job is not run again for what runs"
    );
    assert_eq!(
        lines(conditions().plan_restart("web/app", &running)),
        ["restart app", "restart site"]
    );
    assert_eq!(
        lines(conditions().plan_restart("web/db", &running)),
        ["restart db", "restart torrent"],
        "its network is the other's"
    );
}
