"""Writes last night's audit as a page, beside its data: `nightly_audit.py LAB PAGE.html`.

For a timer: `0 4 * * * nightly_audit.py ~/lab ~/public/lab.html`. Exits with 1 when something weighs as an error.
"""

from __future__ import annotations

import sys
from pathlib import Path

import homelab


def main(folder: str, page: str) -> int:
    lab = homelab.Lab.load(folder)
    with homelab.connect_sync(lab) as world:
        report = lab.audit(world.observe())
    report.to_html(page)
    report.to_json(Path(page).with_suffix(".json"))
    print(f"{len(report)} findings, the worst: {report.worst or 'none'}; see {page}")
    return report.exit_code("error")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
