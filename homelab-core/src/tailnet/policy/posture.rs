//! Postures: what has to be true of a device before a rule is for it.

use std::cmp::Ordering;

use crate::tailnet::device::{Attribute, Device};

/// What can be said of a condition on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tailnet) enum Truth {
    No,
    /// The attribute is not among those that are known, which is not the same as not being set.
    Unknown,
    Yes,
}

/// Assertions, all of which have to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::tailnet) struct Posture(Vec<Assertion>);

#[derive(Clone, Debug, PartialEq)]
struct Assertion {
    attribute: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Set(bool),
    Among(bool, Vec<Attribute>),
    Compare(Comparison, Attribute),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Posture {
    /// Adds an assertion: `node:os == 'macos'`, `custom:tier IN ['a', 'b']`, `node:tsVersion >= '1.40'`, `x IS SET`.
    ///
    /// # Errors
    /// What it should look like.
    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        let wrong = || format!("invalid assertion \"{text}\"");
        let text_trimmed = text.trim();
        let (attribute, rest) = text_trimmed.split_once(char::is_whitespace).ok_or_else(wrong)?;
        let rest = rest.trim();
        let upper = rest.to_ascii_uppercase();
        let test = if upper == "IS SET" {
            Test::Set(true)
        } else if upper == "NOT SET" || upper == "IS NOT SET" {
            Test::Set(false)
        } else if let Some(list) = after_word(rest, &upper, "NOT IN") {
            Test::Among(false, values(list).ok_or_else(wrong)?)
        } else if let Some(list) = after_word(rest, &upper, "IN") {
            Test::Among(true, values(list).ok_or_else(wrong)?)
        } else {
            let operators = [
                ("==", Comparison::Equal),
                ("!=", Comparison::Unequal),
                ("<=", Comparison::LessOrEqual),
                (">=", Comparison::GreaterOrEqual),
                ("<", Comparison::Less),
                (">", Comparison::Greater),
            ];
            let found = operators
                .iter()
                .find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?)));
            let (operator, operand) = found.ok_or_else(wrong)?;
            Test::Compare(operator, value(operand.trim()).ok_or_else(wrong)?)
        };
        self.0.push(Assertion {
            attribute: attribute.to_owned(),
            test,
        });
        Ok(())
    }

    /// Returns whether all assertions hold for a device.
    pub(in crate::tailnet) fn holds(&self, device: &Device) -> Truth {
        self.judge(&|name| device.attribute(name))
    }

    /// Returns whether all assertions hold for these attributes, of which an absent one is not known.
    pub(in crate::tailnet) fn judge(&self, attribute: &dyn Fn(&str) -> Option<Attribute>) -> Truth {
        let of = |assertion: &Assertion| match attribute(&assertion.attribute) {
            None => Truth::Unknown,
            Some(found) if assertion.holds(&found) => Truth::Yes,
            Some(_) => Truth::No,
        };
        self.0.iter().map(of).min().unwrap_or(Truth::Yes)
    }
}

impl Posture {
    /// Returns whether all assertions hold where these attributes are all that are set: of one that is not, `NOT SET` is
    /// all that holds.
    pub(in crate::tailnet) fn judge_given(&self, attribute: &dyn Fn(&str) -> Option<Attribute>) -> bool {
        self.0
            .iter()
            .all(|assertion| match attribute(&assertion.attribute) {
                Some(found) => assertion.holds(&found),
                None => assertion.test == Test::Set(false),
            })
    }
}

impl Assertion {
    fn holds(&self, found: &Attribute) -> bool {
        match &self.test {
            Test::Set(wanted) => *wanted,
            Test::Among(wanted, list) => {
                list.iter().any(|one| order(found, one) == Some(Ordering::Equal)) == *wanted
            }
            Test::Compare(operator, operand) => {
                let order = order(found, operand);
                match operator {
                    Comparison::Equal => order == Some(Ordering::Equal),
                    Comparison::Unequal => order != Some(Ordering::Equal),
                    Comparison::Less => order == Some(Ordering::Less),
                    Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                    Comparison::Greater => order == Some(Ordering::Greater),
                    Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
                }
            }
        }
    }
}

/// Compares numbers as numbers, versions by their parts, and other texts only for being the same.
fn order(left: &Attribute, right: &Attribute) -> Option<Ordering> {
    match (left, right) {
        (Attribute::Number(left), Attribute::Number(right)) => left.partial_cmp(right),
        (Attribute::Bool(left), Attribute::Bool(right)) => (left == right).then_some(Ordering::Equal),
        (Attribute::Text(left), Attribute::Text(right)) if left == right => Some(Ordering::Equal),
        (Attribute::Text(left), Attribute::Text(right)) => Some(version(left)?.cmp(&version(right)?)),
        _ => None,
    }
}

/// Returns the parts of a version: `1.102.3-t1a2b` is 1, 102, 3.
fn version(text: &str) -> Option<Vec<u64>> {
    let core = text.split(['-', '+', ' ']).next()?;
    let mut parts: Vec<u64> = core
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    while parts.last() == Some(&0) {
        parts.pop();
    }
    Some(parts)
}

fn after_word<'a>(text: &'a str, upper: &str, word: &str) -> Option<&'a str> {
    let rest = upper.strip_prefix(word)?;
    rest.starts_with([' ', '\t', '['])
        .then(|| text[word.len()..].trim())
}

fn values(text: &str) -> Option<Vec<Attribute>> {
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    inside.split(',').map(|one| value(one.trim())).collect()
}

fn value(text: &str) -> Option<Attribute> {
    if let Some(quoted) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Some(Attribute::Text(quoted.to_owned()));
    }
    match text {
        "true" => Some(Attribute::Bool(true)),
        "false" => Some(Attribute::Bool(false)),
        number => number
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .map(Attribute::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str, attributes: &[(&str, Attribute)]) -> Truth {
        let mut posture = Posture::default();
        posture.add(text).expect("an assertion");
        posture.judge(&|name| {
            attributes
                .iter()
                .find(|(own, _)| *own == name)
                .map(|(_, value)| value.clone())
        })
    }

    #[test]
    fn an_assertion_holds_or_not_and_an_unknown_attribute_says_neither() {
        let text = |value: &str| Attribute::Text(value.to_owned());
        let all = [
            ("node:os", text("macos")),
            ("node:tsVersion", text("1.102.3-t1")),
            ("custom:score", Attribute::Number(7.0)),
            ("custom:managed", Attribute::Bool(true)),
        ];
        let held = [
            "node:os == 'macos'",
            "node:os != 'linux'",
            "node:os IN ['linux', 'macos']",
            "node:os NOT IN ['linux']",
            "node:tsVersion >= '1.40'",
            "node:tsVersion < '1.103'",
            "custom:score > 6",
            "custom:managed == true",
            "node:os IS SET",
        ];
        for assertion in held {
            assert_eq!(judge(assertion, &all), Truth::Yes, "{assertion}");
            assert_eq!(judge(assertion, &[]), Truth::Unknown, "{assertion}");
        }
        for assertion in [
            "node:os == 'linux'",
            "node:os NOT SET",
            "custom:score <= 6.5",
            "node:os IN ['linux']",
            "node:os < 'z'",
        ] {
            assert_eq!(judge(assertion, &all), Truth::No, "{assertion}");
        }
        let mut posture = Posture::default();
        for wrong in [
            "",
            "node:os",
            "node:os ~ 'x'",
            "node:os == macos",
            "node:os IN 'x'",
        ] {
            assert!(posture.add(wrong).is_err(), "`{wrong}` is accepted");
        }
    }
}
