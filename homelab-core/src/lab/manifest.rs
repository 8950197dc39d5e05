//! The lab's files as they were when it was loaded, which later work reads instead of the disk.

mod glob;

use std::sync::Arc;

pub(crate) use glob::matches as matches_glob;

use super::discover;
use super::pattern::{Pattern, words};
use crate::stratum::Stratum;

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

impl LabFile {
    /// Returns a file that is not yet classified.
    pub(super) fn new(path: String, size: u64, bytes: Option<Arc<[u8]>>) -> Self {
        let kind = FileKind::of(&path);
        LabFile {
            path,
            size,
            bytes,
            kind,
            stratum: kind.stratum(),
        }
    }
}

impl LabFile {
    /// Returns whether nothing but its unknown kind makes it this lab's own: no head, no glob of lab.toml.
    pub(crate) fn is_own_by_default(&self, pattern: &Pattern) -> bool {
        matches!(self.kind, FileKind::Markdown | FileKind::Other)
            && self.stratum == Stratum::Instance
            && own_stratum(self).is_none()
            && !pattern
                .strata()
                .iter()
                .any(|(glob, _)| glob::matches(glob.value(), &self.path))
    }
}

impl FileKind {
    /// Returns what a file is for, by its name.
    pub(super) fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let lower = name.to_ascii_lowercase();
        let ending = lower.rsplit_once('.').map_or("", |(_, ending)| ending);
        let below =
            |folder: &str| path.starts_with(&format!("{folder}/")) || path.contains(&format!("/{folder}/"));
        match path {
            "lab.toml" => return FileKind::Pattern,
            "instance.toml" => return FileKind::Instance,
            _ => {}
        }
        if discover::is_compose_name(name) {
            FileKind::Compose
        } else if lower == ".env" || lower.starts_with(".env.") || ending == "env" {
            FileKind::Environment
        } else if discover::UNITS.contains(&ending) || (ending == "conf" && is_drop_in(path)) {
            FileKind::Quadlet
        } else if matches!(ending, "hujson") || (below("tailnet") && ending == "json") {
            FileKind::TailnetPolicy
        } else if matches!(
            ending,
            "sh" | "bash" | "zsh" | "fish" | "py" | "pl" | "rb" | "ps1" | "js" | "ts" | "lua"
        ) || matches!(
            lower.as_str(),
            "makefile" | "justfile" | "dockerfile" | "containerfile"
        ) {
            FileKind::Script
        } else if matches!(ending, "md" | "markdown") {
            FileKind::Markdown
        } else {
            FileKind::Other
        }
    }

    /// Returns the stratum of files of this kind of which nothing else is said. What is not known is private.
    fn stratum(self) -> Stratum {
        match self {
            FileKind::Compose | FileKind::Quadlet | FileKind::Pattern => Stratum::Parametric,
            FileKind::Script => Stratum::Deterministic,
            FileKind::Environment
            | FileKind::Instance
            | FileKind::TailnetPolicy
            | FileKind::Markdown
            | FileKind::Other => Stratum::Instance,
        }
    }
}

/// Returns whether a path is that of a drop-in of a quadlet unit: `web.container.d/10.conf`.
fn is_drop_in(path: &str) -> bool {
    path.rsplit('/')
        .nth(1)
        .and_then(|folder| folder.strip_suffix(".d")?.rsplit_once('.'))
        .is_some_and(|(_, kind)| discover::UNITS.contains(&kind))
}

/// Returns whether a file's bytes are kept when the lab is loaded: text that people write. What services write, such
/// as photos and databases, is listed only.
pub(super) fn is_kept(path: &str) -> bool {
    const ENDINGS: [&str; 34] = [
        "yaml",
        "yml",
        "toml",
        "json",
        "json5",
        "jsonc",
        "hujson",
        "ini",
        "cfg",
        "conf",
        "config",
        "properties",
        "xml",
        "env",
        "example",
        "sample",
        "template",
        "tmpl",
        "j2",
        "tpl",
        "md",
        "markdown",
        "txt",
        "rst",
        "adoc",
        "sh",
        "bash",
        "py",
        "service",
        "timer",
        "mount",
        "caddyfile",
        "rules",
        "nix",
    ];
    if FileKind::of(path) != FileKind::Other {
        return true;
    }
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    match name.trim_start_matches('.').rsplit_once('.') {
        Some((_, ending)) => ENDINGS.contains(&ending),
        // Caddyfile, LICENSE, .gitignore.
        None => true,
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

    /// Returns whether a glob of lab.toml matches any file.
    pub(super) fn has_match(&self, pattern: &str) -> bool {
        self.files.iter().any(|file| glob::matches(pattern, &file.path))
    }

    /// Returns the file at a path, relative to the lab's folder.
    pub fn file(&self, path: &str) -> Option<&LabFile> {
        let at = self
            .files
            .binary_search_by(|file| file.path.as_str().cmp(path))
            .ok()?;
        self.files.get(at)
    }

    /// Returns the manifest of these files. The stratum of each is what its own head says (`stratum: 3`), else the
    /// last glob of lab.toml that matches it, else that of its kind.
    pub(super) fn new(mut files: Vec<LabFile>, pattern: &Pattern, is_compose: impl Fn(&str) -> bool) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        for file in &mut files {
            if file.kind == FileKind::Other && is_compose(&file.path) {
                file.kind = FileKind::Compose;
            }
            let globs = pattern.strata().iter().rev();
            let by_glob = || {
                globs
                    .clone()
                    .find(|(glob, _)| glob::matches(glob.value(), &file.path))
            };
            file.stratum = own_stratum(file)
                .or_else(|| by_glob().map(|(_, stratum)| *stratum))
                .unwrap_or_else(|| example_stratum(&file.path).unwrap_or(file.kind.stratum()));
        }
        Manifest { files }
    }
}

#[cfg(feature = "history")]
impl super::Lab {
    /// Returns what another version of a file is, as the lab is today: its head may differ, and with it the stratum.
    pub(crate) fn version(&self, path: &str, bytes: &[u8]) -> LabFile {
        let file = LabFile::new(path.to_owned(), bytes.len() as u64, Some(bytes.into()));
        let today = self.manifest().file(path).map(LabFile::kind);
        let is_compose = |_: &str| today == Some(FileKind::Compose);
        let files = Manifest::new(vec![file], self.pattern(), is_compose).files;
        files.into_iter().next().expect("of one file there is one")
    }
}

/// Returns the stratum of `.env.example` and the like: they show which slots there are, with values of nobody.
fn example_stratum(path: &str) -> Option<Stratum> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_example = name.starts_with(".env.") || name.contains(".env.");
    let ends = [".example", ".sample", ".template", ".dist"]
        .iter()
        .any(|end| name.ends_with(end));
    (is_example && ends).then_some(Stratum::Parametric)
}

/// Returns the stratum that a file's head says: front matter between lines of `---`, or `stratum: 3` in a comment of
/// the first five lines.
fn own_stratum(file: &LabFile) -> Option<Stratum> {
    // Hardly any file says it, and looking for the word takes less than reading the file as text.
    memchr::memmem::find(file.bytes()?, b"stratum:")?;
    let text = file.text()?;
    let number = |line: &str| {
        let value = line.trim().strip_prefix("stratum:")?.split('#').next()?.trim();
        Stratum::from_number(value.parse().ok()?)
    };
    if file.kind == FileKind::Markdown {
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        if lines.next()?.trim_end() != "---" {
            return None;
        }
        return lines
            .take_while(|line| line.trim_end() != "---")
            .take(100)
            .find_map(number);
    }
    text.lines()
        .take(5)
        .filter_map(|line| {
            line.trim()
                .strip_prefix('#')
                .or_else(|| line.trim().strip_prefix("//"))
        })
        .find_map(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Source;

    fn stratum(path: &str, text: &str, pattern: &str) -> u8 {
        let file = LabFile::new(path.to_owned(), text.len() as u64, Some(text.as_bytes().into()));
        let (pattern, _) = Pattern::read(&Source::new("lab.toml", pattern));
        Manifest::new(vec![file], &pattern, |_| false).files()[0]
            .stratum()
            .number()
    }

    #[test]
    fn a_stratum_comes_from_the_head_then_the_globs_then_the_kind() {
        let globs = "[strata]\n'docs/**' = 2\n'docs/private/**' = 5\n'*.yaml' = 1\n";
        assert_eq!(stratum("docs/a.md", "---\ntitle: x\nstratum: 3\n---\n", globs), 3);
        assert_eq!(stratum("docs/a.md", "no front matter\nstratum: 3\n", globs), 2);
        assert_eq!(stratum("docs/private/a.md", "", globs), 5);
        assert_eq!(
            stratum("services/x/compose.yaml", "", globs),
            3,
            "`*` stops at a folder"
        );
        assert_eq!(stratum("compose.yaml", "", globs), 1);
        assert_eq!(stratum("run.sh", "#!/bin/sh\n# stratum: 5\n", ""), 5);
        assert_eq!(stratum("run.sh", "", ""), 4);
        assert_eq!(stratum("notes.md", "", ""), 5);
        assert_eq!(stratum("x/.env", "", ""), 5);
        assert_eq!(stratum("x/.env.example", "", ""), 3);
        assert_eq!(stratum("photo.jpg", "", ""), 5);
    }

    #[test]
    fn kinds_are_told_by_name() {
        for (path, kind) in [
            ("a/compose.yaml", FileKind::Compose),
            ("a/docker-compose.prod.yml", FileKind::Compose),
            ("a/.env", FileKind::Environment),
            ("a/stack.env", FileKind::Environment),
            ("lab.toml", FileKind::Pattern),
            ("a/lab.toml", FileKind::Other),
            ("instance.toml", FileKind::Instance),
            ("q/web.container", FileKind::Quadlet),
            ("q/web.container.d/x.conf", FileKind::Quadlet),
            ("tailnet/policy.hujson", FileKind::TailnetPolicy),
            ("README.md", FileKind::Markdown),
            ("bin/x.py", FileKind::Script),
            ("traefik.yml", FileKind::Other),
        ] {
            assert_eq!(FileKind::of(path), kind, "{path}");
        }
    }

    #[test]
    fn what_services_write_is_not_kept() {
        for path in [
            "compose.yaml",
            "Caddyfile",
            ".gitignore",
            "traefik/traefik.yml",
            "notes.txt",
            ".env",
        ] {
            assert!(is_kept(path), "{path}");
        }
        for path in ["photo.jpg", "db/base/1.dat", "x.sqlite3", "a.tar.gz"] {
            assert!(!is_kept(path), "{path}");
        }
    }
}
