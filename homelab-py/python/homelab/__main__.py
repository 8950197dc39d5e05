"""The command `homelab`, and `python -m homelab`."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command of this process's arguments, and returns its exit code."""
    from ._cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
