"""Which data there is, which copies of it count, and what a loss would leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from .record import Convert, PlaceView, Record, many, maybe


@dataclass(frozen=True, eq=False, slots=True)
class PartView(Record):
    """One place of a dataset."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "services": tuple,
    }

    host: str | None
    """The machine, where the lab says which."""
    place: str
    """The volume, `immich/database`, or the path."""
    services: tuple[str, ...]
    """The services that use it, as far as they are known."""
    store: str
    """How the data lies there: `files`, `postgres`, `sqlite`, ..."""


@dataclass(frozen=True, eq=False, slots=True)
class ReasonView(Record):
    """Why a copy does not count."""

    kind: str
    """Its word: `not_seen`, `lacks`, `other_host`, `same_medium`, `medium_unknown`, `stale`, `partial`,
    `live_database`, `sync`, `future`, `damaged`, `unencrypted`, `encryption_unknown`, `key_lost`,
    `key_unknown`, `site_unknown` or `same_site`."""
    message: str
    """What it says, in one fragment."""


@dataclass(frozen=True, eq=False, slots=True)
class CopyView(Record):
    """What one repository holds of a dataset."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "reasons": partial(many, ReasonView.from_dict),
        "not_offsite": partial(many, ReasonView.from_dict),
        "notes": tuple,
    }

    repository: str
    """The repository."""
    host: str | None
    """The machine that holds it, where that is known."""
    medium: str | None
    """The disk or pool, where that is known."""
    site: str | None
    """The place, where that is known."""
    account: str | None
    """The account, where there is one."""
    snapshot: str | None
    """The snapshot that it stands on; nothing where none holds all of the dataset."""
    snapshot_at: str | None
    """The moment whose state that holds, RFC 3339."""
    completeness: str | None
    """Whether its run took all that it was to take: `complete`, `partial` or `not_recorded`."""
    encrypted: bool | None
    """Whether it is encrypted; nothing where that is not known."""
    last_check: str | None
    """When the repository was last checked, RFC 3339."""
    last_check_depth: str | None
    """How much that check read: `structure`, `part 2 of 7`, `all data`."""
    last_drill: str | None
    """When the dataset was last restored from it for proof, RFC 3339."""
    last_drill_passed: bool | None
    """Whether that proved it."""
    counts: bool
    """Whether it counts as a copy."""
    offsite: bool
    """Whether it counts as one that is elsewhere."""
    reasons: tuple[ReasonView, ...]
    """Why it does not count."""
    not_offsite: tuple[ReasonView, ...]
    """Why it does not count as one that is elsewhere."""
    notes: tuple[str, ...]
    """What is worth knowing of it besides."""


@dataclass(frozen=True, eq=False, slots=True)
class VerdictView(Record):
    """What is known of one dataset's copies."""

    _called: ClassVar[Mapping[str, str]] = {"data_class": "class"}

    _of: ClassVar[Mapping[str, Convert]] = {
        "declared": partial(maybe, PlaceView.from_dict),
        "parts": partial(many, PartView.from_dict),
        "problems": tuple,
        "held": partial(many, CopyView.from_dict),
    }

    dataset: str
    """The dataset's name."""
    data_class: str | None
    """`irreplaceable`, `important`, `reproducible`; nothing where nobody knows."""
    declared: PlaceView | None
    """Where it is declared; nothing where only the catalogue found it."""
    parts: tuple[PartView, ...]
    """Where its data lies."""
    problems: tuple[str, ...]
    """What keeps it from being judged."""
    recovery_point: str | None
    """How old the newest copy may be: `36 h`."""
    state: str
    """How it stands against 3-2-1: `no_copy`, `falls_short`, `not_known`, `meets` or `not_needed`."""
    copies: int
    """How many copies there are; the original is the first."""
    media: int
    """On how many disks or pools they lie."""
    offsite: int
    """How many of them are at another place than the original."""
    held: tuple[CopyView, ...]
    """What each repository holds of it."""


@dataclass(frozen=True, eq=False, slots=True)
class RemainsView(Record):
    """What a loss would leave of a dataset."""

    _called: ClassVar[Mapping[str, str]] = {"repository": "from"}

    _of: ClassVar[Mapping[str, Convert]] = {
        "copies_lost": tuple,
        "reasons": tuple,
    }

    dataset: str
    """The dataset."""
    fate: str
    """`lost`, `not_known`, `perhaps`, `restored` or `kept`."""
    repository: str | None
    """The repository that it would be restored from."""
    work_seconds: int | None
    """How much work would be lost, in seconds: the age of that copy."""
    copies_lost: tuple[str, ...]
    """The copies that would be lost with it."""
    reasons: tuple[str, ...]
    """Why it is no better."""


@dataclass(frozen=True, eq=False, slots=True)
class LossView(Record):
    """What one kind of loss would leave."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "datasets": partial(many, RemainsView.from_dict),
    }

    loss: str
    """What is lost: `disk`, `machine`, `house`, `account`, `password` or `ransomware`."""
    datasets: tuple[RemainsView, ...]
    """What remains of each dataset."""


@dataclass(frozen=True, eq=False, slots=True)
class SurvivalView(Record):
    """What is known of a lab's copies: the shape of `backup status --format json`."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "datasets": partial(many, VerdictView.from_dict),
        "unknown": partial(many, PartView.from_dict),
        "unread": tuple,
        "losses": partial(many, LossView.from_dict),
    }

    version: int
    """The version of this shape; raised when a field changes its meaning."""
    at: str
    """The moment that it speaks of, RFC 3339."""
    asked: bool
    """Whether any repository was asked; where none was, nothing of copies is known."""
    datasets: tuple[VerdictView, ...]
    """A verdict for each dataset."""
    unknown: tuple[PartView, ...]
    """Volumes and folders of which nobody knows whether their data matters."""
    unread: tuple[str, ...]
    """What of the Compose files could not be read, so that the data it speaks of is not known."""
    losses: tuple[LossView, ...]
    """What each kind of loss would leave."""
