//! What a device says of itself, as records.

use super::{Node, Preferences, ServeConfig, ServeTarget, Served, Status, WhoIs};
use crate::tailnet::device::Device;
use crate::view::{
    GrantedCapabilityView, NodeView, PreferencesView, SeenDeviceView, ServedView, StatusView, WhoIsView,
};

impl Node {
    /// Returns it as a record.
    pub fn view(&self) -> NodeView {
        NodeView {
            status: self.status.view(),
            preferences: self.preferences.as_ref().map(Preferences::view),
            serve: self.serve.as_ref().map(ServeConfig::view),
        }
    }
}

impl Status {
    /// Returns it as a record.
    pub fn view(&self) -> StatusView {
        StatusView {
            state: self.state.clone(),
            version: self.version.clone(),
            tailnet: self.tailnet.clone(),
            suffix: self.suffix.clone(),
            own: self.own.as_ref().map(seen),
            devices: self.roster.devices().iter().map(seen).collect(),
        }
    }
}

impl WhoIs {
    /// Returns it as a record.
    pub fn view(&self) -> WhoIsView {
        let granted = self.capabilities.iter();
        WhoIsView {
            device: seen(&self.device),
            login: self.login.clone(),
            name: self.name.clone(),
            capabilities: granted
                .map(|(name, values)| GrantedCapabilityView {
                    name: name.clone(),
                    values: values.iter().map(ToString::to_string).collect(),
                })
                .collect(),
        }
    }
}

impl Preferences {
    /// Returns them as a record.
    pub fn view(&self) -> PreferencesView {
        PreferencesView {
            shields_up: self.shields_up,
            accepts_routes: self.accepts_routes,
            ssh: self.ssh,
            wants_running: self.wants_running,
            advertised: self.advertised.iter().map(ToString::to_string).collect(),
            services: self.services.clone(),
            control: self.control.clone(),
        }
    }
}

impl ServeConfig {
    /// Returns what is passed on as records, by port.
    pub fn view(&self) -> Vec<ServedView> {
        self.entries.iter().map(Served::view).collect()
    }
}

impl Served {
    /// Returns it as a record.
    pub fn view(&self) -> ServedView {
        let (kind, target) = match &self.target {
            ServeTarget::Proxy(to) => ("proxy", Some(to)),
            ServeTarget::Forward(to) => ("forward", Some(to)),
            ServeTarget::Files(path) => ("files", Some(path)),
            ServeTarget::Text => ("text", None),
            ServeTarget::Redirect(to) => ("redirect", Some(to)),
            ServeTarget::Unknown => ("unknown", None),
        };
        ServedView {
            port: self.port,
            host: self.host.clone(),
            path: self.path.clone(),
            service: self.service.clone(),
            kind: kind.to_owned(),
            target: target.cloned(),
            funnel: self.funnel,
        }
    }
}

fn seen(device: &Device) -> SeenDeviceView {
    SeenDeviceView {
        name: device.name().to_owned(),
        dns_name: device.dns_name().map(str::to_owned),
        owner: device.owner().map(str::to_owned),
        tags: device.tags().to_vec(),
        addresses: device.addresses().iter().map(ToString::to_string).collect(),
        routes: device
            .primary()
            .map(|routes| routes.iter().map(ToString::to_string).collect()),
        external: device.is_external(),
        online: device.is_online(),
        key_expiry: device.key_expiry().map(|at| at.to_string()),
        os: device.os().map(str::to_owned),
    }
}
