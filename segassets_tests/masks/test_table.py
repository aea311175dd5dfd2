"""Mask tables: what is built passes the check, what lies does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from segassets.errors import BadInput, MissingInput
from segassets.masks import rle
from segassets.masks.schemas import FRAMES, MASKS, METRICS, TRACKS
from segassets.masks.table import MaskRows, empty_masks, read_table, validate_masks, write_table


def _table(masks: list[np.ndarray], **values: object) -> pa.Table:
    rows = MaskRows("a.scene")
    for frame, mask in enumerate(masks):
        height, width = mask.shape
        rows.add(
            frame=frame, source_frame=frame, height=height, width=width,
            rle_counts=rle.encode(mask), source="candidate", **values,
        )  # fmt: skip
    return rows.to_table()


def _set(table: pa.Table, column: str, values: list) -> pa.Table:
    field = MASKS.field(column)
    return table.set_column(table.schema.get_field_index(column), field, pa.array(values, field.type))


@pytest.mark.parametrize(
    "masks",
    [
        pytest.param([], id="no rows"),
        pytest.param([np.ones((1, 1), bool)], id="one pixel"),
        pytest.param([np.ones((6, 4), bool)], id="full frame"),
        pytest.param([np.eye(5, dtype=bool), np.ones((3, 9), bool)], id="two picture sizes"),
    ],
)
def test_built_tables_are_valid_and_survive_the_disk(masks: list[np.ndarray], tmp_path: Path) -> None:
    table = _table(masks)
    validate_masks(table)
    write_table(table, MASKS, tmp_path / "masks.parquet")
    back = read_table(tmp_path / "masks.parquet", MASKS)
    assert back.equals(table)
    assert [np.array(row["area"]) for row in back.to_pylist()] == [mask.sum() for mask in masks]


def test_masks_without_a_pixel_leave_no_row_and_are_counted() -> None:
    rows = MaskRows("a")
    for mask in (np.zeros((4, 4), bool), np.ones((4, 4), bool)):
        rows.add(frame=0, source_frame=0, height=4, width=4, rle_counts=rle.encode(mask), source="track")
    assert rows.to_table().num_rows == 1
    assert rows.empty == 1


def test_an_unknown_column_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="colour"):
        MaskRows("a").add(
            frame=0, source_frame=0, height=1, width=1, rle_counts="01", source="x", colour=1
        )  # fmt: skip


TWO = _table([np.eye(5, dtype=bool), np.ones((5, 5), bool)])


@pytest.mark.parametrize(
    ("table", "says"),
    [
        pytest.param(_set(TWO, "mask_id", [1, 1]), "unique mask_id", id="id twice"),
        pytest.param(_set(TWO, "mask_id", [0, 1]), "unique mask_id from 1", id="id zero"),
        pytest.param(_set(TWO, "area", [5, 24]), "area equal", id="wrong area"),
        pytest.param(_set(TWO, "height", [5, 4]), "sum to 20", id="RLE of another size"),
        pytest.param(
            _set(TWO, "bbox_xywh", [[0, 0, 5, 5], [1, 0, 5, 5]]), "inside its frame", id="box outside"
        ),
        pytest.param(
            TWO.rename_columns(["x", *TWO.column_names[1:]]), "expected column scene", id="column name"
        ),
        pytest.param(TWO.drop_columns(["source"]), "expected columns", id="column missing"),
    ],
)
def test_lies_are_refused(table: pa.Table, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        validate_masks(table)


def test_rows_must_name_frames_of_the_scene() -> None:
    frame = {"scene": "a.scene", "frame": 0, "source_frame": 0, "uri": "0.png", "height": 5, "width": 5}
    frames = pa.Table.from_pylist([frame | {"annotated": True}], schema=FRAMES)
    validate_masks(TWO.slice(0, 1), frames)
    with pytest.raises(BadInput, match="frames table"):
        validate_masks(TWO, frames)


def test_files_that_are_not_tables(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no table"):
        read_table(tmp_path / "none.parquet", MASKS)
    (tmp_path / "text.parquet").write_text("not parquet")
    with pytest.raises(BadInput, match="Parquet"):
        read_table(tmp_path / "text.parquet", MASKS)
    write_table(empty_masks(), MASKS, tmp_path / "masks.parquet")
    with pytest.raises(BadInput, match="expected column"):
        read_table(tmp_path / "masks.parquet", TRACKS)


@pytest.mark.parametrize("schema", [FRAMES, MASKS, TRACKS, METRICS])
def test_every_column_is_documented(schema: pa.Schema) -> None:
    assert all((field.metadata or {}).get(b"doc") for field in schema)
