"""Frames as a table and as pictures: once each, one ahead, in any order."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from segassets.datasets import frames as frames_module
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.scene import FrameRecord, Scene, split_uri
from segassets.errors import BadInput
from segassets.masks.schemas import FRAMES
from segassets.masks.table import check_schema

from .made import HEIGHT, WIDTH, index_of, scene_of, write_pictures, write_video


@pytest.fixture(params=["folder", "video"])
def source(request, tmp_path):
    if request.param == "video":
        write_video(tmp_path / "clip.mp4", 12)
    else:
        write_pictures(tmp_path, [f"{at}.png" for at in range(12)])
    scene = scene_of(tmp_path, request.param, frames="1::2")  # source frames 1, 3, 5, 7, 9, 11
    with FrameSource(frames_table(scene), scene.root) as source:
        yield source


def test_table(tmp_path):
    write_pictures(tmp_path, ["0.png", "1.png"])
    scene = scene_of(tmp_path, "folder")
    scene.frames[1].camera_to_world = [float(value) for value in np.eye(4).reshape(-1)]
    table = frames_table(scene)
    check_schema(table, FRAMES, "here")
    assert table.column("frame").to_pylist() == [0, 1]
    assert table.column("camera_to_world").to_pylist()[0] is None
    assert len(table.column("camera_to_world").to_pylist()[1]) == 16


def test_table_without_frames():
    assert frames_table(Scene("k", "d", "n", "/", [])).num_rows == 0


@pytest.mark.parametrize(
    ("indices", "reverse", "expected"),
    [
        (None, False, [0, 1, 2, 3, 4, 5]),
        (None, True, [5, 4, 3, 2, 1, 0]),
        ([4, 1, 1], False, [4, 1, 1]),
        ([2], False, [2]),
        ([], False, []),
    ],
)
def test_iterate(source, indices, reverse, expected):
    found = [(at, (index_of(rgb) - 1) // 2) for at, rgb in source.iterate(indices, reverse)]
    assert found == [(at, at) for at in expected]


def test_sizes(source):
    assert len(source) == 6
    assert (source.height, source.width) == (HEIGHT, WIDTH) == source.size_hw(3)
    assert source.same_size


def test_each_frame_is_decoded_once_and_one_ahead(source, monkeypatch):
    decoded: list[int] = []
    ahead = threading.Event()
    read = source.read

    def counted(frame):
        decoded.append(frame)
        if frame == 1:
            ahead.set()
        return read(frame)

    monkeypatch.setattr(source, "read", counted)
    for frame, _ in source.iterate():
        if frame == 0:
            assert ahead.wait(5)  # while the first frame is in use, the second is decoded, and no other
            assert decoded == [0, 1]
    assert decoded == list(range(6))


def test_leaving_early_leaves_no_thread(source):
    before = threading.active_count()
    for _ in source.iterate():
        break
    assert threading.active_count() <= before


def test_reading_while_iterating(source):
    for frame, rgb in source.iterate():
        other = (frame * 3 + 2) % 6
        assert (index_of(source.read(other)) - 1) // 2 == other
        assert (index_of(rgb) - 1) // 2 == frame


def test_a_size_other_than_listed_names_the_frame(tmp_path):
    write_pictures(tmp_path, ["0.png", "1.png"])
    scene = scene_of(tmp_path, "folder")
    write_pictures(tmp_path, ["1.png"], (HEIGHT, WIDTH + 3))
    with pytest.raises(BadInput, match=rf"scene made, frame 1 \(1\.png\): expected {HEIGHT} x {WIDTH}"):
        list(FrameSource(frames_table(scene), scene.root).iterate())


def test_image_sets_have_no_common_size(tmp_path):
    records = [FrameRecord(0, "a.png", 4, 4), FrameRecord(1, "b.png", 4, 5)]
    source = FrameSource(frames_table(Scene("k", "d", "n", str(tmp_path), records)), str(tmp_path))
    assert not source.same_size
    assert source.size_hw(1) == (4, 5)
    with pytest.raises(BadInput, match=r"scene k: frame 1 \(b\.png\) is 4 x 5"):
        _ = source.height


def test_an_empty_table_has_no_size(tmp_path):
    source = FrameSource(frames_table(Scene("k", "d", "n", "/", [])), str(tmp_path))
    assert len(source) == 0 and list(source.iterate()) == []
    with pytest.raises(BadInput, match="empty"):
        _ = source.width


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("a/b.jpg", ("a/b.jpg", None)),
        ("v.mp4#12", ("v.mp4", 12)),
        ("no#1.png", ("no#1.png", None)),
        ("a#b.mp4#0", ("a#b.mp4", 0)),
    ],
)
def test_uris(uri, expected):
    assert split_uri(uri) == expected
    assert frames_module.split_uri is split_uri
