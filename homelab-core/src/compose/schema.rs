//! What each attribute of a Compose file may hold: one table for checking, casting and printing.
//!
//! The attributes and their types are those of the Compose Specification
//! (<https://github.com/compose-spec/compose-spec/blob/main/spec.md>) as Docker Compose 2.40 reads it.

mod resource;
mod service;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A text.
    Text,
    /// A text or nothing.
    TextOrNull,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A text in which one of these appears.
    Like(fn(&str) -> bool, &'static str),
    /// A boolean, or a text that is cast to one.
    Bool,
    /// The same, printed also when false.
    BoolOption,
    /// A boolean, no text.
    StrictBool,
    /// The same, printed also when false.
    StrictBoolOption,
    /// A boolean or a text that stays one.
    BoolOrText,
    /// An integer, or a text that is cast to one.
    Int,
    /// The same, printed also when zero.
    IntOption,
    /// An integer within these bounds, or a text that is cast to one.
    IntWithin(i64, i64),
    /// An integer or a number, or a text cast to an integer.
    NumberInt,
    /// A number, or a text that is cast to one; 32 bits wide.
    Number,
    /// An integer alone.
    StrictInt,
    /// A number alone.
    StrictNumber,
    /// An amount of bytes: an integer or a text such as `2g`.
    Bytes,
    /// An amount of bytes written as a text.
    BytesText,
    /// A length of time: `1m30s`.
    Duration,
    /// A file's permissions: a number or a text in octal.
    FileMode,
    /// A count of devices: an integer or `all`.
    DeviceCount,
    /// A list of texts, each once.
    TextList,
    /// A list of texts, not checked for repetition.
    LooseTextList,
    /// A list of texts or numbers, each once.
    ScalarList,
    /// A list of texts or integers, each once.
    IntOrTextList,
    /// A text or a list of texts.
    TextOrList,
    /// A mapping, or a list of `KEY=VALUE`: nothing is an empty text.
    Mapping,
    /// A mapping, or a list of `KEY=VALUE`: nothing stays nothing.
    Environment,
    /// A mapping to texts or numbers.
    Options,
    /// A mapping to texts, numbers or nothing.
    NullableOptions,
    /// A mapping to texts, integers or nothing.
    IntOptions,
    /// A mapping to texts alone.
    TextDict,
    /// A mapping to scalars or lists of scalars.
    MultiOptions,
    /// Host names and addresses.
    ExtraHosts,
    /// A command: nothing, a text that is split as a shell splits it, or a list.
    Command,
    /// A health check's test: a text or a list.
    Test,
    /// A list of one shape.
    List(&'static Shape),
    /// A list of one shape, each once.
    UniqueList(&'static Shape),
    /// A mapping of keys that the file's author chooses, to one shape.
    Dict(Keys, &'static Shape),
    /// A mapping with known keys.
    Object(&'static Object),
    /// A mapping with known keys, or nothing.
    ObjectOrNull(&'static Object),
    /// The first of these whose kind of value it is.
    Either(&'static [Shape]),
}

/// Which keys an author may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// Names; what is none is refused.
    Names,
    /// Names; what is none is let through unchecked.
    NamesOrUnchecked,
    /// Words of small letters; what is none is let through unchecked.
    WordsOrUnchecked,
}

impl Keys {
    /// Whether the value of this key is held against the shape.
    pub(super) fn takes(self, key: &str) -> bool {
        match self {
            Keys::Names | Keys::NamesOrUnchecked => is_name(key),
            Keys::WordsOrUnchecked => !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase()),
        }
    }
}

/// A mapping with known keys.
#[derive(Debug)]
pub(super) struct Object {
    /// The keys and what each may hold, in order.
    pub(super) fields: &'static [(&'static str, Shape)],
    /// Where the keys of each small letter begin, and where the last end.
    letters: [u8; 27],
    /// The keys that must be there.
    pub(super) required: &'static [&'static str],
    /// Whether keys that begin with `x-` are let through.
    pub(super) extensions: bool,
    /// Whether any other key is let through.
    pub(super) open: bool,
}

const fn letters(fields: &[(&str, Shape)]) -> [u8; 27] {
    let mut letters = [0; 27];
    let mut letter = 0;
    let mut at = 0;
    while letter < letters.len() {
        while at < fields.len() && (fields[at].0.as_bytes()[0] as usize) < b'a' as usize + letter {
            at += 1;
        }
        letters[letter] = at as u8;
        letter += 1;
    }
    letters
}

const fn object(fields: &'static [(&'static str, Shape)]) -> Object {
    Object {
        fields,
        letters: letters(fields),
        required: &[],
        extensions: true,
        open: false,
    }
}

const fn closed(fields: &'static [(&'static str, Shape)], required: &'static [&'static str]) -> Object {
    Object {
        fields,
        letters: letters(fields),
        required,
        extensions: false,
        open: false,
    }
}

const fn needing(fields: &'static [(&'static str, Shape)], required: &'static [&'static str]) -> Object {
    Object {
        fields,
        letters: letters(fields),
        required,
        extensions: true,
        open: false,
    }
}

use Shape::{Dict, Either, List, ObjectOrNull, Text, TextOrList};
use resource::{CONFIG, MODEL, NETWORK, SECRET, VOLUME};
pub(super) use service::SERVICE;

/// The whole file.
pub(super) static FILE: Object = object(&[
    ("configs", Dict(Keys::Names, &Shape::Object(&CONFIG))),
    ("include", List(&INCLUDE)),
    ("models", Dict(Keys::NamesOrUnchecked, &Shape::Object(&MODEL))),
    ("name", Text),
    ("networks", Dict(Keys::NamesOrUnchecked, &ObjectOrNull(&NETWORK))),
    ("secrets", Dict(Keys::Names, &Shape::Object(&SECRET))),
    ("services", Dict(Keys::Names, &Shape::Object(&SERVICE))),
    ("version", Text),
    ("volumes", Dict(Keys::Names, &ObjectOrNull(&VOLUME))),
]);

static INCLUDE: Shape = Either(&[
    Text,
    Shape::Object(&closed(
        &[
            ("env_file", TextOrList),
            ("path", TextOrList),
            ("project_directory", Text),
        ],
        &[],
    )),
]);

impl Object {
    /// What the key may hold; nothing when it is not known.
    pub(super) fn field(&self, key: &str) -> Option<&'static Shape> {
        let letter = key.as_bytes().first()?.checked_sub(b'a')? as usize;
        let (from, to) = (*self.letters.get(letter)?, *self.letters.get(letter + 1)?);
        let fields = &self.fields[from.into()..to.into()];
        let (_, shape) = fields.iter().find(|(name, _)| *name == key)?;
        Some(shape)
    }
}

/// A name with a stretch of two or more fitting characters in it, which is what Compose looks for.
fn is_container_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(2).any(|pair| {
        pair[0].is_ascii_alphanumeric() && (pair[1].is_ascii_alphanumeric() || b"_.-".contains(&pair[1]))
    })
}

fn is_pull_policy(text: &str) -> bool {
    [
        "always",
        "never",
        "build",
        "if_not_present",
        "missing",
        "refresh",
        "daily",
        "weekly",
    ]
    .iter()
    .any(|word| text.contains(word))
        || text.match_indices("every_").any(|(at, word)| {
            let rest = &text[at + word.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && rest[digits..].starts_with(['w', 'd', 'h', 'm', 's'])
        })
}

/// A name of a service, network or volume: `^[a-zA-Z0-9._-]+$`.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(object: &'static Object, check: &mut dyn FnMut(&'static Object)) {
        check(object);
        for (_, shape) in object.fields {
            each_shape(shape, check);
        }
    }

    fn each_shape(shape: &'static Shape, check: &mut dyn FnMut(&'static Object)) {
        match shape {
            Shape::Object(object) | Shape::ObjectOrNull(object) => each(object, check),
            Shape::List(shape) | Shape::UniqueList(shape) | Shape::Dict(_, shape) => each_shape(shape, check),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| each_shape(shape, check)),
            _ => {}
        }
    }

    #[test]
    fn keys_stand_in_order_so_that_they_can_be_searched() {
        each(&FILE, &mut |object| {
            let sorted = object.fields.windows(2).all(|pair| pair[0].0 < pair[1].0);
            assert!(sorted, "{:?}", object.fields[0].0);
            for (key, _) in object.fields {
                assert!(object.field(key).is_some(), "{key}");
            }
            assert!(
                object.field("").is_none() && object.field("X").is_none() && object.field("zz").is_none()
            );
            for key in object.required {
                assert!(object.field(key).is_some(), "{key}");
            }
        });
    }

    #[test]
    fn patterns_are_searched_for_not_matched_whole() {
        assert!(is_container_name("ab"));
        assert!(is_container_name("/ab"));
        assert!(!is_container_name("a"));
        assert!(is_pull_policy("every_12h"));
        assert!(!is_pull_policy("every_h"));
        assert!(!is_pull_policy("sometimes"));
    }
}
