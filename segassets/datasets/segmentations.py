"""COCO segmentations to compressed counts, many at a time: polygons, compressed and uncompressed run lengths.

No mask is decoded. What comes from a file is checked here, in numpy, before pycocotools reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np
from pycocotools import _mask as coco

from segassets.datasets.scene import Exclusion
from segassets.errors import BadInput
from segassets.masks import rle
from segassets.masks.runs import check_counts

_BATCH = 64  # polygons rasterised at a time: their scratch memory stays in the processor's cache
_FAR_PX = 1e6  # pycocotools walks along every edge pixel by pixel: a stray 1e12 would take all memory


def to_counts(
    segmentations: Sequence[Any], where: Sequence[str], height: int, width: int
) -> tuple[list[str | None], list[Exclusion]]:
    """Compressed counts of segmentations of pictures of one size.

    Args:
        segmentations: each a list of polygons [x0, y0, ...], or {"size": [h, w], "counts": text or list}.
        where: names each segmentation in the exclusions, e.g. "annotation 12".

    Returns:
        Counts in order, None where nothing usable was given; and what was left out. A polygon that cannot be
        used is left out alone, the rest of its segmentation stays.
    """
    counts: list[str | None] = [None] * len(segmentations)
    excluded: list[Exclusion] = []
    polygons: list[tuple[int, list]] = []
    foreign: list[int] = []
    for index, segmentation in enumerate(segmentations):
        if isinstance(segmentation, list) and segmentation:
            polygons.append((index, segmentation))
        elif isinstance(segmentation, dict):
            text, problem = _counts_of(segmentation, height, width)
            counts[index] = text
            if problem:
                excluded.append(Exclusion("bad_rle", f"{where[index]}: {problem}"))
            elif isinstance(segmentation["counts"], str | bytes):
                foreign.append(index)
        else:
            excluded.append(Exclusion("no_segmentation", where[index]))
    for index, problem in _unsound([(index, counts[index] or "") for index in foreign], height, width):
        counts[index] = None
        excluded.append(Exclusion("bad_rle", f"{where[index]}: {problem}"))
    _rasterise(polygons, where, height, width, counts, excluded)
    return counts, excluded


def refuse_other_sizes(segmentations: Sequence[Any], where: Sequence[str], height: int, width: int) -> None:
    """Raises BadInput for the first run-length mask that says another size than its frame's; names it."""
    for segmentation, name in zip(segmentations, where, strict=True):
        size = segmentation.get("size") if isinstance(segmentation, dict) else None
        if isinstance(size, list | tuple) and list(size) != [height, width]:
            swapped = "; are height and width swapped?" if list(size) == [width, height] else ""
            raise BadInput(
                f"{name}: expected a mask of size [{height}, {width}] (height, width) like its frame, found "
                f"{list(size)}{swapped}"
            )


def _counts_of(segmentation: dict[str, Any], height: int, width: int) -> tuple[str | None, str]:
    """Compressed counts of an RLE (compressed ones still unchecked), or the reason why there are none."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list | tuple) or list(size) != [height, width]:
        return None, f"expected an RLE of size [{height}, {width}] like its picture, found {size}"
    if isinstance(counts, bytes):
        return counts.decode("ascii", "replace"), ""
    if isinstance(counts, str):
        return counts, ""
    if not isinstance(counts, list):
        return None, f"expected RLE counts as text or a list, found {type(counts).__name__}"
    if not all(type(run) is int and run >= 0 for run in counts) or sum(counts) != height * width:
        return None, f"expected runs that sum to {height * width} pixels, found a sum or a run that cannot be"
    encoded = coco.frUncompressedRLE([{"size": [height, width], "counts": counts}], height, width)
    return encoded[0]["counts"].decode("ascii"), ""


def _unsound(items: list[tuple[int, str]], height: int, width: int) -> list[tuple[int, str]]:
    """(index, reason) of the counts that do not describe a mask of this size."""
    if not items or not _problem([text for _, text in items], height, width):
        return []
    judged = [(index, _problem([text], height, width)) for index, text in items]
    return [(index, problem) for index, problem in judged if problem]


def _problem(texts: list[str], height: int, width: int) -> str:
    try:
        check_counts(texts, np.full(len(texts), height), np.full(len(texts), width))
    except BadInput as error:
        return str(error).removeprefix("mask 0: ")
    return ""


def _rasterise(
    items: list[tuple[int, list]],
    where: Sequence[str],
    height: int,
    width: int,
    counts: list[str | None],
    excluded: list[Exclusion],
) -> None:
    """Fills in the counts of segmentations given as polygons, the union of each one's parts."""
    parts: list[tuple[int, int, list]] = []  # owner, number within it, polygon
    for index, polygons in items:
        for number, polygon in enumerate(polygons):
            problem = _bad_points(polygon)
            if problem:
                excluded.append(Exclusion("bad_polygon", f"{where[index]}, polygon {number}: {problem}"))
            else:
                parts.append((index, number, polygon))
    several: dict[int, list[str]] = {}
    for first in range(0, len(parts), _BATCH):
        batch = parts[first : first + _BATCH]
        arrays = _arrays([polygon for _, _, polygon in batch])
        sound = [at for at, points in enumerate(arrays) if points is not None]
        masks = coco.frPoly([arrays[at] for at in sound], height, width)
        for at, mask in zip(sound, masks, strict=True):
            owner, text = batch[at][0], mask["counts"].decode("ascii")
            if counts[owner] is None:
                counts[owner] = text
            else:
                several.setdefault(owner, [counts[owner] or ""]).append(text)
        for at in set(range(len(batch))).difference(sound):
            owner, number, _ = batch[at]
            problem = f"expected finite coordinates within {_FAR_PX:g} pixels, found others"
            excluded.append(Exclusion("bad_polygon", f"{where[owner]}, polygon {number}: {problem}"))
    for owner, texts in several.items():
        counts[owner] = rle.union(texts, height, width)


def _bad_points(polygon: Any) -> str:
    if not isinstance(polygon, list):
        return f"expected a list of numbers, found {type(polygon).__name__}"
    if len(polygon) < 6 or len(polygon) % 2:
        return f"expected at least 3 points (6 numbers), found {len(polygon)} numbers"
    return ""


def _arrays(polygons: list[list]) -> list[np.ndarray | None]:
    """Polygons as float64, None for one that holds anything but finite numbers near the picture."""
    try:
        points = np.fromiter(chain.from_iterable(polygons), np.float64)
    except (TypeError, ValueError):  # not numbers: find out whose
        return [_array(polygon) for polygon in polygons]
    ends = list(accumulate(map(len, polygons)))
    arrays: list[np.ndarray | None] = [
        points[end - len(polygon) : end] for end, polygon in zip(ends, polygons, strict=True)
    ]
    if np.abs(points).max() <= _FAR_PX:  # false for not-a-number too
        return arrays
    return [_array(polygon) for polygon in polygons]


def _array(polygon: list) -> np.ndarray | None:
    try:
        points = np.array(polygon, np.float64)
    except (TypeError, ValueError):
        return None
    return points if points.ndim == 1 and np.abs(points).max() <= _FAR_PX else None
