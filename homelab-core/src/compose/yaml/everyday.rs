//! Everyday YAML: the part of the language that nearly all Compose files keep to, read in one pass without tokens.
//!
//! Mappings and lists by indentation, plain and quoted scalars on one line, block scalars, flow collections, anchors
//! with their aliases and merge keys. Whatever else a text holds (tags, several documents, keys written twice, texts
//! over several lines, tabs between tokens, and everything that is wrong) makes this reader give up, and the full one
//! reads the whole text: it decides alone what is an error. Where this one does not give up, its tree is that of the full one, place by place;
//! tests and fuzzing compare the two on every text that they read.

mod anchor;
mod block;

use std::borrow::Cow;

use self::anchor::Anchors;
use super::scalar;
use crate::compose::node::{Map, Node, Value};
use crate::span::{Source, Span};

/// The longest text in bytes: it cannot hold as many values as the full reader allows.
const LARGEST: usize = 256 * 1024;
/// The deepest nesting, well within what the full reader allows.
const DEEPEST: usize = 40;
/// The longest key in bytes: YAML ends implicit ones at 1024 characters.
const LONGEST_KEY: usize = 1000;
/// The column of the end of the text, and that of what stands around the root.
const NOWHERE: isize = -1;

/// Reads a text of one document whose root is a mapping; nothing where it needs the full reader.
pub(super) fn read(source: &Source) -> Option<Node> {
    let text = source.text();
    if text.len() > LARGEST || !is_ordinary(text) {
        return None;
    }
    let mut reader = Reader {
        source,
        text,
        bytes: text.as_bytes(),
        at: 0,
        column: NOWHERE,
        anchors: Anchors::default(),
    };
    reader.line(0)?;
    if reader.rest().starts_with(b"---") && reader.column == 0 {
        reader.at += 3;
        reader.next()?;
    }
    if reader.is_marker() {
        return None;
    }
    let root = reader.node(NOWHERE, 0)?;
    let is_all = reader.column == NOWHERE && root.as_map().is_some();
    is_all.then_some(root)
}

/// Whether every character is one that YAML lets stand for itself, line feeds and tabs among them.
fn is_ordinary(text: &str) -> bool {
    let odd = text.bytes().fold(false, |odd, byte| {
        odd | ((byte < b' ') & (byte != b'\n') & (byte != b'\t')) | (byte == 0x7f)
    });
    // The characters that are not printable, and further line ends, begin with one of three bytes.
    !odd && memchr::memchr3_iter(0xc2, 0xe2, 0xef, text.as_bytes()).all(|at| {
        !matches!(
            text[at..].chars().next(),
            Some('\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        )
    })
}

/// Stands at the first byte of a token. Every method gives up, with nothing, on what is not everyday.
struct Reader<'s> {
    source: &'s Source,
    text: &'s str,
    bytes: &'s [u8],
    at: usize,
    /// The column of the token; [`NOWHERE`] at the end of the text.
    column: isize,
    anchors: Anchors<'s>,
}

/// A key, and where the colon after it stands.
struct Key<'s> {
    text: Cow<'s, str>,
    start: usize,
    end: usize,
    colon: usize,
}

impl<'s> Reader<'s> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn rest(&self) -> &'s [u8] {
        &self.bytes[self.at..]
    }

    /// Whether a token ends before this place: at a space, a line's end or the text's.
    fn is_end(&self, at: usize) -> bool {
        matches!(self.byte(at), None | Some(b' ' | b'\n'))
    }

    /// Whether an item of a list begins here.
    fn is_dash(&self) -> bool {
        self.byte(self.at) == Some(b'-') && self.is_end(self.at + 1)
    }

    /// Whether the marker of a document stands here.
    fn is_marker(&self) -> bool {
        self.column == 0 && (self.rest().starts_with(b"---") || self.rest().starts_with(b"..."))
    }

    /// Whether the document ends here, and nothing but comments follows.
    fn is_last(&self, at: usize) -> bool {
        let Some(rest) = self.text[at..].strip_prefix("...") else {
            return false;
        };
        rest.split('\n').enumerate().all(|(number, line)| {
            let bare = line.trim_start_matches(' ');
            bare.is_empty() || (bare.starts_with('#') && (number > 0 || bare.len() < line.len()))
        })
    }

    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.bytes[from..]).map_or(self.bytes.len(), |length| from + length)
    }

    fn skip_spaces(&self, mut at: usize) -> usize {
        while self.byte(at) == Some(b' ') {
            at += 1;
        }
        at
    }

    /// Goes on to the next token, which is on a later line: here only spaces or a comment may follow.
    fn next(&mut self) -> Option<()> {
        let end = self.skip_spaces(self.at);
        match self.byte(end) {
            None => self.line(end),
            Some(b'\n') => self.line(end + 1),
            Some(b'#') if end > self.at => self.line(self.line_end(end)),
            Some(_) => None,
        }?;
        (!self.is_marker()).then_some(())
    }

    /// Goes on to the first token at or after this beginning or end of a line.
    fn line(&mut self, mut start: usize) -> Option<()> {
        loop {
            let at = self.skip_spaces(start);
            match self.byte(at) {
                None => {
                    self.at = self.bytes.len();
                    self.column = NOWHERE;
                    return Some(());
                }
                Some(b'\n') => start = at + 1,
                Some(b'#') => start = self.line_end(at),
                Some(b'\t') => return None,
                Some(b'.') if at == start && self.is_last(at) => {
                    self.at = at;
                    self.column = NOWHERE;
                    return Some(());
                }
                Some(_) => {
                    self.at = at;
                    self.column = isize::try_from(at - start).ok()?;
                    return Some(());
                }
            }
        }
    }

    /// Reads the value that begins here, in a collection at the column `parent`, and goes on to the next token.
    fn node(&mut self, parent: isize, depth: usize) -> Option<Node> {
        if depth > DEEPEST || self.column == NOWHERE {
            return None;
        }
        if self.is_dash() {
            return self.list(self.at, depth);
        }
        let start = self.at;
        match self.byte(start)? {
            b'"' | b'\'' => {
                let (text, end) = self.quoted()?;
                let colon = self.skip_spaces(end);
                if self.byte(colon) != Some(b':') {
                    self.at = end;
                    let value = Value::Text(text.into());
                    return self.alone(Node::new(value, self.span(start, end)), parent);
                }
                let key = Key {
                    text,
                    start,
                    end,
                    colon,
                };
                self.mapping(key, depth)
            }
            b'[' | b'{' | b'|' | b'>' | b'*' => self.value(parent, depth),
            _ => {
                let (end, colon) = self.plain()?;
                let Some(colon) = colon else {
                    return self.plain_value(end, parent);
                };
                let key = self.plain_key(start, end, colon)?;
                self.mapping(key, depth)
            }
        }
    }

    /// Reads a value that begins here and is no collection by indentation, and goes on to the next token.
    fn value(&mut self, parent: isize, depth: usize) -> Option<Node> {
        let start = self.at;
        let node = match self.byte(start)? {
            b'"' | b'\'' => {
                let (text, end) = self.quoted()?;
                self.at = end;
                Node::new(Value::Text(text.into()), self.span(start, end))
            }
            b'[' | b'{' => self.flow(parent, depth)?,
            b'*' => self.alias()?,
            style @ (b'|' | b'>') => return self.block(style == b'|', parent),
            _ => {
                let (end, None) = self.plain()? else {
                    return None;
                };
                return self.plain_value(end, parent);
            }
        };
        self.alone(node, parent)
    }

    /// Goes on behind the plain scalar that begins here.
    fn plain_value(&mut self, end: usize, parent: isize) -> Option<Node> {
        let start = self.at;
        self.at = end;
        let node = Node::new(scalar::plain(&self.text[start..end]), self.span(start, end));
        self.alone(node, parent)
    }

    /// Goes on behind a value after which no line may follow that belongs to it.
    fn alone(&mut self, node: Node, parent: isize) -> Option<Node> {
        self.next()?;
        (self.column <= parent).then_some(node)
    }

    /// Returns where a dash ends for the full reader: behind the spaces and the comment that follow it.
    fn dash_end(&self, dash: usize) -> usize {
        let at = self.skip_spaces(dash + 1);
        if self.byte(at) == Some(b'#') {
            self.line_end(at)
        } else {
            at
        }
    }

    /// Reads a list whose first dash is here, and which the full reader says to begin at `start`.
    fn list(&mut self, start: usize, depth: usize) -> Option<Node> {
        let column = self.column;
        let mut items = Vec::new();
        while self.column == column && self.is_dash() {
            let dash = self.at;
            self.at = self.skip_spaces(dash + 1);
            match self.byte(self.at) {
                None | Some(b'\n' | b'#') => {
                    // A comment needs the space that is before it here.
                    self.at = dash + 1;
                    self.next()?;
                }
                Some(_) => self.column += isize::try_from(self.at - dash).ok()?,
            }
            items.push(if self.column > column {
                self.node(column, depth + 1)?
            } else {
                let end = self.dash_end(dash);
                Node::new(Value::Null, self.span(end, end))
            });
            if self.column > column {
                return None;
            }
        }
        Some(Node::new(Value::List(items), self.span(start, self.at)))
    }

    /// Reads a mapping whose first key is here.
    fn mapping(&mut self, mut key: Key<'s>, depth: usize) -> Option<Node> {
        let (start, column) = (key.start, self.column);
        let mut end = start;
        let mut map = Map::default();
        let mut merged = None;
        loop {
            if !self.is_end(key.colon + 1) || key.end - key.start > LONGEST_KEY {
                return None;
            }
            let colon = key.colon;
            self.at = self.skip_spaces(colon + 1);
            let value = match self.byte(self.at) {
                None | Some(b'\n' | b'#') => {
                    self.at = colon + 1;
                    self.next()?;
                    if self.column > column {
                        self.node(column, depth + 1)?
                    } else if self.column == column && self.is_dash() {
                        self.list(self.dash_end(self.at), depth + 1)?
                    } else {
                        Node::new(Value::Null, self.span(colon, colon))
                    }
                }
                Some(_) if self.is_dash() => return None,
                Some(b'&') => self.anchored(column, depth + 1)?,
                Some(_) => self.value(column, depth + 1)?,
            };
            end = end.max(value.span.end()).max(key.end);
            let again = if key.is_merge() {
                merged.replace(value)
            } else {
                let place = self.span(key.start, key.end);
                map.insert(key.text.into(), value.keyed(Some(place)))
            };
            if again.is_some() {
                return None;
            }
            if self.column != column {
                break;
            }
            key = self.key()?;
        }
        if let Some(merged) = merged {
            anchor::merge(&mut map, merged)?;
        }
        (self.column < column).then(|| Node::new(Value::Map(map), self.span(start, end)))
    }

    /// Reads a key that begins a line.
    fn key(&mut self) -> Option<Key<'s>> {
        let start = self.at;
        if let b'"' | b'\'' = self.byte(start)? {
            let (text, end) = self.quoted()?;
            let colon = self.skip_spaces(end);
            return (self.byte(colon) == Some(b':')).then_some(Key {
                text,
                start,
                end,
                colon,
            });
        }
        let (end, colon) = self.plain()?;
        self.plain_key(start, end, colon?)
    }

    fn plain_key(&self, start: usize, end: usize, colon: usize) -> Option<Key<'s>> {
        let text = &self.text[start..end];
        let is_key = scalar::is_text(text);
        is_key.then_some(Key {
            text: text.into(),
            start,
            end,
            colon,
        })
    }

    /// Finds the end of the plain scalar that begins here, and the colon that ends it where one does.
    fn plain(&self) -> Option<(usize, Option<usize>)> {
        let start = self.at;
        match self.byte(start)? {
            b'-' | b':' | b'?' if !self.is_end(start + 1) => {}
            b'-' | b':' | b'?' | b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|'
            | b'>' | b'\'' | b'"' | b'%' | b'@' | b'`' | b'\t' => return None,
            _ => {}
        }
        let mut at = start;
        let colon = loop {
            match self.byte(at) {
                None | Some(b'\n') => break None,
                Some(b'\t') => return None,
                Some(b':') if self.is_end(at + 1) => break Some(at),
                Some(b'#') if self.bytes[at - 1] == b' ' => break None,
                Some(_) => at += 1,
            }
        };
        while self.bytes[at - 1] == b' ' {
            at -= 1;
        }
        Some((at, colon))
    }

    /// Reads the quoted scalar that begins here: its text, and where it ends.
    fn quoted(&self) -> Option<(Cow<'s, str>, usize)> {
        let quote = self.bytes[self.at];
        let start = self.at + 1;
        let mut owned: Option<String> = None;
        // What is before this place is in the owned text.
        let mut taken = start;
        let mut at = start;
        loop {
            match self.byte(at)? {
                b'\n' | b'\t' => return None,
                byte if byte == quote => {
                    if quote == b'\'' && self.byte(at + 1) == Some(b'\'') {
                        owned.get_or_insert_default().push_str(&self.text[taken..=at]);
                        at += 2;
                        taken = at;
                        continue;
                    }
                    let text = match owned {
                        None => Cow::Borrowed(&self.text[start..at]),
                        Some(text) => Cow::Owned(text + &self.text[taken..at]),
                    };
                    return Some((text, at + 1));
                }
                b'\\' if quote == b'"' => {
                    let (character, length) = match self.byte(at + 1)? {
                        b'n' => ('\n', 2),
                        b't' => ('\t', 2),
                        same @ (b'\\' | b'"') => (char::from(same), 2),
                        b'u' => (self.numbered(at + 2, 4)?, 6),
                        b'U' => (self.numbered(at + 2, 8)?, 10),
                        _ => return None,
                    };
                    let text = owned.get_or_insert_default();
                    text.push_str(&self.text[taken..at]);
                    text.push(character);
                    at += length;
                    taken = at;
                }
                _ => at += 1,
            }
        }
    }

    /// Reads the number of a character in this many digits.
    fn numbered(&self, at: usize, digits: usize) -> Option<char> {
        let text = self.text.get(at..at + digits)?;
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        char::from_u32(u32::from_str_radix(text, 16).ok().filter(|_| is_hex)?)
    }

    /// Reads the flow collection that begins here, and stays behind its end.
    fn flow(&mut self, parent: isize, depth: usize) -> Option<Node> {
        if depth > DEEPEST {
            return None;
        }
        let start = self.at;
        let is_list = self.bytes[start] == b'[';
        let close = if is_list { b']' } else { b'}' };
        let mut end = start + 1;
        let (mut items, mut map) = (Vec::new(), Map::default());
        self.at += 1;
        loop {
            self.flow_space(parent)?;
            if self.byte(self.at)? == close {
                self.at += 1;
                break;
            }
            if is_list {
                items.push(self.flow_value(parent, depth)?);
            } else {
                let place = self.at;
                let (text, key_end) = self.flow_scalar()?;
                let key = match text {
                    Value::Text(text) if &*text != "<<" => text,
                    _ => return None,
                };
                self.at = self.skip_spaces(key_end);
                if self.byte(self.at)? != b':' || self.byte(self.at + 1)? != b' ' {
                    return None;
                }
                self.at += 1;
                self.flow_space(parent)?;
                let value = self.flow_value(parent, depth)?;
                end = end.max(value.span.end()).max(key_end);
                let value = value.keyed(Some(self.span(place, key_end)));
                if map.insert(key, value).is_some() {
                    return None;
                }
            }
            self.flow_space(parent)?;
            match self.byte(self.at)? {
                b',' => self.at += 1,
                byte if byte == close => {}
                _ => return None,
            }
        }
        Some(if is_list {
            Node::new(Value::List(items), self.span(start, self.at))
        } else {
            Node::new(Value::Map(map), self.span(start, end))
        })
    }

    fn flow_value(&mut self, parent: isize, depth: usize) -> Option<Node> {
        let start = self.at;
        match self.byte(start)? {
            b'[' | b'{' => return self.flow(parent, depth + 1),
            b'*' => return self.alias(),
            _ => {}
        }
        let (value, end) = self.flow_scalar()?;
        self.at = end;
        Some(Node::new(value, self.span(start, end)))
    }

    /// Reads a scalar inside a flow collection, and where it ends.
    fn flow_scalar(&self) -> Option<(Value, usize)> {
        let start = self.at;
        if let b'"' | b'\'' = self.byte(start)? {
            let (text, end) = self.quoted()?;
            return Some((Value::Text(text.into()), end));
        }
        let (end, _) = self.plain()?;
        let after = self.byte(start + 1)?;
        if self.byte(start) == Some(b'-') && !(after.is_ascii_alphanumeric() || after == b'-') {
            return None;
        }
        let is_flow = |byte: &u8| matches!(byte, b',' | b'[' | b']' | b'{' | b'}');
        let mut end = start
            + self.bytes[start..end]
                .iter()
                .position(is_flow)
                .unwrap_or(end - start);
        // A colon before one of these ends the scalar too; the Go reader takes no `?` in it and no colon before it.
        let text = &self.bytes[start..end];
        if text.ends_with(b":") || text.starts_with(b":") || text.contains(&b'?') {
            return None;
        }
        while self.bytes[end - 1] == b' ' {
            end -= 1;
        }
        Some((scalar::plain(&self.text[start..end]), end))
    }

    /// Skips spaces and line ends inside a flow collection.
    fn flow_space(&mut self, parent: isize) -> Option<()> {
        self.at = self.skip_spaces(self.at);
        while self.byte(self.at)? == b'\n' {
            let start = self.at + 1;
            self.at = self.skip_spaces(start);
            let column = isize::try_from(self.at - start).ok()?;
            match self.byte(self.at)? {
                b'\n' => {}
                b']' | b'}' if column == parent && column > 0 => {}
                _ if column <= parent => return None,
                _ => {}
            }
        }
        (self.byte(self.at)? != b'#').then_some(())
    }
}
