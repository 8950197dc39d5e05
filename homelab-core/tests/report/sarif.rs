//! What SARIF 2.1.0 asks of the objects that a report makes: their keys, their types and what refers to what.
//!
//! `tests/sarif.mjs` holds the same files against the published schema where that is installed; this needs nothing.

use std::collections::HashSet;

use serde_json::Value;

/// The kinds of values that the objects hold.
enum Is {
    Text,
    Flag,
    /// An integer of at least this.
    Number(u64),
    OneOf(&'static [&'static str]),
    Object(&'static [Key]),
    List(&'static Is),
    /// An object whose keys are free, all of whose values are of this kind.
    Map(&'static Is),
    Anything,
}

/// A key of an object, what it holds, and whether it has to be there.
struct Key(&'static str, Is, bool);

const MESSAGE: Is = Is::Object(&[Key("text", Is::Text, true), Key("markdown", Is::Text, false)]);
const LEVEL: Is = Is::OneOf(&["none", "note", "warning", "error"]);
const PHYSICAL: Is = Is::Object(&[
    Key(
        "artifactLocation",
        Is::Object(&[Key("uri", Is::Text, true), Key("uriBaseId", Is::Text, false)]),
        true,
    ),
    Key(
        "region",
        Is::Object(&[
            Key("startLine", Is::Number(1), true),
            Key("startColumn", Is::Number(1), false),
            Key("endLine", Is::Number(1), false),
            Key("endColumn", Is::Number(1), false),
        ]),
        false,
    ),
]);
const LOCATION: Is = Is::Object(&[
    Key("id", Is::Number(0), false),
    Key("message", MESSAGE, false),
    Key("physicalLocation", PHYSICAL, false),
    Key(
        "logicalLocations",
        Is::List(&Is::Object(&[
            Key("name", Is::Text, false),
            Key("fullyQualifiedName", Is::Text, false),
            Key("kind", Is::Text, false),
        ])),
        false,
    ),
]);
const RULE: Is = Is::Object(&[
    Key("id", Is::Text, true),
    Key("shortDescription", MESSAGE, true),
    Key("fullDescription", MESSAGE, true),
    Key("help", MESSAGE, true),
    Key(
        "defaultConfiguration",
        Is::Object(&[Key("level", LEVEL, false), Key("enabled", Is::Flag, false)]),
        true,
    ),
    Key("properties", Is::Map(&Is::Anything), false),
]);
const RESULT: Is = Is::Object(&[
    Key("ruleId", Is::Text, true),
    Key("ruleIndex", Is::Number(0), true),
    Key("level", LEVEL, true),
    Key("message", MESSAGE, true),
    Key("locations", Is::List(&LOCATION), false),
    Key("relatedLocations", Is::List(&LOCATION), false),
    Key("partialFingerprints", Is::Map(&Is::Text), true),
    Key(
        "suppressions",
        Is::List(&Is::Object(&[
            Key("kind", Is::OneOf(&["inSource", "external"]), true),
            Key(
                "status",
                Is::OneOf(&["accepted", "underReview", "rejected"]),
                false,
            ),
            Key("justification", Is::Text, true),
            Key("properties", Is::Map(&Is::Anything), false),
        ])),
        false,
    ),
    Key("properties", Is::Map(&Is::Anything), false),
]);
const RUN: Is = Is::Object(&[
    Key(
        "tool",
        Is::Object(&[Key(
            "driver",
            Is::Object(&[
                Key("name", Is::Text, true),
                Key("version", Is::Text, false),
                Key("semanticVersion", Is::Text, false),
                Key("rules", Is::List(&RULE), false),
            ]),
            true,
        )]),
        true,
    ),
    Key(
        "invocations",
        Is::List(&Is::Object(&[
            Key("executionSuccessful", Is::Flag, true),
            Key("endTimeUtc", Is::Text, false),
        ])),
        false,
    ),
    Key(
        "columnKind",
        Is::OneOf(&["utf16CodeUnits", "unicodeCodePoints"]),
        false,
    ),
    Key(
        "originalUriBaseIds",
        Is::Map(&Is::Object(&[Key("description", MESSAGE, false)])),
        false,
    ),
    Key("results", Is::List(&RESULT), true),
]);
const LOG: Is = Is::Object(&[
    Key("$schema", Is::Text, false),
    Key("version", Is::OneOf(&["2.1.0"]), true),
    Key("runs", Is::List(&RUN), true),
]);

/// Returns what is wrong with a log, each with its place.
pub(crate) fn faults(log: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(&LOG, log, "log", &mut faults);
    for run in log["runs"].as_array().into_iter().flatten() {
        references(run, &mut faults);
    }
    faults
}

fn check(is: &Is, value: &Value, at: &str, faults: &mut Vec<String>) {
    let right = match is {
        Is::Text => value.is_string(),
        Is::Flag => value.is_boolean(),
        Is::Number(least) => value.as_u64().is_some_and(|number| number >= *least),
        Is::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Is::Object(_) | Is::Map(_) => value.is_object(),
        Is::List(_) => value.is_array(),
        Is::Anything => true,
    };
    if !right {
        faults.push(format!("{at}: {value}"));
    }
    match is {
        Is::Object(keys) => {
            let object = value.as_object().into_iter().flatten();
            for (name, _) in object.filter(|(name, _)| !keys.iter().any(|key| key.0 == *name)) {
                faults.push(format!("{at}: there is no key `{name}`"));
            }
            for Key(name, is, needed) in *keys {
                match value.get(name) {
                    Some(value) => check(is, value, &format!("{at}.{name}"), faults),
                    None if *needed => faults.push(format!("{at}: `{name}` is missing")),
                    None => {}
                }
            }
        }
        Is::Map(is) => {
            for (name, value) in value.as_object().into_iter().flatten() {
                check(is, value, &format!("{at}.{name}"), faults);
            }
        }
        Is::List(is) => {
            for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                check(is, value, &format!("{at}[{index}]"), faults);
            }
        }
        _ => {}
    }
}

/// Checks what a schema cannot say: rules are named once and found where results say, regions do not end before they
/// begin, addresses are relative and encoded, their bases declared.
fn references(run: &Value, faults: &mut Vec<String>) {
    let rules: Vec<&Value> = run["tool"]["driver"]["rules"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let ids: HashSet<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
    if ids.len() != rules.len() {
        faults.push("a rule is listed twice".to_owned());
    }
    for result in run["results"].as_array().into_iter().flatten() {
        let rule = result["ruleIndex"]
            .as_u64()
            .and_then(|index| rules.get(index as usize));
        if rule.is_none_or(|rule| rule["id"] != result["ruleId"]) {
            faults.push(format!("{}: its index is another rule", result["ruleId"]));
        }
        let locations = [&result["locations"], &result["relatedLocations"]];
        let locations = locations.into_iter().filter_map(Value::as_array).flatten();
        for place in locations.filter_map(|location| location.get("physicalLocation")) {
            let uri = place["artifactLocation"]["uri"].as_str().unwrap_or_default();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
            if uri.is_empty() || uri.starts_with('/') || !uri.chars().all(plain) {
                faults.push(format!("`{uri}` is no relative address"));
            }
            let base = place["artifactLocation"]["uriBaseId"]
                .as_str()
                .unwrap_or_default();
            if run["originalUriBaseIds"].get(base).is_none() {
                faults.push(format!("the base `{base}` is not declared"));
            }
            let region = &place["region"];
            let point = |line: &str, column: &str| (region[line].as_u64(), region[column].as_u64());
            if point("endLine", "endColumn") < point("startLine", "startColumn") {
                faults.push(format!("{region} ends before it begins"));
            }
        }
    }
}
