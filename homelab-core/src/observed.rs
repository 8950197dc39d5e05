//! Everything that was seen of the world, and when: [`Observed`].
//!
//! ```
//! use homelab_core::Observed;
//! use homelab_core::observed::{Checkout, FileState, Worktree};
//!
//! let seen = Observed::none("2027-01-01T00:00:00Z".parse()?);
//! assert!(seen.worktree().is_none(), "offline");
//!
//! let checkout = Checkout::new("").with_file(".env", FileState::Tracked);
//! let seen = seen.with_worktree(Worktree::new([checkout]));
//! let worktree = seen.worktree().expect("given above");
//! assert_eq!(worktree.value().file(".env"), FileState::Tracked);
//! assert_eq!(worktree.at(), seen.at());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backups;
mod interrupted;
mod machine;
mod worktree;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

pub use self::backups::{Backups, Check, Completeness, Drill, Holdings, Ran, Snapshot};
pub use self::interrupted::Interrupted;
pub use self::machine::Machine;
pub use self::worktree::{Checkout, FileState, Remote, Worktree};

use crate::inventory::Inventory;
use crate::tailnet::node::Node;
use crate::view::SeenView;

/// Everything that was seen, each part with its time and source. Immutable and cheap to clone.
///
/// Each part is optional: what was not looked at is absent, which judges take as not known, never as good. It has no
/// Serialize, since it may hold what is private.
#[derive(Clone)]
pub struct Observed(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    at: Timestamp,
    machine: Option<Seen<Machine>>,
    worktree: Option<Seen<Worktree>>,
    tailnet: Option<Seen<Node>>,
    inventory: Option<Seen<Inventory>>,
    backups: Option<Seen<Backups>>,
    interrupted: Option<Seen<Vec<Interrupted>>>,
}

impl Observed {
    /// Returns the observation of a moment at which nothing was looked at: offline.
    pub fn none(at: Timestamp) -> Self {
        Observed(Arc::new(Inner {
            at,
            machine: None,
            worktree: None,
            tailnet: None,
            inventory: None,
            backups: None,
            interrupted: None,
        }))
    }

    /// Returns the moment that the judges take as now.
    pub fn at(&self) -> Timestamp {
        self.0.at
    }

    /// Returns the observation as of another moment: the judges take this one as now. Each part keeps its own time.
    #[must_use]
    pub fn with_at(mut self, at: Timestamp) -> Self {
        Arc::make_mut(&mut self.0).at = at;
        self
    }

    /// Returns the observation with this as the machine that it was made on, seen at its own moment.
    #[must_use]
    pub fn with_machine(mut self, machine: Machine) -> Self {
        let seen = Seen::new(machine, self.0.at, "system");
        Arc::make_mut(&mut self.0).machine = Some(seen);
        self
    }

    /// Returns the machine that the observation was made on, if it was looked at.
    pub fn machine(&self) -> Option<&Seen<Machine>> {
        self.0.machine.as_ref()
    }

    /// Returns the observation with this version control state of the lab's folder, seen at its own moment.
    #[must_use]
    pub fn with_worktree(mut self, worktree: Worktree) -> Self {
        let seen = Seen::new(worktree, self.0.at, "git");
        Arc::make_mut(&mut self.0).worktree = Some(seen);
        self
    }

    /// Returns the version control state of the lab's folder, if it was looked at.
    pub fn worktree(&self) -> Option<&Seen<Worktree>> {
        self.0.worktree.as_ref()
    }

    /// Returns the observation with what this machine's own device of the tailnet says, seen at its own moment.
    #[must_use]
    pub fn with_tailnet(mut self, node: Node) -> Self {
        let seen = Seen::new(node, self.0.at, "tailscaled");
        Arc::make_mut(&mut self.0).tailnet = Some(seen);
        self
    }

    /// Returns what this machine's own device of the tailnet says, if it was asked and has answered.
    pub fn tailnet(&self) -> Option<&Seen<Node>> {
        self.0.tailnet.as_ref()
    }

    /// Returns the observation with what the engines have, seen at its own moment; each host in it has its own.
    #[must_use]
    pub fn with_inventory(mut self, inventory: Inventory) -> Self {
        let seen = Seen::new(inventory, self.0.at, "engines");
        Arc::make_mut(&mut self.0).inventory = Some(seen);
        self
    }

    /// Returns what the engines have, if they were asked.
    pub fn inventory(&self) -> Option<&Seen<Inventory>> {
        self.0.inventory.as_ref()
    }

    /// Returns the observation with what repositories of backups hold, seen at its own moment; each of them has its own.
    #[must_use]
    pub fn with_backups(mut self, backups: Backups) -> Self {
        let seen = Seen::new(backups, self.0.at, "repositories");
        Arc::make_mut(&mut self.0).backups = Some(seen);
        self
    }

    /// Returns what repositories of backups hold, if they were asked.
    pub fn backups(&self) -> Option<&Seen<Backups>> {
        self.0.backups.as_ref()
    }

    /// Returns every part by its name, with when it was seen and who said so.
    pub(crate) fn parts(&self) -> Vec<SeenView> {
        fn part<T>(name: &str, seen: Option<&Seen<T>>) -> SeenView {
            SeenView {
                part: name.to_owned(),
                at: seen.map(|seen| seen.at().to_string()),
                source: seen.map(|seen| seen.source().to_owned()),
            }
        }
        vec![
            part("machine", self.machine()),
            part("worktree", self.worktree()),
            part("tailnet", self.tailnet()),
            part("inventory", self.inventory()),
            part("backups", self.backups()),
            part("interrupted", self.interrupted()),
        ]
    }

    /// Returns the observation with these runs that were killed midway.
    #[must_use]
    pub(crate) fn with_interrupted(mut self, runs: Vec<Interrupted>) -> Self {
        let seen = Seen::new(runs, self.0.at, "recovery files");
        Arc::make_mut(&mut self.0).interrupted = Some(seen);
        self
    }

    /// Returns the runs that were killed midway and have left something, oldest first, if they were looked for.
    pub fn interrupted(&self) -> Option<&Seen<Vec<Interrupted>>> {
        self.0.interrupted.as_ref()
    }
}

/// Shows which parts there are, and nothing of them: they may hold what is private.
impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("at", &self.at())
            .field("machine", &self.machine().map(Seen::at))
            .field("worktree", &self.worktree().map(Seen::at))
            .field("tailnet", &self.tailnet().map(Seen::at))
            .field("inventory", &self.inventory().map(Seen::at))
            .field("backups", &self.backups().map(Seen::at))
            .field("interrupted", &self.interrupted().map(Seen::at))
            .finish()
    }
}

/// One part of an observation: what was seen, when, and who said so.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen<T> {
    value: T,
    at: Timestamp,
    source: Arc<str>,
}

impl<T> Seen<T> {
    fn new(value: T, at: Timestamp, source: &str) -> Self {
        Seen {
            value,
            at,
            source: source.into(),
        }
    }

    /// Returns what was seen.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Returns when it was seen.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns who said so: `git`.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// Shows when and by whom, not what.
impl<T> fmt::Debug for Seen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen")
            .field("at", &self.at)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
