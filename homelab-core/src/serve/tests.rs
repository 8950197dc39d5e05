//! A server of ours, asked over real connections on loopback.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::oneshot;

use super::*;
use crate::tailnet::local::LocalApi;

const INSTANCE: &str = "[hosts.nas]\naddresses = ['100.64.0.10']\n[projects.photos]\nhosts = ['nas']\n\
    [projects.watch]\nhosts = ['nas']\n\
    [people.ann]\nlogin = 'ann@example.org'\nroles = ['admin']\n[people.ben]\nlogin = 'ben@example.org'\n\
    [tailnet]\nsuffix = 'tail1234.ts.net'\n\
    [[tailnet.devices]]\nname = 'laptop'\naddresses = ['100.64.0.1']\nuser = 'ann@example.org'\n\
    [[tailnet.devices]]\nname = 'phone'\naddresses = ['100.64.0.2']\nuser = 'ben@example.org'\n\
    [[tailnet.devices]]\nname = 'screen'\naddresses = ['100.64.0.3']\ntags = ['tag:screen']\n\
    [[tailnet.devices]]\nname = 'nas'\naddresses = ['100.64.0.10']\ntags = ['tag:nas']\n";
const POLICY: &str = r#"{"tagOwners": {"tag:nas": [], "tag:screen": []}, "acls": [
    {"action": "accept", "src": ["ben@example.org", "tag:screen"], "dst": ["tag:nas:2283"]},
    {"action": "accept", "src": ["ann@example.org"], "dst": ["tag:nas:3000"]}]}"#;

fn lab() -> Lab {
    Lab::from_texts(
        "<home>",
        [
            ("instance.toml", INSTANCE),
            ("policy.hujson", POLICY),
            (
                "photos/compose.yaml",
                "services: { server: { image: ghcr.io/immich-app/immich-server, ports: ['100.64.0.10:2283:2283'] } }",
            ),
            (
                "watch/compose.yaml",
                "services: { grafana: { image: 'grafana/grafana:12', ports: ['100.64.0.10:3000:3000'] } }",
            ),
        ],
    )
}

fn nothing_seen() -> Observed {
    Observed::none(Timestamp::UNIX_EPOCH)
}

/// A server that runs until it is dropped.
struct Running {
    address: SocketAddr,
    shown: Shown,
    _end: oneshot::Sender<()>,
}

async fn start(settings: Settings) -> Running {
    start_with(settings, Limits::default()).await
}

async fn start_with(settings: Settings, limits: Limits) -> Running {
    let any = "127.0.0.1:0".parse().expect("an address");
    let mut server = Server::bind(any, lab(), nothing_seen(), settings)
        .await
        .expect("a server");
    server.limits = limits;
    let (_end, ended) = oneshot::channel::<()>();
    let (address, shown) = (server.address(), server.shown());
    tokio::spawn(server.run(async move {
        let _ = ended.await;
    }));
    Running { address, shown, _end }
}

impl Running {
    /// Asks with these header lines, and returns the status and the whole answer. `Host` is the server's own where none is
    /// given.
    async fn ask(&self, path: &str, headers: &[&str]) -> (u16, String) {
        let mut request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|line| line.starts_with("Host:")) {
            request.push_str(&format!("Host: {}\r\n", self.address));
        }
        for line in headers {
            request.push_str(&format!("{line}\r\n"));
        }
        request.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.expect("a status"), answer)
    }

    async fn ask_as(&self, login: &str, path: &str) -> (u16, String) {
        self.ask(path, &[&format!("Tailscale-User-Login: {login}")]).await
    }
}

/// A daemon that says of whoever asks that it is this.
fn daemon(answer: &'static str) -> (tempfile::TempDir, LocalApi) {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = vec![0; 4096];
                let count = stream.read(&mut asked).await.unwrap_or(0);
                let asked = String::from_utf8_lossy(&asked[..count]).into_owned();
                let known = !answer.is_empty() && asked.starts_with("GET /localapi/v0/whois?addr=127.0.0.1:");
                let (status, body) = if known {
                    ("200 OK", answer)
                } else {
                    ("404 Not Found", "no")
                };
                let text = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(text.as_bytes()).await;
            });
        }
    });
    (folder, LocalApi::new(socket))
}

#[tokio::test]
async fn two_people_are_shown_what_each_may_reach() {
    let server = start(Settings::default().with_trusted_proxy(true)).await;
    let (status, ann) = server.ask_as("ann@example.org", "/").await;
    assert_eq!(status, 200, "{ann}");
    assert!(
        ann.contains("http://nas.tail1234.ts.net:3000/") && ann.contains("Grafana"),
        "{ann}"
    );
    assert!(!ann.contains("Immich"), "{ann}");
    assert!(ann.contains("<h1>&lt;home&gt;</h1>"), "names are text: {ann}");
    let (_, ben) = server.ask_as("ben@example.org", "/portal.json").await;
    assert!(ben.contains("\"Immich\"") && !ben.contains("Grafana"), "{ben}");
    let (_, none) = server.ask_as("ben@example.org", "/?q=grafana").await;
    assert!(
        none.contains("No service found") && !none.contains("<li>"),
        "{none}"
    );
    let (_, one) = server.ask_as("ben@example.org", "/?q=PHOTOS+%22%3E").await;
    assert!(one.contains("value=\"PHOTOS &quot;&gt;\""), "{one}");
    let (_, css) = server.ask_as("ben@example.org", "/portal.css").await;
    assert!(css.contains("prefers-color-scheme"), "{css}");
}

#[tokio::test]
async fn an_answer_is_for_one_person_and_loads_nothing() {
    let server = start(Settings::default().with_trusted_proxy(true)).await;
    let (_, page) = server.ask_as("ann@example.org", "/").await;
    let head = page
        .split("\r\n\r\n")
        .next()
        .expect("a head")
        .to_ascii_lowercase();
    for line in [
        "content-security-policy: default-src 'none'; style-src 'self'",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cross-origin-resource-policy: same-origin",
        "vary: tailscale-user-login",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(!page.contains("<script") && !page.contains(" style="), "{page}");
    let (status, _) = server.ask_as("ann@example.org", "/nothing").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_header_from_anybody_but_a_trusted_proxy_is_refused_and_said() {
    let server = start(Settings::default()).await;
    let (status, answer) = server.ask_as("ann@example.org", "/").await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("by a header of Tailscale Serve"), "{answer}");
    let (status, _) = server.ask("/", &["Tailscale-Anything: x"]).await;
    assert_eq!(status, 403, "any header of Serve");
    // Beside a daemon that knows the connection the header is no better.
    let (_folder, daemon) = daemon(BEN);
    let server = start(Settings::default().with_daemon(daemon.clone())).await;
    assert_eq!(server.ask_as("ann@example.org", "/").await.0, 403);
    // Nor from a device of the tailnet, where the proxy is trusted.
    let askers = Askers::new(&Settings::default().with_trusted_proxy(true).with_daemon(daemon));
    let headers = [("tailscale-user-login", "ann@example.org")];
    let headers: axum::http::HeaderMap = headers
        .into_iter()
        .map(|(name, value)| {
            (
                axum::http::HeaderName::from_static(name),
                value.parse().expect("a value"),
            )
        })
        .collect();
    for peer in ["100.64.0.2:4000", "192.0.2.7:4000", "[::ffff:100.64.0.2]:4000"] {
        let refusal = askers.ask(peer.parse().expect("a peer"), &headers).await;
        assert!(matches!(refusal, Err(asker::Refusal::Forged(_))), "{peer}");
    }
    for peer in ["127.0.0.1:4000", "[::1]:4000", "[::ffff:127.0.0.1]:4000"] {
        let asker = askers.ask(peer.parse().expect("a peer"), &headers).await;
        assert_eq!(
            asker,
            Ok(asker::Asker::Login("ann@example.org".to_owned())),
            "{peer}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_names_nobody_or_two_is_not_believed() {
    let (_folder, daemon) = daemon(BEN);
    let server = start(Settings::default().with_trusted_proxy(true).with_daemon(daemon)).await;
    let (status, answer) = server.ask("/", &[]).await;
    assert_eq!(status, 401, "the daemon would say who the proxy is: {answer}");
    let two = [
        "Tailscale-User-Login: ann@example.org",
        "Tailscale-User-Login: ben@example.org",
    ];
    assert_eq!(server.ask("/", &two).await.0, 403);
    for login in [
        "",
        "ann",
        "ann@example.org, ben@example.org",
        "=?utf-8?q?ann=40example.org?=",
    ] {
        assert_eq!(server.ask_as(login, "/").await.0, 401, "{login}");
    }
}

#[tokio::test]
async fn another_name_than_its_own_is_refused() {
    let settings = Settings::default()
        .with_trusted_proxy(true)
        .with_name("nas.tail1234.ts.net");
    let server = start(settings).await;
    let who = "Tailscale-User-Login: ann@example.org";
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.2",
        "nas.tail1234.ts.net.evil.example",
    ] {
        let (status, answer) = server.ask("/", &[who, &format!("Host: {host}")]).await;
        assert_eq!(status, 421, "{host}");
        assert!(!answer.contains("Grafana"), "{host}");
    }
    for host in [
        "localhost",
        "127.0.0.1:1",
        "nas.tail1234.ts.net",
        "NAS.tail1234.ts.net.:443",
    ] {
        assert_eq!(
            server.ask("/", &[who, &format!("Host: {host}")]).await.0,
            200,
            "{host}"
        );
    }
}

const BEN: &str = r#"{"Node": {"Name": "phone.tail1234.ts.net.", "Addresses": ["100.64.0.2/32"]},
    "UserProfile": {"LoginName": "ben@example.org", "DisplayName": "Ben"}}"#;
const SCREEN: &str = r#"{"Node": {"Name": "screen.tail1234.ts.net.", "Addresses": ["100.64.0.3/32"], "Tags": ["tag:screen"]},
    "UserProfile": {"LoginName": "tagged-devices", "DisplayName": "Tagged Devices"}}"#;
const EVE: &str = r#"{"Node": {"Name": "eve.tail1234.ts.net.", "Addresses": ["100.64.0.9/32"]},
    "UserProfile": {"LoginName": "eve@example.org"}}"#;

#[tokio::test]
async fn the_daemon_says_who_is_behind_a_connection() {
    let (_folder, ben) = daemon(BEN);
    let server = start(Settings::default().with_daemon(ben)).await;
    let (status, page) = server.ask("/", &[]).await;
    assert_eq!(status, 200, "{page}");
    assert!(
        page.contains("For ben (ben@example.org)") && page.contains("Immich"),
        "{page}"
    );
    let (_folder, screen) = daemon(SCREEN);
    let server = start(Settings::default().with_daemon(screen)).await;
    let (status, page) = server.ask("/", &[]).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Immich"), "what the rules give its tag: {page}");
}

const DEVICE_NAME: &str = r#"{"Node": {"Name": "x.tail1234.ts.net.", "Addresses": ["100.64.0.9/32"]},
    "UserProfile": {"LoginName": "phone"}}"#;
const PERSON_NAME: &str = r#"{"Node": {"Name": "x.tail1234.ts.net.", "Addresses": ["100.64.0.9/32"]},
    "UserProfile": {"LoginName": "ben"}}"#;
const OTHER_CASE: &str = r#"{"Node": {"Name": "laptop.tail1234.ts.net.", "Addresses": ["100.64.0.1/32"]},
    "UserProfile": {"LoginName": "Ann@Example.org"}}"#;
const TAG_NAME: &str = r#"{"Node": {"Name": "x.tail1234.ts.net.", "Addresses": ["100.64.0.9/32"]},
    "UserProfile": {"LoginName": "tag:screen"}}"#;

#[tokio::test]
async fn a_login_is_looked_up_as_a_login_only() {
    for who in [DEVICE_NAME, PERSON_NAME, TAG_NAME] {
        let (_folder, daemon) = daemon(who);
        let server = start(Settings::default().with_daemon(daemon)).await;
        for path in ["/", "/portal.json"] {
            let (status, answer) = server.ask(path, &[]).await;
            assert_eq!(status, 403, "{who}: {answer}");
            assert!(!answer.contains("Immich"), "{who}: {answer}");
        }
    }
    // The tailnet does not care for case, nor does who administers.
    let (_folder, daemon) = daemon(OTHER_CASE);
    let server = start(Settings::default().with_daemon(daemon)).await;
    let (status, not) = server.ask("/why.json?service=photos", &[]).await;
    assert_eq!(status, 200, "{not}");
    assert!(not.contains("\"allowed\":false"), "{not}");
}

#[tokio::test]
async fn whoever_is_not_known_is_shown_nothing() {
    for (who, expected) in [("", 401), (EVE, 403)] {
        let (_folder, daemon) = daemon(who);
        let server = start(Settings::default().with_daemon(daemon)).await;
        for path in ["/", "/portal.json", "/why?service=grafana", "/portal.css"] {
            let (status, answer) = server.ask(path, &[]).await;
            let expected = if path == "/portal.css" && expected == 403 {
                200
            } else {
                expected
            };
            let expected = if path.starts_with("/why") && expected == 403 {
                404
            } else {
                expected
            };
            assert_eq!(status, expected, "{path}: {answer}");
            assert!(
                !answer.contains("3000") && !answer.contains("policy.hujson"),
                "{answer}"
            );
        }
    }
    let gone = LocalApi::new("/nonexistent/sock");
    let server = start(Settings::default().with_daemon(gone)).await;
    assert_eq!(server.ask("/", &[]).await.0, 401);
}

#[tokio::test]
async fn why_is_told_of_ones_own_and_why_not_to_who_administers() {
    let server = start(Settings::default().with_trusted_proxy(true)).await;
    let (status, own) = server
        .ask_as("ben@example.org", "/why?service=nas:photos/server")
        .await;
    assert_eq!(status, 200, "{own}");
    assert!(
        own.contains("You reach it.") && own.contains("policy.hujson, line 2"),
        "{own}"
    );
    for path in [
        "/why?service=grafana",
        "/why?service=nothing",
        "/why.json?service=grafana",
    ] {
        let (status, answer) = server.ask_as("ben@example.org", path).await;
        assert_eq!(status, 404, "{path}: {answer}");
        assert!(!answer.contains("policy.hujson"), "{answer}");
    }
    assert_eq!(server.ask_as("ben@example.org", "/why").await.0, 400);
    let (status, not) = server.ask_as("ann@example.org", "/why.json?service=photos").await;
    assert_eq!(status, 200, "{not}");
    assert!(not.contains("\"allowed\":false"), "{not}");
}

#[tokio::test]
async fn what_is_shown_can_change_while_it_runs() {
    let server = start(Settings::default().with_trusted_proxy(true)).await;
    let empty = Lab::from_texts(
        "home",
        [("instance.toml", INSTANCE), ("policy.hujson", "{\"acls\": []}")],
    );
    server.shown.set(empty, nothing_seen());
    let (status, page) = server.ask_as("ann@example.org", "/").await;
    assert_eq!(status, 200);
    assert!(page.contains("lets you reach no service"), "{page}");
    let broken = Lab::from_texts(
        "home",
        [("instance.toml", INSTANCE), ("policy.hujson", "{\"acls\": 3}")],
    );
    server.shown.set(broken, nothing_seen());
    let (status, page) = server.ask_as("ann@example.org", "/").await;
    assert_eq!(status, 503);
    assert!(!page.contains("policy.hujson"), "{page}");
}

/// Waits for the other side to close, and returns what it said before.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = stream.read_to_end(&mut said);
    let read = tokio::time::timeout(std::time::Duration::from_secs(5), read).await;
    let _ = read.expect("closed in time");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn whoever_says_nothing_holds_no_connection() {
    let short = std::time::Duration::from_millis(200);
    let limits = Limits {
        asking: short,
        connections: 2,
        ..Limits::default()
    };
    let server = start_with(Settings::default().with_trusted_proxy(true), limits).await;
    let mut silent = TcpStream::connect(server.address).await.expect("a connection");
    let mut slow = TcpStream::connect(server.address).await.expect("a connection");
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.expect("sent");
    // Both places are taken, and free again after a moment.
    let (status, _) = server.ask_as("ann@example.org", "/").await;
    assert_eq!(status, 200);
    until_closed(&mut silent).await;
    until_closed(&mut slow).await;
    // One that asks again and again is not cut off by it, and one that then falls silent is.
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    let line = format!(
        "GET /portal.css HTTP/1.1\r\nHost: {}\r\nTailscale-User-Login: ann@example.org\r\n\r\n",
        server.address
    );
    stream.write_all(line.as_bytes()).await.expect("sent");
    stream.write_all(line.as_bytes()).await.expect("sent");
    let said = until_closed(&mut stream).await;
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 2, "{said}");
}

#[tokio::test]
async fn it_ends_though_somebody_holds_a_connection() {
    let limits = Limits {
        ending: std::time::Duration::from_millis(200),
        ..Limits::default()
    };
    let any = "127.0.0.1:0".parse().expect("an address");
    let mut server = Server::bind(any, lab(), nothing_seen(), Settings::default())
        .await
        .expect("a server");
    server.limits = limits;
    let address = server.address();
    let (end, ended) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async move {
        let _ = ended.await;
    }));
    let mut holding = TcpStream::connect(address).await.expect("a connection");
    holding
        .write_all(b"GET / HTTP/1.1\r\nHost: ")
        .await
        .expect("sent");
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    end.send(()).expect("it runs");
    let ended = tokio::time::timeout(std::time::Duration::from_secs(5), running).await;
    ended.expect("in time").expect("no panic").expect("it ends");
    until_closed(&mut holding).await;
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn the_names_that_the_file_gives_are_the_servers() {
    let text = r#"{"BackendState": "Running", "Self": {"HostName": "x", "TailscaleIPs": ["100.64.0.10"]}}"#;
    let status =
        crate::tailnet::Status::parse(&crate::span::Source::new("status.json", text)).expect("a status");
    let seen = nothing_seen().with_tailnet(crate::tailnet::Node::new(status));
    let server = start(Settings::default().with_trusted_proxy(true)).await;
    let who = "Tailscale-User-Login: ann@example.org";
    let name = "Host: nas.tail1234.ts.net";
    let (status, answer) = server.ask("/", &[who, name]).await;
    assert!(status == 421 && answer.contains("--name"), "{answer}");
    server.shown.set(lab(), seen);
    for name in [name, "Host: NAS:8420"] {
        assert_eq!(server.ask("/", &[who, name]).await.0, 200, "{name}");
    }
    for name in ["Host: laptop.tail1234.ts.net", "Host: x.tail1234.ts.net"] {
        assert_eq!(server.ask("/", &[who, name]).await.0, 421, "{name}");
    }
}

#[tokio::test]
async fn it_listens_nowhere_else() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.10:0", "[::ffff:192.0.2.10]:0"] {
        let address = address.parse().expect("an address");
        let error = Server::bind(address, lab(), nothing_seen(), Settings::default())
            .await
            .expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Refused, "{address}");
    }
    let own = "100.64.0.10:0".parse().expect("an address");
    let error = Server::bind(own, lab(), nothing_seen(), Settings::default())
        .await
        .expect_err("not ours");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let first = start(Settings::default()).await;
    let error = Server::bind(first.address, lab(), nothing_seen(), Settings::default())
        .await
        .expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_server_that_was_started_answers_until_it_is_stopped_or_dropped() {
    let any = "127.0.0.1:0".parse().expect("an address");
    let begin = async || {
        let settings = Settings::default().with_trusted_proxy(true);
        let server = Server::bind(any, lab(), nothing_seen(), settings)
            .await
            .expect("a server");
        server.start().expect("a runtime")
    };
    let ask = async |address: SocketAddr| {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nTailscale-User-Login: ann@example.org\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    };
    let serving = begin().await;
    let address = serving.address();
    assert!(ask(address).await.is_some_and(|page| page.contains("Grafana")));
    let other = Lab::from_texts("other", [("instance.toml", INSTANCE), ("policy.hujson", POLICY)]);
    serving.show(other, nothing_seen());
    let page = ask(address).await.expect("an answer");
    assert!(page.contains("other") && !page.contains("Grafana"), "{page}");
    serving.stop().await;
    serving.stop().await;
    assert_eq!(ask(address).await, None, "nobody listens");

    let dropped = begin().await;
    let address = dropped.address();
    assert!(ask(address).await.is_some());
    drop(dropped);
    let mut still = true;
    for _ in 0..200 {
        still = ask(address).await.is_some();
        if !still {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(!still, "nobody listens");
}

#[test]
fn a_server_is_started_within_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let any = "127.0.0.1:0".parse().expect("an address");
    let bind = Server::bind(any, lab(), nothing_seen(), Settings::default());
    let server = runtime.block_on(bind).expect("a server");
    let error = server.start().expect_err("outside of it");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
