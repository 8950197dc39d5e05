//! The private network over everything: its devices and people.

pub mod device;

pub use self::device::{Attribute, Device, Role, Roster, User};
