"""Programs of other Python environments: started with a log, ended with all their children, however we are left."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

GRACE_S = 5.0  # between asking a program to end and ending it
_TAIL_LINES = 20
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_PRELOAD")  # ours, wrong in another environment


@contextmanager
def started(
    command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path | None = None
) -> Iterator[subprocess.Popen]:
    """A program, running; however the block is left, it and its children are gone afterwards.

    Args:
        log: gets the command and all the program prints.
        env: set for the program, over an environment without what belongs to ours alone.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _FOREIGN}
    with log.open("wb") as stream:
        stream.write(f"$ {' '.join(command)}\n".encode())
        stream.flush()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # open while we live: the program may end when it closes
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment | dict(env),
            cwd=cwd,
            start_new_session=True,  # a group of its own, to be ended with its children
        )
        try:
            yield process
        finally:
            _end(process)


def ending(log: Path) -> str:
    """The last lines of a log, as an error shows them."""
    lines = log.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    return f"Log {log} ends with:\n  " + "\n  ".join(lines)


def _end(process: subprocess.Popen) -> None:
    """Ask the program's group to end, then end it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
