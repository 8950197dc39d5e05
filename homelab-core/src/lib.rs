#![doc = include_str!("../README.md")]

pub mod access;
pub mod compose;
pub mod error;
pub mod finding;
pub mod lab;
pub mod name;
pub mod observed;
pub mod plan;
pub mod secret;
pub mod service;
pub mod span;
pub mod system;
pub mod update;
pub mod view;

pub use access::{Exposure, Path, PathKind};
pub use error::{Error, ErrorKind, Result};
pub use finding::{Evidence, Finding, Principle, Report, Rule, Severity, Subject};
pub use lab::{Lab, ServiceRef};
pub use name::{
    DatasetName, HostName, InvalidName, NetworkName, ProjectName, RepositoryName, RoleName, ServiceId,
    ServiceName, SlotName, VolumeName,
};
pub use observed::Observed;
pub use secret::{Secret, SecretRef};
pub use span::{Source, Span, Spanned};
pub use view::Reach;
