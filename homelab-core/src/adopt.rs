//! What only engines know, taken into a lab: [`Lab::adopt`], and what runs beside what is written.
//!
//! Containers that no file mentions are written as Compose files would have them, and read as any other: so every judge
//! sees them, and needs to know nothing of engines.

#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use self::write::{Texts, Written};
use crate::compose::{Field, NetworkMode, Port, Project, ResolveOptions, Service};
use crate::inventory::{Binding, Container, Inventory, Placement};
use crate::lab::{Lab, ServiceRef, Widened};
use crate::name::{HostName, ProjectName, ServiceId};
use crate::observed::Observed;

/// Every service of one project on one host, with its containers.
type Group<'a> = BTreeMap<ServiceId, Vec<&'a Container>>;

impl Lab {
    /// Returns the lab that an inventory is of: everything that its engines run, as Compose files would have it. It is
    /// judged like any other.
    ///
    /// What an engine does not tell is not in it: health checks, limits, capabilities, who waits for whom. Variables are
    /// in a file for each service, since a value may be secret. Containers that do not run are in it too.
    ///
    /// ```
    /// use homelab_core::inventory::{Binding, Container, ContainerState, HostInventory, Inventory};
    /// use homelab_core::{Lab, Observed, Reach};
    ///
    /// let at = "2027-01-01T00:00:00Z".parse()?;
    /// let mut nas = HostInventory::new("nas".parse()?, at, "docker 28.2.2");
    /// let mut container = Container::new("4f1c2b", "kuma");
    /// container.image = "louislam/uptime-kuma:1".into();
    /// container.state = ContainerState::Running;
    /// let protocol = homelab_core::compose::Protocol::Tcp;
    /// container.ports = vec![Binding { address: None, port: 3001, target: 3001, protocol }];
    /// nas.containers = Some(vec![container]);
    ///
    /// let lab = Lab::adopt("home", &Inventory::new([nas]));
    /// assert_eq!(lab.exposure("kuma", &Observed::none(at))?.reach(), Reach::Lan);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn adopt(name: &str, inventory: &Inventory) -> Lab {
        Lab::from_texts(name, adopted(inventory))
    }

    /// Returns the lab with what runs on its engines beside what is written, after its own services; nothing where there
    /// is no such thing. Of a service that is written it has the ports that are bound, the
    /// networks that are attached and the privileges that are given, and not written.
    pub(crate) fn as_running(&self, seen: &Observed) -> Option<Lab> {
        let inventory = seen.inventory()?.value();
        let placements = self.placements(inventory);
        let mut more: BTreeMap<(Option<HostName>, ProjectName), Group<'_>> = BTreeMap::new();
        let mut differing: BTreeMap<&ServiceId, Vec<Placement<'_>>> = BTreeMap::new();
        // Where no host is declared, what runs is on the machine that is meant.
        let named = self.instance().hosts().len() > 0;
        for placement in &placements {
            let container = placement.container();
            if !container.state.is_running() {
                continue;
            }
            match placement.service() {
                None => {
                    let id = placement.id();
                    let host = id.host().cloned().filter(|_| named);
                    let group = more.entry((host, id.project().clone())).or_default();
                    group.entry(id).or_default().push(container);
                }
                Some(service) if differs(container, service.project(), service.service()) => {
                    differing.entry(service.id()).or_default().push(placement.clone());
                }
                Some(_) => {}
            }
        }
        if more.is_empty() && differing.is_empty() {
            return None;
        }
        let replaced = differing
            .into_values()
            .filter_map(|placements| self.widened(&placements));
        let replaced: Vec<Widened> = replaced.collect();
        let added = more.into_iter().filter_map(|((host, project), group)| {
            let place = host.as_ref().map_or("this machine", HostName::as_str);
            Some((self.resolved(place, &project, &group)?, host))
        });
        let added: Vec<_> = added.collect();
        Some(self.with_running(replaced, added))
    }

    /// Returns a service with what its containers have bound, where they are attached and what they may do, and no file
    /// says.
    fn widened(&self, placements: &[Placement<'_>]) -> Option<Widened> {
        let own: ServiceRef<'_> = placements.first()?.service()?;
        let host = placements.first()?.host();
        let containers = placements.iter().map(Placement::container).collect();
        let group = Group::from([(own.id().clone(), containers)]);
        let project = self.resolved(host.host.as_str(), own.id().project(), &group)?;
        let seen = project.services().values().next()?.clone();
        let mut service = own.service().clone();
        if matches!(
            seen.network_mode.as_ref().map(|mode| &mode.value),
            Some(NetworkMode::Host)
        ) {
            service.network_mode = seen.network_mode;
        }
        let unwritten = seen.ports.into_iter().filter(|seen| {
            !own.service()
                .ports
                .iter()
                .any(|own| covers(&own.value, &seen.value))
        });
        service.ports.extend(unwritten);
        if service
            .privileged
            .as_ref()
            .is_none_or(|privileged| !privileged.value)
        {
            service.privileged = seen.privileged.or(service.privileged);
        }
        let mut networks = Vec::new();
        for mut attachment in seen.networks {
            let name = attachment.value.network.clone();
            if is_attached(own.project(), own.service(), &name) {
                continue;
            }
            // The engine's name may be another network's key in the file.
            let key = format!("seen:{name}");
            let Some(network) = project.networks().get(&name) else {
                continue;
            };
            let mut network = network.clone();
            network.name = Some(Field {
                value: name,
                span: attachment.span.clone(),
                interpolation: None,
            });
            attachment.value.network.clone_from(&key);
            service.networks.push(attachment);
            networks.push((key, network));
        }
        Some(Widened {
            id: own.id().clone(),
            service,
            networks,
        })
    }

    /// Reads what would have been written. Its files lie nowhere: their names say where they were seen.
    fn resolved(&self, place: &str, project: &ProjectName, group: &Group<'_>) -> Option<Project> {
        let Written { texts, services: _ } = write::project(project, group, write::For::Judges);
        let folder = self.root().join(format!("seen:{place}")).join(project.as_str());
        let memory: HashMap<PathBuf, Arc<str>> = texts
            .into_iter()
            .map(|(name, text)| (folder.join(name), text.into()))
            .collect();
        let options = ResolveOptions::lenient()
            .with_files([folder.join(write::MAIN)])
            .with_directory(&folder)
            .with_root(self.root())
            .with_name(project.as_str())
            .with_memory(Arc::new(memory));
        Project::resolve(&options).ok()
    }
}

/// Returns the files of a lab that has what an inventory has.
pub(crate) fn adopted(inventory: &Inventory) -> Texts {
    let mut texts = Texts::new();
    let mut instance = String::from("# The hosts whose engines were asked.\n");
    for host in inventory.hosts() {
        instance.push_str(&format!("[hosts.{}]\n", write::key(host.host.as_str())));
    }
    let several = inventory.hosts().len() > 1;
    for Adopted { host, called, files } in adopted_projects(inventory) {
        let files = files.into_iter();
        texts.extend(files.map(|(name, text)| (format!("services/{called}/{name}"), text)));
        if several {
            instance.push_str(&format!(
                "[projects.{}]\nhosts = [{:?}]\n",
                write::key(called.as_str()),
                host.as_str()
            ));
        }
    }
    if inventory.hosts().len() > 0 {
        texts.push(("instance.toml".to_owned(), instance));
    }
    texts
}

/// A project that only an engine has.
pub(crate) struct Adopted {
    pub(crate) host: HostName,
    /// Its name, as it is on its host, unless that is another project's on another host too.
    pub(crate) called: ProjectName,
    /// Its files, by their names in its folder: Compose's, and one of variables for each service that has some.
    pub(crate) files: Texts,
}

/// Returns the projects that an inventory has, by name and host.
pub(crate) fn adopted_projects(inventory: &Inventory) -> Vec<Adopted> {
    // A lab without files knows nobody: each container is what its labels say.
    let nothing = Lab::from_texts("", Texts::new());
    let placements = nothing.placements(inventory);
    let mut projects: BTreeMap<(ProjectName, HostName), Group<'_>> = BTreeMap::new();
    for placement in placements.iter().filter(|one| !one.container().is_one_off()) {
        let id = placement.id();
        let key = (id.project().clone(), placement.host().host.clone());
        let group = projects.entry(key).or_default();
        group.entry(id).or_default().push(placement.container());
    }
    let of = |((project, host), group): (&(ProjectName, HostName), &Group<'_>)| {
        // A project of one name on two hosts may be two different ones.
        let shared = projects.keys().filter(|(other, _)| other == project).count() > 1;
        let loose = project.as_str() == "_";
        let called = match (shared, loose) {
            (false, false) => project.clone(),
            (true, false) => write::project_name(&format!("{host}-{project}")),
            (_, true) => write::project_name(&format!("{host}-loose")),
        };
        Adopted {
            host: host.clone(),
            files: write::project(&called, group, write::For::People).texts,
            called,
        }
    };
    projects.iter().map(of).collect()
}

/// Whether a container is open in a way that its service does not say.
fn differs(container: &Container, project: &Project, service: &Service) -> bool {
    let mode = service.network_mode.as_ref().map(|mode| &mode.value);
    let unwritten = |binding: &&Binding| !service.ports.iter().any(|port| is_written(&port.value, binding));
    let on_host = container.network_mode == "host";
    let privileged = service
        .privileged
        .as_ref()
        .is_some_and(|privileged| privileged.value);
    // What uses another container's network has none of its own.
    let has_own = mode.is_none() && !on_host && !container.network_mode.starts_with("container:");
    on_host && mode != Some(&NetworkMode::Host)
        || container.privileged && !privileged
        || container.ports.iter().any(|binding| unwritten(&binding))
        || has_own
            && container
                .networks
                .keys()
                .any(|name| !is_attached(project, service, name))
}

/// Whether a service is attached to the network that an engine calls by this name, as it is written.
fn is_attached(project: &Project, service: &Service, name: &str) -> bool {
    // Podman's and Docker's own are there where nothing is said.
    let is_default = matches!(name, "bridge" | "podman");
    is_default
        || service.networks.iter().any(|attachment| {
            let key = attachment.value.network.as_str();
            let declared = project.networks().get(key);
            match declared.and_then(|network| network.name.as_ref()) {
                // One whose name is a variable without a value may be any.
                Some(written) => written.value == name || written.is_unset(),
                None if declared.is_some_and(|network| network.external) => key == name,
                None => {
                    let joined = |joint: &str| format!("{}{joint}{key}", project.name());
                    name == joined("_") || name == joined("-")
                }
            }
        })
}

fn is_written(port: &Port, binding: &Binding) -> bool {
    let address = port.host_ip.filter(|address| !address.is_unspecified());
    port.target == binding.target
        && port.protocol == binding.protocol
        // What is written as open to all says more than any one address.
        && (address.is_none() || address == binding.address)
        && port.published.is_none_or(|(first, last)| (first..=last).contains(&binding.port))
}

fn covers(written: &Port, seen: &Port) -> bool {
    let Some((port, _)) = seen.published else {
        return false;
    };
    let binding = Binding {
        address: seen.host_ip,
        port,
        target: seen.target,
        protocol: seen.protocol,
    };
    is_written(written, &binding)
}
