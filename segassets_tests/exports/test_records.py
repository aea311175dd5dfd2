"""Records read back by safetensors and pycocotools alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from safetensors.numpy import load_file, safe_open

from segassets.errors import BadInput, MissingInput
from segassets.exports.records import PictureParts, record_arrays, write_record
from segassets.exports.registry import export_scene
from segassets.masks import rle
from segassets.masks.table import empty_masks
from segassets_tests.exports.made_language import make_gaussians
from segassets_tests.exports.made_lift import (
    CLIP_DIM,
    CODE_DIM,
    POINTS_OF_A_MASK,
    embeddings,
    make_lifted_store,
)
from segassets_tests.made_scene import FRAME_COUNT, HEIGHT, SCENE, WIDTH, make_store, track_table


def part(arrays: dict[str, np.ndarray], name: str, at: int) -> np.ndarray:
    start, end = arrays[f"{name.removesuffix('_rgb')}_offset"][at : at + 2]
    return arrays[name][start:end]


def test_everything_of_a_picture(tmp_path: Path) -> None:
    record = export_scene(make_lifted_store(tmp_path), SCENE, "records", tmp_path / "out")
    index = json.loads((tmp_path / "out/index.json").read_text())
    assert record["records"] == len(index["records"]) == FRAME_COUNT
    assert index["categories"] == {"0": "table", "3": "ball"}
    table = track_table()
    clip, codes = embeddings(table, CLIP_DIM), embeddings(table, CODE_DIM)
    given = make_gaussians(table.column("mask_id").to_pylist())
    order = table.column("mask_id").to_pylist()
    for entry in index["records"]:
        assert entry["without"] == []
        arrays = load_file(tmp_path / "out" / entry["file"])
        rows = [row for row in table.to_pylist() if row["frame"] == entry["frame"]]
        assert arrays["mask_id"].tolist() == [row["mask_id"] for row in rows]
        for at, row in enumerate(rows):
            text = part(arrays, "mask_counts", at).tobytes()
            mask = coco_mask.decode({"size": [HEIGHT, WIDTH], "counts": text})
            np.testing.assert_array_equal(mask, rle.decode(row["rle_counts"], HEIGHT, WIDTH))
            points = part(arrays, "points", at)
            assert len(points) == POINTS_OF_A_MASK and (points[:, 1] == row["mask_id"]).all()
            assert (part(arrays, "points_rgb", at) == row["mask_id"]).all()
            place = order.index(row["mask_id"])
            np.testing.assert_array_equal(arrays["clip_embeddings"][at], clip[place])
            np.testing.assert_array_equal(arrays["embedding"][at], codes[place])
            np.testing.assert_array_equal(arrays["mean"][at], given.xyz[place])
            np.testing.assert_allclose(
                arrays["covariance"][at], given.covariances()[place], rtol=1e-5, atol=1e-9
            )
            np.testing.assert_allclose(arrays["scale"][at], np.exp(given.log_scale[place]), rtol=1e-6)
            assert arrays["opacity"][at] == pytest.approx(1 / (1 + np.exp(-given.opacity_logit[place])))
        assert arrays["gaussian_mask_id"].tolist() == arrays["mask_id"].tolist()
        with safe_open(tmp_path / "out" / entry["file"], "np") as file:
            assert file.metadata()["unit"] == "m" and file.metadata()["height"] == str(HEIGHT)


def test_what_was_not_made_is_named(tmp_path: Path) -> None:
    export_scene(make_store(tmp_path), SCENE, "records", tmp_path / "out")
    index = json.loads((tmp_path / "out/index.json").read_text())
    assert index["records"][0]["without"] == ["points", "mean", "embedding", "clip_embeddings"]
    assert index["records"][0]["masks"] == 3  # annotations


def test_parts_of_other_masks_are_left_out(tmp_path: Path) -> None:
    options = {"asset": "coco_masks"}
    export_scene(make_lifted_store(tmp_path), SCENE, "records", tmp_path / "out", options=options)
    index = json.loads((tmp_path / "out/index.json").read_text())
    assert index["records"][0]["without"] == ["points", "mean", "embedding", "clip_embeddings"]


def test_without_points(tmp_path: Path) -> None:
    store = make_lifted_store(tmp_path)
    export_scene(store, SCENE, "records", tmp_path / "out", options={"points": False})
    entry = json.loads((tmp_path / "out/index.json").read_text())["records"][0]
    assert entry["without"] == ["points"] and entry["gaussians"] == 3


def test_no_masks(tmp_path: Path) -> None:
    arrays = record_arrays(
        PictureParts(empty_masks(), gaussians=make_gaussians([]), clip=np.zeros((0, 4), np.float32))
    )
    write_record(tmp_path / "a.safetensors", arrays, {})
    found = load_file(tmp_path / "a.safetensors")
    assert found["mask_counts_offset"].tolist() == [0] and found["covariance"].shape == (0, 3, 3)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.safetensors: expected finite numbers.*in mean"):
        write_record(tmp_path / "a.safetensors", {"mean": np.array([[np.nan]], np.float32)}, {})
    assert not list(tmp_path.iterdir())
    with pytest.raises(MissingInput, match="coco_masks of scene other"):
        export_scene(make_store(tmp_path), "other", "records", tmp_path / "out")
