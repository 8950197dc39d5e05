//! Services as records.

use super::model::{Field, Mount, MountKind, NetworkMode, Port, Project, RestartPolicy, Service};
use crate::view::{DeclarationView, MountView, PortView};

impl Project {
    /// Returns its services as they are declared, in the order of the file, without any value that may be secret.
    ///
    /// ```
    /// use homelab_core::compose::Project;
    ///
    /// let text = "services: { web: { image: 'nginx:1.29', ports: ['127.0.0.1:8080:80'], environment: { TOKEN: x } } }";
    /// let declared = Project::from_text("site", text)?.declarations();
    /// assert_eq!(declared[0].image.as_deref(), Some("nginx:1.29"));
    /// assert_eq!((declared[0].ports[0].published, declared[0].ports[0].target), (Some(8080), 80));
    /// assert_eq!(declared[0].environment, ["TOKEN"]);
    /// # Ok::<(), homelab_core::Error>(())
    /// ```
    pub fn declarations(&self) -> Vec<DeclarationView> {
        self.services().values().map(declaration).collect()
    }
}

fn declaration(service: &Service) -> DeclarationView {
    let one = |field: &Option<Field<String>>| field.as_ref().map(|field| field.value.clone());
    let all = |fields: &[Field<String>]| fields.iter().map(|field| field.value.clone()).collect();
    let is_set = |field: &Option<Field<bool>>| field.as_ref().is_some_and(|field| field.value);
    DeclarationView {
        name: service.name.to_string(),
        place: service.span.view(),
        image: one(&service.image),
        build: service.build.is_some(),
        container_name: one(&service.container_name),
        ports: service.ports.iter().map(|field| port(&field.value)).collect(),
        network_mode: service.network_mode.as_ref().map(|field| mode(&field.value)),
        networks: service
            .networks
            .iter()
            .map(|field| field.value.network.clone())
            .collect(),
        environment: service.environment.keys().cloned().collect(),
        labels: service.labels.keys().cloned().collect(),
        mounts: service.mounts.iter().map(|field| mount(&field.value)).collect(),
        privileged: is_set(&service.privileged),
        read_only: is_set(&service.read_only),
        user: one(&service.user),
        restart: service
            .restart
            .as_ref()
            .map(|field| restart(field.value).to_owned()),
        healthcheck: service.healthcheck.is_some(),
        depends_on: service
            .depends_on
            .iter()
            .map(|field| field.value.service.clone())
            .collect(),
        profiles: all(&service.profiles),
        replicas: service.replicas,
    }
}

fn port(port: &Port) -> PortView {
    PortView {
        address: port.host_ip.map(|address| address.to_string()),
        published: port.published.map(|(first, _)| first),
        published_to: port
            .published
            .and_then(|(first, last)| (first != last).then_some(last)),
        target: port.target,
        protocol: port.protocol.to_string(),
    }
}

fn mount(mount: &Mount) -> MountView {
    MountView {
        kind: match mount.kind {
            MountKind::Bind => "bind",
            MountKind::Volume => "volume",
            MountKind::Tmpfs => "tmpfs",
            MountKind::Other => "other",
        }
        .to_owned(),
        source: mount.source.clone(),
        target: mount.target.clone(),
        read_only: mount.read_only,
    }
}

fn mode(mode: &NetworkMode) -> String {
    match mode {
        NetworkMode::None => "none".to_owned(),
        NetworkMode::Host => "host".to_owned(),
        NetworkMode::Bridge => "bridge".to_owned(),
        NetworkMode::Service(name) => format!("service:{name}"),
        NetworkMode::Container(name) => format!("container:{name}"),
        NetworkMode::Other(name) => name.clone(),
    }
}

fn restart(policy: RestartPolicy) -> &'static str {
    match policy {
        RestartPolicy::No => "no",
        RestartPolicy::Always => "always",
        RestartPolicy::OnFailure => "on-failure",
        RestartPolicy::UnlessStopped => "unless-stopped",
    }
}
