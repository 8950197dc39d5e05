use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::lab::{Audience, HostKind, Instance, MitigationKind, Pattern, RepositoryKind};
use crate::span::Source;
use crate::tailnet::Role;

fn schemas() -> [(&'static str, Value); 2] {
    [
        ("lab", pattern_schema().to_value()),
        ("instance", instance_schema().to_value()),
    ]
}

/// Returns what is wrong in a TOML text, as the reader of that file sees it.
fn read(file: &str, text: &str) -> Vec<crate::Finding> {
    let source = Source::new(format!("{file}.toml"), text);
    if file == "lab" {
        Pattern::read(&source).1
    } else {
        Instance::read(&source).1
    }
}

/// A part of a schema with its references followed; of several alternatives those that are no `null`.
fn parts<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    // What another file says is held by that file's own tests.
    if let Some(reference) = schema
        .get("$ref")
        .and_then(Value::as_str)
        .filter(|text| text.starts_with('#'))
    {
        let target = root
            .pointer(reference.trim_start_matches('#'))
            .expect("a reference leads somewhere");
        return parts(root, target);
    }
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(several) => several.iter().flat_map(|one| parts(root, one)).collect(),
        None => vec![schema],
    }
}

/// Whether a value is valid, by as much of JSON Schema as these two use.
fn valid(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let several = parts(root, schema);
    if several.len() > 1 {
        let errors: Vec<String> = several
            .iter()
            .filter_map(|one| valid(root, one, value).err())
            .collect();
        return if errors.len() < several.len() {
            Ok(())
        } else {
            Err(errors.join("; "))
        };
    }
    let schema = several[0];
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    if !kinds.is_empty() && !kinds.contains(&kind) {
        return Err(format!("{value} is no {kinds:?}"));
    }
    let words: Vec<&Value> = match (&schema["enum"], &schema["oneOf"], &schema["const"]) {
        (Value::Array(words), ..) => words.iter().collect(),
        (_, Value::Array(several), _) => several.iter().map(|one| &one["const"]).collect(),
        (_, _, Value::Null) => vec![],
        (_, _, one) => vec![one],
    };
    if !words.is_empty() && !words.contains(&value) {
        return Err(format!("{value} is none of {words:?}"));
    }
    if let (Some(number), Some(least)) = (value.as_f64(), schema["minimum"].as_f64()) {
        let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
        if number < least || number > most {
            return Err(format!("{value} is out of bounds"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        valid(root, &schema["items"], item)?;
    }
    for key in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if value.get(key).is_none() {
            return Err(format!("`{key}` is missing"));
        }
    }
    for (key, item) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(own), _) => valid(root, own, item)?,
            (None, Value::Bool(false)) => return Err(format!("`{key}` is not known")),
            (None, Value::Object(_)) => valid(root, &schema["additionalProperties"], item)?,
            _ => {}
        }
    }
    Ok(())
}

pub(crate) fn is_valid(file: &str, text: &str) -> Result<(), String> {
    let (_, schema) = schemas()
        .into_iter()
        .find(|(name, _)| *name == file)
        .expect("one of the two");
    let value: toml::Value = toml::from_str(text).map_err(|error| error.to_string())?;
    valid(&schema, &schema, &plain(value))
}

/// TOML as JSON, a date as its text.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(when) => json!(when.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, value)| (key, plain(value)))
                .collect(),
        ),
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(on) => json!(on),
    }
}

#[test]
fn the_catalogs_records_are_described_where_this_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/system.schema.json");
    let text = std::fs::read_to_string(path).expect("the catalog's schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(schema.pointer("/$defs/System/type"), Some(&json!("object")));
    let (_, lab) = schemas().into_iter().next().expect("two of them");
    let reference = lab.pointer("/properties/systems/additionalProperties/$ref");
    assert_eq!(reference, Some(&json!("system.schema.json#/$defs/System")));
}

#[test]
fn the_committed_schemas_are_current() {
    for (name, schema) in schemas() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../schemas/{name}.schema.json"));
        let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        if std::env::var_os("HOMELAB_UPDATE").is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, &text).expect("to write the schema");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        // Compared without printing both: they are long.
        assert!(
            committed == text,
            "`{}` is not current: run this test with HOMELAB_UPDATE=1",
            path.display()
        );
    }
}

/// Goes through the tables that a schema describes, each by a text that opens it.
fn tables<'a>(root: &'a Value, schema: &'a Value, key: &str, found: &mut Vec<(String, BTreeSet<&'a str>)>) {
    for part in parts(root, schema) {
        if let Some(properties) = part.get("properties").and_then(Value::as_object) {
            found.push((key.to_owned(), properties.keys().map(String::as_str).collect()));
            for (name, inner) in properties {
                // The catalog's own records are read by their own types.
                if name != "systems" {
                    tables(root, inner, &format!("{key}.{name}"), found);
                }
            }
        }
        if part["additionalProperties"].is_object() {
            tables(root, &part["additionalProperties"], &format!("{key}.name"), found);
        }
        if part["items"].is_object() {
            tables(root, &part["items"], &format!("{key}[]"), found);
        }
    }
}

/// Writes a text with a key in one table: `a.name.b[]` is an item of the list `b`.
fn text_with(table: &str, line: &str) -> String {
    let path = table.trim_start_matches('.');
    match (path, path.strip_suffix("[]")) {
        ("", _) => format!("{line}\n"),
        (_, Some(list)) => format!("[[{list}]]\n{line}\n"),
        (path, None) => format!("[{path}]\n{line}\n"),
    }
}

#[test]
fn the_reader_knows_the_keys_of_the_schema_and_no_others() {
    for (file, schema) in schemas() {
        let mut found = Vec::new();
        tables(&schema, &schema, "", &mut found);
        assert!(found.len() >= 5, "{found:?}");
        for (table, keys) in found {
            let findings = read(file, &text_with(&table, "zzzzzzzzzz = 1"));
            let unknown = findings
                .iter()
                .find(|finding| finding.rule().id == "lab.unknown-key");
            let unknown = unknown.unwrap_or_else(|| panic!("{file} {table}: {findings:?}"));
            let listed: BTreeSet<&str> = unknown.fix().split('`').skip(1).step_by(2).collect();
            assert_eq!(listed, keys, "{file} {table}");
        }
    }
}

#[test]
fn what_the_schema_refuses_the_reader_refuses_too() {
    for (file, schema) in schemas() {
        let mut found = Vec::new();
        tables(&schema, &schema, "", &mut found);
        for (table, keys) in found {
            for key in keys {
                // A point in time fits nowhere in these files.
                let text = text_with(&table, &format!("{key} = 1979-05-27T07:32:00Z"));
                let refused = read(file, &text).iter().any(|finding| {
                    finding.message().contains("expected") || finding.message().contains("is not")
                });
                assert!(refused, "{file} {table} {key}");
            }
        }
    }
}

#[test]
fn the_words_are_the_same() {
    let (lab, instance) = (pattern_schema().to_value(), instance_schema().to_value());
    let words = |schema: &Value, name: &str| -> Vec<String> {
        let words = &schema["$defs"][name];
        let list = words["enum"]
            .as_array()
            .or_else(|| words["oneOf"].as_array())
            .expect("words");
        let text = |one: &Value| one.as_str().or_else(|| one["const"].as_str()).map(str::to_owned);
        list.iter().filter_map(text).collect()
    };
    assert_eq!(words(&lab, "AudienceWord"), Audience::WORDS);
    assert_eq!(words(&lab, "MitigationWord"), MitigationKind::WORDS);
    assert_eq!(words(&instance, "HostKindWord"), HostKind::WORDS);
    assert_eq!(words(&instance, "RepositoryKindWord"), RepositoryKind::WORDS);
    assert_eq!(
        words(&instance, "TailnetRoleWord"),
        Role::ALL.map(Role::as_str).to_vec()
    );
    let reach: Vec<_> = crate::Reach::ALL
        .iter()
        .map(|reach| reach.as_str().to_owned())
        .collect();
    assert_eq!(words(&lab, "ReachWord"), reach);
    assert_eq!(
        words(&lab, "ClassWord"),
        ["irreplaceable", "important", "reproducible"]
    );
}

#[test]
fn good_files_are_valid_and_bad_ones_are_not() {
    let good = include_str!("../fixtures/lab.toml");
    assert_eq!(is_valid("lab", good), Ok(()));
    assert_eq!(
        is_valid("instance", include_str!("../fixtures/instance.toml")),
        Ok(())
    );
    for bad in [
        "audience = 'x'",
        "polcy = {}",
        "[policy]\nreach = 1",
        "[[exceptions]]\nservice = 'a'",
        "[strata]\na = 6",
        "[rules]\na = 1",
    ] {
        assert!(is_valid("lab", bad).is_err(), "{bad}");
    }
    assert!(is_valid("instance", "[hosts.a]\nforwards = [{ port = 0 }]").is_err());
}
