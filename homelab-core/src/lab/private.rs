//! Values of one lab in a text that is meant to be shared: addresses, logins, names in a tailnet, paths.

use std::net::IpAddr;

use toml::de::{DeTable, DeValue};

use super::rules;
use crate::finding::{Finding, Subject};
use crate::span::{Source, Span};

/// Returns a finding for each value in a lab.toml that belongs to this lab alone, in the order of the file.
///
/// Addresses and logins are looked for in the whole text, since a comment is shared too; paths only in values.
pub(super) fn findings(source: &Source) -> Vec<Finding> {
    let mut found: Vec<(usize, usize, &'static str)> = words(source.text())
        .filter_map(|(start, word)| Some((start, start + word.len(), kind_of(word)?)))
        .collect();
    let (table, _) = DeTable::parse_recoverable(source.text());
    paths(table.get_ref(), &mut Vec::new(), &mut found);
    found.sort_unstable();
    found.dedup_by_key(|(start, ..)| *start);
    found
        .into_iter()
        .map(|(start, end, what)| {
            let message = format!("lab.toml holds {what} of this lab alone");
            Finding::new(&rules::PRIVATE_VALUE, Subject::Lab, message).at(&Span::new(source, start, end))
        })
        .collect()
}

/// Returns the words of a text that could be an address or a login, with their offsets.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-:@/+%".contains(c);
    text.split(move |c: char| !is_part(c))
        .filter(|word| !word.is_empty())
        .map(|word| {
            let trimmed = word.trim_end_matches(['.', ':', '/', '-']);
            (word.as_ptr() as usize - text.as_ptr() as usize, trimmed)
        })
}

fn kind_of(word: &str) -> Option<&'static str> {
    if is_private_address(word) {
        return Some("an address");
    }
    // The host of a URL, and an address with a port. What has a `/` without being a URL was judged as a network.
    let host = match word.rsplit_once("//") {
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => word,
    };
    if is_private_address(host.rsplit_once(':').map_or(host, |(host, _)| host)) {
        return Some("an address");
    }
    if is_login(word) {
        return Some("a login");
    }
    let host = host.to_ascii_lowercase();
    let host = host.split([':', '/']).next().unwrap_or_default();
    host.strip_suffix(".ts.net")
        .is_some_and(|name| !name.is_empty())
        .then_some("a name in the tailnet")
}

/// Returns whether a word is an address, or an address with a prefix length, that is not the same in every lab.
fn is_private_address(word: &str) -> bool {
    let (address, prefix) = match word.split_once('/') {
        Some((address, prefix)) => (address, prefix.parse::<u8>().ok()),
        None => (word, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    // Whole private ranges are in every lab's rules.
    let well_known = [
        ("10.0.0.0", 8),
        ("172.16.0.0", 12),
        ("192.168.0.0", 16),
        ("100.64.0.0", 10),
        ("fc00::", 7),
        ("fd00::", 8),
        ("fe80::", 10),
        ("fd7a:115c:a1e0::", 48),
    ];
    let is_range = prefix.is_some_and(|prefix| {
        well_known
            .iter()
            .any(|(text, length)| *length == prefix && text.parse() == Ok(address))
    });
    let is_example = match address {
        IpAddr::V4(v4) => v4.is_documentation() || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => v6.segments()[..2] == [0x2001, 0xdb8] || v6.is_multicast(),
    };
    !(is_range || is_example || address.is_unspecified() || address.is_loopback())
}

/// Returns whether a word is somebody's login or mail address. `git@host` is a convention, and example domains are
/// nobody's.
fn is_login(word: &str) -> bool {
    let Some((person, domain)) = word.split_once('@') else {
        return false;
    };
    let domain = domain.split([':', '/']).next().unwrap_or_default();
    let plain = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-+%".contains(c))
    };
    let ends = domain.rsplit('.').next().unwrap_or_default();
    let example = matches!(ends, "example" | "invalid" | "test")
        || ["example.com", "example.org", "example.net"]
            .iter()
            .any(|known| domain == *known || domain.ends_with(&format!(".{known}")));
    plain(person)
        && plain(domain)
        && domain.contains('.')
        && ends.chars().all(|c| c.is_ascii_alphabetic())
        && person != "git"
        && !example
}

/// Adds the values that are paths of a machine. What `[systems]` says of data is inside a container, where a path is
/// the same in every lab.
fn paths<'a>(
    table: &'a DeTable<'a>,
    above: &mut Vec<&'a str>,
    found: &mut Vec<(usize, usize, &'static str)>,
) {
    for (key, value) in table {
        above.push(key.get_ref().as_ref());
        if above.first() != Some(&"systems") {
            path_in(value, above, found);
        }
        above.pop();
    }
}

fn path_in<'a>(
    value: &'a toml::Spanned<DeValue<'a>>,
    above: &mut Vec<&'a str>,
    found: &mut Vec<(usize, usize, &'static str)>,
) {
    match value.get_ref() {
        DeValue::String(text) if is_path(text) => {
            let span = value.span();
            found.push((span.start, span.end, "a path"));
        }
        DeValue::Array(items) => items.iter().for_each(|item| path_in(item, above, found)),
        DeValue::Table(table) => paths(table, above, found),
        _ => {}
    }
}

/// Returns whether a whole value is an absolute path of a machine, other than those that every machine has.
fn is_path(text: &str) -> bool {
    let text = text.trim();
    let everywhere = [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/etc/localtime",
        "/etc/timezone",
        "/dev/",
        "/proc",
        "/sys",
    ];
    let windows = text.len() > 2
        && text.as_bytes()[0].is_ascii_alphabetic()
        && text.as_bytes()[1] == b':'
        && matches!(text.as_bytes()[2], b'\\' | b'/');
    let unix = text.len() > 1 && text.starts_with('/') && !text.contains(char::is_whitespace);
    (unix || windows || text.starts_with("~/")) && !everywhere.iter().any(|known| text.starts_with(known))
}
