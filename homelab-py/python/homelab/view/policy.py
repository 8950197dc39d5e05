"""What a tailnet's service says of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from .record import Convert, PlaceView, Record, many, maybe


@dataclass(frozen=True, eq=False, slots=True)
class PolicyTestView(Record):
    """A test of a policy that fails."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "place": PlaceView.from_dict,
    }

    section: str
    """`tests` or `sshTests`."""
    index: int
    """Which entry, from 0."""
    reason: str
    """Why it fails."""
    place: PlaceView
    """Where it is written."""


@dataclass(frozen=True, eq=False, slots=True)
class PolicyNoteView(Record):
    """Something that is worth saying about a policy."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "place": PlaceView.from_dict,
    }

    message: str
    """What it is."""
    place: PlaceView
    """Where it is."""


@dataclass(frozen=True, eq=False, slots=True)
class PolicyCheckView(Record):
    """Whether the service accepts a policy."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "place": partial(maybe, PlaceView.from_dict),
        "failures": partial(many, PolicyTestView.from_dict),
        "notes": partial(many, PolicyNoteView.from_dict),
    }

    accepted: bool
    """Whether it does."""
    message: str | None
    """Why not, in the service's words where they are known."""
    place: PlaceView | None
    """The value at fault."""
    hint: str | None
    """What to do."""
    failures: tuple[PolicyTestView, ...]
    """The file's own tests that fail."""
    notes: tuple[PolicyNoteView, ...]
    """What is accepted, and still not as it should be."""
