//! `LocalApi` and `Notices`: this machine's own tailnet daemon, which is asked over its socket.

use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream as _;
use homelab_core as core;
use homelab_core::subscription::Subscription;
use homelab_core::tailnet::local::{self, Notice};
use homelab_core::tailnet::{Node, Preferences, ServeConfig, Status, WhoIs};
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use tokio::sync::watch;

use crate::convert::{FilePath, Record};
use crate::error::{Failed, Result};
use crate::runtime::{block, spawn};
use crate::tailnet::Json;

/// The tailnet daemon of this machine, behind its unix socket. It only reads, and each question is a connection of its own.
///
/// Anybody on the machine may mostly ask; `packet_filter` is for root and the daemon's operator. The application of Apple's
/// App Store has no such socket. What is asked raises `Unreachable` without a daemon, `Unauthorised` where it is not for this
/// user, `Unsupported` for what it does not offer, `TimedOut`, and `Damaged` for an answer that is none.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct LocalApi(local::LocalApi);

async fn status(daemon: local::LocalApi) -> core::Result<Status> {
    daemon.status().await
}

async fn preferences(daemon: local::LocalApi) -> core::Result<Preferences> {
    daemon.preferences().await
}

async fn served(daemon: local::LocalApi) -> core::Result<ServeConfig> {
    daemon.serve_config().await
}

async fn node(daemon: local::LocalApi) -> core::Result<Node> {
    daemon.node().await
}

async fn filter(daemon: local::LocalApi) -> core::Result<serde_json::Value> {
    daemon.packet_filter().await
}

async fn notices(daemon: local::LocalApi) -> core::Result<Subscription<Notice>> {
    daemon.watch().await
}

async fn who(daemon: local::LocalApi, address: IpAddr) -> core::Result<Option<WhoIs>> {
    daemon.who_is(address).await
}

async fn who_peer(daemon: local::LocalApi, peer: SocketAddr) -> core::Result<Option<WhoIs>> {
    daemon.who_is_peer(peer).await
}

fn shown(who: Option<WhoIs>) -> Option<Record> {
    who.map(|who| Record::of("WhoIsView", &who.view()))
}

fn entries(config: &ServeConfig) -> Vec<Record> {
    let views = config.view();
    views.iter().map(|view| Record::of("ServedView", view)).collect()
}

/// Reads an address, alone or with a port, as a person has written it.
fn read<T: std::str::FromStr>(text: &str, example: &str) -> Result<T> {
    text.parse().map_err(|_| {
        let message = format!("read `{text}` as an address");
        let error = core::Error::new(core::ErrorKind::Invalid, message);
        error.with_hint(format!("write it as `{example}`")).into()
    })
}

const ADDRESS: &str = "100.64.0.2";
const PEER: &str = "100.64.0.2:51234";

#[pymethods]
impl LocalApi {
    /// The daemon behind this socket, which is not looked at yet.
    #[new]
    #[pyo3(signature = (socket, /))]
    fn new(socket: FilePath) -> Self {
        LocalApi(local::LocalApi::new(socket.0))
    }

    /// Returns the daemon of this machine: the first of the usual places at which there is a socket. None where there is
    /// none, or none that this user may look for.
    #[staticmethod]
    fn find() -> Option<Self> {
        local::LocalApi::find().map(LocalApi)
    }

    /// Returns the same with another limit of how long an answer may take: ten seconds, where nothing is set.
    #[pyo3(signature = (limit, /))]
    fn with_limit(&self, limit: Duration) -> Self {
        LocalApi(self.0.clone().with_limit(limit))
    }

    /// Where the socket is.
    #[getter]
    fn socket(&self) -> String {
        self.0.socket().display().to_string()
    }

    /// Returns the device's state, and whom it sees.
    fn status(&self, py: Python<'_>) -> Result<Record> {
        let status = block(py, status(self.0.clone()))??;
        Ok(Record::of("StatusView", &status.view()))
    }

    /// As `status`, awaited. Cancelling the task closes the connection; so with all of these.
    async fn status_async(&self) -> Result<Record> {
        let status = spawn(status(self.0.clone())).await??;
        Ok(Record::of("StatusView", &status.view()))
    }

    /// Returns who is behind an address of the tailnet, or None where the device does not see it.
    #[pyo3(signature = (address, /))]
    fn who_is(&self, py: Python<'_>, address: &str) -> Result<Option<Record>> {
        let ask = who(self.0.clone(), read(address, ADDRESS)?);
        Ok(shown(block(py, ask)??))
    }

    /// As `who_is`, awaited.
    #[pyo3(signature = (address, /))]
    async fn who_is_async(&self, address: String) -> Result<Option<Record>> {
        let ask = who(self.0.clone(), read(&address, ADDRESS)?);
        Ok(shown(spawn(ask).await??))
    }

    /// Returns who opened the connection that comes from this address and port: of connections that the daemon passes on
    /// to this machine's loopback too.
    #[pyo3(signature = (peer, /))]
    fn who_is_peer(&self, py: Python<'_>, peer: &str) -> Result<Option<Record>> {
        let ask = who_peer(self.0.clone(), read(peer, PEER)?);
        Ok(shown(block(py, ask)??))
    }

    /// As `who_is_peer`, awaited.
    #[pyo3(signature = (peer, /))]
    async fn who_is_peer_async(&self, peer: String) -> Result<Option<Record>> {
        let ask = who_peer(self.0.clone(), read(&peer, PEER)?);
        Ok(shown(spawn(ask).await??))
    }

    /// Returns the device's settings.
    fn preferences(&self, py: Python<'_>) -> Result<Record> {
        let preferences = block(py, preferences(self.0.clone()))??;
        Ok(Record::of("PreferencesView", &preferences.view()))
    }

    /// As `preferences`, awaited.
    async fn preferences_async(&self) -> Result<Record> {
        let preferences = spawn(preferences(self.0.clone())).await??;
        Ok(Record::of("PreferencesView", &preferences.view()))
    }

    /// Returns what the device serves to the tailnet and the internet, by port.
    fn serve_config(&self, py: Python<'_>) -> Result<Vec<Record>> {
        Ok(entries(&block(py, served(self.0.clone()))??))
    }

    /// As `serve_config`, awaited.
    async fn serve_config_async(&self) -> Result<Vec<Record>> {
        Ok(entries(&spawn(served(self.0.clone())).await??))
    }

    /// Returns the packet filter that the control server gave the device, in the service's own field names. For root and the
    /// operator; anybody else gets `Unauthorised`.
    fn packet_filter(&self, py: Python<'_>) -> Result<Json> {
        Ok(Json(block(py, filter(self.0.clone()))??))
    }

    /// As `packet_filter`, awaited.
    async fn packet_filter_async(&self) -> Result<Json> {
        Ok(Json(spawn(filter(self.0.clone())).await??))
    }

    /// Returns all that decides about reach: state, settings, and what is served. A daemon that keeps settings or what it
    /// serves to itself leaves them out.
    fn node(&self, py: Python<'_>) -> Result<Record> {
        let node = block(py, node(self.0.clone()))??;
        Ok(Record::of("NodeView", &node.view()))
    }

    /// As `node`, awaited.
    async fn node_async(&self) -> Result<Record> {
        let node = spawn(node(self.0.clone())).await??;
        Ok(Record::of("NodeView", &node.view()))
    }

    /// Watches the device: its state first, then what changes, as it happens. To be read by `for` or by `async for`, until it
    /// is closed or the daemon ends, after a last notice with the reason.
    fn watch(&self, py: Python<'_>) -> Result<Notices> {
        Ok(Notices::of(block(py, notices(self.0.clone()))??))
    }

    /// As `watch`, awaited.
    async fn watch_async(&self) -> Result<Notices> {
        Ok(Notices::of(spawn(notices(self.0.clone())).await??))
    }

    fn __repr__(&self) -> String {
        format!("<LocalApi at {}>", self.socket())
    }
}

/// What happens to this machine's device of the tailnet: an iterator, and an async one. Each notice is told to one reader.
/// Dropping it closes it.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Notices {
    notices: Arc<Mutex<Subscription<Notice>>>,
    closed: Arc<watch::Sender<bool>>,
}

impl Notices {
    fn of(notices: Subscription<Notice>) -> Self {
        let (closed, _) = watch::channel(false);
        Notices {
            notices: Arc::new(Mutex::new(notices)),
            closed: Arc::new(closed),
        }
    }

    fn reading(&self) -> impl Future<Output = Option<Record>> + Send + 'static {
        let notices = self.notices.clone();
        let mut closed = self.closed.subscribe();
        async move {
            let next = poll_fn(|context| -> Poll<Option<Notice>> {
                let mut notices = notices.lock().unwrap_or_else(PoisonError::into_inner);
                Pin::new(&mut *notices).poll_next(context)
            });
            let next = tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => None,
                notice = next => notice,
            };
            next.map(|notice| Record::of("NoticeView", &notice.view()))
        }
    }
}

#[pymethods]
impl Notices {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Result<Option<Record>> {
        block(py, self.reading())
    }

    fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __anext__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.call_method0("_next")
    }

    async fn _next(&self) -> Result<Record> {
        let next = spawn(self.reading()).await?;
        next.ok_or_else(|| Failed::Python(PyStopAsyncIteration::new_err(())))
    }

    /// Ends it, also for a reader that waits in another task or thread, and closes its connection.
    fn close(&self) {
        self.closed.send_replace(true);
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.close();
    }

    /// As `close`: for `contextlib.aclosing`.
    async fn aclose(&self) {
        self.close();
    }

    fn __repr__(&self) -> String {
        let state = if *self.closed.borrow() { "closed" } else { "open" };
        format!("<Notices, {state}>")
    }
}
