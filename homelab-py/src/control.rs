//! `ControlApi`: a tailnet's control server, which is asked for its policy, devices and people.

use std::time::Duration;

use homelab_core::Source;
use homelab_core::tailnet::{self, api};
use pyo3::prelude::*;

use crate::error::Result;
use crate::runtime::{block, spawn};
use crate::tailnet::Tailnet;

/// A tailnet's control server, of Tailscale or of Headscale, whose HTTP API is asked. It only reads.
///
/// A token is named by where it is kept, and looked up for each question: `env:NAME`, `file:PATH` or
/// `command:PROGRAM ARGUMENT`.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct ControlApi(api::ControlApi);

impl ControlApi {
    fn asking_policy(&self) -> impl Future<Output = homelab_core::Result<Source>> + Send + use<> {
        let control = self.0.clone();
        async move { control.policy().await }
    }

    fn asking_tailnet(&self) -> impl Future<Output = homelab_core::Result<tailnet::Tailnet>> + Send + use<> {
        let control = self.0.clone();
        async move { control.tailnet().await }
    }
}

#[pymethods]
impl ControlApi {
    /// Returns Tailscale's own API, for the tailnet that the token belongs to. The token is an API access token, or one of an
    /// OAuth client, that may read the policy file, devices and users.
    #[staticmethod]
    #[pyo3(signature = (token, /))]
    fn tailscale(token: &str) -> Result<Self> {
        Ok(ControlApi(api::ControlApi::tailscale(token.parse()?)))
    }

    /// Returns the API of a Headscale at this address, such as `http://100.64.0.1:8080`, with one of its API keys. Without
    /// TLS the key is seen by whoever is on the way: take such an address only inside the tailnet, or on this machine.
    #[staticmethod]
    #[pyo3(signature = (address, token, /))]
    fn headscale(address: &str, token: &str) -> Result<Self> {
        let control = api::ControlApi::headscale(address, token.parse()?)?;
        Ok(ControlApi(control))
    }

    /// Returns the same at this address, for a proxy in front of it.
    #[pyo3(signature = (address, /))]
    fn at(&self, address: &str) -> Result<Self> {
        Ok(ControlApi(self.0.clone().at(address)?))
    }

    /// Returns the same, which trusts the certificates of this authority too: its own certificate, as PEM.
    #[pyo3(signature = (pem, /))]
    fn with_authority(&self, pem: &str) -> Result<Self> {
        Ok(ControlApi(self.0.clone().with_authority(pem)?))
    }

    /// Returns the same with another limit of how long an answer may take: 30 seconds, where nothing is set.
    #[pyo3(signature = (limit, /))]
    fn with_limit(&self, limit: Duration) -> Self {
        ControlApi(self.0.clone().with_limit(limit))
    }

    /// Returns the policy file, as it was written.
    ///
    /// Raises `Unreachable`, `TimedOut`, `Unauthorised` where the token does not fit or may not, and `Damaged` for an answer
    /// that is none.
    fn policy(&self, py: Python<'_>) -> Result<String> {
        Ok(block(py, self.asking_policy())??.text().to_owned())
    }

    /// As `policy`, awaited. Cancelling the task closes the connection.
    async fn policy_async(&self) -> Result<String> {
        Ok(spawn(self.asking_policy()).await??.text().to_owned())
    }

    /// Returns the tailnet: its policy in force over its devices and people. Where the token may not list people, nobody's
    /// role is known. Raises what `policy` does, and what is wrong in the policy.
    fn tailnet(&self, py: Python<'_>) -> Result<Tailnet> {
        Ok(Tailnet(block(py, self.asking_tailnet())??))
    }

    /// As `tailnet`, awaited. Cancelling the task closes the connections.
    async fn tailnet_async(&self) -> Result<Tailnet> {
        Ok(Tailnet(spawn(self.asking_tailnet()).await??))
    }

    fn __repr__(&self) -> String {
        format!("<{:?}>", self.0)
    }
}
