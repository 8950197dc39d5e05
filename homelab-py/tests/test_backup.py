"""Copies: the whole cycle on the sample lab, as a program, as a coroutine and on the command line."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import homelab
from conftest import ROOT
from test_cli import built_examples, run

PASSWORD = "canary of the sample"


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample lab, with its repository and state in folders of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "lab"
    shutil.copytree(ROOT / "examples" / "lab", folder)
    instance = folder / "instance.toml"
    text = instance.read_text()
    assert "/tmp/homelab-sample-copies" in text
    instance.write_text(text.replace("/tmp/homelab-sample-copies", str(tmp_path / "copies")))
    (tmp_path / "copies.key").write_text(f"{PASSWORD}\n")
    return folder


def journal(folder: Path) -> list[dict[str, object]]:
    """Returns what was written down of a lab, whose state is beside it."""
    [file] = (folder.parent / "state" / "homelab").glob("*/backups.jsonl")
    assert PASSWORD not in file.read_text()
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_lab_is_backed_up_checked_drilled_restored_and_pruned(sample: Path) -> None:
    lab = homelab.Lab.load(sample)
    with homelab.connect_sync(lab) as world:

        def see() -> homelab.Observed:
            return world.observe(engines=False)

        nothing = see()
        [before] = [one for one in nothing.backups or [] if one.repository == "sample"]
        assert (before.gap, before.snapshots, before.check, before.drills) == ("not_initialised", None, None, ())
        with pytest.raises(homelab.NotInitialised) as early:
            lab.plan_backup("settings", nothing).apply(world)
        assert "make it first" in str(early.value)
        assert not (sample.parent / "copies").exists(), "nothing is made by itself"

        lab.plan_make_repository("sample", nothing).apply(world)
        plan = lab.plan_backup("settings", see())
        assert "copy `settings`" in str(plan)
        assert [step.kind for step in plan.steps] == ["backup_run"]
        told: list[str] = []
        assert plan.apply(world, progress=lambda event: told.append(event.kind)).status == "complete"
        assert told[0] == "started"
        assert told[-1] == "finished"
        assert plan.apply(world).status == "skipped", "the same plan again has nothing to do"
        lab.plan_check("sample", see(), depth="all").apply(world)
        lab.plan_drill("settings", see()).apply(world)

        target = sample.parent / "back"
        lab.plan_restore("settings", target, see()).apply(world)
        original = sample / "services"
        files = sorted(path.relative_to(original) for path in original.rglob("*") if path.is_file())
        assert len(files) > 10
        for file in files:
            restored = target / str(original).lstrip("/") / file
            assert restored.read_bytes() == (original / file).read_bytes(), file

        with pytest.raises(homelab.Conflict):
            lab.plan_restore("settings", target, see()).apply(world)
        lab.plan_backup("settings", see()).apply(world)
        lab.plan_backup("settings", see()).apply(world)
        pruning = lab.plan_prune("settings", see(), keep="last=1")
        assert "the last that a drill has restored" in pruning.details()
        pruning.apply(world)

        seen = see()
        [holdings] = [one for one in seen.backups or [] if one.repository == "sample"]
        assert holdings.gap is None
        assert holdings.encrypted
        assert holdings.check is not None
        assert (holdings.check.depth, holdings.check.passed) == ("all data", True)
        [drill] = holdings.drills
        assert (drill.dataset, drill.passed) == ("settings", True)
        assert f"{len(files)} files with" in drill.proof
        repositories = world.repositories()
        assert "sample" in repositories.names
        assert repositories.any()
        snapshots = repositories.snapshots("sample")
        # The newest, and the one that the drill has proven.
        assert len(snapshots) == 2
        assert tuple(snapshots) == holdings.snapshots
        assert [one.completeness for one in snapshots] == ["complete", "complete"]
        entries = repositories.browse("sample", snapshots[0].id)
        sizes = {entry.path: entry.size for entry in entries if entry.kind == "file"}
        assert sizes == {str(original / file): (original / file).stat().st_size for file in files}
        with pytest.raises(homelab.NotFound):
            repositories.browse("sample", "0" * 64)
        [verdict] = [one for one in lab.survival(seen).view().datasets if one.dataset == "settings"]
        [copy] = [one for one in verdict.held if one.repository == "sample"]
        assert (copy.last_drill_passed, copy.last_check_depth, copy.completeness) == (True, "all data", "complete")

    words = [record["what"] for record in journal(sample)]
    assert words == ["run", "check", "drill", "run", "run", "prune"]


def test_what_cannot_be_done_is_refused_with_its_kind(sample: Path) -> None:
    lab = homelab.Lab.load(sample)
    with homelab.connect_sync(lab) as world:
        blind = world.observe(engines=False, repositories=False)
        assert blind.backups is None
        with pytest.raises(homelab.Unsupported):
            lab.plan_backup("*", blind)
        seen = world.observe(engines=False)
        refusals: list[tuple[Callable[[], object], type[homelab.Error]]] = [
            (lambda: lab.plan_backup("settins", seen), homelab.NotFound),
            (lambda: lab.plan_make_repository("smple", seen), homelab.NotFound),
            (lambda: lab.plan_make_repository("offsite", seen), homelab.Unsupported),
            (lambda: lab.plan_check("sample", seen, depth="8/7"), homelab.Invalid),
            (lambda: lab.plan_check("sample", seen, depth="deep"), homelab.Invalid),
            (lambda: lab.plan_restore("settings", "back", seen), homelab.Invalid),
            (lambda: lab.plan_restore("settings", "/tmp/back", seen), homelab.NotFound),
            (lambda: lab.plan_drill("settings", seen, repository="sample"), homelab.NotFound),
            (lambda: lab.plan_prune("settings", seen, keep="last=0"), homelab.Invalid),
            (lambda: world.repositories().snapshots("none"), homelab.NotFound),
            (lambda: world.repositories().snapshots("offsite"), homelab.Unsupported),
            (lambda: world.repositories().snapshots("sample"), homelab.NotInitialised),
        ]
        for refused, kind in refusals:
            with pytest.raises(kind):
                refused()
        lab.plan_make_repository("sample", seen).apply(world)
    (sample.parent / "copies.key").write_text("another\n")
    with homelab.connect_sync(lab) as world:
        with pytest.raises(homelab.WrongKey) as wrong:
            world.repositories().snapshots("sample")
        assert "another" not in str(wrong.value)


def test_every_plan_is_there_to_be_awaited(sample: Path) -> None:
    lab = homelab.Lab.load(sample)

    async def cycle() -> list[str]:
        async with homelab.connect(lab) as world:

            async def see() -> homelab.Observed:
                return await world.observe(engines=False)

            await (await lab.plan_make_repository_async("sample", await see())).apply(world)
            operation = (await lab.plan_backup_async("settings", await see())).apply(world)
            kinds = [event.kind async for event in operation.events()]
            await operation
            await (await lab.plan_check_async("*", await see(), depth="1/2")).apply(world)
            await (await lab.plan_drill_async("settings", await see(), repository="sample")).apply(world)
            target = sample.parent / "back"
            await (await lab.plan_restore_async("settings", target, await see(), repository="sample")).apply(world)
            await (await lab.plan_prune_async("settings", await see())).apply(world)
            repositories = world.repositories()
            [snapshot] = await repositories.snapshots_async("sample")
            assert len(await repositories.browse_async("sample", snapshot.id)) > 10
            return kinds

    kinds = asyncio.run(cycle())
    assert kinds[:2] == ["started", "step_started"]
    assert kinds[-2:] == ["step_finished", "finished"]
    assert [record["what"] for record in journal(sample)] == ["run", "check", "drill"]


def test_the_command_does_and_says_what_the_rust_example_does(sample: Path) -> None:
    examples = built_examples()
    if examples is None or not (Path(examples) / "backup").exists():
        pytest.skip("HOMELAB_EXAMPLES names no folder with the built Rust example, and target/debug has none")
    lab = f"--lab={sample}"
    both: list[list[str]] = [
        ["status", lab, "--now=2026-12-01"],
        ["run", "settings", lab],
        ["run", "nothing", lab],
        ["make", lab],
        ["make", "smple", lab],
        ["restore", "settings", lab],
        ["restore", "settings", "--into", "", lab],
        ["prune", "--keep=last=0", lab],
        ["check", "sample", "--depth", "8/7", lab],
        ["make", "sample", "--dry-run", lab],
    ]
    later: list[list[str]] = [
        ["check", lab, "--depth=all"],
        ["drill", "settings", lab],
        ["restore", "settings", "--into", "back", lab, "--dry-run"],
        ["prune", "--dry-run", lab],
        ["status", lab, "--now=2027-12-01"],
        ["status", lab, "--now=2027-12-01", "--format=json"],
    ]
    program = [f"{examples}/backup"]
    if "this build does not work on" in run("status", lab, program=program).stdout:
        pytest.skip("the Rust example is built without the embedded repository")

    def same(words: list[str]) -> None:
        theirs = run(*words, program=program, cwd=sample.parent)
        ours = run("backup", *words, cwd=sample.parent)

        def lasting(text: str) -> str:
            """A drill of one program is newer than that of the other."""
            return "\n".join(line for line in text.splitlines() if "last_" not in line)

        assert (lasting(ours.stdout), ours.stderr, ours.returncode) == (
            lasting(theirs.stdout),
            theirs.stderr,
            theirs.returncode,
        )

    for words in both:
        same(words)
    assert run("backup", "make", "sample", lab).returncode == 0
    done = run("backup", "run", "settings", lab)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "back up settings"
    assert lines[-1] == "complete"
    for words in later:
        same(words)
    target = sample.parent / "back"
    assert run("backup", "restore", "settings", lab, "--into=back", cwd=sample.parent).returncode == 0
    assert (target / str(sample).lstrip("/") / "services" / "immich" / "compose.yaml").exists()
    again = run("backup", "restore", "settings", lab, "--into=back", cwd=sample.parent)
    assert (again.returncode, "it is not empty" in again.stderr) == (2, True)
    assert run("backup", "prune", "settings", "--keep=last=1", lab).returncode == 0
    assert [record["what"] for record in journal(sample)].count("run") == 1
