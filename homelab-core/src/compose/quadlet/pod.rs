//! The containers of a Kubernetes file that a `.kube` unit names: what `podman kube play` would run.

use super::{Named, Reading, field};
use crate::compose::model::{NetworkMode, Service};
use crate::compose::node::{Map, Node};
use crate::compose::yaml;
use crate::name::ServiceName;
use crate::span::Source;

impl Reading<'_> {
    /// Returns the containers of a Kubernetes unit, each a service like the unit's own but for what the file says of
    /// it; nothing where any of its files cannot be read to its end, for then anything may run.
    ///
    /// The containers of one pod share its network: the first has it, with every port, and the others use it.
    pub(super) fn pods(&mut self, unit: &Service, named: &Named) -> Option<Vec<Service>> {
        let mut pods: Vec<Node> = Vec::new();
        for line in named.unit.all("Kube", "Yaml") {
            let path = line.value.strip_prefix("./").unwrap_or(&line.value);
            pods.extend(specs(&(self.read)(&self.directory.join(path))?)?);
        }
        let all: Vec<&[Node]> = pods
            .iter()
            .filter_map(|pod| pod.as_map()?.get("containers")?.as_list())
            .collect();
        let alone = all.iter().map(|containers| containers.len()).sum::<usize>() == 1;
        if all.len() != pods.len() || all.iter().any(|containers| containers.is_empty()) {
            return None;
        }
        let mut services: Vec<Service> = Vec::new();
        for pod in &pods {
            let pod = pod.as_map()?;
            let first = services.len();
            for container in pod.get("containers")?.as_list()? {
                let map = container.as_map()?;
                let name = match alone {
                    true => named.stem.clone(),
                    false => format!("{}-{}", named.stem, text(map, "name")?),
                };
                let mut service = unit.clone();
                service.name = ServiceName::new(&name).ok()?;
                service.span = container.place().clone();
                service.body = container.span.clone();
                service.image = Some(field(text(map, "image")?, map.get("image")?.place()));
                self.container(&mut service, map, pod);
                if services[first..].is_empty() {
                    if let Some(node) = pod.get("hostNetwork").filter(|node| node.as_bool() == Some(true)) {
                        service.network_mode = Some(field(NetworkMode::Host, node.place()));
                    }
                } else {
                    let ports = std::mem::take(&mut service.ports);
                    let own = ports.into_iter().skip(unit.ports.len());
                    services[first].ports.extend(own);
                    let owner = services[first].name.as_str().to_owned();
                    service.network_mode = Some(field(NetworkMode::Service(owner), container.place()));
                    service.networks.clear();
                }
                if services.iter().any(|other| other.name == service.name) {
                    return None;
                }
                services.push(service);
            }
        }
        (!services.is_empty()).then_some(services)
    }

    fn container(&mut self, service: &mut Service, map: &Map, pod: &Map) {
        for port in list(map, "ports") {
            let Some((port, inside)) = port
                .as_map()
                .and_then(|port| Some((port, text(port, "containerPort")?)))
            else {
                continue;
            };
            let place = map.get("ports").map_or(&service.span, Node::place).clone();
            let protocol = text(port, "protocol").unwrap_or_default().to_ascii_lowercase();
            let suffix = match protocol.as_str() {
                "udp" => "/udp",
                _ => "/tcp",
            };
            service.expose.push(field(format!("{inside}{suffix}"), &place));
            // Zero is what a program writes that means none.
            if let Some(outside) = text(port, "hostPort").filter(|outside| outside != "0") {
                let address = match text(port, "hostIP") {
                    Some(address) if address.contains(':') => format!("[{address}]:"),
                    Some(address) if !address.is_empty() => format!("{address}:"),
                    _ => String::new(),
                };
                self.publish(service, &format!("{address}{outside}:{inside}{suffix}"), &place);
            }
        }
        for variable in list(map, "env").iter().filter_map(Node::as_map) {
            if let Some(name) = text(variable, "name") {
                let value = text(variable, "value");
                let place = variable.get("value").map_or(&service.span, Node::place).clone();
                service.environment.insert(name, field(value, &place));
            }
        }
        let words = |key: &str| {
            let words = list(map, key).iter();
            words
                .filter_map(|word| Some(field(word.scalar_text()?, &word.span)))
                .collect()
        };
        service.entrypoint = words("command");
        service.command = words("args");
        let privileged = map.get("securityContext").and_then(Node::as_map);
        if let Some(node) = privileged.and_then(|context| context.get("privileged")) {
            service.privileged = node.as_bool().map(|on| field(on, node.place()));
        }
        let probe = map.get("livenessProbe").map(|probe| probe.place().clone());
        service.healthcheck = probe.or(service.healthcheck.take());
        for mount in list(map, "volumeMounts") {
            let source = mount.as_map().and_then(|mount| {
                let wanted = text(mount, "name")?;
                let volumes = list(pod, "volumes").iter().filter_map(Node::as_map);
                let volume = volumes
                    .into_iter()
                    .find(|volume| text(volume, "name").as_ref() == Some(&wanted))?;
                let inside = |kind: &str, key: &str| text(volume.get(kind)?.as_map()?, key);
                let source =
                    inside("hostPath", "path").or_else(|| inside("persistentVolumeClaim", "claimName"))?;
                let read_only = mount.get("readOnly").and_then(Node::as_bool) == Some(true);
                let options = if read_only { ":ro" } else { "" };
                Some(format!("{source}:{}{options}", text(mount, "mountPath")?))
            });
            if let Some(source) = source {
                self.volume(service, &source, mount.place());
            }
        }
    }
}

fn text(map: &Map, key: &str) -> Option<String> {
    map.get(key)?.scalar_text()
}

fn list<'a>(map: &'a Map, key: &str) -> &'a [Node] {
    map.get(key).and_then(Node::as_list).unwrap_or_default()
}

/// Returns what each document of a Kubernetes file runs, or nothing where a document is not understood.
fn specs(source: &Source) -> Option<Vec<Node>> {
    let reading = yaml::read(source);
    if reading.broken.is_some() || !reading.faults.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    for document in reading.documents {
        if document.root.is_null() {
            continue;
        }
        let map = document.root.as_map()?;
        let path: &[&str] = match text(map, "kind")?.as_str() {
            "Pod" => &["spec"],
            "Deployment" | "DaemonSet" | "Job" => &["spec", "template", "spec"],
            // What holds data or settings runs nothing.
            "ConfigMap" | "Secret" | "PersistentVolumeClaim" => continue,
            _ => return None,
        };
        let mut at = &document.root;
        for key in path {
            at = at.as_map()?.get(key)?;
        }
        found.push(at.clone());
    }
    (!found.is_empty()).then_some(found)
}
