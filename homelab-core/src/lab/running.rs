//! A lab with what runs on its engines beside what is written.

use std::sync::{Arc, OnceLock};

use super::{Entry, Inner, Lab, Unsaid};
use crate::compose::{Network, Project, Service};
use crate::name::{HostName, ServiceId};

/// A service as it runs, with the networks that its project does not declare.
pub(crate) struct Widened {
    pub(crate) id: ServiceId,
    pub(crate) service: Service,
    pub(crate) networks: Vec<(String, Network)>,
}

impl Lab {
    /// Returns the lab with some of its services replaced, and with more projects after its own. Its diagnostics are what
    /// they were: what runs has no files that could be wrong.
    pub(crate) fn with_running(
        &self,
        replaced: Vec<Widened>,
        added: Vec<(Project, Option<HostName>)>,
    ) -> Lab {
        let own = &self.0;
        let mut projects = own.projects.clone();
        let mut services: Vec<Entry> = own.services.iter().map(Entry::again).collect();
        for Widened {
            id,
            service,
            networks,
        } in replaced
        {
            let Some(at) = services.iter().position(|entry| entry.id == id) else {
                continue;
            };
            let (project, host) = (services[at].project, services[at].host.clone());
            let mut with = projects[project].with_service(service);
            for (key, network) in networks {
                with = with.with_network(key, network);
            }
            let elsewhere = |entry: &Entry| entry.project == project && entry.host != host;
            if !services.iter().any(elsewhere) {
                projects[project] = with;
                continue;
            }
            // On the other hosts it is what it was.
            projects.push(with);
            let here = services
                .iter_mut()
                .filter(|entry| entry.project == project && entry.host == host);
            here.for_each(|entry| entry.project = projects.len() - 1);
        }
        for (project, host) in added {
            let tier = own.pattern.tier(project.name());
            services.extend(Entry::of(projects.len(), &project, host.as_ref(), tier));
            projects.push(project);
        }
        Lab(Arc::new(Inner {
            name: own.name.clone(),
            root: own.root.clone(),
            pattern: own.pattern.clone(),
            instance: own.instance.clone(),
            unsaid: Unsaid::new(&own.pattern, &projects),
            projects,
            services,
            manifest: own.manifest.clone(),
            catalog: OnceLock::new(),
            diagnostics: own.diagnostics.clone(),
            unread: own.unread.clone(),
        }))
    }
}

impl Entry {
    /// Returns the same service, of which nobody has asked yet what it is: another may take its place.
    fn again(&self) -> Entry {
        Entry {
            id: self.id.clone(),
            project: self.project,
            service: self.service,
            host: self.host.clone(),
            tier: self.tier,
            recognised: OnceLock::new(),
        }
    }
}
