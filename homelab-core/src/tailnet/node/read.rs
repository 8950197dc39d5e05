//! Reads what a device's own daemon answers.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Preferences, ServeConfig, ServeTarget, Served, Status, WhoIs};
use crate::error::Result;
use crate::span::Source;
use crate::tailnet::device::Roster;
use crate::tailnet::device::read::{Route, WhoIsNode, parse_json, plain, said};

impl Status {
    /// Reads a daemon's status: the answer of `GET /localapi/v0/status`, what `tailscale status --json` prints. Fields
    /// may be absent or null, and unknown ones are left out.
    ///
    /// # Errors
    /// When it is no status, or a value means nothing; the error names line and value.
    pub fn parse(source: &Source) -> Result<Status> {
        let answer: StatusAnswer = parse_json(source, "a tailnet status")?;
        let roster = Roster::parse(source)?;
        let current = answer.current.unwrap_or_default();
        Ok(Status {
            state: answer.state.unwrap_or_default(),
            version: said(answer.version),
            tailnet: said(current.name),
            suffix: said(current.suffix.or(answer.suffix)).map(|text| text.trim_matches('.').to_owned()),
            may_funnel: answer
                .own
                .as_ref()
                .and_then(|own| own.capabilities.as_ref())
                .map(|capabilities| capabilities.contains_key("funnel")),
            // It is the first of the roster.
            own: answer.own.and_then(|_| roster.devices().first().cloned()),
            roster,
        })
    }
}

#[derive(Deserialize)]
struct StatusAnswer {
    #[serde(rename = "BackendState")]
    state: Option<String>,
    #[serde(rename = "Version")]
    version: Option<String>,
    #[serde(rename = "MagicDNSSuffix")]
    suffix: Option<String>,
    #[serde(rename = "CurrentTailnet")]
    current: Option<CurrentTailnet>,
    #[serde(rename = "Self")]
    own: Option<OwnAnswer>,
}

#[derive(Deserialize)]
struct OwnAnswer {
    #[serde(rename = "CapMap")]
    capabilities: Option<BTreeMap<String, IgnoredAny>>,
}

#[derive(Default, Deserialize)]
struct CurrentTailnet {
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "MagicDNSSuffix")]
    suffix: Option<String>,
}

impl WhoIs {
    /// Reads the answer of `GET /localapi/v0/whois`, what `tailscale whois --json` prints. Fields may be absent or null,
    /// and unknown ones are left out.
    ///
    /// # Errors
    /// When a value means nothing; the error names line and value.
    pub fn parse(source: &Source) -> Result<WhoIs> {
        let answer: WhoIsAnswer = parse_json(source, "who is behind an address")?;
        let device = answer.node.unwrap_or_default().device();
        let profile = answer.profile.unwrap_or_default();
        // A device with tags is shown under a profile of its own, which is no person.
        let login = said(profile.login).filter(|_| device.tags().is_empty());
        let device = match &login {
            Some(login) => device.with_user(login),
            None => device,
        };
        let capabilities = answer.capabilities.unwrap_or_default();
        Ok(WhoIs {
            device,
            name: said(profile.name).filter(|_| login.is_some()),
            login,
            capabilities: capabilities
                .into_iter()
                .map(|(name, values)| (name, values.unwrap_or_default()))
                .collect(),
        })
    }
}

#[derive(Deserialize)]
struct WhoIsAnswer {
    #[serde(rename = "Node")]
    node: Option<WhoIsNode>,
    #[serde(rename = "UserProfile")]
    profile: Option<UserProfile>,
    #[serde(rename = "CapMap")]
    capabilities: Option<BTreeMap<String, Option<Vec<serde_json::Value>>>>,
}

#[derive(Default, Deserialize)]
struct UserProfile {
    #[serde(rename = "LoginName")]
    login: Option<String>,
    #[serde(rename = "DisplayName")]
    name: Option<String>,
}

impl Preferences {
    /// Reads the answer of `GET /localapi/v0/prefs`, what `tailscale debug prefs` prints. Fields may be absent or null,
    /// and unknown ones are left out.
    ///
    /// # Errors
    /// When a value means nothing; the error names line and value.
    pub fn parse(source: &Source) -> Result<Preferences> {
        let answer: PreferencesAnswer = parse_json(source, "a tailnet device's settings")?;
        Ok(Preferences {
            shields_up: answer.shields_up,
            accepts_routes: answer.route_all,
            ssh: answer.ssh,
            wants_running: answer.wants_running,
            advertised: plain::<_, IpNet>(answer.routes),
            services: answer.services.unwrap_or_default(),
            control: said(answer.control),
        })
    }
}

#[derive(Deserialize)]
struct PreferencesAnswer {
    #[serde(rename = "ShieldsUp")]
    shields_up: Option<bool>,
    #[serde(rename = "RouteAll")]
    route_all: Option<bool>,
    #[serde(rename = "RunSSH")]
    ssh: Option<bool>,
    #[serde(rename = "WantRunning")]
    wants_running: Option<bool>,
    #[serde(rename = "AdvertiseRoutes")]
    routes: Option<Vec<Route>>,
    #[serde(rename = "AdvertiseServices")]
    services: Option<Vec<String>>,
    #[serde(rename = "ControlURL")]
    control: Option<String>,
}

impl ServeConfig {
    /// Reads the answer of `GET /localapi/v0/serve-config`, what `tailscale serve status --json` prints. What is served
    /// in the foreground counts as all else. Fields may be absent or null, and unknown ones are left out.
    ///
    /// # Errors
    /// When a value means nothing; the error names line and value.
    pub fn parse(source: &Source) -> Result<ServeConfig> {
        // A device that serves nothing may answer null.
        let answer: Option<ServeAnswer> = parse_json(source, "what a tailnet device serves")?;
        let mut entries = Vec::new();
        if let Some(answer) = answer {
            answer.served(&mut entries);
        }
        entries.sort();
        entries.dedup();
        Ok(ServeConfig { entries })
    }
}

#[derive(Deserialize)]
struct ServeAnswer {
    #[serde(flatten)]
    own: Handlers,
    #[serde(rename = "Services")]
    services: Option<BTreeMap<String, Option<Handlers>>>,
    #[serde(rename = "AllowFunnel")]
    funnel: Option<BTreeMap<String, Option<bool>>>,
    #[serde(rename = "Foreground")]
    foreground: Option<BTreeMap<String, Option<ServeAnswer>>>,
}

/// What the device itself or one of its Tailscale Services answers.
#[derive(Deserialize)]
struct Handlers {
    #[serde(rename = "TCP")]
    ports: Option<BTreeMap<String, Option<PortHandler>>>,
    #[serde(rename = "Web")]
    web: Option<BTreeMap<String, Option<WebHandlers>>>,
}

#[derive(Deserialize)]
struct PortHandler {
    #[serde(rename = "TCPForward")]
    forward: Option<String>,
    #[serde(rename = "TerminateTLS")]
    tls: Option<String>,
}

#[derive(Deserialize)]
struct WebHandlers {
    #[serde(rename = "Handlers")]
    paths: Option<BTreeMap<String, Option<WebHandler>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WebHandler {
    path: Option<String>,
    proxy: Option<String>,
    text: Option<String>,
    redirect: Option<String>,
}

impl ServeAnswer {
    fn served(&self, entries: &mut Vec<Served>) {
        let public: Vec<&str> = self
            .funnel
            .iter()
            .flatten()
            .filter(|(_, open)| **open == Some(true))
            .map(|(address, _)| address.as_str())
            .collect();
        self.own.served(None, &public, entries);
        for (name, handlers) in self.services.iter().flatten() {
            if let Some(handlers) = handlers {
                // Funnel leads to the device's own addresses only.
                handlers.served(Some(name), &[], entries);
            }
        }
        for session in self
            .foreground
            .iter()
            .flatten()
            .filter_map(|(_, session)| session.as_ref())
        {
            session.served(entries);
        }
    }
}

impl Handlers {
    fn served(&self, service: Option<&str>, public: &[&str], entries: &mut Vec<Served>) {
        let forwards = self.ports.iter().flatten().filter_map(|(port, handler)| {
            let handler = handler.as_ref()?;
            Some((port, said(handler.forward.clone())?, said(handler.tls.clone())))
        });
        for (port, forward, host) in forwards {
            let end = format!(":{port}");
            let Ok(port) = port.parse() else { continue };
            entries.push(Served {
                port,
                host,
                path: None,
                service: service.map(str::to_owned),
                target: ServeTarget::Forward(forward),
                funnel: public.iter().any(|address| address.ends_with(&end)),
            });
        }
        for (address, handlers) in self.web.iter().flatten() {
            let Some((host, Ok(port))) = address.rsplit_once(':').map(|(host, port)| (host, port.parse()))
            else {
                continue;
            };
            for (path, handler) in handlers.iter().filter_map(|one| one.paths.as_ref()).flatten() {
                entries.push(Served {
                    port,
                    host: said(Some(host.to_owned())),
                    path: Some(path.clone()),
                    service: service.map(str::to_owned),
                    target: handler.as_ref().map_or(ServeTarget::Unknown, WebHandler::target),
                    funnel: public.contains(&address.as_str()),
                });
            }
        }
    }
}

impl WebHandler {
    fn target(&self) -> ServeTarget {
        if let Some(proxy) = said(self.proxy.clone()) {
            ServeTarget::Proxy(proxy)
        } else if let Some(path) = said(self.path.clone()) {
            ServeTarget::Files(path)
        } else if let Some(address) = said(self.redirect.clone()) {
            ServeTarget::Redirect(address)
        } else if said(self.text.clone()).is_some() {
            ServeTarget::Text
        } else {
            ServeTarget::Unknown
        }
    }
}

#[cfg(test)]
mod tests;
