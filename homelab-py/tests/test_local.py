"""A tailnet daemon, asked over a unix socket of ours."""

from __future__ import annotations

import asyncio
import json
import os
import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

import homelab

pytestmark = pytest.mark.skipif(os.name != "posix", reason="unix sockets only")

ANN = {"HostName": "slate", "TailscaleIPs": ["100.64.0.1"], "UserID": 7, "Online": True}
ANSWERS: dict[str, tuple[int, object]] = {
    "status": (
        200,
        {
            "BackendState": "Running",
            "Version": "1.102.3",
            "CurrentTailnet": {"Name": "ann@example.org", "MagicDNSSuffix": "tail-made-up.ts.net"},
            "Self": {"HostName": "nas", "TailscaleIPs": ["100.64.0.2"], "Tags": ["tag:server"], "Later": {"x": 1}},
            "Peer": {"key": ANN},
            "User": {"7": {"LoginName": "ann@example.org"}},
        },
    ),
    "prefs": (200, {"ShieldsUp": True, "AdvertiseRoutes": ["192.0.2.0/24"]}),
    "serve-config": (
        200,
        {
            "TCP": {"443": {"HTTPS": True}},
            "Web": {"nas.tail-made-up.ts.net:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:3000"}}}},
            "AllowFunnel": {"nas.tail-made-up.ts.net:443": True},
        },
    ),
    "debug-packet-filter-rules": (200, [{"SrcIPs": ["*"], "DstPorts": []}]),
    "whois?addr=100.64.0.1": (
        200,
        {
            "Node": {"Name": "slate.tail-made-up.ts.net.", "Addresses": ["100.64.0.1/32"], "User": 7},
            "UserProfile": {"LoginName": "ann@example.org", "DisplayName": "Ann"},
            "CapMap": {"example.com/cap/photos": [{"may": "look"}]},
        },
    ),
    "whois?addr=100.64.0.1:4711": (200, {"Node": {"Name": "slate."}, "UserProfile": {"LoginName": "ann@example.org"}}),
}


class Daemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    slow = threading.Event()
    left = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert self.headers["Host"] == "local-tailscaled.sock"
        name = self.path.removeprefix("/localapi/v0/")
        if Daemon.slow.is_set():
            # Until the other side leaves.
            self.rfile.read(1)
            self.close_connection = True
            return
        if name.startswith("watch-ipn-bus"):
            self.stream()
            return
        status, answer = ANSWERS.get(name, (404, "not found"))
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in (b'{"State": 6}\n', b'{"PeersChanged": [{}]}\n', b'{"ErrMessage": "no network"}\n'):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        # Until the other side leaves.
        self.rfile.read(1)
        Daemon.left.set()
        self.close_connection = True

    def address_string(self) -> str:
        return "here"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Path]:
    """Returns where the daemon of ours is."""
    Daemon.slow.clear()
    Daemon.left.clear()
    path = tmp_path / "sock"
    server = Daemon(str(path), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield path
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_daemon_says_what_it_is_and_whom_it_sees(socket: Path) -> None:
    daemon = homelab.LocalApi(socket)
    assert daemon.socket == str(socket)
    assert str(socket) in repr(daemon)
    status = daemon.status()
    assert status == await daemon.status_async()
    assert (status.state, status.tailnet, status.suffix) == ("Running", "ann@example.org", "tail-made-up.ts.net")
    assert status.own is not None
    assert (status.own.name, status.own.owner, status.own.tags) == ("nas", None, ("tag:server",))
    assert [(one.name, one.owner, one.online) for one in status.devices] == [
        ("nas", None, None),
        ("slate", "ann@example.org", True),
    ]
    preferences = await daemon.preferences_async()
    assert preferences == daemon.preferences()
    assert (preferences.shields_up, preferences.ssh, preferences.advertised) == (True, None, ("192.0.2.0/24",))
    (served,) = daemon.serve_config()
    assert [served] == await daemon.serve_config_async()
    assert (served.port, served.kind, served.target, served.funnel) == (443, "proxy", "http://127.0.0.1:3000", True)
    assert daemon.packet_filter() == await daemon.packet_filter_async() == [{"SrcIPs": ["*"], "DstPorts": []}]
    node = daemon.node()
    assert node == await daemon.node_async()
    assert (node.status, node.preferences, node.serve) == (status, preferences, (served,))
    assert type(node).from_json(node.to_json()) == node


async def test_who_is_asking(socket: Path) -> None:
    daemon = homelab.LocalApi(str(socket))
    ann = daemon.who_is("100.64.0.1")
    assert ann is not None
    assert ann == await daemon.who_is_async("100.64.0.1")
    assert (ann.login, ann.name, ann.device.addresses) == ("ann@example.org", "Ann", ("100.64.0.1",))
    assert [(one.name, one.values) for one in ann.capabilities] == [("example.com/cap/photos", ('{"may":"look"}',))]
    peer = daemon.who_is_peer("100.64.0.1:4711")
    assert peer is not None
    assert peer.login == "ann@example.org"
    assert peer == await daemon.who_is_peer_async("100.64.0.1:4711")
    assert daemon.who_is("100.64.0.9") is None
    for wrong in ("slate", "100.64.0.1:80", ""):
        with pytest.raises(homelab.Invalid):
            daemon.who_is(wrong)
    with pytest.raises(homelab.Invalid):
        await daemon.who_is_peer_async("100.64.0.1")


async def test_what_changes_is_told_until_it_is_closed(socket: Path) -> None:
    told = [("state", "Running"), ("changed", None), ("problem", "no network")]
    notices = homelab.LocalApi(socket).watch()
    assert [(one.kind, one.text) for _, one in zip(told, notices, strict=False)] == told
    closing = threading.Timer(0.05, notices.close)
    closing.start()
    assert list(notices) == []
    assert repr(notices) == "<Notices, closed>"
    assert Daemon.left.wait(5)

    Daemon.left.clear()
    watching = await homelab.LocalApi(socket).watch_async()
    seen: list[tuple[str, str | None]] = []
    async for notice in watching:
        seen.append((notice.kind, notice.text))
        if len(seen) == len(told):
            await watching.aclose()
    assert seen == told
    assert await asyncio.to_thread(Daemon.left.wait, 5)


async def test_a_failure_says_why(socket: Path, tmp_path: Path) -> None:
    absent = homelab.LocalApi(tmp_path / "nothing")
    for ask in (absent.status, absent.node, absent.watch):
        with pytest.raises(homelab.Unreachable) as caught:
            ask()
        assert "tailscaled" in (caught.value.hint or "")
    Daemon.slow.set()
    daemon = homelab.LocalApi(socket)
    with pytest.raises(homelab.TimedOut):
        daemon.with_limit(timedelta(milliseconds=50)).status()
    task = asyncio.create_task(daemon.status_async())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_daemon_of_this_machine_may_be_absent() -> None:
    found = homelab.LocalApi.find()
    assert found is None or found.socket
