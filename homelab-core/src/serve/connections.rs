//! Connections: how many there may be, and how long each may take.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// What one peer may take of a server, so that others are answered too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How many connections may be open at a time. Who comes later waits.
    pub(super) connections: usize,
    /// How many of them from one address that is not this machine: behind Serve everybody comes from there.
    pub(super) from_one: usize,
    /// How long somebody may take to say what they ask, the first time and each time after.
    pub(super) asking: Duration,
    /// How long a connection may be open. Pages are small, and a browser opens another without a word.
    pub(super) open: Duration,
    /// How long what was begun may take once the server is to end.
    pub(super) ending: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 256,
            from_one: 32,
            asking: Duration::from_secs(10),
            open: Duration::from_secs(60),
            ending: Duration::from_secs(5),
        }
    }
}

/// How long to wait when the machine has no more sockets.
const PAUSE: Duration = Duration::from_millis(100);

/// What the head of a request may be long.
const HEAD: usize = 64 << 10;

/// Answers who connects until `end` is done, and then those who have begun to ask.
pub(super) async fn run(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    end: impl Future<Output = ()> + Send,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let shares = Shares::default();
    let graceful = GracefulShutdown::new();
    // Dropped with this, they end with it.
    let mut running = JoinSet::new();
    tokio::pin!(end);
    loop {
        while running.try_join_next().is_some() {}
        let (stream, peer, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut end => break,
        };
        let Some(share) = shares.take(peer.ip().to_canonical(), limits.from_one) else {
            continue;
        };
        let service = router.clone().layer(Extension(ConnectInfo(peer)));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.asking)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        running.spawn(async move {
            // Whoever goes away in the middle of it, or takes too long, is told nothing.
            let _ = tokio::time::timeout(limits.open, connection).await;
            drop((share, place));
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(limits.ending, graceful.shutdown()).await;
}

/// Returns the next connection, once there is a place for it. Dropping it leaves a connection to whoever asks next.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.expect("nobody closes the semaphore");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            // Gone before it was taken, or the machine has no more sockets: both pass.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// How many connections each address has.
#[derive(Clone, Default)]
struct Shares(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Shares {
    /// Takes one more for an address; nothing where it has as many as it may.
    fn take(&self, peer: IpAddr, limit: usize) -> Option<Share> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(peer).or_default();
        if *count >= limit && !peer.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Share {
            of: self.clone(),
            peer,
        })
    }
}

/// One connection of an address, until it is dropped.
struct Share {
    of: Shares,
    peer: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_share_and_gives_it_back() {
        let shares = Shares::default();
        let (one, other) = (IpAddr::from([100, 64, 0, 1]), IpAddr::from([100, 64, 0, 2]));
        let first = shares.take(one, 2);
        let _second = shares.take(one, 2);
        assert!(first.is_some() && shares.take(one, 2).is_none());
        assert!(shares.take(other, 2).is_some());
        drop(first);
        assert!(shares.take(one, 2).is_some());
        let own: Vec<_> = (0..5)
            .map(|_| shares.take(IpAddr::from([127, 0, 0, 1]), 2))
            .collect();
        assert!(own.iter().all(Option::is_some), "Serve speaks for everybody");
    }
}
