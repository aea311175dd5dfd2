"""SA-V: masklets in JSON beside videos, and the val set's folders per object; the published example where it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco

from segassets.datasets.annotations import annotation_table
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.layouts import make_layout
from segassets.errors import BadInput
from segassets.masks import rle
from segassets.media.pictures import write_png
from segassets.media.video import VideoWriter

from ..shared_data import shared_data
from .made import checked_annotations, dataset, scene_of, write_json, write_pictures
from .made_json import make_sav, make_sav_folders
from .made_shapes import SIZE_HW

FOLDERS = {"pictures": "JPEGImages_24fps", "annotations": "Annotations_6fps"}


def assert_drawn(scene, found, maps, every=4):
    """Every row is the mask of its object (label = track id), and no mask is missing."""
    rows = found.table.to_pylist()
    for row in rows:
        labels = maps[row["source_frame"] // every]
        np.testing.assert_array_equal(rle.decode(row["rle_counts"], *labels.shape), labels == row["track_id"])
    chosen = [frame.source_frame for frame in scene.frames if frame.source_frame % every == 0]
    assert len(rows) == sum(len(np.unique(maps[at // every])) - 1 for at in chosen)


@pytest.mark.parametrize("frames", ["", "::4", "3:10", "4:5", "::-1"])
def test_masklets_are_what_was_drawn(tmp_path, frames):
    truth = make_sav(tmp_path)
    layout = make_layout(dataset(tmp_path, "sav", frames=frames))
    assert layout.scene_names() == ["sav_000001", "sav_000002"]
    scene = layout.load("sav_000001")
    assert [frame.annotated for frame in scene.frames] == [
        frame.source_frame % 4 == 0 for frame in scene.frames
    ]
    found = checked_annotations(scene)
    assert found.excluded == {}
    assert_drawn(scene, found, truth["sav_000001"])
    with FrameSource(frames_table(scene), scene.root) as source:
        assert source.read(0).shape == (*SIZE_HW, 3)


@pytest.mark.parametrize(
    ("masklets", "tracks"),
    [(["manual", "auto"], [1, 2, 3, 4, 5]), (["auto"], [1, 2]), (["manual"], [1, 2, 3])],
)
def test_manual_and_automatic_masklets(tmp_path, masklets, tracks):
    make_sav(tmp_path, {"v": 9}, kind="auto", objects=2)
    make_sav(tmp_path, {"v": 9})
    table = checked_annotations(scene_of(tmp_path, "sav", options={"masklets": masklets})).table
    assert sorted(set(table.column("track_id").to_pylist())) == tracks
    assert set(table.column("stability").to_pylist()) == {0.5}


def test_extracted_frames_and_json_elsewhere(tmp_path):
    truth = make_sav(tmp_path, {"v": 9})
    (tmp_path / "v.mp4").unlink()
    (tmp_path / "gt").mkdir()
    (tmp_path / "v_manual.json").rename(tmp_path / "gt/v_manual.json")
    write_pictures(tmp_path / "img" / "v", [f"{at:05d}.jpg" for at in range(9)], SIZE_HW)
    scene = scene_of(tmp_path, "sav", options={"videos": "img", "annotations": "gt"})
    assert_drawn(scene, checked_annotations(scene), truth["v"])


def shorter(document):
    document["masklet"] = [*document["masklet"], *document["masklet"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shorter, r"made\.v: .*v_manual\.json has masks up to frame 20, the video v\.mp4 only frames 0 to 8"),
        (
            lambda d: d.update(video_height=9.0),
            r"made\.v: .*v_manual\.json is for 9 x 80 .*v\.mp4 is 64 x 80",
        ),
        (lambda d: d["masklet"][1].pop(), r"v_manual\.json: expected 3 masks .*found 2 on annotated frame 1"),
        (
            lambda d: d["masklet_id"].pop(),
            r"v_manual\.json: expected a 'masklet_id' for each of 3 masklets, found 2",
        ),
        (lambda d: d.pop("masklet"), r"v_manual\.json: expected 'masklet'"),
        (
            lambda d: d["masklet"][1][0].update(size=[80, 64]),
            r"v_manual\.json: masklet 0 in frame 4: .*swapped",
        ),
    ],
)
def test_json_that_does_not_fit_its_video(tmp_path, change, message):
    make_sav(tmp_path, {"v": 9})
    document = json.loads((tmp_path / "v_manual.json").read_text())
    change(document)
    write_json(tmp_path / "v_manual.json", document)
    with pytest.raises(BadInput, match=message):
        annotation_table(scene_of(tmp_path, "sav"))


def test_videos_without_their_json(tmp_path):
    make_sav(tmp_path, {"v": 9}, kind="auto")
    with pytest.raises(
        BadInput, match=r"expected videos with <video>_manual\.json.*found 1 videos and 1 JSON"
    ):
        scene_of(tmp_path, "sav", options={"masklets": ["manual"]})


def test_the_published_example(tmp_path):
    """Its masklets beside a film of their size, since the film itself is not published with them."""
    source = shared_data("sav_example/sav_000001_auto.json")
    document = json.loads(source.read_text())
    (tmp_path / source.name).symlink_to(source)
    height, width = int(document["video_height"]), int(document["video_width"])
    with VideoWriter(tmp_path / "sav_000001.mp4", fps=24, gop=240, crf=40) as writer:
        for _ in range(int(document["video_frame_count"])):
            writer.write(np.zeros((height, width, 3), np.uint8))
    scene = scene_of(tmp_path, "sav", frames="::4", follow_links=True)
    assert len(scene.frames) == len(document["masklet"]) == 121
    assert all(frame.annotated for frame in scene.frames)
    found = checked_annotations(scene)
    assert found.excluded == {}
    rows = {(row["frame"], row["track_id"] - 1): row for row in found.table.to_pylist()}
    for at in (0, 60, 120):
        for number, mask in enumerate(document["masklet"][at]):
            area = int(coco.area(mask))
            assert ((at, number) in rows) == (area > 0)
            if area:
                assert (rows[at, number]["area"], rows[at, number]["rle_counts"]) == (area, mask["counts"])


def test_a_folder_per_object(tmp_path):
    truth = make_sav_folders(tmp_path)
    layout = make_layout(dataset(tmp_path, "davis", options=FOLDERS))
    for name, maps in truth.items():
        scene = layout.load(name)
        assert [frame.annotated for frame in scene.frames] == [at % 4 == 0 for at in range(len(scene.frames))]
        assert_drawn(scene, checked_annotations(scene), maps)


@pytest.mark.parametrize(
    ("file", "labels", "message"),
    [
        ("00004.png", np.zeros((9, 80), np.uint8), r"001/00004\.png: expected labels of 64 x 80"),
        (
            "00004.png",
            np.arange(64 * 80, dtype=np.uint8).reshape(64, 80) % 3,
            r"expected one object.*values \[1, 2\]",
        ),
        (
            "00012.png",
            np.zeros(SIZE_HW, np.uint8),
            r"001/00012\.png labels frame '00012', whose picture is missing",
        ),
    ],
)
def test_object_maps_that_do_not_fit(tmp_path, file, labels, message):
    make_sav_folders(tmp_path, {"v": 9})
    write_png(tmp_path / "Annotations_6fps/v/001" / file, labels)
    with pytest.raises(BadInput, match=message):
        annotation_table(scene_of(tmp_path, "davis", options=FOLDERS))


def test_objects_numbered_from_one_keep_their_numbers(tmp_path):
    write_pictures(tmp_path, ["JPEGImages/a/0.jpg", "JPEGImages/a/1.jpg"])
    for number, values in (("001", [1, 0]), ("003", [255, 255])):
        for at, value in enumerate(values):
            write_png(tmp_path / f"Annotations/a/{number}/{at}.png", np.full((24, 32), value, np.uint8))
    table = checked_annotations(scene_of(tmp_path, "davis")).table
    assert list(zip(*(table.column(name).to_pylist() for name in ("frame", "track_id")), strict=True)) == [
        (0, 1),
        (0, 3),
        (1, 3),
    ]
