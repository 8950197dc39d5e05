//! What a loss would leave: [`Loss`] and [`Remains`].

use std::fmt;

use jiff::SignedDuration;

use super::copy::Protection;
use super::domain::Domain;
use super::{Copy, Reason, Survival, Verdict, domain};
use crate::name::{DatasetName, RepositoryName};
use crate::system::Class;
use crate::view::{LossView, RemainsView};

/// What could be lost. Each is about a dataset's own: the disk, the machine, the house that its original is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loss {
    /// The disk or pool of the original.
    Disk,
    /// The machine of the original, with all its disks and the keys that are only there.
    Machine,
    /// The house that the machine stands in, with all that is in it.
    House,
    /// The account that holds most of the copies.
    Account,
    /// The repositories' passwords, as the machine has them.
    Password,
    /// All that somebody can delete who has the machine's own credentials.
    Ransomware,
}

impl Loss {
    /// Every loss, in the order of their declaration.
    pub const ALL: [Loss; 6] = [
        Loss::Disk,
        Loss::Machine,
        Loss::House,
        Loss::Account,
        Loss::Password,
        Loss::Ransomware,
    ];

    /// Returns the word for it: `house`.
    pub fn as_str(self) -> &'static str {
        match self {
            Loss::Disk => "disk",
            Loss::Machine => "machine",
            Loss::House => "house",
            Loss::Account => "account",
            Loss::Password => "password",
            Loss::Ransomware => "ransomware",
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What becomes of a dataset, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// Nothing brings it back.
    Lost,
    /// What repositories hold is not known.
    NotKnown,
    /// A copy may bring it back; something about that copy is not known or not proven.
    Perhaps,
    /// A copy brings it back.
    Restored,
    /// The original is not touched.
    Kept,
}

impl Fate {
    /// Returns the word for it: `not_known`.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Lost => "lost",
            Fate::NotKnown => "not_known",
            Fate::Perhaps => "perhaps",
            Fate::Restored => "restored",
            Fate::Kept => "kept",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a loss would leave of one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    dataset: DatasetName,
    class: Option<Class>,
    fate: Fate,
    from: Option<RepositoryName>,
    work: Option<SignedDuration>,
    lost: Vec<RepositoryName>,
    reasons: Vec<String>,
}

impl Remains {
    /// Returns the dataset.
    pub fn dataset(&self) -> &DatasetName {
        &self.dataset
    }

    /// Returns what losing it would mean; none where nobody knows.
    pub fn class(&self) -> Option<Class> {
        self.class
    }

    /// Returns what becomes of it.
    pub fn fate(&self) -> Fate {
        self.fate
    }

    /// Returns the repository that it would be restored from.
    pub fn from(&self) -> Option<&RepositoryName> {
        self.from.as_ref()
    }

    /// Returns how much work would be lost: all since the moment that the copy holds. A stale copy brings back an old
    /// state, and says so here.
    pub fn work(&self) -> Option<SignedDuration> {
        self.work
    }

    /// Returns the copies that would be lost too, or could not be read any more.
    pub fn copies_lost(&self) -> &[RepositoryName] {
        &self.lost
    }

    /// Returns why it is no better, each as a fragment.
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    fn view(&self) -> RemainsView {
        RemainsView {
            dataset: self.dataset.to_string(),
            fate: self.fate.to_string(),
            from: self.from.as_ref().map(ToString::to_string),
            work_seconds: self.work.map(|work| work.as_secs()),
            copies_lost: self.lost.iter().map(ToString::to_string).collect(),
            reasons: self.reasons.clone(),
        }
    }
}

/// Whether a copy is there, and can be read, after a loss.
enum After {
    There,
    Perhaps(String),
    Gone,
}

impl Survival {
    /// Returns what a loss would leave, for each dataset in the order of the verdicts.
    ///
    /// A copy that does not count for 3-2-1 may still bring data back: a stale one an old state. What is not known of a copy
    /// makes it "perhaps", and that a repository cannot be deleted from counts only where its own interface says so.
    pub fn if_lost(&self, loss: Loss) -> Vec<Remains> {
        self.verdicts()
            .iter()
            .map(|verdict| remains(verdict, loss))
            .collect()
    }

    pub(super) fn loss_view(&self, loss: Loss) -> LossView {
        LossView {
            loss: loss.to_string(),
            datasets: self.if_lost(loss).iter().map(Remains::view).collect(),
        }
    }
}

fn remains(verdict: &Verdict, loss: Loss) -> Remains {
    let mut remains = Remains {
        dataset: verdict.dataset().name().clone(),
        class: verdict.dataset().class(),
        fate: Fate::Lost,
        from: None,
        work: None,
        lost: Vec::new(),
        reasons: Vec::new(),
    };
    let account = worst_account(verdict);
    let mut unseen = !verdict.asked || !verdict.dataset().problems().is_empty();
    let mut best: Option<(Fate, SignedDuration, &Copy, Vec<String>)> = None;
    for copy in verdict.held() {
        let after = after(copy, verdict.originals(), loss, account);
        if matches!(after, After::Gone) {
            remains.lost.push(copy.repository().clone());
            continue;
        }
        if copy
            .reasons()
            .iter()
            .any(|reason| matches!(reason, Reason::NotSeen(_)))
        {
            unseen = true;
            continue;
        }
        let Some(held) = copy.held() else { continue };
        let useless = |reason: &Reason| matches!(reason, Reason::Sync | Reason::Damaged(_));
        if copy.reasons().iter().any(useless) {
            continue;
        }
        let mut doubts: Vec<String> = copy
            .reasons()
            .iter()
            .filter(|reason| matches!(reason, Reason::Partial | Reason::LiveDatabase(_) | Reason::Future))
            .map(ToString::to_string)
            .collect();
        if let After::Perhaps(doubt) = after {
            doubts.push(doubt);
        }
        let fate = if doubts.is_empty() {
            Fate::Restored
        } else {
            Fate::Perhaps
        };
        let better = best.as_ref().is_none_or(|(other, age, ..)| {
            (fate, std::cmp::Reverse(held.age)) > (*other, std::cmp::Reverse(*age))
        });
        if better {
            best = Some((fate, held.age, copy, doubts));
        }
    }
    if matches!(loss, Loss::Account | Loss::Password) {
        remains.fate = Fate::Kept;
        return remains;
    }
    match best {
        Some((fate, age, copy, doubts)) => {
            remains.fate = fate;
            remains.from = Some(copy.repository().clone());
            remains.work = Some(age);
            remains.reasons = doubts;
        }
        None if unseen => {
            remains.fate = Fate::NotKnown;
            remains
                .reasons
                .push("what repositories hold is not known".to_owned());
        }
        None => remains.reasons.push("no copy of it would be left".to_owned()),
    }
    remains
}

/// Returns whether a copy is there after a loss of what the original lies on: of the worst of its places.
fn after(copy: &Copy, originals: &[Domain], loss: Loss, account: Option<&str>) -> After {
    let all = |of: &dyn Fn(&Domain) -> After| {
        let mut perhaps = None;
        for original in originals {
            match of(original) {
                After::Gone => return After::Gone,
                After::Perhaps(doubt) => perhaps = Some(doubt),
                After::There => {}
            }
        }
        perhaps.map_or(After::There, After::Perhaps)
    };
    match loss {
        Loss::Disk => all(&|original| match original.same_medium(copy.domain()) {
            Some(true) => After::Gone,
            // The key may be on that very disk.
            Some(false) if copy.encrypted() == Some(true) => match key_after(copy, original, false) {
                After::Gone => After::Perhaps("its key is kept on the machine of that disk".to_owned()),
                other => other,
            },
            Some(false) => After::There,
            None => After::Perhaps("whether it lies on another disk is not known".to_owned()),
        }),
        Loss::Machine => all(&|original| {
            let away = original.same_site(copy.domain()) == Some(false);
            match (&original.host, &copy.domain().host) {
                (Some(own), Some(other)) if own == other => After::Gone,
                _ if away => key_after(copy, original, false),
                (Some(_), Some(_)) => key_after(copy, original, false),
                _ => After::Perhaps("whether it is on another machine is not known".to_owned()),
            }
        }),
        Loss::House => all(&|original| match original.same_site(copy.domain()) {
            Some(true) => After::Gone,
            Some(false) => key_after(copy, original, true),
            None => After::Perhaps("at which place it is, is not known".to_owned()),
        }),
        Loss::Account => match (&copy.domain().account, account) {
            (Some(own), Some(lost)) if own == lost => After::Gone,
            _ => After::There,
        },
        Loss::Password => match copy.encrypted() {
            Some(true) if copy.keys().is_empty() => After::Gone,
            Some(true) => all(&|original| key_after(copy, original, false)),
            _ => After::There,
        },
        Loss::Ransomware => match copy.protection() {
            Protection::Verified => After::There,
            Protection::Declared => {
                After::Perhaps("that nothing can be deleted from it is declared, unverified".to_owned())
            }
            Protection::None => After::Gone,
        },
    }
}

/// Returns whether a copy can be read after its original's machine, or all of the house, is lost.
fn key_after(copy: &Copy, original: &Domain, house: bool) -> After {
    if copy.encrypted() == Some(false) {
        return After::There;
    }
    if copy.keys().is_empty() {
        return After::Perhaps(match copy.encrypted() {
            Some(_) => "nobody has said where else its key is kept".to_owned(),
            None => "whether it is encrypted, and where its key would be, is not known".to_owned(),
        });
    }
    match key_lost(copy.keys(), original, house) {
        Some(true) if copy.encrypted().is_none() => {
            After::Perhaps("whether it needs its key, which is lost too, is not known".to_owned())
        }
        Some(true) => After::Gone,
        Some(false) => After::There,
        None => After::Perhaps(UNVERIFIED.to_owned()),
    }
}

/// What is so of a key that is kept where nobody can look.
pub(super) const UNVERIFIED: &str = "where its key is kept is declared, unverified";

/// Where a key is kept.
#[derive(Clone, Debug)]
pub(super) enum Key {
    /// In a file of the machine that makes the copies.
    File,
    /// On these machines of the lab; none is one of which nothing is known.
    Machines(Vec<Option<Domain>>),
    /// Where somebody says that it is, in words.
    Said(String),
}

/// Returns whether every place of a key is lost with an original's machine, or with its house; none where it is not known.
pub(super) fn key_lost(keys: &[Key], original: &Domain, house: bool) -> Option<bool> {
    let at_machine = |machine: &Option<Domain>| match machine {
        None => None,
        Some(machine) if machine.host == original.host => Some(true),
        Some(machine) if house => original.same_site(machine),
        Some(_) if original.host.is_some() => Some(false),
        Some(_) => None,
    };
    let of = |key: &Key| match key {
        Key::File => Some(true),
        Key::Machines(machines) => worst(machines.iter().map(at_machine)),
        Key::Said(place) => {
            let site = original.site.as_deref().unwrap_or(domain::HOME);
            (house && place.eq_ignore_ascii_case(site)).then_some(true)
        }
    };
    worst(keys.iter().map(of))
}

/// Returns false where one is, true where all are.
fn worst(all: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut lost = Some(true);
    for one in all {
        match one {
            Some(false) => return Some(false),
            None => lost = None,
            Some(true) => {}
        }
    }
    lost
}

/// Returns the account with which most counting copies would go.
fn worst_account(verdict: &Verdict) -> Option<&str> {
    let mut accounts: Vec<(&str, usize)> = Vec::new();
    for copy in verdict.held().iter().filter(|copy| copy.held().is_some()) {
        let Some(account) = copy.domain().account.as_deref() else {
            continue;
        };
        match accounts.iter_mut().find(|(name, _)| *name == account) {
            Some((_, count)) => *count += 1,
            None => accounts.push((account, 1)),
        }
    }
    accounts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(name, _)| name)
}

/// Returns what the places are at which a key is kept: a machine or a service of the lab by name, a path, or words.
pub(super) fn keys(lab: &crate::lab::Lab, places: &[String]) -> Vec<Key> {
    let machine = |name: &str| {
        let host = lab
            .instance()
            .hosts()
            .find(|host| host.name().as_str().eq_ignore_ascii_case(name))?;
        Some(Domain {
            host: Some(host.name().clone()),
            site: domain::site_of(host),
            ..Domain::default()
        })
    };
    let of = |place: &String| {
        let place = place.trim();
        if place.starts_with(['/', '~', '.']) || place.starts_with("file:") {
            return Key::File;
        }
        let name = place.split([':', '.']).next().unwrap_or(place);
        if let Some(machine) = machine(place).or_else(|| machine(name)) {
            return Key::Machines(vec![Some(machine)]);
        }
        let is = |id: &crate::name::ServiceId| {
            let service = id.service().as_str().eq_ignore_ascii_case(place);
            service
                || id.project().as_str().eq_ignore_ascii_case(place)
                || format!("{}/{}", id.project(), id.service()).eq_ignore_ascii_case(place)
        };
        let hosts: Vec<Option<Domain>> = lab
            .services()
            .filter(|service| is(service.id()))
            .map(|service| {
                let own = service.id().host().map(ToString::to_string);
                let only = || domain::only(lab).map(|host| host.name().to_string());
                own.or_else(only).and_then(|host| machine(&host))
            })
            .collect();
        match hosts.is_empty() {
            true => Key::Said(place.to_owned()),
            false => Key::Machines(hosts),
        }
    };
    places.iter().map(of).collect()
}
