//! What callers say to an engine, beside what its implementer owes: [`EngineExt`].

use std::time::Duration;

use super::archive::{self, Content};
use super::{Action, Engine, ExecItem, ExecOptions, Feed, fault};
use crate::error::{Error, ErrorKind, Result};

/// How much of a program's output is kept in memory.
const MOST_OUTPUT: usize = 16 << 20;

/// What a program in a container has written, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecResult {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its error output.
    pub stderr: Vec<u8>,
    /// The code that it ended with.
    pub code: i64,
}

impl ExecResult {
    /// Returns its standard output if it ended with 0.
    ///
    /// # Errors
    /// [`ErrorKind::ToolFailed`] with the code, and the end of its error output as the hint.
    pub fn success(self, program: &str) -> Result<Vec<u8>> {
        if self.code == 0 {
            return Ok(self.stdout);
        }
        let text = String::from_utf8_lossy(&self.stderr);
        let last: Vec<&str> = text.trim_end().lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        let error = Error::new(
            ErrorKind::ToolFailed,
            format!("run `{program}`: it ended with code {}", self.code),
        );
        Err(match last.is_empty() {
            true => error,
            false => error.with_hint(last.join("\n")),
        })
    }
}

/// What callers say to an engine. Every [`Engine`] has it.
///
/// What changes containers is for those who implement plans: whoever uses a lab plans, looks, and applies.
pub trait EngineExt: Engine {
    /// Starts a container. One that runs stays as it is.
    fn start(&self, container: &str) -> impl Future<Output = Result<()>> + Send {
        async move { self.act(container, Action::Start).await }
    }

    /// Stops a container, and kills it when it has not ended after its grace: the given one in whole seconds, else what
    /// the container says, else 10 s. One that has ended stays as it is.
    fn stop(&self, container: &str, grace: Option<Duration>) -> impl Future<Output = Result<()>> + Send {
        async move { self.act(container, Action::Stop { grace }).await }
    }

    /// Stops a container as [`stop`](EngineExt::stop) does, and starts it again.
    fn restart(&self, container: &str, grace: Option<Duration>) -> impl Future<Output = Result<()>> + Send {
        async move { self.act(container, Action::Restart { grace }).await }
    }

    /// Freezes a container's processes.
    fn pause(&self, container: &str) -> impl Future<Output = Result<()>> + Send {
        async move { self.act(container, Action::Pause).await }
    }

    /// Lets a paused container go on.
    fn unpause(&self, container: &str) -> impl Future<Output = Result<()>> + Send {
        async move { self.act(container, Action::Unpause).await }
    }

    /// Sends a signal to a container's first process: `SIGKILL`, `SIGHUP`.
    fn kill(&self, container: &str, signal: &str) -> impl Future<Output = Result<()>> + Send {
        let signal = signal.to_owned();
        async move { self.act(container, Action::Kill { signal }).await }
    }

    /// Removes a container that does not run, or with force any; its anonymous volumes stay.
    fn remove(&self, container: &str, force: bool) -> impl Future<Output = Result<()>> + Send {
        let volumes = false;
        async move { self.act(container, Action::Remove { force, volumes }).await }
    }

    /// Runs a program in a container to its end, and returns what it wrote.
    ///
    /// Dropping the future does not stop the program.
    ///
    /// # Errors
    /// Where [`Engine::exec`] fails; [`ErrorKind::Refused`] where it writes more than 16 MiB, for which there is
    /// `exec` itself. A program that ends with another code than 0 is no error here: [`ExecResult::success`] makes it one.
    fn run(&self, container: &str, options: ExecOptions) -> impl Future<Output = Result<ExecResult>> + Send {
        async move {
            let mut result = ExecResult {
                stdout: Vec::new(),
                stderr: Vec::new(),
                code: 0,
            };
            let mut feed = self.exec(container, options);
            while let Some(item) = feed.next().await? {
                match item {
                    ExecItem::Stdout(bytes) => result.stdout.extend(bytes),
                    ExecItem::Stderr(bytes) => result.stderr.extend(bytes),
                    ExecItem::Exit(code) => {
                        result.code = code;
                        return Ok(result);
                    }
                }
                if result.stdout.len() + result.stderr.len() > MOST_OUTPUT {
                    let what = format!("keep what a program in container `{container}` writes");
                    let error = fault(ErrorKind::Refused, &what, self.host());
                    return Err(error.with_hint("it wrote more than 16 MiB: read it piece by piece"));
                }
            }
            let what = format!("see how a program in container `{container}` ended");
            Err(fault(ErrorKind::Internal, &what, self.host()))
        }
    }

    /// Returns the content of a file of a container, running or not.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is none; [`ErrorKind::Unsupported`] where it is a folder, or a link;
    /// [`ErrorKind::Refused`] where it is larger than so many bytes.
    fn read_file(
        &self,
        container: &str,
        path: &str,
        most: u64,
    ) -> impl Future<Output = Result<Vec<u8>>> + Send {
        async move {
            let what = format!("read `{path}` of container `{container}`");
            // Headers, and the blocks that a tar archive is filled up to.
            let most = usize::try_from(most)
                .unwrap_or(usize::MAX)
                .saturating_add(64 << 10);
            let mut archive = Vec::new();
            let mut feed = self.copy_out(container, path);
            while let Some(piece) = feed.next().await? {
                archive.extend(piece);
                if archive.len() > most {
                    return Err(fault(ErrorKind::Refused, &what, self.host()).with_hint("it is too large"));
                }
            }
            let entries = archive::entries(&archive)
                .map_err(|error| fault(error.kind(), &what, self.host()).with_source(error))?;
            match entries.into_iter().next() {
                Some((_, Content::File(content))) => Ok(content),
                _ => Err(fault(ErrorKind::Unsupported, &what, self.host())
                    .with_hint("it is no file of its own, but a folder or a link: name the file itself")),
            }
        }
    }

    /// Writes a file into a folder of a container, running or not; one of that name is replaced. The mode is that of
    /// chmod: `0o600`.
    ///
    /// If it is dropped, the file may have been written or not.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is no such container or folder.
    fn write_file(
        &self,
        container: &str,
        path: &str,
        mode: u32,
        content: &[u8],
    ) -> impl Future<Output = Result<()>> + Send {
        let split = path.rsplit_once('/').filter(|(_, name)| !name.is_empty());
        let archive = split.map(|(_, name)| archive::of_file(name, mode, content));
        async move {
            let (Some((folder, _)), Some(archive)) = (split, archive) else {
                let what = format!("write `{path}` into container `{container}`");
                let error = fault(ErrorKind::Invalid, &what, self.host());
                return Err(error.with_hint("give a file's whole path, beginning with `/`"));
            };
            let folder = if folder.is_empty() { "/" } else { folder };
            self.copy_in(container, folder, Feed::of([archive])).await
        }
    }
}

impl<E: Engine + ?Sized> EngineExt for E {}
