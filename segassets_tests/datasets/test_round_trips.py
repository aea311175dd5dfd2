"""What the exports and converters write is read back by the layouts: the same masks under the same identities."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.layouts import make_layout
from segassets.datasets.recognise import dataset_for_path
from segassets.exports.convert.sa1b import coco_to_sa1b
from segassets.exports.registry import export_scene
from segassets.masks import rle
from segassets_tests.made_scene import FRAME_COUNT, SCENE, make_store, true_masks

from .made import checked_annotations
from .made_json import make_roboflow


@pytest.mark.parametrize(
    ("format", "options", "layout"),
    [
        ("sav", {"level": 2}, "sav"),
        ("davis", {"layout": "per_object", "pictures": "write"}, "davis"),
        ("davis", {"pictures": "write"}, "davis"),
    ],
)
def test_tracks_come_back(tmp_path, format, options, layout):
    export_scene(make_store(tmp_path, jpeg=True), SCENE, format, tmp_path / "out", options=options)
    config = dataset_for_path(tmp_path / "out").model_copy(update={"follow_links": True})
    assert config.layout == layout
    found = make_layout(config)
    [name] = found.chosen_names()
    rows = checked_annotations(found.load(name)).table.to_pylist()
    assert {row["frame"] for row in rows} == set(range(FRAME_COUNT))
    truth = {frame: true_masks(frame) for frame in range(FRAME_COUNT)}
    first = [row for row in rows if row["track_id"] == 1]
    assert [row["frame"] for row in first] == list(range(FRAME_COUNT))
    for row in first:
        mask = rle.decode(row["rle_counts"], row["height"], row["width"])
        np.testing.assert_array_equal(mask, truth[row["frame"]][1])


def test_roboflow_as_sa1b_keeps_its_masks(tmp_path):
    maps = make_roboflow(tmp_path / "plans", {"train": 3, "valid": 2})
    coco_to_sa1b(tmp_path / "plans", tmp_path / "out")
    config = dataset_for_path(tmp_path / "out")
    layout = make_layout(config)
    assert (config.layout, layout.chosen_names()) == ("sa1b", ["train-shard-0000", "valid-shard-0000"])
    tables = [checked_annotations(layout.load(name)).table for name in layout.chosen_names()]
    areas = sorted(area for table in tables for area in table.column("area").to_pylist())
    assert areas == sorted(
        int((of_plan[0] == number).sum()) for of_plan in maps.values() for number in (1, 2)
    )
    assert {number for table in tables for number in table.column("category_id").to_pylist()} == {1, 2}
