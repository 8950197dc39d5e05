//! The short forms of ports, volumes and devices.

use std::net::IpAddr;

/// Why a short form that ends in 0 is no port; the long form may say so.
pub(super) const NO_PORT: &str = "the port in the container cannot be 0";

/// One published port of a short form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShortPort {
    pub(super) host_ip: String,
    pub(super) published: String,
    pub(super) target: u16,
    pub(super) protocol: String,
}

/// Reads `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, where ports may be ranges.
///
/// # Errors
/// What is wrong, as a fragment.
pub(super) fn port(text: &str) -> Result<Vec<ShortPort>, String> {
    let (host_ip, published, target) = match text.rsplitn(3, ':').collect::<Vec<_>>()[..] {
        [target] => ("", "", target),
        [target, published] => ("", published, target),
        [target, published, host_ip] => (host_ip, published, target),
        _ => return Err("it is empty".into()),
    };
    let (target, protocol) = match target.split_once('/') {
        Some((target, "")) => (target, "tcp".to_owned()),
        // Only what stands up to a second slash counts.
        Some((target, protocol)) => (target, protocol.split('/').next().unwrap_or("").to_lowercase()),
        None => (target, "tcp".to_owned()),
    };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err("the protocol is none of `tcp`, `udp` and `sctp`".to_owned());
    }
    let host_ip = match host_ip.strip_prefix('[') {
        Some(inner) => inner
            .strip_suffix(']')
            .ok_or_else(|| "what stands before the ports is no address".to_owned())?,
        None => host_ip,
    };
    if !host_ip.is_empty() && host_ip.parse::<IpAddr>().is_err() && !is_zoned(host_ip) {
        return Err("what stands before the ports is no address".to_owned());
    }
    if target.is_empty() {
        return Err("the port in the container is missing".into());
    }
    let (first, last) =
        range(target).ok_or_else(|| "the port in the container is no number or range".to_owned())?;
    if first == 0 {
        return Err(NO_PORT.to_owned());
    }
    let host = match published {
        "" => None,
        _ => Some(range(published).ok_or_else(|| "the port on the host is no number or range".to_owned())?),
    };
    if let Some((host_first, host_last)) = host
        && last - first != host_last - host_first
        && last != first
    {
        return Err("the ranges of ports differ in length".into());
    }
    let mut ports: Vec<_> = (0..=last - first)
        .map(|offset| {
            let published = match host {
                None => String::new(),
                Some((from, to)) if first == last && from != to => format!("{from}-{to}"),
                Some((from, _)) => (u32::from(from) + u32::from(offset)).to_string(),
            };
            ShortPort {
                host_ip: host_ip.to_owned(),
                published,
                target: first + offset,
                protocol: protocol.clone(),
            }
        })
        .collect();
    // Compose sorts the ports of a range as texts.
    ports.sort_by_key(|port| format!("{}/{}", port.target, port.protocol));
    Ok(ports)
}

fn is_zoned(text: &str) -> bool {
    text.split_once('%')
        .is_some_and(|(address, zone)| !zone.is_empty() && address.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Reads `8000` or `8000-8010`.
pub(super) fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u16>().ok())
            .flatten()
    };
    match text.split_once('-') {
        None => number(text).map(|port| (port, port)),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last.split('-').next().unwrap_or(""))?);
            (first <= last).then_some((first, last))
        }
    }
}

/// A mount's short form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ShortVolume {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) read_only: bool,
    pub(super) no_copy: bool,
    pub(super) propagation: Option<String>,
    pub(super) selinux: Option<String>,
    pub(super) bind: bool,
    /// A text of one or two characters: a target, of which nothing else is said.
    pub(super) bare: bool,
}

/// Reads `[SOURCE:]TARGET[:MODE]`.
///
/// # Errors
/// What is wrong, as a fragment.
pub(super) fn volume(text: &str) -> Result<ShortVolume, String> {
    let mut volume = ShortVolume::default();
    match text.len() {
        0 => return Err("it is empty".into()),
        1 | 2 => {
            volume.target = text.to_owned();
            volume.bare = true;
            return Ok(volume);
        }
        _ => {}
    }
    let mut field = String::new();
    let mut set = |field: &str, last: bool| -> Result<(), String> {
        if field.is_empty() {
            return Err("a part between colons is empty".into());
        }
        if volume.source.is_empty() {
            if last {
                volume.target = field.to_owned();
            } else {
                volume.source = field.to_owned();
            }
            return Ok(());
        }
        if volume.target.is_empty() {
            volume.target = field.to_owned();
            return Ok(());
        }
        if !last {
            return Err("it has too many colons".into());
        }
        for option in field.split(',') {
            match option {
                "ro" => volume.read_only = true,
                "rw" => volume.read_only = false,
                "nocopy" => volume.no_copy = true,
                "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                    volume.propagation = Some(option.to_owned());
                }
                "z" | "Z" => volume.selinux = Some(option.to_owned()),
                _ => {}
            }
        }
        Ok(())
    };
    for character in text.chars() {
        let drive = character == ':' && is_letter(&field);
        if character == ':' && !drive {
            set(&field, false)?;
            field.clear();
        } else {
            field.push(character);
        }
    }
    set(&field, true)?;
    volume.bind = is_path(&volume.source);
    Ok(volume)
}

fn is_letter(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(char::is_alphabetic) && characters.next().is_none()
}

/// Whether a source is a path of the host, and not the name of a volume.
fn is_path(source: &str) -> bool {
    if source.starts_with(['.', '/', '~']) || source.starts_with("\\\\") {
        return true;
    }
    let mut characters = source.chars();
    characters.next().is_some_and(char::is_alphabetic) && characters.next() == Some(':')
}

/// Cleans a path of a container as Go's `path.Clean` does: `//`, `.` and `..` are gone.
pub(super) fn clean(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let rooted = path.starts_with('/');
    // Nearly all are clean already.
    if rooted && path[1..].split('/').all(|part| !matches!(part, "" | "." | "..")) {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, String> {
        let show = |port: &ShortPort| {
            format!(
                "{}|{}|{}/{}",
                port.host_ip, port.published, port.target, port.protocol
            )
        };
        port(text).map(|ports| ports.iter().map(show).collect())
    }

    #[test]
    fn ports_in_every_form() {
        for (text, expected) in [
            ("80", vec!["||80/tcp"]),
            ("8080:80", vec!["|8080|80/tcp"]),
            ("127.0.0.1:8080:80/udp", vec!["127.0.0.1|8080|80/udp"]),
            ("127.0.0.1::80", vec!["127.0.0.1||80/tcp"]),
            ("[::1]:80:80", vec!["::1|80|80/tcp"]),
            ("::1:80:80", vec!["::1|80|80/tcp"]),
            ("3000-3005:60", vec!["|3000-3005|60/tcp"]),
            ("8-10:8-10", vec!["|10|10/tcp", "|8|8/tcp", "|9|9/tcp"]),
            ("80/UDP", vec!["||80/udp"]),
        ] {
            assert_eq!(
                shown(text),
                Ok(expected.iter().map(ToString::to_string).collect()),
                "{text}"
            );
        }
        for text in [
            "",
            ":80:",
            "x:80",
            "80:x",
            "1.2.3:80:80",
            "80/xyz",
            "1-3:1-2",
            "3-1",
            "70000",
            "a:b:c:80:80",
        ] {
            assert!(shown(text).is_err(), "{text}");
        }
    }

    #[test]
    fn volumes_in_every_form() {
        let all = |text: &str| volume(text).expect(text);
        assert_eq!(
            all("data:/data"),
            ShortVolume {
                source: "data".into(),
                target: "/data".into(),
                ..Default::default()
            }
        );
        assert!(all("./data:/data:ro").bind && all("./data:/data:ro").read_only);
        assert_eq!(all("/anonymous").source, "");
        assert_eq!(all("C:\\x:/data").source, "C:\\x");
        assert!(all("a:/x:ro").bind, "one letter before a colon is a drive");
        assert_eq!(all("v:/x:z").selinux, None);
        assert_eq!(all("vol:/x:z,rslave").propagation.as_deref(), Some("rslave"));
        for text in ["", ":/x", "aa::/x", "aa:/x:", "aa:/x:ro:rw"] {
            assert!(volume(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_are_cleaned() {
        for (path, expected) in [
            ("/a/../b//c/./", "/b/c"),
            ("", "."),
            ("/", "/"),
            ("a/..", "."),
            ("../x", "../x"),
            ("/..", "/"),
        ] {
            assert_eq!(clean(path), expected);
        }
    }
}
