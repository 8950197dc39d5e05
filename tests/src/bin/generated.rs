//! Prints how our resolver compares with the docker-compose binary over generated projects, and the smallest project
//! that shows each kind of difference.
//!
//! `generated [--count N] [--seed S] [--show K] [--print SEED] [--inputs FOLDER]`: N projects (default 150) from seed S
//! (default 1); the K most frequent kinds (default 5) are each shrunk to a smallest project; `--print` prints the files
//! of a seed; `--inputs` writes inputs of 500 seeds for the fuzz target of projects, for it to begin with.

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use homelab_tests::beside::{Beside, shown};
use homelab_tests::corpus::Judged;
use homelab_tests::fuzzing;
use homelab_tests::generate::Generated;
use homelab_tests::needs;
use homelab_tests::summary::Summary;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(problem) => {
            eprintln!("generated: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, String> {
    let (mut count, mut seed, mut show) = (150, 1, 5);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--inputs" {
            return write_inputs(Path::new(&arguments.next().ok_or("--inputs needs a folder")?));
        }
        let mut number = || -> Result<u64, String> {
            let value = arguments.next().ok_or(format!("{argument} needs a number"))?;
            value
                .parse()
                .map_err(|_| format!("{argument} needs a number, not `{value}`"))
        };
        match argument.as_str() {
            "--count" => count = number()?,
            "--seed" => seed = number()?,
            "--show" => show = number()?,
            "--print" => {
                println!("{}", shown(&Generated::of(number()?)));
                return Ok(true);
            }
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    let beside = Beside::new(needs::compose()?)?;
    let judged: Vec<Judged> = beside
        .judge(seed, count)?
        .into_iter()
        .map(|(_, judged)| judged)
        .collect();
    let summary = Summary::of(&judged);
    summary.print(usize::try_from(show).unwrap_or(usize::MAX).max(20));
    for (kind, path) in summary
        .kinds()
        .into_iter()
        .take(usize::try_from(show).unwrap_or(usize::MAX))
    {
        let Some(seed) = path.strip_prefix("seed ").and_then(|seed| seed.parse().ok()) else {
            continue;
        };
        match beside.shrink(seed, kind) {
            Ok((project, example)) => println!("\n== {kind} (seed {seed})\n{example}\n{}", shown(&project)),
            Err(problem) => println!("\n== {kind} (seed {seed})\n{problem}"),
        }
    }
    Ok(summary.all_as_it_should_be())
}

fn write_inputs(folder: &Path) -> Result<bool, String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for seed in 0..500 {
        let path = folder.join(format!("seed-{seed}"));
        fs::write(&path, fuzzing::damaged(seed)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(true)
}
