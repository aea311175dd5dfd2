"""Mask tables: build them row by row or column by column, check them, read and write them as Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from segassets.errors import BadInput, MissingInput
from segassets.masks import rle
from segassets.masks.runs import check_counts
from segassets.masks.schemas import MASKS

_DEFAULTS: dict[str, Any] = {
    "track_id": 0,
    "parent_id": 0,
    "level": 2,
    "category_id": -1,
    "score": None,
    "stability": None,
    "predicted_iou": None,
}


class MaskRows:
    """Collects masks of one scene and turns them into a table of schema MASKS.

    Masks come as compressed counts; areas and boxes are computed here, in one batch per picture size. Masks without a
    pixel are left out and counted in `empty`: an absent object has no row.
    """

    def __init__(self, scene: str, first_mask_id: int = 1) -> None:
        self.scene = scene
        self.next_mask_id = first_mask_id
        self.empty = 0
        self._columns: dict[str, list] = {
            name: [] for name in MASKS.names if name not in ("area", "bbox_xywh")
        }

    def __len__(self) -> int:
        return len(self._columns["mask_id"])

    def add(
        self,
        *,
        frame: int,
        source_frame: int,
        height: int,
        width: int,
        rle_counts: str,
        source: str,
        **values: Any,
    ) -> int:
        """Add one mask and return its mask_id; `values` are further MASKS columns (track_id, level, score, ...)."""
        unknown = set(values) - set(_DEFAULTS) - {"mask_id"}
        if unknown:
            raise TypeError(f"unknown mask columns {sorted(unknown)}")
        mask_id = values.pop("mask_id", self.next_mask_id)
        self.next_mask_id = max(self.next_mask_id, mask_id + 1)
        row = dict(_DEFAULTS, **values)
        row.update(scene=self.scene, frame=frame, source_frame=source_frame, mask_id=mask_id)
        row.update(height=height, width=width, rle_counts=rle_counts, source=source)
        for name, column in self._columns.items():
            column.append(row[name])
        return mask_id

    def to_table(self) -> pa.Table:
        """The table so far, masks without a pixel left out."""
        columns: dict[str, Any] = dict(self._columns)
        columns["area"], columns["bbox_xywh"] = measure(
            columns["rle_counts"], np.array(columns["height"], int), np.array(columns["width"], int)
        )
        table = masks_table(columns)
        keep = np.asarray(columns["area"]) > 0
        self.empty = int((~keep).sum())
        return table if keep.all() else table.filter(pa.array(keep))


def measure(counts: Sequence[str], heights: np.ndarray, widths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas int64 (N,) and boxes float32 (N, 4), one call into pycocotools per picture size."""
    area, box = np.zeros(len(counts), np.int64), np.zeros((len(counts), 4), np.float32)
    for height, width, at in _by_size(heights, widths):
        texts = counts if len(at) == len(counts) else [counts[index] for index in at]
        area[at], box[at] = rle.areas_and_boxes(texts, height, width)
    return area, box


def _by_size(heights: np.ndarray, widths: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """(height, width, positions) of each size that occurs."""
    if not len(heights):
        return
    code = np.asarray(heights, np.int64) << 32 | np.asarray(widths, np.int64)
    sizes, group = np.unique(code, return_inverse=True)
    order = np.argsort(group, kind="stable")
    for size, at in zip(sizes, np.split(order, np.cumsum(np.bincount(group))[:-1]), strict=True):
        yield int(size >> 32), int(size & 0xFFFFFFFF), at


def masks_table(columns: dict[str, Any]) -> pa.Table:
    """A table of schema MASKS from columns; `bbox_xywh` may be a float array (N, 4)."""
    arrays = []
    for field in MASKS:
        values = columns[field.name]
        if field.name == "bbox_xywh":
            flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1), pa.float32())
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, 4).cast(field.type))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.Table.from_arrays(arrays, schema=MASKS)


def empty_masks() -> pa.Table:
    """A mask table without rows."""
    return MASKS.empty_table()


def boxes(table: pa.Table) -> np.ndarray:
    """The `bbox_xywh` column as float32 (N, 4)."""
    column = table.column("bbox_xywh").combine_chunks()
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(-1, 4)


def validate_masks(table: pa.Table, frames: pa.Table | None = None, where: str = "mask table") -> None:
    """Check a mask table, and against its frames when they are given.

    Raises:
        BadInput: columns differ from MASKS, a mask_id repeats or is below 1, an RLE does not fit its frame, an area
            or box contradicts its RLE, or a row names a frame that is not among the frames.
    """
    check_schema(table, MASKS, where)
    if table.num_rows == 0:
        return
    ids = table.column("mask_id").to_numpy()
    if ids.min() < 1 or len(np.unique(ids)) != len(ids):
        raise BadInput(
            f"{where}: expected unique mask_id from 1, found {len(ids) - len(np.unique(ids))} repeats"
        )
    heights, widths = table.column("height").to_numpy(), table.column("width").to_numpy()
    try:
        area = check_counts(table.column("rle_counts").to_pylist(), heights, widths)
    except BadInput as error:
        raise BadInput(f"{where}: {error} (positions are rows)") from None
    _refuse_rows(table, area != table.column("area").to_numpy(), "area equal to the RLE's pixels", where)
    _refuse_rows(table, area == 0, "at least one pixel (an absent object has no row)", where)
    x, y, w, h = boxes(table).T
    outside = (x < 0) | (y < 0) | (x + w > widths) | (y + h > heights)
    _refuse_rows(table, outside, "a box inside its frame", where)
    if frames is not None:
        _check_frames(table, frames, where)


def _check_frames(table: pa.Table, frames: pa.Table, where: str) -> None:
    known = {
        (frame, source_frame, height, width)
        for frame, source_frame, height, width in zip(
            *(frames.column(name).to_pylist() for name in ("frame", "source_frame", "height", "width")),
            strict=True,
        )
    }
    rows = zip(
        *(table.column(n).to_pylist() for n in ("frame", "source_frame", "height", "width")), strict=True
    )
    unknown = np.array([row not in known for row in rows])
    _refuse_rows(
        table, unknown, "a frame (index, source_frame, height, width) of the scene's frames table", where
    )


def _refuse_rows(table: pa.Table, wrong: np.ndarray, expected: str, where: str) -> None:
    if wrong.any():
        row = table.slice(int(np.argmax(wrong)), 1).drop_columns(["rle_counts"]).to_pylist()[0]
        raise BadInput(f"{where}: expected {expected}; {int(wrong.sum())} rows differ, the first is {row}")


def check_schema(table: pa.Table, schema: pa.Schema, where: str) -> None:
    """Raises BadInput naming the first column that differs from the schema in name, order or type."""
    expected = [(field.name, field.type) for field in schema]
    found = [(field.name, field.type) for field in table.schema]
    for want, have in zip(expected, found, strict=False):
        if want != have:
            raise BadInput(f"{where}: expected column {want[0]}: {want[1]}, found {have[0]}: {have[1]}")
    if len(expected) != len(found):
        raise BadInput(f"{where}: expected columns {[n for n, _ in expected]}, found {[n for n, _ in found]}")


def write_table(table: pa.Table, schema: pa.Schema, path: Path) -> None:
    """Write a table with its explicit schema; `path` lies in a staging folder that is published whole."""
    check_schema(table, schema, str(path))
    pq.write_table(table.cast(schema), path, compression="zstd")


def read_table(path: Path, schema: pa.Schema, columns: Iterable[str] | None = None) -> pa.Table:
    """Read a table and hold it to its schema.

    Raises:
        MissingInput: there is no such file.
        BadInput: the file is not Parquet or its columns differ from the schema.
    """
    if not Path(path).is_file():
        raise MissingInput(f"no table at {path}")
    try:
        table = pq.read_table(path, columns=list(columns) if columns else None)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: expected a Parquet table, found {error}") from error
    if columns is None:
        check_schema(table, schema, str(path))
        return table.cast(schema)
    return table
