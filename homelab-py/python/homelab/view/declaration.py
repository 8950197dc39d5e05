"""What a lab's files declare: projects, services as written, files, and applications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from .record import Convert, PlaceView, Record, many


@dataclass(frozen=True, eq=False, slots=True)
class ProjectView(Record):
    """A Compose project."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "files": tuple,
        "hosts": tuple,
        "services": tuple,
    }

    name: str
    """Its name."""
    folder: str | None
    """Its folder, relative to the lab's, with `/` between folders; empty for the lab's own, and nothing
    for one outside.
    """
    files: tuple[str, ...]
    """The files that it was read from."""
    hosts: tuple[str, ...]
    """The machines that run it, where the lab says."""
    tier: str
    """How careful one is with it: `production`, `sandbox` or `unknown`."""
    services: tuple[str, ...]
    """Its services' names."""


@dataclass(frozen=True, eq=False, slots=True)
class PortView(Record):
    """A port that a container publishes."""

    address: str | None
    """The address on the host; nothing means all interfaces."""
    published: int | None
    """The port on the host, or the first of several; nothing means that the engine chooses one."""
    published_to: int | None
    """The last port on the host, where there are several."""
    target: int
    """The port in the container."""
    protocol: str
    """`tcp`, `udp` or `sctp`."""


@dataclass(frozen=True, eq=False, slots=True)
class MountView(Record):
    """Storage in a container."""

    kind: str
    """`bind`, `volume`, `tmpfs` or `other`."""
    source: str | None
    """The host's path, or the volume's key in the file; nothing for an anonymous volume."""
    target: str
    """The path in the container."""
    read_only: bool
    """Whether the container cannot write to it."""


@dataclass(frozen=True, eq=False, slots=True)
class DeclarationView(Record):
    """A service as its Compose file declares it, resolved.

    Values of variables and labels, and words of commands, may be secret: they are in the project's own JSON only.
    """

    _of: ClassVar[Mapping[str, Convert]] = {
        "place": PlaceView.from_dict,
        "ports": partial(many, PortView.from_dict),
        "networks": tuple,
        "environment": tuple,
        "labels": tuple,
        "mounts": partial(many, MountView.from_dict),
        "depends_on": tuple,
        "profiles": tuple,
    }

    name: str
    """Its name within the project."""
    place: PlaceView
    """Where it is declared."""
    image: str | None
    """The image."""
    build: bool
    """Whether the image is built from a context."""
    container_name: str | None
    """The container's fixed name."""
    ports: tuple[PortView, ...]
    """The ports that it publishes."""
    network_mode: str | None
    """What it has instead of networks: `none`, `host`, `bridge`, `service:NAME`, `container:NAME`, or a name."""
    networks: tuple[str, ...]
    """The keys of the networks that it is attached to."""
    environment: tuple[str, ...]
    """The names of its variables."""
    labels: tuple[str, ...]
    """The names of its labels."""
    mounts: tuple[MountView, ...]
    """Volumes, bind mounts, memory."""
    privileged: bool
    """Whether it runs with all privileges."""
    read_only: bool
    """Whether its root file system cannot be written."""
    user: str | None
    """The user that it runs as, where one is written."""
    restart: str | None
    """`no`, `always`, `on-failure` or `unless-stopped`, where one is written."""
    healthcheck: bool
    """Whether it has a health check that is not disabled."""
    depends_on: tuple[str, ...]
    """The services that it waits for."""
    profiles: tuple[str, ...]
    """Its profiles; it runs only when one of them is active, or always where there are none."""
    replicas: int
    """How many containers there are to be."""


@dataclass(frozen=True, eq=False, slots=True)
class SystemView(Record):
    """An application that was recognised in the lab."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "services": tuple,
    }

    id: str
    """Its identity, as in `application`: `immich`."""
    name: str
    """The name that people know it by."""
    category: str
    """What it is for: `photos`."""
    services: tuple[str, ...]
    """The services that are it: `nas:immich/server`."""


@dataclass(frozen=True, eq=False, slots=True)
class FileView(Record):
    """A file of the lab, as it was when the lab was loaded."""

    path: str
    """Its path, relative to the lab's folder, with `/` between folders."""
    size: int
    """How many bytes it has."""
    kind: str
    """What it is for: `compose`, `environment`, `pattern`, ..."""
    stratum: int
    """How far it carries to other labs, from 1 to 5; 5 is private."""
    kept: bool
    """Whether its content was kept, and so was looked at."""
