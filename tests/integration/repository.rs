//! What holds of every file of the repository.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use homelab_tests::needs::{Need, repository};

use crate::{Test, test};

/// The top folders that any machine has, and that examples and fixtures may name.
const ANYWHERE: &[&str] = &[
    "bin", "boot", "dev", "etc", "home", "lib", "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv",
    "sys", "tmp", "usr", "var",
];

/// The hosts of public registries and forges: naming them says nothing about one machine.
const PUBLIC: &[&str] = &[
    "crates.io",
    "static.crates.io",
    "index.crates.io",
    "pypi.org",
    "files.pythonhosted.org",
    "proxy.golang.org",
    "sum.golang.org",
    "github.com",
    "registry.npmjs.org",
    "repo.maven.apache.org",
    "localhost",
];

/// The lines that a file of Rust may have: a longer one is asking to be split by noun.
const LINES: usize = 600;

/// Files that are longer all the same, and why.
const LONGER: &[(&str, &str)] = &[];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "repository::no_file_names_the_machine_it_was_written_on",
            &[Need::Git],
            names_no_machine,
        ),
        test(
            "repository::the_check_sees_a_path_and_a_host",
            &[],
            sees_a_path_and_a_host,
        ),
        test(
            "repository::every_dependency_comes_from_the_public_registry",
            &[],
            public_registry,
        ),
        test(
            "repository::no_file_is_too_long_to_read",
            &[Need::Git],
            short_files,
        ),
        test(
            "repository::every_folder_of_tests_and_examples_is_a_package",
            &[],
            packages,
        ),
    ]
}

fn names_no_machine() -> Result<(), String> {
    let words = telling_words();
    let mut problems = Vec::new();
    let files = tracked()?;
    for path in &files {
        // What git tracks may have been removed from the working copy, or be a link: neither has text of its own.
        let Ok(bytes) = fs::read(repository().join(path)) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        problems.extend(told(&text, &words).map(|(line, word)| format!("{path}:{line}: names `{word}`")));
    }
    if files.len() < 10 {
        problems.push(format!("git lists only {} files", files.len()));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n"))
    }
}

fn sees_a_path_and_a_host() -> Result<(), String> {
    let mut words = BTreeSet::new();
    from_path(Path::new("/sheds/red/homelab"), &mut words);
    from_settings(
        "[source.m]\nregistry = \"sparse+https://user@mirror.example:8443/crates/\"\n",
        &mut words,
    );
    from_settings("index-url = https://pypi.org/simple\n", &mut words);
    let expected: BTreeSet<String> = ["/sheds/", "/sheds/red/homelab", "mirror.example"]
        .map(str::to_owned)
        .into();
    if words != expected {
        return Err(format!("expected {expected:?}, found {words:?}"));
    }
    match told("first\nsee /sheds/blue\n", &words).next() {
        Some((2, "/sheds/")) => Ok(()),
        other => Err(format!("a path of the machine was not seen: {other:?}")),
    }
}

fn public_registry() -> Result<(), String> {
    let mut foreign = Vec::new();
    for lock in ["Cargo.lock", "homelab-core/fuzz/Cargo.lock"] {
        let text = fs::read_to_string(repository().join(lock)).map_err(|error| format!("{lock}: {error}"))?;
        let sources = text.lines().filter(|line| line.starts_with("source = "));
        let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        foreign.extend(
            sources
                .filter(|line| *line != public)
                .map(|line| format!("{lock}: {line}")),
        );
    }
    if foreign.is_empty() {
        Ok(())
    } else {
        Err(foreign.join("\n"))
    }
}

/// A virtual workspace silently ignores `tests/` and `examples/` that are not packages of it.
fn packages() -> Result<(), String> {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).map_err(|error| error.to_string())?;
    for folder in ["tests", "examples", "homelab-core"] {
        if !manifest.contains(&format!("\"{folder}\""))
            || !repository().join(folder).join("Cargo.toml").is_file()
        {
            return Err(format!("{folder} is not a package of the workspace"));
        }
    }
    Ok(())
}

fn short_files() -> Result<(), String> {
    let mut problems = Vec::new();
    let mut files = 0;
    for path in tracked()?.iter().filter(|path| path.ends_with(".rs")) {
        let Ok(text) = fs::read_to_string(repository().join(path)) else {
            continue;
        };
        files += 1;
        let lines = text.lines().count();
        let may = LONGER.iter().any(|(longer, _)| longer == path);
        // An example is one task, since the library renders.
        let allowed = match path.starts_with("examples/src/bin/") {
            true => 60,
            false => LINES,
        };
        if lines > allowed && !may {
            problems.push(format!(
                "{path} has {lines} lines, and {allowed} are allowed: split it by noun"
            ));
        }
        if lines <= LINES && may {
            problems.push(format!(
                "{path} has {lines} lines: it need not be allowed to be longer"
            ));
        }
    }
    if files < 100 {
        problems.push(format!("git lists only {files} files of Rust"));
    }
    for (path, _) in LONGER {
        if !repository().join(path).exists() {
            problems.push(format!("{path} is allowed to be longer, and does not exist"));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n"))
    }
}

fn tracked() -> Result<Vec<String>, String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(repository())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!(
            "git ls-files: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let list = String::from_utf8_lossy(&output.stdout);
    Ok(list
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect())
}

/// Returns what would tell the machine: where the repository and the data beside it lie, and the hosts that the
/// package clients are set up with.
fn telling_words() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    from_path(repository(), &mut words);
    for variable in ["HOMELAB_CORPUS", "HOMELAB_GOLDEN"] {
        if let Some(path) = env::var_os(variable) {
            from_path(Path::new(&path), &mut words);
        }
    }
    for variable in [
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "GOPROXY",
        "GOSUMDB",
    ] {
        from_settings(&env::var(variable).unwrap_or_default(), &mut words);
    }
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let files = [
        home.join(".cargo/config.toml"),
        home.join(".config/pip/pip.conf"),
        home.join(".pip/pip.conf"),
        PathBuf::from("/etc/pip.conf"),
    ];
    for file in files {
        from_settings(&fs::read_to_string(file).unwrap_or_default(), &mut words);
    }
    words
}

fn from_path(path: &Path, words: &mut BTreeSet<String>) {
    let Some(text) = path
        .to_str()
        .filter(|text| text.starts_with('/') && text.len() > 1)
    else {
        return;
    };
    if path.components().count() > 2 {
        words.insert(text.trim_end_matches('/').to_owned());
    }
    if let Some(Component::Normal(top)) = path.components().nth(1) {
        let top = top.to_string_lossy();
        if !ANYWHERE.contains(&&*top) {
            words.insert(format!("/{top}/"));
        }
    }
}

fn from_settings(text: &str, words: &mut BTreeSet<String>) {
    for part in text.split("://").skip(1) {
        let authority: String = part
            .chars()
            .take_while(|next| !matches!(next, '/' | '"' | '\'' | ' ' | '\n' | ',' | '|'))
            .collect();
        let host = authority
            .rsplit('@')
            .next()
            .unwrap_or_default()
            .split(':')
            .next()
            .unwrap_or_default();
        // An address such as 127.0.0.1 is in every other fixture, and tells nothing.
        if !host.is_empty() && !PUBLIC.contains(&host) && host.parse::<IpAddr>().is_err() {
            words.insert(host.to_owned());
        }
    }
}

fn told<'a>(text: &'a str, words: &'a BTreeSet<String>) -> impl Iterator<Item = (usize, &'a str)> {
    text.lines().enumerate().flat_map(move |(number, line)| {
        words
            .iter()
            .filter(move |word| line.contains(word.as_str()))
            .map(move |word| (number + 1, word.as_str()))
    })
}
