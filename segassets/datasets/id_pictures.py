"""Pictures whose values are ids: gray and palette maps, and colours read as R << 16 | G << 8 | B (VideoCutLER)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from segassets.errors import BadInput
from segassets.media.pictures import label_mode, read_labels, read_picture

MAX_IDS = 128  # more are no instances: the picture is a photograph, or gray levels
_COLOUR = ("RGB", "RGBA")
_LOSSY = {".jpg", ".jpeg", ".webp"}


def read_ids(path: Path) -> tuple[np.ndarray, bool]:
    """The ids of a picture, int32 (H, W), 0 = background; and whether they are colours.

    Raises:
        MissingInput: there is no such file.
        BadInput: unreadable, of a lossy format, half transparent, or with more values than instances can be.
    """
    if path.suffix.lower() in _LOSSY:
        raise BadInput(
            f"{path}: expected a PNG of ids, found {path.suffix}, which does not keep values exactly"
        )
    mode = label_mode(path)
    colours = mode in _COLOUR
    if colours:
        if mode == "RGBA":
            _refuse_transparency(path)
        red, green, blue = read_picture(path).astype(np.int32).transpose(2, 0, 1)
        ids = red << 16 | green << 8 | blue
    else:
        ids = read_labels(path).astype(np.int32)
    _refuse_many(ids, path)
    return ids, colours


def _refuse_transparency(path: Path) -> None:
    with Image.open(path) as image:
        alpha = np.asarray(image.getchannel("A"))
    if (alpha != 255).any():
        raise BadInput(
            f"{path}: expected an opaque map of ids, found transparent pixels; their id is not known"
        )


def _refuse_many(ids: np.ndarray, path: Path) -> None:
    """Raises BadInput for more ids than MAX_IDS. A map has long runs of one value: few of them need sorting."""
    flat = ids.reshape(-1)
    values = flat[np.flatnonzero(np.diff(flat, prepend=flat[:1] - 1))]
    count = len(np.unique(values[values != 0]))
    if count > MAX_IDS:
        raise BadInput(
            f"{path}: expected a map of at most {MAX_IDS} ids, found {count} values; is it a photograph?"
        )
