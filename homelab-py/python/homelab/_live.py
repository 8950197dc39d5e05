"""The commands about what runs: `inventory`, `drift`, `watch`, `logs`, `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _native
from ._native import Lab
from ._progress import Progress
from ._terminal import moment, say
from ._world import connect_sync

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from ._native import Observed, Plan

# What can be done with what runs.
VERBS: dict[str, Callable[[Lab, str, Observed], Plan]] = {
    "start": Lab.plan_start,
    "stop": Lab.plan_stop,
    "restart": Lab.plan_restart,
    "recreate": Lab.plan_recreate,
    "update": Lab.plan_update,
    "up": Lab.plan_up,
    "down": Lab.plan_down,
}


def observed(arguments: argparse.Namespace) -> tuple[Lab, Observed]:
    """Returns the lab, and what its engines have at the moment that is taken for now."""
    now = moment(arguments.now)
    with Progress(2) as progress:
        progress.step("reading the lab's files")
        lab = Lab.load(arguments.dir)
        progress.step("asking the engines")
        with connect_sync(lab) as world:
            seen = world.observe(repositories=False)
    return lab, seen if now is None else seen.with_at(now)


def inventory(arguments: argparse.Namespace) -> int:
    lab, seen = observed(arguments)
    running = lab.running(seen)
    say(running.to_json() if arguments.format == "json" else str(running))
    return 0


def drift(arguments: argparse.Namespace) -> int:
    lab, seen = observed(arguments)
    drift = lab.drift(seen)
    say(drift.to_json() if arguments.format == "json" else str(drift))
    return drift.exit_code()


def watch(arguments: argparse.Namespace) -> int:
    with connect_sync(Lab.load(arguments.dir)) as world:
        changes = world.engines().watch()
        for change in changes:
            # Who has stopped to read is told nothing more, however long it would go on.
            if not say(f"{change.text}\n"):
                break
            if change.kind == "full" and (not say(str(changes.inventory)) or arguments.once):
                break
    return 0


def logs(arguments: argparse.Namespace) -> int:
    if arguments.tail is not None and arguments.tail < 0:
        _native.throw("invalid", f"read `--tail {arguments.tail}`", "name how many lines")
    since = moment(arguments.since)
    lab = Lab.load(arguments.dir)
    with connect_sync(lab) as world:
        with Progress(1) as progress:
            progress.step("asking the engines")
            seen = world.observe(repositories=False)
        lines = world.engines().logs(
            lab, arguments.target, seen, follow=arguments.follow, tail=arguments.tail, since=since
        )
        for line in lines:
            if not say(f"{line.line}\n"):
                break
    return 0


def run(arguments: argparse.Namespace) -> int:
    lab = Lab.load(arguments.dir)
    with connect_sync(lab) as world:
        with Progress(1) as progress:
            progress.step("asking the engines")
            seen = world.observe(repositories=False)
        plan = VERBS[arguments.verb](lab, arguments.target, seen)
        say(str(plan))
        if not arguments.yes or not plan.steps:
            say("nothing is done yet: `--yes` does\n" if plan.steps else "")
            return 0
        operation = world.start(plan)
        for event in operation.events():
            if event.kind != "failed":
                say(f"{event.text}\n")
        operation.wait()
    return 0
