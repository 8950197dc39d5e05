//! The lab's files as they were when it was loaded, which later work reads instead of the disk.

use std::sync::Arc;

use super::pattern::words;

/// How far a file's conventions carry to another lab unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stratum {
    /// True everywhere.
    Philosophy,
    /// The same shape with other content.
    Pattern,
    /// A template with declared slots.
    Parametric,
    /// The same everywhere, byte for byte.
    Deterministic,
    /// This lab alone: private.
    Instance,
}

impl Stratum {
    /// Returns the stratum of a number from 1 to 5.
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Stratum::Philosophy,
            2 => Stratum::Pattern,
            3 => Stratum::Parametric,
            4 => Stratum::Deterministic,
            5 => Stratum::Instance,
            _ => return None,
        })
    }

    /// Returns its number, from 1 to 5.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Returns whether a file of it may leave the lab.
    pub fn is_shareable(self) -> bool {
        self != Stratum::Instance
    }
}

impl std::fmt::Display for Stratum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.number())
    }
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// A Compose file, or one that is merged into one.
    Compose,
    /// A unit of Podman's quadlet.
    Quadlet,
    /// Variables: `.env` and the like.
    Environment,
    /// lab.toml.
    Pattern,
    /// instance.toml.
    Instance,
    /// A tailnet's policy.
    TailnetPolicy,
    /// A program in a scripting language.
    Script,
    /// Prose.
    Markdown,
    /// Anything else.
    Other,
}
words!(FileKind {
    Compose = "compose",
    Quadlet = "quadlet",
    Environment = "environment",
    Pattern = "pattern",
    Instance = "instance",
    TailnetPolicy = "tailnet-policy",
    Script = "script",
    Markdown = "markdown",
    Other = "other",
});

/// One file of the lab.
#[derive(Clone)]
pub struct LabFile {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) bytes: Option<Arc<[u8]>>,
    pub(super) kind: FileKind,
    pub(super) stratum: Stratum,
}

impl LabFile {
    /// Returns its path, relative to the lab's folder, with `/` between folders.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns how many bytes it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns its bytes; none for a file past the limit, or one that could not be read.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    /// Returns its text; none where there are no bytes, or where they are no UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// Returns what it is for.
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// Returns how far it carries.
    pub fn stratum(&self) -> Stratum {
        self.stratum
    }
}

/// Shows what is known of the file without its content, which may be private.
impl std::fmt::Debug for LabFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LabFile")
            .field("path", &self.path)
            .field("size", &self.size)
            .field("kind", &self.kind)
            .field("stratum", &self.stratum)
            .finish_non_exhaustive()
    }
}

/// The lab's files, in the order of their paths.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    pub(super) files: Vec<LabFile>,
}

impl Manifest {
    /// Returns every file.
    pub fn files(&self) -> &[LabFile] {
        &self.files
    }

    /// Returns the file at a path, relative to the lab's folder.
    pub fn file(&self, path: &str) -> Option<&LabFile> {
        let at = self
            .files
            .binary_search_by(|file| file.path.as_str().cmp(path))
            .ok()?;
        self.files.get(at)
    }
}
