use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Instant;

use super::*;
use crate::engine::EngineExt;
use crate::error::ErrorKind;

/// An engine that answers what it is told to, on a port of this machine, one connection after the other.
struct Canned {
    endpoint: Endpoint,
}

impl Canned {
    /// `answers` has status and body by the path without version and question; what it has not is forbidden.
    fn start(answers: &[(&str, u16, &str)]) -> Canned {
        let answers: BTreeMap<String, (u16, String)> = answers
            .iter()
            .map(|(path, status, body)| ((*path).to_owned(), (*status, (*body).to_owned())))
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answers = answers.clone();
                std::thread::spawn(move || answer(stream, &answers));
            }
        });
        Canned {
            endpoint: format!("tcp://{address}").parse().expect("an address"),
        }
    }

    async fn connect(&self) -> Result<DockerEngine> {
        // It answers at once, but for how busy the machine is.
        let host = "nas".parse().expect("a name");
        DockerEngine::connect(host, &self.endpoint, Duration::from_secs(30)).await
    }
}

async fn connect(endpoint: &Endpoint) -> Result<DockerEngine> {
    let host = "nas".parse().expect("a name");
    DockerEngine::connect(host, endpoint, Duration::from_millis(500)).await
}

fn answer(mut stream: impl Read + Write, answers: &BTreeMap<String, (u16, String)>) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let plain = match path.strip_prefix("/v1.") {
        Some(rest) => rest.find('/').map_or("", |at| &rest[at..]),
        None => path,
    };
    let forbidden = (403, "<html><body><h1>403 Forbidden</h1></body></html>".to_owned());
    let (status, body) = answers.get(plain).unwrap_or(&forbidden);
    let length = match *status {
        // A promise that is not kept.
        299 => body.len() + 100,
        _ => body.len(),
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

const VERSION: &str = r#"{"Version": "28.0.0", "ApiVersion": "1.48", "Components": [{"Name": "Engine"}]}"#;

#[tokio::test]
async fn a_proxy_is_used_for_what_it_allows_and_says_what_it_does_not() {
    let inspected = r#"{"Id": "ab", "Name": "/db", "State": {"Status": "running"}}"#;
    let canned = Canned::start(&[
        ("/version", 200, VERSION),
        ("/containers/json", 200, r#"[{"Id": "ab"}, {"Id": "gone"}]"#),
        ("/containers/ab/json", 200, inspected),
        (
            "/containers/gone/json",
            404,
            r#"{"message": "No such container: gone"}"#,
        ),
    ]);
    let engine = canned.connect().await.expect("an engine");
    let names: Vec<_> = engine.containers().await.expect("allowed").into_iter().collect();
    assert_eq!(names.len(), 1, "one went away meanwhile");
    assert_eq!(names[0].name, "db");
    let info = engine.info().await.expect("what is known");
    assert_eq!(
        (info.version.as_str(), info.api.as_str(), info.hostname),
        ("28.0.0", "1.48", None)
    );
    for (error, section) in [
        (engine.images().await.expect_err("forbidden"), "IMAGES"),
        (engine.volumes(false).await.expect_err("forbidden"), "VOLUMES"),
        (engine.volumes(true).await.expect_err("forbidden"), "SYSTEM"),
        (engine.networks().await.expect_err("forbidden"), "NETWORKS"),
        (engine.stop("ab", None).await.expect_err("forbidden"), "POST"),
        (
            engine
                .run("ab", ExecOptions::new(["true"]))
                .await
                .expect_err("forbidden"),
            "EXEC",
        ),
        (engine.events(None).next().await.expect_err("forbidden"), "EVENTS"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unauthorised, "{error}");
        let hint = error.hint().unwrap_or_default();
        assert!(hint.contains(&format!("`{section}=1`")), "{section}: {hint}");
        assert!(error.to_string().contains("`nas`"), "{error}");
    }
}

#[tokio::test]
async fn an_engine_that_does_not_tell_its_version_is_spoken_to_in_one_that_it_takes() {
    let canned = Canned::start(&[("/_ping", 200, "OK"), ("/containers/json", 200, "[]")]);
    let engine = canned.connect().await.expect("an engine");
    assert_eq!(engine.info().await.expect("little").api, "1.44");
    assert!(engine.containers().await.expect("allowed").is_empty());
    let nothing = Canned::start(&[]);
    let error = nothing.connect().await.expect_err("it allows nothing");
    assert_eq!(error.kind(), ErrorKind::Unauthorised);
}

#[tokio::test]
async fn a_host_that_accepts_and_never_answers_costs_its_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let endpoint = format!("tcp://{address}").parse().expect("an address");
    let began = Instant::now();
    let error = connect(&endpoint).await.expect_err("nobody answers");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_says_where() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    for (endpoint, hint) in [
        (format!("tcp://{address}"), "nobody listens"),
        ("unix:///homelab/no-such.sock".to_owned(), "there is no socket"),
    ] {
        let endpoint = endpoint.parse().expect("an address");
        let error = connect(&endpoint).await.expect_err("nobody is there");
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
        assert!(error.hint().is_some_and(|text| text.contains(hint)), "{error:?}");
        assert!(error.retryable());
    }
}

#[tokio::test]
async fn what_is_no_engine_or_breaks_off_is_an_error() {
    let website = Canned::start(&[("/version", 200, "<html>hello</html>")]);
    let error = website.connect().await.expect_err("no engine");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let broken = Canned::start(&[("/version", 200, VERSION), ("/containers/json", 299, "[")]);
    let engine = broken.connect().await.expect("an engine");
    let error = engine.containers().await.expect_err("it breaks off");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
}

#[cfg(not(all(feature = "tls", feature = "ssh")))]
#[tokio::test]
async fn what_this_build_cannot_speak_says_which_feature_can() {
    let tls: Endpoint = "tcp://nas:2376".parse().expect("an address");
    let ssh: Endpoint = "ssh://nas".parse().expect("an address");
    for (endpoint, feature) in [(tls.with_certificates("/x"), "tls"), (ssh, "ssh")] {
        if crate::capabilities().contains(&feature) {
            continue;
        }
        let error = connect(&endpoint).await.expect_err("left out");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.hint().is_some_and(|hint| hint.contains(feature)));
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn certificates_that_are_not_there_are_an_error_and_no_panic() {
    let endpoint: Endpoint = "tcp://127.0.0.1:2376".parse().expect("an address");
    let error = connect(&endpoint.with_certificates("/homelab/none"))
        .await
        .expect_err("no files");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
}

/// An engine behind TLS, whose certificate this authority has signed.
#[cfg(feature = "tls")]
fn secured(authority: &rcgen::CertifiedIssuer<'_, rcgen::KeyPair>, knows: Option<&str>) -> u16 {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::WebPkiClientVerifier;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let settings = match knows {
        None => settings.with_no_client_auth(),
        Some(pem) => {
            let mut roots = rustls::RootCertStore::empty();
            let known = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
            roots.add(known).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            settings.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let (certificate, key) = signed(authority);
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let settings = settings.with_single_cert(vec![certificate], key);
    let settings = Arc::new(settings.expect("a certificate and its key"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let settings = settings.clone();
            std::thread::spawn(move || {
                let connection = rustls::ServerConnection::new(settings).expect("settings");
                let answers = [("/version", VERSION), ("/containers/json", "[]")];
                let answers = answers.map(|(path, body)| (path.to_owned(), (200, body.to_owned())));
                answer(rustls::StreamOwned::new(connection, stream), &answers.into());
            });
        }
    });
    port
}

#[cfg(feature = "tls")]
fn authority() -> rcgen::CertifiedIssuer<'static, rcgen::KeyPair> {
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("no names");
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().expect("a key");
    rcgen::CertifiedIssuer::self_signed(parameters, key).expect("an authority")
}

/// Returns a certificate for this machine, and its key.
#[cfg(feature = "tls")]
fn signed(authority: &rcgen::CertifiedIssuer<'_, rcgen::KeyPair>) -> (String, String) {
    let parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = parameters.signed_by(&key, authority).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn over_tls_only_those_who_know_each_other_speak() {
    let (own, other) = (authority(), authority());
    let folder = |trusts: &str, (certificate, key): (String, String)| {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("ca.pem", trusts), ("cert.pem", &certificate), ("key.pem", &key)] {
            std::fs::write(folder.path().join(name), text).expect("it is written");
        }
        folder
    };
    let ask = async |port: u16, folder: &tempfile::TempDir| {
        let endpoint: Endpoint = format!("tcp://localhost:{port}").parse().expect("an address");
        let endpoint = endpoint.with_certificates(folder.path());
        let host = "nas".parse().expect("a name");
        let engine = DockerEngine::connect(host, &endpoint, Duration::from_secs(10)).await?;
        engine.containers().await
    };
    let known = folder(&own.pem(), signed(&own));
    let containers = ask(secured(&own, Some(&own.pem())), &known).await;
    assert!(containers.expect("both know each other").is_empty());
    let wrong = ask(secured(&other, None), &known)
        .await
        .expect_err("another authority");
    assert_eq!(wrong.kind(), ErrorKind::Unauthorised, "{wrong:?}");
    assert!(
        wrong.hint().is_some_and(|hint| hint.contains("`ca.pem`")),
        "{wrong:?}"
    );
    let stranger = folder(&own.pem(), signed(&other));
    let refused = ask(secured(&own, Some(&own.pem())), &stranger).await;
    let refused = refused.expect_err("it does not know us");
    // What it says reaches us unless the connection is gone before.
    assert!(
        matches!(refused.kind(), ErrorKind::Unauthorised | ErrorKind::Unreachable),
        "{refused:?}"
    );
}
