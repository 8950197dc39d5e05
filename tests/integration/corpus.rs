//! The resolver against what Docker Compose says of real files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use homelab_tests::corpus::{Corpus, Verdict};
use homelab_tests::needs::{self, Need, repository};
use homelab_tests::summary::Summary;

use crate::{Test, test};

/// How many files we may accept that Docker Compose refuses; each is listed with its reason.
const MOST_ALLOWED: usize = 10;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "corpus::strict_is_docker_compose_and_lenient_never_gives_up",
            &[Need::Corpus],
            corpus,
        ),
        test(
            "corpus::what_we_accept_alone_is_listed_with_reasons",
            &[],
            allowed_is_well_formed,
        ),
    ]
}

fn corpus() -> Result<(), String> {
    let corpus = Corpus::load(&needs::corpus()?)?;
    let judged = corpus.judge();
    let summary = Summary::of(&judged);
    let allowed = allowed()?;
    println!("corpus: {}", summary.line());

    let mut problems = Vec::new();
    for one in &judged {
        let fine = match &one.strict {
            Verdict::OnlyTheyRefuse(_) => allowed.contains_key(&one.path),
            _ => one.as_it_should_be(),
        };
        if !fine {
            problems.push(format!("{}: {}", one.path, one.strict.in_short()));
        } else if let (Err(problem), true) = (&one.lenient, one.is_yaml) {
            problems.push(format!("{}: lenient yields no project: {problem}", one.path));
        }
    }
    let accepted: BTreeSet<&String> = summary.only_they_refuse.iter().collect();
    let present: BTreeSet<&str> = judged.iter().map(|one| one.path.as_str()).collect();
    for path in allowed
        .keys()
        .filter(|path| present.contains(path.as_str()) && !accepted.contains(path))
    {
        problems.push(format!(
            "{path}: listed as accepted by us alone, but it is refused: take it off the list"
        ));
    }
    if problems.is_empty() {
        return Ok(());
    }
    summary.print(15);
    let rest = problems.len().saturating_sub(20);
    problems.truncate(20);
    Err(format!("{}\nand {rest} files more", problems.join("\n")))
}

fn allowed_is_well_formed() -> Result<(), String> {
    let allowed = allowed()?;
    if allowed.len() > MOST_ALLOWED {
        return Err(format!(
            "{} files are listed, at most {MOST_ALLOWED} may be",
            allowed.len()
        ));
    }
    match allowed.iter().find(|(_, reason)| reason.len() < 10) {
        Some((path, _)) => Err(format!("{path} is listed without a reason")),
        None => Ok(()),
    }
}

/// Reads the files that we may accept though Docker Compose refuses them: the lines ``- `PATH`: REASON`` of the
/// document's section on them.
fn allowed() -> Result<BTreeMap<String, String>, String> {
    let document = repository().join("docs/compose-differences.md");
    if !document.exists() {
        return Ok(BTreeMap::new());
    }
    let text = fs::read_to_string(&document).map_err(|error| error.to_string())?;
    let mut all = BTreeMap::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('#') {
            inside = line.to_lowercase().contains("accepted");
        }
        let Some(entry) = line.strip_prefix("- `").filter(|_| inside) else {
            continue;
        };
        let (path, reason) = entry
            .split_once('`')
            .ok_or_else(|| format!("no closing backtick: {line}"))?;
        all.insert(path.to_owned(), reason.trim_start_matches([':', ' ']).to_owned());
    }
    Ok(all)
}
