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

    /// Returns the texts of a file, or of every file below a folder; none where there is neither.
    pub(super) fn under(&self, path: &str) -> Option<Vec<Source>> {
        if let Some(source) = self.text(path) {
            return Some(vec![source]);
        }
        let folder = format!("{}/", self.relative(path)?);
        let files = self.manifest.files();
        let first = files.partition_point(|file| file.path() < folder.as_str());
        let found: Option<Vec<Source>> = files[first..]
            .iter()
            .take_while(|file| file.path().starts_with(&folder))
            .map(|file| Some(Source::new(file.path(), file.text()?)))
            .collect();
        found.filter(|found| !found.is_empty())
    }
}
