//! This machine's own tailnet daemon, which is asked over its socket: records, and the objects that give them.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "full")]
use homelab_core::cancel::Cancel;
#[cfg(feature = "full")]
use homelab_core::subscription::Subscription;
#[cfg(feature = "full")]
use homelab_core::tailnet::local;
use homelab_core::view::{
    GrantedCapabilityView, NodeView, NoticeView, PreferencesView, SeenDeviceView, ServedView, StatusView,
    WhoIsView,
};
#[cfg(feature = "full")]
use homelab_core::{Error, ErrorKind};
#[cfg(feature = "full")]
use tokio::sync::Mutex;

use crate::cancel::CancelToken;
use crate::error::HomelabError;
#[cfg(feature = "full")]
use crate::runtime::run;

/// What a machine's own device of the tailnet is: its state, its settings and what it serves.
#[uniffi::remote(Record)]
pub struct NodeView {
    /// Its state, and whom it sees.
    pub status: StatusView,
    /// Its settings; nothing where the daemon keeps them to itself.
    pub preferences: Option<PreferencesView>,
    /// What it passes on, by port; nothing where the daemon keeps that to itself.
    pub serve: Option<Vec<ServedView>>,
}

/// The state of a device of the tailnet, and whom it sees. To be seen is no right to be reached.
#[uniffi::remote(Record)]
pub struct StatusView {
    /// The daemon's word for its state: `Running`, `NeedsLogin`, `Stopped`; empty where it said none.
    pub state: String,
    /// The daemon's version.
    pub version: Option<String>,
    /// The tailnet's name.
    pub tailnet: Option<String>,
    /// The end of the tailnet's MagicDNS names, without a dot at either end.
    pub suffix: Option<String>,
    /// The device itself; nothing before it is in a tailnet.
    pub own: Option<SeenDeviceView>,
    /// The device itself and those that it sees.
    pub devices: Vec<SeenDeviceView>,
}

/// A device of the tailnet, as another one sees it. Whatever is not known is absent.
#[uniffi::remote(Record)]
pub struct SeenDeviceView {
    /// Its host name, as it calls itself. Several devices may have the same one.
    pub name: String,
    /// Its whole MagicDNS name, without a dot at the end.
    pub dns_name: Option<String>,
    /// The login of whose device it is: nobody's, once it has a tag.
    pub owner: Option<String>,
    /// Its tags: `tag:server`.
    pub tags: Vec<String>,
    /// Its addresses in the tailnet, mostly one of each family.
    pub addresses: Vec<String>,
    /// The routes that it carries now; nothing where nobody has said.
    pub routes: Option<Vec<String>>,
    /// Whether it belongs to another tailnet and was shared into this one.
    pub external: bool,
    /// Whether it was connected when this was asked.
    pub online: Option<bool>,
    /// When its key expires, RFC 3339; nothing where it never does, or nobody has said.
    pub key_expiry: Option<String>,
    /// Its operating system, as it calls it itself: `linux`.
    pub os: Option<String>,
}

/// Who stands behind an address of the tailnet.
#[uniffi::remote(Record)]
pub struct WhoIsView {
    /// The device.
    pub device: SeenDeviceView,
    /// The login of the person whose device it is; nobody's, where the device has tags.
    pub login: Option<String>,
    /// The name by which that person is shown.
    pub name: Option<String>,
    /// The app capabilities that the policy grants the device on the one that was asked, by name.
    pub capabilities: Vec<GrantedCapabilityView>,
}

/// An app capability, with what it was granted with.
#[uniffi::remote(Record)]
pub struct GrantedCapabilityView {
    /// Its name: `example.com/cap/photos`.
    pub name: String,
    /// Its values, each as JSON.
    pub values: Vec<String>,
}

/// The settings of a device of the tailnet that decide about reach. Each is absent where the daemon did not say.
#[uniffi::remote(Record)]
pub struct PreferencesView {
    /// Whether it refuses all new connections, whatever the policy says.
    pub shields_up: Option<bool>,
    /// Whether it uses the routes that others offer.
    pub accepts_routes: Option<bool>,
    /// Whether its Tailscale SSH server is on.
    pub ssh: Option<bool>,
    /// Whether it is meant to be in the tailnet.
    pub wants_running: Option<bool>,
    /// The routes that it offers.
    pub advertised: Vec<String>,
    /// The Tailscale Services that it offers to host.
    pub services: Vec<String>,
    /// The address of its control server.
    pub control: Option<String>,
}

/// One thing that a device of the tailnet passes on.
#[uniffi::remote(Record)]
pub struct ServedView {
    /// The port on which it listens in the tailnet.
    pub port: u16,
    /// The name for which it answers, where it looks at that.
    pub host: Option<String>,
    /// The path below which it answers; nothing where it passes connections on, and looks at no path.
    pub path: Option<String>,
    /// The Tailscale Service that it belongs to; nothing where it is the device's own.
    pub service: Option<String>,
    /// What it does: `proxy` (to a web server), `forward` (connections), `files`, `text`, `redirect` or `unknown`.
    pub kind: String,
    /// Where that leads, as it is written; nothing for a text, and for what is not known.
    pub target: Option<String>,
    /// Whether everybody on the internet is let in.
    pub funnel: bool,
}

/// Something that happened to this machine's device of the tailnet.
#[uniffi::remote(Record)]
pub struct NoticeView {
    /// What it is: `state`, `changed` (devices that it sees, or itself: ask for the status again), `settings` (they, or
    /// what it serves: ask for them again), `problem`, `missed` (the reader was too slow: ask for all again), or `ended`.
    pub kind: String,
    /// The daemon's word for the state, what it says of the problem, or why the stream is at its end.
    pub text: Option<String>,
    /// How many notices were missed.
    pub missed: Option<u64>,
}

#[cfg(feature = "full")]
type Inner = local::LocalApi;
/// A build without it has none, so that no method of it is ever called.
#[cfg(not(feature = "full"))]
type Inner = std::convert::Infallible;

/// The tailnet daemon of this machine, behind its unix socket. It only reads, and each question is a connection of its own.
///
/// Anybody on the machine may mostly ask; `packetFilter` is for root and the daemon's operator. What is asked fails with
/// `Unreachable` without a daemon, `Unauthorised` where it is not for this user, `Unsupported` for what it does not offer,
/// `TimedOut`, and `Damaged` for an answer that is none.
#[derive(Debug, uniffi::Object)]
pub struct LocalApi(Inner);

#[cfg(feature = "full")]
impl LocalApi {
    fn behind(socket: String) -> Result<Self, HomelabError> {
        Ok(LocalApi(local::LocalApi::new(socket)))
    }

    fn found() -> Result<Option<Arc<Self>>, HomelabError> {
        Ok(local::LocalApi::find().map(|found| Arc::new(LocalApi(found))))
    }

    fn limited(&self, limit: Duration) -> Self {
        LocalApi(self.0.clone().with_limit(limit))
    }

    fn place(&self) -> String {
        self.0.socket().display().to_string()
    }

    async fn ask_status(&self, cancel: Option<Arc<CancelToken>>) -> Result<StatusView, HomelabError> {
        let daemon = self.0.clone();
        let ask = async move { daemon.status().await };
        Ok(run(ASK, cancel, ask).await??.view())
    }

    async fn ask_who(
        &self,
        address: &str,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Option<WhoIsView>, HomelabError> {
        let (daemon, address) = (self.0.clone(), read(address, "100.64.0.2")?);
        let ask = async move { daemon.who_is(address).await };
        Ok(run(ASK, cancel, ask).await??.map(|who| who.view()))
    }

    async fn ask_who_peer(
        &self,
        peer: &str,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Option<WhoIsView>, HomelabError> {
        let (daemon, peer) = (self.0.clone(), read(peer, "100.64.0.2:51234")?);
        let ask = async move { daemon.who_is_peer(peer).await };
        Ok(run(ASK, cancel, ask).await??.map(|who| who.view()))
    }

    async fn ask_preferences(
        &self,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<PreferencesView, HomelabError> {
        let daemon = self.0.clone();
        let ask = async move { daemon.preferences().await };
        Ok(run(ASK, cancel, ask).await??.view())
    }

    async fn ask_serve(&self, cancel: Option<Arc<CancelToken>>) -> Result<Vec<ServedView>, HomelabError> {
        let daemon = self.0.clone();
        let ask = async move { daemon.serve_config().await };
        Ok(run(ASK, cancel, ask).await??.view())
    }

    async fn ask_filter(&self, cancel: Option<Arc<CancelToken>>) -> Result<String, HomelabError> {
        let daemon = self.0.clone();
        let ask = async move { daemon.packet_filter().await };
        Ok(run(ASK, cancel, ask).await??.to_string())
    }

    async fn ask_node(&self, cancel: Option<Arc<CancelToken>>) -> Result<NodeView, HomelabError> {
        let daemon = self.0.clone();
        let ask = async move { daemon.node().await };
        Ok(run(ASK, cancel, ask).await??.view())
    }

    async fn listen(&self, cancel: Option<Arc<CancelToken>>) -> Result<Notices, HomelabError> {
        let daemon = self.0.clone();
        let ask = async move { daemon.watch().await };
        Ok(Notices(Listening {
            notices: Mutex::new(run(ASK, cancel, ask).await??),
            finished: Cancel::new(),
        }))
    }
}

/// What is said of a question that was stopped.
#[cfg(feature = "full")]
const ASK: &str = "ask the tailnet's daemon";

/// Reads an address, alone or with a port, as a person has written it.
#[cfg(feature = "full")]
fn read<T: std::str::FromStr>(text: &str, example: &str) -> Result<T, HomelabError> {
    text.parse().map_err(|_| {
        let error = Error::new(ErrorKind::Invalid, format!("read `{text}` as an address"));
        error.with_hint(format!("write it as `{example}`")).into()
    })
}

#[cfg(not(feature = "full"))]
impl LocalApi {
    fn behind(_: String) -> Result<Self, HomelabError> {
        absent()
    }

    fn found() -> Result<Option<Arc<Self>>, HomelabError> {
        absent()
    }

    fn limited(&self, _: Duration) -> Self {
        match self.0 {}
    }

    fn place(&self) -> String {
        match self.0 {}
    }

    async fn ask_status(&self, _: Option<Arc<CancelToken>>) -> Result<StatusView, HomelabError> {
        match self.0 {}
    }

    async fn ask_who(&self, _: &str, _: Option<Arc<CancelToken>>) -> Result<Option<WhoIsView>, HomelabError> {
        match self.0 {}
    }

    async fn ask_who_peer(
        &self,
        _: &str,
        _: Option<Arc<CancelToken>>,
    ) -> Result<Option<WhoIsView>, HomelabError> {
        match self.0 {}
    }

    async fn ask_preferences(&self, _: Option<Arc<CancelToken>>) -> Result<PreferencesView, HomelabError> {
        match self.0 {}
    }

    async fn ask_serve(&self, _: Option<Arc<CancelToken>>) -> Result<Vec<ServedView>, HomelabError> {
        match self.0 {}
    }

    async fn ask_filter(&self, _: Option<Arc<CancelToken>>) -> Result<String, HomelabError> {
        match self.0 {}
    }

    async fn ask_node(&self, _: Option<Arc<CancelToken>>) -> Result<NodeView, HomelabError> {
        match self.0 {}
    }

    async fn listen(&self, _: Option<Arc<CancelToken>>) -> Result<Notices, HomelabError> {
        match self.0 {}
    }
}

/// Says that it is not in this build.
#[cfg(not(feature = "full"))]
fn absent<T>() -> Result<T, HomelabError> {
    homelab_core::require_capability("local")?;
    let message = "ask the tailnet's daemon: this build is without it";
    Err(homelab_core::Error::new(homelab_core::ErrorKind::Unsupported, message).into())
}

#[uniffi::export]
impl LocalApi {
    /// Returns the daemon behind this socket, which is not looked at yet.
    #[uniffi::constructor]
    pub fn new(socket: String) -> Result<Self, HomelabError> {
        LocalApi::behind(socket)
    }

    /// Returns the same with another limit of how long an answer may take: ten seconds, where nothing is set.
    pub fn with_limit(&self, limit: Duration) -> LocalApi {
        self.limited(limit)
    }

    /// Returns where the socket is.
    pub fn socket(&self) -> String {
        self.place()
    }

    /// Returns the device's state, and whom it sees.
    #[uniffi::method(default(cancel = None))]
    pub async fn status(&self, cancel: Option<Arc<CancelToken>>) -> Result<StatusView, HomelabError> {
        self.ask_status(cancel).await
    }

    /// Returns who is behind an address of the tailnet, or nobody where the device does not see it.
    #[uniffi::method(default(cancel = None))]
    pub async fn who_is(
        &self,
        address: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Option<WhoIsView>, HomelabError> {
        self.ask_who(&address, cancel).await
    }

    /// Returns who opened the connection that comes from this address and port: of connections that the daemon passes on
    /// to this machine's loopback too.
    #[uniffi::method(default(cancel = None))]
    pub async fn who_is_peer(
        &self,
        peer: String,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Option<WhoIsView>, HomelabError> {
        self.ask_who_peer(&peer, cancel).await
    }

    /// Returns the device's settings.
    #[uniffi::method(default(cancel = None))]
    pub async fn preferences(
        &self,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<PreferencesView, HomelabError> {
        self.ask_preferences(cancel).await
    }

    /// Returns what the device serves to the tailnet and the internet, by port.
    #[uniffi::method(default(cancel = None))]
    pub async fn serve_config(
        &self,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Vec<ServedView>, HomelabError> {
        self.ask_serve(cancel).await
    }

    /// Returns the packet filter that the control server gave the device, as JSON in the service's own field names. For root
    /// and the operator; anybody else gets `Unauthorised`.
    #[uniffi::method(default(cancel = None))]
    pub async fn packet_filter(&self, cancel: Option<Arc<CancelToken>>) -> Result<String, HomelabError> {
        self.ask_filter(cancel).await
    }

    /// Returns all that decides about reach: state, settings, and what is served. A daemon that keeps settings or what it
    /// serves to itself leaves them out.
    #[uniffi::method(default(cancel = None))]
    pub async fn node(&self, cancel: Option<Arc<CancelToken>>) -> Result<NodeView, HomelabError> {
        self.ask_node(cancel).await
    }

    /// Watches the device: its state first, then what changes, as it happens, until the daemon ends, after a last notice with
    /// the reason.
    #[uniffi::method(default(cancel = None))]
    pub async fn watch(&self, cancel: Option<Arc<CancelToken>>) -> Result<Arc<Notices>, HomelabError> {
        self.listen(cancel).await.map(Arc::new)
    }
}

/// Returns the tailnet daemon of this machine: the first of the usual places at which there is a socket. Nothing where there
/// is none, or none that this user may look for.
#[uniffi::export]
pub fn find_local_api() -> Result<Option<Arc<LocalApi>>, HomelabError> {
    LocalApi::found()
}

/// What happens to this machine's device of the tailnet.
///
/// Take notices with `next` until there is none. The extensions beside the generated code make a Kotlin Flow and a Swift
/// AsyncStream of it.
#[derive(Debug, uniffi::Object)]
pub struct Notices(Listening);

#[cfg(feature = "full")]
#[derive(Debug)]
struct Listening {
    notices: Mutex<Subscription<local::Notice>>,
    finished: Cancel,
}

/// A build without it has none.
#[cfg(not(feature = "full"))]
type Listening = std::convert::Infallible;

#[cfg(feature = "full")]
impl Notices {
    async fn take(&self) -> Option<NoticeView> {
        tokio::select! {
            biased;
            () = self.0.finished.cancelled() => {
                self.close();
                None
            }
            notice = async { self.0.notices.lock().await.next().await } => notice.map(|notice| notice.view()),
        }
    }

    /// Closes the connection. Where somebody waits for a notice, that call does so when its wait ends.
    fn close(&self) {
        if let Ok(mut notices) = self.0.notices.try_lock() {
            notices.close();
        }
    }

    fn end(&self) {
        self.0.finished.cancel();
        self.close();
    }
}

#[cfg(not(feature = "full"))]
impl Notices {
    async fn take(&self) -> Option<NoticeView> {
        match self.0 {}
    }

    fn end(&self) {
        match self.0 {}
    }
}

#[uniffi::export]
impl Notices {
    /// Returns the next notice, or nothing when there will be none.
    pub async fn next(&self) -> Option<NoticeView> {
        self.take().await
    }

    /// Ends the stream, a call that waits for its next notice included, and closes its connection.
    pub fn finish(&self) {
        self.end();
    }
}
