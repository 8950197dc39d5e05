//! Connections to an engine that are used again: an inventory asks as often as there are containers, and a connection of
//! its own for each question, which is what bollard makes, costs as much as the answer.

use std::io;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bollard::errors::Error as Bollard;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;

use super::endpoint::Endpoint;

/// How many connections wait for the next question.
const FREE: usize = 8;

/// How long one may wait: proxies close what is silent, and do not say so.
const WAITS: Duration = Duration::from_secs(5);

/// The connections to one engine on a socket or a port, without TLS. The others are bollard's.
pub(super) struct Kept {
    address: Address,
    /// What an HTTP server is told that it is called.
    name: String,
    free: Mutex<Vec<Free>>,
}

enum Address {
    #[cfg(unix)]
    Socket(PathBuf),
    Port(String),
}

/// A connection that nobody uses.
struct Free {
    sender: SendRequest<Empty<Bytes>>,
    since: Instant,
    /// Who moves its bytes: elsewhere nobody would.
    runtime: Id,
}

/// An answer that came whole.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Kept {
    /// Returns none where bollard has to make the connections.
    pub(super) fn of(endpoint: &Endpoint) -> Option<Kept> {
        let (address, name) = match (endpoint.parts(), endpoint.certificates()) {
            #[cfg(unix)]
            (("unix", path), _) => (Address::Socket(path.into()), "localhost".to_owned()),
            // With a port, and nothing behind it: what else there may be is bollard's to understand.
            (("tcp" | "http", rest), None) if rest.parse::<Uri>().is_ok_and(|uri| uri.port().is_some()) => {
                (Address::Port(rest.to_owned()), rest.to_owned())
            }
            _ => return None,
        };
        Some(Kept {
            address,
            name,
            free: Mutex::new(Vec::new()),
        })
    }

    /// Asks, and returns the whole answer. Dropping the future closes the connection that it has.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, Bollard> {
        let uri: Uri = path
            .parse()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        while let Some(mut sender) = self.take() {
            // The engine may have closed it since: a question that only looks is asked again, over another one.
            if let Ok(response) = self.ask(&mut sender, &uri).await {
                return self.read(sender, response).await;
            }
        }
        let mut sender = self.open().await?;
        let response = self.ask(&mut sender, &uri).await?;
        self.read(sender, response).await
    }

    async fn open(&self) -> Result<SendRequest<Empty<Bytes>>, Bollard> {
        match &self.address {
            #[cfg(unix)]
            Address::Socket(path) => speak(UnixStream::connect(path).await?).await,
            Address::Port(address) => {
                let stream = TcpStream::connect(address.as_str()).await?;
                stream.set_nodelay(true)?;
                speak(stream).await
            }
        }
    }

    async fn ask(
        &self,
        sender: &mut SendRequest<Empty<Bytes>>,
        uri: &Uri,
    ) -> Result<Response<Incoming>, Bollard> {
        sender.ready().await?;
        let request = Request::get(uri.clone())
            .header(HOST, self.name.as_str())
            .body(Empty::new())?;
        Ok(sender.send_request(request).await?)
    }

    async fn read(
        &self,
        sender: SendRequest<Empty<Bytes>>,
        response: Response<Incoming>,
    ) -> Result<Answer, Bollard> {
        let status = response.status();
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        self.leave(sender);
        match status {
            StatusCode::OK => Ok(Answer {
                headers: head.headers,
                body,
            }),
            _ => Err(Bollard::DockerResponseServerError {
                status_code: status.as_u16(),
                message: said(&body),
            }),
        }
    }

    /// Returns a connection that is open and waits, if there is one.
    fn take(&self) -> Option<SendRequest<Empty<Bytes>>> {
        let runtime = Handle::current().id();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.retain(|one| !one.sender.is_closed() && one.since.elapsed() < WAITS);
        let at = free.iter().rposition(|one| one.runtime == runtime)?;
        Some(free.remove(at).sender)
    }

    fn leave(&self, sender: SendRequest<Empty<Bytes>>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < FREE && !sender.is_closed() {
            free.push(Free {
                sender,
                since: Instant::now(),
                runtime: Handle::current().id(),
            });
        }
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<SendRequest<Empty<Bytes>>, Bollard> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // It ends when the sender is dropped, or the other side closes it; what fails, the question is told.
    tokio::spawn(connection);
    Ok(sender)
}

/// Returns why an engine did not do it: engines say so in JSON, what stands before them in other ways.
fn said(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    match serde_json::from_slice::<Said>(body) {
        Ok(said) => said.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Answers each question with its path, so many on a connection, and then closes it without a word.
    fn server(each: usize) -> (Kept, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().expect("a copy")).lines();
                    for _ in 0..each {
                        let Some(Ok(first)) = lines.next() else { return };
                        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                        while lines
                            .next()
                            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
                        {
                        }
                        let length = path.len();
                        let _ = write!(
                            stream,
                            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}"
                        );
                    }
                });
            }
        });
        let endpoint = format!("tcp://{address}").parse().expect("an address");
        (Kept::of(&endpoint).expect("plain"), count)
    }

    #[tokio::test]
    async fn questions_one_after_the_other_are_one_connection() {
        let (kept, count) = server(usize::MAX);
        for number in 0..20 {
            let path = format!("/{number}");
            assert_eq!(kept.get(&path).await.expect("an answer").body, path);
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn questions_at_the_same_time_are_answered_each_with_its_own() {
        let (kept, count) = server(usize::MAX);
        let kept = Arc::new(kept);
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..50 {
            let kept = kept.clone();
            tasks.spawn(async move {
                let path = format!("/{number}");
                assert_eq!(kept.get(&path).await.expect("an answer").body, path);
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("it is its own answer");
        }
        assert!(count.load(Ordering::SeqCst) <= 50);
        let free = kept.free.lock().expect("nobody panicked").len();
        assert!(free <= FREE, "{free} wait");
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_meanwhile_is_no_error() {
        let (kept, count) = server(1);
        for number in 0..20 {
            let path = format!("/{number}");
            assert_eq!(kept.get(&path).await.expect("an answer").body, path);
        }
        assert_eq!(count.load(Ordering::SeqCst), 20);
    }

    #[test]
    fn a_connection_is_not_used_where_nobody_moves_its_bytes() {
        let (kept, count) = server(usize::MAX);
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
        };
        // The first stays alive, and does nothing while the second asks.
        let (first, second) = (runtime(), runtime());
        for runtime in [&first, &second, &first] {
            let answer = runtime
                .block_on(async { tokio::time::timeout(Duration::from_secs(10), kept.get("/x")).await });
            answer.expect("in time").expect("an answer");
        }
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn what_only_bollard_understands_is_left_to_it() {
        let kept = |address: &str| Kept::of(&address.parse().expect("an address")).is_some();
        assert!(kept("unix:///var/run/docker.sock") == cfg!(unix));
        assert!(kept("tcp://nas:2375") && kept("tcp://[::1]:2375"));
        for other in [
            "tcp://nas",
            "tcp://nas:2375/engine",
            "https://nas:2376",
            "ssh://nas",
        ] {
            assert!(!kept(other), "{other}");
        }
        let secured = "tcp://nas:2376".parse::<Endpoint>().expect("an address");
        assert!(Kept::of(&secured.with_certificates("/certificates")).is_none());
    }
}
