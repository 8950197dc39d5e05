//! Which stretches of a line look like secrets, so that no snippet shows them.
//!
//! This only guards what a report prints; which secrets are worth a finding is for the rules. It hides too much
//! rather than too little.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::span::Source;

/// What the name of a secret's key holds.
const WORDS: &str = r"pass|pwd|psk|secret|token|credential|cookie|salt|basic-?auth\.users|webhook[_-]?url|(?:api|access|private|encryption|master|signing|licen[cs]e|account|session|client|ssh|tls|app|widget)[_.-]?key";

/// A whole name that says so: many names only begin with `auth`.
const WHOLE: &str = r"(?:\b|[\w.-]*[_.-])(?:auth(?:orization)?|pw)";

/// A key whose value is a secret, and the value up to the line's end.
static VALUE: LazyLock<Regex> = LazyLock::new(|| {
    expression(&format!(
        r#"(?i)(?P<key>[\w.-]*(?:{WORDS})[\w.-]*|{WHOLE})["']?\s*[:=]\s*(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|\S.*)"#
    ))
});
/// A key whose value is a secret, wherever the value stands.
static KEY: LazyLock<Regex> = LazyLock::new(|| {
    expression(&format!(
        r#"(?i)(?P<key>[\w.-]*(?:{WORDS})[\w.-]*|{WHOLE})["']?\s*[:=]"#
    ))
});
/// A program's option whose value is a secret, and the word after it, in one text or in a list of words.
static OPTION: LazyLock<Regex> = LazyLock::new(|| {
    expression(&format!(
        r#"(?i)(?:^|[\s"'\[,])--?(?P<key>[\w-]*(?:{WORDS})[\w-]*)["']?(?:\s*,\s*|\s+)(?P<value>"[^"]*"|'[^']*'|[^\s"',\]}}]+)"#
    ))
});
/// Such an option at the end of a line: the next line is its value.
static OPEN: LazyLock<Regex> = LazyLock::new(|| {
    expression(&format!(
        r#"(?i)(?:^|[\s"'\[,])--?[\w-]*(?:{WORDS})[\w-]*["']?\s*[,\\]?\s*$"#
    ))
});
/// What follows a short option of a program that is known to take a password there, or a header that a proxy sets.
static SHORT: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"(?x)
        \b(?:mysql|mariadb)[\w-]*\b.*?[\s"',]-p(?P<stuck>[^\s"',\]}]+)
        | \b(?:redis|valkey)-cli\b.*?[\s"',]-a["']?[\s,]+["']?(?P<word>[^\s"',\]}]+)
        | \b(?:curl|wget)\b.*?[\s"',](?:-u|--user)["']?[\s,=]+["']?[^\s:"']*:(?P<user>[^\s"',\]}]+)
        | \bsshpass\b.*?[\s"',]-p["']?[\s,]*["']?(?P<login>[^\s"',\]}]+)
        | [\s"',]--auth["']?[\s,]+["']?[^\s:"',]+:(?P<both>[^\s"',\]}]+)
        | \b(?:proxy_set_header|header_up|header_down|header)\s+["']?\+?(?i:[\w-]*(?:auth|token|secret|cookie|api-?key)[\w-]*)["']?\s+
            (?P<header>"[^"]*"|'[^']*'|[^\s;]+(?:\ [^\s;{}]+)*)"#,
    )
});
/// A value that only names where the secret is.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"^["']?(?:\$\{?\w+(?::?\?[^}]*)?\}?|true|false|null|~|/run/secrets/[\w./-]*|\{\s*\}|\[\s*\])["']?[\s,\]}]*(?:#.*)?$"#,
    )
});
/// What is a secret by its own shape: a password within an address, a known token, a key in PEM.
static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r"(?x)
        ://[^/\s:@]*:(?P<user>[^@\s/]+)@
        | (?i:bearer|basic)\s+(?P<bearer>[\w.+/=~-]{8,})
        | \$\$?(?:2[aby]|apr1|argon2\w*|[156y])\$(?P<hash>[^\s,'\x22]+)
        | \{SHA\}(?P<sha>[\w+/=]{20,})
        | :(?P<digest>[0-9a-f]{32})(?-u:\b)
        | (?P<bcrypt>\bJDJ[aby]J[\w+/=]{20,})
        | (?P<token>\b(?:tskey-|gh[opsur]_|github_pat_|glpat-|xox[abprs]-|sk-|AKIA|eyJ)[\w.-]{8,})
        | (?P<pem>-----BEGIN.*)",
    )
});

/// Returns the stretches of a line that look like secrets, in bytes.
pub(crate) fn stretches(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for captures in VALUE.captures_iter(line) {
        let (Some(key), Some(value)) = (captures.name("key"), captures.name("value")) else {
            continue;
        };
        let key = key.as_str().to_ascii_lowercase();
        if is_no_secret(&key) || REFERENCE.is_match(value.as_str()) {
            continue;
        }
        found.push(value.range());
    }
    let mut from = 0;
    while let Some(captures) = OPTION.captures_at(line, from) {
        let (Some(key), Some(value)) = (captures.name("key"), captures.name("value")) else {
            break;
        };
        from = value.end();
        if value.as_str().trim_start_matches(['"', '\'']).starts_with('-') {
            // It is the next option, which may want a secret in its turn: the blank before it belongs to it.
            from = value.start() - 1;
        } else if !is_no_secret(&key.as_str().to_ascii_lowercase()) && !REFERENCE.is_match(value.as_str()) {
            found.push(value.range());
        }
    }
    for captures in SHORT.captures_iter(line) {
        let groups = ["stuck", "word", "user", "login", "both", "header"];
        for secret in groups.iter().filter_map(|group| captures.name(group)) {
            if !secret
                .as_str()
                .trim_start_matches(['"', '\''])
                .starts_with(['$', '{'])
            {
                found.push(secret.range());
            }
        }
    }
    found.extend(shapes(line));
    found
}

/// Returns the stretches of a text that are secrets by their own shape, whatever stands around them.
pub(crate) fn shapes(line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for captures in SHAPE.captures_iter(line) {
        let groups = [
            "user", "bearer", "hash", "sha", "digest", "bcrypt", "token", "pem",
        ];
        for secret in groups.iter().filter_map(|group| captures.name(group)) {
            if !secret.as_str().starts_with("${") || secret.as_str().contains(":-") {
                found.push(secret.range());
            }
        }
    }
    found
}

/// Returns whether a key that has a secret's word in it is known to hold none: it lists names, names a file, or is a
/// proxy's rule for something whose name has the word.
fn is_no_secret(key: &str) -> bool {
    let of_router = [
        ".rule",
        ".entrypoints",
        ".service",
        ".middlewares",
        ".priority",
        ".port",
    ];
    key == "secrets"
        || key.ends_with("_file")
        || key.ends_with("-file")
        || (key.starts_with("traefik.") && of_router.iter().any(|end| key.ends_with(end)))
}

/// Returns whether a line has a key whose value is a secret, or ends with such an option: the lines that the value goes
/// on in are secret too.
pub(super) fn begins(line: &str) -> bool {
    KEY.is_match(line) || OPEN.is_match(line)
}

/// How many lines above one are looked at for the keys that it lies below, and how long a line with a key may be.
const ABOVE: u32 = 200;
const LONGEST: usize = 4096;

/// Returns whether a line lies below a secret's key, or is the word after an option that wants one, so that all of it is
/// secret.
pub(super) fn is_inside(source: &Source, number: u32) -> bool {
    let Some(line) = source.line(number) else {
        return false;
    };
    let indent_of = |line: &str| line.len() - line.trim_start().len();
    let mut indent = indent_of(line);
    let mut nearest = true;
    // The key found last, which is a secret's unless it turns out to be the name of a service or the like.
    let mut secret = false;
    for number in (number.saturating_sub(ABOVE).max(1)..number).rev() {
        let Some(above) = source.line(number) else { break };
        if above.len() > LONGEST || above.trim().is_empty() || above.trim_start().starts_with('#') {
            continue;
        }
        if std::mem::take(&mut nearest) && OPEN.is_match(above) {
            return true;
        }
        if indent_of(above) >= indent {
            continue;
        }
        indent = indent_of(above);
        let key = above
            .trim()
            .trim_start_matches("- ")
            .split(':')
            .next()
            .unwrap_or_default();
        let names = [
            "services",
            "networks",
            "volumes",
            "configs",
            "secrets",
            "depends_on",
        ];
        if secret && !names.contains(&key.trim_matches(['"', '\''])) {
            return true;
        }
        let own = KEY.captures(above).and_then(|captures| captures.name("key"));
        secret = own.is_some_and(|own| {
            own.start() <= indent + 3 && !is_no_secret(&own.as_str().to_ascii_lowercase())
        });
    }
    secret
}

#[expect(
    clippy::expect_used,
    reason = "the expressions are constants that a test compiles"
)]
fn expression(text: &str) -> Regex {
    Regex::new(&ascii(text)).expect("a valid expression")
}

/// Spells an expression's classes out in ASCII: names of keys are ASCII, and the tables of all the world's letters took
/// most of the time of a small audit to build.
fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut inside = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match (characters.next(), inside) {
                (Some('w'), true) => out.push_str("0-9A-Za-z_"),
                (Some('w'), false) => out.push_str("[0-9A-Za-z_]"),
                (Some('s'), true) => out.push_str(r"\x20\t\r\n"),
                (Some('s'), false) => out.push_str(r"[\x20\t\r\n]"),
                (Some('S'), false) => out.push_str(r"[^\x20\t\r\n]"),
                (Some('b'), false) => out.push_str(r"(?-u:\b)"),
                (next, _) => {
                    out.push('\\');
                    out.extend(next);
                }
            },
            character => {
                inside = match character {
                    '[' => true,
                    ']' => false,
                    _ => inside,
                };
                out.push(character);
            }
        }
    }
    out
}
