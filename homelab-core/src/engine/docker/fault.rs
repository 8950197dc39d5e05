//! What failed, in this crate's words: each of bollard's errors becomes one of ours.

use std::fmt;
use std::io;

use bollard::errors::Error as Bollard;

use super::Endpoint;
use crate::engine::fault;
use crate::error::{Error, ErrorKind};
use crate::name::HostName;

/// What the engine said, as the source of an error.
#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}

/// Returns the error of something that was tried. `section` is what docker-socket-proxy calls the part of the interface.
pub(super) fn of(what: &str, section: &str, host: &HostName, endpoint: &Endpoint, error: &Bollard) -> Error {
    let (kind, hint) = match error {
        Bollard::DockerResponseServerError { status_code, message } => {
            let (kind, hint) = of_status(*status_code, message);
            match kind {
                ErrorKind::Unauthorised if *status_code == 403 => (
                    kind,
                    format!(
                        "a proxy before the engine does not allow it; with docker-socket-proxy, `{section}=1` does"
                    ),
                ),
                _ => (kind, hint.to_owned()),
            }
        }
        Bollard::DockerStreamError { error } => {
            let (kind, hint) = of_text(error).unwrap_or((ErrorKind::ToolFailed, "the engine says why"));
            (kind, hint.to_owned())
        }
        Bollard::RequestTimeoutError => (ErrorKind::TimedOut, "is the host up?".to_owned()),
        #[cfg(feature = "tls")]
        Bollard::CertPathError { .. } | Bollard::CertParseError { .. } | Bollard::CertMultipleKeys { .. } => {
            (
                ErrorKind::Invalid,
                "`ca.pem`, `cert.pem` and `key.pem` have to be in the folder of certificates".to_owned(),
            )
        }
        Bollard::SocketNotFoundError(_) => (ErrorKind::Unreachable, missing(endpoint)),
        Bollard::JsonDataError { .. } | Bollard::JsonSerdeError { .. } => (
            ErrorKind::Unsupported,
            "the engine answers what we do not understand: which version is it?".to_owned(),
        ),
        other => of_connection(other, endpoint),
    };
    let said = match error {
        Bollard::DockerResponseServerError { message, .. } => short(message),
        Bollard::DockerStreamError { error } => short(error),
        // The chain says in its last link what the matter is, and before that how libraries call each other.
        other => {
            let mut last: &dyn std::error::Error = other;
            while let Some(below) = last.source() {
                last = below;
            }
            last.to_string()
        }
    };
    let error = fault(kind, what, host).with_hint(hint);
    match said.is_empty() {
        true => error,
        false => error.with_source(Said(said)),
    }
}

fn of_status(status: u16, message: &str) -> (ErrorKind, &'static str) {
    match status {
        401 => (ErrorKind::Unauthorised, "it asks who you are"),
        403 => (ErrorKind::Unauthorised, "it does not allow it"),
        404 => (ErrorKind::NotFound, "it is not there, or not any more"),
        405 | 501 => (ErrorKind::Unsupported, "this engine cannot do that"),
        // Of the others engines do not agree which they give, so their words come first.
        _ => match of_text(message) {
            Some(found) => found,
            None if status == 400 => (ErrorKind::Invalid, "the engine says what is wrong"),
            None if status == 409 => (ErrorKind::Conflict, "it is not in a state for that"),
            None if matches!(status, 502..=504) => (
                ErrorKind::Unreachable,
                "a proxy answers, the engine behind it does not",
            ),
            None => (ErrorKind::ToolFailed, "the engine says why"),
        },
    }
}

/// Returns the kind of failure that an engine's words tell. Status 500 is what it gives for everything.
fn of_text(message: &str) -> Option<(ErrorKind, &'static str)> {
    let text = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["no space left", "disk quota exceeded"]) {
        Some((ErrorKind::NoSpace, "make room on the engine's disk"))
    } else if has(&[
        "connection refused",
        "no such host",
        "i/o timeout",
        "no route to host",
        "network is unreachable",
        "deadline exceeded",
        "connection reset",
    ]) {
        Some((ErrorKind::Unreachable, "the engine does not reach the registry"))
    } else if has(&[
        "unauthorized",
        "authentication required",
        "no basic auth",
        "denied",
    ]) {
        Some((
            ErrorKind::Unauthorised,
            "the registry does not know you, or has no such image",
        ))
    } else if has(&[
        "is not running",
        "not running",
        "is not paused",
        "already paused",
        "is paused",
        "state improper",
        "cannot remove a running container",
        "cannot remove container",
        "marked for removal",
        "removal of container",
    ]) {
        Some((ErrorKind::Conflict, "it is not in a state for that"))
    } else if has(&[
        "no such container",
        "no such image",
        "no such exec",
        "manifest unknown",
        "name unknown",
        "not found",
        "no such file or directory",
        "could not find",
    ]) {
        Some((ErrorKind::NotFound, "it is not there, or not any more"))
    } else {
        None
    }
}

fn of_connection(error: &Bollard, endpoint: &Endpoint) -> (ErrorKind, String) {
    let mut link: Option<&(dyn std::error::Error + 'static)> = match error {
        // It gives its own source as if it were itself.
        Bollard::IOError { err } => Some(err),
        _ => Some(error),
    };
    while let Some(current) = link {
        #[cfg(feature = "tls")]
        if let Some(tls) = current.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
        if let Some(outer) = current.downcast_ref::<io::Error>() {
            let inner = innermost(outer);
            #[cfg(feature = "tls")]
            if let Some(tls) = inner
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            {
                return of_tls(tls);
            }
            if let ("ssh", _) = endpoint.parts()
                && let Some(found) = of_ssh(inner, endpoint)
            {
                return found;
            }
            return match inner.kind() {
                io::ErrorKind::NotFound => (ErrorKind::Unreachable, missing(endpoint)),
                io::ErrorKind::PermissionDenied => (
                    ErrorKind::Unauthorised,
                    format!(
                        "who runs this may not use `{endpoint}`: belong to the group `docker`, or run it as root"
                    ),
                ),
                io::ErrorKind::ConnectionRefused => (
                    ErrorKind::Unreachable,
                    format!("nobody listens at `{endpoint}`: is the engine running?"),
                ),
                _ => (
                    ErrorKind::Unreachable,
                    format!("the connection to `{endpoint}` broke"),
                ),
            };
        }
        link = current.source();
    }
    match error {
        Bollard::UnsupportedURISchemeError { .. } | Bollard::InvalidURIError { .. } => (
            ErrorKind::Invalid,
            format!("`{endpoint}` is no address of an engine"),
        ),
        _ => (
            ErrorKind::Unreachable,
            format!("the connection to `{endpoint}` broke"),
        ),
    }
}

/// Returns what ssh's own words tell: it says all in one way.
fn of_ssh(error: &io::Error, endpoint: &Endpoint) -> Option<(ErrorKind, String)> {
    let said = error.to_string().to_lowercase();
    if said.contains("host key verification failed") || said.contains("identification has changed") {
        Some((
            ErrorKind::Unauthorised,
            format!(
                "the host key of `{endpoint}` is not the one in known_hosts: find out why before you take the new one, \
                 and ask again"
            ),
        ))
    } else if said.contains("permission denied (") || error.kind() == io::ErrorKind::PermissionDenied {
        Some((
            ErrorKind::Unauthorised,
            format!(
                "ssh is not let in at `{endpoint}`: `ssh` itself has to do it without a question, by a key that the \
                 host knows"
            ),
        ))
    } else if said.contains("could not resolve") {
        Some((ErrorKind::Unreachable, format!("nobody is found at `{endpoint}`")))
    } else {
        None
    }
}

/// Returns what an error of the system was made of: libraries put one into another, and the outer one names no kind.
fn innermost(mut error: &io::Error) -> &io::Error {
    while let Some(inner) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<io::Error>())
    {
        error = inner;
    }
    error
}

#[cfg(feature = "tls")]
fn of_tls(error: &rustls::Error) -> (ErrorKind, String) {
    let hint = match error {
        rustls::Error::InvalidCertificate(_) => {
            "the engine's certificate is not of the authority in `ca.pem`, or not for this name"
        }
        rustls::Error::AlertReceived(_) => "the engine does not accept the certificate in `cert.pem`",
        _ => "the other side does not speak TLS as it should: is it the right port?",
    };
    (ErrorKind::Unauthorised, hint.to_owned())
}

fn missing(endpoint: &Endpoint) -> String {
    match endpoint.parts() {
        ("unix", path) => {
            format!("there is no socket `{path}`: is the engine running, and does it listen there?")
        }
        _ => format!("nobody is found at `{endpoint}`"),
    }
}

/// Returns what the engine says in one line: a proxy's page of HTML is nothing to read.
fn short(message: &str) -> String {
    let text = message.trim();
    if text.starts_with('<') {
        return "it answers with a page for browsers".to_owned();
    }
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(400) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, message: &str) -> ErrorKind {
        of_status(status, message).0
    }

    #[test]
    fn the_engines_words_decide_where_the_status_says_nothing() {
        assert_eq!(kind(500, "container abc is not running"), ErrorKind::Conflict);
        assert_eq!(
            kind(
                500,
                "can only kill running containers. x is in state exited: container state improper"
            ),
            ErrorKind::Conflict
        );
        assert_eq!(kind(500, "write /x: no space left on device"), ErrorKind::NoSpace);
        assert_eq!(
            kind(500, "dial tcp 127.0.0.1:1: connect: connection refused"),
            ErrorKind::Unreachable
        );
        assert_eq!(kind(500, "something else"), ErrorKind::ToolFailed);
        assert_eq!(kind(400, "something else"), ErrorKind::Invalid);
        assert_eq!(kind(404, "No such container: x"), ErrorKind::NotFound);
        assert_eq!(kind(503, ""), ErrorKind::Unreachable);
    }

    #[test]
    fn an_error_says_host_hint_and_what_the_engine_said() {
        let host: HostName = "nas".parse().expect("a name");
        let endpoint: Endpoint = "unix:///x.sock".parse().expect("an address");
        let denied = Bollard::DockerResponseServerError {
            status_code: 403,
            message: "<html><body><h1>403 Forbidden</h1></body></html>".into(),
        };
        let error = of("list images", "IMAGES", &host, &endpoint, &denied);
        assert_eq!(error.kind(), ErrorKind::Unauthorised);
        assert_eq!(error.to_string(), "list images on host `nas`");
        assert!(error.hint().is_some_and(|hint| hint.contains("`IMAGES=1`")));
        let source = std::error::Error::source(&error)
            .expect("what it said")
            .to_string();
        assert!(!source.contains('<'), "{source}");

        let gone = Bollard::from(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!(
            of("x", "X", &host, &endpoint, &gone).kind(),
            ErrorKind::Unreachable
        );
        let mine = Bollard::from(io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(
            of("x", "X", &host, &endpoint, &mine).kind(),
            ErrorKind::Unauthorised
        );
        let there = Bollard::SocketNotFoundError("/x.sock".into());
        let error = of("x", "X", &host, &endpoint, &there);
        assert!(
            error.hint().is_some_and(|hint| hint.contains("`/x.sock`")),
            "{error:?}"
        );
    }
}
