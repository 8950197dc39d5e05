//! The typed form of a resolved project: what the judges read.
//!
//! Every value knows where it was written. In a lenient resolution a value that could not be understood is left out
//! here, and is a diagnostic of the project.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::load::Use;
use super::node::Map;
use crate::finding::Finding;
use crate::name::{NetworkName, ProjectName, ServiceName, VolumeName};
use crate::span::{Source, Span};

/// A Compose project: everything that its files say, resolved. Immutable and cheap to clone.
#[derive(Clone)]
pub struct Project(pub(super) Arc<Inner>);

/// Shows the name and the services' names only: the rest may hold what is private.
impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Project")
            .field("name", self.name())
            .field("services", &self.services().keys())
            .finish()
    }
}

#[derive(Clone)]
pub(super) struct Inner {
    pub(super) name: ProjectName,
    pub(super) name_span: Option<Span>,
    pub(super) directory: PathBuf,
    pub(super) files: Vec<Source>,
    pub(super) services: IndexMap<ServiceName, Service>,
    pub(super) networks: IndexMap<String, Network>,
    pub(super) volumes: IndexMap<String, Volume>,
    pub(super) configs: IndexMap<String, Material>,
    pub(super) secrets: IndexMap<String, Material>,
    pub(super) diagnostics: Vec<Finding>,
    /// The tree that the typed form was made of, kept for printing.
    pub(super) root: Map,
    /// The services whose profiles are active.
    pub(super) active: Vec<Box<str>>,
    pub(super) uses: Vec<Use>,
}

impl Project {
    /// Returns the project's name.
    pub fn name(&self) -> &ProjectName {
        &self.0.name
    }

    /// Returns where the name is written, if it is: otherwise it is that of the folder.
    pub fn name_span(&self) -> Option<&Span> {
        self.0.name_span.as_ref()
    }

    /// Returns the project's folder, to which its relative paths belong.
    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// Returns every file that was read for it, the main Compose file first.
    pub fn files(&self) -> &[Source] {
        &self.0.files
    }

    /// Returns the services, in the order of the file; also those whose profiles are not active.
    pub fn services(&self) -> &IndexMap<ServiceName, Service> {
        &self.0.services
    }

    /// Returns whether a service of this name is there and one of its profiles is active, or it has none.
    pub(crate) fn is_active(&self, service: &str) -> bool {
        self.0.active.iter().any(|active| active.as_ref() == service)
    }

    /// Returns the project with this service instead of the one of its name.
    pub(crate) fn with_service(&self, service: Service) -> Project {
        let mut inner = (*self.0).clone();
        inner.services.insert(service.name.clone(), service);
        Project(Arc::new(inner))
    }

    /// Returns the project with one more network, that is made outside of it.
    pub(crate) fn with_network(&self, key: String, network: Network) -> Project {
        let mut inner = (*self.0).clone();
        inner.networks.insert(key, network);
        Project(Arc::new(inner))
    }

    /// Returns the networks by key, with `default` where a service uses it.
    pub fn networks(&self) -> &IndexMap<String, Network> {
        &self.0.networks
    }

    /// Returns the named volumes by key.
    pub fn volumes(&self) -> &IndexMap<String, Volume> {
        &self.0.volumes
    }

    /// Returns the configs by key.
    pub fn configs(&self) -> &IndexMap<String, Material> {
        &self.0.configs
    }

    /// Returns the secrets by key.
    pub fn secrets(&self) -> &IndexMap<String, Material> {
        &self.0.secrets
    }

    /// Returns what is wrong with its files: findings of the rules `compose.*`.
    pub fn diagnostics(&self) -> &[Finding] {
        &self.0.diagnostics
    }
}

/// What became of one variable that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableState {
    /// The environment has it.
    Set,
    /// The environment has it not, and the text's own default was taken.
    Default,
    /// The environment has it not, and nothing was put in its place.
    Unset,
}

/// A text with variables, as it was written, and what became of each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpolation {
    /// The text as it was written: `${BIND:-127.0.0.1}:8080:80`.
    pub raw: String,
    /// The variables in the order in which they were looked up.
    pub variables: Vec<(String, VariableState)>,
}

/// A value of a Compose file: the value, where it was written, and the variables it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<T> {
    /// The value after interpolation.
    pub value: T,
    /// Where it was written.
    pub span: Span,
    /// The text with its variables, where there were any.
    pub interpolation: Option<Arc<Interpolation>>,
}

impl<T> Field<T> {
    /// Returns whether a variable in it has no value and no default.
    pub fn is_unset(&self) -> bool {
        self.interpolation.as_ref().is_some_and(|text| {
            text.variables
                .iter()
                .any(|(_, state)| *state == VariableState::Unset)
        })
    }

    /// Returns whether variables took part in it.
    pub fn is_interpolated(&self) -> bool {
        self.interpolation.is_some()
    }
}

/// A transport protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Returns the word for it: `tcp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a service's image is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// The folder or address that it is built from.
    pub context: Option<String>,
    /// The path of the Dockerfile, relative to the context.
    pub dockerfile: Option<String>,
    /// The Dockerfile itself, where the Compose file holds it.
    pub inline: Option<String>,
    /// The stage that it is built up to; none is the last.
    pub target: Option<String>,
}

/// A published port of a service: one container port, and the host ports it is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The address on the host; none means all interfaces, IPv4 and IPv6.
    pub host_ip: Option<IpAddr>,
    /// The first and last port on the host; none means that the engine chooses one.
    pub published: Option<(u16, u16)>,
    /// The port in the container.
    pub target: u16,
    /// The protocol.
    pub protocol: Protocol,
    /// The name that the file gives the port.
    pub name: Option<String>,
    /// What is spoken on it, as the file says: `http`.
    pub app_protocol: Option<String>,
}

/// Which network a service has instead of a list of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkMode {
    /// No network at all.
    None,
    /// The host's own.
    Host,
    /// The engine's default bridge.
    Bridge,
    /// That of another service of the project.
    Service(String),
    /// That of a container, by its name.
    Container(String),
    /// Another network of the engine, by its name.
    Other(String),
}

/// A network that a service is attached to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The network's key in the file; `default` is the project's own.
    pub network: String,
    /// The fixed IPv4 address.
    pub ipv4: Option<String>,
    /// The fixed IPv6 address.
    pub ipv6: Option<String>,
    /// Other names of the service on it.
    pub aliases: Vec<String>,
}

/// What kind of storage a mount brings into a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MountKind {
    /// A path of the host.
    Bind,
    /// A named or anonymous volume.
    Volume,
    /// Memory.
    Tmpfs,
    /// Another kind: a named pipe, an image, a cluster volume, a config.
    Other,
}

/// Storage in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its kind.
    pub kind: MountKind,
    /// The host's path, or the volume's key in the file; none for an anonymous volume.
    pub source: Option<String>,
    /// The path in the container.
    pub target: String,
    /// Whether the container cannot write to it.
    pub read_only: bool,
}

/// A service that another one waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dependency {
    /// The service, in the same project.
    pub service: String,
    /// What has to be true of it.
    pub condition: Condition,
    /// Whether who waits for it is restarted after it was.
    pub restart: bool,
}

/// What has to be true of a service before another one starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// It was started.
    Started,
    /// Its health check passes.
    Healthy,
    /// It has ended, and well.
    Completed,
}

/// How a service is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartPolicy {
    /// Never.
    No,
    /// Always, also after the engine starts.
    Always,
    /// When it fails.
    OnFailure,
    /// Always, unless a person stopped it.
    UnlessStopped,
}

/// A container definition, resolved.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name within the project.
    pub name: ServiceName,
    /// Where its name is written.
    pub span: Span,
    /// Where its definition is written, from the first value to the last.
    pub body: Span,
    /// The image.
    pub image: Option<Field<String>>,
    /// How the image is built, where it is.
    pub build: Option<Field<Build>>,
    /// The container's fixed name.
    pub container_name: Option<Field<String>>,
    /// The host name inside the container.
    pub hostname: Option<Field<String>>,
    /// Published ports, one entry for each container port.
    pub ports: Vec<Field<Port>>,
    /// What it publishes besides, in words whose ports the machine alone knows: a Podman unit's `%i:80`.
    pub unread_ports: Vec<Field<String>>,
    /// Ports that other containers may use, as written.
    pub expose: Vec<Field<String>>,
    /// The network mode, where one is written.
    pub network_mode: Option<Field<NetworkMode>>,
    /// The networks it is attached to; the project's `default` where nothing is written.
    pub networks: Vec<Field<Attachment>>,
    /// The environment, with env_file's variables below the file's own; none where only a name is written and the
    /// environment has it not.
    pub environment: IndexMap<String, Field<Option<String>>>,
    /// Labels.
    pub labels: IndexMap<String, Field<String>>,
    /// `deploy.labels`: those of the Swarm service, which its containers do not carry.
    pub deploy_labels: IndexMap<String, Field<String>>,
    /// Volumes, bind mounts, tmpfs.
    pub mounts: Vec<Field<Mount>>,
    /// Whether it runs with all privileges.
    pub privileged: Option<Field<bool>>,
    /// `pid`.
    pub pid: Option<Field<String>>,
    /// `ipc`.
    pub ipc: Option<Field<String>>,
    /// `uts`.
    pub uts: Option<Field<String>>,
    /// `cgroup`.
    pub cgroup: Option<Field<String>>,
    /// `userns_mode`.
    pub userns_mode: Option<Field<String>>,
    /// `user`.
    pub user: Option<Field<String>>,
    /// `cap_add`.
    pub cap_add: Vec<Field<String>>,
    /// `cap_drop`.
    pub cap_drop: Vec<Field<String>>,
    /// `security_opt`.
    pub security_opt: Vec<Field<String>>,
    /// Devices of the host, as written in the short form.
    pub devices: Vec<Field<String>>,
    /// Whether its root file system cannot be written.
    pub read_only: Option<Field<bool>>,
    /// The restart policy.
    pub restart: Option<Field<RestartPolicy>>,
    /// Where a health check is written that is not disabled.
    pub healthcheck: Option<Span>,
    /// Whether a limit of memory or CPU is written.
    pub limits: Option<Span>,
    /// The services it waits for.
    pub depends_on: Vec<Field<Dependency>>,
    /// Its profiles; it runs only when one of them is active, or always where there are none.
    pub profiles: Vec<Field<String>>,
    /// The command, in words; a text is split as Compose splits it.
    pub command: Vec<Field<String>>,
    /// The entry point, in words.
    pub entrypoint: Vec<Field<String>>,
    /// The keys of the secrets it is given.
    pub secrets: Vec<Field<String>>,
    /// The configs it is given: the source is a config's key, the target its path in the container.
    pub configs: Vec<Field<Mount>>,
    /// The services that it knows by other names, as they are written: `db:database`.
    pub links: Vec<Field<String>>,
    /// Names that its own table of hosts has, each with an address: `nas=192.0.2.10`.
    pub extra_hosts: Vec<Field<String>>,
    /// How many containers: `scale` or `deploy.replicas`; 1 where nothing is written.
    pub replicas: u64,
}

/// A network of a project.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its key in the file.
    pub key: NetworkName,
    /// Where the key is written; none for the default network that nobody wrote.
    pub span: Option<Span>,
    /// Its name on the engine.
    pub name: Option<Field<String>>,
    /// Its driver: `bridge`, `macvlan`, `ipvlan`, `host`, ...
    pub driver: Option<Field<String>>,
    /// The driver's options.
    pub driver_opts: IndexMap<String, Field<String>>,
    /// The ranges of addresses that it gives out, where they are written.
    pub subnets: Vec<Field<String>>,
    /// Whether it was made elsewhere.
    pub external: bool,
    /// Whether it has no way out, and published ports do not work through it alone.
    pub internal: bool,
}

/// A named volume of a project.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Its key in the file.
    pub key: VolumeName,
    /// Where the key is written.
    pub span: Span,
    /// Its name on the engine.
    pub name: Option<Field<String>>,
    /// Its driver.
    pub driver: Option<Field<String>>,
    /// The driver's options: a `local` volume with `type: none, o: bind` is a bind mount, `type: nfs` a share.
    pub driver_opts: IndexMap<String, Field<String>>,
    /// Whether it was made elsewhere.
    pub external: bool,
}

/// A config or secret of a project: a file or text that is put into containers.
#[derive(Clone, Debug)]
pub struct Material {
    /// Its key in the file.
    pub key: String,
    /// Where the key is written.
    pub span: Span,
    /// The file it is read from, as an absolute path.
    pub file: Option<Field<String>>,
    /// The variable it is taken from.
    pub environment: Option<Field<String>>,
    /// The text itself, of a config.
    pub content: Option<Field<String>>,
    /// Whether it was made elsewhere.
    pub external: bool,
}
