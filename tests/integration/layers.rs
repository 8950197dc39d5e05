//! The layers of the core: a module imports its own layer and those below it, never one above.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use homelab_tests::needs::repository;

use crate::{Test, test};

/// The layers, lowest first. The first imports nothing of the crate; every other one imports itself and what is
/// before it. A new module of the crate has to be put into one.
const LAYERS: &[(&str, &[&str])] = &[
    ("records", &["view"]),
    (
        "foundations",
        &[
            "name",
            "span",
            "secret",
            "error",
            "finding",
            "plan",
            "cancel",
            "subscription",
        ],
    ),
    (
        "model",
        &[
            "compose",
            "system",
            "service",
            "lab",
            "observed",
            "stratum",
            "inventory",
            "tailnet",
            "repository",
        ],
    ),
    (
        "judges and planners",
        &[
            "access", "hygiene", "drift", "backup", "leak", "split", "monitor", "update", "identity",
            "portal", "init",
        ],
    ),
    ("audit", &["audit", "posture"]),
    ("drivers", &["process", "http", "engine", "files"]),
    ("apply", &["apply"]),
    ("questions", &["query"]),
    ("servers", &["serve", "remote", "mcp"]),
];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("layers::imports_go_down", &[], imports_go_down),
        test(
            "layers::the_check_sees_an_import_that_goes_up",
            &[],
            sees_what_goes_up,
        ),
    ]
}

fn imports_go_down() -> Result<(), String> {
    let source = repository().join("homelab-core/src");
    let root = fs::read_to_string(source.join("lib.rs")).map_err(|error| error.to_string())?;
    let reexports = reexports(&root);
    let mut files = Vec::new();
    list(&source, &mut files)?;
    let mut problems = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(&source).map_err(|error| error.to_string())?;
        let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
        problems.extend(check(inside, &text, &reexports));
    }
    if files.len() < 8 {
        problems.push(format!(
            "found only {} files below {}",
            files.len(),
            source.display()
        ));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n"))
    }
}

fn sees_what_goes_up() -> Result<(), String> {
    let reexports = reexports("pub use error::{Error, Result};\npub use lab::Lab;\npub use view::Reach;\n");
    let up = [
        ("name.rs", "use crate::lab::Lab;"),
        ("name.rs", "use crate::Lab;"),
        ("name.rs", "use super::lab::Lab;"),
        ("span/text.rs", "use super::super::lab::Lab;"),
        ("lab.rs", "use crate::{error::Error, access::Path};"),
        ("lab.rs", "use crate::{\n    error::Error,\n    audit,\n};"),
        ("lab.rs", "fn f() -> crate::access::Path {}"),
        ("view.rs", "use crate::error::Error;"),
        ("mystery.rs", "use std::fmt;"),
    ];
    for (file, text) in up {
        if check(Path::new(file), text, &reexports).is_empty() {
            return Err(format!("{file} with `{text}` passes"));
        }
    }
    let down = [
        (
            "access/reach.rs",
            "use crate::lab::Lab;\nuse crate::{Error, Reach};\nuse super::rules;",
        ),
        ("access.rs", "mod reach;\nuse self::reach::Path;"),
        ("name.rs", "// use crate::lab::Lab;\n//! [`crate::Lab`]"),
        (
            "name.rs",
            "use crate::Error;\n#[cfg(test)]\nmod tests {\n    use crate::Lab;\n}",
        ),
    ];
    for (file, text) in down {
        let problems = check(Path::new(file), text, &reexports);
        if !problems.is_empty() {
            return Err(format!("{file} with `{text}`: {}", problems.join("; ")));
        }
    }
    Ok(())
}

/// Returns what is wrong with one file's imports. What stands behind `#[cfg(test)]` may import anything.
fn check(file: &Path, text: &str, reexports: &BTreeMap<String, String>) -> Vec<String> {
    let mut parts = file
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    let Some(module) = parts.next().map(|first| first.trim_end_matches(".rs").to_owned()) else {
        return Vec::new();
    };
    if module == "lib" || file.file_name().is_some_and(|name| name == "tests.rs") {
        return Vec::new();
    }
    let Some(own) = layer(&module) else {
        return vec![format!(
            "module `{module}` is in no layer: say in LAYERS where it belongs"
        )];
    };
    let depth = parts.count() + 1;
    let mut problems = Vec::new();
    for (line, target) in imports(text, depth) {
        let target = reexports.get(&target).unwrap_or(&target);
        if *target == module {
            continue;
        }
        let Some(other) = layer(target) else { continue };
        if other > own || own == 0 {
            problems.push(format!(
                "homelab-core/src/{}:{line}: `{module}` ({}) imports `{target}` ({}), which is above it",
                file.display(),
                LAYERS[own].0,
                LAYERS[other].0
            ));
        }
    }
    problems
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|(_, modules)| modules.contains(&module))
}

/// Returns the first name behind each `crate::`, and behind as many `super::` as lead to the crate's root.
fn imports(text: &str, depth: usize) -> Vec<(usize, String)> {
    let mut code = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        code.push_str(line.split("//").next().unwrap_or_default());
        code.push('\n');
    }
    let mut all = Vec::new();
    let root = "super::".repeat(depth);
    for prefix in ["crate::", root.as_str()] {
        let mut from = 0;
        while let Some(at) = code[from..].find(prefix).map(|at| at + from) {
            from = at + prefix.len();
            let before = code[..at].chars().next_back();
            if before.is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | ':')) {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let behind = &code[from..];
            if behind.starts_with('{') {
                all.extend(group(behind).into_iter().map(|name| (line, name)));
            } else {
                all.push((line, first_name(behind)));
            }
        }
    }
    all
}

/// Returns the first name of each member of `{a::b, c, d::{e, f}}`.
fn group(text: &str) -> Vec<String> {
    let (mut nesting, mut member, mut all) = (0, String::new(), Vec::new());
    for character in text.chars() {
        match character {
            '{' => nesting += 1,
            '}' => nesting -= 1,
            _ => {}
        }
        if nesting == 0 || nesting == 1 && character == ',' {
            all.push(first_name(member.trim_start_matches(['{', ' ', '\n'])));
            member.clear();
        } else {
            member.push(character);
        }
        if nesting == 0 {
            break;
        }
    }
    all
}

fn first_name(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|next| next.is_alphanumeric() || *next == '_')
        .collect()
}

/// Returns which module each name comes from that the crate's root exports.
fn reexports(root: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for statement in root.split(';') {
        let Some((_, path)) = statement.split_once("pub use ") else {
            continue;
        };
        let module = first_name(path);
        let names = path.split_once('{').map_or_else(
            || path.rsplit("::").next().unwrap_or_default().to_owned(),
            |(_, names)| names.trim_end().trim_end_matches('}').to_owned(),
        );
        for name in names.split(',') {
            let name = name.rsplit([' ', ':']).next().unwrap_or_default().trim();
            all.insert(name.to_owned(), module.clone());
        }
    }
    all.remove("");
    all
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}
