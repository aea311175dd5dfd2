"""The table between judging and averaging: one row for each judged object (or category) on each judged frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa


def _field(name: str, kind: pa.DataType, doc: str, *, null: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=null, metadata={"doc": doc})


ITEMS = pa.schema(
    [
        _field("scene", pa.string(), "scene key"),
        _field("clip", pa.int32(), "clip of the scene, from 0"),
        _field("frame", pa.int32(), "index in the selection, from 0"),
        _field(
            "object_id", pa.int64(), "true track (negative: mask_id without a track), 0 = a whole category"
        ),
        _field("category_id", pa.int32(), "-1 = none"),
        _field("prompt", pa.string(), "what it was shown as: point | box | mask; several joined by +; none"),
        _field("prompted_here", pa.bool_(), "whether it was shown on this very frame"),
        _field("pixels", pa.int64(), "pixels of the frame"),
        _field("truth_area", pa.int64(), "pixels"),
        _field("iou", pa.float64(), "at the evaluation's threshold; null = not judged", null=True),
        _field("dice", pa.float64(), "at the evaluation's threshold; null = not judged", null=True),
        _field("mae", pa.float64(), "mean over pixels of |probability - truth|"),
        _field("f", pa.float64(), "F-measure of the boundaries; null = not measured", null=True),
        _field(
            "iou_first_mask", pa.float64(), "IoU of the object's first true mask, kept for ever", null=True
        ),
        _field("predicted_areas", pa.list_(pa.int64()), "foreground pixels at each threshold of the grid"),
        _field("hit_areas", pa.list_(pa.int64()), "truly foreground pixels among them"),
    ]
)


@dataclass(frozen=True)
class Items:
    """Columns of an ITEMS table as arrays.

    Attributes:
        scenes: names of the scenes; `scene` indexes them.
        image: number of the frame each row is of, unique over scenes.
        identity: number of the object (or category) in its clip each row is of, unique over scenes.
        predicted, hit: int64 (N, K).
    """

    table: pa.Table
    scenes: list[str]
    scene: np.ndarray
    image: np.ndarray
    identity: np.ndarray
    category: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    hit: np.ndarray

    def values(self, name: str) -> np.ndarray:
        """A column as float64 (N,), nan where null."""
        return self.table.column(name).to_numpy(zero_copy_only=False).astype(np.float64)

    def where(self, keep: np.ndarray) -> Items:
        """The rows where `keep` (N,) is true."""
        return items_of(self.table.filter(pa.array(keep)))


def items_of(table: pa.Table) -> Items:
    """The columns of an ITEMS table that averaging needs."""
    plain = {name: table.column(name).to_numpy(zero_copy_only=False) for name in _NUMBERED}
    scenes, scene = np.unique(plain["scene"].astype(str), return_inverse=True)
    return Items(
        table=table,
        scenes=scenes.tolist(),
        scene=scene,
        image=_numbered([scene, plain["frame"]]),
        identity=_numbered([scene, plain["clip"], plain["object_id"], plain["category_id"]]),
        category=plain["category_id"],
        truth=table.column("truth_area").to_numpy(),
        predicted=_matrix(table.column("predicted_areas")),
        hit=_matrix(table.column("hit_areas")),
    )


_NUMBERED = ("scene", "clip", "frame", "object_id", "category_id")


def _numbered(columns: Sequence[Any]) -> np.ndarray:
    """One number for each combination of values that occurs."""
    if not len(columns[0]):
        return np.zeros(0, np.int64)
    _, number = np.unique(
        np.stack([np.asarray(column, np.int64) for column in columns]), axis=1, return_inverse=True
    )
    return number.reshape(-1)


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    rows = len(column)
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(rows, -1).astype(np.int64) if rows else np.zeros((0, 0), np.int64)
