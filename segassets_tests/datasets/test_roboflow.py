"""Roboflow's exports: splits, category 0 that is none, categories that change between splits."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segassets.datasets.layouts import make_layout
from segassets.errors import BadInput

from .made import checked_annotations, dataset, masks_by_frame, scene_of, write_json
from .made_json import make_roboflow


def edited(path, change):
    document = json.loads(path.read_text())
    change(document)
    write_json(path, document)


def test_splits_are_shards(tmp_path):
    truth = make_roboflow(tmp_path, {"train": 5, "valid": 1}, sizes_hw=((64, 80), (50, 40)))
    layout = make_layout(dataset(tmp_path, "roboflow", options={"shard_size": 3}))
    assert layout.scene_names() == ["train-shard-0000", "train-shard-0001", "valid-shard-0000"]
    pictures = []
    for name in layout.scene_names():
        scene = layout.load(name)
        assert scene.categories == {1: "door", 2: "wall"}  # category 0 is Roboflow's heading
        assert scene.extras["split"] == name.split("-")[0]
        found = checked_annotations(scene)
        assert found.excluded == {}
        assert set(found.table.column("track_id").to_pylist()) == {0}
        for frame, masks in masks_by_frame(found).items():
            pictures.append(scene.frames[frame].uri)
            for number, mask in enumerate(masks, 1):
                np.testing.assert_array_equal(mask, truth[scene.frames[frame].uri][0] == number)
    assert sorted(pictures) == sorted(truth)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["test-shard-0000", "train-shard-0000"]),
        ({"splits": ["train"]}, ["train-shard-0000"]),
        ({"splits": ["train"], "shard_size": 1}, ["train-plan_0_png.rf.00000000c0ffee"]),
    ],
)
def test_scene_names(tmp_path, options, names):
    make_roboflow(tmp_path, {"train": 1, "test": 1})
    assert make_layout(dataset(tmp_path, "roboflow", options=options)).scene_names() == names


def test_without_folders_of_splits(tmp_path):
    make_roboflow(tmp_path, {"": 2})
    assert len(scene_of(tmp_path, "roboflow").frames) == 2


def test_a_heading_that_is_used_is_a_category(tmp_path):
    make_roboflow(tmp_path, {"train": 1})
    path = tmp_path / "train/_annotations.coco.json"
    edited(path, lambda document: document["annotations"][0].update(category_id=0))
    assert scene_of(tmp_path, "roboflow").categories == {0: "rooms", 1: "door", 2: "wall"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["categories"][1].update(name="gate"),
            r"train.*category 1 is 'door', but 'gate' in .*test/_annotations",
        ),
        (lambda d: d["categories"][2].update(id=5), r"category 'wall' has id 2, but id 5 in"),
        (lambda d: d.update(images=[]), r"test/_annotations\.coco\.json: expected pictures"),
    ],
)
def test_splits_that_do_not_fit_each_other(tmp_path, change, message):
    make_roboflow(tmp_path, {"train": 1, "test": 1})
    edited(tmp_path / "test/_annotations.coco.json", change)
    with pytest.raises(BadInput, match=message):
        scene_of(tmp_path, "roboflow", "train-shard-0000")


def test_nothing_there(tmp_path):
    with pytest.raises(BadInput, match=r"expected '_annotations\.coco\.json' in .*option `file`"):
        scene_of(tmp_path, "roboflow")
