use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Content, FileMode, LabPath, Plan, Step, StepStatus};

struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Lab {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("lab")).expect("a lab");
        Lab { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("lab")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn world(&self) -> World {
        World::files(self.root()).with_state(self.state())
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).expect(path)
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.root().join(path), text).expect(path);
    }

    /// Every file beneath the whole folder, with its inode and content, but the state's own empty folder.
    fn snapshot(&self) -> Vec<(PathBuf, u64, Option<Vec<u8>>)> {
        fn walk(folder: &Path, all: &mut Vec<(PathBuf, u64, Option<Vec<u8>>)>) {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                let metadata = entry.path().symlink_metadata().expect("it is there");
                let content = metadata
                    .is_file()
                    .then(|| std::fs::read(entry.path()).expect("readable"));
                all.push((entry.path(), metadata.ino(), content));
                if metadata.is_dir() {
                    walk(&entry.path(), all);
                }
            }
        }
        let mut all = Vec::new();
        walk(self.folder.path(), &mut all);
        all.retain(|(path, ..)| !path.starts_with(self.state()));
        all.sort();
        all
    }

    /// No temporary file lies about, and no recovery file.
    fn assert_clean(&self) {
        for (path, ..) in self.snapshot() {
            assert!(!path.to_string_lossy().contains(".homelab-"), "{path:?} was left");
        }
        if let Ok(mut entries) = std::fs::read_dir(self.state().join("recovery")) {
            assert!(entries.next().is_none(), "a recovery file was left");
        }
    }
}

fn path(text: &str) -> LabPath {
    text.parse().expect(text)
}

fn plan(steps: impl IntoIterator<Item = Step>) -> Plan {
    Plan::new("try", steps).expect("no path twice")
}

fn three_files() -> Plan {
    plan([
        Step::write_new(path("a"), "1"),
        Step::write_new(path("b"), "2"),
        Step::write_new(path("c"), "3"),
    ])
}

async fn fails(plan: Plan, world: &World) -> Error {
    plan.apply(world).await.expect_err("refused")
}

#[tokio::test]
async fn folders_and_files_are_made_with_their_permissions() {
    let lab = Lab::new();
    let plan = plan([
        Step::create_folder(path("s")),
        Step::create_folder(path("s/private")).with_mode(FileMode::Private),
        Step::write_new(path("s/compose.yaml"), "services: {}\n"),
        Step::write_new(path("s/private/.env"), Content::hidden("A=1")).with_mode(FileMode::Private),
        Step::write_new(path("run"), "#!/bin/sh\n").with_mode(FileMode::Program),
    ]);
    let outcome = plan.apply(&lab.world()).await.expect("it is applied");
    assert_eq!(outcome.status(), Status::Complete);
    assert!(outcome.steps().iter().all(|step| step.status == StepStatus::Done));
    outcome.complete().expect("nothing is left out");
    assert_eq!(lab.read("s/compose.yaml"), "services: {}\n");
    let mode = |path: &str| lab.root().join(path).metadata().expect(path).mode() & 0o777;
    assert_eq!((mode("s/private"), mode("s/private/.env")), (0o700, 0o600));
    assert_eq!(mode("run") & 0o700, 0o700);
    lab.assert_clean();
}

#[tokio::test]
async fn a_replaced_file_keeps_its_permissions_and_needs_its_old_content() {
    let lab = Lab::new();
    lab.write("a", "old");
    std::fs::set_permissions(lab.root().join("a"), PermissionsExt::from_mode(0o640)).expect("ours");
    let plan = plan([Step::replace(path("a"), "old", "new")]);
    let outcome = plan.clone().apply(&lab.world()).await.expect("it is applied");
    assert_eq!(outcome.status(), Status::Complete);
    assert_eq!(lab.read("a"), "new");
    let mode = lab.root().join("a").metadata().expect("it is there").mode();
    assert_eq!(mode & 0o777, 0o640);

    lab.write("a", "edited by hand");
    let error = fails(plan.clone(), &lab.world()).await;
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(lab.read("a"), "edited by hand");
    std::fs::remove_file(lab.root().join("a")).expect("ours");
    assert_eq!(fails(plan, &lab.world()).await.kind(), ErrorKind::Conflict);
    lab.assert_clean();
}

#[tokio::test]
async fn a_plan_of_a_state_that_changed_is_refused_before_its_first_step() {
    let lab = Lab::new();
    lab.write("c", "somebody's");
    let before = lab.snapshot();
    let error = fails(three_files(), &lab.world()).await;
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.to_string(),
        "change `c`: expected nothing, found a file with other content"
    );
    assert!(error.done().is_empty());
    assert_eq!(lab.snapshot(), before);
    let nowhere = plan([Step::write_new(path("no/where"), "x")]);
    let error = fails(nowhere, &lab.world()).await;
    assert_eq!(error.to_string(), "change `no/where`: folder `no` is not there");
    lab.assert_clean();
}

#[tokio::test]
async fn a_change_between_check_and_step_is_a_conflict_that_loses_nothing() {
    for (old, step) in [
        (None, Step::write_new(path("c"), "ours")),
        (Some("old"), Step::replace(path("c"), "old", "ours")),
    ] {
        let lab = Lab::new();
        if let Some(old) = old {
            lab.write("c", old);
        }
        let theirs = lab.root().join("c");
        let world = lab.world().with_before_step(move |index| {
            if index == 1 {
                std::fs::write(&theirs, "theirs").expect("a file");
            }
        });
        let error = fails(plan([Step::write_new(path("a"), "1"), step]), &world).await;
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(error.done().len(), 1, "the first step was done");
        assert_eq!(error.done()[0].status, StepStatus::Done);
        assert_eq!(lab.read("c"), "theirs");
        lab.assert_clean();
    }
}

#[tokio::test]
async fn nothing_outside_the_folder_is_touched_through_links() {
    let lab = Lab::new();
    let outside = lab.folder.path().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::fs::write(outside.join("file"), "theirs").expect("a file");
    symlink(&outside, lab.root().join("link")).expect("a link");
    symlink(outside.join("file"), lab.root().join("leaf")).expect("a link");
    symlink(outside.join("absent"), lab.root().join("dangling")).expect("a link");
    symlink("loop", lab.root().join("loop")).expect("a link");
    let before = lab.snapshot();
    for step in [
        Step::write_new(path("link/new"), "x"),
        Step::replace(path("link/file"), "theirs", "x"),
        Step::create_folder(path("link/folder")),
        Step::replace(path("leaf"), "theirs", "x"),
        Step::write_new(path("leaf"), "x"),
        Step::write_new(path("dangling"), "x"),
        Step::create_folder(path("link")),
        Step::write_new(path("loop/x"), "x"),
    ] {
        let text = step.to_string();
        let error = fails(plan([step]), &lab.world()).await;
        assert!(
            matches!(error.kind(), ErrorKind::Refused | ErrorKind::Conflict),
            "{text}: {error}"
        );
    }
    assert_eq!(lab.snapshot(), before);
}

#[tokio::test]
async fn a_folder_swapped_for_a_link_midway_leads_nowhere() {
    let lab = Lab::new();
    let outside = lab.folder.path().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    let (root, target) = (lab.root(), outside.clone());
    let world = lab.world().with_before_step(move |index| {
        if index == 1 {
            std::fs::remove_dir(root.join("s")).expect("empty");
            symlink(&target, root.join("s")).expect("a link");
        }
    });
    let plan = plan([Step::create_folder(path("s")), Step::write_new(path("s/x"), "x")]);
    let error = fails(plan, &world).await;
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(std::fs::read_dir(&outside).expect("a folder").next().is_none());
}

#[tokio::test]
async fn what_is_there_already_but_open_to_others_is_partial() {
    let lab = Lab::new();
    lab.write(".env", "A=1");
    std::fs::set_permissions(lab.root().join(".env"), PermissionsExt::from_mode(0o644)).expect("ours");
    let plan = plan([
        Step::write_new(path("a"), "1"),
        Step::write_new(path(".env"), Content::hidden("A=1")).with_mode(FileMode::Private),
    ]);
    let outcome = plan.apply(&lab.world()).await.expect("it is applied");
    assert_eq!(outcome.status(), Status::Partial);
    let error = outcome.complete().expect_err("something is left out");
    assert_eq!(error.kind(), ErrorKind::Incomplete);
    assert_eq!(error.done(), outcome.steps());
    assert_eq!(error.to_string(), "do all of it: 1 of 2 steps left something out");
    assert!(error.hint().is_some_and(|hint| hint.contains("0644, not 0600")));
}

#[tokio::test]
async fn events_tell_all_from_the_beginning_to_the_end() {
    let lab = Lab::new();
    let operation = three_files().apply(&lab.world());
    let mut events = operation.events();
    operation
        .await
        .expect("it is applied")
        .complete()
        .expect("all of it");
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.push(event.to_string());
    }
    assert_eq!(
        told,
        [
            "started, 3 steps",
            "1. write new file `a` (1 B)",
            "1. done: write new file `a` (1 B)",
            "2. write new file `b` (1 B)",
            "2. done: write new file `b` (1 B)",
            "3. write new file `c` (1 B)",
            "3. done: write new file `c` (1 B)",
            "complete",
        ]
    );
}

#[tokio::test]
async fn a_reader_that_never_reads_holds_up_nobody() {
    let lab = Lab::new();
    // Folders that are there already: many steps, and nothing for the disk to wait for.
    let steps = (0..3000).map(|index| {
        let name = format!("f{index}");
        std::fs::create_dir(lab.root().join(&name)).expect("a folder");
        Step::create_folder(path(&name))
    });
    let operation = plan(steps).apply(&lab.world());
    let mut idle = operation.events();
    let outcome = operation.await.expect("it is applied");
    assert_eq!(outcome.status(), Status::Skipped);
    // 6,002 events, 4,096 of them kept.
    assert_eq!(idle.next().await, Some(Event::Lagged { missed: 1906 }));
}

/// The world whose operation is told to stop right before a step.
fn stopping(
    lab: &Lab,
    at: usize,
    stop: impl Fn(Operation) + Send + Sync + 'static,
) -> (World, Arc<Mutex<Option<Operation>>>) {
    let operation: Arc<Mutex<Option<Operation>>> = Arc::default();
    let held = operation.clone();
    let world = lab.world().with_before_step(move |index| {
        if index == at {
            loop {
                if let Some(operation) = held.lock().expect("no panic").take() {
                    return stop(operation);
                }
                std::thread::yield_now();
            }
        }
    });
    (world, operation)
}

#[tokio::test]
async fn cancelling_at_each_step_ends_there_and_says_what_was_done() {
    for at in 0..3 {
        let lab = Lab::new();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let (world, held) = stopping(&lab, at, move |operation| {
            // Signals at once; that nobody awaits it is nothing to it.
            drop(operation.cancel());
            let _ = sender.send(operation);
        });
        let operation = three_files().apply(&world);
        *held.lock().expect("no panic") = Some(operation);
        let operation = receiver.recv().await.expect("the hook sends it");
        operation.cancel().await;
        lab.assert_clean();
        let error = operation.await.expect_err("it was stopped");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert_eq!(error.done().len(), at);
        for (index, name) in ["a", "b", "c"].iter().enumerate() {
            assert_eq!(lab.root().join(name).exists(), index < at, "{name}");
        }
        let outcome = three_files().apply(&lab.world()).await.expect("the rest is done");
        let skipped = outcome
            .steps()
            .iter()
            .filter(|step| step.status == StepStatus::Skipped);
        assert_eq!((skipped.count(), outcome.status()), (at, Status::Complete));
    }
}

#[tokio::test]
async fn a_dropped_operation_stops_and_still_cleans_up() {
    for at in 0..3 {
        let lab = Lab::new();
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let (world, held) = stopping(&lab, at, move |operation| {
            let _ = sender.send(operation.events());
            drop(operation);
        });
        *held.lock().expect("no panic") = Some(three_files().apply(&world));
        let mut events = receiver.recv().await.expect("the hook sends it");
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event);
        }
        assert!(
            matches!(
                last,
                Some(Event::Failed {
                    kind: ErrorKind::Cancelled,
                    ..
                })
            ),
            "{last:?}"
        );
        assert_eq!(lab.snapshot().len(), 1 + at, "the lab's folder and {at} files");
        lab.assert_clean();
    }
}

#[tokio::test]
async fn cancelling_what_has_ended_changes_nothing() {
    let lab = Lab::new();
    let operation = three_files().apply(&lab.world());
    let mut events = operation.events();
    while events.next().await.is_some() {}
    operation.cancel().await;
    assert_eq!(operation.await.expect("it had ended").status(), Status::Complete);
}

#[tokio::test]
async fn a_taken_result_is_an_error_not_a_panic() {
    let lab = Lab::new();
    let mut operation = three_files().apply(&lab.world());
    (&mut operation)
        .await
        .expect("it is applied")
        .complete()
        .expect("all");
    assert_eq!(
        (&mut operation).await.expect_err("taken").kind(),
        ErrorKind::Invalid
    );
}

#[test]
fn without_a_runtime_nothing_is_done_and_the_operation_says_so() {
    let lab = Lab::new();
    let mut operation = Box::pin(three_files().apply(&lab.world()));
    let Poll::Ready(result) = operation.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it is ready at once");
    };
    assert_eq!(result.expect_err("refused").kind(), ErrorKind::Unsupported);
    assert!(!lab.root().join("a").exists());
}

#[test]
fn a_runtime_that_is_shut_down_midway_leaves_a_record_and_an_error() {
    let lab = Lab::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("a runtime");
    let (reached, wait) = std::sync::mpsc::channel();
    let (go_on, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let world = lab.world().with_before_step(move |index| {
        if index == 1 {
            let _ = reached.send(());
            let _ = held.lock().expect("no panic").recv();
        }
    });
    let entered = runtime.enter();
    let operation = three_files().apply(&world);
    drop(entered);
    wait.recv().expect("the second step is reached");
    runtime.shutdown_background();
    let other = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let error = other.block_on(operation).expect_err("its task is gone");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    drop(go_on);
    other.block_on(async {
        // The dead run's lock goes once its last thread is gone.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let seen = lab.world().see(lab.root()).await;
            if !seen.plan_recover().is_empty() {
                let outcome = seen
                    .plan_recover()
                    .apply(&lab.world())
                    .await
                    .expect("it is put back");
                outcome.complete().expect("all of it");
                break;
            }
            assert!(std::time::Instant::now() < until, "no record is seen");
            tokio::task::yield_now().await;
        }
    });
    lab.assert_clean();
}

#[tokio::test]
async fn a_missing_folder_is_said() {
    let lab = Lab::new();
    let world = World::files(lab.root().join("absent")).with_state(lab.state());
    let error = fails(three_files(), &world).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with("open folder `"));
}

#[tokio::test]
async fn what_a_dead_run_left_is_put_back_by_recovering_and_by_the_next_run() {
    for by_plan in [true, false] {
        let lab = Lab::new();
        leave_behind(&lab, "00000000000000aa", "s/.homelab-00000000000000aa-0.tmp");
        let seen = lab.world().see(lab.root()).await;
        let runs = seen.interrupted().expect("looked for").value();
        assert_eq!((runs.len(), runs[0].title()), (1, "try"));
        if by_plan {
            let outcome = seen.plan_recover().apply(&lab.world()).await.expect("put back");
            assert_eq!(outcome.status(), Status::Complete);
            let again = seen.plan_recover().apply(&lab.world()).await.expect("harmless");
            assert_eq!(again.status(), Status::Skipped);
        } else {
            let operation = plan([]).apply(&lab.world());
            let mut events = operation.events();
            assert_eq!(operation.await.expect("it is applied").status(), Status::Skipped);
            events.next().await;
            assert_eq!(
                events.next().await.expect("told").to_string(),
                "left by an earlier run: remove temporary file `s/.homelab-00000000000000aa-0.tmp`"
            );
        }
        lab.assert_clean();
        assert!(lab.world().see(lab.root()).await.plan_recover().is_empty());
    }
}

/// Writes what a run that was killed leaves: a temporary file and a recovery file that nobody has locked.
fn leave_behind(lab: &Lab, run: &str, leftover: &str) {
    let _ = std::fs::create_dir(lab.root().join("s"));
    lab.write(leftover, "half of a fi");
    let folder = lab.state().join("recovery");
    std::fs::create_dir_all(&folder).expect("a folder");
    let text = format!(
        "{{\"version\":1,\"run\":\"{run}\",\"plan\":\"0\",\"title\":\"try\",\"at\":\"2027-01-01T00:00:00Z\"}}\n\
         {{\"leftover\":{{\"temporary_file\":{{\"path\":\"{leftover}\"}}}}}}\n"
    );
    std::fs::write(folder.join(format!("{run}.jsonl")), text).expect("a file");
}

#[tokio::test]
async fn a_recovery_file_makes_nobody_delete_what_is_not_ours() {
    let lab = Lab::new();
    leave_behind(&lab, "00000000000000aa", "s/photos");
    let recover = lab.world().see(lab.root()).await.plan_recover();
    let error = fails(recover, &lab.world()).await;
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(lab.read("s/photos"), "half of a fi");
}

#[tokio::test]
async fn a_recovery_file_of_a_newer_version_is_left_to_it() {
    let lab = Lab::new();
    leave_behind(&lab, "00000000000000aa", "s/.homelab-1.tmp");
    let file = lab.state().join("recovery/00000000000000aa.jsonl");
    let mut text = std::fs::read_to_string(&file).expect("written above");
    text.push_str("{\"leftover\":{\"frozen_time\":{\"id\":7}}}\n");
    std::fs::write(&file, &text).expect("ours");
    three_files()
        .apply(&lab.world())
        .await
        .expect("it is applied")
        .complete()
        .expect("all");
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), text);
}

#[tokio::test]
async fn what_another_copy_of_the_lab_left_is_left_to_it() {
    let lab = Lab::new();
    leave_behind(&lab, "00000000000000aa", "s/.homelab-00000000000000aa-0.tmp");
    let file = lab.state().join("recovery/00000000000000aa.jsonl");
    let text = std::fs::read_to_string(&file).expect("written above");
    let of = |root: &Path| {
        let root = root.to_string_lossy();
        std::fs::write(&file, text.replacen("{", &format!("{{\"root\":{root:?},"), 1)).expect("ours");
    };
    let copy = tempfile::tempdir().expect("a folder");
    of(copy.path());
    assert!(lab.world().see(lab.root()).await.plan_recover().is_empty());
    let _ = plan([]).apply(&lab.world()).await.expect("it is applied");
    assert!(file.exists());
    // The lab was moved: its old folder is gone.
    drop(copy);
    let _ = plan([]).apply(&lab.world()).await.expect("it is applied");
    assert!(!file.exists());
    lab.assert_clean();
}

#[tokio::test]
async fn what_was_never_begun_is_forgotten_by_the_next_run_and_not_by_looking() {
    let lab = Lab::new();
    let folder = lab.state().join("recovery");
    std::fs::create_dir_all(&folder).expect("a folder");
    let (dead, alive) = (
        folder.join("00000000000000aa.new"),
        folder.join("00000000000000ab.new"),
    );
    std::fs::write(&dead, "{\"version\":1").expect("ours");
    let held = std::fs::File::create(&alive).expect("ours");
    held.lock().expect("nobody has it");
    lab.world().see(lab.root()).await;
    assert!(dead.exists());
    let _ = three_files().apply(&lab.world()).await.expect("it is applied");
    assert!(!dead.exists() && alive.exists());
}

#[tokio::test]
async fn a_loaded_lab_is_connected_and_observed() {
    let folder = Lab::new();
    folder.write("lab.toml", "audience = 'solo'\n");
    let lab = crate::Lab::load(folder.root()).expect("a folder");
    let world = World::connect(&lab).await.with_state(folder.state());
    let outcome = three_files().apply(&world).await.expect("it is applied");
    assert_eq!(outcome.status(), Status::Complete);
    let seen = world.observe(&lab).await;
    assert!(seen.interrupted().expect("looked for").value().is_empty());
    assert_eq!(seen.worktree().is_some(), cfg!(feature = "tools"));
}

#[tokio::test]
async fn a_living_run_is_not_taken_for_a_dead_one() {
    let lab = Lab::new();
    let (root, state) = (lab.root(), lab.state());
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let world = lab.world().with_before_step(move |_| {
        let records = std::fs::read_dir(state.join("recovery"))
            .expect("a folder")
            .count();
        assert_eq!(
            records, 1,
            "what may be left is written down before the first step"
        );
        let other = World::files(&root).with_state(&state);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let recover = runtime.block_on(other.see(root.clone())).plan_recover();
        assert!(recover.is_empty());
        count.fetch_add(1, Ordering::SeqCst);
    });
    three_files()
        .apply(&world)
        .await
        .expect("it is applied")
        .complete()
        .expect("all");
    assert_eq!(seen.load(Ordering::SeqCst), 3, "the checks ran");
}

#[tokio::test]
async fn a_thousand_operations_at_once_all_end() {
    let lab = Lab::new();
    let world = lab.world();
    let operations: Vec<(Operation, String)> = (0..1000)
        .map(|index| {
            let name = format!("f{index}");
            // Ten of them want the same file, with different content: one wins.
            let target = if index % 100 == 0 { "contested" } else { &name };
            let plan = plan([Step::write_new(path(target), format!("{index}"))]);
            (plan.apply(&world), name)
        })
        .collect();
    let (mut done, mut conflicts) = (0, 0);
    for (operation, _) in operations {
        match operation.await {
            Ok(outcome) => {
                assert_eq!(outcome.status(), Status::Complete);
                done += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                conflicts += 1;
            }
        }
    }
    assert_eq!((done, conflicts), (991, 9));
    lab.assert_clean();
}

fn any_step() -> impl Strategy<Value = (String, Option<String>, String)> {
    let name = prop_oneof!["[abc]", "[xy]/[abc]"];
    (name, proptest::option::of("[12]{0,3}"), "[12]{0,3}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn applying_a_plan_again_changes_nothing(
        steps in proptest::collection::vec(any_step(), 0..6),
        folders in proptest::collection::btree_set("[xy]", 0..=2),
    ) {
        let lab = Lab::new();
        let mut all: Vec<Step> = Vec::new();
        let mut taken = std::collections::BTreeSet::new();
        for folder in &folders {
            all.push(Step::create_folder(path(folder)));
        }
        for (name, old, new) in steps {
            if !taken.insert(name.clone()) {
                continue;
            }
            let place = lab.root().join(&name);
            match old {
                // Files that are replaced are there before, in a folder that is there before.
                Some(old) => {
                    std::fs::create_dir_all(place.parent().expect("in the lab")).expect("a folder");
                    std::fs::write(&place, &old).expect("a file");
                    all.push(Step::replace(path(&name), old, new));
                }
                None => all.push(Step::write_new(path(&name), new)),
            }
        }
        let plan = plan(all);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let before = lab.snapshot();
        let first: Result<Outcome> = runtime.block_on(async { plan.clone().apply(&lab.world()).await });
        let after = lab.snapshot();
        lab.assert_clean();
        match first {
            Ok(_) => {
                let again = runtime.block_on(async { plan.clone().apply(&lab.world()).await }).expect("harmless");
                prop_assert_eq!(again.status(), Status::Skipped);
                prop_assert_eq!(lab.snapshot(), after, "not even an inode differs");
            }
            Err(error) => {
                // Only a folder that is missing is refused here, and before anything is done.
                prop_assert_eq!(error.kind(), ErrorKind::Conflict);
                prop_assert_eq!(before, after);
            }
        }
    }
}
