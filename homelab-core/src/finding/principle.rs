//! The principles that rules serve.

use std::fmt;

/// A principle of the pattern: every rule serves one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principle {
    /// What is written can be read: the files mean what their author thinks they mean.
    Valid,
    /// Access is gated by the tailnet first.
    TailnetFirst,
    /// No public port without a reason and a mitigation.
    NoPublicPort,
    /// No public DNS names for private services.
    NoPublicDns,
    /// One Compose file for each service.
    OneFilePerService,
    /// Configuration is under version control.
    VersionedConfiguration,
    /// Data lives in named volumes.
    NamedVolumes,
    /// Three copies, two media, one offsite.
    ThreeTwoOne,
    /// A monitoring baseline covers every service.
    MonitoringBaseline,
    /// Updates by hand in production, automatic in sandboxes.
    ManualUpdates,
    /// The shareable pattern is kept apart from the private instance.
    PatternApart,
    /// Identity fits the audience: each person reaches what they may, with least privilege.
    IdentityFitsAudience,
}

impl Principle {
    /// Every principle, in the order of their declaration.
    pub const ALL: [Principle; 12] = [
        Principle::Valid,
        Principle::TailnetFirst,
        Principle::NoPublicPort,
        Principle::NoPublicDns,
        Principle::OneFilePerService,
        Principle::VersionedConfiguration,
        Principle::NamedVolumes,
        Principle::ThreeTwoOne,
        Principle::MonitoringBaseline,
        Principle::ManualUpdates,
        Principle::PatternApart,
        Principle::IdentityFitsAudience,
    ];

    /// Returns the principle's word, as in JSON: `no-public-port`.
    pub fn as_str(self) -> &'static str {
        match self {
            Principle::Valid => "valid",
            Principle::TailnetFirst => "tailnet-first",
            Principle::NoPublicPort => "no-public-port",
            Principle::NoPublicDns => "no-public-dns",
            Principle::OneFilePerService => "one-file-per-service",
            Principle::VersionedConfiguration => "versioned-configuration",
            Principle::NamedVolumes => "named-volumes",
            Principle::ThreeTwoOne => "three-two-one",
            Principle::MonitoringBaseline => "monitoring-baseline",
            Principle::ManualUpdates => "manual-updates",
            Principle::PatternApart => "pattern-apart",
            Principle::IdentityFitsAudience => "identity-fits-audience",
        }
    }
}

impl fmt::Display for Principle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
