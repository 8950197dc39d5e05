//! Which data there is, which copies of it count, what a loss would leave, and the plans that copy, check, drill, restore and
//! prune.

use std::sync::Arc;

use homelab_core::backup::Retention;
use homelab_core::repository;
use homelab_core::view::{
    CheckView, CopyView, DrillView, EntryView, HoldingsView, LossView, PartView, PlaceView, ReasonView,
    RemainsView, SnapshotView, SurvivalView, VerdictView,
};

use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::lab::Lab;
use crate::observed::Observed;
use crate::plan::Plan;
use crate::runtime::run;

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

/// What one repository holds. What is absent is not known.
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct CheckView {
    /// When it ended, RFC 3339.
    pub at: String,
    /// How much it read: `structure`, `part 2 of 7`, `all data`.
    pub depth: String,
    /// Whether all that was read is whole.
    pub passed: bool,
}

/// A drill: a dataset was restored from a repository, and looked at.
#[uniffi::remote(Record)]
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
#[uniffi::remote(Record)]
pub struct EntryView {
    /// Its path, absolute. What of it is no text is replaced.
    pub path: String,
    /// What it is: `file`, `folder`, `link` or `special`.
    pub kind: String,
    /// How many bytes it has, of a file.
    pub size: u64,
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

/// The repositories of backups of a lab, to look at. Each is opened when it is first asked for.
#[derive(Debug, uniffi::Object)]
pub struct Repositories(pub(crate) repository::Repositories);

#[uniffi::export]
impl Repositories {
    /// Returns their names, in alphabetical order.
    pub fn names(&self) -> Vec<String> {
        self.0.names().map(ToString::to_string).collect()
    }

    /// Returns whether there is one that can be worked on from here.
    pub fn any(&self) -> bool {
        self.0.any()
    }

    /// Returns the snapshots of the repository of this name, oldest first.
    ///
    /// Fails with `NotFound` where there is none of this name or its password is not where it should be, `Unsupported` where
    /// this build or machine cannot work on it, `NotInitialised`, `WrongKey`, `Locked` and `Damaged`.
    #[uniffi::method(default(cancel = None))]
    pub async fn snapshots(
        &self,
        name: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Vec<SnapshotView>, HomelabError> {
        let repositories = self.0.clone();
        let ask = async move { repositories.snapshots(&name).await };
        let snapshots = run("list the snapshots", cancel, ask).await??;
        Ok(snapshots.iter().map(|one| one.view()).collect())
    }

    /// Returns all that is in a snapshot of the repository of this name, by path; the snapshot is meant by its whole id.
    #[uniffi::method(default(cancel = None))]
    pub async fn browse(
        &self,
        name: String,
        snapshot: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Vec<EntryView>, HomelabError> {
        let repositories = self.0.clone();
        let ask = async move { repositories.browse(&name, &snapshot).await };
        let entries = run("browse the snapshot", cancel, ask).await??;
        Ok(entries.iter().map(|one| one.view()).collect())
    }
}

#[uniffi::export]
impl Lab {
    /// Returns the plan that makes a repository of backups: nothing else ever does, since where a disk is not mounted it
    /// would be made on another one.
    ///
    /// Fails with `NotFound` where the lab has none of this name, `Unsupported` where this build or machine cannot work on
    /// it, `Conflict` where it is there already.
    #[uniffi::method(default(cancel = None))]
    pub async fn plan_make_repository(
        &self,
        repository: String,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            Ok(Arc::new(Plan(lab.plan_make_repository(&repository, seen)?)))
        })
        .await?
    }

    /// Returns the plan that copies data into every repository that can be worked on from here: a dataset by its name, or
    /// with `*` all that needs copies and lies on this machine. What is not copied from here the plan's title says.
    ///
    /// Fails with `NotFound` for a name of no dataset, `Refused` where its data is not on this machine or nothing can be
    /// planned, `Unsupported` where no repository was asked or none can be worked on.
    #[uniffi::method(default(cancel = None))]
    pub async fn plan_backup(
        &self,
        target: String,
        seen: Arc<Observed>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            Ok(Arc::new(Plan(lab.plan_backup(&target, seen)?)))
        })
        .await?
    }

    /// Returns the plan that reads a repository, or with `*` each that can be worked on: its `structure`, one of so many
    /// parts of its data, `2/7`, or `all` of it.
    #[uniffi::method(default(depth = "structure", cancel = None))]
    pub async fn plan_check(
        &self,
        repository: String,
        seen: Arc<Observed>,
        depth: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            let plan = lab.plan_check(&repository, depth.parse()?, seen)?;
            Ok(Arc::new(Plan(plan)))
        })
        .await?
    }

    /// Returns the plan that restores a dataset below a folder, absolute, that is not there or empty: from its newest whole
    /// copy, or from the newest of `repository`. A path `/srv/a` becomes `FOLDER/srv/a`.
    #[uniffi::method(default(repository = None, cancel = None))]
    pub async fn plan_restore(
        &self,
        dataset: String,
        folder: String,
        seen: Arc<Observed>,
        repository: Option<String>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            let plan = lab.plan_restore(&dataset, &folder, repository.as_deref(), seen)?;
            Ok(Arc::new(Plan(plan)))
        })
        .await?
    }

    /// Returns the plan that proves that a dataset restores, from each repository that holds it, or from `repository`; with
    /// `*` every dataset that needs copies and has one.
    #[uniffi::method(default(repository = None, cancel = None))]
    pub async fn plan_drill(
        &self,
        target: String,
        seen: Arc<Observed>,
        repository: Option<String>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            let plan = lab.plan_drill(&target, repository.as_deref(), seen)?;
            Ok(Arc::new(Plan(plan)))
        })
        .await?
    }

    /// Returns the plan that forgets the snapshots of a dataset, or with `*` of all, which `keep` does not keep, and takes
    /// out what no snapshot has any more: `daily=7 weekly=5 monthly=12 yearly=10` unless it says otherwise.
    #[uniffi::method(default(keep = None, cancel = None))]
    pub async fn plan_prune(
        &self,
        target: String,
        seen: Arc<Observed>,
        keep: Option<String>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Plan>, HomelabError> {
        self.judge("plan it", Some(seen), cancel, move |lab, seen| {
            let keep = keep.map_or_else(|| Ok(Retention::default()), |keep| keep.parse())?;
            Ok(Arc::new(Plan(lab.plan_prune(&target, &keep, seen)?)))
        })
        .await?
    }
}
