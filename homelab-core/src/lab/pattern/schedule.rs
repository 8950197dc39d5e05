//! When something is to be done again and again: [`Schedule`].

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, ToSpan as _, Zoned};

use crate::error::{Error, ErrorKind};

/// When something is to be done again and again: `hourly 15`, `daily 03:30`, `weekly sunday 05:00`, `monthly 1 06:00`.
///
/// By the clock of the machine that does it. A time that a change of the clock leaves out is taken an hour later, one that
/// comes twice the first time.
///
/// Invariants: the minute is below 60, the hour below 24, the day of a month from 1 to 28, so that every month has it.
///
/// ```
/// use homelab_core::backup::Schedule;
///
/// let nightly: Schedule = "daily 03:30".parse()?;
/// let now: jiff::Zoned = "2027-01-31T12:00[Europe/Berlin]".parse()?;
/// assert_eq!(nightly.next_due(&now).expect("a time").to_string(), "2027-02-01T03:30:00+01:00[Europe/Berlin]");
/// assert_eq!(nightly.to_cron(), "30 3 * * *");
/// assert_eq!(nightly.to_calendar(), "*-*-* 03:30:00");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    every: Every,
    hour: i8,
    minute: i8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Every {
    Hour,
    Day,
    Week(Weekday),
    Month(i8),
}

/// The days of a week, as they are written.
const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// No two of its moments are further apart: a month, and a day for a change of the clock.
const LONGEST: i32 = 33;

impl Schedule {
    /// Returns the first moment after this one at which it is due, in the same time zone; none past the end of time.
    pub fn next_due(&self, now: &Zoned) -> Option<Zoned> {
        if self.every == Every::Hour {
            let candidate = self.in_hour(now)?;
            return match candidate > *now {
                true => Some(candidate),
                false => candidate.checked_add(1.hour()).ok(),
            };
        }
        (0..=LONGEST).find_map(|days| {
            let date = now.date().checked_add(days.days()).ok()?;
            self.on(date, now).filter(|at| at > now)
        })
    }

    /// Returns the last moment, this one included, at which it was due; none before the beginning of time.
    pub fn last_due(&self, now: &Zoned) -> Option<Zoned> {
        if self.every == Every::Hour {
            let candidate = self.in_hour(now)?;
            return match candidate <= *now {
                true => Some(candidate),
                false => candidate.checked_sub(1.hour()).ok(),
            };
        }
        (0..=LONGEST).find_map(|days| {
            let date = now.date().checked_sub(days.days()).ok()?;
            self.on(date, now).filter(|at| at <= now)
        })
    }

    /// Returns its moment within the hour of another moment.
    fn in_hour(&self, now: &Zoned) -> Option<Zoned> {
        let gone = SignedDuration::from_secs(i64::from(now.minute()) * 60 + i64::from(now.second()))
            + SignedDuration::from_nanos(i64::from(now.subsec_nanosecond()));
        let begin = now.checked_sub(gone).ok()?;
        begin
            .checked_add(SignedDuration::from_mins(i64::from(self.minute)))
            .ok()
    }

    /// Returns its moment on a day, in the time zone of another moment; none where it has none on that day.
    fn on(&self, date: Date, zone: &Zoned) -> Option<Zoned> {
        let is = match self.every {
            Every::Hour | Every::Day => true,
            Every::Week(day) => date.weekday() == day,
            Every::Month(day) => date.day() == day,
        };
        let time = is.then(|| date.at(self.hour, self.minute, 0, 0))?;
        time.to_zoned(zone.time_zone().clone()).ok()
    }

    /// Returns it as the five fields of a line of cron's: `30 3 * * *`.
    pub fn to_cron(&self) -> String {
        let (hour, minute) = (self.hour, self.minute);
        match self.every {
            Every::Hour => format!("{minute} * * * *"),
            Every::Day => format!("{minute} {hour} * * *"),
            Every::Week(day) => format!("{minute} {hour} * * {}", day.to_sunday_zero_offset()),
            Every::Month(day) => format!("{minute} {hour} {day} * *"),
        }
    }

    /// Returns it as systemd's `OnCalendar=` has it: `*-*-* 03:30:00`.
    pub fn to_calendar(&self) -> String {
        let (hour, minute) = (self.hour, self.minute);
        match self.every {
            Every::Hour => format!("*-*-* *:{minute:02}:00"),
            Every::Day => format!("*-*-* {hour:02}:{minute:02}:00"),
            Every::Week(day) => {
                let name = word(day);
                let short = &name[..3];
                format!(
                    "{}{} *-*-* {hour:02}:{minute:02}:00",
                    short[..1].to_uppercase(),
                    &short[1..]
                )
            }
            Every::Month(day) => format!("*-*-{day:02} {hour:02}:{minute:02}:00"),
        }
    }
}

fn word(day: Weekday) -> &'static str {
    let index = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
    DAYS[index].0
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute) = (self.hour, self.minute);
        match self.every {
            Every::Hour => write!(f, "hourly {minute}"),
            Every::Day => write!(f, "daily {hour:02}:{minute:02}"),
            Every::Week(day) => write!(f, "weekly {} {hour:02}:{minute:02}", word(day)),
            Every::Month(day) => write!(f, "monthly {day} {hour:02}:{minute:02}"),
        }
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |text: &str, bounds: std::ops::Range<i8>| {
            let plain = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = plain.then(|| text.parse::<i8>().ok()).flatten();
            number.filter(|number| bounds.contains(number))
        };
        let time = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let minute = (minute.len() == 2).then_some(minute)?;
            Some((number(hour, 0..24)?, number(minute, 0..60)?))
        };
        let read = || {
            let (every, (hour, minute)) = match words.as_slice() {
                ["hourly"] => (Every::Hour, (0, 0)),
                ["hourly", minute] => (Every::Hour, (0, number(minute, 0..60)?)),
                ["daily", at] => (Every::Day, time(at)?),
                ["weekly", day, at] => {
                    let (_, day) = DAYS.iter().find(|(name, _)| name == day)?;
                    (Every::Week(*day), time(at)?)
                }
                ["monthly", day, at] => (Every::Month(number(day, 1..29)?), time(at)?),
                _ => return None,
            };
            Some(Schedule { every, hour, minute })
        };
        read().ok_or_else(|| {
            let message = format!("read `{}` as when something is to be done", text.escape_debug());
            Error::new(ErrorKind::Invalid, message).with_hint(
                "write such as `hourly 15`, `daily 03:30`, `weekly sunday 05:00` or `monthly 1 06:00` (a day to 28)",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str) -> Schedule {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn due(text: &str, now: &str) -> (String, String) {
        let now: Zoned = now.parse().expect(now);
        let said = |at: Option<Zoned>| at.expect("a time").strftime("%m-%d %H:%M %z").to_string();
        let schedule = schedule(text);
        (said(schedule.last_due(&now)), said(schedule.next_due(&now)))
    }

    #[test]
    fn each_is_due_before_and_after_a_moment() {
        let pair = |last: &str, next: &str| (last.to_owned(), next.to_owned());
        let noon = "2027-01-31T12:00[UTC]";
        assert_eq!(
            due("hourly", noon),
            pair("01-31 12:00 +0000", "01-31 13:00 +0000")
        );
        assert_eq!(
            due("hourly 15", noon),
            pair("01-31 11:15 +0000", "01-31 12:15 +0000")
        );
        assert_eq!(
            due("daily 03:30", noon),
            pair("01-31 03:30 +0000", "02-01 03:30 +0000")
        );
        assert_eq!(
            due("daily 12:00", noon),
            pair("01-31 12:00 +0000", "02-01 12:00 +0000")
        );
        // It is a Sunday.
        assert_eq!(
            due("weekly sunday 05:00", noon),
            pair("01-31 05:00 +0000", "02-07 05:00 +0000")
        );
        assert_eq!(
            due("weekly sunday 13:00", noon),
            pair("01-24 13:00 +0000", "01-31 13:00 +0000")
        );
        assert_eq!(
            due("monthly 28 06:00", noon),
            pair("01-28 06:00 +0000", "02-28 06:00 +0000")
        );
        assert_eq!(
            due("monthly 1 06:00", noon),
            pair("01-01 06:00 +0000", "02-01 06:00 +0000")
        );
        let kolkata = "2027-01-31T12:10[Asia/Kolkata]";
        assert_eq!(
            due("hourly 15", kolkata),
            pair("01-31 11:15 +0530", "01-31 12:15 +0530")
        );
    }

    #[test]
    fn a_change_of_the_clock_loses_no_run_and_makes_none_twice() {
        let pair = |last: &str, next: &str| (last.to_owned(), next.to_owned());
        // 02:30 is left out on this day.
        assert_eq!(
            due("daily 02:30", "2027-03-28T00:00[Europe/Berlin]"),
            pair("03-27 02:30 +0100", "03-28 03:30 +0200")
        );
        // And comes twice on this one.
        assert_eq!(
            due("daily 02:30", "2027-10-31T02:30:00+02:00[Europe/Berlin]"),
            pair("10-31 02:30 +0200", "11-01 02:30 +0100")
        );
        let mut now: Zoned = "2027-03-27T12:00[Europe/Berlin]".parse().expect("a time");
        let nightly = schedule("daily 02:30");
        let mut days = std::collections::BTreeSet::new();
        for _ in 0..365 {
            now = nightly.next_due(&now).expect("a time");
            assert_eq!(nightly.last_due(&now).as_ref(), Some(&now));
            assert!(days.insert(now.date()), "{now} is due twice");
        }
        assert_eq!(days.len(), 365);
    }

    #[test]
    fn what_is_written_is_what_is_read_and_the_rest_is_refused() {
        for (text, cron, calendar) in [
            ("hourly 15", "15 * * * *", "*-*-* *:15:00"),
            ("daily 03:30", "30 3 * * *", "*-*-* 03:30:00"),
            ("weekly sunday 05:00", "0 5 * * 0", "Sun *-*-* 05:00:00"),
            ("weekly monday 23:59", "59 23 * * 1", "Mon *-*-* 23:59:00"),
            ("monthly 1 06:00", "0 6 1 * *", "*-*-01 06:00:00"),
        ] {
            let read = schedule(text);
            assert_eq!(
                (
                    read.to_string().as_str(),
                    read.to_cron().as_str(),
                    read.to_calendar().as_str()
                ),
                (text, cron, calendar)
            );
        }
        for text in [
            "",
            "daily",
            "daily 24:00",
            "daily 3",
            "daily 03:60",
            "daily 03:3",
            "daily -1:00",
            "daily +3:00",
            "weekly 05:00",
            "weekly sun 05:00",
            "monthly 29 06:00",
            "monthly 0 06:00",
            "hourly 60",
            "yearly",
            "daily 03:30 x",
        ] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }
}
