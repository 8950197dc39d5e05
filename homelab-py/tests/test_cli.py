"""The command: what it prints, and how it ends; where the Rust examples are built, held against theirs."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import homelab
from conftest import COMPOSE, ROOT, SlowGit, write_policy, write_tailnet

NOW = "--now=2026-12-01"
LAB = str(ROOT / "examples" / "lab")
TAILNET = ["--policy={net}/policy.hujson", "--devices={net}/devices.json", "--users={net}/users.json"]


PORTAL = ROOT / "tests" / "portal" / "lab"


def built_examples() -> str | None:
    """Returns the folder of the Rust examples, where they are built."""
    named = os.environ.get("HOMELAB_EXAMPLES")
    if named is None and (ROOT / "target" / "debug" / "reach").exists():
        return str(ROOT / "target" / "debug")
    return named or None


def run(
    *words: str, cwd: Path | None = None, program: list[str] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*(program or [sys.executable, "-m", "homelab"]), *words],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("audit", ["{lab}", NOW]),
        ("audit", ["{lab}", NOW, "--format", "json", "--rules", "+hardening"]),
        ("audit", ["{lab}", NOW, "--format=sarif", "--fail-on", "note"]),
        ("audit", ["{lab}", NOW, "--format=markdown"]),
        ("audit", ["{lab}", NOW, "--format=html"]),
        ("audit", ["{folder}", NOW]),
        ("audit", ["{folder}", "--now=2026-12-01T09:00:00+02:00", "--fail-on=error"]),
        ("audit", ["{folder}", "--rules=service.privilege"]),
        ("audit", ["{folder}/none"]),
        ("audit", [""]),
        ("resolve", [""]),
        ("resolve", ["--project-directory="]),
        ("leaks", ["{lab}", NOW, "--offline"]),
        ("leaks", ["{folder}", NOW, "--instance", "{lab}", "--format=json", "--fail-on=note"]),
        ("leaks", ["{folder}", "--rules=leak.none"]),
        ("leaks", ["{folder}", NOW, "--offline", "--instance={lab}/instance.toml"]),
        ("leaks", ["{folder}", NOW, "--offline", "--instance={lab}/lab.toml"]),
        ("split", ["{lab}", NOW, "--offline"]),
        ("split", ["{folder}", NOW, "--offline"]),
        ("split", ["{folder}/none", NOW, "--offline"]),
        ("export", ["{lab}"]),
        ("export", ["{folder}"]),
        ("join", ["{folder}", "{folder}/notes/compose.yaml"]),
        ("join", ["{folder}", "{folder}/none.json"]),
        ("audit", ["{folder}", "--now=soon"]),
        ("resolve", ["{folder}/notes/compose.yaml"]),
        ("resolve", ["{folder}/notes/compose.yaml", "--redact", "--strict", "--profile", "x"]),
        ("resolve", ["{folder}/broken.yaml", "--strict"]),
        ("resolve", ["{folder}/broken.yaml"]),
        ("resolve", ["--project-directory={folder}/notes"]),
        ("init", ["{written}"]),
        *(("policy", [question, *TAILNET]) for question in ("filter", "ssh", "caps", "peers", "check")),
        ("policy", ["caps", *TAILNET, "--https"]),
        ("policy", ["check", *TAILNET[:4]]),
        ("policy", ["check", "--policy={net}/wrong.hujson", *TAILNET[2:]]),
        ("policy", ["filter", "--policy={net}/wrong.hujson", *TAILNET[2:]]),
        ("policy", ["filter", *TAILNET[2:]]),
        ("reach", ["--to=nas:443", *TAILNET, NOW]),
        ("reach", ["--to=nas:443", *TAILNET, NOW, "--format=json"]),
        ("reach", ["--to", "192.168.1.7:53/udp", *TAILNET, NOW]),
        ("reach", ["--to=nowhere:1", *TAILNET, NOW]),
        ("reach", ["--to=nas", *TAILNET, "--now=soon"]),
        ("reach", ["--from=alice@example.com", *TAILNET, NOW]),
        ("reach", ["--from=tag:nas", *TAILNET, NOW, "--format=json"]),
        ("reach", ["--explain=bob@example.com", "--to=nas:22", *TAILNET, NOW]),
        ("reach", ["--explain=bob@example.com", "--to=nas:22", *TAILNET, NOW, "--format=json"]),
        ("reach", ["--explain=phone", "--to=nas/icmp", *TAILNET, "--now=2027-03-01T00:00:00Z"]),
        ("reach", ["--explain=phone", *TAILNET, NOW]),
        ("reach", ["--policy={net}/policy.hujson", NOW]),
        ("reach", ["{lab}", NOW, "--to=immich"]),
        ("policy", ["check"]),
        ("policy", ["check", "--policy={net}/policy.hujson"]),
        ("reach", ["--diff={net}/newer.hujson", *TAILNET, NOW]),
        ("reach", ["--diff={net}/newer.hujson", *TAILNET, NOW, "--format=json"]),
        ("reach", ["--diff={net}/wrong.hujson", *TAILNET, NOW]),
        ("reach", ["--from=phone", "--diff={net}/newer.hujson", *TAILNET, NOW]),
        ("reach", [*TAILNET, NOW]),
        ("reach", ["{folder}", *TAILNET, NOW]),
        ("reach", ["{lab}", NOW]),
        ("reach", ["{lab}", NOW, "--format=json"]),
        ("reach", ["{lab}", NOW, "--to=immich/server"]),
        ("reach", ["{lab}", NOW, "--to=immich/server", "--format=json"]),
        ("reach", ["{lab}", NOW, "--to=immich/serve"]),
        ("reach", ["{lab}", NOW, "--from=alice@example.com"]),
        ("reach", ["{lab}", NOW, "--from=alice@example.com", "--diff={net}/newer.hujson"]),
        ("reach", ["{folder}/none", NOW]),
        ("reach", ["{tailnet}", NOW]),
        ("reach", ["{tailnet}", NOW, "--to=notes"]),
        ("reach", ["{tailnet}", NOW, "--to=notes", "--format=json"]),
        ("reach", ["{tailnet}", NOW, "--to=nas:8080"]),
        ("reach", ["{tailnet}", NOW, "--to=192.0.2.10:8080", "--format=json"]),
        ("reach", ["{tailnet}", NOW, "--from=bob@example.com"]),
        ("reach", ["{tailnet}", NOW, "--from=phone", "--format=json"]),
        ("reach", ["{tailnet}", NOW, "--from=nobody"]),
        ("reach", ["{tailnet}", NOW, "--explain=bob@example.com", "--to=nas:22"]),
        ("reach", ["{tailnet}", NOW, "--explain=bob@example.com", "--to=nas:22", "--format=json"]),
        ("reach", ["{tailnet}", NOW, "--diff={tailnet}/newer.hujson"]),
        ("reach", ["{tailnet}", NOW, "--diff={tailnet}/newer.hujson", "--format=json"]),
        ("reach", ["{tailnet}", NOW, "--diff={tailnet}/none.hujson"]),
        ("reach", ["{tailnet}", NOW, "--diff={tailnet}/latin.hujson"]),
        ("portal", ["{portal}", "--who=ann"]),
        ("portal", ["{portal}", "--who", "ben@example.org", "--format", "json"]),
        ("portal", ["{portal}", "--who=ben", "--why=grafana"]),
        ("portal", ["{portal}", "--who=ann", "--why=photos/server", "--format=json"]),
        ("portal", ["{portal}", "--who=carl"]),
    ],
)
def test_it_says_what_the_rust_example_says(folder: Path, name: str, words: list[str]) -> None:
    examples = built_examples()
    if examples is None:
        pytest.skip("HOMELAB_EXAMPLES names no folder with the built Rust examples, and target/debug has none")
    net = write_tailnet(folder.parent / "net")
    (folder / "broken.yaml").write_text("services: { x: { imag: 1 } }\n")
    written = folder.parent / "written"
    written.mkdir()
    (written / "lab.toml").touch()
    (written / "instance.toml").touch()
    tailnet = folder.parent / "tailnet"
    shutil.copytree(folder, tailnet)
    write_policy(tailnet)
    (tailnet / "latin.hujson").write_bytes("{} // Müll".encode("latin-1"))
    words = [
        word.format(lab=LAB, portal=PORTAL, folder=folder, written=written, net=net, tailnet=tailnet) for word in words
    ]
    for columns in ("", "60"):
        theirs = run(*words, program=[f"{examples}/{name}"], COLUMNS=columns)
        ours = run(name, *words, COLUMNS=columns)
        assert (ours.stdout, ours.stderr, ours.returncode) == (theirs.stdout, theirs.stderr, theirs.returncode)


def test_init_shows_then_writes_what_the_rust_example_does(folder: Path) -> None:
    shown = run("init", str(folder))
    assert shown.returncode == 0
    assert shown.stdout.endswith("nothing is written yet: `--write` does\n")
    assert not (folder / "lab.toml").exists()
    if examples := built_examples():
        theirs = run(str(folder), program=[f"{examples}/init"])

        def without_id(text: str) -> list[str]:
            return [line for line in text.splitlines() if "+id = " not in line]

        assert without_id(shown.stdout) == without_id(theirs.stdout)
    wrote = run("init", str(folder), "--write")
    assert "complete\n  done: write new file `lab.toml`" in wrote.stdout
    assert (folder / "instance.toml").exists()
    assert run("init", str(folder)).stdout == "lab.toml and instance.toml are there already; nothing to do\n"


def test_an_audit_ends_as_its_report_says(folder: Path) -> None:
    assert run("audit", str(folder), NOW).returncode == 1
    assert run("audit", NOW, "--fail-on=error", cwd=folder).returncode == 0
    report = json.loads(run("audit", str(folder), NOW, "--format=json").stdout)
    assert report["at"] == "2026-12-01T12:00:00Z"
    failed = run("audit", str(folder / "none"))
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: failed to read the lab's folder `")
    assert failed.stderr.endswith("hint: name a folder with Compose files in it\n")


def test_reach_answers_for_one_service_or_all(folder: Path) -> None:
    every = run("reach", LAB)
    assert every.returncode == 0
    widths = [line.split(": ")[1].split(",")[0] for line in every.stdout.splitlines() if not line.startswith(" ")]
    order = [str(reach) for reach in reversed(homelab.Reach)]
    assert widths == sorted(widths, key=order.index)
    one = run("reach", "--to", "notes", cwd=folder)
    assert one.stdout.startswith("notes/notes: lan, at most internet\n  ")
    view = json.loads(run("reach", str(folder), "--to=notes", "--format=json").stdout)
    assert view["reach"] == "lan"
    missing = run("reach", str(folder), "--to=note")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("error: failed to find the tailnet's policy")


def test_reach_asks_the_policy_of_the_lab(folder: Path) -> None:
    write_policy(folder)
    service = run("reach", str(folder), "--to=notes", NOW)
    assert "bob@example.com" in service.stdout
    assert "nas:8080/tcp" in run("reach", str(folder), "--from=bob@example.com", NOW).stdout
    assert run("reach", str(folder), "--explain=bob@example.com", "--to=nas:22", NOW).returncode == 0
    (folder / "policy.hujson").unlink()
    gone = run("reach", str(folder), "--to=notes", NOW)
    assert (gone.returncode, gone.stdout) == (2, "")
    assert "there is no file `policy.hujson`" in gone.stderr


def test_help_names_every_command_and_option(folder: Path) -> None:
    text = run("--help").stdout
    for command in ("audit", "init", "reach", "policy", "resolve", "completion"):
        assert f"\n    {command}" in text
        assert run(command, "--help").stdout.startswith(f"usage: homelab {command}")
    assert run("--version").stdout == f"homelab {homelab.__version__}\n"
    assert run().returncode == 2
    assert run("audit", "--strit").returncode == 2


def test_colours_need_a_terminal_and_no_objection(folder: Path) -> None:
    assert "\x1b[" not in run("audit", str(folder), NOW).stdout
    for no_colour, coloured in (("", True), ("1", False)):
        main, terminal = os.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "homelab", "audit", str(folder), NOW],
            stdout=terminal,
            env={**os.environ, "NO_COLOR": no_colour, "TERM": "xterm"},
        ) as process:
            os.close(terminal)
            shown = b""
            try:
                while part := os.read(main, 65536):
                    shown += part
            except OSError:
                pass
            process.wait(30)
        os.close(main)
        assert (b"\x1b[" in shown) is coloured


def test_that_nobody_reads_to_the_end_is_no_failure() -> None:
    command = f"{sys.executable} -m homelab audit {LAB} --format=html | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.stdout.lower(), done.stderr, done.returncode) == ("<!doctype ", "", 1)


@pytest.mark.parametrize("words", ["audit {lab}", "audit {lab} --format=json", "completion bash", "--help"])
@pytest.mark.parametrize("output", [">/dev/full", ">&-"])
def test_what_cannot_be_written_is_an_error(words: str, output: str) -> None:
    if output == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("this machine has no /dev/full")
    command = f"{sys.executable} -m homelab {words.format(lab=LAB)} {output}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done
    assert done.stderr.startswith("error: failed to write the output: "), done.stderr
    assert "Traceback" not in done.stderr


def test_that_nobody_hears_what_is_wrong_is_no_failure() -> None:
    command = f"{sys.executable} -m homelab audit {LAB}/none 2>&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_path_may_be_any_bytes(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/lab\xff"
    os.mkdir(folder)
    with open(folder + b"/compose.yaml", "w") as file:
        file.write(COMPOSE)

    def code(*words: str | bytes) -> tuple[int, bytes]:
        command = [sys.executable, "-m", "homelab", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60)
        assert b"Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stderr

    assert code("audit", folder)[0] in (0, 1)
    assert code("join", folder, folder + b"/none.json")[0] == 2
    assert code("reach", folder, "--to", b"a\xff") == (2, b"error: failed to read `a?`: it is no UTF-8 text\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_that_shell(shell: str, tmp_path: Path) -> None:
    text = run("completion", shell).stdout
    assert "fail-on" in text
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(text)
    flag = "--no-execute" if shell == "fish" else "-n"
    subprocess.run([shell, flag, str(script)], check=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["homelab", "re"], {"reach", "resolve"}),
        (["homelab", "audit", "--fa"], {"--fail-on"}),
        (["homelab", "audit", "--format", "h"], {"html"}),
        (["homelab", "completion", "f"], {"fish"}),
    ],
)
def test_bash_completes(words: list[str], expected: set[str], tmp_path: Path) -> None:
    script = run("completion", "bash").stdout
    quoted = " ".join(f"'{word}'" for word in words)
    code = (
        f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _homelab; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert set(done.stdout.split()) == expected


def test_the_console_script_is_the_same_command() -> None:
    script = Path(sys.executable).parent / "homelab"
    assert run("--version", program=[str(script)]).stdout == f"homelab {homelab.__version__}\n"


def test_a_file_that_is_no_text_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_bytes(COMPOSE.encode() + b"\xff\xfe")
    assert run("audit", str(tmp_path)).returncode in (0, 1)


def on_a_terminal(
    command: list[str], environment: dict[str, str], released: SlowGit | None = None
) -> tuple[bytes, int]:
    """Runs a command whose standard error is a terminal; returns what was drawn on it."""
    main, terminal = os.openpty()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=terminal, env={**os.environ, "TERM": "xterm", **environment}
    ) as process:
        os.close(terminal)
        drawn = b""
        try:
            while part := os.read(main, 65536):
                drawn += part
                if released is not None and b"looking at the lab" in drawn:
                    released.release()
        except OSError:
            pass
        code = process.wait(30)
    os.close(main)
    return drawn, code


def test_long_work_is_shown_on_a_terminal_and_wiped_away(folder: Path, slow_git: SlowGit) -> None:
    command = [sys.executable, "-m", "homelab", "audit", str(folder), NOW]
    drawn, code = on_a_terminal(command, {"PATH": slow_git.path}, slow_git)
    assert code == 1
    assert b"2/3 looking at the lab" in drawn
    assert drawn.endswith(b"\r\x1b[K")


def test_quick_work_and_a_file_get_no_bar(folder: Path) -> None:
    quick = (
        f"import homelab._progress as p; p.DELAY = 60; from homelab._cli import run; run(['audit', {str(folder)!r}])"
    )
    assert on_a_terminal([sys.executable, "-c", quick], {})[0] == b""
    eager = quick.replace("60", "0")
    done = subprocess.run([sys.executable, "-c", eager], capture_output=True, text=True, timeout=60)
    assert done.stdout
    assert done.stderr == ""


def test_fish_completes(tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    script = tmp_path / "script"
    script.write_text(run("completion", "fish").stdout)
    for line, expected in [("homelab re", {"reach", "resolve"}), ("homelab audit --fa", {"--fail-on"})]:
        code = f"source {script}; complete -C '{line}'"
        done = subprocess.run(["fish", "--no-config", "-c", code], capture_output=True, text=True, check=True)
        assert {row.split("\t")[0] for row in done.stdout.splitlines()} == expected


def test_zsh_completes(tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    script = tmp_path / "script"
    script.write_text(run("completion", "zsh").stdout)
    # Only a terminal has completion in zsh.
    main, terminal = os.openpty()
    with subprocess.Popen(["zsh", "-f", "-i"], stdin=terminal, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""

        def until(word: bytes) -> None:
            nonlocal shown
            end = time.monotonic() + 20
            while word not in shown:
                assert time.monotonic() < end, shown
                if select.select([main], [], [], 0.1)[0]:
                    shown += os.read(main, 65536)

        os.write(main, f"autoload -Uz compinit && compinit -u -D; source {script}; print rea''dy\n".encode())
        until(b"ready")
        os.write(main, b"homelab audit --fa\t")
        until(b"--fail-on")
        process.kill()
    os.close(main)
