//! The resolver beside the docker-compose binary, over generated projects.

use std::env;

use homelab_tests::beside::{Beside, shown};
use homelab_tests::corpus::Judged;
use homelab_tests::needs::{self, Need};
use homelab_tests::summary::Summary;

use crate::{Test, test};

/// How many projects the usual run makes, always the same ones.
const USUAL: u64 = 150;

/// How many projects `--long` makes.
const LONG: u64 = 5_000;

pub(crate) fn tests() -> Vec<Test> {
    vec![test(
        "generated::projects_mean_what_docker_compose_means",
        &[Need::Compose],
        generated,
    )]
}

fn generated() -> Result<(), String> {
    let count = if env::var_os("HOMELAB_LONG").is_some() {
        LONG
    } else {
        USUAL
    };
    let beside = Beside::new(needs::compose()?)?;
    let judged: Vec<Judged> = beside
        .judge(1, count)?
        .into_iter()
        .map(|(_, judged)| judged)
        .collect();
    let summary = Summary::of(&judged);
    println!("generated: {}", summary.line());
    if summary.accepted * 100 < judged.len() * 60 {
        return Err(format!(
            "only {} of {} projects are valid: they compare too little",
            summary.accepted,
            judged.len()
        ));
    }
    if summary.all_as_it_should_be() {
        return Ok(());
    }
    summary.print(20);
    let mut report = String::new();
    for (kind, path) in summary.kinds().into_iter().take(3) {
        let Some(seed) = path.strip_prefix("seed ").and_then(|seed| seed.parse().ok()) else {
            continue;
        };
        match beside.shrink(seed, kind) {
            Ok((project, example)) => report.push_str(&format!("{kind}: {example}\n{}\n", shown(&project))),
            Err(problem) => report.push_str(&format!("{kind}: {problem}\n")),
        }
    }
    Err(report)
}
