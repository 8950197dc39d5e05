"""Each script of examples/python does what it says, on a lab of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

import homelab
from conftest import COMPOSE, ROOT

SCRIPTS = ROOT / "examples" / "python"


def run(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / name), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def public(folder: Path) -> None:
    (folder / "instance.toml").write_text(
        "[hosts.server]\naddresses = ['192.0.2.10']\npublic_addresses = []\n[[hosts.server.forwards]]\nport = 8080\n"
    )


def test_every_script_is_tested() -> None:
    tested = Path(__file__).read_text()
    scripts = sorted(SCRIPTS.glob("*.py"))
    assert len(scripts) >= 4
    for script in scripts:
        assert f'"{script.name}"' in tested, script.name


def test_the_nightly_audit_is_a_page_and_its_data(folder: Path, tmp_path: Path) -> None:
    done = run("nightly_audit.py", folder, tmp_path / "lab.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the worst: warning" in done.stdout
    assert (tmp_path / "lab.html").read_text().lower().startswith("<!doctype html>")
    assert json.loads((tmp_path / "lab.json").read_text())["counts"]["error"] == 0
    public(folder)
    assert run("nightly_audit.py", folder, tmp_path / "lab.html").returncode == 1


def test_what_changed_is_said_once(folder: Path, tmp_path: Path) -> None:
    last = tmp_path / "last.json"
    assert run("what_changed.py", folder, last).stdout == "nothing to compare with yet\n"
    assert run("what_changed.py", folder, last).stdout == ""
    file = folder / "notes" / "compose.yaml"
    file.write_text(
        COMPOSE.replace("    volumes: ['/var/run/docker.sock:/var/run/docker.sock']\n", "    privileged: true\n")
    )
    public(folder)
    changed = run("what_changed.py", folder, last).stdout
    assert "new: notes/compose.yaml:5:" in changed
    assert "[service.privileged]" in changed
    assert "gone: service.docker-socket: " in changed
    assert "notes/notes: reached from lan before, from internet now\n" in changed
    assert run("what_changed.py", folder, last).stdout == ""


def test_what_is_public_needs_an_exception(folder: Path) -> None:
    assert run("anything_public.py", folder).stdout == "nothing is public\n"
    public(folder)
    done = run("anything_public.py", folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("server:notes/notes: no exception\n  ")
    (folder / "lab.toml").write_text(
        "[[exceptions]]\nservice = 'notes/notes'\nreach = 'internet'\nreason = 'others write to it'\n"
        "owner = 'admin'\nexpires = 2099-01-01\nmitigations = ['auth']\n"
    )
    done = run("anything_public.py", folder)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "server:notes/notes: as agreed")


def test_findings_become_a_frame() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    done = run("findings_to_frame.py", ROOT / "examples" / "lab")
    assert (done.returncode, done.stderr) == (0, "")
    assert "service.docker-socket" in done.stdout
    assert "internet" in done.stdout


def test_the_pattern_is_published_without_the_lab(folder: Path, tmp_path: Path) -> None:
    (folder / "instance.toml").write_text("[hosts.zephyr7]\naddresses = ['192.168.7.10']\n")
    compose = COMPOSE.replace("'8080:80'", "'192.168.7.10:8080:80'")
    (folder / "notes" / "compose.yaml").write_text(compose)
    template, values = tmp_path / "template", tmp_path / "values.json"
    run("publish_my_pattern.py", folder, template, values)
    done = run("publish_my_pattern.py", folder, template, values)
    assert (done.returncode, done.stderr) == (0, "")
    assert "FAILS" not in done.stdout
    shared = (template / "notes" / "compose.yaml").read_text()
    assert "${HOST_1_ADDRESS}:8080:80" in shared
    assert not (template / "instance.toml").exists()
    assert values.stat().st_mode & 0o777 == 0o600
    (folder / "notes" / "zephyr7.sh").write_text("true\n")
    done = run("publish_my_pattern.py", folder, tmp_path / "none", values)
    assert done.returncode == 1
    assert not (tmp_path / "none").exists()


def copied(folder: Path) -> None:
    """Gives a lab data, and a repository for it."""
    beside = folder.parent
    (beside / "data").mkdir()
    (beside / "data" / "a.txt").write_text("a")
    (beside / "key").write_text("made up")
    (folder / "lab.toml").write_text(f"[datasets.data]\nclass = 'irreplaceable'\npaths = ['{beside}/data']\n")
    (folder / "instance.toml").write_text(
        f"[repositories.usb]\nkind = 'restic'\nlocation = '{beside}/copies'\npassword = 'file:{beside}/key'\n"
    )


class Kuma(BaseHTTPRequestHandler):
    """Uptime Kuma, as far as it is told how something went."""

    told: ClassVar[list[dict[str, list[str]]]] = []

    def do_GET(self) -> None:
        Kuma.told.append(parse_qs(urlsplit(self.path).query))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ok":true}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def test_a_backup_is_told_whether_it_went_well_or_not(folder: Path) -> None:
    copied(folder)
    with HTTPServer(("127.0.0.1", 0), Kuma) as kuma:
        Thread(target=kuma.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{kuma.server_port}/api/push/token"
        early = run("backup_and_ping.py", folder, url)
        assert early.returncode == 1
        lab = homelab.Lab.load(folder)
        with homelab.connect_sync(lab) as world:
            lab.plan_make_repository("usb", world.observe(engines=False)).apply(world)
        done = run("backup_and_ping.py", folder, url)
        assert (done.returncode, done.stderr) == (0, "")
        kuma.shutdown()
    down, up = Kuma.told
    assert down["status"] == ["down"]
    assert down["msg"][0].startswith("not_initialised: ")
    assert (up["status"], up["msg"]) == (["up"], ["1 copies made"])
    assert int(up["ping"][0]) > 0
    untold = run("backup_and_ping.py", folder, url)
    assert untold.returncode == 2
    assert "was not told" in untold.stderr
    assert "token" not in untold.stderr


def test_the_drill_of_the_month_proves_what_has_waited_longest(folder: Path) -> None:
    copied(folder)
    assert run("drill_of_the_month.py", folder).returncode == 2
    lab = homelab.Lab.load(folder)
    with homelab.connect_sync(lab) as world:
        lab.plan_make_repository("usb", world.observe(engines=False)).apply(world)
        lab.plan_backup("data", world.observe(engines=False)).apply(world)
    proven = run("drill_of_the_month.py", folder)
    assert (proven.returncode, proven.stderr) == (0, "")
    assert proven.stdout.startswith("data from usb: 1 files with 1 B came back, 1 the same to the byte as here")
    # As a disk would change it: what is kept of it here, and in the copy, is not the same any more.
    [pack] = [path for path in (folder.parent / "copies" / "data").rglob("*") if path.is_file()][:1]
    content = bytearray(pack.read_bytes())
    content[10] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)
    broken = run("drill_of_the_month.py", folder)
    assert broken.returncode == 1
    assert "data does NOT restore" in broken.stderr
