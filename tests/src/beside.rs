//! The differential test over generated projects: the docker-compose binary and our resolver side by side, on the
//! same files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use homelab_core::compose::ResolveOptions;
use serde_json::Value;

use crate::corpus::{Judged, Outcome, Verdict, compare, crashed, environment, outcome};
use crate::generate::Generated;

/// How many smaller projects are tried before the smallest so far is good enough.
const MOST_TRIES: usize = 400;

/// Both programs, and a folder for what they read.
#[derive(Debug)]
pub struct Beside {
    binary: PathBuf,
    folder: PathBuf,
}

impl Beside {
    /// Returns both programs, with a new folder that is removed with this value.
    pub fn new(binary: PathBuf) -> Result<Beside, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("homelab-generated-{}-{number}", process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let folder = fs::canonicalize(&folder).map_err(|error| error.to_string())?;
        Ok(Beside { binary, folder })
    }

    /// Judges the projects of so many seeds, on all cores, in the order of the seeds.
    pub fn judge(&self, first: u64, count: u64) -> Result<Vec<(u64, Judged)>, String> {
        let all = Mutex::new(Vec::new());
        let next = AtomicUsize::new(0);
        let workers = thread::available_parallelism().map_or(1, |number| number.get());
        let results: Vec<Result<(), String>> = thread::scope(|scope| {
            let work = || {
                loop {
                    let index = u64::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(u64::MAX);
                    if index >= count {
                        return Ok(());
                    }
                    let seed = first + index;
                    let judged = self.judge_one(seed, &Generated::of(seed))?;
                    all.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((seed, judged));
                }
            };
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            handles
                .into_iter()
                .map(|handle| {
                    handle
                        .join()
                        .unwrap_or_else(|_| Err("a worker panicked".to_owned()))
                })
                .collect()
        });
        results.into_iter().collect::<Result<(), String>>()?;
        let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.sort_by_key(|(seed, _)| *seed);
        Ok(all)
    }

    fn judge_one(&self, seed: u64, project: &Generated) -> Result<Judged, String> {
        let place = Place::write(self.folder.join(format!("seed-{seed}")), project)?;
        let theirs = self.theirs(&place.folder, project)?;
        let lenient = match ours(&place.folder, project, ResolveOptions::lenient()) {
            Outcome::Project(_) => Ok(()),
            Outcome::Refused(message) => Err(message),
            Outcome::Panicked(message) => Err(format!("panicked: {message}")),
        };
        let is_yaml = theirs
            .as_ref()
            .err()
            .is_none_or(|error| !error.contains(": yaml: "));
        let strict = match &theirs {
            Err(message) if crashed(message) => Verdict::TheyCrashed(message.lines().take(6).collect()),
            _ => compare(&theirs, ours(&place.folder, project, ResolveOptions::strict())),
        };
        Ok(Judged {
            path: format!("seed {seed}"),
            strict,
            lenient,
            is_yaml,
        })
    }

    /// Returns the smallest project that still shows one kind of difference, and that difference.
    pub fn shrink(&self, seed: u64, kind: &str) -> Result<(Generated, String), String> {
        let mut smallest = Generated::of(seed);
        let mut example = self
            .shows(seed, &smallest, kind)?
            .ok_or_else(|| format!("the project of seed {seed} no longer shows `{kind}`"))?;
        // What could not be taken away is tried again only when all else was: most of it still cannot.
        let (mut tries, mut next, mut progress) = (0, 0, false);
        while tries < MOST_TRIES {
            let Some(candidate) = smallest.smaller().into_iter().nth(next) else {
                if !progress {
                    break;
                }
                (next, progress) = (0, false);
                continue;
            };
            tries += 1;
            match self.shows(seed, &candidate, kind)? {
                Some(shown) => (example, smallest, progress) = (shown, candidate, true),
                None => next += 1,
            }
        }
        Ok((smallest, example))
    }

    fn shows(&self, seed: u64, project: &Generated, kind: &str) -> Result<Option<String>, String> {
        let judged = self.judge_one(seed, project)?;
        Ok(judged.strict.kinds().remove(kind))
    }

    /// Asks docker-compose.
    fn theirs(&self, folder: &Path, project: &Generated) -> Result<Result<Value, String>, String> {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(folder)
            .env_clear()
            .envs(environment())
            .envs(project.environment.clone());
        for name in &project.named {
            command.arg("-f").arg(name);
        }
        for profile in &project.profiles {
            command.arg("--profile").arg(profile);
        }
        for file in &project.env_files {
            command.arg("--env-file").arg(file);
        }
        command.args(["config", "--format", "json"]).stdin(Stdio::null());
        let output = command
            .output()
            .map_err(|error| format!("{}: {error}", self.binary.display()))?;
        if output.status.success() {
            let text = String::from_utf8_lossy(&output.stdout);
            return serde_json::from_str(&text)
                .map(Ok)
                .map_err(|error| format!("docker-compose printed no JSON: {error}: {text}"));
        }
        Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It lies in the folder for temporary files: what cannot be removed is not worth a word.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Asks our resolver the same.
fn ours(folder: &Path, project: &Generated, options: ResolveOptions) -> Outcome {
    let environment: Vec<(String, String)> = environment()
        .into_iter()
        .chain(project.environment.iter().cloned())
        .collect();
    let options = options
        .with_environment(environment)
        .with_profiles(project.profiles.clone())
        .with_env_files(project.env_files.iter().map(|name| folder.join(name)));
    outcome(match project.named.is_empty() {
        true => options.with_directory(folder),
        false => options.with_files(project.named.iter().map(|name| folder.join(name))),
    })
}

/// A project on disk, removed with this value.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
}

impl Place {
    fn write(folder: PathBuf, project: &Generated) -> Result<Place, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        for file in &project.files {
            let path = folder.join(&file.path);
            fs::create_dir_all(path.parent().unwrap_or(&folder)).map_err(failed)?;
            fs::write(&path, file.text()).map_err(failed)?;
        }
        Ok(Place { folder })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // As above.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns the whole project as text, for a person who has to find out what is wrong.
pub fn shown(project: &Generated) -> String {
    let mut text = String::new();
    for file in &project.files {
        text.push_str(&format!("--- {}\n{}", file.path, file.text()));
    }
    let flags: Vec<String> = (project.named.iter().map(|name| format!("-f {name}")))
        .chain(project.profiles.iter().map(|name| format!("--profile {name}")))
        .chain(project.env_files.iter().map(|name| format!("--env-file {name}")))
        .collect();
    let environment: Vec<String> = project
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value:?} "))
        .collect();
    text.push_str(&format!(
        "--- {}docker-compose {} config\n",
        environment.concat(),
        flags.join(" ")
    ));
    text
}
