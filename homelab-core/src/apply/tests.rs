mod backups;
mod operation;
mod recovery;

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
async fn a_missing_folder_is_said() {
    let lab = Lab::new();
    let world = World::files(lab.root().join("absent")).with_state(lab.state());
    let error = fails(three_files(), &world).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with("open folder `"));
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
