//! That the harness itself does what it says about needs.

use std::env;
use std::process::{Command, Stdio};

use crate::{Test, test};

pub(crate) fn tests() -> Vec<Test> {
    vec![test(
        "needs::a_need_that_is_said_to_be_present_must_be_found",
        &[],
        present_must_be_found,
    )]
}

/// Runs this very binary over no test at all, once told the truth, once told of a corpus that is not there.
fn present_must_be_found() -> Result<(), String> {
    let itself = env::current_exe().map_err(|error| error.to_string())?;
    let run = |present: &str| {
        Command::new(&itself)
            .args(["--exact", "no-test-has-this-name"])
            .env("HOMELAB_PRESENT", present)
            .env_remove("HOMELAB_CORPUS")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())
    };
    let plain = run("")?;
    if !plain.status.success() {
        return Err(format!(
            "an empty run fails: {}",
            String::from_utf8_lossy(&plain.stdout)
        ));
    }
    for present in ["corpus", "no-such-need"] {
        if run(present)?.status.success() {
            return Err(format!("HOMELAB_PRESENT={present} passes though it is not there"));
        }
    }
    Ok(())
}
