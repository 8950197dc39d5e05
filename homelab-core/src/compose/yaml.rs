//! YAML as compose-go reads it: a tree with positions, made of granit-parser's events.
//!
//! YAML 1.2 with what the Go reader keeps of 1.1: `0644` is octal and `1_000` a number, while `yes` and `on` are texts;
//! merge keys (`<<`, also tagged `!!merge`), and Compose's own tags `!reset` and `!override`.
//! Hostile input is bounded: bytes, depth, and the number of values after aliases are expanded.

#[cfg(any(test, fuzzing))]
mod agree;
mod everyday;
mod scalar;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StructureStyle, Tag};

use super::node::{Map, Node, Value};
use super::path::Path;
use super::rules;
use crate::finding::Rule;
use crate::span::{Source, Span};

/// The largest file that is read, in bytes.
pub(super) const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The most values that one file may have, aliases expanded.
const MAX_VALUES: usize = 400_000;
/// How often a file is read anew for a comment that stands right behind what it follows.
const MAX_GLUED: usize = 50;
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
    let Some(root) = everyday::read(source) else {
        return read_all(source);
    };
    let document = Document {
        root,
        resets: Vec::new(),
    };
    // Two readers must be one language: every text that a test or the fuzzer reads is read by both.
    #[cfg(any(test, fuzzing))]
    agree::agree(source, &document);
    Reading {
        documents: vec![document],
        ..Reading::default()
    }
}

/// Reads a whole file, whatever of YAML it uses.
///
/// The Go reader takes a comment right behind a quote, a bracket or the sign of a block scalar, where YAML wants a
/// space. Blanked out, so that all else stays at its place, such a comment is none to be refused.
fn read_all(source: &Source) -> Reading {
    let mut text = Cow::Borrowed(source.text());
    for _ in 0..MAX_GLUED {
        match read_text(source, &text) {
            Ok(reading) => return reading,
            Err(glued) => {
                let end =
                    memchr::memchr(b'\n', &text.as_bytes()[glued..]).map_or(text.len(), |at| glued + at);
                text.to_mut().replace_range(glued..end, &" ".repeat(end - glued));
            }
        }
    }
    read_text(source, &text).unwrap_or_else(|at| Reading {
        broken: Some(Fault {
            rule: &rules::SYNTAX,
            span: Span::new(source, at, at),
            message: format!("more than {MAX_GLUED} comments without a space before them"),
        }),
        ..Reading::default()
    })
}

/// Where the error is a comment that the Go reader takes: the place of its `#`.
fn glued_comment(text: &str, error: &ScanError) -> Option<usize> {
    let at = error.marker().byte_offset()?;
    let (before, rest) = text.split_at_checked(at)?;
    let before = before.bytes().next_back()?;
    let is_glued = matches!(error.kind(), ErrorKind::CommentNotSeparated)
        && rest.starts_with('#')
        && (before.is_ascii_digit() || b"\"'[]{},:|>+-".contains(&before));
    is_glued.then_some(at)
}

/// Reads this text, which is that of the source but for comments.
///
/// # Errors
/// The place of a comment that is to be blanked out first.
fn read_text(source: &Source, text: &str) -> Result<Reading, usize> {
    let mut reading = Reading::default();
    if source.text().len() > MAX_BYTES {
        let message = format!("the file is larger than {} MiB", MAX_BYTES / 1024 / 1024);
        reading.broken = Some(Fault {
            rule: &rules::SYNTAX,
            span: Span::file(source),
            message,
        });
        return Ok(reading);
    }
    let mut options =
        granit_parser::options! { emit_comments: false, block_scalar_eof_without_line_feed: true };
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut reader = Reader {
        source,
        anchors: HashMap::default(),
        values: 0,
        flow: 0,
        path: Path::default(),
        resets: Vec::new(),
        faults: Vec::new(),
        glued: None,
        text,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    loop {
        match parser.next_event() {
            None => break,
            Some(Err(error)) => {
                if let Some(at) = glued_comment(text, &error) {
                    return Err(at);
                }
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
                        if let Some(at) = reader.glued {
                            return Err(at);
                        }
                        reading.broken = Some(fault);
                        break;
                    }
                },
            },
        }
    }
    reading.faults = reader.faults;
    Ok(reading)
}

struct Reader<'s> {
    source: &'s Source,
    anchors: HashMap<usize, Option<(Node, usize)>, foldhash::fast::RandomState>,
    values: usize,
    /// How many flow collections are open here.
    flow: usize,
    path: Path,
    resets: Vec<Path>,
    faults: Vec<Fault>,
    /// Where the parser stopped at a comment that the Go reader takes.
    glued: Option<usize>,
    text: &'s str,
}

type Events<'s> = Parser<'s, granit_parser::StrInput<'s>>;

impl<'s> Reader<'s> {
    fn span(&self, span: granit_parser::Span) -> Span {
        let start = span.start.byte_offset().unwrap_or(0);
        let end = span.end.byte_offset().unwrap_or(start);
        Span::new(self.source, start, end)
    }

    fn next(&mut self, events: &mut Events<'s>) -> Result<(Event<'s>, granit_parser::Span), Fault> {
        match events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                self.glued = glued_comment(self.text, &error);
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
                self.look_at(style, &at);
                let value = value_of(text, style, tag.as_deref());
                (Node::new(value, at), anchor, tag)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let mut items = Vec::new();
                if anchor != 0 {
                    self.anchors.insert(anchor, None);
                }
                let mut end = at.end();
                self.flow += usize::from(style == StructureStyle::Flow);
                loop {
                    let (event, span) = self.next(events)?;
                    if matches!(event, Event::SequenceEnd) {
                        self.flow -= usize::from(style == StructureStyle::Flow);
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
            Event::MappingStart(style, anchor, tag) => {
                if anchor != 0 {
                    self.anchors.insert(anchor, None);
                }
                self.flow += usize::from(style == StructureStyle::Flow);
                let (map, end) = self.mapping(at.end(), events, depth)?;
                self.flow -= usize::from(style == StructureStyle::Flow);
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

    /// Reports what a scalar is written with that the Go reader does not take.
    fn look_at(&mut self, style: ScalarStyle, at: &Span) {
        let written = self.source.text().get(at.start()..at.end()).unwrap_or("");
        let message = match style {
            ScalarStyle::Plain if self.flow > 0 && written.contains('?') => {
                "a `?` inside brackets: put the text in quotes"
            }
            ScalarStyle::Plain if self.flow > 0 && written.starts_with(':') => {
                "a text inside brackets cannot begin with `:`: put it in quotes"
            }
            ScalarStyle::DoubleQuoted if escapes_a_slash(written) => "`\\/` is no escape: write `/`",
            _ => return,
        };
        self.faults.push(Fault {
            rule: &rules::SYNTAX,
            span: at.clone(),
            message: message.into(),
        });
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
            if self.flow > 0 && is_key_over_lines(self.source.text(), &key_span) {
                self.faults.push(Fault {
                    rule: &rules::SYNTAX,
                    span: key_span.clone(),
                    message: "a key inside brackets and its colon must be on one line".into(),
                });
            }
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
                map.get_or_insert_with(&name, || value);
            }
        }
    }
}

/// Whether a scalar in double quotes has a backslash before a slash, and none before that backslash.
fn escapes_a_slash(written: &str) -> bool {
    let mut bytes = written.bytes();
    // What follows a backslash is taken with it.
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && bytes.next() == Some(b'/') {
            return true;
        }
    }
    false
}

/// Whether a key inside brackets, which no `?` precedes, ends or has its colon on a later line than it begins.
fn is_key_over_lines(text: &str, key: &Span) -> bool {
    let (Some(before), Some(written), Some(mut after)) = (
        text.get(..key.start()),
        text.get(key.start()..key.end()),
        text.get(key.end()..),
    ) else {
        return false;
    };
    let mut is_over = written.contains('\n');
    loop {
        after = after.trim_start_matches([' ', '\t', '\r']);
        let is_line_end = after.starts_with(['\n', '#']);
        is_over |= is_line_end;
        match after.split_once('\n') {
            Some((_, rest)) if is_line_end => after = rest,
            _ => break,
        }
    }
    is_over && after.starts_with(':') && !before.trim_end().ends_with('?')
}

/// The name of one of Compose's own tags, or an empty text.
fn custom_tag(tag: &Tag) -> &str {
    if tag.is_yaml_core_schema() {
        ""
    } else {
        tag.suffix()
    }
}

fn value_of(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    match tag.and_then(|tag| tag.core_suffix()) {
        Some("str" | "binary") => return Value::Text(text.into()),
        Some("float") => {
            if let Some(value) = scalar::float(&text) {
                return Value::Float(value);
            }
        }
        Some(_) => return scalar::tagged(&text, true),
        // Behind a tag of its own a scalar stays the text that it is.
        None if tag.is_some() => return Value::Text(text.into()),
        None => {}
    }
    if style == ScalarStyle::Plain {
        scalar::plain(&text)
    } else {
        Value::Text(text.into())
    }
}
