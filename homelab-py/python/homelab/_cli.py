"""The command line. The core does the work and renders; here arguments are read, and the terminal is asked.

Output and exit codes are those of the Rust examples: 0 when nothing weighs enough, 1 when something does, 2 when it
could not run (`resolve`: 1).
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from . import __version__, _backup, _live, _native, _strata
from ._completion import SHELLS, script
from ._errors import Ambiguous, Error, NotFound
from ._native import Lab, Observed, Project, Report, Tailnet
from ._progress import Progress
from ._terminal import as_json, as_text, environment, moment, printable, say, warn
from ._world import connect_sync

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _typeshed import SupportsWrite

    from ._native import Exposure, Plan
    from ._world import SyncWorld
    from .view import Record

# How a report is written in each format that has a name.
FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text,
    "json": Report.to_json,
    "sarif": Report.to_sarif,
    "markdown": Report.to_markdown,
    "html": Report.to_html,
}

# What to do where a tailnet's files are not named.
FILES = (
    "`--policy FILE` names the policy, `--devices FILE` the devices: what `tailscale status --json` prints, or "
    "Tailscale's or Headscale's API"
)

# What is asked of a tailnet's policy, beside whether it would be accepted.
QUESTIONS = ("filter", "ssh", "caps", "peers")


def run(words: Sequence[str]) -> int:
    """Runs a command, and returns its exit code."""
    failure = 2
    try:
        arguments = parser().parse_args(words)
        failure = arguments.failure
        code: int = arguments.run(arguments)
    except Error as error:
        warn(f"error: {error}")
        return failure
    except UnicodeEncodeError as error:
        # A path may be any bytes, a name or a moment is text.
        warn(f"error: failed to read `{printable(str(error.object))}`: it is no UTF-8 text")
        return failure
    except KeyboardInterrupt:
        return 130
    return code


class _Parser(argparse.ArgumentParser):
    """Prints help and version as all else is printed: argparse says nothing of what it cannot write."""

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if not message:
            return
        if file is sys.stderr:
            warn(message.rstrip("\n"))
        else:
            say(message)


def parser() -> argparse.ArgumentParser:
    """Returns the reader of the command line, from which help and completion are made too."""
    top = _Parser(
        prog="homelab",
        description="What runs in a home lab, and who can reach it: from a folder of Compose files.",
        epilog="`homelab COMMAND --help` says more. Colours are off where NO_COLOR is set, and off a terminal.",
    )
    top.add_argument("--version", action="version", version=f"homelab {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        name: str, call: Callable[[argparse.Namespace], int], summary: str, text: str, failure: int = 2
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=text)
        made.set_defaults(run=call, failure=failure)
        return made

    def folder(made: argparse.ArgumentParser) -> None:
        made.add_argument("dir", metavar="DIR", nargs="?", default=".", help="the lab's folder; default: this one")

    def now(made: argparse.ArgumentParser) -> None:
        made.add_argument(
            "--now",
            metavar="TIME",
            help="the date, or moment, that exceptions and suppressions are held against; default: the clock's",
        )

    def judged(made: argparse.ArgumentParser) -> None:
        made.add_argument("--format", choices=FORMATS, default="text", help="how to write it; default: text")
        made.add_argument(
            "--fail-on",
            choices=["note", "warning", "error"],
            default="warning",
            help="from which weight on the exit code is 1; default: warning",
        )
        made.add_argument(
            "--rules",
            default="",
            help="only these rules or groups, `+hardening` as well, `-access` not (as `--rules=-access`); parted by "
            "commas",
        )

    audit = command(
        "audit",
        _audit,
        "say what is worth changing",
        "Says what runs in the lab, who can reach it, and what is worth changing. Exits with 0 when nothing weighs "
        "enough, 1 when something does, 2 when it could not run.",
    )
    folder(audit)
    judged(audit)
    audit.add_argument(
        "--live",
        action="store_true",
        help="ask the hosts' engines too: what is really bound, and what runs beside what is written",
    )
    now(audit)

    leaks = command(
        "leaks",
        _leaks,
        "say what of the lab stands in files that can be shared",
        "Looks through the files that can be shared for everything that identifies the lab, and for what is private by "
        "its shape. Prints no value. Exits with 0 when nothing weighs enough, 1 when something does, 2 when it could "
        "not run.",
    )
    folder(leaks)
    leaks.add_argument(
        "--instance",
        action="append",
        default=[],
        metavar="PATH",
        help="the values of this instance.toml, or of the lab in this folder, too",
    )
    judged(leaks)
    leaks.add_argument(
        "--history",
        action="store_true",
        help="look through the history of the folder's repository too: every version of a file, messages and authors",
    )
    leaks.add_argument("--offline", action="store_true", help="do not ask this machine's tailnet and interfaces")
    now(leaks)
    _strata.commands(command, folder, now)

    init = command(
        "init",
        _init,
        "begin lab.toml and instance.toml",
        "Shows the commented lab.toml and instance.toml that it would write into the folder, made of what is found "
        "there and of this machine's interfaces. Where there are no services, but engines run some, the Compose files "
        "of these too. A file that exists is never touched.",
    )
    folder(init)
    init.add_argument("--write", action="store_true", help="write them")

    def written(made: argparse.ArgumentParser) -> None:
        made.add_argument("--format", choices=["text", "json"], default="text", help="how to write it; default: text")
        made.add_argument("--now", metavar="TIME", help="the moment that is taken for now; default: the clock's")

    inventory = command(
        "inventory",
        _live.inventory,
        "say what runs, and who can reach it",
        "Asks the engines of the lab what they run: by host, project and service, with who can reach it. A host that "
        "does not answer is said with its reason.",
    )
    folder(inventory)
    written(inventory)

    drift = command(
        "drift",
        _live.drift,
        "say how what runs differs from what was written",
        "Asks the engines of the lab what runs, and says how that differs from what its files say. Exits with 0 when "
        "all is as written, 1 when something is not, 3 when nothing is but not all hosts were seen, 2 when it could "
        "not run.",
    )
    folder(drift)
    written(drift)

    watch = command(
        "watch",
        _live.watch,
        "say what becomes different, as it happens",
        "Says what the engines of the lab run, and then one line for whatever becomes different, until it is "
        "interrupted. Nothing is polled: the engines tell.",
    )
    folder(watch)
    watch.add_argument("--once", action="store_true", help="only what runs now")

    logs = command(
        "logs",
        _live.logs,
        "say what a project, a service or all have written",
        "Says what the containers of a project, a service or all of the lab have written, in the order of time, each "
        "line with its service.",
    )
    folder(logs)
    logs.add_argument(
        "target",
        metavar="TARGET",
        help="a project, `immich`; a service, `immich/server` or `nas:immich/server`; or `*`",
    )
    logs.add_argument("--follow", action="store_true", help="go on with what is written from now on")
    logs.add_argument("--tail", metavar="LINES", type=int, help="only so many of each container's last lines")
    logs.add_argument("--since", metavar="TIME", help="only what was written at this moment or later")

    doing = command(
        "run",
        _live.run,
        "start, stop, update or make anew a project, a service or all",
        "Shows what it would do with a project, a service or all of the lab, and with --yes does it, in the order in "
        "which services wait for each other, each waited for until it is up. What makes or removes containers is done "
        "by Docker Compose.",
    )
    doing.add_argument("verb", metavar="VERB", choices=_live.VERBS, help=", ".join(_live.VERBS))
    folder(doing)
    doing.add_argument(
        "target",
        metavar="TARGET",
        help="a project, `immich`; a service, `immich/server` or `nas:immich/server`; or `*`. What the lab does not "
        "own is only meant by a service's whole name: `_/adminer`",
    )
    doing.add_argument("--yes", action="store_true", help="do it")

    _backup.command(command)

    def tailnet(made: argparse.ArgumentParser) -> None:
        made.add_argument("--policy", metavar="FILE", help="the tailnet's policy, as HuJSON")
        made.add_argument(
            "--devices",
            metavar="FILE",
            help="its devices, as Tailscale's `devices?fields=all`, Headscale's `node` or `tailscale status --json` "
            "has them",
        )
        made.add_argument(
            "--users",
            metavar="FILE",
            help="its people, as Tailscale's `users` has them; roles decide who is in autogroup:admin and the like",
        )

    reach = command(
        "reach",
        _reach,
        "say who can reach what",
        "Says of each service of the lab what reaches it, and by which paths. With a question it asks a tailnet's "
        "policy who can reach what, and says by which rule: that of the lab, by the names of its services, or one "
        "whose policy and devices are in files (--policy, --devices).",
    )
    reach.add_argument("dir", metavar="DIR", nargs="?", help="the lab's folder; default: this one")
    reach.add_argument(
        "--to",
        metavar="TARGET",
        help="who can reach a service of the lab, `immich/server` (without a tailnet, by which paths), or a host's "
        "port: `nas:443`, `192.168.1.7:53/udp`, `nas/icmp`",
    )
    reach.add_argument(
        "--from",
        dest="who",
        metavar="WHO",
        help="what a person, group, tag or device can reach: services of the lab, or devices and ports",
    )
    reach.add_argument(
        "--explain", metavar="WHO", help="why they can reach what `--to` names, or why not, and what comes near"
    )
    reach.add_argument(
        "--diff", metavar="POLICY", help="who would gain and who would lose what, if that policy were in force"
    )
    tailnet(reach)
    reach.add_argument("--now", metavar="TIME", help="the moment that it is about; default: the clock's")
    reach.add_argument("--format", choices=["text", "json"], default="text", help="how to write it; default: text")

    portal = command(
        "portal",
        _portal,
        "show each person the services that they may reach",
        "Serves the portal as a page until Ctrl-C: each person is shown the services of the lab that they may reach by "
        "the tailnet's policy, and where a browser finds them. With --who it prints that of one person instead; with "
        "--why, why they can reach one of the services, or why not.",
    )
    folder(portal)
    portal.add_argument(
        "--listen", metavar="ADDRESS", default="127.0.0.1:8420", help="where it listens; default: 127.0.0.1:8420"
    )
    portal.add_argument(
        "--behind-serve",
        action="store_true",
        help="believe what Tailscale Serve on this machine says of who is asking",
    )
    portal.add_argument(
        "--name",
        metavar="NAME",
        action="append",
        default=[],
        help="another name by which browsers call it; may be repeated",
    )
    portal.add_argument("--who", metavar="WHO", help="a person, by the lab's name for them or by login")
    portal.add_argument("--why", metavar="SERVICE", help="why they can reach this service, or why not")
    portal.add_argument("--format", choices=["text", "json"], default="text", help="how to write it; default: text")

    policy = command(
        "policy",
        _policy,
        "print what a tailnet's policy comes to",
        "Prints as JSON what Tailscale's service makes of a policy for these devices, by host name: `filter`, the "
        "packet filter that each device enforces; `ssh`, its SSH rules in the order in which they are tried; `caps`, "
        "what `nodeAttrs` give it and what peers may do on it; `peers`, which devices it sees. `check` says whether "
        "the file would be accepted, its tests run, and exits with 1 where it would be refused.",
    )
    policy.add_argument("question", choices=[*QUESTIONS, "check"], help="what is asked")
    tailnet(policy)
    policy.add_argument("--https", action="store_true", help="the tailnet gives its devices certificates")

    resolve = command(
        "resolve",
        _resolve,
        "print a Compose project as Docker Compose reads it",
        "Prints the Compose project of these files, or of the working folder, in the shape of `docker compose config "
        "--format json`. It holds every value, secrets included, unless --redact is given. Exits with 1 when the "
        "project is refused.",
        failure=1,
    )
    resolve.add_argument("files", metavar="FILE", nargs="*", help="Compose files, the later laid over the earlier")
    resolve.add_argument("--strict", action="store_true", help="refuse what Docker Compose refuses")
    resolve.add_argument("--redact", action="store_true", help="hide values that are secrets")
    resolve.add_argument("--project-directory", metavar="DIR", help="the folder to which relative paths belong")
    resolve.add_argument(
        "--profile", metavar="NAME", action="append", default=[], help="a profile to activate; may be repeated"
    )
    resolve.add_argument(
        "--env-file",
        metavar="FILE",
        action="append",
        default=[],
        help="variables to read in place of `.env`; may be repeated",
    )

    completion = command(
        "completion",
        _completion,
        "print a completion script for a shell",
        'Prints a completion script. For bash: eval "$(homelab completion bash)"; for fish: homelab completion fish '
        "> ~/.config/fish/completions/homelab.fish.",
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell")
    return top


def _audit(arguments: argparse.Namespace) -> int:
    now = moment(arguments.now)
    with Progress(3) as progress:
        progress.step("reading the lab's files")
        lab = Lab.load(arguments.dir)
        progress.step("looking at the lab")
        with connect_sync(lab) as world:
            seen = world.observe(engines=arguments.live, repositories=arguments.live)
        if now is not None:
            seen = seen.with_at(now)
        progress.step("judging")
        report = lab.audit(seen, rules=arguments.rules)
    say(FORMATS[arguments.format](report))
    return report.exit_code(arguments.fail_on)


def _leaks(arguments: argparse.Namespace) -> int:
    report = _strata.leaks(arguments)
    say(FORMATS[arguments.format](report))
    return report.exit_code(arguments.fail_on)


def _init(arguments: argparse.Namespace) -> int:
    with Progress(2) as progress:
        progress.step("reading the lab's files")
        lab = Lab.load(arguments.dir)
        progress.step("looking at the lab")
        world = connect_sync(lab)
        # What no file mentions may be what engines run.
        seen = world.observe(engines=not lab.services)
    with world:
        return _init_in(world, lab.plan_init(seen), arguments.write)


def _init_in(world: SyncWorld, plan: Plan, write: bool) -> int:
    if not plan.steps:
        say("lab.toml and instance.toml are there already; nothing to do\n")
        return 0
    say(plan.details())
    if write:
        with Progress(len(plan)) as progress:
            outcome = plan.apply(world, progress=progress.event, allow_partial=True)
        say(f"{outcome}\n")
        outcome.complete()
    else:
        say("nothing is written yet: `--write` does\n")
    return 0


def _reach(arguments: argparse.Namespace) -> int:
    now = moment(arguments.now) or datetime.now(timezone.utc)
    if arguments.policy is not None or arguments.devices is not None:
        files = _tailnet_files(arguments)
        if arguments.dir is not None:
            _native.throw("invalid", f"read `{arguments.dir}`", "name a folder, or files of a tailnet")
        say(_answer(arguments, None, Tailnet.load(*files).at(now)))
        return 0
    with Progress(3) as progress:
        progress.step("reading the lab's files")
        lab = Lab.load(arguments.dir or ".")
        progress.step("looking at the lab")
        with connect_sync(lab) as world:
            seen = world.observe(engines=False, repositories=False).with_at(now)
        progress.step("following the paths")
        text = _answer(arguments, (lab, seen), None)
    say(text)
    return 0


def _answer(arguments: argparse.Namespace, asked: tuple[Lab, Observed] | None, tailnet: Tailnet | None) -> str:
    """Returns the answer to the one question: of a lab, or of a tailnet in files."""

    def form(record: Record, text: str | None = None) -> str:
        return as_json(record.to_dict()) if arguments.format == "json" else text or str(record)

    def of_lab() -> Tailnet:
        if tailnet is not None:
            return tailnet
        assert asked is not None
        return asked[0].tailnet(asked[1])

    match (arguments.to, arguments.who, arguments.explain, arguments.diff):
        case (None, None, None, None) if asked is not None:
            lab, seen = asked
            found = lab.exposures(seen)
            if arguments.format == "json":
                return as_json([exposure.view().to_dict() for exposure in found])
            return "".join(f"{exposure}\n" for exposure in sorted(found, key=_widest_first))
        case (str(to), None, None, None):
            if asked is not None and _is_service(asked[0], to):
                return _who_can_reach_service(*asked, to, form)
            return form(of_lab().who_can_reach(to))
        case (None, str(who), None, None):
            return form(asked[0].reachable_from(who, asked[1]) if asked is not None else of_lab().reachable_from(who))
        case (str(to), None, str(who), None):
            return form(of_lab().explain(who, to))
        case (None, None, None, str(newer)):
            return form(of_lab().diff(_strata.read(newer), name=newer))
        case (None, None, str(who), None):
            _native.throw(
                "invalid",
                f"explain what `{who}` reaches: no target is named",
                "name a host and port beside it: `--to nas:443`",
            )
            return ""
        case _:
            _native.throw(
                "invalid",
                "find one question",
                "ask with one of `--to`, `--from`, `--explain WHO --to HOST:PORT` and `--diff`",
            )
            return ""


def _is_service(lab: Lab, name: str) -> bool:
    try:
        lab.service(name)
    except Ambiguous:
        # It is one of several, which the error lists, and no host.
        raise
    except Error:
        return False
    return True


def _who_can_reach_service(lab: Lab, seen: Observed, name: str, form: Callable[..., str]) -> str:
    """Returns who can reach a service; of a lab that names no policy, what reaches it."""
    try:
        return form(lab.who_can_reach(name, seen))
    except NotFound as error:
        # A policy that is named, and not there, has a place.
        if error.place is not None:
            raise
    exposure = lab.exposure(name, seen)
    return form(exposure.view(), f"{exposure}\n")


def _portal(arguments: argparse.Namespace) -> int:
    if arguments.who is None and arguments.why is not None:
        _native.throw("invalid", "find `--who` beside `--why`")
    with Progress(2) as progress:
        progress.step("reading the lab's files")
        lab = Lab.load(arguments.dir)
        progress.step("looking at the lab")
        seen = _look(lab)
    if arguments.who is None:
        return _serve(arguments, lab, seen)
    answer: Record
    if arguments.why is None:
        answer = lab.portal(arguments.who, seen)
    else:
        answer = lab.explain(arguments.who, arguments.why, seen)
    say(as_json(answer.to_dict()) if arguments.format == "json" else str(answer))
    return 0


def _look(lab: Lab) -> Observed:
    with connect_sync(lab) as world:
        return world.observe(repositories=False)


def _serve(arguments: argparse.Namespace, lab: Lab, seen: Observed) -> int:
    from time import sleep

    from ._native import Server

    with Server.start(
        lab, seen, listen=arguments.listen, behind_serve=arguments.behind_serve, names=arguments.name
    ) as server:
        say(f"listening on http://{server.address}/\n")
        while True:
            sleep(60)
            try:
                lab = Lab.load(lab.root)
            except Error:
                # What was there is shown until the folder can be read again.
                continue
            server.show(lab, _look(lab))


def _policy(arguments: argparse.Namespace) -> int:
    files = _tailnet_files(arguments)
    if arguments.question == "check":
        verdict = Tailnet.judge_files(*files)
        say(as_json(verdict.to_dict()))
        return 0 if verdict.accepted else 1
    say(Tailnet.load(*files).with_https(arguments.https).to_json(arguments.question) + "\n")
    return 0


def _tailnet_files(arguments: argparse.Namespace) -> tuple[str, str, str | None]:
    for option in ("policy", "devices"):
        if getattr(arguments, option) is None:
            _native.throw("invalid", f"find the tailnet's {option}: no file is named", FILES)
    return arguments.policy, arguments.devices, arguments.users


def _widest_first(exposure: Exposure) -> tuple[int, int]:
    from ._enums import Reach

    scale = list(Reach)
    return -scale.index(exposure.reach), -scale.index(exposure.at_most)


def _resolve(arguments: argparse.Namespace) -> int:
    project = Project.resolve(
        *arguments.files,
        strict=arguments.strict,
        directory=arguments.project_directory,
        profiles=arguments.profile,
        env_files=arguments.env_file,
        environment=environment(),
    )
    for finding in project.diagnostics:
        warn(str(finding))
    say(project.to_json(redact=arguments.redact) + "\n")
    return 0


def _completion(arguments: argparse.Namespace) -> int:
    say(script(arguments.shell, parser()))
    return 0
