//! What is told of an operation: [`Event`]s while it runs, an [`Outcome`] at its end.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::plan::{PlanId, StepResult, StepStatus};
use crate::view;

/// Something that happened while a plan was applied. Steps are numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It began.
    Started {
        /// The plan.
        plan: PlanId,
        /// How many steps the plan has.
        steps: usize,
    },
    /// Something that an earlier run left when it was killed was put back, or could not be.
    PutBack {
        /// What was put back, and why not where it was not.
        what: String,
    },
    /// A step began.
    StepStarted {
        /// The step's number.
        number: usize,
        /// The step in words.
        step: String,
    },
    /// A part of a step was done, or is being done.
    Progress {
        /// The step's number.
        number: usize,
        /// What: `Container web-site-1 Started`.
        text: String,
    },
    /// A step ended.
    StepFinished {
        /// The step's number.
        number: usize,
        /// What became of it.
        result: StepResult,
    },
    /// It was asked to stop, and cleans up.
    Cancelling,
    /// It ended; its outcome has this status.
    Finished(Status),
    /// It failed, or was stopped.
    Failed {
        /// Which kind of failure it is.
        kind: ErrorKind,
        /// What failed.
        message: String,
    },
    /// This reader was too slow, and missed events.
    Lagged {
        /// How many.
        missed: u64,
    },
}

impl Event {
    /// Returns the event as a record for programs.
    pub fn view(&self) -> view::EventView {
        let (kind, step) = match self {
            Event::Started { .. } => ("started", None),
            Event::PutBack { .. } => ("put_back", None),
            Event::StepStarted { number, .. } => ("step_started", Some(*number as u64)),
            Event::Progress { number, .. } => ("progress", Some(*number as u64)),
            Event::StepFinished { number, .. } => ("step_finished", Some(*number as u64)),
            Event::Cancelling => ("cancelling", None),
            Event::Finished(_) => ("finished", None),
            Event::Failed { .. } => ("failed", None),
            Event::Lagged { .. } => ("lagged", None),
        };
        view::EventView {
            kind: kind.to_owned(),
            step,
            text: self.to_string(),
        }
    }

    pub(super) fn lagged(missed: u64) -> Event {
        Event::Lagged { missed }
    }
}

/// One line.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Started { steps, .. } => write!(f, "started, {steps} step{}", plural(*steps)),
            Event::PutBack { what } => write!(f, "left by an earlier run: {what}"),
            Event::StepStarted { number, step } => write!(f, "{number}. {step}"),
            Event::Progress { number, text } => write!(f, "{number}. {text}"),
            Event::StepFinished { number, result } => write!(f, "{number}. {result}"),
            Event::Cancelling => f.write_str("stopping"),
            Event::Finished(status) => write!(f, "{status}"),
            Event::Failed { message, .. } => write!(f, "failed to {message}"),
            Event::Lagged { missed } => write!(f, "{missed} events were missed"),
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// What became of a plan that was applied to its end.
///
/// A partial result is an outcome, not an error: [`Outcome::complete`] makes one of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it may be partial: `complete()` says so"]
pub struct Outcome {
    status: Status,
    steps: Vec<StepResult>,
}

impl Outcome {
    /// Returns the outcome of these steps: partial if one is, skipped if there was nothing to do in any, else complete.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "plans are applied on Unix only so far")
    )]
    pub(super) fn new(steps: Vec<StepResult>) -> Outcome {
        let mut partial = steps
            .iter()
            .filter(|step| matches!(step.status, StepStatus::Partial { .. }));
        let status = if partial.next().is_some() {
            Status::Partial
        } else if steps.iter().all(|step| step.status == StepStatus::Skipped) {
            Status::Skipped
        } else {
            Status::Complete
        };
        Outcome { status, steps }
    }

    /// Returns how much of it was done.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns what became of each step, in their order.
    pub fn steps(&self) -> &[StepResult] {
        &self.steps
    }

    /// Returns whether nothing is left out, for `?`.
    ///
    /// # Errors
    /// `Incomplete` when the outcome is partial; [`Error::done`] has the steps. Nothing else makes this kind.
    pub fn complete(&self) -> Result<()> {
        if self.status != Status::Partial {
            return Ok(());
        }
        let partial: Vec<&StepResult> = self
            .steps
            .iter()
            .filter(|step| matches!(step.status, StepStatus::Partial { .. }))
            .collect();
        let (count, of) = (partial.len(), self.steps.len());
        let hint: Vec<String> = partial.iter().map(ToString::to_string).collect();
        Err(Error::new(
            ErrorKind::Incomplete,
            format!("do all of it: {count} of {of} steps left something out"),
        )
        .with_hint(hint.join("; "))
        .with_done(self.steps.clone()))
    }

    /// Returns the outcome as a record for programs.
    pub fn view(&self) -> view::OutcomeView {
        view::OutcomeView {
            status: self.status.as_str().to_owned(),
            steps: self.steps.iter().map(StepResult::view).collect(),
        }
    }
}

/// The status, and a line for each step.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        Ok(())
    }
}

/// How much of a plan was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// All of it.
    Complete,
    /// Every step was taken, and at least one left something out.
    Partial,
    /// There was nothing to do: the world was so already.
    Skipped,
}

impl Status {
    /// Returns the status's word, as in JSON: `complete`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Complete => "complete",
            Status::Partial => "partial",
            Status::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
