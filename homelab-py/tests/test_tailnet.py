"""The tailnet: its policy in force over devices."""

from __future__ import annotations

import json
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


def test_a_policy_is_judged() -> None:
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
