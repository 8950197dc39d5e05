"""Asks whether anything is public without an exception: `anything_public.py LAB`. Exits with 1 when something is."""

from __future__ import annotations

import sys

import homelab
from homelab import Reach


def main(folder: str) -> int:
    lab = homelab.Lab.load(folder)
    unexcused = {finding.service for finding in lab.audit(rules="access.public-without-exception")}
    public = [exposure for exposure in lab.exposures() if exposure.reach is Reach.INTERNET]
    for exposure in public:
        print(f"{exposure.id}: {'no exception' if exposure.id in unexcused else 'as agreed'}")
        print(f"  {exposure.paths[0].label} ({exposure.file}:{exposure.line})")
    if not public:
        print("nothing is public")
    return 1 if any(exposure.id in unexcused for exposure in public) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
