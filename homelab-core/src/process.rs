//! The one way to run a program: [`Command`].
//!
//! A program runs in a process group of its own, sees the environment that it is given and no other, cannot ask anything
//! on a terminal, and is bounded in time and output. When its time is up or nobody waits any more, the whole group is
//! asked to stop (SIGINT), and killed a while later; nothing of the group outlives the call.
//!
//! ```
//! # #[cfg(unix)] {
//! use homelab_core::cancel::Cancel;
//! use homelab_core::process::Command;
//!
//! let output = Command::new("echo").with_arguments(["hello"]).run_blocking(&Cancel::new())?;
//! assert_eq!(output.stdout(), b"hello\n");
//! # }
//! # Ok::<(), homelab_core::Error>(())
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "starting programs takes the clock, the environment and files"
)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

#[cfg(unix)]
mod supervise;
#[cfg(all(test, unix))]
mod tests;

/// So much of a program's standard error is kept: the end of it.
const STDERR_TAIL: usize = 64 * 1024;

/// A program to be run, and within which limits. Nothing happens until [`run`](Command::run).
///
/// A secret goes in by [`with_secret`](Command::with_secret), into the environment, never as an argument: arguments are
/// seen by everybody on the machine.
#[derive(Clone)]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, Value>,
    folder: Option<PathBuf>,
    input: Option<Vec<u8>>,
    accepted: Vec<i32>,
    time: Duration,
    output: usize,
    grace: Duration,
    listener: Option<Listener>,
}

/// Who is told each line of standard error as it comes.
type Listener = std::sync::Arc<dyn Fn(&str) + Send + Sync>;

#[derive(Clone)]
enum Value {
    Plain(OsString),
    Secret(Secret),
}

impl Command {
    /// Returns the command that runs this program, looked for in `PATH` unless it is a path, with nothing in its
    /// environment, at most a minute and 64 MiB of output; nothing comes in.
    pub fn new(program: impl Into<OsString>) -> Command {
        Command {
            program: program.into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            folder: None,
            input: None,
            accepted: vec![0],
            time: Duration::from_secs(60),
            output: 64 * 1024 * 1024,
            grace: Duration::from_secs(5),
            listener: None,
        }
    }

    /// Adds arguments. They are visible to everybody on the machine: no secrets.
    #[must_use]
    pub fn with_arguments(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Command {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Command {
        self.environment.insert(name.into(), Value::Plain(value.into()));
        self
    }

    /// Sets a variable of the environment to a secret, which is hidden wherever the program repeats it in an error.
    #[must_use]
    pub fn with_secret(mut self, name: impl Into<OsString>, secret: Secret) -> Command {
        self.environment.insert(name.into(), Value::Secret(secret));
        self
    }

    /// Lets variables of our own environment through, where they are set.
    #[must_use]
    pub fn with_inherited(mut self, names: impl IntoIterator<Item = &'static str>) -> Command {
        for name in names {
            if let Some(value) = std::env::var_os(name) {
                self = self.with_variable(name, value);
            }
        }
        self
    }

    /// Sets the folder that it runs in.
    #[must_use]
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Command {
        self.folder = Some(folder.into());
        self
    }

    /// Sets what comes in on standard input.
    #[must_use]
    pub fn with_input(mut self, input: impl Into<Vec<u8>>) -> Command {
        self.input = Some(input.into());
        self
    }

    /// Sets the exit codes that are no failure; otherwise that is 0 alone.
    #[must_use]
    pub fn with_accepted_codes(mut self, codes: impl IntoIterator<Item = i32>) -> Command {
        self.accepted = codes.into_iter().collect();
        self
    }

    /// Sets the longest that it may run.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Command {
        self.time = limit;
        self
    }

    /// Sets the most bytes that it may print.
    #[must_use]
    pub fn with_output_limit(mut self, bytes: usize) -> Command {
        self.output = bytes;
        self
    }

    /// Sets how long it may take to stop by itself, once asked.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Command {
        self.grace = grace;
        self
    }

    /// Sets who is told each line of standard error as it comes, on a thread of its own.
    #[must_use]
    #[cfg_attr(
        not(feature = "docker"),
        expect(dead_code, reason = "who listens asks engines")
    )]
    pub(crate) fn with_listener(mut self, listener: impl Fn(&str) + Send + Sync + 'static) -> Command {
        self.listener = Some(std::sync::Arc::new(listener));
        self
    }

    /// Runs it on threads of its own and returns what it printed. Needs no runtime, so every runtime will do.
    ///
    /// Dropping the future stops the program, as cancelling does, without waiting for its end.
    ///
    /// # Errors
    /// `ToolMissing` when there is no such program, `ToolFailed` when its exit code is none of the accepted ones, it was
    /// killed, or it printed too much (the hint has the end of what it said), `TimedOut`, or `Cancelled`.
    pub async fn run(&self, cancel: &Cancel) -> Result<Output> {
        let own = Cancel::new();
        let _linked = {
            let own = own.clone();
            cancel.on_cancel(move || own.cancel())
        };
        let _stop = CancelOnDrop(own.clone());
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let command = self.clone();
        let work = move || {
            // The other end is gone when nobody waits any more.
            let _ = sender.send(command.run_blocking(&own));
        };
        std::thread::Builder::new()
            .name("run".into())
            .spawn(work)
            .map_err(|error| self.failed(ErrorKind::Internal).with_source(error))?;
        receiver
            .await
            .unwrap_or_else(|_| Err(self.failed(ErrorKind::Internal)))
    }

    /// Runs it and waits here: [`run`](Command::run) for code that is not asynchronous.
    ///
    /// # Errors
    /// As [`run`](Command::run).
    pub fn run_blocking(&self, cancel: &Cancel) -> Result<Output> {
        if cancel.is_cancelled() {
            return Err(self.failed(ErrorKind::Cancelled));
        }
        #[cfg(unix)]
        return supervise::run(self, &self.find()?, cancel);
        #[cfg(not(unix))]
        Err(self.failed(ErrorKind::Unsupported))
    }

    /// Returns where the program is.
    #[cfg_attr(not(unix), expect(dead_code, reason = "programs are run on Unix only so far"))]
    fn find(&self) -> Result<PathBuf> {
        let missing = || {
            let name = self.name();
            self.failed(ErrorKind::ToolMissing)
                .with_hint(format!("install `{name}`, or set `PATH` so that it is found"))
        };
        let given = Path::new(&self.program);
        if given.components().count() > 1 {
            return if given.is_file() {
                Ok(given.to_owned())
            } else {
                Err(missing())
            };
        }
        let path = match self.environment.get(OsStr::new("PATH")) {
            Some(Value::Plain(path)) => path.clone(),
            _ => std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()),
        };
        std::env::split_paths(&path)
            // A relative entry would run whatever lies in the folder that we happen to be in.
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(given))
            .find(|file| is_program(file))
            .ok_or_else(missing)
    }

    fn name(&self) -> String {
        Path::new(&self.program)
            .file_name()
            .unwrap_or(&self.program)
            .to_string_lossy()
            .into_owned()
    }

    fn failed(&self, kind: ErrorKind) -> Error {
        let name = self.name();
        let message = match kind {
            ErrorKind::ToolMissing => format!("run `{name}`: it is not installed"),
            ErrorKind::Cancelled => format!("run `{name}`: it was asked to stop"),
            ErrorKind::TimedOut => format!("run `{name}` within {} s", self.time.as_secs_f32()),
            ErrorKind::Unsupported => format!("run `{name}`: programs are run on Unix only"),
            _ => format!("run `{name}`"),
        };
        Error::new(kind, message)
    }

    /// Returns the end of what the program said, without the secrets that it was given.
    #[cfg_attr(not(unix), expect(dead_code, reason = "programs are run on Unix only so far"))]
    fn said(&self, stderr: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(stderr).into_owned();
        for value in self.environment.values() {
            if let Value::Secret(secret) = value
                && !secret.expose().is_empty()
            {
                text = text.replace(secret.expose(), "***");
            }
        }
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let last = lines[lines.len().saturating_sub(10)..].join("\n");
        let start = last.len().saturating_sub(2000);
        last[last.ceil_char_boundary(start)..].to_owned()
    }
}

fn is_program(file: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    file.is_file()
}

/// Shows the program only: arguments may be private, and the environment holds secrets.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.name())
            .finish_non_exhaustive()
    }
}

/// What a program printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Output {
    code: i32,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Output {
    /// Returns the exit code, one of the accepted.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// Returns its standard output.
    pub fn stdout(&self) -> &[u8] {
        &self.stdout
    }

    /// Returns the end of its standard error, at most 64 KiB.
    pub fn stderr(&self) -> &[u8] {
        &self.stderr
    }
}

/// Shows sizes only.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("code", &self.code)
            .field("stdout", &self.stdout.len())
            .field("stderr", &self.stderr.len())
            .finish()
    }
}

struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
