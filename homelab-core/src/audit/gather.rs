//! One finding for one fact: what is true of more than three services is said once, with a list.

use indexmap::IndexMap;

use crate::finding::{Evidence, Finding, Severity, Subject};
use crate::lab::in_words;
use crate::name::{ProjectName, ServiceId, ServiceName};

type Groups<K, V> = IndexMap<K, V, foldhash::fast::RandomState>;

/// How many services a fact may be true of before it is one of the lab, and how often it may be true of one.
const FEW: usize = 3;

/// How many names a message holds; the evidence has them all.
const NAMED: usize = 5;

/// Returns the findings without repetitions, and with one finding of the lab for each fact that is true of many.
///
/// A service that several machines run is declared once, and counted once. Findings about the lab itself stay as they
/// are: each is about another place.
pub(super) fn gather(findings: Vec<Finding>) -> Vec<Finding> {
    let mut groups: Groups<(&'static str, Severity), Vec<Finding>> = Groups::default();
    for finding in without_repetitions(findings) {
        groups
            .entry((finding.rule().id, finding.severity()))
            .or_default()
            .push(finding);
    }
    let mut gathered = Vec::new();
    for group in groups.into_values() {
        let (own, others): (Vec<_>, Vec<_>) = group
            .into_iter()
            .partition(|finding| *finding.subject() == Subject::Lab);
        gathered.extend(own);
        let things = things(&others);
        if things.len() > FEW {
            gathered.extend(one_of_many(others, &things));
        } else {
            gathered.extend(one_for_each(others));
        }
    }
    gathered
}

/// Takes out what is said twice of one place, as it is of a service that several machines run. What remains names the
/// machine only where all of them do.
fn without_repetitions(findings: Vec<Finding>) -> impl Iterator<Item = Finding> {
    type Key = (
        &'static str,
        Option<(String, usize)>,
        Option<(ProjectName, Option<ServiceName>)>,
        String,
    );
    let mut seen: Groups<Key, Finding> = Groups::default();
    for finding in findings {
        let place = finding
            .place()
            .map(|place| (place.source().name().to_owned(), place.start()));
        let subject = finding
            .project()
            .map(|project| (project.clone(), finding.service().map(|id| id.service().clone())));
        let key = (finding.rule().id, place, subject, finding.message().to_owned());
        match seen.get_mut(&key) {
            None => {
                seen.insert(key, finding);
            }
            Some(first) if first.subject() != finding.subject() => {
                if let Some(id) = first.service() {
                    let anywhere = ServiceId::new(None, id.project().clone(), id.service().clone());
                    *first = first.clone().about(Subject::Service(anywhere));
                }
            }
            Some(_) => {}
        }
    }
    seen.into_values()
}

/// Returns what the findings are about, each once, without machines, in order.
fn things(findings: &[Finding]) -> Vec<String> {
    let mut names: Vec<String> = findings.iter().filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns the findings with one for each thing of which a fact is true many times: thirty variables without a value.
fn one_for_each(findings: Vec<Finding>) -> Vec<Finding> {
    let mut things: Groups<Subject, Vec<Finding>> = Groups::default();
    for finding in findings {
        things.entry(finding.subject().clone()).or_default().push(finding);
    }
    let mut gathered = Vec::new();
    for (_, mut findings) in things {
        if findings.len() <= FEW {
            gathered.extend(findings);
            continue;
        }
        findings.sort_by_key(key);
        let more = findings.len() - 1;
        let Some(first) = findings.first() else {
            continue;
        };
        let message = format!("{}, and {more} more of the kind", first.message());
        let one = Finding::new(first.rule(), first.subject().clone(), message);
        gathered.push(with_all(one, &findings, |finding| finding.message().to_owned()));
    }
    gathered
}

fn name(finding: &Finding) -> Option<String> {
    match finding.subject() {
        Subject::Lab => None,
        Subject::Project(project) => Some(format!("`{project}`")),
        Subject::Service(id) => Some(format!("`{}/{}`", id.project(), id.service())),
    }
}

/// What findings are put in order by.
fn key(finding: &Finding) -> (Option<(String, usize)>, Option<String>, String) {
    let place = finding.place();
    (
        place.map(|place| (place.source().name().to_owned(), place.start())),
        name(finding),
        finding.message().to_owned(),
    )
}

fn one_of_many(mut findings: Vec<Finding>, things: &[String]) -> Option<Finding> {
    findings.sort_by_key(key);
    let first = findings.first()?;
    let kind = if findings.iter().any(|finding| finding.service().is_some()) {
        "services"
    } else {
        "projects"
    };
    let (title, count) = (first.rule().title, things.len());
    let message = format!("{title}: {count} {kind}, {}", in_words(things, "and", NAMED));
    let one = Finding::new(first.rule(), Subject::Lab, message);
    Some(with_all(one, &findings, |finding| match name(finding) {
        Some(name) => format!("{name}: {}", finding.message()),
        None => finding.message().to_owned(),
    }))
}

/// Returns a finding that stands for all of these: at the place of the first, with each as evidence.
fn with_all(mut one: Finding, findings: &[Finding], text: impl Fn(&Finding) -> String) -> Finding {
    if let Some(first) = findings.first() {
        one = one.with_severity(first.severity()).at_maybe(first.place());
        if findings.iter().all(|finding| finding.fix() == first.fix()) {
            one = one.with_fix(first.fix());
        }
    }
    if findings.iter().any(|finding| !finding.shows_snippet()) {
        one = one.without_snippet();
    }
    findings.iter().fold(one, |one, finding| {
        one.with_evidence(match finding.place() {
            Some(place) => Evidence::at(text(finding), place),
            None => Evidence::said(text(finding)),
        })
    })
}
