"""View records: what crosses as plain data. Frozen, comparable, hashable, and made for pickle and JSON.

They are the core's own records (`homelab_core::view`) with the same names and fields; their JSON is the stored form.
A record equals a dictionary with the same content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, TypeVar, cast

from ._enums import Principle, Reach, Severity, Status

_R = TypeVar("_R", bound="Record")
_Convert = Callable[[Any], Any]


def _many(convert: _Convert, values: Any) -> tuple[Any, ...]:
    return tuple(convert(value) for value in values)


def _maybe(convert: _Convert, value: Any) -> Any:
    return None if value is None else convert(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("Iterable[object]", value)]
    return value.value if isinstance(value, (Reach, Principle, Severity, Status)) else value


class Record:
    """What all records can do."""

    __slots__ = ()
    _of: ClassVar[Mapping[str, _Convert]] = {}
    # Fields that are called otherwise in JSON, where their name there is a word of Python's.
    _called: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def from_dict(cls: type[_R], values: Mapping[str, Any]) -> _R:
        """Returns the record of a dictionary; keys that this version does not know are left out."""
        made: dict[str, Any] = {}
        for field in fields(cls):  # type: ignore[arg-type]  # Every subclass is a dataclass.
            name = cls._called.get(field.name, field.name)
            if name in values:
                convert = cls._of.get(field.name)
                value = values[name]
                made[field.name] = value if convert is None else convert(value)
        return cls(**made)

    @classmethod
    def from_json(cls: type[_R], text: str) -> _R:
        """Returns the record of a JSON text."""
        import json

        return cls.from_dict(json.loads(text))

    def to_dict(self) -> dict[str, Any]:
        """Returns the record in dictionaries, lists, texts and numbers."""
        called = self._called
        return {called.get(field.name, field.name): _plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]

    def to_json(self, indent: int | None = None) -> str:
        """Returns the record as a JSON text."""
        import json

        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def __eq__(self, other: object) -> bool:
        if type(other) is type(self):
            names = (field.name for field in fields(self))  # type: ignore[arg-type]
            return all(getattr(self, name) == getattr(other, name) for name in names)
        if isinstance(other, Mapping):
            return self.to_dict() == other
        return NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, field.name) for field in fields(self))))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False, slots=True)
class PlaceView(Record):
    """A place in a file."""

    file: str
    """The file, relative to the lab's folder, with `/` between folders."""
    line: int
    """The line, from 1."""
    column: int
    """The column, from 1, in characters."""


@dataclass(frozen=True, eq=False, slots=True)
class EvidenceView(Record):
    """A sentence, and the place that shows it."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "place": partial(_maybe, PlaceView.from_dict),
    }

    text: str
    """What was seen."""
    place: PlaceView | None
    """Where it was seen."""


@dataclass(frozen=True, eq=False, slots=True)
class PathView(Record):
    """One way by which a service can be reached."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "zone": Reach,
        "at_most": Reach,
        "guards": tuple,
        "evidence": partial(_many, EvidenceView.from_dict),
    }

    kind: str
    """Which kind of way it is: `published_port`, `host_network`, `proxy`, `tunnel`, `serve`, `funnel`, ..."""
    zone: Reach
    """Who comes in by it."""
    at_most: Reach
    """The widest that it could be, if what is not known turned out badly."""
    label: str
    """The way in words: `0.0.0.0:2283/tcp -> 2283`."""
    guards: tuple[str, ...]
    """What guards it: middlewares with authentication, rate limits and the like."""
    evidence: tuple[EvidenceView, ...]
    """What it stands on."""


@dataclass(frozen=True, eq=False, slots=True)
class ServiceView(Record):
    """A service and who can reach it."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "reach": Reach,
        "at_most": Reach,
        "zones": partial(_many, Reach),
        "paths": partial(_many, PathView.from_dict),
        "unknowns": tuple,
        "place": partial(_maybe, PlaceView.from_dict),
        "audience": partial(_maybe, tuple),
    }

    host: str | None
    """The machine that it runs on, where the lab says."""
    project: str
    """Its Compose project."""
    name: str
    """Its name within the project."""
    application: str | None
    """Which application it is, where that was recognised: `immich`."""
    image: str | None
    """The image as resolved."""
    reach: Reach
    """The widest zone that is known to reach it."""
    at_most: Reach
    """The widest that it could be, if what is not known turned out badly."""
    zones: tuple[Reach, ...]
    """Every zone that can come in, narrowest first."""
    paths: tuple[PathView, ...]
    """Every way that leads to it."""
    unknowns: tuple[str, ...]
    """What is not known, and widens `at_most`."""
    place: PlaceView | None
    """Where it is declared."""
    audience: tuple[str, ...] | None = None
    """Who can reach it, where that is the tailnet alone and its policy and devices are known: logins, then names of
    tagged devices and written addresses.
    """

    def to_dict(self) -> dict[str, Any]:
        """Returns the record in dictionaries, lists, texts and numbers; `audience` only where it is known."""
        values = Record.to_dict(self)
        if self.audience is None:
            del values["audience"]
        return values


@dataclass(frozen=True, eq=False, slots=True)
class FindingView(Record):
    """One finding."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "principle": Principle,
        "severity": Severity,
        "evidence": partial(_many, EvidenceView.from_dict),
    }

    rule: str
    """The rule's identity."""
    principle: Principle
    """The principle that the rule serves."""
    severity: Severity
    """`note`, `warning` or `error`."""
    message: str
    """What was found."""
    project: str | None
    """The project it is about."""
    service: str | None
    """The service it is about, within the project."""
    host: str | None
    """The machine of that service, where the lab says."""
    file: str | None
    """The file to look at."""
    line: int | None
    """The line, from 1."""
    column: int | None
    """The column, from 1."""
    why: str
    """Why it matters."""
    fix: str
    """What to do."""
    evidence: tuple[EvidenceView, ...]
    """What it stands on."""
    fingerprint: str
    """A text that stays the same while the finding does."""


@dataclass(frozen=True, eq=False, slots=True)
class SuppressedView(Record):
    """A finding that somebody accepted."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "finding": FindingView.from_dict,
    }

    finding: FindingView
    """What was found."""
    reason: str
    """Why it is accepted."""
    until: str
    """The end of the suppression, RFC 3339."""


@dataclass(frozen=True, eq=False, slots=True)
class CountsView(Record):
    """How many findings there are of each severity."""

    error: int
    """Errors."""
    warning: int
    """Warnings."""
    note: int
    """Notes."""


@dataclass(frozen=True, eq=False, slots=True)
class ReportView(Record):
    """A whole report: the shape of `--format json`."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "services": partial(_many, ServiceView.from_dict),
        "findings": partial(_many, FindingView.from_dict),
        "suppressed": partial(_many, SuppressedView.from_dict),
        "counts": CountsView.from_dict,
    }

    version: int
    """The version of this shape; raised when a field changes its meaning."""
    at: str
    """The moment that it speaks of, RFC 3339."""
    services: tuple[ServiceView, ...]
    """Every service with its reach."""
    findings: tuple[FindingView, ...]
    """The findings, worst first."""
    suppressed: tuple[SuppressedView, ...]
    """What was found and accepted."""
    counts: CountsView
    """How many findings there are."""


@dataclass(frozen=True, eq=False, slots=True)
class ReachCountsView(Record):
    """How many services are reached from how far, each counted once, by its widest known reach."""

    none: int
    """By nobody."""
    host: int
    """From their own machine only."""
    tailnet: int
    """From the tailnet."""
    lan: int
    """From the local network."""
    internet: int
    """From the internet."""
    uncertain: int
    """How many of them all could be reached from further away, if what is not known turned out badly."""


@dataclass(frozen=True, eq=False, slots=True)
class SeenView(Record):
    """One part of what was seen of the world."""

    part: str
    """Which part it is: `worktree`, ..."""
    at: str | None
    """When it was seen, RFC 3339; nothing where it was not looked at."""
    source: str | None
    """Who said so: `git`."""


@dataclass(frozen=True, eq=False, slots=True)
class PostureView(Record):
    """The state of a lab in one record, for a first screen."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "counts": CountsView.from_dict,
        "worst": partial(_many, FindingView.from_dict),
        "reach": ReachCountsView.from_dict,
        "seen": partial(_many, SeenView.from_dict),
    }

    lab: str
    """The lab's name."""
    at: str
    """The moment that it speaks of, RFC 3339."""
    projects: int
    """How many projects there are."""
    services: int
    """How many services there are, one for each machine that runs it."""
    counts: CountsView
    """How many findings there are."""
    suppressed: int
    """How many findings were accepted."""
    worst: tuple[FindingView, ...]
    """The worst findings, worst first; not all."""
    reach: ReachCountsView
    """How many services are reached from how far."""
    seen: tuple[SeenView, ...]
    """Which parts of the world were seen, and when."""


@dataclass(frozen=True, eq=False, slots=True)
class ProjectView(Record):
    """A Compose project."""

    _of: ClassVar[Mapping[str, _Convert]] = {
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

    _of: ClassVar[Mapping[str, _Convert]] = {
        "place": PlaceView.from_dict,
        "ports": partial(_many, PortView.from_dict),
        "networks": tuple,
        "environment": tuple,
        "labels": tuple,
        "mounts": partial(_many, MountView.from_dict),
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

    _of: ClassVar[Mapping[str, _Convert]] = {
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


@dataclass(frozen=True, eq=False, slots=True)
class StepView(Record):
    """One step of a plan."""

    kind: str
    """Which kind of step it is: `create_folder`, `write_file`, `put_back`."""
    target: str
    """What it changes: a path in the lab's folder, ..."""
    summary: str
    """The step in one line."""
    precondition: str
    """How the world must be before it, in words."""
    size: int | None
    """How many bytes it writes."""
    mode: str | None
    """Who may read what it writes: `shared`, `private`, `program`."""
    content: str | None
    """The text that it writes, unless that is secret or no text."""
    diff: str | None
    """The lines that a file gains and loses, as a unified diff, where both sides are known."""


@dataclass(frozen=True, eq=False, slots=True)
class PlanView(Record):
    """A plan: what an operation would do."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "steps": partial(_many, StepView.from_dict),
    }

    id: str
    """The plan's identity, made of its content."""
    title: str
    """What it is for."""
    steps: tuple[StepView, ...]
    """Its steps in their order."""


@dataclass(frozen=True, eq=False, slots=True)
class StepResultView(Record):
    """What became of one step."""

    step: str
    """The step in one line."""
    status: str
    """`done`, `partial` or `skipped`."""
    left_out: str | None
    """What was not done, and why, where a part was not."""


@dataclass(frozen=True, eq=False, slots=True)
class OutcomeView(Record):
    """What became of a plan that was applied."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "status": Status,
        "steps": partial(_many, StepResultView.from_dict),
    }

    status: Status
    """`complete`, `partial` or `skipped`."""
    steps: tuple[StepResultView, ...]
    """What became of each step, in their order."""


@dataclass(frozen=True, eq=False, slots=True)
class EventView(Record):
    """Something that happened while a plan was applied."""

    kind: str
    """Which kind of event it is: `started`, `step_started`, `step_finished`, `put_back`, `cancelling`,
    `finished`, `failed`, `lagged`.
    """
    step: int | None
    """The step's number, from 1, where it is about one."""
    text: str
    """What happened, in one line."""


@dataclass(frozen=True, eq=False, slots=True)
class PolicyTestView(Record):
    """A test of a policy that fails."""

    _of: ClassVar[Mapping[str, _Convert]] = {
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

    _of: ClassVar[Mapping[str, _Convert]] = {
        "place": PlaceView.from_dict,
    }

    message: str
    """What it is."""
    place: PlaceView
    """Where it is."""


@dataclass(frozen=True, eq=False, slots=True)
class PolicyCheckView(Record):
    """Whether the service accepts a policy."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "place": partial(_maybe, PlaceView.from_dict),
        "failures": partial(_many, PolicyTestView.from_dict),
        "notes": partial(_many, PolicyNoteView.from_dict),
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


def _text(record: Record) -> str:
    from . import _native

    return _native.answer_text(type(record).__name__, record.to_json())


@dataclass(frozen=True, eq=False, slots=True)
class CarrierView(Record):
    """A device by which packets get to a target."""

    device: str
    """The device."""
    kind: str
    """`itself`, `subnet_router` or `exit_node`."""
    primary: bool | None
    """Whether it is the one of several routers that carries the route now, where known."""
    problem: str | None
    """Why it does not carry, though the policy would let it: it refuses all connections, its key is expired."""


@dataclass(frozen=True, eq=False, slots=True)
class TailnetRuleView(Record):
    """A rule of a policy, and which part of it an answer is about."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "place": partial(_maybe, PlaceView.from_dict),
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

    _of: ClassVar[Mapping[str, _Convert]] = {
        "devices": tuple,
        "by": partial(_many, ByView.from_dict),
        "conditions": tuple,
    }

    login: str
    """Their login."""
    devices: tuple[str, ...]
    """Their devices that can."""
    by: tuple[ByView, ...]
    """By which rules."""
    conditions: tuple[str, ...]
    """What it depends on, for some of the devices."""


@dataclass(frozen=True, eq=False, slots=True)
class DeviceReachView(Record):
    """A device of tags that can reach a target."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "tags": tuple,
        "by": partial(_many, ByView.from_dict),
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

    _of: ClassVar[Mapping[str, _Convert]] = {
        "by": partial(_many, ByView.from_dict),
    }

    range: str
    """An address, a prefix, `first-last`, or `*` for anybody."""
    by: tuple[ByView, ...]
    """By which rules."""


@dataclass(frozen=True, eq=False, slots=True)
class WhoCanReachView(Record):
    """Who can reach a host's port, and how."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "addresses": tuple,
        "carriers": partial(_many, CarrierView.from_dict),
        "rules": partial(_many, TailnetRuleView.from_dict),
        "people": partial(_many, PersonReachView.from_dict),
        "tagged": partial(_many, DeviceReachView.from_dict),
        "ranges": partial(_many, RangeReachView.from_dict),
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
    """Addresses that rules name and no device has: hosts behind a router, mostly."""
    funnel: tuple[str, ...]
    """The devices that may open this port to everybody by Funnel, where the policy lets them."""
    conditions: tuple[str, ...]
    """What holds for all of it."""

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, eq=False, slots=True)
class ReachableDeviceView(Record):
    """What somebody can reach on a device, or through it."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "destinations": tuple,
        "ports": tuple,
    }

    device: str
    """The device."""
    destinations: tuple[str, ...]
    """Where: its own addresses, or ranges behind it."""
    ports: tuple[str, ...]
    """Protocols and ports: `tcp:443`, `*`."""
    problem: str | None
    """Why not after all, though the policy would let them."""


@dataclass(frozen=True, eq=False, slots=True)
class ReachableView(Record):
    """What somebody can reach."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "devices": tuple,
        "reachable": partial(_many, ReachableDeviceView.from_dict),
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

    _of: ClassVar[Mapping[str, _Convert]] = {
        "answers": partial(_many, WhoCanReachView.from_dict),
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

    _of: ClassVar[Mapping[str, _Convert]] = {
        "reach": Reach,
        "ways": partial(_many, ServiceWayView.from_dict),
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

    _of: ClassVar[Mapping[str, _Convert]] = {
        "targets": tuple,
    }

    service: str
    """The service: `immich/server`."""
    targets: tuple[str, ...]
    """On which ports of which devices: `nas:2283/tcp`."""


@dataclass(frozen=True, eq=False, slots=True)
class ReachableServicesView(Record):
    """The services of a lab that somebody can reach by the tailnet."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "devices": tuple,
        "services": partial(_many, ReachableServiceView.from_dict),
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

    _of: ClassVar[Mapping[str, _Convert]] = {
        "rule": partial(_maybe, TailnetRuleView.from_dict),
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

    _of: ClassVar[Mapping[str, _Convert]] = {
        "devices": tuple,
        "rules": partial(_many, TailnetRuleView.from_dict),
        "by": partial(_many, ByView.from_dict),
        "conditions": tuple,
        "misses": partial(_many, NearMissView.from_dict),
    }
    _called: ClassVar[Mapping[str, str]] = {"who": "from"}

    who: str
    """Who."""
    devices: tuple[str, ...]
    """The devices that this means."""
    to: str
    """What."""
    allowed: bool
    """Whether at least one of the devices can."""
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

    _of: ClassVar[Mapping[str, _Convert]] = {
        "groups": tuple,
        "people": tuple,
        "tags": tuple,
        "devices": tuple,
        "ranges": tuple,
        "to": tuple,
        "destinations": tuple,
        "ports": tuple,
    }

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
    """Protocols and ports: `tcp:443`."""


@dataclass(frozen=True, eq=False, slots=True)
class PolicyDiffView(Record):
    """What a change of a policy takes and gives."""

    _of: ClassVar[Mapping[str, _Convert]] = {
        "gained": partial(_many, AccessChangeView.from_dict),
        "lost": partial(_many, AccessChangeView.from_dict),
    }

    gained: tuple[AccessChangeView, ...]
    """Access that there was not before."""
    lost: tuple[AccessChangeView, ...]
    """Access that there is no more."""

    def __str__(self) -> str:
        return _text(self)
