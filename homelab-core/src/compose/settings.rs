//! The YAML settings of other programs, which Compose files mount: read as Go's reader does, like Compose files.

use super::node::{Node, Value};
use super::yaml;
use crate::span::{Source, Span};

/// A value of such a file: its dotted path in small letters, its text, and where both are written.
pub(crate) type Setting = (String, String, Span);

/// Returns every value of a file; a mapping and what is empty have an empty one, and items of a list the list's path.
/// Nothing where the file is broken or has several documents: what it says is not known then.
pub(crate) fn settings(source: &Source) -> Option<Vec<Setting>> {
    let reading = yaml::read(source);
    if reading.broken.is_some() || !reading.faults.is_empty() || reading.documents.len() > 1 {
        return None;
    }
    let mut found = Vec::new();
    if let Some(document) = reading.documents.first() {
        if !matches!(document.root.value, Value::Map(_) | Value::Null) {
            return None;
        }
        walk(&document.root, "", source, &mut found);
    }
    Some(found)
}

/// Returns whether a text has services at its top, of which at least one has an image or is built; nothing where it is not
/// YAML. What has none of these words is not read.
pub(crate) fn declares_services(text: &str) -> Option<bool> {
    let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    if !has("services") || !(has("image") || has("build")) {
        return Some(false);
    }
    let reading = yaml::read(&Source::new("", text));
    if reading.broken.is_some() {
        return None;
    }
    let runs = |node: &Node| {
        let service = node.as_map();
        service.is_some_and(|service| service.contains_key("image") || service.contains_key("build"))
    };
    Some(reading.documents.iter().any(|document| {
        let services = document
            .root
            .as_map()
            .and_then(|root| root.get("services")?.as_map());
        services.is_some_and(|services| services.values().any(runs))
    }))
}

fn walk(node: &Node, path: &str, source: &Source, found: &mut Vec<Setting>) {
    let place = || match &node.key {
        Some(key) if key.source() == source && node.span.source() == source => {
            Span::new(source, key.start(), node.span.end().max(key.end()))
        }
        _ => node.span.clone(),
    };
    match &node.value {
        Value::Map(map) => {
            if !path.is_empty() {
                let place = node.key.clone().unwrap_or_else(|| node.span.clone());
                found.push((path.to_owned(), String::new(), place));
            }
            for (key, inner) in map {
                let key = key.to_ascii_lowercase();
                let path = if path.is_empty() {
                    key
                } else {
                    format!("{path}.{key}")
                };
                walk(inner, &path, source, found);
            }
        }
        Value::List(items) => {
            if items.is_empty() {
                found.push((path.to_owned(), String::new(), place()));
            }
            for item in items {
                walk(item, path, source, found);
            }
        }
        _ => found.push((path.to_owned(), node.scalar_text().unwrap_or_default(), place())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(String, String)>> {
        let found = settings(&Source::new("traefik.yml", text))?;
        Some(found.into_iter().map(|(key, value, _)| (key, value)).collect())
    }

    #[test]
    fn a_value_has_one_path_however_it_is_written() {
        let expected = [
            ("entrypoints", ""),
            ("entrypoints.web", ""),
            ("entrypoints.web.address", ":80"),
            ("providers", ""),
            ("providers.docker", ""),
            ("list", "a"),
            ("list", ""),
            ("list.url", "b"),
            ("insecure", "true"),
        ];
        let expected: Vec<(String, String)> = expected
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let block = "# top\nentryPoints:\n  web:\n    address: \":80\" # all\nproviders:\n  docker:\nlist:\n- a\n- url: b\n\
            insecure: true\n";
        let flow = "{entryPoints: {web: {address: ':80'}}, providers: {docker: {}}, list: [a, {url: b}], insecure: true}";
        let json = "{\"entryPoints\":{\"web\":{\"address\":\":80\"}},\"providers\":{\"docker\":{}},\"list\":[\"a\",\
            {\"url\":\"b\"}],\"insecure\":true}";
        for text in [
            block,
            flow,
            json,
            &format!("\u{feff}{block}"),
            &format!("---\n{block}"),
        ] {
            assert_eq!(read(text).as_ref(), Some(&expected), "{text}");
        }
        assert_eq!(read("# nothing\n"), Some(Vec::new()));
    }

    #[test]
    fn a_file_that_is_not_understood_has_no_settings() {
        for text in [
            "http: [",
            "- a\n- b\n",
            "word",
            "a: 1\n---\nb: 2\n",
            "a: 1\na: 2\n",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_setting_is_shown_with_its_key() {
        let found = settings(&Source::new("f", "a:\n  b: c\n")).expect("settings");
        let lines: Vec<(u32, u32)> = found
            .iter()
            .map(|(.., place)| (place.line(), place.column()))
            .collect();
        assert_eq!(lines, [(1, 1), (2, 3)]);
    }
}
