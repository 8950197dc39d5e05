//! Loading: the only place of the lab that reads the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Inner, Instance, Lab, Manifest, Pattern};
use crate::error::{Error, ErrorKind, Result};

impl Lab {
    /// Loads the lab of a folder.
    ///
    /// # Errors
    /// Only when the folder itself cannot be read.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let root = std::path::absolute(path.as_ref()).map_err(|error| unreadable(path.as_ref(), error))?;
        std::fs::read_dir(&root).map_err(|error| unreadable(&root, error))?;
        let name = root
            .file_name()
            .map_or_else(|| "lab".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(build(name, root))
    }

    /// Returns the lab of these files, from memory: paths are relative to its folder, with `/` between folders.
    pub fn from_texts<P, T>(name: &str, texts: impl IntoIterator<Item = (P, T)>) -> Self
    where
        P: Into<String>,
        T: Into<String>,
    {
        let _files: Vec<(String, String)> = texts
            .into_iter()
            .map(|(path, text)| (path.into(), text.into()))
            .collect();
        build(name.to_owned(), PathBuf::from("/lab"))
    }
}

fn build(name: String, root: PathBuf) -> Lab {
    Lab(Arc::new(Inner {
        name,
        root,
        pattern: Pattern::default(),
        instance: Instance::default(),
        projects: Vec::new(),
        services: Vec::new(),
        manifest: Manifest::default(),
        diagnostics: Vec::new(),
    }))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("read the lab's folder `{}`", path.display()),
    )
    .with_source(error)
}
