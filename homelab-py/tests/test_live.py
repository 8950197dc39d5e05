"""What runs is seen, watched, compared with what was written, and restarted; on an engine made up, and on real ones."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import homelab
from engine import Engine
from homelab import Reach, Status
from test_cli import built_examples, run

COMPOSE = """\
services:
  site: { image: 'example/site:1', depends_on: [db], network_mode: none }
  db: { image: 'example/db:1', network_mode: none }
"""


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        engine.add("web", "site", "example/site:1")
        engine.add("web", "db", "example/db:2")
        engine.add("old", "wiki", "example/wiki:1", state="exited")
        yield engine


@pytest.fixture
def lab(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> homelab.Lab:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "lab"
    (folder / "web").mkdir(parents=True)
    (folder / "web" / "compose.yaml").write_text(COMPOSE)
    (folder / "instance.toml").write_text(f"[hosts.nas]\nengine = '{engine.address}'\n")
    return homelab.Lab.load(folder)


def test_what_runs_is_placed_and_compared(lab: homelab.Lab, engine: Engine) -> None:
    with homelab.connect_sync(lab) as world:
        assert world.engines().hosts == ["nas"]
        seen = world.observe()
        assert world.observe(engines=False).inventory is None
        again = world.engines().with_limit(timedelta(seconds=3)).inventory()
        assert (str(again), again == seen.inventory) == (str(seen.inventory), False), "it was seen at another moment"
        assert repr(world.engines()) == "<Engines of nas>"
    inventory = seen.inventory
    assert inventory is not None
    assert len(inventory) == 3
    assert inventory.hosts[0].source == "docker 28.0.0"
    assert "nas: web-db-1 (example/db:2, running)" in str(inventory)
    assert "hunter2" not in f"{inventory}{inventory!r}"

    running = lab.running(seen)
    found = {f"{one.project}/{one.service}": (one.state, one.reach) for one in running.containers}
    assert found == {
        "old/wiki": ("exited", None),
        "web/db": ("running", Reach.NONE),
        "web/site": ("running", Reach.NONE),
    }
    assert running == running.view().to_dict()
    assert "hunter2" not in running.to_json()
    assert str(running).startswith("nas (docker 28.0.0): 3 containers\n")

    drift = lab.drift(seen)
    [difference] = drift.differences
    assert (difference.kind, difference.service, difference.declared) == ("image", "db", "example/db:1")
    assert difference.place is not None
    assert (difference.place.file, difference.place.line) == ("web/compose.yaml", 3)
    assert (drift.is_complete, drift.exit_code(), len(drift), bool(drift)) == (True, 1, 1, True)
    assert drift == drift.view().to_dict()
    assert str(drift).startswith("nas (docker 28.0.0): 1 difference\n")

    adopted = homelab.Lab.adopt("home", inventory)
    assert sorted(service.project for service in adopted.services) == ["old", "web", "web"]
    offline = lab.drift(homelab.Observed.none())
    assert (offline.exit_code(), len(offline), bool(offline)) == (3, 0, True)


def test_a_dead_host_is_a_fact(lab: homelab.Lab, engine: Engine) -> None:
    engine.__exit__()
    with homelab.connect_sync(lab) as world:
        seen = world.observe()
        [host] = lab.drift(seen).hosts
        assert (host.seen, host.gaps[0].part, host.gaps[0].kind) == (False, "engine", "unreachable")
        with pytest.raises(homelab.Unreachable):
            lab.plan_restart("web", seen)


def test_a_plan_restarts_what_is_waited_for_first(lab: homelab.Lab, engine: Engine) -> None:
    with homelab.connect_sync(lab) as world:
        seen = world.observe()
        plan = lab.plan_restart("web", seen)
        assert [step.target for step in plan.steps] == ["nas:web-db-1", "nas:web-site-1"]
        before = {one["Name"]: one["State"]["StartedAt"] for one in engine.containers.values()}
        plan.apply(world)
        after = {one["Name"]: one["State"]["StartedAt"] for one in engine.containers.values()}
        assert [name for name in before if before[name] != after[name]] == ["/web-site-1", "/web-db-1"]
        assert plan.apply(world).status is Status.SKIPPED, "it was restarted since that was planned"
        lab.plan_stop("web/site", world.observe()).apply(world)
        assert engine.containers[f"{1:064x}"]["State"]["Status"] == "exited"
        start = lab.plan_start("*", world.observe())
        assert [step.target for step in start.steps] == ["nas:web-site-1"], "what no file mentions is left alone"
        assert len(lab.plan_start("old/wiki", world.observe())) == 1, "but for its whole name"
        with pytest.raises(homelab.NotFound):
            lab.plan_start("nothing", seen)


def test_changes_are_told_as_they_happen(lab: homelab.Lab, engine: Engine) -> None:
    with homelab.connect_sync(lab) as world:
        changes = world.engines().watch()
        first = next(changes)
        assert (first.kind, len(first.hosts), first.text) == ("full", 1, "3 containers on 1 hosts")
        engine.act(f"{1:064x}", "stop")
        change = next(changes)
        assert (change.kind, change.host, change.name, change.state) == ("container", "nas", "web-site-1", "exited")
        seen = homelab.Observed.none().with_inventory(changes.inventory)
        assert [one.kind for one in lab.drift(seen).differences] == ["image", "stopped"]
        # Also one that waits is ended.
        threading.Timer(0.2, changes.close).start()
        assert list(changes) == []


async def test_changes_are_awaited_too(lab: homelab.Lab, engine: Engine) -> None:
    async with homelab.connect(lab) as world:
        told: list[str] = []
        changes = world.engines().watch()
        async for change in changes:
            told.append(change.kind)
            if len(told) == 2:
                break
            engine.act(f"{2:064x}", "stop")
        assert told == ["full", "container"]
        # A reader that is cancelled loses nothing.
        waiting = asyncio.ensure_future(changes.__anext__())
        await asyncio.sleep(0.05)
        waiting.cancel()
        engine.act(f"{2:064x}", "start")
        assert (await changes.__anext__()).state == "running"
        await changes.aclose()
        assert [change async for change in changes] == []
        seen = await world.observe()
        assert (await lab.running_async(seen)) == lab.running(seen)
        assert (await lab.drift_async(seen)) == lab.drift(seen)
        assert seen.inventory is not None
        assert len((await homelab.Lab.adopt_async("home", seen.inventory)).services) == 3
        for plan in (lab.plan_start_async, lab.plan_stop_async, lab.plan_restart_async, lab.plan_recreate_async):
            await plan("web", seen)
        for plan in (lab.plan_up_async, lab.plan_down_async, lab.plan_update_async):
            assert len(await plan("*", seen)) > 0
        assert len(await world.engines().inventory_async()) == 3


def test_what_containers_have_written_is_one_story(lab: homelab.Lab, engine: Engine) -> None:
    for number, line in enumerate(["one", "two", "\x1b[2Jthree"]):
        engine.write(1 + number % 2, line, output=1 + number % 2)
    with homelab.connect_sync(lab) as world:
        seen = world.observe()
        lines = list(world.engines().logs(lab, "web", seen))
        told = [(line.service, line.output, line.text) for line in lines]
        assert told == [("site", "stdout", "one"), ("db", "stderr", "two"), ("site", "stdout", "\x1b[2Jthree")]
        assert [line.line for line in lines][1:] == ["web/db | two", "web/site | \\u{1b}[2Jthree"]
        assert (lines[0].host, lines[0].container, lines[0].continues) == ("nas", "web-site-1", False)
        assert lines[0].at is not None
        assert [line.text for line in world.engines().logs(lab, "web/site", seen, tail=1)] == ["\x1b[2Jthree"]
        with pytest.raises(homelab.NotFound):
            world.engines().logs(lab, "nothing", seen)
        logs = world.engines().logs(lab, "web", seen)
        logs.close()
        assert (list(logs), repr(logs)) == ([], "<Logs, closed>")
        engine.__exit__()
        with pytest.raises(homelab.Unreachable):
            list(world.engines().logs(lab, "web", seen))


async def test_what_containers_have_written_is_awaited_too(lab: homelab.Lab, engine: Engine) -> None:
    engine.write(2, "ready")
    async with homelab.connect(lab) as world:
        logs = world.engines().logs(lab, "web", await world.observe())
        assert [line.line async for line in logs] == ["web/db | ready"]
        await logs.aclose()


def test_docker_compose_makes_what_is_written(lab: homelab.Lab, engine: Engine, tmp_path: Path) -> None:
    said = tmp_path / "said"
    compose = tmp_path / "docker-compose"
    compose.write_text(
        f'#!/bin/sh\necho "$DOCKER_HOST $*" >> {said}\n'
        'case "$*" in *pull*) echo \'{"error":true,"message":"no such image"}\' >&2; exit 1 ;; esac\n'
        'echo \'{"id":"Container web-db-1","status":"Recreated"}\' >&2\n'
    )
    compose.chmod(0o755)
    with homelab.connect_sync(lab, compose=compose) as world:
        seen = world.observe()
        plan = lab.plan_up("web", seen)
        assert str(plan) == "bring up web\n  1. run `docker compose up --detach` for project `web` on host `nas`\n"
        events: list[str] = []
        outcome = plan.apply(world, progress=lambda event: events.append(f"{event.kind} {event.text}"))
        assert outcome.status is Status.SKIPPED, "this one does nothing"
        assert "progress 1. Container web-db-1 Recreated" in events
        file = lab.root / "web" / "compose.yaml"
        words = f"--progress json --project-name web --file {file}"
        assert said.read_text() == f"{engine.address} {words} up --detach\n"
        lab.plan_recreate("web/db", seen).apply(world)
        assert said.read_text().endswith(f"{words} up --detach --no-deps --force-recreate db\n")
        with pytest.raises(homelab.ToolFailed) as caught:
            lab.plan_update("web", seen).apply(world)
        assert (caught.value.hint, caught.value.done) == ("no such image", ())
        assert [step.kind for step in lab.plan_update("web", seen).steps] == ["compose_pull", "compose_update"]
        lab.plan_down("*", seen).apply(world)
        with pytest.raises(homelab.Unsupported):
            lab.plan_up("old/wiki", seen)
        file.write_text(COMPOSE + "\n")
        with pytest.raises(homelab.Conflict):
            plan.apply(world)
    with homelab.connect_sync(lab, compose=tmp_path / "none") as world, pytest.raises(homelab.ToolMissing):
        homelab.Lab.load(lab.root).plan_down("web", seen).apply(world)


@pytest.mark.parametrize("name", ["docker-20", "docker-new", "podman"])
def test_a_real_engine_is_watched_and_restarted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = dict(pair.split("=", 1) for pair in os.environ.get("HOMELAB_ENGINES", "").split())
    if name not in engines:
        pytest.skip(f"{name} was not started (tests/engines.py does)")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    project = f"py{uuid.uuid4().hex[:8]}"
    folder = tmp_path / "lab"
    (folder / project).mkdir(parents=True)
    (folder / project / "compose.yaml").write_text("services: { site: { image: 'homelab/contract:1' } }")
    (folder / "instance.toml").write_text(f"[hosts.nas]\nengine = '{engines[name]}'\n")

    def docker(*words: str) -> None:
        command = ["docker", "-H", engines[name], *words]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    lab = homelab.Lab.load(folder)
    container = f"{project}-site-1"
    with homelab.connect_sync(lab) as world:
        changes = world.engines().watch()
        assert next(changes).kind == "full"
        limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
        says = ["sh", "-c", "echo ready; exec sleep 600"]
        docker("run", "-d", "--name", container, "--network", "none", *limits, "homelab/contract:1", *says)
        try:
            while (change := next(changes)).name != container or change.state != "running":
                pass
            seen = world.observe()
            [own] = [one for one in lab.running(seen).containers if one.project == project]
            assert (own.service, own.placed_by, own.state) == ("site", "name", "running")
            logs = world.engines().logs(lab, f"{project}/site", seen, follow=True)
            assert next(logs).line == f"{project}/site | ready"
            threading.Timer(0.2, logs.close).start()
            assert list(logs) == []
            lab.plan_restart(f"{project}/site", seen).apply(world)
            [again] = [one for one in lab.running(world.observe()).containers if one.project == project]
            assert again.started is not None
            assert own.started is not None
            assert (again.state, again.started > own.started) == ("running", True)
        finally:
            docker("rm", "-f", "-v", container)
        while (change := next(changes)).name != container or change.kind != "removed":
            pass
        changes.close()


NOW = "--now=2026-12-01"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["inventory", "{lab}", NOW], 0),
        (["inventory", "{lab}", NOW, "--format=json"], 0),
        (["inventory", "{lab}", "--now=soon"], 2),
        (["inventory", "{lab}/none"], 2),
        (["drift", "{lab}", NOW], 1),
        (["drift", "{lab}", NOW, "--format", "json"], 1),
        (["drift", "{dead}", NOW], 3),
        (["watch", "{lab}", "--once"], 0),
        (["watch", "{dead}", "--once"], 0),
        (["logs", "{lab}", "web"], 0),
        (["logs", "{lab}", "web/db", "--tail", "1"], 0),
        (["logs", "{lab}", "nothing"], 2),
        (["logs", "{dead}", "web"], 2),
        (["run", "restart", "{lab}", "web"], 0),
        (["run", "restart", "{lab}", "web", "--yes"], 0),
        (["run", "start", "{lab}", "*", "--yes"], 0),
        (["run", "stop", "{lab}", "old/wiki"], 0),
        (["run", "recreate", "{lab}", "web"], 0),
        (["run", "update", "{lab}", "*"], 0),
        (["run", "up", "{lab}", "web/site"], 0),
        (["run", "down", "{lab}", "web"], 0),
        (["run", "down", "{lab}", "web/site"], 2),
        (["run", "stop", "{lab}", "nothing"], 2),
        (["run", "stop", "{dead}", "web", "--yes"], 2),
    ],
)
def test_commands_say_what_the_rust_examples_say(
    lab: homelab.Lab, engine: Engine, tmp_path: Path, words: list[str], code: int
) -> None:
    for number, line in enumerate(["one", "two", "three"]):
        engine.write(1 + number % 2, line)
    dead = tmp_path / "dead"
    shutil.copytree(lab.root, dead)
    (dead / "instance.toml").write_text("[hosts.nas]\nengine = 'unix:///homelab/none'\n")
    words = [word.format(lab=lab.root, dead=dead) for word in words]
    ours = run(*words)
    assert ours.returncode == code, ours.stderr
    assert "hunter2" not in ours.stdout
    if (examples := built_examples()) is None:
        pytest.skip("HOMELAB_EXAMPLES names no folder with the built Rust examples, and target/debug has none")

    def timeless(text: str) -> str:
        # When each was asked.
        return re.sub(r'"at": "[^"]+"', '"at": ""', text)

    theirs = run(*words[1:], program=[f"{examples}/{words[0]}"])
    assert timeless(ours.stdout) == timeless(theirs.stdout)
    assert (ours.stderr, ours.returncode) == (theirs.stderr, theirs.returncode)


def test_run_does_nothing_before_it_is_told_to(lab: homelab.Lab, engine: Engine) -> None:
    state = engine.containers[f"{1:064x}"]["State"]
    shown = run("run", "stop", "web/site", cwd=lab.root)
    assert shown.stdout == (
        "stop web/site\n  1. stop container `web-site-1` on host `nas`\nnothing is done yet: `--yes` does\n"
    )
    assert state["Status"] == "running"
    done = run("run", "stop", "web/site", "--yes", cwd=lab.root)
    assert done.stdout.splitlines()[-2:] == ["1. done: stop container `web-site-1` on host `nas`", "complete"]
    assert state["Status"] == "exited"
    assert run("run", "stop", "web/site", "--yes", cwd=lab.root).stdout == "stop web/site\n  nothing to do\n"
    assert "VERB" in run("run", "dance", "web").stderr


def test_watch_tells_at_once_and_ends_by_ctrl_c(lab: homelab.Lab, engine: Engine) -> None:
    command = [sys.executable, "-m", "homelab", "watch", str(lab.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "3 containers on 1 hosts\n"
        for _ in range(3):
            watching.stdout.readline()
        engine.act(f"{1:064x}", "stop")
        assert watching.stdout.readline() == "nas: web-site-1 (example/site:1, exited)\n"
        watching.send_signal(signal.SIGINT)
        out, error = watching.communicate(timeout=10)
        assert (out, error, watching.returncode) == ("", "", 130)
