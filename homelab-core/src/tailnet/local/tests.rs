//! Against a daemon of ours, on a unix socket.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::*;

/// What the daemon of ours does when it is asked for a path.
#[derive(Clone)]
enum Reply {
    /// Answers.
    Say(u16, &'static str),
    /// Answers, and closes before the end.
    Cut(&'static str),
    /// Sends something that is no HTTP.
    Noise,
    /// Never answers.
    Silence,
    /// Sends these, one by one, and then waits for the other side to leave.
    Stream(&'static [&'static str]),
}

struct Daemon {
    folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<String>>>,
    left: Arc<tokio::sync::Notify>,
}

impl Daemon {
    fn start(replies: &[(&'static str, Reply)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("sock")).expect("a socket");
        let replies: BTreeMap<&str, Reply> = replies.iter().cloned().collect();
        let daemon = Daemon {
            folder,
            asked: Arc::default(),
            left: Arc::default(),
        };
        let (asked, left) = (daemon.asked.clone(), daemon.left.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, replies.clone(), asked.clone(), left.clone()));
            }
        });
        daemon
    }

    fn api(&self) -> LocalApi {
        LocalApi::new(self.folder.path().join("sock")).with_limit(Duration::from_secs(5))
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

async fn answer(
    mut stream: UnixStream,
    replies: BTreeMap<&'static str, Reply>,
    asked: Arc<Mutex<Vec<String>>>,
    left: Arc<tokio::sync::Notify>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).expect("text");
    asked.lock().expect("no panic").push(head.clone());
    let path = head.split(' ').nth(1).expect("a path");
    let path = path
        .strip_prefix("/localapi/v0/")
        .expect("a path of the LocalAPI");
    let reply = replies
        .get(path)
        .cloned()
        .unwrap_or(Reply::Say(404, "404 page not found\n"));
    match reply {
        Reply::Say(status, body) => {
            let text = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(text.as_bytes()).await;
        }
        Reply::Cut(body) => {
            let text = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len() + 9
            );
            let _ = stream.write_all(text.as_bytes()).await;
        }
        Reply::Noise => {
            let _ = stream.write_all(b"\x16\x03\x01 what?\r\n\r\n").await;
        }
        Reply::Silence => {
            let _ = stream.read_u8().await;
            left.notify_one();
        }
        Reply::Stream(items) => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            for item in items {
                let text = format!("{:x}\r\n{item}\r\n", item.len());
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.flush().await;
                tokio::task::yield_now().await;
            }
            let _ = stream.read_u8().await;
            left.notify_one();
        }
    }
}

const STATUS: &str =
    r#"{"BackendState": "Running", "Self": {"HostName": "slate", "TailscaleIPs": ["100.64.0.1"]}}"#;

#[tokio::test]
async fn every_question_is_asked_as_the_daemon_insists() {
    let daemon = Daemon::start(&[
        ("status", Reply::Say(200, STATUS)),
        ("prefs", Reply::Say(200, r#"{"ShieldsUp": true}"#)),
        (
            "serve-config",
            Reply::Say(200, r#"{"TCP": {"22": {"TCPForward": "127.0.0.1:22"}}}"#),
        ),
        (
            "debug-packet-filter-rules",
            Reply::Say(200, r#"[{"SrcIPs": ["*"]}]"#),
        ),
        (
            "whois?addr=100.64.0.1",
            Reply::Say(200, r#"{"UserProfile": {"LoginName": "ann@example.org"}}"#),
        ),
        (
            "whois?addr=%5Bfd7a::1%5D:80",
            Reply::Say(404, "no match for IP:port\n"),
        ),
    ]);
    let api = daemon.api();
    assert!(api.status().await.expect("a status").is_running());
    assert_eq!(
        api.preferences().await.expect("settings").shields_up(),
        Some(true)
    );
    assert_eq!(
        api.serve_config().await.expect("a configuration").entries().len(),
        1
    );
    assert_eq!(api.packet_filter().await.expect("rules")[0]["SrcIPs"][0], "*");
    let who = api
        .who_is("100.64.0.1".parse().expect("an address"))
        .await
        .expect("an answer");
    assert_eq!(who.expect("somebody").login(), Some("ann@example.org"));
    let nobody = api.who_is_peer("[fd7a::1]:80".parse().expect("an address")).await;
    assert_eq!(nobody.expect("an answer"), None);
    for head in daemon.asked() {
        let head = head.to_lowercase();
        assert!(head.contains("\r\nhost: local-tailscaled.sock\r\n"), "{head}");
        assert!(head.contains("\r\ntailscale-cap: "), "{head}");
        assert!(!head.contains("origin") && !head.contains("referer"), "{head}");
        assert!(head.starts_with("get "), "it only reads: {head}");
    }
    let node = api.node().await.expect("all of it");
    assert_eq!(node.preferences().and_then(Preferences::shields_up), Some(true));
    assert_eq!(node.serve().map(|serve| serve.entries().len()), Some(1));
}

#[tokio::test]
async fn what_the_daemon_keeps_to_itself_is_absent() {
    let daemon = Daemon::start(&[
        ("status", Reply::Say(200, STATUS)),
        ("prefs", Reply::Say(403, "prefs access denied\n")),
    ]);
    let node = daemon.api().node().await.expect("a node");
    assert_eq!((node.preferences(), node.serve()), (None, None));
}

#[tokio::test]
async fn each_way_to_fail_has_its_kind_and_says_what_to_do() {
    let daemon = Daemon::start(&[
        ("status", Reply::Silence),
        ("prefs", Reply::Say(403, "prefs access denied\nmore")),
        ("serve-config", Reply::Cut(r#"{"TCP": {"#)),
        ("debug-packet-filter-rules", Reply::Noise),
        ("whois?addr=100.64.0.1", Reply::Say(200, "<html>")),
        ("whois?addr=100.64.0.2", Reply::Say(500, "oh no")),
    ]);
    let api = daemon.api();
    let who = |last| api.who_is(IpAddr::from([100, 64, 0, last]));
    let quick = api.clone().with_limit(Duration::from_millis(50));
    for (error, kind, said) in [
        (
            quick.status().await.expect_err("silence"),
            ErrorKind::TimedOut,
            "no answer within 50ms",
        ),
        (
            api.preferences().await.expect_err("403"),
            ErrorKind::Unauthorised,
            ": prefs access denied",
        ),
        (
            api.serve_config().await.expect_err("half"),
            ErrorKind::Damaged,
            "broke",
        ),
        (
            api.packet_filter().await.expect_err("noise"),
            ErrorKind::Damaged,
            "broke",
        ),
        (
            who(1).await.expect_err("a page"),
            ErrorKind::Damaged,
            "understand",
        ),
        (
            who(2).await.expect_err("500"),
            ErrorKind::Unreachable,
            "answered 500: oh no",
        ),
    ] {
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.to_string().contains('\n'), "{error:?}");
    }
    let unsupported = Daemon::start(&[]).api().serve_config().await.expect_err("404");
    assert_eq!(unsupported.kind(), ErrorKind::Unsupported);

    let folder = tempfile::tempdir().expect("a folder");
    let absent = LocalApi::new(folder.path().join("sock"));
    let error = absent.status().await.expect_err("no socket");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.hint().is_some_and(|hint| hint.contains("tailscaled")));
}

/// For anybody but the superuser, to whom no socket is closed.
#[tokio::test]
async fn a_socket_for_others_is_said_to_be_so() {
    let daemon = Daemon::start(&[]);
    let path = daemon.api().socket().to_owned();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("own file");
    let result = UnixStream::connect(&path).await;
    let error = daemon.api().status().await.expect_err("404 or no way in");
    let expected = match result {
        Ok(_) => ErrorKind::Unsupported,
        Err(_) => ErrorKind::Unauthorised,
    };
    assert_eq!(error.kind(), expected);
}

#[tokio::test]
async fn dropping_a_question_ends_its_connection() {
    let daemon = Daemon::start(&[("status", Reply::Silence)]);
    let api = daemon.api();
    let asked = tokio::time::timeout(Duration::from_millis(50), api.status()).await;
    assert!(asked.is_err(), "it waits");
    daemon.left.notified().await;
}

const NEWS: Reply = Reply::Stream(&[
    "{\"State\": 5, \"Prefs\": null}\n",
    "{\"State\": 6}\n{\"PeersChanged\": [{}]",
    ", \"Prefs\": {}}\n\n",
    "{\"ErrMessage\": \"no network\"}\n{\"Engine\": {}}\nnot json\n{\"State\": 77}\n",
]);

#[tokio::test]
async fn a_watch_tells_what_happens_and_ends_with_its_reader() {
    let daemon = Daemon::start(&[("watch-ipn-bus?mask=4098", NEWS)]);
    let mut news = daemon.api().watch().await.expect("a stream");
    let mut seen = Vec::new();
    while seen.len() < 7 {
        seen.push(news.next().await.expect("more to come"));
    }
    assert_eq!(
        seen,
        [
            Notice::State("Starting".into()),
            Notice::State("Running".into()),
            Notice::Changed,
            Notice::Settings,
            Notice::Problem("no network".into()),
            Notice::Changed,
            Notice::State("state 77".into()),
        ]
    );
    drop(news);
    daemon.left.notified().await;
}

#[tokio::test]
async fn a_watch_ends_with_the_daemon_and_says_so() {
    let daemon = Daemon::start(&[("watch-ipn-bus?mask=4098", Reply::Say(200, "{\"State\": 6}\n"))]);
    let mut news = daemon.api().watch().await.expect("a stream");
    assert_eq!(news.next().await, Some(Notice::State("Running".into())));
    assert!(matches!(news.next().await, Some(Notice::Ended(reason)) if reason.contains("closed")));
    assert_eq!(news.next().await, None);

    let cut = Daemon::start(&[("watch-ipn-bus?mask=4098", Reply::Cut("{\"State\": 6}\n"))]);
    let mut news = cut.api().watch().await.expect("a stream");
    assert_eq!(news.next().await, Some(Notice::State("Running".into())));
    assert!(matches!(news.next().await, Some(Notice::Ended(reason)) if reason.contains("broke")));

    let refused = Daemon::start(&[("watch-ipn-bus?mask=4098", Reply::Say(403, "access denied"))]);
    let error = refused.api().watch().await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthorised);
}
