//! What one repository holds of a dataset, and whether that counts.

use jiff::{SignedDuration, Timestamp};

use super::dataset::Dataset;
use super::domain::{self, Domain, Original};
use super::loss::{self, Key};
use super::part::Part;
use super::reason::Reason;
use super::{Verdict, text};
use crate::lab::{Lab, RepositoryEntry, RepositoryKind};
use crate::name::RepositoryName;
use crate::observed::{Check, Completeness, Drill, Holdings, Observed, Ran, Snapshot};
use crate::view::{CopyView, ReasonView};

/// Snapshots may be this much ahead of the clock that judges them; more is a clock that was wrong.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// The snapshot that a copy stands on: of those that hold all of the dataset the newest. Where parts are in different
/// snapshots, the oldest of those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub snapshot: String,
    /// The moment whose state it holds.
    pub at: Timestamp,
    /// How old that is, never negative.
    pub age: SignedDuration,
    /// Whether its run took all that it was to take.
    pub completeness: Completeness,
}

/// What one repository holds of a dataset.
#[derive(Clone, Debug)]
pub struct Copy {
    repository: RepositoryName,
    domain: Domain,
    held: Option<Held>,
    /// The snapshots that hold its parts, with their moments, each once.
    snapshots: Vec<(String, Timestamp)>,
    encrypted: Option<bool>,
    key_kept: Vec<String>,
    /// The same places, as far as the lab knows them.
    keys: Vec<Key>,
    /// Its address, without what makes no difference.
    location: Option<String>,
    append_only: Protection,
    check: Option<Check>,
    drill: Option<Drill>,
    run: Option<Ran>,
    reasons: Vec<Reason>,
    near: Vec<Reason>,
    notes: Vec<String>,
}

/// Whether whoever writes to a repository is kept from deleting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// Its own interface says so.
    Verified,
    /// instance.toml says so.
    Declared,
    /// Nobody says so.
    None,
}

impl Copy {
    /// Returns the repository.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns where it is kept.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Returns the snapshot that it stands on, whether it counts or not; none where nothing holds all of the dataset.
    pub fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    /// Returns whether it is encrypted; none where that is not known.
    pub fn encrypted(&self) -> Option<bool> {
        self.encrypted
    }

    /// Returns the last check of the repository that is recorded.
    pub fn check(&self) -> Option<&Check> {
        self.check.as_ref()
    }

    /// Returns the last run of the dataset into it that is recorded.
    pub fn run(&self) -> Option<&Ran> {
        self.run.as_ref()
    }

    /// Returns the last drill of the dataset that is recorded.
    pub fn drill(&self) -> Option<&Drill> {
        self.drill.as_ref()
    }

    /// Returns whether it counts as a copy.
    pub fn counts(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Returns whether it is at another place than the original, and could be read if that were lost.
    pub fn is_offsite(&self) -> bool {
        self.near.is_empty()
    }

    /// Returns why it does not count; empty where it does.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Returns why it does not count as one that is elsewhere; empty where it does.
    pub fn near(&self) -> &[Reason] {
        &self.near
    }

    /// Returns what is worth knowing of it besides.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(super) fn may_count(&self) -> bool {
        self.reasons.iter().all(Reason::is_unknown)
    }

    /// Returns whether it is a copy, and only too old, partial, or of a database that may have been writing.
    pub(super) fn falls_short(&self) -> bool {
        let short = |reason: &Reason| {
            matches!(
                reason,
                Reason::Stale { .. } | Reason::Partial | Reason::LiveDatabase(_)
            )
        };
        self.held.is_some()
            && self
                .reasons
                .iter()
                .all(|reason| short(reason) || reason.is_unknown())
    }

    /// Returns whether it is declared to be elsewhere, as far as files say.
    pub(super) fn is_declared_elsewhere(&self) -> bool {
        self.may_count() && self.may_be_offsite() && self.domain.site.is_some()
    }

    pub(super) fn may_be_offsite(&self) -> bool {
        self.near.iter().all(Reason::is_unknown)
    }

    pub(super) fn snapshots(&self) -> &[(String, Timestamp)] {
        &self.snapshots
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Returns whether two surely fail together: at one address, or on one disk.
    pub(super) fn fails_with(&self, other: &Copy) -> bool {
        self.location.is_some() && self.location == other.location && self.domain.host == other.domain.host
            || self.domain.same_medium(&other.domain) == Some(true)
    }

    pub(super) fn protection(&self) -> Protection {
        self.append_only
    }

    /// Returns it as plain data.
    pub fn view(&self) -> CopyView {
        let reason = |reason: &Reason| ReasonView {
            kind: reason.as_str().to_owned(),
            message: reason.to_string(),
        };
        CopyView {
            repository: self.repository.to_string(),
            host: self.domain.host.as_ref().map(ToString::to_string),
            medium: self.domain.medium.clone(),
            site: self.domain.site.clone(),
            account: self.domain.account.clone(),
            snapshot: self.held.as_ref().map(|held| held.snapshot.clone()),
            snapshot_at: self.held.as_ref().map(|held| held.at.to_string()),
            completeness: self.held.as_ref().map(|held| held.completeness.to_string()),
            encrypted: self.encrypted,
            last_check: self.check.map(|check| check.at.to_string()),
            last_check_depth: self.check.map(|check| check.depth.to_string()),
            last_run: self.run.as_ref().map(|run| run.at.to_string()),
            last_run_complete: self.run.as_ref().map(|run| run.complete),
            last_drill: self.drill.as_ref().map(|drill| drill.at.to_string()),
            last_drill_passed: self.drill.as_ref().map(|drill| drill.passed),
            counts: self.counts(),
            offsite: self.counts() && self.is_offsite(),
            reasons: self.reasons.iter().map(reason).collect(),
            not_offsite: self.near.iter().map(reason).collect(),
            notes: self.notes.clone(),
        }
    }
}

/// Judges each repository's copy of a dataset.
pub(super) fn judge(lab: &Lab, dataset: Dataset, seen: &Observed) -> Verdict {
    let places: Vec<Original> = dataset
        .parts()
        .iter()
        .map(|part| domain::of_part(lab, part, seen))
        .collect();
    let entries = lab.instance().repositories();
    let backups = seen.backups().map(|seen| seen.value());
    let mut names: Vec<&RepositoryName> = entries.keys().collect();
    let others = backups.into_iter().flat_map(|all| all.repositories());
    names.extend(
        others
            .map(|one| &one.repository)
            .filter(|name| !entries.contains_key(*name)),
    );
    let judge = Judge {
        lab,
        dataset: &dataset,
        places: &places,
        now: seen.at(),
    };
    let copies = names
        .into_iter()
        .map(|name| {
            judge.copy(
                name,
                entries.get(name),
                backups.and_then(|all| all.repository(name.as_str())),
            )
        })
        .collect();
    Verdict {
        domains: places.into_iter().map(|place| place.domain).collect(),
        dataset,
        copies,
        asked: backups.is_some(),
    }
}

struct Judge<'a> {
    lab: &'a Lab,
    dataset: &'a Dataset,
    places: &'a [Original],
    now: Timestamp,
}

impl Judge<'_> {
    fn copy(
        &self,
        name: &RepositoryName,
        entry: Option<&RepositoryEntry>,
        holdings: Option<&Holdings>,
    ) -> Copy {
        let kind = entry.and_then(RepositoryEntry::kind);
        let says = holdings.and_then(|one| one.append_only);
        let mut copy = Copy {
            repository: name.clone(),
            domain: entry
                .map(|entry| domain::of_repository(self.lab, entry))
                .unwrap_or_default(),
            held: None,
            snapshots: Vec::new(),
            encrypted: match kind {
                // The format has no other form.
                Some(RepositoryKind::Restic) => Some(true),
                Some(RepositoryKind::Zfs | RepositoryKind::Btrfs | RepositoryKind::Rclone)
                | Some(_)
                | None => holdings.and_then(|one| one.encrypted),
            },
            key_kept: entry.map_or_else(Vec::new, |entry| {
                entry
                    .key_kept()
                    .iter()
                    .map(|place| place.value().clone())
                    .collect()
            }),
            keys: Vec::new(),
            location: entry.and_then(RepositoryEntry::location).map(|one| {
                let text = one.value().trim().trim_end_matches('/');
                text.replace("/./", "/")
            }),
            append_only: match (says, entry.and_then(RepositoryEntry::append_only)) {
                (Some(true), _) => Protection::Verified,
                (None, Some(true)) => Protection::Declared,
                _ => Protection::None,
            },
            check: holdings.and_then(|one| one.check),
            drill: holdings.and_then(|one| one.drills.get(self.dataset.name()).cloned()),
            run: holdings.and_then(|one| one.runs.get(self.dataset.name()).cloned()),
            reasons: Vec::new(),
            near: Vec::new(),
            notes: Vec::new(),
        };
        copy.keys = loss::keys(self.lab, &copy.key_kept);
        self.content(&mut copy, kind, holdings);
        self.place(&mut copy, kind);
        self.elsewhere(&mut copy);
        copy
    }

    /// Judges what the repository holds.
    fn content(&self, copy: &mut Copy, kind: Option<RepositoryKind>, holdings: Option<&Holdings>) {
        if kind == Some(RepositoryKind::Rclone) {
            copy.reasons.push(Reason::Sync);
        }
        let snapshots = match holdings.map(|one| (one.snapshots.as_ref(), one)) {
            Some((Some(snapshots), _)) => snapshots,
            Some((None, one)) => {
                let why = one.gap.as_ref().map(|(_, message)| message.clone());
                return copy.reasons.push(Reason::NotSeen(Some(
                    why.unwrap_or_else(|| "list its snapshots".to_owned()),
                )));
            }
            None => return copy.reasons.push(Reason::NotSeen(None)),
        };
        let mut lacks = Vec::new();
        let mut chosen: Vec<Chosen<'_>> = Vec::new();
        for (part, place) in self.dataset.parts().iter().zip(self.places) {
            match self.newest(part, place, snapshots) {
                Some(one) => chosen.push(one),
                None => lacks.push(part.to_string()),
            }
        }
        if !lacks.is_empty() || chosen.is_empty() {
            copy.reasons.push(self.absent(lacks, snapshots));
            return;
        }
        if chosen.iter().any(|one| one.future) {
            copy.reasons.push(Reason::Future);
        }
        for one in &chosen {
            let own = (one.snapshot.id.clone(), one.snapshot.at);
            if !copy.snapshots.contains(&own) {
                copy.snapshots.push(own);
            }
        }
        // The worst of them is what the dataset has.
        let oldest = chosen.iter().min_by_key(|one| one.snapshot.at);
        let worst = [
            Completeness::Partial,
            Completeness::NotRecorded,
            Completeness::Complete,
        ]
        .into_iter()
        .find(|one| chosen.iter().any(|chosen| chosen.snapshot.completeness == *one));
        if let (Some(oldest), Some(completeness)) = (oldest, worst) {
            let age = self
                .now
                .duration_since(oldest.snapshot.at)
                .max(SignedDuration::ZERO);
            copy.held = Some(Held {
                snapshot: oldest.snapshot.id.clone(),
                at: oldest.snapshot.at,
                age,
                completeness,
            });
            match completeness {
                Completeness::Partial => copy.reasons.push(Reason::Partial),
                Completeness::NotRecorded => copy
                    .notes
                    .push("whether its runs were whole is not recorded".to_owned()),
                Completeness::Complete => {}
            }
            if let Some(allowed) = self.dataset.recovery_point().filter(|allowed| age > *allowed) {
                copy.reasons.push(Reason::Stale { age, allowed });
            }
        }
        if chosen.iter().any(|one| one.newer_partial) {
            copy.notes
                .push("its newest snapshot is partial, an older one is whole".to_owned());
        }
        self.databases(copy, kind, &chosen);
        if let Some(check) = copy.check.filter(|check| !check.passed) {
            let when = text::day(check.at);
            copy.reasons.push(Reason::Damaged(format!(
                "the check of {when} ({}) failed",
                check.depth
            )));
        }
        if let Some(drill) = copy.drill.as_ref().filter(|drill| !drill.passed) {
            let when = text::day(drill.at);
            copy.reasons.push(Reason::Damaged(format!(
                "the drill of {when} failed: {}",
                drill.proof
            )));
        }
    }

    /// A database that is copied while it writes may be worthless, unless the copy is of one moment or was proven.
    fn databases(&self, copy: &mut Copy, kind: Option<RepositoryKind>, chosen: &[Chosen<'_>]) {
        let atomic = matches!(kind, Some(RepositoryKind::Zfs | RepositoryKind::Btrfs));
        let parts = self.dataset.parts().iter().zip(chosen);
        let live: Vec<(&Part, &Chosen<'_>)> = parts
            .filter(|(part, one)| part.store().needs_care() && !atomic && !one.snapshot.consistent)
            .collect();
        if live.is_empty() {
            return;
        }
        // That one copy could be loaded says nothing of the next, which is made while the database writes again.
        let proves = |drill: &&Drill| {
            drill.passed && drill.databases && live.iter().all(|(_, one)| one.snapshot.id == drill.snapshot)
        };
        match copy.drill.as_ref().filter(proves) {
            Some(drill) => {
                let when = text::day(drill.at);
                copy.notes.push(format!(
                    "it has a database's files, and the drill of {when} loaded them"
                ));
            }
            None => {
                let names = live.iter().map(|(part, _)| part.to_string()).collect();
                copy.reasons.push(Reason::LiveDatabase(names));
            }
        }
    }

    /// Returns the snapshot that a part stands on: the newest whole one, else the newest.
    fn newest<'s>(&self, part: &Part, place: &Original, snapshots: &'s [Snapshot]) -> Option<Chosen<'s>> {
        let mut holding: Vec<&Snapshot> = snapshots
            .iter()
            .filter(|one| is_of(one, place) && holds(one, part, &place.paths))
            .collect();
        holding.sort_by_key(|one| std::cmp::Reverse(one.at));
        let is_future = |one: &&&Snapshot| one.at.duration_since(self.now) > AHEAD;
        let mut past = holding.iter().filter(|one| !is_future(one));
        let newest = past.next();
        let whole = |one: &&&Snapshot| one.completeness != Completeness::Partial;
        let best = newest.filter(whole).or_else(|| past.find(whole)).or(newest);
        match best {
            Some(best) => Some(Chosen {
                snapshot: best,
                future: false,
                newer_partial: whole(&best) && newest.is_some_and(|newest| !whole(&newest)),
            }),
            None => holding.first().map(|one| Chosen {
                snapshot: one,
                future: true,
                newer_partial: false,
            }),
        }
    }

    /// Returns why nothing is held: other machines' snapshots are worth saying.
    fn absent(&self, lacks: Vec<String>, snapshots: &[Snapshot]) -> Reason {
        let parts = self.dataset.parts().iter().zip(self.places);
        let elsewhere = parts.filter(|(part, _)| lacks.contains(&part.to_string()));
        let mut hosts: Vec<String> = elsewhere
            .flat_map(|(part, place)| {
                snapshots
                    .iter()
                    .filter(move |one| !is_of(one, place) && holds(one, part, &place.paths))
            })
            .map(|one| one.host.clone().unwrap_or_else(|| "unnamed".to_owned()))
            .collect();
        hosts.sort();
        hosts.dedup();
        match hosts.is_empty() {
            true => Reason::Lacks(lacks),
            false => Reason::OtherHost(hosts),
        }
    }

    /// Judges whether it lies on another disk than the original, and can be read without the original's machine.
    fn place(&self, copy: &mut Copy, kind: Option<RepositoryKind>) {
        let same: Vec<Option<bool>> = self
            .places
            .iter()
            .map(|place| place.domain.same_medium(&copy.domain))
            .collect();
        if same.contains(&Some(true)) {
            copy.reasons.push(Reason::SameMedium(copy.domain.medium.clone()));
        } else if same.contains(&None) {
            copy.reasons.push(Reason::MediumUnknown);
        }
        if copy.encrypted == Some(false) || matches!(kind, Some(RepositoryKind::Zfs | RepositoryKind::Btrfs))
        {
            return;
        }
        if copy.keys.is_empty() {
            copy.reasons.push(match copy.encrypted {
                Some(_) => Reason::KeyUnknown,
                None => Reason::EncryptionUnknown,
            });
            return;
        }
        let lost: Vec<Option<bool>> = self.keys_lost(copy, false);
        if copy.encrypted == Some(true) && lost.contains(&Some(true)) {
            copy.reasons.push(Reason::KeyLost(copy.key_kept.clone()));
        } else if lost.iter().any(Option::is_none) {
            copy.notes.push(loss::UNVERIFIED.to_owned());
        }
    }

    fn keys_lost(&self, copy: &Copy, house: bool) -> Vec<Option<bool>> {
        let originals = self.places.iter();
        originals
            .map(|one| loss::key_lost(&copy.keys, &one.domain, house))
            .collect()
    }

    /// Judges whether it is at another place, and could be read there if all at the original's place were lost.
    fn elsewhere(&self, copy: &mut Copy) {
        let same: Vec<Option<bool>> = self
            .places
            .iter()
            .map(|place| place.domain.same_site(&copy.domain))
            .collect();
        if same.contains(&Some(true)) {
            copy.near
                .push(Reason::SameSite(copy.domain.site.clone().unwrap_or_default()));
            return;
        }
        if same.contains(&None) || same.is_empty() {
            copy.near.push(Reason::SiteUnknown);
        }
        match copy.encrypted {
            Some(true) if copy.keys.is_empty() => copy.near.push(Reason::KeyUnknown),
            Some(true) => {
                if self.keys_lost(copy, true).contains(&Some(true)) {
                    copy.near.push(Reason::KeyLost(copy.key_kept.clone()));
                }
            }
            Some(false) => copy.near.push(Reason::Unencrypted),
            None => copy.near.push(Reason::EncryptionUnknown),
        }
    }
}

/// The snapshot that one part stands on.
struct Chosen<'a> {
    snapshot: &'a Snapshot,
    future: bool,
    newer_partial: bool,
}

/// The endings that a machine of one's own network gets from its router.
const LOCAL: [&str; 7] = [
    ".home.arpa",
    ".localdomain",
    ".internal",
    ".fritz.box",
    ".local",
    ".home",
    ".lan",
];

/// Returns whether a snapshot is of a machine that has the original, or uses it. One of an unnamed machine is of any only
/// where the lab has not said which it should be.
fn is_of(snapshot: &Snapshot, place: &Original) -> bool {
    let hosts = [place.used_on.as_ref(), place.domain.host.as_ref()];
    let mut hosts = hosts.into_iter().flatten().peekable();
    match &snapshot.host {
        _ if hosts.peek().is_none() => true,
        None => false,
        Some(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            // With a name of the public internet it may be somebody else's of that first word.
            let local = LOCAL.iter().find_map(|ending| name.strip_suffix(ending));
            hosts.any(|host| host.as_str().eq_ignore_ascii_case(local.unwrap_or(&name)))
        }
    }
}

/// Returns whether a snapshot holds what is needed of a part.
fn holds(snapshot: &Snapshot, part: &Part, paths: &[String]) -> bool {
    if part.volumes.iter().any(|own| snapshot.volumes.contains(own)) {
        return true;
    }
    paths.iter().any(|path| {
        let path = path.trim_end_matches('/');
        let all = snapshot.holds(path);
        let needed = || {
            part.needed()
                .iter()
                .all(|inner| snapshot.holds(&format!("{path}/{inner}")))
        };
        all || !part.needed().is_empty() && needed()
    })
}
