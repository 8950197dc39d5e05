//! One question over a unix socket, as the LocalAPI wants it asked.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::error::{Error, ErrorKind, Result};

/// How long an answer may be. The status of a tailnet of ten thousand devices has about 15 MB.
pub(super) const LONGEST: usize = 64 << 20;

/// The capability version that we say to have: one whose answers have all that we read. Daemons do not refuse others.
const CAPABILITY: &str = "100";

/// A connection to the daemon, for one question.
pub(super) struct Connection(UnixStream);

/// What the daemon answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Returns what the daemon said in words, on one line.
    pub(super) fn reason(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line = text.lines().next().unwrap_or_default().trim();
        line.chars().filter(|c| !c.is_control()).take(200).collect()
    }
}

impl Connection {
    pub(super) async fn open(socket: &Path) -> Result<Self> {
        UnixStream::connect(socket)
            .await
            .map(Connection)
            .map_err(|error| {
                let (kind, hint) = match error.kind() {
                    io::ErrorKind::PermissionDenied => (
                        ErrorKind::Unauthorised,
                        "its socket is not for this user: ask as root, or as a member of the socket's group",
                    ),
                    _ => (
                        ErrorKind::Unreachable,
                        "is `tailscaled` running? In a container, mount the folder of its socket",
                    ),
                };
                let message = format!("reach the tailnet's daemon at `{}`", socket.display());
                Error::new(kind, message).with_hint(hint).with_source(error)
            })
    }

    /// Asks, and returns the whole answer.
    pub(super) async fn get(self, path: &str) -> Result<Answer> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.0)).await.map_err(broken)?;
        let exchange = async move {
            let response = sender.send_request(request(path)).await.map_err(broken)?;
            read(response).await
        };
        // Both here, not one as a task: dropping this future then ends the connection.
        let (answer, _) = tokio::join!(exchange, connection);
        answer
    }

    /// Asks, and hands each line of the answer over as it comes, until it ends. `begun` gets the answer instead, where it
    /// is none that streams.
    pub(super) async fn lines(
        self,
        path: &str,
        begun: impl FnOnce(Result<Option<Answer>>),
        mut line: impl FnMut(&[u8]),
    ) -> Result<()> {
        let (mut sender, connection) = match http1::handshake(TokioIo::new(self.0)).await {
            Ok(both) => both,
            Err(error) => {
                begun(Err(broken(error)));
                return Ok(());
            }
        };
        let exchange = async move {
            let response = match sender.send_request(request(path)).await {
                Ok(response) if response.status() == 200 => response,
                Ok(response) => {
                    begun(read(response).await.map(Some));
                    return Ok(());
                }
                Err(error) => {
                    begun(Err(broken(error)));
                    return Ok(());
                }
            };
            begun(Ok(None));
            let (mut body, mut rest) = (response.into_body(), BytesMut::new());
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(cut)?.into_data() else {
                    continue;
                };
                rest.extend_from_slice(&data);
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let whole = rest.split_to(end + 1);
                    if !whole.trim_ascii().is_empty() {
                        line(&whole);
                    }
                }
                if rest.len() > LONGEST {
                    return Err(too_long());
                }
            }
            Ok(())
        };
        let mut connection = std::pin::pin!(connection);
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            result = &mut exchange => result,
            _ = &mut connection => exchange.await,
        }
    }
}

/// Returns the question with what the daemon insists on: its own name as the host, and neither Origin nor Referer,
/// which browsers would send.
fn request(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("/localapi/v0/{path}"))
        .header("Host", "local-tailscaled.sock")
        .header("Tailscale-Cap", CAPABILITY)
        .header("Accept", "application/json")
        .body(Empty::new())
        .expect("the names are ours, and addresses hold only digits, letters and `.:%`")
}

async fn read(response: Response<Incoming>) -> Result<Answer> {
    let status = response.status().as_u16();
    let (mut body, mut all) = (response.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(cut)?.into_data() {
            all.extend_from_slice(&data);
        }
        if all.len() > LONGEST {
            return Err(too_long());
        }
    }
    Ok(Answer { status, body: all })
}

fn too_long() -> Error {
    let message = format!(
        "read the answer of the tailnet's daemon: it is longer than {} MiB",
        LONGEST >> 20
    );
    Error::new(ErrorKind::Damaged, message)
}

/// What was answered is no HTTP, or is cut off; or nothing was.
fn broken(error: hyper::Error) -> Error {
    let damaged = error.is_parse() || error.is_incomplete_message();
    let kind = if damaged {
        ErrorKind::Damaged
    } else {
        ErrorKind::Unreachable
    };
    broke(kind, error)
}

/// A part of the answer is missing.
fn cut(error: hyper::Error) -> Error {
    broke(ErrorKind::Damaged, error)
}

fn broke(kind: ErrorKind, error: hyper::Error) -> Error {
    Error::new(
        kind,
        "read the answer of the tailnet's daemon: the connection broke",
    )
    .with_hint("the daemon may have been restarted: ask again")
    .with_source(error)
}
