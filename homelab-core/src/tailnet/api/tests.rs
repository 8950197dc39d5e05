//! Against servers of ours, with the answers that the two APIs document.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::tailnet::Role;

type Asked = Arc<Mutex<Vec<String>>>;

/// Answers each path with a status and a text.
async fn answer(
    mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin,
    replies: &[(&str, u16, &str)],
    asked: &Asked,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).expect("text");
    let path = head.split(' ').nth(1).expect("a path").to_owned();
    asked.lock().expect("no panic").push(head);
    let (_, status, body) = replies.iter().find(|(known, ..)| *known == path).unwrap_or(&(
        "",
        404,
        "{\"message\":\"not found\"}",
    ));
    let text = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Starts a server, and returns its address and what it was asked.
async fn server(replies: &'static [(&'static str, u16, &'static str)]) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let asked = Asked::default();
    let seen = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move { answer(stream, replies, &seen).await });
        }
    });
    (address, asked)
}

/// A token in a file, as people keep it: with a line break at its end.
fn token(folder: &tempfile::TempDir) -> SecretRef {
    let path = folder.path().join("token");
    std::fs::write(&path, "tskey-made-up\n").expect("a file");
    SecretRef::File(path)
}

const HEADSCALE: &[(&str, u16, &str)] = &[
    (
        "/api/v1/policy",
        200,
        r#"{"policy": "{\"acls\": [{\"action\": \"accept\", \"src\": [\"ann@\"], \"dst\": [\"ben@:443\"]}]} // ours", "updatedAt": "2026-01-01T00:00:00Z"}"#,
    ),
    (
        "/api/v1/node",
        200,
        r#"{"nodes": [
        {"id": "1", "givenName": "slate", "ipAddresses": ["100.64.0.1"], "user": {"id": "1", "name": "ann"}},
        {"id": "2", "givenName": "desk", "ipAddresses": ["100.64.0.2"], "user": {"id": "2", "name": "ben"}}]}"#,
    ),
    (
        "/api/v1/user",
        200,
        r#"{"users": [{"id": "1", "name": "ann"}, {"id": "2", "name": "ben"}]}"#,
    ),
];

#[tokio::test]
async fn headscale_gives_policy_devices_and_people() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, asked) = server(HEADSCALE).await;
    let control = ControlApi::headscale(&address, token(&folder)).expect("an address");
    let tailnet = control.tailnet().await.expect("a tailnet");
    let filters = tailnet.filters();
    assert_eq!((filters["desk"].len(), filters["slate"].len()), (1, 0));
    assert_eq!(*filters["desk"][0].src_ips, ["100.64.0.1"]);
    let asked = asked.lock().expect("no panic").clone();
    assert_eq!(asked.len(), 3);
    for head in asked {
        assert!(head.contains("Bearer tskey-made-up\r\n"), "{head}");
        assert!(head.to_lowercase().contains("\r\nhost: 127.0.0.1:"), "{head}");
    }
    assert!(!format!("{control:?}").contains("tskey"));
}

const TAILSCALE: &[(&str, u16, &str)] = &[
    (
        "/below/api/v2/tailnet/-/acl",
        200,
        "{\n  // Everybody.\n  \"acls\": [],\n}",
    ),
    (
        "/below/api/v2/tailnet/-/devices?fields=all",
        200,
        r#"{"devices": [{"hostname": "slate", "user": "ann@example.org"}]}"#,
    ),
    (
        "/below/api/v2/tailnet/-/users",
        200,
        r#"{"users": [{"loginName": "ann@example.org", "role": "owner"}]}"#,
    ),
];

#[tokio::test]
async fn tailscale_gives_its_policy_as_it_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, asked) = server(TAILSCALE).await;
    let control = ControlApi::tailscale(token(&folder))
        .at(&format!("{address}/below/"))
        .expect("an address");
    assert!(
        control
            .policy()
            .await
            .expect("a policy")
            .text()
            .contains("// Everybody.")
    );
    assert!(asked.lock().expect("no panic")[0].contains("application/hujson"));
    let roster = control.roster().await.expect("a roster");
    assert_eq!(
        (roster.devices().len(), roster.users()[0].role()),
        (1, Some(Role::Owner))
    );
}

#[tokio::test]
async fn a_token_that_may_not_list_people_lists_devices() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, _) = server(&[
        ("/api/v1/node", 200, r#"{"nodes": []}"#),
        ("/api/v1/user", 403, "no"),
        ("/api/v1/policy", 200, r#"{"policy": ""}"#),
    ])
    .await;
    let control = ControlApi::headscale(&address, token(&folder)).expect("an address");
    assert!(control.roster().await.expect("a roster").users().is_empty());
    assert_eq!(control.policy().await.expect("none set").text(), "{}");
}

#[tokio::test]
async fn each_way_to_fail_has_its_kind_and_never_the_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, _) = server(&[
        ("/api/v1/node", 401, "Unauthorized\nmore"),
        ("/api/v1/user", 200, "[]"),
        ("/api/v1/policy", 500, "no database"),
    ])
    .await;
    let control = |address: &str| ControlApi::headscale(address, token(&folder)).expect("an address");
    let ours = control(&address);
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let quiet = control(&format!("http://{}", silent.local_addr().expect("bound")));
    let quiet = quiet.with_limit(Duration::from_millis(50));
    let nowhere =
        ControlApi::headscale(&address, SecretRef::File(folder.path().join("none"))).expect("an address");
    let unset = ControlApi::headscale(
        &address,
        "env:HOMELAB_NO_SUCH_VARIABLE".parse().expect("a reference"),
    );
    for (error, kind) in [
        (
            ours.roster().await.expect_err("a list is none"),
            ErrorKind::Damaged,
        ),
        (ours.policy().await.expect_err("500"), ErrorKind::Unreachable),
        (
            ours.clone()
                .at(&format!("{address}/x"))
                .expect("an address")
                .policy()
                .await
                .expect_err("404"),
            ErrorKind::NotFound,
        ),
        (
            ours.listed("x", "/api/v1/node").await.expect_err("401"),
            ErrorKind::Unauthorised,
        ),
        (quiet.policy().await.expect_err("silence"), ErrorKind::TimedOut),
        (
            control("http://127.0.0.1:1").policy().await.expect_err("nobody"),
            ErrorKind::Unreachable,
        ),
        (nowhere.policy().await.expect_err("no file"), ErrorKind::NotFound),
        (
            unset
                .expect("an address")
                .policy()
                .await
                .expect_err("no variable"),
            ErrorKind::NotFound,
        ),
    ] {
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(!format!("{error:?}").contains("tskey"), "{error:?}");
        assert!(kind == ErrorKind::Damaged || error.hint().is_some(), "{error:?}");
    }
    for address in [
        "localhost",
        "ftp://x",
        "http://user:tskey@x",
        "http://x/?a=tskey",
        "",
    ] {
        let error = ControlApi::headscale(address, token(&folder)).expect_err(address);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!format!("{error:?}").contains("tskey"), "{error:?}");
    }
}

#[cfg(feature = "tools")]
#[tokio::test]
async fn a_token_may_come_from_a_program() {
    let (address, asked) = server(HEADSCALE).await;
    let control = ControlApi::headscale(
        &address,
        "command:echo tskey-printed".parse().expect("a reference"),
    );
    control.expect("an address").policy().await.expect("a policy");
    assert!(asked.lock().expect("no panic")[0].contains("Bearer tskey-printed\r\n"));
}

#[cfg(feature = "tailnet-api-rustls")]
#[tokio::test]
async fn over_tls_only_a_trusted_certificate_for_the_name_is_spoken_with() {
    use rustls::pki_types::PrivateKeyDer;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(settings));
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, HEADSCALE, &Asked::default()).await;
                }
            });
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let control = |name: &str| {
        ControlApi::headscale(&format!("https://{name}:{port}"), token(&folder)).expect("an address")
    };
    let trusted = control("localhost")
        .with_authority(&made.cert.pem())
        .expect("a certificate");
    assert!(trusted.policy().await.expect("a policy").text().contains("ann@"));
    let stranger = control("localhost").policy().await.expect_err("nobody trusts it");
    assert_eq!(stranger.kind(), ErrorKind::Unauthorised, "{stranger:?}");
    let other = control("127.0.0.1")
        .with_authority(&made.cert.pem())
        .expect("a certificate");
    assert_eq!(
        other.policy().await.expect_err("another name").kind(),
        ErrorKind::Unauthorised
    );
    for text in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = control("localhost").with_authority(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[cfg(not(feature = "tailnet-api-rustls"))]
#[test]
fn without_tls_it_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = ControlApi::headscale("https://x", token(&folder)).expect_err("no TLS");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("tailnet-api-rustls"))
    );
}
