//! The tree that Compose files are resolved in: YAML values with the place of each.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

pub(super) use super::map::Map;
use super::model::Interpolation;
use crate::span::Span;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Span,
    /// Where the key is written whose value this is; none for items of a list.
    pub(super) key: Option<Span>,
    /// The text before interpolation, where variables took part.
    pub(super) text: Option<Arc<Interpolation>>,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer past `i64`.
    Uint(u64),
    Float(f64),
    /// A timestamp, which the engine's YAML reader makes of a plain date; no attribute takes one.
    Time(Box<str>),
    Text(Box<str>),
    List(Vec<Node>),
    Map(Map),
}

impl Node {
    pub(super) fn new(value: Value, span: Span) -> Self {
        Node {
            value,
            span,
            key: None,
            text: None,
        }
    }

    pub(super) fn text(text: impl Into<Box<str>>, span: Span) -> Self {
        Node::new(Value::Text(text.into()), span)
    }

    /// Another value at this node's place.
    pub(super) fn replaced(&self, value: Value) -> Self {
        Node {
            value,
            span: self.span.clone(),
            key: self.key.clone(),
            text: self.text.clone(),
        }
    }

    /// The same value as the value of a key.
    pub(super) fn keyed(mut self, key: Option<Span>) -> Self {
        self.key = key;
        self
    }

    /// The key's place where there is one, else the value's.
    pub(super) fn place(&self) -> &Span {
        self.key.as_ref().unwrap_or(&self.span)
    }

    pub(super) fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(super) fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn as_list_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text as it was written, which names a variable instead of its value: that may be a secret.
    pub(super) fn written(&self) -> String {
        match &self.text {
            Some(text) => text.raw.clone(),
            None => self.scalar_text().unwrap_or_default(),
        }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// A scalar as Compose writes it where it wants a text: numbers in their shortest form.
    pub(super) fn scalar_text(&self) -> Option<String> {
        self.scalar().map(Cow::into_owned)
    }

    /// The same, borrowed where the tree has the text.
    pub(super) fn scalar(&self) -> Option<Cow<'_, str>> {
        Some(match &self.value {
            Value::Text(text) | Value::Time(text) => Cow::Borrowed(text),
            Value::Bool(value) => value.to_string().into(),
            Value::Int(value) => value.to_string().into(),
            Value::Uint(value) => value.to_string().into(),
            Value::Float(value) => float_text(*value).into(),
            Value::Null | Value::List(_) | Value::Map(_) => return None,
        })
    }

    /// What kind of value this is, in the words of a message.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Uint(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Time(_) => "a date",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Whether two trees say the same, wherever they were written.
    pub(super) fn same(&self, other: &Node) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Uint(a), Value::Uint(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Value::Time(a), Value::Time(b)) | (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| a.same(b)))
            }
            _ => false,
        }
    }

    /// How many values the tree has, a long text counted as one for each 64 bytes.
    pub(super) fn weight(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Node::weight).sum::<usize>(),
            Value::Map(map) => 1 + map.values().map(Node::weight).sum::<usize>(),
            Value::Text(text) => 1 + text.len() / 64,
            _ => 1,
        }
    }

    /// A number that trees have in common which say the same.
    fn fingerprint(&self, seed: &foldhash::fast::RandomState) -> u64 {
        match &self.value {
            Value::Null => seed.hash_one(0),
            Value::Bool(value) => seed.hash_one(value),
            Value::Int(value) => seed.hash_one(value),
            Value::Uint(value) => seed.hash_one(value),
            // Both zeros are equal, and so is whatever is no number.
            Value::Float(value) if *value == 0.0 || value.is_nan() => seed.hash_one(value.is_nan()),
            Value::Float(value) => seed.hash_one(value.to_bits()),
            Value::Time(text) | Value::Text(text) => seed.hash_one(text),
            Value::List(items) => {
                let whole = |so_far: u64, item: &Node| seed.hash_one((so_far, item.fingerprint(seed)));
                items.iter().fold(1, whole)
            }
            // In any order, since mappings are the same in any order.
            Value::Map(map) => map.iter().fold(2, |so_far: u64, (key, value)| {
                so_far.wrapping_add(seed.hash_one((key, value.fingerprint(seed))))
            }),
        }
    }
}

/// Returns, for each node, whether an earlier one says the same: in a time that grows with the nodes' size,
/// not with its square, since a file may be written to hold us up.
pub(super) fn repeated(nodes: &[Node]) -> Vec<bool> {
    // A few are compared faster than hashed.
    if nodes.len() <= 8 {
        let is_repeated = |at: usize| nodes[..at].iter().any(|other| other.same(&nodes[at]));
        return (0..nodes.len()).map(is_repeated).collect();
    }
    let mut earlier: HashMap<u64, Vec<&Node>, foldhash::fast::RandomState> = HashMap::default();
    let seed = earlier.hasher().clone();
    let is_repeated = |node| {
        let alike = earlier.entry(Node::fingerprint(node, &seed)).or_default();
        let repeated = alike.iter().any(|other| other.same(node));
        if !repeated {
            alike.push(node);
        }
        repeated
    };
    nodes.iter().map(is_repeated).collect()
}

/// A float as Go prints it as a text: shortest digits, an exponent below 1e-4 and from 1e6 where it is needed.
pub(super) fn float_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    if value.is_nan() {
        return "NaN".into();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-4..6).contains(&power) {
        let sign = if power < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", power.abs());
    }
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Source;

    #[test]
    fn what_is_repeated_is_found_whatever_it_is() {
        let node = |value| Node::new(value, Span::file(&Source::new("f", "")));
        let map = |keys: [&str; 2]| {
            let mut map = Map::default();
            for key in keys {
                map.insert(key.into(), node(Value::Int(key.len() as i64)));
            }
            node(Value::Map(map))
        };
        let list = |values: Vec<Value>| node(Value::List(values.into_iter().map(node).collect()));
        let text = |text: &str| Value::Text(text.into());
        let nodes = [
            (node(Value::Null), false),
            (node(Value::Int(1)), false),
            (node(Value::Uint(1)), false),
            (node(Value::Float(0.0)), false),
            (node(Value::Float(-0.0)), true),
            (node(Value::Float(f64::NAN)), false),
            (node(Value::Float(-f64::NAN)), true),
            (node(text("1")), false),
            (node(Value::Time("1".into())), false),
            (node(text("1")), true),
            (map(["a", "bc"]), false),
            (map(["bc", "a"]), true),
            (map(["a", "bcd"]), false),
            (list(vec![text("a"), text("b")]), false),
            (list(vec![text("b"), text("a")]), false),
            (list(vec![text("a"), text("b")]), true),
            (list(vec![]), false),
            (node(Value::Map(Map::default())), false),
            (node(Value::Null), true),
        ];
        let (nodes, expected): (Vec<Node>, Vec<bool>) = nodes.into_iter().unzip();
        assert_eq!(repeated(&nodes), expected);
        assert_eq!(repeated(&nodes[..8]), expected[..8]);
    }

    #[test]
    fn floats_are_written_as_compose_writes_them() {
        for (value, text) in [
            (1.0, "1"),
            (1.5, "1.5"),
            (100_000.0, "100000"),
            (123_456.0, "123456"),
            (1e6, "1e+06"),
            (1_234_567.5, "1.2345675e+06"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
            (0.0, "0"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }
}
