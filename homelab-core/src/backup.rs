//! Would it survive: each dataset's copies, counted by what repositories really hold, and what a loss would leave.
//!
//! The arithmetic is 3-2-1: three copies of which the original is the first, on two media, one of them elsewhere. A copy
//! counts where the newest snapshot that holds all of the dataset is whole and young enough, lies on another disk or pool
//! than the original, and can be read after the original is gone. Each one that does not count says why. What is not known
//! is never counted, and makes the verdict "not known" where it would decide it.
//!
//! ```
//! use homelab_core::backup::{Fate, Loss, State};
//! use homelab_core::observed::{Backups, Holdings, Snapshot};
//! use homelab_core::{Lab, Observed};
//!
//! let lab = Lab::from_texts("home", [
//!     ("lab.toml", "[datasets.photos]\nclass = 'irreplaceable'\npaths = ['/srv/photos']"),
//!     ("instance.toml", "[hosts.nas]\nmedia = { tank = ['/srv'] }\n\n[repositories.offsite]\nkind = 'restic'\n\
//!                        location = 'b2:copies'\nkey_kept = ['the safe of a friend']"),
//! ]);
//! let now = "2027-01-02T00:00:00Z".parse()?;
//! assert_eq!(lab.survival(&Observed::none(now)).verdicts()[0].state(), State::NotKnown);
//!
//! let mut offsite = Holdings::new("offsite".parse()?, now, "restic 0.18");
//! let snapshot = Snapshot::new("4f1c2b", "2027-01-01T10:00:00Z".parse()?).with_path("/srv");
//! offsite.snapshots = Some(vec![snapshot.on(&"nas".parse()?)]);
//! let survival = lab.survival(&Observed::none(now).with_backups(Backups::new([offsite])));
//! let photos = &survival.verdicts()[0];
//! assert_eq!((photos.copies(), photos.media(), photos.offsite()), (2, 2, 1));
//! assert_eq!(photos.state(), State::FallsShort);
//! // That the safe holds the key nobody can see from here.
//! assert_eq!(survival.if_lost(Loss::House)[0].fate(), Fate::Perhaps);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod copy;
mod dataset;
mod domain;
mod due;
mod loss;
mod part;
mod places;
mod planning;
mod reason;
mod retention;
pub(crate) mod rules;
mod slots;
#[cfg(test)]
mod tests;
mod text;
mod timers;

use jiff::{SignedDuration, Timestamp};

pub use self::copy::{Copy, Held};
pub use self::dataset::Dataset;
pub use self::domain::Domain;
pub use self::due::{Act, Due};
pub use self::loss::{Fate, Loss, Remains};
pub use self::part::{Part, Storage};
pub use self::reason::Reason;
pub use self::timers::Timers;

use crate::lab::Lab;
pub use crate::lab::{Retention, Schedule};
use crate::observed::Observed;
use crate::view::{PartView, SurvivalView, VerdictView};

/// How a dataset stands against 3-2-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Everything was seen, and there is no copy elsewhere than on the original's disk.
    NoCopy,
    /// There is a copy, and it is not enough, whatever is not known: too few count, or it is old, partial or unproven.
    FallsShort,
    /// What is not known decides it.
    NotKnown,
    /// It has three copies on two media, one of them elsewhere.
    Meets,
    /// It can be made again.
    NotNeeded,
}

impl State {
    /// Every state, the worst first.
    pub const ALL: [State; 5] = [
        State::NoCopy,
        State::FallsShort,
        State::NotKnown,
        State::Meets,
        State::NotNeeded,
    ];

    /// Returns the word for it: `falls_short`.
    pub fn as_str(self) -> &'static str {
        match self {
            State::NoCopy => "no_copy",
            State::FallsShort => "falls_short",
            State::NotKnown => "not_known",
            State::Meets => "meets",
            State::NotNeeded => "not_needed",
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a lab's copies: a verdict for each dataset. Displays as a table, with the reasons below it.
#[derive(Clone, Debug)]
pub struct Survival {
    at: Timestamp,
    asked: bool,
    verdicts: Vec<Verdict>,
    unknown: Vec<Part>,
    unread: Vec<String>,
}

impl Survival {
    /// Returns the moment that it speaks of.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns whether any repository was asked. Where none was, nothing of copies is known.
    pub fn was_asked(&self) -> bool {
        self.asked
    }

    /// Returns a verdict for each dataset: those that are declared in their order, then those that were found.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// Returns the volumes and writable folders of which nobody knows whether their data matters: no dataset has them, and
    /// the catalogue does not know the path. One whose variable has no value stands as it is written. Nothing is said of
    /// their copies.
    pub fn unknown(&self) -> &[Part] {
        &self.unknown
    }

    /// Returns what of the Compose files could not be read, each as a sentence with its place: the data that it speaks of
    /// is not known.
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Returns how a command should end: 0 when every dataset meets 3-2-1 or needs no copy, 1 when one does not, 3 when
    /// none does not and something is not known: a verdict, whether data matters, or what a file says.
    pub fn exit_code(&self) -> u8 {
        let worst = self.verdicts.iter().map(Verdict::state).min();
        match worst {
            Some(State::NoCopy | State::FallsShort) => 1,
            Some(State::NotKnown) => 3,
            _ if self.unknown.is_empty() && self.unread.is_empty() => 0,
            Some(State::Meets | State::NotNeeded) | None => 3,
        }
    }

    /// Returns it as plain data.
    pub fn view(&self) -> SurvivalView {
        SurvivalView {
            version: 1,
            at: self.at.to_string(),
            asked: self.asked,
            datasets: self.verdicts.iter().map(Verdict::view).collect(),
            unknown: self.unknown.iter().map(part_view).collect(),
            unread: self.unread.clone(),
            losses: Loss::ALL.iter().map(|loss| self.loss_view(*loss)).collect(),
        }
    }

    /// Returns it as JSON, indented, with a line break at the end.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(&self.view()).expect("its records are plain data");
        format!("{text}\n")
    }
}

/// What is known of one dataset's copies.
#[derive(Clone, Debug)]
pub struct Verdict {
    dataset: Dataset,
    domains: Vec<Domain>,
    copies: Vec<Copy>,
    asked: bool,
}

impl Verdict {
    /// Returns the dataset.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Returns where the original lies: a domain for each of its parts.
    pub fn originals(&self) -> &[Domain] {
        &self.domains
    }

    /// Returns what each repository holds of it, those that do not count with the reason.
    pub fn held(&self) -> &[Copy] {
        &self.copies
    }

    /// Returns how many copies there are; the original is the first, and those that surely fail together are one.
    pub fn copies(&self) -> u32 {
        self.count(Copy::counts)
    }

    /// Returns on how many disks or pools they lie.
    pub fn media(&self) -> u32 {
        self.media_of(Copy::counts)
    }

    /// Returns how many of them are at another place than the original.
    pub fn offsite(&self) -> u32 {
        self.count(|copy| copy.counts() && copy.is_offsite()) - 1
    }

    /// Returns how it stands against 3-2-1.
    pub fn state(&self) -> State {
        if self.dataset.class().is_some() && !self.dataset.needs_copies() {
            return State::NotNeeded;
        }
        if self.copies() >= 3
            && self.media() >= 2
            && self.offsite() >= 1
            && self.dataset.problems().is_empty()
        {
            return State::Meets;
        }
        let may = |copy: &Copy| copy.may_count();
        let offsite = self.count(|copy| copy.may_count() && copy.may_be_offsite()) - 1;
        let open = self.copies.iter().any(|copy| copy.may_count() && !copy.counts());
        if !self.dataset.problems().is_empty()
            || self.count(may) >= 3 && self.media_of(may) >= 2 && offsite >= 1
        {
            return State::NotKnown;
        }
        match self.copies() {
            1 if open || !self.asked => State::NotKnown,
            1 if self.copies.iter().any(Copy::falls_short) => State::FallsShort,
            1 => State::NoCopy,
            _ => State::FallsShort,
        }
    }

    /// Returns how old the newest copy is that counts.
    pub fn newest(&self) -> Option<SignedDuration> {
        let counting = self.copies.iter().filter(|copy| copy.counts());
        counting.filter_map(|copy| copy.held().map(|held| held.age)).min()
    }

    fn count(&self, is: impl Fn(&Copy) -> bool) -> u32 {
        1 + u32::try_from(self.apart(is).len()).unwrap_or(u32::MAX - 1)
    }

    /// Returns one of those that surely fail together.
    fn apart(&self, is: impl Fn(&Copy) -> bool) -> Vec<&Copy> {
        let mut apart: Vec<&Copy> = Vec::new();
        for copy in self.copies.iter().filter(|copy| is(copy)) {
            if !apart.iter().any(|other| other.fails_with(copy)) {
                apart.push(copy);
            }
        }
        apart
    }

    /// Returns how many media there surely are: one that may be another's is none of its own.
    fn media_of(&self, is: impl Fn(&Copy) -> bool) -> u32 {
        let mut media: Vec<&Domain> = self.domains.iter().take(1).collect();
        for copy in self.apart(is) {
            let apart = |one: &&Domain| one.same_medium(copy.domain()) == Some(false);
            let from_original = self.domains.iter().all(|one| apart(&one));
            if from_original && media.iter().all(apart) {
                media.push(copy.domain());
            }
        }
        u32::try_from(media.len().max(1)).unwrap_or(u32::MAX)
    }

    /// Returns it as plain data.
    pub fn view(&self) -> VerdictView {
        VerdictView {
            dataset: self.dataset.name().to_string(),
            class: self.dataset.class().map(|class| class.to_string()),
            declared: self.dataset.declared().map(crate::span::Span::view),
            parts: self.dataset.parts().iter().map(part_view).collect(),
            problems: self.dataset.problems().to_vec(),
            recovery_point: self.dataset.recovery_point().map(text::duration),
            state: self.state().to_string(),
            copies: self.copies(),
            media: self.media(),
            offsite: self.offsite(),
            held: self.copies.iter().map(Copy::view).collect(),
        }
    }
}

fn part_view(part: &Part) -> PartView {
    PartView {
        host: part.host().map(ToString::to_string),
        place: part.to_string(),
        services: part.services().map(ToString::to_string).collect(),
        store: part.store().to_string(),
    }
}

impl Lab {
    /// Returns what of the Compose files could not be read: what it says of volumes is in no model.
    fn unread_files(&self) -> Vec<String> {
        let errors = self.diagnostics().iter().filter(|one| {
            one.severity() == crate::finding::Severity::Error && one.rule().id.starts_with("compose.")
        });
        errors
            .map(|one| {
                let mut text = match one.place() {
                    Some(span) => format!("{span}: {}", one.message()),
                    None => one.message().to_owned(),
                };
                self.unsaid().clear(&mut text);
                text
            })
            .collect()
    }

    /// Returns what is known of the copies of the lab's data, as far as repositories were asked. Pure.
    ///
    /// A lab that says nothing has datasets too: those that the catalogue knows to matter. Where no repository was asked
    /// nothing is known of copies, and no verdict is better than that.
    pub fn survival(&self, seen: &Observed) -> Survival {
        let inventoried = self.inventoried();
        let verdicts = inventoried.datasets.into_iter().map(|mut dataset| {
            dataset
                .problems
                .iter_mut()
                .for_each(|problem| self.unsaid().clear(problem));
            copy::judge(self, dataset, seen)
        });
        Survival {
            at: seen.at(),
            asked: seen.backups().is_some(),
            verdicts: verdicts.collect(),
            unknown: inventoried.unknown,
            unread: self.unread_files(),
        }
    }
}
