//! Which stretches of a line look like secrets, so that no snippet shows them.
//!
//! This only guards what a report prints; which secrets are worth a finding is for the rules. It hides too much
//! rather than too little.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// What the name of a secret's key holds.
const WORDS: &str = r"pass|pwd|psk|secret|token|credential|cookie|salt|basic-?auth\.users|webhook[_-]?url|\bauth|(?:api|access|private|encryption|master|signing|licen[cs]e|account|session|client|ssh|tls|app)[_.-]?key";

/// A key whose value is a secret, and the value up to the line's end.
static VALUE: LazyLock<Regex> = LazyLock::new(|| {
    expression(&format!(
        r#"(?i)(?P<key>[\w.-]*(?:{WORDS})[\w.-]*)["']?\s*[:=]\s*(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|\S.*)"#
    ))
});
/// A key whose value is a secret, wherever the value stands.
static KEY: LazyLock<Regex> =
    LazyLock::new(|| expression(&format!(r#"(?i)[\w.-]*(?:{WORDS})[\w.-]*["']?\s*[:=]"#)));
/// A value that only names where the secret is.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"^["']?(?:\$\{?\w+(?::?\?[^}]*)?\}?|true|false|null|~|/run/secrets/[\w./-]*)["']?[\s,\]}]*(?:#.*)?$"#,
    )
});
/// What is a secret by its own shape: a password within an address, a known token, a key in PEM.
static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r"(?x)
        ://[^/\s:@]*:(?P<user>[^@\s/]+)@
        | (?i:bearer|basic)\s+(?P<bearer>[\w.+/=~-]{8,})
        | \$\$?(?:2[aby]|apr1|argon2\w*|[156y])\$(?P<hash>[^\s,'\x22]+)
        | (?P<token>\b(?:tskey-|gh[opsur]_|github_pat_|glpat-|xox[abprs]-|sk-|AKIA|eyJ)[\w.-]{8,})
        | (?P<pem>-----BEGIN.*)",
    )
});

/// Returns the stretches of a line that look like secrets, in bytes.
pub(super) fn stretches(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for captures in VALUE.captures_iter(line) {
        let (Some(key), Some(value)) = (captures.name("key"), captures.name("value")) else {
            continue;
        };
        let key = key.as_str().to_ascii_lowercase();
        if key == "secrets" || key.ends_with("_file") || REFERENCE.is_match(value.as_str()) {
            continue;
        }
        found.push(value.range());
    }
    for captures in SHAPE.captures_iter(line) {
        let groups = ["user", "bearer", "hash", "token", "pem"];
        for secret in groups.iter().filter_map(|group| captures.name(group)) {
            if !secret.as_str().starts_with("${") || secret.as_str().contains(":-") {
                found.push(secret.range());
            }
        }
    }
    found
}

/// Returns whether a line has a key whose value is a secret: the lines that the value goes on in are secret too.
pub(super) fn begins(line: &str) -> bool {
    KEY.is_match(line)
}

#[expect(
    clippy::expect_used,
    reason = "the expressions are constants that a test compiles"
)]
fn expression(text: &str) -> Regex {
    Regex::new(text).expect("a valid expression")
}
