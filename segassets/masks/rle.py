"""COCO run-length masks: encode, decode, measure and combine, always as compressed ASCII counts of a (height, width).

pycocotools does the work and trusts its input, so text from outside passes `segassets.masks.runs.check_counts` first.
Boxes are xywh, half-open. An empty mask has area 0 and box (0, 0, 0, 0).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import _mask as coco  # the C layer: the Python wrapper re-checks types mask by mask

from segassets.errors import BadInput

_CHUNK = 255  # pycocotools' area() overflows on longer lists with numpy 2


def _objects(counts: Sequence[str], height: int, width: int) -> list[dict]:
    return [{"size": [height, width], "counts": text.encode("ascii")} for text in counts]


def encode(mask: np.ndarray) -> str:
    """Counts of one boolean mask (H, W)."""
    return encode_batch(np.asarray(mask)[None])[0]


def encode_batch(masks: np.ndarray) -> list[str]:
    """Counts of boolean masks (N, H, W), in order."""
    masks = np.asarray(masks)
    if masks.ndim != 3:
        raise BadInput(f"expected masks of shape (N, height, width), found {masks.shape}")
    if len(masks) == 0:
        return []
    columns = np.asfortranarray(masks.transpose(1, 2, 0), dtype=np.uint8)
    return [item["counts"].decode("ascii") for item in coco.encode(columns)]


def encode_columns(masks: np.ndarray) -> list[str]:
    """Counts of uint8 masks given transposed, (N, W, H) in C order: RLE's own byte order, so nothing is copied."""
    if len(masks) == 0:
        return []
    return [item["counts"].decode("ascii") for item in coco.encode(masks.transpose(2, 1, 0))]


def encode_window(columns: np.ndarray, left: int, height: int, width: int) -> str:
    """Counts of a mask that is empty outside some of its columns, given transposed: bool (right - left, H).

    The work is that of the columns given, not of the frame.
    """
    flat, offset = columns.ravel(), left * height
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1 + offset
    ends: list[int] = [offset] if flat.size and flat[0] else []  # the pixel before is background
    after = [offset + flat.size] if flat.size and flat[-1] and offset + flat.size < height * width else []
    bounds = np.concatenate([[0], ends, changes, after, [height * width]]).astype(np.int64)
    runs = {"size": [height, width], "counts": np.diff(bounds).tolist()}
    return coco.frUncompressedRLE([runs], height, width)[0]["counts"].decode("ascii")


def decode(counts: str, height: int, width: int) -> np.ndarray:
    """Boolean mask (H, W) of counts already known to be sound."""
    return decode_batch([counts], height, width)[0]


def decode_batch(counts: Sequence[str], height: int, width: int) -> np.ndarray:
    """Boolean masks (N, H, W)."""
    if not counts:
        return np.zeros((0, height, width), bool)
    return coco.decode(_objects(counts, height, width)).transpose(2, 0, 1).astype(bool)


def areas(counts: Sequence[str], height: int, width: int) -> np.ndarray:
    """Pixels of each mask, int64 (N,)."""
    objects = _objects(counts, height, width)
    parts = [coco.area(objects[at : at + _CHUNK]) for at in range(0, len(objects), _CHUNK)]
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)


def boxes_xywh(counts: Sequence[str], height: int, width: int) -> np.ndarray:
    """Bounding boxes float32 (N, 4)."""
    if not counts:
        return np.zeros((0, 4), np.float32)
    return np.asarray(coco.toBbox(_objects(counts, height, width)), np.float32).reshape(-1, 4)


def areas_and_boxes(counts: Sequence[str], height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Areas int64 (N,) and boxes float32 (N, 4) in one go over long lists, a few masks in memory at a time."""
    area, box = np.zeros(len(counts), np.int64), np.zeros((len(counts), 4), np.float32)
    for at in range(0, len(counts), _CHUNK):
        objects = _objects(counts[at : at + _CHUNK], height, width)
        area[at : at + _CHUNK] = coco.area(objects)
        box[at : at + _CHUNK] = coco.toBbox(objects)
    return area, box


def iou_matrix(first: Sequence[str], second: Sequence[str], height: int, width: int) -> np.ndarray:
    """Intersection over union float64 (len(first), len(second)); two empty masks have IoU 0."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    crowd = np.zeros(len(second), np.uint8)
    values = coco.iou(_objects(first, height, width), _objects(second, height, width), crowd)
    return np.nan_to_num(np.asarray(values, np.float64).reshape(len(first), len(second)))


def iou_of_pairs(
    first: Sequence[str], second: Sequence[str], wanted: np.ndarray, height: int, width: int
) -> np.ndarray:
    """`iou_matrix` where only some pairs are wanted, bool (len(first), len(second)); 0 for the others."""
    if 2 * int(wanted.sum()) >= wanted.size:
        return np.where(wanted, iou_matrix(first, second, height, width), 0.0)
    values = np.zeros(wanted.shape)
    mine, theirs = _objects(first, height, width), _objects(second, height, width)
    crowd = np.zeros(1, np.uint8)
    for column, theirs_one in enumerate(theirs):
        rows = wanted[:, column].nonzero()[0]
        if len(rows):
            found = coco.iou([mine[row] for row in rows], [theirs_one], crowd)
            values[rows, column] = np.asarray(found, np.float64).reshape(-1)
    return np.nan_to_num(values)


def union(counts: Sequence[str], height: int, width: int) -> str:
    """Counts of the union; of the empty mask when there is nothing to unite."""
    if not counts:
        return encode(np.zeros((height, width), bool))
    return coco.merge(_objects(counts, height, width), False)["counts"].decode("ascii")


def intersection(counts: Sequence[str], height: int, width: int) -> str:
    """Counts of the intersection of one or more masks."""
    if not counts:
        raise BadInput("expected at least one mask to intersect, found none")
    return coco.merge(_objects(counts, height, width), True)["counts"].decode("ascii")


def from_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> str:
    """Counts of the union of polygons [x0, y0, x1, y1, ...] in pixels, rasterised as COCO does.

    Raises:
        BadInput: a polygon has fewer than three points, an odd count of numbers, or a number that is not finite.
    """
    for polygon in polygons:
        check_polygon(polygon)
    parts = coco.frPoly([list(map(float, polygon)) for polygon in polygons], height, width)
    return (parts[0] if len(parts) == 1 else coco.merge(parts, False))["counts"].decode("ascii")


def check_polygon(polygon: Sequence[float]) -> None:
    """Raises BadInput unless the polygon is at least three finite points."""
    if len(polygon) < 6 or len(polygon) % 2:
        raise BadInput(f"expected a polygon of at least 3 points (6 numbers), found {len(polygon)} numbers")
    if not np.isfinite(np.asarray(polygon, np.float64)).all():
        raise BadInput("expected finite polygon coordinates, found nan or infinity")
