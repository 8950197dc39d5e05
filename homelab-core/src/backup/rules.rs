//! What is worth saying of copies.

use jiff::SignedDuration;

use super::{Reason, State, Survival, Verdict};
use crate::finding::{Evidence, Finding, Rule, Severity, Subject, rules};
use crate::lab::{Lab, in_words};
use crate::observed::Observed;
use crate::system::Class;

rules! {
    NOTHING_DECLARED = "backup.nothing-declared", ThreeTwoOne, Warning,
        "nothing is known to copy data that cannot be made again",
        "Disks die, hands slip, houses burn. No repository is named that could keep a copy of this data elsewhere, so \
         that nobody can see whether one exists, how old it is, or that it has stopped being made. No comment and no \
         switch accepts it.",
        "Name each repository under `[repositories]` in instance.toml. `backup status` lists the data, and why no \
         repository is known to hold it elsewhere.";
    NO_COPY = "backup.no-copy", ThreeTwoOne, Error,
        "data that matters has no copy",
        "Every repository was asked, and none holds a copy elsewhere than on the original's own disk: the loss of that \
         disk loses the data. Of data that cannot be made again no comment and no switch accepts it.",
        "Copy it into a repository on another disk. What is not worth that is named by itself, volume by volume or path by \
         path, in a dataset of `class = \"reproducible\"` in lab.toml.";
    FALLS_SHORT = "backup.falls-short", ThreeTwoOne, Warning,
        "data has fewer copies than 3-2-1 asks for",
        "Three copies, on two media, one of them elsewhere: with fewer, one fire, one theft or one wrong command can take \
         the last. Of data that cannot be made again no comment and no switch accepts it.",
        "`backup status` says what each copy lacks: too old, partial, on the original's disk, its key lost with it.";
    STALE_COPY = "backup.stale-copy", ThreeTwoOne, Warning,
        "a copy is older than it may be",
        "Backups that stop without a word are the most common way of having none.",
        "Look why the runs stopped; where the data rarely changes, raise its `recovery_point`, to 31 days at most for \
         data that cannot be made again.";
    DRILL_DUE = "backup.drill-due", ThreeTwoOne, Note,
        "nobody has restored irreplaceable data for a long time",
        "A backup that was never restored is a hope. Keys get lost, dumps come out empty, and only a restore shows it.",
        "Restore it into a fresh place, and compare it with the original.";
}

/// How long a drill is good for.
const DRILL: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Returns whether a finding is about copies of data that cannot be made again, so that no comment and no switch accepts it.
/// The same of less dear data weighs less than its rule.
pub(crate) fn is_about_irreplaceable(finding: &Finding) -> bool {
    of_irreplaceable(finding.rule()).is_some() && finding.severity() == finding.rule().severity
}

/// Returns whether a rule speaks of data that cannot be made again only, where it speaks of such data and nothing accepts it.
pub(crate) fn of_irreplaceable(rule: &Rule) -> Option<bool> {
    let is = |other: &Rule| std::ptr::eq(rule, other);
    match rule {
        _ if is(&NOTHING_DECLARED) => Some(true),
        _ if is(&NO_COPY) || is(&FALLS_SHORT) => Some(false),
        _ => None,
    }
}

impl Lab {
    /// Returns what is worth saying of the copies of the lab's data: at most one finding of a kind, with a list.
    pub(crate) fn backup_findings(&self, seen: &Observed) -> Vec<Finding> {
        let survival = self.survival(seen);
        let mut findings = Vec::new();
        if !survival.was_asked() {
            findings.extend(self.nothing_declared(&survival));
            return findings;
        }
        let of = |state: State, class: Class| -> Vec<&Verdict> {
            let is = |one: &&Verdict| one.state() == state && one.dataset.class() == Some(class);
            survival.verdicts().iter().filter(is).collect()
        };
        findings.extend(listed(&NO_COPY, &of(State::NoCopy, Class::Irreplaceable)));
        let important = listed(&NO_COPY, &of(State::NoCopy, Class::Important));
        findings.extend(important.map(|finding| finding.with_severity(Severity::Warning)));
        findings.extend(listed(&FALLS_SHORT, &of(State::FallsShort, Class::Irreplaceable)));
        let important = listed(&FALLS_SHORT, &of(State::FallsShort, Class::Important));
        findings.extend(important.map(|finding| finding.with_severity(Severity::Note)));
        // Of one that has no copy or too few it is said already, with the reason.
        let met: Vec<&Verdict> = survival
            .verdicts()
            .iter()
            .filter(|one| one.state() == State::Meets && one.held().iter().any(is_stale))
            .collect();
        findings.extend(listed(&STALE_COPY, &met));
        let due = survival.verdicts().iter().filter(|one| {
            let proven = one
                .held()
                .iter()
                .filter_map(|copy| copy.drill())
                .filter(|drill| drill.passed);
            let last = proven.map(|drill| drill.at).max();
            one.dataset.class() == Some(Class::Irreplaceable)
                && one.copies() > 1
                && last.is_none_or(|at| seen.at().duration_since(at) > DRILL)
        });
        findings.extend(listed(&DRILL_DUE, &due.collect::<Vec<_>>()));
        findings
    }

    /// Says once that no repository is named that could be elsewhere, where there is data that cannot be made again.
    fn nothing_declared(&self, survival: &Survival) -> Option<Finding> {
        let irreplaceable = |one: &&Verdict| {
            let elsewhere = one.held().iter().any(super::Copy::is_declared_elsewhere);
            one.dataset.class() == Some(Class::Irreplaceable) && !elsewhere
        };
        let all: Vec<&Verdict> = survival.verdicts().iter().filter(irreplaceable).collect();
        let title = match self.instance().repositories().is_empty() {
            true => NOTHING_DECLARED.title,
            false => "no repository is known to keep a copy elsewhere of data that cannot be made again",
        };
        listed_as(&NOTHING_DECLARED, title, &all)
    }
}

fn is_stale(copy: &super::Copy) -> bool {
    copy.reasons()
        .iter()
        .any(|reason| matches!(reason, Reason::Stale { .. }))
}

/// Returns one finding for these datasets, with each as evidence.
fn listed(rule: &'static Rule, verdicts: &[&Verdict]) -> Option<Finding> {
    listed_as(rule, rule.title, verdicts)
}

fn listed_as(rule: &'static Rule, title: &str, verdicts: &[&Verdict]) -> Option<Finding> {
    let first = verdicts.first()?;
    let names: Vec<String> = verdicts
        .iter()
        .map(|one| format!("`{}`", one.dataset.name()))
        .collect();
    let message = format!("{title}: {}", in_words(&names, "and", 5));
    let place = |verdict: &Verdict| {
        let part = || verdict.dataset.parts().iter().find_map(|part| part.place.clone());
        verdict.dataset.declared().cloned().or_else(part)
    };
    let finding = Finding::new(rule, Subject::Lab, message).at_maybe(place(first).as_ref());
    Some(verdicts.iter().fold(finding, |finding, verdict| {
        let text = said(rule, verdict);
        finding.with_evidence(match place(verdict) {
            Some(place) => Evidence::at(text, &place),
            None => Evidence::said(text),
        })
    }))
}

/// Returns what is so of one dataset.
fn said(rule: &'static Rule, verdict: &Verdict) -> String {
    let name = verdict.dataset.name();
    if std::ptr::eq(rule, &NOTHING_DECLARED) {
        let parts: Vec<String> = verdict
            .dataset
            .parts()
            .iter()
            .map(|part| format!("`{part}`"))
            .collect();
        let mut whys = Vec::new();
        for copy in verdict.held() {
            let mut all = copy.reasons().iter().chain(copy.near());
            if let Some(why) = all.find(|reason| !matches!(reason, Reason::NotSeen(_))) {
                whys.push(format!("; `{}`: {why}", copy.repository()));
            }
        }
        return format!("`{name}` is in {}{}", in_words(&parts, "and", 4), whys.concat());
    }
    if std::ptr::eq(rule, &DRILL_DUE) {
        let drills = verdict.held().iter().filter_map(|copy| copy.drill());
        return match drills.map(|drill| drill.at).max() {
            Some(at) => format!("`{name}` was last restored on {}", super::text::day(at)),
            None => format!("no restore of `{name}` is recorded"),
        };
    }
    let counts = format!(
        "`{name}` has {} of 3 copies, on {} of 2 media, {} of 1 elsewhere",
        verdict.copies(),
        verdict.media(),
        verdict.offsite()
    );
    let whys: Vec<String> = verdict
        .held()
        .iter()
        .filter_map(|copy| {
            copy.reasons()
                .first()
                .map(|reason| format!("`{}`: {reason}", copy.repository()))
        })
        .collect();
    match whys.is_empty() {
        true => counts,
        false => format!("{counts}; {}", in_words(&whys, "and", 4)),
    }
}
