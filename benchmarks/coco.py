"""COCO annotations to a mask table, against decoding every mask into dense arrays, and against pycocotools alone."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from benchmarks.measure import Figure, interleaved, seconds

PICTURES, POLYGONS, HEIGHT, WIDTH = 5000, 7, 480, 640
DENSE_PICTURES = 200
REPEATS = 3


def generate(root: Path, pictures: int = PICTURES) -> dict[str, Any]:
    """Pictures and their instances json, as a COCO dataset lies on disk; returns the document."""
    from PIL import Image

    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "images" / "blank.jpg")
    images, annotations = [], []
    for index in range(pictures):
        name = f"{index:012d}.jpg"
        (root / "images" / name).hardlink_to(root / "images" / "blank.jpg")
        images.append({"id": index + 1, "file_name": name, "height": HEIGHT, "width": WIDTH})
        for _ in range(POLYGONS):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": int(rng.integers(1, 81)),
                    "segmentation": [_blob(rng)],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": f"category {number}"} for number in range(1, 81)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (root / "instances.json").write_text(json.dumps(document))
    return document


def _blob(rng: np.random.Generator) -> list[float]:
    """A star-shaped polygon of 24 to 40 corners, as annotators draw."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(24, 41))))
    radius = rng.uniform(20, 110) * rng.uniform(0.7, 1.3, len(angles))
    x = np.clip(rng.uniform(60, WIDTH - 60) + radius * np.cos(angles), 0, WIDTH - 1)
    y = np.clip(rng.uniform(60, HEIGHT - 60) + radius * np.sin(angles), 0, HEIGHT - 1)
    return np.stack([x, y], 1).round(2).reshape(-1).tolist()


def ours(root: Path) -> tuple[float, int]:
    """Seconds and bytes from the json on disk to mask tables on disk, scene by scene."""
    from segassets.datasets.annotations import annotation_table
    from segassets.datasets.config import DatasetConfig
    from segassets.datasets.layouts import make_layout
    from segassets.masks.schemas import MASKS
    from segassets.masks.table import validate_masks, write_table

    out = root / "tables"
    out.mkdir(exist_ok=True)
    options = {"annotations": "instances.json", "pictures": "images", "shard_size": 500}
    config = DatasetConfig(name="bench", layout="coco", root=str(root), options=options)

    def convert() -> None:
        layout = make_layout(config)
        for name in layout.scene_names():
            table = annotation_table(layout.load(name)).table
            validate_masks(table)
            write_table(table, MASKS, out / f"{name}.parquet")

    os.utime(root / "instances.json")  # a file that changed is parsed again
    spent = seconds(convert)
    return spent, sum(path.stat().st_size for path in out.iterdir())


def document_way(root: Path) -> tuple[float, float]:
    """Seconds and bytes of dense arrays for all pictures, measured on some and extrapolated."""
    import contextlib
    import io

    size = 0
    with contextlib.redirect_stdout(io.StringIO()):
        began: list[COCO] = []
        load = seconds(lambda: began.append(COCO(str(root / "instances.json"))))
    api = began[0]

    def convert() -> None:
        nonlocal size
        for identity in sorted(api.imgs)[:DENSE_PICTURES]:
            masks = np.stack([api.annToMask(item) for item in api.imgToAnns[identity]])
            path = root / f"masks_{identity:012d}.npy"
            np.save(path, masks)
            size += path.stat().st_size
            path.unlink()

    scale = PICTURES / DENSE_PICTURES
    return load + seconds(convert) * scale, size * scale


def pycocotools_alone(document: dict[str, Any]) -> float:
    """Seconds to rasterise all polygons, already in memory, to RLE."""

    def convert() -> None:
        for annotation in document["annotations"]:
            coco_mask.merge(coco_mask.frPyObjects(annotation["segmentation"], HEIGHT, WIDTH))

    return seconds(convert)


def run(names: list[str]) -> list[Figure]:
    """The figures asked for."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        document = generate(root)
        stored = ours(root)[1]
        dense = document_way(root)[1]
        mine, theirs, limit = interleaved(
            [lambda: ours(root)[0], lambda: document_way(root)[0], lambda: pycocotools_alone(document)],
            REPEATS,
        )
    figures = [
        Figure("coco_masks_time", theirs / mine, "x faster", 50, note=f"{mine:.2f} s against {theirs:.0f} s"),
        Figure(
            "coco_masks_bytes", stored / dense, "of the dense bytes", 1 / 500, at_most=True,
            note=f"{stored / 1e6:.1f} MB against {dense / 1e9:.1f} GB",
        ),
        Figure(
            "coco_masks_limit", mine / limit, "x pycocotools' time", 2, at_most=True,
            note=f"{mine:.2f} s against {limit:.2f} s",
        ),
    ]  # fmt: skip
    return [figure for figure in figures if figure.name in names]
