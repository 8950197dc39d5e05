#!/usr/bin/env python3
"""Gets the Python package as people get it, and runs the command that they get.

    tests/packaging.py --tools FOLDER --wheel FILE --maturin FOLDER --target FOLDER [--release]

--tools    the programs of a virtual environment with uv and pre-commit
--wheel    the wheel that was built
--maturin  a folder with maturin's wheel, so that nothing is fetched
--target   cargo's target folder: what was compiled there is taken
--release  builds from source as pip does by itself, optimised: minutes

From source: `pip install .` in an environment without maturin, and the hook for pre-commit in a repository with a small lab
(`pre-commit try-repo`). From the wheel: `uvx --from`. Exit code 1: one of them failed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "examples" / "lab"

COMPOSE = """\
services:
  notes:
    image: ghcr.io/example/notes:2.1.4@sha256:0000000000000000000000000000000000000000000000000000000000000000
    restart: unless-stopped
    ports: ['127.0.0.1:8080:80']
"""


def run(command, codes=(0,), **more):
    """Runs a command; what it printed is shown if it ends otherwise."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode not in codes:
        raise RuntimeError(f"`{' '.join(map(str, command))}` ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done


def audits(homelab, **more):
    """The command audits the sample lab and finds something."""
    done = run([homelab, "audit", LAB], codes=(1,), **more)
    assert "services" in done.stdout, done.stdout
    assert run([homelab, "--version"], **more).stdout.startswith("homelab ")


def from_source(folder, environment):
    """`pip install .` in a fresh environment, where nothing but pip is."""
    venv = folder / "venv"
    run([sys.executable, "-m", "venv", venv])
    packages = {one["name"] for one in json.loads(run([venv / "bin" / "pip", "list", "--format=json"]).stdout)}
    assert "maturin" not in packages, packages
    run([venv / "bin" / "pip", "install", "."], cwd=ROOT, env=environment)
    packages = {one["name"] for one in json.loads(run([venv / "bin" / "pip", "list", "--format=json"]).stdout)}
    assert "homelab" in packages and "maturin" not in packages, packages
    audits(venv / "bin" / "homelab", cwd=folder)
    run([venv / "bin" / "python", "-c", "import homelab; homelab.Lab.load('.')"], cwd=folder)


def by_uvx(wheel, tools, folder):
    """`uvx --from WHEEL homelab audit`, with a cache of its own."""
    environment = {**os.environ, "UV_CACHE_DIR": str(folder / "uv")}
    command = [tools / "uvx", "--offline", "--python", sys.executable, "--from", wheel, "homelab", "audit", LAB]
    done = run(command, codes=(1,), env=environment, cwd=folder)
    assert "services" in done.stdout, done.stdout


def as_hook(tools, folder, environment):
    """`pre-commit try-repo` with this repository: what is wrong in a lab stops the commit."""
    lab = folder / "lab"
    (lab / "notes").mkdir(parents=True)
    # The name is no usual one: that it counts is for the command to find out.
    file = lab / "notes" / "stack.yml"
    git = {**environment, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_AUTHOR_NAME": "A",
           "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
           "PRE_COMMIT_HOME": str(folder / "pre-commit"), "XDG_STATE_HOME": str(folder / "state")}
    file.write_text(COMPOSE + "    privileged: true\n")
    run(["git", "init", "-q"], cwd=lab, env=git)
    run(["git", "add", "."], cwd=lab, env=git)
    # It builds the package anew each time, so once has to do.
    command = [tools / "pre-commit", "try-repo", ROOT, "homelab-audit", "--verbose"]
    said = run(command, codes=(1,), cwd=lab, env=git).stdout
    assert "homelab audit" in said and "Failed" in said and "service.privileged" in said, said
    # It is that alone that stops it: the command of the hook is content with the same lab without it.
    file.write_text(COMPOSE)
    run(["git", "add", "."], cwd=lab, env=git)
    run([tools / "homelab", "audit"], cwd=lab, env=git)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--maturin", type=Path, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--release", action="store_true")
    arguments = parser.parse_args()
    # What was compiled is taken, wherever the sources are copied to.
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(arguments.maturin.resolve()),
                   "PIP_DISABLE_PIP_VERSION_CHECK": "1", "CARGO_TARGET_DIR": arguments.target}
    if not arguments.release:
        environment["MATURIN_PEP517_ARGS"] = "--profile dev"
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        ways = {
            "uvx --from the wheel": lambda: by_uvx(arguments.wheel.resolve(), arguments.tools, folder),
            "pip install . from source": lambda: from_source(folder, environment),
        }
        if (ROOT / ".git").exists():
            ways["pre-commit try-repo"] = lambda: as_hook(arguments.tools, folder, environment)
        for name, way in ways.items():
            began = time.monotonic()
            try:
                way()
            except (AssertionError, OSError, RuntimeError) as error:
                failed.append(name)
                print(f"packaging: {name}: FAILED: {error}", flush=True)
            else:
                print(f"packaging: {name}: ok, {time.monotonic() - began:.1f} s", flush=True)
        if len(ways) < 3:
            print("packaging: pre-commit try-repo: left out, this is no repository")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
