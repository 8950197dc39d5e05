"""The sample lab is answered as in Rust, Kotlin and Swift, to the byte. What is expected is made by Rust's own test."""

from __future__ import annotations

import json

import pytest

import homelab
from conftest import NOW, ROOT
from homelab import view

EXPECTED = ROOT / "tests" / "scenario"


@pytest.fixture(scope="module", params=["loaded", "stored"])
def sample(request: pytest.FixtureRequest) -> homelab.Lab:
    lab = homelab.Lab.load(ROOT / "examples" / "lab")
    return lab if request.param == "loaded" else homelab.Lab.from_json(lab.to_private_json())


@pytest.fixture
def seen() -> homelab.Observed:
    return homelab.Observed.none(NOW)


def expected(name: str) -> str:
    return (EXPECTED / name).read_text(encoding="utf-8")


def test_the_audit_is_the_same_in_every_language(sample: homelab.Lab, seen: homelab.Observed) -> None:
    assert sample.audit(seen).to_json() == expected("audit.json")
    assert sample.audit(seen) == json.loads(expected("audit.json"))


def test_the_exposure_is_the_same_in_every_language(sample: homelab.Lab, seen: homelab.Observed) -> None:
    exposure = sample.exposure("immich/server", seen)
    assert exposure.view().to_json(indent=2) + "\n" == expected("exposure.json")
    services = [exposure.view().to_dict() for exposure in sample.exposures(seen)]
    assert json.dumps(services, indent=2, ensure_ascii=False) + "\n" == expected("services.json")


def test_the_posture_is_the_same_in_every_language(sample: homelab.Lab, seen: homelab.Observed) -> None:
    posture = sample.posture(seen).view()
    assert posture.to_json(indent=2) + "\n" == expected("posture.json")
    assert view.PostureView.from_json(expected("posture.json")) == posture


def test_every_file_of_it_is_asked_for(sample: homelab.Lab, seen: homelab.Observed) -> None:
    questions = {
        "audit.json": "report",
        "exposure.json": "exposure service=immich/server",
        "posture.json": "posture",
        "services.json": "services",
    }
    assert sorted(questions) == sorted(path.name for path in EXPECTED.iterdir())
    for name, question in questions.items():
        answer = homelab.Query(question).answer(sample, seen)
        records = answer if isinstance(answer, list) else [answer]
        wanted = json.loads(expected(name))
        assert records == (wanted if isinstance(wanted, list) else [wanted])


def test_a_stored_lab_has_what_is_private_and_nothing_secret(sample: homelab.Lab) -> None:
    stored = sample.to_private_json()
    assert "100.64.0.20" in stored
    for line in (ROOT / "examples" / "lab" / "services" / "nextcloud" / ".env").read_text().splitlines():
        name, _, value = line.partition("=")
        if "PASSWORD" in name:
            assert value not in stored
    with pytest.raises(homelab.Unsupported, match="version 2"):
        homelab.Lab.from_json(stored.replace('"version":1', '"version":2', 1))
    with pytest.raises(homelab.Invalid):
        homelab.Lab.from_json(stored[:-1])
