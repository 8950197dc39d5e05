//! Slots: the values that each lab gives itself, declared in lab.toml and filled in `.env` beside a Compose file.

use std::collections::{BTreeMap, BTreeSet};

use super::{Pattern, in_words, nearest, rules};
use crate::compose::{self, Project, VariableState};
use crate::finding::{Evidence, Finding, Rule, Subject};
use crate::name::{ProjectName, SlotName};
use crate::span::{Span, Spanned};

/// A declared slot: `[slots.NAME]` in lab.toml.
///
/// Its value stands in the `.env` beside each Compose file that uses it, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub(super) name: SlotName,
    pub(super) span: Span,
    pub(super) description: Option<Spanned<String>>,
    pub(super) secret: bool,
    pub(super) default: Option<Spanned<String>>,
}

impl Slot {
    /// Returns the variable's name.
    pub fn name(&self) -> &SlotName {
        &self.name
    }

    /// Returns where it is declared.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns what it is for.
    pub fn description(&self) -> Option<&str> {
        self.description.as_ref().map(|text| text.value().as_str())
    }

    /// Returns whether its value must never be shown.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Returns what a lab that says nothing has: the default that every Compose text should carry too.
    pub fn default(&self) -> Option<&str> {
        self.default.as_ref().map(|text| text.value().as_str())
    }
}

/// One place where a Compose text names a variable.
struct Use<'a> {
    project: &'a Project,
    state: &'a VariableState,
    span: &'a Span,
}

/// Compares the declared slots with the variables that the projects' files name. A lab that declares none has said
/// nothing of them, and nothing is said of it.
pub(super) fn findings(pattern: &Pattern, projects: &[Project]) -> Vec<Finding> {
    let slots = pattern.slots();
    if slots.is_empty() {
        return Vec::new();
    }
    let mut uses: BTreeMap<&str, Vec<Use<'_>>> = BTreeMap::new();
    for project in projects {
        for (name, state, span) in project.variables() {
            uses.entry(name).or_default().push(Use { project, state, span });
        }
    }
    let mut findings = Vec::new();
    for slot in slots.values() {
        match uses.get(slot.name().as_str()) {
            Some(uses) => findings.extend(missing(slot, uses)),
            None if is_passed_on(slot.name(), projects) => {}
            None => {
                let message = format!("no Compose file uses the slot `{}`", slot.name());
                findings.push(Finding::new(&rules::UNUSED_SLOT, Subject::Lab, message).at(slot.span()));
            }
        }
    }
    findings.extend(undeclared(pattern, &uses));
    findings
}

/// Returns a finding for each project that uses a slot which has no value there.
fn missing<'a>(slot: &'a Slot, uses: &'a [Use<'a>]) -> impl Iterator<Item = Finding> + 'a {
    let mut seen: BTreeSet<&ProjectName> = BTreeSet::new();
    uses.iter()
        .filter(|used| slot.default.is_none() && used.is_empty())
        .filter(move |used| seen.insert(used.project.name()))
        .map(move |used| {
            let name = slot.name();
            let project = used.project.name().clone();
            let message = format!("the slot `{name}` has no value in `{project}`");
            Finding::new(&rules::MISSING_SLOT, Subject::Project(project), message)
                .at(used.span)
                .with_evidence(Evidence::at(format!("`{name}` is declared here"), slot.span()))
                .with_fix(match slot.description() {
                    Some(description) => {
                        format!("set `{name}` in the `.env` beside the Compose file: {description}")
                    }
                    None => format!("set `{name}` in the `.env` beside the Compose file"),
                })
        })
}

impl Use<'_> {
    /// Whether the variable has no value, and Compose takes an empty text for it: what it refuses is said already.
    fn is_empty(&self) -> bool {
        let refused = |finding: &Finding| {
            std::ptr::eq(finding.rule(), &compose::rules::REQUIRED_VARIABLE)
                && finding.place() == Some(self.span)
        };
        *self.state == VariableState::Unset && !self.project.diagnostics().iter().any(refused)
    }

    /// Returns what is said of it besides: that it has no value here.
    fn lack(&self) -> String {
        if self.is_empty() {
            format!(", and has no value in `{}`", self.project.name())
        } else {
            String::new()
        }
    }
}

/// Returns whether these findings of slots say already what one of a project says: that a variable has no value.
pub(super) fn says(pattern: &Pattern, slots: &[Finding], finding: &Finding) -> bool {
    let speaks = |rule: &Rule| {
        let rules = pattern.rules().iter();
        rules
            .filter(|(id, _)| *id == rule.id || *id == "lab")
            .all(|(_, on)| *on.value())
    };
    let said = |one: (Option<&str>, Option<&Span>)| {
        let mut speaking = slots.iter().filter(|slot| speaks(slot.rule()));
        speaking.any(|slot| lines(slot).any(|own| own == one))
    };
    // One that speaks of many has each of them as evidence, and its message names the first few.
    let own = lines(finding).skip(usize::from(!finding.evidence().is_empty()));
    std::ptr::eq(finding.rule(), &compose::rules::UNSET_VARIABLE) && own.into_iter().all(said)
}

/// Returns the variable that each line of a finding is about, which it names first, and the place.
fn lines(finding: &Finding) -> impl Iterator<Item = (Option<&str>, Option<&Span>)> {
    let evidence = finding.evidence().iter().map(|one| (one.text(), one.place()));
    std::iter::once((finding.message(), finding.place()))
        .chain(evidence)
        .map(|(text, place)| (text.split('`').nth(1), place))
}

/// Returns whether a service gets the variable as it is, by `env_file: .env`.
fn is_passed_on(name: &SlotName, projects: &[Project]) -> bool {
    projects
        .iter()
        .flat_map(|project| project.services().values())
        .any(|service| service.environment.contains_key(name.as_str()))
}

/// Returns what is said of variables that lab.toml does not declare: one finding for each, or one for all where there
/// are more than three.
fn undeclared(pattern: &Pattern, uses: &BTreeMap<&str, Vec<Use<'_>>>) -> Vec<Finding> {
    // Compose sets these itself, or reads them for its own use.
    let is_own = |name: &str| name == "PWD" || name.starts_with("COMPOSE_");
    let unknown: Vec<(&str, &Use<'_>)> = uses
        .iter()
        .filter(|(name, _)| !is_own(name) && !pattern.slots().contains_key(**name))
        .filter_map(|(name, uses)| {
            // The one to look at first is where it has no value.
            let empty = uses.iter().find(|used| used.is_empty());
            Some((*name, empty.or(uses.first())?))
        })
        .collect();
    let evidence = |name: &str, used: &Use<'_>| {
        let text = format!("`{name}` is used by `{}`{}", used.project.name(), used.lack());
        Evidence::at(text, used.span)
    };
    if unknown.len() > 3 {
        let names: Vec<String> = unknown.iter().map(|(name, _)| format!("`{name}`")).collect();
        let message = format!(
            "{} variables are not declared as slots: {}",
            names.len(),
            in_words(&names, "and", 8)
        );
        let mut finding = Finding::new(&rules::UNDECLARED_SLOT, Subject::Lab, message)
            .at_maybe(pattern.source().map(Span::file).as_ref());
        for (name, used) in unknown {
            finding = finding.with_evidence(evidence(name, used));
        }
        return vec![finding];
    }
    unknown
        .into_iter()
        .map(|(name, used)| {
            let message = format!("the variable `{name}` is not declared as a slot{}", used.lack());
            let subject = Subject::Project(used.project.name().clone());
            let finding = Finding::new(&rules::UNDECLARED_SLOT, subject, message).at(used.span);
            let finding = finding.with_evidence(evidence(name, used));
            match nearest(name, pattern.slots().keys().map(SlotName::as_str)) {
                Some(near) => finding.with_fix(format!(
                    "did you mean `{near}`? else add `[slots.{name}]` to lab.toml"
                )),
                None => finding.with_fix(format!("add `[slots.{name}]` with a description to lab.toml")),
            }
        })
        .collect()
}
