//! What a request says: under which name it asks, and its query.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};

/// Returns whether a request asks under one of these names or addresses. Whoever shows somebody's browser another name for
/// this machine's address could otherwise read along with their eyes (DNS rebinding).
pub(super) fn is_ours(uri: &Uri, headers: &HeaderMap, own: IpAddr, names: &[String]) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let known = |authority: &str| is_known(authority, own, names);
    host.to_str().is_ok_and(known) && uri.authority().is_none_or(|authority| known(authority.as_str()))
}

fn is_known(authority: &str, own: IpAddr, names: &[String]) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) if rest.is_empty() || rest.starts_with(':') => host,
        Some(_) => return false,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.to_canonical() == own.to_canonical();
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    (own.is_loopback() && host == "localhost") || names.contains(&host)
}

/// Returns the first value of a key in a query, as forms write it.
pub(super) fn value(uri: &Uri, key: &str) -> Option<String> {
    let mut pairs = uri.query()?.split('&');
    pairs.find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name) == key).then(|| decoded(value))
    })
}

/// Returns a text as it stands in a query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// What is no text stands as a sign for it.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
                continue;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(uri: &str, hosts: &[&str], own: &str, names: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().expect("a value"));
        }
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        is_ours(
            &uri.parse().expect("a URI"),
            &headers,
            own.parse().expect("an address"),
            &names,
        )
    }

    #[test]
    fn only_its_own_names_are_the_servers() {
        for host in ["127.0.0.1:8420", "localhost:8420", "LOCALHOST", "nas.tail.ts.net"] {
            assert!(asks("/", &[host], "127.0.0.1", &["nas.tail.ts.net"]), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8420",
            "127.0.0.1.evil.example",
            "100.64.0.1",
            "",
            "[::1]x",
            "localhost.evil.example",
            "nas",
        ] {
            assert!(!asks("/", &[host], "127.0.0.1", &["nas.tail.ts.net"]), "{host}");
        }
        assert!(asks("/", &["[fd7a::1]:80"], "fd7a::1", &[]));
        assert!(!asks("/", &["localhost"], "100.64.0.1", &[]), "not by that name");
        assert!(!asks("/", &[], "127.0.0.1", &[]));
        assert!(!asks("/", &["localhost", "localhost"], "127.0.0.1", &[]));
        assert!(!asks("http://evil.example/", &["localhost"], "127.0.0.1", &[]));
        assert!(asks("http://localhost/", &["localhost"], "127.0.0.1", &[]));
    }

    #[test]
    fn a_query_is_read_as_forms_write_it() {
        let uri: Uri = "/?q=a+b%2Fc%C3%A9%zz&q=2&empty".parse().expect("a URI");
        assert_eq!(value(&uri, "q").as_deref(), Some("a b/cé%zz"));
        assert_eq!(value(&uri, "empty").as_deref(), Some(""));
        assert_eq!(value(&uri, "none"), None);
        for text in ["nas:photos/server", "a b&c=d%e", "é+"] {
            let uri: Uri = format!("/?q={}", encoded(text)).parse().expect("a URI");
            assert_eq!(value(&uri, "q").as_deref(), Some(text));
        }
    }
}
