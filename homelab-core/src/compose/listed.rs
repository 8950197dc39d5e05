//! Mappings that Compose takes as lists of `KEY=VALUE` too: what a slot is to stand in a key of is written so.

use std::collections::HashSet;
use std::ops::Range;

use super::node::{Node, Value};
use super::yaml;
use crate::span::{Source, Span};

/// The attributes of which both forms mean the same.
const BOTH_FORMS: [&str; 6] = [
    "annotations",
    "args",
    "environment",
    "extra_hosts",
    "labels",
    "sysctls",
];

/// A mapping of a file that can be written as a list.
pub(crate) struct Listed {
    /// The whole mapping in brackets; none where each pair has a line of its own.
    pub(crate) flow: Option<Range<usize>>,
    pub(crate) pairs: Vec<Pair>,
}

/// One key of such a mapping with its value.
pub(crate) struct Pair {
    /// Where the key is, with its quotes.
    pub(crate) key: Range<usize>,
    /// Where the key and its value are.
    pub(crate) whole: Range<usize>,
    /// The two as an item of a list, as YAML means it: what Compose replaces in values stays, and in keys is written so that
    /// it replaces nothing.
    pub(crate) item: String,
}

/// Returns the mappings of a Compose file that can be written as lists without a change of what they mean: all keys and
/// values are scalars of one line, and none is merged from elsewhere.
pub(crate) fn listed(source: &Source) -> Vec<Listed> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for document in yaml::read(source).documents {
        collect(source, &document.root, &mut seen, &mut found);
    }
    found
}

fn collect(source: &Source, node: &Node, seen: &mut HashSet<usize>, found: &mut Vec<Listed>) {
    match &node.value {
        Value::Map(map) => {
            for (name, child) in map.iter() {
                if BOTH_FORMS.contains(&&**name)
                    && seen.insert(child.span.start())
                    && let Some(listed) = of(source, child)
                {
                    found.push(listed);
                }
                collect(source, child, seen, found);
            }
        }
        Value::List(items) => items.iter().for_each(|item| collect(source, item, seen, found)),
        _ => {}
    }
}

fn of(source: &Source, node: &Node) -> Option<Listed> {
    let text = source.text();
    let range = |span: &Span| (span.source() == source).then(|| span.start()..span.end());
    let map = node.as_map()?;
    let first = map.values().next()?.key.as_ref()?.start();
    // The bracket before the first key, if that is what is before it.
    let opens = text.get(..first)?.trim_end().len();
    let opens = text[..opens].ends_with('{').then(|| opens - 1);
    let mut pairs: Vec<Pair> = Vec::new();
    for (name, value) in map.iter() {
        let key = range(value.key.as_ref()?)?;
        let (end, meant) = match &value.value {
            Value::Null => {
                let colon = text[key.end..].find(':')? + key.end;
                text[key.end..colon].trim().is_empty().then_some(())?;
                (colon + 1, None)
            }
            _ => (range(&value.span)?.end, Some(value.scalar()?)),
        };
        let before = text[..key.start].rfind('\n').map_or(0, |at| at + 1);
        let is_alone = opens.is_some() || text[before..key.start].trim().is_empty();
        let own = text.get(key.start..end)?;
        let quote = own.chars().next()?;
        // An anchor, an alias or a tag would be lost.
        let between = text
            .get(key.end..end)?
            .trim_start()
            .strip_prefix(':')?
            .trim_start();
        let is_plain =
            !between.starts_with(['&', '*', '!', '|', '>']) && !matches!(quote, '?' | '&' | '!' | '<');
        let item = match meant {
            Some(meant) => format!("{}={meant}", name.replace('$', "$$")),
            None => name.replace('$', "$$"),
        };
        let fits = !own.contains('\n') && !item.contains(char::is_control) && !name.contains('=');
        let follows = pairs.last().is_none_or(|last| last.whole.end <= key.start);
        (is_alone && is_plain && fits && follows).then_some(())?;
        pairs.push(Pair {
            whole: key.start..end,
            key,
            item,
        });
    }
    let flow = match opens {
        None => None,
        Some(opens) => {
            let last = pairs.last()?.whole.end;
            let behind = text[last..].trim_start_matches([' ', '\t', '\r', '\n', ',']);
            behind.starts_with('}').then_some(())?;
            Some(opens..text.len() - behind.len() + 1)
        }
    };
    Some(Listed { flow, pairs })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<Vec<(String, String)>> {
        let source = Source::new("compose.yaml", text);
        let pairs = |listed: &Listed| {
            let pairs = listed.pairs.iter();
            pairs
                .map(|pair| (text[pair.whole.clone()].to_owned(), pair.item.clone()))
                .collect()
        };
        listed(&source).iter().map(pairs).collect()
    }

    #[test]
    fn pairs_are_items() {
        let text = "services:\n  a:\n    labels:\n      x.y: 'it''s' # why\n      \"b\": 1.50\n      c:\n      d: ${E:-$$}\n    extra_hosts: {h: 10.0.0.1, 'i': ::1}\n";
        let all = items(text);
        let expect = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect()
        };
        assert_eq!(
            all[0],
            expect(&[
                ("x.y: 'it''s'", "x.y=it's"),
                ("\"b\": 1.50", "b=1.5"),
                ("c:", "c"),
                ("d: ${E:-$$}", "d=${E:-$$}"),
            ])
        );
        assert_eq!(
            all[1],
            expect(&[("h: 10.0.0.1", "h=10.0.0.1"), ("'i': ::1", "i=::1")])
        );
    }

    #[test]
    fn what_is_more_than_scalars_of_one_line_is_left() {
        for labels in [
            "{a: [b]}",
            "{<<: *x, a: b}",
            "\n      a: |\n        b\n",
            "\n      a: b\n        c\n",
            "\n      a: &x b\n",
            "\n      a=b: c\n",
            "[a=b]",
            "{}",
            "{a: \"b\\nc\"}",
        ] {
            let text = format!("x: &x {{q: r}}\nservices:\n  a:\n    labels: {labels}");
            assert!(items(&text).is_empty(), "{labels}");
        }
    }
}
