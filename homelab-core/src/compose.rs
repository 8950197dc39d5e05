//! Compose projects, read exactly as Docker Compose reads them, with the place of every value.
//!
//! [`Project::resolve`] brings files together as `docker compose config` does: variables, `extends`, `include`, several
//! files, profiles, defaults. **Strict** refuses what Compose refuses. **Lenient** never gives up on a file that is YAML:
//! what is wrong becomes [`Project::diagnostics`], and the rest is still understood.
//!
//! The rules are those of the Compose Specification
//! (<https://github.com/compose-spec/compose-spec/blob/main/spec.md>), measured against Docker Compose 2.40.
//! `docs/compose-differences.md` lists what remains different.
//!
//! ```
//! use homelab_core::compose::Project;
//!
//! let text = "services:\n  web:\n    image: nginx:1.27\n    ports: ['127.0.0.1:8080:80']\n";
//! let project = Project::from_text("site", text)?;
//! let web = &project.services()["web"];
//! assert_eq!(web.ports[0].value.target, 80);
//! assert_eq!(web.ports[0].span.to_string(), "compose.yaml:4:13");
//! assert!(project.diagnostics().is_empty());
//! # Ok::<(), homelab_core::Error>(())
//! ```

mod amount;
mod amounts;
mod canonical;
mod check;
mod consistency;
mod declaration;
mod dotenv;
pub(crate) mod files;
mod interpolate;
mod json;
mod listed;
mod load;
mod map;
mod merge;
mod model;
mod node;
mod normalize;
mod options;
mod path;
pub(crate) mod quadlet;
mod resolve;
pub(crate) mod rules;
mod schema;
pub(crate) mod settings;
mod short;
#[cfg(test)]
mod tests;
mod typed;
mod yaml;

pub(crate) use dotenv::variables_of;
pub(crate) use listed::{Listed, listed};
pub use model::{
    Attachment, Build, Condition, Dependency, Field, Interpolation, Material, Mount, MountKind, Network,
    NetworkMode, Port, Project, Protocol, RestartPolicy, Service, VariableState, Volume,
};
pub use options::ResolveOptions;
