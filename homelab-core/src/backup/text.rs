//! A survival as text.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::loss::{Fate, Loss, Remains};
use super::{Copy, Reason, State, Survival, Verdict};
use crate::lab::in_words;

/// Returns a duration in one unit, as people say it: `14 h`, `3 d`.
pub(super) fn duration(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    match minutes {
        ..=119 => format!("{minutes} min"),
        120..=4_319 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / (24 * 60)),
    }
}

/// Returns the day of a moment, in UTC.
pub(super) fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).date().to_string()
}

/// Returns what a state means.
fn said(state: State) -> &'static str {
    match state {
        State::NoCopy => "no copy",
        State::FallsShort => "falls short",
        State::NotKnown => "not known",
        State::Meets => "3-2-1",
        State::NotNeeded => "can be made again",
    }
}

/// A table of the datasets; below it every copy with its age or why it does not count; below that what losses would leave.
impl fmt::Display for Survival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdicts.is_empty() {
            writeln!(f, "No data is known that would be missed.")?;
        }
        if !self.asked {
            writeln!(
                f,
                "No repository was asked: what copies there are is not known.\n"
            )?;
        }
        self.table(f)?;
        for verdict in self.verdicts.iter().filter(|one| one.state() != State::NotNeeded) {
            writeln!(f, "\n{} ({})", verdict.dataset.name(), places(verdict))?;
            for problem in verdict.dataset.problems() {
                writeln!(f, "  {problem}")?;
            }
            // That nobody was asked is said once, above; what files alone prove is said of each.
            let proven = |copy: &&Copy| !copy.may_count();
            for copy in verdict.copies.iter().filter(|copy| self.asked || proven(copy)) {
                copy_lines(f, copy)?;
            }
        }
        if !self.unknown.is_empty() {
            let names: Vec<String> = self.unknown.iter().map(|part| format!("`{part}`")).collect();
            writeln!(
                f,
                "\nWhether data matters is not known of {}.",
                in_words(&names, "and", 8)
            )?;
        }
        for unread in &self.unread {
            writeln!(
                f,
                "\nWhat data there is, is not known where a file cannot be read: {unread}."
            )?;
        }
        self.losses(f)
    }
}

impl Survival {
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdicts.is_empty() {
            return Ok(());
        }
        let heads = [
            "DATASET", "CLASS", "COPIES", "MEDIA", "OFFSITE", "NEWEST", "VERDICT",
        ]
        .map(str::to_owned);
        let mut rows = vec![heads];
        rows.extend(self.verdicts.iter().map(row));
        let mut widths = [0; 7];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in rows {
            let cells = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            let line: Vec<String> = cells.collect();
            writeln!(f, "{}", line.join("  ").trim_end())?;
        }
        Ok(())
    }

    /// Says what each loss would leave; only where something was asked, since else it is not known of any.
    fn losses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.asked
            || self
                .verdicts
                .iter()
                .all(|verdict| verdict.state() == State::NotNeeded)
        {
            return Ok(());
        }
        writeln!(f, "\nIf lost:")?;
        for loss in Loss::ALL {
            let all = self.if_lost(loss);
            let needed: Vec<&Remains> = all
                .iter()
                .zip(&self.verdicts)
                .filter(|(_, verdict)| verdict.state() != State::NotNeeded)
                .map(|(remains, _)| remains)
                .collect();
            writeln!(f, "  {:<11} {}", format!("{loss}:"), sentence(&needed))?;
        }
        Ok(())
    }
}

fn row(verdict: &Verdict) -> [String; 7] {
    let class = verdict
        .dataset
        .class()
        .map_or_else(|| "not known".to_owned(), |class| class.to_string());
    // A count of what nobody has seen would look like one.
    let count = |count: u32| {
        if verdict.asked {
            count.to_string()
        } else {
            "-".to_owned()
        }
    };
    [
        verdict.dataset.name().to_string(),
        class,
        count(verdict.copies()),
        count(verdict.media()),
        count(verdict.offsite()),
        verdict.newest().map_or_else(|| "-".to_owned(), duration),
        said(verdict.state()).to_owned(),
    ]
}

/// Returns where a dataset lies: `/mnt/tank/photos on nas`.
fn places(verdict: &Verdict) -> String {
    let mut places: Vec<String> = Vec::new();
    for part in verdict.dataset.parts() {
        places.push(match part.host() {
            Some(host) => format!("{part} on {host}"),
            None => part.to_string(),
        });
    }
    match places.is_empty() {
        true => "nowhere".to_owned(),
        false => in_words(&places, "and", 6),
    }
}

fn copy_lines(f: &mut fmt::Formatter<'_>, copy: &Copy) -> fmt::Result {
    write!(f, "  {}: ", copy.repository())?;
    match copy.held() {
        Some(held) => write!(f, "{} old", duration(held.age))?,
        None if copy
            .reasons()
            .iter()
            .any(|reason| matches!(reason, Reason::NotSeen(_))) =>
        {
            f.write_str("not known")?
        }
        None => f.write_str("nothing")?,
    }
    match (copy.counts(), copy.is_offsite()) {
        (true, true) => writeln!(f, ", counts, elsewhere")?,
        (true, false) => writeln!(f, ", counts")?,
        (false, _) => writeln!(f, ", does not count")?,
    }
    let near = copy.near().iter().filter(|_| copy.counts());
    let near = near.filter(|reason| !matches!(reason, Reason::SameSite(_)));
    for reason in copy.reasons().iter().chain(near) {
        writeln!(f, "    {reason}")?;
    }
    for note in copy.notes() {
        writeln!(f, "    {note}")?;
    }
    Ok(())
}

/// Returns what remains, the worst first: `photos is lost; files goes back 14 h`.
fn sentence(remains: &[&Remains]) -> String {
    let names = |fate: Fate| -> Vec<String> {
        remains
            .iter()
            .filter(|one| one.fate() == fate)
            .map(|one| one.dataset().to_string())
            .collect()
    };
    let mut said = Vec::new();
    for (fate, words) in [
        (Fate::Lost, "lost"),
        (Fate::NotKnown, "not known"),
        (Fate::Perhaps, "perhaps restored"),
        (Fate::Restored, "restored"),
    ] {
        let names = names(fate);
        if names.is_empty() {
            continue;
        }
        let work = remains
            .iter()
            .filter(|one| one.fate() == fate)
            .filter_map(|one| one.work())
            .max();
        let work = work.map_or_else(String::new, |work| {
            format!(", up to {} of work lost", duration(work))
        });
        said.push(format!("{words}: {}{work}", in_words(&names, "and", 5)));
    }
    let kept = names(Fate::Kept);
    if !kept.is_empty() {
        let mut gone: Vec<String> = remains
            .iter()
            .flat_map(|one| one.copies_lost())
            .map(ToString::to_string)
            .collect();
        gone.sort();
        gone.dedup();
        said.push(match gone.is_empty() {
            true => "no data is lost, and no copy".to_owned(),
            false => format!("no data is lost; copies in {} are", in_words(&gone, "and", 5)),
        });
    }
    said.join("; ")
}
