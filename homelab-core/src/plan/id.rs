//! What a plan is known by: [`PlanId`].

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{Step, StepKind};

/// The identity of a [`Plan`](super::Plan), made of its content: 32 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanId(Arc<str>);

impl PlanId {
    pub(super) fn of(title: &str, steps: &[Step]) -> PlanId {
        let mut hash = Sha256::new();
        // Each part goes in with its length, so that two different plans never feed the same bytes.
        let mut feed = |part: &[u8]| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        feed(title.as_bytes());
        for step in steps {
            match &step.kind {
                StepKind::CreateFolder { path, mode } => {
                    feed(b"create_folder");
                    feed(path.as_str().as_bytes());
                    feed(mode.as_str().as_bytes());
                }
                StepKind::WriteFile { path, content, mode } => {
                    feed(b"write_file");
                    feed(path.as_str().as_bytes());
                    feed(mode.as_str().as_bytes());
                    feed(content.hash().to_string().as_bytes());
                }
                StepKind::PutBack { run, leftover } => {
                    feed(b"put_back");
                    feed(run.as_bytes());
                    feed(leftover.to_string().as_bytes());
                }
                StepKind::Container(step) => {
                    feed(b"container");
                    feed(step.action.as_str().as_bytes());
                    feed(step.host.as_str().as_bytes());
                    feed(step.id.as_bytes());
                }
                StepKind::Compose(step) => feed(step.to_string().as_bytes()),
                StepKind::Backup(step) => step.parts().iter().for_each(|part| feed(part.as_bytes())),
            }
            feed(step.precondition.to_string().as_bytes());
        }
        let digest = hash.finalize();
        PlanId(
            digest[..16]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .into(),
        )
    }

    /// Returns the identity's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlanId({self})")
    }
}
