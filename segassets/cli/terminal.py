"""Progress of a run: one line per finished artifact, and a live line for the one being made."""

from __future__ import annotations

import sys
import threading
import time
from typing import TextIO

from segassets.runtime.timings import duration_text

_LIVE_EVERY_S = 0.2
_PLAIN_EVERY_S = 10.0


class Terminal:
    """Shows a run of `total` artifacts; on a terminal the last line is live, in a pipe it is repeated seldom.

    Args:
        prefix: stands before every line, to tell processes apart.
    """

    def __init__(self, total: int, stream: TextIO | None = None, prefix: str = "") -> None:
        self.total = total
        self.done = 0
        self._stream = stream or sys.stderr
        self._prefix = prefix
        self._is_live = self._stream.isatty()
        self._lock = threading.Lock()
        self._began = self._stage_began = time.monotonic()
        self._last_shown = time.monotonic()

    def heard(self, event: str, asset: str, scene: str) -> None:
        """An asset has started (for a batch of scenes) or waits, or a scene of it is made."""
        now = time.monotonic()
        if event == "made":
            self.done += 1
            took = duration_text(now - self._stage_began)
            self.say(f"[{self.done}/{self.total}] {asset:16} {scene}  {took}")
        if event == "waiting":
            self.say(
                f"{asset} waits for another run (its pool is full; segassets doctor shows what holds it)"
            )
        self._stage_began = now

    def progress(self, asset: str, scene: str, done: int, total: int, note: str) -> None:
        """How far a stage is: `done` of `total` frames."""
        now = time.monotonic()
        if now - self._last_shown < (_LIVE_EVERY_S if self._is_live else _PLAIN_EVERY_S):
            return
        self._last_shown = now
        drawn = f"{_bar(done, total)} " if self._is_live else ""
        text = f"        {asset:16} {scene}  {drawn}{done} of {total}{f', {note}' if note else ''}"
        with self._lock:
            self._clear()
            self._stream.write(self._prefix + text + ("" if self._is_live else "\n"))
            self._stream.flush()

    def say(self, text: str) -> None:
        """A line that stays."""
        with self._lock:
            self._clear()
            self._stream.write(f"{self._prefix}{text}\n")
            self._stream.flush()

    def close(self) -> None:
        """Remove the live line."""
        with self._lock:
            self._clear()
            self._stream.flush()

    def _clear(self) -> None:
        if self._is_live:
            self._stream.write("\r\x1b[2K")


def _bar(done: int, total: int, width: int = 20) -> str:
    """`[########............]`."""
    filled = round(width * min(max(done / total, 0.0), 1.0)) if total else 0
    return f"[{'#' * filled}{'.' * (width - filled)}]"
