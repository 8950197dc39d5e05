"""Which data there is, which copies of it count, what repositories hold, and what a loss would leave."""

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


@dataclass(frozen=True, eq=False, slots=True)
class SnapshotView(Record):
    """One snapshot of a repository, and what it holds."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "paths": tuple,
        "volumes": tuple,
    }

    id: str
    """Its id."""
    at: str
    """The moment whose state it holds, RFC 3339."""
    host: str | None
    """The machine that it was made of; nothing where it does not say."""
    paths: tuple[str, ...]
    """The paths that it was made of."""
    volumes: tuple[str, ...]
    """The volumes that it holds whatever their path, as `PROJECT/VOLUME`."""
    completeness: str
    """Whether its run took all that it was to take: `complete`, `partial` or `not_recorded`."""
    consistent: bool
    """Whether it holds one moment: a dump, or a copy of what was stopped."""


@dataclass(frozen=True, eq=False, slots=True)
class CheckView(Record):
    """A check of a repository."""

    at: str
    """When it ended, RFC 3339."""
    depth: str
    """How much it read: `structure`, `part 2 of 7`, `all data`."""
    passed: bool
    """Whether all that was read is whole."""


@dataclass(frozen=True, eq=False, slots=True)
class DrillView(Record):
    """A drill: a dataset was restored from a repository, and looked at."""

    dataset: str
    """The dataset."""
    at: str
    """When it ended, RFC 3339."""
    snapshot: str
    """The snapshot that was restored."""
    passed: bool
    """Whether what came back is what was saved."""
    databases: bool
    """Whether the databases in it were opened and found whole."""
    proof: str
    """What was proven, or what failed, in one fragment."""


@dataclass(frozen=True, eq=False, slots=True)
class HoldingsView(Record):
    """What one repository holds. What is absent is not known."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "snapshots": partial(maybe, partial(many, SnapshotView.from_dict)),
        "check": partial(maybe, CheckView.from_dict),
        "drills": partial(many, DrillView.from_dict),
    }

    repository: str
    """The repository, as the lab calls it."""
    at: str
    """When it was asked, RFC 3339."""
    source: str
    """Who said so: `rustic 0.13`; where nobody answered, what was tried."""
    id: str | None
    """Its own id, where it has one."""
    snapshots: tuple[SnapshotView, ...] | None
    """Its snapshots, oldest first; nothing where they were not to be had."""
    gap: str | None
    """The kind of failure where something was not to be had: `unsupported`, `not_initialised`, `wrong_key`, ..."""
    gap_message: str | None
    """What failed then, as a fragment that reads after "failed to"."""
    encrypted: bool | None
    """Whether its content is encrypted."""
    append_only: bool | None
    """Whether whoever writes to it is kept from deleting, as its own interface says."""
    check: CheckView | None
    """The last check of it that is recorded."""
    drills: tuple[DrillView, ...]
    """The last drill of each dataset from it that is recorded."""


@dataclass(frozen=True, eq=False, slots=True)
class EntryView(Record):
    """Something in a snapshot."""

    path: str
    """Its path, absolute. What of it is no text is replaced."""
    kind: str
    """What it is: `file`, `folder`, `link` or `special`."""
    size: int
    """How many bytes it has, of a file."""
