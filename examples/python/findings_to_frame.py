"""Puts the findings into a data frame and counts them: `findings_to_frame.py LAB`. Needs pandas."""

from __future__ import annotations

import sys

import pandas as pd

import homelab


def main(folder: str) -> int:
    report = homelab.Lab.load(folder).audit(rules="+hardening")
    frame = pd.DataFrame([finding.to_dict() for finding in report])
    print(frame.groupby(["severity", "rule"]).size().to_string())
    services = pd.DataFrame([service.to_dict() for service in report.services])
    print(services.groupby("reach").size().to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
