//! Anchors, aliases and merge keys: what is written once and meant in several places.

use super::{Key, Reader};
use crate::compose::node::{Map, Node, Value};

/// How many values the aliases of a text may stand for: with its own, fewer than the full reader allows.
const MOST: usize = 20_000;

/// A name and its value, once that has been read.
type Anchor<'s> = (&'s str, Option<Node>);

/// What the anchors of a text stand for, in their order: a name may be given anew.
#[derive(Default)]
pub(super) struct Anchors<'s> {
    named: Vec<Anchor<'s>>,
    /// How many values the aliases so far stand for.
    values: usize,
}

impl<'s> Reader<'s> {
    /// Reads the name of an anchor or alias, whose sign is here, and goes behind it.
    fn name(&mut self) -> Option<&'s str> {
        let start = self.at + 1;
        let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let length = self.bytes[start..]
            .iter()
            .take_while(|byte| is_of_it(byte))
            .count();
        self.at = start + length;
        (length > 0).then(|| &self.text[start..self.at])
    }

    /// Reads the value that is named here: one on the same line, or a collection on the next ones.
    pub(super) fn anchored(&mut self, column: isize, depth: usize) -> Option<Node> {
        let name = self.name()?;
        if !self.is_end(self.at) {
            return None;
        }
        let number = self.anchors.named.len();
        self.anchors.named.push((name, None));
        let value = self.skip_spaces(self.at);
        let node = if let None | Some(b'\n' | b'#') = self.byte(value) {
            self.next()?;
            // Nothing, or a list that is not indented: the full reader knows where those are.
            if self.column <= column || matches!(self.byte(self.at)?, b'&' | b'*') {
                return None;
            }
            self.node(column, depth)?
        } else {
            self.at = value;
            if matches!(self.byte(value)?, b'&' | b'*') {
                return None;
            }
            self.value(column, depth)?
        };
        self.anchors.named[number].1 = Some(node.clone());
        Some(node)
    }

    /// Reads the alias that is here, and stays behind it.
    pub(super) fn alias(&mut self) -> Option<Node> {
        let name = self.name()?;
        let found = self.anchors.named.iter().rev().find(|(own, _)| *own == name);
        // One without a value stands inside the value that it names.
        let node = found?.1.as_ref()?;
        self.anchors.values += node.weight();
        (self.anchors.values <= MOST).then(|| Node {
            key: None,
            ..node.clone()
        })
    }
}

impl Key<'_> {
    /// Whether this is the merge key.
    pub(super) fn is_merge(&self) -> bool {
        // In quotes it is a key like any other.
        self.text == "<<" && self.end - self.start == 2
    }
}

/// Puts in what a merge key brings, where the mapping has no such key of its own.
pub(super) fn merge(map: &mut Map, merged: Node) -> Option<()> {
    let parts = match merged.value {
        Value::List(parts) => parts,
        _ => vec![merged],
    };
    for part in parts {
        let Value::Map(part) = part.value else {
            return None;
        };
        for (name, value) in part {
            map.get_or_insert_with(&name, || value);
        }
    }
    Some(())
}
