"""Small datasets written to disk for the tests of layouts: pictures, label maps, videos, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segassets.datasets.annotations import Annotations, annotation_table
from segassets.datasets.config import DatasetConfig
from segassets.datasets.frames import frames_table
from segassets.datasets.layouts import make_layout
from segassets.datasets.scene import Scene
from segassets.masks import rle
from segassets.masks.table import validate_masks
from segassets.media.video import VideoWriter

HEIGHT, WIDTH = 24, 32
SQUARE = [4, 2, 14, 2, 14, 12, 4, 12]  # x 4..14, y 2..12


def shade(index: int, size_hw: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """A picture whose brightness tells its index."""
    return np.full((*size_hw, 3), 10 + 8 * index, np.uint8)


def index_of(rgb: np.ndarray) -> int:
    return round((float(rgb.mean()) - 10) / 8)


def write_pictures(folder: Path, names: Sequence[str], size_hw: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
    """Pictures in the given order; names may hold folders."""
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shade(index, size_hw)).save(path)


def write_video(path: Path, frames: int, size_hw: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
    with VideoWriter(path, fps=10, gop=5, crf=8) as writer:
        for index in range(frames):
            writer.write(shade(index, size_hw))


def write_json(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def coco(annotations: Sequence[Mapping[str, Any]], images: int = 2, **other: Any) -> dict[str, Any]:
    """A COCO document of `images` pictures 0.png, 1.png, ...; ids from 0 and a category 0."""
    return {
        "images": [
            {"id": at, "file_name": f"{at}.png", "height": HEIGHT, "width": WIDTH} for at in range(images)
        ],
        "annotations": [
            {"id": at, "image_id": 0, "category_id": 0, **item} for at, item in enumerate(annotations)
        ],
        "categories": [{"id": 0, "name": "box"}, {"id": 3, "name": "ball"}],
        **other,
    }


def dataset(root: Path | str, layout: str, **values: Any) -> DatasetConfig:
    return DatasetConfig(**{"name": "made", "layout": layout, "root": str(root), **values})


def scene_of(root: Path | str, layout: str, name: str | None = None, **values: Any) -> Scene:
    """One scene of a dataset: the named one, else the first."""
    layout_ = make_layout(dataset(root, layout, **values))
    return layout_.load(name if name is not None else layout_.chosen_names()[0])


def checked_annotations(scene: Scene) -> Annotations:
    """The scene's annotations, held to the schema and to its frames."""
    found = annotation_table(scene)
    validate_masks(found.table, frames_table(scene))
    return found


def masks_by_frame(annotations: Annotations) -> dict[int, list[np.ndarray]]:
    masks: dict[int, list[np.ndarray]] = {}
    for row in annotations.table.to_pylist():
        masks.setdefault(row["frame"], []).append(rle.decode(row["rle_counts"], row["height"], row["width"]))
    return masks
