"""Pictures whose values are ids: gray and palette maps, and colours read as R << 16 | G << 8 | B (VideoCutLER)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from segassets.errors import BadInput
from segassets.masks.id_maps import IdRuns, id_runs
from segassets.media.pictures import label_mode, read_labels, read_picture

MAX_IDS = 128  # more are no instances: the picture is a photograph, or gray levels
_COLOUR = ("RGB", "RGBA")
_LOSSY = {".jpg", ".jpeg", ".webp"}


def read_ids(path: Path) -> tuple[np.ndarray, bool]:
    """The ids of a picture, integer (H, W), 0 = background; and whether they are colours.

    Raises:
        MissingInput: there is no such file.
        BadInput: unreadable, of a lossy format, or half transparent.
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
        return red << 16 | green << 8 | blue, True
    return read_labels(path), False


def read_id_runs(path: Path) -> tuple[IdRuns, bool]:
    """The runs of the ids of a picture, and whether they are colours.

    Raises:
        MissingInput: there is no such file.
        BadInput: as `read_ids`, or with more values than instances can be.
    """
    ids, colours = read_ids(path)
    runs = id_runs(ids)
    if len(runs.ids) > MAX_IDS:
        raise BadInput(
            f"{path}: expected a map of at most {MAX_IDS} ids, found {len(runs.ids)} values; is it a photograph?"
        )
    return runs, colours


def _refuse_transparency(path: Path) -> None:
    with Image.open(path) as image:
        alpha = np.asarray(image.getchannel("A"))
    if (alpha != 255).any():
        raise BadInput(
            f"{path}: expected an opaque map of ids, found transparent pixels; their id is not known"
        )
