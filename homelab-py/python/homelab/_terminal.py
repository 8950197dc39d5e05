"""What the commands write, and how they read what every one of them takes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from . import _native

if TYPE_CHECKING:
    from ._native import Report


def as_json(value: object) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def environment() -> dict[str, str]:
    """Returns the variables that are text: others cannot be in a Compose file."""
    pairs = ((os.fsencode(name), os.fsencode(value)) for name, value in os.environ.items())
    made: dict[str, str] = {}
    for name, value in pairs:
        try:
            made[name.decode()] = value.decode()
        except UnicodeDecodeError:
            continue
    return made


def moment(text: str | None) -> datetime | None:
    """Returns what `--now` means: a moment with its zone, or a date at noon in UTC."""
    if text is None:
        return None
    try:
        if len(text) == len("2027-01-31"):
            return datetime.fromisoformat(f"{text}T12:00:00+00:00")
        read = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
        if read.tzinfo is not None:
            return read.astimezone(timezone.utc)
    except ValueError:
        pass
    _native.throw(
        "invalid",
        f"read the time `{text}`",
        "write a date such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z",
    )
    return None


def printable(text: str) -> str:
    """Returns a text of which bytes that are none, as a path may have, are shown as `?`."""
    return text.encode(errors="replace").decode()


def is_terminal() -> bool:
    # A process whose output is closed (`>&-`) has none at all.
    return sys.stdout is not None and sys.stdout.isatty()


def colour() -> bool:
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def as_text(report: Report) -> str:
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and len(columns) < 7:
        return report.to_text(colour=colour(), width=int(columns))
    return report.to_text(colour=colour(), whole_table=not is_terminal())


def say(text: str) -> bool:
    """Prints a text as the core made it, in UTF-8 whatever the locale says. Returns whether somebody still reads.

    What cannot be written is an error: a full disk must not leave half a report that looks like a whole one.
    """
    if sys.stdout is None:
        _native.throw("internal", "write the output: there is none", "do not close standard output")
        return False
    try:
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            buffer.write(text.encode())
            buffer.flush()
    except BrokenPipeError:
        # That nobody reads to the end, as with `| head`, is no failure.
        _write_no_more()
        return False
    except OSError as error:
        _write_no_more()
        _native.throw("internal", f"write the output: {error.strerror} (os error {error.errno})")
    return True


def warn(text: str) -> None:
    """Prints a line for a person, beside what is asked for; that nobody can read it is no failure."""
    if sys.stderr is None:
        # `print` would take the output in its place.
        return
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _write_no_more() -> None:
    # Python would write what is left once more when it ends, and fail once more.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
