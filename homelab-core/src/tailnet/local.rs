//! Asks this machine's own tailnet daemon, over its LocalAPI: [`LocalApi`].
//!
//! ```no_run
//! # async fn ask() -> homelab_core::Result<()> {
//! use homelab_core::tailnet::local::LocalApi;
//!
//! if let Some(daemon) = LocalApi::find() {
//!     let status = daemon.status().await?;
//!     println!("{}: {} devices in sight", status.state(), status.roster().devices().len());
//!     let who = daemon.who_is("100.64.0.2".parse().expect("an address")).await?;
//!     println!("{:?}", who.and_then(|who| who.login().map(str::to_owned)));
//! }
//! # Ok(())
//! # }
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "whether there is a socket is asked of the files"
)]

mod http;
mod watch;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::watch::Notice;

use self::http::{Answer, Connection};
use super::node::{Node, Preferences, ServeConfig, Status, WhoIs};
use crate::error::{Error, ErrorKind, Result};
use crate::span::Source;
use crate::subscription::Subscription;

/// Where the daemon's socket is: on Linux; on Synology's DSM 7 and 6; on QNAP; on a Mac with the open-source daemon; in
/// a container that runs Tailscale's image.
const SOCKETS: [&str; 7] = [
    "/var/run/tailscale/tailscaled.sock",
    "/run/tailscale/tailscaled.sock",
    "/var/packages/Tailscale/var/tailscaled.sock",
    "/var/packages/Tailscale/etc/tailscaled.sock",
    "/tmp/tailscale/tailscaled.sock",
    "/var/run/tailscaled.socket",
    "/tmp/tailscaled.sock",
];

/// The tailnet daemon of this machine, behind its unix socket. Cheap to clone; each question is a connection of its own.
///
/// It only reads. Anybody on the machine may mostly ask; [`packet_filter`](LocalApi::packet_filter) is for root and the
/// daemon's operator. The application of Apple's App Store has no such socket. Futures need a tokio runtime with its IO
/// and time drivers; dropping one closes its connection, and changes nothing.
#[derive(Clone)]
pub struct LocalApi {
    socket: PathBuf,
    limit: Duration,
}

impl LocalApi {
    /// Returns the daemon behind this socket, which is not looked at yet. An answer may take 10 seconds.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        LocalApi {
            socket: socket.into(),
            limit: Duration::from_secs(10),
        }
    }

    /// Returns the daemon of this machine: the first of the usual places at which there is a socket. None where there is
    /// none, or none that this user may look for.
    pub fn find() -> Option<Self> {
        SOCKETS
            .into_iter()
            .find(|path| Path::new(path).exists())
            .map(LocalApi::new)
    }

    /// Sets how long an answer may take.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Returns where the socket is.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns the device's state, and whom it sees.
    ///
    /// # Errors
    /// `Unreachable` without a daemon, `Unauthorised` where its socket is not for this user, `TimedOut`, and `Damaged`
    /// for an answer that is none. So all of these calls.
    pub async fn status(&self) -> Result<Status> {
        Status::parse(&self.read("status").await?).map_err(damaged)
    }

    /// Returns who is behind an address of the tailnet, or nobody where the device does not see it.
    ///
    /// # Errors
    /// As [`status`](LocalApi::status).
    pub async fn who_is(&self, address: IpAddr) -> Result<Option<WhoIs>> {
        self.asked_who(&address.to_string()).await
    }

    /// Returns who opened the connection that comes from this address and port: of connections that the daemon passes on
    /// to this machine's loopback too.
    ///
    /// # Errors
    /// As [`status`](LocalApi::status).
    pub async fn who_is_peer(&self, peer: SocketAddr) -> Result<Option<WhoIs>> {
        self.asked_who(&peer.to_string()).await
    }

    async fn asked_who(&self, address: &str) -> Result<Option<WhoIs>> {
        // An address holds nothing that a query would escape but these.
        let address = address.replace('[', "%5B").replace(']', "%5D");
        let answer = self.ask(&format!("whois?addr={address}")).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let source = self.accepted("whois", answer)?;
        WhoIs::parse(&source).map(Some).map_err(damaged)
    }

    /// Returns the device's settings.
    ///
    /// # Errors
    /// As [`status`](LocalApi::status).
    pub async fn preferences(&self) -> Result<Preferences> {
        Preferences::parse(&self.read("prefs").await?).map_err(damaged)
    }

    /// Returns what the device serves to the tailnet and the internet.
    ///
    /// # Errors
    /// As [`status`](LocalApi::status).
    pub async fn serve_config(&self) -> Result<ServeConfig> {
        ServeConfig::parse(&self.read("serve-config").await?).map_err(damaged)
    }

    /// Returns the packet filter that the control server gave the device, as JSON: a list of `tailcfg.FilterRule`.
    ///
    /// # Errors
    /// As [`status`](LocalApi::status); `Unauthorised` for anybody but root and the operator.
    pub async fn packet_filter(&self) -> Result<serde_json::Value> {
        let source = self.read("debug-packet-filter-rules").await?;
        serde_json::from_str(source.text())
            .map_err(|error| damaged_answer("packet filter").with_source(error))
    }

    /// Returns all that decides about reach: state, settings, and what is served. A daemon that keeps settings or what
    /// it serves to itself leaves them out.
    ///
    /// # Errors
    /// As [`status`](LocalApi::status).
    pub async fn node(&self) -> Result<Node> {
        let (status, preferences, serve) =
            tokio::join!(self.status(), self.preferences(), self.serve_config());
        let mut node = Node::new(status?);
        if let Ok(preferences) = preferences {
            node = node.with_preferences(preferences);
        }
        if let Ok(serve) = serve {
            node = node.with_serve(serve);
        }
        Ok(node)
    }

    /// Returns what changes, as it happens: the state first. It ends when the daemon does, after a last item with the
    /// reason; dropping or closing it ends the connection.
    ///
    /// # Errors
    /// As [`status`](LocalApi::status), where it cannot begin.
    pub async fn watch(&self) -> Result<Subscription<Notice>> {
        watch::watch(self).await
    }

    async fn read(&self, name: &str) -> Result<Source> {
        let answer = self.ask(name).await?;
        self.accepted(name, answer)
    }

    async fn ask(&self, path: &str) -> Result<Answer> {
        self.within(async { Connection::open(&self.socket).await?.get(path).await })
            .await
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.limit, work).await {
            Ok(result) => result,
            Err(_) => {
                let message = format!("ask the tailnet's daemon: no answer within {:?}", self.limit);
                Err(Error::new(ErrorKind::TimedOut, message)
                    .with_hint("see whether it works: `tailscale status` asks the same"))
            }
        }
    }

    /// Returns the text of a good answer.
    fn accepted(&self, name: &str, answer: Answer) -> Result<Source> {
        let name = name.split('?').next().unwrap_or(name);
        match answer.status {
            200 => match String::from_utf8(answer.body) {
                Ok(text) => Ok(Source::new(format!("localapi/{name}"), text)),
                Err(error) => Err(damaged_answer(name).with_source(error)),
            },
            401 | 403 => {
                let message = format!("ask the tailnet's daemon for `{name}`: {}", answer.reason());
                Err(Error::new(ErrorKind::Unauthorised, message)
                    .with_hint("ask as root, or let this user: `tailscale set --operator=USER`"))
            }
            404 | 501 => {
                let message = format!("ask the tailnet's daemon for `{name}`: it does not offer that");
                Err(Error::new(ErrorKind::Unsupported, message).with_hint(
                    "it may be built without it, older than that, or not in a tailnet; see `tailscale status`",
                ))
            }
            status => {
                let message = format!(
                    "ask the tailnet's daemon for `{name}`: it answered {status}: {}",
                    answer.reason()
                );
                Err(Error::new(ErrorKind::Unreachable, message)
                    .with_hint("see its log: `journalctl -u tailscaled`"))
            }
        }
    }
}

/// Shows where the socket is.
impl fmt::Debug for LocalApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalApi")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

/// Makes of a text that was refused an answer that was none.
fn damaged(error: Error) -> Error {
    Error::new(
        ErrorKind::Damaged,
        "understand the answer of the tailnet's daemon",
    )
    .with_source(error)
}

fn damaged_answer(name: &str) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("understand the answer of the tailnet's daemon to `{name}`"),
    )
}

#[cfg(test)]
mod tests;
