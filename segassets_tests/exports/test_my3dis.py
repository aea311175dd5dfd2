"""The my3dis export read back with zipfile, json and numpy alone, as its downstream tools do."""

from __future__ import annotations

import base64
import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segassets.exports.packed import downscale, pack, scaled_size
from segassets.exports.registry import export_scene
from segassets_tests import made_scene
from segassets_tests.made_scene import HEIGHT, SCENE, WIDTH, make_store, part_of, true_masks


def unpack(packed: dict) -> np.ndarray:
    """A packed mask at its stored size."""
    height, width = packed["shape"]
    bits = np.frombuffer(base64.b64decode(packed["packed_bits_b64"]), np.uint8)
    return np.unpackbits(bits, count=height * width).reshape(height, width).astype(bool)


@pytest.mark.parametrize(
    ("mask", "ratio", "shape"),
    [
        (np.ones((40, 60), bool), 0.3, (12, 18)),  # full frame
        (np.zeros((40, 60), bool), 0.3, (40, 60)),  # empty: vanishes at every scale
        (np.eye(40, 60, dtype=bool), 0.3, (40, 60)),  # thinner than half a box: kept at full size
        (np.ones((1, 1), bool), 0.3, (1, 1)),  # one pixel, one-pixel frame
        (np.ones((7, 5), bool), 1.0, (7, 5)),  # full scale
    ],
)
def test_pack_keeps_what_would_vanish(mask: np.ndarray, ratio: float, shape: tuple[int, int]) -> None:
    packed = pack(mask, ratio)
    assert tuple(packed["shape"]) == shape
    assert tuple(packed["full_resolution_shape"]) == mask.shape
    if shape == mask.shape:
        assert np.array_equal(unpack(packed), mask)


def test_downscale_is_a_box_average_cut_at_one_half() -> None:
    mask = np.random.default_rng(0).random((12, 8)) < 0.5
    mean = mask.reshape(3, 4, 2, 4).mean((1, 3))
    small = downscale(mask, 0.25)
    assert scaled_size(12, 8, 0.25) == (3, 2)
    assert np.array_equal(small, mean >= 0.5)


@pytest.mark.parametrize(("scale", "suffix"), [(0.3, "_scale0.3x"), (1.0, "")])
def test_archives(tmp_path: Path, scale: float, suffix: str) -> None:
    export_scene(make_store(tmp_path), SCENE, "my3dis", tmp_path / "out", options={"mask_scale_ratio": scale})
    folder = tmp_path / "out" / SCENE / "level_2" / "tracking"
    with zipfile.ZipFile(folder / f"video_segments{suffix}.npz") as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["meta"] == {"level": 2, "mask_scale_ratio": scale}
        assert [item["frame_index"] for item in manifest["frames"]] == [10, 12, 14, 16, 18]
        frames = [json.loads(archive.read(item["entry"])) for item in manifest["frames"]]
    assert manifest["frames"][0]["entry"] == "frames/frame_000010.json"
    assert frames[0]["frame_name"] == "0010.png"
    assert [sorted(item["objects"]) for item in frames] == [["1", "3"], ["1", "3"], ["1"], ["1"], ["1"]]
    for frame, item in enumerate(frames):
        packed = item["objects"]["1"]
        assert packed["full_resolution_shape"] == [HEIGHT, WIDTH]
        expected = true_masks(frame)[1]
        if scale < 1:
            size = scaled_size(HEIGHT, WIDTH, scale)[::-1]
            expected = np.asarray(Image.fromarray(expected * 1.0).resize(size, Image.BOX)) >= 0.5
        assert np.array_equal(unpack(packed), expected)
    with zipfile.ZipFile(folder / f"object_segments{suffix}.npz") as archive:
        objects = json.loads(archive.read("manifest.json"))
    assert objects["meta"]["linked_video"] == f"video_segments{suffix}.npz"
    assert objects["objects"]["3"] == [
        {"frame_index": 10, "frame_entry": "frames/frame_000010.json"},
        {"frame_index": 12, "frame_entry": "frames/frame_000012.json"},
    ]


def test_candidates_filtered_relations_and_manifest(tmp_path: Path) -> None:
    export_scene(make_store(tmp_path), SCENE, "my3dis", tmp_path / "out", options={"mask_scale_ratio": 1})
    run = tmp_path / "out" / SCENE
    items = json.loads((run / "level_4/candidates/candidates.json").read_text())["items"]
    assert [(item["frame_idx"], item["parent"]) for item in items] == [(10, 1), (14, 4), (18, 7)]
    assert items[0]["stability_score"] == pytest.approx(0.9)
    x, y, width, height = items[0]["bbox"]
    assert items[0]["bbox_xyxy"] == [x, y, x + width, y + height]
    columns = np.flatnonzero(part_of(true_masks(0)[1]).any(0))
    assert (x, width) == (columns[0], len(columns))

    filtered = json.loads((run / "level_2/filtered/filtered.json").read_text())["frames"]
    assert [item["frame_idx"] for item in filtered] == [10, 14]
    assert [item["count"] for item in filtered] == [2, 2]
    assert np.array_equal(unpack(filtered[0]["items"][0]["mask"]), true_masks(0)[1])

    rows = list(csv.DictReader((run / "relations/relations.csv").open()))
    assert list(rows[0]) == ["id", "parent", "level", "area", "bbox", "frame_idx"]
    tree = json.loads((run / "relations/tree.json").read_text())["frames"]
    assert tree[0]["nodes"][0]["children"] == [2]
    assert sum(len(frame["nodes"]) for frame in tree) == len(rows) == 9

    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["levels"] == [2, 4]
    assert manifest["ssam_indices"] == [0, 2, 4] and manifest["ssam_absolute_indices"] == [10, 14, 18]
    assert manifest["selected_frames"][0] == "0010.png"
    for entry in manifest["tracking_artifacts"].values():
        assert (run / entry["video_segments"]).is_file() and (run / entry["object_segments"]).is_file()


def test_same_masks_give_the_same_bytes(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    name = f"{SCENE}/level_2/tracking/video_segments_scale0.3x.npz"
    for out in ("a", "b"):
        export_scene(store, SCENE, "my3dis", tmp_path / out)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_parent_that_was_filtered_away_is_none(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    export_scene(store, SCENE, "relations", tmp_path / "out", options={"asset": "filtered_masks"})
    rows = list(csv.DictReader((tmp_path / "out" / SCENE / "relations.csv").open()))
    known = {row["id"] for row in rows}
    assert {row["parent"] for row in rows} <= known | {""}
    assert len(rows) == 6 < made_scene.candidate_table().num_rows
