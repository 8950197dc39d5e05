//! Slots: the values that each lab gives itself, declared in lab.toml and filled in `.env` beside a Compose file.

use crate::name::SlotName;
use crate::span::{Span, Spanned};

/// A declared slot: `[slots.NAME]` in lab.toml.
///
/// Its value stands in the `.env` beside each Compose file that uses it, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub(super) name: SlotName,
    pub(super) span: Span,
    pub(super) description: Option<Spanned<String>>,
    pub(super) secret: bool,
    pub(super) default: Option<Spanned<String>>,
}

impl Slot {
    /// Returns the variable's name.
    pub fn name(&self) -> &SlotName {
        &self.name
    }

    /// Returns where it is declared.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns what it is for.
    pub fn description(&self) -> Option<&str> {
        self.description.as_ref().map(|text| text.value().as_str())
    }

    /// Returns whether its value must never be shown.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Returns what a lab that says nothing has: the default that every Compose text should carry too.
    pub fn default(&self) -> Option<&str> {
        self.default.as_ref().map(|text| text.value().as_str())
    }
}
