use proptest::prelude::*;

use super::*;
use crate::engine::EngineExt as _;
use crate::engine::memory::{Fault, MemoryEngine};
use crate::inventory::{ContainerState, Image, Volume};

fn memory(name: &str) -> MemoryEngine {
    MemoryEngine::new(name.parse().expect("a name")).with_limit(Duration::from_millis(100))
}

fn engines(engines: &[MemoryEngine]) -> Engines {
    Engines::new(
        engines
            .iter()
            .map(|engine| Arc::new(engine.clone()) as Arc<dyn Engine>),
    )
}

async fn next(changes: &mut Subscription<Change>) -> Change {
    let next = tokio::time::timeout(Duration::from_secs(20), changes.next()).await;
    next.expect("a change in time").expect("no end")
}

/// Returns an inventory without what no event tells of: when it was asked, and the engine's clock.
fn plain(inventory: &Inventory) -> Inventory {
    Inventory::new(inventory.hosts().map(|host| {
        let mut host = host.clone();
        host.at = jiff::Timestamp::UNIX_EPOCH;
        if let Some(engine) = &mut host.engine {
            engine.clock = None;
        }
        host
    }))
}

/// Takes in changes until the picture is what the engines have.
async fn follow(changes: &mut Subscription<Change>, picture: &mut Inventory, engines: &Engines) {
    let mut tries = 0;
    loop {
        let fresh = engines.inventory().await;
        if plain(picture) == plain(&fresh) {
            return;
        }
        tries += 1;
        assert!(
            tries < 200,
            "it does not become\n{fresh:#?}\nbut stays\n{picture:#?}"
        );
        while let Ok(change) = tokio::time::timeout(Duration::from_millis(20), changes.next()).await {
            picture.apply(change.expect("no end"));
        }
    }
}

#[tokio::test]
async fn it_begins_with_everything_and_goes_on_with_what_changes() {
    let (nas, attic) = (memory("nas"), memory("attic"));
    nas.insert(Container::new("1", "web"));
    attic.fail(Some(Fault::Unreachable));
    let mut changes = engines(&[nas.clone(), attic.clone()]).watch();
    let Change::Full(full) = next(&mut changes).await else {
        panic!("everything comes first")
    };
    assert_eq!(full.containers().count(), 1);
    assert!(full.host("attic").is_some_and(|attic| !attic.is_seen()));

    nas.start("web").await.expect("it starts");
    match next(&mut changes).await {
        Change::Container {
            host,
            container,
            resynced,
        } => {
            assert_eq!(
                (host.as_str(), container.state, resynced),
                ("nas", ContainerState::Running, false)
            );
        }
        other => panic!("{other}"),
    }
    nas.act(
        "web",
        crate::engine::Action::Remove {
            force: true,
            volumes: false,
        },
    )
    .await
    .expect("it goes");
    loop {
        match next(&mut changes).await {
            Change::Removed { name, .. } => break assert_eq!(name, "web"),
            Change::Container { .. } => {}
            other => panic!("{other}"),
        }
    }
    attic.insert(Container::new("2", "backup"));
    attic.fail(None);
    match next(&mut changes).await {
        Change::Host(host) => assert_eq!(
            (host.host.as_str(), host.containers.map(|all| all.len())),
            ("attic", Some(1))
        ),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn after_a_cut_the_difference_is_told_and_said_to_be_found_later() {
    let engine = memory("nas");
    engine.insert(Container::new("1", "web"));
    engine.insert(Container::new("2", "old"));
    let mut changes = engines(std::slice::from_ref(&engine)).watch();
    assert!(matches!(next(&mut changes).await, Change::Full(_)));
    // It answers again before anybody has noticed more than that the events have ended.
    engine.fail(Some(Fault::Unreachable));
    engine.fail(None);
    engine.start("web").await.expect("it starts");
    let mut picture = Inventory::default();
    let all = engines(std::slice::from_ref(&engine));
    picture.apply(Change::Full(all.inventory().await));
    follow(&mut changes, &mut picture, &all).await;
}

#[tokio::test]
async fn a_host_that_is_lost_is_told_once_and_again_when_it_is_back() {
    let engine = memory("nas");
    engine.insert(Container::new("1", "web"));
    let mut changes = engines(std::slice::from_ref(&engine)).watch();
    assert!(matches!(next(&mut changes).await, Change::Full(_)));
    engine.fail(Some(Fault::Unreachable));
    match next(&mut changes).await {
        Change::Host(host) => assert_eq!(host.gap().map(|gap| gap.kind), Some(ErrorKind::Unreachable)),
        other => panic!("{other}"),
    }
    let more = tokio::time::timeout(Duration::from_millis(500), changes.next()).await;
    assert!(more.is_err(), "it is said once: {more:?}");
    engine.fail(None);
    assert!(matches!(next(&mut changes).await, Change::Host(host) if host.is_seen()));
}

#[tokio::test]
async fn a_reader_who_falls_behind_gets_everything_anew() {
    let engine = memory("nas");
    let mut changes = engines(std::slice::from_ref(&engine)).watch();
    assert!(matches!(next(&mut changes).await, Change::Full(_)));
    for number in 0..KEPT * 2 {
        engine.insert(Container::new(number.to_string(), format!("c{number}")));
        tokio::task::yield_now().await;
        if number % 16 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let all = engines(std::slice::from_ref(&engine));
    let mut picture = Inventory::default();
    follow(&mut changes, &mut picture, &all).await;
}

#[tokio::test]
async fn it_ends_with_its_reader_and_a_lab_without_engines_is_empty() {
    let engine = memory("nas");
    let mut changes = engines(std::slice::from_ref(&engine)).watch();
    assert!(matches!(next(&mut changes).await, Change::Full(_)));
    changes.close();
    assert!(changes.next().await.is_none());
    let mut nothing = Engines::default().watch();
    assert!(matches!(next(&mut nothing).await, Change::Full(full) if full.hosts().len() == 0));
}

/// Something that happens to an engine.
#[derive(Clone, Debug)]
enum Act {
    Insert(u8),
    Start(u8),
    Stop(u8),
    Pause(u8),
    Remove(u8),
    Image(u8),
    Volume(u8),
    Network(u8),
    Cut,
    Break(Fault),
    Mend,
    Wait(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let number = || 0..12u8;
    prop_oneof![
        6 => number().prop_map(Act::Insert),
        5 => number().prop_map(Act::Start),
        4 => number().prop_map(Act::Stop),
        2 => number().prop_map(Act::Pause),
        3 => number().prop_map(Act::Remove),
        1 => number().prop_map(Act::Image),
        1 => number().prop_map(Act::Volume),
        1 => number().prop_map(Act::Network),
        2 => Just(Act::Cut),
        1 => prop_oneof![Just(Act::Break(Fault::Unreachable)), Just(Act::Break(Fault::Silent))],
        2 => Just(Act::Mend),
        3 => (0..4u8).prop_map(Act::Wait),
    ]
}

async fn happen(engine: &MemoryEngine, act: &Act, unique: u64) {
    let name = |number: &u8| format!("c{number}");
    let unbroken = |fault: Option<Fault>| engine.fail(fault);
    match act {
        Act::Insert(number) => engine.insert(Container::new(format!("{number}-{unique}"), name(number))),
        Act::Cut => {
            unbroken(Some(Fault::Unreachable));
            unbroken(None);
        }
        Act::Break(fault) => unbroken(Some(*fault)),
        Act::Mend => unbroken(None),
        Act::Wait(time) => tokio::time::sleep(Duration::from_millis(u64::from(*time))).await,
        Act::Image(number) => {
            let image = Image {
                id: format!("sha256:{unique}"),
                tags: vec![format!("i:{number}")],
                digests: Vec::new(),
                created: None,
                size: 1,
                labels: Default::default(),
            };
            engine.insert_registry_image(image);
            let _ = tokio::time::timeout(
                Duration::from_millis(5),
                engine.pull(&format!("i:{number}")).all(),
            )
            .await;
        }
        Act::Volume(number) => engine.insert_volume(Volume {
            name: format!("v{number}-{unique}"),
            driver: "local".to_owned(),
            path: None,
            created: None,
            labels: Default::default(),
            size: None,
        }),
        Act::Network(number) => engine.insert_network(crate::inventory::Network {
            id: unique.to_string(),
            name: format!("n{number}-{unique}"),
            driver: "bridge".to_owned(),
            internal: false,
            subnets: Vec::new(),
            labels: Default::default(),
        }),
        Act::Start(number) => change(engine, &name(number), crate::engine::Action::Start).await,
        Act::Stop(number) => change(engine, &name(number), crate::engine::Action::Stop { grace: None }).await,
        Act::Pause(number) => change(engine, &name(number), crate::engine::Action::Pause).await,
        Act::Remove(number) => {
            let action = crate::engine::Action::Remove {
                force: true,
                volumes: false,
            };
            change(engine, &name(number), action).await;
        }
    }
}

/// Whether it can be done does not matter here.
async fn change(engine: &MemoryEngine, name: &str, action: crate::engine::Action) {
    let _ = tokio::time::timeout(Duration::from_millis(5), engine.act(name, action)).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// 200 random changes on two hosts, with connections cut and engines broken at random moments: what was told, taken
    /// together, is what the engines have.
    #[test]
    fn what_was_told_is_what_there_is(acts in prop::collection::vec((any::<bool>(), act()), 200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let hosts = [memory("nas"), memory("attic")];
            let all = engines(&hosts);
            let mut changes = all.watch();
            for (index, (second, act)) in acts.iter().enumerate() {
                happen(&hosts[usize::from(*second)], act, index as u64).await;
                tokio::task::yield_now().await;
            }
            hosts.iter().for_each(|host| host.fail(None));
            let mut picture = Inventory::default();
            follow(&mut changes, &mut picture, &all).await;
        });
    }
}
