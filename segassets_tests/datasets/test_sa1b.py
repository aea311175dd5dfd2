"""SA-1B folders: masks are what was drawn, scores are kept; a file that does not fit its picture is named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from segassets.datasets.annotations import annotation_table
from segassets.datasets.layouts import make_layout
from segassets.errors import BadInput
from segassets.masks import rle

from .made import checked_annotations, dataset, masks_by_frame, scene_of, write_json, write_pictures
from .made_json import make_sa1b, rle_of
from .made_shapes import SIZE_HW


def note(root, change, name="sa_2"):
    document = json.loads((root / f"{name}.json").read_text())
    change(document)
    write_json(root / f"{name}.json", document)


def test_masks_are_what_was_drawn(tmp_path):
    truth = make_sa1b(tmp_path, 3)
    (tmp_path / "sa_3.json").unlink()  # a picture of the test set
    scene = scene_of(tmp_path, "sa1b")
    assert [frame.annotated for frame in scene.frames] == [True, True, False]
    found = checked_annotations(scene)
    for frame, masks in masks_by_frame(found).items():
        for number, mask in enumerate(masks, 1):
            np.testing.assert_array_equal(mask, truth[f"sa_{frame + 1}"][0] == number)
    row = found.table.to_pylist()[0]
    assert (row["category_id"], row["track_id"]) == (-1, 0)
    assert (row["predicted_iou"], row["stability"]) == (pytest.approx(0.9), pytest.approx(0.95))


def test_folders_and_shards(tmp_path):
    make_sa1b(tmp_path / "train", 3)
    make_sa1b(tmp_path / "valid", 1, first=9)
    write_pictures(tmp_path, ["loose.png"])
    layout = make_layout(dataset(tmp_path, "sa1b", options={"shard_size": 2}))
    assert layout.scene_names() == ["shard-0000", "train-shard-0000", "train-shard-0001", "valid-shard-0000"]
    assert len(layout.load("train-shard-0001").frames) == 1
    single = make_layout(dataset(tmp_path, "sa1b", options={"shard_size": 1}))
    assert single.scene_names()[-1] == "valid-sa_9"


def test_annotations_elsewhere_and_named_as_sam2_names_them(tmp_path):
    make_sa1b(tmp_path / "img", 1)
    (tmp_path / "img/sa_1.jpg").rename(tmp_path / "img/sa_1.rf.0123.jpg")
    (tmp_path / "gt/img").mkdir(parents=True)
    (tmp_path / "img/sa_1.json").rename(tmp_path / "gt/img/sa_1.json")
    found = checked_annotations(scene_of(tmp_path, "sa1b", options={"annotations": "gt"}))
    assert found.table.num_rows == 3


@pytest.mark.parametrize(
    ("mask", "rows"),
    [(np.zeros(SIZE_HW, bool), []), (np.ones(SIZE_HW, bool), [64 * 80])],
    ids=["empty", "full frame"],
)
def test_edge_masks(tmp_path, mask, rows):
    make_sa1b(tmp_path, 2)
    annotation = {"id": 1, "segmentation": rle_of(mask), "category_id": 4}
    note(tmp_path, lambda document: document.update(annotations=[annotation]))
    found = checked_annotations(scene_of(tmp_path, "sa1b", options={"categories": {4: "wall"}}, frames="1:"))
    assert found.table.column("area").to_pylist() == rows
    assert found.table.column("category_id").to_pylist() == [4] * len(rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["image"].update(height=9),
            r"sa_2\.json: expected the size of sa_2\.jpg, 64 x 80 .*found 9 x 80",
        ),
        (
            lambda d: d["annotations"][1]["segmentation"].update(size=[80, 64]),
            r"sa_2\.json: annotation 202: .*swapped",
        ),
        (lambda d: d.pop("image"), r"sa_2\.json: expected 'image'"),
        (lambda d: d.update(annotations={}), r"sa_2\.json: expected a list of objects under 'annotations'"),
    ],
)
def test_files_that_do_not_fit_their_picture(tmp_path, change, message):
    make_sa1b(tmp_path, 2)
    note(tmp_path, change)
    with pytest.raises(BadInput, match=message):
        annotation_table(scene_of(tmp_path, "sa1b"))


def test_a_broken_mask_is_counted(tmp_path):
    make_sa1b(tmp_path, 2)
    note(
        tmp_path,
        lambda d: d["annotations"][0]["segmentation"].update(counts=rle.encode(np.ones((3, 3), bool))),
    )
    assert annotation_table(scene_of(tmp_path, "sa1b")).excluded == {"bad_rle": 1}


def test_pictures_without_any_json(tmp_path):
    write_pictures(tmp_path, ["a.jpg"])
    with pytest.raises(BadInput, match="expected pictures with a JSON of the same name"):
        scene_of(tmp_path, "sa1b")
