"""The words that decide, as enums whose members are also their texts.

`Reach.LAN == "lan"` holds, and so they go into JSON and data frames as they are. Reach and Severity are ordered.
"""

from __future__ import annotations

from enum import Enum

# As in `typing`, which takes longer to import than all of this package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    _W = TypeVar("_W", bound="_Word")


class _Word(str, Enum):
    """A word of the core."""

    __hash__ = str.__hash__

    def __str__(self) -> str:
        return str.__str__(self)

    def __format__(self, format_spec: str) -> str:
        return str.__format__(self, format_spec)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __reduce_ex__(self: _W, protocol: object) -> tuple[type[_W], tuple[str]]:
        return type(self), (str(self.value),)


class _Ordered(_Word):
    """A word of a scale: compared by its place on it, also with a text that is such a word."""

    def _rank(self, other: str) -> tuple[int, int]:
        scale = list(type(self))
        return scale.index(self), scale.index(type(self)(other))

    def __lt__(self, other: str) -> bool:
        left, right = self._rank(other)
        return left < right

    def __le__(self, other: str) -> bool:
        left, right = self._rank(other)
        return left <= right

    def __gt__(self, other: str) -> bool:
        left, right = self._rank(other)
        return left > right

    def __ge__(self, other: str) -> bool:
        left, right = self._rank(other)
        return left >= right


class Reach(_Ordered):
    """How far away somebody can be and still reach a service."""

    NONE = "none"
    HOST = "host"
    TAILNET = "tailnet"
    LAN = "lan"
    INTERNET = "internet"


class Severity(_Ordered):
    """How much a finding weighs, from least to most."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class Principle(_Word):
    """A principle of the pattern: every rule serves one."""

    VALID = "valid"
    TAILNET_FIRST = "tailnet-first"
    NO_PUBLIC_PORT = "no-public-port"
    NO_PUBLIC_DNS = "no-public-dns"
    ONE_FILE_PER_SERVICE = "one-file-per-service"
    VERSIONED_CONFIGURATION = "versioned-configuration"
    NAMED_VOLUMES = "named-volumes"
    THREE_TWO_ONE = "three-two-one"
    MONITORING_BASELINE = "monitoring-baseline"
    MANUAL_UPDATES = "manual-updates"
    PATTERN_APART = "pattern-apart"
    IDENTITY_FITS_AUDIENCE = "identity-fits-audience"


class Tier(_Word):
    """How a project is treated: lab.toml says."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    UNKNOWN = "unknown"


class Status(_Word):
    """How much of a plan was done."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    SKIPPED = "skipped"


class ErrorKind(_Word):
    """Which kind of failure an `Error` is."""

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    CONFLICT = "conflict"
    UNAUTHORISED = "unauthorised"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    UNSUPPORTED = "unsupported"
    INCOMPLETE = "incomplete"
    NOT_INITIALISED = "not_initialised"
    WRONG_KEY = "wrong_key"
    LOCKED = "locked"
    NO_SPACE = "no_space"
    DAMAGED = "damaged"
    TOOL_MISSING = "tool_missing"
    TOOL_FAILED = "tool_failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    INTERNAL = "internal"
