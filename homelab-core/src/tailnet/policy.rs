//! The tailnet's policy file, read and found valid: [`Policy`].
//!
//! ```
//! use homelab_core::Source;
//! use homelab_core::tailnet::Policy;
//!
//! let policy = Policy::parse(&Source::new("policy.hujson", r#"{
//!     "tagOwners": {"tag:nas": ["autogroup:admin"]},
//!     "acls": [{"action": "accept", "src": ["autogroup:member"], "dst": ["tag:nas:443"]}], // people
//! }"#))?;
//! assert!(policy.notes().is_empty());
//!
//! let error = Policy::parse(&Source::new("policy.hujson", r#"{"acls": [
//!     {"action": "accept", "src": ["tag:nsa"], "dst": ["*:*"]},
//! ]}"#)).unwrap_err();
//! let reason = std::error::Error::source(&error).unwrap().to_string();
//! assert_eq!(reason, r#"src=tag not found: "tag:nsa""#, "in the service's own words");
//! assert_eq!(error.place().unwrap().to_string(), "policy.hujson:2:34");
//! # Ok::<(), homelab_core::Error>(())
//! ```

mod access;
mod attributes;
mod definitions;
mod duration;
mod posture;
mod read;
mod ssh;

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use super::alias::Alias;
use super::device::Attribute;
use super::hujson;
use super::ports::Ports;
use super::ranges::{Range, Ranges};
use crate::error::{Error, ErrorKind, Result};
use crate::span::{Source, Span};

pub(super) use self::definitions::Definitions;
pub(super) use self::posture::Truth;
use self::read::Reader;
pub(super) use self::ssh::{SshAction, SshRule};

/// A policy whose every value means something: who may reach what, in the words of its file.
///
/// Reading refuses what the service refuses when the file is saved, with the service's message as the error's source
/// and the place in the file. Whether the file's own tests pass is asked of a [`Tailnet`](super::Tailnet), since they
/// are about devices. Cheap to clone.
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

/// What a policy says.
pub(super) struct Inner {
    pub(super) source: Source,
    pub(super) definitions: Definitions,
    /// Every rule of `grants`, then of `acls`, in one form. None where the file has neither section.
    pub(super) rules: Option<Vec<Rule>>,
    pub(super) ssh: Vec<SshRule>,
    pub(super) node_attributes: Vec<NodeAttribute>,
    /// `randomizeClientPort`, which is as an attribute of every device.
    pub(super) randomize_client_port: bool,
    pub(super) tests: Vec<AccessTest>,
    pub(super) ssh_tests: Vec<SshTest>,
    /// Domains that `user:*@` and `localpart:*@` name: the tailnet's own, or the file is refused.
    pub(super) domains: Vec<DomainUse>,
    notes: Vec<Note>,
}

/// A value and the bytes in which it is written.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The section in which a rule is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Section {
    Grants,
    Acls,
    /// No section: what holds where the file has neither.
    Default,
}

/// One entry of `acls` or `grants`.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "where a rule is written is for answers, which name it")]
pub(super) struct Rule {
    pub(super) section: Section,
    pub(super) index: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) sources: Vec<At<Alias>>,
    pub(super) destinations: Vec<Destination>,
    pub(super) app: Option<Arc<Map<String, Json>>>,
    /// Tags, with their prefix.
    pub(super) via: Vec<Arc<str>>,
    /// Names of postures, one of which has to hold for the source; the file's defaults where the rule has none.
    pub(super) postures: Vec<Arc<str>>,
}

/// One entry of a rule's `dst`.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) alias: At<Alias>,
    /// Empty where the rule grants capabilities only.
    pub(super) ports: Arc<[Ports]>,
}

/// One entry of `nodeAttrs`.
#[derive(Clone, Debug)]
pub(super) struct NodeAttribute {
    pub(super) targets: Vec<At<Alias>>,
    pub(super) attributes: Vec<At<String>>,
}

/// One entry of `tests`.
#[derive(Clone, Debug)]
pub(super) struct AccessTest {
    pub(super) start: usize,
    pub(super) source: Option<At<String>>,
    /// What is said of the source's posture.
    pub(super) attributes: Vec<(String, Attribute)>,
    /// Words as written; none where absent.
    pub(super) protocol: Option<String>,
    pub(super) accept: Vec<At<String>>,
    pub(super) deny: Vec<At<String>>,
}

/// One entry of `sshTests`.
#[derive(Clone, Debug)]
pub(super) struct SshTest {
    pub(super) start: usize,
    pub(super) source: Option<At<String>>,
    pub(super) destinations: Vec<At<String>>,
    pub(super) accept: Vec<At<String>>,
    pub(super) check: Vec<At<String>>,
    pub(super) deny: Vec<At<String>>,
}

/// A domain that a file names as the tailnet's own.
#[derive(Clone, Debug)]
pub(super) struct DomainUse {
    pub(super) domain: At<Arc<str>>,
    /// What the service puts before its message there.
    pub(super) prefix: &'static str,
}

/// Something of a file that is accepted and still not as it should be.
#[derive(Clone, Debug)]
pub struct Note {
    place: Span,
    message: String,
}

impl Note {
    /// Returns where it is.
    pub fn place(&self) -> &Span {
        &self.place
    }

    /// Returns what it is, in a fragment without a full stop.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Policy {
    /// Reads a policy as its file holds it: JSON with comments and trailing commas.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] where the service would refuse the file; the error's source is the service's message
    /// where one is known, and its place the value that is at fault.
    pub fn parse(source: &Source) -> Result<Policy> {
        let root = hujson::parse(source.text()).map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("read the policy `{}`", source.name()))
                .with_place(Span::new(source, error.at, error.at))
                .with_hint("a policy is JSON that may have comments and trailing commas")
                .with_source(Refused(error.to_string()))
        })?;
        let mut reader = Reader::new();
        match reader.policy(source, &root) {
            Ok(inner) => Ok(Policy(Arc::new(inner))),
            Err(refusal) => Err(refusal.at(source)),
        }
    }

    /// Returns the file that it was read from.
    pub fn source(&self) -> &Source {
        &self.0.source
    }

    /// Returns what is accepted and still not as it should be: keys that are written twice, parts of which it is not
    /// known how the service reads them.
    pub fn notes(&self) -> &[Note] {
        &self.0.notes
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Returns the stretch of the file between two offsets.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(&self.0.source, start, end)
    }
}

/// Says how many rules there are, not what they say: a policy names people.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("source", &self.0.source)
            .field("rules", &self.0.rules.as_ref().map(Vec::len))
            .field("ssh", &self.0.ssh.len())
            .finish_non_exhaustive()
    }
}

/// Why a policy is refused, in the service's words where they are known: the source of the error.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// The addresses that every tailnet is made of: 100.64.0.0/10 without what ChromeOS has for itself, and Tailscale's own
/// prefix of IPv6.
pub(super) fn tailnet_ranges() -> Ranges {
    let parse = |text| Range::parse(text).expect("it is a prefix");
    let all: Ranges = ["100.64.0.0/10", "fd7a:115c:a1e0::/48"]
        .map(parse)
        .into_iter()
        .collect();
    all.without(&[parse("100.115.92.0/23")].into_iter().collect())
}

/// What `autogroup:internet` is: IPv4 without the private, shared and link-local ranges, and IPv6's global unicast.
pub(super) fn internet_ranges() -> Ranges {
    let parse = |text| Range::parse(text).expect("it is a prefix");
    let all: Ranges = ["0.0.0.0/0", "2000::/3"].map(parse).into_iter().collect();
    let own = [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ];
    all.without(&own.map(parse).into_iter().collect())
}

/// A list of names, kept by name.
pub(super) type Named<T> = IndexMap<Arc<str>, T, foldhash::fast::RandomState>;

pub(super) use self::read::Refusal as PolicyRefusal;
