//! A stream that can be closed: [`Subscription`].
//!
//! ```
//! # use homelab_core::subscription::Subscription;
//! async fn last_of(mut lines: Subscription<String>) -> Option<String> {
//!     let mut last = None;
//!     while let Some(line) = lines.next().await {
//!         last = Some(line);
//!     }
//!     last
//! }
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

/// What happens, item by item, until it ends or is closed.
///
/// It begins with the first item that is still kept, which is the first of all unless very many were missed. Who reads too
/// slowly, or not at all, holds up nobody: old items are forgotten, and the next item says how many were missed.
/// Dropping it closes it.
pub struct Subscription<T> {
    channel: Arc<Mutex<State<T>>>,
    id: u64,
    cursor: u64,
    lagged: Lagged<T>,
    closed: bool,
}

impl<T: Clone> Subscription<T> {
    /// Returns the next item, or nothing when there will be none.
    ///
    /// Dropping the future loses nothing: the item is the next call's.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        if self.closed {
            return Poll::Ready(None);
        }
        let mut state = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        if self.cursor < state.first {
            let missed = state.first - self.cursor;
            return Poll::Ready(Some(match &self.lagged {
                Lagged::Tell(tell) => {
                    self.cursor = state.first;
                    tell(missed)
                }
                Lagged::Renew(renew) => {
                    self.cursor = state.first + state.items.len() as u64;
                    renew()
                }
            }));
        }
        let index = usize::try_from(self.cursor - state.first).unwrap_or(usize::MAX);
        if let Some(item) = state.items.get(index) {
            self.cursor += 1;
            return Poll::Ready(Some(item.clone()));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.wakers.insert(self.id, context.waker().clone());
        Poll::Pending
    }
}

impl<T> Subscription<T> {
    /// Ends the stream for this reader: there is no further item.
    pub fn close(&mut self) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let writer = {
            let mut state = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
            state.wakers.remove(&self.id);
            state.readers -= 1;
            if state.readers == 0 {
                state.writer.take()
            } else {
                None
            }
        };
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

impl<T: Clone> Stream for Subscription<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.get_mut().poll(context)
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("read", &self.cursor)
            .finish_non_exhaustive()
    }
}

/// The writing side: keeps the last items for readers who come late.
pub(crate) struct Channel<T> {
    state: Arc<Mutex<State<T>>>,
    capacity: usize,
    lagged: Lagged<T>,
}

/// What a reader gets who has missed something.
enum Lagged<T> {
    /// How much that was, and then what is still kept.
    Tell(fn(u64) -> T),
    /// What says all that was ever sent, instead of it.
    Renew(Arc<dyn Fn() -> T + Send + Sync>),
}

impl<T> Clone for Lagged<T> {
    fn clone(&self) -> Self {
        match self {
            Lagged::Tell(tell) => Lagged::Tell(*tell),
            Lagged::Renew(renew) => Lagged::Renew(renew.clone()),
        }
    }
}

struct State<T> {
    items: VecDeque<T>,
    /// The number of the first item that is still kept.
    first: u64,
    ended: bool,
    wakers: BTreeMap<u64, Waker>,
    next_reader: u64,
    readers: usize,
    /// Who waits for the last reader to leave.
    writer: Option<Waker>,
}

impl<T: Clone> Channel<T> {
    /// Returns a channel that keeps this many items; `lagged` makes the item that tells how many were missed.
    pub(crate) fn new(capacity: usize, lagged: fn(u64) -> T) -> Self {
        Channel::with(capacity, Lagged::Tell(lagged))
    }

    /// Returns a channel whose readers, when they have missed items, get one that says all that was sent until then.
    ///
    /// It is made while the channel is locked: whoever sends must not hold what it locks.
    pub(crate) fn renewing(capacity: usize, renew: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Channel::with(capacity, Lagged::Renew(Arc::new(renew)))
    }

    fn with(capacity: usize, lagged: Lagged<T>) -> Self {
        let state = State {
            items: VecDeque::new(),
            first: 0,
            ended: false,
            wakers: BTreeMap::new(),
            next_reader: 0,
            readers: 0,
            writer: None,
        };
        Channel {
            state: Arc::new(Mutex::new(state)),
            capacity,
            lagged,
        }
    }

    pub(crate) fn send(&self, item: T) {
        let wakers = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.ended {
                return;
            }
            if state.items.len() >= self.capacity {
                state.items.pop_front();
                state.first += 1;
            }
            state.items.push_back(item);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    pub(crate) fn end(&self) {
        let wakers = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.ended = true;
            std::mem::take(&mut state.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    /// Waits until nobody reads any more.
    pub(crate) async fn unread(&self) {
        poll_fn(|context| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.readers == 0 {
                return Poll::Ready(());
            }
            state.writer = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn subscribe(&self) -> Subscription<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let id = state.next_reader;
        state.next_reader += 1;
        state.readers += 1;
        Subscription {
            channel: self.state.clone(),
            id,
            cursor: 0,
            lagged: self.lagged.clone(),
            closed: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missed(count: u64) -> i64 {
        -i64::try_from(count).expect("a small count")
    }

    async fn rest(mut subscription: Subscription<i64>) -> Vec<i64> {
        let mut items = Vec::new();
        while let Some(item) = subscription.next().await {
            items.push(item);
        }
        items
    }

    #[tokio::test]
    async fn every_reader_gets_all_from_the_beginning() {
        let channel = Channel::new(10, missed);
        let early = channel.subscribe();
        (1..=3).for_each(|item| channel.send(item));
        let late = channel.subscribe();
        channel.end();
        channel.send(4);
        assert_eq!(rest(early).await, [1, 2, 3]);
        assert_eq!(rest(late).await, [1, 2, 3]);
        assert_eq!(rest(channel.subscribe()).await, [1, 2, 3], "after the end too");
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_many_it_missed() {
        let channel = Channel::new(3, missed);
        let mut slow = channel.subscribe();
        channel.send(1);
        assert_eq!(slow.next().await, Some(1));
        (2..=10).for_each(|item| channel.send(item));
        channel.end();
        assert_eq!(rest(slow).await, [-6, 8, 9, 10]);
    }

    #[tokio::test]
    async fn a_slow_reader_of_a_renewing_channel_gets_all_in_one() {
        let channel = Channel::renewing(3, || 55);
        let mut slow = channel.subscribe();
        (1..=10).for_each(|item| channel.send(item));
        assert_eq!(slow.next().await, Some(55));
        channel.send(11);
        channel.end();
        assert_eq!(rest(slow).await, [11]);
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken_by_an_item_and_by_the_end() {
        let channel = Arc::new(Channel::new(3, missed));
        let reader = tokio::spawn(rest(channel.subscribe()));
        tokio::task::yield_now().await;
        channel.send(1);
        tokio::task::yield_now().await;
        channel.end();
        assert_eq!(reader.await.expect("the reader ends"), [1]);
    }

    #[tokio::test]
    async fn the_writer_learns_that_the_last_reader_has_left() {
        let channel = Arc::new(Channel::new(3, missed));
        let (mut one, two) = (channel.subscribe(), channel.subscribe());
        let writer = tokio::spawn({
            let channel = channel.clone();
            async move { channel.unread().await }
        });
        tokio::task::yield_now().await;
        one.close();
        one.close();
        drop(one);
        tokio::task::yield_now().await;
        assert!(!writer.is_finished(), "one still reads");
        drop(two);
        writer.await.expect("it ends");
    }

    #[tokio::test]
    async fn a_closed_reader_gets_nothing_more() {
        let channel = Channel::new(3, missed);
        let mut reader = channel.subscribe();
        channel.send(1);
        reader.close();
        assert_eq!(reader.next().await, None);
    }
}
