//! How the engine of a machine is reached.

use crate::span::{Span, Spanned};

/// How the container engine of a machine is reached: `engine`.
///
/// Invariant: the address is one that `DOCKER_HOST` could have, or `context:NAME`, or `none`.
#[derive(Clone, PartialEq, Eq)]
pub struct EngineEntry {
    pub(in crate::lab) address: Spanned<String>,
    pub(in crate::lab) certificates: Option<Spanned<String>>,
}

impl EngineEntry {
    /// Returns the address: `ssh://me@nas`, `context:nas` for a context of Docker's command, `none` where no engine is
    /// to be asked.
    pub fn address(&self) -> &str {
        self.address.value()
    }

    /// Returns where it is written.
    pub fn span(&self) -> &Span {
        self.address.span()
    }

    /// Returns the folder of the certificates for TLS, relative to the lab's folder.
    pub fn certificates(&self) -> Option<&str> {
        self.certificates.as_ref().map(|folder| folder.value().as_str())
    }
}

impl std::fmt::Debug for EngineEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineEntry").finish_non_exhaustive()
    }
}
