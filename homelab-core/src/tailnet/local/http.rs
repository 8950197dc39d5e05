//! One question over a unix socket, as the LocalAPI wants it asked.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::super::http::{Answer, LONGEST, broken, cut, exchange, read, too_long};
use crate::error::{Error, ErrorKind, Result};

/// What errors call the other side.
const PEER: &str = "the tailnet's daemon";

/// The capability version that we say to have: one whose answers have all that we read. Daemons do not refuse others.
const CAPABILITY: &str = "100";

/// A connection to the daemon, for one question.
pub(super) struct Connection(UnixStream);

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
        exchange(self.0, request(path), PEER).await
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
                begun(Err(broken(PEER, error)));
                return Ok(());
            }
        };
        let exchange = async move {
            let response = match sender.send_request(request(path)).await {
                Ok(response) if response.status() == 200 => response,
                Ok(response) => {
                    begun(read(response, PEER).await.map(Some));
                    return Ok(());
                }
                Err(error) => {
                    begun(Err(broken(PEER, error)));
                    return Ok(());
                }
            };
            begun(Ok(None));
            let (mut body, mut rest) = (response.into_body(), BytesMut::new());
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(|error| cut(PEER, error))?.into_data() else {
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
                    return Err(too_long(PEER));
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
