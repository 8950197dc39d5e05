//! What can be asked of a lab, in one table: [`Query`], and what is answered: [`Answer`].
//!
//! Servers, bindings and the command line ask by it, so that all of them can ask the same and are answered the same. A
//! query has two forms, both stable: a line of text, `findings severity=error project=immich`, and JSON,
//! `{"question": "findings", "severity": "error", "project": "immich"}`. An answer is the view record of its kind, as
//! in `schemas/query.schema.json`.
//!
//! ```
//! use homelab_core::{Answer, Lab, Observed, Query, Reach};
//!
//! let lab = Lab::from_texts(
//!     "home",
//!     [("web/compose.yaml", "services: { web: { image: 'nginx:1.29', network_mode: host } }")],
//! );
//! let seen = Observed::none("2026-12-01T00:00:00Z".parse()?);
//!
//! let query: Query = "exposure service=web".parse()?;
//! let Answer::Exposure(service) = query.answer(&lab, &seen)? else { panic!("another answer") };
//! assert_eq!(service.reach, Reach::Lan);
//! assert!(Answer::Exposure(service).to_json().contains("\"reach\": \"lan\""));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod text;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};

use crate::audit::Selection;
use crate::compose::Project;
use crate::error::Result;
use crate::finding::{Finding, Report, Severity};
use crate::lab::{Lab, LabFile, Tier};
use crate::observed::Observed;
use crate::view::{
    FileView, FindingView, PlanView, PortalView, PostureView, ProjectView, ReportView,
    ServiceExplanationView, ServiceView, SystemView,
};

/// A question about a lab.
///
/// A service is named `immich/server`, `nas:immich/server`, or by a bare name where it is unique. Rules are chosen by
/// their ids and groups, parted by commas: `service,-service.privileged`; `+hardening` adds to what the lab says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "question", rename_all = "snake_case", deny_unknown_fields)]
pub enum Query {
    // With braces, since serde lets unknown fields pass beside a tag that stands alone.
    /// The state of the lab in one record.
    Posture {},
    /// Every service, and who can reach it.
    Services {},
    /// One service, and who can reach it.
    Exposure {
        /// The service's name.
        service: String,
    },
    /// The whole report.
    Report {
        /// Which rules speak; as the lab says where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rules: Option<String>,
    },
    /// The findings that pass every filter that is given.
    Findings {
        /// Only those about this project or a service of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project: Option<String>,
        /// Which rules speak; as the lab says where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rules: Option<String>,
        /// Only those about this service.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<String>,
        /// Only those that weigh at least this much.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<Severity>,
    },
    /// What is wrong with the lab's files.
    Diagnostics {},
    /// The applications that are recognised.
    Systems {},
    /// The Compose projects.
    Projects {},
    /// The lab's files, each with its stratum.
    Files {},
    /// What `init` would write.
    InitPlan {},
    /// The services that somebody may reach.
    Portal {
        /// A person by name or login; or a group, tag or device of the tailnet.
        who: String,
    },
    /// Why somebody can reach a service, or why not.
    Explain {
        /// Who, as in `portal`.
        who: String,
        /// The service's name.
        service: String,
    },
}

/// What is answered to a query: the view record, or the records, of its kind. Serialises as these alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Answer {
    /// To `posture`.
    Posture(PostureView),
    /// To `services`.
    Services(Vec<ServiceView>),
    /// To `exposure`.
    Exposure(ServiceView),
    /// To `report`.
    Report(ReportView),
    /// To `findings`, worst first.
    Findings(Vec<FindingView>),
    /// To `diagnostics`.
    Diagnostics(Vec<FindingView>),
    /// To `systems`, by their identity.
    Systems(Vec<SystemView>),
    /// To `projects`.
    Projects(Vec<ProjectView>),
    /// To `files`, by their path.
    Files(Vec<FileView>),
    /// To `init_plan`.
    InitPlan(PlanView),
    /// To `portal`.
    Portal(PortalView),
    /// To `explain`.
    Explain(ServiceExplanationView),
}

impl Query {
    /// Returns the answer of this lab, as far as it was seen. Pure.
    ///
    /// # Errors
    /// `NotFound` or `Ambiguous` for a service, project or person that the query names, `Invalid` for rules that there are
    /// not; and as [`Lab::tailnet`] for questions about people.
    pub fn answer(&self, lab: &Lab, seen: &Observed) -> Result<Answer> {
        Ok(match self {
            Query::Posture {} => Answer::Posture(lab.posture(seen).view()),
            Query::Services {} => Answer::Services(
                lab.exposures(seen)
                    .iter()
                    .map(|exposure| exposure.view())
                    .collect(),
            ),
            Query::Exposure { service } => Answer::Exposure(lab.exposure(service, seen)?.view()),
            Query::Report { rules } => Answer::Report(report(lab, seen, rules)?.view()),
            Query::Findings {
                project,
                rules,
                service,
                severity,
            } => {
                // Those that are not there are an error, as is a rule: an empty answer would look like good news.
                let service = match service {
                    Some(name) => Some(lab.service(name)?.id()),
                    None => None,
                };
                if let Some(name) = project {
                    known_project(lab, name)?;
                }
                let passes = |finding: &&Finding| {
                    severity.is_none_or(|least| finding.severity() >= least)
                        && service.is_none_or(|id| finding.service() == Some(id))
                        && project
                            .as_ref()
                            .is_none_or(|name| finding.project().is_some_and(|own| own.as_str() == name))
                };
                let report = report(lab, seen, rules)?;
                Answer::Findings(
                    report
                        .findings()
                        .iter()
                        .filter(passes)
                        .map(Finding::view)
                        .collect(),
                )
            }
            Query::Diagnostics {} => {
                Answer::Diagnostics(lab.diagnostics().iter().map(Finding::view).collect())
            }
            Query::Systems {} => Answer::Systems(systems(lab)),
            Query::Projects {} => Answer::Projects(lab.projects().map(|own| project(lab, own)).collect()),
            Query::Files {} => Answer::Files(lab.manifest().files().iter().map(file).collect()),
            Query::InitPlan {} => Answer::InitPlan(lab.plan_init(seen).view()),
            Query::Portal { who } => Answer::Portal(lab.portal(who, seen)?),
            Query::Explain { who, service } => Answer::Explain(lab.explain(who, service, seen)?),
        })
    }
}

impl Answer {
    /// Returns the answer as JSON.
    pub fn to_json(&self) -> String {
        #[expect(
            clippy::expect_used,
            reason = "records of strings and numbers have no form JSON lacks"
        )]
        let mut json = serde_json::to_string_pretty(self).expect("plain records become JSON");
        json.push('\n');
        json
    }
}

/// Returns the schema of a query's JSON, with that of the answers as its definition `Answer`.
pub fn query_schema() -> Schema {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    generator.subschema_for::<Answer>();
    generator.into_root_schema_for::<Query>()
}

fn report(lab: &Lab, seen: &Observed, rules: &Option<String>) -> Result<Report> {
    let selection: Selection = rules.as_deref().unwrap_or_default().parse()?;
    Ok(lab.audit_with(seen, &selection))
}

/// Returns an error unless a project has this name; that several have it is no reason not to filter by it.
fn known_project(lab: &Lab, name: &str) -> Result<()> {
    match lab.project(name) {
        Err(error) if error.kind() == crate::error::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn systems(lab: &Lab) -> Vec<SystemView> {
    let mut found: BTreeMap<&str, SystemView> = BTreeMap::new();
    for service in lab.services() {
        let Some(system) = service.system() else {
            continue;
        };
        let view = found.entry(system.id()).or_insert_with(|| SystemView {
            id: system.id().to_owned(),
            name: system.name().to_owned(),
            category: system.category().as_str().to_owned(),
            services: Vec::new(),
        });
        view.services.push(service.id().to_string());
    }
    found.into_values().collect()
}

fn project(lab: &Lab, project: &Project) -> ProjectView {
    let own = |service: &crate::lab::ServiceRef<'_>| std::ptr::eq(service.project(), project);
    let mut hosts: Vec<String> = Vec::new();
    for service in lab.services().filter(own) {
        let host = service.id().host().map(ToString::to_string);
        hosts.extend(host.filter(|host| !hosts.contains(host)));
    }
    let folder = project.directory().strip_prefix(lab.root()).ok();
    let folder = folder.map(|folder| {
        let parts: Vec<_> = folder.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    });
    ProjectView {
        name: project.name().to_string(),
        folder,
        files: project
            .files()
            .iter()
            .map(|source| source.name().to_owned())
            .collect(),
        hosts,
        tier: lab
            .services()
            .find(own)
            .map_or(Tier::Unknown, |service| service.tier())
            .to_string(),
        services: project.services().keys().map(ToString::to_string).collect(),
    }
}

fn file(file: &LabFile) -> FileView {
    FileView {
        path: file.path().to_owned(),
        size: file.size(),
        kind: file.kind().to_string(),
        stratum: file.stratum().number(),
        kept: file.bytes().is_some(),
    }
}

#[cfg(test)]
mod tests;
