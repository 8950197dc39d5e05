//! Asks a tailnet's control server for its policy, devices and people: [`ControlApi`], of Tailscale or of Headscale.
//!
//! ```no_run
//! # async fn ask() -> homelab_core::Result<()> {
//! use homelab_core::tailnet::api::ControlApi;
//!
//! let control = ControlApi::headscale("http://100.64.0.1:8080", "env:HEADSCALE_API_KEY".parse()?)?;
//! let tailnet = control.tailnet().await?;
//! println!("{} devices have rules", tailnet.filters().values().filter(|rules| !rules.is_empty()).count());
//! # Ok(())
//! # }
//! ```

mod token;
mod transport;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use serde::Deserialize;

use self::transport::Server;
use super::device::Roster;
use super::http::{Answer, exchange};
use super::{Policy, Tailnet};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::SecretRef;
use crate::span::Source;

/// A tailnet's control server, whose HTTP API is asked. It only reads.
///
/// The token is looked up for each question, where the reference says; it is kept nowhere. Futures need a tokio runtime
/// with its IO and time drivers; dropping one closes its connection, and changes nothing.
#[derive(Clone)]
pub struct ControlApi {
    kind: Kind,
    server: Server,
    token: SecretRef,
    limit: Duration,
}

/// Whose API it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tailscale,
    Headscale,
}

impl ControlApi {
    /// Returns Tailscale's own API, for the tailnet that the token belongs to. It needs the feature `tailnet-api-rustls`.
    /// The token is an API access token, or one of an OAuth client, that may read the policy file, devices and users.
    pub fn tailscale(token: SecretRef) -> Self {
        ControlApi::new(Kind::Tailscale, Server::public("api.tailscale.com"), token)
    }

    /// Returns the API of a Headscale at this address, such as `http://100.64.0.1:8080`, with one of its API keys. Without
    /// TLS the key is seen by whoever is on the way: take such an address only inside the tailnet, or on this machine.
    ///
    /// # Errors
    /// `Invalid` where that is no address of a server; `Unsupported` for HTTPS without the feature `tailnet-api-rustls`.
    pub fn headscale(address: &str, token: SecretRef) -> Result<Self> {
        Ok(ControlApi::new(Kind::Headscale, Server::parse(address)?, token))
    }

    fn new(kind: Kind, server: Server, token: SecretRef) -> Self {
        ControlApi {
            kind,
            server,
            token,
            limit: Duration::from_secs(30),
        }
    }

    /// Takes this address instead of Tailscale's own or the one given, for a proxy in front of it.
    ///
    /// # Errors
    /// As [`headscale`](ControlApi::headscale).
    pub fn at(mut self, address: &str) -> Result<Self> {
        self.server = Server::parse(address)?;
        Ok(self)
    }

    /// Trusts the certificates of this authority beside those that the machine trusts: its own certificate, as PEM.
    ///
    /// # Errors
    /// `Invalid` where that is none; `Unsupported` without the feature `tailnet-api-rustls`.
    pub fn with_authority(mut self, pem: &str) -> Result<Self> {
        self.server.trust(pem)?;
        Ok(self)
    }

    /// Sets how long an answer may take: 30 seconds, where nothing is set.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Returns the policy file, as it was written.
    ///
    /// # Errors
    /// `Unreachable`, `TimedOut`, `Unauthorised` where the token does not fit or may not, `Damaged` for an answer that is
    /// none, and whatever keeps the token from being found. So all of these calls.
    pub async fn policy(&self) -> Result<Source> {
        match self.kind {
            Kind::Tailscale => {
                let text = self.text("/api/v2/tailnet/-/acl", "application/hujson").await?;
                Ok(Source::new("policy.hujson", text))
            }
            Kind::Headscale => {
                let text = self.text("/api/v1/policy", "application/json").await?;
                let answer: HeadscalePolicy =
                    serde_json::from_str(&text).map_err(|error| damaged("the policy").with_source(error))?;
                // A server without one lets everybody reach everything, as one with an empty object does.
                let policy = answer.policy.filter(|policy| !policy.trim().is_empty());
                Ok(Source::new(
                    "policy.hujson",
                    policy.unwrap_or_else(|| "{}".to_owned()),
                ))
            }
        }
    }

    /// Returns the devices and people. Where the token may not list people, they are absent: nobody's role is known then.
    ///
    /// # Errors
    /// As [`policy`](ControlApi::policy).
    pub async fn roster(&self) -> Result<Roster> {
        let (devices, users) = match self.kind {
            Kind::Tailscale => ("/api/v2/tailnet/-/devices?fields=all", "/api/v2/tailnet/-/users"),
            Kind::Headscale => ("/api/v1/node", "/api/v1/user"),
        };
        let (devices, users) = tokio::join!(
            self.listed("devices.json", devices),
            self.listed("users.json", users)
        );
        match users {
            Ok(users) => Ok(devices?.with(users)),
            Err(error) if error.kind() == ErrorKind::Unauthorised => devices,
            Err(error) => Err(error),
        }
    }

    /// Returns the tailnet: its policy in force over its devices and people.
    ///
    /// # Errors
    /// As [`policy`](ControlApi::policy), and what is wrong in the policy.
    pub async fn tailnet(&self) -> Result<Tailnet> {
        let (policy, roster) = tokio::join!(self.policy(), self.roster());
        Tailnet::new(Policy::parse(&policy?)?, roster?)
    }

    async fn listed(&self, name: &str, path: &str) -> Result<Roster> {
        let text = self.text(path, "application/json").await?;
        Roster::parse(&Source::new(name, text)).map_err(|error| damaged("a list").with_source(error))
    }

    async fn text(&self, path: &str, accept: &str) -> Result<String> {
        let work = async {
            let answer = self.ask(path, accept).await?;
            self.accepted(path, answer)
        };
        match tokio::time::timeout(self.limit, work).await {
            Ok(result) => result,
            Err(_) => {
                let message = format!("ask {}: no answer within {:?}", self.server, self.limit);
                Err(Error::new(ErrorKind::TimedOut, message).with_hint("see whether the server works"))
            }
        }
    }

    async fn ask(&self, path: &str, accept: &str) -> Result<Answer> {
        let token = token::read(&self.token).await?;
        let request = Request::get(self.server.path(path))
            .header("Host", self.server.host_header())
            .header("Accept", accept)
            .header("Authorization", format!("Bearer {}", token.expose().trim()))
            .body(Empty::<Bytes>::new());
        // The error would repeat the header.
        let request = request.map_err(|_| {
            Error::new(
                ErrorKind::Invalid,
                format!(
                    "send the token `{}`: it has characters that no token has",
                    self.token
                ),
            )
        })?;
        let peer = self.server.to_string();
        exchange(self.server.connect().await?, request, &peer).await
    }

    fn accepted(&self, path: &str, answer: Answer) -> Result<String> {
        let asked = format!(
            "ask {} for `{}`",
            self.server,
            path.split('?').next().unwrap_or(path)
        );
        let said = answer.reason();
        match answer.status {
            200 => String::from_utf8(answer.body).map_err(|error| damaged("it").with_source(error)),
            401 | 403 => Err(
                Error::new(ErrorKind::Unauthorised, format!("{asked}: {said}")).with_hint(format!(
                    "see whether the token `{}` is still valid, and may read this",
                    self.token
                )),
            ),
            404 => Err(Error::new(ErrorKind::NotFound, format!("{asked}: {said}"))
                .with_hint("see whether the address is that of the control server, and its version recent")),
            status => Err(Error::new(
                ErrorKind::Unreachable,
                format!("{asked}: it answered {status}: {said}"),
            )
            .with_hint("ask again later, or see its log")),
        }
    }
}

/// Shows the server, and where the token is kept.
impl fmt::Debug for ControlApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlApi")
            .field("server", &self.server.to_string())
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct HeadscalePolicy {
    policy: Option<String>,
}

fn damaged(what: &str) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("understand the answer of the control server: read {what}"),
    )
}

#[cfg(test)]
mod tests;
