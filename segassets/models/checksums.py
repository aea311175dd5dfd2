"""SHA-256 of weights: measured once while a file stays the same, recorded beside it, held to afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import re
from functools import lru_cache
from pathlib import Path

from segassets.errors import BadInput
from segassets.storage import atomic

SHA256 = r"^[0-9a-f]{64}$"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file (hex); read again only when its size or time changes."""
    status = path.stat()
    return _sha256(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def record_path(path: Path) -> Path:
    """`<file>.sha256`, as sha256sum writes and checks it."""
    return path.with_name(path.name + ".sha256")


def recorded_sha256(path: Path) -> str | None:
    """The checksum recorded beside a file."""
    try:
        text = record_path(path).read_text("utf-8").split()
    except (OSError, UnicodeDecodeError):
        return None
    return text[0] if text and re.match(SHA256, text[0]) else None


def record_sha256(path: Path, sha256: str) -> None:
    """Write the record; a cache that cannot be written to goes without."""
    with contextlib.suppress(OSError):
        atomic.write_text(record_path(path), f"{sha256}  {path.name}\n")


def check_sha256(path: Path, expected: str | None, name: str) -> str:
    """Hold a file to the checksum given for it, or to the one recorded when it was first seen; returns it.

    Args:
        expected: of the model's config; None when it gives none.
        name: of the model, for the error.

    Raises:
        BadInput: it has another one.
    """
    found = file_sha256(path)
    known = expected or recorded_sha256(path)
    if known is None:
        record_sha256(path, found)
        return found
    if found != known:
        where = (
            "given for the model" if expected else f"recorded in {record_path(path)} when it was first seen"
        )
        raise BadInput(
            f"model {name!r}: {path} has SHA-256 {found}, expected {known} ({where}); the file is damaged or another "
            f"one. Get it anew: segassets models fetch {name} --force"
        )
    return found
