"""One engine: what it has, what its containers do, and what it is told to do; on one made up, and on real ones."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import homelab
from engine import Engine

IMAGE = "homelab/contract:1"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        engine.add("web", "site", "example/site:1")
        yield engine


def lab_of(folder: Path, address: str) -> homelab.Lab:
    folder.mkdir(exist_ok=True)
    (folder / "instance.toml").write_text(f"[hosts.nas]\nengine = '{address}'\n")
    return homelab.Lab.load(folder)


def test_an_engine_is_asked_by_its_hosts_name(tmp_path: Path, engine: Engine) -> None:
    with homelab.connect_sync(lab_of(tmp_path, engine.address)) as world:
        with pytest.raises(homelab.NotFound) as caught:
            world.engines().engine("mars")
        assert caught.value.hint == "there is `nas`"
        nas = world.engines().engine("nas")
        assert (nas.host, repr(nas), nas.info().version) == ("nas", "<Engine of nas>", "28.0.0")
        [one] = nas.containers()
        assert one == nas.container(one.id)
        assert (one.name, one.project, one.service, one.state) == ("web-site-1", "web", "site", "running")
        assert one.environment == ("TOKEN",), "a value may be a secret"
        assert "hunter2" not in str(one)
        assert (nas.images(), nas.volumes(), nas.networks()) == ([], [], [])
        nas.stop(one.id, grace=timedelta(seconds=1))
        assert nas.container(one.id).state == "exited"
        nas.start(one.id)
        engine.write(1, "ready")
        assert [line.line for line in nas.logs(one.id)] == ["web/site | ready"]
        with pytest.raises(homelab.NotFound):
            nas.restart("nothing")
        for wrong in ["", "a/b", "../x", "-x"]:
            with pytest.raises(homelab.Invalid):
                nas.remove(wrong, force=True)


async def test_an_engine_is_awaited_too(tmp_path: Path, engine: Engine) -> None:
    async with homelab.connect(lab_of(tmp_path, engine.address)) as world:
        nas = await world.engines().engine_async("nas")
        assert (await nas.info_async()).kind == "docker"
        [one] = await nas.containers_async()
        await nas.restart_async(one.id)
        engine.write(1, "one")
        assert [line.text async for line in nas.logs(one.id)] == ["one"]
        events = nas.events()
        threading.Timer(0.3, engine.act, (one.id, "stop")).start()
        event = await events.__anext__()
        assert (event.subject, event.name, event.action) == ("container", "web-site-1", "died")
        await events.aclose()
        assert [event async for event in events] == []
        assert (await nas.container_async(one.id)).state == "exited"
        assert await nas.images_async() == await nas.networks_async() == await nas.volumes_async() == []
        with pytest.raises(homelab.NotFound):
            await nas.start_async("nothing")


@pytest.fixture(params=["docker-20", "docker-new", "podman"])
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[homelab.Engine, str]]:
    """A real engine, and a container of it that runs until it is removed."""
    engines = dict(pair.split("=", 1) for pair in os.environ.get("HOMELAB_ENGINES", "").split())
    if request.param not in engines:
        pytest.skip(f"{request.param} was not started (tests/engines.py does)")
    address, name = engines[request.param], f"py{uuid.uuid4().hex[:8]}"

    def docker(*words: str) -> None:
        subprocess.run(["docker", "-H", address, *words], check=True, capture_output=True, timeout=60)

    limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
    says = ["sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done"]
    docker("run", "-d", "--name", name, "--network", "none", "-e", "TOKEN=hunter2", *limits, IMAGE, *says)
    try:
        with homelab.connect_sync(lab_of(tmp_path, address)) as world:
            yield world.engines().engine("nas"), name
    finally:
        subprocess.run(["docker", "-H", address, "rm", "-f", "-v", name], capture_output=True, timeout=60)


def test_a_container_of_a_real_engine_is_looked_at_and_acted_on(real: tuple[homelab.Engine, str]) -> None:
    nas, name = real
    assert nas.info().kind in ("docker", "podman")
    assert name in [one.name for one in nas.containers()]
    one = nas.container(name)
    assert (one.state, one.project, "TOKEN" in one.environment) == ("running", None, True)
    assert "hunter2" not in one.to_json()
    assert any(tag.endswith(IMAGE) for image in nas.images() for tag in image.tags)
    assert all(volume.size is not None for volume in nas.volumes(sizes=True))
    assert nas.networks()
    lines = nas.logs(name, follow=True)
    assert next(lines).line == f"_/{name} | ready"
    lines.close()
    assert list(lines) == []
    assert any("sleep" in each.command or "sh" in each.command for each in nas.top(name))
    samples = nas.stats(name)
    first, second = next(samples), next(samples)
    assert first.memory_limit > 0
    assert second.cpu_percent is not None
    samples.close()
    nas.pause(name)
    assert nas.container(name).state == "paused"
    with pytest.raises(homelab.Conflict):
        nas.pause(name)
    nas.unpause(name)
    nas.restart(name, grace=timedelta(seconds=2))
    assert (nas.container(name).started or "") > (one.started or "")
    # It has said so twice: only then it obeys.
    again = nas.logs(name, follow=True)
    assert [next(again).text, next(again).text] == ["ready", "ready"]
    again.close()
    nas.stop(name)
    assert nas.container(name).exit_code == 3
    with pytest.raises(homelab.Conflict):
        nas.kill(name)
    nas.start(name)
    since = nas.info().clock
    assert since is not None
    nas.kill(name, "SIGKILL")
    with pytest.raises(homelab.Conflict):
        nas.exec(name, ["true"]).__next__()
    nas.remove(name)
    with pytest.raises(homelab.NotFound):
        nas.container(name)


def test_programs_and_files_of_a_real_container(real: tuple[homelab.Engine, str]) -> None:
    nas, name = real
    script = "cat; echo wrong >&2; echo $WORD; exit 7"
    items = list(nas.exec(name, ["sh", "-c", script], input=b"given\n", environment={"WORD": "told"}))
    both = {output: b"".join(one.data for one in items if one.output == output) for output in ("stdout", "stderr")}
    assert both == {"stdout": b"given\ntold\n", "stderr": b"wrong\n"}
    assert (items[-1].code, items[-1].output, [one.code for one in items[:-1] if one.code is not None]) == (7, None, [])

    # Bytes that are made while they are read, and come back as they were.
    data = bytes(range(256)) * 40_000
    pieces = (data[start : start + 65_536] for start in range(0, len(data), 65_536))
    result = nas.run(name, ["cat"], input=pieces)
    assert (result.code, result.stdout == data, result.stderr) == (0, True, b"")

    def broken() -> Iterator[bytes]:
        yield b"one"
        raise ValueError("no more")

    with pytest.raises(homelab.Error, match="piece by piece") as caught:
        nas.run(name, ["cat"], input=broken())
    assert "no more" in str(caught.value.hint)
    # Some versions say so by a code, others by an error.
    try:
        said = str(nas.run(name, ["no-such-program"]).code)
    except homelab.ToolFailed as failed:
        said = f"{failed}{failed.hint}"
    assert said in ("126", "127") or "no-such-program" in said

    nas.write_file(name, "/data/file", b"content", mode=0o600)
    assert nas.read_file(name, "/data/file") == b"content"
    with pytest.raises(homelab.NotFound):
        nas.read_file(name, "/data/none")
    nas.write_file(name, "/data/large", b"x" * 200_000)
    with pytest.raises(homelab.Refused):
        nas.read_file(name, "/data/large", most=1000)
    archive = b"".join(nas.copy_out(name, "/data/file"))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        [member] = tar.getmembers()
        assert (member.name, member.mode & 0o777, member.size) == ("file", 0o600, 7)
    nas.copy_in(name, "/tmp", archive)
    assert nas.run(name, ["cat", "/tmp/file"]).stdout == b"content"
    # Piece by piece; read first, since engines lock a container while they read it.
    nas.copy_in(name, "/etc", list(nas.copy_out(name, "/data/file")))
    assert nas.run(name, ["cat", "/etc/file"]).stdout == b"content"
    with pytest.raises(homelab.NotFound):
        nas.copy_in(name, "/none", archive)
