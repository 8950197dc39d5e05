"""The tailnet: its policy in force over devices."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

import homelab
from homelab import view

POLICY = """{
    // the NAS is for members
    "tagOwners": {"tag:nas": ["autogroup:admin"]},
    "acls": [{"action": "accept", "src": ["autogroup:member"], "dst": ["tag:nas:443"]}],
    "tests": [{"src": "alice@example.com", "accept": ["tag:nas:443"]}],
}"""
DEVICES = json.dumps(
    {
        "devices": [
            {"hostname": "nas", "addresses": ["100.64.0.2"], "user": "alice@example.com", "tags": ["tag:nas"]},
            {"hostname": "phone", "addresses": ["100.64.0.1"], "user": "alice@example.com"},
        ]
    }
)


def test_a_policy_is_in_force_over_devices(tmp_path: Path) -> None:
    (tmp_path / "policy.hujson").write_text(POLICY)
    (tmp_path / "devices.json").write_text(DEVICES)
    loaded = homelab.Tailnet.load(tmp_path / "policy.hujson", devices=str(tmp_path / "devices.json"))
    for tailnet in (loaded, homelab.Tailnet.from_texts(POLICY, DEVICES), loaded.with_https(True)):
        assert tailnet.peers() == {"nas": ["phone"], "phone": ["nas"]}
        [rule] = tailnet.filters()["nas"]
        assert rule["SrcIPs"] == ["100.64.0.1"]
        assert rule["DstPorts"][0]["Ports"] == {"First": 443, "Last": 443}
        assert tailnet.filters()["phone"] == []
        assert tailnet.ssh() == {"nas": [], "phone": []}
        assert set(tailnet.capabilities()) == {"capabilities", "whois"}
        assert json.loads(tailnet.to_json("filter")) == {"filters": tailnet.filters()}
        assert tailnet.check().accepted
        assert repr(tailnet) == "<Tailnet: 2 devices>"
    with pytest.raises(homelab.NotFound, match="`filter`, `ssh`"):
        loaded.to_json("weather")
    with pytest.raises(homelab.NotFound):
        homelab.Tailnet.load(tmp_path / "none", tmp_path / "devices.json")


def test_a_policy_is_judged(tmp_path: Path) -> None:
    assert homelab.Tailnet.judge(POLICY, DEVICES).accepted
    failing = homelab.Tailnet.judge(POLICY.replace('"accept": ["tag:nas:443"]', '"accept": ["tag:nas:22"]'), DEVICES)
    assert not failing.accepted
    [failure] = failing.failures
    assert (failure.section, failure.index, failure.place.line) == ("tests", 0, 5)
    assert view.PolicyCheckView.from_json(failing.to_json()) == failing
    refused = homelab.Tailnet.judge("{ nonsense", DEVICES)
    assert not refused.accepted
    assert refused.place is not None
    with pytest.raises(homelab.Invalid):
        homelab.Tailnet.judge(POLICY, "[]")
    (tmp_path / "policy.hujson").write_text(POLICY)
    (tmp_path / "devices.json").write_text(DEVICES)
    judged = homelab.Tailnet.judge_files(tmp_path / "policy.hujson", tmp_path / "devices.json")
    assert judged.accepted
    with pytest.raises(homelab.NotFound):
        homelab.Tailnet.judge_files(tmp_path / "none", tmp_path / "devices.json")


def test_who_reaches_what_and_why() -> None:
    tailnet = homelab.Tailnet.from_texts(POLICY, DEVICES)
    who = tailnet.who_can_reach("nas:443")
    assert [person.login for person in who.people] == ["alice@example.com"]
    assert who.people[0].devices == ("phone",)
    assert who.people[0].by == (view.ByView(rule=0, through="autogroup:member"),)
    rule = who.rules[0]
    assert rule.place is not None
    assert (rule.section, rule.index, rule.place.line) == ("acls", 0, 4)
    assert who.carriers[0].kind == "itself"
    assert "\nalice@example.com from `phone`\n  as autogroup:member by policy.hujson:4:" in str(who)

    reachable = tailnet.reachable_from("phone")
    assert [there.device for there in reachable.reachable] == ["nas"]
    assert "nas (100.64.0.2)" in str(reachable)

    assert tailnet.explain("phone", "nas:443").allowed
    refused = tailnet.explain("alice@example.com", "nas:22")
    assert refused.allowed is False
    assert refused.misses[0].kind == "port"
    assert refused.misses[0].rule is not None
    assert "443" in str(refused)

    change = tailnet.diff(POLICY.replace("nas:443", "nas:22"))
    assert [gained.to for gained in change.gained] == [("nas",)]
    assert [lost.to for lost in change.lost] == [("nas",)]
    assert "22" in str(change)
    assert not tailnet.diff(POLICY).gained

    for answer in (who, reachable, refused, change):
        assert type(answer).from_json(answer.to_json()) == answer
        assert hash(type(answer).from_dict(answer.to_dict())) == hash(answer)
    assert who.to_dict()["people"][0]["by"] == [{"rule": 0, "as": "autogroup:member"}]
    with pytest.raises(homelab.NotFound):
        tailnet.who_can_reach("nowhere:1")
    with pytest.raises(homelab.Invalid, match=r"other\.hujson"):
        tailnet.diff("{ nonsense", name="other.hujson")
    with pytest.raises(homelab.NotFound):
        homelab._native.answer_text("Nothing", "{}")


LAB = {
    "instance.toml": """
[hosts.nas]
addresses = ["100.64.0.2"]
[projects.photos]
hosts = ["nas"]
[tailnet]
policy = "policy.hujson"
[[tailnet.devices]]
name = "nas"
addresses = ["100.64.0.2"]
tags = ["tag:nas"]
[[tailnet.devices]]
name = "phone"
addresses = ["100.64.0.1"]
user = "alice@example.com"
[people.alice]
login = "alice@example.com"
""",
    "policy.hujson": POLICY,
    "photos/compose.yaml": """
services:
  server: { image: photos, ports: ["100.64.0.2:443:2283"] }
  database: { image: postgres, ports: ["100.64.0.2:5432:5432"] }
""",
}


def test_who_reaches_a_service_of_a_lab() -> None:
    lab = homelab.Lab.from_texts("home", LAB)
    seen = homelab.Observed.none(datetime(2027, 1, 1, tzinfo=timezone.utc))
    reach = lab.who_can_reach("photos/server", seen)
    assert (reach.service, reach.reach) == ("nas:photos/server", homelab.Reach.TAILNET)
    [way] = reach.ways
    assert (way.kind, way.problem) == ("published_port", None)
    [answer] = way.answers
    assert answer.target == "100.64.0.2:443/tcp"
    assert [person.login for person in answer.people] == ["alice@example.com"]
    assert "as autogroup:member by policy.hujson:4:" in str(reach)
    service = lab.exposure("photos/server", seen).view()
    assert service.audience == ("alice@example.com",)
    assert view.ServiceView.from_json(service.to_json()) == service
    [shut] = lab.who_can_reach("database").ways
    assert [answer.people for answer in shut.answers] == [()]

    reachable = lab.reachable_from("phone", seen=seen)
    assert (reachable.who, reachable.devices) == ("phone", ("phone",))
    assert reachable.services == (
        view.ReachableServiceView(service="nas:photos/server", targets=("100.64.0.2:443/tcp",), conditions=()),
    )
    assert "nas:photos/server" in str(reachable)
    assert lab.reachable_from("nas").services == ()

    for record in (reach, reachable):
        assert type(record).from_json(record.to_json()) == record
        assert hash(type(record).from_dict(record.to_dict())) == hash(record)
    for ask in (lambda: lab.who_can_reach("photos/nothing"), lambda: lab.reachable_from("carl@example.com")):
        with pytest.raises(homelab.NotFound):
            ask()
    bare = homelab.Lab.from_texts("home", {"photos/compose.yaml": LAB["photos/compose.yaml"]})
    with pytest.raises(homelab.NotFound):
        bare.who_can_reach("photos/server")
    with pytest.raises(homelab.NotFound):
        bare.reachable_from("phone")


def test_a_portal_has_what_somebody_may_reach() -> None:
    lab = homelab.Lab.from_texts("home", LAB)
    seen = homelab.Observed.none(datetime(2027, 1, 1, tzinfo=timezone.utc))
    portal = lab.portal("alice", seen)
    assert (portal.who, portal.name, portal.devices) == ("alice@example.com", "alice", ("phone",))
    [photos] = portal.services
    assert (photos.service, photos.by, photos.sure) == ("nas:photos/server", homelab.Reach.TAILNET, True)
    assert photos.url == "https://nas/"
    assert photos.ways[0].target == "100.64.0.2:443/tcp"
    assert "photos server" in str(portal)

    why = lab.explain("alice", "photos/server", seen)
    assert (why.who, why.allowed, why.by) == ("alice@example.com", True, homelab.Reach.TAILNET)
    rule = why.ways[0].explanations[0].rules[0]
    assert rule.place is not None
    assert rule.place.file == "policy.hujson"
    shut = lab.explain("alice", "database", seen=seen)
    assert (shut.allowed, shut.by, shut.ways[0].allowed) == (False, None, False)
    assert "cannot reach it" in str(shut)

    for record in (portal, why, shut):
        assert type(record).from_json(record.to_json()) == record
        assert hash(type(record).from_dict(record.to_dict())) == hash(record)
    for ask in (lambda: lab.portal("carl@example.com"), lambda: lab.explain("alice", "nothing")):
        with pytest.raises(homelab.NotFound):
            ask()


def test_a_key_that_is_expired_lets_nobody_in() -> None:
    devices = json.loads(DEVICES)
    devices["devices"][1]["expires"] = "2027-01-31T00:00:00Z"
    tailnet = homelab.Tailnet.from_texts(POLICY, json.dumps(devices))
    before, after = (tailnet.at(datetime(2027, month, 1, tzinfo=timezone.utc)) for month in (1, 3))
    assert before.explain("phone", "nas:443").allowed
    assert not after.explain("phone", "nas:443").allowed
