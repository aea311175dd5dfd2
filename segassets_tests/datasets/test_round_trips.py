"""What the exports and converters write is read back by the layouts: the same masks under the same identities."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.layouts import make_layout
from segassets.datasets.recognise import dataset_for_path
from segassets.exports.registry import export_scene
from segassets.masks import rle
from segassets_tests.made_scene import FRAME_COUNT, SCENE, make_store, true_masks

from .made import checked_annotations


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
