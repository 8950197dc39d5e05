//! Few findings, all worth reading: measured over real files.

use homelab_tests::budget::Budget;
use homelab_tests::corpus::Corpus;
use homelab_tests::needs::{self, Need};

use crate::{Test, test};

/// How many findings there may be for one service on average, by default.
const MOST: f64 = 2.0;

pub(crate) fn tests() -> Vec<Test> {
    vec![test(
        "budget::few_findings_for_each_service",
        &[Need::Corpus],
        budget,
    )]
}

fn budget() -> Result<(), String> {
    let budget = Budget::of(&Corpus::load(&needs::corpus()?)?);
    println!("budget: {}", budget.text());
    if budget.labs() == 0 {
        return Err("no file has a service".to_owned());
    }
    if budget.mean() > MOST {
        return Err(format!(
            "{:.2} findings for each service, more than {MOST}",
            budget.mean()
        ));
    }
    Ok(())
}
