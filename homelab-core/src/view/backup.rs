//! Records of data, of its copies, of what repositories hold, and of what a loss would leave.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PlaceView;

/// What is known of a lab's copies: the shape of `backup status --format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SurvivalView {
    /// The version of this shape; raised when a field changes its meaning.
    pub version: u32,
    /// The moment that it speaks of, RFC 3339.
    pub at: String,
    /// Whether any repository was asked; where none was, nothing of copies is known.
    pub asked: bool,
    /// A verdict for each dataset.
    pub datasets: Vec<VerdictView>,
    /// Volumes and folders of which nobody knows whether their data matters.
    pub unknown: Vec<PartView>,
    /// What of the Compose files could not be read, so that the data it speaks of is not known.
    pub unread: Vec<String>,
    /// What each kind of loss would leave.
    pub losses: Vec<LossView>,
}

/// What is known of one dataset's copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerdictView {
    /// The dataset's name.
    pub dataset: String,
    /// `irreplaceable`, `important`, `reproducible`; nothing where nobody knows.
    pub class: Option<String>,
    /// Where it is declared; nothing where only the catalogue found it.
    pub declared: Option<PlaceView>,
    /// Where its data lies.
    pub parts: Vec<PartView>,
    /// What keeps it from being judged.
    pub problems: Vec<String>,
    /// How old the newest copy may be: `36 h`.
    pub recovery_point: Option<String>,
    /// How it stands against 3-2-1: `no_copy`, `falls_short`, `not_known`, `meets` or `not_needed`.
    pub state: String,
    /// How many copies there are; the original is the first.
    pub copies: u32,
    /// On how many disks or pools they lie.
    pub media: u32,
    /// How many of them are at another place than the original.
    pub offsite: u32,
    /// What each repository holds of it.
    pub held: Vec<CopyView>,
}

/// One place of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartView {
    /// The machine, where the lab says which.
    pub host: Option<String>,
    /// The volume, `immich/database`, or the path.
    pub place: String,
    /// The services that use it, as far as they are known.
    pub services: Vec<String>,
    /// How the data lies there: `files`, `postgres`, `sqlite`, ...
    pub store: String,
}

/// What one repository holds of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CopyView {
    /// The repository.
    pub repository: String,
    /// The machine that holds it, where that is known.
    pub host: Option<String>,
    /// The disk or pool, where that is known.
    pub medium: Option<String>,
    /// The place, where that is known.
    pub site: Option<String>,
    /// The account, where there is one.
    pub account: Option<String>,
    /// The snapshot that it stands on; nothing where none holds all of the dataset.
    pub snapshot: Option<String>,
    /// The moment whose state that holds, RFC 3339.
    pub snapshot_at: Option<String>,
    /// Whether its run took all that it was to take: `complete`, `partial` or `not_recorded`.
    pub completeness: Option<String>,
    /// Whether it is encrypted; nothing where that is not known.
    pub encrypted: Option<bool>,
    /// When the repository was last checked, RFC 3339.
    pub last_check: Option<String>,
    /// How much that check read: `structure`, `part 2 of 7`, `all data`.
    pub last_check_depth: Option<String>,
    /// When the dataset was last restored from it for proof, RFC 3339.
    pub last_drill: Option<String>,
    /// Whether that proved it.
    pub last_drill_passed: Option<bool>,
    /// Whether it counts as a copy.
    pub counts: bool,
    /// Whether it counts as one that is elsewhere.
    pub offsite: bool,
    /// Why it does not count.
    pub reasons: Vec<ReasonView>,
    /// Why it does not count as one that is elsewhere.
    pub not_offsite: Vec<ReasonView>,
    /// What is worth knowing of it besides.
    pub notes: Vec<String>,
}

/// Why a copy does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReasonView {
    /// Its word: `not_seen`, `lacks`, `other_host`, `same_medium`, `medium_unknown`, `stale`, `partial`, `live_database`,
    /// `sync`, `future`, `damaged`, `unencrypted`, `encryption_unknown`, `key_lost`, `key_unknown`, `site_unknown` or
    /// `same_site`.
    pub kind: String,
    /// What it says, in one fragment.
    pub message: String,
}

/// What one kind of loss would leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LossView {
    /// What is lost: `disk`, `machine`, `house`, `account`, `password` or `ransomware`.
    pub loss: String,
    /// What remains of each dataset.
    pub datasets: Vec<RemainsView>,
}

/// What a loss would leave of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemainsView {
    /// The dataset.
    pub dataset: String,
    /// `lost`, `not_known`, `perhaps`, `restored` or `kept`.
    pub fate: String,
    /// The repository that it would be restored from.
    pub from: Option<String>,
    /// How much work would be lost, in seconds: the age of that copy.
    pub work_seconds: Option<i64>,
    /// The copies that would be lost with it.
    pub copies_lost: Vec<String>,
    /// Why it is no better.
    pub reasons: Vec<String>,
}

/// What one repository holds. What is absent is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldingsView {
    /// The repository, as the lab calls it.
    pub repository: String,
    /// When it was asked, RFC 3339.
    pub at: String,
    /// Who said so: `rustic 0.13`; where nobody answered, what was tried.
    pub source: String,
    /// Its own id, where it has one.
    pub id: Option<String>,
    /// Its snapshots, oldest first; nothing where they were not to be had.
    pub snapshots: Option<Vec<SnapshotView>>,
    /// The kind of failure where something was not to be had: `unsupported`, `not_initialised`, `wrong_key`, ...
    pub gap: Option<String>,
    /// What failed then, as a fragment that reads after "failed to".
    pub gap_message: Option<String>,
    /// Whether its content is encrypted.
    pub encrypted: Option<bool>,
    /// Whether whoever writes to it is kept from deleting, as its own interface says.
    pub append_only: Option<bool>,
    /// The last check of it that is recorded.
    pub check: Option<CheckView>,
    /// The last drill of each dataset from it that is recorded.
    pub drills: Vec<DrillView>,
}

/// One snapshot of a repository, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SnapshotView {
    /// Its id.
    pub id: String,
    /// The moment whose state it holds, RFC 3339.
    pub at: String,
    /// The machine that it was made of; nothing where it does not say.
    pub host: Option<String>,
    /// The paths that it was made of.
    pub paths: Vec<String>,
    /// The volumes that it holds whatever their path, as `PROJECT/VOLUME`.
    pub volumes: Vec<String>,
    /// Whether its run took all that it was to take: `complete`, `partial` or `not_recorded`.
    pub completeness: String,
    /// Whether it holds one moment: a dump, or a copy of what was stopped.
    pub consistent: bool,
}

/// A check of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckView {
    /// When it ended, RFC 3339.
    pub at: String,
    /// How much it read: `structure`, `part 2 of 7`, `all data`.
    pub depth: String,
    /// Whether all that was read is whole.
    pub passed: bool,
}

/// A drill: a dataset was restored from a repository, and looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrillView {
    /// The dataset.
    pub dataset: String,
    /// When it ended, RFC 3339.
    pub at: String,
    /// The snapshot that was restored.
    pub snapshot: String,
    /// Whether what came back is what was saved.
    pub passed: bool,
    /// Whether the databases in it were opened and found whole.
    pub databases: bool,
    /// What was proven, or what failed, in one fragment.
    pub proof: String,
}

/// Something in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntryView {
    /// Its path, absolute. What of it is no text is replaced.
    pub path: String,
    /// What it is: `file`, `folder`, `link` or `special`.
    pub kind: String,
    /// How many bytes it has, of a file.
    pub size: u64,
}
