"""The one table of questions, and the first screen."""

from __future__ import annotations

import pickle

import pytest

import homelab
from homelab import view

OF_ANN = {
    "instance.toml": "[people.ann]\nlogin = 'ann@example.org'\n",
    "policy.hujson": "{}",
    "web/compose.yaml": "services: { web: { image: nginx } }",
}


def test_each_question_has_its_kind_of_answer(lab: homelab.Lab, seen: homelab.Observed) -> None:
    kinds = {
        "posture": view.PostureView,
        "services": view.ServiceView,
        "exposure service=notes": view.ServiceView,
        "report": view.ReportView,
        "findings": view.FindingView,
        "diagnostics": None,
        "systems": None,
        "projects": view.ProjectView,
        "files": view.FileView,
        "init_plan": view.PlanView,
        "portal who=ann": view.PortalView,
        "explain who=ann service=web": view.ServiceExplanationView,
    }
    assert [text.split()[0] for text in kinds] == homelab.Query.WORDS
    of_ann = homelab.Lab.from_texts("home", OF_ANN)
    for text, kind in kinds.items():
        answer = homelab.Query(text).answer(of_ann if "ann" in text else lab, seen)
        for record in answer if isinstance(answer, list) else [answer]:
            assert kind is not None
            assert isinstance(record, kind)


def test_answers_are_those_of_the_lab(lab: homelab.Lab, seen: homelab.Observed) -> None:
    assert homelab.Query("report").answer(lab, seen) == lab.audit(seen).view()
    assert homelab.Query("exposure service=notes").answer(lab, seen) == lab.exposure("notes", seen).view()
    severe = homelab.Query("findings severity=error").answer(lab, seen)
    assert severe == [finding.view() for finding in lab.audit(seen) if finding.severity >= "error"]
    assert severe


def test_a_question_is_a_text_or_a_dictionary(lab: homelab.Lab) -> None:
    text = homelab.Query("findings severity=error project=notes")
    assert text == homelab.Query({"question": "findings", "severity": "error", "project": "notes"})
    assert text == text.to_dict()
    assert str(text) == "findings project=notes severity=error"
    assert repr(text) == 'Query("findings project=notes severity=error")'
    assert pickle.loads(pickle.dumps(text)) == text
    assert len({text, homelab.Query(str(text))}) == 1
    for wrong in ("finding", "findings severe=1", {"question": "findings", "more": "x"}, {}):
        with pytest.raises(homelab.Invalid):
            homelab.Query(wrong)
    with pytest.raises(TypeError):
        homelab.Query(3)  # type: ignore[arg-type]
    with pytest.raises(homelab.NotFound):
        homelab.Query("exposure service=nothing").answer(lab)


def test_the_first_screen_sums_up_the_report(lab: homelab.Lab, seen: homelab.Observed) -> None:
    posture = lab.posture(seen)
    assert posture.report == lab.audit(seen)
    assert posture.worst[0] == posture.report[0]
    assert posture.reached_from(homelab.Reach.INTERNET) == posture.view().reach.internet == 1
    assert posture.uncertain == 0
    assert posture == lab.posture(seen)
    assert posture == posture.view().to_dict()
    with pytest.raises(homelab.Invalid):
        posture.reached_from("moon")  # type: ignore[arg-type]
