"""The COCO-video layout: ids from 0, video ids of any kind, pictures without annotations; bad files named."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from segassets.datasets.annotations import annotation_table
from segassets.datasets.layouts import make_layout
from segassets.errors import BadInput
from segassets.masks import rle

from .made import checked_annotations, dataset, scene_of, write_json, write_pictures
from .made_json import make_coco_video, rle_of
from .made_shapes import SIZE_HW

OPTIONS = {"annotations": "train.json", "pictures": "images"}


def edited(root, change):
    """Applies `change(document)` to train.json."""
    document = json.loads((root / "train.json").read_text())
    change(document)
    write_json(root / "train.json", document)


@pytest.mark.parametrize("videos", [{"seq_1": 5, "seq 2": 1}, {0: 4, 7: 3}])
def test_videos_are_what_was_drawn(tmp_path, videos):
    truth = make_coco_video(tmp_path, videos)
    layout = make_layout(dataset(tmp_path, "coco_video", options=OPTIONS))
    assert sorted(layout.scene_names()) == sorted(str(name).replace(" ", "-") for name in videos)
    for video, maps in truth.items():
        scene = layout.load(video.replace(" ", "-"))
        assert str(scene.extras["video_id"]) == video
        assert scene.categories == {0: "Tool_0", 1: "Tool_1", 2: "Tool_2"}
        assert [frame.annotated for frame in scene.frames] == [True] * len(maps)
        found = checked_annotations(scene)
        assert found.excluded == {}
        assert len(found.table) == sum(len(np.unique(labels)) - 1 for labels in maps)
        for row in found.table.to_pylist():
            assert row["track_id"] == row["category_id"] + 1
            mask = rle.decode(row["rle_counts"], *SIZE_HW)
            np.testing.assert_array_equal(mask, maps[row["frame"]] == row["category_id"] + 1)


def test_the_same_as_pycocotools_reads(tmp_path):
    make_coco_video(tmp_path)
    reference = COCO(tmp_path / "train.json")
    theirs = sorted(reference.annToRLE(item)["counts"] for item in reference.anns.values())
    layout = make_layout(dataset(tmp_path, "coco_video", options=OPTIONS))
    tables = [checked_annotations(layout.load(name)).table for name in layout.scene_names()]
    ours = sorted(text for table in tables for text in table.column("rle_counts").to_pylist())
    assert ours == [text if isinstance(text, str) else text.decode() for text in theirs]


def test_frames_follow_their_order_not_their_names(tmp_path):
    make_coco_video(tmp_path, {"a": 4})

    def turn(document):
        for image in document["images"]:
            image["order_in_video"] = 13 - image["order_in_video"]

    edited(tmp_path, turn)
    scene = scene_of(tmp_path, "coco_video", options=OPTIONS, frames="1:")
    assert [frame.uri for frame in scene.frames] == [f"images/a_frame{at:03d}.png" for at in (2, 1, 0)]
    assert [frame.source_frame for frame in scene.frames] == [1, 2, 3]
    assert checked_annotations(scene).table.column("frame").to_pylist() == [0, 0, 0, 2, 2, 2]


@pytest.mark.parametrize(
    ("tracks", "change", "expected"),
    [
        ("auto", lambda item: None, [1, 2]),
        ("auto", lambda item: item.update(category_id=0), [0, 0]),
        ("category", lambda item: item.update(category_id=0), [1, 1]),
        ("none", lambda item: None, [0, 0]),
        ("auto", lambda item: item.update(track_id=item["id"]), [1, 2]),
        ("auto", lambda item: item.update(track_id=item["id"] + 5), [5, 6]),
    ],
    ids=["by category", "two of one category", "made one", "none", "track ids from 0", "track ids from 5"],
)
def test_tracks(tmp_path, tracks, change, expected):
    make_coco_video(tmp_path, {"a": 1}, objects=2)
    edited(tmp_path, lambda document: [change(item) for item in document["annotations"]])
    found = checked_annotations(scene_of(tmp_path, "coco_video", options={**OPTIONS, "tracks": tracks}))
    assert found.table.column("track_id").to_pylist() == expected


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros(SIZE_HW, bool),
        np.ones(SIZE_HW, bool),
        np.eye(*SIZE_HW, dtype=bool)[::-1] & np.eye(*SIZE_HW, dtype=bool),
    ],
    ids=["empty", "full frame", "few pixels"],
)
def test_edge_masks(tmp_path, mask):
    make_coco_video(tmp_path, {"a": 1}, objects=1)
    edited(tmp_path, lambda document: document["annotations"][0].update(segmentation=rle_of(mask)))
    found = checked_annotations(scene_of(tmp_path, "coco_video", options=OPTIONS))
    assert found.table.column("area").to_pylist() == ([int(mask.sum())] if mask.any() else [])
    assert found.excluded == ({} if mask.any() else {"empty_mask": 1})


def drop_second(document):
    document["images"] = [image for image in document["images"] if image["order_in_video"] != 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            drop_second,
            r"made\.a: expected frame 1 after frame 0 \(a_frame000\.png\), found 2 \(a_frame002\.png\)",
        ),
        (
            lambda d: d["images"][1].update(order_in_video=0),
            r"a_frame000\.png has order_in_video 0 in video 'a' too",
        ),
        (lambda d: d["images"][1].update(order_in_video="1"), r"image 1 \(a_frame001\.png\).*found 'a', '1'"),
        (lambda d: d["images"][1].pop("video_id"), r"image 1 \(a_frame001\.png\): expected 'video_id'"),
        (
            lambda d: d["annotations"][2].update(category_id=9),
            r"annotation 2: expected a category_id.*0, 1, 2.*found 9",
        ),
        (
            lambda d: d["images"][2].update(height=9),
            r"frame 2 \(images/a_frame002\.png\) is 64 x 80.*for 9 x 80",
        ),
        (
            lambda d: d["images"][2].update(file_name="gone.png"),
            r"1 of 3 pictures are missing, first frame 2 .*gone\.png",
        ),
        (lambda d: d.update(images=[]), "found an empty list"),
    ],
)
def test_bad_files_are_named(tmp_path, change, message):
    make_coco_video(tmp_path, {"a": 3})
    edited(tmp_path, change)
    with pytest.raises(BadInput, match=message):
        scene_of(tmp_path, "coco_video", options=OPTIONS)


def test_a_mask_of_another_size_names_annotation_and_picture(tmp_path):
    make_coco_video(tmp_path, {"a": 3})
    edited(tmp_path, lambda d: d["annotations"][1]["segmentation"].update(size=[80, 64]))
    with pytest.raises(
        BadInput, match=r"train\.json: annotation 1 of images/a_frame000\.png.*\[80, 64\]; are height"
    ):
        annotation_table(scene_of(tmp_path, "coco_video", options=OPTIONS))


def test_gaps_that_are_meant(tmp_path):
    make_coco_video(tmp_path, {"a": 3})
    edited(
        tmp_path,
        lambda d: [image.update(order_in_video=5 * image["order_in_video"]) for image in d["images"]],
    )
    for step in (5, None):
        assert len(scene_of(tmp_path, "coco_video", options={**OPTIONS, "frame_step": step}).frames) == 3


def test_annotations_alone(tmp_path):
    make_coco_video(tmp_path, {"a": 3})
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    scene = scene_of(tmp_path, "coco_video", options={**OPTIONS, "missing_pictures": "keep"})
    assert checked_annotations(scene).table.num_rows == 6


def test_several_files_have_one_list_of_categories(tmp_path):
    make_coco_video(tmp_path, {"a": 2}, "train.json")
    make_coco_video(tmp_path, {"b": 2}, "val.json")
    options = {"annotations": ["train.json", "val.json"], "pictures": "images"}
    assert make_layout(dataset(tmp_path, "coco_video", options=options)).scene_names() == ["a", "b"]
    edited(tmp_path, lambda document: document["categories"][1].update(name="Spoon"))
    with pytest.raises(BadInput, match=r"val\.json: category 1 is 'Tool_1', but 'Spoon' in .*train\.json"):
        scene_of(tmp_path, "coco_video", "b", options=options)
    make_coco_video(tmp_path, {"a": 2}, "val.json")
    with pytest.raises(BadInput, match=r"video 'a' is in train\.json and in val\.json"):
        scene_of(tmp_path, "coco_video", options=options)


def test_what_the_platform_exports_reads_back_with_its_tracks(tmp_path):
    content = {
        "images": [
            {
                "id": at + 1,
                "file_name": f"{at}.png",
                "height": 24,
                "width": 32,
                "video_id": 1,
                "order_in_video": at,
            }
            for at in range(2)
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 2,
                "category_id": 1,
                "track_id": 12,
                "segmentation": rle_of(np.ones((24, 32), bool)),
            }
        ],
        "categories": [{"id": 1, "name": "object"}],
    }
    write_pictures(tmp_path / "images", ["0.png", "1.png"])
    write_json(tmp_path / "train.json", content)
    [row] = checked_annotations(scene_of(tmp_path, "coco_video", options=OPTIONS)).table.to_pylist()
    assert (row["frame"], row["track_id"], row["area"]) == (1, 12, 24 * 32)
