//! Steps that Docker Compose takes.

use std::fmt;

use super::{ContentHash, Precondition, Step, StepKind};
use crate::name::{HostName, ProjectName, ServiceName};

/// What a step has Docker Compose do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ComposeAction {
    /// Fetches images from their registries.
    Pull,
    /// Makes and starts what is not as it is written, and what that waits for.
    Up,
    /// The same of these services alone.
    Update,
    /// Makes these services anew, whether they are as they are written or not.
    Recreate,
    /// Stops and removes all of the project. Volumes stay.
    Down,
}

impl ComposeAction {
    /// Returns the word for it: `recreate`.
    pub fn as_str(self) -> &'static str {
        match self {
            ComposeAction::Pull => "pull",
            ComposeAction::Up => "up",
            ComposeAction::Update => "update",
            ComposeAction::Recreate => "recreate",
            ComposeAction::Down => "down",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            ComposeAction::Pull => &["pull", "--ignore-buildable"],
            ComposeAction::Up => &["up", "--detach"],
            ComposeAction::Update => &["up", "--detach", "--no-deps"],
            ComposeAction::Recreate => &["up", "--detach", "--no-deps", "--force-recreate"],
            ComposeAction::Down => &["down"],
        }
    }
}

/// One project on one host, and what Docker Compose does with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeStep {
    /// The host, as the lab calls it.
    pub host: HostName,
    /// The project, by the name that its containers have.
    pub project: ProjectName,
    /// Its Compose files, relative to the lab's folder, the later laid over the earlier.
    pub files: Vec<String>,
    /// The services that it is about; none are all of them.
    pub services: Vec<ServiceName>,
    /// The services whose containers are waited for afterwards, until they are up.
    pub awaited: Vec<ServiceName>,
    /// Whether it mounts what lies beside its files: then they have to lie on the host.
    pub mounts_folder: bool,
    /// What is done.
    pub action: ComposeAction,
}

impl ComposeStep {
    /// Returns the words behind `docker compose --project-name ... --file ...`.
    pub fn arguments(&self) -> Vec<String> {
        let fixed = self.action.arguments().iter().map(|word| (*word).to_owned());
        fixed
            .chain(self.services.iter().map(ToString::to_string))
            .collect()
    }
}

/// One line: `run `docker compose up --detach site` for project `web` on host `nas``.
impl fmt::Display for ComposeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.arguments().join(" ");
        write!(
            f,
            "run `docker compose {words}` for project `{}` on host `{}`",
            self.project, self.host
        )
    }
}

/// How things must be before a step of Docker Compose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeBefore {
    /// The content of its Compose files: what is done is what was looked at.
    pub files: Vec<(String, ContentHash)>,
    /// The containers, by id, that are to be made anew.
    pub containers: Vec<String>,
}

impl fmt::Display for ComposeBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (file, hash)) in self.files.iter().enumerate() {
            let joint = if index > 0 { ", " } else { "" };
            write!(f, "{joint}file `{file}` with sha256 {hash} is there")?;
        }
        match self.containers.as_slice() {
            [] => Ok(()),
            containers => write!(f, ", and containers {}", containers.join(", ")),
        }
    }
}

impl Step {
    /// Returns the step that has Docker Compose do something with a project.
    pub fn compose(step: ComposeStep, before: ComposeBefore) -> Step {
        Step {
            kind: StepKind::Compose(step),
            precondition: Precondition::Compose(before),
            previous: None,
        }
    }
}
