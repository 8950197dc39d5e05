//! The private network over everything: its devices and people.

pub mod device;
#[cfg(all(unix, feature = "local"))]
pub mod local;
pub mod node;

pub use self::device::{Attribute, Device, Role, Roster, User};
pub use self::node::{Node, Preferences, ServeConfig, ServeTarget, Served, Status, WhoIs};
