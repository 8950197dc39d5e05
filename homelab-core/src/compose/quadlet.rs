//! Podman's quadlet units read as a project: `.container`, `.pod`, `.kube`, `.volume`, `.network`, `.image`, `.build`.
//!
//! Podman knows no projects. The units of one folder are taken for one, named after the folder: they are installed,
//! versioned and moved together, and refer to each other by file name. Systemd's specifiers (`%h`) stay as written.

mod unit;

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::model::{
    Attachment, Field, Inner, Material, Mount, MountKind, Network, NetworkMode, Port, Project, Protocol,
    RestartPolicy, Service, Volume,
};
use super::node::Map;
use crate::finding::{Finding, Principle, Rule, Severity, Subject};
use crate::name::{NetworkName, ProjectName, ServiceName, VolumeName};
use crate::span::{Source, Span};
use unit::{Line, Unit};

/// A unit holds a line that means nothing.
pub(crate) static INVALID_UNIT: Rule = Rule {
    id: "compose.invalid-quadlet",
    principle: Principle::Valid,
    severity: Severity::Warning,
    title: "a Podman unit holds a line that means nothing",
    why: "Podman's generator refuses or ignores it, so the container does not run as written.",
    fix: "Correct the line as podman-systemd.unit(5) describes it.",
    opt_in: false,
};

/// Reads the units of one folder. Drop-ins stand in the list behind their unit; `read` returns the text of a file of
/// variables, by its path.
pub(crate) fn project(
    name: ProjectName,
    directory: &Path,
    units: &[Source],
    read: impl Fn(&Path) -> Option<Source>,
) -> Project {
    let mut reading = Reading {
        directory,
        read: &read,
        units: Vec::new(),
        services: IndexMap::new(),
        networks: IndexMap::new(),
        volumes: IndexMap::new(),
        secrets: IndexMap::new(),
        diagnostics: Vec::new(),
        name: name.clone(),
    };
    reading.take(units);
    reading.volumes_and_networks();
    reading.containers();
    let Reading {
        services,
        networks,
        volumes,
        secrets,
        diagnostics,
        ..
    } = reading;
    let active = services.keys().map(|service| service.as_str().into()).collect();
    Project(Arc::new(Inner {
        name,
        name_span: None,
        directory: directory.to_owned(),
        files: units.to_vec(),
        services,
        networks,
        volumes,
        configs: IndexMap::new(),
        secrets,
        diagnostics,
        // Compose cannot run units, so there is no tree in its shape to print.
        root: Map::default(),
        active,
        uses: Vec::new(),
    }))
}

/// One unit with what is dropped into it.
struct Named {
    /// The file's name without its folder: `web.container`.
    file: String,
    stem: String,
    kind: String,
    source: Source,
    unit: Unit,
}

impl Named {
    /// The section that this kind of unit is about.
    fn section(&self) -> &'static str {
        match self.kind.as_str() {
            "container" => "Container",
            "pod" => "Pod",
            "kube" => "Kube",
            "volume" => "Volume",
            "network" => "Network",
            "image" => "Image",
            _ => "Build",
        }
    }

    /// Returns the place of the section's header, where a person looks for the unit.
    fn span(&self) -> Span {
        let header = format!("[{}]", self.section());
        match self.source.text().find(&header) {
            Some(at) => Span::new(&self.source, at, at + header.len()),
            None => Span::file(&self.source),
        }
    }

    fn field(&self, key: &str) -> Option<Field<String>> {
        self.unit.last(self.section(), key).map(plain)
    }
}

struct Reading<'a> {
    directory: &'a Path,
    read: &'a dyn Fn(&Path) -> Option<Source>,
    units: Vec<Named>,
    services: IndexMap<ServiceName, Service>,
    networks: IndexMap<String, Network>,
    volumes: IndexMap<String, Volume>,
    secrets: IndexMap<String, Material>,
    diagnostics: Vec<Finding>,
    name: ProjectName,
}

fn field<T>(value: T, span: &Span) -> Field<T> {
    Field {
        value,
        span: span.clone(),
        interpolation: None,
    }
}

fn plain(line: &Line) -> Field<String> {
    field(line.value.clone(), &line.span)
}

impl Reading<'_> {
    fn wrong(&mut self, span: &Span, message: String) {
        let subject = Subject::Project(self.name.clone());
        self.diagnostics
            .push(Finding::new(&INVALID_UNIT, subject, message).at(span));
    }

    /// Parses the units, each with the drop-ins behind it.
    fn take(&mut self, sources: &[Source]) {
        let is_drop_in = |source: &Source| source.name().ends_with(".conf");
        let mut rest = sources;
        while let [first, more @ ..] = rest {
            let drop_ins = more.iter().take_while(|source| is_drop_in(source)).count();
            let (own, others) = rest.split_at(1 + drop_ins);
            rest = others;
            let file = first.name().rsplit('/').next().unwrap_or_default().to_owned();
            let Some((stem, kind)) = file.rsplit_once('.') else {
                continue;
            };
            let (unit, broken) = Unit::read(own);
            for (span, message) in broken {
                self.wrong(&span, message);
            }
            self.units.push(Named {
                stem: stem.trim_end_matches('@').to_owned(),
                kind: kind.to_owned(),
                source: first.clone(),
                unit,
                file,
            });
        }
    }

    fn volumes_and_networks(&mut self) {
        for named in &self.units {
            let unit = &named.unit;
            match named.kind.as_str() {
                "volume" => {
                    let Ok(key) = VolumeName::new(&named.stem) else {
                        continue;
                    };
                    let options = [("Type", "type"), ("Device", "device"), ("Options", "o")];
                    let driver_opts = options
                        .iter()
                        .filter_map(|(key, option)| Some(((*option).to_owned(), named.field(key)?)))
                        .collect();
                    let name = named
                        .field("VolumeName")
                        .unwrap_or_else(|| field(format!("systemd-{}", named.stem), &named.span()));
                    self.volumes.insert(
                        named.stem.clone(),
                        Volume {
                            key,
                            span: named.span(),
                            name: Some(name),
                            driver: named.field("Driver"),
                            driver_opts,
                            external: false,
                        },
                    );
                }
                "network" => {
                    let Ok(key) = NetworkName::new(&named.stem) else {
                        continue;
                    };
                    let name = named
                        .field("NetworkName")
                        .unwrap_or_else(|| field(format!("systemd-{}", named.stem), &named.span()));
                    let driver_opts = unit
                        .words("Network", "Options")
                        .into_iter()
                        .filter_map(|(word, span)| {
                            let (key, value) = word.split_once('=')?;
                            Some((key.to_owned(), field(value.to_owned(), span)))
                        })
                        .collect();
                    self.networks.insert(
                        named.stem.clone(),
                        Network {
                            key,
                            span: Some(named.span()),
                            name: Some(name),
                            driver: named.field("Driver"),
                            driver_opts,
                            external: false,
                            internal: unit
                                .flag("Network", "Internal")
                                .is_some_and(|(internal, _)| internal),
                        },
                    );
                }
                _ => {}
            }
        }
    }

    fn containers(&mut self) {
        // Taken out for as long as services are made of them, which adds networks and findings.
        let units = std::mem::take(&mut self.units);
        for named in units
            .iter()
            .filter(|named| matches!(named.kind.as_str(), "container" | "kube"))
        {
            match ServiceName::new(&named.stem) {
                Ok(name) => {
                    let service = self.service(name, named, &units);
                    self.services.insert(service.name.clone(), service);
                }
                Err(error) => self.wrong(&named.span(), error.to_string()),
            }
        }
        self.units = units;
    }

    fn service(&mut self, name: ServiceName, named: &Named, units: &[Named]) -> Service {
        let unit = &named.unit;
        let section = named.section();
        let pod = unit.last(section, "Pod").and_then(|line| {
            units
                .iter()
                .find(|other| other.kind == "pod" && other.file == line.value)
        });
        let mut service = Service {
            name,
            span: named.span(),
            body: Span::new(&named.source, 0, named.source.text().len()),
            image: None,
            build: None,
            container_name: named.field("ContainerName"),
            hostname: named.field("HostName"),
            ports: Vec::new(),
            expose: unit
                .all(section, "ExposeHostPort")
                .into_iter()
                .map(plain)
                .collect(),
            network_mode: None,
            networks: Vec::new(),
            environment: IndexMap::new(),
            labels: IndexMap::new(),
            mounts: Vec::new(),
            privileged: None,
            pid: None,
            ipc: None,
            uts: None,
            userns_mode: named.field("UserNS"),
            user: named.field("User"),
            cap_add: split(unit, section, "AddCapability"),
            cap_drop: split(unit, section, "DropCapability"),
            security_opt: Vec::new(),
            devices: unit.all(section, "AddDevice").into_iter().map(plain).collect(),
            read_only: unit.flag(section, "ReadOnly").map(|(on, span)| field(on, span)),
            restart: unit.last("Service", "Restart").and_then(restart),
            healthcheck: unit
                .last(section, "HealthCmd")
                .filter(|line| line.value != "none")
                .map(|line| line.span.clone()),
            limits: [
                (section, "Memory"),
                ("Service", "MemoryMax"),
                ("Service", "CPUQuota"),
            ]
            .iter()
            .find_map(|(section, key)| unit.last(section, key).map(|line| line.span.clone())),
            depends_on: depends_on(unit, units),
            profiles: Vec::new(),
            command: split(unit, section, "Exec"),
            entrypoint: split(unit, section, "Entrypoint"),
            secrets: Vec::new(),
            configs: Vec::new(),
            replicas: 1,
        };
        self.image(&mut service, named, units);
        if let Some((true, span)) = unit.flag(section, "NoNewPrivileges") {
            service
                .security_opt
                .push(field("no-new-privileges:true".to_owned(), span));
        }
        if let Some((true, span)) = unit.flag(section, "SecurityLabelDisable") {
            service.security_opt.push(field("label=disable".to_owned(), span));
        }
        if let Some(line) = unit.last(section, "SeccompProfile") {
            service
                .security_opt
                .push(field(format!("seccomp={}", line.value), &line.span));
        }
        if let Some(line) = unit.last(section, "AutoUpdate") {
            // The label by which `podman auto-update` knows its containers.
            service
                .labels
                .insert("io.containers.autoupdate".to_owned(), plain(line));
        }
        self.environment(&mut service, unit, section);
        for (word, span) in unit.words(section, "Label") {
            let (key, value) = word.split_once('=').unwrap_or((&word, ""));
            service
                .labels
                .insert(key.to_owned(), field(value.to_owned(), span));
        }
        for line in unit.all(section, "Secret") {
            let key = line.value.split(',').next().unwrap_or_default().to_owned();
            service.secrets.push(field(key.clone(), &line.span));
            self.secrets.entry(key.clone()).or_insert_with(|| Material {
                key,
                span: line.span.clone(),
                file: None,
                environment: None,
                content: None,
                external: true,
            });
        }
        for line in unit.all(section, "PublishPort") {
            self.publish(&mut service, &line.value, &line.span);
        }
        for line in unit.all(section, "Volume") {
            self.volume(&mut service, &line.value, &line.span);
        }
        for line in unit.all(section, "Mount") {
            self.mount(&mut service, &line.value, &line.span);
        }
        for line in unit.all(section, "Tmpfs") {
            let target = line.value.split(':').next().unwrap_or_default().to_owned();
            let mount = Mount {
                kind: MountKind::Tmpfs,
                source: None,
                target,
                read_only: false,
            };
            service.mounts.push(field(mount, &line.span));
        }
        for line in unit.all(section, "Network") {
            self.network(&mut service, &line.value, &line.span, units);
        }
        let arguments = unit.words(section, "PodmanArgs");
        self.arguments(&mut service, &arguments, units);
        if let Some(pod) = pod {
            self.pod(&mut service, pod, units);
        }
        if let (Some(attachment), ip4, ip6) = (
            service.networks.first_mut(),
            unit.last(section, "IP"),
            unit.last(section, "IP6"),
        ) {
            attachment.value.ipv4 = ip4.map(|line| line.value.clone());
            attachment.value.ipv6 = ip6.map(|line| line.value.clone());
        }
        let aliases = unit.all(section, "NetworkAlias");
        for attachment in &mut service.networks {
            attachment
                .value
                .aliases
                .extend(aliases.iter().map(|line| line.value.clone()));
        }
        if service.network_mode.is_none() && service.networks.is_empty() {
            self.attach(&mut service, "default", Some("podman"), &named.span());
        }
        service
    }

    fn image(&mut self, service: &mut Service, named: &Named, units: &[Named]) {
        let Some(line) = named.unit.last(named.section(), "Image") else {
            if named.kind == "container" {
                self.wrong(&named.span(), format!("`{}` has no `Image=`", named.file));
            }
            return;
        };
        let other = units.iter().find(|other| other.file == line.value);
        match other.map(|other| (other.kind.as_str(), other)) {
            Some(("image", other)) => service.image = other.field("Image"),
            Some(("build", other)) => {
                service.build = Some(other.span());
                service.image = other.field("ImageTag");
            }
            _ if line.value.ends_with(".build") => service.build = Some(line.span.clone()),
            _ => service.image = Some(plain(line)),
        }
    }

    /// Adds a pod's ports and networks: its containers share one network, so each of them may be what answers.
    fn pod(&mut self, service: &mut Service, pod: &Named, units: &[Named]) {
        for line in pod.unit.all("Pod", "PublishPort") {
            self.publish(service, &line.value, &line.span);
        }
        for line in pod.unit.all("Pod", "Network") {
            self.network(service, &line.value, &line.span, units);
        }
        for line in pod.unit.all("Pod", "Volume") {
            self.volume(service, &line.value, &line.span);
        }
        let arguments = pod.unit.words("Pod", "PodmanArgs");
        self.arguments(service, &arguments, units);
        if service.network_mode.is_none() && service.networks.is_empty() {
            self.attach(service, "default", Some("podman"), &pod.span());
        }
    }

    fn environment(&mut self, service: &mut Service, unit: &Unit, section: &str) {
        for line in unit.all(section, "EnvironmentFile") {
            // A dash before the path says that the file may be absent.
            let (path, optional) = match line.value.strip_prefix('-') {
                Some(path) => (path, true),
                None => (line.value.as_str(), false),
            };
            // Where a specifier leads is known on the machine only.
            if path.contains('%') {
                continue;
            }
            match (self.read)(&self.directory.join(path)) {
                Some(source) => {
                    for (key, value, span) in variables(&source) {
                        service.environment.insert(key, field(Some(value), &span));
                    }
                }
                None if optional => {}
                None => self.wrong(
                    &line.span,
                    format!("the file of variables `{path}` is not in the lab"),
                ),
            }
        }
        for (word, span) in unit.words(section, "Environment") {
            match word.split_once('=') {
                Some((key, value)) => {
                    service
                        .environment
                        .insert(key.to_owned(), field(Some(value.to_owned()), span));
                }
                None => {
                    service.environment.insert(word, field(None, span));
                }
            }
        }
    }

    fn publish(&mut self, service: &mut Service, text: &str, span: &Span) {
        match ports(text) {
            Some(ports) => service
                .ports
                .extend(ports.into_iter().map(|port| field(port, span))),
            // A specifier or variable may be a port; what it is, the machine knows.
            None if text.contains(['%', '$']) => {}
            None => self.wrong(
                span,
                format!("`{text}` is no port to publish, expected `[ADDRESS:][PORT:]PORT[/PROTOCOL]`"),
            ),
        }
    }

    /// Reads `SOURCE:TARGET[:OPTIONS]`, or a target alone.
    fn volume(&mut self, service: &mut Service, text: &str, span: &Span) {
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
    fn mount(&mut self, service: &mut Service, text: &str, span: &Span) {
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

    fn network(&mut self, service: &mut Service, text: &str, span: &Span, units: &[Named]) {
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

    /// Attaches a service to a network, which was made elsewhere where no unit makes it.
    fn attach(&mut self, service: &mut Service, key: &str, name: Option<&str>, span: &Span) {
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
    fn arguments(&mut self, service: &mut Service, arguments: &[(String, &Span)], units: &[Named]) {
        let mut rest = arguments.iter();
        while let Some((word, span)) = rest.next() {
            let (option, given) = match word.split_once('=') {
                Some((option, value)) if option.starts_with('-') => (option, Some(value)),
                _ => (word.as_str(), None),
            };
            if option == "--privileged" {
                service.privileged = Some(field(given.is_none_or(|value| value == "true"), span));
                continue;
            }
            let known = [
                "--network",
                "--net",
                "--publish",
                "-p",
                "--volume",
                "-v",
                "--mount",
                "--pid",
                "--ipc",
                "--uts",
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
                "--volume" | "-v" => self.volume(service, value, span),
                "--mount" => self.mount(service, value, span),
                "--pid" => service.pid = Some(text()),
                "--ipc" => service.ipc = Some(text()),
                "--uts" => service.uts = Some(text()),
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

/// Returns the words of a key, each a value of its own.
fn split(unit: &Unit, section: &str, key: &str) -> Vec<Field<String>> {
    unit.words(section, key)
        .into_iter()
        .map(|(word, span)| field(word, span))
        .collect()
}

fn restart(line: &Line) -> Option<Field<RestartPolicy>> {
    let policy = match line.value.as_str() {
        "no" => RestartPolicy::No,
        "always" => RestartPolicy::Always,
        "on-failure" | "on-abnormal" | "on-abort" | "on-watchdog" | "on-success" => RestartPolicy::OnFailure,
        _ => return None,
    };
    Some(field(policy, &line.span))
}

/// Returns the containers among the units that this one waits for.
fn depends_on(unit: &Unit, units: &[Named]) -> Vec<Field<String>> {
    ["Requires", "BindsTo", "Wants"]
        .iter()
        .flat_map(|key| unit.words("Unit", key))
        .filter_map(|(word, span)| {
            let stem = word
                .strip_suffix(".service")
                .or_else(|| word.strip_suffix(".container"))?;
            let container = units
                .iter()
                .find(|other| other.kind == "container" && other.stem == stem)?;
            Some(field(container.stem.clone(), span))
        })
        .collect()
}

/// Reads `[ADDRESS:][PORT:]PORT[/PROTOCOL]`, each port possibly a range; one entry for each container port.
fn ports(text: &str) -> Option<Vec<Port>> {
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
    if let Some((low, high)) = published {
        if high - low != last - first && first != last {
            return None;
        }
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

/// Reads a file of variables as Podman does: `KEY=VALUE` on each line, quotes and all.
fn variables(source: &Source) -> Vec<(String, String, Span)> {
    let text = source.text();
    let start_of = |line: &str| line.as_ptr() as usize - text.as_ptr() as usize;
    text.lines()
        .filter_map(|line| {
            let content = line.trim();
            if content.is_empty() || content.starts_with('#') {
                return None;
            }
            let (key, value) = content.split_once('=')?;
            let start = start_of(content);
            let span = Span::new(source, start, start + content.len());
            Some((key.trim().to_owned(), value.to_owned(), span))
        })
        .collect()
}

#[cfg(test)]
mod tests;
