//! Resolves and audits every file of a corpus, in one process and on one thread, and prints the time as JSON.
//!
//! `speed [--rounds N] [--list FILE] CORPUS`: CORPUS holds `files/`; each line of FILE is a path below it (without it,
//! every line of `truth.jsonl` is one). Each file is a lab of its own with what it names of its folder, read from the
//! disk every time. The best of N rounds (default 3) counts: the others measure the machine's other work.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use homelab_core::{Lab, Observed};
use homelab_tests::corpus::Corpus;
use jiff::Timestamp;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("speed: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let (mut rounds, mut list, mut corpus) = (3, None, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--rounds" => rounds = value()?.parse().map_err(|_| "--rounds needs a number")?,
            "--list" => list = Some(value()?),
            other => corpus = Some(PathBuf::from(other)),
        }
    }
    let corpus = corpus.ok_or("name the folder of a corpus")?;
    let files = corpus.join("files");
    let paths: Vec<String> = match list {
        Some(list) => fs::read_to_string(&list)
            .map_err(|error| format!("{list}: {error}"))?
            .lines()
            .map(str::to_owned)
            .collect(),
        None => Corpus::load(&corpus)?
            .cases()
            .iter()
            .map(|case| case.path.clone())
            .collect(),
    };
    let seen = Observed::none(Timestamp::UNIX_EPOCH);
    let (mut best, mut services, mut findings) = (f64::INFINITY, 0, 0);
    for _ in 0..rounds {
        (services, findings) = (0, 0);
        let mut folders = HashMap::new();
        let began = Instant::now();
        for path in &paths {
            let report = lab(&files.join(path), &mut folders)?.audit(&seen);
            services += report.services().len();
            findings += report.findings().len();
        }
        best = best.min(began.elapsed().as_secs_f64());
    }
    println!(
        "{}",
        serde_json::json!({
            "files": paths.len(),
            "services": services,
            "findings": findings,
            "seconds": best,
        })
    );
    Ok(())
}

/// Returns the lab of one file: it, the `.env` beside it, and what it names of its folder. A folder is listed once, as
/// when a whole tree is loaded.
fn lab(file: &Path, folders: &mut HashMap<PathBuf, Vec<String>>) -> Result<Lab, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let own = file.file_name().unwrap_or_default();
    if !folders.contains_key(folder) {
        let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        folders.insert(folder.to_owned(), names.collect());
    }
    let mut texts = Vec::new();
    let names_files = ["env_file", "extends", "include"]
        .iter()
        .any(|word| text.contains(word));
    for name in folders.get(folder).into_iter().flatten() {
        let needed = name == ".env" || names_files && name.as_str() != own && text.contains(name.as_str());
        if needed && let Ok(text) = fs::read_to_string(folder.join(name)) {
            texts.push((format!("app/{name}"), text));
        }
    }
    texts.push(("app/compose.yaml".to_owned(), text));
    Ok(Lab::from_texts("corpus", texts))
}
