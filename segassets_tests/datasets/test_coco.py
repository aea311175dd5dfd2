"""The COCO layout: shards, sizes that differ, category 0, crowds, what is excluded, what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from segassets.datasets.annotations import annotation_table
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.layouts import make_layout
from segassets.datasets.scene import scene_fingerprint
from segassets.errors import BadInput, MissingInput

from .made import (
    HEIGHT,
    SQUARE,
    WIDTH,
    checked_annotations,
    coco,
    dataset,
    masks_by_frame,
    scene_of,
    write_json,
    write_pictures,
)

OPTIONS = {"annotations": "a.json"}


def made(tmp_path, document, **options):
    write_json(tmp_path / "a.json", document)
    return scene_of(tmp_path, "coco", options={**OPTIONS, **options})


@pytest.fixture
def pictures(tmp_path):
    write_pictures(tmp_path, ["0.png", "1.png"])
    return tmp_path


def test_rows_are_what_pycocotools_reads(pictures):
    annotations = [
        {"segmentation": [SQUARE], "category_id": 0},
        {"segmentation": [SQUARE, [20, 3, 28, 3, 24, 20]], "category_id": 3, "image_id": 1},
        {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [5, 40, HEIGHT * WIDTH - 45]}, "iscrowd": 1},
    ]
    scene = made(pictures, coco(annotations))
    found = checked_annotations(scene)
    reference = COCO(pictures / "a.json")
    rows = found.table.to_pylist()
    assert [row["frame"] for row in rows] == [0, 0, 1]
    assert [row["category_id"] for row in rows] == [0, 0, 3]
    assert [row["source"] for row in rows] == ["annotation", "annotation_crowd", "annotation"]
    assert [row["mask_id"] for row in rows] == [1, 2, 3]
    masks = [mask for frame in (0, 1) for mask in masks_by_frame(found)[frame]]
    for mask, row, identity in zip(masks, rows, (0, 2, 1), strict=True):
        truth = reference.annToMask(reference.anns[identity])
        np.testing.assert_array_equal(mask, truth)
        assert row["area"] == truth.sum()
    assert scene.categories == {0: "box", 3: "ball"}
    assert found.excluded == {}


def test_pictures_without_annotations_are_annotated_and_have_no_rows(pictures):
    scene = made(pictures, coco([]))
    assert [frame.annotated for frame in scene.frames] == [True, True]
    assert checked_annotations(scene).table.num_rows == 0


def test_sizes_may_differ(tmp_path):
    write_pictures(tmp_path, ["0.png"])
    write_pictures(tmp_path, ["1.png"], (40, 20))
    document = coco([{"segmentation": [SQUARE]}, {"segmentation": [SQUARE], "image_id": 1}])
    document["images"][1].update(height=40, width=20)
    scene = made(tmp_path, document)
    assert scene.sizes_may_change
    assert checked_annotations(scene).table.column("height").to_pylist() == [HEIGHT, 40]
    source = FrameSource(frames_table(scene), scene.root)
    assert [rgb.shape[:2] for _, rgb in source.iterate()] == [(HEIGHT, WIDTH), (40, 20)]


def test_sizes_not_in_the_file_are_read_from_the_pictures(pictures):
    document = coco([{"segmentation": [SQUARE]}])
    for image in document["images"]:
        del image["height"], image["width"]
    assert made(pictures, document).frames[0].height == HEIGHT


@pytest.mark.parametrize(
    ("size", "names", "lengths"),
    [
        (2, ["shard-0000", "shard-0001", "shard-0002"], [2, 2, 1]),
        (100, ["shard-0000"], [5]),
        (1, ["0", "1", "2", "3", "4"], [1] * 5),
    ],
)
def test_shards(tmp_path, size, names, lengths):
    write_pictures(tmp_path, [f"{at}.png" for at in range(5)])
    document = coco([{"segmentation": [SQUARE], "image_id": 4}], images=5)
    document["images"].reverse()  # shards follow the names, not the order in the file
    write_json(tmp_path / "a.json", document)
    layout = make_layout(dataset(tmp_path, "coco", options={**OPTIONS, "shard_size": size}))
    assert layout.scene_names() == names
    scenes = [layout.load(name) for name in names]
    assert [len(scene.frames) for scene in scenes] == lengths
    assert [frame.uri for scene in scenes for frame in scene.frames] == [f"{at}.png" for at in range(5)]
    assert [checked_annotations(scene).table.num_rows for scene in scenes] == [0] * (len(names) - 1) + [1]


def test_frame_selection_is_within_the_shard(tmp_path):
    write_pictures(tmp_path, [f"{at}.png" for at in range(6)])
    write_json(tmp_path / "a.json", coco([{"segmentation": [SQUARE], "image_id": 5}], images=6))
    config = dataset(tmp_path, "coco", options={**OPTIONS, "shard_size": 3}, frames="::2")
    scene = make_layout(config).load("shard-0001")
    assert [frame.uri for frame in scene.frames] == ["3.png", "5.png"]
    assert checked_annotations(scene).table.column("frame").to_pylist() == [1]
    assert checked_annotations(scene).table.column("source_frame").to_pylist() == [2]


def test_missing_pictures_are_counted_or_kept(tmp_path):
    write_pictures(tmp_path, ["0.png"])
    document = coco([{"segmentation": [SQUARE], "image_id": 1}])
    scene = made(tmp_path, document)
    assert scene.excluded == {"missing_picture": 1}
    assert [frame.uri for frame in scene.frames] == ["0.png"]
    assert checked_annotations(scene).table.num_rows == 0
    assert checked_annotations(made(tmp_path, document, missing_pictures="keep")).table.num_rows == 1
    (tmp_path / "0.png").unlink()
    with pytest.raises(BadInput, match=r"none of its 2 pictures.*0\.png.*missing_pictures: keep"):
        made(tmp_path, document)


def test_exclusions_are_counted_and_named(pictures):
    annotations = [
        {"id": 11, "segmentation": [[1, 2, 3, 4]]},
        {"id": 12, "segmentation": [[1, 2, 3, 4, float("nan"), 6]]},
        {"id": 13, "segmentation": {"size": [WIDTH, HEIGHT], "counts": "1"}},
        {"id": 14, "segmentation": {"size": [HEIGHT, WIDTH], "counts": "1"}},
        {"id": 15, "segmentation": []},
        {"id": 16},
        {"id": 17, "segmentation": [SQUARE], "image_id": 99},
        {"id": 18, "segmentation": [[-9, -9, -5, -9, -5, -5]]},
        {"id": 19, "segmentation": [SQUARE]},
    ]
    scene = made(pictures, coco(annotations))
    found = checked_annotations(scene)
    assert found.table.num_rows == 1
    assert found.table.column("mask_id").to_pylist() == [1]
    assert found.excluded == {
        "bad_polygon": 2, "bad_rle": 2, "no_segmentation": 2, "unknown_picture": 1, "empty_mask": 1,
    }  # fmt: skip
    assert all(any(f"annotation {identity}" in note for note in found.notes) for identity in range(11, 19))
    with pytest.raises(BadInput, match=r"made\.shard-0000: annotation 17: unknown_picture \(8 such"):
        annotation_table(scene, strict=True)


def test_strange_annotations_of_a_whole_set_are_counted_once(tmp_path):
    write_pictures(tmp_path, ["0.png", "1.png"])
    write_json(tmp_path / "a.json", coco([{"segmentation": [SQUARE], "image_id": 99}]))
    layout = make_layout(dataset(tmp_path, "coco", options={**OPTIONS, "shard_size": 1}))
    assert [checked_annotations(layout.load(name)).excluded for name in layout.scene_names()] == [
        {"unknown_picture": 1},
        {},
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([{"segmentation": [SQUARE]}] * 3, r"bare list of 3 items; wrap it"),
        ({"images": [], "categories": []}, r"under 'annotations', found keys images, categories"),
        ({"annotations": [], "categories": []}, r"under 'images'"),
        (coco([], images=0), r"expected pictures under 'images', found an empty list"),
        (7, r"expected a JSON object, found int"),
        (coco([]) | {"images": [{"file_name": "0.png"}]}, r"images\[0\]: expected 'id'"),
        (coco([]) | {"images": [{"id": 1}]}, r"image 1: expected 'file_name'"),
        (coco([]) | {"images": coco([])["images"] * 2}, r"image id 0 appears twice"),
        (coco([]) | {"categories": [{"name": "x"}]}, r"category: expected 'id'"),
        (coco([]) | {"images": [{"id": 0, "file_name": "0.png", "height": 0, "width": 4}]}, r"found 0 x 4"),
        (
            coco([]) | {"images": [{"id": 0, "file_name": "0.png", "height": "9", "width": 4}]},
            r"a size in pixels",
        ),
    ],
)
def test_files_that_are_not_coco_are_refused(pictures, document, message):
    with pytest.raises(BadInput, match=message) as caught:
        made(pictures, document)
    assert "a.json" in str(caught.value)


@pytest.mark.parametrize("name", ["../0.png", "/etc/passwd", "a/../../0.png", "http://x/0.png"])
def test_file_names_that_climb_out_are_refused(pictures, name):
    document = coco([])
    document["images"][1]["file_name"] = name
    with pytest.raises(BadInput, match="image 1: expected a file name inside the dataset's root"):
        made(pictures, document)


def test_broken_json_says_where(pictures):
    text = json.dumps(coco([{"segmentation": [SQUARE]}]))
    (pictures / "a.json").write_text(text[: len(text) // 2])
    with pytest.raises(BadInput, match=r"a\.json: expected JSON.*line 1 column \d+.*complete"):
        scene_of(pictures, "coco", options=OPTIONS)


def test_missing_json(pictures):
    with pytest.raises(MissingInput, match=r"a\.json"):
        scene_of(pictures, "coco", options=OPTIONS)


def test_a_changed_file_is_read_again_and_seen(pictures):
    scene = made(pictures, coco([{"segmentation": [SQUARE]}]))
    before = scene_fingerprint(scene)
    again = made(pictures, coco([{"segmentation": [SQUARE]}] * 2))
    assert checked_annotations(again).table.num_rows == 2
    assert scene_fingerprint(again) != before


def test_lvis_names_its_pictures_by_address(tmp_path):
    write_pictures(tmp_path, ["val2017/7.png"])
    document = coco([{"segmentation": [SQUARE]}], images=1)
    del document["images"][0]["file_name"]
    document["images"][0]["coco_url"] = "http://images.cocodataset.org/val2017/7.png"
    assert made(tmp_path, document).frames[0].uri == "val2017/7.png"
