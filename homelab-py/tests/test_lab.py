from __future__ import annotations

import asyncio
import copy
import json
import os
import pickle
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import homelab
from conftest import COMPOSE, NOW, ROOT
from homelab import Reach, Severity, view

# The parts of a whole build, which is what Python has. The embedded repository is not among them yet.
FULL = ["docker", "history", "local", "rustic", "serve", "ssh", "tailnet-api", "tailnet-api-rustls", "tls", "tools"]


def test_a_folder_is_named_by_a_text_or_a_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Named(os.PathLike[str]):
        def __fspath__(self) -> str:
            return str(folder)

    monkeypatch.setenv("HOME", str(folder.parent))
    for path in (str(folder), folder, Named(), "~/lab"):
        lab = homelab.Lab.load(path)
        assert lab.root == folder
        assert lab.name == "lab"
        assert [service.id for service in lab.services] == ["notes/notes"]
    with pytest.raises(TypeError):
        homelab.Lab.load(3)  # type: ignore[arg-type]


def test_a_folder_that_is_not_there_is_an_error_with_kind_and_hint(tmp_path: Path) -> None:
    with pytest.raises(homelab.NotFound) as caught:
        homelab.Lab.load(tmp_path / "nothing")
    error = caught.value
    assert error.kind is homelab.ErrorKind.NOT_FOUND
    assert error.message.startswith("read the lab's folder `")
    assert "No such file" in error.message, "the reason below is said too"
    assert error.hint == "name a folder with Compose files in it"
    assert str(error) == f"failed to {error.message}\nhint: {error.hint}"
    assert not error.retryable


def test_an_empty_path_is_no_folder() -> None:
    with pytest.raises(homelab.Invalid, match="the path is empty"):
        homelab.Lab.load("")
    with pytest.raises(homelab.Invalid, match="the path is empty"):
        homelab.Project.resolve("")
    with pytest.raises(homelab.Invalid, match="the path is empty"):
        homelab.Project.resolve(directory="")


def test_what_is_wrong_in_files_is_a_diagnostic() -> None:
    lab = homelab.Lab.from_texts("x", {"a/compose.yaml": "services: [1]\n", "lab.toml": "audience = 7\n"})
    assert {finding.file for finding in lab.diagnostics} == {"a/compose.yaml", "lab.toml"}


def test_a_service_has_its_place_and_tells_its_reach(lab: homelab.Lab, seen: homelab.Observed) -> None:
    service = lab.service("notes")
    assert (service.id, service.host, service.project, service.name) == (
        "server:notes/notes",
        "server",
        "notes",
        "notes",
    )
    assert (service.file, service.line) == ("services/notes/compose.yaml", 2)
    assert service.image == "ghcr.io/example/notes:2.1"
    assert service.tier is homelab.Tier.UNKNOWN
    assert service.exposure(seen) == lab.exposure("notes", seen)
    assert str(service) == "server:notes/notes"
    assert repr(service) == 'Service("server:notes/notes")'
    assert service == lab.services[0]
    assert len({service, lab.services[0]}) == 1


def test_names_are_found_or_explained(lab: homelab.Lab) -> None:
    with pytest.raises(homelab.NotFound, match="did you mean `notes`"):
        lab.service("note")
    two = homelab.Lab.from_texts("x", {f"{name}/compose.yaml": COMPOSE for name in "ab"})
    with pytest.raises(homelab.Ambiguous, match="`a/notes` or `b/notes`"):
        two.service("notes")
    assert two.project("a").services == ["notes"]
    with pytest.raises(homelab.NotFound):
        two.project("c")


def test_an_exposure_is_a_verdict_with_its_paths(lab: homelab.Lab, seen: homelab.Observed) -> None:
    [exposure] = lab.exposures(seen)
    assert exposure.reach is Reach.INTERNET
    assert exposure.reach > Reach.LAN
    assert exposure.at_most == "internet"
    assert Reach.INTERNET in exposure.zones
    assert exposure.paths[0].zone is Reach.INTERNET
    assert exposure.paths[0].evidence
    assert str(exposure).startswith("server:notes/notes: internet\n")
    assert exposure.view() == json.loads(json.dumps(exposure.view().to_dict()))
    assert exposure == exposure.view().to_dict()
    assert hash(exposure) == hash(lab.exposure("notes", seen))
    assert exposure != lab


def test_a_report_is_a_sequence_of_findings(lab: homelab.Lab, seen: homelab.Observed) -> None:
    report = lab.audit(seen)
    assert report.at == NOW
    assert report.at.utcoffset() == timedelta(0)
    assert list(report) == report.findings
    assert len(report) == len(report.findings) > 1
    assert report[-1] == report.findings[-1]
    with pytest.raises(IndexError):
        report[len(report)]
    assert report.worst is Severity.ERROR is max(finding.severity for finding in report)
    assert report.fails("warning")
    assert report.exit_code(Severity.ERROR) == 1
    with pytest.raises(homelab.Invalid):
        report.fails("loud")  # type: ignore[arg-type]
    assert report == lab.audit(seen)
    assert hash(report) == hash(lab.audit(seen))
    assert report != lab.audit(homelab.Observed.none(NOW + timedelta(days=1)))
    assert repr(report).startswith("<Report at 2026-12-01T12:00:00Z: ")
    assert bool(homelab.Lab.from_texts("x", {}).audit(seen)) is True


def test_a_finding_says_what_where_why_and_what_to_do(lab: homelab.Lab, seen: homelab.Observed) -> None:
    socket = next(finding for finding in lab.audit(seen) if finding.rule == "service.docker-socket")
    assert socket.severity is Severity.WARNING
    assert socket.principle is homelab.Principle.IDENTITY_FITS_AUDIENCE
    assert (socket.file, socket.line, socket.column) == ("services/notes/compose.yaml", 5, 15)
    assert (socket.service, socket.project) == ("server:notes/notes", "notes")
    assert socket.message == "`notes` has the engine's socket"
    assert socket.why
    assert socket.fix
    assert len(socket.fingerprint) == 16
    assert str(socket) == (
        "services/notes/compose.yaml:5:15: warning[service.docker-socket]: `notes` has the engine's socket"
    )
    assert repr(socket) == f"<Finding {socket}>"
    row = socket.to_dict()
    assert socket == row
    assert row["severity"] == "warning"
    assert socket.view() == row
    assert len({socket, *lab.audit(seen)}) == len(lab.audit(seen))


def test_a_report_is_rendered_by_the_core_and_written(lab: homelab.Lab, seen: homelab.Observed, tmp_path: Path) -> None:
    report = lab.audit(seen)
    assert report.to_dict() == json.loads(report.to_json())
    assert report == report.to_dict()
    assert report.view().to_dict() == report.to_dict()
    assert json.loads(report.to_sarif())["version"] == "2.1.0"
    assert report.to_markdown()
    assert report.to_text() == str(report)
    assert "\x1b[" in report.to_text(colour=True)
    for render, name in [
        (report.to_html, "a.html"),
        (report.to_json, "a.json"),
        (report.to_sarif, "a.sarif"),
        (report.to_markdown, "a.md"),
        (report.to_text, "a.txt"),
    ]:
        assert render(tmp_path / name) == (tmp_path / name).read_text()
    with pytest.raises(homelab.NotFound) as caught:
        report.to_html(tmp_path / "no" / "page.html")
    assert caught.value.message.startswith(f"write `{tmp_path / 'no' / 'page.html'}`"), caught.value
    assert caught.value.hint
    with pytest.raises(homelab.Error):
        report.to_json(tmp_path)
    frame = report._repr_html_()
    assert frame.startswith("<iframe sandbox ")
    assert frame.count('"') == 4, "the page's quotes do not end the attribute"


def test_rules_are_chosen(lab: homelab.Lab, seen: homelab.Observed) -> None:
    assert {finding.rule.split(".")[0] for finding in lab.audit(seen, rules="service")} == {"service"}
    assert len(lab.audit(seen, rules="+hardening")) > len(lab.audit(seen))
    with pytest.raises(homelab.Invalid, match=r"did you mean `service\.privileged`"):
        lab.audit(seen, rules="service.priviledged")


def test_what_is_known_of_the_copies_is_a_verdict_for_each_dataset(seen: homelab.Observed) -> None:
    lab = homelab.Lab.load(ROOT / "examples" / "lab")
    survival = lab.survival(seen)
    kept = survival.view()
    assert (survival.was_asked, kept.asked, survival.at) == (False, False, seen.at)
    assert len(survival) == len(kept.datasets) > 3
    assert {loss.loss for loss in kept.losses} == {"disk", "machine", "house", "account", "password", "ransomware"}
    assert survival.exit_code() in {1, 3}
    assert json.loads(survival.to_json()) == kept.to_dict() == survival
    assert kept.losses[0].datasets[0].repository is None
    assert kept.datasets[0].dataset in str(survival)
    assert asyncio.run(lab.survival_async(seen)) == survival
    assert repr(survival) == f"<Survival: {len(survival)} datasets>"


def test_every_rule_says_why_it_is_one() -> None:
    rules = {rule.id: rule for rule in homelab.rules()}
    assert len(rules) == len(homelab.rules()) > 100
    privileged = rules["service.privileged"]
    assert privileged.principle is homelab.Principle.IDENTITY_FITS_AUDIENCE
    assert privileged.severity is homelab.Severity.WARNING
    assert privileged.fix in privileged.page
    assert [rule.id for rule in rules.values() if rule.opt_in]


def test_leaks_are_found_in_what_is_shared(seen: homelab.Observed) -> None:
    shared = homelab.Lab.from_texts(
        "template", {"web/compose.yaml": "services: {web: {image: nginx, hostname: zephyr7}}"}
    )
    owner = homelab.Lab.from_texts("home", {"instance.toml": "[hosts.zephyr7]\n"})
    assert len(shared.leaks(seen)) == 0
    report = shared.leaks_of([owner], seen)
    assert [finding.rule for finding in report] == ["leak.known-value"]
    assert len(shared.leaks_of([owner], seen, rules="-leak.known-value")) == 0
    assert asyncio.run(shared.leaks_of_async([owner], seen)) == report
    assert asyncio.run(shared.leaks_async(seen)) == shared.leaks(seen)
    with pytest.raises(homelab.Invalid, match="no-such"):
        shared.leaks_of([], seen, rules="no-such")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_what_was_taken_out_is_still_in_the_history(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        own = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
        subprocess.run(["git", "-C", str(tmp_path), *own, *words], check=True, capture_output=True)

    owner = homelab.Lab.of_instance("[hosts.zephyr]\naddresses = ['192.168.7.10']")
    seen = homelab.Observed.none(datetime(2027, 1, 1, tzinfo=timezone.utc))
    script = tmp_path / "up.sh"
    script.write_text("ping 192.168.7.10\n")
    with pytest.raises(homelab.NotFound):
        homelab.Lab.load(tmp_path).leaks_of([owner], seen, history=True)
    for content in ("ping 192.168.7.10\n", 'ping "$1"\n'):
        script.write_text(content)
        git("init", "-q")
        git("add", "up.sh")
        git("commit", "-q", "-m", "up")
    lab = homelab.Lab.load(tmp_path)
    assert len(lab.leaks_of([owner], seen)) == 0
    (finding,) = lab.leaks_of([owner], seen, history=True)
    assert finding.rule == "leak.known-value"
    assert finding.file is not None
    assert finding.file.endswith(":up.sh")
    assert asyncio.run(lab.leaks_of_async([owner], seen, history=True)) == lab.leaks_of([owner], seen, history=True)


def test_what_was_accepted_is_in_the_report() -> None:
    comment = "    # homelab: allow service.docker-socket until 2027-01-01 because it is being tried\n"
    text = COMPOSE.replace("    volumes:", f"{comment}    volumes:")
    report = homelab.Lab.from_texts("x", {"compose.yaml": text}).audit(homelab.Observed.none(NOW))
    [accepted] = report.suppressed
    assert accepted.reason == "it is being tried"
    assert accepted.finding.rule == "service.docker-socket"


def test_moments_have_a_zone() -> None:
    east = timezone(timedelta(hours=2))
    assert homelab.Observed.none(datetime(2026, 12, 1, 14, tzinfo=east)).at == NOW
    with pytest.raises(TypeError):
        homelab.Observed.none(datetime(2026, 12, 1, 12))
    assert abs(homelab.Observed.none().at - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_what_holds_private_things_is_not_pickled_nor_changed(lab: homelab.Lab, seen: homelab.Observed) -> None:
    report = lab.audit(seen)
    for value in (lab, seen, report, report[0], lab.services[0]):
        with pytest.raises(TypeError):
            pickle.dumps(value)
        with pytest.raises(AttributeError):
            value.name = "x"  # type: ignore[union-attr, misc]
    assert copy.copy(report[0].view()) == report[0].view()


def test_a_project_is_resolved_as_compose_does(folder: Path, tmp_path: Path) -> None:
    file = folder / "notes" / "compose.yaml"
    file.write_text("services: { notes: { image: 'x:${TAG:-1}', environment: { DB_PASSWORD: hunter22 } } }\n")
    project = homelab.Project.resolve(file)
    assert project.name == "notes"
    assert project.services == ["notes"]
    assert project.directory == folder / "notes"
    assert project.to_dict()["services"]["notes"]["image"] == "x:1"
    assert project.to_dict() == json.loads(project.to_json())
    assert "hunter22" in project.to_json()
    assert "hunter22" not in project.to_json(redact=True)
    named = homelab.Project.resolve(directory=folder / "notes", environment={"TAG": "2"}, name="other")
    assert (named.name, named.to_dict()["services"]["notes"]["image"]) == ("other", "x:2")
    assert homelab.Project.resolve(file, environment=os.environ).name == "notes"
    file.write_text("services: { notes: { imag: x } }\n")
    assert homelab.Project.resolve(file).diagnostics
    with pytest.raises(homelab.Invalid) as caught:
        homelab.Project.resolve(file, strict=True)
    place = caught.value.place
    assert place is not None
    assert place.line == 1
    said = f"failed to {caught.value.message}\n  at {place.file}:1:{place.column}\nhint: {caught.value.hint}"
    assert str(caught.value) == said
    assert homelab.Project.from_text("site", COMPOSE).services == ["notes"]


def test_the_sample_lab_keeps_its_word() -> None:
    lab = homelab.Lab.load(ROOT / "examples" / "lab")
    assert lab.diagnostics == []
    assert lab.exposure("immich/server").reach is Reach.TAILNET
    assert repr(lab) == f'<Lab "lab": {len(lab.projects)} projects, {len(lab.services)} services>'


def test_what_the_core_counts_and_lists() -> None:
    lab = homelab.Lab.from_texts("home", {"a/compose.yaml": "services: {a: {imag: x}}"})
    assert lab.manifest == ["a/compose.yaml"]
    report = lab.audit()
    assert report.count("error") == sum(finding.severity == "error" for finding in report)
    assert homelab.capabilities() == FULL
    for part in homelab.capabilities():
        homelab.require_capability(part)
    with pytest.raises(homelab.Invalid, match=", ".join(f"`{part}`" for part in sorted(FULL))):
        homelab.require_capability("teleport")


def test_declared_services_are_typed() -> None:
    text = """\
services:
  web:
    image: nginx:1.29
    ports: ['127.0.0.1:8080-8081:80-81', '53:53/udp']
    volumes: ['./site:/srv:ro', 'cache:/cache']
    environment: { TOKEN: hunter22 }
    labels: { traefik.enable: 'true' }
    restart: unless-stopped
    depends_on: [db]
    privileged: true
  db: { image: postgres, network_mode: 'service:web', scale: 2 }
volumes: { cache: }
"""
    web, db = homelab.Project.from_text("site", text).declarations()
    assert (web.name, web.image, web.place.line, web.restart) == ("web", "nginx:1.29", 2, "unless-stopped")
    assert [(port.address, port.published, port.target, port.protocol) for port in web.ports] == [
        ("127.0.0.1", 8080, 80, "tcp"),
        ("127.0.0.1", 8081, 81, "tcp"),
        (None, 53, 53, "udp"),
    ]
    assert [(mount.kind, mount.target, mount.read_only) for mount in web.mounts] == [
        ("bind", "/srv", True),
        ("volume", "/cache", False),
    ]
    assert (web.environment, web.labels, web.depends_on) == (("TOKEN",), ("traefik.enable",), ("db",))
    assert web.privileged
    assert "hunter22" not in web.to_json()
    assert (db.network_mode, db.replicas, db.networks) == ("service:web", 2, ())
    assert view.DeclarationView.from_json(web.to_json()) == web


THREADS = """
import os, sys, threading, time
import homelab

def own():
    count = 0
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm") as name:
                count += name.read().strip() == "homelab"
        except OSError:
            pass  # It ended meanwhile.
    return count

def settled(most):
    end = time.monotonic() + 10
    while own() > most and time.monotonic() < end:
        time.sleep(0.01)
    return own()

texts = {"a/compose.yaml": "services: {a: {image: nginx:1.29}}"}
for _ in range(100):
    homelab.Lab.from_texts("home", texts).audit()
assert settled(1) == 1, "one call at a time needs one thread"
threads = [threading.Thread(target=lambda: [homelab.Lab.from_texts("home", texts).audit() for _ in range(20)])
           for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert 1 <= settled(4) <= 4, "few are kept"
child = os.fork()
if child == 0:
    os._exit(0 if len(homelab.Lab.from_texts("home", texts).services) == 1 and own() == 1 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "a forked process begins its own"
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this system does not say which threads there are")
def test_threads_are_kept_and_do_not_pile_up() -> None:
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, timeout=60)
    assert (done.stderr, done.returncode) == ("", 0)
