//! [`Map`]: a mapping of a file, in the file's order.

use std::collections::HashMap;

use super::node::Node;

/// How many entries are looked through one by one: comparing a few keys takes less than hashing one.
const FEW: usize = 24;

/// A mapping in the order of the file, each key once.
///
/// Nearly all have a handful of entries, so that they stand in one list; only a long one has an index.
#[derive(Clone, Debug, Default)]
pub(super) struct Map {
    entries: Vec<(Box<str>, Node)>,
    lookup: Lookup,
}

/// How a key is found.
#[derive(Clone, Debug)]
enum Lookup {
    /// By looking through the list. A key whose [`mark`] is not among these is not in it, and most that are asked for
    /// are not: a service uses a few of a hundred attributes.
    Few(u64),
    /// By the place of each key.
    Many(Box<Index>),
}

impl Default for Lookup {
    fn default() -> Self {
        Lookup::Few(0)
    }
}

type Index = HashMap<Box<str>, usize, foldhash::fast::RandomState>;

/// One bit of 64, by a key's length and its first and last byte.
fn mark(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let (first, last) = (bytes.first().unwrap_or(&0), bytes.last().unwrap_or(&0));
    let number = usize::from(*first) + 5 * usize::from(*last) + 11 * bytes.len();
    1 << (number % 64)
}

impl Map {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.position(key).map(|at| &self.entries[at].1)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.position(key).map(|at| &mut self.entries[at].1)
    }

    pub(super) fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Puts a value in, last where the key is new; else in its place, and returns what stood there.
    pub(super) fn insert(&mut self, key: Box<str>, value: Node) -> Option<Node> {
        match self.position(&key) {
            Some(at) => Some(std::mem::replace(&mut self.entries[at].1, value)),
            None => {
                self.push(key, value);
                None
            }
        }
    }

    /// Returns the value of a key, which is put in where the key is new.
    pub(super) fn get_or_insert_with(&mut self, key: &str, value: impl FnOnce() -> Node) -> &mut Node {
        let at = self.position(key).unwrap_or_else(|| {
            self.push(key.into(), value());
            self.entries.len() - 1
        });
        &mut self.entries[at].1
    }

    /// Takes a key out; those behind it move up.
    pub(super) fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.position(key)?;
        let (key, value) = self.entries.remove(at);
        if let Lookup::Many(index) = &mut self.lookup {
            index.remove(&key);
            for later in index.values_mut().filter(|later| **later > at) {
                *later -= 1;
            }
        }
        Some(value)
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str, &mut Node) -> bool) {
        let before = self.entries.len();
        self.entries.retain_mut(|(key, value)| keep(key, value));
        if self.entries.len() < before {
            self.build_lookup();
        }
    }

    /// Returns the entry at a place in the order of the file.
    pub(super) fn get_index(&self, at: usize) -> Option<(&str, &Node)> {
        self.entries.get(at).map(|(key, value)| (&**key, value))
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&Box<str>, &Node)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub(super) fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&Box<str>, &mut Node)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub(super) fn keys(&self) -> impl ExactSizeIterator<Item = &Box<str>> {
        self.entries.iter().map(|(key, _)| key)
    }

    pub(super) fn values(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.entries.iter().map(|(_, value)| value)
    }

    pub(super) fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Node> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    #[inline]
    fn position(&self, key: &str) -> Option<usize> {
        match &self.lookup {
            Lookup::Few(marks) if marks & mark(key) == 0 => None,
            Lookup::Few(_) => self.looked_through(key),
            Lookup::Many(index) => index.get(key).copied(),
        }
    }

    fn looked_through(&self, key: &str) -> Option<usize> {
        let first = key.as_bytes().first();
        // The first byte tells most keys of one length apart, without a call.
        let is_it = |own: &str| own.len() == key.len() && own.as_bytes().first() == first && own == key;
        self.entries.iter().position(|(own, _)| is_it(own))
    }

    fn push(&mut self, key: Box<str>, value: Node) {
        match &mut self.lookup {
            Lookup::Few(marks) => *marks |= mark(&key),
            Lookup::Many(index) => {
                index.insert(key.clone(), self.entries.len());
            }
        }
        self.entries.push((key, value));
        if matches!(self.lookup, Lookup::Few(_)) && self.entries.len() > FEW {
            self.build_lookup();
        }
    }

    /// Makes the lookup anew.
    fn build_lookup(&mut self) {
        let keys = self.entries.iter().map(|(key, _)| key);
        self.lookup = if self.entries.len() > FEW {
            Lookup::Many(Box::new(keys.cloned().zip(0..).collect()))
        } else {
            Lookup::Few(keys.fold(0, |marks, key| marks | mark(key)))
        };
    }
}

#[cfg(test)]
impl std::ops::Index<&str> for Map {
    type Output = Node;

    fn index(&self, key: &str) -> &Node {
        self.get(key).expect("a key of the mapping")
    }
}

impl IntoIterator for Map {
    type Item = (Box<str>, Node);
    type IntoIter = std::vec::IntoIter<(Box<str>, Node)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Box<str>, &'a Node);
    type IntoIter = std::iter::Map<
        std::slice::Iter<'a, (Box<str>, Node)>,
        fn(&'a (Box<str>, Node)) -> (&'a Box<str>, &'a Node),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter().map(|(key, value)| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::Value;
    use super::*;
    use crate::span::{Source, Span};

    fn node(number: usize) -> Node {
        Node::new(Value::Uint(number as u64), Span::file(&Source::new("f", "")))
    }

    fn numbers(map: &Map) -> Vec<u64> {
        let number = |value: &Node| match value.value {
            Value::Uint(number) => number,
            _ => u64::MAX,
        };
        map.values().map(number).collect()
    }

    #[test]
    fn short_and_long_mappings_behave_alike() {
        for length in [3, FEW, FEW + 1, 100] {
            let mut map = Map::default();
            let key = |number: usize| Box::from(format!("k{number}"));
            for number in 0..length {
                assert!(map.insert(key(number), node(number)).is_none());
            }
            assert!(map.insert(key(1), node(77)).is_some(), "it keeps its place");
            assert_eq!(numbers(&map)[1], 77);
            assert!(map.remove("k0").is_some() && map.remove("k0").is_none());
            assert_eq!(map.len(), length - 1);
            for number in 1..length {
                assert!(map.contains_key(&format!("k{number}")), "{number} of {length}");
            }
            map.get_or_insert_with("k2", || node(99));
            map.get_or_insert_with("new", || node(98));
            assert_eq!(numbers(&map).last(), Some(&98));
            map.retain(|key, _| key.ends_with('2'));
            assert!(map.contains_key("k2") && !map.contains_key("new"));
            assert_eq!(map.get("k2").map(|_| numbers(&map)[0]), Some(2));
        }
    }
}
