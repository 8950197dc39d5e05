//! The layers of the core: a module imports its own layer and those below it, never one above.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use homelab_tests::needs::repository;

use crate::{Test, test};

/// The layers, lowest first. The first imports nothing of the crate; every other one imports itself and what is
/// before it. A new module of the crate has to be put into one. A module within another that belongs elsewhere than that
/// one has a line of its own: `service::rules`.
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
            "tailnet::device",
            "tailnet::node",
            "lab",
            "inventory",
            "observed",
            "stratum",
        ],
    ),
    (
        "judges and planners",
        &[
            "access",
            "adopt",
            "backup",
            "drift",
            "operate",
            "running",
            "service::rules",
            "tailnet",
            "update",
            "init",
            "leak",
            "stored",
        ],
    ),
    ("audit", &["audit", "posture", "split"]),
    (
        "drivers",
        &[
            "process",
            "engine",
            "repository",
            "tailnet::api",
            "tailnet::local",
        ],
    ),
    ("apply", &["apply"]),
    ("questions", &["query"]),
    ("servers", &["serve"]),
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
    for module in LAYERS.iter().flat_map(|(_, modules)| *modules) {
        let path = source.join(module.replace("::", "/"));
        if !path.with_extension("rs").is_file() {
            problems.push(format!(
                "LAYERS names `{module}`, which is no module of the crate"
            ));
        }
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
        ("lab/check.rs", "use crate::service::rules::ALL;"),
        ("service/image.rs", "use super::rules::ALL;"),
        ("service/image.rs", "use super::{image, rules::ALL};"),
        ("lab.rs", "use crate::{name::HostName, service::{image, rules}};"),
        ("service/rules/socket.rs", "use super::super::super::audit::ALL;"),
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
        (
            "service/rules/socket.rs",
            "use super::Declared;\nuse crate::update;",
        ),
        ("update.rs", "use crate::service::rules::Declared;"),
        ("lab.rs", "use crate::service::image::ImageReference;"),
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
    let parts = file
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    let path: Vec<String> = parts
        .map(|part| part.trim_end_matches(".rs").to_owned())
        .collect();
    let Some(first) = path.first() else {
        return Vec::new();
    };
    if first == "lib" || path.last().is_some_and(|name| name == "tests") {
        return Vec::new();
    }
    let module = placed(&path);
    let Some(own) = layer(&module) else {
        return vec![format!(
            "module `{module}` is in no layer: say in LAYERS where it belongs"
        )];
    };
    let mut problems = Vec::new();
    for (line, target) in imports(text, &path) {
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

/// Returns the name by which LAYERS knows a path of modules: its first one, unless the first two have a line.
fn placed(path: &[String]) -> String {
    let two = path.iter().take(2).cloned().collect::<Vec<_>>().join("::");
    match layer(&two) {
        Some(_) => two,
        None => path.first().cloned().unwrap_or_default(),
    }
}

/// Returns the module behind each `crate::` and `super::`, as LAYERS knows it.
fn imports(text: &str, own: &[String]) -> Vec<(usize, String)> {
    let mut code = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        code.push_str(line.split("//").next().unwrap_or_default());
        code.push('\n');
    }
    let mut all = Vec::new();
    for prefix in ["crate::", "super::"] {
        let mut from = 0;
        while let Some(at) = code[from..].find(prefix).map(|at| at + from) {
            from = at + prefix.len();
            let before = code[..at].chars().next_back();
            if before.is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | ':')) {
                continue;
            }
            let mut base = match prefix {
                "crate::" => Vec::new(),
                _ => own[..own.len().saturating_sub(1)].to_vec(),
            };
            let mut behind = &code[from..];
            while let Some(rest) = behind.strip_prefix("super::") {
                base.pop();
                behind = rest;
            }
            let line = code[..at].matches('\n').count() + 1;
            all.extend(paths(behind).into_iter().map(|path| {
                let whole: Vec<String> = base.iter().cloned().chain(path).collect();
                (line, placed(&whole))
            }));
        }
    }
    all
}

/// Returns the first two names of `a::b::c`, or of each member of `{a::b, c}` and of `a::{b, c}`.
fn paths(text: &str) -> Vec<Vec<String>> {
    if text.starts_with('{') {
        return group(text).iter().flat_map(|member| paths(member)).collect();
    }
    let first = first_name(text);
    let Some(rest) = text[first.len()..].strip_prefix("::") else {
        return vec![vec![first]];
    };
    let seconds = match rest.starts_with('{') {
        true => group(rest).iter().map(|member| first_name(member)).collect(),
        false => vec![first_name(rest)],
    };
    seconds
        .into_iter()
        .map(|second| vec![first.clone(), second])
        .collect()
}

/// Returns the members of `{a::b, c, d::{e, f}}`.
fn group(text: &str) -> Vec<String> {
    let (mut nesting, mut member, mut all) = (0, String::new(), Vec::new());
    for character in text.chars() {
        match character {
            '{' => nesting += 1,
            '}' => nesting -= 1,
            _ => {}
        }
        if nesting == 0 || nesting == 1 && character == ',' {
            let whole = member.trim();
            all.push(whole.strip_prefix('{').unwrap_or(whole).trim().to_owned());
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
