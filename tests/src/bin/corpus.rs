//! Prints how our resolver compares with Docker Compose over a corpus, and the first differences of each kind.
//!
//! `corpus [--corpus FOLDER] [--limit N] [--show K] [--only PART] [--list]`: the folder is `$HOMELAB_CORPUS` unless
//! given; `--limit` keeps the first N files, `--show` prints K kinds of difference (default 20), `--only` keeps the
//! files whose path contains PART and prints everything about them, `--list` prints a line for every file that is
//! not as it should be.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use homelab_tests::corpus::{Corpus, Judged, Outcome, Verdict, resolve};
use homelab_tests::summary::Summary;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(problem) => {
            eprintln!("corpus: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, String> {
    let mut folder = env::var_os("HOMELAB_CORPUS").map(PathBuf::from);
    let (mut limit, mut show, mut only, mut list) = (usize::MAX, 20, None, false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--corpus" => folder = Some(value()?.into()),
            "--limit" => limit = value()?.parse().map_err(|_| "--limit needs a number")?,
            "--show" => show = value()?.parse().map_err(|_| "--show needs a number")?,
            "--only" => only = Some(value()?),
            "--list" => list = true,
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    let mut corpus = Corpus::load(&folder.ok_or("set HOMELAB_CORPUS, or give --corpus FOLDER")?)?;
    if let Some(part) = &only {
        corpus.keep_only(part);
    }
    corpus.truncate(limit);
    let judged = corpus.judge();
    if only.is_some() && judged.len() <= 20 {
        for one in &judged {
            print_fully(&corpus, one);
        }
    }
    if list {
        for one in judged.iter().filter(|one| !one.as_it_should_be()) {
            println!("{}: {}", one.path, one.strict.in_short());
        }
    }
    let summary = Summary::of(&judged);
    summary.print(show);
    Ok(summary.all_as_it_should_be())
}

fn print_fully(corpus: &Corpus, one: &Judged) {
    println!("== {}", one.path);
    match &one.strict {
        Verdict::Differ(all) => all.iter().for_each(|difference| println!("  {difference}")),
        Verdict::BothRefuse { theirs, ours } => {
            println!("  both refuse it\n    theirs: {theirs}\n    ours:   {ours}");
        }
        other => println!("  {}", other.in_short()),
    }
    if let Err(problem) = &one.lenient {
        println!("  lenient yields no project: {problem}");
    }
    let options = homelab_core::compose::ResolveOptions::lenient();
    if let (Verdict::OnlyTheyRefuse(_), Outcome::Project(project)) =
        (&one.strict, resolve(&corpus.files().join(&one.path), options))
    {
        println!("  ours, lenient: {project}");
    }
}
