//! What every [`Engine`] has to do, as checks that an implementer runs on one: [`check`].
//!
//! An engine offers no way to make containers, so the [`Stage`] is built beside it: two containers and what they need.
//!
//! ```no_run
//! # use std::sync::Arc;
//! use homelab_core::engine::contract::{self, Stage};
//! # async fn run(engine: Arc<dyn homelab_core::engine::Engine>) {
//! let problems = contract::check(&Stage {
//!     engine,
//!     image: "homelab/contract:1".into(),
//!     subject: "contract-subject".into(),
//!     spare: "contract-spare".into(),
//!     volume: "contract-data".into(),
//!     network: "contract-net".into(),
//!     loopback_port: 17000,
//!     open_port: 17001,
//! })
//! .await;
//! assert_eq!(problems, Vec::<String>::new());
//! # }
//! ```

mod act;
mod look;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use super::{Engine, Feed};
use crate::error::{Error, ErrorKind, Result};

/// How many lines the subject writes to each of its outputs.
pub const LINES: usize = 50;

/// What the subject runs with `sh -c`: it numbers its lines, and ends when it is asked to. The spare runs the same.
///
/// The first line is longer than what engines hand out at once; the others go to both outputs in turn.
pub const SUBJECT: &str = "trap 'exit 0' TERM; head -c 99999 /dev/zero | tr '\\0' 0; echo 7; i=1; \
                           while [ $i -le 50 ]; do echo \"out $i\"; echo \"err $i\" >&2; i=$((i+1)); done; \
                           while :; do sleep 1 & wait $!; done";

/// Returns the subject's first line: 99,999 zeros and a seven.
pub fn long_line() -> String {
    "0".repeat(99_999) + "7"
}

/// The label that the subject has, with [`SUBJECT_VALUE`].
pub const SUBJECT_LABEL: &str = "homelab.contract";

/// The value of the subject's label, and of its environment variable `CONTRACT`.
pub const SUBJECT_VALUE: &str = "subject, with = and blanks";

/// Where the subject has its volume.
pub const FOLDER: &str = "/data";

/// The programs that are run in the subject, as arguments of `sh -c`.
pub mod script {
    /// Writes `out` and `err` to the outputs of these names, and ends with 3.
    pub const BOTH: &str = "echo out; echo err >&2; exit 3";
    /// Writes its environment variable `A`, its folder and its user's number.
    pub const SURROUNDINGS: &str = "echo \"$A\"; pwd; id -u";
    /// Writes sixteen zero bytes, a carriage return, a line feed and `\x01`.
    pub const BINARY: &str = "head -c 16 /dev/zero; printf '\\r\\n\\001'";
    /// Writes 8 MiB of zero bytes.
    pub const MANY: &str = "head -c 8388608 /dev/zero";
    /// Writes nothing for a minute.
    pub const SILENT: &str = "sleep 60";
}

/// An engine to be checked, and what was built on it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// The image of both containers, by a name with a tag. It has `sh` and what [`script`] uses.
    pub image: String,
    /// A container that runs [`SUBJECT`], with the label and the variable of [`SUBJECT_VALUE`], the volume at
    /// [`FOLDER`], the network, and both ports. It is looked at, and runs afterwards.
    pub subject: String,
    /// A container that runs [`SUBJECT`] too. It is stopped, started and killed, and removed in the end.
    pub spare: String,
    /// A named volume.
    pub volume: String,
    /// A network of its own.
    pub network: String,
    /// A port of 127.0.0.1 that the subject's port 7000 is published on.
    pub loopback_port: u16,
    /// A port of all interfaces that the subject's port 7001 is published on.
    pub open_port: u16,
}

/// Runs every check, and returns what is wrong: nothing for an engine that does as it should. The spare is gone then.
pub async fn check(stage: &Stage) -> Vec<String> {
    let mut problems = Vec::new();
    macro_rules! run {
        ($($module:ident::$check:ident),* $(,)?) => {$(
            // Longer than any check takes: a hang is a problem, not the end of the run.
            let checked = tokio::time::timeout(Duration::from_secs(120), $module::$check(stage)).await;
            match checked {
                Ok(Ok(())) => {}
                Ok(Err(Wrong(why))) => problems.push(format!("{}: {why}", stringify!($check))),
                Err(_) => problems.push(format!("{}: it hangs", stringify!($check))),
            }
        )*};
    }
    run! {
        look::info_tells_what_the_engine_is,
        look::containers_are_listed_as_they_are_inspected,
        look::a_container_is_told_whole,
        look::images_volumes_and_networks_are_listed,
        look::what_is_not_there_is_not_found,
        look::what_is_no_name_is_invalid,
        look::logs_are_whole_and_in_order,
        look::logs_can_be_asked_for_in_part,
        look::logs_that_are_followed_go_on,
        look::samples_come_one_after_the_other,
        look::processes_are_listed,
        look::what_is_dropped_does_no_harm,
        transfer::programs_have_two_outputs_and_a_code,
        transfer::programs_get_what_they_are_given,
        transfer::data_comes_as_it_is,
        transfer::a_silent_program_can_be_given_up,
        transfer::files_go_in_and_out,
        transfer::an_image_that_is_nowhere_is_an_error,
        act::states_change_and_are_told_as_events,
    }
    problems
}

/// What is wrong.
struct Wrong(String);

type Checked = Result<(), Wrong>;

/// An operation that should have worked.
impl From<Error> for Wrong {
    fn from(error: Error) -> Wrong {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        Wrong(format!(
            "{} ({error}{})",
            error.kind(),
            source.unwrap_or_default()
        ))
    }
}

fn wrong(text: impl Into<String>) -> Wrong {
    Wrong(text.into())
}

fn ensure(holds: bool, text: impl FnOnce() -> String) -> Checked {
    match holds {
        true => Ok(()),
        false => Err(Wrong(text())),
    }
}

/// Checks that something failed in this way, and says where.
fn fails<T>(what: &str, kind: ErrorKind, result: Result<T>, stage: &Stage) -> Checked {
    match result {
        Ok(_) => Err(wrong(format!("{what}: it should be `{kind}`, and works"))),
        Err(error) if error.kind() != kind => {
            let Wrong(text) = error.into();
            Err(wrong(format!("{what}: it should be `{kind}`, and is {text}")))
        }
        Err(error) => ensure(
            error.to_string().contains(stage.engine.host().as_str()) && error.hint().is_some(),
            || format!("{what}: the error names no host, or has no hint: {error:?}"),
        ),
    }
}

async fn failed<T>(what: &str, kind: ErrorKind, feed: Feed<T>, stage: &Stage) -> Checked {
    fails(what, kind, feed.all().await, stage)
}
