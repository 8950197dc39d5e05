//! Values that must never be shown: [`Secret`], and where one is kept: [`SecretRef`].
//!
//! ```
//! use homelab_core::{Secret, SecretRef};
//!
//! let secret = Secret::new("correct horse");
//! assert_eq!(format!("{secret:?}"), "Secret(***)");
//! assert_eq!(secret.expose(), "correct horse");
//!
//! let kept: SecretRef = "env:RESTIC_PASSWORD".parse()?;
//! assert_eq!(kept, SecretRef::Environment("RESTIC_PASSWORD".into()));
//! # Ok::<(), homelab_core::Error>(())
//! ```

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};

/// A value that is in no output ever: hidden in Debug, without Display or Serialize, wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Returns the secret of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(Zeroizing::new(text.into()))
    }

    /// Returns the text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Compares in a time that depends on the lengths only.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (left, right) = (self.0.as_bytes(), other.0.as_bytes());
        left.len() == right.len() && left.iter().zip(right).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

impl Eq for Secret {}

/// Where a secret is kept: what a configuration file holds in its place.
///
/// Written `env:NAME`, `file:PATH` or `command:PROGRAM ARGUMENT ...` (split at blanks, no shell).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// An environment variable.
    Environment(String),
    /// A file, whose content without its last line break is the secret.
    File(PathBuf),
    /// A program whose standard output, without its last line break, is the secret.
    Command(Vec<String>),
}

impl FromStr for SecretRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || {
            // The text is not repeated: people put the secret itself here.
            Error::new(ErrorKind::Invalid, "read where a secret is kept").with_hint(
                "write `env:NAME`, `file:PATH` or `command:PROGRAM ARGUMENT ...`, never the secret itself",
            )
        };
        let (kind, rest) = text.split_once(':').ok_or_else(invalid)?;
        let rest = rest.trim();
        match kind {
            _ if rest.is_empty() => Err(invalid()),
            "env" => Ok(SecretRef::Environment(rest.to_owned())),
            "file" => Ok(SecretRef::File(PathBuf::from(rest))),
            "command" => Ok(SecretRef::Command(
                rest.split_whitespace().map(str::to_owned).collect(),
            )),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Environment(name) => write!(f, "env:{name}"),
            SecretRef::File(path) => write!(f, "file:{}", path.display()),
            SecretRef::Command(words) => write!(f, "command:{}", words.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_survives_being_written_and_read() {
        for text in ["env:A", "file:/run/secrets/b", "command:pass show backup"] {
            assert_eq!(text.parse::<SecretRef>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn a_literal_secret_is_refused_and_not_repeated() {
        for text in ["hunter2", "env:", "password:hunter2"] {
            let error = text.parse::<SecretRef>().expect_err(text);
            assert!(!format!("{error:?}{error}").contains("hunter2"));
        }
    }

    #[test]
    fn equality_is_by_content() {
        assert_eq!(Secret::new("a"), Secret::new("a"));
        assert_ne!(Secret::new("a"), Secret::new("b"));
        assert_ne!(Secret::new("a"), Secret::new("ab"));
    }
}
