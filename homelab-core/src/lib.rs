#![doc = include_str!("../README.md")]
// What clippy.toml forbids pure modules, their tests may do: read files, look at the clock.
#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "tests stand outside of what they test")
)]

pub mod access;
mod adopt;
pub mod apply;
pub mod audit;
pub mod backup;
pub mod cancel;
pub mod compose;
pub mod drift;
pub mod engine;
pub mod error;
pub mod finding;
mod init;
pub mod inventory;
pub mod lab;
pub mod leak;
pub mod name;
pub mod observed;
mod operate;
pub mod plan;
pub mod posture;
#[cfg(feature = "tools")]
pub mod process;
pub mod query;
pub mod repository;
pub mod running;
pub mod secret;
#[cfg(feature = "serve")]
pub mod serve;
pub mod service;
pub mod span;
pub mod split;
mod stored;
pub mod stratum;
pub mod subscription;
pub mod system;
pub mod tailnet;
mod update;
pub mod view;

pub use access::Exposure;
pub use apply::{Event, Operation, Outcome, World};
pub use drift::Drift;
pub use error::{Error, ErrorKind, Result};
pub use finding::{Evidence, Finding, Principle, Report, Rule, Severity, Subject};
pub use lab::{Lab, ServiceRef};
pub use leak::Vocabulary;
pub use name::{
    DatasetName, HostName, InvalidName, NetworkName, ProjectName, RepositoryName, RoleName, ServiceId,
    ServiceName, SlotName, VolumeName,
};
pub use observed::Observed;
pub use plan::{Plan, Step};
pub use posture::Posture;
pub use query::{Answer, Query};
pub use running::Running;
pub use secret::{Secret, SecretRef};
pub use span::{Source, Span, Spanned};
pub use split::Split;
pub use view::Reach;

/// Returns the names of the optional parts that this build has, in alphabetical order; the model and the judges are in
/// every one.
pub fn capabilities() -> &'static [&'static str] {
    &[
        #[cfg(feature = "docker")]
        "docker",
        #[cfg(feature = "history")]
        "history",
        #[cfg(feature = "local")]
        "local",
        #[cfg(feature = "rustic")]
        "rustic",
        #[cfg(feature = "serve")]
        "serve",
        #[cfg(feature = "ssh")]
        "ssh",
        #[cfg(feature = "tailnet-api")]
        "tailnet-api",
        #[cfg(feature = "tailnet-api-rustls")]
        "tailnet-api-rustls",
        #[cfg(feature = "tls")]
        "tls",
        #[cfg(feature = "tools")]
        "tools",
    ]
}

/// Every optional part that a build may have.
const PARTS: [&str; 10] = [
    "docker",
    "history",
    "local",
    "rustic",
    "serve",
    "ssh",
    "tailnet-api",
    "tailnet-api-rustls",
    "tls",
    "tools",
];

/// Returns nothing when this build has an optional part, and otherwise the error that its operations answer.
///
/// ```
/// use homelab_core::{ErrorKind, capabilities, require_capability};
///
/// for part in ["docker", "local", "tailnet-api", "tools"] {
///     let missing = require_capability(part).err().map(|error| error.kind());
///     let expected = (!capabilities().contains(&part)).then_some(ErrorKind::Unsupported);
///     assert_eq!(missing, expected);
/// }
/// ```
///
/// # Errors
/// `Unsupported` for a part that was left out, `Invalid` for one that no build has.
pub fn require_capability(name: &str) -> Result<()> {
    if capabilities().contains(&name) {
        Ok(())
    } else if PARTS.contains(&name) {
        let error = Error::new(
            ErrorKind::Unsupported,
            format!("use `{name}`: this build is without it"),
        );
        Err(error.with_hint(format!("use a build that has the feature `{name}`")))
    } else {
        let error = Error::new(ErrorKind::Invalid, format!("find the part `{name}` of any build"));
        Err(error.with_hint(format!(
            "there are {}",
            PARTS.map(|part| format!("`{part}`")).join(", ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::{PARTS, capabilities};

    #[test]
    fn the_parts_are_the_features() {
        let manifest: toml::Table = include_str!("../Cargo.toml").parse().expect("a manifest");
        let features = manifest["features"].as_table().expect("features");
        let parts: Vec<&str> = features
            .keys()
            .map(String::as_str)
            .filter(|name| !matches!(*name, "default" | "full"))
            .collect();
        assert_eq!(parts, PARTS);
        assert!(capabilities().iter().all(|part| PARTS.contains(part)));
    }
}
