//! How a policy names who and where: [`Alias`], told apart by its writing alone.

use std::fmt;
use std::sync::Arc;

use super::device::Role;
use super::ranges::Range;

/// One entry of a `src`, `dst` or `target`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Alias {
    /// `*`
    Any,
    /// An address or prefix.
    Address(Range),
    /// A login.
    User(Arc<str>),
    /// `group:..`, with its prefix.
    Group(Arc<str>),
    /// `tag:..`, with its prefix.
    Tag(Arc<str>),
    /// A name of `hosts`.
    Host(Arc<str>),
    /// `ipset:..`, with its prefix.
    IpSet(Arc<str>),
    /// `svc:..`, with its prefix.
    Service(Arc<str>),
    /// `user:*@DOMAIN`, the domain.
    Domain(Arc<str>),
    /// `autogroup:member`
    Member,
    /// `autogroup:tagged`
    Tagged,
    /// `autogroup:admin` and the other roles.
    Role(Role),
    /// `autogroup:self`
    Itself,
    /// `autogroup:internet`
    Internet,
    /// `autogroup:shared`
    Shared,
    /// `autogroup:danger-all`
    DangerAll,
}

impl Alias {
    /// Reads an alias by its writing; whether what it names exists is another question.
    ///
    /// # Errors
    /// The service's words, where it can be nothing.
    pub(super) fn parse(text: &str) -> Result<Alias, String> {
        let text = text.trim();
        let plain = unbracketed(text);
        if let Some(range) = Range::parse(plain.as_deref().unwrap_or(text)) {
            return Ok(Alias::Address(range));
        }
        if text == "*" {
            return Ok(Alias::Any);
        }
        if text.starts_with("group:") {
            return Ok(Alias::Group(text.into()));
        }
        if text.starts_with("tag:") {
            return Ok(Alias::Tag(text.into()));
        }
        if let Some(name) = text.strip_prefix("autogroup:") {
            return autogroup(name).ok_or_else(|| format!("\"{text}\": invalid autogroup"));
        }
        if text.starts_with("ipset:") {
            return Ok(Alias::IpSet(text.into()));
        }
        if text.starts_with("svc:") {
            return Ok(Alias::Service(text.into()));
        }
        if let Some(domain) = text.strip_prefix("user:*@") {
            return Ok(Alias::Domain(domain.to_ascii_lowercase().into()));
        }
        if text.contains('@') {
            return Ok(Alias::User(text.to_ascii_lowercase().into()));
        }
        Ok(Alias::Host(text.into()))
    }

    /// Returns whether `autogroup:self` may stand opposite to it: it names people, not devices or addresses.
    pub(super) fn names_people(&self) -> bool {
        matches!(
            self,
            Alias::User(_) | Alias::Group(_) | Alias::Domain(_) | Alias::Member | Alias::Role(_)
        )
    }

    /// Returns whether it is devices or people, whose addresses belong to devices; not written addresses.
    pub(super) fn names_devices(&self) -> bool {
        self.names_people() || matches!(self, Alias::Tag(_) | Alias::Tagged | Alias::Shared)
    }
}

fn autogroup(name: &str) -> Option<Alias> {
    Some(match name {
        "member" | "members" => Alias::Member,
        "tagged" => Alias::Tagged,
        "self" => Alias::Itself,
        "internet" => Alias::Internet,
        "shared" => Alias::Shared,
        "danger-all" => Alias::DangerAll,
        role => Alias::Role(Role::from_word(role).filter(|role| *role != Role::Member)?),
    })
}

/// Returns `fd7a::1/64` of `[fd7a::1]/64`; brackets are for IPv6 only.
fn unbracketed(text: &str) -> Option<String> {
    let (inside, after) = text.strip_prefix('[')?.split_once(']')?;
    inside.contains(':').then(|| format!("{inside}{after}"))
}

/// As it is written in a policy.
impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Alias::Any => f.write_str("*"),
            Alias::Address(range) => write!(f, "{range}"),
            Alias::User(name)
            | Alias::Group(name)
            | Alias::Tag(name)
            | Alias::Host(name)
            | Alias::IpSet(name)
            | Alias::Service(name) => f.write_str(name),
            Alias::Domain(domain) => write!(f, "user:*@{domain}"),
            Alias::Member => f.write_str("autogroup:member"),
            Alias::Tagged => f.write_str("autogroup:tagged"),
            Alias::Role(role) => write!(f, "autogroup:{}", role.as_str()),
            Alias::Itself => f.write_str("autogroup:self"),
            Alias::Internet => f.write_str("autogroup:internet"),
            Alias::Shared => f.write_str("autogroup:shared"),
            Alias::DangerAll => f.write_str("autogroup:danger-all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_known_by_its_writing() {
        let is = |text: &str| Alias::parse(text).expect("an alias");
        assert_eq!(is(" alice@example.com "), Alias::User("alice@example.com".into()));
        assert_eq!(
            is("group:eng@example.com"),
            Alias::Group("group:eng@example.com".into())
        );
        assert_eq!(is("user:*@Example.com"), Alias::Domain("example.com".into()));
        assert_eq!(is("[fd7a::1]"), is("fd7a::1"));
        assert_eq!(is("[fd7a::]/64"), is("fd7a::/64"));
        assert_eq!(is("[10.0.0.1]"), Alias::Host("[10.0.0.1]".into()));
        assert_eq!(is("10.0.0.0/33"), Alias::Host("10.0.0.0/33".into()));
        assert_eq!(is("autogroup:members"), Alias::Member);
        assert_eq!(is("autogroup:network-admin"), Alias::Role(Role::NetworkAdmin));
        assert!(Alias::parse("autogroup:bogus").is_err());
    }

    #[test]
    fn an_alias_is_written_as_it_was_read() {
        for text in [
            "*",
            "tag:nas",
            "svc:web",
            "ipset:a",
            "autogroup:internet",
            "autogroup:it-admin",
            "10.0.0.0/8",
            "nas",
        ] {
            assert_eq!(Alias::parse(text).expect("an alias").to_string(), text);
        }
    }
}
