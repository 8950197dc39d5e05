//! Values that nobody listed, known by their shape: private addresses, names of private networks, tokens, keys.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use ipnet::IpNet;

use super::common;
use super::scan::Same;
use super::telling::hardware;
use super::token;
use crate::finding::Rule;
use crate::leak::rules;

/// What a value is, by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Shape {
    Address,
    Hardware,
    Name,
    Login,
    Token(&'static str),
    PrivateKey,
    PublicKey,
    Repository,
    UrlPassword,
    Assigned,
}

impl Shape {
    /// Returns what it is in words, with its article.
    pub(crate) fn words(self) -> String {
        match self {
            Shape::Address => "an address of a private network".to_owned(),
            Shape::Hardware => "the number of a network card".to_owned(),
            Shape::Name => "a name of a private network".to_owned(),
            Shape::Login => "a mail address".to_owned(),
            Shape::Token(service) => format!("a token of {service}"),
            Shape::PrivateKey => "a private key".to_owned(),
            Shape::PublicKey => "a key or fingerprint of SSH".to_owned(),
            Shape::Repository => "the place of a repository".to_owned(),
            Shape::UrlPassword => "the password in an address".to_owned(),
            Shape::Assigned => "what looks as a machine made it, by the name of a secret".to_owned(),
        }
    }

    /// Returns the rule that a finding of it has.
    pub(crate) fn rule(self) -> &'static Rule {
        match self {
            Shape::Address => &rules::PRIVATE_ADDRESS,
            Shape::Hardware => &rules::HARDWARE_ADDRESS,
            Shape::Name => &rules::PRIVATE_NAME,
            Shape::Login => &rules::LOGIN,
            Shape::Token(_) => &rules::TOKEN,
            Shape::PrivateKey => &rules::PRIVATE_KEY,
            Shape::PublicKey => &rules::PUBLIC_KEY,
            Shape::Repository => &rules::REPOSITORY,
            Shape::UrlPassword => &rules::URL_PASSWORD,
            Shape::Assigned => &rules::ASSIGNED_SECRET,
        }
    }

    /// Returns the name of a slot that could stand for it.
    pub(crate) fn slot(self) -> &'static str {
        match self {
            Shape::Address => "ADDRESS",
            Shape::Hardware => "HARDWARE_ADDRESS",
            Shape::Name => "HOST_NAME",
            Shape::Login => "EMAIL",
            Shape::Token(_) => "TOKEN",
            Shape::PrivateKey => "PRIVATE_KEY",
            Shape::PublicKey => "PUBLIC_KEY",
            Shape::Repository => "REPOSITORY",
            Shape::UrlPassword => "PASSWORD",
            Shape::Assigned => "SECRET",
        }
    }
}

/// Returns what is private by shape in a text, except what tells nothing in this lab. An address in one of these networks is.
pub(super) fn shapes(text: &str, same: &Same, networks: &[IpNet]) -> Vec<(Range<usize>, Shape)> {
    let mut found: Vec<(Range<usize>, Shape)> = Vec::new();
    token::find(text, &mut found);
    repositories(text, &mut found);
    let inside = |address: IpAddr| same.containers.iter().any(|network| network.contains(&address));
    for (range, address) in addresses(text) {
        let whole = with_prefix(text, &range, address);
        let is_range = whole.is_some_and(common::is_common_network);
        let is_known = || networks.iter().any(|network| network.contains(&address));
        if (common::is_private_range(address) || is_known())
            && !common::is_common_address(address)
            && !inside(address)
            && !is_range
        {
            found.push((range, Shape::Address));
        }
    }
    let of_card = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'-' | b'.');
    for range in words(text, of_card) {
        // A key may stand before it: of `mac:` the last letters are digits too.
        let keyed = range.end.saturating_sub(17);
        let is_keyed = keyed > range.start && text.as_bytes()[keyed - 1] == b':' && range.len() < 21;
        let range = if is_keyed { keyed..range.end } else { range };
        if matches!(range.len(), 17 | 14) && hardware(&text[range.clone()]).is_some_and(is_identifying_card) {
            found.push((range, Shape::Hardware));
        }
    }
    names(text, same, &mut found);
    found.sort_by_key(|(range, shape)| (range.start, std::cmp::Reverse(range.end), *shape));
    let mut end = 0;
    found.retain(|(range, _)| {
        let keep = range.start >= end;
        if keep {
            end = range.end;
        }
        keep
    });
    found
}

/// Returns the stretches of a text that consist of such bytes.
fn words(text: &str, is_part: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let mut start = None;
    for (at, byte) in text.bytes().enumerate() {
        match (is_part(byte), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                all.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    all.extend(start.map(|from| from..text.len()));
    all
}

/// Returns every address in a text, of either version, as it is usually written.
pub(super) fn addresses(text: &str) -> Vec<(Range<usize>, IpAddr)> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    let is_word = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    for range in words(text, |byte| byte.is_ascii_digit() || byte == b'.') {
        let trimmed = range.start..range.start + text[range.clone()].trim_end_matches('.').len();
        let word = &text[trimmed.clone()];
        if word.len() < 7
            || is_word(range.start.checked_sub(1)) && !text[..range.start].ends_with('_')
            || is_word(Some(trimmed.end)) && bytes[trimmed.end] != b'_'
        {
            continue;
        }
        // What follows a `v` or a `-` after a name is a version with four parts; so is one that goes on with a letter.
        if let Ok(address) = word.parse::<Ipv4Addr>() {
            all.push((trimmed, IpAddr::V4(address)));
        }
    }
    for range in words(text, |byte| byte.is_ascii_hexdigit() || byte == b':') {
        let word = &text[range.clone()];
        if word.len() < 4 || word.bytes().filter(|byte| *byte == b':').count() < 2 {
            continue;
        }
        if is_word(range.start.checked_sub(1)) || is_word(Some(range.end)) {
            continue;
        }
        // A key's or list's colon may stand before it or behind it.
        let candidates = [
            range.clone(),
            range.start + 1..range.end,
            range.start..range.end - 1,
        ];
        let parsed = candidates.into_iter().find_map(|range| {
            let address = text.get(range.clone())?.parse::<Ipv6Addr>().ok()?;
            Some((range, IpAddr::V6(address)))
        });
        all.extend(parsed);
    }
    all
}

/// Returns the addresses of the fourth version in a text whose numbers begin with zeros, as those read them who take no
/// notice, and as those who take them for octal: `192.168.7.010`.
pub(super) fn padded_addresses(text: &str) -> Vec<(Range<usize>, IpAddr)> {
    let mut all = Vec::new();
    for range in words(text, |byte| byte.is_ascii_digit() || byte == b'.') {
        let word = text[range.clone()].trim_end_matches('.');
        let is_padded = |part: &str| part.len() > 1 && part.starts_with('0');
        if !(7..=19).contains(&word.len()) || !word.split('.').any(is_padded) {
            continue;
        }
        for octal in [8, 10] {
            let number = |part: &str| {
                let radix = if is_padded(part) { octal } else { 10 };
                u8::from_str_radix(part, radix).ok()
            };
            let numbers: Option<Vec<u8>> = word.split('.').map(number).collect();
            let numbers: Option<[u8; 4]> = numbers.and_then(|numbers| numbers.try_into().ok());
            if let Some(numbers) = numbers {
                all.push((range.start..range.start + word.len(), IpAddr::V4(numbers.into())));
            }
        }
    }
    all
}

/// Returns the network that an address and what follows it are: `192.168.1.0/24`.
fn with_prefix(text: &str, range: &Range<usize>, address: IpAddr) -> Option<IpNet> {
    let rest = text[range.end..].strip_prefix('/')?;
    let digits = rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
    IpNet::new(address, rest[..digits].parse().ok()?).ok()
}

/// Returns whether a card's number names one device: not all the same, none that an engine makes, none kept for examples
/// (RFC 7042), and no group's.
fn is_identifying_card(numbers: [u8; 6]) -> bool {
    let is_group = numbers[0] & 1 == 1;
    let is_example = numbers[..5] == [0x00, 0x00, 0x5e, 0x00, 0x53];
    let is_same = numbers.iter().all(|number| *number == numbers[0]);
    let is_engines = numbers[..2] == [0x02, 0x42];
    let is_counted =
        numbers == [0x00, 0x11, 0x22, 0x33, 0x44, 0x55] || numbers == [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
    !(is_group || is_example || is_same || is_engines || is_counted)
}

/// Adds mail addresses and names of private networks.
fn names(text: &str, same: &Same, found: &mut Vec<(Range<usize>, Shape)>) {
    let bytes = text.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    for at in memchr::memchr_iter(b'@', bytes) {
        let start = bytes[..at]
            .iter()
            .rposition(|byte| !(is_part(*byte) || matches!(byte, b'+' | b'%')))
            .map_or(0, |before| before + 1);
        let length = bytes[at + 1..].iter().take_while(|byte| is_part(**byte)).count();
        let domain = text[at + 1..at + 1 + length].trim_end_matches(['.', '-', '_']);
        let end = at + 1 + domain.len();
        let start = start + text[start..at].len() - text[start..at].trim_start_matches(['.', '-', '%']).len();
        // A login in an address, a path or an image is not a mailbox: `ssh://git@host`, `image@sha256`.
        let in_url =
            text[..start].ends_with("//") || text[..start].ends_with(':') && bytes.get(end) == Some(&b':');
        if !in_url && is_login(&text[start..end]) && bytes.get(end) != Some(&b'@') {
            let (person, domain) = (&text[start..at], domain);
            let is_echo = domain
                .split('.')
                .next()
                .is_some_and(|label| label.eq_ignore_ascii_case(person));
            if !common::is_common_login(person) && !common::is_common_domain_of_mail(domain) && !is_echo {
                found.push((start..end, Shape::Login));
            }
        }
    }
    for ending in ENDINGS {
        for at in matches_any_case(bytes, ending.as_bytes()) {
            let end = at + ending.len();
            let after = bytes.get(end).copied();
            let goes_on = after
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
                || after == Some(b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
            let start = bytes[..at]
                .iter()
                .rposition(|byte| !is_part(*byte))
                .map_or(0, |before| before + 1);
            let start =
                start + text[start..at].len() - text[start..at].trim_start_matches(['.', '-', '_']).len();
            let name = &text[start..at];
            let before = &text[..start];
            let in_path = before.ends_with('/') && !before.ends_with("//") || before.ends_with('~');
            let file = bytes[start.min(at)..at].is_empty() || before.ends_with('.');
            if !goes_on && !file && !in_path && is_private_name(name, ending, same) {
                found.push((start..end, Shape::Name));
            }
        }
    }
}

/// The ends of names that one network gives its machines (RFC 6762, RFC 8375, and what routers and Tailscale use).
const ENDINGS: [&str; 4] = [".ts.net", ".local", ".lan", ".home.arpa"];

fn matches_any_case<'a>(bytes: &'a [u8], ending: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    memchr::memchr_iter(b'.', bytes).filter(move |at| {
        bytes
            .get(*at..*at + ending.len())
            .is_some_and(|own| own.eq_ignore_ascii_case(ending))
    })
}

/// Returns whether what stands before such an ending makes it the name of one lab's machine: not one that every lab has, no
/// file, no variable.
fn is_private_name(name: &str, ending: &str, same: &Same) -> bool {
    const FILES: [&str; 22] = [
        "env",
        "rc",
        "conf",
        "config",
        "cluster",
        "settings",
        "yml",
        "yaml",
        "json",
        "toml",
        "docker-compose",
        "compose",
        "override",
        "hosts",
        "usr",
        "share",
        "default",
        "dockerfile",
        "makefile",
        "jail",
        "host",
        "any",
    ];
    let labels: Vec<&str> = name.split('.').collect();
    let valid = labels.iter().all(|label| {
        !label.is_empty() && label.len() < 64 && !label.starts_with('-') && !label.ends_with('-')
    });
    let lower: Vec<String> = labels.iter().map(|label| label.to_ascii_lowercase()).collect();
    let is_file = lower.iter().any(|label| FILES.contains(&label.as_str()));
    let telling = |label: &String| match ending {
        ".ts.net" => !common::is_stand_in(label),
        _ => !common::is_common_word(label) && !same.names.contains(label),
    };
    let all = || lower.iter().all(|label| !common::is_stand_in(label));
    valid && !is_file && all() && lower.iter().any(telling)
}

/// Returns whether a text is a login or mail address: a name, `@`, a domain.
pub(super) fn is_login(text: &str) -> bool {
    let Some((person, domain)) = text.split_once('@') else {
        return false;
    };
    let plain = !person.is_empty()
        && person.len() <= 64
        && !person.ends_with('.')
        && person.starts_with(|c: char| c.is_ascii_alphanumeric())
        && person
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-+%".contains(c));
    plain && is_domain(domain)
}

/// Returns whether a text is a domain: labels parted by dots, of which the last is of letters, and is not the ending of a
/// file.
pub(super) fn is_domain(text: &str) -> bool {
    const FILES: [&str; 36] = [
        "yaml", "yml", "json", "toml", "conf", "cfg", "ini", "env", "txt", "log", "sh", "py", "js", "ts",
        "go", "rs", "sql", "db", "sqlite", "sqlite3", "xml", "html", "css", "md", "pem", "crt", "key",
        "sock", "jar", "php", "gz", "zip", "png", "jpg", "svg", "service",
    ];
    let text = text.strip_suffix('.').unwrap_or(text);
    let labels: Vec<&str> = text.split('.').collect();
    let last = labels.last().copied().unwrap_or_default();
    labels.len() >= 2
        && text.len() <= 253
        && labels.iter().all(|label| {
            (1..64).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        })
        && last.len() >= 2
        && last.chars().all(|c| c.is_ascii_alphabetic())
        && !FILES.contains(&last.to_ascii_lowercase().as_str())
}

/// Adds the places of repositories: `rest:https://..`, `sftp:user@host:/path`, `b2:bucket:path`, Borg's `ssh://..`.
fn repositories(text: &str, found: &mut Vec<(Range<usize>, Shape)>) {
    for at in memchr::memchr_iter(b':', text.as_bytes()) {
        let start = text[..at]
            .bytes()
            .rposition(|byte| !byte.is_ascii_alphanumeric())
            .map_or(0, |before| before + 1);
        let is_scheme = start < at && at - start <= 6 && !text[..start].ends_with(['.', '-', '_', '/']);
        let length = is_scheme.then(|| repository_length(&text[start..])).flatten();
        let Some(whole) = length.map(|length| &text[start..start + length]) else {
            continue;
        };
        let is_template = whole.contains("example") || whole.contains(['$', '{', '<', '*']);
        if !is_template && !common::is_stand_in_path(whole) {
            found.push((start..start + whole.len(), Shape::Repository));
        }
    }
}

/// Returns how much of the beginning of a text is the place of a repository, as restic or Borg writes it.
pub(super) fn repository_length(text: &str) -> Option<usize> {
    let length = text
        .find(|c: char| c.is_whitespace() || "\"'`,;)]}>|".contains(c))
        .unwrap_or(text.len());
    let whole = text[..length].trim_end_matches(['.', ':']);
    let (scheme, rest) = whole.split_once(':')?;
    let is_one = match scheme {
        "rest" => rest.starts_with("http://") || rest.starts_with("https://"),
        "sftp" => rest.starts_with("//") && rest.len() > 2 || rest.contains(':') && rest.contains('@'),
        "s3" => rest.starts_with("http") && rest.contains("://") || rest.contains('/') && rest.contains('.'),
        // `bucket:path`; the path may be empty at a bucket's root, but then nothing tells it from a label.
        "b2" | "azure" | "gs" | "swift" => {
            let parts = rest.split_once(':');
            parts.is_some_and(|(bucket, path)| {
                bucket.len() >= 3 && path.starts_with(|c: char| c == '/' || c.is_ascii_alphanumeric())
            })
        }
        "rclone" => rest
            .split_once(':')
            .is_some_and(|(remote, path)| remote.len() >= 2 && !path.is_empty()),
        // Borg's; what else is reached so is no repository.
        "ssh" => {
            rest.starts_with("//")
                && rest.contains('@')
                && (rest.contains("/./") || rest.contains("/~/") || rest.contains("borg"))
        }
        _ => false,
    };
    is_one.then_some(whole.len())
}
