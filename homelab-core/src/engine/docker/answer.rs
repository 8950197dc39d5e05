//! What engines answer, and what it means in our words.
//!
//! Every part may be missing or null, and words may be new ones: engines of ten years are asked, and Podman has words of
//! its own. What is not understood is left out of one container, and does not hide the others.

mod event;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;

use hyper::header::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;

pub(super) use self::event::Event;
pub(super) use self::sample::Stats;

use crate::compose::{MountKind, Protocol, RestartPolicy};
use crate::engine::Process;
use crate::inventory::{
    Binding, Container, ContainerState, EngineInfo, EngineKind, Health, Image, Mounted, Network, Volume,
};
use crate::secret::Secret;

type Map<T> = Option<BTreeMap<String, T>>;

/// A number that may be told as a negative one for "not known".
fn count(number: Option<i64>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok())
}

fn some_text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Returns a moment; engines tell "never" as the first of January of the year 1.
fn moment(text: Option<&String>) -> Option<Timestamp> {
    let moment: Timestamp = text?.parse().ok()?;
    (moment > Timestamp::UNIX_EPOCH).then_some(moment)
}

fn seconds(number: Option<i64>) -> Option<Timestamp> {
    Timestamp::from_second(number.filter(|number| *number > 0)?).ok()
}

/// Returns an image's id with its algorithm, which Podman leaves out here and there.
fn image_id(id: &str) -> String {
    match id.len() == 64 && id.chars().all(|c| c.is_ascii_hexdigit()) {
        true => format!("sha256:{id}"),
        false => id.to_owned(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Version {
    pub(super) version: Option<String>,
    pub(super) api_version: Option<String>,
    components: Option<Vec<Component>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    name: Option<String>,
}

impl Version {
    pub(super) fn kind(&self) -> EngineKind {
        let podman = self.components.iter().flatten().any(|component| {
            let name = component.name.as_deref().unwrap_or_default();
            name.to_ascii_lowercase().contains("podman")
        });
        match podman {
            true => EngineKind::Podman,
            false => EngineKind::Docker,
        }
    }
}

/// What an engine says of itself beside each answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) kind: EngineKind,
    pub(super) version: String,
    pub(super) api: String,
}

impl Greeting {
    /// Reads `Server: Docker/28.2.2 (linux)` and `Api-Version: 1.50`; a proxy may have put itself in their place.
    pub(super) fn read(headers: &HeaderMap) -> Option<Greeting> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        let (program, rest) = header("server")?.split_once('/')?;
        let kind = match program {
            "Docker" => EngineKind::Docker,
            "Libpod" => EngineKind::Podman,
            _ => return None,
        };
        let version = rest.split(' ').next().filter(|version| !version.is_empty())?;
        let api = header("api-version").filter(|api| !api.is_empty())?;
        Some(Greeting {
            kind,
            version: version.to_owned(),
            api: api.to_owned(),
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Info {
    name: Option<String>,
    operating_system: Option<String>,
    architecture: Option<String>,
    #[serde(rename = "NCPU")]
    processors: Option<i64>,
    mem_total: Option<i64>,
    docker_root_dir: Option<String>,
    system_time: Option<String>,
    security_options: Option<Vec<String>>,
    rootless: Option<bool>,
}

impl Info {
    pub(super) fn told(self, kind: EngineKind, version: &str, api: &str) -> EngineInfo {
        // Docker tells it among other words, Podman as a value of its own.
        let options = self.security_options.as_ref();
        let rootless = options.map(|all| all.iter().any(|option| option.contains("rootless")));
        EngineInfo {
            kind,
            version: version.to_owned(),
            api: api.to_owned(),
            hostname: some_text(self.name),
            system: some_text(self.operating_system),
            architecture: some_text(self.architecture),
            processors: count(self.processors),
            memory: count(self.mem_total),
            folder: some_text(self.docker_root_dir),
            rootless: self.rootless.or(rootless),
            clock: moment(self.system_time.as_ref()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    id: Option<String>,
    name: Option<String>,
    created: Option<String>,
    image: Option<String>,
    state: Option<State>,
    restart_count: Option<i64>,
    host_config: Option<HostConfig>,
    network_settings: Option<NetworkSettings>,
    mounts: Option<Vec<MountPoint>>,
    config: Option<Config>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: Option<String>,
    #[serde(rename = "OOMKilled")]
    out_of_memory: Option<bool>,
    exit_code: Option<i64>,
    started_at: Option<String>,
    finished_at: Option<String>,
    health: Option<HealthState>,
    /// Podman's own name for it.
    healthcheck: Option<HealthState>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthState {
    status: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    network_mode: Option<String>,
    tmpfs: Map<String>,
    privileged: Option<bool>,
    restart_policy: Option<Restart>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Restart {
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    ports: Map<Option<Vec<PortBinding>>>,
    networks: Map<Attached>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PortBinding {
    host_ip: Option<String>,
    host_port: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Attached {
    #[serde(rename = "IPAddress")]
    ipv4: Option<String>,
    #[serde(rename = "GlobalIPv6Address")]
    ipv6: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MountPoint {
    r#type: Option<String>,
    name: Option<String>,
    source: Option<String>,
    destination: Option<String>,
    #[serde(rename = "RW")]
    writable: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: Option<String>,
    env: Option<Vec<String>>,
    labels: Map<String>,
    tty: Option<bool>,
    cmd: Option<Vec<String>>,
    user: Option<String>,
    stop_timeout: Option<i64>,
}

impl Inspected {
    /// Returns how many seconds it is given to end, where it says so itself.
    pub(super) fn grace(&self) -> Option<u64> {
        count(self.config.as_ref()?.stop_timeout)
    }

    pub(super) fn told(self) -> Container {
        let state = self.state.unwrap_or_default();
        let host = self.host_config.unwrap_or_default();
        let network = self.network_settings.unwrap_or_default();
        let config = self.config.unwrap_or_default();
        let doing = container_state(state.status.as_deref().unwrap_or_default());
        let runs = doing.is_running();
        let ended = matches!(
            doing,
            ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting
        );
        let name = self.name.unwrap_or_default();
        let health = state.health.or(state.healthcheck);
        let health = health.and_then(|health| health_state(health.status.as_deref()?));
        let mut ports: Vec<Binding> = match runs {
            true => network.ports.iter().flatten().flat_map(bindings).collect(),
            false => Vec::new(),
        };
        ports.sort();
        ports.dedup();
        let mut mounts: Vec<Mounted> = self.mounts.into_iter().flatten().filter_map(mounted).collect();
        let memory = host.tmpfs.into_iter().flatten().map(|(target, options)| Mounted {
            target,
            kind: MountKind::Tmpfs,
            source: None,
            read_only: options.split(',').any(|option| option == "ro"),
        });
        mounts.extend(memory);
        mounts.sort_by(|a, b| a.target.cmp(&b.target));
        // Podman lists the memory among the mounts as well.
        mounts.dedup_by(|a, b| a.target == b.target && a.kind == MountKind::Tmpfs);
        let networks = network.networks.into_iter().flatten().map(|(name, attached)| {
            let addresses = [attached.ipv4, attached.ipv6].into_iter().flatten();
            (name, addresses.filter_map(|text| text.parse().ok()).collect())
        });
        let environment = config.env.into_iter().flatten().map(|line| {
            let (name, value) = line.split_once('=').unwrap_or((&line, ""));
            (name.to_owned(), Secret::new(value))
        });
        Container {
            id: self.id.unwrap_or_default(),
            name: name.trim_start_matches('/').to_owned(),
            image: config.image.unwrap_or_default(),
            image_id: image_id(&self.image.unwrap_or_default()),
            state: doing,
            health: health.filter(|_| runs),
            created: moment(self.created.as_ref()),
            started: moment(state.started_at.as_ref()),
            finished: moment(state.finished_at.as_ref()),
            exit_code: state.exit_code.filter(|_| ended),
            out_of_memory: state.out_of_memory.unwrap_or(false),
            restarts: count(self.restart_count).unwrap_or(0),
            ports,
            mounts,
            network_mode: host.network_mode.unwrap_or_default(),
            networks: networks.collect(),
            labels: config.labels.unwrap_or_default(),
            environment: environment.collect(),
            terminal: config.tty.unwrap_or(false),
            command: config.cmd.unwrap_or_default(),
            user: some_text(config.user),
            privileged: host.privileged.unwrap_or(false),
            restart: host
                .restart_policy
                .and_then(|policy| restart(policy.name.as_deref()?)),
        }
    }
}

fn restart(word: &str) -> Option<RestartPolicy> {
    match word {
        "" | "no" => Some(RestartPolicy::No),
        "always" => Some(RestartPolicy::Always),
        "on-failure" => Some(RestartPolicy::OnFailure),
        "unless-stopped" => Some(RestartPolicy::UnlessStopped),
        _ => None,
    }
}

fn container_state(word: &str) -> ContainerState {
    match word {
        "created" | "configured" | "initialized" => ContainerState::Created,
        "running" | "stopping" => ContainerState::Running,
        "paused" => ContainerState::Paused,
        "restarting" => ContainerState::Restarting,
        "removing" => ContainerState::Removing,
        "exited" | "stopped" => ContainerState::Exited,
        "dead" => ContainerState::Dead,
        _ => ContainerState::Unknown,
    }
}

fn health_state(word: &str) -> Option<Health> {
    match word {
        "starting" => Some(Health::Starting),
        "healthy" => Some(Health::Healthy),
        "unhealthy" => Some(Health::Unhealthy),
        _ => None,
    }
}

/// Returns where a container's port is bound. `7000/tcp` without bindings is only what the image names.
fn bindings((port, bound): (&String, &Option<Vec<PortBinding>>)) -> Vec<Binding> {
    let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    let protocol = match protocol {
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => Protocol::Tcp,
    };
    let Ok(target) = number.parse() else {
        return Vec::new();
    };
    let bound = bound.iter().flatten().filter_map(|binding| {
        let address: Option<IpAddr> = binding.host_ip.as_deref().and_then(|text| text.parse().ok());
        Some(Binding {
            address: address.filter(|address| !address.is_unspecified()),
            port: binding.host_port.as_deref()?.parse().ok()?,
            target,
            protocol,
        })
    });
    bound.collect()
}

fn mounted(mount: MountPoint) -> Option<Mounted> {
    let kind = match mount.r#type.as_deref().unwrap_or_default() {
        "bind" => MountKind::Bind,
        "volume" => MountKind::Volume,
        "tmpfs" => MountKind::Tmpfs,
        _ => MountKind::Other,
    };
    Some(Mounted {
        target: mount.destination?,
        kind,
        source: match kind {
            MountKind::Volume => some_text(mount.name),
            MountKind::Tmpfs => None,
            MountKind::Bind | MountKind::Other => some_text(mount.source),
        },
        read_only: mount.writable == Some(false),
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedImage {
    id: Option<String>,
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
    created: Option<i64>,
    size: Option<i64>,
    labels: Map<String>,
}

impl ListedImage {
    pub(super) fn told(self) -> Image {
        let named = |names: Option<Vec<String>>| {
            let names = names.into_iter().flatten();
            let mut names: Vec<String> = names.filter(|name| !name.contains("<none>")).collect();
            names.sort();
            names
        };
        Image {
            id: image_id(&self.id.unwrap_or_default()),
            tags: named(self.repo_tags),
            digests: named(self.repo_digests),
            created: seconds(self.created),
            size: count(self.size).unwrap_or(0),
            labels: self.labels.unwrap_or_default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Volumes {
    pub(super) volumes: Option<Vec<ListedVolume>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedVolume {
    name: Option<String>,
    driver: Option<String>,
    mountpoint: Option<String>,
    created_at: Option<String>,
    labels: Map<String>,
    usage_data: Option<Usage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Usage {
    size: Option<i64>,
}

impl ListedVolume {
    pub(super) fn told(self) -> Volume {
        Volume {
            name: self.name.unwrap_or_default(),
            driver: self.driver.unwrap_or_default(),
            path: some_text(self.mountpoint),
            created: moment(self.created_at.as_ref()),
            labels: self.labels.unwrap_or_default(),
            size: self.usage_data.and_then(|usage| count(usage.size)),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedNetwork {
    id: Option<String>,
    name: Option<String>,
    driver: Option<String>,
    internal: Option<bool>,
    #[serde(rename = "IPAM")]
    ipam: Option<Ipam>,
    labels: Map<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ipam {
    config: Option<Vec<Prefix>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Prefix {
    subnet: Option<String>,
}

impl ListedNetwork {
    pub(super) fn told(self) -> Network {
        let prefixes = self.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        let prefixes = prefixes.into_iter().filter_map(|prefix| prefix.subnet);
        Network {
            id: self.id.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            driver: self.driver.unwrap_or_default(),
            internal: self.internal.unwrap_or(false),
            subnets: prefixes.filter_map(|text| text.parse().ok()).collect(),
            labels: self.labels.unwrap_or_default(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Top {
    titles: Option<Vec<String>>,
    processes: Option<Vec<Vec<String>>>,
}

impl Top {
    pub(super) fn told(self) -> Vec<Process> {
        let titles = self.titles.unwrap_or_default();
        let at = |names: &[&str]| titles.iter().position(|title| names.contains(&title.as_str()));
        let (id, user, command) = (
            at(&["PID"]),
            at(&["UID", "USER"]),
            at(&["CMD", "COMMAND", "ARGS"]),
        );
        let rows = self.processes.into_iter().flatten();
        let told = rows.filter_map(|row| {
            let text = |at: Option<usize>| Some(row.get(at?)?.trim().to_owned());
            Some(Process {
                id: text(id)?.parse().ok()?,
                user: text(user).unwrap_or_default(),
                command: text(command).unwrap_or_default(),
            })
        });
        told.collect()
    }
}
