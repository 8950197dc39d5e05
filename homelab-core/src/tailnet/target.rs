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
    port: Option<u16>,
    protocol: u8,
}

impl Target {
    /// Returns a port of a device.
    pub(super) fn of(host: &str, port: u16, protocol: u8) -> Target {
        Target {
            host: host.to_owned(),
            port: Some(port),
            protocol,
        }
    }

    /// Returns the host as it was named, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port; none for a protocol that has none.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns the protocol's number: 6 is TCP, 17 is UDP.
    pub fn protocol(&self) -> u8 {
        self.protocol
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
        let (host, port) = match ports::has_ports(Some(protocol)) {
            true => {
                let (host, port) = rest
                    .rsplit_once(':')
                    .ok_or_else(|| wrong("write `host:port`, such as nas:443"))?;
                let port: u16 = port
                    .parse()
                    .map_err(|_| wrong("the port is a number from 1 to 65535"))?;
                (host, Some(port))
            }
            false => (rest.strip_suffix(":*").unwrap_or(rest), None),
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
            port,
            protocol,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", ports::protocol_name(Some(self.protocol)))
    }
}
