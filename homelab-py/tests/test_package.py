"""How it is packed: one package from two places, quick to import, and a hook for pre-commit."""

from __future__ import annotations

import enum
import inspect
import pydoc
import statistics
import subprocess
import sys
import time
from typing import cast

import pytest

import homelab
from conftest import ROOT
from homelab import view


def test_both_folders_make_the_same_package() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 brings tomllib")
    own = tomllib.loads((ROOT / "homelab-py" / "pyproject.toml").read_text())
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert root["build-system"] == own["build-system"]
    assert root["project"].pop("readme") == f"homelab-py/{own['project'].pop('readme')}"
    assert root["project"] == own["project"]
    maturin = root["tool"]["maturin"]
    assert maturin.pop("manifest-path") == "homelab-py/Cargo.toml"
    assert maturin.pop("python-source") == f"homelab-py/{own['tool']['maturin'].pop('python-source')}"
    assert maturin == own["tool"]["maturin"]


def test_the_version_is_that_of_the_workspace() -> None:
    assert f'version = "{homelab.__version__}"' in (ROOT / "Cargo.toml").read_text()


def test_the_hook_runs_a_command_that_there_is() -> None:
    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert "entry: homelab audit\n" in text
    assert "entry: homelab leaks --offline\n" in text
    # A Caddyfile says who can reach a service as a Compose file does: no list of names could be whole.
    audit = text[text.index("- id: homelab-audit") : text.index("- id: homelab-leaks")]
    assert "always_run: true\n" in audit
    assert "files:" not in audit


def test_importing_is_quick_and_leaves_the_heavy_modules_alone() -> None:
    shown = "print(*sorted({'argparse', 'asyncio', 'dataclasses', 'json', 're', 'typing'} & set(sys.modules)))"

    def heavy(imports: str) -> set[str]:
        # Those that this Python brings of itself do not count.
        command = [sys.executable, "-c", f"import {imports}; {shown}"]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())

    assert heavy("sys, homelab") == heavy("sys, enum")
    timed = "import time; t = time.process_time(); import homelab; print(time.process_time() - t)"
    seconds: list[float] = []
    for _ in range(9):
        done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
        seconds.append(float(done.stdout))
    # The least, and of the processor: others share the machine.
    assert min(seconds) < 0.02, f"median {statistics.median(seconds)}"


def test_a_call_costs_little(lab: homelab.Lab) -> None:
    def least(call: object) -> float:
        assert callable(call)
        times: list[float] = []
        for _ in range(20):
            began = time.perf_counter()
            for _ in range(1000):
                call()
            times.append((time.perf_counter() - began) / 1000)
        return min(times)

    assert least(lambda: lab.name) < 5e-6
    assert least(lambda: lab.service("notes")) < 100e-6


def test_every_public_name_has_help() -> None:
    def public(owner: object) -> list[tuple[str, object]]:
        return [(name, getattr(owner, name)) for name in sorted(vars(owner)) if not name.startswith("_")]

    bare: list[str] = []
    classes: list[object] = [getattr(homelab, name) for name in homelab.__all__]
    classes += view.Record.__subclasses__()
    for named in classes:
        if not (named.__doc__ or "").strip():
            bare.append(repr(named))
        if not isinstance(named, type) or issubclass(named, (enum.Enum, BaseException, view.Record)):
            # Their members are words, and fields that the class documents.
            continue
        for name, member in public(cast("object", named)):
            if hasattr(type(member), "__get__") and not (inspect.getdoc(member) or "").strip():
                bare.append(f"{named.__name__}.{name}")
    assert bare == []
    assert "who can reach" in pydoc.render_doc(homelab.Lab.exposure)
