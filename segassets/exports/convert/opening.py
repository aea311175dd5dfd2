"""Morphological opening of the masks of a COCO or COCO-video file: specks and thin bridges go.

Area and box are measured anew; a mask that vanishes is dropped and counted. Polygons become run lengths.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segassets.errors import BadConfig
from segassets.exports.convert.coco_file import CocoFile, read_coco, write_json
from segassets.masks import rle


@dataclass(frozen=True)
class Opened:
    """What an opening did.

    Attributes:
        kept, dropped: annotations.
        changed: kept ones that lost pixels.
        dropped_ids: ids of the dropped ones.
        dropped_by_category: their number by category name.
        images_emptied: pictures that had annotations and have none left.
    """

    kept: int = 0
    dropped: int = 0
    changed: int = 0
    dropped_ids: list[Any] = field(default_factory=list)
    dropped_by_category: dict[str, int] = field(default_factory=dict)
    images_emptied: int = 0


def open_masks(input_json: Path, output_json: Path, kernel_size: int = 3) -> Opened:
    """Write the file with every mask opened by a square of `kernel_size` pixels; all else stays as it is.

    Raises:
        BadConfig: a kernel of less than one pixel.
        BadInput, MissingInput: the file, or a mask in it, is not sound; names file and annotation.
    """
    if kernel_size < 1:
        raise BadConfig(f"kernel_size: expected a square of at least 1 pixel, found {kernel_size}")
    file = read_coco(input_json)
    opened: dict[Any, dict[str, Any]] = {}
    changed = 0
    for image in file.images.values():
        height, width = file.size_of(image)
        before = file.counts(image)
        after = [_open(text, height, width, kernel_size) for text in before]
        areas, boxes = rle.areas_and_boxes(after, height, width)
        changed += sum(was != now and area > 0 for was, now, area in zip(before, after, areas, strict=True))
        for item, text, area, box in zip(file.by_image[image["id"]], after, areas, boxes, strict=True):
            segmentation = {"size": [height, width], "counts": text}
            opened[item["id"]] = {
                "segmentation": segmentation,
                "area": int(area),
                "bbox": list(map(float, box)),
            }
    annotations = [{**item, **opened[item["id"]]} for item in file.document["annotations"]]
    write_json(
        output_json.expanduser().absolute(),
        {**file.document, "annotations": [item for item in annotations if item["area"] > 0]},
    )
    return _report(file, annotations, changed)


def _report(file: CocoFile, annotations: list[dict[str, Any]], changed: int) -> Opened:
    kept = [item for item in annotations if item["area"] > 0]
    dropped = [item for item in annotations if item["area"] == 0]
    return Opened(
        kept=len(kept),
        dropped=len(dropped),
        changed=changed,
        dropped_ids=[item["id"] for item in dropped],
        dropped_by_category=dict(Counter(file.categories[item["category_id"]] for item in dropped)),
        images_emptied=len({item["image_id"] for item in dropped} - {item["image_id"] for item in kept}),
    )


def _open(counts: str, height: int, width: int, kernel_size: int) -> str:
    """Counts of the opened mask; only its surroundings are worked on."""
    x, y, w, h = (int(side) for side in rle.boxes_xywh([counts], height, width)[0])
    if w == 0:
        return counts
    mask = rle.decode(counts, height, width)
    rows = slice(max(0, y - kernel_size), y + h + kernel_size)
    columns = slice(max(0, x - kernel_size), x + w + kernel_size)
    mask[rows, columns] = opening(mask[rows, columns], kernel_size)
    return rle.encode(mask)


def opening(mask: np.ndarray, kernel_size: int) -> np.ndarray:
    """A boolean mask opened by a square: the union of all squares that lie inside it.

    Beyond the picture's edge the mask is taken to go on, so that what touches the edge is not eaten away there. Never
    more than the mask itself, with an even size too, where OpenCV's own opening moves the mask by a pixel.
    """
    import cv2

    kernel = np.ones((kernel_size, kernel_size), np.uint8)
    before = (kernel_size // 2, kernel_size // 2)
    after = (kernel_size - 1 - before[0], kernel_size - 1 - before[1])
    eroded = cv2.erode(mask.astype(np.uint8), kernel, anchor=before)
    return cv2.dilate(eroded, kernel, anchor=after).astype(bool)
