"""A report, a posture, and what they consist of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from .._enums import Principle, Reach, Severity
from .record import Convert, EvidenceView, PlaceView, Record, many, maybe


@dataclass(frozen=True, eq=False, slots=True)
class PathView(Record):
    """One way by which a service can be reached."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "zone": Reach,
        "at_most": Reach,
        "guards": tuple,
        "evidence": partial(many, EvidenceView.from_dict),
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

    _of: ClassVar[Mapping[str, Convert]] = {
        "reach": Reach,
        "at_most": Reach,
        "zones": partial(many, Reach),
        "paths": partial(many, PathView.from_dict),
        "unknowns": tuple,
        "place": partial(maybe, PlaceView.from_dict),
        "audience": partial(maybe, tuple),
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

    _of: ClassVar[Mapping[str, Convert]] = {
        "principle": Principle,
        "severity": Severity,
        "evidence": partial(many, EvidenceView.from_dict),
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

    _of: ClassVar[Mapping[str, Convert]] = {
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

    _of: ClassVar[Mapping[str, Convert]] = {
        "services": partial(many, ServiceView.from_dict),
        "findings": partial(many, FindingView.from_dict),
        "suppressed": partial(many, SuppressedView.from_dict),
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

    _of: ClassVar[Mapping[str, Convert]] = {
        "counts": CountsView.from_dict,
        "worst": partial(many, FindingView.from_dict),
        "reach": ReachCountsView.from_dict,
        "seen": partial(many, SeenView.from_dict),
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
class RuleView(Record):
    """A rule of the audit: what it finds, why, and what to do."""

    _of: ClassVar[Mapping[str, Convert]] = {
        "principle": Principle,
        "severity": Severity,
    }

    id: str
    """Its identity: `service.privileged`."""
    principle: Principle
    """The principle that it serves."""
    severity: Severity
    """How much a finding of it weighs unless the finding says otherwise."""
    title: str
    """What is wrong, in a few words."""
    why: str
    """Why it matters."""
    fix: str
    """What to do about it."""
    opt_in: bool
    """Whether it speaks only when asked for."""
    page: str
    """All of this and how to accept a finding of it, as a page in Markdown."""
