"""What the README says is what happens, word for word."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

README = (ROOT / "homelab-py" / "README.md").read_text()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the sample lab in it, and the examples in the working folder, as in the repository."""
    shutil.copytree(ROOT / "examples" / "lab", tmp_path / "lab")
    work = tmp_path / "work"
    shutil.copytree(ROOT / "examples" / "tailnet", work / "examples" / "tailnet")
    (work / "compose.yaml").write_text("services: { web: { image: 'nginx:1.29' } }\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(work)
    return tmp_path


async def test_its_program_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) >= 2
    names: dict[str, object] = {}
    for block in blocks:
        code = compile(block, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        made: object = eval(code, names)
        if inspect.isawaitable(made):
            await made
    said = capsys.readouterr().out
    assert "immich/server: " in said
    assert (home / "work" / "lab.html").read_text().lower().startswith("<!doctype html>")


def test_its_commands_run(home: Path) -> None:
    lines = re.findall(r"^    (homelab .*?)(?:   .*)?$", README, re.M)
    # These ask engines, or go on until Ctrl-C: here they only say what they are.
    lasting = {"drift", "inventory", "portal", "run", "watch"}
    assert {line.split()[1] for line in lines} == {"audit", "init", "policy", "reach", "resolve"} | lasting
    for line in lines:
        words = [os.path.expanduser(word) for word in shlex.split(line)]
        if words[1] in lasting:
            said = subprocess.run(
                [sys.executable, "-m", "homelab", words[1], "--help"], capture_output=True, text=True, timeout=60
            )
            assert (said.returncode, said.stderr) == (0, ""), line
            continue
        done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (1 if words[1] == "audit" else 0, ""), line
        assert done.stdout, line
