//! Variables that have no value.

use std::collections::HashSet;

use indexmap::IndexMap;

use crate::compose::check::Problem;
use crate::compose::load::{Loader, Use};
use crate::compose::map::Map;
use crate::compose::model::{Field, Service, VariableState};
use crate::compose::node::Node;
use crate::compose::rules;
use crate::finding::{Evidence, Finding, Subject};
use crate::name::{ProjectName, ServiceName};
use crate::span::Span;

/// Keeps what is published by a variable without a value, where nothing came of it: which port is meant is not known.
pub(super) fn unread_ports(loader: &Loader, root: &Map, services: &mut IndexMap<ServiceName, Service>) {
    let unset: Vec<&Use> = loader
        .uses
        .iter()
        .filter(|used| used.state == VariableState::Unset)
        .collect();
    if unset.is_empty() {
        return;
    }
    let written = root.get("services").and_then(Node::as_map);
    for (name, service) in services {
        let map = written.and_then(|all| all.get(name.as_str())?.as_map());
        let Some(ports) = map.and_then(|map| map.get("ports")) else {
            continue;
        };
        let within = |outer: &Span, inner: &Span| {
            outer.source() == inner.source() && outer.start() <= inner.start() && inner.end() <= outer.end()
        };
        for used in unset.iter().filter(|used| within(&ports.span, &used.span)) {
            let is_read = service.ports.iter().any(|port| within(&port.span, &used.span));
            let is_said = service.unread_ports.iter().any(|port| port.span == used.span);
            if !is_read && !is_said {
                service.unread_ports.push(Field {
                    value: format!("`${{{}}}`, which has no value", used.name),
                    span: used.span.clone(),
                    interpolation: None,
                });
            }
        }
    }
}

/// Speaks of the variables that have no value: each for itself while they are few, else all in one finding.
pub(super) fn unset_variables(loader: &Loader, project: &ProjectName) -> Vec<Finding> {
    const FEW: usize = 3;
    let mut unset: IndexMap<&str, &Span> = IndexMap::new();
    let place = |span: &Span| (span.source().name().to_owned(), span.start());
    // One that is required was said to be missing already.
    let required = |problem: &&Problem| std::ptr::eq(problem.rule, &rules::REQUIRED_VARIABLE);
    let required: HashSet<_> = loader
        .problems
        .iter()
        .filter(required)
        .map(|problem| place(&problem.span))
        .collect();
    for used in loader
        .uses
        .iter()
        .filter(|used| used.state == VariableState::Unset)
    {
        if required.is_empty() || !required.contains(&place(&used.span)) {
            unset.entry(&used.name).or_insert(&used.span);
        }
    }
    let subject = || Subject::Project(project.clone());
    if unset.len() <= FEW {
        let one = |(name, span): (&&str, &&Span)| {
            Finding::new(
                &rules::UNSET_VARIABLE,
                subject(),
                format!("the variable `{name}` has no value"),
            )
            .at(span)
        };
        return unset.iter().map(one).collect();
    }
    let names: Vec<String> = unset.keys().take(FEW).map(|name| format!("`{name}`")).collect();
    let message = format!(
        "{} and {} more variables have no value",
        names.join(", "),
        unset.len() - FEW
    );
    let mut finding = Finding::new(&rules::UNSET_VARIABLE, subject(), message).at(unset[0]);
    for (name, span) in &unset {
        finding = finding.with_evidence(Evidence::at(format!("`{name}`"), span));
    }
    vec![finding]
}
