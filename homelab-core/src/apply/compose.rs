//! Steps that Docker Compose takes: the program is run, and what it says is told.

#![expect(
    clippy::disallowed_methods,
    reason = "what is applied is held against the files as they are now"
)]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::containers::{up, wait};
use crate::cancel::Cancel;
use crate::engine::docker::Endpoint;
use crate::engine::{Engine, Engines};
use crate::error::{Error, ErrorKind, Result};
use crate::inventory::Container;
use crate::plan::{
    ComposeAction, ComposeBefore, ComposeStep, ContainerAction, ContainerStep, ContentHash, StepStatus,
};
use crate::process::Command;

/// How long one step may take: images are fetched in it.
const LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

/// What Docker Compose and what it starts needs of our environment. Not what Compose files are filled in with: the lab
/// was read without it.
const INHERITED: [&str; 12] = [
    "PATH",
    "HOME",
    "DOCKER_CONFIG",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Who takes these steps: the program, the lab's folder, and the engines.
pub(super) struct Composer<'a> {
    /// The program that was set, if any.
    pub(super) program: Option<&'a Path>,
    pub(super) root: &'a Path,
    pub(super) engines: &'a Engines,
}

impl Composer<'_> {
    /// Checks that a step can be taken, or need not be.
    pub(super) fn check(&self, step: &ComposeStep, before: &ComposeBefore) -> Result<()> {
        self.program(step)?;
        self.files(step, before)?;
        let endpoint = self.engines.endpoint(step.host.as_str())?;
        wait(async {
            let engine = self.engines.engine(step.host.as_str()).await?;
            self.folder(step, &endpoint, &own(&*engine, step).await?)
        })
    }

    /// Takes a step, telling what Docker Compose says, and waits for what it leads to.
    pub(super) fn perform(
        &self,
        step: &ComposeStep,
        before: &ComposeBefore,
        cancel: &Cancel,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<StepStatus> {
        let program = self.program(step)?;
        self.files(step, before)?;
        let endpoint = self.engines.endpoint(step.host.as_str())?;
        let look = || wait(async { own(&*self.engines.engine(step.host.as_str()).await?, step).await });
        let first = look()?;
        self.folder(step, &endpoint, &first)?;
        let Some(step) = &left(step, before, &first) else {
            return Ok(StepStatus::Skipped);
        };
        self.run(&program, step, &endpoint, cancel, tell)?;
        if !step.awaited.is_empty() {
            let waited = wait(async {
                let engine = self.engines.engine(step.host.as_str()).await?;
                tokio::select! {
                    waited = await_all(&*engine, step) => waited.map(|()| true),
                    () = cancel.cancelled() => Ok(false),
                }
            });
            if !waited? {
                let left_out = "whether it is up was not waited for, since it was asked to stop".to_owned();
                return Ok(StepStatus::Partial { left_out });
            }
        }
        let state = |all: &[Container]| -> BTreeSet<_> {
            all.iter().map(|one| (one.id.clone(), one.started)).collect()
        };
        Ok(match step.action {
            ComposeAction::Pull => StepStatus::Done,
            _ if state(&first) == state(&look()?) => StepStatus::Skipped,
            _ => StepStatus::Done,
        })
    }

    /// Returns the program with its first words.
    fn program(&self, step: &ComposeStep) -> Result<(PathBuf, Vec<&'static str>)> {
        if let Some(program) = self.program {
            return Ok((program.to_owned(), Vec::new()));
        }
        for (program, words) in [("docker", vec!["compose"]), ("docker-compose", Vec::new())] {
            let version = Command::new(program)
                .with_inherited(INHERITED)
                .with_arguments(words.iter().copied().chain(["version"]));
            if version.run_blocking(&Cancel::new()).is_ok() {
                return Ok((program.into(), words));
            }
        }
        let message = format!("{step}: Docker Compose is not installed");
        let hint = format!(
            "install it so that `docker compose version` works, or run it where it is: `docker compose {} {}`",
            self.files_of(step)
                .iter()
                .map(|word| word.to_string_lossy())
                .collect::<Vec<_>>()
                .join(" "),
            step.arguments().join(" ")
        );
        Err(Error::new(ErrorKind::ToolMissing, message).with_hint(hint))
    }

    /// Returns the words that name the project and its files.
    fn files_of(&self, step: &ComposeStep) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["--project-name".into(), step.project.as_str().into()];
        for file in &step.files {
            words.extend(["--file".into(), self.root.join(file).into_os_string()]);
        }
        words
    }

    /// Checks that the files are those that were looked at.
    fn files(&self, step: &ComposeStep, before: &ComposeBefore) -> Result<()> {
        for (file, hash) in &before.files {
            let conflict = |why: &str| {
                let message = format!("{step}: file `{file}` {why}");
                Error::new(ErrorKind::Conflict, message).with_hint("load the lab anew, and plan again")
            };
            match std::fs::read(self.root.join(file)) {
                Ok(content) if ContentHash::of(&content) == *hash => {}
                Ok(_) => return Err(conflict("has changed since")),
                Err(error) => return Err(conflict("cannot be read").with_source(error)),
            }
        }
        Ok(())
    }

    /// Checks that paths beside the files mean on the host what they mean here: else containers would begin with empty
    /// folders, which looks as if their data were lost.
    fn folder(&self, step: &ComposeStep, endpoint: &Endpoint, own: &[Container]) -> Result<()> {
        let Some(main) = step.files.first().filter(|_| step.mounts_folder) else {
            return Ok(());
        };
        if matches!(step.action, ComposeAction::Down | ComposeAction::Pull) {
            return Ok(());
        }
        let here = std::fs::canonicalize(self.root.join(main)).map_err(|error| {
            Error::new(ErrorKind::NotFound, format!("{step}: open file `{main}`")).with_source(error)
        })?;
        let here = here.parent().unwrap_or(self.root);
        let elsewhere = own.iter().find_map(|one| {
            let folder = Path::new(one.compose_folder()?);
            let same = std::fs::canonicalize(folder).is_ok_and(|folder| folder == here);
            (!same && folder != here).then_some((one, folder))
        });
        let hint = "it mounts what lies beside its Compose file, which would be another folder: do it where that one is";
        if let Some((container, folder)) = elsewhere {
            let message = format!(
                "{step}: container `{}` was made from folder `{}`, and this is `{}`",
                container.name,
                folder.display(),
                here.display()
            );
            return Err(Error::new(ErrorKind::Conflict, message).with_hint(hint));
        }
        if own.is_empty() && !endpoint.is_local() {
            let message = format!("{step}: host `{}` is another machine", step.host);
            return Err(Error::new(ErrorKind::Refused, message).with_hint(hint));
        }
        Ok(())
    }

    fn run(
        &self,
        (program, words): &(PathBuf, Vec<&'static str>),
        step: &ComposeStep,
        endpoint: &Endpoint,
        cancel: &Cancel,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> Result<()> {
        let said: Arc<Mutex<Option<String>>> = Arc::default();
        let failure = said.clone();
        let mut command = Command::new(program)
            .with_inherited(INHERITED)
            .with_variable("DOCKER_HOST", endpoint.to_string())
            .with_arguments(words.iter().copied())
            .with_arguments(["--progress", "json"])
            .with_arguments(self.files_of(step))
            .with_arguments(step.arguments())
            .with_time_limit(LIMIT)
            // It stops what it has begun to start.
            .with_grace(Duration::from_secs(30))
            .with_listener(move |line| match Said::read(line) {
                Some(Said {
                    message: Some(message),
                    ..
                }) => {
                    *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
                }
                Some(said) => tell(said.to_string()),
                // Warnings, mostly, before it knows how it is to speak.
                None => {}
            });
        if let Some(folder) = endpoint.certificates() {
            command = command
                .with_variable("DOCKER_CERT_PATH", folder)
                .with_variable("DOCKER_TLS_VERIFY", "1");
        }
        command.run_blocking(cancel).map(drop).map_err(|error| {
            let message = format!("{step}: {error}");
            let failed = Error::new(error.kind(), message);
            let said = said.lock().unwrap_or_else(PoisonError::into_inner).take();
            match (said, error.hint()) {
                (Some(said), _) => failed.with_hint(said),
                (None, Some(hint)) => failed.with_hint(hint.to_owned()),
                (None, None) => failed,
            }
        })
    }
}

/// A line of `--progress json`.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    id: String,
    text: Option<String>,
    status: Option<String>,
    message: Option<String>,
    current: Option<u64>,
    total: Option<u64>,
}

impl Said {
    fn read(line: &str) -> Option<Said> {
        serde_json::from_str(line).ok()
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.id)?;
        for word in [&self.text, &self.status].into_iter().flatten() {
            write!(f, " {word}")?;
        }
        match (self.current, self.total) {
            (Some(current), Some(total)) if total > 0 => {
                write!(f, " {} %", current.saturating_mul(100) / total)
            }
            _ => Ok(()),
        }
    }
}

/// Returns the project's containers, but for those that were made for a single command.
async fn own(engine: &dyn Engine, step: &ComposeStep) -> Result<Vec<Container>> {
    let mut all = engine.containers().await?;
    all.retain(|one| one.compose_project() == Some(step.project.as_str()) && !one.is_one_off());
    Ok(all)
}

/// Returns what of a step is left to do: none where its end is reached.
fn left(step: &ComposeStep, before: &ComposeBefore, own: &[Container]) -> Option<ComposeStep> {
    match step.action {
        ComposeAction::Pull | ComposeAction::Up | ComposeAction::Update => Some(step.clone()),
        ComposeAction::Down => (!own.is_empty()).then(|| step.clone()),
        ComposeAction::Recreate => {
            let old = own.iter().filter(|one| before.containers.contains(&one.id));
            let names: BTreeSet<&str> = old.filter_map(|one| one.compose_service()).collect();
            let mut step = step.clone();
            step.services.retain(|service| names.contains(service.as_str()));
            (!step.services.is_empty()).then_some(step)
        }
    }
}

/// Waits until all that was to be started is up.
async fn await_all(engine: &dyn Engine, step: &ComposeStep) -> Result<()> {
    for container in own(engine, step).await? {
        let service = container.compose_service().unwrap_or_default();
        if step.awaited.iter().any(|awaited| awaited.as_str() == service) {
            let started = ContainerStep {
                host: step.host.clone(),
                id: container.id.clone(),
                name: container.name.clone(),
                action: ContainerAction::Start,
            };
            up(engine, &started).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compose_says_is_told_in_one_line() {
        let told = |line: &str| Said::read(line).map(|said| said.to_string());
        assert_eq!(
            told(r#"{"id":"Container web-db-1","status":"Started"}"#).as_deref(),
            Some("Container web-db-1 Started")
        );
        assert_eq!(
            told(r#"{"id":"db","text":"Downloading","current":25,"total":100}"#).as_deref(),
            Some("db Downloading 25 %")
        );
        assert_eq!(told("time=... level=warning"), None);
        let error = Said::read(r#"{"error":true,"message":"no such image"}"#).and_then(|said| said.message);
        assert_eq!(error.as_deref(), Some("no such image"));
    }
}
