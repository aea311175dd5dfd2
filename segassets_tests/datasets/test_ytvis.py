"""The YTVIS layout: null entries, zero areas, ids from 0, polygons and run lengths; refused files."""

from __future__ import annotations

import numpy as np
import pytest

from segassets.datasets.layouts import make_layout
from segassets.errors import BadInput
from segassets.masks import rle

from .made import (
    HEIGHT,
    SQUARE,
    WIDTH,
    checked_annotations,
    dataset,
    masks_by_frame,
    scene_of,
    write_json,
    write_pictures,
)

OPTIONS = {"annotations": "train.json"}
MASK = np.zeros((HEIGHT, WIDTH), bool)
MASK[5:9, 6:20] = True
RLE = {"size": [HEIGHT, WIDTH], "counts": rle.encode(MASK)}
NAMES = ["0007/00000.jpg", "0007/00001.jpg", "0007/00002.jpg"]


def document(*annotations, first_id=1, **video):
    return {
        "videos": [{"id": 5, "file_names": NAMES, "height": HEIGHT, "width": WIDTH, "length": 3, **video}],
        "annotations": [
            {"id": at, "video_id": 5, "category_id": 0, "iscrowd": 0, **item}
            for at, item in enumerate(annotations, first_id)
        ],
        "categories": [{"id": 0, "name": "forceps"}],
    }


def made(tmp_path, content, **values):
    write_pictures(tmp_path / "JPEGImages", NAMES)
    write_json(tmp_path / "train.json", content)
    return scene_of(tmp_path, "ytvis", options=OPTIONS, **values)


def test_absent_frames_have_no_rows(tmp_path):
    content = document(
        {
            "segmentations": [RLE, None, RLE],
            "areas": [56, None, 56],
            "bboxes": [[6, 5, 14, 4], None, [6, 5, 14, 4]],
        },
        {
            "segmentations": [[SQUARE], RLE, None],
            "areas": [100, 0, 0],
        },  # 0 where absent, as some writers have it
    )
    scene = made(tmp_path, content)
    found = checked_annotations(scene)
    rows = [(row["frame"], row["track_id"], row["category_id"]) for row in found.table.to_pylist()]
    assert rows == [(0, 1, 0), (0, 2, 0), (2, 1, 0)]
    np.testing.assert_array_equal(masks_by_frame(found)[2][0], MASK)
    assert scene.key == "made.0007"
    assert all(frame.annotated for frame in scene.frames)
    assert scene.categories == {0: "forceps"}


@pytest.mark.parametrize(("first", "expected", "offset"), [(0, [1, 2], 1), (1, [1, 2], 0), (40, [40, 41], 0)])
def test_ids_from_0_become_tracks_from_1(tmp_path, first, expected, offset):
    content = document({"segmentations": [RLE] * 3}, {"segmentations": [RLE] * 3}, first_id=first)
    scene = made(tmp_path, content)
    assert sorted(set(checked_annotations(scene).table.column("track_id").to_pylist())) == expected
    assert scene.extras["track_id_offset"] == offset


def test_frame_selection_takes_the_entries_along(tmp_path):
    scene = made(tmp_path, document({"segmentations": [RLE, None, [SQUARE]]}), frames="::-2")
    found = checked_annotations(scene)
    assert found.table.column("source_frame").to_pylist() == [2, 0]
    np.testing.assert_array_equal(masks_by_frame(found)[1][0], MASK)


def test_exclusions(tmp_path):
    content = document(
        {"segmentations": [{"size": [WIDTH, HEIGHT], "counts": RLE["counts"]}, [[1, 2, 3, 4]], RLE]},
        {"segmentations": [RLE], "video_id": 9},
        {"segmentations": None},
    )
    found = checked_annotations(made(tmp_path, content))
    assert found.excluded == {"unknown_video": 1, "bad_rle": 1, "bad_polygon": 1}
    assert any("annotation 1 in frame 0" in note for note in found.notes)
    assert found.table.num_rows == 1


def test_a_video_without_annotations(tmp_path):
    assert checked_annotations(made(tmp_path, document())).table.num_rows == 0


def test_names_of_videos(tmp_path):
    content = document(name="my video")
    content["videos"].append({"id": 6, "file_names": ["x/y/0.jpg"]})
    content["videos"].append({"id": 7, "file_names": ["0.jpg"]})
    write_json(tmp_path / "train.json", content)
    assert make_layout(dataset(tmp_path, "ytvis", options=OPTIONS)).scene_names() == [
        "my-video",
        "x-y",
        "video-7",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (document(file_names=["../x.jpg"]), "video 5: expected a file name inside"),
        (document(file_names=[]), r"made\.video-5: expected pictures under 'file_names'"),
        (document() | {"videos": []}, "expected videos under 'videos'"),
        (document() | {"videos": document()["videos"] * 2}, "video id 5 appears twice"),
        ([{"video_id": 1}], "bare list of 1 items"),
        ({"images": []}, "under 'videos', found keys images"),
    ],
)
def test_files_that_are_not_ytvis_are_refused(tmp_path, content, message):
    with pytest.raises(BadInput, match=message):
        made(tmp_path, content)
