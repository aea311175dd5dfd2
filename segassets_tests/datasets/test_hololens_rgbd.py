"""Posed colour and depth pictures, and sensor depth of any layout read in metres."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segassets.datasets.depth import DepthSource
from segassets.datasets.frames import frames_table
from segassets.errors import BadInput, MissingInput
from segassets.media.pictures import write_png

from . import test_multiscan as multiscan
from .made import HEIGHT, WIDTH, scene_of, write_pictures

NAMES = ["00003.png", "00007.png", "00011.png"]
K = "50 0 15.5\n0 51 11.5\n0 0 1\n"


def pose(index: int) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = (index, 0.5, -1)
    return matrix


def stored(index: int) -> np.ndarray:
    values = np.full((HEIGHT, WIDTH), 1500 + index, np.uint16)
    values[0, 0] = 0
    return values


def make(root: Path, poses: int = 3, k: str = K) -> Path:
    write_pictures(root / "hall" / "images", NAMES)
    for index, name in enumerate(NAMES[:2]):  # the last has no depth
        (root / "hall" / "depth").mkdir(exist_ok=True)
        write_png(root / "hall" / "depth" / name, stored(index))
    (root / "hall" / "K.txt").write_text(k)
    np.savetxt(root / "hall" / "poses.txt", [pose(index).ravel() for index in range(poses)])
    return root


@pytest.mark.parametrize(("inside", "name"), [("", "hall"), ("hall", "made")])
def test_a_scene(tmp_path: Path, inside: str, name: str) -> None:
    scene = scene_of(make(tmp_path) / inside, "hololens_rgbd", frames="1:")
    assert scene.name == name and scene.frames_total == 3 and len(scene.frames) == 2
    frame = scene.frames[0]
    assert frame.uri.endswith("images/00007.png") and frame.source_frame == 1
    assert (frame.fx_px, frame.fy_px, frame.cx_px, frame.cy_px) == (50, 51, 16, 12)
    assert frame.camera_to_world == pose(1).ravel().tolist()
    assert frame.depth_uri and frame.depth_uri.endswith("depth/00007.png") and frame.depth_scale_m == 0.001
    assert scene.frames[1].depth_uri is None
    same = scene_of(tmp_path / inside, "hololens_rgbd", options={"pixel_centre": 0.5})
    assert same.frames[0].cx_px == 15.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"poses": 2}, "poses.txt: expected 16 numbers of a pose for each picture, 3 lines"),
        ({"k": "50 0 1\n0 50 1\n"}, "K.txt: expected a 3 x 3 matrix"),
        ({"k": "50 0 one\n"}, "K.txt: expected a 3 x 3 matrix"),
        ({"k": K.replace("51", "nan")}, "finite"),
    ],
)
def test_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        scene_of(make(tmp_path, **changes), "hololens_rgbd")


def test_no_such_scenes(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a", NAMES)
    with pytest.raises(BadInput, match=r"expected folders with images/ and poses\.txt"):
        scene_of(tmp_path, "hololens_rgbd")


def test_depth_pictures_in_metres(tmp_path: Path) -> None:
    scene = scene_of(make(tmp_path), "hololens_rgbd")
    source = DepthSource(frames_table(scene), scene.root)
    assert source.frames == [0, 1]
    found = dict(source.iterate())
    assert list(found) == [0, 1] and found[1].dtype == np.float32
    assert np.allclose(found[1], stored(1) * 0.001) and list(dict(source.iterate([2, 1]))) == [1]
    (tmp_path / "hall" / "depth" / NAMES[1]).unlink()
    with pytest.raises(MissingInput, match=r"scene made\.hall, frame 1"):
        dict(source.iterate())
    write_pictures(tmp_path / "hall" / "depth", NAMES)
    with pytest.raises(BadInput, match=r"frame 0.*mode RGB"):
        dict(source.iterate())


@pytest.mark.parametrize("encoding", ["float16_zlib", "uint16_zlib"])
def test_depth_of_a_multiscan_recording(tmp_path: Path, encoding: str) -> None:
    unit = "m" if encoding.startswith("float") else "mm"
    multiscan.write_scan(tmp_path, encoding=encoding, unit=unit)
    scene = scene_of(tmp_path, "multiscan", frames="3::10")
    source = DepthSource(frames_table(scene), scene.root)
    found = dict(source.iterate([2, 0]))
    assert list(found) == [0, 2]
    for frame, metres in found.items():
        assert np.allclose(metres, multiscan.depth_m(3 + 10 * frame).astype(np.float32), atol=1e-3)


def test_a_recording_whose_depth_ends_too_early(tmp_path: Path) -> None:
    multiscan.write_scan(tmp_path)
    scene = scene_of(tmp_path, "multiscan", frames="::10")
    table = frames_table(scene)
    uris = [f"{multiscan.SCAN}/{multiscan.SCAN}.depth.zlib#{at}" for at in (0, 10, 99)]
    table = table.set_column(table.schema.get_field_index("depth_uri"), "depth_uri", [uris])
    with pytest.raises(BadInput, match=r"recorded frame 99 .* found 30 frames"):
        dict(DepthSource(table, scene.root).iterate())
