//! What an operation would do.

use homelab_core::view::{PlanView, StepView};

use crate::error::HomelabError;
use crate::operation::Operation;
use crate::runtime::runtime;
use crate::world::World;

/// What an operation would do: steps, to be shown and then applied. Its text form is the dry run.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Display)]
pub struct Plan(pub(crate) homelab_core::Plan);

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[uniffi::export]
impl Plan {
    /// Returns the plan's identity, made of its content.
    pub fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// Returns what it is for.
    pub fn title(&self) -> String {
        self.0.title().to_owned()
    }

    /// Returns its steps in their order.
    pub fn steps(&self) -> Vec<StepView> {
        self.view().steps
    }

    /// Returns whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the plan as a record.
    pub fn view(&self) -> PlanView {
        self.0.view()
    }

    /// Returns the plan as a person reads it before saying yes: with what each step writes.
    pub fn to_text(&self) -> String {
        format!("{:#}", self.0)
    }

    /// Begins to apply the plan. A plan from a state that has changed since is refused with `Conflict`; applying one
    /// twice is harmless.
    pub fn apply(&self, world: &World) -> Result<Operation, HomelabError> {
        let _inside = runtime()?.enter();
        Ok(Operation::new(self.0.clone().apply(&world.0)))
    }
}
