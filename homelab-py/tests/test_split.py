from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import homelab
from homelab._cli import run

FILES = {
    "web/compose.yaml": "services: {web: {image: 'nginx:1.29', ports: ['192.168.7.10:80:80']}}\n",
    "instance.toml": "[hosts.zephyr7]\naddresses = ['192.168.7.10']\n",
}


def test_a_lab_is_parted_and_joined(seen: homelab.Observed) -> None:
    lab = homelab.Lab.from_texts("home", FILES)
    split = lab.split(seen)
    assert split.proof.holds
    assert str(split.proof).startswith("holds: joined with its values")
    assert len(split.proof.claims) == 5
    assert all(claim.holds and not claim.failures for claim in split.proof.claims)
    shareable = split.prove()
    template = shareable.template
    assert template == split.template
    assert template.files == ["lab.toml", "web/.env.example", "web/compose.yaml"]
    assert b"192.168.7.10" not in b"".join(template.file(path) or b"" for path in template.files)
    assert template.file("instance.toml") is None
    values = homelab.Values.from_private_json(split.values.to_private_json())
    joined = values.join(template)
    assert {path: text.decode() for path, text in joined.items()} == FILES
    assert "192.168" not in f"{split!r}{split.values!r}{split.proof!r}{shareable!r}{template!r}"

    async def awaited() -> None:
        again = await lab.split_async(seen)
        assert again.proof == split.proof
        assert again.proof.claims == split.proof.claims
        assert await values.join_async(template) == joined

    asyncio.run(awaited())


def test_what_cannot_be_shared_is_refused(seen: homelab.Observed) -> None:
    lab = homelab.Lab.from_texts("home", {**FILES, "zephyr7.sh": "true\n"})
    with pytest.raises(homelab.Refused) as raised:
        lab.split(seen)
    assert "zephyr7" not in str(raised.value)
    named = homelab.Lab.from_texts(
        "home",
        {**FILES, "a/compose.yaml": "services: {a: {image: i, network_mode: none, logging: {options: {zephyr7: x}}}}"},
    )
    split = named.split(seen)
    assert not split.proof.holds
    with pytest.raises(homelab.Refused):
        split.prove()
    with pytest.raises(homelab.Invalid):
        homelab.Values.from_private_json("{}")
    with pytest.raises(homelab.Invalid, match="line 2"):
        homelab.Lab.of_instance("[hosts.zephyr7]\nadresses = []\n")


def test_the_commands_write_and_write_nothing_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, out, back = tmp_path / "home", tmp_path / "out", tmp_path / "back"
    for path, text in FILES.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    assert run(["split", str(home), "--offline", "--to", str(out)]) == 0
    assert (out / "values.json").stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    assert run(["split", str(home), "--offline", "--to", str(out)]) == 0
    assert capsys.readouterr().out.count("has it all already") == 2
    assert run(["join", str(out / "template"), str(out / "values.json"), "--to", str(back)]) == 0
    assert {path: (back / path).read_text() for path in FILES} == FILES
    assert run(["export", str(home), "--to", str(tmp_path / "shared")]) == 0
    assert (tmp_path / "shared" / "web" / "compose.yaml").exists()
    assert not (tmp_path / "shared" / "instance.toml").exists()
    assert run(["join", str(home), str(out / "values.json")]) == 2
    assert run(["leaks", str(home), "--offline", "--instance", str(home / "instance.toml")]) == 1
