//! Every public operation of the core, and its name in each language.
//!
//! The core's own sources say what there is, `docs/parity.toml` what is spelt otherwise or left out and why, and the
//! bindings' sources whether the name is really there: the generated Kotlin and Swift, and the Python stubs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use toml::{Table, Value};

mod surface;

use self::surface::{Item, covers, expanded, uses};

const LANGUAGES: [&str; 3] = ["Python", "Kotlin", "Swift"];

/// The table, and what is wrong with it.
pub struct Parity {
    /// docs/parity.md as it should be.
    pub page: String,
    /// What a language lacks, or what is said of something that is not there.
    pub problems: Vec<String>,
}

/// The names that the sources of a binding have: `Lab.load`, `capabilities`.
type Names = BTreeSet<String>;

impl Parity {
    /// Reads a repository.
    ///
    /// # Errors
    /// When a file cannot be read, or docs/parity.toml says what means nothing.
    pub fn of(repository: &Path) -> Result<Parity, String> {
        let read = |path: &str| {
            fs::read_to_string(repository.join(path))
                .map_err(|error| format!("failed to read `{path}`: {error}"))
        };
        let said: Table = read("docs/parity.toml")?
            .parse()
            .map_err(|error| format!("failed to read `docs/parity.toml`: {error}"))?;
        let core = sources(&repository.join("homelab-core/src"))?;
        let root = read("homelab-core/src/lib.rs")?;
        let python = match repository.join("homelab-py").is_dir() {
            true => Some(python(&sources_of(
                &repository.join("homelab-py/python/homelab"),
                &["pyi", "py"],
            )?)),
            // The page says so, and the check begins with the folder.
            false => None,
        };
        let kotlin = kotlin(&read("homelab-ffi/kotlin/generated/homelab/homelab_ffi.kt")?);
        let swift = swift(&read("homelab-ffi/swift/Sources/Homelab/Homelab.swift")?);
        let items = surface::items(&repository.join("homelab-core/src"), &root)?;
        parity(
            &said,
            &core,
            &root,
            &items,
            [python.as_ref(), Some(&kotlin), Some(&swift)],
        )
    }
}

/// Compares what there is with what is said and with the languages' names, in the order of [`LANGUAGES`].
fn parity(
    said: &Table,
    core: &[String],
    root: &str,
    items: &[Item],
    languages: [Option<&Names>; 3],
) -> Result<Parity, String> {
    let table = |name: &str| {
        said.get(name)
            .and_then(Value::as_table)
            .ok_or_else(|| format!("docs/parity.toml has no table `{name}`"))
    };
    let (types, data, rust, renamed) = (table("types")?, table("data")?, table("rust")?, table("renamed")?);
    let modules = table("modules")?;
    let mut problems = Vec::new();

    for (_, name) in uses(&format!("\n{root}")) {
        if !types.contains_key(&name) && !data.contains_key(&name) {
            problems.push(format!(
                "`{name}` is public, and docs/parity.toml says neither that its functions are operations nor how it crosses"
            ));
        }
    }

    let mut operations: Vec<String> = Vec::new();
    for name in types.keys() {
        let own: BTreeSet<String> = core.iter().flat_map(|source| methods(source, name)).collect();
        if own.is_empty() {
            problems.push(format!(
                "docs/parity.toml names the type `{name}`, which has no public function"
            ));
        }
        operations.extend(own.into_iter().map(|method| format!("{name}::{method}")));
    }
    operations.extend(functions(root));
    let inside = in_modules(items, said, languages, &mut problems)?;
    operations.extend(inside);

    let mut rows = String::new();
    let mut left = String::new();
    for operation in &operations {
        if let Some(why) = rust.get(operation) {
            let why = why.as_str().unwrap_or_default();
            if why.is_empty() {
                problems.push(format!(
                    "docs/parity.toml does not say why `{operation}` is in Rust only"
                ));
            }
            let _ = writeln!(left, "| `{operation}` | {why} |");
            continue;
        }
        let mut cells = Vec::new();
        for (language, names) in LANGUAGES.iter().zip(languages) {
            let name = spelt(operation, language, types, renamed);
            match names {
                None => cells.push("not built yet".to_owned()),
                Some(names) => {
                    if !names.contains(&name) {
                        problems.push(format!("{language} has no `{name}`, which is `{operation}`"));
                    }
                    // An operation that waits is there twice in Python.
                    let twins = ["", "_async", "_sync"].map(|ending| format!("{name}{ending}"));
                    let there: Vec<_> = twins
                        .iter()
                        .filter(|twin| **twin == name || names.contains(*twin))
                        .map(|twin| format!("`{twin}`"))
                        .collect();
                    cells.push(there.join(", "));
                }
            }
        }
        let _ = writeln!(rows, "| `{operation}` | {} |", cells.join(" | "));
    }
    for name in rust.keys().chain(renamed.keys()) {
        if !operations.contains(name) {
            problems.push(format!("docs/parity.toml speaks of `{name}`, which there is not"));
        }
    }

    let mut page = String::from(
        "# The same in every language\n\n\
         Every public operation of the core, in its root and in its modules, and its name in each language. Made from the\n\
         sources by `HOMELAB_UPDATE=1 cargo test -p homelab-tests --test integration parity`; the same test fails when a language\n\
         lacks one, or a public name is not placed. What is spelt otherwise, or left out, stands in [parity.toml](parity.toml).\n\n\
         | Rust | Python | Kotlin | Swift |\n|---|---|---|---|\n",
    );
    page.push_str(&rows);
    page.push_str("\n## In Rust only\n\n| operation | because |\n|---|---|\n");
    page.push_str(&left);
    page.push_str("\n## What crosses as data\n\n| type | as |\n|---|---|\n");
    for (name, how) in data {
        let _ = writeln!(page, "| `{name}` | {} |", how.as_str().unwrap_or_default());
    }
    page.push_str(
        "\nThe records of `view` are records of the same name in every language, which the test looks for.\n",
    );
    for (title, wanted) in [("Not yet", true), ("In modules", false)] {
        let _ = write!(page, "\n## {title}\n\n| name | |\n|---|---|\n");
        for (key, said) in modules {
            let said = said.as_str().unwrap_or_default();
            if said.starts_with("not yet") == wanted {
                let _ = writeln!(page, "| `{key}` | {said} |");
            }
        }
    }
    Ok(Parity { page, problems })
}

/// Says what of the modules is placed nowhere, and returns the functions that are operations.
fn in_modules(
    items: &[Item],
    said: &Table,
    languages: [Option<&Names>; 3],
    problems: &mut Vec<String>,
) -> Result<Vec<String>, String> {
    let table = |name: &str| said.get(name).and_then(Value::as_table);
    let places = |name: &str| {
        ["types", "data"]
            .iter()
            .any(|one| table(one).is_some_and(|table| table.contains_key(name)))
    };
    let modules = table("modules").ok_or("docs/parity.toml has no table `modules`")?;
    let paths: Vec<String> = modules.keys().flat_map(|key| expanded(key)).collect();
    for path in &paths {
        if !items.iter().any(|item| covers(path, item)) {
            problems.push(format!("docs/parity.toml speaks of `{path}`, which there is not"));
        }
    }
    for (key, why) in modules {
        if why.as_str().unwrap_or_default().is_empty() {
            problems.push(format!(
                "docs/parity.toml does not say how `{key}` crosses, or why not"
            ));
        }
    }
    let mut operations = Vec::new();
    for item in items {
        if paths.iter().any(|path| covers(path, item)) {
            continue;
        }
        if item.function {
            operations.push(item.path.clone());
        } else if item.path.starts_with("view::") && item.name().ends_with("View") {
            for (language, names) in LANGUAGES.iter().zip(languages) {
                if names.is_some_and(|names| !names.contains(item.name())) {
                    problems.push(format!("{language} has no record `{}`", item.name()));
                }
            }
        } else if !places(item.name()) {
            problems.push(format!(
                "`{}` is public, and docs/parity.toml says nothing of it: place it in `modules`, or among the types or the data",
                item.path
            ));
        }
    }
    Ok(operations)
}

/// Returns the name of an operation in a language: as said, else the same in the language's own spelling.
fn spelt(operation: &str, language: &str, types: &Table, renamed: &Table) -> String {
    let language = language.to_lowercase();
    let said = renamed.get(operation).and_then(|names| names.get(&language));
    if let Some(name) = said.and_then(Value::as_str) {
        return name.to_owned();
    }
    let spell = |name: &str| match language.as_str() {
        "python" => name.to_owned(),
        _ => camel(name),
    };
    match operation.split_once("::") {
        None => spell(operation),
        Some((owner, method)) => {
            let theirs = types.get(owner).and_then(|names| names.get(&language));
            format!(
                "{}.{}",
                theirs.and_then(Value::as_str).unwrap_or(owner),
                spell(method)
            )
        }
    }
}

/// Returns a name as Kotlin and Swift spell it: `planInit`.
fn camel(name: &str) -> String {
    let mut out = String::new();
    for (index, word) in name.split('_').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if index > 0 => {
                out.extend(first.to_uppercase());
                out.push_str(letters.as_str());
            }
            _ => out.push_str(word),
        }
    }
    out
}

/// Returns the public functions in a source's `impl` blocks of a type itself, not of its traits; of a trait those that it
/// declares.
fn methods(source: &str, owner: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    let mut declared = false;
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("pub trait ") {
            declared = word(rest) == owner;
        } else if line == "}" && declared {
            declared = false;
        } else if declared && let Some(method) = line.strip_prefix("    ") {
            found.extend(function(&format!("pub {method}")));
        } else if let Some(rest) = line.strip_prefix("impl") {
            let rest = match rest.strip_prefix('<') {
                Some(generic) => generic.split_once("> ").map_or("", |(_, rest)| rest),
                None => rest.trim_start(),
            };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            inside = name == owner && !rest.contains(" for ");
        } else if line == "}" {
            inside = false;
        } else if inside && let Some(name) = line.strip_prefix("    ").and_then(function) {
            found.push(name);
        }
    }
    found
}

/// Returns a source's public functions that belong to no type.
fn functions(source: &str) -> Vec<String> {
    source.lines().filter_map(function).collect()
}

/// Returns the name of the public function that a line begins.
fn function(line: &str) -> Option<String> {
    let rest = line.strip_prefix("pub ")?;
    let rest = ["const ", "async "]
        .iter()
        .fold(rest, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
    let name = rest.strip_prefix("fn ")?;
    Some(
        name.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect(),
    )
}

/// Returns the functions and properties of Python's classes, each also of the classes that have it from a base.
fn python(sources: &[String]) -> Names {
    let mut names = Names::new();
    for source in sources {
        let mut class = String::new();
        for line in source.lines() {
            if let Some(rest) = line.strip_prefix("class ") {
                class = word(rest);
                names.insert(class.clone());
                continue;
            }
            let text = line.trim_start();
            let inner = line.len() - text.len();
            let text = text.strip_prefix("async ").unwrap_or(text);
            let Some(name) = text.strip_prefix("def ").map(word) else {
                continue;
            };
            match inner {
                0 => names.insert(name),
                4 => names.insert(format!("{class}.{name}")),
                _ => false,
            };
        }
    }
    names
}

/// Returns the functions of generated Kotlin.
fn kotlin(source: &str) -> Names {
    let mut names = Names::new();
    let mut class = String::new();
    for line in source.lines() {
        for begin in ["open class ", "public interface ", "data class ", "sealed class "] {
            if let Some(rest) = line.strip_prefix(begin) {
                let name = word(rest);
                class = name.strip_suffix("Interface").unwrap_or(&name).to_owned();
                names.insert(class.clone());
            }
        }
        // Modifiers and annotations may stand before it.
        let Some(name) = line
            .split_once("fun `")
            .and_then(|(_, rest)| rest.split('`').next())
        else {
            continue;
        };
        // Neither margin nor braces part a companion's function from one of no class: each counts as both. Swift's do not.
        let text = line.trim_start();
        let suspending = line.starts_with("     suspend fun ");
        if line == text || suspending || text.starts_with("*/ fun") || text.starts_with("@Throws(") {
            names.insert(name.to_owned());
        }
        names.insert(format!("{class}.{name}"));
    }
    names
}

/// Returns the functions of generated Swift.
fn swift(source: &str) -> Names {
    let mut names = Names::new();
    let mut class = String::new();
    for line in source.lines() {
        let begun = ["open class ", "public struct ", "public enum "]
            .iter()
            .find_map(|begin| line.strip_prefix(begin));
        if let Some(rest) = begun {
            class = word(rest);
            names.insert(class.clone());
        } else if let Some((before, rest)) = line.split_once("func ") {
            let name = word(rest.trim_start_matches('`'));
            match before {
                "open " | "public static " => names.insert(format!("{class}.{name}")),
                "public " => names.insert(name),
                _ => false,
            };
        }
    }
    names
}

/// Returns the word that a text begins with.
fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn sources(folder: &Path) -> Result<Vec<String>, String> {
    sources_of(folder, &["rs"])
}

fn sources_of(folder: &Path, endings: &[&str]) -> Result<Vec<String>, String> {
    let fail = |error: std::io::Error| format!("failed to read `{}`: {error}", folder.display());
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.is_dir() {
            for (index, text) in sources_of(&path, endings)?.into_iter().enumerate() {
                found.insert((path.clone(), index), text);
            }
        } else if path
            .extension()
            .is_some_and(|ending| endings.iter().any(|one| ending == *one))
        {
            found.insert((path.clone(), 0), fs::read_to_string(&path).map_err(fail)?);
        }
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "
        [types]
        Lab = {}
        Cancel = { kotlin = 'CancelToken' }
        [data]
        Reach = 'an enum'
        [rust]
        'Lab::pattern' = 'typed'
        [renamed]
        'Lab::audit_with' = { python = 'Lab.audit' }
        [modules]
        'engine::*' = 'not yet'
        'lab::{Host}' = 'in records'
    ";
    const CORE: &str = "
impl Lab {
    pub fn load() {}
    pub(crate) fn hidden() {}
    pub fn audit_with<T>(&self) {}
    pub fn pattern(&self) {}
}
impl fmt::Display for Lab {
    pub fn no() {}
}
impl<T: Clone> Cancel<T> {
    pub async fn cancel(&self) {}
}
";
    const ROOT: &str =
        "pub mod lab;\npub use lab::{Lab, Cancel};\npub use view::Reach;\npub fn version() {}\n";

    fn items(paths: &[&str]) -> Vec<Item> {
        let item = |path: &&str| Item {
            path: (*path).to_owned(),
            function: path
                .rsplit(':')
                .next()
                .is_some_and(|name| name.starts_with(char::is_lowercase)),
        };
        paths.iter().map(item).collect()
    }

    fn problems(root: &str, kotlin_source: &str, python_source: &str) -> Vec<String> {
        problems_in(
            &["engine::Engine", "lab::Host"],
            root,
            kotlin_source,
            python_source,
        )
    }

    fn problems_in(inside: &[&str], root: &str, kotlin_source: &str, python_source: &str) -> Vec<String> {
        let said = SAID.parse().expect("TOML");
        let (python, kotlin) = (python(&[python_source.to_owned()]), kotlin(kotlin_source));
        let parity = parity(
            &said,
            &[CORE.to_owned()],
            root,
            &items(inside),
            [Some(&python), Some(&kotlin), Some(&kotlin)],
        );
        let problems = parity.expect("it means something").problems;
        let others = problems
            .into_iter()
            .filter(|problem| !problem.starts_with("Swift"));
        others.collect()
    }

    const KOTLIN: &str = "fun `version`() {}\nopen class Lab: X {\n  suspend fun `load`() {}\n  fun `auditWith`() {}\n}\n\
                          public interface CancelTokenInterface {\n    suspend fun `cancel`()\n}\n";
    const PYTHON: &str = "def version(): ...\nclass Lab:\n    async def load(self): ...\n    def audit(self): ...\n\
                          class Cancel:\n    def cancel(self): ...\n";

    #[test]
    fn what_is_everywhere_is_no_problem() {
        assert_eq!(problems(ROOT, KOTLIN, PYTHON), [""; 0]);
    }

    #[test]
    fn what_a_language_lacks_is_named() {
        assert_eq!(
            problems(ROOT, &KOTLIN.replace("auditWith", "audit"), PYTHON),
            ["Kotlin has no `Lab.auditWith`, which is `Lab::audit_with`"]
        );
        assert_eq!(
            problems(ROOT, KOTLIN, &PYTHON.replace("def version", "def _version")),
            ["Python has no `version`, which is `version`"]
        );
    }

    #[test]
    fn a_new_type_must_be_placed() {
        let root = ROOT.replace("view::Reach", "view::{Reach, Zone}");
        assert!(problems(&root, KOTLIN, PYTHON)[0].starts_with("`Zone` is public"));
    }

    #[test]
    fn what_is_public_in_a_module_must_be_placed() {
        let problems = |inside| problems_in(inside, ROOT, KOTLIN, PYTHON);
        assert_eq!(
            problems(&["engine::memory::Fault", "lab::Host", "lab::Lab"]),
            [""; 0]
        );
        assert!(
            problems(&["engine::Engine", "lab::Host", "lab::Person"])[0]
                .starts_with("`lab::Person` is public")
        );
        assert_eq!(
            problems(&["engine::Engine", "lab::Host", "lab::people", "view::NewView"]),
            [
                "Python has no record `NewView`",
                "Kotlin has no record `NewView`",
                "Python has no `lab.people`, which is `lab::people`",
                "Kotlin has no `lab.people`, which is `lab::people`",
            ]
        );
        assert_eq!(
            problems(&["engine::Engine"]),
            ["docs/parity.toml speaks of `lab::Host`, which there is not"]
        );
    }

    #[test]
    fn what_a_trait_declares_is_an_operation() {
        let source = "pub trait Engine: Send {\n    async fn info(&self);\n    fn logs(&self);\n    fn run(&self) {\n        fn inner();\n    }\n}\n\
                      pub trait Other {\n    fn other(&self);\n}\nimpl Engine for Docker {\n    fn more(&self) {}\n}\n";
        assert_eq!(methods(source, "Engine"), ["info", "logs", "run"]);
    }

    #[test]
    fn swift_is_read() {
        let names = swift(
            "open class Lab: X {\npublic static func load() {\nopen func audit()async {\n}\npublic func version() {",
        );
        assert_eq!(
            names,
            Names::from(["Lab", "Lab.load", "Lab.audit", "version"].map(str::to_owned))
        );
    }
}
