//! Tokens and keys by their forms, and values that a machine made by the name of a secret.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::shape::Shape;
use crate::service::rules::secrets::{is_known_password, is_setting, password_in};
use crate::system::{holds_placeholder, is_known_word, names_secret};

/// Which characters a token goes on with.
#[derive(Clone, Copy)]
enum Letters {
    /// Letters and digits.
    Plain,
    /// And `-` and `_`.
    Url,
    /// And `.`.
    Dotted,
    /// Capitals and digits.
    Capitals,
    /// Hexadecimal digits.
    Hexadecimal,
}

impl Letters {
    fn has(self, byte: u8) -> bool {
        match self {
            Letters::Plain => byte.is_ascii_alphanumeric(),
            Letters::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Letters::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
            Letters::Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Letters::Hexadecimal => byte.is_ascii_hexdigit(),
        }
    }
}

/// How a token begins, whose it is, what it goes on with, and for how many characters at least: as the services' own pages
/// state them, a little less where they say no number.
const TOKENS: [(&str, &str, Letters, usize); 43] = [
    ("tskey-", "Tailscale", Letters::Url, 16),
    ("privkey:", "Tailscale", Letters::Hexadecimal, 64),
    ("ghp_", "GitHub", Letters::Plain, 36),
    ("gho_", "GitHub", Letters::Plain, 36),
    ("ghu_", "GitHub", Letters::Plain, 36),
    ("ghs_", "GitHub", Letters::Plain, 36),
    ("ghr_", "GitHub", Letters::Plain, 36),
    ("github_pat_", "GitHub", Letters::Url, 40),
    ("glpat-", "GitLab", Letters::Url, 20),
    ("gldt-", "GitLab", Letters::Url, 20),
    ("glrt-", "GitLab", Letters::Url, 20),
    ("glptt-", "GitLab", Letters::Hexadecimal, 40),
    ("AKIA", "AWS", Letters::Capitals, 16),
    ("ASIA", "AWS", Letters::Capitals, 16),
    ("AIza", "Google", Letters::Url, 35),
    ("GOCSPX-", "Google", Letters::Url, 28),
    ("ya29.", "Google", Letters::Url, 40),
    ("dop_v1_", "DigitalOcean", Letters::Hexadecimal, 64),
    ("doo_v1_", "DigitalOcean", Letters::Hexadecimal, 64),
    ("dor_v1_", "DigitalOcean", Letters::Hexadecimal, 64),
    ("xoxb-", "Slack", Letters::Url, 20),
    ("xoxp-", "Slack", Letters::Url, 20),
    ("xoxa-", "Slack", Letters::Url, 20),
    ("xoxr-", "Slack", Letters::Url, 20),
    ("xapp-", "Slack", Letters::Url, 20),
    ("hooks.slack.com/services/T", "Slack", Letters::Url, 8),
    ("discord.com/api/webhooks/", "Discord", Letters::Plain, 17),
    ("sk_live_", "Stripe", Letters::Plain, 24),
    ("rk_live_", "Stripe", Letters::Plain, 24),
    ("sk-proj-", "OpenAI", Letters::Url, 40),
    ("sk-ant-", "Anthropic", Letters::Url, 40),
    ("npm_", "npm", Letters::Plain, 36),
    ("pypi-AgE", "PyPI", Letters::Url, 50),
    ("dckr_pat_", "Docker Hub", Letters::Url, 27),
    ("dckr_oat_", "Docker Hub", Letters::Url, 27),
    ("hf_", "Hugging Face", Letters::Plain, 34),
    ("glsa_", "Grafana", Letters::Url, 36),
    ("hvs.", "Vault", Letters::Url, 24),
    ("SG.", "SendGrid", Letters::Dotted, 60),
    ("AGE-SECRET-KEY-1", "age", Letters::Capitals, 58),
    ("tk_", "ntfy", Letters::Plain, 29),
    ("shpat_", "Shopify", Letters::Hexadecimal, 32),
    ("eyJ", "a service, as JSON Web Token", Letters::Dotted, 40),
];

static BEGINNINGS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(TOKENS.iter().map(|(beginning, ..)| beginning)).ok());

/// Adds the tokens, keys, passwords in addresses and assigned secrets of a text.
pub(super) fn find(text: &str, found: &mut Vec<(Range<usize>, Shape)>) {
    tokens(text, found);
    keys(text, found);
    passwords(text, found);
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        // A line of a megabyte is data, not an assignment.
        if line.len() <= 4096
            && let Some(range) = assigned(line)
        {
            found.push((offset + range.start..offset + range.end, Shape::Assigned));
        }
        offset += line.len();
    }
}

fn tokens(text: &str, found: &mut Vec<(Range<usize>, Shape)>) {
    let Some(beginnings) = &*BEGINNINGS else { return };
    let bytes = text.as_bytes();
    for hit in beginnings.find_iter(text) {
        let (beginning, service, letters, least) = TOKENS[hit.pattern().as_usize()];
        let before = hit.start().checked_sub(1).map(|at| bytes[at]);
        if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !beginning.contains('/')
        {
            continue;
        }
        let length = bytes[hit.end()..]
            .iter()
            .take_while(|byte| letters.has(**byte))
            .count();
        let body = &text[hit.end()..hit.end() + length];
        let is_web_token = beginning != "eyJ" || body.matches('.').count() == 2 && body.contains(".eyJ");
        let exact = matches!(letters, Letters::Capitals) && length != least;
        if length >= least && is_web_token && !exact && is_made(body) {
            found.push((hit.start()..hit.end() + length, Shape::Token(service)));
        }
    }
}

/// Returns whether the body of a token is not one that stands for another.
fn is_made(body: &str) -> bool {
    let lower = body.to_ascii_lowercase();
    let mut letters: Vec<u8> = lower.bytes().collect();
    letters.sort_unstable();
    letters.dedup();
    let stands_in = ["xxxx", "example", "your", "0000000", "1234567890", "abcdef0123"];
    letters.len() >= 6 && !stands_in.iter().any(|word| lower.contains(word))
}

/// Adds private keys in PEM with something inside, public keys of SSH, and fingerprints.
fn keys(text: &str, found: &mut Vec<(Range<usize>, Shape)>) {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    for (at, _) in text.match_indices("-----BEGIN ") {
        let rest = &text[at..];
        let Some(head) = rest[11..].find("-----").map(|end| &rest[11..11 + end]) else {
            continue;
        };
        if !head.ends_with("PRIVATE KEY") && !head.ends_with("PRIVATE KEY BLOCK") || head.len() > 40 {
            continue;
        }
        let start = 11 + head.len() + 5;
        let end = rest.find("-----END").unwrap_or(rest.len().min(start + 8192));
        let end = rest.floor_char_boundary(end);
        let digits = rest
            .get(start..end)
            .unwrap_or_default()
            .bytes()
            .filter(|byte| base64(*byte))
            .count();
        if digits >= 40 {
            found.push((at..at + end, Shape::PrivateKey));
        }
    }
    for kind in [
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAA",
        "ecdsa-sha2-nistp256 AAAA",
        "SHA256:",
    ] {
        for (at, _) in text.match_indices(kind) {
            let body = at + kind.len();
            let length = text[body..].bytes().take_while(|byte| base64(*byte)).count();
            let is_key = if kind == "SHA256:" {
                length == 43
            } else {
                length >= 60
            };
            if is_key && is_made(&text[body..body + length]) {
                found.push((at..body + length, Shape::PublicKey));
            }
        }
    }
}

/// Adds passwords in addresses: `scheme://user:password@host`.
fn passwords(text: &str, found: &mut Vec<(Range<usize>, Shape)>) {
    for (at, _) in text.match_indices("://") {
        let start = text[..at]
            .bytes()
            .rposition(|byte| !byte.is_ascii_alphanumeric())
            .map_or(0, |before| before + 1);
        let length = text[at + 3..]
            .find(|c: char| c.is_whitespace() || "\"'`<>|,".contains(c))
            .unwrap_or(text.len() - at - 3);
        let address = &text[start..at + 3 + length];
        let Some(password) = password_in(address) else {
            continue;
        };
        let offset = password.as_ptr() as usize - address.as_ptr() as usize;
        let range = start + offset..start + offset + password.len();
        let is_stand_in = password.contains(['$', '{', '*', '%', '['])
            || password.len() < 4
            || is_placeholder(password)
            || is_known_word(password)
            || is_known_password(password, "", address);
        if !is_stand_in {
            found.push((range, Shape::UrlPassword));
        }
    }
}

fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    [
        "your", "example", "xxxx", "pass", "secret", "token", "todo", "generate", "replace", "insert",
        "redacted", "dummy",
    ]
    .iter()
    .any(|word| lower.contains(word))
        || holds_placeholder(value)
}

/// Returns the value of a line that gives something by the name of a secret what a machine made.
fn assigned(line: &str) -> Option<Range<usize>> {
    let bytes = line.as_bytes();
    let mut from = 0;
    while let Some(sign) = memchr::memchr2(b'=', b':', &bytes[from..]).map(|at| from + at) {
        from = sign + 1;
        let before = line[..sign].trim_end_matches([' ', '\t', '"', '\'']);
        let name_at = before
            .bytes()
            .rposition(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')))
            .map_or(0, |at| at + 1);
        let name = &before[name_at..];
        if name.len() < 2 || !names_secret(name) {
            continue;
        }
        let rest = &line[sign + 1..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let start = sign + 1 + blanks;
        let rest = &line[start..];
        let (start, value) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => (start + 1, rest[1..].split(quote).next().unwrap_or_default()),
            _ => (
                start,
                rest.split(|c: char| c.is_whitespace() || ",}])\"'`".contains(c))
                    .next()
                    .unwrap_or_default(),
            ),
        };
        if looks_made(value) && !is_known_password(value, name, value) {
            return Some(start..start + value.len());
        }
    }
    None
}

/// From this many bits for each character a text is not a word or a name.
const BITS: f64 = 3.2;

/// Returns whether a value looks as a machine made it: long, of letters and digits mixed, no reference to something else.
fn looks_made(value: &str) -> bool {
    value.len() >= 12
        && value.len() <= 512
        && !is_setting(value)
        && !value.contains(['$', '{', '(', '<', '*', '[', '\\'])
        && !value.contains("://")
        && !value.contains("...")
        && value.chars().any(|c| c.is_ascii_digit())
        && value.chars().any(|c| c.is_ascii_alphabetic())
        && !is_placeholder(value)
        && bits(value) >= BITS
}

/// Returns how many bits a character of a text carries (Shannon), by its own frequencies.
fn bits(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = text.len() as f64;
    let part = |count: u32| {
        let share = f64::from(count) / length;
        -share * share.log2()
    };
    counts.into_iter().filter(|count| *count > 0).map(part).sum()
}
