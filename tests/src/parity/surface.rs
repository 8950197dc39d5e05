//! What of the core is public in its modules, beside what its root names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A public name in a module of the core.
pub(super) struct Item {
    /// The module and the name: `tailnet::local::LocalApi`.
    pub(super) path: String,
    /// Whether it is a function, and not a type, a trait, a constant or a module.
    pub(super) function: bool,
}

impl Item {
    /// Returns the name alone.
    pub(super) fn name(&self) -> &str {
        self.path
            .rsplit_once("::")
            .map_or(self.path.as_str(), |(_, name)| name)
    }
}

/// Returns the public names in all public modules of a crate, but those that its root makes public out of them.
pub(super) fn items(sources: &Path, root: &str) -> Result<Vec<Item>, String> {
    let mut found = Vec::new();
    for module in declared(root).into_iter().filter(|item| item.module) {
        read(sources, &module.name, &mut found)?;
    }
    let named: BTreeSet<String> = uses(root)
        .into_iter()
        .map(|(path, name)| format!("{}::{name}", path.split("::").next().unwrap_or_default()))
        .collect();
    found.retain(|item| !named.contains(&item.path));
    Ok(found)
}

fn read(sources: &Path, module: &str, found: &mut Vec<Item>) -> Result<(), String> {
    let file = sources.join(format!("{}.rs", module.replace("::", "/")));
    let text =
        fs::read_to_string(&file).map_err(|error| format!("failed to read `{}`: {error}", file.display()))?;
    for item in declared(&text) {
        let path = format!("{module}::{}", item.name);
        match item {
            Declared {
                module: true,
                inline: false,
                ..
            } => read(sources, &path, found)?,
            Declared { function, .. } => found.push(Item { path, function }),
        }
    }
    for (_, name) in uses(&text) {
        found.push(Item {
            function: name.starts_with(|first: char| first.is_lowercase()),
            path: format!("{module}::{name}"),
        });
    }
    Ok(())
}

struct Declared {
    name: String,
    function: bool,
    module: bool,
    /// Whether a module's content stands between braces, and not in a file.
    inline: bool,
}

/// Returns what a source declares as public at its outermost level.
fn declared(source: &str) -> Vec<Declared> {
    let item = |line: &str| {
        let mut words = line.strip_prefix("pub ")?.split(' ');
        let mut kind = words.next()?;
        let mut rest = words.next()?;
        if matches!(kind, "const" | "async") && rest == "fn" {
            (kind, rest) = ("fn", words.next()?);
        }
        if !matches!(
            kind,
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "mod"
        ) {
            return None;
        }
        let name = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        Some(Declared {
            name: name
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect(),
            function: kind == "fn",
            module: kind == "mod",
            inline: line.ends_with('{'),
        })
    };
    source.lines().filter_map(item).collect()
}

/// Returns the path and the name of everything that a source makes public out of its modules.
pub(super) fn uses(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for statement in source.split("\npub use ").skip(1) {
        let statement = statement.split(';').next().unwrap_or_default();
        let statement = statement.trim_start_matches("self::");
        let (path, list) = match statement.split_once('{') {
            Some((path, list)) => (path, list.trim_end().trim_end_matches('}')),
            None => statement.rsplit_once("::").unwrap_or(("", statement)),
        };
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let name = name.rsplit(' ').next().unwrap_or(name);
            found.push((path.trim_end_matches("::").to_owned(), name.to_owned()));
        }
    }
    found
}

/// Returns the paths that a key of docs/parity.toml stands for: `lab::{Host, Person}` for two, `engine::*` for itself.
pub(super) fn expanded(key: &str) -> Vec<String> {
    let Some((module, list)) = key.split_once('{') else {
        return vec![key.to_owned()];
    };
    let names = list.trim_end_matches('}').split(',');
    names.map(|name| format!("{module}{}", name.trim())).collect()
}

/// Returns whether a path of [`expanded`] stands for an item: for it alone, or `engine::*` for all in the module.
pub(super) fn covers(path: &str, item: &Item) -> bool {
    match path.strip_suffix('*') {
        Some(module) => item.path.starts_with(module),
        None => item.path == path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_is_found() {
        let source = "//! Text.\npub mod a;\npub(crate) mod b;\npub mod c {\n    pub fn inner() {}\n}\npub use self::d::{E,\n    F};\n\
                      pub use g::h as i;\npub const fn j() {}\npub struct K<T>(T);\nfn l() {}\npub const M: u8 = 0;\npub async fn n() {}\n";
        let names: Vec<_> = declared(source)
            .into_iter()
            .map(|item| (item.name, item.function, item.module, item.inline))
            .collect();
        let item = |name: &str, function, module, inline| (name.to_owned(), function, module, inline);
        assert_eq!(
            names,
            [
                item("a", false, true, false),
                item("c", false, true, true),
                item("j", true, false, false),
                item("K", false, false, false),
                item("M", false, false, false),
                item("n", true, false, false),
            ]
        );
        let used = uses(source);
        let used: Vec<_> = used
            .iter()
            .map(|(path, name)| (path.as_str(), name.as_str()))
            .collect();
        assert_eq!(used, [("d", "E"), ("d", "F"), ("g", "i")]);
    }

    #[test]
    fn a_key_stands_for_one_several_or_all() {
        let item = |path: &str| Item {
            path: path.to_owned(),
            function: false,
        };
        assert_eq!(expanded("lab::{Host, Person}"), ["lab::Host", "lab::Person"]);
        assert!(covers("engine::*", &item("engine::docker::DockerEngine")));
        assert!(!covers("engine::*", &item("engineer::Docker")));
        assert!(covers("lab::Host", &item("lab::Host")) && !covers("lab::Host", &item("lab::HostKind")));
        assert_eq!(item("a::b::C").name(), "C");
    }
}
