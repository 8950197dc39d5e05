"""What a machine's own tailnet daemon says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from .record import Convert, Record, many, maybe


@dataclass(frozen=True, eq=False, slots=True)
class SeenDeviceView(Record):
    """A device of the tailnet, as another one sees it. Whatever is not known is absent."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "tags": tuple,
        "addresses": tuple,
        "routes": partial(maybe, tuple),
    }

    name: str
    """Its host name, as it calls itself. Several devices may have the same one."""
    dns_name: str | None
    """Its whole MagicDNS name, without a dot at the end."""
    owner: str | None
    """The login of whose device it is: nobody's, once it has a tag."""
    tags: tuple[str, ...]
    """Its tags: `tag:server`."""
    addresses: tuple[str, ...]
    """Its addresses in the tailnet, mostly one of each family."""
    routes: tuple[str, ...] | None
    """The routes that it carries now; nothing where nobody has said."""
    external: bool
    """Whether it belongs to another tailnet and was shared into this one."""
    online: bool | None
    """Whether it was connected when this was asked."""
    key_expiry: str | None
    """When its key expires, RFC 3339; nothing where it never does, or nobody has said."""
    os: str | None
    """Its operating system, as it calls it itself: `linux`."""


@dataclass(frozen=True, eq=False, slots=True)
class StatusView(Record):
    """The state of a device of the tailnet, and whom it sees. To be seen is no right to be reached."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "own": partial(maybe, SeenDeviceView.from_dict),
        "devices": partial(many, SeenDeviceView.from_dict),
    }

    state: str
    """The daemon's word for its state: `Running`, `NeedsLogin`, `Stopped`; empty where it said none."""
    version: str | None
    """The daemon's version."""
    tailnet: str | None
    """The tailnet's name."""
    suffix: str | None
    """The end of the tailnet's MagicDNS names, without a dot at either end."""
    own: SeenDeviceView | None
    """The device itself; nothing before it is in a tailnet."""
    devices: tuple[SeenDeviceView, ...]
    """The device itself and those that it sees."""


@dataclass(frozen=True, eq=False, slots=True)
class GrantedCapabilityView(Record):
    """An app capability, with what it was granted with."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "values": tuple,
    }

    name: str
    """Its name: `example.com/cap/photos`."""
    values: tuple[str, ...]
    """Its values, each as JSON."""


@dataclass(frozen=True, eq=False, slots=True)
class WhoIsView(Record):
    """Who stands behind an address of the tailnet."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "device": SeenDeviceView.from_dict,
        "capabilities": partial(many, GrantedCapabilityView.from_dict),
    }

    device: SeenDeviceView
    """The device."""
    login: str | None
    """The login of the person whose device it is; nobody's, where the device has tags."""
    name: str | None
    """The name by which that person is shown."""
    capabilities: tuple[GrantedCapabilityView, ...]
    """The app capabilities that the policy grants the device on the one that was asked, by name."""


@dataclass(frozen=True, eq=False, slots=True)
class PreferencesView(Record):
    """The settings of a device of the tailnet that decide about reach. Each is absent where the daemon did not say."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "advertised": tuple,
        "services": tuple,
    }

    shields_up: bool | None
    """Whether it refuses all new connections, whatever the policy says."""
    accepts_routes: bool | None
    """Whether it uses the routes that others offer."""
    ssh: bool | None
    """Whether its Tailscale SSH server is on."""
    wants_running: bool | None
    """Whether it is meant to be in the tailnet."""
    advertised: tuple[str, ...]
    """The routes that it offers."""
    services: tuple[str, ...]
    """The Tailscale Services that it offers to host."""
    control: str | None
    """The address of its control server."""


@dataclass(frozen=True, eq=False, slots=True)
class ServedView(Record):
    """One thing that a device of the tailnet passes on."""

    port: int
    """The port on which it listens in the tailnet."""
    host: str | None
    """The name for which it answers, where it looks at that."""
    path: str | None
    """The path below which it answers; nothing where it passes connections on, and looks at no path."""
    service: str | None
    """The Tailscale Service that it belongs to; nothing where it is the device's own."""
    kind: str
    """What it does: `proxy` (to a web server), `forward` (connections), `files`, `text`, `redirect` or `unknown`."""
    target: str | None
    """Where that leads, as it is written; nothing for a text, and for what is not known."""
    funnel: bool
    """Whether everybody on the internet is let in."""


@dataclass(frozen=True, eq=False, slots=True)
class NodeView(Record):
    """What a machine's own device of the tailnet is: its state, its settings and what it serves."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "status": StatusView.from_dict,
        "preferences": partial(maybe, PreferencesView.from_dict),
        "serve": partial(maybe, partial(many, ServedView.from_dict)),
    }

    status: StatusView
    """Its state, and whom it sees."""
    preferences: PreferencesView | None
    """Its settings; nothing where the daemon keeps them to itself."""
    serve: tuple[ServedView, ...] | None
    """What it passes on, by port; nothing where the daemon keeps that to itself."""


@dataclass(frozen=True, eq=False, slots=True)
class NoticeView(Record):
    """Something that happened to this machine's device of the tailnet."""

    kind: str
    """What it is: `state`, `changed` (devices that it sees, or itself: ask for the status again), `settings` (they, or
    what it serves: ask for them again), `problem`, `missed` (the reader was too slow: ask for all again), or `ended`.
    """
    text: str | None
    """The daemon's word for the state, what it says of the problem, or why the stream is at its end."""
    missed: int | None
    """How many notices were missed."""
