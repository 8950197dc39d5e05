//! A place inside the lab's folder: [`LabPath`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// The path of a file or folder inside the lab's folder, with `/` between folders on every platform.
///
/// Invariants: relative; no part is empty, `.`, `..` or `.git`; no control character and no backslash; a part has at
/// most 255 bytes, all of it at most 4,096. Cheap to clone.
///
/// ```
/// use homelab_core::plan::LabPath;
///
/// let path: LabPath = "services/immich/compose.yaml".parse()?;
/// assert_eq!(path.name(), "compose.yaml");
/// assert_eq!(path.folder().map(|folder| folder.to_string()), Some("services/immich".into()));
/// for outside in ["../x", "/etc/passwd", "a//b", "a/.git/hooks/pre-commit", ""] {
///     assert!(outside.parse::<LabPath>().is_err());
/// }
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabPath(Arc<str>);

impl LabPath {
    /// What such a path is made of.
    pub const RULE: &'static str = "a relative path inside the lab's folder, without `.`, `..`, `.git`, empty parts, \
                                    backslashes and control characters";

    /// Returns the path's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns its last part.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Returns the folder that it lies in, or nothing when that is the lab's folder itself.
    pub fn folder(&self) -> Option<LabPath> {
        self.0
            .rsplit_once('/')
            .map(|(folder, _)| LabPath(Arc::from(folder)))
    }

    /// Returns a path beside this one.
    pub fn with_name(&self, name: &str) -> Result<LabPath> {
        match self.0.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}").parse(),
            None => name.parse(),
        }
    }
}

fn valid(text: &str) -> bool {
    let part = |part: &str| {
        // Git takes `.GIT` for its own folder where the file system ignores case.
        !matches!(part, "" | "." | "..") && part.len() <= 255 && !part.eq_ignore_ascii_case(".git")
    };
    text.len() <= 4096 && text.split('/').all(part) && !text.contains(|c: char| c.is_control() || c == '\\')
}

impl FromStr for LabPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if valid(text) {
            Ok(LabPath(Arc::from(text)))
        } else {
            let text: String = text.chars().take(200).collect();
            Err(
                Error::new(ErrorKind::Invalid, format!("read `{text}` as a path of the lab"))
                    .with_hint(format!("write {}", LabPath::RULE)),
            )
        }
    }
}

impl TryFrom<String> for LabPath {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<LabPath> for String {
    fn from(path: LabPath) -> String {
        path.0.as_ref().to_owned()
    }
}

impl fmt::Display for LabPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LabPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LabPath({:?})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_a_path_of_the_lab() {
        for text in [
            "",
            ".",
            "..",
            "/",
            "/a",
            "a/",
            "a//b",
            "./a",
            "a/./b",
            "a/../b",
            "..\\a",
            "a\0b",
            "a\nb",
            ".git/config",
            "x/.GIT/hooks",
        ] {
            assert!(text.parse::<LabPath>().is_err(), "{text:?}");
        }
        assert!("a".repeat(256).parse::<LabPath>().is_err());
        assert!("a/".repeat(3000).parse::<LabPath>().is_err());
        for text in ["a", "...", "..a", ".env", ".gitignore", "ä ö/ü", "a:b"] {
            assert_eq!(text.parse::<LabPath>().expect(text).as_str(), text);
        }
    }

    #[test]
    fn a_stored_path_is_checked_again() {
        assert!(serde_json::from_str::<LabPath>("\"../x\"").is_err());
        assert_eq!(
            serde_json::from_str::<LabPath>("\"x/y\"").expect("valid").name(),
            "y"
        );
    }
}
