"""What all records can do, and the records that others stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, TypeVar, cast

from .._enums import Principle, Reach, Severity, Status

R = TypeVar("R", bound="Record")
Convert = Callable[[Any], Any]


def many(convert: Convert, values: Any) -> tuple[Any, ...]:
    return tuple(convert(value) for value in values)


def maybe(convert: Convert, value: Any) -> Any:
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
    _of: ClassVar[Mapping[str, Convert]] = {}
    # Fields that are called otherwise in JSON, where their name there is a word of Python's.
    _called: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def from_dict(cls: type[R], values: Mapping[str, Any]) -> R:
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
    def from_json(cls: type[R], text: str) -> R:
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

    _of: ClassVar[Mapping[str, Convert]] = {
        "place": partial(maybe, PlaceView.from_dict),
    }

    text: str
    """What was seen."""
    place: PlaceView | None
    """Where it was seen."""
