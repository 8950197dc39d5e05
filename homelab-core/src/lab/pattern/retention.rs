//! Which snapshots stay: [`Retention`].

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

use crate::error::{Error, ErrorKind};

/// Which snapshots of a dataset stay, in the usual words: `last=3 daily=7 weekly=5 monthly=12 yearly=10 within=14d`.
///
/// `daily=7` keeps the newest of each of the last seven days that have one; hours, weeks, months and years alike, in UTC.
/// `within` keeps all that are no older than that beside the newest. Whatever they say, the newest whole snapshot stays,
/// and the last that a drill has restored.
///
/// Invariant: it keeps at least one.
///
/// ```
/// use homelab_core::backup::Retention;
///
/// let retention: Retention = "daily=7 monthly=12".parse()?;
/// assert_eq!(retention.to_string(), "daily=7 monthly=12");
/// assert!("daily=0".parse::<Retention>().is_err());
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    pub(crate) counts: [u32; 6],
    pub(crate) within: Option<SignedDuration>,
}

/// The words of the rules that count, the shortest stretch first.
pub(crate) const WORDS: [&str; 6] = ["last", "hourly", "daily", "weekly", "monthly", "yearly"];

impl Default for Retention {
    /// Keeps the newest of seven days, five weeks, twelve months and ten years.
    fn default() -> Self {
        Retention {
            counts: [0, 0, 7, 5, 12, 10],
            within: None,
        }
    }
}

/// Returns a duration as it is written: `36h`, `14d`.
pub(crate) fn words(duration: SignedDuration) -> String {
    match duration.as_hours() {
        hours if hours % 24 == 0 => format!("{}d", hours / 24),
        hours => format!("{hours}h"),
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said: Vec<String> = WORDS
            .iter()
            .zip(self.counts)
            .filter(|(_, count)| *count > 0)
            .map(|(word, count)| format!("{word}={count}"))
            .collect();
        said.extend(self.within.map(|within| format!("within={}", words(within))));
        f.write_str(&said.join(" "))
    }
}

impl FromStr for Retention {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |what: String| {
            Error::new(
                ErrorKind::Invalid,
                format!("read `{}` as what is to be kept: {what}", text.escape_debug()),
            )
            .with_hint("write such as `daily=7 weekly=5 monthly=12 yearly=10`, `last=3` or `within=14d`")
        };
        let mut retention = Retention {
            counts: [0; 6],
            within: None,
        };
        for item in text.split([' ', ',']).filter(|item| !item.is_empty()) {
            let (word, value) = item
                .split_once('=')
                .ok_or_else(|| invalid(format!("`{item}` has no number")))?;
            if word == "within" {
                let (number, unit) =
                    value.split_at(value.len() - usize::from(!value.is_empty() && value.is_ascii()));
                let hours = match unit {
                    "h" => Some(1),
                    "d" => Some(24),
                    _ => None,
                };
                let within = number.parse::<u32>().ok().zip(hours);
                let within = within.filter(|(number, _)| *number > 0);
                let within = within.ok_or_else(|| invalid(format!("`{value}` is no duration")))?;
                retention.within = Some(SignedDuration::from_hours(i64::from(within.0) * within.1));
                continue;
            }
            let index = WORDS.iter().position(|own| *own == word);
            let index = index.ok_or_else(|| invalid(format!("there is no rule `{word}`")))?;
            let count = value
                .parse()
                .map_err(|_| invalid(format!("`{value}` is no number")))?;
            retention.counts[index] = count;
        }
        // Rules that keep nothing are a typing error, or somebody who wants to lose it all.
        match retention.counts.iter().all(|count| *count == 0) && retention.within.is_none() {
            true => Err(invalid("it keeps nothing".to_owned())),
            false => Ok(retention),
        }
    }
}
