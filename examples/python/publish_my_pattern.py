"""Publishes the pattern of a lab, without the lab: `publish_my_pattern.py LAB TEMPLATE VALUES`.

TEMPLATE gets the files that can be shared, with slots in the place of the lab's values; VALUES, which is not to be
shared, what makes it this lab again. Nothing is written unless the proof holds: then it exits with 0, else with 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import homelab


def main(folder: str, template: str, values: str) -> int:
    lab = homelab.Lab.load(folder)
    with homelab.connect_sync(lab) as world:
        split = lab.split(world.observe(engines=False))
    for claim in split.proof.claims:
        print("holds:" if claim.holds else "FAILS:", claim.text)
        for failure in claim.failures:
            print("   ", failure)
    if not split.proof.holds:
        return 1
    Path(template).mkdir(parents=True, exist_ok=True)
    out = homelab.Lab.load(template)
    plan = split.prove().plan_export(out)
    with homelab.connect_sync(out) as world:
        plan.apply(world)
    kept = Path(values)
    kept.touch(mode=0o600)
    kept.write_text(split.values.to_private_json())
    print(f"{len(split.template)} files in {template}; the values are in {values}, for you alone")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
