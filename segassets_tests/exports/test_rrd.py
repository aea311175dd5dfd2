"""Recordings for rerun, read back by rerun's own reader; a clear word where its SDK is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from segassets.errors import MissingInput
from segassets.exports.registry import export_scene
from segassets.lifting.depth import Alignment, DepthMap
from segassets.lifting.stored_depth import save_map, save_table
from segassets.masks import rle
from segassets.storage.provenance import Provenance
from segassets_tests.exports.made_language import make_gaussians
from segassets_tests.exports.made_lift import cloud_of, make_lifted_store
from segassets_tests.made_scene import FRAME_COUNT, HEIGHT, SCENE, WIDTH, make_store, track_table


def entities(path: Path) -> dict[str, list[pa.RecordBatch]]:
    """Entity path -> its data."""
    chunks = pytest.importorskip("rerun.chunk").RrdReader(str(path)).stream().to_chunks()
    found: dict[str, list[pa.RecordBatch]] = {}
    for chunk in chunks:
        found.setdefault(chunk.entity_path, []).append(chunk.to_record_batch())
    return found


def values(batches: list[pa.RecordBatch], component: str) -> list[Any]:
    """What all rows hold of a component, e.g. `Points3D:positions`."""
    return [
        row
        for batch in batches
        if component in batch.schema.names
        for row in batch.column(component).to_pylist()
    ]


@pytest.mark.parametrize("space", ["world", "camera"])
def test_a_recording(tmp_path: Path, space: str) -> None:
    pytest.importorskip("rerun")
    store = make_lifted_store(tmp_path, space)
    record = export_scene(store, SCENE, "rrd", tmp_path / "out")["recordings"][SCENE]
    assert record["frames"] == FRAME_COUNT
    assert record["objects"] == (3 if space == "world" else 0)
    assert "depth_maps" in record["without"]
    found = entities(tmp_path / f"out/{SCENE}.rrd")
    wanted = {"/world/camera", "/world/camera/picture", "/world/camera/masks", "/world/points"}
    assert wanted <= set(found)
    assert ("/world/objects" in found) == (space == "world")
    table = track_table()
    clouds = [cloud_of(table, frame, space).xyz for frame in range(FRAME_COUNT)]
    wanted_points = [np.concatenate(clouds)] if space == "world" else clouds
    for shown, given in zip(values(found["/world/points"], "Points3D:positions"), wanted_points, strict=True):
        np.testing.assert_array_equal(shown, given)
    ids = np.array(values(found["/world/camera/masks"], "SegmentationImage:buffer")[0][0], np.uint8)
    expected = np.zeros((HEIGHT, WIDTH), np.uint16)
    for track in (1, 2, 3):
        [row] = [row for row in table.to_pylist() if (row["frame"], row["track_id"]) == (0, track)]
        expected[rle.decode(row["rle_counts"], HEIGHT, WIDTH)] = track
    np.testing.assert_array_equal(ids.view(np.uint16).reshape(HEIGHT, WIDTH), expected)
    if space == "world":
        [sizes] = values(found["/world/objects"], "Ellipsoids3D:half_sizes")
        np.testing.assert_allclose(sizes, np.exp(make_gaussians([1, 2, 3]).log_scale), rtol=1e-6)


def test_depth_is_shown_in_metres(tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    store = make_lifted_store(tmp_path)
    rng = np.random.default_rng(0)
    metres = rng.uniform(1, 4, (HEIGHT, WIDTH)).astype(np.float32)
    valid = rng.random((HEIGHT, WIDTH)) > 0.3
    maps = [
        (
            DepthMap(metres, valid, "metric", "m", "0", "sensor"),
            Alignment("none", 1.0, 0.0, 0, 0, float("nan")),
        ),
        (
            DepthMap((1 / metres - 0.1) / 2, valid, "relative_inverse", "none", "0", "nano-depth"),
            Alignment("range", 2.0, 0.1, 0, 0, float("nan")),
        ),
        (DepthMap(metres, valid, "relative_inverse", "none", "0", "nano-depth"), None),
    ]
    with store.create(Provenance("depth_maps", SCENE, "main", inputs={}, config={}, model={})) as folder:
        names = ({"scene": SCENE, "frame": at, "source_frame": at} for at in range(3))
        save_table(folder, [save_map(folder, row, *one) for row, one in zip(names, maps, strict=True)])
    export_scene(store, SCENE, "rrd", tmp_path / "out")
    shown = values(entities(tmp_path / f"out/{SCENE}.rrd")["/world/camera/depth"], "DepthImage:buffer")
    assert len(shown) == 2  # the third has no scale
    for buffer, tolerance in zip(shown, (0, 2e-2), strict=True):
        found = np.array(buffer[0], np.uint8).view(np.float32).reshape(HEIGHT, WIDTH)
        np.testing.assert_allclose(found, np.where(valid, metres, 0), rtol=tolerance)


def test_without_a_lift(tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    record = export_scene(make_store(tmp_path), SCENE, "rrd", tmp_path / "out", options={"every": 2})
    figures = record["recordings"][SCENE]
    assert (figures["frames"], figures["without"]) == (3, ["depth_lifts", "depth_maps", "gaussians"])
    assert "/world/points" not in entities(tmp_path / f"out/{SCENE}.rrd")


def test_without_the_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(MissingInput, match=r"pip install 'segassets\[rerun\]'"):
        export_scene(make_store(tmp_path), SCENE, "rrd", tmp_path / "out")
    assert not (tmp_path / "out").exists()
