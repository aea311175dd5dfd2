"""Run lengths of a label map, several classes in one: {"size": [h, w], "values": [v, ...], "counts": [n, ...]}.

Floorplan SAM2's form. The map is read column by column (as COCO's run lengths are); run i has the value `values[i]` for
`counts[i]` pixels, across the ends of columns. The first run is the first pixel's value, whichever that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from pycocotools import _mask as coco

from segassets.errors import BadInput

_MAX_PIXELS = 1 << 31  # a size that cannot be meant: refuse it before it takes all memory


def encode_labels(labels: np.ndarray) -> dict[str, Any]:
    """The runs of a label map (H, W) of integers.

    Raises:
        BadInput: not a map of at least one pixel, or not integers.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.size == 0:
        raise BadInput(f"expected a label map of shape (height, width), found {labels.shape}")
    if labels.dtype != bool and not np.issubdtype(labels.dtype, np.integer):
        raise BadInput(f"expected a label map of integers, found {labels.dtype}")
    flat = labels.flatten(order="F").astype(np.int64)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    counts = np.diff(np.append(starts, flat.size))
    height, width = labels.shape
    return {"size": [height, width], "values": flat[starts].tolist(), "counts": counts.tolist()}


def check_labels(runs: Mapping[str, Any], where: str = "multi-class RLE") -> tuple[int, int]:
    """(height, width) of sound runs.

    Raises:
        BadInput: a key is missing, values and counts differ in length, a run is not positive, two neighbours have one
            value, or the counts do not sum to height x width; names `where` and the run.
    """
    height, width = _size(runs, where)
    values, counts = _integers(runs, "values", where), _integers(runs, "counts", where)
    if len(values) != len(counts):
        raise BadInput(
            f"{where}: expected as many values as counts, found {len(values)} values and {len(counts)} counts"
        )
    if (counts < 1).any():
        at = int(np.argmax(counts < 1))
        raise BadInput(f"{where}: expected runs of at least 1 pixel, found {counts[at]} at counts[{at}]")
    same = np.flatnonzero(values[1:] == values[:-1])
    if len(same):
        at = int(same[0])
        raise BadInput(
            f"{where}: expected neighbouring runs of different values, found value {values[at]} at values[{at}] and "
            f"values[{at + 1}]; join the two runs"
        )
    total = sum(counts.tolist())  # Python's integers do not overflow
    if total != height * width:
        raise BadInput(
            f"{where}: expected counts that sum to {height * width} ({height} x {width} pixels), found {total}"
        )
    return height, width


def decode_labels(runs: Mapping[str, Any], where: str = "multi-class RLE") -> np.ndarray:
    """The label map (H, W): uint8 where the values allow it, else int64.

    Raises:
        BadInput: as `check_labels`.
    """
    height, width = check_labels(runs, where)
    values = np.asarray(runs["values"], np.int64)
    if values.min() >= 0 and values.max() <= 255:
        values = values.astype(np.uint8)
    return np.ascontiguousarray(np.repeat(values, runs["counts"]).reshape(width, height).T)


def masks_of_labels(runs: Mapping[str, Any], where: str = "multi-class RLE") -> dict[int, str]:
    """Compressed COCO counts of each value's pixels, without decoding; the background is a value as any other.

    Raises:
        BadInput: as `check_labels`.
    """
    height, width = check_labels(runs, where)
    values, counts = np.asarray(runs["values"], np.int64), np.asarray(runs["counts"], np.int64)
    ends = np.cumsum(counts)
    return {
        int(value): _binary(
            ends[values == value] - counts[values == value], ends[values == value], height, width
        )
        for value in np.unique(values)
    }


def _binary(starts: np.ndarray, ends: np.ndarray, height: int, width: int) -> str:
    """COCO counts of foreground runs [start, end) over the column-major pixels."""
    edges = np.stack([starts, ends], axis=1).reshape(-1)
    runs = np.diff(np.concatenate([[0], edges, [height * width]]))
    if runs[-1] == 0:
        runs = runs[:-1]
    encoded = coco.frUncompressedRLE([{"size": [height, width], "counts": runs.tolist()}], height, width)
    return encoded[0]["counts"].decode("ascii")


def _size(runs: Mapping[str, Any], where: str) -> tuple[int, int]:
    if not isinstance(runs, Mapping) or not {"size", "values", "counts"} <= set(runs):
        found = ", ".join(map(str, runs)) if isinstance(runs, Mapping) else type(runs).__name__
        raise BadInput(f"{where}: expected the keys size, values and counts, found {found or 'none'}")
    size = runs["size"]
    sound = isinstance(size, list | tuple) and len(size) == 2 and all(map(_is_integer, size))
    if not sound or min(size) < 1 or size[0] * size[1] > _MAX_PIXELS:
        raise BadInput(f"{where}: expected a size [height, width] in pixels, found {size}")
    return int(size[0]), int(size[1])


def _integers(runs: Mapping[str, Any], name: str, where: str) -> np.ndarray:
    items = runs[name]
    if not isinstance(items, list | tuple) or not items or not all(map(_is_integer, items)):
        raise BadInput(f"{where}: expected a list of integers under '{name}', found {str(items)[:60]}")
    if max(map(abs, items)) > _MAX_PIXELS:
        raise BadInput(f"{where}: expected {name} of at most {_MAX_PIXELS}, found {max(map(abs, items))}")
    return np.array(items, np.int64)


def _is_integer(item: Any) -> bool:
    return isinstance(item, Integral) and not isinstance(item, bool)
