//! Which container is which service of the lab: [`Placement`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Container, HostInventory, Inventory};
use crate::compose::Project;
use crate::lab::{Lab, ServiceRef};
use crate::name::{HostName, ProjectName, ServiceId, ServiceName};
use crate::service::image::ImageReference;

/// Labels by which Compose marks what it has made.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const FILES: &str = "com.docker.compose.project.config_files";
const FOLDER: &str = "com.docker.compose.project.working_dir";
const CONFIG_HASH: &str = "com.docker.compose.config-hash";
const ONE_OFF: &str = "com.docker.compose.oneoff";
const NUMBER: &str = "com.docker.compose.container-number";

/// podman-compose's own, which it sets beside Compose's in newer versions only.
const PODMAN_PROJECT: &str = "io.podman.compose.project";
const PODMAN_SERVICE: &str = "io.podman.compose.service";

/// By which Podman marks what a unit of systemd has made.
const UNIT: &str = "PODMAN_SYSTEMD_UNIT";

impl Container {
    /// Returns the Compose project that made it, as its labels say.
    pub fn compose_project(&self) -> Option<&str> {
        self.label(PROJECT).or_else(|| self.label(PODMAN_PROJECT))
    }

    /// Returns the Compose service that it is one of, as its labels say.
    pub fn compose_service(&self) -> Option<&str> {
        self.label(SERVICE).or_else(|| self.label(PODMAN_SERVICE))
    }

    /// Returns the files that Compose made it from, as paths of the machine on which Compose ran.
    pub fn compose_files(&self) -> impl Iterator<Item = &str> {
        let files = self.label(FILES).unwrap_or_default().split(',');
        files.filter(|file| !file.is_empty())
    }

    /// Returns the project's folder on the machine on which Compose ran.
    pub fn compose_folder(&self) -> Option<&str> {
        self.label(FOLDER)
    }

    /// Returns Compose's hash of the service as it was when this was made: of one service's containers one that has
    /// another is of another definition.
    pub fn config_hash(&self) -> Option<&str> {
        self.label(CONFIG_HASH)
    }

    /// Returns its number among those of its service, from 1.
    pub fn number(&self) -> Option<u64> {
        self.label(NUMBER)?.parse().ok()
    }

    /// Returns whether it was made by `docker compose run`, for one command.
    pub fn is_one_off(&self) -> bool {
        self.label(ONE_OFF)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Returns what to call it where no lab is asked: what its labels say, else its name in the project `_`.
    pub(crate) fn own_id(&self, host: &HostName) -> ServiceId {
        let host = Some(host.clone());
        let project = self
            .compose_project()
            .and_then(|name| ProjectName::new(name).ok());
        let service = self
            .compose_service()
            .and_then(|name| ServiceName::new(name).ok());
        match (project, service) {
            (Some(project), Some(service)) => ServiceId::new(host, project, service),
            _ => {
                let none = ProjectName::new("_").expect("`_` is a project name");
                let unnamed = || ServiceName::new("unnamed").expect("letters are a service's name");
                ServiceId::new(
                    host,
                    none,
                    ServiceName::new(&self.name).unwrap_or_else(|_| unnamed()),
                )
            }
        }
    }
}

/// What showed which service a container is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlacedBy {
    /// Compose's labels: project and service.
    Labels,
    /// Compose's labels: the file, of a project that has another name here, and the service.
    File,
    /// The unit of systemd.
    Unit,
    /// Its name.
    Name,
    /// Its image, which one service and one container of the host have.
    Image,
    /// Nothing: the lab has no such service.
    Nothing,
}

/// A container, and the service that it is of.
#[derive(Clone)]
pub struct Placement<'a> {
    host: &'a HostInventory,
    container: &'a Container,
    service: Option<ServiceRef<'a>>,
    by: PlacedBy,
}

impl<'a> Placement<'a> {
    /// Returns the host that it was seen on.
    pub fn host(&self) -> &'a HostInventory {
        self.host
    }

    /// Returns the container.
    pub fn container(&self) -> &'a Container {
        self.container
    }

    /// Returns the lab's service; none for one that the lab does not know.
    pub fn service(&self) -> Option<ServiceRef<'a>> {
        self.service
    }

    /// Returns what showed it.
    pub fn by(&self) -> PlacedBy {
        self.by
    }

    /// Returns what to call it: the lab's service, else what its labels say, else its name in the project `_`. The host
    /// is the one that it was seen on.
    pub fn id(&self) -> ServiceId {
        if let Some(service) = self.service {
            let host = Some(self.host.host.clone());
            return ServiceId::new(host, service.id().project().clone(), service.name().clone());
        }
        self.container.own_id(&self.host.host)
    }
}

/// Shows names only: the rest may be private.
impl fmt::Debug for Placement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Placement({} as {} by {:?})",
            self.container.name,
            self.id(),
            self.by
        )
    }
}

impl Lab {
    /// Returns which service each container is of, in the order of [`Inventory::containers`].
    ///
    /// Compose's labels say so; without them a name that the lab fixes or Compose would give, or an image that only one
    /// service and one container of the host have. A service is looked for on its own host, and everywhere where the lab
    /// does not say on which it runs.
    ///
    /// ```
    /// use homelab_core::Lab;
    /// use homelab_core::inventory::{Container, HostInventory, Inventory, PlacedBy};
    ///
    /// let lab = Lab::from_texts("home", [("web/compose.yaml", "services: { site: { image: nginx } }")]);
    /// let mut host = HostInventory::new("nas".parse()?, "2027-01-01T00:00:00Z".parse()?, "docker");
    /// let made = |id: &str, project: &str| {
    ///     let mut container = Container::new(id, format!("{project}-site-1"));
    ///     container.labels.insert("com.docker.compose.project".into(), project.into());
    ///     container.labels.insert("com.docker.compose.service".into(), "site".into());
    ///     container
    /// };
    /// host.containers = Some(vec![made("1", "other"), made("2", "web")]);
    /// let inventory = Inventory::new([host]);
    ///
    /// let placed = lab.placements(&inventory);
    /// assert_eq!(placed[0].by(), PlacedBy::Nothing);
    /// assert_eq!(placed[0].id().to_string(), "nas:other/site");
    /// assert_eq!(placed[1].by(), PlacedBy::Labels);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn placements<'a>(&'a self, inventory: &'a Inventory) -> Vec<Placement<'a>> {
        let services: Vec<ServiceRef<'a>> = self.services().collect();
        let mut placements = Vec::new();
        for host in inventory.hosts() {
            let here = services.iter().copied().filter(|service| {
                let own = service.id().host();
                own.is_none_or(|own| *own == host.host)
            });
            place(host, &here.collect::<Vec<_>>(), &mut placements);
        }
        placements
    }
}

/// Places the containers of one host among the services that run there.
fn place<'a>(host: &'a HostInventory, services: &[ServiceRef<'a>], placements: &mut Vec<Placement<'a>>) {
    let first = placements.len();
    for container in host.containers.iter().flatten() {
        let (service, by) = surely(container, services).unzip();
        placements.push(Placement {
            host,
            container,
            service,
            by: by.unwrap_or(PlacedBy::Nothing),
        });
    }
    // What has neither labels nor a name that says anything. Each image that is left once on both sides is a pair.
    let placed: BTreeSet<&ServiceId> = placements[first..]
        .iter()
        .filter_map(|placement| Some(placement.service?.id()))
        .collect();
    let mut free: BTreeMap<String, Vec<ServiceRef<'a>>> = BTreeMap::new();
    for service in services.iter().filter(|service| !placed.contains(service.id())) {
        if let Some(name) = service
            .service()
            .image
            .as_ref()
            .and_then(|image| image_name(&image.value))
        {
            free.entry(name).or_default().push(*service);
        }
    }
    let mut left: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, placement) in placements.iter().enumerate().skip(first) {
        let bare = placement.service.is_none() && placement.container.compose_project().is_none();
        if let Some(name) = image_name(&placement.container.image).filter(|_| bare) {
            left.entry(name).or_default().push(index);
        }
    }
    for (name, indices) in left {
        if let ([index], Some([service])) = (indices.as_slice(), free.get(&name).map(Vec::as_slice)) {
            placements[*index].service = Some(*service);
            placements[*index].by = PlacedBy::Image;
        }
    }
}

/// Returns the service that labels or names show.
fn surely<'a>(container: &Container, services: &[ServiceRef<'a>]) -> Option<(ServiceRef<'a>, PlacedBy)> {
    let find = |by: PlacedBy, is: &dyn Fn(ServiceRef<'a>) -> bool| {
        let found = services.iter().copied().find(|service| is(*service));
        found.map(|service| (service, by))
    };
    if let (Some(project), Some(name)) = (container.compose_project(), container.compose_service()) {
        let named = |service: ServiceRef<'_>| service.name().as_str() == name;
        return find(PlacedBy::Labels, &|service| {
            named(service) && service.id().project().as_str() == project
        })
        .or_else(|| {
            find(PlacedBy::File, &|service| {
                named(service) && is_of(container, service.project())
            })
        })
        .or_else(|| find(PlacedBy::Name, &|service| is_called(container, service)));
    }
    let by_unit = container.label(UNIT).and_then(|unit| {
        let stem = unit.strip_suffix(".service")?;
        find(PlacedBy::Unit, &|service| {
            let unit = service.service().span.source().name().ends_with(".container");
            unit && service.name().as_str() == stem
        })
    });
    by_unit.or_else(|| {
        find(PlacedBy::Name, &|service| {
            is_called(container, service) || would_be(container, service)
        })
    })
}

/// Whether a project is the one that Compose read, by its file: both lie in the same place of the lab's folder.
fn is_of(container: &Container, project: &Project) -> bool {
    let own: Vec<&str> = project.files().iter().map(|source| source.name()).collect();
    let mut theirs = container.compose_files();
    // A file that lies in no folder of the lab is called alike everywhere.
    theirs.any(|path| {
        let path = path.replace('\\', "/");
        own.iter().any(|file| {
            let behind = path.strip_suffix(file).is_some_and(|rest| rest.ends_with('/'));
            file.contains('/') && behind
        })
    })
}

/// Whether the lab fixes the container's name for this service: names are unique on a host.
fn is_called(container: &Container, service: ServiceRef<'_>) -> bool {
    let fixed = service.service().container_name.as_ref();
    fixed.is_some_and(|name| name.value == container.name)
}

/// Whether it has the name that Compose, or Podman, would have given it.
fn would_be(container: &Container, service: ServiceRef<'_>) -> bool {
    if service.service().container_name.is_some() {
        return false;
    }
    let (project, name) = (service.id().project(), service.name());
    let numbered = |joint: char| {
        let start = format!("{project}{joint}{name}{joint}");
        let number = container.name.strip_prefix(&start);
        number.is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
    };
    let unit = || {
        let is_unit = service.service().span.source().name().ends_with(".container");
        is_unit && container.name.strip_prefix("systemd-") == Some(name.as_str())
    };
    numbered('-') || numbered('_') || unit()
}

/// Returns an image's registry and repository.
fn image_name(image: &str) -> Option<String> {
    let reference = ImageReference::without_broken_tag(image).ok()?;
    Some(reference.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAB: [(&str, &str); 5] = [
        (
            "services/immich/compose.yaml",
            "services:\n  server: { image: ghcr.io/immich-app/immich-server:v1 }\n  database: { image: 'postgres:16' }",
        ),
        (
            "services/gitea/compose.yaml",
            "services:\n  server: { image: 'gitea/gitea:1', container_name: gitea }\n  database: { image: 'postgres:16' }",
        ),
        (
            "services/kuma/compose.yaml",
            "services:\n  kuma: { image: 'louislam/uptime-kuma:1' }",
        ),
        (
            "quadlets/web.container",
            "[Container]\nImage=docker.io/library/nginx:1\n",
        ),
        (
            "instance.toml",
            "[hosts.nas]\n[hosts.server]\n[projects.immich]\nhosts = ['nas']\n[projects.gitea]\nhosts = ['server']\n\
             [projects.kuma]\nhosts = ['nas', 'server']\n[projects.quadlets]\nhosts = ['nas']",
        ),
    ];

    fn container(name: &str, image: &str, labels: &[(&str, &str)]) -> Container {
        let mut container = Container::new(name, name);
        container.image = image.to_owned();
        for (label, value) in labels {
            container.labels.insert((*label).to_owned(), (*value).to_owned());
        }
        container
    }

    fn placed(host: &str, containers: Vec<Container>) -> Vec<(String, PlacedBy)> {
        let lab = Lab::from_texts("home", LAB);
        let mut seen = HostInventory::new(
            host.parse().expect("a name"),
            "2027-01-01T00:00:00Z".parse().expect("a time"),
            "test",
        );
        seen.containers = Some(containers);
        let inventory = Inventory::new([seen]);
        let placements = lab.placements(&inventory);
        placements
            .iter()
            .map(|one| (one.id().to_string(), one.by()))
            .collect()
    }

    fn one(host: &str, container: Container) -> (String, PlacedBy) {
        let [placed] = placed(host, vec![container]).try_into().expect("one");
        placed
    }

    #[test]
    fn labels_say_it_and_only_on_the_services_own_host() {
        let labels = [(PROJECT, "immich"), (SERVICE, "database")];
        assert_eq!(
            one("nas", container("x", "postgres:16", &labels)),
            ("nas:immich/database".into(), PlacedBy::Labels)
        );
        assert_eq!(
            one("server", container("x", "postgres:16", &labels)),
            ("server:immich/database".into(), PlacedBy::Nothing)
        );
        let podman = [(PODMAN_PROJECT, "immich"), (PODMAN_SERVICE, "server")];
        assert_eq!(one("nas", container("x", "", &podman)).1, PlacedBy::Labels);
    }

    #[test]
    fn a_project_that_has_another_name_there_is_known_by_its_file() {
        let labels = |file| [(PROJECT, "photos"), (SERVICE, "server"), (FILES, file)];
        assert_eq!(
            one(
                "nas",
                container("x", "", &labels("/opt/lab/services/immich/compose.yaml"))
            ),
            ("nas:immich/server".into(), PlacedBy::File)
        );
        for other in ["/opt/other/compose.yaml", "/xservices/immich/compose.yaml", ""] {
            assert_eq!(
                one("nas", container("x", "", &labels(other))),
                ("nas:photos/server".into(), PlacedBy::Nothing),
                "{other}"
            );
        }
    }

    #[test]
    fn without_labels_a_name_or_an_image_that_is_there_once_says_it() {
        assert_eq!(
            one("server", container("gitea", "", &[])),
            ("server:gitea/server".into(), PlacedBy::Name)
        );
        assert_eq!(
            one("nas", container("immich_database_1", "", &[])).1,
            PlacedBy::Name
        );
        assert_eq!(
            one("nas", container("immich-database-x", "", &[])).1,
            PlacedBy::Nothing
        );
        assert_eq!(
            one("server", container("gitea-server-1", "", &[])).1,
            PlacedBy::Nothing,
            "its name is fixed"
        );
        assert_eq!(
            one("nas", container("app", "docker.io/louislam/uptime-kuma:2", &[])),
            ("nas:kuma/kuma".into(), PlacedBy::Image)
        );
        let two = vec![
            container("a", "postgres:16", &[]),
            container("b", "postgres:15", &[]),
        ];
        assert!(
            placed("nas", two).iter().all(|(_, by)| *by == PlacedBy::Nothing),
            "which of them is not known"
        );
    }

    #[test]
    fn a_unit_of_systemd_says_it() {
        let labelled = container("web", "nginx:1", &[(UNIT, "web.service")]);
        assert_eq!(one("nas", labelled), ("nas:quadlets/web".into(), PlacedBy::Unit));
        assert_eq!(one("nas", container("systemd-web", "", &[])).1, PlacedBy::Name);
    }

    #[test]
    fn a_container_of_no_project_is_in_none() {
        assert_eq!(
            one("nas", container("scratch", "busybox", &[])),
            ("nas:_/scratch".into(), PlacedBy::Nothing)
        );
    }
}
