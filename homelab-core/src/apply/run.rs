//! One run of a plan, from the first check to the cleanup.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use super::backups::Keeper;
use super::containers;
use super::event::{Event, Outcome};
use super::files::{self, Found, Root};
use super::operation::Shared;
use super::recovery::{self, Record};
use super::world::World;
use crate::cancel::Cancel;
use crate::engine::Engines;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{
    ComposeBefore, ComposeStep, LabPath, Leftover, Plan, Precondition, Step, StepKind, StepResult,
};

pub(super) async fn drive(plan: Plan, world: World, shared: Arc<Shared>) -> Result<Outcome> {
    shared.events.send(Event::Started {
        plan: plan.id().clone(),
        steps: plan.steps().len(),
    });
    if shared.cancel.is_cancelled() {
        return Err(cancelled(&plan, &shared));
    }
    #[cfg(test)]
    let before_step = world.before_step();
    let run = blocking({
        let (plan, shared) = (plan.clone(), shared.clone());
        move || Run::begin(&plan, &world, &shared)
    });
    let run = Arc::new(run.await?);

    let mut results = Vec::new();
    let mut failed = None;
    for (index, step) in plan.steps().iter().enumerate() {
        #[cfg(test)]
        if let Some(call) = before_step.clone() {
            // A hook that panics is a test that fails by itself.
            let _ = tokio::task::spawn_blocking(move || call(index)).await;
        }
        if shared.cancel.is_cancelled() {
            failed = Some(cancelled(&plan, &shared));
            break;
        }
        let (number, text) = (index + 1, step.to_string());
        shared.events.send(Event::StepStarted {
            number,
            step: text.clone(),
        });
        let perform = blocking({
            let (run, step, shared) = (run.clone(), step.clone(), shared.clone());
            move || run.perform(index, &step, &shared)
        });
        // One repository that fails keeps no other from its copy.
        let independent = matches!(step.kind(), StepKind::Backup(_));
        match perform.await {
            Ok(status) => {
                let result = StepResult { step: text, status };
                shared.events.send(Event::StepFinished {
                    number,
                    result: result.clone(),
                });
                results.push(result);
            }
            Err(error) if independent && error.kind() != ErrorKind::Cancelled => {
                let text = format!("failed to {error}");
                shared.events.send(Event::Progress { number, text });
                failed = Some(both(failed, error));
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }

    let cleaned = blocking(move || run.end()).await;
    match (failed, cleaned) {
        (None, Ok(())) => Ok(Outcome::new(results)),
        // What failed first is what to tell; what is not cleaned up stays in the recovery file.
        (Some(error), _) | (None, Err(error)) => Err(error.with_done(results)),
    }
}

/// Returns what failed first, with what failed after it.
fn both(first: Option<Error>, then: Error) -> Error {
    let Some(first) = first else {
        return then;
    };
    let mut hint = first.hint().map(str::to_owned).into_iter().collect::<Vec<_>>();
    hint.push(format!("failed to {then} too"));
    let hint = hint.join("; ");
    first.with_hint(hint)
}

fn cancelled(plan: &Plan, shared: &Shared) -> Error {
    shared.events.send(Event::Cancelling);
    let message = format!("{}: it was asked to stop", plan.title());
    Error::new(ErrorKind::Cancelled, message).with_hint("apply the plan again to do the rest")
}

/// Runs what waits for the disk where waiting is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => Err(Error::new(
            ErrorKind::Cancelled,
            "go on: the runtime was shut down",
        )),
        Err(error) => Err(Error::new(ErrorKind::Internal, "take a step").with_source(error)),
    }
}

struct Run {
    id: String,
    /// The lab's folder; none where no step is about it, and there is none.
    root: Option<Root>,
    world: World,
    engines: Engines,
    /// Where recovery files are, this run's in the first.
    folders: Vec<PathBuf>,
    leftovers: Vec<Leftover>,
    record: std::sync::Mutex<Option<Record>>,
}

impl Run {
    /// Puts back what dead runs left, checks every precondition, and writes down what this run might leave.
    fn begin(plan: &Plan, world: &World, shared: &Shared) -> Result<Run> {
        let is_container = |step: &Step| matches!(step.kind(), StepKind::Container(_) | StepKind::Compose(_));
        let opened = Root::open(world.root()).and_then(|root| Ok((root, world.recovery_folders()?)));
        let (root, folders) = match opened {
            Ok((root, folders)) => (Some(root), folders),
            // A lab that exists on engines only has no folder, and nothing is left in it.
            Err(_) if plan.steps().iter().all(is_container) => (None, Vec::new()),
            Err(error) => return Err(error),
        };
        let recovers = |step: &Step| matches!(step.kind(), StepKind::PutBack { .. });
        if let Some(root) = root.as_ref().filter(|_| !plan.steps().iter().any(recovers)) {
            look_back(world, root, &folders, shared);
        }
        let id = random_id();
        let engines = world.engines();
        let leftovers = match &root {
            Some(root) => check(plan, root, &id)?,
            None => Vec::new(),
        };
        for step in plan.steps() {
            if let (StepKind::Container(step), Precondition::Container(before)) =
                (step.kind(), step.precondition())
            {
                containers::check(&engines, step, before)?;
            }
            if let (StepKind::Compose(step), Precondition::Compose(before)) =
                (step.kind(), step.precondition())
            {
                check_compose(world, &engines, step, before)?;
            }
            if let StepKind::Backup(step) = step.kind() {
                keeper(world, &world.state_folder()?, &shared.cancel).check(step)?;
            }
        }
        let record = match leftovers.is_empty() {
            true => None,
            false => {
                let folder = folders
                    .first()
                    .expect("a world has one folder for its state at least");
                Some(Record::create(folder, &id, world.root(), plan, &leftovers)?)
            }
        };
        Ok(Run {
            id,
            root,
            world: world.clone(),
            engines,
            folders,
            leftovers,
            record: std::sync::Mutex::new(record),
        })
    }

    fn perform(&self, index: usize, step: &Step, shared: &Arc<Shared>) -> Result<crate::plan::StepStatus> {
        match (step.kind(), step.precondition()) {
            (StepKind::Container(step), Precondition::Container(before)) => {
                return containers::perform(&self.engines, step, before, &shared.cancel);
            }
            (StepKind::Compose(step), Precondition::Compose(before)) => {
                return compose(&self.world, &self.engines, step, before, index + 1, shared);
            }
            (StepKind::Backup(step), _) => {
                let (told, number) = (shared.clone(), index + 1);
                let tell = move |text| told.events.send(Event::Progress { number, text });
                let state = self.world.state_folder()?;
                return keeper(&self.world, &state, &shared.cancel).perform(step, tell);
            }
            _ => {}
        }
        let root = self.root()?;
        match step.kind() {
            StepKind::CreateFolder { path, mode } => root.create_folder(path, *mode),
            StepKind::WriteFile { path, content, mode } => {
                let temporary = temporary(&self.id, index, path)?;
                root.write(path, &temporary, content, *mode, step.precondition())
            }
            StepKind::PutBack { run, leftover } => recovery::put_back(&self.folders, root, run, leftover),
            StepKind::Container(_) | StepKind::Compose(_) | StepKind::Backup(_) => {
                let message = format!("{step}: nobody has said how it has to be before");
                Err(Error::new(ErrorKind::Invalid, message))
            }
        }
    }

    fn root(&self) -> Result<&Root> {
        let missing = || Error::new(ErrorKind::NotFound, "open the lab's folder");
        self.root.as_ref().ok_or_else(missing)
    }

    /// Puts back what this run left itself, and forgets the run if nothing is left.
    fn end(&self) -> Result<()> {
        for leftover in &self.leftovers {
            match leftover {
                Leftover::TemporaryFile { path } => self.root()?.remove_temporary(path)?,
            };
        }
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner).take();
        record.map_or(Ok(()), Record::finish)
    }
}

fn keeper<'a>(world: &'a World, state: &'a Path, cancel: &'a Cancel) -> Keeper<'a> {
    Keeper {
        repositories: world.repositories_there(),
        state,
        cancel,
    }
}

#[cfg(all(feature = "docker", feature = "tools"))]
fn check_compose(world: &World, engines: &Engines, step: &ComposeStep, before: &ComposeBefore) -> Result<()> {
    composer(world, engines).check(step, before)
}

#[cfg(all(feature = "docker", feature = "tools"))]
fn compose(
    world: &World,
    engines: &Engines,
    step: &ComposeStep,
    before: &ComposeBefore,
    number: usize,
    shared: &Arc<Shared>,
) -> Result<crate::plan::StepStatus> {
    let told = shared.clone();
    let tell = move |text| told.events.send(Event::Progress { number, text });
    composer(world, engines).perform(step, before, &shared.cancel, tell)
}

#[cfg(all(feature = "docker", feature = "tools"))]
fn composer<'a>(world: &'a World, engines: &'a Engines) -> super::compose::Composer<'a> {
    super::compose::Composer {
        program: world.compose(),
        root: world.root(),
        engines,
    }
}

#[cfg(not(all(feature = "docker", feature = "tools")))]
fn check_compose(_: &World, _: &Engines, step: &ComposeStep, _: &ComposeBefore) -> Result<()> {
    let message = format!("{step}: this build is without `docker` or `tools`");
    Err(Error::new(ErrorKind::Unsupported, message))
}

#[cfg(not(all(feature = "docker", feature = "tools")))]
fn compose(
    world: &World,
    engines: &Engines,
    step: &ComposeStep,
    before: &ComposeBefore,
    _: usize,
    _: &Arc<Shared>,
) -> Result<crate::plan::StepStatus> {
    check_compose(world, engines, step, before).map(|()| crate::plan::StepStatus::Skipped)
}

/// Puts back what runs have left that were killed, once for each world. That something cannot be put back is told, and
/// stops nobody: it stays recorded.
fn look_back(world: &World, root: &Root, folders: &[PathBuf], shared: &Shared) {
    let mut looked = world.looked_back().lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::replace(&mut *looked, true) {
        return;
    }
    recovery::forget_unborn(folders);
    for run in recovery::interrupted(folders, world.root()) {
        for leftover in run.leftovers() {
            let what = match recovery::put_back(folders, root, run.run(), leftover) {
                Ok(crate::plan::StepStatus::Skipped) => continue,
                Ok(_) => leftover.to_string(),
                Err(error) => format!("failed to {error}"),
            };
            shared.events.send(Event::PutBack { what });
        }
    }
}

/// Checks every step before the first is taken, and returns what may be left lying if the run is killed.
fn check(plan: &Plan, root: &Root, run: &str) -> Result<Vec<Leftover>> {
    let mut coming: BTreeSet<&LabPath> = BTreeSet::new();
    let mut leftovers = Vec::new();
    for (index, step) in plan.steps().iter().enumerate() {
        let (path, content) = match step.kind() {
            StepKind::CreateFolder { path, .. } => (path, None),
            StepKind::WriteFile { path, content, .. } => (path, Some(content)),
            StepKind::PutBack { .. }
            | StepKind::Container(_)
            | StepKind::Compose(_)
            | StepKind::Backup(_) => continue,
        };
        let found = root.look(path)?;
        if let (Some(content), Found::File(hash, _)) = (content, &found)
            && *hash == content.hash()
        {
            continue;
        }
        files::check(path, step.precondition(), &found)?;
        if let Some(folder) = path.folder()
            && !coming.contains(&folder)
            && !matches!(root.look(&folder)?, Found::Folder)
        {
            let message = format!("change `{path}`: folder `{folder}` is not there");
            return Err(
                Error::new(ErrorKind::Conflict, message).with_hint("plan again: the lab has changed since")
            );
        }
        match content {
            None => {
                coming.insert(path);
            }
            Some(_) => leftovers.push(Leftover::TemporaryFile {
                path: temporary(run, index, path)?,
            }),
        }
    }
    Ok(leftovers)
}

fn temporary(run: &str, index: usize, path: &LabPath) -> Result<LabPath> {
    path.with_name(&files::temporary_name(run, index))
}

/// Returns 16 hexadecimal digits that no other run has: the standard library's hasher is seeded by the system.
pub(super) fn random_id() -> String {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:016x}", hasher.finish())
}
