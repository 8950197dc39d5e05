//! One question over one connection, and its whole answer.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::{Error, ErrorKind, Result};

/// How long an answer may be. The status of a tailnet of ten thousand devices has about 15 MB.
pub(super) const LONGEST: usize = 64 << 20;

/// What the other side answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Returns what the other side said in words, on one line.
    pub(super) fn reason(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line = text.lines().next().unwrap_or_default().trim();
        line.chars().filter(|c| !c.is_control()).take(200).collect()
    }
}

/// Asks, and returns the whole answer; `peer` names the other side in errors.
pub(super) async fn exchange<S>(stream: S, request: Request<Empty<Bytes>>, peer: &str) -> Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(peer, error))?;
    let exchange = async move {
        let response = sender.send_request(request).await;
        read(response.map_err(|error| broken(peer, error))?, peer).await
    };
    // Both here, not one as a task: dropping this future then ends the connection.
    let (answer, _) = tokio::join!(exchange, connection);
    answer
}

pub(super) async fn read(response: Response<Incoming>, peer: &str) -> Result<Answer> {
    let status = response.status().as_u16();
    let (mut body, mut all) = (response.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| cut(peer, error))?.into_data() {
            all.extend_from_slice(&data);
        }
        if all.len() > LONGEST {
            return Err(too_long(peer));
        }
    }
    Ok(Answer { status, body: all })
}

pub(super) fn too_long(peer: &str) -> Error {
    let message = format!(
        "read the answer of {peer}: it is longer than {} MiB",
        LONGEST >> 20
    );
    Error::new(ErrorKind::Damaged, message)
}

/// What was answered is no HTTP, or is cut off; or nothing was.
pub(super) fn broken(peer: &str, error: hyper::Error) -> Error {
    let damaged = error.is_parse() || error.is_incomplete_message();
    let kind = if damaged {
        ErrorKind::Damaged
    } else {
        ErrorKind::Unreachable
    };
    broke(kind, peer, error)
}

/// A part of the answer is missing.
pub(super) fn cut(peer: &str, error: hyper::Error) -> Error {
    broke(ErrorKind::Damaged, peer, error)
}

fn broke(kind: ErrorKind, peer: &str, error: hyper::Error) -> Error {
    Error::new(kind, format!("read the answer of {peer}: the connection broke"))
        .with_hint("it may have been restarted: ask again")
        .with_source(error)
}
