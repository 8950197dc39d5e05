//! What is fuzzed, for cargo-fuzz and for the fixed seeds of the usual run: one body each, which panics at a defect and
//! returns whether strict resolution accepts the input.

mod policy;
mod strata;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use homelab_core::compose::{Project, ResolveOptions};

pub use self::policy::{damaged_policy, policy};
pub use self::strata::strata;
use crate::generate::{File, Generated};

const FOLDER: &str = "/lab/fuzz";

/// What means something to YAML, alone.
const SIGNS: &[u8] = b" \n:-'\"{}[]$&*!|>#,\t\0%@\xff";

/// What means something to YAML or Compose, together.
const TOKENS: &[&str] = &[
    "${",
    "}",
    ":-",
    "<<: *common\n",
    "!reset ",
    "!override ",
    "&a ",
    "*a",
    "\n---\n",
    "- ",
    "? ",
    "|2-\n",
    "!!binary ",
    "\u{feff}",
    "\r\n",
    "extends: a\n",
    "include: [compose.yaml]\n",
    "18446744073709551616",
    "-1",
    "~",
];

/// Reads any bytes as a Compose file.
pub fn reader(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data).into_owned();
    both([("compose.yaml", text)])
}

/// Reads any bytes as a project of several files: parts between NUL bytes are the Compose file, its override, `.env`,
/// an env file, and a file to extend and include.
pub fn project(data: &[u8]) -> bool {
    const NAMES: [&str; 5] = [
        "compose.yaml",
        "compose.override.yaml",
        ".env",
        "app.env",
        "common.yml",
    ];
    let parts = data.splitn(NAMES.len(), |byte| *byte == 0);
    both(
        NAMES
            .into_iter()
            .zip(parts.map(|part| String::from_utf8_lossy(part).into_owned())),
    )
}

/// Interpolates any text: as a value, and as a default inside another.
pub fn interpolator(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let quoted = serde_json::Value::String(text.into_owned()).to_string();
    let file = format!(
        "services:\n  a:\n    image: x\n    environment:\n      A: {quoted}\n    hostname: {quoted}\n"
    );
    both([("compose.yaml", file), (".env", "SET=value\nEMPTY=\n".to_owned())])
}

/// Resolves strictly and leniently. Neither panics; what strict accepts means the same to lenient.
fn both<'a>(files: impl IntoIterator<Item = (&'a str, String)>) -> bool {
    let files: HashMap<PathBuf, Arc<str>> = files
        .into_iter()
        .map(|(name, text)| (PathBuf::from(FOLDER).join(name), text.into()))
        .collect();
    let files = Arc::new(files);
    let run = |options: ResolveOptions| {
        let options = options
            .with_memory(Arc::clone(&files))
            .with_directory(FOLDER)
            .with_root(FOLDER)
            .with_environment([("HOME", "/home/lab"), ("PATH", "/usr/bin:/bin")]);
        Project::resolve(&options)
    };
    let strict = run(ResolveOptions::strict());
    let lenient = run(ResolveOptions::lenient());
    if let Ok(strict) = &strict {
        let expected = strict.to_json(false);
        let lenient = lenient
            .as_ref()
            .unwrap_or_else(|error| panic!("only strict accepts it: {error}"));
        let all = crate::compare::differences(&expected, &lenient.to_json(false));
        assert!(
            all.is_empty(),
            "lenient means something else than strict: {}",
            all[0]
        );
    }
    for project in strict.iter().chain(&lenient) {
        let _ = project.to_json(true);
        for finding in project.diagnostics() {
            let _ = finding.to_string();
        }
    }
    strict.is_ok()
}

/// Returns inputs for [`project`]: the projects of seeds, damaged in ways that seeds choose.
pub fn damaged(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut below = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % end.max(1)
    };
    let project = Generated::of(seed / 8);
    let find = |name: &str| {
        project
            .files
            .iter()
            .find(|file| file.path == name)
            .map(File::text)
            .unwrap_or_default()
    };
    let main = project.files.first().map(File::text).unwrap_or_default();
    let second = project
        .files
        .get(1)
        .filter(|file| file.path.contains("over"))
        .map(File::text)
        .unwrap_or_default();
    let mut data = [main, second, find(".env"), find("app.env"), find("common.yml")]
        .join("\0")
        .into_bytes();
    for _ in 0..below(4) {
        let at = below(data.len());
        match below(6) {
            0 => data.truncate(at.max(1)),
            1 => {
                data.remove(at);
            }
            2 => data[at] = SIGNS[below(SIGNS.len())],
            3 => {
                let end = (at + below(40)).min(data.len());
                let part = data[at..end].to_vec();
                let to = below(data.len());
                data.splice(to..to, part);
            }
            4 => {
                let token = TOKENS[below(TOKENS.len())];
                data.splice(at..at, token.bytes());
            }
            _ => {
                let end = (at + below(60)).min(data.len());
                data.drain(at..end);
            }
        }
        if data.is_empty() {
            data.push(b'a');
        }
    }
    data
}
