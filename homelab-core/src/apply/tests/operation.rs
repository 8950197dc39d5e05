//! The operation itself: its events, its cancelling, its end.

use super::*;

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
