"""Plans, what became of them, and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from .._enums import Status
from .record import Convert, Record, many


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

    _of: ClassVar[Mapping[str, Convert]] = {
        "steps": partial(many, StepView.from_dict),
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

    _of: ClassVar[Mapping[str, Convert]] = {
        "status": Status,
        "steps": partial(many, StepResultView.from_dict),
    }

    status: Status
    """`complete`, `partial` or `skipped`."""
    steps: tuple[StepResultView, ...]
    """What became of each step, in their order."""


@dataclass(frozen=True, eq=False, slots=True)
class EventView(Record):
    """Something that happened while a plan was applied."""

    kind: str
    """Which kind of event it is: `started`, `step_started`, `progress`, `step_finished`, `put_back`, `cancelling`,
    `finished`, `failed`, `lagged`.
    """
    step: int | None
    """The step's number, from 1, where it is about one."""
    text: str
    """What happened, in one line."""
