//! Names: one type for each kind of thing, parsed once, never converted into each other.
//!
//! ```
//! use homelab_core::{ProjectName, ServiceId};
//!
//! let id: ServiceId = "nas:immich/server".parse()?;
//! assert_eq!(id.project().as_str(), "immich");
//! assert_eq!(id.to_string(), "nas:immich/server");
//! assert!("Immich Photos".parse::<ProjectName>().is_err());
//! # Ok::<(), homelab_core::InvalidName>(())
//! ```

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A text that is not a name of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {rule}")]
pub struct InvalidName {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

impl InvalidName {
    /// Returns the rule that the text breaks.
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// Returns the text that is no such name.
    pub fn text(&self) -> &str {
        &self.text
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[doc = concat!("\n\nInvariant: ", $rule, ". Cheap to clone.")]
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// What a name of this kind is made of.
            pub const RULE: &'static str = $rule;

            /// Parses a name.
            ///
            /// # Errors
            /// When the text breaks [`Self::RULE`].
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok($type(Arc::from(text)))
                } else {
                    Err(InvalidName { kind: $kind, text: text.to_owned(), rule: $rule })
                }
            }

            /// Returns the name's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// So that maps keyed by the name can be asked with a text.
        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                $type::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                $type::new(&text)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($type), self.as_str())
            }
        }
    };
}

fn starts_alphanumeric(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn only(text: &str, extra: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

name!(
    /// The name of a Compose project, what people call "my Immich"; `_` is the project of containers of none.
    ProjectName,
    "project name",
    "lower-case letters, digits, `-` and `_`, beginning with a letter or digit",
    |text| text == "_"
        || (starts_alphanumeric(text)
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c)))
);
name!(
    /// The name of a service within its project.
    ServiceName,
    "service name",
    "letters, digits, `.`, `_` and `-`",
    |text| only(text, "._-")
);
name!(
    /// The name of a machine of the lab, as instance.toml calls it.
    HostName,
    "host name",
    "letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
    |text| starts_alphanumeric(text) && only(text, "._-")
);
name!(
    /// The name of a named volume.
    VolumeName,
    "volume name",
    "letters, digits, `.`, `_` and `-`",
    |text| only(text, "._-")
);
name!(
    /// The name of a network.
    NetworkName,
    "network name",
    "letters, digits, `.`, `_` and `-`",
    |text| only(text, "._-")
);
name!(
    /// The name of a dataset: data worth a verdict.
    DatasetName,
    "dataset name",
    "letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
    |text| starts_alphanumeric(text) && only(text, "._-")
);
name!(
    /// The name of a repository: where copies are.
    RepositoryName,
    "repository name",
    "letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
    |text| starts_alphanumeric(text) && only(text, "._-")
);
name!(
    /// The name of a role that people have: `admin`, `family`.
    RoleName,
    "role name",
    "letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
    |text| starts_alphanumeric(text) && only(text, "._-")
);
name!(
    /// The name of a slot: a value that each lab gives itself, an environment variable's name.
    SlotName,
    "slot name",
    "letters, digits and `_`, not beginning with a digit",
    |text| !text.starts_with(|c: char| c.is_ascii_digit()) && only(text, "_")
);

/// Which service: its host where one is named, its project, its name. Written `immich/server` or
/// `nas:immich/server`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId {
    host: Option<HostName>,
    project: ProjectName,
    service: ServiceName,
}

impl ServiceId {
    /// Returns the identity of this service.
    pub fn new(host: Option<HostName>, project: ProjectName, service: ServiceName) -> Self {
        ServiceId {
            host,
            project,
            service,
        }
    }

    /// Returns the machine, where one is named.
    pub fn host(&self) -> Option<&HostName> {
        self.host.as_ref()
    }

    /// Returns the Compose project.
    pub fn project(&self) -> &ProjectName {
        &self.project
    }

    /// Returns the service's name within its project.
    pub fn service(&self) -> &ServiceName {
        &self.service
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}:")?;
        }
        write!(f, "{}/{}", self.project, self.service)
    }
}

impl FromStr for ServiceId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (host, rest) = match text.split_once(':') {
            Some((host, rest)) => (Some(HostName::new(host)?), rest),
            None => (None, text),
        };
        let (project, service) = rest.split_once('/').ok_or_else(|| InvalidName {
            kind: "service",
            text: text.to_owned(),
            rule: "`PROJECT/SERVICE`, or `HOST:PROJECT/SERVICE`",
        })?;
        Ok(ServiceId {
            host,
            project: ProjectName::new(project)?,
            service: ServiceName::new(service)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_being_written_and_read() {
        for text in ["immich/server", "nas:immich/server", "_/x.y", "n.1:a_b/C-d"] {
            assert_eq!(text.parse::<ServiceId>().expect(text).to_string(), text);
        }
        for text in [
            "immich",
            "a:b",
            "Immich/server",
            "a/b/c",
            "/x",
            "x/",
            "a b/c",
            ":a/b",
        ] {
            assert!(text.parse::<ServiceId>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_refusal_names_the_text_and_the_rule() {
        let error = "My Lab".parse::<ProjectName>().expect_err("a blank and capitals");
        assert!(
            error.to_string().contains("`My Lab` is not a project name"),
            "{error}"
        );
        assert!(error.to_string().contains(ProjectName::RULE));
    }

    #[test]
    fn slots_are_names_of_variables() {
        assert!(SlotName::new("TZ").is_ok());
        assert!(SlotName::new("1TZ").is_err());
        assert!(SlotName::new("A-B").is_err());
        assert!(SlotName::new("").is_err());
    }
}
