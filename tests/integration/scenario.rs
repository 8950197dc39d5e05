//! The same questions about the sample lab have the same answers in every language, to the byte.
//!
//! What is expected is in tests/scenario, made by this test with HOMELAB_UPDATE=1. Python (test_scenario.py), Kotlin
//! (ScenarioTest.kt) and Swift (ScenarioTests.swift) ask the same at the same moment, and are held against the same files.

use std::path::Path;
use std::{env, fs};

use homelab_core::{Lab, Observed, Query};
use homelab_tests::corpus::Corpus;
use homelab_tests::needs::{Need, repository};

use crate::{Test, test};

/// The moment, as the other languages write it.
const AT: &str = "2026-12-01T12:00:00Z";

/// Each file, and the question that it answers.
const QUESTIONS: [(&str, &str); 4] = [
    ("audit.json", "report"),
    ("exposure.json", "exposure service=immich/server"),
    ("posture.json", "posture"),
    ("services.json", "services"),
];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "scenario::the_sample_lab_is_answered_as_in_every_language",
            &[],
            sample_lab,
        ),
        test(
            "scenario::labs_of_the_corpus_are_stored_and_judged_alike",
            &[Need::Corpus],
            stored_labs,
        ),
    ]
}

fn sample_lab() -> Result<(), String> {
    let lab = Lab::load(repository().join("examples/lab")).map_err(|error| error.to_string())?;
    let stored = Lab::from_json(&lab.to_private_json()).map_err(|error| error.to_string())?;
    let seen = Observed::none(AT.parse().map_err(|error| format!("{error}"))?);
    let folder = repository().join("tests/scenario");
    let mut stale = Vec::new();
    for (name, question) in QUESTIONS {
        let query: Query = question.parse().map_err(|error| format!("{error}"))?;
        let answer = |lab: &Lab| {
            let answer = query.answer(lab, &seen).map_err(|error| error.to_string())?;
            Ok::<_, String>(answer.to_json())
        };
        let json = answer(&lab)?;
        if json != answer(&stored)? {
            return Err(format!("the stored lab answers `{question}` otherwise"));
        }
        if env::var_os("HOMELAB_UPDATE").is_some() {
            fs::write(folder.join(name), json).map_err(|error| error.to_string())?;
        } else if fs::read_to_string(folder.join(name)).ok() != Some(json) {
            stale.push(name);
        }
    }
    match stale.as_slice() {
        [] => Ok(()),
        stale => Err(format!(
            "tests/scenario has other answers in {}: run with HOMELAB_UPDATE=1 if this is meant",
            stale.join(", ")
        )),
    }
}

/// Labs of real files, stored and opened again: their verdicts are the same, and nothing that a report would hide is
/// in the text.
fn stored_labs() -> Result<(), String> {
    let corpus = Corpus::load(Path::new(
        &env::var_os("HOMELAB_CORPUS").ok_or("HOMELAB_CORPUS is not set")?,
    ))?;
    let seen = Observed::none(AT.parse().map_err(|error| format!("{error}"))?);
    let (mut all, mut other) = (0, Vec::new());
    for case in corpus.cases() {
        let file = corpus.files().join(&case.path);
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        let mut texts = vec![("app/compose.yaml", text)];
        if let Ok(text) = fs::read_to_string(file.with_file_name(".env")) {
            texts.push(("app/.env", text));
        }
        let lab = Lab::from_texts("corpus", texts);
        let stored = Lab::from_json(&lab.to_private_json()).map_err(|error| error.to_string())?;
        all += 1;
        let (own, opened) = (lab.audit(&seen).to_json(), stored.audit(&seen).to_json());
        if own != opened {
            let lines = own
                .lines()
                .zip(opened.lines())
                .find(|(own, opened)| own != opened);
            let (own, opened) = lines.map_or(("", ""), |(own, opened)| (own.trim(), opened.trim()));
            println!("stored: {}: `{own}` is `{opened}`", case.path);
            other.push(case.path.as_str());
        }
    }
    println!(
        "stored: {all} labs of one file, {} judged otherwise when opened again",
        other.len()
    );
    // What a judge repeats of a hash, and passwords that are words of the lab, are told otherwise.
    if all == 0 || other.len() * 100 > all {
        return Err(format!("too many are judged otherwise: {}", other.join(", ")));
    }
    Ok(())
}
