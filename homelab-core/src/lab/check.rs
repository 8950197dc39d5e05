//! Checks the settings against what the lab has: every name in them should be that of something.

use std::collections::BTreeSet;

use super::pattern::OLDEST;
use super::{
    DatasetEntry, Entry, Host, Instance, Pattern, RepositoryEntry, Selector, Tier, in_words, nearest, rules,
};
use crate::compose::Project;
use crate::finding::{Finding, Subject};
use crate::name::{HostName, ProjectName};
use crate::span::{Span, Spanned};
use crate::system::Class;

/// Returns a finding for each name in the settings that is nobody's.
pub(super) fn names(
    pattern: &Pattern,
    instance: &Instance,
    projects: &[Project],
    services: &[Entry],
) -> Vec<Finding> {
    let mut check = Check {
        projects: projects.iter().map(Project::name).collect(),
        instance,
        all: projects,
        services,
        findings: Vec::new(),
    };
    for (project, tier) in pattern.tiers() {
        check.project(project, tier.span(), tier_key(*tier.value()));
    }
    for (selector, _) in pattern.policy().services() {
        check.selector(selector, "policy.services");
    }
    for exception in pattern.exceptions() {
        check.selector(exception.service(), "exceptions");
        check.role(exception.owner().as_str(), exception.owner_span());
    }
    for dataset in pattern.datasets().values() {
        let key = format!("datasets.{}", dataset.name());
        for selector in dataset.services() {
            check.selector(selector, &key);
        }
        for volume in dataset.volumes() {
            let (project, volume_key) = volume.value();
            if check.project(project, volume.span(), &key) {
                check.volume(project, volume_key, volume.span(), &key);
            }
        }
    }
    for (project, entry) in instance.projects() {
        check.project(project, entry.span(), "projects");
        for host in entry.hosts() {
            check.host(
                host.value().as_str(),
                host.span(),
                &format!("projects.{project}.hosts"),
            );
        }
    }
    for dataset in pattern.datasets().values() {
        check.age(dataset);
    }
    for repository in instance.repositories().values() {
        if let Some((host, span)) = repository.host().zip(repository.host_span()) {
            check.host(
                host.as_str(),
                span,
                &format!("repositories.{}.host", repository.name()),
            );
            let stands = instance.host(host).and_then(|host| host.site());
            if let Some((site, stands)) = repository.site().zip(stands)
                && !site.eq_ignore_ascii_case(stands)
            {
                let message = format!(
                    "repository `{}` is said to be at `{site}`, and its host `{host}` at `{stands}`, which is believed",
                    repository.name()
                );
                let found = Finding::new(&rules::CONTRADICTION, Subject::Lab, message).at(repository.span());
                check.findings.push(found);
            }
            check.medium(repository, host);
        }
    }
    check.placed();
    for host in instance.hosts() {
        check.public(host);
    }
    check.findings
}

fn tier_key(tier: Tier) -> &'static str {
    match tier {
        Tier::Production => "tiers.production",
        Tier::Sandbox => "tiers.sandbox",
        Tier::Unknown => "tiers",
    }
}

struct Check<'a> {
    projects: BTreeSet<&'a ProjectName>,
    instance: &'a Instance,
    all: &'a [Project],
    services: &'a [Entry],
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn unknown<'c>(
        &mut self,
        key: &str,
        what: &str,
        name: &str,
        span: &Span,
        candidates: impl IntoIterator<Item = &'c str>,
    ) {
        let message = format!("`{key}` names the {what} `{name}`, which the lab does not have");
        let finding = Finding::new(&rules::UNKNOWN_NAME, Subject::Lab, message).at(span);
        self.findings.push(match nearest(name, candidates) {
            Some(near) => finding.with_fix(format!("did you mean `{near}`?")),
            None => finding,
        });
    }

    /// An address of the internet's that is not among those which are said to be the only ones.
    fn public(&mut self, host: &Host) {
        let Some(said) = host.public_addresses() else {
            return;
        };
        let known = |address| said.iter().any(|one| *one.value() == address);
        for (address, place) in host.global_addresses().filter(|(address, _)| !known(*address)) {
            let message = format!(
                "`{address}` of `{}` is a public address, which `public_addresses` does not have; it is believed",
                host.name()
            );
            let fix = "Add it to `public_addresses`; or, where a firewall or router stands before it, say who is on the \
                       other side of its interface: `eth0 = { addresses = [..], zone = \"lan\" }`.";
            let found = Finding::new(&rules::CONTRADICTION, Subject::Lab, message).at(place);
            self.findings.push(found.with_fix(fix));
        }
    }

    /// A copy that may be as old as people like is one that nobody misses.
    fn age(&mut self, dataset: &DatasetEntry) {
        let dear = matches!(dataset.class(), None | Some(Class::Irreplaceable));
        let days = OLDEST.as_hours() / 24;
        if dear && dataset.recovery_point().is_some_and(|point| point > OLDEST) {
            let message = format!(
                "`datasets.{}.recovery_point` is longer than {days} d, the longest for data that cannot be made again, which is taken",
                dataset.name()
            );
            let found = Finding::new(&rules::CONTRADICTION, Subject::Lab, message).at(dataset.span());
            self.findings.push(found);
        }
    }

    /// What a repository is said to lie on, and what its path lies on.
    fn medium(&mut self, repository: &RepositoryEntry, host: &HostName) {
        let described = self.instance.host(host);
        let path = repository.location().map(|location| location.value().as_str());
        let lies = described
            .zip(path.filter(|path| path.starts_with('/')))
            .and_then(|(host, path)| host.medium_of(path));
        let root = described.and_then(|host| host.medium_of("/"));
        if let Some((said, lies)) = repository.medium().zip(lies)
            && Some(lies) != root
            && !lies.eq_ignore_ascii_case(said.trim())
        {
            let message = format!(
                "repository `{}` is said to be on `{said}`, and its path lies on `{lies}` of `{host}`, which is believed",
                repository.name()
            );
            let found = Finding::new(&rules::CONTRADICTION, Subject::Lab, message).at(repository.span());
            self.findings.push(found);
        }
    }

    fn project(&mut self, project: &ProjectName, span: &Span, key: &str) -> bool {
        let known = self.projects.contains(project);
        if !known {
            let names: Vec<&str> = self.all.iter().map(|project| project.name().as_str()).collect();
            self.unknown(key, "project", project.as_str(), span, names);
        }
        known
    }

    fn selector(&mut self, selector: &Spanned<Selector>, key: &str) {
        let (wanted, span) = (selector.value(), selector.span());
        if let Some(host) = wanted.host() {
            self.host(host.as_str(), span, key);
        }
        if !self.project(wanted.project(), span, key) {
            return;
        }
        if let Some(service) = wanted.service() {
            let own = || {
                self.services
                    .iter()
                    .filter(|entry| entry.id.project() == wanted.project())
            };
            if !own().any(|entry| entry.id.service() == service) {
                let names: Vec<String> = own()
                    .map(|entry| format!("{}/{}", wanted.project(), entry.id.service()))
                    .collect();
                let name = format!("{}/{service}", wanted.project());
                self.unknown(key, "service", &name, span, names.iter().map(String::as_str));
            }
        }
    }

    fn volume(&mut self, project: &ProjectName, volume: &str, span: &Span, key: &str) {
        let volumes: BTreeSet<&str> = self
            .all
            .iter()
            .filter(|other| other.name() == project)
            .flat_map(|project| project.volumes().keys().map(String::as_str))
            .collect();
        if !volumes.contains(volume) {
            self.unknown(key, "volume", volume, span, volumes);
        }
    }

    fn host(&mut self, host: &str, span: &Span, key: &str) {
        let names: Vec<&str> = self.instance.hosts().map(|host| host.name().as_str()).collect();
        if !names.contains(&host) {
            self.unknown(key, "host", host, span, names);
        }
    }

    /// A role that nobody has answers for nothing; where no people are named, roles are names only.
    fn role(&mut self, role: &str, span: &Span) {
        let roles: BTreeSet<&str> = self
            .instance
            .people()
            .values()
            .flat_map(|person| person.roles().iter().map(|role| role.value().as_str()))
            .collect();
        if !roles.is_empty() && !roles.contains(role) {
            self.unknown("exceptions", "role", role, span, roles);
        }
    }

    /// Says once which projects run on no machine that is known, when there are several to choose from.
    fn placed(&mut self) {
        if self.instance.hosts().len() < 2 {
            return;
        }
        let nowhere: BTreeSet<&str> = self
            .services
            .iter()
            .filter(|entry| entry.host.is_none())
            .map(|entry| entry.id.project().as_str())
            .collect();
        if nowhere.is_empty() {
            return;
        }
        let names: Vec<String> = nowhere.iter().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "instance.toml does not say which host runs {}",
            in_words(&names, "and", 8)
        );
        let finding = Finding::new(&rules::UNPLACED, Subject::Lab, message)
            .at_maybe(self.instance.source().map(Span::file).as_ref())
            .with_fix(format!(
                "add `[projects.{}]` with `hosts = [..]`",
                nowhere.first().unwrap_or(&"NAME")
            ));
        self.findings.push(finding);
    }
}
