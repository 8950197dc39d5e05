//! JSON with comments and trailing commas, and the place of every value.
//!
//! Our own reader, since what a policy may be written in is exactly this and no more: no single quotes, bare keys, or
//! other numbers. It keeps a key that is written twice, for the caller to notice, and its depth is bounded.

use std::fmt;

/// How deep lists and objects may lie in each other. Policies have five levels, and an application's values a few more.
const DEEPEST: usize = 128;

/// A value and the bytes that it is written in.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What JSON can say.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    String(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// One `"name": value` of an object.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) value: Node,
}

/// Why a text is not HuJSON, and where.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) message: String,
    pub(super) at: usize,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    // A mark of byte order is what editors leave, and no part of the text.
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    let node = reader.value()?;
    reader.blank()?;
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.error("nothing may follow the value")),
    }
}

impl Value {
    /// Returns what kind of value it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

impl Node {
    /// Returns the value as plain JSON; of a key that is written twice the last one counts.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => serde_json::from_str(text).unwrap_or(serde_json::Value::Null),
            Value::String(text) => text.clone().into(),
            Value::List(list) => list.iter().map(Node::to_json).collect(),
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|member| (member.name.clone(), member.value.to_json()));
                serde_json::Value::Object(members.collect())
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError {
            message: message.into(),
            at: self.at,
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes past blanks and comments.
    fn blank(&mut self) -> Result<(), SyntaxError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'/') if self.rest().starts_with("//") => {
                    self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                }
                Some(b'/') if self.rest().starts_with("/*") => match self.rest()[2..].find("*/") {
                    Some(length) => self.at += length + 4,
                    None => return Err(self.error("a comment begins here and never ends")),
                },
                _ => return Ok(()),
            }
        }
    }

    fn value(&mut self) -> Result<Node, SyntaxError> {
        self.blank()?;
        let start = self.at;
        let value = match self.peek() {
            None => return Err(self.error("the text ends where a value should be")),
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(_) => self.word()?,
        };
        Ok(Node {
            value,
            start,
            end: self.at,
        })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, SyntaxError>) -> Result<Value, SyntaxError> {
        if self.depth == DEEPEST {
            return Err(self.error(format!(
                "lists and objects lie more than {DEEPEST} deep in each other"
            )));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value, SyntaxError> {
        let mut members = Vec::new();
        loop {
            self.blank()?;
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                Some(b'"') => {}
                None => return Err(self.error("an object is not closed with `}`")),
                Some(_) => return Err(self.error("a name in double quotes should be here")),
            }
            let start = self.at;
            let name = self.string()?;
            let end = self.at;
            self.blank()?;
            if self.peek() != Some(b':') {
                return Err(self.error(format!("a `:` should follow the name `{name}`")));
            }
            self.at += 1;
            let value = self.value()?;
            members.push(Member {
                name,
                start,
                end,
                value,
            });
            self.separator(b'}')?;
        }
    }

    fn list(&mut self) -> Result<Value, SyntaxError> {
        let mut list = Vec::new();
        loop {
            self.blank()?;
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(Value::List(list));
            }
            list.push(self.value()?);
            self.separator(b']')?;
        }
    }

    /// Goes past a comma, or up to what closes.
    fn separator(&mut self, closing: u8) -> Result<(), SyntaxError> {
        self.blank()?;
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(())
            }
            Some(byte) if byte == closing => Ok(()),
            _ => Err(self.error(format!("a `,` or `{}` should be here", char::from(closing)))),
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ');
            let Some(length) = plain else {
                self.at = start;
                return Err(self.error("a string begins here and never ends"));
            };
            text.push_str(&rest[..length]);
            self.at += length;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                _ => return Err(self.error("a string may not hold a line break or control character")),
            }
        }
    }

    /// Reads what follows a backslash. Half a surrogate pair becomes the replacement character, as in Go.
    fn escape(&mut self) -> Result<char, SyntaxError> {
        let plain = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let unit = self
                    .unit(self.at)
                    .ok_or_else(|| self.error("`\\u` needs four hexadecimal digits"))?;
                self.at += 6;
                if (0xd800..0xdc00).contains(&unit)
                    && let Some(low) = self.unit(self.at).filter(|low| (0xdc00..0xe000).contains(low))
                {
                    self.at += 6;
                    let whole = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                    return Ok(char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                return Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            _ => return Err(self.error("no such escape")),
        };
        self.at += 2;
        Ok(plain)
    }

    /// Returns the sixteen bits that a `\uXXXX` at this place stands for.
    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        let all_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| all_hexadecimal)
    }

    fn number(&mut self) -> Result<String, SyntaxError> {
        let length = self
            .rest()
            .find(|c: char| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'))
            .unwrap_or(self.rest().len());
        let text = self.rest()[..length].to_owned();
        if serde_json::from_str::<serde_json::Number>(&text).is_err() {
            return Err(self.error(format!("`{text}` is no number")));
        }
        self.at += length;
        Ok(text)
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        let words = [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("null", Value::Null),
        ];
        for (word, value) in words {
            if let Some(after) = self.rest().strip_prefix(word)
                && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            {
                self.at += word.len();
                return Ok(value);
            }
        }
        let hint = match self.peek() {
            Some(b'\'') => "; strings are in double quotes",
            _ => "",
        };
        Err(self.error(format!("a value should be here{hint}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_fine_and_nothing_else_is() {
        let text = "\u{feff}// one\n{\"a\": [1, 2,], /* b */ \"b\": {\"c\": null,},}\n// end";
        let json = parse(text).expect("HuJSON").to_json();
        assert_eq!(json, serde_json::json!({"a": [1, 2], "b": {"c": null}}));
        let refused = [
            "", "{", "[1 2]", "{a: 1}", "{'a': 1}", "[,]", "[1,,]", "0x10", "01", "+1", "/* ", "\"a\nb\"",
            "nullx", "1 2", "\"\\x\"", "\"\\u12", "{\"a\"}", "{\"a\":}", "\"",
        ];
        for text in refused {
            assert!(parse(text).is_err(), "`{text}` is accepted");
        }
    }

    #[test]
    fn escapes_are_what_they_stand_for() {
        let node = parse(r#""\u0041\ud83d\ude80\ud800\n\/""#).expect("a string");
        assert!(matches!(node.value, Value::String(text) if text == "A🚀\u{fffd}\n/"));
    }

    #[test]
    fn a_place_is_where_it_is_written() {
        let error = parse("{\n  \"a\": 1\n  \"b\": 2\n}").expect_err("a comma is missing");
        assert_eq!(error.at, 13);
        assert!(parse(&"[".repeat(100_000)).is_err(), "depth is bounded");
    }

    proptest! {
        #[test]
        fn what_serde_json_reads_is_read_alike(text in r#"[\[\]{}",:a0-9\\ue. -]{0,24}"#) {
            if let Ok(expected) = serde_json::from_str::<serde_json::Value>(&text) {
                prop_assert_eq!(parse(&text).expect("JSON is HuJSON").to_json(), expected);
            } else {
                let _ = parse(&text);
            }
        }
    }
}
