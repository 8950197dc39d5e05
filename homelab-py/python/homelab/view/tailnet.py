"""Who can reach what by a tailnet, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from .._enums import Reach
from .record import Convert, PlaceView, Record, many, maybe


def _text(record: Record) -> str:
    from .. import _native

    return _native.answer_text(type(record).__name__, record.to_json())


@dataclass(frozen=True, eq=False, slots=True)
class CarrierView(Record):
    """A device by which packets get to a target."""

    device: str
    """The device."""
    kind: str
    """`itself`, `subnet_router`, `exit_node`, or `service_host`."""
    primary: bool | None
    """Whether it is the one of several routers that carries the route now, where known."""
    problem: str | None
    """Why it does not carry, though the policy would let it: it refuses all connections, its key is expired."""


@dataclass(frozen=True, eq=False, slots=True)
class TailnetRuleView(Record):
    """A rule of a policy, and which part of it an answer is about."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "place": partial(maybe, PlaceView.from_dict),
        "ports": tuple,
        "postures": tuple,
    }

    section: str
    """`acls`, `grants`, or `default` where the file has neither."""
    index: int
    """Which entry of the section, from 0."""
    place: PlaceView | None
    """Where it is written."""
    destination: str
    """The entry of `dst`, without its ports."""
    ports: tuple[str, ...]
    """Its protocols and ports: `tcp:443`."""
    postures: tuple[str, ...]
    """Postures, one of which has to hold for who asks."""


@dataclass(frozen=True, eq=False, slots=True)
class ByView(Record):
    """A rule by which somebody gets in, and as what."""

    _called: ClassVar[Mapping[str, str]] = {"through": "as"}

    rule: int
    """Which of the answer's rules."""
    through: str
    """The entry of its `src` that means them: `group:family`."""


@dataclass(frozen=True, eq=False, slots=True)
class PersonReachView(Record):
    """A person who can reach a target."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "devices": tuple,
        "by": partial(many, ByView.from_dict),
        "conditions": tuple,
    }

    login: str
    """Their login."""
    devices: tuple[str, ...]
    """Their devices that can; none where they have no device yet."""
    by: tuple[ByView, ...]
    """By which rules."""
    conditions: tuple[str, ...]
    """What it depends on, for some of the devices."""


@dataclass(frozen=True, eq=False, slots=True)
class DeviceReachView(Record):
    """A device of tags that can reach a target."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "tags": tuple,
        "by": partial(many, ByView.from_dict),
        "conditions": tuple,
    }

    device: str
    """The device."""
    tags: tuple[str, ...]
    """Its tags."""
    by: tuple[ByView, ...]
    """By which rules."""
    conditions: tuple[str, ...]
    """What it depends on."""


@dataclass(frozen=True, eq=False, slots=True)
class RangeReachView(Record):
    """Addresses of no device that can reach a target."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "by": partial(many, ByView.from_dict),
    }

    range: str
    """An address, a prefix, `first-last`, `autogroup:shared`, or `*` for anybody."""
    by: tuple[ByView, ...]
    """By which rules."""


@dataclass(frozen=True, eq=False, slots=True)
class WhoCanReachView(Record):
    """Who can reach a host's port, and how."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "addresses": tuple,
        "carriers": partial(many, CarrierView.from_dict),
        "rules": partial(many, TailnetRuleView.from_dict),
        "people": partial(many, PersonReachView.from_dict),
        "tagged": partial(many, DeviceReachView.from_dict),
        "ranges": partial(many, RangeReachView.from_dict),
        "funnel": tuple,
        "conditions": tuple,
    }

    target: str
    """What was asked: `nas:443/tcp`."""
    addresses: tuple[str, ...]
    """Its addresses."""
    carriers: tuple[CarrierView, ...]
    """The devices by which packets get there: its own, or those that carry a route to it."""
    rules: tuple[TailnetRuleView, ...]
    """The rules that let somebody in, in the order of the file."""
    people: tuple[PersonReachView, ...]
    """People, by login."""
    tagged: tuple[DeviceReachView, ...]
    """Devices that belong to tags, by name."""
    ranges: tuple[RangeReachView, ...]
    """Addresses that rules name and no device has: hosts behind a router, mostly; and `autogroup:shared`, whose people
    no list has.
    """
    funnel: tuple[str, ...]
    """The devices that may open this port to everybody by Funnel, where the policy lets them."""
    conditions: tuple[str, ...]
    """What holds for all of it."""

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, eq=False, slots=True)
class ReachableDeviceView(Record):
    """What somebody can reach on a device, or through it."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "destinations": tuple,
        "ports": tuple,
        "conditions": tuple,
    }

    device: str
    """The device."""
    destinations: tuple[str, ...]
    """Where: its own addresses, or ranges behind it."""
    ports: tuple[str, ...]
    """Protocols and ports: `tcp:443`, `*`."""
    problem: str | None
    """Why not after all, though the policy would let them."""
    conditions: tuple[str, ...]
    """On what it depends, and from which of the devices it is where not from all."""


@dataclass(frozen=True, eq=False, slots=True)
class ReachableView(Record):
    """What somebody can reach."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "devices": tuple,
        "reachable": partial(many, ReachableDeviceView.from_dict),
    }
    _called: ClassVar[Mapping[str, str]] = {"who": "from"}

    who: str
    """Who was asked about."""
    devices: tuple[str, ...]
    """The devices that this means."""
    reachable: tuple[ReachableDeviceView, ...]
    """What they can reach, by device."""

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, eq=False, slots=True)
class ServiceWayView(Record):
    """One way of a service, and who comes in by it."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "answers": partial(many, WhoCanReachView.from_dict),
    }

    kind: str
    """Which kind of way it is: `published_port`, `serve`, `tailnet_node`, ..."""
    label: str
    """The way in words: `100.64.0.2:2283 -> 2283/tcp`."""
    answers: tuple[WhoCanReachView, ...]
    """Who can reach each port on which it begins."""
    problem: str | None
    """Why there is no answer."""


@dataclass(frozen=True, eq=False, slots=True)
class ServiceReachView(Record):
    """Who can reach a service of a lab by the tailnet, and how."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "reach": Reach,
        "ways": partial(many, ServiceWayView.from_dict),
    }

    service: str
    """The service: `immich/server`."""
    reach: Reach
    """The widest zone that is known to reach it: beyond the tailnet nobody is asked who they are."""
    ways: tuple[ServiceWayView, ...]
    """Every way by which those of the tailnet come in."""

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, eq=False, slots=True)
class ReachableServiceView(Record):
    """A service that somebody can reach."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "targets": tuple,
        "conditions": tuple,
    }

    service: str
    """The service: `immich/server`."""
    targets: tuple[str, ...]
    """On which ports of which devices or addresses behind a router: `nas:2283/tcp`."""
    conditions: tuple[str, ...]
    """On what it depends: that who asks accepts routes, or a posture that is not known."""


@dataclass(frozen=True, eq=False, slots=True)
class ReachableServicesView(Record):
    """The services of a lab that somebody can reach by the tailnet."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "devices": tuple,
        "services": partial(many, ReachableServiceView.from_dict),
    }
    _called: ClassVar[Mapping[str, str]] = {"who": "from"}

    who: str
    """Who was asked about."""
    devices: tuple[str, ...]
    """The devices that this means."""
    services: tuple[ReachableServiceView, ...]
    """The services, in the order of the lab."""

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, eq=False, slots=True)
class NearMissView(Record):
    """Something that is nearly access."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "rule": partial(maybe, TailnetRuleView.from_dict),
    }

    kind: str
    """`port`, `protocol`, `route_not_approved`, `no_route`, `router_not_lan`, `lan_not_router`, `tagged`, `visible`,
    `ping`, `posture`, `refuses`, `unknown_person`.
    """
    message: str
    """What it is, in a fragment."""
    fix: str
    """What to change."""
    rule: TailnetRuleView | None
    """The rule that comes near."""


@dataclass(frozen=True, eq=False, slots=True)
class ExplanationView(Record):
    """Why somebody can, or cannot, reach a target."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "devices": tuple,
        "rules": partial(many, TailnetRuleView.from_dict),
        "by": partial(many, ByView.from_dict),
        "conditions": tuple,
        "misses": partial(many, NearMissView.from_dict),
    }
    _called: ClassVar[Mapping[str, str]] = {"who": "from"}

    who: str
    """Who."""
    devices: tuple[str, ...]
    """The devices that this means."""
    to: str
    """What."""
    allowed: bool | None
    """Whether at least one of the devices can; absent where that depends on something that is not known."""
    rules: tuple[TailnetRuleView, ...]
    """The rules by which, and as what."""
    by: tuple[ByView, ...]
    """Which of them lets whom in, as what."""
    conditions: tuple[str, ...]
    """What it depends on."""
    misses: tuple[NearMissView, ...]
    """What comes near, where it is not allowed; and what is good to know where it is."""

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, eq=False, slots=True)
class AccessChangeView(Record):
    """The same change for everybody whom it is about."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "groups": tuple,
        "people": tuple,
        "tags": tuple,
        "devices": tuple,
        "ranges": tuple,
        "to": tuple,
        "destinations": tuple,
        "ports": tuple,
        "conditions": tuple,
    }

    kind: str
    """`network`; `ssh` for Tailscale SSH; `capability` for what an application is told; `attribute` for what
    `nodeAttrs` give, such as `funnel`; `tag` for who may give it to a device; `approval` for routes and services that
    need nobody's.
    """
    groups: tuple[str, ...]
    """Groups that it is about as a whole."""
    people: tuple[str, ...]
    """People, by login."""
    tags: tuple[str, ...]
    """Tags all whose devices it is about."""
    devices: tuple[str, ...]
    """Other devices of tags, and single devices of people."""
    ranges: tuple[str, ...]
    """Addresses of no device."""
    to: tuple[str, ...]
    """The devices that are reached, or through which something is."""
    destinations: tuple[str, ...]
    """Ranges behind them, where it is not the devices themselves."""
    ports: tuple[str, ...]
    """Protocols and ports: `tcp:443`. Of another kind than `network` what is given: users of the machine, names of
    capabilities, attributes and tags, `route 10.0.0.0/8`, `exit node`.
    """
    conditions: tuple[str, ...]
    """On what it depends."""


@dataclass(frozen=True, eq=False, slots=True)
class PolicyDiffView(Record):
    """What a change of a policy takes and gives."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "gained": partial(many, AccessChangeView.from_dict),
        "lost": partial(many, AccessChangeView.from_dict),
        "notes": tuple,
    }

    gained: tuple[AccessChangeView, ...]
    """Access that there was not before."""
    lost: tuple[AccessChangeView, ...]
    """Access that there is no more."""
    notes: tuple[str, ...]
    """What was not compared, and why."""

    def __str__(self) -> str:
        return _text(self)
