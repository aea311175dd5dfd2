"""Cityscapes: ids and polygons give the same masks, groups are crowds, regions on request; bad values are named."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from segassets.datasets.layouts import make_layout
from segassets.errors import BadInput
from segassets.media.pictures import write_png

from .made import checked_annotations, dataset, masks_by_frame, scene_of, write_pictures
from .made_shapes import SIZE_HW
from .made_streets import make_cityscapes

IDS = "gtFine/val/ulm/ulm_000000_000000_gtFine_instanceIds.png"
POLYGONS = "gtFine/val/ulm/ulm_000000_000000_gtFine_polygons.json"
VALUES = [33, 24000, 26000, 26001]


@pytest.mark.parametrize("labels", ["instances", "polygons"])
def test_masks_are_what_was_drawn(tmp_path, labels):
    truth = make_cityscapes(tmp_path)
    scene = scene_of(tmp_path, "cityscapes", options={"labels": labels})
    found = checked_annotations(scene)
    for masks, values in zip(masks_by_frame(found).values(), truth.values(), strict=True):
        for value, mask in zip(VALUES, masks, strict=True):
            np.testing.assert_array_equal(mask, values == value)
    first = found.table.slice(0, 4)
    assert first.column("category_id").to_pylist() == [33, 24, 26, 26]
    assert first.column("source").to_pylist() == ["annotation_crowd", *["annotation"] * 3]
    assert (scene.categories[26], 0 in scene.categories) == ("car", False)


def test_regions_on_request(tmp_path):
    make_cityscapes(tmp_path)
    found = checked_annotations(scene_of(tmp_path, "cityscapes", options={"regions": True})).table
    assert found.column("category_id").to_pylist()[:2] == [7, 33]
    assert found.column("source").to_pylist()[0] == "annotation_crowd"


def test_scenes_and_pictures_without_annotations(tmp_path):
    make_cityscapes(tmp_path, 3, ids=False)
    write_pictures(tmp_path / "leftImg8bit/test/bonn", ["bonn_000000_000001_leftImg8bit.png"])
    layout = make_layout(dataset(tmp_path, "cityscapes", options={"shard_size": 2}))
    assert layout.scene_names() == ["test-bonn-shard-0000", "val-ulm-shard-0000", "val-ulm-shard-0001"]
    assert [frame.annotated for frame in layout.load("test-bonn-shard-0000").frames] == [False]
    assert len(checked_annotations(layout.load("val-ulm-shard-0001")).table) == 4
    single = make_layout(dataset(tmp_path, "cityscapes", options={"shard_size": 1}))
    assert single.scene_names()[1] == "val-ulm-ulm_000000_000000"


def test_cameras(tmp_path):
    make_cityscapes(tmp_path)
    file = tmp_path / "camera/val/ulm/ulm_000000_000000_camera.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"intrinsic": {"fx": 80, "fy": 81, "u0": 39.5, "v0": 31.5}}))
    one, other = scene_of(tmp_path, "cityscapes").frames
    assert (one.fx_px, one.fy_px, one.cx_px, one.cy_px, other.fx_px) == (80, 81, 40, 32, None)
    file.write_text(json.dumps({"intrinsic": {"fx": 80}}))
    with pytest.raises(BadInput, match="expected intrinsic with fx, fy, u0, v0"):
        scene_of(tmp_path, "cityscapes")


@pytest.mark.parametrize(
    ("labels", "areas"),
    [
        (np.zeros(SIZE_HW), []),
        (np.full(SIZE_HW, 26000), [SIZE_HW[0] * SIZE_HW[1]]),
        (np.where(np.arange(SIZE_HW[0] * SIZE_HW[1]).reshape(SIZE_HW) == 77, 33999, 7), [1]),
    ],
    ids=["empty", "full frame", "one pixel"],
)
def test_edge_maps(tmp_path, labels, areas):
    make_cityscapes(tmp_path, 1)
    write_png(tmp_path / IDS, labels.astype(np.uint16))
    assert checked_annotations(scene_of(tmp_path, "cityscapes")).table.column("area").to_pylist() == areas


def change(root, **values):
    document = json.loads((root / POLYGONS).read_text())
    (root / POLYGONS).write_text(json.dumps({**document, **values}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"imgHeight": 9}, r"expected imgHeight, imgWidth 64 x 80 .*found 9 x 80"),
        ({"objects": [{"label": "ufo", "polygon": []}]}, r"objects\[0\]: expected a label .*'ufo'"),
        ({"objects": [{"label": "car"}]}, r"objects\[0\]: expected a polygon"),
        ({"objects": [{"label": "car", "polygon": [[0, 0], [1, 1]]}]}, r"at least 3 finite points"),
        (
            {"objects": [{"label": "car", "polygon": [[0, 0], [1, 1], [1e30, 0]]}]},
            r"at least 3 finite points",
        ),
    ],
)
def test_polygons_that_cannot_be(tmp_path, values, message):
    make_cityscapes(tmp_path, 1, ids=False)
    change(tmp_path, **values)
    with pytest.raises(BadInput, match=message):
        checked_annotations(scene_of(tmp_path, "cityscapes"))


def test_deleted_polygons_and_license_plates_are_not_drawn(tmp_path):
    make_cityscapes(tmp_path, 1, ids=False)
    square = [[0, 0], [9, 0], [9, 9], [0, 9]]
    objects = [
        {"label": "car", "polygon": square, "deleted": 1},
        {"label": "license plate", "polygon": square},
    ]
    change(tmp_path, objects=objects)
    assert len(checked_annotations(scene_of(tmp_path, "cityscapes")).table) == 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(SIZE_HW, 99), r"expected classes 0 to 33.*found 99"),
        (np.full(SIZE_HW, 60001), r"found 60001"),
        (np.ones((9, 9)), r"expected ids of 64 x 80 .*found 9 x 9"),
    ],
)
def test_ids_that_cannot_be(tmp_path, labels, message):
    make_cityscapes(tmp_path, 1)
    write_png(tmp_path / IDS, labels.astype(np.uint16))
    with pytest.raises(BadInput, match=message):
        checked_annotations(scene_of(tmp_path, "cityscapes"))
    Image.fromarray(np.zeros((*SIZE_HW, 3), np.uint8)).save(tmp_path / IDS)
    with pytest.raises(BadInput, match="palette or gray"):
        checked_annotations(scene_of(tmp_path, "cityscapes"))
