//! A tailnet's control server, which is asked for its policy, devices and people.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::SecretRef;
#[cfg(feature = "full")]
use homelab_core::tailnet::api;

use crate::cancel::CancelToken;
use crate::error::HomelabError;
#[cfg(feature = "full")]
use crate::runtime::run;
use crate::tailnet::Tailnet;

#[cfg(feature = "full")]
type Inner = api::ControlApi;
/// A build without it has none, so that no method of it is ever called.
#[cfg(not(feature = "full"))]
type Inner = std::convert::Infallible;

/// A tailnet's control server, of Tailscale or of Headscale, whose HTTP API is asked. It only reads.
///
/// A token is named by where it is kept, and looked up for each question: `env:NAME`, `file:PATH` or
/// `command:PROGRAM ARGUMENT`.
#[derive(Debug, uniffi::Object)]
pub struct ControlApi(Inner);

#[cfg(feature = "full")]
impl ControlApi {
    fn new_tailscale(token: SecretRef) -> Result<Self, HomelabError> {
        Ok(ControlApi(api::ControlApi::tailscale(token)))
    }

    fn new_headscale(address: &str, token: SecretRef) -> Result<Self, HomelabError> {
        Ok(ControlApi(api::ControlApi::headscale(address, token)?))
    }

    fn moved(&self, address: &str) -> Result<Self, HomelabError> {
        Ok(ControlApi(self.0.clone().at(address)?))
    }

    fn trusting(&self, pem: &str) -> Result<Self, HomelabError> {
        Ok(ControlApi(self.0.clone().with_authority(pem)?))
    }

    fn limited(&self, limit: Duration) -> Self {
        ControlApi(self.0.clone().with_limit(limit))
    }

    async fn ask_policy(&self, cancel: Option<Arc<CancelToken>>) -> Result<String, HomelabError> {
        let control = self.0.clone();
        let ask = async move { control.policy().await };
        let policy = run("ask for the policy", cancel, ask).await??;
        Ok(policy.text().to_owned())
    }

    async fn ask_tailnet(&self, cancel: Option<Arc<CancelToken>>) -> Result<Tailnet, HomelabError> {
        let control = self.0.clone();
        let ask = async move { control.tailnet().await };
        Ok(Tailnet(run("ask for the tailnet", cancel, ask).await??))
    }
}

#[cfg(not(feature = "full"))]
impl ControlApi {
    fn new_tailscale(_: SecretRef) -> Result<Self, HomelabError> {
        absent()
    }

    fn new_headscale(_: &str, _: SecretRef) -> Result<Self, HomelabError> {
        absent()
    }

    fn moved(&self, _: &str) -> Result<Self, HomelabError> {
        match self.0 {}
    }

    fn trusting(&self, _: &str) -> Result<Self, HomelabError> {
        match self.0 {}
    }

    fn limited(&self, _: Duration) -> Self {
        match self.0 {}
    }

    async fn ask_policy(&self, _: Option<Arc<CancelToken>>) -> Result<String, HomelabError> {
        match self.0 {}
    }

    async fn ask_tailnet(&self, _: Option<Arc<CancelToken>>) -> Result<Tailnet, HomelabError> {
        match self.0 {}
    }
}

/// Says that it is not in this build.
#[cfg(not(feature = "full"))]
fn absent() -> Result<ControlApi, HomelabError> {
    homelab_core::require_capability("tailnet-api")?;
    let message = "ask a control server: this build is without it";
    Err(homelab_core::Error::new(homelab_core::ErrorKind::Unsupported, message).into())
}

#[uniffi::export]
impl ControlApi {
    /// Returns Tailscale's own API, for the tailnet that the token belongs to. The token is an API access token, or one of an
    /// OAuth client, that may read the policy file, devices and users.
    #[uniffi::constructor]
    pub fn tailscale(token: &str) -> Result<Self, HomelabError> {
        ControlApi::new_tailscale(token.parse()?)
    }

    /// Returns the API of a Headscale at this address, such as `http://100.64.0.1:8080`, with one of its API keys. Without
    /// TLS the key is seen by whoever is on the way: take such an address only inside the tailnet, or on this machine.
    #[uniffi::constructor]
    pub fn headscale(address: &str, token: &str) -> Result<Self, HomelabError> {
        ControlApi::new_headscale(address, token.parse()?)
    }

    /// Returns the same at this address, for a proxy in front of it.
    pub fn at(&self, address: &str) -> Result<ControlApi, HomelabError> {
        self.moved(address)
    }

    /// Returns the same, which trusts the certificates of this authority too: its own certificate, as PEM.
    pub fn with_authority(&self, pem: &str) -> Result<ControlApi, HomelabError> {
        self.trusting(pem)
    }

    /// Returns the same with another limit of how long an answer may take: 30 seconds, where nothing is set.
    pub fn with_limit(&self, limit: Duration) -> ControlApi {
        self.limited(limit)
    }

    /// Returns the policy file, as it was written.
    #[uniffi::method(default(cancel = None))]
    pub async fn policy(&self, cancel: Option<Arc<CancelToken>>) -> Result<String, HomelabError> {
        self.ask_policy(cancel).await
    }

    /// Returns the tailnet: its policy in force over its devices and people. Where the token may not list people, nobody's
    /// role is known.
    #[uniffi::method(default(cancel = None))]
    pub async fn tailnet(&self, cancel: Option<Arc<CancelToken>>) -> Result<Arc<Tailnet>, HomelabError> {
        self.ask_tailnet(cancel).await.map(Arc::new)
    }
}
