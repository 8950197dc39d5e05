//! What identifies a lab, and whether it stands where everybody may read it: [`Vocabulary`], and the findings behind
//! [`Lab::leaks`](crate::Lab::leaks).
//!
//! A vocabulary has every value that is this lab's alone, each with its kind, its source and the slot that should stand
//! for it. The scanner finds them in files of strata 1 to 4 and in the names of those files: in any case of letters,
//! URL-encoded, in base64 wherever it begins, in hexadecimal, with the escapes of JSON, YAML, shells and HTML, reversed as
//! DNS does, in other notations of an address, and split over lines by a `\`. What nobody listed it knows by its shape:
//! private addresses, names below `.ts.net`, mail addresses, tokens, keys.
//!
//! With the feature `history` it looks through every version that a repository of git holds
//! ([`Lab::leaks_with_history`](crate::Lab::leaks_with_history)). It does not look into archives and images.
//!
//! ```
//! use homelab_core::leak::ValueKind;
//! use homelab_core::{Lab, Observed};
//!
//! let lab = Lab::from_texts(
//!     "home",
//!     [
//!         ("instance.toml", "[private]\nstreet = 'Windy Lane 7'"),
//!         ("README.md", "---\nstratum: 2\n---\nThe house in WINDY LANE 7 has one.\n"),
//!     ],
//! );
//! let seen = Observed::none("2026-12-01T00:00:00Z".parse()?);
//! assert_eq!(lab.vocabulary(&seen).terms()[0].kind(), ValueKind::Other);
//! let report = lab.leaks(&seen)?;
//! assert_eq!(report.findings()[0].to_string(), "README.md:4:14: error[leak.known-value]: `STREET` (a private value) stands here");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod common;
mod decode;
mod forms;
mod gather;
#[cfg(feature = "history")]
pub(crate) mod history;
pub(crate) mod rules;
mod scan;
mod shape;
mod telling;
#[cfg(test)]
mod tests;
mod token;
mod vocabulary;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

pub(crate) use self::scan::{Leak, Scanner, What};
pub(crate) use self::shape::Shape;
pub use self::vocabulary::{Term, ValueKind, Vocabulary};
use crate::error::Result;
use crate::finding::{Evidence, Finding, Subject};
use crate::lab::{FileKind, Lab, LabFile, in_words};
use crate::span::{Source, Span};

impl Lab {
    /// Returns a scanner for a vocabulary in this lab's files.
    pub(crate) fn scanner(&self, vocabulary: &Vocabulary) -> Result<Scanner> {
        Scanner::new(vocabulary, self.same())
    }

    /// Returns a finding for each place in a shareable file where a value stands, and for each such file that could not
    /// be looked through.
    pub(crate) fn leak_findings(&self, vocabulary: &Vocabulary) -> Result<Vec<Finding>> {
        let scanner = self.scanner(vocabulary)?;
        let mut findings = Vec::new();
        let shareable = self.manifest().files().iter();
        for file in shareable.filter(|file| file.stratum().is_shareable()) {
            let (name, leaks) = masked_name(&scanner, file.path());
            findings.extend(leaks.iter().map(|leak| of_name(&name, leak, vocabulary)));
            match file.bytes() {
                Some(bytes) => {
                    let source = Source::new(&*name, text_of(bytes).as_ref());
                    findings.extend(of_text(&scanner, file, &source, vocabulary));
                }
                None => {
                    let message = format!("`{name}` is of stratum {} and was not read", file.stratum());
                    let place = Span::file(&Source::new(&*name, ""));
                    findings.push(Finding::new(&rules::NOT_SCANNED, Subject::Lab, message).at(&place));
                }
            }
        }
        findings.extend(self.own_by_default(&scanner));
        Ok(findings)
    }

    /// Returns what to say of the files that nobody called private, and that are so by default.
    fn own_by_default(&self, scanner: &Scanner) -> Vec<Finding> {
        let (mut findings, mut names) = (Vec::new(), Vec::new());
        for file in self.manifest().files() {
            let Some(bytes) = file.bytes().filter(|_| file.is_own_by_default(self.pattern())) else {
                continue;
            };
            let (name, _) = masked_name(scanner, file.path());
            let count = if is_shared_first(file.path()) {
                scanner.scan(&text_of(bytes)).len()
            } else {
                0
            };
            if count > 0 {
                let values = if count == 1 { "a value" } else { "values" };
                let message = format!(
                    "`{name}` holds {values} of this lab in {count} {}, and is shared first by whoever shares the folder",
                    if count == 1 { "place" } else { "places" }
                );
                let place = Span::file(&Source::new(&*name, ""));
                findings.push(Finding::new(&rules::SHARED_FIRST, Subject::Lab, message).at(&place));
            }
            names.push(format!("`{name}`"));
        }
        if !names.is_empty() {
            let (files, were) = if names.len() == 1 {
                ("file", "was")
            } else {
                ("files", "were")
            };
            let message = format!(
                "{} {files} {were} taken for this lab's own and not looked through: {}",
                names.len(),
                in_words(&names, "and", 5)
            );
            let finding = Finding::new(&rules::NOT_LOOKED_THROUGH, Subject::Lab, message);
            let all = Evidence::said(names.join(", "));
            findings.push(if names.len() > 5 {
                finding.with_evidence(all)
            } else {
                finding
            });
        }
        findings
    }
}

/// Returns whether a file goes along with every copy of a repository, and is read first.
fn is_shared_first(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let is_prose = lower.ends_with(".md") || lower.ends_with(".markdown") || lower.ends_with(".txt");
    match lower.split_once('/') {
        None => is_prose || lower == "readme" || lower.starts_with("license") || lower == "copying",
        Some((folder, _)) => is_prose && folder == "docs",
    }
}

/// Returns the text of a file: UTF-8, or the UTF-16 that other systems write. What is neither is looked through as far as
/// it is text.
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    let pairs = |order: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| order([pair[0], pair[1]]));
        Cow::Owned(
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect(),
        )
    };
    // Without a mark of its order, every second byte of a text in Latin letters is zero.
    let zeros = |from: usize| {
        bytes
            .iter()
            .skip(from)
            .step_by(2)
            .take(64)
            .filter(|byte| **byte == 0)
            .count()
    };
    let most = bytes.len().min(128) / 2;
    let is_half = |count: usize| most >= 4 && count * 4 >= most * 3;
    if bytes.starts_with(&[0xff, 0xfe]) || is_half(zeros(1)) && !is_half(zeros(0)) {
        pairs(u16::from_le_bytes)
    } else if bytes.starts_with(&[0xfe, 0xff]) || is_half(zeros(0)) && !is_half(zeros(1)) {
        pairs(u16::from_be_bytes)
    } else {
        String::from_utf8_lossy(bytes)
    }
}

/// Returns a path as it may be printed, and what was found in it.
fn masked_name<'a>(scanner: &Scanner, path: &'a str) -> (Cow<'a, str>, Vec<Leak>) {
    let leaks = scanner.scan(path);
    if leaks.is_empty() {
        return (Cow::Borrowed(path), leaks);
    }
    let mut name = String::with_capacity(path.len());
    let mut at = 0;
    for leak in &leaks {
        name.push_str(&path[at..leak.range.start]);
        let first = path[leak.range.clone()].chars().next();
        name.extend(first.filter(|_| leak.range.len() > 3));
        name.push_str("***");
        at = leak.range.end;
    }
    name.push_str(&path[at..]);
    (Cow::Owned(name), leaks)
}

fn of_name(name: &str, leak: &Leak, vocabulary: &Vocabulary) -> Finding {
    let what = value_words(leak, vocabulary);
    let message = format!("{what} is in the path of this file{}", leak.disguise.words());
    let place = Span::file(&Source::new(name, ""));
    Finding::new(&rules::FILE_NAME, Subject::Lab, message).at(&place)
}

/// Returns what was found without the value: `NAS_ADDRESS` and its kind, or what the shape is of.
fn value_words(leak: &Leak, vocabulary: &Vocabulary) -> String {
    match leak.what {
        What::Term(term) => {
            let term = &vocabulary.terms()[term];
            format!("`{}` ({})", term.slot(), term.kind().words())
        }
        What::Shape(shape) => shape.words(),
    }
}

/// Returns the findings of one file's text.
fn of_text(scanner: &Scanner, file: &LabFile, source: &Source, vocabulary: &Vocabulary) -> Vec<Finding> {
    of_leaks(scanner, file, source, vocabulary, &scanner.scan(source.text()))
}

/// Returns a finding for each of these.
fn of_leaks(
    scanner: &Scanner,
    file: &LabFile,
    source: &Source,
    vocabulary: &Vocabulary,
    leaks: &[Leak],
) -> Vec<Finding> {
    // How many different values of a shape there are is part of the message, and so of the fingerprint: who accepts one
    // has not accepted another that is added later.
    let mut different: BTreeMap<Shape, HashSet<&str>> = BTreeMap::new();
    for leak in leaks {
        if let What::Shape(shape) = leak.what {
            different
                .entry(shape)
                .or_default()
                .insert(&source.text()[leak.range.clone()]);
        }
    }
    let findings = leaks.iter().map(|leak| {
        let span = Span::new(source, leak.range.start, leak.range.end);
        let finding = match leak.what {
            What::Term(term) => of_term(scanner, &vocabulary.terms()[term], leak, file),
            What::Shape(shape) => {
                let count = different.get(&shape).map_or(1, HashSet::len);
                let others = if count > 1 {
                    format!(", one of {count} in this file")
                } else {
                    String::new()
                };
                let message = format!("{} stands here{others}", shape.words());
                let fix = instead(file, shape.slot());
                Finding::new(shape.rule(), Subject::Lab, message)
                    .with_fix(format!("{} {fix}", shape.rule().fix))
            }
        };
        finding
            .at(&span)
            .without_snippet()
            .with_evidence(Evidence::said(format!(
                "the file is of stratum {}",
                file.stratum()
            )))
    });
    findings.collect()
}

fn of_term(scanner: &Scanner, term: &Term, leak: &Leak, file: &LabFile) -> Finding {
    let slot = term.slot_for(file.path());
    let rule = match term.kind() {
        ValueKind::Secret => &rules::KNOWN_SECRET,
        _ => &rules::KNOWN_VALUE,
    };
    let message = format!(
        "`{slot}` ({}) stands here{}",
        term.kind().words(),
        leak.disguise.words()
    );
    let finding = Finding::new(rule, Subject::Lab, message).with_fix(instead(file, slot.as_str()));
    // Where the value comes from is said without the place where it stands itself.
    let written = match term.place() {
        Some(place) => {
            let (name, _) = masked_name(scanner, place.source().name());
            format!("the value is from {name}:{}", place.line())
        }
        None => format!("the value is from {}", term.origin()),
    };
    finding.with_evidence(Evidence::said(written))
}

/// Returns what to write in the place of a value.
fn instead(file: &LabFile, slot: &str) -> String {
    match file.kind() {
        FileKind::Compose => format!("Write `${{{slot}}}`, and its value into the `.env` beside the file."),
        FileKind::Pattern => format!("Write `${{{slot}}}`, and its value into `.env` or instance.toml."),
        _ => format!("Write `@{{{slot}}}`, and keep the value in `.env` or instance.toml."),
    }
}
