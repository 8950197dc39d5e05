//! One container or Kubernetes unit read as a service.

use indexmap::IndexMap;

use super::unit::{Line, Unit};
use super::{Named, Reading, field, plain};
use crate::compose::model::{
    Build, Condition, Dependency, Field, Material, Mount, MountKind, NetworkMode, RestartPolicy, Service,
};
use crate::name::ServiceName;
use crate::span::{Source, Span};

impl Reading<'_> {
    pub(super) fn service(&mut self, name: ServiceName, named: &Named, units: &[Named]) -> Service {
        let unit = &named.unit;
        let section = named.section();
        let pod = unit.last(section, "Pod").and_then(|line| {
            units
                .iter()
                .find(|other| other.kind == "pod" && other.file == line.value)
        });
        let missing = unit.last(section, "Pod").filter(|_| pod.is_none());
        let mut service = Service {
            name,
            span: named.span(),
            body: Span::new(&named.source, 0, named.source.text().len()),
            image: None,
            build: None,
            container_name: named.field("ContainerName"),
            hostname: named.field("HostName"),
            ports: Vec::new(),
            unread_ports: Vec::new(),
            expose: unit
                .all(section, "ExposeHostPort")
                .into_iter()
                .map(plain)
                .collect(),
            network_mode: None,
            networks: Vec::new(),
            environment: IndexMap::new(),
            labels: IndexMap::new(),
            deploy_labels: IndexMap::new(),
            mounts: Vec::new(),
            privileged: None,
            pid: None,
            ipc: None,
            uts: None,
            cgroup: None,
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
            links: Vec::new(),
            extra_hosts: unit.all(section, "AddHost").into_iter().map(plain).collect(),
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
        self.kubernetes_file(named);
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
        if let Some(line) = missing {
            // Its ports and networks are the pod's, which nobody has seen.
            let stem = line.value.strip_suffix(".pod").unwrap_or(&line.value);
            self.wrong(
                &line.span,
                format!("the pod `{}` is no unit of its folder", line.value),
            );
            service.network_mode = Some(field(NetworkMode::Container(stem.to_owned()), &line.span));
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
                service.build = Some(field(self.build(other), &other.span()));
                service.image = other.field("ImageTag");
            }
            _ if line.value.ends_with(".build") => service.build = Some(field(Build::default(), &line.span)),
            _ => service.image = Some(plain(line)),
        }
    }

    /// Reads how a unit builds its image: from a file beside it, or in the folder that it names.
    fn build(&self, named: &Named) -> Build {
        let value = |section: &str, key: &str| Some(named.unit.last(section, key)?.value.clone());
        let folder = value("Build", "SetWorkingDirectory").filter(|folder| !folder.contains(['%', ':']));
        let context = match folder.as_deref() {
            None | Some("unit" | "file") => self.directory.to_owned(),
            Some(folder) => self.directory.join(folder),
        };
        Build {
            context: Some(context.to_string_lossy().into_owned()),
            dockerfile: value("Build", "File").or_else(|| Some("Containerfile".to_owned())),
            inline: None,
            target: value("Build", "Target"),
        }
    }

    /// Adds a pod's ports and networks: its containers share one network, so each of them may be what answers.
    pub(super) fn pod(&mut self, service: &mut Service, pod: &Named, units: &[Named]) {
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

    /// Says where the file of a Kubernetes unit is missing: without it nothing of its pods is known.
    fn kubernetes_file(&mut self, named: &Named) {
        if named.kind != "kube" {
            return;
        }
        let files = named.unit.all("Kube", "Yaml");
        if files.is_empty() {
            self.wrong(&named.span(), format!("`{}` has no `Yaml=`", named.file));
        }
        for line in files {
            let path = line.value.strip_prefix("./").unwrap_or(&line.value);
            // Where a specifier leads is known on the machine only, and an address is no file.
            let elsewhere = path.contains('%') || path.contains("://");
            if !elsewhere && (self.read)(&self.directory.join(path)).is_none() {
                self.wrong(
                    &line.span,
                    format!("the Kubernetes file `{path}` is not in the lab"),
                );
            }
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
fn depends_on(unit: &Unit, units: &[Named]) -> Vec<Field<Dependency>> {
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
            let dependency = Dependency {
                service: container.stem.clone(),
                condition: Condition::Started,
                restart: false,
            };
            Some(field(dependency, span))
        })
        .collect()
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
