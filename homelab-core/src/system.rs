//! What is known of each application: which images it is, its ports, data, secrets and how to capture it.
//!
//! The knowledge is data: the TOML files in `system/`, by category, in the shape of `schemas/system.schema.json`.
//! A lab adds its own in `[systems.NAME]` of lab.toml, in the same shape ([`Catalog::with`]).
//!
//! ```
//! use homelab_core::service::image::ImageReference;
//! use homelab_core::system::{Catalog, Category, Class};
//!
//! let image: ImageReference = "ghcr.io/dani-garcia/vaultwarden:1.32.0".parse()?;
//! let system = Catalog::builtin().recognise_image(&image).expect("a well-known image");
//! assert_eq!((system.id(), system.name()), ("vaultwarden", "Vaultwarden"));
//! assert_eq!(system.category(), Category::Passwords);
//! assert_eq!(system.data_at("/data").expect("its data").class, Class::Irreplaceable);
//! assert!(system.is_secret("ADMIN_TOKEN"));
//! # Ok::<(), homelab_core::service::image::InvalidImage>(())
//! ```
//!
//! This is knowledge only. Asking a running application for its health or version is for the live side, which reads
//! the endpoints here.

mod catalog;
mod known_word;
mod outline;
mod pattern;
mod record;
mod secret_name;

pub(crate) use catalog::image_of;
pub use catalog::{Basis, Catalog, Recognition};
pub(crate) use known_word::{holds_placeholder, is_known_word};
pub use pattern::{ImagePattern, InvalidPattern};
pub use record::{
    AdminPath, Authentication, CaptureStep, Category, Class, Data, Databases, Endpoint, OpenWhen, Port,
    PortRole, SocketUse, Store, Transport,
};
pub(crate) use secret_name::names_connection;
pub use secret_name::names_secret;

use schemars::JsonSchema;
use serde::Deserialize;

/// An application, or something else that a lab runs, and what is known of it.
///
/// Everything but what recognises it may be unknown: an empty list is "not recorded", not "has none".
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct System {
    /// The key of its table.
    #[serde(skip)]
    id: String,
    /// The name that people know it by; the table's key where absent.
    name: Option<String>,
    /// What it is for.
    category: Option<Category>,
    /// Whether it stands for a kind of application, of which it lists many, rather than for one.
    generic: bool,
    /// Its images: `NAMESPACE/NAME` on Docker's registry, or with a registry before it; the last part may end in `*`.
    images: Vec<ImagePattern>,
    /// The last part of an image's name that is this application's whatever stands before it.
    names: Vec<String>,
    /// Words of which one is enough in the last part of an image's name: `mcp` in `github-mcp-server`.
    words: Vec<String>,
    /// Labels that such a service carries, as `KEY` or `KEY=VALUE`.
    labels: Vec<String>,
    /// Kinds of host, as instance.toml writes them, that are this system.
    host_kinds: Vec<String>,
    /// Schemes of a backup repository's address that are this system: `s3` of `s3:host/bucket`.
    repository_schemes: Vec<String>,
    /// Names of folders whose presence shows this system: `.obsidian`.
    folders: Vec<String>,
    /// The ports that it listens on inside its container.
    ports: Vec<Port>,
    /// Settings with which one of them asks nobody for a password; any of these is enough.
    open_when: Vec<OpenWhen>,
    /// Where it says whether it is well.
    health: Option<Endpoint>,
    /// Where it says which version it is.
    version: Option<Endpoint>,
    /// The paths inside its container that hold data.
    data: Vec<Data>,
    /// How its data is captured consistently, step by step.
    capture: Vec<CaptureStep>,
    /// The databases it keeps, or needs beside it.
    database: Databases,
    /// Names of environment variables whose values are secrets, beyond those that [`names_secret`] knows.
    secrets: Vec<String>,
    /// Paths of its web pages that are for administrators only.
    admin_paths: Vec<AdminPath>,
    /// Prefixes of labels on other services that it obeys: `traefik.`.
    reads_labels: Vec<String>,
    /// What it does with the engine's socket, where it commonly has it.
    docker_socket: Option<SocketUse>,
    /// What to know before letting others reach it.
    exposure: Option<String>,
    /// Anything else worth saying, such as that it is no longer maintained.
    note: Option<String>,
    /// What of the above was not looked up in the application's documentation or source.
    unverified: Vec<String>,
}

impl System {
    /// Returns its identity: the key of its table.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the name that people know it by.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }

    /// Returns what it is for.
    pub fn category(&self) -> Category {
        self.category.unwrap_or(Category::Other)
    }

    /// Returns whether it stands for a kind of application rather than for one: its category is known, and little else.
    pub fn is_generic(&self) -> bool {
        self.generic
    }

    /// Returns its images.
    pub fn images(&self) -> &[ImagePattern] {
        &self.images
    }

    /// Returns the kinds of host that are this system.
    pub fn host_kinds(&self) -> &[String] {
        &self.host_kinds
    }

    /// Returns the ports that it listens on inside its container.
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }

    /// Returns what is known of one of its ports.
    pub fn port(&self, number: u16, transport: Transport) -> Option<&Port> {
        self.ports
            .iter()
            .find(|port| port.number == number && port.transport == transport)
    }

    /// Returns the settings with which one of its ports asks nobody for a password.
    pub fn open_when(&self) -> &[OpenWhen] {
        &self.open_when
    }

    /// Returns the port of its web pages.
    pub fn web_port(&self) -> Option<&Port> {
        let with_role = |role| self.ports.iter().find(move |port| port.role == role);
        with_role(PortRole::Web).or_else(|| with_role(PortRole::Admin))
    }

    /// Returns where it says whether it is well.
    pub fn health(&self) -> Option<&Endpoint> {
        self.health.as_ref()
    }

    /// Returns where it says which version it is.
    pub fn version(&self) -> Option<&Endpoint> {
        self.version.as_ref()
    }

    /// Returns the paths inside its container that hold data.
    pub fn data(&self) -> &[Data] {
        &self.data
    }

    /// Returns what is known of the data below a mount's target, the nearest path first: the one that holds the
    /// target, else the most precious one that lies below it.
    pub fn data_at(&self, target: &str) -> Option<&Data> {
        let target = target.trim_end_matches('/');
        let holds = |outer: &str, inner: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let path = |data: &Data| data.path.trim_end_matches('/').len();
        self.data
            .iter()
            .filter(|data| holds(data.path.trim_end_matches('/'), target))
            .max_by_key(|data| path(data))
            .or_else(|| {
                self.data
                    .iter()
                    .filter(|data| holds(target, data.path.trim_end_matches('/')))
                    .min_by_key(|data| data.class)
            })
    }

    /// Returns how its data is captured consistently: the steps in their order, empty where nothing is recorded.
    pub fn capture(&self) -> &[CaptureStep] {
        &self.capture
    }

    /// Returns the databases it keeps, or needs beside it.
    pub fn database(&self) -> &Databases {
        &self.database
    }

    /// Returns the names of the environment variables that hold secrets, beyond those that [`names_secret`] knows.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Returns whether an environment variable of this name holds a secret here.
    pub fn is_secret(&self, variable: &str) -> bool {
        self.secrets.iter().any(|name| name == variable) || names_secret(variable)
    }

    /// Returns the paths of its web pages that are for administrators only.
    pub fn admin_paths(&self) -> &[AdminPath] {
        &self.admin_paths
    }

    /// Returns the prefixes of labels on other services that it obeys.
    pub fn reads_labels(&self) -> &[String] {
        &self.reads_labels
    }

    /// Returns what it does with the engine's socket, where it commonly has it.
    pub fn docker_socket(&self) -> Option<SocketUse> {
        self.docker_socket
    }

    /// Returns what to know before letting others reach it.
    pub fn exposure(&self) -> Option<&str> {
        self.exposure.as_deref()
    }

    /// Returns anything else worth saying of it.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Returns what of this was not looked up in the application's documentation or source.
    pub fn unverified(&self) -> &[String] {
        &self.unverified
    }

    /// Adds what a lab knows of it: lists grow, single values are replaced.
    fn extend(&mut self, more: System) {
        let System {
            id: _,
            name,
            category,
            generic,
            images,
            names,
            words,
            labels,
            host_kinds,
            repository_schemes,
            folders,
            ports,
            open_when,
            health,
            version,
            data,
            capture,
            database,
            secrets,
            admin_paths,
            reads_labels,
            docker_socket,
            exposure,
            note,
            unverified,
        } = more;
        // What the lab says of a port or path is found before what the catalog says of the same.
        self.ports.splice(0..0, ports);
        self.open_when.extend(open_when);
        self.data
            .retain(|old| data.iter().all(|new| new.path != old.path));
        self.data.extend(data);
        if !capture.is_empty() {
            self.capture = capture;
        }
        if database != Databases::default() {
            self.database = database;
        }
        self.images.extend(images);
        self.names.extend(names);
        self.words.extend(words);
        self.labels.extend(labels);
        self.host_kinds.extend(host_kinds);
        self.repository_schemes.extend(repository_schemes);
        self.folders.extend(folders);
        self.secrets.extend(secrets);
        self.admin_paths.extend(admin_paths);
        self.reads_labels.extend(reads_labels);
        self.unverified.extend(unverified);
        self.generic |= generic;
        self.name = name.or(self.name.take());
        self.category = category.or(self.category);
        self.health = health.or(self.health.take());
        self.version = version.or(self.version.take());
        self.docker_socket = docker_socket.or(self.docker_socket);
        self.exposure = exposure.or(self.exposure.take());
        self.note = note.or(self.note.take());
    }
}

#[cfg(test)]
mod tests;
