//! Compose projects, read exactly as Docker Compose reads them, with the place of every value.

mod model;
pub(crate) mod quadlet;

pub use model::{
    Attachment, Field, Interpolation, Material, Mount, MountKind, Network, NetworkMode, Port, Project,
    Protocol, RestartPolicy, Service, VariableState, Volume,
};
