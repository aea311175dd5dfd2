"""Annotation files of others, made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segassets.masks import rle

HEIGHT, WIDTH = 40, 60
SQUARE = [10.0, 5.0, 30.0, 5.0, 30.0, 25.0, 10.0, 25.0]  # 20 x 20 px at (10, 5)


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    """Random pixels; the suffix decides the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    Image.fromarray(rgb).save(path, quality=95)
    return path


def block(top: int, left: int, height: int, width: int) -> np.ndarray:
    """Boolean (HEIGHT, WIDTH), a filled rectangle."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def as_rle(mask: np.ndarray) -> dict[str, Any]:
    return {"size": list(mask.shape), "counts": rle.encode(mask)}


def annotation(number: int, image: int, segmentation: Any, category: int = 1, **more: Any) -> dict[str, Any]:
    """A COCO annotation; its area and box are wrong on purpose, converters must measure."""
    item = {"id": number, "image_id": image, "category_id": category, "segmentation": segmentation}
    return {**item, "area": 1, "bbox": [0, 0, 1, 1], "iscrowd": 0, **more}


def coco(
    images: list[dict], annotations: list[dict], categories: dict[int, str] | None = None
) -> dict[str, Any]:
    names = categories or {0: "floorplan", 1: "room", 2: "door"}
    listed = [{"id": key, "name": name, "supercategory": "none"} for key, name in names.items()]
    return {"info": {"year": "2026"}, "images": images, "annotations": annotations, "categories": listed}


def image(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH, **more}


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def roboflow(folder: Path, splits: tuple[str, ...] = ("train", "valid", "test")) -> Path:
    """Three pictures a split, as Roboflow names them: one JPEG with two masks, one PNG with one, one empty."""
    names = ["plan-1_jpg.rf.00ab12.jpg", "plan_2_png.rf.77ff00.png", "empty_jpg.rf.cc.jpg"]
    for at, split in enumerate(splits):
        for number, name in enumerate(names):
            picture(folder / split / name, seed=10 * at + number)
        annotations = [
            annotation(0, 0, [SQUARE]),
            annotation(1, 0, as_rle(block(30, 2, 6, 50)), category=2),
            annotation(2, 1, as_rle(block(0, 0, 40, 10))),
        ]
        document = coco([image(number, name) for number, name in enumerate(names)], annotations)
        write(folder / split / "_annotations.coco.json", document)
    return folder
