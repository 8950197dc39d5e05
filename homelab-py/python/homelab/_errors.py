"""One base for all failures, and a subclass for each kind."""

from __future__ import annotations

from ._enums import ErrorKind

# As in `typing`, which takes longer to import than all of this package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import ClassVar

    from .view import PlaceView, StepResultView


class Error(Exception):
    """Why an operation failed: its kind, what failed, where, and what to do about it."""

    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    """Which kind of failure it is: what a program decides by."""
    message: str
    """What failed, with every reason below it: a fragment that reads after "failed to"."""
    hint: str | None
    """What to do about it."""
    place: PlaceView | None
    """The place in a file that it is about."""
    done: tuple[StepResultView, ...]
    """The steps that were done before the failure: empty unless a plan was being applied."""
    retryable: bool
    """Whether the same call may succeed later, with nothing changed by the caller."""

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        place: PlaceView | None = None,
        done: Sequence[StepResultView] = (),
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place
        self.done = tuple(done)
        self.retryable = retryable

    def __str__(self) -> str:
        lines = [f"failed to {self.message}"]
        if self.place is not None:
            lines.append(f"  at {self.place.file}:{self.place.line}:{self.place.column}")
        if self.hint is not None:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Callable[..., Error], tuple[object, ...]]:
        return _of_kind, (str(self.kind), self.message, self.hint, self.place, self.done, self.retryable)


class Invalid(Error):
    """An input that does not mean anything: a name, a file, a setting."""

    kind = ErrorKind.INVALID


class NotFound(Error):
    """What was asked for is not there."""

    kind = ErrorKind.NOT_FOUND


class Ambiguous(Error):
    """A name that stands for several things; the hint lists them."""

    kind = ErrorKind.AMBIGUOUS


class Conflict(Error):
    """The world is not as the plan expects it: something changed since."""

    kind = ErrorKind.CONFLICT


class Unauthorised(Error):
    """The other side knows us not, or does not let us."""

    kind = ErrorKind.UNAUTHORISED


class Unreachable(Error):
    """The other side did not answer at all."""

    kind = ErrorKind.UNREACHABLE


class TimedOut(Error):
    """It took longer than its limit."""

    kind = ErrorKind.TIMED_OUT


class Unsupported(Error):
    """This build, engine, repository or system does not offer it."""

    kind = ErrorKind.UNSUPPORTED


class Incomplete(Error):
    """A part was done and a part was not; `done` says which."""

    kind = ErrorKind.INCOMPLETE


class NotInitialised(Error):
    """A repository that was never initialised."""

    kind = ErrorKind.NOT_INITIALISED


class WrongKey(Error):
    """A password or key that does not fit."""

    kind = ErrorKind.WRONG_KEY


class Locked(Error):
    """Somebody else holds the lock."""

    kind = ErrorKind.LOCKED


class NoSpace(Error):
    """The disk or the quota is full."""

    kind = ErrorKind.NO_SPACE


class Damaged(Error):
    """Stored data that is not what was stored."""

    kind = ErrorKind.DAMAGED


class ToolMissing(Error):
    """A program that this needs is not installed."""

    kind = ErrorKind.TOOL_MISSING


class ToolFailed(Error):
    """A program that this runs failed; the hint has the end of what it said."""

    kind = ErrorKind.TOOL_FAILED


class Cancelled(Error):
    """It was asked to stop, and did."""

    kind = ErrorKind.CANCELLED


class Refused(Error):
    """A rule of the lab, or of this library, forbids it."""

    kind = ErrorKind.REFUSED


class Internal(Error):
    """A defect of this library."""

    kind = ErrorKind.INTERNAL


_KINDS = {str(cls.kind): cls for cls in Error.__subclasses__()}


def _of_kind(
    kind: str,
    message: str,
    hint: str | None = None,
    place: PlaceView | None = None,
    done: Sequence[StepResultView] = (),
    retryable: bool = False,
) -> Error:
    """Returns the exception of this kind. A kind that this package is too old to know is the base itself."""
    return _KINDS.get(kind, Error)(message, hint, place, done, retryable)
