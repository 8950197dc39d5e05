"""What the tests share: a small lab in memory, the sample lab, and a git that hangs."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

import homelab

ROOT = Path(__file__).resolve().parents[2]
# A shell that starts the tests in the background lets them ignore Ctrl-C, and all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NOW = datetime(2026, 12, 1, 12, tzinfo=timezone.utc)

COMPOSE = """\
services:
  notes:
    image: ghcr.io/example/notes:2.1
    ports: ['8080:80']
    volumes: ['/var/run/docker.sock:/var/run/docker.sock']
"""


@pytest.fixture
def lab() -> homelab.Lab:
    """One service that has the engine's socket, and a forward that leads to it."""
    instance = (
        "[hosts.server]\naddresses = ['192.0.2.10']\npublic_addresses = []\n[[hosts.server.forwards]]\nport = 8080\n"
    )
    return homelab.Lab.from_texts("home", {"services/notes/compose.yaml": COMPOSE, "instance.toml": instance})


@pytest.fixture
def seen() -> homelab.Observed:
    return homelab.Observed.none(NOW)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab on disk, with a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    project = tmp_path / "lab" / "notes"
    project.mkdir(parents=True)
    (project / "compose.yaml").write_text(COMPOSE)
    return tmp_path / "lab"


class SlowGit:
    """A `git` that hangs until it is released, and says that it was started."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.pid_file = folder / "git.pid"
        self.bin.mkdir()
        git = self.bin / "git"
        self.go = folder / "go"
        git.write_text(
            f"#!/bin/sh\necho $$ > {self.pid_file}.$$\nmv {self.pid_file}.$$ {self.pid_file}\n"
            f"while [ ! -e {self.go} ]; do sleep 0.05; done\nexit 1\n"
        )
        git.chmod(0o755)

    @property
    def path(self) -> str:
        return f"{self.bin}:{os.environ['PATH']}"

    def release(self) -> None:
        """Lets it end, now and whenever it is run again."""
        self.go.touch()

    def started(self) -> bool:
        return self.pid_file.exists()

    def wait_until_started(self) -> None:
        end = time.monotonic() + 10
        while not self.started():
            assert time.monotonic() < end, "git was not started"
            time.sleep(0.01)

    def wait_until_gone(self) -> None:
        pid = int(self.pid_file.read_text())
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                return
            if state == "Z":
                return
            time.sleep(0.01)
        raise AssertionError("git still runs")


@pytest.fixture
def slow_git(tmp_path: Path) -> SlowGit:
    return SlowGit(tmp_path)
