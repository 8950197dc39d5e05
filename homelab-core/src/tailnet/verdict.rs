//! Whether the service accepts a policy for a tailnet: its domains are the tailnet's own, and its own tests pass.

use std::net::IpAddr;

use super::alias::Alias;
use super::compile::Compiled;
use super::policy::{AccessTest, At, PolicyRefusal, SshTest};
use super::ports::{self, TCP, UDP};
use super::ranges::Range;

/// A test that fails.
pub(super) struct Failure {
    pub(super) section: &'static str,
    pub(super) index: usize,
    pub(super) reason: String,
    pub(super) at: (usize, usize),
}

/// Mail for everybody: nobody's own domain.
const PUBLIC_DOMAINS: [&str; 12] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "icloud.com",
    "me.com",
    "yahoo.com",
    "proton.me",
    "protonmail.com",
    "gmx.de",
    "gmx.net",
];

impl Compiled {
    /// Returns why a domain that the policy names is not the tailnet's: that of its owner, or where nobody says who that
    /// is, any that a login has.
    pub(super) fn foreign_domain(&self) -> Option<PolicyRefusal> {
        let people = &self.directory.people;
        let owner = people
            .iter()
            .find(|person| person.role == Some(super::Role::Owner));
        let own: Vec<&str> = match owner {
            Some(owner) => owner.domain().into_iter().collect(),
            None => people
                .iter()
                .filter(|person| !person.external)
                .filter_map(|person| person.domain())
                .collect(),
        };
        let fine = |domain: &str| match domain {
            "passkey" => true,
            domain => {
                (own.is_empty() || own.contains(&domain))
                    && !PUBLIC_DOMAINS.contains(&domain)
                    && domain != "*"
            }
        };
        let foreign = self
            .inner()
            .domains
            .iter()
            .find(|used| !fine(&used.domain.value))?;
        let message = format!(
            "{}{} is not associated with this Tailnet and cannot be used in user:*@<domain> expressions",
            foreign.prefix, foreign.domain.value
        );
        Some(
            PolicyRefusal::new(foreign.domain.place(), message)
                .with_hint("name the domain of the tailnet's own logins"),
        )
    }

    /// Returns the tests of the policy that fail.
    pub(super) fn failures(&self) -> Vec<Failure> {
        let mut failures = Vec::new();
        for (index, test) in self.inner().tests.iter().enumerate() {
            if let Err((reason, at)) = self.access_test(test) {
                failures.push(Failure {
                    section: "tests",
                    index,
                    reason,
                    at,
                });
            }
        }
        for (index, test) in self.inner().ssh_tests.iter().enumerate() {
            if let Err((reason, at)) = self.ssh_test(test) {
                failures.push(Failure {
                    section: "sshTests",
                    index,
                    reason,
                    at,
                });
            }
        }
        failures
    }

    fn access_test(&self, test: &AccessTest) -> Result<(), (String, (usize, usize))> {
        let here = (test.start, test.start + 1);
        let sources = self.test_sources(test.source.as_ref(), here)?;
        if test.accept.is_empty() && test.deny.is_empty() {
            return Err(("neither `accept` nor `deny` has an entry".to_owned(), here));
        }
        let protocols: Vec<u8> = match test.protocol.as_deref().map(str::trim) {
            None | Some("") => vec![TCP, UDP],
            Some(word) => match ports::protocol(word) {
                Ok(protocol) => protocol.into_iter().collect(),
                Err(message) => return Err((message, here)),
            },
        };
        for (list, wanted) in [(&test.accept, true), (&test.deny, false)] {
            for entry in list {
                let fail = |reason: String| Err((reason, entry.place()));
                let (alias, port) = match self.test_destination(entry) {
                    Ok(found) => found,
                    Err(reason) => return fail(reason),
                };
                for source in &sources {
                    let targets = self.test_addresses(&alias, Some(*source));
                    let reached = targets.iter().any(|to| {
                        protocols
                            .iter()
                            .any(|protocol| self.admits(*source, *to, *protocol, port, &test.attributes))
                    });
                    if reached != wanted {
                        let can = if reached { "can" } else { "cannot" };
                        return fail(format!("{source} {can} reach {}", entry.value));
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the addresses of a test's source.
    fn test_sources(
        &self,
        source: Option<&At<String>>,
        here: (usize, usize),
    ) -> Result<Vec<IpAddr>, (String, (usize, usize))> {
        let Some(source) = source.filter(|source| !source.value.trim().is_empty()) else {
            return Err(("`src` is missing".to_owned(), here));
        };
        let fail = |reason: String| Err((reason, source.place()));
        let alias = match Alias::parse(&source.value) {
            Ok(alias) => alias,
            Err(message) => return fail(message),
        };
        if let Some(message) = self.inner().definitions.missing(&alias) {
            return fail(message);
        }
        let addresses = self.test_addresses(&alias, None);
        if addresses.is_empty() {
            return fail(format!("`{}` has no device", source.value.trim()));
        }
        Ok(addresses)
    }

    /// Returns the addresses that an alias means in a test; of a range, one that stands for it.
    fn test_addresses(&self, alias: &Alias, source: Option<IpAddr>) -> Vec<IpAddr> {
        match alias {
            Alias::Address(range) => vec![range.first()],
            Alias::Itself => {
                let owner = source
                    .and_then(|source| self.directory.at(source))
                    .and_then(|at| self.directory.owner(at));
                let devices = owner.map_or(&[][..], |person| &self.directory.people[person as usize].devices);
                devices
                    .iter()
                    .flat_map(|device| self.directory.device(*device).addresses())
                    .copied()
                    .collect()
            }
            _ if alias.names_devices() => {
                let devices = self.devices(alias);
                devices
                    .iter()
                    .flat_map(|device| self.directory.device(device).addresses())
                    .copied()
                    .collect()
            }
            Alias::Any => (0..self.directory.count())
                .flat_map(|device| self.directory.device(device).addresses())
                .copied()
                .collect(),
            _ => self.written(alias).iter().map(|range| range.first()).collect(),
        }
    }

    /// Reads the destination of a test: an alias of single addresses, and one port.
    fn test_destination(&self, entry: &At<String>) -> Result<(Alias, u16), String> {
        let text = entry.value.trim();
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| format!("`{text}` has no port"))?;
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port: &u16| *port > 0 && digits);
        let port = port.ok_or_else(|| format!("`{text}` has no single port from 1 to 65535"))?;
        if host.contains('/') {
            return Err(format!("`{host}` is a prefix: name one address"));
        }
        let alias = Alias::parse(host)?;
        if let Some(message) = self.inner().definitions.missing(&alias) {
            return Err(message);
        }
        let wide = match &alias {
            Alias::Any
            | Alias::Internet
            | Alias::DangerAll
            | Alias::IpSet(_)
            | Alias::Service(_)
            | Alias::Shared => true,
            Alias::Host(_) => self.written(&alias).iter().any(|range| !range.is_single()),
            _ => false,
        };
        match wide {
            true => Err(format!("`{host}` is more than a test can be about")),
            false => Ok((alias, port)),
        }
    }

    /// Returns whether any rule lets a packet through, on whatever device it ends.
    fn admits(
        &self,
        from: IpAddr,
        to: IpAddr,
        protocol: u8,
        port: u16,
        attributes: &[(String, super::Attribute)],
    ) -> bool {
        self.rules().iter().enumerate().any(|(index, rule)| {
            let index = index as u32;
            rule.destinations.iter().any(|destination| {
                destination.ports.iter().any(|ports| ports.admit(protocol, port))
                    && self.is_source(index, from, attributes)
                    && self.covers(&destination.alias.value, from, to)
            })
        })
    }

    fn is_source(&self, rule: u32, from: IpAddr, attributes: &[(String, super::Attribute)]) -> bool {
        let postures = &self.rule(rule).postures;
        if postures.is_empty() || attributes.is_empty() {
            return self.sources(rule).contains(from);
        }
        let find = |name: &str| {
            attributes
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, value)| value.clone())
        };
        let holds = postures.iter().any(|name| {
            let posture = self.inner().definitions.postures.get(name);
            posture.is_some_and(|posture| posture.value.judge_given(&find))
        });
        let aliases = self.rule(rule).sources.iter().map(|source| &source.value);
        holds && self.make_sources(aliases, &[]).contains(from)
    }

    /// Returns whether a destination has an address, asked from another.
    pub(super) fn covers(&self, alias: &Alias, from: IpAddr, to: IpAddr) -> bool {
        match alias {
            Alias::Any => true,
            Alias::Itself => {
                let owner = |address| {
                    self.directory
                        .at(address)
                        .and_then(|device| self.directory.owner(device))
                };
                owner(to).is_some() && owner(from) == owner(to)
            }
            _ if alias.names_devices() => {
                let devices = self.devices(alias);
                self.directory
                    .inside(Range::of(to))
                    .any(|device| devices.has(device))
            }
            _ => self.written(alias).iter().any(|range| range.contains(to)),
        }
    }

    fn ssh_test(&self, test: &SshTest) -> Result<(), (String, (usize, usize))> {
        let here = (test.start, test.start + 1);
        let sources = self.test_sources(test.source.as_ref(), here)?;
        if test.accept.is_empty() && test.check.is_empty() && test.deny.is_empty() {
            return Err((
                "none of `accept`, `check` and `deny` has an entry".to_owned(),
                here,
            ));
        }
        if test.destinations.is_empty() {
            return Err(("`dst` is missing".to_owned(), here));
        }
        let mut targets: Vec<u32> = Vec::new();
        for destination in &test.destinations {
            let alias = Alias::parse(&destination.value).map_err(|message| (message, destination.place()))?;
            let missing = self.inner().definitions.missing(&alias);
            if let Some(message) = missing {
                return Err((message, destination.place()));
            }
            let before = targets.len();
            for source in &sources {
                let addresses = self.test_addresses(&alias, Some(*source));
                targets.extend(
                    addresses
                        .iter()
                        .flat_map(|address| self.directory.inside(Range::of(*address))),
                );
            }
            if targets.len() == before {
                return Err((
                    format!("`{}` has no device", destination.value.trim()),
                    destination.place(),
                ));
            }
        }
        targets.sort_unstable();
        targets.dedup();
        for target in targets {
            let rules = self.ssh_rules(target);
            for source in &sources {
                let Some(device) = self.directory.at(*source) else {
                    return Err((format!("{source} is no device"), here));
                };
                let decides = |user: &str| {
                    let fits = rules
                        .iter()
                        .find(|rule| rule.principals.contains(&device) && rule.admits(user));
                    fits.map(|rule| rule.is_check())
                };
                let lists = [
                    (&test.accept, "accept"),
                    (&test.check, "check"),
                    (&test.deny, "deny"),
                ];
                for (list, kind) in lists {
                    for user in list {
                        let name = user.value.trim();
                        let found = decides(name);
                        let fine = match kind {
                            "accept" => found.is_some(),
                            "check" => found == Some(true),
                            _ => found.is_none(),
                        };
                        if name.is_empty() || !fine {
                            let how = match found {
                                None => "does not get in",
                                Some(false) => "gets in",
                                Some(true) => "gets in after a check",
                            };
                            let reason = format!(
                                "`{name}` from {source} {how} at `{}`",
                                self.directory.name(target)
                            );
                            return Err((reason, user.place()));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
