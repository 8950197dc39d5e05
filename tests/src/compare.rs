//! Comparing two JSON values: where they differ, and which kind of difference that is.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// One place at which two JSON values differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The keys and indexes that lead there.
    pub path: Vec<Step>,
    /// The value that was expected, absent where the key should not be there.
    pub expected: Option<Value>,
    /// The value that was found, absent where the key is missing.
    pub found: Option<Value>,
}

/// One step of a path into a JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// An element of a list.
    Index(usize),
}

/// The keys below which a Compose file's authors choose the names: one kind of difference for all of them.
const NAMED_BY_AUTHORS: &[&str] = &[
    "services",
    "networks",
    "volumes",
    "configs",
    "secrets",
    "models",
    "environment",
    "labels",
    "annotations",
    "depends_on",
    "args",
    "driver_opts",
    "options",
    "sysctls",
    "ulimits",
    "extra_hosts",
    "additional_contexts",
    "storage_opt",
];

impl Difference {
    /// Returns the kind of this difference: its path without the names that the file's author chose, and what is
    /// wrong there. Differences of one kind mostly have one cause.
    pub fn kind(&self) -> String {
        let mut path = String::new();
        let mut named = false;
        for step in &self.path {
            match step {
                Step::Index(_) => {
                    path.push_str("[]");
                    named = false;
                }
                Step::Key(_) if named => {
                    path.push_str(".*");
                    named = false;
                }
                Step::Key(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                    named = NAMED_BY_AUTHORS.contains(&key.as_str());
                }
            }
        }
        format!("{path}: {}", self.what())
    }

    fn what(&self) -> &'static str {
        match (&self.expected, &self.found) {
            (Some(_), None) => "missing",
            (None, _) => "unexpected",
            (Some(Value::Array(expected)), Some(Value::Array(found))) if expected.len() != found.len() => {
                "different length"
            }
            (Some(expected), Some(found)) if kind_of(expected) != kind_of(found) => "different type",
            _ => "different value",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.path.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if key.contains(['.', ' ', '[']) => write!(f, "[{key:?}]")?,
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        write!(
            f,
            ": expected {}, found {}",
            shown(self.expected.as_ref()),
            shown(self.found.as_ref())
        )
    }
}

/// Returns every difference between two values, in the order of the expected one. Objects are compared as objects,
/// numbers as numbers (`1` is `1.0`), and lists of different length as a whole.
pub fn differences(expected: &Value, found: &Value) -> Vec<Difference> {
    let mut all = Vec::new();
    collect(&mut Vec::new(), expected, found, &mut all);
    all
}

fn collect(path: &mut Vec<Step>, expected: &Value, found: &Value, all: &mut Vec<Difference>) {
    match (expected, found) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                path.push(Step::Key(key.clone()));
                match (left.get(key), right.get(key)) {
                    (Some(left), Some(right)) => collect(path, left, right, all),
                    (left, right) => all.push(Difference {
                        path: path.clone(),
                        expected: left.cloned(),
                        found: right.cloned(),
                    }),
                }
                path.pop();
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                path.push(Step::Index(index));
                collect(path, left, right, all);
                path.pop();
            }
        }
        (left, right) if same(left, right) => {}
        (left, right) => all.push(Difference {
            path: path.clone(),
            expected: Some(left.clone()),
            found: Some(right.clone()),
        }),
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right
                || (left.is_f64() || right.is_f64())
                    && left.as_f64().is_some()
                    && left.as_f64() == right.as_f64()
        }
        _ => left == right,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_do_not_differ() {
        let value = json!({"a": [1, {"b": null}], "c": "d"});
        assert_eq!(differences(&value, &value), []);
        assert_eq!(differences(&json!(1), &json!(1.0)), []);
    }

    #[test]
    fn each_difference_has_its_place() {
        let expected = json!({"services": {"web": {"ports": [{"target": 80}], "image": "nginx", "gone": 1}}});
        let found = json!({"services": {"web": {"ports": [{"target": "80"}], "image": "caddy", "new": 1}}});
        let shown: Vec<String> = differences(&expected, &found)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            shown,
            [
                "services.web.gone: expected 1, found nothing",
                "services.web.image: expected \"nginx\", found \"caddy\"",
                "services.web.new: expected nothing, found 1",
                "services.web.ports[0].target: expected 80, found \"80\"",
            ]
        );
    }

    #[test]
    fn a_kind_leaves_out_what_authors_name() {
        let expected =
            json!({"services": {"web": {"environment": {"A": "1"}, "volumes": [{"type": "bind"}]}}});
        let found = json!({"services": {"web": {"environment": {"A": 1}, "volumes": []}}});
        let kinds: Vec<String> = differences(&expected, &found)
            .iter()
            .map(Difference::kind)
            .collect();
        assert_eq!(
            kinds,
            [
                "services.*.environment.*: different type",
                "services.*.volumes: different length"
            ]
        );
    }

    #[test]
    fn null_and_absent_are_not_the_same() {
        let all = differences(&json!({"a": null}), &json!({}));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].kind(), "a: missing");
    }
}
