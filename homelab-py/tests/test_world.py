"""What waits: blocking and awaited, stopped half-way, after a fork, and beside other threads."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import homelab
from conftest import NOW, SlowGit
from homelab import Status


def test_a_plan_is_looked_at_and_applied(folder: Path) -> None:
    lab = homelab.Lab.load(folder)
    seen = homelab.Observed.none(NOW).with_machine(homelab.Machine("nas", interfaces={"eth0": ["192.0.2.1/24"]}))
    plan = lab.plan_init(seen)
    assert [step.target for step in plan.steps] == ["lab.toml", "instance.toml"]
    assert len(plan) == 2
    assert "192.0.2.1/24" in plan.details()
    assert "192.0.2.1/24" not in str(plan)
    assert not (folder / "lab.toml").exists()
    events: list[str] = []
    with homelab.connect_sync(lab) as world:
        outcome = plan.apply(world, progress=lambda event: events.append(event.kind))
        assert outcome.status is Status.COMPLETE
        outcome.complete()
        assert [step.status for step in outcome.steps] == ["done", "done"]
        assert plan.apply(world).status is Status.SKIPPED
    assert events[0] == "started"
    assert events[-1] == "finished"
    assert events.count("step_finished") == 2
    assert (folder / "lab.toml").exists()
    assert homelab.Lab.load(folder).plan_init().steps == []
    assert plan == plan.view().to_dict()
    assert plan == lab.plan_init(seen)
    with pytest.raises(homelab.Invalid):
        homelab.Machine("n a s")
    with pytest.raises(homelab.Invalid):
        homelab.Machine("nas", interfaces={"eth0": ["192.0.2"]})


def test_a_plan_of_a_state_that_has_changed_is_refused(folder: Path) -> None:
    lab = homelab.Lab.load(folder)
    plan = lab.plan_init()
    (folder / "instance.toml").write_text("# mine\n")
    with homelab.connect_sync(lab) as world, pytest.raises(homelab.Conflict) as caught:
        plan.apply(world)
    assert caught.value.done == ()
    assert (folder / "instance.toml").read_text() == "# mine\n"
    assert not (folder / "lab.toml").exists()


def test_the_twin_starts_and_is_followed(folder: Path) -> None:
    lab = homelab.Lab.load(folder)
    with homelab.connect_sync(lab, state=folder.parent / "other") as world:
        operation = world.start(lab.plan_init())
        kinds = [event.kind for event in operation.events()]
        assert operation.wait() == operation.wait()
        assert kinds == [event.kind for event in operation.events()], "every reader gets all"
        assert operation.finished
        operation.cancel()
        closed = operation.events()
        closed.close()
        assert list(closed) == []


async def test_the_same_awaited(folder: Path) -> None:
    lab = homelab.Lab.load(folder)
    plan = lab.plan_init()
    async with homelab.connect(lab) as world:
        operation = plan.apply(world)
        kinds = [event.kind async for event in operation.events()]
        assert kinds[-1] == "finished"
        assert (await operation).status is Status.COMPLETE
        assert (await operation).status is Status.COMPLETE, "it may be awaited again"
        seen: list[str] = []
        again = await plan.apply(world, progress=lambda event: seen.append(event.kind))
        assert again.status is Status.SKIPPED
        assert seen[-1] == "finished"
        assert await asyncio.wait_for(plan.apply(world), 10) == again
    assert world.closed
    bare = await homelab.connect(lab)
    await bare.aclose()


async def test_a_failure_is_raised_where_it_is_awaited(folder: Path) -> None:
    lab = homelab.Lab.load(folder)
    plan = lab.plan_init()
    (folder / "lab.toml").write_text("# mine\n")
    async with homelab.connect(lab) as world:
        operation = plan.apply(world)
        for _ in range(2):
            with pytest.raises(homelab.Conflict):
                await operation
        with pytest.raises(ZeroDivisionError):
            await plan.apply(world, progress=lambda _: 1 / 0)


async def test_observing_twice_at_once_and_many_calls_at_once(folder: Path) -> None:
    lab = homelab.Lab.load(folder)
    async with homelab.connect(lab) as world:
        found = await asyncio.gather(*(world.observe() for _ in range(20)))
    machine = found[0].machine
    assert machine is None or homelab.Observed.none().with_machine(machine).machine == machine
    assert all(seen.worktree is not None and seen.interrupted == [] for seen in found)
    assert found[0].plan_recover().steps == []
    worktree = found[0].worktree
    assert worktree is not None
    assert homelab.Observed.none().with_worktree(worktree).worktree == worktree
    assert not worktree.is_tracked("lab.toml")


def test_a_world_is_not_used_after_its_end(folder: Path) -> None:
    lab = homelab.Lab.load(folder)
    with homelab.connect_sync(lab) as world:
        assert not world.closed
    with pytest.raises(homelab.Invalid, match="closed"):
        world.observe()
    with pytest.raises(homelab.Invalid, match="closed"):
        lab.plan_init().apply(world)
    with pytest.raises(AttributeError):
        lab.plan_init().apply(object())  # type: ignore[call-overload]


async def test_an_operation_that_is_dropped_says_so(folder: Path) -> None:
    lab = homelab.Lab.load(folder)
    async with homelab.connect(lab) as world:
        operation = lab.plan_init().apply(world)
        if operation.finished:
            pytest.skip("it was done before it could be dropped")
        held = [operation]
        del operation
        with pytest.warns(RuntimeWarning, match="await it"):
            held.clear()


async def test_cancelling_a_task_stops_the_program_it_started(
    folder: Path, slow_git: SlowGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", slow_git.path)
    async with homelab.connect(homelab.Lab.load(folder)) as world:
        task = asyncio.create_task(world.observe())
        while not slow_git.started():
            await asyncio.sleep(0.01)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 0.1
    slow_git.wait_until_gone()


def test_ctrl_c_is_answered_at_once_and_stops_the_program(folder: Path, slow_git: SlowGit) -> None:
    code = """
import sys, time, homelab
with homelab.connect_sync(homelab.Lab.load(sys.argv[1])) as world:
    try:
        world.observe()
    except KeyboardInterrupt:
        print(time.time(), flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        env={**os.environ, "PATH": slow_git.path},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        slow_git.wait_until_started()
        sent = time.time()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    assert float(out) - sent < 0.1
    slow_git.wait_until_gone()


def test_ctrl_c_is_answered_at_once_by_pure_work() -> None:
    code = """
import time, homelab
services = ", ".join(f"s{number}: {{ image: 'nginx:1.29', ports: ['{8000 + number}:80'] }}" for number in range(40))
texts = {f"p{number}/compose.yaml": f"services: {{ {services} }}" for number in range(300)}
print("begun", flush=True)
try:
    while True:
        homelab.Lab.from_texts("large", texts)
except KeyboardInterrupt:
    print(time.time(), flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.3)
        sent = time.time()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert float(out) - sent < 0.1
    assert process.returncode == 0


def test_other_threads_run_meanwhile(folder: Path, slow_git: SlowGit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", slow_git.path)
    ticks = 0
    stop = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not stop.wait(0.001):
            ticks += 1

    with homelab.connect_sync(homelab.Lab.load(folder)) as world:
        ticker = threading.Thread(target=tick)
        waiter = threading.Thread(target=world.observe)
        ticker.start()
        waiter.start()
        slow_git.wait_until_started()
        before = ticks
        time.sleep(0.2)
        assert waiter.is_alive()
        assert ticks > before + 10
        slow_git.release()
        waiter.join(10)
        assert not waiter.is_alive()
        stop.set()
        ticker.join()


def test_a_forked_process_is_told(folder: Path) -> None:
    code = """
import asyncio, os, sys, homelab
lab = homelab.Lab.load(sys.argv[1])
world = homelab.connect_sync(lab)
world.observe()
pid = os.fork()
if pid == 0:
    assert len(lab.audit()) > 0, "pure work goes on"
    async def awaited():
        await lab.audit_async()
    for use in (
        world.observe,
        lambda: homelab.connect_sync(lab),
        lambda: lab.plan_init().apply(world),
        lambda: asyncio.run(awaited()),
    ):
        try:
            use()
            os._exit(1)
        except homelab.Unsupported as error:
            assert "spawn" in error.hint
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=30)


def test_a_thousand_calls_from_many_threads_agree(lab: homelab.Lab, seen: homelab.Observed) -> None:
    expected = lab.audit(seen)
    wrong: list[homelab.Report] = []

    def ask() -> None:
        for _ in range(50):
            report = lab.audit(seen)
            if report != expected:
                wrong.append(report)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_program_that_awaited_ends_without_a_crash(folder: Path) -> None:
    code = """
import asyncio, sys, homelab
lab = homelab.Lab.load(sys.argv[1])
async def main():
    async with homelab.connect(lab) as world:
        await asyncio.gather(*(world.observe() for _ in range(3)))
        await world.observe()
asyncio.run(main())
"""
    # A thread that still wakes a coroutine when Python ends would crash about every second of these.
    command = [sys.executable, "-c", code, str(folder)]
    for _ in range(8):
        subprocess.run(command, check=True, timeout=30)
