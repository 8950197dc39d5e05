"""Which services somebody may reach, where a browser finds them, and why or why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from .._enums import Reach
from .record import Convert, EvidenceView, Record, many, maybe
from .tailnet import ExplanationView


def _text(record: Record) -> str:
    from .. import _native

    return _native.answer_text(type(record).__name__, record.to_json())


@dataclass(frozen=True, eq=False, slots=True)
class PortalWayView(Record):
    """A way by which somebody comes in to a service."""

    _of: ClassVar[Mapping[str, Convert]] = {"zone": Reach, "conditions": tuple}

    zone: Reach
    """As whom: `tailnet`, `lan` or `internet`."""
    kind: str
    """Which kind of way it is: `published_port`, `serve`, `proxy`, ..."""
    label: str
    """The way in words: `100.64.0.2:2283 -> 2283/tcp`."""
    target: str | None
    """On which port of which device it begins, where that is known: `nas:2283/tcp`."""
    url: str | None
    """Where a browser finds it."""
    sure: bool
    """Whether they are sure to come in."""
    conditions: tuple[str, ...]
    """What it depends on, and what to know about it."""


@dataclass(frozen=True, eq=False, slots=True)
class PortalServiceView(Record):
    """A service that somebody may reach."""

    _of: ClassVar[Mapping[str, Convert]] = {"by": Reach, "ways": partial(many, PortalWayView.from_dict)}

    service: str
    """The service: `immich/server`."""
    name: str
    """What people call it: `Immich`."""
    category: str
    """What it is for: `photos`; `other` where that is not known."""
    url: str | None
    """Where a browser finds it by the best of its ways, as far as that can be said."""
    by: Reach
    """As whom they come in by the best way: `tailnet` where its policy lets them, `internet` where everybody does,
    `lan` where whoever is on the local network does and nobody asks who they are."""
    sure: bool
    """Whether they are sure to come in: false where it depends on something that is not known."""
    health: str | None
    """How it was seen to do: `healthy`, `unhealthy`, `starting`, `running` where it has no health check, else what its
    container is instead: `exited`, `absent`; nothing where nobody looked."""
    ways: tuple[PortalWayView, ...]
    """Every way by which they come in, the best first."""


@dataclass(frozen=True, eq=False, slots=True)
class PortalView(Record):
    """The services of a lab that somebody may reach: their page of the lab."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "devices": tuple,
        "services": partial(many, PortalServiceView.from_dict),
        "conditions": tuple,
    }

    who: str
    """Who it is for: a login, or whatever else was asked about."""
    name: str | None
    """The name that the lab gives this person."""
    devices: tuple[str, ...]
    """Their devices in the tailnet."""
    services: tuple[PortalServiceView, ...]
    """The services, by category and name."""
    conditions: tuple[str, ...]
    """What holds for all of it."""

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, eq=False, slots=True)
class WayExplanationView(Record):
    """Whether somebody comes in by one way, and why."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "zone": Reach,
        "explanations": partial(many, ExplanationView.from_dict),
        "evidence": partial(many, EvidenceView.from_dict),
    }

    kind: str
    """Which kind of way it is: `published_port`, `serve`, `proxy`, ..."""
    label: str
    """The way in words."""
    zone: Reach
    """The widest zone that is known to come in by it."""
    allowed: bool | None
    """Whether they come in by it; absent where that is not known."""
    reason: str
    """Why, in a fragment."""
    explanations: tuple[ExplanationView, ...]
    """What the tailnet's policy says, for each port on which the way begins."""
    evidence: tuple[EvidenceView, ...]
    """What shows the way itself."""


@dataclass(frozen=True, eq=False, slots=True)
class ServiceExplanationView(Record):
    """Why somebody can, or cannot, reach a service of a lab."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "devices": tuple,
        "by": partial(maybe, Reach),
        "ways": partial(many, WayExplanationView.from_dict),
    }
    _called: ClassVar[Mapping[str, str]] = {"who": "from"}

    who: str
    """Who."""
    devices: tuple[str, ...]
    """The devices that this means."""
    service: str
    """The service: `immich/server`."""
    allowed: bool | None
    """Whether they come in by one of the ways; absent where that depends on something that is not known."""
    by: Reach | None
    """As whom they come in, where they do."""
    ways: tuple[WayExplanationView, ...]
    """Every way that leads to the service, widest first."""

    def __str__(self) -> str:
        return _text(self)
