"""A MultiScan scan lifted, raw and as its server decodes it: the sensor's small maps by the pictures' cameras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segassets.datasets.frames import FrameSource, frames_table
from segassets.lifting.config import DepthConfig, LiftConfig
from segassets.lifting.depth_maps import make_depth_maps
from segassets.lifting.scene import lift_scene
from segassets.lifting.stored_depth import stored_depths
from segassets_tests.datasets.made import scene_of
from segassets_tests.datasets.test_multiscan import COLOR_HW, DEPTH_HW, decode, depth_m, projected, write_scan


@pytest.mark.parametrize("layout", ["multiscan", "multiscan_decoded"])
def test_depth_of_a_scan_is_that_of_its_pictures(tmp_path: Path, layout: str) -> None:
    decode(write_scan(tmp_path / "scans"))
    options = {"frames": "::10"} if layout == "multiscan" else {}
    scene = scene_of(tmp_path / "scans", layout, **options)
    out = tmp_path / "out"
    with FrameSource(frames_table(scene), scene.root) as source:
        report = make_depth_maps(source, scene.root, out, DepthConfig())
        assert report.source == "sensor" and not report.excluded
        found = {(row["height"], row["width"], row["kind"], row["unit"]) for row in report.rows}
        assert found == {(*DEPTH_HW, "metric", "m")}
        config = LiftConfig(stride=1, edge_threshold=0)
        lifted = dict(lift_scene(source, stored_depths(out), None, config))
    assert list(lifted) == [0, 1, 2]
    # every point lies where the picture's own camera sees the middle of its pixel of the depth map
    y, x = (np.mgrid[: DEPTH_HW[0], : DEPTH_HW[1]] + 0.5).reshape(2, -1)[:, 1:]  # the first measured nothing
    for frame, recorded in enumerate([0, 10, 20]):
        seen = [projected(scene.frames[frame], np.append(point, 1)) for point in lifted[frame].cloud.xyz]
        away = np.full(x.shape, float(depth_m(recorded).max()))
        expected = np.stack([x * COLOR_HW[1] / DEPTH_HW[1], y * COLOR_HW[0] / DEPTH_HW[0], away], axis=1)
        np.testing.assert_allclose(seen, expected, atol=1e-2)
