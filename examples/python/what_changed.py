"""Says what changed since last night: `what_changed.py LAB LAST.json`.

LAST.json is the report of the last run, and is replaced by this one's. A finding is the same as long as its
fingerprint is, whatever lines were added above it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import homelab
from homelab.view import ReportView


def main(folder: str, last: str) -> int:
    report = homelab.Lab.load(folder).audit()
    file = Path(last)
    before = ReportView.from_json(file.read_text()) if file.exists() else None
    report.to_json(file)
    if before is None:
        print("nothing to compare with yet")
        return 0
    known = {finding.fingerprint for finding in before.findings}
    now = {finding.fingerprint for finding in report}
    for finding in report:
        if finding.fingerprint not in known:
            print(f"new: {finding}")
    for gone in before.findings:
        if gone.fingerprint not in now:
            print(f"gone: {gone.rule}: {gone.message}")
    reach = {(service.project, service.name): service.reach for service in before.services}
    for service in report.services:
        was = reach.get((service.project, service.name))
        if was is not None and was != service.reach:
            print(f"{service.project}/{service.name}: reached from {was} before, from {service.reach} now")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
