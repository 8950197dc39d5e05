"""Backs a lab up, then tells Uptime Kuma: `backup_and_ping.py LAB URL`, for cron or a timer.

URL is that of a push monitor, `https://kuma.example/api/push/TOKEN`. A run that left something out, or failed, is told
as down, with why; one that never happens is what the monitor notices by itself. Exits with 0 when all was copied and
told, 1 when not all was copied, 2 when nobody could be told.
"""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import homelab


def back_up(folder: str) -> tuple[bool, str]:
    lab = homelab.Lab.load(folder)
    with homelab.connect_sync(lab) as world:
        try:
            plan = lab.plan_backup("*", world.observe(engines=False))
            print(plan)
            # What could not be read raises too: a copy that lacks something is none to rely on.
            plan.apply(world, progress=lambda event: print(event.text))
        except homelab.Error as error:
            return False, f"{error.kind}: {error.message}"
    return True, f"{len(plan)} copies made"


def tell(url: str, done: bool, message: str, milliseconds: int) -> bool:
    state = "up" if done else "down"
    query = urllib.parse.urlencode({"status": state, "msg": message[:200], "ping": milliseconds})
    try:
        with urllib.request.urlopen(f"{url}?{query}", timeout=30) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError) as error:
        # Not the address: its token is a secret.
        print(f"Uptime Kuma was not told: {error}", file=sys.stderr)
        return False


def main(folder: str, url: str) -> int:
    began = time.monotonic()
    done, message = back_up(folder)
    print(message)
    told = tell(url, done, message, int((time.monotonic() - began) * 1000))
    return 1 if not done else 0 if told else 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
