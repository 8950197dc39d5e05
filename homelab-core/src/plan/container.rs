//! Steps that change what a container is doing.

use std::fmt;

use jiff::Timestamp;

use crate::name::HostName;

/// What a step does with a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContainerAction {
    /// Starts it, and waits until it is up.
    Start,
    /// Starts what is a job, and waits until it has ended well.
    Run,
    /// Stops it, and kills it when it has not ended after its grace.
    Stop,
    /// Stops it and starts it again, and waits until it is up.
    Restart,
}

impl ContainerAction {
    /// Returns the word for it: `start`.
    pub fn as_str(self) -> &'static str {
        match self {
            ContainerAction::Start => "start",
            ContainerAction::Run => "run",
            ContainerAction::Stop => "stop",
            ContainerAction::Restart => "restart",
        }
    }
}

impl fmt::Display for ContainerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One container, and what is done with it. It is named by its id: a container that was made anew since is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStep {
    /// The host, as the lab calls it.
    pub host: HostName,
    /// The container's id.
    pub id: String,
    /// The container's name.
    pub name: String,
    /// What is done.
    pub action: ContainerAction,
}

/// One line: `restart container `immich-server-1` on host `nas``.
impl fmt::Display for ContainerStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.action {
            ContainerAction::Run => ", to its end",
            ContainerAction::Start | ContainerAction::Stop | ContainerAction::Restart => "",
        };
        write!(
            f,
            "{} container `{}` on host `{}`{end}",
            self.action, self.name, self.host
        )
    }
}

/// How a container must be before a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerBefore {
    /// What it is doing, in the engine's word: `running`.
    pub state: String,
    /// When it was last started.
    pub started: Option<Timestamp>,
}

impl fmt::Display for ContainerBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the container is there, and is {}", self.state)?;
        match self.started {
            Some(started) => write!(f, ", last started {started}"),
            None => Ok(()),
        }
    }
}
