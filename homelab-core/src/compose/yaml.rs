//! YAML as compose-go reads it: a tree with positions, made of granit-parser's events.
//!
//! YAML 1.2 with what the Go reader keeps of 1.1: `0644` is octal and `1_000` a number, while `yes` and `on` are texts;
//! merge keys (`<<`, also tagged `!!merge`), and Compose's own tags `!reset` and `!override`.
//! Hostile input is bounded: bytes, depth, and the number of values after aliases are expanded.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use super::node::{Map, Node, Value};
use super::path::Path;
use super::rules;
use crate::finding::Rule;
use crate::span::{Source, Span};

/// The largest file that is read, in bytes.
pub(super) const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The most values that one file may have, aliases expanded.
const MAX_VALUES: usize = 400_000;
/// The deepest nesting.
const MAX_DEPTH: usize = 100;

/// One document of a file.
pub(super) struct Document {
    pub(super) root: Node,
    /// Paths whose earlier value goes before this document is merged: `!reset` and `!override`.
    pub(super) resets: Vec<Path>,
}

/// What is wrong with a file as YAML.
pub(super) struct Fault {
    pub(super) rule: &'static Rule,
    pub(super) span: Span,
    pub(super) message: String,
}

/// What a file holds: its documents as far as they could be read, and what is wrong.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) documents: Vec<Document>,
    /// The syntax broke, or a limit was reached: what follows is missing.
    pub(super) broken: Option<Fault>,
    /// Keys written twice (the last one counts), odd keys and merges of what is no mapping.
    pub(super) faults: Vec<Fault>,
}

/// Reads a whole file.
pub(super) fn read(source: &Source) -> Reading {
    let mut reading = Reading::default();
    if source.text().len() > MAX_BYTES {
        let message = format!("the file is larger than {} MiB", MAX_BYTES / 1024 / 1024);
        reading.broken = Some(Fault {
            rule: &rules::SYNTAX,
            span: Span::file(source),
            message,
        });
        return reading;
    }
    let mut options =
        granit_parser::options! { emit_comments: false, block_scalar_eof_without_line_feed: true };
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut reader = Reader {
        source,
        anchors: HashMap::default(),
        values: 0,
        path: Path::default(),
        resets: Vec::new(),
        faults: Vec::new(),
    };
    let mut parser = Parser::new_from_str_with_options(source.text(), options);
    loop {
        match parser.next_event() {
            None => break,
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(0);
                reading.broken = Some(Fault {
                    rule: &rules::SYNTAX,
                    span: Span::new(source, at, at),
                    message: error.info().to_string(),
                });
                break;
            }
            Some(Ok((event, span))) => match event {
                Event::StreamStart | Event::DocumentEnd | Event::StreamEnd => {}
                Event::DocumentStart(..) => {
                    reader.anchors.clear();
                }
                event => match reader.value(event, span, &mut parser, 0) {
                    Ok(root) => {
                        let resets = std::mem::take(&mut reader.resets);
                        // A root that is reset, or nothing at all, is no document.
                        let root = root.unwrap_or_else(|| Node::new(Value::Null, Span::file(source)));
                        reading.documents.push(Document { root, resets });
                    }
                    Err(fault) => {
                        reading.broken = Some(fault);
                        break;
                    }
                },
            },
        }
    }
    reading.faults = reader.faults;
    reading
}

struct Reader<'s> {
    source: &'s Source,
    anchors: HashMap<usize, Option<(Node, usize)>, foldhash::fast::RandomState>,
    values: usize,
    path: Path,
    resets: Vec<Path>,
    faults: Vec<Fault>,
}

type Events<'s> = Parser<'s, granit_parser::StrInput<'s>>;

impl<'s> Reader<'s> {
    fn span(&self, span: granit_parser::Span) -> Span {
        let start = span.start.byte_offset().unwrap_or(0);
        let end = span.end.byte_offset().unwrap_or(start);
        Span::new(self.source, start, end)
    }

    fn next(&self, events: &mut Events<'s>) -> Result<(Event<'s>, granit_parser::Span), Fault> {
        match events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(0);
                Err(Fault {
                    rule: &rules::SYNTAX,
                    span: Span::new(self.source, at, at),
                    message: error.info().to_string(),
                })
            }
            None => Err(Fault {
                rule: &rules::SYNTAX,
                span: Span::file(self.source),
                message: "the file ends too early".into(),
            }),
        }
    }

    fn count(&mut self, values: usize, span: &Span) -> Result<(), Fault> {
        self.values += values;
        if self.values > MAX_VALUES {
            let message = format!("the file has more than {MAX_VALUES} values, aliases expanded");
            return Err(Fault {
                rule: &rules::SYNTAX,
                span: span.clone(),
                message,
            });
        }
        Ok(())
    }

    /// Reads the value that begins with this event; nothing when it is tagged `!reset`.
    fn value(
        &mut self,
        event: Event<'s>,
        span: granit_parser::Span,
        events: &mut Events<'s>,
        depth: usize,
    ) -> Result<Option<Node>, Fault> {
        let at = self.span(span);
        self.count(1, &at)?;
        if depth > MAX_DEPTH {
            return Err(Fault {
                rule: &rules::SYNTAX,
                span: at,
                message: format!("values are nested deeper than {MAX_DEPTH}"),
            });
        }
        let before = self.values;
        let (node, anchor, tag) = match event {
            Event::Alias(id) => {
                return match self.anchors.get(&id) {
                    Some(Some((node, values))) => {
                        let (node, values) = (node.clone(), *values);
                        self.count(values, &at)?;
                        // The alias' own place is where a person looks first.
                        Ok(Some(Node { key: None, ..node }))
                    }
                    _ => Err(Fault {
                        rule: &rules::SYNTAX,
                        span: at,
                        message: "an alias stands inside the value that it names".into(),
                    }),
                };
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(text, style, tag.as_deref());
                (Node::new(value, at), anchor, tag)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let mut items = Vec::new();
                if anchor != 0 {
                    self.anchors.insert(anchor, None);
                }
                let mut end = at.end();
                loop {
                    let (event, span) = self.next(events)?;
                    if matches!(event, Event::SequenceEnd) {
                        end = end.max(self.span(span).end());
                        break;
                    }
                    self.path.push_item(items.len());
                    let item = self.value(event, span, events, depth + 1);
                    self.path.pop();
                    if let Some(item) = item? {
                        end = end.max(item.span.end());
                        items.push(item);
                    }
                }
                (
                    Node::new(Value::List(items), Span::new(self.source, at.start(), end)),
                    anchor,
                    tag,
                )
            }
            Event::MappingStart(_, anchor, tag) => {
                if anchor != 0 {
                    self.anchors.insert(anchor, None);
                }
                let (map, end) = self.mapping(at.end(), events, depth)?;
                (
                    Node::new(Value::Map(map), Span::new(self.source, at.start(), end)),
                    anchor,
                    tag,
                )
            }
            _ => {
                return Err(Fault {
                    rule: &rules::SYNTAX,
                    span: at,
                    message: "a value is missing here".into(),
                });
            }
        };
        if anchor != 0 {
            self.anchors
                .insert(anchor, Some((node.clone(), self.values - before + 1)));
        }
        match tag.as_deref().map(custom_tag) {
            Some("reset") => {
                self.resets.push(self.path.clone());
                Ok(None)
            }
            Some("override") => {
                self.resets.push(self.path.clone());
                Ok(Some(node))
            }
            _ => Ok(Some(node)),
        }
    }

    fn mapping(
        &mut self,
        start: usize,
        events: &mut Events<'s>,
        depth: usize,
    ) -> Result<(Map, usize), Fault> {
        let mut map = Map::default();
        let mut merges = Vec::new();
        let mut end = start;
        loop {
            let (event, span) = self.next(events)?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key_span = self.span(span);
            let (key, merges_here) = self.key(event, span, events, depth)?;
            let (event, span) = self.next(events)?;
            self.path.push_key(&key);
            let value = self.value(event, span, events, depth + 1);
            self.path.pop();
            let Some(value) = value? else {
                continue;
            };
            end = end.max(value.span.end()).max(key_span.end());
            if merges_here {
                if !merges.is_empty() {
                    let message = "the merge key `<<` is written twice; give it a list".to_owned();
                    self.faults.push(Fault {
                        rule: &rules::DUPLICATE_KEY,
                        span: key_span.clone(),
                        message,
                    });
                }
                merges.push((key_span, value));
                continue;
            }
            if let Some(first) = map.get(&key) {
                let message = format!("the key `{key}` is written twice, first at {}", first.place());
                self.faults.push(Fault {
                    rule: &rules::DUPLICATE_KEY,
                    span: key_span.clone(),
                    message,
                });
            }
            map.insert(key, value.keyed(Some(key_span)));
        }
        for (key_span, merged) in merges {
            self.merge(&mut map, merged, &key_span);
        }
        Ok((map, end))
    }

    /// Reads a key: its text, and whether it is the merge key.
    fn key(
        &mut self,
        event: Event<'s>,
        span: granit_parser::Span,
        events: &mut Events<'s>,
        depth: usize,
    ) -> Result<(Box<str>, bool), Fault> {
        let at = self.span(span);
        let plain_merge = match &event {
            Event::Scalar(text, ScalarStyle::Plain, _, tag) => {
                text == "<<" && tag.as_deref().is_none_or(|tag| tag.suffix() == "merge")
            }
            Event::Scalar(text, _, _, Some(tag)) => text == "<<" && tag.suffix() == "merge",
            _ => false,
        };
        let quoted = !matches!(&event, Event::Scalar(_, ScalarStyle::Plain, ..));
        let written = match &event {
            Event::Scalar(text, ..) => Some(text.to_string()),
            _ => None,
        };
        let node = self.value(event, span, events, depth + 1)?;
        let odd = match node.as_ref().map(|node| &node.value) {
            Some(Value::Text(text)) => return Ok((text.clone(), plain_merge)),
            Some(Value::List(_) | Value::Map(_)) => "a key is a list or mapping".to_owned(),
            _ if quoted => "a key is no text".to_owned(),
            _ => format!("the key `{}` is no text", written.as_deref().unwrap_or("")),
        };
        self.faults.push(Fault {
            rule: &rules::INVALID_VALUE,
            span: at,
            message: format!("{odd}: put it in quotes"),
        });
        Ok((written.unwrap_or_default().into(), false))
    }

    fn merge(&mut self, map: &mut Map, merged: Node, key: &Span) {
        let parts = match merged.value {
            Value::Map(part) => vec![part],
            Value::List(items) if items.iter().all(|item| item.as_map().is_some()) => items
                .into_iter()
                .filter_map(|item| match item.value {
                    Value::Map(part) => Some(part),
                    _ => None,
                })
                .collect(),
            _ => {
                let message = "a merge key takes a mapping, or a list of mappings".to_owned();
                self.faults.push(Fault {
                    rule: &rules::INVALID_VALUE,
                    span: key.clone(),
                    message,
                });
                return;
            }
        };
        for part in parts {
            for (name, value) in part {
                map.entry(name).or_insert(value);
            }
        }
    }
}

/// The name of one of Compose's own tags, or an empty text.
fn custom_tag(tag: &Tag) -> &str {
    if tag.is_yaml_core_schema() {
        ""
    } else {
        tag.suffix()
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    match tag.and_then(|tag| tag.core_suffix()) {
        Some("str" | "binary") => return Value::Text(text.into()),
        Some("float") => {
            if let Some(value) = float(&text) {
                return Value::Float(value);
            }
        }
        Some(_) => return plain(text, true),
        // Behind a tag of its own a scalar stays the text that it is.
        None if tag.is_some() => return Value::Text(text.into()),
        None => {}
    }
    if style == ScalarStyle::Plain {
        plain(text, false)
    } else {
        Value::Text(text.into())
    }
}

fn plain(text: Cow<'_, str>, forced: bool) -> Value {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let first = text.as_bytes()[0];
    if forced || first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.') {
        if first != b'.' {
            if is_timestamp(&text) {
                return Value::Time(text.into());
            }
            let digits: Cow<'_, str> = if text.contains('_') {
                text.replace('_', "").into()
            } else {
                text.as_ref().into()
            };
            if let Some(value) = integer(&digits) {
                return value;
            }
            if let Some(value) = float(&digits) {
                return Value::Float(value);
            }
        } else if let Some(value) = float(&text) {
            return Value::Float(value);
        }
    }
    Value::Text(text.into())
}

/// An integer in Go's notation with base 0: `0x`, `0o`, `0b`, and octal after a leading zero.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        Some(two) if two.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let size = u64::from_str_radix(digits, base).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(size).map(Value::Int);
    }
    Some(i64::try_from(size).map_or(Value::Uint(size), Value::Int))
}

/// A decimal number as YAML writes one: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_right = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    let exponent_right =
        exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    if !(mantissa_right && exponent_right) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A date, or a date and time: what the Go reader takes for a timestamp.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| {
        bytes
            .get(from..to)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    if bytes.len() < 8 || !digits(0, 4) || bytes[4] != b'-' {
        return false;
    }
    let mut parts = text[5..].splitn(2, '-');
    let (Some(month), Some(rest)) = (parts.next(), parts.next()) else {
        return false;
    };
    let day_length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = |text: &str| text.parse::<u8>().ok().filter(|_| matches!(text.len(), 1 | 2));
    let (Some(month), Some(day)) = (number(month), number(&rest[..day_length])) else {
        return false;
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return false;
    }
    let rest = &rest[day_length..];
    // A date alone is written with two digits each.
    if rest.is_empty() {
        return bytes.len() == 10;
    }
    let time = rest.trim_start_matches(['T', 't', ' ', '\t']);
    time.len() < rest.len()
        && time.bytes().filter(|&byte| byte == b':').count() >= 2
        && time.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Node {
        let source = Source::new("f", text);
        let mut reading = read(&source);
        assert!(reading.broken.is_none(), "{text}");
        reading.documents.remove(0).root
    }

    fn value(text: &str) -> String {
        match root(&format!("a: {text}")).as_map().expect("a mapping")["a"].value {
            Value::Text(ref text) => format!("{text:?}"),
            Value::Time(ref text) => format!("time {text}"),
            ref other => format!("{other:?}"),
        }
    }

    #[test]
    fn scalars_are_what_the_go_reader_makes_of_them() {
        for (text, expected) in [
            ("0644", "Int(420)"),
            ("1_000", "Int(1000)"),
            ("0x1F", "Int(31)"),
            ("0o17", "Int(15)"),
            ("0b11", "Int(3)"),
            ("08", "Float(8.0)"),
            ("-0", "Int(0)"),
            ("+5", "Int(5)"),
            ("12345678901234567890", "Uint(12345678901234567890)"),
            ("1.10", "Float(1.1)"),
            ("1e3", "Float(1000.0)"),
            (".5", "Float(0.5)"),
            ("1.2.3", "\"1.2.3\""),
            ("yes", "\"yes\""),
            ("on", "\"on\""),
            ("True", "Bool(true)"),
            ("~", "Null"),
            ("", "Null"),
            ("'12'", "\"12\""),
            ("!!str 12", "\"12\""),
            ("2024-01-01", "time 2024-01-01"),
            ("2024-01-01x", "\"2024-01-01x\""),
            ("2024-13-01", "\"2024-13-01\""),
            ("10:30", "\"10:30\""),
            ("--flag", "\"--flag\""),
            ("0.0.0.0:80", "\"0.0.0.0:80\""),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn explicit_keys_win_over_merged_ones_and_the_first_merge_over_the_next() {
        let root = root(
            "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\nd:\n  !!merge <<: *b\n  y: 4\n",
        );
        let c = root.as_map().expect("a mapping")["c"]
            .as_map()
            .expect("a mapping");
        assert!(matches!(c["x"].value, Value::Int(3)));
        assert!(matches!(c["y"].value, Value::Int(1)));
        assert!(matches!(c["z"].value, Value::Int(2)));
        let d = root.as_map().expect("a mapping")["d"]
            .as_map()
            .expect("a mapping");
        assert!(matches!(d["y"].value, Value::Int(4)));
    }

    #[test]
    fn keys_written_twice_are_a_fault_with_both_places() {
        let source = Source::new("f", "a: 1\nb: 2\na: 3\n");
        let reading = read(&source);
        assert_eq!(reading.faults.len(), 1);
        assert_eq!(reading.faults[0].span.to_string(), "f:3:1");
        assert!(
            reading.faults[0].message.contains("f:1:1"),
            "{}",
            reading.faults[0].message
        );
    }

    #[test]
    fn an_alias_bomb_is_refused_early() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        let reading = read(&Source::new("f", text));
        assert!(reading.broken.expect("a limit").message.contains("values"));
    }

    #[test]
    fn depth_and_self_reference_are_refused() {
        assert!(read(&Source::new("f", "[".repeat(5000))).broken.is_some());
        assert!(read(&Source::new("f", "a: &a [*a]\n")).broken.is_some());
    }

    #[test]
    fn tags_of_compose_are_recorded_with_their_path() {
        let source = Source::new(
            "f",
            "services:\n  a:\n    ports: !reset []\n    image: !override x\n",
        );
        let reading = read(&source);
        let document = &reading.documents[0];
        let paths: Vec<_> = document.resets.iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["services.a.ports", "services.a.image"]);
        let service = document.root.as_map().expect("a mapping")["services"]
            .as_map()
            .expect("a mapping")["a"]
            .clone();
        assert_eq!(service.as_map().expect("a mapping").len(), 1);
    }
}
