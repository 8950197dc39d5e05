//! Logs, programs, files, images and states: what is more than a question with an answer in JSON.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::query_parameters as query;
use bytes::Bytes;
use futures_core::Stream;
use serde::Deserialize;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::lines::Lines;
use super::request::{Ask, Client, alive, next};
use crate::engine::{
    Action, ExecItem, ExecOptions, Feed, LogLine, LogOptions, Output, PullProgress, Sink, fault as fault_on,
    within,
};
use crate::error::{Error, ErrorKind, Result};
use crate::service::image::ImageReference;

/// How long the fetching of an image may make no progress.
const PULLING: Duration = Duration::from_secs(300);

impl Client {
    pub(super) async fn logs(
        &self,
        container: &str,
        options: &LogOptions,
        terminal: bool,
        sink: &Sink<LogLine>,
    ) -> Result<()> {
        let ask = Ask::new(format!("read the logs of container `{container}`"), "CONTAINERS");
        // Whole seconds, the last of which is asked for as well: what is more is left out below.
        let whole = |second: i64| i32::try_from(second).unwrap_or(i32::MAX);
        let query = query::LogsOptions {
            follow: options.follow,
            stdout: true,
            stderr: true,
            since: options.since.map_or(0, |since| whole(since.as_second())),
            until: options.until.map_or(0, |until| whole(until.as_second() + 1)),
            timestamps: true,
            tail: options.tail.map_or("all".to_owned(), |tail| tail.to_string()),
        };
        let mut stream = Box::pin(self.docker.logs(container, Some(query)));
        let mut lines = Lines::default();
        loop {
            let piece = async { Ok(next(&mut stream).await) };
            let piece = match options.follow {
                true => alive(self, &ask, piece).await?,
                false => within(self.limit(), &ask.what, self.host(), piece).await?,
            };
            let done = match piece {
                None => break,
                Some(Ok(LogOutput::StdOut { message })) => lines.take(Output::Stdout, &message),
                Some(Ok(LogOutput::StdErr { message })) => lines.take(Output::Stderr, &message),
                Some(Ok(LogOutput::Console { message })) if terminal => lines.take(Output::Stdout, &message),
                Some(Ok(_)) => return Err(self.cut(&ask)),
                Some(Err(error)) => return Err(self.fault(&ask, &error)),
            };
            send(done, options, sink).await;
        }
        send(lines.rest(), options, sink).await;
        Ok(())
    }

    /// Returns the error of a stream that ends in the middle of something, or has what cannot be in it.
    fn cut(&self, ask: &Ask) -> Error {
        fault_on(ErrorKind::Unreachable, &ask.what, self.host())
            .with_hint("the connection broke in the middle: what came before is not all")
    }

    pub(super) async fn act(&self, container: &str, action: &Action, grace: Duration) -> Result<()> {
        let ask = Ask::new(format!("{action} container `{container}`"), "POST");
        let docker = &self.docker;
        let told = |grace: &Option<Duration>| {
            let seconds = grace.map(|grace| grace.as_secs() + u64::from(grace.subsec_nanos() > 0));
            seconds.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX))
        };
        let limit = self.limit().saturating_add(grace);
        within(limit, &ask.what, self.host(), async {
            let result = match action {
                Action::Start => {
                    docker
                        .start_container(container, none::<query::StartContainerOptions>())
                        .await
                }
                Action::Stop { grace } => {
                    let t = told(grace);
                    let options = query::StopContainerOptions { signal: None, t };
                    docker.stop_container(container, Some(options)).await
                }
                Action::Restart { grace } => {
                    let t = told(grace);
                    let options = query::RestartContainerOptions { signal: None, t };
                    docker.restart_container(container, Some(options)).await
                }
                Action::Pause => docker.pause_container(container).await,
                Action::Unpause => docker.unpause_container(container).await,
                Action::Kill { signal } => {
                    let signal = signal.clone();
                    let options = query::KillContainerOptions { signal };
                    docker.kill_container(container, Some(options)).await
                }
                Action::Remove { force, volumes } => {
                    let options = query::RemoveContainerOptions {
                        force: *force,
                        v: *volumes,
                        link: false,
                    };
                    docker.remove_container(container, Some(options)).await
                }
            };
            result.map_err(|error| self.fault(&ask, &error))
        })
        .await
    }

    pub(super) async fn pull(&self, image: &str, sink: &Sink<PullProgress>) -> Result<()> {
        let ask = Ask::new(format!("pull image `{}`", image.escape_debug()), "IMAGES");
        let reference = ImageReference::new(image).map_err(|error| {
            fault_on(ErrorKind::Invalid, &ask.what, self.host()).with_hint(error.rule().to_owned())
        })?;
        // Without a tag engines would fetch all of them.
        let last = match (reference.tag(), reference.digest()) {
            (_, Some(digest)) => digest,
            (tag, None) => tag.unwrap_or("latest"),
        };
        let from = format!("{}/{}", reference.registry(), reference.repository());
        let options = query::CreateImageOptions {
            from_image: Some(from.clone()),
            tag: Some(last.to_owned()),
            ..query::CreateImageOptions::default()
        };
        let mut stream = Box::pin(self.docker.create_image(Some(options), None, None));
        loop {
            let item = async { Ok(next(&mut stream).await) };
            let item = match within(PULLING, &ask.what, self.host(), item).await? {
                None => break,
                Some(item) => item.map_err(|error| self.fault(&ask, &error))?,
            };
            let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
            let detail = item.progress_detail.unwrap_or_default();
            let Some(status) = item.status.filter(|status| !status.is_empty()) else {
                continue;
            };
            sink.send(PullProgress {
                layer: item.id.filter(|id| !id.is_empty()),
                status,
                done: number(detail.current),
                total: number(detail.total).filter(|total| *total > 0),
            })
            .await;
        }
        // Not every engine says in the stream that it failed.
        #[derive(Deserialize)]
        struct There {}
        let separator = if last.contains(':') { '@' } else { ':' };
        let path = self.versioned(&format!("/images/{from}{separator}{last}/json"));
        let _: There = self.get(&path, &ask).await?;
        Ok(())
    }

    /// The rules: no terminal; whatever is not one of the two outputs is a failure; the code is asked for after the
    /// end, and only a program that has ended has one. An end alone says nothing: a cut connection has one too.
    pub(super) async fn exec(
        &self,
        container: &str,
        mut options: ExecOptions,
        sink: &Sink<ExecItem>,
    ) -> Result<()> {
        let ask = Ask::new(format!("run a program in container `{container}`"), "EXEC");
        if options.command.is_empty() {
            let error = fault_on(ErrorKind::Invalid, &ask.what, self.host());
            return Err(error.with_hint("name the program"));
        }
        let input = options.input.take();
        let environment = options.environment.iter();
        let environment = environment.map(|(name, value)| format!("{name}={}", value.expose()));
        let create = CreateExecOptions {
            attach_stdin: Some(input.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(false),
            env: Some(environment.collect()),
            cmd: Some(options.command.clone()),
            user: options.user.clone(),
            working_dir: options.folder.clone(),
            ..CreateExecOptions::default()
        };
        let (id, started) = within(self.limit(), &ask.what, self.host(), async {
            let created = self.docker.create_exec(container, create).await;
            let id = created.map_err(|error| self.fault(&ask, &error))?.id;
            let started = self.docker.start_exec(&id, None).await;
            Ok((id, started.map_err(|error| self.fault(&ask, &error))?))
        })
        .await?;
        let StartExecResults::Attached {
            mut output,
            input: pipe,
        } = started
        else {
            return Err(self.cut(&ask));
        };
        // It lives until the program has ended: some engines take its end for that of the whole connection.
        let mut feeding = std::pin::pin!(feed(pipe, input));
        let mut fed = None;
        loop {
            let unfed = fed.is_none();
            let item = async {
                tokio::select! {
                    result = &mut feeding, if unfed => Ok(Err(result)),
                    item = next(&mut output) => Ok(Ok(item)),
                }
            };
            let item: Result<_, Result<Pipe>> = match options.idle {
                Some(idle) => within(idle, &ask.what, self.host(), item).await?,
                None => alive(self, &ask, item).await?,
            };
            match item {
                Err(result) => fed = Some(result?),
                Ok(None) => break,
                Ok(Some(Ok(LogOutput::StdOut { message }))) => {
                    sink.send(ExecItem::Stdout(message.into())).await
                }
                Ok(Some(Ok(LogOutput::StdErr { message }))) => {
                    sink.send(ExecItem::Stderr(message.into())).await
                }
                Ok(Some(Ok(_))) => return Err(self.cut(&ask)),
                Ok(Some(Err(error))) => return Err(self.fault(&ask, &error)),
            }
        }
        let code = within(self.limit(), &ask.what, self.host(), self.exit_code(&id, &ask));
        let code = code.await.map_err(|error| match error.kind() {
            // It goes on without us.
            ErrorKind::TimedOut => self.cut(&ask),
            _ => error,
        })?;
        sink.send(ExecItem::Exit(code)).await;
        Ok(())
    }

    /// Returns the code of a program whose output has ended: it may take the engine a moment to notice.
    async fn exit_code(&self, id: &str, ask: &Ask) -> Result<i64> {
        loop {
            let inspected = self.docker.inspect_exec(id).await;
            let inspected = inspected.map_err(|error| self.fault(ask, &error))?;
            if let (Some(false), Some(code)) = (inspected.running, inspected.exit_code) {
                return Ok(code);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn copy_out(&self, container: &str, path: &str, sink: &Sink<Vec<u8>>) -> Result<()> {
        let what = format!("copy `{}` out of container `{container}`", path.escape_debug());
        let ask = Ask::new(what, "CONTAINERS");
        let options = query::DownloadFromContainerOptions {
            path: path.to_owned(),
        };
        let mut stream = Box::pin(self.docker.download_from_container(container, Some(options)));
        loop {
            let piece = async { Ok(next(&mut stream).await) };
            match within(self.limit(), &ask.what, self.host(), piece).await? {
                None => return Ok(()),
                Some(Ok(piece)) => sink.send(piece.into()).await,
                Some(Err(error)) => return Err(self.fault(&ask, &error)),
            }
        }
    }

    pub(super) async fn copy_in(&self, container: &str, folder: &str, archive: Feed<Vec<u8>>) -> Result<()> {
        let what = format!(
            "copy files into `{}` of container `{container}`",
            folder.escape_debug()
        );
        let ask = Ask::new(what, "POST");
        // Docker refuses a folder that is not there, Podman makes it.
        within(self.limit(), &ask.what, self.host(), async {
            let path = folder.to_owned();
            let options = query::ContainerArchiveInfoOptions { path };
            let info = self
                .docker
                .get_container_archive_info(container, Some(options))
                .await;
            info.map(|_| ()).map_err(|error| self.fault(&ask, &error))
        })
        .await?;
        let options = query::UploadToContainerOptions {
            path: folder.to_owned(),
            ..query::UploadToContainerOptions::default()
        };
        let failure = Arc::new(Mutex::new(None));
        let (taken, mut progress) = tokio::sync::watch::channel(0u64);
        let body = bollard::body_try_stream(Uploaded {
            archive,
            failure: failure.clone(),
            taken,
        });
        let upload = self.docker.upload_to_container(container, Some(options), body);
        let mut upload = std::pin::pin!(upload);
        // Each piece that is taken begins the limit anew; the last one the engine's time to unpack.
        let result = loop {
            let wait = tokio::time::sleep(self.limit());
            tokio::select! {
                result = &mut upload => break result,
                Ok(()) = progress.changed() => {}
                () = wait => {
                    let error = fault_on(ErrorKind::TimedOut, &ask.what, self.host());
                    return Err(error.with_hint("the engine does not take it"));
                }
            }
        };
        // The archive's own error is the reason for whatever the engine says.
        if let Some(error) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        result.map_err(|error| self.fault(&ask, &error))
    }
}

fn none<T>() -> Option<T> {
    None
}

async fn send(lines: Vec<LogLine>, options: &LogOptions, sink: &Sink<LogLine>) {
    for line in lines {
        let early = options
            .since
            .is_some_and(|since| line.at.is_some_and(|at| at < since));
        let late = options
            .until
            .is_some_and(|until| line.at.is_some_and(|at| at >= until));
        if !early && !late {
            sink.send(line).await;
        }
    }
}

type Pipe = Pin<Box<dyn AsyncWrite + Send>>;

/// Writes what a program reads, closes its input, and returns the open connection. What the program does not take any
/// more is its own business: how it ends tells.
async fn feed(mut pipe: Pipe, input: Option<Feed<Vec<u8>>>) -> Result<Pipe> {
    if let Some(mut input) = input {
        while let Some(piece) = input.next().await? {
            if pipe.write_all(&piece).await.is_err() {
                return Ok(pipe);
            }
        }
        let _ = pipe.shutdown().await;
    }
    Ok(pipe)
}

/// An archive on its way to the engine.
struct Uploaded {
    archive: Feed<Vec<u8>>,
    /// Why it failed, if it did.
    failure: Arc<Mutex<Option<Error>>>,
    /// Counts the pieces that were taken.
    taken: tokio::sync::watch::Sender<u64>,
}

impl Stream for Uploaded {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let next = Pin::new(&mut self.archive).poll_next(context);
        next.map(|piece| {
            Some(match piece? {
                Ok(piece) => {
                    self.taken.send_modify(|count| *count += 1);
                    Ok(piece.into())
                }
                Err(error) => {
                    *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    Err(io::Error::other("the archive cannot be read"))
                }
            })
        })
    }
}
