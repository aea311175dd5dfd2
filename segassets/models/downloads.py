"""One file over HTTP: with progress, resumed where it broke off, checked before it takes its name.

While it comes the file is `<name>.part`, beside `<name>.part.json` that says of which file the part is. A process that
is killed leaves both; the next one goes on from there when the server still has the same file (If-Range).
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from segassets.errors import BadInput, MissingInput, OutOfSpace
from segassets.models.checksums import file_sha256
from segassets.storage import atomic
from segassets.storage.lock import exclusive

_BLOCK = 1 << 18
_TIMEOUT_S = 30.0
_ATTEMPTS = 5  # in a row without a byte
_LOCK_WAIT_S = 3600.0
_BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


@dataclass
class _Part:
    """Which file a part is of; a part of another one is of no use."""

    url: str
    validator: str | None = None  # a strong ETag, or the time of the last change
    total: int | None = None


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    headers: Mapping[str, str] | None = None,
    pause_s: float = 1.0,
) -> Path:
    """Get a file; does nothing where it is already.

    Args:
        sha256: what the file must have (hex).
        headers: sent to the first server only, not to those it redirects to.
        pause_s: wait after the first broken connection; doubled each time.

    Raises:
        MissingInput: not reachable, or there is no such file; what was got so far is kept.
        BadInput: the file has another checksum; nothing is left.
        OutOfSpace: the disk cannot take it.
    """
    if not url.startswith(("http://", "https://")):
        raise BadInput(f"expected an http or https address, found {url!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(_beside(target, ".lock"), f"the download of {target.name}", wait_s=_LOCK_WAIT_S):
        if target.is_file():
            return target
        with atomic.disk_errors(target):
            resumed = _complete(url, target, dict(headers or {}), pause_s)
            if resumed and sha256 and file_sha256(_beside(target, ".part")) != sha256:
                _forget(target)  # the beginning may have been of another file
                _complete(url, target, dict(headers or {}), pause_s)
        part = _beside(target, ".part")
        found = file_sha256(part)
        if sha256 and found != sha256:
            _forget(target)
            raise BadInput(
                f"{without_secrets(url)}: expected a file of SHA-256 {sha256}, found {found}; it was not kept. "
                "Is the address right, or does a proxy answer in its place?"
            )
        part.replace(target)
        _forget(target)
    return target


def without_secrets(url: str) -> str:
    """An address as it may be shown: no user, password or query, which may hold a key."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path, "", "")) + ("?..." if parts.query else "")


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(target.name + suffix)


def _forget(target: Path) -> None:
    for suffix in (".part", ".part.json"):
        _beside(target, suffix).unlink(missing_ok=True)


def _complete(url: str, target: Path, headers: dict[str, str], pause_s: float) -> bool:
    """Bring the part to its full length, over broken connections; True when an earlier process began it."""
    part = _beside(target, ".part")
    known = _read_state(target)
    if known is None or known.url != url or not part.is_file():
        _forget(target)
        known = _Part(url)
    first = size = _size(part)
    failures = 0
    while True:
        try:
            _fetch(known, target, headers)
            return first > 0
        except urllib.error.HTTPError as error:
            if error.code == 416:  # the file has become shorter than the part
                _forget(target)
                known.total = known.validator = None
            elif error.code < 500 and error.code not in (408, 429):
                raise MissingInput(
                    f"{without_secrets(url)}: the server answers {error.code} {error.reason}; is the address right?"
                ) from error
            broken: Exception = error
        except _BROKEN as error:
            broken = error
        now = _size(part)
        failures = 0 if now > size else failures + 1
        size = now
        if failures >= (_ATTEMPTS if size else 2) or _is_offline(broken):
            raise MissingInput(
                f"{without_secrets(url)}: could not be downloaded ({type(broken).__name__}: {broken}); "
                f"{f'{size} bytes are kept in {part}: run again to go on' if size else 'is there a network?'}"
            ) from broken
        time.sleep(pause_s * 2**failures)


def _is_offline(error: Exception) -> bool:
    """Errors that another attempt will not mend: no such host, nobody listens."""
    import socket

    reason = getattr(error, "reason", error)
    return isinstance(reason, (socket.gaierror, ConnectionRefusedError))


def _fetch(known: _Part, target: Path, headers: dict[str, str]) -> None:
    """One request; writes what comes to the end of the part, or over it when the server begins anew."""
    part = _beside(target, ".part")
    have = _size(part)
    if known.total is not None and have == known.total:
        return
    request = urllib.request.Request(
        known.url, headers={"User-Agent": "segassets", "Accept-Encoding": "identity"}
    )
    for name, value in headers.items():
        request.add_unredirected_header(name, value)
    if have and known.validator:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known.validator)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        goes_on = answer.status == 206 and _start_of(answer) == have
        known.validator = _validator(answer)
        known.total = _total(answer, have if goes_on else 0)
        _write_state(target, known)
        have = have if goes_on else 0
        _check_space(target, (known.total or 0) - have)
        _copy(answer, part, have, known.total, target.name)
    if known.total is not None and _size(part) < known.total:
        raise http.client.IncompleteRead(b"", known.total - _size(part))


def _copy(answer: Any, part: Path, have: int, total: int | None, name: str) -> None:
    from tqdm import tqdm

    bar = tqdm(
        total=total,
        initial=have,
        desc=name,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        mininterval=0.2 if sys.stderr.isatty() else 10.0,
    )
    with bar, part.open("r+b" if have else "wb") as stream:
        stream.seek(have)
        stream.truncate()
        while block := answer.read(_BLOCK):
            stream.write(block)
            stream.flush()
            bar.update(len(block))
        os.fsync(stream.fileno())


def _start_of(answer: Any) -> int:
    """First byte of a partial answer (`Content-Range: bytes 100-199/200`); -1 when it does not say."""
    text = answer.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    return int(text) if text.isdigit() else -1


def _total(answer: Any, start: int) -> int | None:
    length = answer.headers.get("Content-Length")
    return start + int(length) if length and length.isdigit() else None


def _validator(answer: Any) -> str | None:
    """What tells the file from a later one of the same address; a weak ETag does not."""
    etag = answer.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified")


def _check_space(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise OutOfSpace(
            f"{target.name} needs {needed} more bytes in {target.parent}, {free} are free; free some room or name "
            "another place: SEGASSETS_CACHE"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read_state(target: Path) -> _Part | None:
    try:
        return _Part(**json.loads(_beside(target, ".part.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_state(target: Path, known: _Part) -> None:
    atomic.write_text(_beside(target, ".part.json"), json.dumps(asdict(known)))
