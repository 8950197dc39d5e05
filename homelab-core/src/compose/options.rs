//! What to resolve, and how.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{Files, Memory, join};
use crate::error::{Error, ErrorKind, Result};

/// What to resolve, and how.
///
/// ```
/// use homelab_core::compose::ResolveOptions;
///
/// let options = ResolveOptions::strict().with_files(["compose.yaml"]).with_profiles(["debug"]);
/// assert!(options.is_strict());
/// ```
#[derive(Clone, Debug)]
pub struct ResolveOptions {
    pub(super) strict: bool,
    pub(super) files: Vec<PathBuf>,
    pub(super) directory: Option<PathBuf>,
    pub(super) root: Option<PathBuf>,
    pub(super) profiles: Vec<String>,
    pub(super) env_files: Vec<PathBuf>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) name: Option<String>,
    pub(super) memory: Option<Memory>,
}

impl ResolveOptions {
    fn new(strict: bool) -> Self {
        ResolveOptions {
            strict,
            files: Vec::new(),
            directory: None,
            root: None,
            profiles: Vec::new(),
            env_files: Vec::new(),
            environment: BTreeMap::new(),
            name: None,
            memory: None,
        }
    }

    /// Returns options that accept and refuse as Docker Compose does, and follow every local path that it would.
    pub fn strict() -> Self {
        ResolveOptions::new(true)
    }

    /// Returns options that never give up on a file that is YAML: what is wrong becomes diagnostics. Nothing outside
    /// the root, by default the project's directory, is read.
    pub fn lenient() -> Self {
        ResolveOptions::new(false)
    }

    /// Returns whether these options refuse what Docker Compose refuses.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Refuses a path without a letter: it is what a script has whose variable is not set, and means no folder.
    pub(super) fn refuse_empty_paths(&self) -> Result<()> {
        let folders = self.directory.iter().chain(&self.root);
        let files = self.files.iter().chain(&self.env_files);
        let given = folders
            .map(|path| (path, "a folder; `.` is the working folder"))
            .chain(files.map(|path| (path, "a file")));
        for (path, what) in given {
            if path.as_os_str().is_empty() {
                return Err(
                    Error::new(ErrorKind::Invalid, "read the project ``: the path is empty")
                        .with_hint(format!("name {what}")),
                );
            }
        }
        Ok(())
    }

    /// Returns the folder in which Compose finds a project's file: this one, or where none is in it and none is named, the
    /// nearest above that has one. Nothing above the root is looked at.
    pub(super) fn home_of_files(&self, start: &Path) -> PathBuf {
        let is_file = |path: PathBuf| match &self.memory {
            Some(memory) => memory.contains_key(&path),
            None => Files::on_disk(None).is_file(&path),
        };
        let has_one = |folder: &&Path| {
            let mut names = ResolveOptions::file_names().into_iter();
            names.any(|name| is_file(folder.join(name)))
        };
        let root = self.root.as_deref().map(absolute);
        let inside = |folder: &&Path| root.as_ref().is_none_or(|root| folder.starts_with(root));
        let above = match self.files.is_empty() {
            true => start.ancestors().take_while(inside).find(has_one),
            false => None,
        };
        above.unwrap_or(start).to_owned()
    }

    /// Returns the project's Compose files: those that are named, else those that the directory has.
    pub(super) fn compose_files(&self, directory: &Path, files: &Files) -> Result<Vec<PathBuf>> {
        if let Some(first) = self.files.first() {
            let named: Vec<PathBuf> = self.files.iter().map(|file| absolute(file)).collect();
            if self.memory.is_some() || named.iter().any(|file| files.is_file(file)) {
                return Ok(named);
            }
            return Err(if files.is_folder(&named[0]) {
                Error::new(
                    ErrorKind::Invalid,
                    format!("read `{}`: it is a folder", first.display()),
                )
                .with_hint("name the Compose file in it, or set the folder as the project's directory")
            } else {
                Error::new(ErrorKind::NotFound, format!("find `{}`", first.display()))
                    .with_hint("there is no such file")
            });
        }
        let main = ResolveOptions::file_names()
            .iter()
            .map(|name| directory.join(name))
            .find(|path| files.is_file(path));
        let Some(main) = main else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("find a Compose file in `{}`", directory.display()),
            )
            .with_hint(format!(
                "Compose looks for {}",
                ResolveOptions::file_names().join(", ")
            )));
        };
        let more = ResolveOptions::override_names()
            .iter()
            .map(|name| directory.join(name))
            .find(|path| files.is_file(path));
        Ok(std::iter::once(main).chain(more).collect())
    }

    /// Sets the Compose files, the later ones laid over the earlier. Without any, the directory is searched for
    /// `compose.yaml`, `compose.yml`, `docker-compose.yml` and `docker-compose.yaml`, in this order, and the matching
    /// override file; where it has none, so are the folders above it, up to the root where one is set.
    #[must_use]
    pub fn with_files<P: Into<PathBuf>>(mut self, files: impl IntoIterator<Item = P>) -> Self {
        self.files = files.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the project's directory, to which relative paths belong; by default that of the first file.
    #[must_use]
    pub fn with_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets the folder outside of which a lenient resolution reads nothing; places are named relative to it.
    #[must_use]
    pub fn with_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = Some(root.into());
        self
    }

    /// Sets the active profiles, instead of those of `COMPOSE_PROFILES`; `*` is all of them.
    #[must_use]
    pub fn with_profiles<S: Into<String>>(mut self, profiles: impl IntoIterator<Item = S>) -> Self {
        self.profiles = profiles.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the files of variables that are read instead of the directory's `.env`.
    #[must_use]
    pub fn with_env_files<P: Into<PathBuf>>(mut self, files: impl IntoIterator<Item = P>) -> Self {
        self.env_files = files.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the environment, which wins over files of variables. By default it is empty: the process's own is never
    /// read.
    #[must_use]
    pub fn with_environment<K: Into<String>, V: Into<String>>(
        mut self,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.environment = environment
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        self
    }

    /// Sets the project's name, over that of file and folder.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets texts by absolute path to read instead of the disk; nothing else is seen.
    #[must_use]
    pub fn with_memory(mut self, files: Arc<HashMap<PathBuf, Arc<str>>>) -> Self {
        self.memory = Some(files);
        self
    }

    /// Returns the names under which Compose looks for a project's file, the preferred first.
    pub fn file_names() -> [&'static str; 4] {
        [
            "compose.yaml",
            "compose.yml",
            "docker-compose.yaml",
            "docker-compose.yml",
        ]
    }

    /// Returns the names of override files, in the order in which Compose looks for them.
    pub fn override_names() -> [&'static str; 4] {
        [
            "compose.override.yml",
            "compose.override.yaml",
            "docker-compose.override.yml",
            "docker-compose.override.yaml",
        ]
    }

    pub(super) fn home(&self) -> Option<&str> {
        self.environment.get("HOME").map(String::as_str)
    }

    pub(super) fn first_directory(&self) -> PathBuf {
        match (&self.directory, self.files.first()) {
            (Some(directory), _) => directory.clone(),
            (None, Some(file)) => file.parent().unwrap_or(Path::new("")).to_owned(),
            (None, None) => PathBuf::new(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a relative path is relative to the process's folder"
)]
pub(super) fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    });
    path.map_or_else(|_| PathBuf::from("/"), |path| join(&path, ""))
}
