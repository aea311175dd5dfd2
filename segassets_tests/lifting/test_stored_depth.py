"""Depth maps stored and read: values, what they are, and how they become depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segassets.errors import BadInput, MissingInput
from segassets.lifting.depth import DepthMap, depth_map
from segassets.lifting.resolve import KnownPoints, resolve_depth
from segassets.lifting.stored_depth import load_depth, load_map, load_rows, map_path, save_map, save_table

V, U = np.mgrid[:12, :16]
Z = (1.5 + 0.05 * U + 0.02 * V).astype(np.float32)
Z[2, 3] = 0
RAW = np.divide(3, Z, out=np.full(Z.shape, np.nan, np.float32), where=Z > 0) - 0.4
KNOWN = KnownPoints(*np.nonzero(Z), Z[Z > 0])


def frame_row(frame: int) -> dict[str, Any]:
    return {"scene": "a.b", "frame": frame, "source_frame": 10 * frame}


@pytest.mark.parametrize(
    ("found", "options", "tolerance"),
    [
        (depth_map(Z * 1000, "metric", scale=0.001), {}, 1e-6),
        (depth_map(RAW, "relative_inverse", source="nano-depth"), {"known": KNOWN}, 2e-3),
        (depth_map(40 / np.where(Z > 0, Z, np.inf), "disparity"), {"focal_times_baseline": 40.0}, 1e-5),
        (depth_map(RAW, "relative_inverse", source="nano-depth"), {"arbitrary_scale": True}, None),
    ],
    ids=["metric", "points", "baseline", "arbitrary"],
)
def test_maps_come_back(tmp_path: Path, found: DepthMap, options: Any, tolerance: float | None) -> None:
    depth = resolve_depth(found, "here", **options)
    save_table(tmp_path, [save_map(tmp_path, frame_row(7), found, depth.alignment)])
    row = load_rows(tmp_path)[7]
    assert row["source_frame"] == 70 and row["kind"] == found.kind and row["valid_px"] == Z.size - 1
    again, back = load_map(tmp_path, row), load_depth(tmp_path, row)
    assert np.array_equal(again.valid, found.valid) and again.invalid_rule == found.invalid_rule
    assert back is not None and back.unit == depth.unit == row["depth_unit"]
    assert np.allclose(back.z, Z if tolerance else depth.z, rtol=tolerance or 5e-3)  # float16 in the distance
    assert np.isnan(back.alignment.residual) == ("known" not in options)
    assert (row["points_used"] is None) == ("known" not in options)


def test_a_relative_map_may_be_kept_without_alignment(tmp_path: Path) -> None:
    save_table(tmp_path, [save_map(tmp_path, frame_row(0), depth_map(RAW, "relative_inverse"), None)])
    row = load_rows(tmp_path)[0]
    assert (
        row["depth_unit"] is None
        and load_depth(tmp_path, row) is None
        and load_map(tmp_path, row).valid.any()
    )


def test_damage(tmp_path: Path) -> None:
    save_table(tmp_path, [save_map(tmp_path, frame_row(0), depth_map(Z, "metric"), None)])
    row = load_rows(tmp_path)[0]
    with pytest.raises(BadInput, match="expected a map of 9 x 9"):
        load_map(tmp_path, row | {"height": 9, "width": 9})
    path = map_path(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadInput, match="as npz"):
        load_map(tmp_path, row)
    path.unlink()
    with pytest.raises(MissingInput, match="depth of frame 0"):
        load_map(tmp_path, row)
