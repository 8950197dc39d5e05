//! What is due of what lab.toml says is done again and again: [`Due`].

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::dataset::Dataset;
use super::planning::own_snapshots;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::Finding;
use crate::lab::{Lab, Retention, Schedule};
use crate::name::{DatasetName, RepositoryName};
use crate::observed::{Completeness, Holdings, Observed};
use crate::plan::Depth;
use crate::view::DueView;

/// What is done with copies again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    /// Data is copied.
    Run,
    /// A repository is read for damage.
    Check,
    /// Data is restored for proof.
    Drill,
    /// What is not kept is taken out.
    Prune,
}

impl Act {
    /// Every act, in the order in which they are done.
    pub const ALL: [Act; 4] = [Act::Run, Act::Check, Act::Drill, Act::Prune];

    /// Returns the word for it: `run`.
    pub fn as_str(self) -> &'static str {
        match self {
            Act::Run => "run",
            Act::Check => "check",
            Act::Drill => "drill",
            Act::Prune => "prune",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When something is due of what is done again and again. Displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    act: Act,
    repository: RepositoryName,
    dataset: Option<DatasetName>,
    last: Option<Timestamp>,
    at: Zoned,
    overdue: bool,
}

impl Due {
    /// Returns what is due.
    pub fn act(&self) -> Act {
        self.act
    }

    /// Returns the repository.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// Returns the dataset, of what is done for each: runs and drills.
    pub fn dataset(&self) -> Option<&DatasetName> {
        self.dataset.as_ref()
    }

    /// Returns when it was last done and took all that it was to take; none where that is not known.
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// Returns when it is due: of what should have been done already the first time that it was missed since the last one.
    pub fn at(&self) -> &Zoned {
        &self.at
    }

    /// Returns whether it should have been done already.
    pub fn is_overdue(&self) -> bool {
        self.overdue
    }

    /// Returns it as plain data.
    pub fn view(&self) -> DueView {
        DueView {
            act: self.act.to_string(),
            repository: self.repository.to_string(),
            dataset: self.dataset.as_ref().map(ToString::to_string),
            last: self.last.map(|last| last.to_string()),
            at: self.at.timestamp().to_string(),
            overdue: self.overdue,
            text: self.to_string(),
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.act)?;
        match &self.dataset {
            Some(dataset) if self.act == Act::Drill => write!(f, "{dataset} from {}", self.repository)?,
            Some(dataset) => write!(f, "{dataset} into {}", self.repository)?,
            None => write!(f, "{}", self.repository)?,
        }
        let since = if self.overdue { " since" } else { "" };
        let minute = |at: &Zoned| at.strftime("%Y-%m-%d %H:%M").to_string();
        write!(f, ": due{since} {}", minute(&self.at))?;
        match self.last {
            Some(last) => write!(
                f,
                ", last {}",
                minute(&last.to_zoned(self.at.time_zone().clone()))
            ),
            None => write!(f, ", never done as far as is known"),
        }
    }
}

impl Lab {
    /// Returns what is due of what lab.toml says is done again and again (`[backups]`): runs and drills of each dataset of
    /// this machine that needs copies, checks and prunings of each repository that can be worked on from here. By the clock
    /// of this time zone, at the moment of the observation. Empty where nothing is scheduled.
    ///
    /// A run that could not read something does not count as done; nor does what nobody has recorded.
    ///
    /// ```
    /// use homelab_core::observed::{Backups, Completeness, Holdings, Machine, Snapshot};
    /// use homelab_core::{Lab, Observed};
    /// use jiff::tz::TimeZone;
    ///
    /// let lab = Lab::from_texts("home", [
    ///     ("lab.toml", "[datasets.photos]\nclass = 'irreplaceable'\npaths = ['/srv/photos']\n[backups]\nrun = 'daily 03:30'"),
    ///     ("instance.toml", "[hosts.nas]\n[repositories.usb]\nkind = 'restic'\nlocation = '/mnt/usb/copies'"),
    /// ]);
    /// let mut usb = Holdings::new("usb".parse()?, "2027-01-31T12:00:00Z".parse()?, "rustic");
    /// let mut snapshot = Snapshot::new("1", "2027-01-29T03:31:00Z".parse()?).with_path("/srv/photos").on(&"nas".parse()?);
    /// snapshot.completeness = Completeness::Complete;
    /// usb.snapshots = Some(vec![snapshot]);
    /// let seen = Observed::none(usb.at)
    ///     .with_machine(Machine::new("nas".parse()?))
    ///     .with_backups(Backups::new([usb]));
    /// let due = lab.due(&seen, &TimeZone::UTC)?;
    /// assert_eq!(due[0].to_string(), "run photos into usb: due since 2027-01-30 03:30, last 2027-01-29 03:31");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `Unsupported` where no repository was asked; `Refused` where something of the settings was not understood.
    pub fn due(&self, seen: &Observed, zone: &TimeZone) -> Result<Vec<Due>> {
        self.understood("say what is due")?;
        let policy = self.pattern().backups();
        let mut all = Vec::new();
        if [policy.run(), policy.check(), policy.drill(), policy.prune()] == [None; 4] {
            return Ok(all);
        }
        let now = seen.at().to_zoned(zone.clone());
        let datasets: Vec<Dataset> = self
            .datasets()
            .into_iter()
            .filter(|one| one.needs_copies() || one.class().is_none())
            .collect();
        for holdings in self.all_asked("say what is due", seen)? {
            if matches!(holdings.gap, Some((ErrorKind::Unsupported, _))) {
                continue;
            }
            let mut add = |act, schedule: Option<Schedule>, dataset: Option<&Dataset>, last| {
                let due = schedule.and_then(|schedule| when(schedule, last, &now));
                let Some((at, overdue)) = due else { return };
                all.push(Due {
                    act,
                    repository: holdings.repository.clone(),
                    dataset: dataset.map(|one| one.name().clone()),
                    last,
                    at,
                    overdue,
                });
            };
            for dataset in &datasets {
                // What is elsewhere is copied there, and what is due of it is said there.
                let Ok(sources) = self.sources(dataset, seen) else {
                    continue;
                };
                let whole = own_snapshots(holdings, &sources).into_iter();
                let whole = whole.filter(|one| one.completeness == Completeness::Complete);
                let run = holdings.runs.get(dataset.name()).filter(|run| run.complete);
                let run = whole.map(|one| one.at).chain(run.map(|run| run.at)).max();
                add(Act::Run, policy.run(), Some(dataset), run);
                let drill = holdings.drills.get(dataset.name()).map(|drill| drill.at);
                add(Act::Drill, policy.drill(), Some(dataset), drill);
            }
            add(
                Act::Check,
                policy.check(),
                None,
                holdings.check.map(|check| check.at),
            );
            add(Act::Prune, policy.prune(), None, holdings.pruned);
        }
        // What is overdue first, then by the time.
        all.sort_by_key(|one| (!one.overdue, one.at.timestamp(), one.act));
        Ok(all)
    }

    /// Returns an error where something of lab.toml or instance.toml was not understood: what it was meant to say of what is
    /// kept, or of when, may be just that.
    pub(super) fn understood(&self, what: &str) -> Result<()> {
        let about = |one: &&Finding| match one.rule().id {
            "lab.invalid-toml" | "lab.unknown-key" | "lab.invalid-value" => true,
            "lab.unreadable-file" => ["lab.toml", "instance.toml"]
                .iter()
                .any(|file| one.message().contains(file)),
            _ => false,
        };
        let Some(first) = self.diagnostics().iter().find(about) else {
            return Ok(());
        };
        let mut message = format!(
            "{what}: the lab's settings are not all understood: {}",
            first.message()
        );
        self.unsaid().clear(&mut message);
        let error = Error::new(ErrorKind::Refused, message);
        let error = match first.place() {
            Some(place) => error.with_place(place.clone()),
            None => error,
        };
        Err(error.with_hint("what they say of backups may be just that: put it right first"))
    }

    /// Returns how deep the next check of a repository goes: the next part of its data, where it is checked in parts.
    pub(super) fn next_depth(&self, holdings: &Holdings) -> Depth {
        let Some(of) = self.pattern().backups().check_parts() else {
            return Depth::Structure;
        };
        let number = match holdings.part {
            // Of another number of parts it was none of ours.
            Some(Depth::Part { number, of: own }) if own == of => number % of + 1,
            _ => 1,
        };
        Depth::Part { number, of }
    }

    /// Returns which snapshots of a dataset stay in a repository.
    pub(super) fn keeps(&self, dataset: &Dataset, repository: &RepositoryName) -> Retention {
        let of_dataset = self.pattern().datasets().get(dataset.name());
        let of_repository = self.instance().repositories().get(repository);
        let found = of_dataset
            .and_then(|one| one.keep())
            .or_else(|| of_repository.and_then(|one| one.keep()))
            .or_else(|| self.pattern().backups().keep());
        found.cloned().unwrap_or_default()
    }

    /// Returns what is kept, in words.
    pub(super) fn kept_in_words(&self, asked: Option<&Retention>) -> String {
        let datasets = self.pattern().datasets().values().any(|one| one.keep().is_some());
        let mut repositories = self.instance().repositories().values();
        match asked {
            Some(asked) => asked.to_string(),
            None if datasets || repositories.any(|one| one.keep().is_some()) => {
                "what the lab's settings say".to_owned()
            }
            None => self
                .pattern()
                .backups()
                .keep()
                .cloned()
                .unwrap_or_default()
                .to_string(),
        }
    }
}

/// Returns when something is due that was last done then, and whether that is over already.
fn when(schedule: Schedule, last: Option<Timestamp>, now: &Zoned) -> Option<(Zoned, bool)> {
    // What is done while this is asked may end a moment later; what is of tomorrow is of a clock that was wrong.
    let tolerated = now.timestamp() + SignedDuration::from_hours(1);
    let last = last.filter(|last| *last <= tolerated);
    let Some(last) = last else {
        let missed = schedule.last_due(now).map(|at| (at, true));
        return missed.or_else(|| schedule.next_due(now).map(|at| (at, false)));
    };
    let at = schedule.next_due(&last.to_zoned(now.time_zone().clone()))?;
    let overdue = at <= *now;
    Some((at, overdue))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Zoned {
        text.parse().expect(text)
    }

    #[test]
    fn what_was_missed_is_due_since_the_first_time() {
        let nightly: Schedule = "daily 03:30".parse().expect("a schedule");
        let now = moment("2027-01-31T12:00[UTC]");
        let due = |last: Option<&str>| {
            let last = last.map(|text| moment(text).timestamp());
            let (at, overdue) = when(nightly, last, &now).expect("a time");
            (at.strftime("%d %H:%M").to_string(), overdue)
        };
        assert_eq!(due(None), ("31 03:30".to_owned(), true));
        assert_eq!(due(Some("2027-01-31T03:31[UTC]")), ("01 03:30".to_owned(), false));
        assert_eq!(due(Some("2027-01-31T03:29[UTC]")), ("31 03:30".to_owned(), true));
        assert_eq!(due(Some("2027-01-28T03:31[UTC]")), ("29 03:30".to_owned(), true));
        assert_eq!(
            due(Some("2027-01-31T12:00:02[UTC]")),
            ("01 03:30".to_owned(), false)
        );
        // A clock that was wrong does not hide what is missed.
        assert_eq!(due(Some("2028-01-01T00:00[UTC]")), ("31 03:30".to_owned(), true));
    }
}
