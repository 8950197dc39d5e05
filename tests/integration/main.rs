//! The tests that cross crates, or need something of the machine: one binary, each test with its needs.
//!
//! A test whose needs are absent is ignored, and the run says which and why. `HOMELAB_PRESENT` lists what the caller
//! knows to be there (`./test` passes what it installed and found): a need in that list that is not found here, and
//! so would silently ignore its tests, fails the run.

mod backups;
mod budget;
mod corpus;
mod engines;
mod generated;
mod golden;
mod hostile;
mod layers;
mod needs;
mod parity;
mod repository;
mod scenario;
mod strata;
mod tailnet;

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;

use homelab_tests::needs::Need;
use libtest_mimic::{Arguments, Failed, Trial};

/// One test: its name, what it needs, and what it does.
struct Test {
    name: &'static str,
    needs: &'static [Need],
    run: fn() -> Result<(), String>,
}

/// Declares a test.
const fn test(name: &'static str, needs: &'static [Need], run: fn() -> Result<(), String>) -> Test {
    Test { name, needs, run }
}

fn main() -> ExitCode {
    if let Some(folder) = env::var_os(backups::VICTIM) {
        return backups::victim(folder.as_ref());
    }
    let arguments = Arguments::from_args();
    let tests: Vec<Test> = [
        needs::tests(),
        layers::tests(),
        repository::tests(),
        scenario::tests(),
        parity::tests(),
        backups::tests(),
        budget::tests(),
        corpus::tests(),
        generated::tests(),
        golden::tests(),
        strata::tests(),
        hostile::tests(),
        engines::tests(),
        tailnet::tests(),
    ]
    .into_iter()
    .flatten()
    .collect();

    let mut probed: BTreeMap<Need, Result<(), String>> = BTreeMap::new();
    for need in tests.iter().flat_map(|test| test.needs) {
        probed.entry(*need).or_insert_with(|| need.probe());
    }
    let absent = |test: &Test| -> Option<Need> {
        test.needs
            .iter()
            .copied()
            .find(|need| probed.get(need).is_some_and(Result::is_err))
    };

    let trials: Vec<Trial> = tests
        .iter()
        .map(|test| {
            let run = test.run;
            let trial = Trial::test(test.name, move || run().map_err(Failed::from));
            match absent(test) {
                Some(need) => trial.with_kind(format!("needs {need}")).with_ignored_flag(true),
                None => trial,
            }
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return ExitCode::SUCCESS;
    }

    let mut ignored = 0;
    for test in tests.iter().filter(|test| selected(&arguments, test.name)) {
        if let Some(need) = absent(test) {
            ignored += 1;
            let why = probed
                .get(&need)
                .and_then(|probe| probe.as_ref().err())
                .map_or("", String::as_str);
            println!("ignored: {}: needs {need}: {why}", test.name);
        }
    }
    let mut failed = conclusion.has_failed();
    let as_usual = !arguments.ignored && !arguments.include_ignored;
    if as_usual && usize::try_from(conclusion.num_ignored) != Ok(ignored) {
        println!(
            "{} were ignored, but the needs of {ignored} are absent",
            conclusion.num_ignored
        );
        failed = true;
    }
    let present = env::var("HOMELAB_PRESENT").unwrap_or_default();
    for word in present.split(',').filter(|word| !word.is_empty()) {
        let problem = match Need::ALL.iter().find(|need| need.as_str() == word) {
            None => "there is no such need".to_owned(),
            Some(need) => match need.probe() {
                Ok(()) => continue,
                Err(why) => format!("not found here, so its tests would be ignored: {why}"),
            },
        };
        println!("HOMELAB_PRESENT names {word}: {problem}");
        failed = true;
    }
    if failed {
        ExitCode::from(101)
    } else {
        ExitCode::SUCCESS
    }
}

/// Whether the command line's filters keep a test.
fn selected(arguments: &Arguments, name: &str) -> bool {
    let matches = |filter: &str| {
        if arguments.exact {
            name == filter
        } else {
            name.contains(filter)
        }
    };
    arguments.filter.as_deref().is_none_or(matches) && !arguments.skip.iter().any(|skip| matches(skip))
}
