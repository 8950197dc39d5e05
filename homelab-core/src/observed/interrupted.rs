//! Runs that were killed midway: [`Interrupted`], and the plan that puts back what they left.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Observed;
use crate::plan::{Leftover, Plan, Step};

/// A run that was killed midway, and what it may have left, from its recovery file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    run: String,
    title: String,
    at: Timestamp,
    leftovers: Vec<Leftover>,
}

impl Interrupted {
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "plans are applied on Unix only so far")
    )]
    pub(crate) fn new(
        run: String,
        title: String,
        at: Timestamp,
        leftovers: impl IntoIterator<Item = Leftover>,
    ) -> Self {
        Interrupted {
            run,
            title,
            at,
            leftovers: leftovers.into_iter().collect(),
        }
    }

    /// Returns the run's own name.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Returns what its plan was for.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns when it began.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns what is to be put back, if it is there.
    pub fn leftovers(&self) -> &[Leftover] {
        &self.leftovers
    }
}

impl Observed {
    /// Returns the plan that puts back what runs that were killed midway have left: empty when there are none, or they
    /// were not looked for. Applying any other plan does the same first.
    pub fn plan_recover(&self) -> Plan {
        let mut seen = BTreeSet::new();
        let runs = self.interrupted().map_or(&[][..], |runs| runs.value());
        let steps: Vec<Step> = runs
            .iter()
            .flat_map(|run| run.leftovers.iter().map(move |leftover| (run, leftover)))
            .filter(|(_, leftover)| seen.insert((*leftover).clone()))
            .map(|(run, leftover)| Step::put_back(&run.run, leftover.clone()))
            .collect();
        Plan::new("put back what was left", steps).expect("each leftover, and so each path, is taken once")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovering_is_a_step_for_each_leftover_and_nothing_offline() {
        let at: Timestamp = "2027-01-01T00:00:00Z".parse().expect("a time");
        let seen = Observed::none(at);
        assert!(seen.plan_recover().is_empty());
        let leftover = |path: &str| Leftover::TemporaryFile {
            path: path.parse().expect("a path"),
        };
        let run = |name: &str, paths: &[&str]| {
            Interrupted::new(
                name.into(),
                "x".into(),
                at,
                paths.iter().map(|path| leftover(path)),
            )
        };
        // Two recovery files that name one path are no reason to fail.
        let seen = seen.with_interrupted(vec![run("a", &["1", "2"]), run("b", &["2", "3"])]);
        let plan = seen.plan_recover();
        assert_eq!(
            plan.to_string(),
            "put back what was left\n  1. remove temporary file `1`\n  2. remove temporary file `2`\n  \
             3. remove temporary file `3`\n"
        );
    }
}
