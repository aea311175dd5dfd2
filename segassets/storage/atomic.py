"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segassets.errors import OutOfSpace

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def disk_errors(where: Path | str) -> Iterator[None]:
    """Turn a full disk (or quota) into OutOfSpace that names the place and the room left."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OutOfSpace(
            f"no space left while writing {where}; free some room or choose another output root, then run again: "
            "finished artifacts are kept and work in progress resumes"
        ) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, flush it to disk, rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    with disk_errors(path):
        try:
            with staging.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            staging.replace(path)
        finally:
            staging.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """write_bytes of UTF-8 text."""
    write_bytes(path, text.encode("utf-8"))


def publish_dir(staging: Path, target: Path) -> None:
    """Make `staging` the folder `target`; a folder already there is swapped out in one step, then removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        staging.rename(target)
        return
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    if _exchange(staging, target):
        shutil.rmtree(staging)
        return
    retired = staging.with_name(
        staging.name + ".old"
    )  # a file system without the swap: absent for an instant
    target.rename(retired)
    staging.rename(target)
    shutil.rmtree(retired)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two paths atomically (Linux renameat2); False where the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    return rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0
