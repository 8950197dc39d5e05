//! One Compose project.

use std::collections::HashMap;
use std::sync::Arc;

use homelab_core::Finding;
use homelab_core::compose::ResolveOptions;
use homelab_core::view::{DeclarationView, FindingView};

use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::runtime::run_blocking;

/// What to resolve, and how. Everything has a default.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ResolveSettings {
    /// The Compose files, the later ones laid over the earlier; without any, the folder is searched.
    #[uniffi(default = [])]
    pub files: Vec<String>,
    /// The folder to which relative paths belong; by default that of the first file.
    #[uniffi(default = None)]
    pub directory: Option<String>,
    /// The folder outside of which a lenient resolution reads nothing.
    #[uniffi(default = None)]
    pub root: Option<String>,
    /// The active profiles; `*` is all of them.
    #[uniffi(default = None)]
    pub profiles: Option<Vec<String>>,
    /// The files of variables that are read in place of `.env`.
    #[uniffi(default = [])]
    pub env_files: Vec<String>,
    /// The environment, which wins over files of variables. The process's own is never read.
    #[uniffi(default)]
    pub environment: HashMap<String, String>,
    /// The project's name, over that of file and folder.
    #[uniffi(default = None)]
    pub name: Option<String>,
    /// Whether to refuse what Docker Compose refuses, rather than to read on and say what is wrong.
    #[uniffi(default = false)]
    pub strict: bool,
}

impl ResolveSettings {
    fn options(self) -> ResolveOptions {
        let ResolveSettings {
            files,
            directory,
            root,
            profiles,
            env_files,
            environment,
            name,
            strict,
        } = self;
        let mut options = match strict {
            true => ResolveOptions::strict(),
            false => ResolveOptions::lenient(),
        }
        .with_files(files)
        .with_env_files(env_files)
        .with_environment(environment);
        if let Some(directory) = directory {
            options = options.with_directory(directory);
        }
        if let Some(root) = root {
            options = options.with_root(root);
        }
        if let Some(profiles) = profiles {
            options = options.with_profiles(profiles);
        }
        if let Some(name) = name {
            options = options.with_name(name);
        }
        options
    }
}

/// One Compose project, merged, interpolated and resolved.
#[derive(Debug, uniffi::Object)]
pub struct Project(pub(crate) homelab_core::compose::Project);

#[uniffi::export]
impl Project {
    /// Reads and resolves a project.
    #[uniffi::constructor(default(cancel = None))]
    pub async fn resolve(
        settings: ResolveSettings,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Self>, HomelabError> {
        let work = move || homelab_core::compose::Project::resolve(&settings.options());
        let project = run_blocking("resolve the project", cancel, work).await??;
        Ok(Arc::new(Project(project)))
    }

    /// Returns the project of one file's text, from memory; its name is `test`'s, and its folder `/lab/test`.
    #[uniffi::constructor]
    pub fn from_text(name: &str, text: &str) -> Result<Self, HomelabError> {
        Ok(Project(homelab_core::compose::Project::from_text(name, text)?))
    }

    /// Returns its name.
    pub fn name(&self) -> String {
        self.0.name().to_string()
    }

    /// Returns its folder.
    pub fn directory(&self) -> String {
        self.0.directory().display().to_string()
    }

    /// Returns the names of the files that it was read from.
    pub fn files(&self) -> Vec<String> {
        self.0.files().iter().map(|file| file.name().to_owned()).collect()
    }

    /// Returns the names of its services.
    pub fn services(&self) -> Vec<String> {
        self.0.services().keys().map(ToString::to_string).collect()
    }

    /// Returns its services as they are declared, without any value that may be secret.
    pub fn declarations(&self) -> Vec<DeclarationView> {
        self.0.declarations()
    }

    /// Returns what is wrong in it: nothing when it is valid.
    pub fn diagnostics(&self) -> Vec<FindingView> {
        self.0.diagnostics().iter().map(Finding::view).collect()
    }

    /// Returns it in the shape of `docker compose config --format json`: every value, secrets included, unless these are
    /// to be hidden.
    pub fn to_json(&self, redact: bool) -> String {
        self.0.to_json(redact).to_string()
    }
}
