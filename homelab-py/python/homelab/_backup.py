"""The command about copies: `backup`."""

from __future__ import annotations

from pathlib import Path
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
    from ._world import SyncWorld

# What can be done with copies, and what it means where nothing is named.
VERBS = ("status", "make", "run", "check", "drill", "restore", "prune")
OF_ALL = ("run", "check", "drill", "prune")

TEXT = (
    "Copies the lab's data, says which copies there are, and proves that they restore. `status` lists the data with "
    "its copies, judged by 3-2-1, and what losses would leave; it exits with 0 when all data has the copies that it "
    "needs, 1 when some has not, 3 when that is not known, 2 when it failed. `make REPOSITORY` makes a repository "
    "that instance.toml names; `run [DATASET]` copies data into every repository that can be worked on from here; "
    "`check [REPOSITORY]` reads repositories for damage; `drill [DATASET]` restores it for a while, and compares it "
    "with what is here; `restore DATASET --into DIR` writes it below a folder that is new or empty; `prune [DATASET]` "
    "forgets what --keep does not, and takes its data out."
)


def command(
    add: Callable[[str, Callable[[argparse.Namespace], int], str, str], argparse.ArgumentParser],
) -> None:
    """Adds `backup` to the command line."""
    made = add("backup", backup, "copy data, check the copies, and prove that they restore", TEXT)
    made.add_argument("verb", metavar="VERB", choices=VERBS, help=", ".join(VERBS))
    made.add_argument("name", metavar="NAME", nargs="?", help="a dataset, or a repository; default: all")
    made.add_argument("--lab", metavar="DIR", default=".", help="the lab's folder; default: this one")
    made.add_argument("--depth", default="structure", help="of a check: structure (default), N/M (that part), or all")
    made.add_argument("--from", dest="source", metavar="REPOSITORY", help="restore and drill from this repository")
    made.add_argument("--into", metavar="DIR", help="of a restore: the folder, which is new or empty")
    made.add_argument(
        "--keep", metavar="RULES", help="of pruning: what stays; default: daily=7 weekly=5 monthly=12 yearly=10"
    )
    made.add_argument("--dry-run", action="store_true", help="only show the plan")
    made.add_argument("--format", choices=["text", "json"], default="text", help="of status; default: text")
    made.add_argument("--now", metavar="TIME", help="of status: the moment that is taken for now")


def backup(arguments: argparse.Namespace) -> int:
    now = moment(arguments.now)
    lab = Lab.load(arguments.lab)
    with connect_sync(lab) as world:
        with Progress(1) as progress:
            progress.step("asking the repositories")
            seen = world.observe()
        if arguments.verb == "status" and arguments.name is None:
            survival = lab.survival(seen if now is None else seen.with_at(now))
            say(survival.to_json() if arguments.format == "json" else str(survival))
            return survival.exit_code()
        _carry_out(_plan(arguments, lab, seen), world, arguments.dry_run)
    return 0


def _plan(arguments: argparse.Namespace, lab: Lab, seen: Observed) -> Plan:
    verb, name = arguments.verb, arguments.name
    if name is None and verb in OF_ALL:
        name = "*"
    match (verb, name, arguments.into):
        case ("make", str(), _):
            return lab.plan_make_repository(name, seen)
        case ("restore", str(), str(into)):
            if not into:
                _native.throw("invalid", "read the path ``: cannot make an empty path absolute")
            return lab.plan_restore(name, Path.cwd() / into, seen, repository=arguments.source)
        case ("run", str(), _):
            return lab.plan_backup(name, seen)
        case ("check", str(), _):
            return lab.plan_check(name, seen, depth=arguments.depth)
        case ("drill", str(), _):
            return lab.plan_drill(name, seen, repository=arguments.source)
        case ("prune", str(), _):
            return lab.plan_prune(name, seen, keep=arguments.keep)
        case _:
            _native.throw("invalid", "know what to do", "see `--help`")
            raise AssertionError("not reached")


def _carry_out(plan: Plan, world: SyncWorld, dry: bool) -> None:
    say(plan.details())
    if dry or not plan.steps:
        return
    operation = world.start(plan)
    with Progress(len(plan)) as progress:
        for event in operation.events():
            progress.event(event)
            if event.kind != "failed":
                progress.say(event)
    operation.wait()
