//! Which data there is, which copies of it count, and what a loss would leave.

use homelab_core::view::{
    CopyView, LossView, PartView, PlaceView, ReasonView, RemainsView, SurvivalView, VerdictView,
};

/// What is known of a lab's copies: the shape of `backup status --format json`.
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct ReasonView {
    /// Its word: `not_seen`, `lacks`, `other_host`, `same_medium`, `medium_unknown`, `stale`, `partial`, `live_database`,
    /// `sync`, `future`, `damaged`, `unencrypted`, `encryption_unknown`, `key_lost`, `key_unknown`, `site_unknown` or
    /// `same_site`.
    pub kind: String,
    /// What it says, in one fragment.
    pub message: String,
}

/// What one kind of loss would leave.
#[uniffi::remote(Record)]
pub struct LossView {
    /// What is lost: `disk`, `machine`, `house`, `account`, `password` or `ransomware`.
    pub loss: String,
    /// What remains of each dataset.
    pub datasets: Vec<RemainsView>,
}

/// What a loss would leave of a dataset.
#[uniffi::remote(Record)]
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

/// What is known of a lab's copies: a verdict for each dataset. Its text is a table, with the reasons below it.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Display)]
pub struct Survival(pub(crate) homelab_core::backup::Survival);

impl std::fmt::Display for Survival {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[uniffi::export]
impl Survival {
    /// Returns the moment that it speaks of, RFC 3339.
    pub fn at(&self) -> String {
        self.0.at().to_string()
    }

    /// Returns whether any repository was asked. Where none was, nothing of copies is known.
    pub fn was_asked(&self) -> bool {
        self.0.was_asked()
    }

    /// Returns how a command should end: 0 when every dataset meets 3-2-1 or needs no copy, 1 when one does not, 3 when
    /// none does not and something is not known: a verdict, whether data matters, or what a file says.
    pub fn exit_code(&self) -> u8 {
        self.0.exit_code()
    }

    /// Returns it as a record.
    pub fn view(&self) -> SurvivalView {
        self.0.view()
    }

    /// Returns it as JSON, indented.
    pub fn to_json(&self) -> String {
        self.0.to_json()
    }
}
