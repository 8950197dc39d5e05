//! The words of a command, as Compose reads them.

use crate::compose::node::{Node, Value};

/// The words of a command; nothing where nothing is written, or the quotes do not close.
pub(in crate::compose) fn command(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Value::Text(text) => words(text),
        Value::List(items) => Some(items.iter().filter_map(Node::scalar_text).collect()),
        _ => None,
    }
}

/// Splits a text as Compose's reader of commands does: quotes and backslashes as in a shell, nothing expanded, and
/// an end at the first `;`, `&`, `|`, `<` or `>` that is not quoted. Nothing when quotes or brackets do not close.
pub(in crate::compose) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let (mut single, mut double, mut backtick, mut bracket) = (false, false, false, false);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let quoted = single || double || backtick || bracket;
        match character {
            '\\' if !single => word.get_or_insert_default().push(characters.next()?),
            ' ' | '\t' | '\r' | '\n' if !quoted => words.extend(word.take()),
            '`' if !single && !double && !bracket => {
                backtick = !backtick;
                word.get_or_insert_default().push('`');
            }
            ')' if !single && !double && !backtick => {
                bracket = !bracket;
                word.get_or_insert_default().push(')');
            }
            '(' if !single && !double && !backtick => {
                if bracket || !word.as_ref().is_some_and(|word| word.ends_with('$')) {
                    return None;
                }
                bracket = true;
                word.get_or_insert_default().push('(');
            }
            '"' if !single && !bracket => {
                double = !double;
                word.get_or_insert_default();
            }
            '\'' if !double && !bracket => {
                single = !single;
                word.get_or_insert_default();
            }
            ';' | '&' | '|' | '<' | '>' if !quoted => {
                // A number before `>` names a stream, and is no word.
                if character == '>'
                    && word
                        .as_ref()
                        .is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()))
                {
                    word = None;
                }
                words.extend(word);
                return Some(words);
            }
            character => word.get_or_insert_default().push(character),
        }
    }
    if single || double || backtick || bracket {
        return None;
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_splits_them() {
        for (text, expected) in [
            ("a b", Some(vec!["a", "b"])),
            ("sh -c 'echo \"x y\"'", Some(vec!["sh", "-c", "echo \"x y\""])),
            ("a\"b c\"d", Some(vec!["ab cd"])),
            ("a\\ b", Some(vec!["a b"])),
            ("", Some(vec![])),
            ("'open", None),
            ("a #b", Some(vec!["a", "#b"])),
            ("\"\"", Some(vec![""])),
            ("a && b", Some(vec!["a"])),
            ("a 2>b", Some(vec!["a"])),
            ("a x>b", Some(vec!["a", "x"])),
            ("a $(b c)", Some(vec!["a", "$(b c)"])),
            ("a `b c`", Some(vec!["a", "`b c`"])),
            ("a ( b", None),
            ("a ) b", None),
            ("a \"b\\nc\"", Some(vec!["a", "bnc"])),
        ] {
            let expected: Option<Vec<String>> =
                expected.map(|words| words.iter().map(ToString::to_string).collect());
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
