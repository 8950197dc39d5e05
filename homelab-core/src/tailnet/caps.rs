//! What devices may do by `nodeAttrs`.

use serde_json::Value as Json;

use super::alias::Alias;
use super::compile::Compiled;
use super::policy::{At, Truth};
use crate::view::CapabilityMap;

/// The ports that Funnel may open.
const FUNNEL_PORTS: &str = "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000";
const NO_HTTPS: &str = "https://tailscale.com/cap/warn-funnel-no-https";
/// That the tailnet gives certificates to its devices.
const HTTPS: &str = "https";

impl Compiled {
    /// Returns the capabilities that the policy gives each device; the service adds others by the tailnet's settings.
    pub(super) fn capabilities(&self, https: bool) -> Vec<CapabilityMap> {
        let mut all = vec![CapabilityMap::new(); self.directory.count() as usize];
        if self.inner().randomize_client_port {
            for map in &mut all {
                map.insert("randomize-client-port".to_owned(), Json::Null);
            }
        }
        for entry in &self.inner().node_attributes {
            let sources = self.make_sources(entry.targets.iter().map(|target| &target.value), &[]);
            for device in sources.devices.iter() {
                let map = &mut all[device as usize];
                for attribute in &entry.attributes {
                    map.insert(attribute.value.clone(), Json::Null);
                    if attribute.value == "funnel" {
                        map.insert(FUNNEL_PORTS.to_owned(), Json::Null);
                        map.insert(if https { HTTPS } else { NO_HTTPS }.to_owned(), Json::Null);
                    }
                }
            }
        }
        if https {
            for map in &mut all {
                map.insert(HTTPS.to_owned(), Json::Null);
            }
        }
        all
    }

    /// Returns whether a device may open itself to the public.
    pub(super) fn may_funnel(&self, device: u32) -> Truth {
        let gives = |attributes: &[At<String>]| attributes.iter().any(|one| one.value == "funnel");
        let entries = self.inner().node_attributes.iter();
        let targets = entries
            .filter(|entry| gives(&entry.attributes))
            .flat_map(|entry| &entry.targets);
        let of = |alias: &Alias| match alias {
            Alias::Any => Truth::Yes,
            alias if alias.names_devices() && self.devices(alias).has(device) => Truth::Yes,
            alias
                if self
                    .directory
                    .devices_perhaps(alias, &self.inner().definitions)
                    .has(device) =>
            {
                Truth::Unknown
            }
            alias => {
                let written = self.written(alias);
                let mut own = self.own(device);
                match own.any(|own| written.iter().any(|range| range.covers(own))) {
                    true => Truth::Yes,
                    false => Truth::No,
                }
            }
        };
        targets.map(|target| of(&target.value)).max().unwrap_or(Truth::No)
    }
}
