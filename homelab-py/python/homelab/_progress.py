"""A bar on the terminal for work that takes long. Nothing is drawn for what is quick, nor where nobody looks."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Event, Thread
    from types import TracebackType

    from typing_extensions import Self

    from .view import EventView

# Who waits less long than this wonders about nothing.
DELAY = 0.3
WIDTH = 24


class Progress:
    """Draws on standard error which of so many steps is being done, as long as it is entered.

    Only on a terminal that can erase a line again; what it drew is gone afterwards.
    """

    def __init__(self, total: int) -> None:
        self._total = max(total, 1)
        self._done = 0
        self._text = ""
        self._stop: Event | None = None
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        if sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            import threading

            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._draw, args=(self._stop,), daemon=True)
            self._thread.start()
        return self

    def step(self, text: str) -> None:
        """Says what is being done now; what was, is done."""
        if self._text:
            self._done = min(self._done + 1, self._total)
        self._text = text

    def event(self, event: EventView) -> None:
        """Takes what happens while a plan is applied."""
        if event.kind == "step_started":
            self.step(event.text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stop is not None and self._thread is not None:
            self._stop.set()
            self._thread.join()

    def _draw(self, stop: Event) -> None:
        if stop.wait(DELAY):
            return
        while True:
            full = WIDTH * self._done // self._total
            bar = "=" * full + ">" * (full < WIDTH) + " " * (WIDTH - full - 1)
            columns = _columns()
            line = f"[{bar}] {min(self._done + 1, self._total)}/{self._total} {self._text}"
            self._write(f"\r{line[: columns - 1]}\x1b[K")
            if stop.wait(0.1):
                break
        self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            # The terminal is gone; the work is not.
            pass


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
