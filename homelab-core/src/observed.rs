//! Everything that was seen of the world, and when: [`Observed`].

use jiff::Timestamp;

/// Everything that was seen, each part with its time and source. Immutable and cheap to clone.
#[derive(Clone, Debug)]
pub struct Observed {
    at: Timestamp,
}

impl Observed {
    /// Returns the observation of a moment at which nothing was looked at: offline.
    pub fn none(at: Timestamp) -> Self {
        Observed { at }
    }

    /// Returns the moment that the judges take as now.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}
