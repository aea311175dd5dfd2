"""The run history: one JSON line per run, appended under a lock so that every line stays whole."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from segassets.storage.atomic import disk_errors


def append(path: Path, record: dict[str, Any]) -> None:
    """Add one record at the end; a line that a killed writer left unfinished is closed first."""
    line = (json.dumps(record, sort_keys=True, default=str) + "\n").encode("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            _write_whole(descriptor, line, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_whole(descriptor: int, data: bytes, size: int) -> None:
    """Write all of `data` or, where the disk is full, nothing of it."""
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def read(path: Path) -> list[dict[str, Any]]:
    """All whole records, oldest first; lines cut off by a kill are stepped over."""
    if not path.is_file():
        return []
    records = []
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records
