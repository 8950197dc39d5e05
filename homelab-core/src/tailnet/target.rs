//! What somebody wants to reach: a host, a port and a protocol.

use std::fmt;
use std::str::FromStr;

use super::ports;
use crate::error::{Error, ErrorKind, Result};

/// A host's port: `nas:443`, `nas:53/udp`, `192.168.1.7:22/tcp`, `[fd7a::1]:443`, or `nas/icmp` for a ping.
///
/// The host is a device by its name or MagicDNS name, a name of the policy's `hosts`, or an address. Without a protocol it
/// is TCP. Protocols without ports have none.
///
/// ```
/// use homelab_core::tailnet::Target;
///
/// let target: Target = "nas:443".parse()?;
/// assert_eq!((target.host(), target.port()), ("nas", Some(443)));
/// assert_eq!(target.to_string(), "nas:443/tcp");
/// assert_eq!("[fd7a::1]:53/udp".parse::<Target>()?.host(), "fd7a::1");
/// assert!("nas".parse::<Target>().is_err(), "which port?");
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    host: String,
    /// The first and last port, one of which is asked about; none where the protocol has none, or nobody knows which.
    ports: Option<(u16, u16)>,
    protocol: u8,
    /// Whether the host may be a prefix, one of whose addresses is meant.
    loose: bool,
}

impl Target {
    /// Returns ports on which a way of a lab begins; without any, one that is not known.
    pub(super) fn of(host: &str, ports: Option<(u16, u16)>, protocol: u8) -> Target {
        Target {
            host: host.to_owned(),
            ports,
            protocol,
            loose: true,
        }
    }

    /// Returns the host as it was named, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, of several the first; none for a protocol that has none.
    pub fn port(&self) -> Option<u16> {
        self.ports.map(|(first, _)| first)
    }

    /// Returns the first and last port; none where there is none, or it is not known which it is.
    pub(super) fn ports(&self) -> Option<(u16, u16)> {
        self.ports
    }

    /// Returns whether this port is among those that are asked about.
    pub(super) fn has_port(&self, port: u16) -> bool {
        self.ports
            .is_some_and(|(first, last)| (first..=last).contains(&port))
    }

    /// Returns the service of the tailnet that is its host, with its prefix.
    pub(super) fn service(&self) -> Option<&str> {
        self.host.starts_with("svc:").then_some(self.host.as_str())
    }

    /// Returns whether its host may be a prefix, one of whose addresses is meant.
    pub(super) fn is_loose(&self) -> bool {
        self.loose
    }

    /// Returns the protocol's number: 6 is TCP, 17 is UDP.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Returns whether it is TCP.
    pub(crate) fn is_tcp(&self) -> bool {
        self.protocol == ports::TCP
    }

    /// Returns whether it is a ping, which any rule lets through that joins the two.
    pub(super) fn is_ping(&self) -> bool {
        matches!(self.protocol, 1 | 58)
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Target> {
        let wrong = |hint: &str| {
            Error::new(ErrorKind::Invalid, format!("read the target `{text}`")).with_hint(hint.to_owned())
        };
        let (rest, word) = match text.trim().rsplit_once('/') {
            Some((rest, word)) => (rest, word),
            None => (text.trim(), "tcp"),
        };
        let protocol = ports::protocol(word).ok().flatten();
        let protocol =
            protocol.ok_or_else(|| wrong("the protocol is a name such as tcp, udp or icmp, or a number"))?;
        let is_bare_service = rest.starts_with("svc:") && rest.matches(':').count() == 1;
        let (host, port) = match ports::has_ports(Some(protocol)) {
            true => {
                let (host, port) = rest
                    .rsplit_once(':')
                    .filter(|_| !is_bare_service)
                    .ok_or_else(|| wrong("write `host:port`, such as nas:443 or svc:web:443"))?;
                let port: u16 = port
                    .parse()
                    .map_err(|_| wrong("the port is a number from 1 to 65535"))?;
                (host, Some(port))
            }
            false => {
                let host = rest.strip_suffix(":*").unwrap_or(rest);
                // An address of IPv6 without brackets has no port behind its last colon.
                let is_port = |(before, port): (&str, &str)| {
                    !port.is_empty()
                        && port.bytes().all(|byte| byte.is_ascii_digit())
                        && (!before.contains(':') || before.ends_with(']') || before.starts_with("svc:"))
                };
                if host.rsplit_once(':').is_some_and(is_port) && !is_bare_service {
                    return Err(wrong(&format!(
                        "{} has no ports: leave the number out",
                        ports::protocol_name(Some(protocol))
                    )));
                }
                (host, None)
            }
        };
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if host.is_empty() || port == Some(0) {
            return Err(wrong("write `host:port`, such as nas:443"));
        }
        Ok(Target {
            host: host.to_owned(),
            ports: port.map(|port| (port, port)),
            protocol,
            loose: false,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') && self.service().is_none() {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        match self.ports {
            Some((first, last)) if first == last => write!(f, ":{first}")?,
            Some((first, last)) => write!(f, ":{first}-{last}")?,
            None => {}
        }
        write!(f, "/{}", ports::protocol_name(Some(self.protocol)))
    }
}
