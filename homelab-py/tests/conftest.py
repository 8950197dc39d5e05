"""What the tests share: a small lab in memory, the sample lab, and a git that hangs."""

from __future__ import annotations

import json
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


POLICY = """{
    // the NAS is for the family
    "groups": {"group:family": ["alice@example.com", "bob@example.com"]},
    "tagOwners": {"tag:nas": ["autogroup:admin"], "tag:router": ["autogroup:admin"]},
    "acls": [
        {"action": "accept", "src": ["group:family"], "dst": ["tag:nas:443"]},
        {"action": "accept", "src": ["autogroup:admin"], "dst": ["tag:nas:22", "192.168.1.0/24:*"]},
    ],
    "ssh": [{"action": "accept", "src": ["autogroup:admin"], "dst": ["tag:nas"], "users": ["root"]}],
    "nodeAttrs": [{"target": ["tag:nas"], "attr": ["funnel"]}],
    "tests": [{"src": "bob@example.com", "accept": ["tag:nas:443"], "deny": ["tag:nas:22"]}],
}"""


def write_tailnet(folder: Path) -> Path:
    """Writes a policy, another, one that is none, and the devices and people that they are about."""
    folder.mkdir()
    (folder / "policy.hujson").write_text(POLICY)
    (folder / "newer.hujson").write_text(POLICY.replace("tag:nas:443", "tag:nas:5000", 1))
    (folder / "wrong.hujson").write_text(POLICY.replace("tag:nas:22", "tag:nobody:22", 1))
    alice, bob = "alice@example.com", "bob@example.com"
    devices: list[dict[str, object]] = [
        {"hostname": "nas", "addresses": ["100.64.0.2", "fd7a:115c:a1e0::2"], "user": alice, "tags": ["tag:nas"]},
        {
            "hostname": "router",
            "addresses": ["100.64.0.3"],
            "user": alice,
            "tags": ["tag:router"],
            "advertisedRoutes": ["192.168.1.0/24"],
            "enabledRoutes": ["192.168.1.0/24"],
        },
        {"hostname": "phone", "addresses": ["100.64.0.1"], "user": bob, "expires": "2027-01-31T00:00:00Z"},
        {"hostname": "laptop", "addresses": ["100.64.0.4"], "user": alice},
    ]
    (folder / "devices.json").write_text(json.dumps({"devices": devices}))
    users = [{"loginName": alice, "role": "owner"}, {"loginName": bob, "role": "member"}]
    (folder / "users.json").write_text(json.dumps({"users": users}))
    return folder


def write_policy(folder: Path) -> None:
    """Gives a lab a machine in a tailnet, and the policy of it."""
    policy = POLICY.replace("tag:nas:443", "tag:nas:443,8080")
    (folder / "policy.hujson").write_text(policy)
    (folder / "newer.hujson").write_text(policy.replace("443,8080", "5000", 1))
    (folder / "instance.toml").write_text(
        "[hosts.nas]\naddresses = ['192.0.2.10']\ntailnet = '100.64.0.2'\n"
        "[tailnet]\npolicy = 'policy.hujson'\n"
        "[[tailnet.devices]]\nname = 'nas'\naddresses = ['100.64.0.2']\ntags = ['tag:nas']\n"
        "[[tailnet.devices]]\nname = 'phone'\naddresses = ['100.64.0.1']\nuser = 'bob@example.com'\n"
        "[people.bob]\nlogin = 'bob@example.com'\n"
    )


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
