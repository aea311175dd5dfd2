"""The coco export loaded by pycocotools, its masks compared with those that went in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from segassets.errors import BadInput
from segassets.exports.registry import export_scene, export_scenes
from segassets_tests.made_scene import FRAME_COUNT, SCENE, make_store, true_masks


def load(folder: Path) -> COCO:
    return COCO(str(folder / "annotations.json"))


def test_tracks(tmp_path: Path) -> None:
    record = export_scene(make_store(tmp_path), SCENE, "coco", tmp_path / "out")
    coco = load(tmp_path / "out")
    assert record["images"] == len(coco.imgs) == FRAME_COUNT
    assert record["annotations"] == len(coco.anns) == 12
    assert min(coco.imgs) == min(coco.anns) == 1
    assert [image["order_in_video"] for image in coco.loadImgs(sorted(coco.imgs))] == list(range(FRAME_COUNT))
    assert {image["video_id"] for image in coco.imgs.values()} == {1}
    assert coco.dataset["videos"] == [{"id": 1, "name": SCENE, "length": FRAME_COUNT}]
    for image in coco.imgs.values():
        [wanted] = [item for item in coco.imgToAnns[image["id"]] if item["track_id"] == 1]
        assert np.array_equal(coco.annToMask(wanted).astype(bool), true_masks(image["order_in_video"])[1])
        assert wanted["area"] == true_masks(image["order_in_video"])[1].sum()
        assert coco.cats[wanted["category_id"]]["name"] == "object"  # tracks carry no category


def test_annotations_keep_their_categories(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    export_scene(store, SCENE, "coco", tmp_path / "out", options={"asset": "coco_masks", "levels": [2]})
    coco = load(tmp_path / "out")
    assert {key: item["name"] for key, item in coco.cats.items()} == {0: "table", 3: "ball"}
    assert [item["category_id"] for item in coco.imgToAnns[1]] == [0, 3]


def test_scenes_share_one_file(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    export_scenes(store, [SCENE, SCENE], "coco", tmp_path / "out")
    assert len(load(tmp_path / "out").imgs) == FRAME_COUNT  # a scene named twice is one scene


def test_categories_that_contradict_are_refused(tmp_path: Path) -> None:
    from segassets.exports.source import categories_of

    class Source:
        def __init__(self, scene: str, categories: dict[int, str]) -> None:
            self.scene, self.categories = scene, categories

    with pytest.raises(BadInput, match="scene b: category 1 is 'dog', but 'cat'"):
        categories_of([Source("a", {1: "cat"}), Source("b", {1: "dog"})])


def test_json_is_plain(tmp_path: Path) -> None:
    export_scene(make_store(tmp_path), SCENE, "coco", tmp_path / "out", options={"file_name": "x.json"})
    document = json.loads((tmp_path / "out" / "x.json").read_text())
    assert isinstance(document["annotations"][0]["segmentation"]["counts"], str)
