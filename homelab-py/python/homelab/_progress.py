"""A bar on the terminal for work that takes long. Nothing is drawn for what is quick, nor where nobody looks."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Event, Lock, Thread
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
        # Held while something is written, so that a line does not come into the middle of the bar.
        self._lock: Lock | None = None
        self._drawn = False

    def __enter__(self) -> Self:
        if sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            import threading

            self._stop = threading.Event()
            self._lock = threading.Lock()
            self._thread = threading.Thread(target=self._draw, args=(self._stop, self._lock), daemon=True)
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
        elif event.kind == "progress":
            self._text = event.text

    def say(self, event: EventView) -> None:
        """Prints what happens as a line, above the bar. How far it is, is the bar's to say where there is one."""
        from ._terminal import say

        if self._lock is None:
            say(f"{event.text}\n")
        elif event.kind != "progress":
            with self._lock:
                self._erase()
                say(f"{event.text}\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stop is not None and self._thread is not None:
            self._stop.set()
            self._thread.join()

    def _draw(self, stop: Event, lock: Lock) -> None:
        if stop.wait(DELAY):
            return
        while True:
            full = WIDTH * self._done // self._total
            bar = "=" * full + ">" * (full < WIDTH) + " " * (WIDTH - full - 1)
            columns = _columns()
            line = f"[{bar}] {min(self._done + 1, self._total)}/{self._total} {self._text}"
            with lock:
                self._write(f"\r{line[: columns - 1]}\x1b[K")
                self._drawn = True
            if stop.wait(0.1):
                break
        with lock:
            self._erase()

    def _erase(self) -> None:
        if self._drawn:
            self._write("\r\x1b[K")
            self._drawn = False

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
