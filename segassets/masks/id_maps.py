"""Maps of ids, a number a pixel, and their masks as run lengths: all ids in one pass over the pixels."""

from __future__ import annotations

import numpy as np
from pycocotools import _mask as coco

from segassets.errors import BadInput


def encode_ids(ids: np.ndarray) -> dict[int, str]:
    """Compressed COCO counts of each id's pixels, by id in ascending order; 0 is background.

    Args:
        ids: integer (H, W).

    Raises:
        BadInput: not a map of integers.
    """
    ids = np.asarray(ids)
    if ids.ndim != 2 or ids.size == 0 or not np.issubdtype(ids.dtype, np.integer):
        raise BadInput(f"expected a map (height, width) of integers, found {ids.dtype} {ids.shape}")
    flat = ids.T.reshape(-1)
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    edges = np.stack([starts, np.append(starts[1:], flat.size)], axis=1)
    values = flat[starts]
    order = np.argsort(values, kind="stable")
    found, first = np.unique(values[order], return_index=True)
    groups = zip(found.tolist(), np.split(order, first[1:]), strict=True)
    return {value: _counts(edges[at], *ids.shape) for value, at in groups if value != 0}


def _counts(edges: np.ndarray, height: int, width: int) -> str:
    """COCO counts of runs [start, end) int64 (R, 2) over the column-major pixels."""
    runs = np.diff(np.concatenate([[0], edges.reshape(-1), [height * width]]))
    if runs[-1] == 0:
        runs = runs[:-1]
    encoded = coco.frUncompressedRLE([{"size": [height, width], "counts": runs.tolist()}], height, width)
    return encoded[0]["counts"].decode("ascii")
