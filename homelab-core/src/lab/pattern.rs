//! What lab.toml says: the part of a lab that can be shared.

mod backups;
pub(super) mod read;
pub(crate) mod retention;
mod schedule;

use indexmap::IndexMap;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use self::backups::BackupPolicy;
pub use self::retention::Retention;
pub use self::schedule::Schedule;
use super::slot::Slot;
use crate::name::{
    DatasetName, HostName, InvalidName, ProjectName, RoleName, ServiceId, ServiceName, SlotName,
};
use crate::span::{Source, Span, Spanned};
use crate::stratum::Stratum;
use crate::system::{Class, System};
use crate::view::Reach;

/// What lab.toml says. Every part is absent where the file is, or where its value could not be understood.
#[derive(Clone, Debug, Default)]
pub struct Pattern {
    pub(super) source: Option<Source>,
    pub(super) audience: Option<Spanned<Audience>>,
    pub(super) policy: Policy,
    pub(super) tiers: IndexMap<ProjectName, Spanned<Tier>>,
    pub(super) datasets: IndexMap<DatasetName, DatasetEntry>,
    pub(super) backups: BackupPolicy,
    pub(super) exceptions: Vec<Exception>,
    pub(super) slots: IndexMap<SlotName, Slot>,
    pub(super) systems: IndexMap<String, Spanned<System>>,
    pub(super) rules: IndexMap<String, Spanned<bool>>,
    pub(super) strata: Vec<(Spanned<String>, Stratum)>,
}

impl Pattern {
    /// Returns the file, where there is one.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// Returns for whom the lab is.
    pub fn audience(&self) -> Option<Audience> {
        self.audience.as_ref().map(|audience| *audience.value())
    }

    /// Returns where the audience is written.
    pub fn audience_span(&self) -> Option<&Span> {
        self.audience.as_ref().map(Spanned::span)
    }

    /// Returns who may reach what.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the tier of a project: unknown where lab.toml does not name it.
    pub fn tier(&self, project: &ProjectName) -> Tier {
        self.tiers
            .get(project)
            .map_or(Tier::Unknown, |tier| *tier.value())
    }

    /// Returns every project that has a tier, with the place where its name is written.
    pub fn tiers(&self) -> &IndexMap<ProjectName, Spanned<Tier>> {
        &self.tiers
    }

    /// Returns the declared datasets.
    pub fn datasets(&self) -> &IndexMap<DatasetName, DatasetEntry> {
        &self.datasets
    }

    /// Returns how they are copied, checked, drilled and pruned.
    pub fn backups(&self) -> &BackupPolicy {
        &self.backups
    }

    /// Returns the exceptions from the policy, in the order of the file. Each is complete: one that lacks its reason,
    /// owner, end or mitigation is a diagnostic, and not here.
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// Returns the declared slots.
    pub fn slots(&self) -> &IndexMap<SlotName, Slot> {
        &self.slots
    }

    /// Returns the applications that this lab adds to those that the library recognises; [`Lab::catalog`] has both.
    ///
    /// [`Lab::catalog`]: super::Lab::catalog
    pub fn systems(&self) -> &IndexMap<String, Spanned<System>> {
        &self.systems
    }

    /// Returns the rules and sets of rules that are turned on or off, by id.
    pub fn rules(&self) -> &IndexMap<String, Spanned<bool>> {
        &self.rules
    }

    /// Returns which stratum the files have that match a glob, in the order of the file; the last that matches counts.
    pub fn strata(&self) -> &[(Spanned<String>, Stratum)] {
        &self.strata
    }
}

/// Writes an enum of words: its text in files, its parser, and the list of all words that messages and schemas show.
macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every one, in the order of their declaration.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// The words, in the same order.
            #[allow(dead_code, reason = "some of these enums are only written")]
            pub(crate) const WORDS: &'static [&'static str] = &[$($word),+];

            /// Returns the word for it, as in files and JSON.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($type::$variant => $word),+
                }
            }

            /// Returns what a word means, if anything.
            #[allow(dead_code, reason = "some of these enums are only written")]
            pub(crate) fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| item.as_str() == word)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(super) use words;

/// For whom a lab is, from few to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// One person.
    Solo,
    /// A household.
    Family,
    /// People of several households who know each other.
    Friends,
    /// People who work together.
    Team,
    /// Anybody.
    Public,
}
words!(Audience {
    Solo = "solo",
    Family = "family",
    Friends = "friends",
    Team = "team",
    Public = "public",
});

/// How careful one is with a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// Others rely on it: its data is kept, it is updated by hand.
    Production,
    /// It may break and be made anew.
    Sandbox,
    /// Nobody has said.
    #[default]
    Unknown,
}
words!(Tier {
    Production = "production",
    Sandbox = "sandbox",
    Unknown = "unknown",
});

/// What softens the risk of a wide reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MitigationKind {
    /// Whoever comes in must say who they are.
    Auth,
    /// Many requests from one place are slowed or refused.
    RateLimit,
    /// Requests that look like attacks are refused.
    Waf,
    /// Only listed addresses come in.
    AllowList,
}
words!(MitigationKind {
    Auth = "auth",
    RateLimit = "rate-limit",
    Waf = "waf",
    AllowList = "allow-list",
});

/// Which services a line of lab.toml is about: `immich/server`, `immich` for a whole project, each optionally on one
/// machine, `nas:immich`.
///
/// Displays as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    host: Option<HostName>,
    project: ProjectName,
    service: Option<ServiceName>,
}

impl Selector {
    /// Returns whether a service is among those meant. A service whose machine nobody knows is never meant by a
    /// selector that names one.
    pub fn matches(&self, id: &ServiceId) -> bool {
        self.project == *id.project()
            && self
                .service
                .as_ref()
                .is_none_or(|service| service == id.service())
            && self.host.as_ref().is_none_or(|host| Some(host) == id.host())
    }

    /// Returns the machine, where one is named.
    pub fn host(&self) -> Option<&HostName> {
        self.host.as_ref()
    }

    /// Returns the project.
    pub fn project(&self) -> &ProjectName {
        &self.project
    }

    /// Returns the service; none means all of the project.
    pub fn service(&self) -> Option<&ServiceName> {
        self.service.as_ref()
    }

    /// Returns how exact it is: a named machine or service each make it more so.
    fn weight(&self) -> u8 {
        2 * u8::from(self.service.is_some()) + u8::from(self.host.is_some())
    }
}

impl std::str::FromStr for Selector {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (host, rest) = match text.split_once(':') {
            Some((host, rest)) => (Some(HostName::new(host)?), rest),
            None => (None, text),
        };
        let (project, service) = match rest.split_once('/') {
            Some((project, service)) => (project, Some(ServiceName::new(service)?)),
            None => (rest, None),
        };
        Ok(Selector {
            host,
            project: ProjectName::new(project)?,
            service,
        })
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}:")?;
        }
        write!(f, "{}", self.project)?;
        match &self.service {
            Some(service) => write!(f, "/{service}"),
            None => Ok(()),
        }
    }
}

/// Who may reach what: `[policy]`.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub(super) reach: Option<Spanned<Reach>>,
    pub(super) services: Vec<(Spanned<Selector>, Spanned<Reach>)>,
}

/// The widest reach that the policy allows a service, and the line that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The widest zone that may come in.
    pub reach: Reach,
    /// The line of lab.toml; none where nobody wrote one.
    pub span: Option<Span>,
}

impl Policy {
    /// What is allowed where lab.toml says nothing: anything but the internet.
    pub const DEFAULT: Reach = Reach::Lan;

    /// Returns the default reach, where one is written.
    pub fn reach(&self) -> Option<&Spanned<Reach>> {
        self.reach.as_ref()
    }

    /// Returns what is written for single services and projects.
    pub fn services(&self) -> &[(Spanned<Selector>, Spanned<Reach>)] {
        &self.services
    }

    /// Returns what is allowed for a service: the most exact line that means it, else the default.
    pub fn allowed(&self, id: &ServiceId) -> Allowed {
        let own = self
            .services
            .iter()
            .filter(|(selector, _)| selector.value().matches(id))
            .max_by_key(|(selector, _)| selector.value().weight())
            .map(|(_, reach)| reach);
        match own.or(self.reach.as_ref()) {
            Some(reach) => Allowed {
                reach: *reach.value(),
                span: Some(reach.span().clone()),
            },
            None => Allowed {
                reach: Policy::DEFAULT,
                span: None,
            },
        }
    }
}

/// Data worth a verdict, as declared: `[datasets.NAME]`.
#[derive(Clone, Debug)]
pub struct DatasetEntry {
    pub(super) name: DatasetName,
    pub(super) span: Span,
    pub(super) class: Option<Spanned<Class>>,
    pub(super) volumes: Vec<Spanned<(ProjectName, String)>>,
    pub(super) paths: Vec<Spanned<String>>,
    pub(super) services: Vec<Spanned<Selector>>,
    pub(super) recovery_point: Option<Spanned<SignedDuration>>,
    pub(super) keep: Option<Spanned<Retention>>,
}

impl DatasetEntry {
    /// Returns its name.
    pub fn name(&self) -> &DatasetName {
        &self.name
    }

    /// Returns where it is declared.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns what losing it would mean.
    pub fn class(&self) -> Option<Class> {
        self.class.as_ref().map(|class| *class.value())
    }

    /// Returns its named volumes: the project and the volume's key in that project's file.
    pub fn volumes(&self) -> &[Spanned<(ProjectName, String)>] {
        &self.volumes
    }

    /// Returns its paths as written, with slots: `${PHOTOS}`.
    pub fn paths(&self) -> &[Spanned<String>] {
        &self.paths
    }

    /// Returns the services whose data belongs to it.
    pub fn services(&self) -> &[Spanned<Selector>] {
        &self.services
    }

    /// Returns which of its snapshots stay, where it says so.
    pub fn keep(&self) -> Option<&Retention> {
        self.keep.as_ref().map(Spanned::value)
    }

    /// Returns how old the newest counting snapshot may be: as written, else as its class says.
    pub fn recovery_point(&self) -> Option<SignedDuration> {
        match &self.recovery_point {
            Some(duration) => Some(*duration.value()),
            None => self.class().and_then(recovery_point_of),
        }
    }
}

/// How old the newest counting snapshot may be of data that cannot be made again, whatever is written.
pub(crate) const OLDEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Returns how old the newest counting snapshot may be where the dataset does not say; none for what can be made
/// again.
pub(crate) fn recovery_point_of(class: Class) -> Option<SignedDuration> {
    match class {
        Class::Irreplaceable => Some(SignedDuration::from_hours(36)),
        Class::Important => Some(SignedDuration::from_hours(7 * 24)),
        Class::Reproducible | Class::Cache => None,
    }
}

/// A reach wider than the policy, with reason, owner, end and mitigation: `[[exceptions]]`.
#[derive(Clone, Debug)]
pub struct Exception {
    pub(super) span: Span,
    pub(super) service: Spanned<Selector>,
    pub(super) reach: Spanned<Reach>,
    pub(super) reason: Spanned<String>,
    pub(super) owner: Spanned<RoleName>,
    pub(super) expires: Spanned<Date>,
    pub(super) mitigations: Vec<Spanned<MitigationKind>>,
}

impl Exception {
    /// Returns where it is written.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns which services it is for.
    pub fn service(&self) -> &Spanned<Selector> {
        &self.service
    }

    /// Returns the reach that it allows.
    pub fn reach(&self) -> Reach {
        *self.reach.value()
    }

    /// Returns why.
    pub fn reason(&self) -> &str {
        self.reason.value()
    }

    /// Returns the role that answers for it.
    pub fn owner(&self) -> &RoleName {
        self.owner.value()
    }

    /// Returns where the owner is written.
    pub fn owner_span(&self) -> &Span {
        self.owner.span()
    }

    /// Returns the last day on which it counts.
    pub fn expires(&self) -> &Spanned<Date> {
        &self.expires
    }

    /// Returns the mitigations that it claims, at least one.
    pub fn mitigations(&self) -> &[Spanned<MitigationKind>] {
        &self.mitigations
    }

    /// Returns whether it has ended: its last day is over in every time zone that could be meant, which is taken as
    /// UTC, so that the verdict does not depend on where it is made.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.to_zoned(TimeZone::UTC).date() > *self.expires.value()
    }
}
