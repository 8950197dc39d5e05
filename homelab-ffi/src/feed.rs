//! Feeds of the core, by pull.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};

use homelab_core::cancel::Cancel;
use homelab_core::engine::Feed;
use homelab_core::{Error, ErrorKind};
use tokio::sync::{Mutex, mpsc};

use crate::error::HomelabError;
use crate::runtime::run;

/// How many pieces may wait for their reader.
const WAITING: usize = 16;

/// A feed that is read until it ends, or somebody finishes it.
pub(crate) struct Reading<T> {
    /// None once it has ended.
    feed: Arc<Mutex<Option<Feed<T>>>>,
    finished: Cancel,
    /// What is said where it is stopped.
    what: &'static str,
}

impl<T: Send + 'static> Reading<T> {
    pub(crate) fn new(feed: Feed<T>, what: &'static str) -> Reading<T> {
        Reading {
            feed: Arc::new(Mutex::new(Some(feed))),
            finished: Cancel::new(),
            what,
        }
    }

    async fn take(&self) -> Result<Option<T>, HomelabError> {
        let feed = self.feed.clone();
        // What reads it has to be woken by the runtime's own sockets.
        let next = async move {
            let mut held = feed.lock().await;
            let Some(feed) = held.as_mut() else {
                return Ok(None);
            };
            let next = feed.next().await;
            if !matches!(next, Ok(Some(_))) {
                *held = None;
            }
            next
        };
        Ok(run(self.what, None, next).await??)
    }

    pub(crate) async fn next(&self) -> Result<Option<T>, HomelabError> {
        tokio::select! {
            biased;
            () = self.finished.cancelled() => {
                self.drop_feed();
                Ok(None)
            }
            item = self.take() => item,
        }
    }

    pub(crate) fn finish(&self) {
        self.finished.cancel();
        self.drop_feed();
    }

    fn drop_feed(&self) {
        if let Ok(mut feed) = self.feed.try_lock() {
            *feed = None;
        }
    }

    /// Takes the feed, to be read by somebody else.
    fn taken(&self) -> Option<Feed<T>> {
        self.feed.try_lock().ok()?.take()
    }
}

impl<T> fmt::Debug for Reading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}

/// Bytes that come piece by piece: those of a tar archive from a container, or one's own for a container.
///
/// They are read once: by `next` until there is none, or by the call that they are given to. The extensions beside the
/// generated code make a Kotlin Flow and a Swift AsyncThrowingStream of them.
#[derive(Debug, uniffi::Object)]
pub struct Pieces {
    reading: Reading<Vec<u8>>,
    /// Where one's own are given; none once they have ended.
    given: Lock<Option<mpsc::Sender<Vec<u8>>>>,
    /// Whether somebody has said that there is no further piece: what is only dropped is not whole.
    ended: Arc<AtomicBool>,
}

impl Pieces {
    pub(crate) fn of(feed: Feed<Vec<u8>>) -> Pieces {
        Pieces {
            reading: Reading::new(feed, "read an archive"),
            given: Lock::new(None),
            ended: Arc::default(),
        }
    }

    /// Takes what they are, for a call that reads them.
    pub(crate) fn taken(&self) -> Result<Feed<Vec<u8>>, HomelabError> {
        self.reading.taken().ok_or_else(|| {
            Error::new(ErrorKind::Conflict, "use the pieces")
                .with_hint("they are read once, and somebody has read them or does: make new ones")
                .into()
        })
    }
}

#[uniffi::export]
impl Pieces {
    /// Returns pieces that are given one by one, by `give`, and ended by `end`.
    #[uniffi::constructor]
    #[expect(clippy::new_without_default, reason = "a default is nothing that crosses")]
    pub fn new() -> Pieces {
        let (sender, mut receiver) = mpsc::channel(WAITING);
        let ended = Arc::new(AtomicBool::new(false));
        let told = ended.clone();
        let feed = Feed::new(move |sink| async move {
            while let Some(piece) = receiver.recv().await {
                sink.send(piece).await;
            }
            match told.load(Ordering::Acquire) {
                true => Ok(()),
                false => {
                    let error = Error::new(ErrorKind::Cancelled, "read the pieces that are given");
                    Err(error
                        .with_hint("they were dropped before `end` was called: what was given is not all"))
                }
            }
        });
        Pieces {
            given: Lock::new(Some(sender)),
            ended,
            ..Pieces::of(feed)
        }
    }

    /// Returns the one piece that these bytes are.
    #[uniffi::constructor]
    pub fn whole(bytes: Vec<u8>) -> Pieces {
        Pieces::of(Feed::of([bytes]))
    }

    /// Gives a piece to whoever reads them, and waits while too many are waiting. It fails after their end, and where nobody
    /// will read them any more.
    pub async fn give(&self, piece: Vec<u8>) -> Result<(), HomelabError> {
        let sender = self.given.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ended = || Error::new(ErrorKind::Conflict, "give a piece");
        let sender = sender.ok_or_else(|| ended().with_hint("these pieces have ended"))?;
        let sent = sender.send(piece).await;
        Ok(sent.map_err(|_| ended().with_hint("nobody reads them any more: the call that did has ended"))?)
    }

    /// Says that there is no further piece. Whoever reads pieces that are dropped without it fails.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the next piece, or nothing when there will be none. It fails where not all can be read.
    pub async fn next(&self) -> Result<Option<Vec<u8>>, HomelabError> {
        self.reading.next().await
    }

    /// Stops reading them, a call that waits for the next one included.
    pub fn finish(&self) {
        self.reading.finish();
    }
}
