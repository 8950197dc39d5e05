"""Enums, errors and records: each held against the core's own list."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import pytest

import homelab
from conftest import ROOT
from homelab import ErrorKind, Reach, Severity, _native, view


def test_every_enum_has_the_words_of_the_core_in_its_order() -> None:
    words = dict(_native.words())
    for name in ("ErrorKind", "Principle", "Reach", "Severity", "Tier"):
        assert [str(word) for word in getattr(homelab, name)] == words[name], name


def test_every_kind_has_its_own_subclass_of_the_one_base() -> None:
    for word in dict(_native.words())["ErrorKind"]:
        name = "".join(part.capitalize() for part in word.split("_"))
        subclass = getattr(homelab, name)
        assert issubclass(subclass, homelab.Error)
        assert name in homelab.__all__
        with pytest.raises(subclass) as caught:
            _native.throw(word, "do it", "try again")
        error = caught.value
        assert type(error) is subclass
        assert error.kind is ErrorKind(word)
        assert (error.message, error.hint, error.place, error.done) == ("do it", "try again", None, ())
        assert str(error) == "failed to do it\nhint: try again"
    assert len(homelab.Error.__subclasses__()) == len(ErrorKind)


def test_an_error_survives_pickling() -> None:
    place = view.PlaceView("compose.yaml", 3, 5)
    error = homelab.Conflict("write `a`", "plan again", place, [view.StepResultView("x", "done", None)])
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is homelab.Conflict
    assert vars(again) == vars(error)
    assert _native.throw.__doc__


def test_only_what_may_succeed_later_is_retryable() -> None:
    retryable: set[ErrorKind] = set()
    for kind in ErrorKind:
        try:
            _native.throw(kind, "x")
        except homelab.Error as error:
            if error.retryable:
                retryable.add(kind)
    assert retryable == {ErrorKind.UNREACHABLE, ErrorKind.TIMED_OUT, ErrorKind.LOCKED}


def test_words_are_texts_with_an_order_where_there_is_one() -> None:
    lan: str = Reach.LAN
    assert lan == "lan"
    assert f"{Reach.LAN}" == str(Reach.LAN) == "lan"
    assert json.dumps([Reach.LAN]) == '["lan"]'
    assert repr(Reach.LAN) == "Reach.LAN"
    assert sorted([Reach.LAN, Reach.NONE, *Reach])[-2:] == [Reach.LAN, Reach.INTERNET]
    assert Reach.INTERNET > Reach.TAILNET >= "tailnet"
    assert Reach.HOST < "lan"
    assert max("host", Reach.LAN, key=lambda word: Reach(word)) is Reach.LAN
    assert [word for word in ("host", "internet") if word > Reach.LAN] == ["internet"]
    assert Severity.NOTE <= Severity.WARNING
    with pytest.raises(ValueError, match="wide"):
        assert Reach.LAN > "wide"
    for word in (Reach.LAN, Severity.ERROR, ErrorKind.LOCKED, homelab.Tier.SANDBOX):
        assert pickle.loads(pickle.dumps(word)) is word
        assert copy.deepcopy(word) is word
        assert str(word) in {word}


def records() -> list[type[view.Record]]:
    return view.Record.__subclasses__()


def schema(name: str) -> dict[str, dict[str, object]]:
    made = json.loads((ROOT / "schemas" / name).read_text())
    found: dict[str, dict[str, object]] = {**made.get("$defs", {}), made["title"]: made}
    return found


def test_every_record_has_the_fields_of_the_core() -> None:
    checked = 0
    for file in sorted((ROOT / "schemas").glob("*.json")):
        for name, definition in schema(file.name).items():
            if name.endswith("View"):
                record = getattr(view, name)
                fields = {record._called.get(field.name, field.name) for field in dataclasses.fields(record)}
                assert fields == set(definition["properties"]), name  # type: ignore[call-overload]
                checked += 1
    assert checked >= 15


def test_records_are_values(lab: homelab.Lab, seen: homelab.Observed) -> None:
    report = lab.audit(seen).view()
    again = view.ReportView.from_json(report.to_json())
    assert again == report
    assert hash(again) == hash(report)
    assert again is not report
    assert pickle.loads(pickle.dumps(report)) == report
    assert report == json.loads(lab.audit(seen).to_json())
    assert report.counts != dataclasses.replace(report.counts, error=99)
    assert report.services[0].reach is Reach.INTERNET
    assert report.findings[0].severity is Severity.ERROR
    assert repr(report.counts).startswith("CountsView(error=")
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.version = 2  # type: ignore[misc]
    plan = lab.plan_init(seen).view()
    assert view.PlanView.from_dict(plan.to_dict()) == plan
    assert plan != report


def test_a_record_takes_what_a_later_version_writes() -> None:
    place = view.PlaceView.from_dict({"file": "a", "line": 1, "column": 2, "length": 3})
    assert place == {"file": "a", "line": 1, "column": 2}
    with pytest.raises(TypeError):
        view.PlaceView.from_dict({"file": "a"})


def test_everything_public_has_a_doc() -> None:
    for name in homelab.__all__:
        thing = getattr(homelab, name)
        assert thing.__doc__, name
        if isinstance(thing, type) and thing.__module__ == "homelab":
            for part in vars(thing):
                if not part.startswith("_"):
                    assert getattr(thing, part).__doc__, f"{name}.{part}"
