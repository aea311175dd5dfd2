"""Rows to a mask table: order, ids, areas and boxes, what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.annotations import annotation_table
from segassets.datasets.scene import PART_LEVEL, AnnotationRow, Exclusion, FrameRecord, Scene
from segassets.errors import BadInput
from segassets.masks import rle
from segassets.masks.schemas import MASKS

from .made import checked_annotations

H, W = 10, 12


def mask(kind: str) -> str:
    array = np.zeros((H, W), bool)
    if kind == "full":
        array[:] = True
    elif kind == "pixel":
        array[3, 4] = True
    elif kind == "box":
        array[2:5, 1:9] = True
    return rle.encode(array)


def scene_with(*items):
    frames = [FrameRecord(10 * at, f"{at}.png", H, W, annotated=True) for at in range(3)]
    return Scene("d.s", "d", "s", "/", frames, annotations=lambda: iter(items))


def test_rows():
    found = checked_annotations(
        scene_with(
            AnnotationRow(2, mask("full"), category_id=0, track_id=4),
            AnnotationRow(0, mask("pixel"), crowd=True),
            AnnotationRow(2, mask("box"), level=PART_LEVEL),
        )
    )
    rows = found.table.to_pylist()
    assert [row["frame"] for row in rows] == [0, 2, 2]
    assert [row["source_frame"] for row in rows] == [0, 20, 20]
    assert [row["mask_id"] for row in rows] == [1, 2, 3]
    assert [row["area"] for row in rows] == [1, H * W, 24]
    assert [row["bbox_xywh"] for row in rows] == [[4, 3, 1, 1], [0, 0, W, H], [1, 2, 8, 3]]
    assert [row["category_id"] for row in rows] == [-1, 0, -1]
    assert [row["track_id"] for row in rows] == [0, 4, 0]
    assert [row["level"] for row in rows] == [2, 2, 4]
    assert [row["source"] for row in rows] == ["annotation_crowd", "annotation", "annotation"]
    assert rows[0]["score"] is None


@pytest.mark.parametrize(
    "scene",
    [
        scene_with(),
        Scene("d.s", "d", "s", "/", [FrameRecord(0, "0.png", H, W)]),
        Scene("d.s", "d", "s", "/", []),
    ],
    ids=["nothing annotated", "no annotations", "no frames"],
)
def test_no_rows(scene):
    found = annotation_table(scene)
    assert found.table.schema.equals(MASKS) and found.table.num_rows == 0
    assert found.excluded == {} and found.notes == []


def test_empty_masks_are_left_out_and_ids_stay_dense():
    found = checked_annotations(
        scene_with(
            AnnotationRow(0, mask("box")),
            AnnotationRow(0, mask("empty"), where="annotation 7"),
            AnnotationRow(1, mask("pixel")),
            Exclusion("bad_polygon", "annotation 8"),
        )
    )
    assert found.table.column("mask_id").to_pylist() == [1, 2]
    assert found.excluded == {"empty_mask": 1, "bad_polygon": 1}
    assert set(found.notes) == {"empty_mask: annotation 7", "bad_polygon: annotation 8"}


def test_strict_raises_at_the_first():
    with pytest.raises(BadInput, match=r"scene d\.s: annotation 8: bad_polygon"):
        annotation_table(scene_with(Exclusion("bad_polygon", "annotation 8")), strict=True)


def test_own_ids_and_parents_are_kept():
    rows = (
        AnnotationRow(0, mask("box"), mask_id=5),
        AnnotationRow(0, mask("pixel"), mask_id=9, parent_id=5, level=PART_LEVEL),
    )
    table = checked_annotations(scene_with(*rows)).table
    assert table.column("mask_id").to_pylist() == [5, 9]
    assert table.column("parent_id").to_pylist() == [0, 5]


@pytest.mark.parametrize("ids", [(1, 1), (1, 0), (-1, 2)])
def test_ids_that_clash_are_refused(ids):
    rows = [AnnotationRow(0, mask("box"), mask_id=identity) for identity in ids]
    with pytest.raises(BadInput, match="unique annotation mask ids"):
        annotation_table(scene_with(*rows))


def test_many_exclusions_are_counted_and_a_few_named():
    found = annotation_table(scene_with(*[Exclusion("bad_rle", f"annotation {at}") for at in range(1000)]))
    assert found.excluded == {"bad_rle": 1000}
    assert len(found.notes) == 20
