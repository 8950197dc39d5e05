"""Proves that one dataset restores, the one that has waited longest: `drill_of_the_month.py LAB`.

From each repository that holds it, it is restored for a while and compared with what is here. Run it once a month, and
all data has its turn. Exits with 0 when it was proven, 1 when it was not, 2 when there is nothing to drill.
"""

from __future__ import annotations

import sys

import homelab
from homelab.view import VerdictView


def last_drill(verdict: VerdictView) -> str:
    """Returns when it was last proven from the copy that waits longest: never comes before any date."""
    return min(copy.last_drill or "" for copy in verdict.held if copy.snapshot)


def main(folder: str) -> int:
    lab = homelab.Lab.load(folder)
    with homelab.connect_sync(lab) as world:
        seen = world.observe(engines=False)
        held = [one for one in lab.survival(seen).view().datasets if any(copy.snapshot for copy in one.held)]
        if not held:
            print("no repository is known to hold anything: `homelab backup run`")
            return 2
        dataset = min(held, key=last_drill).dataset
        try:
            lab.plan_drill(dataset, seen).apply(world)
            passed = True
        except homelab.Damaged as error:
            print(f"{dataset} does NOT restore: {error}", file=sys.stderr)
            passed = False
        for repository in world.observe(engines=False).backups or []:
            for drill in repository.drills:
                if drill.dataset == dataset and drill.at > str(seen.at.isoformat()):
                    print(f"{dataset} from {repository.repository}: {drill.proof}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
