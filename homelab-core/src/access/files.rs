//! The lab's files, as Compose files name them.

use std::path::{Component, Path};

use crate::lab::Manifest;
use crate::span::Source;

/// The lab's files by the paths that Compose files give them.
pub(super) struct Files<'a> {
    root: &'a Path,
    manifest: &'a Manifest,
}

impl<'a> Files<'a> {
    pub(super) fn new(root: &'a Path, manifest: &'a Manifest) -> Self {
        Files { root, manifest }
    }

    /// Returns the path relative to the lab's folder; none for one that lies outside.
    fn relative(&self, path: &str) -> Option<String> {
        let path = Path::new(path);
        let inside = if path.is_absolute() {
            path.strip_prefix(self.root).ok()?
        } else {
            path
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in inside.components() {
            match part {
                Component::Normal(name) => parts.push(name.to_str()?),
                Component::CurDir => {}
                Component::ParentDir => {
                    parts.pop()?;
                }
                Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        Some(parts.join("/"))
    }

    /// Returns the text of a file.
    pub(super) fn text(&self, path: &str) -> Option<Source> {
        let path = self.relative(path)?;
        let text = self.manifest.file(&path)?.text()?;
        Some(Source::new(path, text))
    }

    /// Returns what the paths of a folder's files begin with; nothing for the lab's own folder.
    fn folder(&self, path: &str) -> Option<String> {
        let path = self.relative(path)?;
        Some(if path.is_empty() { path } else { format!("{path}/") })
    }

    /// Returns whether the lab has such a file, whatever is in it.
    pub(super) fn has(&self, path: &str) -> bool {
        self.relative(path)
            .is_some_and(|path| self.manifest.file(&path).is_some())
    }

    /// Returns whether the lab has files below such a folder.
    pub(super) fn has_below(&self, path: &str) -> bool {
        let Some(folder) = self.folder(path) else {
            return false;
        };
        let files = self.manifest.files();
        let first = files.partition_point(|file| file.path() < folder.as_str());
        files
            .get(first)
            .is_some_and(|file| file.path().starts_with(&folder))
    }

    /// Returns the file, or every file below a folder, each with what its path has beyond this one, and its text where it
    /// is one; none where there is neither.
    pub(super) fn below(&self, path: &str) -> Option<Vec<(String, Option<Source>)>> {
        if self.has(path) {
            return Some(vec![(String::new(), self.text(path))]);
        }
        let folder = self.folder(path)?;
        let files = self.manifest.files();
        let first = files.partition_point(|file| file.path() < folder.as_str());
        let found: Vec<(String, Option<Source>)> = files[first..]
            .iter()
            .take_while(|file| file.path().starts_with(&folder))
            .map(|file| {
                let rest = format!("/{}", &file.path()[folder.len()..]);
                (rest, file.text().map(|text| Source::new(file.path(), text)))
            })
            .collect();
        (!found.is_empty()).then_some(found)
    }
}
