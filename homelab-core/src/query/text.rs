//! A query as a line of text: `findings project=immich severity=error`.
//!
//! It is made of the JSON form, word by word, so that there is one place that says which questions there are.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::Query;
use crate::error::{Error, ErrorKind, Result};
use crate::lab::nearest;

const TAG: &str = "question";

impl Query {
    /// The words that questions begin with.
    pub const WORDS: &[&str] = &[
        "posture",
        "services",
        "exposure",
        "report",
        "findings",
        "diagnostics",
        "systems",
        "projects",
        "files",
        "init_plan",
        "portal",
        "explain",
    ];
}

/// The line of text that is read as the same query.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query is a word and texts: it always has a JSON form.
        let Ok(Value::Object(fields)) = serde_json::to_value(self) else {
            return Err(fmt::Error);
        };
        let texts = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
        let (question, mut rest): (Vec<_>, Vec<_>) = fields
            .into_iter()
            .filter_map(texts)
            .partition(|(name, _)| name == TAG);
        rest.sort();
        for (_, word) in question {
            f.write_str(&word)?;
        }
        for (name, value) in rest {
            let plain = !value.is_empty() && !value.starts_with('"') && !value.contains(char::is_whitespace);
            match plain {
                true => write!(f, " {name}={value}")?,
                false => write!(f, " {name}={}", Value::String(value))?,
            }
        }
        Ok(())
    }
}

impl FromStr for Query {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let (word, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        if !Query::WORDS.contains(&word) {
            let error = Error::new(ErrorKind::Invalid, format!("read the question `{word}`"));
            return Err(match nearest(word, Query::WORDS.iter().copied()) {
                Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                None => error.with_hint(format!("ask for one of {}", Query::WORDS.join(", "))),
            });
        }
        let mut fields = Map::from_iter([(TAG.to_owned(), Value::from(word))]);
        while let Some((name, value, behind)) = field(rest.trim_start())? {
            rest = behind;
            if fields.insert(name.to_owned(), value).is_some() {
                let message = format!("read `{name}` of the question `{word}`: it is there twice");
                return Err(Error::new(ErrorKind::Invalid, message));
            }
        }
        serde_json::from_value(Value::Object(fields))
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("read the question `{text}`: {error}")))
    }
}

/// Returns the first `NAME=VALUE` of a text, and what is behind it.
fn field(text: &str) -> Result<Option<(&str, Value, &str)>> {
    if text.is_empty() {
        return Ok(None);
    }
    let word = text.split(char::is_whitespace).next().unwrap_or(text);
    let unreadable = |hint: &str| {
        Error::new(ErrorKind::Invalid, format!("read `{word}` of a question")).with_hint(hint.to_owned())
    };
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| name.len() < word.len()) else {
        return Err(unreadable("write `NAME=VALUE`"));
    };
    if !value.starts_with('"') {
        let value = &word[name.len() + 1..];
        return Ok(Some((name, Value::from(value), &text[word.len()..])));
    }
    // As JSON writes a text, for one with blanks in it.
    let mut values = serde_json::Deserializer::from_str(value).into_iter::<String>();
    match values.next() {
        Some(Ok(quoted)) => {
            let behind = &value[values.byte_offset()..];
            if !behind.is_empty() && !behind.starts_with(char::is_whitespace) {
                return Err(unreadable("put a blank behind the closing quote"));
            }
            Ok(Some((name, Value::from(quoted), behind)))
        }
        _ => Err(unreadable(
            "write a value with blanks as JSON does, `\"like this\"`",
        )),
    }
}
