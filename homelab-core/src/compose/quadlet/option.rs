//! What units say in the words of `podman run`: ports, volumes, mounts, networks, and further arguments.

use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;

use super::{Named, Reading, field};
use crate::compose::model::{
    Attachment, Mount, MountKind, Network, NetworkMode, Port, Protocol, Service, Volume,
};
use crate::name::{NetworkName, VolumeName};
use crate::span::Span;

impl Reading<'_> {
    pub(super) fn publish(&mut self, service: &mut Service, text: &str, span: &Span) {
        match ports(text) {
            Some(ports) => service
                .ports
                .extend(ports.into_iter().map(|port| field(port, span))),
            None => {
                service.unread_ports.push(field(format!("`{text}`"), span));
                // A specifier or variable may be a port; what it is, the machine knows.
                if !text.contains(['%', '$']) {
                    self.wrong(
                        span,
                        format!(
                            "`{text}` is no port to publish, expected `[ADDRESS:][PORT:]PORT[/PROTOCOL]`"
                        ),
                    );
                }
            }
        }
    }

    /// Reads `SOURCE:TARGET[:OPTIONS]`, or a target alone.
    pub(super) fn volume(&mut self, service: &mut Service, text: &str, span: &Span) {
        let mut parts = text.split(':');
        let first = parts.next().unwrap_or_default();
        let (source, target) = match parts.next() {
            Some(target) => (Some(first), target),
            None => (None, first),
        };
        let read_only = parts
            .next()
            .is_some_and(|options| options.split(',').any(|option| option == "ro"));
        self.storage(service, source, target, read_only, span);
    }

    /// Reads `type=bind,source=..,destination=..,ro`.
    pub(super) fn mount(&mut self, service: &mut Service, text: &str, span: &Span) {
        let mut kind = "volume";
        let (mut source, mut target, mut read_only) = (None, "", false);
        for option in text.split(',') {
            let (key, value) = option.split_once('=').unwrap_or((option, "true"));
            match key.trim() {
                "type" => kind = value,
                "source" | "src" => source = Some(value),
                "destination" | "dst" | "target" => target = value,
                "ro" | "readonly" => read_only = value == "true",
                _ => {}
            }
        }
        match kind {
            "bind" | "volume" | "glob" => self.storage(service, source, target, read_only, span),
            other => {
                let kind = if other == "tmpfs" {
                    MountKind::Tmpfs
                } else {
                    MountKind::Other
                };
                let source = source.map(str::to_owned);
                let mount = Mount {
                    kind,
                    source,
                    target: target.to_owned(),
                    read_only,
                };
                service.mounts.push(field(mount, span));
            }
        }
    }

    fn storage(
        &mut self,
        service: &mut Service,
        source: Option<&str>,
        target: &str,
        read_only: bool,
        span: &Span,
    ) {
        let (kind, source) = match source {
            None => (MountKind::Volume, None),
            Some(path) if path.starts_with(['/', '%', '~']) => (MountKind::Bind, Some(path.to_owned())),
            Some(path) if path.starts_with('.') => (MountKind::Bind, Some(absolute(self.directory, path))),
            Some(name) => {
                let key = name.strip_suffix(".volume").unwrap_or(name);
                if let Ok(valid) = VolumeName::new(key) {
                    self.volumes.entry(key.to_owned()).or_insert_with(|| Volume {
                        key: valid,
                        span: span.clone(),
                        name: Some(field(key.to_owned(), span)),
                        driver: None,
                        driver_opts: IndexMap::new(),
                        external: false,
                    });
                }
                (MountKind::Volume, Some(key.to_owned()))
            }
        };
        service.mounts.push(field(
            Mount {
                kind,
                source,
                target: target.to_owned(),
                read_only,
            },
            span,
        ));
    }

    pub(super) fn network(&mut self, service: &mut Service, text: &str, span: &Span, units: &[Named]) {
        let (name, rest) = match text.split_once(':') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        let mode = match (name, rest) {
            ("none", _) => NetworkMode::None,
            ("host", _) => NetworkMode::Host,
            ("bridge", None) => NetworkMode::Bridge,
            ("container", Some(container)) => container_mode(container, units),
            ("ns" | "private" | "pasta" | "slirp4netns", _) => NetworkMode::Other(text.to_owned()),
            (name, _) if name.ends_with(".container") => NetworkMode::Service(
                name.trim_end_matches(".container")
                    .trim_end_matches('@')
                    .to_owned(),
            ),
            (name, _) => {
                match name.strip_suffix(".network") {
                    Some(key) => self.attach(service, key, None, span),
                    None => self.attach(service, name, Some(name), span),
                }
                return;
            }
        };
        service.network_mode = Some(field(mode, span));
    }

    /// Puts a service into a pod by its name: one that a unit makes, or one that is not in the lab.
    fn join(&mut self, service: &mut Service, name: &str, span: &Span, units: &[Named]) {
        let name = name.strip_prefix("new:").unwrap_or(name);
        let is_called = |other: &&Named| match other.unit.last("Pod", "PodName") {
            Some(line) => line.value == name,
            None => name.strip_prefix("systemd-") == Some(other.stem.as_str()),
        };
        let mut pods = units.iter().filter(|other| other.kind == "pod");
        match pods.find(is_called) {
            Some(pod) => self.pod(service, pod, units),
            None => service.network_mode = Some(field(NetworkMode::Container(name.to_owned()), span)),
        }
    }

    /// Attaches a service to a network, which was made elsewhere where no unit makes it.
    pub(super) fn attach(&mut self, service: &mut Service, key: &str, name: Option<&str>, span: &Span) {
        let Ok(valid) = NetworkName::new(key) else {
            self.wrong(span, format!("`{key}` is no network's name"));
            return;
        };
        self.networks.entry(key.to_owned()).or_insert_with(|| Network {
            key: valid,
            span: None,
            name: Some(field(
                name.map_or_else(|| format!("systemd-{key}"), str::to_owned),
                span,
            )),
            driver: None,
            driver_opts: IndexMap::new(),
            subnets: Vec::new(),
            external: true,
            internal: false,
        });
        let attachment = Attachment {
            network: key.to_owned(),
            ipv4: None,
            ipv6: None,
            aliases: Vec::new(),
        };
        service.networks.push(field(attachment, span));
    }

    /// Reads the options of `podman run` that say who reaches the container, and what it may do.
    pub(super) fn arguments(
        &mut self,
        service: &mut Service,
        arguments: &[(String, &Span)],
        units: &[Named],
    ) {
        let mut rest = arguments.iter();
        while let Some((word, span)) = rest.next() {
            let (option, given) = option(word);
            match option {
                "--privileged" => {
                    service.privileged = Some(field(is_on(given), span));
                    continue;
                }
                "--publish-all" | "-P" => {
                    if is_on(given) {
                        let every = "every port that its image exposes".to_owned();
                        service.unread_ports.push(field(every, span));
                    }
                    continue;
                }
                _ => {}
            }
            let known = [
                "--network",
                "--net",
                "--publish",
                "-p",
                "--pod",
                "--volume",
                "-v",
                "--mount",
                "--pid",
                "--ipc",
                "--uts",
                "--cgroupns",
                "--userns",
                "--cap-add",
                "--cap-drop",
                "--device",
                "--security-opt",
                "--env",
                "-e",
                "--label",
                "-l",
                "--memory",
                "-m",
                "--cpus",
            ];
            if !known.contains(&option) {
                continue;
            }
            let Some(value) = given.or_else(|| rest.next().map(|(word, _)| word.as_str())) else {
                continue;
            };
            let text = || field(value.to_owned(), span);
            match option {
                "--network" | "--net" => self.network(service, value, span, units),
                "--publish" | "-p" => self.publish(service, value, span),
                "--pod" => self.join(service, value, span, units),
                "--volume" | "-v" => self.volume(service, value, span),
                "--mount" => self.mount(service, value, span),
                "--pid" => service.pid = Some(text()),
                "--ipc" => service.ipc = Some(text()),
                "--uts" => service.uts = Some(text()),
                "--cgroupns" => service.cgroup = Some(text()),
                "--userns" => service.userns_mode = Some(text()),
                "--cap-add" => service.cap_add.push(text()),
                "--cap-drop" => service.cap_drop.push(text()),
                "--device" => service.devices.push(text()),
                "--security-opt" => service.security_opt.push(text()),
                "--memory" | "-m" | "--cpus" => service.limits = Some((*span).clone()),
                "--env" | "-e" => {
                    let (key, value) = match value.split_once('=') {
                        Some((key, value)) => (key, Some(value.to_owned())),
                        None => (value, None),
                    };
                    service.environment.insert(key.to_owned(), field(value, span));
                }
                _ => {
                    let (key, value) = value.split_once('=').unwrap_or((value, ""));
                    service
                        .labels
                        .insert(key.to_owned(), field(value.to_owned(), span));
                }
            }
        }
    }
}

/// Parts an argument into its option and the value that it holds: `--publish=80:80`, `-p=80:80`, `-p80:80`.
fn option(word: &str) -> (&str, Option<&str>) {
    let is_short = word.starts_with('-') && !word.starts_with("--");
    match word.split_once('=') {
        Some((option, value)) if option.starts_with("--") || option.len() == 2 => (option, Some(value)),
        _ if is_short && word.len() > 2 && word.is_char_boundary(2) => (&word[..2], Some(&word[2..])),
        _ => (word, None),
    }
}

/// Whether a switch is on, which may be written with a value or without.
fn is_on(given: Option<&str>) -> bool {
    given.is_none_or(|value| !matches!(value, "false" | "0" | "f" | "F" | "False" | "FALSE"))
}

/// Returns a path relative to the units' folder as an absolute one, without `.` and `..`.
fn absolute(directory: &Path, path: &str) -> String {
    let mut out = PathBuf::new();
    for component in directory.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            component => out.push(component),
        }
    }
    out.to_string_lossy().into_owned()
}

/// Returns the mode of sharing a container's network: a service's, where a unit makes the container.
fn container_mode(container: &str, units: &[Named]) -> NetworkMode {
    let made_here = units
        .iter()
        .filter(|other| other.kind == "container")
        .find(|other| {
            other.unit.last("Container", "ContainerName").map_or_else(
                || format!("systemd-{}", other.stem) == container,
                |line| line.value == container,
            )
        });
    match made_here {
        Some(other) => NetworkMode::Service(other.stem.clone()),
        None => NetworkMode::Container(container.to_owned()),
    }
}

/// Reads `[ADDRESS:][PORT:]PORT[/PROTOCOL]`, each port possibly a range; one entry for each container port.
pub(super) fn ports(text: &str) -> Option<Vec<Port>> {
    let (text, protocol) = match text.rsplit_once('/') {
        Some((text, "udp")) => (text, Protocol::Udp),
        Some((text, "sctp")) => (text, Protocol::Sctp),
        Some((text, "tcp")) => (text, Protocol::Tcp),
        Some(_) => return None,
        None => (text, Protocol::Tcp),
    };
    let (rest, target) = match text.rsplit_once(':') {
        Some((rest, target)) => (Some(rest), target),
        None => (None, text),
    };
    let (address, published) = match rest.map(|rest| rest.rsplit_once(':').unwrap_or(("", rest))) {
        // An IPv6 address has colons itself, and stands in brackets.
        Some((address, published)) => (address.trim_start_matches('[').trim_end_matches(']'), published),
        None => ("", ""),
    };
    let host_ip = if address.is_empty() {
        None
    } else {
        Some(address.parse().ok()?)
    };
    let (first, last) = range(target)?;
    let published = if published.is_empty() {
        None
    } else {
        Some(range(published)?)
    };
    if published.is_some_and(|(low, high)| high - low != last - first && first != last) {
        return None;
    }
    Some(
        (first..=last)
            .map(|target| Port {
                host_ip,
                // Several host ports for one container port mean that the engine chooses among them.
                published: published.map(|(low, high)| {
                    if first == last {
                        (low, high)
                    } else {
                        (low + (target - first), low + (target - first))
                    }
                }),
                target,
                protocol,
                name: None,
                app_protocol: None,
            })
            .collect(),
    )
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last).then_some((first, last))
}
