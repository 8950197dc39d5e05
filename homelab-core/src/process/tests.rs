use std::time::Instant;

use super::*;

fn shell(script: &str) -> Command {
    Command::new("/bin/sh")
        .with_arguments(["-c", script])
        .with_variable("PATH", "/usr/local/bin:/usr/bin:/bin")
        .with_grace(Duration::from_millis(300))
}

fn run(command: &Command) -> Result<Output> {
    command.run_blocking(&Cancel::new())
}

/// Whether a process lives; one that is dead and not yet reaped by its parent does not.
fn lives(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim().starts_with('Z'))
    })
}

fn dies(pid: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        if !lives(pid) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn the_environment_is_exactly_what_was_given() {
    let command = Command::new("/usr/bin/env")
        .with_variable("A", "1")
        .with_secret("B", Secret::new("2"));
    assert_eq!(run(&command).expect("it runs").stdout(), b"A=1\nB=2\n");
}

#[test]
fn input_folder_and_accepted_codes_reach_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = shell("cat; pwd; exit 3")
        .with_input("in\n")
        .with_folder(folder.path())
        .with_accepted_codes([0, 3]);
    let output = run(&command).expect("3 is accepted");
    let real = folder.path().canonicalize().expect("it is there");
    assert_eq!(output.code(), 3);
    assert_eq!(
        String::from_utf8_lossy(output.stdout()),
        format!("in\n{}\n", real.display())
    );
}

#[test]
fn much_on_both_pipes_and_on_input_does_not_lock_up() {
    let script = "head -c 3000000 /dev/zero >&2; cat; head -c 3000000 /dev/zero >&2";
    let output = run(&shell(script).with_input(vec![b'x'; 5_000_000])).expect("it runs");
    assert_eq!(output.stdout().len(), 5_000_000);
    assert_eq!(output.stderr().len(), STDERR_TAIL);
    run(&shell("exec <&-; true").with_input(vec![0; 5_000_000])).expect("input need not be read");
}

#[test]
fn a_failure_has_the_code_and_the_last_words_without_secrets() {
    let command = shell("echo lost >/dev/null; echo \"wrong password $KEY\" >&2; exit 4")
        .with_secret("KEY", Secret::new("hunter2"));
    let error = run(&command).expect_err("4");
    assert_eq!(error.kind(), ErrorKind::ToolFailed);
    assert_eq!(error.to_string(), "run `sh`: exit code 4");
    assert_eq!(error.hint(), Some("wrong password ***"));
    assert!(!format!("{command:?}{error:?}").contains("hunter2"));
    let error = run(&shell("kill -9 $$")).expect_err("killed");
    assert_eq!(error.to_string(), "run `sh`: ended by signal 9");
}

#[test]
fn a_missing_program_and_a_missing_folder_are_told_apart() {
    let error = run(&Command::new("no-such-program-here")).expect_err("missing");
    assert_eq!(error.kind(), ErrorKind::ToolMissing);
    assert_eq!(
        error.to_string(),
        "run `no-such-program-here`: it is not installed"
    );
    let error = run(&Command::new("/no/such/program")).expect_err("missing");
    assert_eq!(error.kind(), ErrorKind::ToolMissing);
    let error = run(&shell("true").with_folder("/no/such/folder")).expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_relative_entry_of_path_is_not_searched() {
    let command = Command::new("sh").with_variable("PATH", ".:bin:");
    assert_eq!(
        run(&command).expect_err("not found").kind(),
        ErrorKind::ToolMissing
    );
}

#[test]
fn too_much_output_ends_it() {
    let start = Instant::now();
    let error = run(&shell("yes").with_output_limit(1000)).expect_err("endless");
    assert_eq!(error.kind(), ErrorKind::ToolFailed);
    assert_eq!(error.to_string(), "run `sh`: it printed more than 1000 bytes");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn time_ends_even_who_does_not_listen() {
    let command = shell("trap '' INT; sleep 1000 & wait").with_time_limit(Duration::from_millis(200));
    let start = Instant::now();
    let error = run(&command).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.retryable());
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(400),
        "it had its grace, but took {took:?}"
    );
    assert!(took < Duration::from_secs(20));
}

#[test]
fn a_limit_without_end_is_one() {
    let command = shell("true")
        .with_time_limit(Duration::MAX)
        .with_grace(Duration::MAX);
    run(&command).expect("it runs");
}

#[test]
fn nothing_of_the_group_outlives_the_call() {
    let output = run(&shell("sleep 1000 >/dev/null 2>&1 & echo $!")).expect("it runs");
    let pid = String::from_utf8_lossy(output.stdout()).trim().to_owned();
    assert!(dies(&pid), "the program's own child {pid} lives on");
}

#[test]
fn who_leaves_the_group_with_the_pipe_open_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = Instant::now();
    let script = "setsid sh -c 'echo > left; exec sleep 8' & while [ ! -e left ]; do sleep 0.01; done";
    let result = run(&shell(script).with_folder(folder.path()));
    assert!(start.elapsed() < Duration::from_secs(7));
    assert_eq!(
        result.expect_err("the output does not end").to_string(),
        "run `sh`: its output does not end"
    );
}

#[tokio::test]
async fn cancelling_lets_it_clean_up_and_waits_for_that() {
    let folder = tempfile::tempdir().expect("a folder");
    // Without a child: what a shell does of one that the same signal ends differs from shell to shell.
    let script = "trap 'echo done > cleaned; exit 0' INT; echo > ready; while :; do :; done";
    let command = shell(script)
        .with_folder(folder.path())
        .with_grace(Duration::from_secs(30));
    let cancel = Cancel::new();
    let stop = async {
        while !folder.path().join("ready").exists() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(command.run(&cancel), stop);
    assert_eq!(result.expect_err("stopped").kind(), ErrorKind::Cancelled);
    assert!(folder.path().join("cleaned").exists());
    let error = command.run(&cancel).await.expect_err("stopped before it began");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[tokio::test]
async fn dropping_the_future_stops_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let pid_file = folder.path().join("pid");
    let command = shell("echo $$ > new; mv new pid; exec sleep 1000").with_folder(folder.path());
    let cancel = Cancel::new();
    let running = command.run(&cancel);
    tokio::select! {
        biased;
        _ = running => panic!("it runs for long"),
        () = async {
            while !pid_file.exists() {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    let pid = std::fs::read_to_string(&pid_file).expect("written");
    assert!(dies(pid.trim()), "it lives on");
}
