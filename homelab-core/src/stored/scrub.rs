//! Secrets out of the texts of a lab, with as much of their form kept as judges look at.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use crate::finding::secret_looking::stretches;
use crate::lab::Lab;
use crate::secret::SecretRef;
use crate::service::rules::secrets::{Held, is_known_password, is_random, is_setting, password_in};
use crate::system::{names_connection, names_secret};

/// From this length a secret is looked for everywhere; a shorter one may be a word that stands for something else, and is
/// replaced only where it is known to be the secret.
const LONG: usize = 8;
/// What stand-ins are made of: no vowels, so that no word comes out.
const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWZ";

/// Replaces the secrets of one lab, each by the same word wherever it stands.
pub(super) struct Scrubber<'a> {
    lab: &'a Lab,
    /// Secrets that are looked for everywhere, the longest first.
    everywhere: Vec<String>,
    /// Secrets of services, by the file that they are written in.
    placed: HashMap<&'a str, Vec<Held<'a>>>,
    /// What stands for each, and for the same where everybody knows it.
    made: RefCell<HashMap<(String, bool), String>>,
}

impl<'a> Scrubber<'a> {
    pub(super) fn new(lab: &'a Lab) -> Self {
        let mut scrubber = Scrubber {
            lab,
            everywhere: Vec::new(),
            placed: HashMap::new(),
            made: RefCell::default(),
        };
        for held in lab.secrets_of_services() {
            scrubber.stand_in(held.secret, held.is_well_known);
            if !held.is_well_known {
                scrubber.everywhere.push(held.secret.to_owned());
            }
            let placed = scrubber.placed.entry(held.span.source().name()).or_default();
            placed.push(held);
        }
        for (name, value) in lab.secret_variables() {
            let secret = &value[secret_of(name, value)];
            let is_known = is_known_password(secret, name, value);
            scrubber.stand_in(secret, is_known);
            if !is_known {
                scrubber.everywhere.push(secret.to_owned());
            }
        }
        // Words may be the name of something else.
        let is_made = |text: &str| {
            text.len() >= LONG
                && text.chars().any(|c| c.is_ascii_digit())
                && text.chars().any(|c| c.is_ascii_alphabetic())
        };
        scrubber.everywhere.retain(|secret| is_made(secret));
        scrubber
            .everywhere
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        scrubber.everywhere.dedup();
        scrubber
    }

    /// Returns a file's text without its secrets. Every line keeps its place and length in characters.
    pub(super) fn scrub(&self, path: &str, text: &str) -> String {
        let mut ranges: Vec<(Range<usize>, bool)> = Vec::new();
        for held in self.placed.get(path).into_iter().flatten() {
            // Another text of the same name may be meant: only what stands there is replaced.
            let start = held.span.start();
            if let Some(at) = text
                .get(start..held.span.end())
                .and_then(|own| place_in(own, held))
            {
                ranges.push((start + at..start + at + held.secret.len(), held.is_well_known));
            }
        }
        let is_environment = is_environment(path);
        let mut block: Option<Block> = None;
        let mut offset = 0;
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end_matches(['\n', '\r']);
            self.line(bare, offset, is_environment, &mut block, &mut ranges);
            offset += line.len();
        }
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        for secret in &self.everywhere {
            for (at, _) in text.match_indices(secret.as_str()) {
                let end = at + secret.len();
                if !is_word(text[..at].chars().next_back()) && !is_word(text[end..].chars().next()) {
                    ranges.push((at..end, false));
                }
            }
        }
        self.replaced(text, ranges)
    }

    /// Adds what is secret in one line.
    fn line(
        &self,
        line: &str,
        offset: usize,
        is_environment: bool,
        block: &mut Option<Block>,
        ranges: &mut Vec<(Range<usize>, bool)>,
    ) {
        let shift = |range: Range<usize>| (range.start + offset..range.end + offset, false);
        let indent = line.len() - line.trim_start().len();
        match block {
            Some(Block::Pem) => {
                if line.contains("-----END") {
                    *block = None;
                } else {
                    ranges.push(shift(indent..line.trim_end().len()));
                }
                return;
            }
            Some(Block::Indented(than)) if indent > *than || line.trim().is_empty() => {
                if line.contains("-----BEGIN") {
                    *block = Some(Block::Pem);
                } else if !line.trim().is_empty() {
                    ranges.push(shift(indent..line.trim_end().len()));
                }
                return;
            }
            _ => *block = None,
        }
        if let Some(at) = line.find("-----BEGIN") {
            if !line[at..].contains("-----END") {
                *block = Some(Block::Pem);
            }
            // A key in one line, its line breaks written as `\n`.
            let body = line[at + 10..].find("-----").map(|end| at + 10 + end + 5);
            let end = line.find("-----END").unwrap_or(line.len());
            if let Some(body) = body.filter(|body| *body < end) {
                ranges.push(shift(body..end));
            }
            return;
        }
        if let Some((name, value)) = variable(line) {
            let slots = self.lab.pattern().slots();
            let slot = slots.iter().find(|(slot, _)| slot.as_str() == name);
            let is_secret = slot.map_or_else(
                || is_environment && (names_secret(name) || names_connection(name)),
                |(_, slot)| slot.is_secret(),
            );
            if is_secret {
                self.value(line, value, name, true, &shift, ranges);
            }
            if slot.is_some() && is_environment {
                return;
            }
        }
        if is_environment && let Some(rest) = unread(line) {
            ranges.push(shift(rest));
        }
        for range in all_stretches(line) {
            let name = key_before(line, range.start);
            let is_password = follows_user(&line[..range.start]);
            // `owner/passbolt:1.2` is an image, and `user@secret-host:80` an address.
            let before = &line[..name.as_ptr() as usize - line.as_ptr() as usize];
            if (before.ends_with(['/', '@']) && !is_password)
                || line.trim_start().trim_start_matches("- ").starts_with("image:")
            {
                continue;
            }
            if matches!(line[range.clone()].chars().next(), Some('|' | '>')) {
                *block = Some(Block::Indented(indent));
                continue;
            }
            let is_named = is_password || names_secret(name);
            self.value(line, range, name, is_named, &shift, ranges);
        }
    }

    /// Adds what is secret in the value of a key.
    fn value(
        &self,
        line: &str,
        range: Range<usize>,
        name: &str,
        is_named: bool,
        shift: &impl Fn(Range<usize>) -> (Range<usize>, bool),
        ranges: &mut Vec<(Range<usize>, bool)>,
    ) {
        let whole = line[range.clone()].trim_matches(['"', '\'']);
        // Where a secret is kept is none.
        if whole.parse::<SecretRef>().is_ok() {
            return;
        }
        if whole.starts_with(['/', '~']) || whole.starts_with("./") {
            let is_path = whole.contains("${") || !is_key(whole);
            if is_path {
                return;
            }
        }
        for part in plain_parts(line, range, is_named) {
            let text = &line[part.clone()];
            let secret = secret_of(name, text);
            let (start, secret) = (part.start + secret.start, &text[secret]);
            let is_number = secret.chars().all(|c| c.is_ascii_digit() || c == '.');
            // Of what is named as a secret, blanks are a part of it.
            let word = if is_named {
                secret.replace(char::is_whitespace, "_")
            } else {
                secret.to_owned()
            };
            if !secret.contains(char::is_alphanumeric)
                || (is_setting(&word) && !is_key(secret))
                || (is_number && !is_named)
            {
                continue;
            }
            let (range, _) = shift(start..start + secret.len());
            ranges.push((range, is_known_password(secret, name, text)));
        }
    }

    /// Returns the text with these stretches replaced. Of two that overlap the one that begins first counts, as far as it
    /// reaches.
    fn replaced(&self, text: &str, mut ranges: Vec<(Range<usize>, bool)>) -> String {
        ranges.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for (range, is_known) in ranges {
            let range = range.start.max(from)..range.end;
            if range.is_empty() {
                continue;
            }
            out.push_str(&text[from..range.start]);
            out.push_str(&self.stand_in(&text[range.clone()], is_known));
            from = range.end;
        }
        out.push_str(&text[from..]);
        out
    }

    /// Returns the word for a secret: as long as it, the same each time, and another than that of any other secret as far
    /// as there are so many words of the length.
    fn stand_in(&self, secret: &str, is_known: bool) -> String {
        let mut made = self.made.borrow_mut();
        let mut number = made.len();
        let word = made.entry((secret.to_owned(), is_known)).or_insert_with(|| {
            let mut letters: Vec<char> = secret
                .chars()
                .map(|c| if c.is_whitespace() { c } else { 'X' })
                .collect();
            for letter in letters.iter_mut().rev().filter(|letter| **letter == 'X') {
                *letter = char::from(LETTERS[number % LETTERS.len()]);
                number /= LETTERS.len();
                if number == 0 {
                    break;
                }
            }
            if let Some(first) = letters.first_mut() {
                match secret.chars().next() {
                    _ if is_known => *first = '<',
                    Some('/') => *first = '/',
                    // After a dollar a digit begins no variable.
                    Some(digit) if digit.is_ascii_digit() => *first = '7',
                    _ if is_random(secret) => *first = '7',
                    _ => {}
                }
            }
            letters.into_iter().collect()
        });
        word.clone()
    }
}

/// Lines that are one secret together.
enum Block {
    /// Up to the end of a key in PEM.
    Pem,
    /// The text below a key, further in than this.
    Indented(usize),
}

/// Returns what looks like a secret, of each part of `{ KEY: value, KEY: value }` too.
fn all_stretches(line: &str) -> Vec<Range<usize>> {
    let mut found = stretches(line);
    if line.contains('{') {
        let mut from = 0;
        for part in line.split_inclusive(", ") {
            let own = stretches(part).into_iter();
            found.extend(own.map(|range| range.start + from..range.end + from));
            from += part.len();
        }
    }
    found
}

/// Returns what may be the value in a line of variables that is none: `NAME value`, `=value`.
fn unread(line: &str) -> Option<Range<usize>> {
    let bare = line.trim();
    if bare.starts_with('#') || bare.contains(['"', '\'']) || variable(line).is_some() {
        return None;
    }
    let start = line.len() - line.trim_start().len();
    let at = bare.find(|c: char| c == '=' || c.is_whitespace())?;
    let after = start + at + 1;
    Some(after..start + bare.len())
}

/// Returns whether a text ends with what stands before the password of an address: `https://user:`.
fn follows_user(before: &str) -> bool {
    let Some((_, user)) = before.rsplit_once("://") else {
        return false;
    };
    user.ends_with(':') && !user.contains(|c: char| c == '/' || c == '@' || c.is_whitespace())
}

fn is_environment(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name == ".env" || name.starts_with(".env.") || name.ends_with(".env")
}

/// Returns the name that a line of variables gives a value, and where the value stands.
fn variable(line: &str) -> Option<(&str, Range<usize>)> {
    let bare = line
        .trim_start()
        .trim_start_matches("- ")
        .trim_start_matches(['"', '\'']);
    let bare = bare.strip_prefix("export ").unwrap_or(bare).trim_start();
    let (name, value) = bare.split_once(['=', ':'])?;
    let name = name.trim_end();
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    let value = value.trim_start();
    (is_name && !value.is_empty()).then_some((name, line.len() - value.len()..line.trim_end().len()))
}

/// Returns the key whose value begins at an offset.
fn key_before(line: &str, at: usize) -> &str {
    let before = line[..at].trim_end_matches([' ', '\t', ':', '=', '"', '\'', ',']);
    let from = before
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c)))
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    before[from..].trim_start_matches('-')
}

/// Returns where in the text of a place its secret stands: in the value as it is written, or as the default of a variable.
fn place_in(text: &str, held: &Held<'_>) -> Option<usize> {
    let within = held.secret.as_ptr() as usize - held.value.as_ptr() as usize;
    let whole = text.rfind(held.value).map(|at| at + within);
    whole.or_else(|| text.find(&format!("-{}}}", held.secret)).map(|at| at + 1))
}

/// Returns the stretches of a value that are its own text: without quotes, without what closes a list around it, without
/// a comment, and of `${NAME:-default}` the default alone.
fn plain_parts(line: &str, range: Range<usize>, is_named: bool) -> Vec<Range<usize>> {
    let value = &line[range.clone()];
    let Some(first) = value.chars().next() else {
        return Vec::new();
    };
    // It begins within `${NAME:-default}`, whose name is the key.
    let opened = line[..range.start].rfind("${");
    if opened.is_some_and(|at| !line[at..range.start].contains('}')) {
        let Some(closed) = value.find('}') else {
            return Vec::new();
        };
        let default = value[..closed].trim_start_matches(':');
        if is_named && default.starts_with(['-', '+']) {
            let end = range.start + closed;
            return std::iter::once(end - default.len() + 1..end).collect();
        }
        return Vec::new();
    }

    let within = |start: usize, end: usize| variables_out(line, range.start + start..range.start + end);
    match first {
        '"' | '\'' => {
            let inner = &value[1..];
            let end = closing(inner, first).unwrap_or(inner.len());
            within(1, 1 + end)
        }
        // What an anchor or a tag stands before; an alias and a block have nothing here.
        '&' | '!' => match value.find(' ') {
            Some(at) => {
                let start = at + (value[at..].len() - value[at..].trim_start().len());
                plain_parts(line, range.start + start..range.end, is_named)
            }
            None => Vec::new(),
        },
        // `KEY= # what it is for`
        '#' => Vec::new(),
        '*' if value.len() < 40 && value[1..].chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            Vec::new()
        }
        '[' => value
            .match_indices(|c: char| !"[],\"' ".contains(c))
            .map(|(at, _)| at)
            .fold(Vec::<Range<usize>>::new(), |mut words, at| {
                let at = range.start + at;
                let next = at + line[at..].chars().next().map_or(1, char::len_utf8);
                match words.last_mut() {
                    Some(last) if last.end == at => last.end = next,
                    _ => words.push(at..next),
                }
                words
            }),
        '{' => stretches(&value[1..])
            .into_iter()
            .flat_map(|inner| {
                let start = range.start + 1 + inner.start;
                plain_parts(line, start..range.start + 1 + inner.end, is_named)
            })
            .collect(),
        _ => {
            let mut end = value.find(" #").unwrap_or(value.len());
            let before = &line[..range.start];
            // Inside of `{ KEY: value, .. }` the value ends with its own part.
            if before.contains(['{', '[']) {
                end = value[..end].find([',', '}', ']']).unwrap_or(end);
            }
            let mut text = value[..end].trim_end();
            // Of `--password=value --other` only the word.
            let key = key_before(line, range.start);
            if before[..key.as_ptr() as usize - line.as_ptr() as usize].ends_with('-') {
                text = text.split_whitespace().next().unwrap_or_default();
            }
            let opens = |quote: char| before.matches(quote).count() % 2 == 1;
            for quote in ['"', '\''] {
                if opens(quote) {
                    text = text.split(quote).next().unwrap_or_default();
                }
            }
            within(0, text.len())
        }
    }
}

/// Returns where a quoted text ends.
fn closing(inner: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    inner.char_indices().find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = quote == '"' && c == '\\' && !escaped;
        ends.then_some(at)
    })
}

/// Returns the stretches of a text that are not `${NAME}` or `$NAME`, with the defaults in it. Only names in capitals are
/// taken for variables without braces: a hash is full of dollars.
fn variables_out(line: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut from = range.start;
    while let Some(at) = line[from..range.end].find('$').map(|at| from + at) {
        parts.push(from..at);
        let after = &line[at + 1..range.end];
        // What a shell runs.
        if after.starts_with('(') {
            from = after.find(')').map_or(range.end, |closed| at + 1 + closed + 1);
            continue;
        }
        if !after.starts_with('{') {
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let end = after.find(|c: char| !is_name(c)).unwrap_or(after.len());
            let next = after[end..].chars().next();
            let is_variable = after.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
                && !next.is_some_and(|c| c.is_ascii_lowercase());
            from = at + 1;
            if is_variable {
                // A letter in the place of what ends the name would make another name.
                from += end + next.filter(|c| !c.is_alphanumeric()).map_or(0, char::len_utf8);
            }
            continue;
        }
        let inner = at + 2;
        let mut depth = 1_usize;
        let end = line[inner..range.end].char_indices().find_map(|(index, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(inner + index)
        });
        let end = end.unwrap_or(range.end);
        let name = line[inner..end].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        if let Some(sign) = name.map(|sign| inner + sign) {
            let operator = line[sign..end].trim_start_matches(':');
            // `-` and `+` bring a value; `?` only a message.
            if operator.starts_with(['-', '+']) {
                let start = end - operator.len() + 1;
                parts.extend(variables_out(line, start..end));
            }
        }
        from = (end + 1).min(range.end);
    }
    parts.push(from..range.end);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Returns which part of a value is secret: of an address its password, else the last part of its path where the name says
/// that it is a secret; of all else the whole.
fn secret_of(name: &str, value: &str) -> Range<usize> {
    if !value.contains("://") {
        return 0..value.len();
    }
    if let Some(password) = password_in(value) {
        let start = password.as_ptr() as usize - value.as_ptr() as usize;
        return start..start + password.len();
    }
    let after = value.find("://").map_or(0, |at| at + 3);
    match value[after..].find('/') {
        Some(path) if names_secret(name) => after + path + 1..value.len(),
        _ => 0..0,
    }
}

/// Returns whether a text that begins like a path is a key: those that machines make in base64 may.
fn is_key(text: &str) -> bool {
    text.len() >= 16
        && !text.contains(char::is_whitespace)
        && text.chars().any(|c| c.is_ascii_uppercase())
        && text.chars().any(|c| c.is_ascii_lowercase())
        && text.chars().any(|c| c.is_ascii_digit())
        && !text.contains(['.', '$', '{'])
}
