//! What can be shared of real Compose files in which a lab's values were planted, and that it means what it did.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use homelab_core::split::Split;
use homelab_core::{Lab, Observed};
use homelab_tests::corpus::Corpus;
use homelab_tests::needs::{self, Need};
use homelab_tests::planted::{Garden, Secrets, planted_into};
use serde_json::Value;

use crate::{Test, test};

/// How many files are parted in the usual run; `HOMELAB_LONG` takes all.
const SAMPLE: usize = 200;
/// How many labs are held against Docker Compose.
const LABS: usize = 200;
/// Of these plants a part stands on the next line.
const BROKEN: &str = "split over lines";

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "strata::planted_values_are_found_in_every_disguise",
            &[],
            disguises,
        ),
        test(
            "strata::real_files_are_parted_and_joined",
            &[Need::Corpus],
            round_trip,
        ),
        test(
            "strata::docker_compose_takes_a_template_for_its_original",
            &[Need::Corpus, Need::Compose],
            compose,
        ),
    ]
}

fn seen() -> Result<Observed, String> {
    let at = "2026-12-01T00:00:00Z".parse();
    Ok(Observed::none(at.map_err(|error| format!("a time: {error}"))?))
}

fn disguises() -> Result<(), String> {
    let mut missed: BTreeMap<String, usize> = BTreeMap::new();
    let (mut plants, mut wrong) = (0, Vec::new());
    for seed in 1..=2 {
        let garden = Garden::new(seed);
        let pattern = ("lab.toml", "[strata]\n'conf/**' = 3\n");
        let files = garden
            .files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        let lab = Lab::from_texts("garden", files.chain([pattern]));
        let report = lab.leaks(&seen()?).map_err(|error| error.to_string())?;
        let mut found: Vec<(&str, usize)> = Vec::new();
        for finding in report.findings() {
            let places = finding.place().into_iter();
            let more = finding.evidence().iter().filter_map(|evidence| evidence.place());
            found.extend(
                places
                    .chain(more)
                    .map(|place| (place.source().name(), place.line() as usize)),
            );
        }
        for plant in &garden.plants {
            plants += 1;
            if !found.contains(&(plant.path.as_str(), plant.line)) {
                *missed
                    .entry(format!("{:?}, {}", plant.kind, plant.disguise))
                    .or_default() += 1;
            }
        }
        for (path, line) in found {
            let is_plant = garden.plants.iter().any(|plant| {
                plant.path == path
                    && (plant.line..=plant.line + usize::from(plant.disguise == BROKEN)).contains(&line)
            });
            if !is_plant && garden.files.contains_key(path) {
                let text = garden.files[path].lines().nth(line - 1).unwrap_or_default();
                wrong.push(format!("{path}:{line}: {text}"));
            }
        }
    }
    println!("strata: {plants} plants");
    if !missed.is_empty() {
        return Err(format!("not found: {missed:#?}"));
    }
    if !wrong.is_empty() {
        return Err(format!("found where nothing is: {}", wrong.join("\n")));
    }
    Ok(())
}

/// Returns up to so many files of the corpus that Compose takes, with values planted that leave it so, from all of it.
fn labs(most: usize) -> Result<Vec<(String, Lab)>, String> {
    let corpus = Corpus::load(&needs::corpus()?)?;
    let accepted: Vec<_> = corpus.cases().iter().filter(|case| case.truth.is_ok()).collect();
    let step = (accepted.len() / most).max(1);
    let mut labs = Vec::new();
    for (index, case) in accepted.iter().enumerate().step_by(step) {
        let Ok(text) = fs::read_to_string(corpus.files().join(&case.path)) else {
            continue;
        };
        let seed = index as u64;
        let secrets = Secrets::new(seed);
        let with = planted_into(&text, &secrets, seed);
        let lab = |text: &str| {
            Lab::from_texts(
                "home",
                [
                    ("stack/compose.yaml", text),
                    ("stack/.env", secrets.environment.as_str()),
                    ("instance.toml", secrets.instance.as_str()),
                ],
            )
        };
        let errors = |lab: &Lab| {
            let errors = lab.diagnostics().iter();
            errors
                .filter(|finding| finding.rule().id.starts_with("compose."))
                .count()
        };
        let planted = lab(&with);
        let is_taken = errors(&planted) <= errors(&lab(&text));
        labs.push((case.path.clone(), if is_taken { planted } else { lab(&text) }));
    }
    Ok(labs)
}

/// Returns a split that is proven, after it was joined again.
fn parted(lab: &Lab) -> Result<Split, String> {
    let split = lab.split(&seen()?).map_err(|error| error.to_string())?;
    split.clone().prove().map_err(|error| error.to_string())?;
    let joined = split
        .values()
        .value()
        .join(split.template())
        .map_err(|error| error.to_string())?;
    for file in lab.manifest().files() {
        if joined.get(file.path()).map(Vec::as_slice) != file.bytes() {
            return Err(format!("WRONG: `{}` is not what it was", file.path()));
        }
    }
    Ok(split)
}

fn round_trip() -> Result<(), String> {
    let most = match std::env::var_os("HOMELAB_LONG") {
        Some(_) => usize::MAX,
        None => SAMPLE,
    };
    let labs = labs(most)?;
    let mut refused = Vec::new();
    let mut lifted = 0;
    for (path, lab) in &labs {
        match parted(lab) {
            Ok(split) => lifted += usize::from(split.template().file("lab.toml").is_some()),
            Err(why) => refused.push(format!("{path}: {why}")),
        }
    }
    println!(
        "strata: {} files parted, values lifted out of {lifted}, {} refused",
        labs.len(),
        refused.len()
    );
    for why in &refused {
        println!("strata: refused: {why}");
    }
    if labs.is_empty() || lifted * 2 < labs.len() {
        return Err("too few files had a value planted".to_owned());
    }
    match refused.len() * 100 > labs.len() || refused.iter().any(|why| why.contains("WRONG")) {
        true => Err(format!("{} of {} were refused", refused.len(), labs.len())),
        false => Ok(()),
    }
}

fn compose() -> Result<(), String> {
    let program = needs::compose()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (mut compared, mut different) = (0, Vec::new());
    for (number, (path, lab)) in labs(LABS * 2)?.iter().enumerate() {
        let Ok(split) = parted(lab) else { continue };
        if split.template().file("lab.toml").is_none() {
            continue;
        }
        let stack = folder.path().join(number.to_string()).join("stack");
        let original = lab
            .manifest()
            .file("stack/compose.yaml")
            .and_then(|file| file.bytes());
        let own = lab
            .manifest()
            .file("stack/.env")
            .and_then(|file| file.text())
            .unwrap_or_default();
        let stored: Value = serde_json::from_str(&split.values().value().to_private_json())
            .map_err(|error| error.to_string())?;
        let mut filled = own.to_owned();
        for (name, value) in stored["variables"]["stack"].as_object().into_iter().flatten() {
            filled.push_str(&format!(
                "{name}={}\n",
                quoted(value.as_str().unwrap_or_default())
            ));
        }
        let before = config(&program, &stack, original.unwrap_or_default(), own)?;
        let template = split.template().file("stack/compose.yaml").unwrap_or_default();
        let Ok(before) = before else { continue };
        compared += 1;
        match config(&program, &stack, template, &filled)? {
            Ok(after) if after == before => {}
            Ok(_) => different.push(format!("{path}: another project")),
            Err(why) => different.push(format!("{path}: {why}")),
        }
        if compared == LABS {
            break;
        }
    }
    println!("strata: {compared} templates held against Docker Compose");
    if compared < LABS * 3 / 4 {
        return Err(format!("only {compared} could be compared"));
    }
    match different.is_empty() {
        true => Ok(()),
        false => Err(different.join("\n")),
    }
}

/// Returns a value as a `.env` has it in double quotes.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '\n' => text.push_str("\\n"),
            '"' | '\\' | '$' => text.extend(['\\', c]),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

/// Returns what Docker Compose makes of a file with variables beside it, or what it says is wrong.
fn config(
    program: &Path,
    stack: &Path,
    text: &[u8],
    environment: &str,
) -> Result<Result<Value, String>, String> {
    let wrong = |error: std::io::Error| error.to_string();
    fs::create_dir_all(stack).map_err(wrong)?;
    fs::write(stack.join("compose.yaml"), text).map_err(wrong)?;
    fs::write(stack.join(".env"), environment).map_err(wrong)?;
    let output = Command::new(program)
        .args(["-f", "compose.yaml", "config", "--format", "json"])
        .current_dir(stack)
        .env_clear()
        .envs([("HOME", "/home/lab"), ("PATH", "/usr/bin:/bin")])
        .stdin(Stdio::null())
        .output()
        .map_err(wrong)?;
    Ok(match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?),
        false => Err(String::from_utf8_lossy(&output.stderr)
            .lines()
            .last()
            .unwrap_or_default()
            .to_owned()),
    })
}
