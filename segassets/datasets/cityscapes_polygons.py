"""Polygons of Cityscapes as a map of instance ids: drawn in their order, so that later ones cover earlier ones."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from segassets.datasets.cityscapes_labels import (
    NOT_IN_PICTURES,
    PER_CLASS,
    THINGS,
    class_of_label,
)
from segassets.datasets.files import Root
from segassets.datasets.json_files import read_json, records
from segassets.errors import BadInput

_FAR_PX = 1e6


def map_of_polygons(root: Root, name: str, size_hw: tuple[int, int]) -> np.ndarray:
    """The map (H, W) int32 that instanceIds would hold: class x 1000 + number, the class alone for groups and stuff.

    Raises:
        MissingInput: there is no such file.
        BadInput: no such JSON, of another size, an unknown label, or a polygon that is none; names the object.
    """
    location = root.location(name)
    document = read_json(root, name)
    size = (document.get("imgHeight"), document.get("imgWidth"))
    if size != size_hw:
        raise BadInput(
            f"{location}: expected imgHeight, imgWidth {size_hw[0]} x {size_hw[1]} like the picture, found "
            f"{size[0]} x {size[1]}"
        )
    canvas = Image.new("I", (size_hw[1], size_hw[0]), 0)
    draw = ImageDraw.Draw(canvas)
    numbers: Counter[int] = Counter()
    for place, item in enumerate(records(document, "objects", location)):
        where = f"{location}: objects[{place}]"
        value = _value_of(item, numbers, where)
        if value is not None:
            draw.polygon(_points(item, where), fill=value)
    return np.asarray(canvas, np.int32)


def _value_of(item: dict[str, Any], numbers: Counter[int], where: str) -> int | None:
    """What to draw an object with; None for one that is deleted or never drawn."""
    label = str(item.get("label"))
    if item.get("deleted") or label.removesuffix("group") == NOT_IN_PICTURES:
        return None
    found = class_of_label(label)
    if found is None:
        raise BadInput(f"{where}: expected a label of Cityscapes, found {label!r}")
    number, group = found
    if group or number not in THINGS:
        return number
    numbers[number] += 1
    return number * PER_CLASS + numbers[number] - 1


def _points(item: dict[str, Any], where: str) -> list[tuple[float, float]]:
    try:
        points = [(float(x), float(y)) for x, y in item["polygon"]]
    except (KeyError, TypeError, ValueError):
        raise BadInput(
            f"{where}: expected a polygon of [x, y] points, found {item.get('polygon')!r:.80}"
        ) from None
    if len(points) < 3 or not all(math.isfinite(v) and abs(v) <= _FAR_PX for point in points for v in point):
        raise BadInput(f"{where}: expected at least 3 finite points near the picture, found {len(points)}")
    return points
