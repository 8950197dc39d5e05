//! The connection to an engine, and questions that are answered with JSON.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::{ClientVersion, Docker};
use bytes::Bytes;
use futures_core::Stream;
use serde::de::DeserializeOwned;

use super::answer::Greeting;
use super::endpoint::Endpoint;
use super::fault;
use super::kept::Kept;
use crate::engine::{fault as fault_on, within};
use crate::error::{Error, ErrorKind, Result};
use crate::name::HostName;

/// The newest version of the interface that is spoken: bollard's own.
const NEWEST: (usize, usize) = (1, 53);

/// The last version in which what volumes hold is told in the way that all engines have had from the beginning.
const DISK_USAGE: (usize, usize) = (1, 43);

/// Versions to be tried where the engine's is not told: Docker 29 takes 1.44 and later, Docker 20.10 1.41 and earlier.
const TRIED: [(usize, usize); 2] = [(1, 44), (1, 41)];

/// How long a feed may be silent before the engine is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(15);

/// bollard's own limits, in seconds: ours are shorter, or there is none.
const NO_LIMIT: u64 = 10 * 365 * 24 * 3600;

/// What is asked, for errors, and how long its answer may take.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) what: String,
    /// What docker-socket-proxy calls the part of the interface that it needs.
    pub(super) section: &'static str,
    limit: Option<Duration>,
}

impl Ask {
    pub(super) fn new(what: impl Into<String>, section: &'static str) -> Ask {
        Ask {
            what: what.into(),
            section,
            limit: None,
        }
    }

    pub(super) fn within(mut self, limit: Duration) -> Ask {
        self.limit = Some(limit);
        self
    }
}

/// The connection to an engine.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) docker: Docker,
    shared: Arc<Shared>,
    api: Arc<str>,
}

struct Shared {
    host: HostName,
    endpoint: Endpoint,
    limit: Duration,
    /// None where only bollard can connect.
    kept: Option<Kept>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("host", &self.shared.host)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Connects nowhere yet.
    pub(super) fn new(host: HostName, endpoint: Endpoint, limit: Duration) -> Result<Client> {
        let docker = docker(&host, &endpoint)?;
        Ok(Client {
            docker,
            shared: Arc::new(Shared {
                host,
                limit,
                kept: Kept::of(&endpoint),
                endpoint,
            }),
            api: text(NEWEST).into(),
        })
    }

    pub(super) fn host(&self) -> &HostName {
        &self.shared.host
    }

    pub(super) fn limit(&self) -> Duration {
        self.shared.limit
    }

    /// Returns the version of the interface that is spoken.
    pub(super) fn api(&self) -> &str {
        &self.api
    }

    /// Speaks the engine's version, or the newest that we know, whichever is older.
    pub(super) fn speak(&mut self, engine: &str) {
        let number = version(engine).unwrap_or(TRIED[1]).min(NEWEST);
        self.set(number);
    }

    fn set(&mut self, (major_version, minor_version): (usize, usize)) {
        self.api = text((major_version, minor_version)).into();
        let version = ClientVersion {
            major_version,
            minor_version,
        };
        // bollard takes a version only when it is made.
        if let Ok(docker) = docker_of(&self.shared.endpoint, &version) {
            self.docker = docker;
        }
    }

    /// Finds a version that the engine takes where it does not tell its own.
    pub(super) async fn try_versions(&mut self) -> Result<()> {
        let ask = Ask::new("ask the engine whether it is there", "PING");
        let mut last = None;
        for number in TRIED {
            self.set(number);
            match self.read(&self.versioned("/_ping"), &ask).await {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
        last.map_or(Ok(()), Err)
    }

    /// Returns a path in the version of the interface that is spoken.
    pub(super) fn versioned(&self, path: &str) -> String {
        format!("/v{}{path}", self.api)
    }

    /// Returns the path of what volumes hold.
    pub(super) fn disk_usage(&self) -> String {
        let spoken = version(&self.api).unwrap_or(DISK_USAGE).min(DISK_USAGE);
        format!("/v{}/system/df?type=volume", text(spoken))
    }

    /// Returns the error of what bollard could not do.
    pub(super) fn fault(&self, ask: &Ask, error: &bollard::errors::Error) -> Error {
        fault::of(&ask.what, ask.section, self.host(), &self.shared.endpoint, error)
    }

    /// Asks whether the engine is there.
    pub(super) async fn ping(&self, ask: &Ask) -> Result<()> {
        let path = self.versioned("/_ping");
        match self.read(&path, ask).await {
            // Who does not let it through has answered.
            Err(error) if error.kind() == ErrorKind::Unauthorised => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    /// Returns what the engine says of itself to whom only asks whether it is there: that costs it next to nothing, while
    /// for its version Docker runs three programs. None where that is not said, or not heard.
    pub(super) async fn greet(&self, ask: &Ask) -> Result<Option<Greeting>> {
        let Some(kept) = &self.shared.kept else {
            return Ok(None);
        };
        let answer = within(self.limit(), &ask.what, self.host(), async {
            let answer = kept.get("/_ping").await;
            answer.map_err(|error| self.fault(ask, &error))
        });
        match answer.await {
            Ok(answer) => Ok(Greeting::read(&answer.headers)),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Unreachable) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Asks, and reads the answer.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, ask: &Ask) -> Result<T> {
        let answer = self.read(path, ask).await?;
        serde_json::from_slice(&answer).map_err(|error| self.not_understood(ask, &error))
    }

    fn not_understood(&self, ask: &Ask, error: &serde_json::Error) -> Error {
        // Where it is, and not the error itself: that may repeat a value.
        let hint = format!(
            "the engine answers what we do not understand, at line {} column {}: is it an engine?",
            error.line(),
            error.column()
        );
        fault_on(ErrorKind::Unsupported, &ask.what, self.host()).with_hint(hint)
    }

    async fn read(&self, path: &str, ask: &Ask) -> Result<Bytes> {
        let limit = ask.limit.unwrap_or(self.limit());
        within(limit, &ask.what, self.host(), async {
            if let Some(kept) = &self.shared.kept {
                let answer = kept.get(path).await;
                return Ok(answer.map_err(|error| self.fault(ask, &error))?.body);
            }
            let mut body = self.body(path);
            let mut answer = Vec::new();
            while let Some(piece) = next(&mut body).await {
                answer.extend_from_slice(&piece.map_err(|error| self.fault(ask, &error))?);
            }
            Ok(answer.into())
        })
        .await
    }

    /// Returns the pieces of an answer as they come.
    ///
    /// bollard reads each answer into types of its own, but for exported images, whose bytes it hands out. So that is what
    /// we ask for, with another path.
    fn body(&self, path: &str) -> Body {
        let path = path.to_owned();
        let docker = self.docker.clone().with_request_modifier(move |mut request| {
            let mut parts = request.uri().clone().into_parts();
            // Paths are made of checked names and numbers: were one not to parse, the engine would say that it has no
            // image of the name below.
            if let Ok(path) = path.parse() {
                parts.path_and_query = Some(path);
                if let Ok(uri) = parts.try_into() {
                    *request.uri_mut() = uri;
                }
            }
            request
        });
        Box::pin(docker.export_image("homelab-no-such-image"))
    }

    /// Returns an answer that comes line by line, each a value in JSON.
    pub(super) fn lines<'a>(&'a self, path: &str, ask: &'a Ask) -> JsonLines<'a> {
        JsonLines {
            client: self,
            ask,
            body: self.body(path),
            buffer: Vec::new(),
        }
    }
}

type Body = Pin<Box<dyn Stream<Item = Result<Bytes, bollard::errors::Error>> + Send>>;

/// Returns the next item of a stream.
pub(super) async fn next<S: Stream + ?Sized>(stream: &mut Pin<Box<S>>) -> Option<S::Item> {
    std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
}

/// An answer that comes line by line.
pub(super) struct JsonLines<'a> {
    client: &'a Client,
    ask: &'a Ask,
    body: Body,
    buffer: Vec<u8>,
}

impl JsonLines<'_> {
    /// Returns the next value, which may take so long.
    pub(super) async fn next<T: DeserializeOwned>(&mut self, limit: Duration) -> Result<Option<T>> {
        let client = self.client;
        within(limit, &self.ask.what, client.host(), self.any()).await
    }

    /// Returns the next value, however long it takes, as long as the engine is there.
    pub(super) async fn next_alive<T: DeserializeOwned>(
        &mut self,
        client: &Client,
        ask: &Ask,
    ) -> Result<Option<T>> {
        alive(client, ask, self.any()).await
    }

    /// Nothing is lost when the future is dropped: what has come is in the buffer.
    async fn any<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        loop {
            while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if !line.trim_ascii().is_empty() {
                    let value = serde_json::from_slice(&line);
                    return value
                        .map(Some)
                        .map_err(|error| self.client.not_understood(self.ask, &error));
                }
            }
            match next(&mut self.body).await {
                Some(piece) => {
                    let piece = piece.map_err(|error| self.client.fault(self.ask, &error))?;
                    self.buffer.extend_from_slice(&piece);
                }
                None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                None => {
                    let rest = std::mem::take(&mut self.buffer);
                    let value = serde_json::from_slice(&rest);
                    return value
                        .map(Some)
                        .map_err(|error| self.client.not_understood(self.ask, &error));
                }
            }
        }
    }
}

/// Waits for an answer however long it takes, as long as the engine is there.
pub(super) async fn alive<T>(
    client: &Client,
    ask: &Ask,
    answer: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut answer = std::pin::pin!(answer);
    loop {
        if let Ok(answer) = tokio::time::timeout(SILENCE, answer.as_mut()).await {
            return answer;
        }
        client.ping(ask).await?;
    }
}

fn text((major, minor): (usize, usize)) -> String {
    format!("{major}.{minor}")
}

fn version(text: &str) -> Option<(usize, usize)> {
    let (major, minor) = text.split_once('.')?;
    // Podman's own version has three parts.
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn docker(host: &HostName, endpoint: &Endpoint) -> Result<Docker> {
    let (major_version, minor_version) = NEWEST;
    let version = ClientVersion {
        major_version,
        minor_version,
    };
    let what = format!("connect to `{endpoint}`");
    docker_of(endpoint, &version).map_err(|why| match why {
        Why::Feature(feature) => fault_on(ErrorKind::Unsupported, &what, host)
            .with_hint(format!("this build has no feature `{feature}`")),
        #[cfg(feature = "ssh")]
        Why::NotByName => fault_on(ErrorKind::Unsupported, &what, host).with_hint(
            "ports and paths of ssh are for ~/.ssh/config: write `Host NAME` with `HostName`, `Port` and `User` there, and \
             `ssh://NAME` here",
        ),
        Why::Platform => {
            fault_on(ErrorKind::Unsupported, &what, host).with_hint("there is no such address on this system")
        }
        Why::Bollard(error) => fault::of(&what, "PING", host, endpoint, &error),
    })
}

enum Why {
    #[cfg_attr(
        all(feature = "tls", feature = "ssh"),
        expect(dead_code, reason = "this build has every feature")
    )]
    Feature(&'static str),
    /// Of ssh's addresses bollard takes a host and a user: it gives a port to ssh as part of the host, which nobody has, and
    /// forgets a path, so that another engine would be asked.
    #[cfg(feature = "ssh")]
    NotByName,
    Platform,
    Bollard(bollard::errors::Error),
}

fn docker_of(endpoint: &Endpoint, version: &ClientVersion) -> Result<Docker, Why> {
    let address = endpoint.to_string();
    let docker = match (endpoint.parts().0, endpoint.certificates()) {
        #[cfg(unix)]
        ("unix", _) => Docker::connect_with_unix(&address, NO_LIMIT, version),
        #[cfg(windows)]
        ("npipe", _) => Docker::connect_with_named_pipe(&address, NO_LIMIT, version),
        ("tcp" | "http", None) => Docker::connect_with_http(&address, NO_LIMIT, version),
        #[cfg(feature = "tls")]
        ("tcp" | "https", folder) => {
            let folder = folder.unwrap_or(std::path::Path::new(""));
            provide();
            let file = |name| folder.join(name);
            Docker::connect_with_ssl(
                &address,
                &file("key.pem"),
                &file("cert.pem"),
                &file("ca.pem"),
                NO_LIMIT,
                version,
            )
        }
        #[cfg(not(feature = "tls"))]
        ("tcp" | "https", _) => return Err(Why::Feature("tls")),
        #[cfg(feature = "ssh")]
        ("ssh", _) => {
            let address = by_ssh(endpoint).ok_or(Why::NotByName)?;
            Docker::connect_with_ssh(&address, NO_LIMIT, version, None)
        }
        #[cfg(not(feature = "ssh"))]
        ("ssh", _) => return Err(Why::Feature("ssh")),
        _ => return Err(Why::Platform),
    };
    docker.map_err(Why::Bollard)
}

/// Returns the address of ssh as bollard takes it; none where it has a port of its own, or a path.
#[cfg(feature = "ssh")]
fn by_ssh(endpoint: &Endpoint) -> Option<String> {
    let (scheme, place) = endpoint.parts();
    let place = place.strip_suffix(":22").unwrap_or(place);
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    let plain = !host.is_empty() && !host.contains([':', '/']);
    plain.then(|| format!("{scheme}://{place}"))
}

/// Gives the process its cryptography, unless the program has chosen some: bollard takes what the process has, and
/// panics where that is nothing. It is the one thing of the process that this sets.
#[cfg(feature = "tls")]
fn provide() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been first: then it is there as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(all(test, feature = "ssh"))]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ssh_is_a_host_and_a_user() {
        let taken = |address: &str| by_ssh(&address.parse().expect("an address"));
        assert_eq!(taken("ssh://me@nas").as_deref(), Some("ssh://me@nas"));
        assert_eq!(taken("ssh://nas:22").as_deref(), Some("ssh://nas"));
        for refused in [
            "ssh://nas:2222",
            "ssh://me@nas:2222",
            "ssh://nas/run/docker.sock",
            "ssh://[fe80::1]",
        ] {
            assert_eq!(taken(refused), None, "{refused}");
        }
        let endpoint = "ssh://me@nas:2222".parse().expect("an address");
        let error = docker(&"nas".parse().expect("a name"), &endpoint).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.hint().is_some_and(|hint| hint.contains("~/.ssh/config")));
    }
}
