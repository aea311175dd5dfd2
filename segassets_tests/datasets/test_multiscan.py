"""MultiScan, raw and decoded: a miniature scan with known cameras and depth, read in our conventions."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest

from segassets.datasets.files import Root
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.layouts import make_layout
from segassets.datasets.multiscan_meta import iter_depth_m, read_meta
from segassets.datasets.scene import scene_fingerprint
from segassets.errors import BadInput
from segassets.media.pictures import write_png

from .made import checked_annotations, dataset, index_of, scene_of, shade, write_json, write_video

FRAMES, COLOR_HW, DEPTH_HW = 30, (24, 32), (6, 8)
FX, FY, CX, CY = 25.0, 26.0, 15.5, 11.5
SCAN = "scene_00000_00"


def world_point(frame: int) -> np.ndarray:
    """A point two metres in front of the camera of a frame, where the optical axis passes."""
    return arkit_pose(frame) @ np.array([0, 0, -2.0, 1])


def arkit_pose(frame: int) -> np.ndarray:
    """Camera to world with ARKit's axes: the camera turns about y and walks along x."""
    angle = 0.05 * frame
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    pose[:3, 3] = [0.1 * frame, 1.5, 0.2]
    return pose


def depth_m(frame: int) -> np.ndarray:
    depth = np.full(DEPTH_HW, 1.5 + 0.01 * frame, np.float16)
    depth[0, 0] = 0
    return depth


def write_scan(root, *, meta_color_hw=COLOR_HW, encoding="float16_zlib", unit="m", bare_deflate=True):
    """A scan as the app writes it; the video is `COLOR_HW`, the metadata may say another size."""
    folder = root / SCAN
    write_video(folder / f"{SCAN}.mp4", FRAMES, COLOR_HW)
    intrinsics = np.array([[FX, 0, CX], [0, FY, CY], [0, 0, 1]])
    rows = [
        {
            "timestamp": 100 + frame / 60,
            "quaternion": [1, 0, 0, 0],
            "intrinsics": intrinsics.T.reshape(-1).tolist(),  # column by column
            "transform": arkit_pose(frame).T.reshape(-1).tolist(),
            "exposure_duration": 0.01,
        }
        for frame in range(FRAMES)
    ]
    (folder / f"{SCAN}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    meta = {
        "depth_unit": unit,
        "streams": [
            {"type": "color_camera", "encoding": "h264", "frequency": 60, "resolution": list(meta_color_hw)},
            {"type": "lidar_sensor", "encoding": encoding, "frequency": 60, "resolution": list(DEPTH_HW)},
            {"type": "confidence_map", "encoding": "uint8_zlib", "resolution": list(DEPTH_HW)},
            {"type": "camera_info", "encoding": "jsonl"},
        ],
    }
    write_json(folder / f"{SCAN}.json", meta)
    values = [depth_m(frame) for frame in range(FRAMES)]
    if encoding == "uint16_zlib":
        values = [np.round(value.astype(float) * 1000).astype(np.uint16) for value in values]
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS if bare_deflate else zlib.MAX_WBITS)
    data = packer.compress(np.stack(values).tobytes()) + packer.flush()
    (folder / f"{SCAN}.depth.zlib").write_bytes(data)
    write_json(folder / f"{SCAN}.align.json", {"coordinate_transform": np.eye(4).reshape(-1).tolist()})
    write_json(
        folder / f"{SCAN}.annotations.json",
        {
            "objects": [{"objectId": 1, "label": "chair.1", "partIds": [2]}],
            "parts": [{"partId": 2, "label": "leg.1", "parentId": 1}],
        },
    )
    return folder


def decode(folder, step=10):
    """What the server writes: every step-th color frame numbered from 0, depth by recorded frame."""
    for number in range(FRAMES // step):
        write_png(folder / f"outputs/color/{number}.png", shade(number * step, COLOR_HW))
    for frame in range(FRAMES):
        millimetres = np.round(depth_m(frame).astype(float) * 1000).astype(np.uint16)
        write_png(folder / f"outputs/depth/{frame}.png", millimetres)
    return folder


def projected(frame, point):
    """(x, y) in pixels and depth in metres of a world point, by the table's own columns and OpenCV's rule."""
    to_camera = np.linalg.inv(np.array(frame.camera_to_world).reshape(4, 4))
    x, y, z = (to_camera @ point)[:3]
    return frame.fx_px * x / z + frame.cx_px, frame.fy_px * y / z + frame.cy_px, z


def test_raw_scan(tmp_path):
    write_scan(tmp_path)
    scene = scene_of(tmp_path, "multiscan", frames="3::10")
    assert scene.key == f"made.{SCAN}"
    assert [frame.source_frame for frame in scene.frames] == [3, 13, 23]
    assert scene.frames[1].timestamp_s == pytest.approx(13 / 60)
    for frame in scene.frames:
        x, y, z = projected(frame, world_point(frame.source_frame))
        assert (x, y, z) == pytest.approx((CX, CY, 2.0))
    up = projected(scene.frames[0], world_point(3) + np.array([0, 0.1, 0, 0]))
    assert up[1] < CY  # what is higher in the world is higher in the picture: y points down
    with FrameSource(frames_table(scene), scene.root) as source:
        assert [index_of(rgb) for _, rgb in source.iterate()] == [3, 13, 23]
    assert checked_annotations(scene).table.num_rows == 0
    assert scene.extras["objects"] == [{"id": 1, "label": "chair.1"}]
    assert scene.extras["parts"] == [{"id": 2, "label": "leg.1", "parent_id": 1}]


def test_intrinsics_follow_the_size_of_the_pictures(tmp_path):
    write_scan(tmp_path, meta_color_hw=(48, 96))  # recorded at twice the height, three times the width
    frame = scene_of(tmp_path, "multiscan").frames[0]
    assert (frame.fx_px, frame.cx_px) == pytest.approx((FX / 3, CX / 3))
    assert (frame.fy_px, frame.cy_px) == pytest.approx((FY / 2, CY / 2))


@pytest.mark.parametrize(
    ("encoding", "unit", "bare"),
    [("float16_zlib", "m", True), ("float16_zlib", "m", False), ("uint16_zlib", "mm", True)],
    ids=["iOS", "with a zlib header", "Android"],
)
def test_depth_in_metres(tmp_path, encoding, unit, bare):
    folder = write_scan(tmp_path, encoding=encoding, unit=unit, bare_deflate=bare)
    scene = scene_of(tmp_path, "multiscan")
    assert scene.frames[7].depth_uri == f"{SCAN}/{SCAN}.depth.zlib#7"
    assert scene.frames[7].depth_scale_m == (1.0 if unit == "m" else 0.001)
    meta = read_meta(Root(tmp_path), SCAN, SCAN, "k")
    maps = list(iter_depth_m(Root(tmp_path), meta.depth))
    assert len(maps) == FRAMES
    for frame, found in enumerate(maps):
        np.testing.assert_allclose(found, depth_m(frame), atol=1e-3)
    path = folder / f"{SCAN}.depth.zlib"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match=r"depth\.zlib"):
        list(iter_depth_m(Root(tmp_path), meta.depth))


def test_decoded_scan(tmp_path):
    decode(write_scan(tmp_path))
    scene = scene_of(tmp_path, "multiscan_decoded")
    assert [frame.uri for frame in scene.frames] == [f"{SCAN}/outputs/color/{at}.png" for at in range(3)]
    assert [frame.depth_uri for frame in scene.frames] == [
        f"{SCAN}/outputs/depth/{at}.png" for at in (0, 10, 20)
    ]
    assert {frame.depth_scale_m for frame in scene.frames} == {0.001}
    for number, frame in enumerate(scene.frames):
        assert frame.source_frame == number
        assert frame.timestamp_s == pytest.approx(10 * number / 60)
        assert projected(frame, world_point(10 * number)) == pytest.approx((CX, CY, 2.0))


def test_decoded_scan_with_other_steps_and_without_cameras(tmp_path):
    folder = decode(write_scan(tmp_path), step=5)
    (folder / f"{SCAN}.jsonl").unlink()
    options = {"color_step": 5, "depth_step": 2}
    scene = scene_of(tmp_path, "multiscan_decoded", options=options)
    assert [frame.depth_uri for frame in scene.frames[:3]] == [
        f"{SCAN}/outputs/depth/0.png",
        None,
        f"{SCAN}/outputs/depth/5.png",
    ]
    assert scene.frames[0].camera_to_world is None


@pytest.mark.parametrize("layout", ["multiscan", "multiscan_decoded"])
def test_the_root_may_be_one_scan(tmp_path, layout):
    folder = decode(write_scan(tmp_path))
    scene = scene_of(folder, layout)
    assert scene.key == "made"
    assert scene.frames[0].camera_to_world is not None
    assert scene.frames[0].depth_uri is not None


def test_frames_without_a_camera_are_counted(tmp_path):
    folder = write_scan(tmp_path)
    lines = (folder / f"{SCAN}.jsonl").read_text().splitlines()
    (folder / f"{SCAN}.jsonl").write_text("\n".join(lines[:25]))
    scene = scene_of(tmp_path, "multiscan")
    assert len(scene.frames) == 25
    assert scene.excluded == {"frame_without_camera": 5}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", r"line 3: expected timestamp"),
        ("{}", r"line 3: expected timestamp"),
        ('{"timestamp": 1, "intrinsics": [1, 2], "transform": [0]}', r"line 3: expected 16 numbers"),
        (
            json.dumps({"timestamp": 1, "intrinsics": [1] * 9, "transform": [float("nan")] * 16}),
            r"line 3: expected finite",
        ),
    ],
)
def test_broken_cameras_name_their_line(tmp_path, line, message):
    folder = write_scan(tmp_path)
    lines = (folder / f"{SCAN}.jsonl").read_text().splitlines()
    lines[2] = line
    (folder / f"{SCAN}.jsonl").write_text("\n".join(lines))
    with pytest.raises(BadInput, match=message):
        scene_of(tmp_path, "multiscan")


def test_unknown_depth_encoding_is_refused(tmp_path):
    write_scan(tmp_path, encoding="float32_zlib")
    with pytest.raises(BadInput, match="float16_zlib or uint16_zlib, found 'float32_zlib'"):
        scene_of(tmp_path, "multiscan")


def test_new_poses_are_seen_as_changed_footage(tmp_path):
    folder = write_scan(tmp_path)
    before = scene_fingerprint(scene_of(tmp_path, "multiscan"))
    path = folder / f"{SCAN}.align.json"
    write_json(path, {"coordinate_transform": (np.eye(4) * 2).reshape(-1).tolist()})
    assert scene_fingerprint(scene_of(tmp_path, "multiscan")) != before


def test_several_scans(tmp_path):
    folder = write_scan(tmp_path)
    (tmp_path / "notes").mkdir()
    other = tmp_path / "scene_00001_00"
    other.mkdir()
    (other / "scene_00001_00.mp4").write_bytes((folder / f"{SCAN}.mp4").read_bytes())
    layout = make_layout(dataset(tmp_path, "multiscan"))
    assert layout.scene_names() == [SCAN, "scene_00001_00"]
    bare = layout.load("scene_00001_00")
    assert bare.frames[0].fx_px is None and bare.frames_total == FRAMES
