//! `Server`: the portal as a page, while it runs.

use std::sync::{Mutex, PoisonError};

use homelab_core::{self as core, serve};
use pyo3::prelude::*;

use crate::error::Result;
use crate::lab::Lab;
use crate::observed::{Observed, held_or_now, seen_or_now};
use crate::runtime::{block, spawn};

/// The portal as a page, for whoever asks, while it runs: each person is shown the services that they may reach.
///
/// `with` and `async with` stop it at their end; one that is dropped is stopped at once.
#[pyclass(frozen, module = "homelab")]
pub(crate) struct Server {
    address: String,
    /// Nothing once it was closed.
    serving: Mutex<Option<serve::Serving>>,
}

/// What a server is made of.
struct Start {
    lab: core::Lab,
    seen: core::Observed,
    listen: String,
    behind_serve: bool,
    names: Vec<String>,
    own_daemon: bool,
}

impl Start {
    async fn begin(self) -> core::Result<Server> {
        let address = serve::read_address(&self.listen)?;
        let settings = serve::Settings::default().with_trusted_proxy(self.behind_serve);
        let mut settings = self.names.into_iter().fold(settings, serve::Settings::with_name);
        if self.own_daemon {
            settings = settings.with_own_daemon();
        }
        let serving = serve::Server::bind(address, self.lab, self.seen, settings)
            .await?
            .start()?;
        Ok(Server {
            address: serving.address().to_string(),
            serving: Mutex::new(Some(serving)),
        })
    }
}

impl Server {
    fn with<T>(&self, with: impl FnOnce(&serve::Serving) -> T) -> Option<T> {
        let serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        serving.as_ref().map(with)
    }

    /// Returns what waits until it has ended, of one that is closed at once.
    fn ending(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let ending = self.with(serve::Serving::stop);
        async move {
            if let Some(ending) = ending {
                ending.await;
            }
        }
    }

    fn let_go(&self) {
        drop(self.serving.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

#[pymethods]
impl Server {
    /// Listens on an address of loopback or of the lab's tailnet, and answers from now on, on threads of the library. Port 0
    /// takes any that is free.
    ///
    /// `behind_serve` believes what Tailscale Serve on this machine says of who is asking: every program of the machine can
    /// then say that it is anybody. `names` are further names by which browsers call it. `own_daemon` asks this machine's
    /// tailnet daemon who is behind a connection, where there is one.
    ///
    /// Raises `Refused` for any other address, `Conflict` where something listens there already, `Unreachable` where the
    /// machine does not have it.
    #[staticmethod]
    #[pyo3(
        signature = (lab, seen=None, *, listen="127.0.0.1:8420".to_owned(), behind_serve=false, names=Vec::new(), own_daemon=true),
        text_signature = "(lab, seen=None, *, listen='127.0.0.1:8420', behind_serve=False, names=(), own_daemon=True)"
    )]
    fn start(
        py: Python<'_>,
        lab: &Lab,
        seen: Option<&Observed>,
        listen: String,
        behind_serve: bool,
        names: Vec<String>,
        own_daemon: bool,
    ) -> Result<Self> {
        let start = Start {
            lab: lab.0.clone(),
            seen: seen_or_now(seen),
            listen,
            behind_serve,
            names,
            own_daemon,
        };
        Ok(block(py, start.begin())??)
    }

    /// As `start`, awaited.
    #[staticmethod]
    #[pyo3(
        signature = (lab, seen=None, *, listen="127.0.0.1:8420".to_owned(), behind_serve=false, names=Vec::new(), own_daemon=true),
        text_signature = "(lab, seen=None, *, listen='127.0.0.1:8420', behind_serve=False, names=(), own_daemon=True)"
    )]
    async fn start_async(
        lab: Py<Lab>,
        seen: Option<Py<Observed>>,
        listen: String,
        behind_serve: bool,
        names: Vec<String>,
        own_daemon: bool,
    ) -> Result<Self> {
        let start = Start {
            lab: lab.get().0.clone(),
            seen: held_or_now(seen),
            listen,
            behind_serve,
            names,
            own_daemon,
        };
        Ok(spawn(start.begin()).await??)
    }

    /// Where it listens: `127.0.0.1:8420`.
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// Whether it was stopped or closed.
    #[getter]
    fn closed(&self) -> bool {
        self.with(|_| ()).is_none()
    }

    /// Shows this from now on: after files have changed, or after another look. Of one that is closed nothing happens.
    #[pyo3(signature = (lab, seen=None))]
    fn show(&self, lab: &Lab, seen: Option<&Observed>) {
        self.with(|serving| serving.show(lab.0.clone(), seen_or_now(seen)));
    }

    /// Stops listening, and waits until what was begun is answered, for five seconds at most. Again it does nothing.
    fn stop(&self, py: Python<'_>) -> Result<()> {
        block(py, self.ending())?;
        self.let_go();
        Ok(())
    }

    /// As `stop`, awaited.
    async fn stop_async(&self) -> Result<()> {
        spawn(self.ending()).await?;
        self.let_go();
        Ok(())
    }

    /// Stops it at once, and ends what was begun.
    fn close(&self) {
        self.let_go();
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (_kind, _error, _trace, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: Option<Py<PyAny>>,
        _error: Option<Py<PyAny>>,
        _trace: Option<Py<PyAny>>,
    ) -> Result<()> {
        self.stop(py)
    }

    async fn __aenter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (_kind, _error, _trace, /))]
    async fn __aexit__(
        &self,
        _kind: Option<Py<PyAny>>,
        _error: Option<Py<PyAny>>,
        _trace: Option<Py<PyAny>>,
    ) -> Result<()> {
        self.stop_async().await
    }

    fn __repr__(&self) -> String {
        let closed = if self.closed() { " closed" } else { "" };
        format!("<Server on {}{closed}>", self.address)
    }
}
