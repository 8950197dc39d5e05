"""What one engine has, and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from .declaration import MountView, PortView
from .record import Convert, Record, many


@dataclass(frozen=True, eq=False, slots=True)
class EngineInfoView(Record):
    """What an engine says of itself. Behind a proxy that allows little, only kind and versions are known."""

    host: str
    """The host."""
    kind: str
    """Which program it is: `docker`, `podman` or `other`."""
    version: str
    """Its version: `28.2.2`."""
    api: str
    """The version of the interface that is spoken with it: `1.41`."""
    hostname: str | None
    """What its machine calls itself."""
    system: str | None
    """Its machine's operating system, in its own words."""
    architecture: str | None
    """Its machine's architecture: `x86_64`."""
    processors: int | None
    """How many processors it has."""
    memory: int | None
    """How much memory it has, in bytes."""
    folder: str | None
    """Where it keeps its data."""
    rootless: bool | None
    """Whether it runs without the superuser's rights."""
    clock: str | None
    """What its clock says, RFC 3339: moments that it tells are of that clock."""


@dataclass(frozen=True, eq=False, slots=True)
class AttachedView(Record):
    """A network that a container is attached to."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "addresses": tuple,
    }

    network: str
    """Its name."""
    addresses: tuple[str, ...]
    """The container's addresses there."""


@dataclass(frozen=True, eq=False, slots=True)
class ImageView(Record):
    """An image, as an engine has it."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "tags": tuple,
        "digests": tuple,
    }

    host: str
    """The host."""
    id: str
    """Its id: `sha256:...`."""
    tags: tuple[str, ...]
    """Its names with tags; none of them: it is dangling."""
    digests: tuple[str, ...]
    """The names and digests by which registries have it."""
    created: str | None
    """When it was built, RFC 3339."""
    size: int
    """What it takes on disk, in bytes, shared layers included."""


@dataclass(frozen=True, eq=False, slots=True)
class VolumeView(Record):
    """A volume, as an engine has it."""

    host: str
    """The host."""
    name: str
    """Its name."""
    driver: str
    """What provides it: `local`."""
    path: str | None
    """Where it lies on the host, where the engine says."""
    created: str | None
    """When it was made, RFC 3339."""
    size: int | None
    """What it holds, in bytes: only where that was asked for."""


@dataclass(frozen=True, eq=False, slots=True)
class NetworkView(Record):
    """A network, as an engine has it."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "subnets": tuple,
    }

    host: str
    """The host."""
    id: str
    """The engine's id for it."""
    name: str
    """Its name."""
    driver: str
    """What provides it: `bridge`."""
    internal: bool
    """Whether it leads nowhere else."""
    subnets: tuple[str, ...]
    """Its prefixes."""


@dataclass(frozen=True, eq=False, slots=True)
class StatView(Record):
    """What a container uses at one moment."""

    at: str
    """The moment, RFC 3339."""
    cpu_percent: float | None
    """How much of one processor it has used since the sample before, in percent: 250 is two and a half of them. Nothing
    where there is no sample before. As `docker stats` has it.
    """
    memory: int
    """The memory that it holds, in bytes, without the part of the file cache that can be given back at once."""
    memory_limit: int
    """The memory that it may hold, in bytes."""
    received: int
    """What came in by its networks since it was started, in bytes."""
    sent: int
    """What went out by its networks, in bytes."""
    read: int
    """What it has read from disks, in bytes."""
    written: int
    """What it has written to disks, in bytes."""
    processes: int
    """How many processes and threads it has."""


@dataclass(frozen=True, eq=False, slots=True)
class ProcessView(Record):
    """A process in a container."""

    id: int
    """Its number: Docker tells the host's, Podman the container's."""
    user: str
    """Who it runs as, by name or number."""
    command: str
    """Its command line. It may hold a secret."""


@dataclass(frozen=True, eq=False, slots=True)
class PullView(Record):
    """How far an image's fetching is."""

    layer: str | None
    """The layer that it is about; nothing: the image."""
    status: str
    """What the engine says: `Downloading`."""
    done: int | None
    """How many bytes of the layer are done."""
    total: int | None
    """How many it has, where that is known."""


@dataclass(frozen=True, eq=False, slots=True)
class EngineEventView(Record):
    """Something that happened on an engine."""

    at: str
    """When, by the engine's clock, RFC 3339."""
    subject: str
    """What kind of thing it happened to: `container`, `image`, `volume`, `network` or `other`."""
    id: str
    """The thing's id: of images a name, where only that is known."""
    name: str
    """The thing's name, as far as the engine says."""
    action: str
    """What happened: `created`, `started`, `died`, `paused`, `unpaused`, `renamed`, `removed`, `health`,
    `out_of_memory` or another word of the engine.
    """
    exit_code: int | None
    """The code with which it died, where that is known."""
    health: str | None
    """What its health check says now: `starting`, `healthy` or `unhealthy`."""


@dataclass(frozen=True, eq=False, slots=True)
class InspectView(Record):
    """A container, inspected. Left out is what may be secret: values of variables and labels, and the words of its
    command.
    """

    _of: ClassVar[Mapping[str, Convert]] = {
        "ports": partial(many, PortView.from_dict),
        "mounts": partial(many, MountView.from_dict),
        "networks": partial(many, AttachedView.from_dict),
        "labels": tuple,
        "environment": tuple,
    }

    host: str
    """The host."""
    id: str
    """Its id."""
    name: str
    """Its name on the engine."""
    project: str | None
    """The Compose project that made it, as its labels say."""
    service: str | None
    """The Compose service that it is one of, as its labels say."""
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
    finished: str | None
    """When it last ended, RFC 3339."""
    exit_code: int | None
    """How it last ended, where it has."""
    out_of_memory: bool
    """Whether it ended since there was not memory enough."""
    restarts: int
    """How often its engine has started it again by itself."""
    ports: tuple[PortView, ...]
    """The ports that are bound now."""
    mounts: tuple[MountView, ...]
    """What is mounted into it."""
    network_mode: str
    """What it has instead of networks of its own, or the network that it was made with: `host`, `none`, a name."""
    networks: tuple[AttachedView, ...]
    """The networks that it is attached to, by name."""
    labels: tuple[str, ...]
    """The names of its labels, those of its image included."""
    environment: tuple[str, ...]
    """The names of its variables, those of its image included."""
    user: str | None
    """Who it runs as, where that is said."""
    privileged: bool
    """Whether it runs with all privileges."""
    terminal: bool
    """Whether its output is a terminal's: one stream, in which both are mixed."""
    restart: str | None
    """How it is restarted: `no`, `always`, `unless-stopped` or `on-failure`; nothing where the engine does not say."""
