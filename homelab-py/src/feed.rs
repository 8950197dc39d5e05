//! Feeds of the core as iterators, plain and async.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_core::Stream as _;
use homelab_core as core;
use homelab_core::engine::Feed;
use homelab_core::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyIterator};
use tokio::sync::watch;

/// A feed that several tasks and threads may read, each item by one of them, until it ends or somebody closes it.
pub(crate) struct Reading<T> {
    /// None once it has ended.
    feed: Arc<Mutex<Option<Feed<T>>>>,
    closed: Arc<watch::Sender<bool>>,
}

fn lock<T>(feed: &Mutex<Option<Feed<T>>>) -> MutexGuard<'_, Option<Feed<T>>> {
    feed.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Send + 'static> Reading<T> {
    pub(crate) fn new(feed: Feed<T>) -> Reading<T> {
        let (closed, _) = watch::channel(false);
        Reading {
            feed: Arc::new(Mutex::new(Some(feed))),
            closed: Arc::new(closed),
        }
    }

    /// Waits for the next item; nothing when there will be none.
    pub(crate) fn next(&self) -> impl Future<Output = core::Result<Option<T>>> + Send + 'static {
        let feed = self.feed.clone();
        let mut closed = self.closed.subscribe();
        async move {
            let next = poll_fn(|context| match lock(&feed).as_mut() {
                Some(feed) => Pin::new(feed).poll_next(context),
                None => Poll::Ready(None),
            });
            let next = tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => None,
                item = next => item,
            };
            match next {
                Some(Ok(item)) => Ok(Some(item)),
                ended => {
                    *lock(&feed) = None;
                    ended.map_or(Ok(None), |item| item.map(|_| None))
                }
            }
        }
    }

    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
        *lock(&self.feed) = None;
    }

    pub(crate) fn state(&self) -> &'static str {
        if *self.closed.borrow() { "closed" } else { "open" }
    }
}

/// Makes a class of Python of a feed: an iterator, and an async one, whose items are made by a function.
macro_rules! stream {
    ($(#[$doc:meta])* $name:ident, $item:ty, $given:ty, $make:expr) => {
        $(#[$doc])*
        #[pyclass(frozen, module = "homelab")]
        pub(crate) struct $name(pub(crate) crate::feed::Reading<$item>);

        #[pymethods]
        impl $name {
            fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
                slf
            }

            fn __next__(&self, py: Python<'_>) -> crate::error::Result<Option<$given>> {
                Ok(crate::runtime::block(py, self.0.next())??.map($make))
            }

            fn __aiter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
                slf
            }

            fn __anext__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
                slf.call_method0("_next")
            }

            async fn _next(&self) -> crate::error::Result<$given> {
                let next = crate::runtime::spawn(self.0.next()).await??;
                let ended = || crate::error::Failed::Python(pyo3::exceptions::PyStopAsyncIteration::new_err(()));
                next.map($make).ok_or_else(ended)
            }

            /// Ends it, also for a reader that waits in another task or thread, and closes its connections.
            fn close(&self) {
                self.0.close();
            }

            /// As `close`: for `contextlib.aclosing`.
            async fn aclose(&self) {
                self.0.close();
            }

            fn __repr__(&self) -> String {
                format!("<{}, {}>", stringify!($name), self.0.state())
            }
        }
    };
}
pub(crate) use stream;

/// Bytes on their way to Python.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'py> IntoPyObject<'py> for Bytes {
    type Target = PyBytes;
    type Output = Bound<'py, PyBytes>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.0))
    }
}

/// Bytes from Python: all at once, or whatever gives them piece by piece.
pub(crate) enum Input {
    Whole(Vec<u8>),
    Pieces(Py<PyIterator>),
}

impl<'py> FromPyObject<'_, 'py> for Input {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match given.cast::<PyBytes>().is_ok() || given.cast::<PyByteArray>().is_ok() {
            true => Ok(Input::Whole(given.extract()?)),
            false => Ok(Input::Pieces(given.try_iter()?.unbind())),
        }
    }
}

impl Input {
    pub(crate) fn feed(self) -> Feed<Vec<u8>> {
        let pieces = match self {
            Input::Whole(bytes) => return Feed::of([bytes]),
            Input::Pieces(pieces) => Arc::new(pieces),
        };
        Feed::new(move |sink| async move {
            loop {
                let pieces = pieces.clone();
                // What makes them may wait for a disk, or compute: on a thread of its own.
                let next = tokio::task::spawn_blocking(move || Python::attach(|py| piece(py, &pieces)));
                // It is cancelled where Python ends.
                let next = next
                    .await
                    .map_err(|_| Error::new(ErrorKind::Cancelled, "read what is given"))?;
                match next? {
                    Some(piece) => sink.send(piece).await,
                    None => return Ok(()),
                }
            }
        })
    }
}

fn piece(py: Python<'_>, pieces: &Py<PyIterator>) -> core::Result<Option<Vec<u8>>> {
    let next = pieces.bind(py).clone().next().transpose();
    let bytes = next.and_then(|piece| piece.map(|piece| piece.extract()).transpose());
    bytes.map_err(|error| {
        Error::new(ErrorKind::Invalid, "read what is given piece by piece").with_hint(error.to_string())
    })
}
