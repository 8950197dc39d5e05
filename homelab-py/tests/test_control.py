"""A control server, asked over this machine's loopback."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import homelab

POLICY = '{"acls": [{"action": "accept", "src": ["ann@"], "dst": ["ben@:443"]}]} // ours'
ANSWERS = {
    "/api/v1/policy": {"policy": POLICY},
    "/api/v1/node": {
        "nodes": [
            {"id": "1", "givenName": "slate", "ipAddresses": ["100.64.0.1"], "user": {"id": "1", "name": "ann"}},
            {"id": "2", "givenName": "desk", "ipAddresses": ["100.64.0.2"], "user": {"id": "2", "name": "ben"}},
        ]
    },
    "/api/v1/user": {"users": [{"id": "1", "name": "ann"}, {"id": "2", "name": "ben"}]},
}


class Handler(BaseHTTPRequestHandler):
    slow = threading.Event()

    def do_GET(self) -> None:
        if Handler.slow.is_set():
            time.sleep(2)
        known = self.headers["Authorization"] == "Bearer made-up"
        body = json.dumps(ANSWERS[self.path] if known else {"message": "who?"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Returns where the server is, and names its key `env:KEY`."""
    monkeypatch.setenv("KEY", "made-up")
    monkeypatch.setenv("WRONG", "another")
    Handler.slow.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_server_is_asked_for_its_tailnet(address: str) -> None:
    control = homelab.ControlApi.headscale(address, "env:KEY")
    assert control.policy() == POLICY == await control.policy_async()
    for tailnet in (control.tailnet(), await control.tailnet_async()):
        assert tailnet.peers() == {"slate": ["desk"], "desk": ["slate"]}
        assert tailnet.explain("slate", "desk:443").allowed
    assert "made-up" not in repr(control)
    moved = homelab.ControlApi.headscale("http://127.0.0.1:1", "env:KEY").at(address)
    assert moved.policy() == POLICY


async def test_a_failure_says_why(address: str) -> None:
    wrong = homelab.ControlApi.headscale(address, "env:WRONG")
    with pytest.raises(homelab.Unauthorised) as caught:
        wrong.policy()
    assert "another" not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(homelab.Unauthorised):
        await wrong.tailnet_async()
    with pytest.raises(homelab.Invalid):
        homelab.ControlApi.headscale("nowhere at all", "env:KEY")
    with pytest.raises(homelab.Invalid):
        homelab.ControlApi.tailscale("tskey-made-up")
    with pytest.raises(homelab.Error):
        homelab.ControlApi.tailscale("env:KEY").with_authority("no certificate")


async def test_waiting_has_a_limit_and_can_be_cancelled(address: str) -> None:
    Handler.slow.set()
    control = homelab.ControlApi.headscale(address, "env:KEY")
    with pytest.raises(homelab.TimedOut):
        control.with_limit(timedelta(milliseconds=50)).policy()
    task = asyncio.create_task(control.tailnet_async())
    await asyncio.sleep(0.05)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.1
