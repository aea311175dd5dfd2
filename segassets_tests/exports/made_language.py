"""A small posed scene with masks of three levels, embeddings, codes and Gaussians, all made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from segassets.datasets.frames import FrameSource
from segassets.exports.langsplat_scene import LangsplatInputs
from segassets.geometry.gaussians import Gaussians
from segassets.learning.codec_network import LangSplatCodec
from segassets.masks import rle
from segassets.masks.schemas import FRAMES
from segassets.masks.table import masks_table, measure

SIZE_HW = (40, 60)
BOXES = ((2, 0, 4, 4, 24, 30), (4, 1, 6, 6, 12, 20), (6, 2, 7, 7, 4, 4), (2, 0, 30, 10, 20, 20))
"""Level, position of the parent + 1 (0 none), x, y, width, height."""


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def box_mask(x: int, y: int, width: int, height: int, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    mask = np.zeros(size_hw, bool)
    mask[y : y + height, x : x + width] = True
    return mask


def make_frames(
    root: Path, count: int = 3, *, posed: bool = True, uri: str = "p_{}.png", **other: Any
) -> FrameSource:
    """Gray pictures in `root`, cameras in a row where posed."""
    rows = []
    for frame in range(count):
        path = root / uri.format(frame)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE_HW, 3), 20 + 30 * frame, np.uint8)).save(path)
        pose = np.eye(4)
        pose[0, 3] = frame
        row = dict.fromkeys(FRAMES.names) | {"scene": "made.one", "frame": frame, "source_frame": 10 * frame}
        row |= {"uri": uri.format(frame), "height": SIZE_HW[0], "width": SIZE_HW[1], "annotated": False}
        row |= {"fx_px": 50.0, "fy_px": 50.0, "cx_px": 30.0, "cy_px": 20.0}
        row |= {"camera_to_world": pose.reshape(-1).tolist() if posed else None, **other}
        rows.append(row)
    return FrameSource(pa.Table.from_pylist(rows, schema=FRAMES), str(root))


def make_masks(
    frames: list[int], boxes: tuple[tuple[int, ...], ...] = BOXES, *, tracked: bool = True
) -> pa.Table:
    """The same boxes on every frame."""
    counts, columns = [], {name: [] for name in ("frame", "track_id", "parent_id", "level")}
    for frame in frames:
        for at, (level, parent, *box) in enumerate(boxes):
            counts.append(rle.encode(box_mask(*box)))
            values = (frame, at + 1 if tracked else 0, frame * len(boxes) + parent if parent else 0, level)
            for name, value in zip(columns, values, strict=True):
                columns[name].append(value)
    total = len(counts)
    heights, widths = np.full(total, SIZE_HW[0]), np.full(total, SIZE_HW[1])
    area, bbox = measure(counts, heights, widths)
    empty = pa.nulls(total, pa.float32())
    return masks_table(
        {
            "scene": ["made.one"] * total,
            "source_frame": [10 * frame for frame in columns["frame"]],
            "mask_id": list(range(1, total + 1)),
            "category_id": [-1] * total,
            **columns,
            **dict.fromkeys(("score", "stability", "predicted_iou"), empty),
            "area": area,
            "bbox_xywh": bbox,
            "height": heights,
            "width": widths,
            "rle_counts": counts,
            "source": ["track"] * total,
        }
    )


def make_gaussians(object_ids: list[int], seed: int = 0) -> Gaussians:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=(len(object_ids), *shape)).astype(np.float32)

    quaternion = unit(draw(4))
    return Gaussians(draw(3), draw(3), draw(), draw(3) - 3, quaternion, np.array(object_ids, np.int64))


def make_inputs(root: Path, frames: int = 3, *, posed: bool = True, dim: int = 512) -> LangsplatInputs:
    masks = make_masks(list(range(frames)), tracked=posed)
    rng = np.random.default_rng(1)
    objects = [1, 2, 4, 0, 4] if posed else [1, 2, 3, 4, 0]
    gaussians = {
        -1 if posed else frame: make_gaussians([n + 4 * frame * (n > 0) for n in objects], frame)
        for frame in range(1 if posed else frames)
    }
    weights = {name: value.numpy() for name, value in LangSplatCodec().state_dict().items()}
    return LangsplatInputs(
        "one",
        make_frames(root, frames, posed=posed),
        masks,
        unit(rng.normal(size=(masks.num_rows, dim))),
        unit(rng.normal(size=(masks.num_rows, 3))),
        weights,
        gaussians,
        posed,
        None,
    )
