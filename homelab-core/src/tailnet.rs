//! The private network over everything: its devices and people, its policy, and who may reach what by it.
//!
//! ```
//! use homelab_core::Source;
//! use homelab_core::tailnet::{Policy, Roster, Tailnet};
//!
//! let policy = Policy::parse(&Source::new("policy.hujson", r#"{
//!     "tagOwners": {"tag:nas": ["autogroup:admin"]},
//!     "acls": [{"action": "accept", "src": ["autogroup:member"], "dst": ["tag:nas:443"]}],
//! }"#))?;
//! let roster = Roster::parse(&Source::new("devices.json", r#"{"devices": [
//!     {"hostname": "nas", "addresses": ["100.64.0.2"], "user": "alice@example.com", "tags": ["tag:nas"]},
//!     {"hostname": "phone", "addresses": ["100.64.0.1"], "user": "alice@example.com"}
//! ]}"#))?;
//! let tailnet = Tailnet::new(policy, roster)?;
//!
//! let filters = tailnet.filters();
//! let rule = &filters["nas"][0];
//! assert_eq!(*rule.src_ips, ["100.64.0.1"]);
//! assert_eq!((rule.dst_ports[0].ip.as_str(), rule.dst_ports[0].ports.first), ("100.64.0.2", 443));
//! assert!(filters["phone"].is_empty(), "nobody may start a connection to the telephone");
//! assert_eq!(*tailnet.peers()["phone"][0], *"nas");
//! # Ok::<(), homelab_core::Error>(())
//! ```

mod alias;
#[cfg(feature = "tailnet-api")]
pub mod api;
mod caps;
mod carrier;
mod compile;
mod declared;
pub mod device;
mod diff;
mod directory;
mod doubt;
mod explain;
mod filter;
#[cfg(any(feature = "tailnet-api", all(unix, feature = "local")))]
mod http;
mod hujson;
mod load;
#[cfg(all(unix, feature = "local"))]
pub mod local;
pub(crate) mod meeting;
pub mod node;
mod party;
pub mod policy;
mod ports;
mod query;
mod ranges;
mod reachable;
pub(crate) mod rules;
mod services;
mod ssh;
mod target;
mod text;
mod verdict;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use self::compile::Compiled;
pub use self::device::{Attribute, Device, Role, Roster, User};
pub(crate) use self::directory::canonical_login;
pub use self::node::{Node, Preferences, ServeConfig, ServeTarget, Served, Status, WhoIs};
pub use self::policy::{Note, Policy};
pub use self::target::Target;
use crate::error::{Error, ErrorKind, Result};
use crate::span::Source;
use crate::view::{
    CapabilitiesView, ExplanationView, FilterRuleView, PolicyCheckView, PolicyDiffView, PolicyNoteView,
    PolicyTestView, ReachableView, SshRuleView, WhoCanReachView,
};

/// What the service says of a policy whose own tests do not pass.
const TESTS_FAILED: &str = "test(s) failed";

/// A policy in force over devices and people: what each device enforces, sees and may do.
///
/// It is made once, and asked often. It answers as Tailscale's hosted service does; what no rule allows is denied. Cheap
/// to clone.
#[derive(Clone)]
pub struct Tailnet {
    compiled: Arc<Compiled>,
    https: bool,
}

impl Tailnet {
    /// Puts a policy in force over the devices and people of a roster.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the policy names a domain as the tailnet's own that is
    /// not: the service refuses such a file.
    pub fn new(policy: Policy, roster: Roster) -> Result<Tailnet> {
        let compiled = Compiled::new(policy, roster);
        match compiled.foreign_domain() {
            Some(refusal) => Err(refusal.at(compiled.policy.source())),
            None => Ok(Tailnet {
                compiled: Arc::new(compiled),
                https: false,
            }),
        }
    }

    /// Sets whether the tailnet gives its devices certificates, without which Funnel stays shut. Neither policy nor
    /// roster says; without this call it is taken that it does not.
    #[must_use]
    pub fn with_https(mut self, on: bool) -> Tailnet {
        self.https = on;
        self
    }

    /// Says whether the service would accept a policy for these devices and people, its own tests run.
    pub fn judge(policy: &Source, roster: Roster) -> PolicyCheckView {
        match Policy::parse(policy).and_then(|policy| Tailnet::new(policy, roster)) {
            Ok(tailnet) => tailnet.check(),
            Err(error) => PolicyCheckView {
                accepted: false,
                message: Some(
                    std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string),
                ),
                place: error.place().map(|place| place.view()),
                hint: error.hint().map(str::to_owned),
                failures: Vec::new(),
                notes: Vec::new(),
            },
        }
    }

    /// Says whether the service would accept the policy: whether its `tests` and `sshTests` pass.
    pub fn check(&self) -> PolicyCheckView {
        let policy = &self.compiled.policy;
        let place = |at: (usize, usize)| policy.span(at.0, at.1).view();
        let failures: Vec<PolicyTestView> = self
            .compiled
            .failures()
            .into_iter()
            .map(|failure| PolicyTestView {
                section: failure.section.to_owned(),
                index: failure.index as u64,
                reason: failure.reason,
                place: place(failure.at),
            })
            .collect();
        let notes = policy.notes().iter().map(|note| PolicyNoteView {
            message: note.message().to_owned(),
            place: note.place().view(),
        });
        PolicyCheckView {
            accepted: failures.is_empty(),
            message: (!failures.is_empty()).then(|| TESTS_FAILED.to_owned()),
            place: failures.first().map(|failure| failure.place.clone()),
            hint: (!failures.is_empty()).then(|| "correct the rules, or the tests that fail".to_owned()),
            failures,
            notes: notes.collect(),
        }
    }

    /// Returns the packet filter that each device enforces, by its host name.
    ///
    /// Where several devices have the same host name, each is called by the first word of its MagicDNS name instead, or
    /// by its id. This holds for every answer.
    pub fn filters(&self) -> BTreeMap<String, Vec<FilterRuleView>> {
        let mut written = filter::Written::default();
        self.by_device(|device| self.compiled.filter(device, &mut written))
    }

    /// Returns the SSH rules of each device in the order in which they are tried, by its host name.
    pub fn ssh(&self) -> BTreeMap<String, Vec<SshRuleView>> {
        self.by_device(|device| self.compiled.ssh_views(device))
    }

    /// Returns what each device may do, and what it sees that its peers may do there, by its host name.
    pub fn capabilities(&self) -> CapabilitiesView {
        let mut capabilities = self.compiled.capabilities(self.https).into_iter();
        CapabilitiesView {
            capabilities: self.by_device(|_| capabilities.next().unwrap_or_default()),
            whois: self.by_device(|device| self.compiled.whois(device)),
        }
    }

    /// Returns which devices each device sees, by its host name. To be seen is not to be reached.
    pub fn peers(&self) -> BTreeMap<String, Vec<Arc<str>>> {
        let peers = self.compiled.peers();
        let directory = &self.compiled.directory;
        let mut by_name: Vec<u32> = (0..directory.count()).collect();
        by_name.sort_by(|one, other| directory.name(*one).cmp(directory.name(*other)));
        self.by_device(|device| {
            let peers = &peers[device as usize];
            let seen = by_name.iter().filter(|peer| peers.has(**peer));
            seen.map(|peer| Arc::clone(directory.name(*peer))).collect()
        })
    }

    /// Sets the moment that answers are about. With it, a device whose key is expired reaches nothing and lets nobody in.
    #[must_use]
    pub fn at(mut self, moment: Timestamp) -> Tailnet {
        match Arc::get_mut(&mut self.compiled) {
            Some(compiled) => compiled.now = Some(moment),
            // Whoever holds another handle keeps their moment.
            None => {
                let mut compiled = Compiled::new(self.policy().clone(), self.roster().clone());
                compiled.now = Some(moment);
                self.compiled = Arc::new(compiled);
            }
        }
        self
    }

    /// Says who can reach a target: people, devices of tags, written addresses; by which rules, and as what.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where nothing of the tailnet has the target's name.
    pub fn who_can_reach(&self, target: &Target) -> Result<WhoCanReachView> {
        self.compiled.who_can_reach(target)
    }

    /// Says what somebody can reach: a person by login, a group, a tag, a device by name or address.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where nothing of the tailnet has that name.
    pub fn reachable_from(&self, who: &str) -> Result<ReachableView> {
        self.compiled.reachable_from(who)
    }

    /// Says why somebody can reach a target, or why not, and what comes near.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where nothing of the tailnet has one of the names.
    pub fn explain(&self, from: &str, to: &Target) -> Result<ExplanationView> {
        self.compiled.explain(from, to)
    }

    /// Says who would gain and who would lose what, if this policy were in force instead, over the same devices.
    ///
    /// It is about TCP, UDP, and protocols that a rule names; whether a device answers to pings follows from those.
    /// People who have no device gain and lose nothing.
    ///
    /// # Errors
    /// As [`new`](Tailnet::new).
    pub fn diff(&self, newer: Policy) -> Result<PolicyDiffView> {
        let newer = Tailnet::new(newer, self.roster().clone())?;
        Ok(self.compiled.diff(&newer.compiled))
    }

    /// Returns an answer as JSON, on one line: `filter`, `ssh`, `caps` or `peers`, as the `policy` example prints it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where the word is none of these.
    pub fn to_json(&self, question: &str) -> Result<String> {
        let text = match question {
            "filter" => serde_json::to_string(&One("filters", self.filters())),
            "ssh" => serde_json::to_string(&One("ssh", self.ssh())),
            "caps" => serde_json::to_string(&self.capabilities()),
            "peers" => serde_json::to_string(&One("peers", self.peers())),
            _ => {
                return Err(Error::new(ErrorKind::NotFound, format!("answer `{question}`"))
                    .with_hint("ask for `filter`, `ssh`, `caps` or `peers`"));
            }
        };
        text.map_err(|error| {
            Error::new(ErrorKind::Internal, format!("write `{question}` as JSON")).with_source(error)
        })
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.compiled.policy
    }

    /// Returns the devices and people.
    pub fn roster(&self) -> &Roster {
        self.compiled.directory.roster()
    }

    fn by_device<T>(&self, mut of: impl FnMut(u32) -> T) -> BTreeMap<String, T> {
        let directory = &self.compiled.directory;
        (0..directory.count())
            .map(|device| (directory.name(device).to_string(), of(device)))
            .collect()
    }
}

/// An object of one member.
struct One<T>(&'static str, T);

impl<T: Serialize> Serialize for One<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(1))?;
        object.serialize_entry(self.0, &self.1)?;
        object.end()
    }
}

/// Says how much there is, not what: it names people.
impl fmt::Debug for Tailnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tailnet")
            .field("policy", &self.compiled.policy)
            .field("devices", &self.compiled.directory.count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod questions;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;
