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

/// The allocator of the programs that people run, here too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    // Which of its neighbours a file names is this program's own question, which no lab asks: it is not part of the time.
    let mut folders = HashMap::new();
    let labs: Vec<Vec<(String, PathBuf)>> = paths
        .iter()
        .map(|path| files_of(&files.join(path), &mut folders))
        .collect::<Result<_, _>>()?;
    let seen = Observed::none(Timestamp::UNIX_EPOCH);
    let (mut best, mut services, mut findings) = (f64::INFINITY, 0, 0);
    for _ in 0..rounds {
        (services, findings) = (0, 0);
        let began = Instant::now();
        for files in &labs {
            let report = lab(files)?.audit(&seen);
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

/// Returns the files of the lab of one file, under their names in it: the file, the `.env` beside it, and what it names
/// of its folder.
fn files_of(
    file: &Path,
    folders: &mut HashMap<PathBuf, Vec<String>>,
) -> Result<Vec<(String, PathBuf)>, String> {
    let text = read(file)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let own = file.file_name().unwrap_or_default();
    if !folders.contains_key(folder) {
        let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        folders.insert(folder.to_owned(), names.collect());
    }
    let names_files = ["env_file", "extends", "include"]
        .iter()
        .any(|word| text.contains(word));
    let mut all = Vec::new();
    for name in folders.get(folder).into_iter().flatten() {
        let needed = name == ".env" || names_files && name.as_str() != own && text.contains(name.as_str());
        let path = folder.join(name);
        if needed && read(&path).is_ok() {
            all.push((format!("app/{name}"), path));
        }
    }
    all.push(("app/compose.yaml".to_owned(), file.to_owned()));
    Ok(all)
}

/// Returns the lab of these files, read from the disk.
fn lab(files: &[(String, PathBuf)]) -> Result<Lab, String> {
    let mut texts = Vec::with_capacity(files.len());
    for (name, path) in files {
        texts.push((name.as_str(), read(path)?));
    }
    Ok(Lab::from_texts("corpus", texts))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
