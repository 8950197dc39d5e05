//! Reading TOML so that a bad value loses only itself: each refusal is a finding with its place, what was expected,
//! and the nearest known word.

use std::cell::RefCell;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::rules;
use super::{in_words, nearest};
use crate::finding::{Finding, Subject};
use crate::span::{Source, Span, Spanned};

/// One TOML file being read, and the findings so far.
pub(super) struct Reader<'a> {
    source: &'a Source,
    findings: RefCell<Vec<Finding>>,
    /// Lines that are no TOML. What stands in them is already a finding, and is not judged a second time.
    broken: Vec<u32>,
}

impl<'a> Reader<'a> {
    /// Parses the file as far as it is TOML, and lets `read` read its root table.
    pub(super) fn read<T>(source: &'a Source, read: impl FnOnce(Section<'_>) -> T) -> (T, Vec<Finding>) {
        let (table, errors) = DeTable::parse_recoverable(source.text());
        let mut findings = Vec::new();
        let mut broken = Vec::new();
        for error in errors {
            let span = match error.span() {
                Some(range) => Span::new(source, range.start, range.end),
                None => Span::file(source),
            };
            // One slip can make the parser stumble several times in a line; the first stumble says it.
            if broken.contains(&span.line()) {
                continue;
            }
            let first = span.line();
            broken.push(first);
            // What stands below a header that cannot be read is taken for what stood above it: nothing is said of it.
            let numbered = (1_u32..).zip(source.text().lines());
            let mut lines = numbered.skip_while(|(number, _)| *number < first);
            if lines.next().is_some_and(|(_, line)| is_header(line)) {
                broken.extend(
                    lines
                        .take_while(|(_, line)| !is_header(line))
                        .map(|(number, _)| number),
                );
            }
            let message = format!("this is not TOML: {}", one_line(error.message()));
            findings.push(Finding::new(&rules::INVALID_TOML, Subject::Lab, message).at(&span));
        }
        let reader = Reader {
            source,
            findings: RefCell::new(findings),
            broken,
        };
        let value = read(Section {
            reader: &reader,
            table: table.get_ref(),
            span: 0..0,
            path: String::new(),
            known: Vec::new(),
        });
        (value, reader.findings.into_inner())
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range.start, range.end)
    }

    fn report(&self, finding: Finding) {
        let broken = finding
            .place()
            .is_some_and(|place| self.broken.contains(&place.line()));
        if !broken {
            self.findings.borrow_mut().push(finding);
        }
    }
}

fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A table whose keys are fixed. Keys that nobody asked for are findings when it is [finished](Section::finish).
pub(super) struct Section<'a> {
    reader: &'a Reader<'a>,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    path: String,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// Returns where the table is written: its header, or the key that it belongs to.
    pub(super) fn span(&self) -> Span {
        self.reader.span(self.span.clone())
    }

    /// Returns the value of a key, and takes note that the key is known.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        let value = self.table.get(key)?;
        Some(Value {
            reader: self.reader,
            value: value.get_ref(),
            span: value.span(),
            path: join(&self.path, key),
        })
    }

    /// Returns the table of a key that has any names as keys, in the order of the file; empty where there is none.
    pub(super) fn entries(&mut self, key: &'static str) -> Vec<(Spanned<String>, Value<'a>)> {
        self.get(key).map(Value::entries).unwrap_or_default()
    }

    /// Returns the value of a key that must be there; its absence is a finding.
    pub(super) fn require(&mut self, key: &'static str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.missing(&format!("`{key}`"));
        }
        value
    }

    /// Says which of these keys are missing: one finding, since it is one entry that lacks them.
    pub(super) fn require_all(&self, keys: &[&'static str]) {
        let missing: Vec<String> = keys
            .iter()
            .filter(|key| self.table.get(**key).is_none())
            .map(|key| format!("`{key}`"))
            .collect();
        if !missing.is_empty() {
            self.missing(&in_words(&missing, "and", usize::MAX));
        }
    }

    /// Says something else that is wrong in the table.
    pub(super) fn report(&self, finding: Finding) {
        self.reader.report(finding);
    }

    /// Says that keys are missing.
    fn missing(&self, keys: &str) {
        let path = if self.path.is_empty() {
            "the file"
        } else {
            &self.path
        };
        let message = format!("`{path}` has no {keys}");
        self.reader
            .report(Finding::new(&rules::MISSING_VALUE, Subject::Lab, message).at(&self.span()));
    }

    /// Returns whether there is a key that nobody has asked for so far.
    pub(super) fn has_unknown(&self) -> bool {
        self.table
            .keys()
            .any(|key| !self.known.contains(&key.get_ref().as_ref()))
    }

    /// Says of each key that nobody asked for that it is unknown.
    pub(super) fn finish(self) {
        for (key, _) in in_order(self.table) {
            let text = key.get_ref().as_ref();
            if self.known.contains(&text) {
                continue;
            }
            let place = if self.path.is_empty() {
                "at the top of the file".to_owned()
            } else {
                format!("in `{}`", self.path)
            };
            let known: Vec<String> = self.known.iter().map(|key| format!("`{key}`")).collect();
            let fix = match nearest(text, self.known.iter().copied()) {
                Some(near) => format!(
                    "did you mean `{near}`? known keys are {}",
                    in_words(&known, "and", usize::MAX)
                ),
                None => format!("known keys are {}", in_words(&known, "and", usize::MAX)),
            };
            let message = format!("unknown key `{}` {place}", shortened(text));
            self.reader.report(
                Finding::new(&rules::UNKNOWN_KEY, Subject::Lab, message)
                    .at(&self.reader.span(key.span()))
                    .with_fix(fix),
            );
        }
    }
}

/// A value of any type, to be read as the one that is expected.
pub(super) struct Value<'a> {
    reader: &'a Reader<'a>,
    value: &'a DeValue<'a>,
    span: Range<usize>,
    path: String,
}

impl<'a> Value<'a> {
    /// Returns where it is written.
    pub(super) fn span(&self) -> Span {
        self.reader.span(self.span.clone())
    }

    /// Returns it as a text.
    pub(super) fn text(self) -> Option<Spanned<String>> {
        self.parse("a text in quotes", |text| Some(text.to_owned()))
    }

    /// Returns it as a text that a function understands.
    pub(super) fn parse<T>(
        self,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Spanned<T>> {
        match self.value {
            DeValue::String(text) => match parse(text) {
                Some(value) => Some(Spanned::new(value, self.span())),
                None => self.refuse(&format!("`{}`", shortened(text)), expected, None),
            },
            _ => self.wrong_type(expected),
        }
    }

    /// Returns it as a name, whose own rule says what is expected.
    pub(super) fn name<T: std::str::FromStr<Err = crate::InvalidName>>(self) -> Option<Spanned<T>> {
        let DeValue::String(text) = self.value else {
            return self.wrong_type("a name in quotes");
        };
        match text.parse() {
            Ok(name) => Some(Spanned::new(name, self.span())),
            Err(error) => self.refuse(&format!("`{}`", shortened(text)), error.rule(), None),
        }
    }

    /// Returns it as one of some words.
    pub(super) fn word<T>(self, words: &[&str], parse: impl FnOnce(&str) -> Option<T>) -> Option<Spanned<T>> {
        let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        let expected = format!("one of {}", in_words(&quoted, "and", usize::MAX));
        let DeValue::String(text) = self.value else {
            return self.wrong_type(&expected);
        };
        match parse(text) {
            Some(value) => Some(Spanned::new(value, self.span())),
            None => {
                let near = nearest(&text.to_lowercase(), words.iter().copied());
                self.refuse(&format!("`{}`", shortened(text)), &expected, near)
            }
        }
    }

    /// Returns it as a value that is never shown, not even in a refusal.
    pub(super) fn hidden<T>(
        self,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Spanned<T>> {
        match self.value {
            DeValue::String(text) => match parse(text) {
                Some(value) => Some(Spanned::new(value, self.span())),
                None => {
                    let message = format!("`{}` is not {expected}", self.path);
                    let place = self.span();
                    self.reader
                        .report(Finding::new(&rules::LITERAL_SECRET, Subject::Lab, message).at(&place));
                    None
                }
            },
            _ => self.wrong_type(expected),
        }
    }

    /// Returns it as `true` or `false`.
    pub(super) fn flag(self) -> Option<Spanned<bool>> {
        match self.value {
            DeValue::Boolean(flag) => Some(Spanned::new(*flag, self.span())),
            _ => self.wrong_type("`true` or `false`"),
        }
    }

    /// Returns it as a whole number within bounds.
    pub(super) fn number(self, expected: &str, bounds: Range<u64>) -> Option<Spanned<u64>> {
        match self.value {
            DeValue::Integer(number) => match u64::from_str_radix(number.as_str(), number.radix()) {
                Ok(value) if bounds.contains(&value) => Some(Spanned::new(value, self.span())),
                _ => self.refuse(&format!("`{number}`"), expected, None),
            },
            _ => self.wrong_type(expected),
        }
    }

    /// Returns it as a number or a text, whichever a function understands.
    pub(super) fn number_or_text<T>(
        self,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let text = match self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::String(text) => text.to_string(),
            _ => return self.wrong_type(expected),
        };
        match parse(&text) {
            Some(value) => Some(Spanned::new(value, self.span())),
            None => self.refuse(&format!("`{}`", shortened(&text)), expected, None),
        }
    }

    /// Returns it as a day, as a TOML date or as a text.
    pub(super) fn date(self) -> Option<Spanned<jiff::civil::Date>> {
        let expected = "a day such as `2027-06-30`";
        let text = match self.value {
            DeValue::Datetime(when) if when.time.is_none() => when.to_string(),
            DeValue::Datetime(when) => return self.refuse(&format!("`{when}`"), expected, None),
            DeValue::String(text) => text.to_string(),
            _ => return self.wrong_type(expected),
        };
        match text.parse() {
            Ok(date) if text.len() == 10 => Some(Spanned::new(date, self.span())),
            _ => self.refuse(&format!("`{}`", shortened(&text)), expected, None),
        }
    }

    /// Returns the items of a list; nothing where it is none.
    pub(super) fn list(self, expected: &str) -> Option<Vec<Value<'a>>> {
        match self.value {
            DeValue::Array(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| Value {
                        reader: self.reader,
                        value: item.get_ref(),
                        span: item.span(),
                        path: format!("{}[{index}]", self.path),
                    })
                    .collect(),
            ),
            _ => self.wrong_type(expected),
        }
    }

    /// Says that a list may not be empty, where it is.
    pub(super) fn not_empty(self, expected: &str) -> Option<Self> {
        match self.value {
            DeValue::Array(items) if items.is_empty() => self.refuse("an empty list", expected, None),
            _ => Some(self),
        }
    }

    /// Returns it as a table with fixed keys.
    pub(super) fn section(self) -> Option<Section<'a>> {
        match self.value {
            DeValue::Table(table) => Some(Section {
                reader: self.reader,
                table,
                span: self.span,
                path: self.path,
                known: Vec::new(),
            }),
            _ => self.wrong_type("a table"),
        }
    }

    /// Returns it as a record that says itself what it is made of. A value in it that is refused is a finding, and is
    /// left out; so the record is lost only when a part is without which it means nothing.
    pub(super) fn record<T: serde::de::DeserializeOwned>(self) -> Option<T> {
        let DeValue::Table(table) = self.value else {
            return self.wrong_type("a table");
        };
        let mut table = table.clone();
        loop {
            let value = toml::Spanned::new(self.span.clone(), DeValue::Table(table.clone()));
            let error = match T::deserialize(toml::de::ValueDeserializer::from(value)) {
                Ok(record) => return Some(record),
                Err(error) => error,
            };
            let place = error.span().unwrap_or_else(|| self.span.clone());
            let message = format!("`{}`: {}", self.path, one_line(error.message()));
            self.reader.report(
                Finding::new(&rules::INVALID_VALUE, Subject::Lab, message)
                    .at(&self.reader.span(place.clone())),
            );
            let culprit = table.iter().find_map(|(key, value)| {
                let around = key.span().start..value.span().end;
                (around.contains(&place.start) && place != self.span).then(|| key.clone())
            });
            table.remove(&culprit?);
        }
    }

    /// Returns whether it is a table.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// Returns the keys and values of a table with any keys, in the order of the file.
    pub(super) fn entries(self) -> Vec<(Spanned<String>, Value<'a>)> {
        let DeValue::Table(table) = self.value else {
            self.wrong_type::<()>("a table");
            return Vec::new();
        };
        in_order(table)
            .into_iter()
            .map(|(key, value)| {
                let name = Spanned::new(key.get_ref().to_string(), self.reader.span(key.span()));
                let path = join(&self.path, key.get_ref());
                let value = Value {
                    reader: self.reader,
                    value: value.get_ref(),
                    span: value.span(),
                    path,
                };
                (name, value)
            })
            .collect()
    }

    /// Says that a key of [`entries`](Value::entries) is no name of the kind that stands there, or returns the name.
    pub(super) fn key<T: std::str::FromStr<Err = crate::InvalidName>>(
        &self,
        key: &Spanned<String>,
    ) -> Option<T> {
        match key.value().parse() {
            Ok(name) => Some(name),
            Err(error) => {
                let message = format!("`{}` is {}", shortened(key.value()), NotAName(&error));
                self.reader
                    .report(Finding::new(&rules::INVALID_VALUE, Subject::Lab, message).at(key.span()));
                None
            }
        }
    }

    /// Says that the value is not what was expected.
    pub(super) fn refuse<T>(&self, got: &str, expected: &str, near: Option<&str>) -> Option<T> {
        let message = format!("`{}` is {got}, expected {expected}", self.path);
        let finding = Finding::new(&rules::INVALID_VALUE, Subject::Lab, message).at(&self.span());
        self.reader.report(match near {
            Some(near) => finding.with_fix(format!("did you mean `{near}`?")),
            None => finding.with_fix(format!("write {expected}")),
        });
        None
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let got = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "`true` or `false`",
            DeValue::Datetime(_) => "a time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.refuse(got, expected, None)
    }
}

struct NotAName<'a>(&'a crate::InvalidName);

impl std::fmt::Display for NotAName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a name, expected {}", self.0.rule())
    }
}

type Key<'a> = toml::Spanned<toml::de::DeString<'a>>;

fn in_order<'a>(table: &'a DeTable<'a>) -> Vec<(&'a Key<'a>, &'a toml::Spanned<DeValue<'a>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let key = if bare {
        key.to_owned()
    } else {
        format!("\"{}\"", shortened(key))
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// Returns a text short enough for a message, on one line.
pub(super) fn shortened(text: &str) -> String {
    let line: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.len() < text.len() {
        format!("{line}…")
    } else {
        line
    }
}
