"""Pictures where a reader wants them: linked where a link will do, written as JPEG where it wants JPEG."""

from __future__ import annotations

import errno
import io
import os
import shutil
from pathlib import Path
from typing import Literal

from PIL import Image

from segassets.errors import BadInput
from segassets.media.pictures import read_picture
from segassets.storage import atomic

Placing = Literal["auto", "hardlink", "symlink", "copy"]
_QUALITY = 95


def place(source: Path, target: Path, how: Placing) -> str:
    """Put a picture at `target`; returns how: hardlink, symlink or copy.

    Args:
        how: `auto` is a hard link, or a symbolic link to the absolute path on another file system.

    Raises:
        BadInput: a hard link was asked for and the two are on different file systems.
    """
    source = Path(os.path.realpath(source))
    target.parent.mkdir(parents=True, exist_ok=True)
    if how in ("auto", "hardlink"):
        try:
            target.hardlink_to(source)
            return "hardlink"
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            if how == "hardlink":
                raise BadInput(
                    f"cannot make a hard link from {source} to {target}: {error.strerror}; choose --pictures symlink "
                    "or copy"
                ) from error
    if how == "copy":
        shutil.copyfile(source, target)
        return "copy"
    target.symlink_to(source)
    return "symlink"


def write_jpeg(source: Path, target: Path) -> None:
    """Write a picture of any kind as JPEG (quality 95, no chroma subsampling).

    Raises:
        MissingInput, BadInput: the source is not there or cannot be read.
    """
    stream = io.BytesIO()
    Image.fromarray(read_picture(source)).save(stream, format="JPEG", quality=_QUALITY, subsampling=0)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic.disk_errors(target):
        target.write_bytes(stream.getvalue())


def is_jpeg(path: Path) -> bool:
    """Whether the file begins as JPEG files do, whatever its name."""
    with path.open("rb") as stream:
        return stream.read(3) == b"\xff\xd8\xff"
