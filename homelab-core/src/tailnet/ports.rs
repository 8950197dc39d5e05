//! Protocols and ports, as rules write them and as packet filters carry them.

use std::fmt;

use super::policy::At;

/// The protocols that a rule without one stands for: TCP, UDP, ICMP and ICMPv6.
pub(super) const DEFAULT_PROTOCOLS: [u8; 4] = [6, 17, 1, 58];

/// TCP's number.
pub(super) const TCP: u8 = 6;
/// UDP's number.
pub(super) const UDP: u8 = 17;

/// One entry of what a destination may be asked for: a protocol, or the usual four, and a range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ports {
    /// The protocol's number; none is [`DEFAULT_PROTOCOLS`].
    pub(super) protocol: Option<u8>,
    pub(super) first: u16,
    pub(super) last: u16,
    /// Which entry of the grant's `ip` said so.
    pub(super) index: u32,
}

impl Ports {
    /// Returns whether a packet of this protocol to one of these ports is meant.
    pub(super) fn meets(&self, protocol: u8, first: u16, last: u16) -> bool {
        match protocol {
            TCP | UDP | 132 => {
                self.protocol
                    .map_or(DEFAULT_PROTOCOLS.contains(&protocol), |own| own == protocol)
                    && self.first <= last
                    && first <= self.last
            }
            _ => self.admit(protocol, first),
        }
    }

    /// Returns whether a packet of this protocol to this port is meant.
    pub(super) fn admit(&self, protocol: u8, port: u16) -> bool {
        let meant = match self.protocol {
            Some(own) => own == protocol,
            None => DEFAULT_PROTOCOLS.contains(&protocol),
        };
        meant
            && match protocol {
                TCP | UDP | 132 => (self.first..=self.last).contains(&port),
                _ => self.first == 0 && self.last == u16::MAX,
            }
    }
}

/// As a grant's `ip` has it: `*`, `443`, `tcp:80-90`.
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.protocol.is_some() {
            write!(f, "{}:", protocol_name(self.protocol))?;
        }
        match (self.first, self.last) {
            (0, u16::MAX) => f.write_str("*"),
            (first, last) if first == last => write!(f, "{first}"),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// Reads `*`, `80`, `80,443`, `1000-2000`.
///
/// # Errors
/// The service's words.
pub(super) fn ports(text: &str) -> Result<Vec<(u16, u16)>, String> {
    text.split(',').map(|part| port_range(part.trim())).collect()
}

fn port_range(text: &str) -> Result<(u16, u16), String> {
    if text == "*" {
        return Ok((0, u16::MAX));
    }
    let wrong = |what: &str| format!("port range \"{text}\": {what}");
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => {
            let first = number(first).ok_or_else(|| wrong("invalid first integer"))?;
            (first, number(last).ok_or_else(|| wrong("invalid last integer"))?)
        }
        None => {
            let only = number(text).ok_or_else(|| wrong("invalid first integer"))?;
            (only, only)
        }
    };
    if first == 0 {
        return Err(wrong("first port must be >0, or use '*' for wildcard"));
    }
    if last < first {
        return Err(wrong("last port must be >= first"));
    }
    Ok((first, last))
}

fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Reads an ACL's `proto`.
///
/// # Errors
/// What it should be.
pub(super) fn protocol(text: &str) -> Result<Option<u8>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let named = match text.to_ascii_lowercase().as_str() {
        "icmp" => 1,
        "igmp" => 2,
        "ipv4" | "ip-in-ip" => 4,
        "tcp" => TCP,
        "egp" => 8,
        "igp" => 9,
        "udp" => UDP,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "ipv6-icmp" => 58,
        "sctp" => 132,
        "fc" => 133,
        other => match number(other).and_then(|number| u8::try_from(number).ok()) {
            Some(number) if number > 0 && !other.starts_with('0') => number,
            _ => return Err(format!("proto \"{text}\" is not a known protocol")),
        },
    };
    Ok(Some(named))
}

/// Returns the name of a protocol, or its number where it has none; of none, `*`.
pub(super) fn protocol_name(protocol: Option<u8>) -> String {
    let name = match protocol {
        None => "*",
        Some(1) => "icmp",
        Some(TCP) => "tcp",
        Some(UDP) => "udp",
        Some(58) => "ipv6-icmp",
        Some(132) => "sctp",
        Some(number) => return number.to_string(),
    };
    name.to_owned()
}

/// Returns whether packets of this protocol have ports.
pub(super) fn has_ports(protocol: Option<u8>) -> bool {
    matches!(protocol, None | Some(TCP | UDP | 132))
}

/// Reads one `ip` entry of a grant: `*`, ports, or `proto:ports`.
///
/// # Errors
/// The service's words.
pub(super) fn grant_ip(entry: &At<String>, index: u32) -> Result<Vec<Ports>, String> {
    let text = entry.value.trim();
    let (proto, list) = match text.rsplit_once(':') {
        Some((proto, list)) => (protocol(proto)?, list),
        None => (None, text),
    };
    with_protocol(proto, list, index)
}

/// Reads ports for a protocol.
///
/// # Errors
/// The service's words, or that the protocol has no ports.
pub(super) fn with_protocol(protocol: Option<u8>, list: &str, index: u32) -> Result<Vec<Ports>, String> {
    let ranges = ports(list)?;
    if !has_ports(protocol) && ranges.iter().any(|range| *range != (0, u16::MAX)) {
        return Err(format!(
            "port range \"{list}\": only tcp, udp and sctp have ports, use '*'"
        ));
    }
    let of = |(first, last)| Ports {
        protocol,
        first,
        last,
        index,
    };
    Ok(ranges.into_iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_as_the_service_does() {
        assert_eq!(ports("*"), Ok(vec![(0, 65535)]));
        assert_eq!(ports("80, 1000-2000"), Ok(vec![(80, 80), (1000, 2000)]));
        let refused = [
            (
                "0",
                "port range \"0\": first port must be >0, or use '*' for wildcard",
            ),
            ("ssh", "port range \"ssh\": invalid first integer"),
            ("-1", "port range \"-1\": invalid first integer"),
            ("1-b", "port range \"1-b\": invalid last integer"),
            ("65536", "port range \"65536\": invalid first integer"),
        ];
        for (text, message) in refused {
            assert_eq!(ports(text), Err(message.to_owned()));
        }
        assert!(ports("9-8").is_err() && ports("+8").is_err());
    }

    #[test]
    fn a_protocol_is_a_name_or_a_number() {
        assert_eq!(protocol("TCP"), Ok(Some(6)));
        assert_eq!(protocol("255"), Ok(Some(255)));
        assert_eq!(protocol(""), Ok(None));
        for text in ["*", "0", "06", "256", "tpc"] {
            assert!(protocol(text).is_err(), "`{text}` is accepted");
        }
        assert!(with_protocol(Some(1), "80", 0).is_err(), "icmp has no ports");
    }

    #[test]
    fn a_protocol_without_ports_needs_the_whole_range() {
        let all = Ports {
            protocol: Some(47),
            first: 0,
            last: 65535,
            index: 0,
        };
        assert!(all.admit(47, 0));
        assert!(!Ports { first: 1, ..all }.admit(47, 5));
        assert!(
            !Ports {
                protocol: None,
                ..all
            }
            .admit(47, 0),
            "GRE is none of the usual four"
        );
    }
}
