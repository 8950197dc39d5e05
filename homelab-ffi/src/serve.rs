//! The portal's server.

use std::sync::Arc;

#[cfg(feature = "full")]
use homelab_core::serve;

use crate::cancel::CancelToken;
use crate::error::HomelabError;
use crate::lab::Lab;
use crate::observed::Observed;
#[cfg(feature = "full")]
use crate::observed::or_now;
#[cfg(feature = "full")]
use crate::runtime::run;

#[cfg(feature = "full")]
type Inner = serve::Serving;
/// A build without it has none, so that no method of it is ever called.
#[cfg(not(feature = "full"))]
type Inner = std::convert::Infallible;

/// Where a server listens, and whom it believes.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ServeSettings {
    /// Where it listens: an address of loopback or of the lab's tailnet, and a port. Port 0 takes any that is free.
    #[uniffi(default = "127.0.0.1:8420")]
    pub listen: String,
    /// Whether it believes what Tailscale Serve on this machine says of who is asking. Every program of the machine can
    /// then say that it is anybody.
    #[uniffi(default = false)]
    pub behind_serve: bool,
    /// The names by which browsers call it, beside its address and its MagicDNS name.
    #[uniffi(default)]
    pub names: Vec<String>,
    /// Whether it asks this machine's tailnet daemon who is behind a connection, where there is one.
    #[uniffi(default = true)]
    pub own_daemon: bool,
}

/// The portal as a page, for whoever asks, while it runs: each person is shown the services that they may reach.
///
/// Closing it, or losing the last reference to it, stops it at once; `stop` waits for what was begun.
#[derive(Debug, uniffi::Object)]
pub struct Server(Inner);

#[cfg(feature = "full")]
impl Server {
    async fn begin(
        lab: Arc<Lab>,
        seen: Option<Arc<Observed>>,
        settings: ServeSettings,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Self, HomelabError> {
        let ServeSettings {
            listen,
            behind_serve,
            names,
            own_daemon,
        } = settings;
        let address = serve::read_address(&listen)?;
        let (lab, seen) = (lab.0.clone(), or_now(seen.as_deref()));
        let begin = async move {
            let mut settings = names.into_iter().fold(
                serve::Settings::default().with_trusted_proxy(behind_serve),
                serve::Settings::with_name,
            );
            if own_daemon {
                settings = settings.with_own_daemon();
            }
            serve::Server::bind(address, lab, seen, settings).await?.start()
        };
        Ok(Server(run("start the server", cancel, begin).await??))
    }

    fn where_it_listens(&self) -> String {
        self.0.address().to_string()
    }

    fn set(&self, lab: &Lab, seen: Option<&Observed>) {
        self.0.show(lab.0.clone(), or_now(seen));
    }

    async fn end(&self) {
        self.0.stop().await;
    }
}

#[cfg(not(feature = "full"))]
impl Server {
    async fn begin(
        _: Arc<Lab>,
        _: Option<Arc<Observed>>,
        _: ServeSettings,
        _: Option<Arc<CancelToken>>,
    ) -> Result<Self, HomelabError> {
        homelab_core::require_capability("serve")?;
        let message = "serve the portal: this build is without it";
        Err(homelab_core::Error::new(homelab_core::ErrorKind::Unsupported, message).into())
    }

    fn where_it_listens(&self) -> String {
        match self.0 {}
    }

    fn set(&self, _: &Lab, _: Option<&Observed>) {
        match self.0 {}
    }

    async fn end(&self) {
        match self.0 {}
    }
}

#[uniffi::export]
impl Server {
    /// Listens, and answers from now on, on threads of the library. What is seen is the clock's moment and nothing else
    /// where no observation is given.
    ///
    /// Fails with `Refused` for an address that is neither loopback nor the tailnet's, with `Conflict` where something
    /// listens there already, with `Unreachable` where the machine does not have it.
    #[uniffi::constructor(default(seen = None, cancel = None))]
    pub async fn start(
        lab: Arc<Lab>,
        settings: ServeSettings,
        seen: Option<Arc<Observed>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Arc<Self>, HomelabError> {
        Server::begin(lab, seen, settings, cancel).await.map(Arc::new)
    }

    /// Returns where it listens: `127.0.0.1:8420`.
    pub fn address(&self) -> String {
        self.where_it_listens()
    }

    /// Shows this from now on: after files have changed, or after another look.
    #[uniffi::method(default(seen = None))]
    pub fn show(&self, lab: Arc<Lab>, seen: Option<Arc<Observed>>) {
        self.set(&lab, seen.as_deref());
    }

    /// Stops listening, and waits until what was begun is answered, for five seconds at most. Asking again only waits.
    pub async fn stop(&self) {
        self.end().await;
    }
}
