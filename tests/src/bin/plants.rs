//! Makes labs with planted values, or says what of them was found: for `bench/leaks`.
//!
//! `plants make FOLDER LABS` writes labs, one folder each, and `plants.tsv` beside them: lab, file, line, kind, disguise.
//! `plants find FOLDER` looks through every lab there and prints the same of what it finds: lab, file, line, rule.
//! `plants clean` looks for a planted lab's values in every file of $HOMELAB_CORPUS, where all that is found is wrong.

use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

use homelab_core::{Lab, Observed};
use homelab_tests::corpus::Corpus;
use homelab_tests::needs;
use homelab_tests::planted::{Garden, Secrets};

fn main() -> Result<(), String> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", folder, labs] => make(
            Path::new(folder),
            labs.parse().map_err(|error| format!("{labs}: {error}"))?,
        ),
        ["find", folder] => find(Path::new(folder)),
        ["clean"] => clean(),
        _ => Err("say `make FOLDER LABS`, `find FOLDER` or `clean`".to_owned()),
    }
}

fn seen() -> Result<Observed, String> {
    Ok(Observed::none(
        "2026-12-01T00:00:00Z"
            .parse()
            .map_err(|error| format!("a time: {error}"))?,
    ))
}

fn make(folder: &Path, labs: u64) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut list = String::new();
    for seed in 1..=labs {
        let (garden, name) = (Garden::new(seed), format!("lab-{seed:03}"));
        for (path, content) in &garden.files {
            let file = folder.join(&name).join(path);
            if let Some(above) = file.parent() {
                fs::create_dir_all(above).map_err(text)?;
            }
            fs::write(file, content).map_err(text)?;
        }
        fs::write(folder.join(&name).join("lab.toml"), "[strata]\n'conf/**' = 3\n").map_err(text)?;
        for plant in &garden.plants {
            list.push_str(&format!(
                "{name}\t{}\t{}\t{:?}\t{}\n",
                plant.path, plant.line, plant.kind, plant.disguise
            ));
        }
    }
    fs::write(folder.join("plants.tsv"), list).map_err(text)
}

fn find(folder: &Path) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut labs: Vec<_> = fs::read_dir(folder)
        .map_err(text)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    labs.sort();
    let mut out = io::stdout().lock();
    for path in labs {
        let lab = Lab::load(&path).map_err(|error| error.to_string())?;
        let report = lab.leaks(&seen()?).map_err(|error| error.to_string())?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for finding in report.findings() {
            let own = finding.place().into_iter();
            let others = finding.evidence().iter().filter_map(|evidence| evidence.place());
            for place in own.chain(others) {
                writeln!(
                    out,
                    "{name}\t{}\t{}\t{}",
                    place.source().name(),
                    place.line(),
                    finding.rule().id
                )
                .map_err(text)?;
            }
        }
    }
    Ok(())
}

fn clean() -> Result<(), String> {
    let corpus = Corpus::load(&needs::corpus()?)?;
    let (seen, secrets) = (seen()?, Secrets::new(1));
    let owner = Lab::from_texts(
        "home",
        [
            ("instance.toml", secrets.instance),
            ("a/.env", secrets.environment),
        ],
    );
    let vocabulary = owner.vocabulary(&seen);
    let mut out = io::stdout().lock();
    for case in corpus.cases().iter().filter(|case| case.truth.is_ok()) {
        let Ok(text) = fs::read_to_string(corpus.files().join(&case.path)) else {
            continue;
        };
        let lab = Lab::from_texts("clean", [("compose.yaml", text)]);
        let all = lab.vocabulary(&seen).with(&vocabulary);
        let report = lab
            .leaks_of(&all, &seen, &homelab_core::audit::Selection::default())
            .map_err(|error| error.to_string())?;
        let known: Vec<&str> = vocabulary
            .terms()
            .iter()
            .map(|term| term.slot().as_str())
            .collect();
        for finding in report.findings() {
            // What the file itself says is its own; only the planted lab's values are wrong there.
            let is_own = finding.rule().id.starts_with("leak.known")
                && !known
                    .iter()
                    .any(|slot| finding.message().contains(&format!("`{slot}`")));
            let rule = if is_own { "own" } else { finding.rule().id };
            writeln!(out, "{}\t{rule}", case.path).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}
