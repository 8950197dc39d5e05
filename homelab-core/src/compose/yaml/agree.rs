//! The proof that the two readers of YAML are of one mind, for tests and fuzzing.

use super::{Document, read_all};
use crate::compose::node::{Node, Value};
use crate::span::Source;

/// Panics where the full reader does not make exactly this document of the source.
pub(super) fn agree(source: &Source, document: &Document) {
    let whole = read_all(source);
    let text = source.text();
    assert!(whole.broken.is_none(), "the full reader refuses it:\n{text}");
    assert!(whole.faults.is_empty(), "the full reader finds faults:\n{text}");
    let [other] = &whole.documents[..] else {
        panic!("the full reader sees several documents:\n{text}");
    };
    assert!(other.resets.is_empty(), "the full reader sees resets:\n{text}");
    if let Some(difference) = difference(&document.root, &other.root) {
        panic!("{difference}:\n{text}");
    }
}

fn difference(one: &Node, other: &Node) -> Option<String> {
    let places = |node: &Node| {
        let span = (node.span.start(), node.span.end());
        (span, node.key.as_ref().map(|key| (key.start(), key.end())))
    };
    if places(one) != places(other) {
        return Some(format!(
            "{} is at {:?} and {:?}",
            one.kind(),
            places(one),
            places(other)
        ));
    }
    match (&one.value, &other.value) {
        (Value::List(a), Value::List(b)) if a.len() == b.len() => {
            a.iter().zip(b).find_map(|(a, b)| difference(a, b))
        }
        (Value::Map(a), Value::Map(b)) if a.keys().eq(b.keys()) => {
            a.values().zip(b.values()).find_map(|(a, b)| difference(a, b))
        }
        (Value::List(_) | Value::Map(_), _) => Some(format!("{} is not {}", one.kind(), other.kind())),
        (a, b) => {
            let (a, b) = (format!("{a:?}"), format!("{b:?}"));
            (a != b).then(|| format!("{a} is not {b}"))
        }
    }
}
