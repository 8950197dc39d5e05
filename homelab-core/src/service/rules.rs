//! Hygiene: how services are set up, whoever can reach them. Judges of files alone.

mod folder;
mod hardening;
mod privileges;
pub(crate) mod secrets;
mod socket;
mod storage;
#[cfg(test)]
mod tests;
mod unrelated;

use indexmap::IndexMap;

use crate::compose::{Project, Service};
use crate::finding::{Finding, Rule, Subject};
use crate::lab::{Lab, ServiceRef, Tier};
use crate::name::{HostName, ServiceId};
use crate::service::image::ImageReference;
use crate::span::Span;
use crate::system::{Category, System};

/// Every rule of hygiene that is on.
pub(crate) const ALL: &[&Rule] = &[
    &socket::DOCKER_SOCKET,
    &socket::PUBLISHED_SOCKET_PROXY,
    &folder::HOST_FOLDER,
    &privileges::PRIVILEGED,
    &privileges::HOST_NAMESPACE,
    &privileges::DANGEROUS_CAPABILITY,
    &storage::BIND_MOUNTED_DATABASE,
    &storage::DATABASE_WITHOUT_VOLUME,
    &secrets::LITERAL_SECRET,
    &secrets::DEFAULT_PASSWORD,
    &unrelated::UNRELATED_APPLICATIONS,
];

/// Those that are off until somebody asks for them.
pub(crate) const HARDENING: &[&Rule] = &[
    &hardening::READ_ONLY,
    &hardening::CAPABILITIES,
    &hardening::LIMITS,
    &hardening::NEW_PRIVILEGES,
    &hardening::ROOT_USER,
];

/// Returns what is worth saying about how services are set up, in the order of projects and files.
pub(crate) fn hygiene(services: &[Declared<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in services {
        socket::judge(service, &mut findings);
        folder::judge(service, &mut findings);
        privileges::judge(service, &mut findings);
        storage::judge(service, &mut findings);
    }
    for project in services.chunk_by(|a, b| std::ptr::eq(a.project, b.project)) {
        secrets::judge(project, &mut findings);
        unrelated::judge(project, &mut findings);
    }
    findings
}

/// Returns what each service could do without: the opt-in rules `hardening.*`.
pub(crate) fn hardening(services: &[Declared<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in services {
        hardening::judge(service, &mut findings);
    }
    findings
}

#[cfg(test)]
impl Lab {
    fn hygiene(&self) -> Vec<Finding> {
        hygiene(&Declared::all(self))
    }

    fn hardening(&self) -> Vec<Finding> {
        hardening(&Declared::all(self))
    }
}

/// A service as it is declared: once, however many machines run it.
pub(crate) struct Declared<'a> {
    pub(crate) id: ServiceId,
    pub(crate) project: &'a Project,
    pub(crate) service: &'a Service,
    pub(crate) tier: Tier,
    /// The machines that run it; none where the lab does not say.
    pub(crate) hosts: Vec<&'a HostName>,
    pub(crate) image: Option<&'a ImageReference>,
    pub(crate) system: Option<&'a System>,
}

impl<'a> Declared<'a> {
    /// Returns every service of the lab, those of one project together. Its identity has a machine where exactly one
    /// runs it.
    pub(crate) fn all(lab: &'a Lab) -> Vec<Declared<'a>> {
        // A definition is the same one exactly when it is the same object of the lab.
        let mut places: IndexMap<*const Service, Vec<ServiceRef<'a>>> = IndexMap::new();
        for reference in lab.services() {
            let place: *const Service = reference.service();
            places.entry(place).or_default().push(reference);
        }
        let mut all: Vec<Declared<'a>> = places
            .into_values()
            .filter_map(|references| Declared::of(&references))
            .collect();
        // The lab's order is by project already, but for those that several machines run.
        let order: IndexMap<*const Project, usize> = lab
            .projects()
            .enumerate()
            .map(|(at, project)| (std::ptr::from_ref(project), at))
            .collect();
        all.sort_by_key(|service| order.get(&std::ptr::from_ref(service.project)).copied());
        all
    }

    fn of(references: &[ServiceRef<'a>]) -> Option<Declared<'a>> {
        let first = references.first()?;
        let service = first.service();
        let id = match references {
            [only] => only.id().clone(),
            _ => ServiceId::new(None, first.id().project().clone(), first.id().service().clone()),
        };
        Some(Declared {
            id,
            project: first.project(),
            service,
            tier: first.tier(),
            hosts: references
                .iter()
                .filter_map(|reference| reference.id().host())
                .collect(),
            system: first.system(),
            image: first.image(),
        })
    }

    /// Returns a finding about it, at a place.
    pub(crate) fn finding(&self, rule: &'static Rule, message: impl Into<String>, place: &Span) -> Finding {
        Finding::new(rule, Subject::Service(self.id.clone()), message).at(place)
    }

    /// Returns whether it is recognised as an application of one of these categories.
    pub(crate) fn is_one_of(&self, categories: &[Category]) -> bool {
        self.system
            .is_some_and(|system| categories.contains(&system.category()))
    }

    /// Returns how people call what it is: the application's name, else that of its image, else its own.
    pub(crate) fn called(&self) -> &str {
        // One that stands for a kind of application has no name of its own: "A start page".
        match (self.system.filter(|system| !system.is_generic()), &self.image) {
            (Some(system), _) => system.name(),
            (None, Some(image)) => image.base_name(),
            (None, None) => self.service.name.as_str(),
        }
    }
}
