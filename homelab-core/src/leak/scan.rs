//! Looks through a text for what a vocabulary has, in any form, and for what is private by its own shape.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use ipnet::IpNet;

use super::decode::{Decoded, decoded};
use super::forms::{Disguise, Edge, Form, forms};
use super::shape::{self, Shape};
use super::vocabulary::{ValueKind, Vocabulary};
use crate::error::{Error, ErrorKind, Result};
use crate::system::names_secret;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A term of the vocabulary, by its index.
    Term(usize),
    /// Something of a shape that only private values have.
    Shape(Shape),
}

/// One stretch of a text that tells something of a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leak {
    pub(crate) range: Range<usize>,
    pub(crate) what: What,
    pub(crate) disguise: Disguise,
}

/// What looks private by its shape and tells nothing in one lab.
#[derive(Default)]
pub(crate) struct Same {
    /// Networks inside of engines.
    pub(super) containers: Vec<IpNet>,
    /// What the lab's projects and services are called, and applications, in small letters.
    pub(super) names: HashSet<String>,
}

/// Looks through texts. Made once for a vocabulary; each text is read once for all of its forms together.
pub(crate) struct Scanner {
    /// Forms in which case does not matter, and those in which it does.
    any_case: Searcher,
    exact: Searcher,
    /// The addresses that are known, for notations that no list of forms has.
    addresses: Vec<(IpAddr, usize)>,
    /// The networks that are known: an address in one tells of the lab, whatever its range is.
    networks: Vec<IpNet>,
    /// The names of slots, and of the variables that have the values.
    slots: HashSet<String>,
    same: Same,
}

struct Searcher {
    automaton: AhoCorasick,
    /// The term and the form of each pattern.
    forms: Vec<(usize, Form)>,
}

impl Searcher {
    fn new(forms: Vec<(usize, Form)>, any_case: bool) -> Result<Self> {
        let automaton = AhoCorasickBuilder::new()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(any_case)
            .build(forms.iter().map(|(_, form)| form.text.as_bytes()))
            .map_err(|error| {
                Error::new(ErrorKind::NoSpace, "prepare the search for the lab's values").with_source(error)
            })?;
        Ok(Searcher { automaton, forms })
    }

    fn search(&self, bytes: &[u8], mut found: impl FnMut(Range<usize>, usize, Disguise)) {
        if self.forms.is_empty() {
            return;
        }
        for hit in self.automaton.find_overlapping_iter(bytes) {
            let (term, form) = &self.forms[hit.pattern().as_usize()];
            if is_bounded(bytes, hit.start(), hit.end(), form.edge) {
                found(hit.range(), *term, form.disguise);
            }
        }
    }
}

impl Scanner {
    /// Returns what looks for these terms, and for private values by shape but these.
    ///
    /// # Errors
    /// `NoSpace` when the values are too many for one search.
    pub(crate) fn new(vocabulary: &Vocabulary, same: Same) -> Result<Self> {
        let (mut any_case, mut exact) = (Vec::new(), Vec::new());
        let (mut addresses, mut networks) = (Vec::new(), Vec::new());
        for (index, term) in vocabulary.terms().iter().enumerate() {
            if let (ValueKind::Address, Ok(address)) = (term.kind(), term.value().parse()) {
                addresses.push((address, index));
            }
            if let (ValueKind::Network, Ok(network)) = (term.kind(), term.value().parse()) {
                networks.push(network);
            }
            for form in forms(term) {
                let list = if form.exact { &mut exact } else { &mut any_case };
                list.push((index, form));
            }
        }
        Ok(Scanner {
            any_case: Searcher::new(any_case, true)?,
            exact: Searcher::new(exact, false)?,
            addresses,
            networks,
            slots: vocabulary.slots().into_iter().map(str::to_owned).collect(),
            same,
        })
    }

    /// Returns what of the vocabulary stands in a text, and what is private by shape, in the order of the text. Of what
    /// overlaps, known values come before shapes, and longer before shorter ones.
    pub(crate) fn scan(&self, text: &str) -> Vec<Leak> {
        let known = self.known(text).into_iter();
        let mut found = Apart(known.map(|leak| (leak.range.start, leak)).collect());
        for (range, shape) in shape::shapes(text, &self.same, &self.networks) {
            found.add(Leak {
                range,
                what: What::Shape(shape),
                disguise: Disguise::Plain,
            });
        }
        found.0.into_values().collect()
    }

    /// Returns what of the vocabulary stands in a text, in its order, without what overlaps.
    pub(crate) fn known(&self, text: &str) -> Vec<Leak> {
        let mut found: Vec<Leak> = Vec::new();
        let push = |found: &mut Vec<Leak>, range, term, disguise| {
            found.push(Leak {
                range,
                what: What::Term(term),
                disguise,
            });
        };
        let search = |bytes: &[u8], found: &mut dyn FnMut(Range<usize>, usize, Disguise)| {
            self.any_case.search(bytes, &mut *found);
            self.exact.search(bytes, &mut *found);
        };
        search(text.as_bytes(), &mut |range, term, disguise| {
            push(&mut found, range, term, disguise)
        });
        for round in decoded(text) {
            let Decoded { bytes, .. } = &round;
            search(bytes, &mut |range, term, disguise| {
                let original = round.original(range.start, range.end);
                let original =
                    text.floor_char_boundary(original.start)..text.ceil_char_boundary(original.end);
                let is_same = text.as_bytes().get(original.clone()) == bytes.get(range.clone());
                let disguise = match disguise {
                    Disguise::Plain if !is_same => Disguise::Escaped,
                    other => other,
                };
                push(&mut found, original, term, disguise);
            });
        }
        if !self.addresses.is_empty() {
            let padded = shape::padded_addresses(text);
            for (range, address) in shape::addresses(text).into_iter().chain(padded) {
                let known = self.addresses.iter().find(|(known, _)| *known == address);
                if let Some((_, term)) = known {
                    push(&mut found, range, *term, Disguise::Notation);
                }
            }
        }
        found.retain(|leak| !self.is_in_slot(text, &leak.range));
        // The longest first: a machine's full name holds its network's. Of one stretch the plainest form counts.
        found.sort_by_key(|leak| {
            (
                std::cmp::Reverse(leak.range.len()),
                leak.disguise,
                leak.range.start,
            )
        });
        let mut kept = Apart::default();
        for leak in found {
            kept.add(leak);
        }
        kept.0.into_values().collect()
    }

    /// Returns whether a stretch is of the name of a slot, which stands for a value and is none.
    fn is_in_slot(&self, text: &str, range: &Range<usize>) -> bool {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let bytes = text.as_bytes();
        if !bytes[range.clone()].iter().all(is_part) {
            return false;
        }
        let before = bytes[..range.start]
            .iter()
            .rev()
            .take(64)
            .take_while(|byte| is_part(byte))
            .count();
        let after = bytes[range.end..]
            .iter()
            .take(64)
            .take_while(|byte| is_part(byte))
            .count();
        let name = text.get(range.start - before..range.end + after);
        name.is_some_and(|name| self.slots.contains(name))
    }
}

/// Leaks of which no two overlap, by where they begin.
#[derive(Default)]
struct Apart(BTreeMap<usize, Leak>);

impl Apart {
    /// Adds a leak, unless it overlaps with one that is there.
    fn add(&mut self, leak: Leak) {
        let last = self
            .0
            .range(..leak.range.end.max(leak.range.start + 1))
            .next_back();
        if last.is_none_or(|(_, last)| last.range.end <= leak.range.start) {
            self.0.insert(leak.range.start, leak);
        }
    }
}

/// Returns whether what stands around a stretch leaves it a value of its own.
fn is_bounded(bytes: &[u8], start: usize, end: usize, edge: Edge) -> bool {
    let before = start.checked_sub(1).map(|at| bytes[at]);
    let before_that = start.checked_sub(2).map(|at| bytes[at]);
    let (after, after_that) = (bytes.get(end).copied(), bytes.get(end + 1).copied());
    // Outside of ASCII it is a letter more often than not; an emoji or a dash of print is none, so both are let be.
    let is_word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
    match edge {
        Edge::Any => true,
        Edge::Word => !is_word(before) && !is_word(after),
        Edge::Name => {
            let goes_on = after == Some(b'-') && is_word(after_that);
            !(is_word(before) || is_word(after) || before == Some(b'-') || goes_on)
        }
        Edge::Number => {
            let continues = before == Some(b'.') && is_digit(before_that);
            let goes_on = after == Some(b'.') && is_digit(after_that);
            !(is_digit(before) || is_digit(after) || continues || goes_on)
        }
        Edge::Hexadecimal => {
            let is_part = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
            let goes_on = after == Some(b':') && (is_part(after_that) || after_that == Some(b':'));
            // `mac:` before it is a key, `ec:` a part.
            let word = bytes[..start.saturating_sub(1)].iter().rev();
            let length = word
                .clone()
                .take(5)
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count();
            let is_group = (1..5).contains(&length) && word.take(length).all(u8::is_ascii_hexdigit);
            let continues = before == Some(b':') && is_group && bytes.get(start) != Some(&b':');
            !(is_part(before) || is_part(after) || goes_on || continues)
        }
        Edge::Path => {
            let is_name = |byte: Option<u8>| is_word(byte) || matches!(byte, Some(b'-' | b'_'));
            let goes_on = after == Some(b'.') && is_name(after_that);
            !(is_name(before) || is_name(after) || goes_on || before == Some(b'.'))
        }
        Edge::Secret => {
            let is_name = |byte: Option<u8>| is_word(byte) || byte == Some(b'_');
            !is_name(after) && (!is_name(before) || is_option(&bytes[..start]))
        }
        Edge::Value => {
            let line_start = memchr::memrchr(b'\n', &bytes[..start]).map_or(0, |at| at + 1);
            let line = String::from_utf8_lossy(&bytes[line_start..start]);
            let opens = line.trim_end_matches([' ', '\t', '"', '\'']);
            let assigned = opens.strip_suffix(['=', ':']).is_some_and(|before| {
                let before = before.trim_end_matches([' ', '\t', '"', '\'']);
                let is_part = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
                names_secret(before.rsplit(|c| !is_part(c)).next().unwrap_or_default())
            });
            let assigned = assigned || is_option(&bytes[..start]);
            let closes = matches!(
                after,
                None | Some(b'"' | b'\'' | b' ' | b'\t' | b'\r' | b'\n' | b',' | b'}' | b']' | b'@')
            );
            assigned && closes
        }
    }
}

/// Returns whether a line up to here ends in what a program takes a password after: `-pVALUE`, `--password VALUE`,
/// `-u me:VALUE`.
fn is_option(before: &[u8]) -> bool {
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let line = String::from_utf8_lossy(&before[start..]);
    let line = line.trim_end_matches(['"', '\'']);
    let mut words = line.rsplit([' ', '\t']);
    let (last, previous) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_login =
        last.ends_with(':') && matches!(previous.trim_matches(['"', '\'']), "-u" | "--user" | "-U");
    let named = previous
        .trim_matches(['"', '\''])
        .strip_prefix("--")
        .is_some_and(names_secret);
    last == "-p" || last.is_empty() && (named || previous == "-p") || is_login
}
