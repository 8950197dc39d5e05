//! The people of a lab.

use crate::name::RoleName;
use crate::span::{Span, Spanned};
use crate::tailnet::device::Role;

/// Somebody who uses the lab: `[people.NAME]`.
#[derive(Clone)]
pub struct Person {
    pub(in crate::lab) name: String,
    pub(in crate::lab) span: Span,
    pub(in crate::lab) login: Option<Spanned<String>>,
    pub(in crate::lab) roles: Vec<Spanned<RoleName>>,
    pub(in crate::lab) tailnet_role: Option<Spanned<Role>>,
}

impl Person {
    /// Returns the name that the file gives them.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where they are declared.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns their login in the tailnet.
    pub fn login(&self) -> Option<&str> {
        self.login.as_ref().map(|login| login.value().as_str())
    }

    /// Returns their roles.
    pub fn roles(&self) -> &[Spanned<RoleName>] {
        &self.roles
    }

    /// Returns what they may administer in the tailnet, where the file says.
    pub fn tailnet_role(&self) -> Option<Role> {
        self.tailnet_role.as_ref().map(|role| *role.value())
    }
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").finish_non_exhaustive()
    }
}
