//! A running program and its process group, watched from one thread.

use std::collections::VecDeque;
use std::io::{Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::{Command, Output, STDERR_TAIL, Value};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};

/// Output that is still to come once the group is dead is in the pipes already; only one who left the group can keep
/// them open, and is not waited for longer than this.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// A process that does not die of SIGKILL within this hangs in the kernel, on a dead mount mostly.
const UNDEAD: Duration = Duration::from_secs(10);

enum Happened {
    /// The leader of the group ended; it is not reaped, so its number and its group's are still its own.
    Ended,
    Stop(ErrorKind),
}

pub(super) fn run(command: &Command, program: &Path, cancel: &Cancel) -> Result<Output> {
    let deadline = after(command.time);
    let mut child = spawn(command, program)?;
    let (sender, happened) = channel();
    let (stdout, stderr) = match watch(&mut child, command, &sender) {
        Ok(pipes) => pipes,
        Err(error) => {
            kill(&child, Signal::KILL);
            let _ = child.wait();
            return Err(command.failed(ErrorKind::Internal).with_source(error));
        }
    };
    let _listening = cancel.on_cancel(move || {
        let _ = sender.send(Happened::Stop(ErrorKind::Cancelled));
    });

    let stopped = supervise(command, &child, &happened, deadline);
    // Whoever else is in the group goes with its leader, which still holds the group's number.
    kill(&child, Signal::KILL);
    let stopped = stopped?;
    let status = child
        .wait()
        .map_err(|error| command.failed(ErrorKind::Internal).with_source(error))?;
    let last = after(LAST_WORDS);
    let stdout = stdout.recv_timeout(last.saturating_duration_since(Instant::now()));
    let stderr = stderr
        .recv_timeout(last.saturating_duration_since(Instant::now()))
        .unwrap_or_default();

    if let Some(kind) = stopped {
        let error = command.failed(kind);
        let error = match kind {
            ErrorKind::ToolFailed => {
                let limit = command.output;
                Error::new(
                    kind,
                    format!("run `{}`: it printed more than {limit} bytes", command.name()),
                )
            }
            _ => error,
        };
        return Err(with_hint(error, command.said(&stderr)));
    }
    match status.code().filter(|code| command.accepted.contains(code)) {
        Some(code) => match stdout {
            Ok(stdout) => Ok(Output { code, stdout, stderr }),
            Err(_) => {
                let message = format!("run `{}`: its output does not end", command.name());
                Err(Error::new(ErrorKind::ToolFailed, message))
            }
        },
        None => {
            let message = format!("run `{}`: {}", command.name(), how(status));
            let error = Error::new(ErrorKind::ToolFailed, message);
            Err(with_hint(error, command.said(&stderr)))
        }
    }
}

fn spawn(command: &Command, program: &Path) -> Result<Child> {
    let mut builder = std::process::Command::new(program);
    builder
        .args(&command.arguments)
        .env_clear()
        .process_group(0)
        .stdin(match command.input {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in &command.environment {
        match value {
            Value::Plain(value) => builder.env(name, value),
            Value::Secret(secret) => builder.env(name, secret.expose()),
        };
    }
    if let Some(folder) = &command.folder {
        builder.current_dir(folder);
    }
    builder.spawn().map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound if command.folder.as_ref().is_none_or(|folder| folder.is_dir()) => {
                ErrorKind::ToolMissing
            }
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::Unauthorised,
            _ => ErrorKind::ToolFailed,
        };
        command.failed(kind).with_source(error)
    })
}

type Pipe = Receiver<Vec<u8>>;

/// Starts the threads that drain both pipes at once, feed the input, and wait for the end.
fn watch(child: &mut Child, command: &Command, happened: &Sender<Happened>) -> std::io::Result<(Pipe, Pipe)> {
    let thread = || std::thread::Builder::new().name("run".into());
    let (sender, stdout) = channel();
    if let Some(pipe) = child.stdout.take() {
        let (limit, happened) = (command.output, happened.clone());
        thread().spawn(move || {
            let _ = sender.send(read_head(pipe, limit, || {
                let _ = happened.send(Happened::Stop(ErrorKind::ToolFailed));
            }));
        })?;
    }
    let (sender, stderr) = channel();
    if let Some(pipe) = child.stderr.take() {
        let listener = command.listener.clone();
        thread().spawn(move || {
            let _ = sender.send(read_tail(pipe, listener.as_deref()));
        })?;
    }
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), command.input.clone()) {
        thread().spawn(move || {
            // A program need not read all of its input.
            let _ = pipe.write_all(&input);
        })?;
    }
    let (pid, happened) = (pid(child), happened.clone());
    thread().spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = rustix::process::waitid(WaitId::Pid(pid), options) {}
        let _ = happened.send(Happened::Ended);
    })?;
    Ok((stdout, stderr))
}

/// Waits for the end, and brings it about when it is time. Returns why the program was stopped, if it was.
fn supervise(
    command: &Command,
    child: &Child,
    happened: &Receiver<Happened>,
    deadline: Instant,
) -> Result<Option<ErrorKind>> {
    let reason = match happened.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Happened::Ended) => return Ok(None),
        Ok(Happened::Stop(reason)) => reason,
        Err(_) => ErrorKind::TimedOut,
    };
    for (signal, patience) in [(Signal::INT, command.grace), (Signal::KILL, UNDEAD)] {
        kill(child, signal);
        let until = after(patience);
        loop {
            match happened.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Happened::Ended) => return Ok(Some(reason)),
                Ok(Happened::Stop(_)) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
    }
    let message = format!("stop `{}`: it does not die", command.name());
    Err(Error::new(ErrorKind::Unreachable, message).with_hint("a disk or network mount may hang"))
}

/// Returns the moment so long from now; for limits without end, one that is years away.
fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time)
        .unwrap_or(now + Duration::from_secs(u32::MAX.into()))
}

fn kill(child: &Child, signal: Signal) {
    // A group that is gone needs no signal.
    let _ = rustix::process::kill_process_group(pid(child), signal);
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Reads all, keeps the beginning, and tells once when there is more.
fn read_head(mut pipe: impl Read, limit: usize, too_much: impl FnOnce()) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut too_much = Some(too_much);
    read(&mut pipe, |bytes| {
        let room = limit - kept.len();
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room
            && let Some(too_much) = too_much.take()
        {
            too_much();
        }
    });
    kept
}

/// Reads all, tells each line, and keeps the end.
fn read_tail(mut pipe: impl Read, listener: Option<&(dyn Fn(&str) + Send + Sync)>) -> Vec<u8> {
    let mut kept = VecDeque::new();
    let mut line = Vec::new();
    read(&mut pipe, |bytes| {
        if let Some(listener) = listener {
            for byte in bytes {
                match byte {
                    b'\n' => {
                        listener(&String::from_utf8_lossy(&line));
                        line.clear();
                    }
                    // What is longer is no line for anybody to read.
                    byte if line.len() < STDERR_TAIL => line.push(*byte),
                    _ => {}
                }
            }
        }
        kept.extend(bytes);
        let surplus = kept.len().saturating_sub(STDERR_TAIL);
        kept.drain(..surplus);
    });
    kept.into()
}

fn read(pipe: &mut impl Read, mut each: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => each(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

fn with_hint(error: Error, said: String) -> Error {
    if said.is_empty() {
        error
    } else {
        error.with_hint(said)
    }
}
