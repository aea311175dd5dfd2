"""Progress of long stages, from where the work is done to whoever shows it, within one process.

A stage takes a `progress(done, total, note)` callable; an asset gives it `progress_for(asset, scene)`; the
command line listens. Without a listener nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int, str], None]
Listener = Callable[[str, str, int, int, str], None]

_listeners: list[Listener] = []


def progress_for(asset: str, scene: str) -> Progress:
    """The callable a stage reports to while it makes `asset` of `scene`: (done, total, note)."""

    def report(done: int, total: int, note: str = "") -> None:
        for listener in tuple(_listeners):
            listener(asset, scene, done, total, note)

    return report


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """While the block runs, `listener(asset, scene, done, total, note)` hears every report here."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
