//! What engines answer, and what it means in our words.
//!
//! Every part may be missing or null, and words may be new ones: engines of ten years are asked, and Podman has words of
//! its own. What is not understood is left out of one container, and does not hide the others.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Deserialize;

use crate::compose::{MountKind, Protocol};
use crate::engine::{EngineEvent, EventAction, EventSubject, Process, StatSample};
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
        }
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

#[derive(Debug, Deserialize)]
pub(super) struct Stats {
    read: Option<String>,
    cpu_stats: Option<Cpu>,
    memory_stats: Option<Memory>,
    networks: Map<Traffic>,
    blkio_stats: Option<Blocks>,
    pids_stats: Option<Pids>,
}

#[derive(Debug, Deserialize)]
struct Cpu {
    cpu_usage: Option<CpuUsage>,
    system_cpu_usage: Option<u64>,
    online_cpus: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct CpuUsage {
    total_usage: Option<u64>,
    percpu_usage: Option<Vec<u64>>,
}

#[derive(Debug, Default, Deserialize)]
struct Memory {
    usage: Option<u64>,
    limit: Option<u64>,
    stats: Map<u64>,
}

#[derive(Debug, Deserialize)]
struct Traffic {
    rx_bytes: Option<u64>,
    tx_bytes: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Blocks {
    io_service_bytes_recursive: Option<Vec<Block>>,
}

#[derive(Debug, Deserialize)]
struct Block {
    op: Option<String>,
    value: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Pids {
    current: Option<u64>,
}

/// What a container had used of the processors at one moment, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    at: Timestamp,
    own: u64,
    /// What the whole machine had; Podman tells something else in its place.
    machine: Option<u64>,
}

impl Stats {
    /// Returns the sample, and what the next one is compared with; none once the container has ended: engines then go on
    /// with samples that say nothing.
    pub(super) fn told(self, before: Option<Used>, kind: EngineKind) -> Option<(StatSample, Used)> {
        let at = moment(self.read.as_ref())?;
        let memory = self.memory_stats.unwrap_or_default();
        let usage = memory.usage?;
        let processes = self.pids_stats.and_then(|pids| pids.current).unwrap_or(0);
        let cpu = self.cpu_stats?;
        let own = cpu.cpu_usage.as_ref().and_then(|usage| usage.total_usage)?;
        let used = Used {
            at,
            own,
            machine: cpu.system_cpu_usage.filter(|_| kind == EngineKind::Docker),
        };
        let listed = cpu.cpu_usage.and_then(|usage| usage.percpu_usage);
        let processors = match cpu.online_cpus {
            Some(number) if number > 0 => number,
            _ => listed.map_or(1, |each| each.len().max(1) as u64),
        };
        let traffic = self.networks.unwrap_or_default();
        let blocks = self
            .blkio_stats
            .and_then(|blocks| blocks.io_service_bytes_recursive);
        let blocks = blocks.unwrap_or_default();
        let moved = |wanted: &str| {
            let wanted = |block: &&Block| {
                block
                    .op
                    .as_deref()
                    .is_some_and(|op| op.eq_ignore_ascii_case(wanted))
            };
            blocks.iter().filter(wanted).filter_map(|block| block.value).sum()
        };
        // The part of the cache that is given back first: version 2 of control groups, then version 1.
        let stats = memory.stats.unwrap_or_default();
        let cache = ["inactive_file", "total_inactive_file"].iter().find_map(|name| {
            match (*name, stats.contains_key("total_inactive_file")) {
                // Version 1 has both, and means the one with its children.
                ("inactive_file", true) => None,
                _ => stats.get(*name),
            }
        });
        let sample = StatSample {
            at,
            cpu_percent: before.map(|before| percent(before, used, processors)),
            memory: usage.saturating_sub(cache.copied().filter(|cache| *cache < usage).unwrap_or(0)),
            memory_limit: memory.limit.unwrap_or(0),
            received: traffic.values().filter_map(|one| one.rx_bytes).sum(),
            sent: traffic.values().filter_map(|one| one.tx_bytes).sum(),
            read: moved("read"),
            written: moved("write"),
            processes,
        };
        Some((sample, used))
    }
}

/// Returns how much of one processor was used between two moments: the share of what the machine used times its
/// processors, as `docker stats` has it; where the machine's is not known, the share of the time that passed, which is
/// the same.
#[expect(clippy::cast_precision_loss, reason = "a percentage")]
fn percent(before: Used, now: Used, processors: u64) -> f64 {
    let own = now.own.saturating_sub(before.own) as f64;
    let passed = match (before.machine, now.machine) {
        (Some(before), Some(now)) => now.saturating_sub(before) as f64 / processors as f64,
        _ => now.at.duration_since(before.at).as_secs_f64() * 1e9,
    };
    match passed > 0.0 {
        true => own / passed * 100.0,
        false => 0.0,
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(rename = "Type")]
    r#type: Option<String>,
    #[serde(rename = "Action")]
    action: Option<String>,
    /// The word of engines before 1.22, which Podman still has beside the others.
    status: Option<String>,
    #[serde(rename = "Actor")]
    actor: Option<Actor>,
    time: Option<i64>,
    #[serde(rename = "timeNano")]
    nanoseconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "Attributes")]
    attributes: Map<String>,
}

impl Event {
    pub(super) fn told(self) -> Option<EngineEvent> {
        let precise = self
            .nanoseconds
            .filter(|number| *number > 0)
            .and_then(|number| Timestamp::from_nanosecond(i128::from(number)).ok());
        let at = precise.or_else(|| seconds(self.time))?;
        let actor = self.actor.unwrap_or_default();
        let attributes = actor.attributes.unwrap_or_default();
        let word = self.action.or(self.status).unwrap_or_default();
        let (word, rest) = word.split_once(':').unwrap_or((&word, ""));
        let code = ["exitCode", "containerExitCode"]
            .iter()
            .find_map(|name| attributes.get(*name)?.parse().ok());
        let health = match word {
            "health_status" => attributes
                .get("health_status")
                .map(String::as_str)
                .or(Some(rest.trim()))
                .and_then(health_state),
            _ => None,
        };
        let action = match word {
            "create" => EventAction::Created,
            "start" => EventAction::Started,
            "die" | "died" => EventAction::Died(code),
            "pause" => EventAction::Paused,
            "unpause" => EventAction::Unpaused,
            "rename" => EventAction::Renamed,
            "destroy" | "remove" | "delete" => EventAction::Removed,
            "oom" => EventAction::OutOfMemory,
            _ => match health {
                Some(health) => EventAction::Health(health),
                None => EventAction::Other(word.to_owned()),
            },
        };
        let subject = match self.r#type.as_deref().unwrap_or_default() {
            "container" => EventSubject::Container,
            "image" => EventSubject::Image,
            "volume" => EventSubject::Volume,
            "network" => EventSubject::Network,
            _ => EventSubject::Other,
        };
        let id = actor.id.unwrap_or_default();
        // A volume has no other id.
        let name = attributes.get("name").cloned().unwrap_or_else(|| id.clone());
        Some(EngineEvent {
            at,
            subject,
            id,
            name,
            action,
        })
    }
}

#[cfg(test)]
mod tests;
