//! The differential test over a corpus: real Compose files, and what Docker Compose says of each.
//!
//! A corpus is a folder with `files/` and `truth.jsonl`. Each line of the latter is an object with `path` (below
//! `files/`), `ok`, and `config` (the JSON of `docker-compose -f FILE config --format json`, run in the file's folder
//! with `HOME=/home/lab`, `PATH=/usr/bin:/bin` and nothing else) or `error` (its message). `$CORPUS` in it stands for
//! the absolute path of `files/`.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use homelab_core::compose::{Project, ResolveOptions};
use serde_json::Value;

use crate::compare::{Difference, differences};

/// One file of the corpus, and what Docker Compose says of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file's path below `files/`.
    pub path: String,
    /// The resolved project, or the message of the refusal.
    pub truth: Result<Value, String>,
}

/// A corpus, read.
#[derive(Debug)]
pub struct Corpus {
    files: PathBuf,
    cases: Vec<Case>,
}

/// What came out for one file.
#[derive(Debug)]
pub struct Judged {
    /// The file's path below `files/`.
    pub path: String,
    /// How strict resolution compares with Docker Compose.
    pub strict: Verdict,
    /// Why lenient resolution yields no project, if it does not.
    pub lenient: Result<(), String>,
    /// Whether Docker Compose could read it as YAML.
    pub is_yaml: bool,
}

/// How one strict resolution compares with what Docker Compose says.
#[derive(Debug)]
pub enum Verdict {
    /// Both accept it, and mean the same.
    Equal,
    /// Both refuse it.
    BothRefuse {
        /// What Docker Compose says.
        theirs: String,
        /// What we say.
        ours: String,
    },
    /// Both accept it, and mean different things.
    Differ(Vec<Difference>),
    /// We refuse what Docker Compose accepts.
    OnlyWeRefuse(String),
    /// Docker Compose refuses what we accept.
    OnlyTheyRefuse(String),
    /// Docker Compose crashed, and so says nothing.
    TheyCrashed(String),
    /// We panicked: a defect whatever Docker Compose says.
    Panicked(String),
}

impl Corpus {
    /// Reads the corpus in a folder.
    pub fn load(folder: &Path) -> Result<Corpus, String> {
        let files = folder.join("files");
        let files = fs::canonicalize(&files).map_err(|error| format!("{}: {error}", files.display()))?;
        let here = files
            .to_str()
            .ok_or("the corpus lies below a name that is not UTF-8")?;
        let truth = folder.join("truth.jsonl");
        let text = fs::read_to_string(&truth).map_err(|error| format!("{}: {error}", truth.display()))?;
        let mut cases = Vec::new();
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let at = |problem: &str| format!("{}:{}: {problem}", truth.display(), number + 1);
            let mut row: Value = serde_json::from_str(line).map_err(|error| at(&error.to_string()))?;
            place(&mut row, here);
            let path = row["path"].as_str().ok_or_else(|| at("no path"))?.to_owned();
            let truth = match row["ok"].as_bool().ok_or_else(|| at("no `ok`"))? {
                true => Ok(row.get_mut("config").ok_or_else(|| at("no `config`"))?.take()),
                false => Err(row["error"].as_str().ok_or_else(|| at("no `error`"))?.to_owned()),
            };
            cases.push(Case { path, truth });
        }
        Ok(Corpus { files, cases })
    }

    /// Returns the absolute path of the folder that the cases' paths belong to.
    pub fn files(&self) -> &Path {
        &self.files
    }

    /// Returns the cases, in the order of the file.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Keeps the cases whose path contains `part`.
    pub fn keep_only(&mut self, part: &str) {
        self.cases.retain(|case| case.path.contains(part));
    }

    /// Keeps the first `limit` cases.
    pub fn truncate(&mut self, limit: usize) {
        self.cases.truncate(limit);
    }

    /// Judges every case, on all cores, in the order of the cases.
    pub fn judge(&self) -> Vec<Judged> {
        let next = AtomicUsize::new(0);
        let all = Mutex::new(BTreeMap::new());
        let workers = thread::available_parallelism().map_or(1, |number| number.get());
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(case) = self.cases.get(index) else { break };
                        let judged = self.judge_one(case);
                        all.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .insert(index, judged);
                    }
                });
            }
        });
        all.into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .into_values()
            .collect()
    }

    /// Judges one case.
    pub fn judge_one(&self, case: &Case) -> Judged {
        let file = self.files.join(&case.path);
        let strict = compare(&case.truth, resolve(&file, ResolveOptions::strict()));
        let lenient = match resolve(&file, ResolveOptions::lenient()) {
            Outcome::Project(_) => Ok(()),
            Outcome::Refused(message) => Err(message),
            Outcome::Panicked(message) => Err(format!("panicked: {message}")),
        };
        Judged {
            path: case.path.clone(),
            strict,
            lenient,
            is_yaml: case.truth.as_ref().err().is_none_or(|error| is_yaml(error)),
        }
    }
}

/// Compares what Docker Compose says with what we say.
pub fn compare(truth: &Result<Value, String>, ours: Outcome) -> Verdict {
    match (truth, ours) {
        (_, Outcome::Panicked(message)) => Verdict::Panicked(message),
        (Ok(expected), Outcome::Project(found)) => {
            let all = differences(expected, &found);
            if all.is_empty() {
                Verdict::Equal
            } else {
                Verdict::Differ(all)
            }
        }
        (Ok(_), Outcome::Refused(message)) => Verdict::OnlyWeRefuse(message),
        (Err(theirs), Outcome::Refused(ours)) => Verdict::BothRefuse {
            theirs: last_line(theirs).to_owned(),
            ours,
        },
        (Err(theirs), Outcome::Project(_)) => Verdict::OnlyTheyRefuse(last_line(theirs).to_owned()),
    }
}

/// What a resolution of ours came to.
#[derive(Debug)]
pub enum Outcome {
    /// A project, as JSON.
    Project(Value),
    /// A refusal, with its message and hint.
    Refused(String),
    /// A defect.
    Panicked(String),
}

/// Resolves one file as the corpus was made: its folder the project's, nothing in the environment but HOME and PATH.
pub fn resolve(file: &Path, options: ResolveOptions) -> Outcome {
    outcome(options.with_files([file]).with_environment(environment()))
}

/// Returns the whole environment in which the truth was made.
pub fn environment() -> [(String, String); 2] {
    [("HOME", "/home/lab"), ("PATH", "/usr/bin:/bin")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Resolves, and turns a panic into an outcome, so that one defect does not hide the others.
pub fn outcome(options: ResolveOptions) -> Outcome {
    let run = AssertUnwindSafe(|| Project::resolve(&options).map(|project| project.to_json(false)));
    match panic::catch_unwind(run) {
        Ok(Ok(project)) => Outcome::Project(project),
        Ok(Err(error)) => Outcome::Refused(match error.hint() {
            Some(hint) => format!("{error} ({hint})"),
            None => error.to_string(),
        }),
        Err(payload) => Outcome::Panicked(
            payload
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| payload.downcast_ref::<&str>().map(|&message| message.to_owned()))
                .unwrap_or_else(|| "without a message".to_owned()),
        ),
    }
}

/// Whether a failure of Docker Compose is a defect of its own rather than a refusal.
pub fn crashed(error: &str) -> bool {
    error.contains("\ngoroutine ") || error.contains("error calling MarshalJSON")
}

/// Returns the message of Docker Compose without the warnings that come before it.
pub fn last_line(message: &str) -> &str {
    message.trim().lines().last().unwrap_or_default()
}

/// Whether a refusal is about what the file says, rather than that it is not YAML.
fn is_yaml(error: &str) -> bool {
    let Some((_, problem)) = last_line(error).split_once(": yaml: ") else {
        return true;
    };
    [
        "map merge requires",
        "unmarshal errors",
        "already defined",
        "unknown anchor",
        "excessive aliasing",
    ]
    .iter()
    .any(|meaning| problem.contains(meaning))
}

/// Puts the folder's path where `$CORPUS` stands for it.
fn place(value: &mut Value, folder: &str) {
    match value {
        Value::String(text) if text.contains("$CORPUS") => *text = text.replace("$CORPUS", folder),
        Value::Array(list) => list.iter_mut().for_each(|value| place(value, folder)),
        Value::Object(map) => map.values_mut().for_each(|value| place(value, folder)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_are_told_from_what_is_refused_for_its_meaning() {
        assert!(!is_yaml(
            "failed to parse a.yml: yaml: line 3: could not find expected ':'"
        ));
        assert!(is_yaml(
            "validating a.yaml: services.a additional properties 'b' not allowed"
        ));
        assert!(is_yaml(
            "failed to parse a.yml: yaml: map merge requires map or sequence of maps as the value"
        ));
        assert!(is_yaml(
            "service \"a\" refers to undefined volume b: invalid compose project"
        ));
    }

    #[test]
    fn the_folder_is_put_in_its_place() {
        let mut value = serde_json::json!({"a": ["$CORPUS/x", 1], "b": "$$CORPUS"});
        place(&mut value, "/c");
        assert_eq!(value, serde_json::json!({"a": ["/c/x", 1], "b": "$/c"}));
    }
}
