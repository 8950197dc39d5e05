"""What coroutines await: every operation that lets Python's lock go has a twin, which does the same."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import homelab
from conftest import COMPOSE, ROOT, write_tailnet

if TYPE_CHECKING:
    from collections.abc import Awaitable


def large(projects: int = 100) -> dict[str, str]:
    """Returns a lab that takes a while to read."""
    services = ", ".join(f"s{number}: {{ image: 'nginx:1.29', ports: ['{8000 + number}:80'] }}" for number in range(40))
    return {f"p{number}/compose.yaml": f"services: {{ {services} }}" for number in range(projects)}


def test_every_operation_that_takes_time_has_a_twin() -> None:
    lacking: list[str] = []
    twins = 0
    # A world's twin is the world of `connect_sync`.
    sources = sorted((ROOT / "homelab-py" / "src").glob("*.rs"))
    for file in (source for source in sources if source.stem != "world"):
        text = file.read_text()
        for part in re.split(r"^impl ", text, flags=re.M)[1:]:
            owner = part.split(" ", 1)[0]
            for method in re.split(r"^    (?=(?:async )?fn )", part, flags=re.M)[1:]:
                named = re.match(r"fn (\w+)", method)
                waits = re.search(r"\b(work|block)\(\s*py\b", method)
                # An iterator's twin is the async iterator that it is too.
                if named is None or waits is None or named[1] == "__next__":
                    continue
                twin = getattr(getattr(homelab, owner), f"{named[1]}_async", None)
                if twin is None:
                    lacking.append(f"{owner}.{named[1]}")
                    continue
                twins += 1
                one = inspect.signature(getattr(getattr(homelab, owner), named[1]))
                assert str(inspect.signature(twin)) == str(one), f"{owner}.{named[1]}"
    assert lacking == []
    assert twins > 25, "the sources are read otherwise now"


async def test_a_twin_answers_what_its_call_does(lab: homelab.Lab, seen: homelab.Observed, folder: Path) -> None:
    assert (await homelab.Lab.load_async(folder)).manifest == homelab.Lab.load(folder).manifest
    texts = {"notes/compose.yaml": COMPOSE}
    assert (await homelab.Lab.from_texts_async("home", texts)).manifest == ["notes/compose.yaml"]
    stored = await lab.to_private_json_async()
    assert stored == lab.to_private_json()
    assert (await homelab.Lab.from_json_async(stored)).audit(seen) == lab.audit(seen)
    assert await lab.exposure_async("notes", seen) == lab.exposure("notes", seen)
    assert await lab.exposures_async(seen) == lab.exposures(seen)
    assert await lab.service("notes").exposure_async(seen) == lab.exposure("notes", seen)
    assert await lab.audit_async(seen) == lab.audit(seen)
    assert await lab.audit_async(seen, rules="+hardening") == lab.audit(seen, rules="+hardening")
    assert await lab.posture_async(seen) == lab.posture(seen)
    report = lab.audit(seen)
    assert await report.to_text_async(colour=True) == report.to_text(colour=True)
    assert await report.to_json_async() == report.to_json()
    assert await report.to_sarif_async() == report.to_sarif()
    assert await report.to_markdown_async() == report.to_markdown()
    assert await report.to_html_async(folder / "lab.html") == report.to_html()
    assert (folder / "lab.html").read_text() == report.to_html()
    with pytest.raises(homelab.NotFound):
        await report.to_json_async(folder / "none" / "lab.json")
    assert await homelab.Query("posture").answer_async(lab, seen) == lab.posture(seen).view()
    assert await homelab.Query("services").answer_async(lab, seen) == homelab.Query("services").answer(lab, seen)
    assert (await lab.plan_init_async(seen)).title == lab.plan_init(seen).title
    file = folder / "notes" / "compose.yaml"
    assert (await homelab.Project.resolve_async(file, environment={"A": "b"})).to_json() == homelab.Project.resolve(
        file
    ).to_json()
    assert (await homelab.Project.from_text_async("notes", COMPOSE)).services == ["notes"]


async def test_a_tailnet_is_asked(lab: homelab.Lab, tmp_path: Path) -> None:
    net = write_tailnet(tmp_path / "net")
    files = (net / "policy.hujson", net / "devices.json", net / "users.json")
    policy, devices, users = (file.read_text() for file in files)
    tailnet = await homelab.Tailnet.load_async(*files)
    assert (await homelab.Tailnet.from_texts_async(policy, devices, users)).peers() == tailnet.peers()
    assert (await homelab.Tailnet.judge_async(policy, devices, users)).accepted
    assert await homelab.Tailnet.judge_files_async(*files) == homelab.Tailnet.judge_files(*files)
    assert await tailnet.who_can_reach_async("nas:443") == tailnet.who_can_reach("nas:443")
    assert await tailnet.reachable_from_async("tag:nas") == tailnet.reachable_from("tag:nas")
    assert await tailnet.explain_async("phone", "nas:22") == tailnet.explain("phone", "nas:22")
    newer = (net / "newer.hujson").read_text()
    assert await tailnet.diff_async(newer, name="new") == tailnet.diff(newer)
    with pytest.raises(homelab.Invalid) as caught:
        await tailnet.diff_async("{", name="new.hujson")
    assert caught.value.place is not None
    assert caught.value.place.file == "new.hujson"
    assert await tailnet.check_async() == tailnet.check()
    assert await tailnet.filters_async() == tailnet.filters()
    assert await tailnet.ssh_async() == tailnet.ssh()
    assert await tailnet.capabilities_async() == tailnet.capabilities()
    assert await tailnet.peers_async() == tailnet.peers()
    assert json.loads(await tailnet.to_json_async("peers"))["peers"] == tailnet.peers()
    for asked in (lab.tailnet_async(), lab.who_can_reach_async("notes"), lab.reachable_from_async("phone")):
        with pytest.raises(homelab.NotFound, match="policy"):
            await asked


async def test_a_failure_is_the_same(tmp_path: Path, lab: homelab.Lab) -> None:
    with pytest.raises(homelab.Error) as awaited:
        await homelab.Lab.load_async(tmp_path / "none")
    with pytest.raises(homelab.Error) as called:
        homelab.Lab.load(tmp_path / "none")
    assert (awaited.type, str(awaited.value)) == (called.type, str(called.value))
    with pytest.raises(homelab.Error):
        await lab.audit_async(rules="no-such-rule")
    with pytest.raises(TypeError):
        await homelab.Lab.load_async(3)  # type: ignore[arg-type]


async def test_the_loop_goes_on_meanwhile_and_many_are_awaited_at_once(
    lab: homelab.Lab, seen: homelab.Observed
) -> None:
    texts = large()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticker = asyncio.create_task(tick())
    await homelab.Lab.from_texts_async("large", texts)
    ticker.cancel()
    assert ticks > 3
    expected = lab.audit(seen)
    waiting: list[Awaitable[homelab.Report]] = [lab.audit_async(seen) for _ in range(1000)]
    assert all(report == expected for report in await asyncio.gather(*waiting))


async def test_a_cancelled_task_is_done_with_at_once() -> None:
    texts = large()
    task = asyncio.create_task(homelab.Lab.from_texts_async("large", texts))
    await asyncio.sleep(0.01)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.1
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(homelab.Lab.from_texts_async("large", texts), 0.01)


def test_work_that_has_not_begun_never_does_when_it_is_cancelled() -> None:
    # There is room for 32 at once: the rest of 100 would take three times as long.
    code = """
import asyncio, sys, time, homelab
sys.path.insert(0, sys.argv[1])
from test_async import large
texts = large(50)
began = time.process_time()
homelab.Lab.from_texts("large", texts)
once = time.process_time() - began
async def main():
    tasks = [asyncio.create_task(homelab.Lab.from_texts_async("large", texts)) for _ in range(100)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
asyncio.run(main())
homelab._native.shutdown()
print((time.process_time() - began) / once)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)], capture_output=True, text=True, timeout=120
    )
    assert done.stderr == ""
    assert float(done.stdout) < 70


def test_a_program_that_leaves_work_behind_ends_without_a_crash() -> None:
    code = """
import asyncio, sys, homelab
sys.path.insert(0, sys.argv[1])
from test_async import large
async def main():
    asyncio.create_task(homelab.Lab.from_texts_async("large", large()))
    await asyncio.sleep(0.005)
asyncio.run(main())
"""
    for _ in range(4):
        subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent)], check=True, timeout=60)
