//! What devices may do by `nodeAttrs`.

use serde_json::Value as Json;

use super::compile::Compiled;
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
}
