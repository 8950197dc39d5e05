"""What runs, how it differs from what was written, and what becomes different."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from .._enums import Reach
from .declaration import MountView, PortView
from .record import Convert, PlaceView, Record, many, maybe


@dataclass(frozen=True, eq=False, slots=True)
class GapView(Record):
    """A part of what an engine has that was not to be had."""

    part: str
    """Which part: `engine` (all of it), `information`, `containers`, `images`, `volumes` or `networks`."""
    kind: str
    """The kind of failure: `timed_out`, `unreachable`, ..."""
    message: str
    """What failed, as a fragment that reads after "failed to"."""
    hint: str | None
    """What to do about it."""


@dataclass(frozen=True, eq=False, slots=True)
class SeenHostView(Record):
    """A host, and whether its engine answered."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "gaps": partial(many, GapView.from_dict),
    }

    host: str
    """Its name in the lab."""
    at: str
    """When it was asked, RFC 3339."""
    source: str
    """Who said so: `docker 28.2.2`; where nobody answered, where that was tried."""
    seen: bool
    """Whether its containers were seen."""
    gaps: tuple[GapView, ...]
    """What was not to be had."""


@dataclass(frozen=True, eq=False, slots=True)
class DifferenceView(Record):
    """One difference between what was written and what runs."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "place": partial(maybe, PlaceView.from_dict),
    }

    kind: str
    """Its kind: `missing`, `stopped`, `unhealthy`, `restarting`, `extra`, `image`, `outdated`, `ports`, `mounts`,
    `environment`, `command`, `orphaned_volume` or `dangling_images`.
    """
    host: str | None
    """The host; nothing where the lab does not say which one should run it."""
    project: str | None
    """The project, `_` for what is of none; nothing for what belongs to a host as a whole."""
    service: str | None
    """The service within the project."""
    name: str | None
    """The container, the volume or the like that was seen."""
    message: str
    """What the difference is, in one fragment."""
    declared: str | None
    """What was written, where that is one value."""
    seen: str | None
    """What was seen, where that is one value."""
    place: PlaceView | None
    """Where it is written."""
    fix: str
    """What to do."""


@dataclass(frozen=True, eq=False, slots=True)
class DriftView(Record):
    """How what was written and what runs differ: the shape of `drift --format json`."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "hosts": partial(many, SeenHostView.from_dict),
        "differences": partial(many, DifferenceView.from_dict),
    }

    version: int
    """The version of this shape; raised when a field changes its meaning."""
    at: str
    """The moment that it speaks of, RFC 3339."""
    hosts: tuple[SeenHostView, ...]
    """The hosts; of one that was not seen nothing is known."""
    differences: tuple[DifferenceView, ...]
    """The differences, by host, project and service."""


@dataclass(frozen=True, eq=False, slots=True)
class ContainerView(Record):
    """A container, as its engine has it. Values of variables and labels may be secret, and are left out."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "ports": partial(many, PortView.from_dict),
        "mounts": partial(many, MountView.from_dict),
        "networks": tuple,
        "reach": partial(maybe, Reach),
        "at_most": partial(maybe, Reach),
    }

    host: str
    """The host."""
    project: str
    """The project, `_` for a container of none."""
    service: str
    """The service within the project."""
    placed_by: str
    """What showed which service it is: `labels`, `file`, `unit`, `name` or `image`; `nothing` for one that the lab does
    not know.
    """
    name: str
    """Its name on the engine."""
    id: str
    """Its id."""
    image: str
    """The image as it was asked for."""
    image_id: str
    """The image's id."""
    state: str
    """`running`, `exited`, ..."""
    health: str | None
    """`starting`, `healthy` or `unhealthy`, where it has a health check."""
    created: str | None
    """When it was made, RFC 3339."""
    started: str | None
    """When it was last started, RFC 3339."""
    exit_code: int | None
    """How it last ended, where it has."""
    restarts: int
    """How often its engine has started it again by itself."""
    ports: tuple[PortView, ...]
    """The ports that are bound now."""
    mounts: tuple[MountView, ...]
    """What is mounted into it."""
    networks: tuple[str, ...]
    """The networks that it is attached to."""
    reach: Reach | None
    """The widest zone that is known to reach it."""
    at_most: Reach | None
    """The widest that it could be, if what is not known turned out badly."""


@dataclass(frozen=True, eq=False, slots=True)
class RunningView(Record):
    """What runs: the shape of `inventory --format json`."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "hosts": partial(many, SeenHostView.from_dict),
        "containers": partial(many, ContainerView.from_dict),
    }

    version: int
    """The version of this shape; raised when a field changes its meaning."""
    at: str
    """The moment that it speaks of, RFC 3339."""
    hosts: tuple[SeenHostView, ...]
    """The hosts; of one that was not seen nothing is known."""
    containers: tuple[ContainerView, ...]
    """The containers, by host, project and service."""


@dataclass(frozen=True, eq=False, slots=True)
class ChangeView(Record):
    """Something that became different on engines."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "hosts": partial(many, SeenHostView.from_dict),
    }

    kind: str
    """What it is about: `full` (all of it, the first of all), `host` (all of one), `container`, `removed` (a container
    that is gone), `images`, `volumes` or `networks`.
    """
    hosts: tuple[SeenHostView, ...]
    """The hosts of which all is told: every one for `full`, else the one, if any."""
    host: str | None
    """The host that it is about; nothing for `full`."""
    name: str | None
    """The name of the container that it is about."""
    id: str | None
    """Its id."""
    state: str | None
    """What it is doing now: `running`, `exited`, ..."""
    health: str | None
    """What its health check says now, where it has one."""
    resynced: bool
    """Whether this was found by looking again after the connection was lost: what happened in between is not known."""
    text: str
    """The change in one line."""


@dataclass(frozen=True, eq=False, slots=True)
class LogLineView(Record):
    """A line that a container has written."""

    host: str
    """The host."""
    project: str
    """The project, `_` for a container of none."""
    service: str
    """The service within the project."""
    container: str
    """The container's name."""
    at: str | None
    """When it was written, as the engine says, RFC 3339."""
    output: str
    """Where it was written to: `stdout`, of a container with a terminal always, or `stderr`."""
    text: str
    """The text without its line break; what is no UTF-8 is replaced."""
    continues: bool
    """Whether the line goes on in the next one of this container and output: lines are cut at 1 MiB."""
    line: str
    """It as people read it: `web/site | ready`. What a terminal would obey is shown in it, and not done."""
