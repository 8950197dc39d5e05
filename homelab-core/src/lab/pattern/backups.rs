//! How a lab's data is copied, checked, drilled and pruned: [`BackupPolicy`].

use super::retention::Retention;
use super::schedule::Schedule;
use crate::span::Spanned;

/// How data is copied, checked, drilled and pruned: `[backups]`. What is absent is done by hand, or by others.
#[derive(Clone, Debug, Default)]
pub struct BackupPolicy {
    pub(in crate::lab) keep: Option<Spanned<Retention>>,
    pub(in crate::lab) run: Option<Spanned<Schedule>>,
    pub(in crate::lab) check: Option<Spanned<Schedule>>,
    pub(in crate::lab) check_parts: Option<Spanned<u64>>,
    pub(in crate::lab) drill: Option<Spanned<Schedule>>,
    pub(in crate::lab) prune: Option<Spanned<Schedule>>,
}

impl BackupPolicy {
    /// Returns which snapshots stay, where neither a dataset nor a repository says it.
    pub fn keep(&self) -> Option<&Retention> {
        self.keep.as_ref().map(Spanned::value)
    }

    /// Returns when all that needs copies is copied.
    pub fn run(&self) -> Option<Schedule> {
        self.run.as_ref().map(|one| *one.value())
    }

    /// Returns when each repository is checked.
    pub fn check(&self) -> Option<Schedule> {
        self.check.as_ref().map(|one| *one.value())
    }

    /// Returns in how many parts the data of a repository is checked, one after the other; none where only its structure is.
    pub fn check_parts(&self) -> Option<u32> {
        let parts = self.check_parts.as_ref()?;
        u32::try_from(*parts.value()).ok()
    }

    /// Returns when each dataset is restored for proof.
    pub fn drill(&self) -> Option<Schedule> {
        self.drill.as_ref().map(|one| *one.value())
    }

    /// Returns when what is not kept is forgotten, and its data taken out.
    pub fn prune(&self) -> Option<Schedule> {
        self.prune.as_ref().map(|one| *one.value())
    }
}
