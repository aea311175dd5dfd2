"""Layouts of footage: folders of pictures, DAVIS trees, videos; annotations beside them; bad ones refused."""

from __future__ import annotations

import os

import fsspec
import numpy as np
import pytest
from PIL import Image

from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.layouts import make_layout, to_scene_name
from segassets.datasets.scene import scene_fingerprint
from segassets.errors import BadConfig, BadInput, MissingInput
from segassets.media.pictures import write_png

from .made import (
    HEIGHT,
    WIDTH,
    checked_annotations,
    dataset,
    index_of,
    masks_by_frame,
    scene_of,
    write_pictures,
    write_video,
)

LABELS = np.zeros((HEIGHT, WIDTH), np.uint8)
LABELS[2:12, 4:14] = 1
LABELS[15:20, 20:30] = 7


def indices(scene):
    with FrameSource(frames_table(scene), scene.root) as source:
        return [index_of(rgb) for _, rgb in source.iterate()]


def test_pictures_of_any_names_in_natural_order(tmp_path):
    names = ["0.jpg", "2.png", "10.webp", "a b.bmp", "frame_1.tif", "frame_9.png", "frame_10.png", "ünï.png"]
    write_pictures(tmp_path, names)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "._0.jpg").write_text("x")
    scene = scene_of(tmp_path, "folder")
    assert [frame.uri for frame in scene.frames] == names
    assert indices(scene) == list(range(len(names)))
    assert scene.key == scene.name == "made"  # one piece of footage is known by its dataset
    assert scene.excluded == {"not_a_picture": 2}
    assert scene.annotations is None


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ("", list(range(10))),
        ("::3", [0, 3, 6, 9]),
        ("-2:", [8, 9]),
        ("2:8:2", [2, 4, 6]),
        ("::-4", [9, 5, 1]),
        ("9:", [9]),
    ],
)
def test_frame_selection(tmp_path, frames, expected):
    write_pictures(tmp_path, [f"{at}.png" for at in range(10)])
    scene = scene_of(tmp_path, "folder", frames=frames)
    assert [frame.source_frame for frame in scene.frames] == expected
    assert indices(scene) == expected
    assert scene.frames_total == 10


@pytest.mark.parametrize("frames", ["20:", "5:5", "3:1"])
def test_a_selection_of_nothing_names_scene_and_slice(tmp_path, frames):
    write_pictures(tmp_path / "clip", ["0.png", "1.png"])
    with pytest.raises(BadInput, match=rf"made\.clip.*'{frames}' selects none of its 2 frames"):
        scene_of(tmp_path, "folder", frames=frames)


def test_folders_of_pictures_are_scenes(tmp_path):
    for name in ("clip 10", "clip 2", "empty", ".hidden"):
        write_pictures(tmp_path / name, [] if name == "empty" else ["0.png", "1.png"])
        (tmp_path / name).mkdir(exist_ok=True)
    layout = make_layout(dataset(tmp_path, "folder", overrides={"clip-2": {"frames": "1:"}}))
    assert layout.scene_names() == ["clip-2", "clip-10"]
    assert layout.load("clip-2").key == "made.clip-2"
    assert [len(layout.load(name).frames) for name in layout.scene_names()] == [1, 2]
    with pytest.raises(BadConfig, match=r"no scene 'clip-3'.*Did you mean 'clip-2'"):
        layout.load("clip-3")


@pytest.mark.parametrize(
    ("scenes", "expected"),
    [
        ("all", ["a", "b", "c", "d"]),
        (["c", "a"], ["c", "a"]),
        ({"start": "b", "end": "c"}, ["b", "c"]),
        ({"end": "bb"}, ["a", "b"]),
        ({"start": "c"}, ["c", "d"]),
        ([], []),
    ],
)
def test_chosen_scenes(tmp_path, scenes, expected):
    for name in "abcd":
        write_pictures(tmp_path / name, ["0.png"])
    assert make_layout(dataset(tmp_path, "folder", scenes=scenes)).chosen_names() == expected


@pytest.mark.parametrize("values", [{"scenes": ["a", "x"]}, {"overrides": {"x": {"frames": ":"}}}])
def test_scenes_that_are_not_there_are_named(tmp_path, values):
    write_pictures(tmp_path / "a", ["0.png"])
    with pytest.raises(BadConfig, match="no scene 'x'"):
        make_layout(dataset(tmp_path, "folder", **values)).chosen_names()


def test_names_that_become_the_same_scene_are_refused(tmp_path):
    write_pictures(tmp_path / "a b", ["0.png"])
    write_pictures(tmp_path / "a-b", ["0.png"])
    with pytest.raises(BadInput, match=r"'a b' and 'a-b'.*'a-b'; rename"):
        make_layout(dataset(tmp_path, "folder")).scene_names()


def test_scene_names_are_keys_and_lose_nothing():
    assert to_scene_name("Küche (1)") == "K-che-1"
    assert to_scene_name("客厅") != to_scene_name("厨房")
    long = to_scene_name("x" * 300, 50)
    assert len(long) == 50 and long != to_scene_name("x" * 301, 50)


@pytest.mark.parametrize("layout", ["folder", "video", "multiscan", "multiscan_decoded"])
def test_empty_folders_are_refused(tmp_path, layout):
    with pytest.raises(BadInput, match=r"expected .*found none"):
        scene_of(tmp_path, layout)


def test_an_empty_sequence_is_refused(tmp_path):
    (tmp_path / "JPEGImages" / "480p" / "a").mkdir(parents=True)
    write_pictures(tmp_path / "JPEGImages" / "480p" / "b", ["0.jpg"])
    assert scene_of(tmp_path, "davis", "b").frames_total == 1
    with pytest.raises(BadInput, match=r"made\.a: expected pictures"):
        scene_of(tmp_path, "davis", "a")


def test_a_size_that_changes_names_scene_file_and_frame(tmp_path):
    write_pictures(tmp_path / "clip", ["0.png", "1.png"])
    write_pictures(tmp_path / "clip", ["2.png"], (HEIGHT, WIDTH + 2))
    with pytest.raises(BadInput, match=rf"made\.clip: frame 2 \(clip/2\.png\) is {HEIGHT} x {WIDTH + 2}"):
        scene_of(tmp_path, "folder")
    assert len(scene_of(tmp_path, "folder", frames=":2").frames) == 2


def test_an_unreadable_picture_is_named(tmp_path):
    write_pictures(tmp_path, ["0.png"])
    (tmp_path / "1.png").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"1\.png"):
        scene_of(tmp_path, "folder")


def test_a_picture_truncated_after_its_header_is_named_on_reading(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    for at in range(3):
        Image.fromarray(noise).save(tmp_path / f"{at}.png")
    data = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(data[: len(data) // 2])
    scene = scene_of(tmp_path, "folder")
    with pytest.raises(BadInput, match=r"scene made, frame 1: .*1\.png"):
        indices(scene)


def test_missing_root_is_named(tmp_path):
    with pytest.raises(MissingInput, match=r"dataset 'made'.*gone"):
        scene_of(tmp_path / "gone", "folder")


def test_links_out_of_the_root(tmp_path):
    write_pictures(tmp_path / "elsewhere", ["0.png"])
    (tmp_path / "data").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "data" / "clip")
    with pytest.raises(BadInput, match="symbolic link"):
        scene_of(tmp_path / "data", "folder")
    scene = scene_of(tmp_path / "data", "folder", follow_links=True)
    assert indices(scene) == [0]


def test_remote_folder(tmp_path):
    write_pictures(tmp_path, ["clip/0.png", "clip/1.png"])
    fs = fsspec.filesystem("memory")
    fs.put(str(tmp_path / "clip"), f"/remote-{tmp_path.name}/clip", recursive=True)
    scene = scene_of(f"memory://remote-{tmp_path.name}", "folder")
    assert scene.key == "made.clip"
    assert indices(scene) == [0, 1]
    before = scene_fingerprint(scene)
    fs.pipe_file(f"/remote-{tmp_path.name}/clip/1.png", (tmp_path / "clip" / "0.png").read_bytes() + b" ")
    assert scene_fingerprint(scene) != before


def test_fingerprint_follows_footage_and_selection(tmp_path):
    write_pictures(tmp_path, ["0.png", "1.png", "2.png"])
    prints = {scene_fingerprint(scene_of(tmp_path, "folder", frames=text)) for text in ("", ":2", "::2")}
    assert len(prints) == 3
    assert scene_fingerprint(scene_of(tmp_path, "folder")) in prints
    os.utime(tmp_path / "1.png", (1, 1))
    assert scene_fingerprint(scene_of(tmp_path, "folder")) not in prints
    os.utime(tmp_path / "1.png", (1, 1))


@pytest.mark.parametrize("between", ["480p/", ""], ids=["with resolution", "without"])
def test_davis_tree(tmp_path, between):
    for sequence in ("bear", "crane"):
        write_pictures(tmp_path / f"JPEGImages/{between}{sequence}", ["00000.jpg", "00001.jpg", "00002.jpg"])
    write_png(tmp_path / f"Annotations/{between}bear/00000.png", LABELS, palette=True)
    write_png(tmp_path / f"Annotations/{between}bear/00002.png", LABELS * 0, palette=True)
    scene = scene_of(tmp_path, "davis", "bear")
    assert [frame.annotated for frame in scene.frames] == [
        True,
        False,
        True,
    ]  # the last one says: nothing here
    found = checked_annotations(scene)
    assert found.table.column("track_id").to_pylist() == [1, 7]
    assert found.table.column("category_id").to_pylist() == [-1, -1]
    np.testing.assert_array_equal(masks_by_frame(found)[0], [LABELS == 1, LABELS == 7])
    bare = scene_of(tmp_path, "davis", "crane")
    assert bare.annotations is None
    assert checked_annotations(bare).table.num_rows == 0


def test_gray_labels_of_0_and_255_are_one_object(tmp_path):
    write_pictures(tmp_path, ["JPEGImages/a/0.jpg"])
    write_png(tmp_path / "Annotations/a/0.png", (LABELS > 0).astype(np.uint8) * 255)
    found = checked_annotations(scene_of(tmp_path, "davis"))
    assert found.table.column("track_id").to_pylist() == [1]
    assert found.table.column("area").to_pylist() == [int((LABELS > 0).sum())]


def test_void_in_a_palette_is_left_out_and_counted(tmp_path):
    labels = LABELS.copy()
    labels[0] = 255
    write_pictures(tmp_path, ["JPEGImages/a/0.jpg"])
    write_png(tmp_path / "Annotations/a/0.png", labels, palette=True)
    found = checked_annotations(scene_of(tmp_path, "davis"))
    assert found.table.column("track_id").to_pylist() == [1, 7]
    assert found.excluded == {"void_label": 1}


def test_flat_tree_is_one_scene_and_levels_are_kept(tmp_path):
    write_pictures(tmp_path, ["JPEGImages/frame_0.jpg", "JPEGImages/frame_1.jpg"])
    write_png(tmp_path / "Annotations/frame_1.png", LABELS)
    scene = scene_of(tmp_path, "davis", options={"level": 4})
    assert scene.key == "made"
    found = checked_annotations(scene)
    assert found.table.column("frame").to_pylist() == [1, 1]
    assert found.table.column("level").to_pylist() == [4, 4]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((HEIGHT + 1, WIDTH), np.uint8), f"expected labels of {HEIGHT} x {WIDTH}"),
        (np.zeros((HEIGHT, WIDTH, 4), np.uint8), "mode RGBA"),
    ],
    ids=["another size", "in colour"],
)
def test_label_maps_that_do_not_fit_are_refused(tmp_path, labels, message):
    write_pictures(tmp_path, ["JPEGImages/a/0.jpg"])
    write_png(tmp_path / "Annotations/a/0.png", labels)
    with pytest.raises(BadInput, match=message) as caught:
        checked_annotations(scene_of(tmp_path, "davis"))
    assert "Annotations/a/0.png" in str(caught.value)


def test_folder_with_label_maps_beside_it(tmp_path):
    write_pictures(tmp_path, ["s/rgb/0.jpg", "s/rgb/1.jpg"])
    write_png(tmp_path / "s/labels/1.png", LABELS)
    options = {"pictures": "rgb", "annotations": "labels"}
    found = checked_annotations(scene_of(tmp_path, "folder", options=options))
    assert found.table.column("frame").to_pylist() == [1, 1]
    with pytest.raises(BadInput, match=r"made\.s: expected label maps named like the pictures in 's/none'"):
        scene_of(tmp_path, "folder", options={**options, "annotations": "none"})


def test_video_file(tmp_path):
    write_video(tmp_path / "my clip.mp4", 12)
    scene = scene_of(tmp_path / "my clip.mp4", "video", frames="2::4")
    assert [frame.uri for frame in scene.frames] == ["my clip.mp4#2", "my clip.mp4#6", "my clip.mp4#10"]
    assert [frame.timestamp_s for frame in scene.frames] == pytest.approx([0.2, 0.6, 1.0])
    assert scene.key == "made" and scene.frames_total == 12
    assert indices(scene) == [2, 6, 10]


def test_folder_of_videos(tmp_path):
    write_video(tmp_path / "b.mp4", 4)
    write_video(tmp_path / "a.mp4", 5)
    layout = make_layout(dataset(tmp_path, "video"))
    assert layout.scene_names() == ["a", "b"]
    assert layout.load("b").key == "made.b"
    assert len(layout.load("a").frames) == 5
    assert make_layout(dataset(tmp_path, "video", options={"file": "a.mp4"})).scene_names() == ["made"]


def test_video_with_label_maps(tmp_path):
    write_video(tmp_path / "clip.mp4", 6)
    write_png(tmp_path / "labels/frame_0003.png", LABELS, palette=True)
    values = {"options": {"file": "clip.mp4", "annotations": "labels", "first_label": 1}, "frames": "::2"}
    scene = scene_of(tmp_path, "video", **values)
    assert [frame.annotated for frame in scene.frames] == [False, True, False]
    assert checked_annotations(scene).table.column("source_frame").to_pylist() == [2, 2]


def test_remote_video_is_copied_once(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGASSETS_CACHE", str(tmp_path / "cache"))
    write_video(tmp_path / "clip.mp4", 5)
    fs = fsspec.filesystem("memory")
    fs.put_file(str(tmp_path / "clip.mp4"), f"/video-{tmp_path.name}/clip.mp4")
    scene = scene_of(f"memory://video-{tmp_path.name}/clip.mp4", "video")
    assert indices(scene) == [0, 1, 2, 3, 4]
    assert len(list((tmp_path / "cache").rglob("clip.mp4"))) == 1


@pytest.mark.parametrize("layout", ["folder", "video"])
def test_one_frame_is_a_scene(tmp_path, layout):
    if layout == "video":
        write_video(tmp_path / "one.mp4", 1)
    else:
        write_pictures(tmp_path, ["one.png"])
    assert indices(scene_of(tmp_path, layout)) == [0]
