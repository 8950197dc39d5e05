"""The commands about what of a lab can be shared: `leaks`, `split`, `join`, `export`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import _native
from ._errors import Refused
from ._native import Lab, Observed, Template, Values
from ._progress import Progress
from ._terminal import moment, printable, say, warn
from ._world import connect_sync

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from datetime import datetime

    from ._native import Plan, Report


def instance(path: str) -> Lab:
    """Returns the lab of a folder, or one that has nothing but this instance.toml."""
    return Lab.of_instance(read(path)) if os.path.isfile(path) else Lab.load(path)


def read(file: str, what: str | None = None) -> str:
    """Returns the text of a file; what is wrong is said in the words in which the core says it of other files."""
    what = printable(what or f"read `{file}`")
    try:
        with open(file, encoding="utf-8") as opened:
            return opened.read()
    except OSError as error:
        _native.throw("not_found", f"{what}: {error.strerror} (os error {error.errno})")
    except UnicodeDecodeError:
        _native.throw("not_found", f"{what}: stream did not contain valid UTF-8")
    return ""


def observed(lab: Lab, offline: bool, now: datetime | None) -> Observed:
    """Returns what is seen of the lab beside its engines, which tell nothing that a file could leak."""
    if offline:
        return Observed.none(now)
    with connect_sync(lab) as world:
        seen = world.observe(engines=False, repositories=False)
    return seen if now is None else seen.with_at(now)


def leaks(arguments: argparse.Namespace) -> Report:
    now = moment(arguments.now)
    with Progress(3) as progress:
        progress.step("reading the lab's files")
        lab = Lab.load(arguments.dir)
        instances = [instance(path) for path in arguments.instance]
        progress.step("looking at the lab")
        seen = observed(lab, arguments.offline, now)
        progress.step("looking through the files")
        return lab.leaks_of(instances, seen, rules=arguments.rules, history=arguments.history)


def split(arguments: argparse.Namespace) -> int:
    now = moment(arguments.now)
    with Progress(3) as progress:
        progress.step("reading the lab's files")
        lab = Lab.load(arguments.dir)
        progress.step("looking at the lab")
        seen = observed(lab, arguments.offline, now)
        progress.step("parting the lab")
        parts = lab.split(seen)
    say(str(parts.proof))
    try:
        template = parts.prove()
    except Refused as error:
        warn(f"error: failed to {error.message}\nhint: {error.hint}")
        return 1
    if arguments.to is not None:
        into_folder(arguments.to, lambda folder: parts.values.plan_keep(folder, "values.json"))
        into_folder(f"{arguments.to}/template", template.plan_export)
    return 0


def join(arguments: argparse.Namespace) -> int:
    text = read(arguments.values, f"read the values in `{arguments.values}`")
    template, values = Template.read(Lab.load(arguments.template)), Values.from_private_json(text)
    if arguments.to is None:
        say("".join(f"{path}\n" for path in values.join(template)))
    else:
        into_folder(arguments.to, lambda folder: values.plan_join(template, folder))
    return 0


def export(arguments: argparse.Namespace) -> int:
    lab = Lab.load(arguments.dir)
    with Progress(2) as progress:
        progress.step("looking at the lab")
        seen = observed(lab, offline=False, now=None)
        progress.step("parting the lab")
        template = lab.split(seen).prove()
    if arguments.to is None:
        say("".join(f"{path}\n" for path in template.template.files))
    else:
        into_folder(arguments.to, template.plan_export)
    return 0


def into_folder(folder: str, plan: Callable[[Lab], Plan]) -> None:
    """Does a plan in a folder, which is made when it is not there."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        _native.throw("invalid", f"make the folder `{printable(folder)}`: {error.strerror} (os error {error.errno})")
    lab = Lab.load(folder)
    made = plan(lab)
    if not made.steps:
        say(f"{folder} has it all already\n")
        return
    with connect_sync(lab) as world:
        outcome = made.apply(world, allow_partial=True)
    say(f"{folder}: {outcome}\n")
    outcome.complete()


def commands(
    command: Callable[[str, Callable[[argparse.Namespace], int], str, str], argparse.ArgumentParser],
    folder: Callable[[argparse.ArgumentParser], None],
    now: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Adds `split`, `join` and `export` to the command line."""
    parting = command(
        "split",
        split,
        "part the lab into a template that can be shared and its values",
        "Lifts every value that identifies the lab out of the files that can be shared, and prints the proof. Nothing "
        "is written without `--to`. Exits with 0 when the proof holds, 1 when it fails, 2 when the lab could not be "
        "split.",
    )
    folder(parting)
    parting.add_argument(
        "--to",
        metavar="OUT",
        help="write the template into OUT/template and the values, secrets included, into OUT/values.json",
    )
    parting.add_argument(
        "--offline", action="store_true", help="do not ask this machine's tailnet, interfaces and repository"
    )
    now(parting)

    joining = command(
        "join",
        join,
        "make the original of a template and its values",
        "Puts the values that `split` wrote back into its template, and writes the original lab, byte for byte, "
        "secrets included. Without `--to` only the names of the files are printed.",
    )
    joining.add_argument("template", metavar="TEMPLATE", help="the template's folder")
    joining.add_argument("values", metavar="VALUES", help="the file of values that `split` wrote")
    joining.add_argument("--to", metavar="OUT", help="the folder to write into; it is made when it is not there")

    exporting = command(
        "export",
        export,
        "write what of the lab can be shared",
        "Writes the template of the lab: its files of strata 1 to 4, with slots in the place of the lab's values. "
        "Refuses when the proof fails. What is there and the same is left alone, and nothing is deleted. Without "
        "`--to` only the names of the files are printed.",
    )
    folder(exporting)
    exporting.add_argument("--to", metavar="OUT", help="the folder to write into; it is made when it is not there")
