//! What a run leaves that died, and who puts it right.

use super::*;

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
