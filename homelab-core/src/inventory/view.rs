//! What one engine has, as plain data.

use super::{Binding, Container, EngineInfo, Image, Mounted, Network, Volume};
use crate::compose::{MountKind, RestartPolicy};
use crate::name::HostName;
use crate::view::{
    AttachedView, EngineInfoView, ImageView, InspectView, MountView, NetworkView, PortView, VolumeView,
};

impl Container {
    /// Returns it as plain data: of variables and labels the names only, and no word of its command.
    pub fn view(&self, host: &HostName) -> InspectView {
        let attached = |(name, addresses): (&String, &Vec<std::net::IpAddr>)| AttachedView {
            network: name.clone(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
        };
        InspectView {
            host: host.to_string(),
            id: self.id.clone(),
            name: self.name.clone(),
            project: self.compose_project().map(str::to_owned),
            service: self.compose_service().map(str::to_owned),
            image: self.image.clone(),
            image_id: self.image_id.clone(),
            state: self.state.to_string(),
            health: self.health.map(|health| health.to_string()),
            created: self.created.map(|at| at.to_string()),
            started: self.started.map(|at| at.to_string()),
            finished: self.finished.map(|at| at.to_string()),
            exit_code: self.exit_code,
            out_of_memory: self.out_of_memory,
            restarts: self.restarts,
            ports: self.ports.iter().map(Binding::view).collect(),
            mounts: self.mounts.iter().map(Mounted::view).collect(),
            network_mode: self.network_mode.clone(),
            networks: self.networks.iter().map(attached).collect(),
            labels: self.labels.keys().cloned().collect(),
            environment: self.environment.keys().cloned().collect(),
            user: self.user.clone(),
            privileged: self.privileged,
            terminal: self.terminal,
            restart: self.restart.map(|policy| {
                match policy {
                    RestartPolicy::No => "no",
                    RestartPolicy::Always => "always",
                    RestartPolicy::OnFailure => "on-failure",
                    RestartPolicy::UnlessStopped => "unless-stopped",
                }
                .to_owned()
            }),
        }
    }
}

impl Binding {
    /// Returns it as plain data.
    pub fn view(&self) -> PortView {
        PortView {
            address: self.address.map(|address| address.to_string()),
            published: Some(self.port),
            published_to: None,
            target: self.target,
            protocol: self.protocol.to_string(),
        }
    }
}

impl Mounted {
    /// Returns it as plain data.
    pub fn view(&self) -> MountView {
        MountView {
            kind: match self.kind {
                MountKind::Bind => "bind",
                MountKind::Volume => "volume",
                MountKind::Tmpfs => "tmpfs",
                MountKind::Other => "other",
            }
            .to_owned(),
            source: self.source.clone(),
            target: self.target.clone(),
            read_only: self.read_only,
        }
    }
}

impl Image {
    /// Returns it as plain data.
    pub fn view(&self, host: &HostName) -> ImageView {
        ImageView {
            host: host.to_string(),
            id: self.id.clone(),
            tags: self.tags.clone(),
            digests: self.digests.clone(),
            created: self.created.map(|at| at.to_string()),
            size: self.size,
        }
    }
}

impl Volume {
    /// Returns it as plain data.
    pub fn view(&self, host: &HostName) -> VolumeView {
        VolumeView {
            host: host.to_string(),
            name: self.name.clone(),
            driver: self.driver.clone(),
            path: self.path.clone(),
            created: self.created.map(|at| at.to_string()),
            size: self.size,
        }
    }
}

impl Network {
    /// Returns it as plain data.
    pub fn view(&self, host: &HostName) -> NetworkView {
        NetworkView {
            host: host.to_string(),
            id: self.id.clone(),
            name: self.name.clone(),
            driver: self.driver.clone(),
            internal: self.internal,
            subnets: self.subnets.iter().map(ToString::to_string).collect(),
        }
    }
}

impl EngineInfo {
    /// Returns it as plain data.
    pub fn view(&self, host: &HostName) -> EngineInfoView {
        EngineInfoView {
            host: host.to_string(),
            kind: self.kind.to_string(),
            version: self.version.clone(),
            api: self.api.clone(),
            hostname: self.hostname.clone(),
            system: self.system.clone(),
            architecture: self.architecture.clone(),
            processors: self.processors,
            memory: self.memory,
            folder: self.folder.clone(),
            rootless: self.rootless,
            clock: self.clock.map(|at| at.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn of_variables_and_labels_only_the_names_are_told() {
        let mut container = Container::new("1", "db");
        container
            .environment
            .insert("PASSWORD".into(), Secret::new("hunter2"));
        container.labels.insert("auth".into(), "bob:hunter2".into());
        container.command = vec!["serve".into(), "--token=hunter2".into()];
        container.restart = Some(RestartPolicy::UnlessStopped);
        container
            .networks
            .insert("web".into(), vec!["172.18.0.2".parse().expect("an address")]);
        let view = container.view(&"nas".parse().expect("a name"));
        let text = serde_json::to_string(&view).expect("plain data");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(view.environment, ["PASSWORD"]);
        assert_eq!(view.labels, ["auth"]);
        assert_eq!(view.networks[0].addresses, ["172.18.0.2"]);
        assert_eq!(view.restart.as_deref(), Some("unless-stopped"));
    }
}
