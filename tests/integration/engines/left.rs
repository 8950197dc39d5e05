//! What is there after engines have run: nothing that was not there before.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use homelab_tests::needs::repository;

use super::{IMAGE, ensure};

/// How long it may take until all has ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a container on an engine of this test's own, and fails, is told to end in the middle, or is killed.
pub(super) fn nothing_is_left_behind_whatever_failed() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let run = format!(
        "docker -H \"${{HOMELAB_ENGINES#*=}}\" run -d --name left --network none -v kept:/data {IMAGE} sleep 600 || exit 9"
    );
    for (ends, code) in [
        ("exit 3", Some(3)),
        ("kill -TERM $PPID; sleep 60", Some(1)),
        ("kill -KILL $$", None),
    ] {
        let said = Command::new("python3")
            .arg(repository().join("tests/engines.py"))
            .args(["--only", "docker-20", "--", "sh", "-c", &format!("{run}; {ends}")])
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let errors = String::from_utf8_lossy(&said.stderr);
        ensure(text.contains("docker-20 is"), || {
            format!("{ends}: {text}{errors}")
        })?;
        let expected = code.is_none_or(|code| said.status.code() == Some(code));
        ensure(expected && !said.status.success(), || {
            format!("{ends}: it ends with {}: {errors}", said.status)
        })?;
        let began = Instant::now();
        loop {
            let left = left(folder.path())?;
            if left.is_empty() {
                break;
            }
            ensure(began.elapsed() < PATIENCE, || format!("{ends}: {left:?}"))?;
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}

/// Returns files, mounts and processes that are of this folder.
fn left(folder: &Path) -> Result<BTreeSet<String>, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut left = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(text)? {
        left.insert(format!("file {}", entry.map_err(text)?.path().display()));
    }
    let name = folder.display().to_string();
    let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(text)?;
    left.extend(
        mounts
            .lines()
            .filter(|line| line.contains(&name))
            .map(|line| format!("mount {line}")),
    );
    for process in fs::read_dir("/proc").map_err(text)?.flatten() {
        let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        if words.contains(&name) {
            left.insert(format!("process {words}"));
        }
    }
    Ok(left)
}
