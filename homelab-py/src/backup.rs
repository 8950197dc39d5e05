//! Which data there is, which copies of it count, what a loss would leave, and the plans that copy, check, drill, restore and
//! prune.

use homelab_core as core;
use homelab_core::backup::Retention;
use jiff::Timestamp;
use pyo3::prelude::*;

use crate::convert::{FilePath, Record, equals_dict, hash};
use crate::error::Result;
use crate::lab::Lab;
use crate::observed::Observed;
use crate::plan::Plan;
use crate::runtime::{block, later, spawn, work};

/// What is known of a lab's copies: a verdict for each dataset. Its text is a table, with the reasons below it.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Survival(pub(crate) core::backup::Survival);

#[pymethods]
impl Survival {
    /// The moment that it speaks of, in UTC.
    #[getter]
    fn at(&self) -> Timestamp {
        self.0.at()
    }

    /// Whether any repository was asked. Where none was, nothing of copies is known.
    #[getter]
    fn was_asked(&self) -> bool {
        self.0.was_asked()
    }

    /// Returns how a command should end: 0 when every dataset meets 3-2-1 or needs no copy, 1 when one does not, 3 when
    /// none does not and something is not known: a verdict, whether data matters, or what a file says.
    fn exit_code(&self) -> u8 {
        self.0.exit_code()
    }

    /// Returns it as a record.
    fn view(&self) -> Record {
        Record::of("SurvivalView", &self.0.view())
    }

    /// Returns it as JSON, indented.
    fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// The datasets that were judged.
    fn __len__(&self) -> usize {
        self.0.verdicts().len()
    }

    /// That there is no data is an answer too.
    fn __bool__(&self) -> bool {
        true
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Survival: {} datasets>", self.0.verdicts().len())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Ok(other) = other.cast::<Self>() {
            return Ok(self.0.view() == other.get().0.view());
        }
        Ok(equals_dict(other, &self.0.view())?.unwrap_or(false))
    }

    fn __hash__(&self) -> u64 {
        hash(&(self.0.at(), self.0.verdicts().len()))
    }
}

/// The repositories of backups of a lab, to look at. Each is opened when it is first asked for.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Repositories(pub(crate) core::repository::Repositories);

impl Repositories {
    fn asking(&self, name: String) -> impl Future<Output = core::Result<Vec<Record>>> + Send + use<> {
        let repositories = self.0.clone();
        async move {
            let snapshots = repositories.snapshots(&name).await?;
            Ok(snapshots
                .iter()
                .map(|one| Record::of("SnapshotView", &one.view()))
                .collect())
        }
    }

    fn browsing(
        &self,
        name: String,
        snapshot: String,
    ) -> impl Future<Output = core::Result<Vec<Record>>> + Send + use<> {
        let repositories = self.0.clone();
        async move {
            let entries = repositories.browse(&name, &snapshot).await?;
            Ok(entries
                .iter()
                .map(|one| Record::of("EntryView", &one.view()))
                .collect())
        }
    }
}

#[pymethods]
impl Repositories {
    /// Their names, in alphabetical order.
    #[getter]
    fn names(&self) -> Vec<&str> {
        self.0.names().map(|name| name.as_str()).collect()
    }

    /// Whether there is one that can be worked on from here.
    fn any(&self) -> bool {
        self.0.any()
    }

    /// Returns the snapshots of the repository of this name, oldest first.
    ///
    /// Raises `NotFound` where there is none of this name or its password is not where it should be, `Unsupported` where
    /// this build or machine cannot work on it, `NotInitialised`, `WrongKey`, `Locked` and `Damaged`.
    #[pyo3(signature = (name, /))]
    fn snapshots(&self, py: Python<'_>, name: String) -> Result<Vec<Record>> {
        Ok(block(py, self.asking(name))??)
    }

    /// As `snapshots`, awaited.
    #[pyo3(signature = (name, /))]
    async fn snapshots_async(&self, name: String) -> Result<Vec<Record>> {
        Ok(spawn(self.asking(name)).await??)
    }

    /// Returns all that is in a snapshot of the repository of this name, by path; the snapshot is meant by its whole id.
    /// Raises what `snapshots` does, and `NotFound` where there is no such snapshot.
    #[pyo3(signature = (name, snapshot, /))]
    fn browse(&self, py: Python<'_>, name: String, snapshot: String) -> Result<Vec<Record>> {
        Ok(block(py, self.browsing(name, snapshot))??)
    }

    /// As `browse`, awaited.
    #[pyo3(signature = (name, snapshot, /))]
    async fn browse_async(&self, name: String, snapshot: String) -> Result<Vec<Record>> {
        Ok(spawn(self.browsing(name, snapshot)).await??)
    }

    fn __len__(&self) -> usize {
        self.0.names().len()
    }

    /// That there are none is an answer too.
    fn __bool__(&self) -> bool {
        true
    }

    fn __repr__(&self) -> String {
        format!("<Repositories: {}>", self.names().join(", "))
    }
}

/// Makes a plan out of a lab, what was seen and the words that say for what.
type Planner = Box<dyn FnOnce(&core::Lab, &core::Observed) -> core::Result<core::Plan> + Send>;

fn making(target: String) -> Planner {
    Box::new(move |lab, seen| lab.plan_make_repository(&target, seen))
}

fn copying(target: String) -> Planner {
    Box::new(move |lab, seen| lab.plan_backup(&target, seen))
}

fn checking(target: String, depth: String) -> Planner {
    Box::new(move |lab, seen| lab.plan_check(&target, depth.parse()?, seen))
}

fn restoring(dataset: String, folder: FilePath, repository: Option<String>) -> Planner {
    Box::new(move |lab, seen| {
        let folder = folder.0.into_os_string().into_string().map_err(|folder| {
            let message = format!("restore into `{}`", folder.display());
            core::Error::new(core::ErrorKind::Invalid, message).with_hint("its name is no text")
        })?;
        lab.plan_restore(&dataset, &folder, repository.as_deref(), seen)
    })
}

fn drilling(target: String, repository: Option<String>) -> Planner {
    Box::new(move |lab, seen| lab.plan_drill(&target, repository.as_deref(), seen))
}

fn pruning(target: String, keep: Option<String>) -> Planner {
    Box::new(move |lab, seen| {
        let retention = keep.map_or_else(|| Ok(Retention::default()), |keep| keep.parse())?;
        lab.plan_prune(&target, &retention, seen)
    })
}

impl Lab {
    /// Returns what makes a plan, on whichever thread.
    fn planning(
        &self,
        seen: &Observed,
        planner: Planner,
    ) -> impl FnOnce() -> core::Result<Plan> + Send + use<> {
        let (lab, seen) = (self.0.clone(), seen.0.clone());
        move || planner(&lab, &seen).map(Plan)
    }
}

#[pymethods]
impl Lab {
    /// Returns the plan that makes a repository of backups: nothing else ever does, since where a disk is not mounted it
    /// would be made on another one.
    ///
    /// Raises `NotFound` where the lab has none of this name, `Unsupported` where this build or machine cannot work on it,
    /// `Conflict` where it is there already.
    #[pyo3(signature = (repository, seen, /))]
    fn plan_make_repository(&self, py: Python<'_>, repository: String, seen: &Observed) -> Result<Plan> {
        Ok(work(py, self.planning(seen, making(repository)))??)
    }

    /// As `plan_make_repository`, awaited.
    #[pyo3(signature = (repository, seen, /))]
    async fn plan_make_repository_async(&self, repository: String, seen: Py<Observed>) -> Result<Plan> {
        Ok(later(self.planning(seen.get(), making(repository))).await??)
    }

    /// Returns the plan that copies data into every repository that can be worked on from here: a dataset by its name, or
    /// with `*` all that needs copies and lies on this machine. What is not copied from here the plan's title says.
    ///
    /// Raises `NotFound` for a name of no dataset, `Refused` where its data is not on this machine or nothing can be
    /// planned, `Unsupported` where no repository was asked or none can be worked on.
    #[pyo3(signature = (target, seen, /))]
    fn plan_backup(&self, py: Python<'_>, target: String, seen: &Observed) -> Result<Plan> {
        Ok(work(py, self.planning(seen, copying(target)))??)
    }

    /// As `plan_backup`, awaited.
    #[pyo3(signature = (target, seen, /))]
    async fn plan_backup_async(&self, target: String, seen: Py<Observed>) -> Result<Plan> {
        Ok(later(self.planning(seen.get(), copying(target))).await??)
    }

    /// Returns the plan that reads a repository, or with `*` each that can be worked on: its `structure`, one of so many
    /// parts of its data, `2/7`, or `all` of it.
    ///
    /// Raises `Invalid` for another depth, and else what `plan_make_repository` does.
    #[pyo3(signature = (repository, seen, /, *, depth=String::from("structure")),
           text_signature = "($self, repository, seen, /, *, depth='structure')")]
    fn plan_check(&self, py: Python<'_>, repository: String, seen: &Observed, depth: String) -> Result<Plan> {
        Ok(work(py, self.planning(seen, checking(repository, depth)))??)
    }

    /// As `plan_check`, awaited.
    #[pyo3(signature = (repository, seen, /, *, depth=String::from("structure")),
           text_signature = "($self, repository, seen, /, *, depth='structure')")]
    async fn plan_check_async(&self, repository: String, seen: Py<Observed>, depth: String) -> Result<Plan> {
        Ok(later(self.planning(seen.get(), checking(repository, depth))).await??)
    }

    /// Returns the plan that restores a dataset below a folder, absolute, that is not there or empty: from its newest whole
    /// copy, or from the newest of `repository`. A path `/srv/a` becomes `FOLDER/srv/a`.
    ///
    /// Raises `NotFound` for a name of no dataset or where no repository holds it, `Invalid` for a folder that is not
    /// absolute, `Unsupported` where no repository was asked.
    #[pyo3(signature = (dataset, folder, seen, /, *, repository=None))]
    fn plan_restore(
        &self,
        py: Python<'_>,
        dataset: String,
        folder: FilePath,
        seen: &Observed,
        repository: Option<String>,
    ) -> Result<Plan> {
        Ok(work(
            py,
            self.planning(seen, restoring(dataset, folder, repository)),
        )??)
    }

    /// As `plan_restore`, awaited.
    #[pyo3(signature = (dataset, folder, seen, /, *, repository=None))]
    async fn plan_restore_async(
        &self,
        dataset: String,
        folder: FilePath,
        seen: Py<Observed>,
        repository: Option<String>,
    ) -> Result<Plan> {
        Ok(later(self.planning(seen.get(), restoring(dataset, folder, repository))).await??)
    }

    /// Returns the plan that proves that a dataset restores, from each repository that holds it, or from `repository`; with
    /// `*` every dataset that needs copies and has one. Raises what `plan_restore` does.
    #[pyo3(signature = (target, seen, /, *, repository=None))]
    fn plan_drill(
        &self,
        py: Python<'_>,
        target: String,
        seen: &Observed,
        repository: Option<String>,
    ) -> Result<Plan> {
        Ok(work(py, self.planning(seen, drilling(target, repository)))??)
    }

    /// As `plan_drill`, awaited.
    #[pyo3(signature = (target, seen, /, *, repository=None))]
    async fn plan_drill_async(
        &self,
        target: String,
        seen: Py<Observed>,
        repository: Option<String>,
    ) -> Result<Plan> {
        Ok(later(self.planning(seen.get(), drilling(target, repository))).await??)
    }

    /// Returns the plan that forgets the snapshots of a dataset, or with `*` of all, which `keep` does not keep, and takes
    /// out what no snapshot has any more: `daily=7 weekly=5 monthly=12 yearly=10` unless it says otherwise. `details` says
    /// of each that stays why.
    ///
    /// Raises `Invalid` for rules that keep none, and else what `plan_backup` does.
    #[pyo3(signature = (target, seen, /, *, keep=None))]
    fn plan_prune(
        &self,
        py: Python<'_>,
        target: String,
        seen: &Observed,
        keep: Option<String>,
    ) -> Result<Plan> {
        Ok(work(py, self.planning(seen, pruning(target, keep)))??)
    }

    /// As `plan_prune`, awaited.
    #[pyo3(signature = (target, seen, /, *, keep=None))]
    async fn plan_prune_async(
        &self,
        target: String,
        seen: Py<Observed>,
        keep: Option<String>,
    ) -> Result<Plan> {
        Ok(later(self.planning(seen.get(), pruning(target, keep))).await??)
    }
}
