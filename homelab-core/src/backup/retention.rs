//! Which snapshots stay, by the rules of a [`Retention`].

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{DateTime, ISOWeekDate};
use jiff::tz::TimeZone;

use crate::lab::Retention;
use crate::lab::retention::{WORDS, words};
use crate::observed::{Completeness, Snapshot};

/// What becomes of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It stays, for these reasons.
    Kept(Vec<String>),
    /// No rule keeps it.
    Forgotten,
}

impl Retention {
    /// Returns what becomes of each snapshot of a dataset, the newest first.
    pub(super) fn judge<'s>(
        &self,
        snapshots: &[&'s Snapshot],
        drilled: Option<&str>,
    ) -> Vec<(&'s Snapshot, Why)> {
        let mut all = snapshots.to_vec();
        all.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
        let newest = all.first().map(|one| one.at);
        let whole = all.iter().find(|one| one.completeness != Completeness::Partial);
        let whole = whole.map(|one| one.id.clone());
        let mut seen: [BTreeSet<String>; 6] = Default::default();
        let judged = all.into_iter().map(|one| {
            let mut reasons = Vec::new();
            for (index, stretch) in stretches(one).into_iter().enumerate() {
                let (count, seen) = (self.counts[index], &mut seen[index]);
                // A partial one is not what is left of a day; a whole one of that day is.
                let counts = index == 0 || one.completeness != Completeness::Partial;
                if counts && (seen.len() as u64) < u64::from(count) && seen.insert(stretch) {
                    reasons.push(format!("{} {} of {count}", WORDS[index], seen.len()));
                }
            }
            if let (Some(within), Some(newest)) = (self.within, newest)
                && newest.duration_since(one.at) <= within
            {
                reasons.push(format!("within {}", words(within)));
            }
            if whole.as_ref() == Some(&one.id) && reasons.is_empty() {
                reasons.push("the newest whole one".to_owned());
            }
            if drilled == Some(one.id.as_str()) {
                reasons.push("the last that a drill has restored".to_owned());
            }
            match reasons.is_empty() {
                true => (one, Why::Forgotten),
                false => (one, Why::Kept(reasons)),
            }
        });
        judged.collect()
    }
}

/// Returns the stretches of time that a snapshot is in, in the order of the words.
fn stretches(snapshot: &Snapshot) -> [String; 6] {
    let at: DateTime = at_utc(snapshot.at);
    let date = at.date();
    let week: ISOWeekDate = date.iso_week_date();
    [
        snapshot.id.clone(),
        format!("{date} {}", at.hour()),
        date.to_string(),
        format!("{}-{}", week.year(), week.week()),
        format!("{}-{}", date.year(), date.month()),
        date.year().to_string(),
    ]
}

fn at_utc(at: Timestamp) -> DateTime {
    at.to_zoned(TimeZone::UTC).datetime()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(at: &str) -> Snapshot {
        let at: Timestamp = format!("{at}:00Z").parse().expect("a time");
        Snapshot::new(at.to_string(), at)
    }

    fn kept(rules: &str, all: &[&str], change: impl Fn(&mut Vec<Snapshot>)) -> Vec<String> {
        let mut snapshots: Vec<Snapshot> = all.iter().map(|at| snapshot(at)).collect();
        change(&mut snapshots);
        let retention: Retention = rules.parse().expect(rules);
        let judged = retention.judge(&snapshots.iter().collect::<Vec<_>>(), None);
        judged
            .into_iter()
            .filter_map(|(one, why)| match why {
                Why::Kept(reasons) => Some(format!("{}: {}", &one.at.to_string()[..16], reasons.join(", "))),
                Why::Forgotten => None,
            })
            .collect()
    }

    const ALL: [&str; 6] = [
        "2026-12-31T23:00",
        "2026-12-31T01:00",
        "2026-12-30T12:00",
        "2026-12-20T12:00",
        "2026-11-30T12:00",
        "2025-01-01T12:00",
    ];

    #[test]
    fn each_rule_keeps_the_newest_of_its_stretches() {
        let keeps = |rules: &str| kept(rules, &ALL, |_| {});
        assert_eq!(
            keeps("last=2"),
            ["2026-12-31T23:00: last 1 of 2", "2026-12-31T01:00: last 2 of 2"]
        );
        assert_eq!(
            keeps("daily=2"),
            ["2026-12-31T23:00: daily 1 of 2", "2026-12-30T12:00: daily 2 of 2"]
        );
        assert_eq!(keeps("hourly=2").len(), 2);
        assert_eq!(
            keeps("weekly=2"),
            [
                "2026-12-31T23:00: weekly 1 of 2",
                "2026-12-20T12:00: weekly 2 of 2"
            ]
        );
        assert_eq!(keeps("monthly=2")[1], "2026-11-30T12:00: monthly 2 of 2");
        assert_eq!(keeps("yearly=9")[1], "2025-01-01T12:00: yearly 2 of 9");
        assert_eq!(keeps("within=22h").len(), 2);
        assert_eq!(keeps("within=36h").len(), 3);
        assert_eq!(
            keeps("daily=2 yearly=1")[0],
            "2026-12-31T23:00: daily 1 of 2, yearly 1 of 1"
        );
    }

    #[test]
    fn the_newest_whole_one_and_the_proven_one_stay() {
        let partial = |all: &mut Vec<Snapshot>| {
            all.iter_mut()
                .take(2)
                .for_each(|one| one.completeness = Completeness::Partial);
        };
        assert_eq!(
            kept("last=1", &ALL, partial),
            [
                "2026-12-31T23:00: last 1 of 1",
                "2026-12-30T12:00: the newest whole one"
            ]
        );
        // A partial one does not stand in for the day's whole one.
        let first = |all: &mut Vec<Snapshot>| all[0].completeness = Completeness::Partial;
        assert_eq!(kept("daily=1", &ALL, first), ["2026-12-31T01:00: daily 1 of 1"]);
        let snapshots: Vec<Snapshot> = ALL.iter().map(|at| snapshot(at)).collect();
        let all: Vec<&Snapshot> = snapshots.iter().collect();
        let retention: Retention = "last=1".parse().expect("rules");
        let proven = retention.judge(&all, Some(&snapshots[4].id));
        assert_eq!(
            proven[4].1,
            Why::Kept(vec!["the last that a drill has restored".to_owned()])
        );
    }

    #[test]
    fn what_keeps_nothing_or_says_nothing_is_refused() {
        for text in [
            "",
            "last=0",
            "daily",
            "daily=x",
            "daily=-1",
            "fortnightly=2",
            "within=3",
            "within=",
            "within=0d",
            "within=3é",
        ] {
            assert!(text.parse::<Retention>().is_err(), "{text}");
        }
        for text in [
            "last=3 daily=7 weekly=5",
            "within=14d",
            "within=36h",
            "hourly=1, yearly=2",
        ] {
            let retention: Retention = text.parse().expect(text);
            assert_eq!(retention.to_string().parse::<Retention>().expect(text), retention);
        }
    }
}
