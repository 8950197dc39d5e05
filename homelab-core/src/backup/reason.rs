//! Why a copy does not count.

use std::fmt;

use jiff::SignedDuration;

use super::text::duration;
use crate::lab::in_words;

/// Why a copy does not count. Displays as a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The repository was not asked, or did not answer: what failed.
    NotSeen(Option<String>),
    /// No snapshot holds these parts.
    Lacks(Vec<String>),
    /// Its snapshots are of other machines: these.
    OtherHost(Vec<String>),
    /// It lies on the disk or pool of the original; a snapshot there is a point in time.
    SameMedium(Option<String>),
    /// Whether it lies on another disk than the original is not known.
    MediumUnknown,
    /// The newest snapshot is older than it may be.
    Stale {
        /// How old it is.
        age: SignedDuration,
        /// How old it may be.
        allowed: SignedDuration,
    },
    /// Every snapshot of it lacks something that could not be read.
    Partial,
    /// It has the files of a database that may have been writing: `immich/database`.
    LiveDatabase(Vec<String>),
    /// It follows the original, deletions included.
    Sync,
    /// All of its snapshots are from the future: a clock was wrong, and their age is not known.
    Future,
    /// The last check or drill found damage: what it said.
    Damaged(String),
    /// It is not encrypted, and at another place.
    Unencrypted,
    /// Whether it is encrypted is not known: where it is, it needs a key; where not, whoever keeps it can read it.
    EncryptionUnknown,
    /// Every place where its key is kept is lost with the original.
    KeyLost(Vec<String>),
    /// Nobody has said where else its key is kept.
    KeyUnknown,
    /// At which place it is, is not known.
    SiteUnknown,
    /// It is at the same place.
    SameSite(String),
}

impl Reason {
    /// Returns whether it is that something is not known: knowing it, the copy could count.
    pub fn is_unknown(&self) -> bool {
        matches!(
            self,
            Reason::NotSeen(_)
                | Reason::MediumUnknown
                | Reason::Future
                | Reason::EncryptionUnknown
                | Reason::KeyUnknown
                | Reason::SiteUnknown
        )
    }

    /// Returns the word for it: `same_medium`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Reason::NotSeen(_) => "not_seen",
            Reason::Lacks(_) => "lacks",
            Reason::OtherHost(_) => "other_host",
            Reason::SameMedium(_) => "same_medium",
            Reason::MediumUnknown => "medium_unknown",
            Reason::Stale { .. } => "stale",
            Reason::Partial => "partial",
            Reason::LiveDatabase(_) => "live_database",
            Reason::Sync => "sync",
            Reason::Future => "future",
            Reason::Damaged(_) => "damaged",
            Reason::Unencrypted => "unencrypted",
            Reason::EncryptionUnknown => "encryption_unknown",
            Reason::KeyLost(_) => "key_lost",
            Reason::KeyUnknown => "key_unknown",
            Reason::SiteUnknown => "site_unknown",
            Reason::SameSite(_) => "same_site",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |list: &[String]| {
            let quoted: Vec<String> = list.iter().map(|item| format!("`{item}`")).collect();
            in_words(&quoted, "and", 4)
        };
        match self {
            Reason::NotSeen(None) => f.write_str("it was not asked"),
            Reason::NotSeen(Some(why)) => write!(f, "what it holds is not known: failed to {why}"),
            Reason::Lacks(parts) => write!(f, "no snapshot of it holds {}", names(parts)),
            Reason::OtherHost(hosts) => write!(f, "its snapshots are of another machine: {}", names(hosts)),
            Reason::SameMedium(Some(medium)) => {
                write!(f, "it lies on `{medium}`, as the original does: a point in time, no copy")
            }
            Reason::SameMedium(None) => f.write_str("it lies on the original's own disk: a point in time, no copy"),
            Reason::MediumUnknown => f.write_str(
                "whether it lies on another disk than the original is not known: say `media` of the host and `medium` of \
                 the repository in instance.toml",
            ),
            Reason::Stale { age, allowed } => write!(
                f,
                "its newest whole snapshot is {} old, and may be {}",
                duration(*age),
                duration(*allowed)
            ),
            Reason::Partial => f.write_str("its snapshots are partial: something could not be read"),
            Reason::LiveDatabase(parts) => write!(
                f,
                "it has the files of {}, of a database that may have been writing: dump it, or prove this snapshot by a drill that opens it",
                names(parts)
            ),
            Reason::Sync => f.write_str("it follows the original, deletions included: synchronising is no copy"),
            Reason::Future => f.write_str("its snapshots are from the future, so that their age is not known"),
            Reason::Damaged(what) => write!(f, "it is damaged: {what}"),
            Reason::Unencrypted => f.write_str("it is elsewhere, and not encrypted"),
            Reason::EncryptionUnknown => f.write_str("whether it is encrypted, and so lost without its key, is not known"),
            Reason::KeyLost(places) => {
                write!(f, "its key is kept only where it is lost with the original: {}", names(places))
            }
            Reason::KeyUnknown => f.write_str(
                "nobody has said where else its key is kept: say `key_kept` of the repository in instance.toml",
            ),
            Reason::SiteUnknown => {
                f.write_str("at which place it is, is not known: say `site` of the repository in instance.toml")
            }
            Reason::SameSite(site) => write!(f, "it is at `{site}`, as the original is"),
        }
    }
}
