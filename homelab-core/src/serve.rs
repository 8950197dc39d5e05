//! The lab over HTTP: the portal as a page, for whoever asks: [`Server`].
//!
//! It listens on loopback or on an address of the tailnet, nowhere else. Who is asking is said by this machine's own tailnet
//! daemon, or, where [`Settings::with_trusted_proxy`] says so, by Tailscale Serve on this machine in its header. Whoever is
//! not known sees nothing. Pages are made whole by the server: they hold no script, and ask nobody for anything.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
//! # runtime.block_on(async {
//! use homelab_core::serve::{Server, Settings};
//! use homelab_core::{Lab, Observed};
//!
//! let lab = Lab::from_texts("home", [("web/compose.yaml", "services: { web: { image: nginx } }")]);
//! let seen = Observed::none("2027-01-01T00:00:00Z".parse().expect("a time"));
//! let server = Server::bind("127.0.0.1:0".parse().expect("an address"), lab.clone(), seen.clone(), Settings::default()).await?;
//! assert!(server.address().port() > 0);
//! let serving = server.start()?; // or `server.run(..)`, to wait for it
//! serving.show(lab.clone(), seen.clone()); // what it shows from now on
//! serving.stop().await;
//!
//! let everywhere = "0.0.0.0:0".parse().expect("an address");
//! assert!(Server::bind(everywhere, lab, seen, Settings::default()).await.is_err());
//! # Ok::<(), homelab_core::Error>(())
//! # }).expect("a server");
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "each answer is about the moment in which it is asked for"
)]

mod asker;
mod connections;
mod page;
mod request;
mod routes;
mod running;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use tokio::net::TcpListener;

use self::asker::Askers;
use self::connections::Limits;
pub use self::running::Serving;
use crate::error::{Error, ErrorKind, Result};
use crate::lab::Lab;
use crate::observed::Observed;
#[cfg(unix)]
use crate::tailnet::local::LocalApi;

/// Whom a server believes, and by which names it is called.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    trusted_proxy: bool,
    names: Vec<String>,
    #[cfg(unix)]
    daemon: Option<LocalApi>,
}

impl Settings {
    /// Believes what Tailscale Serve on this machine says of who is asking: the header `Tailscale-User-Login` of a
    /// connection from loopback. Serve removes what its own callers write there.
    ///
    /// Every program and every user of this machine can come from loopback, and say so that they are anybody. Leave it
    /// off where others have an account or a container in the machine's network.
    #[must_use]
    pub fn with_trusted_proxy(mut self, trusted: bool) -> Self {
        self.trusted_proxy = trusted;
        self
    }

    /// Adds a name by which browsers call the server, beside its address, and the MagicDNS name of the device that it runs
    /// on where that was observed. A request under another name is refused: it may be somebody else's page that asks.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.names
            .push(name.into().trim_end_matches('.').to_ascii_lowercase());
        self
    }

    /// Asks the tailnet daemon of this machine who is behind a connection, where there is one.
    #[must_use]
    pub fn with_own_daemon(self) -> Self {
        #[cfg(unix)]
        if let Some(daemon) = LocalApi::find() {
            return self.with_daemon(daemon);
        }
        self
    }

    /// Asks this daemon who is behind a connection.
    #[cfg(unix)]
    #[must_use]
    pub fn with_daemon(mut self, daemon: LocalApi) -> Self {
        self.daemon = Some(daemon);
        self
    }
}

/// What a server shows: a lab and what was seen of it. Cheap to clone; all clones are of the same server.
#[derive(Clone)]
pub struct Shown(Arc<RwLock<(Lab, Observed)>>);

impl Shown {
    /// Shows this from now on.
    pub fn set(&self, lab: Lab, seen: Observed) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = (lab, seen);
    }

    /// Returns what is shown, as of now.
    fn now(&self) -> (Lab, Observed) {
        let (lab, seen) = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        (lab, seen.with_at(Timestamp::now()))
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

/// A server that listens, and answers once it [runs](Server::run).
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shown: Shown,
    askers: Askers,
    names: Vec<String>,
    limits: Limits,
}

impl Server {
    /// Listens on an address of loopback or of the lab's tailnet. Port 0 takes any that is free.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for any other address, [`ErrorKind::Conflict`] where something listens there already,
    /// [`ErrorKind::Unreachable`] where the machine does not have the address.
    pub async fn bind(address: SocketAddr, lab: Lab, seen: Observed, settings: Settings) -> Result<Self> {
        let what = || format!("listen on {address}");
        let ip = address.ip().to_canonical();
        if !ip.is_loopback() && !lab.instance().is_tailnet_address(ip) {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("{}: it is neither loopback nor an address of the tailnet", what()),
            )
            .with_hint("whoever else can come there, the tailnet's policy knows nothing of them"));
        }
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let (kind, hint) = match error.kind() {
                std::io::ErrorKind::AddrInUse => (ErrorKind::Conflict, "another program listens there"),
                std::io::ErrorKind::PermissionDenied => (
                    ErrorKind::Unauthorised,
                    "ports below 1024 are for root; take another",
                ),
                _ => (ErrorKind::Unreachable, "is it an address of this machine?"),
            };
            Error::new(kind, what()).with_hint(hint).with_source(error)
        })?;
        let address = listener.local_addr().map_err(|error| {
            Error::new(ErrorKind::Internal, "say where a server listens").with_source(error)
        })?;
        Ok(Server {
            listener,
            address,
            shown: Shown(Arc::new(RwLock::new((lab, seen)))),
            names: settings.names.clone(),
            askers: Askers::new(&settings),
            limits: Limits::default(),
        })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what it shows, to show something else later: after files have changed, or after another look.
    pub fn shown(&self) -> Shown {
        self.shown.clone()
    }

    /// Answers as a task of the tokio runtime that this is called on, until it is told to [stop](Serving::stop).
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] outside of a runtime.
    pub fn start(self) -> Result<Serving> {
        Serving::begin(self)
    }

    /// Answers until `end` is done, and then what was begun, for five seconds at most. Dropping it stops listening, and ends
    /// what was begun. It changes nothing of the lab.
    ///
    /// Whoever connects has ten seconds to say what they ask, and a minute in all. At most 256 connections are open at a
    /// time, 32 of them from one device: who comes later waits, and a device that has its share is turned away.
    ///
    /// # Errors
    /// None now: a connection that breaks is ended alone.
    pub async fn run(self, end: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let state = routes::State {
            shown: self.shown,
            askers: self.askers,
            address: self.address,
            names: self.names,
        };
        connections::run(self.listener, routes::router(state), self.limits, end).await;
        Ok(())
    }
}

/// Reads where a server listens: an address and a port, `127.0.0.1:8420`.
///
/// ```
/// use homelab_core::serve::read_address;
///
/// assert_eq!(read_address("[::1]:8420")?.port(), 8420);
/// assert!(read_address("localhost").is_err());
/// # Ok::<(), homelab_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Invalid`] where it is none.
pub fn read_address(text: &str) -> Result<SocketAddr> {
    text.trim().parse().map_err(|_| {
        Error::new(ErrorKind::Invalid, format!("read the address `{text}`"))
            .with_hint("write an address and a port: `127.0.0.1:8420`, `[::1]:8420`")
    })
}

/// Returns the addresses that mean the same as this one, without a form of IPv6 that stands for IPv4.
fn canonical(peer: SocketAddr) -> (IpAddr, SocketAddr) {
    let ip = peer.ip().to_canonical();
    (ip, SocketAddr::new(ip, peer.port()))
}
