//! Checks a tree against what each attribute may hold, and casts texts where Compose casts them.

use super::node::{Map, Node, Value, repeated};
use super::rules;
use super::schema::{FILE, Keys, Object, Shape};
use crate::finding::Rule;
use crate::span::Span;

/// Something that Compose refuses.
pub(super) struct Problem {
    pub(super) rule: &'static Rule,
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) fix: Option<String>,
    /// Whether the line may be shown: one of a file of variables may be a secret in a form that nobody recognises.
    pub(super) shows_line: bool,
}

impl Problem {
    pub(super) fn new(rule: &'static Rule, span: &Span, message: impl Into<String>) -> Self {
        Problem {
            rule,
            span: span.clone(),
            message: message.into(),
            fix: None,
            shows_line: true,
        }
    }

    pub(super) fn without_line(mut self) -> Self {
        self.shows_line = false;
        self
    }

    pub(super) fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// Checks a whole file's tree. What does not fit is taken out, so that the rest can be used.
pub(super) fn check(root: &mut Map, problems: &mut Vec<Problem>) {
    let mut checker = Checker { problems };
    checker.object(root, &FILE, None);
}

struct Checker<'p> {
    problems: &'p mut Vec<Problem>,
}

impl Checker<'_> {
    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn wrong(&mut self, name: &str, node: &Node, wanted: &str) -> bool {
        // The value is not repeated: what stands in an environment or label may be a secret.
        let shown = node.kind();
        let message = format!("`{name}` must be {wanted}, and is {shown}");
        self.report(Problem::new(&rules::INVALID_VALUE, &node.span, message));
        false
    }

    /// Checks a mapping with known keys: that of this name at this place, or the whole file.
    fn object(&mut self, map: &mut Map, object: &'static Object, named: Option<(&str, &Span)>) {
        for key in object.required {
            if !map.contains_key(key)
                && let Some((name, place)) = named
            {
                let message = format!("`{name}` needs the key `{key}`");
                self.report(Problem::new(&rules::MISSING_KEY, place, message));
            }
        }
        map.retain(|key, node| match object.field(key) {
            Some(shape) => self.value(node, shape, key),
            None if object.open || (object.extensions && key.starts_with("x-")) => true,
            None => {
                let message = match named {
                    Some((name, _)) => format!("`{key}` is not a key of `{name}`"),
                    None => format!("`{key}` is not a key of the file"),
                };
                let mut problem = Problem::new(&rules::UNKNOWN_KEY, node.place(), message);
                if let Some(known) = nearest(key, object) {
                    problem = problem.with_fix(format!("Did you mean `{known}`?"));
                }
                self.report(problem);
                false
            }
        });
    }

    fn dict(&mut self, node: &mut Node, keys: Keys, shape: &'static Shape, name: &str) -> bool {
        let Value::Map(map) = &mut node.value else {
            return self.wrong(name, node, "a mapping");
        };
        map.retain(|key, value| {
            if keys.takes(key) {
                return self.value(value, shape, key);
            }
            if keys == Keys::Names {
                let message = format!("`{key}` is no name: letters, digits, `.`, `_` and `-` only");
                self.report(Problem::new(&rules::INVALID_VALUE, value.place(), message));
            }
            keys != Keys::Names
        });
        true
    }

    fn list(&mut self, node: &mut Node, shape: &'static Shape, name: &str, unique: bool) -> bool {
        let Value::List(items) = &mut node.value else {
            return self.wrong(name, node, "a list");
        };
        items.retain_mut(|item| self.value(item, shape, name));
        if unique {
            self.unique(node, name);
        }
        true
    }

    fn unique(&mut self, node: &mut Node, name: &str) {
        let Value::List(items) = &mut node.value else {
            return;
        };
        if items.len() < 2 {
            return;
        }
        let mut repeated = repeated(items).into_iter();
        let problems = &mut self.problems;
        items.retain(|item| {
            let twice = repeated.next() == Some(true);
            if twice {
                let message = format!("`{name}` has the same item twice");
                problems.push(Problem::new(&rules::INVALID_VALUE, &item.span, message));
            }
            !twice
        });
    }

    /// Checks one value and casts it; false when it cannot be used.
    #[expect(clippy::too_many_lines, reason = "one arm for each shape, each short")]
    fn value(&mut self, node: &mut Node, shape: &'static Shape, name: &str) -> bool {
        match shape {
            Shape::Text | Shape::Duration | Shape::BytesText => match &node.value {
                Value::Text(_) => true,
                _ => self.wrong(name, node, "a text"),
            },
            Shape::TextOrNull => match &node.value {
                Value::Text(_) | Value::Null => true,
                _ => self.wrong(name, node, "a text"),
            },
            Shape::Word(words) => match node.as_text() {
                Some(text) if words.contains(&text) => true,
                _ => self.wrong_word(name, node, words),
            },
            Shape::Like(fits, wanted) => match node.as_text() {
                Some(text) if fits(text) => true,
                _ => self.wrong(name, node, wanted),
            },
            Shape::Bool | Shape::BoolOption => self.boolean(node, name),
            Shape::StrictBool | Shape::StrictBoolOption => match &node.value {
                Value::Bool(_) => true,
                _ => self.wrong(name, node, "`true` or `false`"),
            },
            Shape::BoolOrText => match &node.value {
                Value::Bool(_) | Value::Text(_) => true,
                _ => self.wrong(name, node, "`true`, `false` or a text"),
            },
            Shape::Int | Shape::IntOption => self.integer(node, name, false),
            Shape::NumberInt => self.integer(node, name, true),
            Shape::IntWithin(least, most) => {
                let written_as_text = node.as_text().is_some();
                if !self.integer(node, name, false) {
                    return false;
                }
                match node.value {
                    Value::Int(value) if written_as_text || (*least..=*most).contains(&value) => true,
                    _ => self.wrong(name, node, "an integer within its bounds"),
                }
            }
            Shape::Number => match &node.value {
                Value::Int(_) | Value::Uint(_) | Value::Float(_) => true,
                Value::Text(text) => match text.parse::<f64>() {
                    Ok(value) => {
                        node.value = Value::Float(value);
                        true
                    }
                    Err(_) => self.wrong(name, node, "a number"),
                },
                _ => self.wrong(name, node, "a number"),
            },
            Shape::StrictInt => match node.value {
                Value::Int(_) | Value::Uint(_) => true,
                Value::Float(value) if value.fract() == 0.0 => true,
                _ => self.wrong(name, node, "an integer"),
            },
            Shape::StrictNumber => match &node.value {
                Value::Int(_) | Value::Uint(_) | Value::Float(_) => true,
                _ => self.wrong(name, node, "a number"),
            },
            Shape::Bytes | Shape::FileMode => match &node.value {
                Value::Int(_) | Value::Uint(_) | Value::Text(_) | Value::Float(_) => true,
                _ => self.wrong(name, node, "a number or a text"),
            },
            Shape::DeviceCount => match &node.value {
                Value::Int(_) | Value::Text(_) => true,
                _ => self.wrong(name, node, "an integer or `all`"),
            },
            Shape::TextList => self.list(node, &Shape::Text, name, true),
            Shape::LooseTextList => self.list(node, &Shape::Text, name, false),
            Shape::IntOrTextList => {
                static INT: Shape = Shape::Either(&[Shape::Text, Shape::StrictInt]);
                self.list(node, &INT, name, true)
            }
            Shape::ScalarList => {
                static SCALAR: Shape = Shape::Either(&[Shape::Text, Shape::StrictNumber]);
                self.list(node, &SCALAR, name, true)
            }
            Shape::TextOrList => match &node.value {
                Value::Text(_) => true,
                Value::List(_) => self.list(node, &Shape::Text, name, true),
                _ => self.wrong(name, node, "a text or a list of texts"),
            },
            Shape::Mapping | Shape::Environment => match &node.value {
                Value::List(_) => {
                    if matches!(shape, Shape::Environment) {
                        self.trailing(node, name);
                    }
                    self.list(node, &Shape::Text, name, true)
                }
                _ => {
                    self.named(node, name);
                    self.scalars(node, name, "a text, number or boolean", |value| {
                        !matches!(value, Value::List(_) | Value::Map(_) | Value::Time(_))
                    })
                }
            },
            Shape::Options => self.scalars(node, name, "a text or number", |value| {
                matches!(
                    value,
                    Value::Text(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_)
                )
            }),
            Shape::NullableOptions => self.scalars(node, name, "a text or number", |value| {
                matches!(
                    value,
                    Value::Text(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) | Value::Null
                )
            }),
            Shape::IntOptions => self.scalars(node, name, "a text or an integer", |value| {
                matches!(
                    value,
                    Value::Text(_) | Value::Int(_) | Value::Uint(_) | Value::Null
                )
            }),
            Shape::TextDict => self.scalars(node, name, "a text", |value| matches!(value, Value::Text(_))),
            Shape::MultiOptions => {
                self.scalars(node, name, "a scalar or a list of scalars", |value| match value {
                    Value::Map(_) | Value::Null | Value::Time(_) => false,
                    Value::List(items) => items.iter().all(|item| item.scalar_text().is_some()),
                    _ => true,
                })
            }
            Shape::ExtraHosts => match &node.value {
                Value::List(_) => self.list(node, &Shape::Text, name, true),
                _ => {
                    self.named(node, name);
                    self.scalars(
                        node,
                        name,
                        "an address or a list of addresses",
                        |value| match value {
                            Value::Text(_) => true,
                            Value::List(items) => items.iter().all(|item| item.as_text().is_some()),
                            _ => false,
                        },
                    )
                }
            },
            Shape::Command => match &node.value {
                Value::Null | Value::Text(_) => true,
                Value::List(_) => self.list(node, &Shape::Text, name, false),
                _ => self.wrong(name, node, "a text or a list of texts"),
            },
            Shape::Test => match &node.value {
                Value::Text(_) => true,
                Value::List(_) => self.list(node, &Shape::Text, name, false),
                _ => self.wrong(name, node, "a text or a list of texts"),
            },
            Shape::List(shape) => self.list(node, shape, name, false),
            Shape::UniqueList(shape) => self.list(node, shape, name, true),
            Shape::Dict(keys, shape) => self.dict(node, *keys, shape, name),
            Shape::Object(object) => match &mut node.value {
                Value::Map(map) => {
                    let place = node.key.as_ref().unwrap_or(&node.span).clone();
                    self.object(map, object, Some((name, &place)));
                    object.required.iter().all(|key| map.contains_key(key))
                }
                _ => self.wrong(name, node, "a mapping"),
            },
            Shape::ObjectOrNull(object) => match &mut node.value {
                Value::Null => true,
                Value::Map(map) => {
                    let place = node.key.as_ref().unwrap_or(&node.span).clone();
                    self.object(map, object, Some((name, &place)));
                    true
                }
                _ => self.wrong(name, node, "a mapping"),
            },
            Shape::Either(shapes) => {
                let fitting = shapes.iter().find(|shape| takes(shape, &node.value));
                match fitting {
                    Some(shape) => self.value(node, shape, name),
                    None => {
                        let wanted: Vec<_> = shapes.iter().map(words).collect();
                        self.wrong(name, node, &wanted.join(" or "))
                    }
                }
            }
        }
    }

    fn wrong_word(&mut self, name: &str, node: &Node, words: &[&str]) -> bool {
        let wanted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
        let shown = node
            .as_text()
            .map_or_else(|| node.kind().to_owned(), |_| format!("`{}`", node.written()));
        let message = format!("`{name}` must be one of {}, and is {shown}", wanted.join(", "));
        self.report(Problem::new(&rules::INVALID_VALUE, &node.span, message));
        false
    }

    fn boolean(&mut self, node: &mut Node, name: &str) -> bool {
        let value = match &node.value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) => boolean(text),
            _ => None,
        };
        match value {
            Some(value) => {
                node.value = Value::Bool(value);
                true
            }
            None => self.wrong(name, node, "`true` or `false`"),
        }
    }

    fn integer(&mut self, node: &mut Node, name: &str, number: bool) -> bool {
        match &node.value {
            Value::Int(_) | Value::Uint(_) => true,
            Value::Float(value) if value.fract() == 0.0 => {
                #[expect(clippy::cast_possible_truncation, reason = "past the bounds it saturates")]
                let value = *value as i64;
                node.value = Value::Int(value);
                true
            }
            Value::Float(value) if number => {
                #[expect(clippy::cast_possible_truncation, reason = "Compose cuts the fraction off")]
                let value = *value as i64;
                node.value = Value::Int(value);
                true
            }
            Value::Text(text) => match text.parse::<i64>() {
                Ok(value) => {
                    node.value = Value::Int(value);
                    true
                }
                Err(_) => self.wrong(name, node, "an integer"),
            },
            _ => self.wrong(name, node, "an integer"),
        }
    }

    /// Refuses a blank behind the name of a variable in a list, as in `NAME = value`: it would be a part of the name.
    fn trailing(&mut self, node: &Node, name: &str) {
        for item in node.as_list().into_iter().flatten() {
            let text = item.as_text().unwrap_or_default();
            let key = text.split_once('=').map_or(text, |(key, _)| key);
            let bare = key.trim_end();
            if bare.len() < key.len() {
                let message = format!("`{bare}` of `{name}` has a blank behind its name");
                let problem = Problem::new(&rules::INVALID_VALUE, &item.span, message);
                self.report(problem.with_fix(format!(
                    "Write it without the blank, `{bare}=`, or as a mapping: `{bare}: VALUE`."
                )));
            }
        }
    }

    /// Takes the empty key out, which Compose refuses where a list could stand as well.
    fn named(&mut self, node: &mut Node, name: &str) {
        if let Value::Map(map) = &mut node.value
            && let Some(value) = map.remove("")
        {
            let message = format!("`{name}` has an empty key");
            self.report(Problem::new(&rules::INVALID_VALUE, value.place(), message));
        }
    }

    fn scalars(&mut self, node: &mut Node, name: &str, wanted: &str, fits: fn(&Value) -> bool) -> bool {
        let Value::Map(map) = &mut node.value else {
            return self.wrong(name, node, "a mapping");
        };
        let bad: Vec<Box<str>> = map
            .iter()
            .filter(|(_, value)| !fits(&value.value))
            .map(|(key, _)| key.clone())
            .collect();
        for key in bad {
            if let Some(value) = map.remove(&key) {
                self.wrong(&format!("{name}.{key}"), &value, wanted);
            }
        }
        true
    }
}

/// A boolean as Compose casts a text.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" | "y" | "yes" | "on" => Some(true),
        "false" | "0" | "f" | "n" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Whether a shape is meant for this kind of value.
fn takes(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Text | Shape::Word(_) => matches!(value, Value::Text(_)),
        Shape::Object(_) | Shape::Dict(..) => matches!(value, Value::Map(_)),
        Shape::List(_) | Shape::TextList | Shape::LooseTextList => matches!(value, Value::List(_)),
        Shape::StrictNumber => matches!(value, Value::Int(_) | Value::Uint(_) | Value::Float(_)),
        Shape::StrictInt => matches!(value, Value::Int(_) | Value::Uint(_)),
        Shape::Int | Shape::IntOption => matches!(value, Value::Int(_) | Value::Uint(_) | Value::Text(_)),
        Shape::Bool => matches!(value, Value::Bool(_) | Value::Text(_)),
        _ => true,
    }
}

fn words(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Word(_) => "a text",
        Shape::Object(_) | Shape::Dict(..) => "a mapping",
        Shape::List(_) | Shape::TextList | Shape::LooseTextList => "a list",
        Shape::StrictNumber => "a number",
        Shape::StrictInt | Shape::Int | Shape::IntOption => "an integer",
        Shape::Bool => "`true` or `false`",
        _ => "a value",
    }
}

/// The known key that a person may have meant: at most two letters away.
fn nearest(key: &str, object: &Object) -> Option<&'static str> {
    let folded = key.to_ascii_lowercase().replace('-', "_");
    object
        .fields
        .iter()
        .map(|(name, _)| (distance(&folded, name), *name))
        .filter(|(distance, name)| *distance <= 2 && *distance * 3 <= name.len())
        .min()
        .map(|(_, name)| name)
}

/// How many letters must change to make one word of another.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_keys_are_recognised() {
        assert_eq!(
            nearest("enviroment", &crate::compose::schema::SERVICE),
            Some("environment")
        );
        assert_eq!(
            nearest("depends-on", &crate::compose::schema::SERVICE),
            Some("depends_on")
        );
        assert_eq!(nearest("zzz", &crate::compose::schema::SERVICE), None);
    }

    #[test]
    fn booleans_are_cast_as_compose_casts_them() {
        assert_eq!(boolean("Yes"), Some(true));
        assert_eq!(boolean("off"), Some(false));
        assert_eq!(boolean("maybe"), None);
    }
}
