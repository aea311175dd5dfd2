"""One writer per scene and asset: a file lock that the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segassets.errors import Busy


@contextmanager
def exclusive(path: Path, what: str, wait_s: float = 0.0, poll_s: float = 0.2) -> Iterator[None]:
    """Hold the lock file at `path` while the block runs.

    Args:
        what: named in the error, e.g. "sam2_tracks of scene a.b".
        wait_s: seconds to wait for another holder before giving up.

    Raises:
        Busy: another process still holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        _acquire(stream, what, time.monotonic() + wait_s, poll_s)
        stream.seek(0)
        stream.truncate()
        stream.write(str(os.getpid()))
        stream.flush()
        yield


def _acquire(stream, what: str, deadline: float, poll_s: float) -> None:
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                stream.seek(0)
                holder = stream.read().strip() or "unknown"
                raise Busy(
                    f"{what} is being made by process {holder}; wait for it to finish, or stop it, and run again"
                ) from None
            time.sleep(poll_s)
