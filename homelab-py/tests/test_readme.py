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
from engine import Engine

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
    live = {"inventory", "drift", "watch", "logs", "run"}
    lines = re.findall(r"^    (homelab .*?)(?:   .*)?$", README, re.M)
    assert {line.split()[1] for line in lines} == {
        "audit",
        "backup",
        "init",
        "policy",
        "portal",
        "reach",
        "resolve",
        *live,
    }
    with Engine() as engine:
        engine.add("immich", "server", "example/other:1")
        engine.write(1, "ready")
        instance = home / "lab" / "instance.toml"
        hosts = re.sub(r"^(\[hosts\.\w+\])$", rf"\1\nengine = '{engine.address}'", instance.read_text(), flags=re.M)
        # Whoever tries the sample has a repository there, which is not ours.
        hosts = hosts.replace("/tmp/homelab-sample-copies", str(home / "copies"))
        instance.write_text(hosts)
        for line in lines:
            words = [os.path.expanduser(word) for word in shlex.split(line)]
            # These go on until they are interrupted; the page is looked at elsewhere.
            words += {"watch": ["--once"], "portal": ["--help"]}.get(words[1], [])
            done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=60)
            code = {"audit": 1, "drift": 1, "backup": 3}.get(words[1], 0)
            assert (done.returncode, done.stderr) == (code, ""), line
            assert done.stdout, line
