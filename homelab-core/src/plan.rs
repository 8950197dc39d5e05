//! What an operation would do, before it does: a [`Plan`] of [`Step`]s, plain data.
//!
//! Printing a plan is the dry run: `{plan}` is the list of its steps, `{plan:#}` shows new files' content and the
//! difference to old ones too. Nothing happens until it is applied.
//!
//! ```
//! use homelab_core::plan::{Plan, Step};
//!
//! let plan = Plan::new(
//!     "write the lab's settings",
//!     [Step::create_folder("docs".parse()?), Step::write_new("docs/lab.md".parse()?, "# Lab\n")],
//! )?;
//! assert_eq!(
//!     plan.to_string(),
//!     "write the lab's settings\n  \
//!        1. create folder `docs`\n  \
//!        2. write new file `docs/lab.md` (6 B)\n",
//! );
//! # Ok::<(), homelab_core::Error>(())
//! ```

mod backup;
mod compose;
mod container;
mod content;
mod diff;
mod id;
mod path;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::backup::{BackupAction, BackupBefore, BackupStep, Depth};
pub use self::compose::{ComposeAction, ComposeBefore, ComposeStep};
pub use self::container::{ContainerAction, ContainerBefore, ContainerStep};
pub(crate) use self::content::size;
pub use self::content::{Content, ContentHash};
pub use self::id::PlanId;
pub use self::path::LabPath;
use crate::error::{Error, ErrorKind, Result};
use crate::view;

/// The steps that an operation would take, in their order. Immutable, comparable and cheap to clone.
///
/// Each step knows how the world must be before it ([`Precondition`]). Applying checks that, so a plan that was made
/// from a state that has changed since is refused with [`ErrorKind::Conflict`] before anything is done; and a step whose
/// end is already reached is skipped, so applying a plan again changes nothing, and finishes one that was killed midway.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a plan does nothing until it is printed or applied"]
pub struct Plan(Arc<PlanInner>);

#[derive(PartialEq, Eq)]
struct PlanInner {
    id: PlanId,
    title: String,
    steps: Vec<Step>,
}

impl Plan {
    /// Returns the plan of these steps.
    ///
    /// # Errors
    /// `Invalid` when two steps are about one path or container: which of them should hold would be a matter of luck.
    pub fn new(title: impl Into<String>, steps: impl IntoIterator<Item = Step>) -> Result<Plan> {
        let title = title.into();
        let steps: Vec<Step> = steps.into_iter().collect();
        let mut paths = BTreeSet::new();
        for path in steps.iter().filter_map(|step| step.kind.path()) {
            if !paths.insert(path.clone()) {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("plan to {title}: two steps change `{path}`"),
                )
                .with_hint("make one step of them"));
            }
        }
        let mut containers = BTreeSet::new();
        for step in steps.iter().filter_map(|step| step.kind.container()) {
            if !containers.insert((step.host.clone(), step.id.clone())) {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("plan to {title}: two steps change container `{}`", step.name),
                )
                .with_hint("make one step of them"));
            }
        }
        let id = PlanId::of(&title, &steps);
        Ok(Plan(Arc::new(PlanInner { id, title, steps })))
    }

    /// Returns the plan's identity: the same for the same title and steps, on every machine.
    pub fn id(&self) -> &PlanId {
        &self.0.id
    }

    /// Returns what the plan is for: `write the lab's settings`.
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// Returns the steps in their order.
    pub fn steps(&self) -> &[Step] {
        &self.0.steps
    }

    /// Returns whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.steps.is_empty()
    }

    /// Returns the plan as a record for programs.
    pub fn view(&self) -> view::PlanView {
        view::PlanView {
            id: self.id().to_string(),
            title: self.title().to_owned(),
            steps: self.steps().iter().map(Step::view).collect(),
        }
    }
}

/// The steps as a numbered list; `{:#}` with the content of new files and the difference to old ones.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title())?;
        if self.is_empty() {
            return writeln!(f, "  nothing to do");
        }
        for (index, step) in self.steps().iter().enumerate() {
            writeln!(f, "  {}. {step}", index + 1)?;
            if f.alternate() {
                for line in step.details().lines() {
                    writeln!(f, "     {line}")?;
                }
            }
        }
        Ok(())
    }
}

/// Shows the steps without content: that may be private.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("id", &self.0.id)
            .field("title", &self.0.title)
            .field("steps", &self.0.steps)
            .finish()
    }
}

/// One thing that a plan does, and how the world must be before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    kind: StepKind,
    precondition: Precondition,
    /// What the file holds now, to show the difference; not a part of the plan's identity.
    previous: Option<Content>,
}

impl Step {
    /// Returns the step that creates a folder, unless it is there. The folder that it lies in must be there by then.
    pub fn create_folder(path: LabPath) -> Step {
        Step {
            kind: StepKind::CreateFolder {
                path,
                mode: FileMode::Shared,
            },
            precondition: Precondition::FolderOrAbsent,
            previous: None,
        }
    }

    /// Returns the step that writes a file where none is: it never overwrites.
    pub fn write_new(path: LabPath, content: impl Into<Content>) -> Step {
        Step {
            kind: StepKind::WriteFile {
                path,
                content: content.into(),
                mode: FileMode::Shared,
            },
            precondition: Precondition::Absent,
            previous: None,
        }
    }

    /// Returns the step that replaces a file whose content is the previous one, to the byte.
    ///
    /// The file stays who owns it and who may read it, except that a private one is closed to others.
    pub fn replace(path: LabPath, previous: impl Into<Content>, content: impl Into<Content>) -> Step {
        let previous = previous.into();
        Step {
            kind: StepKind::WriteFile {
                path,
                content: content.into(),
                mode: FileMode::Shared,
            },
            precondition: Precondition::File {
                sha256: previous.hash(),
            },
            previous: Some(previous),
        }
    }

    /// Returns the step that puts back what a run that was killed has left.
    pub(crate) fn put_back(run: impl Into<String>, leftover: Leftover) -> Step {
        Step {
            kind: StepKind::PutBack {
                run: run.into(),
                leftover,
            },
            precondition: Precondition::RunEnded,
            previous: None,
        }
    }

    /// Returns the step that changes what a container is doing, unless it does that already.
    pub fn container(step: ContainerStep, before: ContainerBefore) -> Step {
        Step {
            kind: StepKind::Container(step),
            precondition: Precondition::Container(before),
            previous: None,
        }
    }

    /// Returns the step with other permissions for its file or folder.
    #[must_use]
    pub fn with_mode(mut self, wanted: FileMode) -> Step {
        match &mut self.kind {
            StepKind::CreateFolder { mode, .. } | StepKind::WriteFile { mode, .. } => *mode = wanted,
            StepKind::PutBack { .. }
            | StepKind::Container(_)
            | StepKind::Compose(_)
            | StepKind::Backup(_) => {}
        }
        self
    }

    /// Returns what the step does.
    pub fn kind(&self) -> &StepKind {
        &self.kind
    }

    /// Returns how the world must be before it.
    pub fn precondition(&self) -> &Precondition {
        &self.precondition
    }

    /// Returns the lines that a file would gain and lose, as a unified diff; nothing where there are none to show: a
    /// folder, a hidden or binary content, or an old content that the planner did not know.
    pub fn diff(&self) -> Option<String> {
        let StepKind::WriteFile { path, content, .. } = &self.kind else {
            return None;
        };
        let new = content.shown()?;
        let (from, old) = match (&self.precondition, &self.previous) {
            (Precondition::Absent, _) => ("/dev/null".to_owned(), ""),
            (_, Some(previous)) => (format!("a/{path}"), previous.shown()?),
            _ => return None,
        };
        Some(format!("--- {from}\n+++ b/{path}\n{}", diff::unified(old, new)))
    }

    /// Returns the step as a record for programs.
    pub fn view(&self) -> view::StepView {
        let (target, content, mode) = match &self.kind {
            StepKind::CreateFolder { path, mode } => (path.to_string(), None, Some(*mode)),
            StepKind::WriteFile { path, content, mode } => (path.to_string(), Some(content), Some(*mode)),
            StepKind::PutBack { leftover, .. } => (leftover.to_string(), None, None),
            StepKind::Container(step) => (format!("{}:{}", step.host, step.name), None, None),
            StepKind::Compose(step) => (format!("{}:{}", step.host, step.project), None, None),
            StepKind::Backup(step) => (step.repository.to_string(), None, None),
        };
        view::StepView {
            kind: self.kind.as_str().to_owned(),
            target,
            summary: self.to_string(),
            precondition: self.precondition.to_string(),
            size: content.map(Content::len),
            mode: mode.map(|mode| mode.as_str().to_owned()),
            content: content.and_then(Content::shown).map(str::to_owned),
            diff: self.diff(),
        }
    }

    fn details(&self) -> String {
        match (&self.kind, self.diff()) {
            (_, Some(diff)) => diff,
            (StepKind::WriteFile { content, .. }, None) => format!("({})", content.why_not_shown()),
            (StepKind::Backup(step), None) => backup::kept(step),
            _ => String::new(),
        }
    }
}

/// One line: `write new file `lab.toml` (1.2 KiB)`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            StepKind::CreateFolder { path, mode } => {
                write!(f, "create {}folder `{path}`", mode.adjective())
            }
            StepKind::WriteFile { path, content, mode } => {
                let (verb, news) = match self.precondition {
                    Precondition::Absent => ("write", "new "),
                    _ => ("replace", ""),
                };
                let size = content::size(content.len());
                write!(f, "{verb} {news}{}file `{path}` ({size})", mode.adjective())
            }
            StepKind::PutBack { leftover, .. } => leftover.fmt(f),
            StepKind::Container(step) => step.fmt(f),
            StepKind::Compose(step) => step.fmt(f),
            StepKind::Backup(step) => step.fmt(f),
        }
    }
}

/// What a step does. Each family of steps has its executor in `apply`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Creates a folder, unless it is there.
    CreateFolder {
        /// Where.
        path: LabPath,
        /// Who may open it.
        mode: FileMode,
    },
    /// Writes a file as a whole: at no moment is there a half of it.
    WriteFile {
        /// Where.
        path: LabPath,
        /// The bytes that it will hold.
        content: Content,
        /// Who may read it.
        mode: FileMode,
    },
    /// Puts back what a run that was killed has left.
    PutBack {
        /// The run that was killed.
        run: String,
        /// What it left.
        leftover: Leftover,
    },
    /// Changes what a container is doing.
    Container(ContainerStep),
    /// Has Docker Compose do something with a project.
    Compose(ComposeStep),
    /// Does something with a repository of backups.
    Backup(BackupStep),
}

impl StepKind {
    /// Returns the kind's word, as in JSON: `write_file`.
    pub fn as_str(&self) -> &'static str {
        match self {
            StepKind::CreateFolder { .. } => "create_folder",
            StepKind::WriteFile { .. } => "write_file",
            StepKind::PutBack { .. } => "put_back",
            StepKind::Container(step) => match step.action {
                ContainerAction::Start => "start_container",
                ContainerAction::Run => "run_container",
                ContainerAction::Stop => "stop_container",
                ContainerAction::Restart => "restart_container",
            },
            StepKind::Compose(step) => match step.action {
                ComposeAction::Pull => "compose_pull",
                ComposeAction::Up => "compose_up",
                ComposeAction::Update => "compose_update",
                ComposeAction::Recreate => "compose_recreate",
                ComposeAction::Down => "compose_down",
            },
            StepKind::Backup(step) => step.action.as_str(),
        }
    }

    fn container(&self) -> Option<&ContainerStep> {
        match self {
            StepKind::Container(step) => Some(step),
            _ => None,
        }
    }

    fn path(&self) -> Option<&LabPath> {
        match self {
            StepKind::CreateFolder { path, .. } | StepKind::WriteFile { path, .. } => Some(path),
            StepKind::PutBack {
                leftover: Leftover::TemporaryFile { path },
                ..
            } => Some(path),
            StepKind::Container(_) | StepKind::Compose(_) | StepKind::Backup(_) => None,
        }
    }
}

/// How the world must be just before a step, else the plan is refused with [`ErrorKind::Conflict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// There is nothing at the path.
    Absent,
    /// There is a file with this content at the path.
    File {
        /// The content's SHA-256.
        sha256: ContentHash,
    },
    /// There is a folder at the path, or nothing.
    FolderOrAbsent,
    /// The run is recorded, and no longer alive.
    RunEnded,
    /// There is this container, and it is so.
    Container(ContainerBefore),
    /// The project's files and containers are so.
    Compose(ComposeBefore),
    /// The repository is so.
    Backup(BackupBefore),
}

impl fmt::Display for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Precondition::Absent => f.write_str("nothing is there"),
            Precondition::File { sha256 } => write!(f, "a file with sha256 {sha256} is there"),
            Precondition::FolderOrAbsent => f.write_str("a folder is there, or nothing"),
            Precondition::RunEnded => f.write_str("the run has ended"),
            Precondition::Container(before) => before.fmt(f),
            Precondition::Compose(before) => before.fmt(f),
            Precondition::Backup(before) => before.fmt(f),
        }
    }
}

/// Who may read what is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FileMode {
    /// Others may read it, as far as the user's mask allows: 0644, for folders 0755. A replaced file keeps what it has.
    #[default]
    Shared,
    /// Only its owner: 0600, for folders 0700.
    Private,
    /// A program that others may run: 0755.
    Program,
}

impl FileMode {
    /// Returns the mode's word, as in JSON: `private`.
    pub fn as_str(self) -> &'static str {
        match self {
            FileMode::Shared => "shared",
            FileMode::Private => "private",
            FileMode::Program => "program",
        }
    }

    fn adjective(self) -> &'static str {
        match self {
            FileMode::Shared => "",
            FileMode::Private => "private ",
            FileMode::Program => "program ",
        }
    }
}

/// What a run leaves behind when it is killed, and somebody must put back. Stored in recovery files.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Leftover {
    /// A file on its way: to be removed.
    TemporaryFile {
        /// Where it may lie.
        path: LabPath,
    },
}

/// One line: what putting it back does.
impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leftover::TemporaryFile { path } => write!(f, "remove temporary file `{path}`"),
        }
    }
}

/// What became of one step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepResult {
    /// The step in words.
    pub step: String,
    /// Whether it was done.
    pub status: StepStatus,
}

impl StepResult {
    /// Returns the result as a record for programs.
    pub fn view(&self) -> view::StepResultView {
        view::StepResultView {
            step: self.step.clone(),
            status: self.status.as_str().to_owned(),
            left_out: match &self.status {
                StepStatus::Partial { left_out } => Some(left_out.clone()),
                StepStatus::Done | StepStatus::Skipped => None,
            },
        }
    }
}

/// One line: `done: write new file `lab.toml` (1.2 KiB)`.
impl fmt::Display for StepResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.as_str(), self.step)?;
        match &self.status {
            StepStatus::Partial { left_out } => write!(f, " ({left_out})"),
            StepStatus::Done | StepStatus::Skipped => Ok(()),
        }
    }
}

/// Whether a step was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepStatus {
    /// It was.
    Done,
    /// A part of it was.
    Partial {
        /// What was not done, and why.
        left_out: String,
    },
    /// There was nothing to do: the world was so already.
    Skipped,
}

impl StepStatus {
    /// Returns the status's word, as in JSON: `done`.
    pub fn as_str(&self) -> &'static str {
        match self {
            StepStatus::Done => "done",
            StepStatus::Partial { .. } => "partial",
            StepStatus::Skipped => "skipped",
        }
    }
}
