"""The portal's server, asked over loopback."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

import homelab
from conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PORTAL = ROOT / "tests" / "portal" / "lab"
ANY = "127.0.0.1:0"


@pytest.fixture
def portal() -> homelab.Lab:
    return homelab.Lab.load(PORTAL)


def page(address: str, who: str | None = None) -> str:
    """Returns the page of somebody, who is named by Serve's header."""
    request = urllib.request.Request(f"http://{address}/")
    if who is not None:
        request.add_header("Tailscale-User-Login", who)
    with urllib.request.urlopen(request, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_each_person_is_shown_what_they_may_reach(portal: homelab.Lab) -> None:
    with homelab.Server.start(portal, listen=ANY, behind_serve=True, own_daemon=False) as server:
        assert server.address.startswith("127.0.0.1:")
        assert "Grafana" in page(server.address, "ann@example.org")
        assert "Grafana" not in page(server.address, "ben@example.org")
        with pytest.raises(urllib.error.HTTPError) as refused:
            page(server.address)
        assert refused.value.code == 401
        refused.value.close()
        server.show(homelab.Lab.from_texts("other", {}))
        with pytest.raises(urllib.error.HTTPError) as unknown:
            page(server.address, "ann@example.org")
        unknown.value.close()
        assert not server.closed
    assert server.closed
    server.stop()
    server.close()
    assert repr(server) == f"<Server on {server.address} closed>"
    with pytest.raises(urllib.error.URLError):
        page(server.address, "ann@example.org")


def test_a_header_is_believed_of_nobody_unless_it_is_said(portal: homelab.Lab) -> None:
    server = homelab.Server.start(portal, listen=ANY, own_daemon=False)
    with pytest.raises(urllib.error.HTTPError) as refused:
        page(server.address, "ann@example.org")
    assert refused.value.code == 403
    refused.value.close()
    server.close()


def test_it_listens_where_only_the_labs_own_people_come(portal: homelab.Lab) -> None:
    with pytest.raises(homelab.Refused):
        homelab.Server.start(portal, listen="0.0.0.0:0")
    with pytest.raises(homelab.Invalid):
        homelab.Server.start(portal, listen="localhost")
    server = homelab.Server.start(portal, listen=ANY)
    with pytest.raises(homelab.Conflict):
        homelab.Server.start(portal, listen=server.address)
    server.close()


async def test_it_is_awaited(portal: homelab.Lab) -> None:
    import asyncio

    async with await homelab.Server.start_async(portal, listen=ANY, behind_serve=True, names=["nas"]) as server:
        assert "Grafana" in await asyncio.to_thread(page, server.address, "ann@example.org")
    assert server.closed
    other = await homelab.Server.start_async(portal, listen=ANY)
    await other.stop_async()
    assert other.closed


def test_the_command_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "homelab", "portal", str(PORTAL), "--listen", ANY, "--behind-serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("listening on http://127.0.0.1:")
        address = said.removeprefix("listening on http://").strip().rstrip("/")
        assert "Grafana" in page(address, "ann@example.org")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    alone = subprocess.run([*command[:5], "--why", "grafana"], capture_output=True, text=True, timeout=60, check=False)
    assert alone.returncode == 2
    assert alone.stderr.startswith("error: failed to find `--who` beside `--why`")
