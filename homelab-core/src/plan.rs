//! What an operation would do, before it does: a [`Plan`] of [`Step`]s, plain data.

/// What became of one step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepResult {
    /// The step in words.
    pub step: String,
}
