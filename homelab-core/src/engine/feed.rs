//! Items of an engine that come one by one, and end well or with an error: [`Feed`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

use crate::error::{Error, Result};

/// How many items may wait for their reader.
const WAITING: usize = 16;

/// Items that come one by one: log lines, samples, events, pieces of a file.
///
/// It is complete: it yields every item, in order, and then either ends, which says that there are no more, or yields one
/// error and ends. A connection that is cut is an error, never an end. It goes no faster than it is read.
///
/// Nothing happens before it is first read, and dropping it closes the connection; what was started on the engine is
/// left as each operation says.
pub struct Feed<T> {
    items: mpsc::Receiver<T>,
    /// What makes the items; none once it is done.
    producer: Option<Pin<Box<dyn Future<Output = Result<()>> + Send>>>,
    outcome: Option<Error>,
}

impl<T: Send + 'static> Feed<T> {
    /// Returns a feed of what a task gives to its [`Sink`], until it is done or fails.
    ///
    /// The task runs while the feed is read, and is dropped with it.
    pub fn new<F>(produce: impl FnOnce(Sink<T>) -> F) -> Feed<T>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let (sender, items) = mpsc::channel(WAITING);
        Feed {
            items,
            producer: Some(Box::pin(produce(Sink(sender)))),
            outcome: None,
        }
    }

    /// Returns a feed that has these items.
    pub fn of(items: impl IntoIterator<Item = T, IntoIter: Send + 'static>) -> Feed<T> {
        let items = items.into_iter();
        Feed::new(move |sink| async move {
            for item in items {
                sink.send(item).await;
            }
            Ok(())
        })
    }

    /// Returns a feed that fails with this error.
    pub fn failed(error: Error) -> Feed<T> {
        Feed::new(move |_| std::future::ready(Err(error)))
    }
}

impl<T> Feed<T> {
    /// Returns the next item, or nothing when it has ended.
    ///
    /// Dropping the future loses nothing: the item is the next call's.
    ///
    /// # Errors
    /// When the engine fails, or the connection is cut: there is no item after that.
    pub async fn next(&mut self) -> Result<Option<T>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// Returns all items.
    ///
    /// Dropping the future loses those that were read.
    ///
    /// # Errors
    /// Where [`next`](Feed::next) fails: an account that is not complete is none.
    pub async fn all(mut self) -> Result<Vec<T>> {
        let mut all = Vec::new();
        while let Some(item) = self.next().await? {
            all.push(item);
        }
        Ok(all)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<T>>> {
        loop {
            // First what waits, so that the producer has room; a closed channel says that it is done.
            match self.items.poll_recv(context) {
                Poll::Ready(Some(item)) => return Poll::Ready(Ok(Some(item))),
                Poll::Ready(None) if self.producer.is_none() => {
                    return Poll::Ready(self.outcome.take().map_or(Ok(None), Err));
                }
                _ => {}
            }
            let Some(producer) = &mut self.producer else {
                return Poll::Pending;
            };
            match producer.as_mut().poll(context) {
                Poll::Ready(outcome) => {
                    self.producer = None;
                    self.outcome = outcome.err();
                    // The sink went with the producer, unless somebody kept it.
                    self.items.close();
                }
                Poll::Pending => match self.items.poll_recv(context) {
                    Poll::Ready(Some(item)) => return Poll::Ready(Ok(Some(item))),
                    // Without a sink nothing comes, but the producer has not said yet how it ended.
                    _ => return Poll::Pending,
                },
            }
        }
    }
}

/// Each item, and the error as the last one.
impl<T> Stream for Feed<T> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        self.get_mut().poll(context).map(Result::transpose)
    }
}

impl<T> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("running", &self.producer.is_some())
            .finish_non_exhaustive()
    }
}

/// Where the items of a [`Feed`] are given to.
pub struct Sink<T>(mpsc::Sender<T>);

impl<T> Sink<T> {
    /// Gives an item to the reader, and waits while too many are waiting for it.
    pub async fn send(&self, item: T) {
        // It fails only when the reader is gone, and then whoever sends is dropped as well.
        let _ = self.0.send(item).await;
    }
}

impl<T> fmt::Debug for Sink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::error::ErrorKind;

    #[tokio::test]
    async fn every_item_comes_in_order_and_then_the_end() {
        assert_eq!(
            Feed::of(0..1000).all().await.expect("all"),
            Vec::from_iter(0..1000)
        );
        let mut none = Feed::of(Vec::<u8>::new());
        assert_eq!(none.next().await.expect("an end"), None);
        assert_eq!(none.next().await.expect("and again"), None);
    }

    #[tokio::test]
    async fn an_error_comes_after_the_items_before_it_and_once() {
        let mut feed = Feed::new(|sink| async move {
            sink.send(1).await;
            Err(Error::new(ErrorKind::Unreachable, "read"))
        });
        assert_eq!(feed.next().await.expect("an item"), Some(1));
        assert_eq!(feed.next().await.expect_err("cut").kind(), ErrorKind::Unreachable);
        assert_eq!(feed.next().await.expect("over"), None);
    }

    #[tokio::test]
    async fn nothing_is_made_that_nobody_reads() {
        let made = Arc::new(AtomicU64::new(0));
        let counter = made.clone();
        let mut feed = Feed::new(|sink| async move {
            loop {
                sink.send(counter.fetch_add(1, Ordering::SeqCst)).await;
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 0, "before it is read");
        assert_eq!(feed.next().await.expect("an item"), Some(0));
        assert_eq!(feed.next().await.expect("an item"), Some(1));
        assert!(
            made.load(Ordering::SeqCst) <= WAITING as u64 + 2,
            "and little ahead"
        );
        drop(feed);
    }

    #[tokio::test]
    async fn an_item_that_comes_later_wakes_the_reader() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<u8>();
        let feed = Feed::new(|sink| async move {
            sink.send(receiver.await.expect("sent below")).await;
            Ok(())
        });
        let reader = tokio::spawn(feed.all());
        tokio::task::yield_now().await;
        sender.send(7).expect("the reader waits");
        assert_eq!(reader.await.expect("no panic").expect("no error"), [7]);
    }
}
