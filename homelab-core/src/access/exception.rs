//! What the policy allows, and what its exceptions claim: each mitigation is looked for on every path that needs it.

use jiff::Timestamp;

use super::path::{GuardKind, Path, PathKind};
use super::{Exposure, Facts};
use crate::lab::{Allowed, Exception, MitigationKind, Pattern};
use crate::view::Reach;

/// Whether what an exception claims is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum MitigationState {
    /// It stands on every path.
    Verified,
    /// The files cannot show it.
    Unverified,
    /// A path goes past it.
    Contradicted,
}

/// A service measured against the policy.
pub(super) struct Measured<'a> {
    pub(super) exposure: &'a Exposure,
    pub(super) allowed: Allowed,
    /// The exception that counts now and allows as much as can come in.
    pub(super) exception: Option<&'a Exception>,
    /// One that would, and has ended.
    pub(super) expired: Option<&'a Exception>,
}

impl<'a> Measured<'a> {
    pub(super) fn new(exposure: &'a Exposure, pattern: &'a Pattern, now: Timestamp) -> Self {
        let fits = |exception: &&Exception| {
            exception.service().value().matches(exposure.id()) && exception.reach() >= exposure.reach()
        };
        let (expired, live): (Vec<_>, Vec<_>) = pattern
            .exceptions()
            .iter()
            .filter(fits)
            .partition(|exception| exception.is_expired(now));
        let last = |exceptions: Vec<&'a Exception>| {
            exceptions
                .into_iter()
                .max_by_key(|exception| *exception.expires().value())
        };
        Measured {
            exposure,
            allowed: pattern.policy().allowed(exposure.id()),
            exception: last(live),
            expired: last(expired),
        }
    }

    /// Returns the paths by which more comes in than the policy allows.
    pub(super) fn beyond(&self) -> impl Iterator<Item = &'a Path> {
        let allowed = self.allowed.reach;
        self.exposure
            .paths()
            .iter()
            .filter(move |path| path.zone() > allowed)
    }

    /// Returns what is known of a mitigation, and a path that goes past it or does not show it.
    pub(super) fn state(&self, mitigation: MitigationKind) -> (MitigationState, Option<&'a Path>) {
        let wanted = match mitigation {
            MitigationKind::Auth => GuardKind::Auth,
            MitigationKind::RateLimit => GuardKind::RateLimit,
            MitigationKind::Waf => GuardKind::Waf,
            MitigationKind::AllowList => GuardKind::AllowList,
        };
        let elsewhere = self.beyond().any(|path| path.is_guarded_by(wanted));
        let mut unseen = None;
        for path in self.beyond() {
            match look(path, wanted, elsewhere, &self.exposure.facts) {
                MitigationState::Verified => {}
                MitigationState::Unverified => unseen = unseen.or(Some(path)),
                MitigationState::Contradicted => return (MitigationState::Contradicted, Some(path)),
            }
        }
        match unseen {
            Some(path) => (MitigationState::Unverified, Some(path)),
            None => (MitigationState::Verified, None),
        }
    }
}

/// Returns whether a guard stands on one path. `elsewhere` says that another path has it: then the proxy was meant to
/// bring it, and not the application itself.
fn look(path: &Path, wanted: GuardKind, elsewhere: bool, facts: &Facts) -> MitigationState {
    if path.is_guarded_by(wanted) {
        return MitigationState::Verified;
    }
    let hidden = path.is_guarded_by(GuardKind::Unseen)
        || matches!(
            path.kind(),
            PathKind::Tunnel | PathKind::QuickTunnel | PathKind::Funnel
        );
    if hidden {
        return MitigationState::Unverified;
    }
    // An application may ask for a password, or count requests, by itself; it cannot see who is on an address list of
    // the router either, but a list that no file shows is one that nobody can check.
    let by_itself = match wanted {
        GuardKind::Auth => !facts.has_no_auth(path.port()),
        GuardKind::RateLimit => true,
        _ => false,
    };
    if by_itself && !elsewhere {
        MitigationState::Unverified
    } else {
        MitigationState::Contradicted
    }
}

/// Returns the exceptions that change nothing: their services stay within the policy anyway.
pub(super) fn unneeded<'a>(
    pattern: &'a Pattern,
    exposures: &'a [Exposure],
) -> impl Iterator<Item = (&'a Exception, Reach)> {
    pattern.exceptions().iter().filter_map(|exception| {
        let mut meant = exposures
            .iter()
            .filter(|exposure| exception.service().value().matches(exposure.id()))
            .peekable();
        // An exception for what is not in the lab is a diagnostic of lab.toml.
        meant.peek()?;
        // What may turn out to be wider keeps its exception.
        let widest = meant.clone().map(Exposure::at_most).max()?;
        let needed = meant.any(|exposure| exposure.at_most() > pattern.policy().allowed(exposure.id()).reach);
        (!needed).then_some((exception, widest))
    })
}
