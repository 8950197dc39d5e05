//! Steps that work on repositories: copied, checked, restored, drilled, and what was done written down.

#![expect(
    clippy::disallowed_methods,
    reason = "what is copied is looked at, and what was done gets its time"
)]

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::Timestamp;

use super::containers::wait;
use super::drill;
use super::journal::{self, Record, What};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::name::{DatasetName, HostName};
use crate::plan::{BackupAction, BackupStep, Depth, StepStatus, size};
use crate::repository::{Event, Phase, Repositories, Repository, Source, Watch};

/// Who takes these steps: the lab's repositories, and the folder of its state.
pub(super) struct Keeper<'a> {
    pub(super) repositories: &'a Repositories,
    pub(super) state: &'a Path,
    pub(super) cancel: &'a Cancel,
}

impl Keeper<'_> {
    /// Checks that a step could be taken, without opening the repository: one that does not answer is told of in its turn,
    /// and keeps no other from its work.
    pub(super) fn check(&self, step: &BackupStep) -> Result<()> {
        let known = self.repositories.names().any(|name| *name == step.repository);
        if !known {
            let message = format!("{step}: the lab has no such repository");
            return Err(
                Error::new(ErrorKind::Conflict, message).with_hint("plan again: the lab has changed since")
            );
        }
        match &step.action {
            BackupAction::Restore { folder, .. } => fresh(Path::new(folder)),
            _ => Ok(()),
        }
    }

    /// Takes a step, telling what it does.
    pub(super) fn perform(
        &self,
        step: &BackupStep,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<StepStatus> {
        let repository = self.repositories.repository(step.repository.as_str())?;
        let watch = Watch::new()
            .with_cancel(self.cancel.clone())
            .reporting(teller(tell));
        wait(self.take(step, &*repository, &watch))
    }

    async fn take(
        &self,
        step: &BackupStep,
        repository: &dyn Repository,
        watch: &Watch,
    ) -> Result<StepStatus> {
        match &step.action {
            BackupAction::Make => match repository.probe(watch).await {
                Ok(_) => Ok(StepStatus::Skipped),
                Err(error) if error.kind() == ErrorKind::NotInitialised => {
                    repository.init(watch).await.map(|()| StepStatus::Done)
                }
                Err(error) => Err(error),
            },
            BackupAction::Run {
                dataset,
                host,
                at,
                paths,
                volumes,
                ..
            } => {
                let source = source(host, *at, paths, volumes)?;
                self.run(dataset, &source, repository, watch).await
            }
            BackupAction::Check { depth } => self.look(*depth, repository, watch).await,
            BackupAction::Restore { snapshot, folder, .. } => {
                let restored = repository.restore(snapshot, Path::new(folder), watch).await?;
                Ok(left_out(restored.left_out.iter(), "were left out"))
            }
            BackupAction::Drill {
                dataset,
                snapshot,
                at,
                paths,
            } => {
                let drilled =
                    drill::run(repository, snapshot, *at, paths, &std::env::temp_dir(), watch).await?;
                let failed = (!drilled.passed).then(|| {
                    let message = format!(
                        "restore `{dataset}` from repository `{}` as it was",
                        step.repository
                    );
                    Error::new(ErrorKind::Damaged, message).with_hint(drilled.proof.clone())
                });
                let what = What::Drill {
                    dataset: dataset.to_string(),
                    snapshot: snapshot.clone(),
                    passed: drilled.passed,
                    databases: false,
                    proof: drilled.proof,
                };
                self.record(repository, watch, what).await?;
                failed.map_or(Ok(StepStatus::Done), Err)
            }
            BackupAction::Forget { snapshots, kept, .. } => {
                let there = repository.snapshots(watch).await?;
                // What was to stay instead has to be there still.
                if kept.iter().any(|(at, _)| there.iter().all(|one| one.at != *at)) {
                    let message = format!("{step}: a snapshot that was to stay is gone");
                    let error = Error::new(ErrorKind::Conflict, message);
                    return Err(error.with_hint("plan again: the repository has changed since"));
                }
                let gone: Vec<String> = snapshots
                    .iter()
                    .map(|(id, _)| id.clone())
                    .filter(|id| there.iter().any(|one| one.id == *id))
                    .collect();
                if gone.is_empty() {
                    return Ok(StepStatus::Skipped);
                }
                repository.forget(&gone, watch).await.map(|()| StepStatus::Done)
            }
            BackupAction::Prune => {
                let pruned = repository.prune(watch).await?;
                let (removed, marked) = (pruned.removed, pruned.marked);
                self.record(repository, watch, What::Prune { removed, marked })
                    .await?;
                Ok(StepStatus::Done)
            }
        }
    }

    async fn run(
        &self,
        dataset: &DatasetName,
        source: &Source,
        repository: &dyn Repository,
        watch: &Watch,
    ) -> Result<StepStatus> {
        let paths: Vec<String> = source
            .paths
            .iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        let same = repository.snapshots(watch).await?.into_iter().any(|one| {
            let sorted = |mut all: Vec<String>| {
                all.sort();
                all
            };
            one.at == source.at && sorted(one.paths) == sorted(paths.clone())
        });
        if same {
            return Ok(StepStatus::Skipped);
        }
        there(&source.paths)?;
        let run = repository.run(source, watch).await?;
        let what = What::Run {
            dataset: dataset.to_string(),
            snapshot: run.snapshot.id.clone(),
            files: run.files,
            bytes: run.bytes,
            added: run.added,
            unreadable: run.unreadable.len() as u64,
        };
        self.record(repository, watch, what).await?;
        Ok(left_out(run.unreadable.iter(), "could not be read"))
    }

    async fn look(&self, depth: Depth, repository: &dyn Repository, watch: &Watch) -> Result<StepStatus> {
        let checked = repository.check(depth, watch).await;
        let faults = match &checked {
            Ok(checked) => checked.faults.clone(),
            // What cannot be read for damage is a check that failed, and no check that was not made.
            Err(error) if error.kind() == ErrorKind::Damaged => vec![error.to_string()],
            Err(_) => return checked.map(|_| StepStatus::Done),
        };
        let passed = faults.is_empty();
        self.record(repository, watch, What::Check { depth, passed })
            .await?;
        if passed {
            return Ok(StepStatus::Done);
        }
        let shown: Vec<&str> = faults.iter().take(5).map(String::as_str).collect();
        let more = faults.len() - shown.len();
        let rest = if more == 0 {
            String::new()
        } else {
            format!("; and {more} more")
        };
        let message = format!("find repository `{}` whole ({depth})", repository.name());
        Err(Error::new(ErrorKind::Damaged, message).with_hint(format!("{}{rest}", shown.join("; "))))
    }

    /// Writes down what was done, under the repository's own id.
    async fn record(&self, repository: &dyn Repository, watch: &Watch, what: What) -> Result<()> {
        let record = Record {
            at: Timestamp::now(),
            repository: repository.name().to_string(),
            // One that is too damaged to say its id keeps its record.
            id: repository.probe(watch).await.ok().and_then(|info| info.id),
            what,
        };
        journal::add(self.state, &record)
    }
}

fn source(host: &HostName, at: Timestamp, paths: &[String], volumes: &[String]) -> Result<Source> {
    let mut source = Source::new(host.clone(), at, paths.iter().map(PathBuf::from));
    source.volumes = volumes.to_vec();
    Ok(source)
}

/// Returns an error unless a folder is not there, or empty.
fn fresh(folder: &Path) -> Result<()> {
    let conflict = |why: &str| {
        let message = format!("restore into `{}`: {why}", folder.display());
        Err(Error::new(ErrorKind::Conflict, message).with_hint("name a folder that does not exist"))
    };
    match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => conflict("it is not empty"),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(_) => conflict("it is no folder that can be opened"),
    }
}

/// Returns an error unless there is something to copy at every path: a disk that is not mounted leaves an empty folder,
/// and a copy of that would look as good as any.
fn there(paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        let failed = |kind, why: &str| {
            let message = format!("copy `{}`: {why}", path.display());
            Err(Error::new(kind, message).with_hint("is its disk mounted? Nothing was copied"))
        };
        // The link itself would be copied, and nothing of what it leads to.
        if let Ok(to) = std::fs::read_link(path) {
            let message = format!("copy `{}`: it is a link to `{}`", path.display(), to.display());
            return Err(Error::new(ErrorKind::Refused, message)
                .with_hint("name the path that it leads to; nothing was copied"));
        }
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => match std::fs::read_dir(path) {
                Ok(mut entries) => {
                    if entries.next().is_none() {
                        return failed(ErrorKind::Refused, "it is empty");
                    }
                }
                Err(error) => {
                    let message = format!("copy `{}`: it cannot be opened", path.display());
                    return Err(Error::new(ErrorKind::Unauthorised, message)
                        .with_hint("run this as somebody who may read it")
                        .with_source(error));
                }
            },
            Ok(_) => {}
            Err(_) => return failed(ErrorKind::NotFound, "it is not there"),
        }
    }
    Ok(())
}

/// Returns that a step was done, or what of it was not.
fn left_out<'a>(all: impl ExactSizeIterator<Item = &'a (PathBuf, String)>, what: &str) -> StepStatus {
    let count = all.len();
    if count == 0 {
        return StepStatus::Done;
    }
    let shown: Vec<String> = all
        .take(3)
        .map(|(path, why)| format!("`{}`: {why}", path.display()))
        .collect();
    let more = if count > shown.len() { ", ..." } else { "" };
    StepStatus::Partial {
        left_out: format!("{count} {what}: {}{more}", shown.join(", ")),
    }
}

/// Returns what turns the events of a repository into lines: what is being done, then each that so much more was.
fn teller(tell: impl Fn(String) + Send + Sync + 'static) -> impl Fn(Event) + Send + Sync + 'static {
    /// So much more has to be done to be told.
    const STEP: u64 = 64 * 1024 * 1024;
    let told = Mutex::new(0);
    move |event| match event {
        Event::Phase(phase) => tell(
            match phase {
                Phase::Open => "opens the repository",
                Phase::Copy => "reads what is to be copied",
                Phase::Check => "checks",
                Phase::Restore => "restores",
                Phase::Prune => "takes out what nothing needs",
            }
            .to_owned(),
        ),
        Event::Progress { files, bytes } => {
            let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if bytes / STEP != *told {
                *told = bytes / STEP;
                tell(format!("{files} files, {}", size(bytes)));
            }
        }
        Event::Unreadable { path, why } => tell(format!("cannot read `{}`: {why}", path.display())),
    }
}
