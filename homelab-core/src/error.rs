//! The one [`Error`] of all operations: what failed, in the lab's words, its kind, place and hint.
//!
//! ```
//! use homelab_core::{Error, ErrorKind};
//!
//! let error = Error::new(ErrorKind::NotFound, "find service `imich`").with_hint("did you mean `immich`?");
//! assert_eq!(error.kind(), ErrorKind::NotFound);
//! assert_eq!(error.to_string(), "find service `imich`");
//! assert_eq!(error.hint(), Some("did you mean `immich`?"));
//! assert!(!error.retryable());
//! ```

use std::fmt;

use crate::plan::StepResult;
use crate::span::Span;

/// What an operation of this library returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which kind of failure an [`Error`] is: what a program decides by.
///
/// New kinds may be added; match with a fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An input that does not mean anything: a name, a file, a setting.
    Invalid,
    /// What was asked for is not there.
    NotFound,
    /// A name that stands for several things; the hint lists them.
    Ambiguous,
    /// The world is not as the plan expects it: something changed since.
    Conflict,
    /// The other side knows us not, or does not let us.
    Unauthorised,
    /// The other side did not answer at all.
    Unreachable,
    /// It took longer than its limit.
    TimedOut,
    /// This build, engine, repository or system does not offer it.
    Unsupported,
    /// A part was done and a part was not; only [`crate::Outcome::complete`] makes this kind.
    Incomplete,
    /// A repository that was never initialised.
    NotInitialised,
    /// A password or key that does not fit.
    WrongKey,
    /// Somebody else holds the lock.
    Locked,
    /// The disk or the quota is full.
    NoSpace,
    /// Stored data that is not what was stored.
    Damaged,
    /// A program that this needs is not installed.
    ToolMissing,
    /// A program that this runs failed; the hint has the end of what it said.
    ToolFailed,
    /// It was asked to stop, and did.
    Cancelled,
    /// A rule of the lab, or of this library, forbids it.
    Refused,
    /// A defect of this library.
    Internal,
}

impl ErrorKind {
    /// Every kind that there is, in the order of their declaration.
    pub const ALL: [ErrorKind; 19] = [
        ErrorKind::Invalid,
        ErrorKind::NotFound,
        ErrorKind::Ambiguous,
        ErrorKind::Conflict,
        ErrorKind::Unauthorised,
        ErrorKind::Unreachable,
        ErrorKind::TimedOut,
        ErrorKind::Unsupported,
        ErrorKind::Incomplete,
        ErrorKind::NotInitialised,
        ErrorKind::WrongKey,
        ErrorKind::Locked,
        ErrorKind::NoSpace,
        ErrorKind::Damaged,
        ErrorKind::ToolMissing,
        ErrorKind::ToolFailed,
        ErrorKind::Cancelled,
        ErrorKind::Refused,
        ErrorKind::Internal,
    ];

    /// Returns the kind's word, as programs and bindings spell it: `not_found`.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Invalid => "invalid",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Ambiguous => "ambiguous",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Unauthorised => "unauthorised",
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::TimedOut => "timed_out",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Incomplete => "incomplete",
            ErrorKind::NotInitialised => "not_initialised",
            ErrorKind::WrongKey => "wrong_key",
            ErrorKind::Locked => "locked",
            ErrorKind::NoSpace => "no_space",
            ErrorKind::Damaged => "damaged",
            ErrorKind::ToolMissing => "tool_missing",
            ErrorKind::ToolFailed => "tool_failed",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Refused => "refused",
            ErrorKind::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an operation failed.
///
/// [`Display`](fmt::Display) says what failed, in a fragment that reads after "failed to", and nothing else; the reason
/// below it is in [`source`](std::error::Error::source), what to do about it in [`hint`](Error::hint), and the place in a
/// file in [`place`](Error::place). With `{:#}` it says all of that as people read it: the fragment with its reasons, then
/// place and hint on lines of their own. None of them holds a secret.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    place: Option<Span>,
    hint: Option<String>,
    done: Vec<StepResult>,
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

impl Error {
    /// Returns an error of this kind, whose message says what failed.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            place: None,
            hint: None,
            done: Vec::new(),
            source: None,
        }))
    }

    /// Adds the place in a file that the error is about.
    #[must_use]
    pub fn with_place(mut self, place: Span) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the reason below this error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the steps of a plan that were already done when it failed.
    #[must_use]
    pub(crate) fn with_done(mut self, done: Vec<StepResult>) -> Self {
        self.0.done = done;
        self
    }

    /// Returns which kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the place in a file that the error is about.
    pub fn place(&self) -> Option<&Span> {
        self.0.place.as_ref()
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the steps that were done before the failure: empty unless a plan was being applied.
    pub fn done(&self) -> &[StepResult] {
        &self.0.done
    }

    /// Returns whether the same call may succeed later, with nothing changed by the caller.
    pub fn retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Unreachable | ErrorKind::TimedOut | ErrorKind::Locked
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if !f.alternate() {
            return Ok(());
        }
        let mut below = std::error::Error::source(self);
        while let Some(reason) = below {
            write!(f, ": {reason}")?;
            below = reason.source();
        }
        if let Some(place) = &self.0.place {
            write!(f, "\n  at {place}")?;
        }
        match &self.0.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(place) = &self.0.place {
            out.field("place", place);
        }
        if let Some(hint) = &self.0.hint {
            out.field("hint", hint);
        }
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Source;

    #[test]
    fn every_kind_is_listed_once_with_its_own_word() {
        let mut words: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn the_message_leaves_place_and_cause_to_those_who_ask() {
        let source = Source::new("lab.toml", "x = 1\n");
        let error = Error::new(ErrorKind::Invalid, "read the lab's settings")
            .with_place(Span::file(&source))
            .with_source(std::io::Error::other("disk on fire"));
        assert_eq!(error.to_string(), "read the lab's settings");
        assert_eq!(
            format!("{:#}", error.with_hint("put it out")),
            "read the lab's settings: disk on fire\n  at lab.toml:1:1\nhint: put it out"
        );
        let error =
            Error::new(ErrorKind::Invalid, "read it").with_source(std::io::Error::other("disk on fire"));
        assert_eq!(
            std::error::Error::source(&error).expect("a source").to_string(),
            "disk on fire"
        );
    }
}
