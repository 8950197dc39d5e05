//! Variables in texts: `$NAME`, `${NAME}`, `${NAME:-default}` and their kin, as Compose substitutes them.
//!
//! Inside `${}` everything up to the matching brace belongs to the default or message, `:` included; defaults may hold
//! variables themselves; `$$` is a dollar; a dollar before anything else stays.

use std::borrow::Cow;

use super::model::{Interpolation, VariableState};

/// The deepest nesting of defaults within defaults.
const MAX_DEPTH: usize = 50;
/// How long, in bytes, a text may be before another variable is put into it: variables that name each other twice
/// double with each step.
const MAX_LENGTH: usize = 1024 * 1024;

/// Where values of variables come from.
pub(super) trait Lookup {
    fn lookup(&self, name: &str) -> Option<Cow<'_, str>>;
}

impl<F: Fn(&str) -> Option<String>> Lookup for F {
    fn lookup(&self, name: &str) -> Option<Cow<'_, str>> {
        self(name).map(Cow::Owned)
    }
}

/// Why a text cannot be substituted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A `${` that is no variable, or has no end.
    Invalid(String),
    /// `${NAME:?message}` without a value.
    Required { name: String, message: String },
    /// The values make the text longer than any program takes.
    Long,
}

/// A text after substitution, and what became of its variables.
#[derive(Debug)]
pub(super) struct Substituted {
    pub(super) text: String,
    pub(super) variables: Vec<(String, VariableState)>,
    /// What went wrong; its part of the text is left out.
    pub(super) faults: Vec<Fault>,
}

impl Substituted {
    pub(super) fn interpolation(&self, raw: &str) -> Option<Interpolation> {
        (!self.variables.is_empty()).then(|| Interpolation {
            raw: raw.to_owned(),
            variables: self.variables.clone(),
        })
    }
}

/// Substitutes the variables of a text; nothing when it has no dollar.
pub(super) fn substitute(text: &str, lookup: &dyn Lookup) -> Option<Substituted> {
    if !text.contains('$') {
        return None;
    }
    let mut out = Substituted {
        text: String::with_capacity(text.len()),
        variables: Vec::new(),
        faults: Vec::new(),
    };
    expand(text, lookup, &mut out, 0);
    Some(out)
}

fn expand(text: &str, lookup: &dyn Lookup, out: &mut Substituted, depth: usize) {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.text.push_str(&rest[..at]);
        if out.text.len() > MAX_LENGTH {
            if !out.faults.contains(&Fault::Long) {
                out.faults.push(Fault::Long);
            }
            return;
        }
        let after = &rest[at + 1..];
        rest = match after.as_bytes().first() {
            Some(b'$') => {
                out.text.push('$');
                &after[1..]
            }
            Some(b'{') => match braced(&after[1..]) {
                Some((inner, tail)) => {
                    variable(inner, lookup, out, depth);
                    tail
                }
                None => {
                    out.faults.push(Fault::Invalid(rest[at..].to_owned()));
                    return;
                }
            },
            Some(_) => {
                let length = name_length(after);
                if length == 0 {
                    out.text.push('$');
                } else {
                    plain(&after[..length], lookup, out);
                }
                &after[length..]
            }
            None => {
                out.text.push('$');
                ""
            }
        };
    }
    out.text.push_str(rest);
}

/// Splits what follows `${` at its closing brace; a line break ends the search.
fn braced(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut open = 1;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => return None,
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some((&text[..at], &text[at + 1..]));
                }
            }
            b'$' if bytes.get(at + 1) == Some(&b'{') => {
                open += 1;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn name_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(first) if first.is_ascii_alphabetic() || *first == b'_' => bytes
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count(),
        _ => 0,
    }
}

fn plain(name: &str, lookup: &dyn Lookup, out: &mut Substituted) {
    match lookup.lookup(name) {
        Some(value) => {
            out.text.push_str(&value);
            out.variables.push((name.to_owned(), VariableState::Set));
        }
        None => out.variables.push((name.to_owned(), VariableState::Unset)),
    }
}

fn variable(inner: &str, lookup: &dyn Lookup, out: &mut Substituted, depth: usize) {
    let length = name_length(inner);
    let (name, operation) = inner.split_at(length);
    let invalid = |out: &mut Substituted| out.faults.push(Fault::Invalid(format!("${{{inner}}}")));
    if length == 0 || depth > MAX_DEPTH {
        return invalid(out);
    }
    if operation.is_empty() {
        return plain(name, lookup, out);
    }
    let (or_empty, operation) = match operation.strip_prefix(':') {
        Some(operation) => (true, operation),
        None => (false, operation),
    };
    let Some(argument) = operation.get(1..) else {
        return invalid(out);
    };
    let value = lookup.lookup(name);
    let counts = value
        .as_ref()
        .is_some_and(|value| !(or_empty && value.is_empty()));
    match operation.as_bytes()[0] {
        b'-' => match value.filter(|_| counts) {
            Some(value) => {
                out.text.push_str(&value);
                out.variables.push((name.to_owned(), VariableState::Set));
                faults_of(argument, lookup, out, depth);
            }
            None => {
                out.variables.push((name.to_owned(), VariableState::Default));
                expand(argument, lookup, out, depth + 1);
            }
        },
        b'+' => {
            if counts {
                out.variables.push((name.to_owned(), VariableState::Set));
                expand(argument, lookup, out, depth + 1);
            } else {
                // Nothing in its place is what the text asks for.
                out.variables.push((name.to_owned(), VariableState::Default));
                faults_of(argument, lookup, out, depth);
            }
        }
        b'?' => match value.filter(|_| counts) {
            Some(value) => {
                out.text.push_str(&value);
                out.variables.push((name.to_owned(), VariableState::Set));
                faults_of(argument, lookup, out, depth);
            }
            None => {
                faults_of(argument, lookup, out, depth);
                out.variables.push((name.to_owned(), VariableState::Unset));
                // The message stands as it was written: what its own variables hold may be a secret.
                let message = argument.to_owned();
                out.faults.push(Fault::Required {
                    name: name.to_owned(),
                    message,
                });
            }
        },
        _ => invalid(out),
    }
}

/// Notes what is wrong with a part that is not used: Compose substitutes it all the same, and refuses the file for it.
fn faults_of(unused: &str, lookup: &dyn Lookup, out: &mut Substituted, depth: usize) {
    if !unused.contains('$') {
        return;
    }
    let mut aside = Substituted {
        text: String::new(),
        variables: Vec::new(),
        faults: Vec::new(),
    };
    expand(unused, lookup, &mut aside, depth + 1);
    out.faults.append(&mut aside.faults);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "A" => Some("a".into()),
            "EMPTY" => Some(String::new()),
            "U_1" => Some("u".into()),
            _ => None,
        }
    }

    fn done(text: &str) -> Substituted {
        substitute(text, &lookup).expect("a dollar")
    }

    #[test]
    fn every_form_of_a_variable() {
        for (text, expected) in [
            ("$A", "a"),
            ("${A}", "a"),
            ("$A$U_1!", "au!"),
            ("${NO:-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${NO-d}", "d"),
            ("${A:+x}", "x"),
            ("${EMPTY:+x}", ""),
            ("${EMPTY+x}", "x"),
            ("${NO+x}", ""),
            ("${A:?no}", "a"),
            ("${NO:-127.0.0.1:80}", "127.0.0.1:80"),
            ("${NO:-${NEITHER:-${A}}}b}", "ab}"),
            ("${NO:-{\"a\": 1}", "{\"a\": 1"),
            ("$$A $$ $1 $ ${A}", "$A $ $1 $ a"),
            ("$$$A", "$a"),
            ("$", "$"),
            ("${NO-x:-y}", "x:-y"),
            ("${NO:-x?y}", "x?y"),
            ("$NO.", "."),
        ] {
            let out = done(text);
            assert_eq!(out.text, expected, "{text}");
            assert!(out.faults.is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for text in [
            "${",
            "${}",
            "${1}",
            "${A",
            "${A:*x}",
            "${A B}",
            "${a.b}",
            "${NO:-x",
            "${NO:-${B}",
            "${A:}",
            "${NO:-a\nb}",
        ] {
            assert!(matches!(done(text).faults[..], [Fault::Invalid(_)]), "{text}");
        }
    }

    #[test]
    fn a_required_variable_brings_its_message() {
        let out = done("${NO:?set it, $A}");
        assert_eq!(
            out.faults,
            [Fault::Required {
                name: "NO".into(),
                message: "set it, $A".into()
            }]
        );
        assert!(matches!(done("${EMPTY:?}").faults[..], [Fault::Required { .. }]));
        assert!(done("${EMPTY?}").faults.is_empty());
    }

    #[test]
    fn a_part_that_is_not_used_is_refused_all_the_same() {
        for text in [
            "${A:-${NO:?no}}",
            "${A-${NO?no}}",
            "${NO:+${NOR:?no}}",
            "${NO+${NOR?no}}",
            "${A:?${NO:?no}}",
            "${A:-${NO:-${NOR:?no}}}",
            "${A:-${NO:+${NOR:?no}}}",
        ] {
            assert!(
                matches!(done(text).faults[..], [Fault::Required { .. }]),
                "{text}"
            );
        }
        for text in ["${A:-${1}}", "${NO:+${1}}", "${A:?${1}}"] {
            assert!(matches!(done(text).faults[..], [Fault::Invalid(_)]), "{text}");
        }
        for (text, expected) in [
            ("${A:-${NO}}", "a"),
            ("${A:-$}", "a"),
            ("${A:-$$}", "a"),
            ("${NO:+$A}", ""),
        ] {
            let out = done(text);
            assert_eq!(
                (out.text.as_str(), &out.faults[..], out.variables.len()),
                (expected, &[][..], 1),
                "{text}"
            );
        }
    }

    #[test]
    fn each_variable_tells_its_state() {
        let out = done("$A ${NO} ${NO:-x}");
        assert_eq!(
            out.variables,
            [
                ("A".into(), VariableState::Set),
                ("NO".into(), VariableState::Unset),
                ("NO".into(), VariableState::Default)
            ]
        );
    }

    #[test]
    fn a_text_does_not_grow_without_end() {
        let long = "x".repeat(MAX_LENGTH + 1);
        let lookup = |_: &str| Some(long.clone());
        let out = substitute("$A$A$A ${B:-$A$A}", &lookup).expect("a dollar");
        assert_eq!(
            (out.text.len(), &out.faults[..]),
            (long.len(), &[Fault::Long][..])
        );
        assert!(substitute("$A", &lookup).expect("a dollar").faults.is_empty());
    }

    #[test]
    fn nesting_has_an_end() {
        let text = format!("{}x{}", "${N:-".repeat(5000), "}".repeat(5000));
        assert!(!done(&text).faults.is_empty());
    }
}
